package signon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/timeclock"
	"tillwarden/signon/card"
)

// Gate is what signon needs of enforcer.Gate. It decides, journals its
// decisions, and holds the session.
type Gate interface {
	Snapshot() *enforcer.Snapshot
	BeginSession(ctx context.Context, who enforcer.Subject, method entry.Method, source string) (*enforcer.Session, enforcer.Decision, error)
	TakeOver(ctx context.Context, session entry.Seq, who enforcer.Subject, method entry.Method, source string, by enforcer.Subject) (*enforcer.Session, enforcer.Decision, error)
	EndSession(ctx context.Context, reason entry.Reason, by enforcer.Subject, source string) error
	Lock(ctx context.Context, reason entry.Reason, source string) error
	Unlock(ctx context.Context, by enforcer.Subject, method entry.Method, source string) (enforcer.Decision, error)
	RosterChanged(ctx context.Context, current *enforcer.Subject, reason entry.Reason) error
	Approve(ctx context.Context, override entry.Seq, by enforcer.Approver) (enforcer.Decision, error)
	StepUp(ctx context.Context, override entry.Seq, by enforcer.Subject, method entry.Method, source string) (enforcer.Decision, error)
	Punch(ctx context.Context, r enforcer.PunchRequest) (enforcer.Decision, error)
	Standing(who enforcer.Subject) timeclock.Standing
	Permit(ctx context.Context, by enforcer.Subject, function string, method entry.Method, source, about string) (enforcer.Decision, error)
}

// Options say what a Service needs and how the site wants it. Zero values are
// the defaults; do not change them while the service runs.
type Options struct {
	Store *Store
	Gate  Gate
	// Method is what operators must show whose work groups do not say. Default: the card alone.
	Method policy.SignOnMethod
	// Approve is what they must show to approve for others. Default: card and PIN.
	Approve policy.SignOnMethod
	// ApproveFallback lets number and PIN stand for the card, where the policy leaves
	// it to the site; the journal marks it.
	ApproveFallback bool
	// Remote allows approvals of who is elsewhere, by number and PIN.
	Remote bool
	// Over says what becomes of a session that somebody else wants to sign on over.
	Over Over
	// Again says what the own card does that is shown again.
	Again Again
	// Removed says what it does that the own card is taken out of its reader.
	Removed Removed
	// MinDelay is how long every answer takes at least, and a step of how much
	// longer it takes. Default 300 ms.
	MinDelay time.Duration
	// SameSwipe is how long the same card again is the same swipe. Default 2 s.
	SameSwipe time.Duration
	// AskPIN is how long a card waits for its PIN. Default 30 s.
	AskPIN time.Duration
	// Idle is after how long without activity the register locks. Default 15
	// minutes; below zero: never.
	Idle time.Duration
	// Logger gets what went wrong; never a credential. Default: nothing.
	Logger *slog.Logger
	// Clock is the store's if nil.
	Clock enforcer.Clock
}

// Service identifies operators and does what their swipes mean. Its methods may
// be used from several goroutines at once.
type Service struct {
	o     Options
	store *Store
	gate  Gate
	brake *brake
	done  chan struct{} // closed by Close

	// effect makes the step from "is the state still the one that was meant?"
	// to its change one step.
	effect sync.Mutex

	mu       sync.Mutex // guards what follows
	closed   bool
	swiped   mark // keyed hash of the last card that had an effect
	swipedAt time.Duration
	asked    map[string]*askedPIN // by token
	askedWhy *askedWhy            // nil: nobody is asked for a reason
	newcomer *newcomer            // nil: nobody waits to sign on over the session
	readers  map[string]*inserted // by name, what is in them
	resumed  entry.Seq            // the session that was there at the start, by a card; 0: none
	active   time.Duration        // boot time of the last activity
	stopIdle func() bool
	stopDay  func() bool    // rings when the last day of who is signed on is over
	back     *awaited       // nil: no own card has to come back into its reader
	running  sync.WaitGroup // functions that the clock called
}

