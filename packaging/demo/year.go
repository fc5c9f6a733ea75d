package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"tillwarden/enforcer/journal/journaltest"
)

// yearEntries is about a year of the store.
const yearEntries = 1_000_000

// year writes a journal to try reports, simulations and proofs on: 40 operators
// of a store that does not exist, the same on every machine. Beside it stands the
// public key of its register, which is nobody's secret.
func year(ctx context.Context, t *teller, path string, entries int) (err error) {
	if entries < 1 {
		return errors.New("--entries has to be at least 1")
	}
	pub := path + ".pub"
	for _, name := range []string{path, pub} {
		if _, err := os.Lstat(name); err == nil {
			return fmt.Errorf("%s is there already: remove it, or choose another name", name)
		}
	}
	s := journaltest.Store{Seed: 1, Entries: entries}
	_, public := s.Key()
	// Half a journal would be taken for a whole one.
	defer func() {
		if err != nil {
			for _, name := range []string{path, path + ".head", pub} {
				_ = os.Remove(name)
			}
		}
	}()
	t.say("Writing %d entries of a made-up store with 40 operators.", entries)
	if err := s.Write(ctx, path); err != nil {
		return err
	}
	if err := os.WriteFile(pub, []byte(public+"\n"), 0o644); err != nil {
		return err
	}
	t.say(`
%[1]s       the journal
%[1]s.pub   the public key of its register

Try, with bin/tillwarden:

  tillwarden report exceptions --file %[1]s --hours 07:30-21:30
  tillwarden report activity --by function --file %[1]s
  tillwarden report opens --day 2025-03-02 --file %[1]s
  tillwarden policy simulate @presets --journal %[1]s
  tillwarden journal list --file %[1]s --operator 105
  tillwarden journal verify %[1]s --pub %[1]s.pub
  tillwarden journal prove 412 --file %[1]s -o 412.proof
  tillwarden journal verify-proof 412.proof --pub %[1]s.pub`, path)
	return nil
}
