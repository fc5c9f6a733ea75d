// Command tillwardend is the register's daemon: it owns the printer, the
// drawer, the card reader and the keypad, decides what opens a drawer, and
// journals each decision before it takes effect.
//
// It has three flags and no others; everything else is in tillwarden.toml.
// SIGHUP reads that again, SIGTERM and SIGINT stop in good order.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"tillwarden/daemon"
)

// version is set by the build: -ldflags "-X main.version=...".
var version = "devel"

// Exit codes, as sysexits(3) has them where it has one.
const (
	exitOK     = 0
	exitFailed = 1  // it could not start, or could not stop in order
	exitUsage  = 64 // the command line
	exitConfig = 78 // the configuration
)

const defaultConfig = "/etc/tillwarden/tillwarden.toml"

// memoryLimit is soft: beyond it the collector works harder. An idle register
// needs a small part of it; PIN checks and large policies need it for moments.
const memoryLimit = 96 << 20

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("tillwardend", flag.ContinueOnError)
	flags.SetOutput(stderr)
	config := flags.String("config", defaultConfig, "the configuration `file`")
	check := flags.Bool("check-config", false, "say what is wrong with the configuration, and exit")
	show := flags.Bool("version", false, "print the version, and exit")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitOK
		}
		return exitUsage
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "tillwardend takes no arguments: %q\n", flags.Args())
		return exitUsage
	}
	if *show {
		fmt.Fprintln(stdout, "tillwardend", buildVersion())
		return exitOK
	}
	c, err := daemon.LoadConfig(*config)
	if err != nil {
		daemon.Complain(stderr, err)
		return exitConfig
	}
	if *check {
		if err := daemon.CheckFiles(c); err != nil {
			fmt.Fprintln(stderr, err)
			return exitConfig
		}
		for _, w := range c.Warnings() {
			fmt.Fprintln(stderr, *config+": "+w)
		}
		fmt.Fprintln(stdout, *config+": good")
		return exitOK
	}
	if err := serve(*config, c, stderr); err != nil {
		daemon.Complain(stderr, fmt.Errorf("tillwardend: %w", err))
		return exitFailed
	}
	return exitOK
}

// serve runs the daemon until a signal stops it.
func serve(file string, c *daemon.Config, stderr io.Writer) error {
	if err := daemon.Harden(); err != nil {
		return err
	}
	debug.SetMemoryLimit(memoryLimit)
	if os.Getenv("GOMAXPROCS") == "" {
		// The journal's flushes block a thread, which keeps its processor from
		// everybody else until the runtime notices. With one to spare, what is
		// asked meanwhile is answered (see BenchmarkAsk64).
		runtime.GOMAXPROCS(runtime.NumCPU() + 1)
	}
	level := &slog.LevelVar{}
	if err := level.UnmarshalText([]byte(c.Log)); err != nil {
		return err
	}
	log := daemon.NewLog(stderr, level)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)
	d, err := daemon.New(ctx, daemon.Options{
		ConfigFile: file, Config: c, Version: buildVersion(), Log: log, Level: level,
		Credentials: os.Getenv("CREDENTIALS_DIRECTORY"),
	})
	if err != nil {
		return err
	}
	go func() {
		for {
			select {
			case <-reload:
				if err := d.Reload(ctx); err != nil {
					log.Error("reload", "err", err)
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return d.Run(ctx)
}

// buildVersion is the version that was set, else the revision that was built.
func buildVersion() string {
	if version != "devel" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return version + "-" + s.Value[:12]
		}
	}
	return version
}
