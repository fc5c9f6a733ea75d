package printer

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"tillwarden/devices"
	"tillwarden/devices/escpos"
	"tillwarden/enforcer/journal/entry"
)

// TestInvariant4LargePictureBlocksNobody: where the rest of a picture would take
// minutes as white, the printer is cleared instead.
func TestInvariant4LargePictureBlocksNobody(t *testing.T) {
	t.Parallel()
	r := ready(t)
	r.answer = func(context.Context, Kick) {}
	f := r.pos()
	f.WriteString("\x1dv0\x00\x80\x00\xff\x0f" + "000") // half a megabyte is to follow
	eventually(t, "the picture has begun", func() bool { return strings.Contains(string(r.printer.received()), "\xff\x0f000") })
	eventually(t, "it opens all the same", func() bool {
		return r.redeem(context.Background(), r.grant("till"), "till") == nil
	})
	eventually(t, "once", func() bool { return len(r.printer.pulsed()) == 1 })
	if n := len(r.printer.received()); n > 4096 {
		t.Errorf("%d bytes went to a printer that was to be cleared", n)
	}
	eventually(t, "it is told", func() bool {
		return slices.Contains(r.told(entry.KindDeviceRefused), "device-refused print-lost (picture: ended by clearing the printer)")
	})
	r.send("next job\n")
	eventually(t, "what is printed next begins between two commands", func() bool { return strings.Contains(r.printer.printed(), "next job") })
}

// slowPort takes some 40 KB a second, which a pty cannot be made to.
type slowPort struct{ devices.Port }

func (p slowPort) Write(b []byte) (int, error) {
	time.Sleep(time.Duration(len(b)) * 25 * time.Microsecond)
	return p.Port.Write(b)
}

// TestInvariant4PicturesBlockNobody: nor does a POS that sends one large picture
// after the other, as fast as the printer takes them. What is left of the one that
// was broken off is not read as commands.
func TestInvariant4PicturesBlockNobody(t *testing.T) {
	t.Parallel()
	r := ready(t, func(o *Options) {
		open := o.Open
		o.Open = func(ctx context.Context) (devices.Port, error) {
			p, err := open(ctx)
			return slowPort{p}, err
		}
	})
	r.answer = func(context.Context, Kick) {}
	f := r.pos()
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		picture := "\x1dv0\x00\x80\x00\xff\x0f" + strings.Repeat("\x1b@text\n ", 128*0xFFF/8)
		for {
			for rest := picture; rest != ""; rest = rest[512:] {
				select {
				case <-end:
					return
				default:
				}
				if _, err := f.WriteString(rest[:min(512, len(rest))]); err != nil || len(rest) <= 512 {
					break
				}
			}
		}
	}()
	eventually(t, "the picture has begun", func() bool { return strings.Contains(string(r.printer.received()), "\xff\x0f\x1b@") })
	// As the daemon does: each time it asks for a moment only, with a new grant.
	var err error
	for range 20 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		err = r.redeem(ctx, r.grant("till"), "till")
		cancel()
		if err == nil {
			break
		}
	}
	if err != nil {
		t.Errorf("the drawer stays shut: %v", err)
	}
	close(end)
	<-done
	eventually(t, "it opens", func() bool { return len(r.printer.pulsed()) == 1 })
	if strings.Contains(r.printer.printed(), "text") {
		t.Error("a picture's dots were printed as text")
	}
}

// TestInvariant4TrickleBlocksNobody: a POS that sends a picture, or a command,
// a byte at a time and for ever does not keep a drawer shut. What it began is
// ended for it, and the journal says so.
func TestInvariant4TrickleBlocksNobody(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]string{
		"picture": "\x1dv0\x00\x10\x00\x00\x01", "bar code": "\x1dk\x49\xff{B", "code": "\x1d(k\x00\x08\x311P0", "kick": "\x1bp",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := ready(t)
			r.answer = func(context.Context, Kick) {}
			f := r.pos()
			f.WriteString(begin)
			end, done := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(done)
				for {
					select {
					case <-end:
						return
					case <-time.After(50 * time.Millisecond):
						f.WriteString("0")
					}
				}
			}()
			if name == "picture" {
				eventually(t, "the picture has begun", func() bool { return strings.Contains(string(r.printer.received()), "\x00\x01000") })
			}
			for range 2 {
				if err := r.opensDrawer("till"); err != nil {
					t.Errorf("the drawer stays shut: %v", err)
				}
			}
			close(end)
			<-done
			eventually(t, "it opens", func() bool { return len(r.printer.pulsed()) == 2 })
			if name == "picture" {
				eventually(t, "it is told", func() bool {
					return slices.Contains(r.told(entry.KindDeviceRefused), "device-refused not-forwarded (GS v 0: rest of the picture left blank)")
				})
			}
			if name != "kick" && len(r.kicked()) > 0 {
				t.Errorf("kicks %+v", r.kicked())
			}
		})
	}
}

