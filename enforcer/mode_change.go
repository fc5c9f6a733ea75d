package enforcer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// Party is one of those who change the mode. Who calls has identified them.
type Party struct {
	Subject
	Method entry.Method
}

// ModeRequest asks for a mode.
type ModeRequest struct {
	Kind      entry.Mode    // ModeMonitor or ModeBreakGlass
	For       time.Duration // at most MonitorLimit or BreakGlassLimit
	Functions []string      // ModeMonitor: only these keys; none: everything
	Why       string        // the reason, in people's words
	Source    string

	// By and With are two different persons who may, each by the own credential.
	By, With *Party
	// SetUp instead of persons: a register that is being set up begins in monitor
	// mode, once, and before anybody has ever signed on.
	SetUp bool
	// Code instead of With, for break-glass: one of the sealed list.
	Code *OneTimeCode
	// Signed instead of persons: an authorisation of the chain's.
	Signed *Signed
}

// OneTimeCode is what somebody gave: which one it is of the list whose verifiers
// have this digest. Who calls has looked it up; Number 0: it is none.
type OneTimeCode struct {
	List   [32]byte
	Number int // from 1
}

// Check says what keeps a request from being understood, whoever makes it.
func (r *ModeRequest) Check() error {
	switch {
	case r.Kind != entry.ModeMonitor && r.Kind != entry.ModeBreakGlass:
		return fmt.Errorf("%w: no mode to begin", ErrRequest)
	case r.For < time.Minute:
		return fmt.Errorf("%w: a mode of less than a minute", ErrRequest)
	case len(r.Functions) > MaxModeKeys:
		return fmt.Errorf("%w: %d functions, at most %d: monitor the whole register", ErrRequest, len(r.Functions), MaxModeKeys)
	case r.Kind == entry.ModeBreakGlass && (len(r.Functions) > 0 || r.SetUp):
		return fmt.Errorf("%w: break-glass is for sales on the whole register, and never set-up's", ErrRequest)
	case r.Code != nil && r.Kind != entry.ModeBreakGlass:
		return fmt.Errorf("%w: a code is for break-glass", ErrRequest)
	case len(r.Source) > maxWord:
		return fmt.Errorf("%w: a source of %d bytes", ErrRequest, len(r.Source))
	}
	for _, f := range r.Functions {
		if f == "" || len(f) > policy.MaxKey || strings.ContainsAny(f, " \t\n") {
			return fmt.Errorf("%w: %q is no function's key", ErrRequest, f)
		}
	}
	if err := CheckWhy(r.Why); err != nil {
		return fmt.Errorf("%w: %w", ErrRequest, err)
	}
	return nil
}

// functionOf is what an operator needs to begin or end a mode.
func functionOf(k entry.Mode) string {
	if k == entry.ModeBreakGlass {
		return functionBreakGlass
	}
	return functionMonitor
}

// limitOf is the longest that a mode may last.
func limitOf(k entry.Mode) time.Duration {
	if k == entry.ModeBreakGlass {
		return BreakGlassLimit
	}
	return MonitorLimit
}

// MonitorTime is how much of its own time in monitor mode this installation has
// spent, and how much it has in all. What the chain signed is not among it.
func (g *Gate) MonitorTime() (spent, total time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.state
	if now.Mode != nil {
		m := *now.Mode
		now.Mode = &m
		now.pass(g.clock.Stamp())
	}
	return now.Monitored, MonitorLimit
}

