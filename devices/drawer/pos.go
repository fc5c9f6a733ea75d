package drawer

import (
	"context"
	"fmt"
	"time"

	"tillwarden/devices"
	"tillwarden/devices/printer"
	"tillwarden/enforcer/journal/entry"
)

// The POS's side: what it writes is a kick, or nothing.

// runFront makes the port that the POS takes for the drawer's, however long that
// takes, and reads from it until the context ends. tried is called when that was
// tried once.
func (d *Drawer) runFront(ctx context.Context, tried func()) error {
	if d.o.Link == "" {
		tried()
		return nil
	}
	c := devices.PTYConfig{Link: d.o.Link, Mode: d.o.Mode, Group: d.o.Group}
	if d.o.Model.Any {
		c.OnVisit = func() { d.anything(d.arrival()) }
	}
	var front *devices.PTY
	if devices.Persist(ctx, d.o.Backoff, func() (err error) {
		defer tried()
		front, err = devices.OpenPTY(c)
		return err
	}, func(err error) { d.o.Attached(d.o.Link, err) }) != nil {
		return nil // it was told, and all ends
	}
	closed := make(chan error, 1)
	context.AfterFunc(ctx, func() { closed <- front.Close() })
	d.pump(front)
	return <-closed
}

// arrival is what there is when something comes from the POS: the session that
// its kick belongs to, and the state that it is held under.
type arrival struct {
	session    entry.Seq
	generation uint64
}

func (d *Drawer) arrival() arrival {
	generation := d.o.Generation() // before the session: if that changes meanwhile, it is over
	return arrival{d.o.Session(), generation}
}

// pump reads what the POS writes, until its port is closed.
func (d *Drawer) pump(front *devices.PTY) {
	loop := d.loops.Begin("taking what the POS writes")
	defer loop.End()
	buf := make([]byte, 256)
	for {
		loop.Rest()
		ready, err := front.Wait(d.tellDropped(false))
		loop.Turn()
		came := d.arrival()
		n := 0
		if err == nil && ready {
			n, err = front.Read(buf)
		}
		if err != nil {
			d.tellDropped(true)
			return
		}
		if n > 0 {
			d.feed(buf[:n], came)
		}
	}
}

// feed takes what the POS wrote.
func (d *Drawer) feed(p []byte, came arrival) {
	if d.o.Model.Any {
		d.anything(came)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.o.Now()
	kicks, dropped := d.finder.feed(p, now)
	if dropped > 0 {
		d.drop(now)
		d.dropped += dropped
	}
	for range kicks {
		d.kick(came, now)
	}
}

// anything is a kick on a port on which everything is one.
func (d *Drawer) anything(came arrival) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.o.Now()
	if last := d.kicked; last.some && last.generation == came.generation && now-last.at < sameKick {
		return
	}
	d.kicked = mark{true, now, came.generation}
	d.kick(came, now)
}

// kick gives a kick its purpose. Called with mu held.
func (d *Drawer) kick(came arrival, now time.Duration) {
	d.purposes.Kick(printer.Kick{Printer: d.o.Name, Drawer: d.o.Name, Session: came.session, Generation: came.generation}, now)
	d.results(now)
}

// results passes on what was found out about kicks. Called with mu held.
func (d *Drawer) results(now time.Duration) {
	for _, r := range d.purposes.Take(now) {
		if r.Outcome != printer.Decide {
			continue
		}
		if d.o.Authority == nil {
			d.event(printer.Event{Kind: entry.KindDeviceRefused, Reason: entry.ReasonNotForwarded, Text: "kick: nobody decides about it"})
			continue
		}
		select {
		case d.kicks <- r.Kick:
		default:
			d.drop(now)
			d.missed++
		}
	}
}

// drop takes down when something was dropped. Called with mu held.
func (d *Drawer) drop(now time.Duration) {
	if !d.untold {
		d.since = now
	}
	d.untold, d.last = true, now
}

// tellDropped tells of what was dropped once nothing more comes, or all of it
// now, and returns how long it is until there is something to tell of; negative:
// there is nothing.
func (d *Drawer) tellDropped(all bool) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.untold {
		return -1
	}
	due := min(d.last+droppedQuiet, d.since+droppedLate)
	if now := d.o.Now(); now < due && !all {
		return due - now
	}
	if d.dropped > 0 {
		d.event(printer.Event{Kind: entry.KindDeviceRefused, Reason: entry.ReasonNotForwarded, Count: uint64(d.dropped), Text: "bytes that are not the drawer's code"})
	}
	if d.missed > 0 {
		d.event(printer.Event{Kind: entry.KindDeviceRefused, Reason: entry.ReasonRate, Text: fmt.Sprintf("kick: too many at a time, %d times", d.missed)})
	}
	d.untold, d.dropped, d.missed = false, 0, 0
	return -1
}

// Ask, Unask and Absorb are as with a printer's drawers (printer.Guard): there is
// one drawer here, whatever the name says.

// Ask names the function of the next kick in this session. The kick comes to the
// Authority with id.
func (d *Drawer) Ask(id uint64, _, function, claimant string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.o.Now()
	d.purposes.Ask(id, d.o.Name, function, claimant, d.o.Session(), now)
	d.results(now)
}

// Unask takes an Ask back.
func (d *Drawer) Unask(id uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.purposes.Unask(id)
}

// Absorb says that the drawer is being opened at once: the kick that the POS
// sends about then is not decided.
func (d *Drawer) Absorb(string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.o.Now()
	d.purposes.Absorb(d.o.Name, d.o.Session(), now)
	d.results(now)
}
