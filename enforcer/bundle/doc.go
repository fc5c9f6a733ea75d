// Package bundle seals and opens bundles: a policy or a roster in compiled
// form, or the authorisation of a mode, signed by the chain.
//
// A bundle file is one line of JSON, a DSSE envelope signed with Ed25519, and
// after its newline the blob, byte for byte to the end of the file. What is
// signed is a small manifest that says what the blob is: type, chain, store,
// epoch, size and SHA-256. The DSSE payload type says it once more, so that a
// signature on a policy can never be taken for one on a roster.
//
// What it guarantees: Open returns a manifest and a blob only if enough known
// keys signed exactly this manifest, the manifest is meant for whoever opens
// it, and the blob is exactly the one that the manifest names. The form is
// strict: there is one way to write a given bundle, and a file that is not
// written that way is refused, so no byte of a file that only known keys
// signed can be changed. Seal gives the same bytes for the same input.
//
// What it is not: it keeps no state. The caller says which epoch was loaded
// last, and remembers the new one. It does not know what the blob means.
//
// It is pure: bytes in, verdict out; no clock, no I/O but the source of
// randomness that NewKey is given.
package bundle
