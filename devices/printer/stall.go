package printer

import (
	"time"

	"tillwarden/devices/escpos"
	"tillwarden/enforcer/journal/entry"
)

// A POS that breaks off, or takes for ever, in the middle of a command.

// stall is when an incomplete command is given up, because nothing has come
// for a while.
func (g *Guard) stall() (time.Duration, bool) {
	if !g.filter.Waiting() || g.blocked {
		return 0, false
	}
	if g.away && g.closed >= g.fed-leftBehind {
		return max(g.closed, g.fed) + closedAfter, true
	}
	return g.fed + stallAfter, true
}

// hunger is how long, altogether, the printer has waited for the rest of a
// picture, while somebody waited for the printer. A picture is the one thing
// that cannot be interrupted: a POS that sends it as fast as the printer takes
// it is let finish, one that trickles is not.
type hunger struct {
	total time.Duration
	since time.Duration
	on    bool
	// until is when it is over in any case; 0: never. That is for modes that a
	// POS need not leave, and for pictures that would take long to end.
	until time.Duration
}

// hungerLimit ends a picture, modeLimit a mode. People who are told that the
// printer is busy ask again: for askedAgain it counts as if they still waited.
const (
	askedAgain  = 15 * time.Second
	hungerLimit = 2 * time.Second
	modeLimit   = 8 * time.Second
)

// is takes down whether the printer waits, from now on.
func (h *hunger) is(on bool, now time.Duration) {
	if h.on {
		h.total += now - h.since
	}
	h.on, h.since = on, now
}

// due is when the limit is reached if nothing changes.
func (h *hunger) due() (at time.Duration, some bool) {
	if h.on {
		at, some = h.since+hungerLimit-h.total, true
	}
	if h.until > 0 && (!some || h.until < at) {
		at, some = h.until, true
	}
	return at, some
}

// starved reports whether it has waited for too long, altogether.
func (h *hunger) starved(now time.Duration) bool {
	return h.on && h.total+now-h.since >= hungerLimit
}

// starves takes down how it is with that now. Called with mu held.
func (g *Guard) starves(now time.Duration) {
	if g.wanted == 0 && now >= g.lingers || g.filter.Ground() {
		g.hungry = hunger{}
		return
	}
	if g.hungry.until == 0 && (g.language.modes || g.breaksOff()) {
		g.hungry.until = now + modeLimit
	}
	g.hungry.is(g.trusted && g.queue.size == 0, now)
}

// giveUp reports whether what the POS has begun is to be ended for it, and
// whether it is still being sent. Called with mu held.
func (g *Guard) giveUp(now time.Duration) (over, flows bool) {
	g.starves(now)
	if at, some := g.stall(); some && now >= at {
		return true, false
	}
	if at, some := g.hungry.due(); some && now >= at {
		flows = !g.hungry.starved(now)
		if flows && !g.language.modes && !g.breaksOff() {
			g.hungry.until = 0 // little of the picture is left, and comes: it is let finish
			return false, false
		}
		g.hungry = hunger{}
		g.forced = true // and who waits is served before the POS begins anew
		return true, flows
	}
	return false, false
}

// tooWhite is how much of a picture is missing before it is not filled with
// white, nor let finish while somebody waits for long: on a slow line that takes
// minutes, in which no drawer opens.
const tooWhite = 16 << 10

// breaksOff reports whether the picture under way is large, and the printer can
// be made to forget it. Called with mu held.
func (g *Guard) breaksOff() bool {
	return g.filter.Missing() > tooWhite && g.o.Resync == ResyncClear && g.language.clear != nil && g.line != nil
}

// end ends what the POS has begun: a command is dropped, a small picture filled
// with white. A large one ends by clearing the printer; what had been sent of it
// is lost, and what the POS still sends of it (flows) belongs to nothing. Called
// with mu held.
func (g *Guard) end(flows bool, now time.Duration) {
	if g.breaksOff() {
		g.refusals.add("picture", "ended by clearing the printer", entry.ReasonPrintLost, 0, now)
		g.filter.Cleared()
		if g.distrust() { // it is trusted again once it is cleared and has answered
			g.event(Event{Kind: entry.KindDeviceTrust, Outcome: entry.OutcomeDenied, Reason: entry.ReasonUntrusted, Text: "to be cleared: a picture was broken off"})
		}
		g.clearing, g.hold = true, now+maxHold // who waits is served before the POS goes on
		if flows {
			return
		}
	}
	g.filter.Idle(func(s *escpos.Segment) { g.segment(s, g.arrival(), g.demux.visit, now) })
}
