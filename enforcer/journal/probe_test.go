package journal

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"tillwarden/enforcer/journal/entry"
)

// TestProbeNoticesAStuckCommitter: it comes back while commits do, says so
// while one hangs, and writes nothing.
func TestProbeNoticesAStuckCommitter(t *testing.T) {
	var mu sync.Mutex
	hang := make(chan struct{})
	hanging := false
	o := Options{Path: filepath.Join(t.TempDir(), "journal.db"), Stamp: func() entry.Stamp { return entry.Stamp{} }, CheckPause: -1}
	o.tweak.beforeCommit = func() error {
		mu.Lock()
		h := hanging
		mu.Unlock()
		if h {
			<-hang
		}
		return nil
	}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	before := s.Last()
	if err := s.Probe(t.Context()); err != nil || s.Last() != before {
		t.Errorf("%v, %d then %d", err, before.Last, s.Last().Last)
	}
	mu.Lock()
	hanging = true
	mu.Unlock()
	appended := make(chan error, 1)
	go func() {
		_, err := s.Append(context.Background(), false, entry.Entry{Kind: entry.KindCalled})
		appended <- err
	}()
	for {
		short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		err := s.Probe(short)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
	}
	// So many wait for it by now that nobody else is taken in. That is no sign of life.
	s.q.mu.Lock()
	for len(s.q.requests) < maxQueue {
		s.q.requests = append(s.q.requests, &request{own: true, done: make(chan struct{})})
	}
	s.q.mu.Unlock()
	if _, err := s.Append(t.Context(), false, entry.Entry{Kind: entry.KindCalled}); !errors.Is(err, ErrBusy) {
		t.Fatalf("the queue is not full: %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Probe(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stuck with a full queue: %v", err)
	}
	mu.Lock()
	hanging = false
	mu.Unlock()
	close(hang)
	if err := <-appended; err != nil {
		t.Error(err)
	}
	if err := s.Probe(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Probe(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}
