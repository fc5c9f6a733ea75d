package enforcer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tillwarden/enforcer/gauge"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// Approver is who answers a pending override, and on what terms. Who calls has
// identified the person.
type Approver struct {
	Subject
	Method entry.Method
	Source string
	// Why is the reason, where the function wants one; it may be given for any.
	Why Why
	// Transaction: not for one action, but for the rest of the transaction. Only
	// for a function that allows it.
	Transaction bool
	// What the journal notes besides: Fallback, number and PIN stood for a card;
	// At, where a remote approver says to be signed on.
	Fallback bool
	At       string
}

// MaxAt is how many bytes the place of a remote approver may have.
const MaxAt = 64

// CheckAt says what is wrong with the place where somebody says to be signed on.
func CheckAt(at string) error {
	switch {
	case len(at) > MaxAt || !policy.ValidName(at):
		return fmt.Errorf("a place is one line of plain text, at most %d bytes", MaxAt)
	case longNumber(at):
		return errors.New("the place has a long number in it, and no such number goes to the journal")
	}
	return nil
}

// check says what no caller should hand over.
func (a *Approver) check() (err error) {
	if a.Why.Text != "" {
		err = CheckWhy(a.Why.Text)
	}
	if err == nil && a.At != "" {
		err = CheckAt(a.At)
	}
	if err == nil && (a.Method == entry.MethodRemote) != (a.At != "") {
		err = errors.New("a remote approval says from where, and no other does")
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRequest, err)
	}
	return nil
}

// Approve lets a second person lend the authority for a pending override. Every
// try is journaled. If it counts, the
// decision is allowed, and who waits for the override gets the grant; else it
// is denied with the reason, and the override stands.
//
// Under dual control it takes two such persons: the first approval is answered
// with override required (ReasonOneOfTwo), and the override stands for the rest
// of its time.
//
// Where the function wants a reason and none was given that will do, the
// answer is denied with ReasonWhyNeeded, last of all reasons: the same person
// may approve with one.
func (g *Gate) Approve(ctx context.Context, override entry.Seq, by Approver) (Decision, error) {
	if err := by.check(); err != nil {
		return failed(), fmt.Errorf("approving override %d: %w", override, err)
	}
	by.Subject = by.known()
	d, err := g.lend(ctx, by.WorkGroups, func(s *Snapshot) (*pending, entry.Entry, Decision) {
		return g.try(s, override, &by, false)
	})
	if err != nil {
		return failed(), fmt.Errorf("approving override %d: %w", override, err)
	}
	return d, nil
}

// lend decides, journals and lets count what somebody gives a pending override.
// of are the work groups of who gives it.
func (g *Gate) lend(ctx context.Context, of []string, try func(*Snapshot) (*pending, entry.Entry, Decision)) (Decision, error) {
	// One at a time, so that of two approvals each knows of the other.
	if err := g.approving.acquire(ctx); err != nil {
		return failed(), err
	}
	defer g.approving.release()
	if err := g.counting.acquire(ctx); err != nil {
		return failed(), err
	}
	defer g.counting.release()
	s := g.Snapshot()
	p, e, d := try(s)
	if d.Outcome == entry.OutcomeAllowed && counted(s, e.Function) {
		e.Uses = gauge.Times(e.Told)
	}
	if d.Outcome == entry.OutcomeDenied {
		if err := g.record(ctx, true, &e); err != nil {
			return failed(), err
		}
		d.Seq = e.Seq
		g.emit(e, &d, viewOf(p))
		return d, nil
	}
	done, err := g.commit(ctx, true, e)
	if err != nil {
		return failed(), err
	}
	e = done[0]
	d.Seq = e.Seq
	if reason := g.count(s, p, &e, d, of); reason != entry.ReasonNone {
		return g.withdraw(&e, d, reason), nil
	}
	g.emit(e, &d, p.view())
	return d, nil
}

