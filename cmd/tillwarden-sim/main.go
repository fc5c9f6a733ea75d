// Command tillwarden-sim is a register's hardware without the hardware: a
// receipt printer with two cash drawers, perhaps a drawer with a line of its own, a
// card reader and a keypad. They appear as ttys in a folder; `tillwarden sim`
// drives them while tillwarden-sim runs.
//
// It is for trying, showing and testing. It knows nothing of the daemon, which
// knows nothing of it.
package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/cobra"

	"tillwarden/devices/sim"
)

// version is set by the linker.
var version = "unknown"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := command(os.Stdout).ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "tillwarden-sim:", err)
		os.Exit(1)
	}
}

// config is the file that --config names.
type config struct {
	Model          string `toml:"model"`
	OpenIsHigh     bool   `toml:"open_is_high"`
	BytesPerSecond int    `toml:"bytes_per_second"`
	Buffer         int    `toml:"buffer"`
	IgnoreBusy     bool   `toml:"ignore_busy"`
	Reader         string `toml:"reader"`
	Listen         string `toml:"listen"`
	Drawer         string `toml:"drawer"`
	DrawerCode     string `toml:"drawer_code"`
	DrawerLine     string `toml:"drawer_line"`
}

func command(out io.Writer) *cobra.Command {
	var dir, file, listen string
	c := &cobra.Command{
		Use:   "tillwarden-sim",
		Short: "a register's printer, drawers, card reader and keypad, simulated",
		Long: `tillwarden-sim makes ttys that act like a receipt printer with two cash drawers,
a card reader and a keypad, and a socket over which "tillwarden sim" swipes
cards, types, opens drawers with their key and switches the printer off. With
--listen the printer is in the network instead, and takes one connection at a time.

It runs until it is interrupted and then removes what it made.

The configuration file, all of which may be left out:
  model            = "epson"   # printer: epson, strict, clone, kanji, blind, plain
  open_is_high     = false     # drawer switch: pin 3 is high when a drawer is open
  bytes_per_second = 0         # how fast the printer works; 0: at once
  buffer           = 4096      # receive buffer, bytes
  ignore_busy      = false     # a full buffer loses bytes instead of stopping the line
  reader           = "magtek"  # card reader: magtek, idtech
  listen           = ""        # "127.0.0.1:9100": a network printer, in place of a tty
  drawer           = ""        # a drawer on a line of its own: code (opens on its code),
                               # trigger (opens on any byte, and when its port is opened)
  drawer_code      = "07"      # what opens it, in hexadecimal
  drawer_line      = ""        # "/dev/ttyS1": its end of a null modem cable, in place of a tty`,
		Example: "  tillwarden-sim --dir /run/tillwarden-sim\n" +
			"  tillwarden-sim --dir /run/tillwarden-sim --listen 127.0.0.1:0",
		Args:          cobra.NoArgs,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(c *cobra.Command, _ []string) error {
			return run(c.Context(), dir, file, listen, out)
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "folder in which the ttys and the control socket appear")
	c.Flags().StringVar(&file, "config", "", "configuration file (TOML)")
	c.Flags().StringVar(&listen, "listen", "", "address and port of a network printer, in place of a tty (127.0.0.1:0: any free port)")
	_ = c.MarkFlagRequired("dir")
	return c
}

func run(ctx context.Context, dir, file, listen string, out io.Writer) (err error) {
	options, err := load(file)
	if err != nil {
		return err
	}
	if listen != "" {
		options.Listen = listen
	}
	if options.Dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	station, err := sim.NewStation(options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, station.Close()) }()
	paths := station.Paths()
	_, err = fmt.Fprintf(out, "printer %s\nreader  %s\nkeypad  %s\n", paths.Printer, paths.Reader, paths.Keypad)
	if err == nil && options.Drawer != nil && options.Drawer.Line == "" {
		_, err = fmt.Fprintf(out, "drawer  %s\n", paths.Drawer)
	}
	if err == nil {
		_, err = fmt.Fprintf(out, "control %s\n", paths.Control)
	}
	if err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// drawer is the drawer with a line of its own; nil: there is none.
func (c *config) drawer() (*sim.SerialDrawerOptions, error) {
	o := &sim.SerialDrawerOptions{Line: c.DrawerLine, OpenIsHigh: c.OpenIsHigh}
	switch c.Drawer {
	case "":
		return nil, nil //nolint:nilnil // there is none
	case "trigger":
		o.OnOpen = true
		return o, nil
	case "code":
	default:
		return nil, fmt.Errorf("drawer is code or trigger, not %q", c.Drawer)
	}
	code := c.DrawerCode
	if code == "" {
		code = "07"
	}
	var err error
	if o.Code, err = hex.DecodeString(strings.ReplaceAll(code, " ", "")); err != nil || len(o.Code) == 0 {
		return nil, fmt.Errorf("drawer_code is not in hexadecimal: %q", c.DrawerCode)
	}
	return o, nil
}

// load reads the configuration; no file is all defaults.
func load(file string) (sim.StationOptions, error) {
	c := config{Model: sim.Models()[0].Name}
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return sim.StationOptions{}, fmt.Errorf("reading the configuration: %w", err)
		}
		defer f.Close()
		if err := toml.NewDecoder(f).DisallowUnknownFields().Decode(&c); err != nil {
			var unknown *toml.StrictMissingError
			if errors.As(err, &unknown) {
				return sim.StationOptions{}, fmt.Errorf("reading %s: unknown keys:\n%s", file, unknown.String())
			}
			return sim.StationOptions{}, fmt.Errorf("reading %s: %w", file, err)
		}
	}
	model, err := sim.ModelNamed(c.Model)
	if err != nil {
		return sim.StationOptions{}, err
	}
	if c.BytesPerSecond < 0 || c.Buffer < 0 {
		return sim.StationOptions{}, fmt.Errorf("reading %s: bytes_per_second and buffer are not below 0", file)
	}
	drawer, err := c.drawer()
	if err != nil {
		return sim.StationOptions{}, fmt.Errorf("reading %s: %w", file, err)
	}
	return sim.StationOptions{
		Drawer: drawer,
		Printer: sim.PrinterOptions{
			Model: model, OpenIsHigh: c.OpenIsHigh, BytesPerSecond: c.BytesPerSecond, Buffer: c.Buffer,
		},
		IgnoreBusy: c.IgnoreBusy,
		Reader:     sim.ReaderFormat(c.Reader),
		Listen:     c.Listen,
	}, nil
}
