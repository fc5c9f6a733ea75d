// Package confedit changes a configuration file in TOML the way a careful person
// would: only the keys that change are touched, in their places; comments, order and
// everything else stay as they were.
//
// It guarantees that a merge that changes nothing gives back the same bytes, and that
// merging the same again changes nothing. Tables that may come more than once are told
// apart by their key "name", or "code"; what the file has and the fragment has not is left
// alone. It does not know what the keys mean, and does not check values: whoever writes the
// result reads it with the reader that it is for, first.
package confedit

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// Errors of a fragment that cannot be merged. Text that is no TOML is an error of
// the parser.
var (
	ErrNoName = errors.New("a table that may come more than once has no name")
	ErrTwice  = errors.New("two tables have the same name")
	ErrShape  = errors.New("the fragment does not fit the file: what is a table in one is a value or a list in the other")
)

// Change is one key that a merge changed.
type Change struct {
	// Key is where, in words: "printer receipt: flow", "signon.method".
	Key string `json:"key"`
	// From and To are values as TOML has them; an empty From was not written before.
	From string `json:"from,omitempty"`
	To   string `json:"to"`
}

// Merge puts every key of the fragment into the text, and says which values that
// changed.
func Merge(text, fragment []byte) ([]byte, []Change, error) {
	have, err := parse(text)
	if err != nil {
		return nil, nil, fmt.Errorf("the configuration: %w", err)
	}
	want, err := parse(fragment)
	if err != nil {
		return nil, nil, err
	}
	m := merger{text: text, have: have}
	for i := range want {
		if err := m.table(&want[i]); err != nil {
			return nil, nil, err
		}
	}
	out := m.apply()
	if _, err := parse(out); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrShape, err)
	}
	return out, m.changes, nil
}

// Without is a text without one plain table, its keys and the tables in it.
func Without(text []byte, name string) ([]byte, error) {
	tables, err := parse(text)
	if err != nil {
		return nil, err
	}
	var out []byte
	last := 0
	for i := range tables {
		t := &tables[i]
		if t.path != name && !strings.HasPrefix(t.path, name+".") {
			continue
		}
		end := len(text)
		if i+1 < len(tables) {
			end = tables[i+1].start
		}
		out = append(out, text[last:t.start]...)
		last = end
	}
	return append(out, text[last:]...), nil
}

// table is one table of a text, from its header to the next one's.
type table struct {
	path   string // as printer{receipt}.drawer{till}; the root's is empty
	header string // as [[printer.drawer]]
	array  bool
	start  int // of the header's line
	end    int // behind the header's line; of the last key's line, once there is one
	close  int // where the next header begins
	keys   []pair
}

// pair is one key with its value.
type pair struct {
	key        string // its parts, with dots between
	text       string // as it is written
	value      string
	from, to   int // of the value
	start, end int // of its lines
}

func (t *table) find(key string) *pair {
	for i := range t.keys {
		if t.keys[i].key == key {
			return &t.keys[i]
		}
	}
	return nil
}

// parse finds the tables and keys of a text, the root's first.
func parse(text []byte) ([]table, error) {
	if err := toml.Unmarshal(text, new(map[string]any)); err != nil {
		return nil, err
	}
	tables := []table{{close: len(text)}}
	var heads [][]string
	heads = append(heads, nil)
	var p unstable.Parser
	p.Reset(text)
	for p.NextExpression() {
		e := p.Expression()
		var parts []string
		at := -1
		for it := e.Key(); it.Next(); {
			n := it.Node()
			if at < 0 {
				at = int(n.Raw.Offset)
			}
			parts = append(parts, part(string(n.Data)))
		}
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			start := lineStart(text, at)
			tables[len(tables)-1].close = start
			array := e.Kind == unstable.ArrayTable
			tables = append(tables, table{header: headerText(text, start), array: array, start: start, end: lineEnd(text, at), close: len(text)})
			heads = append(heads, parts)
		case unstable.KeyValue:
			from := valueStart(text, at)
			to := valueEnd(text, from)
			t := &tables[len(tables)-1]
			t.keys = append(t.keys, pair{strings.Join(parts, "."), keyText(text, at), string(text[from:to]), from, to, lineStart(text, at), lineEnd(text, to)})
			t.end = lineEnd(text, to)
		}
	}
	if err := p.Error(); err != nil {
		return nil, err
	}
	return tables, name(tables, heads)
}

