package enforcer

import (
	"testing"
	"time"

	"tillwarden/enforcer/gauge"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/week"
)

// withLimits is the test policy in which cashiers may do more, within limits, and
// leads within wider ones. Leads without any are Owners.
func withLimits() *policy.Policy {
	p := testPolicy()
	byName := map[string]*policy.WorkGroup{}
	for n := range p.WorkGroups {
		byName[p.WorkGroups[n].Name] = &p.WorkGroups[n]
	}
	cashier, lead := byName["Cashier"], byName["Lead"]
	owner := policy.WorkGroup{Name: "Owner", Reviewed: 2, Marks: lead.Marks}
	for _, id := range []policy.ID{1602, 1603, 1703, 2100, 2400, 2600} {
		cashier.Marks[id] = policy.Check
	}
	cashier.Limits = map[policy.ID]policy.Limit{
		1602: {Count: 2}, 1603: {Amount: 100}, 1703: {Amount: 5000}, 2100: {Percent: 1000}, 2300: {Count: 1}, 2400: {Amount: 5000, Percent: 1250},
		2600: {Amount: 5000},
	}
	cashier.Marks[2300] = policy.Check
	lead.Limits = map[policy.ID]policy.Limit{1602: {Count: 3}, 1703: {Amount: 20000}, 2400: {Amount: 20000}, 2600: {Amount: 20000}}
	p.WorkGroups = append(p.WorkGroups, owner)
	return p
}

var owner = Subject{Operator: "801", Name: "Ona", Person: "p-ona", WorkGroups: []string{"Owner"}}

// told is what a POS tells; a number below 0 is not told.
func told(amount, percent int) *entry.Told {
	t := &entry.Told{}
	if amount >= 0 {
		n := uint64(amount)
		t.Amount = &n
	}
	if percent >= 0 {
		n := uint64(percent)
		t.Percent = &n
	}
	return t
}

func limitRig(t testing.TB) *rig {
	r := newRig(t)
	r.load(1, withLimits())
	return r
}

// tell asks for a function of a size.
func (r *rig) tell(function, drawer string, of *entry.Told) (Decision, *Grant) {
	r.Helper()
	d, gr, err := r.Authorize(ctx, Request{Function: function, Drawer: drawer, Method: entry.MethodPOS, Source: "test", Purpose: entry.PurposeAsked, Told: of})
	if err != nil {
		r.Fatalf("authorizing %s: %v", function, err)
	}
	return d, gr
}

