package signon

import (
	"slices"
	"time"
)

// modelChange is a change of people that somebody wishes.
type modelChange struct {
	what, number string
	groups       []string
	person       string
	pin, card    string
	day          string
	registers    []string
	temporary    bool
	with         *Actor
}

// people lets somebody change operators, who shows a credential first.
func (m *model) people() {
	what := evenly(m.t, "change", []string{
		"add", "name", "groups", "groups", "PIN", "PIN", "card", "card", "revoke", "suspend", "suspend", "resume", "resume", "unlock", "days", "places", "person", "terminate", "own PIN",
	})
	of := append(m.anybody(), "2001", "2002", "3001", "3002", "4001", "4002")
	need := NeedSite
	if what == "own PIN" {
		need = NeedOldPIN
	}
	a, by := m.actor(of, need)
	if a == nil {
		return
	}
	if what == "terminate" && !m.oneIn(3, "rather not") {
		what = "suspend"
	}
	numbers := append(m.numbers(), modelNumbers...)
	for _, n := range modelElsewheres {
		if m.elsewhere[n] != nil {
			numbers = append(numbers, n, n)
		}
	}
	for range 5 { // those who matter now
		if m.session != nil {
			numbers = append(numbers, m.session.who.number)
		}
		if m.ask != nil && m.ask.changing != nil {
			numbers = append(numbers, m.ask.changing.number)
		}
		if m.ask != nil && m.ask.card != "" {
			if h, _ := m.holder(m.ask.card); h != nil {
				numbers = append(numbers, h.number)
			}
		}
	}
	c := modelChange{
		what: what, number: evenly(m.t, "operator", numbers),
		groups: m.someGroups(),
		pin:    evenly(m.t, "PIN", slices.Concat(modelPINs, modelPINs, modelWeak)),
		card:   evenly(m.t, "card", m.cards), temporary: m.oneIn(2, "temporary"),
	}
	switch what {
	case "own PIN":
		c.what, c.number = "PIN", by.number
	case "add":
		if m.ops[c.number] != nil && !m.oneIn(4, "a new number") {
			c.number = evenly(m.t, "number", modelNumbers)
		}
		c.person = evenly(m.t, "person", []string{"", "ann", "lea", "new", "Ann"})
	case "person":
		c.person = evenly(m.t, "person", []string{"ann", "lea", "uwe", "new", "UWE"})
	case "days":
		c.day = evenly(m.t, "last day", []string{"", "", "1999-12-31", m.wall().Format("2006-01-02"), "soon"})
	case "places":
		c.registers = evenly(m.t, "registers", [][]string{nil, nil, {"3"}, {"4"}})
	}
	var second *modelOperator
	if what == "person" {
		c.with, second = m.actor(of, NeedSite)
		if c.with == nil {
			return
		}
	}
	m.change(a, by, second, &c)
}

// revoke applies a list of revocations that was carried here, in place of the one before.
func (m *model) revoke() {
	list := &Revocations{Format: rosterFormat, MadeAt: "12/9", Revoked: []Revoked{}}
	before := m.revoked
	m.revoked = map[string]bool{}
	fresh := false
	for _, n := range m.numbers() {
		if m.oneIn(12, "revoked") || n == "7001" { // 7001 need not be there
			list.Revoked = append(list.Revoked, Revoked{Number: n})
			m.revoked[n] = true
			fresh = fresh || !before[n]
		}
	}
	m.lists++
	accept := func() error { return nil } // it was verified
	plan, err := m.r.people.ApplyRevocations(m.r.ctx, By{Source: "model"}, list, m.lists, accept)
	if err != nil || fresh != (len(plan.Revoked) > 0) {
		m.t.Fatalf("revoking %+v: %+v, %v", list.Revoked, plan, err)
	}
	m.changed = true
	switch s := m.session; {
	case s == nil:
	case m.stands(m.ops[s.who.number]) != 0:
		m.end()
	case fresh:
		m.turn()
	}
}

