package signon

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
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
		if res, err := r.s.Approve(r.ctx, id, c(), enforcer.Why{Code: 9}); err != nil || res.Reason != entry.ReasonWhyNeeded || res.NeedWhy {
			t.Errorf("a code: %+v %v", res, err)
		}
		res, err := r.s.Approve(r.ctx, id, c(), enforcer.Why{Text: "the queue is long"})
		if err != nil {
			t.Fatal(err)
		}
		r.want(res, Approved, entry.ReasonNone)
		if e := r.last(entry.KindApproval); e.Why != "the queue is long" || e.WhyCode != 0 {
			t.Errorf("journaled: %+v", e)
		}
	})
}
