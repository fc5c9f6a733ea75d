package daemon

import (
	"context"
	"errors"
	"sync"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/devices/printer"
	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
)

// opener is what opens a drawer: its printer's *printer.Guard, its own
// *drawer.Drawer where it hangs on no printer, or in tests something simpler.
type opener interface {
	// Ready reports whether a pulse that is written now is fired now.
	Ready(ctx context.Context) error
	// Pulse writes the pulse. It is the only way to.
	Pulse(ctx context.Context, r enforcer.Redemption) error
	// Ask names the function of the next kick; Unask takes that back.
	Ask(id uint64, drawer, function, claimant string)
	Unask(id uint64)
	// Absorb takes one kick for a part of an opening that was asked for.
	Absorb(drawer string)
}

// Times of opening a drawer.
const (
	armFor  = enforcer.MaxHold // how long a grant waits for its kick
	readyIn = 1500 * time.Millisecond
)

// openForKick is how a kick's own grant is carried out: at once, and without
// absorbing a kick, since that one was the kick.
const openForKick = "kick"

// drawerUnit is one drawer.
type drawerUnit struct {
	name    string
	printer string
	opener  opener

	mu    sync.Mutex
	armed *armedGrant // guarded by mu
}

// armedGrant waits for its kick, which names it by its id.
type armedGrant struct {
	id    uint64
	grant *enforcer.Grant
}

// drawer finds a drawer; empty means the only one.
func (d *Daemon) drawer(name string) (*drawerUnit, error) {
	if name == "" {
		switch len(d.drawers) {
		case 0:
			return nil, api.Errorf(api.CodeNotFound, "this register has no drawer").WithHint("configure one: [[printer.drawer]] or [[drawer]] in tillwarden.toml")
		case 1:
			return d.drawers[0], nil
		}
		return nil, api.Errorf(api.CodeInvalid, "which drawer? This register has several").WithHint("GET /v1/drawers names them")
	}
	for _, dr := range d.drawers {
		if dr.name == name {
			return dr, nil
		}
	}
	return nil, api.Errorf(api.CodeNotFound, "there is no such drawer").WithHint("GET /v1/drawers names them")
}

// use does with a grant what was asked for: opens its drawer, or arms it for
// the next kick.
func (d *Daemon) use(ctx context.Context, gr *enforcer.Grant, function, claimant, open string) *api.DrawerAnswer {
	a := &api.DrawerAnswer{Name: gr.Drawer(), Result: api.DrawerNotOpened}
	dr, err := d.drawer(gr.Drawer())
	if err != nil { // it was there when it was asked for
		a.Reason = entry.ReasonWrongDrawer.String()
		return a
	}
	if open == api.OpenOnKick {
		dr.arm(d, gr, function, claimant)
		a.Result = api.DrawerArmed
		return a
	}
	if reason := d.fire(ctx, dr, gr); reason != entry.ReasonNone {
		a.Reason = reason.String()
		return a
	}
	if open == api.OpenNow {
		dr.opener.Absorb(dr.name)
	}
	a.Result = api.DrawerPulsed
	return a
}

