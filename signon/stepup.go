package signon

import (
	"context"
	"errors"

	"tillwarden/enforcer/journal/entry"
)

// StepUp confirms what waits for the own PIN of the operator who is signed on,
// with that PIN alone: whose it is the session says. A wrong one counts as any
// wrong PIN does, against the means that the operator signed on by. It does
// nothing else, and the PIN is wiped.
func (s *Service) StepUp(ctx context.Context, override entry.Seq, pin []byte, source string) (Result, error) {
	c := Credential{PIN: pin, Source: source}
	defer c.Wipe()
	asked := s.o.Clock.Boot()
	if !s.brake.admit(source, asked) {
		return s.tooFast(ctx, &c)
	}
	s.lockIfIdle(ctx, asked)
	snap := s.gate.Snapshot()
	st := stateOf(snap)
	if !st.stepUp || st.override != override {
		// No PIN is looked at where none was asked for.
		no := Verdict{Reason: entry.ReasonNoOverride, Method: entry.MethodPIN, Say: sayRefused(entry.ReasonNoOverride, "")}
		return Result{Action: Refused, Verdict: no}, s.journal(ctx, false, entry.Entry{
			Kind: entry.KindIdentify, Outcome: entry.OutcomeDenied, Reason: no.Reason, Method: no.Method, Session: st.session, Source: source,
		})
	}
	m := byCard
	if snap.Session.Method == entry.MethodNumberPIN {
		m = byNumber
	}
	record, err := s.record(st.operator)
	if err != nil {
		return s.failed(ctx, asked, &c, kindOf(st), err)
	}
	if record != nil && record.PIN == nil {
		f := finding{record: record, card: true, again: true, means: m}
		r := Result{Action: Refused, Verdict: s.verdict(&f, &c)}
		return s.deny(ctx, r, &f, &c, kindOf(st), entry.ReasonPINRequired, sayNoPIN(record.Name))
	}
	if !validPIN(c.PIN) {
		clear(c.PIN)
		c.PIN = make([]byte, 1) // nobody's, and counted like any other
	}
	f, err := s.checkPIN(ctx, m, st.operator, record, &c, asked)
	// The session says who it is, so the answer may be specific.
	f.again, f.card = true, record != nil
	if err == nil && f.reason == entry.ReasonNone {
		s.brake.right(strainKey(m, st.operator), source)
		err = s.store.forget(m, st.operator)
		f.reason = f.mustChange() // others know it: it proves nothing
	}
	if err != nil {
		return s.failed(ctx, asked, &c, kindOf(st), err)
	}
	r, err := s.act(ctx, intent{do: Confirmed, override: override, own: true, pin: true}, st, &f, &c)
	if waitErr := s.settle(ctx, asked); waitErr != nil && !r.OK {
		return Result{Action: Refused}, errors.Join(err, waitErr)
	}
	return r, err
}
