package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// policyPage is tillwarden-policy(5): docs/policy.md.
func policyPage(root string) (string, error) {
	return docPage(root, "policy.md", "tillwarden-policy - sources of policies: functions, work groups and their marks",
		"**tillwarden-policy**(1), **tillwarden.toml**(5)")
}

// journalPage is tillwarden-journal(5): docs/journal.md.
func journalPage(root string) (string, error) {
	return docPage(root, "journal.md", "tillwarden-journal - the register's journal: its format, and how to verify it",
		"**tillwarden-journal**(1), **tillwardend**(8)")
}

var (
	// link is [text](target): on paper, its text.
	link = regexp.MustCompile(`\[([^\]]+)\]\(([^)]+)\)`)
	// contents is a line of a table of contents.
	contents = regexp.MustCompile(`^- \[[^\]]+\]\(#[^)]*\)$`)
	// fence begins a block; what stands behind its language is for the tests.
	fence = regexp.MustCompile("^```")
	// rule is the line below a table's head.
	rule = regexp.MustCompile(`^\|[ |-]+\|$`)
)

// docPage makes a page of one of docs: its title gives way to the page's name,
// and what only works where pages are linked is left out.
func docPage(root, name, title, also string) (string, error) {
	doc, err := os.ReadFile(filepath.Join(root, "docs", name))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# NAME\n\n%s\n\n# DESCRIPTION\n", title)
	code := false
	var head []string // of the table that we are in
	for line := range strings.Lines(string(doc)) {
		line = strings.TrimRight(line, "\n")
		switch {
		case fence.MatchString(line):
			code = !code
			line = "```"
		case code:
		case strings.HasPrefix(line, "# "), contents.MatchString(line):
			continue
		case rule.MatchString(line):
			continue
		case strings.HasPrefix(line, "|"):
			cells := row(link.ReplaceAllString(line, "$1"))
			if head == nil {
				head = cells
				continue
			}
			line = item(head, cells)
		default:
			head = nil
			line = link.ReplaceAllString(line, "$1")
		}
		b.WriteString(line + "\n")
	}
	fmt.Fprintf(&b, "\n# SEE ALSO\n\n%s\n", also)
	return b.String(), nil
}

// row splits a table's line into its cells.
func row(line string) (cells []string) {
	const bar = "\x00" // in place of a bar that a cell has in it
	line = strings.Trim(strings.ReplaceAll(line, `\|`, bar), "|")
	for cell := range strings.SplitSeq(line, "|") {
		cells = append(cells, strings.ReplaceAll(strings.TrimSpace(cell), bar, `\|`))
	}
	return cells
}

// item makes an item of a list out of a table's row: tables are too wide for a
// terminal. The first cell is what the item is about; of more than two the others
// bear their column's name.
func item(head, cells []string) string {
	what := make([]string, 0, len(cells))
	for i, cell := range cells[1:] {
		if i+1 < len(head) && len(cells) > 2 {
			cell = head[i+1] + ": " + cell
		}
		what = append(what, cell)
	}
	term := cells[0]
	if !strings.ContainsAny(term, "`*") {
		term = "**" + term + "**"
	}
	return term + "\n:   " + strings.Join(what, "; ") + "\n"
}
