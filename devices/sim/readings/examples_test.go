package readings_test

import (
	"strings"
	"testing"

	"tillwarden/devices/sim/readings"
)

// example is a way through that is known of, with what it does to a printer that
// no filter protects.
type example struct {
	name string
	// writes are what the POS writes, one after the other. "idle" between two
	// stars is a stall, "power" the printer off and on, "pulse" one of the daemon's.
	writes []string
	kind   readings.Kind
	// printed is text that must come out.
	printed string
}

// examples are for printers that speak ESC/POS.
var examples = []example{
	{"DLE DC4 in a picture", []string{"\x1dv0\x00\x02\x00\x04\x00\xaa" + rtKick + "\xaa\xaaMilk\n"}, readings.Pulse, "Milk\n"},
	{"ESC p in a bar code that is refused as there is data in the print buffer", []string{"A\x1dkI\x05" + kick + "B\n"}, readings.Pulse, "AB\n"},
	{"buffers cleared in a picture", []string{"\x1dv0\x00\x20\x00\x02\x00" + clearing + kick + strings.Repeat("\x00", 49) + "Milk\n"}, readings.Pulse, "Milk\n"},
	{"DLE ENQ in a picture", []string{"\x1dv0\x00\x20\x00\x02\x00\x10\x05\x02" + kick + strings.Repeat("\x00", 56) + "Milk\n"}, readings.Pulse, "Milk\n"},
	{"a macro that FEED runs", []string{"\x1d:" + kick + "\x1d:\x1d^\x01\x00\x01"}, readings.Store, ""},
	{"a macro that records the daemon's pulse", []string{"\x1d:", "*pulse*", "\x1d:\x1d^\x02\x00\x00"}, readings.Store, ""},
	{"a macro with a number, as SureMark defines it", []string{"\x1d:\x01" + kick + "\x1d:\x1d^\x01"}, readings.Store, ""},
	{"a kick that the next job completes", []string{"\x1bp\x00", "*idle*", "Milk 1.20\n"}, readings.Pulse, "Milk 1.20\n"},
	{"a kick of two bytes that the next job completes", []string{"\x1bp", "*idle*", "\x00\x19\xfaMilk\n"}, readings.Pulse, "Milk\n"},
	{"ESC as the last byte of a job, p as the first of the next", []string{"Milk\n\x1b", "*idle*", "pay\x00\n"}, readings.Pulse, "Milk\npay\n"},
	{"ESC ! ESC, then text with p", []string{"\x1b!\x1bpay\n"}, readings.Pulse, "pay\n"},
	{"ESC ! DLE, then DC4 1 0 1", []string{"\x1b!" + rtKick + "Milk\n"}, readings.Pulse, "Milk\n"},
	{"a drawer's number out of range", []string{"\x1bp\x05\x19\xfaMilk\n"}, readings.Pulse, "Milk\n"},
	{"HTTP posted to the port", []string{"POST / HTTP/1.1\r\nHost: 127.0.0.1:9100\r\nContent-Length: 5\r\n\r\n" + kick}, readings.Pulse, "POST / HTTP/1.1\n"},
	{"HTTP with a header that holds a kick", []string{"POST / HTTP/1.1\r\nX: " + kick + "\r\n\r\n"}, readings.Pulse, "POST / HTTP/1.1\n"},
	{"a lead byte before ESC", []string{"\x81" + kick + "Milk\n"}, readings.Pulse, "Milk\n"},
	{"ESC * with a mode that does not exist", []string{"\x1b*\x07\x05\x00" + kick + "Milk\n"}, readings.Pulse, "Milk\n"},
	{"GS v 0 larger than any printer's paper", []string{"\x1dv0\x00\xff\x00\x00\x01" + kick}, readings.Pulse, ""},
	{"GS v 0 larger than is ever sent", []string{"\x1dv0\x00\xff\xff\xff\xff" + kick + "Milk\n"}, readings.Pulse, "Milk\n"},
	{"tab stops that end by themselves", []string{"\x1bD\x20" + kick + "\x00Milk\n"}, readings.Pulse, "Milk\n"},
	{"a kick split over writes", []string{"\x1b", "p", "\x00", "\x19", "\xfaMilk\n"}, readings.Pulse, "Milk\n"},
	{"a real-time kick split over writes", []string{"\x10", "\x14", "\x01", "\x00", "\x01Milk\n"}, readings.Pulse, "Milk\n"},
	{"a kick after ESC =", []string{"\x1b=\x02" + rtKick + "\x1b=\x01Milk\n"}, readings.Pulse, "Milk\n"},
	{"the printer deselected", []string{"\x1b=\x02Milk\n"}, readings.Deselect, "Milk\n"},
	{"the display's settings behind ESC = 3", []string{"\x1b=\x03\x1f(E\x03\x00\x01IN\x1b=\x01"}, readings.Deselect, ""},
	{"a kick in graphics", []string{"\x1d(L\x0f\x000p0\x01\x011\x08\x00\x05\x00" + kick + "\x1d(L\x02\x0002"}, readings.Pulse, ""},
	{"a kick in a two-dimensional code", []string{"\x1d(k\x08\x001P0" + kick + "\x1d(k\x03\x001Q0"}, readings.Pulse, ""},
	{"a kick in a character that the host defines", []string{"\x1b&\x03AA\x02" + kick + "\x00Milk\n"}, readings.Pulse, "Milk\n"},
	{"a kick in a stored picture", []string{"\x1cq\x01\x01\x00\x01\x00" + kick + "\x00\x00\x00Milk\n"}, readings.Pulse, "Milk\n"},
	{"a kick behind unknown commands of each length", []string{"\x1bX" + kick + "\x1bX1" + kick + "\x1bX123" + kick + "\x1bX1\x02\x00ab" + kick + "\n"}, readings.Pulse, ""},
	{"a kick that appears when a number is discarded", []string{"\x1bp\x07\x1bp\x00\x01\x01\n"}, readings.Pulse, ""},
	{"the real-time kick switched on again", []string{"*off*", "\x1d(D\x03\x00\x14\x01\x01" + rtKick}, readings.Pulse, ""},
	{"the real-time kick after ESC @", []string{"*off*", "\x1b@" + rtKick + "Milk\n"}, readings.Pulse, "Milk\n"},
	{"settings", []string{"\x1d(E\x03\x00\x01IN"}, readings.Escape, ""},
	{"a hex dump", []string{"\x1d(A\x02\x00\x00\x01Milk\n"}, readings.Escape, "Milk\n"},
	{"memory switches", []string{"\x1b#N,00001\n\x00Milk\n"}, readings.Escape, "Milk\n"},
	{"a picture that the power cut short", []string{"\x1dv0\x00\x20\x00\x01\x00\xaa\xaa", "*power*", kick + strings.Repeat("\x00", 25) + "Milk\n"}, readings.Pulse, "Milk\n"},
	{"a large picture that stalls, then a kick", []string{"\x1dv0\x00\x40\x00\x80\x00\xaa\xaa", "*idle*", kick + "Milk\n"}, readings.Pulse, "Milk\n"},
	{"a picture that stalls, then a kick", []string{"\x1dv0\x00\x20\x00\x01\x00\xaa\xaa", "*idle*", kick + "Milk\n"}, readings.Pulse, "Milk\n"},
}