// name gives each table its path: the names of the tables above it that may come more
// than once are those of the last ones before it.
func name(tables []table, heads [][]string) error {
	current := map[string]string{} // printer.drawer -> printer{receipt}.drawer{till}
	seen := map[string]bool{}
	for i := range tables {
		t := &tables[i]
		if i == 0 {
			continue
		}
		above := ""
		for n := 1; n < len(heads[i]); n++ {
			key := strings.Join(heads[i][:n], ".")
			if at, ok := current[key]; ok {
				above = at
			} else {
				above = join(above, heads[i][n-1])
			}
		}
		whole := strings.Join(heads[i], ".")
		t.path = join(above, heads[i][len(heads[i])-1])
		if t.array {
			id := identity(t)
			if id == "" {
				id = fmt.Sprintf("#%d", i) // is like no other; merging it is an error
			}
			t.path += "{" + id + "}"
			for key := range current { // those below belong to the table before
				if strings.HasPrefix(key, whole+".") {
					delete(current, key)
				}
			}
			current[whole] = t.path
		}
		if seen[t.path] {
			return fmt.Errorf("%w: %s", ErrTwice, words(t.path))
		}
		seen[t.path] = true
	}
	return nil
}

// identity is what a table that may come more than once is known by.
func identity(t *table) string {
	for _, key := range []string{"name", "code"} {
		if p := t.find(key); p != nil {
			if s, ok := decode(p.value).(string); ok {
				return s
			}
		}
	}
	return ""
}

func join(above, part string) string {
	if above == "" {
		return part
	}
	return above + "." + part
}

// words is a path for people: "printer receipt, drawer till".
func words(path string) string {
	return strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(path, "}.", ", "), "{", " "), "}", "")
}

// decode is what a value means.
func decode(value string) any {
	var v struct {
		X any `toml:"x"`
	}
	if err := toml.Unmarshal([]byte("x = "+value), &v); err != nil {
		return nil
	}
	return v.X
}

func lineStart(text []byte, at int) int {
	for at > 0 && text[at-1] != '\n' {
		at--
	}
	return at
}

func lineEnd(text []byte, at int) int {
	for at < len(text) && text[at] != '\n' {
		at++
	}
	return min(at+1, len(text))
}

// part is a part of a key, so that no two keys look the same in a path.
func part(s string) string {
	if s == "" || strings.ContainsAny(s, ".{}\"") {
		return strconv.Quote(s)
	}
	return s
}

// keyText is a key as it is written.
func keyText(text []byte, at int) string {
	from := at
	for at < len(text) && text[at] != '=' {
		if text[at] == '"' || text[at] == '\'' {
			at = stringEnd(text, at)
			continue
		}
		at++
	}
	return strings.TrimSpace(string(text[from:at]))
}

// headerText is a table's header as it is written, without a comment behind it.
func headerText(text []byte, at int) string {
	from := at
	for at < len(text) && text[at] != '\n' && text[at] != '#' {
		if text[at] == '"' || text[at] == '\'' {
			at = stringEnd(text, at)
			continue
		}
		at++
	}
	return strings.TrimSpace(string(text[from:at]))
}

// valueStart is where the value behind a key begins. The parser has read the text: it
// is well formed.
func valueStart(text []byte, at int) int {
	for at < len(text) && text[at] != '=' {
		if q := text[at]; q == '"' || q == '\'' {
			at = stringEnd(text, at)
			continue
		}
		at++
	}
	at++
	for at < len(text) && (text[at] == ' ' || text[at] == '\t') {
		at++
	}
	return at
}

// valueEnd is where a value ends: before a comment, or the line's end outside
// brackets and strings.
func valueEnd(text []byte, at int) int {
	depth, last := 0, at
	for at < len(text) {
		switch c := text[at]; c {
		case '"', '\'':
			at = stringEnd(text, at)
			last = at
			continue
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case '#':
			if depth == 0 {
				return last
			}
			at = lineEnd(text, at)
			continue
		case '\n':
			if depth == 0 {
				return last
			}
		case ' ', '\t', '\r':
			at++
			continue
		}
		at++
		last = at
	}
	return last
}

// stringEnd is where a string ends that begins at a quote.
func stringEnd(text []byte, at int) int {
	quote := text[at]
	triple := at+2 < len(text) && text[at+1] == quote && text[at+2] == quote
	if !triple {
		for at++; at < len(text) && text[at] != quote; at++ {
			if text[at] == '\\' && quote == '"' {
				at++
			}
		}
		return min(at+1, len(text))
	}
	for at += 3; at < len(text); at++ {
		if text[at] == '\\' && quote == '"' {
			at++
			continue
		}
		if text[at] == quote && at+2 < len(text) && text[at+1] == quote && text[at+2] == quote {
			at += 3
			for at < len(text) && text[at] == quote { // up to two more belong to it
				at++
			}
			return at
		}
	}
	return len(text)
}

// braces are the names in a path.
var braces = regexp.MustCompile(`\{[^}]*\}`)

