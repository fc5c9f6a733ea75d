package journal

import (
	"context"
	"errors"
	"fmt"

	"tillwarden/enforcer/journal/entry"
)

// tailPage is how many entries a Tail gives at once.
const tailPage = 64

// Tail follows the journal. It keeps no entries in memory: it remembers where
// it is and reads on from the file, so a slow reader loses nothing and costs
// nothing, and whoever comes back goes on after the last number that they saw.
type Tail struct {
	store *Store
	f     Filter
	after entry.Seq
}

// Follow begins after the given number, with what f wants of it; f's bounds
// on numbers, limit and direction do not count.
func (s *Store) Follow(after entry.Seq, f Filter) *Tail {
	f.After, f.Before, f.Limit, f.Reverse = 0, 0, tailPage, false
	return &Tail{store: s, f: f, after: after}
}

// After is the number after which Next goes on.
func (t *Tail) After() entry.Seq { return t.after }

// Next waits for entries and returns the next of them, at least one. A
// *LostError says that entries are missing from the file, since a damaged one
// was replaced; the next call goes on behind the gap. After Close it returns
// ErrClosed.
func (t *Tail) Next(ctx context.Context) ([]entry.Entry, error) {
	for {
		changed := t.store.changed.wait()
		page, err := t.read(ctx)
		switch {
		case errors.Is(err, ErrUnavailable):
			err = nil // it is being reopened, which tells
		case err != nil:
			return nil, err
		case len(page) > 0:
			return page, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("following the journal: %w", ctx.Err())
		}
	}
}

func (t *Tail) read(ctx context.Context) (page []entry.Entry, err error) {
	err = t.store.read(func(v *view) error {
		first, last := v.firstKept(), v.last()
		if t.after+1 < first {
			lost := &LostError{From: t.after + 1, To: first - 1}
			t.after = first - 1
			return lost
		}
		t.after = min(t.after, last) // a number from elsewhere
		t.f.After = t.after
		var next Cursor
		page, next, err = v.query(ctx, &t.f)
		if err == nil {
			if t.after = last; next != 0 {
				t.after = next
			}
		}
		return err
	})
	return page, err
}
