package signon

import (
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
	mac    [hashSize]byte
	until  time.Duration // boot time
	need   Need
	plain  bool // asked by Identify: nothing is to be done with the answer
	intent intent
	state  state
}

// maxAsked bounds how many cards wait for a PIN: one at the reader, some at consoles.
const maxAsked = 4

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
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return "", ErrClosed
	}
	oldest := ""
	for k, other := range s.asked {
		if other.until <= now || other.mac == a.mac {
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
	if a == nil {
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
		f, err = s.require(ctx, f, NeedPIN, &c, asked)
	}
	if err != nil {
		return s.failed(ctx, asked, &c, entry.KindIdentify, err)
	}
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