// someGroups are none to two work groups, one of them perhaps of no policy.
func (m *model) someGroups() []string {
	var groups []string
	for range evenly(m.t, "how many work groups", []int{0, 1, 1, 1, 2, 2}) {
		if m.oneIn(20, "one that is not there") {
			return []string{"Gone"}
		}
		groups = append(groups, evenly(m.t, "work group", modelGroupNames))
	}
	return sorted(groups)
}

// actor identifies somebody who wishes to change operators.
func (m *model) actor(of []string, need Need) (*Actor, *modelOperator) {
	m.pause()
	s := m.draw(of)
	if !m.oneIn(3, "no mistake") {
		s = m.best(m.ops[evenly(m.t, "who", of)])
	}
	if s.card != "" && (m.swiped != s.card || m.now()-m.swipedAt >= 2*time.Second) {
		m.swiped, m.swipedAt = s.card, m.now()
	}
	o, c, _ := m.check(&s, func(*modelOperator) meaning { return meaning{do: Identified, pin: need == NeedPIN} })
	v, err := m.r.s.Identify(m.r.ctx, s.credential(m.source()), need)
	if ok := c == good || c == wantsNewPIN && need == NeedOldPIN; err != nil || v.OK != ok || v.NeedPIN != (c == wantsPIN) || ok && v.Operator.Number != o.number {
		m.t.Fatalf("identifying %+v: %+v, %v; want %v", s, v, err, c)
	}
	m.settle()
	if v.NeedPIN {
		m.ask = nil // where it was the same card
		m.r.s.Drop(v.Token)
	}
	if !v.OK {
		return nil, nil
	}
	return &Actor{Operator: v.Operator, Method: v.Method, Source: "console"}, o
}

// change makes a change, and holds the answer against what the model allows.
func (m *model) change(a *Actor, by, second *modelOperator, c *modelChange) {
	m.changed = true
	target := m.ops[c.number]
	want := m.mayChange(by, target, c, a.Operator.MustChangePIN)
	if c.what == "person" && want {
		want = m.mayChange(second, target, c, false) && second.person != by.person && c.person != second.person
	}
	want = want && m.possible(target, c) && !(c.what == "PIN" && by == target && c.pin == by.pin)
	p, ctx := m.r.people, m.r.ctx
	m.breakJournal()
	var done Change
	var err error
	switch c.what {
	case "add":
		n := NewOperator{Number: c.number, Name: "New", Person: c.person, WorkGroups: c.groups, PIN: []byte(c.pin)}
		if c.temporary { // here: with a card
			n.Card = cardOf(c.card)
		}
		done, err = p.Add(ctx, *a, n)
	case "name":
		done, err = p.SetName(ctx, *a, c.number, "Name "+c.pin)
	case "groups":
		done, err = p.SetGroups(ctx, *a, c.number, c.groups)
	case "PIN":
		done, err = p.SetPIN(ctx, *a, c.number, []byte(c.pin))
	case "card":
		if m.swiped != c.card || m.now()-m.swipedAt >= 2*time.Second {
			m.swiped, m.swipedAt = c.card, m.now()
		}
		done, err = p.EnrolCard(ctx, *a, c.number, cardOf(c.card), c.temporary)
	case "revoke":
		done, err = p.RevokeCard(ctx, *a, c.number, 0)
	case "suspend":
		done, err = p.Suspend(ctx, *a, c.number)
	case "resume":
		done, err = p.Resume(ctx, *a, c.number)
	case "unlock":
		done, err = p.Unlock(ctx, *a, c.number)
	case "days":
		done, err = p.SetDays(ctx, *a, c.number, "", c.day)
	case "places":
		done, err = p.SetPlaces(ctx, *a, c.number, nil, c.registers)
	case "person":
		done, err = p.SetPerson(ctx, *a, *c.with, c.number, c.person)
	case "terminate":
		done, err = p.Terminate(ctx, *a, c.number)
	}
	if m.mended(err, false) {
		if done.OK {
			m.t.Fatalf("%+v was done without the journal", *c)
		}
		return
	}
	if err != nil || done.OK != want {
		m.t.Fatalf("%s (%q) wishes %+v of %+v: %v (%v, %q), %v; want %v", by.number, by.groups, *c, target, done.OK, done.Reason, done.Say, err, want)
	}
	if e := m.r.journal.all()[done.Seq-1]; e.Subject != c.number || e.Operator != by.number && e.Operator != "" {
		m.t.Fatalf("%+v is in the journal as %+v", *c, e)
	}
	if !want {
		return
	}
	m.made(by, c)
	m.follows(c.number)
}