// New makes a service. Call Start before the first swipe, and Close at the end.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Gate == nil {
		return nil, errors.New("sign-on: store and gate are needed")
	}
	if o.Clock == nil {
		o.Clock = o.Store.o.Clock
	}
	if o.Method == policy.SignOnDefault {
		o.Method = policy.SignOnCard
	}
	if o.Approve == policy.SignOnDefault {
		o.Approve = policy.SignOnCardPIN
	}
	set := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	set(&o.MinDelay, 300*time.Millisecond)
	set(&o.SameSwipe, 2*time.Second)
	set(&o.AskPIN, 30*time.Second)
	set(&o.Idle, 15*time.Minute)
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	return &Service{
		o: o, store: o.Store, gate: o.Gate, brake: o.Store.brake, done: make(chan struct{}), asked: map[string]*askedPIN{}, readers: map[string]*inserted{},
	}, nil
}

// Start takes over what an earlier run left: locks of means, and a session
// that the gate resumed, which counts as active now. If its operator was
// suspended or changed while nobody looked, the gate is told.
func (s *Service) Start(ctx context.Context) error {
	if err := s.store.NewBoot(); err != nil {
		s.o.Logger.Error("sign-on is not possible", "error", err)
	}
	s.touch(s.o.Clock.Boot())
	if session := s.gate.Snapshot().Session; session != nil && (session.Method == entry.MethodCard || session.Method == entry.MethodCardPIN) {
		s.mu.Lock()
		s.resumed = session.ID
		s.mu.Unlock()
	}
	return s.follow(ctx)
}

// follow tells the gate what the roster now says of the session's operator.
func (s *Service) follow(ctx context.Context) error {
	s.store.turn.Lock()
	defer s.store.turn.Unlock()
	return s.followed(ctx, false)
}

// followed is follow, with the store's turn held. fresh: a new roster was applied,
// which ends what was granted or is pending also where it says nothing new of who is
// signed on.
func (s *Service) followed(ctx context.Context, fresh bool) error {
	session := s.gate.Snapshot().Session
	if session == nil {
		return nil
	}
	r, err := s.record(session.Subject.Operator)
	switch {
	case err != nil:
		// A roster that cannot be read vouches for nobody.
		return errors.Join(err, s.gate.RosterChanged(ctx, nil, entry.ReasonDamaged))
	case r == nil:
		return s.gate.RosterChanged(ctx, nil, entry.ReasonRosterChanged)
	}
	switch reason := s.store.standing(r); reason {
	case entry.ReasonNone:
	case entry.ReasonSuspended:
		return s.gate.RosterChanged(ctx, nil, entry.ReasonSuspendedNow)
	default:
		return s.gate.RosterChanged(ctx, nil, reason)
	}
	s.watchDay(r)
	now := r.public().Subject()
	if sameSubject(&now, &session.Subject) && !fresh {
		return nil
	}
	return s.gate.RosterChanged(ctx, &now, entry.ReasonRosterChanged)
}

// watchDayIf watches the last day of who was signed on. One who was not let takes
// nothing from the session that is there.
func (s *Service) watchDayIf(d enforcer.Decision, r *operatorRecord) {
	if d.Outcome == entry.OutcomeAllowed {
		s.watchDay(r)
	}
}

// watchDay lets the clock look again when the last day of who is signed on is over.
func (s *Service) watchDay(r *operatorRecord) {
	left, bounded := s.store.endOfDay(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopDay != nil {
		s.stopDay()
		s.stopDay = nil
	}
	if bounded && !s.closed {
		s.stopDay = s.later(max(left, 0), s.ClockSet)
	}
}

// later runs f when d has passed on the boot clock, unless stopped or the service
// is closed by then; Close waits for it. f's context bounds the journal's part.
func (s *Service) later(d time.Duration, f func(ctx context.Context)) (stop func() bool) {
	return s.o.Clock.After(d, func() {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return
		}
		s.running.Add(1)
		s.mu.Unlock()
		defer s.running.Done()
		ctx, cancel := context.WithTimeout(context.Background(), lockTimeout)
		defer cancel()
		f(ctx)
	})
}

