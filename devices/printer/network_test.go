package printer

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tillwarden/devices"
	"tillwarden/devices/sim"
	"tillwarden/enforcer/journal/entry"
)

// A network printer is the simulated one, in a connection of its own.

// networked is a guard before a network printer, with the printer's control.
func networked(t *testing.T, set func(*sim.StationOptions), change ...func(*Options)) (*rig, *sim.Station, *sim.Client) {
	t.Helper()
	t.Parallel()
	so := sim.StationOptions{Dir: filepath.Join(t.TempDir(), "sim"), Listen: "127.0.0.1:0", Printer: sim.PrinterOptions{OpenIsHigh: true}}
	if set != nil {
		set(&so)
	}
	station, err := sim.NewStation(so)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { station.Close() })
	path := station.Paths().Printer
	change = append([]func(*Options){func(o *Options) {
		o.Path = ""
		o.Open = func(ctx context.Context) (devices.Port, error) {
			return devices.Open(ctx, devices.Config{Path: path, WriteWait: 100 * time.Millisecond})
		}
	}}, change...)
	return newRig(t, change...), station, sim.NewClient(station.Paths().Control)
}

func (r *rig) act(c *sim.Client, a sim.Action) {
	r.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), longEnough)
	defer cancel()
	if err := c.Printer(ctx, a); err != nil {
		r.Fatal(err)
	}
}

// paper is what the printer has printed, its lines joined by |.
func paper(s *sim.Station) string {
	lines, _ := s.Printer().Paper(0)
	return strings.Join(lines, "|")
}

func pulses(s *sim.Station) int {
	list, _ := s.Printer().Pulses(0)
	return len(list)
}

func (r *rig) online() {
	r.Helper()
	eventually(r, "it is trusted and online", func() bool { s := r.Status(); return s.Trusted && s.Reach == "online" })
}

// TestNetworkPrinter: a receipt prints, and its kick waits for its grant.
func TestNetworkPrinter(t *testing.T) {
	r, station, _ := networked(t, nil)
	r.online()
	decide := make(chan struct{})
	r.answer = func(ctx context.Context, k Kick) {
		<-decide
		r.insist(ctx, k)
	}
	r.send("\x1b@MILK 1.19\nBREAD 2.40\nEGGS 3.00\nTEA 4.99\nTOTAL 11.58\n" + cut + kick1)
	eventually(t, "the receipt is printed", func() bool { return strings.Contains(paper(station), "TOTAL 11.58") })
	eventually(t, "the kick is to be decided", func() bool { return len(r.kicked()) == 1 })
	if k := r.kicked()[0]; k.Lines != 5 || k.Function != "pos.drawer.sale" {
		t.Errorf("%+v", k)
	}
	stays(t, 100*time.Millisecond, "the drawer stays shut", func() bool { return pulses(station) == 0 })
	close(decide)
	eventually(t, "it opens", func() bool { return pulses(station) == 1 })
	eventually(t, "that was granted", func() bool { rs := r.results(); return len(rs) == 1 && rs[0] == nil })
}

