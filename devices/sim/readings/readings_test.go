package readings_test

import (
	"errors"
	"strings"
	"testing"

	"tillwarden/devices/sim/readings"
)

const (
	kick     = "\x1bp\x00\x19\xfa"
	rtKick   = "\x10\x14\x01\x00\x01"
	clearing = "\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08"
)

// bad are streams that are known to be dangerous, and what they bring about. A
// model that does not find it proves nothing.
var bad = []struct {
	name   string
	stream string
	kind   readings.Kind
}{
	{"ESC p", kick, readings.Pulse},
	{"ESC p with digits, as applications send it", "\x1bp07y", readings.Pulse},
	{"ESC p for another drawer than there is, on a printer that looks at the lowest bit", "\x1bp\x05\x19\xfa", readings.Pulse},
	{"ESC p that the next job completes", "\x1bp\x00" + "Mi", readings.Pulse},
	{"ESC x", "\x1bx1", readings.Pulse},
	{"DLE DC4 fn 1", rtKick, readings.Pulse},
	{"DLE DC4 fn 1 with a number that no manual has", "\x10\x14\x01\x08\x01", readings.Pulse},
	{"DLE DC4 fn 1 in a picture", "\x1dv0\x00\x02\x00\x04\x00\xaa" + rtKick + "\xaa\xaa", readings.Pulse},
	{"DLE DC4 fn 1 of which ESC ! takes the first byte", "\x1b!" + rtKick, readings.Pulse},
	{"DLE DC4 fn 1 that begins twice", "\x10\x14\x10\x14\x01\x00\x01", readings.Pulse},
	{"DLE DC4 fn 1 while deselected", "\x1b=\x02" + rtKick, readings.Pulse},
	{"ESC p in a bar code that is refused", "A\x1dkI\x05" + kick, readings.Pulse},
	{"ESC p in a bar code, after a character that it cannot hold", "\x1dkE\x08AB*" + kick, readings.Pulse},
	{"ESC p after the digits of a bar code that has a fixed number of them", "\x1dk\x00012345678901" + kick + "\x00", readings.Pulse},
	{"ESC p in a picture that is refused", "A\x1dv0\x00\x05\x00\x01\x00" + kick, readings.Pulse},
	{"ESC p in a picture that is too large", "\x1dv0\x00\xff\xff\xff\xff" + kick, readings.Pulse},
	{"ESC p in a picture with a mode that does not exist", "\x1b*\x07\x05\x00" + kick, readings.Pulse},
	{"ESC p in the data of a two-dimensional code", "\x1d(k\x08\x001P0" + kick, readings.Pulse},
	{"ESC p in graphics", "\x1d(L\x0f\x000p0\x01\x011\x08\x00\x05\x00" + kick, readings.Pulse},
	{"ESC p in a character that the host defines", "\x1b&\x03AA\x02" + kick + "\x00", readings.Pulse},
	{"ESC p in a stored picture", "\x1cq\x01\x01\x00\x01\x00" + kick + "\x00\x00\x00", readings.Pulse},
	{"ESC p in a picture that is cleared away", "\x1dv0\x00\x20\x00\x01\x00" + clearing + kick, readings.Pulse},
	{"ESC p in a picture that DLE ENQ clears away", "\x1dv0\x00\x20\x00\x01\x00\x10\x05\x02" + kick, readings.Pulse},
	{"ESC p among tab stops that end by themselves", "\x1bD\x20" + kick + "\x00", readings.Pulse},
	{"ESC p behind a parameter that is out of range", "\x1b!\x1bp00\x01", readings.Pulse},
	{"ESC p behind a parameter that begins a command", "\x1d!" + kick, readings.Pulse},
	{"ESC p behind an unknown command of two bytes", "\x1bX" + kick, readings.Pulse},
	{"ESC p behind a lone ESC", "\x1b" + kick, readings.Pulse},
	{"ESC p behind the lead byte of a two-byte character", "\x81" + kick, readings.Pulse},
	{"ESC p behind a byte that an overrun cost", "\x1dv0\x00\x01\x00\x02\x00\xaa\xaa\x1b" + kick, readings.Pulse},
	{"the buzzer on the drawer's pins", "\x1b(A\x04\x00071\x01", readings.Pulse},
	{"the buzzer on the drawer's pins, in real time", "\x10\x14\x03\x01\x00\x01\x00\x00", readings.Pulse},
	{"the drawer of Bematech", "\x1bv\xc8", readings.Pulse},
	{"the second drawer of Bematech", "\x1b\x80\xc8", readings.Pulse},
	{"a kick in the area of a page", "\x1bW\x00\x00\x10\x14\x01\x00\x01\x00", readings.Pulse},
	{"pages that are printed later", "\x1b(Y\x02\x0000", readings.Store},
	{"what is printed on the reverse side later", "\x1d(z\x02\x00>0", readings.Store},
	{"a macro that FEED runs", "\x1d:" + kick + "\x1d:\x1d^\x01\x00\x01", readings.Store},
	{"a macro that runs at once", "\x1d:" + kick + "\x1d:\x1d^\x01\x00\x00", readings.Store},
	{"a macro with a number, as SureMark has it", "\x1d:\x01" + kick + "\x1d:", readings.Store},
	{"the printer deselected", "\x1b=\x02", readings.Deselect},
	{"the customer's display selected too, then the printer not", "\x1b=\x03\x1b=\x00", readings.Deselect},
	{"settings", "\x1d(E\x03\x00\x01IN", readings.Escape},
	{"a hex dump", "\x1d(A\x02\x00\x00\x01", readings.Escape},
	{"the dialect", "\x1b#N", readings.Escape},
	{"the real-time kick switched on", "\x1d(D\x03\x00\x14\x01\x01", readings.Escape},
	{"settings in a picture that is refused", "\x1dv0\x00\x08\x00\x01\x00\x1d(E\x03\x00\x01IN", readings.Escape},
	{"buffers cleared", clearing, readings.Clear},
	{"the printer switched off", "\x10\x14\x02\x01\x08", readings.Clear},
}

