package main

import (
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestEveryCommandHasItsManual: each command that the help shows stands on the
// page of its verb, with each of its flags.
func TestEveryCommandHasItsManual(t *testing.T) {
	a := &app{in: strings.NewReader(""), out: io.Discard, err: io.Discard, env: func(string) string { return "" }}
	root := a.root()
	pages := manual(root)
	whole := pages["tillwarden"]
	commands := 0
	var walk func(c *cobra.Command, page string)
	walk = func(c *cobra.Command, page string) {
		commands++
		if !strings.Contains(page, "**"+c.CommandPath()+"**") && c.HasParent() && !c.HasAvailableSubCommands() {
			t.Errorf("%s is not on its page", c.CommandPath())
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && f.Name != "help" && f.Name != "version" && !strings.Contains(page, "**--"+f.Name+"**") {
				t.Errorf("%s: --%s is not on its page", c.CommandPath(), f.Name)
			}
		})
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				walk(sub, page)
			}
		}
	}
	for _, c := range root.Commands() {
		if c.GroupID == "" {
			continue
		}
		page, ok := pages[pageName(c)]
		if !ok {
			t.Errorf("%s has no page", c.CommandPath())
		}
		if !strings.Contains(whole, "**"+pageName(c)+"**(1)") {
			t.Errorf("tillwarden(1) does not name %s", pageName(c))
		}
		walk(c, page)
	}
	if commands < 20 {
		t.Errorf("only %d commands were looked at", commands)
	}
	for name, page := range pages {
		if strings.Count(page, "\n```\n")%2 != 0 {
			t.Errorf("%s: a block is not closed", name)
		}
	}
}
