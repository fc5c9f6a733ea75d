package signon

import (
	"testing"
	"testing/synctest"
	"time"

	"tillwarden/enforcer/journal/entry"
)

func TestIdleLocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		time.Sleep(time.Hour) // nobody is signed on: nothing to lock
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		for range 5 {
			time.Sleep(14 * time.Minute)
			r.s.Touch()
		}
		r.wantState("1001", false, false)
		time.Sleep(15*time.Minute - time.Second)
		r.wantState("1001", false, false)
		time.Sleep(time.Second)
		synctest.Wait()
		r.wantState("1001", true, false)
		if e := r.last(entry.KindLock); e.Reason != entry.ReasonIdle || e.Source != "daemon" || e.Operator != "1001" {
			t.Errorf("idle lock: %+v", e)
		}
		r.s.Touch() // does not unlock
		r.wantState("1001", true, false)
		r.want(r.swipe("1001"), Unlocked, entry.ReasonNone)
		time.Sleep(15 * time.Minute)
		synctest.Wait()
		r.wantState("1001", true, false)
	})
}

// TestIdleAlarmThatComesLate: a machine that slept, whose timers ring late,
// locks before anything else is done.
func TestIdleAlarmThatComesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		sleep := func() {
			r.clock.mu.Lock()
			r.clock.began = r.clock.began.Add(-time.Hour) // the boot clock went on, timers did not
			r.clock.mu.Unlock()
		}
		sleep()
		r.s.Touch()
		r.wantState("1001", true, false)
		r.want(r.swipe("1001"), Unlocked, entry.ReasonNone)
		sleep()
		// The own card finds a register that should have been locked: it unlocks.
		mark := r.journal.mark()
		r.want(r.swipe("1001"), Unlocked, entry.ReasonNone)
		if es := r.journal.since(mark, entry.KindLock); len(es) != 1 || es[0].Reason != entry.ReasonIdle {
			t.Errorf("locks: %v", es)
		}
	})
}

func TestIdleAfterRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		time.Sleep(10 * time.Minute)
		r.restart()
		r.wantState("1001", false, false)
		time.Sleep(15 * time.Minute)
		synctest.Wait()
		r.wantState("1001", true, false)
	})
}

func TestIdleOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *Options) { o.Idle = -1 })
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		time.Sleep(24 * time.Hour)
		r.s.Touch()
		r.wantState("1001", false, false)
	})
}

// TestStartFollowsTheRoster: a session that the gate resumed ends if its
// operator was suspended, and goes on with what the roster says now.
func TestStartFollowsTheRoster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		// Written, and the daemon killed before it could tell the gate.
		if _, err := r.store.SetName(r.ctx, By{}, "1001", "Anna"); err != nil {
			t.Fatal(err)
		}
		r.restart()
		if s := r.gate.Snapshot().Session; s == nil || s.Subject.Name != "Anna" {
			t.Errorf("the session is %+v", s)
		}
		if _, err := r.store.Suspend(r.ctx, By{}, "1001"); err != nil {
			t.Fatal(err)
		}
		r.restart()
		r.wantState("", false, false)
		if e := r.last(entry.KindSignOff); e.Reason != entry.ReasonSuspendedNow {
			t.Errorf("ended with %s", e.Reason)
		}
	})
}

func TestRebootEndsTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		r.stop()
		r.clock.reboot()
		r.start()
		r.wantState("", false, false)
	})
}
