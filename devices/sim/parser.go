package sim

import "fmt"

const (
	esc = 0x1b
	fs  = 0x1c
	gs  = 0x1d
)

// parser is the printer's second parser: it takes bytes out of the receive
// buffer one after the other and knows how long each command is.
//
// A command's parameters are judged as they come. As soon as one cannot be, the
// command is over, and what the host meant as its rest is ordinary data; so
// there is no length to be trusted, and none is.
type parser struct {
	head    []byte // the command so far, never more than maxHead
	command *command
	collect collector // takes the data behind head, if the command has any
	lead    byte      // the first byte of a two-byte character
}

// maxHead is the longest command without its data, ESC W's ten.
const maxHead = 16

// verdict is what a byte was to a command.
type verdict uint8

const (
	more   verdict = iota // it belongs to it, and there is more to come
	done                  // it was its last
	refuse                // it cannot be: the command is over without effect
	again                 // it is not its any more: the command is over, and took effect
)

// collector takes a command's data byte by byte.
type collector func(c byte) verdict

// command is how one command is read.
type command struct {
	name string
	// size is how many bytes it has with its name.
	size int
	// check judges the parameter that came last; nil takes all.
	check func(p *Printer, head []byte) bool
	// open is called with the whole head and returns who takes the data behind
	// it, or nil if there is none.
	open func(p *Printer, head []byte) collector
	// run is called at the end of a command that was not refused; nil does
	// nothing.
	run func(p *Printer, head []byte)
}

// take is one byte out of the receive buffer.
func (p *Printer) take(c byte) {
	p.record(c)
	switch {
	case p.settings.hexDump:
		p.text.hex(&p.paper, c)
	case p.settings.deselected:
		p.unselected(c)
	default:
		p.parse(c, viaBuffer)
	}
	p.macro.credit = min(p.macro.credit+macroCredit, maxMacroCredit)
	if p.macro.due {
		p.runMacro(viaMacro)
	}
}

// unselected looks for nothing but ESC = that selects the printer again.
func (p *Printer) unselected(c byte) {
	q := &p.parser
	q.head = append(q.head, c)
	switch {
	case len(q.head) == 1 && c != esc, len(q.head) == 2 && c != '=':
		q.head = q.head[:0]
		if c == esc {
			q.head = append(q.head, c)
		}
	case len(q.head) == 3:
		q.head = q.head[:0]
		p.settings.deselected = c&1 == 0
	}
}

// parse is one byte for the sequential parser.
func (p *Printer) parse(c byte, via string) {
	q := &p.parser
	switch {
	case q.collect != nil:
		p.settle(q.collect(c), c, via)
	case len(q.head) == 0:
		p.ground(c, via)
	default:
		p.settle(p.parameter(c, via), c, via)
	}
}

// settle ends a command as its last byte's verdict says.
func (p *Printer) settle(v verdict, c byte, via string) {
	q := &p.parser
	if v == more {
		return
	}
	command, head := q.command, append([]byte(nil), q.head...)
	*q = parser{}
	if v != refuse && command != nil && command.run != nil {
		p.run(command, head, via)
	}
	if v == again || v == refuse && p.model.RefusedStays && len(head) > 2 {
		p.parse(c, via)
	}
}

// run executes a command, which may be one that drives a drawer and wants to
// know how it came about.
func (p *Printer) run(c *command, head []byte, via string) {
	p.macro.current = via
	c.run(p, head)
}

// ground is a byte where no command was begun.
func (p *Printer) ground(c byte, via string) {
	q := &p.parser
	if lead := q.lead; lead != 0 {
		q.lead = 0
		if c >= 0x20 || p.model.Kanji == KanjiBlind {
			p.text.put(&p.paper, '□', 2, fmt.Sprintf("<%02x%02x>", lead, c))
			return
		}
		// A control byte cannot end a character; it is judged as itself.
	}
	if p.model.Star {
		p.starGround(c, via)
		return
	}
	switch {
	case c == esc || c == gs || c == fs:
		q.head = append(q.head, c)
	case c >= 0x20:
		if p.leads(c) {
			q.lead = c
			return
		}
		if glyph, ok := p.settings.glyphs[c]; ok && p.text.style[ownGlyphs] != 0 {
			p.text.put(&p.paper, '▦', 1, fmt.Sprintf("<glyph %x>", glyph))
			return
		}
		p.text.char(&p.paper, c)
	case c == '\n':
		p.text.lineFeed(&p.paper)
	case c == '\t':
		p.text.tab(&p.paper)
	case c == 0x0c:
		p.text.endPage(&p.paper)
	case c == 0x18:
		p.text.cancel()
	case c == '\r':
		// It does nothing where lines end with LF; elsewhere it ends a line.
		p.text.mark("CR")
	default:
		// DLE is not known here: the real-time command behind it was executed
		// when it arrived, and its bytes are dropped one by one like any control
		// byte that has no meaning.
	}
}

// leads reports whether a byte begins a character of two.
func (p *Printer) leads(c byte) bool {
	switch {
	case p.settings.shiftJIS:
		return c >= 0x81 && c <= 0x9f || c >= 0xe0 && c <= 0xfc
	case p.settings.kanji:
		return c >= 0x81 && c <= 0xfe
	}
	return false
}

// parameter is a byte behind the first of a command.
func (p *Printer) parameter(c byte, via string) verdict {
	q := &p.parser
	q.head = append(q.head, c)
	if len(q.head) == 2 && q.command == nil {
		if p.model.EscapeRestarts && (c == esc || c == fs || c == gs) {
			q.head = append(q.head[:0], c)
			return more
		}
		q.command = p.lookup(q.head[0], c)
		if q.command == nil {
			return refuse // two bytes are dropped
		}
	} else if q.command.check != nil && !q.command.check(p, q.head) {
		return refuse
	}
	if len(q.head) < q.command.size {
		return more
	}
	if q.command.open != nil {
		if q.collect = q.command.open(p, q.head); q.collect != nil {
			return more
		}
	}
	return done
}

// lookup finds a command by its first two bytes; nil is one that this printer
// does not know.
func (p *Printer) lookup(prefix, c byte) *command {
	if p.model.Star {
		return starCommands[c]
	}
	switch prefix {
	case esc:
		return escCommands[c]
	case fs:
		if p.model.Kanji == KanjiNone && kanjiCommands[c] {
			return nil
		}
		return fsCommands[c]
	}
	if p.model.NoMacro && (c == ':' || c == '^') {
		return nil
	}
	return gsCommands[c]
}

// count collects n bytes and gives the first of them, at most keep, to end.
func count(n uint64, keep int, end func(data []byte)) collector {
	if n == 0 {
		end(nil)
		return nil
	}
	var kept []byte
	return func(c byte) verdict {
		if len(kept) < keep {
			kept = append(kept, c)
		}
		if n--; n > 0 {
			return more
		}
		end(kept)
		return done
	}
}

// skip collects n bytes for nothing.
func skip(n uint64) collector { return count(n, 0, func([]byte) {}) }

// low reads a number whose low byte comes first.
func low(b ...byte) uint64 {
	var n uint64
	for i, c := range b {
		n |= uint64(c) << (8 * i)
	}
	return n
}

// in reports whether a byte is one of a list.
func in(c byte, list ...byte) bool {
	for _, x := range list {
		if c == x {
			return true
		}
	}
	return false
}
