package sim

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tillwarden/devices"
	"tillwarden/devices/keypad"
	"tillwarden/devices/msr"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stand starts a station and returns it with a client.
func stand(t *testing.T, set ...func(*StationOptions)) (*Station, *Client) {
	t.Helper()
	o := StationOptions{Dir: filepath.Join(t.TempDir(), "sim")}
	for _, f := range set {
		f(&o)
	}
	s, err := NewStation(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		left, err := os.ReadDir(o.Dir)
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
	return s, NewClient(s.Paths().Control)
}

func open(t *testing.T, path string) devices.Port {
	t.Helper()
	p, err := devices.OpenSerial(devices.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// patience is how long a test waits for what is to come: machines that build much
// at a time are slow, and what comes late has come.
const patience = 30 * time.Second

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func TestPrinterOverATTY(t *testing.T) {
	s, c := stand(t, func(o *StationOptions) { o.Printer.OpenIsHigh = true })
	ctx := soon(t)
	port := open(t, s.Paths().Printer)
	ask := func(want byte) {
		t.Helper()
		if _, err := port.Write([]byte{dle, eot, 1}); err != nil {
			t.Fatal(err)
		}
		if ready, err := port.Wait(patience); !ready || err != nil {
			t.Fatal("no answer: ", err)
		}
		buf := make([]byte, 16)
		n, err := port.Read(buf)
		if err != nil || n != 1 || buf[0] != want {
			t.Errorf("DLE EOT 1: % x, %v; want %#02x", buf[:n], err, want)
		}
	}
	ask(0x12)
	if _, err := port.Write([]byte("Hello\n" + kick)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Await(ctx, func(s State) bool { return s.Pulses == 1 }); err != nil {
		t.Fatal(err)
	}
	ask(0x16)
	lines, next, err := c.Receipts(ctx, 0)
	if err != nil || next != 1 || len(lines) != 1 || lines[0] != "Hello" {
		t.Errorf("%q, %d, %v", lines, next, err)
	}
	pulses, next, err := c.Pulses(ctx, 0)
	if err != nil || next != 1 || len(pulses) != 1 || string(pulses[0].Bytes) != kick || !pulses[0].Opened || time.Since(pulses[0].At) > time.Minute {
		t.Errorf("%v, %d, %v", pulses, next, err)
	}
	if data, _, err := c.Bytes(ctx, 3); err != nil || string(data) != "Hello\n"+kick+"\x10\x04\x01" {
		t.Errorf("%q, %v", data, err)
	}
	if err := c.CloseDrawer(ctx, 1); err != nil {
		t.Error(err)
	}
	ask(0x12)
	if err := c.OpenDrawer(ctx, 2); err != nil {
		t.Error(err)
	}
	ask(0x16)
}

func TestPrinterByHand(t *testing.T) {
	s, c := stand(t)
	ctx := soon(t)
	port := open(t, s.Paths().Printer)
	for _, a := range Actions() {
		if err := c.Printer(ctx, a); err != nil {
			t.Errorf("%s: %v", a, err)
		}
	}
	if err := c.Printer(ctx, "kick"); err == nil || !strings.Contains(err.Error(), "power-off") {
		t.Errorf("no such action: %v", err)
	}
	if err := c.LockDrawer(ctx, 1, true); err != nil {
		t.Error(err)
	}
	if err := c.OpenDrawer(ctx, 9); err == nil {
		t.Error("there is a drawer 9")
	}
	// A printer without power loses what it is sent; the line stays.
	if err := c.Printer(ctx, ActionPowerOff); err != nil {
		t.Fatal(err)
	}
	if _, err := port.Write([]byte("lost\n\x10\x04\x01")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Await(ctx, func(s State) bool { return s.Received == 8 }); err != nil {
		t.Fatal(err)
	}
	if err := c.Printer(ctx, ActionPowerOn); err != nil {
		t.Fatal(err)
	}
	if _, err := port.Write([]byte("kept\n")); err != nil {
		t.Fatal(err)
	}
	state, err := c.Await(ctx, func(s State) bool { return s.Received == 13 })
	if err != nil {
		t.Fatal(err)
	}
	lines, _, err := c.Receipts(ctx, 0)
	if err != nil || lines[len(lines)-1] != "kept" || !state.On || !state.Online {
		t.Errorf("%q, %+v, %v", lines, state, err)
	}
	if ready, err := port.Wait(0); ready || err != nil {
		t.Error("a printer without power answered")
	}
}

// TestBackPressure: a printer that is off line, or whose line is stopped, takes
// so much and no more; nothing is lost.
func TestBackPressure(t *testing.T) {
	for name, c := range map[string]struct{ stop, start Action }{
		"off line": {ActionOffline, ActionOnline},
		"line":     {ActionHold, ActionRelease},
	} {
		t.Run(name, func(t *testing.T) {
			s, client := stand(t)
			ctx := soon(t)
			port, err := devices.OpenSerial(devices.Config{Path: s.Paths().Printer, WriteWait: 100 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			defer port.Close()
			if err := client.Printer(ctx, c.stop); err != nil {
				t.Fatal(err)
			}
			all := []byte(strings.Repeat("0123456789\n", 10_000))
			n, err := port.Write(all)
			if !errors.Is(err, devices.ErrStalled) || n == len(all) {
				t.Fatalf("%d bytes, %v", n, err)
			}
			if err := client.Printer(ctx, c.start); err != nil {
				t.Fatal(err)
			}
			for n < len(all) {
				m, err := port.Write(all[n:])
				if n += m; err != nil && !errors.Is(err, devices.ErrStalled) {
					t.Fatal(err)
				}
			}
			state, err := client.Await(ctx, func(s State) bool { return s.Lines == 10_000 })
			if err != nil || state.Overruns != 0 {
				t.Errorf("%+v, %v", state, err)
			}
		})
	}
}

func TestSlowPrinter(t *testing.T) {
	s, c := stand(t, func(o *StationOptions) { o.Printer.BytesPerSecond = 5000 })
	ctx := soon(t)
	port := open(t, s.Paths().Printer)
	began := time.Now()
	if _, err := port.Write([]byte(strings.Repeat("x\n", 500) + kick)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Await(ctx, func(s State) bool { return s.Pulses == 1 }); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(began); d < 150*time.Millisecond {
		t.Errorf("a thousand bytes took %v at 5000 a second", d)
	}
}

func TestCardsAndKeys(t *testing.T) {
	for _, format := range []ReaderFormat{ReaderMagTek, ReaderIDTech} {
		t.Run(string(format), func(t *testing.T) {
			s, c := stand(t, func(o *StationOptions) { o.Reader = format })
			ctx, cancel := context.WithCancel(soon(t))
			swipes, keys := make(chan string, 10), make(chan string, 10)
			reader, err := msr.NewReader("lane", msr.Config{Format: msr.Format(format)})
			if err != nil {
				t.Fatal(err)
			}
			pad, err := keypad.New("pad", keypad.Config{})
			if err != nil {
				t.Fatal(err)
			}
			readerPort, padPort := open(t, s.Paths().Reader), open(t, s.Paths().Keypad)
			// Both drop what came before they began: let them begin.
			started := make(chan struct{}, 2)
			ended := make(chan error, 2)
			go func() {
				ended <- reader.Run(ctx, signal{readerPort, started}, func(s msr.Swipe) { swipes <- s.Problem.String() + " " + string(s.Report()) })
			}()
			go func() {
				ended <- pad.Run(ctx, signal{padPort, started}, func(e keypad.Event) {
					if e.Kind == keypad.KindLine {
						keys <- string(e.Text())
					}
				})
			}()
			<-started
			<-started
			for _, swipe := range []struct {
				card Card
				want string
			}{
				{Card{Track1: "BOPER^TEST^", Track2: ":<>1234567890", Track3: "99"}, "none %BOPER^TEST^?;:<>1234567890?+99?"},
				{Card{Track2: ":<>1234567890", Bursts: true}, "none ;:<>1234567890?"},
				{Card{Track1: "A", Bad: []int{1, 2}}, "none %E?;E?"},
				{Card{Track2: "12345", Cut: 3}, "unfinished "},
				{Card{Raw: "%A?;1?+2?\r"}, "none %A?;1?+2?"},
			} {
				if err := c.Swipe(ctx, swipe.card); err != nil {
					t.Fatal(err)
				}
				select {
				case got := <-swipes:
					if got != swipe.want {
						t.Errorf("%+v: %q, want %q", swipe.card, got, swipe.want)
					}
				case <-ctx.Done():
					t.Fatalf("%+v: no swipe", swipe.card)
				}
			}
			for _, bad := range []Card{{}, {Bad: []int{4}}, {Track2: "1?"}} {
				if err := c.Swipe(ctx, bad); err == nil {
					t.Errorf("%+v was swiped", bad)
				}
			}
			if err := c.Type(ctx, "1009\b1", false); err != nil {
				t.Fatal(err)
			}
			if err := c.Type(ctx, "", true); err != nil {
				t.Fatal(err)
			}
			if got := <-keys; got != "1001" {
				t.Errorf("typed %q", got)
			}
			if err := c.Type(ctx, "", false); err == nil {
				t.Error("nothing was typed without an error")
			}
			cancel()
			readerPort.Close()
			padPort.Close()
			<-ended
			<-ended
		})
	}
}

// signal tells when a port's reader has dropped what came before it.
type signal struct {
	devices.Port
	started chan<- struct{}
}

func (s signal) DiscardInput() error {
	err := s.Port.DiscardInput()
	s.started <- struct{}{}
	return err
}

func TestPOS(t *testing.T) {
	s, c := stand(t)
	ctx := soon(t)
	link := s.Paths().Printer
	var mark int64
	for _, kind := range SlipKinds() {
		if err := c.POSPrint(ctx, link, Slip{Kind: kind}); err != nil {
			t.Fatal(err)
		}
		data, err := Slip{Kind: kind}.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		mark += int64(len(data))
		if _, err := c.Await(ctx, func(s State) bool { return s.Received == mark }); err != nil {
			t.Fatal(kind, err)
		}
	}
	if len(SlipKinds()) != len(slips) {
		t.Error("not all kinds are listed")
	}
	pulses, _, err := c.Pulses(ctx, 0)
	if err != nil || len(pulses) != 4 {
		t.Errorf("%d pulses, %v: all but the copy open the drawer", len(pulses), err)
	}
	if answer, err := c.POSWrite(ctx, link, []byte("\x1dI\x43\x10\x04\x04"), 200*time.Millisecond); err != nil || string(answer) != "_TM-T88\x00\x12" {
		t.Errorf("answer %q, %v", answer, err)
	}
	if err := c.POSPrint(ctx, link, Slip{Kind: "sale", Kick: KickBefore, Drawer: 2, Lines: []string{"A", "B"}}); err != nil {
		t.Fatal(err)
	}
	state, err := c.Await(ctx, func(s State) bool { return s.Pulses == 5 })
	if err != nil || !state.Drawers[1].Open {
		t.Errorf("%+v, %v", state, err)
	}
	// The printer ignores it while it drives a drawer.
	dle := Slip{Kind: "kick", Pulse: "dle"}
	for state.Pulses == 5 {
		if err := c.POSPrint(ctx, link, dle); err != nil {
			t.Fatal(err)
		}
		if state, err = c.State(ctx); err != nil {
			t.Fatal(err)
		}
	}
	for _, bad := range []Slip{{}, {Kind: "sale", Kick: "often"}, {Kind: "sale", Drawer: 3}, {Kind: "sale", Pulse: "bel"}} {
		if err := c.POSPrint(ctx, link, bad); err == nil {
			t.Errorf("%+v was printed", bad)
		}
	}
	if _, err := c.POSWrite(ctx, link+".not", nil, 0); err == nil {
		t.Error("wrote to what is not there")
	}
}

func TestControlSocket(t *testing.T) {
	s, c := stand(t)
	ctx := soon(t)
	if info, err := os.Stat(s.Paths().Control); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if paths, err := c.Paths(ctx); err != nil || paths != s.Paths() {
		t.Errorf("%+v, %v", paths, err)
	}
	conn, err := net.Dial("unix", s.Paths().Control)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// One connection may ask many things, and survives what makes no sense.
	for _, q := range []struct{ ask, want string }{
		{`{"do":"dance"}`, `"no command`},
		{`{"do":"swipe","args":{"pan":1}}`, `unknown field`},
		{`nonsense`, `reading the request`},
		{`{"do":"state"}`, `"on":true`},
	} {
		if _, err := conn.Write([]byte(q.ask + "\n")); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 4096)
		n, err := conn.Read(buf)
		if err != nil || !strings.Contains(strings.ReplaceAll(string(buf[:n]), `\"`, `"`), q.want) {
			t.Errorf("%s: %s, %v", q.ask, buf[:n], err)
		}
	}
	if _, err := NewStation(StationOptions{Dir: filepath.Dir(s.Paths().Control)}); err == nil {
		t.Error("a second station took the first one's place")
	}
	if _, err := NewClient(filepath.Join(t.TempDir(), "none")).State(ctx); !errors.Is(err, ErrNotRunning) {
		t.Errorf("%v, want ErrNotRunning", err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := c.State(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want Canceled", err)
	}
}

// TestStationComesBack: one that was killed leaves its links and socket; the
// next takes their place.
func TestStationComesBack(t *testing.T) {
	dir := t.TempDir()
	paths := PathsIn(dir)
	l, err := net.Listen("unix", paths.Control)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	if err := os.Symlink("/dev/pts/none", paths.Printer); err != nil {
		t.Fatal(err)
	}
	s, err := NewStation(StationOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	open(t, paths.Printer)
	if _, err := NewClient(paths.Control).State(soon(t)); err != nil {
		t.Error(err)
	}
}

func TestStationThatCannotStand(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(PathsIn(dir).Keypad, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewStation(StationOptions{Dir: dir}); err == nil {
		t.Fatal("a file was taken for a keypad")
	}
	if _, err := NewStation(StationOptions{Dir: filepath.Join(dir, "x"), Reader: "wedge"}); err == nil {
		t.Fatal("there is a wedge")
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 { // the file, and the empty folder x
		t.Errorf("left behind: %v, %v", left, err)
	}
}
