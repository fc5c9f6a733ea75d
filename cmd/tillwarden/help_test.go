package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// TestHelpFitsATerminal: no line of any command's help is wider than 80 columns.
func TestHelpFitsATerminal(t *testing.T) {
	t.Parallel()
	a := &app{env: func(string) string { return "" }}
	n := 0
	var look func(c *cobra.Command)
	look = func(c *cobra.Command) {
		n++
		var out bytes.Buffer
		c.SetOut(&out)
		if err := c.Help(); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if w := utf8.RuneCountInString(strings.TrimRight(line, "\n")); w > helpColumns {
				t.Errorf("%s --help has %d columns: %s", c.CommandPath(), w, line)
			}
		}
		for _, sub := range c.Commands() {
			if !sub.Hidden {
				look(sub)
			}
		}
	}
	look(a.root())
	if n < 50 {
		t.Errorf("looked at %d commands", n)
	}
}

// TestFill: words and paragraphs stay, and what is indented stays as it is.
func TestFill(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("word ", 30)
	for name, c := range map[string]struct{ in, want string }{
		"nothing":                 {"", ""},
		"short lines":             {"one\ntwo", "one two"},
		"paragraphs":              {"one\ntwo\n\nthree", "one two\n\nthree"},
		"a long line":             {long, strings.TrimSpace(strings.Repeat("word ", 16)) + "\n" + strings.TrimSpace(strings.Repeat("word ", 14))},
		"what is indented":        {"as:\n  a  b\n  c\nthen\nthat", "as:\n  a  b\n  c\nthen that"},
		"a word that is too long": {"a " + strings.Repeat("x", 90) + " b", "a\n" + strings.Repeat("x", 90) + "\nb"},
	} {
		if got := fill(c.in); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
