package signon

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillwarden/enforcer/journal/entry"
)

func TestLockout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		mark := r.journal.mark()
		for i := range 5 {
			r.want(r.typed("1001", "1111"), Refused, entry.ReasonWrongPIN)
			if n := len(r.journal.since(mark, entry.KindLockout)); (n == 1) != (i == 4) {
				t.Fatalf("after %d wrong tries there are %d lockouts", i+1, n)
			}
		}
		e := r.last(entry.KindLockout)
		if e.Operator != "1001" || e.Method != entry.MethodNumberPIN || time.Duration(e.Elapsed) != 30*time.Minute || e.Count != 5 || e.Source != "keypad" {
			t.Errorf("lockout: %+v", e)
		}
		r.want(r.typed("1001", "2580"), Refused, entry.ReasonWrongPIN) // the right one
		if e := r.last(entry.KindSignOn); e.Reason != entry.ReasonLockedOut {
			t.Errorf("journaled as %s", e.Reason)
		}
		if left := r.operator("1001").NumberPINLocked; left < 29*time.Minute || left > 30*time.Minute {
			t.Errorf("locked for %s", left)
		}
		// Tries while it is locked do not make it longer, and the card works.
		time.Sleep(20 * time.Minute)
		r.want(r.typed("1001", "1111"), Refused, entry.ReasonWrongPIN)
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		if _, err := r.s.SignOff(r.ctx, "test"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * time.Minute)
		r.want(r.typed("1001", "2580"), SignedOn, entry.ReasonNone)
		if r.operator("1001").NumberPINLocked != 0 {
			t.Error("still locked")
		}
	})
}

// TestLockoutOutlivesRestartRebootAndTheWallClock.
func TestLockoutOutlivesRestartRebootAndTheWallClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		for range 3 {
			r.typed("1001", "1111")
		}
		r.restart() // the count outlives it
		for range 2 {
			r.typed("1001", "1111")
		}
		left := func() time.Duration { return r.operator("1001").NumberPINLocked }
		if left() < 29*time.Minute {
			t.Fatalf("five tries over a restart: locked for %s", left())
		}
		time.Sleep(10 * time.Minute)
		r.restart()
		if l := left(); l > 20*time.Minute || l < 19*time.Minute {
			t.Errorf("a restart within a boot: locked for %s", l)
		}
		r.clock.setWall(48 * time.Hour)
		r.want(r.typed("1001", "2580"), Refused, entry.ReasonWrongPIN)
		r.clock.setWall(-48 * time.Hour)
		r.want(r.typed("1001", "2580"), Refused, entry.ReasonWrongPIN)
		r.clock.setWall(0)
		r.stop()
		r.clock.reboot()
		r.start()
		if l := left(); l < 29*time.Minute {
			t.Errorf("a reboot: locked for %s, want all of it again", l)
		}
		time.Sleep(15 * time.Minute)
		r.restart()
		if l := left(); l > 15*time.Minute {
			t.Errorf("a restart after a reboot: locked for %s, want what remains", l)
		}
		time.Sleep(15 * time.Minute)
		r.want(r.typed("1001", "2580"), SignedOn, entry.ReasonNone)
	})
}

// TestLockIsOnDiskBeforeTheAnswer: whoever pulls the plug when the answer
// comes has used the try.
func TestLockIsOnDiskBeforeTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		for range 4 {
			r.typed("1001", "1111")
		}
		// The journal is asked before the answer is given: at that moment the count
		// must be on disk already.
		r.journal.mu.Lock()
		var left time.Duration
		r.journal.before = func([]entry.Entry) { left = r.operator("1001").NumberPINLocked }
		r.journal.mu.Unlock()
		r.typed("1001", "1111")
		if left == 0 {
			t.Error("the lock was not on disk when the answer was made")
		}
	})
}