// TestInvariant3NetworkPrinterVanishesInAPicture: one that loses its power while
// a picture is on its way knows nothing of it when it is back. It is not trusted
// until it was resynchronised, what was left of the picture is not taken for
// text or orders, nothing pulses, and what is printed then is printed.
func TestInvariant3NetworkPrinterVanishesInAPicture(t *testing.T) {
	r, station, client := networked(t, nil)
	r.online()
	f := r.pos()
	// A picture whose rest would open a drawer, were it read as orders.
	picture := "\x1dv0\x00\x10\x00\x40\x00" + strings.Repeat("\xaa", 500)
	rest := strings.Repeat(kick1+"\x10\x14\x01\x00\x01", 60)[:16*64-500]
	if _, err := f.WriteString(picture); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the picture has begun", func() bool {
		got, _ := station.Printer().Received(0)
		return bytes.HasSuffix(got, []byte("\xaa\xaa\xaa"))
	})
	r.act(client, sim.ActionPowerOff)
	eventually(t, "it is away", func() bool { return r.Status().Reach == "away" })
	if s := r.Status(); s.Trusted {
		t.Error("it is trusted though it is away")
	}
	began := time.Now()
	if err := r.Ready(context.Background()); !errors.Is(err, ErrOffline) {
		t.Errorf("ready without a printer: %v", err)
	}
	if err := r.redeem(context.Background(), r.grant("till"), "till"); !errors.Is(err, ErrOffline) {
		t.Errorf("a pulse without a printer: %v", err)
	}
	if d := time.Since(began); d >= maxHold {
		t.Errorf("that took %v to be said", d)
	}
	if _, err := f.WriteString(rest + "the next job\n"); err != nil {
		t.Fatal(err)
	}
	r.act(client, sim.ActionPowerOn)
	eventually(t, "the next job is printed", func() bool { return strings.HasSuffix(paper(station), "the next job") })
	r.online()
	if n := pulses(station); n != 0 {
		t.Errorf("%d pulses", n)
	}
	if got := paper(station); strings.Contains(got, "\xaa") || strings.Contains(got, "p") {
		t.Errorf("printed %q", got)
	}
	trust := strings.Join(r.told(entry.KindDeviceTrust), "; ")
	if !strings.Contains(trust, "denied unplugged") || !strings.HasSuffix(trust, "allowed cleared") {
		t.Errorf("told %s", trust)
	}
	if err := r.opensDrawer("till"); err != nil {
		t.Errorf("a pulse after that: %v", err)
	}
	eventually(t, "it opens", func() bool { return pulses(station) == 1 })
}

// TestNetworkPrinterWithoutPaperLosesNothing: it is full and takes nothing for
// as long as it likes; the POS waits, decisions do not; and when it goes on all
// is printed, since its state was known all the time.
func TestNetworkPrinterWithoutPaperLosesNothing(t *testing.T) {
	r, station, client := networked(t, func(o *sim.StationOptions) { o.Printer.Buffer = 512 })
	r.online()
	r.act(client, sim.ActionHold) // the interface takes nothing either
	f := r.pos()
	job := strings.Repeat("0123456789012345678901234567890\n", 2000)
	wrote := make(chan error, 1)
	go func() {
		_, err := f.WriteString(job)
		wrote <- err
	}()
	eventually(t, "it counts as not ready", func() bool { return r.Status().Reach == "offline" })
	began := time.Now()
	if err := r.Ready(context.Background()); !errors.Is(err, ErrOffline) {
		t.Errorf("ready with a printer that takes nothing: %v", err)
	}
	if d := time.Since(began); d >= maxHold {
		t.Errorf("that took %v to be said", d)
	}
	stays(t, 300*time.Millisecond, "the POS waits and the printer is trusted", func() bool {
		select {
		case <-wrote:
			return false
		default:
			s := r.Status()
			return s.Trusted && s.Queued < maxQueued+2048
		}
	})
	if got, _ := station.Printer().Received(0); len(got) > 2048 {
		t.Errorf("%d bytes came to a printer that is held", len(got))
	}
	r.act(client, sim.ActionRelease)
	eventually(t, "all is printed", func() bool { lines, _ := station.Printer().Paper(0); return len(lines) == 2000 })
	if err := <-wrote; err != nil {
		t.Error(err)
	}
	r.online()
	if lost := r.told(entry.KindDeviceRefused); len(lost) > 0 {
		t.Errorf("%q", lost)
	}
	if err := r.opensDrawer("till"); err != nil {
		t.Errorf("a pulse after that: %v", err)
	}
}

// TestNetworkPrinterThatReadsNothing: out of paper, with all of a receipt in its
// interface and none of it printed, it answers nothing. No drawer opens; and its
// buffers are not cleared when it answers again.
func TestNetworkPrinterThatReadsNothing(t *testing.T) {
	r, station, client := networked(t, nil)
	r.online()
	before, _ := station.Printer().Received(0)
	r.act(client, sim.ActionHold)
	r.send("the receipt\n" + cut)
	eventually(t, "it counts as silent", func() bool { return r.Status().Reach == "silent" })
	if err := r.Ready(context.Background()); !errors.Is(err, ErrOffline) {
		t.Errorf("ready with a printer that does not answer: %v", err)
	}
	if !r.Status().Trusted {
		t.Error("what it has is not known any more")
	}
	r.act(client, sim.ActionRelease)
	eventually(t, "the receipt is printed", func() bool { return strings.Contains(paper(station), "the receipt") })
	r.online()
	if all, _ := station.Printer().Received(0); bytes.Contains(all[len(before):], clearOrder) {
		t.Error("its buffers were cleared")
	}
	if err := r.opensDrawer("till"); err != nil {
		t.Errorf("a pulse after that: %v", err)
	}
	eventually(t, "it opens", func() bool { return pulses(station) == 1 })
}

