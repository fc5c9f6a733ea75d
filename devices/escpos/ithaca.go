package escpos

// Ithaca's printers: TransAct's PcOS, with the text commands of IPCL. After the
// programmer's guides of the Series 80PLUS (Rev. B), the Series 150 (Rev. G), the
// iTherm 280 (Rev. C and K) and the POSjet 1500 (Rev. M and N), as far as they
// could be read and agree. Everything else is refused.

const bs = 0x08

// ithacaPatterns are what must not reach an Ithaca.
//
//	07, 08       BEL and BS: the drawers, with the Series 50's extensions
//	26 25        &%: text commands, but those let through. &%D1 and &%D2 are drawers,
//	             &%U… and &%G… macros that are kept in flash, &%E… the journal
//	1B 70, 1B 78 ESC p (Epson emulation) and ESC x: the drawer
//	1B 2B        ESC +: the drawer (iTherm)
//	1B 1F, 1B 67 ESC US, ESC g: record what follows, and run it, also at power on
//	1B 19        ESC EM: settings, and what ends a macro's name
//	1B 6C, 1B 1D ESC l, ESC GS: copy what follows to a journal, and print that
//	1B 3C        ESC <: what follows goes through to a second device
//	1B 23, 1B 3D switches, and another device
//	1B 79        ESC y: deselects the printer (17)
//	1D - 0 : ^   macros of the Epson emulation
//	10 14, 10 05 its real-time commands
//	05 0A        ENQ 10: reset
var ithacaPatterns = []pattern{
	{"", "\x07\x08"},
	{"&", "%"},
	{"\x1B", "px+\x1F\x19g\x1Dl<#=y"},
	{"\x1D", "-0:^"},
	{"\x10", "\x14\x05"},
	{"\x05", "\x0A"},
}

// ithacaText are the text commands that are let through: ends of line, places,
// styles and cuts. Each # is a digit.
var ithacaText = []string{
	"&%CR", "&%LF", "&%FF", "&%LR", "&%FL##", "&%FB##", "&%SG", "&%HV", "&%HP###", "&%JL", "&%JC", "&%JR",
	"&%F1", "&%F2", "&%F3", "&%F5", "&%F6", "&%QT", "&%QU", "&%QL", "&%QS",
	"&%MU", "&%CU", "&%MO", "&%CO", "&%MI", "&%CI", "&%MW", "&%MN", "&%FD", "&%FS", "&%DH", "&%SH", "&%SP", "&%SB", "&%SE", "&%CL#",
	"&%BH##", "&%BJ##", "&%FC", "&%UA###",
}

func ithacaDrawer(h []byte) (int, bool) { return 2 - int(h[2]&1), true }

