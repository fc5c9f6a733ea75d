package enforcer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tillwarden/enforcer/journal/entry"
)

// known gives a subject whose person is never empty: an operator of whom no
// person is known is a person of its own, named by the number.
func (s Subject) known() Subject {
	if s.Person == "" {
		s.Person = s.Operator
	}
	s.WorkGroups = slices.Clone(s.WorkGroups)
	return s
}

var errChanged = errors.New("the state changed in between")

// BeginSession signs an operator on, if pos.signon allows it, nobody is signed on,
// and the operator is clocked in where the register runs a time clock. Who calls has
// identified the operator.
func (g *Gate) BeginSession(ctx context.Context, who Subject, method entry.Method, source string) (*Session, Decision, error) {
	return g.begin(ctx, who, method, source, 0, Subject{})
}

// TakeOver signs an operator on in place of who is signed on in a session, who is
// signed off by somebody: what is refused changes nothing. Who calls has found out
// that by may do that.
func (g *Gate) TakeOver(ctx context.Context, session entry.Seq, who Subject, method entry.Method, source string, by Subject) (*Session, Decision, error) {
	if session == 0 {
		return nil, failed(), fmt.Errorf("signing on: %w", ErrNoSession)
	}
	return g.begin(ctx, who, method, source, session, by)
}

// begin is BeginSession, in place of a session if there is one to end.
func (g *Gate) begin(ctx context.Context, who Subject, method entry.Method, source string, over entry.Seq, by Subject) (*Session, Decision, error) {
	who = who.known()
	if err := g.signing.acquire(ctx); err != nil {
		return nil, failed(), fmt.Errorf("signing on: %w", err)
	}
	defer g.signing.release()
	s := g.Snapshot()
	e := entry.Entry{
		Kind: entry.KindSignOn, Operator: who.Operator, Person: who.Person, WorkGroups: who.WorkGroups,
		Method: method, Source: source, Policy: policyRef(s),
	}
	planes := planesOf(s.Policy, who.WorkGroups)
	u := rule(s.Policy, planes, who.WorkGroups, functionSignOn, HasSession|SameSession|Unlocked|Fits, meter{gate: g})
	d := firm(ruled(u, &e, functionSignOn), &e, method)
	if s.Session != nil && s.Session.ID != over {
		d = deny(d, &e, entry.ReasonInUse)
	}
	d, exempt := g.onClock(s, planes, &who, d, &e)
	if over != 0 && d.Outcome == entry.OutcomeAllowed {
		var err error
		if s, err = g.makeRoom(ctx, s, over, by, source); errors.Is(err, errChanged) {
			d = deny(d, &e, entry.ReasonStateChanged)
		} else if err != nil {
			return nil, failed(), fmt.Errorf("signing on: %w", err)
		}
	}
	if d.Outcome != entry.OutcomeAllowed {
		if err := g.record(ctx, true, &e); err != nil {
			return nil, failed(), fmt.Errorf("signing on: %w", err)
		}
		d.Seq = e.Seq
		g.emit(e, &d, nil)
		return nil, d, nil
	}
	g.mu.Lock()
	g.state.name = who.Name
	g.mu.Unlock()
	done, err := g.commit(ctx, true, e)
	if err != nil {
		g.disown(&e)
		return nil, failed(), fmt.Errorf("signing on: %w", err)
	}
	e = done[0]
	d.Seq = e.Seq
	session := &Session{ID: e.Seq, Subject: who, Method: method, Began: e.Stamp}
	session.equip(s.Policy)
	g.managed()
	err = g.advance(func(cur *Snapshot) (Snapshot, turn, error) {
		if cur.Generation != s.Generation || !g.stillOnClock(who.Person, exempt) {
			return Snapshot{}, turn{}, errChanged
		}
		next := *cur
		next.Session = session
		return next, turn{reason: entry.ReasonStateChanged}, nil
	})
	if err != nil {
		return nil, g.withdraw(&e, d, entry.ReasonStateChanged), nil
	}
	g.watchManager()
	g.emit(e, &d, nil)
	return session, d, nil
}

