package escpos

import "maps"

// Star's own languages: line mode, StarPRNT, and the raster mode of printers
// that know little else. After Star's "Line Mode Command Specifications" (HSP7000
// Rev. 0.00; thermal printers Rev. 1.12), "Dot Impact Printer STAR Command
// Specifications" (Rev. 0.70) and "STAR Graphic Mode Command Specifications" (Rev.
// 2.32), as far as they could be read, and what well-kept encoders send. What
// could not be made out to the byte is refused.
//
// Commands begin with ESC alone. Four control codes open a drawer by themselves:
// BEL and FS the first one, SUB and EM the second. FS, SUB and EM are said to be
// executed on arrival; whether a printer tells them from the dots of a picture is
// not written anywhere. So none of the four leaves at all, in no parameter and no
// picture: a dot is changed, a row of dots is made longer by white, and a command
// with such a parameter is refused.

const (
	soh = 0x01
	etx = 0x03
	ack = 0x06
	bel = 0x07
	vt  = 0x0B
	so  = 0x0E
	si  = 0x0F
	dc1 = 0x11
	dc2 = 0x12
	etb = 0x17
	em  = 0x19
	sub = 0x1A
	rs  = 0x1E
)

// starKicks are the bytes that open a drawer alone.
const starKicks = "\x07\x19\x1A\x1C"

// starPatterns are what must not reach a Star.
//
//	07 1C 1A 19    BEL, FS, SUB, EM: the drawers
//	1B 70, 1B 78   ESC p, ESC x: the drawer in the Epson mode that these printers also have, and on Ithaca's
//	1B 23, 1B 3F   ESC #, ESC ?: memory switches and reset
//	1B 1D + / #    macros, also run at power on; logos and macros that the cutter runs; switches
//	1B 2A 72 D/V   ESC * r D, ESC * r V: the drawer and the buzzer on its terminal, in raster mode
//	1D 3A, 1D 5E   macros of the Epson mode
//	10 14          the real-time kick of the Epson mode
var starPatterns = []pattern{
	{"", starKicks},
	{"\x1B", "px#?="},
	{"\x1B\x1D", "+/#"},
	{"\x1B*r", "DV"},
	{"\x1D", ":^"},
	{"\x10", "\x14"},
}

func star(name, about string, patterns []pattern, modes ...*mode) *Dialect {
	m := newMachine(patterns)
	return &Dialect{
		name: name, about: about + " BEL, FS, SUB and EM open a drawer on these printers by themselves: none of them leaves, in no context. " +
			"In a picture a dot is changed for each. ESC p, which selects JIS Kanji here and opens a drawer in the Epson mode of the same printers, is refused; Kanji by ESC $ (Shift JIS) pass.",
		uncertain: "whether the printer acts on a drawer's code inside of another command is not documented, so commands with such a parameter are refused, " +
			"among them logos that are stored in the printer (ESC FS p); and not all lengths could be read from the vendor's own pages",
		modes: modes, sent: m, inside: m, begin: newPairs(m),
	}
}

func starLine() *Dialect {
	return star("star-line", "Star printers in line mode (TSP600, TSP700, TSP800, SP500, SP700 and others).", starPatterns, starMode(), starRasterMode())
}

func starRaster() *Dialect {
	m := newMode()
	starCommon(m)
	starRasterCommands(m.lead(esc))
	return star("star-raster", "Star printers that print pictures alone (TSP100).", starPatterns, m, starRasterMode())
}

func starPRNT() *Dialect {
	m := starMode()
	m.table[esc][gs].sub['S'] = &command{
		name: "ESC GS S", kind: Image, head: 9, width: 4, stream: headOf(9), lines: func(h []byte) int { return linesOf(word(h[6], h[7])) },
		length: func(h []byte) int { return 9 + word(h[4], h[5])*word(h[6], h[7]) },
		ok: func(h []byte) bool {
			x, y := word(h[4], h[5]), word(h[6], h[7])
			return h[3] == 1 && x >= 1 && x <= maxRasterWidth && y >= 1 && y <= maxRasterHeight && h[8] == 0
		},
	}
	return star("starprnt", "Star printers that speak StarPRNT (mC-Print, mPOP, TSP100IV, SM-L).", starPatterns, m, starRasterMode())
}

