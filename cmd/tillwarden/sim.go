package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tillwarden/devices/sim"
)

// simFlags say which simulated register is meant.
type simFlags struct{ path string }

// client is a client of tillwarden-sim: --sim is its folder, or its socket.
func (f *simFlags) client() (*sim.Client, error) {
	if f.path == "" {
		return nil, usagef("which simulated register is meant?").
			hint("name the folder that tillwarden-sim was given with --sim, or in TILLWARDEN_SIM")
	}
	if info, err := os.Stat(f.path); err == nil && info.IsDir() {
		return sim.NewClient(sim.PathsIn(f.path).Control), nil
	}
	return sim.NewClient(f.path), nil
}

// simError adds what to do where nobody answers.
func simError(err error) error {
	if errors.Is(err, sim.ErrNotRunning) {
		return failedf("%w", err).hint("start it: tillwarden-sim --dir FOLDER")
	}
	return err
}

func (a *app) simCommand() *cobra.Command {
	f := &simFlags{}
	c := a.group("sim", "drive the simulated hardware of tillwarden-sim",
		`  export TILLWARDEN_SIM=/tmp/hw     # the folder of tillwarden-sim --dir
  tillwarden sim swipe 9900000101
  tillwarden sim pos print sale --port /tmp/pos/printer
  tillwarden sim drawer open-key`,
		a.simSwipeCommand(f), a.simTypeCommand(f), a.simDrawerCommand(f), a.simPrinterCommand(f), a.simStateCommand(f),
		a.simReceiptsCommand(f), a.simPulsesCommand(f), a.simPOSCommand(f))
	c.Long = `Drives the simulated printer, drawer, card reader and keypad of tillwarden-sim. The
daemon knows them as ttys and as nothing else. Use made-up cards and PINs only.`
	c.PersistentFlags().StringVar(&f.path, "sim", a.env("TILLWARDEN_SIM"), "`folder` or socket of tillwarden-sim (or TILLWARDEN_SIM)")
	return c
}

// simDo makes a command that does one thing and says nothing of its own.
func (a *app) simDo(c *cobra.Command, f *simFlags, do func(cmd *cobra.Command, args []string, client *sim.Client) error) *cobra.Command {
	c.RunE = func(cmd *cobra.Command, args []string) error {
		client, err := f.client()
		if err != nil {
			return err
		}
		return simError(do(cmd, args, client))
	}
	return c
}

