package enforcer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/timeclock"
)

// The time clock. Punches are entries of the journal, and who is clocked in is
// folded from them; where the register runs a time clock, BeginSession asks it.
// Clock In Not Required is for whom it does not count, but on a forced break
// nobody signs on.

// Lengths of a forced break.
const (
	MinForcedBreak = time.Minute
	MaxForcedBreak = 8 * time.Hour
)

// PunchRequest is one punch of the time clock. Who calls has identified By.
type PunchRequest struct {
	Punch timeclock.Punch
	By    Subject
	// Whose is whose clock it is. The person of By, under whichever number, punches
	// the own clock, with Clock in/out. Anybody else takes Forced Break to send
	// somebody on a break or to end it, and Edit another's time for the rest.
	Whose Subject
	// For is how long a forced break lasts, from MinForcedBreak to MaxForcedBreak;
	// zero for all else.
	For    time.Duration
	Method entry.Method
	Source string
}

func (r *PunchRequest) check() error {
	forced := r.Punch == timeclock.Break && r.By.Person != r.Whose.Person
	switch {
	case r.Punch.Kind() == entry.KindNone:
		return fmt.Errorf("%w: %v", ErrRequest, r.Punch)
	case len(r.Source) > maxWord:
		return fmt.Errorf("%w: a name of %d bytes", ErrRequest, len(r.Source))
	case forced && (r.For < MinForcedBreak || r.For > MaxForcedBreak):
		return fmt.Errorf("%w: a forced break lasts from %v to %v", ErrRequest, MinForcedBreak, MaxForcedBreak)
	case !forced && r.For != 0:
		return fmt.Errorf("%w: only a break that somebody else is sent on has a length", ErrRequest)
	}
	return nil
}

// function is what By has to be allowed.
func (r *PunchRequest) function() string {
	switch {
	case r.By.Person == r.Whose.Person:
		return functionPunch
	case r.Punch == timeclock.Break || r.Punch == timeclock.Back:
		return functionForcedBreak
	}
	return functionEditTime
}

// Punch decides a punch and, if it is allowed, journals it. Who clocks out or goes
// on a break is signed off at this register; that holds even if the error says that
// it could not be journaled yet.
func (g *Gate) Punch(ctx context.Context, r PunchRequest) (Decision, error) {
	r.By, r.Whose = r.By.known(), r.Whose.known()
	if err := r.check(); err != nil {
		return failed(), fmt.Errorf("punching: %w", err)
	}
	// Two punches of one person do not both follow from the same standing. What
	// restricts does not wait for a sign-on.
	if !r.Punch.Restricts() {
		if err := g.signing.acquire(ctx); err != nil {
			return failed(), fmt.Errorf("punching: %w", err)
		}
		defer g.signing.release()
	}
	s := g.Snapshot()
	e := entry.Entry{
		Kind: r.Punch.Kind(), Operator: r.Whose.Operator, Person: r.Whose.Person, WorkGroups: r.Whose.WorkGroups,
		Method: r.Method, Source: r.Source, Policy: policyRef(s), Elapsed: int64(r.For),
	}
	another := r.By.Person != r.Whose.Person
	if another {
		e.Approval = &entry.Approval{Operator: r.By.Operator, Person: r.By.Person, Method: r.Method}
	}
	u := rule(s.Policy, planesOf(s.Policy, r.By.WorkGroups), r.By.WorkGroups, r.function(), HasSession|SameSession|Unlocked|Fits, meter{gate: g})
	d := firm(ruled(u, &e, r.function()), &e, r.Method)
	if d.Outcome == entry.OutcomeAllowed {
		if reason := g.refusesPunch(&r, another); reason != entry.ReasonNone {
			d = deny(d, &e, reason)
		}
	}
	var err error
	switch {
	case d.Outcome != entry.OutcomeAllowed:
		if err = g.record(ctx, false, &e); err == nil {
			g.emit(e, &d, nil)
		}
	case r.Punch.Restricts():
		err = g.leave(ctx, &r, e, &d)
	default:
		var done []entry.Entry
		if done, err = g.commit(ctx, false, e); err == nil {
			e = done[0]
			g.emit(e, &d, nil)
		}
	}
	if err != nil {
		return failed(), fmt.Errorf("punching: %w", err)
	}
	d.Seq = e.Seq
	return d, nil
}

// refusesPunch says why a punch does not follow from how somebody stands.
func (g *Gate) refusesPunch(r *PunchRequest, another bool) entry.Reason {
	if !g.clockRuns() {
		return entry.ReasonNoTimeClock
	}
	return g.Standing(r.Whose).Refuses(r.Punch, another, r.For > 0)
}

var errNotTheirs = errors.New("the session is not theirs")

// leave lets a punch take effect that takes somebody off the clock: it ends their
// session here, and is journaled second.
func (g *Gate) leave(ctx context.Context, r *PunchRequest, e entry.Entry, d *Decision) error {
	reason := entry.ReasonOffClock
	switch {
	case r.For > 0:
		reason = entry.ReasonForcedBreak
	case r.Punch == timeclock.Break:
		reason = entry.ReasonOnBreak
	}
	signOffWith := func(before ...entry.Entry) error {
		return g.advance(func(cur *Snapshot) (Snapshot, turn, error) {
			if cur.Session == nil || cur.Session.Subject.Person != r.Whose.Person {
				return Snapshot{}, turn{}, errNotTheirs
			}
			next := *cur
			next.Session = nil
			return next, turn{entries: append(before, signOff(cur.Session, reason, r.By, r.Source)), reason: reason}, nil
		})
	}
	err := signOffWith(e)
	if errors.Is(err, errNotTheirs) {
		g.mu.Lock()
		g.owe(e, d, nil)
		g.mu.Unlock()
		err = nil
	}
	if err != nil {
		return err
	}
	err = g.flush(ctx)
	// A sign-on that was under way looks at the clock once more before it takes
	// effect (see BeginSession). One that was through by then ends here.
	if again := signOffWith(); again == nil {
		err = errors.Join(err, g.flush(ctx))
	}
	return err
}

