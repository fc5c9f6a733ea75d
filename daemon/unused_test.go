package daemon

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/journal"
)

// renamed stops a register and gives it another number.
func (r *register) renamed(number string) {
	r.t.Helper()
	r.halt()
	r.config = strings.Replace(r.config, `register = "r1"`, `register = "`+number+`"`, 1)
}

// A package makes journal and keys when it is installed, before anybody said
// which register it is: the name may change as long as nothing was done.
func TestARegisterNeverInUseTakesItsName(t *testing.T) {
	r := newRegister(t, "").start()
	// A POS that begins to ask before the register is set up.
	if a, err := r.pos.Ask(t.Context(), api.AskRequest{Function: "pos.drawer.sale"}); err != nil || a.Outcome != "denied" {
		t.Fatalf("asked: %+v, %v", a, err)
	}
	r.renamed("r7")
	r.start()
	s, err := r.tech.Status(t.Context())
	if err != nil || s.Register != "r7" {
		t.Fatalf("status: %+v, %v", s, err)
	}
	r.halt()
	aside, err := filepath.Glob(r.path("state/" + unusedPrefix + "*"))
	if err != nil || len(aside) != 1 {
		t.Fatalf("set aside: %v, %v", aside, err)
	}
	for dir, name := range map[string]string{aside[0]: "r1", r.path("state"): "r7"} {
		j, err := journal.OpenReader(filepath.Join(dir, journalFile))
		if err != nil {
			t.Fatal(err)
		}
		head, err := j.Last()
		if err != nil || !strings.HasPrefix(head.Origin, journal.KeyName("test", "0001", name)+"/") || head.First != 1 || head.Last < 2 {
			t.Errorf("%s: %+v, %v", dir, head, err)
		}
		j.Close()
		pub, err := os.ReadFile(filepath.Join(dir, "keys", journalPub))
		if err != nil || !strings.HasPrefix(string(pub), journal.KeyName("test", "0001", name)+"+") {
			t.Errorf("%s: the key is %q, %v", dir, pub, err)
		}
	}
}

// Half of it was moved when the power was cut: the next start moves the rest.
func TestSettingAsideGoesOnAfterAPowerCut(t *testing.T) {
	r := newRegister(t, "").start()
	r.renamed("r7")
	origin, err := unusedOrigin(t.Context(), r.path("state/"+journalFile), journal.KeyName("test", "0001", "r7"))
	if err != nil || origin == "" {
		t.Fatalf("unused: %q, %v", origin, err)
	}
	aside := r.path("state/" + unusedPrefix + origin[strings.LastIndexByte(origin, '/')+1:])
	if err := os.Mkdir(aside, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{rosterFile, stateFile, "keys"} {
		if err := os.Rename(r.path("state/"+f), filepath.Join(aside, f)); err != nil {
			t.Fatal(err)
		}
	}
	r.start()
	r.halt()
	if _, err := os.Stat(filepath.Join(aside, journalFile)); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(r.path("state/keys/" + JournalKey)); err != nil {
		t.Error(err)
	}
}

// A register that was in use keeps its name and its journal, whatever the
// configuration says.
func TestARegisterInUseKeepsItsName(t *testing.T) {
	r := newRegister(t, "").start().staffed()
	r.renamed("r7")
	file := r.write("tillwarden.toml", []byte(r.config), 0o644)
	c, err := LoadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(t.Context(), Options{ConfigFile: file, Config: c, Version: "test", Log: slog.New(slog.DiscardHandler)})
	if !errors.Is(err, journal.ErrIdentity) {
		t.Errorf("started: %v", err)
	}
	if aside, _ := filepath.Glob(r.path("state/" + unusedPrefix + "*")); len(aside) > 0 {
		t.Errorf("set aside: %v", aside)
	}
}
