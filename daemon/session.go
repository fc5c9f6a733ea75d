package daemon

import (
	"context"
	"errors"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/enforcer"
	"tillwarden/enforcer/journal"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/signon"
)

// credential is a number and PIN that came over a socket. signon wipes the PIN,
// which shares its bytes with the request.
func credential(c api.Caller, by *api.Credentials) signon.Credential {
	return signon.Credential{Number: by.Number, PIN: by.PIN, Source: c.Source()}
}

// refused is a credential that was not accepted, as an error.
func refused(v signon.Verdict) error {
	e := api.Errorf(api.CodeRefused, "%s", v.Say).WithReason(v.Reason.String())
	switch v.Reason {
	case entry.ReasonRate, entry.ReasonSlowDown:
		return e.After(time.Second)
	case entry.ReasonNewPIN:
		return e.WithHint("the operator chooses one: tillwarden operator set-pin NUMBER --as NUMBER, both the own")
	}
	return e
}

// identify finds out whose number and PIN it is.
func (d *Daemon) identify(ctx context.Context, c api.Caller, by *api.Credentials, need signon.Need) (signon.Verdict, error) {
	v, err := d.service().Identify(ctx, credential(c, by), need)
	switch {
	case err != nil:
		return v, d.cannotDecide(err)
	case !v.OK:
		return v, refused(v)
	}
	return v, nil
}

var errNeedsOperator = api.Errorf(api.CodeRefused, "an operator who may has to do this").
	WithReason(entry.ReasonCardRequired.String()).WithHint("give the acting operator's number and PIN in by")

// acting identifies who acts, and decides whether they may. The technician may
// leave that out where technician says so. function is one that is enough.
func (d *Daemon) acting(ctx context.Context, c api.Caller, by *api.Credentials, function, about string, technician bool) (*signon.Operator, error) {
	if by == nil {
		if technician && c.Role == api.RoleTechnician {
			return nil, nil
		}
		return nil, errNeedsOperator
	}
	v, err := d.identify(ctx, c, by, signon.NeedSite)
	if err != nil {
		return nil, err
	}
	decision, err := d.gate.Permit(ctx, v.Operator.Subject(), function, v.Method, c.Source(), about)
	if err != nil {
		return nil, d.cannotDecide(err)
	}
	if decision.Outcome != entry.OutcomeAllowed {
		return nil, api.Errorf(api.CodeRefused, "%s", sayDecision(d.gate.Snapshot(), function, decision)).WithReason(decision.Reason.String())
	}
	return v.Operator, nil
}

// cannotDecide turns an error of gate, journal or roster into what callers may know.
func (d *Daemon) cannotDecide(err error) error {
	var e *api.Error
	switch {
	case errors.As(err, &e), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, journal.ErrFull), errors.Is(err, journal.ErrReserve):
		return api.Errorf(api.CodeUnavailable, "%s", sayReason(entry.ReasonFull)).WithReason(entry.ReasonFull.String()).
			WithHint("free space where the journal is kept: " + d.config().State)
	case errors.Is(err, journal.ErrBusy):
		return api.Errorf(api.CodeUnavailable, "too much is waiting for the journal").WithHint("try again in a moment").After(time.Second)
	case errors.Is(err, journal.ErrUnavailable), errors.Is(err, journal.ErrWrite), errors.Is(err, journal.ErrClosed), errors.Is(err, enforcer.ErrClosed):
		d.log.Error("nothing can be decided without the journal", "err", err)
		return api.Errorf(api.CodeUnavailable, "the journal cannot be written, so nothing can be decided").WithHint("look at the disk: tillwarden doctor")
	case errors.Is(err, signon.ErrDamaged), errors.Is(err, signon.ErrOtherKeys), errors.Is(err, signon.ErrClosed):
		return api.Errorf(api.CodeUnavailable, "the roster cannot be read: nobody can sign on").WithHint("put roster.db and keys back from a backup; tillwarden doctor says more")
	case errors.Is(err, enforcer.ErrRequest):
		return api.Errorf(api.CodeInvalid, "a name is too long")
	case errors.Is(err, enforcer.ErrNoSession):
		return api.Errorf(api.CodeConflict, "nobody is signed on").WithReason(entry.ReasonNoSession.String())
	}
	return err
}

