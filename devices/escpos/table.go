package escpos

// command is what is known of one command. The table of them is the grammar:
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
	// ok says whether the parameters are within what every model documents. A
	// command is forwarded only if it is; nil refuses it always.
	ok func(h []byte) bool
	// lines is how many lines the command moves the paper by.
	lines func(h []byte) int
	// blocks describes the blocks that follow the head of some storing commands.
	blocks *blocks
}

// blocks is a run of blocks, each with a head that says how long its body is.
type blocks struct {
	count func(h []byte) int
	head  int
	body  func(h, block []byte) int
}

// table is the grammar by introducer and second byte.
type table struct {
	esc, fs, gs, dle [256]*command
}

// grammar is never changed once it is made.
var grammar = makeTable()

func makeTable() *table {
	t := &table{}
	allowed(t)
	refused(t)
	return t
}

func (t *table) of(introducer byte) *[256]*command {
	switch introducer {
	case esc:
		return &t.esc
	case fs:
		return &t.fs
	case gs:
		return &t.gs
	default:
		return &t.dle
	}
}

// single is the name of a control code that is a command by itself.
var single = [32]string{
	nul: "NUL", 0x01: "SOH", 0x02: "STX", 0x03: "ETX", eot: "EOT", enq: "ENQ", 0x06: "ACK", 0x07: "BEL",
	0x08: "BS", ht: "HT", lf: "LF", 0x0B: "VT", ff: "FF", cr: "CR", 0x0E: "SO", 0x0F: "SI",
	dle: "DLE", 0x11: "DC1", 0x12: "DC2", 0x13: "DC3", dc4: "DC4", 0x15: "NAK", 0x16: "SYN", 0x17: "ETB",
	0x18: "CAN", 0x19: "EM", 0x1A: "SUB", esc: "ESC", fs: "FS", gs: "GS", 0x1E: "RS", 0x1F: "US",
}

// letThrough are the control codes that are forwarded. NUL does nothing on any
// printer, and some drivers send thousands to get a printer out of a command.
func letThrough(c byte) bool { return c == nul || c == ht || c == lf || c == ff || c == cr }

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

// fixed is a command of one length that is let through.
func fixed(name string, size int, ok func([]byte) bool) *command {
	return &command{name: name, kind: Layout, size: size, ok: ok}
}

func of(kind Kind, c *command) *command { c.kind = kind; return c }

func moving(lines func([]byte) int, c *command) *command { c.lines = lines; return c }

