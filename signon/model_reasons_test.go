package signon

import (
	"strings"
	"time"

	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// Reasons: what an approver has to say besides, for some functions: a code of the
// site's list, for which the own words stand as well, or the own words alone. A
// keypad has no letters; it asks for the code once somebody is known who may approve.

var (
	modelCodes = []uint16{1, 9, 19, 20, 55, 0, 99}
	modelWords = []string{"the queue is long", "8 bytes.", "", "7 bytes", strings.Repeat("long ", 41), "it was card 4111 1111 1111 1111", "two\nlines of it"}
)

const modelListed = 20 // codes below are in the site's list; 0 is none

// badWords are what goes to no journal, whoever says it.
func badWords(words string) bool {
	return words != "" && (len(words) < 8 || len(words) > 200 || strings.Contains(words, "\n") || strings.Contains(words, "4111"))
}

// saysWhy reports whether a reason will do for a function. A code that is in no list
// never does, wanted or not.
func saysWhy(function string, w enforcer.Why) bool {
	if w.Code >= modelListed {
		return false
	}
	switch functionOf(function).why {
	case policy.ReasonCode:
		return w.Code != 0 || w.Text != ""
	case policy.ReasonText:
		return w.Text != ""
	}
	return true
}

// someWhy is what an approver says, mostly what is wanted.
func (m *model) someWhy() enforcer.Why {
	if m.oneIn(4, "any reason") {
		return enforcer.Why{Code: evenly(m.t, "code", modelCodes), Text: evenly(m.t, "words", modelWords)}
	}
	if m.pending != nil && functionOf(m.pending.function).why == policy.ReasonText {
		return enforcer.Why{Text: modelWords[0]}
	}
	return enforcer.Why{Code: evenly(m.t, "code", []uint16{0, 9})}
}

// modelAskWhy is somebody who may approve, and has to say why.
type modelAskWhy struct {
	token  string
	card   string
	by     *modelOperator
	method entry.Method
	means  meaning
	state  modelState
	until  time.Duration
}

// giveWhy goes on with whoever was asked for a reason last.
func (m *model) giveWhy() {
	if m.askWhy == nil {
		m.ready()
		m.asks(fnWhy, "1")
		m.pass(time.Second)
		s := m.best(m.ops[evenly(m.t, "who", []string{"2001", "2002", "2003", "4001", "4002", "5001"})])
		m.atRegister(&s)
	}
	a := m.askWhy
	if a == nil {
		return
	}
	m.pass(evenly(m.t, "pause", []time.Duration{0, 0, 3 * time.Second, 29 * time.Second, 30 * time.Second}))
	if m.oneIn(12, "cleared") {
		m.r.s.DropWhy(a.token)
		a.until = 0
	}
	if m.oneIn(3, "something else is pending by now") {
		m.cancel()
		m.asks(fnWhy, evenly(m.t, "drawer", []string{"1", "2"}))
		m.pass(time.Second)
	}
	if m.oneIn(4, "the card is taken from them") {
		m.takeCard(a.card)
	}
	m.askWhy = nil
	m.breakJournal()
	m.meant, m.early = meaning{}, false
	code := evenly(m.t, "code", modelCodes)
	want := Refused
	s := shown{card: a.card, number: a.by.number}
	if m.now() < a.until {
		w := a.means
		w.why = enforcer.Why{Code: code}
		if m.stillTheirs(a.card, a.by) {
			want, _ = m.do(w, a.state, a.by, a.method, &s)
		}
	}
	r, err := m.r.s.Why(m.r.ctx, a.token, code, m.source())
	m.same("giving the reason", &s, r, err, want)
}

// takeCard lets somebody elsewhere take a card from whom it is, and perhaps give it to
// another operator.
func (m *model) takeCard(card string) {
	o, _ := m.holder(card)
	kim := m.ops["6001"]
	if o == nil || o == kim || kim.terminated || len(kim.cards) > 7 {
		return
	}
	done, err := m.r.store.RevokeCard(m.r.ctx, By{Source: "model"}, o.number, 0)
	if err != nil || !done.OK {
		m.t.Fatal(done, err)
	}
	o.cards, m.changed = nil, true
	if m.oneIn(2, "and given to another") {
		if done, err = m.r.store.EnrolCard(m.r.ctx, By{Source: "model"}, kim.number, cardOf(card), false); err != nil || !done.OK {
			m.t.Fatal(done, err)
		}
		m.giveCard(kim, card, false)
	}
}

// noApprovalWithoutItsReason: where a function wants a reason the journal has one with each
// approval that counted, and the one that was given.
func (m *model) noApprovalWithoutItsReason(e *entry.Entry) {
	if e.Outcome != mayNot && (!saysWhy(e.Function, enforcer.Why{Code: e.WhyCode, Text: e.Why}) || badWords(e.Why)) {
		m.t.Fatalf("%q has to be told why, and the journal has %d %q: %+v", e.Function, e.WhyCode, e.Why, e)
	}
}
