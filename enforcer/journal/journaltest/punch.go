package journaltest

import (
	"slices"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/timeclock"
)

// keypadName is where people punch.
const keypadName = "keypad"

var timePunch = function{"pos.time.punch", 2101}

// Shifts. A cashier comes for the register and has other work before the shift is
// over, with a break; managers come for half a day, so that two of them are there
// whenever the store is open. Nobody signs on, or approves, who is not clocked in.
const (
	shortestShift = 4 * time.Hour
	longestShift  = 7 * time.Hour
	teamSize      = 2
)

// shift is how an operator stands at the time clock.
type shift struct {
	state  timeclock.State
	out    time.Time // when they mean to leave
	paused bool      // they had their break
}

// punch is one that comes when it is time.
type punch struct {
	at    time.Time
	who   *operator
	punch timeclock.Punch
}

// some is a time from least to most. The time clock has chance of its own: what else
// happens at the register does not depend on it.
func (m *maker) some(least, most time.Duration) time.Duration {
	return least + time.Duration(m.clock.Int64N(int64(most-least)))
}

// later notes a punch.
func (m *maker) later(at time.Time, o *operator, p timeclock.Punch) {
	m.due = append(m.due, punch{at, o, p})
	slices.SortStableFunc(m.due, func(a, b punch) int { return a.at.Compare(b.at) })
}

// punchUntil makes the punches that are due.
func (m *maker) punchUntil(now time.Time) {
	for len(m.due) > 0 && !m.due[0].at.After(now) {
		p := m.due[0]
		m.due = m.due[1:]
		m.punch(p.at, p.who, p.punch)
	}
}

// punch is one punch, as the gate journals what somebody does at the own clock.
func (m *maker) punch(at time.Time, o *operator, p timeclock.Punch) {
	switch p {
	case timeclock.In:
		o.shift = shift{state: timeclock.On, out: at.Add(m.some(shortestShift, longestShift))}
	case timeclock.Out:
		o.shift = shift{}
	case timeclock.Break:
		o.shift.state, o.shift.paused = timeclock.OnBreak, true
	case timeclock.Back:
		o.shift.state = timeclock.On
	}
	m.put(entry.Entry{
		Kind: p.Kind(), Operator: o.number, Person: o.person, WorkGroups: o.groups, Function: timePunch.key, FunctionID: timePunch.id,
		Outcome: entry.OutcomeAllowed, Reason: entry.ReasonRule, Rule: &entry.Rule{WorkGroup: o.groups[0], Function: timePunch.key, Mark: "check"},
		Method: entry.MethodNumberPIN, Source: keypadName, Policy: &m.policy,
	}, at)
}

// atWork has somebody clocked in now, and for as long as they are needed.
func (m *maker) atWork(o *operator) {
	m.punchUntil(m.now)
	m.due = slices.DeleteFunc(m.due, func(p punch) bool { return p.who == o })
	before := m.said.Add(m.now.Sub(m.said) / 2)
	switch o.shift.state {
	case timeclock.Off:
		m.punch(before, o, timeclock.In)
	case timeclock.OnBreak:
		m.punch(before, o, timeclock.Back)
	}
}

// leaves lets somebody go who is needed until then: to other work, a break, and home.
func (m *maker) leaves(o *operator, until time.Time) {
	home := at(m.now, Closes+5*time.Minute)
	soon := until.Add(m.some(2*time.Minute, 8*time.Minute))
	out := o.shift.out
	if out.After(home) {
		out = home.Add(m.some(0, 10*time.Minute))
	}
	pause := until.Add(m.some(10*time.Minute, time.Hour))
	back := pause.Add(m.some(20*time.Minute, 35*time.Minute))
	if !o.shift.paused && back.Add(20*time.Minute).Before(out) {
		m.later(pause, o, timeclock.Break)
		m.later(back, o, timeclock.Back)
	}
	if out.Before(soon) {
		out = soon
	}
	m.later(out, o, timeclock.Out)
}

// teams has the day's managers come and go.
func (m *maker) teams(day time.Time) {
	n := m.days * teamSize
	m.days++
	for i := range 2 * teamSize {
		o := m.managers[(n+i)%len(m.managers)]
		in, out := at(day, Opens-8*time.Minute), at(day, 14*time.Hour+30*time.Minute)
		if i >= teamSize {
			in, out = at(day, 14*time.Hour), at(day, Closes+8*time.Minute)
		}
		pause := in.Add(time.Duration(3+i%teamSize)*time.Hour + m.some(0, 20*time.Minute)) // not both at once
		m.later(in.Add(m.some(0, 6*time.Minute)), o, timeclock.In)
		m.later(pause, o, timeclock.Break)
		m.later(pause.Add(m.some(25*time.Minute, 35*time.Minute)), o, timeclock.Back)
		m.later(out.Add(m.some(0, 6*time.Minute)), o, timeclock.Out)
	}
}

// approver is who approves something of somebody's: one who is there, or nobody.
func (s *session) approver() *operator {
	there := func(o *operator) bool { return o.shift.state == timeclock.On && o.person != s.who.person }
	of := slices.DeleteFunc(slices.Clone(s.managers), func(o *operator) bool { return !there(o) })
	if len(of) == 0 {
		return nil
	}
	by := of[s.r.IntN(len(of))]
	if s.who.friend != nil && s.chance(0.9) && there(s.who.friend) {
		return s.who.friend
	}
	return by
}
