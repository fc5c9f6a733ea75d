package daemon

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/enforcer"
	"tillwarden/enforcer/bundle"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/signon"
)

// Mode says whether the policy alone decides, or which mode besides.
func (d *Daemon) Mode(_ context.Context, c api.Caller) (*api.Mode, error) {
	m := d.modeStatus(d.gate.Snapshot(), c)
	return &m, nil
}

func (d *Daemon) modeStatus(s *enforcer.Snapshot, c api.Caller) api.Mode {
	w := api.Mode{Mode: entry.ModeEnforce.String()}
	now := d.clock.Boot()
	m := s.Mode
	if m != nil && !m.Over(now) {
		w.Mode, w.Left = m.Kind.String(), (m.Until - now).Seconds()
	} else {
		m = nil
	}
	if c.Role == api.RolePOS {
		return w
	}
	if m != nil {
		w.Seq, w.Functions, w.Reason, w.By, w.With = api.Seq(m.ID), m.Functions, m.Why, m.By, m.With
	}
	_, w.Codes = d.gate.Codes()
	spent, total := d.gate.MonitorTime()
	w.Spent, w.Total = spent.Seconds(), total.Seconds()
	return w
}

// passesPrint reports whether printing passes, whatever a printer's dialect says of it.
func (d *Daemon) passesPrint() bool {
	m := d.gate.Snapshot().Mode
	return m != nil && m.Kind == entry.ModeBreakGlass && !m.Over(d.clock.Boot())
}

// Monitor begins monitor mode.
func (d *Daemon) Monitor(ctx context.Context, c api.Caller, r *api.ModeRequest) (*api.ModeAnswer, error) {
	return d.beginMode(ctx, c, entry.ModeMonitor, r)
}

// BreakGlass begins break-glass.
func (d *Daemon) BreakGlass(ctx context.Context, c api.Caller, r *api.ModeRequest) (*api.ModeAnswer, error) {
	return d.beginMode(ctx, c, entry.ModeBreakGlass, r)
}

func (d *Daemon) beginMode(ctx context.Context, c api.Caller, kind entry.Mode, r *api.ModeRequest) (*api.ModeAnswer, error) {
	m := enforcer.ModeRequest{
		Kind: kind, For: seconds(r.Seconds), Functions: r.Functions, Why: strings.TrimSpace(r.Reason), Source: c.Source(), SetUp: r.SetUp,
	}
	if err := m.Check(); err != nil { // before anybody's tries are counted
		return nil, modeInvalid(err)
	}
	if !r.SetUp {
		var err error
		if len(r.Code) > 0 && r.By != nil {
			if m.By, err = d.party(ctx, c, r.By); err == nil {
				m.Code, err = d.oneTimeCode(r.Code)
			}
		} else {
			m.By, m.With, err = d.twoParties(ctx, c, r.By, r.With, "tillwarden mode "+kind.String())
		}
		if err != nil {
			return nil, err
		}
	}
	decision, err := d.gate.BeginMode(ctx, m)
	switch {
	case errors.Is(err, enforcer.ErrRequest):
		return nil, modeInvalid(err)
	case err != nil && decision.Outcome != entry.OutcomeAllowed:
		return nil, d.cannotDecide(err)
	case err != nil: // it has begun
		d.log.Error("mode", "err", err)
	case decision.Outcome != entry.OutcomeAllowed:
		return nil, d.modeRefused(sayMode(kind)+" does not begin", decision, r.SetUp)
	}
	return d.modeChanged(c), nil
}

// twoParties finds out who both of those are who change the mode.
func (d *Daemon) twoParties(ctx context.Context, c api.Caller, by, with *api.Person, command string) (a, b *enforcer.Party, err error) {
	if by == nil || with == nil {
		return nil, nil, api.Errorf(api.CodeRefused, "two persons who may have to do this").WithReason(entry.ReasonCardRequired.String()).
			WithHint("give both operators' numbers or cards, and PINs, in by and with: " + command + " --as NUMBER --with NUMBER")
	}
	if a, err = d.party(ctx, c, by); err != nil {
		return nil, nil, err
	}
	b, err = d.party(ctx, c, with)
	return a, b, err
}

// party finds out who one of those is who change the mode: by number and PIN, or by
// the card that is swiped next and its PIN, whatever the site asks for else.
func (d *Daemon) party(ctx context.Context, c api.Caller, by *api.Person) (*enforcer.Party, error) {
	who, err := d.shown(ctx, c, by)
	if err != nil {
		return nil, err
	}
	v, err := d.service().Identify(ctx, who, signon.NeedPIN)
	switch {
	case err != nil:
		return nil, d.cannotDecide(err)
	case !v.OK:
		return nil, refused(v)
	}
	return &enforcer.Party{Subject: v.Operator.Subject(), Method: v.Method}, nil
}

func modeInvalid(err error) error {
	_, what, _ := strings.Cut(err.Error(), enforcer.ErrRequest.Error()+": ")
	return api.Errorf(api.CodeInvalid, "%s", what)
}

