package signon

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/timeclock"
)

func newClockedRig(t *testing.T, change ...func(*Options)) *rig {
	r := newRig(t, change...)
	r.clocked = true
	return r
}

func (r *rig) punch(what timeclock.Punch, c Credential) Result {
	r.t.Helper()
	time.Sleep(3 * time.Second)
	res, err := r.s.Punch(r.ctx, what, c)
	if err != nil {
		r.t.Fatalf("Punch: %v", err)
	}
	return res
}

func (r *rig) punchFor(what timeclock.Punch, number string, length time.Duration, by string) Result {
	r.t.Helper()
	time.Sleep(3 * time.Second)
	res, err := r.s.PunchFor(r.ctx, what, number, length, Credential{Card: cardOf(by), PIN: []byte(pinOf(by)), Source: "reader"})
	if err != nil {
		r.t.Fatalf("PunchFor: %v", err)
	}
	return res
}

func byCardOf(number string) Credential { return Credential{Card: cardOf(number), Source: "reader"} }

// TestDayAtTheTimeClock is a day of Ann's.
func TestDayAtTheTimeClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newClockedRig(t)
		res := r.swipe("1001")
		r.want(res, Refused, entry.ReasonOffClock)
		if res.Say != "Ann is not clocked in: clock in first" {
			t.Errorf("told %q", res.Say)
		}
		r.want(r.punch(timeclock.In, byCardOf("1001")), Punched, entry.ReasonNone)
		if r.signedOn() != "" {
			t.Fatal("clocking in signed on")
		}
		r.want(r.punch(timeclock.In, byCardOf("1001")), Refused, entry.ReasonClockedIn)
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		r.want(r.punch(timeclock.Break, byCardOf("1001")), Punched, entry.ReasonNone)
		if r.signedOn() != "" {
			t.Fatal("on a break, and signed on")
		}
		if e := r.last(entry.KindSignOff); e.Reason != entry.ReasonOnBreak {
			t.Errorf("signed off for %v", e.Reason)
		}
		r.want(r.swipe("1001"), Refused, entry.ReasonOnBreak)
		r.want(r.punch(timeclock.Back, Credential{Number: "1001", PIN: []byte("2580"), Source: "keypad"}), Punched, entry.ReasonNone)
		r.restart()
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)

		r.want(r.punchFor(timeclock.Break, "1001", 30*time.Minute, "1002"), Refused, entry.ReasonRule)
		if r.signedOn() != "1001" {
			t.Fatal("who may not sent somebody on a break")
		}
		r.want(r.punchFor(timeclock.Break, "1001", 30*time.Minute, "2001"), Punched, entry.ReasonNone)
		if r.signedOn() != "" {
			t.Fatal("sent on a break, and signed on")
		}
		res = r.punch(timeclock.Back, byCardOf("1001"))
		r.want(res, Refused, entry.ReasonForcedBreak)
		if !strings.Contains(res.Say, "until ") {
			t.Errorf("nobody says until when: %q", res.Say)
		}
		res = r.swipe("1001")
		r.want(res, Refused, entry.ReasonForcedBreak)
		if !strings.Contains(res.Say, "until ") {
			t.Errorf("nobody says until when: %q", res.Say)
		}
		r.want(r.punchFor(timeclock.Back, "1001", 0, "2002"), Punched, entry.ReasonNone)
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		r.want(r.punch(timeclock.Out, byCardOf("1001")), Punched, entry.ReasonNone)
		r.want(r.swipe("1001"), Refused, entry.ReasonOffClock)
		r.want(r.swipe("2001"), SignedOn, entry.ReasonNone) // a manager need not be clocked in
	})
}

// TestPunchTakesTheSameProof: as a sign-on of the same operator; and a try counts.
func TestPunchTakesTheSameProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newClockedRig(t, func(o *Options) { o.Method = policy.SignOnCardPIN })
		res := r.punch(timeclock.In, byCardOf("1001"))
		r.want(res, AskPIN, entry.ReasonPINRequired)
		if s := r.gate.Standing(r.operator("1001").Subject()); s.State != timeclock.Off {
			t.Fatal("clocked in without the PIN")
		}
		res, err := r.s.PIN(r.ctx, res.Token, []byte("2580"), "keypad")
		if err != nil {
			t.Fatal(err)
		}
		r.want(res, Punched, entry.ReasonNone)
		r.want(r.punch(timeclock.Out, Credential{Number: "1001", PIN: []byte("2580"), Source: "keypad"}), Refused, entry.ReasonWrongPIN)
		if e := r.last(entry.KindIdentify); e.Reason != entry.ReasonCardRequired || e.Outcome != entry.OutcomeDenied {
			t.Errorf("journaled: %+v", e)
		}
		r.want(r.punch(timeclock.Out, Credential{Card: paymentCard(), Source: "reader"}), Refused, entry.ReasonPaymentCard)
		if n := len(r.journal.since(0, entry.KindSignOn)); n != 0 {
			t.Errorf("%d sign-ons journaled, and nobody tried to", n)
		}
	})
}

// TestNobodyElsesCardAlonePunches: where a card alone signs on, that of a manager who
// swipes it to approve something, say, ends no break of who waits for it.
func TestNobodyElsesCardAlonePunches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newClockedRig(t)
		r.want(r.punch(timeclock.In, byCardOf("1001")), Punched, entry.ReasonNone)
		r.want(r.punchFor(timeclock.Break, "1001", time.Hour, "2001"), Punched, entry.ReasonNone)
		time.Sleep(3 * time.Second)
		res, err := r.s.PunchFor(r.ctx, timeclock.Back, "1001", 0, Credential{Card: cardOf("2001"), Source: "console"})
		if err != nil {
			t.Fatal(err)
		}
		r.want(res, AskPIN, entry.ReasonPINRequired)
		if s := r.gate.Standing(r.operator("1001").Subject()); !s.Forced() {
			t.Fatalf("stands as %+v", s)
		}
		if res, err = r.s.PIN(r.ctx, res.Token, []byte(pinOf("2001")), "console"); err != nil {
			t.Fatal(err)
		}
		r.want(res, Punched, entry.ReasonNone)
	})
}

func TestPunchForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newClockedRig(t)
		r.want(r.punch(timeclock.In, byCardOf("1001")), Punched, entry.ReasonNone)
		for words, x := range map[string]struct {
			what   timeclock.Punch
			number string
			length time.Duration
			by     string
			reason entry.Reason
		}{
			"nobody":                            {timeclock.Out, "7777", 0, "2001", entry.ReasonUnknownOperator},
			"oneself, on a break":               {timeclock.Break, "2001", time.Hour, "2001", entry.ReasonSamePerson},
			"the own other number, on a break":  {timeclock.Break, "1001", time.Hour, "2003", entry.ReasonSamePerson},
			"somebody who is not clocked in":    {timeclock.Break, "1002", time.Hour, "2001", entry.ReasonOffClock},
			"a forgotten punch, by who may not": {timeclock.Out, "1001", 0, "1002", entry.ReasonRule},
		} {
			t.Log(words)
			r.want(r.punchFor(x.what, x.number, x.length, x.by), Refused, x.reason)
		}
		r.want(r.punchFor(timeclock.Out, "1001", 0, "2001"), Punched, entry.ReasonNone)
		if e := r.last(entry.KindClockOut); e.Approval == nil || e.Approval.Operator != "2001" || e.Operator != "1001" {
			t.Errorf("journaled: %+v", e)
		}
	})
}
