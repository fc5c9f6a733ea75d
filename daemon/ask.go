package daemon

import (
	"context"
	"errors"
	"strings"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
	"tillwarden/signon"
)

// asked is a question that waits for a second person, whoever still waits for
// its answer: the daemon itself follows it to its end, so that a drawer opens
// also when the one who asked has hung up, and no later than the override's end.
type asked struct {
	id       entry.Seq
	function string
	open     string // what becomes of its drawer: api.OpenNone, OpenNow, OpenOnKick
	done     chan struct{}
	// Set before done is closed.
	decision enforcer.Decision
	drawer   *api.DrawerAnswer
	err      error
}

// keepAsked is how many answers are kept for those who ask a little late.
const keepAsked = 16

// Ask decides one function for the signed-on operator, and opens the drawer
// that was asked for.
func (d *Daemon) Ask(ctx context.Context, c api.Caller, ask *api.AskRequest) (*api.Answer, error) {
	r := enforcer.Request{
		Function: ask.Function, Purpose: entry.PurposeAsked, Claimant: claimant(c.Role), Method: askedBy(c.Role), Source: c.Source(),
		NoOverride: ask.NoOverride, Told: ask.Told.Entry(),
	}
	if ask.Open != api.OpenNone {
		dr, err := d.drawer(ask.Drawer)
		if err != nil {
			return nil, err
		}
		r.Drawer = dr.name
	}
	if ask.Open == api.OpenOnKick {
		r.Hold = armFor
	}
	a, follow, err := d.ask(ctx, r, ask.Open)
	if err != nil || follow == nil || ask.Wait == 0 {
		return a, err
	}
	return d.waitFor(ctx, follow, seconds(ask.Wait), c)
}

// ask decides a request and does what it allows. follow is the override that
// it waits for.
func (d *Daemon) ask(ctx context.Context, r enforcer.Request, open string) (*api.Answer, *asked, error) {
	d.touch()
	decision, grant, err := d.gate.Authorize(ctx, r)
	if err != nil {
		return nil, nil, d.cannotDecide(err)
	}
	a := d.answer(r.Function, decision)
	switch {
	case grant != nil:
		a.Drawer = d.use(ctx, grant, r.Function, r.Claimant, open)
	case decision.Override != 0 && decision.Outcome == entry.OutcomeOverrideRequired:
		return a, d.follow(decision.Override, r.Function, open), nil
	case r.Drawer != "":
		a.Drawer = &api.DrawerAnswer{Name: r.Drawer, Result: api.DrawerNotOpened, Reason: decision.Reason.String()}
	}
	return a, nil, nil
}

// answer is a decision on the wire.
func (d *Daemon) answer(function string, decision enforcer.Decision) *api.Answer {
	s := d.gate.Snapshot()
	a := &api.Answer{
		Outcome: decision.Outcome.String(), Reason: decision.Reason.String(), Function: function, Say: sayDecision(s, function, decision),
		Seq: api.Seq(decision.Seq), Override: api.Seq(decision.Override), Joined: decision.Joined,
	}
	if decision.Mode != entry.ModeEnforce {
		a.Policy, a.Outcome, a.Mode = a.Outcome, entry.OutcomeAllowed.String(), decision.Mode.String()
	}
	if name := functionName(s, function); name != function {
		a.Name = name
	}
	a.Rule, a.Limit = ruleOf(&decision.Rule), api.LimitOf(decision.Limit)
	if o := s.Override; o != nil && o.ID == decision.Override && decision.Outcome == entry.OutcomeOverrideRequired {
		a.ExpiresIn = max(o.Expires-d.clock.Boot(), 0).Seconds()
	}
	return a
}

// follow begins to follow a pending override, or finds who does already.
func (d *Daemon) follow(id entry.Seq, function, open string) *asked {
	d.askedMu.Lock()
	defer d.askedMu.Unlock()
	for _, a := range d.asked {
		if a.id == id {
			return a
		}
	}
	a := &asked{id: id, function: function, open: open, done: make(chan struct{})}
	if len(d.asked) >= keepAsked {
		d.asked = append(make([]*asked, 0, keepAsked), d.asked[1:]...)
	}
	d.asked = append(d.asked, a)
	d.running.Go(func() {
		defer close(a.done)
		var grant *enforcer.Grant
		a.decision, grant, a.err = d.gate.Wait(d.ctx, id)
		if a.err == nil && grant != nil {
			a.drawer = d.use(d.ctx, grant, function, "", open)
		}
	})
	return a
}

