package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/devices/sim"
)

// behindTheBack: somebody at a terminal writes to the printer port.
func (d *day) behindTheBack(ctx context.Context) error {
	d.step("Behind the POS's back: printf '\\033p\\000\\031\\372' > %s", filepath.Base(d.pos.path))
	after := d.r.journal.last()
	pulses, err := d.hw.pulses(ctx)
	if err != nil {
		return err
	}
	if err := d.pos.print(ctx, kick); err != nil {
		return err
	}
	e, err := d.r.journal.await(ctx, "denied kick", after, on("pos.drawer.nosale", "denied"))
	if err != nil {
		return err
	}
	if err := d.shut(ctx, pulses, after); err != nil {
		return err
	}
	if e.Reason != "no-session" {
		return fmt.Errorf("the kick was denied as %q", e.Reason)
	}
	d.saw("no pulse: nobody is signed on (entry %d)", e.Seq)
	return nil
}

// testCard is the number that card schemes publish for trying out terminals.
const testCard = "4111111111111111"

// paymentCard: a customer's card in the wrong reader.
func (d *day) paymentCard(ctx context.Context) error {
	d.step("A customer's payment card is swiped by mistake.")
	after := d.r.journal.last()
	if err := d.hw.swipeCard(ctx, sim.Card{
		Track1: "B" + testCard + "^CARDHOLDER/TEST^30121010000000000", Track2: testCard + "=30121010000000000",
	}); err != nil {
		return err
	}
	e, err := d.r.journal.await(ctx, "refused payment card", after, func(e *api.Entry) bool { return e.Reason == "payment-card" })
	if err != nil {
		return err
	}
	d.saw("refused as a payment card (entry %d)", e.Seq)
	for _, number := range []string{testCard, cashier.track, second.track, manager.track} {
		found, err := d.holding([]byte(number))
		if err != nil {
			return err
		}
		if found != "" {
			return fmt.Errorf("a card's number is in %s", found)
		}
	}
	d.saw("its number is in no file of the register and in no log, nor is that of any operator's card")
	return nil
}

// holding looks for bytes in every file of the register and in what the
// daemon said; it gives the first place.
func (d *day) holding(secret []byte) (string, error) {
	if bytes.Contains(d.r.daemon.output(), secret) {
		return "the daemon's log", nil
	}
	found := ""
	err := filepath.WalkDir(d.r.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && bytes.Contains(b, secret) {
			found = path
			return filepath.SkipAll
		}
		return err
	})
	return found, err
}

// wrongPINs: five of them lock number and PIN, not the card.
func (d *day) wrongPINs(ctx context.Context) error {
	d.step("Somebody tries PINs for operator %s at the console.", second.number)
	after := d.r.journal.last()
	tried := 0
	for tried < 5 {
		out, code, err := d.r.cli(ctx, "000000\n", "signon", second.number, "--json")
		if err != nil {
			return err
		}
		if code != 1 {
			return fmt.Errorf("a wrong PIN ended with %d:\n%s", code, out)
		}
		var answer api.SignOnAnswer
		if err := json.Unmarshal([]byte(out), &answer); err != nil {
			return fmt.Errorf("the answer to a wrong PIN: %w:\n%s", err, out)
		}
		if answer.Reason == "slow-down" {
			if !pause(ctx, time.Duration(answer.RetryAfter*float64(time.Second))+50*time.Millisecond) {
				return ctx.Err()
			}
			continue
		}
		tried++
	}
	lock, err := d.r.journal.await(ctx, "lockout", after, is("lockout", ""))
	if err != nil {
		return err
	}
	d.saw("after five wrong PINs it is locked, for %s, over restarts too (entry %d)", lock.Elapsed, lock.Seq)
	out, err := d.r.want(ctx, 1, second.pin+"\n", "signon", second.number)
	if err != nil {
		return err
	}
	d.told("Now the right PIN is refused too:")
	d.quote(out)
	if _, err := d.r.must(ctx, manager.pin+"\n", "operator", "unlock", second.number, "--as", manager.number); err != nil {
		return err
	}
	d.saw("the %s unlocks it; that is journaled as well", manager)
	return nil
}

// drawerKey: what software cannot stop, it can see.
func (d *day) drawerKey(ctx context.Context) error {
	d.step("Somebody opens the drawer with its key.")
	after := d.r.journal.last()
	if err := d.hw.openWithKey(ctx); err != nil {
		return err
	}
	e, err := d.r.journal.await(ctx, "opened without a grant", after, because("drawer-opened", "", "no-grant"))
	if err != nil {
		return err
	}
	d.saw("no software can stop a key; the sensor saw it: opened without a grant (entry %d, an alarm)", e.Seq)
	return d.closes(ctx, after)
}

// kill: SIGKILL in the middle of a sale.
func (d *day) kill(ctx context.Context) error {
	d.step("The daemon is killed with SIGKILL in the middle of a sale.")
	if _, err := d.signedOn(ctx, cashier); err != nil {
		return err
	}
	after := d.r.journal.last()
	pulses, err := d.hw.pulses(ctx)
	if err != nil {
		return err
	}
	whole := receipt(2, "3.50")
	if err := d.pos.print(ctx, whole[:len(whole)/2]); err != nil {
		return err
	}
	if err := d.printed(ctx, "receipt 0002"); err != nil {
		return err
	}
	before := d.r.journal.last()
	d.r.daemon.kill()
	d.saw("killed, with half a receipt on paper; entry %d was the last one acknowledged", before)
	if err := d.shut(ctx, pulses, after); err != nil {
		return err
	}
	if err := d.r.startDaemon(ctx); err != nil {
		return err
	}
	start, err := d.r.journal.await(ctx, "start", before, is("start", ""))
	if err != nil {
		return err
	}
	kept, err := d.r.must(ctx, "", "journal", "show", fmt.Sprint(before), "--json")
	if err != nil {
		return fmt.Errorf("the last acknowledged entry is gone: %w", err)
	}
	if len(kept) == 0 {
		return errors.New("the last acknowledged entry is gone")
	}
	session, err := d.r.technician.Session(ctx)
	if err != nil {
		return err
	}
	if !session.SignedOn || session.Session.Operator != cashier.number {
		return errors.New("the session was not resumed")
	}
	d.saw("back at entry %d, with every entry that was acknowledged; the %s is still signed on", start.Seq, cashier)
	d.told("What the printer still holds nobody knows: its buffer is cleared before it gets anything else.")
	if err := d.ready(ctx); err != nil {
		return err
	}
	after = d.r.journal.last()
	if err := d.pos.print(ctx, whole+cut+kick); err != nil {
		return err
	}
	if err := d.drawerOpens(ctx, pulses); err != nil {
		return err
	}
	e, err := d.r.journal.await(ctx, "allowed sale", after, on("pos.drawer.sale", "allowed"))
	if err != nil {
		return err
	}
	d.saw("the POS prints it again, the drawer opens once (entry %d)", e.Seq)
	return d.closes(ctx, after)
}
