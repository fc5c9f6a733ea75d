package journal

import (
	"context"
	"errors"
	"testing"

	"tillwarden/enforcer/journal/entry"
)

func TestAppendAndReadBack(t *testing.T) {
	o := testOptions(t)
	s := openTest(t, o)
	r := newRand(1)
	var want []entry.Entry
	for i := range 700 {
		e := testDecision(r)
		e.Source = ""
		seq := append1(t, s, e)
		if seq != entry.Seq(i+1) {
			t.Fatalf("entry %d got number %d", i+1, seq)
		}
		want = append(want, e)
	}
	for i := range want {
		got, err := s.Get(t.Context(), entry.Seq(i+1))
		if err != nil {
			t.Fatal(err)
		}
		if got.Operator != want[i].Operator || got.Seq != entry.Seq(i+1) || got.Stamp.Wall == 0 {
			t.Fatalf("entry %d came back as %+v", i+1, got)
		}
	}
	if _, err := s.Get(context.Background(), 701); !errors.Is(err, ErrNotFound) {
		t.Errorf("an entry that is none: %v", err)
	}
	if h := s.Last(); h.Last != 700 || h.First != 1 {
		t.Errorf("head is %+v", h)
	}
	text, err := s.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", text)
}
