package source

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// columns is what the texts for people fit in, but for a single word that is
// longer: a register's terminal has no more.
const columns = 80

// text collects lines for people.
type text struct{ b strings.Builder }

// line writes one paragraph, broken between words. What follows a break stands
// two columns further in.
func (t *text) line(indent int, format string, args ...any) {
	column := 0
	for i, word := range strings.Fields(fmt.Sprintf(format, args...)) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
			t.b.WriteString(strings.Repeat(" ", indent))
			column = indent
		case column+1+n > columns:
			t.b.WriteString("\n" + strings.Repeat(" ", indent+2))
			column = indent + 2
		default:
			t.b.WriteByte(' ')
			column++
		}
		t.b.WriteString(word)
		column += n
	}
	t.b.WriteByte('\n')
}

// pair is a line of two columns.
type pair struct{ left, right string }

// pairs writes lines of two columns, the right one cut where it is too long.
func (t *text) pairs(indent int, list []pair) {
	const widest = 40
	left := 0
	for _, p := range list {
		if n := utf8.RuneCountInString(p.left); n <= widest {
			left = max(left, n)
		}
	}
	for _, p := range list {
		pad := max(0, left-utf8.RuneCountInString(p.left))
		room := columns - indent - utf8.RuneCountInString(p.left) - pad - 2
		s := strings.Repeat(" ", indent) + p.left + strings.Repeat(" ", pad) + "  " + cutText(p.right, room)
		t.b.WriteString(strings.TrimRight(s, " ") + "\n")
	}
}

// cutText shortens a text to n characters.
func cutText(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	if n < 2 {
		return ""
	}
	return string([]rune(s)[:n-1]) + "…"
}

func (t *text) blank() { t.b.WriteByte('\n') }

func (t *text) writeTo(w io.Writer, what string) error {
	if _, err := io.WriteString(w, t.b.String()); err != nil {
		return fmt.Errorf("write %s: %w", what, err)
	}
	return nil
}
