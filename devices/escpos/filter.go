package escpos

// Filter reads the stream of one printer. The zero value is not ready; use
// [NewFilter]. It is for one goroutine at a time.
type Filter struct {
	state state
	emit  func(Segment)

	// pos counts the stream's bytes. start is where the command in hold began.
	pos, start int64

	// hold is what there is of a command, need how much of it to wait for.
	hold []byte
	need int
	cmd  *command

	// skip is what is left of a refused command's payload; nest its blocks.
	skip int
	nest int

	// left is what is left of a picture's data; the picture began at start.
	left   int
	find   suspect
	mended [1]byte

	// arriving and leaving read the stream as the printer's reception would:
	// what the POS sent, and what of it was forwarded.
	arriving, leaving Realtime
	// owed are real-time commands that arrived and have not left; owedTo is up
	// to where the sequential reader has dealt with them itself.
	owed   []request
	owedTo int64

	// tail is the last bytes that were sent.
	tail Tail
	// unstored says of which two-dimensional codes (cn - 48) the data was refused.
	unstored [8]bool
}

type state uint8

const (
	ground   state = iota // between commands
	holding               // inside a command, none of which has been forwarded
	skipping              // inside a refused command
	nesting               // in the head of a block of one
	picture               // inside a picture, which has been forwarded so far
)

// request is a real-time command that arrived; end is the offset after it.
type request struct {
	end     int64
	command Command
	n       byte
}

// maxOwed bounds what a stream full of real-time commands costs.
const maxOwed = 32

// slice is how much is read at a time, so that requests are delivered soon
// after they arrived, and not after all else that came with them.
const slice = 4096

// NewFilter makes a filter for a printer at ground state.
func NewFilter() *Filter {
	return &Filter{hold: make([]byte, 0, maxSymbol), owed: make([]request, 0, maxOwed)}
}

// Feed reads the next bytes and gives what they are to emit, in order. What it
// emits with Bytes is to be sent, all of it, in that order.
func (f *Filter) Feed(p []byte, emit func(Segment)) {
	f.emit = emit
	for len(p) > 0 {
		n := min(len(p), slice)
		f.arrive(p[:n])
		f.run(p[:n])
		p = p[n:]
	}
	f.emit = nil
}

// Ground reports whether the printer, having received all that was emitted, is
// between two commands, so that bytes of ours may be sent.
func (f *Filter) Ground() bool { return f.state != picture }

// Waiting reports whether the stream ended within a command.
func (f *Filter) Waiting() bool { return f.state != ground }

// Pending is what is held back of an incomplete command.
func (f *Filter) Pending() []byte {
	if f.state != holding {
		return nil
	}
	return append([]byte(nil), f.hold...)
}

// Idle is to be called when the stream has stalled: an incomplete command is
// dropped, an incomplete picture filled with white, and what comes next begins
// at ground state.
func (f *Filter) Idle(emit func(Segment)) {
	f.emit = emit
	f.arriving = Realtime{}
	switch f.state {
	case holding:
		n := len(f.hold)
		if n > 3 && f.cmd.kind == Barcode && f.hold[2] <= 6 {
			// The old form has no length: what looked like data may be text.
			n = 3
		}
		f.refuseShort(n, whyIncomplete)
	case skipping, nesting:
		f.skipped(whyIncomplete)
	case picture:
		f.blank()
	}
	f.settle()
	f.emit = nil
}

// Cleared says that the printer has forgotten all that it was sent: it was
// cleared, or had no power. The rest of a picture that was under way is dropped.
func (f *Filter) Cleared() {
	if f.state == picture {
		f.state, f.skip = skipping, f.left
	}
	f.leaving, f.tail = Realtime{}, Tail{}
}

// Safe, Sent and Break are for bytes of the daemon's own that go to the printer
// at ground state, between what is emitted: they share the memory of what was
// sent last.

// Safe reports whether p completes no pattern with what was sent.
func (f *Filter) Safe(p []byte) bool { return f.tail.Safe(p) }

// Sent takes down what was sent besides the stream.
func (f *Filter) Sent(p []byte) { f.tail.Sent(p) }

// Break is what to send before it.
func (f *Filter) Break() []byte { return f.tail.Break() }

// arrive finds the real-time commands in what has just come.
func (f *Filter) arrive(p []byte) {
	for i := 0; i < len(p); {
		end, command, n := f.arriving.Next(p, i)
		if command != 0 {
			if len(f.owed) == maxOwed {
				copy(f.owed, f.owed[1:])
				f.owed = f.owed[:maxOwed-1]
			}
			f.owed = append(f.owed, request{f.pos + int64(end), command, n})
		}
		i = end
	}
}

