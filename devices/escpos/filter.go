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
// What was sent last still counts, as for whoever takes a second look at it.
func (f *Filter) Cleared() {
	if f.state == picture {
		f.state, f.skip = skipping, f.left
	}
	f.leaving = Realtime{}
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
