package daemon

import (
	"context"
	"fmt"
	"io/fs"
	"os/user"
	"strconv"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/devices"
	"tillwarden/devices/drawer"
	"tillwarden/devices/printer"
)

// boxUnit is a drawer on a serial line of its own.
type boxUnit struct {
	sensorUnit
	drawer *drawer.Drawer
}

// makeSerialDrawers makes what stands under [[drawer]].
func (d *Daemon) makeSerialDrawers(polarities map[string]printer.Polarity) error {
	c := d.config()
	for i := range c.Drawers {
		s := &c.Drawers[i]
		o, err := d.serialDrawerOptions(s)
		if err != nil {
			return fmt.Errorf("drawer %s: %w", s.Name, err)
		}
		o.Polarity = polarities[s.Name]
		made, err := drawer.New(o)
		if err != nil {
			return err
		}
		u := &boxUnit{sensorUnit: sensorUnit{name: s.Name, path: s.Path, sensor: made, blind: o.Status == drawer.StatusNone}, drawer: made}
		u.status = func() api.Device { return u.device(d.clock) }
		d.boxes = append(d.boxes, u)
		d.sensors = append(d.sensors, &u.sensorUnit)
		d.drawers = append(d.drawers, &drawerUnit{name: s.Name, printer: s.Name, opener: made})
	}
	return nil
}

// serialDrawerOptions are a drawer's, as configured.
func (d *Daemon) serialDrawerOptions(s *SerialDrawerConfig) (o drawer.Options, err error) {
	line := s.LineConfig.line()
	line.WriteWait = drawerWrites
	if o, err = s.options(); err != nil {
		return o, err
	}
	o.Name, o.Path, o.Link = s.Name, s.Path, s.Link
	o.Open = func(context.Context) (devices.Port, error) { return devices.OpenSerial(line) }
	o.Poll, o.LeftOpen = time.Duration(s.Poll), time.Duration(s.LeftOpen)
	o.Now, o.Session, o.Authority = d.clock.Boot, d.session, d
	o.Generation = func() uint64 { return d.gate.Snapshot().Generation }
	o.Events = func(e printer.Event) { d.printerEvent(s.Name, e) }
	o.Attached = func(port string, err error) { d.attached("drawer "+s.Name, port, err) }
	o.Mode, o.Group, err = linkRights(s.LinkMode, s.LinkGroup)
	return o, err
}

// drawerWrites is what a drawer's line has to take its code in: a few bytes, and
// nothing else is ever written to it.
const drawerWrites = 300 * time.Millisecond

// linkRights are who may open a port that we make.
func linkRights(mode, group string) (fs.FileMode, int, error) {
	m, err := strconv.ParseUint(mode, 8, 32)
	if err != nil {
		return 0, -1, fmt.Errorf("link_mode: %w", err)
	}
	if group == "" {
		return fs.FileMode(m), -1, nil
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return 0, -1, fmt.Errorf("there is no group %q: make it, or name another in link_group", group)
	}
	id, err := strconv.Atoi(g.Gid)
	if err != nil {
		return 0, -1, fmt.Errorf("group %q: %w", group, err)
	}
	return fs.FileMode(m), id, nil
}

// startSerialDrawers lets each live.
func (d *Daemon) startSerialDrawers() {
	for _, u := range d.boxes {
		d.running.Go(func() {
			if err := u.drawer.Run(d.ctx); err != nil && d.ctx.Err() == nil {
				d.problem("drawer "+u.name, err.Error())
				d.log.Error("a drawer is not looked after any more", "drawer", u.name, "err", err)
				d.notify.status(d.statusLine())
			}
		})
	}
}

// device is the drawer as a device.
func (u *boxUnit) device(c *bootClock) api.Device {
	s := u.drawer.State()
	at := c.wallOf(s.Since)
	dev := api.Device{Name: u.name, Kind: "drawer", Path: u.path, State: "up", Since: &at}
	switch {
	case !s.Up:
		dev.State, dev.Problem = "down", "its line cannot be used: "+s.Away
	case s.Noisy:
		dev.Problem = "its status line changes all the time: look at the plugs"
	}
	return dev
}
