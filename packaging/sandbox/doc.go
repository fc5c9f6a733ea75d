// Package sandbox checks what bounds the daemon: the directives of its unit, each
// with its reason in docs/hardening.md, and the exposure that systemd-analyze(1)
// finds in them. Its folder probe tries from inside what must not be possible,
// and what must.
//
// It is a test and nothing else: no program imports it.
package sandbox
