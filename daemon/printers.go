package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/devices"
	"tillwarden/devices/escpos"
	"tillwarden/devices/loopback"
	"tillwarden/devices/printer"
	"tillwarden/enforcer/durable"
	"tillwarden/enforcer/journal/entry"
)

// printerUnit is one printer with what the daemon keeps of it.
type printerUnit struct {
	sensorUnit
	guard *printer.Guard
	reads *escpos.Dialect
}

// sensorUnit is a device that tells whether its drawers are open.
type sensorUnit struct {
	name, path string
	sensor     sensor
	blind      bool // there is nothing that could tell
	status     func() api.Device

	mu           sync.Mutex
	closed, open *bool         // guarded by mu; the sensor's level as it was read for a calibration
	read         time.Duration // guarded by mu; when, on the boot clock
}

// halfLasts is how long one reading for a calibration waits for the other: what was
// read on another day may have been another drawer.
const halfLasts = 10 * time.Minute

// sensor is what is needed of it: *printer.Guard or *drawer.Drawer.
type sensor interface {
	Pin(ctx context.Context) (high bool, err error)
	SetPolarity(p printer.Polarity)
	DrawerState() printer.DrawerState
}

// calibrationFile keeps what each printer's sensor means.
const calibrationFile = "calibration.json"

// makePrinters makes a guard for each configured printer.
func (d *Daemon) makePrinters() error {
	c := d.config()
	polarities, err := d.calibrations()
	if err != nil {
		d.problem("calibration", err.Error())
		d.log.Error("drawers have to be calibrated again", "err", err)
	}
	for i := range c.Printers {
		p := &c.Printers[i]
		o, err := d.guardOptions(p)
		if err != nil {
			return fmt.Errorf("printer %s: %w", p.Name, err)
		}
		o.Polarity = polarities[p.Name]
		g, err := printer.New(o)
		if err != nil {
			return err
		}
		u := &printerUnit{sensorUnit: sensorUnit{name: p.Name, path: p.Path, sensor: g}, guard: g, reads: o.Dialect}
		u.status = func() api.Device { return u.device(d.clock) }
		d.printers = append(d.printers, u)
		d.sensors = append(d.sensors, &u.sensorUnit)
		for _, dr := range p.Drawers {
			d.drawers = append(d.drawers, &drawerUnit{name: dr.Name, printer: p.Name, opener: g})
		}
	}
	if err := d.makeSerialDrawers(polarities); err != nil {
		return err
	}
	if len(d.printers) > 0 {
		d.slips = newSlips(d.clock.Boot, func(err error) { d.log.Info("a slip was not printed", "err", err) })
	}
	return nil
}

// networkBackoff is how long a network printer is left alone that could not be
// connected to.
var networkBackoff = devices.Backoff{Min: 250 * time.Millisecond, Max: 4 * time.Second}

// device is the printer as devices opens it, by whatever its path names.
func (p *PrinterConfig) device() devices.Config {
	c := p.line()
	c.HardwareFlow = p.Flow == printer.FlowRTSCTS.String()
	return c
}