// allowed enters the commands that are let through, and the kicks.
func allowed(t *table) {
	e, f, g, d := &t.esc, &t.fs, &t.gs, &t.dle

	e['@'] = of(Init, fixed("ESC @", 2, always))
	e['='] = fixed("ESC =", 3, in(1))
	e['p'] = &command{name: "ESC p", kind: Kick, head: 3, length: kickLength}

	// Lines and positions.
	e['2'] = fixed("ESC 2", 2, always)
	e['3'] = fixed("ESC 3", 3, always)
	e['<'] = fixed("ESC <", 2, always)
	e['D'] = &command{name: "ESC D", kind: Layout, head: 3, length: tabsLength, ok: tabsOK}
	e['J'] = moving(oneLine, fixed("ESC J", 3, always))
	e['K'] = moving(oneLine, fixed("ESC K", 3, upTo(0, 48)))
	e['d'] = moving(someLines, fixed("ESC d", 3, always))
	e['e'] = moving(someLines, fixed("ESC e", 3, upTo(0, 2)))
	e['$'] = fixed("ESC $", 4, dots)
	e['\\'] = fixed("ESC \\", 4, signedDots)
	e['a'] = fixed("ESC a", 3, digit(2))
	e['U'] = fixed("ESC U", 3, digit(1))
	g['L'] = fixed("GS L", 4, dots)
	g['W'] = fixed("GS W", 4, dots)
	g['P'] = fixed("GS P", 4, always)
	g['T'] = fixed("GS T", 3, digit(1))

	// Styles and code pages.
	e[' '] = fixed("ESC SP", 3, always)
	e['!'] = fixed("ESC !", 3, always)
	e['-'] = fixed("ESC -", 3, digit(2))
	e['E'] = fixed("ESC E", 3, always)
	e['G'] = fixed("ESC G", 3, always)
	e['M'] = fixed("ESC M", 3, in(0, 1, 2, 3, 4, '0', '1', '2', '3', '4', 97, 98))
	e['R'] = fixed("ESC R", 3, always)
	e['V'] = fixed("ESC V", 3, digit(2))
	e['r'] = fixed("ESC r", 3, digit(1))
	e['t'] = fixed("ESC t", 3, always)
	e['{'] = fixed("ESC {", 3, always)
	e['%'] = fixed("ESC %", 3, digit(1))
	g['!'] = fixed("GS !", 3, func(h []byte) bool { return h[2]&0x88 == 0 })
	g['B'] = fixed("GS B", 3, always)
	g['b'] = fixed("GS b", 3, always)
	f['!'] = fixed("FS !", 3, always)
	f['&'] = fixed("FS &", 2, always)
	f['.'] = fixed("FS .", 2, always)
	f['-'] = fixed("FS -", 3, digit(2))
	f['S'] = fixed("FS S", 4, always)
	f['W'] = fixed("FS W", 3, digit(1))

	// Cuts.
	e['i'] = of(Cut, fixed("ESC i", 2, always))
	e['m'] = of(Cut, fixed("ESC m", 2, always))
	g['V'] = &command{name: "GS V", kind: Cut, head: 3, length: cutLength, ok: cutOK}

	// Pictures and codes.
	g['v'] = &command{name: "GS v 0", kind: Image, head: 3, length: rasterLength, ok: rasterOK}
	g['H'] = fixed("GS H", 3, digit(3))
	g['f'] = fixed("GS f", 3, in(0, 1, 2, 3, 4, '0', '1', '2', '3', '4', 97, 98))
	g['h'] = fixed("GS h", 3, upTo(1, 255))
	g['w'] = fixed("GS w", 3, upTo(1, 6))
	g['k'] = &command{name: "GS k", kind: Barcode, head: 3, length: barcodeLength, ok: barcodeOK, lines: oneLine}
	g['('] = &command{name: "GS (", kind: Refused, head: 5, length: lengthAt3}

	// Questions.
	g['r'] = of(Status, fixed("GS r", 3, in(1, 2, '1', '2')))
	g['I'] = of(Status, fixed("GS I", 3, in(1, 2, 3, '1', '2', '3', 65, 66, 67, 68, 69)))
	d[eot] = &command{name: "DLE EOT", kind: Status, head: 3, length: eotLength, ok: upTo(1, 4)}
	d[dc4] = &command{name: "DLE DC4", kind: Refused, head: 3, length: orderLength}
}

// kickLength: a number that Epson documents is followed by two times. With
// another one Epson's printers stop there and print what follows, and clones
// that look at the lowest bit only open the drawer.
func kickLength(h []byte) int {
	if isDigit(h[2], 1) {
		return 5
	}
	return 3
}

// tabsLength: tab stops end with NUL. Where one does not exceed the one before,
// or after 32, printers end the command by themselves, not all in the same
// place; so it ends before that byte, and what there is of it is refused.
func tabsLength(h []byte) int {
	n := len(h)
	switch last := h[n-1]; {
	case last == nul:
		return n
	case n == 3+32, n > 3 && last <= h[n-2]:
		return n - 1
	}
	return -(n + 1)
}

func tabsOK(h []byte) bool { return h[len(h)-1] == nul }

func cutLength(h []byte) int {
	switch h[2] {
	case 65, 66, 97, 98, 103, 104:
		return 4
	}
	return 3
}

func cutOK(h []byte) bool { return len(h) == 4 || isDigit(h[2], 1) }

// eotLength: some numbers are followed by a second one.
func eotLength(h []byte) int {
	switch n := h[2]; {
	case n >= 1 && n <= 6:
		return 3
	case n == 0, n == 7, n == 8, n == 18:
		return 4
	}
	return 2
}

// orders are the sequences of DLE DC4 as documented; -1 is any byte. Printers
// act on exactly these, and drop or print everything else that begins so.
var orders = map[byte][]int{
	2: {0x01, 0x08},
	3: {-1, -1, -1, -1, -1},
	7: {-1},
	8: {0x01, 0x03, 0x14, 0x01, 0x06, 0x02, 0x08},
}

func orderLength(h []byte) int {
	// The drawer: whatever follows, it is a kick. Its two parameters belong to
	// it if they are in range; else printers take them for text.
	if h[2] == 1 {
		switch {
		case len(h) < 4:
			return -4
		case h[3] > 1:
			return 3
		case len(h) < 5:
			return -5
		case h[4] < 1 || h[4] > 8:
			return 3
		}
		return 5
	}
	rest, ok := orders[h[2]]
	if !ok {
		return 2
	}
	for i, c := range h[3:] {
		if want := rest[i]; want >= 0 && int(c) != want {
			return 2
		}
	}
	if len(h) < 3+len(rest) {
		return -(len(h) + 1)
	}
	return len(h)
}
