package signon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"tillwarden/enforcer/journal/entry"
)

var (
	// ErrRoster: the content of a roster or of a list of revocations is malformed.
	ErrRoster = errors.New("the roster's content is malformed")
	// ErrNoStoreKey: this register has no store key.
	ErrNoStoreKey = errors.New("this register has no store key")
	// ErrMadeHere: the roster was made at this very register.
	ErrMadeHere = errors.New("the roster was made at this register: its operators are here already")
	// ErrCollision: an operator of the roster is in the way of one of this register's own.
	ErrCollision = errors.New("the roster has operators whom this register has of its own")
)

// AppliedRoster is which roster was applied last.
type AppliedRoster struct {
	Epoch  uint64 `json:"epoch"` // zero: none
	MadeAt string `json:"made_at"`
	At     int64  `json:"at"` // wall clock
}

var keyRoster = []byte("roster")

// RosterApplied says which roster was applied last.
func (s *Store) RosterApplied() (a AppliedRoster, err error) {
	err = s.view(func(t *txn) error {
		_, err := t.get(bucketMeta, keyRoster, &a)
		return err
	})
	return a, err
}

// RosterPlan is what applying a roster comes to.
type RosterPlan struct {
	Added, Changed, Removed, Unchanged int
	// Terminated are operators of the roster who were terminated here, and stay so.
	Terminated []string
	// Collisions say who is in the way.
	Collisions []string
	// Foreign are operators whose PIN was made with keys that this register has not:
	// nobody signs on with it here.
	Foreign []string

	roster *Roster
	epoch  uint64
	puts   []plannedPut
	drops  []*operatorRecord
}

// planRoster holds a roster against what is here, and changes nothing. Operators of
// the register's own are in its way, unless replace says that the roster's take their
// places. The store's turn is held until it was applied.
func (s *Store) planRoster(r *Roster, epoch uint64, replace bool) (*RosterPlan, error) {
	if r.MadeAt == s.place() {
		return nil, ErrMadeHere
	}
	plan := &RosterPlan{roster: r, epoch: epoch}
	in, given := map[string]bool{}, map[string]bool{}
	for i := range r.Operators {
		in[r.Operators[i].Number] = true
		for _, c := range r.Operators[i].Cards {
			given[string(cardKey(c.KeyID, c.MAC))] = true
		}
	}
	now := s.o.Clock.Stamp()
	err := s.view(func(t *txn) error {
		for i := range r.Operators {
			o := &r.Operators[i]
			before, err := t.operator(o.Number)
			if err != nil {
				return err
			}
			after := o.record(epoch)
			if o.PIN != nil && s.ring.byID(o.PIN.KeyID) == nil {
				plan.Foreign = append(plan.Foreign, o.Number)
			}
			switch {
			case before == nil:
			case before.Terminated != 0:
				plan.Terminated = append(plan.Terminated, o.Number)
				continue
			case before.Roster == nil && !replace:
				plan.Collisions = append(plan.Collisions, fmt.Sprintf("operator %s is this register's own", o.Number))
				continue
			case before.Roster != nil:
				after.keep(before, given, now)
			}
			for _, c := range after.Cards {
				holder, err := t.cardHolder(c.KeyID, c.MAC)
				if err != nil {
					return err
				}
				if holder == "" || holder == o.Number {
					continue
				}
				other, err := t.operator(holder)
				if err != nil {
					return err
				}
				if other == nil || other.Roster == nil && !in[holder] {
					plan.Collisions = append(plan.Collisions, fmt.Sprintf("a card of operator %s is one of this register's own operator %s", o.Number, holder))
				}
			}
			switch {
			case before == nil:
				plan.Added++
				plan.puts = append(plan.puts, plannedPut{after, "added; " + sayGroups(after.Groups)})
			case same(before, after):
				plan.Unchanged++
				after.Changed = before.Changed
				plan.puts = append(plan.puts, plannedPut{after, ""})
			default:
				plan.Changed++
				plan.puts = append(plan.puts, plannedPut{after, sayRosterChange(before, after)})
			}
		}
		return t.operators(func(r *operatorRecord) error {
			if r.Roster != nil && !in[r.Number] && r.Terminated == 0 {
				plan.Removed++
				plan.drops = append(plan.drops, r)
			}
			return nil
		})
	})
	return plan, err
}

