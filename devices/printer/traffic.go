package printer

import (
	"sync/atomic"
	"time"
)

// stuckAfter is how long a printer may take nothing of what waits for it in the
// kernel before it counts as one that is not ready.
const stuckAfter = 2 * time.Second

// traffic is whether what was written to a line leaves it.
type traffic struct {
	wrote atomic.Int64 // bytes that the kernel was given

	// Guarded by the guard's mu.
	waits bool          // some had not left when we looked last
	left  int64         // how many had, then
	at    time.Duration // when some did last, or nothing waited
	held  bool          // the printer counts as offline for that
	full  bool          // something waits here that the line does not take
	since time.Duration // when that began
}

// keeps takes down whether the line keeps back what waits for it here.
func (g *Guard) keeps(l *line, back bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if l.traffic.full != back {
		l.traffic.full, l.traffic.since = back, g.o.Now()
	}
}

// stuck takes down how much is queued in the kernel, and reports whether
// nothing of that has left for too long. It says so once in that time.
func (t *traffic) stuck(queued int, now time.Duration) bool {
	left := t.wrote.Load() - int64(queued)
	if queued == 0 || left != t.left || !t.waits {
		t.left, t.at, t.waits = left, now, queued > 0
		return false
	}
	if now-t.at < stuckAfter {
		return false
	}
	t.at = now
	return true
}

// stalls is for a printer that takes nothing. Where it may, it is out of paper, or
// has an error: what it was sent it has, or gets later. With RTS/CTS it may have
// been switched off as well, of which its flow control says nothing; to take it
// for that would lose what is printed each time that its paper is changed.
// Elsewhere it is a fault. Called with mu held.
func (g *Guard) stalls(l *line) {
	switch {
	case g.line != l:
	case !l.lossless && g.o.Flow != FlowRTSCTS:
		g.missed(l, 1)
	case g.reach == reachOnline:
		l.traffic.held = true
		g.reaches(reachOffline)
		g.notify()
	}
}

// goesOn is for a printer that takes something. Called with mu held.
func (g *Guard) goesOn(l *line) {
	if l.traffic.held && g.line == l && g.reach == reachOffline {
		g.reaches(reachOnline)
		g.notify()
	}
	l.traffic.held = false
}
