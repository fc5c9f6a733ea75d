package printer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A slip is what the daemon itself has to say, printed where people are.
const (
	slipColumns = 40
	slipLines   = 20
	slipFeed    = 5
	slipWait    = 10 * time.Second
	slipQuiet   = 2 * time.Second // a receipt that nothing is added to for so long is between jobs
)

// Slip prints a few lines and cuts them off, between two jobs: never in a
// receipt, nor in what was printed and not cut yet, unless nothing was added
// to that for a while. It waits for that a bounded time. It changes no
// settings of the printer, as the next job may rely on them.
func (g *Guard) Slip(ctx context.Context, text string) error {
	if g.language.cut == nil {
		return fmt.Errorf("printer %s: %w", g.o.Name, ErrNoText)
	}
	if err := g.slip(ctx, slip(text, g.language.cut)); err != nil {
		return fmt.Errorf("printer %s: printing a slip: %w", g.o.Name, err)
	}
	return nil
}

func (g *Guard) slip(ctx context.Context, b []byte) error {
	ctx, cancel := context.WithTimeout(ctx, slipWait)
	defer cancel()
	for {
		if g.take(ctx) != nil {
			return ErrBusy
		}
		g.mu.Lock()
		l, changed := g.line, g.changed
		g.mu.Unlock()
		err := g.own(l, func() ([]byte, error) {
			if err := g.ready(); err != nil {
				return nil, err
			}
			quiet := g.o.Now()-g.fed >= slipQuiet
			if g.line != l || g.filter.Waiting() || g.filter.Page() || g.purposes.Pending() && !quiet {
				return nil, ErrBusy
			}
			return b, nil
		})
		g.release()
		if !errors.Is(err, ErrBusy) {
			return err
		}
		if wait(ctx, changed, 50*time.Millisecond) != nil {
			return ErrBusy
		}
	}
}

// slip is the bytes of a slip: plain text, in lines that fit, and a cut.
func slip(text string, cut []byte) []byte {
	var b bytes.Buffer
	b.WriteByte('\n') // what stands in the line already is not ours
	lines := 0
	for line := range strings.Lines(text) {
		for _, part := range wrap(plain(line), slipColumns) {
			if lines++; lines > slipLines {
				break
			}
			b.WriteString(part)
			b.WriteByte('\n')
		}
	}
	b.WriteString(strings.Repeat("\n", slipFeed))
	b.Write(cut)
	return b.Bytes()
}

// plain keeps what every code page has in the same place, and no text is an
// order (&% on an Ithaca).
func plain(s string) string {
	s = strings.ReplaceAll(s, "&%", "& %")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r < ' ':
			return -1
		case r > '~':
			return '?'
		}
		return r
	}, s)
}

// wrap breaks a line at spaces.
func wrap(s string, columns int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		for len(word) > columns {
			if line != "" {
				lines, line = append(lines, line), ""
			}
			lines, word = append(lines, word[:columns]), word[columns:]
		}
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) <= columns:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}
