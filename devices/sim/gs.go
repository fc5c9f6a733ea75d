package sim

import "fmt"

// gsCommands are the commands that begin with GS. Lengths and ranges are the
// manual's.
var gsCommands = map[byte]*command{
	'!':  {name: "GS !", size: 3, run: sets(size, whole)},
	'$':  {name: "GS $", size: 4, run: func(p *Printer, h []byte) { p.text.mark("down to %d", low(h[2], h[3])) }},
	'(':  {name: "GS (", size: 5, check: checkGSParen, open: openParen(runGSParen)},
	'*':  {name: "GS *", size: 4, check: checkDownload, open: func(_ *Printer, h []byte) collector { return skip(uint64(h[2]) * uint64(h[3]) * 8) }},
	'/':  {name: "GS /", size: 3, run: func(p *Printer, _ []byte) { p.text.note(&p.paper, "image") }},
	'8':  {name: "GS 8 L", size: 7, check: func(_ *Printer, h []byte) bool { return len(h) != 3 || h[2] == 'L' }, open: openGraphics},
	':':  {name: "GS :", size: 2, run: func(p *Printer, _ []byte) { p.defineMacro() }},
	'B':  {name: "GS B", size: 3, run: sets(inverted, lowBit)},
	'C':  {name: "GS C", size: 3, check: checkCounter, open: openCounter},
	'D':  {name: "GS D", size: 7, check: checkBMP, open: openBMP},
	'E':  {name: "GS E", size: 3},
	'H':  {name: "GS H", size: 3, run: sets(barText, digit)},
	'I':  {name: "GS I", size: 3, run: func(p *Printer, h []byte) { p.identify(h[2]) }},
	'L':  {name: "GS L", size: 4, run: setsWord(margin)},
	'P':  {name: "GS P", size: 4, run: setsWord(units)},
	'Q':  {name: "GS Q 0", size: 8, check: checkRaster(false), open: openRaster},
	'T':  {name: "GS T", size: 3},
	'V':  {name: "GS V", size: 3, check: checkCut, open: openCut},
	'W':  {name: "GS W", size: 4, run: setsWord(area)},
	'\\': {name: `GS \`, size: 4, run: func(p *Printer, h []byte) { p.text.mark("down by %d", int16(low(h[2], h[3]))) }},
	'^': {name: "GS ^", size: 5, check: func(_ *Printer, h []byte) bool { return len(h) != 5 || h[4] <= 1 }, run: func(p *Printer, h []byte) {
		p.callMacro(h[2], h[4])
	}},
	'a': {name: "GS a", size: 3, run: func(p *Printer, h []byte) {
		if p.settings.asb = h[2]; h[2]&0x0f != 0 {
			p.send(p.status().automatic())
		}
	}},
	'b': {name: "GS b", size: 3, run: sets(smooth, lowBit)},
	'c': {name: "GS c", size: 2, run: func(p *Printer, _ []byte) { p.text.note(&p.paper, "counter") }},
	'f': {name: "GS f", size: 3, run: sets(barFont, digit)},
	'g': {name: "GS g", size: 6, check: func(_ *Printer, h []byte) bool {
		return len(h) == 3 && in(h[2], '0', '2') || len(h) == 4 && h[3] == 0 || len(h) > 4
	}},
	'h': {name: "GS h", size: 3, run: sets(barHeight, whole)},
	'j': {name: "GS j", size: 3},
	'k': {name: "GS k", size: 3, check: checkBarcode, open: openBarcode},
	'r': {name: "GS r", size: 3, run: func(p *Printer, h []byte) {
		switch {
		case in(h[2], 1, '1'):
			p.send([]byte{p.status().paperStatus()})
		case in(h[2], 2, '2'):
			p.send([]byte{bit(0, p.drawers.pinHigh())})
		}
	}},
	'v': {name: "GS v 0", size: 8, check: checkRaster(true), open: openRaster},
	'w': {name: "GS w", size: 3, run: sets(barWidth, whole)},
	'z': {name: "GS z 0", size: 5, check: func(_ *Printer, h []byte) bool { return len(h) != 3 || h[2] == '0' }},
}

// identify is GS I.
func (p *Printer) identify(n byte) {
	if n >= '1' && n <= '3' {
		n -= '0'
	}
	block := func(s string) { p.send(append(append([]byte{'_'}, s...), 0)) }
	switch n {
	case 1:
		p.send([]byte{0x20})
	case 2:
		p.send([]byte{0x02})
	case 3:
		p.send([]byte{0x01})
	case 65:
		block("1.00")
	case 66:
		block("EPSON")
	case 67:
		block("TM-T88")
	case 68:
		block("SIM0001")
	}
}

func checkDownload(_ *Printer, h []byte) bool {
	switch len(h) {
	case 3:
		return h[2] >= 1
	case 4:
		return h[3] >= 1 && h[3] <= 48 && int(h[2])*int(h[3]) <= 1536
	}
	return true
}

// openGraphics is GS 8 L: as GS ( L with a length of four bytes.
func openGraphics(p *Printer, h []byte) collector {
	length := low(h[3:7]...)
	return count(length, maxPicture, func(data []byte) { p.graphics(data, length) })
}

func checkCounter(_ *Printer, h []byte) bool { return in(h[2], '0', '1', '2', ';') }

// openCounter is the rest of GS C: two or six more bytes, or five decimals that
// each end with a semicolon.
func openCounter(_ *Printer, h []byte) collector {
	switch h[2] {
	case '0', '2':
		return skip(2)
	case '1':
		return skip(6)
	}
	decimals := 5
	return func(c byte) verdict {
		switch {
		case c >= '0' && c <= '9':
			return more
		case c != ';':
			return refuse
		}
		if decimals--; decimals > 0 {
			return more
		}
		return done
	}
}

// checkBMP is GS D 0 C 0 a b 1: a BMP file follows.
func checkBMP(_ *Printer, h []byte) bool {
	switch len(h) {
	case 3, 5:
		return h[len(h)-1] == '0'
	case 4:
		return in(h[3], 'C', 'S')
	case 7:
		return h[6] == '1'
	}
	return true
}

// openBMP believes the file's own length.
func openBMP(_ *Printer, _ []byte) collector {
	var head []byte
	var left uint64
	return func(c byte) verdict {
		if len(head) < 6 {
			head = append(head, c)
			if len(head) <= 2 && c != "BM"[len(head)-1] {
				return refuse
			}
			if len(head) == 6 {
				left = low(head[2:]...)
				if left <= 6 {
					return refuse
				}
				left -= 6
			}
			return more
		}
		if left--; left > 0 {
			return more
		}
		return done
	}
}

func checkCut(_ *Printer, h []byte) bool {
	return in(h[2], 0, 1, '0', '1', 65, 66, 97, 98, 103, 104)
}

func openCut(p *Printer, h []byte) collector {
	kind := "cut"
	if in(h[2], 1, '1', 66, 98, 104) {
		kind = "partial cut"
	}
	if h[2] < 65 {
		p.text.note(&p.paper, "%s", kind)
		return nil
	}
	return count(1, 1, func(n []byte) { p.text.detail(&p.paper, kind, fmt.Sprintf("%s, fed %d", kind, n[0])) })
}

// checkRaster is GS v 0 and GS Q 0: m, width in bytes, height in dots.
func checkRaster(refusable bool) func(*Printer, []byte) bool {
	return func(p *Printer, h []byte) bool {
		switch len(h) {
		case 3:
			return h[2] == '0'
		case 4:
			if refusable && p.model.RasterRefused && p.text.inked {
				return false
			}
			return h[3] <= 3 || h[3] >= '0' && h[3] <= '3'
		case 6:
			n := low(h[4], h[5])
			return n >= 1 && n <= uint64(p.model.RasterWidth)
		case 8:
			n := low(h[6], h[7])
			return n >= 1 && n <= uint64(p.model.RasterHeight)
		}
		return true
	}
}

func openRaster(p *Printer, h []byte) collector {
	wide, high := low(h[4], h[5]), low(h[6], h[7])
	mode := digit(h[3])
	across, down := int(wide)*8<<(mode&1), int(high)<<(mode>>1&1)
	command := fmt.Sprintf("GS %c 0", h[1])
	return count(wide*high, maxPicture, func(data []byte) {
		p.text.note(&p.paper, "image %d x %d", across, down)
		p.picture(command, across, down, data)
	})
}
