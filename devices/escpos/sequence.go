package escpos

// The sequential reader's commands: how long they are, and what becomes of them.

// advance is called when as much of a command is held as was asked for.
func (f *Filter) advance() {
	h := f.hold
	switch {
	case len(h) == 2:
		if f.cmd = f.table[h[1]]; f.cmd == nil {
			f.unknown()
			return
		}
		f.need = 3
		if f.cmd.sub == nil {
			f.need = f.cmd.least()
		}
	case len(h) == 3 && f.cmd.sub != nil:
		if c := f.cmd.sub[h[2]]; c != nil {
			f.cmd = c
		}
		f.need = f.cmd.least()
	}
	if f.need == len(h) {
		f.measure()
	}
}

// measure asks the command how long it is, with what there is of it.
func (f *Filter) measure() {
	h, c := f.hold, f.cmd
	if c.size > 0 {
		f.whole()
		return
	}
	n := c.length(h)
	switch {
	case n < 0:
		f.need = -n
	case n < len(h):
		f.cutShort(n)
	case c.stream != nil && c.stream(h) == len(h):
		f.pictureHead(n)
	case n == len(h):
		f.whole()
	case n <= maxHold && (c.kick != nil || c.ok != nil):
		f.need = n
	case n > maxSkip:
		f.cutShort(2)
	default:
		f.skip = n - len(h)
		f.state = skipping
	}
}

// maxHold is the longest command that is held back to be looked at whole: a
// symbol's data, the most that any two-dimensional code takes.
const maxHold = 5 + 3 + 7089

// maxSkip is the longest payload that is taken for one. What announces more is
// not believed, and what follows is read as commands and text.
const maxSkip = 1 << 20

// unknown drops what cannot be a command. Printers drop ESC, FS or GS with the
// byte after it, clones that know the command take more; neither sees any of
// it, and what follows is read from ground state, where it is safe whichever
// is right. A control code after it is not taken along: it may be the
// beginning of something, as after a job that broke off.
func (f *Filter) unknown() {
	h := f.hold
	if h[0] == f.mode.literal {
		f.plainText()
		return
	}
	n := 2
	if h[0] == dle || h[1] < 0x20 {
		n = 1
	}
	f.refuseShort(n, whyUnknown)
}

// plainText reads what might have been a command, and is none, as text, and what
// follows its first letter by itself.
func (f *Filter) plainText() {
	h := append([]byte(nil), f.hold...)
	f.state, f.pos = ground, f.start
	f.text(h[:1], 0)
	f.run(h[1:])
}

