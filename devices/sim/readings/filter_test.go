package readings_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tillwarden/devices/escpos"
	"tillwarden/devices/sim/readings"
)

// What the daemon itself sends: a pulse that was granted, a question, and what
// switches the printer's real-time kick off.
var (
	pulse        = []byte{0x1B, 'p', 0, 25, 250}
	question     = []byte{0x10, 0x04, 0x01}
	starQuestion = []byte{0x1B, 0x06, 0x01}
	switchOff    = []byte{0x1D, '(', 'D', 3, 0, 20, 1, 0}
)

// line is a filter with all printers behind it.
type line struct {
	family
	filter   *escpos.Filter
	printers []*readings.Readings // of each language
	in, out  []byte
	segments []escpos.Segment
	off      []byte // switches the real-time kick off
}

// failing is a *testing.T or a *rapid.T.
type failing interface{ Fatalf(string, ...any) }

func newLine(t failing, f family) *line {
	d, err := escpos.DialectNamed(f.dialect)
	if err != nil {
		t.Fatalf("%v", err)
	}
	l := &line{family: f, filter: escpos.NewFilter(d), off: d.RealtimeOff()}
	for _, language := range f.languages {
		l.printers = append(l.printers, readings.New(language()))
	}
	return l
}

func (l *line) emit(s *escpos.Segment) {
	l.out = append(l.out, s.Bytes...)
	for _, r := range l.printers {
		r.Send(s.Bytes)
	}
	kept := *s
	kept.Bytes = append([]byte(nil), s.Bytes...)
	l.segments = append(l.segments, kept)
}

func (l *line) feed(p []byte) {
	l.in = append(l.in, p...)
	l.filter.Feed(p, l.emit)
}

func (l *line) idle() { l.filter.Idle(l.emit) }

// cleared: the printer lost its power, and the daemon has seen it.
func (l *line) cleared() {
	for _, r := range l.printers {
		r.PowerCycle()
	}
	l.filter.Cleared()
}

// sends is the daemon's own bytes, as the guard sends them: at ground state, kept
// apart from what was sent before.
func (l *line) sends(p []byte) {
	if !l.filter.Ground() || p == nil {
		return
	}
	b := append(l.filter.Break(), p...)
	l.filter.Sent(b)
	l.out = append(l.out, b...)
	for _, r := range l.printers {
		r.SendOwn(b)
	}
}

// judge is invariant 3.
func (l *line) judge(t failing) {
	for _, r := range l.printers {
		if err := r.Err(); err != nil {
			t.Fatalf("%v\n in % X\nout % X", err, l.in, l.out)
		}
		if f, is := r.Unasked(); is {
			t.Fatalf("%s: %s\n in % X\nout % X", r.Language(), f, l.in, l.out)
		}
	}
}

// event is what may happen between two pieces of a stream.
func (l *line) event(n byte) {
	switch n % 16 {
	case 0:
		l.idle()
	case 1:
		l.cleared()
	case 2:
		l.sends(l.question)
	case 3:
		l.sends(l.pulse)
	case 4:
		l.sends(l.off)
	case 5:
		for _, r := range l.printers {
			r.Interrupt()
		}
	case 6:
		for _, r := range l.printers {
			r.Press()
		}
	case 7:
		l.idle()
		l.sends(l.pulse)
	case 8:
		// A connection that is resynchronised: the daemon clears the buffers.
		if l.off != nil {
			l.idle()
			l.sends([]byte(clearing))
			l.filter.Cleared()
			l.sends(l.off)
		}
	}
}

// family is a dialect with the printers that it is for, and the daemon's pulse.
type family struct {
	dialect   string
	languages []func() *readings.Language
	pulse     []byte
	question  []byte // nil: it asks nothing
	honest    func() *rapid.Generator[[]byte]
	kicks     []string
}

var (
	epsons    = []func() *readings.Language{readings.Epson}
	stars     = []func() *readings.Language{readings.StarLine}
	citizens  = []func() *readings.Language{readings.Citizen}
	ithacas   = []func() *readings.Language{readings.Ithaca}
	all       = []func() *readings.Language{readings.Epson, readings.StarLine, readings.Citizen, readings.Ithaca}
	sureMarks = []func() *readings.Language{readings.SureMark, readings.Epson, readings.StarLine, readings.Citizen, readings.Ithaca}
	starPulse = []byte{0x1B, 0x07, 20, 20, 0x07}
)

