package signon

import (
	"fmt"
	"slices"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/week"
)

// Standing: whether an operator may do anything at this register now, before any
// work group is asked. It is looked at wherever somebody is identified, and again
// when the state that it depends on changes during a session.
//
// Days are the wall clock's, in the register's time zone, since people write them
// into rosters. Whoever sets the clock moves them: each step is in the journal.

// dayForm is how days are written.
const dayForm = "2006-01-02"

// standing says why an operator may do nothing here now; ReasonNone: nothing is
// in the way.
func (s *Store) standing(r *operatorRecord) entry.Reason {
	today := s.today()
	switch {
	case r.Terminated != 0:
		return entry.ReasonTerminated
	case s.isRevoked(r.Number):
		return entry.ReasonRevoked
	case r.Suspended:
		return entry.ReasonSuspended
	case r.From != "" && today < r.From, r.Until != "" && today > r.Until:
		return entry.ReasonNotValid
	case len(r.Stores) > 0 && !slices.Contains(r.Stores, s.o.Store):
		return entry.ReasonNotHere
	case len(r.Registers) > 0 && !slices.Contains(r.Registers, s.o.Register):
		return entry.ReasonNotHere
	}
	return entry.ReasonNone
}

// today is the day by the register's wall clock.
func (s *Store) today() string { return s.o.Clock.Stamp().Time().In(s.o.Location).Format(dayForm) }

// sayStanding tells an operator who was identified why nothing can be done.
func (s *Store) sayStanding(r *operatorRecord, reason entry.Reason) string {
	switch reason {
	case entry.ReasonNotValid:
		if r.From != "" && s.today() < r.From {
			return fmt.Sprintf("%s may work here from %s on", r.Name, r.From)
		}
		return fmt.Sprintf("%s could work here until %s", r.Name, r.Until)
	case entry.ReasonNotHere:
		if len(r.Stores) > 0 && !slices.Contains(r.Stores, s.o.Store) {
			return fmt.Sprintf("%s may not work in this store (%s)", r.Name, s.o.Store)
		}
		return fmt.Sprintf("%s may not work at this register (%s)", r.Name, s.o.Register)
	}
	return sayRefused(reason, r.Name)
}

// endOfDay is how long it takes until an operator's last day is over; false:
// there is no last day.
func (s *Store) endOfDay(r *operatorRecord) (time.Duration, bool) {
	if r.Until == "" {
		return 0, false
	}
	last, err := time.Parse(dayForm, r.Until)
	if err != nil {
		return 0, false
	}
	over := week.DayStart(last.Year(), last.Month(), last.Day()+1, s.o.Location)
	return over.Sub(s.o.Clock.Stamp().Time()), true
}

// day is what is left of one: until midnight. The wall clock says when it ends,
// and the boot clock, as long as the machine was not started again, says so
// too: setting the clock back gives nobody more of it.
type day struct {
	Ends  int64        `json:"ends"` // wall clock
	Boot  entry.BootID `json:"boot"`
	Until int64        `json:"until"` // boot clock
}

// restOfDay is the time until the next midnight.
func (s *Store) restOfDay() *day {
	now := s.o.Clock.Stamp()
	t := now.Time().In(s.o.Location)
	midnight := week.DayStart(t.Year(), t.Month(), t.Day()+1, s.o.Location)
	return &day{Ends: midnight.UnixNano(), Boot: now.BootID, Until: now.Boot + int64(midnight.Sub(t))}
}

// over reports whether it has ended.
func (d *day) over(now entry.Stamp) bool {
	return d != nil && (now.Wall >= d.Ends || now.BootID == d.Boot && now.Boot >= d.Until)
}

// badDays says what is wrong with a first and last day; empty if nothing is.
func badDays(from, until string) string {
	for _, d := range []string{from, until} {
		if d == "" {
			continue
		}
		if t, err := time.Parse(dayForm, d); err != nil || t.Format(dayForm) != d {
			return "a day is written as 2026-11-27"
		}
	}
	if from != "" && until != "" && until < from {
		return "the last day lies before the first"
	}
	return ""
}

// badPlaces says what is wrong with the names of stores and registers.
func badPlaces(stores, registers []string) string {
	for _, list := range [][]string{stores, registers} {
		if len(list) > maxPlaces {
			return fmt.Sprintf("an operator has at most %d stores, and as many registers", maxPlaces)
		}
		for _, name := range list {
			if name == "" || !printable(name, maxPlaceName) {
				return fmt.Sprintf("the name of a store or register has 1 to %d letters, none of them invisible", maxPlaceName)
			}
		}
	}
	return ""
}
