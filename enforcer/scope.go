package enforcer

import (
	"context"
	"slices"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// scope is an approval that holds for the rest of a transaction: what was
// approved is allowed again, for the same function and drawer, until the
// transaction is over. That is whichever comes first: a receipt was cut or a
// drawer opened for a sale (EndTransaction), sign-off, lock, a new policy or
// roster, a mode, the time in Options. It is kept in memory alone and so never
// survives a restart.
type scope struct {
	approval entry.Entry
	by       []string      // the approver's work groups
	until    time.Duration // boot time
	stop     func() bool   // its time-out
	uses     uint64        // guarded by mu
}

// scoped reports whether an approval of the function may hold for longer than
// one action. What takes two persons takes them each time.
func scoped(f *policy.Function) bool { return f.Transaction && !f.DualControl }

// hold lets an approval hold from now on. Called with mu held.
func (g *Gate) hold(e *entry.Entry, by []string) {
	s := &scope{approval: *e, by: by, until: g.clock.Boot() + g.opt.Transaction}
	s.stop = g.later(g.opt.Transaction, func(ctx context.Context) {
		g.mu.Lock()
		if g.holds(s) {
			g.endScope(s, entry.ReasonTimeout)
		}
		g.mu.Unlock()
		g.report(g.flush(ctx))
	})
	g.scopes = append(slices.Clone(g.scopes), s)
}

// holds reports whether an approval still holds; its time is over once it is
// timed out, however late the timer is. Called with mu held.
func (g *Gate) holds(s *scope) bool { return slices.Contains(g.scopes, s) }

// approved allows what would need an override and was approved for the rest of
// the transaction, and gives that approval; nil: nothing was.
func (g *Gate) approved(s *Snapshot, r *Request, d *Decision, e *entry.Entry) *scope {
	if d.Outcome != entry.OutcomeOverrideRequired || d.Effective() || s.Session == nil {
		return nil
	}
	switch d.Reason {
	case entry.ReasonRule, entry.ReasonLimit, entry.ReasonUntold:
	default:
		return nil
	}
	i, ok := s.Policy.Lookup(e.Function)
	if !ok {
		return nil
	}
	v := meter{g, r.Told, s.Session.ID}.values(e.Function)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.snap.Load().Generation != s.Generation {
		return nil // scopes end with their generation
	}
	for _, c := range g.scopes {
		a := &c.approval
		if a.Session != s.Session.ID || a.Function != e.Function || a.Drawer != r.Drawer || g.clock.Boot() >= c.until || !covers(a.Told, r.Told) {
			continue
		}
		var own entry.Entry
		if planes := planesOf(s.Policy, c.by); planes == nil || !mayLendSoMuch(s.Policy, planes, c.by, i, v, &own) {
			continue // nobody lends more than the own limit, a little later neither
		}
		by := *a.Approval
		e.Approval, e.About = &by, a.Seq
		*d = agree(*d, e, entry.ReasonApproved)
		return c
	}
	return nil
}

// EndTransaction says that a transaction is over: no approval holds any longer.
// It holds at once; the journal has it soon after. What was granted before
// keeps its seconds.
func (g *Gate) EndTransaction() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.scopes) == 0 || g.closed {
		return
	}
	g.endScopes(entry.ReasonTransaction)
	g.calls.Go(func() {
		ctx, cancel := g.afterwards()
		defer cancel()
		g.report(g.flush(ctx))
	})
}

// endScopes ends all approvals that hold; the entries are owed. Called with mu held.
func (g *Gate) endScopes(reason entry.Reason) {
	for _, s := range g.scopes {
		g.endScope(s, reason)
	}
}

func (g *Gate) endScope(s *scope, reason entry.Reason) {
	g.scopes = slices.DeleteFunc(slices.Clone(g.scopes), func(c *scope) bool { return c == s })
	s.stop()
	e := followsFrom(&s.approval, entry.KindScopeEnd)
	e.Outcome, e.Reason, e.Count = entry.OutcomeAllowed, reason, s.uses
	by := *s.approval.Approval
	e.Approval = &by
	g.owe(e, nil, nil)
}
