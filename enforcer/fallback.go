package enforcer

import (
	"context"
	"errors"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// Managers fall back. A manager who is signed on and walks away leaves a register at
// which everything may be done, and it does not lock as long as somebody goes on
// selling at it. So after a while in which nothing was done that takes a manager,
// what only the manager work groups allow takes the own PIN again; what the
// operator's other work groups allow goes on. A manager work group is one that may
// approve for others: it is allowed Manager Override.
//
// The while begins anew with whatever proves who it is (sign-on, the own unlock, the
// own PIN again) and with each use; it runs on the boot clock.

// equip computes what a session's operator may do under a policy; nil: nothing.
func (s *Session) equip(p *policy.Compiled) {
	groups := s.Subject.WorkGroups
	s.Planes = planesOf(p, groups)
	s.Manager, s.lesser, s.lesserGroups = false, nil, nil
	if !mayOverride(p, s.Planes) {
		return
	}
	s.Manager = true
	for _, g := range groups {
		if !mayOverride(p, planesOf(p, []string{g})) {
			s.lesserGroups = append(s.lesserGroups, g)
		}
	}
	s.lesser = planesOf(p, s.lesserGroups)
}

func mayOverride(p *policy.Compiled, planes *policy.Planes) bool {
	if planes == nil {
		return false
	}
	i, ok := p.Lookup(policy.KeyManagerOverride)
	return ok && planes.Access(i) == policy.Allowed
}

// ruleOf is rule for a session, with what has fallen back taking the own PIN again.
// manager: only the manager work groups allow it, or would.
func (g *Gate) ruleOf(p *policy.Compiled, s *Session, function string, c Context, m meter) (u ruling, manager bool) {
	u = rule(p, s.Planes, s.Subject.WorkGroups, function, c, m)
	if !s.Manager || u.code != codeAllowed || !s.FellBack && g.managerIdle() <= 0 {
		return u, false
	}
	if rule(p, s.lesser, s.lesserGroups, function, c, m).code == codeAllowed {
		return u, false
	}
	if s.FellBack {
		u.code = code(entry.OutcomeOverrideRequired, entry.ReasonFellBack)
	}
	return u, true
}

// managerIdle is after which time managers fall back; zero: never.
func (g *Gate) managerIdle() time.Duration {
	if g.opt.ManagerIdle == nil {
		return 0
	}
	return g.opt.ManagerIdle()
}

// managed notes that who is signed on proved it, or did what takes a manager.
func (g *Gate) managed() { g.lastManaged.Store(int64(g.clock.Boot())) }

// managerLeft is how long it is until who is signed on falls back; false: they do not.
func (g *Gate) managerLeft(s *Snapshot) (time.Duration, bool) {
	idle := g.managerIdle()
	if idle <= 0 || s.Session == nil || !s.Session.Manager || s.Session.FellBack || s.Session.Locked {
		return 0, false
	}
	return time.Duration(g.lastManaged.Load()) + idle - g.clock.Boot(), true
}

// idleManager lets who is signed on fall back, if it is time. It takes effect first
// and is journaled second; what is pending goes on, and grants end.
func (g *Gate) idleManager(ctx context.Context) {
	if left, ok := g.managerLeft(g.Snapshot()); !ok || left > 0 {
		return
	}
	err := g.advance(func(cur *Snapshot) (Snapshot, turn, error) {
		if left, ok := g.managerLeft(cur); !ok || left > 0 {
			return Snapshot{}, turn{}, errChanged
		}
		next, session := *cur, *cur.Session
		session.FellBack = true
		next.Session = &session
		e := entry.Entry{Kind: entry.KindFallBack, Outcome: entry.OutcomeAllowed, Reason: entry.ReasonIdle, Source: "daemon"}
		of(&e, &session)
		return next, turn{entries: []entry.Entry{e}, reason: entry.ReasonIdle, keepOver: true}, nil
	})
	if err == nil {
		err = g.flush(ctx)
	}
	if err != nil && !errors.Is(err, errChanged) && !errors.Is(err, ErrClosed) {
		g.report(err)
	}
}

// watchManager looks again when who is signed on would fall back. Decisions look
// for themselves: it is for those who look at the register.
func (g *Gate) watchManager() {
	left, ok := g.managerLeft(g.Snapshot())
	if !ok {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.watching || g.closed {
		return
	}
	g.watching = true
	g.later(max(left, time.Millisecond), func(ctx context.Context) {
		g.idleManager(ctx)
		g.mu.Lock()
		g.watching = false
		g.mu.Unlock()
		g.watchManager()
	})
}
