package enforcer

import (
	"testing"
	"time"

	"tillwarden/enforcer/journal/entry"
)

// both is a lead who is a cashier as well.
var both = Subject{Operator: "203", Name: "Bea", Person: "p-bea", WorkGroups: []string{"Cashier", "Lead"}}

const idle = 5 * time.Minute

// managing gives a rig where managers fall back, with somebody signed on.
func managing(t testing.TB, who Subject) *rig {
	r := ready(t)
	r.idle = idle
	r.signOn(who)
	return r
}

// backByPIN is the own PIN, once it counts.
func (r *rig) backByPIN(id entry.Seq, who Subject) Decision {
	r.Helper()
	r.clock.advance(DefaultAnnounce)
	d, err := r.StepUp(ctx, id, who, entry.MethodNumberPIN, "keypad")
	if err != nil {
		r.Fatal(err)
	}
	return d
}

func TestIdleManagerFallsBack(t *testing.T) {
	const step = entry.OutcomeOverrideRequired
	pass := func(d time.Duration) func(*rig) { return func(r *rig) { r.clock.advance(d) } }
	for _, x := range []struct {
		words    string
		who      Subject
		before   func(r *rig)
		function string
		outcome  entry.Outcome
		reason   entry.Reason
	}{
		{"not yet", both, pass(idle - 1), fnNoSale, entry.OutcomeAllowed, entry.ReasonRule},
		{"what takes a manager", both, pass(idle), fnNoSale, step, entry.ReasonFellBack},
		{"what takes a manager, and the timer is late", both, func(r *rig) { r.clock.jump(idle) }, fnNoSale, step, entry.ReasonFellBack},
		{"what the other work group allows", both, pass(idle), fnSale, entry.OutcomeAllowed, entry.ReasonRule},
		{"what neither allows", both, pass(idle), fnDual, step, entry.ReasonDualControl},
		{"who is a manager alone", lea, pass(idle), fnSale, step, entry.ReasonFellBack},
		{"who is none", ann, pass(idle), fnSale, entry.OutcomeAllowed, entry.ReasonRule},
		{"none, what they may not", ann, pass(idle), fnNoSale, step, entry.ReasonRule},
		{"sales do not count", both, func(r *rig) {
			for range 10 {
				r.clock.advance(idle / 10)
				r.ask(fnSale, "1")
			}
		}, fnNoSale, step, entry.ReasonFellBack},
		{"what takes a manager does", both, func(r *rig) {
			for range 10 {
				r.clock.advance(idle / 2)
				r.ask(fnNoSale, "1")
			}
		}, fnNoSale, entry.OutcomeAllowed, entry.ReasonRule},
		{"mere questions do not", both, func(r *rig) {
			for range 10 {
				r.clock.advance(idle / 10)
				if _, _, err := r.Authorize(ctx, Request{Function: fnNoSale, NoOverride: true, Source: "test"}); err != nil {
					r.Fatal(err)
				}
			}
		}, fnNoSale, step, entry.ReasonFellBack},
		{"the own unlock", both, func(r *rig) {
			r.clock.advance(idle)
			r.Lock(ctx, entry.ReasonOwner, "t")
			if _, err := r.Unlock(ctx, both, entry.MethodCard, "msr"); err != nil {
				r.Fatal(err)
			}
		}, fnNoSale, entry.OutcomeAllowed, entry.ReasonRule},
		{"another's unlock", both, func(r *rig) {
			r.Lock(ctx, entry.ReasonOwner, "t")
			r.clock.advance(idle)
			if _, err := r.Unlock(ctx, lea, entry.MethodCard, "msr"); err != nil {
				r.Fatal(err)
			}
		}, fnNoSale, step, entry.ReasonFellBack},
		{"after a restart", both, func(r *rig) {
			r.clock.advance(idle)
			r.kill()
			r.load(1, testPolicy())
		}, fnNoSale, step, entry.ReasonFellBack},
		{"that came between", both, func(r *rig) {
			r.clock.advance(idle / 2)
			r.kill()
			r.load(1, testPolicy())
			r.clock.advance(idle / 2)
		}, fnNoSale, step, entry.ReasonFellBack},
		{"without the state file's help", both, func(r *rig) {
			r.clock.advance(idle)
			r.Gate.state.Session.FellBack = false
			r.Gate.state.Applied = r.journal.kind(entry.KindSignOn)[0].Seq
			r.Gate.order.acquire(ctx)
			r.Gate.save()
			r.Gate.order.release()
			r.kill()
			r.load(1, testPolicy())
		}, fnNoSale, step, entry.ReasonFellBack},
		{"a new policy", both, func(r *rig) {
			r.clock.advance(idle)
			r.load(2, changed(1))
		}, fnNoSale, step, entry.ReasonFellBack},
		{"who is none any more", both, func(r *rig) {
			r.clock.advance(idle)
			now := both
			now.WorkGroups = []string{"Cashier"}
			if err := r.RosterChanged(ctx, &now, entry.ReasonRosterChanged); err != nil {
				r.Fatal(err)
			}
		}, fnNoSale, step, entry.ReasonRule},
		{"the site does not want it", both, func(r *rig) { r.idle = 0; r.clock.advance(time.Hour) }, fnNoSale, entry.OutcomeAllowed, entry.ReasonRule},
	} {
		t.Run(x.words, func(t *testing.T) {
			r := managing(t, x.who)
			x.before(r)
			d, gr := r.ask(x.function, "1")
			want(t, x.words, d, x.outcome, x.reason)
			if (gr != nil) != (x.outcome == entry.OutcomeAllowed) {
				t.Errorf("grant %v", gr)
			}
		})
	}
}

