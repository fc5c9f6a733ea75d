package signon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
	"tillwarden/signon/card"
)

// Action is what a credential did.
type Action uint8

// The actions.
const (
	Refused    Action = iota // nothing: it was refused
	Same                     // nothing: the same swipe, read twice, or a card that came back
	AskPIN                   // nothing yet: the card wants its PIN
	InUse                    // nothing: somebody else is signed on
	Identified               // it was found out who it is, and that was all that was asked
	SignedOn
	Locked
	Unlocked
	Approved
	SignedOff
	ApprovedFirst // by the first of two who have to approve
	Confirmed     // with the own PIN
	AskNewPIN     // nothing yet: a new PIN has to be chosen
	AskWhy        // nothing yet: the approval takes a reason's code
	Punched       // at the time clock
	AskManager    // nothing yet: somebody has to let them sign on over the session
)

var actionNames = [...]string{
	"refused", "same-swipe", "ask-pin", "in-use", "identified", "signed-on", "locked", "unlocked", "approved", "signed-off",
	"approved-first", "confirmed", "ask-new-pin", "ask-why", "punched", "ask-manager",
}

// String gives the action's word.
func (a Action) String() string {
	if int(a) < len(actionNames) {
		return actionNames[a]
	}
	return fmt.Sprintf("action-%d", uint8(a))
}

// Result is what a credential did, and what the person may be told.
type Result struct {
	Action Action
	Verdict
	// Decision is the gate's, where it was asked.
	Decision enforcer.Decision
}

// intent is what a credential means, by the state that it is shown in.
type intent struct {
	do       Action    // SignedOn, Locked, Unlocked, Approved, Confirmed, InUse, SignedOff, Same, Punched or AskManager
	override entry.Seq // that is to be approved
	own      bool      // the session's operator
	pin      bool      // with a PIN, whatever the site asks for
	why      enforcer.Why
	afar     bool // the approver is elsewhere
	rest     bool // for the rest of the transaction
	here     bool // at the register's reader or keypad, where a reason can be asked for
	punch    punch
	over     entry.Seq // the session that the sign-on ends
	newcomer string    // the operator number of who waits to sign on, and is let; empty: nobody else
}

// state is what a credential's meaning depends on.
type state struct {
	session  entry.Seq
	operator string
	name     string
	locked   bool
	override entry.Seq
	stepUp   bool // what is pending waits for the own PIN
	pin      bool // and who approves it shows one
	why      policy.ReasonMode
	waits    string // the operator number of who waits to sign on over it; empty: nobody
}

func stateOf(snap *enforcer.Snapshot) state {
	var st state
	if snap.Session != nil {
		st.session, st.operator = snap.Session.ID, snap.Session.Subject.Operator
		st.name, st.locked = snap.Session.Subject.Name, snap.Session.Locked
		if snap.Override != nil {
			st.override, st.stepUp, st.pin, st.why = snap.Override.ID, snap.Override.StepUp, snap.Override.PIN, snap.Override.Why
		}
	}
	return st
}

// intend is the swipe table: what the credential of an operator means.
//
//	state                        own credential       another operator's
//	nobody signed on             signs on             signs on
//	signed on, nothing pending   locks (Again)        "X is signed on": nothing changes (Over)
//	locked                       unlocks              unlocks, with that right (Over)
//	override pending             refused as approver  approves if entitled
//	own PIN pending              confirms, with PIN   refused as approver
//
// Where cards stay in the reader (Removed) the own one that comes back does nothing.
// Where somebody waits to sign on over the session, another's credential lets them.
// What is no operator's never comes this far.
func (s *Service) intend(st state, number string) intent {
	own := st.session != 0 && st.operator == number
	switch {
	case st.session == 0:
		return intent{do: SignedOn}
	case st.waits != "" && st.waits != number && number != "":
		return intent{do: SignedOn, own: own, over: st.session, newcomer: st.waits}
	case st.locked && (own || s.o.Over == OverRefuse || s.unlocksOthers(number)):
		return intent{do: Unlocked, own: own}
	case st.locked:
		return s.signOnOver(st, number)
	case st.override != 0:
		in := lend(st, st.override, own)
		in.here = true
		return in
	case own && s.o.Again == AgainSignOff:
		return intent{do: SignedOff, own: true}
	case own:
		return intent{do: Locked, own: true}
	}
	return s.signOnOver(st, number)
}

