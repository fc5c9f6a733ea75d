package printer

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
)

// answer reads one answer as a POS does, or fails.
func answer(t testing.TB, f *os.File, n int) []byte {
	t.Helper()
	got := make(chan []byte, 1)
	go func() {
		b := make([]byte, 64)
		k := 0
		for k < n {
			m, err := f.Read(b[k:])
			if err != nil {
				break
			}
			k += m
		}
		got <- b[:k]
	}()
	select {
	case b := <-got:
		return b
	case <-time.After(longEnough):
		t.Fatal("no answer")
		return nil
	}
}

// TestAnswersReachThePOS, and only those to its own questions, however often
// we ask in between.
func TestAnswersReachThePOS(t *testing.T) {
	r := ready(t, func(o *Options) { o.Poll = time.Millisecond })
	f := r.pos()
	for range 50 {
		f.WriteString("a\x10\x04\x01")
		if b := answer(t, f, 1); !bytes.Equal(b, []byte{0x12}) {
			t.Fatalf("DLE EOT 1: % X", b)
		}
		f.WriteString("\x10\x04\x04\x1dr1")
		if b := answer(t, f, 2); !bytes.Equal(b, []byte{0x12, 0x00}) {
			t.Fatalf("DLE EOT 4, GS r: % X", b)
		}
		f.WriteString("\x1dI\x43")
		if b := answer(t, f, 6); string(b) != "_FAKE\x00" {
			t.Fatalf("GS I: %q", b)
		}
	}
	// Nothing but those has come.
	f.WriteString("\x1dI\x43")
	if b := answer(t, f, 6); string(b) != "_FAKE\x00" {
		t.Fatalf("GS I: %q", b)
	}
}

// TestAnswersAreNotForTheNext: what one POS asked and did not read, the next
// one to open the port does not get.
func TestAnswersAreNotForTheNext(t *testing.T) {
	r := ready(t)
	for range 10 {
		r.send("\x1dI\x43")
	}
	eventually(t, "all are asked", func() bool { return bytes.Count(r.printer.received(), []byte("\x1dI")) == 10 })
	time.Sleep(50 * time.Millisecond)
	f := r.pos()
	f.WriteString("\x10\x04\x04")
	if b := answer(t, f, 1); !bytes.Equal(b, []byte{0x12}) {
		t.Errorf("% X", b)
	}
}

func TestUntrustedGetsNothing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		resync Resync
		how    func(r *rig)
		why    string
	}{
		{ResyncTechnician, func(r *rig) {
			if err := r.Trust(); err != nil {
				r.Error(err)
			}
		}, "device-trust allowed technician"},
		{ResyncPowerCycle, func(r *rig) {
			r.printer.power(false)
			eventually(r, "it is silent", func() bool { return r.Status().Reach == "silent" })
			r.printer.power(true)
		}, "device-trust allowed power-cycle"},
		{ResyncPowerCycle, func(r *rig) { _ = r.Trust() }, "device-trust allowed technician"},
	} {
		t.Run(test.resync.String()+" "+test.why, func(t *testing.T) {
			r := newRig(t, func(o *Options) { o.Resync = test.resync })
			eventually(t, "it answers", func() bool { return r.Status().Reach == "online" })
			ctx := context.Background()
			r.send("first\n")
			err := r.gate.Redeem(ctx, r.grant("till"), "till", func(red enforcer.Redemption) error { return r.Pulse(ctx, red) })
			if !errors.Is(err, ErrUntrusted) || ReasonOf(err) != entry.ReasonUntrusted {
				t.Errorf("a pulse: %v", err)
			}
			if err := r.Slip(ctx, "x"); !errors.Is(err, ErrUntrusted) {
				t.Errorf("a slip: %v", err)
			}
			stays(t, 100*time.Millisecond, "nothing is forwarded", func() bool { return len(r.printer.received()) == 0 })
			test.how(r)
			eventually(t, "what was printed before goes on", func() bool { return r.printer.printed() == "first\n" })
			want := []string{"device-trust denied untrusted (to be resynchronised: " + test.resync.String() + ")", test.why}
			if got := r.told(entry.KindDeviceTrust); !slices.Equal(got, want) {
				t.Errorf("told %q, want %q", got, want)
			}
		})
	}
}