// BeginMode begins a mode, if those who ask for it may, as soon as the journal
// has it. Grants and a pending override end. Denied is an answer, with the
// reason, and journaled; the rule is of whoever may not. ErrRequest: a request
// that cannot be understood.
func (g *Gate) BeginMode(ctx context.Context, r ModeRequest) (Decision, error) {
	if err := r.Check(); err != nil {
		return failed(), fmt.Errorf("changing the mode: %w", err)
	}
	if err := g.loading.acquire(ctx); err != nil {
		return failed(), fmt.Errorf("changing the mode: %w", err)
	}
	defer g.loading.release()
	s := g.Snapshot()
	e := modeEntry(s, r.Kind, r.By, r.With, r.Source)
	e.Elapsed, e.Why = int64(r.For), r.Why
	d := g.mayBegin(s, &r, &e)
	if d.Outcome != entry.OutcomeAllowed {
		if err := g.record(ctx, true, &e); err != nil {
			return failed(), fmt.Errorf("changing the mode: %w", err)
		}
		d.Seq = e.Seq
		g.emit(e, &d, nil)
		return d, nil
	}
	done, err := g.commit(ctx, true, e)
	if err != nil {
		// The entry may be on disk all the same, and must not begin anything after a crash.
		after, cancel := g.afterwards()
		defer cancel()
		g.report(g.disownMode(after, s, r.Kind, entry.ReasonCancelled))
		return failed(), fmt.Errorf("changing the mode: %w", err)
	}
	e = done[0]
	d.Seq = e.Seq
	err = g.advance(func(cur *Snapshot) (Snapshot, turn, error) {
		if cur.Generation != s.Generation {
			return Snapshot{}, turn{}, errChanged
		}
		next := *cur
		next.Mode = g.state.Mode.mode()
		next.Mode.Until = g.clock.Boot() + r.For // it begins now; a restart goes by the entry, which is older
		g.watch(next.Mode)
		return next, turn{reason: entry.ReasonModeChanged}, nil
	})
	if err != nil {
		after, cancel := g.afterwards()
		defer cancel()
		g.report(g.disownMode(after, s, r.Kind, entry.ReasonStateChanged))
		d.Outcome, d.Reason = entry.OutcomeDenied, entry.ReasonStateChanged
		return d, nil
	}
	g.emit(e, &d, nil)
	if err := g.flush(ctx); err != nil {
		return d, fmt.Errorf("the mode has begun, but what it ended is not journaled yet: %w", err)
	}
	return d, nil
}

// modeEntry begins an entry of a change of mode.
func modeEntry(s *Snapshot, k entry.Mode, by, with *Party, source string) entry.Entry {
	e := entry.Entry{Kind: entry.KindMode, Mode: k, Source: source, Policy: policyRef(s), Function: functionOf(k)}
	if by != nil {
		who := by.known()
		e.Operator, e.Person, e.WorkGroups, e.Method = who.Operator, who.Person, who.WorkGroups, by.Method
	}
	if with != nil {
		who := with.known()
		e.Approval = &entry.Approval{Operator: who.Operator, Person: who.Person, Method: with.Method}
	}
	return e
}

// mayBegin decides whether a mode may begin, and writes that into its entry.
func (g *Gate) mayBegin(s *Snapshot, r *ModeRequest, e *entry.Entry) Decision {
	var d Decision
	if s.Policy == nil {
		return deny(d, e, entry.ReasonNoPolicy)
	}
	if m := s.Mode; m != nil && !m.Over(g.clock.Boot()) && (m.Kind == entry.ModeBreakGlass || r.Kind == entry.ModeMonitor) {
		return deny(d, e, entry.ReasonExists) // the one that runs ends first
	}
	for _, f := range r.Functions {
		if _, ok := s.Policy.Lookup(f); !ok {
			e.Subject = key(ruling{}, f)
			return deny(d, e, entry.ReasonUnknownFunction)
		}
	}
	e.Subject = strings.Join(r.Functions, " ")
	spent, _ := g.MonitorTime()
	g.mu.Lock()
	signedOn, began := g.state.SignedOn, g.state.SetUpMonitored
	g.mu.Unlock()
	switch {
	case r.For > limitOf(r.Kind):
		return deny(d, e, entry.ReasonTooLong)
	case r.Signed != nil:
		return g.maySigned(r, e)
	case r.Kind == entry.ModeMonitor && spent+r.For > MonitorLimit:
		return deny(d, e, entry.ReasonSpent)
	case r.SetUp && (signedOn || began):
		return deny(d, e, entry.ReasonUsed)
	case r.SetUp:
		e.Claimant = claimSetUp
		return agree(d, e, entry.ReasonTechnician)
	case r.Code != nil:
		return g.mayByCode(s, r, e)
	}
	if d = g.mayBoth(s, r.By, r.With, e); d.Outcome == entry.OutcomeAllowed {
		e.Claimant = claimPersons
	}
	return d
}

// mayBoth decides whether these are two different persons who may both.
func (g *Gate) mayBoth(s *Snapshot, by, with *Party, e *entry.Entry) (d Decision) {
	switch {
	case s.Policy == nil:
		return deny(d, e, entry.ReasonNoPolicy)
	case by == nil || with == nil:
		return deny(d, e, entry.ReasonCardRequired)
	case by.known().Operator == with.known().Operator || by.known().Person == with.known().Person:
		return deny(d, e, entry.ReasonSamePerson)
	}
	for _, p := range []*Party{by, with} {
		if d = g.mayChange(s, p, e); d.Outcome != entry.OutcomeAllowed {
			return d
		}
	}
	return d
}

// By what a mode began, as its entry's Claimant says.
const (
	claimPersons = "persons"
	claimSetUp   = "set-up"
	claimCode    = "code"
	claimSigned  = "authorisation"
)