// fire opens a drawer with a grant. A printer that could not fire now does not
// get the pulse at all: the grant lapses, and who asked asks again.
func (d *Daemon) fire(ctx context.Context, dr *drawerUnit, gr *enforcer.Grant) entry.Reason {
	ready, cancel := context.WithTimeout(ctx, readyIn)
	err := dr.opener.Ready(ready)
	cancel()
	if err != nil {
		reason := printer.ReasonOf(err)
		d.log.Info("the drawer stays shut", "drawer", dr.name, "err", err)
		d.giveBack(gr, reason)
		return reason
	}
	// Who asked may hang up now: the pulse and its entry belong together.
	whole := context.WithoutCancel(ctx)
	err = d.gate.Redeem(whole, gr, dr.name, func(r enforcer.Redemption) error {
		limit, cancel := context.WithTimeout(whole, enforcer.FireLimit)
		defer cancel()
		return dr.opener.Pulse(limit, r)
	})
	switch {
	case err == nil:
		return entry.ReasonNone
	case errors.Is(err, enforcer.ErrUnrecorded): // who asked is told what the drawer did
		d.log.Error("the drawer was opened, and the journal does not say so yet", "drawer", dr.name, "err", err)
		return entry.ReasonNone
	case errors.Is(err, enforcer.ErrExpired):
		return entry.ReasonExpired
	case errors.Is(err, enforcer.ErrStale), errors.Is(err, enforcer.ErrNoGrant):
		return entry.ReasonStateChanged
	case errors.Is(err, enforcer.ErrUsed):
		return entry.ReasonUsed
	case errors.Is(err, enforcer.ErrWrongDrawer):
		return entry.ReasonWrongDrawer
	}
	d.log.Error("the pulse was not written", "drawer", dr.name, "err", err)
	return printer.ReasonOf(err)
}

// giveBack ends a grant unused. It may have ended by itself meanwhile.
func (d *Daemon) giveBack(gr *enforcer.Grant, reason entry.Reason) {
	ctx, cancel := context.WithTimeout(d.ctx, 5*time.Second)
	defer cancel()
	err := d.gate.Lapse(ctx, gr, reason)
	for _, ended := range []error{enforcer.ErrStale, enforcer.ErrExpired, enforcer.ErrUsed} {
		if errors.Is(err, ended) {
			return
		}
	}
	if err != nil && d.ctx.Err() == nil {
		d.log.Error("a grant could not be given back", "err", err)
	}
}

// arm lets a grant wait for the next kick. One that waited is given back.
func (dr *drawerUnit) arm(d *Daemon, gr *enforcer.Grant, function, claimant string) {
	a := &armedGrant{id: d.asks.Add(1), grant: gr}
	dr.mu.Lock()
	old := dr.armed
	dr.armed = a
	dr.mu.Unlock()
	if old != nil {
		dr.opener.Unask(old.id)
		d.giveBack(old.grant, entry.ReasonCancelled)
	}
	dr.opener.Ask(a.id, dr.name, function, claimant)
}

// takeArmed gives the grant that a kick was announced with.
func (dr *drawerUnit) takeArmed(id uint64) *enforcer.Grant {
	dr.mu.Lock()
	defer dr.mu.Unlock()
	if dr.armed == nil || dr.armed.id != id {
		return nil
	}
	gr := dr.armed.grant
	dr.armed = nil
	return gr
}

// session is the session that a kick which arrives now belongs to.
func (d *Daemon) session() entry.Seq {
	if s := d.gate.Snapshot().Session; s != nil {
		return s.ID
	}
	return 0
}

// Kick decides a kick in the print stream, and opens the drawer if it is
// allowed, or once it is approved. It returns when the drawer was opened, or
// stays shut, or waits for somebody. It makes Daemon a printer.Authority.
func (d *Daemon) Kick(ctx context.Context, k printer.Kick) {
	dr, err := d.drawer(k.Drawer)
	if err != nil {
		d.log.Error("a kick for a drawer that is not there", "printer", k.Printer, "drawer", k.Drawer)
		return
	}
	if k.Ask != 0 {
		if gr := dr.takeArmed(k.Ask); gr != nil {
			d.touch()
			d.fire(ctx, dr, gr)
			return
		}
		// Its grant has ended; the kick is decided as what it was asked for.
	}
	r := enforcer.Request{
		Function: k.Function, Drawer: dr.name, Purpose: k.Purpose, Claimant: k.Claimant, Method: entry.MethodKick, Source: k.Printer,
		Lines: k.Lines, Digest: k.Digest, Session: k.Session, Generation: k.Generation,
	}
	if _, _, err := d.ask(ctx, r, openForKick); err != nil && ctx.Err() == nil {
		d.log.Error("a kick could not be decided: the drawer stays shut", "drawer", dr.name, "err", err)
		d.slip("the drawer stays shut: nothing can be decided now")
	}
}
