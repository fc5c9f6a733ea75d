package signon

import (
	"maps"
	"slices"
	"time"

	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
)

// What goes wrong around a register: a journal that takes nothing for a while, and
// timers that come late, as on a machine that slept.

// modelBefore is what the model was before a call that the journal may fail.
type modelBefore struct {
	at       time.Duration
	session  *modelSession
	pending  *modelOverride
	live     []bool // grants
	scopes   []*modelScope
	held     map[string]bool
	punched  map[string]modelPunched
	active   time.Duration
	newcomer *modelNewcomer
	askWhy   *modelAskWhy
	signedOn bool
	kinds    []entry.Kind // that the journal does not take; none: all
}

// breakJournal lets the journal fail now and then, until mended is called: all of
// it, or what says that something took effect.
func (m *model) breakJournal() {
	if !m.oneIn(16, "the journal fails") {
		return
	}
	kinds := evenly(m.t, "for", [][]entry.Kind{
		nil, nil,
		{entry.KindSignOn, entry.KindUnlock, entry.KindApproval, entry.KindStepUp, entry.KindPeople, entry.KindClockIn, entry.KindBreakEnd, entry.KindOverride},
		{entry.KindDecision},
		{entry.KindMode},
	})
	b := &modelBefore{
		at:     m.now(),
		scopes: slices.Clone(m.scopes), held: maps.Clone(m.held), punched: maps.Clone(m.punched), active: m.active, newcomer: m.newcomer,
		askWhy: m.askWhy, signedOn: m.signedOn, kinds: kinds,
	}
	if m.session != nil {
		s := *m.session
		b.session = &s
	}
	if m.pending != nil {
		o := *m.pending
		o.by = slices.Clone(o.by)
		b.pending = &o
	}
	for _, gr := range m.grants {
		b.live = append(b.live, gr.live)
	}
	m.was, m.older = b, nil // what restricts is in the state file, and perhaps not in the journal
	m.r.journal.refuses(func(e entry.Entry) bool { return kinds == nil || slices.Contains(kinds, e.Kind) })
}

// mended lets the journal work again, and reports whether it made something fail.
// What would have permitted something did not, and the model is what it was before;
// what restricts holds all the same.
func (m *model) mended(err error, restricts bool) bool {
	b := m.was
	m.was, m.faulted = nil, b
	m.r.journal.refuses(nil)
	if b == nil {
		return false
	}
	if b.kinds == nil {
		defer m.unsaid(b.at)
	}
	if err == nil || restricts {
		return err != nil
	}
	m.session, m.pending, m.scopes, m.held, m.punched, m.active, m.signedOn, m.askWhy = b.session, b.pending, b.scopes, b.held, b.punched, b.active, b.signedOn, b.askWhy
	for i, live := range b.live {
		m.grants[i].live = live
	}
	return true
}

// tookOver is a sign-on over a session that the journal made fail: the session that
// was in the way has ended by then, if who let it be ended could be journaled.
func (m *model) tookOver(w meaning, want Action) {
	b := m.faulted
	if w.over == 0 {
		return
	}
	if !w.own && m.r.opt.Over != OverSignOff && (b.kinds == nil || slices.Contains(b.kinds, entry.KindDecision)) {
		m.newcomer = b.newcomer
	} else if want == SignedOn {
		m.end()
	}
}

// restricts reports whether what somebody means takes from what may be done:
// then it holds whether or not the journal has it.
func (w meaning) restricts() bool {
	return w.do == Locked || w.do == SignedOff && w.own || w.do == Punched && w.punch.Restricts()
}

// oversleep lets the boot clock go on while no timer rings, as on a machine that was
// suspended: what is over by the clock is over, however late its timer.
func (m *model) oversleep() {
	if n := len(m.grants); m.pending == nil && (n == 0 || !m.grants[n-1].live) {
		m.authorize()
	}
	was := m.pending
	slept := m.now()
	m.asleep = true
	asleep := evenly(m.t, "asleep for", []time.Duration{4 * time.Second, 6 * time.Second, 61 * time.Second, 181 * time.Second})
	if m.mode != nil && m.oneIn(2, "until the mode is over") {
		asleep = max(asleep, m.mode.until-m.now())
	}
	m.r.clock.jump(asleep)
	m.settle()
	if m.mode != nil && m.now() >= m.mode.until {
		m.asks(evenly(m.t, "function", []string{fnSale, fnNoSale}), "1")
	}
	for _, gr := range m.grants {
		fired := false
		if m.now() >= gr.expires {
			err := m.r.gate.Redeem(m.r.ctx, gr.Grant, gr.drawer, func(enforcer.Redemption) error { fired = true; return nil })
			if err == nil || fired {
				m.t.Fatalf("a grant of until %v opened a drawer at %v", gr.expires, m.now())
			}
		}
	}
	if was != nil && m.pending == nil {
		s := m.best(m.ops[evenly(m.t, "who", []string{"4001", "4002"})])
		want := m.show(&s, false, func(o *modelOperator) meaning { return m.answers(was.id, o) })
		r, err := m.r.s.Approve(m.r.ctx, was.id, s.credential(m.source()), Terms{})
		m.same("approving what is over", &s, r, err, want)
	}
	m.r.s.Touch()
	m.active = m.now()
	m.asleep = false
	if mode := m.mode; mode != nil && mode.tick(slept) <= m.now() {
		mode.since = m.now()
	}
	m.r.clock.rearm()
	m.pass(0)
}
