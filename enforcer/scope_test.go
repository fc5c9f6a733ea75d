package enforcer

import (
	"testing"
	"time"

	"tillwarden/enforcer/journal/entry"
)

// rest approves the scoped function for the rest of the transaction.
func (r *rig) rest() Decision {
	r.Helper()
	d, _ := r.ask(fnScope, "1")
	want(r, "the first time", d, entry.OutcomeOverrideRequired, entry.ReasonRule)
	r.clock.advance(DefaultAnnounce)
	got, err := r.Approve(ctx, d.Override, Approver{Subject: lea, Method: entry.MethodCardPIN, Source: "msr", Transaction: true})
	if err != nil {
		r.Fatal(err)
	}
	want(r, "approved", got, entry.OutcomeAllowed, entry.ReasonRule)
	if _, gr, err := r.Wait(ctx, d.Override); err != nil || gr == nil {
		r.Fatal(gr, err)
	}
	return got
}

func TestApprovedForTheRestOfTheTransaction(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	first := r.rest()
	for range 3 {
		d, gr := r.ask(fnScope, "1")
		want(t, "again", d, entry.OutcomeAllowed, entry.ReasonApproved)
		if fired, err := r.redeem(gr, "1"); !fired || err != nil {
			t.Error(fired, err)
		}
		e := r.journal.all()[d.Seq-1]
		if e.About != first.Seq || e.Approval == nil || e.Approval.Operator != lea.Operator || e.Operator != ann.Operator || e.Rule == nil || e.Rule.Mark != "X" {
			t.Errorf("journaled: %+v %+v", e, e.Approval)
		}
	}
	if d, _, err := r.Authorize(ctx, Request{Function: fnScope, Drawer: "1", NoOverride: true}); err != nil || d.Reason != entry.ReasonApproved {
		t.Errorf("a mere question: %+v %v", d, err)
	}
	d, _ := r.ask(fnNoSale, "1")
	want(t, "another function", d, entry.OutcomeOverrideRequired, entry.ReasonRule)
	r.Cancel(ctx, d.Override, "pos")
	d, _ = r.ask(fnScope, "2")
	want(t, "another drawer", d, entry.OutcomeOverrideRequired, entry.ReasonRule)
	r.Cancel(ctx, d.Override, "pos")
	r.EndTransaction()
	r.Gate.calls.Wait()
	if e := r.journal.last(t, entry.KindScopeEnd); e.About != first.Seq || e.Reason != entry.ReasonTransaction || e.Count != 3 || e.Approval.Operator != lea.Operator {
		t.Errorf("ended: %+v", e)
	}
}

// TestOneActionByDefault: an approval is good once, also of what could hold
// longer; and what may not hold longer does not.
func TestOneActionByDefault(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	d, _ := r.ask(fnScope, "1")
	if o := r.Snapshot().Override; !o.Transaction {
		t.Errorf("announced: %+v", o)
	}
	r.clock.advance(DefaultAnnounce)
	want(t, "for one action", r.approve(d.Override, lea), entry.OutcomeAllowed, entry.ReasonRule)
	again, _ := r.ask(fnScope, "1")
	want(t, "the next one", again, entry.OutcomeOverrideRequired, entry.ReasonRule)
	r.Cancel(ctx, again.Override, "pos")

	for words, function := range map[string]string{"a function that allows no more": fnNoSale, "one that takes two persons": fnDual} {
		d, _ := r.ask(function, "1")
		r.clock.advance(DefaultAnnounce)
		got, err := r.Approve(ctx, d.Override, Approver{Subject: lea, Method: entry.MethodCardPIN, Source: "msr", Transaction: true})
		if err != nil {
			t.Fatal(err)
		}
		want(t, words, got, entry.OutcomeDenied, entry.ReasonOneAction)
		r.Cancel(ctx, d.Override, "pos")
	}
}

// TestInvariantNoApprovalOutlivesItsTransaction: each end, and what is asked after it.
func TestInvariantNoApprovalOutlivesItsTransaction(t *testing.T) {
	for words, x := range map[string]struct {
		end    func(r *rig)
		reason entry.Reason
	}{
		"a receipt was cut": {func(r *rig) { r.EndTransaction() }, entry.ReasonTransaction},
		"a sale was opened": {func(r *rig) {
			if fired, err := r.redeem(r.grant(), "1"); !fired || err != nil {
				r.Fatal(fired, err)
			}
		}, entry.ReasonTransaction},
		"time":                        {func(r *rig) { r.clock.advance(DefaultTransaction) }, entry.ReasonTimeout},
		"time, and the timer is late": {func(r *rig) { r.clock.jump(DefaultTransaction) }, 0},
		"sign-off":                    {func(r *rig) { r.EndSession(ctx, entry.ReasonOwner, Subject{}, "t"); r.signOn(ann) }, entry.ReasonOwner},
		"a lock":                      {func(r *rig) { r.Lock(ctx, entry.ReasonIdle, "t"); r.Unlock(ctx, ann, entry.MethodCard, "t") }, entry.ReasonLocked},
		"a new policy":                {func(r *rig) { r.load(2, changed(2)) }, entry.ReasonPolicyChanged},
		"a new roster":                {func(r *rig) { r.RosterChanged(ctx, &ann, entry.ReasonRosterChanged) }, entry.ReasonRosterChanged},
		"a restart":                   {func(r *rig) { r.kill(); r.load(1, testPolicy()) }, 0},
		"a stop": {func(r *rig) {
			r.Close(ctx)
			r.open()
			r.load(1, testPolicy())
		}, entry.ReasonStopped},
	} {
		t.Run(words, func(t *testing.T) {
			r := ready(t)
			r.signOn(ann)
			first := r.rest()
			x.end(r)
			d, gr := r.ask(fnScope, "1")
			want(t, "afterwards", d, entry.OutcomeOverrideRequired, entry.ReasonRule)
			if gr != nil {
				t.Error("a grant")
			}
			r.Gate.calls.Wait()
			if x.reason == 0 {
				return // nothing says so but the time, or the restart
			}
			if e := r.journal.last(t, entry.KindScopeEnd); e.About != first.Seq || e.Reason != x.reason || e.Count != 0 {
				t.Errorf("ended: %+v", e)
			}
		})
	}
}

// TestTransactionEndsWhileItsUseIsJournaled: the use comes to nothing.
func TestTransactionEndsWhileItsUseIsJournaled(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	r.rest()
	r.clock.advance(time.Minute) // the approval's own grant is over
	r.journal.set(func(j *memJournal) {
		j.before = func(es []entry.Entry) {
			if es[0].Reason == entry.ReasonApproved && es[0].Kind == entry.KindDecision {
				r.EndTransaction()
			}
		}
	})
	d, gr := r.ask(fnScope, "1")
	want(t, "withdrawn", d, entry.OutcomeDenied, entry.ReasonStateChanged)
	if gr != nil || len(r.grants) != 0 {
		t.Error("a grant")
	}
	if w := r.journal.last(t, entry.KindWithdrawn); w.About != d.Seq {
		t.Errorf("%+v", w)
	}
}
