package printer

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"tillwarden/devices/escpos"
	"tillwarden/devices/sim"
	"tillwarden/enforcer/journal/entry"
)

// TestEveryDialectHasALanguage: there is no printer that could be declared and
// not be driven.
func TestEveryDialectHasALanguage(t *testing.T) {
	for _, d := range escpos.Dialects() {
		l, ok := languages[d.Name()]
		if !ok || l.take == nil || l.step <= 0 || l.most <= 0 || l.ask != nil && l.possible == nil || l.drains && l.ordered == nil {
			t.Errorf("%s: %+v", d.Name(), l)
		}
		resync := ResyncClear
		if l.clear == nil {
			resync = ResyncTechnician
		}
		o := Options{Dialect: d, Resync: resync, PulseOn: defaultPulseOn, PulseOff: defaultPulseOff}
		if err := o.CheckDialect(); err != nil {
			t.Errorf("%s with its own defaults: %v", d.Name(), err)
		}
	}
}

// TestPulseOfEachDialect: the bytes as the manuals have them, with 50 ms and
// 500 ms.
func TestPulseOfEachDialect(t *testing.T) {
	for name, want := range map[string][2]string{
		"epson":        {"\x1bp\x00\x19\xfa", "\x1bp\x01\x19\xfa"},
		"epson-clone":  {"\x1bp\x00\x19\xfa", "\x1bp\x01\x19\xfa"},
		"epson-wincor": {"\x1bp\x00\x05\x32", "\x1bp\x01\x05\x32"},
		"epson-sii":    {"\x1bp\x00\x19\xfa", "\x1bp\x01\x19\xfa"},
		"star-line":    {"\x1b\x07\x05\x32\x07", "\x1a"},
		"star-raster":  {"\x1b\x07\x05\x32\x07", "\x1a"},
		"starprnt":     {"\x1b\x07\x05\x32\x07", "\x1a"},
		"citizen-cbm":  {"\x1b\x07\x05\x32\x07", "\x1a"},
		"ithaca":       {"\x1bx\x01", "\x1bx\x02"},
		"suremark":     {"\x1bp\x00\x19\xfa", "\x1bp\x01\x19\xfa"},
		"generic":      {"\x1bp\x00\x19\xfa", "\x1bp\x01\x19\xfa"},
	} {
		t.Run(name, func(t *testing.T) {
			r := ready(t, func(o *Options) { no := false; o.Drain, o.DisableRealtime, o.Poll = &no, &no, time.Hour })
			l, ok := languages[name]
			if !ok {
				t.Fatal("there is no such language")
			}
			l.ask = nil // the printer here speaks Epson's
			r.Guard.mu.Lock()
			r.Guard.language = l
			r.Guard.mu.Unlock()
			for i, drawer := range []string{"till", "second"} {
				before := len(r.printer.everything())
				if err := r.opensDrawer(drawer); err != nil {
					t.Fatal(err)
				}
				got := ""
				eventually(t, drawer+" is pulsed", func() bool {
					got = strings.TrimLeft(string(r.printer.everything()[before:]), "\x00") // what keeps it apart
					return len(got) >= len(want[i])
				})
				if got != want[i] {
					t.Errorf("%s: %q, want %q", drawer, got, want[i])
				}
			}
			r.stop()
		})
	}
	if len(languages) != 11 {
		t.Errorf("%d languages, 11 of them looked at", len(languages))
	}
}

// TestSlipInEveryDialect: what a slip is printed by is what the dialect itself
// would let through from a POS, to the byte, whatever the text; or there are none.
func TestSlipInEveryDialect(t *testing.T) {
	text := "&%D1 denied\x07\x1c\x1bp\x00\x19\xfa\n\u00e4\u20ac" + strings.Repeat("#", 100)
	for _, d := range escpos.Dialects() {
		cut := languages[d.Name()].cut
		if (cut == nil) != (d.Name() == "star-raster") {
			t.Errorf("%s: cut %q", d.Name(), cut)
		}
		if cut == nil {
			continue
		}
		b, passed := slip(text, cut), ""
		escpos.NewFilter(d).Feed(b, func(s *escpos.Segment) { passed += string(s.Bytes) })
		if passed != string(b) {
			t.Errorf("%s: of %q passes %q", d.Name(), b, passed)
		}
	}
}

