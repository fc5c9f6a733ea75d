package printer

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"tillwarden/devices"
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

	out [maxWrite]byte // what is being written

	answers uint64 // how many answers there were when we asked last

	// lossless: what the printer does not take is kept for it. One that takes nothing
	// has no paper, or an error; its state is still known. hangsUp: nor does it
	// forget anything while the line is there, even if it does not answer.
	lossless, hangsUp bool
	traffic           traffic

	cleared bool // its buffers have been cleared, and no answer has come since
	silence bool // it has been silent: what answers now has been switched on
}

var (
	errSilent = errors.New("the printer does not answer")
	errHalf   = errors.New("a command of ours was taken in part only")
	errUnsafe = errors.New("bytes of ours that must not leave")
	// harmless goes before everything that we send to a printer whose state is
	// not known: a kick of the life before, of which it has a part, is completed
	// by these with an on-time of zero, and not by what follows.
	harmless = make([]byte, 5)
)

// The line's times. A printer that is full is looked at again after full; when
// that has lasted for fullLooks looks, after fullest. Where the last character
// may be the first half of one, what we have to ask waits for its other half for at most
// halves.
const (
	full      = 2 * time.Millisecond
	fullLooks = 100
	fullest   = 50 * time.Millisecond
	halves    = time.Second
)

// runLine drives the printer until it is lost or the context ends.
func (g *Guard) runLine(ctx context.Context, port devices.Port) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	l := &line{port: port, end: end, lossless: devices.Lossless(port), hangsUp: devices.HangsUp(port)}
	if !g.attach(l) {
		_ = port.DiscardInput() // answers to somebody else's questions
	}
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

// attach begins with a line. It reports whether the printer's state is known: as
// the last process of ours left it.
func (g *Guard) attach(l *line) (known bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.line, g.reach, g.paused, g.misses = l, reachSilent, false, 0
	if g.language.ask == nil {
		g.reach = reachOnline // as far as one can know
	}
	defer g.notify()
	if g.resumed(l) {
		return true
	}
	g.distrust()
	g.event(Event{Kind: entry.KindDeviceTrust, Outcome: entry.OutcomeDenied, Reason: entry.ReasonUntrusted, Text: "to be resynchronised: " + g.o.Resync.String()})
	return false
}

func (g *Guard) detach(why entry.Reason) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.line, g.reach, g.paused = nil, reachAway, false
	if g.handed {
		return // the printer is as it was left
	}
	if g.distrust() {
		g.event(Event{Kind: entry.KindDeviceTrust, Outcome: entry.OutcomeDenied, Reason: why})
	}
	g.notify()
}

// distrust stops everything to the printer until it is resynchronised; what it
// has of a command is not completed, for it may have forgotten that. Called
// with mu held.
func (g *Guard) distrust() (was bool) {
	was, g.trusted, g.forced, g.clearing = g.trusted, false, false, false
	g.epoch++
	if dropped, inside := g.queue.lost(); inside {
		g.filter.Cleared()
	} else if dropped > 0 {
		g.refusals.add("print", "interrupted in the middle of a command", entry.ReasonUnplugged, dropped, g.o.Now())
	}
	g.demux.reset()
	g.leaving = scanner{}
	return was
}

