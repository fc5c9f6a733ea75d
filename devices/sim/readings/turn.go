package readings

// turn is one byte read by one printer: every outcome that there is of it is
// noted with the choices that it takes.
type turn struct {
	m     *machine
	b     byte
	own   bool
	tags  Choice
	found [2]Kind
	pin   uint8
	n     uint8
}

// outcome is one of them.
type outcome struct {
	state
	tags   Choice
	found  [2]Kind
	pin    uint8
	effect Effect
}

// machine is what one language's printers do with a byte.
type machine struct {
	l     *Language
	out   []outcome
	texts []string // of macros, by number
	lossy bool
	// effects: somebody asks what is printed.
	effects bool
	// overflow: a macro was too long to keep.
	overflow bool
}

// maxMacro is how much of a macro is kept.
const maxMacro = 64

func newMachine(l *Language) *machine { return &machine{l: l, texts: []string{""}} }

func (m *machine) text(s string) uint16 {
	for i, t := range m.texts {
		if t == s {
			return uint16(i)
		}
	}
	if len(m.texts) >= 1<<16-1 {
		m.overflow = true
		return 0
	}
	m.texts = append(m.texts, s)
	return uint16(len(m.texts) - 1)
}

// read gives all outcomes of a byte. They are valid until the next call.
func (m *machine) read(s state, b byte, isOwn bool) []outcome {
	m.out = m.out[:0]
	t := turn{m: m, b: b, own: isOwn}
	if m.lossy && !s.has(lost) {
		t.with(LosesAny).to(s.set(lost, true))
	}
	t.arrive(s)
	return m.out
}

// again gives all outcomes of the next byte of a macro that is being replayed.
// Nobody granted what it does.
func (m *machine) again(s state) []outcome {
	m.out = m.out[:0]
	text := m.texts[s.input]
	t := turn{m: m, b: text[s.at]}
	s.at++
	if int(s.at) == len(text) {
		s.input, s.at = 0, 0
		s = s.set(replaying, false)
	}
	t.sequence(s)
	return m.out
}

func (t turn) with(c Choice) turn { t.tags |= c; return t }

// finds notes what the byte brings about. What the daemon wrote from its first
// byte to its last is its own doing.
func (t turn) finds(k Kind, granted bool, pin uint8) turn {
	if granted {
		k = granting(k)
	}
	if k != 0 && t.n < uint8(len(t.found)) {
		t.found[t.n], t.pin = k, pin
		t.n++
	}
	return t
}

func (t turn) to(s state) { t.prints(s, Effect{}) }

func (t turn) prints(s state, e Effect) {
	t.m.out = append(t.m.out, outcome{state: s, tags: t.tags, found: t.found, pin: t.pin, effect: e})
}

// command is an effect: the whole of what stands in the head.
func (t turn) command(s state) Effect {
	if !t.m.effects {
		return Effect{}
	}
	return Effect{Command, string(s.bytes())}
}

// one is an effect of one byte.
func (t turn) one(w What) Effect {
	if !t.m.effects {
		return Effect{}
	}
	return Effect{w, string([]byte{t.b})}
}

// sequence is what the sequential parser makes of the byte.
func (t turn) sequence(s state) {
	if s.has(recording) && !s.has(replaying) {
		text := t.m.texts[s.macro]
		if len(text) >= maxMacro {
			t.m.overflow = true
		} else {
			s.macro = t.m.text(text + string([]byte{t.b}))
		}
	}
	switch s.phase {
	case ground:
		t.ground(s)
	case head:
		t.head(s)
	case counted, coded:
		t.payload(s)
	case untilNUL:
		t.digits(s)
	case untilByte:
		t.until(s)
	case tabs:
		t.tabs(s)
	case glyphWidth, glyph:
		t.glyph(s)
	case blockHead, block:
		t.block(s)
	case decimals:
		t.decimal(s)
	case trail:
		t.prints(s.fresh(), t.one(Text))
	case trailText:
		if t.b < 0x20 {
			t.ground(s.fresh()) // the lead byte is ignored, the control code is not
			return
		}
		t.prints(s.fresh(), t.one(Text))
	}
}