var (
	epsonKicks  = []string{kick, rtKick, "\x1bp07y", "\x1bp\x05ab"}
	starKicks   = []string{"\x07", "\x1c", "\x1a", "\x19", "\x1b\x07\x14\x14\x07"}
	ithacaKicks = []string{"\x1bx1", "\x1bx\x02", "\x07", "\x08", kick}
)

var families = []family{
	{"epson", epsons, pulse, question, honest, epsonKicks},
	{"epson-clone", epsons, pulse, question, honest, epsonKicks},
	{"epson-wincor", epsons, pulse, question, honest, epsonKicks},
	{"epson-sii", epsons, pulse, nil, honest, epsonKicks},
	{"star-line", stars, starPulse, starQuestion, honestStar, starKicks},
	{"star-raster", stars, starPulse, starQuestion, honestRows, starKicks},
	{"starprnt", stars, []byte{0x1A}, starQuestion, honestStar, starKicks},
	{"citizen-cbm", citizens, starPulse, nil, honestCitizen, starKicks},
	{"ithaca", ithacas, []byte{0x1B, 'x', 2}, nil, honestIthaca, ithacaKicks},
	{"suremark", sureMarks, pulse, nil, honestSureMark, []string{kick, "\x1bp07y"}},
	{"generic", all, pulse, nil, honestCommon, epsonKicks},
}

// TestEachDialectIsHeldToInvariant3: a dialect that no printer answers to here is
// one that nothing is known of.
func TestEachDialectIsHeldToInvariant3(t *testing.T) {
	for _, d := range escpos.Dialects() {
		if !slices.ContainsFunc(families, func(f family) bool { return f.dialect == d.Name() }) {
			t.Errorf("%s has no printers here: add them to families", d.Name())
		}
	}
}

// opened reports whether the daemon's pulse opened a drawer of some printer.
func (l *line) opened() bool {
	for _, r := range l.printers {
		if _, is := r.Found(readings.Granted); is {
			return true
		}
	}
	return false
}

// job is the end of a receipt, and a next one by an innocent POS: what was left
// hanging is completed by it, if by anything.
const job = "\n\x1b@pay\n\x1bE\x01p\x1bE\x00\x01\x00\x01\x1ba\x00"

func TestInvariant3UnderAllReadings(t *testing.T) {
	for _, f := range families {
		t.Run(f.dialect, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				l := newLine(t, f)
				for range rapid.IntRange(1, 6).Draw(t, "pieces") {
					l.feed(pieces().Draw(t, "piece"))
					l.event(rapid.ByteRange(0, 15).Draw(t, "then"))
				}
				l.feed([]byte(job))
				l.idle()
				l.sends(l.pulse)
				l.judge(t)
			})
		})
	}
}

// TestInvariant3LastStage: the last look before the wire holds invariant 3 by
// itself, whatever a grammar that is wrong in all takes for text, for dots or for
// a command.
func TestInvariant3LastStage(t *testing.T) {
	kinds := []escpos.Kind{escpos.Text, escpos.Image, escpos.Layout, escpos.Barcode}
	for _, f := range families {
		t.Run(f.dialect, func(t *testing.T) {
			d, err := escpos.DialectNamed(f.dialect)
			if err != nil {
				t.Fatal(err)
			}
			passed, changed := 0, 0
			rapid.Check(t, func(t *rapid.T) {
				l := newLine(t, f)
				tail := d.NewTail()
				for range rapid.IntRange(1, 8).Draw(t, "pieces") {
					p := pieces().Draw(t, "piece")
					l.in = append(l.in, p...)
					b, ok := tail.Last(rapid.SampledFrom(kinds).Draw(t, "kind"), p)
					if !ok {
						continue
					}
					passed++
					if string(b) != string(p) {
						changed++
					}
					tail.Sent(b)
					l.out = append(l.out, b...)
					for _, r := range l.printers {
						r.Send(b)
					}
				}
				l.judge(t)
			})
			if passed < 50 || changed == 0 {
				t.Errorf("%d pieces passed, %d of them changed: nothing is shown", passed, changed)
			}
		})
	}
}
