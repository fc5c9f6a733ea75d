package enforcer

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/timeclock"
)

// model is what the gate should do, as simply as it can be said: one session,
// one override, a list of grants, and the time. It knows the test policy as a
// table, not by computing it.
type model struct {
	*rig
	t *rapid.T

	loaded  bool
	epoch   uint64
	fresh   bool // the gate was restarted and loaded nothing since
	failing bool

	who     *Subject
	locked  bool
	pending *modelOverride
	grants  []*modelGrant
	scopes  map[string]*modelScope // by drawer; of fnScope alone
	held    map[string]bool
	people  []Subject

	clocks  map[string]modelClock // by person; who is not in it is clocked out
	proved  time.Duration         // when who is signed on last proved it
	managed time.Duration         // or did what takes a manager
	fell    bool                  // and fell back since
}

// modelClock is how somebody stands at the time clock.
type modelClock struct {
	state  timeclock.State
	length time.Duration // of a forced break
	until  time.Duration
}

// modelScope is an approval for the rest of the transaction.
type modelScope struct {
	approval entry.Seq
	until    time.Duration
}

type modelOverride struct {
	id               entry.Seq
	function, drawer string
	since            time.Duration
	by               []Subject // under dual control, who approved so far
	own              bool      // it waits for the own PIN
}

type modelGrant struct {
	*Grant
	drawer  string
	expires time.Duration
	live    bool
	fired   int
}

// may is the test policy as a table: what each operator may do.
var may = map[string]map[string]entry.Outcome{
	"101": {fnSale: allow, fnNoSale: override, fnPickup: override, fnForce: no, "pos.till.open": allow, fnDual: override, fnStep: override, fnScope: override},
	"901": {fnSale: allow, fnNoSale: allow, fnPickup: allow, fnForce: allow, "pos.till.open": allow, fnDual: override, fnStep: override, fnScope: allow},
	"102": {fnSale: allow, fnNoSale: override, fnPickup: override, fnForce: no, "pos.till.open": allow, fnDual: override, fnStep: override, fnScope: override},
	"201": {fnSale: allow, fnNoSale: allow, fnPickup: allow, fnForce: allow, "pos.till.open": allow, fnDual: override, fnStep: override, fnScope: allow},
	"202": {fnSale: allow, fnNoSale: allow, fnPickup: allow, fnForce: allow, "pos.till.open": allow, fnDual: override, fnStep: override, fnScope: allow},
	"301": {fnSale: allow, fnNoSale: override, fnPickup: allow, fnForce: allow, "pos.till.open": allow, fnDual: override, fnStep: override, fnScope: override},
	"203": {fnSale: allow, fnNoSale: allow, fnPickup: allow, fnForce: allow, "pos.till.open": allow, fnDual: override, fnStep: override, fnScope: allow},
	"401": {fnSale: no, fnNoSale: no, fnPickup: allow, fnForce: no, "pos.till.open": allow, fnDual: override, fnStep: override, fnScope: allow},
}

const (
	allow    = entry.OutcomeAllowed
	override = entry.OutcomeOverrideRequired
	no       = entry.OutcomeDenied
)

var (
	approvers = map[string]bool{"901": true, "201": true, "202": true, "203": true, "301": true, "401": true}
	// besides is what a manager's other work groups allow, where there are some.
	besides = map[string]map[string]entry.Outcome{"203": may["101"]}
	// offClock need not be clocked in; they may send others on a break, too, and edit their time.
	offClock = map[string]bool{"901": true, "201": true, "202": true, "203": true, "401": true}
	// dual is who may do, and so approve, what takes two.
	dual      = map[string]bool{"901": true, "201": true, "202": true, "203": true, "401": true}
	unlockers = map[string]bool{"901": true, "201": true, "202": true, "203": true, "401": true}
	people    = []Subject{ann, annLead, bob, lea, max2, both, limited, refused}
	asked     = []string{fnSale, fnNoSale, fnPickup, fnForce, "pos.till.open", fnDual, fnStep, fnScope, fnScope}
	methods   = []entry.Method{entry.MethodCard, entry.MethodCardPIN, entry.MethodNumberPIN}
	// steps is who may do, and so approve, what takes the own PIN again.
	steps   = map[string]bool{"101": true, "102": true, "901": true, "201": true, "202": true, "203": true, "401": true}
	drawers = []string{"1", "2", ""}
)

