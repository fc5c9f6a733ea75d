package sim

import (
	"bytes"
	"fmt"
	"time"
)

// Star's own language, as its line mode and StarPRNT have it: commands begin
// with ESC, a few control codes are commands by themselves, and four of those
// open a drawer. GS and FS begin nothing. In raster mode, which TSP100 printers
// know alone, there are rows of dots and commands that end with NUL.
//
// What a Star does with a drawer's code inside the data of a command is taken
// for certain here: nothing, or each picture would open a drawer.

const (
	soh = 0x01
	ack = 0x06
	bel = 0x07
	em  = 0x19
	sub = 0x1a
	rs  = 0x1e
)

// starPages are Star's numbers of the code pages that ESC t has too.
var starPages = map[byte]uint16{0: 0, 1: 0, 4: 19, 5: 18, 6: 3, 8: 4, 9: 5, 10: 17, 32: 16}

// starGround is a byte where no command was begun.
func (p *Printer) starGround(c byte, via string) {
	t := &p.text
	if p.settings.raster {
		p.rasterGround(c)
		return
	}
	switch {
	case c == esc:
		p.parser.head = append(p.parser.head, c)
	case c == bel, c == fs:
		p.starPulse(1, c, via)
	case c == sub, c == em:
		p.starPulse(2, c, via)
	case c == '\n':
		t.lineFeed(&p.paper)
	case c == '\t':
		t.tab(&p.paper)
	case c == 0x0b, c == 0x0c:
		t.mark("%02x", c)
		t.flush(&p.paper)
	case c == '\r':
		t.mark("CR")
	case c == 0x0e, c == 0x14: // expanded in width, or not
		t.style[size] = t.style[size]&0x0f | uint16(bit(4, c == 0x0e))
	case c == 0x0f, c == 0x12: // upside-down, or not
		t.style[upside] = uint16(bit(0, c == 0x0f))
	case c == 0x18:
		t.discard()
	case c >= 0x20:
		if p.leads(c) {
			p.parser.lead = c
			return
		}
		t.char(&p.paper, c)
	}
}

// rasterGround is the same in raster mode: a row of dots (b), one after which
// the paper does not move (k), or a command.
func (p *Printer) rasterGround(c byte) {
	switch c {
	case esc:
		p.parser.head = append(p.parser.head, c)
	case 'b', 'k':
		p.parser.head = append(p.parser.head, c)
		p.parser.command = &starRow
	}
}

// starRow is b n1 n2 d.
var starRow = command{name: "b", size: 3, open: func(p *Printer, h []byte) collector {
	return count(low(h[1], h[2]), maxPicture, func(data []byte) {
		p.settings.rows.add(data)
		p.text.mark("%c", h[0])
		if h[0] == 'b' {
			p.text.out(&p.paper, "")
		}
	})
}}

// rasterRows are the rows of dots of raster mode until something else comes.
type rasterRows struct {
	rows  [][]byte
	bytes int
}

func (r *rasterRows) add(row []byte) {
	if r.bytes+len(row) <= maxPicture {
		r.rows = append(r.rows, bytes.Clone(row))
		r.bytes += len(row) + 1 // that of empty rows there are not too many
	}
}

// rowsEnd makes one picture of the rows that there are.
func (p *Printer) rowsEnd() {
	across := 0
	for _, row := range p.settings.rows.rows {
		across = max(across, len(row))
	}
	var dots []byte
	for _, row := range p.settings.rows.rows {
		dots = append(append(dots, row...), make([]byte, across-len(row))...)
		if len(dots) > maxPicture {
			break
		}
	}
	if len(dots) > 0 {
		p.picture("b", 8*across, len(p.settings.rows.rows), dots)
	}
	p.settings.rows = rasterRows{}
}

func (p *Printer) starPulse(drawer int, c byte, via string) {
	on := p.settings.pulseOn
	if drawer == 2 || on == 0 {
		on = 200 * time.Millisecond
	}
	p.pulse(drawer, map[byte]string{bel: "BEL", fs: "FS", sub: "SUB", em: "EM"}[c], via, []byte{c}, on, on)
}

func stars(name string, size int, run func(*Printer, []byte)) *command {
	return &command{name: name, size: size, run: run}
}

// toggles is a command of two bytes that sets an attribute.
func toggles(name string, a attribute, value uint16) *command {
	return stars(name, 2, func(p *Printer, _ []byte) { p.text.style[a] = value })
}