// TestRightPINForgetsTries.
func TestRightPINForgetsTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		for range 3 {
			for range 4 {
				r.typed("1001", "1111")
			}
			r.want(r.typed("1001", "2580"), SignedOn, entry.ReasonNone)
			if _, err := r.s.SignOff(r.ctx, "test"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestCardAndPINHasItsOwnCount: it works where number and PIN is locked, locks
// by itself, and says until when.
func TestCardAndPINHasItsOwnCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		for range 5 {
			r.typed("3002", "1111")
		}
		try := func(pin string) Result {
			t.Helper()
			time.Sleep(3 * time.Second)
			return r.present(Credential{Card: cardOf("3002"), PIN: []byte(pin)})
		}
		r.want(try("7410"), SignedOn, entry.ReasonNone)
		if _, err := r.s.SignOff(r.ctx, "test"); err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			res := try("1111")
			r.want(res, Refused, entry.ReasonWrongPIN)
			want := fmt.Sprintf("%d tries are left", 4-i)
			switch i {
			case 3:
				want = "one try is left"
			case 4:
				want = "locked until "
			}
			if !strings.Contains(res.Say, want) || res.Operator == nil {
				t.Errorf("after %d wrong tries: %q", i+1, res.Say)
			}
		}
		if e := r.last(entry.KindLockout); e.Method != entry.MethodCardPIN || e.Operator != "3002" {
			t.Errorf("lockout: %+v", e)
		}
		until := r.clock.Stamp().Time().Add(r.operator("3002").CardPINLocked)
		res := try("7410")
		r.want(res, Refused, entry.ReasonLockedOut)
		if want := until.Add(time.Minute).Truncate(time.Minute).Format("15:04"); !strings.Contains(res.Say, want) || res.LockedUntil == 0 {
			t.Errorf("says %q, want %s", res.Say, want)
		}
		res = r.swipe("3002") // not even asked for the PIN
		r.want(res, Refused, entry.ReasonLockedOut)
		if res.NeedPIN || res.LockedUntil <= r.clock.Boot() {
			t.Errorf("a locked card: %+v", res)
		}
	})
}

func TestAnotherManagerUnlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		for range 5 {
			r.typed("2001", "1111")
		}
		c, err := r.people.Unlock(r.ctx, r.as("2001"), "2001")
		if err != nil || c.OK || c.Reason != entry.ReasonSamePerson {
			t.Fatalf("unlocked themselves: %+v %v", c, err)
		}
		if c, err = r.people.Unlock(r.ctx, r.as("1001"), "2001"); err != nil || c.OK {
			t.Fatalf("a cashier unlocked: %+v %v", c, err)
		}
		if c, err = r.people.Unlock(r.ctx, r.as("2002"), "2001"); err != nil || !c.OK {
			t.Fatalf("another manager may not unlock: %+v %v", c, err)
		}
		began := time.Now()
		r.want(r.typed("2001", "3690"), SignedOn, entry.ReasonNone)
		if time.Since(began) > time.Second {
			t.Error("unlocked, and still slowed down")
		}
	})
}

// TestEveryLockIsJournaled: also where the last try was right, but of somebody
// suspended, or who needs the card.
func TestEveryLockIsJournaled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		if _, err := r.store.Suspend(r.ctx, By{}, "1001"); err != nil {
			t.Fatal(err)
		}
		for _, o := range [][2]string{{"1001", "2580"}, {"3001", "8520"}} {
			mark := r.journal.mark()
			for range 7 {
				r.want(r.typed(o[0], o[1]), Refused, entry.ReasonWrongPIN)
			}
			if es := r.journal.since(mark, entry.KindLockout); len(es) != 1 || es[0].Operator != o[0] {
				t.Errorf("operator %s: lockouts %v", o[0], es)
			}
			if r.operator(o[0]).NumberPINLocked == 0 {
				t.Errorf("operator %s is not locked", o[0])
			}
		}
	})
}

// TestNewServiceRemembers: reading the configuration again makes a service
// anew, and does not give anybody tries.
func TestNewServiceRemembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		for range 4 {
			r.typed("777", "1111")
		}
		o := r.opt
		o.Store, o.Gate = r.store, r.gate
		next, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := next.Start(r.ctx); err != nil {
			t.Fatal(err)
		}
		r.s.Close()
		r.s = next
		began := time.Now()
		r.typed("777", "1111")
		if took := time.Since(began); took < 3*time.Second {
			t.Errorf("the fifth try took %s", took)
		}
	})
}

// TestANewPINEndsNotTheOwnLock: somebody else's does, as their unlocking would;
// the own person's does not, with another number neither.
func TestANewPINEndsNotTheOwnLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		for range 5 {
			r.typed("2003", "1111")
		}
		locked := func() bool { return r.operator("2003").NumberPINLocked > 0 }
		if !locked() {
			t.Fatal("not locked")
		}
		c, err := r.people.SetPIN(r.ctx, r.as("2003"), "2003", []byte("8520")) // let in by the card
		r.wantChange(c, err, true, entry.ReasonNone)
		if !locked() {
			t.Error("unlocked by its own operator")
		}
		if c, err := r.store.SetGroups(r.ctx, By{}, "1001", []string{manager}); err != nil || !c.OK {
			t.Fatal(err, c.Say)
		}
		c, err = r.people.SetPIN(r.ctx, r.as("1001"), "2003", []byte("8502"))
		r.wantChange(c, err, false, entry.ReasonSamePerson)
		if !locked() {
			t.Error("unlocked by the own person's other number")
		}
		c, err = r.people.SetPIN(r.ctx, r.as("2001"), "2003", []byte("8052"))
		r.wantChange(c, err, true, entry.ReasonNone)
		if locked() {
			t.Error("a manager's new PIN left it locked")
		}
	})
}
