// Package simulate tells which of the decisions that a register really made
// would have gone another way under another policy.
//
// It takes a journal's entries one by one with Add, in their order, and is asked
// for its result when they are over: one pass, and memory for the operators,
// functions and days that there are, not for the entries. Several registers'
// journals make one simulation when NextJournal stands between them.
//
// Each decision is answered anew as the gate would: the same function, asked by
// an operator with the work groups of that moment, with the amounts that the POS
// told. Simulated under the policy that made them, no decision changes.
//
// It does not play the day again. What would have followed from another answer
// (somebody asks a manager, or gives up) nobody knows. What was decided by the
// state of the register alone (nobody signed on, locked, a wrong PIN) is counted
// and left as it was. What the entries do not tell is counted as not decidable,
// by reason, and never guessed.
//
// Limits that count what a session had are counted anew: what the new policy
// allows, and what somebody really approved where it does not. A question that
// opens no drawer may count as a use, as the journal does not tell them apart.
//
// Where the new policy itself wants the card of whoever signs on or approves, and
// none was shown, that would not have been. Where it wants the PIN besides, it is
// counted, and the answer is the same: who is asked for a PIN types it.
//
// It is pure: no clock, no files, no journal, no policy source.
package simulate

import (
	"slices"
	"strings"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/week"
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
	// NotTold: a limit is held against an amount or a percent that the POS did not tell.
	NotTold = "a limit is held against what the POS did not tell"
	// UnknownUses: a limit counts what a session had, whose beginning is not among the entries.
	UnknownUses = "a limit counts in a session whose beginning is not in the journal"
	// UnknownRegister: a limit is for some registers, and this one's name is not known.
	UnknownRegister = "a limit is for some registers, and this one's name is not known"
	// UnsureClock: a limit is for some hours, and the register's clock may have been wrong.
	UnsureClock = "a limit is for some hours, and the register's clock was not sure"
	// NotListed: refusals of one source beyond its rate, which the journal only counts.
	NotListed = "only counted in the journal, not listed"
)

// loadedPolicy is what the gate calls a policy in the entry of its loading.
const loadedPolicy = "policy"

// Simulation collects what a result is made of.
type Simulation struct {
	policy *policy.Compiled
	zone   *time.Location
	meter  meter

	result    Result
	begin     int64                  // wall time before which entries are followed, and not counted
	lead      Result                 // what they would have counted as
	into      *Result                // one of both
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
	was                     policy.Access
	answer                  answer
}

// New begins a simulation of a policy. Days, and the hours of limits, are those of
// the zone.
func New(p *policy.Compiled, zone *time.Location) *Simulation {
	s := &Simulation{policy: p, zone: zone, subjects: map[string]*subject{}, changes: map[change]*Change{}, unknown: map[string]map[string]struct{}{}}
	s.result.NotDecidable, s.lead.NotDecidable = map[string]int64{}, map[string]int64{}
	for i := range s.tallies {
		s.tallies[i] = map[string]*Tally{}
	}
	s.Register("")
	return s
}

// From says when the part begins that is asked about. Entries of before tell which
// work groups people have and what their sessions had, and are not counted.
func (s *Simulation) From(t time.Time) { s.begin = t.UnixNano() }

// Register says which register the entries that follow are of, by the name that its
// configuration gives it; empty: not known. Nothing is known of its sessions yet.
func (s *Simulation) Register(name string) {
	s.operators, s.unmade = map[string]*subject{}, map[entry.Seq]struct{}{}
	s.meter = meter{zone: s.zone, register: name}
}

// NextJournal says that the entries that follow are of another register.
func (s *Simulation) NextJournal(register string) {
	s.Register(register)
	if s.result.Entries > 0 {
		s.result.Journals++
	}
}

// Add takes the journal's next entry.
func (s *Simulation) Add(e *entry.Entry) {
	if s.into = &s.result; e.Stamp.Wall < s.begin {
		s.into = &s.lead
	} else {
		s.period(e)
	}
	s.meter.follow(e)
	var asks *subject
	if e.Operator != "" {
		if asks = s.subject(e); s.into == &s.result {
			s.miss(asks, e.Operator)
		}
	}
	switch e.Kind {
	case entry.KindSignOn, entry.KindUnlock, entry.KindDecision:
		s.decision(asks, e, e.Operator)
	case entry.KindClockIn, entry.KindClockOut, entry.KindBreakBegin, entry.KindBreakEnd:
		s.punch(asks, e)
	case entry.KindApproval:
		s.approval(asks, e)
	case entry.KindMode:
		if e.Rule != nil {
			s.undecidable(TwoPersons, 1)
		}
	case entry.KindPeople: // whose work groups are perhaps others now
		delete(s.operators, e.Subject)
	case entry.KindLoad: // of anything but a policy, which changes nobody's
		if e.Outcome == entry.OutcomeAllowed && e.Text != loadedPolicy {
			clear(s.operators)
		}
	case entry.KindSummary:
		s.undecidable(NotListed, int64(e.Count))
	}
}