func (g *Gate) clockRuns() bool { return g.opt.TimeClock != nil && g.opt.TimeClock() }

// Standing is how somebody stands at the time clock, whether or not it runs.
func (g *Gate) Standing(who Subject) timeclock.Standing {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.standing(who.known().Person)
}

// standing is Standing of a person, with mu held.
func (g *Gate) standing(person string) timeclock.Standing {
	return g.state.Clock.Of(person, g.clock.Stamp())
}

// Standings is how everybody stands who is clocked in, by person.
func (g *Gate) Standings() map[string]timeclock.Standing {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := map[string]timeclock.Standing{}
	for p := range g.state.Clock.People {
		all[p] = g.standing(p)
	}
	return all
}

// offClock reports whether somebody is not at work, where the clock runs.
func (g *Gate) offClock(person string) bool {
	return g.clockRuns() && g.Standing(Subject{Person: person}).State != timeclock.On
}

// away says why a standing keeps somebody from signing on; none if it does not.
func away(s timeclock.Standing) entry.Reason {
	switch {
	case s.Forced():
		return entry.ReasonForcedBreak
	case s.State == timeclock.OnBreak:
		return entry.ReasonOnBreak
	case s.State == timeclock.Off:
		return entry.ReasonOffClock
	}
	return entry.ReasonNone
}

// onClock denies a sign-on of somebody who is not at work, and notes by which
// rule; or notes that they need not be, and says so.
func (g *Gate) onClock(s *Snapshot, planes *policy.Planes, who *Subject, d Decision, e *entry.Entry) (_ Decision, exempt bool) {
	if d.Outcome != entry.OutcomeAllowed || !g.clockRuns() {
		return d, false
	}
	reason := away(g.Standing(*who))
	if reason == entry.ReasonNone {
		return d, false
	}
	if reason != entry.ReasonForcedBreak {
		u := rule(s.Policy, planes, who.WorkGroups, functionOffClock, HasSession|SameSession|Unlocked|Fits, meter{gate: g})
		if u.code == codeAllowed {
			e.Text = "not clocked in, and need not be"
			return d, true
		}
		if u.rule != nil {
			e.Rule, d.Rule = u.rule, *u.rule
		}
	}
	return deny(d, e, reason), false
}

// stillOnClock reports whether what a sign-on found at the clock still holds.
// Called with mu held.
func (g *Gate) stillOnClock(person string, exempt bool) bool {
	if !g.clockRuns() {
		return true
	}
	reason := away(g.standing(person))
	return reason == entry.ReasonNone || reason != entry.ReasonForcedBreak && exempt
}

// restoreBreaks watches the forced breaks of before.
func (g *Gate) restoreBreaks() {
	g.mu.Lock()
	g.state.Clock.Pass(g.clock.Stamp())
	people := slices.Collect(maps.Keys(g.state.Clock.People))
	g.mu.Unlock()
	for _, p := range people {
		g.watchBreak(p)
	}
}

// watchBreaks watches the forced breaks that were journaled just now: not before, as
// the journal may take in one that holds already only when others come.
func (g *Gate) watchBreaks(es []entry.Entry) {
	for i := range es {
		if e := &es[i]; e.Kind == entry.KindBreakBegin && e.Outcome == entry.OutcomeAllowed && e.Elapsed > 0 {
			g.watchBreak(e.Person)
		}
	}
}

// watchBreak journals the end of a forced break when its time is up. Nothing
// depends on that: by the boot clock it is over whether or not it is journaled.
func (g *Gate) watchBreak(person string) {
	g.mu.Lock()
	s := g.state.Clock.People[person]
	g.mu.Unlock()
	if !s.Forced() {
		return
	}
	g.later(s.Left(g.clock.Stamp()), func(ctx context.Context) {
		// Nothing is folded meanwhile: an end must not come into the journal after a new
		// break that somebody sends them on at this moment, and end that one.
		if err := g.order.acquire(ctx); err != nil {
			g.watchBreak(person) // again, when the journal takes something
			return
		}
		g.mu.Lock()
		s, now := g.state.Clock.People[person], g.standing(person)
		anew := slices.ContainsFunc(g.owed, func(o owed) bool { return o.e.Kind == entry.KindBreakBegin && o.e.Person == person })
		if !s.Forced() || now.Forced() || anew { // it was ended, or it is another one
			g.mu.Unlock()
			g.order.release()
			return
		}
		g.owe(entry.Entry{
			Kind: entry.KindBreakEnd, Operator: s.Operator, Person: person, Outcome: entry.OutcomeAllowed, Reason: entry.ReasonTimeout, Source: "daemon",
		}, nil, nil)
		g.mu.Unlock()
		g.order.release()
		g.report(g.flush(ctx))
	})
}
