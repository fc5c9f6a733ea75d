package sim

// kanjiCommands are known only to printers with two-byte characters.
var kanjiCommands = map[byte]bool{'!': true, '&': true, '-': true, '.': true, '2': true, '?': true, 'C': true, 'S': true, 'W': true}

// fsCommands are the commands that begin with FS. Lengths and ranges are the
// manual's.
var fsCommands = map[byte]*command{
	'!': {name: "FS !", size: 3, run: sets(kanjiMode, whole)},
	'&': {name: "FS &", size: 2, run: func(p *Printer, _ []byte) { p.settings.kanji = true }},
	'(': {name: "FS (", size: 5, check: checkParen("ACELefg"), open: openParen(runFSParen)},
	'-': {name: "FS -", size: 3, run: sets(kanjiLine, digit)},
	'.': {name: "FS .", size: 2, run: func(p *Printer, _ []byte) { p.settings.kanji = false }},
	'2': {name: "FS 2", size: 4, check: checkKanjiGlyph, open: func(*Printer, []byte) collector { return skip(72) }},
	'?': {name: "FS ?", size: 4},
	'C': {name: "FS C", size: 3, run: func(p *Printer, h []byte) { p.settings.shiftJIS = digit(h[2]) == 1 }},
	'L': {name: "FS L", size: 4},
	'S': {name: "FS S", size: 4, run: setsWord(kanjiGap)},
	'W': {name: "FS W", size: 3, run: sets(kanjiSize, lowBit)},
	'a': {name: "FS a", size: 3, check: func(_ *Printer, h []byte) bool { return in(h[2], '0', '1', '2') }, open: openCheckReader},
	'b': {name: "FS b", size: 2},
	'c': {name: "FS c", size: 2},
	'g': {name: "FS g", size: 10, check: checkUserData, open: openUserData},
	'p': {name: "FS p", size: 4, check: checkLogo, run: func(p *Printer, h []byte) { p.text.note(&p.paper, "logo %d", h[2]) }},
	'q': {name: "FS q", size: 3, check: func(_ *Printer, h []byte) bool { return h[2] >= 1 }, open: openLogos},
}

// runFSParen is FS (, of which the Kanji's font is seen on the paper.
func runFSParen(p *Printer, fn byte, data []byte) {
	if fn == 'A' && len(data) == 2 && data[0] == '0' && p.model.Kanji != KanjiNone {
		p.text.style[kanjiFont] = digit(data[1])
	}
}

// checkKanjiGlyph: user-defined characters have codes of their own.
func checkKanjiGlyph(_ *Printer, h []byte) bool {
	switch len(h) {
	case 3:
		return in(h[2], 0x77, 0xec, 0xfe)
	case 4:
		return h[3] >= 0x21 && h[3] <= 0x7e || h[3] >= 0xa1 && h[3] <= 0xfe || h[2] == 0xec && h[3] >= 0x40
	}
	return true
}

func openCheckReader(_ *Printer, h []byte) collector {
	if h[2] == '0' {
		return skip(1)
	}
	return nil
}

// checkUserData is FS g 1 and 2: an address and a length in the memory for
// users' data.
func checkUserData(_ *Printer, h []byte) bool {
	const memory = 1024
	switch len(h) {
	case 3:
		return in(h[2], '1', '2')
	case 4:
		return h[3] == 0
	case 8:
		return low(h[4:8]...) < memory
	case 10:
		n := low(h[8], h[9])
		return n >= 1 && low(h[4:8]...)+n <= memory
	}
	return true
}

func openUserData(p *Printer, h []byte) collector {
	n := low(h[8], h[9])
	if h[2] == '1' {
		return skip(n)
	}
	// Nothing was ever stored: spaces.
	out := []byte{'_'}
	for range min(n, 80) {
		out = append(out, ' ')
	}
	p.send(append(out, 0))
	return nil
}

func checkLogo(_ *Printer, h []byte) bool {
	if len(h) == 3 {
		return h[2] >= 1
	}
	return h[3] <= 3 || h[3] >= '0' && h[3] <= '3'
}

// openLogos is FS q n: n images, each with its size before it. It ends with a
// soft reset.
func openLogos(p *Printer, h []byte) collector {
	logos := int(h[2])
	var size []byte
	var left uint64
	return func(c byte) verdict {
		if left == 0 {
			size = append(size, c)
			switch len(size) {
			case 2:
				if n := low(size...); n < 1 || n > 1023 {
					return refuse
				}
			case 4:
				n := low(size[2], size[3])
				if n < 1 || n > 288 {
					return refuse
				}
				left, size = low(size[0], size[1])*n*8, nil
			}
			return more
		}
		if left--; left > 0 {
			return more
		}
		if logos--; logos > 0 {
			return more
		}
		p.softReset()
		return done
	}
}