func (s *Simulation) undecidable(why string, n int64) {
	s.into.Decisions += n
	s.into.NotDecidable[why] += n
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
	}
	return o
}

// miss notes the work groups of an operator that the policy has not.
func (s *Simulation) miss(o *subject, operator string) {
	for _, g := range o.unknown {
		if s.unknown[g] == nil {
			s.unknown[g] = map[string]struct{}{}
		}
		s.unknown[g][operator] = struct{}{}
	}
}

// punch answers a punch of the time clock anew, for who made it: the operator
// whose clock it is, or another one.
func (s *Simulation) punch(asks *subject, e *entry.Entry) {
	switch by := e.Approval; {
	case e.Function == "": // a break whose time was up
	case by == nil:
		s.decision(asks, e, e.Operator)
	case s.operators[by.Operator] == nil:
		s.undecidable(UnknownApprover, 1)
	default:
		s.decision(s.operators[by.Operator], e, by.Operator)
	}
}

// decision answers a decision of an operator's anew.
func (s *Simulation) decision(asks *subject, e *entry.Entry, operator string) {
	was, decided := answered(e)
	if !decided || asks == nil {
		s.into.Decisions++
		s.into.ByState++
		return
	}
	q, ok := s.question(e)
	if !ok {
		s.undecidable(UnknownFunction, 1)
		return
	}
	a, why := asks.answer(q, e, &s.meter)
	s.meter.decided(e, q.index, a, why)
	if why != "" {
		s.undecidable(why, 1)
		return
	}
	if q.firm {
		a = s.shown(asks, e.Method, false, was, a)
	}
	if e.Kind == entry.KindSignOn && was == policy.Allowed && a.access != policy.Allowed {
		s.unmade[e.Seq] = struct{}{}
	} else if _, ok := s.unmade[e.Session]; ok {
		s.into.InUnmadeSessions++
	}
	s.count(e, operator, false, was, a)
}

// approval answers anew whether somebody might approve.
func (s *Simulation) approval(asks *subject, e *entry.Entry) {
	p, announced := s.meter.pending[e.About]
	if announced && e.Outcome == entry.OutcomeAllowed {
		defer s.meter.approved(e, p) // after what it is measured by
	}
	was := policy.Denied
	switch e.Reason {
	case entry.ReasonRule, entry.ReasonOneOfTwo, entry.ReasonWhyNeeded, entry.ReasonOneAction, entry.ReasonApprovedAlready:
		was = policy.Allowed // the approver might, whatever was missing besides
	case entry.ReasonNoManagerOverride, entry.ReasonApproverMayNot, entry.ReasonApproverLimit:
	default:
		s.into.Decisions++
		s.into.ByState++
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
	lendable := p.lendable
	if !announced {
		a, why := asks.answer(q, e, &s.meter)
		lendable = why != "" || a.lendable()
	}
	if !lendable {
		s.into.Decisions++
		s.into.Unasked++
		return
	}
	a, why := by.approves(q, e, &s.meter)
	if why != "" {
		s.undecidable(why, 1)
		return
	}
	s.count(e, e.Approval.Operator, true, was, s.shown(by, e.Approval.Method, true, was, a))
}

// shown is an answer with what somebody had to show. What was refused may have been
// so before it came to that.
func (s *Simulation) shown(of *subject, m entry.Method, approving bool, was policy.Access, a answer) answer {
	a, pin := of.shown(m, approving, a)
	if pin && was == policy.Allowed {
		s.into.WithPIN++
	}
	return a
}

// count takes in an answer.
func (s *Simulation) count(e *entry.Entry, operator string, approving bool, was policy.Access, a answer) {
	if s.into == &s.lead {
		return
	}
	day, function := s.dayOf(e.Stamp.Wall), e.Function
	s.into.Decisions++
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
		s.into.Same++
		return
	}
	s.into.Otherwise++
	k := change{day, operator, function, approving, was, a}
	c := s.changes[k]
	if c == nil {
		c = &Change{
			Day: day, Operator: operator, Function: function, Approving: approving, Was: was, Would: a.access, Reason: a.reason, Rule: a.rule,
			Limit: a.limit, Asks: a.asks, First: e.Seq,
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
		s.from = week.DayStart(y, m, d, s.zone).UnixNano()
		s.to = week.DayStart(y, m, d+1, s.zone).UnixNano()
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