// starCommon enters what every mode has: where a kick is, questions, what resets
// and what stores.
//
// The questions are control codes and commands of the kind Status, by these
// names: ENQ, EOT, ESC ACK SOH, ESC RS a (sent unasked), ESC RS E (counter),
// ESC GS ETX (a job's begin and end).
func starCommon(m *mode) {
	for _, c := range []byte{bel, fs} {
		m.role[c], m.drawer[c] = kicking, 1
	}
	for _, c := range []byte{sub, em} {
		m.role[c], m.drawer[c] = kicking, 2
	}
	for _, c := range []byte{enq, eot} {
		m.role[c], m.asks[c] = control, true
	}
	m.role[etb] = control // counts what has been printed
	e := m.lead(esc)
	e['@'] = of(Init, fixed("ESC @", 2, always))
	e[ack] = &command{name: "ESC ACK", kind: Refused, head: 3, length: func([]byte) int { return 2 }, never: true, sub: map[byte]*command{
		soh: of(Status, fixed("ESC ACK SOH", 3, always)),
		can: never(no("ESC ACK CAN", 3)), // clears, on arrival
	}}
	e[rs] = &command{name: "ESC RS", kind: Refused, head: 3, length: func([]byte) int { return 4 }, never: true, sub: map[byte]*command{
		'a': of(Status, fixed("ESC RS a", 4, always)),
		'E': of(Status, fixed("ESC RS E", 4, digit(0))),
		'A': fixed("ESC RS A", 4, always),
		'd': fixed("ESC RS d", 4, always),
		'r': fixed("ESC RS r", 4, always),
	}}
	e[gs] = &command{name: "ESC GS", kind: Refused, head: 3, length: func([]byte) int { return 3 }, never: true, sub: map[byte]*command{
		etx: of(Status, fixed("ESC GS ETX", 6, always)),
		'+': never(no("ESC GS +", 3)), // macros
		'/': never(no("ESC GS /", 3)), // logos and macros that the cutter runs
		'#': never(no("ESC GS #", 3)), // memory switches
		bel: never(no("ESC GS BEL", 3)),
		// The buzzer on the drawer's terminal drives whatever is there.
		em: {name: "ESC GS EM", kind: Kick, head: 4, length: func(h []byte) int {
			if h[3] == dc1 || h[3] == dc2 {
				return 7
			}
			return 3
		}, kick: func([]byte) (int, bool) { return 1, true }},
	}}
	e['?'] = never(no("ESC ?", 4))
	e['#'] = never(vary("ESC #", 4, func(h []byte) int {
		if n := len(h); h[n-2] == lf && h[n-1] == nul || n == 14 {
			return n
		}
		return -(len(h) + 1)
	}))
	e[bel] = never(no("ESC BEL", 4)) // how long a pulse is
}

// starMode is line mode.
func starMode() *mode {
	m := newMode()
	starCommon(m)
	for _, c := range []byte{vt, ff, so, si, dc2, dc4, can} {
		m.role[c] = control
	}
	e := m.lead(esc)
	starText(e)
	starPictures(e)
	starRasterCommands(e)

	add(e[rs], map[byte]*command{
		'F': fixed("ESC RS F", 4, digit(16)),
		'C': fixed("ESC RS C", 4, always),
		'i': fixed("ESC RS i", 4, always),
	})
	add(e[gs], map[byte]*command{
		'a': fixed("ESC GS a", 4, digit(2)),
		't': fixed("ESC GS t", 4, always),
		'A': fixed("ESC GS A", 5, func(h []byte) bool { return h[4] <= 0x0F }),
		'R': fixed("ESC GS R", 5, func(h []byte) bool { return h[4] <= 0x0F || h[4] >= 0xF0 }),
		'y': starSymbol("ESC GS y", 1, func(h []byte) int { // QR
			switch h[3] {
			case 'S':
				return 6
			case 'D':
				if len(h) < 8 {
					return -8
				}
				return 8 + word(h[6], h[7])
			}
			return 4
		}),
		'x': starSymbol("ESC GS x", 0, func(h []byte) int { // PDF417
			switch {
			case h[3] == 'S' && len(h) < 5:
				return -5
			case h[3] == 'S' && h[4] == '0':
				return 8
			case h[3] == 'S':
				return 6
			case h[3] == 'D' && len(h) < 6:
				return -6
			case h[3] == 'D':
				return 6 + word(h[4], h[5])
			}
			return 4
		}),
		'g': vary("ESC GS g", 6, func([]byte) int { return 6 }), // when printing begins
		'*': never(no("ESC GS *", 3)),                           // marks: kept
		'=': never(no("ESC GS =", 3)),                           // a code page: kept
	})
	// Logos that are stored in the printer: the command holds a drawer's code.
	e[fs] = &command{name: "ESC FS", kind: Refused, head: 3, length: func([]byte) int { return 2 }, never: true, sub: map[byte]*command{
		'p': never(no("ESC FS p", 5)),
		'q': {name: "ESC FS q", kind: Refused, head: 4, length: func([]byte) int { return 4 }, never: true, blocks: &blocks{
			count: func(h []byte) int { return int(h[3]) },
			head:  4,
			body:  func(_, b []byte) int { return word(b[0], b[1]) * word(b[2], b[3]) * 8 },
		}},
	}}
	return m
}

