package printer

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillwarden/devices"
	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
)

// cable is a line to a fake printer without a kernel in between, so that time
// is the test's.
type cable struct {
	printer *fake

	mu      sync.Mutex
	moved   chan struct{} // closed when something below changes
	in      []byte        // from the printer
	pulled  bool
	closed  bool
	takes   bool // the printer's DTR
	clogged bool // it takes no bytes
}

func newCable(f *fake) *cable {
	c := &cable{printer: f, moved: make(chan struct{}), takes: true}
	f.mu.Lock()
	f.send = func(b []byte) { c.change(func() { c.in = append(c.in, b...) }) }
	f.mu.Unlock()
	return c
}

func (c *cable) change(what func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	what()
	close(c.moved)
	c.moved = make(chan struct{})
}

// await waits until a condition holds, or the cable is pulled, or the time is up.
func (c *cable) await(d time.Duration, holds func() bool) (bool, error) {
	var up <-chan time.Time
	if d >= 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		up = timer.C
	}
	for {
		c.mu.Lock()
		ok, moved := holds(), c.moved
		var err error
		switch {
		case c.closed:
			err = devices.ErrClosed
		case c.pulled:
			err = devices.ErrGone
		}
		c.mu.Unlock()
		if ok || err != nil {
			return ok, err
		}
		select {
		case <-moved:
		case <-up:
			return false, nil
		}
	}
}

func (c *cable) Wait(d time.Duration) (bool, error) {
	return c.await(d, func() bool { return len(c.in) > 0 })
}

func (c *cable) Read(p []byte) (int, error) {
	if _, err := c.Wait(100 * time.Millisecond); err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	n := copy(p, c.in)
	c.in = c.in[n:]
	return n, nil
}

func (c *cable) Write(p []byte) (int, error) {
	for i := range p {
		ok, err := c.await(200*time.Millisecond, func() bool { return !c.clogged })
		if err != nil {
			return i, err
		}
		if !ok {
			return i, devices.ErrStalled
		}
		c.printer.arrives(p[i : i+1])
	}
	return len(p), nil
}

func (c *cable) Lines() (devices.Lines, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.takes {
		return devices.LineDSR, nil
	}
	return 0, nil
}
func (c *cable) SetLines(_, _ devices.Lines) error { return nil }
func (c *cable) DiscardInput() error               { c.change(func() { c.in = nil }); return nil }
func (c *cable) Queued() (int, error)              { return 0, nil }
func (c *cable) Close() error                      { c.change(func() { c.closed = true }); return nil }

// counterRig is a rig whose printer hangs on a cable; what its POS sends goes
// the way that it goes from a port.
type counterRig struct {
	*rig
	ctx   context.Context
	sends chan string
	cable *cable
	// plugged is closed while there is a cable.
	mu      sync.Mutex
	plugged chan struct{}
	marks   int
	opened  int
}

