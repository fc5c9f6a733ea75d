package enforcer

import (
	"errors"
	"slices"
	"testing"

	"tillwarden/enforcer/journal/entry"
)

// both asks for what takes two persons, and lets the announcement be seen.
func (r *rig) both() entry.Seq {
	r.Helper()
	d, gr := r.ask(fnDual, "1")
	if d.Outcome != entry.OutcomeOverrideRequired || gr != nil {
		r.Fatalf("dual control: %v, %v", d, gr)
	}
	r.clock.advance(DefaultAnnounce)
	return d.Override
}

func (r *rig) approve(id entry.Seq, by Subject) Decision {
	r.Helper()
	d, err := r.Approve(ctx, id, Approver{Subject: by, Method: entry.MethodCardPIN, Source: "msr"})
	if err != nil {
		r.Fatal(err)
	}
	return d
}

// TestDualControlTakesTwoPersons: the first approval is journaled and shown,
// the override stands, and the second one opens.
func TestDualControlTakesTwoPersons(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	id := r.both()
	if o := r.Snapshot().Override; o.Needs != 2 || len(o.Approved) != 0 {
		t.Errorf("announced as %+v", o)
	}
	expires := r.Snapshot().Override.Expires
	first := r.approve(id, lea)
	want(t, "the first", first, entry.OutcomeOverrideRequired, entry.ReasonOneOfTwo)
	o := r.Snapshot().Override
	if o == nil || !slices.Equal(o.Approved, []string{lea.Operator}) || o.Expires != expires {
		t.Fatalf("pending after the first: %+v", o)
	}
	told := r.events[len(r.events)-1]
	if told.Kind != entry.KindApproval || told.Override == nil || len(told.Override.Approved) != 1 {
		t.Errorf("told: %+v", told)
	}
	if len(r.grants) != 0 {
		t.Fatal("a grant for one approval")
	}
	second := r.approve(id, max2)
	want(t, "the second", second, entry.OutcomeAllowed, entry.ReasonRule)
	if e := r.journal.last(t, entry.KindApproval); e.Approval.First != first.Seq || e.Approval.Operator != max2.Operator {
		t.Errorf("journaled: %+v", e.Approval)
	}
	_, gr, err := r.Wait(ctx, id)
	if err != nil || gr == nil {
		t.Fatal(gr, err)
	}
	if fired, err := r.redeem(gr, "1"); !fired || err != nil {
		t.Error(fired, err)
	}
}

// TestInvariantDualControlIsTwoPersons: who does not count as the second.
func TestInvariantDualControlIsTwoPersons(t *testing.T) {
	leaTwice := Subject{Operator: "291", Person: "p-lea", WorkGroups: []string{"Lead"}}
	for words, x := range map[string]struct {
		by     Subject
		reason entry.Reason
	}{
		"the first again":                   {lea, entry.ReasonApprovedAlready},
		"the first under another number":    {leaTwice, entry.ReasonApprovedAlready},
		"the requester":                     {ann, entry.ReasonOwnRequest},
		"the requester, with another card":  {annLead, entry.ReasonSamePerson},
		"a cashier":                         {bob, entry.ReasonNoManagerOverride},
		"somebody who may not do it either": {limited, entry.ReasonApproverMayNot},
	} {
		t.Run(words, func(t *testing.T) {
			r := ready(t)
			r.signOn(ann)
			id := r.both()
			r.approve(id, lea)
			want(t, words, r.approve(id, x.by), entry.OutcomeDenied, x.reason)
			if o := r.Snapshot().Override; o == nil || len(o.Approved) != 1 || len(r.grants) != 0 {
				t.Errorf("pending %+v, %d grants", o, len(r.grants))
			}
			want(t, "another one", r.approve(id, max2), entry.OutcomeAllowed, entry.ReasonRule)
		})
	}
}

// TestDualControlHoldsForWhoMay: a lead, too, needs two others.
func TestDualControlHoldsForWhoMay(t *testing.T) {
	r := ready(t)
	r.signOn(lea)
	if slices.ContainsFunc(r.Menu(), func(f MenuItem) bool { return f.Key == fnDual }) {
		t.Error("in the menu of what needs nobody else")
	}
	id := r.both()
	want(t, "the lead", r.approve(id, lea), entry.OutcomeDenied, entry.ReasonOwnRequest)
	want(t, "one", r.approve(id, max2), entry.OutcomeOverrideRequired, entry.ReasonOneOfTwo)
	want(t, "two", r.approve(id, annLead), entry.OutcomeAllowed, entry.ReasonRule)
	d, err := r.Permit(ctx, lea, fnDual, entry.MethodCardPIN, "console", "")
	if err != nil {
		t.Fatal(err)
	}
	want(t, "outside a session nobody can be asked", d, entry.OutcomeDenied, entry.ReasonDualControl)
}

