package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tillwarden/daemon"
	"tillwarden/enforcer"
	"tillwarden/enforcer/bundle"
)

// TestReplacesRefusesAnOlderPolicy before anything is changed: the new register would not
// load it, and have none.
func TestReplacesRefusesAnOlderPolicy(t *testing.T) {
	k, err := bundle.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for epoch, ok := range map[uint64]bool{6: false, 7: true, 8: true} {
		file, err := bundle.Seal(bundle.Manifest{Type: bundle.TypePolicy, Chain: "Example", Store: bundle.AllStores, Epoch: epoch}, []byte("x"), k)
		if err != nil {
			t.Fatal(err)
		}
		r := &replacement{register: "7", takeover: daemon.Takeover{Floors: map[string]daemon.Floor{enforcer.BundlePolicy: {Epoch: 7}}}}
		p := &setupPlan{files: []newFile{{path: defaultConfigFile}, {path: policyBundle, content: file}}}
		if err := r.admits(p); (err == nil) != ok || !ok && !strings.Contains(err.Error(), "register 7 had one of epoch 7") {
			t.Errorf("epoch %d: %v", epoch, err)
		}
		if err := (&replacement{register: "7"}).admits(p); err != nil {
			t.Errorf("nothing is known of the old one's: %v", err)
		}
	}
}

// TestReplacesLeadsRootNowhereElse: the state folder is the daemon's user's, and what that
// has left there takes a technician's set-up, which is root's, to no other place.
func TestReplacesLeadsRootNowhereElse(t *testing.T) {
	const state = "/var/lib/tillwarden"
	for name, c := range map[string]struct {
		link string // in the state folder, to elsewhere
		ok   bool
	}{
		"the archive":          {"archive", false},
		"the register's place": {"archive/1-5", false},
		"the archived journal": {"archive/1-5/journal.db", true},
		"a leftover of a copy": {"archive/1-5/journal.db.new", true},
		"what is taken over":   {"takeover.json", true},
	} {
		t.Run(name, func(t *testing.T) {
			root := plant(t, map[string]string{"/old/journal.db": "entries", state + "/x": ""})
			elsewhere := t.TempDir()
			target := filepath.Join(elsewhere, "not-there")
			if !c.ok {
				target = elsewhere
			}
			link := filepath.Join(root, state, c.link)
			if err := os.MkdirAll(filepath.Dir(link), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(target, link); err != nil {
				t.Fatal(err)
			}
			r := &replacement{register: "1", db: filepath.Join(root, "/old/journal.db"), entries: 5, takeover: daemon.Takeover{Register: "1"}}
			m := &machine{root: root}
			_, err := r.leave(m, state)
			if err == nil {
				err = r.handOver(m, state)
			}
			if (err == nil) != c.ok {
				t.Errorf("%v", err)
			}
			if there, err := os.ReadDir(elsewhere); err != nil || len(there) != 0 {
				t.Errorf("elsewhere is %v, %v", there, err)
			}
			if !c.ok {
				return
			}
			if got, err := os.ReadFile(filepath.Join(root, state, "archive/1-5/journal.db")); err != nil || string(got) != "entries" {
				t.Errorf("the archive has %q, %v", got, err)
			}
			if info, err := os.Lstat(filepath.Join(root, state, "takeover.json")); err != nil || !info.Mode().IsRegular() || info.Mode().Perm() != 0o600 {
				t.Errorf("what is taken over is %v, %v", info, err)
			}
		})
	}
}

// TestReplacesHandsOverUnderTheName that the register has from then on: a set-up that ends in
// between leaves nothing that the daemon would take over under the name before.
func TestReplacesHandsOverUnderTheName(t *testing.T) {
	root := plant(t, map[string]string{"/var/lib/tillwarden/x": "", "/etc/tillwarden/x": ""})
	m := &machine{root: root, command: func(context.Context, string, ...string) (string, error) { return "", nil }}
	p := &setupPlan{
		next:     &daemon.Config{State: "/var/lib/tillwarden"},
		replaces: &replacement{register: "7", takeover: daemon.Takeover{Register: "7"}},
		files:    []newFile{{path: defaultConfigFile, content: []byte("register = \"7\"\n"), mode: 0o644}},
	}
	takeover := filepath.Join(root, "/var/lib/tillwarden/takeover.json")
	a := &app{out: new(bytes.Buffer), err: new(bytes.Buffer)}
	err := a.carryOut(t.Context(), m, p, func(what, _ string) {
		if what != defaultConfigFile {
			return
		}
		if _, err := os.Lstat(takeover); err == nil {
			t.Error("it is there before the register has its name")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(takeover); err != nil {
		t.Error(err)
	}
}