// following finds a followed override.
func (d *Daemon) following(id entry.Seq) *asked {
	d.askedMu.Lock()
	defer d.askedMu.Unlock()
	for _, a := range d.asked {
		if a.id == id {
			return a
		}
	}
	return nil
}

// waitFor waits for the end of an override; where it does not come in time,
// the answer is that it still waits.
func (d *Daemon) waitFor(ctx context.Context, a *asked, wait time.Duration, c api.Caller) (*api.Answer, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-a.done:
	case <-timer.C:
		s := d.gate.Snapshot()
		if o := s.Override; o != nil && o.ID == a.id {
			return d.answer(a.function, enforcer.Decision{
				Outcome: entry.OutcomeOverrideRequired, Reason: stillNeeds(o), Seq: o.ID, Override: o.ID,
			}), nil
		}
		<-a.done // it ended at this moment, and the drawer's part is bounded
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if a.err != nil {
		return nil, d.cannotDecide(a.err)
	}
	answer := d.answer(a.function, a.decision)
	answer.Drawer = a.drawer
	if c.Role != api.RolePOS && a.decision.Outcome == entry.OutcomeAllowed {
		answer.Approver = d.approver(a.decision.Seq)
	}
	return answer, nil
}

// stillNeeds is why an override still stands.
func stillNeeds(o *enforcer.Override) entry.Reason {
	switch {
	case o.StepUp:
		return entry.ReasonStepUp
	case len(o.Approved) > 0:
		return entry.ReasonOneOfTwo
	}
	return entry.ReasonRule
}

// approver is who approved, as the journal has it.
func (d *Daemon) approver(seq entry.Seq) string {
	e, err := d.journal.Get(d.ctx, seq)
	if err != nil || e.Approval == nil {
		return ""
	}
	return e.Approval.Operator
}

// Overrides lists what is pending: one at most.
func (d *Daemon) Overrides(_ context.Context, c api.Caller) (*api.Overrides, error) {
	list := &api.Overrides{Overrides: []api.Override{}}
	if o := d.overrideStatus(d.gate.Snapshot(), c); o != nil {
		list.Overrides = append(list.Overrides, *o)
	}
	return list, nil
}

func (d *Daemon) overrideStatus(s *enforcer.Snapshot, c api.Caller) *api.Override {
	o := s.Override
	if o == nil {
		return nil
	}
	w := &api.Override{
		ID: api.Seq(o.ID), Requester: o.Requester, Function: o.Function, Prompt: functionName(s, o.Function), Drawer: o.Drawer,
		ExpiresIn: max(o.Expires-d.clock.Boot(), 0).Seconds(), Needs: o.Needs, Approvals: len(o.Approved), StepUp: o.StepUp, Transaction: o.Transaction,
		Told: api.ToldOf(o.Told), Limit: api.LimitOf(o.Limit),
	}
	if o.Why != policy.ReasonNone {
		w.Reason = o.Why.String()
	}
	if s.Session != nil && s.Session.Subject.Operator == o.Requester {
		w.Name = s.Session.Subject.Name
	}
	if c.Role != api.RolePOS {
		w.Source, w.Approved = o.Source, o.Approved
	}
	return w
}

// WaitOverride waits for an override's end.
func (d *Daemon) WaitOverride(ctx context.Context, c api.Caller, id api.Seq, wait time.Duration) (*api.Answer, error) {
	a := d.following(entry.Seq(id))
	if a == nil {
		return nil, errNoOverride(id)
	}
	return d.waitFor(ctx, a, wait, c)
}

func errNoOverride(id api.Seq) error {
	return api.Errorf(api.CodeNotFound, "override %d is not pending, nor was it lately", id).WithReason("no-override")
}