// modeRefused is a change of mode that was not allowed, as an error.
func (d *Daemon) modeRefused(what string, decision enforcer.Decision, setUp bool) error {
	e := api.Errorf(api.CodeRefused, "%s: %s", what, sayReason(decision.Reason)).WithReason(decision.Reason.String())
	switch decision.Reason {
	case entry.ReasonRule, entry.ReasonRefused, entry.ReasonNoWorkGroup, entry.ReasonUnreviewed:
		e.Message = fmt.Sprintf("%s: somebody of those may not: %s", what, sayRule(d.gate.Snapshot(), decision.Rule))
	case entry.ReasonExists:
		e.Code, e.Message = api.CodeConflict, "there is a mode already"
		return e.WithHint("end it first: tillwarden mode enforce")
	case entry.ReasonNoPolicy:
		return e.WithHint("load a policy first: nothing is let through that nobody knows")
	case entry.ReasonSpent:
		spent, total := d.gate.MonitorTime()
		return e.WithHint(fmt.Sprintf("%s of %s are left", (total - spent).Round(time.Minute), total))
	case entry.ReasonUsed:
		if setUp {
			e.Message = what + ": set-up does that once, and before anybody has signed on"
			return e.WithHint("now it takes two persons who may: --as NUMBER --with NUMBER")
		}
		e.Message = what + ": it counts once, and was used before"
	case entry.ReasonExpired:
		e.Message = what + ": it should have been used before"
		return e.WithHint("look at the register's clock (date), or have another one signed")
	case entry.ReasonUnknownCredential:
		e.Message = what + ": this is no code of the list that counts"
	case entry.ReasonSamePerson:
		e.Message = "it takes two persons, and that is one"
	}
	return e
}

// loadMode begins a mode that the chain has signed. It needs nobody at the
// register: the signature is the authority.
func (d *Daemon) loadMode(ctx context.Context, c api.Caller, l *api.LoadRequest) (*api.LoadAnswer, error) {
	conf := d.config()
	epoch, digest := d.gate.EpochFloor(enforcer.BundleMode)
	m, blob, err := bundle.Open(l.Bundle, bundle.Expect{
		Type: bundle.TypeMode, Chain: conf.Chain, Store: conf.Store, Keys: d.policyKeys, Threshold: conf.Policy.Threshold,
		MinEpoch: epoch, SameDigest: digest, MaxSize: maxAuthorisation,
	})
	reason := bundle.ReasonOf(err)
	var a *enforcer.Authorisation
	if err == nil {
		if a, err = enforcer.ParseAuthorisation(blob); err != nil {
			reason = entry.ReasonMalformed
		} else if !a.For(conf.Register) {
			reason, err = entry.ReasonRegister, fmt.Errorf("it is for %s, this is %s", strings.Join(a.Registers, ", "), conf.Register)
		}
	}
	if err != nil {
		if refused := d.gate.LoadRefused(ctx, reason, l.Name, err.Error()); refused != nil {
			return nil, d.cannotDecide(refused)
		}
		return nil, api.Errorf(api.CodeInvalid, "the authorisation was refused: %s", sayReason(reason)).WithReason(reason.String()).WithHint(err.Error())
	}
	r, err := a.Request()
	if err != nil {
		return nil, modeInvalid(err) // ParseAuthorisation has seen to that
	}
	r.Source, r.Signed = c.Source(), &enforcer.Signed{Epoch: m.Epoch, Digest: m.SHA256, NotAfter: a.NotAfter}
	decision, err := d.gate.BeginMode(ctx, r)
	switch {
	case err != nil && decision.Outcome != entry.OutcomeAllowed:
		return nil, d.cannotDecide(err)
	case err != nil: // it has begun
		d.log.Error("mode", "err", err)
	case decision.Outcome != entry.OutcomeAllowed:
		return nil, d.modeRefused(sayMode(r.Kind)+" does not begin", decision, false)
	}
	changed := d.modeChanged(c)
	return &api.LoadAnswer{Say: changed.Say, Policy: policyStatus(d.gate.Snapshot(), false), Mode: &changed.Mode}, nil
}

// maxAuthorisation bounds the content of an authorisation.
const maxAuthorisation = 16 << 10

// EndMode ends the mode.
func (d *Daemon) EndMode(ctx context.Context, c api.Caller, r *api.EndModeRequest) (*api.ModeAnswer, error) {
	var by *enforcer.Party
	switch {
	case r.By != nil:
		var err error
		if by, err = d.party(ctx, c, r.By); err != nil {
			return nil, err
		}
	case c.Role != api.RoleTechnician:
		return nil, errNeedsOperator
	}
	decision, err := d.gate.EndMode(ctx, by, c.Source())
	switch {
	case errors.Is(err, enforcer.ErrNoMode):
		return nil, api.Errorf(api.CodeConflict, "the policy alone decides already")
	case err != nil && decision.Outcome != entry.OutcomeAllowed:
		return nil, d.cannotDecide(err)
	case err != nil: // it has ended
		d.log.Error("mode", "err", err)
	case decision.Outcome != entry.OutcomeAllowed:
		return nil, api.Errorf(api.CodeRefused, "the mode goes on: %s", sayRule(d.gate.Snapshot(), decision.Rule)).WithReason(decision.Reason.String())
	}
	return d.modeChanged(c), nil
}

func (d *Daemon) modeChanged(c api.Caller) *api.ModeAnswer {
	d.notify.status(d.statusLine())
	s := d.gate.Snapshot()
	return &api.ModeAnswer{Say: sayModeNow(s.Mode), Mode: d.modeStatus(s, c)}
}

// sayMode is a mode's name.
func sayMode(k entry.Mode) string {
	switch k {
	case entry.ModeMonitor:
		return "monitor mode"
	case entry.ModeBreakGlass:
		return "break-glass"
	}
	return "enforcing"
}

// sayModeNow says what a mode means.
func sayModeNow(m *enforcer.Mode) string {
	switch {
	case m == nil:
		return "enforcing: the policy alone decides"
	case m.Kind == entry.ModeBreakGlass:
		return "break-glass: drawers open for sales, and printing passes; everything is journaled"
	case len(m.Functions) > 0:
		return "monitor mode: what the policy refuses of " + strings.Join(m.Functions, ", ") + " is let through and journaled"
	}
	return "monitor mode: what the policy refuses is let through and journaled"
}
