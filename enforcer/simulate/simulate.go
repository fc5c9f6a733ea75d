// Package simulate tells which of the decisions that a register really made
// would have gone another way under another policy.
//
// It takes a journal's entries one by one with Add, in their order, and is asked
// for its result when they are over: one pass, and memory for the operators,
// functions and days that there are, not for the entries. Several registers'
// journals make one simulation when NextJournal stands between them.
//
// Each decision is answered anew as the gate would: the same function, asked by
// an operator with the work groups of that moment. Simulated under the policy
// that made them, no decision changes.
//
// It does not play the day again. What would have followed from another answer
// (somebody asks a manager, or gives up) nobody knows. What was decided by the
// state of the register alone (nobody signed on, locked, a wrong PIN) is counted
// and left as it was. What the entries do not tell is counted as not decidable,
// by reason, and never guessed.
//
// It is pure: no clock, no files, no journal, no policy source.
package simulate

import (
	"slices"
	"strings"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// Why a decision cannot be decided anew. The words do not change.
const (
	// UnknownFunction: what was asked for is not in the entry, as it was no
	// function of the catalogue of that day.
	UnknownFunction = "the function is not in the entry"
	// UnknownApprover: no entry before says which work groups the approver has.
	UnknownApprover = "the approver's work groups are not in the journal"
	// TwoPersons: a mode is begun by two persons, of whom the entry has one.
	TwoPersons = "it took two persons, and the entry has one"
	// Limited: the policy gives the function within limits, and the entry has not what they are held against.
	Limited = "a limit is held against what is not in the entry"
	// NotListed: refusals of one source beyond its rate, which the journal only counts.
	NotListed = "only counted in the journal, not listed"
)

// Simulation collects what a result is made of.
type Simulation struct {
	policy *policy.Compiled
	zone   *time.Location

	result    Result
	operators map[string]*subject    // by number: as last seen
	subjects  map[string]*subject    // by work groups
	unmade    map[entry.Seq]struct{} // sessions that would not have begun
	changes   map[change]*Change
	tallies   [3]map[string]*Tally // by operator, function, day
	unknown   map[string]map[string]struct{}

	day      string
	from, to int64 // wall times between which it is that day
}

// change tells apart what is counted together.
type change struct {
	day, operator, function string
	approving               bool
	was, would              policy.Access
	reason                  entry.Reason
	rule                    policy.Rule
}

// New begins a simulation of a policy. Days are those of the zone.
func New(p *policy.Compiled, zone *time.Location) *Simulation {
	s := &Simulation{policy: p, zone: zone, subjects: map[string]*subject{}, changes: map[change]*Change{}, unknown: map[string]map[string]struct{}{}}
	s.result.NotDecidable = map[string]int64{}
	for i := range s.tallies {
		s.tallies[i] = map[string]*Tally{}
	}
	s.forget()
	return s
}

func (s *Simulation) forget() {
	s.operators, s.unmade = map[string]*subject{}, map[entry.Seq]struct{}{}
}

// NextJournal says that the entries that follow are of another register.
func (s *Simulation) NextJournal() {
	s.forget()
	if s.result.Entries > 0 {
		s.result.Journals++
	}
}

// Add takes the journal's next entry.
func (s *Simulation) Add(e *entry.Entry) {
	s.period(e)
	var asks *subject
	if e.Operator != "" {
		asks = s.subject(e)
	}
	switch e.Kind {
	case entry.KindSignOn, entry.KindUnlock, entry.KindDecision:
		s.decision(asks, e)
	case entry.KindApproval:
		s.approval(asks, e)
	case entry.KindMode:
		if e.Rule != nil {
			s.undecidable(TwoPersons, 1)
		}
	case entry.KindSummary:
		s.undecidable(NotListed, int64(e.Count))
	}
}

func (s *Simulation) undecidable(why string, n int64) {
	s.result.Decisions += n
	s.result.NotDecidable[why] += n
}

// subject is the operator of an entry with the work groups of that moment. An
// entry without any leaves what is known of the operator.
func (s *Simulation) subject(e *entry.Entry) *subject {
	o := s.operators[e.Operator]
	if o != nil && (len(e.WorkGroups) == 0 || slices.Equal(o.groups, e.WorkGroups)) {
		return o
	}
	key := strings.Join(e.WorkGroups, "\x00")
	if o = s.subjects[key]; o == nil {
		o = newSubject(s.policy, slices.Clone(e.WorkGroups))
		s.subjects[key] = o
	}
	if len(e.WorkGroups) > 0 {
		s.operators[e.Operator] = o
		for _, g := range o.unknown {
			if s.unknown[g] == nil {
				s.unknown[g] = map[string]struct{}{}
			}
			s.unknown[g][e.Operator] = struct{}{}
		}
	}
	return o
}

// decision answers a decision anew.
func (s *Simulation) decision(asks *subject, e *entry.Entry) {
	was, decided := answered(e)
	if !decided || asks == nil {
		s.result.Decisions++
		s.result.ByState++
		return
	}
	q, ok := s.question(e)
	if !ok {
		s.undecidable(UnknownFunction, 1)
		return
	}
	a := asks.answer(q)
	if a.access == policy.Allowed && asks.planes.Limited(q.index) {
		s.undecidable(Limited, 1)
		return
	}
	if e.Kind == entry.KindSignOn && was == policy.Allowed && a.access != policy.Allowed {
		s.unmade[e.Seq] = struct{}{}
	} else if _, ok := s.unmade[e.Session]; ok {
		s.result.InUnmadeSessions++
	}
	s.count(e, e.Operator, e.Function, false, was, a)
}

// approval answers anew whether somebody might approve.
func (s *Simulation) approval(asks *subject, e *entry.Entry) {
	was := policy.Denied
	switch e.Reason {
	case entry.ReasonRule, entry.ReasonOneOfTwo, entry.ReasonWhyNeeded, entry.ReasonOneAction:
		was = policy.Allowed // the approver might, whatever was missing besides
	case entry.ReasonNoManagerOverride, entry.ReasonApproverMayNot, entry.ReasonApproverLimit:
	default:
		s.result.Decisions++
		s.result.ByState++
		return
	}
	q, ok := s.question(e)
	if !ok || asks == nil || e.Approval == nil {
		s.undecidable(UnknownFunction, 1)
		return
	}
	by := s.operators[e.Approval.Operator]
	if by == nil {
		s.undecidable(UnknownApprover, 1)
		return
	}
	// What is allowed, or can be lent by nobody, would not have come to an approver.
	if a := asks.answer(q); a.access != policy.OverrideRequired {
		s.result.Decisions++
		s.result.Unasked++
		return
	}
	a := by.approves(q.index)
	if a.access == policy.Allowed && by.planes.Limited(q.index) {
		s.undecidable(Limited, 1)
		return
	}
	s.count(e, e.Approval.Operator, e.Function, true, was, a)
}

// count takes in an answer.
func (s *Simulation) count(e *entry.Entry, operator, function string, approving bool, was policy.Access, a answer) {
	day := s.dayOf(e.Stamp.Wall)
	s.result.Decisions++
	otherwise := was != a.access
	for i, key := range [...]string{operator, function, day} {
		t := s.tallies[i][key]
		if t == nil {
			t = &Tally{Key: key}
			s.tallies[i][key] = t
		}
		t.Decisions++
		if otherwise {
			t.Otherwise++
		}
	}
	if !otherwise {
		s.result.Same++
		return
	}
	s.result.Otherwise++
	k := change{day, operator, function, approving, was, a.access, a.reason, a.rule}
	c := s.changes[k]
	if c == nil {
		c = &Change{
			Day: day, Operator: operator, Function: function, Approving: approving, Was: was, Would: a.access, Reason: a.reason, Rule: a.rule, First: e.Seq,
		}
		s.changes[k] = c
	}
	c.Count++
}

// dayOf is the day of a wall time. Entries come in order, so that it is mostly
// the one before's.
func (s *Simulation) dayOf(wall int64) string {
	if s.day == "" || wall < s.from || wall >= s.to {
		t := time.Unix(0, wall).In(s.zone)
		y, m, d := t.Date()
		s.day = t.Format(time.DateOnly)
		s.from = time.Date(y, m, d, 0, 0, 0, 0, s.zone).UnixNano()
		s.to = time.Date(y, m, d+1, 0, 0, 0, 0, s.zone).UnixNano()
	}
	return s.day
}

func (s *Simulation) period(e *entry.Entry) {
	at := e.Stamp.Time()
	r := &s.result
	if r.Entries == 0 || at.Before(r.First) {
		r.First = at
	}
	if r.Entries == 0 || at.After(r.Last) {
		r.Last = at
	}
	r.Entries++
	r.Journals = max(r.Journals, 1)
}
