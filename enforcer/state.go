package enforcer

import (
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"tillwarden/enforcer/gauge"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/timeclock"
)

// state is what must survive a crash. It is a fold over the journal: apply
// brings it forward by one entry, live and at start alike.
type state struct {
	// Applied is the last entry of StateKinds that is in here.
	Applied entry.Seq `json:"applied"`
	// Seen is up to where a start has looked: between Applied and it there is
	// nothing to fold.
	Seen     entry.Seq        `json:"seen,omitempty"`
	BootID   entry.BootID     `json:"boot_id"` // of the boot that wrote the file
	Session  *savedSession    `json:"session,omitempty"`
	Override *savedOverride   `json:"override,omitempty"`
	Persons  []string         `json:"persons,omitempty"` // held a session since the till was opened; sorted
	Floors   map[string]floor `json:"floors,omitempty"`
	Undo     undo             `json:"undo,omitzero"`
	Mode     *savedMode       `json:"mode,omitempty"`
	Codes    *savedCodes      `json:"codes,omitempty"`
	// Monitored is how long the installation was in monitor mode, of its own time.
	Monitored time.Duration `json:"monitored_ns,omitempty"`
	// SetUpMonitored: set-up began in monitor mode. SignedOn: somebody signed on, so set-up is over.
	SetUpMonitored bool `json:"set_up_monitored,omitempty"`
	SignedOn       bool `json:"signed_on,omitempty"`
	// Clock is who is clocked in, or on a break.
	Clock timeclock.Clock `json:"clock,omitzero"`

	// Right is when the wall clock was last known to be right.
	Right entry.Stamp `json:"right,omitzero"`

	name string // of who signs on next: entries carry no names
}

// savedSession is a Session without what is derived from the policy.
type savedSession struct {
	ID         entry.Seq    `json:"id"`
	Operator   string       `json:"operator"`
	Name       string       `json:"name,omitempty"`
	Person     string       `json:"person"`
	WorkGroups []string     `json:"work_groups"`
	Method     entry.Method `json:"method"`
	Began      entry.Stamp  `json:"began"`
	Locked     bool         `json:"locked,omitempty"`
	// FellBack is the Session's; Proved is when who is signed on last proved it, boot time.
	FellBack bool  `json:"fell_back,omitempty"`
	Proved   int64 `json:"proved,omitempty"`
	// How often it had the functions that are counted.
	gauge.Uses[string]
}

// savedOverride is a pending override with the request behind it.
type savedOverride struct {
	ID         entry.Seq       `json:"id"`
	Session    entry.Seq       `json:"session"`
	Function   string          `json:"function"`
	FunctionID uint32          `json:"function_id"`
	Drawer     string          `json:"drawer,omitempty"`
	Purpose    entry.Purpose   `json:"purpose,omitempty"`
	Claimant   string          `json:"claimant,omitempty"`
	Method     entry.Method    `json:"method,omitempty"`
	Source     string          `json:"source,omitempty"`
	Lines      uint32          `json:"lines,omitempty"`
	Digest     []byte          `json:"digest,omitempty"`
	Hold       int64           `json:"hold,omitempty"`
	Policy     entry.PolicyRef `json:"policy"`
	StepUp     bool            `json:"step_up,omitempty"`  // it waits for the requester's own PIN
	Needs      uint64          `json:"needs,omitempty"`    // persons, where more than one
	Approved   []approval      `json:"approved,omitempty"` // by the first of them
	Told       *entry.Told     `json:"told,omitempty"`
	Limit      *entry.Limit    `json:"limit,omitempty"`
}

// floor is the highest epoch that was loaded of a type of bundle, with its content.
type floor struct {
	Epoch  uint64 `json:"epoch"`
	Digest digest `json:"digest"`
}

// digest is a SHA-256 that reads as hexadecimal digits.
type digest [32]byte

func (d digest) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(d[:])), nil }

func (d *digest) UnmarshalText(text []byte) error {
	if n, err := hex.Decode(d[:], text); len(text) != 64 || err != nil || n != len(d) {
		return fmt.Errorf("digest %q: want 64 hexadecimal digits", text)
	}
	return nil
}

// undo is what a later KindWithdrawn takes back: the last entry that permitted.
type undo struct {
	Seq     entry.Seq  `json:"seq"`
	Kind    entry.Kind `json:"kind"`
	Persons []string   `json:"persons,omitempty"`
}

