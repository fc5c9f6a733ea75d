package signon

import (
	"context"
	"time"

	"tillwarden/enforcer/journal/entry"
)

// lockTimeout bounds the journal's part in an idle lock.
const lockTimeout = 10 * time.Second

// Touch says that somebody did something at the register. If it had been idle
// for too long already (a machine that slept), it is locked now, before
// whatever was done counts: call it before asking the gate.
func (s *Service) Touch() {
	now := s.o.Clock.Boot()
	ctx, cancel := context.WithTimeout(context.Background(), lockTimeout)
	defer cancel()
	s.lockIfIdle(ctx, now)
	s.touch(now)
}

// touch starts the idle time anew.
func (s *Service) touch(now time.Duration) {
	if s.o.Idle < 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.active = now
	if s.stopIdle == nil {
		s.armIdle(s.o.Idle)
	}
}

// armIdle lets the clock look again after d. s.mu is held. One alarm runs at a
// time: activity does not move it, it looks how long ago that was when it rings.
func (s *Service) armIdle(d time.Duration) {
	s.stopIdle = s.later(d, s.idleAlarm)
}

func (s *Service) idleAlarm(ctx context.Context) {
	s.lockIfIdle(ctx, s.o.Clock.Boot())

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	left := s.active + s.o.Idle - s.o.Clock.Boot()
	if left <= 0 {
		// Nothing to watch until somebody signs on, or locking failed: a minute
		// then, and the next touch anyhow.
		if s.gate.Snapshot().Session == nil || s.gate.Snapshot().Session.Locked {
			s.stopIdle = nil
			return
		}
		left = time.Minute
	}
	s.armIdle(left)
}

// lockIfIdle locks a session that has been idle for too long.
func (s *Service) lockIfIdle(ctx context.Context, now time.Duration) {
	if !s.isIdle(now) {
		return
	}
	s.effect.Lock()
	defer s.effect.Unlock()
	if !s.isIdle(now) {
		return // somebody else did, or there was activity while we waited
	}
	if err := s.gate.Lock(ctx, entry.ReasonIdle, "daemon"); err != nil {
		s.o.Logger.Error("the idle register could not be locked", "error", err)
	}
}

// isIdle reports whether there is a session to lock.
func (s *Service) isIdle(now time.Duration) bool {
	if s.o.Idle < 0 {
		return false
	}
	s.mu.Lock()
	idle := now-s.active >= s.o.Idle
	s.mu.Unlock()
	if !idle {
		return false
	}
	session := s.gate.Snapshot().Session
	return session != nil && !session.Locked
}
