package readings

import (
	"errors"
	"fmt"
	"strings"
)

// Kind is what a stream brings about.
type Kind uint8

// The kinds.
const (
	_        Kind = iota
	Pulse         // a drawer opens, and nobody granted it
	Granted       // a drawer opens by what the daemon wrote
	Deselect      // the printer stops listening
	Store         // bytes are stored to be replayed, or replayed
	Escape        // dialect, settings, tests, or the real-time kick switched on
	Clear         // buffers are cleared, or the printer is reset or off
)

var kindNames = [...]string{"nothing", "pulse", "granted pulse", "deselected", "stored", "escaped", "cleared"}

// String gives the kind's word.
func (k Kind) String() string { return kindNames[k] }

// granting is what the daemon's own bytes bring about.
func granting(k Kind) Kind {
	if k == Pulse {
		return Granted
	}
	return 0
}

// Finding is something that a stream brings about under some reading.
type Finding struct {
	Kind   Kind
	Pin    int   // which drawer, 1 or 2
	Offset int64 // of the byte that does it
	Trail  string
	steps  int
}

// String tells it.
func (f Finding) String() string {
	return fmt.Sprintf("%s by byte %d: %s", f.Kind, f.Offset, f.Trail)
}

// step is a choice on the way to a state.
type step struct {
	before *step
	offset int64
	b      byte
	tags   Choice
	depth  int
}

func (s *step) String() string {
	var list []string
	for ; s != nil; s = s.before {
		list = append(list, fmt.Sprintf("at %d (%02X) %s", s.offset, s.b, s.tags))
	}
	if list == nil {
		return "as the manuals say"
	}
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return strings.Join(list, "; ")
}

// ErrBound: there are more readings than can be held. What was found stands;
// that nothing else was says nothing.
var ErrBound = errors.New("more readings than can be held")

// MaxStates is how many states are held.
const MaxStates = 1 << 16

// Readings are all printers of a language at once, each having been sent the
// same bytes. Make them with [New]. For one goroutine.
type Readings struct {
	m         *machine
	now, next map[state]*step
	offset    int64
	found     map[Kind]Finding
	err       error
}

// New begins with a printer that was just switched on.
func New(l *Language) *Readings {
	return &Readings{
		m: newMachine(l), now: map[state]*step{{}: nil}, next: map[state]*step{},
		found: map[Kind]Finding{},
	}
}

// NewLossy adds that one byte, anywhere, may be lost on the way. (A byte of a
// payload may be in any case: there the printer's buffer is full.)
func NewLossy(l *Language) *Readings {
	r := New(l)
	r.m.lossy = true
	return r
}

// Send sends the next bytes, in whatever pieces: printers do not see pieces.
func (r *Readings) Send(p []byte) {
	for _, b := range p {
		r.send(b, false)
	}
}

// SendOwn sends bytes that the daemon wrote: a pulse that is in them from its
// first byte to its last is granted.
func (r *Readings) SendOwn(p []byte) {
	for _, b := range p {
		r.send(b, true)
	}
}

func (r *Readings) send(b byte, isOwn bool) {
	if r.err != nil {
		return
	}
	clear(r.next)
	for s, trail := range r.now {
		r.take(r.m.read(s, b, isOwn), b, trail)
	}
	r.replay()
	r.now, r.next = r.next, r.now
	r.offset++
}

// take enters what may become of a state.
func (r *Readings) take(outcomes []outcome, b byte, trail *step) {
	for i := range outcomes {
		o := &outcomes[i]
		for _, k := range o.found {
			if k != 0 {
				r.note(k, int(o.pin), r.after(trail, b, o.tags))
			}
		}
		r.enter(o.state, b, trail, o.tags)
	}
	if r.m.overflow {
		r.err = fmt.Errorf("%w: a macro of more than %d bytes", ErrBound, maxMacro)
	}
}

// note keeps the first finding of a kind, with the shortest account of it.
func (r *Readings) note(k Kind, pin int, trail *step) {
	steps := 0
	if trail != nil {
		steps = trail.depth
	}
	if was, is := r.found[k]; is && (was.Offset < r.offset || was.steps <= steps) {
		return
	}
	r.found[k] = Finding{k, pin, r.offset, trail.String(), steps}
}

func (r *Readings) after(trail *step, b byte, tags Choice) *step {
	if tags == 0 {
		return trail
	}
	depth := 1
	if trail != nil {
		depth += trail.depth
	}
	return &step{trail, r.offset, b, tags, depth}
}

// enter keeps a state with the shortest account of how to get there.
func (r *Readings) enter(s state, b byte, trail *step, tags Choice) {
	depth := 0
	if trail != nil {
		depth = trail.depth
	}
	if tags != 0 {
		depth++
	}
	if was, is := r.next[s]; is && (was == nil || was.depth <= depth) {
		return
	}
	if len(r.next) >= MaxStates {
		r.err = fmt.Errorf("%w: %d states at byte %d", ErrBound, len(r.next), r.offset)
		return
	}
	r.next[s] = r.after(trail, b, tags)
}

// replay runs the macros that have been started.
func (r *Readings) replay() {
	for busy := true; busy && r.err == nil; {
		busy = false
		for s, trail := range r.next {
			if s.input == 0 {
				continue
			}
			busy = true
			delete(r.next, s)
			b := r.m.texts[s.input][s.at]
			r.take(r.m.again(s), b, trail)
		}
	}
}

// Press presses FEED.
func (r *Readings) Press() {
	clear(r.next)
	for s, trail := range r.now {
		if s.has(armed) && s.macro != 0 {
			s.input, s.at = s.macro, 0
			s = s.fresh().set(replaying, true)
		}
		r.next[s] = trail
	}
	r.replay()
	r.now, r.next = r.next, r.now
}

// PowerCycle switches the printer off and on.
func (r *Readings) PowerCycle() {
	clear(r.next)
	for s, trail := range r.now {
		r.enter(s.powerCycled(), 0, trail, 0)
	}
	r.now, r.next = r.next, r.now
}

// Interrupt is an error, an open cover or a reset line: printers may have
// forgotten what they were in.
func (r *Readings) Interrupt() {
	clear(r.next)
	for s, trail := range r.now {
		r.enter(s, 0, trail, 0)
		s = s.fresh()
		s.rt, s.word = rtNone, 0
		r.enter(s, 0, trail, Interrupted)
	}
	r.now, r.next = r.next, r.now
}

// Found tells whether, under some reading, this was brought about, and the first
// time that it was.
func (r *Readings) Found(k Kind) (Finding, bool) {
	f, is := r.found[k]
	return f, is
}

// Unasked is what was brought about that nobody granted, the worst first.
func (r *Readings) Unasked() (Finding, bool) {
	for _, k := range []Kind{Pulse, Store, Escape, Deselect, Clear} {
		if f, is := r.found[k]; is {
			return f, true
		}
	}
	return Finding{}, false
}

// Language is the name of what the printers speak.
func (r *Readings) Language() string { return r.m.l.name }

// Err is ErrBound if some readings could not be followed.
func (r *Readings) Err() error { return r.err }

// States is how many states printers could be in now.
func (r *Readings) States() int { return len(r.now) }

// Offset is how many bytes were sent.
func (r *Readings) Offset() int64 { return r.offset }