func TestEachKnownAttackIsFound(t *testing.T) {
	for _, c := range bad {
		t.Run(c.name, func(t *testing.T) {
			r := readings.New(readings.Epson())
			r.Send([]byte(c.stream))
			if f, is := r.Found(c.kind); !is {
				t.Errorf("% x: no printer is found that is %s", c.stream, c.kind)
			} else if f.Offset < 1 || f.Offset >= int64(len(c.stream)) || f.Trail == "" {
				t.Errorf("% x: %+v", c.stream, f)
			}
			if r.Err() != nil {
				t.Error(r.Err())
			}
		})
	}
}

// badElsewhere are the same in other languages.
var badElsewhere = []struct {
	language func() *readings.Language
	name     string
	stream   string
	kind     readings.Kind
}{
	{readings.StarLine, "BEL", "Milk\x07", readings.Pulse},
	{readings.StarLine, "FS", "Milk\x1c", readings.Pulse},
	{readings.StarLine, "SUB", "Milk\x1a", readings.Pulse},
	{readings.StarLine, "EM", "Milk\x19", readings.Pulse},
	{readings.StarLine, "FS in a picture, executed on arrival", "\x1bK\x02\x00\x1c\x00", readings.Pulse},
	{readings.StarLine, "BEL as a parameter of a command that is not known", "\x1ba\x07", readings.Pulse},
	{readings.StarLine, "BEL behind an unknown command", "\x1b~\x07", readings.Pulse},
	{readings.StarLine, "BEL as a parameter of a command that is not known", "\x1ba\x07", readings.Pulse},
	{readings.StarLine, "BEL behind a picture's dots", "\x1bK\x01\x00\x00\x07", readings.Pulse},
	{readings.StarLine, "the buzzer on the drawer's terminal", "\x1b\x1d\x19\x12\x01\x01\x01", readings.Pulse},
	{readings.StarLine, "the drawer in raster mode", "\x1b*rD1\x00", readings.Pulse},
	{readings.StarLine, "the buzzer in raster mode", "\x1b*rV\x011\x00", readings.Pulse},
	{readings.StarLine, "a macro", "\x1b\x1d+\x00", readings.Store},
	{readings.StarLine, "a logo that runs at the cut", "\x1b\x1d/3\x01\x00\x07", readings.Store},
	{readings.StarLine, "memory switches", "\x1b#N,0001\n\x00", readings.Escape},
	{readings.StarLine, "a reset", "\x1b?\n\x00", readings.Clear},
	{readings.Citizen, "BEL", "\x07", readings.Pulse},
	{readings.Citizen, "SUB", "\x1a", readings.Pulse},
	{readings.Ithaca, "ESC x", "\x1bx\x01", readings.Pulse},
	{readings.Ithaca, "a product named after a drawer", "Soap &%D1 1.20\n", readings.Pulse},
	{readings.Ithaca, "the same with its first letter twice", "&&%D2", readings.Pulse},
	{readings.Ithaca, "a macro in text", "&%UBname", readings.Store},
	{readings.Ithaca, "BS", "\x08", readings.Pulse},
	{readings.Ithaca, "BEL", "\x07", readings.Pulse},
	{readings.Ithaca, "ESC +", "\x1b+", readings.Pulse},
	{readings.Ithaca, "a named macro", "\x1b\x1fbname\x00", readings.Store},
}

