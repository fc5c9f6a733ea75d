package signon

import (
	"context"
	"time"

	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/timeclock"
)

// The time clock. Who punches shows the same as who signs on; whether they may,
// and whether it follows from how they stand, the gate says.

// punch is a punch that is meant.
type punch struct {
	what   timeclock.Punch // 0: none
	whose  string          // the operator number whose clock it is; empty: the own
	length time.Duration   // of a forced break
}

// Punch punches the clock of whoever shows the credential, and does nothing else
// but end their session where they leave.
func (s *Service) Punch(ctx context.Context, what timeclock.Punch, c Credential) (Result, error) {
	return s.present(ctx, c, func(state, string) intent { return intent{do: Punched, punch: punch{what: what}} })
}

// PunchFor punches another operator's clock, for who shows the credential and may:
// a break that they are sent on, which lasts for length, or its end; or a punch
// that was forgotten. It takes a PIN, whatever the site asks for: the next card that
// is swiped here may be a manager's who means something else.
func (s *Service) PunchFor(ctx context.Context, what timeclock.Punch, number string, length time.Duration, c Credential) (Result, error) {
	return s.present(ctx, c, func(state, string) intent {
		return intent{do: Punched, pin: true, punch: punch{what: what, whose: number, length: length}}
	})
}

// punch lets the gate decide a punch of who was identified.
func (s *Service) punch(ctx context.Context, r Result, p punch, who enforcer.Subject, c *Credential) (Result, error) {
	req := enforcer.PunchRequest{Punch: p.what, By: who, Whose: who, For: p.length, Method: r.Method, Source: c.Source}
	if p.whose != "" {
		target, err := s.record(p.whose)
		switch {
		case err != nil:
			return Result{Action: Refused}, err
		case target == nil:
			f := finding{record: &operatorRecord{Number: who.Operator, Person: who.Person, Groups: who.WorkGroups}}
			return s.deny(ctx, r, &f, c, entry.KindIdentify, entry.ReasonUnknownOperator, "there is no operator with this number")
		}
		req.Whose = target.public().Subject()
		if target.Person == who.Person && p.length > 0 {
			f := finding{record: target}
			return s.deny(ctx, r, &f, c, entry.KindIdentify, entry.ReasonSamePerson, "nobody sends themselves on a break: begin one")
		}
	}
	name := req.Whose.Name
	var err error
	r.Decision, err = s.gate.Punch(ctx, req)
	r, err = s.decided(r, Punched, sayPunched(name, p), err)
	if err != nil || r.OK {
		return r, err
	}
	switch r.Reason {
	case entry.ReasonOffClock, entry.ReasonOnBreak, entry.ReasonForcedBreak, entry.ReasonClockedIn:
		r.Say = sayRefused(r.Reason, name) // it is about whose clock it is
		switch {
		case r.Reason == entry.ReasonOffClock:
			r.Say = name + " is not clocked in"
		case r.Reason == entry.ReasonClockedIn && p.what == timeclock.Back:
			r.Say = name + " is on no break"
		}
	}
	return s.sayBreak(r, req.Whose), nil
}

func sayPunched(name string, p punch) string {
	switch p.what {
	case timeclock.In:
		return name + " is clocked in"
	case timeclock.Out:
		return name + " is clocked out"
	case timeclock.Back:
		return name + " is back from the break"
	}
	if p.length > 0 {
		return name + " is sent on a break"
	}
	return name + " is on a break"
}

// sayBreak says until when a break lasts that keeps somebody from what they
// meant. The time of day is for reading only.
func (s *Service) sayBreak(r Result, whose enforcer.Subject) Result {
	now := s.o.Clock.Stamp()
	left := s.gate.Standing(whose).Left(now)
	if r.Reason != entry.ReasonForcedBreak || left <= 0 {
		return r
	}
	r.Say = whose.Name + " was sent on a break until " + s.clockTime(left) + "; somebody who may can end it"
	return r
}
