package drawer

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"tillwarden/devices"
	"tillwarden/devices/printer"
	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
)

// TestOpens: a grant opens it once; the sensor's opening is the grant's, one by
// hand is nobody's.
func TestOpens(t *testing.T) {
	t.Parallel()
	r := newRig(t, inTime)
	if got := r.line().raised; got != devices.LineDTR|devices.LineRTS {
		t.Errorf("raised: %v", got)
	}
	eventually(t, "the sensor is read", func() bool { return r.State().Drawer.Known })
	grant := r.grant("till")
	if err := r.redeem(grant); err != nil {
		t.Fatal(err)
	}
	if _, written := r.reached(); written != "\x07" {
		t.Errorf("written: %q", written)
	}
	if err := r.redeem(grant); !errors.Is(err, enforcer.ErrUsed) {
		t.Errorf("the same grant again: %v", err)
	}
	about := grant.Seq()
	r.line().set(devices.LineCTS)
	eventually(t, "it is seen to open", func() bool { return len(r.told(entry.KindDrawerOpened)) == 1 })
	if e := r.told(entry.KindDrawerOpened)[0]; e.About != about || e.Reason != 0 || e.Drawer != "till" {
		t.Errorf("opened: %+v", e)
	}
	if s := r.State(); !s.Drawer.Open || !s.Sensor {
		t.Errorf("state: %+v", s)
	}
	r.line().set(0)
	eventually(t, "it is seen to close", func() bool { return len(r.told(entry.KindDrawerClosed)) == 1 })
	r.line().set(devices.LineCTS)
	eventually(t, "it is seen to open by hand", func() bool { return len(r.told(entry.KindDrawerOpened)) == 2 })
	if e := r.told(entry.KindDrawerOpened)[1]; e.About != 0 || e.Reason != entry.ReasonNoGrant {
		t.Errorf("opened by hand: %+v", e)
	}
	if _, written := r.reached(); written != "\x07" {
		t.Errorf("written: %q", written)
	}
}

// TestInvariant1OtherDrawersGrant: a redemption for another drawer, a kept one and
// none open nothing.
func TestInvariant1OtherDrawersGrant(t *testing.T) {
	t.Parallel()
	for _, how := range []func(*Options){func(*Options) {}, onGrant} {
		r := newRig(t, how)
		opens, _ := r.reached()
		ctx := context.Background()
		var kept enforcer.Redemption
		err := r.gate.Redeem(ctx, r.grant("safe"), "safe", func(red enforcer.Redemption) error {
			kept = red
			return r.Pulse(ctx, red)
		})
		if !errors.Is(err, printer.ErrNotRedeemed) {
			t.Errorf("another drawer's: %v", err)
		}
		if err := r.Pulse(ctx, kept); !errors.Is(err, printer.ErrNotRedeemed) {
			t.Errorf("a kept one: %v", err)
		}
		if err := r.Pulse(ctx, enforcer.Redemption{}); !errors.Is(err, printer.ErrNotRedeemed) {
			t.Errorf("none: %v", err)
		}
		if n, written := r.reached(); n != opens || written != "" {
			t.Errorf("%d openings, %q written", n-opens, written)
		}
	}
}

