package sim

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"tillwarden/devices"
)

// networked is a station with a network printer.
func networked(t *testing.T) (*Station, *Client) {
	t.Helper()
	return stand(t, func(o *StationOptions) { o.Listen = "127.0.0.1:0" })
}

func dial(t *testing.T, s *Station) devices.Port {
	t.Helper()
	p, err := devices.OpenTCP(t.Context(), devices.Config{Path: s.Paths().Printer, WriteWait: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// TestNetworkPrinterPrintsAndAnswers over its connection.
func TestNetworkPrinterPrintsAndAnswers(t *testing.T) {
	s, client := networked(t)
	if p := s.Paths().Printer; !strings.HasPrefix(p, "tcp://127.0.0.1:") {
		t.Fatalf("it is at %s", p)
	}
	p := dial(t, s)
	if _, err := p.Write([]byte("over the network\n\x10\x04\x01")); err != nil {
		t.Fatal(err)
	}
	if ready, err := p.Wait(patience); !ready || err != nil {
		t.Fatalf("no answer: %v, %v", ready, err)
	}
	buf := make([]byte, 10)
	if n, err := p.Read(buf); n != 1 || err != nil || buf[0]&0x93 != 0x12 {
		t.Errorf("answers % X, %v", buf[:n], err)
	}
	if lines, _, err := client.Receipts(soon(t), 0); err != nil || len(lines) != 1 || lines[0] != "over the network" {
		t.Errorf("printed %q, %v", lines, err)
	}
}

// TestNetworkPrinterTakesOneConnection at a time; the next waits for its turn.
func TestNetworkPrinterTakesOneConnection(t *testing.T) {
	s, client := networked(t)
	first := dial(t, s)
	second := dial(t, s) // by the kernel, not by the printer
	if _, err := second.Write([]byte("second\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Write([]byte("first\n")); err != nil {
		t.Fatal(err)
	}
	printed := func(want string) {
		t.Helper()
		if _, err := client.Await(soon(t), func(State) bool {
			lines, _, err := client.Receipts(t.Context(), 0)
			return err == nil && strings.Join(lines, " ") == want
		}); err != nil {
			t.Fatalf("%q is not printed: %v", want, err)
		}
	}
	printed("first")
	first.Close()
	printed("first second")
}

// TestNetworkPrinterDiesWithItsPower and is at the same address again.
func TestNetworkPrinterDiesWithItsPower(t *testing.T) {
	s, client := networked(t)
	p := dial(t, s)
	if _, err := p.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := client.Printer(soon(t), ActionPowerOff); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(patience); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Read(make([]byte, 1)); !errors.Is(err, devices.ErrGone) {
		t.Errorf("Read: %v, want ErrGone", err)
	}
	if _, err := devices.OpenTCP(context.Background(), devices.Config{Path: s.Paths().Printer}); !errors.Is(err, devices.ErrRefused) {
		t.Errorf("connecting to one that is off: %v", err)
	}
	if err := client.Printer(soon(t), ActionPowerOn); err != nil {
		t.Fatal(err)
	}
	if _, err := dial(t, s).Write([]byte("\x10\x04\x01")); err != nil {
		t.Error(err)
	}
}

// TestNetworkPrinterThatTakesNothing stops who writes to it, soon.
func TestNetworkPrinterThatTakesNothing(t *testing.T) {
	s, client := networked(t)
	if err := client.Printer(soon(t), ActionHold); err != nil {
		t.Fatal(err)
	}
	p := dial(t, s)
	n, err := p.Write(make([]byte, 1<<20))
	if !errors.Is(err, devices.ErrStalled) || n > 64<<10 {
		t.Errorf("Write = %d, %v; want little and ErrStalled", n, err)
	}
}
