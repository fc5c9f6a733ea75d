package printer

import "time"

// The printer answers the POS's questions and ours over one line. Its answers
// come in two orders: those to questions that it answers on arrival, as these
// arrived; those to the others as they were reached. Their fixed bits tell the
// two apart, and from the status that it sends unasked.
//
// A POS must not be able to make one of its answers pass for one of ours: the
// paper's end for the drawer's level. So while a question of ours that is
// answered on arrival is open, no other is; and where an answer was missing
// nothing is believed until the line has been quiet for a while.
//
// What the printer sends unasked is the POS's: the register that GS a sets is
// never touched by us. It is the printer's, and the next POS to open the port
// finds it as the last one left it, as it would with the bare printer. We do
// with asking, which no POS can switch off.

// asker is who asked.
type asker uint8

const (
	nobody asker = iota // swallow the answer: its asker has gone, or gave up
	posAsked
	weAsked
)

// question is one that is open.
type question struct {
	who   asker
	at    time.Duration
	visit int // which opening of the port by the POS
	// maybe: not every printer answers it, or not there.
	maybe bool
	// one: the answer is one byte, whatever that is.
	one bool
	// mark is up to where the printer has done what it was sent when it answers
	// a question of ours in order.
	mark uint64
}

// answerTime is how long a printer may take for an answer on arrival, once it
// has the question and is quiet: what comes later than that may be taken for
// another's. patience is how long the others may take while it is online: they
// wait for printing.
const (
	answerTime = 1500 * time.Millisecond
	patience   = 2 * time.Minute
)

// Bounds of what is remembered and of what is one answer.
const (
	maxOrdered = 64
	maxBlock   = 96
	// enough is how many questions answered on arrival are open before no more
	// bytes are written that ask; one write adds at most a third of its bytes.
	enough = 32
)

// demux tells whose the answers are. It is pure. Make one with newDemux.
type demux struct {
	take func(d *demux, b byte, now time.Duration) reply

	arrival       []question // answered on arrival
	bytes, blocks []question // answered in order
	visit         int        // counts the POS's openings of its port

	done   uint64        // the mark of our last barrier that was answered
	doneAt time.Duration // and when

	doubt bool          // an answer is missing, or one was not understood
	heard time.Duration // when something came last

	// frame is what has come of an answer of several bytes, block how long it is
	// so far (it ends with NUL), status how many bytes are missing of it.
	frame         []byte
	block, status int
	blockTo       asker
	clears        int  // clear responses that we may be owed
	held          bool // a block's head is held back: it may be of one
}

func newDemux(l *language) demux { return demux{take: l.take} }

// reply is what becomes of a byte from the printer.
type reply struct {
	// to gets the bytes, which are valid until the next byte. unasked: somebody
	// does who has the port open, whether anything was asked or not.
	to      asker
	bytes   []byte
	unasked bool
	// flow is XON or XOFF, 0 for neither.
	flow byte
	// alive: the printer has answered. read: it has answered us, for certain;
	// high and offline are what it says.
	alive, read   bool
	high, offline bool
	// reached, where it is not 0, is up to where it has done what it was sent.
	reached uint64
	// hint: the drawer's level may have changed.
	hint bool
}

// may says whether we may ask now what is answered on arrival.
func (d *demux) may() bool { return !d.doubt && len(d.arrival) == 0 }

// ours reports whether such a question of ours is open: the POS's wait.
func (d *demux) ours() bool { return len(d.arrival) > 0 && d.arrival[0].who == weAsked }

// full reports whether no more is to be asked before something is answered.
func (d *demux) full() bool { return len(d.arrival) >= enough }

// asks takes down a question that is being sent and is answered on arrival.
func (d *demux) asks(who asker, visit int, maybe bool, now time.Duration) {
	if maybe && d.full() {
		d.doubt = true // a picture full of them waits for no answers
		return
	}
	d.arrival = append(d.arrival, question{who: who, at: now, visit: visit, maybe: maybe})
}

// enquires is the same for a question of the POS's whose answer is one byte of
// any kind.
func (d *demux) enquires(visit int, now time.Duration) {
	d.arrival = append(d.arrival, question{who: posAsked, at: now, visit: visit, one: true})
}

// asksInOrder takes down one that is answered in order. It reports whether there
// was room: if one were forgotten, its answer would be taken for another's.
func (d *demux) asksInOrder(f form, visit int, now time.Duration) bool {
	list := &d.bytes
	if f == formBlock {
		list = &d.blocks
	}
	if len(*list) >= maxOrdered {
		return false
	}
	*list = append(*list, question{who: posAsked, at: now, visit: visit})
	return true
}

