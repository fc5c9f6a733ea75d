package escpos

// Pictures and characters that the host sends as dots. A printer that refuses
// one takes its dots for commands and text; so no pattern leaves in dots either.

// epsonPictures enters them.
func epsonPictures(e, f, g *[256]*command) {
	g['v'] = &command{name: "GS v 0", kind: Image, head: 3, length: rasterLength, ok: rasterOK, stream: headOf(8), lines: rasterLines}
	g['Q'] = &command{name: "GS Q 0", kind: Image, head: 3, length: rasterLength, ok: rasterOK, stream: headOf(8), lines: rasterLines}
	e['*'] = &command{name: "ESC *", kind: Image, head: 3, length: columnsLength, ok: columnsOK, stream: headOf(5), lines: columnsLines}

	// Downloaded and stored pictures are data: they are printed, never executed.
	g['*'] = &command{name: "GS *", kind: Image, head: 4, length: func(h []byte) int { return 4 + int(h[2])*int(h[3])*8 }, ok: func(h []byte) bool {
		return h[2] >= 1 && h[3] >= 1 && h[3] <= 48 && int(h[2])*int(h[3]) <= 1536
	}, stream: headOf(4)}
	g['/'] = moving(oneLine, fixed("GS /", 3, digit(3)))
	f['p'] = moving(oneLine, fixed("FS p", 4, func(h []byte) bool { return h[2] >= 1 && isDigit(h[3], 3) }))
	g['('] = family("GS (", map[byte]*command{
		'L': {name: "GS ( L", kind: Layout, head: 5, length: graphicsLength, ok: graphicsOK, stream: graphicsStream, lines: graphicsLines},
		'k': {name: "GS ( k", kind: Barcode, ok: symbolOK, strict: true, symbol: symbolStep, lines: symbolLines},
		'H': {name: "GS ( H", kind: Status, ok: markOK},
		'K': {name: "GS ( K", kind: Layout, ok: func(h []byte) bool { return len(h) == 7 && h[5] >= '0' && h[5] <= '2' }},
		'N': {name: "GS ( N", kind: Layout, ok: func(h []byte) bool {
			return len(h) == 7 && (h[5] == '0' || h[5] == '1') || len(h) == 8 && h[5] == '2'
		}},
		'P': {name: "GS ( P", kind: Layout, ok: func(h []byte) bool { return len(h) == 13 && h[5] == '0' }},
		'A': never(vary("GS ( A", 5, lengthAt3)),
		'B': vary("GS ( B", 5, lengthAt3),
		'C': vary("GS ( C", 5, lengthAt3),
		'D': never(vary("GS ( D", 5, lengthAt3)),
		'E': never(vary("GS ( E", 5, lengthAt3)),
		'G': vary("GS ( G", 5, lengthAt3),
		'M': never(vary("GS ( M", 5, lengthAt3)),
		'Q': vary("GS ( Q", 5, lengthAt3),
		'z': never(vary("GS ( z", 5, lengthAt3)), // keeps print data for later
	})
	g['8'] = &command{name: "GS 8", kind: Refused, head: 3, length: func([]byte) int { return 2 }, sub: map[byte]*command{
		'L': {name: "GS 8 L", kind: Layout, head: 7, length: graphicsLength, ok: graphicsOK, stream: graphicsStream, lines: graphicsLines},
	}, never: true}

	// Characters that the host defines.
	e['&'] = &command{name: "ESC &", kind: Layout, head: 5, length: glyphsLength, ok: glyphsOK, dots: glyphDots}
	e['?'] = fixed("ESC ?", 3, upTo(0x20, 0x7E))
	f['2'] = &command{name: "FS 2", kind: Layout, size: 4 + 72, ok: func(h []byte) bool { return kanji(h[2], h[3]) }, dots: func(_ []byte, i int) bool { return i >= 4 }}
	f['?'] = fixed("FS ?", 4, func(h []byte) bool { return kanji(h[2], h[3]) })
	f['('] = family("FS (", map[byte]*command{
		'A': {name: "FS ( A", kind: Layout, ok: func(h []byte) bool { return len(h) == 7 && h[5] == '0' && isDigit(h[6], 2) }},
		'C': {name: "FS ( C", kind: Layout, ok: func(h []byte) bool {
			return len(h) == 7 && h[5] == '0' && (h[6] == 1 || h[6] == 2 || h[6] == '1' || h[6] == '2') ||
				len(h) == 8 && h[5] == '<' && h[6] <= 1 && h[7] <= 40
		}},
		'E': never(vary("FS ( E", 5, lengthAt3)),
		'L': vary("FS ( L", 5, lengthAt3),
		'e': vary("FS ( e", 5, lengthAt3),
		'f': vary("FS ( f", 5, lengthAt3),
		'g': vary("FS ( g", 5, lengthAt3),
	})
}

