package signon

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"golang.org/x/crypto/argon2"
)

// PIN lengths.
const (
	minPIN = 4
	maxPIN = 12
)

// validPIN reports whether the bytes have a PIN's form.
func validPIN(pin []byte) bool {
	return len(pin) >= minPIN && len(pin) <= maxPIN && onlyDigits(pin)
}

// weakPIN says what is wrong with a PIN that somebody wants; empty if nothing is.
// Refused are those that are tried first: one digit over and over, a few digits
// over and over, runs, years, and what the operator number gives away. The words
// never have the PIN in them.
func weakPIN(pin []byte, number string, least int) string {
	if len(pin) < least || !validPIN(pin) {
		return fmt.Sprintf("a PIN has %d to %d digits", least, maxPIN)
	}
	up, down := true, true
	for i := 1; i < len(pin); i++ {
		step := (pin[i] - pin[i-1] + 10) % 10
		up = up && step == 1
		down = down && step == 9
	}
	switch {
	case repeats(pin, 1):
		return "a PIN must not be one digit over and over"
	case up || down:
		return "a PIN must not be a run of digits up or down"
	case repeats(pin, 2), repeats(pin, 3), repeats(pin, 4), repeats(pin, 5), repeats(pin, 6):
		return "a PIN must not be the same few digits over and over"
	case len(pin) == 4 && (pin[0] == '1' && pin[1] == '9' || pin[0] == '2' && pin[1] == '0'):
		return "a PIN must not be a year" // 1900 to 2099: birthdays are known
	case likeNumber(pin, number):
		return "a PIN must not be the operator number, forwards or backwards"
	}
	return ""
}

// repeats reports whether a PIN is its first n digits over and over.
func repeats(pin []byte, n int) bool {
	if len(pin) < 2*n || len(pin)%n != 0 {
		return false
	}
	for i := n; i < len(pin); i++ {
		if pin[i] != pin[i-n] {
			return false
		}
	}
	return true
}

// likeNumber reports whether a PIN is an operator number, or that backwards, zeros
// before it and behind it aside: who has number 101 would take 0101.
func likeNumber(pin []byte, number string) bool {
	n := bytes.Trim([]byte(number), "0")
	if len(n) == 0 {
		return false
	}
	p := bytes.Trim(pin, "0")
	if bytes.Equal(p, n) {
		return true
	}
	slices.Reverse(n)
	return bytes.Equal(p, n)
}

func onlyDigits[T string | []byte](s T) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return len(s) > 0
}

// KDF are argon2id's parameters. They are stored with each verifier, so that a
// later default does not lock anybody out.
type KDF struct {
	Time    uint32 `json:"t"`
	Memory  uint32 `json:"m"` // KiB
	Threads uint8  `json:"p"`
}

// DefaultKDF gives the parameters of new PINs: 19 MiB, two passes, one lane.
// It is OWASP's minimum for argon2id; the pepper does the rest.
func DefaultKDF() KDF { return KDF{Time: 2, Memory: 19 << 10, Threads: 1} }

// valid bounds what a stored verifier may make the register do.
func (k KDF) valid() bool {
	return k.Time >= 1 && k.Time <= 16 && k.Threads >= 1 && k.Threads <= 8 &&
		k.Memory >= 8*uint32(k.Threads) && k.Memory <= 1<<20
}

const (
	saltSize = 16
	hashSize = 32
)

// pinVerifier is what the roster keeps of a PIN.
type pinVerifier struct {
	KeyID string `json:"key"`
	KDF   KDF    `json:"kdf"`
	Salt  []byte `json:"salt"`
	Hash  []byte `json:"hash"`
	Set   int64  `json:"set"` // wall clock
}

func (v *pinVerifier) valid() bool {
	return v.KDF.valid() && len(v.Salt) == saltSize && len(v.Hash) == hashSize
}

// errBusy: too many PINs are being checked at once.
var errBusy = errors.New("too many PINs are being checked at once")

// hasher runs argon2id, a few at once: each takes the KDF's memory, and nobody
// may make the register run out of it by typing.
type hasher struct {
	ring    ring
	kdf     KDF
	slots   chan struct{}
	waiting atomic.Int32
	queue   int32
	dummy   pinVerifier // belongs to nobody: what unknown operators are checked against
}

func newHasher(ring ring, kdf KDF, slots, queue int) (*hasher, error) {
	h := &hasher{ring: ring, kdf: kdf, slots: make(chan struct{}, slots), queue: int32(queue)}
	h.dummy = pinVerifier{KeyID: ring.own.ID, KDF: kdf, Salt: make([]byte, saltSize), Hash: make([]byte, hashSize)}
	for _, b := range [][]byte{h.dummy.Salt, h.dummy.Hash} {
		if _, err := rand.Read(b); err != nil {
			return nil, err
		}
	}
	return h, nil
}

func (h *hasher) enter(ctx context.Context) error {
	select {
	case h.slots <- struct{}{}:
		return nil
	default:
	}
	if h.waiting.Add(1) > h.queue {
		h.waiting.Add(-1)
		return errBusy
	}
	defer h.waiting.Add(-1)
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *hasher) leave() { <-h.slots }

// hash is argon2id over HMAC-SHA-256(pepper, PIN). Call it between enter and leave.
func (h *hasher) hash(keys *Keys, pin, salt []byte, kdf KDF) []byte {
	m := hmac.New(sha256.New, keys.pepper())
	_, _ = m.Write(pin)
	peppered := m.Sum(nil)
	defer clear(peppered)
	return argon2.IDKey(peppered, salt, kdf.Time, kdf.Memory, kdf.Threads, hashSize)
}

// make gives a verifier of a new PIN.
func (h *hasher) make(ctx context.Context, pin []byte, now int64) (*pinVerifier, error) {
	if err := h.enter(ctx); err != nil {
		return nil, fmt.Errorf("hash a PIN: %w", err)
	}
	defer h.leave()
	return h.made(pin, now)
}

// made is make between enter and leave.
func (h *hasher) made(pin []byte, now int64) (*pinVerifier, error) {
	keys := h.ring.forNew()
	v := &pinVerifier{KeyID: keys.ID, KDF: h.kdf, Salt: make([]byte, saltSize), Set: now}
	if _, err := rand.Read(v.Salt); err != nil {
		return nil, err
	}
	v.Hash = h.hash(keys, pin, v.Salt, v.KDF)
	return v, nil
}

// check reports whether the PIN is the verifier's. Without a verifier, or with
// one of other keys, it does the same work and says no. Call it between enter
// and leave.
func (h *hasher) check(v *pinVerifier, pin []byte) bool {
	keys := h.ring.own
	real := v != nil && v.valid() && h.ring.byID(v.KeyID) != nil
	if real {
		keys = h.ring.byID(v.KeyID)
	} else {
		v = &h.dummy
	}
	got := h.hash(keys, pin, v.Salt, v.KDF)
	defer clear(got)
	return subtle.ConstantTimeCompare(got, v.Hash) == 1 && real
}

// cardMAC is what a card is known by: HMAC-SHA-256(card key, canonical payload).
func (k *Keys) cardMAC(payload []byte) [sha256.Size]byte {
	m := hmac.New(sha256.New, k.card())
	_, _ = m.Write(payload)
	var mac [sha256.Size]byte
	m.Sum(mac[:0])
	return mac
}
