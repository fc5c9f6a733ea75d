package simulate

import (
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/timeclock"
)

// answered is what the policy of that day answered, and whether it was the
// policy that decided.
func answered(e *entry.Entry) (a policy.Access, decided bool) {
	switch e.Reason {
	case entry.ReasonRule, entry.ReasonRefused, entry.ReasonUnreviewed, entry.ReasonUnknownFunction, entry.ReasonNoWorkGroup,
		entry.ReasonDualControl, entry.ReasonStepUp, entry.ReasonNotForDrawer, entry.ReasonUnsupported, entry.ReasonLimit, entry.ReasonUntold:
	case entry.ReasonApproved, entry.ReasonPending:
		// It took an override: one that was there already, or one for which there was no room.
		return policy.OverrideRequired, true
	default:
		return policy.Denied, false
	}
	switch e.Outcome {
	case entry.OutcomeAllowed:
		return policy.Allowed, true
	case entry.OutcomeOverrideRequired:
		return policy.OverrideRequired, true
	case entry.OutcomeDenied:
		return policy.Denied, true
	}
	return policy.Denied, false
}

// question is what a decision depends on besides the work groups.
type question struct {
	index  policy.Index
	known  bool // the function is in the catalogue
	drawer bool // a drawer is to open for it
	firm   bool // nobody can lend it here: a sign-on, an unlocking, a change of people
	pin    bool // who asks has just typed the PIN
}

// question is what an entry asked, as far as the policy has it; not ok: the
// entry does not say.
func (s *Simulation) question(e *entry.Entry) (q question, ok bool) {
	if e.FunctionID != 0 {
		q.index, q.known = s.policy.LookupID(policy.ID(e.FunctionID))
	} else {
		// It was in no catalogue then; the entry has its key if that was fit to be written.
		if e.Function == "" || e.Function == "unknown" {
			return q, false
		}
		q.index, q.known = s.policy.Lookup(e.Function)
	}
	q.drawer = e.Drawer != ""
	q.firm = e.Kind == entry.KindSignOn || e.Kind == entry.KindUnlock || e.Kind == entry.KindDecision && e.Session == 0 ||
		timeclock.IsPunch(e.Kind)
	q.pin = q.firm && e.Method.PIN()
	return q, true
}

// answer is what the new policy says.
type answer struct {
	access policy.Access
	reason entry.Reason
	rule   policy.Rule // empty where none decided
	limit  Limit       // empty where none decided
	asks   Asks        // empty where what was shown is enough
}

// lendable reports whether somebody else could lend it: not the own PIN.
func (a *answer) lendable() bool {
	return a.access == policy.OverrideRequired && a.reason != entry.ReasonStepUp
}

// Limit is the part of a limit that decided.
type Limit struct {
	WorkGroup string
	Function  string // that is limited
	Part      policy.LimitPart
	Limit     policy.Limit
}

// Asks is what a work group asks its operators to show: to sign on and act in the own
// name, or to approve for others.
type Asks struct {
	WorkGroup string
	Approving bool
	Method    policy.SignOnMethod
}

// subject is somebody with work groups, and what they come to under the policy.
type subject struct {
	policy  *policy.Compiled
	groups  []string
	unknown []string
	planes  *policy.Planes // nil: the policy knows none of the work groups
	answers map[question]answer
}

func newSubject(p *policy.Compiled, groups []string) *subject {
	s := &subject{policy: p, groups: groups, answers: map[question]answer{}}
	if s.planes, s.unknown = p.Planes(groups); len(s.unknown) == len(groups) {
		s.planes = nil
	}
	return s
}

// answer gives the policy's answer to an entry, in the order in which the gate
// looks. Where the entry does not tell enough, why says what is missing.
func (s *subject) answer(q question, e *entry.Entry, m *meter) (a answer, why string) {
	a, known := s.answers[q]
	if !known {
		if a = s.byRule(q); !q.known || !s.planes.Limited(q.index) {
			a = s.besides(q, a)
		}
		s.answers[q] = a
	}
	if q.known && a.access == policy.Allowed && s.planes.Limited(q.index) {
		if a, why = s.byLimit(q, e, m, a); why != "" {
			return a, why
		}
		a = s.besides(q, a)
	}
	return a, ""
}