// markOK: the printer sends the mark back, so it must be letters: a NUL would end
// the answer, and what follows it pass for one to another question, such as ours
// for the drawer's level.
func markOK(h []byte) bool {
	if len(h) != 11 || h[5] != '0' || h[6] != '0' {
		return false
	}
	for _, c := range h[7:] {
		if c < 0x20 || c > 0x7E {
			return false
		}
	}
	return true
}

// headOf is a picture's head of one length.
func headOf(n int) func([]byte) int { return func([]byte) int { return n } }

// kanji reports whether c1 c2 is a character that a host may define: those of
// JIS's free row, in JIS or shifted by 0x80.
func kanji(c1, c2 byte) bool {
	return c1 == 0x77 && c2 >= 0x21 && c2 <= 0x7E || c1 == 0xFE && c2 >= 0xA1 && c2 <= 0xFE
}

func rasterLength(h []byte) int {
	switch {
	case h[2] != '0':
		return 2
	case len(h) < 8:
		return -8
	}
	return 8 + word(h[4], h[5])*word(h[6], h[7])
}

func rasterOK(h []byte) bool {
	x, y := word(h[4], h[5]), word(h[6], h[7])
	return isDigit(h[3], 3) && x >= 1 && x <= maxRasterWidth && y >= 1 && y <= maxRasterHeight
}

func rasterLines(h []byte) int { return linesOf(word(h[6], h[7])) }

func linesOf(dots int) int { return (dots + dotsPerLine - 1) / dotsPerLine }

// columnsLength: ESC * m nL nH, then a byte or three a column. With another m
// printers stop there, and take all that follows for text.
func columnsLength(h []byte) int {
	switch {
	case h[2] != 0 && h[2] != 1 && h[2] != 32 && h[2] != 33:
		return 3
	case len(h) < 5:
		return -5
	case h[2] < 32:
		return 5 + word(h[3], h[4])
	}
	return 5 + 3*word(h[3], h[4])
}

func columnsOK(h []byte) bool {
	if len(h) < 5 {
		return false
	}
	n := word(h[3], h[4])
	return n >= 1 && n <= maxRasterWidth*8
}

func columnsLines(h []byte) int {
	if h[2] < 32 {
		return 0 // a third of a line
	}
	return 1
}

// Graphics (GS ( L and GS 8 L): m fn and parameters, behind a length of two or
// of four bytes.

// The functions that carry dots. Before these stand ten bytes, counted from m:
// for the print buffer m fn a bx by c xL xH yL yH; for pictures that are kept
// m fn kc1 kc2 b xL xH yL yH c, of which one colour (b) is let through.
const (
	fnRaster, fnColumns         = 112, 113
	fnKeepRaster, fnKeepColumns = 67, 68
	fnDownRaster, fnDownColumns = 83, 84

	graphicsHead               = 10
	maxGraphicsX, maxGraphicsY = 8192, 4095
)

// graphics is what there is of such a command from m on, and how long it says
// that this is.
func graphics(h []byte) (p []byte, size int) {
	if h[1] == '8' {
		return h[7:], word(h[3], h[4]) + word(h[5], h[6])<<16
	}
	return h[5:], word(h[3], h[4])
}

