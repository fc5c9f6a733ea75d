package enforcer

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"tillwarden/enforcer/journal/entry"
)

func TestOverrideIsAnnounced(t *testing.T) {
	r := ready(t)
	s := r.signOn(ann)
	d, gr := r.ask(fnNoSale, "1")
	if gr != nil {
		t.Fatal("a grant before anybody approved")
	}
	want(t, "a no-sale", d, entry.OutcomeOverrideRequired, entry.ReasonRule)
	o := r.Snapshot().Override
	if o == nil || o.ID != d.Override || o.Requester != ann.Operator || o.Function != fnNoSale || o.Name != "Name of "+fnNoSale ||
		o.Drawer != "1" || o.Session != s.ID || o.Announced != time.Hour || o.Expires != time.Hour+DefaultOverrideTTL {
		t.Errorf("override %+v", o)
	}
	e := r.journal.last(t, entry.KindOverride)
	if e.Seq != d.Override || e.Seq != d.Seq+1 || e.Outcome != entry.OutcomeOverrideRequired || e.Drawer != "1" || e.Rule == nil {
		t.Errorf("announced as %+v", e)
	}
	var told bool
	for _, ev := range r.events {
		told = told || ev.Kind == entry.KindOverride && ev.Override != nil && ev.Override.ID == d.Override && ev.Session.ID == s.ID
	}
	if !told {
		t.Error("nobody was told")
	}
}

func TestOneOverrideAtATime(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	first, _ := r.ask(fnNoSale, "1")
	again, _ := r.ask(fnNoSale, "1")
	want(t, "the same again", again, entry.OutcomeOverrideRequired, entry.ReasonRule)
	if !again.Joined || again.Override != first.Override || first.Joined {
		t.Errorf("joined %v, override %d, want %d", again.Joined, again.Override, first.Override)
	}
	if e := r.journal.last(t, entry.KindDecision); e.About != first.Override {
		t.Errorf("the kick that joined is journaled about %d", e.About)
	}
	for words, ask := range map[string][2]string{"another function": {fnPickup, "1"}, "another drawer": {fnNoSale, "2"}} {
		d, _ := r.ask(ask[0], ask[1])
		want(t, words, d, entry.OutcomeDenied, entry.ReasonPending)
		if d.Override != 0 {
			t.Errorf("%s: override %d", words, d.Override)
		}
	}
	if n := len(r.journal.kind(entry.KindOverride)); n != 1 {
		t.Errorf("%d announcements", n)
	}
	// What needs no override is not held up by one.
	r.grant()
	d, _, _ := r.Authorize(ctx, Request{Function: fnPickup, Drawer: "1", NoOverride: true})
	want(t, "a mere question", d, entry.OutcomeOverrideRequired, entry.ReasonRule)
	if d.Override != 0 || d.Joined {
		t.Errorf("a mere question joined: %+v", d)
	}
}

// TestStateChangesWhileTheOverrideIsJournaled: it never stands, and the
// journal says how it ended.
func TestStateChangesWhileTheOverrideIsJournaled(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	r.journal.set(func(j *memJournal) {
		j.before = func(es []entry.Entry) {
			if es[0].Kind == entry.KindDecision {
				r.advance(func(cur *Snapshot) (Snapshot, turn, error) { return *cur, turn{}, nil })
			}
		}
	})
	d, gr := r.ask(fnNoSale, "1")
	want(t, "withdrawn", d, entry.OutcomeDenied, entry.ReasonStateChanged)
	if gr != nil || d.Override != 0 || r.Snapshot().Override != nil {
		t.Errorf("%v, %d, %+v", gr, d.Override, r.Snapshot().Override)
	}
	announced := r.journal.last(t, entry.KindOverride)
	if e := r.journal.last(t, entry.KindOverrideEnd); e.About != announced.Seq || e.Reason != entry.ReasonStateChanged {
		t.Errorf("journaled: %+v", e)
	}
	r.kill()
	if r.Snapshot().Override != nil {
		t.Error("resumed after a restart")
	}
}

func TestManyAskForTheSameAtOnce(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	var wg sync.WaitGroup
	var mu sync.Mutex
	ids := map[entry.Seq]int{}
	for range 32 {
		wg.Go(func() {
			d, _, err := r.Authorize(ctx, Request{Function: fnNoSale, Drawer: "1"})
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			ids[d.Override]++
		})
	}
	wg.Wait()
	if len(ids) != 1 || len(r.journal.kind(entry.KindOverride)) != 1 {
		t.Errorf("overrides %v", ids)
	}
}

