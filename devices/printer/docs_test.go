package printer

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"tillwarden/devices/escpos"
)

const (
	printersPage = "../../docs/printers.md"
	tableBegins  = "<!-- dialects: from the code, go test ./devices/printer -run TestPrintersPage -update -->\n"
	tableEnds    = "<!-- end of dialects -->"
)

// TestPrintersPage holds the table of dialects in docs/printers.md to the code.
func TestPrintersPage(t *testing.T) {
	var b strings.Builder
	b.WriteString("\n| dialect | what it is for, and what it promises | what is uncertain |\n| --- | --- | --- |\n")
	for _, d := range escpos.Dialects() {
		if _, ok := languages[d.Name()]; !ok {
			t.Errorf("%s: the guard does not know how to speak to its printers", d.Name())
		}
		uncertain := "–"
		if d.Uncertain() != "" {
			uncertain = cell(d.Uncertain())
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", d.Name(), cell(d.About()), uncertain)
	}
	b.WriteString("\n")
	raw, err := os.ReadFile(printersPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(raw), tableBegins)
	table, after, ok2 := strings.Cut(rest, tableEnds)
	if !ok || !ok2 {
		t.Fatal("the page has lost the marks of its table")
	}
	if *update {
		if err := os.WriteFile(printersPage, []byte(before+tableBegins+b.String()+tableEnds+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !utf8.Valid(raw) {
		t.Error("the page is not UTF-8")
	}
	if table != b.String() {
		t.Error("the table is not that of the code: go test ./devices/printer -run TestPrintersPage -update")
	}
}

func cell(s string) string {
	s = strings.ReplaceAll(s, "|", `\|`)
	return strings.ToUpper(s[:1]) + s[1:]
}
