package drawer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"tillwarden/devices"
	"tillwarden/devices/printer"
	"tillwarden/enforcer"
)

// pulseLimit is what a pulse has to leave in; the redemption is valid for longer.
const pulseLimit = 1500 * time.Millisecond

// heldAfter is how long a port stays open that was opened for a pulse: boxes that
// look at DTR see it.
const heldAfter = 100 * time.Millisecond

// errHalf: a part of a code was taken. The rest is not sent after it.
var errHalf = errors.New("the code was taken in part only")

// Ready reports whether a code that is written now leaves now. It waits for
// nothing: a line that is not there is answered at once.
func (d *Drawer) Ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("drawer %s: %w", d.o.Name, err)
	}
	if err := d.ready(); err != nil {
		return fmt.Errorf("drawer %s: %w", d.o.Name, err)
	}
	return nil
}

func (d *Drawer) ready() error {
	if d.o.OnGrant {
		if there(d.o.Path) != nil {
			return printer.ErrOffline
		}
		return nil
	}
	d.mu.Lock()
	port := d.port
	d.mu.Unlock()
	if port == nil {
		return printer.ErrOffline
	}
	if n, err := port.Queued(); err != nil || n > 0 {
		return printer.ErrBusy
	}
	return nil
}

// there looks for a device without opening it.
func there(path string) error {
	_, err := os.Stat(path)
	return err
}

// Pulse opens the drawer. It is the only way to: the redemption must be the
// gate's own, valid, and for this drawer. The code leaves now, or not at all;
// the error says why not (printer.ReasonOf).
func (d *Drawer) Pulse(ctx context.Context, r enforcer.Redemption) error {
	if !r.Valid(d.o.Name) {
		return fmt.Errorf("drawer %s: %w", d.o.Name, printer.ErrNotRedeemed)
	}
	ctx, cancel := context.WithTimeout(ctx, pulseLimit)
	defer cancel()
	if err := d.pulse(ctx, r); err != nil {
		return fmt.Errorf("drawer %s: %w", d.o.Name, err)
	}
	return nil
}

func (d *Drawer) pulse(ctx context.Context, r enforcer.Redemption) error {
	select {
	case d.token <- struct{}{}:
		defer func() { <-d.token }()
	case <-ctx.Done():
		return printer.ErrBusy
	}
	if d.o.OnGrant {
		return d.pulseOpening(ctx, r)
	}
	if err := d.ready(); err != nil {
		return err
	}
	d.mu.Lock()
	port := d.port
	d.mu.Unlock()
	if port == nil {
		return printer.ErrOffline
	}
	if err := d.writeCode(port, r); err != nil {
		_ = port.Close() // what is stuck in it goes with it; the line is opened again
		return err
	}
	if err := d.leaves(ctx, port); err != nil {
		_ = port.Close() // the same
		return err
	}
	return nil
}

// pulseOpening opens the port for one pulse. With some boxes this is the pulse:
// so the redemption counts here as it does for the code. Closing it would leave DTR
// and RTS up, as tarm/serial sets lines, and a box that opens on their rise would
// never open again: so they are dropped before.
func (d *Drawer) pulseOpening(ctx context.Context, r enforcer.Redemption) error {
	if !r.Valid(d.o.Name) {
		return printer.ErrNotRedeemed
	}
	port, err := d.o.Open(ctx)
	if err != nil {
		return fmt.Errorf("%w: %s", printer.ErrOffline, devices.Why(err))
	}
	defer func() {
		_ = port.SetLines(0, devices.LineDTR|devices.LineRTS)
		_ = port.Close()
	}()
	if err := raise(port); err != nil && !errors.Is(err, devices.ErrNoLines) {
		return err
	}
	if err := d.writeCode(port, r); err != nil {
		return err
	}
	if err := d.leaves(ctx, port); err != nil {
		return err
	}
	select {
	case <-time.After(heldAfter):
	case <-ctx.Done():
	}
	return nil
}

// raise holds DTR and RTS up: APG's drawers take no code without.
func raise(port devices.Port) error {
	return port.SetLines(devices.LineDTR|devices.LineRTS, 0)
}

// writeCode writes the drawer's code. It is the one place in the product that
// does, reached from Pulse alone.
func (d *Drawer) writeCode(port devices.Port, r enforcer.Redemption) error {
	d.mu.Lock()
	defer d.mu.Unlock() // the sensor is not read before it knows of the pulse
	if !r.Valid(d.o.Name) {
		return printer.ErrNotRedeemed
	}
	n, err := port.Write(d.o.Code)
	if n > 0 || err == nil {
		d.sensor.Pulsed(d.o.Name, r.Seq(), d.o.Now())
	}
	switch {
	case n == len(d.o.Code):
		return nil
	case n > 0 || err == nil:
		return errors.Join(errHalf, err)
	}
	return err
}

// leaves waits until the code has left the kernel. If it says that the line does
// not take it, it is not to leave later: the port is to be closed, which drops what
// is stuck in it.
func (d *Drawer) leaves(ctx context.Context, port devices.Port) error {
	for {
		n, err := port.Queued()
		switch {
		case err != nil:
			return err
		case n == 0:
			return nil
		}
		select {
		case <-time.After(2 * time.Millisecond):
		case <-ctx.Done():
			return devices.ErrStalled
		}
	}
}
