package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	records "tillwarden/enforcer/journal"
)

// TestYearWritesAJournalThatVerifies with the key beside it, once.
func TestYearWritesAJournalThatVerifies(t *testing.T) {
	path := filepath.Join(t.TempDir(), "year.db")
	var out bytes.Buffer
	if err := year(t.Context(), &teller{out: &out}, path, 2_000); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "tillwarden report exceptions --file "+path) {
		t.Errorf("it does not say what to try:\n%s", &out)
	}
	text, err := os.ReadFile(path + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	key, err := note.NewVerifier(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	r, err := records.Verify(t.Context(), path, []note.Verifier{key})
	if err != nil || !r.OK || r.Entries != 2_000 || r.Signed == 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if err := year(t.Context(), &teller{out: &out}, path, 2_000); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("over an old one: %v", err)
	}
}

// TestYearLeavesNothingHalf where it is interrupted.
func TestYearLeavesNothingHalf(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	if err := year(ctx, &teller{out: &out}, filepath.Join(dir, "year.db"), 100_000); err == nil {
		t.Fatal("it was not interrupted")
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
