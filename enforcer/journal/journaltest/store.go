// Package journaltest makes up journals for tests and benchmarks: a store with
// 40 operators, as long a time as is wanted, and a few people in it who do what
// a report should find. They clock in before they sign on or approve, and out.
//
// The same Store gives the same entries on every machine. Write puts them into
// a file through a real journal.Store, so that whatever reads it reads what a
// register would have written. The people and the store do not exist; nothing
// here is measured in a real one, so that no share or rate in it says how
// people at registers behave.
package journaltest

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"time"

	"tillwarden/enforcer/journal/entry"
)

// DefaultEntries is a week of the store's register. A year has about 1,000,000.
const DefaultEntries = 20_000

// Store is a store at whose only register 40 operators take turns, from 8 to 21
// o'clock on every day of the week. The zero Store is ready to use.
type Store struct {
	// Seed chooses one of many such stores.
	Seed uint64
	// Entries is how many there are: DefaultEntries where zero.
	Entries int
	// Start is the first day, and its location the store's: 1 March 2025 in UTC where zero.
	Start time.Time
	// Honest leaves out what is planted: everybody does as their work group does.
	Honest bool
}

// Planted says who does what a report should find. All other operators of a work
// group do the same as each other, but for chance.
type Planted struct {
	// Requester has price overrides approved far more often than others, and
	// nearly always by Approver.
	Requester, Approver string
	// NoSales opens the drawer without a sale far more often than others.
	NoSales string
	// AfterHours signs on late in the evening and opens the drawer.
	AfterHours string
	// Forced is signed on when the drawer opens without a grant.
	Forced string
	// Pins types wrong PINs, and swipes cards that are none of an operator's.
	Pins string
	// LeftOpen leaves the drawer open for minutes.
	LeftOpen string
}

// The store's work groups, with how many operators each has.
const (
	Sales      = "POS Cashier - Sales Only"
	Returns    = "POS Cashier - Sales and Returns"
	Override   = "POS Cashier - Manager Override"
	numSales   = 22
	numReturns = 12
	numManager = 6
)

// Opens and Closes are the store's hours; in them is everything but what AfterHours does.
const (
	Opens  = 8 * time.Hour
	Closes = 21 * time.Hour
)

// operator is somebody of the store, with how much more often than others they do what is planted.
type operator struct {
	number, person string
	groups         []string
	overrides      float64 // price overrides
	noSales        float64
	forced         float64
	pins           float64
	leftOpen       float64
	afterHours     bool
	friend         *operator // approves nearly all overrides
	shift          shift
}

// maker makes one store's entries.
type maker struct {
	r        *rand.Rand
	cashiers []*operator
	managers []*operator
	turn     []*operator // who comes next
	now      time.Time
	boot     time.Time
	bootID   entry.BootID
	next     entry.Seq
	last     entry.Seq
	yield    func(*entry.Entry) bool
	stopped  bool
	policy   entry.PolicyRef

	clock *rand.Rand // for the time clock
	due   []punch    // the next first
	said  time.Time  // when the last entry was
	days  int        // that began
}

func (s Store) maker() (*maker, Planted) {
	m := &maker{r: rand.New(rand.NewPCG(s.Seed, 42)), clock: rand.New(rand.NewPCG(s.Seed, 44)), next: 1, last: entry.Seq(s.Entries), now: s.Start}
	if m.last == 0 {
		m.last = DefaultEntries
	}
	if m.now.IsZero() {
		m.now = time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC)
	}
	y, mon, d := m.now.Date()
	m.now = time.Date(y, mon, d, 0, 0, 0, 0, m.now.Location())
	m.said = m.now
	m.policy = entry.PolicyRef{Epoch: 12, Digest: [32]byte{0x5e, 0xed}}
	hire := func(n, from int, group string) (list []*operator) {
		for i := range n {
			list = append(list, &operator{
				number: fmt.Sprint(from + i), person: fmt.Sprintf("p-%d", from+i), groups: []string{group},
				overrides: 1, noSales: 1, pins: 1, leftOpen: 1,
			})
		}
		return list
	}
	sales, returns := hire(numSales, 101, Sales), hire(numReturns, 201, Returns)
	m.cashiers = append(append(m.cashiers, sales...), returns...)
	m.managers = hire(numManager, 901, Override)
	if s.Honest {
		return m, Planted{}
	}
	p := Planted{}
	who := m.r.Perm(len(sales))
	o := sales[who[0]]
	o.overrides, o.friend = 8, m.managers[m.r.IntN(len(m.managers))]
	p.Requester, p.Approver = o.number, o.friend.number
	o = sales[who[1]]
	o.noSales, p.NoSales = 8, o.number
	o = sales[who[2]]
	o.pins, p.Pins = 10, o.number
	o = sales[who[3]]
	o.leftOpen, p.LeftOpen = 25, o.number
	who = m.r.Perm(len(returns))
	o = returns[who[0]]
	o.forced, p.Forced = 0.01, o.number
	o = returns[who[1]]
	o.afterHours, p.AfterHours = true, o.number
	return m, p
}

