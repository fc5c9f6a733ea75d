package enforcer

import (
	"context"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/timeclock"
)

// clocked gives a rig with a policy, and a time clock that runs.
func clocked(t testing.TB) *rig {
	t.Helper()
	r := ready(t)
	r.clocked = true
	return r
}

func (r *rig) punch(p timeclock.Punch, by, whose Subject, length time.Duration) (Decision, error) {
	return r.Punch(ctx, PunchRequest{Punch: p, By: by, Whose: whose, For: length, Method: entry.MethodCard, Source: "msr"})
}

// punched is a punch that is allowed.
func (r *rig) punched(p timeclock.Punch, by, whose Subject, length time.Duration) {
	r.Helper()
	if d, err := r.punch(p, by, whose, length); err != nil || d.Outcome != entry.OutcomeAllowed {
		r.Fatalf("%v of %s by %s: %v (%v), %v", p, whose.Operator, by.Operator, d.Outcome, d.Reason, err)
	}
}

// TestInvariantNobodySignsOnOffTheClock: where a time clock runs.
func TestInvariantNobodySignsOnOffTheClock(t *testing.T) {
	in := func(r *rig) { r.punched(timeclock.In, ann, ann, 0) }
	forced := func(r *rig) {
		in(r)
		r.punched(timeclock.Break, lea, ann, 30*time.Minute)
	}
	for _, x := range []struct {
		words  string
		who    Subject
		before func(r *rig)
		reason entry.Reason // ReasonRule: signs on
		rule   string       // the function whose mark decided
	}{
		{"not clocked in", ann, func(*rig) {}, entry.ReasonOffClock, functionOffClock},
		{"clocked in", ann, in, entry.ReasonRule, "pos.signon"},
		{"with another number of the same person", annLead, in, entry.ReasonRule, "pos.signon"},
		{"somebody else is", bob, in, entry.ReasonOffClock, functionOffClock},
		{"need not be", lea, func(*rig) {}, entry.ReasonRule, "pos.signon"},
		{"clocked out again", ann, func(r *rig) { in(r); r.punched(timeclock.Out, ann, ann, 0) }, entry.ReasonOffClock, functionOffClock},
		{"on a break", ann, func(r *rig) { in(r); r.punched(timeclock.Break, ann, ann, 0) }, entry.ReasonOnBreak, functionOffClock},
		{"back from it", ann, func(r *rig) {
			in(r)
			r.punched(timeclock.Break, ann, ann, 0)
			r.punched(timeclock.Back, ann, ann, 0)
		}, entry.ReasonRule, "pos.signon"},
		{"sent on a break", ann, forced, entry.ReasonForcedBreak, "pos.signon"},
		{"sent on a break, with a number that need not be clocked in", annLead, forced, entry.ReasonForcedBreak, "pos.signon"},
		{"just before that is over", ann, func(r *rig) { forced(r); r.clock.advance(30*time.Minute - 1) }, entry.ReasonForcedBreak, "pos.signon"},
		{"and when it is", ann, func(r *rig) { forced(r); r.clock.advance(30 * time.Minute) }, entry.ReasonRule, "pos.signon"},
		{"and when its timer is late", ann, func(r *rig) { forced(r); r.clock.jump(30 * time.Minute) }, entry.ReasonRule, "pos.signon"},
		{"the wall clock was set", ann, func(r *rig) { forced(r); r.clock.wall = int64(time.Hour) }, entry.ReasonForcedBreak, "pos.signon"},
		{"somebody who may ended it", ann, func(r *rig) { forced(r); r.punched(timeclock.Back, max2, ann, 0) }, entry.ReasonRule, "pos.signon"},
		{"no clock runs", bob, func(r *rig) { r.clocked = false }, entry.ReasonRule, "pos.signon"},
		{"no clock runs any more", ann, func(r *rig) { forced(r); r.clocked = false }, entry.ReasonRule, "pos.signon"},
		{"clocked in by somebody who may", bob, func(r *rig) { r.punched(timeclock.In, lea, bob, 0) }, entry.ReasonRule, "pos.signon"},
		{"after a restart", ann, func(r *rig) { forced(r); r.kill(); r.load(1, testPolicy()) }, entry.ReasonForcedBreak, "pos.signon"},
		{"after a restart, in time", ann, func(r *rig) {
			forced(r)
			r.clock.jump(time.Hour)
			r.kill()
			r.load(1, testPolicy())
		}, entry.ReasonRule, "pos.signon"},
		{"after a reboot, in full again", ann, func(r *rig) {
			forced(r)
			r.clock.jump(29 * time.Minute)
			r.reboot()
			r.load(1, testPolicy())
			r.clock.advance(29 * time.Minute)
		}, entry.ReasonForcedBreak, "pos.signon"},
		{"after a reboot, over", ann, func(r *rig) {
			forced(r)
			r.reboot()
			r.load(1, testPolicy())
			r.clock.advance(30 * time.Minute)
		}, entry.ReasonRule, "pos.signon"},
		{"without a state file", ann, func(r *rig) {
			forced(r)
			if err := os.Remove(r.path); err != nil {
				r.Fatal(err)
			}
			r.kill()
			r.load(1, testPolicy())
		}, entry.ReasonForcedBreak, "pos.signon"},
	} {
		t.Run(x.words, func(t *testing.T) {
			r := clocked(t)
			x.before(r)
			_, d, err := r.BeginSession(ctx, x.who, entry.MethodCard, "msr")
			if err != nil {
				t.Fatal(err)
			}
			outcome := entry.OutcomeDenied
			if x.reason == entry.ReasonRule {
				outcome = entry.OutcomeAllowed
			}
			want(t, x.words, d, outcome, x.reason)
			if e := r.journal.last(t, entry.KindSignOn); e.Rule == nil || d.Rule != *e.Rule {
				t.Errorf("the rule is %v, journaled %v", d.Rule, e.Rule)
			}
			if d.Rule.Function != x.rule {
				t.Errorf("decided by %q, want %q", d.Rule.Function, x.rule)
			}
		})
	}
}