func TestEachKnownAttackIsFoundElsewhere(t *testing.T) {
	for _, c := range badElsewhere {
		l := c.language()
		t.Run(l.Name()+"/"+c.name, func(t *testing.T) {
			r := readings.New(l)
			r.Send([]byte(c.stream))
			if _, is := r.Found(c.kind); !is || r.Err() != nil {
				t.Errorf("% x: no printer is found that is %s (%v)", c.stream, c.kind, r.Err())
			}
		})
	}
	for _, c := range []struct {
		language func() *readings.Language
		name     string
		stream   string
	}{
		{readings.StarLine, "a receipt", "\x1b@\x1b\x1da\x01Shop\n\x1bE\x01Milk\x1bF\n\x1bd\x02"},
		{readings.Ithaca, "percent and ampersand", "A & B 5% D1 %D1 &D1\n"},
	} {
		l := c.language()
		t.Run(l.Name()+"/harmless/"+c.name, func(t *testing.T) {
			r := readings.New(l)
			r.Send([]byte(c.stream))
			if f, is := r.Unasked(); is || r.Err() != nil {
				t.Errorf("% x: %s, %v", c.stream, f, r.Err())
			}
		})
	}
}

// TestHarmlessStreamsAreNot: what no printer takes for a kick is not found to be one.
func TestHarmlessStreamsAreNot(t *testing.T) {
	for name, stream := range map[string]string{
		"a receipt":                             "\x1b@\x1ba\x01Corner shop\n\x1ba\x00Milk 1.20\npay\n\x1d!\x11TOTAL 1.20\n\x1dVB\x00",
		"a parameter p":                         "\x1bJp\x1b3p\x1b!p",
		"a NUL between ESC ! ESC and p":         "\x1b!\x1b\x00pay\n",
		"a question":                            "\x10\x04\x01\x1dr\x01",
		"the beginning of a real-time kick":     "\x10\x14\x00\x10\x14",
		"a picture":                             "\x1dv0\x00\x02\x00\x02\x00\xff\x81\x81\xff",
		"a bar code":                            "\x1dk\x02123456789012\x00\x1dkI\x06{BPAID",
		"the printer selected":                  "\x1b=\x01",
		"tab stops":                             "\x1bD\x08\x10\x18\x00\tA",
		"real-time kick switched off, not used": "\x1d(D\x03\x00\x14\x01\x00",
	} {
		t.Run(name, func(t *testing.T) {
			r := readings.New(readings.Epson())
			r.Send([]byte(stream))
			if f, is := r.Unasked(); is {
				t.Errorf("% x: %s", stream, f)
			}
			if r.Err() != nil {
				t.Error(r.Err())
			}
		})
	}
}

func TestMacroThatFeedRuns(t *testing.T) {
	r := readings.New(readings.Epson())
	r.Send([]byte("\x1d:"))
	r.SendOwn([]byte(kick)) // recorded while it is executed
	r.Send([]byte("\x1d:\x1d^\x01\x00\x01"))
	if f, is := r.Found(readings.Pulse); is {
		t.Fatalf("before FEED was pressed: %s", f)
	}
	if _, is := r.Found(readings.Granted); !is {
		t.Fatal("the daemon's own pulse does not open the drawer")
	}
	r.Press()
	if _, is := r.Found(readings.Pulse); !is {
		t.Fatal("the macro that recorded the daemon's pulse does not repeat it")
	}
}

