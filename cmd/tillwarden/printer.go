package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"tillwarden/devices/escpos"
	"tillwarden/devices/record"
)

func (a *app) printerCommand() *cobra.Command {
	c := a.group("printer", "see what the print filter makes of what a POS sends",
		`  tillwarden printer record --for 5m -o job.rec
  tillwarden printer explain job.rec
  tillwarden printer filter --grant sale < job.bin > out.bin`,
		a.printerFilterCommand(), a.printerExplainCommand(), a.printerProfileCommand(), a.printerRecordCommand())
	c.Long = `A technician's tools for the print filter. They read what a POS sent: the bare
bytes, or a record of them. They open no drawer; only record needs the daemon.

What a dialect lets through, and how to choose one, is in docs/printers.md.`
	return c
}

// dialectFlags are those of every command that reads a stream.
type dialectFlags struct {
	dialect string
	allow   []string
}

func (f *dialectFlags) add(c *cobra.Command) {
	var names []cobra.Completion
	for _, d := range escpos.Dialects() {
		names = append(names, d.Name())
	}
	c.Flags().StringVar(&f.dialect, "dialect", "", "the printer's `language`; a record names its own, else "+names[0])
	c.Flags().StringArrayVar(&f.allow, "allow", nil, "let a refused `command` through by its manual's name; may be repeated")
	_ = c.RegisterFlagCompletionFunc("dialect", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("allow", func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		d, err := f.choose("")
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return d.Refused(), cobra.ShellCompDirectiveNoFileComp
	})
}

// choose is the dialect to read by: the flag's, else that of the record.
func (f *dialectFlags) choose(recorded string) (*escpos.Dialect, error) {
	name := f.dialect
	if name == "" {
		name = recorded
	}
	if name == "" {
		name = escpos.Dialects()[0].Name()
	}
	d, err := escpos.DialectNamed(name)
	if err != nil {
		return nil, usagef("%w", err).hint("docs/printers.md says how to choose")
	}
	if d, err = d.Allow(f.allow...); err != nil {
		return nil, usagef("--allow: %w", err)
	}
	return d, nil
}

// stream reads a record or bare bytes; start is called once, before the first
// piece, with the dialect that the record names.
func stream(r io.Reader, start func(dialect string) error, piece func(record.Piece) error) error {
	head, started := "", false
	begin := func() error {
		if started {
			return nil
		}
		started = true
		return start(head)
	}
	_, err := record.ReadWithHead(r, func(h record.Head) error {
		head = h.Dialect
		return begin()
	}, func(p record.Piece) error {
		if err := begin(); err != nil {
			return err
		}
		return piece(p)
	})
	if err != nil {
		return err
	}
	return begin()
}

// open opens a file, or standard input for "-".
func (a *app) open(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(a.in), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, failedf("%w", err)
	}
	return f, nil
}

// verdict says in a word what became of a segment.
func verdict(s *escpos.Segment) string {
	switch {
	case s.Kind == escpos.Kick:
		return "kick"
	case s.Kind == escpos.Refused:
		return "refused"
	case s.Mended:
		return "mended"
	}
	return "forwarded"
}

// segmentLine is a segment as scripts read it.
type segmentLine struct {
	Offset  int64  `json:"offset"`
	Length  int    `json:"length"`
	Name    string `json:"name"`
	Verdict string `json:"verdict"`
	Why     string `json:"why,omitempty"`
	Drawer  int    `json:"drawer,omitempty"`
	// Opens: the daemon's own pulse follows it.
	Opens bool `json:"opens,omitempty"`
	// Lost: it would have been seen on paper.
	Lost bool   `json:"lost,omitempty"`
	Text string `json:"text,omitempty"`
	// Parameters are the bytes behind the command's name, the first of them where
	// they are many.
	Parameters []int `json:"parameters,omitempty"`
}

func lineOf(s *escpos.Segment) segmentLine {
	return segmentLine{Offset: s.Offset, Length: s.In, Name: s.Name, Verdict: verdict(s), Why: s.Why, Drawer: s.Drawer, Lost: s.Lost}
}

// tally counts what became of a stream.
type tally struct {
	in, out                       int64
	kicks, opened, refused, mends int
	lost                          int
}

func (t *tally) add(s *escpos.Segment) {
	t.in += int64(s.In)
	t.out += int64(len(s.Bytes))
	switch verdict(s) {
	case "kick":
		t.kicks++
	case "refused":
		t.refused++
		if s.Lost {
			t.lost++
		}
	case "mended":
		t.mends++
	}
}

func (t *tally) String() string {
	s := fmt.Sprintf("%d bytes in, %d out: %s, %s opened, %s refused, %s mended",
		t.in, t.out, count(t.kicks, "kick"), fmt.Sprint(t.opened), count(t.refused, "command"), count(t.mends, "place"))
	if t.lost > 0 {
		s += fmt.Sprintf("; %s not printed", count(t.lost, "picture or code"))
	}
	return s
}