func TestPunchesInWords(t *testing.T) {
	const half = 30 * time.Minute
	type step struct {
		p         timeclock.Punch
		by, whose Subject
		length    time.Duration
	}
	in, away := step{timeclock.In, ann, ann, 0}, step{timeclock.Break, ann, ann, 0}
	sent := step{timeclock.Break, lea, ann, half}
	for words, x := range map[string]struct {
		before []step
		step
		reason entry.Reason
	}{
		"in":                                  {nil, in, entry.ReasonRule},
		"in twice":                            {[]step{in}, in, entry.ReasonClockedIn},
		"in under another number":             {[]step{in}, step{timeclock.In, annLead, annLead, 0}, entry.ReasonClockedIn},
		"out before in":                       {nil, step{timeclock.Out, ann, ann, 0}, entry.ReasonOffClock},
		"a break before in":                   {nil, away, entry.ReasonOffClock},
		"two breaks":                          {[]step{in, away}, away, entry.ReasonOnBreak},
		"back without a break":                {[]step{in}, step{timeclock.Back, ann, ann, 0}, entry.ReasonClockedIn},
		"out from a break":                    {[]step{in, away}, step{timeclock.Out, ann, ann, 0}, entry.ReasonRule},
		"who may not use the clock":           {nil, step{timeclock.In, limited, limited, 0}, entry.ReasonRule},
		"sent by who may not":                 {[]step{in}, step{timeclock.Break, bob, ann, half}, entry.ReasonRule},
		"sent while on a break":               {[]step{in, away}, sent, entry.ReasonRule},
		"sent while out":                      {nil, sent, entry.ReasonOffClock},
		"sent again, for longer":              {[]step{in, sent}, step{timeclock.Break, max2, ann, time.Hour}, entry.ReasonRule},
		"back from a break one was sent on":   {[]step{in, sent}, step{timeclock.Back, ann, ann, 0}, entry.ReasonForcedBreak},
		"and as the lead that one is as well": {[]step{in, sent}, step{timeclock.Back, annLead, ann, 0}, entry.ReasonForcedBreak},
		"out from it":                         {[]step{in, sent}, step{timeclock.Out, ann, ann, 0}, entry.ReasonForcedBreak},
		"out from it by somebody else":        {[]step{in, sent}, step{timeclock.Out, lea, ann, 0}, entry.ReasonForcedBreak},
		"its end by who may not":              {[]step{in, sent}, step{timeclock.Back, bob, ann, 0}, entry.ReasonRule},
		"out by who may edit others' time":    {[]step{in}, step{timeclock.Out, lea, ann, 0}, entry.ReasonRule},
		"out by who may not":                  {[]step{in}, step{timeclock.Out, bob, ann, 0}, entry.ReasonRule},
	} {
		t.Run(words, func(t *testing.T) {
			r := clocked(t)
			for _, s := range x.before {
				r.punched(s.p, s.by, s.whose, s.length)
			}
			was := r.Standing(x.whose)
			d, err := r.punch(x.p, x.by, x.whose, x.length)
			if err != nil {
				t.Fatal(err)
			}
			denied := x.reason != entry.ReasonRule || x.by.Operator == "301" || x.by.Operator == "102"
			outcome := entry.OutcomeAllowed
			if denied {
				outcome = entry.OutcomeDenied
			}
			want(t, words, d, outcome, x.reason)
			e := r.journal.last(t, x.p.Kind())
			if e.Operator != x.whose.Operator || e.Outcome != outcome || e.Reason != x.reason || e.Rule == nil || e.Function == "" {
				t.Errorf("journaled: %+v", e)
			}
			if by := x.by.Person != x.whose.Person; by != (e.Approval != nil) || by && e.Approval.Operator != x.by.Operator {
				t.Errorf("by whom is journaled as %+v", e.Approval)
			}
			if now := r.Standing(x.whose); denied != (now == was) {
				t.Errorf("stood as %+v, stands as %+v", was, now)
			}
		})
	}
}