// Planted says who does what a report should find.
func (s Store) Planted() Planted {
	_, p := s.maker()
	return p
}

// All gives the entries with their numbers and moments, oldest first. The entry
// is the caller's until the next one.
func (s Store) All() iter.Seq[*entry.Entry] {
	return func(yield func(*entry.Entry) bool) {
		m, _ := s.maker()
		m.yield = yield
		for !m.stopped {
			m.day()
		}
	}
}

// say gives an entry its number and moment and hands it on, after the punches that
// are due.
func (m *maker) say(e entry.Entry) entry.Seq {
	m.punchUntil(m.now)
	return m.put(e, m.now)
}

// put is say at a moment.
func (m *maker) put(e entry.Entry, now time.Time) entry.Seq {
	if m.stopped {
		return 0
	}
	m.said = now
	e.Seq = m.next
	e.Stamp = entry.Stamp{
		Wall: now.UnixNano(), Boot: int64(now.Sub(m.boot)), BootID: m.bootID, Clock: entry.ClockSynchronised,
	}
	m.next++
	if !m.yield(&e) || e.Seq == m.last {
		m.stopped = true
	}
	return e.Seq
}

// wait lets about d go by.
func (m *maker) wait(d time.Duration) {
	m.now = m.now.Add(time.Duration(float64(d) * (0.3 + 1.4*m.r.Float64())))
}

// chance is true about p times of one.
func (m *maker) chance(p float64) bool { return m.r.Float64() < p }

// at is a time of the current day.
func at(day time.Time, since time.Duration) time.Time {
	y, mon, d := day.Date()
	return time.Date(y, mon, d, 0, 0, 0, 0, day.Location()).Add(since)
}

// day is one day, from midnight to midnight.
func (m *maker) day() {
	day := m.now
	m.now = at(day, Opens-15*time.Minute)
	if m.next == 1 || day.Weekday() == time.Sunday {
		m.boot = m.now
		m.bootID = entry.BootID{byte(m.r.Uint32()), byte(m.r.Uint32()), byte(m.r.Uint32()), 1}
	}
	m.say(entry.Entry{Kind: entry.KindStart, Source: "daemon", Text: "version 1.0"})
	m.say(entry.Entry{Kind: entry.KindDeviceUp, Outcome: entry.OutcomeAllowed, Reason: entry.ReasonOpened, Device: printerName, Source: printerName, Text: "opened"})
	m.teams(day)
	m.now = at(day, Opens)
	closes := at(day, Closes)
	for !m.stopped && m.now.Before(closes.Add(-20*time.Minute)) {
		until := m.now.Add(time.Duration(45+m.r.IntN(75)) * time.Minute)
		if until.After(closes) {
			until = closes.Add(-5 * time.Minute)
		}
		m.session(m.comes(), until)
		m.wait(2 * time.Minute)
	}
	// The same operator comes back when nobody is there.
	if o := m.late(); o != nil && m.chance(0.4) {
		m.now = at(day, Closes+80*time.Minute)
		m.afterHours(o)
	}
	m.now = at(day, 23*time.Hour)
	m.say(entry.Entry{Kind: entry.KindStop, Source: "daemon"})
	m.now = at(day, 24*time.Hour)
}

// comes is who signs on next: everybody in turn, each time in another order.
func (m *maker) comes() *operator {
	if len(m.turn) == 0 {
		all := append(append([]*operator(nil), m.cashiers...), m.managers...)
		for _, i := range m.r.Perm(len(all)) {
			m.turn = append(m.turn, all[i])
		}
	}
	o := m.turn[0]
	m.turn = m.turn[1:]
	return o
}

func (m *maker) late() *operator {
	for _, o := range m.cashiers {
		if o.afterHours {
			return o
		}
	}
	return nil
}