func (m *model) endGrants() {
	for _, gr := range m.grants {
		gr.live = false
	}
}

// turn is what every change of state does to what was pending or granted.
func (m *model) turn() {
	m.endGrants()
	m.scopes = nil
	m.pending = nil
}

func (m *model) person() Subject { return rapid.SampledFrom(m.people).Draw(m.t, "who") }

// is checks a decision; while the journal fails there is none.
func (m *model) is(what string, d Decision, err error, outcome entry.Outcome) bool {
	if m.failing {
		if err == nil || d.Outcome != entry.OutcomeError {
			m.t.Fatalf("%s with a failing journal: %v, %v", what, d, err)
		}
		return false
	}
	if err != nil || d.Outcome != outcome {
		m.t.Fatalf("%s: %v (%v), %v, want %v", what, d.Outcome, d.Reason, err, outcome)
	}
	return outcome == allow
}

// holds checks what restricts: it holds, and says if the journal failed.
func (m *model) holds(what string, err error) {
	if m.failing != errors.Is(err, errJournal) || !m.failing && err != nil {
		m.t.Fatalf("%s: %v", what, err)
	}
}

func (m *model) signOn() {
	who := m.person()
	if rapid.Bool().Draw(m.t, "clocked in first") {
		m.punchOf(timeclock.In, who, who)
	}
	m.signOnOf(who)
}

func (m *model) signOnOf(who Subject) {
	_, d, err := m.BeginSession(ctx, who, entry.MethodCard, "msr")
	outcome := no
	if m.who == nil && m.loaded && m.atWork(who) {
		outcome = allow
	}
	if m.is("sign-on of "+who.Operator, d, err, outcome) {
		m.turn()
		m.signedOn(who)
	}
}

func (m *model) signedOn(who Subject) {
	m.who, m.locked = &who, false
	m.held[who.Person] = true
	m.prove()
}

// takeOver signs on in place of whoever is signed on, or of a session that is over.
func (m *model) takeOver() {
	who, session := m.person(), entry.Seq(1)
	if s := m.Snapshot().Session; s != nil && rapid.IntRange(0, 4).Draw(m.t, "the right session") > 0 {
		session = s.ID
	}
	current := m.who != nil && m.Snapshot().Session.ID == session
	_, d, err := m.TakeOver(ctx, session, who, entry.MethodCard, "msr", who)
	outcome := no
	if m.loaded && m.atWork(who) && current {
		outcome = allow
	}
	if m.is("sign-on over the session by "+who.Operator, d, err, outcome) {
		m.turn()
		m.signedOn(who)
	} else if m.failing && outcome == allow { // who was there is signed off all the same
		m.turn()
		m.who, m.locked = nil, false
	}
}

// prove is whatever proves who is signed on.
func (m *model) prove() { m.proved, m.managed, m.fell = m.clock.Boot(), m.clock.Boot(), false }

// fall lets who is signed on fall back, if it is time.
func (m *model) fall() {
	if m.who != nil && !m.locked && m.loaded && approvers[m.who.Operator] && !m.fell && m.clock.Boot() >= m.managed+m.idle {
		m.fell, m.scopes = true, nil
		m.endGrants()
	}
}

// stands is how somebody stands at the time clock now.
func (m *model) stands(who Subject) modelClock {
	c := m.clocks[who.Person]
	if c.length > 0 && m.clock.Boot() >= c.until {
		return modelClock{state: timeclock.On}
	}
	return c
}

// atWork reports whether the time clock lets somebody sign on.
func (m *model) atWork(who Subject) bool {
	c := m.stands(who)
	return !m.clocked || c.state == timeclock.On || c.length == 0 && offClock[who.Operator]
}