func ithaca() *Dialect {
	m := newMode()
	m.role[bs], m.drawer[bs] = kicking, 1
	m.role[bel], m.drawer[bel] = kicking, 2
	for _, c := range []byte{vt, ff, so, si, dc2, dc4} {
		m.role[c] = control
	}
	textDrawers(m, ithacaText...)

	// Questions, of the kind Status by the name "ENQ n": the drawers (1 and 2), paper
	// (4), cover (8), whether the buffer is empty (9), the state (15), everything
	// (20), errors (22), colours (24).
	q := m.lead(enq)
	for _, n := range []byte{1, 2, 4, 15, 20, 22, 24} {
		q[n] = of(Status, fixed("ENQ n", 2, always))
	}

	e := m.lead(esc)
	e['x'] = &command{name: "ESC x", kind: Kick, head: 3, length: func([]byte) int { return 3 }, kick: ithacaDrawer}
	e['+'] = &command{name: "ESC +", kind: Kick, head: 2, length: func([]byte) int { return 2 }, kick: func([]byte) (int, bool) { return 1, true }}
	e['p'] = &command{name: "ESC p", kind: Kick, head: 3, length: kickLength, kick: func(h []byte) (int, bool) { return lowBit(h[2]), true }}
	e['@'] = of(Init, fixed("ESC @", 2, always))
	for _, c := range []byte{'0', '1', '2', '4', 'E', 'F', 'G', 'H', 'R', 'T', ':', ']'} {
		e[c] = fixed("ESC "+show(c), 2, always)
	}
	for _, c := range []byte{'-', '3', '5', 'A', 'I', 'S', 'W', '_', 'a', 'c'} {
		e[c] = fixed("ESC "+show(c), 3, always)
	}
	e['n'] = fixed("ESC n", 4, func(h []byte) bool { return h[3] <= 0x0F })
	e['%'] = fixed("ESC %", 3, in('G', 'H')) // italics
	e['['] = &command{name: "ESC [", kind: Refused, head: 3, length: func([]byte) int { return 2 }, never: true, sub: map[byte]*command{
		'P': fixed("ESC [ P", 4, always),
		'@': fixed("ESC [ @", 9, func(h []byte) bool { return h[3] == 4 && h[4] == 0 && h[6] == 0 }),
	}}
	e['J'] = moving(oneLine, fixed("ESC J", 3, always))
	e['d'] = moving(someLines, fixed("ESC d", 3, always))
	e['v'] = of(Cut, fixed("ESC v", 2, always))
	for _, c := range []byte{'B', 'D'} {
		e[c] = &command{name: "ESC " + show(c), kind: Layout, head: 3, length: tabsLength, ok: tabsOK}
	}
	for _, c := range []byte{'K', 'L', 'Y', 'Z'} {
		e[c] = starColumn("ESC "+show(c), 1)
	}
	e[0x1F] = never(vary("ESC US", 3, func(h []byte) int { // a macro's name ends with NUL
		if n := len(h); h[n-1] == nul || n == 40 {
			return n
		}
		return -(len(h) + 1)
	}))
	e['!'] = no("ESC !", 3) // of the Epson emulation
	e['g'] = never(no("ESC g", 3))
	e['l'] = never(no("ESC l", 3))
	e['y'] = never(no("ESC y", 3))
	machine := newMachine(ithacaPatterns)
	return &Dialect{
		name: "ithaca",
		about: "Ithaca printers (TransAct iTherm, POSjet, Series 80, 90 and 150) with PcOS and its text commands. ESC x, ESC p, ESC +, BS, BEL and &%D1 in any text are kicks. " +
			"Of the text commands that begin with &% those for lines, places, styles and cuts pass; any other is printed as it stands, parted by a space.",
		uncertain: "the guides could be read in part only, and emulations (Series 50, Epson, Star) read other commands; what is not sure is refused. " +
			"Macros that were stored before are run by the printer itself",
		modes: []*mode{m}, sent: machine, inside: machine, begin: newPairs(machine), exempted: ithacaText,
	}
}

// textDrawers are &%D1 and &%D2, which can stand in any text: a product's name.
// Other text commands pass if they are among those given.
func textDrawers(m *mode, pass ...string) {
	m.literal = '&'
	m.lead('&')['%'] = &command{
		name: "&%", kind: Layout, head: 4, text: true,
		length: func(h []byte) int {
			for _, p := range pass {
				if string(h[:4]) == p[:4] {
					return len(p)
				}
			}
			return 4
		},
		kick: func(h []byte) (int, bool) {
			if len(h) < 4 || h[2]|0x20 != 'd' || h[3] != '1' && h[3] != '2' {
				return 0, false
			}
			return int(h[3] - '0'), true
		},
		ok: func(h []byte) bool {
			for _, p := range pass {
				if like(h, p) {
					return true
				}
			}
			return false
		},
		cuts: func(h []byte) bool { return h[2] == 'F' && h[3] == 'C' || h[2] == 'U' },
		lines: func(h []byte) int {
			switch {
			case h[2] == 'F' && h[3] == 'L':
				return int(h[4]-'0')*10 + int(h[5]-'0')
			case h[2] == 'L' || h[2] == 'F' && h[3] == 'F':
				return 1
			}
			return 0
		},
	}
}
