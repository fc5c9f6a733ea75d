package daemon

import (
	"context"
	"sync"

	"tillwarden/devices/msr"
	"tillwarden/signon"
	"tillwarden/signon/card"
)

// swipes brings what a reader reads to where it belongs: to an enrolment that
// waits for a card, else to signon, which knows what a swipe means in each
// state. A swipe is dealt with in its own goroutine, one after the other, so that
// the reader is never held up.
type swipes struct {
	d       *Daemon
	queue   chan arrival
	leaving chan *removal      // what holds at once, see leave
	probes  chan chan struct{} // answered by closing: the loop goes round

	mu    sync.Mutex
	enrol *enrolment // guarded by mu

	// taking is held for a moment only: readers do not wait for what is done with a card.
	taking  sync.Mutex
	waiting int             // guarded by taking; swipes in the queue
	empty   map[string]bool // guarded by taking; by reader: the last that came of it was a removal
}

// arrival is a swipe, or that a card was taken out.
type arrival struct {
	msr.Swipe
	out *removal // nil: a swipe
}

// removal is that a card was taken out of a reader.
type removal struct {
	reader string
	mu     sync.Mutex
	done   bool // guarded by mu; it had its turn
}

const (
	// A card that was swiped while three others wait is dropped: nobody swipes so fast.
	maxSwipes = 3
	// That one was taken out is not: there is room for one behind each swipe that waits, and
	// one more of each reader, however many a register has.
	swipeQueue = 32
)

func newSwipes(d *Daemon) *swipes {
	return &swipes{
		d: d, queue: make(chan arrival, swipeQueue), leaving: make(chan *removal, swipeQueue),
		probes: make(chan chan struct{}), empty: map[string]bool{},
	}
}

// take is the reader's: it gives a swipe over and returns at once. A reader that says
// again and again that it is empty says it once.
func (s *swipes) take(sw msr.Swipe) {
	s.taking.Lock()
	defer s.taking.Unlock()
	if sw.Removed && s.empty[sw.Source] {
		return
	}
	a := arrival{Swipe: sw}
	if sw.Removed {
		a.out = &removal{reader: sw.Source}
	}
	if sw.Removed || s.waiting < maxSwipes {
		select {
		case s.queue <- a:
			s.empty[sw.Source] = sw.Removed
			if !sw.Removed {
				s.waiting++
				return
			}
			select {
			case s.leaving <- a.out:
			default: // it has its turn
			}
			return
		default:
		}
	}
	sw.Wipe()
	s.d.log.Warn("a swipe was dropped: others are still being looked at", "reader", sw.Source)
}

// run deals with swipes until ctx ends. What waits then is wiped.
func (s *swipes) run(ctx context.Context) {
	for {
		select {
		case a := <-s.queue:
			if a.out != nil {
				s.removed(ctx, a.out)
				continue
			}
			s.taking.Lock()
			s.waiting--
			s.taking.Unlock()
			s.one(ctx, a.Swipe)
		case done := <-s.probes:
			close(done)
		case <-ctx.Done():
			for {
				select {
				case a := <-s.queue:
					a.Wipe()
				default:
					return
				}
			}
		}
	}
}

// leave does, until ctx ends, what it means to the session that a card was taken out,
// ahead of its turn: what was read before it may be kept waiting for many seconds, after
// strangers' cards, and a session that nobody's card holds must not stay open as long.
func (s *swipes) leave(ctx context.Context) {
	for {
		select {
		case r := <-s.leaving:
			r.mu.Lock()
			if !r.done {
				if err := s.d.service().CardLeaves(ctx, r.reader); err != nil {
					s.d.log.Error("a card was removed", "reader", r.reader, "err", err)
				}
			}
			r.mu.Unlock()
		case <-ctx.Done():
			return
		}
	}
}

