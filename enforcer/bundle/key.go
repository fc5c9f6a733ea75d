package bundle

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// Key files are one line: a word that says what it is and in which version,
// a space, and 32 bytes in base64.
const (
	publicWord  = "tillwarden-public-key-v1"
	privateWord = "tillwarden-private-key-v1"
)

// PublicKey verifies the signatures of one signer of bundles.
type PublicKey struct{ key [ed25519.PublicKeySize]byte }

// PrivateKey signs bundles. Its String does not show it.
type PrivateKey struct{ key ed25519.PrivateKey }

// NewKey makes a key out of a source of randomness.
func NewKey(random io.Reader) (PrivateKey, error) {
	seed := make([]byte, ed25519.SeedSize)
	defer clear(seed)
	if _, err := io.ReadFull(random, seed); err != nil {
		return PrivateKey{}, fmt.Errorf("making a key: %w", err)
	}
	return PrivateKey{ed25519.NewKeyFromSeed(seed)}, nil
}

// ParsePrivate reads what PrivateKey.Text writes.
func ParsePrivate(text []byte) (PrivateKey, error) {
	if strings.HasPrefix(string(text), publicWord) {
		return PrivateKey{}, fmt.Errorf("%w: this is the public part, the private one is needed", ErrKey)
	}
	raw, err := parseLine(text, privateWord)
	if err != nil {
		return PrivateKey{}, err
	}
	defer clear(raw)
	return PrivateKey{ed25519.NewKeyFromSeed(raw)}, nil
}

// ParsePublic reads what PublicKey.Text writes.
func ParsePublic(text []byte) (PublicKey, error) {
	if strings.HasPrefix(string(text), privateWord) {
		return PublicKey{}, fmt.Errorf("%w: this is the private part, which never belongs here; the public one is needed", ErrKey)
	}
	raw, err := parseLine(text, publicWord)
	if err != nil {
		return PublicKey{}, err
	}
	return PublicKey{[ed25519.PublicKeySize]byte(raw)}, nil
}

// parseLine never quotes what it was given: it may be a secret.
func parseLine(text []byte, word string) ([]byte, error) {
	line := strings.TrimSuffix(string(text), "\n")
	encoded, ok := strings.CutPrefix(line, word+" ")
	if !ok {
		return nil, fmt.Errorf("%w: want one line that begins with %q", ErrKey, word)
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(raw) != 32 || base64.StdEncoding.EncodeToString(raw) != encoded {
		return nil, fmt.Errorf("%w: want 32 bytes in base64 after %q", ErrKey, word)
	}
	return raw, nil
}

// Text is the content of the private key's file.
func (k PrivateKey) Text() []byte {
	return []byte(privateWord + " " + base64.StdEncoding.EncodeToString(k.key.Seed()) + "\n")
}

// Text is the content of the public key's file.
func (k PublicKey) Text() []byte {
	return []byte(publicWord + " " + base64.StdEncoding.EncodeToString(k.key[:]) + "\n")
}

// Public is the public part of k.
func (k PrivateKey) Public() PublicKey {
	return PublicKey{[ed25519.PublicKeySize]byte(k.key.Public().(ed25519.PublicKey))}
}

// ID names the key in envelopes: the SHA-256 of its 32 bytes, in hexadecimal.
func (k PublicKey) ID() string {
	sum := sha256.Sum256(k.key[:])
	return hex.EncodeToString(sum[:])
}

// String is the ID: a public key may be shown.
func (k PublicKey) String() string { return k.ID() }

// String names the key and keeps it to itself, whatever it is printed with.
func (k PrivateKey) String() string { return "private key " + k.Public().ID() }

// GoString is String, for %#v.
func (k PrivateKey) GoString() string { return k.String() }

// signer and verifier are what the DSSE library wants of a key.
type signer struct{ PrivateKey }

func (s signer) Sign(_ context.Context, data []byte) ([]byte, error) {
	return ed25519.Sign(s.key, data), nil
}

func (s signer) KeyID() (string, error) { return s.Public().ID(), nil }

type verifier struct {
	PublicKey
	id string
}

func (v verifier) Verify(_ context.Context, data, sig []byte) error {
	if !ed25519.Verify(v.key[:], data, sig) {
		return ErrSignature
	}
	return nil
}

func (v verifier) KeyID() (string, error) { return v.id, nil }

func (v verifier) Public() crypto.PublicKey { return ed25519.PublicKey(v.key[:]) }