// count lets an approval count, if the override still stands in the state
// that it was decided in: the first of two is noted, and the last ends the
// override and mints its grant. Time-out, cancelling and a change of state take
// the same lock: one of them comes first.
func (g *Gate) count(s *Snapshot, p *pending, e *entry.Entry, d Decision, of []string) entry.Reason {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.pending != p {
		if r := p.result.Reason; p.result.Outcome == entry.OutcomeDenied && r == entry.ReasonTimeout || r == entry.ReasonCancelled {
			return r
		}
		return entry.ReasonStateChanged
	}
	if g.closed || g.snap.Load().Generation != s.Generation || p.gen != s.Generation {
		return entry.ReasonStateChanged
	}
	if d.Outcome == entry.OutcomeAllowed {
		g.settle(p, d, g.mintLocked(s.Generation, e, p.hold))
		if a := e.Approval; a != nil && a.Transaction {
			g.hold(e, of)
		}
		g.withoutOverride(e.Kind == entry.KindStepUp)
		return entry.ReasonNone
	}
	p.given = append(p.given, approval{e.Seq, e.Approval.Operator, e.Approval.Person})
	view := *p.view()
	view.Approved = operators(p.given)
	p.now.Store(&view)
	next := *g.snap.Load()
	next.Override = &view
	g.snap.Store(&next)
	return entry.ReasonNone
}

// answering begins the entry of what somebody gives a pending override; p may be nil.
func answering(s *Snapshot, p *pending, kind entry.Kind, override entry.Seq, source string) entry.Entry {
	e := entry.Entry{Kind: kind}
	if p != nil {
		e = followsFrom(&p.entry, kind)
		e.WorkGroups, e.Claimant, e.Method = p.entry.WorkGroups, p.entry.Claimant, p.entry.Method
		e.Lines, e.Digest, e.Told = p.entry.Lines, p.entry.Digest, p.entry.Told
	}
	e.Source, e.About, e.Policy = source, override, policyRef(s)
	return e
}

// answered is the decision that such an entry says.
func answered(e *entry.Entry) Decision {
	d := Decision{Outcome: e.Outcome, Reason: e.Reason, Function: functionID(e), Override: e.About, Limit: e.Limit}
	if e.Rule != nil {
		d.Rule = *e.Rule
	}
	return d
}

// try decides an approval, or that somebody may refuse, and writes its entry.
func (g *Gate) try(s *Snapshot, override entry.Seq, by *Approver, refusing bool) (*pending, entry.Entry, Decision) {
	p := g.find(override)
	e := answering(s, p, entry.KindApproval, override, by.Source)
	e.Approval = &entry.Approval{
		Operator: by.Operator, Person: by.Person, Method: by.Method, Override: override, Fallback: by.Fallback, At: by.At, OffClock: by.At == "" && g.offClock(by.Person),
		Transaction: by.Transaction,
	}
	reason, given := entry.ReasonNoOverride, []approval(nil)
	if p != nil {
		reason, given = g.entitled(s, p, by, &e, refusing)
	}
	e.Outcome, e.Reason = entry.OutcomeAllowed, entry.ReasonRule
	switch {
	case reason != entry.ReasonNone:
		e.Outcome, e.Reason = entry.OutcomeDenied, reason
	case refusing:
	case by.Transaction && !p.view().Transaction:
		e.Outcome, e.Reason = entry.OutcomeDenied, entry.ReasonOneAction
	case by.Why.missing(functionNamed(s, p.view().Function).Reason, g.opt.WhyKnown):
		e.Outcome, e.Reason = entry.OutcomeDenied, entry.ReasonWhyNeeded
	case len(given)+1 < needs(&p.entry):
		e.Outcome, e.Reason = entry.OutcomeOverrideRequired, entry.ReasonOneOfTwo
	case len(given) > 0:
		e.Approval.First = given[0].Seq
	}
	if e.Outcome != entry.OutcomeDenied {
		e.WhyCode, e.Why = by.Why.Code, by.Why.Text
	}
	return p, e, answered(&e)
}

// entitled says why somebody may not answer a pending override now; none if
// they may. It notes the rule of the approver in the entry, and gives the
// approvals that there were before.
//
// To refuse, nobody has to wait until the announcement was seen; and who
// approved as the first of two may take that back.
func (g *Gate) entitled(s *Snapshot, p *pending, by *Approver, e *entry.Entry, refusing bool) (entry.Reason, []approval) {
	if reason := g.stands(s, p); reason != entry.ReasonNone && (!refusing || reason != entry.ReasonTooEarly) {
		return reason, nil
	}
	g.mu.Lock()
	given, held := p.given, g.state.heldSession(by.Person)
	g.mu.Unlock()
	reason := g.mayLend(s, p, by, e, held)
	if !refusing && reason == entry.ReasonNone && slices.ContainsFunc(given, func(a approval) bool { return a.Operator == by.Operator || a.Person == by.Person }) {
		reason = entry.ReasonApprovedAlready
	}
	return reason, given
}

