package journal

import (
	"errors"
	"reflect"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"

	"tillwarden/enforcer/journal/entry"
)

// TestStoredPagesAreTheEntries: whatever is asked for, the pages as stored are the pages
// of entries, and a decoder reads them.
func TestStoredPagesAreTheEntries(t *testing.T) {
	s := aged(t, 8, 100)
	for range 30 {
		append1(t, s, testDecision(newRand(7)))
	}
	rapid.Check(t, func(rt *rapid.T) {
		f := Filter{
			Limit: rapid.IntRange(1, 40).Draw(rt, "limit"), After: entry.Seq(rapid.IntRange(0, 140).Draw(rt, "after")),
			Kind: rapid.SampledFrom([]entry.Kind{0, entry.KindDecision, entry.KindCalled}).Draw(rt, "kind"), Reverse: rapid.Bool().Draw(rt, "reverse"),
		}
		for {
			want, next, err := s.Query(t.Context(), f)
			if err != nil {
				rt.Fatal(err)
			}
			page, after, err := s.QueryStored(t.Context(), f)
			if err != nil || after != next {
				rt.Fatalf("it goes on at %d, want %d: %v", after, next, err)
			}
			d := NewDecoder()
			var got []entry.Entry
			for rest := page; len(rest) > 0; {
				var raw cbor.RawMessage
				if rest, err = cbor.UnmarshalFirst(rest, &raw); err != nil {
					rt.Fatal(err)
				}
				var e entry.Entry
				if err := d.Decode(raw, &e); err != nil {
					rt.Fatal(err)
				}
				got = append(got, e)
			}
			if !reflect.DeepEqual(got, want) {
				rt.Fatalf("%d entries, want %d", len(got), len(want))
			}
			if next == 0 {
				return
			}
			f = f.Continue(next)
		}
	})
}

// TestDecoderTakesNothingElse: half an entry, two, and what is none.
func TestDecoderTakesNothingElse(t *testing.T) {
	e := testDecision(newRand(3))
	e.Seq = 9
	good := encoded(t, &e)
	for words, b := range map[string][]byte{
		"nothing": {}, "half": good[:len(good)/2], "two": append(append([]byte{}, good...), good...), "a number": {0x05}, "text": []byte("hello"),
	} {
		var got entry.Entry
		if err := NewDecoder().Decode(b, &got); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", words, err)
		}
	}
	var got entry.Entry
	if err := NewDecoder().Decode(good, &got); err != nil || got.Seq != 9 {
		t.Errorf("%+v, %v", got, err)
	}
}
