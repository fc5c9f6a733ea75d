package signon

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"tillwarden/enforcer/durable"
)

// KeyFile is the name of the key file in the keys folder.
const KeyFile = "signon.key"

// keyVersion begins the one line of a key file: version, id, pepper, card key.
const keyVersion = "tillwarden-signon-1"

// keySize is the length of each key.
const keySize = 32

var (
	// ErrNoKeys: the keys folder has no key file.
	ErrNoKeys = errors.New("there are no sign-on keys")
	// ErrKeysExist: keys are there already, and are never overwritten.
	ErrKeysExist = errors.New("there are sign-on keys already")
	// ErrKeyFile: the key file is malformed, or others than its owner can read it.
	ErrKeyFile = errors.New("the sign-on key file cannot be used")
)

// Keys are what verifiers are keyed with. A roster made with some keys is of
// no use with any others. Nothing prints them: their bytes are behind pointers
// and every fmt verb, JSON and slog show the id alone.
type Keys struct {
	ID string // names the keys in verifiers
	at *keyBytes
}

// keyBytes holds the bytes behind one more pointer: fmt follows one, not two.
type keyBytes struct {
	p *struct {
		pepper, card, seal [keySize]byte // seal is derived: it authenticates the roster's records
	}
}

func (k *Keys) pepper() []byte { return k.at.p.pepper[:] }
func (k *Keys) card() []byte   { return k.at.p.card[:] }
func (k *Keys) seal() []byte   { return k.at.p.seal[:] }

// NewKeys makes keys of their parts: the pepper of PINs and the key of cards.
func NewKeys(id string, pepper, cardKey []byte) (*Keys, error) {
	if !validKeyID(id) || len(pepper) != keySize || len(cardKey) != keySize {
		return nil, fmt.Errorf("%w: want an id of 16 hexadecimal digits and two keys of %d bytes", ErrKeyFile, keySize)
	}
	k := &Keys{ID: id, at: new(keyBytes)}
	k.at.p = new(struct{ pepper, card, seal [keySize]byte })
	copy(k.pepper(), pepper)
	copy(k.card(), cardKey)
	m := hmac.New(sha256.New, k.pepper())
	_, _ = io.WriteString(m, "tillwarden roster records")
	m.Sum(k.seal()[:0])
	return k, nil
}

func validKeyID(id string) bool {
	b, err := hex.DecodeString(id)
	return err == nil && len(b) == 8
}

// String names the keys.
func (k *Keys) String() string {
	if k == nil {
		return "keys(none)"
	}
	return "keys(" + k.ID + ")"
}

// Format prints String for every verb.
func (k *Keys) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// MarshalJSON gives String, quoted.
func (k *Keys) MarshalJSON() ([]byte, error) { return []byte(`"` + k.String() + `"`), nil }

// LogValue gives String.
func (k *Keys) LogValue() slog.Value { return slog.StringValue(k.String()) }

// GenerateKeys makes new random keys and writes them into the folder, readable
// by their owner alone, on disk when it returns. It never overwrites keys.
func GenerateKeys(dir string) (*Keys, error) {
	var id [8]byte
	var secret [2 * keySize]byte
	defer clear(secret[:])
	for _, b := range [][]byte{id[:], secret[:]} {
		if _, err := rand.Read(b); err != nil {
			return nil, fmt.Errorf("make sign-on keys: %w", err)
		}
	}
	k, err := NewKeys(hex.EncodeToString(id[:]), secret[:keySize], secret[keySize:])
	if err != nil {
		return nil, err
	}
	line := fmt.Appendf(nil, "%s %s %x %x\n", keyVersion, k.ID, secret[:keySize], secret[keySize:])
	defer clear(line)
	if err := durable.Create(filepath.Join(dir, KeyFile), line, 0o600); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("%w in %s", ErrKeysExist, dir)
		}
		return nil, fmt.Errorf("write sign-on keys: %w", err)
	}
	return k, nil
}

// LoadKeys reads the keys of a folder.
func LoadKeys(dir string) (*Keys, error) {
	path := filepath.Join(dir, KeyFile)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w in %s", ErrNoKeys, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("read sign-on keys: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read sign-on keys: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s has mode %04o, and must be readable by its owner alone (chmod 600)", ErrKeyFile, path, info.Mode().Perm())
	}
	text := make([]byte, 512)
	defer clear(text)
	n, err := io.ReadFull(f, text)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("%w: %s: %w", ErrKeyFile, path, err)
	}
	k, err := ParseKeys(text[:n])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

// ParseKeys reads the text of a key file, to the byte. Its errors have nothing
// of it.
func ParseKeys(text []byte) (*Keys, error) {
	want := len(keyVersion) + 1 + 16 + 2*(1+2*keySize) + 1
	if len(text) != want || text[want-1] != '\n' || !strings.HasPrefix(string(text[:len(keyVersion)+1]), keyVersion+" ") {
		return nil, fmt.Errorf("%w: not a key file of this version", ErrKeyFile)
	}
	rest := text[len(keyVersion)+1 : want-1]
	id, rest := string(rest[:16]), rest[16:]
	var secret [2 * keySize]byte
	defer clear(secret[:])
	for i := range 2 {
		part := rest[i*(1+2*keySize):][:1+2*keySize]
		if part[0] != ' ' {
			return nil, fmt.Errorf("%w: not a key file of this version", ErrKeyFile)
		}
		if _, err := hex.Decode(secret[i*keySize:], part[1:]); err != nil {
			return nil, fmt.Errorf("%w: a key is not hexadecimal", ErrKeyFile)
		}
	}
	return NewKeys(id, secret[:keySize], secret[keySize:])
}

// OpenKeys loads the keys of a folder. It makes them where there are none and
// there is no roster either: a roster without its keys is an error, because
// new keys would not open it.
func OpenKeys(dir, roster string) (*Keys, error) {
	k, err := LoadKeys(dir)
	if !errors.Is(err, ErrNoKeys) {
		return k, err
	}
	if _, statErr := os.Lstat(roster); !errors.Is(statErr, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w, but there is a roster (%s): put the keys that it was made with back", err, roster)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the keys folder: %w", err)
	}
	return GenerateKeys(dir)
}