// mayChange reports whether somebody may wish it: by the work groups' functions, by
// restrictions, and never of the own.
func (m *model) mayChange(by, target *modelOperator, c *modelChange, forced bool) bool {
	own := target != nil && target.number == by.number
	ownPIN := c.what == "PIN" && c.number == by.number
	if m.stands(by) != 0 || by.mustChange && !(ownPIN && forced) {
		return false
	}
	takes := map[string][]string{
		"add": {FunctionAdd}, "name": {FunctionEdit}, "groups": {FunctionWorkGroup}, "PIN": {FunctionCredential}, "card": {FunctionCard},
		"revoke": {FunctionCard}, "suspend": {FunctionTerminate}, "resume": {FunctionTerminate}, "unlock": {FunctionCredential},
		"days": {FunctionEdit}, "places": {FunctionEdit}, "person": {FunctionEdit}, "terminate": {FunctionTerminate},
	}[c.what]
	switch {
	case ownPIN && by.mustChange:
		takes = nil
	case ownPIN:
		takes = []string{FunctionOwnPIN}
	case c.what == "add" && len(c.groups) > 0:
		takes = append(takes, FunctionWorkGroup)
	}
	if c.what == "add" && c.temporary {
		takes = append(takes, FunctionCard)
	}
	var gives []string
	if c.what == "add" || c.what == "groups" {
		gives = c.groups
	}
	for _, g := range gives {
		if modelGroups(m.epoch)[g].editors != nil && (target == nil || !slices.Contains(target.groups, g)) {
			takes = append(takes, FunctionRestricted)
		}
		if g == "Gone" || !m.mayTouch(by.groups, g) {
			return false
		}
	}
	for _, f := range takes {
		if m.access(by.groups, f) != may {
			return false
		}
	}
	if target == nil {
		return c.what != "add" || by.person != c.person && (c.person != "" || by.person != c.number)
	}
	switch {
	case own:
		// The own name, PIN and cards, and no more.
		return c.what == "name" || c.what == "PIN" || c.what == "revoke" || c.what == "card" && !c.temporary
	case target.person == by.person:
		return false
	case c.what == "person" && c.person == by.person:
		return false
	}
	return !slices.ContainsFunc(target.groups, func(g string) bool { return !m.mayTouch(by.groups, g) })
}

// possible reports whether it can be done at all, whoever wishes it.
func (m *model) possible(target *modelOperator, c *modelChange) bool {
	holder, held := m.holder(c.card)
	taken := holder != nil && !held.over(m)
	weak := weakFor(c.pin, c.number)
	if c.what == "add" {
		return target == nil && !weak && !m.writtenOtherwise(c.person, c.number) && !(c.temporary && taken)
	}
	if target == nil || target.terminated {
		return false
	}
	if r := target.roster; r != nil && (slices.Contains([]string{"name", "groups", "days", "places", "person"}, c.what) || c.what == "resume" && r.suspended) {
		return false // that is the roster's
	}
	switch c.what {
	case "PIN":
		return !weak
	case "card":
		here := 0
		for i := range target.cards {
			if !target.cards[i].over(m) {
				here++
			}
		}
		return !taken && here < 8
	case "revoke":
		return len(target.cards) > 0
	case "days":
		return c.day != "soon"
	case "person":
		return c.person != target.person && !m.writtenOtherwise(c.person, c.number)
	}
	return true
}