// TestOnGrant: nothing opens the port before a grant; the port is closed after it.
func TestOnGrant(t *testing.T) {
	t.Parallel()
	r := newRig(t, onGrant)
	for range 3 {
		if err := r.Ready(context.Background()); err != nil {
			t.Error(err)
		}
	}
	if n, _ := r.reached(); n != 0 {
		t.Fatalf("opened %d times before any grant", n)
	}
	if err := r.redeem(r.grant("till")); err != nil {
		t.Fatal(err)
	}
	if n, written := r.reached(); n != 1 || written != "\x00" {
		t.Errorf("%d openings, %q written", n, written)
	}
	if l := r.line(); l.end() == nil || l.raised != 0 {
		t.Errorf("the port stays open (%v), or its lines up: %v", l.end() == nil, l.raised)
	}
	if _, err := r.Pin(context.Background()); !errors.Is(err, ErrNoSensor) {
		t.Errorf("a sensor: %v", err)
	}
	// Somebody else has it: the grant opens nothing, and nothing is tried again.
	r.mu.Lock()
	r.busy = devices.ErrBusy
	r.mu.Unlock()
	if err := r.redeem(r.grant("till")); printer.ReasonOf(err) != entry.ReasonOffline {
		t.Errorf("a busy port: %v", err)
	}
	r.mu.Lock()
	r.busy = nil
	r.mu.Unlock()
	// Away and back.
	if err := os.Remove(r.o.Path); err != nil {
		t.Fatal(err)
	}
	if err := r.Ready(context.Background()); !errors.Is(err, printer.ErrOffline) {
		t.Errorf("not there: %v", err)
	}
	eventually(t, "it is seen to be away", func() bool { s := r.State(); return !s.Up && s.Away == "not there" })
	if err := os.WriteFile(r.o.Path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is back", func() bool { return r.State().Up })
	if n, _ := r.reached(); n != 1 {
		t.Errorf("%d openings", n)
	}
	if err := r.redeem(r.grant("till")); err != nil {
		t.Error(err)
	}
}

// TestStalled: a line that does not take the code, or not all of it, or keeps it,
// does not get it later: it is closed, which drops what is stuck.
func TestStalled(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		line *fakeLine
		want error
	}{
		"takes none": {&fakeLine{takes: 0, closed: make(chan struct{})}, devices.ErrStalled},
		"takes half": {&fakeLine{takes: 1, closed: make(chan struct{})}, errHalf},
		"keeps it":   {&fakeLine{takes: -1, closed: make(chan struct{}), stuck: true}, devices.ErrStalled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(o *Options) { o.Code = []byte("\x1b\x07") })
			r.mu.Lock()
			r.next = test.line
			r.mu.Unlock()
			r.line().unplug()
			eventually(t, "the line is opened again", func() bool { return r.line() == test.line && r.State().Up })
			ctx := context.Background()
			err := r.gate.Redeem(ctx, r.grant("till"), "till", func(red enforcer.Redemption) error { return r.Pulse(ctx, red) })
			if !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
			if test.line.end() == nil {
				t.Error("the line was not given up")
			}
			eventually(t, "a new line", func() bool { return r.line() != test.line && r.State().Up })
			if got := r.line().bytes(); got != "" {
				t.Errorf("%q was sent later", got)
			}
		})
	}
}

// TestUnplugged: away, it is not ready, and says why; back, it opens; a drawer that
// was opened by hand meanwhile is told of.
func TestUnplugged(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	eventually(t, "the sensor is read", func() bool { return r.State().Drawer.Known })
	r.mu.Lock()
	r.busy = devices.ErrBusy
	r.mu.Unlock()
	r.line().unplug()
	eventually(t, "it is away", func() bool { s := r.State(); return !s.Up && s.Away == "in use by another program" })
	if err := r.Ready(context.Background()); printer.ReasonOf(err) != entry.ReasonOffline {
		t.Errorf("ready: %v", err)
	}
	if _, err := r.Pin(context.Background()); !errors.Is(err, printer.ErrOffline) {
		t.Errorf("pin: %v", err)
	}
	back := newFakeLine()
	back.set(devices.LineCTS)
	r.mu.Lock()
	r.busy, r.next = nil, back
	r.mu.Unlock()
	eventually(t, "it is back, and open", func() bool { return len(r.told(entry.KindDrawerOpened)) == 1 })
	if e := r.told(entry.KindDrawerOpened)[0]; e.Reason != entry.ReasonNoGrant {
		t.Errorf("%+v", e)
	}
	if err := r.redeem(r.grant("till")); err != nil {
		t.Error(err)
	}
	if up, down := len(r.told(entry.KindDeviceUp)), len(r.told(entry.KindDeviceDown)); up != 2 || down < 2 {
		t.Errorf("%d times up, %d down", up, down)
	}
}

