package daemon

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/configuration.md anew")

const configDoc = "../docs/configuration.md"

const configDocHead = `# Configuration

One file, TOML: ` + "`/etc/tillwarden/tillwarden.toml`" + `. The shipped one, ` + "`packaging/tillwarden.toml`" + `, has every key with its default and
what it means; this page is made from it (` + "`go test ./daemon -run TestConfigurationPage -update`" + `).

` + "`tillwardend --check-config`" + ` reads the file, and what it names, and says what is wrong with line and column; it exits with 0 where
nothing is, and with 78 otherwise. An unknown key is an error. ` + "`systemctl reload tillwardend`" + ` (SIGHUP) takes over what is marked; a file
with an error in it changes nothing, and what needs a restart is said in the log. Time spans are written as "90s", "15m", "1h30m".
`

// page makes the page of the shipped file.
func page(shipped string) string {
	var b strings.Builder
	b.WriteString(configDocHead)
	var comment []string
	key := regexp.MustCompile(`^#?([a-z_0-9]+) = (.*)$`)
	table := regexp.MustCompile(`^#?(\[\[?)([a-z_.0-9]+)\]\]?$`)
	open := false
	rows := func() {
		if !open {
			b.WriteString("\n| key | default | what |\n| --- | --- | --- |\n")
			open = true
		}
	}
	last := ""
	for line := range strings.Lines(shipped) {
		line = strings.TrimRight(line, "\n")
		switch {
		case table.MatchString(line):
			m := table.FindStringSubmatch(line)
			fmt.Fprintf(&b, "\n## %s%s%s\n", m[1], m[2], strings.Repeat("]", len(m[1])))
			if len(comment) > 0 {
				fmt.Fprintf(&b, "\n%s\n", sentence(comment))
			}
			comment, open, last = nil, false, ""
		case key.MatchString(line):
			m := key.FindStringSubmatch(line)
			what := sentence(comment)
			if len(comment) == 0 && last != "" {
				what = "see " + last
			}
			rows()
			def := "`" + strings.ReplaceAll(m[2], "|", `\|`) + "`"
			if !strings.HasPrefix(line, "#") {
				def = "none: " + def + " is an example"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", m[1], def, strings.ReplaceAll(what, "|", `\|`))
			if len(comment) > 0 {
				last = "`" + m[1] + "`"
			}
			comment = nil
		case strings.HasPrefix(line, "# ") || line == "#":
			comment = append(comment, strings.TrimPrefix(line, "# "))
		case line == "":
			comment = nil
		}
	}
	return b.String()
}

func sentence(lines []string) string {
	s := strings.Join(lines, " ")
	return strings.ReplaceAll(s, "(reload)", "*Reload takes it over.*")
}

// TestConfigurationPage holds docs/configuration.md to the shipped file.
func TestConfigurationPage(t *testing.T) {
	raw, err := os.ReadFile(shipped)
	if err != nil {
		t.Fatal(err)
	}
	want := page(string(raw))
	if *update {
		if err := os.WriteFile(configDoc, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(configDoc)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the shipped file says: run this test with -update", configDoc)
	}
}

// TestReloadMarks: what the shipped file marks as taken over by a reload is
// what a reload takes over.
func TestReloadMarks(t *testing.T) {
	raw, err := os.ReadFile(shipped)
	if err != nil {
		t.Fatal(err)
	}
	marked := map[string]bool{}
	var comment, prefix string
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimRight(strings.TrimPrefix(line, "#"), "\n")
		switch {
		case strings.HasPrefix(line, "[["):
			prefix = strings.Trim(line, "[]") + "[]."
			if strings.Contains(comment, "(reload)") {
				marked[strings.Replace(strings.TrimSuffix(prefix, "[]."), "printer.", "printer[].", 1)] = true
			}
			comment = ""
		case strings.HasPrefix(line, "["):
			prefix, comment = strings.Trim(line, "[]")+".", ""
		case strings.Contains(line, " = ") && !strings.HasPrefix(line, " "):
			k, _, _ := strings.Cut(line, " = ")
			if strings.Contains(comment, "(reload)") {
				marked[prefix+k] = true
			}
			comment = ""
		case line == "":
			comment = ""
		default:
			comment += line
		}
	}
	for _, k := range reloadable {
		if !marked[k] {
			t.Errorf("%s is taken over, and not marked", k)
		}
		delete(marked, k)
	}
	for k := range marked {
		t.Errorf("%s is marked, and not taken over", k)
	}
}
