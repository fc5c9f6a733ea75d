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
	d      *Daemon
	queue  chan msr.Swipe
	probes chan chan struct{} // answered by closing: the loop goes round

	mu    sync.Mutex
	enrol *enrolment // guarded by mu
}

const (
	// A card that was swiped while three others wait is dropped: nobody swipes so fast.
	maxSwipes = 3
	// That one was taken out is not: there is room for more of those than anybody does
	// while three swipes are looked at.
	swipeQueue = 32
)

func newSwipes(d *Daemon) *swipes {
	return &swipes{d: d, queue: make(chan msr.Swipe, swipeQueue), probes: make(chan chan struct{})}
}

// take is the reader's: it gives a swipe over and returns at once.
func (s *swipes) take(sw msr.Swipe) {
	if sw.Removed || len(s.queue) < maxSwipes {
		select {
		case s.queue <- sw:
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
		case sw := <-s.queue:
			s.one(ctx, sw)
		case done := <-s.probes:
			close(done)
		case <-ctx.Done():
			for {
				select {
				case sw := <-s.queue:
					sw.Wipe()
				default:
					return
				}
			}
		}
	}
}

func (s *swipes) one(ctx context.Context, sw msr.Swipe) {
	defer sw.Wipe()
	if sw.Removed {
		s.removed(ctx, sw.Source)
		return
	}
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
func (s *swipes) removed(ctx context.Context, reader string) {
	r, err := s.d.service().CardRemoved(ctx, reader)
	if err != nil {
		s.d.log.Error("a card was removed", "reader", reader, "err", err)
	}
	s.d.log.Debug("card removed", "reader", reader, "action", r.Action.String())
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
