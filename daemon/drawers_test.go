package daemon

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"tillwarden/daemon/api"
	"tillwarden/devices/printer"
	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
)

// fakeOpener is a printer's guard that notes what it is told.
type fakeOpener struct {
	mu      sync.Mutex
	pulses  []entry.Seq // guarded by mu
	asks    []uint64    // guarded by mu
	absorbs int         // guarded by mu
	ready   error       // guarded by mu
	broken  error       // guarded by mu
	late    []enforcer.Redemption
}

func (f *fakeOpener) Ready(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ready
}

func (f *fakeOpener) Pulse(_ context.Context, r enforcer.Redemption) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.late = append(f.late, r)
	if !r.Valid("till") {
		return errors.New("not a redemption for this drawer")
	}
	if f.broken != nil {
		return f.broken
	}
	f.pulses = append(f.pulses, r.Seq())
	return nil
}

func (f *fakeOpener) Ask(id uint64, _, _, _ string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asks = append(f.asks, id)
}

func (f *fakeOpener) Unask(id uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asks = slices.DeleteFunc(f.asks, func(a uint64) bool { return a == id })
}

func (f *fakeOpener) Absorb(string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.absorbs++
}

func (f *fakeOpener) opened() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.pulses)
}

// withDrawer is a staffed register with one drawer behind a fake guard.
func withDrawer(t *testing.T) (*register, *fakeOpener) {
	t.Helper()
	r := newRegister(t, "").start().staffed()
	f := &fakeOpener{}
	r.d.drawers = []*drawerUnit{{name: "till", printer: "p", opener: f}}
	return r, f
}

func (r *register) kick(function string, purpose entry.Purpose) {
	r.t.Helper()
	r.d.Kick(r.t.Context(), printer.Kick{
		Printer: "p", Drawer: "till", Function: function, Purpose: purpose, Claimant: "receipt", Session: r.d.session(),
	})
}

// TestAskNow: allowed opens at once and absorbs the POS's kick; a printer that
// is not ready does not get the pulse, and the grant is over.
func TestAskNow(t *testing.T) {
	t.Parallel()
	r, f := withDrawer(t)
	ctx := t.Context()
	ask := api.AskRequest{Function: "pos.drawer.sale", Open: api.OpenNow}
	if a, err := r.pos.Ask(ctx, ask); err != nil || a.Outcome != "denied" || a.Drawer.Result != api.DrawerNotOpened || a.Drawer.Reason != "no-session" {
		t.Errorf("nobody is signed on: %+v %v", a, err)
	}
	r.signOn("1001")
	a, err := r.pos.Ask(ctx, ask)
	if err != nil || a.Drawer == nil || a.Drawer.Result != api.DrawerPulsed || f.opened() != 1 || f.absorbs != 1 {
		t.Fatalf("%+v %v, %d pulses", a, err, f.opened())
	}
	if f.pulses[0] != entry.Seq(a.Seq) {
		t.Errorf("the pulse is for %d, the decision was %d", f.pulses[0], a.Seq)
	}
	f.mu.Lock()
	f.ready = errors.New("busy")
	f.mu.Unlock()
	if a, err = r.pos.Ask(ctx, ask); err != nil || a.Drawer.Result != api.DrawerNotOpened || a.Drawer.Reason == "" || f.opened() != 1 {
		t.Errorf("not ready: %+v %v", a, err)
	}
	if got := r.entries("lapsed"); len(got) != 1 || got[0].About != a.Seq {
		t.Errorf("lapsed: %+v", got)
	}
	f.mu.Lock()
	f.ready, f.broken = nil, errors.New("unplugged")
	f.mu.Unlock()
	if a, err = r.pos.Ask(ctx, ask); err != nil || a.Drawer.Reason != "write-failed" || f.opened() != 1 {
		t.Errorf("write failed: %+v %v", a, err)
	}
	// A function that opens no drawer opens none.
	if a, err = r.pos.Ask(ctx, api.AskRequest{Function: "pos.sale.item", Open: api.OpenNow}); err != nil || a.Outcome != "denied" {
		t.Errorf("%+v %v", a, err)
	}
	if _, err := r.pos.Ask(ctx, api.AskRequest{Function: "pos.drawer.sale", Open: api.OpenNow, Drawer: "safe"}); !isCode(err, api.CodeNotFound) {
		t.Errorf("a drawer that is not there: %v", err)
	}
	for _, late := range f.late {
		if late.Valid("till") {
			t.Error("a redemption is valid after its pulse")
		}
	}
}

