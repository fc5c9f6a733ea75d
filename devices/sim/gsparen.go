package sim

// gsParens are the GS ( families that a TM-T88 knows.
const gsParens = "ACDEHKLMNPQkz"

func checkGSParen(p *Printer, h []byte) bool {
	if len(h) == 3 {
		switch {
		case h[2] == 'D' && p.model.NoDisable:
			return p.model.Paren == ParenLength
		case h[2] == 'k' && p.model.SymbolRefused && p.text.inked:
			return false
		}
	}
	return checkParen(gsParens)(p, h)
}

// runGSParen executes those of which something is seen from outside.
func runGSParen(p *Printer, fn byte, data []byte) {
	switch fn {
	case 'A':
		p.testPrint(data)
	case 'D':
		if !p.model.NoDisable {
			p.enableRealTime(data)
		}
	case 'E':
		// OUT ends the mode in which settings are changed, with a reset.
		if len(data) == 4 && data[0] == 2 && string(data[1:]) == "OUT" {
			p.softReset()
		}
	case 'H':
		// The host asks to be told when the printer has come this far.
		if len(data) == 6 && data[0] == '0' && data[1] == '0' {
			p.send([]byte{0x37, 0x22, data[2], data[3], data[4], data[5], 0})
		}
	case 'L':
		if len(data) >= 2 && in(data[1], 2, 50) {
			p.text.note(&p.paper, "image")
		}
	case 'k':
		p.symbol(data)
	}
}

// testPrint is GS ( A n m. Each of them ends with a soft reset; the hexadecimal
// dump lasts until the next one.
func (p *Printer) testPrint(data []byte) {
	if len(data) != 2 {
		return
	}
	p.softReset()
	switch data[1] {
	case 1, '1':
		p.settings.hexDump = true
	case 2, '2', 3, '3':
		p.text.note(&p.paper, "test print")
	}
}

// softReset is the reset that some commands end with.
func (p *Printer) softReset() {
	p.queue = nil
	p.settings = p.model.settings()
	p.macro = macro{current: p.macro.current, running: p.macro.running, credit: p.macro.credit}
	p.text = newText(p.model.Columns)
}

// enableRealTime is GS ( D: pairs of what and whether, for the real-time
// commands that open a drawer (1) and switch the printer off (2).
func (p *Printer) enableRealTime(data []byte) {
	if len(data) < 3 || data[0] != 0x14 {
		return
	}
	for pairs := data[1:]; len(pairs) >= 2; pairs = pairs[2:] {
		on := in(pairs[1], 1, '1')
		if !on && !in(pairs[1], 0, '0') {
			return
		}
		switch pairs[0] {
		case 1:
			p.settings.pulsesOff = !on
		case 2:
			p.settings.powerOff = on
		}
	}
}

// symbol is GS ( k cn fn: two-dimensional codes are stored, then printed.
func (p *Printer) symbol(data []byte) {
	const store, print = 80, 81
	if len(data) < 3 {
		return
	}
	names := map[byte]string{48: "PDF417", 49: "QR", 50: "MaxiCode", 51: "GS1 DataBar", 52: "composite", 53: "Aztec", 54: "DataMatrix"}
	switch data[1] {
	case store:
		p.settings.symbol = append([]byte(nil), data[3:]...)
	case print:
		name := names[data[0]]
		if name == "" {
			name = "symbol"
		}
		p.text.note(&p.paper, "%s code: %s", name, shown(p.settings.symbol))
	}
}
