package printer

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillwarden/devices"
)

// watchdogLimit is what a watchdog allows a loop.
const watchdogLimit = 10 * time.Second

// TestPrinterThatHoldsIsNotStuck: a printer may hold its line, have no paper, be
// unplugged or swallow nothing for an hour, with a POS that waits for it, and
// nothing of the guard counts as stuck.
func TestPrinterThatHoldsIsNotStuck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		flow Flow
		ail  func(r *counterRig)
		heal func(r *counterRig)
	}{
		"its DTR is down": {
			FlowDSR,
			func(r *counterRig) { r.cable.change(func() { r.cable.takes = false }) },
			func(r *counterRig) { r.cable.change(func() { r.cable.takes = true }) },
		},
		"XOFF": {
			FlowXonXoff,
			func(r *counterRig) { r.printer.send([]byte{xoff}) },
			func(r *counterRig) { r.printer.send([]byte{xon}) },
		},
		"clogged": {
			FlowDSR,
			func(r *counterRig) { r.cable.change(func() { r.cable.clogged = true }) },
			func(r *counterRig) { r.cable.change(func() { r.cable.clogged = false }) },
		},
		"out of paper": {
			FlowDSR,
			func(r *counterRig) { r.printer.set(func(f *fake) { f.offline, f.busy = true, true }) },
			func(r *counterRig) { r.printer.set(func(f *fake) { f.offline, f.busy = false, false }) },
		},
		"switched off": {
			FlowDSR,
			func(r *counterRig) { r.printer.power(false) },
			func(r *counterRig) { r.printer.power(true) },
		},
		"unplugged": {FlowDSR, (*counterRig).unplug, (*counterRig).plug},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newCounterRig(t, c.flow)
				time.Sleep(3 * time.Second)
				c.ail(r)
				r.prints(strings.Repeat("what the POS prints\n", 400)) // more than is queued
				for range 3600 {
					time.Sleep(time.Second)
					if err := r.Stuck(watchdogLimit); err != nil {
						t.Fatal(err)
					}
				}
				c.heal(r)
				time.Sleep(time.Minute)
				if err := r.Stuck(watchdogLimit); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// hangingPort hangs in Write as no port of ours does: in the kernel, or in a
// driver of a library.
type hangingPort struct {
	*cable
	hang chan struct{}
}

func (p *hangingPort) Write(b []byte) (int, error) {
	<-p.hang
	return p.cable.Write(b)
}

// TestStuckPrinterIsNamed: what hangs is found, by its name, and is forgiven when
// it goes on.
func TestStuckPrinterIsNamed(t *testing.T) {
	t.Parallel()
	t.Run("the port", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			r := newCounterRig(t, FlowDSR)
			time.Sleep(3 * time.Second)
			r.unplug()
			time.Sleep(time.Second)
			p := &hangingPort{newCable(r.printer), make(chan struct{})}
			ended := make(chan error, 1)
			ctx, cancel := context.WithCancel(r.ctx)
			go func() { ended <- r.runLine(ctx, p) }()
			time.Sleep(2 * watchdogLimit) // a question that was open when it was unplugged is given up first
			if err := r.Stuck(watchdogLimit); !errors.Is(err, devices.ErrStuck) || !strings.Contains(err.Error(), "asking the printer") {
				t.Errorf("its port hangs: %v", err)
			}
			close(p.hang)
			time.Sleep(time.Second)
			if err := r.Stuck(watchdogLimit); err != nil {
				t.Errorf("it goes on: %v", err)
			}
			cancel()
			<-ended
		})
	})
	t.Run("who decides", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			r := newCounterRig(t, FlowDSR)
			hang := make(chan struct{})
			r.rig.mu.Lock()
			r.answer = func(context.Context, Kick) { <-hang }
			r.rig.mu.Unlock()
			time.Sleep(3 * time.Second)
			r.prints("\x1bp\x00\x19\xfa")
			time.Sleep(2 * watchdogLimit)
			if err := r.Stuck(watchdogLimit); !errors.Is(err, devices.ErrStuck) || !strings.Contains(err.Error(), "deciding about a kick") {
				t.Errorf("nobody decides: %v", err)
			}
			close(hang)
			synctest.Wait()
			if err := r.Stuck(watchdogLimit); err != nil {
				t.Errorf("it was decided: %v", err)
			}
		})
	})
}

// TestPrinterThatHoldsSaysForHowLong: what waits because the printer's handshaking
// holds it back is told of, and for how long; what is printed, or not there, is not.
func TestPrinterThatHoldsSaysForHowLong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		flow Flow
		hold func(r *counterRig, on bool)
	}{
		"its DTR is down": {FlowDSR, func(r *counterRig, on bool) { r.cable.change(func() { r.cable.takes = !on }) }},
		"XOFF": {FlowXonXoff, func(r *counterRig, on bool) {
			b := byte(xon)
			if on {
				b = xoff
			}
			r.printer.send([]byte{b})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newCounterRig(t, c.flow)
				time.Sleep(3 * time.Second)
				r.prints("a receipt\n")
				time.Sleep(time.Minute)
				if s := r.Status(); s.Kept != 0 || s.Queued != 0 {
					t.Fatalf("printed: %d bytes kept for %s", s.Queued, s.Kept)
				}
				c.hold(r, true)
				time.Sleep(time.Minute)
				if s := r.Status(); s.Kept != 0 {
					t.Errorf("with nothing to print: kept for %s", s.Kept)
				}
				r.prints("another\n")
				time.Sleep(time.Minute)
				if s := r.Status(); s.Reach != "online" || s.Queued == 0 || s.Kept < 50*time.Second || s.Kept > time.Minute {
					t.Errorf("held back: %s, %d bytes kept for %s", s.Reach, s.Queued, s.Kept)
				}
				c.hold(r, false)
				time.Sleep(10 * time.Second)
				if s := r.Status(); s.Kept != 0 || s.Queued != 0 {
					t.Errorf("it goes on: %d bytes kept for %s", s.Queued, s.Kept)
				}
			})
		})
	}
}