// TestPictureUnderWayIsFinished: a POS that sends its picture as fast as the
// printer takes it is let finish, but does not begin another one in the same
// breath while somebody waits.
func TestPictureUnderWayIsFinished(t *testing.T) {
	t.Parallel()
	r := ready(t)
	const head = "\x1dv0\x00\x10\x00\x00\x02" // 8192 bytes of data
	one := head + strings.Repeat("\x55\xaa", 4096)
	f := r.pos()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.WriteString(strings.Repeat(one, 40))
	}()
	eventually(t, "it prints", func() bool { return strings.Contains(r.printer.printed(), "#") })
	r.watch.stop() // the POS does not keep the printer waiting, though this machine may
	for range 5 {
		if err := r.opensDrawer("till"); err != nil {
			t.Error(err)
		}
	}
	eventually(t, "it opens", func() bool { return len(r.printer.pulsed()) == 5 })
	<-done
	eventually(t, "all pictures are printed", func() bool { return strings.Count(r.printer.printed(), "#") == 40 })
	if got := r.told(entry.KindDeviceRefused); len(got) != 0 {
		t.Errorf("refused %q", got)
	}
}

// TestHunger: only the time counts that the printer waits in.
func TestHunger(t *testing.T) {
	var h hunger
	if _, some := h.due(); some {
		t.Error("due without waiting")
	}
	h.is(true, 10*time.Second)
	if at, some := h.due(); !some || at != 10*time.Second+hungerLimit {
		t.Error(at, some)
	}
	h.is(true, 10*time.Second+hungerLimit/4)
	h.is(false, 10*time.Second+hungerLimit/2)
	if _, some := h.due(); some {
		t.Error("due while it prints")
	}
	h.is(true, time.Minute)
	if at, some := h.due(); !some || at != time.Minute+hungerLimit/2 {
		t.Error(at, some)
	}
}

// TestAutoStatus works as with the bare printer: the POS gets what it asked to
// be told of, until it asks for nothing or the printer is initialized; the
// setting is the printer's, so that the next POS finds it as the last one left
// it; and we see the drawer whatever the POS asks for.
func TestAutoStatus(t *testing.T) {
	t.Parallel()
	const closed, open = "\x10\x00\x00\x0F", "\x14\x00\x00\x0F"
	r := ready(t, func(o *Options) { o.Poll = time.Hour })
	eventually(t, "the sensor is read", func() bool { return r.DrawerState().Known })
	f := r.pos()
	f.WriteString("\x1da\x01")
	if got := string(answer(t, f, 4)); got != closed {
		t.Fatalf("% X", got)
	}
	r.printer.set(func(f *fake) { f.open = true })
	if got := string(answer(t, f, 4)); got != open {
		t.Fatalf("% X", got)
	}
	eventually(t, "we look at once", func() bool { return r.DrawerState().Open })

	f.Close()
	time.Sleep(20 * time.Millisecond)
	r.printer.set(func(f *fake) { f.open = false })
	eventually(t, "we see it with nobody there", func() bool { return !r.DrawerState().Open })
	f = r.pos()
	time.Sleep(20 * time.Millisecond)
	r.printer.set(func(f *fake) { f.open = true })
	if got := string(answer(t, f, 4)); got != open {
		t.Fatalf("the next one gets % X", got)
	}
	f.WriteString("\x1da\x00\x10\x04\x04") // nothing any more; what comes next answers the question
	if got := string(answer(t, f, 1)); got != "\x12" {
		t.Fatalf("% X", got)
	}
	r.printer.set(func(f *fake) { f.open = false })
	f.WriteString("\x1da\x02\x1b@")
	if got := string(answer(t, f, 4)); got != closed {
		t.Fatalf("% X", got)
	}
	r.printer.set(func(f *fake) { f.open = true })
	f.WriteString("\x10\x04\x04")
	if got := string(answer(t, f, 1)); got != "\x12" {
		t.Fatalf("after ESC @ % X", got)
	}
}

// TestOtherQuestions are answered as they are by the bare printer.
func TestOtherQuestions(t *testing.T) {
	r := ready(t, func(o *Options) { o.Poll = 2 * time.Millisecond })
	f := r.pos()
	for _, test := range []struct{ ask, want string }{
		{"\x1bu\x00", "\x00"},
		{"\x1dr\x02", "\x00"},
		{"\x1dIC", "_FAKE\x00"},
		{"\x1dr1\x10\x04\x02", ""}, // in either order
	} {
		f.WriteString(test.ask)
		if test.want == "" {
			b := answer(t, f, 2)
			slices.Sort(b)
			if string(b) != "\x00\x52" {
				t.Errorf("%q: % X", test.ask, b)
			}
			continue
		}
		if got := string(answer(t, f, len(test.want))); got != test.want {
			t.Errorf("%q: % X, want % X", test.ask, got, test.want)
		}
	}
}

// TestPicturesAfterAnOpeningAreWhole: who was served does not wait any more, so
// that the next receipt's picture is nobody's hindrance, however slow its line is.
func TestPicturesAfterAnOpeningAreWhole(t *testing.T) {
	t.Parallel()
	r := ready(t)
	if err := r.opensDrawer("till"); err != nil {
		t.Fatal(err)
	}
	r.Guard.mu.Lock()
	defer r.Guard.mu.Unlock()
	r.filter.Feed([]byte("\x1dv0\x00\x80\x00\xff\x0fabc"), func(*escpos.Segment) {})
	r.starves(r.o.Now())
	if at, some := r.hungry.due(); some {
		t.Errorf("the picture would be ended at %v", at)
	}
	r.lingers = r.o.Now() + askedAgain // as after an opening that was refused
	r.starves(r.o.Now())
	if _, some := r.hungry.due(); !some {
		t.Error("with somebody waiting it would never be ended")
	}
}
