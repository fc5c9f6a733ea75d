package signon

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/timeclock"
)

// shown is what somebody shows.
type shown struct {
	card   string
	number string
	pin    string
	at     string
}

func (s *shown) credential(source string) Credential {
	c := Credential{Number: s.number, PIN: []byte(s.pin), At: s.at, Source: source}
	if s.card != "" {
		c.Card = cardOf(s.card)
	}
	return c
}

// source is a reader or keypad: each time another, so that nobody waits for
// what others got wrong.
func (m *model) source() string {
	m.sources++
	return fmt.Sprint("reader ", m.sources)
}

// draw draws a credential: mostly a good one of one of these operators.
func (m *model) draw(of []string) shown {
	o := m.ops[evenly(m.t, "who", of)]
	var s shown
	kind := evenly(m.t, "shows", []string{"card", "card+pin", "card+pin", "number+pin", "number+pin"})
	if kind != "number+pin" {
		switch {
		case m.oneIn(10, "another card"):
			s.card = evenly(m.t, "card", m.cards)
		case len(o.cards) > 0:
			s.card = evenly(m.t, "card", o.cards).number
		default:
			s.card = "1" + o.number // it was theirs once
		}
		if h, _ := m.holder(s.card); h != nil {
			o = h
		}
	} else {
		s.number = o.number
		if m.oneIn(20, "a number that nobody has") {
			s.number = "9999"
		}
	}
	if kind != "card" {
		s.pin = m.pinOf(o)
	}
	return s
}

// pinOf is mostly somebody's PIN.
func (m *model) pinOf(o *modelOperator) string {
	if o.pin == "" || m.oneIn(5, "a wrong PIN") {
		return evenly(m.t, "PIN", append(slices.Clone(modelPINs), "12", "987654321012345"))
	}
	return o.pin
}

// anybody are the operators, with who is signed on more often than others.
func (m *model) anybody() []string {
	of := m.numbers()
	if m.session != nil {
		for range len(of) / 3 {
			of = append(of, m.session.who.number)
		}
	}
	return of
}

// pause lets somebody come to the register, later than a wrong try keeps them waiting.
func (m *model) pause() {
	d := evenly(m.t, "pause", []time.Duration{0, time.Second, 2 * time.Second, 11 * time.Second})
	m.pass(max(d, m.strained-m.now()))
}

// meaning is what a credential is shown for.
type meaning struct {
	do       Action
	own      bool
	override entry.Seq
	pin      bool // a PIN has to be shown, whatever the site wants
	rest     bool
	why      enforcer.Why
	here     bool // at the reader or keypad, where a reason is asked for
	afar     bool
	punch    timeclock.Punch
	whose    string
	length   time.Duration
	over     entry.Seq // the session that a sign-on ends
	newcomer string    // who waits to sign on, and is let
}

// lends reports whether it takes what an approver shows.
func (w meaning) lends() bool { return w.do == Approved || w.newcomer != "" && !w.own }

// proof reports whether a card alone may not be enough.
func (w meaning) proof() bool {
	switch w.do {
	case SignedOn, AskManager:
		return !w.own || w.newcomer == ""
	case Unlocked, Confirmed, Punched, Identified:
		return true
	case Approved, SignedOff:
		return !w.own
	}
	return false
}

// modelState is what a meaning depends on.
type modelState struct {
	session, override entry.Seq
	locked, own       bool
	number, name      string
	waits             string
}

func (m *model) state() modelState {
	var st modelState
	if s := m.session; s != nil {
		st.session, st.locked, st.number, st.name = s.id, s.locked, s.who.number, s.who.name
		if m.pending != nil {
			st.override, st.own = m.pending.id, m.pending.own
		} else if n := m.newcomer; n != nil && n.session == s.id && m.now() < n.until {
			st.waits = n.number
		}
	}
	return st
}

// table is what a swipe means.
func (m *model) table(o *modelOperator) meaning {
	own := m.session != nil && m.session.who.number == o.number
	st := m.state()
	switch {
	case m.session == nil:
		return meaning{do: SignedOn}
	case st.waits != "" && st.waits != o.number:
		return meaning{do: SignedOn, own: own, over: st.session, newcomer: st.waits}
	case m.session.locked && (own || m.r.opt.Over == OverRefuse || m.access(o.groups, fnUnlock) == may):
		return meaning{do: Unlocked, own: own}
	case m.session.locked:
		return m.comesOver(o)
	case m.pending != nil:
		w := m.answers(m.pending.id, o)
		w.here = true
		return w
	case own && m.r.opt.Again == AgainSignOff:
		return meaning{do: SignedOff, own: true}
	case own:
		return meaning{do: Locked, own: true}
	}
	return m.comesOver(o)
}