// barrier takes down our own question that is answered in order, and says how
// often to ask it: once more than there are questions open. If none of those is
// ever answered, one of ours is taken for the answer to each, and one is left.
// So what we believe is never more than the printer has done.
func (d *demux) barrier(mark uint64, now time.Duration) (times int) {
	times = min(len(d.bytes), 2*maxOrdered) + 1
	for range times {
		d.bytes = append(d.bytes, question{who: weAsked, at: now, mark: mark})
	}
	return times
}

// awaits reports whether a barrier with this mark, or a later one, is open.
func (d *demux) awaits(mark uint64) bool {
	for _, q := range d.bytes {
		if q.who == weAsked && q.mark >= mark {
			return true
		}
	}
	return false
}

// unasked and unbar take back our question, and our barrier of so many, that did
// not leave. The line may have taken a part: nothing is believed for a while.
func (d *demux) unasked() {
	if d.ours() {
		d.arrival, d.doubt = d.arrival[1:], true
	}
}

func (d *demux) unbar(times int) { d.bytes = d.bytes[:max(len(d.bytes)-times, 0)] }

// posLeft says that the POS closed its port: the next one to open it is not
// to get answers that it did not ask for.
func (d *demux) posLeft() { d.visit++ }

// reset is for a printer that has forgotten what it was asked, or will be made
// to. What it may have answered on arrival may still be on its way.
func (d *demux) reset() {
	*d = demux{take: d.take, visit: d.visit, arrival: d.arrival, doubt: d.doubt, heard: d.heard}
}

// expire gives up on answers, and reports how many of ours are missing. stuck
// says that the questions have not left us yet; online that the printer goes on.
func (d *demux) expire(now time.Duration, stuck, online bool) (missing int) {
	for i := range d.arrival {
		if stuck {
			d.arrival[i].at = now
		}
	}
	quiet := d.heard
	if n := len(d.arrival); n > 0 {
		quiet = max(quiet, d.arrival[n-1].at)
		d.doubt = d.doubt || now-d.arrival[0].at > answerTime
	}
	if d.doubt && now-quiet > answerTime {
		for _, q := range d.arrival {
			if q.who == weAsked {
				missing++
			}
		}
		d.arrival, d.doubt = nil, false
		d.block, d.status, d.held = 0, 0, false
	}
	d.bytes = d.late(d.bytes, now, stuck || !online)
	d.blocks = d.late(d.blocks, now, stuck || !online)
	return missing
}

// late gives up on questions that are answered in order.
func (d *demux) late(list []question, now time.Duration, waits bool) []question {
	for i := range list {
		if waits {
			list[i].at = now
		}
	}
	for len(list) > 0 {
		q := list[0]
		// Once one of a barrier's questions is answered, all are.
		spare := q.who == weAsked && q.mark <= d.done && now-d.doneAt > answerTime
		if !spare && now-q.at <= patience {
			break
		}
		list = list[1:]
	}
	return list
}

// owed reports whether who has the port open now is owed an answer.
func (d *demux) owed() bool {
	for _, list := range [][]question{d.arrival, d.bytes, d.blocks} {
		for _, q := range list {
			if q.who == posAsked && q.visit == d.visit {
				return true
			}
		}
	}
	return false
}

// still is who asked, unless it has gone since.
func (d *demux) still(q question) asker {
	if q.who == posAsked && q.visit != d.visit {
		return nobody
	}
	return q.who
}

func next(list *[]question) (question, bool) {
	if len(*list) == 0 {
		return question{}, false
	}
	q := (*list)[0]
	*list = (*list)[1:]
	return q, true
}

// next says what becomes of the next byte from the printer.
func (d *demux) next(b byte, now time.Duration) reply {
	d.heard = now
	return d.take(d, b, now)
}

// one is the byte alone.
func (d *demux) one(b byte) []byte {
	d.frame = append(d.frame[:0], b)
	return d.frame
}

// What a byte from an Epson is (Epson's programming guide, "Identification of
// the transmission status").
const (
	xon  = 0x11
	xoff = 0x13

	classMask    = 0x93
	classArrival = 0x12 // 0xx1xx10: an answer on arrival
	classStatus  = 0x10 // 0xx1xx00: the first of four bytes sent unasked
	// A block, up to NUL, has 0xx1xxx1; all else 0xx0xxxx.
	blockMask  = 0x91
	classBlock = 0x11
	orderMask  = 0x90 // of what is answered in order with one byte, and the rest of a status: 0

	clearHead   = 0x37 // the answer to DLE DC4 8 is 37 25 00
	clearSecond = 0x25

	bitSensor  = 0x04
	bitOffline = 0x08
)

