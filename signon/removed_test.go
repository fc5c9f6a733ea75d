package signon

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// TestCardRemoved: what is done at a register in whose reader cards stay, in words:
// a number is that operator's card that goes in, out is the card that leaves, ask is
// what needs a manager. Ann is 1001, Max (2001) approves.
func TestCardRemoved(t *testing.T) {
	for _, x := range []struct {
		what     string
		removed  Removed
		do       string
		operator string // signed on afterwards
		locked   bool
	}{
		{"in and out signs off", RemovedSignOff, "1001 out", "", false},
		{"in and out locks", RemovedLock, "1001 out", "1001", true},
		{"in and out is nothing", RemovedNothing, "1001 out", "1001", false},
		{"in again unlocks", RemovedLock, "1001 out 1001", "1001", false},
		{"in again signs on", RemovedSignOff, "1001 out 1001", "1001", false},
		{"and that within the time of one swipe", RemovedSignOff, "1001 out =1001", "1001", false},
		{"the next one signs on", RemovedSignOff, "1001 out 1002", "1002", false},
		{"a second out is nothing more", RemovedSignOff, "1001 out 1002 out out", "", false},
		{"somebody else's card is nothing", RemovedSignOff, "keypad:1001 1002 out", "1001", false},
		{"nobody's card is nothing", RemovedSignOff, "keypad:1001 9999 out", "1001", false},
		{"the own card after number and PIN", RemovedSignOff, "keypad:1001 1001 out", "", false},
		{"not for an approver's, who approves", RemovedSignOff, "1001 ask out 2001 out", "1001", false},
		{"and the own one comes back", RemovedSignOff, "1001 ask out 2001 out 1001", "1001", false},
		{"and leaves", RemovedSignOff, "1001 ask out 2001 out 1001 out", "", false},
		{"back after an approval, it locks nothing", RemovedLock, "1001 ask out 2001 out 1001", "1001", false},
		{"a locked register signs off, too", RemovedSignOff, "1001 lock out", "", false},
		{"a locked register stays locked", RemovedLock, "1001 lock out", "1001", true},
		{"out of another reader is nothing", RemovedSignOff, "1001 out:other", "1001", false},
		{"out after a restart", RemovedSignOff, "1001 restart out", "", false},
		{"after a restart another's in between", RemovedSignOff, "1001 restart 1002 out", "1001", false},
		{"after a restart, who signed on without a card", RemovedSignOff, "keypad:1001 restart out", "1001", false},
	} {
		t.Run(removedNames[x.removed]+"/"+x.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, func(o *Options) { o.Removed = x.removed })
				for _, step := range strings.Fields(x.do) {
					step, at, _ := strings.Cut(step, ":")
					switch step {
					case "out":
						if at == "" {
							at = "reader"
						}
						if _, err := r.s.CardRemoved(r.ctx, at); err != nil {
							t.Fatal(err)
						}
					case "ask":
						r.override()
						time.Sleep(1100 * time.Millisecond) // it counts from one second on
					case "lock":
						if _, err := r.s.Lock(r.ctx, "console"); err != nil {
							t.Fatal(err)
						}
					case "restart":
						r.restart()
					case "keypad":
						r.want(r.typed(at, pinOf(at)), SignedOn, entry.ReasonNone)
					default:
						if now, again := strings.CutPrefix(step, "="); again {
							r.present(Credential{Card: cardOf(now)})
						} else {
							r.swipe(step)
						}
					}
				}
				if r.signedOn() != x.operator || r.locked() != x.locked {
					t.Errorf("%q is signed on, locked %t; want %q, %t", r.signedOn(), r.locked(), x.operator, x.locked)
				}
			})
		})
	}
}

// TestCardRemovedIsJournaled: why the session ended or was locked, and where.
func TestCardRemovedIsJournaled(t *testing.T) {
	for removed, kind := range map[Removed]entry.Kind{RemovedLock: entry.KindLock, RemovedSignOff: entry.KindSignOff} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, func(o *Options) { o.Removed = removed })
			swipeStates["signed on"](r)
			if _, err := r.s.CardRemoved(r.ctx, "reader"); err != nil {
				t.Fatal(err)
			}
			if e := r.last(kind); e.Reason != entry.ReasonCardRemoved || e.Source != "reader" || e.Operator != "1001" || e.Approval != nil {
				t.Errorf("journaled: %+v", e)
			}
		})
	}
}

// TestCardRemovedBeforeItsPIN: who takes the card away types no PIN for it any more.
func TestCardRemovedBeforeItsPIN(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *Options) { o.Removed, o.Method = RemovedSignOff, policy.SignOnCardPIN })
		asked := r.swipe("1001")
		r.want(asked, AskPIN, entry.ReasonPINRequired)
		gone, err := r.s.CardRemoved(r.ctx, "reader")
		if err != nil || gone.Token != asked.Token {
			t.Fatalf("%+v %v", gone, err)
		}
		late, err := r.s.PIN(r.ctx, asked.Token, []byte(pinOf("1001")), "keypad")
		if err != nil {
			t.Fatal(err)
		}
		r.want(late, Refused, entry.ReasonTimeout)
		if r.signedOn() != "" {
			t.Errorf("%s is signed on", r.signedOn())
		}
	})
}

// TestCardRemovedWithoutAJournal: what restricts holds though it cannot be written.
func TestCardRemovedWithoutAJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *Options) { o.Removed = RemovedSignOff })
		swipeStates["signed on"](r)
		r.journal.failing(true)
		got, err := r.s.CardRemoved(r.ctx, "reader")
		if err == nil || got.Action != SignedOff || r.signedOn() != "" {
			t.Errorf("%s, %v, %q is signed on", got.Action, err, r.signedOn())
		}
		r.journal.failing(false)
	})
}
