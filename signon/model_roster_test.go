package signon

import (
	"errors"
	"maps"
	"slices"
)

// Rosters: operators who are maintained elsewhere stand beside the register's own. What the
// roster says of them is so; who is not in the next one is gone; what was done with them
// here (PIN, cards, suspension, termination) stays.

// modelFromRoster is what the last roster said of one of its operators.
type modelFromRoster struct {
	epoch     uint64
	pin       *pinVerifier
	suspended bool
	here      bool // suspended here besides
}

// modelElsewhere is an operator as they have one where the roster is made.
type modelElsewhere struct {
	person    string
	groups    []string
	pin       string
	verifier  *pinVerifier
	must      bool
	suspended bool
	card      string
}

var modelElsewheres = []string{"7002", "8001", "8002", "8003"}

// maintain lets those people change there.
func (m *model) maintain() {
	taken := func(card string) bool {
		return slices.ContainsFunc(slices.Collect(maps.Values(m.elsewhere)), func(x *modelElsewhere) bool { return x.card == card })
	}
	for _, n := range modelElsewheres {
		what := evenly(m.t, "there", []string{"nothing", "nothing", "nothing", "gone", "work groups", "PIN", "suspended", "suspended", "resumed", "resumed", "card"})
		o := m.elsewhere[n]
		if o == nil {
			if what == "nothing" {
				continue
			}
			o = &modelElsewhere{person: "p" + n, groups: []string{cashier}, card: "1" + n}
			if n == "8002" {
				o.person = "ann"
			}
			if taken(o.card) {
				o.card = "2" + n
			}
			m.elsewhere[n] = o
			m.setPINElsewhere(o)
		}
		switch what {
		case "gone":
			delete(m.elsewhere, n)
		case "work groups":
			o.groups = []string{evenly(m.t, "work group", modelGroupNames)}
		case "PIN":
			m.setPINElsewhere(o)
		case "suspended", "resumed":
			o.suspended = what == "suspended"
		case "card":
			if card := evenly(m.t, "card", m.cards); !taken(card) {
				o.card = card
			}
		}
	}
}

func (m *model) setPINElsewhere(o *modelElsewhere) {
	o.pin, o.must = evenly(m.t, "PIN", modelPINs), m.oneIn(4, "to be changed")
	var err error
	if o.verifier, err = m.r.store.hasher.made([]byte(o.pin), 1); err != nil {
		m.t.Fatal(err)
	}
}

// roster applies what is the roster by now.
func (m *model) roster() {
	m.maintain()
	ring := m.r.store.ring
	bundle := &Roster{Format: rosterFormat, MadeAt: "12/1", Operators: []rosterOperator{}}
	for _, n := range slices.Sorted(maps.Keys(m.elsewhere)) {
		o := m.elsewhere[n]
		bundle.Operators = append(bundle.Operators, rosterOperator{
			Number: n, Name: "N" + n, Person: o.person, Groups: o.groups, PIN: o.verifier, MustChange: o.must, Suspended: o.suspended,
			Cards: []rosterCard{{KeyID: ring.forNew().ID, MAC: ring.underNew(ring.mark(cardOf(o.card).Payload())), Format: "operator", Enrolled: 1}},
		})
	}
	blob, err := bundle.Marshal()
	if err != nil {
		m.t.Fatal(err)
	}
	if bundle, err = ParseRoster(blob); err != nil {
		m.t.Fatal(err)
	}
	replace := m.oneIn(4, "in place of the own ones")
	m.rosters++
	accept := func() error { return nil } // it was verified
	m.changed = true
	m.breakJournal()
	plan, err := m.r.people.ApplyRoster(m.r.ctx, By{Source: "model"}, bundle, m.rosters, replace, accept)
	if m.mended(err, true) {
		return
	}
	if m.inTheWay(replace) {
		if !errors.Is(err, ErrCollision) {
			m.t.Fatalf("an operator of the own is in the way, and it says %+v, %v", plan, err)
		}
		return
	}
	if err != nil {
		m.t.Fatal(err)
	}
	fresh := m.apply(replace, plan)
	switch s := m.session; {
	case s == nil:
	case m.stands(m.ops[s.who.number]) != 0 || len(m.ops[s.who.number].groups) == 0:
		m.end()
	case fresh:
		m.turn()
		s.who = m.ops[s.who.number].subject()
		m.held[s.who.person] = true
	}
}

