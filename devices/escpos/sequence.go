package escpos

// The sequential reader's commands: how long they are, and what becomes of them.

// advance is called when as much of a command is held as was asked for.
func (f *Filter) advance() {
	h := f.hold
	if len(h) == 2 {
		if f.cmd = grammar.of(h[0])[h[1]]; f.cmd == nil {
			f.unknown()
			return
		}
		if f.cmd.size == 2 {
			f.whole()
			return
		}
		if f.need = f.cmd.size; f.need == 0 {
			f.need = f.cmd.head
		}
		return
	}
	if f.cmd.size > 0 {
		f.whole()
		return
	}
	n := f.cmd.length(h)
	switch {
	case n < 0:
		f.need = -n
	case n < len(h):
		f.cutShort(n)
	case f.cmd.kind == Image:
		f.pictureHead(n)
	case n == len(h):
		f.whole()
	case f.wanted(n):
		f.need = n
	case n > maxSkip:
		f.cutShort(2)
	default:
		f.skip = n - len(h)
		f.state = skipping
	}
}

// wanted reports whether a command of length n is to be held whole.
func (f *Filter) wanted(n int) bool {
	h := f.hold
	switch {
	case n > maxSymbol:
		return false
	case h[0] == gs && h[1] == '(':
		return h[2] == 'k'
	case f.cmd.kind == Kick, f.cmd.ok != nil:
		return true
	}
	return false
}

// unknown drops what cannot be a command. Printers drop ESC, FS or GS with the
// byte after it, clones that know the command take more; neither sees any of
// it, and what follows is read from ground state, where it is safe whichever
// is right. A control code after it is not taken along: it may be the
// beginning of something, as after a job that broke off.
func (f *Filter) unknown() {
	n := 2
	if f.hold[0] == dle || f.hold[1] < 0x20 {
		n = 1
	}
	f.refuseShort(n, whyUnknown)
}

// cutShort ends a malformed command after n of its bytes, or a kick after its
// number.
func (f *Filter) cutShort(n int) {
	if f.isKick() && n == 3 {
		rest := append([]byte(nil), f.hold[n:]...)
		f.pos -= int64(len(rest))
		f.hold = f.hold[:n]
		f.whole()
		f.run(rest)
		return
	}
	why := whyUnknown
	if f.cmd.ok != nil {
		why = whyRange
	}
	f.refuseShort(n, why)
}

// refuseShort refuses the first n bytes held and reads the rest again.
func (f *Filter) refuseShort(n int, why string) {
	rest := append([]byte(nil), f.hold[n:]...)
	if f.hold[0] == dle {
		f.owedTo = f.pos
	}
	f.pos -= int64(len(rest))
	f.refuse(f.hold[:n], why)
	f.run(rest)
}

func (f *Filter) isKick() bool {
	return f.cmd != nil && f.cmd.kind == Kick || len(f.hold) >= 3 && f.hold[0] == dle && f.hold[1] == dc4 && f.hold[2] == 1
}

// whole deals with a command that is complete.
func (f *Filter) whole() {
	h, c := f.hold, f.cmd
	if h[0] == dle {
		f.owedTo = f.pos
	}
	switch {
	case f.isKick():
		f.kick(h)
		return
	case c.blocks != nil:
		f.nest = c.blocks.count(h)
		f.need = len(h)
		f.nextBlock()
		return
	case h[0] == gs && h[1] == '(' && h[2] == 'k':
		f.symbol(h)
		return
	case c.ok == nil:
		f.refuse(h, whyNotLet)
		return
	case !c.ok(h):
		f.refuse(h, whyRange)
		return
	}
	test := forbidden
	if c.kind == Barcode {
		test = unfit
	}
	if anyOf(h, test) && !f.tail.exempt(h) {
		f.refuse(h, whyPattern)
		return
	}
	f.state = ground
	s := Segment{Kind: c.kind, Name: c.name, Offset: f.start, In: len(h), Bytes: h}
	if c.lines != nil {
		s.Lines = c.lines(h)
	}
	f.send(s)
}

