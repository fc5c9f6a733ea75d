package journal

import (
	"context"
	"fmt"
)

// Probe returns once the committer has come round: it goes the way of an
// append and writes nothing. The error says that appends fail now
// (ErrUnavailable, ErrClosed), or, where ctx ended first, that the committer is
// stuck. It is for watchdogs.
func (s *Store) Probe(ctx context.Context) error {
	r := &request{own: true, done: make(chan struct{})}
	if err := s.q.putProbe(r); err != nil {
		return err
	}
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		r.state.CompareAndSwap(requestWaiting, requestCancelled)
		return fmt.Errorf("probing the journal: %w", ctx.Err())
	}
}