// StateKinds lists the kinds of entries that the gate's state is folded from.
// Options.Replay may leave out all others.
func StateKinds() []entry.Kind {
	return append(timeclock.Kinds(),
		entry.KindSignOn, entry.KindSignOff, entry.KindLock, entry.KindUnlock, entry.KindDecision, entry.KindWithdrawn,
		entry.KindOverride, entry.KindApproval, entry.KindOverrideEnd, entry.KindLoad, entry.KindSession,
		entry.KindMode, entry.KindModeEnd, entry.KindModeLeft, entry.KindCodes,
		entry.KindStepUp, entry.KindMemory, entry.KindLapsed, entry.KindFallBack,
	)
}

// stateKinds is asked for each entry, and is not changed.
var stateKinds = StateKinds()

// folds reports whether an entry is one that apply counts as applied. Of
// decisions, which are most of a journal, it is only those that open the till or
// are counted.
func folds(e *entry.Entry) bool {
	if e.Kind == entry.KindDecision {
		return opensTill(e) || e.Uses > 0
	}
	return slices.Contains(stateKinds, e.Kind)
}

// opensTill reports whether a session opened the till; a decision outside one
// (Permit) opens nothing.
func opensTill(e *entry.Entry) bool {
	return e.Function == functionTillOpen && e.Outcome == entry.OutcomeAllowed && e.Session != 0
}

// apply folds one entry in. An entry without a Seq (the journal failed, but
// the restriction holds) is folded without being counted. Entries that are
// folded twice, or whose session is over, change nothing.
func (s *state) apply(e *entry.Entry) {
	if !folds(e) || (e.Seq != 0 && e.Seq <= s.Applied) {
		return
	}
	s.Applied = max(s.Applied, e.Seq)
	s.pass(e.Stamp)
	s.sync(e.Stamp)
	mine := s.Session != nil && e.Session == s.Session.ID
	allowed := e.Outcome == entry.OutcomeAllowed
	switch e.Kind {
	case entry.KindSignOn:
		if allowed {
			s.signOn(e)
		}
	case entry.KindSignOff:
		// Session 0 ends whoever is signed on: it follows a sign-on of which
		// nobody knows whether the journal took it.
		if mine || e.Session == 0 {
			s.Session, s.Override = nil, nil
		}
	case entry.KindLock:
		if mine {
			s.Session.Locked, s.Override = true, nil
		}
	case entry.KindUnlock:
		if mine && allowed {
			s.Session.Locked = false
			if e.Operator == s.Session.Operator {
				s.proved(e)
			}
			s.Undo = undo{Seq: e.Seq, Kind: e.Kind}
		}
	case entry.KindSession:
		if mine && len(e.WorkGroups) > 0 {
			s.Session.WorkGroups = slices.Clone(e.WorkGroups)
			s.Session.Person = e.Person
			s.addPerson(e.Person)
		}
	case entry.KindDecision:
		if opensTill(e) {
			s.openTill(e)
		}
		s.use(e)
	case entry.KindLapsed:
		s.giveBack(e.About)
	case entry.KindOverride:
		if mine {
			s.Override = saveOverride(e)
		}
	case entry.KindApproval:
		s.approve(e)
		s.use(e)
	case entry.KindFallBack:
		if mine {
			s.Session.FellBack = true
		}
	case entry.KindStepUp:
		if allowed && mine {
			s.proved(e)
		}
		s.use(e)
		if allowed && s.Override != nil && e.About == s.Override.ID {
			s.end(e)
		}
	case entry.KindOverrideEnd:
		if s.Override != nil && e.About == s.Override.ID {
			s.Override = nil
		}
	case entry.KindLoad:
		if allowed && e.Policy != nil {
			s.load(e.Text, *e.Policy)
		}
	case entry.KindWithdrawn:
		s.withdraw(e)
		s.giveBack(e.About)
	case entry.KindMode:
		if allowed {
			s.beginMode(e)
			s.useCode(e)
		}
	case entry.KindCodes:
		if allowed {
			s.makeCodes(e)
		}
	case entry.KindMemory:
		s.remember(e)
	case entry.KindClockIn, entry.KindClockOut, entry.KindBreakBegin, entry.KindBreakEnd:
		s.Clock.Apply(e)
	case entry.KindModeEnd:
		// About 0 ends whatever mode there is: it follows a beginning of which
		// nobody knows whether the journal took it.
		if s.Mode != nil && (e.About == s.Mode.ID || e.About == 0) {
			s.Mode = nil
		}
	}
}

