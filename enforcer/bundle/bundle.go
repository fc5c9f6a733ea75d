package bundle

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
)

// payloadType names a bundle's type inside of what is signed.
func payloadType(kind string) string { return "application/vnd.tillwarden." + kind + ".v1+json" }

// Seal writes a bundle: the manifest, completed with the blob's size and
// digest, signed by every signer in the order given, and the blob. Equal
// input gives equal bytes.
func Seal(m Manifest, blob []byte, signers ...PrivateKey) ([]byte, error) {
	m.Size = int64(len(blob))
	m.SHA256 = sha256.Sum256(blob)
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	if len(signers) == 0 || len(signers) > maxSigners {
		return nil, fmt.Errorf("%w: %d signers, want 1 to %d", ErrManifest, len(signers), maxSigners)
	}
	seen := map[string]bool{}
	list := make([]dsse.Signer, len(signers))
	for i, s := range signers {
		if id := s.Public().ID(); seen[id] {
			return nil, fmt.Errorf("%w: key %.12s signs twice", ErrManifest, id)
		} else {
			seen[id] = true
		}
		list[i] = signer{s}
	}
	payload, err := m.MarshalJSON()
	if err != nil {
		return nil, err
	}
	es, err := dsse.NewEnvelopeSigner(list...)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	envelope, err := es.SignPayload(context.Background(), payloadType(m.Type), payload)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	line, err := encode(envelope)
	if err != nil {
		return nil, err
	}
	file := make([]byte, 0, len(line)+1+len(blob))
	file = append(file, line...)
	file = append(file, '\n')
	return append(file, blob...), nil
}

// Expect says what Open takes: who opens, whom they trust, and what they
// loaded before.
type Expect struct {
	Type  string // TypePolicy, TypeRoster, TypeMode or TypeRevocations
	Chain string
	Store string // the opener's own store; a bundle for AllStores fits too
	// Keys are those that may sign; Threshold of them must have (0 means 1).
	Keys      []PublicKey
	Threshold int
	// MinEpoch is the epoch of the bundle that was loaded last, 0 for none;
	// SameDigest its blob's SHA-256, which a bundle of that very epoch must
	// have (all zero: not known, the epoch alone counts).
	MinEpoch   uint64
	SameDigest [32]byte
	// MaxSize bounds the blob; 0 means 32 MiB.
	MaxSize int64
}

// Open returns the manifest and the blob of a bundle that passes every check,
// or an error of the one that failed first. The blob shares the file's memory.
func Open(file []byte, e Expect) (Manifest, []byte, error) {
	limit := e.MaxSize
	if limit <= 0 {
		limit = defaultMax
	}
	limit = min(limit, maxBlob)
	envelope, blob, err := split(file)
	if err != nil {
		return Manifest{}, nil, err
	}
	if int64(len(blob)) > limit {
		return Manifest{}, nil, fmt.Errorf("%w: %d bytes of content, at most %d are taken", ErrSize, len(blob), limit)
	}
	payload, err := verify(envelope, e)
	if err != nil {
		return Manifest{}, nil, err
	}
	m, err := parseManifest(payload)
	if err != nil {
		return Manifest{}, nil, err
	}
	if err := m.fits(e, envelope.PayloadType); err != nil {
		return Manifest{}, nil, err
	}
	if m.Size != int64(len(blob)) {
		return Manifest{}, nil, fmt.Errorf("%w: %d bytes of content, %d were signed", ErrSize, len(blob), m.Size)
	}
	if sha256.Sum256(blob) != m.SHA256 {
		return Manifest{}, nil, ErrDigest
	}
	return m, blob, nil
}

// fits holds the signed manifest against what is expected.
func (m Manifest) fits(e Expect, payload string) error {
	switch {
	case m.Type != e.Type || payload != payloadType(e.Type):
		return fmt.Errorf("%w: it is a %s, a %s is wanted", ErrType, m.Type, e.Type)
	case m.Chain != e.Chain:
		return fmt.Errorf("%w: it is for chain %q, this is %q", ErrChain, m.Chain, e.Chain)
	case m.Store != AllStores && m.Store != e.Store:
		return fmt.Errorf("%w: it is for store %q, this is %q", ErrStore, m.Store, e.Store)
	case m.Epoch < e.MinEpoch:
		return fmt.Errorf("%w: it has epoch %d, epoch %d was loaded before", ErrEpoch, m.Epoch, e.MinEpoch)
	case m.Epoch == e.MinEpoch && e.SameDigest != [32]byte{} && m.SHA256 != e.SameDigest:
		return fmt.Errorf("%w: %d", ErrEpochReused, m.Epoch)
	}
	return nil
}

// Inspect reads a bundle's manifest and the ids of its signers, and checks
// neither signatures nor whom it is for. It is for showing people what a file
// says of itself; nothing may be loaded by it.
func Inspect(file []byte) (Manifest, []string, error) {
	envelope, _, err := split(file)
	if err != nil {
		return Manifest{}, nil, err
	}
	payload, err := base64.StdEncoding.Strict().DecodeString(envelope.Payload)
	if err != nil {
		return Manifest{}, nil, fmt.Errorf("%w: envelope: payload is not base64", ErrMalformed)
	}
	m, err := parseManifest(payload)
	if err != nil {
		return Manifest{}, nil, err
	}
	ids := make([]string, len(envelope.Signatures))
	for i, s := range envelope.Signatures {
		ids[i] = s.KeyID
	}
	return m, ids, nil
}

