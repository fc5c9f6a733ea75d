package main

import (
	"os"
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestEveryCommandIsDescribed holds each command to the same form: one line
// that says what it does, an example that begins with its own name, a check
// of its arguments, and flags that are described.
func TestEveryCommandIsDescribed(t *testing.T) {
	a := &app{env: func(string) string { return "" }, out: os.Stdout, err: os.Stderr}
	count := 0
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		count++
		path := c.CommandPath()
		if c.Short == "" || !plain(c.Short) {
			t.Errorf("%s: %q should be a line in lower case without a period", path, c.Short)
		}
		if !strings.Contains(c.Example, path) && !c.HasSubCommands() {
			t.Errorf("%s: its example does not show it: %q", path, c.Example)
		}
		for line := range strings.Lines(c.Example) {
			if len(strings.TrimRight(line, "\n")) > 110 {
				t.Errorf("%s: a line of its example is too long: %q", path, line)
			}
		}
		for line := range strings.Lines(c.Long) {
			if len(strings.TrimRight(line, "\n")) > 85 && !strings.Contains(line, "The actions:") {
				t.Errorf("%s: a line of its help is too long: %q", path, line)
			}
		}
		if c.Args == nil && c.Name() != "matrix" {
			t.Errorf("%s: its arguments are not checked", path)
		}
		if c.RunE == nil {
			t.Errorf("%s: it does nothing", path)
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Name != "help" && (f.Usage == "" || !plain(strings.TrimLeft(f.Usage, "`\"("))) {
				t.Errorf("%s --%s: %q should be in lower case without a period", path, f.Name, f.Usage)
			}
		})
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(a.root())
	if count < 50 {
		t.Errorf("only %d commands found", count)
	}
}

// plain reports whether a text begins in lower case and ends without a period.
func plain(s string) bool {
	first := []rune(s)[0]
	second := []rune(s + " ")[1]
	// PIN, JSON and the like are written as they are.
	return (!unicode.IsUpper(first) || unicode.IsUpper(second)) && !strings.HasSuffix(s, ".")
}
