package daemon

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/bundle"
	"tillwarden/signon"
)

// storeOf are registers of one store, that share its key and nothing else.
func storeOf(t *testing.T, names ...string) (lanes []*register) {
	t.Helper()
	key, err := signon.GenerateStoreKey()
	if err != nil {
		t.Fatal(err)
	}
	var chain *register
	for _, name := range names {
		r := newRegister(t, "")
		r.config = strings.Replace(r.config, `register = "r1"`, `register = "`+name+`"`, 1)
		if chain == nil {
			chain = r
		}
		r.key = chain.key
		r.write("policy.pub", r.key.Public().Text(), 0o644)
		if err := os.MkdirAll(filepath.Join(r.path("state"), keysDir), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(r.path("state"), keysDir, signon.StoreKeyFile), key, 0o600); err != nil {
			t.Fatal(err)
		}
		lanes = append(lanes, r.start())
	}
	return lanes
}

func (r *register) export(revocations bool) []byte {
	r.t.Helper()
	a, err := r.con.ExportRoster(r.t.Context(), api.RosterExport{By: boss(), Revocations: revocations})
	if err != nil {
		r.t.Fatal(err)
	}
	return a.Bundle
}

// TestInvariant6RosterBetweenLanes: a bad roster changes nothing. Operators of one register sign on at another after a roster
// was carried there; who is terminated at noon is signed off and refused there once
// the list was, and no older bundle brings them back.
func TestInvariant6RosterBetweenLanes(t *testing.T) {
	t.Parallel()
	lanes := storeOf(t, "r1", "r2")
	a, b := lanes[0].staffed(), lanes[1]
	ctx := t.Context()
	if _, err := b.tech.Load(ctx, api.LoadRequest{Type: "policy", Name: "shipped.bundle", Bundle: b.bundle(shippedPolicy(), 1)}); err != nil {
		t.Fatal(err)
	}
	first := a.export(false)
	done, err := b.tech.ApplyRoster(ctx, api.RosterApply{Name: "roster.twb", Bundle: bytes.Clone(first)})
	if err != nil || done.Epoch != 1 || done.Added != 5 || done.MadeAt != "0001/r1" {
		t.Fatalf("%+v %v", done, err)
	}
	// The roster is not empty any more: the technician adds nobody.
	if _, err := b.tech.People(ctx, api.PeopleAdd, api.PeopleRequest{Number: "666", Name: "X", WorkGroups: []string{groupManager}, PIN: api.Secret("25806931")}); !isCode(err, api.CodeConflict) && !isCode(err, api.CodeRefused) {
		t.Errorf("the technician adds an operator: %v", err)
	}
	b.signOn("1001")
	if s, err := b.con.Roster(ctx); err != nil || s.OfRoster != 5 || s.Own != 0 || s.Roster == nil || s.Roster.Epoch != 1 || s.StoreKey == "" {
		t.Errorf("%+v %v", s, err)
	}

	refused := func(what string, file []byte, reason string) {
		t.Helper()
		_, err := b.tech.ApplyRoster(ctx, api.RosterApply{Name: "bad.twb", Bundle: file})
		var e *api.Error
		if err == nil || !errors.As(err, &e) || e.Reason != reason {
			t.Errorf("%s: %v", what, err)
		}
		if s, err := b.con.Session(ctx); err != nil || !s.SignedOn {
			t.Errorf("%s ended the session", what)
		}
	}
	other, err := bundle.NewKey(bytes.NewReader(bytes.Repeat([]byte{7}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	blob := first[bytes.IndexByte(first, '\n')+1:]
	seal := func(m bundle.Manifest, key bundle.PrivateKey) []byte {
		t.Helper()
		file, err := bundle.Seal(m, blob, key)
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	refused("a flipped bit", append(bytes.Clone(first[:len(first)-2]), first[len(first)-2]^1, first[len(first)-1]), "digest")
	refused("cut short", first[:len(first)/2], "size")
	refused("another key", seal(bundle.Manifest{Type: "roster", Chain: "test", Store: "0001", Epoch: 9}, other), "signature")
	refused("another store's", seal(bundle.Manifest{Type: "roster", Chain: "test", Store: "0002", Epoch: 9}, a.key), "store")
	refused("another chain's", seal(bundle.Manifest{Type: "roster", Chain: "other", Store: "*", Epoch: 9}, a.key), "chain")
	refused("a policy", a.bundle(shippedPolicy(), 2), "type")
	refused("a roster that calls itself a list", seal(bundle.Manifest{Type: "revocations", Chain: "test", Store: "*", Epoch: 9}, a.key), "malformed")

	// Fired at noon.
	if _, err := a.con.People(ctx, api.PeopleTerminate, api.PeopleRequest{By: boss(), Number: "1001"}); err != nil {
		t.Fatal(err)
	}
	list := a.export(true)
	if done, err = b.tech.ApplyRoster(ctx, api.RosterApply{Name: "fired.twb", Bundle: bytes.Clone(list)}); err != nil || len(done.Revoked) != 1 || done.Type != "revocations" {
		t.Fatalf("%+v %v", done, err)
	}
	if s, err := b.con.Session(ctx); err != nil || s.SignedOn {
		t.Errorf("still signed on: %+v %v", s, err)
	}
	b.halt()
	b.start()
	if s, err := b.con.SignOn(ctx, creds("1001")); err != nil || s.OK {
		t.Errorf("after a restart: %+v %v", s, err)
	}
	b.signOn("1002")
	// What is of before is refused, and the same once more is not.
	second := a.export(false)
	if done, err = b.con.ApplyRoster(ctx, api.RosterApply{By: boss(), Name: "roster.twb", Bundle: second}); err != nil || done.Removed != 1 || done.Unchanged != 4 {
		t.Fatalf("%+v %v", done, err)
	}
	refused("a lower epoch", first, "epoch")
	if _, err := b.tech.ApplyRoster(ctx, api.RosterApply{Name: "fired.twb", Bundle: bytes.Clone(list)}); err != nil {
		t.Errorf("the same list again: %v", err)
	}
	if _, err := a.tech.ApplyRoster(ctx, api.RosterApply{Name: "own.twb", Bundle: second}); !isCode(err, api.CodeConflict) {
		t.Errorf("at the register that made it: %v", err)
	}
	manager := creds("2001")
	if _, err := a.con.ExportRoster(ctx, api.RosterExport{By: &manager}); !isCode(err, api.CodeRefused) {
		t.Errorf("a till manager exports: %v", err)
	}
	a.noSecrets("25806931", "14702583", "36901472", "95137046", bossPIN)
	b.noSecrets("25806931", "14702583", "36901472", "95137046", bossPIN)
}

// Without the store's key nothing is exported, and nothing of the store's is applied.
func TestNoRosterWithoutTheStoreKey(t *testing.T) {
	t.Parallel()
	a := storeOf(t, "r1")[0].staffed()
	b := newRegister(t, "").start().staffed()
	ctx := t.Context()
	if _, err := b.con.ExportRoster(ctx, api.RosterExport{By: boss()}); !isCode(err, api.CodeConflict) {
		t.Errorf("exported: %v", err)
	}
	_, err := b.tech.ApplyRoster(ctx, api.RosterApply{Name: "roster.twb", Bundle: a.export(false)})
	var e *api.Error
	if !errors.As(err, &e) || e.Reason != "signature" || !strings.Contains(e.Hint, "install-store") {
		t.Errorf("applied: %v", err)
	}
}
