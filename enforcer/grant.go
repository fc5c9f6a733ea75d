package enforcer

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"tillwarden/enforcer/journal/entry"
)

// Grant is the proof of one journaled, allowed decision; it opens one drawer
// once. Only the gate that made it redeems it, and only through the pointer
// that it gave out: a copy is worth nothing.
type Grant struct {
	gate    *Gate
	gen     uint64
	about   entry.Entry // the decision
	expires time.Duration
	stop    func() bool
	ended   error // guarded by gate.mu: why it no longer opens anything
}

// Drawer is the drawer that it is for.
func (gr *Grant) Drawer() string {
	if gr == nil {
		return ""
	}
	return gr.about.Drawer
}

// Seq is the decision's entry, or the approval's.
func (gr *Grant) Seq() entry.Seq {
	if gr == nil {
		return 0
	}
	return gr.about.Seq
}

// Expires is when it ends, on the boot clock.
func (gr *Grant) Expires() time.Duration {
	if gr == nil {
		return 0
	}
	return gr.expires
}

// mint makes the grant of a decision that is in the journal, if its
// generation is still the current one, and the approval that it rests on, if
// any, still holds. Without a drawer there is no grant.
func (g *Gate) mint(gen uint64, e *entry.Entry, r *Request, within *scope) (*Grant, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed || g.snap.Load().Generation != gen || within != nil && !g.holds(within) {
		return nil, false
	}
	if within != nil && !r.NoOverride { // a mere question uses nothing
		within.uses++
	}
	return g.mintLocked(gen, e, r.hold()), true
}

func (g *Gate) mintLocked(gen uint64, e *entry.Entry, hold time.Duration) *Grant {
	if e.Drawer == "" || e.Seq == 0 || (e.Outcome != entry.OutcomeAllowed && e.Mode == entry.ModeEnforce) {
		return nil
	}
	gr := &Grant{gate: g, gen: gen, about: *e, expires: g.clock.Boot() + hold}
	g.grants[gr] = struct{}{}
	gr.stop = g.later(hold, func(ctx context.Context) {
		if g.end(gr, ErrExpired, entry.ReasonExpired) == nil {
			g.report(g.flush(ctx))
		}
	})
	return gr
}

// endGrants ends every grant, as the generation is over. Called with pulse
// and mu held.
func (g *Gate) endGrants(reason entry.Reason) {
	for gr := range g.grants {
		g.endLocked(gr, ErrStale)
		g.owe(lapsed(gr, reason), nil, nil)
	}
}

func (g *Gate) endLocked(gr *Grant, why error) {
	delete(g.grants, gr)
	gr.ended = why
	if gr.stop != nil {
		gr.stop()
	}
}

// end ends a grant unredeemed; the entry is owed. The error says why it could not.
func (g *Gate) end(gr *Grant, why error, reason entry.Reason) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.liveLocked(gr); err != nil {
		return err
	}
	g.endLocked(gr, why)
	g.owe(lapsed(gr, reason), nil, nil)
	return nil
}

func (g *Gate) liveLocked(gr *Grant) error {
	if gr == nil || gr.gate != g {
		return ErrNoGrant
	}
	if _, ok := g.grants[gr]; ok {
		return nil
	}
	if gr.ended == nil {
		return ErrNoGrant // a copy
	}
	return gr.ended
}

func lapsed(gr *Grant, reason entry.Reason) entry.Entry {
	e := followsFrom(&gr.about, entry.KindLapsed)
	e.Outcome, e.Reason = entry.OutcomeDenied, reason
	return e
}

// followsFrom begins an entry about a decision.
func followsFrom(about *entry.Entry, kind entry.Kind) entry.Entry {
	return entry.Entry{
		Kind: kind, Session: about.Session, Operator: about.Operator, Person: about.Person, Function: about.Function,
		FunctionID: about.FunctionID, Drawer: about.Drawer, Purpose: about.Purpose, Source: "daemon", About: about.Seq, Mode: about.Mode,
	}
}