// examplesElsewhere are for printers of other languages, by dialect.
var examplesElsewhere = map[string][]example{
	"star-line": append(starExamples, example{
		"the drawer's codes in the data of a QR code", []string{"\x1b\x1dyD1\x00\x04\x00a\x07b\x1c\x1b\x1dyPMilk\n"}, readings.Pulse, "Milk\n",
	}),
	"star-raster": starExamples,
	"starprnt": append(starExamples, example{
		"the drawer's codes in a StarPRNT picture", []string{"\x1b\x1dS\x01\x02\x00\x02\x00\x00\x07\x1c\x1a\x19Milk\n"}, readings.Pulse, "",
	}),
	"citizen-cbm": {
		{"BEL in text", []string{"Milk\x07 1.20\n"}, readings.Pulse, "Milk 1.20\n"},
		{"FS and SUB", []string{"a\x1cb\x1ac\n"}, readings.Pulse, "abc\n"},
		{"FS in a picture", []string{"\x1bK\x04\x00\x00\x1c\x07\x1aMilk\n"}, readings.Pulse, "Milk\n"},
	},
	"ithaca": {
		{"a drawer in a product's name", []string{"Soap &%D1 1.20\n"}, readings.Pulse, "Soap  1.20\n"},
		{"the same over two writes", []string{"Soap &", "%", "D", "1 1.20\n"}, readings.Pulse, "Soap  1.20\n"},
		{"the same over two jobs", []string{"Soap &", "*idle*", "%D1 1.20\n"}, readings.Pulse, "1.20\n"},
		{"the same in another name", []string{"&&%%D2 &%&%D1\n"}, readings.Pulse, ""},
		{"a macro by its text command", []string{"&%UBname"}, readings.Store, ""},
		{"a macro", []string{"\x1b\x1fbname\x00Milk\x1bx1\x1b\x1fename\x00"}, readings.Store, "Milk"},
		{"BS and BEL", []string{"a\x08b\x07c\n"}, readings.Pulse, "abc\n"},
		{"BEL in a picture", []string{"\x1bK\x02\x00\x07\x08Milk\n"}, readings.Pulse, "Milk\n"},
		{"a drawer begun by a picture's dots", []string{"\x1bK\x04\x00&\x00\x00\x00%D1 Milk\n"}, readings.Pulse, "Milk\n"},
		{"the same, the picture's rest blank", []string{"\x1bK\x04\x00&", "*idle*", "%D1 Milk\n"}, readings.Pulse, "Milk\n"},
		{"&%D1 in a picture", []string{"\x1bK\x04\x00&%D1Milk\n"}, readings.Pulse, "Milk\n"},
		{"ESC x", []string{"\x1bx1\x1bx\x02Milk\n"}, readings.Pulse, "Milk\n"},
		{"ESC +", []string{"\x1b+Milk\n"}, readings.Pulse, "Milk\n"},
		{"ESC p", []string{kick + "Milk\n"}, readings.Pulse, "Milk\n"},
		{"what goes on to another device", []string{"\x1b<Milk\n"}, readings.Escape, "Milk\n"},
	},
	"suremark": {
		{"a macro with its number", []string{"\x1d:\x01" + kick + "\x1d:\x01\x1d^\x01Milk\n"}, readings.Store, "Milk\n"},
		{"ESC p", []string{kick + "Milk\n"}, readings.Pulse, "Milk\n"},
		{"the flash erased", []string{"\x1b#\x01Milk\n"}, readings.Escape, "Milk\n"},
		{"ESC p in a picture", []string{"\x1dv0\x00\x05\x00\x01\x00" + kick + "Milk\n"}, readings.Pulse, "Milk\n"},
	},
	"generic": {
		{"ESC p", []string{kick + "Milk\n"}, readings.Pulse, "Milk\n"},
		{"DLE DC4", []string{rtKick + "Milk\n"}, readings.Pulse, "Milk\n"},
		{"ESC p in a picture", []string{"\x1dv0\x00\x05\x00\x01\x00" + kick + "Milk\n"}, readings.Pulse, "Milk\n"},
		{"a kick behind unknown commands of each length", []string{"\x1bX" + kick + "\x1bX1" + kick + "\x1bX123" + kick + "\n"}, readings.Pulse, ""},
		{"a Star's drawer, and an Ithaca's, in a picture", []string{"\x1dv0\x00\x10\x00\x01\x00\x1b*rD1\x00\x1b+" + kick + "\x00\x00\x00Milk\n"}, readings.Pulse, "Milk\n"},
	},
}