// punch is a punch of the own clock, or of somebody else's.
func (m *model) punch() {
	what := rapid.SampledFrom([]timeclock.Punch{timeclock.In, timeclock.In, timeclock.Out, timeclock.Break, timeclock.Back}).Draw(m.t, "punch")
	by, whose := m.person(), m.person()
	switch at := rapid.IntRange(0, 3).Draw(m.t, "whose"); {
	case at == 0:
		whose = by
	case at < 3 && m.who != nil: // it is those at work who are sent on breaks
		whose = *m.who
	}
	m.punchOf(what, by, whose)
	if rapid.Bool().Draw(m.t, "and then at the register") {
		m.signOnOf(whose)
	}
}

func (m *model) punchOf(what timeclock.Punch, by, whose Subject) {
	another := by.Person != whose.Person
	r := PunchRequest{Punch: what, By: by, Whose: whose, Method: entry.MethodCard, Source: "msr"}
	if another && what == timeclock.Break {
		r.For = time.Duration(rapid.IntRange(1, 4).Draw(m.t, "minutes")) * time.Minute
	}
	now := m.stands(whose)
	outcome := no
	switch {
	case !m.loaded || !m.clocked, another && !offClock[by.Operator], !another && by.Operator == limited.Operator:
	case now.length > 0:
		if another && (what == timeclock.Break || what == timeclock.Back) {
			outcome = allow
		}
	case what == timeclock.In && now.state == timeclock.Off, what == timeclock.Out && now.state != timeclock.Off,
		what == timeclock.Break && (now.state == timeclock.On || now.state == timeclock.OnBreak && another),
		what == timeclock.Back && now.state == timeclock.OnBreak:
		outcome = allow
	}
	d, err := m.Punch(ctx, r)
	done := m.is(what.String()+" of "+whose.Operator+" by "+by.Operator, d, err, outcome)
	if !done && !(m.failing && outcome == allow && what.Restricts()) {
		return
	}
	switch what {
	case timeclock.In:
		m.clocks[whose.Person] = modelClock{state: timeclock.On}
	case timeclock.Out:
		delete(m.clocks, whose.Person)
	case timeclock.Break:
		m.clocks[whose.Person] = modelClock{timeclock.OnBreak, r.For, m.clock.Boot() + r.For}
	case timeclock.Back:
		m.clocks[whose.Person] = modelClock{state: timeclock.On}
	}
	if what.Restricts() && m.who != nil && m.who.Person == whose.Person {
		m.turn()
		m.who, m.locked = nil, false
	}
}

// setClock sets the wall clock, which changes nothing.
func (m *model) setClock() {
	m.clock.mu.Lock()
	m.clock.wall += int64(time.Duration(rapid.IntRange(-100, 100).Draw(m.t, "hours")) * time.Hour)
	m.clock.mu.Unlock()
}

// runClock turns the time clock on or off.
func (m *model) runClock() { m.clocked = rapid.IntRange(0, 2).Draw(m.t, "time clock") > 0 }

func (m *model) signOff() {
	err := m.EndSession(ctx, entry.ReasonOwner, Subject{}, "test")
	if m.who == nil {
		if !errors.Is(err, ErrNoSession) {
			m.t.Fatal(err)
		}
		return
	}
	m.holds("sign-off", err)
	m.turn()
	m.who, m.locked = nil, false
}

func (m *model) lock() {
	if m.who != nil && rapid.Bool().Draw(m.t, "after a while") {
		m.pass()
	}
	err := m.Lock(ctx, entry.ReasonIdle, "test")
	if m.who == nil {
		if !errors.Is(err, ErrNoSession) {
			m.t.Fatal(err)
		}
		return
	}
	if !m.locked {
		m.holds("lock", err)
		m.turn()
		m.locked = true
	}
}

