package drawer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tillwarden/devices"
	"tillwarden/devices/printer"
	"tillwarden/enforcer/journal/entry"
)

// Drawer owns one drawer's port. Make one with [New] and let it [Drawer.Run].
type Drawer struct {
	o Options
	// token is held by who writes to the port.
	token  chan struct{}
	loops  devices.Loops
	kicks  chan printer.Kick
	events chan printer.Event

	mu       sync.Mutex
	port     devices.Port // nil: it is away, or not held open
	away     string       // why the device is not there
	stood    standing
	sensor   printer.Sensor
	steady   steady
	purposes *printer.Purposes
	finder   finder
	kicked   mark          // the last kick of a drawer that opens on anything
	untold   bool          // something was dropped that was not told of yet:
	dropped  int           // bytes of the POS's
	missed   int           // kicks beyond what can wait
	since    time.Duration // the first of it
	last     time.Duration // the last of it
	lost     uint64        // events beyond what can be taken down
}

// standing is how it stands with a drawer, and since when.
type standing struct {
	up, noisy bool
	since     time.Duration
}

// stands takes down when that changes. Called with mu held.
func (d *Drawer) stands() {
	up := d.port != nil
	if d.o.OnGrant {
		up = d.away == ""
	}
	if d.stood.up != up || d.stood.noisy != d.steady.noisy {
		d.stood = standing{up, d.steady.noisy, d.o.Now()}
	}
}

// mark is when something was, and in which state of the register.
type mark struct {
	some       bool
	at         time.Duration
	generation uint64
}

// Bounds of what waits for the daemon, and times.
const (
	maxKicks  = 64
	maxEvents = 1024
	// sameKick: on a port on which everything is a kick, its opening and what is
	// written to it about then are one.
	sameKick     = time.Second
	droppedQuiet = 300 * time.Millisecond // what was dropped is told of when nothing more came for this long
	droppedLate  = 5 * time.Second        // or after this
	presence     = time.Second            // how often a device that is not opened is looked for
)

// New makes it. It opens nothing yet.
func New(o Options) (*Drawer, error) {
	if err := o.settle(); err != nil {
		return nil, fmt.Errorf("drawer %q: %w", o.Name, err)
	}
	purposes, err := printer.NewPurposes(printer.Rules{Order: printer.OrderAsked}, nil) // nothing is printed that could say more
	if err != nil {
		return nil, fmt.Errorf("drawer %q: %w", o.Name, err)
	}
	d := &Drawer{
		o: o, token: make(chan struct{}, 1), kicks: make(chan printer.Kick, maxKicks), events: make(chan printer.Event, maxEvents),
		away: "not there", sensor: printer.NewSensor(o.Polarity, o.LeftOpen, o.Name), purposes: purposes,
		finder: finder{codes: [][]byte{o.Code}}, stood: standing{since: o.Now()},
	}
	for _, c := range o.Model.Others {
		d.finder.codes = append(d.finder.codes, []byte(c))
	}
	return d, nil
}

// Run makes the port that the POS writes to, and owns the drawer's until the
// context ends. A device that is lost is found again; the POS's port stays.
func (d *Drawer) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var err, frontErr error
	tried := make(chan struct{})
	wg.Go(func() { frontErr = d.runFront(ctx, sync.OnceFunc(func() { close(tried) })) })
	<-tried // who sees that the drawer is there finds its port, if that can be had
	wg.Go(func() { d.decide(ctx) })
	wg.Go(func() { d.tell(ctx) })
	if d.o.OnGrant {
		d.lookFor(ctx)
	} else {
		options := []devices.SuperviseOption{devices.WithPath(d.o.Path), devices.WithLoops(&d.loops)}
		if d.o.Backoff != (devices.Backoff{}) {
			options = append(options, devices.WithBackoff(d.o.Backoff))
		}
		err = devices.Supervise(ctx, d.o.Name, d.o.Open, d.hold, d.comesAndGoes, options...)
	}
	cancel()
	wg.Wait()
	d.tellAll(func() {})
	if err = errors.Join(err, frontErr); err != nil {
		return fmt.Errorf("drawer %s: %w", d.o.Name, err)
	}
	return nil
}