// guardOptions are a printer's, as configured.
func (d *Daemon) guardOptions(p *PrinterConfig) (printer.Options, error) {
	c := p.device()
	o := printer.Options{
		Name: p.Name, Open: func(ctx context.Context) (devices.Port, error) { return devices.Open(ctx, c) }, Link: p.Link, Group: -1, Key: d.keys.receipt,
		PulseOn: time.Duration(p.PulseOn), PulseOff: time.Duration(p.PulseOff), Poll: time.Duration(p.Poll), LeftOpen: time.Duration(p.LeftOpen),
		Now: d.clock.Boot, Session: d.session, Authority: d,
		Generation: func() uint64 { return d.gate.Snapshot().Generation },
		Events:     func(e printer.Event) { d.printerEvent(p.Name, e) },
		Attached:   func(port string, err error) { d.attached("printer "+p.Name, port, err) },
		Printed:    d.printed,
		Pass:       d.passesPrint,
		Keep:       d.given.keeper(p.Name),
		Drain:      unlessDialects(p.Drain), DisableRealtime: unlessDialects(p.DisableRealtime),
	}
	if way, err := devices.TransportOf(p.Path); err != nil {
		return o, fmt.Errorf("path: %w", err)
	} else if way.File() {
		o.Path = p.Path
	} else {
		o.Backoff = networkBackoff // nothing tells that it is back
	}
	var err error
	if o.Mode, o.Group, err = linkRights(p.LinkMode, p.LinkGroup); err != nil {
		return o, err
	}
	if o.Listen, err = d.listen(p); err != nil {
		return o, err
	}
	if o.Dialect, err = p.dialect(); err != nil {
		return o, err
	}
	if o.Resync, err = printer.ParseResync(p.Resync); err != nil {
		return o, fmt.Errorf("resync: %w", err)
	}
	if o.Flow, err = printer.ParseFlow(p.Flow); err != nil {
		return o, fmt.Errorf("flow: %w", err)
	}
	if o.Rules, err = p.Rules(); err != nil {
		return o, err
	}
	for _, dr := range p.Drawers {
		o.Drawers = append(o.Drawers, printer.Drawer{Name: dr.Name, Connector: dr.Connector})
	}
	return o, nil
}

// listen is a printer's port on the loopback interface; nil: it has none.
func (d *Daemon) listen(p *PrinterConfig) (*loopback.Config, error) {
	given, err := d.given.printerSocket(p.Name)
	switch {
	case err != nil:
		return nil, err
	case p.Listen == "" && given != nil:
		given.Close()
		return nil, fmt.Errorf("systemd gave a socket called %s%s, and the printer has no listen: write its address there", printerSocket, p.Name)
	case p.Listen == "":
		return nil, nil
	}
	users, err := p.listenUsers()
	if err != nil {
		return nil, err
	}
	return &loopback.Config{Address: p.Listen, Given: given, Users: users}, nil
}

// listenUsers are who may print there.
func (p *PrinterConfig) listenUsers() (u loopback.Users, err error) {
	number := func(s string) uint32 {
		n, bad := strconv.ParseUint(s, 10, 32)
		if bad != nil {
			err = fmt.Errorf("%q: %w", s, bad)
		}
		return uint32(n)
	}
	for _, name := range p.ListenUsers {
		if name == everybody {
			return loopback.Users{Any: true}, nil
		}
		id := name
		if _, bad := strconv.ParseUint(name, 10, 32); bad != nil {
			who, bad := user.Lookup(name)
			if bad != nil {
				return u, fmt.Errorf("there is no user %q: make it, or name another in listen_users", name)
			}
			id = who.Uid
		}
		u.UIDs = append(u.UIDs, number(id))
	}
	for _, name := range p.ListenGroups {
		g, bad := user.LookupGroup(name)
		if bad != nil {
			return u, fmt.Errorf("there is no group %q: make it, or name another in listen_groups", name)
		}
		u.GIDs = append(u.GIDs, number(g.Gid))
	}
	return u, err
}

// dialects is the word for what is as the printer's dialect has it.
const dialects = "dialect"

// unlessDialects reads "yes" and "no"; nil: as the dialect has it.
func unlessDialects(word string) *bool {
	if word == dialects {
		return nil
	}
	yes := word == "yes"
	return &yes
}

// Rules say what a kick on this printer is for.
func (p *PrinterConfig) Rules() (r printer.Rules, err error) {
	r.Lines = p.ReceiptLines
	if r.Order, err = printer.ParseOrder(p.KickOrder); err != nil {
		return r, fmt.Errorf("kick_order: %w", err)
	}
	r.Profile, err = profile(p.Profiles)
	return r, err
}

