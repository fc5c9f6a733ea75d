package enforcer

import (
	"fmt"

	"tillwarden/enforcer/gauge"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/week"
)

// Limits: how far a work group gives a function (package policy). The planes
// decide first; where every work group that gives the function limits it, what was
// told of the action is held against that. What is beyond the limit, and what a
// limit wants to know and nobody told, is not allowed: somebody may lend it where
// the function can be lent, within that person's own limits.
//
// Amounts and percents are the word of whoever asks. How often a session had a
// function nobody has to tell: the gate counts the allowed decisions and the
// approvals of every function that some work group limits by count. What came to
// nothing (withdrawn, or its grant lapsed unused) is given back if nothing was
// counted since.

// meter is what a decision is measured by, where it comes to limits.
type meter struct {
	gate *Gate
	told *entry.Told // nil: nothing
	// session is whose uses count; 0: it is outside of any, and no count is enough.
	session entry.Seq
}

// values are what the limits of a function are held against.
func (m meter) values(function string) policy.Values {
	v := gauge.Values(m.told, m.gate.moments(), m.gate.opt.Register)
	if used, ok := m.gate.used(m.session, function); ok {
		v.Uses = policy.Tell(used + uint64(gauge.Times(m.told)))
	}
	return v
}

// MaxTold is the highest count that a request may tell.
const MaxTold = policy.MaxCount

// checkTold says what no caller should hand over.
func checkTold(t *entry.Told) error {
	if t == nil {
		return nil
	}
	for _, x := range []struct {
		what string
		n    *uint64
		most uint64
	}{{"an amount", t.Amount, policy.MaxAmount}, {"a percent", t.Percent, policy.MaxPercent}, {"a count", t.Count, MaxTold}} {
		if x.n != nil && *x.n > x.most {
			return fmt.Errorf("%w: %s of %d, at most %d", ErrRequest, x.what, *x.n, x.most)
		}
	}
	return nil
}

// moments are the minutes of the week in which hours have to be, now.
func (g *Gate) moments() []week.Moment {
	now := g.clock.Stamp()
	g.mu.Lock()
	g.state.sync(now)
	right := g.state.Right
	g.mu.Unlock()
	return gauge.Moments(now, right, g.opt.Zone)
}

// sync notes a moment at which the wall clock was right.
func (s *state) sync(at entry.Stamp) { s.Right = gauge.Right(s.Right, at) }

// used is how often a session had a function; false: nobody knows.
func (g *Gate) used(session entry.Seq, function string) (uint64, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := g.state.Session; session != 0 && s != nil && s.ID == session {
		return s.Used[function], true
	}
	return 0, false
}

// counted reports whether the uses of a function have to be counted.
func counted(s *Snapshot, function string) bool {
	if s.Policy == nil {
		return false
	}
	i, ok := s.Policy.Lookup(function)
	return ok && s.Policy.Counted(i)
}

// use folds in that a session had a function.
func (s *state) use(e *entry.Entry) {
	if e.Uses == 0 || s.Session == nil || e.Session != s.Session.ID {
		return
	}
	s.Session.Add(e.Seq, e.Function, e.Uses)
}

// giveBack folds in that the last use came to nothing.
func (s *state) giveBack(about entry.Seq) {
	if s.Session != nil {
		s.Session.GiveBack(about)
	}
}

// limitUsed is how the journal has what a measurement came to; nil where the
// function is given without a limit.
func limitUsed(x policy.Measured, v policy.Values) *entry.Limit {
	if !x.Limit.Set() {
		return nil
	}
	l := &entry.Limit{WorkGroup: x.WorkGroup, Most: x.Most}
	if x.Part != policy.LimitNone {
		l.Part = x.Part.String()
	}
	if x.Limit.Count != 0 {
		l.Uses = v.Uses.N
	}
	return l
}

// measure holds an allowed function against the limits of who asks.
func (r *ruling) measure(p *policy.Compiled, groups []string, m meter) {
	v := m.values(r.fn.Key)
	x := p.Measure(groups, r.index, v)
	r.limit = limitUsed(x, v)
	if x.WorkGroup != "" {
		r.of = []string{x.WorkGroup}
	}
	if x.Within {
		return
	}
	reason := entry.ReasonLimit
	if x.Untold {
		reason = entry.ReasonUntold
	}
	outcome := entry.OutcomeDenied
	if r.fn.Override == policy.OverrideManager {
		outcome = entry.OutcomeOverrideRequired
	}
	r.code = code(outcome, reason)
}

// mayLendSoMuch reports whether an approver may lend a function to this extent:
// within the approver's own limits of it, and of Manager Override. It notes the
// limit in the entry.
func mayLendSoMuch(p *policy.Compiled, planes *policy.Planes, groups []string, i policy.Index, v policy.Values, e *entry.Entry) bool {
	lends, ok := p.Lookup(policy.KeyManagerOverride)
	if !ok {
		return false
	}
	own := v
	own.Uses = policy.Told{} // approvals are not counted by session
	for _, of := range []struct {
		index policy.Index
		v     policy.Values
	}{{i, v}, {lends, own}} {
		if !planes.Limited(of.index) {
			continue
		}
		x := p.Measure(groups, of.index, of.v)
		l := limitUsed(x, of.v)
		if l != nil && of.index != i {
			l.Function = policy.KeyManagerOverride
		}
		if e.Limit == nil || !x.Within {
			e.Limit = l
		}
		if !x.Within {
			return false
		}
	}
	return true
}

// sameTold reports whether two requests told the same.
func sameTold(a, b *entry.Told) bool {
	if a == nil {
		a = new(entry.Told)
	}
	if b == nil {
		b = new(entry.Told)
	}
	return gauge.Told(a.Amount) == gauge.Told(b.Amount) && gauge.Told(a.Percent) == gauge.Told(b.Percent) && gauge.Times(a) == gauge.Times(b)
}

// covers reports whether what was approved for longer than one action is enough
// for another: an amount or a percent that was approved is the most.
func covers(approved, asked *entry.Told) bool {
	if approved == nil {
		return true
	}
	if asked == nil {
		asked = new(entry.Told)
	}
	within := func(approved, asked *uint64) bool {
		return approved == nil || asked != nil && *asked <= *approved
	}
	return within(approved.Amount, asked.Amount) && within(approved.Percent, asked.Percent) && gauge.Times(asked) <= gauge.Times(approved)
}
