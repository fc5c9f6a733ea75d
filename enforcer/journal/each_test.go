package journal

import (
	"errors"
	"testing"

	"tillwarden/enforcer/journal/entry"
)

// TestEachGivesWhatReplayGives: over page ends, with a filter, and no entry
// that was written since it began.
func TestEachGivesWhatReplayGives(t *testing.T) {
	s := openTest(t, testOptions(t))
	r := newRand(9)
	const total = 2*eachPage + 300
	for range total / 100 {
		es := make([]entry.Entry, 100)
		for i := range es {
			es[i] = testDecision(r)
			es[i].Source = ""
		}
		if _, err := s.Append(t.Context(), true, es...); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []Filter{{}, {Operator: "1042"}, {Outcome: entry.OutcomeDenied, After: 500}, {Kind: entry.KindPeople}, {Before: eachPage + 1}} {
		var want, got []entry.Seq
		err := s.Replay(t.Context(), f, func(e entry.Entry) error { want = append(want, e.Seq); return nil })
		if err != nil {
			t.Fatal(err)
		}
		late := append1(t, s, testDecision(r))
		err = s.Each(t.Context(), Filter{Operator: f.Operator, Outcome: f.Outcome, After: f.After, Kind: f.Kind, Before: max(f.Before, 0), Reverse: true}, func(e *entry.Entry) error {
			if e.Seq != late {
				got = append(got, e.Seq)
			}
			return nil
		})
		if err != nil || len(got) != len(want) {
			t.Fatalf("%+v: %d entries, want %d: %v", f, len(got), len(want), err)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("%+v: entry %d where %d is next", f, got[i], want[i])
			}
		}
	}
	enough := errors.New("enough")
	n := 0
	if err := s.Each(t.Context(), Filter{}, func(*entry.Entry) error {
		if n++; n == eachPage+5 {
			return enough
		}
		return nil
	}); !errors.Is(err, enough) || n != eachPage+5 {
		t.Errorf("stopped after %d: %v", n, err)
	}
}
