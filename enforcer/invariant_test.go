package enforcer

import (
	"errors"
	"go/build"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tillwarden/enforcer/journal/entry"
)

// TestInvariant1NoPulseWithoutAnEntryOnDisk: when fire runs, the journal has
// the allowed decision; and where the journal fails, nothing ever fires.
func TestInvariant1NoPulseWithoutAnEntryOnDisk(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	onDisk := func(gr *Grant) {
		t.Helper()
		if gr == nil {
			t.Fatal("no grant")
		}
		err := r.Redeem(ctx, gr, "1", func(x Redemption) error {
			e := r.journal.all()[x.Seq()-1]
			if e.Outcome != entry.OutcomeAllowed || e.Drawer != "1" || e.Seq != x.Seq() {
				t.Errorf("the entry behind the pulse: %+v", e)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	onDisk(r.grant())
	id := r.override()
	if _, err := r.Approve(ctx, id, Approver{Subject: lea, Method: entry.MethodCard, Source: "msr"}); err != nil {
		t.Fatal(err)
	}
	_, gr, _ := r.Wait(ctx, id)
	onDisk(gr)

	// Each kind of entry on the way to a grant fails in turn.
	for _, kind := range []entry.Kind{entry.KindDecision, entry.KindOverride, entry.KindApproval} {
		r.journal.set(func(j *memJournal) { j.refuse = func(e entry.Entry) bool { return e.Kind == kind } })
		if kind == entry.KindDecision {
			if d, gr, err := r.Authorize(ctx, Request{Function: fnSale, Drawer: "1"}); err == nil || gr != nil {
				t.Errorf("%v fails: %v, %v", kind, d, gr)
			}
		} else {
			d, _, err := r.Authorize(ctx, Request{Function: fnNoSale, Drawer: "1"})
			r.clock.advance(DefaultAnnounce)
			if err == nil {
				_, err = r.Approve(ctx, d.Override, Approver{Subject: lea, Method: entry.MethodCard, Source: "msr"})
			}
			if !errors.Is(err, errJournal) {
				t.Errorf("%v fails: %v", kind, err)
			}
		}
		r.mu.Lock()
		n := len(r.Gate.grants)
		r.mu.Unlock()
		if n != 0 {
			t.Errorf("%v fails: %d grants", kind, n)
		}
	}
}

// TestInvariant1OnlyTheGateMakesGrants: no composite of what other packages
// can write redeems, on any gate.
func TestInvariant1OnlyTheGateMakesGrants(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	for _, gr := range []*Grant{nil, {}, new(Grant)} {
		for _, drawer := range []string{"", "1"} {
			if fired, err := r.redeem(gr, drawer); fired || !errors.Is(err, ErrNoGrant) {
				t.Errorf("%+v on %q: %v, %v", gr, drawer, fired, err)
			}
		}
	}
}

// TestInvariant2OneDrawerOnceWithinSeconds: each way in which a grant could
// open more than it should, against every change of state at once.
func TestInvariant2OneDrawerOnceWithinSeconds(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	gr := r.grant()
	if fired, _ := r.redeem(gr, "2"); fired {
		t.Error("opened another drawer")
	}
	if fired, _ := r.redeem(gr, "1"); !fired {
		t.Error("did not open its own")
	}
	if fired, _ := r.redeem(gr, "1"); fired {
		t.Error("opened twice")
	}
	gr = r.grant()
	r.clock.advance(DefaultHold)
	if fired, _ := r.redeem(gr, "1"); fired {
		t.Error("opened after its time")
	}
	gr = r.grant()
	r.kill()
	r.load(1, testPolicy())
	if fired, _ := r.redeem(gr, "1"); fired {
		t.Error("opened after a restart")
	}
}

// TestInvariant2NothingOpensAfterSignOff lets askers, redeemers and changes of
// state run against each other: a pulse that begins after a sign-off, a lock or
// a load has returned is one too many.
func TestInvariant2NothingOpensAfterSignOff(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	var generation atomic.Uint64 // of the last change that has returned
	generation.Store(r.Snapshot().Generation)
	var fired atomic.Int64
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 8 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				_, gr, err := r.Authorize(ctx, Request{Function: fnSale, Drawer: "1"})
				if err != nil {
					t.Error(err)
				}
				if gr == nil {
					continue
				}
				returned := generation.Load()
				err = r.Redeem(ctx, gr, "1", func(x Redemption) error {
					fired.Add(1)
					if gr.gen < returned || gr.gen != r.Snapshot().Generation {
						t.Errorf("a grant of generation %d fired in %d", gr.gen, r.Snapshot().Generation)
					}
					if s := r.Snapshot().Session; s == nil || s.Locked {
						t.Error("fired while nobody is signed on, or locked")
					}
					return nil
				})
				if err != nil && !errors.Is(err, ErrStale) {
					t.Error(err)
				}
			}
		})
	}
	for i := range 60 {
		switch i % 4 {
		case 0:
			r.EndSession(ctx, entry.ReasonOwner, Subject{}, "test")
			r.signOn(bob)
		case 1:
			r.Lock(ctx, entry.ReasonIdle, "test")
			r.Unlock(ctx, bob, entry.MethodCard, "test")
		case 2:
			r.load(uint64(i), changed(i))
		case 3:
			r.RosterChanged(ctx, &bob, entry.ReasonRosterChanged)
		}
		generation.Store(r.Snapshot().Generation)
		for before := fired.Load(); fired.Load() < before+2; {
			// some sales come between the changes
			if d, _, err := r.Authorize(ctx, Request{Function: fnSale}); err != nil {
				t.Fatal(d, err)
			}
		}
	}
	close(stop)
	wg.Wait()
	if fired.Load() == 0 {
		t.Error("nothing ever fired")
	}
}

// TestInvariant7NoDecisionWaitsForANetwork: with nothing but a journal and a
// clock there is everything that a decision takes; and the package cannot
// reach a network.
func TestInvariant7NoDecisionWaitsForANetwork(t *testing.T) {
	g, err := NewGate(Options{Clock: &fakeClock{now: time.Hour, boot: bootOne}, Journal: &memJournal{}})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close(ctx)
	r := &rig{TB: t, Gate: g}
	r.load(1, testPolicy())
	r.signOn(ann)
	if fired, err := r.redeem(r.grant(), "1"); !fired || err != nil {
		t.Errorf("%v, %v", fired, err)
	}
	p, err := build.ImportDir(".", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range p.Imports {
		if path == "net" || strings.HasPrefix(path, "net/") || path == "os/exec" || path == "syscall" || path == "C" || path == "unsafe" {
			t.Errorf("imports %s", path)
		}
	}
}
