package journal

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"tillwarden/enforcer/journal/entry"
)

// TestCopyWhileWriting copies a journal that is being written to, through the
// store: each copy is whole, verifies, and reads as the journal did then.
func TestCopyWhileWriting(t *testing.T) {
	s := openTest(t, testOptions(t))
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		r := newRand(1)
		for ctx.Err() == nil {
			e := testDecision(r)
			e.Source = ""
			append1(t, s, e)
		}
	})
	for range 10 {
		before := s.Last().Last
		var copied bytes.Buffer
		if _, err := s.WriteTo(&copied); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "copy.db")
		if err := os.WriteFile(path, copied.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := mustVerify(t, path); r.Last < before {
			t.Errorf("the copy ends at %d, %d was on disk", r.Last, before)
		}
	}
	cancel()
	wg.Wait()
}

// TestReader reads a copy as the store reads its file.
func TestReader(t *testing.T) {
	o := closedJournal(t)
	rd, err := OpenReader(o.Path)
	if err != nil {
		t.Fatal(err)
	}
	head, err := rd.Last()
	if err != nil || head.Last != 700 || head.First != 1 {
		t.Errorf("head is %+v, %v", head, err)
	}
	f := Filter{Outcome: entry.OutcomeDenied, Limit: 7, Reverse: true}
	var each []entry.Seq
	err = rd.Each(t.Context(), f, func(e *entry.Entry) error { each = append(each, e.Seq); return nil })
	if err != nil || len(each) < 10 {
		t.Fatalf("%d entries, %v", len(each), err)
	}
	page, next, err := rd.Query(t.Context(), f)
	if err != nil || len(page) != 7 || next != page[6].Seq || page[6].Seq != each[6] {
		t.Errorf("%d rows, next %d, %v", len(page), next, err)
	}
	if e, err := rd.Get(each[3]); err != nil || !f.Match(&e) {
		t.Errorf("%+v %v", e, err)
	}
	if _, err := rd.Get(701); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	stop := errors.New("enough")
	if err := rd.Each(t.Context(), Filter{}, func(*entry.Entry) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := rd.Query(ctx, f); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := rd.Close(); err != nil {
		t.Fatal(err)
	}
	_, verifier := testKey()
	if _, err := Verify(ctx, o.Path, []note.Verifier{verifier}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	s := openTest(t, o)
	if h := s.Last(); h.Root != head.Root || h.Origin != head.Origin {
		t.Errorf("the store's head is %+v, the copy's %+v", h, head)
	}
	if _, err := OpenReader(o.Path); !errors.Is(err, ErrInUse) {
		t.Errorf("a file in use: %v", err)
	}
}
