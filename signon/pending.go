package signon

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"tillwarden/enforcer/journal/entry"
)

// askedPIN is a good card that waits for its PIN. It is bound to the card (by
// its keyed hash: the track is gone), to what the swipe meant, and to the
// state that it meant it in.
type askedPIN struct {
	mac    mark
	at     spot          // where it was read
	until  time.Duration // boot time
	need   Need
	plain  bool // asked by Identify: nothing is to be done with the answer
	intent intent
	state  state

	// Of somebody who has to choose a new PIN: the operator number, how they were
	// identified and whether with a card, and the hash of the PIN that they know.
	changing string
	method   entry.Method
	shown    bool
	old      []byte
}

// maxAsked bounds how many cards wait for a PIN: one at the reader, some at consoles.
const maxAsked = 4

// choosing is how many times longer than for a PIN one waits for a new one: it
// is thought up, and typed twice.
const choosing = 4

// ask keeps a card until its PIN comes, and names it by a token that nobody
// can guess. The same card waits once only.
func (s *Service) ask(a *askedPIN) (string, error) {
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		return "", fmt.Errorf("ask for a PIN: %w", err)
	}
	token := hex.EncodeToString(id[:])
	now := s.o.Clock.Boot()
	a.until = now + s.o.AskPIN
	if a.changing != "" {
		a.until = now + choosing*s.o.AskPIN
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return "", ErrClosed
	}
	oldest := ""
	for k, other := range s.asked {
		if other.until <= now || other.mac == a.mac && other.changing == a.changing {
			delete(s.asked, k)
		} else if oldest == "" || other.until < s.asked[oldest].until {
			oldest = k
		}
	}
	if len(s.asked) >= maxAsked {
		delete(s.asked, oldest)
	}
	s.asked[token] = a
	return token, nil
}

// answer takes a waiting card back; nil: there is none, or it came too late.
func (s *Service) answer(token string) *askedPIN {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.asked[token]
	delete(s.asked, token)
	if a == nil || a.until <= s.o.Clock.Boot() {
		return nil
	}
	return a
}

// Drop forgets a card that waits for its PIN: its holder cancelled.
func (s *Service) Drop(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.asked, token)
}

const sayCardAgain = "swipe the card again"

// PIN gives the PIN that a Result or Verdict with NeedPIN asked for. A token
// works once: after a wrong PIN the card has to be swiped again. The PIN is wiped.
func (s *Service) PIN(ctx context.Context, token string, pin []byte, source string) (Result, error) {
	c := Credential{PIN: pin, Source: source}
	defer c.Wipe()
	asked := s.o.Clock.Boot()
	a := s.answer(token)
	if a == nil || a.changing != "" {
		return Result{Action: Refused, Verdict: Verdict{Reason: entry.ReasonTimeout, Method: entry.MethodCardPIN, Say: sayCardAgain}},
			s.journal(ctx, false, entry.Entry{
				Kind: entry.KindIdentify, Outcome: entry.OutcomeDenied, Reason: entry.ReasonTimeout, Method: entry.MethodCardPIN, Source: source,
			})
	}
	if !s.brake.admit(source, asked) {
		return s.tooFast(ctx, &c)
	}
	if len(c.PIN) == 0 {
		c.PIN = make([]byte, 1)
	}
	// The card again: it may have been revoked, its holder suspended.
	f, err := s.lookUpCard(ctx, a.mac, source, asked)
	if err == nil {
		f, err = s.require(ctx, f, NeedPIN, a.intent.use(), &c, asked)
	}
	if a.need == NeedOldPIN && f.reason == entry.ReasonNewPIN {
		f.reason = entry.ReasonNone
	}
	if err != nil {
		return s.failed(ctx, asked, &c, entry.KindIdentify, err)
	}
	f.at = a.at
	var r Result
	if a.plain {
		r = Result{Action: Identified, Verdict: s.verdict(&f, &c)}
		if !r.OK {
			r.Action = Refused
			err = s.refusal(ctx, &f, &c, entry.KindIdentify)
		}
	} else {
		r, err = s.act(ctx, a.intent, a.state, &f, &c)
	}
	if waitErr := s.settle(ctx, asked); waitErr != nil && !r.OK {
		return Result{Action: Refused}, errors.Join(err, waitErr)
	}
	return r, err
}

// NewPIN gives the new PIN that a Result with NeedNewPIN asked for, and goes on
// with what was meant. A PIN that does not meet the rules may be followed by
// another: the result asks again. The PIN is wiped.
func (s *Service) NewPIN(ctx context.Context, token string, pin []byte, source string) (Result, error) {
	defer clear(pin)
	asked := s.o.Clock.Boot()
	c := Credential{Source: source}
	a := s.answer(token)
	if a == nil || a.changing == "" {
		return Result{Action: Refused, Verdict: Verdict{Reason: entry.ReasonTimeout, Method: entry.MethodNumberPIN, Say: "that took too long: sign on again"}}, nil
	}
	if !s.brake.admit(source, asked) {
		return s.tooFast(ctx, &c)
	}
	change, record, err := s.choose(ctx, a, pin, source)
	if err != nil {
		return Result{Action: Refused}, err
	}
	if !change.OK {
		r := Result{Action: Refused, Verdict: Verdict{Reason: change.Reason, Method: a.method, Say: change.Say}}
		if change.Reason == entry.ReasonWeak {
			r.Action, r.NeedNewPIN, r.Say = AskNewPIN, true, change.Say+": choose another"
			r.Token, err = s.ask(a)
		}
		return r, err
	}
	f := finding{record: record, card: a.shown, known: true, mac: a.mac, at: a.at, pin: true, means: byNumber}
	if a.shown {
		f.means = byCard
	}
	return s.act(ctx, a.intent, a.state, &f, &c)
}

// choose sets the new PIN of somebody who has to choose one.
func (s *Service) choose(ctx context.Context, a *askedPIN, pin []byte, source string) (Change, *operatorRecord, error) {
	s.store.turn.Lock()
	defer s.store.turn.Unlock()
	r, err := s.record(a.changing)
	if err != nil {
		return Change{}, nil, err
	}
	by := By{Operator: a.changing, Method: a.method, Source: source, Function: FunctionOwnPIN}
	if p := s.gate.Snapshot().Policy; p != nil {
		if i, ok := p.Lookup(by.Function); ok {
			by.FunctionID = uint32(p.Function(i).ID)
		}
	}
	// The PIN that was shown has to be the PIN still: a manager may have set another.
	if r == nil || r.PIN == nil || !bytes.Equal(r.PIN.Hash, a.old) {
		no, err := s.store.refused(ctx, by, a.changing, refuse(entry.ReasonStateChanged, "something changed meanwhile; sign on again"))
		return no, nil, err
	}
	by.Person, by.WorkGroups = r.Person, r.Groups
	if no := s.mayAct(r, r.Name, true); no != nil {
		refused, err := s.store.refused(ctx, by, a.changing, no)
		return refused, nil, err
	}
	change, err := s.store.SetPIN(ctx, by, a.changing, pin)
	if err != nil || !change.OK {
		return change, nil, err
	}
	r, err = s.record(a.changing)
	return change, r, err
}