// lend is what a credential means to an override: the own one confirms what
// waits for the own PIN, any other answer is an approver's.
func lend(st state, override entry.Seq, own bool) intent {
	if own && st.stepUp && st.override == override {
		return intent{do: Confirmed, override: override, own: true, pin: true}
	}
	return intent{do: Approved, override: override, own: own, pin: st.pin && st.override == override}
}

// Swipe does what a swiped card means, by the table at Present.
func (s *Service) Swipe(ctx context.Context, c *card.Card, source string) (Result, error) {
	return s.Present(ctx, Credential{Card: c, Source: source})
}

// Present does what a credential means in the state that the register is in:
//
//   - nobody signed on: it signs its operator on;
//   - signed on, nothing pending: the own one locks or signs off, as Options.Again
//     says, another's does what Options.Over says;
//   - locked: the own one unlocks, another's if that operator may, and otherwise as above;
//   - override pending: the own one is refused as approver, another's
//     approves it if that operator may;
//   - own PIN pending: the own one confirms, with its PIN, another's is refused.
//
// Payment cards, licences, unknown and unreadable cards are refused in every
// state. The same card within two seconds is the same swipe. Where a PIN is
// needed besides, Result.NeedPIN says so, and PIN goes on.
//
// The credential is wiped. An error means that it is not known what to answer;
// then nothing was permitted.
func (s *Service) Present(ctx context.Context, c Credential) (Result, error) {
	return s.present(ctx, c, nil)
}

// SignOn signs on, and does nothing else.
func (s *Service) SignOn(ctx context.Context, c Credential) (Result, error) {
	return s.present(ctx, c, func(st state, number string) intent {
		switch {
		case st.session == 0:
			return intent{do: SignedOn}
		case st.operator == number:
			return intent{do: InUse, own: true}
		}
		return s.signOnOver(st, number)
	})
}

// Unlock unlocks, and does nothing else.
func (s *Service) Unlock(ctx context.Context, c Credential) (Result, error) {
	return s.present(ctx, c, func(st state, number string) intent {
		return intent{do: Unlocked, own: st.session != 0 && st.operator == number}
	})
}

// Terms are what an approver says besides.
type Terms struct {
	Why         enforcer.Why // the reason, where the function wants one
	Transaction bool         // for the rest of the transaction, where the function allows it
}

// Approve approves one override, or confirms it where it waits for the own PIN,
// and does nothing else.
//
// Credential.At makes it a remote approval, with number and PIN: the site has to
// allow those, and where somebody is signed on nobody here can check.
func (s *Service) Approve(ctx context.Context, override entry.Seq, c Credential, t Terms) (Result, error) {
	if c.At != "" && !s.o.Remote {
		defer c.Wipe()
		return Result{Action: Refused, Verdict: Verdict{Reason: entry.ReasonRemote, Method: entry.MethodRemote, Say: "this site approves at the register only"}},
			s.journal(ctx, false, entry.Entry{
				Kind: entry.KindIdentify, Outcome: entry.OutcomeDenied, Reason: entry.ReasonRemote, Method: entry.MethodRemote, Source: c.Source,
			})
	}
	return s.present(ctx, c, func(st state, number string) intent {
		in := lend(st, override, st.session != 0 && st.operator == number)
		in.why, in.rest, in.afar = t.Why, t.Transaction, c.At != ""
		return in
	})
}

// SignOffBy ends the session for whoever shows the credential: the operator
// signed on, or somebody who may unlock others' registers.
func (s *Service) SignOffBy(ctx context.Context, c Credential) (Result, error) {
	return s.present(ctx, c, func(st state, number string) intent {
		return intent{do: SignedOff, own: st.session != 0 && st.operator == number}
	})
}

