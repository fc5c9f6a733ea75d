package sim

import (
	"fmt"
	"time"
)

// escCommands are the commands that begin with ESC. Lengths and ranges are the
// manual's.
var escCommands = map[byte]*command{
	0x0c: {name: "ESC FF", size: 2, run: func(p *Printer, _ []byte) { p.text.printPage(&p.paper) }},
	' ':  {name: "ESC SP", size: 3, run: sets(gap, whole)},
	'!':  {name: "ESC !", size: 3, run: func(p *Printer, h []byte) { p.text.style.setPrintMode(h[2]) }},
	'$':  {name: "ESC $", size: 4, run: func(p *Printer, h []byte) { p.text.moveTo(int(low(h[2], h[3]))) }},
	'%':  {name: "ESC %", size: 3, run: sets(ownGlyphs, lowBit)},
	'&':  {name: "ESC &", size: 5, check: checkGlyphs, open: openGlyphs},
	'(':  {name: "ESC (", size: 5, check: checkParen("AY"), open: openParen(nil)},
	'*':  {name: "ESC *", size: 5, check: checkBitImage, open: openBitImage},
	'-':  {name: "ESC -", size: 3, run: sets(underline, digit)},
	'2':  {name: "ESC 2", size: 2, run: func(p *Printer, _ []byte) { p.text.style[spacing] = lineSpacing }},
	'3':  {name: "ESC 3", size: 3, run: sets(spacing, whole)},
	'<':  {name: "ESC <", size: 2},
	'=':  {name: "ESC =", size: 3, run: func(p *Printer, h []byte) { p.settings.deselected = h[2]&1 == 0 }},
	'?':  {name: "ESC ?", size: 3},
	'@':  {name: "ESC @", size: 2, run: func(p *Printer, _ []byte) { p.initialize() }},
	'C':  {name: "ESC C", size: 3},
	'D':  {name: "ESC D", size: 2, open: openTabs},
	'E':  {name: "ESC E", size: 3, run: sets(bold, lowBit)},
	'F':  {name: "ESC F", size: 3},
	'G':  {name: "ESC G", size: 3, run: sets(strike, lowBit)},
	'J':  {name: "ESC J", size: 3, run: func(p *Printer, h []byte) { p.text.feedDots(&p.paper, int(h[2])) }},
	'K':  {name: "ESC K", size: 3, run: func(p *Printer, h []byte) { p.text.mark("back %d dots", h[2]) }},
	'L': {name: "ESC L", size: 2, run: func(p *Printer, _ []byte) {
		// Page mode is entered at the beginning of a line only.
		p.text.page = p.text.page || !p.text.inked
	}},
	'M': {name: "ESC M", size: 3, run: sets(font, digit)},
	'R': {name: "ESC R", size: 3, run: sets(country, whole)},
	'S': {name: "ESC S", size: 2, run: func(p *Printer, _ []byte) {
		if p.text.page {
			p.text.discard()
		}
	}},
	'T':  {name: "ESC T", size: 3, run: func(p *Printer, h []byte) { p.text.mark("direction %d", digit(h[2])) }},
	'U':  {name: "ESC U", size: 3, run: sets(oneWay, lowBit)},
	'V':  {name: "ESC V", size: 3, run: sets(turned, digit)},
	'W':  {name: "ESC W", size: 10, check: checkArea, run: func(p *Printer, h []byte) { p.text.mark("area % x", h[2:]) }},
	'\\': {name: `ESC \`, size: 4, run: func(p *Printer, h []byte) { p.text.moveBy(int(int16(low(h[2], h[3])))) }},
	'a':  {name: "ESC a", size: 3, run: func(p *Printer, h []byte) { p.text.style.setAlign(h[2]) }},
	'c': {name: "ESC c", size: 4, check: func(_ *Printer, h []byte) bool {
		return len(h) > 3 || h[2] == '3' || h[2] == '4' || h[2] == '5'
	}},
	'd': {name: "ESC d", size: 3, run: func(p *Printer, h []byte) { p.text.feed(&p.paper, int(h[2])) }},
	'e': {name: "ESC e", size: 3, run: func(p *Printer, h []byte) { p.text.mark("back %d lines", h[2]) }},
	'f': {name: "ESC f", size: 4},
	'i': {name: "ESC i", size: 2, run: func(p *Printer, _ []byte) { p.text.note(&p.paper, "partial cut") }},
	'm': {name: "ESC m", size: 2, run: func(p *Printer, _ []byte) { p.text.note(&p.paper, "partial cut") }},
	'p': {name: "ESC p", size: 5, check: checkPulse, run: runPulse},
	'q': {name: "ESC q", size: 2},
	'r': {name: "ESC r", size: 3, run: sets(colour, digit)},
	't': {name: "ESC t", size: 3, run: sets(codePage, whole)},
	'u': {name: "ESC u", size: 3, run: func(p *Printer, h []byte) {
		if in(h[2], 0, '0') {
			p.send([]byte{bit(0, p.drawers.pinHigh())})
		}
	}},
	'v': {name: "ESC v", size: 2, run: func(p *Printer, _ []byte) { p.send([]byte{p.status().paperStatus()}) }},
	'{': {name: "ESC {", size: 3, run: sets(upside, lowBit)},
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

// dotsACell is how wide a character of font A is.
const dotsACell = 12

// moveTo is ESC $: dots from the left margin.
func (t *text) moveTo(dots int) {
	t.mark("at %d", dots)
	t.blank(dots / dotsACell)
}

// moveBy is ESC \: dots from here. To the left nothing moves on our paper.
func (t *text) moveBy(dots int) {
	t.mark("by %d", dots)
	t.blank(t.cells + dots/dotsACell)
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

// glyphs are the characters that a host has defined.
type glyphs map[byte][]byte

func openGlyphs(p *Printer, h []byte) collector {
	high, code, last := int(h[2]), h[3], h[4]
	left := -1 // bytes of this glyph; -1: its width comes
	var dots []byte
	return func(c byte) verdict {
		if left < 0 {
			if c > 12 {
				return refuse
			}
			left = high * int(c)
		} else {
			left--
			dots = append(dots, c)
		}
		if left > 0 {
			return more
		}
		if p.settings.glyphs == nil {
			p.settings.glyphs = glyphs{}
		}
		p.settings.glyphs[code] = dots
		left, dots = -1, nil
		if code++; code <= last {
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
	n, high := low(h[3], h[4]), 1
	if h[2] >= 32 {
		high = 3
	}
	command := fmt.Sprintf("ESC * %d", h[2])
	return count(n*uint64(high), maxPicture, func(data []byte) {
		p.text.inline("▒")
		p.picture(command, int(n), 8*high, rows(data, int(n), high))
	})
}

// openTabs is ESC D: ends at NUL, at a position that is not right of the one
// before, or after 32.
func openTabs(p *Printer, _ []byte) collector {
	stops := []byte{}
	return func(c byte) verdict {
		switch {
		case c == 0:
			p.text.tabs = stops
			return done
		case len(stops) > 0 && c <= stops[len(stops)-1]:
			p.text.tabs = stops
			return again
		}
		if stops = append(stops, c); len(stops) == 32 {
			p.text.tabs = stops
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
		return count(low(h[3], h[4]), maxPicture, func(data []byte) {
			if run != nil {
				run(p, fn, data)
			}
		})
	}
}
