package journal

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"tillwarden/enforcer/journal/entry"
)

const (
	// retireStep is how many index blocks' entries are removed in one transaction.
	// Whoever appends meanwhile waits for one at most. More at a time would be sooner done,
	// and let others wait longer than it is worth: nobody waits for the removal.
	retireStep = 1
	// retirePause is how long a removal waits for the next append after one came. Who
	// appends again and again shares each transaction with the removal then, and does
	// not wait for one that was begun without it.
	retirePause = 200 * time.Microsecond
)

// retirement is a removal that the committer works off.
type retirement struct {
	first entry.Seq // of the file that it is about: another one may be in its place by then
	to    int64     // places before it are removed
	done  chan struct{}
	err   error
}

// Retire removes entries that are older than a moment of the wall clock, whole
// index blocks at a time from the oldest on, as far as a stored checkpoint covers
// them. What is left of them are their hashes: the tree stays what it was,
// checkpoints that somebody holds can be compared, and proofs that were made keep.
//
// Before anything is removed ready is called: it journals again what somebody folds
// from the journal and may not lose; where it fails nothing is removed. Then a
// KindRetired entry says what is about to be removed. Appends go on meanwhile.
// When ctx ends the rest is removed by the next Retire, as after a crash.
func (s *Store) Retire(ctx context.Context, before time.Time, ready func(context.Context) error) (removed int64, err error) {
	var from, to int64
	var first, last entry.Seq
	err = s.read(func(v *view) (err error) {
		first, from = v.header.First, v.removed
		to, err = v.retirable(clampNano(before))
		last = first + entry.Seq(to) - 1
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("removing old entries: %w", err)
	}
	if to <= from {
		return 0, nil
	}
	if err := ready(ctx); err != nil {
		return 0, fmt.Errorf("removing old entries: %w", err)
	}
	_, err = s.Append(ctx, false, entry.Entry{
		Kind: entry.KindRetired, Outcome: entry.OutcomeAllowed, Source: "journal", About: last, Count: uint64(to - from),
		Text: "entries up to this one are older than " + before.UTC().Format(time.DateOnly) + " and are removed; their hashes are kept",
	})
	if err != nil {
		return 0, fmt.Errorf("removing old entries: %w", err)
	}
	r := &retirement{first: first, to: to, done: make(chan struct{})}
	if err := s.q.putRetirement(r); err != nil {
		return 0, fmt.Errorf("removing old entries: %w", err)
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		return 0, fmt.Errorf("removing old entries: %w", ctx.Err())
	}
	if r.err != nil {
		return 0, fmt.Errorf("removing old entries: %w", r.err)
	}
	return to - from, nil
}

// retirable is up to which place entries are older than a moment, in whole blocks,
// covered by a stored checkpoint, and not the last full block.
func (v *view) retirable(before int64) (int64, error) {
	covered, _, err := v.lastCheckpoint()
	if err != nil {
		return 0, err
	}
	size := int64(v.header.Block)
	n := v.removed / size
	for ; n < v.fullBlocks()-1 && (n+1)*size <= covered; n++ {
		bl, err := v.block(n)
		if err != nil {
			return 0, err
		}
		if bl.most >= before {
			break
		}
	}
	return n * size, nil
}

// endRetiring tells who removes how it went. What is not removed yet is left to
// the next time.
func (s *Store) endRetiring(err error) {
	if r := s.retiring; r != nil {
		s.retiring, r.err = nil, err
		close(r.done)
	}
}

// retire removes the entries of the first blocks that still have some, and gives
// the place up to which there are none.
func (w *writer) retire(tx *bbolt.Tx, to int64) (at int64, err error) {
	entries, blocks, checkpoints := tx.Bucket(bucketEntries), tx.Bucket(bucketBlocks), tx.Bucket(bucketCheckpoints)
	if entries == nil || blocks == nil || checkpoints == nil {
		return 0, damaged(0, "a bucket is gone")
	}
	first, _ := entries.Cursor().First()
	seq, ok := unkey(first)
	size := int64(w.header.Block)
	if at = int64(entry.Seq(seq) - w.header.First); !ok || at%size != 0 {
		return 0, damaged(0, "its first entry has no place in it")
	}
	records := make([][]byte, size)
	for step := 0; step < retireStep && at < to; step++ {
		c := entries.Cursor()
		k, v := c.First()
		for i := range records {
			seq := uint64(w.header.First) + uint64(at) + uint64(i)
			if !bytes.Equal(k, key(seq)) {
				return 0, damaged(0, "entry %d is missing", seq)
			}
			records[i] = v
			k, v = c.Next()
		}
		t, err := buildTile(at/size, records)
		if err != nil {
			return 0, err
		}
		for i := range records {
			// One cursor for all of them: what is allocated here the collector pays for,
			// and with it whoever appends.
			c.Seek(key(uint64(w.header.First) + uint64(at) + uint64(i)))
			if err := c.Delete(); err != nil {
				return 0, fmt.Errorf("removing an entry: %w", err)
			}
		}
		if err := blocks.Put(key(uint64(at/size)), t); err != nil {
			return 0, fmt.Errorf("putting the hashes of removed entries: %w", err)
		}
		at += size
	}
	// Checkpoints over less than what is left prove nothing about it.
	c := checkpoints.Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.First() {
		if n, ok := unkey(k); !ok || int64(n) >= at {
			break
		}
		if err := c.Delete(); err != nil {
			return 0, fmt.Errorf("removing a checkpoint: %w", err)
		}
	}
	return at, nil
}