// TestFirstOfTwoSurvivesARestart: as the override does, and no longer.
func TestFirstOfTwoSurvivesARestart(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	id := r.both()
	r.approve(id, lea)
	r.kill()
	r.load(1, testPolicy())
	r.clock.advance(DefaultAnnounce)
	if o := r.Snapshot().Override; o == nil || o.Needs != 2 || !slices.Equal(o.Approved, []string{lea.Operator}) {
		t.Fatalf("resumed: %+v", o)
	}
	want(t, "the first again", r.approve(id, lea), entry.OutcomeDenied, entry.ReasonApprovedAlready)
	want(t, "the second", r.approve(id, max2), entry.OutcomeAllowed, entry.ReasonRule)

	id = r.both()
	r.approve(id, lea)
	r.reboot()
	if r.Snapshot().Override != nil {
		t.Error("it survived a reboot")
	}
}

// TestFirstOfTwoEndsWithTheOverride: each end takes the first approval along.
func TestFirstOfTwoEndsWithTheOverride(t *testing.T) {
	for words, x := range map[string]struct {
		end    func(r *rig, id entry.Seq)
		reason entry.Reason
	}{
		"time-out":     {func(r *rig, _ entry.Seq) { r.clock.advance(DefaultOverrideTTL) }, entry.ReasonTimeout},
		"sign-off":     {func(r *rig, _ entry.Seq) { r.EndSession(ctx, entry.ReasonOwner, Subject{}, "t") }, entry.ReasonOwner},
		"lock":         {func(r *rig, _ entry.Seq) { r.Lock(ctx, entry.ReasonIdle, "t") }, entry.ReasonLocked},
		"a new policy": {func(r *rig, _ entry.Seq) { r.load(2, changed(2)) }, entry.ReasonPolicyChanged},
		"cancelled":    {func(r *rig, id entry.Seq) { r.Cancel(ctx, id, "pos") }, entry.ReasonCancelled},
		"the second says no": {func(r *rig, id entry.Seq) {
			r.Refuse(ctx, id, Approver{Subject: max2, Method: entry.MethodCard, Source: "msr"})
		}, entry.ReasonRefusedByApprover},
		"the first takes it back": {func(r *rig, id entry.Seq) {
			if err := r.Refuse(ctx, id, Approver{Subject: lea, Method: entry.MethodCard, Source: "msr"}); err != nil {
				r.Error(err)
			}
		}, entry.ReasonRefusedByApprover},
	} {
		t.Run(words, func(t *testing.T) {
			r := ready(t)
			r.signOn(ann)
			id := r.both()
			r.approve(id, lea)
			x.end(r, id)
			if e := r.journal.last(t, entry.KindOverrideEnd); e.About != id || e.Reason != x.reason {
				t.Errorf("ended: %+v", e)
			}
			if d := r.approve(id, max2); d.Outcome != entry.OutcomeDenied {
				t.Errorf("the second came too late: %+v", d)
			}
			if r.Snapshot().Session == nil {
				r.signOn(ann)
			} else if r.Snapshot().Session.Locked {
				r.Unlock(ctx, ann, entry.MethodCard, "msr")
			}
			again := r.both()
			want(t, "in the next one it takes two again", r.approve(again, max2), entry.OutcomeOverrideRequired, entry.ReasonOneOfTwo)
		})
	}
}

// TestFirstOfTwoIsNotJournaled: what is not known to be on disk does not count.
// Where it is there after all, a restart finds it, and it is one person still.
func TestFirstOfTwoIsNotJournaled(t *testing.T) {
	for words, restart := range map[string]bool{"live": false, "after a restart": true} {
		t.Run(words, func(t *testing.T) {
			r := ready(t)
			r.signOn(ann)
			id := r.both()
			r.journal.set(func(j *memJournal) { j.err, j.torn = errJournal, true })
			if d, err := r.Approve(ctx, id, Approver{Subject: lea, Method: entry.MethodCard, Source: "msr"}); !errors.Is(err, errJournal) || d.Outcome != entry.OutcomeError {
				t.Fatalf("%v, %v", d, err)
			}
			r.journal.set(func(j *memJournal) { j.err, j.torn = nil, false })
			if restart {
				r.kill()
				r.load(1, testPolicy())
				r.clock.advance(DefaultAnnounce)
				want(t, "the same", r.approve(id, lea), entry.OutcomeDenied, entry.ReasonApprovedAlready)
			} else {
				want(t, "the same", r.approve(id, lea), entry.OutcomeOverrideRequired, entry.ReasonOneOfTwo)
			}
			want(t, "another one", r.approve(id, max2), entry.OutcomeAllowed, entry.ReasonRule)
		})
	}
}
