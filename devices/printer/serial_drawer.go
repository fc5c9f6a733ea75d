package printer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"tillwarden/devices"
	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
)

// SerialDrawer owns a drawer that hangs on a serial line of its own, without a
// printer. The POS finds a port that looks like the drawer's; no byte of the POS
// reaches the drawer, and a drawer that opens when its line is opened has it
// opened for a granted pulse alone.
//
// What the POS sends has no receipt: a kick is for what was asked for before, or
// a no-sale. A pty has no modem lines, so a POS that reads the drawer's state
// there finds none.
//
// Make one with [NewSerialDrawer] and let it [SerialDrawer.Run].
type SerialDrawer struct {
	o SerialDrawerOptions

	// token is held by who writes to the drawer.
	token chan struct{}

	mu       sync.Mutex
	changed  chan struct{} // closed and made anew when something below changes
	purposes *Purposes
	sensor   sensor
	port     devices.Port // nil while it is away, or not to be opened
	lines    bool         // the port has modem lines
	high     bool
	matched  int           // how much of the code the POS has sent
	kicked   time.Duration // when the POS kicked last
	ignored  int           // bytes of the POS that are no kick, not told of yet
	since    time.Duration // when the first of them came
	kicks    []Kick
	events   []Event
}

// SerialDrawerOptions say which drawer, and for whom. As for [Options], but for
// the drawer's own.
type SerialDrawerOptions struct {
	Name  string
	Model DrawerModel
	// Code opens it; empty: the model's.
	Code []byte
	// Status is the modem line that tells whether it is open; 0: none.
	Status devices.Lines

	Open    func(context.Context) (devices.Port, error)
	Path    string
	Backoff devices.Backoff

	Link  string // empty: the POS has no port to it
	Mode  os.FileMode
	Group int

	Poll     time.Duration
	Polarity Polarity
	LeftOpen time.Duration

	Now        func() time.Duration
	Session    func() entry.Seq
	Generation func() uint64
	Authority  Authority
	Events     func(Event)
}

func (o *SerialDrawerOptions) settle() error {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrOptions, fmt.Sprintf(format, args...))
	}
	set(&o.Poll, defaultPoll)
	set(&o.LeftOpen, defaultLeftOpen)
	if len(o.Code) == 0 {
		o.Code = o.Model.Code
	}
	if o.Session == nil {
		o.Session = func() entry.Seq { return 0 }
	}
	if o.Generation == nil {
		o.Generation = func() uint64 { return 0 }
	}
	if o.Events == nil {
		o.Events = func(Event) {}
	}
	switch {
	case o.Name == "":
		return wrong("no name")
	case o.Open == nil:
		return wrong("nothing to open")
	case o.Now == nil:
		return wrong("no clock")
	case len(o.Code) == 0 && !o.Model.Any:
		return wrong("no code opens a %s by itself", o.Model.Name)
	case len(o.Code) > maxCode:
		return wrong("a code of %d bytes", len(o.Code))
	case o.Model.Any && o.Status != 0:
		return wrong("the line of a %s is not held, and tells nothing", o.Model.Name)
	}
	return nil
}

const (
	maxCode = 16
	// burst is how long what a POS sends to a drawer that opens at any byte is one
	// kick: its opening of the port, and the bytes after it.
	burst = time.Second
)

// ErrDrawerAway: the drawer's line is not there.
var ErrDrawerAway = errors.New("the drawer's line is not there")

// NewSerialDrawer makes one. It opens nothing yet.
func NewSerialDrawer(o SerialDrawerOptions) (*SerialDrawer, error) {
	if err := o.settle(); err != nil {
		return nil, fmt.Errorf("drawer %q: %w", o.Name, err)
	}
	purposes, err := NewPurposes(Rules{Order: OrderAsked}, nil)
	if err != nil {
		return nil, fmt.Errorf("drawer %q: %w", o.Name, err)
	}
	return &SerialDrawer{
		o: o, token: make(chan struct{}, 1), changed: make(chan struct{}), purposes: purposes, kicked: -burst,
		sensor: sensor{polarity: o.Polarity, leftOpen: o.LeftOpen, fallback: o.Name},
	}, nil
}

