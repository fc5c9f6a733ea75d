package signon

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

func (r *rig) why(token string, code uint16) Result {
	r.t.Helper()
	res, err := r.s.Why(r.ctx, token, code, "keypad")
	if err != nil {
		r.t.Fatal(err)
	}
	return res
}

// TestReasonAfterTheSwipe: who may approve is asked for the reason's code, and
// until it comes nothing is approved.
func TestReasonAfterTheSwipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		r.ask("pos.drawer.why")
		r.want(r.swipe("1002"), Refused, entry.ReasonNoManagerOverride)
		res := r.swipe("2001")
		if r.want(res, AskWhy, entry.ReasonWhyNeeded); !res.NeedWhy || res.OK || res.Token == "" || !strings.Contains(res.Say, "code") {
			t.Errorf("%+v", res.Verdict)
		}
		r.wantState("1001", false, true)
		again := r.why(res.Token, 55) // is in no list
		r.want(again, AskWhy, entry.ReasonWhyNeeded)
		r.want(r.why(res.Token, 9), Refused, entry.ReasonTimeout) // a token is good once
		res = r.swipe("2001")
		r.want(res, AskWhy, entry.ReasonWhyNeeded)
		r.want(r.why(res.Token, 9), Approved, entry.ReasonNone)
		if e := r.last(entry.KindApproval); e.WhyCode != 9 || e.Approval.Operator != "2001" || e.Approval.Method != entry.MethodCard {
			t.Errorf("journaled: %+v %+v", e, e.Approval)
		}
		r.wantState("1001", false, false)
	})
}

// TestReasonTooLate: what was asked for ends by time, with the override, and
// with what happens to the one who was asked.
func TestReasonTooLate(t *testing.T) {
	for words, x := range map[string]struct {
		between func(r *rig)
		reason  entry.Reason
	}{
		"half a minute":          {func(*rig) { time.Sleep(31 * time.Second) }, entry.ReasonTimeout},
		"cleared":                {func(r *rig) { r.s.DropWhy(r.s.askedWhy.token) }, entry.ReasonTimeout},
		"taken back":             {func(r *rig) { r.gate.Cancel(r.ctx, r.gate.Snapshot().Override.ID, "pos") }, entry.ReasonStateChanged},
		"the operator signs off": {func(r *rig) { r.s.SignOff(r.ctx, "keypad") }, entry.ReasonStateChanged},
		"suspended meanwhile": {func(r *rig) {
			if c, err := r.people.Suspend(r.ctx, r.as("2002"), "2001"); err != nil || !c.OK {
				r.t.Fatal(c, err)
			}
		}, entry.ReasonSuspended},
	} {
		t.Run(words, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
				r.ask("pos.drawer.why")
				res := r.swipe("2001")
				r.want(res, AskWhy, entry.ReasonWhyNeeded)
				x.between(r)
				r.want(r.why(res.Token, 9), Refused, x.reason)
				for _, e := range r.journal.since(0, entry.KindApproval) {
					if e.Outcome == entry.OutcomeAllowed {
						t.Errorf("approved: %+v", e)
					}
				}
			})
		})
	}
}

// TestReasonInWords: a keypad has no letters, and the console takes it with the approval.
func TestReasonInWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		id := r.ask("pos.drawer.words")
		res := r.swipe("2001")
		if r.want(res, Refused, entry.ReasonWhyNeeded); !strings.Contains(res.Say, "console") || res.NeedWhy {
			t.Errorf("%+v", res.Verdict)
		}
		c := func() Credential { return Credential{Number: "2001", PIN: []byte("3690"), Source: "console"} }
		if res, err := r.s.Approve(r.ctx, id, c(), Terms{Why: enforcer.Why{Code: 9}}); err != nil || res.Reason != entry.ReasonWhyNeeded || res.NeedWhy {
			t.Errorf("a code: %+v %v", res, err)
		}
		res, err := r.s.Approve(r.ctx, id, c(), Terms{Why: enforcer.Why{Text: "the queue is long"}})
		if err != nil {
			t.Fatal(err)
		}
		r.want(res, Approved, entry.ReasonNone)
		if e := r.last(entry.KindApproval); e.Why != "the queue is long" || e.WhyCode != 0 {
			t.Errorf("journaled: %+v", e)
		}
	})
}