var starExamples = []example{
	{"the four kicks in text", []string{"a\x07b\x1cc\x1ad\x19\n"}, readings.Pulse, "abcd\n"},
	{"the four kicks in raster rows", []string{"\x1b*rAb\x04\x00\x07\x1c\x1a\x19\x1b*rB", "Milk\n"}, readings.Pulse, "Milk\n"},
	{"a row as long as a kick", []string{"\x1b*rAb\x07\x001234567\x1b*rB", "Milk\n"}, readings.Pulse, "Milk\n"},
	{"the drawer in raster mode", []string{"\x1b*rA\x1b*rD1\x00\x1b*rBMilk\n"}, readings.Pulse, "Milk\n"},
	{"the buzzer in raster mode", []string{"\x1b*rA\x1b*rV1;3\x00\x1b*rBMilk\n"}, readings.Pulse, "Milk\n"},
	{"the buzzer on the drawer's terminal", []string{"\x1b\x1d\x19\x12\x01\x04\x04Milk\n"}, readings.Pulse, "Milk\n"},
	{"columns", []string{"\x1bK\x04\x00\x07\x1c\x1a\x19\n"}, readings.Pulse, ""},
	{"a feed of seven lines", []string{"\x1ba\x07Milk\n"}, readings.Pulse, "Milk\n"},
	{"a place 26 dots from the left", []string{"\x1b\x1dA\x1a\x00Milk\n"}, readings.Pulse, "Milk\n"},
	{"a macro that runs at power on", []string{"\x1b\x1d+\x00\x07"}, readings.Store, ""},
	{"a logo that opens the drawer at the cut", []string{"\x1b\x1d/3\x01\x00\x07\x1b\x1d/1\x01"}, readings.Store, ""},
	{"memory switches", []string{"\x1b#N,0001\n\x00\x1b?\n\x00"}, readings.Escape, ""},
	{"a row that stalls, then BEL", []string{"\x1b*rAb\x10\x00ab", "*idle*", "\x07Milk\n"}, readings.Pulse, "Milk\n"},
	{"a row that the power cut short", []string{"\x1b*rAb\x04\x00\x00", "*power*", "\x07\x1c\x1a\x1b*rB", "Milk\n"}, readings.Pulse, ""},
	{"a row of which the power left the first byte", []string{"\x1b*rAb", "*power*", "\x04\x00\x07\x1c\x1a\x19\x1b*rB", "Milk\n"}, readings.Pulse, "Milk\n"},
	{"raster mode that the power ended", []string{"\x1b*rA", "*power*", "Milk\x07\n"}, readings.Pulse, "Milk\n"},
	{"the Epson mode's drawer", []string{"\x1bp\x00\x19\xfaMilk\n"}, readings.Pulse, "Milk\n"},
}

