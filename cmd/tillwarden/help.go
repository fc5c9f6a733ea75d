package main

import (
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// helpColumns is what help texts fit in: a terminal of a register's technician has no more.
const helpColumns = 80

// narrow lets the help of a command, and of all below it, fit into a terminal.
func narrow(c *cobra.Command) {
	if !c.HasParent() {
		t := strings.ReplaceAll(c.UsageTemplate(), "FlagUsages ", "FlagUsagesWrapped 80 ")
		t = strings.ReplaceAll(t, `Use "{{.CommandPath}} [command] --help" for more information about a command.`, `"{{.CommandPath}} COMMAND --help" says more.`)
		c.SetUsageTemplate(t)
	}
	c.Long = fill(c.Long)
	for _, sub := range c.Commands() {
		narrow(sub)
	}
}

// fill breaks paragraphs anew. What is indented stays as it is.
func fill(text string) string {
	var b strings.Builder
	column := 0
	for i, line := range strings.Split(text, "\n") {
		if line == "" || line[0] == ' ' || line[0] == '\t' {
			if i > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(line)
			column = helpColumns // the next one begins a line
			continue
		}
		for _, word := range strings.Fields(line) {
			n := utf8.RuneCountInString(word)
			switch {
			case b.Len() == 0:
				column = n
			case column+1+n > helpColumns:
				b.WriteByte('\n')
				column = n
			default:
				b.WriteByte(' ')
				column += 1 + n
			}
			b.WriteString(word)
		}
	}
	return b.String()
}
