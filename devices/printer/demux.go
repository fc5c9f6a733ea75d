package printer

import "time"

// The printer answers the POS's questions and ours over one line. Its answers
// come in two orders: those to real-time questions as these arrived, those to
// the others as they were reached; and their bits tell the two apart. So each
// answer goes to whoever asked the oldest open question of its order.

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
	n     byte // of DLE EOT
	at    time.Duration
	visit int // which opening of the port by the POS
}

// answerTime is how long a printer may take for a real-time answer, once it
// has the question; patience how long for the others, which wait for printing.
const (
	answerTime = time.Second
	patience   = 30 * time.Second
)

// Bounds of what is remembered and of what is one answer.
const (
	maxQuestions = 128
	maxBlock     = 96
	// enough is how many open real-time questions stop more from being written:
	// one write adds at most a third of its bytes. If one were forgotten, its
	// answer would be taken for another's, and the sensor's level for something else.
	enough = 32
)

// demux tells whose the answers are. It is pure.
type demux struct {
	realtime, ordered []question
	visit             int // counts the POS's openings of its port

	// block is how many bytes of a block answer have come, which ends with NUL;
	// status how many are missing of a status that was sent unasked.
	block, status int
	blockTo       asker
	clears        int // clear responses that we are owed
}

// What a byte from the printer is.
const (
	xon  = 0x11
	xoff = 0x13

	classMask     = 0x93
	classRealtime = 0x12 // 0xx1xx10
	classStatus   = 0x10 // 0xx1xx00: the first of four bytes sent unasked
	classBlock    = 0x13 // 0xx1xx11: a block, up to NUL

	clearHeader = 0x37 // of the answer to DLE DC4 8
)

// ask takes down a question that is being sent.
func (d *demux) ask(list *[]question, q question) {
	if len(*list) == maxQuestions {
		*list = (*list)[1:]
	}
	*list = append(*list, q)
}

func (d *demux) askRealtime(who asker, n byte, visit int, now time.Duration) {
	d.ask(&d.realtime, question{who, n, now, visit})
}

func (d *demux) askOrdered(visit int, now time.Duration) {
	d.ask(&d.ordered, question{posAsked, 0, now, visit})
}

// posLeft says that the POS closed its port: the next one to open it is not
// to get answers that it did not ask for.
func (d *demux) posLeft() { d.visit++ }

// reset is for a printer that has forgotten what it was asked.
func (d *demux) reset() { *d = demux{visit: d.visit} }

// expire gives up on answers, and reports how many of ours are missing.
func (d *demux) expire(now time.Duration) (missing int) {
	for len(d.realtime) > 0 && now-d.realtime[0].at > answerTime {
		if d.realtime[0].who == weAsked {
			missing++
		}
		d.realtime = d.realtime[1:]
	}
	for len(d.ordered) > 0 && now-d.ordered[0].at > patience {
		d.ordered = d.ordered[1:]
	}
	return missing
}

// full reports whether no more is to be asked before something is answered.
func (d *demux) full() bool { return len(d.realtime) >= enough }

// open reports whether real-time questions are open.
func (d *demux) open() bool { return len(d.realtime) > 0 }

// reply is what becomes of one byte from the printer.
type reply struct {
	to asker
	// n is the number of the DLE EOT that it answers; 0: none.
	n byte
	// flow is XON or XOFF, 0 for neither.
	flow byte
}

// take says what becomes of the next byte from the printer.
func (d *demux) take(b byte) reply {
	switch {
	case d.block > 0:
		if d.block++; b == 0 || d.block > maxBlock {
			d.block = 0
		}
		return reply{to: d.blockTo}
	case d.status > 0 && b&0x90 == 0:
		d.status--
		return reply{to: posAsked}
	case b == xon || b == xoff:
		return reply{flow: b}
	}
	switch b & classMask {
	case classRealtime:
		q, ok := next(&d.realtime)
		if !ok {
			return reply{} // late: its asker has given up
		}
		return reply{to: d.still(q), n: q.n}
	case classStatus:
		d.status = 3
		return reply{to: posAsked}
	case classBlock:
		d.block = 1
		if b == clearHeader && d.clears > 0 {
			d.clears--
			d.blockTo = nobody
		} else {
			q, ok := next(&d.ordered)
			d.blockTo = nobody
			if ok {
				d.blockTo = d.still(q)
			}
		}
		return reply{to: d.blockTo}
	}
	d.status = 0
	q, ok := next(&d.ordered)
	if !ok {
		return reply{}
	}
	return reply{to: d.still(q)}
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
