package enforcer

import (
	"errors"
	"testing"

	"tillwarden/enforcer/journal/entry"
)

// TestInvariant6EpochsOnlyRise: a policy loads with a higher epoch than any
// before, or the same epoch and content; else nothing changes, over restarts,
// reboots and a lost state file too.
func TestInvariant6EpochsOnlyRise(t *testing.T) {
	r := newRig(t)
	a, b := compile(t, testPolicy()), compile(t, changed(1))
	for _, step := range []struct {
		words string
		do    func()
	}{
		{"at first", func() {}},
		{"after a restart", r.kill},
		{"after a reboot", r.reboot},
		{"after the state file was lost", func() { r.lose(); r.kill() }},
		{"after it was damaged", func() { r.damage(); r.kill() }},
	} {
		step.do()
		for _, x := range []struct {
			words string
			ref   entry.PolicyRef
			other bool
			err   error
		}{
			{"the first", entry.PolicyRef{Epoch: 5}, false, nil},
			{"the same again", entry.PolicyRef{Epoch: 5, Digest: a.Digest()}, false, nil},
			{"a lower epoch", entry.PolicyRef{Epoch: 4}, false, ErrEpoch},
			{"epoch 0", entry.PolicyRef{}, false, ErrEpoch},
			{"the same epoch with other content", entry.PolicyRef{Epoch: 5}, true, ErrEpoch},
			{"a higher epoch that names other content", entry.PolicyRef{Epoch: 6, Digest: a.Digest()}, true, ErrDigest},
		} {
			p := a
			if x.other {
				p = b
			}
			was := r.Snapshot()
			err := r.Load(ctx, p, x.ref, "x.bundle")
			if !errors.Is(err, x.err) {
				t.Errorf("%s, %s: %v, want %v", step.words, x.words, err, x.err)
			}
			e := r.journal.last(t, entry.KindLoad)
			if x.err == nil && (e.Outcome != entry.OutcomeAllowed || e.Policy.Digest != a.Digest()) {
				t.Errorf("%s, %s: journaled %+v", step.words, x.words, e)
			}
			if x.err != nil && (e.Outcome != entry.OutcomeDenied || e.Reason == entry.ReasonNone || r.Snapshot() != was) {
				t.Errorf("%s, %s: journaled %+v, or something changed", step.words, x.words, e)
			}
			if e.Subject != "x.bundle" || e.Policy.Epoch != x.ref.Epoch {
				t.Errorf("%s, %s: journaled %+v", step.words, x.words, e)
			}
			if epoch, digest := r.EpochFloor(BundlePolicy); epoch != 5 || digest != a.Digest() {
				t.Errorf("%s, %s: floor %d %x", step.words, x.words, epoch, digest[:4])
			}
		}
	}
	if err := r.Load(ctx, b, entry.PolicyRef{Epoch: 6}, "y.bundle"); err != nil {
		t.Error(err)
	}
}

func TestRosterHasAFloorOfItsOwn(t *testing.T) {
	r := ready(t)
	if epoch, digest := r.EpochFloor(BundleRoster); epoch != 0 || digest != [32]byte{} {
		t.Errorf("floor %d %x", epoch, digest)
	}
	if err := r.LoadedPeople(ctx, BundleRoster, entry.PolicyRef{Epoch: 9, Digest: [32]byte{1}}, "r.bundle"); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []entry.PolicyRef{{Epoch: 8, Digest: [32]byte{1}}, {Epoch: 9, Digest: [32]byte{2}}} {
		if err := r.LoadedPeople(ctx, BundleRoster, ref, "r.bundle"); !errors.Is(err, ErrEpoch) {
			t.Errorf("%v: %v", ref, err)
		}
	}
	r.kill()
	if epoch, digest := r.EpochFloor(BundleRoster); epoch != 9 || digest != [32]byte{1} {
		t.Errorf("after a restart: floor %d %x", epoch, digest)
	}
	if epoch, _ := r.EpochFloor(BundlePolicy); epoch != 1 {
		t.Errorf("policy's floor %d", epoch)
	}
}

