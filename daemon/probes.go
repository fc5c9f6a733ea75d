package daemon

import (
	"context"
	"errors"

	"tillwarden/enforcer"
	"tillwarden/enforcer/journal"
)

// probes show that the parts that everything depends on make progress. A part
// that answers "not now" is alive: restarting would not give it a disk.
func (d *Daemon) probes() []probe {
	ps := []probe{
		{"journal", func(ctx context.Context) error {
			err := d.journal.Probe(ctx)
			if errors.Is(err, journal.ErrUnavailable) || errors.Is(err, journal.ErrBusy) {
				return nil
			}
			return err
		}},
		// What takes the gate's locks, with an override that cannot be.
		{"gate", func(ctx context.Context) error {
			if err := d.gate.Cancel(ctx, 0, "watchdog"); !errors.Is(err, enforcer.ErrNoOverride) {
				return errors.New("the gate does not answer as it should")
			}
			return ctx.Err()
		}},
		{"swipes", d.swipes.probe},
	}
	for _, p := range d.pads {
		ps = append(ps, probe{"keypad " + p.name, p.probe})
	}
	for _, p := range d.printers {
		ps = append(ps, probe{"printer " + p.name, p.probe})
	}
	for _, b := range d.boxes {
		ps = append(ps, probe{"drawer " + b.name, b.probe})
	}
	return ps
}

// probe goes the way of a swipe. A queue that is full is one that is being
// worked off; whether it is, the next round tells.
func (s *swipes) probe(ctx context.Context) error {
	done := make(chan struct{})
	select {
	case s.probes <- done:
	case <-ctx.Done():
		return ctx.Err()
	}
	<-done
	return nil
}

func (p *pad) probe(ctx context.Context) error {
	done := make(chan struct{})
	select {
	case p.probes <- done:
	case <-ctx.Done():
		return ctx.Err()
	}
	<-done
	return nil
}
