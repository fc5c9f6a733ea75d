// Package timeclock says who is clocked in and who is on a break: a fold over the
// punches in a register's journal.
//
// Guarantees:
//   - The same entries give the same standings, whoever folds them and whenever: the
//     gate that lets nobody sign on who is not clocked in, and the report of hours.
//   - A forced break ends by an entry that ends it, or when its time is up by the
//     boot clock. A reboot begins it anew in full, and the wall clock has no part in it.
//   - The clock is a person's, not a number's: under another number nobody gets
//     around a break.
//
// It is pure: no clock of its own, no I/O. It decides nothing: who may punch, and
// whose clock, the policy says.
package timeclock

import (
	"fmt"
	"time"

	"tillwarden/enforcer/journal/entry"
)

// Punch is what somebody does at the time clock.
type Punch uint8

// The punches.
const (
	In    Punch = iota + 1 // work begins
	Out                    // work ends
	Break                  // a break begins
	Back                   // a break ends
)

var punches = map[Punch]struct {
	word string
	kind entry.Kind
}{
	In: {"in", entry.KindClockIn}, Out: {"out", entry.KindClockOut}, Break: {"break", entry.KindBreakBegin}, Back: {"back", entry.KindBreakEnd},
}

// String gives the punch's word, as on the command line.
func (p Punch) String() string {
	if w := punches[p].word; w != "" {
		return w
	}
	return fmt.Sprintf("punch-%d", uint8(p))
}

// Kind is the kind of the punch's entries; KindNone: there is no such punch.
func (p Punch) Kind() entry.Kind { return punches[p].kind }

// Parse is the reverse of String.
func Parse(word string) (Punch, error) {
	for p, w := range punches {
		if w.word == word {
			return p, nil
		}
	}
	return 0, fmt.Errorf("%q is no punch: in, out, break or back", word)
}

// Kinds lists the kinds of all punches.
func Kinds() []entry.Kind {
	return []entry.Kind{entry.KindClockIn, entry.KindClockOut, entry.KindBreakBegin, entry.KindBreakEnd}
}

// IsPunch reports whether a kind is one of them.
func IsPunch(k entry.Kind) bool {
	switch k {
	case entry.KindClockIn, entry.KindClockOut, entry.KindBreakBegin, entry.KindBreakEnd:
		return true
	}
	return false
}

// Restricts reports whether who punches so may do less afterwards.
func (p Punch) Restricts() bool { return p == Out || p == Break }

// State is where somebody stands.
type State uint8

// The states. They are in the gate's state file: append-only.
const (
	Off State = iota // not clocked in
	On
	OnBreak
)

var stateNames = [...]string{"out", "in", "break"}

// String gives the state's word.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state-%d", uint8(s))
}

// Standing is how a person stands.
type Standing struct {
	State    State       `json:"state"`
	Operator string      `json:"operator"` // the number that was clocked in with
	In       entry.Stamp `json:"in"`       // when
	Since    entry.Stamp `json:"since"`    // when this state began
	// Of a forced break: how long it lasts, and until when by the boot clock of which boot.
	Length time.Duration `json:"length_ns,omitempty"`
	Until  time.Duration `json:"until_ns,omitempty"`
	Boot   entry.BootID  `json:"boot_id,omitzero"`
}

// Forced reports whether it is a forced break, over or not.
func (s Standing) Forced() bool { return s.State == OnBreak && s.Length > 0 }

// over reports whether a forced break's time is up.
func (s Standing) over(now entry.Stamp) bool {
	return s.Forced() && now.BootID == s.Boot && time.Duration(now.Boot) >= s.Until
}

// Left is how long a forced break still lasts.
func (s Standing) Left(now entry.Stamp) time.Duration {
	switch {
	case !s.Forced():
		return 0
	case now.BootID != s.Boot:
		return s.Length
	}
	return min(max(s.Until-time.Duration(now.Boot), 0), s.Length)
}

// Refuses says why a punch does not follow from how somebody stands; ReasonNone:
// it does. by another: somebody else does it for them; forcing: it is a forced break.
func (s Standing) Refuses(p Punch, another, forcing bool) entry.Reason {
	switch {
	case s.Forced() && p != Break && !(p == Back && another):
		return entry.ReasonForcedBreak
	case s.State == Off && p != In:
		return entry.ReasonOffClock
	case s.State != Off && p == In, s.State == On && p == Back:
		return entry.ReasonClockedIn
	case s.State == OnBreak && p == Break && !forcing:
		return entry.ReasonOnBreak
	}
	return entry.ReasonNone
}

// Clock is how everybody stands. The zero Clock has nobody clocked in.
type Clock struct {
	Boot   entry.BootID        `json:"boot_id,omitzero"` // of the last moment that it was told of
	People map[string]Standing `json:"people,omitempty"` // by person; who is not in it is off
}

// Of is how a person stands at a moment.
func (c *Clock) Of(person string, now entry.Stamp) Standing {
	s := c.People[person]
	if s.over(now) {
		s.State, s.Length, s.Until, s.Boot = On, 0, 0, entry.BootID{}
	}
	return s
}

// Pass tells the clock of a moment: in another boot, forced breaks begin anew.
func (c *Clock) Pass(at entry.Stamp) {
	if at.BootID == c.Boot || at.BootID == (entry.BootID{}) {
		return
	}
	c.Boot = at.BootID
	for p, s := range c.People {
		if s.Forced() && s.Boot != at.BootID {
			s.Boot, s.Until = at.BootID, time.Duration(at.Boot)+s.Length
			c.set(p, s)
		}
	}
}

// Apply folds an entry in. What is no punch, or was not allowed, changes nothing;
// nor does the same entry again.
func (c *Clock) Apply(e *entry.Entry) {
	if e.Outcome != entry.OutcomeAllowed || e.Person == "" {
		return
	}
	s, known := c.People[e.Person]
	if s.over(e.Stamp) && IsPunch(e.Kind) {
		s = c.Of(e.Person, e.Stamp)
		c.set(e.Person, s)
	}
	switch e.Kind {
	case entry.KindClockIn:
		if !known {
			c.set(e.Person, Standing{State: On, Operator: e.Operator, In: e.Stamp, Since: e.Stamp})
		}
	case entry.KindClockOut:
		delete(c.People, e.Person)
	case entry.KindBreakBegin:
		c.begin(s, known, e)
	case entry.KindBreakEnd:
		if known && s.State == OnBreak {
			c.set(e.Person, Standing{State: On, Operator: s.Operator, In: s.In, Since: e.Stamp})
		}
	}
}

// begin begins a break. One that is forced holds whatever is known of the
// person: the punch before it may be in entries that were removed.
func (c *Clock) begin(s Standing, known bool, e *entry.Entry) {
	length := time.Duration(e.Elapsed)
	if !known && length <= 0 {
		return
	}
	if !known {
		s = Standing{Operator: e.Operator, In: e.Stamp}
	}
	if s.State != OnBreak {
		s.State, s.Since = OnBreak, e.Stamp
	}
	if length > 0 {
		s.Length, s.Boot, s.Until = length, e.Stamp.BootID, time.Duration(e.Stamp.Boot)+length
	}
	c.set(e.Person, s)
}

func (c *Clock) set(person string, s Standing) {
	if c.People == nil {
		c.People = map[string]Standing{}
	}
	c.People[person] = s
}
