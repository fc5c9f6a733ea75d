package daemon

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/devices"
	"tillwarden/devices/msr"
)

// part is one part of a daemon that can be made to hang, or to take its time.
type part struct {
	mu    sync.Mutex
	hangs chan struct{} // guarded by mu; nil: it goes on
	takes time.Duration // guarded by mu
	deaf  bool          // it does not mind that its time is over
}

func (p *part) hang() (release func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	hangs := make(chan struct{})
	p.hangs = hangs
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.hangs = nil
		close(hangs)
	}
}

func (p *part) probe(ctx context.Context) error {
	p.mu.Lock()
	hangs, takes := p.hangs, p.takes
	p.mu.Unlock()
	if p.deaf {
		ctx = context.WithoutCancel(ctx)
	}
	if hangs == nil {
		// No timer of no time: under the race detector, Go 1.26's runtime may crash
		// where it runs one in a bubble at once (time.go, unlockAndRun).
		if takes <= 0 {
			return ctx.Err()
		}
		hangs = make(chan struct{})
		time.AfterFunc(takes, func() { close(hangs) })
	}
	select {
	case <-hangs:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestWatchdogNeedsProgressOfEveryPart: systemd hears of us only while every part
// makes progress, and hears again once it does; what is merely slow goes on.
func TestWatchdogNeedsProgressOfEveryPart(t *testing.T) {
	for _, name := range []string{"journal", "printer receipt", "pos socket"} {
		for _, deaf := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				const interval = 30 * time.Second
				parts := map[string]*part{"journal": {}, "printer receipt": {}, "pos socket": {}}
				parts[name].deaf = deaf
				var mu sync.Mutex
				var feeds []time.Time // guarded by mu
				var known []stuckPart // guarded by mu
				w := &watchdog{
					interval: interval,
					feed: func() {
						mu.Lock()
						defer mu.Unlock()
						feeds = append(feeds, time.Now())
					},
					stuck: func(parts []stuckPart, _ time.Duration) {
						mu.Lock()
						defer mu.Unlock()
						known = parts
					},
				}
				// anew forgets when systemd was fed, and counts from now on.
				anew := func() {
					mu.Lock()
					defer mu.Unlock()
					feeds = []time.Time{time.Now()}
				}
				// seen is when systemd was fed, once all is at rest, and what is stuck.
				seen := func() ([]time.Time, []stuckPart) {
					synctest.Wait()
					mu.Lock()
					defer mu.Unlock()
					return slices.Clone(feeds), known
				}
				for n, p := range parts {
					w.probes = append(w.probes, probe{n, p.probe})
				}
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() { defer close(done); w.run(ctx) }()
				gap := func(d time.Duration) (longest time.Duration, stuck []stuckPart) {
					anew()
					time.Sleep(d)
					fed, stuck := seen()
					for i, at := range append(fed[1:], time.Now()) {
						longest = max(longest, at.Sub(fed[i]))
					}
					return longest, stuck
				}
				if g, _ := gap(time.Hour); g > interval/2 {
					t.Errorf("all is well, and systemd hears nothing for %v", g)
				}
				// Slow for some seconds, again and again.
				parts[name].mu.Lock()
				parts[name].takes = interval / patience
				parts[name].mu.Unlock()
				if g, _ := gap(10 * time.Minute); deaf && g > interval*2/3 {
					t.Errorf("%s is slow, and systemd hears nothing for %v", name, g)
				}
				parts[name].mu.Lock()
				parts[name].takes = 0
				parts[name].mu.Unlock()
				// One stall that nearly takes the interval.
				release := parts[name].hang()
				anew()
				time.Sleep(interval * 4 / 5)
				release()
				time.Sleep(interval / rounds)
				if fed, stuck := seen(); len(fed) < 2 || len(stuck) > 0 {
					t.Errorf("%s stalled and goes on: fed %d times, stuck %v", name, len(fed)-1, stuck)
				}
				release = parts[name].hang()
				time.Sleep(interval / rounds * 2)
				synctest.Wait()
				if g, stuck := gap(2 * interval); g < 2*interval || len(stuck) != 1 || stuck[0].name != name {
					t.Errorf("%s hangs: fed again after %v, stuck %v", name, g, stuck)
				}
				release()
				time.Sleep(interval / rounds)
				synctest.Wait()
				if g, stuck := gap(time.Minute); g > interval/2 || len(stuck) > 0 {
					t.Errorf("%s goes on: %v, stuck %v", name, g, stuck)
				}
				cancel()
				<-done
			})
		}
	}
}

