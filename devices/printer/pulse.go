package printer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tillwarden/devices"
	"tillwarden/devices/escpos"
	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
)

// Why a printer cannot pulse now.
var (
	// ErrNotRedeemed: there is no valid redemption for one of this printer's drawers.
	ErrNotRedeemed = errors.New("no redeemed grant for this drawer")
	// ErrBusy: what was printed before has not left yet, or the printer takes no more for now.
	ErrBusy = errors.New("the printer is busy")
	// ErrOffline: the printer is not there, does not answer, or says that it is offline.
	ErrOffline = errors.New("the printer does not answer or is offline")
	// ErrNoText: a slip is to be printed on a printer of this dialect, which has no text.
	ErrNoText = errors.New("this dialect's printers print pictures alone")
	// ErrNoSensor: it is not known how a printer of this dialect is asked for its sensor.
	ErrNoSensor = errors.New("the sensor of this dialect's printers cannot be read")
	// ErrUntrusted: the printer's state is not known yet.
	ErrUntrusted = errors.New("the printer is not resynchronised")
)

// ReasonOf is the journal's word for an error of Ready, Pulse or Slip.
func ReasonOf(err error) entry.Reason {
	switch {
	case err == nil:
		return entry.ReasonNone
	case errors.Is(err, ErrOffline):
		return entry.ReasonOffline
	case errors.Is(err, ErrUntrusted):
		return entry.ReasonUntrusted
	case errors.Is(err, ErrBusy), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return entry.ReasonBusy
	}
	return entry.ReasonWriteFailed
}

// ready says whether a pulse written now would take effect now. Called with
// mu held.
func (g *Guard) ready() error {
	g.sober()
	switch {
	case g.line == nil, g.reach == reachAway, g.reach == reachSilent:
		return ErrOffline
	case !g.trusted && g.clearing:
		return ErrBusy
	case !g.trusted:
		return ErrUntrusted
	case g.reach != reachOnline:
		return ErrOffline
	case g.paused, g.queue.size > 0, g.queue.begun, g.unset:
		return ErrBusy
	}
	return nil
}

// drained is ready, and nothing left in the kernel either.
func (g *Guard) drained(l *line) error {
	if n, err := l.port.Queued(); err != nil || n > 0 {
		return ErrBusy
	}
	return nil
}

// Ready waits until the printer can pulse, at most until the context ends: what
// was printed before leaves first, and nothing new is taken from the POS
// meanwhile. It stays so for a moment after. A printer that cannot be reached
// or trusted is answered at once.
//
// What the printer has in its own buffer is done first, too, where it can be
// asked for that (Options.Drain). None of it can open a drawer: no kick of a POS
// is ever forwarded. So when the operator changes there is nothing to wait for,
// nor to take back.
func (g *Guard) Ready(ctx context.Context) error {
	if err := g.waitReady(ctx); err != nil {
		return fmt.Errorf("printer %s: %w", g.o.Name, err)
	}
	return nil
}

func (g *Guard) waitReady(ctx context.Context) error {
	if err := ctx.Err(); err != nil { // nobody waits for it any more
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, maxHold)
	defer cancel()
	g.want(1)
	defer g.want(-1)
	for {
		g.mu.Lock()
		err, l, changed, ask := g.ready(), g.line, g.changed, false
		if err == nil {
			err = g.drained(l)
		}
		// Nor can it be asked how it is while it owes the POS an answer.
		if err == nil && (!g.empty() || !g.demux.may()) {
			err, ask = ErrBusy, !g.empty() && !g.demux.awaits(g.sent)
		}
		if err == nil {
			g.hold = g.o.Now() + holdFor
		}
		g.mu.Unlock()
		if err == nil || !errors.Is(err, ErrBusy) {
			return err
		}
		if ask && g.take(ctx) == nil {
			ask = g.drain(l) == nil
			g.release()
		}
		if !ask && wait(ctx, changed, 10*time.Millisecond) != nil {
			return err
		}
		g.expire(l)
	}
}

// want says how many wait for the queue to drain.
func (g *Guard) want(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wanted += n
	now := g.o.Now()
	if n > 0 {
		g.lingers = now + askedAgain
	}
	g.starves(now)
	g.notify()
}

// Pulse opens the drawer that the redemption is for. It is the only way to a
// pulse: the redemption must be the gate's own, valid, and for a drawer of this
// printer; and the pulse must take effect now: the printer's state is known, it
// has just answered that it is online, and nothing of ours is queued before it.
// Else nothing is written, and the error says why (ReasonOf).
func (g *Guard) Pulse(ctx context.Context, r enforcer.Redemption) error {
	d, ok := g.byName[r.Drawer()]
	if !ok || !r.Valid(d.Name) {
		return fmt.Errorf("printer %s: %w", g.o.Name, ErrNotRedeemed)
	}
	ctx, cancel := context.WithTimeout(ctx, pulseLimit)
	defer cancel()
	if err := g.pulse(ctx, r, d); err != nil {
		return fmt.Errorf("printer %s: drawer %s: %w", g.o.Name, d.Name, err)
	}
	return nil
}

func (g *Guard) pulse(ctx context.Context, r enforcer.Redemption, d Drawer) error {
	g.want(1)
	defer g.want(-1)
	for {
		// What was being read from the POS when it was asked to wait comes still.
		err := g.tryPulse(ctx, r, d)
		if !errors.Is(err, ErrBusy) || wait(ctx, nil, 5*time.Millisecond) != nil {
			return err
		}
	}
}

