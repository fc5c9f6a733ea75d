package enforcer

import (
	"context"
	"fmt"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// The types of bundles that have a floor.
const (
	BundlePolicy      = "policy"
	BundleRoster      = "roster"
	BundleRevocations = "revocations"
)

// BundleKinds lists the types of bundles that have a floor.
func BundleKinds() []string { return []string{BundlePolicy, BundleRoster, BundleRevocations} }

// EpochFloor is the highest epoch that was loaded of a type of bundle, with
// its content's digest. It outlives restarts and reboots.
func (g *Gate) EpochFloor(kind string) (uint64, [32]byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f := g.state.Floors[kind]
	return f.Epoch, f.Digest
}

// above refuses what is below the floor: an epoch is loaded again only with
// the same content.
func (g *Gate) above(kind string, ref entry.PolicyRef) error {
	epoch, digest := g.EpochFloor(kind)
	switch {
	case ref.Epoch < epoch:
		return fmt.Errorf("%w: %d, and %d was loaded", ErrEpoch, ref.Epoch, epoch)
	case ref.Epoch == epoch && digest != [32]byte{} && ref.Digest != digest:
		return fmt.Errorf("%w: %d was loaded with other content", ErrEpoch, epoch)
	}
	return nil
}

// Load makes a verified policy the one that decides, as soon as the journal
// has it. Grants and a pending override end; the session goes on under the new
// policy, or ends if that knows none of its work groups. Epoch and digest are
// checked here once more, and a policy that fails changes nothing.
//
// The first Load after a restart of what was loaded before leaves a pending
// override standing.
func (g *Gate) Load(ctx context.Context, p *policy.Compiled, ref entry.PolicyRef, subject string) error {
	if p == nil {
		return fmt.Errorf("loading a policy: %w: none", ErrRequest)
	}
	if err := g.loading.acquire(ctx); err != nil {
		return fmt.Errorf("loading a policy: %w", err)
	}
	defer g.loading.release()
	digest := p.Digest()
	if ref.Digest == [32]byte{} {
		ref.Digest = digest
	}
	if ref.Digest != digest {
		return g.refuse(ctx, BundlePolicy, ref, subject, entry.ReasonDigest, ErrDigest)
	}
	e, err := g.loaded(ctx, BundlePolicy, ref, subject)
	if err != nil {
		return err
	}
	err = g.advance(func(cur *Snapshot) (Snapshot, turn, error) {
		next := *cur
		next.Policy, next.Ref = p, ref
		t := turn{reason: entry.ReasonPolicyChanged}
		t.keepOver = g.resumed && g.pending != nil && g.pending.policy == ref
		g.resumed = false
		if cur.Session != nil {
			session := *cur.Session
			session.equip(p)
			next.Session = &session
			if session.Planes == nil {
				next.Session, t.keepOver = nil, false
				t.entries = []entry.Entry{signOff(cur.Session, entry.ReasonPolicyChanged, Subject{}, "daemon")}
			}
		}
		return next, t, nil
	})
	if err != nil {
		return fmt.Errorf("loading a policy: %w", err)
	}
	g.watchManager()
	g.emit(e, nil, nil)
	if err := g.flush(ctx); err != nil {
		return fmt.Errorf("the policy is loaded, but what it ended is not journaled yet: %w", err)
	}
	return nil
}

// LoadedPeople journals that a bundle about people (a roster, or a list of revocations)
// was verified, and raises its floor. What it changes comes with RosterChanged.
func (g *Gate) LoadedPeople(ctx context.Context, kind string, ref entry.PolicyRef, subject string) error {
	if err := g.loading.acquire(ctx); err != nil {
		return fmt.Errorf("loading a %s: %w", kind, err)
	}
	defer g.loading.release()
	e, err := g.loaded(ctx, kind, ref, subject)
	if err == nil {
		g.emit(e, nil, nil)
	}
	return err
}

// loaded journals a load, if its epoch is not below the floor, and raises the floor.
// Called with loading held.
func (g *Gate) loaded(ctx context.Context, kind string, ref entry.PolicyRef, subject string) (entry.Entry, error) {
	if err := g.above(kind, ref); err != nil {
		return entry.Entry{}, g.refuse(ctx, kind, ref, subject, entry.ReasonEpoch, err)
	}
	// At the journal's reserve a restarted register still needs its policy for the
	// decisions that are taken there; a new one waits for room.
	first := kind == BundlePolicy && g.Snapshot().Policy == nil
	done, err := g.commit(ctx, first, entry.Entry{
		Kind: entry.KindLoad, Outcome: entry.OutcomeAllowed, Policy: &ref, Subject: subject, Source: "daemon", Text: kind,
	})
	if err != nil {
		return entry.Entry{}, fmt.Errorf("loading a %s: %w", kind, err)
	}
	return done[0], nil
}

// RaiseFloor takes over the highest epoch that a register which this one replaces had
// loaded of a type of bundle: what is older loads here no more either. It loads
// nothing. A floor that is as high already stays, and nothing is journaled.
func (g *Gate) RaiseFloor(ctx context.Context, kind string, ref entry.PolicyRef, subject string) error {
	if err := g.loading.acquire(ctx); err != nil {
		return fmt.Errorf("raising the floor of a %s: %w", kind, err)
	}
	defer g.loading.release()
	if epoch, _ := g.EpochFloor(kind); epoch >= ref.Epoch {
		return nil
	}
	_, err := g.loaded(ctx, kind, ref, subject)
	return err
}

// refuse journals a load that is refused, and gives why.
func (g *Gate) refuse(ctx context.Context, kind string, ref entry.PolicyRef, subject string, reason entry.Reason, why error) error {
	e := entry.Entry{
		Kind: entry.KindLoad, Outcome: entry.OutcomeDenied, Reason: reason, Policy: &ref, Subject: subject, Source: "daemon", Text: kind,
	}
	if err := g.record(ctx, false, &e); err != nil {
		g.report(err)
	} else {
		g.emit(e, nil, nil)
	}
	return fmt.Errorf("loading a %s: %w", kind, why)
}

// LoadRefused journals that a bundle was refused before it came to the gate.
func (g *Gate) LoadRefused(ctx context.Context, reason entry.Reason, subject, text string) error {
	e := entry.Entry{Kind: entry.KindLoad, Outcome: entry.OutcomeDenied, Reason: reason, Subject: subject, Source: "daemon", Text: text}
	if err := g.record(ctx, false, &e); err != nil {
		return fmt.Errorf("refusing a load: %w", err)
	}
	g.emit(e, nil, nil)
	return nil
}