// cutShort ends a malformed command after n of its bytes, or a kick after its
// number.
func (f *Filter) cutShort(n int) {
	if drawer, is := f.kicks(); is && n == 3 {
		rest := append([]byte(nil), f.hold[n:]...)
		f.pos -= int64(len(rest))
		f.hold = f.hold[:n]
		f.owes()
		f.kick(f.hold, drawer)
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
	f.owes()
	f.pos -= int64(len(rest))
	f.refuse(f.hold[:n], why)
	f.run(rest)
}

// owes takes down that a real-time command was dealt with where it stood.
func (f *Filter) owes() {
	if f.d.realtime && f.hold[0] == dle {
		f.owedTo = f.pos
	}
}

// kicks reports whether what is held is an order to open a drawer.
func (f *Filter) kicks() (drawer int, is bool) {
	if f.cmd == nil || f.cmd.kick == nil {
		return 0, false
	}
	return f.cmd.kick(f.hold)
}

// whole deals with a command that is complete.
func (f *Filter) whole() {
	h, c := f.hold, f.cmd
	f.owes()
	if drawer, is := f.kicks(); is {
		f.kick(h, drawer)
		return
	}
	switch {
	case c.text && !c.ok(h):
		f.plainText()
		return
	case c.blocks != nil:
		f.nest = c.blocks.count(h)
		f.need = len(h)
		f.nextBlock()
		return
	case c.ok == nil:
		f.refuse(h, whyNotLet)
		return
	}
	why, mended := f.judge(h)
	if c.symbol != nil {
		why = f.symbol(h, why)
	}
	if why != "" {
		f.refuse(h, why)
		return
	}
	f.state = ground
	s := Segment{Kind: c.kind, Name: c.name, Offset: f.start, In: len(h), Bytes: h, Mended: mended}
	if mended {
		s.Why = whyPixel
	}
	if c.lines != nil {
		s.Lines = c.lines(h)
	}
	if c.cuts != nil && c.cuts(h) {
		s.Kind = Cut
	}
	switch {
	case c.kind == Init:
		f.page = false
	case c.page != 0:
		f.page = c.page > 0
	}
	f.send(s)
	if c.next != nil {
		if n := c.next(h); n != 0 {
			f.mode = f.d.modes[n-1]
		}
	}
}

// judge says why a whole command is not forwarded, "" if it is. Dots in it that
// would complete a pattern are changed.
func (f *Filter) judge(h []byte) (why string, mended bool) {
	c := f.cmd
	if !c.ok(h) {
		return whyRange, false
	}
	if f.d.exempt(h) {
		return "", false
	}
	m := f.d.sent
	if c.strict || c.dots != nil {
		m = f.d.inside
	}
	state := uint8(0)
	for i, b := range h {
		if m.bad[state][b] {
			if c.dots == nil || !c.dots(h, i) {
				return whyPattern, false
			}
			b = m.mend(state, b)
			h[i], mended = b, true
		}
		state = m.next[state][b]
	}
	return "", mended
}

// kick hands out an order to open the drawer. It is never forwarded.
func (f *Filter) kick(h []byte, drawer int) {
	f.state = ground
	s := Segment{Kind: Kick, Name: f.nameOf(h), Offset: f.start, In: len(h), Raw: h[:min(len(h), rawLength)], Drawer: drawer}
	f.give(s)
}

// symbol keeps count of the steps to a two-dimensional code: where the data was
// refused there is none to print.
func (f *Filter) symbol(h []byte, why string) string {
	code, s := f.cmd.symbol(h)
	if why == "" && s == prints && f.unstored[code] {
		why = whyUnstored
	}
	if s == stores {
		f.unstored[code] = why != ""
	}
	return why
}

// refuse reports a command that is not forwarded.
func (f *Filter) refuse(h []byte, why string) {
	f.state = ground
	f.give(Segment{
		Kind: Refused, Name: f.nameOf(h), Offset: f.start, In: len(h), Raw: h[:min(len(h), rawLength)],
		Why: why, Known: isKnown(why), Lost: f.loses(h),
	})
}

// loses reports whether what is held would have been seen on paper.
func (f *Filter) loses(h []byte) bool {
	return len(h) > 2 && f.cmd != nil && (f.cmd.kind == Image || f.cmd.kind == Barcode)
}

func isKnown(why string) bool { return why != whyUnknown && why != whyIncomplete }

// rawLength is how much of a refused command is shown.
const rawLength = 16

// skipped reports a refused command that was too long to hold.
func (f *Filter) skipped(why string) {
	f.state = ground
	h := f.hold
	if f.cmd.symbol != nil {
		f.symbol(h, why)
	}
	f.give(Segment{
		Kind: Refused, Name: f.nameOf(h), Offset: f.start, In: int(f.pos - f.start),
		Raw: h[:min(len(h), rawLength)], Why: why, Known: isKnown(why), Lost: f.loses(h),
	})
}

func (f *Filter) afterSkip() {
	if f.cmd.blocks != nil {
		f.nextBlock()
		return
	}
	why := whyNotLet
	if f.cmd.ok != nil {
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
		return show(h[0])
	}
	c := f.table[h[1]]
	if c == nil {
		return show(h[0]) + " " + show(h[1])
	}
	if c.sub != nil && len(h) > 2 {
		if s := c.sub[h[2]]; s != nil {
			return s.name
		}
		return c.name + " " + show(h[2])
	}
	if len(h) > 2 && h[0] == dle {
		return c.name + map[bool]string{true: " fn ", false: " "}[h[1] == dc4] + show(h[2]+'0')
	}
	return c.name
}
