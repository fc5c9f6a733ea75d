package signon

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
)

// Operator is an operator as others may see one: no verifiers, no secrets.
type Operator struct {
	Number     string   // 1 to 9 digits, as text: 007 is not 7
	Name       string   // as people read it
	Person     string   // the person behind it; two-person rules compare these
	WorkGroups []string // sorted
	// From and Until are the first and the last day on which the operator may do
	// anything, as 2026-11-27, by the register's wall clock; empty: no bound.
	From, Until string
	// Stores and Registers are where the operator may work; empty: everywhere.
	Stores, Registers []string
	Suspended         bool
	Terminated        bool
	HasPIN            bool
	MustChangePIN     bool
	Cards             []CardInfo
	// Roster is the epoch of the applied roster that the operator is from; zero: this
	// register's own.
	Roster uint64
	// Standing is why the operator may do nothing here now; ReasonNone: nothing is
	// in the way.
	Standing entry.Reason
	// NumberPINLocked and CardPINLocked are how long these means stay locked
	// on this register; zero: they are not.
	NumberPINLocked time.Duration
	CardPINLocked   time.Duration
	Changed         time.Time
}

// CardInfo is an enrolled card as others may see it.
type CardInfo struct {
	ID       uint32 // of this operator's cards, never used again
	Format   string // the operator format that it has
	Enrolled time.Time
	Until    time.Time // of a temporary card; zero: it is none
}

// Subject is the operator as the gate knows one.
func (o *Operator) Subject() enforcer.Subject {
	return enforcer.Subject{Operator: o.Number, Name: o.Name, Person: o.Person, WorkGroups: slices.Clone(o.WorkGroups)}
}

// Bounds of what an operator is made of.
const (
	maxNumber    = 9
	maxName      = 64
	maxPerson    = 64
	maxGroups    = 32
	maxGroupName = 128
	maxCards     = 8
	maxPlaces    = 64 // stores, and registers
	maxPlaceName = 64
)

// operatorRecord is an operator as the roster has one.
type operatorRecord struct {
	Number    string       `json:"number"`
	Name      string       `json:"name"`
	Person    string       `json:"person"`
	Groups    []string     `json:"groups"`
	Suspended bool         `json:"suspended,omitempty"`
	PIN       *pinVerifier `json:"pin,omitempty"`
	Cards     []cardRecord `json:"cards,omitempty"`
	NextCard  uint32       `json:"next_card,omitempty"`
	Changed   int64        `json:"changed"`

	From       string   `json:"from,omitempty"`
	Until      string   `json:"until,omitempty"`
	Stores     []string `json:"stores,omitempty"`
	Registers  []string `json:"registers,omitempty"`
	MustChange bool     `json:"must_change,omitempty"` // the PIN, before anything else is done with it
	Terminated int64    `json:"terminated,omitempty"`  // wall clock

	Roster *fromRoster `json:"roster,omitempty"` // nil: this register's own operator
}

// fromRoster is what the applied roster said of an operator, where something else
// may hold at this register since: what was changed here stays, until the roster
// says something new of it.
type fromRoster struct {
	Epoch     uint64 `json:"epoch"`
	Suspended bool   `json:"suspended,omitempty"`
	Here      bool   `json:"suspended_here,omitempty"` // at this register besides: that stays when the roster resumes
	PIN       []byte `json:"pin,omitempty"`            // the hash of its verifier
}

// cardRecord is what the roster keeps of a card.
type cardRecord struct {
	ID       uint32 `json:"id"`
	KeyID    string `json:"key"`
	MAC      []byte `json:"mac"`
	Format   string `json:"format"`
	Enrolled int64  `json:"enrolled"`
	Day      *day   `json:"day,omitempty"`  // of a temporary card
	Here     bool   `json:"here,omitempty"` // enrolled at this register, for an operator of the roster
}

func (r *operatorRecord) public() *Operator {
	o := &Operator{
		Number: r.Number, Name: r.Name, Person: r.Person, WorkGroups: slices.Clone(r.Groups), Suspended: r.Suspended,
		HasPIN: r.PIN != nil, MustChangePIN: r.PIN != nil && r.MustChange, Terminated: r.Terminated != 0, Changed: time.Unix(0, r.Changed).UTC(),
		From: r.From, Until: r.Until, Stores: slices.Clone(r.Stores), Registers: slices.Clone(r.Registers),
	}
	if r.Roster != nil {
		o.Roster = r.Roster.Epoch
	}
	for _, c := range r.Cards {
		info := CardInfo{ID: c.ID, Format: c.Format, Enrolled: time.Unix(0, c.Enrolled).UTC()}
		if c.Day != nil {
			info.Until = time.Unix(0, c.Day.Ends).UTC()
		}
		o.Cards = append(o.Cards, info)
	}
	return o
}

// valid is what every stored record satisfies.
func (r *operatorRecord) valid() error {
	if s := badNumber(r.Number); s != "" {
		return fmt.Errorf("operator: %s", s)
	}
	if s := badName(r.Name); s != "" {
		return fmt.Errorf("operator %s: %s", r.Number, s)
	}
	if s := badPerson(r.Person); s != "" {
		return fmt.Errorf("operator %s: %s", r.Number, s)
	}
	if s := badGroups(r.Groups); s != "" {
		return fmt.Errorf("operator %s: %s", r.Number, s)
	}
	if s := badDays(r.From, r.Until); s != "" {
		return fmt.Errorf("operator %s: %s", r.Number, s)
	}
	if s := badPlaces(r.Stores, r.Registers); s != "" {
		return fmt.Errorf("operator %s: %s", r.Number, s)
	}
	if r.PIN != nil && !r.PIN.valid() {
		return fmt.Errorf("operator %s: malformed PIN verifier", r.Number)
	}
	for _, c := range r.Cards {
		if len(c.MAC) != hashSize || !validKeyID(c.KeyID) {
			return fmt.Errorf("operator %s: malformed card verifier", r.Number)
		}
	}
	return nil
}

// badNumber says what is wrong with an operator number; empty if nothing is.
func badNumber(s string) string {
	if len(s) > maxNumber || !onlyDigits(s) {
		return fmt.Sprintf("an operator number has 1 to %d digits", maxNumber)
	}
	return ""
}

func badName(s string) string {
	if s == "" || !printable(s, maxName) {
		return fmt.Sprintf("a name has 1 to %d letters, none of them invisible", maxName)
	}
	return ""
}

func badPerson(s string) string {
	if s == "" || !printable(s, maxPerson) {
		return fmt.Sprintf("a person's id has 1 to %d letters, none of them invisible", maxPerson)
	}
	return ""
}

// badGroups checks the form; whether the policy has them is checked apart.
func badGroups(groups []string) string {
	if len(groups) > maxGroups {
		return fmt.Sprintf("an operator has at most %d work groups", maxGroups)
	}
	for _, g := range groups {
		if g == "" || !printable(g, maxGroupName) {
			return "a work group's name is malformed"
		}
	}
	return ""
}

// printable takes what people can see and tell apart, at most n characters,
// without space at either end.
func printable(s string, n int) bool {
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > n || strings.TrimSpace(s) != s {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

// sorted gives work groups in order and each once.
func sorted(groups []string) []string {
	g := slices.Clone(groups)
	slices.Sort(g)
	return slices.Compact(g)
}