// ground is a byte that begins something, or is a character.
func (t turn) ground(s state) {
	s = s.fresh()
	b := t.b
	if s.has(deselected) {
		// All is ignored but what selects it again.
		if b == 0x1B {
			s.phase, s.n, s.h[0] = head, 1, b
		}
		t.to(s)
		return
	}
	if t.m.l.singles[b].pin != 0 {
		t.single(s)
		return
	}
	if b >= 0x20 {
		if s.has(rows) {
			t.row(s)
			t = t.with(Clone)
		}
		t.character(s)
		return
	}
	lead, is := t.m.l.leads[b]
	if s.word != 0 && !is && !t.m.l.does[b] {
		t.with(Drops).to(s) // the word goes on behind a code that does nothing
	}
	s.word = 0
	if !is {
		t.prints(s, t.control())
		return
	}
	if lead != 0 {
		t.with(lead).to(s)
	}
	s.phase, s.n, s.h[0] = head, 1, b
	t.to(s.set(own, t.own))
}

// control is the effect of a control code.
func (t turn) control() Effect {
	switch t.b {
	case 0x09, 0x0A, 0x0C, 0x0D, 0x18:
		return t.one(Control)
	}
	return Effect{}
}

func (t turn) character(s state) {
	if l := t.m.l; l.words != nil {
		var kind Kind
		s.word, kind = l.readWord(s.word, t.b)
		t = t.finds(kind, false, t.b&1+1)
	}
	t.prints(s, t.one(Text))
	if t.b >= 0x80 || s.has(wide) {
		two := s
		two.phase = trail
		t.with(KanjiBlind).prints(two, t.one(Text))
		two.phase = trailText
		t.with(KanjiChecked).prints(two, t.one(Text))
	}
}

// head is a byte of a command, after its first.
func (t turn) head(s state) {
	if !t.own {
		s = s.set(own, false)
	}
	if s.has(deselected) {
		t.selection(s)
		return
	}
	g := s.fresh()
	if s.n == 1 {
		f := t.m.l.form(s.h[0], t.b)
		s.h[1], s.n = t.b, 2
		if f == nil {
			t.unknown(s, g)
			return
		}
		if !f.kicks {
			t.with(Forgets).to(g)
			t.with(Forgets | Unknown1).ground(g)
		}
		t.grown(s, f)
		return
	}
	f := t.m.l.form(s.h[0], s.h[1])
	if f != nil && f.size > 0 && f.size <= int(s.n) {
		f = clones[[2]byte{s.h[0], s.h[1]}]
	}
	if f == nil {
		// Of an unknown command with a length as much is read as says it.
		s.h[s.n] = t.b
		s.n++
		t.grown(s, unknownForm)
		return
	}
	if !(f.kicks && s.n > 2) {
		t.with(Stops).to(g)
		t.with(Stops | Rereads).ground(g)
	}
	s.h[s.n] = t.b
	s.n++
	t.grown(s, f)
}

// unknown is what printers make of a command that none knows.
func (t turn) unknown(s, g state) {
	t.to(g)
	t.with(Unknown1).ground(g)
	t.with(Unknown3).to(g.in(counted, 1, 0))
	t.with(Unknown5).to(g.in(counted, 3, 0))
	t.with(UnknownP).to(s)
}

// grown is a command with one byte more: it may be complete.
func (t turn) grown(s state, f *form) {
	if f.size > 0 {
		if int(s.n) < f.size {
			t.to(s)
			return
		}
		t.done(s, f)
		return
	}
	p := f.plan(s.bytes())
	switch {
	case f.kicks && s.n == 3 && p.need > 3 && !exact(s.h[2]):
		// Printers that are strict stop there.
		t.to(s.fresh())
		t.with(Discards).to(s.in(counted, 2, 0))
		t.with(LowBit).to(s)
	case p.need > int(s.n):
		t.to(s)
	case p.stop:
		// Out of range: what follows is ordinary data.
		t.prints(s.fresh(), t.command(s))
	case p.phase == ground:
		t.done(s, f)
	default:
		if f.act != nil {
			f.act(t, s, s.in(p.phase, p.left, p.aux))
			return
		}
		t.enters(s, s.in(p.phase, p.left, p.aux))
	}
}

// enters begins a payload.
func (t turn) enters(s, payload state) {
	t.prints(payload, t.command(s))
	t.with(Refuses).to(s.fresh())
	if payload.phase == untilNUL {
		for _, n := range oldLengths[s.h[2]] {
			t.with(OldFixed).to(s.in(coded, n, 0))
		}
	}
}

// oldLengths are how much data the older bar codes have on printers that do
// not wait for a NUL, by m.
var oldLengths = [256][]uint32{0: {11, 12}, 1: {6, 7, 8, 11, 12}, 2: {12, 13}, 3: {7, 8}}

func (t turn) done(s state, f *form) {
	if f.act != nil {
		f.act(t, s, s.fresh())
		return
	}
	t.prints(s.fresh(), t.command(s))
}