// proved folds in that who is signed on proved it.
func (s *state) proved(e *entry.Entry) { s.Session.FellBack, s.Session.Proved = false, e.Stamp.Boot }

func (s *state) signOn(e *entry.Entry) {
	s.Session = &savedSession{
		ID: e.Seq, Operator: e.Operator, Name: s.name, Person: e.Person, WorkGroups: slices.Clone(e.WorkGroups),
		Method: e.Method, Began: e.Stamp, Proved: e.Stamp.Boot,
	}
	s.Override, s.SignedOn = nil, true
	s.addPerson(e.Person)
	s.Undo = undo{Seq: e.Seq, Kind: e.Kind}
}

// approve folds an approval in: the first of two, or the one that ends the override.
func (s *state) approve(e *entry.Entry) {
	if e.Approval == nil || s.Override == nil || e.Approval.Override != s.Override.ID {
		return
	}
	switch e.Outcome {
	case entry.OutcomeOverrideRequired:
		a := approval{e.Seq, e.Approval.Operator, e.Approval.Person}
		// Where the journal had it and could not say so, it may be there twice.
		if !slices.ContainsFunc(s.Override.Approved, func(b approval) bool { return b.Person == a.Person }) {
			s.Override.Approved = append(slices.Clone(s.Override.Approved), a)
			s.Undo = undo{Seq: e.Seq, Kind: e.Kind}
		}
	case entry.OutcomeAllowed:
		s.end(e)
	}
}

// end takes away the override that an entry allows.
func (s *state) end(e *entry.Entry) {
	s.Override = nil
	if opensTill(e) {
		s.openTill(e)
	}
}

// openTill begins a new round of who held a session: whoever is signed on does.
func (s *state) openTill(e *entry.Entry) {
	s.Undo = undo{Seq: e.Seq, Kind: entry.KindDecision, Persons: s.Persons}
	s.Persons = nil
	s.addPerson(e.Person)
}

// withdraw takes back what the entry permitted, and never the other way round:
// persons are remembered rather than forgotten.
func (s *state) withdraw(e *entry.Entry) {
	if e.About == 0 || e.About != s.Undo.Seq {
		return
	}
	switch s.Undo.Kind {
	case entry.KindSignOn:
		if s.Session != nil && s.Session.ID == e.About {
			s.Session, s.Override = nil, nil
		}
	case entry.KindUnlock:
		if s.Session != nil {
			s.Session.Locked, s.Session.FellBack = true, true // it may have been so
		}
	case entry.KindDecision:
		for _, p := range s.Undo.Persons {
			s.addPerson(p)
		}
	case entry.KindApproval:
		if s.Override != nil {
			s.Override.Approved = slices.DeleteFunc(slices.Clone(s.Override.Approved), func(a approval) bool { return a.Seq == e.About })
		}
	}
	s.Undo = undo{}
}

func (s *state) addPerson(p string) {
	if i, found := slices.BinarySearch(s.Persons, p); !found && p != "" {
		s.Persons = slices.Insert(slices.Clone(s.Persons), i, p)
	}
}

func (s *state) heldSession(p string) bool {
	_, found := slices.BinarySearch(s.Persons, p)
	return found
}

// load raises a floor. A floor never sinks.
func (s *state) load(kind string, ref entry.PolicyRef) {
	if s.Floors == nil {
		s.Floors = map[string]floor{}
	}
	if f, ok := s.Floors[kind]; !ok || ref.Epoch > f.Epoch {
		s.Floors[kind] = floor{ref.Epoch, digest(ref.Digest)}
	}
	if kind == BundlePolicy && s.Override != nil && s.Override.Policy != ref {
		s.Override = nil
	}
}

func saveOverride(e *entry.Entry) *savedOverride {
	o := &savedOverride{
		ID: e.Seq, Session: e.Session, Function: e.Function, FunctionID: e.FunctionID, Drawer: e.Drawer,
		Purpose: e.Purpose, Claimant: e.Claimant, Method: e.Method, Source: e.Source, Lines: e.Lines, Digest: slices.Clone(e.Digest), Hold: e.Elapsed,
		StepUp: e.Reason.OwnPIN(), Needs: e.Count, Told: e.Told, Limit: e.Limit,
	}
	if e.Policy != nil {
		o.Policy = *e.Policy
	}
	return o
}