func add(family *command, sub map[byte]*command) { maps.Copy(family.sub, sub) }

// starSymbol is a two-dimensional code: S sets, D stores, P prints.
func starSymbol(name string, code int, length func(h []byte) int) *command {
	return &command{
		name: name, kind: Barcode, head: 4, length: length,
		ok: func(h []byte) bool {
			return h[3] == 'S' || h[3] == 'P' || h[3] == 'D' && (code == 0 || h[4] >= '1' && h[4] <= '2' && h[5] == 0)
		},
		symbol: func(h []byte) (int, step) {
			switch h[3] {
			case 'D':
				return code, stores
			case 'P':
				return code, prints
			}
			return code, sets
		},
		lines: func(h []byte) int {
			if h[3] == 'P' {
				return 1
			}
			return 0
		},
	}
}

// starText enters styles, lines and cuts.
func starText(e *[256]*command) {
	for _, c := range []byte{'0', '1', '2', '4', '5', '6', '7', 'E', 'F', 'M', 'O', 'P', ':', 'g', so, dc4} {
		e[c] = fixed("ESC "+show(c), 2, always)
	}
	for _, c := range []byte{' ', '$', '%', '-', '/', '3', 'A', 'N', 'Q', 'R', 'W', '_', 'h', 'l', 'y', 'z'} {
		e[c] = fixed("ESC "+show(c), 3, always)
	}
	e['C'] = &command{name: "ESC C", kind: Layout, head: 3, ok: always, length: func(h []byte) int {
		if h[2] == nul {
			return 4 // in inches
		}
		return 3
	}}
	e['I'] = moving(oneLine, fixed("ESC I", 3, always))
	e['J'] = moving(oneLine, fixed("ESC J", 3, always))
	e['a'] = moving(someLines, fixed("ESC a", 3, always))
	e['i'] = fixed("ESC i", 4, func(h []byte) bool { return isDigit(h[2], 7) && isDigit(h[3], 7) })
	e['s'] = fixed("ESC s", 4, always)
	e['t'] = fixed("ESC t", 4, always)
	e['d'] = of(Cut, fixed("ESC d", 3, digit(3)))
	e['D'] = &command{name: "ESC D", kind: Layout, head: 3, length: tabsLength, ok: tabsOK}
	e['B'] = &command{name: "ESC B", kind: Layout, head: 3, length: tabsLength, ok: tabsOK}
	// ESC p and ESC q switch Kanji here, and open a drawer in the Epson mode.
	e['p'] = never(no("ESC p", 2))
	e['q'] = fixed("ESC q", 2, always)
	// A bar code ends with RS.
	e['b'] = &command{name: "ESC b", kind: Barcode, head: 7, lines: oneLine, length: func(h []byte) int {
		n := len(h)
		switch last := h[n-1]; {
		case last == rs:
			return n
		case last < 0x20 || last > 0x7E || n == 7+256:
			return 6 // what looked like data is read again: it may be text
		}
		return -(n + 1)
	}, ok: func(h []byte) bool { return len(h) > 7 && h[len(h)-1] == rs }}
}