// keep takes over what was done at this register with an operator of the roster
// before: a PIN that was set here, as long as the roster has not got another, cards
// that were enrolled here and that it gives to nobody, and a suspension.
func (r *operatorRecord) keep(before *operatorRecord, given map[string]bool, now entry.Stamp) {
	if bytes.Equal(before.Roster.PIN, r.Roster.PIN) {
		r.PIN, r.MustChange = before.PIN, before.MustChange
	}
	here := before.Suspended && (before.Roster.Here || !before.Roster.Suspended)
	r.Roster.Here = r.Suspended && here
	r.Suspended = r.Suspended || here
	next := max(before.NextCard, r.NextCard)
	for i := range r.Cards { // the numbers that people know them by stay
		r.Cards[i].ID = 0
		for _, c := range before.Cards {
			if c.KeyID == r.Cards[i].KeyID && bytes.Equal(c.MAC, r.Cards[i].MAC) {
				r.Cards[i].ID = c.ID
			}
		}
	}
	for i := range r.Cards {
		if r.Cards[i].ID == 0 {
			next++
			r.Cards[i].ID = next
		}
	}
	for _, c := range before.Cards {
		if c.Here && !c.Day.over(now) && !given[string(cardKey(c.KeyID, c.MAC))] && len(r.Cards) < maxCards {
			r.Cards = append(r.Cards, c)
		}
	}
	r.NextCard = next
}

// same reports whether a roster says nothing new of an operator.
func same(a, b *operatorRecord) bool {
	x, y := *a, *b
	x.Changed, y.Changed, x.NextCard, y.NextCard = 0, 0, 0, 0
	if x.Roster == nil || y.Roster == nil {
		return false
	}
	x.Roster, y.Roster = nil, nil
	byID := func(cards []cardRecord) []cardRecord {
		cards = slices.Clone(cards)
		slices.SortFunc(cards, func(a, b cardRecord) int { return int(a.ID) - int(b.ID) })
		return cards
	}
	x.Cards, y.Cards = byID(x.Cards), byID(y.Cards)
	for _, r := range []*operatorRecord{&x, &y} {
		for _, l := range []*[]string{&r.Groups, &r.Stores, &r.Registers} {
			*l = append([]string{}, *l...)
		}
		r.Cards = append([]cardRecord{}, r.Cards...)
	}
	return reflect.DeepEqual(x, y)
}

// sayRosterChange says what a roster changes of an operator.
func sayRosterChange(before, after *operatorRecord) string {
	var what []string
	if before.Roster == nil {
		what = append(what, "in place of this register's own")
	}
	if before.Name != after.Name {
		what = append(what, "name changed")
	}
	if before.Person != after.Person {
		what = append(what, fmt.Sprintf("person %q, was %q", after.Person, before.Person))
	}
	if !slices.Equal(before.Groups, after.Groups) {
		what = append(what, sayGroups(after.Groups))
	}
	if before.From != after.From || before.Until != after.Until {
		what = append(what, sayDays(after.From, after.Until))
	}
	if !slices.Equal(before.Stores, after.Stores) || !slices.Equal(before.Registers, after.Registers) {
		what = append(what, sayPlaces(after.Stores, after.Registers))
	}
	if before.Suspended != after.Suspended {
		what = append(what, map[bool]string{true: "suspended", false: "resumed"}[after.Suspended])
	}
	if !reflect.DeepEqual(before.PIN, after.PIN) || before.MustChange != after.MustChange {
		what = append(what, "PIN")
	}
	if len(before.Cards) != len(after.Cards) || what == nil {
		what = append(what, fmt.Sprintf("cards: %d", len(after.Cards)))
	}
	return strings.Join(what, "; ")
}

