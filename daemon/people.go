package daemon

import (
	"context"
	"errors"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/signon"
	"tillwarden/signon/card"
)

// actor is who wishes a change of people. need is NeedOldPIN where it is the own
// PIN that they change.
func (d *Daemon) actor(ctx context.Context, c api.Caller, by *api.Credentials, need signon.Need) (signon.Actor, error) {
	a := signon.Actor{Technician: c.Role == api.RoleTechnician, Method: entry.MethodTechnician, Source: c.Source()}
	if by == nil {
		if !a.Technician {
			return a, errNeedsOperator
		}
		return a, nil
	}
	v, err := d.identify(ctx, c, by, need)
	if err != nil {
		return a, err
	}
	return signon.Actor{Operator: v.Operator, Method: v.Method, Source: c.Source()}, nil
}

// Operators lists the roster.
func (d *Daemon) Operators(ctx context.Context, c api.Caller, r *api.PeopleRequest) (*api.Operators, error) {
	a, err := d.actor(ctx, c, r.By, signon.NeedSite)
	if err != nil {
		return nil, err
	}
	list, err := d.view(ctx, a)
	if err != nil {
		return nil, err
	}
	w := &api.Operators{Operators: []api.Operator{}}
	for _, o := range list {
		w.Operators = append(w.Operators, *operatorStatus(o))
	}
	return w, nil
}

func (d *Daemon) view(ctx context.Context, a signon.Actor) ([]*signon.Operator, error) {
	list, err := d.service().People().View(ctx, a)
	switch {
	case errors.Is(err, signon.ErrNotPermitted):
		return nil, api.Errorf(api.CodeRefused, "%v", err)
	case err != nil:
		return nil, d.cannotDecide(err)
	}
	return list, nil
}

func operatorStatus(o *signon.Operator) *api.Operator {
	changed := o.Changed
	w := &api.Operator{
		Number: o.Number, Name: o.Name, Person: o.Person, WorkGroups: o.WorkGroups, Suspended: o.Suspended, HasPIN: o.HasPIN,
		Cards: len(o.Cards), LockedFor: o.NumberPINLocked.Seconds(), Changed: &changed,
		From: o.From, Until: o.Until, Stores: o.Stores, Registers: o.Registers, Terminated: o.Terminated, MustChangePIN: o.MustChangePIN,
		Roster: o.Roster,
	}
	if o.Standing != entry.ReasonNone {
		w.Standing = o.Standing.String()
	}
	for _, c := range o.Cards {
		card := api.OperatorCard{ID: c.ID, Format: c.Format, Enrolled: c.Enrolled}
		if !c.Until.IsZero() {
			card.Until = &c.Until
		}
		w.CardList = append(w.CardList, card)
	}
	if w.WorkGroups == nil {
		w.WorkGroups = []string{}
	}
	return w
}

// People does one thing with one operator.
func (d *Daemon) People(ctx context.Context, c api.Caller, verb api.PeopleVerb, r *api.PeopleRequest) (*api.PeopleAnswer, error) {
	need := signon.NeedSite
	if verb == api.PeopleSetPIN && r.By != nil && r.By.Number == r.Number {
		need = signon.NeedOldPIN
	}
	a, err := d.actor(ctx, c, r.By, need)
	if err != nil {
		return nil, err
	}
	people := d.service().People()
	var change signon.Change
	switch verb {
	case api.PeopleShow:
		return d.showOperator(ctx, a, r.Number)
	case api.PeopleAdd:
		change, err = people.Add(ctx, a, signon.NewOperator{
			Number: r.Number, Name: r.Name, Person: r.Person, WorkGroups: r.WorkGroups, PIN: r.PIN, ChangePIN: r.ChangePIN,
			From: r.From, Until: r.Until, Stores: r.Stores, Registers: r.Registers,
		})
	case api.PeopleSetName:
		change, err = people.SetName(ctx, a, r.Number, r.Name)
	case api.PeopleSetGroups:
		change, err = people.SetGroups(ctx, a, r.Number, r.WorkGroups)
	case api.PeopleSetPIN:
		change, err = people.SetPIN(ctx, a, r.Number, r.PIN)
	case api.PeopleEnrolCard:
		return d.enrolCard(ctx, a, r.Number, r.Temporary)
	case api.PeopleRevokeCard:
		change, err = people.RevokeCard(ctx, a, r.Number, r.Card)
	case api.PeopleSuspend:
		change, err = people.Suspend(ctx, a, r.Number)
	case api.PeopleResume:
		change, err = people.Resume(ctx, a, r.Number)
	case api.PeopleUnlock:
		change, err = people.Unlock(ctx, a, r.Number)
	case api.PeopleSetDays:
		change, err = people.SetDays(ctx, a, r.Number, r.From, r.Until)
	case api.PeopleSetPlaces:
		change, err = people.SetPlaces(ctx, a, r.Number, r.Stores, r.Registers)
	case api.PeopleSetPerson:
		with, err := d.actor(ctx, c, r.With, signon.NeedSite)
		if err != nil {
			return nil, err
		}
		change, err = people.SetPerson(ctx, a, with, r.Number, r.Person)
		return d.changed(change, err)
	case api.PeopleTerminate:
		change, err = people.Terminate(ctx, a, r.Number)
	default:
		return nil, api.Errorf(api.CodeNotFound, "there is no such route")
	}
	return d.changed(change, err)
}

