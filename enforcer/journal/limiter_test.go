package journal

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"tillwarden/enforcer/journal/entry"
)

func refusal(source string) entry.Entry {
	return entry.Entry{Kind: entry.KindDecision, Outcome: entry.OutcomeDenied, Reason: entry.ReasonNoSession, Source: source}
}

// TestRefusalsOfOneSource lets a source be refused far too often: twenty a
// second are written, each of the others gets the number of the last of them,
// and a summary says how many they were.
func TestRefusalsOfOneSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openTest(t, testOptions(t))
		pos := refusal("socket:pos uid=1000")
		for i := range 100 {
			want := entry.Seq(min(i+1, refusalRate))
			if seq := append1(t, s, pos); seq != want {
				t.Fatalf("refusal %d got number %d, want %d", i+1, seq, want)
			}
		}
		// Another source, what is allowed, and the daemon's own are not held up.
		for i, e := range []entry.Entry{refusal("keypad:front"), {Kind: entry.KindDecision, Outcome: entry.OutcomeAllowed, Source: pos.Source}, refusal("")} {
			if seq := append1(t, s, e); seq != entry.Seq(refusalRate+1+i) {
				t.Fatalf("entry %d got number %d", i, seq)
			}
		}
		time.Sleep(refusalWindow + 10*time.Millisecond)
		synctest.Wait()
		sum, err := s.Get(t.Context(), refusalRate+4)
		if err != nil || sum.Kind != entry.KindSummary || sum.Count != 80 || sum.Source != pos.Source || sum.About != refusalRate {
			t.Fatalf("the summary is %+v, %v", sum, err)
		}
		// The next second begins anew, and a stop does not lose the count.
		if seq := append1(t, s, pos); seq != refusalRate+5 {
			t.Errorf("the next refusal got number %d", seq)
		}
		for range refusalRate + 6 {
			append1(t, s, pos)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		rd, err := OpenReader(s.Path())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rd.Close() }()
		page, _, err := rd.Query(t.Context(), Filter{Kind: entry.KindSummary, Reverse: true})
		if err != nil || len(page) != 2 || page[0].Count != 7 {
			t.Errorf("summaries are %+v, %v", page, err)
		}
	})
}

// TestLimiterLosesNoCount drives the limiter alone through failing commits:
// what is not written one by one is in exactly one summary that is.
func TestLimiterLosesNoCount(t *testing.T) {
	var l limiter
	r := newRand(8)
	now := time.Unix(0, 0)
	seq := entry.Seq(0)
	given, written, summed := 0, 0, uint64(0)
	for range 20_000 {
		now = now.Add(time.Duration(r.IntN(40)) * time.Millisecond)
		failed := r.IntN(10) == 0
		due := l.due(now, false)
		passed := 0
		for range r.IntN(5) {
			source := fmt.Sprint(r.IntN(3))
			given++
			if write, last := l.take(now, source); write {
				seq++
				passed++
				l.wrote(now, source, seq)
			} else if last == 0 || last > seq {
				t.Fatalf("answered with number %d of %d", last, seq)
			}
		}
		if failed {
			l.forget()
			given -= passed
			continue
		}
		l.summarised(due)
		for _, e := range due {
			summed += e.Count
		}
		written += passed
	}
	for _, e := range l.due(now, true) {
		summed += e.Count
	}
	if given != written+int(summed) {
		t.Errorf("%d refusals, %d written and %d in summaries", given, written, summed)
	}
}

// TestManySources has more sources than are kept apart.
func TestManySources(t *testing.T) {
	var l limiter
	now := time.Unix(0, 0)
	for i := range 3 * maxSources {
		source := fmt.Sprint(i)
		if write, _ := l.take(now, source); write {
			l.wrote(now, source, entry.Seq(i+1))
		}
	}
	if len(l.sources) > maxSources+1 {
		t.Errorf("%d sources are kept", len(l.sources))
	}
	if due := l.due(now, true); len(due) != 1 || due[0].Source != otherSources || due[0].Count != 2*maxSources-refusalRate {
		t.Errorf("%+v", due)
	}
	now = now.Add(time.Minute)
	l.take(now, "new")
	if len(l.sources) > 2 {
		t.Errorf("%d sources are kept after a minute", len(l.sources))
	}
}

// TestInvariant1WhatAModeLetsThroughIsWritten: however often it comes, each
// grant has an entry of its own.
func TestInvariant1WhatAModeLetsThroughIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openTest(t, testOptions(t))
		for range 2 * refusalRate { // this source is over its rate
			append1(t, s, refusal("receipt"))
		}
		through := refusal("receipt")
		through.Mode = entry.ModeMonitor
		for i := range 2 * refusalRate {
			seq := append1(t, s, through)
			if e, err := s.Get(t.Context(), seq); err != nil || e.Mode != entry.ModeMonitor || seq != entry.Seq(refusalRate+1+i) {
				t.Fatalf("number %d is %+v, %v", seq, e, err)
			}
		}
	})
}
