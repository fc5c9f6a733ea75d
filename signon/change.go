package signon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
	"tillwarden/signon/card"
)

// By says who changes people, for the journal. Whether they may was decided
// before (see [People]).
type By struct {
	Operator   string // empty: the technician
	Person     string
	WorkGroups []string
	Method     entry.Method
	Source     string
	Function   string // the function that was decided
	FunctionID uint32
	Decision   entry.Seq
	// With is the second person of a change that takes two; nil: it takes one.
	With *entry.Approval
}

// Change is the answer to a change that somebody wishes. Refused is an answer,
// not an error: an error means that it is not known, or could not be done.
type Change struct {
	OK       bool
	Reason   entry.Reason // why not
	Say      string       // what the person may be told
	Rule     *entry.Rule  // what decided against it, where that was a rule or a restriction
	Seq      entry.Seq    // of its journal entry
	Operator *Operator    // as it is now, if it was changed
}

// refusal is how a change's function says no.
type refusal struct {
	reason entry.Reason
	say    string
	rule   *entry.Rule // nil: it was no rule
}

func (r *refusal) Error() string { return r.say }

func refuse(reason entry.Reason, format string, args ...any) *refusal {
	return &refusal{reason: reason, say: fmt.Sprintf(format, args...)}
}

func (b *By) entry(number string) entry.Entry {
	e := entry.Entry{
		Kind: entry.KindPeople, Operator: b.Operator, Person: b.Person, WorkGroups: b.WorkGroups, Method: b.Method,
		Source: b.Source, Function: b.Function, FunctionID: b.FunctionID, About: b.Decision, Approval: b.With,
	}
	if badNumber(number) == "" {
		e.Subject = number
	}
	return e
}

// refused journals a change that was refused.
func (s *Store) refused(ctx context.Context, by By, number string, r *refusal) (Change, error) {
	e := by.entry(number)
	e.Outcome, e.Reason, e.Rule = entry.OutcomeDenied, r.reason, r.rule
	c := Change{Reason: r.reason, Say: r.say, Rule: r.rule}
	seqs, err := s.o.Journal.Append(ctx, false, e)
	if err != nil {
		return c, fmt.Errorf("journal a refused change: %w", err)
	}
	if len(seqs) > 0 {
		c.Seq = seqs[0]
	}
	return c, nil
}

// change makes one change of one operator. f gets the record (nil: there is
// none), checks, changes it, and says in a few words what it did; a refusal of
// f changes nothing.
func (s *Store) change(ctx context.Context, by By, number string, f func(t *txn, r *operatorRecord) (*operatorRecord, string, error)) (Change, error) {
	var after *operatorRecord
	seqs, err := s.commit(ctx, func(t *txn) ([]entry.Entry, error) {
		before, err := t.operator(number)
		if err != nil {
			return nil, err
		}
		r, what, err := f(t, before)
		if err != nil {
			return nil, err
		}
		after = r
		e, err := s.putOperator(t, by, r, what)
		return []entry.Entry{e}, err
	})
	var no *refusal
	if errors.As(err, &no) {
		return s.refused(ctx, by, number, no)
	}
	if err != nil {
		return Change{}, err
	}
	return Change{OK: true, Seq: seqs[0], Say: "done", Operator: after.public()}, nil
}

// putOperator writes a changed record, and gives the entry that says so.
func (s *Store) putOperator(t *txn, by By, r *operatorRecord, what string) (entry.Entry, error) {
	r.Changed = s.o.Clock.Stamp().Wall
	if err := r.valid(); err != nil {
		return entry.Entry{}, fmt.Errorf("change operator %s: %w", r.Number, err)
	}
	e := by.entry(r.Number)
	e.Outcome, e.Text = entry.OutcomeAllowed, what
	return e, t.put(bucketOperators, []byte(r.Number), r)
}

