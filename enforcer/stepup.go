package enforcer

import (
	"context"
	"fmt"

	"tillwarden/enforcer/journal/entry"
)

// StepUp confirms what waits for the own PIN of the operator who asked. Who
// calls has checked that PIN, by a method that says so. It is announced, stands
// and ends as an override does. Every try is journaled; if it counts, the
// decision is allowed, who waits gets the grant, and a manager who had fallen back
// has not any more.
func (g *Gate) StepUp(ctx context.Context, override entry.Seq, by Subject, method entry.Method, source string) (Decision, error) {
	by = by.known()
	d, err := g.lend(ctx, by.WorkGroups, func(s *Snapshot) (*pending, entry.Entry, Decision) {
		p := g.find(override)
		e := answering(s, p, entry.KindStepUp, override, source)
		e.Method = method
		e.Outcome, e.Reason = entry.OutcomeAllowed, entry.ReasonRule
		if reason := g.mayConfirm(s, p, by, &e); reason != entry.ReasonNone {
			e.Outcome, e.Reason = entry.OutcomeDenied, reason
		}
		return p, e, answered(&e)
	})
	if err != nil {
		return failed(), fmt.Errorf("confirming %d: %w", override, err)
	}
	g.watchManager()
	return d, nil
}

// mayConfirm says why somebody cannot confirm it; none if they can. The rule is
// looked at once more: it is what the grant hangs on.
func (g *Gate) mayConfirm(s *Snapshot, p *pending, by Subject, e *entry.Entry) entry.Reason {
	if p == nil {
		return entry.ReasonNoOverride
	}
	if reason := g.stands(s, p); reason != entry.ReasonNone {
		return reason
	}
	switch {
	case !p.stepUp():
		return entry.ReasonOwnRequest // it waits for somebody else
	case by.Operator != p.who.Operator || by.Operator != s.Session.Subject.Operator:
		return entry.ReasonStepUp
	case !e.Method.PIN():
		return entry.ReasonPINRequired
	}
	u, _ := g.ruleOf(s.Policy, s.Session, p.view().Function, HasSession|SameSession|Unlocked|Fits, g.meterOf(s, p))
	e.Rule, e.Limit = u.rule, u.limit
	if !u.code.Reason().OwnPIN() {
		return u.code.Reason()
	}
	return entry.ReasonNone
}
