package escpos

// command is what is known of one command. The tables of them are the grammar:
// to let another command through is to change its entry, and nothing else.
type command struct {
	name string
	kind Kind
	// size is the whole length, 0 if it depends on the parameters.
	size int
	// head is how many bytes say how long a command without size is.
	head int
	// length is asked with head bytes or more. It answers the whole length; or
	// -n: ask again with n bytes; or less than it was given: the command ends
	// there, as malformed where that is inside of it, and the rest is read anew.
	length func(h []byte) int
	// sub are the commands of a family, by the third byte: GS ( k. One that is
	// not among them is of the length that the family says.
	sub map[byte]*command
	// ok says whether the parameters are within what every model documents. A
	// command is forwarded only if it is; nil refuses it always.
	ok func(h []byte) bool
	// never: not even where the technician allows it by name.
	never bool
	// kick says that this is an order to open a drawer, and which; nil: never.
	kick func(h []byte) (drawer int, is bool)
	// text: what is no kick, and not ok, is text.
	text bool
	// cuts says of a command of another kind that the paper is cut; nil: never.
	cuts func(h []byte) bool
	// stream says that what follows the first so many bytes is dots of a picture:
	// it passes in pieces, and one dot of it may be changed; 0: not with this
	// head. dots says the same of single bytes of a command that is held whole.
	stream func(h []byte) int
	dots   func(h []byte, i int) bool
	// strict: its payload must not hold the beginnings of patterns either.
	strict bool
	// symbol says which step to which two-dimensional code it is.
	symbol func(h []byte) (code int, s step)
	// lines is how many lines the command moves the paper by.
	lines func(h []byte) int
	// page: it begins (1) or ends (-1) page mode.
	page int8
	// next is the mode that the printer is in after it, from 1 on; 0: the same.
	next func(h []byte) int
	// width is where in the head of a picture of rows stands how many bytes a row
	// has (two bytes); 0: nowhere. Where that is a pattern by itself, as a drawer's
	// code, each row is made longer by white.
	width int
	// rows is how many rows of dots it is, where each is a command of its own.
	rows int
	// blocks describes the blocks that follow the head of some storing commands.
	blocks *blocks
}

// step is a step to a two-dimensional code: what is printed is the data that was
// stored last.
type step uint8

const (
	sets step = iota
	stores
	prints
)

// blocks is a run of blocks, each with a head that says how long its body is.
type blocks struct {
	count func(h []byte) int
	head  int
	body  func(h, block []byte) int
}

// least is how many bytes there must be to say how long the command is.
func (c *command) least() int {
	if c.size > 0 {
		return c.size
	}
	return c.head
}

// allowable reports whether a technician may let the command through.
func (c *command) allowable() bool {
	return c.kind == Refused && c.ok == nil && !c.never && c.kick == nil && c.blocks == nil && c.sub == nil
}

// The control codes' names.
var single = [32]string{
	nul: "NUL", 0x01: "SOH", 0x02: "STX", 0x03: "ETX", eot: "EOT", enq: "ENQ", 0x06: "ACK", 0x07: "BEL",
	0x08: "BS", ht: "HT", lf: "LF", 0x0B: "VT", ff: "FF", cr: "CR", 0x0E: "SO", 0x0F: "SI",
	dle: "DLE", 0x11: "DC1", 0x12: "DC2", 0x13: "DC3", dc4: "DC4", 0x15: "NAK", 0x16: "SYN", 0x17: "ETB",
	can: "CAN", 0x19: "EM", 0x1A: "SUB", esc: "ESC", fs: "FS", gs: "GS", 0x1E: "RS", 0x1F: "US",
}

// The control codes that commands begin with, and others that have a meaning here.
const (
	nul = 0x00
	eot = 0x04
	enq = 0x05
	ht  = 0x09
	lf  = 0x0A
	ff  = 0x0C
	cr  = 0x0D
	dle = 0x10
	dc4 = 0x14
	can = 0x18
	esc = 0x1B
	fs  = 0x1C
	gs  = 0x1D
)

// show writes one byte as the manuals do: a character, or two digits.
func show(c byte) string {
	switch {
	case c < 0x20:
		return single[c]
	case c == ' ':
		return "SP"
	case c < 0x7F:
		return string(rune(c))
	}
	const hex = "0123456789ABCDEF"
	return string([]byte{hex[c>>4], hex[c&15]})
}

// Conditions on the parameters of a command.

func always([]byte) bool { return true }

// in accepts a last byte that is one of those given.
func in(set ...byte) func(h []byte) bool {
	var ok [256]bool
	for _, n := range set {
		ok[n] = true
	}
	return func(h []byte) bool { return ok[h[len(h)-1]] }
}

// digit accepts a last byte of 0 to most, as a number or as a digit.
func digit(most byte) func(h []byte) bool {
	return func(h []byte) bool { return isDigit(h[len(h)-1], most) }
}

func isDigit(n, most byte) bool { return n <= most || n >= '0' && n <= '0'+most }

// upTo accepts a last byte between two values.
func upTo(least, most byte) func(h []byte) bool {
	return func(h []byte) bool { n := h[len(h)-1]; return n >= least && n <= most }
}

// dots accepts a position in dots that lies on paper: nothing wider than 4095.
func dots(h []byte) bool { return h[3] <= 0x0F }

// signedDots is dots for a relative position, which may be negative.
func signedDots(h []byte) bool { return h[3] <= 0x0F || h[3] >= 0xF0 }

func oneLine([]byte) int     { return 1 }
func someLines(h []byte) int { return int(h[2]) }

func word(low, high byte) int { return int(low) | int(high)<<8 }

// fixed is a command of one length that is let through.
func fixed(name string, size int, ok func([]byte) bool) *command {
	return &command{name: name, kind: Layout, size: size, ok: ok}
}

func of(kind Kind, c *command) *command { c.kind = kind; return c }

func moving(lines func([]byte) int, c *command) *command { c.lines = lines; return c }

// no is a command of one length that is not let through, unless allowed by
// name; vary is one whose length depends. never is for those that nobody may
// allow.
func no(name string, size int) *command {
	return &command{name: name, kind: Refused, size: size}
}

func vary(name string, head int, length func([]byte) int) *command {
	return &command{name: name, kind: Refused, head: head, length: length}
}

func never(c *command) *command { c.never = true; return c }

// lengthAt3 is for the families that say how long they are: ESC (, FS (, GS (.
func lengthAt3(h []byte) int { return 5 + word(h[3], h[4]) }

// family is such a family; what is not among its commands is refused whole.
func family(name string, sub map[byte]*command) *command {
	for _, c := range sub {
		if c.size == 0 && c.length == nil {
			c.head, c.length = 5, lengthAt3
		}
	}
	return &command{name: name, kind: Refused, head: 5, length: lengthAt3, sub: sub, never: true}
}