func (a *app) simSwipeCommand(f *simFlags) *cobra.Command {
	var card sim.Card
	c := &cobra.Command{
		Use:   "swipe [TRACK2]",
		Short: "draw a card through the reader",
		Long: `Draws a card through the reader. Tracks are given without their sentinels; - reads
track 2 from standard input. With --line the reader sends a line in place of a card, as
those do that say when a card was taken out.`,
		Example:           "  tillwarden sim swipe 9900000101\n  tillwarden sim swipe --track1 'B0000^NOBODY/^0' --bad 2",
		Args:              between(0, 1, "TRACK2"),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	var line string
	c.Flags().StringVar(&line, "line", "", "send a line of `text` in place of a card")
	c.Flags().StringVar(&card.Track1, "track1", "", "`text` of track 1")
	c.Flags().StringVar(&card.Track3, "track3", "", "`text` of track 3")
	c.Flags().IntSliceVar(&card.Bad, "bad", nil, "`tracks` that cannot be decoded, as 1,2")
	c.Flags().BoolVar(&card.Bursts, "bursts", false, "send a few bytes at a time, as slow readers do")
	return a.simDo(c, f, func(cmd *cobra.Command, args []string, client *sim.Client) error {
		if line != "" {
			if len(args) > 0 || card.Track1 != "" || card.Track3 != "" {
				return usagef("a line or a card, not both")
			}
			card.Raw = line + "\r"
		}
		if len(args) == 1 {
			card.Track2 = args[0]
			if args[0] == "-" {
				line, err := a.lines.read(a.in)
				if err != nil {
					return usagef("no track on standard input")
				}
				card.Track2 = string(line)
			}
		}
		card.Track2 = strings.TrimSuffix(strings.TrimPrefix(card.Track2, ";"), "?")
		return client.Swipe(cmd.Context(), card)
	})
}

func (a *app) simTypeCommand(f *simFlags) *cobra.Command {
	var noEnter bool
	c := &cobra.Command{
		Use: "type KEYS", Short: "press keys on the keypad, and Enter after them",
		Example:           "  tillwarden sim type 101",
		Args:              exactly("KEYS"),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	c.Flags().BoolVar(&noEnter, "no-enter", false, "leave Enter out")
	return a.simDo(c, f, func(cmd *cobra.Command, args []string, client *sim.Client) error {
		return client.Type(cmd.Context(), args[0], !noEnter)
	})
}

func (a *app) simDrawerCommand(f *simFlags) *cobra.Command {
	drawer := 1
	verb := func(name, short string, do func(cmd *cobra.Command, client *sim.Client) error) *cobra.Command {
		return a.simDo(&cobra.Command{
			Use: name, Short: short, Example: "  tillwarden sim drawer " + name, Args: exactly(),
		}, f, func(cmd *cobra.Command, _ []string, client *sim.Client) error { return do(cmd, client) })
	}
	c := a.group("drawer", "the drawer: its key, its lock, pushing it shut",
		"  tillwarden sim drawer open-key\n  tillwarden sim drawer close",
		verb("open-key", "open it with its key", func(cmd *cobra.Command, client *sim.Client) error {
			return client.OpenDrawer(cmd.Context(), drawer)
		}),
		verb("close", "push it shut", func(cmd *cobra.Command, client *sim.Client) error {
			return client.CloseDrawer(cmd.Context(), drawer)
		}),
		verb("lock", "turn its lock, so that no pulse opens it", func(cmd *cobra.Command, client *sim.Client) error {
			return client.LockDrawer(cmd.Context(), drawer, true)
		}),
		verb("unlock", "turn its lock back", func(cmd *cobra.Command, client *sim.Client) error {
			return client.LockDrawer(cmd.Context(), drawer, false)
		}),
		verb("state", "say whether it is open", func(cmd *cobra.Command, client *sim.Client) error {
			s, err := client.State(cmd.Context())
			if err != nil {
				return err
			}
			drawers := s.Drawers
			if s.SerialDrawer != nil {
				drawers = append(drawers, s.SerialDrawer.Drawer)
			}
			if a.json {
				return a.printJSON(drawers)
			}
			for _, d := range drawers {
				state := "closed"
				if d.Open {
					state = "open"
				}
				if d.Locked {
					state += ", locked"
				}
				a.say("drawer %d: %s", d.Drawer, state)
			}
			return nil
		}))
	c.PersistentFlags().IntVar(&drawer, "drawer", drawer, "which: 1 on pin 2, 2 on pin 5, 3 with a line of its own")
	return c
}

func (a *app) simPrinterCommand(f *simFlags) *cobra.Command {
	var actions []string
	for _, act := range sim.Actions() {
		actions = append(actions, string(act))
	}
	return a.simDo(&cobra.Command{
		Use: "printer ACTION", Short: "do something to the printer by hand",
		Long:      "The actions: " + join(actions) + ".",
		Example:   "  tillwarden sim printer power-off\n  tillwarden sim printer power-on",
		Args:      exactly("ACTION"),
		ValidArgs: actions,
	}, f, func(cmd *cobra.Command, args []string, client *sim.Client) error {
		for _, known := range actions {
			if known == args[0] {
				return client.Printer(cmd.Context(), sim.Action(args[0]))
			}
		}
		return usagef("nothing called %q can be done to the printer", args[0]).hint("there are: %s", join(actions))
	})
}

func (a *app) simStateCommand(f *simFlags) *cobra.Command {
	return a.simDo(&cobra.Command{
		Use: "state", Short: "how printer and drawers are", Example: "  tillwarden sim state", Args: exactly(),
	}, f, func(cmd *cobra.Command, _ []string, client *sim.Client) error {
		s, err := client.State(cmd.Context())
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(s)
		}
		rows := [][]string{
			{"power", onOff(s.On)},
			{"online", yesNo(s.Online)},
			{"cover", map[bool]string{false: "shut", true: "open"}[s.Cover]},
			{"paper", paper(&s)},
			{"pulses", fmt.Sprint(s.Pulses)},
			{"lines", fmt.Sprint(s.Lines)},
			{"received", fmt.Sprintf("%d bytes, %d waiting", s.Received, s.Waiting)},
		}
		for _, d := range s.Drawers {
			rows = append(rows, []string{fmt.Sprintf("drawer %d", d.Drawer), map[bool]string{false: "closed", true: "open"}[d.Open]})
		}
		return table(a.out, rows)
	})
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func paper(s *sim.State) string {
	switch {
	case s.PaperOut:
		return "out"
	case s.PaperLow:
		return "low"
	}
	return "there"
}

func (a *app) simReceiptsCommand(f *simFlags) *cobra.Command {
	var from int64
	c := &cobra.Command{
		Use: "receipts", Short: "what is on paper", Example: "  tillwarden sim receipts", Args: exactly(),
	}
	c.Flags().Int64Var(&from, "from", 0, "begin with this `line`")
	return a.simDo(c, f, func(cmd *cobra.Command, _ []string, client *sim.Client) error {
		lines, next, err := client.Receipts(cmd.Context(), from)
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(struct {
				Lines []string `json:"lines"`
				Next  int64    `json:"next"`
			}{append([]string{}, lines...), next})
		}
		for _, line := range lines {
			a.say("%s", line)
		}
		return nil
	})
}

func (a *app) simPulsesCommand(f *simFlags) *cobra.Command {
	var from int64
	c := &cobra.Command{
		Use: "pulses", Short: "each time that the printer drove a drawer", Example: "  tillwarden sim pulses", Args: exactly(),
	}
	c.Flags().Int64Var(&from, "from", 0, "begin with this `number`")
	return a.simDo(c, f, func(cmd *cobra.Command, _ []string, client *sim.Client) error {
		pulses, next, err := client.Pulses(cmd.Context(), from)
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(struct {
				Pulses []sim.Pulse `json:"pulses"`
				Next   int64       `json:"next"`
			}{append([]sim.Pulse{}, pulses...), next})
		}
		rows := [][]string{{"NUMBER", "TIME", "DRAWER", "COMMAND", "BYTES", "OPENED"}}
		for _, p := range pulses {
			rows = append(rows, []string{
				fmt.Sprint(p.Number), p.At.Local().Format("15:04:05.000"), fmt.Sprint(p.Drawer), p.Command, p.Bytes.String(), yesNo(p.Opened),
			})
		}
		return table(a.out, rows)
	})
}

