package signon

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
)

// ask announces what waits for somebody, and lets the announcement be seen.
func (r *rig) ask(function string) entry.Seq {
	r.t.Helper()
	d, _, err := r.gate.Authorize(r.ctx, enforcer.Request{Function: function, Drawer: "1", Source: "test"})
	if err != nil || d.Override == 0 {
		r.t.Fatalf("%s: %+v %v", function, d, err)
	}
	time.Sleep(1100 * time.Millisecond)
	return d.Override
}

func (r *rig) stepUp(override entry.Seq, pin string) Result {
	r.t.Helper()
	time.Sleep(3 * time.Second)
	res, err := r.s.StepUp(r.ctx, override, []byte(pin), "keypad")
	if err != nil {
		r.t.Fatal(err)
	}
	return res
}

// TestStepUpByThePINAlone: the session says whose it is.
func TestStepUpByThePINAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		id := r.ask("pos.drawer.count")
		for _, pin := range []string{"3690", "", "12"} { // a manager's, and no PINs
			res := r.stepUp(id, pin)
			r.want(res, Refused, entry.ReasonWrongPIN)
			if e := r.last(entry.KindIdentify); e.Operator != "1001" || e.Method != entry.MethodPIN || e.Source != "keypad" || e.Session == 0 {
				t.Errorf("journaled: %+v", e)
			}
			if !strings.Contains(res.Say, "left") {
				t.Errorf("says %q", res.Say)
			}
		}
		r.wantState("1001", false, true)
		r.want(r.stepUp(id, "2580"), Confirmed, entry.ReasonNone)
		if e := r.last(entry.KindStepUp); e.Outcome != entry.OutcomeAllowed || e.Method != entry.MethodPIN || e.Operator != "1001" {
			t.Errorf("journaled: %+v", e)
		}
		r.wantState("1001", false, false)
		if o := r.operator("1001"); o.CardPINLocked != 0 {
			t.Error("the right one did not make the wrong ones forgotten")
		}
		r.want(r.stepUp(id, "2580"), Refused, entry.ReasonNoOverride)
	})
}

// TestStepUpCountsWrongPINs: as any, by the means that the session began with.
func TestStepUpCountsWrongPINs(t *testing.T) {
	for words, x := range map[string]struct {
		signOn func(r *rig) Result
		number string
		means  entry.Method
	}{
		"signed on by card":           {func(r *rig) Result { return r.swipe("1001") }, "1001", entry.MethodCardPIN},
		"signed on by number and PIN": {func(r *rig) Result { return r.typed("1001", "2580") }, "1001", entry.MethodNumberPIN},
	} {
		t.Run(words, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.want(x.signOn(r), SignedOn, entry.ReasonNone)
				id := r.ask("pos.drawer.count")
				for range 5 {
					r.want(r.stepUp(id, "1111"), Refused, entry.ReasonWrongPIN)
				}
				if e := r.last(entry.KindLockout); e.Operator != x.number || e.Method != x.means {
					t.Errorf("lockout: %+v", e)
				}
				r.want(r.stepUp(id, "2580"), Refused, entry.ReasonLockedOut)
				r.wantState("1001", false, true)
			})
		})
	}
}

// TestCardsAtAStepUp: the own one asks for its PIN, whatever the site asks
// for; a manager's is told whose PIN it waits for.
func TestCardsAtAStepUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		r.ask("pos.drawer.count")
		res := r.swipe("2001")
		if res.Action == AskPIN { // and it is nobody's who may
			var err error
			if res, err = r.s.PIN(r.ctx, res.Token, []byte("3690"), "keypad"); err != nil {
				t.Fatal(err)
			}
		}
		r.want(res, Refused, entry.ReasonStepUp)
		res = r.swipe("1001")
		r.want(res, AskPIN, entry.ReasonPINRequired)
		got, err := r.s.PIN(r.ctx, res.Token, []byte("2580"), "keypad")
		if err != nil {
			t.Fatal(err)
		}
		r.want(got, Confirmed, entry.ReasonNone)
		if e := r.last(entry.KindStepUp); e.Method != entry.MethodCardPIN {
			t.Errorf("journaled: %+v", e)
		}
		r.wantState("1001", false, false)
	})
}

// TestApproversShowTheirPIN: where the function wants it, the card alone is not enough.
func TestApproversShowTheirPIN(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		id := r.ask("pos.drawer.lift")
		r.want(r.stepUp(id, "2580"), Refused, entry.ReasonNoOverride)
		res := r.swipe("2001")
		r.want(res, AskPIN, entry.ReasonPINRequired)
		r.wantState("1001", false, true)
		got, err := r.s.PIN(r.ctx, res.Token, []byte("3690"), "keypad")
		if err != nil {
			t.Fatal(err)
		}
		r.want(got, Approved, entry.ReasonNone)
	})
}

// TestStepUpWithoutAPIN: who has none cannot give it, and no try is counted.
func TestStepUpWithoutAPIN(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c, err := r.store.Add(r.ctx, By{Source: "test"}, NewOperator{Number: "1009", Name: "Cara", WorkGroups: []string{cashier}, Card: cardOf("1009")}, false)
		if err != nil || !c.OK {
			t.Fatal(c, err)
		}
		r.want(r.swipe("1009"), SignedOn, entry.ReasonNone)
		id := r.ask("pos.drawer.count")
		for range 6 {
			res := r.stepUp(id, "2580")
			if r.want(res, Refused, entry.ReasonPINRequired); !strings.Contains(res.Say, "has no PIN") {
				t.Errorf("says %q", res.Say)
			}
		}
		if n := len(r.journal.since(0, entry.KindLockout)); n != 0 {
			t.Errorf("%d lockouts", n)
		}
	})
}

// A PIN that a manager has set during the session proves nothing.
func TestStepUpTakesNoPINOfSomebodyElses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		c, err := r.people.SetPIN(r.ctx, r.as("2001"), "1001", []byte("8520"))
		r.wantChange(c, err, true, entry.ReasonNone)
		r.want(r.stepUp(r.ask("pos.drawer.count"), "8520"), Refused, entry.ReasonNewPIN)
	})
}
