package daemon

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"tillwarden/enforcer"
	"tillwarden/enforcer/durable"
	"tillwarden/enforcer/journal/entry"
)

// takeoverFile is what set-up leaves in the state folder of a register that replaces
// another one; takenFile is its name once it is in the journal.
const (
	takeoverFile = "takeover.json"
	takenFile    = "takeover.done.json"
)

// Takeover is what a register takes over from the one that it replaces. It can only
// make this one stricter, and its journal richer.
type Takeover struct {
	// Register is the replaced one's name.
	Register string `json:"register"`
	// Floors are the highest epochs that were loaded there, by type of bundle.
	Floors map[string]Floor `json:"floors,omitempty"`
	// Checkpoint is the last one of the old journal, as far as it is known.
	Checkpoint string `json:"checkpoint,omitempty"`
	// Verified says that the old journal was whole when it was archived.
	Verified bool `json:"verified"`
	// Archive is where the old journal is, below the state folder.
	Archive string `json:"archive,omitempty"`
}

// Floor is an epoch with the SHA-256 of what it stood for, in hexadecimal digits.
type Floor struct {
	Epoch  uint64 `json:"epoch"`
	SHA256 string `json:"sha256,omitempty"`
}

// ErrTakeover is a takeover that is not well formed.
var ErrTakeover = errors.New("it is no takeover")

// ParseTakeover reads a takeover, strictly.
func ParseTakeover(text []byte) (*Takeover, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	t := &Takeover{}
	if err := d.Decode(t); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTakeover, err)
	}
	if t.Register == "" {
		return nil, fmt.Errorf("%w: it names no register", ErrTakeover)
	}
	for kind, f := range t.Floors {
		if !slices.Contains(enforcer.BundleKinds(), kind) {
			return nil, fmt.Errorf("%w: there are no bundles of type %q", ErrTakeover, shorten(kind))
		}
		if _, err := f.ref(); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (f Floor) ref() (ref entry.PolicyRef, err error) {
	ref.Epoch = f.Epoch
	if f.SHA256 == "" {
		return ref, nil
	}
	if n, err := hex.Decode(ref.Digest[:], []byte(f.SHA256)); len(f.SHA256) != 64 || err != nil || n != len(ref.Digest) {
		return ref, fmt.Errorf("%w: %q is no SHA-256", ErrTakeover, shorten(f.SHA256))
	}
	return ref, nil
}

// takeOver takes over what set-up left, before any policy loads: one that the replaced
// register would have refused as old is refused here. A crash in between repeats it,
// which changes nothing.
func (d *Daemon) takeOver(ctx context.Context) error {
	state := d.config().State
	text, err := os.ReadFile(filepath.Join(state, takeoverFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("take over from another register: %w", err)
	}
	t, err := ParseTakeover(text)
	if err != nil {
		return fmt.Errorf("take over from another register: %s: %w", takeoverFile, err)
	}
	for _, kind := range enforcer.BundleKinds() {
		f, ok := t.Floors[kind]
		if !ok {
			continue
		}
		ref, err := f.ref()
		if err != nil {
			return err
		}
		if err := d.gate.RaiseFloor(ctx, kind, ref, "floor of register "+t.Register); err != nil {
			return fmt.Errorf("take over from register %s: %w", t.Register, err)
		}
	}
	how := "its journal was not verified"
	if t.Verified {
		how = "its journal was verified"
	}
	if _, err := d.journal.Append(ctx, true, entry.Entry{
		Kind: entry.KindConfig, Outcome: entry.OutcomeAllowed, Reason: entry.ReasonTechnician, Source: "daemon",
		Subject: "replaces register " + t.Register, Text: how + "; its last checkpoint: " + t.Checkpoint,
	}); err != nil {
		return fmt.Errorf("take over from register %s: %w", t.Register, err)
	}
	d.log.Info("taken over from another register", "register", t.Register, "verified", t.Verified)
	return durable.Name(filepath.Join(state, takeoverFile), filepath.Join(state, takenFile))
}
