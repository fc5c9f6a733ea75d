package daemon

import (
	"strings"
	"testing"

	"tillwarden/daemon/api"
	"tillwarden/devices/sim"
)

func person(number string) *api.Person { return &api.Person{Credentials: creds(number)} }

// kicks are the decisions on drawers.
func (r *register) kicks() (some []api.Entry) {
	r.t.Helper()
	for _, e := range r.entries("decision") {
		if e.Drawer != "" {
			some = append(some, e)
		}
	}
	return some
}

// through are those that a mode let through.
func (r *register) through() (some []api.Entry) {
	r.t.Helper()
	for _, e := range r.kicks() {
		if e.Mode != "" {
			some = append(some, e)
		}
	}
	return some
}

// told is what systemd was told last.
func (r *register) told() string {
	r.d.notify.mu.Lock()
	defer r.d.notify.mu.Unlock()
	return r.d.notify.last
}

// TestModesAtTheRegister prints through the POS's own port: with nobody signed
// on a sale opens in monitor mode, over a restart of the daemon, and no more once
// that has ended; in break-glass a sale opens, a no-sale does not, and what the
// printer's language does not have is printed as it came.
func TestModesAtTheRegister(t *testing.T) {
	t.Parallel()
	tl := newTill(t, "")
	ctx := t.Context()
	tl.staffed()
	if err := tl.enrol("2001", cardMax); err != nil {
		t.Fatal(err)
	}

	// One by the card that is swiped, the other by number and PIN.
	begun := make(chan error, 1)
	go func() {
		by := &api.Person{Credentials: api.Credentials{PIN: creds("2001").PIN}, Card: true}
		_, err := tl.con.Monitor(ctx, api.ModeRequest{By: by, With: person("2002"), Seconds: 3600, Reason: "moving in"})
		begun <- err
	}()
	until(t, "a card is waited for", func() bool {
		tl.d.swipes.mu.Lock()
		defer tl.d.swipes.mu.Unlock()
		return tl.d.swipes.enrol != nil || len(begun) > 0
	})
	tl.swipe(cardMax)
	if err := <-begun; err != nil {
		t.Fatal(err)
	}
	if e := tl.entries("mode"); len(e) != 1 || e[0].Operator != "2001" || e[0].Method != "card+pin" || e[0].Approver != "2002" || e[0].ApprovedBy != "number+pin" {
		t.Fatalf("the mode is journaled as %+v", e)
	}
	s, err := tl.pos.Status(ctx)
	if err != nil || s.Enforcing || s.Mode == nil || s.Mode.Mode != "monitor" || s.Mode.Reason != "" {
		t.Errorf("the POS sees %+v, %v", s, err)
	}
	until(t, "the slip says so", func() bool { return strings.Contains(tl.paper(), "MONITOR MODE") })
	if !strings.Contains(tl.paper(), "monitor mode for 1h: moving in") {
		t.Errorf("the slip does not say for how long:\n%s", tl.paper())
	}
	if told := tl.told(); !strings.HasPrefix(told, "MONITOR MODE until about ") {
		t.Errorf("systemd is told %q", told)
	}

	tl.print(sim.Slip{Kind: "sale"})
	until(t, "the sale opens with nobody signed on", func() bool { return tl.pulses() == 1 && len(tl.entries("redeemed")) == 1 })
	sale := tl.through()
	if len(sale) != 1 || sale[0].Outcome != "denied" || sale[0].Reason != "no-session" || sale[0].Mode != "monitor" {
		t.Fatalf("the sale is journaled as %+v", sale)
	}
	if e := tl.entries("redeemed")[0]; e.About != sale[0].Seq || e.Mode != "monitor" {
		t.Errorf("the pulse is journaled as %+v", e)
	}
	if strings.Contains(tl.paper(), "DRAWER STAYS SHUT") {
		t.Error("a slip says that the drawer stays shut")
	}

	left := s.Mode.Left
	tl.halt()
	tl.start()
	tl.printerReady()
	if s, err = tl.pos.Status(ctx); err != nil || s.Mode == nil || s.Mode.Left >= left {
		t.Fatalf("after a restart: %+v, %v", s, err)
	}
	tl.print(sim.Slip{Kind: "sale"})
	until(t, "it opens after the restart", func() bool { return tl.pulses() == 2 })
	if _, err := tl.tech.EndMode(ctx, api.EndModeRequest{}); err != nil {
		t.Fatal(err)
	}
	if told := tl.told(); !strings.HasPrefix(told, "policy epoch ") {
		t.Errorf("the mode has ended, and systemd is told %q", told)
	}
	tl.print(sim.Slip{Kind: "sale"})
	until(t, "it is refused once that has ended", func() bool {
		es := tl.kicks()
		return len(es) == 3 && es[2].Mode == "" && es[2].Outcome == "denied"
	})

	// Break-glass.
	const unknown = "\x1b\x7e<as it came>"
	if err := tl.posWrites("before " + unknown + "\n"); err != nil {
		t.Fatal(err)
	}
	until(t, "what nobody understands is refused", func() bool { return len(tl.entries("device-refused")) > 0 })
	if _, err := tl.con.BreakGlass(ctx, api.ModeRequest{By: person("2001"), With: person("2002"), Seconds: 3600, Reason: "the dialect is wrong"}); err != nil {
		t.Fatal(err)
	}
	// With a cut, so that these lines make no receipt of what is printed next.
	if err := tl.posWrites("tonight " + unknown + "\n\x1dV\x00"); err != nil {
		t.Fatal(err)
	}
	until(t, "it is printed as it came", func() bool {
		data, _, err := tl.sim.Bytes(ctx, 0)
		return err == nil && strings.Contains(string(data), "tonight "+unknown)
	})
	until(t, "that is journaled", func() bool {
		es := tl.entries("device-passed")
		return len(es) == 1 && es[0].Mode == "break-glass" && es[0].Count > 0
	})
	tl.print(sim.Slip{Kind: "no-sale"})
	until(t, "a no-sale is refused", func() bool {
		es := tl.kicks()
		return len(es) == 4 && es[3].Mode == "" && es[3].Function == "pos.drawer.nosale"
	})
	tl.printerReady()
	tl.print(sim.Slip{Kind: "sale"})
	until(t, "a sale opens", func() bool { return tl.pulses() == 3 })
	if es := tl.through(); len(es) != 3 || es[2].Mode != "break-glass" || es[2].Function != "pos.drawer.sale" {
		t.Errorf("let through: %+v", es)
	}
	if _, err := tl.tech.EndMode(ctx, api.EndModeRequest{}); err != nil {
		t.Fatal(err)
	}
	until(t, "the printer is resynchronised", func() bool {
		for _, e := range tl.entries("device-trust") {
			if e.Reason == "mode-changed" {
				return true
			}
		}
		return false
	})
	tl.printerReady()

	r, err := tl.tech.ModeReport(ctx, api.ModeReportRequest{From: &sale[0].Time})
	if err != nil || r.Through != 3 || r.Decisions != 5 {
		t.Errorf("report %+v, %v", r, err)
	}
	tl.noSecrets(string(creds("2002").PIN), string(creds("2001").PIN))
}