// TestWatchdogAndTheRealParts: a whole daemon, whose journal, device and sockets
// are made to hang in turn. Each is found and named, where people look.
func TestWatchdogAndTheRealParts(t *testing.T) {
	t.Parallel()
	var committing part
	r := newRegister(t, "")
	link := r.path("reader")
	r.config += "\n[[reader]]\nname = \"front\"\npath = \"" + link + "\"\n"
	r.committing = func() { _ = committing.probe(context.Background()) }
	r.start()
	const interval = 1500 * time.Millisecond
	var fed atomic.Int64
	w := r.d.newWatchdog(interval, func() { fed.Add(1) })
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { w.run(ctx) })
	defer running.Wait()
	defer cancel()
	goesOn := func(when string) {
		t.Helper()
		before := fed.Load()
		until(t, "systemd is fed "+when, func() bool { return fed.Load() > before+2 && r.d.stuck.Load() == nil })
	}
	stops := func(what string) {
		t.Helper()
		until(t, "it is known that there is no progress of: "+what, func() bool {
			stuck := r.d.stuck.Load()
			return stuck != nil && strings.Contains(*stuck, what)
		})
		before := fed.Load()
		time.Sleep(interval / 3)
		if fed.Load() != before {
			t.Errorf("systemd is fed without progress of: %s", what)
		}
		part, _, _ := strings.Cut(what, "(") // why may have become clear after it was logged
		if !strings.Contains(r.log.String(), "msg=\"no progress\"") || !strings.Contains(r.log.String(), part+"(") {
			t.Errorf("the log has nothing of: %s", what)
		}
	}
	goesOn("while all is well")
	before := r.d.journal.Last().Last
	goesOn("for a while")
	if after := r.d.journal.Last().Last; after != before {
		t.Errorf("looking for progress wrote %d entries", after-before)
	}

	release := committing.hang()
	asked := make(chan error, 1)
	go func() {
		_, err := r.pos.Ask(t.Context(), api.AskRequest{Function: "pos.sale.item"})
		asked <- err
	}()
	stops("journal (")
	if s, err := r.tech.Status(t.Context()); err != nil || !slices.ContainsFunc(s.Problems, func(p string) bool { return strings.HasPrefix(p, "no progress: journal") }) {
		t.Errorf("status says %+v %v", s, err)
	}
	release()
	if err := <-asked; err != nil {
		t.Error(err)
	}
	goesOn("once the journal commits")

	// Somebody swipes, and what deals with that hangs.
	r.d.swipes.mu.Lock()
	r.d.swipes.take(msr.Swipe{Source: "front"})
	stops("swipes (")
	r.d.swipes.mu.Unlock()
	goesOn("once swipes are dealt with")

	// A reader is plugged in, and who is told of it hangs.
	r.d.devices.mu.Lock()
	port, err := devices.OpenPTY(devices.PTYConfig{Link: link, Group: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	stops("reader front (" + devices.ErrStuck.Error())
	r.d.devices.mu.Unlock()
	goesOn("once the device is looked after")

	// What every answer needs.
	r.d.problemsMu.Lock()
	stops("technician socket (no answer")
	r.d.problemsMu.Unlock()
	goesOn("once the sockets answer")
	if !strings.Contains(r.log.String(), "make progress again") {
		t.Error("the log does not say that all is well again")
	}
}

// TestFullSocketIsAlive: who may not be let in because others are is answered,
// and a register that is asked too much is not one that hangs.
func TestFullSocketIsAlive(t *testing.T) {
	t.Parallel()
	r := newRegister(t, "connections = 2\nconnections_per_user = 2\n").start()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	path := r.pos.Socket()
	for range 2 { // who comes first is let in first
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	c := api.NewClient(path)
	defer c.Close()
	if _, err := c.Status(ctx); !isCode(err, api.CodeUnavailable) && !isCode(err, api.CodeUnreachable) {
		t.Errorf("the socket is not full: %v", err)
	}
	if err := answers(ctx, path); err != nil {
		t.Errorf("a full socket: %v", err)
	}
	r.halt()
	short, end := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer end()
	if err := answers(short, path); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("nobody is there: %v", err)
	}
}

// TestSocketThatWasRemovedIsNoReasonToEnd: whoever removes a socket's file keeps others
// from asking. Another start would not make it again, and would keep the POS from printing.
func TestSocketThatWasRemovedIsNoReasonToEnd(t *testing.T) {
	t.Parallel()
	r := newRegister(t, "").start()
	path := r.pos.Socket()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	for _, p := range r.d.probes(time.Second) {
		if err := p.run(t.Context()); err != nil {
			t.Errorf("%s: %v", p.name, err)
		}
	}
	s, err := r.tech.Status(t.Context())
	if err != nil || !slices.ContainsFunc(s.Problems, func(p string) bool { return strings.Contains(p, path) && strings.Contains(p, "tillwardend-pos.socket") }) {
		t.Errorf("status says %+v %v", s, err)
	}
}
