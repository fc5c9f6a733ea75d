package printer

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
)

// job is a receipt as a POS's library encodes it: everything that is let
// through, and a picture.
func job() string {
	picture := "\x1dv0\x00\x08\x00\x18\x00" + strings.Repeat("\x55\xaa\x0f\xf0\x00\xff\x81\x7e", 24)
	return "\x1b@\x1bt\x10\x1ba\x01" + picture + "\x1d!\x11SHOP\x1d!\x00\n\x1ba\x00" +
		"\x1bE\x01Milk      1.20\x1bE\x00\nBread     2.30\nTea       4.10\nButter    2.05\nTotal     9.65\n" +
		"\x1dh\x50\x1dw\x02\x1dH\x02\x1dk\x49\x08{B123456\n" +
		"\x1d(k\x04\x001A2\x00\x1d(k\x03\x001C\x06\x1d(k\x0d\x001P0t9.65/0042\x1d(k\x03\x001Q0" +
		"\n\x1bd\x03\x1dVB\x00"
}

func TestPrintsAsItCame(t *testing.T) {
	r := ready(t)
	job := job()
	r.send(job)
	eventually(t, "all of it has arrived", func() bool { return len(r.printer.received()) >= len(job) })
	if got := r.printer.received(); string(got) != job {
		t.Errorf("printed\n got %q\nwant %q", got, job)
	}
	stays(t, 50*time.Millisecond, "nothing is refused", func() bool { return len(r.told(entry.KindDeviceRefused)) == 0 })
}

// TestBusyWhileAReceiptIsPrinted: who wants to restart the daemon waits for that.
func TestBusyWhileAReceiptIsPrinted(t *testing.T) {
	r := ready(t)
	if r.Status().Busy {
		t.Fatal("busy before anything was printed")
	}
	r.send(lines(6), cut)
	eventually(t, "it is busy", func() bool { return r.Status().Busy })
	eventually(t, "and then no more", func() bool { return !r.Status().Busy })
}

// TestInvariant1 and 2, over the whole way: a receipt's kick opens the drawer
// by one pulse with a decision in the journal before it; a kick that is denied
// does not.
func TestInvariant1(t *testing.T) {
	t.Parallel()
	r := ready(t)
	r.answer = r.insist
	r.send(lines(6), cut, kick1)
	eventually(t, "the drawer is pulsed", func() bool { return len(r.printer.pulsed()) == 1 })
	eventually(t, "it is redeemed", func() bool { return len(r.results()) == 1 && r.results()[0] == nil })
	k := r.kicked()[0]
	if k.Function != "pos.drawer.sale" || k.Purpose != entry.PurposeReceipt || k.Drawer != "till" || k.Lines != 6 || k.Session == 0 {
		t.Errorf("%+v", k)
	}
	eventually(t, "it is seen to open", func() bool { return len(r.told(entry.KindDrawerOpened)) == 1 })
	r.mu.Lock()
	opened := r.events[slices.IndexFunc(r.events, func(e Event) bool { return e.Kind == entry.KindDrawerOpened })]
	r.mu.Unlock()
	decision := r.gate.Entry(opened.About)
	if decision.Kind != entry.KindDecision || decision.Outcome != entry.OutcomeAllowed || opened.Reason != 0 {
		t.Errorf("%+v by %+v", opened, decision)
	}
	r.printer.set(func(f *fake) { f.open = false })

	r.send(kick1)
	eventually(t, "the lone kick is denied", func() bool { return len(r.results()) == 2 })
	if err := r.results()[1]; !errors.Is(err, errDenied) {
		t.Error(err)
	}
	if p := r.printer.pulsed(); !slices.Equal(p, []string{"p0"}) {
		t.Errorf("pulses %q", p)
	}
}