// comesOver is what another operator's credential means to a session.
func (m *model) comesOver(o *modelOperator) meaning {
	switch {
	case m.r.opt.Over == OverRefuse || m.pending != nil:
		return meaning{do: InUse}
	case m.r.opt.Over == OverManager && m.access(o.groups, fnUnlock) != may:
		return meaning{do: AskManager}
	}
	return meaning{do: SignedOn, over: m.session.id}
}

// answers is what somebody's credential means to an override.
func (m *model) answers(id entry.Seq, o *modelOperator) meaning {
	own := m.session != nil && m.session.who.number == o.number
	pending := m.pending != nil && m.pending.id == id
	if own && pending && m.pending.own {
		return meaning{do: Confirmed, override: id, own: true, pin: true}
	}
	return meaning{do: Approved, override: id, own: own, pin: pending && functionOf(m.pending.function).step}
}

// known answers of a credential.
type checked int

const (
	refused checked = iota
	good
	wantsPIN
	wantsNewPIN
)

// check finds out who shows it, and whether it is enough for what it means.
func (m *model) check(s *shown, means func(*modelOperator) meaning) (o *modelOperator, c checked, method entry.Method) {
	if s.card != "" {
		return m.checkCard(s, means)
	}
	method = entry.MethodNumberPIN
	if s.at != "" {
		method = entry.MethodRemote
	}
	o = m.ops[s.number]
	if o == nil || !modelPIN(s.pin) {
		m.wrong()
		return nil, refused, method
	}
	if !m.try("n", o, s.pin) || o.suspended || o.terminated || m.revoked[o.number] {
		m.wrong()
		return o, refused, method
	}
	w := means(o)
	need, soft := m.shows(o.groups, w.lends())
	if need == policy.SignOnCardPIN && !(soft && w.lends() && (w.afar || m.r.opt.ApproveFallback)) {
		m.wrong()
		return o, refused, method
	}
	delete(m.tries, "n"+o.number)
	switch {
	case m.stands(o) != entry.ReasonNone:
		return o, refused, method
	case o.mustChange:
		return o, wantsNewPIN, method
	}
	return o, good, method
}

func (m *model) checkCard(s *shown, means func(*modelOperator) meaning) (*modelOperator, checked, entry.Method) {
	o, c := m.holder(s.card)
	if o == nil {
		m.wrong()
	}
	if o == nil || m.stands(o) != entry.ReasonNone || c.over(m) {
		return o, refused, entry.MethodCard
	}
	w := means(o)
	if !w.proof() {
		return o, good, entry.MethodCard
	}
	if s.pin == "" {
		need, _ := m.shows(o.groups, w.lends())
		switch {
		case need == policy.SignOnCard && !w.pin:
			return o, good, entry.MethodCard
		case m.lockedFor("c"+o.number) > 0 || o.pin == "":
			return o, refused, entry.MethodCard
		}
		return o, wantsPIN, entry.MethodCard
	}
	if !m.try("c", o, s.pin) {
		m.wrong()
		return o, refused, entry.MethodCardPIN
	}
	delete(m.tries, "c"+o.number)
	if o.mustChange {
		return o, wantsNewPIN, entry.MethodCardPIN
	}
	return o, good, entry.MethodCardPIN
}

