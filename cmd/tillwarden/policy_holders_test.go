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