// TestOwnPINBringsAManagerBack: what waited for it, and what follows.
func TestOwnPINBringsAManagerBack(t *testing.T) {
	r := managing(t, both)
	r.clock.advance(idle)
	if s := r.Snapshot().Session; !s.FellBack || !s.Manager {
		t.Fatalf("nobody looked: %+v", s)
	}
	if es := r.journal.kind(entry.KindFallBack); len(es) != 1 || es[0].Operator != "203" || es[0].Reason != entry.ReasonIdle {
		t.Fatalf("journaled: %+v", es)
	}
	d, _ := r.ask(fnNoSale, "1")
	r.clock.advance(DefaultAnnounce)
	if d, err := r.Approve(ctx, d.Override, Approver{Subject: lea, Method: entry.MethodCardPIN, Source: "msr"}); err != nil || d.Outcome != entry.OutcomeDenied {
		t.Fatalf("somebody else's word: %v, %v", d, err)
	}
	want(t, "the own PIN", r.backByPIN(d.Override, both), entry.OutcomeAllowed, entry.ReasonRule)
	_, gr, err := r.Wait(ctx, d.Override)
	if err != nil || gr == nil {
		t.Fatal(gr, err)
	}
	if fired, err := r.redeem(gr, "1"); !fired {
		t.Fatalf("coming back ended the grant: %v", err)
	}
	if s := r.Snapshot().Session; s.FellBack {
		t.Fatal("still fallen back")
	}
	d, gr = r.ask(fnNoSale, "1")
	if want(t, "the next one", d, entry.OutcomeAllowed, entry.ReasonRule); gr == nil {
		t.Fatal("no grant")
	}
	r.clock.advance(idle)
	if s := r.Snapshot().Session; !s.FellBack {
		t.Fatal("it holds for ever")
	}
	if n := len(r.journal.kind(entry.KindFallBack)); n != 2 {
		t.Errorf("journaled %d times", n)
	}
}

// TestInvariant2FallingBackEndsGrants, and leaves what is pending.
func TestInvariant2FallingBackEndsGrants(t *testing.T) {
	r := managing(t, both)
	r.clock.advance(idle - 2*time.Second)
	gr := r.grant()
	d, _ := r.ask(fnDual, "1")
	r.clock.advance(2 * time.Second)
	if fired, _ := r.redeem(gr, "1"); fired {
		t.Error("a grant outlived the state that it was made in")
	}
	if o := r.Snapshot().Override; o == nil || o.ID != d.Override {
		t.Errorf("what was pending ended: %+v", o)
	}
}

// TestJournalFailsAndManagersFallBackAllTheSame.
func TestJournalFailsAndManagersFallBackAllTheSame(t *testing.T) {
	r := managing(t, both)
	r.journal.set(func(j *memJournal) { j.err = errJournal })
	r.clock.advance(idle)
	if s := r.Snapshot().Session; !s.FellBack {
		t.Fatal("not fallen back")
	}
	r.journal.set(func(j *memJournal) { j.err = nil })
	d, _ := r.ask(fnNoSale, "1")
	want(t, "afterwards", d, entry.OutcomeOverrideRequired, entry.ReasonFellBack)
	if n := len(r.journal.kind(entry.KindFallBack)); n != 1 {
		t.Errorf("journaled %d times", n)
	}
}

// TestMonitorAsksManagersForTheirPIN: whether it is still the manager is a matter of
// credentials, which no mode lets through. What the policy refuses is let through for
// managers as for anybody.
func TestMonitorAsksManagersForTheirPIN(t *testing.T) {
	begun := func(who Subject) *rig {
		r := moding(t)
		r.idle = idle
		r.signOn(who)
		r.begin(monitor(time.Hour))
		r.clock.advance(idle)
		return r
	}
	r := begun(refused)
	d, gr := r.ask(fnForce, "1")
	if want(t, "what the policy refuses", d, entry.OutcomeDenied, entry.ReasonRefused); d.Mode != entry.ModeMonitor || gr == nil {
		t.Errorf("what the policy refuses: %+v, grant %v", d, gr)
	}
	r = begun(both)
	d, gr = r.ask(fnNoSale, "1")
	if want(t, "fallen back", d, entry.OutcomeOverrideRequired, entry.ReasonFellBack); d.Effective() || gr != nil || d.Override == 0 {
		t.Fatalf("fallen back: %+v, grant %v", d, gr)
	}
	want(t, "with the own PIN", r.backByPIN(d.Override, both), entry.OutcomeAllowed, entry.ReasonRule)
	if d, gr = r.ask(fnNoSale, "1"); d.Outcome != entry.OutcomeAllowed || d.Mode != entry.ModeEnforce || gr == nil {
		t.Errorf("afterwards: %+v, grant %v", d, gr)
	}
}
