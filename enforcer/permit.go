package enforcer

import (
	"context"
	"fmt"

	"tillwarden/enforcer/journal/entry"
)

// Permit decides what a named operator may do outside the session: changes of
// people, reading the journal. There are no overrides; what would need one is
// denied, and what needs the own PIN again where method has none. about says whom or what it is about. It never gives a grant.
func (g *Gate) Permit(ctx context.Context, by Subject, function string, method entry.Method, source, about string) (Decision, error) {
	r := Request{Function: function, Claimant: about, Source: source}
	if err := r.check(); err != nil {
		return failed(), fmt.Errorf("permitting: %w", err)
	}
	by = by.known()
	s := g.Snapshot()
	e := entry.Entry{
		Kind: entry.KindDecision, Operator: by.Operator, Person: by.Person, WorkGroups: by.WorkGroups,
		Method: method, Source: source, Subject: about, Policy: policyRef(s),
	}
	planes := planesOf(s.Policy, by.WorkGroups)
	u := rule(s.Policy, planes, by.WorkGroups, function, HasSession|SameSession|Unlocked|Fits, meter{gate: g})
	d := firm(ruled(u, &e, function), &e, method)
	if err := g.journal(ctx, &e, false); err != nil {
		return failed(), fmt.Errorf("permitting %s: %w", e.Function, err)
	}
	d.Seq = e.Seq
	if d.Outcome == entry.OutcomeAllowed {
		if g.Snapshot().Generation != s.Generation {
			return g.withdraw(&e, d, entry.ReasonStateChanged), nil
		}
	}
	g.emit(e, &d, nil)
	return d, nil
}