// present identifies and acts. want, where not nil, says what is meant in
// place of the table.
func (s *Service) present(ctx context.Context, c Credential, want func(state, string) intent) (Result, error) {
	defer c.Wipe()
	asked := s.o.Clock.Boot()
	if same := s.sameSwipe(c.Card, asked); same && want == nil {
		return Result{Action: Same, Verdict: Verdict{Method: entry.MethodCard}}, nil
	}
	if !s.brake.admit(c.Source, asked) {
		return s.tooFast(ctx, &c)
	}
	s.lockIfIdle(ctx, asked)
	st := s.state()
	plain := want == nil
	if plain {
		want = s.intend
	}
	in := intent{punch: want(st, "").punch}
	f, err := s.lookUp(ctx, &c, asked, func(number string) use { return want(st, number).use() })
	if err != nil {
		return s.failed(ctx, asked, &c, in.kind(st), err)
	}
	if c.Card != nil {
		s.lay(c.Source, &f, st)
	}
	if f.record != nil && (f.reason == entry.ReasonNone || f.reason == entry.ReasonNewPIN) {
		in = want(st, f.record.Number)
		if plain {
			in = s.stays(in, &f)
		}
		if needsProof(in) {
			need := NeedSite
			if in.pin {
				need = NeedPIN
			}
			if f, err = s.require(ctx, f, need, in.use(), &c, asked); err != nil {
				return s.failed(ctx, asked, &c, in.kind(st), err)
			}
		}
	}
	r, err := s.act(ctx, in, st, &f, &c)
	if r.Say == sayNotAccepted && st.override != 0 && s.o.Approve == policy.SignOnCardPIN && !s.o.ApproveFallback && c.At == "" {
		r.Say = sayNotAccepted + "; approvals take the card here" // said to all, so it tells nothing of anybody
	}
	if f.card && (r.Action == Refused && r.Reason == entry.ReasonTooEarly) {
		s.forgetSwipe()
	}
	if waitErr := s.settle(ctx, asked); waitErr != nil && !r.OK {
		return Result{Action: Refused}, errors.Join(err, waitErr)
	}
	return r, err
}

// use is what the credential is shown for.
func (in intent) use() use {
	switch {
	case in.do == Approved && in.afar:
		return fromAfar
	case in.do == Approved, in.newcomer != "" && !in.own:
		return toApprove
	}
	return inOwnName
}

// needsProof reports whether a card alone may not be enough. What only
// restricts (locking, the own card as approver) and what changes nothing does
// not ask for a PIN.
func needsProof(in intent) bool {
	switch in.do {
	case SignedOn, AskManager:
		return !in.own || in.newcomer == ""
	case Unlocked, Punched:
		return true
	case Approved, SignedOff:
		return !in.own
	case Confirmed:
		return true
	}
	return false
}

// sameSwipe reports whether this card was swiped just now, and remembers it.
func (s *Service) sameSwipe(c *card.Card, now time.Duration) bool {
	payload := c.Payload()
	if payload == nil {
		return false
	}
	mac := s.store.ring.mark(payload)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.swiped == mac && now-s.swipedAt < s.o.SameSwipe {
		return true
	}
	s.swiped, s.swipedAt = mac, now
	return false
}

func (s *Service) forgetSwipe() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.swiped = mark{}
}

// tooFast refuses what a source sends beyond its rate. It depends on nothing
// that was shown, so it is answered at once.
func (s *Service) tooFast(ctx context.Context, c *Credential) (Result, error) {
	e := entry.Entry{Kind: entry.KindIdentify, Outcome: entry.OutcomeDenied, Reason: entry.ReasonRate, Method: c.method(), Source: c.Source}
	return Result{Action: Refused, Verdict: Verdict{Reason: entry.ReasonRate, Method: e.Method, Say: sayWait}}, s.journal(ctx, false, e)
}

// kind is how a refusal is journaled, by what was meant.
func (in intent) kind(st state) entry.Kind {
	if in.punch.what != 0 {
		return entry.KindIdentify
	}
	return kindOf(st)
}

// kindOf is how a refusal is journaled, by what was tried.
func kindOf(st state) entry.Kind {
	switch {
	case st.session == 0:
		return entry.KindSignOn
	case st.locked:
		return entry.KindUnlock
	}
	return entry.KindIdentify
}

