package enforcer

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"tillwarden/enforcer/journal/entry"
)

// Times of the gate.
const (
	DefaultOverrideTTL = 180 * time.Second // how long an override stands
	DefaultAnnounce    = time.Second       // how long after its announcement it cannot be approved yet
	DefaultHold        = 5 * time.Second   // how long a grant waits to be redeemed
	MaxHold            = 60 * time.Second  // the longest that a request may ask for
	FireLimit          = 2 * time.Second   // how long a Redemption is valid: a pulse must be written by then
	// DefaultTransaction is the longest that an approval holds for the rest of a
	// transaction, if nothing else ends it.
	DefaultTransaction = 5 * time.Minute
	followUp           = 10 * time.Second // how long the gate's own follow-up entries may take
)

// Options are what a gate is made of. They must not change afterwards.
type Options struct {
	Clock   Clock
	Journal Journal
	// StatePath is where the state file is kept. Empty: nothing outlives the
	// process but what Replay brings back.
	StatePath string
	// Replay calls f for the journal's entries after a place, oldest first;
	// entries of kinds that are not among StateKinds may be left out. Nil: there
	// is no journal from before.
	Replay func(after entry.Seq, f func(entry.Entry) error) error
	// Events is told what was journaled, by whoever did it and before that call
	// returns. It must not block, and must call nothing of the gate but Snapshot.
	// At start it is called before NewGate returns.
	Events func(Event)
	// Report is told of what the gate can live with, but somebody should know:
	// a state file that cannot be written or read. Nil: nobody.
	Report func(error)
	// WhyKnown reports whether a code is in the site's list of reasons; nil: any is.
	WhyKnown func(code uint16) bool
	// Register is this register's name, by which limits know it.
	Register string
	// Zone is the register's time zone, for hours of the week; nil is time.Local.
	Zone *time.Location
	// TimeClock reports whether the register runs a time clock now; nil: it does not.
	// Where it does, who is not clocked in may not sign on (see Punch).
	TimeClock func() bool
	// ManagerIdle is after how long managers fall back, who did nothing that takes
	// one; zero or nil: never.
	ManagerIdle func() time.Duration
	// OverrideTTL, Announce and Transaction are DefaultOverrideTTL, DefaultAnnounce
	// and DefaultTransaction where zero.
	OverrideTTL time.Duration
	Announce    time.Duration
	Transaction time.Duration
}

// Gate decides. Its methods may be called from any goroutine; a function that
// Redeem runs must not call them.
//
// Locks are taken in the order of the fields below, and none of order, pulse
// and mu is held while a decision waits for the journal.
type Gate struct {
	opt   Options
	clock Clock

	// One at a time: sign-ons and unlocks; announcements of overrides; approvals; loads and changes of
	// mode. They are held while their entries are committed, and none by what restricts.
	signing, asking, approving, loading semaphore
	// counting is held from the decision on a function whose uses are counted until its
	// entry is folded. It comes after approving and before asking.
	counting semaphore
	// order is held while entries that state is folded from are committed, so
	// that they are folded in the journal's order, and while the state file is written.
	order semaphore
	saved []byte // what the state file holds; with order

	// pulse is held for reading while a pulse is being written, and for writing
	// while a new generation is published: whoever publishes waits for the pulse
	// in progress, and no pulse begins under a generation that is over.
	pulse sync.RWMutex

	mu      sync.Mutex // guards the rest
	snap    atomic.Pointer[Snapshot]
	grants  map[*Grant]struct{}
	pending *pending
	scopes  []*scope // approvals for the rest of the transaction
	// unwatched stops the timer of the mode; nil: there is none.
	unwatched func() bool
	recent    []*pending // ended overrides whose result somebody may still wait for
	state     state
	owed      []owed // entries of what has taken effect already, not yet in the journal
	resumed   bool   // the session is of before the restart, and no policy was loaded since
	watching  bool   // a timer looks after an idle manager

	lastManaged atomic.Int64 // boot time; see fallback.go
	closed      bool

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	calls  sync.WaitGroup // timers' functions under way
}

// semaphore is a lock that can be waited for with a context.
type semaphore chan struct{}