// TestResyncClears: the printer's buffers are cleared before anything else, and
// half a kick of the life before is completed by nothing that opens the drawer.
func TestResyncClears(t *testing.T) {
	t.Parallel()
	r := ready(t, func(o *Options) { o.Resync = ResyncClear })
	r.printer.power(false)
	eventually(t, "it is silent", func() bool { return r.Status().Reach == "silent" })
	r.printer.set(func(f *fake) { f.silent, f.hold, f.all, f.clears = false, []byte{0x1B, 'p', 0}, nil, 0 })
	r.send("text")
	eventually(t, "it prints", func() bool { return strings.HasSuffix(r.printer.printed(), "text") })
	r.printer.set(func(f *fake) {
		if f.clears == 0 || !bytes.HasPrefix(f.all, append(harmless, clearOrder...)) || len(f.pulses) != 0 {
			t.Errorf("%d clears, pulses %q, % X", f.clears, f.pulses, f.all)
		}
	})
	want := []string{
		"device-trust denied untrusted (to be resynchronised: clear)", "device-trust allowed cleared",
		"device-trust denied offline (the printer does not answer)", "device-trust allowed cleared",
	}
	if got := r.told(entry.KindDeviceTrust); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestLostInAPicture: what comes back knows nothing of the picture, and its
// rest is not printed as text.
func TestLostInAPicture(t *testing.T) {
	t.Parallel()
	r := ready(t)
	f := r.pos()
	f.WriteString("\x1dv0\x00\x01\x00\x08\x00abc")
	eventually(t, "the picture has begun", func() bool { return bytes.HasSuffix(r.printer.received(), []byte("abc")) })
	link := r.printer.port.Link()
	r.printer.port.Close()
	eventually(t, "it is away", func() bool { return r.Status().Reach == "away" })
	f.WriteString("defghnext")
	back := newFakeAt(t, link)
	eventually(t, "the next is printed", func() bool { return strings.HasSuffix(back.printed(), "next") })
	if got := back.printed(); got != "next" {
		t.Errorf("printed %q", got)
	}
}

// TestPrinterUnplugged: the POS keeps its open port, what it prints waits, and
// goes on when the printer is back.
func TestPrinterUnplugged(t *testing.T) {
	t.Parallel()
	r := ready(t)
	f := r.pos()
	f.WriteString("one\n")
	eventually(t, "it prints", func() bool { return r.printer.printed() == "one\n" })
	link := r.printer.port.Link()
	r.printer.port.Close()
	eventually(t, "it is away", func() bool { return r.Status().Reach == "away" })
	eventually(t, "why is known", func() bool { return r.Status().Gone != "" })
	if err := r.Ready(context.Background()); !errors.Is(err, ErrOffline) {
		t.Errorf("ready without a printer: %v", err)
	}
	if err := r.Trust(); !errors.Is(err, ErrNoPrinter) {
		t.Errorf("trusted without a printer: %v", err)
	}
	// A kick is decided all the same.
	f.WriteString("two\n" + kick1)
	eventually(t, "the kick is decided", func() bool { return len(r.results()) == 1 })

	back := newFakeAt(t, link)
	eventually(t, "the rest is printed", func() bool { return back.printed() == "two\n" })
	if s := r.Status(); s.Gone != "" {
		t.Errorf("it is back, and %q", s.Gone)
	}
	if down := r.told(entry.KindDeviceDown); !strings.HasPrefix(down[0], "device-down unplugged") {
		t.Errorf("%q", down)
	}
	if p := back.pulsed(); len(p) != 0 {
		t.Errorf("pulses %q", p)
	}
}

// TestBackPressureReachesThePOS: a printer that takes nothing holds the POS up,
// and memory stays bounded.
func TestBackPressureReachesThePOS(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Resync = ResyncTechnician })
	eventually(t, "it answers", func() bool { return r.Status().Reach == "online" })
	f := r.pos()
	wrote := make(chan struct{})
	go func() {
		f.WriteString(strings.Repeat("0123456789\n", 5000))
		close(wrote)
	}()
	eventually(t, "the queue is full", func() bool { return r.Status().Queued >= maxQueued })
	stays(t, 100*time.Millisecond, "the POS waits", func() bool {
		select {
		case <-wrote:
			return false
		default:
			return r.Status().Queued < maxQueued+2048
		}
	})
	r.Trust()
	eventually(t, "all is printed", func() bool { return len(r.printer.printed()) == 55000 })
	<-wrote
}