func (m *model) unlock() {
	by := m.person()
	if m.who != nil && rapid.Bool().Draw(m.t, "own") {
		by = *m.who
	}
	d, err := m.Unlock(ctx, by, entry.MethodCard, "msr")
	outcome := no
	if m.who != nil && m.locked && m.loaded && (by.Operator == m.who.Operator || unlockers[by.Operator]) {
		outcome = allow
	}
	if m.is("unlock by "+by.Operator, d, err, outcome) {
		m.locked = false
		if by.Operator == m.who.Operator {
			m.prove()
		}
	}
}

func (m *model) authorize() {
	function, drawer := rapid.SampledFrom(asked).Draw(m.t, "function"), rapid.SampledFrom(drawers).Draw(m.t, "drawer")
	hold := time.Duration(rapid.IntRange(0, 90).Draw(m.t, "hold")) * time.Second
	d, gr, err := m.Authorize(ctx, Request{Function: function, Drawer: drawer, Hold: hold, Source: "test"})
	m.fall()
	outcome, own := no, false
	if m.loaded && m.who != nil && !m.locked {
		outcome = may[m.who.Operator][function]
		own = function == fnStep && steps[m.who.Operator]
		if outcome == allow && approvers[m.who.Operator] && besides[m.who.Operator][function] != allow {
			if m.fell {
				outcome, own = override, true
			} else {
				m.managed = m.clock.Boot()
			}
		}
	}
	var within *modelScope
	if function == fnScope && outcome == override && !own {
		if within = m.scopes[drawer]; within != nil {
			outcome = allow
		}
	}
	joined := false
	if o := m.pending; o != nil && outcome == override {
		if joined = o.function == function && o.drawer == drawer; !joined {
			outcome = no
		}
	}
	if m.is("authorize "+function, d, err, outcome) && within != nil {
		if e := m.journal.all()[d.Seq-1]; d.Reason != entry.ReasonApproved || e.About != within.approval || e.Approval == nil || e.Approval.Person == e.Person {
			m.t.Fatalf("allowed as approved before, and journaled as %+v %+v", e, e.Approval)
		}
	}
	if m.failing {
		outcome = no
	}
	if (gr != nil) != (outcome == allow && drawer != "") {
		m.t.Fatalf("authorize %s: grant %v", function, gr)
	}
	switch outcome {
	case allow:
		if gr != nil {
			m.granted(gr, drawer, hold)
		}
		if function == "pos.till.open" {
			m.held = map[string]bool{m.who.Person: true}
		}
	case override:
		if d.Joined != joined || joined && d.Override != m.pending.id {
			m.t.Fatalf("joined %v, want %v", d.Joined, joined)
		}
		if !joined {
			m.pending = &modelOverride{id: d.Override, function: function, drawer: drawer, since: m.clock.Boot(), own: own}
		}
	}
}

func (m *model) granted(gr *Grant, drawer string, hold time.Duration) {
	if hold == 0 {
		hold = DefaultHold
	}
	m.grants = append(m.grants, &modelGrant{gr, drawer, m.clock.Boot() + min(hold, MaxHold), true, 0})
}

func (m *model) approve() {
	by := m.person()
	id := entry.Seq(rapid.IntRange(1, 20).Draw(m.t, "wrong override"))
	if m.pending != nil {
		id = m.pending.id
	}
	method := rapid.SampledFrom(methods).Draw(m.t, "method")
	rest := rapid.IntRange(0, 3).Draw(m.t, "for the transaction") == 0
	d, err := m.Approve(ctx, id, Approver{Subject: by, Method: method, Source: "msr", Transaction: rest})
	outcome := no
	o := m.pending
	if o != nil && m.loaded && m.clock.Boot() >= o.since+DefaultAnnounce && by.Operator != m.who.Operator && by.Person != m.who.Person &&
		approvers[by.Operator] && m.lends(by, o) && !(o.function == fnPickup && m.held[by.Person]) &&
		!o.own && (o.function != fnStep || method.PIN()) && (!rest || o.function == fnScope) {
		outcome = allow
		if o.function == fnDual && len(o.by) == 0 {
			outcome = override
			if !m.failing {
				o.by = append(o.by, by)
			}
		}
	}
	if !m.failing {
		if a := m.journal.last(m.TB.(*testing.T), entry.KindApproval).Approval; a.OffClock != (m.clocked && m.stands(by).state != timeclock.On) {
			m.t.Fatalf("approval by %s, who stands as %+v: %+v", by.Operator, m.stands(by), a)
		}
	}
	if m.is("approval by "+by.Operator, d, err, outcome) {
		if rest {
			if m.scopes == nil {
				m.scopes = map[string]*modelScope{}
			}
			m.scopes[o.drawer] = &modelScope{d.Seq, m.clock.Boot() + DefaultTransaction}
		}
		m.approved()
	}
}

