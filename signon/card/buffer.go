package card

import (
	"fmt"
	"io"
	"log/slog"
)

// buffer owns bytes that nobody may print. The types of this package hold it
// by pointer, and it holds its bytes by one more: fmt does not call the methods
// of a type that sits in somebody's unexported field, and follows one pointer
// there (a verb that does not fit makes it), but not two.
type buffer struct {
	p *[]byte
}

func newBuffer(b []byte) *buffer { return &buffer{p: &b} }

func (b *buffer) bytes() []byte {
	if b == nil {
		return nil
	}
	return *b.p
}

// piece is a part of the bytes; nil once they were wiped.
func (b *buffer) piece(s span) []byte {
	all := b.bytes()
	if s.from > s.to || s.to > len(all) {
		return nil
	}
	return all[s.from:s.to:s.to]
}

// wipe zeroes the whole capacity, not only what is in use.
func (b *buffer) wipe() {
	if b == nil {
		return
	}
	all := *b.p
	clear(all[:cap(all)])
	*b.p = all[:0]
}

// The methods below print the class for every way to print that the standard
// library has. They take the value's word, never its bytes.

func formatWord(f fmt.State, word string) { _, _ = io.WriteString(f, word) }

func quoted(word string) []byte { return []byte(`"` + word + `"`) }

// String says how many tracks there are, never what is on them.
func (t *Tracks) String() string {
	if t == nil {
		return "tracks(none)"
	}
	return fmt.Sprintf("tracks(%s %s %s)", t.status[0], t.status[1], t.status[2])
}

// Format prints String for every verb.
func (t *Tracks) Format(f fmt.State, _ rune) { formatWord(f, t.String()) }

// MarshalJSON gives String, quoted.
func (t *Tracks) MarshalJSON() ([]byte, error) { return quoted(t.String()), nil }

// MarshalText gives String.
func (t *Tracks) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// LogValue gives String.
func (t *Tracks) LogValue() slog.Value { return slog.StringValue(t.String()) }

// String gives the class, never what is on the card.
func (c *Card) String() string {
	if c == nil {
		return "card(none)"
	}
	return "card(" + c.class.String() + ")"
}

// Format prints String for every verb.
func (c *Card) Format(f fmt.State, _ rune) { formatWord(f, c.String()) }

// MarshalJSON gives String, quoted.
func (c *Card) MarshalJSON() ([]byte, error) { return quoted(c.String()), nil }

// MarshalText gives String.
func (c *Card) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// LogValue gives String.
func (c *Card) LogValue() slog.Value { return slog.StringValue(c.String()) }

// String says that there are fields, never what is in them.
func (p Fields) String() string { return "fields(" + p.track.String() + ")" }

// Format prints String for every verb.
func (p Fields) Format(f fmt.State, _ rune) { formatWord(f, p.String()) }

// MarshalJSON gives String, quoted.
func (p Fields) MarshalJSON() ([]byte, error) { return quoted(p.String()), nil }

// MarshalText gives String.
func (p Fields) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// LogValue gives String.
func (p Fields) LogValue() slog.Value { return slog.StringValue(p.String()) }
