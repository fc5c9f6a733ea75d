package daemon

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"tillwarden/daemon/api"
	"tillwarden/enforcer"
	"tillwarden/enforcer/durable"
	"tillwarden/enforcer/journal/entry"
)

// One-time codes for break-glass lie printed in a sealed envelope. Here is only
// what they are checked against, under a key of this register's; which list
// counts, and which codes were used, the journal has.

// codesFile keeps the verifiers of the list that was made last.
const codesFile = "codes.json"

// codeLength is how many characters a code has: 60 bits, of an alphabet without
// those that are taken for others.
const (
	codeLength   = 12
	codeAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
)

// verifiers are what codes are checked against, in the list's order.
type verifiers [][]byte

func (v verifiers) digest() [32]byte { return sha256.Sum256(bytes.Join(v, nil)) }

// verifier gives what a code is checked against; nil: it is no code. People type
// codes in either case, with or without dashes.
func (d *Daemon) verifier(code []byte) ([]byte, error) {
	var plain [codeLength]byte
	defer clear(plain[:])
	n := 0
	for _, c := range code {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		switch c {
		case '-', ' ':
			continue
		case 'O':
			c = '0'
		case 'I', 'L':
			c = '1'
		}
		if n == codeLength || bytes.IndexByte([]byte(codeAlphabet), c) < 0 {
			return nil, nil
		}
		plain[n] = c
		n++
	}
	if n != codeLength {
		return nil, nil
	}
	key, err := hkdf.Key(sha256.New, d.keys.receipt, nil, "break-glass codes", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive the key of codes: %w", err)
	}
	defer clear(key)
	mac := hmac.New(sha256.New, key)
	mac.Write(plain[:])
	return mac.Sum(nil), nil
}

// oneTimeCode finds out which code it is.
func (d *Daemon) oneTimeCode(code []byte) (*enforcer.OneTimeCode, error) {
	given, err := d.verifier(code)
	if err != nil {
		return nil, err
	}
	list, err := d.readCodes()
	if err != nil {
		return nil, err
	}
	c := &enforcer.OneTimeCode{List: list.digest()}
	for i, v := range list { // all of them: how long it takes says nothing
		if given != nil && subtle.ConstantTimeCompare(v, given) == 1 {
			c.Number = i + 1
		}
	}
	return c, nil
}

func (d *Daemon) readCodes() (list verifiers, err error) {
	raw, err := os.ReadFile(filepath.Join(d.config().State, codesFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &list)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", codesFile, err)
	}
	return list, nil
}

// MakeCodes takes a new list of one-time codes over, in place of the one before.
func (d *Daemon) MakeCodes(ctx context.Context, c api.Caller, r *api.CodesRequest) (*api.Done, error) {
	var list verifiers
	for _, code := range r.Codes {
		v, err := d.verifier(code)
		if err != nil {
			return nil, err
		}
		for _, other := range list {
			if bytes.Equal(v, other) {
				v = nil
			}
		}
		if v == nil {
			return nil, api.Errorf(api.CodeInvalid, "a code is %d letters and digits at random, and no two are the same", codeLength).
				WithHint("tillwarden mode codes makes them")
		}
		list = append(list, v)
	}
	m := enforcer.CodesRequest{List: list.digest(), Count: len(list), Source: c.Source(), SetUp: r.SetUp}
	if !r.SetUp {
		var err error
		if m.By, m.With, err = d.twoParties(ctx, c, r.By, r.With, "tillwarden mode codes"); err != nil {
			return nil, err
		}
	}
	decision, err := d.gate.MakeCodes(ctx, m)
	switch {
	case errors.Is(err, enforcer.ErrRequest):
		return nil, modeInvalid(err)
	case err != nil:
		return nil, d.cannotDecide(err)
	case decision.Outcome != entry.OutcomeAllowed:
		return nil, d.modeRefused("the list is not made", decision, r.SetUp)
	}
	raw, err := json.Marshal(list)
	if err == nil {
		err = durable.Replace(filepath.Join(d.config().State, codesFile), append(raw, '\n'), 0o600)
	}
	if err != nil {
		d.log.Error("the list of codes cannot be kept", "err", err)
		return nil, api.Errorf(api.CodeUnavailable, "the list cannot be kept, and none counts now").WithHint("look at the disk, and make another list")
	}
	return &api.Done{Say: fmt.Sprintf("%d codes count from now on, and none that was made before", len(list))}, nil
}