// TestInvariant3Examples: each of them is dangerous to a printer by itself, and
// not behind the filter, whatever printer it is.
func TestInvariant3Examples(t *testing.T) {
	for _, f := range families {
		list := examplesElsewhere[f.dialect]
		if strings.HasPrefix(f.dialect, "epson") {
			list = examples
		}
		if len(list) == 0 {
			t.Errorf("%s has no example", f.dialect)
		}
		for _, c := range list {
			t.Run(f.dialect+"/"+c.name, func(t *testing.T) {
				bare := readings.New(f.languages[0]())
				l := newLine(t, f)
				since := 0 // what is printed is asked of from the last power cut on
				for _, w := range c.writes {
					switch w {
					case "*idle*":
						l.idle()
					case "*power*":
						bare.PowerCycle()
						l.cleared()
						since = len(l.out)
					case "*off*":
						bare.SendOwn(switchOff)
						l.sends(l.off)
					case "*pulse*":
						bare.SendOwn(f.pulse)
						l.sends(l.pulse)
					default:
						bare.Send([]byte(w))
						l.feed([]byte(w))
					}
				}
				if _, is := bare.Found(c.kind); !is {
					t.Errorf("without a filter no printer is %s: the example shows nothing", c.kind)
				}
				l.feed([]byte(job))
				l.idle()
				l.sends(l.pulse)
				l.judge(t)
				if !l.opened() {
					t.Error("the daemon's own pulse opens no printer's drawer")
				}
				if p := readings.Print(f.languages[0](), 0, l.out[since:]); !strings.Contains(p.Text(), c.printed) {
					t.Errorf("printed %q, and not %q", p.Text(), c.printed)
				}
			})
		}
	}
}

// orders are what printers must not be told, in all their forms.
var orders = []string{
	kick, "\x1bp00\x01", "\x1bp\x07\x19\xfa", "\x1bx1", "\x1bv\xc8", "\x1b\x80\xc8", rtKick, "\x10\x14\x01\x05\x09", "\x10\x14\x03\x01\x00\x01\x00\x00",
	"\x10\x14\x02\x01\x08", clearing, "\x10\x05\x00", "\x10\x05\x01", "\x10\x05\x02", "\x1b=\x00", "\x1b=\x02", "\x1b=\x03", "\x1b#N", "\x1b(A\x04\x00071\x01",
	"\x1b(Y\x02\x0000", "\x1cq\x01\x01\x00\x01\x00", "\x1d:", "\x1d^\x01\x00\x01", "\x1d(A\x02\x00\x00\x01", "\x1d(D\x03\x00\x14\x01\x01", "\x1d(E\x03\x00\x01IN",
	"\x1d(M\x02\x00\x0101", "\x1d(z\x02\x00>0",
	"\x07", "\x08", "\x19", "\x1a", "\x1c", "\x1b*rD1\x00", "\x1b*rV1\x00", "\x1b\x1d\x19\x12\x01\x01\x01", "\x1b\x1d+\x00", "\x1b\x1d/1\x01", "\x1b\x1d#", "\x1b?\n\x00",
	"&%D1", "&%UBname", "\x1b+", "\x1b<", "\x1b\x1fbname", "\x1d-name", "\x1d0name",
}

