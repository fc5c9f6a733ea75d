package enforcer

import (
	"testing"

	"pgregory.net/rapid"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// limitModel is what the limits of withLimits come to, kept apart from the gate.
type limitModel struct {
	used    int         // no-sales of this session
	pending *entry.Told // of the override that stands
	wants   string      // its function
	over    entry.Seq   // its number; 0: none stands
	grant   *Grant      // the last no-sale's, while nothing was done with it
}

// within says whether a cashier's limits allow it.
func (m *limitModel) within(function string, t *entry.Told) bool {
	at := func(n *uint64, most uint64) bool { return n != nil && *n <= most }
	switch function {
	case fnNoSale:
		return m.used < 2
	case fnPickup, fnScope:
		return at(t.Amount, 5000)
	case fnCode:
		return at(t.Amount, 5000) && at(t.Percent, 1250)
	}
	return true
}

// lends says whether the lead's limits allow it; the owner has none.
func (m *limitModel) lends(function string, t *entry.Told) bool {
	switch function {
	case fnNoSale:
		return m.used < 3
	case fnPickup, fnScope, fnCode:
		return t.Amount != nil && *t.Amount <= 20000
	}
	return true
}

// TestInvariantLimitsHoldWhateverHappens: questions of any size, approvals by people
// with other limits, openings that come to nothing, restarts and other sessions in any
// order: allowed is what is within the limit and nothing else, nobody lends beyond the
// own, and no restart forgets what was counted.
func TestInvariantLimitsHoldWhateverHappens(t *testing.T) {
	functions := []string{fnNoSale, fnPickup, fnCode, fnScope, fnSale}
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t)
		defer r.Close(ctx)
		r.path = "" // all that a restart knows is what the journal says
		r.kill()
		r.load(1, withLimits())
		r.signOn(ann)
		m := &limitModel{}
		drop := func() { m.over, m.pending = 0, nil }
		announced := func() {
			r.clock.advance(DefaultAnnounce)
			if m.grant != nil && r.clock.Boot() >= m.grant.Expires() {
				m.used-- // nobody came for it
				m.grant = nil
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"ask": func(rt *rapid.T) {
				function := rapid.SampledFrom(functions).Draw(rt, "function")
				amount := rapid.SampledFrom([]int{-1, 0, 4999, 5000, 5001, 20000, 20001}).Draw(rt, "amount")
				of := told(amount, rapid.SampledFrom([]int{-1, 1250, 1251}).Draw(rt, "percent"))
				drawer := ""
				if function == fnNoSale || function == fnSale {
					drawer = "1"
				}
				d, gr := r.tell(function, drawer, of)
				switch {
				case m.within(function, of):
					if d.Outcome != entry.OutcomeAllowed {
						rt.Fatalf("%s of %v is within the limit: %+v", function, of, d)
					}
					if function == fnNoSale {
						m.used++
						m.grant = gr
					}
				case m.over == 0:
					if d.Outcome != entry.OutcomeOverrideRequired || d.Override == 0 {
						rt.Fatalf("%s of %v is beyond the limit: %+v", function, of, d)
					}
					m.over, m.pending, m.wants = d.Override, of, function
					announced()
				default:
					joins := function == m.wants && sameTold(of, m.pending)
					if d.Joined != joins || !joins && (d.Outcome != entry.OutcomeDenied || d.Reason != entry.ReasonPending) {
						rt.Fatalf("%s of %v beside %s of %v: %+v", function, of, m.wants, m.pending, d)
					}
				}
			},
			"approve": func(rt *rapid.T) {
				by := rapid.SampledFrom([]Subject{lea, owner}).Draw(rt, "by")
				if m.over == 0 {
					return
				}
				d, err := r.Approve(ctx, m.over, Approver{Subject: by, Method: entry.MethodCardPIN, Source: "msr", Why: Why{Code: 1}})
				if err != nil {
					rt.Fatal(err)
				}
				may := by.Operator == owner.Operator || m.lends(m.wants, m.pending)
				switch {
				case m.wants == fnPickup && d.Reason == entry.ReasonAccountable:
					rt.Fatal("nobody of them held a session")
				case may != (d.Outcome == entry.OutcomeAllowed) || !may && d.Reason != entry.ReasonApproverLimit:
					rt.Fatalf("%s lends %s of %v (the session had %d no-sales): %+v", by.Name, m.wants, m.pending, m.used, d)
				}
				if may {
					if m.wants == fnNoSale {
						m.used++
						_, m.grant, err = r.Wait(ctx, m.over)
						if err != nil || m.grant == nil {
							rt.Fatal(m.grant, err)
						}
					}
					drop()
				}
			},
			"take back": func(rt *rapid.T) {
				if m.over != 0 {
					if err := r.Cancel(ctx, m.over, "pos"); err != nil {
						rt.Fatal(err)
					}
					drop()
				}
			},
			"open": func(rt *rapid.T) {
				if m.grant != nil {
					if fired, err := r.redeem(m.grant, "1"); err != nil || !fired {
						rt.Fatal(fired, err)
					}
					m.grant = nil
				}
			},
			"busy": func(rt *rapid.T) {
				if m.grant == nil {
					return
				}
				if err := r.Lapse(ctx, m.grant, entry.ReasonBusy); err != nil {
					rt.Fatal(err)
				}
				m.used-- // it came to nothing, and nothing was counted since
				m.grant = nil
			},
			"restart": func(rt *rapid.T) {
				// No grant survives; what it was for counts, as nobody knows what came of it.
				r.kill()
				r.load(1, withLimits())
				m.grant = nil
				announced()
			},
			"another session": func(rt *rapid.T) {
				if err := r.EndSession(ctx, entry.ReasonOwner, Subject{}, "keypad"); err != nil {
					rt.Fatal(err)
				}
				r.signOn(rapid.SampledFrom([]Subject{ann, bob}).Draw(rt, "who"))
				m.used, m.grant = 0, nil
				drop()
			},
		})
		// What the journal says is what is counted: no more than the limit was ever
		// allowed without an approval.
		allowed := map[entry.Seq]int{}
		for _, e := range r.journal.kind(entry.KindDecision) {
			if e.Function == fnNoSale && e.Outcome == entry.OutcomeAllowed {
				allowed[e.Session]++
			}
		}
		all := r.journal.all()
		for _, e := range r.journal.kind(entry.KindLapsed) {
			if e.Function == fnNoSale && all[e.About-1].Kind == entry.KindDecision {
				allowed[e.Session]--
			}
		}
		for s, n := range allowed {
			if n > 2 {
				rt.Fatalf("session %d had %d no-sales without asking", s, n)
			}
		}
	})
}