// endTransaction is a receipt that was cut.
func (m *model) endTransaction() {
	m.EndTransaction()
	m.scopes = nil
}

// approved takes the grant of what was pending.
func (m *model) approved() {
	o := m.pending
	m.pending = nil
	_, gr, err := m.Wait(ctx, o.id)
	if err != nil || (gr != nil) != (o.drawer != "") {
		m.t.Fatalf("waiting for %d: %v, %v", o.id, gr, err)
	}
	if gr != nil {
		m.granted(gr, o.drawer, gr.Expires()-m.clock.Boot())
	}
}

// confirm is somebody's own PIN, or what passes for it.
func (m *model) confirm() {
	by, method := m.person(), rapid.SampledFrom(methods).Draw(m.t, "method")
	if m.who != nil && rapid.Bool().Draw(m.t, "own") {
		by = *m.who
	}
	id := entry.Seq(1)
	if m.pending != nil {
		id = m.pending.id
	}
	d, err := m.StepUp(ctx, id, by, method, "keypad")
	outcome := no
	if o := m.pending; o != nil && o.own && m.loaded && m.clock.Boot() >= o.since+DefaultAnnounce && by.Operator == m.who.Operator && method.PIN() {
		outcome = allow
	}
	if m.is("confirmed by "+by.Operator, d, err, outcome) {
		m.prove()
		m.approved()
	}
}

// lends reports whether somebody may do it, and did not approve it before.
func (m *model) lends(by Subject, o *modelOverride) bool {
	for _, before := range o.by {
		if before.Person == by.Person {
			return false
		}
	}
	switch o.function {
	case fnDual:
		return dual[by.Operator]
	case fnStep:
		return steps[by.Operator]
	}
	return may[by.Operator][o.function] == allow
}

func (m *model) cancel() {
	if m.pending != nil {
		m.holds("cancel", m.Cancel(ctx, m.pending.id, "pos"))
		m.pending = nil
	}
}

// redeem tries a grant on a drawer; any that was ever made, on any drawer.
func (m *model) redeem() {
	if len(m.grants) == 0 {
		return
	}
	gr := rapid.SampledFrom(m.grants).Draw(m.t, "grant")
	drawer := rapid.SampledFrom(append([]string{gr.drawer}, drawers...)).Draw(m.t, "drawer")
	good := gr.live && drawer == gr.drawer && m.clock.Boot() < gr.expires
	fired := false
	err := m.Redeem(ctx, gr.Grant, drawer, func(x Redemption) error {
		fired = true
		gr.fired++
		m.check(gr, drawer, x)
		return nil
	})
	if fired != good {
		m.t.Fatalf("redeemed for drawer %q: fired %v (%v), want %v", drawer, fired, err, good)
	}
	if good {
		gr.live = false
		if m.journal.function(gr.Seq()) == fnSale {
			m.scopes = nil
		}
	}
}

