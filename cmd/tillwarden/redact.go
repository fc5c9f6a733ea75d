package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
)

// takenOut stands where a secret was.
const takenOut = "(taken out)"

// secretForms are what secrets look like, wherever they stand. Each is replaced as a
// whole, or its last group where it has one.
var secretForms = []*regexp.Regexp{
	// Private keys: of bundles, of checkpoints (golang.org/x/mod/sumdb/note), PEM.
	regexp.MustCompile(`tillwarden-private-key-v[0-9]+\s+\S+`),
	regexp.MustCompile(`PRIVATE\+KEY\+\S+`),
	regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)`),
	// Tracks (ISO/IEC 7813): %B...? and ;...=...?.
	regexp.MustCompile(`%[A-Z][^?\n]{8,}\?`),
	regexp.MustCompile(`;[0-9]{6,}=?[0-9]*\?`),
	// What says of itself that it is one.
	regexp.MustCompile(`(?i)\b(?:pin|password|passwd|passphrase|secret|token|api[-_]?key)\b["']?\s*[=:]\s*("[^"\n]*"|'[^'\n]*'|[^\s,}"']+)`),
	// Card numbers: 13 to 19 digits (ISO/IEC 7812), also in groups.
	regexp.MustCompile(`\b(?:[0-9][ -]?){12,18}[0-9]\b`),
}

// redact takes secrets out of a text.
func redact(text []byte) []byte {
	for _, form := range secretForms {
		text = form.ReplaceAllFunc(text, func(found []byte) []byte {
			m := form.FindSubmatchIndex(found)
			if len(m) < 4 || m[2] < 0 {
				return []byte(takenOut)
			}
			return append(append(append([]byte{}, found[:m[2]]...), takenOut...), found[m[3]:]...)
		})
	}
	return text
}

// ownSecrets are the register's secret keys, as far as this user may read them: a report
// that holds one is not written.
func ownSecrets(keys string) (secrets [][]byte) {
	files, _ := filepath.Glob(filepath.Join(keys, "*.key")) // the pattern is right
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil {
			if b = bytes.TrimSpace(b); len(b) >= 16 {
				secrets = append(secrets, b)
			}
		}
	}
	return secrets
}