// profile makes the rules of a print profile.
func profile(rules []ProfileConfig) ([]printer.Rule, error) {
	var made []printer.Rule
	for _, r := range rules {
		rule := printer.Rule{Name: r.Name, Text: r.Text, Function: r.Function, NotSale: r.NotSale}
		if r.Pattern != "" {
			var err error
			if rule.Pattern, err = regexp.Compile(r.Pattern); err != nil {
				return nil, fmt.Errorf("profile %s: %w", r.Name, err)
			}
		}
		made = append(made, rule)
	}
	return made, nil
}

// reprofile takes the print profiles of a new configuration over.
func (d *Daemon) reprofile(c *Config) error {
	for i, u := range d.printers {
		rules, err := profile(c.Printers[i].Profiles)
		if err == nil {
			err = u.guard.SetProfile(rules)
		}
		if err != nil {
			return fmt.Errorf("printer %s: %w", u.name, err)
		}
	}
	return nil
}

// startPrinters lets each guard run, and slips print on the first printer.
func (d *Daemon) startPrinters() {
	for _, u := range d.printers {
		d.running.Go(func() {
			if err := u.guard.Run(d.ctx); err != nil && d.ctx.Err() == nil {
				d.problem("printer "+u.name, err.Error())
				d.log.Error("a printer is not looked after any more", "printer", u.name, "err", err)
				d.notify.status(d.statusLine())
			}
		})
	}
	d.startSerialDrawers()
	if len(d.printers) > 0 {
		d.running.Go(func() { d.slips.run(d.ctx, d.printers[0].guard.Slip) })
	}
}

// attached says why a port that the POS attaches to is not there; nil: now it is.
// No device came or went: it is the register's status that tells.
func (d *Daemon) attached(device, port string, err error) {
	part := device + " at " + port
	if err == nil {
		d.problem(part, "")
		d.log.Info("the POS's port is there", "device", device, "port", port)
	} else {
		d.problem(part, err.Error()+" (it is tried again)")
		d.log.Error("the POS's port cannot be had; it is tried again", "device", device, "port", port, "err", err)
	}
	d.notify.status(d.statusLine())
}

// printerEvent journals what a printer or a drawer really did.
func (d *Daemon) printerEvent(name string, e printer.Event) {
	entered := entry.Entry{
		Kind: e.Kind, Outcome: e.Outcome, Reason: e.Reason, Device: name, Drawer: e.Drawer, About: e.About, Session: e.Session,
		Elapsed: int64(e.Elapsed), Count: e.Count, Text: e.Text, Source: name,
	}
	if e.Kind == entry.KindDevicePassed {
		entered.Mode = entry.ModeBreakGlass
	}
	if s := d.gate.Snapshot().Session; s != nil && s.ID == e.Session {
		entered.Operator, entered.Person = s.Subject.Operator, s.Subject.Person
	}
	seq := d.note(entered)
	switch e.Kind {
	case entry.KindDrawerOpened:
		if e.About == 0 {
			d.log.Warn("a drawer was opened and nothing had allowed it", "drawer", e.Drawer, "entry", seq)
		}
	case entry.KindDeviceUp, entry.KindDeviceDown, entry.KindDeviceTrust:
		d.log.Info("device", "device", name, "event", e.Kind.String(), "reason", e.Reason.String(), "what", e.Text)
		d.notify.status(d.statusLine())
	case entry.KindDevicePassed:
		d.log.Warn("forwarded in break-glass", "device", name, "what", e.Text, "bytes", e.Count)
	case entry.KindDeviceRefused:
		d.log.Info("not forwarded", "device", name, "what", e.Text, "bytes", e.Count)
	}
}

// keptLong is longer than any printer takes over what is in its buffer: then it is no
// handshake that it holds back by.
const keptLong = 15 * time.Second

// device is the printer as a device.
func (u *printerUnit) device(c *bootClock) api.Device {
	s := u.guard.Status()
	at := c.wallOf(s.Since)
	dev := api.Device{Name: u.name, Kind: "printer", Path: u.path, Since: &at}
	dev.State, dev.Problem = sayPrinter(&s)
	return dev
}

