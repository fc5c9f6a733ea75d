package printer

import (
	"time"

	"tillwarden/devices/escpos"
	"tillwarden/enforcer/journal/entry"
)

// In break-glass printing passes (Options.Pass): what the filter refuses because
// it does not understand it goes to the printer as it came, and so does what the
// second look would cut. This is the one exception to invariant 3: in such bytes
// the printer may find a kick of its own. Kicks that the dialect knows are taken
// out and decided as ever, and orders that it knows and never lets through
// (settings, memory, macros) stay refused: they would outlast the evening. From
// a connection of which nobody knows whose it is nothing passes that would not
// at other times: what two persons have opened, they have opened to the POS.
//
// After the first such byte nobody knows the printer's state. The daemon goes on
// as if it did, for the drawers must open; when the mode is over the printer is
// distrusted, and is resynchronised before anything else goes to it.

// passing is what is kept for that.
type passing struct {
	came  []byte // what the POS sent lately
	from  int64  // where in the stream that begins
	dirty bool   // bytes were passed that nobody understood
}

// keepCame is how much of the stream is kept at least: a refused command that is
// longer stays refused.
const keepCame = 256 << 10

// remember keeps what is about to be fed, while printing passes. Called with mu held.
func (g *Guard) remember(p []byte) {
	k := &g.raw
	if !g.passesNow() {
		k.came = nil
		return
	}
	if len(k.came) == 0 {
		k.from = g.filter.Offset()
	}
	k.came = append(k.came, p...)
	if over := len(k.came) - keepCame; over > keepCame {
		k.came = append(k.came[:0], k.came[over:]...)
		k.from += int64(over)
	}
}

func (g *Guard) passesNow() bool { return g.o.Pass != nil && g.o.Pass() }

// passes gives what a refused segment stands for, if it goes to the printer all
// the same. Called with mu held.
func (g *Guard) passes(s *escpos.Segment) []byte {
	k := &g.raw
	at := s.Offset - k.from
	if len(k.came) == 0 || s.Withheld() || s.In == 0 || at < 0 || at+int64(s.In) > int64(len(k.came)) {
		return nil
	}
	return k.came[at : at+int64(s.In)]
}

// forward sends bytes on that nobody looked through. Called with mu held.
func (g *Guard) forward(b []byte, s *escpos.Segment, why string, visit int, now time.Duration) {
	g.raw.dirty = true
	g.refusals.passed(s.Name, why, len(b), now)
	g.wire.Sent(b)
	g.queue.add(unit{bytes: b, text: true, ends: true, visit: visit, raw: true})
}

// sober distrusts a printer that got bytes nobody understood, once that is over, and
// drops those that still wait for it. It is asked before anything is written. Called
// with mu held.
func (g *Guard) sober() {
	if !g.raw.dirty || g.passesNow() {
		return
	}
	g.raw = passing{}
	if n := g.queue.dropRaw(); n > 0 {
		g.refusals.add("print", "waited for the printer until break-glass was over", entry.ReasonModeChanged, n, g.o.Now())
		g.notify()
	}
	if g.line == nil {
		return // it is not trusted anyway
	}
	g.line.cleared, g.line.silence = false, false
	if g.distrust() {
		g.event(Event{
			Kind: entry.KindDeviceTrust, Outcome: entry.OutcomeDenied, Reason: entry.ReasonModeChanged,
			Text: "to be resynchronised after break-glass: " + g.o.Resync.String(),
		})
	}
	g.notify()
}
