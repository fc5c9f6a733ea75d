package printer

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"tillwarden/devices"
	"tillwarden/devices/escpos"
	"tillwarden/enforcer/journal/entry"
)

// The printer's side: what waits is written, answers come in, the sensor is
// polled.

// line is one connection to the printer. Its state is unknown until it is
// resynchronised.
type line struct {
	port devices.Port
	// end gives the line up; it is opened again.
	end context.CancelCauseFunc

	cleared bool // its buffers have been cleared, and no answer has come since
	silence bool // it has been silent: what answers now has been switched on
}

var (
	errSilent = errors.New("the printer does not answer")
	errHalf   = errors.New("a command of ours was taken in part only")
	statusAsk = []byte{0x10, 0x04, 0x01}
	// harmless goes before everything that we send to a printer whose state is
	// not known: a kick of the life before, of which it has a part, is completed
	// by these with an on-time of zero, and not by what follows.
	harmless   = make([]byte, 5)
	clearOrder = []byte{0x10, 0x14, 0x08, 0x01, 0x03, 0x14, 0x01, 0x06, 0x02, 0x08}
)

// The bits of the answer to DLE EOT 1.
const (
	bitSensor  = 0x04
	bitOffline = 0x08
)

// runLine drives the printer until it is lost or the context ends.
func (g *Guard) runLine(ctx context.Context, port devices.Port) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	l := &line{port: port, end: end}
	_ = port.DiscardInput() // answers to somebody else's questions
	g.attach(l)
	done := make(chan struct{}, 2)
	go func() { end(g.listen(l)); done <- struct{}{} }()
	go func() { g.poll(ctx, l); done <- struct{}{} }()
	end(g.write(ctx, l))
	_ = port.Close() // ends listen
	<-done
	<-done
	g.detach(entry.ReasonUnplugged)
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return ctx.Err()
}

func (g *Guard) attach(l *line) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.line, g.reach, g.paused, g.misses = l, reachSilent, false, 0
	g.distrust()
	g.event(Event{Kind: entry.KindDeviceTrust, Outcome: entry.OutcomeDenied, Reason: entry.ReasonUntrusted, Text: "to be resynchronised: " + g.o.Resync.String()})
	g.notify()
}

func (g *Guard) detach(why entry.Reason) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.line, g.reach, g.paused = nil, reachAway, false
	if g.distrust() {
		g.event(Event{Kind: entry.KindDeviceTrust, Outcome: entry.OutcomeDenied, Reason: why})
	}
	g.notify()
}

// distrust stops everything to the printer until it is resynchronised; what it
// has of a command is not completed, for it may have forgotten that. Called
// with mu held.
func (g *Guard) distrust() (was bool) {
	was, g.trusted = g.trusted, false
	g.epoch++
	if dropped, inside := g.queue.lost(); inside {
		g.filter.Cleared()
	} else if dropped > 0 {
		g.refusals.add("print", "interrupted in the middle of a command", entry.ReasonUnplugged, dropped, g.o.Now())
	}
	g.demux.reset()
	g.leaving = escpos.Realtime{}
	return was
}

// trust says that the printer's state is known. Called with mu held.
func (g *Guard) trust(why entry.Reason) {
	g.trusted = true
	g.event(Event{Kind: entry.KindDeviceTrust, Outcome: entry.OutcomeAllowed, Reason: why})
	g.notify()
}

// ErrNoPrinter: there is nothing to resynchronise.
var ErrNoPrinter = errors.New("the printer is not connected")

// Trust is the technician's word that the printer is in its initial state: just
// switched on, or with nothing half received.
func (g *Guard) Trust() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.line == nil {
		return ErrNoPrinter
	}
	if !g.trusted {
		g.trust(entry.ReasonTechnician)
	}
	return nil
}

// write sends what waits in the queue, a little at a time, so that little
// waits in the kernel.
func (g *Guard) write(ctx context.Context, l *line) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		g.mu.Lock()
		ready := g.trusted && !g.paused && g.queue.size > 0
		full := g.demux.full()
		changed := g.changed
		g.mu.Unlock()
		if !ready {
			select {
			case <-ctx.Done():
			case <-changed:
			}
			continue
		}
		if full || !g.takes(l) {
			if err := wait(ctx, nil, 10*time.Millisecond); err != nil {
				return err
			}
			continue
		}
		if err := g.take(ctx); err != nil {
			return err
		}
		err := g.writeSome(l)
		g.release()
		switch {
		case errors.Is(err, devices.ErrStalled):
			if err := wait(ctx, nil, 50*time.Millisecond); err != nil {
				return err
			}
		case err != nil:
			return err
		}
	}
}

