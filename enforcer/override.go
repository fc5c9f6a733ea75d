package enforcer

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// keepResults is how many ended overrides are remembered for those who ask
// for the result a little late.
const keepResults = 16

// pending is an override that was announced. The Gate's mu guards what
// changes.
type pending struct {
	now    atomic.Pointer[Override]
	entry  entry.Entry     // that announced it
	given  []approval      // so far, by persons that differ; guarded by mu
	policy entry.PolicyRef // that it was announced under
	who    Subject         // the requester
	hold   time.Duration   // of the grant to come
	gen    uint64          // the generation that it stands in
	stop   func() bool     // its time-out
	done   chan struct{}   // closed when it has ended
	result Decision
	grant  *Grant // for the first who waits
}

// approval is one that was given, of an override that takes two.
type approval struct {
	Seq      entry.Seq `json:"seq"`
	Operator string    `json:"operator"`
	Person   string    `json:"person"`
}

// needs is how many persons have to approve what an entry announces.
func needs(announced *entry.Entry) int { return max(1, int(announced.Count)) }

// stepUp reports whether it waits for the requester's own PIN.
func (p *pending) stepUp() bool { return p.entry.Reason.OwnPIN() }

// view is the override as others may see it.
func (p *pending) view() *Override { return p.now.Load() }

// is reports whether a decision is for the same, and for no more: then it joins. A
// kick, with which nothing is told, is for what was asked before it.
func (p *pending) is(e *entry.Entry) bool {
	return p.entry.Session == e.Session && p.entry.Function == e.Function && p.entry.Drawer == e.Drawer &&
		(sameTold(p.entry.Told, e.Told) || e.Method == entry.MethodKick && e.Told == nil)
}

// ask announces an override for a decision that needs one, joins the one that
// is pending for the same, or denies because another is pending.
func (g *Gate) ask(ctx context.Context, s *Snapshot, r *Request, d Decision, e entry.Entry) (Decision, error) {
	if err := g.asking.acquire(ctx); err != nil {
		return failed(), fmt.Errorf("asking for an override: %w", err)
	}
	defer g.asking.release()
	g.mu.Lock()
	p := g.pending
	g.mu.Unlock()
	if p != nil && g.clock.Boot() >= p.view().Expires {
		if err := g.timeOut(ctx, p); err != nil {
			return failed(), fmt.Errorf("asking for an override: %w", err)
		}
		p = nil
	}
	if p == nil {
		return g.announce(ctx, s, r, d, e)
	}
	if p.is(&e) {
		d.Override, d.Joined, e.About = p.view().ID, true, p.view().ID
	} else {
		d = deny(d, &e, entry.ReasonPending)
	}
	if err := g.record(ctx, r.Drawer != "", &e); err != nil {
		return failed(), fmt.Errorf("asking for an override: %w", err)
	}
	d.Seq = e.Seq
	g.emit(e, &d, p.view())
	return d, nil
}

// announce commits the decision and, right after it, the override; then it
// stands. Called with asking held, so that there is one at a time.
func (g *Gate) announce(ctx context.Context, s *Snapshot, r *Request, d Decision, e entry.Entry) (Decision, error) {
	o := e // Elapsed is how long its grant may wait
	o.Kind, o.Elapsed = entry.KindOverride, int64(r.hold())
	if functionNamed(s, e.Function).DualControl {
		o.Count = 2
	}
	done, err := g.commit(ctx, r.Drawer != "", e, o)
	if err != nil {
		return failed(), fmt.Errorf("asking for an override: %w", err)
	}
	e, o = done[0], done[1]
	d.Seq = e.Seq

	g.mu.Lock()
	cur := g.snap.Load()
	if g.closed || cur.Generation != s.Generation {
		end := followsFrom(&o, entry.KindOverrideEnd)
		d = deny(d, &end, entry.ReasonStateChanged)
		g.owe(end, &d, nil)
		g.mu.Unlock()
		after, cancel := g.afterwards()
		defer cancel()
		g.report(g.flush(after))
		return d, nil
	}
	d.Override = o.Seq
	p := &pending{entry: o, policy: s.Ref, who: s.Session.Subject, hold: r.hold(), gen: cur.Generation}
	g.stand(p, functionNamed(s, e.Function))
	next := *cur
	next.Override = p.view()
	g.snap.Store(&next)
	g.mu.Unlock()
	g.emit(e, &d, p.view())
	g.emit(o, &d, p.view())
	return d, nil
}

// stand makes an override the pending one, from now on and for its full time.
// Called with mu held.
func (g *Gate) stand(p *pending, f *policy.Function) {
	now, e := g.clock.Boot(), &p.entry
	p.now.Store(&Override{
		ID: e.Seq, Session: e.Session, Requester: p.who.Operator, Function: e.Function, Name: f.Name, Drawer: e.Drawer,
		StepUp: p.stepUp(), PIN: f.StepUp, Transaction: scoped(f), Why: f.Reason, Needs: needs(e), Approved: operators(p.given), Announced: now, Expires: now + g.opt.OverrideTTL, Source: e.Source, Purpose: e.Purpose, Claimant: e.Claimant,
		Told: e.Told, Limit: e.Limit,
	})
	p.done = make(chan struct{})
	p.stop = g.later(g.opt.OverrideTTL, func(ctx context.Context) { g.report(g.timeOut(ctx, p)) })
	g.pending = p
}

