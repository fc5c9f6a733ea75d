package escpos

import "bytes"

// Filter reads the stream of one printer. The zero value is not ready; use
// [NewFilter]. It is for one goroutine at a time.
type Filter struct {
	d     *Dialect
	mode  *mode
	state state
	emit  func(*Segment)
	out   Segment // what is emitted, made anew for each

	// pos counts the stream's bytes. start is where the command in hold began.
	pos, start int64

	// hold is what there is of a command, need how much of it to wait for. table is
	// of the mode that it began in: the printer may be cleared before it ends.
	hold  []byte
	need  int
	table *[256]*command
	cmd   *command

	// skip is what is left of a refused command's payload; nest its blocks.
	skip int
	nest int

	// left is what is left of a picture's data; the picture began at start.
	left int
	// longer is by how many white bytes each of its rows is longer than it came,
	// row how many bytes one has, inRow how many are missing of the current one.
	longer, row, inRow int
	rows               int // rows of dots that are commands of their own, since they made a line last
	mended, parted     [1]byte

	// page: what is printed is gathered until the page is.
	page bool

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
	// question is room for one that is asked later than it came.
	question [3]byte
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

// pictureSlice is how much of a picture is read at a time. No request is looked
// for in it.
const pictureSlice = 4 * slice

// NewFilter makes a filter for a printer at ground state that speaks d.
func NewFilter(d *Dialect) *Filter {
	return &Filter{
		d: d, mode: d.modes[0], tail: d.NewTail(),
		hold: make([]byte, 0, maxHold), owed: make([]request, 0, maxOwed),
	}
}

// Dialect is the one that the filter was made for.
func (f *Filter) Dialect() *Dialect { return f.d }

// Feed reads the next bytes and gives what they are to emit, in order. What it
// emits with Bytes is to be sent, all of it, in that order. The segment is
// valid until emit returns.
func (f *Filter) Feed(p []byte, emit func(*Segment)) {
	f.emit = emit
	for len(p) > 0 {
		n := min(len(p), slice)
		if f.state == picture && f.left > 2 {
			n = min(len(p), pictureSlice, f.left) // a picture by itself
		}
		switch {
		case !f.d.realtime:
		case f.state == picture && f.left >= n && n > 2:
			// All of it is a picture's: what arrives inside leaves inside, and the
			// printer answers what it takes for a question as it would without us.
			// What the reception is in the middle of depends on two bytes at most.
			f.arriving = Realtime{}
			for i := n - 2; i < n; {
				i, _, _ = f.arriving.Next(p[:n], i)
			}
		default:
			f.arrive(p[:n])
		}
		f.run(p[:n])
		p = p[n:]
	}
	f.emit = nil
}

// Ground reports whether the printer, having received all that was emitted, is
// between two commands, so that bytes of ours may be sent.
func (f *Filter) Ground() bool { return f.state != picture && f.mode == f.d.modes[0] }

// Page reports whether what is printed now is gathered for a page: text of ours
// would become a part of it.
func (f *Filter) Page() bool { return f.page }

// Waiting reports whether the stream ended within a command, or in a mode of its own.
func (f *Filter) Waiting() bool { return f.state != ground || f.mode != f.d.modes[0] }

// Missing is how many bytes a picture under way is still to have; 0: there is none.
func (f *Filter) Missing() int {
	if f.state != picture {
		return 0
	}
	return f.left
}

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
func (f *Filter) Idle(emit func(*Segment)) {
	f.emit = emit
	f.arriving = Realtime{}
	for f.state == holding && f.hold[0] == f.mode.literal {
		f.plainText()
	}
	switch f.state {
	case holding:
		n := len(f.hold)
		if n > 3 && f.cmd.kind == Barcode && f.hold[0] == gs && f.hold[2] <= 6 {
			// The old form has no length: what looked like data may be text.
			n = 3
		}
		f.refuseShort(n, whyIncomplete)
	case skipping, nesting:
		f.skipped(whyIncomplete)
	case picture:
		f.blank()
	}
	if f.mode != f.d.modes[0] {
		f.send(Segment{Kind: Layout, Name: "end of mode", Offset: f.pos, Bytes: f.mode.end, Mended: true, Why: whyIncomplete})
		f.mode = f.d.modes[0]
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
	f.mode, f.page = f.d.modes[0], false
	f.leaving = Realtime{}
}

// Offset is where in the stream the next byte stands.
func (f *Filter) Offset() int64 { return f.pos }

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
			f.pictureData(p[:n])
		}
		p = p[n:]
	}
	if f.state == ground && len(f.owed) > 0 {
		f.settle()
	}
}

// begin reads at ground state: a run of text, or one control code.
func (f *Filter) begin(p []byte) int {
	c := p[0]
	switch f.mode.role[c] {
	case printed:
		if f.mode.literal != 0 {
			if i := bytes.IndexByte(p, f.mode.literal); i >= 0 {
				p = p[:i]
			}
		}
		n, lines := f.mode.run(p)
		f.text(p[:n], lines)
		return n
	case leading:
		f.start = f.pos
		f.pos++
		f.state, f.need = holding, 2
		f.hold = append(f.hold[:0], c)
		f.table = f.mode.table[c]
		return 1
	}
	f.start = f.pos
	f.pos++
	s := Segment{Kind: Layout, Name: show(c), Offset: f.start, In: 1}
	switch f.mode.role[c] {
	case kicking:
		s.Kind, s.Raw, s.Drawer = Kick, p[:1], f.mode.drawer[c]
		f.give(s)
	case control:
		s.Bytes = p[:1]
		if f.mode.asks[c] {
			s.Kind = Status
		}
		if c == ff {
			s.Lines = 1
			f.page = false
		}
		f.send(s)
	default:
		s.Kind, s.Raw, s.Why, s.Known = Refused, p[:1], whyControl, true
		f.give(s)
	}
	return 1
}

// text forwards a run of text. Only its first bytes can complete a pattern,
// with the end of what was sent before: then a NUL goes between them.
func (f *Filter) text(p []byte, lines int) {
	m := f.d.sent
	for i, state := 0, f.tail.state; i < len(p) && state != 0; i++ {
		if m.bad[state][p[i]] {
			if i > 0 {
				f.letters(p[:i], bytes.Count(p[:i], newline))
			}
			f.part()
			p, state = p[i:], f.tail.state
			lines = bytes.Count(p, newline)
			i = -1
			continue
		}
		state = m.next[state][p[i]]
	}
	f.letters(p, lines)
}

var newline = []byte{lf}

func (f *Filter) letters(p []byte, lines int) {
	f.forward(Segment{Kind: Text, Name: "text", Offset: f.pos, In: len(p), Bytes: p, Lines: lines})
	f.pos += int64(len(p))
}

var zero = make([]byte, slice)

// part sends a NUL or a space, so that what was sent before and what comes next
// are not taken for one.
func (f *Filter) part() {
	f.parted[0] = f.d.between(f.tail.state)
	f.forward(Segment{Kind: Layout, Name: show(f.parted[0]), Offset: f.pos, Bytes: f.parted[:], Mended: true, Why: whyBreak})
}