// act does what was meant, if the credential is good and the state still the
// one that it was meant in.
func (s *Service) act(ctx context.Context, in intent, st state, f *finding, c *Credential) (Result, error) {
	r := Result{Action: Refused, Verdict: s.verdict(f, c)}
	if f.reason == entry.ReasonPINRequired && r.NeedPIN {
		token, err := s.ask(&askedPIN{mac: f.mac, at: f.at, intent: in, state: st})
		r.Token, r.Action, r.OK = token, AskPIN, false
		return r, err
	}
	if !r.OK {
		if f.reason == entry.ReasonNewPIN && (in.do == SignedOn || in.do == Unlocked) {
			token, err := s.ask(&askedPIN{
				mac: f.mac, at: f.at, intent: in, state: st, changing: f.record.Number, method: r.Method, shown: f.card, old: f.record.PIN.Hash,
			})
			if err != nil {
				return Result{Action: Refused}, err
			}
			r.Token, r.Action, r.NeedNewPIN = token, AskNewPIN, true
		}
		return r, s.refusal(ctx, f, c, in.kind(st))
	}
	s.effect.Lock()
	defer s.effect.Unlock()
	if s.isClosed() {
		return Result{Action: Refused}, fmt.Errorf("sign-on: %w", ErrClosed)
	}
	s.store.turn.RLock()
	defer s.store.turn.RUnlock()
	// The roster as it is now: a PIN takes its time, and meanwhile a manager may
	// have suspended who types it, or taken the card from them.
	fresh, err := s.record(f.record.Number)
	if err != nil {
		return Result{Action: Refused}, err
	}
	reason, err := s.cardStanding(f.mac, f.record.Number)
	if err != nil {
		return Result{Action: Refused}, err
	}
	switch now := s.state(); {
	case fresh == nil:
		reason = entry.ReasonRosterChanged
	case reason != entry.ReasonNone:
	case s.store.standing(fresh) != entry.ReasonNone:
		reason = s.store.standing(fresh)
	case now != st:
		reason = entry.ReasonStateChanged
	case (in.do == SignedOn || in.do == Unlocked) && s.isOut(f.at):
		// While its PIN was checked. Nobody would hear any more that it left.
		reason = entry.ReasonCardRemoved
	}
	if reason != entry.ReasonNone {
		return s.deny(ctx, r, f, c, in.kind(st), reason, s.store.sayStanding(cmp.Or(fresh, f.record), reason))
	}
	who := fresh.public().Subject()
	r.Operator = fresh.public()
	switch in.do {
	case AskManager:
		return s.askManager(ctx, r, st, who, f, c)
	case SignedOn:
		if in.over != 0 {
			return s.takeOver(ctx, r, in, st, fresh, c)
		}
		_, r.Decision, err = s.gate.BeginSession(ctx, who, r.Method, c.Source)
		s.watchDayIf(r.Decision, fresh)
		r, err = s.decided(r, SignedOn, fresh.Name+" is signed on", err)
		return s.sayBreak(r, who), err
	case Unlocked:
		if st.session == 0 {
			return s.deny(ctx, r, f, c, entry.KindUnlock, entry.ReasonNoSession, "nobody is signed on")
		}
		if !st.locked {
			return s.deny(ctx, r, f, c, entry.KindUnlock, entry.ReasonStateChanged, "the register is not locked")
		}
		r.Decision, err = s.gate.Unlock(ctx, who, r.Method, c.Source)
		return s.decided(r, Unlocked, "unlocked", err)
	case Approved:
		if in.override == 0 || in.override != st.override {
			return s.deny(ctx, r, f, c, entry.KindIdentify, entry.ReasonNoOverride, sayRefused(entry.ReasonNoOverride, ""))
		}
		return s.approve(ctx, r, in, st, who, f, c)
	case Confirmed:
		r.Decision, err = s.gate.StepUp(ctx, in.override, who, r.Method, c.Source)
		return s.decided(r, Confirmed, "confirmed", err)
	case Locked:
		// What restricts holds at once, even where the journal cannot be written.
		err := s.gate.Lock(ctx, entry.ReasonOwner, c.Source)
		if err != nil && !stateOf(s.gate.Snapshot()).locked {
			return Result{Action: Refused}, err
		}
		r.Action, r.Say = Locked, "locked"
		return r, err
	case Same:
		r.Action, r.Say = Same, "you are signed on"
		return r, nil
	case Punched:
		return s.punch(ctx, r, in.punch, who, c)
	case SignedOff:
		return s.signOffBy(ctx, r, in, st, who, f, c)
	case InUse:
		say := st.name + " is signed on"
		switch {
		case in.own:
			say = "you are signed on"
		case st.locked:
			say += ", and the register is locked: unlock it first"
		}
		r, err := s.deny(ctx, r, f, c, entry.KindIdentify, entry.ReasonInUse, say)
		r.Action = InUse
		return r, err
	}
	return Result{Action: Refused}, fmt.Errorf("sign-on: no such intent (%s)", in.do)
}

