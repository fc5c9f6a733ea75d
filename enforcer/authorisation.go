package enforcer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tillwarden/enforcer/journal/entry"
)

// BundleMode is the type of bundle that holds an Authorisation.
const BundleMode = "mode"

// Authorisation is a mode that the chain has signed, instead of two persons at
// the register. It is a bundle's content; the bundle's manifest says for which
// chain and store. A register takes each epoch once, and none below one that it
// has taken. Time in a signed monitor mode is the chain's, and not taken off
// what the installation's own people may grant.
type Authorisation struct {
	Mode      string   `json:"mode"`                // "monitor" or "break-glass"
	Registers []string `json:"registers,omitempty"` // none: every register of the store
	Seconds   int64    `json:"seconds"`             // for how long
	Functions []string `json:"functions,omitempty"` // monitor: only these keys
	Reason    string   `json:"reason"`
	// NotAfter is until when it may be begun, by the wall clock. How long the mode
	// lasts has nothing to do with it.
	NotAfter time.Time `json:"not_after"`
}

// Signed is a verified authorisation as a ModeRequest carries it: its bundle's
// epoch and its content's SHA-256.
type Signed struct {
	Epoch    uint64
	Digest   [32]byte
	NotAfter time.Time
}

// ParseAuthorisation reads a bundle's content, strictly. ErrRequest says what is wrong.
func ParseAuthorisation(blob []byte) (*Authorisation, error) {
	d := json.NewDecoder(bytes.NewReader(blob))
	d.DisallowUnknownFields()
	var a Authorisation
	if err := d.Decode(&a); err != nil {
		return nil, fmt.Errorf("%w: no authorisation of a mode: %v", ErrRequest, err)
	}
	if d.InputOffset() != int64(len(bytes.TrimSpace(blob))) {
		return nil, fmt.Errorf("%w: something follows the authorisation", ErrRequest)
	}
	if _, err := a.Request(); err != nil {
		return nil, err
	}
	return &a, nil
}

// Marshal writes what ParseAuthorisation reads, if it is sound.
func (a *Authorisation) Marshal() ([]byte, error) {
	if _, err := a.Request(); err != nil {
		return nil, err
	}
	return json.Marshal(a)
}

// For reports whether it is for a register.
func (a *Authorisation) For(register string) bool {
	return len(a.Registers) == 0 || slices.Contains(a.Registers, register)
}

// Request is the mode that it asks for; who hands it in adds Source and Signed.
func (a *Authorisation) Request() (ModeRequest, error) {
	r := ModeRequest{Functions: a.Functions, Why: a.Reason}
	for _, k := range []entry.Mode{entry.ModeMonitor, entry.ModeBreakGlass} {
		if a.Mode == k.String() {
			r.Kind = k
		}
	}
	switch limit := int64(limitOf(r.Kind) / time.Second); {
	case a.Seconds < 60 || a.Seconds > limit:
		return r, fmt.Errorf("%w: %d seconds, want 60 to %d", ErrRequest, a.Seconds, limit)
	case a.NotAfter.IsZero():
		return r, fmt.Errorf("%w: it does not say until when it may be used", ErrRequest)
	case slices.ContainsFunc(a.Registers, func(s string) bool { return s == "" || strings.TrimSpace(s) != s }):
		return r, fmt.Errorf("%w: a register without a name", ErrRequest)
	}
	r.For = time.Duration(a.Seconds) * time.Second
	return r, r.Check()
}

// maySigned decides whether a signed authorisation may begin its mode now.
func (g *Gate) maySigned(r *ModeRequest, e *entry.Entry) Decision {
	var d Decision
	e.Claimant, e.Count, e.Digest = claimSigned, r.Signed.Epoch, r.Signed.Digest[:]
	epoch, _ := g.EpochFloor(BundleMode)
	switch {
	case r.Signed.Epoch == epoch:
		return deny(d, e, entry.ReasonUsed)
	case r.Signed.Epoch < epoch:
		return deny(d, e, entry.ReasonEpoch)
	case g.clock.Stamp().Wall >= r.Signed.NotAfter.UnixNano():
		return deny(d, e, entry.ReasonExpired)
	}
	return agree(d, e, entry.ReasonRule)
}