// Run makes the port for the POS, and owns the drawer until the context ends.
func (s *SerialDrawer) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var front *devices.PTY
	if s.o.Link != "" {
		var err error
		front, err = devices.OpenPTY(devices.PTYConfig{Link: s.o.Link, Mode: s.o.Mode, Group: s.o.Group, OnOpen: s.posOpened})
		if err != nil {
			return fmt.Errorf("drawer %s: %w", s.o.Name, err)
		}
		wg.Go(func() { s.hear(front) })
	}
	wg.Go(func() { s.decide(ctx) })
	wg.Go(func() { s.tell(ctx) })
	err := s.hold(ctx)
	cancel()
	if front != nil {
		err = errors.Join(err, front.Close())
	}
	wg.Wait()
	s.tellAll()
	if err != nil {
		return fmt.Errorf("drawer %s: %w", s.o.Name, err)
	}
	return nil
}

// hold keeps the line open, for us alone, where that opens nothing.
func (s *SerialDrawer) hold(ctx context.Context) error {
	if s.o.Model.Any {
		<-ctx.Done()
		return nil
	}
	options := []devices.SuperviseOption{}
	if s.o.Path != "" {
		options = append(options, devices.WithPath(s.o.Path))
	}
	if s.o.Backoff != (devices.Backoff{}) {
		options = append(options, devices.WithBackoff(s.o.Backoff))
	}
	return devices.Supervise(ctx, s.o.Name, s.o.Open, s.runLine, s.comesAndGoes, options...)
}

// runLine holds the line and reads the drawer's state from it.
func (s *SerialDrawer) runLine(ctx context.Context, port devices.Port) error {
	// DTR and RTS power its electronics.
	err := port.SetLines(devices.LineDTR|devices.LineRTS, 0)
	if err != nil && !errors.Is(err, devices.ErrNoLines) {
		return err
	}
	s.attach(port, err == nil)
	defer s.attach(nil, false)
	gone := make(chan error, 1)
	go func() { gone <- drop(port) }()
	var tick <-chan time.Time
	if s.o.Status != 0 && err == nil {
		ticker := time.NewTicker(s.o.Poll)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			_ = port.Close()
			<-gone
			return ctx.Err()
		case err := <-gone:
			return err
		case <-tick:
			if err := s.look(port); err != nil {
				_ = port.Close()
				<-gone
				return err
			}
		}
	}
}

// drop reads what a drawer says on its line, which is of no use here, until the
// line ends.
func drop(port devices.Port) error {
	buf := make([]byte, 64)
	for {
		if _, err := port.Wait(-1); err != nil {
			return err
		}
		if _, err := port.Read(buf); err != nil {
			return err
		}
	}
}

func (s *SerialDrawer) attach(port devices.Port, lines bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.port, s.lines = port, lines
	s.notify()
}

// look reads the modem line that tells.
func (s *SerialDrawer) look(port devices.Port) error {
	up, err := port.Lines()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.o.Now()
	s.high = up&s.o.Status != 0
	for _, e := range s.sensor.reading(s.high, s.o.Session() != 0, now) {
		s.event(e)
	}
	return nil
}

// posOpened is told that the POS has opened its port, which opens some drawers.
func (s *SerialDrawer) posOpened() {
	if !s.o.Model.Any {
		return
	}
	came := arrival{s.o.Session(), s.o.Generation()}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kick(came)
}

// hear takes what the POS sends.
func (s *SerialDrawer) hear(front *devices.PTY) {
	buf := make([]byte, 256)
	for {
		if _, err := front.Wait(-1); err != nil {
			return
		}
		came := arrival{s.o.Session(), s.o.Generation()}
		n, err := front.Read(buf)
		if err != nil {
			return
		}
		s.mu.Lock()
		for _, b := range buf[:n] {
			s.take(b, came)
		}
		s.mu.Unlock()
	}
}

// take is a byte from the POS. Called with mu held.
func (s *SerialDrawer) take(b byte, came arrival) {
	if s.o.Model.Any {
		s.kick(came)
		return
	}
	if b == s.o.Code[s.matched] {
		if s.matched++; s.matched == len(s.o.Code) {
			s.matched = 0
			s.kick(came)
		}
		return
	}
	// Where the code goes on in itself (ABAC) the beginning may be found again.
	seen := append(bytes.Clone(s.o.Code[:s.matched]), b)
	s.matched = 0
	for i := 1; i < len(seen); i++ {
		if bytes.HasPrefix(s.o.Code, seen[i:]) {
			s.matched = len(seen) - i
			break
		}
	}
	if s.ignored == 0 {
		s.since = s.o.Now()
	}
	s.ignored += len(seen) - s.matched
	s.notify()
}