// check is what must hold at the moment of a pulse.
func (m *model) check(gr *modelGrant, drawer string, x Redemption) {
	if !x.Valid(drawer) || x.Valid(drawer+"x") {
		m.t.Fatal("redemption is not valid for its drawer, or for another")
	}
	if gr.fired > 1 || m.who == nil || m.locked {
		m.t.Fatalf("fired %d times, signed on %v, locked %v", gr.fired, m.who, m.locked)
	}
	es := m.journal.all()
	if x.Seq() == 0 || int(x.Seq()) > len(es) {
		m.t.Fatalf("no entry %d", x.Seq())
	}
	e := es[x.Seq()-1]
	if e.Outcome != allow || e.Drawer != drawer || e.Operator != m.who.Operator || e.Kind != entry.KindDecision && e.Kind != entry.KindApproval && e.Kind != entry.KindStepUp {
		m.t.Fatalf("the entry behind the pulse: %+v", e)
	}
	if e.Kind == entry.KindApproval && (e.Approval.Operator == e.Operator || e.Approval.Person == e.Person) {
		m.t.Fatalf("approved by the requester's person: %+v", e)
	}
	if e.Kind == entry.KindStepUp && (!e.Method.PIN() || e.Function == fnStep && !steps[e.Operator] || e.Function != fnStep && may[e.Operator][e.Function] != allow) {
		m.t.Fatalf("confirmed by the own PIN: %+v", e)
	}
	if e.Kind == entry.KindApproval && e.Function == fnStep && !e.Approval.Method.PIN() {
		m.t.Fatalf("approved without a PIN: %+v", e)
	}
	if e.Function == fnDual {
		first := entry.Entry{}
		if e.Approval != nil && e.Approval.First != 0 {
			first = es[e.Approval.First-1]
		}
		if first.Kind != entry.KindApproval || first.About != e.About || first.Approval.Person == e.Approval.Person || first.Approval.Person == e.Person {
			m.t.Fatalf("under dual control, and the first approval was %+v: %+v", first, e)
		}
	}
	if e.Reason == entry.ReasonApproved {
		a := es[e.About-1]
		if a.Kind != entry.KindApproval || a.Outcome != allow || !a.Approval.Transaction || a.Session != e.Session || a.Function != e.Function ||
			a.Drawer != e.Drawer || e.Stamp.Boot >= a.Stamp.Boot+int64(DefaultTransaction) || e.Stamp.BootID != a.Stamp.BootID {
			m.t.Fatalf("approved before by %+v: %+v", a, e)
		}
	} else if e.Kind == entry.KindDecision && may[e.Operator][e.Function] != allow {
		m.t.Fatalf("%s may not do %s alone", e.Operator, e.Function)
	}
}

func (m *model) giveBack() {
	if len(m.grants) == 0 {
		return
	}
	gr := rapid.SampledFrom(m.grants).Draw(m.t, "grant")
	err := m.Lapse(ctx, gr.Grant, entry.ReasonBusy)
	if gr.live {
		m.holds("giving back", err)
	} else if err == nil {
		m.t.Fatal("gave back a grant that was over")
	}
	gr.live = false
}

func (m *model) loadPolicy() {
	epoch := m.epoch + uint64(rapid.IntRange(0, 1).Draw(m.t, "later epoch"))
	err := m.Load(ctx, compile(m.rig, changed(int(epoch))), entry.PolicyRef{Epoch: epoch}, "test")
	if m.failing {
		if !errors.Is(err, errJournal) {
			m.t.Fatal(err)
		}
		return
	}
	if err != nil {
		m.t.Fatal(err)
	}
	pending := m.pending
	m.turn()
	if m.fresh && epoch == m.epoch {
		m.pending = pending
	}
	m.epoch, m.loaded, m.fresh = epoch, true, false
}

func (m *model) loadOld() {
	if err := m.Load(ctx, compile(m.rig, changed(0)), entry.PolicyRef{Epoch: m.epoch - 1}, "old"); !errors.Is(err, ErrEpoch) {
		m.t.Fatal(err)
	}
	if err := m.Load(ctx, compile(m.rig, changed(-1)), entry.PolicyRef{Epoch: m.epoch}, "other"); !errors.Is(err, ErrEpoch) {
		m.t.Fatal(err)
	}
}