// trust says that the printer's state is known. Called with mu held.
func (g *Guard) trust(why entry.Reason) {
	g.trusted, g.clearing = true, false
	g.sent++ // what it may have in its buffer
	g.forgot()
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

// forgot says that the printer has forgotten its settings, ours among them.
// Called with mu held.
func (g *Guard) forgot() { g.unset = len(g.o.realtimeOff) > 0 }

// write sends what waits in the queue, a little at a time, so that little
// waits in the kernel.
func (g *Guard) write(ctx context.Context, l *line) error {
	loop := g.loops.Begin("writing to the printer")
	defer loop.End()
	for looks := 0; ; {
		loop.Turn()
		if err := ctx.Err(); err != nil {
			return err
		}
		g.mu.Lock()
		some, unset := g.trusted && g.queue.size > 0, g.trusted && g.unset && !g.queue.begun
		paused, changed := g.paused, g.changed
		g.mu.Unlock()
		if waits := some || unset; !waits || paused {
			g.keeps(l, waits)
			loop.Rest()
			select {
			case <-ctx.Done():
			case <-changed:
			}
			continue
		}
		takes := g.takes(l)
		g.keeps(l, !takes)
		if !takes {
			again := full
			switch looks++; {
			case looks > fullLooks:
				again = fullest // it has no paper, or nobody reads its line
			case g.o.Flow.paced():
				again = full / 2
			}
			if err := wait(ctx, nil, again); err != nil {
				return err
			}
			continue
		}
		looks = 0
		if err := g.take(ctx); err != nil {
			return err
		}
		var err error
		if unset {
			err = g.disableRealtime(l)
		} else {
			err = g.writeSome(l)
		}
		g.release()
		switch {
		case errors.Is(err, devices.ErrStalled):
			if err := wait(ctx, nil, 50*time.Millisecond); err != nil {
				return err
			}
		case errors.Is(err, errBusy):
			g.expire(l)
			if err := wait(ctx, changed, 10*time.Millisecond); err != nil {
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
	if n, err := l.port.Queued(); err == nil && !l.lossless {
		// Elsewhere the port sees to it that little waits in the kernel: what is
		// queued is under way, and taken.
		if _, most := g.o.Flow.bounds(); n > most {
			return false
		}
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

// writeSome writes the next bytes of the queue. errBusy: they ask something,
// and have to wait for another question's answer. Called with the token.
func (g *Guard) writeSome(l *line) error {
	g.mu.Lock()
	g.sober()
	if g.line != l || !g.trusted || g.paused || g.unset && !g.queue.begun || g.queue.size == 0 {
		g.mu.Unlock()
		return nil
	}
	most, _ := g.o.Flow.bounds()
	u, now := g.queue.next(l.out[:most:most]), g.o.Now()
	b := u.bytes
	before, questions := g.leaving, 0
	for _, c := range b {
		if g.leaving.asks(&g.language, c) {
			questions++
		}
	}
	if u.asks == formEnquiry {
		questions++
	}
	if questions > 0 && (g.demux.ours() || g.turn && !g.queue.begun) || (u.asks == formArrival || u.asks == formEnquiry) && g.demux.full() || u.asks != formNone && g.demux.doubt {
		g.leaving = before
		g.mu.Unlock()
		return errBusy
	}
	if (u.asks == formByte || u.asks == formBlock) && !g.demux.asksInOrder(u.asks, u.visit, now) {
		g.queue.wrote(len(u.bytes))
		g.refusals.add("question", "too many that the printer has not answered", entry.ReasonRate, len(u.bytes), now)
		g.notify()
		g.mu.Unlock()
		return nil
	}
	// The answers may be there before Write returns. All but the last may stand
	// in a picture.
	enquiry := u.asks == formEnquiry // the last of them
	for i := range questions {
		if enquiry && i == questions-1 {
			g.demux.enquires(u.visit, now)
			break
		}
		g.demux.asks(posAsked, u.visit, u.asks != formArrival || i < questions-1, now)
	}
	g.sent++
	epoch := g.epoch
	g.mu.Unlock()
	n, err := l.port.Write(b)
	g.mu.Lock()
	defer g.mu.Unlock()
	l.traffic.wrote.Add(int64(n))
	g.last.Sent(b[:n])
	g.wrote = now
	if n < len(b) && questions > 0 {
		// Which of them it was asked is not worth finding out.
		g.demux.doubt = true
		g.leaving = before
		for _, c := range b[:n] {
			g.leaving.asks(&g.language, c)
		}
	}
	if g.epoch == epoch {
		g.queue.wrote(n)
		if g.queue.size == 0 {
			g.starves(now)
			if g.forced {
				g.forced, g.hold = false, now+maxHold
			}
		}
		if u.init && n == len(b) {
			g.forgot()
		}
		switch {
		case errors.Is(err, devices.ErrStalled):
			g.stalls(l)
		case n > 0:
			g.goesOn(l)
		}
	}
	g.notify()
	return err
}

// disableRealtime switches the printer's own real-time kick off, where there is
// an order for that: after it was found in its initial state, and after each
// ESC @, which forgets it. Nothing leaves before. Called with the token.
func (g *Guard) disableRealtime(l *line) error {
	err := g.own(l, func() ([]byte, error) {
		if g.line != l || !g.trusted || g.paused || !g.unset || g.queue.begun {
			return nil, errBusy
		}
		g.unset = false
		g.sent++
		return g.o.realtimeOff, nil
	})
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		g.forgot() // it has not heard of it
	}
	g.notify()
	return err
}

// own writes bytes of ours, between two commands, all at once. what is called
// with mu held: it checks that nothing of the POS's is under way, and says what
// to write. A part of that makes the line unusable. Called with the token.
func (g *Guard) own(l *line, what func() ([]byte, error)) error {
	// What is not taken must not count as sent: other bytes would be kept apart by
	// it that come together.
	switch {
	case l == nil:
		return ErrOffline
	case !l.hasRoom():
		return errNoRoom
	}
	g.mu.Lock()
	b, err := what()
	if err == nil && !g.permitted(b) {
		err = errUnsafe
	}
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
	for _, c := range b {
		g.leaving.asks(&g.language, c)
	}
	g.mu.Unlock()
	return g.put(l, b)
}

// permitted reports whether bytes of ours may leave: they hold no pattern that
// could be read as a kick, or that changes settings or clears; but for the two
// orders that are ours alone, byte for byte, and the NULs before them: after 10 05
// these are DLE ENQ 0, which stands for the feed button, and a POS that ends so
// must not keep the printer from being resynchronised. Called with mu held.
func (g *Guard) permitted(b []byte) bool {
	sent := g.last
	for len(b) > 0 {
		n := 0
		for _, ours := range [][]byte{g.language.clear, g.o.realtimeOff, harmless} {
			if len(ours) > 0 && bytes.HasPrefix(b, ours) {
				n = len(ours)
			}
		}
		if n == 0 {
			if n = 1; !sent.Safe(b[:1]) {
				return false
			}
		}
		sent.Sent(b[:n])
		b = b[n:]
	}
	return true
}

// hasRoom waits a little until a short write would be taken at once.
func (l *line) hasRoom() bool {
	for range 10 {
		if devices.Room(l.port) {
			return true
		}
		time.Sleep(full)
	}
	return false
}

func (g *Guard) put(l *line, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	n, err := l.port.Write(b)
	l.traffic.wrote.Add(int64(n))
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
	loop := g.loops.Begin("listening to the printer")
	defer loop.End()
	buf := make([]byte, 256)
	for {
		loop.Rest()
		if _, err := l.port.Wait(-1); err != nil {
			return err
		}
		loop.Turn()
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
	now := g.o.Now()
	for _, b := range p {
		r := g.demux.next(b, now)
		if r.flow != 0 && g.o.Flow == FlowXonXoff {
			g.paused = r.flow == xoff
		}
		if r.alive {
			g.misses = 0
		}
		if r.read {
			g.status(l, r.high, r.offline)
		}
		if r.reached > 0 {
			g.reached = max(g.reached, r.reached)
		}
		if r.hint {
			select {
			case g.look <- struct{}{}:
			default:
			}
		}
		if r.to == posAsked && (g.active || r.unasked && g.opened) {
			g.reply(r.bytes)
		}
	}
	g.notify()
}

// status takes an answer of how the printer is. Called with mu held.
func (g *Guard) status(l *line, high, offline bool) {
	now := g.o.Now()
	g.answers++
	g.sober()
	l.traffic.held = false // it says itself how it is
	g.high = high
	for _, e := range g.sensor.Reading(high, g.o.Session() != 0, now) {
		if e.Kind == entry.KindDrawerOpened && e.About == 0 {
			g.purposes.Opened(e.Drawer, 0, now)
		}
		g.event(e)
	}
	r := reachOnline
	if offline {
		r = reachOffline
	}
	g.reaches(r)
	if !g.trusted {
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
// then, between two commands; and at once when the printer says unasked that
// something has changed.
func (g *Guard) poll(ctx context.Context, l *line) {
	if g.language.ask == nil {
		return
	}
	loop := g.loops.Begin("asking the printer")
	defer loop.End()
	ticker := time.NewTicker(g.o.Poll)
	defer ticker.Stop()
	for {
		loop.Turn()
		g.askStatus(ctx, l)
		loop.Rest()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-g.look:
		}
	}
}

var (
	// errBusy ends an attempt of ours: something else is going on.
	errBusy = errors.New("busy")
	// errNoRoom: the line would not take it now.
	errNoRoom = errors.Join(errBusy, ErrBusy)
	// errAsked: the same for an answer that is open. It comes, or is given up.
	errAsked = errors.New("an answer is awaited")
)

// askStatus asks how the printer is as soon as it can be asked: a POS that
// prints or asks without a pause does not keep us from looking at the drawer.
func (g *Guard) askStatus(ctx context.Context, l *line) {
	g.expire(l)
	ctx, cancel := context.WithTimeout(ctx, g.o.Poll)
	defer cancel()
	for {
		g.mu.Lock()
		changed := g.changed
		g.mu.Unlock()
		if g.take(ctx) != nil {
			break
		}
		err := g.ask(l, false)
		g.release()
		if !errors.Is(err, errBusy) || wait(ctx, changed, 10*time.Millisecond) != nil {
			break
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.turn {
		g.turn = false
		g.notify()
	}
}

// expire gives up on answers that are overdue. Called without mu.
func (g *Guard) expire(l *line) {
	n, err := l.port.Queued()
	g.mu.Lock()
	defer g.mu.Unlock()
	now, waits := g.o.Now(), err == nil && n > 0
	g.missed(l, g.demux.expire(now, waits, g.reach == reachOnline))
	if waits && l.traffic.stuck(n, now) {
		g.stalls(l)
	}
}

// missed counts what the printer did not answer or take; after some it counts
// as silent. Called with mu held.
func (g *Guard) missed(l *line, n int) {
	if g.language.ask == nil || g.handed {
		return // it would never be heard of again, or not by us
	}
	if n > 0 {
		g.forgot() // it may have been switched off and on just now
	}
	if g.misses += n; g.misses < missesSilent || g.line != l {
		return
	}
	g.misses = 0
	if l.hangsUp && g.trusted {
		// It has no paper, and reads nothing: so do printers in a network that have
		// what they cannot print. To clear their buffers would lose it.
		g.reaches(reachSilent)
		g.notify()
		return
	}
	l.silence, l.cleared = true, false
	if g.distrust() {
		g.event(Event{Kind: entry.KindDeviceTrust, Outcome: entry.OutcomeDenied, Reason: entry.ReasonOffline, Text: errSilent.Error()})
	}
	g.reaches(reachSilent)
	g.notify()
}

// ask asks how the printer is; before that, a printer that is to be
// resynchronised so gets the order to clear its buffers. A poll waits for the
// second half of a character; for a pulse (now) it is not waited for. Called
// with the token.
func (g *Guard) ask(l *line, now bool) error {
	asked := false
	err := g.own(l, func() ([]byte, error) {
		at := g.o.Now()
		switch {
		case g.line != l, g.queue.begun:
			return nil, errBusy
		case g.demux.doubt, g.demux.ours():
			return nil, errAsked
		case !g.demux.may():
			g.turn = true // no more of them leave before ours
			return nil, errBusy
		case g.trusted && !now && len(g.last.Break()) > 0 && at-g.wrote < halves:
			return nil, errBusy
		}
		question := g.language.ask
		if !g.trusted {
			question = slices.Clone(harmless)
			if g.o.Resync == ResyncClear {
				question = append(question, g.language.clear...)
				l.cleared = true
				g.demux.clears = 1
			}
			question = append(question, g.language.ask...)
		}
		g.turn, l.answers = false, g.answers
		g.demux.asks(weAsked, g.demux.visit, false, at)
		asked = true
		return question, nil
	})
	if err != nil && asked {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.demux.unasked()
	}
	return err
}

// drain asks the printer to answer when it has done all that it was sent.
// Called with the token.
func (g *Guard) drain(l *line) error {
	times := 0
	err := g.own(l, func() ([]byte, error) {
		if g.line != l || g.ready() != nil {
			return nil, errBusy
		}
		times = g.demux.barrier(g.sent, g.o.Now())
		return bytes.Repeat(g.language.ordered, times), nil
	})
	if err != nil && times > 0 {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.demux.unbar(times)
	}
	return err
}

// empty reports whether the printer has done all that it was sent, as far as it
// can be asked for that. Called with mu held.
func (g *Guard) empty() bool { return !g.o.drain || g.reached == g.sent }

// comesAndGoes passes on what Supervise says.
func (g *Guard) comesAndGoes(e devices.Event) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e.Up {
		g.event(Event{Kind: entry.KindDeviceUp, Reason: entry.ReasonOpened, Text: "opened"})
	} else {
		g.gone = away(e.Err)
		g.event(Event{Kind: entry.KindDeviceDown, Reason: entry.ReasonUnplugged, Text: g.gone})
	}
	g.notify()
}

// away says why a printer is not there, in words without paths or numbers.
func away(err error) string {
	if errors.Is(err, errHalf) || errors.Is(err, errSilent) {
		return err.Error()
	}
	return devices.Why(err)
}