// inTheWay reports whether one of the register's own operators has a number or a card of
// the roster's. Who was terminated here is none of them.
func (m *model) inTheWay(replace bool) bool {
	for n, there := range m.elsewhere {
		o := m.ops[n]
		if o != nil && o.terminated {
			continue
		}
		if o != nil && o.roster == nil && !replace {
			return true
		}
		if h, _ := m.holder(there.card); h != nil && h.number != n && h.roster == nil && m.elsewhere[h.number] == nil {
			return true
		}
	}
	return false
}

// apply lets a roster happen to the model, and reports whether it changes anybody.
func (m *model) apply(replace bool, plan *RosterPlan) bool {
	var added, changed, removed int
	given := map[string]bool{}
	for _, there := range m.elsewhere {
		given[there.card] = true
	}
	for _, n := range m.numbers() {
		if o := m.ops[n]; o.roster != nil && m.elsewhere[n] == nil && !o.terminated {
			removed++
			o.gone = true
			o.pins++
			m.forgive(o)
			delete(m.ops, n)
			delete(m.known, n)
		}
	}
	for n, there := range m.elsewhere {
		before := m.ops[n]
		if before != nil && before.terminated {
			continue
		}
		o := &modelOperator{
			number: n, name: "N" + n, person: there.person, groups: there.groups, pin: there.pin, mustChange: there.must, suspended: there.suspended,
			cards: []modelCard{{number: there.card}}, roster: &modelFromRoster{epoch: m.rosters, pin: there.verifier, suspended: there.suspended},
		}
		if before == nil {
			added++
			m.ops[n] = o
			continue
		}
		if before.roster != nil {
			m.keep(o, before, given)
		}
		if before.roster == nil || !o.sameAs(before) {
			changed++
		}
		if o.pin != before.pin || before.roster == nil || before.roster.pin != o.roster.pin {
			o.pins++
		}
		o.pins += before.pins
		if m.known[n] {
			for _, g := range o.groups {
				m.begin[g] = true // the roster gave it
			}
		}
		*before = *o // who was asked for something is still the same
	}
	if plan.Added != added || plan.Changed != changed || plan.Removed != removed {
		m.t.Fatalf("added %d, changed %d, removed %d: %+v", added, changed, removed, plan)
	}
	return added+changed+removed > 0
}

// keep is what stays of what was done here.
func (m *model) keep(o, before *modelOperator, given map[string]bool) {
	if before.roster.pin == o.roster.pin {
		o.pin, o.mustChange = before.pin, before.mustChange
	}
	here := before.suspended && (before.roster.here || !before.roster.suspended)
	o.roster.here = o.suspended && here
	o.suspended = o.suspended || here
	for _, c := range before.cards {
		if c.here && !c.over(m) && !given[c.number] && len(o.cards) < 8 {
			o.cards = append(o.cards, c)
		}
	}
}

// sameAs reports whether a roster says nothing new of an operator.
func (o *modelOperator) sameAs(before *modelOperator) bool {
	cards := func(o *modelOperator) (list []string) {
		for _, c := range o.cards {
			s := c.number
			if c.here {
				s += " here"
			}
			list = append(list, s)
		}
		return sorted(list)
	}
	return o.name == before.name && o.person == before.person && slices.Equal(o.groups, sorted(before.groups)) && o.suspended == before.suspended &&
		o.mustChange == before.mustChange && (o.roster.pin == before.roster.pin) && slices.Equal(cards(o), cards(before)) && o.from == before.from && o.until == before.until
}