// sayGone says why there is no line to a printer: what was found when it was tried, as
// devices.Why has it.
func sayGone(why string) string {
	switch why {
	case "", devices.Why(fs.ErrNotExist), devices.Why(devices.ErrGone):
		return "its line is not there"
	case devices.Why(devices.ErrBusy):
		return "its line is " + why
	case devices.Why(fs.ErrPermission), devices.Why(devices.ErrConfig), devices.Why(devices.ErrUnreachable):
		return "its line " + why
	}
	return why
}

// sayPrinter is a printer's state, and what is wrong with it; empty: nothing is.
func sayPrinter(s *printer.Status) (state, problem string) {
	switch {
	case s.Reach == "away":
		return "down", sayGone(s.Gone)
	case s.Reach == "silent":
		return "down", "it does not answer: is it switched on?"
	case !s.Trusted:
		return "untrusted", "its state is not known: switch it off and on, or call a technician"
	case s.Reach == "offline":
		return "up", "it is offline: paper, cover or an error"
	case s.Kept >= keptLong:
		return "up", fmt.Sprintf("it has taken nothing for %s: it has an error, or its flow (handshaking) or cable is another", s.Kept.Round(time.Second))
	}
	return "up", ""
}

func (d *Daemon) deviceStatus() []api.Device {
	list := []api.Device{}
	for _, u := range d.sensors {
		list = append(list, u.status())
	}
	return append(list, d.devices.list()...)
}

func (d *Daemon) drawerStatus() []api.Drawer {
	list := []api.Drawer{}
	for _, u := range d.sensors {
		dev, s := u.status(), u.sensor.DrawerState()
		for _, dr := range d.drawers {
			if dr.printer != u.name {
				continue
			}
			w := api.Drawer{Name: dr.name, Printer: u.name, State: "unknown", Calibrated: s.Calibrated, NoSensor: u.blind, Problem: dev.Problem}
			w.Ready = dev.State == "up" && dev.Problem == ""
			if s.Known {
				at := d.clock.wallOf(s.Since)
				w.Since, w.State = &at, "closed"
				if s.Open {
					w.State = "open"
				}
			}
			list = append(list, w)
		}
	}
	return list
}

// printerNamed finds a printer.
func (d *Daemon) printerNamed(name string) (*printerUnit, error) {
	for _, u := range d.printers {
		if u.name == name {
			return u, nil
		}
	}
	return nil, api.Errorf(api.CodeNotFound, "there is no such printer").WithHint("GET /v1/devices names them")
}

// Resync is the technician's word that a printer's state is known.
func (d *Daemon) Resync(_ context.Context, c api.Caller, device string) (*api.Done, error) {
	u, err := d.printerNamed(device)
	if err != nil {
		return nil, err
	}
	if err := u.guard.Trust(); err != nil {
		return nil, api.Errorf(api.CodeUnavailable, "the printer cannot be resynchronised now: %v", err).WithHint("switch it off and on, and look at its cable")
	}
	d.note(entry.Entry{ // who said so; the guard tells that it is
		Kind: entry.KindCalled, Outcome: entry.OutcomeAllowed, Reason: entry.ReasonTechnician, Device: device, Source: c.Source(),
		Text: "resynchronised", Method: entry.MethodTechnician,
	})
	d.notify.status(d.statusLine())
	return &api.Done{Say: device + " is taken for freshly switched on"}, nil
}

// sensorNamed finds a device that tells whether a drawer is open.
func (d *Daemon) sensorNamed(name string) (*sensorUnit, error) {
	for _, u := range d.sensors {
		if u.name == name {
			return u, nil
		}
	}
	return nil, api.Errorf(api.CodeNotFound, "there is no such printer or drawer").WithHint("GET /v1/devices names them")
}

