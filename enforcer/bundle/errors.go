package bundle

import (
	"errors"
	"fmt"

	"tillwarden/enforcer/journal/entry"
)

// What Open refuses a bundle for. The checks are made in this order, and the
// first that fails is the one that is named.
var (
	// ErrSize: the file, its envelope or its blob is larger than allowed, or
	// the blob is not of the size that the manifest says.
	ErrSize = errors.New("wrong size")

	// ErrMalformed: the file cannot be parsed, or is not in the one strict form.
	ErrMalformed = errors.New("malformed bundle")

	// ErrSignature: the signatures do not suffice. ErrUnknownKey and
	// ErrThreshold are ErrSignature too, and say more.
	ErrSignature = errors.New("signature does not verify")

	// ErrUnknownKey: none of the signatures is by a key that is known here.
	ErrUnknownKey = fmt.Errorf("%w: signed by no known key", ErrSignature)

	// ErrThreshold: valid signatures, but by fewer known keys than wanted.
	ErrThreshold = fmt.Errorf("%w: too few signatures", ErrSignature)

	// ErrType: the bundle is of another type.
	ErrType = errors.New("bundle of another type")

	// ErrChain: the bundle is for another chain.
	ErrChain = errors.New("bundle for another chain")

	// ErrStore: the bundle is for another store.
	ErrStore = errors.New("bundle for another store")

	// ErrEpoch: a bundle with a higher epoch, or another one with the same
	// epoch, was loaded before.
	ErrEpoch = errors.New("epoch is too low")

	// ErrEpochReused: the epoch is that of the last bundle, the content is
	// not. It is an ErrEpoch.
	ErrEpochReused = fmt.Errorf("%w: another bundle has the same epoch", ErrEpoch)

	// ErrDigest: the blob is not the one that was signed.
	ErrDigest = errors.New("content does not match its digest")
)

// Errors of keys and of Seal.
var (
	// ErrKey: a key file cannot be parsed.
	ErrKey = errors.New("malformed key")

	// ErrManifest: what Seal was asked to sign is no valid manifest.
	ErrManifest = errors.New("invalid manifest")
)

var reasons = []struct {
	err    error
	reason entry.Reason
}{
	{ErrSize, entry.ReasonSize},
	{ErrSignature, entry.ReasonSignature},
	{ErrType, entry.ReasonType},
	{ErrChain, entry.ReasonChain},
	{ErrStore, entry.ReasonStore},
	{ErrEpoch, entry.ReasonEpoch},
	{ErrDigest, entry.ReasonDigest},
}

// ReasonOf gives the journal's word for an error of Open: none for nil, and
// malformed for everything that is no other check's.
func ReasonOf(err error) entry.Reason {
	if err == nil {
		return entry.ReasonNone
	}
	for _, r := range reasons {
		if errors.Is(err, r.err) {
			return r.reason
		}
	}
	return entry.ReasonMalformed
}