// TestCountIsNotLostWithoutAStateFile: the count is folded from the journal alone.
func TestCountIsNotLostWithoutAStateFile(t *testing.T) {
	r := limitRig(t)
	r.signOn(ann)
	for range 2 {
		if d, _ := r.ask(fnNoSale, "1"); d.Outcome != entry.OutcomeAllowed {
			t.Fatalf("%+v", d)
		}
	}
	// A gate without a state file folds the whole journal; that the session goes on is
	// another matter, so the fold itself is asked.
	s := new(state)
	for _, e := range r.journal.all() {
		s.apply(&e)
	}
	if got := s.Session.Used[fnNoSale]; got != 2 {
		t.Errorf("folded anew the session had %d no-sales", got)
	}
	// Removal takes the oldest first: whatever is left of the journal, where it has the
	// session it has its count.
	for from := range r.journal.all() {
		s := new(state)
		for _, e := range r.journal.all()[from:] {
			s.apply(&e)
		}
		if s.Session != nil && s.Session.Used[fnNoSale] != 2 {
			t.Errorf("without the first %d entries the session had %d no-sales", from, s.Session.Used[fnNoSale])
		}
	}
	// Folded again nothing is counted twice.
	for _, e := range r.journal.all() {
		s.apply(&e)
	}
	if got := s.Session.Used[fnNoSale]; got != 2 {
		t.Errorf("folded twice the session had %d no-sales", got)
	}
}

// TestTwoAtOnceDoNotShareTheLast: of questions at the same moment each knows of the
// other.
func TestTwoAtOnceDoNotShareTheLast(t *testing.T) {
	r := limitRig(t)
	r.signOn(ann)
	const askers = 8
	results := make(chan entry.Outcome, askers)
	for range askers {
		go func() {
			d, _, err := r.Authorize(ctx, Request{Function: fnNoSale, Drawer: "1", Method: entry.MethodPOS, Source: "test"})
			if err != nil {
				t.Error(err)
			}
			results <- d.Outcome
		}()
	}
	allowed := 0
	for range askers {
		if <-results == entry.OutcomeAllowed {
			allowed++
		}
	}
	if allowed != 2 {
		t.Errorf("%d of %d at once were allowed, the limit is 2", allowed, askers)
	}
}

// TestLimitOfManagerOverride holds for all that is approved.
func TestLimitOfManagerOverride(t *testing.T) {
	p := withLimits()
	for n := range p.WorkGroups {
		if g := &p.WorkGroups[n]; g.Name == "Owner" {
			g.Limits = map[policy.ID]policy.Limit{1007: {Amount: 30000}}
		}
	}
	for amount, reason := range map[int]entry.Reason{30000: entry.ReasonRule, 30001: entry.ReasonApproverLimit, -1: entry.ReasonApproverLimit} {
		r := newRig(t)
		r.load(1, p)
		r.signOn(ann)
		d, _ := r.tell(fnPickup, "1", told(amount, -1))
		r.clock.advance(DefaultAnnounce)
		got, err := r.Approve(ctx, d.Override, Approver{Subject: owner, Method: entry.MethodCardPIN, Source: "msr"})
		if err != nil || got.Reason != reason {
			t.Errorf("%d: %+v %v, want %v", amount, got, err, reason)
		}
		if e := r.journal.last(t, entry.KindApproval); e.Limit == nil || e.Limit.Function != policy.KeyManagerOverride || e.Limit.WorkGroup != "Owner" {
			t.Errorf("%d: journaled %+v", amount, e.Limit)
		}
	}
}