// TestInvariant1NeedsARedemption: nobody gets a pulse without one, nor with
// one that is spent, or another drawer's.
func TestInvariant1NeedsARedemption(t *testing.T) {
	r := ready(t)
	ctx := context.Background()
	if err := r.Pulse(ctx, enforcer.Redemption{}); !errors.Is(err, ErrNotRedeemed) {
		t.Errorf("the zero redemption: %v", err)
	}
	var kept enforcer.Redemption
	if err := r.gate.Redeem(ctx, r.grant("till"), "till", func(red enforcer.Redemption) error { kept = red; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := r.Pulse(ctx, kept); !errors.Is(err, ErrNotRedeemed) {
		t.Errorf("one that was kept: %v", err)
	}
	err := r.gate.Redeem(ctx, r.grant("elsewhere"), "elsewhere", func(red enforcer.Redemption) error { return r.Pulse(ctx, red) })
	if !errors.Is(err, ErrNotRedeemed) {
		t.Errorf("another printer's drawer: %v", err)
	}
	if p := r.printer.pulsed(); len(p) != 0 {
		t.Errorf("pulses %q", p)
	}
	if err := r.opensDrawer("second"); err != nil {
		t.Error(err)
	}
	eventually(t, "the second drawer is pulsed, and nothing else", func() bool { return slices.Equal(r.printer.pulsed(), []string{"p1"}) })
}

// TestInvariant2NoPulseLater: a pulse that cannot take effect now is not
// written at all.
func TestInvariant2NoPulseLater(t *testing.T) {
	t.Parallel()
	r := ready(t, func(o *Options) { o.Poll = 10 * time.Millisecond })
	ctx := context.Background()
	pulse := func() error {
		return r.gate.Redeem(ctx, r.grant("till"), "till", func(red enforcer.Redemption) error { return r.Pulse(ctx, red) })
	}
	r.printer.set(func(f *fake) { f.offline = true })
	if err := pulse(); !errors.Is(err, ErrOffline) || ReasonOf(err) != entry.ReasonOffline {
		t.Errorf("offline: %v", err)
	}
	r.printer.set(func(f *fake) { f.offline = false })
	eventually(t, "it is online", func() bool { return r.Ready(ctx) == nil })
	r.printer.power(false)
	// Where a question of before is still open, it cannot be asked anew.
	if err := pulse(); !errors.Is(err, ErrOffline) && !errors.Is(err, ErrBusy) {
		t.Errorf("switched off: %v", err)
	}
	r.printer.power(true)
	eventually(t, "it is trusted", func() bool { return r.Ready(ctx) == nil })

	// Inside a picture: not before it is whole.
	f := r.pos()
	f.WriteString("\x1dv0\x00\x01\x00\x04\x00ab")
	eventually(t, "the picture has begun", func() bool { return bytes.HasSuffix(r.printer.received(), []byte("ab")) })
	if err := pulse(); !errors.Is(err, ErrBusy) || ReasonOf(err) != entry.ReasonBusy {
		t.Errorf("inside a picture: %v", err)
	}
	f.WriteString("cd")
	eventually(t, "the picture is whole", func() bool { return strings.HasSuffix(r.printer.printed(), "#") })
	if err := again(pulse); err != nil {
		t.Error(err)
	}
	eventually(t, "there is one pulse", func() bool { return slices.Equal(r.printer.pulsed(), []string{"p0"}) })
}

// TestInvariant3Kicks: whatever a POS writes behind everybody's back, however
// it is cut up, the printer sees no kick, and the text goes on.
func TestInvariant3Kicks(t *testing.T) {
	r := ready(t, func(o *Options) { o.Rules.Order = OrderAsked })
	r.answer = func(context.Context, Kick) {}
	f := r.pos()
	want := ""
	kicks := 0
	for _, k := range []string{kick1, "\x1bp1\x30\x30", "\x1bp\x05\x19", "\x10\x14\x01\x00\x01", "\x10\x14\x01\x01\x08"} {
		for i := 1; i < len(k); i++ {
			f.WriteString("a" + k[:i])
			time.Sleep(time.Duration(rand.IntN(2)) * time.Millisecond)
			f.WriteString(k[i:] + "b")
			want += "ab"
			kicks++
		}
	}
	for _, s := range []string{
		"\x1b!\x1bp", "\x1dk\x49\x07{B" + kick1, "\x1dv0\x00\x05\x00\x01\x00" + kick1, "\x1b!\x10\x14\x01\x00\x01",
		"\x1d:" + kick1 + "\x1d:\x1d^\x01\x00\x01", "\x1d(D\x03\x00\x14\x01\x01",
	} {
		f.WriteString(s + "c")
	}
	kicks++ // the one that a macro was to record
	want += "pc" + "c" + "#c" + "c" + "c" + "c"
	eventually(t, "all text is printed", func() bool { return len(r.printer.printed()) >= len(want) })
	if got := r.printer.printed(); got != want {
		t.Errorf("printed\n got %q\nwant %q", got, want)
	}
	eventually(t, "all kicks are known", func() bool { return len(r.kicked()) == kicks })
	if p := r.printer.pulsed(); len(p) != 0 {
		t.Errorf("pulses %q", p)
	}
	for _, bad := range []string{"\x1bp", "\x10\x14\x01", "\x1bx", "\x1d:"} {
		if i := bytes.Index(r.printer.received(), []byte(bad)); i >= 0 {
			t.Errorf("%q arrives at %d", bad, i)
		}
	}
}

// TestInvariant4 shows what is refused in the journal's events, once a kind
// and job.
func TestInvariant4(t *testing.T) {
	r := ready(t)
	r.send("a\x1d(E\x02\x00\x01\x02b\x1d(E\x02\x00\x01\x02c\x1b[d\x07")
	eventually(t, "it is told", func() bool { return len(r.told(entry.KindDeviceRefused)) == 3 })
	want := []string{
		"device-refused not-forwarded (GS ( E: not let through, 2 times) 14",
		"device-refused unparsed (ESC [: unknown command) 2",
		"device-refused not-forwarded (BEL: control code of no use here) 1",
	}
	if got := r.told(entry.KindDeviceRefused); !slices.Equal(got, want) {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
	if got := r.printer.printed(); got != "abcd" {
		t.Errorf("printed %q", got)
	}
}

// TestHalfAKick: what a job leaves unfinished does not join with the next.
func TestHalfAKick(t *testing.T) {
	t.Parallel()
	r := ready(t)
	r.send("one\x1bp\x00")
	eventually(t, "it is given up", func() bool { return len(r.told(entry.KindDeviceRefused)) == 1 })
	r.send("two")
	eventually(t, "the next job is printed", func() bool { return r.printer.printed() == "onetwo" })
	if k := r.kicked(); len(k) != 0 {
		t.Errorf("%+v", k)
	}
}

// TestKickOverTwoOpenings: state belongs to the printer, not to who has its
// port open.
func TestKickOverTwoOpenings(t *testing.T) {
	t.Parallel()
	r := ready(t)
	r.answer = func(context.Context, Kick) {}
	r.send("one\x1bp")
	r.send("\x00\x19\xfatwo\n")
	eventually(t, "it is a kick", func() bool { return len(r.kicked()) == 1 })
	eventually(t, "the text is whole", func() bool { return r.printer.printed() == "onetwo\n" })
}

// TestPrintingWaitsForNoDecision: the receipt goes on while its kick is decided.
func TestPrintingWaitsForNoDecision(t *testing.T) {
	r := ready(t)
	hang := make(chan struct{})
	r.answer = func(ctx context.Context, k Kick) {
		select {
		case <-hang:
		case <-ctx.Done():
		}
	}
	defer close(hang)
	r.send(lines(6), cut, kick1, "next customer\n")
	eventually(t, "the next is printed", func() bool { return strings.Contains(r.printer.printed(), "next customer") })
}

// TestAsked: an ask names its kick's function; an opening at once absorbs one.
func TestAsked(t *testing.T) {
	t.Parallel()
	r := ready(t)
	r.answer = func(context.Context, Kick) {}
	r.Ask(41, "till", "pos.till.pickup", "pos")
	r.send(kick1)
	eventually(t, "the kick comes", func() bool { return len(r.kicked()) == 1 })
	if k := r.kicked()[0]; k.Ask != 41 || k.Function != "pos.till.pickup" || k.Purpose != entry.PurposeAsked || k.Claimant != "pos" {
		t.Errorf("%+v", k)
	}
	r.watch.stop()
	r.Absorb("till")
	r.send(kick1, "done")
	eventually(t, "the text is printed", func() bool { return r.printer.printed() == "done" })
	r.watch.goOn()
	stays(t, 1700*time.Millisecond, "no kick is decided", func() bool { return len(r.kicked()) == 1 })
}

func TestNoAuthority(t *testing.T) {
	r := ready(t, func(o *Options) { o.Authority = nil; o.Drawers = o.Drawers[:1]; o.Rules.Order = OrderAsked })
	r.send(kick1, kick2)
	eventually(t, "both are told", func() bool { return len(r.told(entry.KindDeviceRefused)) == 2 })
	want := []string{
		"device-refused not-forwarded (ESC p: no drawer at this connector) 5",
		"device-refused not-forwarded (kick: nobody decides about it)",
	}
	got := r.told(entry.KindDeviceRefused)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	good := func() Options {
		return Options{Name: "p", Open: ready(t).o.Open, Now: bootTime, Drawers: []Drawer{{"a", 1}}}
	}
	base := good()
	for name, change := range map[string]func(*Options){
		"name":      func(o *Options) { o.Name = "" },
		"open":      func(o *Options) { o.Open = nil },
		"clock":     func(o *Options) { o.Now = nil },
		"connector": func(o *Options) { o.Drawers = []Drawer{{"a", 3}} },
		"twice":     func(o *Options) { o.Drawers = []Drawer{{"a", 1}, {"b", 1}} },
		"same name": func(o *Options) { o.Drawers = []Drawer{{"a", 1}, {"a", 2}} },
		"pulse":     func(o *Options) { o.PulseOn = time.Second },
		"resync":    func(o *Options) { o.Resync = 9 },
		"order":     func(o *Options) { o.Rules.Order = 9 },
	} {
		o := base
		change(&o)
		if _, err := New(o); !errors.Is(err, ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(base); err != nil {
		t.Error(err)
	}
}

// TestInvariant3TextAfterALostPicture: the printer is lost in the middle of a
// picture, after a byte that could begin a kick with the text that follows. The
// text is printed when the printer is back, all of it.
func TestInvariant3TextAfterALostPicture(t *testing.T) {
	r := ready(t)
	f := r.pos()
	f.WriteString("\x1dv0\x00\x01\x00\x04\x00a\x1b")
	eventually(t, "the picture has begun", func() bool { return bytes.HasSuffix(r.printer.received(), []byte("a\x1b")) })
	r.Guard.detach(entry.ReasonUnplugged) // nothing of ours goes there now
	f.WriteString("bcpaid 5.00\n")
	eventually(t, "the text waits", func() bool { return r.Status().Queued >= len("paid 5.00\n") })
}

// TestReceiptsAreWork: each receipt that the POS prints says that somebody is
// at work, without a kick and without an event; a status request does not.
func TestReceiptsAreWork(t *testing.T) {
	var printed atomic.Int32
	r := ready(t, func(o *Options) { o.Printed = func() { printed.Add(1) } })
	r.send("\x1dr\x01x")
	eventually(t, "it prints", func() bool { return r.printer.printed() == "x" })
	if n := printed.Load(); n != 0 {
		t.Errorf("%d receipts before one was cut", n)
	}
	r.send("\n\x1dV\x00")
	eventually(t, "the receipt is known", func() bool { return printed.Load() == 1 })
}

// TestStatusSaysSinceWhen: what is printed changes nothing about it.
func TestStatusSaysSinceWhen(t *testing.T) {
	t.Parallel()
	r := ready(t)
	up := r.Status().Since
	if up <= 0 || up > bootTime() {
		t.Errorf("it is up since %v", up)
	}
	r.send("hello\n")
	eventually(t, "it prints", func() bool { return r.printer.printed() == "hello\n" })
	if now := r.Status().Since; now != up {
		t.Errorf("after a line it is up since %v, not %v", now, up)
	}
	r.printer.power(false)
	eventually(t, "it is silent", func() bool { s := r.Status(); return s.Reach == "silent" && s.Since > up })
}