// makeRoom ends a session for the next one, and gives the snapshot after it.
// errChanged: it is not that session, or what was decided before was so in another state.
func (g *Gate) makeRoom(ctx context.Context, s *Snapshot, session entry.Seq, by Subject, source string) (*Snapshot, error) {
	err := g.advance(func(cur *Snapshot) (Snapshot, turn, error) {
		if cur.Generation != s.Generation || cur.Session == nil || cur.Session.ID != session {
			return Snapshot{}, turn{}, errChanged
		}
		next := *cur
		next.Session = nil
		return next, turn{entries: []entry.Entry{signOff(cur.Session, entry.ReasonSignedOver, by, source)}, reason: entry.ReasonSignedOver}, nil
	})
	if err == nil {
		err = g.flush(ctx)
	}
	if err != nil {
		return s, err
	}
	after := g.Snapshot()
	if after.Generation != s.Generation+1 {
		return s, errChanged
	}
	return after, nil
}

// disown is owed when the journal failed at a sign-on: the entry may be in it
// all the same, and must not be resumed after a crash.
func (g *Gate) disown(e *entry.Entry) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.owe(entry.Entry{
		Kind: entry.KindSignOff, Operator: e.Operator, Person: e.Person, Outcome: entry.OutcomeError,
		Reason: entry.ReasonCancelled, Source: "daemon", Text: "the sign-on before, if there is one, could not be confirmed",
	}, nil, nil)
}

// firm denies what only an override could give, where none is possible. The
// own PIN again was given where who acts was identified by it.
func firm(d Decision, e *entry.Entry, m entry.Method) Decision {
	switch {
	case d.Outcome != entry.OutcomeOverrideRequired:
		return d
	case d.Reason == entry.ReasonStepUp && m.PIN():
		return agree(d, e, entry.ReasonRule)
	}
	return deny(d, e, d.Reason)
}

func deny(d Decision, e *entry.Entry, reason entry.Reason) Decision {
	d.Outcome, d.Reason = entry.OutcomeDenied, reason
	e.Outcome, e.Reason = d.Outcome, d.Reason
	return d
}

// EndSession signs the operator off: the operator's own wish, or somebody
// else's (by). It holds even if the error says that it could not be journaled
// yet. ErrNoSession: nobody is signed on.
func (g *Gate) EndSession(ctx context.Context, reason entry.Reason, by Subject, source string) error {
	err := g.advance(func(cur *Snapshot) (Snapshot, turn, error) {
		if cur.Session == nil {
			return Snapshot{}, turn{}, ErrNoSession
		}
		next := *cur
		next.Session = nil
		return next, turn{entries: []entry.Entry{signOff(cur.Session, reason, by, source)}, reason: reason}, nil
	})
	if err != nil {
		return fmt.Errorf("signing off: %w", err)
	}
	if err := g.flush(ctx); err != nil {
		return fmt.Errorf("signed off, but not journaled yet: %w", err)
	}
	return nil
}

func signOff(s *Session, reason entry.Reason, by Subject, source string) entry.Entry {
	e := entry.Entry{
		Kind: entry.KindSignOff, Outcome: entry.OutcomeAllowed, Reason: reason, Method: s.Method, Source: source, About: s.ID,
	}
	of(&e, s)
	if by.Operator != "" && by.Operator != s.Subject.Operator {
		e.Approval = &entry.Approval{Operator: by.Operator, Person: by.known().Person}
	}
	return e
}

// Lock locks the register. The session goes on, and nothing opens until
// somebody unlocks it. It holds even if the error says that it could not be
// journaled yet. Locking what is locked does nothing.
func (g *Gate) Lock(ctx context.Context, reason entry.Reason, source string) error {
	err := g.advance(func(cur *Snapshot) (Snapshot, turn, error) {
		switch {
		case cur.Session == nil:
			return Snapshot{}, turn{}, ErrNoSession
		case cur.Session.Locked:
			return Snapshot{}, turn{}, errChanged
		}
		e := entry.Entry{Kind: entry.KindLock, Outcome: entry.OutcomeAllowed, Reason: reason, Source: source}
		of(&e, cur.Session)
		next, session := *cur, *cur.Session
		session.Locked = true
		next.Session = &session
		return next, turn{entries: []entry.Entry{e}, reason: entry.ReasonLocked}, nil
	})
	if err != nil && !errors.Is(err, errChanged) {
		return fmt.Errorf("locking: %w", err)
	}
	if err := g.flush(ctx); err != nil {
		return fmt.Errorf("locked, but not journaled yet: %w", err)
	}
	return nil
}