// ClockSet says that the wall clock was set: whoever is signed on may have got
// beyond their last day by it.
func (s *Service) ClockSet(ctx context.Context) {
	if err := s.follow(ctx); err != nil {
		s.o.Logger.Error("the session could not be held against the roster", "error", err)
	}
}

func sameSubject(a, b *enforcer.Subject) bool {
	if a.Operator != b.Operator || a.Name != b.Name || a.Person != b.Person || len(a.WorkGroups) != len(b.WorkGroups) {
		return false
	}
	x, y := sorted(a.WorkGroups), sorted(b.WorkGroups)
	for i := range x {
		if x[i] != y[i] {
			return false
		}
	}
	return true
}

// Close stops the idle clock and lets nobody in any more. It waits for what is
// under way on the clock.
func (s *Service) Close() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	close(s.done)
	stops := []func() bool{s.stopIdle, s.stopDay}
	if s.back != nil {
		stops = append(stops, s.back.stop)
	}
	s.stopIdle, s.stopDay, s.back = nil, nil, nil
	clear(s.asked)
	s.mu.Unlock()
	for _, stop := range stops {
		if stop != nil {
			stop()
		}
	}
	s.running.Wait()
}

func (s *Service) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// Credential is what somebody shows: a card, a card and PIN, or a number and
// PIN. Whoever it is given to wipes it.
type Credential struct {
	Card   *card.Card
	Number string
	PIN    []byte
	Source string // the device or socket it came from
	At     string // where a remote approver is signed on; empty: here
}

// Wipe zeroes card and PIN.
func (c *Credential) Wipe() {
	c.Card.Wipe()
	clear(c.PIN)
}

// String says what kind of credential it is.
func (c Credential) String() string {
	return fmt.Sprintf("credential(%s from %s)", c.method(), c.Source)
}

// Format prints String for every verb.
func (c Credential) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// MarshalJSON gives String, quoted.
func (c Credential) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "%q", c.String()), nil }

// LogValue gives String.
func (c Credential) LogValue() slog.Value { return slog.StringValue(c.String()) }

func (c *Credential) method() entry.Method {
	switch {
	case c.Card != nil && len(c.PIN) > 0:
		return entry.MethodCardPIN
	case c.Card != nil:
		return entry.MethodCard
	}
	return entry.MethodNumberPIN
}

// wait returns when the boot clock has reached a moment.
func (s *Service) wait(ctx context.Context, until time.Duration) error {
	d := until - s.o.Clock.Boot()
	if d <= 0 {
		return ctx.Err()
	}
	reached := make(chan struct{})
	stop := s.o.Clock.After(d, func() { close(reached) })
	defer stop()
	select {
	case <-reached:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.done:
		return ErrClosed
	}
}

// settle waits until an answer that was asked for at a moment may be given: a
// whole number of minimum delays later, so that how long it took says nothing.
func (s *Service) settle(ctx context.Context, asked time.Duration) error {
	took := s.o.Clock.Boot() - asked
	steps := max(1, (took+s.o.MinDelay-1)/s.o.MinDelay)
	return s.wait(ctx, asked+steps*s.o.MinDelay)
}

func (s *Service) journal(ctx context.Context, essential bool, es ...entry.Entry) error {
	if _, err := s.store.o.Journal.Append(ctx, essential, es...); err != nil {
		return fmt.Errorf("journal a sign-on try: %w", err)
	}
	return nil
}

func (s *Service) record(number string) (r *operatorRecord, err error) {
	err = s.store.view(func(t *txn) error {
		r, err = t.operator(number)
		return err
	})
	return r, err
}
