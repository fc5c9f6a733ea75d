package signon

import (
	"slices"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/week"
)

// Limits: how far a work group gives a function. What is beyond the limits of all work
// groups that give it somebody may lend, who is held to the own limits.

// modelLimit is a limit in the table; a part that is zero is none.
type modelLimit struct {
	count     uint64 // in a session
	amount    uint64
	hours     modelHours
	registers string // a register group
}

// modelHours are from one hour of the day to another, on workdays or any day.
type modelHours struct {
	from, to int
	workdays bool
}

var (
	byDay   = modelHours{from: 6, to: 22}
	workday = modelHours{from: 6, to: 22, workdays: true}
)

func (h modelHours) String() string {
	s := time.Date(0, 1, 1, h.from, 0, 0, 0, time.UTC).Format("15:04-") + time.Date(0, 1, 1, h.to, 0, 0, 0, time.UTC).Format("15:04")
	if h.workdays {
		return "mon-fri " + s
	}
	return "mon-sun " + s
}

func (h modelHours) open(t time.Time) bool {
	weekend := t.Weekday() == time.Saturday || t.Weekday() == time.Sunday
	return h.from <= t.Hour() && t.Hour() < h.to && !(h.workdays && weekend)
}

// modelRegisters are the register groups; this register is 3.
var modelRegisters = []policy.RegisterGroup{{Name: "Front", Registers: []string{"3", "4"}}, {Name: "Counter", Registers: []string{"5"}}}

// modelExtent is how far somebody goes.
type modelExtent struct {
	used   uint64 // how often before, in this session
	amount int64  // told to the register; 0: nothing was
}

// within reports whether a limit allows it, now and here.
func (m *model) within(l modelLimit, x modelExtent) bool {
	here := slices.ContainsFunc(modelRegisters, func(g policy.RegisterGroup) bool { return g.Name == l.registers && slices.Contains(g.Registers, "3") })
	return (l.count == 0 || x.used < l.count) &&
		(l.amount == 0 || x.amount > 0 && uint64(x.amount) <= l.amount) &&
		(l.hours == modelHours{} || l.hours.open(m.wall())) &&
		(l.registers == "" || here)
}

// lendsSoMuch reports whether somebody's own limits let them lend it to this extent: those
// of the function, and those of lending at all.
func (m *model) lendsSoMuch(groups []string, function string, x modelExtent) bool {
	inOne := func(function string, x modelExtent) bool {
		table := modelGroups(m.epoch)
		return slices.ContainsFunc(groups, func(name string) bool {
			return slices.Contains(table[name].gives, function) && m.within(table[name].limits[function], x)
		})
	}
	return inOne(function, x) && inOne(policy.KeyManagerOverride, modelExtent{amount: x.amount})
}

// modelAmounts are told with what is limited by amount; 0: nothing is.
var modelAmounts = []int64{0, 4999, 5000, 5000, 5001, 20000, 20001}

// extent is how far somebody goes who asks for a function.
func (m *model) extent(function string, amount int64) (x modelExtent) {
	if m.session != nil && function == fnFew {
		x.used = m.session.used
	}
	x.amount = amount
	return x
}

// told is an amount as a POS tells it.
func told(amount int64) *entry.Told {
	if amount == 0 {
		return nil
	}
	n := uint64(amount)
	return &entry.Told{Amount: &n}
}

// limit gives a limit as the policy has it.
func (l modelLimit) limit() policy.Limit {
	p := policy.Limit{Amount: l.amount, Count: uint32(l.count), Registers: l.registers}
	if l.hours != (modelHours{}) {
		var err error
		if p.Hours, err = week.ParseHours(l.hours.String()); err != nil {
			panic(err)
		}
	}
	return p
}