// edit replaces a piece of the text.
type edit struct {
	from, to int
	with     string
	// after orders what is inserted at one place: keys of the table there, tables
	// below it, new tables with what is below those.
	after int
}

type merger struct {
	text    []byte
	have    []table
	edits   []edit
	changes []Change
}

func (m *merger) table(w *table) error {
	if w.array && strings.Contains(w.path, "{#") {
		return fmt.Errorf("%w: %s", ErrNoName, w.header)
	}
	for i := range m.have {
		// In the file it is a list, of which the fragment does not say which one is meant.
		if t := &m.have[i]; t.array && strings.HasPrefix(w.path+".", braces.ReplaceAllString(t.path, "")+".") {
			return fmt.Errorf("%w: %s", ErrShape, w.header)
		}
	}
	at := slices.IndexFunc(m.have, func(t table) bool { return t.path == w.path })
	if at < 0 && (w.array || len(w.keys) > 0) {
		m.add(w)
		return nil
	}
	if at < 0 {
		return nil // a header with nothing below it says nothing
	}
	for i := range w.keys {
		m.key(&m.have[at], &w.keys[i])
	}
	return nil
}

func (m *merger) changed(t *table, key, from, to string) {
	where := key
	switch {
	case strings.HasSuffix(t.path, "}"):
		where = words(t.path) + ": " + key
	case t.path != "":
		where = words(t.path) + "." + key
	}
	m.changes = append(m.changes, Change{where, from, to})
}

// key sets a key of a table that is there.
func (m *merger) key(t *table, w *pair) {
	if p := t.find(w.key); p != nil {
		if reflect.DeepEqual(decode(p.value), decode(w.value)) {
			return
		}
		m.edits = append(m.edits, edit{from: p.from, to: p.to, with: w.value})
		m.changed(t, w.key, p.value, w.value)
		return
	}
	m.changed(t, w.key, "", w.value)
	line := w.text + " = " + w.value + "\n"
	if from, to, ok := m.commented(t, w.key); ok {
		m.edits = append(m.edits, edit{from: from, to: to, with: line})
		t.end = max(t.end, to) // what is added next goes behind it
		return
	}
	at := t.end
	if t.path == "" && len(t.keys) == 0 {
		at = m.first()
	}
	m.edits = append(m.edits, edit{from: at, to: at, with: line})
}

// first is where a root's first key goes: behind the comment that the file begins with.
func (m *merger) first() int {
	at := 0
	for at < len(m.text) && m.text[at] == '#' {
		at = lineEnd(m.text, at)
	}
	if len(bytes.TrimSpace(m.text[at:])) == 0 {
		return len(m.text)
	}
	if at >= m.have[0].close && len(m.have) > 1 {
		return 0 // that comment is of the first table
	}
	return at
}

// commented finds the line of a table's key that stands there with its default, to
// be uncommented: "#key = ...", before anything that is the beginning of another table.
func (m *merger) commented(t *table, key string) (from, to int, ok bool) {
	for at := t.start; at < t.close; at = lineEnd(m.text, at) {
		line := string(m.text[at:lineEnd(m.text, at)])
		if strings.HasPrefix(line, "#[") {
			return 0, 0, false
		}
		rest, found := strings.CutPrefix(line, "#"+key)
		if found && strings.HasPrefix(strings.TrimLeft(rest, " \t"), "=") {
			return at, at + len(line), true
		}
	}
	return 0, 0, false
}

// add makes a table that is not there: behind the others of the table above it, or at
// the end.
func (m *merger) add(w *table) {
	var b strings.Builder
	b.WriteString("\n" + w.header + "\n")
	for i := range w.keys {
		b.WriteString(w.keys[i].text + " = " + w.keys[i].value + "\n")
		m.changed(w, w.keys[i].key, "", w.keys[i].value)
	}
	at, after := len(m.text), 2
	if i := strings.LastIndex(w.path, "}."); i >= 0 {
		above := w.path[:i+1]
		for j := range m.have {
			if t := &m.have[j]; t.path == above || strings.HasPrefix(t.path, above+".") {
				at, after = t.end, 1
			}
		}
	}
	m.edits = append(m.edits, edit{at, at, b.String(), after})
}

// apply makes the new text.
func (m *merger) apply() []byte {
	slices.SortStableFunc(m.edits, func(a, b edit) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to), cmp.Compare(a.after, b.after))
	})
	var out []byte
	last := 0
	for _, e := range m.edits {
		out = append(out, m.text[last:e.from]...)
		if e.from == e.to && len(out) > 0 && out[len(out)-1] != '\n' {
			out = append(out, '\n')
		}
		out = append(out, e.with...)
		last = e.to
	}
	return append(out, m.text[last:]...)
}
