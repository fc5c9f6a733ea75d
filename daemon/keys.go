package daemon

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"tillwarden/enforcer/durable"
	"tillwarden/enforcer/journal"
	"tillwarden/signon"
)

// keys are the register's own secrets, made at its first start and never in
// an image.
type keys struct {
	signer   note.Signer // signs the journal's checkpoints
	verifier string      // what verifies them; not secret
	receipt  []byte      // keys the digest of what was printed
	signon   *signon.Keys
}

// The files of the state folder.
const (
	journalFile = "journal.db"
	rosterFile  = "roster.db"
	stateFile   = "state.json"
	policyFile  = "policy.bundle"
)

// The files of the folder keys. journal.pub is for auditors.
const (
	journalKey = "journal.key"
	journalPub = "journal.pub"
	receiptKey = "receipt.key"
)

// errKeyMode is a key file that others may read.
var errKeyMode = errors.New("others may read it: its mode has to be 0600")

// errKeyLost is a key that is gone while what depends on it is there.
var errKeyLost = errors.New("the key is gone, and nothing that was made with it can be checked any more: restore it from a backup, " +
	"or move the file that depends on it away")

// openKeys loads the keys from a state folder, and makes those that are
// missing as long as nothing depends on them yet. name is what the journal's
// checkpoints are signed as.
func openKeys(state, name string) (*keys, error) {
	dir := filepath.Join(state, "keys")
	exists := func(file string) bool {
		_, err := os.Lstat(filepath.Join(state, file))
		return err == nil
	}
	needed := map[string]string{journalKey: journalFile}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for keys: %w", err)
	}
	load := func(file string, generate func() ([]byte, error)) ([]byte, error) {
		return keyFile(filepath.Join(dir, file), func() ([]byte, error) {
			if by := needed[file]; by != "" && exists(by) {
				return nil, fmt.Errorf("%s is there: %w", by, errKeyLost)
			}
			return generate()
		})
	}
	text, err := load(journalKey, func() ([]byte, error) {
		private, public, err := journal.NewKey(rand.Reader, name)
		if err != nil {
			return nil, err
		}
		// The public part first: a private key without it could not be verified by anybody.
		if err := durable.Replace(filepath.Join(dir, journalPub), []byte(public+"\n"), 0o644); err != nil {
			return nil, err
		}
		return []byte(private + "\n"), nil
	})
	if err != nil {
		return nil, err
	}
	defer clear(text)
	k := &keys{}
	if k.signer, k.verifier, err = journal.ParsePrivate(string(text)); err != nil {
		return nil, fmt.Errorf("%s: %w", journalKey, err)
	}
	text, err = load(receiptKey, func() ([]byte, error) {
		raw := make([]byte, 32)
		_, _ = rand.Read(raw) // never fails
		return []byte(base64.StdEncoding.EncodeToString(raw) + "\n"), nil
	})
	if err != nil {
		return nil, err
	}
	if k.receipt, err = base64.StdEncoding.DecodeString(strings.TrimSpace(string(text))); err != nil || len(k.receipt) != 32 {
		return nil, fmt.Errorf("%s holds no key of 32 bytes", receiptKey)
	}
	if k.signon, err = signon.OpenKeys(dir, filepath.Join(state, rosterFile)); err != nil {
		return nil, err
	}
	return k, nil
}

// keyFile reads a key, or makes it where there is none.
func keyFile(path string, generate func() ([]byte, error)) ([]byte, error) {
	st, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		text, err := generate()
		if err != nil {
			return nil, fmt.Errorf("make %s: %w", filepath.Base(path), err)
		}
		return text, durable.Replace(path, text, 0o600)
	case err != nil:
		return nil, fmt.Errorf("read a key: %w", err)
	case !st.Mode().IsRegular() || st.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("%s: %w", path, errKeyMode)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read a key: %w", err)
	}
	return text, nil
}
