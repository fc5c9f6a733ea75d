// Package report makes reports of a journal's entries: who did what, whose
// figures differ from those of others with the same work, and when the drawer
// was opened.
//
// Each report takes the entries one by one with Add, in the order of the
// journal, and is asked for its result when they are over: one pass, and memory
// for the operators and functions that there are, not for the entries. Several
// registers' journals make one report when NextJournal stands between them.
//
// It is pure: no clock, no files, no journal. It judges nobody: what it calls
// exceptional is a figure that is far from what is usual among peers, which a
// person has to look into. docs/reports.md says how to read it.
package report

import (
	"time"

	"tillwarden/enforcer/journal/entry"
)

// The functions that a drawer is opened for, as the shipped catalogue has them.
const (
	functionSale   = "pos.drawer.sale"
	functionNoSale = "pos.drawer.nosale"
)

// Period is what a report was made of.
type Period struct {
	// First and Last are the moments of the first and the last entry that was looked at.
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
	// Entries is how many were looked at, Journals of how many journals.
	Entries  int64 `json:"entries"`
	Journals int   `json:"journals"`
	// Lacks are the journals that do not go back as far as the report was asked to:
	// its figures are too low by what nobody can read any more.
	Lacks []Lack `json:"lacks,omitempty"`
}

// Lack is that a journal does not go back as far as a report was asked to.
type Lack struct {
	Journal int       `json:"journal"` // which of the report's, from 1
	Before  time.Time `json:"before"`  // what was before it is not in the report
	// First is the number of the first entry that the journal has; of those before it
	// Removed were removed as older than what is kept, and the others, if there are
	// any, are in an earlier file, which the journal follows.
	First   entry.Seq `json:"first_entry"`
	Removed int64     `json:"removed,omitempty"`
}

// Earlier reports whether some of the entries before are in an earlier file.
func (l *Lack) Earlier() bool { return int64(l.First)-1 > l.Removed }

// add takes an entry in. The wall clock may step: first and last are the least and the greatest.
func (p *Period) add(e *entry.Entry) {
	at := e.Stamp.Time()
	if p.Entries == 0 || at.Before(p.First) {
		p.First = at
	}
	if p.Entries == 0 || at.After(p.Last) {
		p.Last = at
	}
	p.Entries++
	p.Journals = max(p.Journals, 1)
}

// Begins says how far back one of the journals goes: the number and the moment of its
// first entry, and how many before that were removed. from is the moment that was asked
// from; zero: from the beginning.
func (p *Period) Begins(journal int, from time.Time, first entry.Seq, at time.Time, removed int64) {
	if first > 1 && (from.IsZero() || from.Before(at)) {
		p.Lacks = append(p.Lacks, Lack{Journal: journal, Before: at, First: first, Removed: removed})
	}
}

// reading is what each report knows of the journals that it is made of.
type reading struct {
	period  Period
	journal int       // from 0
	from    time.Time // from when on entries count; zero: all that are added
}

// lead is how much of the time before a report's is read, too, where what counts
// follows from it: who clocked in, who is signed on.
const lead = 36 * time.Hour

// since has only entries count from a moment on, nil for all, and returns from when on
// entries are to be added.
func (r *reading) since(from *time.Time) (read *time.Time) {
	if from == nil {
		return nil
	}
	r.from = *from
	at := from.Add(-lead)
	return &at
}

// nextJournal goes on with another register's.
func (r *reading) nextJournal() {
	r.journal++
	r.period.Journals = r.journal + 1
}

// Begins says, before the entries of a journal, how far back it goes: the number and
// the moment of its first entry, and how many before that were removed. from is the
// moment that the report was asked from; zero: from the beginning.
func (r *reading) Begins(from time.Time, first entry.Seq, at time.Time, removed int64) {
	if !r.from.IsZero() {
		from = r.from // it is read from an earlier moment on than it is asked from
	}
	r.period.Begins(r.journal+1, from, first, at, removed)
}

// session remembers who is signed on, as an entry of a device may name the
// session alone. At a register there is one at a time.
type session struct {
	id       entry.Seq
	operator string
}

// who is whom an entry is put down to; empty: nobody.
func (s *session) who(e *entry.Entry) string {
	switch e.Kind {
	case entry.KindSignOn:
		if e.Outcome == entry.OutcomeAllowed {
			*s = session{e.Seq, e.Operator}
		}
	case entry.KindSession, entry.KindDecision, entry.KindRedeemed, entry.KindOverride:
		// The sign-on may be older than the report. Other kinds name a session in
		// which somebody else did something, as who typed a wrong PIN to approve.
		if e.Operator != "" && e.Session != 0 {
			*s = session{e.Session, e.Operator}
		}
	}
	if e.Operator != "" {
		return e.Operator
	}
	if e.Session != 0 && e.Session == s.id {
		return s.operator
	}
	return ""
}

// opens reports whether an entry is a drawer's opening, and whether it had a grant.
func opens(e *entry.Entry) (is, granted bool) {
	switch e.Kind {
	case entry.KindRedeemed: // the pulse was written
		return e.Outcome == entry.OutcomeAllowed, true
	case entry.KindDrawerOpened:
		return e.About == 0, false
	}
	return false, false
}

// own reports whether a kind is something that the register or its devices did
// by themselves, and that follows from no act of a person, or is its mere result.
func own(e *entry.Entry) bool {
	switch e.Kind {
	case entry.KindStart, entry.KindStop, entry.KindClockStep, entry.KindRecovered, entry.KindSummary, entry.KindSpace, entry.KindSession,
		entry.KindRedeemed, entry.KindLapsed, entry.KindDrawerClosed, entry.KindDrawerLeftOpen, entry.KindDrawerNoOpen,
		entry.KindDeviceUp, entry.KindDeviceDown, entry.KindDeviceRefused, entry.KindDevicePassed, entry.KindDeviceTrust,
		entry.KindSaleNoReceipt, entry.KindModeLeft, entry.KindMemory, entry.KindRetired, entry.KindScopeEnd, entry.KindFallBack:
		return true
	case entry.KindBreakEnd:
		return e.Reason == entry.ReasonTimeout
	case entry.KindDrawerOpened:
		return e.About != 0
	}
	return false
}

// Act reports whether an entry is an act of a person, as activity reports list them.
func Act(e *entry.Entry) bool { return !own(e) }
