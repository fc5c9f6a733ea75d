package enforcer

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tillwarden/enforcer/journal/entry"
)

func TestRedeemOpensOnceAndIsJournaled(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	d, gr := r.ask(fnSale, "1")
	if gr.Drawer() != "1" || gr.Seq() != d.Seq || gr.Expires() != time.Hour+DefaultHold {
		t.Errorf("grant %q %d %v", gr.Drawer(), gr.Seq(), gr.Expires())
	}
	var kept Redemption
	err := r.Redeem(ctx, gr, "1", func(x Redemption) error {
		kept = x
		if !x.Valid("1") || x.Valid("2") || x.Valid("") || x.Drawer() != "1" || x.Seq() != d.Seq {
			t.Errorf("redemption %+v", x)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if kept.Valid("1") {
		t.Error("a redemption is valid after fire returned")
	}
	if (Redemption{}).Valid("") || (Redemption{}).Valid("1") {
		t.Error("the zero redemption is valid")
	}
	e := r.journal.last(t, entry.KindRedeemed)
	if e.About != d.Seq || e.Outcome != entry.OutcomeAllowed || e.Drawer != "1" || e.Operator != ann.Operator || e.Purpose != entry.PurposeAsked {
		t.Errorf("redeemed: %+v", e)
	}
	if fired, err := r.redeem(gr, "1"); fired || !errors.Is(err, ErrUsed) {
		t.Errorf("a second time: %v, %v", fired, err)
	}
}

func TestRedeemRefuses(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	other := ready(t)
	other.signOn(ann)
	good, used := r.grant(), other.grant()
	if fired, _ := other.redeem(used, "1"); !fired {
		t.Fatal("not redeemed")
	}
	twin := &Grant{gate: good.gate, gen: good.gen, about: good.about, expires: good.expires, stop: good.stop}
	for words, x := range map[string]struct {
		grant  *Grant
		drawer string
		err    error
	}{
		"nil":                     {nil, "1", ErrNoGrant},
		"the zero grant":          {&Grant{}, "1", ErrNoGrant},
		"the zero grant, nowhere": {&Grant{}, "", ErrNoGrant},
		"a copy":                  {twin, "1", ErrNoGrant},
		"another gate's":          {other.grant(), "1", ErrNoGrant},
		"another gate's, used":    {used, "1", ErrNoGrant},
		"another drawer":          {good, "2", ErrWrongDrawer},
		"no drawer":               {good, "", ErrWrongDrawer},
	} {
		if fired, err := r.redeem(x.grant, x.drawer); fired || !errors.Is(err, x.err) {
			t.Errorf("%s: %v, %v, want %v", words, fired, err, x.err)
		}
	}
	if err := r.Redeem(ctx, good, "1", nil); !errors.Is(err, ErrRequest) {
		t.Errorf("nothing to fire: %v", err)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if err := r.Redeem(gone, good, "1", func(Redemption) error { t.Error("fired"); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if fired, err := r.redeem(good, "1"); !fired || err != nil {
		t.Errorf("the good one, after all that was refused: %v, %v", fired, err)
	}
	if (*Grant)(nil).Drawer() != "" || (*Grant)(nil).Seq() != 0 || (*Grant)(nil).Expires() != 0 {
		t.Error("a nil grant says something")
	}
}

func TestGrantExpires(t *testing.T) {
	for _, x := range []struct{ asked, lasts time.Duration }{
		{0, DefaultHold},
		{-time.Second, DefaultHold},
		{time.Second, time.Second},
		{time.Hour, MaxHold},
	} {
		r := ready(t)
		r.signOn(ann)
		hold := func() *Grant {
			_, gr, err := r.Authorize(ctx, Request{Function: fnSale, Drawer: "1", Hold: x.asked})
			if err != nil {
				t.Fatal(err)
			}
			return gr
		}
		gr := hold()
		r.clock.advance(x.lasts - 1)
		if fired, err := r.redeem(gr, "1"); !fired || err != nil {
			t.Errorf("%v: just in time: %v, %v", x.asked, fired, err)
		}
		gr = hold()
		r.clock.advance(x.lasts)
		if fired, err := r.redeem(gr, "1"); fired || !errors.Is(err, ErrExpired) {
			t.Errorf("%v: too late: %v, %v", x.asked, fired, err)
		}
		if e := r.journal.last(t, entry.KindLapsed); e.About != gr.Seq() || e.Reason != entry.ReasonExpired {
			t.Errorf("lapsed: %+v", e)
		}
		// A timer that comes late (a suspended machine) saves no grant.
		gr = hold()
		r.clock.jump(x.lasts)
		if fired, err := r.redeem(gr, "1"); fired || !errors.Is(err, ErrExpired) {
			t.Errorf("%v: too late, timer later: %v, %v", x.asked, fired, err)
		}
		r.clock.advance(time.Minute)
		if n := len(r.journal.kind(entry.KindLapsed)); n != 2 {
			t.Errorf("%v: %d lapsed entries, want 2", x.asked, n)
		}
	}
}

func TestGrantEndsWithItsState(t *testing.T) {
	for words, x := range map[string]struct {
		change func(r *rig)
		reason entry.Reason
	}{
		"sign-off": {func(r *rig) { r.EndSession(ctx, entry.ReasonOwner, Subject{}, "test") }, entry.ReasonOwner},
		"lock":     {func(r *rig) { r.Lock(ctx, entry.ReasonIdle, "test") }, entry.ReasonLocked},
		"lock and unlock": {func(r *rig) {
			r.Lock(ctx, entry.ReasonIdle, "test")
			r.Unlock(ctx, ann, entry.MethodCard, "test")
		}, entry.ReasonLocked},
		"policy":      {func(r *rig) { r.load(2, changed(1)) }, entry.ReasonPolicyChanged},
		"same policy": {func(r *rig) { r.load(1, testPolicy()) }, entry.ReasonPolicyChanged},
		"roster":      {func(r *rig) { r.RosterChanged(ctx, &ann, entry.ReasonRosterChanged) }, entry.ReasonRosterChanged},
		"suspended":   {func(r *rig) { r.RosterChanged(ctx, nil, entry.ReasonSuspendedNow) }, entry.ReasonSuspendedNow},
		"closed":      {func(r *rig) { r.Close(ctx) }, entry.ReasonStopped},
	} {
		t.Run(words, func(t *testing.T) {
			r := ready(t)
			r.signOn(ann)
			one, two := r.grant(), r.grant()
			x.change(r)
			for _, gr := range []*Grant{one, two} {
				if fired, err := r.redeem(gr, "1"); fired || !errors.Is(err, ErrStale) {
					t.Errorf("%v, %v, want %v", fired, err, ErrStale)
				}
			}
			lapsed := r.journal.kind(entry.KindLapsed)
			if len(lapsed) != 2 || lapsed[0].Reason != x.reason || lapsed[0].About+lapsed[1].About != one.Seq()+two.Seq() {
				t.Errorf("lapsed: %+v", lapsed)
			}
			r.clock.advance(time.Hour)
			if n := len(r.journal.kind(entry.KindLapsed)); n != 2 {
				t.Errorf("%d lapsed entries after their time, want 2", n)
			}
		})
	}
}

func TestLapse(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	gr := r.grant()
	if err := r.Lapse(ctx, gr, entry.ReasonOffline); err != nil {
		t.Fatal(err)
	}
	if e := r.journal.last(t, entry.KindLapsed); e.About != gr.Seq() || e.Reason != entry.ReasonOffline || e.Drawer != "1" {
		t.Errorf("lapsed: %+v", e)
	}
	if fired, err := r.redeem(gr, "1"); fired || !errors.Is(err, ErrUsed) {
		t.Errorf("redeemed after it was given back: %v, %v", fired, err)
	}
	if err := r.Lapse(ctx, gr, entry.ReasonOffline); !errors.Is(err, ErrUsed) {
		t.Errorf("given back twice: %v", err)
	}
	if err := r.Lapse(ctx, nil, entry.ReasonOffline); !errors.Is(err, ErrNoGrant) {
		t.Errorf("nil given back: %v", err)
	}
}

func TestFireFails(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	broken := errors.New("unplugged")
	gr := r.grant()
	if err := r.Redeem(ctx, gr, "1", func(Redemption) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	e := r.journal.last(t, entry.KindRedeemed)
	if e.Outcome != entry.OutcomeError || e.Reason != entry.ReasonWriteFailed || e.About != gr.Seq() {
		t.Errorf("redeemed: %+v", e)
	}
	if fired, err := r.redeem(gr, "1"); fired || !errors.Is(err, ErrUsed) {
		t.Errorf("another try: %v, %v", fired, err)
	}
}

func TestFirePanics(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	gr := r.grant()
	var kept Redemption
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		r.Redeem(ctx, gr, "1", func(x Redemption) error { kept = x; panic("printer") })
	}()
	if kept.Valid("1") {
		t.Error("still valid")
	}
	if e := r.journal.last(t, entry.KindRedeemed); e.Outcome != entry.OutcomeError {
		t.Errorf("redeemed: %+v", e)
	}
	if err := r.EndSession(ctx, entry.ReasonOwner, Subject{}, "test"); err != nil { // nothing is left locked
		t.Error(err)
	}
}

func TestRedemptionIsBounded(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	err := r.Redeem(ctx, r.grant(), "1", func(x Redemption) error {
		r.clock.advance(FireLimit)
		if x.Valid("1") {
			t.Error("a pulse may still be written after the limit")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestPulseWrittenButNotJournaled: the pulse cannot be taken back, so the
// entry is owed, and comes before whatever is journaled next.
func TestPulseWrittenButNotJournaled(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	gr := r.grant()
	r.journal.set(func(j *memJournal) { j.err = errJournal })
	if fired, err := r.redeem(gr, "1"); !fired || !errors.Is(err, errJournal) || !errors.Is(err, ErrUnrecorded) {
		t.Errorf("%v, %v", fired, err)
	}
	r.journal.set(func(j *memJournal) { j.err = nil })
	if err := r.EndSession(ctx, entry.ReasonOwner, Subject{}, "test"); err != nil {
		t.Fatal(err)
	}
	all := r.journal.all()
	if a, b := all[len(all)-2], all[len(all)-1]; a.Kind != entry.KindRedeemed || a.About != gr.Seq() || b.Kind != entry.KindSignOff {
		t.Errorf("journal ends with %v, %v", a.Kind, b.Kind)
	}
}

func TestOneGrantManyRedeemers(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	for range 20 {
		gr := r.grant()
		var fired, used atomic.Int32
		var wg sync.WaitGroup
		start := make(chan struct{})
		for range 64 {
			wg.Go(func() {
				<-start
				err := r.Redeem(ctx, gr, "1", func(x Redemption) error {
					fired.Add(1)
					if !x.Valid("1") {
						t.Error("not valid")
					}
					return nil
				})
				if errors.Is(err, ErrUsed) {
					used.Add(1)
				}
			})
		}
		close(start)
		wg.Wait()
		if fired.Load() != 1 || used.Load() != 63 {
			t.Fatalf("fired %d times, refused %d times", fired.Load(), used.Load())
		}
	}
}

// TestChangesWaitForThePulse: sign-off, lock and load do not come between a
// redeemed grant and its pulse; when they return, nothing opens any more.
func TestChangesWaitForThePulse(t *testing.T) {
	for words, change := range map[string]func(r *rig) error{
		"sign-off": func(r *rig) error { return r.EndSession(ctx, entry.ReasonOwner, Subject{}, "test") },
		"lock":     func(r *rig) error { return r.Lock(ctx, entry.ReasonIdle, "test") },
		"load": func(r *rig) error {
			return r.Load(ctx, compile(r, changed(1)), entry.PolicyRef{Epoch: 2}, "test")
		},
		"roster": func(r *rig) error { return r.RosterChanged(ctx, nil, entry.ReasonSuspendedNow) },
	} {
		t.Run(words, func(t *testing.T) {
			r := ready(t)
			r.signOn(ann)
			gr, next := r.grant(), r.grant()
			inFire, changing := make(chan struct{}), make(chan struct{})
			var firing atomic.Bool
			var wg sync.WaitGroup
			wg.Go(func() {
				err := r.Redeem(ctx, gr, "1", func(x Redemption) error {
					firing.Store(true)
					close(inFire)
					<-changing
					before := r.Snapshot()
					for range 10000 { // gives the change every chance to come through
						runtime.Gosched()
					}
					if !x.Valid("1") || r.Snapshot() != before {
						t.Error("the state changed while the pulse was being written")
					}
					firing.Store(false)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
			<-inFire
			wg.Go(func() {
				close(changing)
				if err := change(r); err != nil {
					t.Error(err)
				}
				if firing.Load() {
					t.Error("returned while a pulse was being written")
				}
				if fired, err := r.redeem(next, "1"); fired || !errors.Is(err, ErrStale) {
					t.Errorf("after it: %v, %v", fired, err)
				}
			})
			wg.Wait()
		})
	}
}