// kick hands out an order to open the drawer. It is never forwarded.
func (f *Filter) kick(h []byte) {
	f.state = ground
	number := byte(0)
	s := Segment{Kind: Kick, Name: "ESC p", Offset: f.start, In: len(h), Raw: h}
	if h[0] == dle {
		s.Name = "DLE DC4 fn 1"
		if len(h) > 3 {
			number = h[3]
		}
	} else {
		number = h[2]
		if !isDigit(number, 1) {
			s.Why = whyRange
		}
	}
	// Printers that are not strict look at the lowest bit.
	s.Drawer = int(number&1) + 1
	f.emit(s)
}

// symbol deals with a whole command for a two-dimensional code.
func (f *Filter) symbol(h []byte) {
	why := ""
	switch {
	case !symbolOK(h):
		why = whyRange
	case anyOf(h, unfit):
		why = whyPattern
	case h[6] == fnPrint && f.unstored[h[5]&7]:
		why = whyUnstored
	}
	if len(h) > 6 && h[6] == fnStore {
		f.unstored[h[5]&7] = why != ""
	}
	if why != "" {
		f.refuse(h, why)
		return
	}
	f.state = ground
	s := Segment{Kind: Barcode, Name: "GS ( k", Offset: f.start, In: len(h), Bytes: h}
	if h[6] == fnPrint {
		s.Lines = 1
	}
	f.send(s)
}

// refuse reports a command that is not forwarded.
func (f *Filter) refuse(h []byte, why string) {
	f.state = ground
	f.emit(Segment{Kind: Refused, Name: f.nameOf(h), Offset: f.start, In: len(h), Raw: h[:min(len(h), rawLength)], Why: why, Known: isKnown(why)})
}

func isKnown(why string) bool { return why != whyUnknown && why != whyIncomplete }

// rawLength is how much of a refused command is shown.
const rawLength = 16

// skipped reports a refused command that was too long to hold.
func (f *Filter) skipped(why string) {
	f.state = ground
	h := f.hold
	if h[0] == gs && h[1] == '(' && len(h) > 6 && h[6] == fnStore {
		f.unstored[h[5]&7] = true
	}
	f.emit(Segment{
		Kind: Refused, Name: f.nameOf(h), Offset: f.start, In: int(f.pos - f.start),
		Raw: h[:min(len(h), rawLength)], Why: why, Known: isKnown(why),
	})
}

func (f *Filter) afterSkip() {
	if f.cmd.blocks != nil {
		f.nextBlock()
		return
	}
	why := whyNotLet
	if f.cmd.kind == Image {
		why = whyRange
	}
	f.skipped(why)
}

// nextBlock goes on with the next block of a refused command.
func (f *Filter) nextBlock() {
	if f.nest <= 0 {
		f.skipped(whyNotLet)
		return
	}
	f.nest--
	f.hold = f.hold[:f.need]
	f.state = nesting
}

// block has the head of a block in hold, after the command's own.
func (f *Filter) block() {
	f.skip = f.cmd.blocks.body(f.hold[:f.need], f.hold[f.need:])
	switch {
	case f.skip > maxSkip:
		f.skipped(whyLength)
	case f.skip == 0:
		f.nextBlock()
	default:
		f.state = skipping
	}
}

// nameOf is the manual's name of a command, or its bytes.
func (f *Filter) nameOf(h []byte) string {
	if len(h) == 1 {
		return single[h[0]&0x1F]
	}
	c := grammar.of(h[0])[h[1]]
	switch {
	case c == nil:
		return single[h[0]&0x1F] + " " + show(h[1])
	case len(h) > 2 && h[1] == '(':
		return single[h[0]&0x1F] + " ( " + show(h[2])
	case len(h) > 2 && h[0] == dle:
		return c.name + map[bool]string{true: " fn ", false: " "}[h[1] == dc4] + show(h[2]+'0')
	}
	return c.name
}

// show writes one byte as the manuals do: a character, or two digits.
func show(c byte) string {
	if c > 0x20 && c < 0x7F {
		return string(rune(c))
	}
	const hex = "0123456789ABCDEF"
	return string([]byte{hex[c>>4], hex[c&15]})
}
