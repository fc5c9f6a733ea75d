package printer

import (
	"context"
	"time"

	"tillwarden/devices"
	"tillwarden/devices/escpos"
	"tillwarden/enforcer/journal/entry"
)

// The POS's side: what it prints comes in, answers go back.

// pump reads what the POS prints at one front, as fast as the printer takes it,
// until the front ends: io.EOF where the POS has sent all.
func (g *Guard) pump(ctx context.Context, s *seat) error {
	loop := g.loops.Begin("taking what the POS prints")
	defer loop.End()
	buf := make([]byte, 512)
	came, behind := s.came, false
	if s.number > 0 { // a connection: what it has brought by now came before its turn
		behind, _ = s.front.Wait(0)
	}
	for {
		loop.Rest() // until there is something, and the floor and room for it
		if !g.hasUnfed(s) {
			if _, err := s.front.Wait(-1); err != nil {
				return err
			}
		}
		// A kick belongs to the session at its arrival, not to the one that is
		// there when a slow printer lets us read on. What is read after a wait
		// counts as of before it, until we have caught up: somebody else's
		// session never pays for it.
		if !behind {
			came = g.arrival()
		}
		waited, err := g.takeFloor(ctx, s)
		if err == nil {
			behind = behind || waited
			waited, err = g.pass(ctx, s, loop, buf, came)
			behind = behind || waited
			g.yield()
		}
		if err != nil {
			return err
		}
		if behind {
			if more, err := s.front.Wait(0); err == nil && !more {
				behind = false
			}
		}
	}
}

// pass reads once and feeds what was read. It reports whether it had to wait.
func (g *Guard) pass(ctx context.Context, s *seat, loop *devices.Loop, buf []byte, came arrival) (waited bool, err error) {
	if waited, err = g.admit(ctx); err != nil {
		return waited, err
	}
	loop.Turn()
	p := g.takeUnfed(s)
	if len(p) == 0 {
		n, err := s.front.Read(buf)
		if err != nil {
			return waited, err
		}
		p = buf[:n]
		if s.settle != nil {
			// Who sent it has opened the port before, and nobody has closed it unknown
			// to us: it is known whose it is. Where the pty has ended by now, it counts.
			_ = s.settle()
		}
	}
	for len(p) > 0 {
		p = p[g.feed(p, came):]
		if len(p) == 0 {
			break
		}
		waited = true
		loop.Rest()
		if _, err := g.admit(ctx); err != nil {
			g.unfed(s, p)
			return waited, err
		}
		loop.Turn()
	}
	return waited, nil
}

// arrival is what there was when something came from the POS.
type arrival struct {
	session    entry.Seq
	generation uint64
}

// arrival is what there is now. If it changes meanwhile, it is over.
func (g *Guard) arrival() arrival {
	generation := g.o.Generation()
	return arrival{g.o.Session(), generation}
}

// admit waits until there is room for what the POS sends, and nobody needs
// the queue to drain. It reports whether it had to wait.
func (g *Guard) admit(ctx context.Context) (waited bool, err error) {
	for {
		g.mu.Lock()
		now := g.o.Now()
		// Inside a picture the queue cannot drain to ground state: it goes on.
		held := (g.wanted > 0 || g.forced && g.queue.size > 0 || now < g.hold) && g.filter.Ground()
		room := g.queue.size < maxQueued && !held
		changed := g.changed
		until := time.Hour
		if now < g.hold {
			until = g.hold - now
		}
		g.blocked = !room
		if room && waited {
			g.fed = now // the POS could not go on: it has not stalled
		}
		g.mu.Unlock()
		if room {
			return waited, nil
		}
		waited = true
		if err := wait(ctx, changed, until); err != nil {
			return waited, err
		}
	}
}

// feed runs what the POS sent through the filter, and returns how much. While
// somebody waits for the printer it stops where a picture ends: else the next
// one would begin in the same breath, and never be over.
func (g *Guard) feed(p []byte, came arrival) (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.o.Now()
	g.sober()
	g.fed = now
	visit := g.demux.visit
	if g.away {
		visit-- // from before it closed the port: nobody waits for the answers
	} else {
		g.active = true
	}
	n = len(p)
	emit := func(s *escpos.Segment) { g.segment(s, came, visit, now) }
	if g.wanted > 0 && !g.filter.Ground() {
		for n = 0; n < len(p) && !g.filter.Ground(); n++ {
			g.remember(p[n : n+1])
			g.filter.Feed(p[n:n+1], emit)
		}
	} else {
		g.remember(p)
		g.filter.Feed(p, emit)
	}
	g.tapped(p[:n], visit, now)
	g.starves(now)
	g.results(now)
	g.notify()
	return n
}

// whyUnknown is why a connection's kicks are refused of which nobody can say
// whose it is.
const whyUnknown = "whose connection it was could not be told"

