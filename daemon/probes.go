package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"

	"tillwarden/daemon/api"
	"tillwarden/enforcer"
	"tillwarden/enforcer/journal"
)

// probes show that every part that something depends on makes progress: the
// journal commits, the gate decides, each device's loops come round, and each
// socket answers. A part that answers "not now" is alive: restarting would not
// give it a disk, or a printer its paper. limit is how long a device's loop may be
// at one thing, which is to wait for the disk, or for a device that takes a few bytes.
func (d *Daemon) probes(limit time.Duration) []probe {
	ps := []probe{
		// It goes the way of an append, and writes nothing.
		{"journal", func(ctx context.Context) error {
			err := d.journal.Probe(ctx)
			if errors.Is(err, journal.ErrUnavailable) {
				return nil
			}
			return err
		}},
		// What takes the gate's locks, with an override that cannot be.
		{"gate", func(ctx context.Context) error {
			if err := d.gate.Cancel(ctx, 0, "watchdog"); !errors.Is(err, enforcer.ErrNoOverride) {
				return errors.New("it does not answer as it should")
			}
			return ctx.Err()
		}},
		{"swipes", d.swipes.probe},
	}
	for _, p := range d.pads {
		ps = append(ps, probe{"keypad " + p.name, p.probe})
	}
	for _, u := range d.units {
		ps = append(ps, probe{u.kind + " " + u.name, comesRound(u.loops.Stuck, limit)})
	}
	for _, p := range d.printers {
		ps = append(ps, probe{"printer " + p.name, p.probe(limit)})
	}
	for _, b := range d.boxes {
		ps = append(ps, probe{"drawer " + b.name, b.probe(limit)})
	}
	for _, role := range api.Roles() {
		path := d.sockets[role].Addr().String()
		switch err := unix.Access(path, unix.W_OK); {
		// A socket unit gave it to others than us, or somebody has removed it. A restart of
		// ours would change neither.
		case errors.Is(err, fs.ErrPermission):
			d.problem("watchdog", "may not connect to "+path+", so that nobody looks whether it answers: its socket unit needs SocketUser=tillwarden")
			continue
		case errors.Is(err, fs.ErrNotExist):
			d.problem("watchdog", path+" is not there, so that nobody can ask: systemctl restart tillwardend-"+role.String()+".socket")
			continue
		}
		ps = append(ps, probe{role.String() + " socket", func(ctx context.Context) error { return answers(ctx, path) }})
	}
	return ps
}

// comesRound waits until no loop is stuck, or the round is over.
func comesRound(stuck func(limit time.Duration) error, limit time.Duration) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			err := stuck(limit)
			if err == nil {
				return nil
			}
			select {
			case <-ctx.Done():
				return err
			case <-tick.C:
			}
		}
	}
}

// answers asks a socket how the register is, as everybody else does. To be
// refused, because others ask too much, is an answer as well.
func answers(ctx context.Context, path string) error {
	c := api.NewClient(path)
	defer c.Close()
	for {
		_, err := c.Status(ctx)
		var said *api.Error
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("no answer: %w", ctx.Err())
		case err == nil, errors.As(err, &said) && said.Code != api.CodeUnreachable:
			return nil
		}
		select { // it may be that too many wait to be let in
		case <-ctx.Done():
			return fmt.Errorf("no answer: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// probe goes the way of a swipe. A queue that is full is one that is being
// worked off; whether it is, the next round tells.
func (s *swipes) probe(ctx context.Context) error { return comesBack(ctx, s.probes) }

func (p *pad) probe(ctx context.Context) error { return comesBack(ctx, p.probes) }

// comesBack waits until a loop has taken and answered a question.
func comesBack(ctx context.Context, probes chan<- chan struct{}) error {
	done := make(chan struct{})
	select {
	case probes <- done:
	case <-ctx.Done():
		return ctx.Err()
	}
	<-done
	return nil
}

// probe takes the guard's lock, which everything in it needs.
func (u *printerUnit) probe(limit time.Duration) func(ctx context.Context) error {
	comes := comesRound(u.guard.Stuck, limit)
	return func(ctx context.Context) error {
		u.guard.Status()
		return comes(ctx)
	}
}

// probe takes the drawer's lock, which everything in it needs.
func (u *boxUnit) probe(limit time.Duration) func(ctx context.Context) error {
	comes := comesRound(u.drawer.Stuck, limit)
	return func(ctx context.Context) error {
		u.drawer.State()
		return comes(ctx)
	}
}
