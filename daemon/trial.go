package daemon

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/devices/keypad"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/signon/card"
)

// Test tries one device for the technician: a printer prints a few lines, of a reader the
// next card and of a keypad the next line are described, and have no effect; a drawer
// says how it stands. What was on a card or typed is in no answer.
func (d *Daemon) Test(ctx context.Context, _ api.Caller, device string) (*api.TestAnswer, error) {
	for _, u := range d.printers {
		if u.name == device {
			return d.tryPrinter(ctx, u)
		}
	}
	for i := range d.config().Readers {
		if d.config().Readers[i].Name == device {
			return d.tryReader(ctx)
		}
	}
	for _, p := range d.pads {
		if p.name == device {
			return p.try(ctx)
		}
	}
	for _, w := range d.drawerStatus() {
		if w.Name == device || w.Printer == device {
			return tryDrawer(&w), nil
		}
	}
	return nil, api.Errorf(api.CodeNotFound, "there is no such device").WithHint("GET /v1/devices names them")
}

// trialSlip is what a printer prints.
const trialSlip = "It can be read, it is cut off, and no drawer has opened: then all is well."

func (d *Daemon) tryPrinter(ctx context.Context, u *printerUnit) (*api.TestAnswer, error) {
	text := slipText(d.clock.Stamp().Time(), "TEST", "Printer "+u.name, trialSlip)
	if err := u.guard.Slip(ctx, text); err != nil {
		return nil, api.Errorf(api.CodeUnavailable, "nothing was printed: %v", err).WithHint("tillwarden doctor says what it needs")
	}
	return &api.TestAnswer{Good: true, Say: "a slip was sent to " + u.name + ": look whether it can be read and was cut off"}, nil
}

// tryReader waits for a card as an enrolment does, and forgets it.
func (d *Daemon) tryReader(ctx context.Context) (*api.TestAnswer, error) {
	swiped := make(chan *card.Card, 1)
	e := &enrolment{take: func(c *card.Card) { swiped <- c }}
	if !d.swipes.arm(e) {
		return nil, api.Errorf(api.CodeConflict, "another card is waited for").WithReason(entry.ReasonPending.String()).WithHint("wait until that is done")
	}
	timer := time.NewTimer(api.EnrolFor)
	defer timer.Stop()
	select {
	case c := <-swiped:
		defer c.Wipe()
		return describeCard(c), nil
	case <-timer.C:
	case <-ctx.Done():
	}
	if !d.swipes.disarm(e) { // it was swiped at this very moment
		(<-swiped).Wipe()
	}
	return nil, notTried(ctx, "no card was swiped", "swipe at the register's reader; where nothing comes, look at its path, speed and format")
}

func notTried(ctx context.Context, what, hint string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return api.Errorf(api.CodeTimeout, "%s", what).WithReason(entry.ReasonTimeout.String()).WithHint(hint)
}

// describeCard says what kind of card it was, and nothing of what is on it.
func describeCard(c *card.Card) *api.TestAnswer {
	switch c.Class() {
	case card.Operator:
		return &api.TestAnswer{Good: true, Say: fmt.Sprintf("an operator card of the format %s, %d characters", c.FormatName(), max(len(c.Payload())-2, 0))}
	case card.Unreadable:
		return &api.TestAnswer{Say: "something was swiped that could not be read: try again; then look at the reader's format and speed"}
	}
	if c.Class() == card.Unknown {
		return &api.TestAnswer{Say: "a card was read that no format fits, so that nobody could have it: see formats and [[signon.card]] under [signon]"}
	}
	return &api.TestAnswer{Good: true, Say: fmt.Sprintf("a card was read: %s, which signs nobody on", c.Class())}
}

// try waits for a line at the keypad, which then has no other effect.
func (p *pad) try(ctx context.Context) (*api.TestAnswer, error) {
	typed := make(chan *api.TestAnswer, 1)
	p.mu.Lock()
	busy := p.trial != nil
	if !busy {
		p.trial = typed
	}
	p.mu.Unlock()
	if busy {
		return nil, api.Errorf(api.CodeConflict, "this keypad is tried already").WithReason(entry.ReasonPending.String()).WithHint("wait until that is done")
	}
	timer := time.NewTimer(api.EnrolFor)
	defer timer.Stop()
	defer p.tried()
	select {
	case a := <-typed:
		return a, nil
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil, notTried(ctx, "nothing was entered", "type something and Enter; where nothing comes, look at its path and speed")
}

// tried takes the trial that waits, if there is one.
func (p *pad) tried() chan *api.TestAnswer {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.trial
	p.trial = nil
	return t
}

// describeLine says how much was entered. A code is no secret: it is what is to be
// written down where it is to ask for something.
func (p *pad) describeLine(e *keypad.Event) *api.TestAnswer {
	line := e.Text()
	if !bytes.HasPrefix(line, []byte("*")) {
		return &api.TestAnswer{Good: true, Say: fmt.Sprintf("%d keys and Enter", len(line))}
	}
	code := string(line)
	for i := range p.codes {
		if p.codes[i].Code == code {
			return &api.TestAnswer{Good: true, Code: code, Say: "the code " + code + ", which asks for " + p.codes[i].Function}
		}
	}
	return &api.TestAnswer{Good: true, Code: code, Say: "the code " + code + ", which asks for nothing yet: [[keypad.code]]"}
}

func tryDrawer(w *api.Drawer) *api.TestAnswer {
	switch {
	case !w.Ready:
		return &api.TestAnswer{Say: fmt.Sprintf("%s cannot be opened now: %s", w.Name, w.Problem)}
	case w.NoSensor:
		return &api.TestAnswer{Good: true, Say: w.Name + " could be opened now; nothing reports how it stands"}
	case !w.Calibrated:
		return &api.TestAnswer{Say: w.Name + " could be opened now; its sensor is not calibrated: tillwarden device calibrate drawer " + w.Name}
	}
	return &api.TestAnswer{Good: true, Say: w.Name + " is " + w.State + ", and could be opened now"}
}