// Session says who is signed on.
func (d *Daemon) Session(_ context.Context, c api.Caller) (*api.SessionState, error) {
	s := sessionStatus(d.gate.Snapshot(), c)
	return &api.SessionState{SignedOn: s != nil, Session: s}, nil
}

func sessionStatus(s *enforcer.Snapshot, c api.Caller) *api.Session {
	if s.Session == nil {
		return nil
	}
	who := s.Session.Subject
	w := &api.Session{
		ID: api.Seq(s.Session.ID), Operator: who.Operator, Name: who.Name, Method: s.Session.Method.String(),
		Began: s.Session.Began.Time(), Locked: s.Session.Locked, FellBack: s.Session.FellBack,
	}
	if w.Name == "" {
		w.Name = who.Operator
	}
	if c.Role != api.RolePOS {
		w.Person, w.WorkGroups = who.Person, who.WorkGroups
	}
	return w
}

// SignOn signs on with number and PIN.
func (d *Daemon) SignOn(ctx context.Context, c api.Caller, by *api.Credentials) (*api.SignOnAnswer, error) {
	r, err := d.service().SignOn(ctx, credential(c, by))
	return d.signOnAnswer(c, r, err)
}

// Unlock unlocks the register with number and PIN.
func (d *Daemon) Unlock(ctx context.Context, c api.Caller, by *api.Credentials) (*api.SignOnAnswer, error) {
	r, err := d.service().Unlock(ctx, credential(c, by))
	return d.signOnAnswer(c, r, err)
}

// SignOffBy ends the session for whoever's number and PIN it is.
func (d *Daemon) SignOffBy(ctx context.Context, c api.Caller, by *api.Credentials) (*api.SignOnAnswer, error) {
	r, err := d.service().SignOffBy(ctx, credential(c, by))
	return d.signOnAnswer(c, r, err)
}

func (d *Daemon) signOnAnswer(c api.Caller, r signon.Result, err error) (*api.SignOnAnswer, error) {
	if err != nil {
		return nil, d.cannotDecide(err)
	}
	a := &api.SignOnAnswer{OK: r.OK, Say: r.Say}
	if r.OK {
		a.Session = sessionStatus(d.gate.Snapshot(), c)
	} else {
		a.Reason = r.Reason.String()
	}
	if r.LockedUntil > 0 {
		a.RetryAfter = max(r.LockedUntil-d.clock.Boot(), 0).Seconds()
	}
	return a, nil
}

// SignOff ends the session at the wish of whoever is at the register.
func (d *Daemon) SignOff(ctx context.Context, c api.Caller) (*api.Done, error) {
	r, err := d.service().SignOff(ctx, c.Source())
	return d.done(r, err)
}

// Lock locks the register at the wish of whoever is at it.
func (d *Daemon) Lock(ctx context.Context, c api.Caller) (*api.Done, error) {
	r, err := d.service().Lock(ctx, c.Source())
	return d.done(r, err)
}

func (d *Daemon) done(r signon.Result, err error) (*api.Done, error) {
	switch {
	case err != nil:
		return nil, d.cannotDecide(err)
	case !r.OK:
		return nil, api.Errorf(api.CodeConflict, "%s", r.Say).WithReason(r.Reason.String())
	}
	return &api.Done{Say: r.Say}, nil
}

// Menu lists what the signed-on operator may run.
func (d *Daemon) Menu(context.Context, api.Caller) (*api.Menu, error) {
	m := &api.Menu{Items: []api.MenuItem{}}
	for _, f := range d.gate.Menu() {
		item := api.MenuItem{ID: uint32(f.ID), Function: f.Key, Name: f.Name, Level: f.Level, Drawer: f.Drawer}
		for _, l := range f.Within {
			item.Within = append(item.Within, api.MenuLimit{
				Amount: l.Amount, Percent: float64(l.Percent) / 100, Count: l.Count, Hours: l.Hours.String(), Registers: l.Registers,
			})
		}
		m.Items = append(m.Items, item)
	}
	return m, nil
}