// carriers bring an order to the printer in something else. In some of them the
// rest of the order is a text or a command of its own.
var carriers = map[string]func(order string) string{
	"bare":                    func(o string) string { return o },
	"in a raster":             func(o string) string { return string(seq(0x1D, "v0", 0, 20, 0, 1, 0, padded(o, 20))) },
	"in a raster's last dots": func(o string) string { return string(seq(0x1D, "v0", 0, len(o), 0, 1, 0, o)) },
	"half in a raster":        func(o string) string { return string(seq(0x1D, "v0", 0, 1, 0, 1, 0, o)) },
	"two bytes in a raster":   func(o string) string { return string(seq(0x1D, "v0", 0, 2, 0, 1, 0, o)) },
	"in columns":              func(o string) string { return string(seq(0x1B, "*", 0, 20, 0, padded(o, 20))) },
	"in columns of another mode": func(o string) string {
		return string(seq(0x1B, "*", 33, 7, 0, padded(o, 21)))
	},
	"in graphics": func(o string) string {
		return string(seq(0x1D, "(L", 30, 0, "0p0", 1, 1, "1", 160, 0, 1, 0, padded(o, 20)))
	},
	"in long graphics": func(o string) string {
		return string(seq(0x1D, "8L", 30, 0, 0, 0, "0p0", 1, 1, "1", 160, 0, 1, 0, padded(o, 20)))
	},
	"in a downloaded picture": func(o string) string { return string(seq(0x1D, "*", 1, 3, padded(o, 24))) },
	"in a character":          func(o string) string { return string(seq(0x1B, "&", 3, "AA", 7, padded(o, 21))) },
	"in a Kanji character":    func(o string) string { return string(seq(0x1C, "2", 0x77, 0x21, padded(o, 72))) },
	"in a bar code":           func(o string) string { return string(seq(0x1D, "kI", 22, "{B", padded(o, 20))) },
	"in an old bar code":      func(o string) string { return string(seq(0x1D, "k", 4, "ABC", o, 0)) },
	"in a QR code": func(o string) string {
		return string(seq(0x1D, "(k", 23, 0, "1P0", padded(o, 20), 0x1D, "(k", 3, 0, "1Q0"))
	},
	"in a page's area":      func(o string) string { return string(seq(0x1B, "W", 0, 0, padded(o, 6)[:6])) },
	"in a counter":          func(o string) string { return string(seq(0x1D, "C1", padded(o, 6)[:6])) },
	"begun by a parameter":  func(o string) string { return string(seq(0x1B, "!", o)) },
	"begun by another":      func(o string) string { return string(seq(0x1B, "J", o)) },
	"begun by two":          func(o string) string { return string(seq(0x1D, "P", o)) },
	"begun by a position":   func(o string) string { return string(seq(0x1B, "$", 0, o)) },
	"begun by three":        func(o string) string { return string(seq(0x1B, "W", 0, 0, 0, 0, 0, o)) },
	"begun by a tab stop":   func(o string) string { return string(seq(0x1B, "D", o)) },
	"begun by an ESC":       func(o string) string { return "\x1b" + o },
	"begun by a lead byte":  func(o string) string { return "\x81" + o },
	"begun by DLE":          func(o string) string { return "\x10" + o },
	"behind an unknown one": func(o string) string { return "\x1b~" + o },
	"behind another":        func(o string) string { return "\x1d~~~" + o },
	"in a refused command":  func(o string) string { return string(seq(0x1D, "(B", 20, 0, padded(o, 20))) },
	"in a size that is not": func(o string) string { return string(seq(0x1D, "v0", 0, o)) },
	"in a macro":            func(o string) string { return "\x1d:" + o + "\x1d:\x1d^\x01\x00\x00" },
}

func padded(o string, n int) string {
	for len(o) < n {
		o += "\x00"
	}
	return o
}

// TestInvariant3Carriers: every order in every carrier, whole and cut anywhere.
func TestInvariant3Carriers(t *testing.T) {
	for _, f := range families {
		for name, carry := range carriers {
			t.Run(f.dialect+"/"+name, func(t *testing.T) {
				for _, o := range orders {
					stream := []byte(carry(o))
					for cut := range stream {
						if cut > 0 && f.dialect != families[0].dialect {
							break // the dialects read pieces alike
						}
						if cut > 4 && cut%4 != 0 && cut < len(stream)-len(o) {
							continue // in the carrier's own bytes
						}
						l := newLine(t, f)
						l.feed(stream[:cut])
						if cut%2 == 1 {
							l.idle()
						}
						l.feed(stream[cut:])
						l.feed([]byte(job))
						l.idle()
						l.sends(l.pulse)
						l.judge(t)
					}
				}
			})
		}
	}
}
