package journal

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"tillwarden/enforcer/journal/entry"
)

// TestDocumentedNumbers holds docs/journal.md to the lists and fields that
// are on disk: an auditor must find every number there.
func TestDocumentedNumbers(t *testing.T) {
	raw, err := os.ReadFile("../../docs/journal.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(raw)
	for _, c := range []struct {
		title string
		word  func(i int) string
	}{
		{"Kinds", func(i int) string { return entry.Kind(i).String() }},
		{"Outcomes", func(i int) string { return entry.Outcome(i).String() }},
		{"Reasons", func(i int) string { return entry.Reason(i).String() }},
		{"Methods", func(i int) string { return entry.Method(i).String() }},
		{"Purposes", func(i int) string { return entry.Purpose(i).String() }},
		{"Modes", func(i int) string { return entry.Mode(i).String() }},
		{"Clock states", func(i int) string { return entry.ClockState(i).String() }},
	} {
		var want []string
		for i := 1; !strings.HasSuffix(c.word(i), fmt.Sprintf("-%d", i)); i++ {
			want = append(want, fmt.Sprintf("%d %s", i, c.word(i)))
		}
		compareRows(t, c.title, rows(doc, c.title, regexp.MustCompile("(?m)^\\| (\\d+) \\| `([^`]+)` \\| .+ \\|$")), want)
	}
	var want []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[entry.Entry]()) {
		number, _, _ := strings.Cut(f.Tag.Get("cbor"), ",")
		if number != "-" { // is not stored
			want = append(want, number+" "+f.Name)
		}
	}
	compareRows(t, "Entries", rows(doc, "Entries", regexp.MustCompile(`(?m)^\| (\d+) \| (\w+) \| .+ \|$`)), want)
}

// rows are the numbers and names of the table in a section.
func rows(doc, title string, row *regexp.Regexp) (out []string) {
	_, section, _ := strings.Cut(doc, "### "+title+"\n")
	section, _, _ = strings.Cut(section, "\n### ")
	for _, m := range row.FindAllStringSubmatch(section, -1) {
		out = append(out, m[1]+" "+m[2])
	}
	return out
}

func compareRows(t *testing.T, title string, got, want []string) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("docs/journal.md, %s:\nhas  %q\nwant %q", title, got, want)
	}
}
