package drawer

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tillwarden/devices"
	"tillwarden/devices/printer"
	"tillwarden/enforcer"
	"tillwarden/enforcer/gatetest"
	"tillwarden/enforcer/journal/entry"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// Tests that run in parallel wait for ports and clocks and compute little. Not
	// more: a user has 128 inotify instances, and other packages run beside this one.
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for what is to come: machines that build much
// at a time are slow, and what comes late has come.
const patience = 30 * time.Second

var began = time.Now()

func bootTime() time.Duration { return time.Hour + time.Since(began) }

// fakeLine is a drawer's port: what is written to it, and modem lines that the
// test sets. A pty has none.
type fakeLine struct {
	mu      sync.Mutex
	up      devices.Lines
	lineErr error
	written []byte
	stuck   bool // takes bytes and does not send them
	takes   int  // how many bytes it takes; negative: all
	raised  devices.Lines
	closed  chan struct{}
	once    sync.Once
	gone    atomic.Bool
}

func newFakeLine() *fakeLine { return &fakeLine{closed: make(chan struct{}), takes: -1} }

func (f *fakeLine) Read([]byte) (int, error) { return 0, f.end() }

func (f *fakeLine) end() error {
	select {
	case <-f.closed:
	default:
		return nil
	}
	if f.gone.Load() {
		return devices.ErrGone
	}
	return devices.ErrClosed
}

func (f *fakeLine) Wait(time.Duration) (bool, error) { <-f.closed; return false, f.end() }

func (f *fakeLine) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.end(); err != nil {
		return 0, err
	}
	if f.takes >= 0 && f.takes < len(p) {
		f.written = append(f.written, p[:f.takes]...)
		return f.takes, devices.ErrStalled
	}
	f.written = append(f.written, p...)
	return len(p), nil
}

func (f *fakeLine) Lines() (devices.Lines, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.end(); err != nil {
		return 0, err
	}
	return f.up, f.lineErr
}

func (f *fakeLine) SetLines(raise, drop devices.Lines) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.end(); err != nil {
		return err
	}
	f.raised = f.raised&^drop | raise
	return f.lineErr
}

func (f *fakeLine) DiscardInput() error { return nil }

func (f *fakeLine) Queued() (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stuck {
		return len(f.written), f.end()
	}
	return 0, f.end()
}

func (f *fakeLine) Close() error { f.once.Do(func() { close(f.closed) }); return nil }

func (f *fakeLine) set(up devices.Lines) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.up = up
}

func (f *fakeLine) bytes() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return string(f.written)
}

func (f *fakeLine) unplug() { f.gone.Store(true); f.Close() }

// rig is a drawer with a real gate behind it.
type rig struct {
	testing.TB
	*Drawer
	gate    *gatetest.Gate
	session atomic.Uint64
	era     atomic.Uint64
	link    string
	stop    func()

	mu     sync.Mutex
	lines  []*fakeLine // those that were opened
	next   *fakeLine   // what the next opening gives
	busy   error       // why it cannot be opened
	kicks  []printer.Kick
	events []printer.Event
	answer func(context.Context, printer.Kick)
}

func model(t testing.TB, name string) Model {
	t.Helper()
	m, err := ModelNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func newRig(t testing.TB, change ...func(*Options)) *rig {
	t.Helper()
	dir := t.TempDir()
	r := &rig{TB: t, link: filepath.Join(dir, "pos")}
	r.gate = gatetest.New(t, bootTime)
	r.session.Store(uint64(r.gate.Session))
	path := filepath.Join(dir, "device")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o := Options{
		Name: "till", Model: model(t, "apg-484a"), Open: r.openLine, Path: path, Status: StatusCTS,
		Backoff: devices.Backoff{Min: 5 * time.Millisecond, Max: 20 * time.Millisecond}, Poll: 5 * time.Millisecond,
		Polarity: printer.PolarityHighOpen, LeftOpen: time.Minute, Link: r.link, Group: -1, Now: bootTime,
		Session:    func() entry.Seq { return entry.Seq(r.session.Load()) },
		Generation: r.era.Load, Authority: r, Events: r.take,
	}
	for _, c := range change {
		c(&o)
	}
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	r.Drawer = d
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the drawer ends: %v", err)
		}
	})
	t.Cleanup(r.stop)
	eventually(t, "the device is there", func() bool { return d.State().Up })
	return r
}

func onGrant(o *Options) {
	o.Model, o.OnGrant, o.Status = trigger(), true, StatusNone
}

// inTime stops the drawer's clock: however slow this machine is, nothing is late.
func inTime(o *Options) {
	now := bootTime()
	o.Now = func() time.Duration { return now }
}

func trigger() Model {
	m, err := ModelNamed("trigger")
	if err != nil {
		panic(err)
	}
	return m
}

func (r *rig) openLine(context.Context) (devices.Port, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy != nil {
		return nil, r.busy
	}
	f := r.next
	if r.next = nil; f == nil {
		f = newFakeLine()
	}
	r.lines = append(r.lines, f)
	return f, nil
}

// line is the one that was opened last.
func (r *rig) line() *fakeLine {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lines[len(r.lines)-1]
}

// reached is how often the port was opened, and all that was written to it.
func (r *rig) reached() (opens int, written string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.lines {
		written += f.bytes()
	}
	return len(r.lines), written
}

func (r *rig) Kick(ctx context.Context, k printer.Kick) {
	r.mu.Lock()
	r.kicks = append(r.kicks, k)
	answer := r.answer
	r.mu.Unlock()
	if answer != nil {
		answer(ctx, k)
	}
}

func (r *rig) kicked() []printer.Kick {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.kicks)
}

func (r *rig) take(e printer.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// told are the events of some kinds.
func (r *rig) told(kinds ...entry.Kind) []printer.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	var some []printer.Event
	for _, e := range r.events {
		if slices.Contains(kinds, e.Kind) {
			some = append(some, e)
		}
	}
	return some
}

// grant asks for a sale's opening of a drawer.
func (r *rig) grant(drawer string) *enforcer.Grant {
	r.Helper()
	return r.gate.Grant(drawer)
}

var errNotReady = errors.New("not ready")

func (r *rig) redeem(grant *enforcer.Grant) error {
	ctx := context.Background()
	if err := r.Ready(ctx); err != nil {
		return errors.Join(errNotReady, err)
	}
	return r.gate.Redeem(ctx, grant, grant.Drawer(), func(red enforcer.Redemption) error { return r.Pulse(ctx, red) })
}

// send writes to the POS's port, as a POS that opens, writes and closes.
func (r *rig) send(text string) {
	r.Helper()
	f, err := os.OpenFile(r.link, os.O_RDWR, 0)
	if err != nil {
		r.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		r.Fatal(err)
	}
}

func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never came to this: %s", what)
		}
	}
}