// TestNoModemLines: a drawer that is to report on a line of a port without lines
// is a configuration that cannot work, and says so.
func TestNoModemLines(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	blind := newFakeLine()
	blind.lineErr = devices.ErrNoLines
	r.mu.Lock()
	r.next = blind
	r.mu.Unlock()
	r.line().unplug()
	eventually(t, "it says so", func() bool {
		for _, e := range r.told(entry.KindDeviceDown) {
			if e.Text == devices.ErrNoLines.Error() {
				return true
			}
		}
		return false
	})
}

// TestPolarity: uncalibrated there are no events; either polarity, learned while
// it runs and learned again, makes the right ones. RI is read as CTS is.
func TestPolarity(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *Options) { o.Status, o.Polarity = StatusRI, printer.PolarityUnknown })
	ctx := context.Background()
	level := func(up devices.Lines) bool {
		t.Helper()
		r.line().set(up)
		high, err := r.Pin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return high
	}
	if level(devices.LineCTS) {
		t.Error("CTS is not RI")
	}
	for _, openIsHigh := range []bool{false, true} {
		r.SetPolarity(printer.PolarityUnknown)
		open, shut := devices.LineRI, devices.Lines(0)
		if !openIsHigh {
			open, shut = shut, open
		}
		p, err := printer.Calibrate(level(shut), level(open))
		if err != nil {
			t.Fatal(err)
		}
		r.SetPolarity(p)
		eventually(t, "it is open", func() bool { s := r.State().Drawer; return s.Known && s.Open })
		// Whether it was seen to open depends on when the line was read last.
		before := len(r.told(entry.KindDrawerClosed))
		r.line().set(shut)
		eventually(t, "it is closed", func() bool { return len(r.told(entry.KindDrawerClosed)) == before+1 })
		if r.State().Drawer.Open {
			t.Error("closed is open")
		}
	}
}

// TestModels: a model, its code and how its port is held go together.
func TestModels(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Options)
		ok     bool
	}{
		"apg-484a":                    {func(*Options) {}, true},
		"apg-484a with its own code":  {func(o *Options) { o.Code = []byte("OPEN") }, true},
		"apg-212a without a code":     {func(o *Options) { o.Model = model(t, "apg-212a") }, false},
		"apg-212a with two":           {func(o *Options) { o.Model, o.Code = model(t, "apg-212a"), []byte("AB") }, true},
		"apg-212a with three":         {func(o *Options) { o.Model, o.Code = model(t, "apg-212a"), []byte("ABC") }, false},
		"apg-212a too fast":           {func(o *Options) { o.Model, o.Code, o.Baud = model(t, "apg-212a"), []byte("A"), 38400 }, false},
		"posiflex-jiva":               {func(o *Options) { o.Model = model(t, "posiflex-jiva") }, true},
		"generic without a code":      {func(o *Options) { o.Model = model(t, "generic") }, false},
		"trigger held open":           {func(o *Options) { o.Model, o.Status = trigger(), StatusNone }, false},
		"trigger":                     {onGrant, true},
		"trigger with a status":       {func(o *Options) { onGrant(o); o.Status = StatusCTS }, false},
		"no name":                     {func(o *Options) { o.Name = "" }, false},
		"a status that there is none": {func(o *Options) { o.Status = statusEnd }, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{Name: "till", Model: model(t, "apg-484a"), Open: func(context.Context) (devices.Port, error) { return nil, devices.ErrGone }, Path: "/dev/null", Status: StatusCTS, Now: bootTime}
			test.change(&o)
			_, err := New(o)
			if (err == nil) != test.ok {
				t.Errorf("%v", err)
			}
			if err != nil && !errors.Is(err, ErrOptions) {
				t.Errorf("%v is no ErrOptions", err)
			}
		})
	}
	if _, err := ModelNamed("apg-500"); !errors.Is(err, ErrModel) {
		t.Errorf("a model that there is not: %v", err)
	}
}