func TestPunchWithoutATimeClock(t *testing.T) {
	r := ready(t)
	d, err := r.punch(timeclock.In, ann, ann, 0)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "clocking in", d, entry.OutcomeDenied, entry.ReasonNoTimeClock)
}

func TestPunchThatCannotBe(t *testing.T) {
	r := clocked(t)
	for words, x := range map[string]PunchRequest{
		"no punch":                   {By: ann, Whose: ann},
		"a length for the own break": {Punch: timeclock.Break, By: ann, Whose: ann, For: time.Hour},
		"no length for another's":    {Punch: timeclock.Break, By: lea, Whose: ann},
		"too short":                  {Punch: timeclock.Break, By: lea, Whose: ann, For: time.Second},
		"too long":                   {Punch: timeclock.Break, By: lea, Whose: ann, For: MaxForcedBreak + 1},
		"a length for clocking out":  {Punch: timeclock.Out, By: lea, Whose: ann, For: time.Hour},
	} {
		if _, err := r.Punch(ctx, x); !errors.Is(err, ErrRequest) {
			t.Errorf("%s: %v", words, err)
		}
	}
}

// TestInvariant2LeavingTheClockEndsTheSession: and with it what was granted or is
// pending, also where the journal cannot be written.
func TestInvariant2LeavingTheClockEndsTheSession(t *testing.T) {
	for words, leave := range map[string]func(r *rig) (Decision, error){
		"clocking out":                         func(r *rig) (Decision, error) { return r.punch(timeclock.Out, ann, ann, 0) },
		"a break":                              func(r *rig) (Decision, error) { return r.punch(timeclock.Break, ann, ann, 0) },
		"sent on a break":                      func(r *rig) (Decision, error) { return r.punch(timeclock.Break, lea, ann, time.Hour) },
		"under another number":                 func(r *rig) (Decision, error) { return r.punch(timeclock.Out, annLead, annLead, 0) },
		"clocked out by who may edit the time": func(r *rig) (Decision, error) { return r.punch(timeclock.Out, lea, ann, 0) },
	} {
		for _, failing := range []bool{false, true} {
			t.Run(words, func(t *testing.T) {
				r := clocked(t)
				r.punched(timeclock.In, ann, ann, 0)
				r.signOn(ann)
				gr := r.grant()
				r.override()
				if failing {
					r.journal.set(func(j *memJournal) { j.err = errJournal })
				}
				d, err := leave(r)
				if failing != (err != nil) || !failing && d.Outcome != entry.OutcomeAllowed {
					t.Fatalf("%v, %v", d, err)
				}
				if s := r.Snapshot(); s.Session != nil || s.Override != nil {
					t.Fatalf("session %v, override %v", s.Session, s.Override)
				}
				if fired, _ := r.redeem(gr, "1"); fired {
					t.Fatal("a grant outlived the session")
				}
				r.journal.set(func(j *memJournal) { j.err = nil })
				if _, d, err := r.BeginSession(ctx, ann, entry.MethodCard, "msr"); err != nil || d.Outcome != entry.OutcomeDenied {
					t.Fatalf("signed on again: %v, %v", d, err)
				}
			})
		}
	}
}