func (s semaphore) acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s semaphore) release() { <-s }

// NewGate makes the gate, with what the state file and the journal say was
// there before: the session and a pending override of the same boot go on
// (their planes come with the next Load), those of another boot end. No
// policy is loaded. The error is the journal's.
func NewGate(o Options) (*Gate, error) {
	if o.Clock == nil || o.Journal == nil {
		return nil, fmt.Errorf("making the gate: %w: no clock or no journal", ErrRequest)
	}
	if o.OverrideTTL <= 0 {
		o.OverrideTTL = DefaultOverrideTTL
	}
	if o.Announce <= 0 {
		o.Announce = DefaultAnnounce
	}
	if o.Transaction <= 0 {
		o.Transaction = DefaultTransaction
	}
	if o.Zone == nil {
		o.Zone = time.Local
	}
	g := &Gate{
		opt: o, clock: o.Clock, grants: map[*Grant]struct{}{},
		signing: make(semaphore, 1), asking: make(semaphore, 1), approving: make(semaphore, 1), loading: make(semaphore, 1),
		counting: make(semaphore, 1), order: make(semaphore, 1),
	}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.snap.Store(&Snapshot{Generation: 1})
	if err := g.restore(); err != nil {
		g.cancel()
		return nil, fmt.Errorf("making the gate: %w", err)
	}
	return g, nil
}

// Close ends grants and waits for what is under way. The session and a
// pending override stay, for the next gate of the same boot.
func (g *Gate) Close(ctx context.Context) error {
	g.pulse.Lock()
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		g.pulse.Unlock()
		return nil
	}
	g.closed = true
	g.endGrants(entry.ReasonStopped)
	g.endScopes(entry.ReasonStopped)
	if p := g.pending; p != nil {
		p.stop()
	}
	g.unwatch()
	next := *g.snap.Load()
	next.Generation++ // what was decided before is withdrawn
	g.snap.Store(&next)
	g.mu.Unlock()
	g.pulse.Unlock()

	err := g.flush(ctx)
	g.cancel()
	g.calls.Wait()
	return err
}

// Snapshot is the state that decisions are made under now.
func (g *Gate) Snapshot() *Snapshot { return g.snap.Load() }

// turn is how a new generation differs from the one before, besides its snapshot.
type turn struct {
	entries  []entry.Entry // what is journaled of it, before what it ends
	reason   entry.Reason  // why grants and the pending override end
	keepOver bool          // the pending override goes on
}

// advance publishes what f makes of the current snapshot as a new generation,
// once a pulse in progress is through. It takes effect at once; what is to be
// journaled of it is owed, and the caller flushes.
func (g *Gate) advance(f func(cur *Snapshot) (Snapshot, turn, error)) error {
	g.pulse.Lock()
	defer g.pulse.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return ErrClosed
	}
	cur := g.snap.Load()
	next, t, err := f(cur)
	if err != nil {
		return err
	}
	next.Generation, next.Override = cur.Generation+1, nil
	for _, e := range t.entries {
		g.owe(e, nil, nil)
	}
	g.endGrants(t.reason)
	g.endScopes(t.reason)
	if p := g.pending; p != nil {
		if t.keepOver {
			g.keep(p, &next)
		} else {
			g.endPending(t.reason, nil)
		}
	}
	g.snap.Store(&next)
	return nil
}

// later runs f when d has passed on the boot clock, unless stopped; Close waits for it.
func (g *Gate) later(d time.Duration, f func(ctx context.Context)) (stop func() bool) {
	return g.clock.After(d, func() {
		g.mu.Lock()
		if g.closed {
			g.mu.Unlock()
			return
		}
		g.calls.Add(1)
		g.mu.Unlock()
		defer g.calls.Done()
		ctx, cancel := context.WithTimeout(g.ctx, followUp)
		defer cancel()
		f(ctx)
	})
}

// afterwards is a context for what must be journaled whether or not the
// caller still waits.
func (g *Gate) afterwards() (context.Context, context.CancelFunc) {
	return context.WithTimeout(g.ctx, followUp)
}

func (g *Gate) report(err error) {
	if err != nil && g.opt.Report != nil {
		g.opt.Report(err)
	}
}
