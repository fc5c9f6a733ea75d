package printer

import (
	"time"

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
	// POS need not leave. Pictures end.
	until time.Duration
}

// hungerLimit ends a picture, modeLimit a mode.
const (
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

// starves takes down how it is with that now. Called with mu held.
func (g *Guard) starves(now time.Duration) {
	if g.wanted == 0 || g.filter.Ground() {
		g.hungry = hunger{}
		return
	}
	if g.language.modes && g.hungry.until == 0 {
		g.hungry.until = now + modeLimit
	}
	g.hungry.is(g.trusted && g.queue.size == 0, now)
}

// giveUp reports whether what the POS has begun is to be ended for it. Called
// with mu held.
func (g *Guard) giveUp(now time.Duration) bool {
	g.starves(now)
	if at, some := g.stall(); some && now >= at {
		return true
	}
	if at, some := g.hungry.due(); some && now >= at {
		g.hungry = hunger{}
		g.forced = true // and who waits is served before the POS begins anew
		return true
	}
	return false
}

// tooWhite is how much of a picture is missing before it is not filled with
// white: on a slow line that takes minutes, in which no drawer opens.
const tooWhite = 16 << 10

// breakOff ends a large picture that its POS has given up by clearing the
// printer, where that can be done. What had been sent of it is lost. Called with
// mu held.
func (g *Guard) breakOff(now time.Duration) {
	if g.filter.Missing() <= tooWhite || g.o.Resync != ResyncClear || g.language.clear == nil || g.line == nil {
		return
	}
	g.refusals.add("picture", "the rest did not come", entry.ReasonPrintLost, 0, now)
	g.filter.Cleared()
	if g.distrust() { // it is trusted again once it is cleared and has answered
		g.event(Event{Kind: entry.KindDeviceTrust, Outcome: entry.OutcomeDenied, Reason: entry.ReasonUntrusted, Text: "to be cleared: a picture was broken off"})
	}
}
