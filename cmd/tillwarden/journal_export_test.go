package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tillwarden/enforcer/journal/journaltest"
)

// TestInterruptedExportLeavesNoPart: what was there stays, and no part of an export is
// taken for a whole one.
func TestInterruptedExportLeavesNoPart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, out := filepath.Join(dir, "lane1.db"), filepath.Join(dir, "out.jsonl")
	if err := (journaltest.Store{Entries: 3_000}).Write(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	export := func(ctx context.Context) (int, string) {
		var text bytes.Buffer
		a := &app{in: strings.NewReader(""), out: &text, err: &text, env: func(string) string { return "" }}
		return a.main(ctx, []string{"journal", "export", "--file", db, "-o", out}), text.String()
	}
	if code, text := export(t.Context()); code != exitDone || !strings.Contains(text, "3000 entries in ") {
		t.Fatalf("%d, %s", code, text)
	}
	whole, err := os.ReadFile(out)
	if err != nil || bytes.Count(whole, []byte("\n")) != 3_000 {
		t.Fatalf("%d bytes, %v", len(whole), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if code, text := export(ctx); code != exitFailed || text != "tillwarden: interrupted\n" {
		t.Errorf("interrupted: %d, %q", code, text)
	}
	if after, err := os.ReadFile(out); err != nil || !bytes.Equal(after, whole) {
		t.Errorf("%d bytes after it, %v", len(after), err)
	}
	if err := os.Remove(out); err != nil {
		t.Fatal(err)
	}
	if code, _ := export(ctx); code != exitFailed {
		t.Errorf("interrupted: %d", code)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*out.jsonl*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".*out.jsonl*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
