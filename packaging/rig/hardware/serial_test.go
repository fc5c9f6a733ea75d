package hardware

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/devices/sim"
	"tillwarden/packaging/rig/register"
	"tillwarden/packaging/rig/usb"
)

// plugSerial plugs a serial line in, and says where udev puts it. Its lines are
// set before anybody can look.
func plugSerial(t *testing.T, number string, lines usb.Lines, far func([]byte)) (s *usb.Serial, path string) {
	t.Helper()
	s = usb.NewSerial(number, far)
	s.SetLines(lines)
	path = "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_" + number + "-if00-port0"
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		node(t, path, false)
	})
	if err := s.Plug(); err != nil {
		t.Fatal(err)
	}
	node(t, path, true)
	return s, path
}

// TestInvariant1SerialDrawerGetsNothingWithoutAGrant: on a real line, no byte leaves
// before a grant, the line is held with DTR and RTS up and nobody else opens it, and
// the drawer's report is read on the line where its make has it.
func TestInvariant1SerialDrawerGetsNothingWithoutAGrant(t *testing.T) {
	for _, make := range first(1, []struct {
		model string
		line  usb.Lines
		code  string
	}{
		{"apg-484a", usb.CTS, "\x07"},
		{"posiflex-jiva", usb.RI, "\x07"},
	}) {
		t.Run(make.model, func(t *testing.T) {
			inMachine(t)
			box, path := plugSerial(t, "BOX1", usb.DSR, nil) // shut
			r := newRegister(t, fmt.Sprintf("[[drawer]]\nname = \"box\"\npath = %q\nmodel = %q\nlink = \"DIR/pos-box\"\n", path, make.model))
			r.Ready("box")
			if up := box.HostLines(); up != usb.DTR|usb.RTS {
				t.Errorf("the lines held are %#x, want DTR and RTS", up)
			}
			for _, open := range []bool{false, true} {
				lines := usb.DSR
				if open {
					lines |= make.line
				}
				box.SetLines(lines)
				time.Sleep(time.Second) // longer than the line is read twice in
				if _, err := r.Technician.Calibrate(r.Context(), "box", api.CalibrateRequest{Drawer: "box", Open: open}); err != nil {
					t.Fatal(err)
				}
			}
			register.Until(t, "it is seen to be open", func() bool { return r.Drawer("box").State == "open" })
			box.SetLines(usb.DSR)
			register.Until(t, "it is seen to be closed", func() bool { return r.Drawer("box").State == "closed" })

			posWrite(t, r.Path("pos-box"), make.code+"junk")
			r.Journaled("the kick's refusal", "decision", func(e *api.Entry) bool { return e.Outcome == "denied" && e.Drawer == "box" })
			if got := box.Left(); len(got) != 0 {
				t.Fatalf("%q left for the drawer without a grant", got)
			}

			r.SignOn()
			a := r.Opens("box")
			register.Until(t, "the code leaves", func() bool { return string(box.Left()) == make.code })
			box.SetLines(usb.DSR | make.line)
			e := r.Journaled("the opening", "drawer-opened", nil)
			if e.About != a.Seq {
				t.Errorf("the opening is of entry %d, want %d", e.About, a.Seq)
			}
			box.SetLines(usb.DSR)
			r.Journaled("the closing", "drawer-closed", nil)

			time.Sleep(3 * time.Second) // a pulse explains an opening for 2 s
			box.SetLines(usb.DSR | make.line)
			r.Journaled("the opening that nobody granted", "drawer-opened", func(e *api.Entry) bool { return e.About == 0 && e.Reason == "no-grant" })

			othersCannotOpen(t, path)
			if up := box.HostLines(); up != usb.DTR|usb.RTS {
				t.Errorf("the lines held are %#x, want DTR and RTS", up)
			}
			if raised, _ := box.Opened(); raised != 1 {
				t.Errorf("DTR was raised %d times, want once", raised)
			}
			if got := string(box.Left()); got != make.code {
				t.Errorf("%q left for the drawer, want the code once", got)
			}
		})
	}
}

// othersCannotOpen tries as a user who has every right on the node.
func othersCannotOpen(t *testing.T, path string) {
	t.Helper()
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", ": <>\"$0\"", path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "busy") {
		t.Errorf("another user opens the drawer's line: %v %s", err, out)
	}
}

