package daemon

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/devices/sim"
)

// till is a whole register on simulated hardware: printer with drawer, reader,
// keypad, all of them ttys to the daemon.
type till struct {
	*benchRegister
	link string
}

func newTill(t *testing.T, more string) *till {
	t.Helper()
	dir := shortDir(t)
	s, err := sim.NewStation(sim.StationOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	p := s.Paths()
	link := filepath.Join(dir, "pos")
	config := fmt.Sprintf(`
[[printer]]
name = "receipt"
path = %q
link = %q
poll = "100ms"
[[printer.drawer]]
name = "till"
connector = 1
[[printer.profile]]
name = "paid-out"
text = "PAID OUT"
function = "pos.till.paidout"
[[reader]]
name = "reader"
path = %q
[[keypad]]
name = "keypad"
path = %q
[[keypad.code]]
code = "*61#"
function = "pos.drawer.nosale"
`, p.Printer, link, p.Reader, p.Keypad)
	b := &benchRegister{register: newRegister(t, more+config), station: s, sim: sim.NewClient(p.Control)}
	b.start()
	b.devicesUp("reader", "keypad")
	tl := &till{benchRegister: b, link: link}
	tl.printerReady()
	return tl
}

func (tl *till) printerReady() {
	tl.t.Helper()
	until(tl.t, "the drawer is ready", func() bool {
		list, err := tl.pos.Drawers(tl.t.Context())
		return err == nil && len(list.Drawers) == 1 && list.Drawers[0].Ready
	})
}

func (tl *till) print(s sim.Slip) {
	tl.t.Helper()
	if err := tl.sim.POSPrint(tl.t.Context(), tl.link, s); err != nil {
		tl.t.Fatal(err)
	}
}

func (tl *till) pulses() int64 {
	tl.t.Helper()
	s, err := tl.sim.State(tl.t.Context())
	if err != nil {
		tl.t.Fatal(err)
	}
	return s.Pulses
}

func (tl *till) paper() string {
	tl.t.Helper()
	lines, _, err := tl.sim.Receipts(tl.t.Context(), 0)
	if err != nil {
		tl.t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

// TestSwipePrintKickPulse is the thin line through everything: a swipe on a
// tty, a session, a receipt with a kick, an entry, a pulse on a tty, a drawer
// that is seen to open.
func TestSwipePrintKickPulse(t *testing.T) {
	t.Parallel()
	tl := newTill(t, byNumber)
	ctx := t.Context()
	tl.staffed()
	if err := tl.enrol("1001", cardAda); err != nil {
		t.Fatal(err)
	}

	// Nobody is signed on: the receipt prints, the drawer stays shut.
	tl.print(sim.Slip{Kind: "sale"})
	until(t, "a refusal", func() bool { return len(denied(tl.entries("decision"))) == 1 })
	if tl.pulses() != 0 {
		t.Fatal("it opened with nobody signed on")
	}
	until(t, "the receipt and the slip are printed", func() bool {
		p := tl.paper()
		return strings.Contains(p, "Thank you") && strings.Contains(p, "DRAWER STAYS SHUT") && strings.Contains(p, "nobody is signed on")
	})

	// Calibrated: once closed, once open by hand.
	if a, err := tl.tech.Calibrate(ctx, "receipt", api.CalibrateRequest{Drawer: "till"}); err != nil || a.Calibrated {
		t.Fatalf("%+v %v", a, err)
	}
	if err := tl.sim.OpenDrawer(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if a, err := tl.tech.Calibrate(ctx, "receipt", api.CalibrateRequest{Drawer: "till", Open: true}); err != nil || !a.Calibrated {
		t.Fatalf("%+v %v", a, err)
	}
	if err := tl.sim.CloseDrawer(ctx, 1); err != nil {
		t.Fatal(err)
	}
	until(t, "the drawer is closed", func() bool {
		list, err := tl.pos.Drawers(ctx)
		return err == nil && list.Drawers[0].State == "closed" && list.Drawers[0].Calibrated
	})

	time.Sleep(2100 * time.Millisecond) // the card that was enrolled, again, would be the same swipe
	tl.swipe(cardAda)
	until(t, "the card waits for its PIN", func() bool {
		tl.d.pin.mu.Lock()
		defer tl.d.pin.mu.Unlock()
		return tl.d.pin.token != ""
	})
	tl.enter("25806931")
	tl.session("signed on", signedOn("1001", false))

	// A sale.
	tl.print(sim.Slip{Kind: "sale"})
	until(t, "the drawer was pulsed", func() bool { return tl.pulses() == 1 })
	var opened []api.Entry
	until(t, "the opening is in the journal", func() bool {
		opened = tl.entries("drawer-opened")
		return len(opened) == 1
	})
	until(t, "the pulse is in the journal", func() bool { return len(tl.entries("redeemed")) == 1 })
	redeemed := tl.entries("redeemed")
	var sale api.Entry
	for _, e := range tl.entries("decision") {
		if e.Outcome == "allowed" {
			sale = e
		}
	}
	if len(redeemed) != 1 || redeemed[0].About != sale.Seq || opened[0].About != sale.Seq {
		t.Errorf("sale %d, redeemed %+v, opened %+v", sale.Seq, redeemed, opened)
	}
	if sale.Function != "pos.drawer.sale" || sale.Purpose != "receipt" || sale.Operator != "1001" || sale.Method != "kick" || sale.Lines < 5 || sale.Digest == "" {
		t.Errorf("the sale's decision: %+v", sale)
	}
	if err := tl.sim.CloseDrawer(ctx, 1); err != nil {
		t.Fatal(err)
	}

	// A no-sale stays shut until a manager enters number and PIN at the keypad.
	tl.print(sim.Slip{Kind: "no-sale"})
	until(t, "an override is pending", func() bool {
		list, err := tl.con.Overrides(ctx)
		return err == nil && len(list.Overrides) == 1
	})
	if n := tl.pulses(); n != 1 {
		t.Fatalf("%d pulses", n)
	}
	until(t, "the slip says so", func() bool { return strings.Contains(tl.paper(), "MANAGER NEEDED") })
	time.Sleep(1100 * time.Millisecond) // what is announced counts after a second
	tl.enter("2001")
	tl.enter("36901472")
	until(t, "the drawer opened once", func() bool { return tl.pulses() == 2 })
	if err := tl.sim.CloseDrawer(ctx, 1); err != nil {
		t.Fatal(err)
	}

	// By hand, with its key: an alarm.
	time.Sleep(2200 * time.Millisecond) // what the last pulse explains is over
	if err := tl.sim.OpenDrawer(ctx, 1); err != nil {
		t.Fatal(err)
	}
	until(t, "an opening without a grant", func() bool {
		for _, e := range tl.entries("drawer-opened") {
			if e.About == 0 && e.Reason == "no-grant" {
				return true
			}
		}
		return false
	})
	if err := tl.sim.CloseDrawer(ctx, 1); err != nil {
		t.Fatal(err)
	}

	// Asked for over the API: now, and with the next kick.
	a, err := tl.pos.Ask(ctx, api.AskRequest{Function: "pos.drawer.sale", Open: api.OpenNow})
	if err != nil || a.Drawer == nil || a.Drawer.Result != api.DrawerPulsed {
		t.Fatalf("%+v %+v %v", a, a.Drawer, err)
	}
	tl.print(sim.Slip{Kind: "kick"}) // belongs to it
	a, err = tl.pos.Ask(ctx, api.AskRequest{Function: "pos.till.safedrop", Open: api.OpenOnKick})
	if err != nil || a.Drawer == nil || a.Drawer.Result != api.DrawerArmed {
		t.Fatalf("%+v %v", a, err)
	}
	before := tl.pulses()
	if before != 3 {
		t.Errorf("%d pulses, want 3", before)
	}
	tl.print(sim.Slip{Kind: "kick"})
	until(t, "the kick that was announced", func() bool { return tl.pulses() == before+1 })
	until(t, "a safe drop was redeemed", func() bool { // the pulse comes first, its entry right after
		for _, e := range tl.entries("redeemed") {
			if e.Function == "pos.till.safedrop" {
				return true
			}
		}
		return false
	})
	tl.noSecrets("0000010019", "25806931", "36901472")
}

// TestPrinterComesAndGoes: offline, the grant lapses with the reason; back, it opens.
func TestPrinterComesAndGoes(t *testing.T) {
	t.Parallel()
	tl := newTill(t, "")
	ctx := t.Context()
	tl.staffed().signOn("1001")
	if err := tl.sim.Printer(ctx, sim.ActionPaperOut); err != nil {
		t.Fatal(err)
	}
	until(t, "the drawer says that it is not ready", func() bool {
		list, err := tl.pos.Drawers(ctx)
		return err == nil && !list.Drawers[0].Ready && list.Drawers[0].Problem != ""
	})
	a, err := tl.pos.Ask(ctx, api.AskRequest{Function: "pos.drawer.sale", Open: api.OpenNow})
	if err != nil || a.Outcome != "allowed" || a.Drawer.Result != api.DrawerNotOpened || a.Drawer.Reason != "offline" {
		t.Errorf("%+v %+v %v", a, a.Drawer, err)
	}
	if err := tl.sim.Printer(ctx, sim.ActionPaperIn); err != nil {
		t.Fatal(err)
	}
	tl.printerReady()
	a, err = tl.pos.Ask(ctx, api.AskRequest{Function: "pos.drawer.sale", Open: api.OpenNow})
	if err != nil || a.Drawer.Result != api.DrawerPulsed {
		t.Errorf("%+v %+v %v", a, a.Drawer, err)
	}
	if tl.pulses() != 1 {
		t.Errorf("%d pulses", tl.pulses())
	}
	if _, err := tl.tech.Resync(ctx, "receipt"); err != nil {
		t.Errorf("resync: %v", err)
	}
	if _, err := tl.tech.Resync(ctx, "none"); !isCode(err, api.CodeNotFound) {
		t.Errorf("resync of nothing: %v", err)
	}
	if len(tl.entries("lapsed")) != 1 {
		t.Errorf("lapsed: %+v", tl.entries("lapsed"))
	}
}

// TestInvariant2HeldKickEndsAtSignOn: a kick that came while nobody was signed
// on, or while the register was locked, and waits for its receipt, opens
// nothing for who signs on or unlocks meanwhile.
func TestInvariant2HeldKickEndsAtSignOn(t *testing.T) {
	t.Parallel()
	tl := newTill(t, "")
	tl.staffed()
	kick := func(what string, then func()) {
		t.Helper()
		before := len(denied(tl.entries("decision")))
		busy := func() bool {
			s, err := tl.con.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return len(s.Busy) > 0
		}
		until(t, "nothing is under way", func() bool { return !busy() })
		tl.print(sim.Slip{Kind: "kick"})
		until(t, "it has arrived, and waits", busy)
		then()
		until(t, what, func() bool { return len(denied(tl.entries("decision"))) == before+1 })
		if e := denied(tl.entries("decision"))[before]; e.Reason != "state-changed" || e.Drawer != "till" || tl.pulses() != 0 {
			t.Fatalf("%s: %+v, %d pulses", what, e, tl.pulses())
		}
	}
	kick("a kick of before the sign-on", func() { tl.signOn("2001") })
	if _, err := tl.con.Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	kick("a kick to a locked register", func() {
		if a, err := tl.con.Unlock(t.Context(), creds("2001")); err != nil || !a.OK {
			t.Fatalf("%+v %v", a, err)
		}
	})
}
