package journal

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"tillwarden/enforcer/journal/entry"
)

// request is one Append that waits.
type request struct {
	es        []entry.Entry
	essential bool
	own       bool // the journal's own entries
	state     atomic.Int32
	done      chan struct{}
	seqs      []entry.Seq
	err       error
}

// The states of a request. Only one of the two who may take it gets it.
const (
	requestWaiting int32 = iota
	requestTaken
	requestCancelled
)

func (r *request) finish(err error) {
	if r.err = err; err != nil {
		r.seqs = nil
	}
	close(r.done)
}

// queue is what waits for the committer.
type queue struct {
	mu       sync.Mutex
	requests []*request
	notes    []storedNote
	damage   error // found by somebody who reads
	retire   *retirement
	ended    bool
	wake     chan struct{}
}

// put adds a request.
func (q *queue) put(r *request) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended {
		return ErrClosed
	}
	if len(q.requests) >= maxQueue {
		return ErrBusy
	}
	q.requests = append(q.requests, r)
	q.ring()
	return nil
}

// putProbe adds a request without entries, also to a full queue: whether that is
// worked off is what its owner wants to know.
func (q *queue) putProbe(r *request) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended {
		return ErrClosed
	}
	q.requests = append(q.requests, r)
	q.ring()
	return nil
}

func (q *queue) ring() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// gather lets those who are about to ask do so, as long as more come: each
// one more shares the flushes of this transaction and need not wait for them.
// A lone writer is held up by one turn of the scheduler, which is nothing.
func (q *queue) gather() {
	const turns = 16
	for n, more := q.waiting(), 0; more < turns; more++ {
		runtime.Gosched()
		now := q.waiting()
		if now == n {
			return
		}
		n = now
	}
}

func (q *queue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.requests)
}

// take empties the queue.
func (q *queue) take() (rs []*request, damage error, ended bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	rs, q.requests = q.requests, nil
	damage, q.damage = q.damage, nil
	return rs, damage, q.ended
}

// putRetirement has the committer remove entries; one removal at a time.
func (q *queue) putRetirement(r *retirement) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.ended:
		return ErrClosed
	case q.retire != nil:
		return ErrBusy
	}
	q.retire = r
	q.ring()
	return nil
}

func (q *queue) takeRetirement() *retirement {
	q.mu.Lock()
	defer q.mu.Unlock()
	r := q.retire
	q.retire = nil
	return r
}

func (q *queue) takeNotes() []storedNote {
	q.mu.Lock()
	defer q.mu.Unlock()
	notes := q.notes
	q.notes = nil
	return notes
}

func (q *queue) addNote(n storedNote) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.notes = append(q.notes, n)
	q.ring()
}

func (q *queue) hasNotes() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.notes) > 0
}

func (q *queue) reportDamage(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.damage == nil {
		q.damage = err
	}
	q.ring()
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.ring()
}

func (q *queue) closed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ended
}

// Append writes entries, all or none of them, and returns their numbers once
// they are on disk. It sets their Seq and Stamp; the entries that it is given
// are not changed. Essential entries (sign-on and drawer decisions) are taken
// down to the last of the reserve.
//
// Refusals (Outcome denied) of one Source beyond 20 a second are counted and
// not written; they get the number of the last one of their source that was,
// and a summary entry follows when the second is over. A refusal that a mode let
// through is written always.
//
// After an error nothing may take effect. With ErrWrite the entries may be on
// disk nevertheless. When ctx ends before the committer took the entries they
// are not written; later the outcome is waited for.
func (s *Store) Append(ctx context.Context, essential bool, es ...entry.Entry) ([]entry.Seq, error) {
	if len(es) == 0 {
		return nil, nil
	}
	if len(es) > MaxAppend {
		return nil, fmt.Errorf("%w: %d entries at once, at most %d", ErrInvalid, len(es), MaxAppend)
	}
	for i := range es {
		if es[i].Kind == entry.KindNone {
			return nil, fmt.Errorf("%w: it has no kind", ErrInvalid)
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("appending to the journal: %w", err)
	}
	r := &request{es: slices.Clone(es), essential: essential, done: make(chan struct{})}
	if err := s.q.put(r); err != nil {
		return nil, err
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		if r.state.CompareAndSwap(requestWaiting, requestCancelled) {
			return nil, fmt.Errorf("appending to the journal: %w", ctx.Err())
		}
		<-r.done
	}
	return r.seqs, r.err
}