func TestOverrideEnds(t *testing.T) {
	for words, x := range map[string]struct {
		end    func(r *rig, id entry.Seq)
		reason entry.Reason
	}{
		"time-out":  {func(r *rig, _ entry.Seq) { r.clock.advance(DefaultOverrideTTL) }, entry.ReasonTimeout},
		"cancelled": {func(r *rig, id entry.Seq) { r.Cancel(ctx, id, "pos") }, entry.ReasonCancelled},
		"refused": {func(r *rig, id entry.Seq) {
			if err := r.Refuse(ctx, id, Approver{Subject: lea, Method: entry.MethodCard, Source: "msr"}); err != nil {
				r.Error(err)
			}
		}, entry.ReasonRefusedByApprover},
		"sign-off":    {func(r *rig, _ entry.Seq) { r.EndSession(ctx, entry.ReasonOwner, Subject{}, "t") }, entry.ReasonOwner},
		"lock":        {func(r *rig, _ entry.Seq) { r.Lock(ctx, entry.ReasonIdle, "t") }, entry.ReasonLocked},
		"policy":      {func(r *rig, _ entry.Seq) { r.load(2, changed(1)) }, entry.ReasonPolicyChanged},
		"same policy": {func(r *rig, _ entry.Seq) { r.load(1, testPolicy()) }, entry.ReasonPolicyChanged},
		"roster":      {func(r *rig, _ entry.Seq) { r.RosterChanged(ctx, &ann, entry.ReasonRosterChanged) }, entry.ReasonRosterChanged},
	} {
		t.Run(words, func(t *testing.T) {
			r := ready(t)
			r.signOn(ann)
			id := r.override()
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					d, gr, err := r.Wait(ctx, id)
					if err != nil || gr != nil {
						t.Errorf("%v, %v", gr, err)
					}
					want(t, "who waited", d, entry.OutcomeDenied, x.reason)
				})
			}
			x.end(r, id)
			wg.Wait()
			if r.Snapshot().Override != nil {
				t.Error("still pending")
			}
			e := r.journal.last(t, entry.KindOverrideEnd)
			if e.About != id || e.Reason != x.reason || e.Operator != ann.Operator || e.Function != fnNoSale {
				t.Errorf("journaled: %+v", e)
			}
			if (words == "refused") != (e.Approval != nil && e.Approval.Operator == lea.Operator) {
				t.Errorf("refused by %+v", e.Approval)
			}
			if err := r.Cancel(ctx, id, "pos"); !errors.Is(err, ErrNoOverride) {
				t.Errorf("cancelling it afterwards: %v", err)
			}
			r.clock.advance(time.Hour)
			if n := len(r.journal.kind(entry.KindOverrideEnd)); n != 1 {
				t.Errorf("ended %d times", n)
			}
		})
	}
}

func TestFirstWhoWaitsGetsTheGrant(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	id := r.override()
	grants := make(chan *Grant, 8)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			d, gr, err := r.Wait(ctx, id)
			if err != nil || d.Outcome != entry.OutcomeAllowed {
				t.Errorf("%v, %v", d, err)
			}
			grants <- gr
		})
	}
	if d, err := r.Approve(ctx, id, Approver{Subject: lea, Method: entry.MethodCard, Source: "msr"}); err != nil || d.Outcome != entry.OutcomeAllowed {
		t.Fatal(d, err)
	}
	wg.Wait()
	close(grants)
	n := 0
	for gr := range grants {
		if gr != nil {
			n++
			if fired, err := r.redeem(gr, "1"); !fired || err != nil {
				t.Error(fired, err)
			}
		}
	}
	if n != 1 {
		t.Errorf("%d grants", n)
	}
	if _, gr, _ := r.Wait(ctx, id); gr != nil {
		t.Error("another grant, later")
	}
}

func TestNobodyCameForTheGrant(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	id := r.override()
	d, err := r.Approve(ctx, id, Approver{Subject: lea, Method: entry.MethodCard, Source: "msr"})
	if err != nil {
		t.Fatal(err)
	}
	r.clock.advance(DefaultHold)
	if e := r.journal.last(t, entry.KindLapsed); e.About != d.Seq || e.Reason != entry.ReasonExpired {
		t.Errorf("lapsed: %+v", e)
	}
	if got, gr, err := r.Wait(ctx, id); gr != nil || err != nil || got.Outcome != entry.OutcomeAllowed {
		t.Errorf("%v, %v, %v", got, gr, err)
	}
}

func TestOverrideWithoutDrawer(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	d, _ := r.ask(fnVariance, "")
	r.clock.advance(DefaultAnnounce)
	if got, err := r.Approve(ctx, d.Override, Approver{Subject: lea, Method: entry.MethodNumberPIN, Source: "console"}); err != nil || got.Outcome != entry.OutcomeAllowed {
		t.Fatal(got, err)
	}
	got, gr, err := r.Wait(ctx, d.Override)
	if err != nil || gr != nil || got.Outcome != entry.OutcomeAllowed {
		t.Errorf("%v, %v, %v", got, gr, err)
	}
}

func TestWaitGivesUp(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	if _, _, err := r.Wait(ctx, 4711); !errors.Is(err, ErrNoOverride) {
		t.Errorf("one that never was: %v", err)
	}
	id := r.override()
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, _, err := r.Wait(gone, id); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if r.Snapshot().Override == nil {
		t.Error("not waiting any longer ended it")
	}
	done := make(chan error, 1)
	go func() {
		_, _, err := r.Wait(ctx, id)
		done <- err
	}()
	r.Close(ctx)
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestOldResultsAreForgotten(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	first := r.override()
	r.Cancel(ctx, first, "pos")
	for range keepResults {
		r.Cancel(ctx, r.override(), "pos")
	}
	if _, _, err := r.Wait(ctx, first); !errors.Is(err, ErrNoOverride) {
		t.Errorf("%v", err)
	}
	if len(r.recent) != keepResults {
		t.Errorf("%d results kept", len(r.recent))
	}
}