// TestNetworkPrinterOfSomebodyElse: while it is printing for another machine it
// takes our connection, and answers nothing. Nothing is sent to it blindly.
func TestNetworkPrinterOfSomebodyElse(t *testing.T) {
	t.Parallel()
	so := sim.StationOptions{Dir: filepath.Join(t.TempDir(), "sim"), Listen: "127.0.0.1:0"}
	station, err := sim.NewStation(so)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { station.Close() })
	other, err := devices.Open(context.Background(), devices.Config{Path: station.Paths().Printer})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.Write([]byte("another's\n")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it prints for the other", func() bool { return paper(station) == "another's" })
	r := newRig(t, func(o *Options) {
		o.Path = ""
		o.Open = func(ctx context.Context) (devices.Port, error) {
			return devices.Open(ctx, devices.Config{Path: station.Paths().Printer})
		}
	})
	r.send("ours\n")
	stays(t, 200*time.Millisecond, "it is not trusted", func() bool { return !r.Status().Trusted })
	if err := r.Ready(context.Background()); !errors.Is(err, ErrOffline) {
		t.Errorf("ready: %v", err)
	}
	other.Close()
	eventually(t, "ours is printed", func() bool { return strings.HasSuffix(paper(station), "ours") })
}

// TestTraffic: what waits in the kernel and does not leave.
func TestTraffic(t *testing.T) {
	var tr traffic
	at := 10 * time.Second
	for _, step := range []struct {
		what   string
		after  time.Duration
		wrote  int64
		queued int
		stuck  bool
	}{
		{"nothing", 10 * time.Second, 0, 0, false},
		{"just written", 0, 100, 100, false},
		{"waits", stuckAfter - time.Millisecond, 0, 100, false},
		{"waits too long", time.Millisecond, 0, 100, true},
		{"said once", time.Millisecond, 0, 100, false},
		{"more is written, nothing leaves", time.Millisecond, 50, 150, false},
		{"and again", stuckAfter, 0, 150, true},
		{"some leaves", stuckAfter, 0, 149, false},
		{"as much comes as leaves", stuckAfter, 10, 149, false},
		{"and as much again", stuckAfter, 10, 149, false},
		{"it stops", stuckAfter, 0, 149, true},
		{"all leaves", time.Millisecond, 0, 0, false},
		{"quiet since", time.Hour, 0, 0, false},
		{"new", 0, 5, 5, false},
	} {
		at += step.after
		tr.wrote.Add(step.wrote)
		if got := tr.stuck(step.queued, at); got != step.stuck {
			t.Errorf("%s: stuck %v, want %v", step.what, got, step.stuck)
		}
	}
}

// TestTrafficOfANewLine: what was written to a line that nothing was written to
// before has its time to leave, however long the machine has run.
func TestTrafficOfANewLine(t *testing.T) {
	var tr traffic
	tr.wrote.Add(18)
	if tr.stuck(18, time.Hour) {
		t.Error("stuck at the first look")
	}
	if tr.stuck(18, time.Hour+stuckAfter-1) {
		t.Error("stuck before its time")
	}
	if !tr.stuck(18, time.Hour+stuckAfter) {
		t.Error("not stuck after its time")
	}
}

// TestFlowBounds: where it is us who stop, what still leaves fits where a
// printer has room that says that it has none.
func TestFlowBounds(t *testing.T) {
	for f := range flowEnd {
		write, kernel := f.bounds()
		if f.paced() != (f == FlowDSR || f == FlowCTS || f == FlowXonXoff) {
			t.Errorf("%s: paced %v", f, f.paced())
		}
		if write <= 0 || f.paced() && write+kernel > 16 || write+kernel > 1024 {
			t.Errorf("%s: %d bytes at a time, up to %d in the kernel", f, write, kernel)
		}
		if g, err := ParseFlow(f.String()); g != f || err != nil {
			t.Errorf("%s reads as %s, %v", f, g, err)
		}
	}
}