// commit makes changes in one transaction: all of them, or none. f makes them, and
// gives their entries, which are on disk before the transaction is committed;
// while they are being written nobody else changes the roster.
func (s *Store) commit(ctx context.Context, f func(t *txn) ([]entry.Entry, error)) (seqs []entry.Seq, err error) {
	var wrote []entry.Entry
	err = s.update(func(t *txn) error {
		es, err := f(t)
		if err != nil {
			return err
		}
		seqs, err = s.o.Journal.Append(ctx, false, es...)
		if err != nil {
			return fmt.Errorf("journal a change of people: %w", err)
		}
		if len(seqs) != len(es) || len(es) == 0 {
			return errors.New("journal a change of people: no sequence number")
		}
		wrote = es
		return t.put(bucketMeta, keyApplied, seqs[len(seqs)-1])
	})
	if err == nil || wrote == nil {
		return seqs, err
	}
	// The commit failed. What is on disk is read again before it is called lost.
	if applied, readErr := s.Applied(); readErr == nil && applied == seqs[len(seqs)-1] {
		return seqs, nil
	}
	for i, e := range wrote {
		e.Seq = seqs[i]
		if noteErr := s.notApplied(ctx, e); noteErr != nil {
			err = errors.Join(err, noteErr)
		}
	}
	return seqs, err
}

// NewOperator is an operator who is to be added. PIN and Card may be missing;
// both are wiped.
type NewOperator struct {
	Number     string
	Name       string
	Person     string // empty: a person of their own, called as the number
	WorkGroups []string
	PIN        []byte
	Card       *card.Card
	// ChangePIN: the operator has to choose another PIN before anything is done with this one.
	ChangePIN         bool
	From, Until       string   // days, as 2026-11-27; empty: no bound
	Stores, Registers []string // empty: everywhere
}

// Add adds an operator. With first, only to an empty roster.
func (s *Store) Add(ctx context.Context, by By, n NewOperator, first bool) (Change, error) {
	defer clear(n.PIN)
	defer n.Card.Wipe()
	if n.Person == "" {
		n.Person = n.Number
	}
	for _, bad := range []string{
		badNumber(n.Number), badName(n.Name), badPerson(n.Person), badGroups(n.WorkGroups),
		badDays(n.From, n.Until), badPlaces(n.Stores, n.Registers),
	} {
		if bad != "" {
			return s.refused(ctx, by, n.Number, &refusal{reason: entry.ReasonMalformed, say: bad})
		}
	}
	pin, no, err := s.newPIN(ctx, n.Number, n.PIN)
	if err != nil {
		return Change{}, err
	}
	if no != nil {
		return s.refused(ctx, by, n.Number, no)
	}
	if n.Card != nil {
		if no := notEnrollable(n.Card); no != nil {
			return s.refused(ctx, by, n.Number, no)
		}
	}
	return s.change(ctx, by, n.Number, func(t *txn, r *operatorRecord) (*operatorRecord, string, error) {
		count := t.count()
		switch {
		case first && count > 0:
			return nil, "", refuse(entry.ReasonExists, "the roster is not empty: an operator who may add others has to do it")
		case r != nil && r.Terminated != 0:
			return nil, "", refuse(entry.ReasonExists, "operator %s was terminated, and the number is not used again: take another one", n.Number)
		case r != nil:
			return nil, "", refuse(entry.ReasonExists, "there is an operator %s already", n.Number)
		case count >= maxOperators:
			return nil, "", refuse(entry.ReasonSize, "the roster is full")
		}
		if err := t.writtenOtherwise(n.Person, n.Number); err != nil {
			return nil, "", err
		}
		r = &operatorRecord{
			Number: n.Number, Name: n.Name, Person: n.Person, Groups: sorted(n.WorkGroups), PIN: pin, MustChange: pin != nil && n.ChangePIN,
			From: n.From, Until: n.Until, Stores: sorted(n.Stores), Registers: sorted(n.Registers),
		}
		what := []string{"added"}
		if len(r.Groups) > 0 {
			what = append(what, sayGroups(r.Groups))
		}
		if pin != nil {
			what = append(what, sayPINSet(r.MustChange))
		}
		if r.From != "" || r.Until != "" {
			what = append(what, sayDays(r.From, r.Until))
		}
		if len(r.Stores) > 0 || len(r.Registers) > 0 {
			what = append(what, sayPlaces(r.Stores, r.Registers))
		}
		if n.Card != nil {
			if err := s.enrol(t, r, n.Card, nil); err != nil {
				return nil, "", err
			}
			what = append(what, "card enrolled")
		}
		return r, strings.Join(what, "; "), nil
	})
}

