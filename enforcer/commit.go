package enforcer

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"tillwarden/enforcer/durable"
	"tillwarden/enforcer/journal/entry"
)

// owed is an entry of something that has taken effect already.
type owed struct {
	e entry.Entry
	d *Decision
	o *Override
}

// maxOwed bounds what is owed to a journal that takes nothing: no more can
// come together, as what permits is not done while the journal fails.
const maxOwed = 256

// owe notes an entry for the next flush. Called with mu held, in the order in
// which things took effect.
func (g *Gate) owe(e entry.Entry, d *Decision, o *Override) {
	if e.Stamp == (entry.Stamp{}) {
		e.Stamp = g.clock.Stamp()
	}
	if len(g.owed) < maxOwed {
		g.owed = append(g.owed, owed{e, d, o})
	}
}

// record commits an entry that no state is folded from, with no lock held.
func (g *Gate) record(ctx context.Context, essential bool, e *entry.Entry) error {
	if g.ctx.Err() != nil {
		return fmt.Errorf("journaling %v: %w", e.Kind, ErrClosed)
	}
	e.Stamp = g.clock.Stamp()
	seqs, err := g.opt.Journal.Append(ctx, essential, *e)
	if err != nil {
		return fmt.Errorf("journaling %v: %w", e.Kind, err)
	}
	if len(seqs) != 1 || seqs[0] == 0 {
		return fmt.Errorf("journaling %v: the journal gave %d sequence numbers for one entry", e.Kind, len(seqs))
	}
	e.Seq = seqs[0]
	return nil
}

// commit commits entries in order, after what is owed, and folds them into
// the state. What is owed is folded even if the journal fails: it has taken
// effect already.
func (g *Gate) commit(ctx context.Context, essential bool, es ...entry.Entry) ([]entry.Entry, error) {
	if g.ctx.Err() != nil {
		return nil, fmt.Errorf("journaling: %w", ErrClosed)
	}
	if err := g.order.acquire(ctx); err != nil {
		return nil, fmt.Errorf("waiting for the journal: %w", err)
	}
	late, es, err := g.write(ctx, essential, es)
	g.save()
	g.order.release()
	for _, o := range late {
		g.emit(o.e, o.d, o.o)
		g.watchBreaks([]entry.Entry{o.e})
	}
	g.watchBreaks(es)
	return es, err
}

// flush commits what is owed.
func (g *Gate) flush(ctx context.Context) error {
	_, err := g.commit(ctx, true)
	return err
}

// write appends what is owed and then es, in one go. Called with order held.
func (g *Gate) write(ctx context.Context, essential bool, es []entry.Entry) (late []owed, done []entry.Entry, err error) {
	g.mu.Lock()
	late = g.owed
	g.owed = nil
	g.mu.Unlock()

	all := make([]entry.Entry, 0, len(late)+len(es))
	for _, o := range late {
		all = append(all, o.e)
	}
	for _, e := range es {
		e.Stamp = g.clock.Stamp()
		all = append(all, e)
	}
	if len(all) == 0 {
		return nil, nil, nil
	}
	seqs, err := g.opt.Journal.Append(ctx, essential || len(late) > 0, all...)
	if err == nil && (len(seqs) != len(all) || slices.Contains(seqs, 0)) {
		err = fmt.Errorf("the journal gave %d sequence numbers for %d entries", len(seqs), len(all))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		for i := range late {
			g.state.apply(&late[i].e)
		}
		g.owed = append(late, g.owed...)
		return nil, nil, fmt.Errorf("journaling %v: %w", all[len(all)-1].Kind, err)
	}
	for i := range all {
		all[i].Seq = seqs[i]
		g.state.apply(&all[i])
	}
	for i := range late {
		late[i].e.Seq = seqs[i]
	}
	return late, all[len(late):], nil
}

// save writes the state file if it would differ. Failing is no reason to undo
// anything: the journal has it all. Called with order held.
func (g *Gate) save() {
	if g.opt.StatePath == "" {
		return
	}
	g.mu.Lock()
	if s, live := g.state.Session, g.snap.Load().Session; s != nil && live != nil && s.ID == live.ID {
		s.Name = live.Subject.Name // a new roster may have another
	}
	raw, err := g.state.marshal()
	g.mu.Unlock()
	if err == nil && !bytes.Equal(raw, g.saved) {
		if err = durable.Replace(g.opt.StatePath, raw, 0o600); err == nil {
			g.saved = raw
		}
	}
	g.report(err)
}
