package signon

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/signon/card"
)

// The states of the swipe table. Ann (1001) is who is signed on.
var swipeStates = map[string]func(*rig){
	"nobody signed on": func(*rig) {},
	"signed on":        func(r *rig) { r.want(r.swipe("1001"), SignedOn, entry.ReasonNone) },
	"locked": func(r *rig) {
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		r.want(r.swipe("1001"), Locked, entry.ReasonNone)
	},
	"override pending": func(r *rig) {
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		d, _, err := r.gate.Authorize(r.ctx, enforcer.Request{Function: "pos.drawer.nosale", Drawer: "1", Source: "test"})
		if err != nil || d.Override == 0 {
			r.t.Fatalf("no override is pending: %v %+v", err, d)
		}
		time.Sleep(1100 * time.Millisecond) // it counts from one second on
	},
}

// TestSwipeTable is design's table, cell by cell.
func TestSwipeTable(t *testing.T) {
	own, ben, max, annAgain := "1001", "1002", "2001", "2003"
	for _, c := range []struct {
		state, card string
		action      Action
		reason      entry.Reason
		kind        entry.Kind // of the last entry
		operator    string     // signed on afterwards
		locked      bool
		pending     bool
		say         string
	}{
		{"nobody signed on", own, SignedOn, 0, entry.KindSignOn, own, false, false, "Ann"},
		{"nobody signed on", max, SignedOn, 0, entry.KindSignOn, max, false, false, "Max"},
		{"signed on", own, Locked, 0, entry.KindLock, own, true, false, "locked"},
		{"signed on", max, InUse, entry.ReasonInUse, entry.KindIdentify, own, false, false, "Ann is signed on"},
		{"signed on", ben, InUse, entry.ReasonInUse, entry.KindIdentify, own, false, false, "Ann is signed on"},
		{"locked", own, Unlocked, 0, entry.KindUnlock, own, false, false, "unlocked"},
		{"locked", ben, Refused, entry.ReasonRule, entry.KindUnlock, own, true, false, "Ben may not"},
		{"locked", max, Unlocked, 0, entry.KindUnlock, own, false, false, "unlocked"},
		{"override pending", own, Refused, entry.ReasonOwnRequest, entry.KindApproval, own, false, true, "own request"},
		{"override pending", annAgain, Refused, entry.ReasonSamePerson, entry.KindApproval, own, false, true, "own request"},
		{"override pending", ben, Refused, entry.ReasonNoManagerOverride, entry.KindApproval, own, false, true, "Ben may not"},
		{"override pending", max, Approved, 0, entry.KindApproval, own, false, false, "approved by Max"},
	} {
		t.Run(c.state+"/"+c.card, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				swipeStates[c.state](r)
				mark := r.journal.mark()
				got := r.swipe(c.card)
				r.want(got, c.action, c.reason)
				if !strings.Contains(got.Say, c.say) {
					t.Errorf("says %q, want %q", got.Say, c.say)
				}
				es := r.journal.since(mark)
				if len(es) == 0 || es[len(es)-1].Kind != c.kind {
					t.Fatalf("journaled: %v, want %s last", es, c.kind)
				}
				last := es[len(es)-1]
				if (last.Outcome == entry.OutcomeAllowed) != (c.reason == 0) || last.Source != "reader" || last.Reason == 0 && c.reason != 0 {
					t.Errorf("the entry says %s %s from %q", last.Outcome, last.Reason, last.Source)
				}
				r.wantState(c.operator, c.locked, c.pending)
			})
		})
	}
}

func (r *rig) wantState(operator string, locked, pending bool) {
	r.t.Helper()
	if r.signedOn() != operator || r.locked() != locked || (r.gate.Snapshot().Override != nil) != pending {
		r.t.Errorf("%q is signed on, locked %t, override pending %t; want %q, %t, %t",
			r.signedOn(), r.locked(), r.gate.Snapshot().Override != nil, operator, locked, pending)
	}
}

