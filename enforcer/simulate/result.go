package simulate

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// Result is what would have gone another way.
type Result struct {
	// First and Last are the moments of the first and the last entry.
	First    time.Time `json:"first,omitzero"`
	Last     time.Time `json:"last,omitzero"`
	Entries  int64     `json:"entries"`
	Journals int       `json:"journals"`
	// Decisions is how many there were: Same, Otherwise, ByState, Unasked and
	// those that are NotDecidable, together.
	Decisions int64 `json:"decisions"`
	Same      int64 `json:"same"`      // the new policy answers the same
	Otherwise int64 `json:"otherwise"` // it does not
	// ByState are those that no policy decided, but the state of the register, or
	// who the persons are.
	ByState int64 `json:"by_state"`
	// Unasked are approvals of what would not have come to an approver.
	Unasked      int64            `json:"unasked"`
	NotDecidable map[string]int64 `json:"not_decidable"` // by why
	// InUnmadeSessions is how many of the decisions were made in sessions that
	// would not have begun. Each is answered for itself all the same.
	InUnmadeSessions int64 `json:"in_unmade_sessions"`
	// WithPIN is how often somebody who showed a card alone would have been asked for
	// the PIN besides. The answer is the same.
	WithPIN int64 `json:"with_pin"`
	// UnknownGroups are work groups that operators had and the policy has not,
	// with how many operators had them.
	UnknownGroups map[string]int `json:"unknown_work_groups"`

	Changes   []Change `json:"changes"`   // by function, direction, operator and day
	Operators []Tally  `json:"operators"` // those with most changes first
	Functions []Tally  `json:"functions"` // likewise
	Days      []Tally  `json:"days"`      // in order of time
}

// Change is how often something would have gone another way in the same manner.
type Change struct {
	Day      string `json:"day"`      // 2006-01-02
	Operator string `json:"operator"` // who asked; of an approval, who approved
	Function string `json:"function"`
	// Approving: it is about approving the function for somebody else.
	Approving bool          `json:"approving,omitempty"`
	Was       policy.Access `json:"was"`
	Would     policy.Access `json:"would_be"`
	Reason    entry.Reason  `json:"-"` // of the new answer
	Rule      policy.Rule   `json:"-"` // behind it; empty where none decided
	Limit     Limit         `json:"-"` // that was exceeded; empty where that is not why
	Asks      Asks          `json:"-"` // what was not shown; empty where that is not why
	Count     int64         `json:"count"`
	First     entry.Seq     `json:"first_entry"` // the first such one
}

// Tally is how many decisions of an operator, a function or a day would have
// gone another way.
type Tally struct {
	Key       string `json:"key"`
	Decisions int64  `json:"decisions"` // that could be answered anew
	Otherwise int64  `json:"otherwise"`
}

// Result gives what was found so far.
func (s *Simulation) Result() *Result {
	r := s.result
	r.NotDecidable = maps.Clone(r.NotDecidable)
	r.UnknownGroups = make(map[string]int, len(s.unknown))
	for g, of := range s.unknown {
		r.UnknownGroups[g] = len(of)
	}
	r.Changes = make([]Change, 0, len(s.changes))
	for _, c := range s.changes {
		r.Changes = append(r.Changes, *c)
	}
	slices.SortFunc(r.Changes, func(a, b Change) int {
		return cmp.Or(
			strings.Compare(a.Function, b.Function), boolean(a.Approving)-boolean(b.Approving), cmp.Compare(a.Was, b.Was), cmp.Compare(a.Would, b.Would),
			strings.Compare(a.Operator, b.Operator), strings.Compare(a.Day, b.Day), cmp.Compare(a.First, b.First),
		)
	})
	byChanges := func(a, b Tally) int {
		return cmp.Or(cmp.Compare(b.Otherwise, a.Otherwise), strings.Compare(a.Key, b.Key))
	}
	r.Operators = tallies(s.tallies[0], byChanges)
	r.Functions = tallies(s.tallies[1], byChanges)
	r.Days = tallies(s.tallies[2], func(a, b Tally) int { return strings.Compare(a.Key, b.Key) })
	return &r
}

func tallies(of map[string]*Tally, order func(a, b Tally) int) []Tally {
	list := make([]Tally, 0, len(of))
	for _, t := range of {
		list = append(list, *t)
	}
	slices.SortFunc(list, order)
	return list
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}