// TestAnothersPunchLeavesTheSession: and what was granted in it.
func TestAnothersPunchLeavesTheSession(t *testing.T) {
	r := clocked(t)
	r.punched(timeclock.In, ann, ann, 0)
	r.punched(timeclock.In, bob, bob, 0)
	r.signOn(ann)
	gr := r.grant()
	r.punched(timeclock.Break, bob, bob, 0)
	if fired, err := r.redeem(gr, "1"); !fired {
		t.Fatalf("the grant is over: %v", err)
	}
}

// TestSignOnLooksAtTheClockAgain: who was sent on a break while the sign-on was
// being journaled is not signed on.
func TestSignOnLooksAtTheClockAgain(t *testing.T) {
	r := clocked(t)
	r.punched(timeclock.In, ann, ann, 0)
	r.journal.set(func(j *memJournal) {
		j.before = func(es []entry.Entry) {
			if es[0].Kind != entry.KindSignOn {
				return
			}
			r.journal.set(func(j *memJournal) { j.before = nil })
			// With order held by the sign-on, the punch takes effect and is journaled later.
			r.Gate.mu.Lock()
			r.Gate.state.Clock.Apply(&entry.Entry{
				Kind: entry.KindBreakBegin, Outcome: entry.OutcomeAllowed, Operator: "101", Person: "p-ann", Elapsed: int64(time.Hour), Stamp: r.clock.Stamp(),
			})
			r.Gate.mu.Unlock()
		}
	})
	s, d, err := r.BeginSession(ctx, ann, entry.MethodCard, "msr")
	if err != nil || s != nil || d.Outcome != entry.OutcomeDenied || r.Snapshot().Session != nil {
		t.Fatalf("session %v, %v, %v", s, d, err)
	}
}

// TestForcedBreakEndsByTime: the journal has its end, once.
func TestForcedBreakEndsByTime(t *testing.T) {
	r := clocked(t)
	r.punched(timeclock.In, ann, ann, 0)
	r.punched(timeclock.Break, lea, ann, 10*time.Minute)
	r.clock.advance(5 * time.Minute)
	r.punched(timeclock.Break, lea, ann, 10*time.Minute) // anew
	r.clock.advance(9 * time.Minute)
	if n := len(r.journal.kind(entry.KindBreakEnd)); n != 0 {
		t.Fatalf("%d ends already", n)
	}
	r.clock.advance(time.Hour)
	ends := r.journal.kind(entry.KindBreakEnd)
	if len(ends) != 1 || ends[0].Reason != entry.ReasonTimeout || ends[0].Operator != "101" || ends[0].Person != "p-ann" {
		t.Fatalf("journaled: %+v", ends)
	}
	if s := r.Standing(ann); s.State != timeclock.On {
		t.Fatalf("stands as %+v", s)
	}
	r.punched(timeclock.Break, ann, ann, 0)
	if s := r.Standing(ann); s.State != timeclock.OnBreak || s.Forced() {
		t.Fatalf("on the own break stands as %+v", s)
	}
}

