package sim

import "time"

// escCommands are the commands that begin with ESC. Lengths and ranges are the
// manual's.
var escCommands = map[byte]*command{
	0x0c: {name: "ESC FF", size: 2, run: func(p *Printer, _ []byte) { p.text.printPage(&p.paper) }},
	' ':  {name: "ESC SP", size: 3},
	'!':  {name: "ESC !", size: 3, run: func(p *Printer, h []byte) { p.text.style.setPrintMode(h[2]) }},
	'$':  {name: "ESC $", size: 4, run: func(p *Printer, h []byte) { p.text.moveTo(int(low(h[2], h[3]))) }},
	'%':  {name: "ESC %", size: 3},
	'&':  {name: "ESC &", size: 5, check: checkGlyphs, open: openGlyphs},
	'(':  {name: "ESC (", size: 5, check: checkParen("AY"), open: openParen(nil)},
	'*':  {name: "ESC *", size: 5, check: checkBitImage, open: openBitImage},
	'-':  {name: "ESC -", size: 3},
	'2':  {name: "ESC 2", size: 2, run: func(p *Printer, _ []byte) { p.text.style.spacing = lineSpacing }},
	'3':  {name: "ESC 3", size: 3, run: func(p *Printer, h []byte) { p.text.style.spacing = int(h[2]) }},
	'<':  {name: "ESC <", size: 2},
	'=':  {name: "ESC =", size: 3, run: func(p *Printer, h []byte) { p.settings.deselected = h[2]&1 == 0 }},
	'?':  {name: "ESC ?", size: 3},
	'@':  {name: "ESC @", size: 2, run: func(p *Printer, _ []byte) { p.initialize() }},
	'C':  {name: "ESC C", size: 3},
	'D':  {name: "ESC D", size: 2, open: openTabs},
	'E':  {name: "ESC E", size: 3},
	'F':  {name: "ESC F", size: 3},
	'G':  {name: "ESC G", size: 3},
	'J':  {name: "ESC J", size: 3, run: func(p *Printer, h []byte) { p.text.feedDots(&p.paper, int(h[2])) }},
	'K':  {name: "ESC K", size: 3},
	'L': {name: "ESC L", size: 2, run: func(p *Printer, _ []byte) {
		// Page mode is entered at the beginning of a line only.
		p.text.page = p.text.page || !p.text.inked
	}},
	'M': {name: "ESC M", size: 3, run: func(p *Printer, h []byte) { p.text.style.fontB = h[2]&1 == 1 }},
	'R': {name: "ESC R", size: 3},
	'S': {name: "ESC S", size: 2, run: func(p *Printer, _ []byte) {
		if p.text.page {
			p.text.discard()
		}
	}},
	'T':  {name: "ESC T", size: 3},
	'U':  {name: "ESC U", size: 3},
	'V':  {name: "ESC V", size: 3},
	'W':  {name: "ESC W", size: 10, check: checkArea},
	'\\': {name: `ESC \`, size: 4},
	'a':  {name: "ESC a", size: 3, run: func(p *Printer, h []byte) { p.text.style.setAlign(h[2]) }},
	'c': {name: "ESC c", size: 4, check: func(_ *Printer, h []byte) bool {
		return len(h) > 3 || h[2] == '3' || h[2] == '4' || h[2] == '5'
	}},
	'd': {name: "ESC d", size: 3, run: func(p *Printer, h []byte) { p.text.feed(&p.paper, int(h[2])) }},
	'e': {name: "ESC e", size: 3},
	'f': {name: "ESC f", size: 4},
	'i': {name: "ESC i", size: 2, run: func(p *Printer, _ []byte) { p.text.note(&p.paper, "partial cut") }},
	'm': {name: "ESC m", size: 2, run: func(p *Printer, _ []byte) { p.text.note(&p.paper, "partial cut") }},
	'p': {name: "ESC p", size: 5, check: checkPulse, run: runPulse},
	'q': {name: "ESC q", size: 2},
	'r': {name: "ESC r", size: 3},
	't': {name: "ESC t", size: 3, run: func(p *Printer, h []byte) { p.text.style.codePage = h[2] }},
	'u': {name: "ESC u", size: 3, run: func(p *Printer, h []byte) {
		if in(h[2], 0, '0') {
			p.send([]byte{bit(0, p.drawers.pinHigh())})
		}
	}},
	'v': {name: "ESC v", size: 2, run: func(p *Printer, _ []byte) { p.send([]byte{p.status().paperStatus()}) }},
	'{': {name: "ESC {", size: 3},
}

// checkPulse: an m that names no pin ends the command, so that t1 and t2 are
// ordinary data.
func checkPulse(p *Printer, h []byte) bool {
	if len(h) == 3 {
		_, ok := p.drawerOf(h[2], true)
		return ok
	}
	return true
}

func runPulse(p *Printer, h []byte) {
	drawer, _ := p.drawerOf(h[2], true)
	on := 2 * time.Duration(h[3]) * time.Millisecond
	off := 2 * time.Duration(h[4]) * time.Millisecond
	p.pulse(drawer, "ESC p", p.macro.current, h, on, max(on, off))
}

// initialize is ESC @. It does not empty the receive buffer and does not forget
// the macro; and it lets DLE DC4 open drawers again.
func (p *Printer) initialize() {
	asb := p.settings.asb
	p.settings = p.model.settings()
	p.settings.asb = asb
	p.text.initialize()
}

func (s *style) setPrintMode(n byte) {
	s.fontB, s.tall, s.wide = n&1 != 0, n&0x10 != 0, n&0x20 != 0
}

func (s *style) setAlign(n byte) {
	if n >= '0' {
		n -= '0'
	}
	if n <= 2 {
		s.align = n
	}
}

// moveTo is ESC $: dots from the left margin, twelve a character.
func (t *text) moveTo(dots int) {
	for cell := dots / 12; t.cells < cell && t.cells < t.width(); t.cells++ {
		t.line = append(t.line, ' ')
	}
}

// checkGlyphs: characters of font A are three bytes high and twelve dots wide
// at most.
func checkGlyphs(_ *Printer, h []byte) bool {
	switch len(h) {
	case 3:
		return h[2] == 3
	case 4:
		return h[3] >= 0x20 && h[3] <= 0x7e
	}
	return h[4] >= h[3] && h[4] <= 0x7e
}

func openGlyphs(_ *Printer, h []byte) collector {
	high, glyphs := int(h[2]), int(h[4]-h[3])+1
	left := -1 // bytes of this glyph; -1: its width comes
	return func(c byte) verdict {
		if left < 0 {
			if c > 12 {
				return refuse
			}
			left = high * int(c)
		} else {
			left--
		}
		if left > 0 {
			return more
		}
		left = -1
		if glyphs--; glyphs > 0 {
			return more
		}
		return done
	}
}

func checkBitImage(_ *Printer, h []byte) bool {
	switch len(h) {
	case 3:
		return in(h[2], 0, 1, 32, 33)
	case 5:
		n := low(h[3], h[4])
		return n >= 1 && n <= 1023
	}
	return true
}

func openBitImage(p *Printer, h []byte) collector {
	n := low(h[3], h[4])
	if h[2] >= 32 {
		n *= 3
	}
	p.text.inline("▒")
	return skip(n)
}

// openTabs is ESC D: ends at NUL, at a position that is not right of the one
// before, or after 32.
func openTabs(_ *Printer, _ []byte) collector {
	last, n := 0, 0
	return func(c byte) verdict {
		switch {
		case c == 0:
			return done
		case int(c) <= last:
			return again
		}
		last = int(c)
		if n++; n == 32 {
			return done
		}
		return more
	}
}

// checkArea: ESC W's area has a size.
func checkArea(_ *Printer, h []byte) bool {
	switch len(h) {
	case 8:
		return low(h[6], h[7]) > 0
	case 10:
		return low(h[8], h[9]) > 0
	}
	return true
}

// checkParen judges the ESC ( and GS ( families: name, length, data.
func checkParen(known string) func(*Printer, []byte) bool {
	return func(p *Printer, h []byte) bool {
		if len(h) != 3 {
			return true
		}
		for i := range len(known) {
			if known[i] == h[2] {
				return true
			}
		}
		return p.model.Paren == ParenLength
	}
}

// openParen collects the data of an ESC ( or GS ( command and has it run.
func openParen(run func(p *Printer, fn byte, data []byte)) func(*Printer, []byte) collector {
	return func(p *Printer, h []byte) collector {
		fn := h[2]
		return count(low(h[3], h[4]), 512, func(data []byte) {
			if run != nil {
				run(p, fn, data)
			}
		})
	}
}