func newCounterRig(t *testing.T, flow Flow) *counterRig {
	began := time.Now()
	boot := func() time.Duration { return time.Hour + time.Since(began) }
	f := &fake{t: t}
	r := &counterRig{rig: &rig{TB: t, boot: boot, printer: f}, sends: make(chan string), plugged: make(chan struct{})}
	r.openGate()
	g, err := New(Options{
		Name: "receipt", Open: func(context.Context) (devices.Port, error) { return nil, devices.ErrGone },
		Drawers: []Drawer{{"till", 1}}, Key: []byte("key"), Polarity: PolarityHighOpen, Now: boot, Flow: flow,
		Session:    func() entry.Seq { return entry.Seq(r.session.Load()) },
		Generation: func() uint64 { return r.gate.Snapshot().Generation },
		Authority:  r.rig, Events: r.take, Rules: Rules{Order: OrderAsked},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Guard = g
	r.answer = func(context.Context, Kick) {} // nobody is granted anything by a kick
	ctx, cancel := context.WithCancel(t.Context())
	r.ctx = ctx
	var wg sync.WaitGroup
	wg.Go(func() { g.lookAfter(ctx) })
	wg.Go(func() { g.decide(ctx) })
	wg.Go(func() { g.tell(ctx) })
	wg.Go(func() {
		for {
			select {
			case s := <-r.sends:
				for p := []byte(s); len(p) > 0; {
					if _, err := g.admit(ctx); err != nil {
						return
					}
					p = p[g.feed(p, g.arrival()):]
				}
			case <-ctx.Done():
				return
			}
		}
	})
	wg.Go(func() {
		for ctx.Err() == nil {
			r.mu.Lock()
			c, plugged := r.cable, r.plugged
			r.mu.Unlock()
			if c == nil {
				select {
				case <-plugged:
				case <-ctx.Done():
				}
				continue
			}
			_ = g.runLine(ctx, c)
			_ = wait(ctx, nil, 50*time.Millisecond)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	g.posOpened()
	r.plug()
	return r
}

func (r *counterRig) plug() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cable = newCable(r.printer)
	close(r.plugged)
}

func (r *counterRig) unplug() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cable.change(func() { r.cable.pulled = true })
	r.cable, r.plugged = nil, make(chan struct{})
}

// prints sends something in the middle of which trouble may come; it does not
// wait for it to be taken.
func (r *counterRig) prints(s string) {
	go func() {
		select {
		case r.sends <- s:
		case <-r.ctx.Done():
		}
	}()
	synctest.Wait()
}

// mark prints a line that must be found later.
func (r *counterRig) mark() string {
	r.marks++
	s := fmt.Sprintf("<mark %d>", r.marks)
	r.prints(s + "\n")
	return s
}

// opens redeems a grant, if it can be had, and counts the pulse.
func (r *counterRig) opens() error {
	err := r.redeem(r.ctx, r.grant("till"), "till")
	if err == nil {
		r.opened++
	}
	return err
}

// half is what the POS is in the middle of when trouble comes, and whole the
// rest of it.
const half, whole = "total \x1bE", "\x01"

const halfPicture = "\x1dv0\x00\x04\x00\x10\x00UUUUUUUUUUUUUUUUUUUUUUU" // 23 of 64 bytes

// troubles are what befalls a register in the middle of its work. Each leaves
// the printer as it will be found later: switched on, with paper, plugged in.
var troubles = []struct {
	name string
	do   func(r *counterRig)
	// loses: what the printer had not printed yet may be lost in it. unseen: we
	// cannot know that the printer has forgotten what it was in the middle of.
	loses, unseen bool
}{
	{"switched off and on", func(r *counterRig) {
		r.printer.power(false)
		time.Sleep(10 * time.Second)
		r.printer.power(true)
	}, true, false},
	{"switched off and on at once", func(r *counterRig) {
		r.printer.power(false)
		r.printer.power(true)
	}, true, true},
	{"out of paper", func(r *counterRig) {
		r.printer.set(func(f *fake) { f.offline, f.busy = true, true })
		r.prints("printed later\n")
		time.Sleep(7 * time.Second)
		r.printer.set(func(f *fake) { f.offline, f.busy = false, false })
	}, false, false},
	{"its buffer full", func(r *counterRig) {
		c := r.cable
		full := func(yes bool) {
			switch {
			case r.o.Flow == FlowDSR:
				c.change(func() { c.takes = !yes })
			case yes:
				r.printer.send([]byte{xoff})
			default:
				r.printer.send([]byte{xon})
			}
			synctest.Wait()
		}
		full(true)
		before := r.printer.printed()
		r.prints(whole + "too much\n")
		time.Sleep(4 * time.Second)
		if now := r.printer.printed(); now != before {
			r.Errorf("a printer that is full gets %q", strings.TrimPrefix(now, before))
		}
		full(false)
	}, false, false},
	{"clogged", func(r *counterRig) { // it ignores its own flow control
		c := r.cable
		c.change(func() { c.clogged = true })
		time.Sleep(6 * time.Second)
		c.change(func() { c.clogged = false })
	}, true, false},
	{"unplugged", func(r *counterRig) {
		r.unplug()
		time.Sleep(time.Second)
		r.plug()
	}, true, false},
	{"unplugged in a picture", func(r *counterRig) {
		r.prints(whole + halfPicture)
		time.Sleep(10 * time.Millisecond)
		r.unplug()
		time.Sleep(time.Second)
		r.plug()
	}, true, false},
	{"a picture broken off", func(r *counterRig) {
		r.prints(whole + halfPicture)
		r.posClosed()
		time.Sleep(2 * time.Second) // what comes sooner is taken for its rest
		r.posOpened()
	}, false, false},
	{"half a kick, and the next job", func(r *counterRig) {
		r.prints(whole + "\x1bp\x00")
		r.posClosed()
		time.Sleep(10 * time.Millisecond)
		r.posOpened()
		r.prints("\x19\xfa")
	}, false, false},
	{"half a kick, and the next operator", func(r *counterRig) {
		r.prints(whole + "\x1bp")
		if err := r.gate.EndSession(r.ctx, entry.ReasonOwner, enforcer.Subject{}, "test"); err != nil {
			r.Error(err)
		}
		r.signOn()
		r.prints("\x00\x19\xfa")
	}, false, false},
	{"half a real-time kick", func(r *counterRig) {
		r.prints(whole + "\x10\x14\x01")
		time.Sleep(6 * time.Second)
		r.prints("\x00\x01")
	}, false, false},
	{"initialized", func(r *counterRig) { r.prints(whole + "\x1b@") }, false, false},
	{"a drawer wanted", func(r *counterRig) { _ = r.opens() }, false, false},
}

// TestInvariant3InEveryOrder: three troubles one after the other, in every
// order, in the middle of a POS's printing. There is no pulse but by a grant;
// nothing of ours comes in the middle of a command; what was not lost in the
// printer is printed, in order and once; and afterwards printing and opening
// go on.
func TestInvariant3InEveryOrder(t *testing.T) {
	t.Parallel()
	for i, first := range troubles {
		for j, second := range troubles {
			for k, third := range troubles {
				name := first.name + ", " + second.name + ", " + third.name
				flow := []Flow{FlowXonXoff, FlowDSR}[(i+j+k)%2]
				if !t.Run(name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { inOrder(t, flow, i, j, k) })
				}) {
					return // one is enough to look at
				}
			}
		}
	}
}

func inOrder(t *testing.T, flow Flow, order ...int) {
	r := newCounterRig(t, flow)
	time.Sleep(3 * time.Second)
	if !r.Status().Trusted {
		t.Fatal("it is not trusted to begin with")
	}
	var marks []string
	loses, unseen := false, false
	for _, i := range order {
		marks = append(marks, r.mark())
		r.prints(kick1 + "\x1dr1\x10\x04\x02")
		r.prints(half)
		troubles[i].do(r)
		r.prints(whole + " 1.20\n")
		loses, unseen = loses || troubles[i].loses, unseen || troubles[i].unseen
	}
	time.Sleep(30 * time.Second)
	last := r.mark()
	if err := r.opens(); err != nil {
		t.Errorf("the drawer stays shut: %v; %+v", err, r.Status())
	}
	time.Sleep(5 * time.Second)
	text := r.printer.printed()
	if !strings.Contains(text, last) {
		t.Errorf("printing does not go on: %q; %+v", text, r.Status())
	}
	at := -1
	for _, m := range marks {
		switch n := strings.Count(text, m); {
		case n > 1, n == 0 && !loses:
			t.Errorf("%s is printed %d times: %q", m, n, text)
		case n == 1:
			if i := strings.Index(text, m); i < at {
				t.Errorf("%s is printed too early: %q", m, text)
			} else {
				at = i
			}
		}
	}
	r.printer.mu.Lock()
	defer r.printer.mu.Unlock()
	if len(r.printer.pulses) != r.opened {
		t.Errorf("%d pulses by %d grants: %q", len(r.printer.pulses), r.opened, r.printer.pulses)
	}
	if r.printer.inside > 0 && !unseen {
		t.Errorf("%d questions in the middle of a command", r.printer.inside)
	}
}