// writtenOtherwise refuses a person's id that differs from a known one in case or
// spaces alone: two-person rules compare ids letter by letter, and would take
// one human being for two.
func (t *txn) writtenOtherwise(person, number string) error {
	folded := policy.FoldName(person)
	return t.operators(func(r *operatorRecord) error {
		if r.Number != number && r.Person != person && policy.FoldName(r.Person) == folded {
			return refuse(entry.ReasonMalformed, "the person is %q with operator %s: write the id the same way", r.Person, r.Number)
		}
		return nil
	})
}

// newPIN makes a verifier of a PIN that somebody wants; none of an empty one.
func (s *Store) newPIN(ctx context.Context, number string, pin []byte) (*pinVerifier, *refusal, error) {
	if len(pin) == 0 {
		return nil, nil, nil
	}
	if bad := weakPIN(pin, number, s.o.MinPIN); bad != "" {
		return nil, &refusal{reason: entry.ReasonWeak, say: bad}, nil
	}
	v, err := s.hasher.make(ctx, pin, s.o.Clock.Stamp().Wall)
	return v, nil, err
}

func noOperator(number string) *refusal {
	if badNumber(number) != "" {
		return refuse(entry.ReasonUnknownOperator, "no operator has that number")
	}
	return refuse(entry.ReasonUnknownOperator, "there is no operator %s", number)
}

// edit is change for an operator who must be there.
func (s *Store) edit(ctx context.Context, by By, number string, f func(t *txn, r *operatorRecord) (string, error)) (Change, error) {
	return s.change(ctx, by, number, func(t *txn, r *operatorRecord) (*operatorRecord, string, error) {
		if r == nil {
			return nil, "", noOperator(number)
		}
		if r.Terminated != 0 {
			return nil, "", refuse(entry.ReasonTerminated, "operator %s was terminated", number)
		}
		what, err := f(t, r)
		return r, what, err
	})
}

// editOwn is edit for what the applied roster says of its operators: it is changed
// where the roster is made, and comes with the next.
func (s *Store) editOwn(ctx context.Context, by By, number string, f func(t *txn, r *operatorRecord) (string, error)) (Change, error) {
	return s.edit(ctx, by, number, func(t *txn, r *operatorRecord) (string, error) {
		if r.Roster != nil {
			return "", ofRoster(number)
		}
		return f(t, r)
	})
}

func ofRoster(number string) *refusal {
	return refuse(entry.ReasonOfRoster, "operator %s is of the applied roster: change that where the roster is made, and apply the next here", number)
}

// SetName changes what people read.
func (s *Store) SetName(ctx context.Context, by By, number, name string) (Change, error) {
	return s.editOwn(ctx, by, number, func(_ *txn, r *operatorRecord) (string, error) {
		if bad := badName(name); bad != "" {
			return "", refuse(entry.ReasonMalformed, "%s", bad)
		}
		r.Name = name
		return "name changed", nil
	})
}

// SetGroups gives an operator these work groups and no others.
func (s *Store) SetGroups(ctx context.Context, by By, number string, groups []string) (Change, error) {
	return s.editOwn(ctx, by, number, func(_ *txn, r *operatorRecord) (string, error) {
		if bad := badGroups(groups); bad != "" {
			return "", refuse(entry.ReasonMalformed, "%s", bad)
		}
		r.Groups = sorted(groups)
		return sayGroups(r.Groups), nil
	})
}

func sayGroups(groups []string) string {
	if len(groups) == 0 {
		return "work groups: none"
	}
	return "work groups: " + strings.Join(groups, ", ")
}