// Approve approves a pending override with number and PIN.
func (d *Daemon) Approve(ctx context.Context, c api.Caller, id api.Seq, by *api.ApproveRequest) (*api.Answer, error) {
	a := d.following(entry.Seq(id))
	if a == nil {
		return nil, errNoOverride(id)
	}
	why, err := d.whyOf(by)
	if err != nil {
		return nil, err
	}
	shown := credential(c, &by.Credentials)
	if shown.At = strings.TrimSpace(by.Remote); shown.At != "" {
		if err := enforcer.CheckAt(shown.At); err != nil {
			return nil, api.Errorf(api.CodeInvalid, "remote: %s", err)
		}
	}
	r, err := d.service().Approve(ctx, entry.Seq(id), shown, signon.Terms{Why: why, Transaction: by.Transaction})
	return d.lent(a, r, err)
}

// Confirm confirms what waits for the own PIN of the operator who is signed on.
func (d *Daemon) Confirm(ctx context.Context, c api.Caller, id api.Seq, r *api.ConfirmRequest) (*api.Answer, error) {
	a := d.following(entry.Seq(id))
	if a == nil {
		return nil, errNoOverride(id)
	}
	result, err := d.service().StepUp(ctx, entry.Seq(id), r.PIN, c.Source())
	return d.lent(a, result, err)
}

// lent is the answer to who approved or confirmed.
func (d *Daemon) lent(a *asked, r signon.Result, err error) (*api.Answer, error) {
	if err != nil {
		return nil, d.cannotDecide(err)
	}
	if r.Decision.Seq == 0 { // it did not come to the gate
		return nil, refused(r.Verdict)
	}
	answer := d.answer(a.function, r.Decision)
	if r.Decision.Outcome != entry.OutcomeAllowed {
		answer.Say = r.Say
	}
	if r.OK && r.Operator != nil && r.Action != signon.Confirmed {
		answer.Approver = r.Operator.Number
	}
	return answer, nil
}

// Refuse says no to a pending override with number and PIN.
func (d *Daemon) Refuse(ctx context.Context, c api.Caller, id api.Seq, by *api.Credentials) (*api.Done, error) {
	if d.following(entry.Seq(id)) == nil {
		return nil, errNoOverride(id)
	}
	v, err := d.identify(ctx, c, by, signon.NeedSite)
	if err != nil {
		return nil, err
	}
	err = d.gate.Refuse(ctx, entry.Seq(id), enforcer.Approver{Subject: v.Operator.Subject(), Method: v.Method, Source: c.Source()})
	switch {
	case errors.Is(err, enforcer.ErrNotEntitled):
		return nil, api.Errorf(api.CodeRefused, "who could not approve cannot refuse either").WithReason(entry.ReasonApproverMayNot.String())
	case errors.Is(err, enforcer.ErrNoOverride):
		return nil, errNoOverride(id)
	case err != nil:
		return nil, d.cannotDecide(err)
	}
	return &api.Done{Say: "refused"}, nil
}

// Cancel takes a pending override back.
func (d *Daemon) Cancel(ctx context.Context, c api.Caller, id api.Seq) (*api.Done, error) {
	err := d.gate.Cancel(ctx, entry.Seq(id), c.Source())
	switch {
	case errors.Is(err, enforcer.ErrNoOverride):
		return nil, errNoOverride(id)
	case err != nil:
		return nil, d.cannotDecide(err)
	}
	return &api.Done{Say: "taken back"}, nil
}

// printed notes that a receipt was cut: somebody is at work, and the transaction
// that it is of is over.
func (d *Daemon) printed() {
	d.touch()
	d.gate.EndTransaction()
}

// claimant is who named the purpose of what comes over a socket.
func claimant(r api.Role) string {
	if r == api.RolePOS {
		return "pos"
	}
	return "operator"
}

func askedBy(r api.Role) entry.Method {
	switch r {
	case api.RolePOS:
		return entry.MethodPOS
	case api.RoleTechnician:
		return entry.MethodTechnician
	}
	return entry.MethodConsole
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