func TestLoadKeepsTheSessionUnderTheNewPolicy(t *testing.T) {
	r := ready(t)
	s := r.signOn(ann)
	p := changed(1)
	p.WorkGroups[0].Marks[1602] = 1 // check: a no-sale is a cashier's now
	r.load(2, p)
	now := r.Snapshot()
	if now.Session == nil || now.Session.ID != s.ID || now.Ref.Epoch != 2 {
		t.Fatalf("%+v", now)
	}
	d, gr := r.ask(fnNoSale, "1")
	want(t, "under the new policy", d, entry.OutcomeAllowed, entry.ReasonRule)
	if gr == nil || r.journal.last(t, entry.KindDecision).Policy.Epoch != 2 {
		t.Error("not decided under the new policy")
	}
}

func TestLoadEndsASessionWithoutWorkGroup(t *testing.T) {
	r := ready(t)
	s := r.signOn(ann)
	gr := r.grant()
	r.load(2, without(testPolicy(), "Cashier"))
	if r.Snapshot().Session != nil {
		t.Error("still signed on")
	}
	if e := r.journal.last(t, entry.KindSignOff); e.Session != s.ID || e.Reason != entry.ReasonPolicyChanged {
		t.Errorf("journaled: %+v", e)
	}
	if fired, _ := r.redeem(gr, "1"); fired {
		t.Error("fired")
	}
}

// At the journal's reserve a restarted register gets its policy back, without
// which it could take no decision; another one waits for room.
func TestLoadAtTheReserve(t *testing.T) {
	r := newRig(t)
	a, b := compile(t, testPolicy()), compile(t, changed(1))
	first := entry.PolicyRef{Epoch: 1, Digest: a.Digest()}
	if err := r.Load(t.Context(), a, first, "a"); err != nil {
		t.Fatal(err)
	}
	r.kill()
	r.journal.reserve = true
	if err := r.Load(t.Context(), a, first, "a"); err != nil || r.Snapshot().Policy == nil {
		t.Errorf("after a restart: %v", err)
	}
	if err := r.Load(t.Context(), b, entry.PolicyRef{Epoch: 2, Digest: b.Digest()}, "b"); !errors.Is(err, errJournal) || r.Snapshot().Ref != first {
		t.Errorf("another one: %v", err)
	}
}

func TestLoadRefused(t *testing.T) {
	r := ready(t)
	was := r.Snapshot()
	if err := r.LoadRefused(ctx, entry.ReasonSignature, "x.bundle", "signature does not verify"); err != nil {
		t.Fatal(err)
	}
	e := r.journal.last(t, entry.KindLoad)
	if e.Outcome != entry.OutcomeDenied || e.Reason != entry.ReasonSignature || e.Subject != "x.bundle" || r.Snapshot() != was {
		t.Errorf("journaled: %+v", e)
	}
	if err := r.Load(ctx, nil, entry.PolicyRef{Epoch: 7}, "x"); !errors.Is(err, ErrRequest) {
		t.Errorf("no policy: %v", err)
	}
}

// TestInvariant6FloorRises: a floor that is taken over shuts out what is older, loads
// nothing, and outlives a restart; a lower one changes nothing.
func TestInvariant6FloorRises(t *testing.T) {
	r := newRig(t)
	a := compile(t, testPolicy())
	was := r.Snapshot()
	if err := r.RaiseFloor(ctx, BundlePolicy, entry.PolicyRef{Epoch: 7, Digest: a.Digest()}, "floor of register 3"); err != nil {
		t.Fatal(err)
	}
	if r.Snapshot() != was {
		t.Error("a floor changed what decides")
	}
	for _, lower := range []uint64{0, 6, 7} {
		n := len(r.journal.all())
		if err := r.RaiseFloor(ctx, BundlePolicy, entry.PolicyRef{Epoch: lower}, "x"); err != nil || len(r.journal.all()) != n {
			t.Errorf("a floor of %d: %v, or it was journaled", lower, err)
		}
	}
	r.kill()
	if epoch, digest := r.EpochFloor(BundlePolicy); epoch != 7 || digest != a.Digest() {
		t.Errorf("after a restart the floor is %d", epoch)
	}
	if err := r.Load(ctx, a, entry.PolicyRef{Epoch: 6}, "x.bundle"); !errors.Is(err, ErrEpoch) {
		t.Errorf("below the floor: %v", err)
	}
	if err := r.Load(ctx, a, entry.PolicyRef{Epoch: 7}, "x.bundle"); err != nil {
		t.Errorf("what the floor stands for: %v", err)
	}
}