// SetPIN gives an operator a PIN, which is wiped. One that somebody else sets
// has to be changed by its operator before anything is done with it. Wrong tries
// are forgotten, unless the operator's own person sets it: nobody ends the own lock.
func (s *Store) SetPIN(ctx context.Context, by By, number string, pin []byte) (Change, error) {
	defer clear(pin)
	if len(pin) == 0 {
		return s.refused(ctx, by, number, refuse(entry.ReasonWeak, "%s", weakPIN(nil, number, s.o.MinPIN)))
	}
	own := by.Operator != "" && by.Operator == number
	if own {
		same, err := s.hasPIN(ctx, number, pin)
		if err != nil {
			return Change{}, err
		}
		if same {
			return s.refused(ctx, by, number, refuse(entry.ReasonWeak, "the new PIN must not be the old one"))
		}
	}
	v, no, err := s.newPIN(ctx, number, pin)
	if err != nil {
		return Change{}, err
	}
	if no != nil {
		return s.refused(ctx, by, number, no)
	}
	return s.edit(ctx, by, number, func(t *txn, r *operatorRecord) (string, error) {
		r.PIN, r.MustChange = v, !own
		if by.Person != "" && by.Person == r.Person {
			return sayPINSet(r.MustChange), nil
		}
		return sayPINSet(r.MustChange), t.clearTries(number)
	})
}

func sayPINSet(mustChange bool) string {
	if mustChange {
		return "PIN set, to be changed by its operator"
	}
	return "PIN set"
}

// hasPIN reports whether it is the operator's PIN now.
func (s *Store) hasPIN(ctx context.Context, number string, pin []byte) (bool, error) {
	var v *pinVerifier
	if err := s.view(func(t *txn) error {
		r, err := t.operator(number)
		if r != nil {
			v = r.PIN
		}
		return err
	}); err != nil {
		return false, err
	}
	if err := s.hasher.enter(ctx); err != nil {
		return false, fmt.Errorf("check a PIN: %w", err)
	}
	defer s.hasher.leave()
	return s.hasher.check(v, pin), nil
}

// notEnrollable says why a card cannot be anybody's.
func notEnrollable(c *card.Card) *refusal {
	if reason := cardReason(c); reason != entry.ReasonNone {
		return &refusal{reason: reason, say: sayCard(reason)}
	}
	return nil
}

// enrol adds a card to a record and to the index. until is the rest of the day
// that a temporary card is for; nil: it is none.
func (s *Store) enrol(t *txn, r *operatorRecord, c *card.Card, until *day) error {
	now := s.o.Clock.Stamp()
	m := s.ring.mark(c.Payload())
	holder, err := t.holder(m)
	if err != nil {
		return err
	}
	// Temporary cards go from hand to hand: one whose day is over is nobody's.
	if err := t.dropOver(r, now); err != nil {
		return err
	}
	if holder != "" && holder != r.Number {
		other, err := t.operator(holder)
		if err != nil {
			return err
		}
		if other != nil && slices.ContainsFunc(other.Cards, func(c cardRecord) bool { return t.isCard(&c, m) && c.Day.over(now) }) {
			if err := t.dropOver(other, now); err != nil {
				return err
			}
			if err := t.put(bucketOperators, []byte(other.Number), other); err != nil {
				return err
			}
		}
	}
	if holder, err = t.holder(m); err != nil {
		return err
	}
	if holder == r.Number {
		return refuse(entry.ReasonCardTaken, "operator %s has this card already", r.Number)
	}
	if holder != "" {
		return refuse(entry.ReasonCardTaken, "another operator has this card")
	}
	if len(r.Cards) >= maxCards {
		return refuse(entry.ReasonSize, "an operator has at most %d cards: revoke one first", maxCards)
	}
	r.NextCard++
	r.Cards = append(r.Cards, cardRecord{
		ID: r.NextCard, KeyID: s.ring.forNew().ID, MAC: s.ring.underNew(m), Format: c.FormatName(), Enrolled: now.Wall, Day: until,
		Here: r.Roster != nil,
	})
	return t.put(bucketCards, cardKey(s.ring.forNew().ID, s.ring.underNew(m)), r.Number)
}