func hasDots(fn byte) bool {
	switch fn {
	case fnRaster, fnColumns, fnKeepRaster, fnKeepColumns, fnDownRaster, fnDownColumns:
		return true
	}
	return false
}

func graphicsLength(h []byte) int {
	p, size := graphics(h)
	before := len(h) - len(p)
	switch {
	case size > maxSkip:
		return before - 1 // not believed; what follows is read anew
	case size < 2:
		return before + size
	case len(p) < 2:
		return -(before + 2)
	}
	if head := min(size, graphicsHead); hasDots(p[1]) && len(p) < head {
		return -(before + head)
	}
	return before + size
}

func graphicsStream(h []byte) int {
	p, _ := graphics(h)
	if len(p) < 2 || !hasDots(p[1]) {
		return 0
	}
	return len(h) - len(p) + graphicsHead
}

func graphicsOK(h []byte) bool {
	p, size := graphics(h)
	switch {
	case size < 2 || len(p) < 2 || p[0] != '0':
		return false
	case hasDots(p[1]):
		return len(p) == graphicsHead && dotsOK(p, size)
	case h[1] == '8' || len(p) != size:
		return false
	}
	switch p[1] {
	case 1, 49: // density of the dots
		return size == 4 && p[2] >= 50 && p[2] <= 51 && p[3] == p[2]
	case 2, 50: // print what is in the buffer
		return size == 2
	case 65, 81: // forget all that is kept
		return size == 5 && string(p[2:]) == "CLR"
	case 66, 82:
		return size == 4 && key(p)
	case 69, 85: // print what is kept
		return size == 6 && key(p) && (p[4] == 1 || p[4] == 2) && (p[5] == 1 || p[5] == 2)
	}
	return false
}

// key reports whether p names a picture that is kept.
func key(p []byte) bool { return p[2] >= 32 && p[2] <= 126 && p[3] >= 32 && p[3] <= 126 }

// dotsOK reports whether a picture's parameters are documented and its length is exact.
func dotsOK(p []byte, size int) bool {
	at := 6
	if fn := p[1]; fn == fnRaster || fn == fnColumns {
		if p[2] != 48 || p[3] != 1 && p[3] != 2 || p[4] != 1 && p[4] != 2 || !isColour(p[5]) {
			return false
		}
	} else {
		if !key(p) || p[4] != 1 || !isColour(p[9]) {
			return false
		}
		at = 5
	}
	x, y := word(p[at], p[at+1]), word(p[at+2], p[at+3])
	if x < 1 || x > maxGraphicsX || y < 1 || y > maxGraphicsY {
		return false
	}
	switch p[1] {
	case fnRaster, fnKeepRaster, fnDownRaster:
		return size == graphicsHead+(x+7)/8*y
	}
	return size == graphicsHead+x*((y+7)/8)
}

func isColour(c byte) bool { return c >= 49 && c <= 52 }

// graphicsLines counts what is printed: a picture with the order to print it.
func graphicsLines(h []byte) int {
	switch p, _ := graphics(h); p[1] {
	case fnRaster, fnColumns:
		return linesOf(word(p[8], p[9]))
	case 69, 85:
		return 1
	}
	return 0
}

// Characters that the host defines: ESC & y c1 c2, then for each of them its
// width and y bytes a column.

const maxGlyph = 16 // dots

func glyphsLength(h []byte) int {
	if h[2] < 1 || h[2] > 3 || h[3] < 0x20 || h[4] < h[3] || h[4] > 0x7E {
		return 5
	}
	at := 5
	for range int(h[4]-h[3]) + 1 {
		switch {
		case at >= len(h):
			return -(at + 1)
		case h[at] > maxGlyph:
			return 5
		}
		at += 1 + int(h[2])*int(h[at])
	}
	return at
}

func glyphsOK(h []byte) bool { return len(h) > 5 }

// glyphDots reports whether byte i is dots, not a width.
func glyphDots(h []byte, i int) bool {
	at := 5
	for at < i {
		at += 1 + int(h[2])*int(h[at])
	}
	return i > 5 && at != i
}