// failsOnce is a journal that does not take the first entry of a kind.
type failsOnce struct {
	enforcer.Journal
	kind   entry.Kind
	failed atomic.Bool
}

func (j *failsOnce) Append(ctx context.Context, essential bool, es ...entry.Entry) ([]entry.Seq, error) {
	if es[0].Kind == j.kind && j.failed.CompareAndSwap(false, true) {
		return nil, errors.New("the disk is gone")
	}
	return j.Journal.Append(ctx, essential, es...)
}

// TestPulseThatIsNotJournaledIsAPulse: who asked is told that the drawer was opened,
// and its kick is absorbed, though the journal does not say so yet.
func TestPulseThatIsNotJournaledIsAPulse(t *testing.T) {
	t.Parallel()
	r, f := withDrawer(t)
	r.signOn("1001")
	r.gateOn(t, &failsOnce{Journal: r.d.journal, kind: entry.KindRedeemed})
	a, err := r.pos.Ask(t.Context(), api.AskRequest{Function: "pos.drawer.sale", Open: api.OpenNow})
	if err != nil || a.Drawer == nil || a.Drawer.Result != api.DrawerPulsed || f.opened() != 1 || f.absorbs != 1 {
		t.Fatalf("%+v %v, %d pulses, %d absorbed", a, err, f.opened(), f.absorbs)
	}
}

