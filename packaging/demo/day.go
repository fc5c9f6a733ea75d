package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"tillwarden/daemon/api"
)

// day is the register's day, step by step.
type day struct {
	*teller
	r   *register
	hw  *hardware
	pos pos
}

// setUp makes the register as a technician would: a key, the policy, the
// configuration, the hardware, the daemon, and the first operators.
func (d *day) setUp(ctx context.Context) error {
	r := d.r
	d.say("A register is set up: simulated printer, drawer, card reader and keypad on ttys,")
	d.say("the real daemon, E3's work groups signed with a fresh key, and a few operators.")
	key, policy := r.path("etc", "chain.key"), r.path("etc", "policy.twb")
	if _, err := r.must(ctx, "", "key", "new", "-o", key); err != nil {
		return err
	}
	if _, err := r.must(ctx, "", "policy", "compile", "-o", policy, "--key", key, "--epoch", "1",
		"--chain", chain, "--store", store, "--presets"); err != nil {
		return err
	}
	// A register has the public part only.
	if err := os.Rename(key, r.path("chain.key")); err != nil {
		return err
	}
	if err := os.WriteFile(r.path("etc", "tillwarden.toml"), []byte(r.configuration()), 0o600); err != nil {
		return err
	}
	if err := r.startSim(ctx); err != nil {
		return err
	}
	d.hw = newHardware(r.path("hw", "control.sock"))
	d.pos = pos{r.posPort()}
	if err := r.startDaemon(ctx); err != nil {
		return err
	}
	if _, err := r.must(ctx, "", "load", policy); err != nil {
		return err
	}
	if err := d.ready(ctx); err != nil {
		return err
	}
	if err := d.calibrate(ctx); err != nil {
		return err
	}
	for _, p := range []*person{manager, cashier, second} {
		if err := d.hire(ctx, p); err != nil {
			return err
		}
	}
	out, err := r.must(ctx, "", "status")
	if err != nil {
		return err
	}
	d.quote(out)
	return nil
}

// ready waits until the printer's state is known: the daemon clears its buffer
// first, since nobody knows what it held, and sends nothing before that is done.
func (d *day) ready(ctx context.Context) error {
	return until(ctx, "the printer's state to be known", d.r.daemon, func() error {
		s, err := d.r.technician.Status(ctx)
		if err == nil && !s.Drawers[0].Ready {
			err = fmt.Errorf("the drawer is not ready: %s", s.Drawers[0].Problem)
		}
		return err
	})
}

// calibrate teaches the drawer's sensor, with the drawer's key.
func (d *day) calibrate(ctx context.Context) error {
	if _, err := d.r.must(ctx, "", "device", "calibrate", "drawer", drawer, "--now", "closed"); err != nil {
		return err
	}
	if err := d.hw.openWithKey(ctx); err != nil {
		return err
	}
	_, err := d.r.must(ctx, "", "device", "calibrate", "drawer", drawer, "--now", "open")
	if err != nil {
		return err
	}
	return d.hw.closeDrawer(ctx)
}

// swipeUntil swipes a card for a command that waits for one, until it ends: a
// swipe that comes before the command is there is just a swipe.
func (d *day) swipeUntil(ctx context.Context, track string, done <-chan error) error {
	for {
		select {
		case err := <-done:
			return err
		case <-time.After(time.Second):
		}
		if err := d.hw.swipe(ctx, track); err != nil {
			return err
		}
		select {
		case err := <-done:
			return err
		case <-time.After(2500 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// play is the day.
func (d *day) play(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		d.signOn, d.sale, d.noSale, d.approval, d.ownRequest, d.behindTheBack, d.paymentCard, d.wrongPINs, d.drawerKey, d.kill, d.verify,
	} {
		if !d.r.daemon.alive() {
			return fmt.Errorf("the daemon ended: %v", d.r.daemon.err)
		}
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// signedOn swipes an operator's card and waits until the register is theirs:
// the journal has it a moment before it takes effect.
func (d *day) signedOn(ctx context.Context, p *person) (*api.Entry, error) {
	after := d.r.journal.last()
	if err := d.hw.swipe(ctx, p.track); err != nil {
		return nil, err
	}
	e, err := d.r.journal.await(ctx, "sign-on", after, is("sign-on", "allowed"))
	if err != nil {
		return nil, err
	}
	if e.Operator != p.number || e.Method != "card" {
		return nil, fmt.Errorf("signed on is operator %q by %q", e.Operator, e.Method)
	}
	return e, until(ctx, "the session", d.r.daemon, func() error {
		s, err := d.r.technician.Session(ctx)
		if err == nil && !s.SignedOn {
			err = errors.New("nobody is signed on")
		}
		return err
	})
}

// drawerOpens wants exactly so many pulses more than before, and the drawer
// open; then somebody closes it.
func (d *day) drawerOpens(ctx context.Context, before int) error {
	if err := until(ctx, "the drawer to open", d.r.daemon, func() error {
		n, err := d.hw.pulses(ctx)
		if err == nil && n == before {
			err = errors.New("the printer got no pulse")
		}
		return err
	}); err != nil {
		return err
	}
	n, err := d.hw.pulses(ctx)
	if err != nil {
		return err
	}
	if n != before+1 {
		return fmt.Errorf("the printer got %d pulses, want one", n-before)
	}
	return nil
}

// shut wants that the drawer got no pulse, and the journal has none after an entry.
func (d *day) shut(ctx context.Context, before int, after api.Seq) error {
	if err := d.r.journal.none("pulse", after, is("redeemed", "")); err != nil {
		return err
	}
	n, err := d.hw.pulses(ctx)
	if err != nil {
		return err
	}
	if n != before {
		return fmt.Errorf("the drawer got %d pulses that nobody granted", n-before)
	}
	return nil
}

// slip waits for a slip with a text on the printer's paper, from a line on, and
// gives what is written on it.
func (d *day) slip(ctx context.Context, from int64, text string) (string, error) {
	if err := d.printed(ctx, text); err != nil {
		return "", err
	}
	var slip []string
	err := until(ctx, "the slip's end", d.r.daemon, func() error {
		lines, err := d.hw.since(ctx, from)
		if err != nil {
			return err
		}
		slip = nil
		for _, line := range lines {
			switch {
			case strings.HasSuffix(line, "cut]") && len(slip) > 0:
				return nil
			case strings.TrimSpace(line) != "":
				slip = append(slip, line)
			}
		}
		return errors.New("it is not cut off yet")
	})
	return strings.Join(slip, "\n"), err
}

// printed wants a text on the printer's paper.
func (d *day) printed(ctx context.Context, text string) error {
	return until(ctx, fmt.Sprintf("%q on paper", text), d.r.daemon, func() error {
		paper, err := d.hw.paper(ctx)
		if err == nil && !strings.Contains(paper, text) {
			err = errors.New("it was not printed")
		}
		return err
	})
}