// mayChange decides whether somebody may change the mode of an entry.
func (g *Gate) mayChange(s *Snapshot, p *Party, e *entry.Entry) Decision {
	who := p.known()
	function := functionOf(e.Mode)
	planes := planesOf(s.Policy, who.WorkGroups)
	return firm(ruled(rule(s.Policy, planes, who.WorkGroups, function, HasSession|SameSession|Unlocked|Fits, meter{gate: g}), e, function), e, p.Method)
}

func agree(d Decision, e *entry.Entry, reason entry.Reason) Decision {
	d.Outcome, d.Reason = entry.OutcomeAllowed, reason
	e.Outcome, e.Reason = d.Outcome, d.Reason
	return d
}

// disownMode ends whatever mode the journal may have begun.
func (g *Gate) disownMode(ctx context.Context, s *Snapshot, k entry.Mode, reason entry.Reason) error {
	if m := s.Mode; m != nil {
		if err := g.fallBack(ctx, m.ID, reason); err != nil {
			return err
		}
	}
	g.mu.Lock()
	g.owe(entry.Entry{
		Kind: entry.KindModeEnd, Mode: k, Outcome: entry.OutcomeError, Reason: reason, Source: "daemon", Text: "a change of mode could not be confirmed",
	}, nil, nil)
	g.mu.Unlock()
	return g.flush(ctx)
}

var errNoMode = errors.New("another mode, or none")

// fallBack ends a mode by itself: the policy alone decides from now on. It
// holds even if the error says that it could not be journaled yet.
func (g *Gate) fallBack(ctx context.Context, id entry.Seq, reason entry.Reason) error {
	err := g.endMode(ctx, id, entry.Entry{Outcome: entry.OutcomeAllowed, Reason: reason, Source: "daemon"})
	if errors.Is(err, errNoMode) {
		return nil // somebody ended it just before
	}
	return err
}

// endMode publishes the end of a mode, and journals it as e says.
func (g *Gate) endMode(ctx context.Context, id entry.Seq, e entry.Entry) error {
	err := g.advance(func(cur *Snapshot) (Snapshot, turn, error) {
		m := cur.Mode
		if m == nil || m.ID != id {
			return Snapshot{}, turn{}, errNoMode
		}
		e.Kind, e.Mode, e.About, e.Subject = entry.KindModeEnd, m.Kind, m.ID, strings.Join(m.Functions, " ")
		next := *cur
		next.Mode = nil
		g.unwatch()
		return next, turn{entries: []entry.Entry{e}, reason: entry.ReasonModeChanged}, nil
	})
	if err != nil {
		return fmt.Errorf("ending a mode: %w", err)
	}
	if err := g.flush(ctx); err != nil {
		return fmt.Errorf("the mode has ended, but that is not journaled yet: %w", err)
	}
	return nil
}

// EndMode ends the mode: from now on the policy alone decides. by is who
// wishes so; nil is the technician, who needs nobody for what restricts. Denied
// is an answer. ErrNoMode: there is none to end.
func (g *Gate) EndMode(ctx context.Context, by *Party, source string) (Decision, error) {
	if err := g.loading.acquire(ctx); err != nil {
		return failed(), fmt.Errorf("ending a mode: %w", err)
	}
	defer g.loading.release()
	s := g.Snapshot()
	if s.Mode == nil {
		return failed(), fmt.Errorf("ending a mode: %w", ErrNoMode)
	}
	e := modeEntry(s, s.Mode.Kind, by, nil, source)
	d := agree(Decision{}, &e, entry.ReasonTechnician)
	if by == nil {
		e.Method = entry.MethodTechnician
	} else {
		if d = g.mayChange(s, by, &e); d.Outcome != entry.OutcomeAllowed {
			e.Text = "ending"
			if err := g.record(ctx, true, &e); err != nil {
				return failed(), fmt.Errorf("ending a mode: %w", err)
			}
			d.Seq = e.Seq
			g.emit(e, &d, nil)
			return d, nil
		}
		e.Reason = entry.ReasonManager
		d.Reason = e.Reason
	}
	if err := g.endMode(ctx, s.Mode.ID, e); errors.Is(err, errNoMode) {
		return failed(), fmt.Errorf("ending a mode: %w", ErrNoMode)
	} else if err != nil {
		return d, err
	}
	return d, nil
}

// Monitors reports whether a monitor mode looks at a function.
func (m *Mode) Monitors(key string) bool {
	return m != nil && m.Kind == entry.ModeMonitor && (len(m.Functions) == 0 || slices.Contains(m.Functions, key))
}
