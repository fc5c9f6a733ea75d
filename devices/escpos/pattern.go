package escpos

// The control codes that commands begin with.
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
	esc = 0x1B
	fs  = 0x1C
	gs  = 0x1D
)

// forbidden reports whether c, sent after a and b, completes a pattern that
// must not reach a printer. Nothing of the context is asked: a printer that
// refuses a picture executes its data, and one that does not know a command
// takes its parameters for text.
//
// The patterns, and why:
//
//	1B 70        ESC p: the drawer (Epson and nearly every clone)
//	1B 78        ESC x: the drawer (Ithaca)
//	1B 23        ESC #: memory switches, and with them the dialect, of several makers
//	1B 3D        ESC =: another device gets the bytes that follow (ESC = 1 itself is let through)
//	1C 71        FS q: stores pictures and resets the printer
//	1D 3A, 1D 5E GS : and GS ^: record what follows, the daemon's pulse included, and replay it
//	1D 28 A/D/E/M  tests, real-time commands on and off, settings
//	10 05 0..2   DLE ENQ: recovers, clears the buffers
//	10 14 1..F   DLE DC4: the drawer, power off, clear the buffers
func forbidden(a, b, c byte) bool {
	switch b {
	case esc:
		return c == 'p' || c == 'x' || c == '#' || c == '='
	case fs:
		return c == 'q'
	case gs:
		return c == ':' || c == '^'
	case dc4:
		return a == dle && c >= 0x01 && c <= 0x0F
	case enq:
		return a == dle && c <= 2
	case '(':
		return a == gs && (c == 'A' || c == 'D' || c == 'E' || c == 'M')
	}
	return false
}

// unfit is forbidden for payloads, of which some bytes may be changed or
// which may be refused as a whole: there the two bytes that begin DLE DC4 and
// DLE ENQ are enough.
func unfit(a, b, c byte) bool {
	return b == dle && (c == dc4 || c == enq) || forbidden(a, b, c)
}

// mend changes one bit of c so that it completes no pattern.
func mend(a, b, c byte) byte {
	for bit := byte(1); bit != 0; bit <<= 1 {
		if m := c ^ bit; !unfit(a, b, m) {
			return m
		}
	}
	// Unreached: no pattern has so many last bytes. Blank is no introducer.
	return nul
}

// anyOf reports whether p completes a pattern by test, p itself being all that
// is looked at.
func anyOf(p []byte, test func(a, b, c byte) bool) bool {
	var a, b byte
	for _, c := range p {
		if test(a, b, c) {
			return true
		}
		a, b = b, c
	}
	return false
}

// Tail remembers the last bytes that were sent to a printer. It is the second
// look at them, which does not trust the grammar.
type Tail struct{ a, b byte }

// exempt reports whether p is the one command that has the form of a pattern:
// ESC = 1, which selects the printer. Drivers begin their jobs with it.
func (t *Tail) exempt(p []byte) bool {
	return len(p) == 3 && p[0] == esc && p[1] == '=' && p[2] == 1
}

// Safe reports whether p, a whole segment's bytes or bytes of our own, may
// follow what was sent before.
func (t *Tail) Safe(p []byte) bool {
	if t.exempt(p) {
		return true
	}
	a, b := t.a, t.b
	for _, c := range p {
		if forbidden(a, b, c) {
			return false
		}
		a, b = b, c
	}
	return true
}

// Sent takes down what was sent.
func (t *Tail) Sent(p []byte) {
	switch len(p) {
	case 0:
	case 1:
		t.a, t.b = t.b, p[0]
	default:
		t.a, t.b = p[len(p)-2], p[len(p)-1]
	}
}

// Break is what to send at ground state before bytes that must not be taken
// for the rest of something: a NUL, where the last byte could begin a command
// or a two-byte character under another reading, else nothing. Printers drop
// NULs between commands.
func (t *Tail) Break() []byte {
	switch {
	case t.b == dle, t.b == esc, t.b == fs, t.b == gs, t.b >= 0x80:
		return []byte{nul}
	}
	return nil
}