func (m *model) roster() {
	gone := rapid.Bool().Draw(m.t, "suspended")
	current := m.who
	if gone {
		current = nil
	}
	err := m.RosterChanged(ctx, current, entry.ReasonRosterChanged)
	if m.who == nil {
		return
	}
	m.holds("roster", err)
	m.turn()
	if gone {
		m.who, m.locked = nil, false
	}
}

func (m *model) pass() {
	d := time.Duration(rapid.SampledFrom([]int{1, 999, 1000, 4999, 5000, 59000, 60000, 180000, 300000, 300000}).Draw(m.t, "ms")) * time.Millisecond
	m.clock.advance(d)
	now := m.clock.Boot()
	m.fall()
	if m.pending != nil && now >= m.pending.since+DefaultOverrideTTL {
		m.pending = nil
	}
	for drawer, c := range m.scopes {
		if now >= c.until {
			delete(m.scopes, drawer)
		}
	}
	for _, gr := range m.grants {
		gr.live = gr.live && now < gr.expires
	}
}

func (m *model) restart() {
	if rapid.Bool().Draw(m.t, "after a while") {
		m.pass()
	}
	m.heal()
	m.kill()
	m.endGrants()
	m.scopes = nil
	m.loaded, m.fresh = false, true
	m.managed = m.proved
	if m.pending != nil {
		m.pending.since = m.clock.Boot()
	}
}

func (m *model) restartOnNewBoot() {
	m.heal()
	m.clock.mu.Lock()
	m.clock.boot[1]++
	m.clock.mu.Unlock()
	m.kill()
	m.turn()
	m.who, m.locked, m.loaded, m.fresh = nil, false, false, true
	for p, c := range m.clocks {
		// A break that was over before the machine went down stays over.
		if c.length > 0 && m.clock.Boot() < c.until {
			c.until = m.clock.Boot() + c.length
			m.clocks[p] = c
		}
	}
}

func (m *model) breakJournal() {
	m.failing = true
	m.journal.set(func(j *memJournal) { j.err = errJournal })
}

func (m *model) heal() {
	m.failing = false
	m.journal.set(func(j *memJournal) { j.err = nil })
}

// agree compares what can be seen of the gate with the model.
func (m *model) agree(t *rapid.T) {
	m.t = t
	s := m.Snapshot()
	if (s.Session != nil) != (m.who != nil) || (s.Override != nil) != (m.pending != nil) || (s.Policy != nil) != m.loaded {
		t.Fatalf("session %+v, override %+v, policy %v; model has %+v, %+v, %v", s.Session, s.Override, s.Policy != nil, m.who, m.pending, m.loaded)
	}
	if s.Session != nil && (s.Session.Subject.Operator != m.who.Operator || s.Session.Locked != m.locked) {
		t.Fatalf("session %+v; model has %s, locked %v", s.Session, m.who.Operator, m.locked)
	}
	if s.Session != nil && s.Session.FellBack != m.fell {
		t.Fatalf("%s has fallen back: %v; model has %v", s.Session.Subject.Operator, s.Session.FellBack, m.fell)
	}
	for _, who := range people {
		if got, want := m.Standing(who), m.stands(who); got.State != want.state || got.Forced() != (want.length > 0) {
			t.Fatalf("%s stands at the time clock as %+v; model has %+v", who.Operator, got, want)
		}
	}
	live := 0
	for _, gr := range m.grants {
		if gr.live {
			live++
		}
	}
	m.Gate.mu.Lock()
	got, owed := len(m.Gate.grants), len(m.Gate.owed)
	for p := range m.held {
		if !m.Gate.state.heldSession(p) {
			t.Errorf("%s held a session, and that was forgotten", p)
		}
	}
	m.Gate.mu.Unlock()
	m.Gate.mu.Lock()
	scopes := len(m.Gate.scopes)
	m.Gate.mu.Unlock()
	if scopes != len(m.scopes) {
		t.Fatalf("%d approvals hold, the model has %d", scopes, len(m.scopes))
	}
	if got != live {
		t.Fatalf("%d grants are live, the model has %d", got, live)
	}
	if !m.failing && owed > 0 && len(m.reports) == 0 {
		t.Logf("%d entries owed", owed)
	}
}

