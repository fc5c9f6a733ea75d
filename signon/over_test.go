package signon

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// TestSignOnOverASession is the swipe table under each rule: Ann (1001) is signed on.
func TestSignOnOverASession(t *testing.T) {
	for _, x := range []struct {
		over     Over
		state    string
		card     string
		action   Action
		reason   entry.Reason
		operator string // signed on afterwards
		locked   bool
	}{
		{OverRefuse, "signed on", "1002", InUse, entry.ReasonInUse, "1001", false},
		{OverRefuse, "locked", "1002", Refused, entry.ReasonRule, "1001", true},
		{OverSignOff, "signed on", "1002", SignedOn, 0, "1002", false},
		{OverSignOff, "signed on", "2001", SignedOn, 0, "2001", false},
		{OverSignOff, "signed on", "1001", Locked, 0, "1001", true},
		{OverSignOff, "locked", "1002", SignedOn, 0, "1002", false},
		{OverSignOff, "locked", "2001", Unlocked, 0, "1001", false},
		{OverSignOff, "locked", "1001", Unlocked, 0, "1001", false},
		{OverSignOff, "override pending", "1002", Refused, entry.ReasonNoManagerOverride, "1001", false},
		{OverSignOff, "signed on", "4001", Refused, entry.ReasonRule, "1001", false}, // who may not sign on ends nobody's session
		{OverManager, "signed on", "1002", AskManager, entry.ReasonInUse, "1001", false},
		{OverManager, "locked", "1002", AskManager, entry.ReasonInUse, "1001", true},
		{OverManager, "signed on", "2001", SignedOn, 0, "2001", false}, // may unlock others' registers
		{OverManager, "locked", "2001", Unlocked, 0, "1001", false},
		{OverManager, "override pending", "1002", Refused, entry.ReasonNoManagerOverride, "1001", false},
	} {
		t.Run(overNames[x.over]+"/"+x.state+"/"+x.card, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, func(o *Options) { o.Over = x.over })
				swipeStates[x.state](r)
				r.want(r.swipe(x.card), x.action, x.reason)
				if r.signedOn() != x.operator || r.locked() != x.locked {
					t.Errorf("%q is signed on, locked %t", r.signedOn(), r.locked())
				}
				if x.action != SignedOn {
					return
				}
				off := r.last(entry.KindSignOff)
				if off.Operator != "1001" || off.Reason != entry.ReasonSignedOver || off.Approval == nil || off.Approval.Operator != x.card {
					t.Errorf("journaled: %+v %+v", off, off.Approval)
				}
			})
		})
	}
}

// TestManagerLetsSomebodySignOn: in time, and only who may.
func TestManagerLetsSomebodySignOn(t *testing.T) {
	for words, x := range map[string]struct {
		shows    string
		after    time.Duration
		action   Action
		reason   entry.Reason
		operator string
	}{
		"a manager":                       {"2001", time.Second, SignedOn, 0, "1002"},
		"whose session it is":             {"1001", time.Second, SignedOn, 0, "1002"},
		"another cashier":                 {"3002", time.Second, Refused, entry.ReasonRule, "1001"},
		"the newcomer again":              {"1002", time.Second, AskManager, entry.ReasonInUse, "1001"},
		"a manager, too late":             {"2001", time.Minute, SignedOn, 0, "2001"}, // for themselves, as ever
		"whose session it is, too late":   {"1001", time.Minute, Locked, 0, "1001"},
		"another number of the newcomers": {"2003", time.Second, SignedOn, 0, "1002"},
	} {
		t.Run(words, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, func(o *Options) { o.Over = OverManager })
				swipeStates["signed on"](r)
				res := r.swipe("1002")
				r.want(res, AskManager, entry.ReasonInUse)
				if e := r.last(entry.KindSignOn); e.Outcome != entry.OutcomeOverrideRequired || e.Operator != "1002" || !strings.Contains(res.Say, "Ann is signed on") {
					t.Fatalf("journaled: %+v, told %q", e, res.Say)
				}
				time.Sleep(x.after)
				var got Result
				if x.shows == "3002" { // signs on by number and PIN
					got = r.typed("3002", "7410")
				} else {
					got = r.swipe(x.shows)
				}
				r.want(got, x.action, x.reason)
				if r.signedOn() != x.operator {
					t.Errorf("%q is signed on, want %q", r.signedOn(), x.operator)
				}
				if x.operator == "1002" {
					e := r.last(entry.KindSignOn)
					if e.Operator != "1002" || e.Method != entry.MethodCard || e.Outcome != entry.OutcomeAllowed {
						t.Errorf("journaled: %+v", e)
					}
					off := r.last(entry.KindSignOff)
					if by := x.shows != "1001"; by != (off.Approval != nil) || by && off.Approval.Operator != x.shows {
						t.Errorf("who ended it: %+v", off.Approval)
					}
				}
			})
		})
	}
}

// TestNewcomerOfAnotherSession: who was let wait in one session is not let in the next.
func TestNewcomerOfAnotherSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *Options) { o.Over = OverManager })
		swipeStates["signed on"](r)
		r.want(r.swipe("1002"), AskManager, entry.ReasonInUse)
		if _, err := r.s.SignOff(r.ctx, "test"); err != nil {
			t.Fatal(err)
		}
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		r.want(r.swipe("2001"), SignedOn, entry.ReasonNone)
		if r.signedOn() != "2001" {
			t.Errorf("%q is signed on", r.signedOn())
		}
	})
}

