package signon

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tillwarden/enforcer/journal/entry"
)

// A list of revocations says who may do nothing any more at any lane of the store.
// It is small, so that it can be carried from lane to lane at noon, and holds beside
// the roster: who is on it is refused, whatever roster is applied and whoever
// added them here. The next list replaces it, so a mistake can be taken back; a
// terminated operator is on every list that is made where that was done.

// Revocations is the content of a bundle of type revocations.
type Revocations struct {
	Format  int       `json:"format"`
	MadeAt  string    `json:"made_at"`
	Revoked []Revoked `json:"revoked"`
}

// Revoked is one operator who may do nothing any more.
type Revoked struct {
	Number string `json:"number"`
	Since  int64  `json:"since"` // seconds since 1970 UTC, as a remark for people
}

// maxRevoked bounds a list.
const maxRevoked = 8_000

// Marshal gives the content of a bundle. Equal lists give equal bytes.
func (r *Revocations) Marshal() ([]byte, error) { return json.Marshal(r) }

// ParseRevocations reads the content of a bundle, and checks all of it.
func ParseRevocations(blob []byte) (*Revocations, error) {
	r := &Revocations{}
	if err := decodeStrictly(blob, r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRoster, err)
	}
	switch {
	case r.Format != rosterFormat:
		return nil, fmt.Errorf("%w: format %d is not known, this version reads %d", ErrRoster, r.Format, rosterFormat)
	case r.MadeAt == "" || !printable(r.MadeAt, 2*maxPlaceName+1):
		return nil, fmt.Errorf("%w: where it was made is malformed", ErrRoster)
	case len(r.Revoked) > maxRevoked:
		return nil, fmt.Errorf("%w: %d operators, at most %d are taken", ErrRoster, len(r.Revoked), maxRevoked)
	}
	for i, o := range r.Revoked {
		if badNumber(o.Number) != "" || i > 0 && r.Revoked[i-1].Number >= o.Number {
			return nil, fmt.Errorf("%w: operator %d is malformed or out of order", ErrRoster, i+1)
		}
	}
	return r, nil
}

var keyRevoked = []byte("revoked")

// appliedRevocations is the list that holds at this register.
type appliedRevocations struct {
	Epoch   uint64    `json:"epoch"`
	MadeAt  string    `json:"made_at"`
	At      int64     `json:"at"` // wall clock
	Revoked []Revoked `json:"revoked"`
}

func (t *txn) revocations() (a appliedRevocations, err error) {
	_, err = t.get(bucketMeta, keyRevoked, &a)
	return a, err
}

// RevocationsApplied says which list holds here, and how many are on it.
func (s *Store) RevocationsApplied() (a AppliedRoster, n int, err error) {
	err = s.view(func(t *txn) error {
		r, err := t.revocations()
		a, n = AppliedRoster{Epoch: r.Epoch, MadeAt: r.MadeAt, At: r.At}, len(r.Revoked)
		return err
	})
	return a, n, err
}

// isRevoked reports whether an operator is on the list that holds here.
func (s *Store) isRevoked(number string) bool {
	m := s.revoked.Load()
	return m != nil && (*m)[number]
}

// readRevoked makes the list on disk the one that holds.
func (s *Store) readRevoked(t *txn) error {
	r, err := t.revocations()
	if err != nil {
		return err
	}
	m := map[string]bool{}
	for _, o := range r.Revoked {
		m[o.Number] = true
	}
	s.revoked.Store(&m)
	return nil
}

// MakeRevocations lists who was terminated here, and who is on the list that holds here.
func (s *Store) MakeRevocations() (*Revocations, error) {
	r := &Revocations{Format: rosterFormat, MadeAt: s.place(), Revoked: []Revoked{}}
	if s.ring.store == nil {
		return nil, ErrNoStoreKey
	}
	err := s.view(func(t *txn) error {
		applied, err := t.revocations()
		if err != nil {
			return err
		}
		r.Revoked = append(r.Revoked, applied.Revoked...)
		return t.operators(func(o *operatorRecord) error {
			if o.Terminated != 0 && !s.isRevoked(o.Number) {
				r.Revoked = append(r.Revoked, Revoked{Number: o.Number, Since: o.Terminated / int64(time.Second)})
			}
			return nil
		})
	})
	slices.SortFunc(r.Revoked, func(a, b Revoked) int { return strings.Compare(a.Number, b.Number) })
	if err == nil && len(r.Revoked) > maxRevoked {
		err = fmt.Errorf("%w: %d operators, at most %d travel in one list", ErrRoster, len(r.Revoked), maxRevoked)
	}
	return r, err
}

// RevocationsPlan is what applying a list came to.
type RevocationsPlan struct {
	Revoked []string // who was not on the list before
	Freed   []string // who was, and is not any more
}

// ApplyRevocations makes a list the one that holds here. It was verified; accept says,
// before anything is changed, that it is taken, and may still refuse it. Who is signed
// on and stands on it is signed off.
func (p *People) ApplyRevocations(ctx context.Context, by By, r *Revocations, epoch uint64, accept func() error) (*RevocationsPlan, error) {
	s := p.s.store
	s.turn.Lock()
	defer s.turn.Unlock()
	plan := &RevocationsPlan{}
	on := map[string]bool{}
	for _, o := range r.Revoked {
		on[o.Number] = true
		if !s.isRevoked(o.Number) {
			plan.Revoked = append(plan.Revoked, o.Number)
		}
	}
	if err := s.view(func(t *txn) error {
		before, err := t.revocations()
		for _, o := range before.Revoked {
			if !on[o.Number] {
				plan.Freed = append(plan.Freed, o.Number)
			}
		}
		return err
	}); err != nil {
		return nil, err
	}
	if err := accept(); err != nil {
		return nil, err
	}
	_, err := s.commit(ctx, func(t *txn) ([]entry.Entry, error) {
		var es []entry.Entry
		say := func(numbers []string, what string) {
			for _, n := range numbers {
				e := by.entry(n)
				e.Outcome, e.Text = entry.OutcomeAllowed, fmt.Sprintf("list %d: %s", epoch, what)
				es = append(es, e)
			}
		}
		say(plan.Revoked, "revoked")
		say(plan.Freed, "not revoked any more")
		if es == nil {
			e := by.entry("")
			e.Outcome, e.Text = entry.OutcomeAllowed, fmt.Sprintf("list %d: nobody is changed", epoch)
			es = append(es, e)
		}
		return es, t.put(bucketMeta, keyRevoked, appliedRevocations{Epoch: epoch, MadeAt: r.MadeAt, At: s.o.Clock.Stamp().Wall, Revoked: r.Revoked})
	})
	if err != nil {
		return nil, err
	}
	if err := s.view(s.readRevoked); err != nil {
		return nil, err
	}
	return plan, p.s.followed(ctx, len(plan.Revoked) > 0)
}
