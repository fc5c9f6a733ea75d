package printer

import (
	"context"
	"errors"
	"sync"

	"tillwarden/devices"
	"tillwarden/devices/keep"
	"tillwarden/devices/loopback"
)

// The ports that a POS attaches to. One that cannot be had is tried again, and
// keeps neither the other one nor the printer from working.

// seats says who has the floor, before anybody sits there.
func (g *Guard) seats(m *memo) {
	if g.o.Link == "" {
		keep.Discard(g.o.Keep, devices.KeptPTY)
	}
	if g.o.Listen == nil {
		keep.Discard(g.o.Keep, loopback.KeptListener)
		keep.Discard(g.o.Keep, loopback.KeptConnection)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if m != nil {
		g.pty.away = m.PTYAway
		if m.Floor == 0 {
			g.pty.unfed = m.Unfed
		}
	}
	if g.o.Link == "" {
		g.floor = nil
	}
	if m != nil && m.Floor != 0 { // a connection has it still, if it is there
		g.floor = &seat{number: m.Floor, unfed: m.Unfed, unknown: m.FloorUnknown}
	}
}

// runLink makes the pty, however long that takes, and reads from it until end is
// closed. tried is called when that was tried once.
func (g *Guard) runLink(ctx context.Context, tried func(), end <-chan struct{}) error {
	if g.o.Link == "" {
		tried()
		return nil
	}
	var link *devices.PTY
	if devices.Persist(ctx, g.o.Backoff, func() (err error) {
		defer tried()
		link, err = devices.OpenPTY(devices.PTYConfig{
			Link: g.o.Link, Mode: g.o.Mode, Group: g.o.Group, OnOpen: g.posOpened, OnClose: g.posClosed, Keep: g.o.Keep,
		})
		return err
	}, func(err error) { g.o.Attached(g.o.Link, err) }) != nil {
		return nil // it was told, and all ends
	}
	g.mu.Lock()
	g.pty.front, g.pty.settle = link, link.Settle
	g.notify()
	g.mu.Unlock()
	left := make(chan error, 1)
	go func() {
		<-end
		left <- link.Leave()
	}()
	_ = g.pump(ctx, g.pty) // ends with the pty
	return <-left
}

// runPort makes the loopback port, however long that takes, and serves its
// connections until the context ends. It returns what is left of the one that
// was served then. tried is as for runLink.
func (g *Guard) runPort(ctx context.Context, m *memo, tried func()) (*loopback.Left, error) {
	if g.o.Listen == nil {
		g.abandon(m, nil)
		tried()
		return nil, nil //nolint:nilnil // nothing is left
	}
	c := *g.o.Listen
	c.Keep, c.Refused = g.o.Keep, g.clientRefused
	c.Note = func() any { return g.arrival() }
	var left *loopback.Left
	if m != nil {
		left = m.Left
	}
	var port *loopback.Listener
	told := func(err error) { g.o.Attached(c.Address, err) }
	if devices.Persist(ctx, g.o.Backoff, func() (err error) {
		defer tried()
		port, err = loopback.Listen(ctx, c, left)
		g.abandon(m, port)
		left, m = nil, nil
		return err
	}, told) != nil {
		if c.Given != nil {
			c.Given.Close()
		}
		return nil, nil //nolint:nilnil // it was told, and all ends
	}
	err := port.Run(ctx, g.serve)
	if err != nil && ctx.Err() == nil {
		told(err)
	}
	return port.Left(), err
}

// abandon takes the floor from a connection that had it when the last process
// ended, and is not there any more.
func (g *Guard) abandon(m *memo, port *loopback.Listener) {
	if m == nil || m.Floor == 0 || port != nil && port.Has(m.Floor) {
		return
	}
	g.mu.Lock()
	s := g.floor
	gone := s != nil && s.number == m.Floor
	g.mu.Unlock()
	if gone {
		g.leave(s)
	}
}

// startFronts starts both, which end with the context, the link when end is
// closed. It returns when both have been tried: a POS that sees that its printer
// is there finds its ports, if they can be had. ended waits for their end.
func (g *Guard) startFronts(ctx context.Context, m *memo, end <-chan struct{}) (ended func() (*loopback.Left, error)) {
	g.seats(m)
	var first, wg sync.WaitGroup
	first.Add(2)
	var left *loopback.Left
	var linkErr, portErr error
	wg.Go(func() { linkErr = g.runLink(ctx, sync.OnceFunc(first.Done), end) })
	wg.Go(func() { left, portErr = g.runPort(ctx, m, sync.OnceFunc(first.Done)) })
	first.Wait()
	return func() (*loopback.Left, error) {
		wg.Wait()
		return left, errors.Join(linkErr, portErr)
	}
}