// Content reads a bundle's manifest and its blob, and checks that the one is
// the other's. Like Inspect it checks neither signatures nor whom it is for, so
// that it can be compared with others; nothing may be loaded by it.
func Content(file []byte) (Manifest, []byte, error) {
	m, _, err := Inspect(file)
	if err != nil {
		return Manifest{}, nil, err
	}
	_, blob, err := split(file)
	if err != nil {
		return Manifest{}, nil, err
	}
	if m.Size != int64(len(blob)) {
		return Manifest{}, nil, fmt.Errorf("%w: %d bytes of content, its manifest says %d", ErrSize, len(blob), m.Size)
	}
	if sha256.Sum256(blob) != m.SHA256 {
		return Manifest{}, nil, ErrDigest
	}
	return m, blob, nil
}

// split parts a file into its envelope, in the strict form, and its blob.
func split(file []byte) (*dsse.Envelope, []byte, error) {
	head := file[:min(len(file), maxEnvelope+1)]
	end := bytes.IndexByte(head, '\n')
	if end < 0 {
		if len(file) > maxEnvelope {
			return nil, nil, fmt.Errorf("%w: the first line is longer than %d bytes", ErrMalformed, maxEnvelope)
		}
		return nil, nil, fmt.Errorf("%w: no line with an envelope", ErrMalformed)
	}
	line := file[:end]
	var envelope dsse.Envelope
	if err := decode(line, &envelope); err != nil {
		return nil, nil, fmt.Errorf("%w: envelope: %w", ErrMalformed, err)
	}
	if n := len(envelope.Signatures); n == 0 || n > maxSigners {
		return nil, nil, fmt.Errorf("%w: envelope: %d signatures, want 1 to %d", ErrMalformed, n, maxSigners)
	}
	// The library's base64 forgives line breaks, loose bits and a second
	// alphabet. Written again from its bytes, only the strict form is equal.
	strict := envelope
	strict.Payload = again(envelope.Payload)
	strict.Signatures = make([]dsse.Signature, len(envelope.Signatures))
	for i, s := range envelope.Signatures {
		if id, err := hex.DecodeString(s.KeyID); err != nil || len(id) != sha256.Size || hex.EncodeToString(id) != s.KeyID {
			return nil, nil, fmt.Errorf("%w: envelope: a signature names no key", ErrMalformed)
		}
		strict.Signatures[i] = dsse.Signature{KeyID: s.KeyID, Sig: again(s.Sig)}
	}
	written, err := encode(&strict)
	if err != nil || !bytes.Equal(written, line) {
		return nil, nil, fmt.Errorf("%w: envelope is not in its strict form", ErrMalformed)
	}
	return &envelope, file[end+1:], nil
}

// again decodes base64 and encodes it; what cannot be decoded becomes empty.
func again(s string) string {
	raw, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// verify returns the payload, decoded, if enough known keys signed it. It is
// stricter than DSSE asks: a signature that names a known key and is wrong
// spoils the bundle, even where others suffice. One by an unknown key says
// nothing, so that a chain can begin to sign with its next key early.
func verify(envelope *dsse.Envelope, e Expect) ([]byte, error) {
	threshold := max(e.Threshold, 1)
	known := map[string]bool{}
	var verifiers []dsse.Verifier
	for _, k := range e.Keys {
		if id := k.ID(); !known[id] {
			known[id] = true
			verifiers = append(verifiers, verifier{k, id})
		}
	}
	if len(verifiers) < threshold {
		return nil, fmt.Errorf("%w: %d keys are known, %d must sign", ErrThreshold, len(verifiers), threshold)
	}
	named := map[string]bool{}
	for _, s := range envelope.Signatures {
		if named[s.KeyID] {
			return nil, fmt.Errorf("%w: envelope: key %.12s signed twice", ErrMalformed, s.KeyID)
		}
		named[s.KeyID] = true
	}
	mine := 0
	for id := range named {
		if known[id] {
			mine++
		}
	}
	if mine == 0 {
		return nil, fmt.Errorf("%w (it names %.12s)", ErrUnknownKey, envelope.Signatures[0].KeyID)
	}
	// One acceptance for every known key that is named; what was accepted is
	// then held against the threshold.
	ev, err := dsse.NewMultiEnvelopeVerifier(1, verifiers...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	accepted, payload, err := ev.VerifyAndDecode(context.Background(), envelope)
	if err != nil || len(accepted) != mine {
		return nil, fmt.Errorf("%w: %d of %d signatures by known keys are valid", ErrSignature, len(accepted), mine)
	}
	if mine < threshold {
		return nil, fmt.Errorf("%w: %d of the %d that are wanted", ErrThreshold, mine, threshold)
	}
	return payload, nil
}