// TestNewcomerIsLookedAtAgain: who may not sign on any more when they are let does not,
// and the session goes on.
func TestNewcomerIsLookedAtAgain(t *testing.T) {
	for words, x := range map[string]struct {
		typed bool // number and PIN, not the card
		f     func(r *rig) (Change, error)
		signs bool
	}{
		"nothing happened":              {f: func(*rig) (Change, error) { return Change{OK: true}, nil }, signs: true},
		"suspended":                     {f: func(r *rig) (Change, error) { return r.people.Suspend(r.ctx, r.as("2001"), "1002") }},
		"terminated":                    {f: func(r *rig) (Change, error) { return r.people.Terminate(r.ctx, r.as("2001"), "1002") }},
		"the card was taken":            {f: func(r *rig) (Change, error) { return r.people.RevokeCard(r.ctx, r.as("2001"), "1002", 0) }},
		"the card is somebody else's":   {f: moved},
		"the card was taken, not shown": {typed: true, f: func(r *rig) (Change, error) { return r.people.RevokeCard(r.ctx, r.as("2001"), "1002", 0) }, signs: true},
		"another PIN was set": {typed: true, f: func(r *rig) (Change, error) {
			return r.people.SetPIN(r.ctx, r.as("2001"), "1002", []byte("5038"))
		}},
	} {
		t.Run(words, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, func(o *Options) { o.Over = OverManager })
				swipeStates["signed on"](r)
				if x.typed {
					r.want(r.typed("1002", "1470"), AskManager, entry.ReasonInUse)
				} else {
					r.want(r.swipe("1002"), AskManager, entry.ReasonInUse)
				}
				if c, err := x.f(r); err != nil || !c.OK {
					t.Fatalf("%+v, %v", c, err)
				}
				time.Sleep(3 * time.Second)
				res, who := r.swipe("2001"), "1001"
				if x.signs {
					who = "1002"
					r.want(res, SignedOn, entry.ReasonNone)
				} else {
					r.want(res, Refused, entry.ReasonStateChanged)
				}
				if r.signedOn() != who {
					t.Errorf("%q is signed on, want %q", r.signedOn(), who)
				}
			})
		})
	}
}

// moved gives the newcomer's card to somebody else.
func moved(r *rig) (Change, error) {
	if c, err := r.people.RevokeCard(r.ctx, r.as("2001"), "1002", 0); err != nil || !c.OK {
		return c, err
	}
	return r.people.EnrolCard(r.ctx, r.as("2001"), "3002", cardOf("1002"), false)
}

// TestManagerShowsWhatApproversShow: where approvers take card and PIN, so does this.
func TestManagerShowsWhatApproversShow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *Options) { o.Over, o.Approve = OverManager, policy.SignOnCardPIN })
		swipeStates["signed on"](r)
		r.want(r.swipe("1002"), AskManager, entry.ReasonInUse)
		res := r.swipe("2001")
		r.want(res, AskPIN, entry.ReasonPINRequired)
		if r.signedOn() != "1001" {
			t.Fatal("without the PIN")
		}
		res, err := r.s.PIN(r.ctx, res.Token, []byte("3690"), "keypad")
		if err != nil {
			t.Fatal(err)
		}
		r.want(res, SignedOn, entry.ReasonNone)
		if r.signedOn() != "1002" {
			t.Errorf("%q is signed on", r.signedOn())
		}
	})
}

// TestOwnCardAgainSignsOff: where the site wants it; it neither unlocks less nor
// answers what is pending.
func TestOwnCardAgainSignsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *Options) { o.Again = AgainSignOff })
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		r.want(r.present(Credential{Card: cardOf("1001")}), Same, entry.ReasonNone)
		r.want(r.swipe("1001"), SignedOff, entry.ReasonNone)
		if e := r.last(entry.KindSignOff); r.signedOn() != "" || e.Reason != entry.ReasonOwner || e.Approval != nil {
			t.Errorf("journaled: %+v", e)
		}
		swipeStates["override pending"](r)
		r.want(r.swipe("1001"), Refused, entry.ReasonOwnRequest)
	})
}

// TestWhoIsRefusedOverASessionTakesNoLastDayFromIt: who is signed on is signed off when their
// last day is over, also after somebody was not let sign on in their place.
func TestWhoIsRefusedOverASessionTakesNoLastDayFromIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *Options) { o.Over = OverSignOff })
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		c, err := r.store.SetDays(r.ctx, By{}, "1001", "", r.clock.Stamp().Time().UTC().Format("2006-01-02"))
		if err != nil || !c.OK {
			t.Fatal(c, err)
		}
		r.s.ClockSet(r.ctx)
		r.clocked = true // and nobody is clocked in
		r.want(r.swipe("1002"), Refused, entry.ReasonOffClock)
		if r.signedOn() != "1001" {
			t.Fatal("who was signed on is not any more")
		}
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if r.signedOn() != "" {
			t.Error("signed on after the last day")
		}
	})
}
