package printer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tillwarden/devices"
	"tillwarden/devices/escpos"
	"tillwarden/devices/loopback"
	"tillwarden/enforcer/journal/entry"
)

// Guard owns one printer and its drawers. Make one with [New] and let it [Guard.Run].
type Guard struct {
	o           Options
	byName      map[string]Drawer
	byConnector [3]string

	// token is held by who writes to the printer.
	token chan struct{}
	loops devices.Loops
	// nudge wakes who looks after what is due.
	nudge chan struct{}
	// look says that the drawer's sensor should be looked at.
	look     chan struct{}
	language language

	mu       sync.Mutex
	changed  chan struct{} // closed and made anew when something below changes
	filter   *escpos.Filter
	wire     escpos.Tail // what was queued last: the second look, which does not ask the filter
	purposes *Purposes
	sensor   Sensor
	demux    demux
	queue    queue
	leaving  scanner // what is written, as the printer's reception reads it

	last  escpos.Tail   // what was written last
	wrote time.Duration // when something of the POS's was
	epoch uint64        // counts the losses of trust

	// sent counts what the printer was given to do in order, reached is up to
	// where it has said that it has done it.
	sent, reached uint64

	unset bool // the printer's own real-time kick is to be switched off
	turn  bool // we are to ask how it is: questions of the POS's wait

	line    *line
	reach   reach
	trusted bool
	stood   standing
	misses  int           // questions of ours that were not answered, in a row
	answers uint64        // how many were
	paused  bool          // by XOFF
	high    bool          // the sensor's level, as answered last
	wanted  int           // who waits for the queue to drain
	hold    time.Duration // until when nothing new is taken from the POS

	pty       *seat
	floor     *seat // who prints now, or did last
	speaking  bool  // it is being read from
	answering bool  // it is being written to

	handed     bool          // the printer came to rest, for the next process
	trustUntil time.Duration // the last process left the printer trusted; until then it counts

	lingers  time.Duration // until when who has asked may ask again
	clearing bool          // it is untrusted for us to end a picture, and will be cleared
	hungry   hunger        // the printer waits for the rest of a picture
	forced   bool          // the POS was cut short, and waits until that is printed
	fed      time.Duration // when the POS sent something last
	closed   time.Duration // when it closed the port last
	away     bool          // it has closed the port, and not opened it since
	blocked  bool          // it is kept waiting
	opened   bool          // somebody has opened it, and nobody closed it since
	active   bool          // it has sent something since it opened it
	refusals refusals
	raw      passing
	replies  []byte // for the POS
	gone     string // why there is no line, in words; empty: nobody has tried yet
	kicks    []Kick
	events   []Event
	dropped  uint64 // events beyond the bound
	printed  bool   // a receipt was cut, and nobody was told
	tap      *tap   // who listens to what the POS sends
}

// reach is how far the printer can be reached.
type reach uint8

const (
	reachAway    reach = iota // there is no line to it
	reachSilent               // it does not answer
	reachOffline              // it answers that it is offline: no paper, cover open, error
	reachOnline               // it answers
)

var reachNames = [...]string{"away", "silent", "offline", "online"}

// String gives the word for people.
func (r reach) String() string { return wordOf(reachNames[:], int(r)) }

// standing is how it stands with the printer, and since when.
type standing struct {
	reach   reach
	trusted bool
	since   time.Duration
}

// stands takes down when that changes. Called with mu held.
func (g *Guard) stands() {
	if g.stood.reach != g.reach || g.stood.trusted != g.trusted {
		g.stood = standing{g.reach, g.trusted, g.o.Now()}
	}
}

// Bounds of what waits for the daemon, and for the POS.
const (
	maxKicks   = 64
	maxEvents  = 1024
	maxReplies = 512
)

// The guard's other times.
const (
	stallAfter   = 5 * time.Second        // an incomplete command is ended
	closedAfter  = time.Second            // the same, once the POS has closed its port
	holdFor      = 300 * time.Millisecond // what Ready found stays so for this long
	maxHold      = 10 * time.Second       // nobody keeps the POS waiting for longer
	freshness    = 500 * time.Millisecond // a printer that is to pulse must answer within this
	pulseLimit   = 1500 * time.Millisecond
	missesSilent = 2 // unanswered questions that make a printer silent
	leftBehind   = 100 * time.Millisecond
)

