package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tillwarden/packaging/man/markdown"
)

// manualCommand writes the manual pages of this command line, in Markdown, which
// the package's build turns into pages of man(1). It is for the build alone, and
// hidden: what it writes cannot be of another version than the commands are.
func (a *app) manualCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "manual FOLDER",
		Short:   "write the manual pages' sources",
		Example: "  tillwarden manual build/man",
		Hidden:  true,
		Args:    exactly("FOLDER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			for name, text := range manual(cmd.Root()) {
				if err := os.WriteFile(filepath.Join(args[0], name+".1.md"), []byte(text), 0o644); err != nil {
					return failedf("writing a manual page: %w", err)
				}
			}
			return nil
		},
	}
}

// manual is a page for the whole, and one for each command right below it.
func manual(root *cobra.Command) map[string]string {
	root.InitDefaultCompletionCmd()
	pages := map[string]string{}
	var list strings.Builder
	for _, g := range root.Groups() {
		fmt.Fprintf(&list, "## %s\n\n", strings.TrimSuffix(g.Title, ":"))
		for _, c := range root.Commands() {
			if c.IsAvailableCommand() && c.GroupID == g.ID {
				fmt.Fprintf(&list, "**%s**(1)\n:   %s\n\n", pageName(c), markdown.Escape(c.Short))
			}
		}
	}
	for _, c := range root.Commands() {
		if c.GroupID == "" {
			continue // help and completion: cobra's
		}
		var b strings.Builder
		pageHead(&b, c)
		if c.HasAvailableSubCommands() {
			b.WriteString("# DESCRIPTION\n\n")
			paragraphs(&b, long(c))
			ownOptions(&b, c)
			b.WriteString("# COMMANDS\n\n")
		}
		pageCommand(&b, c)
		b.WriteString("# SEE ALSO\n\n**tillwarden**(1), **tillwardend**(8), **tillwarden.toml**(5)")
		if n := c.Name(); n == "policy" || n == "journal" {
			fmt.Fprintf(&b, ", **tillwarden-%s**(5)", n)
		}
		b.WriteString("\n")
		pages[pageName(c)] = b.String()
	}
	var b strings.Builder
	pageHead(&b, root)
	b.WriteString("# DESCRIPTION\n\n")
	paragraphs(&b, long(root))
	b.WriteString("# COMMANDS\n\n" + list.String() + "# EXAMPLES\n\n```\n" + strings.TrimSpace(unindent(root.Example)) + "\n```\n\n" +
		"# OPTIONS\n\nEvery command takes these.\n\n")
	options(&b, root.PersistentFlags())
	b.WriteString(`# ENVIRONMENT

**TILLWARDEN_RUN_DIR**
:   the folder of the daemon's sockets, as with **--run-dir**

# FILES

` + defaultConfigFile + `
:   the daemon's configuration: **tillwarden.toml**(5)

` + defaultRunDir + `
:   the daemon's sockets: pos.sock, console.sock and technician.sock, each for the group of its name

/usr/share/tillwarden/presets
:   the shipped policy sources, to begin with

# SEE ALSO

**tillwardend**(8), **tillwarden.toml**(5), **tillwarden-policy**(5), **tillwarden-journal**(5)
`)
	pages[pageName(root)] = b.String()
	return pages
}

// pageName is the page's: tillwarden-policy.
func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

func pageHead(b *strings.Builder, c *cobra.Command) {
	fmt.Fprintf(b, "# NAME\n\n%s - %s\n\n# SYNOPSIS\n\n", pageName(c), markdown.Escape(c.Short))
	for _, leaf := range leaves(c) {
		fmt.Fprintf(b, "**%s**%s\n\n", leaf.CommandPath(), markdown.Escape(strings.TrimPrefix(useLine(leaf), leaf.CommandPath())))
	}
}

// leaves are the commands that do something, at or below c; of the whole, itself.
func leaves(c *cobra.Command) (list []*cobra.Command) {
	if !c.HasParent() || !c.HasAvailableSubCommands() {
		return []*cobra.Command{c}
	}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			list = append(list, leaves(sub)...)
		}
	}
	return list
}

func useLine(c *cobra.Command) string {
	if !c.HasParent() {
		return c.CommandPath() + " [options] COMMAND"
	}
	return c.UseLine()
}

// pageCommand is what one command takes, and then those below it.
func pageCommand(b *strings.Builder, c *cobra.Command) {
	if !c.HasAvailableSubCommands() {
		if c.Parent().HasParent() {
			fmt.Fprintf(b, "## %s\n\n", markdown.Escape(c.CommandPath()))
		} else {
			b.WriteString("# DESCRIPTION\n\n")
		}
		paragraphs(b, long(c))
		// After the options it would belong to the last of them.
		if c.Example != "" {
			fmt.Fprintf(b, "For example:\n\n```\n%s\n```\n\n", strings.TrimSpace(unindent(c.Example)))
		}
		ownOptions(b, c)
		return
	}
	if c.Parent().HasParent() { // a group within a group
		fmt.Fprintf(b, "## %s\n\n", markdown.Escape(c.CommandPath()))
		paragraphs(b, long(c))
		ownOptions(b, c)
	}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			pageCommand(b, sub)
		}
	}
}

func ownOptions(b *strings.Builder, c *cobra.Command) {
	if c.LocalFlags().HasAvailableFlags() {
		options(b, c.LocalFlags())
	}
}

func long(c *cobra.Command) string {
	if c.Long != "" {
		return c.Long
	}
	return strings.ToUpper(c.Short[:1]) + c.Short[1:] + "."
}

// options lists flags, help aside, which each has.
func options(b *strings.Builder, flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		if f.Shorthand != "" {
			fmt.Fprintf(b, "**-%s**, ", f.Shorthand)
		}
		value, usage := pflag.UnquoteUsage(f)
		fmt.Fprintf(b, "**--%s**", f.Name)
		if value != "" {
			fmt.Fprintf(b, " *%s*", markdown.Escape(value))
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" && f.DefValue != "0" && f.DefValue != "0s" {
			usage += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(b, "\n:   %s\n\n", markdown.Escape(usage))
	})
}

// paragraphs writes a help text: what is indented in it stays as it is.
func paragraphs(b *strings.Builder, text string) {
	fenced := false
	fence := func(want bool) {
		if fenced != want {
			b.WriteString("```\n")
		}
		fenced = want
	}
	for line := range strings.Lines(strings.TrimSpace(text) + "\n") {
		indented := strings.HasPrefix(line, "  ")
		if indented && !fenced {
			b.WriteString("\n")
		}
		if strings.TrimSpace(line) != "" {
			fence(indented)
		}
		if fenced {
			b.WriteString(line)
		} else {
			b.WriteString(markdown.Escape(line))
		}
	}
	fence(false)
	b.WriteString("\n")
}

func unindent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimPrefix(line, "  "))
	}
	return b.String()
}