func TestOnlyWholePulsesOfTheDaemonAreGranted(t *testing.T) {
	for name, c := range map[string]struct{ before, own string }{
		"ESC p":        {"\x1b", "p\x00\x19\xfa"},
		"DLE DC4 fn 1": {"\x10", "\x14\x01\x00\x01"},
	} {
		t.Run(name, func(t *testing.T) {
			r := readings.New(readings.Epson())
			r.Send([]byte(c.before))
			r.SendOwn([]byte(c.own))
			if _, is := r.Found(readings.Pulse); !is {
				t.Error("a kick that the POS began passes for the daemon's")
			}
			r = readings.New(readings.Epson())
			r.SendOwn([]byte(c.before + c.own))
			if f, is := r.Found(readings.Pulse); is {
				t.Errorf("the daemon's pulse: %s", f)
			}
			if _, is := r.Found(readings.Granted); !is {
				t.Error("the daemon's pulse opens nothing")
			}
		})
	}
}

// TestSwitchedOff: GS ( D holds until ESC @, where the printer has it.
func TestSwitchedOff(t *testing.T) {
	off := "\x1d(D\x03\x00\x14\x01\x00"
	for _, c := range []struct {
		stream string
		pulses int
	}{{rtKick, 1}, {off + rtKick, 0}, {off + "\x1b@" + rtKick, 1}} {
		if p := readings.Print(readings.Epson(), 0, []byte(c.stream)); p.Pulses != c.pulses {
			t.Errorf("% x: %d pulses, want %d", c.stream, p.Pulses, c.pulses)
		}
	}
	if p := readings.Print(readings.Epson(), readings.Keeps, []byte(off+rtKick)); p.Pulses != 1 {
		t.Error("a printer that does not know GS ( D obeys it")
	}
}

func TestInterruptionEndsAPicture(t *testing.T) {
	picture := "\x1dv0\x00\x20\x00\x01\x00\xaa"
	for name, f := range map[string]func(*readings.Readings){
		"an error":   (*readings.Readings).Interrupt,
		"power lost": (*readings.Readings).PowerCycle,
	} {
		t.Run(name, func(t *testing.T) {
			r := readings.New(readings.Epson())
			r.Send([]byte(picture))
			f(r)
			r.Send([]byte(kick))
			if _, is := r.Found(readings.Pulse); !is {
				t.Error("the kick after it is taken for dots by every printer")
			}
		})
	}
}

func TestLossAnywhere(t *testing.T) {
	stream := []byte("\x1b@pay now\n")
	r := readings.New(readings.Epson())
	r.Send(stream)
	if f, is := r.Found(readings.Pulse); is {
		t.Fatalf("with nothing lost: %s", f)
	}
	r = readings.NewLossy(readings.Epson())
	r.Send(stream)
	f, is := r.Found(readings.Pulse)
	if !is || !strings.Contains(f.Trail, "at 1 (40) loses a byte") {
		t.Fatalf("ESC @ p with the @ lost: %v %s", is, f)
	}
}

// TestBound: more than can be held is an error, not silence.
func TestBound(t *testing.T) {
	r := readings.New(readings.Epson())
	r.Send([]byte("\x1d:" + strings.Repeat("A", 100)))
	if !errors.Is(r.Err(), readings.ErrBound) {
		t.Errorf("a macro of 100 bytes: %v", r.Err())
	}
}

func TestPrintTells(t *testing.T) {
	p := readings.Print(readings.Epson(), 0, []byte("\x1bE\x01Hi\n\x00\x1dv0\x00\x01\x00\x01\x00\xf0\x1dVB\x00"))
	var got []string
	for _, e := range p.Effects {
		got = append(got, e.Bytes)
	}
	want := []string{"\x1bE\x01", "H", "i", "\n", "\x1dv0\x00\x01\x00\x01\x00", "\xf0", "\x1dVB\x00"}
	if strings.Join(got, "|") != strings.Join(want, "|") || !p.Ground || p.Text() != "Hi\n" {
		t.Errorf("got %q, want %q; %+v", got, want, p)
	}
}

// TestReadingsHoldEachReading: whatever one printer does, the set does too.
func TestReadingsHoldEachReading(t *testing.T) {
	for _, c := range bad {
		for bit := range 32 {
			one := readings.Reading(1) << bit
			if one == readings.LosesAny {
				continue
			}
			if p := readings.Print(readings.Epson(), one, []byte(c.stream)); p.Pulses == 0 {
				continue
			}
			r := readings.New(readings.Epson())
			r.Send([]byte(c.stream))
			if _, is := r.Found(readings.Pulse); !is {
				t.Errorf("%s: a printer that %s pulses, the set of all does not", c.name, one)
			}
		}
	}
}