// kick is the POS's. Called with mu held.
func (s *SerialDrawer) kick(came arrival) {
	now := s.o.Now()
	if s.o.Model.Any && now-s.kicked < burst {
		return // it is the same one
	}
	s.kicked = now
	s.purposes.Kick(Kick{Printer: s.o.Name, Drawer: s.o.Name, Session: came.session, Generation: came.generation}, now)
	s.results(now)
	s.notify()
}

// results hands on what the kicks are for. Called with mu held.
func (s *SerialDrawer) results(now time.Duration) {
	for _, r := range s.purposes.Take(now) {
		switch {
		case r.Outcome != Decide:
		case s.o.Authority == nil, len(s.kicks) == maxKicks:
			s.event(Event{Kind: entry.KindDeviceRefused, Reason: entry.ReasonRate, Drawer: s.o.Name, Text: "kick: too many at a time"})
		default:
			s.kicks = append(s.kicks, r.Kick)
		}
	}
}

// decide hands the kicks to the authority, one after the other.
func (s *SerialDrawer) decide(ctx context.Context) {
	for ctx.Err() == nil {
		s.mu.Lock()
		changed := s.changed
		var k Kick
		some := len(s.kicks) > 0
		if some {
			k, s.kicks = s.kicks[0], s.kicks[1:]
		}
		s.mu.Unlock()
		if some {
			s.o.Authority.Kick(ctx, k)
			continue
		}
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
}

// Ready reports whether a pulse that is written now opens the drawer now.
func (s *SerialDrawer) Ready(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.port == nil && !s.o.Model.Any {
		return fmt.Errorf("drawer %s: %w", s.o.Name, ErrDrawerAway)
	}
	return nil
}

// Pulse opens the drawer, if the redemption is the gate's own, valid, and for
// this drawer. It is the only way to.
func (s *SerialDrawer) Pulse(ctx context.Context, r enforcer.Redemption) error {
	if !r.Valid(s.o.Name) {
		return fmt.Errorf("drawer %s: %w", s.o.Name, ErrNotRedeemed)
	}
	ctx, cancel := context.WithTimeout(ctx, pulseLimit)
	defer cancel()
	select {
	case s.token <- struct{}{}:
		defer func() { <-s.token }()
	case <-ctx.Done():
		return fmt.Errorf("drawer %s: %w", s.o.Name, ErrBusy)
	}
	if err := s.writeCode(ctx, r); err != nil {
		return fmt.Errorf("drawer %s: %w", s.o.Name, err)
	}
	return nil
}

// writeCode writes the drawer's code, and opens the line for it where it is not
// held. It is the one place that does, reached from Pulse alone.
func (s *SerialDrawer) writeCode(ctx context.Context, r enforcer.Redemption) error {
	s.mu.Lock()
	port := s.port
	s.mu.Unlock()
	switch {
	case !r.Valid(s.o.Name):
		return ErrNotRedeemed
	case s.o.Model.Any:
		opened, err := s.o.Open(ctx)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrDrawerAway, err)
		}
		defer opened.Close()
		port = opened
	case port == nil:
		return ErrDrawerAway
	}
	if n, err := port.Queued(); err != nil || n > 0 {
		return ErrBusy // what waits there would open it as well, later
	}
	now := s.o.Now()
	s.mu.Lock()
	s.sensor.pulsed(s.o.Name, r.Seq(), now)
	s.purposes.Opened(s.o.Name, r.Seq(), now)
	s.mu.Unlock()
	if len(s.o.Code) == 0 {
		return nil // that the line was opened was enough
	}
	if n, err := port.Write(s.o.Code); err != nil || n < len(s.o.Code) {
		// A part of it is not to be completed by what comes later.
		_ = port.Close()
		return errors.Join(errHalf, err)
	}
	for end := time.Now().Add(freshness); ; {
		n, err := port.Queued()
		if err != nil || n == 0 {
			return err
		}
		if time.Now().After(end) { // it is not to take it later
			_ = port.Close()
			return devices.ErrStalled
		}
		if err := wait(ctx, nil, full); err != nil {
			_ = port.Close()
			return devices.ErrStalled
		}
	}
}

