package signon

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
	"tillwarden/signon/card"
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
		{"after a restart another's over it", RemovedSignOff, "1001 restart 1002 out", "", false},
		{"after a restart, who signed on without a card", RemovedSignOff, "keypad:1001 restart out", "1001", false},
		{"another's card over it does not keep the session", RemovedLock, "1001 1002 out", "1001", true},
		{"nor does nobody's", RemovedSignOff, "1001 9999 out", "", false},
		{"nor do many", RemovedSignOff, "1001 9991 9992 9993 9994 9995 9996 9997 9998 9999 out", "", false},
		{"nor one that could not be read", RemovedSignOff, "1001 unreadable out", "", false},
		{"an approver's over it does, for a while", RemovedSignOff, "1001 ask 2001 out", "1001", false},
		{"not back after an approval", RemovedSignOff, "1001 ask out 2001 out minute", "", false},
		{"nor after an approver's was laid over it", RemovedLock, "1001 ask 2001 out minute", "1001", true},
		{"back after an approval, it stays", RemovedSignOff, "1001 ask out 2001 out 1001 minute", "1001", false},
		{"taken out while it is pending, it may be as long", RemovedSignOff, "1001 ask out minute", "1001", false},
		{"and not longer", RemovedSignOff, "1001 ask out minute minute minute minute", "", false},
		{"cancelled, and away", RemovedLock, "1001 ask out cancel minute", "1001", true},
		{"other requests do not keep it", RemovedLock, "1001 ask out cancel ask minute", "1001", true},
		{"the own card after number and PIN, and a reload", RemovedSignOff, "keypad:1001 1001 reload out", "", false},
		{"another's after a reload is nothing", RemovedSignOff, "1001 reload other:1002 out:other", "1001", false},
		{"not back after a reload", RemovedLock, "1001 ask out reload cancel minute", "1001", true},
		{"and back after one, it stays", RemovedLock, "1001 ask out cancel reload 1001 minute", "1001", false},
		{"a restart and a reload", RemovedSignOff, "1001 restart reload out", "", false},
		{"who is signed on afterwards stays", RemovedSignOff, "1001 ask out cancel keypad-off 1002 minute", "1002", false},
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
					case "reload":
						old := r.s
						var err error
						if r.s, err = New(old.o); err != nil {
							t.Fatal(err)
						}
						if err := r.s.Start(r.ctx); err != nil {
							t.Fatal(err)
						}
						r.s.Succeed(old)
						old.Close()
					case "other":
						time.Sleep(3 * time.Second)
						r.present(Credential{Card: cardOf(at), Source: "other"})
					case "minute":
						time.Sleep(time.Minute + time.Second)
					case "cancel":
						if err := r.gate.Cancel(r.ctx, r.gate.Snapshot().Override.ID, "console"); err != nil {
							t.Fatal(err)
						}
					case "keypad-off":
						if _, err := r.s.SignOff(r.ctx, "keypad"); err != nil {
							t.Fatal(err)
						}
					case "unreadable":
						r.present(Credential{Card: card.Read(nil, card.Options{}, card.BuiltIn())})
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

// TestCardRemovedDuringItsPIN: who types the PIN and takes the card away while it is
// checked is not signed on by a card that nobody sees leave any more.
func TestCardRemovedDuringItsPIN(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *Options) { o.Removed, o.Method = RemovedSignOff, policy.SignOnCardPIN })
		out := func() {
			if _, err := r.s.CardRemoved(r.ctx, "reader"); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 { // wrong PINs, so that the next one is kept waiting
			asked := r.swipe("1001")
			if _, err := r.s.PIN(r.ctx, asked.Token, []byte("1111"), "keypad"); err != nil {
				t.Fatal(err)
			}
		}
		out()
		asked := r.present(Credential{Card: cardOf("1001")})
		r.want(asked, AskPIN, entry.ReasonPINRequired)
		done := make(chan Result)
		go func() {
			got, err := r.s.PIN(r.ctx, asked.Token, []byte(pinOf("1001")), "keypad")
			if err != nil {
				t.Error(err)
			}
			done <- got
		}()
		synctest.Wait()
		out()
		r.want(<-done, Refused, entry.ReasonCardRemoved)
		if r.signedOn() != "" {
			t.Errorf("%s is signed on", r.signedOn())
		}
	})
}

// TestClosedServiceLetsNobodyIn: not even who was being looked at when another took its
// place, which alone hears by now what happens at the readers.
func TestClosedServiceLetsNobodyIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *Options) { o.Removed = RemovedSignOff })
		old := r.s
		var err error
		if r.s, err = New(old.o); err != nil {
			t.Fatal(err)
		}
		r.s.Succeed(old)
		old.Close()
		if got, err := old.Present(r.ctx, Credential{Card: cardOf("1001"), Source: "reader"}); !errors.Is(err, ErrClosed) || got.OK {
			t.Errorf("%s %v", got.Action, err)
		}
		if r.signedOn() != "" {
			t.Errorf("%s is signed on", r.signedOn())
		}
	})
}
