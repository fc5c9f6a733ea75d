package drawer

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tillwarden/devices"
	"tillwarden/devices/printer"
	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
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

// clock is a boot clock, for the gate.
type clock struct{}

func (clock) Boot() time.Duration { return bootTime() }
func (clock) Stamp() entry.Stamp {
	return entry.Stamp{Wall: time.Now().UnixNano(), Boot: int64(bootTime())}
}

func (clock) After(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }

// ledger is a journal in memory.
type ledger struct {
	mu   sync.Mutex
	last entry.Seq
}

func (l *ledger) Append(_ context.Context, _ bool, es ...entry.Entry) ([]entry.Seq, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var seqs []entry.Seq
	for range es {
		l.last++
		seqs = append(seqs, l.last)
	}
	return seqs, nil
}

// newGate is a real gate, with a cashier signed on who may open for a sale.
func newGate(t testing.TB) (*enforcer.Gate, entry.Seq) {
	t.Helper()
	fn := func(id policy.ID, key string, level uint8, parent policy.ID) policy.Function {
		return policy.Function{ID: id, Key: key, Name: key, Level: level, Parent: parent, Since: 1, Drawer: strings.Contains(key, "drawer")}
	}
	compiled, err := policy.Compile(&policy.Policy{
		Catalogue: policy.Catalogue{Version: 1, Functions: []policy.Function{
			fn(1000, "pos", 1, 0), fn(1001, "pos.signon", 2, 1000), fn(1600, "pos.drawer", 2, 1000),
			fn(1601, "pos.drawer.sale", 3, 1600), fn(1602, "pos.drawer.nosale", 3, 1600),
		}},
		WorkGroups: []policy.WorkGroup{{Name: "Cashier", Reviewed: 1, Marks: map[policy.ID]policy.Mark{
			1000: policy.Check, 1001: policy.Check, 1600: policy.Check, 1601: policy.Check, 1602: policy.Deny,
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	gate, err := enforcer.NewGate(enforcer.Options{Clock: clock{}, Journal: &ledger{}, Announce: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	t.Cleanup(func() { gate.Close(ctx) })
	if err := gate.Load(ctx, compiled, entry.PolicyRef{Epoch: 1, Digest: compiled.Digest()}, "test"); err != nil {
		t.Fatal(err)
	}
	s, _, err := gate.BeginSession(ctx, enforcer.Subject{Operator: "12", Name: "A", Person: "a", WorkGroups: []string{"Cashier"}}, entry.MethodCard, "reader")
	if err != nil || s == nil {
		t.Fatalf("sign-on: %v", err)
	}
	return gate, s.ID
}

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
	gate    *enforcer.Gate
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
	gate, session := newGate(t)
	r.gate = gate
	r.session.Store(uint64(session))
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
	_, grant, err := r.gate.Authorize(context.Background(), enforcer.Request{Function: "pos.drawer.sale", Drawer: drawer, Purpose: entry.PurposeAsked, Method: entry.MethodPOS, Source: "test"})
	if err != nil || grant == nil {
		r.Fatalf("no grant: %v", err)
	}
	return grant
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