// Unlock unlocks the register: the signed-on operator may, and whoever else
// has the right to (pos.unlock.other). The session stays whose it was.
func (g *Gate) Unlock(ctx context.Context, by Subject, method entry.Method, source string) (Decision, error) {
	by = by.known()
	if err := g.signing.acquire(ctx); err != nil {
		return failed(), fmt.Errorf("unlocking: %w", err)
	}
	defer g.signing.release()
	s := g.Snapshot()
	e := entry.Entry{
		Kind: entry.KindUnlock, Operator: by.Operator, Person: by.Person, WorkGroups: by.WorkGroups,
		Method: method, Source: source, Policy: policyRef(s),
	}
	d := g.mayUnlock(s, by, &e)
	if d.Outcome != entry.OutcomeAllowed {
		if err := g.record(ctx, true, &e); err != nil {
			return failed(), fmt.Errorf("unlocking: %w", err)
		}
		d.Seq = e.Seq
		g.emit(e, &d, nil)
		return d, nil
	}
	done, err := g.commit(ctx, true, e)
	if err != nil {
		g.relock(s.Session)
		return failed(), fmt.Errorf("unlocking: %w", err)
	}
	e = done[0]
	d.Seq = e.Seq
	err = g.advance(func(cur *Snapshot) (Snapshot, turn, error) {
		if cur.Generation != s.Generation {
			return Snapshot{}, turn{}, errChanged
		}
		next, session := *cur, *cur.Session
		session.Locked = false
		if by.Operator == session.Subject.Operator {
			session.FellBack = false
			g.managed()
		}
		next.Session = &session
		return next, turn{reason: entry.ReasonStateChanged}, nil
	})
	if err != nil {
		return g.withdraw(&e, d, entry.ReasonStateChanged), nil
	}
	g.watchManager()
	g.emit(e, &d, nil)
	return d, nil
}

// relock is owed when the journal failed at an unlock: the entry may be in it
// all the same, and the register is still locked.
func (g *Gate) relock(s *Session) {
	e := entry.Entry{Kind: entry.KindLock, Outcome: entry.OutcomeError, Reason: entry.ReasonCancelled, Source: "daemon"}
	of(&e, s)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.owe(e, nil, nil)
}

func (g *Gate) mayUnlock(s *Snapshot, by Subject, e *entry.Entry) Decision {
	var d Decision
	switch {
	case s.Session == nil:
		return deny(d, e, entry.ReasonNoSession)
	case s.Policy == nil:
		return deny(d, e, entry.ReasonNoPolicy)
	}
	e.Session = s.Session.ID
	switch {
	case !s.Session.Locked:
		return deny(d, e, entry.ReasonStateChanged)
	case by.Operator == s.Session.Subject.Operator:
		d.Outcome, d.Reason = entry.OutcomeAllowed, entry.ReasonOwner
		e.Outcome, e.Reason = d.Outcome, d.Reason
		return d
	}
	planes := planesOf(s.Policy, by.WorkGroups)
	u := rule(s.Policy, planes, by.WorkGroups, functionUnlockOther, HasSession|SameSession|Unlocked|Fits, meter{gate: g})
	return firm(ruled(u, e, functionUnlockOther), e, e.Method)
}

// RosterChanged says that the roster is another now: what was held, pending
// or granted under the old one ends. current is the signed-on operator as the
// new roster has it; nil means may no longer, and ends the session for the
// reason. It holds even if the error says that it could not be journaled yet.
func (g *Gate) RosterChanged(ctx context.Context, current *Subject, reason entry.Reason) error {
	err := g.advance(func(cur *Snapshot) (Snapshot, turn, error) {
		next, t := *cur, turn{reason: entry.ReasonRosterChanged}
		if cur.Session == nil {
			return next, t, nil
		}
		if current != nil && current.Operator != cur.Session.Subject.Operator {
			return next, t, fmt.Errorf("operator %s: %w", current.Operator, ErrNoSession)
		}
		session := *cur.Session
		if current != nil {
			session.Subject = current.known()
			session.equip(cur.Policy)
		}
		if current == nil || (cur.Policy != nil && session.Planes == nil) {
			next.Session = nil
			t.reason = reason
			t.entries = []entry.Entry{signOff(cur.Session, reason, Subject{}, "daemon")}
			return next, t, nil
		}
		next.Session = &session
		e := entry.Entry{Kind: entry.KindSession, Outcome: entry.OutcomeAllowed, Reason: reason, Source: "daemon", Text: "roster changed"}
		of(&e, &session)
		t.entries = []entry.Entry{e}
		return next, t, nil
	})
	if err != nil {
		return fmt.Errorf("taking the new roster: %w", err)
	}
	g.watchManager()
	if err := g.flush(ctx); err != nil {
		return fmt.Errorf("the new roster holds, but is not journaled yet: %w", err)
	}
	return nil
}
