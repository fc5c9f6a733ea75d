package hardware

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/devices/sim"
	"tillwarden/packaging/rig/register"
	"tillwarden/packaging/rig/usb"
)

// lp is where Debian's usblp puts the one printer.
const lp = "/dev/usb/lp0"

// kick opens the first drawer, in Epson's language.
const kick = "\x1bp\x00\x19\xfa"

const receiptTables = `
[[printer]]
name = "receipt"
path = "/dev/usb/lp0"
link = "DIR/pos-receipt"
  [[printer.drawer]]
  name = "till"
  connector = 1
`

// plugPrinter plugs a printer in, and pulls it out at the end.
func plugPrinter(t *testing.T) *usb.Printer {
	t.Helper()
	p := usb.NewPrinter(sim.PrinterOptions{Model: sim.Models()[0], OpenIsHigh: true})
	if err := p.Plug(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Unplug(); err != nil {
			t.Error(err)
		}
		node(t, lp, false)
	})
	node(t, lp, true)
	return p
}

// paper waits for a line on the printer's paper.
func paper(t *testing.T, p *sim.Printer, line string) {
	t.Helper()
	register.Until(t, fmt.Sprintf("%q is on the paper", line), func() bool { return printed(p, line) })
}

func printed(p *sim.Printer, line string) bool {
	lines, _ := p.Paper(0)
	return strings.Contains(strings.Join(lines, "\n"), line)
}

func pulses(p *sim.Printer) int {
	list, _ := p.Pulses(0)
	return len(list)
}

// TestInvariant1KickOnUSBPrinterNeedsAGrant: over usblp, what a POS prints arrives,
// and its kick does not, until somebody may open the drawer; then it is the
// daemon's own pulse that does.
func TestInvariant1KickOnUSBPrinterNeedsAGrant(t *testing.T) {
	inMachine(t)
	p := plugPrinter(t)
	r := newRegister(t, receiptTables)
	r.Ready("till")
	port := r.Path("pos-receipt")

	posWrite(t, port, "Coffee                2.40\n")
	paper(t, p.Printer, "Coffee                2.40")

	posWrite(t, port, "No sale\n"+kick+"after the kick\n")
	paper(t, p.Printer, "after the kick")
	r.Journaled("the kick's refusal", "decision", func(e *api.Entry) bool {
		return e.Function == "pos.drawer.nosale" && e.Outcome == "denied" && e.Drawer == "till"
	})
	if n := pulses(p.Printer); n != 0 {
		t.Fatalf("%d pulses with nobody signed on", n)
	}
	if got, _ := p.Received(0); bytes.Contains(got, []byte("\x1bp")) {
		t.Errorf("a kick reached the printer without a grant: %q", got)
	}

	r.SignOn()
	a := r.Opens("till")
	register.Until(t, "the drawer gets its pulse", func() bool { return pulses(p.Printer) == 1 })
	if e := r.Journaled("the redemption", "redeemed", nil); e.About != a.Seq {
		t.Errorf("the pulse is of entry %d, want %d", e.About, a.Seq)
	}
}

// TestBusyUSBPrinterHoldsThePOSBack: a printer that takes nothing (usblp's write
// waits) makes the POS wait, with a bounded amount on the way, and loses nothing;
// its drawer does not open later.
func TestBusyUSBPrinterHoldsThePOSBack(t *testing.T) {
	inMachine(t)
	p := plugPrinter(t)
	r := newRegister(t, receiptTables)
	r.Ready("till")
	r.SignOn()
	port := r.Path("pos-receipt")

	p.Hold(true)
	const lines = 8000
	var text strings.Builder
	for i := range lines {
		fmt.Fprintf(&text, "line %05d of a long report\n", i)
	}
	var taken atomic.Int64
	done := make(chan error, 1)
	go func() {
		f, err := os.OpenFile(port, os.O_WRONLY|syscall.O_NOCTTY, 0)
		if err != nil {
			done <- err
			return
		}
		for line := range strings.Lines(text.String()) {
			if _, err = f.WriteString(line); err != nil {
				break
			}
			taken.Add(int64(len(line)))
		}
		done <- errors.Join(err, f.Close())
	}()
	// It has stopped when nothing moves for a while.
	last := int64(-1)
	register.Until(t, "the POS waits", func() bool {
		now := taken.Load()
		same := now == last && now > 0
		last = now
		time.Sleep(3 * time.Second)
		return same && taken.Load() == now
	})
	if n := taken.Load(); n > int64(text.Len())/2 {
		t.Errorf("%d bytes were taken for a printer that takes nothing", n)
	}
	if a := r.Open("till"); a.Drawer.Result != api.DrawerNotOpened {
		t.Errorf("opening a drawer on a printer that takes nothing: %+v", *a.Drawer)
	}

	p.Hold(false)
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(3 * register.Patience):
		t.Fatalf("the POS still waits; %d of %d bytes were taken", taken.Load(), text.Len())
	}
	paper(t, p.Printer, fmt.Sprintf("line %05d", lines-1))
	// The end of the paper is kept, and how much there was of it.
	got, all := p.Paper(0)
	next := lines
	for _, line := range slices.Backward(got) {
		if line == fmt.Sprintf("line %05d of a long report", next-1) {
			next--
		}
	}
	if kept := lines - next; kept < min(lines, len(got))-20 || all < lines {
		t.Errorf("of the last %d lines on the paper %d follow on each other, of %d altogether; the POS printed %d", len(got), kept, all, lines)
	}
	if n := pulses(p.Printer); n != 0 {
		t.Errorf("%d pulses: the drawer opened later", n)
	}
}

// TestUSBPrinterUnpluggedWhilePrinting: the POS's port stays, and goes on when the
// printer is back and cleared; nothing of what was on the way opens a drawer.
func TestUSBPrinterUnpluggedWhilePrinting(t *testing.T) {
	inMachine(t)
	p := plugPrinter(t)
	r := newRegister(t, receiptTables)
	r.Ready("till")
	port := r.Path("pos-receipt")

	stop := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if err := posWrites(port, fmt.Sprintf("line %05d\n%s", i, kick)); err != nil {
				done <- err
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	paper(t, p.Printer, "line 00010")
	for range 3 {
		if err := p.Unplug(); err != nil {
			t.Fatal(err)
		}
		register.Until(t, "the printer is away", func() bool { return r.Device("receipt").State == "down" })
		if err := p.Plug(); err != nil {
			t.Fatal(err)
		}
		r.Ready("till")
		before, _ := p.Paper(0)
		register.Until(t, "it prints again", func() bool {
			now, _ := p.Paper(0)
			return len(now) > len(before)
		})
	}
	close(stop)
	select {
	case err := <-done:
		if err != nil {
			t.Fatalf("the POS's port: %v", err)
		}
	case <-time.After(register.Patience):
		t.Fatal("the POS's write does not end")
	}
	posWrite(t, port, "\nthe last line\n")
	paper(t, p.Printer, "the last line")
	if n := pulses(p.Printer); n != 0 {
		t.Errorf("%d pulses with nobody signed on", n)
	}
	if n := len(r.Entries("device-down")); n < 3 {
		t.Errorf("the journal has %d losses, want 3 at least", n)
	}
}
