package devices

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestStuckLoopIsNoRestingOne: a loop that rests may do so for ever; one that has
// its turn has to come round.
func TestStuckLoopIsNoRestingOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var loops Loops
		a, b := loops.Begin("writing"), loops.Begin("reading")
		time.Sleep(time.Hour)
		if err := loops.Stuck(time.Second); err != nil {
			t.Errorf("both rest: %v", err)
		}
		a.Turn()
		b.Turn()
		time.Sleep(time.Second)
		b.Turn()
		time.Sleep(time.Second)
		if err := loops.Stuck(time.Second); !errors.Is(err, ErrStuck) || !strings.Contains(err.Error(), "writing for 2s") || strings.Contains(err.Error(), "reading") {
			t.Errorf("one comes round, the other does not: %v", err)
		}
		a.Turn()
		if err := loops.Stuck(time.Second); err != nil {
			t.Errorf("it came round: %v", err)
		}
		time.Sleep(time.Minute)
		a.End()
		b.Rest()
		if err := loops.Stuck(time.Second); err != nil {
			t.Errorf("one is over and one rests: %v", err)
		}
	})
}

// TestSupervisedDeviceIsWatched: opening a device and telling of it have to end;
// a device that is not there, or is there for a week, is none that hangs.
func TestSupervisedDeviceIsWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var loops Loops
		ctx, cancel := context.WithCancel(t.Context())
		var there atomic.Bool
		port, hangs := newFakePort(), make(chan struct{})
		open := func(context.Context) (Port, error) {
			if !there.Load() {
				return nil, ErrGone
			}
			return port, nil
		}
		run := func(ctx context.Context, p Port) error {
			<-ctx.Done()
			return ctx.Err()
		}
		told := make(chan struct{}, 1)
		done := make(chan error)
		go func() {
			done <- Supervise(ctx, "reader", open, run, func(e Event) {
				if e.Up {
					told <- struct{}{}
					<-hangs
				}
			}, WithLoops(&loops))
		}()
		time.Sleep(7 * 24 * time.Hour)
		if err := loops.Stuck(10 * time.Second); err != nil {
			t.Errorf("it is not there: %v", err)
		}
		there.Store(true)
		<-told
		time.Sleep(11 * time.Second)
		if err := loops.Stuck(10 * time.Second); !errors.Is(err, ErrStuck) {
			t.Errorf("who is told does not return: %v", err)
		}
		close(hangs)
		time.Sleep(7 * 24 * time.Hour)
		if err := loops.Stuck(10 * time.Second); err != nil {
			t.Errorf("it runs: %v", err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// blockedPort is a port at which nothing comes in until it is told to.
type blockedPort struct {
	Port
	in chan []byte
}

func (p *blockedPort) Wait(time.Duration) (bool, error) { return len(p.in) > 0, nil }
func (p *blockedPort) Read(b []byte) (int, error)       { return copy(b, <-p.in), nil }

// TestWatchedPort: who reads rests while there is nothing, and is stuck when what
// it read keeps it.
func TestWatchedPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var loops Loops
		p := &blockedPort{in: make(chan []byte)}
		handled := make(chan struct{})
		go func() {
			loop := loops.Begin("dealing with what came in")
			defer loop.End()
			w := Watched(p, loop)
			for range 2 {
				_, _ = w.Wait(0)
				_, _ = w.Read(make([]byte, 8))
				handled <- struct{}{}
			}
		}()
		time.Sleep(24 * time.Hour)
		if err := loops.Stuck(10 * time.Second); err != nil {
			t.Errorf("nothing came: %v", err)
		}
		p.in <- []byte("x")
		time.Sleep(11 * time.Second)
		if err := loops.Stuck(10 * time.Second); !errors.Is(err, ErrStuck) {
			t.Errorf("what came in keeps it: %v", err)
		}
		<-handled
		synctest.Wait()
		if err := loops.Stuck(10 * time.Second); err != nil {
			t.Errorf("it reads again: %v", err)
		}
		p.in <- []byte("y")
		<-handled
	})
}