// dropOver takes an operator's temporary cards away whose day is over.
func (t *txn) dropOver(r *operatorRecord, now entry.Stamp) error {
	kept := r.Cards[:0:0]
	for _, c := range r.Cards {
		if !c.Day.over(now) {
			kept = append(kept, c)
		} else if err := t.tx.Bucket(bucketCards).Delete(cardKey(c.KeyID, c.MAC)); err != nil {
			return err
		}
	}
	r.Cards = kept
	return nil
}

// EnrolCard gives an operator a card, which is wiped. It refuses what is not in
// an operator format, a payment card and a licence above all, and a card that
// somebody has. A temporary one is theirs until midnight.
func (s *Store) EnrolCard(ctx context.Context, by By, number string, c *card.Card, temporary bool) (Change, error) {
	defer c.Wipe()
	if no := notEnrollable(c); no != nil {
		return s.refused(ctx, by, number, no)
	}
	return s.edit(ctx, by, number, func(t *txn, r *operatorRecord) (string, error) {
		if temporary {
			until := s.restOfDay()
			return fmt.Sprintf("card %d enrolled until %s", r.NextCard+1, time.Unix(0, until.Ends).In(s.o.Location).Format("2006-01-02 15:04")), s.enrol(t, r, c, until)
		}
		return fmt.Sprintf("card %d enrolled", r.NextCard+1), s.enrol(t, r, c, nil)
	})
}

// RevokeCard takes one card from an operator, or all of them where id is zero.
func (s *Store) RevokeCard(ctx context.Context, by By, number string, id uint32) (Change, error) {
	return s.edit(ctx, by, number, func(t *txn, r *operatorRecord) (string, error) {
		var kept []cardRecord
		for _, c := range r.Cards {
			if id != 0 && c.ID != id {
				kept = append(kept, c)
				continue
			}
			if err := t.tx.Bucket(bucketCards).Delete(cardKey(c.KeyID, c.MAC)); err != nil {
				return "", err
			}
		}
		if len(kept) == len(r.Cards) {
			return "", refuse(entry.ReasonUnknownCredential, "operator %s has no such card", number)
		}
		r.Cards = kept
		if id == 0 {
			return "all cards revoked", nil
		}
		return fmt.Sprintf("card %d revoked", id), nil
	})
}

// Suspend keeps an operator from signing on, and Resume lets them again.
func (s *Store) Suspend(ctx context.Context, by By, number string) (Change, error) {
	return s.suspend(ctx, by, number, true)
}

// Resume is the reverse of Suspend.
func (s *Store) Resume(ctx context.Context, by By, number string) (Change, error) {
	return s.suspend(ctx, by, number, false)
}

func (s *Store) suspend(ctx context.Context, by By, number string, suspended bool) (Change, error) {
	return s.edit(ctx, by, number, func(_ *txn, r *operatorRecord) (string, error) {
		if r.Roster != nil && r.Roster.Suspended {
			if !suspended {
				return "", ofRoster(number)
			}
			r.Roster.Here = true
		}
		r.Suspended = suspended
		if suspended {
			return "suspended", nil
		}
		return "resumed", nil
	})
}

// Terminate takes PIN and cards from an operator, who may do nothing here any
// more. It cannot be taken back: the number stays theirs, so that what the
// journal says of it goes on to be about one operator.
func (s *Store) Terminate(ctx context.Context, by By, number string) (Change, error) {
	return s.edit(ctx, by, number, func(t *txn, r *operatorRecord) (string, error) {
		for _, c := range r.Cards {
			if err := t.tx.Bucket(bucketCards).Delete(cardKey(c.KeyID, c.MAC)); err != nil {
				return "", err
			}
		}
		r.PIN, r.MustChange, r.Cards, r.Terminated = nil, false, nil, s.o.Clock.Stamp().Wall
		return "terminated: PIN and cards are gone", nil
	})
}

