package escpos

// The Epson dialect (ESC/POS), from Epson's command reference and programming
// guide. Where models differ, the narrowest parameters that are documented count.

// kickPatterns are what must not reach a printer that reads ESC/POS, or a clone
// of one.
//
//	1B 70        ESC p: the drawer (Epson and nearly every clone)
//	1B 78        ESC x: the drawer (Ithaca)
//	1B 76, 1B 80 ESC v: the drawer (Bematech, Elgin); Epson's old question for paper goes with it
//	1B 23        ESC #: memory switches, and with them the dialect, of several makers
//	1B 3D        ESC =: another device gets the bytes that follow (ESC = 1 itself is let through)
//	1B 28 41     ESC ( A: the buzzer, which is driven by the drawer's pins where one is fitted
//	1B 28 59     ESC ( Y: keeps what follows, and executes it later
//	1C 71        FS q: stores pictures and resets the printer
//	1D 3A, 1D 5E GS : and GS ^: record what follows, the daemon's pulse included, and replay it
//	1D 28 A/D/E/M  tests and hex dump, real-time commands on and off, settings
//	1D 28 z      GS ( z: keeps what follows for the reverse side
//	10 05 0..2   DLE ENQ: recovers, clears the buffers
//	10 14 1..F   DLE DC4: the drawer, power off, clear the buffers
var kickPatterns = []pattern{
	{"\x1B", "pxv\x80#="},
	{"\x1B(", "AY"},
	{"\x1C", "q"},
	{"\x1D", ":^"},
	{"\x1D(", "ADEMz"},
	{"\x10\x14", span(0x01, 0x0F)},
	{"\x10\x05", span(0x00, 0x02)},
	{"\x10\x04", ""}, // see insidePatterns
}

// insidePatterns are more for payloads: there the two bytes that begin DLE DC4
// and DLE ENQ are enough. And what a printer may take for DLE EOT n, or not: in
// a logo that is printed on each receipt it would have us wait, each time, for
// answers that never come. What all printers answer (n = 1 to 4) may stay.
var insidePatterns = []pattern{
	{"\x10", "\x14\x05"},
	{"\x10\x04", "\x00\x05\x06\x07\x08\x12"},
}

// disableRealtime is GS ( D, which switches DLE DC4 fn 1 off until ESC @ or a
// reset (Epson's reference, gs_lparen_cd).
var disableRealtime = []byte{gs, '(', 'D', 3, 0, 20, 1, 0}

func epson() *Dialect {
	d := &Dialect{
		name: "epson",
		about: "Epson's ESC/POS as genuine TM printers speak it. No byte pattern that such a printer or a clone could read as a kick leaves, " +
			"whatever it stands in; the printer's own real-time kick is switched off besides.",
		modes: []*mode{epsonMode()}, sent: newMachine(kickPatterns), inside: newMachine(append(kickPatterns[:len(kickPatterns):len(kickPatterns)], insidePatterns...)),
		exempted: []string{"\x1B=\x01"}, realtime: true, off: disableRealtime,
	}
	d.begin = newPairs(d.inside)
	return d
}

// epsonClone is the same language on printers of other makers.
func epsonClone() *Dialect {
	d := epson()
	d.name, d.off = "epson-clone", nil
	d.about = "ESC/POS on other makers' printers (Bixolon, Citizen CT, SNBC, Xprinter and many more). The same bytes are held back as for epson; " +
		"nothing is asked of the printer that a clone may not know, so its real-time kick stays on and is kept from it by the filter alone."
	return d
}

// epsonWincor is ESC/POS with pulses in steps of 10 ms (Wincor ND69's manual, p. 71).
func epsonWincor() *Dialect {
	d := epsonClone()
	d.name = "epson-wincor"
	d.about = "ESC/POS on Wincor Nixdorf printers, whose pulses are counted in 10 ms. Otherwise as epson-clone."
	return d
}

