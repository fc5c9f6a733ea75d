package daemon

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/enforcer"
	"tillwarden/enforcer/bundle"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/signon"
)

// Rosters and lists of revocations are carried between the lanes of a store. Only a
// whole one that the store's key or the chain's keys signed is applied, with a
// higher epoch than the last, and a bad one changes nothing.

// Roster says which roster was applied.
func (d *Daemon) Roster(context.Context, api.Caller) (*api.RosterStatus, error) {
	list, err := d.roster.List()
	if err != nil {
		return nil, d.cannotDecide(err)
	}
	w := &api.RosterStatus{}
	if d.keys.store != nil {
		w.StoreKey = d.keys.store.ID()
	}
	for _, o := range list {
		if o.Roster > 0 {
			w.OfRoster++
		} else {
			w.Own++
		}
	}
	roster, err := d.roster.RosterApplied()
	if err != nil {
		return nil, d.cannotDecide(err)
	}
	revocations, n, err := d.roster.RevocationsApplied()
	if err != nil {
		return nil, d.cannotDecide(err)
	}
	w.Roster, w.Revocations, w.Revoked = appliedBundle(roster), appliedBundle(revocations), n
	return w, nil
}

func appliedBundle(a signon.AppliedRoster) *api.AppliedBundle {
	if a.Epoch == 0 {
		return nil
	}
	return &api.AppliedBundle{Epoch: a.Epoch, MadeAt: a.MadeAt, Applied: time.Unix(0, a.At).UTC()}
}

var errNoStoreKey = api.Errorf(api.CodeConflict, "this register has no store key").
	WithHint("make one with tillwarden key new-store, and bring it to each lane: tillwarden key install-store FILE")

// ExportRoster makes what is carried to the store's other lanes.
func (d *Daemon) ExportRoster(ctx context.Context, c api.Caller, r *api.RosterExport) (*api.RosterExported, error) {
	function, kind := signon.FunctionAdd, enforcer.BundleRoster
	if r.Revocations {
		function, kind = signon.FunctionTerminate, enforcer.BundleRevocations
	}
	if _, err := d.acting(ctx, c, r.By, function, kind, false); err != nil {
		return nil, err
	}
	if d.keys.store == nil {
		return nil, errNoStoreKey
	}
	d.loading.Lock()
	defer d.loading.Unlock()
	w := &api.RosterExported{Type: kind}
	blob, err := d.makePeople(w, r.Revocations)
	if err != nil {
		return nil, d.cannotDecide(err)
	}
	conf := d.config()
	floor, _ := d.gate.EpochFloor(kind)
	w.Epoch = floor + 1
	m := bundle.Manifest{Type: kind, Chain: conf.Chain, Store: conf.Store, Epoch: w.Epoch, Created: d.clock.Stamp().Time().Unix()}
	if w.Bundle, err = d.keys.store.Seal(m, blob); err != nil {
		return nil, fmt.Errorf("seal a %s: %w", kind, err)
	}
	// It is journaled before anybody has it, and no older one is applied here any more.
	ref := entry.PolicyRef{Epoch: w.Epoch, Digest: sha256.Sum256(blob)}
	if err := d.gate.RaiseFloor(ctx, kind, ref, "made here"); err != nil {
		return nil, d.cannotDecide(err)
	}
	return w, nil
}

// makePeople makes the content of a bundle.
func (d *Daemon) makePeople(w *api.RosterExported, revocations bool) ([]byte, error) {
	if revocations {
		r, err := d.roster.MakeRevocations()
		if err != nil {
			return nil, err
		}
		w.Operators = len(r.Revoked)
		return r.Marshal()
	}
	made, err := d.roster.MakeRoster()
	if err != nil {
		return nil, err
	}
	w.Operators, w.Without = len(made.Roster.Operators), made.Without
	return made.Roster.Marshal()
}

