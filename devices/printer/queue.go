package printer

import "slices"

// queue is what waits to be written to the printer, in units that must not be
// left half written: commands, text, pieces of pictures.
type queue struct {
	units []unit
	size  int
	begun bool // part of the first unit, or of its picture, has been written
}

// unit is bytes that belong together.
type unit struct {
	bytes []byte
	text  bool // every byte stands alone
	ends  bool // the printer is between commands after it
	asks  form // how it is answered, if it is a question
	init  bool // the printer forgets its settings
	visit int  // which opening of the port by the POS it came in
	raw   bool // nobody looked through it: it was passed in break-glass
}

// Bounds: how much is taken from the POS ahead of the printer, how much is
// written at a time, and how much may wait in the kernel.
const (
	maxQueued = 4096
	maxWrite  = 256
	maxKernel = 512

	pacedWrite = 16 // at a time, where it is us who stop
)

func (q *queue) add(u unit) {
	q.size += len(u.bytes)
	if n := len(q.units); n > 0 && u.text && q.units[n-1].text && u.raw == q.units[n-1].raw && len(q.units[n-1].bytes) < maxWrite {
		last := &q.units[n-1]
		last.bytes = append(last.bytes, u.bytes...)
		return
	}
	u.bytes = append([]byte(nil), u.bytes...)
	q.units = append(q.units, u)
}

// batch is what is written at a time: whole units, or a piece of one.
type batch struct {
	bytes []byte
	asks  form // of its last unit
	init  bool // the printer forgets its settings at its end
	visit int
}

// next puts what to write next into room for it. A question that is answered in
// order is alone; what the printer answers on arrival, or forgets its settings
// by, is the last.
func (q *queue) next(room []byte) batch {
	b := batch{bytes: room[:0]}
	for i, u := range q.units {
		alone := u.asks == formByte || u.asks == formBlock
		if i > 0 && (alone || u.visit != b.visit) {
			break
		}
		n := min(len(u.bytes), cap(b.bytes)-len(b.bytes))
		if n < len(u.bytes) && i > 0 {
			break // it is not begun where it cannot be whole
		}
		b.bytes, b.visit = append(b.bytes, u.bytes[:n]...), u.visit
		if i > 0 || !q.begun {
			b.asks = u.asks // else it was asked with its first byte
		}
		b.init = u.init && n == len(u.bytes)
		if alone || u.asks != formNone || b.init || n < len(u.bytes) {
			break
		}
	}
	return b
}

// wrote takes n bytes away.
func (q *queue) wrote(n int) {
	q.size -= n
	for n > 0 {
		u := &q.units[0]
		k := min(n, len(u.bytes))
		u.bytes = u.bytes[k:]
		n -= k
		q.begun = len(u.bytes) > 0 && !u.text || !u.ends
		if len(u.bytes) == 0 {
			q.units[0] = unit{}
			q.units = q.units[1:]
		}
	}
}

// lost is for a printer that has forgotten what it was sent: what is left of
// a command that it has in part is dropped. It returns how much that was.
// inside says that the command goes on in what is not in the queue yet.
func (q *queue) lost() (dropped int, inside bool) {
	for q.begun && len(q.units) > 0 {
		u := q.units[0]
		q.units = q.units[1:]
		q.size -= len(u.bytes)
		dropped += len(u.bytes)
		q.begun = !u.ends
	}
	inside = q.begun
	q.begun = false
	return dropped, inside
}

// dropRaw drops what nobody looked through, and returns how much that was.
func (q *queue) dropRaw() (dropped int) {
	q.units = slices.DeleteFunc(q.units, func(u unit) bool {
		if u.raw {
			dropped += len(u.bytes)
		}
		return u.raw
	})
	q.size -= dropped
	return dropped
}

// asks reports whether something in it is a question.
func (q *queue) asks() bool {
	for _, u := range q.units {
		if u.asks != formNone {
			return true
		}
	}
	return false
}