// TestOtherCardsAreRefusedInEveryState: payment, licence, unknown format,
// unreadable, and a good card that nobody has.
func TestOtherCardsAreRefusedInEveryState(t *testing.T) {
	cards := map[string]struct {
		track  string
		reason entry.Reason
		kind   entry.Kind
	}{
		"payment":    {";4111111111111111=49121010000000000000?", entry.ReasonPaymentCard, entry.KindCardRefused},
		"licence":    {";6360000000001=491219000101?", entry.ReasonLicenceCard, entry.KindCardRefused},
		"unknown":    {";12?", entry.ReasonUnknownCard, entry.KindCardRefused},
		"unreadable": {"%E?;E?", entry.ReasonUnreadable, entry.KindCardRefused},
		"nobody's":   {";:<>9999999999?", entry.ReasonUnknownCredential, 0},
	}
	for state, prepare := range swipeStates {
		t.Run(state, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				prepare(r)
				operator, locked, pending := r.signedOn(), r.locked(), r.gate.Snapshot().Override != nil
				for name, c := range cards {
					time.Sleep(3 * time.Second)
					mark := r.journal.mark()
					got := r.present(Credential{Card: card.Read([]byte(c.track), card.Options{}, card.BuiltIn())})
					r.want(got, Refused, c.reason)
					r.wantState(operator, locked, pending)
					es := r.journal.since(mark)
					kind := c.kind
					if kind == 0 {
						kind = kindOf(stateOf(r.gate.Snapshot()))
					}
					if len(es) != 1 || es[0].Kind != kind || es[0].Reason != c.reason || es[0].Outcome != entry.OutcomeDenied || es[0].Operator != "" {
						t.Errorf("%s: journaled %v", name, es)
					}
				}
			})
		})
	}
}

func TestOneSwipeHasOneEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		// The reader's second report of the same swipe would lock.
		mark := r.journal.mark()
		r.want(r.present(Credential{Card: cardOf("1001")}), Same, entry.ReasonNone)
		time.Sleep(time.Second)
		r.want(r.present(Credential{Card: cardOf("1001")}), Same, entry.ReasonNone)
		if len(r.journal.since(mark)) != 0 {
			t.Error("the same swipe is journaled again")
		}
		r.wantState("1001", false, false)
		time.Sleep(time.Second) // two seconds after the first
		r.want(r.present(Credential{Card: cardOf("1001")}), Locked, entry.ReasonNone)
	})
}

func TestAnotherCardIsAnotherSwipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		r.want(r.present(Credential{Card: cardOf("1002")}), InUse, entry.ReasonInUse)
		r.wantState("1001", false, false)
	})
}

// TestTooEarlyMayBeSwipedAgain: an approval before the announcement could be
// read does not count, and does not make the next swipe "the same" either.
func TestTooEarlyMayBeSwipedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		swipeStates["signed on"](r)
		time.Sleep(3 * time.Second)
		if _, _, err := r.gate.Authorize(r.ctx, enforcer.Request{Function: "pos.drawer.nosale", Drawer: "1"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		r.want(r.present(Credential{Card: cardOf("2001")}), Refused, entry.ReasonTooEarly)
		time.Sleep(700 * time.Millisecond)
		r.want(r.present(Credential{Card: cardOf("2001")}), Approved, entry.ReasonNone)
	})
}

// TestNumberAndPINGoByTheSameTable.
func TestNumberAndPINGoByTheSameTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.want(r.typed("1001", "2580"), SignedOn, entry.ReasonNone)
		if e := r.last(entry.KindSignOn); e.Method != entry.MethodNumberPIN || e.Source != "keypad" {
			t.Errorf("journaled as %s from %s", e.Method, e.Source)
		}
		r.want(r.typed("2001", "3690"), InUse, entry.ReasonInUse)
		r.want(r.typed("1001", "2580"), Locked, entry.ReasonNone)
		r.want(r.typed("1002", "1470"), Refused, entry.ReasonRule)
		r.want(r.typed("2001", "3690"), Unlocked, entry.ReasonNone)
		r.wantState("1001", false, false)
		if _, _, err := r.gate.Authorize(r.ctx, enforcer.Request{Function: "pos.drawer.nosale", Drawer: "1"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		r.want(r.typed("1001", "2580"), Refused, entry.ReasonOwnRequest)
		r.want(r.typed("2002", "9510"), Approved, entry.ReasonNone)
		if e := r.last(entry.KindApproval); e.Approval == nil || e.Approval.Operator != "2002" || e.Approval.Method != entry.MethodNumberPIN {
			t.Errorf("journaled approval: %+v", e.Approval)
		}
	})
}

