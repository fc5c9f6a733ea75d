package escpos

// IBM's and Toshiba's SureMark printers, after the tables of commands in IBM's
// "SureMark Printers User's Guide" (GA27-4151) and "Programming Guide for Models
// 1xR and 2xR" (GA27-5005). Many commands look like Epson's and are others: ESC M
// writes a table into the printer, ESC S asks for it, ESC # erases flash, GS : has
// a number. Only those are let through whose form is in these tables.

// sureMarkPatterns are those of a printer of which nothing is known, and:
//
//	1B 4D, 1B 27  ESC M, ESC ': write tables and flash
//	1B 22, 1B 34  ESC ", ESC 4: read flash, answers of any length
//	1B 37, 1B 38  ESC 7, ESC 8: hold what follows back until it is released
//	10 05         DLE ENQ: real-time requests, whose numbers are digits, too
var sureMarkPatterns = append([]pattern{{"\x1B", "M'\"478"}, {"\x10", "\x05"}}, genericPatterns...)

func sureMark() *Dialect {
	m := newMode()
	singleKicks(m)
	textDrawers(m)
	m.role[ff] = control // prints, feeds and cuts
	e, g := m.lead(esc), m.lead(gs)

	e['@'] = of(Init, fixed("ESC @", 2, always))
	e['p'] = &command{name: "ESC p", kind: Kick, head: 3, length: kickLength, kick: func(h []byte) (int, bool) { return lowBit(h[2]), true }}
	for _, c := range []byte{'1', '2'} {
		e[c] = fixed("ESC "+show(c), 2, always)
	}
	for _, c := range []byte{' ', '!', '-', '3', 'G', 'H', 'U', 'V', 'W', '_', 'a', 't'} {
		e[c] = fixed("ESC "+show(c), 3, always)
	}
	e['J'] = moving(oneLine, fixed("ESC J", 3, always))
	e['d'] = moving(someLines, fixed("ESC d", 3, always))
	e['$'] = fixed("ESC $", 4, func(h []byte) bool { return h[2] <= 0x0F }) // the high byte comes first
	e['i'] = of(Cut, fixed("ESC i", 2, always))
	e['m'] = of(Cut, fixed("ESC m", 2, always))
	e['c'] = &command{name: "ESC c", kind: Refused, head: 3, length: func([]byte) int { return 4 }, never: true, sub: map[byte]*command{
		'0': fixed("ESC c 0", 4, always), // the station that prints
		'1': fixed("ESC c 1", 4, always), // the one whose margins are set
	}}
	e['D'] = &command{name: "ESC D", kind: Layout, head: 4, length: sureMarkTabs, ok: func(h []byte) bool { return h[len(h)-2] == nul && h[len(h)-1] == nul }}
	e['*'] = &command{
		name: "ESC *", kind: Image, head: 5, stream: headOf(5),
		length: func(h []byte) int { return 5 + 8*int(h[3])*int(h[4]) },
		ok: func(h []byte) bool {
			size := 8 * int(h[3]) * int(h[4])
			return h[2] <= 2 && h[3] >= 1 && h[3] <= 72 && size >= 1 && size <= 2000
		},
		lines: func(h []byte) int { return linesOf(8 * int(h[4])) },
	}
	e['M'] = never(no("ESC M", 5))
	e['#'] = never(no("ESC #", 3))
	e['\''] = never(no("ESC '", 2))
	e['v'] = never(no("ESC v", 2)) // status; a drawer on Bematech's printers
	e['x'] = never(no("ESC x", 2)) // a test

	g['/'] = moving(oneLine, fixed("GS /", 4, func(h []byte) bool { return h[2] <= 3 && h[3] >= 1 }))
	g['H'] = fixed("GS H", 3, digit(3))
	g['f'] = fixed("GS f", 3, digit(1))
	g['h'] = fixed("GS h", 3, upTo(1, 255))
	g['w'] = fixed("GS w", 3, upTo(2, 4))
	// The codes that end with NUL are the same as Epson's.
	g['k'] = &command{name: "GS k", kind: Barcode, head: 3, strict: true, lines: oneLine, ok: func(h []byte) bool { return h[2] <= 6 && barcodeOK(h) }, length: func(h []byte) int {
		if h[2] > 6 {
			return 3
		}
		return barcodeLength(h)
	}}
	g['*'] = vary("GS *", 5, func(h []byte) int { return 5 + 8*int(h[3])*int(h[4]) }) // a logo that is kept
	g[':'] = never(no("GS :", 3))                                                     // with the message's number
	g['^'] = never(no("GS ^", 3))
	refuseAll(m, epsonMode())
	machine := newMachine(sureMarkPatterns)
	return &Dialect{
		name: "suremark",
		about: "IBM and Toshiba SureMark (4610): text, styles, lines, tabs, logos, bar codes that end with NUL, and cuts. " +
			"Messages, which these printers keep in flash with orders to open a drawer in them, are neither stored nor run; flash and settings are not written.",
		uncertain: "the guides could be read in part only: page mode, PDF417, cheques and questions are refused, and whether a byte alone opens a drawer is not known",
		modes:     []*mode{m}, sent: machine, inside: machine, begin: newPairs(machine),
	}
}

// sureMarkTabs: up to five places of two bytes each, and two NULs.
func sureMarkTabs(h []byte) int {
	n := len(h)
	switch {
	case n%2 != 0:
		return -(n + 1)
	case h[n-2] == nul && h[n-1] == nul:
		return n
	case n >= 2+2*6:
		return 2
	}
	return -(n + 2)
}

// refuseAll enters the commands of another mode that this one does not have: they
// are refused, in the length that they have there, so that what belongs to them is
// not printed as text.
func refuseAll(m, other *mode) {
	for lead, from := range other.table {
		if from == nil {
			continue
		}
		to := m.lead(byte(lead))
		for i, c := range from {
			if c == nil || to[i] != nil {
				continue
			}
			to[i] = refusedAs(c)
		}
	}
}

func refusedAs(c *command) *command {
	made := *c
	made.ok, made.stream, made.dots, made.never = nil, nil, nil, true
	made.sub = nil
	for b, s := range c.sub {
		if made.sub == nil {
			made.sub = map[byte]*command{}
		}
		made.sub[b] = refusedAs(s)
	}
	return &made
}
