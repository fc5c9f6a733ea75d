package daemon

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tillwarden/daemon/api"
	"tillwarden/signon"
)

func TestKeysAreMadeOnceAndGuarded(t *testing.T) {
	dir := t.TempDir()
	first, err := openKeys(dir, "", "c/s/r")
	if err != nil {
		t.Fatal(err)
	}
	second, err := openKeys(dir, "", "c/s/r")
	if err != nil {
		t.Fatal(err)
	}
	if first.verifier != second.verifier || !bytes.Equal(first.receipt, second.receipt) || first.signon.ID != second.signon.ID {
		t.Error("a second start made other keys")
	}
	files, err := filepath.Glob(filepath.Join(dir, "keys", "*"))
	if err != nil || len(files) != 4 {
		t.Fatalf("%v %v", files, err)
	}
	for _, f := range files {
		st, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		if want := os.FileMode(0o600); st.Mode().Perm() != want && filepath.Base(f) != journalPub {
			t.Errorf("%s has mode %v", f, st.Mode())
		}
	}
	key := filepath.Join(dir, "keys", JournalKey)
	if err := os.Chmod(key, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := openKeys(dir, "", "c/s/r"); !errors.Is(err, errKeyMode) {
		t.Errorf("a key that others may read: %v", err)
	}
	// Once there is a journal, its key is not made anew.
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, journalFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openKeys(dir, "", "c/s/r"); !errors.Is(err, errKeyLost) {
		t.Errorf("a lost key: %v", err)
	}
}

// withStoreKey is a state folder to which the store's key was brought.
func withStoreKey(t *testing.T) (state string) {
	t.Helper()
	state = t.TempDir()
	text, err := signon.GenerateStoreKey()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(state, keysDir), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(state, keysDir, signon.StoreKeyFile), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return state
}

// sealing moves keys from a state folder to a folder as systemd's credentials are.
func sealing(t *testing.T, state string, keys ...string) (creds string) {
	t.Helper()
	creds = t.TempDir()
	for _, k := range keys {
		text, err := os.ReadFile(filepath.Join(state, keysDir, k))
		if err != nil {
			t.Fatal(err)
		}
		// By an access list, as where the credentials are on a tmpfs: a group's right shows.
		if err := os.WriteFile(filepath.Join(creds, CredentialName(k)), text, 0o440); err != nil {
			t.Fatal(err)
		}
	}
	return creds
}

func removeKeys(t *testing.T, state string, keys ...string) {
	t.Helper()
	for _, k := range keys {
		if err := os.Remove(filepath.Join(state, keysDir, k)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSealedKeys: the same keys come from systemd's credentials, with copies of
// them in the state folder or without, and the register says where they are.
func TestSealedKeys(t *testing.T) {
	state := withStoreKey(t)
	plain, err := openKeys(state, "", "c/s/r")
	if err != nil {
		t.Fatal(err)
	}
	if where, problem := plain.shelf.status(); where != api.KeysPlain || problem != "" {
		t.Errorf("plain: %s %q", where, problem)
	}
	if err := os.WriteFile(filepath.Join(state, journalFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(state, rosterFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	creds := sealing(t, state, SecretKeys()...)
	for _, c := range []struct {
		gone    []string
		problem string
	}{{nil, "copies"}, {[]string{JournalKey}, "copies"}, {SecretKeys()[1:], ""}} {
		removeKeys(t, state, c.gone...)
		k, err := openKeys(state, creds, "c/s/r")
		if err != nil {
			t.Fatal(err)
		}
		if k.verifier != plain.verifier || !bytes.Equal(k.receipt, plain.receipt) || k.signon.ID != plain.signon.ID || k.store.ID() != plain.store.ID() {
			t.Errorf("without %v: other keys", c.gone)
		}
		if where, problem := k.shelf.status(); where != api.KeysSealed || !strings.Contains(problem, c.problem) || c.problem == "" && problem != "" {
			t.Errorf("without %v: %s %q", c.gone, where, problem)
		}
	}
	left, err := filepath.Glob(filepath.Join(state, keysDir, "*"))
	if err != nil || len(left) != 1 || filepath.Base(left[0]) != journalPub {
		t.Errorf("keys were made anew: %v", left)
	}
}

// TestSealedKeyIsNotMadeAnew: a credential that is gone, cannot be read, is
// another one or is none stops the start, and no key is made over what depends
// on the old one.
func TestSealedKeyIsNotMadeAnew(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(t *testing.T, state, creds string)
		want   error
		says   string
	}{
		"journal key gone": {func(t *testing.T, _, creds string) {
			if err := os.Remove(filepath.Join(creds, CredentialName(JournalKey))); err != nil {
				t.Fatal(err)
			}
		}, errKeyLost, JournalKey},
		"receipt key gone": {func(t *testing.T, _, creds string) {
			if err := os.Remove(filepath.Join(creds, CredentialName(receiptKey))); err != nil {
				t.Fatal(err)
			}
		}, errKeyLost, receiptKey},
		"sign-on key gone": {func(t *testing.T, _, creds string) {
			if err := os.Remove(filepath.Join(creds, CredentialName(signon.KeyFile))); err != nil {
				t.Fatal(err)
			}
		}, signon.ErrNoKeys, rosterFile},
		"no file": {func(t *testing.T, _, creds string) {
			path := filepath.Join(creds, CredentialName(JournalKey))
			if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
				t.Fatal(err)
			}
		}, nil, CredentialName(JournalKey)},
		"empty": {func(t *testing.T, _, creds string) {
			if err := os.Truncate(filepath.Join(creds, CredentialName(signon.KeyFile)), 0); err != nil {
				t.Fatal(err)
			}
		}, signon.ErrKeyFile, signon.KeyFile},
		"malformed store key": {func(t *testing.T, _, creds string) {
			if err := os.Truncate(filepath.Join(creds, CredentialName(signon.StoreKeyFile)), 20); err != nil {
				t.Fatal(err)
			}
		}, signon.ErrKeyFile, signon.StoreKeyFile},
		"another one in the state folder": {func(t *testing.T, state, _ string) {
			if err := os.WriteFile(filepath.Join(state, keysDir, receiptKey), []byte("another\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, errKeyTwice, receiptKey},
		"systemd gives nothing": {func(t *testing.T, _, creds string) {
			if err := os.RemoveAll(creds); err != nil {
				t.Fatal(err)
			}
		}, errKeyLost, JournalKey},
	} {
		t.Run(name, func(t *testing.T) {
			state := withStoreKey(t)
			if _, err := openKeys(state, "", "c/s/r"); err != nil {
				t.Fatal(err)
			}
			for _, f := range []string{journalFile, rosterFile} {
				if err := os.WriteFile(filepath.Join(state, f), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			creds := sealing(t, state, SecretKeys()...)
			removeKeys(t, state, SecretKeys()...)
			c.damage(t, state, creds)
			before, _ := filepath.Glob(filepath.Join(state, keysDir, "*"))
			for range 2 {
				k, err := openKeys(state, creds, "c/s/r")
				if k != nil || err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%v, want %v of %s", err, c.want, c.says)
				}
			}
			if after, _ := filepath.Glob(filepath.Join(state, keysDir, "*")); len(after) != len(before) {
				t.Errorf("a key was made: %v", after)
			}
		})
	}
}

// TestWithoutAStoreKey: a register may be without, and is whole then.
func TestWithoutAStoreKey(t *testing.T) {
	state := t.TempDir()
	k, err := openKeys(state, "", "c/s/r")
	if err != nil || k.store != nil {
		t.Fatalf("%v %v", k, err)
	}
	own := []string{JournalKey, receiptKey, signon.KeyFile}
	creds := sealing(t, state, own...)
	removeKeys(t, state, own...)
	if k, err = openKeys(state, creds, "c/s/r"); err != nil {
		t.Fatal(err)
	}
	if where, problem := k.shelf.status(); where != api.KeysSealed || problem != "" {
		t.Errorf("%s %q", where, problem)
	}
	// One that was brought later is not sealed yet.
	text, err := signon.GenerateStoreKey()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(state, keysDir, signon.StoreKeyFile), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if k, err = openKeys(state, creds, "c/s/r"); err != nil || k.store == nil {
		t.Fatal(err)
	}
	if where, problem := k.shelf.status(); where != api.KeysPartly || !strings.Contains(problem, "key seal") {
		t.Errorf("%s %q", where, problem)
	}
}