// Ask, Unask and Absorb are as a guard's.

// Ask names the function of the next kick in this session.
func (s *SerialDrawer) Ask(id uint64, drawer, function, claimant string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.o.Now()
	s.purposes.Ask(id, drawer, function, claimant, s.o.Session(), now)
	s.results(now)
	s.notify()
}

// Unask takes an Ask back.
func (s *SerialDrawer) Unask(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.purposes.Unask(id)
}

// Absorb says that the drawer is being opened at once.
func (s *SerialDrawer) Absorb(drawer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.o.Now()
	s.purposes.Absorb(drawer, s.o.Session(), now)
	s.results(now)
	s.notify()
}

// Status says how things stand.
func (s *SerialDrawer) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := reachOnline
	if s.port == nil && !s.o.Model.Any {
		r = reachAway
	}
	return Status{Reach: r.String(), Trusted: true, Drawer: s.sensor.state()}
}

// DrawerState is what the modem line says.
func (s *SerialDrawer) DrawerState() DrawerState { return s.Status().Drawer }

// SetPolarity changes what the line's level means, after a calibration.
func (s *SerialDrawer) SetPolarity(p Polarity) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sensor.setPolarity(p)
}

// Pin reads the level of the line that tells, for calibration.
func (s *SerialDrawer) Pin(context.Context) (high bool, err error) {
	s.mu.Lock()
	port, lines := s.port, s.lines
	s.mu.Unlock()
	switch {
	case s.o.Status == 0:
		return false, fmt.Errorf("drawer %s: it has no line that tells whether it is open: %w", s.o.Name, devices.ErrNoLines)
	case port == nil:
		return false, fmt.Errorf("drawer %s: %w", s.o.Name, ErrDrawerAway)
	case !lines:
		return false, fmt.Errorf("drawer %s: %w", s.o.Name, devices.ErrNoLines)
	}
	if err := s.look(port); err != nil {
		return false, fmt.Errorf("drawer %s: reading its line: %w", s.o.Name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.high, nil
}

func (s *SerialDrawer) comesAndGoes(e devices.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.Up {
		s.event(Event{Kind: entry.KindDeviceUp, Reason: entry.ReasonOpened, Drawer: s.o.Name, Text: "opened"})
	} else {
		s.event(Event{Kind: entry.KindDeviceDown, Reason: entry.ReasonUnplugged, Drawer: s.o.Name, Text: away(e.Err)})
	}
	s.notify()
}

// event hands an event to the daemon. Called with mu held.
func (s *SerialDrawer) event(e Event) {
	if e.At == 0 {
		e.At = s.o.Now()
	}
	if e.Session == 0 {
		e.Session = s.o.Session()
	}
	if len(s.events) < maxEvents {
		s.events = append(s.events, e)
	}
	s.notify()
}

// notify wakes everybody who waits for a change. Called with mu held.
func (s *SerialDrawer) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// tell gives the events out, in their order, with no lock held, and once a burst
// is over what was ignored.
func (s *SerialDrawer) tell(ctx context.Context) {
	for ctx.Err() == nil {
		s.tellAll()
		s.mu.Lock()
		changed, some := s.changed, len(s.events) > 0
		next := time.Hour
		if s.ignored > 0 {
			next = max(s.since+burst-s.o.Now(), time.Millisecond)
		}
		s.mu.Unlock()
		if !some {
			_ = wait(ctx, changed, next)
		}
	}
}

func (s *SerialDrawer) tellAll() {
	s.mu.Lock()
	if s.ignored > 0 && s.o.Now()-s.since >= burst {
		s.event(Event{
			Kind: entry.KindDeviceRefused, Reason: entry.ReasonUnparsed, Drawer: s.o.Name, Count: uint64(s.ignored), Text: "bytes that are not the drawer's code",
		})
		s.ignored = 0
	}
	events := s.events
	s.events = nil
	s.mu.Unlock()
	for _, e := range events {
		s.o.Events(e)
	}
}
