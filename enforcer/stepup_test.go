package enforcer

import (
	"testing"

	"tillwarden/enforcer/journal/entry"
)

// step asks for what takes the own PIN again, and lets the announcement be seen.
func (r *rig) step() entry.Seq {
	r.Helper()
	d, gr := r.ask(fnStep, "1")
	want(r, "what takes the own PIN", d, entry.OutcomeOverrideRequired, entry.ReasonStepUp)
	if gr != nil || d.Override == 0 {
		r.Fatalf("%v, %v", d, gr)
	}
	r.clock.advance(DefaultAnnounce)
	return d.Override
}

func (r *rig) confirm(id entry.Seq, by Subject, m entry.Method) Decision {
	r.Helper()
	d, err := r.StepUp(ctx, id, by, m, "keypad")
	if err != nil {
		r.Fatal(err)
	}
	return d
}

func TestStepUpTakesTheOwnPINAgain(t *testing.T) {
	r := ready(t)
	s := r.signOn(ann)
	id := r.step()
	if o := r.Snapshot().Override; !o.StepUp || o.Needs != 1 || o.Requester != ann.Operator {
		t.Errorf("announced as %+v", o)
	}
	if e := r.journal.last(t, entry.KindOverride); e.Reason != entry.ReasonStepUp {
		t.Errorf("journaled as %+v", e)
	}
	d := r.confirm(id, ann, entry.MethodPIN)
	want(t, "the own PIN", d, entry.OutcomeAllowed, entry.ReasonRule)
	e := r.journal.last(t, entry.KindStepUp)
	if e.Seq != d.Seq || e.About != id || e.Method != entry.MethodPIN || e.Session != s.ID || e.Approval != nil || e.Rule == nil || e.Rule.Mark != "check" {
		t.Errorf("confirmed as %+v", e)
	}
	_, gr, err := r.Wait(ctx, id)
	if err != nil || gr == nil {
		t.Fatal(gr, err)
	}
	if fired, err := r.redeem(gr, "1"); !fired || err != nil {
		t.Error(fired, err)
	}
	want(t, "twice", r.confirm(id, ann, entry.MethodPIN), entry.OutcomeDenied, entry.ReasonNoOverride)
	if again, _ := r.ask(fnStep, "1"); again.Outcome != entry.OutcomeOverrideRequired {
		t.Errorf("the next one needs no PIN: %+v", again)
	}
}

// TestInvariantStepUpIsTheOwnPIN: nobody else's, and no card alone.
func TestInvariantStepUpIsTheOwnPIN(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	id := r.step()
	for words, by := range map[string]Subject{"the same person under another number": annLead, "a lead": lea, "another cashier": bob} {
		want(t, words, r.confirm(id, by, entry.MethodCardPIN), entry.OutcomeDenied, entry.ReasonStepUp)
	}
	want(t, "the own card alone", r.confirm(id, ann, entry.MethodCard), entry.OutcomeDenied, entry.ReasonPINRequired)
	want(t, "a lead approves", r.approve(id, lea), entry.OutcomeDenied, entry.ReasonStepUp)
	want(t, "one approves oneself", r.approve(id, ann), entry.OutcomeDenied, entry.ReasonStepUp)
	if r.Snapshot().Override == nil || len(r.grants) != 0 {
		t.Error("it is over, or granted")
	}
	r.Cancel(ctx, id, "pos")
	other := r.override()
	want(t, "the own PIN for what needs somebody else", r.confirm(other, ann, entry.MethodPIN), entry.OutcomeDenied, entry.ReasonOwnRequest)
	want(t, "one that never was", r.confirm(4711, ann, entry.MethodPIN), entry.OutcomeDenied, entry.ReasonNoOverride)
}

