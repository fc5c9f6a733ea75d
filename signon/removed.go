package signon

import (
	"context"
	"fmt"

	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
)

// Removed says what becomes of a session when its operator's card is taken out of a
// reader in which cards stay, and which says so.
type Removed uint8

// The rules.
const (
	RemovedNothing Removed = iota
	RemovedLock
	RemovedSignOff
)

var removedNames = []string{"nothing", "lock", "sign-off"}

// ParseRemoved reads a rule's word: nothing, lock or sign-off.
func ParseRemoved(word string) (Removed, bool) { return parseWord[Removed](removedNames, word) }

// Removals lists the words.
func Removals() []string { return append([]string(nil), removedNames...) }

// laid is the card that is in a reader.
type laid struct {
	number string // of its operator; empty: nobody's
	mac    mark
}

// lay remembers whose card is in a reader.
func (s *Service) lay(source string, f *finding) {
	in := laid{mac: f.mac}
	if f.card && f.record != nil {
		in.number = f.record.Number
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.laid[source] = in
}

// CardRemoved does what it means that the card was taken out of a reader. What waits
// for its PIN is dropped, and Result.Token names it. If it is the card of who is signed
// on the session is locked or ends, also a locked one, as Options.Removed says: but
// not while an override is pending, for an approver's card has to go where that one was.
// Anybody else's card changes nothing.
//
// An error means that it was not journaled; the session is locked, or has ended, all
// the same.
func (s *Service) CardRemoved(ctx context.Context, source string) (Result, error) {
	if s.o.Removed == RemovedNothing {
		return Result{Action: Same}, nil
	}
	s.effect.Lock()
	defer s.effect.Unlock()
	in, token, known := s.takeOut(source)
	r := Result{Action: Same, Verdict: Verdict{OK: true, Method: entry.MethodCard, Token: token}}
	st := stateOf(s.gate.Snapshot())
	// After a restart nobody knows what is in the reader: the card of who signed on by one.
	own := st.session != 0 && (known && in.number == st.operator || !known && st.session == s.resumed)
	var err error
	switch {
	case !own || st.override != 0:
	case s.o.Removed == RemovedSignOff:
		r.Action, r.Say = SignedOff, st.name+" is signed off"
		if err = s.gate.EndSession(ctx, entry.ReasonCardRemoved, enforcer.Subject{}, source); err != nil {
			err = fmt.Errorf("card removed: %w", err)
		}
	case s.o.Removed == RemovedLock && !st.locked:
		r.Action, r.Say = Locked, "locked"
		if err = s.gate.Lock(ctx, entry.ReasonCardRemoved, source); err != nil {
			err = fmt.Errorf("card removed: %w", err)
		}
	}
	return r, err
}

// takeOut forgets the card that was in a reader, and what waits for its PIN, whose token
// it gives. The same card again is another swipe.
func (s *Service) takeOut(source string) (in laid, token string, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	in, known = s.laid[source]
	delete(s.laid, source)
	if !known || in.number == "" {
		return in, "", known
	}
	if s.swiped == in.mac {
		s.swiped = mark{}
	}
	for k, a := range s.asked {
		if a.mac == in.mac {
			delete(s.asked, k)
			token = k
		}
	}
	return in, token, known
}

// stays makes of the own card that comes back into the reader of an open session that
// nothing happens: it was taken out for an approver's.
func (s *Service) stays(in intent, f *finding) intent {
	if s.o.Removed != RemovedNothing && f.card && in.own && (in.do == Locked || in.do == SignedOff) {
		return intent{do: Same, own: true}
	}
	return in
}