// TestStar: a Star is polled, its drawer opens and is seen to, and slips are
// printed and cut in its own way.
func TestStar(t *testing.T) {
	c := newCounter(t, "star-line", sim.StarModels()[0])
	c.SetPolarity(PolarityHighClosed)
	if err := c.opensDrawer("till"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is seen to open", func() bool { return slices.Equal(c.told(entry.KindDrawerOpened), []string{"drawer-opened"}) })
	if err := c.opensDrawer("second"); err != nil {
		t.Fatal(err)
	}
	if err := c.Slip(t.Context(), "No-sale denied"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the slip is cut", func() bool {
		lines, _ := c.printer.Paper(0)
		text := strings.Join(lines, "|")
		return strings.Contains(text, "No-sale denied") && strings.Contains(text, "cut")
	})
	if n := c.printer.State().Pulses; n != 2 {
		t.Errorf("%d pulses", n)
	}
	f := c.pos()
	f.WriteString("\x1b\x06\x01")
	if b := answer(t, f, 7); b[0]&0x91 != 0x01 {
		t.Errorf("the POS gets % X", b)
	}
}

// TestModeBlocksNobody: a POS that stays in a Star's raster mode, and sends rows
// as fast as they are taken, is put out of it while somebody waits.
func TestModeBlocksNobody(t *testing.T) {
	t.Parallel()
	c := newCounter(t, "star-line", sim.StarModels()[0])
	f := c.pos()
	f.WriteString("\x1b*rA")
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-end:
				return
			case <-time.After(time.Millisecond):
				f.WriteString("b\x08\x00UUUUUUUU")
			}
		}
	}()
	eventually(t, "it is in raster mode", func() bool {
		c.Guard.mu.Lock()
		defer c.Guard.mu.Unlock()
		return !c.filter.Ground()
	})
	err := c.opensDrawer("till")
	close(end)
	<-done
	if err != nil {
		t.Errorf("the drawer stays shut: %v", err)
	}
}

func TestCheckDialect(t *testing.T) {
	yes := true
	for _, test := range []struct {
		change func(*Options)
		want   string
	}{
		{func(o *Options) { o.PulseOn = time.Second }, "counts in steps of 2ms, up to 510ms"},
		{func(o *Options) { o.PulseOn = time.Millisecond }, "counts in steps of 2ms, up to 510ms"},
		{func(o *Options) { clone(o); o.Drain = &yes }, ""},
		{func(o *Options) { clone(o); o.DisableRealtime = &yes }, ""},
		{func(o *Options) {
			o.Dialect, _ = escpos.DialectNamed("epson-wincor")
			o.PulseOff = 2550 * time.Millisecond
		}, ""},
		{func(o *Options) { o.Dialect, _ = escpos.DialectNamed("epson-sii") }, "resync can only be technician"},
		{func(o *Options) { o.Dialect, _ = escpos.DialectNamed("epson-sii"); o.Resync = ResyncPowerCycle }, "resync can only be technician"},
		{func(o *Options) {
			o.Dialect, _ = escpos.DialectNamed("epson-sii")
			o.Resync, o.Drain = ResyncTechnician, &yes
		}, "drain cannot be had"},
	} {
		o := Options{Dialect: escpos.Dialects()[0], PulseOn: defaultPulseOn, PulseOff: defaultPulseOff}
		test.change(&o)
		err := o.CheckDialect()
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s, resync %s: %v, want %q", o.Dialect.Name(), o.Resync, err, test.want)
		}
	}
}

// TestSilentLanguage: a printer of which no answers are known is ready when all
// that we had for it has left us; its answers are the POS's, and it is not given
// up for not answering.
func TestSilentLanguage(t *testing.T) {
	d, err := escpos.DialectNamed("epson-sii")
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(o *Options) { o.Dialect, o.Resync = d, ResyncTechnician })
	eventually(t, "its line is there", func() bool { return r.Trust() == nil })
	f := r.pos()
	f.WriteString("text\n\x1dr1\x10\x04\x01")
	b := answer(t, f, 2)
	if !bytes.Contains(b, []byte{0x12}) || !bytes.Contains(b, []byte{0x00}) {
		t.Errorf("the POS gets % X", b)
	}
	time.Sleep(50 * time.Millisecond) // several times the interval of polling
	if err := r.opensDrawer("till"); err != nil {
		t.Error(err)
	}
	eventually(t, "it opens", func() bool { return len(r.printer.pulsed()) == 1 })
	if got, want := string(r.printer.everything()), "text\n\x1dr1\x10\x04\x01\x1bp\x00\x19\xfa"; got != want {
		t.Errorf("the printer gets %q, want %q", got, want)
	}
	if s := r.Status(); s.Reach != "online" || !s.Trusted || s.Drawer.Known {
		t.Errorf("%+v", s)
	}
	if _, err := r.Pin(t.Context()); err == nil {
		t.Error("a sensor is read that nobody can read")
	}
}