// run is the sequential reader.
func (f *Filter) run(p []byte) {
	for len(p) > 0 {
		n := 0
		switch f.state {
		case ground:
			if len(f.owed) > 0 {
				f.settle()
			}
			n = f.begin(p)
		case holding:
			n = min(f.need-len(f.hold), len(p))
			f.hold = append(f.hold, p[:n]...)
			f.pos += int64(n)
			if len(f.hold) == f.need {
				f.advance()
			}
		case nesting:
			n = min(f.cmd.blocks.head-(len(f.hold)-f.need), len(p))
			f.hold = append(f.hold, p[:n]...)
			f.pos += int64(n)
			if len(f.hold)-f.need == f.cmd.blocks.head {
				f.block()
			}
		case skipping:
			n = min(f.skip, len(p))
			f.skip -= n
			f.pos += int64(n)
			if f.skip == 0 {
				f.afterSkip()
			}
		case picture:
			n = min(f.left, len(p))
			f.pixels(p[:n], n == f.left)
			f.pos += int64(n)
			f.left -= n
			if f.left == 0 {
				f.owedTo = f.pos
				f.state = ground
			}
		}
		p = p[n:]
	}
	if f.state == ground && len(f.owed) > 0 {
		f.settle()
	}
}

// begin reads at ground state: a run of text, or one control code.
func (f *Filter) begin(p []byte) int {
	n := 0
	for n < len(p) && p[n] >= 0x20 {
		n++
	}
	if n > 0 {
		f.text(p[:n])
		return n
	}
	c := p[0]
	f.start = f.pos
	f.pos++
	switch c {
	case esc, fs, gs, dle:
		f.state, f.need = holding, 2
		f.hold = append(f.hold[:0], c)
		return 1
	}
	s := Segment{Kind: Layout, Name: single[c], Offset: f.start, In: 1}
	if !letThrough(c) {
		s.Kind, s.Raw, s.Why, s.Known = Refused, p[:1], whyControl, true
		f.emit(s)
		return 1
	}
	if c != ht && c != nul {
		s.Lines = 1
	}
	s.Bytes = p[:1]
	f.send(s)
	return 1
}

// text forwards a run of text. Only its first bytes can complete a pattern,
// with the end of what was sent before: then a NUL goes between them.
func (f *Filter) text(p []byte) {
	if forbidden(f.tail.a, f.tail.b, p[0]) {
		f.part()
	}
	if len(p) > 1 && forbidden(f.tail.b, p[0], p[1]) {
		f.letters(p[:1])
		f.part()
		p = p[1:]
	}
	f.letters(p)
}

func (f *Filter) letters(p []byte) {
	f.forward(Segment{Kind: Text, Name: "text", Offset: f.pos, In: len(p), Bytes: p})
	f.pos += int64(len(p))
}

var zero = make([]byte, slice)

// part sends a NUL, so that what was sent before and what comes next are not
// taken for one.
func (f *Filter) part() {
	f.forward(Segment{Kind: Layout, Name: "NUL", Offset: f.pos, Bytes: zero[:1], Mended: true, Why: whyBreak})
}

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

// send forwards a whole command, which begins with a control code.
func (f *Filter) send(s Segment) {
	if forbidden(f.tail.a, f.tail.b, s.Bytes[0]) {
		if s.Bytes[0] == nul {
			// A NUL that is not to be there, where a NUL would keep things apart.
			s.Kind, s.Raw, s.Bytes, s.Why = Refused, s.Bytes, nil, whyPattern
			f.emit(s)
			return
		}
		f.part()
	}
	f.forward(s)
}

// forward emits what goes to the printer, and remembers it.
func (f *Filter) forward(s Segment) {
	f.tail.Sent(s.Bytes)
	for i := 0; i < len(s.Bytes); {
		end, command, n := f.leaving.Next(s.Bytes, i)
		if command == StatusRequest {
			f.crossOut(n)
		}
		i = end
	}
	f.emit(s)
}

// crossOut crosses out a status request that has left as it came.
func (f *Filter) crossOut(n byte) {
	for i, r := range f.owed {
		if r.command == StatusRequest && r.n == n {
			f.owed = append(f.owed[:i], f.owed[i+1:]...)
			return
		}
	}
}

// settle deals, at ground state, with real-time commands that arrived inside
// of something and did not leave: a question is asked now, all else refused.
func (f *Filter) settle() {
	for len(f.owed) > 0 && f.owed[0].end <= f.pos {
		r := f.owed[0]
		f.owed = append(f.owed[:0], f.owed[1:]...)
		switch {
		case r.command == StatusRequest:
			q := [3]byte{dle, eot, r.n}
			f.send(Segment{Kind: Status, Name: "DLE EOT", Offset: r.end - 3, Bytes: q[:], Mended: true, Why: whyDelayed})
		case r.end > f.owedTo:
			name := "DLE ENQ " + show(r.n+'0')
			if r.command == Order {
				name = "DLE DC4 fn " + show(r.n+'0')
			}
			f.emit(Segment{Kind: Refused, Name: name, Offset: r.end - 3, Why: whyInside, Known: true})
		}
	}
}
