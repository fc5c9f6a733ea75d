package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"unicode/utf8"
)

// Secret is a PIN on its way in. It never prints, and Wipe clears it.
type Secret []byte

var errSecret = errors.New("a PIN is a JSON string of at most 64 plain characters")

const maxSecret = 64

// UnmarshalJSON copies the string's bytes without a Go string in between. A
// PIN needs no escapes, so none are taken.
func (s *Secret) UnmarshalJSON(raw []byte) error {
	if bytes.Equal(raw, []byte("null")) {
		*s = nil
		return nil
	}
	if len(raw) < 2 || raw[0] != '"' || raw[len(raw)-1] != '"' {
		return errSecret
	}
	body := raw[1 : len(raw)-1]
	if len(body) > maxSecret || bytes.IndexByte(body, '\\') >= 0 || !utf8.Valid(body) {
		return errSecret
	}
	*s = append((*s)[:0:0], body...)
	return nil
}

// MarshalJSON writes the secret for the wire: only the client does that.
func (s Secret) MarshalJSON() ([]byte, error) {
	if s == nil {
		return []byte(`""`), nil
	}
	return json.Marshal(string(s))
}

// Wipe overwrites the secret.
func (s Secret) Wipe() { clear(s) }

// String prints dots, however long the secret is.
func (Secret) String() string { return "••••" }

// GoString prints dots as well.
func (Secret) GoString() string { return "api.Secret(••••)" }

// Format prints dots for every verb, %x among them.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("••••")) }

// LogValue prints dots in logs.
func (Secret) LogValue() slog.Value { return slog.StringValue("••••") }