// epsonSII is ESC/POS on Seiko printers, which add DC2 commands to it. DC2 q asks
// for a word at a job's end; it is dropped, and its letter not printed.
func epsonSII() *Dialect {
	d := epsonClone()
	d.name = "epson-sii"
	d.about = "ESC/POS on Seiko Instruments' printers (RP, SLP, DSP series), with their own DC2 commands refused. Otherwise as epson-clone."
	d.modes = []*mode{d.modes[0].clone()}
	d.modes[0].lead(0x12)['q'] = no("DC2 q", 3)
	return d
}

func epsonMode() *mode {
	m := newMode()
	m.role[ff], m.role[can] = control, control
	e, f, g, d := m.lead(esc), m.lead(fs), m.lead(gs), m.lead(dle)

	e['@'] = of(Init, fixed("ESC @", 2, always))
	e['='] = never(fixed("ESC =", 3, in(1)))
	e['p'] = &command{name: "ESC p", kind: Kick, head: 3, length: kickLength, kick: func(h []byte) (int, bool) {
		return lowBit(h[2]), true
	}}
	epsonLayout(e, f, g)
	epsonPictures(e, f, g)
	epsonCodes(g)
	epsonRefused(e, f, g, d)
	return m
}

// lowBit is the drawer by its number in a command. Printers that are not strict
// look at the lowest bit.
func lowBit(n byte) int { return int(n&1) + 1 }

// kickLength: a number that Epson documents is followed by two times. With
// another one Epson's printers stop there and print what follows, and clones
// that look at the lowest bit only open the drawer.
func kickLength(h []byte) int {
	if isDigit(h[2], 1) {
		return 5
	}
	return 3
}