// Redeem consumes the grant and then runs fire, which writes the pulse; it
// answers what fire did, and the journal has it by then. A grant that does not
// open this drawer now is refused (ErrNoGrant, ErrUsed, ErrExpired,
// ErrWrongDrawer, ErrStale) and fire does not run. After ErrUnrecorded it has run,
// and the drawer is open.
//
// Every change of state waits while fire runs. So fire must be bounded by
// itself: its Redemption is not valid for longer than FireLimit. It must not
// call the gate.
func (g *Gate) Redeem(ctx context.Context, gr *Grant, drawer string, fire func(Redemption) error) error {
	if fire == nil {
		return fmt.Errorf("redeeming a grant: %w: nothing to fire", ErrRequest)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("redeeming a grant: %w", err)
	}
	fired, err := false, errUnfinished // as long as fire has not returned
	defer func() {
		if fired && errors.Is(err, errUnfinished) { // fire panicked: the entry is written all the same
			g.redeemed(gr, err)
		}
	}()
	err = g.run(gr, drawer, fire, &fired)
	if !fired {
		if errors.Is(err, ErrExpired) {
			after, cancel := g.afterwards()
			defer cancel()
			g.report(g.flush(after))
		}
		return fmt.Errorf("redeeming a grant: %w", err)
	}
	if failed := g.redeemed(gr, err); failed != nil && err == nil {
		return fmt.Errorf("redeeming a grant: %w: %w", ErrUnrecorded, failed)
	}
	if err != nil {
		return fmt.Errorf("redeeming a grant: writing the pulse: %w", err)
	}
	return nil
}

var errUnfinished = errors.New("writing the pulse did not finish")

// run runs fire with the read lock held.
func (g *Gate) run(gr *Grant, drawer string, fire func(Redemption) error, fired *bool) error {
	g.pulse.RLock()
	defer g.pulse.RUnlock()
	if err := g.consume(gr, drawer); err != nil {
		return err
	}
	*fired = true
	live := new(atomic.Bool)
	live.Store(true)
	stop := g.clock.After(FireLimit, func() { live.Store(false) })
	defer func() {
		live.Store(false)
		stop()
	}()
	return fire(Redemption{drawer: drawer, seq: gr.about.Seq, live: live})
}

// consume takes the grant out of the world, or says why not. Called with
// pulse held for reading, so that the generation cannot change before the
// pulse is written.
func (g *Gate) consume(gr *Grant, drawer string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.liveLocked(gr); err != nil {
		return err
	}
	switch {
	case drawer == "" || drawer != gr.about.Drawer:
		return ErrWrongDrawer
	case gr.gen != g.snap.Load().Generation:
		return ErrStale
	case g.clock.Boot() >= gr.expires:
		g.endLocked(gr, ErrExpired)
		g.owe(lapsed(gr, entry.ReasonExpired), nil, nil)
		return ErrExpired
	}
	g.endLocked(gr, ErrUsed)
	return nil
}

// redeemed journals what became of the pulse; if the journal does not take it
// now, it is owed.
func (g *Gate) redeemed(gr *Grant, result error) error {
	e := followsFrom(&gr.about, entry.KindRedeemed)
	e.Outcome = entry.OutcomeAllowed
	if result != nil {
		e.Outcome, e.Reason = entry.OutcomeError, entry.ReasonWriteFailed
	}
	ctx, cancel := g.afterwards()
	defer cancel()
	if gr.about.Function == functionSale && result == nil {
		g.EndTransaction()
	}
	if err := g.record(ctx, true, &e); err != nil {
		g.mu.Lock()
		g.owe(e, nil, nil)
		g.mu.Unlock()
		return err
	}
	g.emit(e, nil, nil)
	return nil
}

// Lapse gives a grant back unredeemed: the printer cannot write the pulse now.
func (g *Gate) Lapse(ctx context.Context, gr *Grant, reason entry.Reason) error {
	if err := g.end(gr, ErrUsed, reason); err != nil {
		return fmt.Errorf("giving a grant back: %w", err)
	}
	return g.flush(ctx)
}
