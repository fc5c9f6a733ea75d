package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/journal"
	"tillwarden/enforcer/journal/entry"
)

// TestOldEntriesGo when the clock is right and they are as old as configured, and
// what is folded from them is written down again first.
func TestOldEntriesGo(t *testing.T) {
	t.Parallel()
	tl := newTill(t, "")
	ctx := t.Context()
	tl.staffed()
	es := make([]entry.Entry, 1200)
	for i := range es {
		es[i] = entry.Entry{Kind: entry.KindCalled, Source: "test"}
	}
	for range 2 { // the second carries the first's checkpoint
		if _, err := tl.d.journal.Append(ctx, false, es...); err != nil {
			t.Fatal(err)
		}
		if _, err := tl.tech.Checkpoint(ctx); err != nil {
			t.Fatal(err)
		}
	}
	now := tl.d.clock.Stamp()
	now.Clock = entry.ClockSynchronised
	old := now
	old.Wall += int64(400 * 24 * time.Hour)
	wrong := old
	wrong.Clock = entry.ClockUnsynchronised
	for what, stamp := range map[string]entry.Stamp{"nothing is old": now, "the clock may be wrong": wrong} {
		tl.d.retain(ctx, stamp)
		if _, err := tl.d.journal.Get(ctx, 1); err != nil {
			t.Fatalf("%s, and entries are removed: %v", what, err)
		}
	}
	tl.d.retain(ctx, old)
	if _, err := tl.d.journal.Get(ctx, 1); !errors.Is(err, journal.ErrRemoved) {
		t.Fatalf("the first entry: %v", err)
	}
	var gone *api.Error
	if _, err := tl.tech.Prove(ctx, api.ProveRequest{Seq: 1}); !errors.As(err, &gone) || gone.Code != api.CodeNotFound || !strings.Contains(gone.Message, "was removed") {
		t.Errorf("a proof of it: %v", err)
	}
	if a, err := tl.tech.ActivityReport(ctx, api.ReportRequest{}); err != nil || len(a.Period.Lacks) != 1 || a.Period.Lacks[0].Removed == 0 {
		t.Errorf("a report of all: %+v, %v", a, err)
	}
	var said, memories entry.Seq
	err := tl.d.journal.Each(ctx, journal.Filter{}, func(e *entry.Entry) error {
		switch e.Kind {
		case entry.KindMemory:
			memories = e.Seq
		case entry.KindRetired:
			said = e.Seq
		}
		return nil
	})
	if err != nil || memories == 0 || said < memories {
		t.Errorf("memories up to %d, said in %d: %v", memories, said, err)
	}
	path := filepath.Join(t.TempDir(), "copy.db")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := tl.d.journal.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	if r, err := journal.Verify(ctx, path, nil); err != nil || !r.OK || r.Removed == 0 {
		t.Errorf("verified: %+v, %v", r, err)
	}
}
