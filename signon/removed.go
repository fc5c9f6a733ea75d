package signon

import (
	"context"
	"fmt"
	"slices"
	"time"

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

// maxLaid bounds the cards that are remembered of a reader: more than lie on one.
const maxLaid = 8

// inserted is what is known of a reader in which cards stay.
type inserted struct {
	// cards were read since one was taken out. A reader says that it is empty, not which
	// card left it, and whoever lays another card over the own one does not keep that there.
	cards []laid
	// outs is how often a card was taken out.
	outs uint64
	// sure: what was in it when the service started is not any more.
	sure bool
}

// laid is a card in a reader.
type laid struct {
	number string // of its operator; empty: nobody's
	mac    mark
}

// spot is where a card was read, and after how many that were taken out there. The
// zero spot is no reader's.
type spot struct {
	reader string
	outs   uint64
}

// lay remembers whose card is in a reader. While an override is pending it is in there
// in place of what was: the own card makes room for an approver's.
func (s *Service) lay(source string, f *finding, st state) {
	in := laid{mac: f.mac}
	if f.card && f.record != nil {
		in.number = f.record.Number
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.inserted(source)
	f.at = spot{reader: source, outs: r.outs}
	if st.override != 0 && in.number != st.operator {
		if s.o.Removed != RemovedNothing && s.isOwn(r, st) {
			s.expectBack(source, st, false)
		}
		r.cards, r.sure = r.cards[:0], true
	}
	r.cards = slices.DeleteFunc(r.cards, func(l laid) bool { return l == in })
	if len(r.cards) == maxLaid {
		i := slices.IndexFunc(r.cards, func(l laid) bool { return l.number != st.operator })
		r.cards = slices.Delete(r.cards, max(i, 0), max(i, 0)+1)
	}
	r.cards = append(r.cards, in)
}

// inserted gives what is known of a reader. s.mu is held.
func (s *Service) inserted(source string) *inserted {
	r := s.readers[source]
	if r == nil {
		r = &inserted{}
		s.readers[source] = r
	}
	return r
}

// isOwn reports whether the card of who is signed on is in a reader, as far as is known:
// after a restart the card of who signed on by one is in all of them. s.mu is held.
func (s *Service) isOwn(r *inserted, st state) bool {
	return st.session != 0 && (r.has(st.operator) || !r.sure && st.session == s.resumed)
}

func (r *inserted) has(number string) bool {
	return slices.ContainsFunc(r.cards, func(l laid) bool { return l.number == number })
}

// CardRemoved does what it means that the card was taken out of a reader. What waits
// for its PIN is dropped, and Result.Token names it. If it is the card of who is signed
// on the session is locked or ends, also a locked one, as Options.Removed says: but
// not while an override is pending, for an approver's card has to go where that one was.
// If the own one is not back some time after that, it does so then.
// Anybody else's card changes nothing.
//
// An error means that it was not journaled; the session is locked, or has ended, all
// the same.
func (s *Service) CardRemoved(ctx context.Context, source string) (Result, error) {
	if s.o.Removed == RemovedNothing {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.inserted(source).empty()
		return Result{Action: Same}, nil
	}
	s.effect.Lock()
	defer s.effect.Unlock()
	st := stateOf(s.gate.Snapshot())
	own, token := s.takeOut(source, st)
	r := Result{Action: Same}
	var err error
	switch {
	case !own:
	case st.override != 0:
		s.mu.Lock()
		s.expectBack(source, st, false)
		s.mu.Unlock()
	default:
		r, err = s.leave(ctx, st, source)
	}
	r.OK, r.Method, r.Token = true, entry.MethodCard, token
	return r, err
}

// CardLeaves does at once to the session what CardRemoved does in its turn, behind what
// was read before: that one may be kept waiting by the brake, and what only restricts
// waits for nobody. It forgets nothing, so that CardRemoved has to follow.
func (s *Service) CardLeaves(ctx context.Context, source string) error {
	if s.o.Removed == RemovedNothing {
		return nil
	}
	s.effect.Lock()
	defer s.effect.Unlock()
	st := stateOf(s.gate.Snapshot())
	s.mu.Lock()
	own := s.isOwn(s.inserted(source), st)
	s.mu.Unlock()
	if !own || st.override != 0 {
		return nil
	}
	_, err := s.leave(ctx, st, source)
	return err
}

// leave does what it means that the own card left. s.effect is held.
func (s *Service) leave(ctx context.Context, st state, source string) (r Result, err error) {
	r.Action = Same
	switch {
	case s.o.Removed == RemovedSignOff:
		r.Action, r.Say = SignedOff, st.name+" is signed off"
		err = s.gate.EndSession(ctx, entry.ReasonCardRemoved, enforcer.Subject{}, source)
	case s.o.Removed == RemovedLock && !st.locked:
		r.Action, r.Say = Locked, "locked"
		err = s.gate.Lock(ctx, entry.ReasonCardRemoved, source)
	}
	if err != nil {
		err = fmt.Errorf("card removed: %w", err)
	}
	return r, err
}

// awaited is the own card of a session that made room for an approver's.
type awaited struct {
	source   string
	left     state // what was pending then
	answered bool  // it was not any more when it was looked the last time
	stop     func() bool
}

// expectBack looks again, as long after as a card waits for its PIN, whether the own card
// is back that made room for an approver's. s.mu is held.
func (s *Service) expectBack(source string, left state, answered bool) {
	if s.closed {
		return
	}
	if s.back != nil {
		s.back.stop()
	}
	a := &awaited{source: source, left: left, answered: answered}
	a.stop = s.later(s.o.AskPIN, func(ctx context.Context) { s.lookForOwn(ctx, a) })
	s.back = a
}

// lookForOwn does what Options.Removed says if the own card did not come back. Another
// override that is pending by then is no reason to wait: whoever is there could ask for one
// after the other.
func (s *Service) lookForOwn(ctx context.Context, a *awaited) {
	s.effect.Lock()
	defer s.effect.Unlock()
	st := stateOf(s.gate.Snapshot())
	s.mu.Lock()
	if s.back != a { // another is waited for, or nobody any more
		s.mu.Unlock()
		return
	}
	s.back = nil
	here := st.session == a.left.session && !s.isBack(st.operator)
	pending := st.override == a.left.override
	if here && (pending || !a.answered) {
		s.expectBack(a.source, a.left, !pending)
		here = false
	}
	s.mu.Unlock()
	if !here {
		return
	}
	if _, err := s.leave(ctx, st, a.source); err != nil {
		s.o.Logger.Error("the own card did not come back", "error", err)
	}
}

// isBack reports whether an operator's card is in any reader. s.mu is held.
func (s *Service) isBack(number string) bool {
	for _, r := range s.readers {
		if r.has(number) {
			return true
		}
	}
	return false
}

// Succeed takes over what a service that runs knows of the readers. It is for one that
// takes its place, before the old one is closed.
func (s *Service) Succeed(old *Service) {
	old.mu.Lock()
	readers := make(map[string]inserted, len(old.readers))
	for name, r := range old.readers {
		readers[name] = inserted{cards: slices.Clone(r.cards), outs: r.outs, sure: r.sure}
	}
	resumed, back := old.resumed, old.back
	old.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resumed = resumed
	for name, was := range readers {
		r := s.inserted(name)
		if r.outs == 0 { // else it was emptied meanwhile
			r.cards, r.sure = append(was.cards, r.cards...), r.sure || was.sure
		}
	}
	if back != nil && s.back == nil && s.o.Removed != RemovedNothing {
		s.expectBack(back.source, back.left, back.answered)
	}
}

// takeOut empties a reader, reports whether the own card was in it, and forgets what
// waits for a PIN there, of which it gives the token. The same card again is another swipe.
func (s *Service) takeOut(source string, st state) (own bool, token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.inserted(source)
	own = s.isOwn(r, st)
	var until time.Duration
	for _, in := range r.cards {
		if in.number == "" {
			continue
		}
		if s.swiped == in.mac {
			s.swiped = mark{}
		}
		for k, a := range s.asked {
			if a.mac != in.mac {
				continue
			}
			delete(s.asked, k)
			if a.changing == "" && a.until > until {
				token, until = k, a.until
			}
		}
	}
	r.empty()
	return own, token
}

func (r *inserted) empty() {
	r.cards, r.sure = nil, true
	r.outs++
}

// isOut reports whether a card was taken out since it was read.
func (s *Service) isOut(at spot) bool {
	if s.o.Removed == RemovedNothing || at.reader == "" {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inserted(at.reader).outs != at.outs
}

// stays makes of the own card that comes back into the reader of an open session that
// nothing happens: it was taken out for an approver's.
func (s *Service) stays(in intent, f *finding) intent {
	if s.o.Removed != RemovedNothing && f.card && in.own && (in.do == Locked || in.do == SignedOff) {
		return intent{do: Same, own: true}
	}
	return in
}
