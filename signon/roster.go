package signon

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// A roster is what travels: the operators of a store, or of a chain, with verifiers
// that the store's lanes can check. It is the content of a bundle of type roster,
// which is signed (enforcer/bundle); in a register the operators of the roster that
// was applied stand beside its own.

// rosterFormat is the version of the content. Its form is JSON, with known fields only.
const rosterFormat = 1

// maxRoster is how many operators one roster has at most: applying it is one
// transaction, and one batch of the journal.
const maxRoster = 8_000

// Roster is the content of a roster bundle.
type Roster struct {
	Format int `json:"format"`
	// MadeAt is the register that it was made at, as store/register.
	MadeAt    string           `json:"made_at"`
	Operators []rosterOperator `json:"operators"`
}

// rosterOperator is an operator on the way. Local matters (tries, temporary cards,
// what the journal knows) stay behind.
type rosterOperator struct {
	Number     string       `json:"number"`
	Name       string       `json:"name"`
	Person     string       `json:"person"`
	Groups     []string     `json:"groups"`
	Suspended  bool         `json:"suspended,omitempty"`
	From       string       `json:"from,omitempty"`
	Until      string       `json:"until,omitempty"`
	Stores     []string     `json:"stores,omitempty"`
	Registers  []string     `json:"registers,omitempty"`
	PIN        *pinVerifier `json:"pin,omitempty"`
	MustChange bool         `json:"must_change,omitempty"`
	Cards      []rosterCard `json:"cards,omitempty"`
}

type rosterCard struct {
	KeyID    string `json:"key"`
	MAC      []byte `json:"mac"`
	Format   string `json:"format"`
	Enrolled int64  `json:"enrolled"`
}

// Marshal gives the content of a bundle. Equal rosters give equal bytes.
func (r *Roster) Marshal() ([]byte, error) { return json.Marshal(r) }

// ParseRoster reads the content of a bundle, and checks all of it: a roster is
// good as a whole, or not at all.
func ParseRoster(blob []byte) (*Roster, error) {
	r := &Roster{}
	if err := decodeStrictly(blob, r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRoster, err)
	}
	if r.Format != rosterFormat {
		return nil, fmt.Errorf("%w: format %d is not known, this version reads %d", ErrRoster, r.Format, rosterFormat)
	}
	if r.MadeAt == "" || !printable(r.MadeAt, 2*maxPlaceName+1) {
		return nil, fmt.Errorf("%w: where it was made is malformed", ErrRoster)
	}
	if len(r.Operators) > maxRoster {
		return nil, fmt.Errorf("%w: %d operators, at most %d are taken", ErrRoster, len(r.Operators), maxRoster)
	}
	cards := map[string]string{}
	for i := range r.Operators {
		o := &r.Operators[i]
		if i > 0 && r.Operators[i-1].Number >= o.Number {
			return nil, fmt.Errorf("%w: operator %d is out of order", ErrRoster, i+1)
		}
		if err := o.record(0).valid(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRoster, err)
		}
		if !slices.Equal(o.Groups, sorted(o.Groups)) || len(o.Cards) > maxCards {
			return nil, fmt.Errorf("%w: operator %s: work groups out of order, or too many cards", ErrRoster, o.Number)
		}
		for _, c := range o.Cards {
			key := string(cardKey(c.KeyID, c.MAC))
			if other, taken := cards[key]; taken {
				return nil, fmt.Errorf("%w: operators %s and %s have the same card", ErrRoster, other, o.Number)
			}
			cards[key] = o.Number
		}
	}
	return r, nil
}

func decodeStrictly(blob []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(blob))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if d.InputOffset() != int64(len(blob)) {
		return fmt.Errorf("something follows the content")
	}
	return nil
}

// record is the operator as a register without anything of its own would have one.
func (o *rosterOperator) record(epoch uint64) *operatorRecord {
	r := &operatorRecord{
		Number: o.Number, Name: o.Name, Person: o.Person, Groups: o.Groups, Suspended: o.Suspended, From: o.From, Until: o.Until,
		Stores: o.Stores, Registers: o.Registers, PIN: o.PIN, MustChange: o.MustChange && o.PIN != nil,
		Roster: &fromRoster{Epoch: epoch, Suspended: o.Suspended},
	}
	if o.PIN != nil {
		r.Roster.PIN = o.PIN.Hash
	}
	for _, c := range o.Cards {
		r.NextCard++
		r.Cards = append(r.Cards, cardRecord{ID: r.NextCard, KeyID: c.KeyID, MAC: c.MAC, Format: c.Format, Enrolled: c.Enrolled})
	}
	return r
}

// Summary is what people may be shown of a roster's operator.
type Summary struct {
	Number     string
	Name       string
	WorkGroups []string
	HasPIN     bool
	Cards      int
	Suspended  bool
}

// Summaries lists the roster's operators.
func (r *Roster) Summaries() []Summary {
	list := make([]Summary, 0, len(r.Operators))
	for i := range r.Operators {
		o := &r.Operators[i]
		list = append(list, Summary{o.Number, o.Name, o.Groups, o.PIN != nil, len(o.Cards), o.Suspended})
	}
	return list
}

// Made is a roster that was made here, and what had to stay behind.
type Made struct {
	Roster *Roster
	// Without are the operators whose PIN or cards could not go with them: they were
	// made with this register's own key and not shown since it has the store's.
	Without []string
}

// MakeRoster makes a roster of all operators who may still work, its own and those
// of the applied one.
func (s *Store) MakeRoster() (*Made, error) {
	if s.ring.store == nil {
		return nil, ErrNoStoreKey
	}
	made := &Made{Roster: &Roster{Format: rosterFormat, MadeAt: s.place(), Operators: []rosterOperator{}}}
	err := s.view(func(t *txn) error {
		return t.operators(func(r *operatorRecord) error {
			if r.Terminated != 0 || s.isRevoked(r.Number) {
				return nil
			}
			o := rosterOperator{
				Number: r.Number, Name: r.Name, Person: r.Person, Groups: sorted(r.Groups), Suspended: r.Suspended, From: r.From, Until: r.Until,
				Stores: r.Stores, Registers: r.Registers,
			}
			without := false
			if r.PIN != nil && r.PIN.KeyID == s.ring.own.ID {
				without = true
			} else if r.PIN != nil {
				o.PIN, o.MustChange = r.PIN, r.MustChange
			}
			for _, c := range r.Cards {
				switch {
				case c.Day != nil: // for this day, and this register
				case c.KeyID == s.ring.own.ID:
					without = true
				default:
					o.Cards = append(o.Cards, rosterCard{KeyID: c.KeyID, MAC: c.MAC, Format: c.Format, Enrolled: c.Enrolled})
				}
			}
			if without {
				made.Without = append(made.Without, r.Number)
			}
			made.Roster.Operators = append(made.Roster.Operators, o)
			return nil
		})
	})
	slices.SortFunc(made.Roster.Operators, func(a, b rosterOperator) int { return strings.Compare(a.Number, b.Number) })
	if err == nil && len(made.Roster.Operators) > maxRoster {
		err = fmt.Errorf("%w: %d operators, at most %d travel in one", ErrRoster, len(made.Roster.Operators), maxRoster)
	}
	return made, err
}

// place names this register, as rosters do.
func (s *Store) place() string { return s.o.Store + "/" + s.o.Register }