// starCommands are the commands that begin with ESC, by what follows. Lengths
// are those of Star's line mode specification.
var starCommands = map[byte]*command{
	'@': stars("ESC @", 2, func(p *Printer, _ []byte) {
		asb := p.settings.asb
		p.settings = p.model.settings()
		p.settings.asb = asb
		p.text.initialize()
	}),
	ack: stars("ESC ACK", 3, nil), // SOH was answered when it arrived
	bel: stars("ESC BEL", 4, func(p *Printer, h []byte) { p.settings.pulseOn = 10 * time.Millisecond * time.Duration(h[2]) }),
	0x0c: stars("ESC FF", 3, func(p *Printer, h []byte) {
		if p.settings.raster {
			p.text.note(&p.paper, "partial cut")
		}
	}),
	rs:  {name: "ESC RS", size: 4, open: starStyle},
	gs:  {name: "ESC GS", size: 3, open: starFamily},
	' ': stars("ESC SP", 3, sets(gap, digit)),
	'#': {name: "ESC #", size: 3, open: func(*Printer, []byte) collector { return starSwitches() }},
	'$': stars("ESC $", 3, func(p *Printer, h []byte) { p.settings.shiftJIS = digit(h[2]) == 1 }),
	'%': stars("ESC %", 3, sets(ownGlyphs, lowBit)),
	'*': {name: "ESC * r", size: 4, check: func(_ *Printer, h []byte) bool { return len(h) != 3 || h[2] == 'r' }, open: starRaster},
	'-': stars("ESC -", 3, sets(underline, digit)),
	'0': toggles("ESC 0", spacing, 24),
	'3': stars("ESC 3", 3, sets(spacing, whole)),
	'4': toggles("ESC 4", inverted, 1),
	'5': toggles("ESC 5", inverted, 0),
	'?': stars("ESC ?", 4, func(p *Printer, h []byte) {
		if h[2] == '\n' && h[3] == 0 {
			p.softReset()
		}
	}),
	'A': stars("ESC A", 3, sets(spacing, whole)),
	'E': toggles("ESC E", bold, 1),
	'F': toggles("ESC F", bold, 0),
	'I': stars("ESC I", 3, func(p *Printer, h []byte) { p.text.feedDots(&p.paper, int(h[2])) }),
	'J': stars("ESC J", 3, func(p *Printer, h []byte) { p.text.feedDots(&p.paper, int(h[2])) }),
	'K': {name: "ESC K", size: 4, open: starColumns(1)},
	'L': {name: "ESC L", size: 4, open: starColumns(1)},
	'M': toggles("ESC M", font, 0),
	'P': toggles("ESC P", font, 1),
	':': toggles("ESC :", font, 2),
	'Q': stars("ESC Q", 3, sets(area, whole)),
	'R': stars("ESC R", 3, sets(country, whole)),
	'W': stars("ESC W", 3, func(p *Printer, h []byte) { p.text.style[size] = p.text.style[size]&0x0f | digit(h[2])<<4 }),
	'X': {name: "ESC X", size: 4, open: starColumns(3)},
	'^': {name: "ESC ^", size: 5, open: func(_ *Printer, h []byte) collector { return skip(2 * low(h[3], h[4])) }},
	'_': stars("ESC _", 3, nil),
	'a': stars("ESC a", 3, func(p *Printer, h []byte) { p.text.feed(&p.paper, int(h[2])) }),
	'b': {name: "ESC b", size: 6, open: starBarcode},
	'd': stars("ESC d", 3, func(p *Printer, h []byte) {
		p.text.detail(&p.paper, [...]string{"cut", "partial cut"}[h[2]&1], fmt.Sprintf("cut %d", digit(h[2])))
	}),
	'h': stars("ESC h", 3, func(p *Printer, h []byte) { p.text.style[size] = p.text.style[size]&0xf0 | digit(h[2]) }),
	'i': stars("ESC i", 4, func(p *Printer, h []byte) { p.text.style[size] = digit(h[3])<<4 | digit(h[2]) }),
	'k': {name: "ESC k", size: 4, open: func(p *Printer, h []byte) collector {
		across := low(h[2], h[3])
		return count(24*across, maxPicture, func(data []byte) {
			p.text.inline("▒")
			p.picture("ESC k", 8*int(across), 24, data)
		})
	}},
	'l': stars("ESC l", 3, sets(margin, whole)),
	'p': stars("ESC p", 2, func(p *Printer, _ []byte) { p.settings.kanji = p.model.Kanji != KanjiNone }),
	'q': stars("ESC q", 2, func(p *Printer, _ []byte) { p.settings.kanji = false }),
	'r': stars("ESC r", 3, sets(colour, digit)),
	's': stars("ESC s", 4, setsWord(kanjiGap)),
	'z': stars("ESC z", 3, func(p *Printer, h []byte) { p.text.style[spacing] = lineSpacing - 6 + 6*digit(h[2]) }),
	'D': {name: "ESC D", size: 2, open: openTabs},
}

// starStyle is ESC RS and a letter and a number.
func starStyle(p *Printer, h []byte) collector {
	switch h[2] {
	case 'F':
		p.text.style[font] = digit(h[3])
	case 'a':
		p.settings.asb = h[3]
	case 'R':
		p.text.style[kanjiMode] = uint16(h[3])
	}
	return nil
}

