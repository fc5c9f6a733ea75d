package simulate

import (
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
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
	q.firm = e.Kind == entry.KindSignOn || e.Kind == entry.KindUnlock || e.Kind == entry.KindDecision && e.Session == 0
	q.pin = q.firm && e.Method.PIN()
	return q, true
}

// answer is what the new policy says.
type answer struct {
	access policy.Access
	reason entry.Reason
	rule   policy.Rule // empty where none decided
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

// answer gives the policy's answer, in the order in which the gate looks.
func (s *subject) answer(q question) answer {
	a, ok := s.answers[q]
	if !ok {
		a = s.decide(q)
		if q.firm && a.access == policy.OverrideRequired {
			if a.access = policy.Denied; a.reason == entry.ReasonStepUp && q.pin {
				a.access, a.reason = policy.Allowed, entry.ReasonRule
			}
		}
		s.answers[q] = a
	}
	return a
}

func (s *subject) decide(q question) answer {
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
	a := answer{s.planes.Access(q.index), entry.ReasonRule, s.policy.Explain(s.groups, q.index)}
	if a.access == policy.Allowed {
		switch {
		case f.DualControl:
			a.access, a.reason = policy.OverrideRequired, entry.ReasonDualControl
		case f.StepUp:
			a.access, a.reason = policy.OverrideRequired, entry.ReasonStepUp
		}
	}
	return a
}

// approves tells whether the subject may approve a function for others.
func (s *subject) approves(i policy.Index) answer {
	if s.planes == nil {
		return answer{reason: entry.ReasonNoWorkGroup}
	}
	a := answer{policy.Allowed, entry.ReasonRule, s.policy.Explain(s.groups, i)}
	if s.planes.MayApprove(i) {
		return a
	}
	a.access, a.reason = policy.Denied, entry.ReasonApproverMayNot
	if s.planes.Access(i) == policy.Allowed {
		a.reason = entry.ReasonNoManagerOverride
		if m, ok := s.policy.Lookup(policy.KeyManagerOverride); ok {
			a.rule = s.policy.Explain(s.groups, m)
		}
	}
	return a
}
