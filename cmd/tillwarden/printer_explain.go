package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"tillwarden/devices/escpos"
	"tillwarden/devices/record"
)

func (a *app) printerExplainCommand() *cobra.Command {
	var flags dialectFlags
	c := &cobra.Command{
		Use:   "explain FILE...",
		Short: "what is in a stream, for reading",
		Long: `Lists what a POS sent, command by command: where it stands, how long it is, the
manual's name of it and its parameters, what the filter makes of it and why, and
the text as people read it. Card numbers are masked. FILE is the bare bytes of a
job, a record, or - for standard input.`,
		Example: "  tillwarden printer explain job.bin\n  tillwarden printer explain --dialect ithaca - < job.bin",
		Args:    atLeast("FILE"),
		RunE: func(_ *cobra.Command, files []string) error {
			for _, name := range files {
				if len(files) > 1 && !a.json {
					a.say("%s:", name)
				}
				if err := a.explainFile(&flags, name); err != nil {
					return err
				}
			}
			return nil
		},
	}
	flags.add(c)
	return c
}

// explaining is one file being explained. Text and pictures come in pieces, and
// are listed whole.
type explaining struct {
	app    *app
	filter *escpos.Filter
	page   byte
	last   segmentLine
	text   []byte
	held   bool
	rows   [][]string
	tally  tally
	err    error
}

func (a *app) explainFile(flags *dialectFlags, name string) error {
	in, err := a.open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	x := &explaining{app: a, rows: [][]string{{"OFFSET", "BYTES", "COMMAND", "VERDICT", "TEXT, OR WHY"}}}
	var mask *record.Mask
	job := 0
	feed := func(b []byte) {
		if len(b) > 0 {
			x.filter.Feed(b, x.segment)
		}
	}
	err = stream(in, func(recorded string) error {
		d, err := flags.choose(recorded)
		if err != nil {
			return err
		}
		x.filter, mask = escpos.NewFilter(d), record.NewMask(d, false)
		return nil
	}, func(p record.Piece) error {
		if p.Breaks(job) {
			feed(mask.Idle())
			x.filter.Idle(x.segment)
			x.flush()
			if !a.json {
				says := fmt.Sprintf("— job %d, at %s —", p.Job, p.Time())
				if p.Lost > 0 {
					says = fmt.Sprintf("— %s left out, at %s —", count(int(p.Lost), "byte"), p.Time())
				}
				x.rows = append(x.rows, []string{"", "", "", "", says})
			}
		}
		if len(p.Bytes) > 0 {
			job = p.Job
			feed(mask.Write(p.Bytes))
		}
		return x.err
	})
	if err != nil {
		return streamError(err)
	}
	feed(mask.Idle())
	x.filter.Idle(x.segment)
	x.flush()
	if x.err != nil || a.json {
		return x.err
	}
	if err := table(a.out, x.rows); err != nil {
		return err
	}
	a.say("%s: %s", x.filter.Dialect().Name(), &x.tally)
	return nil
}

func (x *explaining) segment(s *escpos.Segment) {
	x.tally.add(s)
	line := lineOf(s)
	if x.held && (s.Kind == escpos.Text && x.last.Name == "text" && len(x.text) < 4096 || s.Kind == escpos.Image && x.last.Offset == s.Offset && x.last.Name == s.Name) {
		x.last.Length += s.In
		if line.Verdict == "mended" {
			x.last.Verdict, x.last.Why = line.Verdict, line.Why
		}
	} else {
		x.flush()
		line.Parameters = parameters(s)
		x.last, x.held = line, true
	}
	switch {
	case s.Kind == escpos.Barcode:
		x.text = append(x.text, printable(s.Bytes)...)
	case s.Kind == escpos.Text:
		x.text = append(x.text, s.Bytes...)
	case s.Kind == escpos.Init:
		x.page = 0
	case s.Name == "ESC t" && len(s.Bytes) == 3:
		x.page = s.Bytes[2]
	}
}

// The most parameters that are listed: of a picture or code only those that say
// what it is.
const (
	maxParameters     = 6
	maxDataParameters = 2
)

// parameters are the bytes of a command behind its name, of which each word is
// one byte.
func parameters(s *escpos.Segment) []int {
	b := s.Bytes
	if len(b) == 0 {
		b = s.Raw
	}
	words := len(strings.Fields(s.Name))
	if s.Kind == escpos.Text || len(b) <= words || b[0] >= 0x20 {
		return nil
	}
	most := maxParameters
	if s.Kind == escpos.Barcode {
		most = maxDataParameters
	}
	var list []int
	for _, p := range b[words:min(len(b), words+most)] {
		list = append(list, int(p))
	}
	return list
}

// printable is the longest run of text in a code's data.
func printable(b []byte) []byte {
	var best []byte
	for begin, i := 0, 0; i <= len(b); i++ {
		if i == len(b) || b[i] < 0x20 || b[i] > 0x7E {
			if i-begin > len(best) {
				best = b[begin:i]
			}
			begin = i + 1
		}
	}
	return best
}

// flush lists what was gathered.
func (x *explaining) flush() {
	if !x.held {
		return
	}
	x.held = false
	l := x.last
	text := string(escpos.Decode(nil, x.text, x.page))
	x.text = x.text[:0]
	if x.app.json {
		l.Text = text
		if err := x.app.printLine(l); err != nil && x.err == nil {
			x.err = err
		}
		return
	}
	says := l.Why
	if l.Drawer > 0 {
		says = fmt.Sprintf("drawer %d", l.Drawer)
	}
	if text != "" {
		says = quoted(text)
	}
	x.rows = append(x.rows, []string{fmt.Sprintf("%08x", l.Offset), fmt.Sprint(l.Length), strings.TrimRight(l.Name+" "+strings.Trim(fmt.Sprint(l.Parameters), "[]"), " "), l.Verdict, cut(says, 100)})
}

// quoted shows text on one line.
func quoted(s string) string {
	return `"` + strings.NewReplacer("\n", `\n`, "\r", `\r`, "\t", `\t`, `"`, `\"`).Replace(s) + `"`
}