// TestFixedIntents: what a page asks for does that and nothing else.
func TestFixedIntents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		ann := func() Credential { return Credential{Number: "1001", PIN: []byte("2580"), Source: "console"} }
		max := func() Credential { return Credential{Number: "2001", PIN: []byte("3690"), Source: "console"} }
		do := func(f func() (Result, error)) Result {
			t.Helper()
			time.Sleep(time.Second)
			res, err := f()
			if err != nil {
				t.Fatal(err)
			}
			return res
		}
		r.want(do(func() (Result, error) { return r.s.Unlock(r.ctx, ann()) }), Refused, entry.ReasonNoSession)
		r.want(do(func() (Result, error) { return r.s.SignOffBy(r.ctx, ann()) }), Refused, entry.ReasonNoSession)
		r.want(do(func() (Result, error) { return r.s.SignOff(r.ctx, "pos") }), Refused, entry.ReasonNoSession)
		r.want(do(func() (Result, error) { return r.s.SignOn(r.ctx, ann()) }), SignedOn, entry.ReasonNone)
		r.want(do(func() (Result, error) { return r.s.SignOn(r.ctx, ann()) }), InUse, entry.ReasonInUse)
		r.want(do(func() (Result, error) { return r.s.SignOn(r.ctx, max()) }), InUse, entry.ReasonInUse)
		r.want(do(func() (Result, error) { return r.s.Unlock(r.ctx, ann()) }), Refused, entry.ReasonStateChanged)
		r.want(do(func() (Result, error) { return r.s.Approve(r.ctx, 99, max(), Terms{}) }), Refused, entry.ReasonNoOverride)
		r.wantState("1001", false, false)
		r.want(do(func() (Result, error) { return r.s.Lock(r.ctx, "pos") }), Locked, entry.ReasonNone)
		r.want(do(func() (Result, error) { return r.s.Lock(r.ctx, "pos") }), Locked, entry.ReasonNone)
		r.want(do(func() (Result, error) { return r.s.SignOff(r.ctx, "pos") }), Refused, entry.ReasonLocked)
		ben := Credential{Number: "1002", PIN: []byte("1470"), Source: "console"}
		r.want(do(func() (Result, error) { return r.s.SignOffBy(r.ctx, ben) }), Refused, entry.ReasonRule)
		r.wantState("1001", true, false)
		r.want(do(func() (Result, error) { return r.s.SignOffBy(r.ctx, max()) }), SignedOff, entry.ReasonNone)
		if e := r.last(entry.KindSignOff); e.Reason != entry.ReasonManager || e.Operator != "1001" || e.Approval == nil || e.Approval.Operator != "2001" {
			t.Errorf("sign-off by a manager: %+v", e)
		}
		r.want(do(func() (Result, error) { return r.s.SignOn(r.ctx, ann()) }), SignedOn, entry.ReasonNone)
		r.want(do(func() (Result, error) { return r.s.SignOffBy(r.ctx, ann()) }), SignedOff, entry.ReasonNone)
		r.want(do(func() (Result, error) { return r.s.SignOn(r.ctx, ann()) }), SignedOn, entry.ReasonNone)
		r.want(do(func() (Result, error) { return r.s.SignOff(r.ctx, "pos") }), SignedOff, entry.ReasonNone)
		if e := r.last(entry.KindSignOff); e.Reason != entry.ReasonOwner {
			t.Errorf("own sign-off: %s", e.Reason)
		}
	})
}

func TestGateSaysNo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		got := r.swipe("4001")
		r.want(got, Refused, entry.ReasonRule)
		if got.OK || got.Decision.Outcome != entry.OutcomeDenied || !strings.Contains(got.Say, "Una") {
			t.Errorf("refused by the policy: %+v", got)
		}
		r.wantState("", false, false)
	})
}

func TestActionsHaveWords(t *testing.T) {
	seen := map[string]bool{}
	for a := Refused; a <= SignedOff; a++ {
		if s := a.String(); s == "" || seen[s] {
			t.Errorf("action %d: %q", a, s)
		} else {
			seen[s] = true
		}
	}
}

// TestTwoSwipesUnderDualControl: the same card twice is one person.
func TestTwoSwipesUnderDualControl(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		d, _, err := r.gate.Authorize(r.ctx, enforcer.Request{Function: "pos.drawer.both", Drawer: "1", Source: "test"})
		if err != nil || d.Override == 0 {
			t.Fatal(d, err)
		}
		first := r.swipe("2001")
		if r.want(first, ApprovedFirst, entry.ReasonNone); !first.OK || !strings.Contains(first.Say, "another person") {
			t.Errorf("the first hears %q", first.Say)
		}
		r.wantState("1001", false, true)
		r.want(r.swipe("2001"), Refused, entry.ReasonApprovedAlready)
		r.want(r.swipe("2003"), Refused, entry.ReasonSamePerson)
		r.wantState("1001", false, true)
		r.want(r.swipe("2002"), Approved, entry.ReasonNone)
		r.wantState("1001", false, false)
	})
}
