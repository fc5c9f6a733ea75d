package journaltest

import (
	"time"

	"tillwarden/enforcer/journal/entry"
)

// The register's parts.
const (
	printerName = "receipt"
	drawerName  = "till"
	readerName  = "reader"
	posSource   = "socket:pos uid=1000"
)

// function is a function of the shipped catalogue.
type function struct {
	key string
	id  uint32
}

var (
	signOn        = function{"pos.signon", 1001}
	priceOverride = function{"pos.price.override", 1201}
	voidLine      = function{"pos.void.line", 1301}
	returned      = function{"pos.return.receipted", 1401}
	sale          = function{"pos.drawer.sale", 1601}
	noSale        = function{"pos.drawer.nosale", 1602}
	pickup        = function{"pos.till.pickup", 1703}
	paidOut       = function{"pos.till.paidout", 1707}
)

// session is one operator's time at the register.
type session struct {
	*maker
	who *operator
	id  entry.Seq
}

// of begins an entry of the session.
func (s *session) of(kind entry.Kind) entry.Entry {
	return entry.Entry{Kind: kind, Session: s.id, Operator: s.who.number, Person: s.who.person}
}

// decision is one on a function, with the rule's mark.
func (s *session) decision(f function, o entry.Outcome) entry.Entry {
	e := s.of(entry.KindDecision)
	mark := "check"
	if o != entry.OutcomeAllowed {
		mark = "X"
	}
	e.WorkGroups, e.Function, e.FunctionID, e.Outcome, e.Reason = s.who.groups, f.key, f.id, o, entry.ReasonRule
	e.Rule = &entry.Rule{WorkGroup: s.who.groups[0], Function: f.key, Mark: mark}
	e.Method, e.Policy = entry.MethodPOS, &s.policy
	if o != entry.OutcomeDenied {
		e.Source = posSource
	}
	return e
}

func (m *maker) session(o *operator, until time.Time) {
	s := &session{maker: m, who: o}
	m.atWork(o)
	if o.friend != nil { // who sees to being there
		m.atWork(o.friend)
		m.leaves(o.friend, until)
	}
	s.signOn()
	for !m.stopped && m.now.Before(until) {
		m.wait(64 * time.Second)
		s.act()
	}
	e := s.of(entry.KindSignOff)
	e.Outcome, e.Reason, e.Source = entry.OutcomeAllowed, entry.ReasonOwner, posSource
	m.say(e)
	m.leaves(o, m.now)
}

func (s *session) signOn() {
	// Refusals have no source here: of one source the journal writes 20 a second
	// of its own clock, and the store's clock runs a million times as fast.
	for s.chance(0.04 * s.who.pins) {
		s.say(entry.Entry{
			Kind: entry.KindSignOn, Operator: s.who.number, Person: s.who.person, WorkGroups: s.who.groups, Outcome: entry.OutcomeDenied,
			Reason: entry.ReasonWrongPIN, Method: entry.MethodCardPIN,
		})
		s.wait(6 * time.Second)
	}
	s.id = s.say(entry.Entry{
		Kind: entry.KindSignOn, Operator: s.who.number, Person: s.who.person, WorkGroups: s.who.groups, Function: signOn.key,
		FunctionID: signOn.id, Outcome: entry.OutcomeAllowed, Reason: entry.ReasonRule,
		Rule:   &entry.Rule{WorkGroup: s.who.groups[0], Function: signOn.key, Mark: "check"},
		Method: entry.MethodCardPIN, Source: readerName, Policy: &s.policy,
	})
}

// act is the next thing that happens.
func (s *session) act() {
	switch {
	case s.chance(0.012 * s.who.noSales):
		s.override(noSale)
	case s.chance(0.010 * s.who.overrides):
		s.override(priceOverride)
	case s.chance(s.who.forced):
		s.forced()
	case s.chance(0.003 * s.who.pins):
		e := s.of(entry.KindCardRefused)
		e.Operator, e.Person = "", ""
		e.Outcome, e.Reason, e.Method = entry.OutcomeDenied, entry.ReasonUnreadable, entry.MethodCard
		s.say(e)
	case s.chance(0.03):
		s.say(s.decision(voidLine, entry.OutcomeAllowed))
	case s.chance(0.008):
		s.say(s.decision(pickup, entry.OutcomeDenied))
	case s.who.groups[0] == Returns && s.chance(0.02):
		s.opens(s.say(s.drawer(s.decision(returned, entry.OutcomeAllowed))), returned)
	case s.chance(0.003):
		s.opens(s.say(s.drawer(s.decision(paidOut, entry.OutcomeAllowed))), paidOut)
	case s.chance(0.006):
		s.lock()
	default:
		s.sale()
	}
}

// drawer makes a decision one for the drawer.
func (s *session) drawer(e entry.Entry) entry.Entry {
	e.Device, e.Drawer, e.Purpose, e.Claimant = printerName, drawerName, entry.PurposeAsked, "pos"
	return e
}

