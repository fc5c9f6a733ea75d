package printer

import (
	"time"

	"tillwarden/devices/escpos"
)

// language is what the guard itself has to say to a printer of one dialect, and
// how it reads the answers. The dialect's filter (package escpos) knows what a
// POS says.
type language struct {
	// ask asks how the printer is: the level of the drawer's sensor, and whether
	// it is offline. It is answered on arrival, whatever waits to be printed. nil:
	// no such question is known. Then a printer counts as there while its line
	// is, and as ready when all that we had for it has left us.
	ask []byte
	// head is what questions of that kind begin with, and possible says whether a
	// printer may answer one that ends with n: there are such in pictures too.
	head     [2]byte
	possible func(n byte) bool
	// take reads the next byte that comes from the printer.
	take func(d *demux, b byte, now time.Duration) reply

	// clear drops what the printer has not printed yet, and brings it to ground
	// state. nil: no such order is certain.
	clear []byte
	// ordered is a question that is answered with one byte when it is reached, so
	// that all before it has been done. nil: none is known. drains says whether
	// it is asked before a pulse, unless configured.
	ordered []byte
	drains  bool

	// modes: a POS can stay in a mode of the printer's, between two commands, for
	// as long as it likes.
	modes bool
	// cut ends a slip. nil: the printer prints no text.
	cut []byte

	// pulses is the form of the order to open a drawer. Its times are counted in
	// steps, up to most of them.
	pulses pulseForm
	step   time.Duration
	most   int
}

// scanner finds the questions that are answered on arrival in what is sent, in
// whatever they stand.
type scanner struct{ a, b byte }

// asks takes the next byte that is sent, and reports whether a question ends
// with it.
func (s *scanner) asks(l *language, c byte) bool {
	found := l.ask != nil && s.a == l.head[0] && s.b == l.head[1] && l.possible(c)
	s.a, s.b = s.b, c
	return found
}

// pulseForm is that of the order to open a drawer; writePulse knows the bytes.
type pulseForm uint8

const (
	pulseEpson  pulseForm = iota // ESC p m t1 t2
	pulseStar                    // ESC BEL n1 n2, BEL; the second drawer: SUB
	pulseIthaca                  // ESC x n
)

// The questions and orders of the languages.
var (
	// DLE EOT 1 and GS r 1: Epson's reference, dle_eot and gs_lr. The first is
	// answered with 0xx1xx10: bit 2 is pin 3 of the drawer's connector, bit 3
	// offline. NCR and Axiohm have the bits the other way round (0 is open), which
	// is what a drawer's calibration finds out.
	statusAsk  = []byte{0x10, 0x04, 0x01}
	orderedAsk = []byte{0x1D, 'r', 1}
	// DLE DC4 8: Epson's reference, dle_dc4_fn8. It is in the TM-T90, T81, T88IV and
	// later, and in Citizen's CT-S; not in the TM-U220.
	clearOrder = []byte{0x10, 0x14, 0x08, 0x01, 0x03, 0x14, 0x01, 0x06, 0x02, 0x08}
	// ESC ACK SOH: Star's line mode specification (HSP7000, p. 3-70), executed when
	// it is received. The answer is a frame as of the automatic status.
	starAsk = []byte{0x1B, 0x06, 0x01}

	epsonCut = []byte{0x1D, 'V', 1}
	starCut  = []byte{0x1B, 'd', 1}
)

// languages are by the dialect's name.
//
// Of Citizen's CBM mode, TransAct's PcOS (Ithaca) and IBM's SureMark the forms
// of the status answers are not certain: they are not asked. Nor is generic,
// which is for printers of which nothing is known.
var languages = map[string]language{
	"epson":        epsonLanguage(2*time.Millisecond, true),
	"epson-clone":  epsonLanguage(2*time.Millisecond, false),
	"epson-wincor": epsonLanguage(10*time.Millisecond, false), // Wincor ND69, p. 71
	"star-line":    starLanguage,
	"star-raster":  picturesOnly(starLanguage),
	"starprnt":     starLanguage,
	// Citizen iDP-3541, p. 42: ESC BEL, BEL, SUB as Star.
	"citizen-cbm": {take: takeAny, cut: starCut, pulses: pulseStar, step: 10 * time.Millisecond, most: 127},
	// TransAct 90 PLUS, p. 88: ESC x n; the printer's settings say for how long.
	"ithaca": {take: takeAny, cut: []byte{0x1B, 'v'}, pulses: pulseIthaca, step: time.Millisecond, most: 1 << 20},
	// Seiko RP-F10, technical reference 6.4: its answers have another form (Axh), and
	// what they say of the drawer was not found.
	"epson-sii": {take: takeAny, cut: epsonCut, pulses: pulseEpson, step: 2 * time.Millisecond, most: 255},
	"suremark":  {take: takeAny, cut: []byte{0x1B, 'm'}, pulses: pulseEpson, step: 2 * time.Millisecond, most: 255},
	"generic":   {take: takeAny, cut: epsonCut, pulses: pulseEpson, step: 2 * time.Millisecond, most: 255},
}

func epsonLanguage(step time.Duration, drains bool) language {
	return language{
		ask: statusAsk, head: [2]byte{0x10, 0x04}, take: takeEpson,
		// 1 to 4 are on every model, the others on some (TM-T88V: ink, MICR, ...).
		possible: func(n byte) bool { return n <= 8 || n == 18 },
		clear:    clearOrder, ordered: orderedAsk, drains: drains, cut: epsonCut,
		pulses: pulseEpson, step: step, most: 255,
	}
}

// starLanguage is that of Star's line, raster and StarPRNT modes. What clears
// their buffers differs by model (CAN, ESC ACK CAN), so nothing is sent for it.
// Nor is anything asked that is answered in order: what tells of that is the ETB
// counter of the automatic status, which is the POS's.
var starLanguage = language{
	ask: starAsk, head: [2]byte{0x1B, 0x06}, take: takeStar,
	possible: func(n byte) bool { return n == 1 },
	modes:    true, cut: starCut,
	pulses: pulseStar, step: 10 * time.Millisecond, most: 127,
}

// picturesOnly is for printers that print no text (TSP100).
func picturesOnly(l language) language {
	l.cut = nil
	return l
}

// form is how a question of the POS is answered.
type form uint8

const (
	formNone    form = iota // it is no question, or one whose answer comes unasked
	formArrival             // on arrival
	formEnquiry             // on arrival, with one byte of any kind
	formByte                // in order, with one byte
	formBlock               // in order, with a block that ends with NUL
)

// formOf says how a command of the POS is answered, by its manual's name. GS a
// is answered as it is by a status that comes unasked.
func formOf(s *escpos.Segment) form {
	if s.Kind != escpos.Status {
		return formNone
	}
	switch s.Name {
	case "DLE EOT":
		// The others are not on every model.
		if n := len(s.Bytes); n == 3 && s.Bytes[2] >= 1 && s.Bytes[2] <= 4 {
			return formArrival
		}
	case "ESC ACK SOH":
		return formArrival
	case "ENQ", "EOT":
		return formEnquiry
	case "GS r", "ESC u":
		return formByte
	case "GS I":
		if n := len(s.Bytes); n == 3 && s.Bytes[2] < 65 {
			return formByte
		}
		return formBlock
	case "GS ( H":
		return formBlock
	}
	return formNone
}