// TestTheFirstOfTwoIsStillThere: what the first of two persons approved ends when
// somebody changes that person before the second comes.
func TestTheFirstOfTwoIsStillThere(t *testing.T) {
	for _, x := range []struct {
		words  string
		change func(r *rig) (Change, error)
		ends   bool
	}{
		{"suspended", func(r *rig) (Change, error) { return r.people.Suspend(r.ctx, r.as("2002"), "2001") }, true},
		{"terminated", func(r *rig) (Change, error) { return r.people.Terminate(r.ctx, r.as("2002"), "2001") }, true},
		{"without the work group", func(r *rig) (Change, error) {
			return r.people.SetGroups(r.ctx, r.as("2002"), "2001", []string{cashier})
		}, true},
		{"without the work group by a list", func(r *rig) (Change, error) {
			_, c, err := r.people.Import(r.ctx, r.as("2002"), []Row{{Line: 2, Number: "2001", Name: "Max", WorkGroups: []string{cashier}}}, false)
			return c, err
		}, true},
		{"without a card", func(r *rig) (Change, error) { return r.people.RevokeCard(r.ctx, r.as("2002"), "2001", 0) }, true},
		{"another operator is suspended", func(r *rig) (Change, error) { return r.people.Suspend(r.ctx, r.as("2002"), "1002") }, false},
	} {
		t.Run(x.words, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
				id := r.ask("pos.drawer.both")
				r.want(r.swipe("2001"), ApprovedFirst, entry.ReasonNone)
				c, err := x.change(r)
				r.wantChange(c, err, true, entry.ReasonNone)
				res, err := r.s.Approve(r.ctx, id, Credential{Card: cardOf("8802"), Source: "reader"}, Terms{})
				if err != nil {
					t.Fatal(err)
				}
				if !x.ends {
					r.want(res, Approved, entry.ReasonNone)
					return
				}
				r.want(res, Refused, entry.ReasonNoOverride)
				if e := r.last(entry.KindOverrideEnd); e.About != id || e.Reason != entry.ReasonRosterChanged {
					t.Errorf("ended by %+v", e)
				}
				if r.signedOn() != "1001" {
					t.Error("and who asked is signed off")
				}
			})
		})
	}
}

// TestWhatAnApproverShows: the work group's word, else the site's; number and
// PIN in place of the card only where the site says so and the policy does not
// say otherwise, and marked.
func TestWhatAnApproverShows(t *testing.T) {
	const card, cardThenPIN, numberPIN, afar = "card", "card, then PIN", "number and PIN", "from afar"
	for _, x := range []struct {
		words  string
		site   Options
		number string
		shows  string
		action Action
		reason entry.Reason
		method entry.Method
		marked bool
	}{
		{"by default the card asks for its PIN", Options{}, "2001", card, AskPIN, entry.ReasonPINRequired, 0, false},
		{"by default card and PIN approve", Options{}, "2001", cardThenPIN, Approved, 0, entry.MethodCardPIN, false},
		{"by default number and PIN do not", Options{}, "2001", numberPIN, Refused, entry.ReasonWrongPIN, 0, false},
		{"as the site's fallback they do, marked", Options{ApproveFallback: true}, "2001", numberPIN, Approved, 0, entry.MethodNumberPIN, true},
		{"with the fallback the card is not marked", Options{ApproveFallback: true}, "2001", cardThenPIN, Approved, 0, entry.MethodCardPIN, false},
		{"where the site wants no card there is no fallback", Options{Approve: policy.SignOnNumberPIN, ApproveFallback: true}, "2001", numberPIN, Approved, 0, entry.MethodNumberPIN, false},
		{"the card alone, where the site says so", Options{Approve: policy.SignOnCard}, "2001", card, Approved, 0, entry.MethodCard, false},
		{"the card alone, where the work group says so", Options{}, "8802", card, Approved, 0, entry.MethodCard, false},
		{"the work group's card, which no site softens", Options{Approve: policy.SignOnCard, ApproveFallback: true}, "8801", card, AskPIN, entry.ReasonPINRequired, 0, false},
		{"nor by its fallback", Options{ApproveFallback: true}, "8801", numberPIN, Refused, entry.ReasonWrongPIN, 0, false},
		{"nor from afar", Options{Remote: true}, "8801", afar, Refused, entry.ReasonWrongPIN, 0, false},
		{"from afar, where the site says so", Options{Remote: true}, "2001", afar, Approved, 0, entry.MethodRemote, false},
		{"from afar, where it does not", Options{ApproveFallback: true}, "2001", afar, Refused, entry.ReasonRemote, 0, false},
		{"from afar nobody approves the own request", Options{Remote: true}, "2003", afar, Refused, entry.ReasonSamePerson, 0, false},
		{"nor without the right", Options{Remote: true}, "1002", afar, Refused, entry.ReasonNoManagerOverride, 0, false},
	} {
		t.Run(x.words, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, func(o *Options) {
					o.Approve, o.ApproveFallback, o.Remote = x.site.Approve, x.site.ApproveFallback, x.site.Remote
				})
				r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
				id := r.ask("pos.drawer.nosale")
				pin := ""
				for _, o := range testOperators {
					if o.number == x.number {
						pin = o.pin
					}
				}
				var res Result
				var err error
				switch x.shows {
				case card:
					res = r.swipe(x.number)
				case cardThenPIN:
					res, err = r.s.PIN(r.ctx, r.swipe(x.number).Token, []byte(pin), "keypad")
				case numberPIN:
					res = r.typed(x.number, pin)
				case afar:
					res, err = r.s.Approve(r.ctx, id, Credential{Number: x.number, PIN: []byte(pin), Source: "socket", At: "register 4"}, Terms{})
				}
				if err != nil {
					t.Fatal(err)
				}
				r.want(res, x.action, x.reason)
				if x.action != Approved {
					r.wantState("1001", false, true)
					return
				}
				a := r.last(entry.KindApproval).Approval
				if a.Method != x.method || a.Fallback != x.marked || a.At != map[bool]string{true: "register 4"}[x.shows == afar] {
					t.Errorf("journaled: %+v", a)
				}
			})
		})
	}
}
