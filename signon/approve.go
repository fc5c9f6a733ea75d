package signon

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// approve lets the gate decide an approval of who was identified, and asks for
// a reason where that is all that is missing.
func (s *Service) approve(ctx context.Context, r Result, in intent, st state, who enforcer.Subject, f *finding, c *Credential) (Result, error) {
	by := enforcer.Approver{Subject: who, Method: r.Method, Source: c.Source, Why: in.why, Fallback: f.fallback && c.At == "", At: c.At, Transaction: in.rest}
	d, err := s.gate.Approve(ctx, in.override, by)
	r.Decision = d
	if err == nil && in.here && d.Reason == entry.ReasonWhyNeeded && st.why == policy.ReasonCode {
		r.OK, r.Action, r.Reason, r.NeedWhy = false, AskWhy, d.Reason, true
		r.Say = r.Operator.Name + ": the reason's code"
		r.Token, err = s.askWhy(&askedWhy{finding: *f, intent: in, state: st})
		return r, err
	}
	if err == nil && d.Outcome == entry.OutcomeOverrideRequired {
		r.Action, r.Say = ApprovedFirst, "approved by "+r.Operator.Name+", the first of two: another person has to approve too"
		s.touch(s.o.Clock.Boot())
		return r, nil
	}
	return s.decided(r, Approved, "approved by "+r.Operator.Name, err)
}

// askedWhy is somebody who was identified and may approve, and has to say why.
// It is bound to the override and to the state that it is pending in.
type askedWhy struct {
	finding
	intent intent
	state  state
	token  string
	until  time.Duration // boot time
}

// askWhy keeps who approves until the reason comes: one at a time, as there is
// one override at a time.
func (s *Service) askWhy(a *askedWhy) (string, error) {
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		return "", fmt.Errorf("ask for a reason: %w", err)
	}
	a.token, a.until = hex.EncodeToString(id[:]), s.o.Clock.Boot()+s.o.AskPIN
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return "", ErrClosed
	}
	s.askedWhy = a
	return a.token, nil
}

// Why gives the reason's code that a Result with NeedWhy asked for. A code that
// is in no list is asked for again.
func (s *Service) Why(ctx context.Context, token string, code uint16, source string) (Result, error) {
	c := Credential{Source: source}
	asked := s.o.Clock.Boot()
	s.mu.Lock()
	a := s.askedWhy
	s.askedWhy = nil
	s.mu.Unlock()
	switch {
	case a == nil || a.token != token || a.until <= asked:
		return Result{Action: Refused, Verdict: Verdict{Reason: entry.ReasonTimeout, Say: "the reason came too late; approve it again"}}, nil
	case !s.brake.admit(source, asked):
		return s.tooFast(ctx, &c)
	}
	a.intent.why = enforcer.Why{Code: code}
	return s.act(ctx, a.intent, a.state, &a.finding, &c)
}

// DropWhy forgets who was asked for a reason: they pressed Clear.
func (s *Service) DropWhy(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.askedWhy != nil && s.askedWhy.token == token {
		s.askedWhy = nil
	}
}