// segment deals with one segment of the stream. Called with mu held.
func (g *Guard) segment(s *escpos.Segment, came arrival, visit int, now time.Duration) {
	// Nothing joins what two have sent: nobody else gets the floor while a command
	// is half sent.
	unknown := g.floor != nil && g.floor.unknown
	switch {
	case s.Kind == escpos.Kick && unknown:
		g.refusals.add(s.Name, whyUnknown, entry.ReasonUnknownClient, s.In, now)
		return
	case s.Kind == escpos.Kick:
		drawer := g.byConnector[s.Drawer]
		if drawer == "" {
			g.refusals.add(s.Name, "no drawer at this connector", entry.ReasonNotForwarded, s.In, now)
			return
		}
		g.purposes.Kick(Kick{Printer: g.o.Name, Drawer: drawer, Session: came.session, Generation: came.generation}, now)
		return
	case s.Kind == escpos.Refused:
		if b := g.passes(s); b != nil && !unknown {
			g.forward(b, s, s.Why, visit, now)
			return
		}
		g.refusals.add(s.Name, s.Why, refusedBecause(s), s.In, now)
		return
	case !s.Forwarded():
		return
	}
	// The filter sees to it that there is nothing to be found here; it is not
	// trusted.
	b, ok := g.wire.Last(s.Kind, s.Bytes)
	if (!ok || len(b) != len(s.Bytes)) && g.passesNow() && !unknown {
		g.forward(s.Bytes, s, "could be read as a kick", visit, now)
		return
	}
	if !ok || len(b) != len(s.Bytes) {
		g.refusals.add(s.Name, "could be read as a kick", entry.ReasonUnparsed, s.In, now)
	}
	if !ok {
		return
	}
	s.Bytes = b
	if s.Mended && s.Dots() {
		g.refusals.add(s.Name, s.Why, entry.ReasonNotForwarded, 0, now)
	}
	g.wire.Sent(s.Bytes)
	g.queue.add(unit{
		bytes: s.Bytes, text: s.Kind == escpos.Text, visit: visit,
		ends: s.Kind != escpos.Image || s.Last,
		asks: formOf(s), init: s.Kind == escpos.Init,
	})
	if unknown {
		g.purposes.Printer(s)
		return
	}
	g.purposes.Print(s, now)
	g.printed = g.printed || s.Kind == escpos.Cut
}

func refusedBecause(s *escpos.Segment) entry.Reason {
	if s.Lost {
		return entry.ReasonPrintLost
	}
	if s.Known {
		return entry.ReasonNotForwarded
	}
	return entry.ReasonUnparsed
}

// posOpened and posClosed are told of the pty's openers. Others may have it
// open as well: what a POS has sent since, somebody has it open for.
func (g *Guard) posOpened() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pty.away = false
	if g.holds(g.pty) {
		g.away, g.opened = false, true
	}
	g.notify()
}

func (g *Guard) posClosed() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pty.away = true
	if g.holds(g.pty) {
		g.posLeft()
	}
	g.notify()
}

// posLeft takes down that nobody is there any more. Called with mu held.
func (g *Guard) posLeft() {
	g.closed, g.away, g.opened, g.active = g.o.Now(), true, false, false
	g.demux.posLeft()
	g.replies = nil
}

// reply hands an answer to the POS. Called with mu held.
func (g *Guard) reply(b []byte) {
	if len(g.replies)+len(b) > maxReplies {
		return // it does not read them
	}
	g.replies = append(g.replies, b...)
}

// answer writes the printer's answers to who has the floor. A POS that does not
// read them holds up nothing but itself.
func (g *Guard) answer(ctx context.Context) {
	loop := g.loops.Begin("answering the POS")
	defer loop.End()
	for ctx.Err() == nil {
		loop.Turn()
		g.mu.Lock()
		b, changed := g.replies, g.changed
		var to front
		if g.floor != nil {
			to = g.floor.front
		}
		if to != nil {
			g.replies = nil
		} else {
			b = nil // it is about to come back
		}
		if done := g.answering && len(b) == 0; done {
			g.answering = false
			g.notify()
		}
		g.answering = len(b) > 0
		g.mu.Unlock()
		if len(b) > 0 {
			_, _ = to.Write(b) // what it does not read is lost, as on a line
			continue
		}
		loop.Rest()
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
}

// lookAfter does what is due at a time: kicks that waited for their receipt,
// commands that broke off, what is to be told.
func (g *Guard) lookAfter(ctx context.Context) {
	loop := g.loops.Begin("doing what is due")
	defer loop.End()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		loop.Rest()
		select {
		case <-ctx.Done():
			return
		case <-g.nudge:
		case <-timer.C:
		}
		loop.Turn()
		g.mu.Lock()
		now := g.o.Now()
		changed := g.due(now)
		if changed {
			g.notify()
		}
		at, some := g.nextDue(now)
		g.mu.Unlock()
		timer.Stop()
		if some {
			timer.Reset(max(at-now, time.Millisecond))
		}
	}
}

// due does what is due. Called with mu held.
func (g *Guard) due(now time.Duration) (changed bool) {
	before := len(g.kicks) + len(g.events)
	size := g.queue.size
	if over, flows := g.giveUp(now); over {
		g.end(flows, now)
		g.forced = g.forced && g.queue.size > 0
	}
	g.results(now)
	if at, some := g.refusals.due(g.fed); some && now >= at {
		for _, e := range g.refusals.take() {
			g.event(e)
		}
	}
	return before != len(g.kicks)+len(g.events) || size != g.queue.size
}

func (g *Guard) nextDue(now time.Duration) (at time.Duration, some bool) {
	earliest := func(t time.Duration, ok bool) {
		if ok && (!some || t < at) {
			at, some = t, true
		}
	}
	earliest(g.purposes.Next())
	earliest(g.stall())
	earliest(g.hungry.due())
	earliest(g.refusals.due(g.fed))
	return at, some
}