func (s *swipes) one(ctx context.Context, sw msr.Swipe) {
	defer sw.Wipe()
	s.d.touch()
	c := s.read(sw)
	// What waits for approval comes first: a console that waits for a card keeps no
	// manager's from approving.
	if s.d.gate.Snapshot().Override == nil {
		if e := s.disarmed(); e != nil {
			e.take(c) // who waits wipes it
			return
		}
	}
	r, err := s.d.present(ctx, signon.Credential{Card: c, Source: sw.Source})
	if err != nil {
		s.d.log.Error("a swipe could not be dealt with", "reader", sw.Source, "err", err)
		return
	}
	s.d.log.Debug("swipe", "reader", sw.Source, "action", r.Action.String(), "reason", r.Reason.String())
	s.d.wait(r)
}

// removed is that a card was taken out of a reader. It is nobody's activity, and what
// waits for a card goes on waiting.
func (s *swipes) removed(ctx context.Context, out *removal) {
	out.mu.Lock()
	defer out.mu.Unlock()
	out.done = true
	r, err := s.d.service().CardRemoved(ctx, out.reader)
	if err != nil {
		s.d.log.Error("a card was removed", "reader", out.reader, "err", err)
	}
	s.d.log.Debug("card removed", "reader", out.reader, "action", r.Action.String())
	s.d.pin.forget(r.Token)
}

// read classifies a swipe. What could not be read is an unreadable card, so
// that it takes the same way.
func (s *swipes) read(sw msr.Swipe) *card.Card {
	var encoding card.Encoding
	switch sw.Encoding {
	case msr.EncodingISO:
		encoding = card.EncodingISO
	case msr.EncodingAAMVA:
		encoding = card.EncodingAAMVA
	case msr.EncodingOther:
		encoding = card.EncodingOther
	}
	return card.Read(sw.Report(), card.Options{Encoding: encoding}, s.d.formats())
}

// arm lets the next card be enrolled; false: another one is waited for.
func (s *swipes) arm(e *enrolment) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.enrol != nil {
		return false
	}
	s.enrol = e
	return true
}

// disarm takes an enrolment back; false: its card came.
func (s *swipes) disarm(e *enrolment) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.enrol != e {
		return false
	}
	s.enrol = nil
	return true
}

// disarmed gives the enrolment that the swipe at hand belongs to.
func (s *swipes) disarmed() *enrolment {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.enrol
	s.enrol = nil
	return e
}

// cardFormats makes the operator card formats of a configuration.
func cardFormats(c *SignOnConfig) ([]card.Format, error) {
	var formats []card.Format
	for i := range c.Cards { // the site's own first
		f, err := c.Cards[i].format()
		if err != nil {
			return nil, err
		}
		formats = append(formats, f)
	}
	named, err := card.Named(c.Formats...)
	return append(formats, named...), err
}

// wait lets the keypad's next line be what somebody's credential still needs.
func (d *Daemon) wait(r signon.Result) {
	switch {
	case r.NeedPIN:
		d.pin.ask(r.Token)
	case r.NeedWhy:
		d.why.ask(r.Token)
	}
}

// waitingLine is somebody who waits at the keypad: a card for its PIN, or who
// approves for the reason's code.
type waitingLine struct {
	mu    sync.Mutex
	token string // guarded by mu
	drop  func(token string)
}

// waits reports whether somebody waits.
func (w *waitingLine) waits() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.token != ""
}

// ask waits for another line from now on.
func (w *waitingLine) ask(token string) {
	w.mu.Lock()
	old := w.token
	w.token = token
	w.mu.Unlock()
	if old != "" && old != token {
		w.drop(old)
	}
}

// take gives who waits, once.
func (w *waitingLine) take() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.token
	w.token = ""
	return t
}

// forget forgets one who waits, who has been dropped.
func (w *waitingLine) forget(token string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.token == token {
		w.token = ""
	}
}

// clear forgets who waits: they pressed Clear.
func (w *waitingLine) clear() {
	if t := w.take(); t != "" {
		w.drop(t)
	}
}
