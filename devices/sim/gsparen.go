package sim

import "fmt"

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
		p.graphics(data, uint64(len(data)))
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

// symbols are the two-dimensional codes by cn, from 48 on.
type symbols [7]symbol

// symbol is what is stored for one kind of code, and how it is to be printed:
// the parameters of its functions from 65 on.
type symbol struct {
	data []byte
	set  [6]uint16
}

var symbolNames = [...]string{"PDF417", "QR", "MaxiCode", "GS1 DataBar", "composite", "Aztec", "DataMatrix"}

// maxSymbol is more than any code holds.
const maxSymbol = 7200

// symbol is GS ( k cn fn: a code's data is stored, then printed.
func (p *Printer) symbol(data []byte) {
	const store, print = 80, 81
	if len(data) < 3 || data[0] < 48 || int(data[0]-48) >= len(symbolNames) {
		return
	}
	s, name := &p.settings.symbols[data[0]-48], symbolNames[data[0]-48]
	switch fn := data[1]; {
	case fn >= 65 && int(fn-65) < len(s.set):
		s.set[fn-65] = uint16(low(data[2:min(len(data), 4)]...))
	case fn == store:
		s.data = append([]byte(nil), data[3:min(len(data), maxSymbol)]...)
	case fn == print:
		p.text.detail(&p.paper, name+" code: "+shown(s.data), fmt.Sprintf("%s code %v: %q", name, s.set, s.data))
	}
}