// takeEpson reads ESC/POS answers.
func takeEpson(d *demux, b byte, now time.Duration) reply {
	switch {
	case b == xon || b == xoff:
		return reply{flow: b} // even inside of another answer
	case d.block > 0:
		return d.inBlock(b)
	case d.status > 0 && b&orderMask == 0:
		d.status--
		return reply{to: posAsked, unasked: true, bytes: d.one(b)}
	}
	d.status = 0
	switch {
	case b&classMask == classArrival:
		q, ok := next(&d.arrival)
		if !ok {
			return reply{alive: true} // late: its asker has given up
		}
		r := reply{to: d.still(q), bytes: d.one(b), alive: true}
		if q.who == weAsked && !d.doubt {
			r.read, r.high, r.offline = true, b&bitSensor != 0, b&bitOffline != 0
		}
		return r
	case b&classMask == classStatus:
		d.status = 3
		return reply{to: posAsked, unasked: true, bytes: d.one(b), hint: true}
	case b&blockMask == classBlock:
		d.block = 1
		if d.held = b == clearHead && d.clears > 0; d.held {
			return reply{} // its second byte tells
		}
		d.blockTo = d.blockAsker()
		return reply{to: d.blockTo, bytes: d.one(b)}
	case b&orderMask == 0:
		q, ok := next(&d.bytes)
		if !ok {
			return reply{}
		}
		r := reply{to: d.still(q), bytes: d.one(b)}
		if q.who == weAsked {
			r.reached = q.mark
			d.done, d.doneAt = q.mark, now
		}
		return r
	}
	return reply{to: posAsked, unasked: true, bytes: d.one(b)} // of no form that is ours
}

// blockAsker is who gets the block that begins.
func (d *demux) blockAsker() asker {
	q, ok := next(&d.blocks)
	if !ok {
		return posAsked
	}
	return d.still(q)
}

// inBlock reads on in a block. What no block can hold, or one that does not
// end, says that we have lost our way.
func (d *demux) inBlock(b byte) reply {
	d.block++
	frame := d.one(b)
	if d.held {
		d.held = false
		if b == clearSecond {
			d.clears--
			d.blockTo = nobody
		} else {
			d.blockTo = d.blockAsker()
			d.frame = append(d.frame[:0], clearHead, b)
			frame = d.frame
		}
	}
	switch {
	case b == 0:
		d.block = 0
	case b < 0x20 || d.block > maxBlock:
		d.block, d.doubt = 0, true
	}
	return reply{to: d.blockTo, bytes: frame}
}

// What a byte from a Star is (line mode specification, appendix 2).
const (
	starHeadMask = 0x91
	starHead     = 0x01 // 0xx0xxx1
	starLeast    = 3
)

// takeStar reads Star's status frames. The first byte says how many there are
// (bits 6, 5, 3, 2 and 1); in the third, bit 2 is the drawer's wire and bit 3
// offline. A frame that comes unasked is as good as the one that was asked for,
// and the other way round: what counts is that the POS gets as many. The answers
// to ENQ and EOT are one byte, which may look like a frame's first: but where the
// POS has asked for it, it and all that follows is the POS's. That it has asked
// for the automatic status as well its manual forbids.
func takeStar(d *demux, b byte, _ time.Duration) reply {
	switch {
	case b == xon || b == xoff:
		return reply{flow: b}
	case d.status == 0 && len(d.arrival) > 0 && d.arrival[0].one:
		q, _ := next(&d.arrival)
		return reply{to: d.still(q), bytes: d.one(b), alive: true}
	case d.status == 0:
		n := int(b>>2&0x18 | b>>1&0x07)
		if b&starHeadMask != starHead || n < starLeast {
			return reply{to: posAsked, unasked: true, bytes: d.one(b)}
		}
		d.one(b)
		d.status = n - 1
		return reply{}
	}
	d.frame = append(d.frame, b)
	if d.status--; d.status > 0 {
		return reply{}
	}
	r := reply{to: posAsked, unasked: true, bytes: d.frame, alive: true, hint: true}
	if q, ok := next(&d.arrival); ok {
		r.to, r.unasked, r.hint = d.still(q), false, false
		if q.who == weAsked && !d.doubt {
			r.read, r.high, r.offline = true, d.frame[2]&bitSensor != 0, d.frame[2]&bitOffline != 0
		}
	}
	return r
}

// takeAny is for printers of which no answers are known: they are the POS's.
func takeAny(d *demux, b byte, _ time.Duration) reply {
	return reply{to: posAsked, unasked: true, bytes: d.one(b)}
}
