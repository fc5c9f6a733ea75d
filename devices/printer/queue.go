package printer

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
}

// Bounds: how much is taken from the POS ahead of the printer, how much is
// written at a time, and how much may wait in the kernel.
const (
	maxQueued = 4096
	maxWrite  = 256
	maxKernel = 512
)

func (q *queue) add(u unit) {
	q.size += len(u.bytes)
	if n := len(q.units); n > 0 && u.text && q.units[n-1].text && len(q.units[n-1].bytes) < maxWrite {
		last := &q.units[n-1]
		last.bytes = append(last.bytes, u.bytes...)
		return
	}
	u.bytes = append([]byte(nil), u.bytes...)
	q.units = append(q.units, u)
}

// first is what to write next.
func (q *queue) first() unit {
	if len(q.units) == 0 {
		return unit{}
	}
	u := q.units[0]
	u.bytes = u.bytes[:min(len(u.bytes), maxWrite)]
	if q.begun {
		u.asks = formNone // it was asked with its first byte
	}
	return u
}

// wrote takes n bytes away.
func (q *queue) wrote(n int) {
	if n == 0 {
		return
	}
	u := &q.units[0]
	u.bytes = u.bytes[n:]
	q.size -= n
	q.begun = len(u.bytes) > 0 && !u.text || !u.ends
	if len(u.bytes) == 0 {
		q.units[0] = unit{}
		q.units = q.units[1:]
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
