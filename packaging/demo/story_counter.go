package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"tillwarden/daemon/api"
)

// signOn: the morning's first swipe.
func (d *day) signOn(ctx context.Context) error {
	d.step("The %s swipes a card.", cashier)
	e, err := d.signedOn(ctx, cashier)
	if err != nil {
		return err
	}
	d.saw("signed on by card, with the work group %q (journal entry %d)", strings.Join(e.WorkGroups, ", "), e.Seq)
	return nil
}

// sale: a receipt pays for a kick.
func (d *day) sale(ctx context.Context) error {
	d.step("A sale: the POS prints a receipt and kicks the drawer, as it always did.")
	after := d.r.journal.last()
	pulses, err := d.hw.pulses(ctx)
	if err != nil {
		return err
	}
	if err := d.pos.print(ctx, receipt(1, "3.50")+cut+kick); err != nil {
		return err
	}
	if err := d.drawerOpens(ctx, pulses); err != nil {
		return err
	}
	if err := d.printed(ctx, "receipt 0001"); err != nil {
		return err
	}
	e, err := d.r.journal.await(ctx, "allowed sale", after, on("pos.drawer.sale", "allowed"))
	if err != nil {
		return err
	}
	if e.Purpose != "receipt" || e.Lines == 0 {
		return fmt.Errorf("the sale's purpose is %q with %d lines", e.Purpose, e.Lines)
	}
	pulse, err := d.r.journal.await(ctx, "pulse", after, func(p *api.Entry) bool { return is("redeemed", "allowed")(p) && p.About == e.Seq })
	if err != nil {
		return err
	}
	opened, err := d.r.journal.await(ctx, "sensor", after, is("drawer-opened", ""))
	if err != nil {
		return err
	}
	if opened.About != e.Seq {
		return fmt.Errorf("the sensor's entry is about %d, want the sale's %d", opened.About, e.Seq)
	}
	d.saw("the receipt is on paper, the drawer opened once")
	d.saw("allowed as pos.drawer.sale: a receipt of %d lines came with it (entry %d), pulse (%d), seen open (%d)", e.Lines, e.Seq, pulse.Seq, opened.Seq)
	return d.closes(ctx, after)
}

// closes shuts the drawer by hand, once the sensor saw it open (it is read
// twice a second), and waits until it saw it shut.
func (d *day) closes(ctx context.Context, opened api.Seq) error {
	if _, err := d.r.journal.await(ctx, "drawer opened", opened, is("drawer-opened", "")); err != nil {
		return err
	}
	after := d.r.journal.last()
	if err := d.hw.closeDrawer(ctx); err != nil {
		return err
	}
	_, err := d.r.journal.await(ctx, "drawer closed", after, is("drawer-closed", ""))
	return err
}

// noSale: the same kick, with no receipt.
func (d *day) noSale(ctx context.Context) error {
	d.step("A kick alone, with no receipt: a no-sale.")
	after := d.r.journal.last()
	pulses, err := d.hw.pulses(ctx)
	if err != nil {
		return err
	}
	line, err := d.hw.lines(ctx)
	if err != nil {
		return err
	}
	if err := d.pos.print(ctx, kick); err != nil {
		return err
	}
	e, err := d.r.journal.await(ctx, "no-sale", after, on("pos.drawer.nosale", "override-required"))
	if err != nil {
		return err
	}
	if e.Rule == nil {
		return errors.New("the decision has no rule")
	}
	slip, err := d.slip(ctx, line, "MANAGER NEEDED")
	if err != nil {
		return err
	}
	if err := d.shut(ctx, pulses, after); err != nil {
		return err
	}
	d.saw("the drawer stays shut (entry %d)", e.Seq)
	d.saw("why: %s at %s, of work group %q; a manager may lend it", e.Rule.Mark, e.Rule.Function, e.Rule.WorkGroup)
	d.told("The cashier sees it at once, on a slip:")
	d.quote(slip)
	out, err := d.r.must(ctx, "", "policy", "explain", "--group", cashier.groups[0], "pos.drawer.nosale")
	if err != nil {
		return err
	}
	d.told("And tillwarden policy explain shows the line of the source:")
	d.quote(out)
	return nil
}

