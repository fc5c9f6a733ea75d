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

// newTwoDrawers is a register whose printer has two drawers, which share the one
// wire of its sensor.
func newTwoDrawers(t *testing.T, openIsHigh bool) *till {
	t.Helper()
	dir := shortDir(t)
	s, err := sim.NewStation(sim.StationOptions{Dir: dir, Printer: sim.PrinterOptions{OpenIsHigh: openIsHigh}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	link := filepath.Join(dir, "pos")
	b := &benchRegister{register: newRegister(t, fmt.Sprintf(`
[[printer]]
name = "receipt"
path = %q
link = %q
poll = "50ms"
kick_order = "asked"
[[printer.drawer]]
name = "till"
connector = 1
[[printer.drawer]]
name = "second"
connector = 2
`, s.Paths().Printer, link)), station: s, sim: sim.NewClient(s.Paths().Control)}
	b.start()
	tl := &till{benchRegister: b, link: link}
	tl.bothReady()
	return tl
}

func (tl *till) bothReady() {
	tl.t.Helper()
	until(tl.t, "both drawers are ready", func() bool {
		list, err := tl.pos.Drawers(tl.t.Context())
		return err == nil && len(list.Drawers) == 2 && list.Drawers[0].Ready && list.Drawers[1].Ready
	})
}

// shows waits until the sensor says that a drawer is open, or that none is.
func (tl *till) shows(state string) {
	tl.t.Helper()
	until(tl.t, "the sensor says "+state, func() bool {
		list, err := tl.pos.Drawers(tl.t.Context())
		return err == nil && list.Drawers[0].State == state && list.Drawers[1].State == state
	})
}

func (tl *till) move(drawer int, open bool) {
	tl.t.Helper()
	do := tl.sim.CloseDrawer
	if open {
		do = tl.sim.OpenDrawer
	}
	if err := do(tl.t.Context(), drawer); err != nil {
		tl.t.Fatal(err)
	}
}

func (tl *till) kick(connector byte) {
	tl.t.Helper()
	if _, err := tl.sim.POSWrite(tl.t.Context(), tl.link, []byte{0x1B, 'p', connector - 1, 25, 250}, 0); err != nil {
		tl.t.Fatal(err)
	}
}

// drove lists which drawers were pulsed.
func (tl *till) drove() string {
	tl.t.Helper()
	pulses, _, err := tl.sim.Pulses(tl.t.Context(), 0)
	if err != nil {
		tl.t.Fatal(err)
	}
	var which []string
	for _, p := range pulses {
		which = append(which, fmt.Sprint(p.Drawer))
	}
	return strings.Join(which, " ")
}

func (tl *till) learn(drawer string) {
	tl.t.Helper()
	ctx := tl.t.Context()
	a, err := tl.tech.Calibrate(ctx, "receipt", api.CalibrateRequest{Drawer: drawer})
	if err != nil || a.Calibrated {
		tl.t.Fatalf("%+v %v", a, err)
	}
	tl.move(2, true)
	if a, err = tl.tech.Calibrate(ctx, "receipt", api.CalibrateRequest{Drawer: drawer, Open: true}); err != nil || !a.Calibrated {
		tl.t.Fatalf("%+v %v", a, err)
	}
	tl.move(2, false)
	tl.shows("closed")
}

// TestInvariant2TwoDrawers: each drawer of two on one printer opens for its own
// grant alone, and the journal names the right one, as far as one wire can tell.
func TestInvariant2TwoDrawers(t *testing.T) {
	t.Parallel()
	tl := newTwoDrawers(t, false)
	ctx := t.Context()
	tl.staffed()
	tl.learn("second")
	tl.signOn("1001")
	var shut int // how often one was, when it was learned
	until(t, "what was opened to learn it by is shut", func() bool { shut = len(tl.entries("drawer-closed")); return shut == 1 })

	// At once: the one that was asked for.
	want := ""
	for i, name := range []string{"second", "till"} {
		a, err := tl.pos.Ask(ctx, api.AskRequest{Function: "pos.drawer.sale", Open: api.OpenNow, Drawer: name})
		if err != nil || a.Drawer == nil || a.Drawer.Result != api.DrawerPulsed {
			t.Fatalf("%s: %+v %v", name, a, err)
		}
		connector := 2 - i
		want = strings.TrimSpace(fmt.Sprint(want, " ", connector))
		until(t, name+" is pulsed", func() bool { return tl.drove() == want })
		until(t, name+"'s opening is in the journal", func() bool { return len(tl.entries("drawer-opened")) == i+1 })
		if e := tl.entries("drawer-opened")[i]; e.Drawer != name || e.About != a.Seq {
			t.Errorf("%s: %+v", name, e)
		}
		tl.move(connector, false)
		until(t, name+" is seen to close", func() bool { return len(tl.entries("drawer-closed")) == shut+i+1 })
		if e := tl.entries("drawer-closed")[shut+i]; e.Drawer != name {
			t.Errorf("closed: %+v", e)
		}
	}
	time.Sleep(3100 * time.Millisecond) // what absorbs a kick of the POS's is over

	// On the next kick: the other drawer's kick is not that kick.
	a, err := tl.pos.Ask(ctx, api.AskRequest{Function: "pos.drawer.sale", Open: api.OpenOnKick, Drawer: "second"})
	if err != nil || a.Drawer == nil || a.Drawer.Result != api.DrawerArmed {
		t.Fatalf("%+v %v", a, err)
	}
	tl.kick(1)
	until(t, "the till's kick waits for a manager", func() bool {
		list, err := tl.con.Overrides(ctx)
		return err == nil && len(list.Overrides) == 1 && list.Overrides[0].Function == "pos.drawer.nosale"
	})
	if got := tl.drove(); got != want {
		t.Fatalf("pulsed: %s", got)
	}
	tl.kick(2)
	want += " 2"
	until(t, "the second drawer's kick opens it", func() bool { return tl.drove() == want })
	tl.move(2, false)
	tl.shows("closed")

	// One is open when the other is opened: one wire shows nothing of it, and no
	// drawer is called shut that may have opened.
	for _, name := range []string{"till", "second"} {
		if a, err := tl.pos.Ask(ctx, api.AskRequest{Function: "pos.drawer.sale", Open: api.OpenNow, Drawer: name}); err != nil || a.Drawer.Result != api.DrawerPulsed {
			t.Fatalf("%s: %+v %v", name, a, err)
		}
	}
	want += " 1 2"
	until(t, "both are pulsed", func() bool { return tl.drove() == want })
	tl.move(1, false)
	time.Sleep(2300 * time.Millisecond) // what the pulses explain is over
	tl.shows("open")
	tl.move(2, false)
	tl.shows("closed")
	if got := tl.entries("drawer-no-open"); len(got) != 0 {
		t.Errorf("%+v", got)
	}

	// By hand: either's.
	before := len(tl.entries("drawer-opened"))
	tl.move(2, true)
	until(t, "an opening without a grant", func() bool { return len(tl.entries("drawer-opened")) == before+1 })
	if e := tl.entries("drawer-opened")[before]; e.About != 0 || e.Reason != "no-grant" || e.Drawer != "till" || !strings.Contains(e.Text, "second") {
		t.Errorf("%+v", e)
	}
}

// TestPolarityIsLearned: either polarity, once for the printer's sensor, over a
// restart, and again; one that cannot be told, and half of one from long before,
// are not taken.
func TestPolarityIsLearned(t *testing.T) {
	t.Parallel()
	for _, openIsHigh := range []bool{false, true} {
		t.Run(fmt.Sprintf("open is high: %v", openIsHigh), func(t *testing.T) {
			t.Parallel()
			tl := newTwoDrawers(t, openIsHigh)
			ctx := t.Context()
			// The other drawer stands open: closed and open read the same.
			tl.move(1, true)
			a, err := tl.tech.Calibrate(ctx, "receipt", api.CalibrateRequest{Drawer: "second"})
			if err != nil || a.Calibrated {
				t.Fatalf("%+v %v", a, err)
			}
			tl.move(2, true)
			if _, err := tl.tech.Calibrate(ctx, "receipt", api.CalibrateRequest{Drawer: "second", Open: true}); !isCode(err, api.CodeConflict) || !strings.Contains(fmt.Sprintf("%+v", err), "read") {
				t.Fatalf("a sensor that does not change: %v", err)
			}
			// Open first; then all closed.
			if a, err = tl.tech.Calibrate(ctx, "receipt", api.CalibrateRequest{Drawer: "till", Open: true}); err != nil || a.Calibrated || !strings.Contains(a.Say, "all drawers") {
				t.Fatalf("%+v %v", a, err)
			}
			u := tl.d.sensors[0]
			u.mu.Lock()
			u.read -= 2 * halfLasts // that was yesterday
			u.mu.Unlock()
			tl.move(1, false)
			tl.move(2, false)
			tl.learn("till")

			tl.halt()
			tl.start()
			tl.bothReady()
			tl.shows("closed")
			tl.move(2, true)
			tl.shows("open")
			tl.move(2, false)
			tl.shows("closed")
			tl.learn("second")
			if n := len(tl.entries("device-calibrated")); n != 2 {
				t.Errorf("calibrated %d times", n)
			}
		})
	}
}

// TestSerialDrawerOnSim: a whole register with a drawer on a line of its own, a box
// that opens when its port is opened. The line is a pty, which has no modem lines:
// how a drawer reports on them is tested with it (devices/drawer).
func TestSerialDrawerOnSim(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	s, err := sim.NewStation(sim.StationOptions{Dir: dir, Drawer: &sim.SerialDrawerOptions{OnOpen: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	link := filepath.Join(dir, "pos-box")
	r := newRegister(t, fmt.Sprintf(`
[[drawer]]
name = "box"
path = %q
model = "trigger"
link = %q
`, s.Paths().Drawer, link)).start().staffed()
	ctx := t.Context()
	until(t, "the drawer is ready", func() bool {
		list, err := r.pos.Drawers(ctx)
		return err == nil && len(list.Drawers) == 1 && list.Drawers[0].Ready && list.Drawers[0].NoSensor
	})
	box := func() sim.SerialDrawerState { return *s.State().SerialDrawer }
	r.signOn("1001")
	if _, err := sim.NewClient(s.Paths().Control).POSWrite(ctx, link, []byte("open"), 0); err != nil {
		t.Fatal(err)
	}
	until(t, "the kick waits for a manager", func() bool {
		list, err := r.con.Overrides(ctx)
		return err == nil && len(list.Overrides) == 1
	})
	if got := box(); got.Ports != 0 || got.Bytes != 0 || got.Open {
		t.Fatalf("without a grant: %+v", got)
	}
	list, err := r.con.Overrides(ctx)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "approved", func() bool {
		a, err := r.con.Approve(ctx, list.Overrides[0].ID, api.ApproveRequest{Credentials: creds("2001")})
		return err == nil && a.Outcome == "allowed"
	})
	until(t, "the box opens", func() bool { return box().Open })
	until(t, "the grant is redeemed", func() bool { return len(r.entries("redeemed")) == 1 })
	after := box()
	// Restarting the daemon, and signing off, opens nothing.
	r.halt()
	r.start()
	until(t, "the drawer is ready again", func() bool {
		list, err := r.pos.Drawers(ctx)
		return err == nil && list.Drawers[0].Ready
	})
	if got := box(); got != after {
		t.Errorf("over a restart: %+v, was %+v", got, after)
	}
}
