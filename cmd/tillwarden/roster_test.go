package main

import (
	"crypto/rand"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tillwarden/enforcer/bundle"
	"tillwarden/signon"
)

// TestOperatorsOfARoster: a policy is looked at for a roster's operators, which is named
// as it was exported; another bundle has none.
func TestOperatorsOfARoster(t *testing.T) {
	blob := []byte(`{"format":1,"made_at":"0042/1","operators":[` +
		`{"number":"101","name":"Cashier","person":"p1","groups":["Back","Front"]},` +
		`{"number":"201","name":"Manager","person":"p2","groups":["Front"],"suspended":true}]}`)
	if _, err := signon.ParseRoster(blob); err != nil {
		t.Fatal(err)
	}
	key, err := bundle.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	file := func(kind string) string {
		path := filepath.Join(t.TempDir(), kind)
		sealed, err := bundle.Seal(bundle.Manifest{Type: kind, Chain: "Example", Store: "0042", Epoch: 1}, blob, key)
		if err == nil {
			err = os.WriteFile(path, sealed, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	a := &app{env: func(string) string { return "" }}
	got, err := a.holders(t.Context(), file(bundle.TypeRoster))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"number":"101","name":"Cashier","work_groups":["Back","Front"]},` +
		`{"number":"201","name":"Manager","work_groups":["Front"],"suspended":true}]`
	if string(text) != want {
		t.Errorf("%s, want %s", text, want)
	}
	if _, err := a.holders(t.Context(), file(bundle.TypeRevocations)); err == nil || !strings.Contains(err.Error(), "is no list of operators") {
		t.Errorf("a list of revocations: %v", err)
	}
}

// TestRosterIsSignedByTheChain: what was exported at a register is signed anew with the
// chain's key, and nothing else of it changes; what holds no people is refused.
func TestRosterIsSignedByTheChain(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	store, err := bundle.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := bundle.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	blob := []byte(`{"format":1,"made_at":"0042/1","operators":[{"number":"101","name":"Cashier","person":"p1","groups":["Front"]}]}`)
	for name, kind := range map[string]string{"roster.twb": bundle.TypeRoster, "policy.twb": bundle.TypePolicy} {
		sealed, err := bundle.Seal(bundle.Manifest{Type: kind, Chain: "Example", Store: "0042", Epoch: 7}, blob, store)
		if err == nil {
			err = os.WriteFile(at(name), sealed, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(at("chain.key"), chain.Text(), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (int, string) {
		var said strings.Builder
		a := &app{in: strings.NewReader(""), out: &said, err: &said, env: func(string) string { return "" }, version: "test"}
		return a.main(t.Context(), args), said.String()
	}
	if code, said := run("roster", "sign", at("roster.twb"), "-o", at("signed.twb"), "--key", at("chain.key")); code != 0 || !strings.Contains(said, "roster 7 of chain Example, store 0042, made at 0042/1") {
		t.Fatalf("%d: %s", code, said)
	}
	signed, err := os.ReadFile(at("signed.twb"))
	if err != nil {
		t.Fatal(err)
	}
	expect := bundle.Expect{Keys: []bundle.PublicKey{chain.Public()}, Type: bundle.TypeRoster, Chain: "Example", Store: "0042"}
	m, got, err := bundle.Open(signed, expect)
	if err != nil || m.Epoch != 7 || string(got) != string(blob) {
		t.Errorf("with the chain's key: %+v %q %v", m, got, err)
	}
	expect.Keys = []bundle.PublicKey{store.Public()}
	if _, _, err := bundle.Open(signed, expect); err == nil {
		t.Error("the store's signature is still on it")
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{at("policy.twb"), "-o", at("other.twb"), "--key", at("chain.key")}, "is a policy, and neither a roster nor a list of revocations"},
		{[]string{at("roster.twb"), "-o", at("signed.twb"), "--key", at("chain.key")}, "is there already"},
		{[]string{at("chain.key"), "-o", at("other.twb"), "--key", at("chain.key")}, "chain.key"},
		{[]string{at("roster.twb")}, "-o OUT and --key KEY are needed"},
	} {
		if code, said := run(append([]string{"roster", "sign"}, c.args...)...); code == 0 || !strings.Contains(said, c.want) {
			t.Errorf("%q: %d %s, want %q", c.args, code, said, c.want)
		}
	}
	if _, err := os.Stat(at("other.twb")); err == nil {
		t.Error("what was refused was written")
	}
}
