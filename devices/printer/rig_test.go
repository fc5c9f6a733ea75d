package printer

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"tillwarden/devices"
	"tillwarden/enforcer"
	"tillwarden/enforcer/gatetest"
	"tillwarden/enforcer/journal/entry"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// Tests that run in parallel wait for ports and clocks and compute little. Not
	// many more than processors: what answers within its time alone is late in a crowd.
	if err := flag.Set("test.parallel", strconv.Itoa(min(3*runtime.GOMAXPROCS(0), 12))); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// longEnough is how long a test waits for what is to come: machines that build much
// at a time are slow, and what comes late has come.
const longEnough = 30 * time.Second

var began = time.Now()

func bootTime() time.Duration { return time.Hour + time.Since(began) }

// bootWatch is the guard's boot clock. A test stops it where something is to come in
// time: however long this machine takes for it, nothing is late.
type bootWatch struct {
	mu      sync.Mutex
	lag     time.Duration // of all stops that are over
	stopped time.Duration // when it was stopped; 0: it goes
}

func (w *bootWatch) now() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped != 0 {
		return w.stopped
	}
	return bootTime() - w.lag
}

func (w *bootWatch) stop() {
	now := w.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = now
}

func (w *bootWatch) goOn() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lag, w.stopped = bootTime()-w.stopped, 0
}

// rig is a guard between a fake printer and a POS, with a real gate behind it.
type rig struct {
	testing.TB
	*Guard
	boot    func() time.Duration
	watch   bootWatch
	printer *fake
	gate    *gatetest.Gate
	link    string
	session atomic.Uint64
	stop    func()

	mu     sync.Mutex
	kicks  []Kick
	events []Event
	pulses []error
	// answer is what the authority does with a kick; nil: what the daemon would.
	answer func(ctx context.Context, k Kick)
}

func newRig(t testing.TB, change ...func(*Options)) *rig {
	t.Helper()
	p := newFake(t)
	r := newRigAt(t, p.port.Link(), change...)
	r.printer = p
	return r
}

// newRigAt is a rig with another printer than the fake one.
func newRigAt(t testing.TB, path string, change ...func(*Options)) *rig {
	t.Helper()
	r := &rig{TB: t, boot: bootTime, link: filepath.Join(t.TempDir(), "pos")}
	r.openGate()
	o := Options{
		Name: "receipt", Link: r.link, Group: -1,
		Open: func(context.Context) (devices.Port, error) {
			p, err := devices.OpenSerial(devices.Config{Path: path, Baud: 38400, WriteWait: 200 * time.Millisecond})
			if err != nil {
				return nil, err
			}
			return withMeter(path, p), nil
		},
		Path: path, Backoff: devices.Backoff{Min: 10 * time.Millisecond, Max: 50 * time.Millisecond},
		Drawers: []Drawer{{"till", 1}, {"second", 2}}, Key: []byte("key"), Poll: 20 * time.Millisecond,
		Polarity: PolarityHighOpen, LeftOpen: time.Minute, Now: r.watch.now,
		Session:   func() entry.Seq { return entry.Seq(r.session.Load()) },
		Authority: r, Events: r.take,
		Rules: Rules{Profile: []Rule{{Name: "no sale", Text: "NO SALE", Function: "pos.drawer.nosale"}}},
	}
	for _, c := range change {
		c(&o)
	}
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	r.Guard = g
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	var once sync.Once
	r.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("the guard ends: %v", err)
			}
		})
	}
	t.Cleanup(r.stop)
	eventually(t, "the POS finds its port", func() bool { _, err := os.Stat(r.link); return err == nil })
	return r
}

// ready is a rig whose printer is trusted.
func ready(t testing.TB, change ...func(*Options)) *rig {
	t.Helper()
	r := newRig(t, change...)
	eventually(t, "the printer is trusted", func() bool { s := r.Status(); return s.Trusted && s.Reach == "online" })
	return r
}

func (r *rig) openGate() {
	r.Helper()
	r.gate = gatetest.New(r, r.boot)
	r.session.Store(uint64(r.gate.Session))
}