// decided turns the gate's answer into a result.
func (s *Service) decided(r Result, done Action, say string, err error) (Result, error) {
	if err != nil {
		return Result{Action: Refused}, err
	}
	if r.Decision.Outcome != entry.OutcomeAllowed {
		r.OK, r.Reason, r.Say = false, r.Decision.Reason, sayDenied(r.Decision, r.Operator.Name)
		return r, nil
	}
	r.Action, r.Say = done, say
	s.touch(s.o.Clock.Boot())
	return r, nil
}

// deny refuses somebody who was identified, and journals it.
func (s *Service) deny(ctx context.Context, r Result, f *finding, c *Credential, kind entry.Kind, reason entry.Reason, say string) (Result, error) {
	denied := *f
	denied.reason = reason
	r.OK, r.Action, r.Reason, r.Say = false, Refused, reason, say
	return r, s.refusal(ctx, &denied, c, kind)
}

// signOffBy ends a session for somebody who was identified.
func (s *Service) signOffBy(ctx context.Context, r Result, in intent, st state, who enforcer.Subject, f *finding, c *Credential) (Result, error) {
	if st.session == 0 {
		return s.deny(ctx, r, f, c, entry.KindIdentify, entry.ReasonNoSession, "nobody is signed on")
	}
	reason := entry.ReasonOwner
	if !in.own {
		reason = entry.ReasonManager
		var err error
		r.Decision, err = s.gate.Permit(ctx, who, functionUnlockOther, r.Method, c.Source, st.operator)
		if err != nil || r.Decision.Outcome != entry.OutcomeAllowed {
			return s.decided(r, SignedOff, "", err)
		}
	}
	err := s.gate.EndSession(ctx, reason, who, c.Source)
	if err != nil && s.gate.Snapshot().Session != nil {
		return Result{Action: Refused}, err
	}
	r.Action, r.Say = SignedOff, st.name+" is signed off"
	return r, err
}

// SignOff ends the session at the wish of whoever is at the register. A locked
// one it does not end: then anybody could make the register free for themselves.
func (s *Service) SignOff(ctx context.Context, source string) (Result, error) {
	s.effect.Lock()
	defer s.effect.Unlock()
	return s.own(ctx, source, SignedOff, func(who enforcer.Subject) error {
		return s.gate.EndSession(ctx, entry.ReasonOwner, who, source)
	})
}

// Lock locks the register at the wish of whoever is at it.
func (s *Service) Lock(ctx context.Context, source string) (Result, error) {
	s.effect.Lock()
	defer s.effect.Unlock()
	return s.own(ctx, source, Locked, func(enforcer.Subject) error {
		return s.gate.Lock(ctx, entry.ReasonOwner, source)
	})
}

func (s *Service) own(ctx context.Context, source string, do Action, f func(enforcer.Subject) error) (Result, error) {
	snap := s.gate.Snapshot()
	if snap.Session == nil {
		return Result{Action: Refused, Verdict: Verdict{Reason: entry.ReasonNoSession, Say: "nobody is signed on"}}, nil
	}
	who := snap.Session.Subject
	if snap.Session.Locked {
		if do == Locked {
			return Result{Action: Locked, Verdict: Verdict{OK: true, Say: "locked"}}, nil
		}
		say := "the register is locked: unlock it first"
		return Result{Action: Refused, Verdict: Verdict{Reason: entry.ReasonLocked, Say: say}},
			s.journal(ctx, false, entry.Entry{
				Kind: entry.KindIdentify, Outcome: entry.OutcomeDenied, Reason: entry.ReasonLocked, Session: snap.Session.ID, Source: source,
				Text: "sign-off of a locked register",
			})
	}
	err := f(who)
	now, say := stateOf(s.gate.Snapshot()), "locked"
	done := now.locked
	if do == SignedOff {
		done, say = now.session != snap.Session.ID, who.Name+" is signed off"
	}
	if err != nil && !done {
		return Result{Action: Refused}, err
	}
	return Result{Action: do, Verdict: Verdict{OK: true, Say: say}}, err
}
