package enforcer

import "tillwarden/enforcer/journal/entry"

// Event tells what the gate has journaled, for pages, slips and feedback at
// the lane. Events of one register may arrive out of order: Seq orders them.
type Event struct {
	Kind     entry.Kind
	Seq      entry.Seq   // zero: the journal could not take it (yet)
	Entry    entry.Entry // as journaled
	Decision *Decision   // the answer, where it was one
	Override *Override   // the override that it is about
	Session  *Session    // who is signed on now
}

func (g *Gate) emit(e entry.Entry, d *Decision, o *Override) {
	if g.opt.Events == nil {
		return
	}
	s := g.Snapshot()
	if o == nil {
		o = s.Override
	}
	g.opt.Events(Event{Kind: e.Kind, Seq: e.Seq, Entry: e, Decision: d, Override: o, Session: s.Session})
}