func TestParseCode(t *testing.T) {
	for _, test := range []struct {
		text, want string
		ok         bool
	}{
		{"", "", true},
		{"07", "\x07", true},
		{"1b 70 00", "\x1bp\x00", true},
		{"1B7000", "\x1bp\x00", true},
		{`\x07`, "\x07", true},
		{`\a\r`, "\a\r", true},
		{"A", "A", true},
		{"AB", "\xab", true},
		{`\x41\x42`, "AB", true},
		{"OPEN", "OPEN", true},
		{`"`, `"`, true},
		{`\`, "", false},
		{`\q`, "", false},
		{"é", "", false},
		{"\x07", "", false},
		{"00112233445566778899aabbccddeeff00", "", false},
	} {
		got, err := ParseCode(test.text)
		if string(got) != test.want || (err == nil) != test.ok {
			t.Errorf("%q: %q %v, want %q", test.text, got, err, test.want)
		}
		if err != nil && !errors.Is(err, ErrCode) {
			t.Errorf("%q: %v is no ErrCode", test.text, err)
		}
	}
}

// TestSteady: a bounce is none, two equal readings are a level, and a line that
// changes all the time is told of once, and once when it is steady again.
func TestSteady(t *testing.T) {
	var s steady
	now := time.Minute
	read := func(high bool) (bool, noise) {
		now += 100 * time.Millisecond
		return s.reading(high, now)
	}
	for i, step := range []struct{ high, counts bool }{
		{false, false}, {false, true}, {true, false}, {false, false}, {false, true}, {true, false}, {true, true}, {true, true},
	} {
		if counts, n := read(step.high); counts != step.counts || n != noiseSame {
			t.Errorf("reading %d counts: %v, noise %d", i, counts, n)
		}
	}
	begins := 0
	for i := range 200 {
		counts, n := read(i%4 < 2)
		if n == noiseBegins {
			begins++
		}
		if counts && s.noisy {
			t.Fatal("a noisy line counts")
		}
	}
	if begins != 1 || !s.noisy {
		t.Errorf("noise began %d times", begins)
	}
	ends := 0
	for range 40 {
		if _, n := read(true); n == noiseEnds {
			ends++
		}
	}
	if counts, _ := read(true); ends != 1 || !counts {
		t.Errorf("noise ended %d times, counts %v", ends, counts)
	}
}

// TestFlapping: a plug that is loose does not fill the journal, and is a problem
// that the state shows.
func TestFlapping(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	high := false
	eventually(t, "it is called noisy", func() bool {
		if high = !high; high {
			r.line().set(devices.LineCTS)
		} else {
			r.line().set(0)
		}
		time.Sleep(15 * time.Millisecond)
		return r.State().Noisy
	})
	if s := r.State(); s.Drawer.Known {
		t.Errorf("noisy, and known: %+v", s)
	}
	if n := len(r.told(entry.KindDrawerOpened, entry.KindDrawerClosed)); n > noisyChanges+1 {
		t.Errorf("%d events", n)
	}
	r.line().set(0)
	eventually(t, "it is steady again", func() bool {
		told := r.told(entry.KindDeviceTrust)
		return len(told) == 2 && told[1].Outcome == entry.OutcomeAllowed
	})
}

// TestPrintersPage: docs/printers.md has a row for each model, in their order.
func TestPrintersPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/printers.md")
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for _, name := range Models() {
		row := bytes.Index(page[at:], []byte("\n| `"+name+"` | "))
		if row < 0 {
			t.Errorf("there is no row for %s, or not in its place", name)
			continue
		}
		at += row
	}
}

// TestStateSaysSinceWhen: it is lost, and found again.
func TestStateSaysSinceWhen(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	up := r.State().Since
	if up <= 0 || up > bootTime() {
		t.Errorf("it is up since %v", up)
	}
	r.mu.Lock()
	r.busy = devices.ErrGone
	r.mu.Unlock()
	r.line().unplug()
	eventually(t, "it is away", func() bool { s := r.State(); return !s.Up && s.Since > up })
	away := r.State().Since
	r.mu.Lock()
	r.busy = nil
	r.mu.Unlock()
	eventually(t, "it is there", func() bool { s := r.State(); return s.Up && s.Since > away })
}
