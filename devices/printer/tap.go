package printer

import (
	"context"
	"errors"
	"time"
)

// Tapped is what came from the POS at one time.
type Tapped struct {
	// At is the boot clock's time.
	At time.Duration
	// Job counts how often the POS has opened the port, from 1. Of jobs that
	// follow one another at once the first may be read as of the second.
	Job   int
	Bytes []byte
	// Lost is how many bytes were left out here; there are no Bytes then.
	Lost int
}

// ErrTapped: only one can listen at a time.
var ErrTapped = errors.New("somebody listens to this printer's POS already")

// maxTapped bounds what waits for who listens.
const maxTapped = 64 << 10

// tap is somebody who listens to what the POS sends.
type tap struct {
	first  int // the visit of the first job
	pieces []Tapped
	size   int
}

// Tap gives what the POS sends from now on, before the filter, until give fails
// or ctx ends. begin is called first, once nobody else listens; where it fails
// nothing is given. Listening holds neither the POS nor the printer up: what is
// not taken in time is left out, and counted.
func (g *Guard) Tap(ctx context.Context, begin func() error, give func(Tapped) error) error {
	g.mu.Lock()
	if g.tap != nil {
		g.mu.Unlock()
		return ErrTapped
	}
	t := &tap{first: g.demux.visit}
	if g.away {
		t.first-- // what it left behind is read as of before
	}
	g.tap = t
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		g.tap = nil
		g.mu.Unlock()
	}()
	if err := begin(); err != nil {
		return err
	}
	for {
		g.mu.Lock()
		pieces, changed := t.pieces, g.changed
		t.pieces, t.size = nil, 0
		g.mu.Unlock()
		for _, p := range pieces {
			if err := give(p); err != nil {
				return err
			}
		}
		if len(pieces) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// tapped lets who listens have what the POS has sent. Called with mu held.
func (g *Guard) tapped(b []byte, visit int, now time.Duration) {
	t := g.tap
	if t == nil || len(b) == 0 {
		return
	}
	p := Tapped{At: now, Job: visit - t.first + 1}
	if t.size+len(b) <= maxTapped {
		p.Bytes = append([]byte(nil), b...)
		t.size += len(b)
	} else {
		p.Lost = len(b)
		if last := len(t.pieces) - 1; t.pieces[last].Lost > 0 {
			t.pieces[last].Lost += p.Lost
			return
		}
		t.size = maxTapped // nothing more until it is taken: what is lost is in one place
	}
	t.pieces = append(t.pieces, p)
}
