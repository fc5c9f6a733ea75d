package printer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tillwarden/devices"
	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
)

// box is a drawer on a serial line: it counts what reaches its port. It stands in
// for a line with modem lines, which a pty does not have; what a kernel does to
// DTR and RTS when a real one is opened it cannot show.
type box struct {
	mu      sync.Mutex
	opens   int
	closes  int
	written []byte
	raised  devices.Lines
	lines   devices.Lines
	none    bool // no modem lines
	stuck   bool // what is written stays in the kernel
	ended   chan struct{}
	away    bool
}

func (b *box) open(context.Context) (devices.Port, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.away {
		return nil, os.ErrNotExist
	}
	b.opens++
	b.ended = make(chan struct{})
	return &boxPort{box: b, ended: b.ended}, nil
}

func (b *box) state() (opens int, written string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.opens, string(b.written)
}

func (b *box) set(change func(b *box)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(b)
}

type boxPort struct {
	box   *box
	once  sync.Once
	ended chan struct{}
}

func (p *boxPort) Read([]byte) (int, error) { return 0, nil }
func (p *boxPort) Wait(time.Duration) (bool, error) {
	<-p.ended
	return false, devices.ErrGone
}

func (p *boxPort) Write(b []byte) (int, error) {
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	p.box.written = append(p.box.written, b...)
	return len(b), nil
}

func (p *boxPort) Lines() (devices.Lines, error) {
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	if p.box.none {
		return 0, devices.ErrNoLines
	}
	return p.box.lines, nil
}

func (p *boxPort) SetLines(raise, _ devices.Lines) error {
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	if p.box.none {
		return devices.ErrNoLines
	}
	p.box.raised |= raise
	return nil
}
func (p *boxPort) DiscardInput() error { return nil }
func (p *boxPort) Queued() (int, error) {
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	if p.box.stuck && len(p.box.written) > 0 {
		return 1, nil
	}
	return 0, nil
}

func (p *boxPort) Close() error {
	p.once.Do(func() {
		p.box.mu.Lock()
		p.box.closes++
		p.box.mu.Unlock()
		close(p.ended)
	})
	return nil
}

// boxRig is a serial drawer between a box and a POS, with a real gate behind it.
type boxRig struct {
	*rig
	*box
	drawer *SerialDrawer
	link   string
}

func newBoxRig(t testing.TB, model string, change ...func(*SerialDrawerOptions)) *boxRig {
	t.Helper()
	r := &boxRig{rig: &rig{TB: t, boot: bootTime, journal: &ledger{}}, box: &box{}, link: filepath.Join(t.TempDir(), "drawer")}
	r.openGate()
	m, err := DrawerModelNamed(model)
	if err != nil {
		t.Fatal(err)
	}
	o := SerialDrawerOptions{
		Name: "till", Model: m, Open: r.box.open, Link: r.link, Group: -1, Poll: 5 * time.Millisecond,
		Backoff: devices.Backoff{Min: 5 * time.Millisecond, Max: 10 * time.Millisecond}, Now: bootTime,
		Session: func() entry.Seq { return entry.Seq(r.session.Load()) }, Authority: r.rig, Events: r.take,
	}
	r.answer = func(ctx context.Context, k Kick) {} // noted, and denied
	for _, c := range change {
		c(&o)
	}
	if r.drawer, err = NewSerialDrawer(o); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *boxRig) run() {
	r.rig.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.drawer.Run(ctx) }()
	r.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			r.rig.Errorf("run: %v", err)
		}
	})
	eventually(r.rig.TB, "the POS has a port", func() bool { _, err := os.Stat(r.link); return err == nil })
	if !r.drawer.o.Model.Any {
		eventually(r.rig.TB, "the line is held", func() bool { return r.drawer.Status().Reach == "online" })
	}
}

func (r *boxRig) pulse() error {
	ctx := context.Background()
	return r.gate.Redeem(ctx, r.grant("till"), "till", func(red enforcer.Redemption) error { return r.drawer.Pulse(ctx, red) })
}

