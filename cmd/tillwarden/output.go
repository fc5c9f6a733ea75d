package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// printJSON writes one value as people and scripts read it.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// printLine writes one value as one line of JSON.
func (a *app) printLine(v any) error {
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// say writes a line to standard output.
func (a *app) say(format string, args ...any) { fmt.Fprintf(a.out, format+"\n", args...) }

// note writes a line to standard error: what is worth knowing, but not asked for.
func (a *app) note(format string, args ...any) {
	fmt.Fprintf(a.err, "tillwarden: "+format+"\n", args...)
}

// table writes rows in columns; the first row is the heading.
func table(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(t, strings.TrimRight(strings.Join(row, "\t"), "\t"))
	}
	return t.Flush()
}

// cut shortens text to n characters for a column.
func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// join lists words as in a sentence.
func join(list []string) string { return strings.Join(list, ", ") }

// orDash shows an empty cell as a dash.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// yesNo shows a truth in a cell.
func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