// starFamily is ESC GS: what belongs to it depends on the third byte and, in
// part, on what follows that.
func starFamily(p *Printer, h []byte) collector {
	t := &p.text
	fixed := func(n int, run func(d []byte)) collector {
		return count(uint64(n), n, func(d []byte) {
			if run != nil {
				run(d)
			}
		})
	}
	switch h[2] {
	case 'a':
		return fixed(1, func(d []byte) { t.style.setAlign(d[0]) })
	case 't':
		return fixed(1, func(d []byte) {
			page, ok := starPages[d[0]]
			if !ok {
				page = 1000 + uint16(d[0])
			}
			t.style[codePage] = page
		})
	case 'A':
		return fixed(2, func(d []byte) { t.moveTo(int(low(d...))) })
	case 'R':
		return fixed(2, func(d []byte) { t.moveBy(int(int16(low(d...)))) })
	case 'P':
		return fixed(1, func(d []byte) { t.mark("page %d", digit(d[0])) })
	case 0x03: // counts what was printed, for the host
		return fixed(3, nil)
	case em: // a buzzer where the drawer is connected
		return fixed(4, func(d []byte) {
			if d[0] == 0x12 {
				p.pulse(1, "ESC GS EM", viaBuffer, d, 200*time.Millisecond, 200*time.Millisecond)
			}
		})
	case 'S':
		return starBody(6, func(d []byte) uint64 { return low(d[1], d[2]) * low(d[3], d[4]) }, func(d, dots []byte) {
			width, height := 8*int(low(d[1], d[2])), int(low(d[3], d[4]))
			t.note(&p.paper, "image")
			p.picture("ESC GS S", width, height, dots)
		})
	case 'y':
		return p.starSymbol(1)
	case 'x':
		return p.starSymbol(0)
	}
	return nil
}

// starBody is a head of n bytes that says how long a body follows.
func starBody(n int, length func(head []byte) uint64, run func(head, body []byte)) collector {
	var head []byte
	var body collector
	return func(c byte) verdict {
		if body != nil {
			return body(c)
		}
		if head = append(head, c); len(head) < n {
			return more
		}
		if body = count(length(head), maxPicture, func(d []byte) { run(head, d) }); body == nil {
			return done
		}
		return more
	}
}

// starSymbol is ESC GS y and ESC GS x: S sets a parameter, D stores the data, P
// prints.
func (p *Printer) starSymbol(kind int) collector {
	s := &p.settings.symbols[kind]
	var body collector
	return func(c byte) verdict {
		if body != nil {
			return body(c)
		}
		switch c {
		case 'S':
			body = starBody(1, func(d []byte) uint64 {
				if kind == 0 && d[0] == '0' {
					return 3
				}
				return 1
			}, func(d, value []byte) { s.set[d[0]&3] = uint16(low(value[max(len(value)-2, 0):]...)) })
		case 'D':
			head := 2
			if kind == 1 {
				head = 4 // the way of storing it, and what the data is
			}
			body = starBody(head, func(d []byte) uint64 { return low(d[head-2], d[head-1]) }, func(_, data []byte) {
				s.data = append([]byte(nil), data[:min(len(data), maxSymbol)]...)
			})
		case 'P':
			name := symbolNames[kind]
			p.text.detail(&p.paper, name+" code: "+shown(s.data), fmt.Sprintf("%s code %v: %q", name, s.set, s.data))
			return done
		default:
			return done
		}
		return more
	}
}

// starColumns is a picture of columns, each of high bytes.
func starColumns(high int) func(*Printer, []byte) collector {
	return func(p *Printer, h []byte) collector {
		n := low(h[2], h[3])
		command := fmt.Sprintf("ESC %c", h[1])
		return count(n*uint64(high), maxPicture, func(data []byte) {
			p.text.inline("▒")
			p.picture(command, int(n), 8*high, rows(data, int(n), high))
		})
	}
}

// starBarcode is ESC b n1 n2 n3 n4, data, RS.
func starBarcode(p *Printer, h []byte) collector {
	var data []byte
	return func(c byte) verdict {
		if c != rs {
			if len(data) < maxBarcode {
				data = append(data, c)
			}
			return more
		}
		p.text.detail(&p.paper, "bar code: "+shown(data), fmt.Sprintf("bar code %d %d %d %d: %q", h[2], h[3], h[4], h[5], data))
		return done
	}
}

const maxBarcode = 255

// starRaster is ESC * r and a letter, and what follows it up to NUL: A begins
// raster mode, B ends it, D opens the drawer, and the rest are settings.
func starRaster(p *Printer, h []byte) collector {
	p.rowsEnd()
	switch h[3] {
	case 'A':
		p.settings.raster = true
		return nil
	case 'B':
		p.settings.raster = false
		return nil
	case 'R', 'C':
		return nil
	}
	var digits []byte
	return func(c byte) verdict {
		switch {
		case c != 0:
			if len(digits) < 8 {
				digits = append(digits, c)
			}
			return more
		case h[3] == 'D':
			p.pulse(1, "ESC * r D", viaBuffer, append(bytes.Clone(h), digits...), 200*time.Millisecond, 200*time.Millisecond)
		case h[3] == 'Y':
			p.text.mark("down by %s", digits)
			p.text.out(&p.paper, "")
		}
		return done
	}
}

// starSwitches is ESC # and what follows up to LF and NUL: memory switches.
func starSwitches() collector {
	var last byte
	return func(c byte) verdict {
		if last == '\n' && c == 0 {
			return done
		}
		last = c
		return more
	}
}
