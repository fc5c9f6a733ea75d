package timeclock

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tillwarden/enforcer/journal/entry"
)

func at(boot byte, d time.Duration) entry.Stamp {
	return entry.Stamp{Wall: int64(d), Boot: int64(d), BootID: entry.BootID{boot}}
}

func punch(k entry.Kind, s entry.Stamp, length time.Duration) *entry.Entry {
	return &entry.Entry{Kind: k, Stamp: s, Outcome: entry.OutcomeAllowed, Operator: "101", Person: "p", Elapsed: int64(length)}
}

func TestWords(t *testing.T) {
	for _, p := range []Punch{In, Out, Break, Back} {
		if back, err := Parse(p.String()); err != nil || back != p || p.Kind() == entry.KindNone {
			t.Errorf("%v: %v, %v", p, back, err)
		}
	}
	if p, err := Parse("lunch"); err == nil {
		t.Errorf("lunch is %v", p)
	}
}

// TestForcedBreakIsOverByTheBootClock: whatever the wall clock says, and whether or
// not somebody journaled it; a reboot begins it anew.
func TestForcedBreakIsOverByTheBootClock(t *testing.T) {
	var c Clock
	c.Apply(punch(entry.KindClockIn, at(1, time.Hour), 0))
	c.Apply(punch(entry.KindBreakBegin, at(1, 2*time.Hour), 30*time.Minute))
	for _, x := range []struct {
		words string
		now   entry.Stamp
		state State
		left  time.Duration
	}{
		{"at once", at(1, 2*time.Hour), OnBreak, 30 * time.Minute},
		{"nearly", at(1, 2*time.Hour+30*time.Minute-1), OnBreak, 1},
		{"over", at(1, 2*time.Hour+30*time.Minute), On, 0},
		{"in another boot, before it was told of it", at(2, 9*time.Hour), OnBreak, 30 * time.Minute},
		{"with the wall clock set", entry.Stamp{Wall: 1 << 60, Boot: int64(2 * time.Hour), BootID: entry.BootID{1}}, OnBreak, 30 * time.Minute},
	} {
		if s := c.Of("p", x.now); s.State != x.state || s.Left(x.now) != x.left {
			t.Errorf("%s: %v, %v left", x.words, s.State, s.Left(x.now))
		}
	}
	c.Pass(at(2, time.Minute))
	if s := c.Of("p", at(2, 30*time.Minute)); s.State != OnBreak {
		t.Errorf("a reboot made it shorter: %+v", s)
	}
	if s := c.Of("p", at(2, 31*time.Minute)); s.State != On {
		t.Errorf("it never ends: %+v", s)
	}
	c.Apply(punch(entry.KindBreakBegin, at(2, time.Hour), 0)) // the own one, though nobody journaled the other's end
	if s := c.Of("p", at(2, 9*time.Hour)); s.State != OnBreak || s.Forced() {
		t.Errorf("the own break after it: %+v", s)
	}
}

// TestFoldIsTheSameAgain: an entry that is folded twice changes nothing, nor does
// one that was refused; and what is written to a state file comes back.
func TestFoldIsTheSameAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c Clock
		now, boot := time.Hour, byte(1)
		for range rapid.IntRange(1, 40).Draw(t, "entries") {
			now += time.Duration(rapid.IntRange(1, 3600).Draw(t, "seconds")) * time.Second
			if rapid.IntRange(0, 9).Draw(t, "reboot") == 0 {
				boot, now = boot+1, time.Minute
			}
			e := &entry.Entry{
				Kind: rapid.SampledFrom(Kinds()).Draw(t, "kind"), Stamp: at(boot, now), Operator: "1",
				Person: rapid.SampledFrom([]string{"a", "b", ""}).Draw(t, "person"), Outcome: entry.OutcomeAllowed,
			}
			if e.Kind == entry.KindBreakBegin && rapid.Bool().Draw(t, "forced") {
				e.Elapsed = int64(rapid.IntRange(1, 60).Draw(t, "minutes")) * int64(time.Minute)
			}
			c.Pass(e.Stamp)
			refused := *e
			refused.Outcome = entry.OutcomeDenied
			was := c.Of(e.Person, e.Stamp)
			c.Apply(&refused)
			if got := c.Of(e.Person, e.Stamp); got != was {
				t.Fatalf("refused %v: from %+v to %+v", e.Kind, was, got)
			}
			c.Apply(e)
			once := c.Of(e.Person, e.Stamp)
			c.Apply(e)
			if got := c.Of(e.Person, e.Stamp); got != once {
				t.Fatalf("%v again: from %+v to %+v", e.Kind, once, got)
			}
			if e.Person == "" && once != (Standing{}) {
				t.Fatal("nobody is clocked in")
			}
			raw, err := json.Marshal(&c)
			if err != nil {
				t.Fatal(err)
			}
			var back Clock
			if err := json.Unmarshal(raw, &back); err != nil {
				t.Fatal(err)
			}
			if len(c.People) > 0 && !reflect.DeepEqual(back, c) {
				t.Fatalf("%s came back as %+v, was %+v", raw, back, c)
			}
		}
	})
}

// TestRefusesWhatTheFoldIgnores: what follows from how somebody stands changes it,
// and nothing else is let through.
func TestRefusesWhatTheFoldIgnores(t *testing.T) {
	for state, s := range map[string]Standing{
		"out": {}, "in": {State: On}, "break": {State: OnBreak},
		"forced": {State: OnBreak, Length: time.Hour, Boot: entry.BootID{1}, Until: 9 * time.Hour},
	} {
		for _, p := range []Punch{In, Out, Break, Back} {
			reason := s.Refuses(p, false, false)
			c := Clock{Boot: entry.BootID{1}}
			if s.State != Off {
				c.set("p", s)
			}
			e := punch(p.Kind(), at(1, time.Hour), 0)
			c.Apply(e)
			changed := c.Of("p", at(1, time.Hour)).State != s.State
			if reason == entry.ReasonNone != changed && !s.Forced() {
				t.Errorf("%s, then %v: refused for %v, and folding it changes: %v", state, p, reason, changed)
			}
			if s.Forced() && reason == entry.ReasonNone {
				t.Errorf("%v during a forced break", p)
			}
		}
	}
}
