package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tillwarden/packaging/man/markdown"
)

const root = "../.."

// TestConfigPageHasEveryKey: whatever key the shipped file has, the page has it
// under its table.
func TestConfigPageHasEveryKey(t *testing.T) {
	page, err := configPage(root)
	if err != nil {
		t.Fatal(err)
	}
	shipped, err := os.ReadFile(filepath.Join(root, "packaging", "tillwarden.toml"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(page, "# KEYS\n")
	keys := 0
	for line := range strings.Lines(string(shipped)) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "#")
		var want string
		if key, _, ok := strings.Cut(line, " = "); ok && !strings.Contains(key, " ") {
			want, keys = "**"+markdown.Escape(key)+"**\n:   ", keys+1
		} else if strings.HasPrefix(line, "[") {
			want = "## " + markdown.Escape(line) + "\n"
		} else {
			continue
		}
		// In order: what was found is passed over.
		_, after, ok := strings.Cut(rest, want)
		if !ok {
			t.Fatalf("the page lacks %q, or has it elsewhere", want)
		}
		rest = after
	}
	if keys < 50 {
		t.Errorf("only %d keys were looked for", keys)
	}
}

// TestPagesOfDocsHaveTheirText: of a page of docs nothing is lost but links,
// contents and title.
func TestPagesOfDocsHaveTheirText(t *testing.T) {
	for doc, make := range map[string]func(string) (string, error){"policy.md": policyPage, "journal.md": journalPage} {
		page, err := make(root)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(root, "docs", doc))
		if err != nil {
			t.Fatal(err)
		}
		heads, rows, tables, code := 0, 0, 0, false
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "```") {
				code = !code
			}
			if strings.HasPrefix(line, "| ---") {
				tables++
			} else if strings.HasPrefix(line, "| ") && !code {
				rows++
			}
			if strings.HasPrefix(line, "## ") {
				heads++
				if !strings.Contains(page, line) {
					t.Errorf("%s: %q is not on its page", doc, line)
				}
			}
		}
		if heads == 0 || len(page) < len(text)*8/10 {
			t.Errorf("%s: %d heads, %d bytes of %d", doc, heads, len(page), len(text))
		}
		if items := strings.Count(page, "\n:   "); tables == 0 || items != rows-tables {
			t.Errorf("%s: %d rows of %d tables became %d items", doc, rows-tables, tables, items)
		}
		if regexp.MustCompile(`\]\([^)]*\.md`).MatchString(page) {
			t.Errorf("%s: a link that leads nowhere on paper is left", doc)
		}
		fences := 0
		for line := range strings.Lines(page) {
			if line == "```\n" {
				fences++
			}
		}
		if fences%2 != 0 {
			t.Errorf("%s: a block is not closed", doc)
		}
	}
}

// TestTablesBecomeLists: a row of a table is an item, with each of its cells.
func TestTablesBecomeLists(t *testing.T) {
	got := item(row("| code | severity | what |"), row("| `a`, `b` | error | x \\| y |"))
	if want := "`a`, `b`\n:   severity: error; what: x \\| y\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := item(row("| n | word |"), row("| 1 | one |")), "**1**\n:   one\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestDaemonPageKnowsTheDaemonsFlags reads them where they are made.
func TestDaemonPageKnowsTheDaemonsFlags(t *testing.T) {
	main, err := os.ReadFile(filepath.Join(root, "cmd", "tillwardend", "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("tillwardend.8.md")
	if err != nil {
		t.Fatal(err)
	}
	flags := regexp.MustCompile(`flags\.(?:String|Bool)\("([a-z-]+)"`).FindAllSubmatch(main, -1)
	if len(flags) < 3 {
		t.Fatalf("found %d flags", len(flags))
	}
	for _, f := range flags {
		if !strings.Contains(string(page), "**--"+string(f[1])+"**") {
			t.Errorf("--%s is not on the page", f[1])
		}
	}
}