// stands says why an override does not stand, or not yet, so that nobody can
// answer it; none if it can be answered.
func (g *Gate) stands(s *Snapshot, p *pending) entry.Reason {
	g.mu.Lock()
	standing, current, result := g.pending == p, p.gen == s.Generation, p.result
	g.mu.Unlock()
	now := g.clock.Boot()
	switch {
	case !standing && result.Outcome == entry.OutcomeDenied:
		return result.Reason
	case !standing || !current || s.Session == nil:
		return entry.ReasonNoOverride
	case now >= p.view().Expires:
		return entry.ReasonTimeout
	case now < p.view().Announced+g.opt.Announce:
		return entry.ReasonTooEarly
	}
	return entry.ReasonNone
}

// mayLend says why somebody may not approve what is pending.
func (g *Gate) mayLend(s *Snapshot, p *pending, by *Approver, e *entry.Entry, held bool) entry.Reason {
	switch {
	case p.stepUp():
		return entry.ReasonStepUp // nobody else's PIN is the own one
	case by.Operator == p.who.Operator || by.Operator == s.Session.Subject.Operator:
		return entry.ReasonOwnRequest
	case by.Person == p.who.Person || by.Person == s.Session.Subject.Person:
		return entry.ReasonSamePerson
	case s.Policy == nil:
		return entry.ReasonNoPolicy
	}
	i, ok := s.Policy.Lookup(p.view().Function)
	if !ok {
		return entry.ReasonUnknownFunction
	}
	planes := planesOf(s.Policy, by.WorkGroups)
	if planes == nil {
		return entry.ReasonNoWorkGroup
	}
	x := s.Policy.Explain(by.WorkGroups, i)
	e.Rule = &entry.Rule{WorkGroup: x.WorkGroup, Function: x.Function, Mark: x.Mark.String()}
	lends, ok := s.Policy.Lookup(policy.KeyManagerOverride)
	switch {
	case !ok || planes.Access(lends) != policy.Allowed:
		return entry.ReasonNoManagerOverride
	case !planes.MayApprove(i):
		return entry.ReasonApproverMayNot
	case s.Policy.Function(i).Accountable && held:
		return entry.ReasonAccountable
	case s.Policy.Function(i).StepUp && !by.Method.PIN():
		return entry.ReasonPINRequired
	case !mayLendSoMuch(s.Policy, planes, by.WorkGroups, i, g.meterOf(s, p).values(p.view().Function), e):
		return entry.ReasonApproverLimit
	}
	return entry.ReasonNone
}

// meterOf is what a pending override is measured by.
func (g *Gate) meterOf(s *Snapshot, p *pending) meter { return meter{g, p.entry.Told, s.Session.ID} }

// Refuse says no to a pending override, for somebody who could have said yes.
// ErrNotEntitled: could not; the try is journaled, and the override stands.
func (g *Gate) Refuse(ctx context.Context, override entry.Seq, by Approver) error {
	by.Subject = by.known()
	p, e, d := g.try(g.Snapshot(), override, &by, true)
	if d.Outcome == entry.OutcomeDenied {
		e.Text = "refusing"
		if err := g.record(ctx, true, &e); err != nil {
			return fmt.Errorf("refusing override %d: %w", override, err)
		}
		d.Seq = e.Seq
		g.emit(e, &d, viewOf(p))
		if p == nil || p.over() {
			return fmt.Errorf("refusing override %d: %w", override, ErrNoOverride)
		}
		return fmt.Errorf("refusing override %d: %w (%v)", override, ErrNotEntitled, d.Reason)
	}
	if err := g.finish(ctx, p, entry.ReasonRefusedByApprover, e.Approval, by.Source); err != nil {
		return fmt.Errorf("refusing override %d: %w", override, err)
	}
	return nil
}

// over reports whether the override has ended.
func (p *pending) over() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func viewOf(p *pending) *Override {
	if p == nil {
		return nil
	}
	return p.view()
}

func functionID(e *entry.Entry) policy.ID { return policy.ID(e.FunctionID) }
