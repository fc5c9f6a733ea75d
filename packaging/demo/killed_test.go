package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tillwarden/daemon/api"
	"tillwarden/devices/sim"
	records "tillwarden/enforcer/journal"
	"tillwarden/enforcer/journal/entry"
)

// kills is how often the daemon is killed under load.
const kills = 200

// binaries builds what the test runs.
func binaries(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir+"/", "tillwarden/cmd/...")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the binaries: %v\n%s", err, out)
	}
	return dir
}

// acknowledged is what the daemon said is journaled.
type acknowledged struct {
	mu   sync.Mutex
	list map[api.Seq]string // entry -> function and outcome; guarded by mu
	news chan struct{}      // has room for one: something was added
}

func (a *acknowledged) add(ans *api.Answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list[ans.Seq] = ans.Function + " " + ans.Outcome
	select {
	case a.news <- struct{}{}:
	default:
	}
}

// load is a busy minute at the till: askers, openings, receipts with kicks. It
// runs until the daemon is gone.
func load(ctx context.Context, d *day, acks *acknowledged) {
	pos := api.NewClient(d.r.path("run", "pos.sock"))
	defer pos.Close()
	var wg sync.WaitGroup
	ask := func(req api.AskRequest) {
		for ctx.Err() == nil {
			a, err := pos.Ask(ctx, req)
			if err != nil {
				return // killed
			}
			acks.add(a)
		}
	}
	wg.Go(func() { ask(api.AskRequest{Function: "pos.sale.item"}) })
	wg.Go(func() { ask(api.AskRequest{Function: "pos.drawer.nosale", NoOverride: true}) })
	wg.Go(func() { ask(api.AskRequest{Function: "pos.drawer.sale", Drawer: drawer, Open: api.OpenNow}) })
	wg.Go(func() {
		f, err := os.OpenFile(d.pos.path, os.O_WRONLY, 0)
		if err != nil {
			return
		}
		defer f.Close()
		for n := 0; ctx.Err() == nil; n++ {
			if _, err := io.WriteString(f, receipt(n, "3.50")+cut+kick); err != nil {
				return
			}
		}
	})
	wg.Wait()
}

// restart starts the daemon again and waits until a drawer could be opened.
func restart(ctx context.Context, d *day) (err error) {
	r := d.r
	if r.daemon, err = start("tillwardend", r.binary("tillwardend"), "--config", r.path("etc", "tillwarden.toml")); err != nil {
		return err
	}
	return until(ctx, "the register to be back", r.daemon, func() error {
		s, err := r.technician.Status(ctx)
		switch {
		case err != nil:
			return err
		case s.Session == nil:
			return errors.New("the session was not resumed")
		case !s.Drawers[0].Ready:
			return fmt.Errorf("drawer is not ready: %s", s.Drawers[0].Problem)
		}
		return nil
	})
}

// TestInvariant8KilledUnderLoad kills the real daemon with SIGKILL at random
// moments of a busy till. Every entry that it acknowledged is there afterwards,
// the journal verifies, and the printer pulsed no more often than openings were
// granted on disk (invariant 1).
func TestInvariant8KilledUnderLoad(t *testing.T) {
	times := kills
	if testing.Short() {
		times = 10
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	r, err := newRegister(binaries(t))
	if err != nil {
		t.Fatal(err)
	}
	defer r.close(false)
	d := &day{teller: &teller{out: io.Discard}, r: r}
	if err := d.setUp(ctx); err != nil {
		d.failed(err, r)
		t.Fatal(err)
	}
	r.journal.close()
	if err := d.hw.swipe(ctx, cashier.track); err != nil {
		t.Fatal(err)
	}
	if err := until(ctx, "the cashier to be signed on", r.daemon, func() error {
		s, err := r.technician.Session(ctx)
		if err == nil && !s.SignedOn {
			err = errors.New("nobody is")
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	acks := &acknowledged{list: map[api.Seq]string{}, news: make(chan struct{}, 1)}
	for n := range times {
		loaded := make(chan struct{})
		under, stop := context.WithCancel(ctx)
		go func() {
			defer close(loaded)
			load(under, d, acks)
		}()
		// Anywhere from the first request on; each other time from the first answer on,
		// which takes a while on a slow machine.
		if n%2 == 1 {
			select {
			case <-acks.news: // of the last round
			default:
			}
			select {
			case <-acks.news:
			case <-time.After(patience):
				t.Error("nothing is answered")
			}
		}
		moment := time.NewTimer(time.Duration(rand.Int64N(int64(60 * time.Millisecond))))
		<-moment.C
		r.daemon.kill()
		stop()
		<-loaded
		// The drawer, wherever the kill left it.
		if err := d.hw.client.CloseDrawer(ctx, 1); err != nil {
			t.Fatal(err)
		}
		if err := restart(ctx, d); err != nil {
			d.failed(err, r)
			t.Fatalf("after kill %d: %v", n+1, err)
		}
	}
	if err := r.daemon.stop(); err != nil {
		t.Fatal(err)
	}
	if len(acks.list) < times/2 {
		t.Errorf("only %d answers in %d rounds: that was no load", len(acks.list), times)
	}
	check(t, d, acks)
}

// check holds the journal against what was acknowledged, and the pulses
// against the journal.
func check(t *testing.T, d *day, acks *acknowledged) {
	t.Helper()
	path := d.r.path("state", "journal.db")
	pub, err := os.ReadFile(filepath.Join(d.r.path("state"), "keys", "journal.pub"))
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(string(pub)))
	if err != nil {
		t.Fatal(err)
	}
	report, err := records.Verify(t.Context(), path, []note.Verifier{verifier})
	if err != nil || !report.OK {
		t.Fatalf("the journal does not verify: %v %+v", err, report)
	}
	reader, err := records.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	starts := 0
	var granted []time.Time
	if err := reader.Each(t.Context(), records.Filter{}, func(e *entry.Entry) error {
		seq := api.Seq(e.Seq)
		if want, ok := acks.list[seq]; ok {
			if got := e.Function + " " + e.Outcome.String(); got != want {
				t.Errorf("entry %d says %q, the daemon answered %q", seq, got, want)
			}
			delete(acks.list, seq)
		}
		switch {
		case e.Kind == entry.KindStart:
			starts++
		case e.Kind == entry.KindDecision && e.Outcome == entry.OutcomeAllowed && e.Drawer != "":
			granted = append(granted, e.Stamp.Time())
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for seq, what := range acks.list {
		t.Errorf("entry %d (%s) was acknowledged and is not there", seq, what)
	}
	if starts < 2 {
		t.Errorf("%d starts in the journal: nothing was killed", starts)
	}
	pulses := everyPulse(t, d)
	if len(pulses) == 0 {
		t.Error("the drawer was never pulsed: that was no load")
	}
	// At no moment had the printer pulsed more often than was granted by then.
	for _, p := range pulses {
		by := 0
		for _, at := range granted {
			if !at.After(p.At) {
				by++
			}
		}
		if by < int(p.Number)+1 {
			t.Errorf("pulse %d at %s: only %d openings were granted by then", p.Number+1, p.At.Format(time.StampMicro), by)
		}
	}
	t.Logf("%d starts, %d openings granted, %d pulses, %d entries verified", starts, len(granted), len(pulses), report.Entries)
}

func everyPulse(t *testing.T, d *day) (all []sim.Pulse) {
	t.Helper()
	for from := int64(0); ; {
		some, next, err := d.hw.client.Pulses(t.Context(), from)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, some...)
		if len(some) == 0 || next <= from {
			return all
		}
		from = next
	}
}