// writtenOtherwise: ann and Ann are one person, who is written one way.
func (m *model) writtenOtherwise(person, number string) bool {
	lower := map[string]string{"Ann": "ann", "ann": "ann", "UWE": "uwe", "uwe": "uwe"}
	for _, o := range m.ops {
		if o.number != number && o.person != person && lower[person] != "" && lower[o.person] == lower[person] {
			return true
		}
	}
	return false
}

// made lets a change that was made happen to the model.
func (m *model) made(by *modelOperator, c *modelChange) {
	o := m.ops[c.number]
	secret := false
	switch c.what {
	case "add":
		o = &modelOperator{number: c.number, name: "New", person: c.person, groups: c.groups, pin: c.pin}
		if o.person == "" {
			o.person = o.number
		}
		m.ops[c.number] = o
		if c.temporary {
			m.giveCard(o, c.card, false)
		}
		secret = true
	case "name":
		o.name = "Name " + c.pin
	case "groups":
		o.groups = c.groups
	case "PIN":
		o.pin, o.mustChange = c.pin, by.number != c.number
		o.pins++
		if by.person != o.person {
			m.forgive(o)
		}
		secret = true
	case "card":
		m.giveCard(o, c.card, c.temporary)
		secret = true
	case "revoke":
		o.cards = nil
	case "suspend":
		o.suspended = true
		if o.roster != nil && o.roster.suspended {
			o.roster.here = true
		}
	case "resume":
		o.suspended = false
	case "unlock":
		m.forgive(o)
	case "days":
		o.until = c.day
	case "places":
		o.registers = c.registers
	case "person":
		o.person = c.person
	case "terminate":
		o.terminated, o.pin, o.mustChange, o.cards = true, "", false, nil
		o.pins++
	}
	if m.known[by.number] {
		m.known[c.number] = m.known[c.number] || secret
	} else if m.known[c.number] {
		for _, g := range o.groups {
			m.begin[g] = true // somebody else gave it, or left it
		}
	}
	if m.known[c.number] == false {
		delete(m.known, c.number)
	}
}

// forgive forgets what somebody got wrong.
func (m *model) forgive(o *modelOperator) {
	delete(m.tries, "n"+o.number)
	delete(m.tries, "c"+o.number)
}

// giveCard gives a card that may have been another's until midnight.
func (m *model) giveCard(o *modelOperator, card string, day bool) {
	drop := func(o *modelOperator) {
		o.cards = slices.DeleteFunc(slices.Clone(o.cards), func(c modelCard) bool { return c.over(m) })
	}
	drop(o)
	if h, _ := m.holder(card); h != nil {
		drop(h)
	}
	c := modelCard{number: card, day: day, here: o.roster != nil}
	if day {
		t := m.wall()
		c.ends = time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, time.UTC)
		c.boot, c.until = m.boot, m.now()+c.ends.Sub(t)
	}
	o.cards = append(o.cards, c)
}

// follows is what a change means to the session of who was changed, and to what they
// approved as the first of two.
func (m *model) follows(number string) {
	s := m.session
	if s == nil {
		return
	}
	if s.who.number != number {
		if m.pending != nil && slices.ContainsFunc(m.pending.by, func(by modelSubject) bool { return by.number == number }) {
			m.turn()
		}
		return
	}
	o := m.ops[number]
	if m.stands(o) != 0 || len(o.groups) == 0 {
		m.end()
		return
	}
	now := o.subject()
	if now.name == s.who.name && now.person == s.who.person && slices.Equal(sorted(now.groups), sorted(s.who.groups)) {
		return
	}
	m.turn()
	s.who = now
	m.held[o.person] = true
}