// SetDays sets the first and the last day on which an operator may do anything,
// as 2026-11-27; an empty one is no bound.
func (s *Store) SetDays(ctx context.Context, by By, number, from, until string) (Change, error) {
	return s.editOwn(ctx, by, number, func(_ *txn, r *operatorRecord) (string, error) {
		if bad := badDays(from, until); bad != "" {
			return "", refuse(entry.ReasonMalformed, "%s", bad)
		}
		r.From, r.Until = from, until
		return sayDays(from, until), nil
	})
}

func sayDays(from, until string) string {
	switch {
	case from == "" && until == "":
		return "may work on any day"
	case until == "":
		return "may work from " + from
	case from == "":
		return "may work until " + until
	}
	return "may work from " + from + " until " + until
}

// SetPlaces binds an operator to these stores and registers; an empty list is all.
func (s *Store) SetPlaces(ctx context.Context, by By, number string, stores, registers []string) (Change, error) {
	return s.editOwn(ctx, by, number, func(_ *txn, r *operatorRecord) (string, error) {
		if bad := badPlaces(stores, registers); bad != "" {
			return "", refuse(entry.ReasonMalformed, "%s", bad)
		}
		r.Stores, r.Registers = sorted(stores), sorted(registers)
		return sayPlaces(r.Stores, r.Registers), nil
	})
}

func sayPlaces(stores, registers []string) string {
	var what []string
	if len(stores) > 0 {
		what = append(what, "in stores "+strings.Join(stores, ", "))
	}
	if len(registers) > 0 {
		what = append(what, "at registers "+strings.Join(registers, ", "))
	}
	if what == nil {
		return "may work everywhere"
	}
	return "may work only " + strings.Join(what, ", ")
}

// SetPerson says whose number it is. Two-person rules compare persons, so this
// takes two (see [People.SetPerson]).
func (s *Store) SetPerson(ctx context.Context, by By, number, person string) (Change, error) {
	return s.editOwn(ctx, by, number, func(t *txn, r *operatorRecord) (string, error) {
		if bad := badPerson(person); bad != "" {
			return "", refuse(entry.ReasonMalformed, "%s", bad)
		}
		before := r.Person
		if before == person {
			return "", refuse(entry.ReasonExists, "operator %s is of that person already", number)
		}
		if err := t.writtenOtherwise(person, number); err != nil {
			return "", err
		}
		r.Person = person
		return fmt.Sprintf("person %q, was %q", person, before), nil
	})
}

// Unlock forgets an operator's wrong tries on this register.
func (s *Store) Unlock(ctx context.Context, by By, number string) (Change, error) {
	return s.edit(ctx, by, number, func(t *txn, r *operatorRecord) (string, error) {
		return "unlocked", t.clearTries(number)
	})
}

// Get gives an operator; nil: nobody has the number.
func (s *Store) Get(number string) (o *Operator, err error) {
	err = s.view(func(t *txn) error {
		r, err := t.operator(number)
		if err != nil || r == nil {
			return err
		}
		o, err = s.show(t, r)
		return err
	})
	return o, err
}

// List gives all operators by number, shorter numbers first.
func (s *Store) List() (list []*Operator, err error) {
	err = s.view(func(t *txn) error {
		return t.operators(func(r *operatorRecord) error {
			o, err := s.show(t, r)
			list = append(list, o)
			return err
		})
	})
	slices.SortFunc(list, func(a, b *Operator) int {
		if d := len(a.Number) - len(b.Number); d != 0 {
			return d
		}
		return strings.Compare(a.Number, b.Number)
	})
	return list, err
}

// Count is how many operators there are.
func (s *Store) Count() (n int, err error) {
	err = s.view(func(t *txn) error {
		n = t.count()
		return nil
	})
	return n, err
}

func (s *Store) show(t *txn, r *operatorRecord) (*Operator, error) {
	o := r.public()
	o.Standing = s.standing(r)
	var err error
	if o.NumberPINLocked, err = s.lockedFor(t, byNumber, r.Number); err != nil {
		return nil, err
	}
	o.CardPINLocked, err = s.lockedFor(t, byCard, r.Number)
	return o, err
}
