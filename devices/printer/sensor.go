package printer

import (
	"strings"
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

// Sensor makes events of the readings of the sensor of one drawer, or of several
// that share it. It is pure: time comes in as a parameter.
type Sensor struct {
	polarity Polarity
	leftOpen time.Duration
	drawers  []string // that hang on it; the first is named where no pulse tells which

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

// NewSensor makes a sensor that was not read yet. The drawers are those that show
// on it; an open one left for leftOpen in a session is told of.
func NewSensor(p Polarity, leftOpen time.Duration, drawers ...string) Sensor {
	return Sensor{polarity: p, leftOpen: leftOpen, drawers: drawers}
}

// SetPolarity begins anew: nothing before it is an opening.
func (s *Sensor) SetPolarity(p Polarity) {
	s.polarity, s.known, s.pending = p, false, nil
	if s.read {
		s.begin(s.at)
	}
}

func (s *Sensor) begin(now time.Duration) {
	if s.polarity == PolarityUnknown {
		return
	}
	s.known, s.open, s.since, s.told, s.drawer = true, s.isOpen(), now, false, s.first()
}

// first is the drawer that is named where nothing tells which.
func (s *Sensor) first() string {
	if len(s.drawers) == 0 {
		return ""
	}
	return s.drawers[0]
}

func (s *Sensor) isOpen() bool { return s.high == (s.polarity == PolarityHighOpen) }

// Pulsed takes a pulse down.
func (s *Sensor) Pulsed(drawer string, about entry.Seq, now time.Duration) {
	if len(s.pending) == maxHeld {
		s.pending = s.pending[1:]
	}
	s.pending = append(s.pending, written{drawer, about, now, s.known && s.open})
}

// Reading takes one reading of the level, and returns what it means. session
// says whether somebody is signed on.
func (s *Sensor) Reading(high, session bool, now time.Duration) []Event {
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
// reading before. One pulse explains one opening. Drawers that share a sensor
// show as one: a second one's opening is not to be seen while the first stands
// open, and is not missed; and which one was opened by hand nobody can tell.
func (s *Sensor) opening(before, now time.Duration) Event {
	s.open, s.since, s.told, s.drawer = true, now, false, s.first()
	for i, p := range s.pending {
		if p.at+explains < before {
			continue
		}
		s.pending = append(s.pending[:i], s.pending[i+1:]...)
		for j := range s.pending {
			if other := &s.pending[j]; other.drawer != p.drawer {
				other.open = true
			}
		}
		s.drawer = p.drawer
		return Event{Kind: entry.KindDrawerOpened, Drawer: p.drawer, About: p.about, At: now}
	}
	e := Event{Kind: entry.KindDrawerOpened, Reason: entry.ReasonNoGrant, Drawer: s.drawer, At: now}
	if len(s.drawers) > 1 {
		e.Text = "or " + strings.Join(s.drawers[1:], ", ") + ": they share one sensor"
	}
	return e
}

// State is what the readings have shown.
func (s *Sensor) State() DrawerState {
	return DrawerState{Known: s.known, Open: s.known && s.open, Since: s.since, Calibrated: s.polarity != PolarityUnknown}
}