// hold keeps the port open until it is lost or the context ends: nothing is
// written to it here, what it sends is dropped, and its status is read.
func (d *Drawer) hold(ctx context.Context, port devices.Port) error {
	if err := raise(port); err != nil && !(errors.Is(err, devices.ErrNoLines) && d.o.Status == StatusNone) {
		return err
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	d.mu.Lock()
	d.port, d.away, d.steady = port, "", steady{}
	d.stands()
	d.mu.Unlock()
	var wg sync.WaitGroup
	if d.o.Status != StatusNone {
		wg.Go(func() {
			if err := d.poll(ctx, port); err != nil {
				end(err)
				_ = port.Close() // ends listen
			}
		})
	}
	end(d.listen(port))
	d.mu.Lock()
	d.port = nil
	d.stands()
	d.mu.Unlock()
	wg.Wait()
	return context.Cause(ctx)
}

// listen drops what a drawer sends (some send without end while they stand open)
// until the port ends.
func (d *Drawer) listen(port devices.Port) error {
	loop := d.loops.Begin("listening to the drawer")
	defer loop.End()
	port = devices.Watched(port, loop)
	buf := make([]byte, 256)
	for {
		if _, err := port.Wait(-1); err != nil {
			return err
		}
		if _, err := port.Read(buf); err != nil {
			return err
		}
	}
}

// poll reads the status line until it cannot be read, or the context ends. The
// kernel's wait for a change (TIOCMIWAIT) cannot be ended, and many drivers of USB
// adapters have none.
func (d *Drawer) poll(ctx context.Context, port devices.Port) error {
	loop := d.loops.Begin("reading the drawer's status")
	defer loop.End()
	ticker := time.NewTicker(d.o.Poll)
	defer ticker.Stop()
	for {
		loop.Turn()
		high, err := d.level(port)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		d.reading(high)
		loop.Rest()
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (d *Drawer) level(port devices.Port) (bool, error) {
	up, err := port.Lines()
	return up&statusLines[d.o.Status] != 0, err
}

func (d *Drawer) reading(high bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.o.Now()
	counts, n := d.steady.reading(high, now)
	d.stands()
	switch n {
	case noiseBegins:
		d.event(printer.Event{Kind: entry.KindDeviceTrust, Outcome: entry.OutcomeDenied, Reason: entry.ReasonUntrusted, Text: noisyText})
	case noiseEnds:
		d.event(printer.Event{Kind: entry.KindDeviceTrust, Outcome: entry.OutcomeAllowed, Text: "its status line is steady again"})
	}
	if !counts {
		return
	}
	for _, e := range d.sensor.Reading(high, d.o.Session() != 0, now) {
		d.event(e)
	}
}

const noisyText = "its status line changes all the time, and is not minded until it is steady: look at the plugs"

// lookFor says whether a device that must not be opened is there.
func (d *Drawer) lookFor(ctx context.Context) {
	loop := d.loops.Begin("looking for the drawer")
	defer loop.End()
	ticker := time.NewTicker(presence)
	defer ticker.Stop()
	last := "-"
	for {
		loop.Turn()
		why := ""
		err := there(d.o.Path)
		if err != nil {
			why = devices.Why(err)
		}
		if why != last {
			last = why
			d.mu.Lock()
			d.away = why
			d.stands()
			e := printer.Event{Kind: entry.KindDeviceUp, Text: "there; it is opened for a grant only"}
			if err != nil {
				e = printer.Event{Kind: entry.KindDeviceDown, Reason: entry.ReasonUnplugged, Text: why}
			}
			d.event(e)
			d.mu.Unlock()
		}
		loop.Rest()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// comesAndGoes passes on what Supervise says.
func (d *Drawer) comesAndGoes(e devices.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e.Up {
		d.event(printer.Event{Kind: entry.KindDeviceUp, Reason: entry.ReasonOpened, Text: "opened"})
		return
	}
	d.away = devices.Why(e.Err)
	d.event(printer.Event{Kind: entry.KindDeviceDown, Reason: entry.ReasonUnplugged, Text: d.away})
}

// event hands an event to the daemon. Called with mu held.
func (d *Drawer) event(e printer.Event) {
	if e.At == 0 {
		e.At = d.o.Now()
	}
	if e.Session == 0 {
		e.Session = d.o.Session()
	}
	select {
	case d.events <- e:
	default:
		d.lost++
	}
}

// tell gives the events out, in their order, with no lock held.
func (d *Drawer) tell(ctx context.Context) {
	loop := d.loops.Begin("telling what happened")
	defer loop.End()
	for {
		loop.Rest()
		select {
		case <-ctx.Done():
			return
		case e := <-d.events:
			loop.Turn()
			d.o.Events(e)
			d.tellAll(loop.Turn)
		}
	}
}

// tellAll gives out what there is. turn is called between two: each may wait for
// the disk.
func (d *Drawer) tellAll(turn func()) {
	for {
		select {
		case e := <-d.events:
			turn()
			d.o.Events(e)
			continue
		default:
		}
		break
	}
	d.mu.Lock()
	lost := d.lost
	d.lost = 0
	d.mu.Unlock()
	if lost > 0 {
		d.o.Events(printer.Event{Kind: entry.KindDeviceRefused, Reason: entry.ReasonRate, At: d.o.Now(), Count: lost, Text: "events of the drawer beyond what could be taken down"})
	}
}

// decide hands the kicks to the authority, one after the other.
func (d *Drawer) decide(ctx context.Context) {
	loop := d.loops.Begin("deciding about a kick")
	defer loop.End()
	for {
		loop.Rest()
		select {
		case <-ctx.Done():
			return
		case k := <-d.kicks:
			loop.Turn()
			d.o.Authority.Kick(ctx, k)
		}
	}
}

// State is how things stand with a drawer.
type State struct {
	// Up: its port is held open, or there to be opened for a grant. Away says why not.
	Up   bool
	Away string
	// Since is when Up and Noisy became what they are, on the boot clock.
	Since time.Duration
	// Sensor: it reports whether it is open. Noisy: not so that it could be minded.
	Sensor, Noisy bool
	Drawer        printer.DrawerState
}

// State says how things stand.
func (d *Drawer) State() State {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stands()
	is := d.stood
	s := State{Up: is.up, Away: d.away, Since: is.since, Sensor: d.o.Status != StatusNone, Noisy: is.noisy, Drawer: d.sensor.State()}
	if s.Noisy || !s.Up {
		s.Drawer.Known = false
	}
	return s
}

// Stuck says which part of it has been at one thing for longer than limit
// (devices.ErrStuck), or returns nil. For watchdogs.
func (d *Drawer) Stuck(limit time.Duration) error { return d.loops.Stuck(limit) }

// DrawerState is what the status line says.
func (d *Drawer) DrawerState() printer.DrawerState { return d.State().Drawer }

// SetPolarity changes what the status line's level means, after a calibration.
func (d *Drawer) SetPolarity(p printer.Polarity) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sensor.SetPolarity(p)
}

// ErrNoSensor: the drawer reports nowhere whether it is open.
var ErrNoSensor = errors.New("this drawer has no status line")

// Pin reads the level of the status line now, for calibration.
func (d *Drawer) Pin(context.Context) (high bool, err error) {
	d.mu.Lock()
	port := d.port
	d.mu.Unlock()
	switch {
	case d.o.Status == StatusNone:
		err = ErrNoSensor
	case port == nil:
		err = printer.ErrOffline
	default:
		high, err = d.level(port)
	}
	if err != nil {
		return false, fmt.Errorf("drawer %s: reading its status: %w", d.o.Name, err)
	}
	return high, nil
}