func (a *app) simPOSCommand(f *simFlags) *cobra.Command {
	port := a.env("TILLWARDEN_POS_PORT")
	c := a.group("pos", "print as a POS application would",
		"  tillwarden sim pos print sale --port /tmp/pos/printer\n  tillwarden sim pos raw 1b700019fa --port /tmp/pos/printer",
		a.simPrintCommand(f, &port), a.simRawCommand(f, &port))
	c.PersistentFlags().StringVar(&port, "port", port, "what the POS takes for its printer: the daemon's `tty` (or TILLWARDEN_POS_PORT)")
	return c
}

func needsPort(port string) error {
	if port == "" {
		return usagef("--port is missing").hint("it is the link of the [[printer]] in tillwardend's configuration")
	}
	return nil
}

func (a *app) simPrintCommand(f *simFlags, port *string) *cobra.Command {
	var slip sim.Slip
	c := &cobra.Command{
		Use: "print KIND", Short: "print a slip: " + join(sim.SlipKinds()),
		Example:   "  tillwarden sim pos print sale --port /tmp/pos/printer",
		Args:      exactly("KIND"),
		ValidArgs: sim.SlipKinds(),
	}
	c.Flags().StringVar((*string)(&slip.Kick), "kick", "", "`where` the drawer is kicked: before, after, alone, none (otherwise as the kind has it)")
	c.Flags().StringVar(&slip.Pulse, "with", "", "by which `command`: esc or dle")
	c.Flags().IntVar(&slip.Drawer, "drawer", 1, "which drawer")
	return a.simDo(c, f, func(cmd *cobra.Command, args []string, client *sim.Client) error {
		if err := needsPort(*port); err != nil {
			return err
		}
		slip.Kind = args[0]
		return client.POSPrint(cmd.Context(), *port, slip)
	})
}

func (a *app) simRawCommand(f *simFlags, port *string) *cobra.Command {
	var wait time.Duration
	c := &cobra.Command{
		Use: "raw HEX|-", Short: "write bytes, and show what is answered",
		Example:           "  tillwarden sim pos raw '1b 70 00 19 fa' --port /tmp/pos/printer\n  tillwarden sim pos raw 100401 --wait 1s --port /tmp/pos/printer",
		Args:              exactly("HEX"),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	c.Flags().DurationVar(&wait, "wait", 0, "how `long` to wait for an answer")
	return a.simDo(c, f, func(cmd *cobra.Command, args []string, client *sim.Client) error {
		if err := needsPort(*port); err != nil {
			return err
		}
		var data []byte
		var err error
		if args[0] == "-" {
			data, err = io.ReadAll(io.LimitReader(a.in, 1<<20))
		} else {
			data, err = hex.DecodeString(strings.ReplaceAll(args[0], " ", ""))
		}
		if err != nil {
			return usagef("%q are no bytes in hexadecimal", args[0]).hint("as 1b700019fa, or - for standard input")
		}
		answer, err := client.POSWrite(cmd.Context(), *port, data, wait)
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(struct {
				Answer sim.HexBytes `json:"answer"`
			}{answer})
		}
		if len(answer) > 0 {
			a.say("% x", answer)
		}
		return nil
	})
}
