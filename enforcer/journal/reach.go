package journal

import (
	"context"
	"time"

	"tillwarden/enforcer/journal/entry"
)

// Reach is how far back a journal goes.
type Reach struct {
	// First is the number of the first entry that is there. Where it is not 1, the
	// entries before it were removed as older than what is kept, as many as Removed
	// says, or are in an earlier file.
	First   entry.Seq
	Removed int64
	// At is the first entry's wall clock; zero where there is none.
	At time.Time
}

func (v *view) reach() (Reach, error) {
	r := Reach{First: v.firstKept(), Removed: v.removed}
	if v.size == 0 {
		return r, nil
	}
	var e entry.Entry
	if err := v.entry(r.First, &e); err != nil {
		return r, err
	}
	r.At = e.Stamp.Time()
	return r, nil
}

// Reach is how far back this copy goes.
func (r *Reader) Reach() (reach Reach, err error) {
	defer guard(&err)()
	return r.v.reach()
}

// Reach is how far back the journal's file goes.
func (s *Store) Reach(context.Context) (reach Reach, err error) {
	err = s.read(func(v *view) (err error) {
		reach, err = v.reach()
		return err
	})
	return reach, err
}