// modelPIN reports whether it has a PIN's form.
func modelPIN(pin string) bool {
	for _, c := range pin {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(pin) >= 4 && len(pin) <= 12
}

// wrong keeps whoever comes next waiting.
func (m *model) wrong() { m.strained = m.now() + 10*time.Second }

// try counts a try, and reports whether it was right.
func (m *model) try(by string, o *modelOperator, pin string) bool {
	t := m.tries[by+o.number]
	if t == nil || t.locked && m.lockedFor(by+o.number) == 0 {
		t = &modelTries{}
		m.tries[by+o.number] = t
	}
	if t.locked {
		return false
	}
	t.n, t.at = t.n+1, m.now()
	t.locked = t.n >= modelTriesN
	return o.pin != "" && o.pin == pin
}

// show shows a credential to the register, and gives what the model says of it.
func (m *model) show(s *shown, table bool, means func(*modelOperator) meaning) Action {
	m.pass(max(0, m.strained-m.now())) // what was wrong just now keeps this one waiting
	m.breakJournal()
	m.meant, m.early = meaning{}, false
	if s.card != "" {
		if m.swiped == s.card && m.now()-m.swipedAt < 2*time.Second {
			if table {
				return Same
			}
		} else {
			m.swiped, m.swipedAt = s.card, m.now()
		}
	}
	st := m.state()
	o, c, method := m.check(s, means)
	action, early := m.follow(st, o, c, method, s, means)
	m.early = early && s.card != ""
	return action
}

// follow does what a credential means that was checked.
func (m *model) follow(st modelState, o *modelOperator, c checked, method entry.Method, s *shown, means func(*modelOperator) meaning) (a Action, early bool) {
	switch c {
	case wantsPIN:
		m.ask = &modelAsk{card: s.card, means: means(o), state: st, until: m.now() + modelAskPIN}
		return AskPIN, false
	case wantsNewPIN:
		w := means(o)
		if w.do != SignedOn && w.do != Unlocked {
			return Refused, false
		}
		m.ask = &modelAsk{card: s.card, changing: o, pins: o.pins, method: method, means: w, state: st, until: m.now() + 4*modelAskPIN}
		return AskNewPIN, false
	case refused:
		return Refused, false
	}
	return m.do(means(o), st, o, method, s)
}

// do is what somebody does who was identified.
func (m *model) do(w meaning, st modelState, o *modelOperator, method entry.Method, s *shown) (a Action, early bool) {
	m.meant = w
	if m.stands(o) != entry.ReasonNone || st != m.state() {
		return Refused, false
	}
	switch w.do {
	case AskManager:
		m.newcomer = &modelNewcomer{number: o.number, card: s.card, method: method, session: st.session, until: m.now() + modelAskPIN}
		return AskManager, false
	case SignedOn:
		if w.over != 0 && !w.own && m.r.opt.Over != OverSignOff && m.access(o.groups, fnUnlock) != may {
			return Refused, false
		}
		if w.newcomer != "" {
			n := m.newcomer
			o, method = m.ops[w.newcomer], n.method
			m.newcomer = nil
			if m.stands(o) != entry.ReasonNone || method.PIN() && o.mustChange || !m.stillTheirs(n.card, o) {
				return Refused, false
			}
		}
		if m.access(o.groups, fnSignOn) != may || !m.atWork(o) {
			return Refused, false
		}
		m.end()
		m.signedOn = true
		m.session = &modelSession{who: o.subject(), method: method, proved: m.now(), managed: m.now()}
		m.held[o.person] = true
	case Unlocked:
		if !st.locked || !w.own && m.access(o.groups, fnUnlock) != may {
			return Refused, false
		}
		m.session.locked = false
		m.turn()
		if w.own {
			m.proves()
		}
	case Approved:
		if w.override == 0 || w.override != st.override {
			return Refused, false
		}
		return m.lend(w, o, method, s)
	case Confirmed:
		return m.confirm(w.override, o, method)
	case Locked:
		m.session.locked = true
		m.turn()
		return Locked, false
	case SignedOff:
		if st.session == 0 || !w.own && m.access(o.groups, fnUnlock) != may {
			return Refused, false
		}
		m.end()
		return SignedOff, false
	case Punched:
		if !m.punches(w, o) {
			return Refused, false
		}
	case InUse:
		return InUse, false
	}
	m.active = m.now()
	return w.do, false
}

// atWork reports whether somebody need not be, or is clocked in.
func (m *model) atWork(o *modelOperator) bool {
	p, in := m.punched[o.person]
	return !m.r.clocked || in && !p.away || p.length == 0 && m.has(o.groups, fnNoClock)
}

// modelAsk is a card that waits for its PIN, or an operator for a new one.
type modelAsk struct {
	token    string
	card     string
	changing *modelOperator
	pins     int // how many the operator had
	method   entry.Method
	means    meaning
	state    modelState
	until    time.Duration
}

// same compares what a credential did with what the model says, and notes what
// only the register knows.
func (m *model) same(what string, s *shown, r Result, err error, want Action) {
	early, invalid := m.early, m.invalid
	m.early, m.invalid = false, false
	if w := m.meant; m.mended(err, want != Refused && w.restricts()) {
		m.tookOver(w, want)
		m.ask = nil
		if !slices.Contains([]Action{Refused, InUse, AskNewPIN, AskManager, AskWhy}, r.Action) && (r.Action != want || !w.restricts()) {
			m.t.Fatalf("%s with %+v, without the journal: %v, %v", what, *s, r.Action, err)
		}
		m.settle()
		return
	}
	if early {
		m.swiped = "" // the same card may try again at once
	}
	if invalid {
		if !errors.Is(err, enforcer.ErrRequest) || r.Action != Refused {
			m.t.Fatalf("%s because of %+v: %v, %v", what, m.meant.why, r.Action, err)
		}
		m.settle()
		return
	}
	if err != nil || r.Action != want {
		m.t.Fatalf("%s with %+v: %v (%v, %q), %v; want %v", what, *s, r.Action, r.Reason, r.Say, err, want)
	}
	switch r.Action {
	case SignedOn:
		m.session.id = m.r.gate.Snapshot().Session.ID
	case AskPIN, AskNewPIN:
		m.ask.token = r.Token
	case AskWhy:
		m.askWhy.token = r.Token
	case Approved, Confirmed:
		m.approved(r.Decision.Seq)
	}
	m.settle()
}

// present shows any credential, and the swipe table says what it means.
func (m *model) present() {
	m.pause()
	s := m.draw(m.anybody())
	m.atRegister(&s)
}

// atRegister shows it at the reader or keypad.
func (m *model) atRegister(s *shown) {
	want := m.show(s, true, m.table)
	r, err := m.r.s.Present(m.r.ctx, s.credential(m.source()))
	m.same("presenting", s, r, err, want)
}

// signOn signs on who can, and unlocks what is locked, so that there is something
// to see: most operators show the right thing.
func (m *model) signOn() {
	if m.session != nil && !m.session.locked {
		m.present()
		return
	}
	m.ready()
}

// ready is somebody at work with a session that is not locked, if nothing is in the way.
func (m *model) ready() {
	if m.session == nil {
		m.pause()
		of := slices.DeleteFunc(m.numbers(), func(n string) bool {
			return m.stands(m.ops[n]) != entry.ReasonNone || m.ops[n].pin == "" || m.access(m.ops[n].groups, fnSignOn) != may
		})
		if len(of) == 0 {
			return
		}
		o := m.ops[evenly(m.t, "who", of)]
		if !m.atWork(o) {
			s := m.best(o)
			w := meaning{do: Punched, punch: timeclock.In}
			want := m.show(&s, false, func(*modelOperator) meaning { return w })
			r, err := m.r.s.Punch(m.r.ctx, w.punch, s.credential(m.source()))
			m.same("clocking in", &s, r, err, want)
		}
		s := m.best(o)
		want := m.show(&s, false, func(*modelOperator) meaning { return meaning{do: SignedOn} })
		r, err := m.r.s.SignOn(m.r.ctx, s.credential(m.source()))
		m.same("signing on", &s, r, err, want)
	}
	if m.session != nil && m.session.locked {
		m.pause()
		s := m.best(m.ops[m.session.who.number])
		if m.session == nil {
			return // time passed
		}
		want := m.show(&s, false, func(o *modelOperator) meaning {
			return meaning{do: Unlocked, own: m.session != nil && m.session.who.number == o.number}
		})
		r, err := m.r.s.Unlock(m.r.ctx, s.credential(m.source()))
		m.same("unlocking", &s, r, err, want)
	}
}

// best is the best that somebody can show.
func (m *model) best(o *modelOperator) shown {
	s := shown{pin: o.pin}
	for i := range o.cards {
		if !o.cards[i].over(m) {
			s.card = o.cards[i].number
			return s
		}
	}
	s.number = o.number
	return s
}

// givePIN goes on with whoever was asked for a PIN last.
func (m *model) givePIN() {
	a := m.ask
	if a == nil {
		m.present()
		return
	}
	m.ask = nil
	m.pass(max(evenly(m.t, "pause", []time.Duration{0, 0, 3 * time.Second, 11 * time.Second, 31 * time.Second}), m.strained-m.now()))
	if a.changing != nil {
		m.giveNewPIN(a)
		return
	}
	pin := evenly(m.t, "PIN", modelPINs)
	if o, _ := m.holder(a.card); o != nil {
		pin = m.pinOf(o)
	}
	m.breakJournal()
	m.meant, m.early = meaning{}, false
	s := shown{card: a.card, pin: pin}
	want := Refused
	if m.now() < a.until {
		// The PIN is looked at whatever was meant: nothing is asked for it that needs none.
		means := func(*modelOperator) meaning { return a.means }
		o, c, method := m.check(&s, means)
		want, _ = m.follow(a.state, o, c, method, &s, means)
	}
	r, err := m.r.s.PIN(m.r.ctx, a.token, []byte(pin), m.source())
	m.same("giving the PIN", &s, r, err, want)
}

func (m *model) giveNewPIN(a *modelAsk) {
	pin := evenly(m.t, "new PIN", slices.Concat(modelPINs, modelWeak))
	o, want := a.changing, Refused
	switch {
	case m.now() >= a.until || o.pins != a.pins || o.pin == "" || m.stands(o) != entry.ReasonNone:
	case pin == o.pin || weakFor(pin, o.number):
		again := *a
		again.until = m.now() + 4*modelAskPIN
		m.ask, want = &again, AskNewPIN
	default:
		o.pin, o.mustChange, m.changed = pin, false, true
		o.pins++
		if m.stillTheirs(a.card, o) {
			want, _ = m.do(a.means, a.state, o, a.method, &shown{card: a.card, number: o.number})
		}
	}
	r, err := m.r.s.NewPIN(m.r.ctx, a.token, []byte(pin), m.source())
	m.same("choosing a PIN", &shown{number: o.number, pin: pin}, r, err, want)
}

// weakFor is what nobody may choose.
func weakFor(pin, number string) bool { return slices.Contains(modelWeak[:5], pin) || pin == number }

// stepUp is the own PIN again, and nothing else.
func (m *model) stepUp() {
	if m.pending == nil {
		m.asksInVain(true)
	}
	m.pause()
	if m.session == nil {
		return
	}
	o := m.ops[m.session.who.number]
	pin := m.pinOf(o)
	id := entry.Seq(1)
	if m.pending != nil {
		id = m.pending.id
	}
	m.breakJournal()
	by, method := "c", entry.MethodPIN
	if m.session.method == entry.MethodNumberPIN {
		by = "n"
	}
	want := Refused
	if m.pending != nil && m.pending.own && o.pin != "" {
		if m.try(by, o, pinOrNothing(pin)) {
			delete(m.tries, by+o.number)
			if !o.mustChange {
				want, _ = m.do(meaning{do: Confirmed, own: true, override: id, pin: true}, m.state(), o, method, &shown{number: o.number})
			}
		} else {
			m.wrong()
		}
	}
	r, err := m.r.s.StepUp(m.r.ctx, id, []byte(pin), m.source())
	m.same("the own PIN", &shown{number: o.number, pin: pin}, r, err, want)
}

// pinOrNothing is a PIN that nobody has where it is none.
func pinOrNothing(pin string) string {
	if !modelPIN(pin) {
		return "none"
	}
	return pin
}

// approve answers an override, mostly the one that is pending, and mostly somebody
// does who could.
func (m *model) approve() {
	if m.pending == nil && !m.oneIn(10, "of nothing") {
		m.asksInVain(false)
	}
	m.pause()
	id := entry.Seq(1)
	if m.pending != nil {
		id = m.pending.id
	}
	var s shown
	if !m.oneIn(4, "by anybody") {
		s = m.best(m.ops[evenly(m.t, "who", []string{"2001", "2002", "2002", "2003", "2004", "4001", "4002", "5001"})])
		if s.card != "" && m.oneIn(3, "the PIN later") {
			s.pin = ""
		}
	} else {
		s = m.draw(m.anybody())
	}
	rest := m.oneIn(4, "for the transaction") || m.pending != nil && functionOf(m.pending.function).rest && m.oneIn(2, "which it may be for")
	why := m.someWhy()
	if s.number != "" && m.oneIn(4, "from elsewhere") {
		s.at = "register 9"
	}
	if m.oneIn(4, "at the reader") {
		s.at = ""
		m.atRegister(&s)
		return
	}
	m.approves(&s, id, Terms{Transaction: rest, Why: why})
}

func (m *model) approves(s *shown, id entry.Seq, terms Terms) {
	want := Refused
	if s.at == "" || m.r.opt.Remote {
		want = m.show(s, false, func(o *modelOperator) meaning {
			w := m.answers(id, o)
			w.rest, w.why, w.afar = terms.Transaction, terms.Why, s.at != ""
			return w
		})
	}
	r, err := m.r.s.Approve(m.r.ctx, id, s.credential(m.source()), terms)
	m.same("approving", s, r, err, want)
}

// forTransaction lets somebody lend for the rest of the transaction, and asks for it again.
func (m *model) forTransaction() {
	m.ready()
	m.cancel()
	m.asks(fnRest, "1")
	m.pass(2 * time.Second)
	s := m.best(m.ops[evenly(m.t, "who", []string{"2001", "2003", "2003", "2004", "2004", "4001"})])
	if m.pending == nil {
		return
	}
	m.approves(&s, m.pending.id, Terms{Transaction: true})
	if m.oneIn(2, "at another hour") {
		m.setClock()
	}
	m.pass(evenly(m.t, "and then", []time.Duration{0, time.Minute, 5*time.Minute - 10*time.Second, 5 * time.Minute}))
	m.asks(fnRest, evenly(m.t, "drawer", []string{"1", "1", "1", "2"}))
}

// signOffBy ends a session with a credential.
func (m *model) signOffBy() {
	m.pause()
	s := m.draw(m.anybody())
	want := m.show(&s, false, func(o *modelOperator) meaning {
		return meaning{do: SignedOff, own: m.session != nil && m.session.who.number == o.number}
	})
	r, err := m.r.s.SignOffBy(m.r.ctx, s.credential(m.source()))
	m.same("signing off", &s, r, err, want)
}

// signOff and lock are buttons at the register.
func (m *model) signOff() {
	m.breakJournal()
	m.meant = meaning{do: SignedOff, own: true}
	want := Refused
	if m.session != nil && !m.session.locked {
		want = SignedOff
		m.end()
	}
	r, err := m.r.s.SignOff(m.r.ctx, "keypad")
	m.same("the button", &shown{}, r, err, want)
}

func (m *model) lock() {
	m.breakJournal()
	m.meant = meaning{do: Locked, own: true}
	want := Refused
	if m.session != nil {
		if want = Locked; !m.session.locked {
			m.session.locked = true
			m.turn()
		}
	}
	r, err := m.r.s.Lock(m.r.ctx, "keypad")
	m.same("the button", &shown{}, r, err, want)
}

// punch punches the own clock, or another's.
func (m *model) punch() {
	m.pause()
	s := m.draw(m.anybody())
	w := meaning{do: Punched, punch: evenly(m.t, "punch", []timeclock.Punch{timeclock.In, timeclock.In, timeclock.Out, timeclock.Break, timeclock.Back})}
	if m.oneIn(3, "for another") {
		w.pin = true
		w.whose = evenly(m.t, "whose", append(m.numbers(), "9999"))
		if w.punch == timeclock.Break {
			w.length = evenly(m.t, "for", []time.Duration{time.Minute, 20 * time.Minute, 8 * time.Hour})
		}
	}
	means := func(*modelOperator) meaning { return w }
	want := m.show(&s, false, means)
	var r Result
	var err error
	if w.whose == "" {
		r, err = m.r.s.Punch(m.r.ctx, w.punch, s.credential(m.source()))
	} else {
		r, err = m.r.s.PunchFor(m.r.ctx, w.punch, w.whose, w.length, s.credential(m.source()))
	}
	m.same(fmt.Sprintf("punching %+v", w), &s, r, err, want)
}

// punches reports whether a punch counts, and lets it.
func (m *model) punches(w meaning, by *modelOperator) bool {
	whose := by
	if w.whose != "" {
		if whose = m.ops[w.whose]; whose == nil {
			return false
		}
	}
	other := whose.person != by.person
	if !other && w.length > 0 {
		return false
	}
	takes := fnPunch
	if other {
		if takes = fnTime; w.punch == timeclock.Break || w.punch == timeclock.Back {
			takes = fnForced
		}
	}
	if !m.r.clocked || m.access(by.groups, takes) != may {
		return false
	}
	p, in := m.punched[whose.person]
	switch forced := p.length > 0; w.punch {
	case timeclock.In:
		if in {
			return false
		}
		m.punched[whose.person] = modelPunched{}
	case timeclock.Out:
		if !in || forced {
			return false
		}
		delete(m.punched, whose.person)
	case timeclock.Back:
		if !in || !p.away || forced && !other {
			return false
		}
		m.punched[whose.person] = modelPunched{}
	case timeclock.Break:
		if !in || p.away && w.length == 0 {
			return false
		}
		p.away = true
		if w.length > 0 {
			p.length, p.until = w.length, m.now()+w.length
		}
		m.punched[whose.person] = p
	}
	if (w.punch == timeclock.Out || w.punch == timeclock.Break) && m.session != nil && m.session.who.person == whose.person {
		m.end()
	}
	return true
}
