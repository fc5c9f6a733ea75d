package enforcer

import (
	"context"
	"fmt"
	"time"

	"tillwarden/enforcer/gauge"
	"tillwarden/enforcer/journal/entry"
)

// maxWord bounds names that a request brings along, as they go to the journal.
const maxWord = 128

func (r *Request) check() error {
	for _, w := range []string{r.Function, r.Drawer, r.Claimant, r.Source} {
		if len(w) > maxWord {
			return fmt.Errorf("%w: a name of %d bytes", ErrRequest, len(w))
		}
	}
	if len(r.Digest) > 64 {
		return fmt.Errorf("%w: a digest of %d bytes", ErrRequest, len(r.Digest))
	}
	return checkTold(r.Told)
}

func (r *Request) hold() time.Duration {
	switch {
	case r.Hold <= 0:
		return DefaultHold
	case r.Hold > MaxHold:
		return MaxHold
	}
	return r.Hold
}

// Authorize decides whether the signed-on operator may do something now. When
// it returns, the decision is in the journal; without the journal there is
// none, and the error says why. Allowed with a drawer comes with a grant;
// override required comes with the override that is pending for it, unless
// only asked for. What was approved for the rest of the transaction is allowed,
// with the approval in its entry. What a mode lets through comes with a grant as if it were
// allowed (Decision.Effective). An allowed decision whose state changed while it was
// being journaled is withdrawn, and denied.
func (g *Gate) Authorize(ctx context.Context, r Request) (Decision, *Grant, error) {
	if err := r.check(); err != nil {
		return failed(), nil, fmt.Errorf("authorizing: %w", err)
	}
	g.idleManager(ctx)
	s := g.Snapshot()
	if counted(s, r.Function) { // one at a time, so that each knows of the others
		if err := g.counting.acquire(ctx); err != nil {
			return failed(), nil, fmt.Errorf("authorizing: %w", err)
		}
		defer g.counting.release()
		s = g.Snapshot()
	}
	d, e := g.decide(s, &r)
	within := g.approved(s, &r, &d, &e)
	if d.Effective() && (!r.NoOverride || r.Drawer != "") && counted(s, r.Function) { // a mere question uses nothing
		e.Uses = gauge.Times(r.Told)
	}
	if d.Outcome == entry.OutcomeOverrideRequired && !r.NoOverride && !d.Effective() {
		d, err := g.ask(ctx, s, &r, d, e)
		return d, nil, err
	}
	if err := g.journal(ctx, &e, r.Drawer != ""); err != nil {
		return failed(), nil, fmt.Errorf("authorizing %s: %w", e.Function, err)
	}
	d.Seq = e.Seq
	if !d.Effective() {
		g.emit(e, &d, nil)
		return d, nil, nil
	}
	grant, ok := g.mint(s.Generation, &e, &r, within)
	if !ok {
		d = g.withdraw(&e, d, entry.ReasonStateChanged)
		return d, nil, nil
	}
	g.emit(e, &d, nil)
	return d, grant, nil
}

// failed is the decision when there is none: nothing may take effect.
func failed() Decision { return Decision{Outcome: entry.OutcomeError} }

// decide decides a request under a snapshot and writes its entry.
func (g *Gate) decide(s *Snapshot, r *Request) (Decision, entry.Entry) {
	e := entry.Entry{
		Kind: entry.KindDecision, Session: r.Session, Method: r.Method, Source: r.Source, Drawer: r.Drawer,
		Purpose: r.Purpose, Claimant: r.Claimant, Lines: r.Lines, Digest: r.Digest, Policy: policyRef(s), Told: r.Told,
	}
	c := Fits
	// What came in another session is not put down to the operator of this one.
	over := r.Generation != 0 && r.Generation != s.Generation
	meant := s.Session != nil && (r.Session == 0 && !over || r.Session == s.Session.ID)
	if (r.Session == 0 || meant) && !over {
		c |= SameSession
	}
	var session Session
	if meant {
		session = *s.Session
		c |= HasSession
		of(&e, &session)
	}
	if !session.Locked {
		c |= Unlocked
	}
	if r.Drawer != "" && s.Policy != nil {
		if i, ok := s.Policy.Lookup(r.Function); ok && !s.Policy.Function(i).Drawer {
			c &^= Fits
		}
	}
	u, manager := g.ruleOf(s.Policy, &session, r.Function, c, meter{g, r.Told, session.ID})
	d := ruled(u, &e, r.Function)
	if manager && !session.FellBack && (!r.NoOverride || r.Drawer != "") { // a mere question is no use
		g.managed()
	}
	if s.Mode != nil {
		d.Mode = g.through(s, &u, r)
		e.Mode = d.Mode
	}
	return d, e
}

// ruled puts a ruling into an entry, and gives it as a decision.
func ruled(u ruling, e *entry.Entry, function string) Decision {
	e.Function, e.Outcome, e.Reason, e.Rule, e.Limit = key(u, function), u.code.Outcome(), u.code.Reason(), u.rule, u.limit
	d := Decision{Outcome: e.Outcome, Reason: e.Reason}
	if u.fn != nil {
		e.FunctionID, d.Function = uint32(u.fn.ID), u.fn.ID
	}
	if u.rule != nil {
		d.Rule = *u.rule
	}
	d.Limit = u.limit
	return d
}

// of names the session's operator in an entry.
func of(e *entry.Entry, s *Session) {
	e.Session, e.Operator, e.Person, e.WorkGroups = s.ID, s.Subject.Operator, s.Subject.Person, s.Subject.WorkGroups
}

func policyRef(s *Snapshot) *entry.PolicyRef {
	if s.Policy == nil {
		return nil
	}
	return &s.Ref
}

// journal commits a decision: in order, if state is folded from it.
func (g *Gate) journal(ctx context.Context, e *entry.Entry, essential bool) error {
	if !folds(e) {
		return g.record(ctx, essential, e)
	}
	done, err := g.commit(ctx, essential, *e)
	if err == nil {
		*e = done[0]
	}
	return err
}

// withdraw journals that an allowed decision came to nothing, and denies it.
func (g *Gate) withdraw(e *entry.Entry, d Decision, reason entry.Reason) Decision {
	d.Outcome, d.Reason, d.Mode = entry.OutcomeDenied, reason, entry.ModeEnforce
	w := *e
	w.Kind, w.Seq, w.About, w.Stamp = entry.KindWithdrawn, 0, e.Seq, entry.Stamp{}
	w.Outcome, w.Reason = d.Outcome, d.Reason
	g.mu.Lock()
	g.owe(w, &d, nil)
	g.mu.Unlock()
	ctx, cancel := g.afterwards()
	defer cancel()
	g.report(g.flush(ctx))
	return d
}