// TestStepUpForApprovers: where somebody else has to approve, that one shows a PIN.
func TestStepUpForApprovers(t *testing.T) {
	r := ready(t)
	r.signOn(limited)
	d, _ := r.ask(fnStep, "1")
	want(t, "X", d, entry.OutcomeOverrideRequired, entry.ReasonRule)
	r.clock.advance(DefaultAnnounce)
	if o := r.Snapshot().Override; o.StepUp || !o.PIN {
		t.Errorf("announced as %+v", o)
	}
	if got, err := r.Approve(ctx, d.Override, Approver{Subject: lea, Method: entry.MethodCard, Source: "msr"}); err != nil || got.Reason != entry.ReasonPINRequired {
		t.Errorf("the card alone: %+v, %v", got, err)
	}
	want(t, "the own PIN of who may not", r.confirm(d.Override, limited, entry.MethodPIN), entry.OutcomeDenied, entry.ReasonOwnRequest)
	want(t, "card and PIN", r.approve(d.Override, lea), entry.OutcomeAllowed, entry.ReasonRule)
}

func TestStepUpEndsAsAnOverrideDoes(t *testing.T) {
	for words, x := range map[string]struct {
		end    func(r *rig, id entry.Seq)
		reason entry.Reason
	}{
		"time-out":     {func(r *rig, _ entry.Seq) { r.clock.advance(DefaultOverrideTTL) }, entry.ReasonTimeout},
		"sign-off":     {func(r *rig, _ entry.Seq) { r.EndSession(ctx, entry.ReasonOwner, Subject{}, "t") }, entry.ReasonOwner},
		"lock":         {func(r *rig, _ entry.Seq) { r.Lock(ctx, entry.ReasonIdle, "t") }, entry.ReasonLocked},
		"a new policy": {func(r *rig, _ entry.Seq) { r.load(2, changed(2)) }, entry.ReasonPolicyChanged},
		"cancelled":    {func(r *rig, id entry.Seq) { r.Cancel(ctx, id, "pos") }, entry.ReasonCancelled},
	} {
		t.Run(words, func(t *testing.T) {
			r := ready(t)
			r.signOn(ann)
			id := r.step()
			x.end(r, id)
			if d := r.confirm(id, ann, entry.MethodPIN); d.Outcome != entry.OutcomeDenied || len(r.grants) != 0 {
				t.Errorf("confirmed afterwards: %+v", d)
			}
			if e := r.journal.last(t, entry.KindOverrideEnd); e.About != id || e.Reason != x.reason {
				t.Errorf("ended: %+v", e)
			}
		})
	}
}

func TestStepUpSurvivesARestart(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	id := r.step()
	r.kill()
	r.load(1, testPolicy())
	r.clock.advance(DefaultAnnounce)
	if o := r.Snapshot().Override; o == nil || !o.StepUp {
		t.Fatalf("resumed: %+v", o)
	}
	want(t, "a lead", r.approve(id, lea), entry.OutcomeDenied, entry.ReasonStepUp)
	want(t, "the own PIN", r.confirm(id, ann, entry.MethodPIN), entry.OutcomeAllowed, entry.ReasonRule)
	r.kill()
	if r.Snapshot().Override != nil {
		t.Error("pending again after it was confirmed")
	}
}

// TestStepUpOutsideASession: who was identified by a PIN has given it.
func TestStepUpOutsideASession(t *testing.T) {
	r := ready(t)
	for m, outcome := range map[entry.Method]entry.Outcome{
		entry.MethodCard: entry.OutcomeDenied, entry.MethodCardPIN: entry.OutcomeAllowed, entry.MethodNumberPIN: entry.OutcomeAllowed, 0: entry.OutcomeDenied,
	} {
		d, err := r.Permit(ctx, lea, fnStep, m, "console", "")
		if err != nil || d.Outcome != outcome {
			t.Errorf("by %v: %+v, %v", m, d, err)
		}
		if e := r.journal.last(t, entry.KindDecision); e.Outcome != outcome {
			t.Errorf("by %v, journaled: %+v", m, e)
		}
	}
}