// byRule is the answer of the marks.
func (s *subject) byRule(q question) answer {
	switch {
	case !q.known:
		return answer{reason: entry.ReasonUnknownFunction}
	case s.planes == nil:
		return answer{reason: entry.ReasonNoWorkGroup}
	}
	f := s.policy.Function(q.index)
	switch {
	case q.drawer && !f.Drawer:
		return answer{reason: entry.ReasonNotForDrawer}
	case f.DualControl && f.Override != policy.OverrideManager:
		return answer{reason: entry.ReasonUnsupported}
	}
	return answer{access: s.planes.Access(q.index), reason: entry.ReasonRule, rule: s.policy.Explain(s.groups, q.index)}
}

// byLimit holds what is allowed against the limits.
func (s *subject) byLimit(q question, e *entry.Entry, m *meter, a answer) (answer, string) {
	// Outside of a session nothing is told; and a limit that was there already had it
	// asked for in vain.
	x, why := within(s.policy, s.groups, q.index, m.values(e, q.index), q.firm || e.Reason == entry.ReasonUntold)
	if why != "" {
		return answer{}, why
	}
	if x.WorkGroup != "" {
		a.rule = s.policy.Explain([]string{x.WorkGroup}, q.index)
	}
	if x.Within {
		return a, ""
	}
	f := s.policy.Function(q.index)
	a.access, a.reason, a.limit = policy.Denied, entry.ReasonLimit, Limit{x.WorkGroup, f.Key, x.Part, x.Limit}
	if x.Untold {
		a.reason = entry.ReasonUntold
	}
	if f.Override == policy.OverrideManager {
		a.access = policy.OverrideRequired
	}
	return a, ""
}

// besides is where the own check is not enough, or no override is possible.
func (s *subject) besides(q question, a answer) answer {
	if a.access == policy.Allowed {
		switch f := s.policy.Function(q.index); {
		case f.DualControl:
			a.access, a.reason = policy.OverrideRequired, entry.ReasonDualControl
		case f.StepUp:
			a.access, a.reason = policy.OverrideRequired, entry.ReasonStepUp
		}
	}
	if q.firm && a.access == policy.OverrideRequired {
		if a.access = policy.Denied; a.reason == entry.ReasonStepUp && q.pin {
			a.access, a.reason = policy.Allowed, entry.ReasonRule
		}
	}
	return a
}

// approves tells whether the subject may approve what an entry asks for.
func (s *subject) approves(q question, e *entry.Entry, m *meter) (a answer, why string) {
	if s.planes == nil {
		return answer{reason: entry.ReasonNoWorkGroup}, ""
	}
	i := q.index
	a = answer{access: policy.Allowed, reason: entry.ReasonRule, rule: s.policy.Explain(s.groups, i)}
	manager, ok := s.policy.Lookup(policy.KeyManagerOverride)
	if !ok || !s.planes.MayApprove(i) {
		a.access, a.reason = policy.Denied, entry.ReasonApproverMayNot
		if s.planes.Access(i) == policy.Allowed && ok {
			a.reason, a.rule = entry.ReasonNoManagerOverride, s.policy.Explain(s.groups, manager)
		}
		return a, ""
	}
	v := m.values(e, i)
	own := v
	own.Uses = policy.Told{} // approvals are not counted by session
	for _, of := range []struct {
		index policy.Index
		v     policy.Values
		told  bool
	}{{i, v, e.Reason == entry.ReasonApproverLimit}, {manager, own, e.Reason == entry.ReasonApproverLimit}} {
		if !s.planes.Limited(of.index) {
			continue
		}
		x, why := within(s.policy, s.groups, of.index, of.v, of.told)
		if x.Part == policy.LimitCount && of.index == manager && x.Untold {
			why = ""
		}
		if why != "" {
			return answer{}, why
		}
		if !x.Within {
			a.access, a.reason = policy.Denied, entry.ReasonApproverLimit
			a.limit = Limit{x.WorkGroup, s.policy.Function(of.index).Key, x.Part, x.Limit}
			return a, ""
		}
	}
	return a, ""
}

// shown holds what is allowed against how somebody showed who it is. Where the
// policy itself wants the card and none was shown, nothing is; what only the site's
// configuration wants is not in the journal. pin: besides the card the PIN would
// have been asked for, which somebody who has one types.
func (s *subject) shown(m entry.Method, approving bool, a answer) (_ answer, pin bool) {
	if a.access != policy.Allowed {
		return a, false
	}
	wants, group := s.policy.Shows(s.groups, approving)
	switch {
	case wants == policy.SignOnCardPIN && (m == entry.MethodNumberPIN || m == entry.MethodRemote):
		return answer{reason: entry.ReasonCardRequired, asks: Asks{group, approving, wants}}, false
	case m == entry.MethodCard:
		return a, wants == policy.SignOnCardPIN || wants == policy.SignOnNumberPIN
	}
	return a, false
}
