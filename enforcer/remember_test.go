package enforcer

import (
	"errors"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/timeclock"
)

// TestMemoriesFoldToTheSame: whatever restricts is folded again from its memories
// alone, and folding them into a state that has it already changes nothing.
func TestMemoriesFoldToTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &state{
			Monitored:      time.Duration(rapid.Int64Range(0, 1<<50).Draw(t, "monitored")),
			SetUpMonitored: rapid.Bool().Draw(t, "set up"), SignedOn: rapid.Bool().Draw(t, "signed on"),
		}
		for _, p := range rapid.SliceOf(rapid.StringMatching(`[a-z]{1,4}`)).Draw(t, "persons") {
			s.addPerson(p)
		}
		for _, kind := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{BundlePolicy, BundleMode, "roster"}), rapid.ID).Draw(t, "floors") {
			ref := entry.PolicyRef{Epoch: rapid.Uint64().Draw(t, "epoch")}
			ref.Digest[3] = rapid.Byte().Draw(t, "digest")
			s.load(kind, ref)
		}
		if rapid.Bool().Draw(t, "codes") {
			s.Codes = &savedCodes{Count: 50}
			s.Codes.List[7] = 9
			if used := rapid.SliceOfDistinct(rapid.IntRange(1, 50), rapid.ID).Draw(t, "used"); len(used) > 0 {
				s.Codes.Used = used
			}
		}
		for _, p := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"x", "y", "z"}), rapid.ID).Draw(t, "on a forced break") {
			s.Clock.Apply(&entry.Entry{
				Kind: entry.KindBreakBegin, Outcome: entry.OutcomeAllowed, Operator: "1", Person: p,
				Elapsed: int64(time.Minute) * rapid.Int64Range(1, 90).Draw(t, "minutes"),
			})
		}
		fold := func(into *state) *state {
			for i, e := range s.memories(entry.Stamp{}) {
				e.Seq = into.Applied + entry.Seq(i) + 1
				into.apply(&e)
			}
			into.Applied = 0
			return into
		}
		if got := fold(&state{}); !reflect.DeepEqual(got, s) {
			t.Fatalf("from its memories it is\n%+v, not\n%+v", got, s)
		}
		twice := *s
		if got := fold(&twice); !reflect.DeepEqual(got, s) {
			t.Fatalf("folded again it is\n%+v, not\n%+v", got, s)
		}
	})
}

// TestInvariant6AndAccountabilityOutliveOldEntries: a gate whose state file is gone,
// and whose journal has removed all that is older than its memories, still refuses
// an older policy, and knows who held a session since the till was opened.
func TestInvariant6AndAccountabilityOutliveOldEntries(t *testing.T) {
	r := ready(t)
	r.load(7, testPolicy())
	for _, who := range []Subject{{Operator: "1", Person: "ann", WorkGroups: []string{"Cashier"}}, {Operator: "2", Person: "bo", WorkGroups: []string{"Cashier"}}} {
		if s, _, err := r.BeginSession(ctx, who, entry.MethodCard, "reader"); err != nil || s == nil {
			t.Fatal(err)
		}
		if err := r.EndSession(ctx, entry.ReasonOwner, Subject{}, "reader"); err != nil {
			t.Fatal(err)
		}
	}
	before := len(r.journal.all())
	if err := r.Remember(ctx); err != nil {
		t.Fatal(err)
	}
	memories := r.journal.kind(entry.KindMemory)
	if len(memories) < 4 {
		t.Fatalf("it remembers %+v", memories)
	}
	want := r.state
	if err := os.Remove(r.path); err != nil {
		t.Fatal(err)
	}
	g, err := NewGate(Options{
		Clock: r.clock, Journal: r.journal, StatePath: r.path,
		Replay: func(after entry.Seq, f func(entry.Entry) error) error {
			return r.journal.Replay(max(after, entry.Seq(before)), f)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close(ctx)
	if !slices.Equal(g.state.Persons, want.Persons) || !g.state.heldSession("ann") || !g.state.heldSession("bo") {
		t.Errorf("persons %q, want %q", g.state.Persons, want.Persons)
	}
	if !reflect.DeepEqual(g.state.Floors, want.Floors) || !g.state.SignedOn {
		t.Errorf("floors %+v, want %+v", g.state.Floors, want.Floors)
	}
	if err := g.Load(ctx, compile(t, testPolicy()), entry.PolicyRef{Epoch: 6}, "old.bundle"); err == nil {
		t.Error("an older policy is loaded")
	}
}

// TestNoBreakComesBack: one that is over is not remembered, though the entry of its end
// comes into the journal at the same time, and so before what is remembered.
func TestNoBreakComesBack(t *testing.T) {
	r := clocked(t)
	r.punched(timeclock.In, ann, ann, 0)
	r.punched(timeclock.In, bob, bob, 0)
	r.punched(timeclock.Break, lea, ann, 10*time.Minute)
	r.punched(timeclock.Break, lea, bob, 20*time.Minute)
	r.clock.jump(10 * time.Minute)
	r.mu.Lock()
	r.owe(entry.Entry{Kind: entry.KindBreakEnd, Operator: ann.Operator, Person: ann.Person, Outcome: entry.OutcomeAllowed, Reason: entry.ReasonTimeout}, nil, nil)
	r.mu.Unlock()
	if err := r.Remember(ctx); err != nil {
		t.Fatal(err)
	}
	if s := r.Standing(ann); s.State != timeclock.On {
		t.Errorf("whose break was over stands as %+v", s)
	}
	if s := r.Standing(bob); !s.Forced() {
		t.Errorf("whose break is not over stands as %+v", s)
	}
}

// TestRememberFailsWithTheJournal: then nothing may be removed.
func TestRememberFailsWithTheJournal(t *testing.T) {
	r := ready(t)
	r.journal.set(func(j *memJournal) { j.err = errJournal })
	if err := r.Remember(ctx); !errors.Is(err, errJournal) {
		t.Errorf("it remembered: %v", err)
	}
	r.journal.set(func(j *memJournal) { j.err = nil })
	if err := r.Remember(ctx); err != nil {
		t.Error(err)
	}
}