// take and release hold the right to write to the printer.
func (g *Guard) take(ctx context.Context) error {
	select {
	case g.token <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *Guard) release() { <-g.token }

// takes reports whether the printer is ready for more: by its flow control, as
// far as it has lines, and because little is left in the kernel.
func (g *Guard) takes(l *line) bool {
	if n, err := l.port.Queued(); err == nil && n >= maxKernel {
		return false
	}
	want := devices.Lines(0)
	switch g.o.Flow {
	case FlowDSR:
		want = devices.LineDSR
	case FlowCTS:
		want = devices.LineCTS
	default:
		return true
	}
	up, err := l.port.Lines()
	return err != nil || up&want != 0 // without such lines there is nothing to wait for
}

// writeSome writes the first bytes of the queue. Called with the token.
func (g *Guard) writeSome(l *line) error {
	g.mu.Lock()
	if g.line != l || !g.trusted || g.paused {
		g.mu.Unlock()
		return nil
	}
	u := g.queue.first()
	b := append([]byte(nil), u.bytes...)
	epoch, now := g.epoch, g.o.Now()
	// The answers may be there before Write returns.
	if u.asks {
		g.demux.askOrdered(u.visit, now)
	}
	for i := 0; i < len(b); {
		end, command, n := g.leaving.Next(b, i)
		if command == escpos.StatusRequest {
			g.demux.askRealtime(posAsked, n, u.visit, now)
		}
		i = end
	}
	g.mu.Unlock()
	n, err := l.port.Write(b)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last.Sent(b[:n])
	if g.epoch == epoch {
		g.queue.wrote(n)
		if errors.Is(err, devices.ErrStalled) {
			g.missed(l, 1)
		}
	}
	g.notify()
	return err
}

// own writes bytes of ours, between two commands, all at once. what is called
// with mu held: it checks that nothing of the POS's is under way, and says what
// to write. A part of that makes the line unusable. Called with the token.
func (g *Guard) own(l *line, what func() ([]byte, error)) error {
	g.mu.Lock()
	b, err := what()
	if err != nil {
		g.mu.Unlock()
		return err
	}
	b = append(g.last.Break(), b...)
	if g.queue.size == 0 {
		// Else the filter's next bytes follow others, which ours go before.
		g.filter.Sent(b)
		g.wire.Sent(b)
	}
	g.last.Sent(b)
	g.mu.Unlock()
	return g.put(l, b)
}

func (g *Guard) put(l *line, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	n, err := l.port.Write(b)
	switch {
	case n == len(b):
		return nil
	case n > 0:
		l.end(errHalf)
	case err != nil && !errors.Is(err, devices.ErrStalled):
		l.end(err)
	}
	if err == nil {
		err = errHalf
	}
	return err
}

// listen reads the printer's answers until the port ends.
func (g *Guard) listen(l *line) error {
	buf := make([]byte, 256)
	for {
		if _, err := l.port.Wait(-1); err != nil {
			return err
		}
		n, err := l.port.Read(buf)
		if err != nil {
			return err
		}
		if n > 0 {
			g.heard(l, buf[:n])
		}
	}
}

// heard gives each byte to whom it is for.
func (g *Guard) heard(l *line, p []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.line != l {
		return
	}
	for _, b := range p {
		r := g.demux.take(b)
		switch {
		case r.flow != 0:
			if g.o.Flow == FlowXonXoff {
				g.paused = r.flow == xoff
			}
			continue
		case r.n == 1:
			g.status(l, b, r.to == weAsked)
		}
		if r.to == posAsked && g.active {
			g.reply(b)
		}
	}
	g.notify()
}

// status takes an answer to DLE EOT 1, whoever asked. Called with mu held.
func (g *Guard) status(l *line, b byte, ours bool) {
	now := g.o.Now()
	g.misses = 0
	g.answers++
	g.high = b&bitSensor != 0
	for _, e := range g.sensor.reading(g.high, g.o.Session() != 0, now) {
		if e.Kind == entry.KindDrawerOpened && e.About == 0 {
			g.purposes.Opened(e.Drawer, 0, now)
		}
		g.event(e)
	}
	r := reachOnline
	if b&bitOffline != 0 {
		r = reachOffline
	}
	g.reaches(r)
	if !g.trusted && ours {
		g.resynchronise(l)
	}
}

var reachTexts = [...]string{"", "does not answer", "is offline: paper, cover or an error", "answers"}

// reaches takes down how far the printer can be reached. Called with mu held.
func (g *Guard) reaches(r reach) {
	if r == g.reach {
		return
	}
	g.reach = r
	e := Event{Kind: entry.KindDeviceDown, Reason: entry.ReasonOffline, Text: reachTexts[r]}
	if r == reachOnline {
		e = Event{Kind: entry.KindDeviceUp, Text: reachTexts[r]}
	}
	g.event(e)
}

// resynchronise is called when an untrusted printer has answered us. Called
// with mu held.
func (g *Guard) resynchronise(l *line) {
	switch {
	case g.o.Resync == ResyncClear && l.cleared:
		g.trust(entry.ReasonCleared)
	case g.o.Resync == ResyncPowerCycle && l.silence:
		g.trust(entry.ReasonPowerCycle)
	}
}

// poll asks for the sensor's level and whether the printer is there, now and
// then, when that is in nobody's way.
func (g *Guard) poll(ctx context.Context, l *line) {
	ticker := time.NewTicker(g.o.Poll)
	defer ticker.Stop()
	for {
		g.askStatus(l)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// errBusy ends an attempt of ours: something else is going on.
var errBusy = errors.New("busy")

func (g *Guard) askStatus(l *line) {
	g.mu.Lock()
	g.missed(l, g.demux.expire(g.o.Now()))
	g.mu.Unlock()
	select {
	case g.token <- struct{}{}:
	default:
		return
	}
	defer g.release()
	_ = g.ask(l)
}

// missed counts what the printer did not answer or take; after some it counts
// as silent. Called with mu held.
func (g *Guard) missed(l *line, n int) {
	if g.misses += n; g.misses < missesSilent || g.line != l {
		return
	}
	l.silence, l.cleared = true, false
	g.misses = 0
	if g.distrust() {
		g.event(Event{Kind: entry.KindDeviceTrust, Outcome: entry.OutcomeDenied, Reason: entry.ReasonOffline, Text: errSilent.Error()})
	}
	g.reaches(reachSilent)
	g.notify()
}

// ask writes our DLE EOT 1; before it, to a printer that is to be
// resynchronised so, the order to clear its buffers. Called with the token.
func (g *Guard) ask(l *line) error {
	question := statusAsk
	return g.own(l, func() ([]byte, error) {
		if g.line != l || g.queue.begun || g.trusted && g.queue.size > 0 || g.demux.open() {
			return nil, errBusy
		}
		if !g.trusted {
			question = slices.Clone(harmless)
			if g.o.Resync == ResyncClear {
				question = append(question, clearOrder...)
				l.cleared = true
				g.demux.clears++
			}
			question = append(question, statusAsk...)
		}
		g.demux.askRealtime(weAsked, 1, g.demux.visit, g.o.Now())
		return question, nil
	})
}

// comesAndGoes passes on what Supervise says.
func (g *Guard) comesAndGoes(e devices.Event) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e.Up {
		g.event(Event{Kind: entry.KindDeviceUp, Reason: entry.ReasonOpened, Text: "opened"})
	} else {
		g.event(Event{Kind: entry.KindDeviceDown, Reason: entry.ReasonUnplugged, Text: away(e.Err)})
	}
	g.notify()
}

// away says why a device is not there, in words without paths or numbers.
func away(err error) string {
	switch {
	case errors.Is(err, devices.ErrGone):
		return "unplugged"
	case errors.Is(err, devices.ErrBusy):
		return "in use by another program"
	case errors.Is(err, devices.ErrNotTTY), errors.Is(err, devices.ErrConfig):
		return "cannot be used as configured"
	case errors.Is(err, fs.ErrNotExist):
		return "not there"
	case errors.Is(err, fs.ErrPermission):
		return "may not be opened"
	case errors.Is(err, errHalf), errors.Is(err, errSilent):
		return err.Error()
	}
	return "cannot be used"
}