func (r *boxRig) posSends(b string) {
	r.rig.Helper()
	f, err := os.OpenFile(r.link, os.O_RDWR, 0)
	if err != nil {
		r.rig.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(b); err != nil {
		r.rig.Fatal(err)
	}
}

// TestSerialDrawer: the code of the POS is a kick and nothing else; a redeemed
// grant writes the drawer's code, once; DTR and RTS are held up.
func TestSerialDrawer(t *testing.T) {
	r := newBoxRig(t, "apg-484a")
	r.run()
	r.posSends("hello\x07")
	eventually(t, "the kick is decided", func() bool { return len(r.kicked()) == 1 })
	if k := r.kicked()[0]; k.Function != "pos.drawer.nosale" || k.Purpose != entry.PurposeNone || k.Drawer != "till" || k.Session == 0 {
		t.Errorf("%+v", k)
	}
	if _, written := r.state(); written != "" {
		t.Errorf("%q reached the drawer without a grant", written)
	}
	if err := r.pulse(); err != nil {
		t.Fatal(err)
	}
	if opens, written := r.state(); opens != 1 || written != "\x07" {
		t.Errorf("opened %d times, %q", opens, written)
	}
	if r.raised != devices.LineDTR|devices.LineRTS {
		t.Errorf("raised: %v", r.raised)
	}
	eventually(t, "what was no code is told", func() bool { return len(r.told(entry.KindDeviceRefused)) == 1 })
}

// TestSerialDrawerAsked: what the POS names before its kick is what it is for.
func TestSerialDrawerAsked(t *testing.T) {
	r := newBoxRig(t, "custom", func(o *SerialDrawerOptions) { o.Code = []byte("OPEN") })
	r.run()
	r.drawer.Ask(9, "till", "pos.drawer.sale", "POS")
	r.posSends("OPOPEN")
	eventually(t, "the kick is decided", func() bool { return len(r.kicked()) == 1 })
	if k := r.kicked()[0]; k.Ask != 9 || k.Function != "pos.drawer.sale" {
		t.Errorf("%+v", k)
	}
	r.drawer.Absorb("till")
	r.posSends("OPEN")
	stays(t, 50*time.Millisecond, "an opening that was asked for takes its kick", func() bool { return len(r.kicked()) == 1 })
}

// TestInvariant1TriggerBox: a drawer that opens when its line is opened has it
// opened by nothing but a redeemed grant, and closed after it.
func TestInvariant1TriggerBox(t *testing.T) {
	r := newBoxRig(t, "trigger")
	r.run()
	r.posSends("x") // the opening and the byte are one kick
	eventually(t, "the kick is decided", func() bool { return len(r.kicked()) == 1 })
	stays(t, 50*time.Millisecond, "the line is not opened", func() bool { opens, _ := r.state(); return opens == 0 && len(r.kicked()) == 1 })
	if err := r.pulse(); err != nil {
		t.Fatal(err)
	}
	if opens, written := r.state(); opens != 1 || written != "" || r.closes != 1 {
		t.Errorf("opened %d times, closed %d times, %q", opens, r.closes, written)
	}
	r.set(func(b *box) { b.away = true })
	if err := r.pulse(); !errors.Is(err, ErrDrawerAway) || ReasonOf(err) != entry.ReasonOffline {
		t.Errorf("with its line away: %v, %s", err, ReasonOf(err))
	}
}

// TestInvariant1NoByteNoOpen: whatever the POS does with its port, and whoever
// asks for a pulse without the gate's redemption, nothing reaches the drawer.
func TestInvariant1NoByteNoOpen(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		model := rapid.SampledFrom([]string{"apg-484a", "trigger", "custom"}).Draw(rt, "model")
		r := newBoxRig(t, model, func(o *SerialDrawerOptions) {
			if model == "custom" {
				o.Code = []byte{0x1B, 'p'}
			}
		})
		granted := 0
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch rapid.IntRange(0, 4).Draw(rt, "what") {
			case 0:
				r.drawer.posOpened()
			case 1:
				for _, b := range rapid.SliceOfN(rapid.SampledFrom([]byte{7, 0x1B, 'p', 0, 'x'}), 1, 6).Draw(rt, "bytes") {
					r.drawer.mu.Lock()
					r.drawer.take(b, arrival{})
					r.drawer.mu.Unlock()
				}
			case 2:
				if err := r.drawer.Pulse(context.Background(), enforcer.Redemption{}); !errors.Is(err, ErrNotRedeemed) {
					rt.Fatalf("a pulse without redemption: %v", err)
				}
			case 3:
				err := r.gate.Redeem(context.Background(), r.grant("other"), "other", func(red enforcer.Redemption) error { return r.drawer.Pulse(context.Background(), red) })
				if !errors.Is(err, ErrNotRedeemed) {
					rt.Fatalf("a pulse for another drawer: %v", err)
				}
			default:
				if model == "trigger" {
					if err := r.pulse(); err != nil {
						rt.Fatal(err)
					}
					granted++
				}
			}
			if opens, written := r.state(); opens != granted || written != "" {
				rt.Fatalf("%s: opened %d times for %d grants, %q", model, opens, granted, written)
			}
		}
	})
}

