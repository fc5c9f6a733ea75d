package main

import (
	"bufio"
	"encoding/json"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"tillwarden/devices/escpos"
	"tillwarden/devices/printer"
	"tillwarden/devices/record"
)

func (a *app) printerFilterCommand() *cobra.Command {
	var flags dialectFlags
	var grant string
	var force bool
	c := &cobra.Command{
		Use:   "filter [--dialect D] [--grant G] < IN > OUT",
		Short: "a stream as it would leave for the printer",
		Long: `Reads what a POS sends from standard input and writes what would reach the printer
to standard output. Kicks are taken out. With --grant the daemon's own pulse
stands where a drawer would be opened: for none, for kicks that a receipt
proves to be a sale (by the default rules), or for all.

With --json each command, run of text and piece of a picture is a line on
standard error: offset, length, the manual's name of it, its verdict (forwarded,
kick, mended, refused) and why. Without, a summary. Any size, in constant memory.`,
		Example: `  tillwarden printer filter --dialect star-line < job.bin > out.bin
  tillwarden printer filter --grant sale --json < job.bin 2> log > out.bin`,
		Args: exactly(),
		RunE: func(*cobra.Command, []string) error {
			if grant != "none" && grant != "sale" && grant != "all" {
				return usagef("--grant is %q", grant).hint("it is none, sale or all")
			}
			if f, ok := a.out.(*os.File); ok && term.IsTerminal(int(f.Fd())) && !force {
				return usagef("a printer's bytes can do strange things to a terminal").hint("write them to a file: > out.bin, or say --force")
			}
			return a.filterStream(&flags, grant)
		},
	}
	flags.add(c)
	c.Flags().StringVar(&grant, "grant", "none", "which `kicks` open: none, sale or all")
	c.Flags().BoolVar(&force, "force", false, "write to a terminal all the same")
	_ = c.RegisterFlagCompletionFunc("grant", cobra.FixedCompletions([]cobra.Completion{"none", "sale", "all"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// filtering is one run of the filter command.
type filtering struct {
	app      *app
	grant    string
	dialect  *escpos.Dialect
	filter   *escpos.Filter
	purposes *printer.Purposes
	out      *bufio.Writer
	lines    *json.Encoder
	told     *bufio.Writer
	tally    tally
	now      time.Duration
	owed     []int // connectors whose pulse waits for ground state
	err      error
}

func (a *app) filterStream(flags *dialectFlags, grant string) error {
	r := &filtering{app: a, grant: grant, out: bufio.NewWriter(a.out)}
	if a.json {
		r.told = bufio.NewWriter(a.err)
		r.lines = json.NewEncoder(r.told)
		r.lines.SetEscapeHTML(false)
	}
	job := 0
	err := stream(a.in, func(recorded string) (err error) {
		if r.dialect, err = flags.choose(recorded); err != nil {
			return err
		}
		r.filter = escpos.NewFilter(r.dialect)
		r.purposes, err = printer.NewPurposes(printer.Rules{}, nil)
		return err
	}, func(p record.Piece) error {
		r.now = max(r.now, p.Time())
		if p.Breaks(job) {
			r.filter.Idle(r.segment) // as the daemon does soon after a job's end
		}
		if len(p.Bytes) > 0 {
			job = p.Job
		}
		r.filter.Feed(p.Bytes, r.segment)
		r.settle()
		return r.err
	})
	if err != nil {
		return streamError(err)
	}
	r.filter.Idle(r.segment)
	r.now += 2 * time.Second // a kick that waits for its receipt has none now
	r.settle()
	if r.err == nil {
		r.err = r.out.Flush()
	}
	if r.told != nil && r.err == nil {
		r.err = r.told.Flush()
	}
	if r.err != nil {
		return failedf("write the stream: %w", r.err)
	}
	if !a.json {
		a.note("%s: %s", r.dialect.Name(), &r.tally)
	}
	return nil
}

// streamError gives an error of reading its exit code.
func streamError(err error) error {
	if _, ok := err.(*failure); ok {
		return err
	}
	return failedf("%w", err).hint("give the bare bytes of a print job, or a file of: tillwarden printer record")
}

func (r *filtering) segment(s *escpos.Segment) {
	r.tally.add(s)
	line := lineOf(s)
	switch {
	case s.Kind == escpos.Kick && r.grant == "all":
		line.Opens = true
		r.owed = append(r.owed, s.Drawer)
	case s.Kind == escpos.Kick && r.grant == "sale":
		r.purposes.Kick(printer.Kick{Drawer: connectorName(s.Drawer)}, r.now)
	case s.Forwarded():
		r.write(s.Bytes)
		r.purposes.Print(s, r.now)
	}
	if r.lines != nil && r.err == nil {
		r.err = r.lines.Encode(line)
	}
}

func connectorName(n int) string { return string(rune('0' + n)) }

// settle writes the pulses that are due, where the daemon would: between two
// commands.
func (r *filtering) settle() {
	if r.grant == "sale" {
		for _, result := range r.purposes.Take(r.now) {
			if k := result.Kick; result.Outcome == printer.Decide && k.Function == saleFunction {
				r.owed = append(r.owed, int(k.Drawer[0]-'0'))
				r.purposes.Opened(k.Drawer, 0, r.now)
			}
		}
	}
	if !r.filter.Ground() {
		return
	}
	for _, connector := range r.owed {
		b := append(r.filter.Break(), printer.PulseOffline(r.dialect, connector)...)
		r.write(b)
		r.filter.Sent(b)
		r.tally.opened++
		r.tally.out += int64(len(b))
	}
	r.owed = r.owed[:0]
}

// saleFunction is what a kick with a receipt is for, unless configured.
const saleFunction = "pos.drawer.sale"

func (r *filtering) write(b []byte) {
	if r.err == nil {
		_, r.err = r.out.Write(b)
	}
}