// New makes a guard. It opens nothing yet.
func New(o Options) (*Guard, error) {
	if err := o.settle(); err != nil {
		return nil, fmt.Errorf("printer %q: %w", o.Name, err)
	}
	purposes, err := NewPurposes(o.Rules, o.Key)
	if err != nil {
		return nil, fmt.Errorf("printer %q: %w", o.Name, err)
	}
	g := &Guard{
		o: o, byName: map[string]Drawer{}, token: make(chan struct{}, 1), nudge: make(chan struct{}, 1), look: make(chan struct{}, 1),
		changed: make(chan struct{}), filter: escpos.NewFilter(o.Dialect), purposes: purposes,
		wire: o.Dialect.NewTail(), last: o.Dialect.NewTail(),
		language: languages[o.Dialect.Name()],
	}
	g.stood.since = o.Now()
	g.demux = newDemux(&g.language)
	g.pty = &seat{}
	g.floor = g.pty
	var names []string
	for _, d := range o.Drawers {
		g.byName[d.Name] = d
		g.byConnector[d.Connector] = d.Name
		names = append(names, d.Name)
	}
	g.sensor = NewSensor(o.Polarity, o.LeftOpen, names...)
	return g, nil
}

// Run makes the ports that the POS prints to, and owns the printer until the
// context ends. A printer that is lost is opened again; the ports stay.
func (g *Guard) Run(ctx context.Context) error {
	if err := g.run(ctx); err != nil {
		return fmt.Errorf("printer %s: %w", g.o.Name, err)
	}
	return nil
}

func (g *Guard) run(ctx context.Context) error {
	memo := takeMemo(g.o.Keep)
	if !g.resume(memo) {
		memo = nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// The printer's line ends after all else, when what was written has left.
	lineCtx, endLine := context.WithCancel(context.WithoutCancel(ctx))
	defer endLine()
	var wg sync.WaitGroup
	endLink := make(chan struct{})
	frontsEnded := g.startFronts(ctx, memo, endLink)
	for _, f := range []func(){
		func() { g.answer(ctx) },
		func() { g.lookAfter(ctx) },
		func() { g.decide(ctx) },
		func() { g.tell(ctx) },
		func() { <-ctx.Done(); g.quiesce(); endLine() },
	} {
		wg.Go(f)
	}
	options := []devices.SuperviseOption{}
	if g.o.Path != "" {
		options = append(options, devices.WithPath(g.o.Path))
	}
	if g.o.Backoff != (devices.Backoff{}) {
		options = append(options, devices.WithBackoff(g.o.Backoff))
	}
	options = append(options, devices.WithLoops(&g.loops))
	err := devices.Supervise(lineCtx, g.o.Name, g.o.Open, g.runLine, g.comesAndGoes, options...)
	stopped := ctx.Err() != nil
	cancel()
	close(endLink)
	left, frontErr := frontsEnded()
	wg.Wait()
	g.mu.Lock()
	for _, e := range g.refusals.take() {
		g.event(e)
	}
	g.mu.Unlock()
	g.tellAll(func() {})
	var memoErr error
	if g.o.Keep != nil && stopped {
		memoErr = leaveMemo(g.o.Keep, g.memo(left))
	}
	return errors.Join(err, frontErr, memoErr)
}

// clientRefused takes down that a connection was refused.
func (g *Guard) clientRefused(why string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	reason := entry.ReasonNotForwarded
	if why == loopback.RefusedFlood {
		reason = entry.ReasonRate
	}
	g.refusals.add(printPort, why, reason, 0, g.o.Now())
	g.notify()
}

// printPort is what the journal calls the loopback port's connections.
const printPort = "connection to the print port"

// notify wakes everybody who waits for a change. Called with mu held.
func (g *Guard) notify() {
	g.stands()
	close(g.changed)
	g.changed = make(chan struct{})
	select {
	case g.nudge <- struct{}{}:
	default:
	}
}

// wait waits for a change, at most for d. Called without mu.
func wait(ctx context.Context, changed <-chan struct{}, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-changed:
	case <-timer.C:
	}
	return nil
}

// event hands an event to the daemon. Called with mu held.
func (g *Guard) event(e Event) {
	if e.At == 0 {
		e.At = g.o.Now()
	}
	if e.Session == 0 {
		e.Session = g.o.Session()
	}
	if len(g.events) == maxEvents {
		g.dropped++
		return
	}
	g.events = append(g.events, e)
}

