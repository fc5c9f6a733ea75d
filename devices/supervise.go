package devices

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Event says that a device came or went.
type Event struct {
	Name string
	Up   bool
	// Err is why it is not there, for Up false. A further event follows while it
	// is away only when the reason changes.
	Err error
}

// Backoff is how long a device is left alone before it is tried again: from Min,
// doubling to Max, each time up to a quarter less, so that the registers of a
// store that lost power together do not act in step.
type Backoff struct {
	Min, Max time.Duration
}

// defaultBackoff is what Supervise uses unless told otherwise.
var defaultBackoff = Backoff{Min: 250 * time.Millisecond, Max: 15 * time.Second}

func (b Backoff) after(failures int) time.Duration {
	d := b.Min
	for range failures {
		if d *= 2; d >= b.Max {
			d = b.Max
			break
		}
	}
	return d - time.Duration(rand.Int64N(int64(d)/4+1))
}

// healthy is how long a device must have run for its earlier failures to be
// forgotten: one that fails as soon as it is opened is backed off from all the
// same.
const healthy = 5 * time.Second

// settle is left to whoever makes a device appear, to give it its rights.
const settle = 20 * time.Millisecond

// SuperviseOption changes what Supervise does.
type SuperviseOption func(*supervisor)

// WithBackoff sets how long to wait between tries.
func WithBackoff(b Backoff) SuperviseOption { return func(s *supervisor) { s.backoff = b } }

// WithPath says where the device appears, so that it is opened as soon as it
// does.
func WithPath(path string) SuperviseOption { return func(s *supervisor) { s.path = path } }

// WithLoops lets Supervise's own loop be watched: that opening and closing the
// device, and telling of it, come to an end. How long run takes is run's.
func WithLoops(l *Loops) SuperviseOption { return func(s *supervisor) { s.loops = l } }

type supervisor struct {
	name    string
	loops   *Loops
	loop    *Loop
	path    string
	backoff Backoff
	events  func(Event)
	look    *appearance
	last    string // the last reason told; "" while up, "-" before the first
}

// Supervise owns a device until the context ends: it opens it, runs run with it,
// closes it when run returns, and begins again after a while. It returns nil
// when the context ended, and otherwise never.
//
// All calls of open, run and events come from this one goroutine. When the
// context ends the port is closed under run, whose calls then return ErrClosed.
func Supervise(ctx context.Context, name string, open func(context.Context) (Port, error), run func(context.Context, Port) error, events func(Event), options ...SuperviseOption) error {
	s := &supervisor{name: name, backoff: defaultBackoff, events: events, last: "-"}
	for _, o := range options {
		o(s)
	}
	if s.events == nil {
		s.events = func(Event) {}
	}
	if s.backoff.Min <= 0 || s.backoff.Max < s.backoff.Min {
		return fmt.Errorf("supervising %s: backoff %v to %v makes no sense", name, s.backoff.Min, s.backoff.Max)
	}
	if s.loops == nil {
		s.loops = &Loops{}
	}
	s.loop = s.loops.Begin("opening or closing the device")
	defer s.loop.End()
	defer s.unwatch()
	failures := 0
	for ctx.Err() == nil {
		s.loop.Turn()
		// Before opening, or the appearance may fall between; and through the
		// run, or a quick replugging may.
		s.watch()
		port, err := open(ctx)
		if err == nil {
			s.up()
			began := time.Now()
			err = s.run(ctx, port, run)
			if time.Since(began) >= healthy {
				failures = 0
			}
			if ctx.Err() != nil {
				break
			}
		}
		s.down(err)
		s.loop.Rest()
		s.wait(ctx, s.backoff.after(failures))
		failures = min(failures+1, 30)
	}
	return nil
}

func (s *supervisor) run(ctx context.Context, port Port, run func(context.Context, Port) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		port.Close()
	})
	s.loop.Rest()
	err := run(ctx, port)
	s.loop.Turn()
	if stop() {
		if closeErr := port.Close(); err == nil {
			err = closeErr
		}
	} else {
		<-closed
	}
	if err == nil {
		err = errEnded
	}
	return err
}

var errEnded = errors.New("device was given up")

func (s *supervisor) up() {
	s.last = ""
	s.events(Event{Name: s.name, Up: true})
}

func (s *supervisor) down(err error) {
	if reason := err.Error(); reason != s.last {
		s.last = reason
		s.events(Event{Name: s.name, Err: err})
	}
}

// watch looks out for the device's appearance, if we know where that would be.
// Where it cannot, the backoff alone finds the device.
func (s *supervisor) watch() {
	if s.path != "" && s.look == nil {
		s.look, _ = watchFor(s.path)
	}
}

func (s *supervisor) unwatch() {
	if s.look != nil {
		s.look.close()
		s.look = nil
	}
}

// wait returns after d, or as soon as the device may be there, or when the
// context ends.
func (s *supervisor) wait(ctx context.Context, d time.Duration) {
	if s.look == nil {
		pause(ctx, d)
		return
	}
	appeared, err := s.look.wait(ctx, d)
	if err != nil {
		s.unwatch()
	}
	if appeared {
		pause(ctx, settle)
	}
}
