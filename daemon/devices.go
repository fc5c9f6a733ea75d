package daemon

import (
	"context"
	"fmt"
	"time"

	"tillwarden/devices"
	"tillwarden/devices/keypad"
	"tillwarden/devices/msr"
	"tillwarden/enforcer/journal/entry"
)

// unit is one supervised device besides printers.
type unit struct {
	name, kind, path string
	open             func(ctx context.Context) (devices.Port, error)
	run              func(ctx context.Context, p devices.Port) error
	loops            devices.Loops
}

// watched runs a device whose one loop is watched.
func (u *unit) watched(ctx context.Context, p devices.Port) error {
	loop := u.loops.Begin("dealing with what came in")
	defer loop.End()
	return u.run(ctx, devices.Watched(p, loop))
}

// line is a serial line as devices opens it.
func (l *LineConfig) line() devices.Config {
	return devices.Config{Path: l.Path, Baud: l.Baud, DataBits: l.DataBits, Parity: devices.Parity(l.Parity), StopBits: l.StopBits}
}

func (l *LineConfig) open() func(context.Context) (devices.Port, error) {
	c := l.line()
	return func(context.Context) (devices.Port, error) { return devices.OpenSerial(c) }
}

// makeDevices makes what is configured; startDevices opens it.
func (d *Daemon) makeDevices() error {
	c := d.config()
	d.swipes = newSwipes(d)
	for i := range c.Readers {
		r := &c.Readers[i]
		reader, err := msr.NewReader(r.Name, msr.Config{Format: msr.Format(r.Format), LRC: r.LRC, Removed: r.Removed})
		if err != nil {
			return fmt.Errorf("reader %s: %w", r.Name, err)
		}
		d.units = append(d.units, &unit{
			name: r.Name, kind: "reader", path: r.Path, open: r.LineConfig.open(),
			run: func(ctx context.Context, p devices.Port) error {
				err := reader.Run(ctx, p, d.swipes.take)
				if r.Removed != "" && ctx.Err() == nil {
					// Nobody would hear now that the card is taken out of it.
					d.swipes.take(msr.Swipe{Source: r.Name, At: time.Now(), Removed: true})
				}
				return err
			},
		})
	}
	for i := range c.Keypads {
		k := &c.Keypads[i]
		pad := newPad(d, k)
		keys, err := keypad.New(k.Name, keypad.Config{Timeout: time.Duration(c.SignOn.PINWait)})
		if err != nil {
			return fmt.Errorf("keypad %s: %w", k.Name, err)
		}
		d.pads = append(d.pads, pad)
		d.units = append(d.units, &unit{
			name: k.Name, kind: "keypad", path: k.Path, open: k.LineConfig.open(),
			run: func(ctx context.Context, p devices.Port) error { return keys.Run(ctx, p, pad.take) },
		})
	}
	for _, u := range d.units {
		d.devices.add(u.name, u.kind, u.path)
	}
	return d.makePrinters()
}

// startDevices lets each device live in goroutines of its own.
func (d *Daemon) startDevices() {
	d.running.Go(func() { d.swipes.run(d.ctx) })
	d.running.Go(func() { d.swipes.leave(d.ctx) })
	for _, p := range d.pads {
		d.running.Go(func() { p.run(d.ctx) })
	}
	for _, u := range d.units {
		d.running.Go(func() {
			err := devices.Supervise(d.ctx, u.name, u.open, u.watched, d.cameOrWent, devices.WithPath(u.path), devices.WithLoops(&u.loops))
			if err != nil {
				d.log.Error("a device is not looked after any more", "device", u.name, "err", err)
			}
		})
	}
	d.startPrinters()
}

// cameOrWent journals that a device came or went.
func (d *Daemon) cameOrWent(e devices.Event) {
	now := d.clock.Stamp()
	entered := entry.Entry{Kind: entry.KindDeviceUp, Outcome: entry.OutcomeAllowed, Reason: entry.ReasonOpened, Device: e.Name, Source: "daemon"}
	if e.Up {
		d.devices.set(e.Name, "up", "", now.Time())
		d.log.Info("device is there", "device", e.Name)
	} else {
		problem := "it is gone"
		if e.Err != nil {
			problem = e.Err.Error()
		}
		known := d.devices.state(e.Name)
		d.devices.set(e.Name, "down", problem, now.Time())
		d.log.Warn("device is not there", "device", e.Name, "err", problem)
		if known == "down" {
			d.notify.status(d.statusLine())
			return // it was not there before either; the reason is another
		}
		entered.Kind, entered.Outcome, entered.Reason = entry.KindDeviceDown, entry.OutcomeError, entry.ReasonUnplugged
	}
	d.note(entered)
	d.notify.status(d.statusLine())
}

// note journals what happened and is no decision.
func (d *Daemon) note(e entry.Entry) entry.Seq {
	// What happened while the daemon stops is taken down as well.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(d.ctx), 5*time.Second)
	defer cancel()
	seqs, err := d.journal.Append(ctx, false, e)
	if err != nil {
		if d.ctx.Err() == nil {
			d.log.Error("something could not be journaled", "kind", e.Kind.String(), "err", err)
		}
		return 0
	}
	return seqs[0]
}