// ApplyRoster takes a roster, or a list of revocations, that somebody hands in.
func (d *Daemon) ApplyRoster(ctx context.Context, c api.Caller, r *api.RosterApply) (*api.RosterApplied, error) {
	if r.Name == "" || len(r.Name) > 128 {
		return nil, api.Errorf(api.CodeInvalid, "name is missing or too long").WithHint("name is what the journal calls it: the file's name")
	}
	m, _, err := bundle.Inspect(r.Bundle)
	if err == nil && m.Type != bundle.TypeRoster && m.Type != bundle.TypeRevocations {
		return nil, api.Errorf(api.CodeInvalid, "it is a %s, and neither a roster nor a list of revocations", m.Type).
			WithReason(entry.ReasonType.String()).WithHint("a policy is handed in with tillwarden policy load")
	}
	function := signon.FunctionAdd
	if m.Type == bundle.TypeRevocations {
		function = signon.FunctionTerminate
	}
	operator, err2 := d.acting(ctx, c, r.By, function, r.Name, true)
	if err2 != nil {
		return nil, err2
	}
	by := signon.By{Method: entry.MethodTechnician, Source: c.Source()}
	if operator != nil {
		by = signon.By{
			Operator: operator.Number, Person: operator.Person, WorkGroups: operator.WorkGroups, Method: entry.MethodNumberPIN,
			Source: c.Source(), Function: function,
		}
	}
	d.loading.Lock()
	defer d.loading.Unlock()
	var blob []byte
	if err == nil {
		m, blob, err = d.verifyPeople(r.Bundle, m.Type)
	}
	if err != nil {
		return nil, d.peopleRefused(ctx, r.Name, bundle.ReasonOf(err), err)
	}
	accept := func() error {
		return d.gate.LoadedPeople(ctx, m.Type, entry.PolicyRef{Epoch: m.Epoch, Digest: m.SHA256}, r.Name)
	}
	w := &api.RosterApplied{Type: m.Type, Epoch: m.Epoch}
	if m.Type == bundle.TypeRevocations {
		return d.applyRevocations(ctx, by, blob, w, r.Name, accept)
	}
	roster, err := signon.ParseRoster(blob)
	if err != nil {
		return nil, d.peopleRefused(ctx, r.Name, entry.ReasonMalformed, err)
	}
	plan, err := d.service().People().ApplyRoster(ctx, by, roster, m.Epoch, r.ReplaceOwn, accept)
	switch {
	case errors.Is(err, signon.ErrMadeHere):
		return nil, d.peopleRefused(ctx, r.Name, entry.ReasonExists, err)
	case errors.Is(err, signon.ErrCollision) && plan != nil:
		refused := d.peopleRefused(ctx, r.Name, entry.ReasonExists, err)
		var e *api.Error
		if errors.As(refused, &e) {
			e.Hint = few(plan.Collisions) + "; --replace-own lets the roster's take their places"
		}
		return nil, refused
	case errors.Is(err, enforcer.ErrEpoch):
		return nil, api.Errorf(api.CodeInvalid, "it was refused: %v", err).WithReason(entry.ReasonEpoch.String())
	case err != nil:
		return nil, d.cannotDecide(err)
	}
	w.MadeAt, w.Added, w.Changed, w.Removed, w.Unchanged = roster.MadeAt, plan.Added, plan.Changed, plan.Removed, plan.Unchanged
	w.Terminated, w.Foreign = plan.Terminated, plan.Foreign
	w.Say = fmt.Sprintf("roster %d is applied", w.Epoch)
	return w, nil
}

func (d *Daemon) applyRevocations(ctx context.Context, by signon.By, blob []byte, w *api.RosterApplied, name string, accept func() error) (*api.RosterApplied, error) {
	list, err := signon.ParseRevocations(blob)
	if err != nil {
		return nil, d.peopleRefused(ctx, name, entry.ReasonMalformed, err)
	}
	plan, err := d.service().People().ApplyRevocations(ctx, by, list, w.Epoch, accept)
	switch {
	case errors.Is(err, enforcer.ErrEpoch):
		return nil, api.Errorf(api.CodeInvalid, "it was refused: %v", err).WithReason(entry.ReasonEpoch.String())
	case err != nil:
		return nil, d.cannotDecide(err)
	}
	w.MadeAt, w.Revoked, w.Freed, w.Unchanged = list.MadeAt, plan.Revoked, plan.Freed, len(list.Revoked)-len(plan.Revoked)
	w.Say = fmt.Sprintf("list of revocations %d is applied", w.Epoch)
	return w, nil
}

// verifyPeople checks a bundle against what this register takes now: what the store's
// key signed, or enough of the chain's keys.
func (d *Daemon) verifyPeople(file []byte, kind string) (bundle.Manifest, []byte, error) {
	epoch, digest := d.gate.EpochFloor(kind)
	c := d.config()
	e := bundle.Expect{Type: kind, Chain: c.Chain, Store: c.Store, MinEpoch: epoch, SameDigest: digest, MaxSize: api.MaxBundle}
	if d.keys.store != nil {
		e.Keys = []bundle.PublicKey{d.keys.store.Public()}
		m, blob, err := bundle.Open(file, e)
		if !errors.Is(err, bundle.ErrUnknownKey) {
			return m, blob, err
		}
	}
	e.Keys, e.Threshold = d.policyKeys, c.Policy.Threshold
	return bundle.Open(file, e)
}

// peopleRefused journals that a bundle was refused.
func (d *Daemon) peopleRefused(ctx context.Context, name string, reason entry.Reason, why error) error {
	if err := d.gate.LoadRefused(ctx, reason, name, "roster: "+why.Error()); err != nil {
		return d.cannotDecide(err)
	}
	hint := why.Error()
	if reason == entry.ReasonSignature && d.keys.store == nil {
		hint += "; this register has no store key: tillwarden key install-store FILE"
	}
	say := sayReason(reason)
	code := api.CodeInvalid
	if reason == entry.ReasonExists {
		say, hint, code = why.Error(), "", api.CodeConflict
	}
	return api.Errorf(code, "it was refused: %s", say).WithReason(reason.String()).WithHint(hint)
}

// few lists what somebody reads, and how many more there are.
func few(list []string) string {
	if len(list) > 5 {
		return strings.Join(list[:5], "; ") + fmt.Sprintf("; and %d more", len(list)-5)
	}
	return strings.Join(list, "; ")
}