func (s *session) sale() {
	e := s.drawer(s.decision(sale, entry.OutcomeAllowed))
	e.Method, e.Source, e.Purpose, e.Claimant = entry.MethodKick, printerName, entry.PurposeReceipt, "receipt"
	e.Lines = uint32(5 + s.r.IntN(40))
	e.Digest = make([]byte, 32)
	for i := range e.Digest {
		e.Digest[i] = byte(s.r.Uint32())
	}
	s.opens(s.say(e), sale)
}

// opens is a pulse, and what the sensor sees of it.
func (s *session) opens(about entry.Seq, f function) {
	e := s.of(entry.KindRedeemed)
	e.Function, e.FunctionID, e.Outcome, e.About = f.key, f.id, entry.OutcomeAllowed, about
	e.Drawer, e.Purpose, e.Source = drawerName, entry.PurposeReceipt, "daemon"
	if f != sale {
		e.Purpose = entry.PurposeAsked
	}
	s.say(e)
	s.now = s.now.Add(80 * time.Millisecond)
	e = s.of(entry.KindDrawerOpened)
	e.About, e.Device, e.Drawer, e.Source = about, printerName, drawerName, printerName
	s.say(e)
	s.shut()
}

// shut is the drawer's closing, after some seconds or far too late.
func (s *session) shut() {
	from := s.now
	if s.chance(0.002 * s.who.leftOpen) {
		s.now = s.now.Add(60 * time.Second)
		e := s.of(entry.KindDrawerLeftOpen)
		e.Elapsed, e.Device, e.Drawer, e.Source = int64(time.Minute), printerName, drawerName, printerName
		s.say(e)
		s.wait(2 * time.Minute)
	} else {
		s.wait(8 * time.Second)
	}
	e := s.of(entry.KindDrawerClosed)
	e.Elapsed, e.Device, e.Drawer, e.Source = int64(s.now.Sub(from)), printerName, drawerName, printerName
	s.say(e)
}

// forced is the drawer opening without a grant: the key, or something worse.
func (s *session) forced() {
	e := s.of(entry.KindDrawerOpened)
	e.Reason, e.Device, e.Drawer, e.Source = entry.ReasonNoGrant, printerName, drawerName, printerName
	s.say(e)
	s.shut()
}

func (s *session) lock() {
	e := s.of(entry.KindLock)
	e.Outcome, e.Reason, e.Method, e.Source = entry.OutcomeAllowed, entry.ReasonOwner, entry.MethodCard, readerName
	s.say(e)
	s.wait(4 * time.Minute)
	e = s.of(entry.KindUnlock)
	e.WorkGroups, e.Outcome, e.Method, e.Source = s.who.groups, entry.OutcomeAllowed, entry.MethodCard, readerName
	s.say(e)
}

// override is something that a manager has to approve, and mostly does.
func (s *session) override(f function) {
	e := s.decision(f, entry.OutcomeOverrideRequired)
	if f == noSale {
		e = s.drawer(e)
	}
	s.say(e)
	e.Kind, e.Elapsed = entry.KindOverride, int64(30*time.Second)
	id := s.say(e)
	s.wait(25 * time.Second)
	s.punchUntil(s.now)
	by := s.approver()
	if by == nil || s.chance(0.08) {
		e = s.of(entry.KindOverrideEnd)
		e.Function, e.FunctionID, e.Drawer, e.About = f.key, f.id, "", id
		e.Outcome, e.Reason = entry.OutcomeDenied, entry.ReasonTimeout
		s.say(e)
		return
	}
	e = s.of(entry.KindApproval)
	e.WorkGroups, e.Function, e.FunctionID, e.About, e.Method, e.Source = s.who.groups, f.key, f.id, id, entry.MethodPOS, readerName
	e.Outcome, e.Reason, e.Policy = entry.OutcomeAllowed, entry.ReasonRule, &s.policy
	e.Rule = &entry.Rule{WorkGroup: by.groups[0], Function: f.key, Mark: "check"}
	e.Approval = &entry.Approval{Operator: by.number, Person: by.person, Method: entry.MethodCardPIN, Override: id}
	if f == noSale {
		e = s.drawer(e)
	}
	approval := s.say(e)
	if f == noSale {
		s.opens(approval, f)
	}
}

// afterHours is a visit when the store is shut.
func (m *maker) afterHours(o *operator) {
	s := &session{maker: m, who: o}
	m.atWork(o)
	s.signOn()
	for range 1 + m.r.IntN(3) {
		m.wait(3 * time.Minute)
		s.sale()
	}
	e := s.of(entry.KindSignOff)
	e.Outcome, e.Reason, e.Source = entry.OutcomeAllowed, entry.ReasonOwner, posSource
	m.say(e)
	m.leaves(o, m.now)
}
