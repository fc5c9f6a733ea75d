package signon

import (
	"context"
	"errors"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// Need is what has to be shown.
type Need uint8

// The needs.
const (
	// NeedSite: what the site and the operator's work groups ask for.
	NeedSite Need = iota
	// NeedPIN: a PIN besides, whatever the site asks for.
	NeedPIN
	// NeedOldPIN: as NeedSite, and it is the own PIN that is to be changed: that
	// it has to be is nothing against it.
	NeedOldPIN
)

// Verdict is the answer to a credential. Refused is an answer, not an error.
type Verdict struct {
	// Operator is who it is. It is set when OK, and when a valid card was
	// shown; else nobody is told whether there is such an operator.
	Operator *Operator
	OK       bool
	Reason   entry.Reason
	Method   entry.Method
	// LockedUntil is the boot time at which this means works again, where a
	// valid card was shown.
	LockedUntil time.Duration
	// NeedPIN: the card is good and wants its PIN. Give it with Token, in time.
	NeedPIN bool
	Token   string
	// NeedNewPIN: the PIN is right, and others know it: another has to be chosen.
	// Give it to NewPIN with Token, in time.
	NeedNewPIN bool
	// NeedWhy: the approval counts once it has a reason. Give its code with Token, in time.
	NeedWhy bool
	// Say is what the person may be told.
	Say string
}

// finding is what came out of a credential, before anything is done with it.
type finding struct {
	record *operatorRecord // who it is, also where they are refused; nil: nobody
	card   bool            // a valid card was shown: the answer may be specific
	known  bool            // so it may with a right number and PIN
	mac    mark            // of that card
	at     spot            // and where it was read, at the register
	pin    bool            // a PIN was checked, and was right
	again  bool            // the PIN alone, of who is signed on
	short  bool            // and it is shorter than they have to be by now
	// fallback: number and PIN stood for the card that is wanted.
	fallback bool
	means    means
	reason   entry.Reason // why it is refused; ReasonNone: it is not, so far
	left     time.Duration
	lockup   bool // this try locked the means
	tries    int  // that are left
}

// method is how somebody was identified, or tried to be.
func (f *finding) method(c *Credential) entry.Method {
	switch {
	case f.again:
		return entry.MethodPIN
	case c.At != "":
		return entry.MethodRemote
	case !f.card && f.means != byCard && c.Card == nil:
		return entry.MethodNumberPIN
	case f.pin, f.reason == entry.ReasonWrongPIN, f.reason == entry.ReasonLockedOut:
		return entry.MethodCardPIN
	}
	return entry.MethodCard
}

// lookUp finds whom a credential is of, and checks the PIN if that is all there
// is. A card without its PIN is not finished: see require.
func (s *Service) lookUp(ctx context.Context, c *Credential, now time.Duration, of func(number string) use) (finding, error) {
	if c.Card != nil {
		if reason := cardReason(c.Card); reason != entry.ReasonNone {
			return finding{reason: reason}, nil
		}
		mac := s.store.ring.mark(c.Card.Payload())
		c.Card.Wipe()
		return s.lookUpCard(ctx, mac, c.Source, now)
	}
	return s.checkNumber(ctx, c, now, of)
}

// lookUpCard finds whose card it is. Cards that nobody has are counted, and
// slow their reader down: numbers can be tried out with an encoder, too.
func (s *Service) lookUpCard(ctx context.Context, mac mark, source string, now time.Duration) (finding, error) {
	f := finding{mac: mac, means: byCard}
	until, ok := s.brake.reserve("", source, now)
	if !ok {
		f.reason = entry.ReasonSlowDown
		return f, nil
	}
	if err := s.wait(ctx, until); err != nil {
		return f, err
	}
	over, old := false, false
	err := s.store.view(func(t *txn) (err error) {
		var c *cardRecord
		f.record, c, err = t.byCard(mac)
		over = c != nil && c.Day.over(s.store.o.Clock.Stamp())
		old = c != nil && c.KeyID != s.store.ring.forNew().ID
		return err
	})
	if err != nil {
		return f, err
	}
	if old {
		if err := s.store.rekeyCard(f.record.Number, mac); err != nil {
			return f, err
		}
	}
	if f.record == nil {
		f.reason = entry.ReasonUnknownCredential
		_, err := s.store.charge(byCard, "", source)
		return f, err
	}
	s.brake.right("", source)
	f.card = true
	if f.reason = s.store.standing(f.record); f.reason == entry.ReasonNone && over {
		f.reason = entry.ReasonCardOver
	}
	return f, nil
}

// cardStanding says why a card that was an operator's is not any more; ReasonNone:
// it is, or none was shown.
func (s *Service) cardStanding(mac mark, number string) (reason entry.Reason, err error) {
	if mac == (mark{}) {
		return entry.ReasonNone, nil
	}
	err = s.store.view(func(t *txn) error {
		switch r, c, err := t.byCard(mac); {
		case err != nil:
			return err
		case r == nil || r.Number != number:
			reason = entry.ReasonRosterChanged
		case c.Day.over(s.store.o.Clock.Stamp()):
			reason = entry.ReasonCardOver
		}
		return nil
	})
	return reason, err
}

// checkNumber checks number and PIN. Whoever it is, and whether there is anybody,
// it does the same: wait, count the try on disk, hash the PIN, compare. of says
// what somebody's number and PIN are for.
func (s *Service) checkNumber(ctx context.Context, c *Credential, now time.Duration, of func(number string) use) (finding, error) {
	number := c.Number
	if badNumber(number) != "" || !validPIN(c.PIN) {
		number = "" // nobody's
	}
	var record *operatorRecord
	if err := s.store.view(func(t *txn) (err error) {
		record, err = t.operator(number)
		return err
	}); err != nil {
		return finding{means: byNumber}, err
	}
	f, err := s.checkPIN(ctx, byNumber, number, record, c, now)
	if err != nil || f.reason != entry.ReasonNone {
		return f, err
	}
	need := s.required(record, of(record.Number))
	f.fallback = need.fallback
	if need.method == policy.SignOnCardPIN && !need.fallback {
		// The PIN was right, and nobody is told: number and PIN must not be a
		// way to find out a PIN that then wants only the card. So it stays counted.
		f.reason, f.pin = entry.ReasonCardRequired, false
		s.lockUp(&f)
		return f, nil
	}
	s.brake.right(strainKey(byNumber, number), c.Source)
	f.known = true
	if f.reason = s.store.standing(record); f.reason == entry.ReasonNone {
		f.reason = f.mustChange()
	}
	return f, s.store.forget(byNumber, number)
}

// mustChange is why nothing can be done with a right PIN: others know it, or it
// does not meet the site's rules any more.
func (f *finding) mustChange() entry.Reason {
	if f.record.MustChange || f.short {
		return entry.ReasonNewPIN
	}
	return entry.ReasonNone
}

// checkPIN counts the try and checks the PIN against a record, which may be
// nobody's. A right one is not forgotten yet for number and PIN: see checkNumber.
func (s *Service) checkPIN(ctx context.Context, m means, number string, record *operatorRecord, c *Credential, now time.Duration) (finding, error) {
	f := finding{record: record, means: m}
	key := strainKey(m, number)
	until, ok := s.brake.reserve(key, c.Source, now)
	if !ok {
		f.reason = entry.ReasonSlowDown
		return f, nil
	}
	if err := s.wait(ctx, until); err != nil {
		return f, err
	}
	known := ""
	var v *pinVerifier
	if record != nil {
		known, v = record.Number, record.PIN
	}
	if err := s.store.hasher.enter(ctx); errors.Is(err, errBusy) {
		f.reason = entry.ReasonRate
		return f, nil
	} else if err != nil {
		return f, err
	}
	defer s.store.hasher.leave()
	counted, err := s.store.charge(m, known, c.Source)
	if err != nil {
		return f, err
	}
	right := s.store.hasher.check(v, c.PIN)
	if right && v.KeyID != s.store.ring.forNew().ID && !counted.locked {
		if err := s.store.rekeyPIN(record, c.PIN); err != nil {
			return f, err
		}
	}
	clear(c.PIN)
	f.tries, f.left = s.store.o.Tries-counted.n, counted.left
	switch {
	case record == nil:
		f.reason = entry.ReasonUnknownCredential
	case counted.locked:
		f.reason = entry.ReasonLockedOut
	case !right:
		f.reason = entry.ReasonWrongPIN
	case record.Suspended, record.Terminated != 0, s.store.isRevoked(record.Number):
		f.reason = s.store.standing(record) // and nobody is told that the PIN was right
	default:
		f.pin, f.short = true, len(c.PIN) < s.store.o.MinPIN
		return f, nil
	}
	s.lockUp(&f)
	return f, nil
}

// lockUp notes that this try, which stays counted, was the last one.
func (s *Service) lockUp(f *finding) {
	if f.record != nil && f.reason != entry.ReasonLockedOut && f.tries <= 0 {
		f.lockup, f.left = true, s.store.o.LockFor
	}
}

// require goes on with a card that was found: asks for its PIN where that is
// needed and missing, checks it where it is there.
func (s *Service) require(ctx context.Context, f finding, need Need, u use, c *Credential, now time.Duration) (finding, error) {
	if f.reason != entry.ReasonNone || !f.card {
		return f, nil
	}
	if len(c.PIN) == 0 {
		if need != NeedPIN && s.required(f.record, u).method == policy.SignOnCard {
			return f, nil
		}
		left, err := s.cardLocked(f.record.Number)
		switch {
		case err != nil:
			return f, err
		case left > 0:
			f.reason, f.left = entry.ReasonLockedOut, left
		default:
			f.reason = entry.ReasonPINRequired
		}
		return f, nil
	}
	if !validPIN(c.PIN) {
		clear(c.PIN)
		c.PIN = make([]byte, 1) // nobody's, and counted like any other
	}
	checked, err := s.checkPIN(ctx, byCard, f.record.Number, f.record, c, now)
	checked.card, checked.mac, checked.at = true, f.mac, f.at
	if err != nil || checked.reason != entry.ReasonNone {
		return checked, err
	}
	s.brake.right(strainKey(byCard, f.record.Number), c.Source)
	checked.reason = checked.mustChange()
	return checked, s.store.forget(byCard, f.record.Number)
}

func (s *Service) cardLocked(number string) (left time.Duration, err error) {
	err = s.store.view(func(t *txn) (err error) {
		left, err = s.store.lockedFor(t, byCard, number)
		return err
	})
	return left, err
}

// Identify finds out whose credential it is, and journals a refusal. It
// changes nothing at the register: it is for people who change operators, read
// the journal or end somebody's session.
func (s *Service) Identify(ctx context.Context, c Credential, need Need) (Verdict, error) {
	defer c.Wipe()
	asked := s.o.Clock.Boot()
	s.sameSwipe(c.Card, asked)
	if !s.brake.admit(c.Source, asked) {
		return Verdict{Reason: entry.ReasonRate, Method: c.method(), Say: sayWait},
			s.journal(ctx, false, entry.Entry{
				Kind: entry.KindIdentify, Outcome: entry.OutcomeDenied, Reason: entry.ReasonRate, Method: c.method(), Source: c.Source,
			})
	}
	f, err := s.lookUp(ctx, &c, asked, ownName)
	if err == nil {
		f, err = s.require(ctx, f, need, inOwnName, &c, asked)
	}
	if need == NeedOldPIN && f.reason == entry.ReasonNewPIN {
		f.reason = entry.ReasonNone
	}
	if err != nil {
		r, err := s.failed(ctx, asked, &c, entry.KindIdentify, err)
		return r.Verdict, err
	}
	v := s.verdict(&f, &c)
	switch {
	case v.NeedPIN:
		v.Token, err = s.ask(&askedPIN{mac: f.mac, need: need, plain: true})
	case !v.OK:
		err = s.refusal(ctx, &f, &c, entry.KindIdentify)
	}
	if waitErr := s.settle(ctx, asked); waitErr != nil && !v.OK {
		return Verdict{}, errors.Join(err, waitErr)
	}
	return v, err
}

// failed answers when it could not be found out who it is: nobody. It takes
// as long as any answer: how long an error took is nobody's business either.
func (s *Service) failed(ctx context.Context, asked time.Duration, c *Credential, kind entry.Kind, err error) (Result, error) {
	s.o.Logger.Error("a credential could not be checked", "error", err)
	r := Result{Action: Refused, Verdict: Verdict{Method: c.method(), Say: "that did not work; try again"}}
	if errors.Is(err, ErrDamaged) || errors.Is(err, ErrOtherKeys) {
		r.Reason, r.Say = entry.ReasonDamaged, "nobody can sign on: the roster cannot be used. Call a technician"
		if journalErr := s.journal(ctx, essential(kind), entry.Entry{
			Kind: kind, Outcome: entry.OutcomeError, Reason: r.Reason, Method: r.Method, Source: c.Source,
		}); journalErr != nil {
			err = errors.Join(err, journalErr)
		}
	}
	if waitErr := s.settle(ctx, asked); waitErr != nil && !errors.Is(err, waitErr) {
		err = errors.Join(err, waitErr)
	}
	return r, err
}

// verdict puts a finding into words.
func (s *Service) verdict(f *finding, c *Credential) Verdict {
	v := Verdict{OK: f.reason == entry.ReasonNone, Reason: f.reason, Method: f.method(c)}
	if f.record != nil && (v.OK || f.card || f.known) {
		v.Operator = f.record.public()
	}
	switch {
	case v.OK:
		v.Say = f.record.Name
	case f.reason == entry.ReasonNewPIN:
		v.Say = f.record.Name + ": " + sayNewPIN
	case f.reason == entry.ReasonSlowDown || f.reason == entry.ReasonRate:
		v.Say = sayWait
	case f.card:
		switch f.reason {
		case entry.ReasonPINRequired:
			v.NeedPIN, v.Say = true, f.record.Name+": PIN"
			if f.record.PIN == nil {
				v.NeedPIN, v.Say = false, sayNoPIN(f.record.Name)
			}
		case entry.ReasonLockedOut:
			v.Say = s.sayLocked(f.left)
		case entry.ReasonWrongPIN:
			v.Say = sayTriesLeft(f.tries)
			if f.lockup {
				v.Say = "wrong PIN; " + s.sayLocked(f.left)
			}
		default:
			v.Say = s.store.sayStanding(f.record, f.reason)
		}
		if f.left > 0 {
			v.LockedUntil = s.o.Clock.Boot() + f.left
		}
	case f.known:
		v.Say = s.store.sayStanding(f.record, f.reason)
	case c.Card != nil || f.means == byCard:
		v.Say = sayCard(f.reason)
	default:
		v.Say = sayNotAccepted
		v.Reason = entry.ReasonWrongPIN // one word for all; the journal has the true one
	}
	return v
}

// refusal journals why somebody was not let in, and that a means was locked.
// What was typed as a number is named only if it is an operator's: people
// type their PIN there.
func (s *Service) refusal(ctx context.Context, f *finding, c *Credential, kind entry.Kind) error {
	e := entry.Entry{Kind: kind, Outcome: entry.OutcomeDenied, Reason: f.reason, Method: f.method(c), Source: c.Source}
	if f.record != nil {
		e.Operator, e.Person, e.WorkGroups = f.record.Number, f.record.Person, f.record.Groups
	}
	switch f.reason {
	case entry.ReasonPaymentCard, entry.ReasonLicenceCard, entry.ReasonUnknownCard, entry.ReasonUnreadable:
		e.Kind = entry.KindCardRefused
	}
	if session := s.gate.Snapshot().Session; session != nil {
		e.Session = session.ID
	}
	es := []entry.Entry{e}
	if f.lockup {
		lock := e
		lock.Kind, lock.Outcome = entry.KindLockout, entry.OutcomeNone
		lock.Method = f.means.method()
		lock.Elapsed, lock.Count = int64(f.left), uint64(s.store.o.Tries)
		es = append(es, lock)
	}
	return s.journal(ctx, essential(e.Kind), es...)
}

// essential: sign-on is taken down as long as there is any room.
func essential(k entry.Kind) bool { return k == entry.KindSignOn || k == entry.KindUnlock }
