package signon

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"

	"tillwarden/enforcer/bundle"
)

// StoreKeyFile is the name of the store key's file in the keys folder.
const StoreKeyFile = "store.key"

// storeKeyVersion begins the one line of a store key's file: version, secret.
const storeKeyVersion = "tillwarden-store-1"

// StoreKey is what the lanes of a store share, so that an operator who got PIN and
// card at one of them is known at the others. With it the verifiers of PINs and
// cards are keyed, and what travels is signed: whoever has it can make operators for
// the store's lanes. It has no network of its own: people carry it (docs/operators.md).
type StoreKey struct {
	keys   *Keys
	signer bundle.PrivateKey
}

// GenerateStoreKey makes the text of a new store key's file.
func GenerateStoreKey() ([]byte, error) {
	var secret [keySize]byte
	defer clear(secret[:])
	if _, err := rand.Read(secret[:]); err != nil {
		return nil, fmt.Errorf("make a store key: %w", err)
	}
	return fmt.Appendf(nil, "%s %x\n", storeKeyVersion, secret), nil
}

// ParseStoreKey reads the text of a store key's file, to the byte. Its errors have
// nothing of it.
func ParseStoreKey(text []byte) (*StoreKey, error) {
	hexed, ok := bytes.CutPrefix(text, []byte(storeKeyVersion+" "))
	if !ok || len(hexed) != 2*keySize+1 || hexed[2*keySize] != '\n' {
		return nil, fmt.Errorf("%w: not a store key's file of this version", ErrKeyFile)
	}
	var secret [keySize]byte
	defer clear(secret[:])
	if _, err := hex.Decode(secret[:], hexed[:2*keySize]); err != nil {
		return nil, fmt.Errorf("%w: the store key is not hexadecimal", ErrKeyFile)
	}
	part := func(what string, size int) []byte {
		b, err := hkdf.Key(sha256.New, secret[:], nil, "tillwarden store key: "+what, size)
		if err != nil {
			panic(err) // the sizes are constants, far below HKDF's limit
		}
		return b
	}
	pepper, cards, seed := part("PINs", keySize), part("cards", keySize), part("signatures", keySize)
	for _, b := range [][]byte{pepper, cards, seed} {
		defer clear(b)
	}
	keys, err := NewKeys(hex.EncodeToString(part("id", 8)), pepper, cards)
	if err != nil {
		return nil, err
	}
	signer, err := bundle.NewKey(bytes.NewReader(seed))
	if err != nil {
		return nil, err
	}
	return &StoreKey{keys: keys, signer: signer}, nil
}

// ID names the key in verifiers.
func (k *StoreKey) ID() string { return k.keys.ID }

// Public verifies what the key has signed.
func (k *StoreKey) Public() bundle.PublicKey { return k.signer.Public() }

// Seal signs what travels between the lanes.
func (k *StoreKey) Seal(m bundle.Manifest, blob []byte) ([]byte, error) {
	return bundle.Seal(m, blob, k.signer)
}

// String names the key.
func (k *StoreKey) String() string {
	if k == nil {
		return "store key(none)"
	}
	return "store key(" + k.ID() + ")"
}

// Format prints String for every verb.
func (k *StoreKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// MarshalJSON gives String, quoted.
func (k *StoreKey) MarshalJSON() ([]byte, error) { return []byte(`"` + k.String() + `"`), nil }

// LogValue gives String.
func (k *StoreKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

// ring are the keys that verifiers may be made with: the register's own, and the
// store's where there is one. New ones are made with the store's.
type ring struct {
	own, store *Keys
}

func (r ring) forNew() *Keys {
	if r.store != nil {
		return r.store
	}
	return r.own
}

// byID gives the keys that a verifier names; nil: there are none of that name.
func (r ring) byID(id string) *Keys {
	for _, k := range []*Keys{r.own, r.store} {
		if k != nil && k.ID == id {
			return k
		}
	}
	return nil
}

// mark is what a card is known by: its keyed hash under the register's own key, and
// under the store's.
type mark [2][hashSize]byte

func (r ring) mark(payload []byte) (m mark) {
	m[0] = r.own.cardMAC(payload)
	if r.store != nil {
		m[1] = r.store.cardMAC(payload)
	}
	return m
}

// each goes through a card's hashes with their keys.
func (r ring) each(m mark, f func(k *Keys, mac []byte) error) error {
	for i, k := range []*Keys{r.own, r.store} {
		if k == nil {
			continue
		}
		if err := f(k, m[i][:]); err != nil {
			return err
		}
	}
	return nil
}

// underNew gives a card's hash under the key of new ones.
func (r ring) underNew(m mark) []byte {
	if r.store != nil {
		return m[1][:]
	}
	return m[0][:]
}