func (t turn) payload(s state) {
	if !s.has(lost) {
		t.with(Loses).to(s.set(lost, true))
	}
	if s.phase == coded {
		t.with(EndsEarly).to(s.fresh())
		t.with(EndsEarly | Rereads).ground(s)
	}
	t.prints(s.less(), t.one(Data))
}

// less is one byte of the payload done.
func (s state) less() state {
	if s.left--; s.left == 0 {
		return s.fresh()
	}
	return s
}

func (t turn) digits(s state) {
	if t.b == 0 {
		t.prints(s.fresh(), t.one(Data))
		return
	}
	t.with(EndsEarly).to(s.fresh())
	t.with(EndsEarly | Rereads).ground(s)
	t.prints(s, t.one(Data))
}

func (t turn) until(s state) {
	if t.b == byte(s.aux) {
		t.prints(s.fresh(), t.one(Data))
		return
	}
	t.with(Stops).to(s.fresh())
	t.with(Stops | Rereads).ground(s)
	t.prints(s, t.one(Data))
}

const maxTabs = 32

func (t turn) tabs(s state) {
	more := s
	more.left++
	more.aux = uint32(t.b)
	switch {
	case t.b == 0:
		t.prints(s.fresh(), t.one(Data))
	case s.left == maxTabs, s.left > 0 && uint32(t.b) <= s.aux:
		t.ground(s)
		t.with(Stops).to(s.fresh())
		more.left = 1
		t.with(ToNUL).to(more)
	default:
		t.with(Stops).to(s.fresh())
		t.prints(more, t.one(Data))
	}
}

// glyph: aux is y in its lower byte, and how many characters follow in the next.
func (t turn) glyph(s state) {
	y, follow := s.aux&0xFF, s.aux>>8
	switch {
	case s.phase == glyph:
		s.left--
		if !s.has(lost) {
			t.with(Loses).to(s.set(lost, true).in(glyph, s.left+1, s.aux))
		}
	default:
		t.with(Stops).to(s.fresh())
		t.with(Stops | Rereads).ground(s)
		s.left = y * uint32(t.b)
		follow--
	}
	e := t.one(Data)
	if s.phase == glyphWidth {
		e = t.one(Width)
	}
	var next state
	switch {
	case s.left > 0:
		next = s.in(glyph, s.left, y|follow<<8)
	case follow > 0:
		next = s.in(glyphWidth, 0, y|follow<<8)
	default:
		next = s.fresh()
	}
	t.prints(next, e)
}

// block: aux is how many pictures follow.
func (t turn) block(s state) {
	if s.phase == block {
		if !s.has(lost) {
			t.with(Loses).to(s.set(lost, true))
		}
		s.left--
		t.prints(s.nextBlock(), t.one(Data))
		return
	}
	t.with(Stops).to(s.fresh())
	t.with(Stops | Rereads).ground(s)
	s.h[s.n] = t.b
	if s.n++; s.n < 4 {
		t.to(s)
		return
	}
	size := 8 * uint64(word(s.h[0], s.h[1])) * uint64(word(s.h[2], s.h[3]))
	follow := s.aux - 1
	s = s.in(block, atMost(size), follow)
	t.with(Refuses).to(s.fresh())
	t.to(s.nextBlock())
}

func (s state) nextBlock() state {
	switch {
	case s.left > 0:
		return s
	case s.aux > 0:
		return s.in(blockHead, 0, s.aux)
	}
	return s.fresh()
}

func (t turn) decimal(s state) {
	switch {
	case t.b == ';':
		if s.aux--; s.aux == 0 {
			s = s.fresh()
		}
		t.prints(s, t.one(Data))
	case t.b >= '0' && t.b <= '9':
		t.with(Stops).to(s.fresh())
		t.prints(s, t.one(Data))
	default:
		t.ground(s)
		t.with(Stops).to(s.fresh())
		t.with(ToNUL).to(s)
	}
}

// selection is a byte after ESC while the printer is deselected: only ESC =
// counts.
func (t turn) selection(s state) {
	switch {
	case s.n == 1 && t.b == '=':
		s.h[1], s.n = t.b, 2
		t.to(s)
	case s.n == 2:
		s = s.fresh()
		t.to(s.set(deselected, t.b&1 == 0))
	default:
		t.ground(s)
	}
}

func word(low, high byte) uint32 { return uint32(low) | uint32(high)<<8 }

// atMost is a length that no test's stream reaches, for those that are longer.
func atMost(n uint64) uint32 { return uint32(min(n, 1<<32-1)) }
