package printer

import (
	"context"
	"errors"
	"io"
	"time"

	"tillwarden/devices/loopback"
	"tillwarden/enforcer/journal/entry"
)

// The POS may attach in more than one way: by the pty, and by the loopback
// port. The printer sees one POS. Who begins to print has the floor, until
// nothing has come for a while and no command is half sent; the others wait, and
// the kernel holds what they have written. Answers go to who has the floor.

// front is a way in: the pty, or one connection to the loopback port.
type front interface {
	io.ReadWriter
	Wait(d time.Duration) (bool, error)
}

// seat is a front with what the guard knows of who sits there.
type seat struct {
	front front
	// settle, where given, returns when all is known of openings and closings
	// that there were before it was called.
	settle func() error
	number uint64 // a connection's; 0: the pty
	// unknown: whose connection it is could not be told (loopback.Conn.Unknown). It
	// may be anybody's: it prints, and that is all. Kicks in it are nobody's, what
	// it prints proves no sale, and says of nobody that they are at work.
	unknown bool
	came    arrival // a connection's: what there was when it came, before its turn
	unfed   []byte  // what was read and not looked at. Guarded by the guard's mu
	away    bool    // nobody has it open. Guarded by the guard's mu
	ended   bool    // a connection: nothing more will come of it. Guarded by the guard's mu
}

// floorIdle is how long nothing comes from who has the floor before another
// front may take it. POS applications print a receipt in many writes.
const floorIdle = 2 * time.Second

// holds reports whether a seat has the floor. Called with mu held.
func (g *Guard) holds(s *seat) bool { return g.floor == s }

// takeFloor waits until a seat has the floor, and holds it until yield. It
// reports whether it had to wait.
func (g *Guard) takeFloor(ctx context.Context, s *seat) (waited bool, err error) {
	for {
		g.mu.Lock()
		now, changed := g.o.Now(), g.changed
		free, until := g.floorFree(s, now)
		if free {
			if !g.holds(s) {
				g.seatAt(s)
			}
			g.speaking = true
			g.mu.Unlock()
			return waited, nil
		}
		g.mu.Unlock()
		waited = true
		if err := wait(ctx, changed, until); err != nil {
			return waited, err
		}
	}
}

// floorFree reports whether a seat may have the floor, and else when to look
// again, unless something changes. Called with mu held.
func (g *Guard) floorFree(s *seat, now time.Duration) (free bool, until time.Duration) {
	switch {
	case g.floor == nil, g.holds(s):
		return true, 0
	case g.speaking, g.filter.Waiting():
		return false, time.Hour
	case g.floor.ended:
		return true, 0
	}
	left := g.fed + floorIdle - now
	return left <= 0, max(left, time.Millisecond)
}

// seatAt gives a seat the floor. What the one before has asked, and has not
// been told, nobody is told. Called with mu held.
func (g *Guard) seatAt(s *seat) {
	g.floor = s
	g.away, g.opened, g.active = s.away, !s.away, false
	g.demux.posLeft()
	g.replies = nil
	g.notify()
}

// yield says that what was read has been dealt with.
func (g *Guard) yield() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.speaking = false
	g.notify()
}

// leave is for a connection that has ended: nobody is answered there any more.
// A command that it left half sent is ended like that of a POS that closed its
// port; then another may have the floor.
func (g *Guard) leave(s *seat) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s.ended, s.away = true, true
	if g.holds(s) {
		g.posLeft()
	}
	g.notify()
}

// serve is one connection's life.
func (g *Guard) serve(ctx context.Context, c *loopback.Conn) error {
	g.mu.Lock()
	s := &seat{number: c.Number()}
	if f := g.floor; f != nil && f.front == nil && f.number == s.number {
		s = f // it had the floor when the last process ended
	}
	s.front, s.unknown = c, c.Unknown()
	s.came, _ = c.Note().(arrival)
	if s.unknown {
		// Of no bytes: all of it is forwarded that may be.
		g.refusals.add(printPort, "it prints, and opens nothing: "+whyUnknown, entry.ReasonUnknownClient, 0, g.o.Now())
		g.notify()
	}
	g.mu.Unlock()
	err := g.pump(ctx, s)
	if errors.Is(err, io.EOF) {
		// It sends no more, but may be waiting for an answer.
		if !s.unknown {
			g.answered(ctx, s)
		}
		err = nil
	}
	if ctx.Err() == nil || err == nil {
		g.leave(s)
	}
	return err
}

// answersFor is how long a client that has sent all is still answered.
const answersFor = 2 * time.Second

// answered waits until what a seat has sent is printed as far as its questions
// go, and answered, but not for long.
func (g *Guard) answered(ctx context.Context, s *seat) {
	ctx, cancel := context.WithTimeout(ctx, answersFor)
	defer cancel()
	for {
		g.mu.Lock()
		open := g.holds(s) && (g.queue.asks() || g.demux.owed() || len(g.replies) > 0 || g.answering)
		changed := g.changed
		g.mu.Unlock()
		if !open || wait(ctx, changed, answersFor) != nil {
			return
		}
	}
}