// starColumn is a picture of columns, each of so many bytes.
func starColumn(name string, bytes int) *command {
	return &command{
		name: name, kind: Image, head: 4, stream: headOf(4), length: func(h []byte) int { return 4 + bytes*word(h[2], h[3]) },
		ok: func(h []byte) bool { n := word(h[2], h[3]); return n >= 1 && n <= maxRasterWidth*8 },
		lines: func([]byte) int {
			return bytes / 3
		},
	}
}

// starPictures enters pictures of columns and rows. ESC k is 24 rows.
func starPictures(e *[256]*command) {
	e['K'], e['L'], e['X'] = starColumn("ESC K", 1), starColumn("ESC L", 1), starColumn("ESC X", 3)
	e['k'] = starColumn("ESC k", 24)
	e['k'].ok = func(h []byte) bool { n := word(h[2], h[3]); return n >= 1 && n <= maxRasterWidth }
	e['k'].lines, e['k'].width = oneLine, 2
	e['^'] = &command{
		name: "ESC ^", kind: Image, head: 5, stream: headOf(5), length: func(h []byte) int { return 5 + 2*word(h[3], h[4]) },
		ok: func(h []byte) bool { n := word(h[3], h[4]); return n >= 1 && n <= maxRasterWidth*8 },
	}
}

// starRasterMode is what bytes are between ESC * r A and ESC * r B: rows of dots,
// and commands. Nothing is text there.
func starRasterMode() *mode {
	m := newMode()
	for c := range 256 {
		if m.role[c] == printed {
			m.role[c] = dropped
		}
	}
	starCommon(m)
	m.end = []byte("\x1B*rB")
	e := m.lead(esc)
	starRasterCommands(e)
	e[ff] = of(Cut, fixed("ESC FF", 3, in(nul, eot)))
	row := func(name string, lines func([]byte) int) *command {
		return &command{
			name: name, kind: Image, head: 3, stream: headOf(3), length: func(h []byte) int { return 3 + word(h[1], h[2]) },
			ok: func(h []byte) bool { return word(h[1], h[2]) <= maxRasterWidth }, width: 1, rows: 1,
		}
	}
	for c, lead := range map[byte]*[256]*command{'b': m.lead('b'), 'k': m.lead('k')} {
		one := row(show(c), nil)
		for i := range lead {
			lead[i] = one
		}
	}
	return m
}

// starRasterCommands enters ESC * r and a letter. Some have a number in digits,
// up to NUL. ESC * r N is known and refused: it has the printer pass over what
// follows.
func starRasterCommands(e *[256]*command) {
	e['*'] = &command{name: "ESC *", kind: Refused, head: 3, length: func([]byte) int { return 2 }, never: true, sub: map[byte]*command{
		'r': {
			name: "ESC * r", kind: Layout, head: 4, length: starRasterLength,
			ok: func(h []byte) bool {
				switch h[3] {
				case 'A', 'B', 'C', 'R':
					return len(h) == 4
				case 'E', 'F', 'K', 'P', 'Q', 'T', 'Y', 'e', 'm':
					return h[len(h)-1] == nul
				}
				return false
			},
			kick: func(h []byte) (int, bool) {
				if len(h) > 3 && (h[3] == 'D' || h[3] == 'V') {
					if len(h) > 4 && h[4] == '2' {
						return 2, true
					}
					return 1, true
				}
				return 0, false
			},
			next: func(h []byte) int {
				switch h[3] {
				case 'A':
					return 2
				case 'B':
					return 1
				}
				return 0
			},
		},
	}}
}

func starRasterLength(h []byte) int {
	switch h[3] {
	case 'A', 'B', 'C', 'R':
		return 4
	case 'D', 'V', 'E', 'F', 'K', 'N', 'P', 'Q', 'T', 'Y', 'e', 'm':
	default:
		return 3
	}
	n := len(h)
	if n == 4 {
		return -5
	}
	switch last := h[n-1]; {
	case last == nul:
		return n
	case last >= '0' && last <= '9' && n < 12, last == ';' && h[3] == 'V', n == 5 && h[3] == 'm' && (last == 'l' || last == 'r'):
		return -(n + 1)
	}
	if h[3] == 'D' || h[3] == 'V' {
		return 3 // a kick, whatever follows
	}
	return n - 1
}