// TestSerialDrawerState: the modem line tells of openings with a grant and
// without, once it is calibrated.
func TestSerialDrawerState(t *testing.T) {
	r := newBoxRig(t, "apg-484a", func(o *SerialDrawerOptions) { o.Status = devices.LineCTS })
	r.run()
	ctx := context.Background()
	closed, err := r.drawer.Pin(ctx)
	r.set(func(b *box) { b.lines = devices.LineCTS })
	opened, err2 := r.drawer.Pin(ctx)
	polarity, err3 := Calibrate(closed, opened)
	if err := errors.Join(err, err2, err3); err != nil || polarity != PolarityHighOpen {
		t.Fatalf("%v, %v", polarity, err)
	}
	r.set(func(b *box) { b.lines = 0 })
	eventually(t, "it is seen shut", func() bool { high, err := r.drawer.Pin(ctx); return err == nil && !high })
	r.drawer.SetPolarity(polarity)
	if err := r.pulse(); err != nil {
		t.Fatal(err)
	}
	r.set(func(b *box) { b.lines = devices.LineCTS })
	eventually(t, "it opened by its pulse", func() bool { return len(r.told(entry.KindDrawerOpened)) == 1 })
	r.set(func(b *box) { b.lines = 0 })
	eventually(t, "it was shut", func() bool { return len(r.told(entry.KindDrawerClosed)) == 1 })
	r.set(func(b *box) { b.lines = devices.LineCTS })
	eventually(t, "it opened by hand", func() bool { return len(r.told(entry.KindDrawerOpened)) == 2 })
	r.rig.mu.Lock()
	var about []bool
	for _, e := range r.events {
		if e.Kind == entry.KindDrawerOpened {
			about = append(about, e.About != 0)
		}
	}
	r.rig.mu.Unlock()
	if !slices.Equal(about, []bool{true, false}) {
		t.Errorf("granted: %v", about)
	}
}

// TestSerialDrawerTroubles: a code that is not taken does not leave later; a
// drawer that was unplugged is held again; one without lines says so.
func TestSerialDrawerTroubles(t *testing.T) {
	r := newBoxRig(t, "apg-484a", func(o *SerialDrawerOptions) { o.Status = devices.LineCTS })
	r.set(func(b *box) { b.none = true })
	r.run()
	if _, err := r.drawer.Pin(context.Background()); !errors.Is(err, devices.ErrNoLines) {
		t.Errorf("no lines: %v", err)
	}
	r.set(func(b *box) { b.stuck = true })
	if err := r.pulse(); !errors.Is(err, devices.ErrStalled) {
		t.Errorf("a code that stays in the kernel: %v", err)
	}
	eventually(t, "the line was given up, with what waits in it", func() bool { r.box.mu.Lock(); defer r.box.mu.Unlock(); return r.closes >= 1 })
	r.set(func(b *box) { b.stuck, b.written = false, nil })
	eventually(t, "it is held again", func() bool { opens, _ := r.state(); return opens >= 2 && r.drawer.Status().Reach == "online" })
	if err := r.pulse(); err != nil {
		t.Errorf("after it came back: %v", err)
	}
}

func TestSerialDrawerOptions(t *testing.T) {
	open := func(context.Context) (devices.Port, error) { return nil, errors.New("none") }
	for name, o := range map[string]SerialDrawerOptions{
		"no name":         {Open: open, Now: bootTime, Model: DrawerModels()[0]},
		"nothing to open": {Name: "till", Now: bootTime, Model: DrawerModels()[0]},
		"no clock":        {Name: "till", Open: open, Model: DrawerModels()[0]},
		"no code":         {Name: "till", Open: open, Now: bootTime, Model: DrawerModels()[1]},
		"a long code":     {Name: "till", Open: open, Now: bootTime, Model: DrawerModels()[0], Code: bytes.Repeat([]byte("x"), 17)},
		"status of a box": {Name: "till", Open: open, Now: bootTime, Model: DrawerModels()[3], Status: devices.LineRI},
	} {
		if _, err := NewSerialDrawer(o); !errors.Is(err, ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := DrawerModelNamed("none"); !errors.Is(err, ErrOptions) {
		t.Errorf("%v", err)
	}
	for _, m := range DrawerModels() {
		if found, err := DrawerModelNamed(m.Name); err != nil || fmt.Sprint(found) != fmt.Sprint(m) || m.About == "" {
			t.Errorf("%s: %v", m.Name, err)
		}
	}
}
