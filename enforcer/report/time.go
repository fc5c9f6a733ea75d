package report

import (
	"cmp"
	"slices"
	"time"

	"tillwarden/enforcer/journal/entry"
)

// Hours at work, from the punches of the time clock.
//
// Within a boot a time is measured by the boot clock, so that whoever sets the
// register's clock makes no hours; over a reboot there is only the wall clock, less
// the steps that the journal has of it. Where the clock was set meanwhile, or the
// register was started again, the row says so.

// jumpShown is from how much on a jump of the clock is shown: less is what keeping
// a clock right over a day takes.
const jumpShown = 30 * time.Second

// Time is the report of hours.
type Time struct {
	Period Period `json:"period"`
	// Days by operator and day.
	Days []TimeDay `json:"days"`
	// Shifts by operator and time: what the days were counted from.
	Shifts []Shift `json:"shifts"`
}

// TimeDay is one operator's day: of all shifts that began on it.
type TimeDay struct {
	Operator string `json:"operator"`
	Day      string `json:"day"` // 2026-03-01; empty: of a shift whose beginning is not known
	// Worked and Paused are whole seconds of shifts that were ended.
	Worked int64 `json:"worked_seconds"`
	Paused int64 `json:"break_seconds"`
	Shifts int   `json:"shifts"`
	Breaks int   `json:"breaks"`
	Forced int   `json:"forced_breaks"`
	// Open is how many shifts were not ended, and so are not counted.
	Open int `json:"open"`
	// Others is how many punches somebody else made.
	Others  int   `json:"by_others"`
	Jumps   int64 `json:"clock_jump_seconds"`
	Reboots int   `json:"reboots"`
	// Overlaps is how many shifts overlap one of the same person's at another register:
	// those hours are in both.
	Overlaps int `json:"overlaps"`
}

// Shift is from clocking in to clocking out.
type Shift struct {
	Operator string `json:"operator"`
	Person   string `json:"person"`
	// In and Out are by the wall clock. No In: it began before the report does. No
	// Out: it was not ended, and Last is the last punch of it.
	In     *time.Time `json:"in,omitempty"`
	Out    *time.Time `json:"out,omitempty"`
	Last   time.Time  `json:"last"`
	Worked int64      `json:"worked_seconds"`
	Paused int64      `json:"break_seconds"`
	Breaks int        `json:"breaks"`
	Forced int        `json:"forced_breaks"`
	Others int        `json:"by_others"`
	// Jump is by how much the wall clock was set during it, in seconds, both ways taken
	// together; it is in none of the other figures.
	Jump int64 `json:"clock_jump_seconds,omitempty"`
	// Reboots is how often the register was started again during it: over those, hours
	// are by the wall clock.
	Reboots int `json:"reboots,omitempty"`
	// Journal is which of the report's journals it is of, from 1. Overlaps: another of
	// the person's, of another journal, was under way at the same time of day.
	Journal  int  `json:"journal"`
	Overlaps bool `json:"overlaps,omitempty"`
}

// shift is one under way.
type shift struct {
	Shift
	day            string
	since          entry.Stamp // of the last punch
	steps          time.Duration
	paused         bool
	length         time.Duration // of a forced break; 0: it is none
	worked, breaks time.Duration
	jump           time.Duration
}

// TimeReport collects what a report of hours is made of.
type TimeReport struct {
	reading
	operator string
	zone     *time.Location
	to       time.Time         // before it a shift has to begin, and not before from; zero: no bound
	steps    time.Duration     // of the wall clock, so far
	boot     entry.Stamp       // of the first entry of the boot
	before   time.Duration     // steps as of then
	open     map[string]*shift // by person
	done     []*shift
}

// NewTime begins a report of hours: of one operator number, or of all where it is
// empty. Days are those of the zone; UTC where nil.
func NewTime(operator string, zone *time.Location) *TimeReport {
	if zone == nil {
		zone = time.UTC
	}
	return &TimeReport{operator: operator, zone: zone, open: map[string]*shift{}}
}

// Between has shifts counted that began in a time alone: from included, to excluded, nil
// where there is no bound. They count whole, wherever they end, so that each is in one
// of two reports of which the second begins where the first ends. What is to be added
// therefore begins earlier, at the moment that is returned, nil for the beginning, and
// goes on to the journal's end: a clock that is set back takes a shift's entries with it.
func (r *TimeReport) Between(from, to *time.Time) (read *time.Time) {
	if to != nil {
		r.to = *to
	}
	return r.since(from)
}

// within reports whether a moment is of the time that the report is of.
func (r *TimeReport) within(at time.Time) bool {
	return !at.Before(r.from) && (r.to.IsZero() || at.Before(r.to))
}

// counts reports whether a shift is of the report. Of one whose beginning is in no
// entry nobody knows when it was, where the journal lacks what was before; elsewhere
// it was before the time that is asked for.
func (r *TimeReport) counts(s *shift) bool {
	if s.In != nil {
		return r.within(*s.In)
	}
	return r.within(s.Last) && (r.from.IsZero() || slices.ContainsFunc(r.period.Lacks, func(l Lack) bool { return l.Journal == s.Journal }))
}

// NextJournal says that the entries that follow are of another register: each has
// a time clock of its own.
func (r *TimeReport) NextJournal() {
	r.leaveOpen()
	r.steps, r.boot, r.before = 0, entry.Stamp{}, 0
	r.nextJournal()
}

