package report

import (
	"slices"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/week"
)

// Opens is when a drawer was opened in a day, in slots of half an hour.
type Opens struct {
	Day    string        `json:"day"` // 2006-01-02
	Zone   string        `json:"zone"`
	Period Period        `json:"period"`
	Slot   time.Duration `json:"slot_ns"`
	Slots  []Slot        `json:"slots"`
	// Events are the openings that were not for a sale, oldest first; More is how
	// many there were beyond those that are listed.
	Events []OpenEvent `json:"events"`
	More   int         `json:"more,omitempty"`
}

// Slot is half an hour of a day.
type Slot struct {
	From         time.Time `json:"from"`
	Sales        int       `json:"sales"`
	NoSales      int       `json:"no_sales"`
	Other        int       `json:"other"`
	WithoutGrant int       `json:"without_grant"`
	AfterHours   bool      `json:"after_hours,omitempty"` // the store is shut when it begins
}

// All is how often a drawer was opened in it.
func (s *Slot) All() int { return s.Sales + s.NoSales + s.Other + s.WithoutGrant }

// OpenEvent is one opening.
type OpenEvent struct {
	// Journal is which of the report's journals it is in, from 1.
	Journal  int       `json:"journal"`
	Seq      entry.Seq `json:"seq"`
	Time     time.Time `json:"time"`
	Drawer   string    `json:"drawer"`
	Operator string    `json:"operator,omitempty"`
	// Function is what for; empty: it opened without a grant.
	Function string `json:"function,omitempty"`
}

const (
	slotLength = 30 * time.Minute
	maxEvents  = 200
)

// OpensReport collects a day's openings.
type OpensReport struct {
	reading
	from, to time.Time
	hours    week.Hours
	session  session
	r        Opens
}

// NewOpens begins a report on the day on which a moment lies, in its location.
// A day of 23 or 25 hours has as many slots as it takes.
func NewOpens(day time.Time, hours week.Hours) *OpensReport {
	y, m, d := day.Date()
	o := &OpensReport{from: week.DayStart(y, m, d, day.Location()), to: week.DayStart(y, m, d+1, day.Location()), hours: hours}
	o.r = Opens{Day: o.from.Format(time.DateOnly), Zone: o.from.Format("MST"), Slot: slotLength, Slots: []Slot{}, Events: []OpenEvent{}}
	for at := o.from; at.Before(o.to); at = at.Add(slotLength) {
		o.r.Slots = append(o.r.Slots, Slot{From: at, AfterHours: hours.Set() && !hours.Open(week.At(at))})
	}
	return o
}

// Bounds are the day's: from included, to excluded.
func (o *OpensReport) Bounds() (from, to time.Time) { return o.from, o.to }

// NextJournal says that the entries that follow are of another register.
func (o *OpensReport) NextJournal() {
	o.session = session{}
	o.nextJournal()
}

// Add takes the journal's next entry; those of other days are passed over.
func (o *OpensReport) Add(e *entry.Entry) {
	at := e.Stamp.Time().In(o.from.Location())
	who := o.session.who(e)
	if at.Before(o.from) || !at.Before(o.to) {
		return
	}
	o.period.add(e)
	is, granted := opens(e)
	if !is {
		return
	}
	s := &o.r.Slots[at.Sub(o.from)/slotLength]
	switch {
	case !granted:
		s.WithoutGrant++
	case e.Function == functionSale:
		s.Sales++
		if !o.hours.Set() || o.hours.Open(week.At(at)) {
			return // nothing to tell of it
		}
	case e.Function == functionNoSale:
		s.NoSales++
	default:
		s.Other++
	}
	event := OpenEvent{Journal: o.journal + 1, Seq: e.Seq, Time: at, Drawer: e.Drawer, Operator: who}
	if granted {
		event.Function = e.Function
	}
	o.r.Events = append(o.r.Events, event)
}

// Result is the report on what was added.
func (o *OpensReport) Result() *Opens {
	r := o.r
	r.Period = o.period
	r.Events = slices.Clone(r.Events)
	slices.SortStableFunc(r.Events, func(a, b OpenEvent) int { return a.Time.Compare(b.Time) })
	r.More = max(len(r.Events)-maxEvents, 0)
	r.Events = r.Events[:len(r.Events)-r.More]
	return &r
}