// TestInvariant1TriggerBoxIsNotOpenedWithoutAGrant: a box that opens when its port
// is opened is looked at, and not opened, before a grant; and it is let go after it.
func TestInvariant1TriggerBoxIsNotOpenedWithoutAGrant(t *testing.T) {
	inMachine(t)
	box, path := plugSerial(t, "BOX2", 0, nil)
	r := newRegister(t, fmt.Sprintf("[[drawer]]\nname = \"box\"\npath = %q\nmodel = \"trigger\"\nopen = \"grant\"\nlink = \"DIR/pos-box\"\n", path))
	r.Ready("box")
	posWrite(t, r.Path("pos-box"), "x")
	r.Journaled("the kick's refusal", "decision", func(e *api.Entry) bool { return e.Outcome == "denied" && e.Drawer == "box" })
	time.Sleep(3 * time.Second) // it is looked for each second
	if raised, listened := box.Opened(); raised != 0 || listened != 0 || box.HostLines() != 0 || len(box.Left()) != 0 {
		t.Fatalf("without a grant DTR was raised %d times, the line listened to %d times, %q left", raised, listened, box.Left())
	}
	r.SignOn()
	r.Opens("box")
	register.Until(t, "its byte leaves", func() bool { return string(box.Left()) == "\x00" })
	register.Until(t, "the line is let go", func() bool { return box.HostLines() == 0 })
	if raised, _ := box.Opened(); raised != 1 {
		t.Errorf("DTR was raised %d times for one grant", raised)
	}
	if err := box.Unplug(); err != nil {
		t.Fatal(err)
	}
	register.Until(t, "it is seen to be away", func() bool { return r.Device("box").State == "down" })
	if a := r.Open("box"); a.Drawer.Result != api.DrawerNotOpened {
		t.Errorf("a box that is away: %+v", *a.Drawer)
	}
	if err := box.Plug(); err != nil {
		t.Fatal(err)
	}
	r.Ready("box")
	if raised, _ := box.Opened(); raised != 1 {
		t.Errorf("plugged in again, DTR was raised without a grant")
	}
}

// TestSerialPrinterFlowControl: a printer that says on its line that it takes no
// more gets no more than what it has room for by then, and loses nothing.
func TestSerialPrinterFlowControl(t *testing.T) {
	for _, way := range first(2, []struct {
		flow string
		stop usb.Lines // what is down when it takes no more
		late int       // how many bytes may still leave
	}{
		{"rtscts", usb.CTS, 0}, // the adapter minds it
		// What is written at a time, and what of it the daemon writes between its look at
		// the line and the printer's word.
		{"cts", usb.CTS, 2 * 16},
		{"dsr", usb.DSR, 2 * 16},
	}) {
		t.Run(way.flow, func(t *testing.T) {
			inMachine(t)
			all := usb.CTS | usb.DSR
			var line *usb.Serial
			printer := sim.NewPrinter(sim.PrinterOptions{
				Model: sim.Models()[0], OpenIsHigh: true, Buffer: 1 << 20,
				Send: func(b []byte) { go line.Send(b) },
			})
			var path string
			line, path = plugSerial(t, "PRN1", all, printer.Receive)
			r := newRegister(t, fmt.Sprintf("[[printer]]\nname = \"receipt\"\npath = %q\nbaud = 38400\nflow = %q\nlink = \"DIR/pos-receipt\"\n[[printer.drawer]]\nname = \"till\"\nconnector = 1\n", path, way.flow))
			r.Ready("till")

			const lines = 300
			var text strings.Builder
			for i := range lines {
				fmt.Fprintf(&text, "line %03d of a long receipt\n", i)
			}
			done := make(chan error, 1)
			go func() { done <- posWrites(r.Path("pos-receipt"), text.String()) }()
			paper(t, printer, "line 020")
			stops := 2
			if scale == "all" {
				stops = 5
			}
			for range stops {
				line.SetLines(all &^ way.stop)
				before := line.Left()
				time.Sleep(2 * time.Second)
				after := line.Left()[len(before):]
				// The daemon asks such a printer how it is: that is no print data.
				after = bytes.ReplaceAll(after, []byte("\x10\x04\x01"), nil)
				after = bytes.ReplaceAll(after, []byte("\x10\x04\x02"), nil)
				if len(after) > way.late {
					t.Errorf("%d bytes left after the printer had said stop, want %d at most: %q", len(after), way.late, after)
				}
				line.SetLines(all)
				register.Until(t, "it goes on", func() bool {
					return len(line.Left()) > len(before)+len(after)+100 || printed(printer, fmt.Sprintf("line %03d", lines-1))
				})
			}
			select {
			case err := <-done:
				if err != nil {
					t.Fatal(err)
				}
			case <-time.After(register.Patience):
				t.Fatal("the POS still waits")
			}
			paper(t, printer, fmt.Sprintf("line %03d", lines-1))
			got, _ := printer.Paper(0)
			if all := strings.Join(got, "\n") + "\n"; !strings.Contains(all, text.String()) {
				t.Errorf("what was printed is not what was sent:\n%s", all)
			}
			if up := line.HostLines(); up != usb.DTR|usb.RTS {
				t.Errorf("the lines held are %#x, want DTR and RTS", up)
			}
			r.SignOn()
			r.Opens("till")
			register.Until(t, "the drawer gets its pulse", func() bool { return pulses(printer) == 1 })
			if err := line.Unplug(); err != nil {
				t.Fatal(err)
			}
			register.Until(t, "the printer is away", func() bool { return r.Device("receipt").State == "down" })
		})
	}
}