// Add takes the journal's next entry.
func (r *TimeReport) Add(e *entry.Entry) {
	if r.within(e.Stamp.Time()) {
		r.period.add(e)
	}
	if e.Stamp.BootID != r.boot.BootID {
		r.boot, r.before = e.Stamp, r.steps
	}
	switch e.Kind {
	case entry.KindClockStep:
		r.steps += time.Duration(e.Elapsed)
		return
	case entry.KindClockIn, entry.KindClockOut, entry.KindBreakBegin, entry.KindBreakEnd:
	default:
		return
	}
	if e.Outcome != entry.OutcomeAllowed || e.Person == "" {
		return
	}
	s := r.open[e.Person]
	if e.Kind == entry.KindClockIn && s != nil {
		r.done, s = append(r.done, s), nil // its end is in no journal
	}
	if s == nil {
		s = r.begin(e)
		r.open[e.Person] = s
	} else {
		s.pass(e, r)
	}
	if e.Approval != nil {
		s.Others++
	}
	s.since, s.steps, s.Last = e.Stamp, r.steps, e.Stamp.Time()
	switch e.Kind {
	case entry.KindBreakBegin:
		if !s.paused {
			s.Breaks++
		}
		if e.Elapsed > 0 {
			s.Forced++
		}
		s.paused, s.length = true, time.Duration(e.Elapsed)
	case entry.KindBreakEnd:
		s.paused = false
	case entry.KindClockOut:
		out := e.Stamp.Time()
		s.Out = &out
		r.done = append(r.done, s)
		delete(r.open, e.Person)
	}
}

func (r *TimeReport) begin(e *entry.Entry) *shift {
	s := &shift{Shift: Shift{Operator: e.Operator, Person: e.Person, Journal: r.journal + 1}}
	if e.Kind == entry.KindClockIn {
		in := e.Stamp.Time()
		s.In, s.day = &in, in.In(r.zone).Format(time.DateOnly)
	}
	return s
}

// pass counts the time from the last punch to this one.
func (s *shift) pass(e *entry.Entry, r *TimeReport) {
	a, b := s.since, e.Stamp
	wall := time.Duration(b.Wall - a.Wall)
	took, jump := time.Duration(b.Boot-a.Boot), wall-time.Duration(b.Boot-a.Boot)
	if a.BootID != b.BootID {
		jump = r.steps - s.steps
		took = max(wall-jump, 0)
		s.Reboots++
	}
	if jump.Abs() >= jumpShown {
		s.jump = inAll(s.jump, jump)
	}
	if !s.paused {
		s.worked += took
		return
	}
	// A break that ended by time may have been journaled late: nothing ran meanwhile.
	if s.length > 0 {
		most := s.length
		if a.BootID != b.BootID { // it began anew, in full, when the register was started again
			most += max(time.Duration(r.boot.Wall-a.Wall)-(r.before-s.steps), 0)
		}
		if took > most {
			s.worked += took - most
			took = most
		}
	}
	s.breaks += took
}

// inAll is by how much a clock was set that was set twice: one that was set forth and
// back was set, though nothing is left of it.
func inAll[T ~int64](a, b T) T {
	if a < 0 && b > 0 || a > 0 && b < 0 {
		return max(a, -a) + max(b, -b)
	}
	return a + b
}

// leaveOpen puts aside what was not ended.
func (r *TimeReport) leaveOpen() {
	for _, s := range r.open {
		r.done = append(r.done, s)
	}
	clear(r.open)
}

// Result is the report on what was added; nothing can be added afterwards.
func (r *TimeReport) Result() *Time {
	r.leaveOpen()
	r.overlap()
	t := &Time{Period: r.period, Days: []TimeDay{}, Shifts: []Shift{}}
	slices.SortFunc(r.done, func(a, b *shift) int {
		return cmp.Or(byNumber(a.Operator, b.Operator), cmp.Compare(a.day, b.day), a.began().Compare(b.began()), cmp.Compare(a.Person, b.Person))
	})
	for _, s := range r.done {
		if r.operator != "" && s.Operator != r.operator || !r.counts(s) {
			continue
		}
		s.Worked, s.Paused, s.Jump = seconds(s.worked), seconds(s.breaks), seconds(s.jump)
		t.Shifts = append(t.Shifts, s.Shift)
		t.day(s)
	}
	return t
}

// overlap marks the ended shifts of a person that were under way at two registers
// at once.
func (r *TimeReport) overlap() {
	byPerson := map[string][]*shift{}
	for _, s := range r.done {
		if s.In != nil && s.Out != nil {
			byPerson[s.Person] = append(byPerson[s.Person], s)
		}
	}
	for _, list := range byPerson {
		slices.SortFunc(list, func(a, b *shift) int { return a.In.Compare(*b.In) })
		for i, a := range list {
			for _, b := range list[i+1:] {
				if !b.In.Before(*a.Out) {
					break
				}
				if a.Journal != b.Journal {
					a.Overlaps, b.Overlaps = true, true
				}
			}
		}
	}
}

func (s *shift) began() time.Time {
	if s.In != nil {
		return *s.In
	}
	return s.Last
}

func seconds(d time.Duration) int64 { return int64(d.Round(time.Second) / time.Second) }

// day counts a shift to its day.
func (t *Time) day(s *shift) {
	// Shifts come by operator and time, so that a day's follow each other.
	if n := len(t.Days); n == 0 || t.Days[n-1].Operator != s.Operator || t.Days[n-1].Day != s.day {
		t.Days = append(t.Days, TimeDay{Operator: s.Operator, Day: s.day})
	}
	d := &t.Days[len(t.Days)-1]
	d.Shifts++
	d.Breaks += s.Breaks
	d.Forced += s.Forced
	d.Others += s.Others
	d.Jumps = inAll(d.Jumps, s.Jump)
	d.Reboots += s.Reboots
	if s.Overlaps {
		d.Overlaps++
	}
	if s.Out == nil {
		d.Open++
		return
	}
	d.Worked += s.Worked
	d.Paused += s.Paused
}
