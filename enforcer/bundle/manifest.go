package bundle

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The types of bundles.
const (
	TypePolicy = "policy"
	TypeRoster = "roster"
	TypeMode   = "mode" // the authorisation of a mode

	TypeRevocations = "revocations" // who may do nothing any more
)

// AllStores in a manifest means: for every store of the chain.
const AllStores = "*"

// Limits of what is in a bundle.
const (
	maxName     = 64        // of a chain's or store's name, in bytes
	maxEnvelope = 16 << 10  // the JSON line
	maxSigners  = 16        // signatures on one bundle
	maxBlob     = 256 << 20 // no blob is larger, whatever the caller allows
	defaultMax  = 32 << 20  // what Open allows when the caller does not say
)

// Manifest is what is signed: what the blob is and whom it is for.
type Manifest struct {
	Type  string // TypePolicy, TypeRoster, TypeMode or TypeRevocations
	Chain string
	Store string // a store's name, or AllStores
	// Epoch grows with every bundle of the same type, chain and store; a
	// register never goes back. It begins at 1.
	Epoch uint64
	// Created is when it was made, in seconds since 1970 UTC, as a remark for
	// people; zero where it was not said. Nothing is decided by it.
	Created int64
	Size    int64    // of the blob; set by Seal
	SHA256  [32]byte // of the blob; set by Seal
}

// wire is the manifest as it is written. The order of the fields is the form.
type wire struct {
	Format  int    `json:"format"`
	Type    string `json:"type"`
	Chain   string `json:"chain"`
	Store   string `json:"store"`
	Epoch   uint64 `json:"epoch"`
	Created int64  `json:"created,omitempty"`
	Size    int64  `json:"size"`
	SHA256  string `json:"sha256"`
}

const format = 1

// MarshalJSON writes the manifest as it stands in the bundle.
func (m Manifest) MarshalJSON() ([]byte, error) {
	return encode(wire{
		Format: format, Type: m.Type, Chain: m.Chain, Store: m.Store, Epoch: m.Epoch, Created: m.Created,
		Size: m.Size, SHA256: hex.EncodeToString(m.SHA256[:]),
	})
}

// parseManifest reads the one form that MarshalJSON writes and no other.
func parseManifest(raw []byte) (Manifest, error) {
	var w wire
	if err := decode(raw, &w); err != nil {
		return Manifest{}, fmt.Errorf("%w: manifest: %w", ErrMalformed, err)
	}
	if w.Format != format {
		return Manifest{}, fmt.Errorf("%w: manifest is of format %d, this version reads %d", ErrMalformed, w.Format, format)
	}
	digest, err := hex.DecodeString(w.SHA256)
	if err != nil || len(digest) != 32 {
		return Manifest{}, fmt.Errorf("%w: manifest: sha256 is not 64 hexadecimal digits", ErrMalformed)
	}
	m := Manifest{
		Type: w.Type, Chain: w.Chain, Store: w.Store, Epoch: w.Epoch, Created: w.Created, Size: w.Size, SHA256: [32]byte(digest),
	}
	if err := m.check(); err != nil {
		return Manifest{}, fmt.Errorf("%w: manifest: %w", ErrMalformed, err)
	}
	// Upper-case digits, escapes, spaces, doubled names: all of that reads the
	// same and is not what Seal writes.
	if again, err := m.MarshalJSON(); err != nil || !bytes.Equal(again, raw) {
		return Manifest{}, fmt.Errorf("%w: manifest is not in its strict form", ErrMalformed)
	}
	return m, nil
}

func (m Manifest) check() error {
	switch {
	case m.Type != TypePolicy && m.Type != TypeRoster && m.Type != TypeMode && m.Type != TypeRevocations:
		return fmt.Errorf("type %q is none of %s, %s, %s and %s", m.Type, TypePolicy, TypeRoster, TypeMode, TypeRevocations)
	case m.Epoch == 0:
		return fmt.Errorf("epoch is 0: epochs begin at 1")
	case m.Created < 0:
		return fmt.Errorf("created lies before 1970")
	case m.Size < 0 || m.Size > maxBlob:
		return fmt.Errorf("size %d is beyond %d", m.Size, int64(maxBlob))
	}
	if err := CheckName(m.Chain); err != nil {
		return fmt.Errorf("chain: %w", err)
	}
	if m.Chain == AllStores {
		return fmt.Errorf("chain: %q is for stores only", AllStores)
	}
	if err := CheckName(m.Store); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// CheckName says what is wrong with the name of a chain or store, if anything
// is: names are 1 to 64 bytes of printable text without spaces at their ends.
func CheckName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("no name")
	case len(name) > maxName:
		return fmt.Errorf("name is longer than %d bytes", maxName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("name %q is not printable text", name)
	case strings.TrimSpace(name) != name:
		return fmt.Errorf("name %q begins or ends with a space", name)
	}
	return nil
}

// encode writes compact JSON without HTML's escapes and without a newline.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// decode reads one JSON value with known fields only and nothing after it.
func decode(raw []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if d.InputOffset() != int64(len(raw)) {
		return fmt.Errorf("something follows the JSON value")
	}
	return nil
}
