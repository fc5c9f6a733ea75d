package signon

import (
	"slices"
	"time"

	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

var modelAsked = []string{fnSale, fnNoSale, fnNoSale, fnBoth, fnBoth, fnOwnPIN, fnRest, fnRest, fnFew, fnFew, fnFew, fnPaid, fnPaid, fnPaid, fnLate, fnLate, fnWhy, fnWhy, fnWords, fnTill, fnPickup, fnPunch, fnEdit, fnGlass, fnUnknown}

// authorize asks for a function, as a POS does.
func (m *model) authorize() {
	function := evenly(m.t, "function", modelAsked)
	drawer := evenly(m.t, "drawer", []string{"1", "1", "2", ""})
	switch mode := m.mode; {
	case mode != nil && mode.kind == entry.ModeBreakGlass && m.oneIn(2, "a sale"):
		function = fnSale // whoever is signed on, or nobody
	case mode != nil && len(mode.functions) > 0 && m.oneIn(2, "what is monitored"):
		function = evenly(m.t, "which", mode.functions)
	case mode != nil && m.oneIn(2, "as it is"), m.oneIn(10, "as it is"):
	default:
		m.ready()
	}
	if len(m.scopes) > 0 && m.oneIn(2, "what was lent for longer") {
		function, drawer = fnRest, m.scopes[0].drawer
		if m.oneIn(3, "at another hour") {
			m.setClock()
		}
	}
	m.asks(function, drawer)
}

// asksInVain asks for what somebody has to lend, or for what takes the own PIN again.
func (m *model) asksInVain(own bool) {
	m.ready()
	function := fnOwnPIN
	if s := m.session; !own && s != nil {
		lent := slices.DeleteFunc(slices.Clone(modelAsked), func(f string) bool { return m.access(s.who.groups, f, m.extent(f, 0)) != mayLent })
		if len(lent) > 0 {
			function = evenly(m.t, "function", lent)
		}
	}
	m.asks(function, evenly(m.t, "drawer", []string{"1", "1", "2", ""}))
}

func (m *model) asks(function, drawer string) {
	amount := int64(0)
	if function == fnPaid || function == fnRest {
		amount = evenly(m.t, "amount", modelAmounts)
		if o := m.pending; o != nil && o.function == function && m.oneIn(2, "the same again") {
			amount = o.amount
		}
		if n := len(m.scopes); n > 0 && function == fnRest && m.oneIn(2, "as much as was lent") {
			amount = m.scopes[n-1].amount
		}
	}
	x := m.extent(function, amount)
	hold := time.Duration(evenly(m.t, "seconds to open it", []int{0, 1, 30, 90})) * time.Second
	m.r.s.Touch()
	m.active = m.now()
	fits := drawer == "" || functionOf(function).drawer
	m.breakJournal()
	d, gr, err := m.r.gate.Authorize(m.r.ctx, enforcer.Request{Function: function, Drawer: drawer, Hold: hold, Source: "pos", Told: told(amount)})
	if m.mended(err, false) {
		if s := m.session; s != nil && !s.locked && fits && m.access(s.who.groups, function, x) == may && m.takesManager(s.who.groups, function, x) && !m.fellBack() {
			s.managed = m.now() // it was used, for all that anybody knows
		}
		if d.Outcome != entry.OutcomeError || gr != nil {
			m.t.Fatalf("asking for %s without the journal: %v, grant %v", function, d, gr != nil)
		}
		return
	}
	want, s := mayNot, m.session
	own := functionOf(function).step && s != nil && m.has(s.who.groups, function)
	if s != nil && !s.locked && fits {
		want = m.access(s.who.groups, function, x)
		if want == may && m.takesManager(s.who.groups, function, x) {
			if m.fellBack() {
				want, own = mayLent, true
			} else {
				s.managed = m.now()
			}
		}
	}
	through := m.lets(function, want, own)
	var within *modelScope
	if through == entry.ModeEnforce && function == fnRest && want == mayLent && !own {
		if within = m.lent(drawer, x); within != nil {
			want = may
		}
	}
	o := m.pending
	joins := o != nil && o.function == function && o.drawer == drawer && o.amount == amount
	if want == mayLent && o != nil && !joins && through == entry.ModeEnforce {
		want = mayNot
	}
	opens := want == may || through != entry.ModeEnforce
	if err != nil || d.Outcome != want || d.Mode != through || (gr != nil) != (opens && drawer != "") {
		m.t.Fatalf("asking for %s: %v (%v), let through by %v, grant %v, %v; want %v, let through by %v", function, d.Outcome, d.Reason, d.Mode, gr != nil, err, want, through)
	}
	if e := m.r.journal.all()[d.Seq-1]; e.Outcome != want || e.Mode != through || e.Function != function && function != fnUnknown || s != nil && e.Operator != s.who.number {
		m.t.Fatalf("asking for %s is in the journal as %+v", function, e)
	}
	switch {
	case through != entry.ModeEnforce:
		m.uses(function, d.Seq)
		if gr != nil {
			m.granted(gr, drawer, hold)
		}
	case want == may:
		if within != nil && (d.Reason != entry.ReasonApproved || m.r.journal.all()[d.Seq-1].About != within.approval) {
			m.t.Fatalf("approved before by %d, and says %+v", within.approval, d)
		}
		m.uses(function, d.Seq)
		if gr != nil {
			m.granted(gr, drawer, hold)
		}
		if function == fnTill {
			m.opensTill()
		}
	case want == mayLent && d.Joined != joins || joins && d.Override != 0 && d.Override != o.id:
		m.t.Fatalf("asking for %s joined %v, want %v", function, d.Joined, joins)
	case want == mayLent && !joins:
		m.pending = &modelOverride{id: d.Override, function: function, drawer: drawer, since: m.now(), own: own, hold: hold, amount: amount}
	}
}

// lent is the first approval for the rest of the transaction that is enough.
func (m *model) lent(drawer string, x modelExtent) *modelScope {
	for _, c := range m.scopes {
		if c.drawer == drawer && c.covers(x.amount) && m.lendsSoMuch(c.by, fnRest, x) {
			return c
		}
	}
	return nil
}

// uses counts what is counted.
func (m *model) uses(function string, by entry.Seq) {
	if function == fnFew && m.session != nil {
		m.session.used, m.session.last = m.session.used+1, by
	}
}

// opensTill begins a new round of who held a session on this till.
func (m *model) opensTill() { m.held = map[string]bool{m.session.who.person: true} }

func (m *model) granted(gr *enforcer.Grant, drawer string, hold time.Duration) {
	if hold == 0 {
		hold = 5 * time.Second
	}
	m.grants = append(m.grants, &modelGrant{Grant: gr, drawer: drawer, expires: m.now() + min(hold, time.Minute), live: true})
}

// lend is an approval of somebody who was identified.
func (m *model) lend(w meaning, by *modelOperator, method entry.Method, s *shown) (a Action, early bool) {
	o := m.pending
	if badWords(w.why.Text) {
		m.invalid = true
		return Refused, false
	}
	if m.now() < o.since+time.Second {
		return Refused, true
	}
	f := functionOf(o.function)
	first := func(s modelSubject) bool { return s.number == by.number || s.person == by.person }
	if o.own || by.number == m.session.who.number || by.person == m.session.who.person ||
		!m.manages(by.groups) || !f.lend || !m.has(by.groups, o.function) ||
		f.held && m.held[by.person] || f.step && method == entry.MethodCard || slices.ContainsFunc(o.by, first) || w.rest && !f.rest ||
		!m.lendsSoMuch(by.groups, o.function, m.extent(o.function, o.amount)) {
		return Refused, false
	}
	switch {
	case saysWhy(o.function, w.why):
	case w.here && f.why == policy.ReasonCode:
		m.askWhy = &modelAskWhy{card: s.card, by: by, method: method, means: w, state: m.state(), until: m.now() + modelAskPIN}
		return AskWhy, false
	default:
		return Refused, false
	}
	m.active = m.now()
	if f.dual && len(o.by) == 0 {
		o.by = append(o.by, by.subject())
		return ApprovedFirst, false
	}
	if w.rest {
		m.scopes = append(m.scopes, &modelScope{drawer: o.drawer, until: m.now() + 5*time.Minute, by: by.groups, amount: o.amount})
	}
	return Approved, false
}

// confirm is the own PIN of who asked.
func (m *model) confirm(id entry.Seq, by *modelOperator, method entry.Method) (a Action, early bool) {
	o := m.pending
	switch {
	case o == nil || o.id != id:
		return Refused, false
	case m.now() < o.since+time.Second:
		return Refused, true
	case !o.own || by.number != m.session.who.number || method == entry.MethodCard:
		return Refused, false
	}
	if x := m.extent(o.function, o.amount); !functionOf(o.function).step && (m.access(by.groups, o.function, x) != may || !m.takesManager(by.groups, o.function, x)) {
		return Refused, false // it is another matter by now: out of hours
	}
	m.active = m.now()
	m.proves()
	return Confirmed, false
}

// proves is who is signed on showing that it is them.
func (m *model) proves() {
	m.session.proved, m.session.managed, m.session.fell = m.now(), m.now(), false
}

// approved takes the grant of what was pending.
func (m *model) approved(by entry.Seq) {
	o := m.pending
	m.pending = nil
	if e := m.r.journal.all()[by-1]; e.Kind == entry.KindApproval && (e.WhyCode != m.meant.why.Code || e.Why != m.meant.why.Text) {
		m.t.Fatalf("approved because %+v, and the journal has %+v", m.meant.why, e)
	}
	if n := len(m.scopes); n > 0 && m.scopes[n-1].approval == 0 {
		m.scopes[n-1].approval = by
	}
	m.uses(o.function, by)
	if o.function == fnTill {
		m.opensTill()
	}
	_, gr, err := m.r.gate.Wait(m.r.ctx, o.id)
	if err != nil {
		m.t.Fatal(err)
	}
	hold := o.hold
	if hold == 0 {
		hold = 5 * time.Second
	}
	// It was approved before the answer was given, and its time runs.
	began := m.r.journal.all()[by-1].Stamp.Boot
	expires := time.Duration(began) + min(hold, time.Minute)
	modeOver := m.mode != nil && m.now() >= m.mode.until // which ends all that was granted before
	if (gr != nil) != (o.drawer != "" && m.now() < expires && !modeOver) {
		m.t.Fatalf("approved %+v: grant %v", o, gr != nil)
	}
	switch {
	case o.drawer != "" && gr == nil:
		m.giveBackUse(by)
	case gr != nil:
		m.grants = append(m.grants, &modelGrant{Grant: gr, drawer: o.drawer, expires: expires, live: true})
	}
}

func (m *model) cancel() {
	if m.pending == nil {
		return
	}
	if err := m.r.gate.Cancel(m.r.ctx, m.pending.id, "pos"); err != nil {
		m.t.Fatal(err)
	}
	m.pending = nil
}

func (m *model) endTransaction() {
	m.r.gate.EndTransaction()
	m.scopes = nil
}

// redeem tries a grant on a drawer; any that was ever made, on any drawer. It opens
// the right one, once, and not a moment too late.
func (m *model) redeem() {
	if n := len(m.grants); n == 0 || !m.grants[n-1].live {
		m.authorize()
	}
	if len(m.grants) == 0 {
		return
	}
	if m.oneIn(4, "later") {
		m.wait()
	}
	gr := m.grants[len(m.grants)-1]
	if m.oneIn(3, "an older one") {
		gr = evenly(m.t, "grant", m.grants)
	}
	drawer := evenly(m.t, "drawer", []string{gr.drawer, gr.drawer, gr.drawer, "1", "2", ""})
	good := gr.live && drawer == gr.drawer && m.now() < gr.expires
	fired := false
	err := m.r.gate.Redeem(m.r.ctx, gr.Grant, drawer, func(x enforcer.Redemption) error {
		fired = true
		gr.fired++
		m.noGrantOutlivesItsTime(gr, drawer, x)
		return nil
	})
	if fired != good {
		m.t.Fatalf("redeemed for drawer %q: fired %v (%v), want %v: %+v", drawer, fired, err, good, gr)
	}
	if good {
		gr.live = false
		if m.r.journal.all()[gr.Seq()-1].Function == fnSale {
			m.scopes = nil
		}
	}
}

// noGrantOutlivesItsTime is what must hold at the moment of a pulse: no grant is older
// than it may be, its decision is in the journal, is
// this session's, and what the model's tables allow or somebody lent.
func (m *model) noGrantOutlivesItsTime(gr *modelGrant, drawer string, x enforcer.Redemption) {
	s, es := m.session, m.r.journal.all()
	if !x.Valid(drawer) || x.Valid(drawer+"x") || gr.fired > 1 || m.now() >= gr.expires || x.Seq() == 0 || int(x.Seq()) > len(es) {
		m.t.Fatalf("a pulse for %q, fired %d times", drawer, gr.fired)
	}
	e := es[x.Seq()-1]
	if e.Drawer != drawer || int64(m.now()) >= e.Stamp.Boot+int64(time.Minute) {
		m.t.Fatalf("the entry behind the pulse at %v: %+v", m.now(), e)
	}
	if e.Mode != entry.ModeEnforce {
		if m.mode == nil || m.mode.kind != e.Mode || e.Kind != entry.KindDecision || s != nil && e.Session != s.id {
			m.t.Fatalf("in mode %+v, session %+v, a pulse of %+v", m.mode, s, e)
		}
		return
	}
	if s == nil || s.locked || e.Outcome != may || e.Session != s.id || e.Operator != s.who.number {
		m.t.Fatalf("session %+v, and the entry behind the pulse at %v: %+v", s, m.now(), e)
	}
	switch e.Kind {
	case entry.KindApproval:
		m.noApprovalByTheSamePerson(&e, es)
	case entry.KindStepUp:
	case entry.KindDecision:
		if e.Reason != entry.ReasonApproved && !m.has(s.who.groups, e.Function) {
			m.t.Fatalf("%+v may not do it alone: %+v", s.who, e)
		}
	default:
		m.t.Fatalf("the entry behind the pulse: %+v", e)
	}
}

func (m *model) giveBack() {
	if len(m.grants) == 0 {
		return
	}
	gr := evenly(m.t, "grant", m.grants)
	if err := m.r.gate.Lapse(m.r.ctx, gr.Grant, entry.ReasonBusy); (err == nil) != gr.live {
		m.t.Fatalf("giving back %+v: %v", gr, err)
	}
	if gr.live {
		m.lapse(gr)
	}
}