// TestKickBehindBackPressure: a kick that waited in the kernel while the printer
// was away belongs to the session that it was sent in.
func TestKickBehindBackPressure(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Resync = ResyncTechnician; o.Rules.Order = OrderAsked })
	r.answer = func(context.Context, Kick) {}
	eventually(t, "it answers", func() bool { return r.Status().Reach == "online" })
	f := r.pos()
	go f.WriteString(strings.Repeat("0123456789\n", 500) + kick1)
	eventually(t, "the queue is full", func() bool { return r.Status().Queued >= maxQueued })
	before := entry.Seq(r.session.Load())
	stays(t, 50*time.Millisecond, "the kick waits", func() bool { return len(r.kicked()) == 0 })
	r.session.Store(uint64(before) + 100)
	r.Trust()
	eventually(t, "the kick comes", func() bool { return len(r.kicked()) == 1 })
	if k := r.kicked()[0]; k.Session != before {
		t.Errorf("of session %d, want %d", k.Session, before)
	}
	f.WriteString(kick1)
	eventually(t, "the next comes", func() bool { return len(r.kicked()) == 2 })
	if k := r.kicked()[1]; k.Session != before+100 {
		t.Errorf("of session %d, want %d", k.Session, before+100)
	}
}

// TestReadyHoldsThePOS: a POS that never stops printing does not keep a drawer
// shut.
func TestReadyHoldsThePOS(t *testing.T) {
	r := ready(t)
	f := r.pos()
	end := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-end:
				return
			default:
				f.WriteString(lines(20))
			}
		}
	}()
	for range 20 {
		if err := r.opensDrawer("till"); err != nil {
			t.Fatal(err)
		}
		r.printer.set(func(f *fake) { f.open = false })
	}
	close(end)
	<-done
	eventually(t, "all pulses are there", func() bool { return len(r.printer.pulsed()) == 20 })
}

// TestStalledPictureEnds: a POS that stops in the middle of a picture does not
// block a manager's opening for long.
func TestStalledPictureEnds(t *testing.T) {
	t.Parallel()
	r := ready(t)
	r.send("\x1dv0\x00\x01\x00\x08\x00abc")
	eventually(t, "it is completed", func() bool { return r.printer.printed() == "#" })
	if err := again(func() error { return r.Ready(context.Background()) }); err != nil {
		t.Error(err)
	}
	eventually(t, "it is told", func() bool {
		return slices.Equal(r.told(entry.KindDeviceRefused), []string{"device-refused not-forwarded (GS v 0: rest of the picture left blank)"})
	})
}

// TestOffline: a printer without paper is told of, and can print again.
func TestOffline(t *testing.T) {
	t.Parallel()
	r := ready(t)
	r.printer.set(func(f *fake) { f.offline = true })
	eventually(t, "it is offline", func() bool { return r.Status().Reach == "offline" })
	r.printer.set(func(f *fake) { f.offline = false })
	eventually(t, "it is online", func() bool { return r.Status().Reach == "online" })
	eventually(t, "both are told", func() bool {
		down := r.told(entry.KindDeviceDown)
		up := r.told(entry.KindDeviceUp)
		return len(down) == 1 && strings.HasPrefix(down[0], "device-down offline") && len(up) == 3
	})
}