// changed is a change's answer on the wire.
func (d *Daemon) changed(c signon.Change, err error) (*api.PeopleAnswer, error) {
	switch {
	case err != nil:
		return nil, d.cannotDecide(err)
	case !c.OK:
		return nil, api.Errorf(codeOf(c.Reason), "%s", d.because(c.Say, c.Reason, c.Rule)).WithReason(c.Reason.String()).WithRule(ruleOf(c.Rule))
	}
	a := &api.PeopleAnswer{Say: c.Say}
	if c.Operator != nil {
		a.Operator = operatorStatus(c.Operator)
	}
	return a, nil
}

// because adds the rule to what is said of a refusal that a rule decided.
func (d *Daemon) because(say string, reason entry.Reason, rule *entry.Rule) string {
	switch reason {
	case entry.ReasonRule, entry.ReasonRefused, entry.ReasonUnreviewed:
		if rule == nil {
			return say
		}
		if r := sayRule(d.gate.Snapshot(), *rule); r != "" {
			return say + ": " + r
		}
	}
	return say
}

// ruleOf is a rule on the wire; nil: there is none.
func ruleOf(r *entry.Rule) *api.Rule {
	if r == nil || *r == (entry.Rule{}) {
		return nil
	}
	return &api.Rule{WorkGroup: r.WorkGroup, Function: r.Function, Mark: r.Mark}
}

// codeOf says whether a refused change was wrong in itself, or is not theirs to make.
func codeOf(r entry.Reason) api.Code {
	switch r {
	case entry.ReasonUnknownOperator:
		return api.CodeNotFound
	case entry.ReasonExists, entry.ReasonCardTaken, entry.ReasonPolicyChanged, entry.ReasonOfRoster:
		return api.CodeConflict
	case entry.ReasonWeak, entry.ReasonMalformed, entry.ReasonUnknownWorkGroup, entry.ReasonPaymentCard, entry.ReasonLicenceCard,
		entry.ReasonUnknownCard, entry.ReasonUnreadable, entry.ReasonPINRequired, entry.ReasonNoWorkGroup, entry.ReasonUnknownCredential,
		entry.ReasonSize, entry.ReasonNoPolicy:
		return api.CodeInvalid
	}
	return api.CodeRefused
}

func (d *Daemon) showOperator(ctx context.Context, a signon.Actor, number string) (*api.PeopleAnswer, error) {
	list, err := d.view(ctx, a)
	if err != nil {
		return nil, err
	}
	for _, o := range list {
		if o.Number == number {
			return &api.PeopleAnswer{Operator: operatorStatus(o)}, nil
		}
	}
	return nil, api.Errorf(api.CodeNotFound, "there is no such operator").WithReason(entry.ReasonUnknownOperator.String())
}

// enrolment is a card that is waited for.
type enrolment struct {
	take func(c *card.Card)
}

// enrolCard waits for the next card at the register's reader and gives it to
// an operator.
func (d *Daemon) enrolCard(ctx context.Context, a signon.Actor, number string, temporary bool) (*api.PeopleAnswer, error) {
	if may, err := d.service().People().MayEnrol(ctx, a, number, temporary); err != nil || !may.OK {
		return d.changed(may, err)
	}
	c, err := d.nextCard(ctx)
	if err != nil {
		return nil, err
	}
	change, err := d.service().People().EnrolCard(ctx, a, number, c, temporary)
	return d.changed(change, err)
}

// nextCard waits for the card that is swiped next at the register's reader.
func (d *Daemon) nextCard(ctx context.Context) (*card.Card, error) {
	if len(d.config().Readers) == 0 {
		return nil, api.Errorf(api.CodeUnavailable, "this register has no card reader").WithHint("configure one: [[reader]] in tillwarden.toml")
	}
	if d.gate.Snapshot().Override != nil {
		return nil, api.Errorf(api.CodeConflict, "something waits for approval at the register: the next card there is for that").
			WithReason(entry.ReasonPending.String()).WithHint("have it approved, or cancel it (tillwarden override cancel), and start again")
	}
	swiped := make(chan *card.Card, 1)
	e := &enrolment{take: func(c *card.Card) { swiped <- c }}
	if !d.swipes.arm(e) {
		return nil, api.Errorf(api.CodeConflict, "another card is waited for").WithReason(entry.ReasonPending.String()).WithHint("wait until that is done")
	}
	timer := time.NewTimer(api.EnrolFor)
	defer timer.Stop()
	select {
	case c := <-swiped:
		return c, nil
	case <-timer.C:
	case <-ctx.Done():
	}
	if !d.swipes.disarm(e) { // it was swiped at this very moment
		(<-swiped).Wipe()
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, api.Errorf(api.CodeTimeout, "no card was swiped").WithReason(entry.ReasonTimeout.String()).WithHint("start again, and swipe at the register's reader")
}
