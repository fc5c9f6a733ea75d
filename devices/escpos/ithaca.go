package escpos

// Ithaca printers (TransAct's PcOS, with the text commands of IPCL), as far as
// the programmer's guides that could be read agree: styles, lines, columns of
// dots and the cut. Everything else of PcOS is refused.

const (
	bs = 0x08
)

// ithacaPatterns are what must not reach an Ithaca.
//
//	07, 08       BEL and BS: the drawers, with the Series 50's extensions
//	26 25        &%: every IPCL command. &%D1 and &%D2 are drawers, &%U… macros that are kept in flash
//	1B 70, 1B 78 ESC p (Epson emulation) and ESC x: the drawer
//	1B 2B        ESC +: the drawer (iTherm)
//	1B 1F        ESC US: macros, one of which runs at power on
//	1B 3C        ESC <: what follows goes through to a second device
//	1B 23, 1B 3D switches, and another device; 1B 19: what ends a macro's name
//	1D - 0 : ^   macros of the Epson emulation
//	10 14, 10 05 its real-time commands
var ithacaPatterns = []pattern{
	{"", "\x07\x08"},
	{"&", "%"},
	{"\x1B", "px+\x1F<#=\x19"},
	{"\x1D", "-0:^"},
	{"\x10", "\x14\x05"},
}

func ithaca() *Dialect {
	m := newMode()
	m.role[bs], m.drawer[bs] = kicking, 1
	m.role[bel], m.drawer[bel] = kicking, 2
	for _, c := range []byte{vt, ff, so, si, dc2, dc4} {
		m.role[c] = control
	}
	m.role[enq], m.asks[enq] = control, true
	textDrawers(m)
	e := m.lead(esc)
	drawer := func(h []byte) (int, bool) { return 2 - int(h[2]&1), true }
	e['x'] = &command{name: "ESC x", kind: Kick, head: 3, length: func([]byte) int { return 3 }, kick: drawer}
	e['+'] = &command{name: "ESC +", kind: Kick, head: 2, length: func([]byte) int { return 2 }, kick: func([]byte) (int, bool) { return 1, true }}
	e['p'] = &command{name: "ESC p", kind: Kick, head: 3, length: kickLength, kick: func(h []byte) (int, bool) { return lowBit(h[2]), true }}
	e['@'] = of(Init, fixed("ESC @", 2, always))
	for _, c := range []byte{'0', '1', '2', '4', '5', 'E', 'F', 'G', 'H'} {
		e[c] = fixed("ESC "+show(c), 2, always)
	}
	for _, c := range []byte{'!', '-', '3', 'A', 'R', 'W', 'a', '_'} {
		e[c] = fixed("ESC "+show(c), 3, always)
	}
	e['J'] = moving(oneLine, fixed("ESC J", 3, always))
	e['d'] = moving(someLines, fixed("ESC d", 3, always))
	e['v'] = of(Cut, fixed("ESC v", 2, always))
	e['i'] = of(Cut, fixed("ESC i", 2, always))
	e['m'] = of(Cut, fixed("ESC m", 2, always))
	e['D'] = &command{name: "ESC D", kind: Layout, head: 3, length: tabsLength, ok: tabsOK}
	for _, c := range []byte{'K', 'L', 'Y', 'Z'} {
		e[c] = &command{
			name: "ESC " + show(c), kind: Image, head: 4, stream: headOf(4), length: func(h []byte) int { return 4 + word(h[2], h[3]) },
			ok: func(h []byte) bool { n := word(h[2], h[3]); return n >= 1 && n <= maxRasterWidth*8 },
		}
	}
	e[0x1F] = never(vary("ESC US", 3, func(h []byte) int { // a macro's name ends with NUL
		if n := len(h); h[n-1] == nul || n == 40 {
			return n
		}
		return -(len(h) + 1)
	}))
	machine := newMachine(ithacaPatterns)
	return &Dialect{
		name: "ithaca",
		about: "Ithaca printers (TransAct iTherm, POSjet, Series 80 and 90) with PcOS and its text commands. ESC x, ESC p, BS, BEL and &%D1 in any text are kicks; " +
			"no text command beginning with &% reaches the printer: one that is no drawer is printed as it stands.",
		uncertain: "the lengths of most PcOS commands and of the text commands could not be read from the maker's guide, so they are refused; " +
			"macros that were stored before are run by the printer itself",
		modes: []*mode{m}, sent: machine, inside: machine, begin: newPairs(machine),
	}
}

// textDrawers are &%D1 and &%D2, which can stand in any text: a product's name.
func textDrawers(m *mode) {
	m.literal = '&'
	m.lead('&')['%'] = &command{name: "&%D", kind: Kick, head: 4, length: func([]byte) int { return 4 }, text: true, kick: func(h []byte) (int, bool) {
		if len(h) < 4 || h[2]|0x20 != 'd' || h[3] != '1' && h[3] != '2' {
			return 0, false
		}
		return int(h[3] - '0'), true
	}}
}