// actions are what may happen, by name; what happens more often stands there more often.
func (m *model) actions() map[string][]func() {
	return map[string][]func(){
		"sign-on": {m.signOn, m.signOn, m.takeOver}, "sign-off": {m.signOff}, "lock": {m.lock, m.unlock}, "unlock": {m.unlock},
		"clock": {m.punch, m.punch, m.runClock, m.setClock}, "ask": {m.authorize, m.authorize, m.authorize},
		"approve": {m.approve, m.approve, m.cancel, m.endTransaction}, "confirm": {m.confirm},
		"redeem": {m.redeem, m.redeem, m.giveBack}, "load": {m.loadPolicy, m.loadOld}, "roster": {m.roster},
		"time": {m.pass, m.pass, m.pass}, "restart": {m.restart, m.restartOnNewBoot}, "journal": {m.breakJournal, m.heal, m.heal},
	}
}

// against lets random days happen at a gate and at the model: of all actions, or
// of the named ones, and of all people or of these.
func against(t *testing.T, who []Subject, names ...string) {
	n := 0
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		n++
		r := &rig{
			TB: t, clock: &fakeClock{now: time.Hour, boot: bootOne}, journal: &memJournal{},
			path: filepath.Join(dir, fmt.Sprintf("state%d.json", n)),
		}
		r.open()
		defer func() { r.Gate.cancel() }()
		r.idle, r.clocked = idle, rapid.Bool().Draw(rt, "a time clock runs")
		m := &model{rig: r, t: rt, epoch: 1, held: map[string]bool{}, fresh: true, clocks: map[string]modelClock{}, people: who}
		m.loadPolicy()
		acts := map[string]func(*rapid.T){"": m.agree}
		for name, list := range m.actions() {
			for i, f := range list {
				if len(names) == 0 || slices.Contains(names, name) {
					acts[fmt.Sprintf("%s %d", name, i)] = func(t *rapid.T) { m.t = t; f() }
				}
			}
		}
		rt.Repeat(acts)
		m.heal()
		if err := r.Close(ctx); err != nil {
			rt.Fatal(err)
		}
		audit(rt, r.journal.all())
	})
}

// TestGateAgainstModel lets a random day happen at a gate and at the model. In so
// many actions some meet too seldom: those have days of their own.
func TestGateAgainstModel(t *testing.T) {
	t.Run("all there is", func(t *testing.T) { against(t, people) })
	t.Run("at the time clock", func(t *testing.T) {
		against(t, []Subject{ann, annLead, lea, limited}, "sign-on", "clock", "time", "restart", "load")
	})
	t.Run("managers", func(t *testing.T) {
		against(t, []Subject{both, lea, max2}, "sign-on", "lock", "unlock", "ask", "confirm", "time", "restart", "load")
	})
}

// audit reads the journal as an auditor would: every pulse has its decision
// before it, at most one pulse a decision, none that was withdrawn or lapsed,
// and none of a session after its end.
func audit(t *rapid.T, es []entry.Entry) {
	over := map[entry.Seq]entry.Kind{}
	for _, e := range es {
		switch e.Kind {
		case entry.KindRedeemed, entry.KindLapsed, entry.KindWithdrawn:
			if before, twice := over[e.About]; twice {
				t.Fatalf("entry %d: %v, but was %v already", e.About, e.Kind, before)
			}
			over[e.About] = e.Kind
			if e.About == 0 || e.About >= e.Seq {
				t.Fatalf("%v about entry %d", e.Kind, e.About)
			}
			d := es[e.About-1]
			if d.Outcome != allow && d.Reason != entry.ReasonOneOfTwo || e.Kind != entry.KindWithdrawn && (d.Drawer == "" || d.Drawer != e.Drawer || d.Session != e.Session) {
				t.Fatalf("%v follows from %+v", e.Kind, d)
			}
		}
	}
}