// share reports whether several drawers hang on a device, and so share its sensor.
func (d *Daemon) share(device string) bool {
	n := 0
	for _, dr := range d.drawers {
		if dr.printer == device {
			n++
		}
	}
	return n > 1
}

// Calibrate takes one reading of a drawer's sensor; two make a calibration.
func (d *Daemon) Calibrate(ctx context.Context, c api.Caller, device string, r *api.CalibrateRequest) (*api.CalibrateAnswer, error) {
	u, err := d.sensorNamed(device)
	if err != nil {
		return nil, err
	}
	dr, err := d.drawer(r.Drawer)
	if err != nil {
		return nil, err
	}
	if dr.printer != u.name {
		return nil, api.Errorf(api.CodeInvalid, "drawer %s is not on %s", dr.name, u.name)
	}
	level, err := u.sensor.Pin(ctx)
	if err != nil {
		return nil, api.Errorf(api.CodeUnavailable, "the sensor cannot be read now: %v", err).WithReason(printer.ReasonOf(err).String())
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	now := d.clock.Boot()
	if now-u.read > halfLasts {
		u.closed, u.open = nil, nil
	}
	u.read = now
	other, next := &u.closed, "now close the drawer, and say so"
	if d.share(u.name) {
		next = "now close all drawers on " + u.name + ", which share one sensor, and say so"
	}
	if r.Open {
		u.open = &level
	} else {
		u.closed, other, next = &level, &u.open, "now open the drawer with its key, and say so"
	}
	if *other == nil {
		return &api.CalibrateAnswer{Say: next}, nil
	}
	polarity, err := printer.Calibrate(*u.closed, *u.open)
	u.closed, u.open = nil, nil
	if err != nil {
		hint := "look at the drawer's cable, and begin again"
		if d.share(u.name) {
			hint = "closed is when all drawers on it are; look at their cables, and begin again"
		}
		return nil, api.Errorf(api.CodeConflict, "%v", err).WithHint(hint)
	}
	if err := d.keepCalibration(u.name, polarity); err != nil {
		return nil, err
	}
	u.sensor.SetPolarity(polarity)
	d.note(entry.Entry{
		Kind: entry.KindDeviceCalibrated, Outcome: entry.OutcomeAllowed, Reason: entry.ReasonTechnician, Device: u.name, Drawer: dr.name,
		Source: c.Source(), Method: entry.MethodTechnician, Text: polarity.String(),
	})
	return &api.CalibrateAnswer{Calibrated: true, Say: "calibrated: from now on the journal has when the drawer opens and closes"}, nil
}

// calibrations reads what was calibrated.
func (d *Daemon) calibrations() (map[string]printer.Polarity, error) {
	text, err := os.ReadFile(filepath.Join(d.config().State, calibrationFile))
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]printer.Polarity{}, nil
	}
	words := map[string]string{}
	if err == nil {
		err = json.Unmarshal(text, &words)
	}
	known := map[string]printer.Polarity{}
	for name, w := range words {
		p, bad := printer.ParsePolarity(w)
		if bad != nil {
			err = errors.Join(err, bad)
			continue
		}
		known[name] = p
	}
	if err != nil {
		return known, fmt.Errorf("read %s: %w", calibrationFile, err)
	}
	return known, nil
}

// keepCalibration writes what was calibrated.
func (d *Daemon) keepCalibration(name string, p printer.Polarity) error {
	known, err := d.calibrations()
	if err != nil {
		d.log.Warn("calibrations are begun anew", "err", err)
	}
	words := map[string]string{}
	for n, k := range known {
		words[n] = k.String()
	}
	words[name] = p.String()
	text, err := json.MarshalIndent(words, "", "  ")
	if err != nil {
		return err
	}
	return durable.Replace(filepath.Join(d.config().State, calibrationFile), append(text, '\n'), 0o600)
}

var (
	_ api.Backend       = (*Daemon)(nil)
	_ printer.Authority = (*Daemon)(nil)
)
