package keypad

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Kind is what happened at a keypad.
type Kind uint8

// The kinds.
const (
	KindKey      Kind = iota + 1 // a key of the line, or Backspace: Length is the line's
	KindLine                     // Enter: Text is the line, which may be empty
	KindFunction                 // a function key; the line stays as it is
	KindClear                    // Clear: the line is gone
	KindTimeout                  // nothing was pressed for too long: the line is gone
	KindTooLong                  // the line is gone, and what follows until Enter or Clear
	KindGarbled                  // as KindTooLong: no key sends what came
)

var kindWords = [...]string{KindKey: "key", KindLine: "line", KindFunction: "function", KindClear: "clear", KindTimeout: "timeout", KindTooLong: "too-long", KindGarbled: "garbled"}

// String gives the kind's word.
func (k Kind) String() string {
	if k > 0 && int(k) < len(kindWords) {
		return kindWords[k]
	}
	return fmt.Sprintf("kind-%d", uint8(k))
}

// Event is something that happened at a keypad. What was typed is shared by its
// copies and gone after Wipe.
type Event struct {
	// Source is the keypad's name.
	Source string
	// At is when the last key was pressed.
	At   time.Time
	Kind Kind
	// Function is the function key's name.
	Function string
	// Length is how many characters the line has.
	Length int

	// In a function's keeping: fmt looks into another value's unexported fields
	// without asking their methods, and follows a pointer there when it takes a
	// verb to be wrong. It cannot look into a function.
	open func() *secret
}

type secret struct{ text []byte }

func keep(text []byte) func() *secret {
	s := &secret{text}
	return func() *secret { return s }
}

// Text is the line of KindLine: digits, * and #. It points to the event's own
// bytes, so that wiping either wipes both, and is nil after Wipe.
func (e Event) Text() []byte {
	if e.open == nil {
		return nil
	}
	return e.open().text
}

// Wipe empties the event and its copies.
func (e Event) Wipe() {
	if e.open == nil {
		return
	}
	kept := e.open()
	clear(kept.text[:cap(kept.text)])
	kept.text = nil
}

// String says at which keypad what happened, never what was typed.
func (e Event) String() string {
	if e.Kind == KindFunction {
		return "function key " + e.Function + " at " + e.Source
	}
	return e.Kind.String() + " at " + e.Source
}

// Format prints String for every verb.
func (e Event) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.String()) }

// GoString is String.
func (e Event) GoString() string { return e.String() }

// LogValue is String.
func (e Event) LogValue() slog.Value { return slog.StringValue(e.String()) }

// errEncode is why an event cannot be encoded. There is no reason to, and one
// that reached an encoder is a mistake that ought to be seen.
var errEncode = errors.New("keypad: an event is never encoded")

// MarshalText always fails.
func (e Event) MarshalText() ([]byte, error) { return nil, errEncode }

// MarshalJSON always fails.
func (e Event) MarshalJSON() ([]byte, error) { return nil, errEncode }

// MarshalBinary always fails.
func (e Event) MarshalBinary() ([]byte, error) { return nil, errEncode }