// TestForcedBreakEndsInTheJournal: also where it could be journaled only when it had
// begun already, and where the journal was busy when its time was up.
func TestForcedBreakEndsInTheJournal(t *testing.T) {
	busy := func(r *rig, f func()) { // for longer than the gate's own entries wait
		r.order.acquire(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			f()
		}()
		time.Sleep(5 * followUp / 2)
		r.order.release()
		<-done
	}
	for words, x := range map[string]func(r *rig){
		"the journal took in the beginning later": func(r *rig) {
			gone, cancel := context.WithCancel(ctx)
			cancel()
			if _, err := r.Punch(gone, PunchRequest{Punch: timeclock.Break, By: lea, Whose: ann, For: 10 * time.Minute, Method: entry.MethodCard}); err == nil {
				r.Fatal("it could be journaled at once")
			}
			r.clock.advance(5 * time.Minute)
			r.punched(timeclock.In, bob, bob, 0)
			r.clock.advance(5 * time.Minute)
		},
		"and not before it was over": func(r *rig) {
			gone, cancel := context.WithCancel(ctx)
			cancel()
			if _, err := r.Punch(gone, PunchRequest{Punch: timeclock.Break, By: lea, Whose: ann, For: 10 * time.Minute, Method: entry.MethodCard}); err == nil {
				r.Fatal("it could be journaled at once")
			}
			r.clock.advance(15 * time.Minute)
			r.punched(timeclock.In, bob, bob, 0)
			r.clock.advance(time.Second)
		},
		"the journal was busy at its end": func(r *rig) {
			r.punched(timeclock.Break, lea, ann, 10*time.Minute)
			busy(r, func() { r.clock.advance(10 * time.Minute) })
			r.clock.advance(time.Second)
		},
	} {
		t.Run(words, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := clocked(t)
				r.punched(timeclock.In, ann, ann, 0)
				x(r)
				begins, ends := r.journal.kind(entry.KindBreakBegin), r.journal.kind(entry.KindBreakEnd)
				if len(begins) != 1 || len(ends) != 1 || ends[0].Reason != entry.ReasonTimeout || ends[0].Person != "p-ann" || ends[0].Seq < begins[0].Seq {
					t.Errorf("journaled: %+v, %+v", begins, ends)
				}
				if s := r.Standing(ann); s.State != timeclock.On {
					t.Errorf("stands as %+v", s)
				}
			})
		})
	}
}

// TestEndByTimeEndsNoNewBreak: the time of a break is up while the journal takes in that
// somebody is sent on another one.
func TestEndByTimeEndsNoNewBreak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := clocked(t)
		r.punched(timeclock.In, ann, ann, 0)
		r.punched(timeclock.Break, lea, ann, 10*time.Minute)
		r.clock.advance(9 * time.Minute)
		passed := make(chan struct{})
		r.journal.set(func(j *memJournal) {
			j.before = func([]entry.Entry) {
				r.journal.set(func(j *memJournal) { j.before = nil })
				go func() {
					defer close(passed)
					r.clock.advance(time.Minute)
				}()
				synctest.Wait()
			}
		})
		r.punched(timeclock.Break, max2, ann, 20*time.Minute)
		<-passed
		if s := r.Standing(ann); !s.Forced() || s.Length != 20*time.Minute {
			t.Errorf("stands as %+v", s)
		}
		r.clock.advance(20 * time.Minute)
		if ends := r.journal.kind(entry.KindBreakEnd); len(ends) != 1 {
			t.Errorf("journaled: %+v", ends)
		}
		if s := r.Standing(ann); s.State != timeclock.On {
			t.Errorf("afterwards stands as %+v", s)
		}
	})
}

// TestApproverOffTheClock: the approval counts, and the journal says so.
func TestApproverOffTheClock(t *testing.T) {
	for words, x := range map[string]struct {
		before func(r *rig)
		marked bool
	}{
		"no clock runs":  {func(r *rig) { r.clocked = false }, false},
		"not clocked in": {func(*rig) {}, true},
		"clocked in":     {func(r *rig) { r.punched(timeclock.In, lea, lea, 0) }, false},
		"on a break": {func(r *rig) {
			r.punched(timeclock.In, lea, lea, 0)
			r.punched(timeclock.Break, lea, lea, 0)
		}, true},
	} {
		t.Run(words, func(t *testing.T) {
			r := clocked(t)
			r.punched(timeclock.In, ann, ann, 0)
			x.before(r)
			r.signOn(ann)
			id := r.override()
			d, err := r.Approve(ctx, id, Approver{Subject: lea, Method: entry.MethodCardPIN, Source: "msr"})
			if err != nil {
				t.Fatal(err)
			}
			want(t, words, d, entry.OutcomeAllowed, entry.ReasonRule)
			if a := r.journal.last(t, entry.KindApproval).Approval; a.OffClock != x.marked {
				t.Errorf("journaled: %+v", a)
			}
			id = r.override()
			if _, err = r.Approve(ctx, id, Approver{Subject: lea, Method: entry.MethodRemote, At: "lane 4", Source: "console"}); err != nil {
				t.Fatal(err)
			}
			if a := r.journal.last(t, entry.KindApproval).Approval; a.OffClock {
				t.Errorf("from elsewhere: %+v", a)
			}
		})
	}
}
