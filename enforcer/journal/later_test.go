package journal

import (
	"errors"
	"os"
	"reflect"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"

	"tillwarden/enforcer/journal/entry"
)

// laterJournal is a journal whose last entry a later version wrote: change has the
// entry's fields by their keys.
func laterJournal(t *testing.T, change func(fields map[any]any)) Options {
	t.Helper()
	o := closedJournal(t)
	data, err := os.ReadFile(o.Path)
	if err != nil {
		t.Fatal(err)
	}
	v, _ := look(t, data)
	w, err := newWriter(v)
	if err != nil {
		t.Fatal(err)
	}
	e := testDecision(newRand(9))
	e.Seq = w.next
	records, err := w.add([]entry.Entry{e})
	if err != nil {
		t.Fatal(err)
	}
	var fields map[any]any
	if err := cbor.Unmarshal(encoded(t, &e), &fields); err != nil {
		t.Fatal(err)
	}
	change(fields)
	body, err := encMode.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	// The entry is a leaf of its own (its place is even), so that its hash is all there is.
	body = append([]byte{0}, body...)
	h := leafHash(body)
	records[0].value = append(h[:], body...)
	db, err := bbolt.Open(o.Path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(func(tx *bbolt.Tx) error { return w.put(tx, records, nil) }); err != nil {
		t.Fatal(err)
	}
	return o
}

// TestLaterVersionsJournalIsNotDamaged: a version that does not know a kind, a reason or
// a field of an entry reads what it knows, says that there is more, and goes on with the
// journal; and a verification holds the entry's bytes against their hash.
func TestLaterVersionsJournalIsNotDamaged(t *testing.T) {
	for words, c := range map[string]struct {
		change func(f map[any]any)
		later  bool
	}{
		"a kind":                {func(f map[any]any) { f[uint64(2)] = 999 }, false},
		"a reason":              {func(f map[any]any) { f[uint64(11)] = 999 }, false},
		"a method":              {func(f map[any]any) { f[uint64(14)] = 99 }, false},
		"a field":               {func(f map[any]any) { f[uint64(999)] = "something" }, true},
		"a field with a map":    {func(f map[any]any) { f[uint64(99)] = map[int]any{1: []string{"a"}, 2: 5} }, true},
		"a field of a field":    {func(f map[any]any) { f[uint64(12)] = map[int]any{1: "G", 2: "pos.drawer", 3: "X", 9: "more"} }, true},
		"a field of its moment": {func(f map[any]any) { f[uint64(3)].(map[any]any)[uint64(9)] = 1 }, true},
	} {
		t.Run(words, func(t *testing.T) {
			o := laterJournal(t, c.change)
			r, err := Verify(t.Context(), o.Path, []note.Verifier{})
			if err != nil || !r.OK || r.Entries != 701 {
				t.Fatalf("verified: %v, %+v", err, r)
			}
			if c.later != (r.Later > 0) {
				t.Errorf("%d entries have fields of a later version", r.Later)
			}
			s := openTest(t, o)
			if s.Last().Last != 701 {
				t.Fatalf("it was set aside: %+v", s.Last())
			}
			e, err := s.Get(t.Context(), 701)
			if err != nil || e.Seq != 701 || e.Operator == "" || e.Later != c.later {
				t.Errorf("%v, %+v", err, e)
			}
			if seq := append1(t, s, testDecision(newRand(1))); seq != 702 {
				t.Errorf("the next entry is %d", seq)
			}
			n := 0
			if err := s.Each(t.Context(), Filter{}, func(*entry.Entry) error { n++; return nil }); err != nil || n != 702 {
				t.Errorf("%d entries: %v", n, err)
			}
		})
	}
}

// TestNoEntryOfALaterVersion: what no version would write is damage still.
func TestNoEntryOfALaterVersion(t *testing.T) {
	for words, hex := range map[string][]byte{
		"a key that is no number":     {0xa2, 0x01, 0x01, 0x61, 'x', 0x01},
		"a key below all":             {0xa2, 0x00, 0x01, 0x01, 0x01},
		"a later key twice":           {0xa3, 0x01, 0x01, 0x18, 0x63, 0x01, 0x18, 0x63, 0x02},
		"a field of another kind":     {0xa2, 0x01, 0x61, 'x', 0x18, 0x63, 0x01},
		"something after a later one": {0xa2, 0x01, 0x01, 0x18, 0x63, 0x01, 0x00},
	} {
		var e entry.Entry
		if err := decodeBody(append([]byte{0}, hex...), &e); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v, %+v", words, err, e)
		}
	}
}

// TestLaterReadsWhatItKnows: whatever a later version adds to an entry, or to what is in it,
// everything else is read as if that were not there, by both decoders.
func TestLaterReadsWhatItKnows(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e := genEntry.Draw(rt, "entry")
		e.Seq = 7
		clean(&e)
		b, err := encMode.Marshal(&e)
		if err != nil {
			rt.Fatal(err)
		}
		var want entry.Entry
		if err := decodeBody(append([]byte{0}, b...), &want); err != nil {
			rt.Fatal(err)
		}
		var fields map[any]any
		if err := cbor.Unmarshal(b, &fields); err != nil {
			rt.Fatal(err)
		}
		for _, k := range rapid.SliceOfN(rapid.Uint64Range(34, 1<<40), 1, 5).Draw(rt, "keys") {
			fields[k] = rapid.OneOf(rapid.Just[any]("x"), rapid.Just[any](map[int]any{1: 2}), rapid.Just[any]([]int{1, 2}), rapid.Just[any](true), rapid.Just[any](nil), rapid.Just[any](1.5)).Draw(rt, "v")
		}
		for k, v := range fields {
			if m, ok := v.(map[any]any); ok && rapid.Bool().Draw(rt, "inner") {
				m[uint64(99)] = k
			}
		}
		more, err := encMode.Marshal(fields)
		if err != nil {
			rt.Fatal(err)
		}
		var got entry.Entry
		if err := decodeBody(append([]byte{0}, more...), &got); err != nil {
			rt.Fatal(err)
		}
		if !got.Later {
			rt.Fatal("it does not say that there is more")
		}
		got.Later = false
		if !reflect.DeepEqual(got, want) {
			rt.Fatalf("%+v\n%+v", got, want)
		}
		var other entry.Entry
		err = newDecoder().at(append([]byte{0}, more...), e.Seq, &other)
		if other.Later = false; err != nil || !reflect.DeepEqual(other, want) {
			rt.Fatalf("%v\n%+v\n%+v", err, other, want)
		}
	})
}