// TestAskOnKick: the grant waits for the kick that was announced, for that one
// only, and ends with the session.
func TestAskOnKick(t *testing.T) {
	t.Parallel()
	r, f := withDrawer(t)
	ctx := t.Context()
	r.signOn("1001")
	ask := api.AskRequest{Function: "pos.drawer.sale", Open: api.OpenOnKick}
	announce := func() uint64 {
		a, err := r.pos.Ask(ctx, ask)
		if err != nil || a.Drawer == nil || a.Drawer.Result != api.DrawerArmed {
			t.Fatalf("%+v %v", a, err)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.asks[len(f.asks)-1]
	}
	kick := func(id uint64) {
		r.d.Kick(ctx, printer.Kick{Printer: "p", Drawer: "till", Function: "pos.drawer.sale", Purpose: entry.PurposeAsked, Ask: id, Session: r.d.session()})
	}
	id := announce()
	if f.opened() != 0 {
		t.Fatal("it opened before the kick")
	}
	kick(id)
	if f.opened() != 1 {
		t.Fatal("the kick did not open it")
	}
	if n := len(r.entries("redeemed")); n != 1 {
		t.Errorf("%d redeemed entries", n)
	}
	// A second ask before its kick takes the first one's place.
	first := announce()
	second := announce()
	if len(f.asks) != 2 || slices.Contains(f.asks, first) { // the one that was used stays in the fake's list
		t.Errorf("asks %v", f.asks)
	}
	_ = second
	// After a sign-off the grant is nothing; a kick is decided for who is there.
	if _, err := r.pos.SignOff(ctx); err != nil {
		t.Fatal(err)
	}
	kick(second)
	if f.opened() != 1 {
		t.Error("a grant outlived its session")
	}
}

// TestKicks: allowed ones open; what needs a manager waits, joins, and opens
// once when it is approved, whoever still waits for it.
func TestKicks(t *testing.T) {
	t.Parallel()
	r, f := withDrawer(t)
	ctx := t.Context()
	r.signOn("1001")
	r.kick("pos.drawer.sale", entry.PurposeReceipt)
	if f.opened() != 1 || f.absorbs != 0 {
		t.Fatalf("a sale: %d pulses", f.opened())
	}
	for range 3 {
		r.kick("pos.drawer.nosale", entry.PurposeNone)
	}
	list, err := r.con.Overrides(ctx)
	if err != nil || len(list.Overrides) != 1 || f.opened() != 1 {
		t.Fatalf("%+v %v, %d pulses", list, err, f.opened())
	}
	id := list.Overrides[0].ID
	until(t, "approved", func() bool {
		a, err := r.con.Approve(ctx, id, api.ApproveRequest{Credentials: creds("2001")})
		return err == nil && a.Outcome == "allowed"
	})
	until(t, "the drawer opened", func() bool { return f.opened() == 2 })
	a, err := r.pos.WaitOverride(ctx, id, 0)
	until(t, "the answer is there", func() bool {
		a, err = r.pos.WaitOverride(ctx, id, 0)
		return err == nil && a.Outcome == "allowed" && a.Drawer != nil
	})
	if a.Drawer.Result != api.DrawerPulsed || f.opened() != 2 {
		t.Errorf("%+v, %d pulses", a.Drawer, f.opened())
	}
	// A kick of a session that is over opens nothing in the next one.
	old := r.d.session()
	if _, err := r.pos.SignOff(ctx); err != nil {
		t.Fatal(err)
	}
	r.signOn("1002")
	r.d.Kick(ctx, printer.Kick{Printer: "p", Drawer: "till", Function: "pos.drawer.sale", Purpose: entry.PurposeReceipt, Session: old})
	if f.opened() != 2 {
		t.Error("a kick of another session opened the drawer")
	}
}

// TestOverrideWithDrawerOpensWithoutItsAsker: the one who asked has hung up; the
// drawer opens all the same when it is approved.
func TestOverrideWithDrawerOpensWithoutItsAsker(t *testing.T) {
	t.Parallel()
	r, f := withDrawer(t)
	r.signOn("1001")
	a, err := r.pos.OpenDrawer(t.Context(), "till", api.OpenRequest{})
	if err != nil || a.Outcome != "override-required" || a.Function != "pos.drawer.nosale" {
		t.Fatalf("%+v %v", a, err)
	}
	until(t, "approved", func() bool {
		got, err := r.con.Approve(t.Context(), a.Override, api.ApproveRequest{Credentials: creds("2001")})
		return err == nil && got.Outcome == "allowed"
	})
	until(t, "the drawer opened", func() bool { return f.opened() == 1 })
	if f.absorbs != 1 {
		t.Errorf("%d kicks are absorbed, want 1", f.absorbs)
	}
}

// TestInvariant1NoPulseWithoutEntry: each pulse's decision is in the journal,
// allowed, before the pulse.
func TestInvariant1NoPulseWithoutEntry(t *testing.T) {
	t.Parallel()
	r, f := withDrawer(t)
	r.signOn("2001")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 10 {
				r.kick("pos.drawer.sale", entry.PurposeReceipt)
				_, _ = r.pos.Ask(t.Context(), api.AskRequest{Function: "pos.drawer.nosale", Open: api.OpenNow})
			}
		})
	}
	wg.Wait()
	decided := map[api.Seq]bool{}
	for _, e := range r.entries("decision") {
		decided[e.Seq] = e.Outcome == "allowed" && e.Drawer == "till"
	}
	used := map[entry.Seq]bool{}
	for _, seq := range f.pulses {
		if !decided[api.Seq(seq)] || used[seq] {
			t.Errorf("a pulse for %d: allowed %v, used before %v", seq, decided[api.Seq(seq)], used[seq])
		}
		used[seq] = true
	}
	if len(f.pulses) != 80 {
		t.Errorf("%d pulses, want 80", len(f.pulses))
	}
}
