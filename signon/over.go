package signon

import (
	"context"
	"time"

	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// functionUnlockOther lets an operator unlock others' registers, and end their sessions.
const functionUnlockOther = "pos.unlock.other"

// Over says what becomes of a session when another operator wants to sign on, and
// nothing is pending in it. Locked or not: a till that its operator left locked is
// what others come to.
type Over uint8

// The rules.
const (
	// OverRefuse: nothing; the newcomer is refused.
	OverRefuse Over = iota
	// OverSignOff: it ends, and the newcomer is signed on.
	OverSignOff
	// OverManager: so it does if the newcomer may end others' sessions, or when
	// somebody who may, or whose session it is, shows who they are, in time.
	OverManager
)

var overNames = []string{"refuse", "sign-off", "manager"}

// ParseOver reads a rule's word: refuse, sign-off or manager.
func ParseOver(word string) (Over, bool) { return parseWord[Over](overNames, word) }

// Overs lists the words.
func Overs() []string { return append([]string(nil), overNames...) }

// Again says what the own card, or number and PIN, does that is shown again while
// one is signed on and nothing is pending.
type Again uint8

// The rules.
const (
	AgainLock Again = iota
	AgainSignOff
)

var againNames = []string{"lock", "sign-off"}

// ParseAgain reads a rule's word: lock or sign-off.
func ParseAgain(word string) (Again, bool) { return parseWord[Again](againNames, word) }

// Agains lists the words.
func Agains() []string { return append([]string(nil), againNames...) }

func parseWord[T ~uint8](words []string, word string) (T, bool) {
	for i, w := range words {
		if w == word {
			return T(i), true
		}
	}
	return 0, false
}

// newcomer is somebody who was identified and waits to sign on over a session: in
// the state that the session is in, and for as long as a card waits for its PIN.
type newcomer struct {
	number  string
	method  entry.Method
	mac     mark // of the card that was shown; zero: none was
	session entry.Seq
	until   time.Duration // boot time
}

// state is what a credential's meaning depends on now.
func (s *Service) state() state {
	st := stateOf(s.gate.Snapshot())
	if st.session == 0 || st.override != 0 {
		return st
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.newcomer; n != nil && n.session == st.session && s.o.Clock.Boot() < n.until {
		st.waits = n.number
	}
	return st
}

// signOnOver is what the credential of another operator means to a session.
func (s *Service) signOnOver(st state, number string) intent {
	switch {
	case s.o.Over == OverRefuse || st.override != 0:
		return intent{do: InUse}
	case s.o.Over == OverManager && !s.unlocksOthers(number):
		return intent{do: AskManager}
	}
	return intent{do: SignedOn, over: st.session}
}

// unlocksOthers reports whether an operator may end others' sessions, to find out
// what a credential means. Whether they may is decided, and journaled, when they do.
func (s *Service) unlocksOthers(number string) bool {
	r, err := s.record(number)
	p := s.gate.Snapshot().Policy
	if err != nil || r == nil || p == nil {
		return false
	}
	i, ok := p.Lookup(functionUnlockOther)
	if !ok {
		return false
	}
	planes, _ := p.Planes(r.Groups)
	return planes != nil && planes.Access(i) == policy.Allowed
}

// askManager lets somebody who was identified wait until they are let.
func (s *Service) askManager(ctx context.Context, r Result, st state, who enforcer.Subject, f *finding, c *Credential) (Result, error) {
	s.mu.Lock()
	s.newcomer = &newcomer{number: who.Operator, method: r.Method, mac: f.mac, session: st.session, until: s.o.Clock.Boot() + s.o.AskPIN}
	s.mu.Unlock()
	r.OK, r.Action, r.Reason = false, AskManager, entry.ReasonInUse
	r.Say = st.name + " is signed on: somebody who may end that has to let " + who.Name + " sign on"
	return r, s.journal(ctx, true, entry.Entry{
		Kind: entry.KindSignOn, Outcome: entry.OutcomeOverrideRequired, Reason: entry.ReasonInUse,
		Operator: who.Operator, Person: who.Person, WorkGroups: who.WorkGroups, Method: r.Method, Source: c.Source,
	})
}

// takeOver signs on in place of who is signed on: who was identified, or who
// waits for them. who may end the session: it is the own one, the site says
// that anybody may, or the gate does.
func (s *Service) takeOver(ctx context.Context, r Result, in intent, st state, shown *operatorRecord, c *Credential) (Result, error) {
	who, signsOn := shown.public().Subject(), shown
	if !in.own && s.o.Over != OverSignOff {
		d, err := s.gate.Permit(ctx, who, functionUnlockOther, r.Method, c.Source, st.operator)
		if err != nil || d.Outcome != entry.OutcomeAllowed {
			r.Decision = d
			return s.decided(r, SignedOn, "", err)
		}
	}
	next, method := who, r.Method
	if in.newcomer != "" {
		s.mu.Lock()
		n := s.newcomer
		s.newcomer = nil
		s.mu.Unlock()
		record, stands, err := s.stillStands(n)
		switch {
		case err != nil:
			return Result{Action: Refused}, err
		case !stands || record.Number != in.newcomer:
			return s.deny(ctx, r, &finding{record: shown}, c, entry.KindIdentify, entry.ReasonStateChanged, sayRefused(entry.ReasonStateChanged, ""))
		}
		signsOn, r.Operator = record, record.public()
		next, method = r.Operator.Subject(), n.method
	}
	var err error
	_, r.Decision, err = s.gate.TakeOver(ctx, st.session, next, method, c.Source, who)
	s.watchDayIf(r.Decision, signsOn)
	r, err = s.decided(r, SignedOn, next.Name+" is signed on; "+st.name+" was signed off", err)
	return s.sayBreak(r, next), err
}

// stillStands looks at somebody who waited once more: they may have been suspended
// meanwhile, their card taken from them, or another PIN set.
func (s *Service) stillStands(n *newcomer) (*operatorRecord, bool, error) {
	if n == nil {
		return nil, false, nil
	}
	r, err := s.record(n.number)
	if err != nil || r == nil || s.store.standing(r) != entry.ReasonNone || n.method.PIN() && r.MustChange {
		return r, false, err
	}
	reason, err := s.cardStanding(n.mac, n.number)
	return r, reason == entry.ReasonNone, err
}