func (g *Guard) tryPulse(ctx context.Context, r enforcer.Redemption, d Drawer) error {
	if err := g.waitReady(ctx); err != nil {
		return err
	}
	if g.take(ctx) != nil {
		return ErrBusy
	}
	defer g.release()
	l, err := g.answersNow(ctx, g.ready)
	if err != nil {
		return err
	}
	// The bytes before it may have to be kept apart from it. From here on only
	// the token's holder writes.
	if err := g.own(l, func() ([]byte, error) { return nil, g.ready() }); err != nil {
		return err
	}
	if err := g.drained(l); err != nil {
		return err
	}
	if err := g.writePulse(l, r, d); err != nil {
		return err
	}
	return g.leaves(l)
}

// answersNow asks the printer how it is, and waits for the answer, for as long
// as good (called with mu held) finds nothing wrong. Called with the token.
func (g *Guard) answersNow(ctx context.Context, good func() error) (*line, error) {
	ctx, cancel := context.WithTimeout(ctx, freshness)
	defer cancel()
	g.mu.Lock()
	l := g.line
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.turn = false // should we not have come to it
		g.notify()
	}()
	for asked := g.language.ask == nil; ; {
		if l == nil {
			return nil, ErrOffline
		}
		if !asked {
			err := g.ask(l, true)
			switch {
			case err == nil:
				asked = true
			case !errors.Is(err, errBusy) && !errors.Is(err, errAsked):
				return nil, err
			}
		}
		g.mu.Lock()
		err, changed := good(), g.changed
		fresh := asked && g.line == l && (g.answers > l.answers || g.language.ask == nil)
		g.mu.Unlock()
		if err != nil {
			return nil, err
		}
		if fresh {
			return l, nil
		}
		switch {
		case wait(ctx, changed, 10*time.Millisecond) == nil:
		case asked:
			return nil, ErrOffline
		default:
			return nil, ErrBusy
		}
	}
}

// writePulse writes the dialect's canonical pulse, all of it at once. It
// is the one place in the product that does, reached from Pulse alone.
func (g *Guard) writePulse(l *line, r enforcer.Redemption, d Drawer) error {
	g.mu.Lock()
	defer g.mu.Unlock() // no answer, loss of trust or new byte comes between
	if err := g.ready(); err != nil {
		return err
	}
	if !g.empty() {
		return ErrBusy
	}
	if g.line != l || !r.Valid(d.Name) {
		return ErrNotRedeemed
	}
	b := pulseBytes(&g.language, d.Connector, g.o.PulseOn, g.o.PulseOff)
	if err := g.put(l, b); err != nil {
		return err
	}
	g.filter.Sent(b)
	g.wire.Sent(b)
	g.last.Sent(b)
	g.sent++
	now := g.o.Now()
	g.sensor.Pulsed(d.Name, r.Seq(), now)
	g.purposes.Opened(d.Name, r.Seq(), now)
	g.hold, g.lingers = 0, 0 // nobody has to ask again, and the POS may go on
	g.notify()
	return nil
}

// pulseBytes are a pulse's bytes. They open nothing before writePulse writes them.
func pulseBytes(l *language, connector int, on, off time.Duration) []byte {
	n1, n2 := byte(on/l.step), byte(off/l.step)
	switch form := l.pulses; {
	case form == pulseIthaca:
		return []byte{0x1B, 'x', byte(connector)}
	case form == pulseStar && connector == 1:
		return []byte{0x1B, 0x07, n1, n2, 0x07}
	case form == pulseStar:
		return []byte{0x1A} // 200 ms; no times can be given
	}
	return []byte{0x1B, 'p', byte(connector - 1), n1, n2}
}

// PulseOffline is what the daemon would write to open a drawer, for tools that
// show a stream as it would leave. It reaches no printer: those who can write to
// one may not call it (a test says so).
func PulseOffline(d *escpos.Dialect, connector int) []byte {
	l := languages[d.Name()]
	return pulseBytes(&l, connector, defaultPulseOn, defaultPulseOff)
}

// leaves waits until the pulse has left the kernel. If the printer does not
// take it, it is not to take it later: the line is given up, and what is left
// in the kernel with it.
func (g *Guard) leaves(l *line) error {
	for end := time.Now().Add(freshness); ; {
		n, err := l.port.Queued()
		switch {
		case err != nil:
			return err
		case n == 0:
			return nil
		case time.Now().After(end):
			l.end(devices.ErrStalled)
			_ = l.port.Close()
			return devices.ErrStalled
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// Pin reads the level of the drawer's sensor now, for calibration: with the
// drawer closed, and with the drawer open (see Calibrate).
func (g *Guard) Pin(ctx context.Context) (high bool, err error) {
	if g.language.ask == nil {
		return false, fmt.Errorf("printer %s: %w", g.o.Name, ErrNoSensor)
	}
	if err := g.take(ctx); err != nil {
		return false, fmt.Errorf("printer %s: %w", g.o.Name, ErrBusy)
	}
	defer g.release()
	if _, err := g.answersNow(ctx, func() error { return nil }); err != nil {
		return false, fmt.Errorf("printer %s: reading the sensor: %w", g.o.Name, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.high, nil
}