func (r *rig) signOn() {
	r.Helper()
	r.gate.SignOn()
	r.session.Store(uint64(r.gate.Session))
}

// Kick is what the daemon does with a kick.
func (r *rig) Kick(ctx context.Context, k Kick) {
	r.mu.Lock()
	r.kicks = append(r.kicks, k)
	answer := r.answer
	r.mu.Unlock()
	if answer != nil {
		answer(ctx, k)
		return
	}
	r.open(ctx, k)
}

func (r *rig) open(ctx context.Context, k Kick) { r.tried(r.opening(ctx, k)) }

// insist is open by an operator who asks again; see again.
func (r *rig) insist(ctx context.Context, k Kick) {
	r.tried(again(func() error { return r.opening(ctx, k) }))
}

// again asks again while the printer is busy or answers late, as people do: with
// many tests at a time this machine is slower than a printer may be.
func again(ask func() error) error {
	for end := time.Now().Add(longEnough); ; time.Sleep(10 * time.Millisecond) {
		err := ask()
		if !errors.Is(err, ErrBusy) && !errors.Is(err, ErrOffline) || time.Now().After(end) {
			return err
		}
	}
}

func (r *rig) tried(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pulses = append(r.pulses, err)
}

func (r *rig) opening(ctx context.Context, k Kick) error {
	_, grant, err := r.gate.Authorize(ctx, enforcer.Request{
		Function: k.Function, Drawer: k.Drawer, Purpose: k.Purpose, Claimant: k.Claimant, Method: entry.MethodKick,
		Source: k.Printer, Lines: k.Lines, Digest: k.Digest, Session: k.Session,
	})
	if err == nil && grant == nil {
		err = errDenied
	}
	if err == nil {
		err = r.redeem(ctx, grant, k.Drawer)
	}
	return err
}

var errDenied = errors.New("denied")

func (r *rig) redeem(ctx context.Context, grant *enforcer.Grant, drawer string) error {
	if err := r.Ready(ctx); err != nil {
		return err
	}
	return r.gate.Redeem(ctx, grant, drawer, func(red enforcer.Redemption) error { return r.Pulse(ctx, red) })
}

// opensDrawer redeems a sale's grant, and another one if need be; see again.
func (r *rig) opensDrawer(drawer string) error {
	r.Helper()
	return again(func() error { return r.redeem(context.Background(), r.grant(drawer), drawer) })
}

// redeemNow redeems without asking first whether the printer is ready.
func (r *rig) redeemNow(grant *enforcer.Grant) error {
	ctx := context.Background()
	return r.gate.Redeem(ctx, grant, "till", func(red enforcer.Redemption) error { return r.Pulse(ctx, red) })
}

// grant asks for a sale's opening.
func (r *rig) grant(drawer string) *enforcer.Grant {
	r.Helper()
	return r.gate.Grant(drawer)
}

func (r *rig) take(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// told lists the events of some kinds, in words.
func (r *rig) told(kinds ...entry.Kind) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var words []string
	for _, e := range r.events {
		if !slices.Contains(kinds, e.Kind) {
			continue
		}
		word := e.Kind.String()
		if e.Outcome != 0 {
			word += " " + e.Outcome.String()
		}
		if e.Reason != 0 {
			word += " " + e.Reason.String()
		}
		if e.Text != "" {
			word += " (" + e.Text + ")"
		}
		if e.Count != 0 {
			word += fmt.Sprint(" ", e.Count)
		}
		words = append(words, word)
	}
	return words
}

func (r *rig) kicked() []Kick {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.kicks)
}

func (r *rig) results() []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.pulses)
}

// pos opens the port as a POS application would: it changes nothing about it.
func (r *rig) pos() *os.File {
	r.Helper()
	f, err := os.OpenFile(r.link, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { f.Close() })
	return f
}

// send prints from a POS that opens, writes and closes.
func (r *rig) send(parts ...string) {
	r.Helper()
	f := r.pos()
	for _, p := range parts {
		if _, err := f.WriteString(p); err != nil {
			r.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		r.Fatal(err)
	}
}
