package devices

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// ErrStuck: a loop has not come round for too long.
var ErrStuck = errors.New("it does not come round")

// Loops watches the goroutines that look after one device, for a watchdog:
// each says when it comes round and when it rests. The zero value is ready, and
// safe for use by several goroutines.
//
// It tells a goroutine that hangs from one that has nothing to do, which no
// time-out can: a printer may hold its line for an hour, and nobody may press a
// key all night.
type Loops struct {
	mu  sync.Mutex
	all map[*Loop]struct{} // guarded by mu
}

// Loop is one goroutine of those. Only that goroutine calls its methods.
type Loop struct {
	of   *Loops
	what string
	turn time.Time // guarded by of.mu; when it came round last; zero: it rests
}

// Begin adds a loop, at rest. what says in a word or two what it does.
func (l *Loops) Begin(what string) *Loop {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[*Loop]struct{}{}
	}
	p := &Loop{of: l, what: what}
	l.all[p] = struct{}{}
	return p
}

// Turn says that the loop comes round, and does now what has a bound.
func (p *Loop) Turn() { p.set(time.Now()) }

// Rest says that the loop waits for what may never come.
func (p *Loop) Rest() { p.set(time.Time{}) }

func (p *Loop) set(at time.Time) {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	p.turn = at
}

// End says that the loop is over.
func (p *Loop) End() {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	delete(p.of.all, p)
}

// Stuck says which loops have been at one thing for longer than limit
// (ErrStuck), or returns nil. It takes no lock that a loop holds while it works.
func (l *Loops) Stuck(limit time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var stuck []string
	for p := range l.all {
		if at := time.Since(p.turn); !p.turn.IsZero() && at > limit {
			stuck = append(stuck, fmt.Sprintf("%s for %v", p.what, at.Truncate(time.Second)))
		}
	}
	if len(stuck) == 0 {
		return nil
	}
	slices.Sort(stuck)
	return fmt.Errorf("%w: %s", ErrStuck, strings.Join(stuck, ", "))
}

// Watched is a port whose one goroutine, which reads, is watched: it rests while
// it waits for the device, and has its turn from one read to the next.
func Watched(p Port, l *Loop) Port { return &watched{p, l} }

type watched struct {
	Port
	loop *Loop
}

func (w *watched) Read(p []byte) (int, error) {
	w.loop.Rest()
	defer w.loop.Turn()
	return w.Port.Read(p)
}

func (w *watched) Wait(d time.Duration) (bool, error) {
	w.loop.Rest()
	defer w.loop.Turn()
	return w.Port.Wait(d)
}
