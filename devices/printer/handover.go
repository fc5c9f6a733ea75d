package printer

import (
	"context"
	"time"

	"tillwarden/devices/loopback"
	"tillwarden/enforcer/journal/entry"
)

// From one process of the daemon to the next. The ports stay open by themselves
// (Options.Keep). A process that is stopped in good order lets the printer come
// to rest, and leaves a memo; one that was killed leaves none, and the next one
// trusts nothing: not the printer, and what comes from the POS is read as the
// beginning of something.

// The times of a stop: for who writes to the printer to be done, and for what
// was written to leave the kernel.
const (
	quietWait = 300 * time.Millisecond
	drainWait = 600 * time.Millisecond
)

// quiesce ends the writing to the printer, for good. What was written has left
// us then, or the printer's state is unknown to the next process.
func (g *Guard) quiesce() {
	if g.o.Keep == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), quietWait+drainWait)
	defer cancel()
	quiet, stop := context.WithTimeout(ctx, quietWait)
	defer stop()
	if g.take(quiet) != nil { // and it is never given back
		return
	}
	for ctx.Err() == nil {
		g.mu.Lock()
		l := g.line
		g.mu.Unlock()
		if l == nil {
			return
		}
		n, err := l.port.Queued()
		if err == nil && n == 0 {
			g.mu.Lock()
			g.handed = g.line == l && g.trusted && !g.raw.dirty
			g.mu.Unlock()
			return
		}
		_ = wait(ctx, nil, 5*time.Millisecond)
	}
}

// unfed keeps what was read from the POS and could not be looked at any more.
func (g *Guard) unfed(s *seat, p []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s.unfed = append([]byte(nil), p...)
}

func (g *Guard) hasUnfed(s *seat) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(s.unfed) > 0
}

func (g *Guard) takeUnfed(s *seat) (p []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p, s.unfed = s.unfed, nil
	return p
}

// memo is what the next process is told. Everything else has ended by now.
func (g *Guard) memo(left *loopback.Left) *memo {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := &memo{
		Printer: g.o.Name, At: g.o.Now(), Filter: g.filter.State(), Wire: g.wire.State(), Last: g.last.State(),
		Trusted: g.handed, Unset: g.unset, Begun: g.queue.begun, Leaving: [2]byte{g.leaving.a, g.leaving.b}, Sent: g.sent, Reached: g.reached,
		Arrival: memoQuestions(g.demux.arrival), Bytes: memoQuestions(g.demux.bytes), Blocks: memoQuestions(g.demux.blocks),
		Visit: g.demux.visit, Away: g.away, Opened: g.opened, Active: g.active, Replies: g.replies, PTYAway: g.pty.away, Left: left,
	}
	for _, u := range g.queue.units {
		m.Units = append(m.Units, memoUnit{Bytes: u.bytes, Text: u.text, Ends: u.ends, Init: u.init, Asks: uint8(u.asks), Visit: u.visit})
	}
	if s := g.floor; s != nil {
		m.Floor, m.FloorUnknown, m.Unfed = s.number, s.unknown, s.unfed
	}
	return m
}

func memoQuestions(list []question) (told []memoQuestion) {
	for _, q := range list {
		told = append(told, memoQuestion{Who: uint8(q.who), At: q.at, Visit: q.visit, Maybe: q.maybe, One: q.one, Mark: q.mark})
	}
	return told
}

func questions(told []memoQuestion) (list []question) {
	for _, q := range told {
		list = append(list, question{who: asker(q.Who), at: q.At, visit: q.Visit, maybe: q.Maybe, one: q.One, mark: q.Mark})
	}
	return list
}

// resume goes on where the last process left off. It reports whether that can
// be; else everything is as after New.
func (g *Guard) resume(m *memo) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.o.Now()
	if m == nil || m.Printer != g.o.Name || m.At > now {
		return false
	}
	wire, err := g.o.Dialect.TailIn(m.Wire)
	if err != nil {
		return false
	}
	last, err := g.o.Dialect.TailIn(m.Last)
	if err != nil {
		return false
	}
	// What a memo holds for the printer is looked at as all that is for it.
	tail := last
	for _, u := range m.Units {
		if !tail.Safe(u.Bytes) {
			return false
		}
		tail.Sent(u.Bytes)
	}
	if err := g.filter.Restore(m.Filter); err != nil {
		return false
	}
	g.wire, g.last = wire, last
	for _, u := range m.Units {
		g.queue.units = append(g.queue.units, unit{bytes: u.Bytes, text: u.Text, ends: u.Ends, init: u.Init, asks: form(u.Asks), visit: u.Visit})
		g.queue.size += len(u.Bytes)
	}
	g.queue.begun, g.unset, g.sent, g.reached = m.Begun, m.Unset, m.Sent, m.Reached
	g.leaving = scanner{m.Leaving[0], m.Leaving[1]}
	d := &g.demux
	d.arrival, d.bytes, d.blocks, d.visit = questions(m.Arrival), questions(m.Bytes), questions(m.Blocks), m.Visit
	// What was answered while nobody listened is lost: those who asked are not
	// told another's answer.
	d.doubt, d.heard = len(d.arrival)+len(d.bytes)+len(d.blocks) > 0, now
	g.away, g.opened, g.active, g.replies = m.Away, m.Opened, m.Active, m.Replies
	g.fed, g.closed = now, now
	if m.Trusted {
		g.trustUntil = m.At + memoFor
	}
	return true
}

// resumed reports whether the printer that is attached now is trusted, because
// the last process left it so a moment ago. Once. What a network printer does
// with half a command when its connection ends is not known. Called with mu held.
func (g *Guard) resumed(l *line) bool {
	until := g.trustUntil
	g.trustUntil = 0
	if until == 0 || g.o.Now() >= until || l.hangsUp && g.queue.begun {
		return false
	}
	g.trusted = true
	g.event(Event{Kind: entry.KindDeviceTrust, Outcome: entry.OutcomeAllowed, Reason: entry.ReasonRestart})
	return true
}
