package daemon

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"tillwarden/daemon/api"
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
	store    *signon.StoreKey // what the store's lanes share; nil: this one has none

	shelf keyShelf
}

// The files of the state folder.
const (
	journalFile = "journal.db"
	rosterFile  = "roster.db"
	stateFile   = "state.json"
	policyFile  = "policy.bundle"
)

// keysDir is the folder of the keys, in the state folder.
const keysDir = "keys"

// The files of the folder keys. journal.pub is for auditors.
const (
	JournalKey = "journal.key" // it signs, and bears the register's name
	journalPub = "journal.pub"
	receiptKey = "receipt.key"
)

// Errors of the keys.
var (
	// errKeyMode is a key file that others may read.
	errKeyMode = errors.New("others may read it: its mode has to be 0600")
	// errKeyLost is a key that is gone while what depends on it is there. A new one
	// in its place would pass for the old one until somebody checks.
	errKeyLost = errors.New("the key is gone, and nothing that was made with it can be checked any more: if it was sealed, " +
		"look whether /etc/credstore.encrypted still has it; else restore it from a backup, or move the file that depends on it away")
	// errKeyTwice is a key that systemd gave us, and another one in the keys folder.
	errKeyTwice = errors.New("the sealed key and the one in the state folder are not the same: move the wrong one away")
)

// SecretKeys are the names of the register's secret keys: in the folder keys of
// its state, and, with CredentialName, among systemd's credentials.
func SecretKeys() []string {
	return []string{JournalKey, receiptKey, signon.KeyFile, signon.StoreKeyFile}
}

// OptionalKey reports whether a register may be without a key: the store's is brought
// to it, and no register makes one.
func OptionalKey(key string) bool { return key == signon.StoreKeyFile }

// CredentialName is how a secret key is called as a credential of systemd
// (systemd.exec(5), LoadCredentialEncrypted=).
func CredentialName(key string) string { return "tillwarden." + key }

// KeyPath is where a secret key is, unless it is sealed.
func KeyPath(c *Config, key string) string { return filepath.Join(c.State, keysDir, key) }

// keyShelf is where keys are: each in a file of the state folder, or in one that
// systemd has put into the credentials folder of this run.
type keyShelf struct {
	dir   string // of plain files
	creds string // $CREDENTIALS_DIRECTORY; "": systemd gave nothing
}

// sealed reports whether systemd gave us a key.
func (s keyShelf) sealed(key string) bool {
	if s.creds == "" {
		return false
	}
	_, err := os.Lstat(filepath.Join(s.creds, CredentialName(key)))
	return !errors.Is(err, fs.ErrNotExist) // what cannot be looked at is not taken for absent
}

// plain reports whether a key is in the state folder.
func (s keyShelf) plain(key string) bool {
	_, err := os.Lstat(filepath.Join(s.dir, key))
	return err == nil
}

// path is where a key is to be read from, or made.
func (s keyShelf) path(key string) (string, error) {
	plain := filepath.Join(s.dir, key)
	if !s.sealed(key) {
		return plain, nil
	}
	path := filepath.Join(s.creds, CredentialName(key))
	if s.plain(key) {
		ours, err := readKey(plain)
		defer clear(ours)
		given, err2 := s.read(path)
		defer clear(given)
		if err := errors.Join(err, err2); err != nil {
			return "", err
		}
		if subtle.ConstantTimeCompare(ours, given) != 1 {
			return "", fmt.Errorf("%s: %w", key, errKeyTwice)
		}
	}
	return path, nil
}

// status says where the keys are, and what is left to do about them.
func (s keyShelf) status() (where string, problem string) {
	sealed, all, plain := 0, 0, []string{}
	for _, k := range SecretKeys() {
		if OptionalKey(k) && !s.sealed(k) && !s.plain(k) {
			continue
		}
		all++
		if s.sealed(k) {
			sealed++
		}
		if s.plain(k) {
			plain = append(plain, k)
		}
	}
	switch {
	case sealed == 0:
		return api.KeysPlain, ""
	case sealed < all:
		return api.KeysPartly, "keys: some are sealed and some are not: tillwarden key seal"
	case len(plain) > 0:
		return api.KeysSealed, "keys: they are sealed, and copies that are not lie in " + s.dir + ": tillwarden key seal"
	}
	return api.KeysSealed, ""
}

// openKeys loads the keys from a state folder, or from the credentials that
// systemd gave us, and makes those that are missing as long as nothing depends on
// them yet. name is what the journal's checkpoints are signed as.
func openKeys(state, creds, name string) (*keys, error) {
	k := &keys{shelf: keyShelf{dir: filepath.Join(state, keysDir), creds: creds}}
	if err := os.MkdirAll(k.shelf.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for keys: %w", err)
	}
	load := func(key string, generate func() ([]byte, error)) ([]byte, error) {
		path, err := k.shelf.path(key)
		if err != nil {
			return nil, err
		}
		text, err := k.shelf.read(path)
		if !errors.Is(err, fs.ErrNotExist) {
			return text, err
		}
		// The journal is made after its keys: where it is, they were.
		if _, err := os.Lstat(filepath.Join(state, journalFile)); err == nil {
			return nil, fmt.Errorf("%s: %s is there: %w", key, journalFile, errKeyLost)
		}
		if text, err = generate(); err != nil {
			return nil, fmt.Errorf("make %s: %w", key, err)
		}
		return text, durable.Replace(path, text, 0o600)
	}
	text, err := load(JournalKey, func() ([]byte, error) {
		private, public, err := journal.NewKey(rand.Reader, name)
		if err != nil {
			return nil, err
		}
		// The public part first: a private key without it could not be verified by anybody.
		if err := durable.Replace(filepath.Join(k.shelf.dir, journalPub), []byte(public+"\n"), 0o644); err != nil {
			return nil, err
		}
		return []byte(private + "\n"), nil
	})
	if err != nil {
		return nil, err
	}
	defer clear(text)
	if k.signer, k.verifier, err = journal.ParsePrivate(string(text)); err != nil {
		return nil, fmt.Errorf("%s: %w", JournalKey, err)
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
	if k.store, err = k.shelf.storeKey(); err != nil {
		return nil, err
	}
	path, err := k.shelf.path(signon.KeyFile)
	if err != nil {
		return nil, err
	}
	if !k.shelf.sealed(signon.KeyFile) {
		if k.signon, err = signon.OpenKeys(k.shelf.dir, filepath.Join(state, rosterFile)); err != nil {
			return nil, err
		}
		return k, nil
	}
	if text, err = k.shelf.read(path); err != nil {
		return nil, err
	}
	defer clear(text)
	if k.signon, err = signon.ParseKeys(text); err != nil {
		return nil, fmt.Errorf("%s: %w", signon.KeyFile, err)
	}
	return k, nil
}

// storeKey reads the store's key; nil: this register has none.
func (s keyShelf) storeKey() (*signon.StoreKey, error) {
	path, err := s.path(signon.StoreKeyFile)
	if err != nil {
		return nil, err
	}
	text, err := s.read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer clear(text)
	k, err := signon.ParseStoreKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", signon.StoreKeyFile, err)
	}
	return k, nil
}

// read reads a key from where it is.
func (s keyShelf) read(path string) ([]byte, error) {
	if filepath.Dir(path) != s.creds {
		return readKey(path)
	}
	// systemd lets us read it by an access list where the file system has them, which
	// shows as rights of a group; the folder is closed to everybody else.
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read a credential: %w", err)
	}
	return text, nil
}

// readKey reads a key, which nobody else may.
func readKey(path string) ([]byte, error) {
	st, err := os.Lstat(path)
	switch {
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
