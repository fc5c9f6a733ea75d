package signon

import (
	"context"
	"reflect"
	"testing"

	"tillwarden/enforcer/journal"
	"tillwarden/enforcer/journal/entry"
)

// The journal of some of the registers under test is the real one, on disk: what the
// model reads of it was read back from there, and a start of the daemon has what was in
// it before.

// diskJournal is the real journal behind a memJournal, which keeps what was read back
// from it. The zero diskJournal is none.
type diskJournal struct {
	path  string
	store *journal.Store // nil: it is closed
}

// open opens the journal on disk, where there is one, and holds it against what it had
// when it was closed.
func (j *memJournal) open(t testing.TB) {
	t.Helper()
	if j.disk.path == "" {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	var err error
	j.disk.store, err = journal.Open(context.Background(), journal.Options{
		Path: j.disk.path, Stamp: j.clock.Stamp, Chain: "Chain", Store: "12", Register: "3", Reserve: -1, CheckPause: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	now, err := j.disk.read(nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(now) != len(j.entries) || len(now) > 0 && !reflect.DeepEqual(now, j.entries) {
		t.Fatalf("the journal had %d entries, and now it has %d, or others", len(j.entries), len(now))
	}
	j.entries = now
}

// close closes the journal on disk, where there is one.
func (j *memJournal) close(t testing.TB) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.disk.store == nil {
		return
	}
	if err := j.disk.store.Close(); err != nil {
		t.Error(err)
	}
	j.disk.store = nil
}

// verify reads all of the file that was closed, as an auditor does.
func (j *memJournal) verify(t testing.TB) {
	if j.disk.path == "" {
		return
	}
	r, err := journal.Verify(context.Background(), j.disk.path, nil)
	if err != nil || r.Total > 0 || r.Entries != int64(len(j.entries)) {
		t.Errorf("the journal of %d entries: %+v, %v", len(j.entries), r, err)
	}
}

// read gives what is known of it, and all that came since.
func (d *diskJournal) read(known []entry.Entry) ([]entry.Entry, error) {
	err := d.store.Replay(context.Background(), journal.Filter{After: entry.Seq(len(known))}, func(e entry.Entry) error {
		known = append(known, e)
		return nil
	})
	return known, err
}