// applyRoster makes what was planned, in one transaction, with an entry for each
// operator for whom something is different now.
func (s *Store) applyRoster(ctx context.Context, by By, plan *RosterPlan) error {
	_, err := s.commit(ctx, func(t *txn) ([]entry.Entry, error) {
		var es []entry.Entry
		// All cards that go first: one may go from one operator to another.
		for _, put := range plan.puts {
			before, err := t.operator(put.record.Number)
			if err != nil {
				return nil, err
			}
			if before != nil {
				if err := t.dropCards(before); err != nil {
					return nil, err
				}
			}
		}
		for _, r := range plan.drops {
			if err := t.dropCards(r); err != nil {
				return nil, err
			}
			if err := t.tx.Bucket(bucketOperators).Delete([]byte(r.Number)); err != nil {
				return nil, err
			}
			if err := t.clearTries(r.Number); err != nil {
				return nil, err
			}
			e := by.entry(r.Number)
			e.Outcome, e.Text = entry.OutcomeAllowed, fmt.Sprintf("roster %d: removed", plan.epoch)
			es = append(es, e)
		}
		for _, put := range plan.puts {
			for _, c := range put.record.Cards {
				holder, err := t.cardHolder(c.KeyID, c.MAC)
				if err != nil {
					return nil, err
				}
				if holder != "" {
					return nil, fmt.Errorf("%w: a card of operator %s is taken", ErrCollision, put.record.Number)
				}
				if err := t.put(bucketCards, cardKey(c.KeyID, c.MAC), put.record.Number); err != nil {
					return nil, err
				}
			}
			if put.what == "" { // nothing new but the epoch
				if err := t.put(bucketOperators, []byte(put.record.Number), put.record); err != nil {
					return nil, err
				}
				continue
			}
			e, err := s.putOperator(t, by, put.record, fmt.Sprintf("roster %d: %s", plan.epoch, put.what))
			if err != nil {
				return nil, err
			}
			es = append(es, e)
		}
		if len(es) == 0 {
			e := by.entry("")
			e.Outcome, e.Text = entry.OutcomeAllowed, fmt.Sprintf("roster %d: nobody is changed", plan.epoch)
			es = append(es, e)
		}
		return es, t.put(bucketMeta, keyRoster, AppliedRoster{Epoch: plan.epoch, MadeAt: plan.roster.MadeAt, At: s.o.Clock.Stamp().Wall})
	})
	return err
}

// ApplyRoster makes a roster's operators this register's, beside its own, all of
// them or none. The roster was verified; accept says, before anything is changed, that
// it is taken (its floor is raised), and may still refuse it. What happened at this
// register to operators of the roster before stays: who was terminated or suspended, a
// PIN that the roster has no newer one of, cards. Who is signed on and may no longer is
// signed off.
func (p *People) ApplyRoster(ctx context.Context, by By, r *Roster, epoch uint64, replace bool, accept func() error) (*RosterPlan, error) {
	p.s.store.turn.Lock()
	defer p.s.store.turn.Unlock()
	plan, err := p.s.store.planRoster(r, epoch, replace)
	if err != nil {
		return nil, err
	}
	if len(plan.Collisions) > 0 {
		return plan, ErrCollision
	}
	if err := accept(); err != nil {
		return nil, err
	}
	if err := p.s.store.applyRoster(ctx, by, plan); err != nil {
		return nil, err
	}
	return plan, p.s.followed(ctx, plan.Added+plan.Changed+plan.Removed > 0)
}

// dropCards takes an operator's cards out of the index.
func (t *txn) dropCards(r *operatorRecord) error {
	for _, c := range r.Cards {
		if err := t.tx.Bucket(bucketCards).Delete(cardKey(c.KeyID, c.MAC)); err != nil {
			return err
		}
	}
	return nil
}