// epsonLayout enters lines, positions, styles, page mode, cuts and questions.
func epsonLayout(e, f, g *[256]*command) {
	// Lines and positions.
	e['2'] = fixed("ESC 2", 2, always)
	e['3'] = fixed("ESC 3", 3, always)
	e['<'] = fixed("ESC <", 2, always)
	e['D'] = &command{name: "ESC D", kind: Layout, head: 3, length: tabsLength, ok: tabsOK}
	e['J'] = moving(oneLine, fixed("ESC J", 3, always))
	e['K'] = moving(oneLine, fixed("ESC K", 3, upTo(0, 48)))
	e['d'] = moving(someLines, fixed("ESC d", 3, always))
	e['e'] = moving(someLines, fixed("ESC e", 3, upTo(0, 2)))
	e['$'] = fixed("ESC $", 4, dots)
	e['\\'] = fixed("ESC \\", 4, signedDots)
	e['a'] = fixed("ESC a", 3, digit(2))
	e['U'] = fixed("ESC U", 3, digit(1))
	g['L'] = fixed("GS L", 4, dots)
	g['W'] = fixed("GS W", 4, dots)
	g['P'] = fixed("GS P", 4, always)
	g['T'] = fixed("GS T", 3, digit(1))

	// Page mode: what is printed is gathered and printed with FF or ESC FF. A
	// printer that is in the middle of a line ignores ESC L, and takes what
	// follows for standard mode: these commands hold nothing that could matter.
	page := func(by int8, c *command) *command { c.page = by; return c }
	e['L'] = page(1, fixed("ESC L", 2, always))
	e['S'] = page(-1, fixed("ESC S", 2, always))
	e[ff] = moving(oneLine, fixed("ESC FF", 2, always))
	e['T'] = fixed("ESC T", 3, digit(3))
	e['W'] = fixed("ESC W", 10, func(h []byte) bool { return h[3] <= 0x0F && h[5] <= 0x7F && h[7] <= 0x0F && h[9] <= 0x7F })
	g['$'] = fixed("GS $", 4, func(h []byte) bool { return h[3] <= 0x7F })
	g['\\'] = fixed("GS \\", 4, always)

	// Styles and code pages.
	e[' '] = fixed("ESC SP", 3, always)
	e['!'] = fixed("ESC !", 3, always)
	e['-'] = fixed("ESC -", 3, digit(2))
	e['E'] = fixed("ESC E", 3, always)
	e['G'] = fixed("ESC G", 3, always)
	e['M'] = fixed("ESC M", 3, in(0, 1, 2, 3, 4, '0', '1', '2', '3', '4', 97, 98))
	e['R'] = fixed("ESC R", 3, always)
	e['V'] = fixed("ESC V", 3, digit(2))
	e['r'] = fixed("ESC r", 3, digit(1))
	e['t'] = fixed("ESC t", 3, always)
	e['{'] = fixed("ESC {", 3, always)
	e['%'] = fixed("ESC %", 3, always)
	g['!'] = fixed("GS !", 3, func(h []byte) bool { return h[2]&0x88 == 0 })
	g['B'] = fixed("GS B", 3, always)
	g['b'] = fixed("GS b", 3, always)
	f['!'] = fixed("FS !", 3, always)
	f['&'] = fixed("FS &", 2, always)
	f['.'] = fixed("FS .", 2, always)
	f['-'] = fixed("FS -", 3, digit(2))
	f['C'] = fixed("FS C", 3, digit(1))
	f['S'] = fixed("FS S", 4, always)
	f['W'] = fixed("FS W", 3, always)

	// Paper sensors and the panel's buttons: until ESC @ or a reset.
	e['c'] = &command{name: "ESC c", kind: Refused, head: 3, length: func([]byte) int { return 4 }, sub: map[byte]*command{
		'3': fixed("ESC c 3", 4, always),
		'4': fixed("ESC c 4", 4, always),
		'5': fixed("ESC c 5", 4, always),
	}, never: true}

	// Cuts.
	e['i'] = of(Cut, fixed("ESC i", 2, always))
	e['m'] = of(Cut, fixed("ESC m", 2, always))
	g['V'] = &command{name: "GS V", kind: Cut, head: 3, length: cutLength, ok: cutOK}

	// Serial numbers that the printer counts. It keeps them until it is reset.
	g['C'] = &command{name: "GS C", kind: Layout, head: 3, length: counterLength, ok: counterOK}
	g['c'] = moving(oneLine, fixed("GS c", 2, always))

	// Questions, and what is sent unasked (GS a).
	g['r'] = of(Status, fixed("GS r", 3, in(1, 2, 4, '1', '2', '4')))
	g['I'] = of(Status, fixed("GS I", 3, in(1, 2, 3, '1', '2', '3', 65, 66, 67, 68, 69)))
	g['a'] = of(Status, fixed("GS a", 3, always))
	e['u'] = of(Status, fixed("ESC u", 3, digit(0)))
}

// tabsLength: tab stops end with NUL. Where one does not exceed the one before,
// or after 32, printers end the command by themselves, not all in the same
// place; so it ends before that byte, and what there is of it is refused.
func tabsLength(h []byte) int {
	n := len(h)
	switch last := h[n-1]; {
	case last == nul:
		return n
	case n == 3+32, n > 3 && last <= h[n-2]:
		return n - 1
	}
	return -(n + 1)
}

func tabsOK(h []byte) bool { return h[len(h)-1] == nul }

func cutLength(h []byte) int {
	switch h[2] {
	case 65, 66, 97, 98, 103, 104:
		return 4
	}
	return 3
}

func cutOK(h []byte) bool { return len(h) == 4 || isDigit(h[2], 1) }

func counterLength(h []byte) int {
	switch h[2] {
	case '0', '2':
		return 5
	case '1':
		return 9
	case ';':
		semicolons := 0
		for _, c := range h[2:] {
			if c == ';' {
				semicolons++
			} else if c < '0' || c > '9' {
				return 2
			}
		}
		if semicolons == 6 || len(h) > 40 {
			return len(h)
		}
		return -(len(h) + 1)
	}
	return 2
}

func counterOK(h []byte) bool {
	switch h[2] {
	case '0':
		return h[3] <= 5 && isDigit(h[4], 2)
	case ';':
		return len(h) <= 40
	}
	return true
}
