package msr

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

const secretText = "5EC4E7"

func secretSwipe(t *testing.T) Swipe {
	t.Helper()
	d, err := NewDecoder("lane", Config{})
	if err != nil {
		t.Fatal(err)
	}
	var got Swipe
	d.Feed([]byte("%"+secretText+"?;123?\r"), d.last, func(s Swipe) { got = s })
	if !bytes.Contains(got.Report(), []byte(secretText)) {
		t.Fatal("no swipe")
	}
	return got
}

// TestNoTrackIsPrinted: not by fmt, by no encoding, not from within another
// value, and not byte by byte.
func TestNoTrackIsPrinted(t *testing.T) {
	s := secretSwipe(t)
	type outer struct {
		Swipe  Swipe
		inner  Swipe
		inners []Swipe
		any    any
		ptr    *Swipe
	}
	values := []any{s, &s, []Swipe{s}, map[string]Swipe{"a": s}, outer{s, s, []Swipe{s}, s, &s}, &outer{Swipe: s}, fmt.Errorf("with %v", s)}
	var forbidden []string
	forbidden = append(forbidden, secretText, fmt.Sprintf("%x", secretText), fmt.Sprintf("%X", secretText),
		strings.Trim(fmt.Sprint([]byte(secretText)), "[]"), strings.Trim(fmt.Sprintf("%#v", []byte(secretText)), "[]byte{}"))
	look := func(how string, out []byte) {
		t.Helper()
		for _, f := range forbidden {
			if bytes.Contains(out, []byte(f)) {
				t.Errorf("%s shows the track", how)
			}
		}
	}
	for i, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c", "%T", "%o", "%b", "%U", "%p"} {
			look(fmt.Sprintf("value %d with %s", i, verb), fmt.Appendf(nil, verb, v))
		}
		out, _ := json.Marshal(v)
		look("json", out)
		out, _ = xml.Marshal(v)
		look("xml", out)
		out, _ = cbor.Marshal(v)
		look("cbor", out)
		var b bytes.Buffer
		_ = gob.NewEncoder(&b).Encode(v)
		look("gob", b.Bytes())
		for _, h := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
			slog.New(h).Info("event", "swipe", v)
			slog.New(h).Info("event", "swipe", slog.GroupValue(slog.Any("x", v)))
		}
		look("slog", b.Bytes())
	}
	if _, err := json.Marshal(s); err == nil {
		t.Error("a swipe was encoded without an error")
	}
}

func TestWipeEmptiesAllCopies(t *testing.T) {
	s := secretSwipe(t)
	other, text := s, s.Report()
	s.Wipe()
	if s.Report() != nil || other.Report() != nil {
		t.Error("a report is left")
	}
	if bytes.Count(text[:cap(text)], []byte{0}) != cap(text) {
		t.Error("bytes are left")
	}
	s.Wipe()
	Swipe{}.Wipe()
}
