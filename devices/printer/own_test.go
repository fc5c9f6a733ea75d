package printer

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"tillwarden/devices/escpos"
	"tillwarden/enforcer/journal/entry"
)

// all is what has arrived at the printer, ours and the POS's.
func (f *fake) everything() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return bytes.Clone(f.all)
}

// clone makes the printer another maker's.
func clone(o *Options) {
	d, err := escpos.DialectNamed("epson-clone")
	if err != nil {
		panic(err)
	}
	o.Dialect = d
}

// TestInvariant2PulseWaitsForTheBuffer: what the printer has in its own buffer
// is printed before a pulse is granted, so that this one takes effect when it is
// written; a printer that does not get there is busy.
func TestInvariant2PulseWaitsForTheBuffer(t *testing.T) {
	t.Parallel()
	r := ready(t)
	r.printer.set(func(f *fake) { f.busy = true })
	r.send(lines(3))
	eventually(t, "it has arrived", func() bool { return bytes.HasSuffix(r.printer.received(), []byte("\n")) })
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if err := r.Ready(ctx); !errors.Is(err, ErrBusy) || ReasonOf(err) != entry.ReasonBusy {
		t.Fatalf("ready while it prints: %v", err)
	}
	// Even a redemption, should there be one, waits.
	grant := r.grant("till")
	if err := r.redeemNow(grant); !errors.Is(err, ErrBusy) {
		t.Fatalf("a pulse while it prints: %v", err)
	}
	if got := r.printer.pulsed(); len(got) != 0 || bytes.Contains(r.printer.everything(), []byte("\x1bp")) {
		t.Fatalf("pulses %q", got)
	}
	r.printer.set(func(f *fake) { f.busy = false })
	if err := r.opensDrawer("till"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it opens", func() bool { return len(r.printer.pulsed()) == 1 })
	if got := r.printer.printed(); got != lines(3) {
		t.Errorf("printed %q", got)
	}
}

// TestDrainIsAnOption: without it a pulse waits only for what has not left us.
func TestDrainIsAnOption(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"switched off": func(o *Options) { no := false; o.Drain = &no },
		"a clone":      clone,
	} {
		r := ready(t, change)
		r.printer.set(func(f *fake) { f.busy = true })
		r.send(lines(3))
		if err := r.opensDrawer("till"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if bytes.Contains(r.printer.everything(), orderedAsk) {
			t.Errorf("%s: it is asked in order", name)
		}
		r.printer.set(func(f *fake) { f.busy = false })
		eventually(t, name+": it opens", func() bool { return len(r.printer.pulsed()) == 1 })
		r.stop()
	}
}

// TestDrainAndThePOS: the POS gets its own answers in order, and none of ours,
// whether it asked before or after we did.
func TestDrainAndThePOS(t *testing.T) {
	r := ready(t)
	f := r.pos()
	r.printer.set(func(f *fake) { f.busy = true })
	f.WriteString("x\x1dI\x43\x1dr1")
	eventually(t, "it is asked", func() bool { return bytes.HasSuffix(r.printer.received(), []byte("\x1dr1")) })
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_ = r.Ready(ctx)
	if !bytes.Contains(r.printer.everything(), orderedAsk) {
		t.Fatal("we did not ask")
	}
	f.WriteString("y\x1dI\x43")
	r.printer.set(func(f *fake) { f.busy = false })
	if got, want := string(answer(t, f, 13)), "_FAKE\x00\x00_FAKE\x00"; got != want {
		t.Errorf("the POS gets %q, want %q", got, want)
	}
	f.WriteString("\x10\x04\x04")
	if b := answer(t, f, 1); b[0] != 0x12 {
		t.Errorf("and then % X", b)
	}
}

// TestRealtimeKickIsSwitchedOff as soon as the printer's state is known, right
// after each ESC @, and when the printer has been switched off and on; only
// where the dialect has an order for it.
func TestRealtimeKickIsSwitchedOff(t *testing.T) {
	t.Parallel()
	off := func(r *rig) bool {
		r.printer.mu.Lock()
		defer r.printer.mu.Unlock()
		return r.printer.off
	}
	r := ready(t)
	eventually(t, "it is off", func() bool { return off(r) })
	f := r.pos()
	f.WriteString("a\x1b@b\x1b@\x1b@c")
	eventually(t, "it prints", func() bool { return r.printer.printed() == "abc" })
	if got, want := r.printer.everything(), "\x1b@"+string(realtimeOff)+"b\x1b@"+string(realtimeOff)+"\x1b@"+string(realtimeOff)+"c"; !strings.Contains(strings.ReplaceAll(string(got), string(statusAsk), ""), want) {
		t.Errorf("arrived %q", got)
	}
	if !off(r) {
		t.Error("ESC @ has switched it on again")
	}
	r.printer.power(false)
	eventually(t, "it is silent", func() bool { return r.Status().Reach == "silent" })
	r.printer.power(true)
	eventually(t, "it is off again", func() bool { return off(r) })

	// As well when that was so quick that it was not missed for long.
	r.printer.power(false)
	eventually(t, "one answer is missing", func() bool {
		r.Guard.mu.Lock()
		defer r.Guard.mu.Unlock()
		return r.misses == 1
	})
	r.printer.power(true)
	eventually(t, "it is off once more", func() bool { return off(r) })
	r.stop()

	no := false
	for name, change := range map[string]func(*Options){
		"a clone": clone, "switched off": func(o *Options) { o.DisableRealtime = &no },
	} {
		r := ready(t, change)
		r.send("a\x1b@b")
		eventually(t, name+": it prints", func() bool { return r.printer.printed() == "ab" })
		if bytes.Contains(r.printer.everything(), []byte("\x1d(D")) {
			t.Errorf("%s: it gets GS ( D", name)
		}
		r.stop()
	}
}

// TestInvariant3OwnBytes: what we send ourselves is looked at as well: the
// order that switches the real-time kick off passes, to the byte, and nothing
// else of its kind.
func TestInvariant3OwnBytes(t *testing.T) {
	r := ready(t)
	g := r.Guard
	for b, want := range map[string]bool{
		string(realtimeOff): true,
		string(clearOrder):  true,
		string(harmless) + string(clearOrder) + string(statusAsk):     true,
		string(orderedAsk) + string(orderedAsk):                       true,
		string(slip("any text \x1bp", epsonCut)):                      true,
		"\x1d(D\x03\x00\x14\x01\x01":                                  false,
		"\x1d(D\x03\x00\x14\x02\x00":                                  false,
		"\x1d(D\x05\x00\x14\x01\x00\x02\x01":                          false,
		"\x1bp\x00\x19\xfa":                                           false,
		"\x10\x14\x01\x00\x01":                                        false,
		"\x10\x14\x08\x01\x03\x14\x01\x06\x02\x09":                    false,
		string(realtimeOff) + "\x1bp\x00\x19\xfa" + string(statusAsk): false,
	} {
		g.mu.Lock()
		got := g.permitted([]byte(b))
		g.mu.Unlock()
		if got != want {
			t.Errorf("%q may leave: %v", b, got)
		}
	}
	g.take(t.Context())
	l := g.line
	err := g.own(l, func() ([]byte, error) { return []byte("\x1bp\x00\x19\xfa"), nil })
	g.release()
	if !errors.Is(err, errUnsafe) {
		t.Errorf("a kick by ourselves: %v", err)
	}
	stays(t, 50*time.Millisecond, "no pulse", func() bool { return len(r.printer.pulsed()) == 0 })
}

// TestPollLeavesCharactersWhole: half of a character of two bytes is not parted
// from the other by a question of ours, which comes a moment later.
func TestPollLeavesCharactersWhole(t *testing.T) {
	r := ready(t, func(o *Options) { o.Poll = time.Millisecond })
	f := r.pos()
	for range 5 {
		f.WriteString("\x83")
		time.Sleep(30 * time.Millisecond)
		f.WriteString("\x65\n")
	}
	eventually(t, "it has arrived", func() bool { return bytes.Count(r.printer.everything(), []byte("\n")) == 5 })
	if n := bytes.Count(r.printer.everything(), []byte("\x83\x65")); n != 5 {
		t.Errorf("%d of 5 are whole: %q", n, r.printer.everything())
	}
}

// TestSensorWhileItPrints: a POS that prints, or asks, without a pause does not
// keep us from looking at the drawer.
func TestSensorWhileItPrints(t *testing.T) {
	t.Parallel()
	for name, what := range map[string]string{
		"prints": "0123456789\n", "asks": "\x10\x04\x04", "asks in order": "\x1dr1", "both": "line\n\x10\x04\x01\x10\x04\x02",
	} {
		t.Run(name, func(t *testing.T) {
			r := ready(t, func(o *Options) { o.Poll = 20 * time.Millisecond })
			eventually(t, "the sensor is read", func() bool { return r.DrawerState().Known })
			f := r.pos()
			end, done := make(chan struct{}), make(chan struct{})
			go func() { // who reads what is answered
				b := make([]byte, 256)
				for {
					if _, err := f.Read(b); err != nil {
						return
					}
				}
			}()
			go func() {
				defer close(done)
				for {
					select {
					case <-end:
						return
					default:
						f.WriteString(what)
					}
				}
			}()
			for range 3 {
				r.printer.set(func(f *fake) { f.open = true })
				eventually(t, "it is seen to open", func() bool { return r.DrawerState().Open })
				r.printer.set(func(f *fake) { f.open = false })
				eventually(t, "it is seen to close", func() bool { return !r.DrawerState().Open })
			}
			close(end)
			<-done
			r.stop()
			f.Close()
		})
	}
}

// TestInvariant9QuestionsAreBounded: with more questions than are remembered,
// the answer to one would be read as another's. So no more of those that are
// answered on arrival leave than are remembered, and no more of the others; and
// a POS that asks for ever keeps no drawer shut.
func TestInvariant9QuestionsAreBounded(t *testing.T) {
	t.Parallel()
	r := ready(t, func(o *Options) { o.Poll = 50 * time.Millisecond })
	r.printer.set(func(f *fake) { f.busy = true })
	r.send(strings.Repeat("\x1dr1", 200) + strings.Repeat("\x10\x04\x04", 300) + "text\n")
	most := 0
	eventually(t, "all is written", func() bool {
		r.Guard.mu.Lock()
		defer r.Guard.mu.Unlock()
		most = max(most, len(r.demux.arrival))
		return bytes.HasSuffix(r.printer.received(), []byte("text\n"))
	})
	if most > enough+1 {
		t.Errorf("%d questions were open", most)
	}
	if n := bytes.Count(r.printer.everything(), []byte("\x1dr1")); n != maxOrdered {
		t.Errorf("%d of 200 are asked", n)
	}
	eventually(t, "it is told", func() bool {
		told := strings.Join(r.told(entry.KindDeviceRefused), "; ")
		return strings.Contains(told, "question: too many that the printer has not answered, 136 times")
	})
	// The printer answers none of them, nor will it.
	r.printer.set(func(f *fake) { f.waits, f.busy = []byte("text\n"), false })
	if err := r.opensDrawer("till"); err != nil {
		t.Error(err)
	}
	eventually(t, "it opens", func() bool { return len(r.printer.pulsed()) == 1 })
}

// TestResyncAfterTheBeginningOfAnOrder: what was sent last may be the beginning of
// an order that a NUL completes (GS P with parameters 10 05: DLE ENQ). A printer
// that was unplugged after that is resynchronised all the same.
func TestResyncAfterTheBeginningOfAnOrder(t *testing.T) {
	t.Parallel()
	r := ready(t, func(o *Options) { o.Poll = time.Second })
	const begun = "\x1dP\x10\x05"
	r.send(begun)
	eventually(t, "it has arrived", func() bool { return bytes.HasSuffix(r.printer.everything(), []byte(begun)) })
	link := r.printer.port.Link()
	r.printer.port.Close()
	eventually(t, "it is away", func() bool { return r.Status().Reach == "away" })
	newFakeAt(t, link)
	eventually(t, "it is trusted again", func() bool { return r.Status().Trusted })
}

// TestSlipWithoutAPrinter: there is nothing to print it on, and nothing worse comes of it.
func TestSlipWithoutAPrinter(t *testing.T) {
	t.Parallel()
	r := ready(t)
	r.printer.port.Close()
	eventually(t, "it is away", func() bool { return r.Status().Reach == "away" })
	if err := r.Slip(t.Context(), "text"); !errors.Is(err, ErrOffline) {
		t.Errorf("a slip without a printer: %v", err)
	}
}