// approval: the manager's swipe opens the drawer, once.
func (d *day) approval(ctx context.Context) error {
	d.step("The %s swipes to approve it.", manager)
	after := d.r.journal.last()
	pulses, err := d.hw.pulses(ctx)
	if err != nil {
		return err
	}
	// An approval counts from a second after the announcement: a swipe that was
	// under way for something else approves nothing.
	if !pause(ctx, 1100*time.Millisecond) {
		return ctx.Err()
	}
	if err := d.hw.swipe(ctx, manager.track); err != nil {
		return err
	}
	if err := d.drawerOpens(ctx, pulses); err != nil {
		return err
	}
	e, err := d.r.journal.await(ctx, "approval", after, is("approval", "allowed"))
	if err != nil {
		return err
	}
	if _, err := d.r.journal.await(ctx, "pulse", after, is("redeemed", "allowed")); err != nil {
		return err
	}
	if e.Approver != manager.number || e.Operator != cashier.number {
		return fmt.Errorf("the approval names %q for %q", e.Approver, e.Operator)
	}
	d.saw("the drawer opened; the journal names both (entry %d)", e.Seq)
	if err := d.closes(ctx, after); err != nil {
		return err
	}

	d.told("Another kick finds nothing left of that approval.")
	after = d.r.journal.last()
	if err := d.pos.print(ctx, kick); err != nil {
		return err
	}
	e, err = d.r.journal.await(ctx, "another no-sale", after, on("pos.drawer.nosale", "override-required"))
	if err != nil {
		return err
	}
	if err := d.shut(ctx, pulses+1, after); err != nil {
		return err
	}
	d.saw("shut: it opened one drawer, once (entry %d)", e.Seq)
	return d.cancel(ctx)
}

// cancel takes a pending override back.
func (d *day) cancel(ctx context.Context) error {
	after := d.r.journal.last()
	if _, err := d.r.must(ctx, "", "override", "cancel"); err != nil {
		return err
	}
	_, err := d.r.journal.await(ctx, "cancelled", after, because("override-end", "", "cancelled"))
	return err
}

func pause(ctx context.Context, t time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(t):
		return true
	}
}

// ownRequest: nobody approves for themselves, managers neither.
func (d *day) ownRequest(ctx context.Context) error {
	d.step("The %s takes over, asks for a cash pickup and swipes to approve the own request.", manager)
	if _, err := d.r.must(ctx, "", "signoff"); err != nil {
		return err
	}
	if _, err := d.signedOn(ctx, manager); err != nil {
		return err
	}
	after := d.r.journal.last()
	pulses, err := d.hw.pulses(ctx)
	if err != nil {
		return err
	}
	if _, err := d.r.want(ctx, 1, "", "ask", "pos.till.pickup", "--open", "now"); err != nil {
		return err
	}
	if _, err := d.r.journal.await(ctx, "override announced", after, is("override", "")); err != nil {
		return err
	}
	// Past the second in which no swipe counts, and past the two in which the
	// same card is the same swipe.
	if !pause(ctx, 2200*time.Millisecond) {
		return ctx.Err()
	}
	if err := d.hw.swipe(ctx, manager.track); err != nil {
		return err
	}
	e, err := d.r.journal.await(ctx, "refused approval", after, is("approval", "denied"))
	if err != nil {
		return err
	}
	if e.Reason != "own-request" {
		return fmt.Errorf("the approval was refused as %q", e.Reason)
	}
	if err := d.shut(ctx, pulses, after); err != nil {
		return err
	}
	d.saw("refused as approver: nobody approves the own request (entry %d); the drawer stays shut", e.Seq)
	if err := d.cancel(ctx); err != nil {
		return err
	}
	_, err = d.r.must(ctx, "", "signoff")
	return err
}