// tell gives the events out, in their order, with no lock held.
func (g *Guard) tell(ctx context.Context) {
	loop := g.loops.Begin("telling what happened")
	defer loop.End()
	for {
		loop.Turn()
		g.tellAll(loop.Turn)
		g.mu.Lock()
		changed, more := g.changed, len(g.events) > 0 || g.printed
		g.mu.Unlock()
		if more {
			continue
		}
		loop.Rest()
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

// tellAll gives out what there is. turn is called between two: each may wait for
// the disk.
func (g *Guard) tellAll(turn func()) {
	g.mu.Lock()
	events, dropped, printed := g.events, g.dropped, g.printed
	g.events, g.dropped, g.printed = nil, 0, false
	g.mu.Unlock()
	if printed {
		g.o.Printed()
	}
	for _, e := range events {
		turn()
		g.o.Events(e)
	}
	if dropped > 0 {
		g.o.Events(Event{Kind: entry.KindDeviceRefused, Reason: entry.ReasonRate, At: g.o.Now(), Count: dropped, Text: "events of the printer beyond what could be taken down"})
	}
}

// decide hands the kicks to the authority, one after the other.
func (g *Guard) decide(ctx context.Context) {
	loop := g.loops.Begin("deciding about a kick")
	defer loop.End()
	for ctx.Err() == nil {
		loop.Turn()
		g.mu.Lock()
		changed := g.changed
		var k Kick
		some := len(g.kicks) > 0
		if some {
			k = g.kicks[0]
			g.kicks = g.kicks[1:]
		}
		g.mu.Unlock()
		if some {
			g.o.Authority.Kick(ctx, k)
			continue
		}
		loop.Rest()
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
}

// results passes on what was found out about kicks. Called with mu held.
func (g *Guard) results(now time.Duration) {
	for _, r := range g.purposes.Take(now) {
		k := r.Kick
		switch {
		case r.Outcome == NoReceipt:
			g.event(Event{Kind: entry.KindSaleNoReceipt, Drawer: k.Drawer, About: r.About, Session: k.Session, At: now, Elapsed: receiptDue})
		case r.Outcome == Absorbed:
		case g.o.Authority == nil:
			g.refusals.add("kick", "nobody decides about it", entry.ReasonNotForwarded, 0, now)
		case len(g.kicks) == maxKicks:
			g.refusals.add("kick", "too many at a time", entry.ReasonRate, 0, now)
		default:
			g.kicks = append(g.kicks, k)
		}
	}
}

// Status is how things stand with a printer.
type Status struct {
	// Reach is "away", "silent", "offline" or "online".
	Reach string
	// Gone is why it is away, in words without paths or numbers; empty where it is not,
	// or was not looked for yet.
	Gone string
	// Trusted: its state is known, so that it gets what the POS prints.
	Trusted bool
	// Since is when these two became what they are, on the boot clock.
	Since time.Duration
	// Queued is how many bytes wait for it here.
	Queued int
	// Kept is for how long its handshaking, or its line, has kept back what waits here
	// without a break; 0: it does not.
	Kept time.Duration
	// Busy: something waits to be printed or came within the last moments, or a kick
	// waits for its receipt. A restart now would come in between; nothing would be lost
	// of what is printed, but a kick would.
	Busy   bool
	Drawer DrawerState
}

// busyFor is how long after its last byte a POS may still be at its receipt.
const busyFor = 3 * time.Second

// Status says how things stand.
func (g *Guard) Status() Status {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stands()
	busy := g.queue.size > 0 || g.fed > 0 && g.o.Now() < g.fed+busyFor || len(g.purposes.held) > 0
	s := Status{
		Reach: g.reach.String(), Trusted: g.trusted, Since: g.stood.since, Queued: g.queue.size, Busy: busy, Drawer: g.sensor.State(),
	}
	if g.reach == reachAway {
		s.Gone = g.gone
	}
	if l := g.line; l != nil && l.traffic.full {
		s.Kept = g.o.Now() - l.traffic.since
	}
	return s
}

// Stuck says which part of the guard has been at one thing for longer than limit
// (devices.ErrStuck), or returns nil. A printer that takes nothing, and a POS that
// is kept waiting for it, are none. For watchdogs.
func (g *Guard) Stuck(limit time.Duration) error { return g.loops.Stuck(limit) }

// DrawerState is what the sensor says.
func (g *Guard) DrawerState() DrawerState { return g.Status().Drawer }

// SetPolarity changes what the sensor's level means, after a calibration.
func (g *Guard) SetPolarity(p Polarity) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sensor.SetPolarity(p)
}

// SetProfile changes the print profile, for what is printed from now on.
func (g *Guard) SetProfile(profile []Rule) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.purposes.SetProfile(profile)
}

// Ask names the function of the next kick on a drawer in this session. The
// kick comes to the Authority with id.
func (g *Guard) Ask(id uint64, drawer, function, claimant string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.o.Now()
	g.purposes.Ask(id, drawer, function, claimant, g.o.Session(), now)
	g.results(now)
	g.notify()
}

// Unask takes an Ask back.
func (g *Guard) Unask(id uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.purposes.Unask(id)
}

// Absorb says that a drawer is being opened at once: the kick that the POS
// sends about then is not decided.
func (g *Guard) Absorb(drawer string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.o.Now()
	g.purposes.Absorb(drawer, g.o.Session(), now)
	g.results(now)
	g.notify()
}