// TestLimits: what is within the limit is allowed; what is beyond it or was not
// told needs an override where there is one, and is denied where there is none.
func TestLimits(t *testing.T) {
	r := limitRig(t)
	r.signOn(ann)
	for _, c := range []struct {
		words    string
		function string
		told     *entry.Told
		outcome  entry.Outcome
		reason   entry.Reason
		part     string
	}{
		{"an amount at the limit", fnPickup, told(5000, -1), entry.OutcomeAllowed, entry.ReasonRule, ""},
		{"an amount of nothing", fnPickup, told(0, -1), entry.OutcomeAllowed, entry.ReasonRule, ""},
		{"an amount beyond it", fnPickup, told(5001, -1), entry.OutcomeOverrideRequired, entry.ReasonLimit, "amount"},
		{"an amount that was not told", fnPickup, nil, entry.OutcomeOverrideRequired, entry.ReasonUntold, "amount"},
		{"another number instead of it", fnPickup, told(-1, 100), entry.OutcomeOverrideRequired, entry.ReasonUntold, "amount"},
		{"both within", fnCode, told(5000, 1250), entry.OutcomeAllowed, entry.ReasonRule, ""},
		{"one of both not told", fnCode, told(5000, -1), entry.OutcomeOverrideRequired, entry.ReasonUntold, "percent"},
		{"one of both beyond", fnCode, told(5000, 1251), entry.OutcomeOverrideRequired, entry.ReasonLimit, "percent"},
		{"beyond, and nobody may lend it", fnForce, told(101, -1), entry.OutcomeDenied, entry.ReasonLimit, "amount"},
		{"not told, and nobody may lend it", fnForce, nil, entry.OutcomeDenied, entry.ReasonUntold, "amount"},
		{"within, where two have to approve anyway", fnDual, told(-1, 1000), entry.OutcomeOverrideRequired, entry.ReasonDualControl, ""},
		{"beyond, where two have to approve anyway", fnDual, told(-1, 1001), entry.OutcomeOverrideRequired, entry.ReasonLimit, "percent"},
		{"what has no limit, however much", fnSale, told(policy.MaxAmount, policy.MaxPercent), entry.OutcomeAllowed, entry.ReasonRule, ""},
		{"what the marks deny, however little", fnWords, told(0, 0), entry.OutcomeOverrideRequired, entry.ReasonRule, ""},
	} {
		d, _ := r.tell(c.function, "", c.told)
		want(t, c.words, d, c.outcome, c.reason)
		e := r.journal.all()[d.Seq-1]
		limited := c.part != "" || c.function != fnSale && c.function != fnWords
		switch {
		case limited != (d.Limit != nil) || limited != (e.Limit != nil):
			t.Errorf("%s: limit %+v, journaled %+v", c.words, d.Limit, e.Limit)
		case limited && (*d.Limit != *e.Limit || e.Limit.Part != c.part || e.Limit.WorkGroup != "Cashier"):
			t.Errorf("%s: limit %+v, journaled %+v", c.words, d.Limit, e.Limit)
		}
		if c.told != nil && (e.Told == nil || *e.Told != *c.told) {
			t.Errorf("%s: journaled as told: %+v", c.words, e.Told)
		}
		if d.Override != 0 {
			if err := r.Cancel(ctx, d.Override, "pos"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestInvariantNoApproverAboveTheOwnLimit: who approves lends no more than the own
// limit allows, though the marks give the function and Manager Override.
func TestInvariantNoApproverAboveTheOwnLimit(t *testing.T) {
	for _, c := range []struct {
		words  string
		told   *entry.Told
		by     Subject
		allows bool
	}{
		{"within the approver's limit", told(20000, -1), lea, true},
		{"beyond it", told(20001, -1), lea, false},
		{"not told", nil, lea, false},
		{"beyond everybody's limit but the owner's, who has none", told(20001, -1), owner, true},
		{"not told, for the owner", nil, owner, true},
		{"within the limit of one of several work groups", told(20001, -1), Subject{Operator: "802", Person: "p-two", WorkGroups: []string{"Lead", "Owner"}}, true},
	} {
		t.Run(c.words, func(t *testing.T) {
			r := limitRig(t)
			r.signOn(ann)
			d, _ := r.tell(fnPickup, "1", c.told)
			if d.Outcome != entry.OutcomeOverrideRequired {
				t.Fatalf("asked: %+v", d)
			}
			// Not even a restart lets the amount be forgotten.
			r.kill()
			r.load(1, withLimits())
			r.clock.advance(DefaultAnnounce)
			got, err := r.Approve(ctx, d.Override, Approver{Subject: c.by, Method: entry.MethodCardPIN, Source: "msr"})
			if err != nil {
				t.Fatal(err)
			}
			if c.allows {
				want(t, "approved", got, entry.OutcomeAllowed, entry.ReasonRule)
				return
			}
			want(t, "approved", got, entry.OutcomeDenied, entry.ReasonApproverLimit)
			e := r.journal.last(t, entry.KindApproval)
			if e.Limit == nil || e.Limit.WorkGroup != "Lead" || e.Limit.Part != "amount" || e.Limit.Most != 20000 {
				t.Errorf("journaled: %+v", e.Limit)
			}
			if r.Snapshot().Override == nil {
				t.Error("the override is gone, though nobody approved it")
			}
		})
	}
}

// TestCountASession: the gate counts, whoever opens; what came to nothing is given
// back; another session begins anew; and a restart forgets nothing.
func TestCountASession(t *testing.T) {
	r := limitRig(t)
	r.signOn(ann)
	open := func(words string, outcome entry.Outcome) *Grant {
		t.Helper()
		d, gr, err := r.Authorize(ctx, Request{Function: fnNoSale, Drawer: "1", Method: entry.MethodKick, Source: "printer", Purpose: entry.PurposeNone})
		if err != nil || d.Outcome != outcome {
			t.Fatalf("%s: %+v %v, want %v", words, d, err, outcome)
		}
		if d.Override != 0 {
			r.Cancel(ctx, d.Override, "pos")
		}
		return gr
	}
	gr := open("the first", entry.OutcomeAllowed)
	if err := r.Lapse(ctx, gr, entry.ReasonBusy); err != nil {
		t.Fatal(err)
	}
	gr = open("the first again, as the printer was busy", entry.OutcomeAllowed)
	if fired, err := r.redeem(gr, "1"); !fired || err != nil {
		t.Fatal(fired, err)
	}
	if d, _, err := r.Authorize(ctx, Request{Function: fnNoSale, NoOverride: true}); err != nil || d.Outcome != entry.OutcomeAllowed {
		t.Fatalf("a mere question: %+v %v", d, err)
	}
	r.kill()
	r.load(1, withLimits())
	gr = open("the second, after a restart", entry.OutcomeAllowed)
	if fired, err := r.redeem(gr, "1"); !fired || err != nil {
		t.Fatal(fired, err)
	}
	open("the third", entry.OutcomeOverrideRequired)
	r.kill()
	r.load(1, withLimits())
	open("the third, after another restart", entry.OutcomeOverrideRequired)
	if e := r.journal.last(t, entry.KindOverride); e.Limit == nil || e.Limit.Part != "count" || e.Limit.Most != 2 || e.Limit.Uses != 3 {
		t.Errorf("journaled: %+v", e.Limit)
	}
	if err := r.EndSession(ctx, entry.ReasonOwner, Subject{}, "keypad"); err != nil {
		t.Fatal(err)
	}
	r.signOn(bob)
	open("the first of another session", entry.OutcomeAllowed)
}

// TestCountBeginsWithItsLimit: what a session had before a policy counts it is not
// counted, with a restart in between or without; what was counted before stays.
func TestCountBeginsWithItsLimit(t *testing.T) {
	without := func() *policy.Policy { // the same, and nobody counts no-sales
		p := withLimits()
		for _, g := range p.WorkGroups {
			delete(g.Limits, 1602)
		}
		return p
	}
	restart := func(r *rig, epoch uint64, p *policy.Policy) { r.kill(); r.load(epoch, p) }
	for words, loaded := range map[string]func(r *rig, epoch uint64, p *policy.Policy){
		"in one go":     func(*rig, uint64, *policy.Policy) {},
		"with restarts": restart,
		"with restarts, no file's help": func(r *rig, epoch uint64, p *policy.Policy) {
			r.Gate.state.Session.Uses = gauge.Uses[string]{}
			r.Gate.state.Applied, r.Gate.state.Seen = r.journal.kind(entry.KindSignOn)[0].Seq, 0
			r.Gate.order.acquire(ctx)
			r.Gate.save()
			r.Gate.order.release()
			restart(r, epoch, p)
		},
	} {
		r := newRig(t)
		r.load(1, without())
		r.signOn(ann)
		opens := func(outcomes ...entry.Outcome) {
			t.Helper()
			for n, outcome := range outcomes {
				d, gr := r.ask(fnNoSale, "1")
				if d.Outcome != outcome {
					t.Fatalf("%s, opening %d: %+v, want %v", words, n+1, d, outcome)
				}
				if gr != nil {
					if _, err := r.redeem(gr, "1"); err != nil {
						t.Fatal(err)
					}
				}
				if d.Override != 0 {
					r.Cancel(ctx, d.Override, "pos")
				}
			}
		}
		opens(entry.OutcomeAllowed, entry.OutcomeAllowed, entry.OutcomeAllowed)
		r.load(2, withLimits())
		loaded(r, 2, withLimits())
		opens(entry.OutcomeAllowed)
		r.load(3, without())
		loaded(r, 3, without())
		opens(entry.OutcomeAllowed)
		r.load(4, withLimits())
		loaded(r, 4, withLimits())
		opens(entry.OutcomeAllowed, entry.OutcomeOverrideRequired)
	}
}

// TestApprovedOpeningsAreCountedToo: so that an approver's limit by count holds.
func TestApprovedOpeningsAreCountedToo(t *testing.T) {
	r := limitRig(t)
	r.signOn(ann)
	approve := func() Decision {
		t.Helper()
		d, _ := r.ask(fnNoSale, "1")
		if d.Outcome != entry.OutcomeOverrideRequired {
			t.Fatalf("asked: %+v", d)
		}
		r.clock.advance(DefaultAnnounce)
		got, err := r.Approve(ctx, d.Override, Approver{Subject: lea, Method: entry.MethodCardPIN, Source: "msr"})
		if err != nil {
			t.Fatal(err)
		}
		if got.Outcome == entry.OutcomeAllowed {
			if _, gr, err := r.Wait(ctx, d.Override); err != nil || gr == nil {
				t.Fatal(gr, err)
			} else if _, err := r.redeem(gr, "1"); err != nil {
				t.Fatal(err)
			}
		}
		return got
	}
	for range 2 {
		_, gr := r.ask(fnNoSale, "1")
		if _, err := r.redeem(gr, "1"); err != nil {
			t.Fatal(err)
		}
	}
	want(t, "the third, which the lead may have", approve(), entry.OutcomeAllowed, entry.ReasonRule)
	want(t, "the fourth, which the lead may not", approve(), entry.OutcomeDenied, entry.ReasonApproverLimit)
}

// TestStepUpIsCounted: what the operator confirms with the own PIN counts, and beyond
// the limit the own PIN is not enough.
func TestStepUpIsCounted(t *testing.T) {
	r := limitRig(t)
	r.signOn(ann)
	want(t, "confirmed", r.confirm(r.step(), ann, entry.MethodPIN), entry.OutcomeAllowed, entry.ReasonRule)
	r.kill()
	r.load(1, withLimits())
	d, _ := r.ask(fnStep, "1")
	want(t, "the second", d, entry.OutcomeOverrideRequired, entry.ReasonLimit)
	r.clock.advance(DefaultAnnounce)
	want(t, "the own PIN", r.confirm(d.Override, ann, entry.MethodPIN), entry.OutcomeDenied, entry.ReasonOwnRequest)
	got, err := r.Approve(ctx, d.Override, Approver{Subject: lea, Method: entry.MethodCardPIN, Source: "msr"})
	if err != nil {
		t.Fatal(err)
	}
	want(t, "somebody else's", got, entry.OutcomeAllowed, entry.ReasonRule)
}

// TestNobodyJoinsForMore: an override is for what was told, and no other request
// comes in with it; only the kick does that follows.
func TestNobodyJoinsForMore(t *testing.T) {
	r := limitRig(t)
	r.signOn(ann)
	d, _ := r.tell(fnPickup, "1", told(6000, -1))
	want(t, "announced", d, entry.OutcomeOverrideRequired, entry.ReasonLimit)
	for _, c := range []struct {
		words   string
		request Request
		joins   bool
	}{
		{"the same", Request{Method: entry.MethodPOS, Told: told(6000, -1)}, true},
		{"more", Request{Method: entry.MethodPOS, Told: told(6001, -1)}, false},
		{"nothing told, over the API", Request{Method: entry.MethodPOS}, false},
		{"the kick", Request{Method: entry.MethodKick}, true},
	} {
		c.request.Function, c.request.Drawer = fnPickup, "1"
		got, _, err := r.Authorize(ctx, c.request)
		if err != nil || got.Joined != c.joins {
			t.Errorf("%s: %+v %v", c.words, got, err)
		}
		if !c.joins {
			want(t, c.words, got, entry.OutcomeDenied, entry.ReasonPending)
		}
	}
}

// TestApprovalForTheTransactionHasItsSize: for the rest of a transaction nobody is
// given more than was approved, nor more than the approver's own limit.
func TestApprovalForTheTransactionHasItsSize(t *testing.T) {
	r := limitRig(t)
	r.signOn(ann)
	d, _ := r.tell(fnScope, "1", told(9000, -1))
	want(t, "the first time", d, entry.OutcomeOverrideRequired, entry.ReasonLimit)
	r.clock.advance(DefaultAnnounce)
	got, err := r.Approve(ctx, d.Override, Approver{Subject: lea, Method: entry.MethodCardPIN, Source: "msr", Transaction: true})
	if err != nil {
		t.Fatal(err)
	}
	want(t, "approved", got, entry.OutcomeAllowed, entry.ReasonRule)
	for _, c := range []struct {
		words string
		told  *entry.Told
		again bool
	}{
		{"as much again", told(9000, -1), true},
		{"less", told(8000, -1), true},
		{"more", told(9001, -1), false},
		{"not told", nil, false},
	} {
		d, _ := r.tell(fnScope, "1", c.told)
		if (d.Outcome == entry.OutcomeAllowed) != c.again {
			t.Errorf("%s: %+v", c.words, d)
		}
		if d.Override != 0 {
			r.Cancel(ctx, d.Override, "pos")
		}
	}
}

// TestOutsideASessionNoCountIsEnough: a limit by count of what is no session's is
// never met, and other parts are.
func TestOutsideASessionNoCountIsEnough(t *testing.T) {
	r := newRig(t)
	p := testPolicy()
	for n := range p.WorkGroups {
		if g := &p.WorkGroups[n]; g.Name == "Office" {
			g.Limits = map[policy.ID]policy.Limit{5202: {Count: 5}}
		}
	}
	r.load(1, p)
	d, err := r.Permit(ctx, shut, fnPeople, entry.MethodCardPIN, "console", "102")
	if err != nil {
		t.Fatal(err)
	}
	want(t, "a change of people", d, entry.OutcomeDenied, entry.ReasonUntold)
}

func mustHours(t testing.TB, s string) week.Hours {
	t.Helper()
	h, err := week.ParseHours(s)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestHoursAndTheClock: a wall clock that is set does not open what its hours shut.
func TestHoursAndTheClock(t *testing.T) {
	// The fake wall clock begins at 1e18 ns and an hour: Sunday, 9 September 2001, 02:46:40 UTC.
	hours := mustHours(t, "sun 02:00-03:00")
	p := testPolicy()
	p.RegisterGroups = []policy.RegisterGroup{{Name: "front", Registers: []string{"1", "2"}}}
	for n := range p.WorkGroups {
		if g := &p.WorkGroups[n]; g.Name == "Cashier" {
			g.Marks[1602], g.Marks[1703] = policy.Check, policy.Check
			g.Limits = map[policy.ID]policy.Limit{1602: {Hours: hours}, 1703: {Registers: "front"}}
		}
	}
	r := newRig(t)
	r.register = "3"
	r.zone = time.UTC
	r.kill()
	r.load(1, p)
	r.signOn(ann)
	ask := func(words, function string, outcome entry.Outcome, part string) {
		t.Helper()
		d, _ := r.ask(function, "1")
		got := ""
		if d.Limit != nil {
			got = d.Limit.Part
		}
		if d.Outcome != outcome || got != part {
			t.Errorf("%s: %+v %+v", words, d, d.Limit)
		}
		if d.Override != 0 {
			r.Cancel(ctx, d.Override, "pos")
		}
	}
	ask("within the hours", fnNoSale, entry.OutcomeAllowed, "")
	ask("at a register of another group", fnPickup, entry.OutcomeOverrideRequired, "registers")
	r.clock.advance(20 * time.Minute)
	ask("after them", fnNoSale, entry.OutcomeOverrideRequired, "hours")
	r.clock.mu.Lock()
	r.clock.wall, r.clock.unsynced = int64(-20*time.Minute), true
	r.clock.mu.Unlock()
	ask("after somebody set the clock back", fnNoSale, entry.OutcomeOverrideRequired, "hours")
	r.kill()
	r.load(1, p)
	ask("and restarted the daemon", fnNoSale, entry.OutcomeOverrideRequired, "hours")
	r.clock.mu.Lock()
	r.clock.unsynced = false
	r.clock.mu.Unlock()
	ask("once the clock is known to be right", fnNoSale, entry.OutcomeAllowed, "")
	r.register = "2"
	r.kill()
	r.load(1, p)
	ask("at a register of the group", fnPickup, entry.OutcomeAllowed, "")
}