// TestDrawerEvents over the wire: opened by its key, and a drawer that is locked.
func TestDrawerEvents(t *testing.T) {
	t.Parallel()
	r := ready(t)
	eventually(t, "the sensor is read", func() bool { return r.DrawerState().Known })
	r.printer.set(func(f *fake) { f.open = true })
	eventually(t, "an alarm", func() bool {
		return slices.Equal(r.told(entry.KindDrawerOpened), []string{"drawer-opened no-grant (or second: they share one sensor)"})
	})
	if s := r.DrawerState(); !s.Open {
		t.Errorf("%+v", s)
	}
	r.printer.set(func(f *fake) { f.open = false })
	eventually(t, "it closes", func() bool { return len(r.told(entry.KindDrawerClosed)) == 1 })
	r.printer.set(func(f *fake) { f.stuck = true })
	if err := r.opensDrawer("till"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is known that it did not open", func() bool { return len(r.told(entry.KindDrawerNoOpen)) == 1 })
}

// TestCalibration: before it, no alarm; the levels are read as they are.
func TestCalibration(t *testing.T) {
	r := ready(t, func(o *Options) { o.Polarity = PolarityUnknown })
	ctx := context.Background()
	closed, err := r.Pin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	r.printer.set(func(f *fake) { f.open = true })
	open, err := r.Pin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Calibrate(closed, open)
	if err != nil || p != PolarityHighOpen {
		t.Fatal(p, err)
	}
	r.SetPolarity(p)
	eventually(t, "it is known to be open", func() bool { return r.DrawerState().Open })
	r.printer.set(func(f *fake) { f.open = false })
	eventually(t, "it closes", func() bool { return len(r.told(entry.KindDrawerClosed)) == 1 })
	if got := r.told(entry.KindDrawerOpened); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

// TestSlip is printed between jobs, and never in a receipt.
func TestSlip(t *testing.T) {
	r := ready(t)
	f := r.pos()
	f.WriteString(lines(3))
	eventually(t, "the receipt has begun", func() bool { return strings.Count(r.printer.printed(), "\n") == 3 })
	r.watch.stop() // a receipt that nothing is added to for long is none that a slip waits for
	done := make(chan error, 1)
	go func() {
		done <- r.Slip(context.Background(), "No-sale denied:\nask your supervisor \x1bp\x00\x19\xfa\n")
	}()
	stays(t, 100*time.Millisecond, "the slip waits", func() bool { return !strings.Contains(r.printer.printed(), "denied") })
	f.WriteString(lines(3) + cut)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	r.watch.goOn()
	eventually(t, "the slip is printed", func() bool { return strings.Count(r.printer.printed(), "|") == 2 })
	want := lines(6) + "|\nNo-sale denied:\nask your supervisor p?\n\n\n\n\n\n|"
	if got := r.printer.printed(); got != want {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
	if p := r.printer.pulsed(); len(p) != 0 {
		t.Errorf("pulses %q", p)
	}
	// It is no receipt.
	f.WriteString(kick1)
	eventually(t, "the kick is decided", func() bool { return len(r.kicked()) == 1 })
	if k := r.kicked()[0]; k.Lines != 6 {
		t.Errorf("%+v", k)
	}
}

// TestSlipAfterAReceiptWithoutCut: some printers have no cutter.
func TestSlipAfterAReceiptWithoutCut(t *testing.T) {
	t.Parallel()
	r := ready(t)
	r.send("half a receipt\n")
	if err := r.Slip(context.Background(), "x"); err != nil {
		t.Fatal(err)
	}
}

func TestSlipText(t *testing.T) {
	long := strings.Repeat("word ", 20) + strings.Repeat("x", 90) + "\n" + strings.Repeat("line\n", 100)
	b := slip(long, epsonCut)
	if !bytes.HasSuffix(b, []byte{0x1D, 'V', 1}) || bytes.Count(b, []byte("\n")) > slipLines+slipFeed+1 {
		t.Errorf("%q", b)
	}
	for _, line := range strings.Split(string(b), "\n") {
		if len(line) > slipColumns {
			t.Errorf("%q is too long", line)
		}
	}
}
