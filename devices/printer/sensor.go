package printer

import (
	"time"

	"tillwarden/enforcer/journal/entry"
)

// DrawerState is what the sensor says of the drawers on a printer; they share one.
type DrawerState struct {
	// Known: the sensor was read, and it is calibrated.
	Known bool
	Open  bool
	// Since is when it was first seen like this, on the boot clock.
	Since time.Duration
	// Calibrated: the polarity is known.
	Calibrated bool
}

// explains is how long after its pulse a drawer may open by it.
const explains = 2 * time.Second

// sensor makes events of the readings of a drawer's sensor. It is pure.
type sensor struct {
	polarity Polarity
	leftOpen time.Duration
	fallback string // the drawer's name where no pulse tells which

	read    bool // there is a reading
	high    bool
	at      time.Duration // of the last reading
	known   bool          // open is known: read since it was calibrated
	open    bool
	since   time.Duration
	told    bool // that it was left open
	drawer  string
	pending []written
}

// written is a pulse that has not opened a drawer yet.
type written struct {
	drawer string
	about  entry.Seq
	at     time.Duration
	open   bool // the drawer was open when it was written: it may have been on its way shut
}

// setPolarity begins anew: nothing before it is an opening.
func (s *sensor) setPolarity(p Polarity) {
	s.polarity, s.known, s.pending = p, false, nil
	if s.read {
		s.begin(s.at)
	}
}

func (s *sensor) begin(now time.Duration) {
	if s.polarity == PolarityUnknown {
		return
	}
	s.known, s.open, s.since, s.told, s.drawer = true, s.isOpen(), now, false, s.fallback
}

func (s *sensor) isOpen() bool { return s.high == (s.polarity == PolarityHighOpen) }

// pulsed takes a pulse down.
func (s *sensor) pulsed(drawer string, about entry.Seq, now time.Duration) {
	if len(s.pending) == maxHeld {
		s.pending = s.pending[1:]
	}
	s.pending = append(s.pending, written{drawer, about, now, s.known && s.open})
}

// reading takes one reading of the level, and returns what it means. session
// says whether somebody is signed on.
func (s *sensor) reading(high, session bool, now time.Duration) []Event {
	before := s.at
	s.read, s.high, s.at = true, high, now
	if !s.known {
		s.begin(now)
		return nil
	}
	var events []Event
	switch open := s.isOpen(); {
	case open && !s.open:
		events = append(events, s.opening(before, now))
	case !open && s.open:
		events = append(events, Event{Kind: entry.KindDrawerClosed, Drawer: s.drawer, At: now, Elapsed: now - s.since})
		s.open, s.since = false, now
	case open && session && !s.told && now-s.since >= s.leftOpen:
		s.told = true
		events = append(events, Event{Kind: entry.KindDrawerLeftOpen, Drawer: s.drawer, At: now, Elapsed: now - s.since})
	}
	// Pulses that this reading, or one before it, should have shown an effect of.
	for len(s.pending) > 0 && now-s.pending[0].at > explains {
		p := s.pending[0]
		s.pending = s.pending[1:]
		if p.open {
			continue // nothing was to be seen of it
		}
		events = append(events, Event{Kind: entry.KindDrawerNoOpen, Drawer: p.drawer, About: p.about, At: now})
	}
	return events
}

// opening finds the pulse behind an opening, which was some time after the
// reading before. One pulse explains one opening.
func (s *sensor) opening(before, now time.Duration) Event {
	s.open, s.since, s.told, s.drawer = true, now, false, s.fallback
	for i, p := range s.pending {
		if p.at+explains >= before {
			s.pending = append(s.pending[:i], s.pending[i+1:]...)
			s.drawer = p.drawer
			return Event{Kind: entry.KindDrawerOpened, Drawer: p.drawer, About: p.about, At: now}
		}
	}
	return Event{Kind: entry.KindDrawerOpened, Reason: entry.ReasonNoGrant, Drawer: s.drawer, At: now}
}

func (s *sensor) state() DrawerState {
	return DrawerState{Known: s.known, Open: s.known && s.open, Since: s.since, Calibrated: s.polarity != PolarityUnknown}
}
