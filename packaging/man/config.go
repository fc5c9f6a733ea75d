package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"tillwarden/packaging/man/markdown"
)

const configHead = `# NAME

tillwarden.toml - configuration of tillwardend, the register's daemon

# SYNOPSIS

**/etc/tillwarden/tillwarden.toml**

# DESCRIPTION

One file, in TOML, says which register this is, who may reach its daemon, and which devices it owns. The shipped one, with every key, its
default and what it means, is /usr/share/tillwarden/tillwarden.toml; it is the text of this page.

**tillwardend --check-config** says what is wrong with the file, with line and column. An unknown key is an error. **systemctl reload tillwardend**
takes over what is marked *reload*; for all else the daemon has to be restarted. A file with an error in it changes nothing. Time spans are
written as "90s", "15m", "1h30m".

# KEYS

`

const configFoot = `# SEE ALSO

**tillwarden**(1), **tillwardend**(8), **tillwarden-policy**(5)
`

// The forms of the shipped file's lines: "key = value" and "[table]", each of
// which may be commented out by a "#" without a space.
var (
	keyLine   = regexp.MustCompile(`^#?([a-z_0-9]+) = (.*)$`)
	tableLine = regexp.MustCompile(`^#?(\[\[?[a-z_.0-9]+\]\]?)$`)
)

// configPage is tillwarden.toml(5): each key of the shipped file, with the
// comment above it.
func configPage(root string) (string, error) {
	shipped, err := os.ReadFile(filepath.Join(root, "packaging", "tillwarden.toml"))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(configHead)
	var comment []string
	what := func() string {
		s := markdown.Escape(strings.Join(comment, " "))
		comment = nil
		return strings.ReplaceAll(s, "(reload)", "(*reload*)")
	}
	last := "" // the key that a comment stands at
	for line := range strings.Lines(string(shipped)) {
		line = strings.TrimRight(line, "\n")
		table, key := tableLine.FindStringSubmatch(line), keyLine.FindStringSubmatch(line)
		switch {
		case table != nil:
			fmt.Fprintf(&b, "## %s\n\n", markdown.Escape(table[1]))
			last = ""
			if len(comment) > 0 {
				fmt.Fprintf(&b, "%s\n\n", what())
			}
		case key != nil:
			named := len(comment) > 0
			text := what()
			switch {
			case named:
				last = key[1]
			case last != "":
				text = "See **" + markdown.Escape(last) + "**."
			default: // what it is stands at its table, or at the one before
				text = "See above."
			}
			is := "default"
			if !strings.HasPrefix(line, "#") {
				is = "has to be given; for example"
			}
			fmt.Fprintf(&b, "**%s**\n:   %s (%s: %s)\n\n", markdown.Escape(key[1]), text, is, markdown.Escape(key[2]))
		case strings.HasPrefix(line, "# "):
			comment = append(comment, strings.TrimPrefix(line, "# "))
		case line == "":
			comment = nil
		}
	}
	b.WriteString(configFoot)
	return b.String(), nil
}