// resume brings back an override of before the restart. Called with mu held.
func (g *Gate) resume(o *savedOverride, s *Session, gen uint64) *pending {
	ref := o.Policy
	p := &pending{policy: ref, who: s.Subject, hold: time.Duration(o.Hold), gen: gen, entry: entry.Entry{
		Seq: o.ID, Kind: entry.KindOverride, Function: o.Function, FunctionID: o.FunctionID, Drawer: o.Drawer, Purpose: o.Purpose,
		Claimant: o.Claimant, Method: o.Method, Source: o.Source, Lines: o.Lines, Digest: o.Digest, Policy: &ref, Count: o.Needs,
		Told: o.Told, Limit: o.Limit,
	}, given: o.Approved}
	of(&p.entry, s)
	if o.StepUp {
		p.entry.Reason = entry.ReasonStepUp
	}
	if r := (Request{Hold: p.hold}); r.hold() != p.hold {
		p.hold = r.hold()
	}
	g.stand(p, new(policy.Function)) // no policy is loaded yet
	return p
}

// operators are the numbers of who approved.
func operators(given []approval) []string {
	var numbers []string
	for _, a := range given {
		numbers = append(numbers, a.Operator)
	}
	return numbers
}

// keep takes the pending override over into the next generation.
func (g *Gate) keep(p *pending, next *Snapshot) {
	view := *p.view()
	f := functionNamed(next, view.Function)
	view.Name, view.PIN, view.Why, view.Transaction = f.Name, f.StepUp, f.Reason, scoped(f)
	p.now.Store(&view)
	p.gen, next.Override = next.Generation, &view
}

// functionNamed is the function of a key; the zero one where the policy has none.
func functionNamed(s *Snapshot, key string) *policy.Function {
	if s.Policy != nil {
		if i, ok := s.Policy.Lookup(key); ok {
			return s.Policy.Function(i)
		}
	}
	return new(policy.Function)
}

// endPending ends the pending override with a result that is not approval;
// the entry is owed. Called with mu held; who calls stores the next snapshot.
func (g *Gate) endPending(reason entry.Reason, by *entry.Approval) {
	p := g.pending
	e := followsFrom(&p.entry, entry.KindOverrideEnd)
	e.Outcome, e.Reason, e.Approval = entry.OutcomeDenied, reason, by
	d := p.decision(entry.OutcomeDenied, reason)
	g.owe(e, &d, p.view())
	g.settle(p, d, nil)
}

func (p *pending) decision(o entry.Outcome, reason entry.Reason) Decision {
	d := Decision{Outcome: o, Reason: reason, Function: functionID(&p.entry), Override: p.view().ID}
	if p.entry.Rule != nil {
		d.Rule = *p.entry.Rule
	}
	return d
}

// settle takes the pending override away and wakes who waits for it. Called
// with mu held; who calls stores the next snapshot.
func (g *Gate) settle(p *pending, result Decision, grant *Grant) {
	g.pending = nil
	p.result, p.grant = result, grant
	p.stop()
	close(p.done)
	if len(g.recent) == keepResults {
		g.recent = append(make([]*pending, 0, keepResults), g.recent[1:]...)
	}
	g.recent = append(g.recent, p)
}

// finish ends the pending override if it is still p, and journals it.
func (g *Gate) finish(ctx context.Context, p *pending, reason entry.Reason, by *entry.Approval, source string) error {
	g.mu.Lock()
	if g.pending != p {
		g.mu.Unlock()
		return ErrNoOverride
	}
	g.endPending(reason, by)
	if source != "" {
		g.owed[len(g.owed)-1].e.Source = source
	}
	g.withoutOverride(false)
	g.mu.Unlock()
	return g.flush(ctx)
}

// withoutOverride publishes the snapshot without an override, in the same
// generation. Called with mu held.
func (g *Gate) withoutOverride(proved bool) {
	next := *g.snap.Load()
	next.Override = nil
	if proved && next.Session != nil {
		g.managed()
		session := *next.Session
		session.FellBack = false
		next.Session = &session
	}
	g.snap.Store(&next)
}

func (g *Gate) timeOut(ctx context.Context, p *pending) error {
	err := g.finish(ctx, p, entry.ReasonTimeout, nil, "")
	if errors.Is(err, ErrNoOverride) {
		return nil // it was approved, refused or cancelled just before
	}
	return err
}

// find gives an override that is pending, or that ended lately.
func (g *Gate) find(id entry.Seq) *pending {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p := g.pending; p != nil && p.view().ID == id {
		return p
	}
	for _, p := range g.recent {
		if p.view().ID == id {
			return p
		}
	}
	return nil
}

// Wait waits until an override has ended, and gives how: allowed, or denied
// with the reason. The first who waits for one with a drawer gets its grant.
// ErrNoOverride: there is none, nor was there lately.
func (g *Gate) Wait(ctx context.Context, override entry.Seq) (Decision, *Grant, error) {
	p := g.find(override)
	if p == nil {
		return failed(), nil, fmt.Errorf("waiting for override %d: %w", override, ErrNoOverride)
	}
	select {
	case <-p.done:
	case <-ctx.Done():
	case <-g.ctx.Done():
	}
	// The result counts, whatever else came at the same moment.
	switch {
	case p.over():
	case ctx.Err() != nil:
		return failed(), nil, fmt.Errorf("waiting for override %d: %w", override, ctx.Err())
	default:
		return failed(), nil, fmt.Errorf("waiting for override %d: %w", override, ErrClosed)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	grant := p.grant
	p.grant = nil
	if grant != nil && g.liveLocked(grant) != nil {
		grant = nil // nobody came for it in time
	}
	return p.result, grant, nil
}

// Cancel takes a pending override back, for the requester.
func (g *Gate) Cancel(ctx context.Context, override entry.Seq, source string) error {
	p := g.find(override)
	if p == nil {
		return fmt.Errorf("cancelling override %d: %w", override, ErrNoOverride)
	}
	if err := g.finish(ctx, p, entry.ReasonCancelled, nil, source); err != nil {
		return fmt.Errorf("cancelling override %d: %w", override, err)
	}
	return nil
}
