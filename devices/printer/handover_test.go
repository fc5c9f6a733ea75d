package printer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tillwarden/devices"
	"tillwarden/devices/keep/keeptest"
	"tillwarden/devices/loopback"
	"tillwarden/enforcer/journal/entry"
)

func kept(s *keeptest.Shelf) func(*Options) {
	return func(o *Options) { o.Keep = s }
}

// again starts the next process's guard. The one before must have ended.
func (r *rig) again(change ...func(*Options)) (*Guard, func()) {
	r.Helper()
	o := r.o
	for _, c := range change {
		c(&o)
	}
	g, err := New(o)
	if err != nil {
		r.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	ended := false
	stop := func() {
		if ended {
			return
		}
		ended = true
		cancel()
		if err := <-done; err != nil {
			r.Errorf("the guard ends: %v", err)
		}
	}
	r.Cleanup(stop)
	return g, stop
}

// busyJob is a receipt with everything that takes more than a byte, and questions.
func busyJob() []byte {
	picture := make([]byte, 6*40)
	for i := range picture {
		picture[i] = byte(i * 7)
	}
	return slices.Concat([]byte("\x1b@\x1ba\x01Corner shop\n\x1bE\x01"), []byte("\x1dv0\x00\x06\x00\x28\x00"), picture,
		[]byte("Milk 1.20\n\x1d(k\x08\x001P0hello\x1d(k\x03\x001Q0\x1dr\x01Total 1.20\n\x1dkI\x05{Babc\n\x1dVB\x00"))
}

// TestARestartIsNotSeen: a job that a restart interrupts, wherever, reaches the
// printer as if there had been none. The POS keeps its port, and writes on
// meanwhile.
func TestARestartIsNotSeen(t *testing.T) {
	in := busyJob()
	plain := ready(t)
	plain.send(string(in))
	eventually(t, "the job is printed", func() bool { return bytes.HasSuffix(plain.printer.received(), []byte("\x1dVB\x00")) })
	want := plain.printer.received()
	plain.stop()
	for at := 1; at < len(in); at += 1 + len(in)/12 {
		s := keeptest.NewShelf(t)
		r := ready(t, kept(s))
		pos := r.pos()
		write(t, pos, string(in[:at]))
		if at%2 == 0 {
			time.Sleep(5 * time.Millisecond) // it is somewhere else then
		}
		r.stop()
		write(t, pos, string(in[at:len(in)-1]))
		g, stop := r.again()
		write(t, pos, string(in[len(in)-1:]))
		eventually(t, "the job is printed", func() bool { return bytes.HasSuffix(r.printer.received(), []byte("\x1dVB\x00")) })
		if got := r.printer.received(); !bytes.Equal(clean(got), clean(want)) {
			t.Errorf("interrupted after %d bytes the printer got\n%q, not\n%q", at, got, want)
		}
		if n := r.printer.cleared(); n != 1 {
			t.Errorf("the printer was cleared %d times, not once", n)
		}
		if !g.Status().Trusted {
			t.Error("the printer is not trusted")
		}
		pos.Close()
		stop()
	}
}

// clean takes our own orders out.
func clean(b []byte) []byte { return bytes.ReplaceAll(b, realtimeOff, nil) }

func (f *fake) cleared() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.clears
}

// TestInvariant2NoKickOverARestart: a kick that was held ends with the process;
// one that comes after it is decided.
func TestInvariant2NoKickOverARestart(t *testing.T) {
	s := keeptest.NewShelf(t)
	r := ready(t, kept(s))
	pos := r.pos()
	write(t, pos, "\x1bp\x00\x19\xfa") // waits for its receipt
	time.Sleep(50 * time.Millisecond)
	r.stop()
	_, stop := r.again()
	write(t, pos, "a\nb\nc\nd\ne\n\x1dV\x00")
	eventually(t, "the receipt is printed", func() bool { return strings.HasSuffix(r.printer.printed(), "|") })
	stays(t, 300*time.Millisecond, "nothing pulses", func() bool { return len(r.printer.pulsed()) == 0 })
	stop()
}

// TestInvariant1AMemoIsUsedOnce: a crash after a restart finds nothing to go on
// with, and trusts nothing. Half a kick that was handed over is not completed
// twice.
func TestInvariant1AMemoIsUsedOnce(t *testing.T) {
	s := keeptest.NewShelf(t)
	r := ready(t, kept(s))
	pos := r.pos()
	write(t, pos, "one\n\x1bp\x00")
	eventually(t, "it is printed", func() bool { return r.printer.printed() == "one\n" })
	r.stop()
	if !strings.Contains(s.Names(), keptMemo) {
		t.Fatalf("no memo is kept: %s", s.Names())
	}
	if m := takeMemo(s); m == nil || !m.Trusted {
		t.Fatalf("the memo is %+v", m)
	}
	// As a second crash would find it, had nobody told systemd.
	if strings.Contains(s.Names(), keptMemo) {
		t.Error("the memo is kept after it was taken")
	}
	r.again()
	eventually(t, "the next one trusts nothing", func() bool {
		return slices.ContainsFunc(r.told(entry.KindDeviceTrust)[2:], func(w string) bool { return strings.Contains(w, "denied") })
	})
	write(t, pos, "\x19\xfatwo\n")
	eventually(t, "text is printed", func() bool { return strings.Contains(r.printer.printed(), "two\n") })
	stays(t, 200*time.Millisecond, "nothing pulses", func() bool { return len(r.printer.pulsed()) == 0 && len(r.kicked()) == 0 })
}

// TestInvariant4BadMemos are as good as none.
func TestInvariant4BadMemos(t *testing.T) {
	m := &memo{Printer: "receipt", Filter: []byte{1}, Units: []memoUnit{{Bytes: []byte("text"), Ends: true}}}
	good, err := m.encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decodeMemo(good); err != nil {
		t.Fatal(err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		if _, err := decodeMemo(bad); !errors.Is(err, errMemo) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
		if _, err := decodeMemo(good[:i]); !errors.Is(err, errMemo) {
			t.Fatalf("%d bytes: %v", i, err)
		}
	}
	r := newRig(t)
	r.stop()
	fresh := func() *Guard {
		g, err := New(r.o)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	whole := fresh().memo(nil)
	if !fresh().resume(whole) {
		t.Fatal("a good one is not taken")
	}
	for name, change := range map[string]func(*memo){
		"another printer's":      func(m *memo) { m.Printer = "other" },
		"from the future":        func(m *memo) { m.At = bootTime() + time.Hour },
		"of no filter":           func(m *memo) { m.Filter = nil },
		"of a tail of no state":  func(m *memo) { m.Wire = 0xFFFF },
		"of another tail":        func(m *memo) { m.Last = 0xFFFF },
		"of a filter cut short":  func(m *memo) { m.Filter = m.Filter[:len(m.Filter)-1] },
		"of a filter of another": func(m *memo) { m.Filter[3] ^= 1 },
		"with a kick in it": func(m *memo) {
			m.Units = []memoUnit{{Bytes: []byte("text\x1b")}, {Bytes: []byte("p\x00\x19\xfa"), Ends: true}}
		},
	} {
		bad := *whole
		bad.Filter = bytes.Clone(whole.Filter)
		change(&bad)
		if fresh().resume(&bad) {
			t.Errorf("one %s is taken", name)
		}
	}
	// An old one says what is to be printed, and nothing of the printer.
	old := *whole
	old.Trusted, old.At = true, bootTime()-memoFor
	g := fresh()
	if !g.resume(&old) {
		t.Fatal("an old one is not taken")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.resumed(&line{}) {
		t.Error("an old one's printer is trusted")
	}
	// A network printer in the middle of a command may have forgotten it.
	g.trustUntil, g.queue.begun = bootTime()+time.Minute, true
	if g.resumed(&line{hangsUp: true}) {
		t.Error("a network printer is trusted in the middle of a command")
	}
	g.trustUntil, g.queue.begun = bootTime()+time.Minute, false
	if !g.resumed(&line{hangsUp: true}) {
		t.Error("a network printer is not trusted between two commands")
	}
}

// TestAPrinterThatIsBusyAtTheStop: what could not leave is not vouched for.
func TestAStoppedPrinterIsNotVouchedFor(t *testing.T) {
	s := keeptest.NewShelf(t)
	r := ready(t, kept(s), func(o *Options) {
		open := o.Open
		o.Open = func(ctx context.Context) (devices.Port, error) {
			p, err := open(ctx)
			return &clogged{p}, err
		}
	})
	r.stop()
	m := takeMemo(s)
	if m == nil || m.Trusted {
		t.Errorf("the memo is %+v", m)
	}
}

// clogged is a line of which the last byte never leaves.
type clogged struct{ devices.Port }

func (c *clogged) Queued() (int, error) { return 1, nil }

// TestAConnectionGoesOn: the same for a job over the loopback port.
func TestAConnectionGoesOn(t *testing.T) {
	s := keeptest.NewShelf(t)
	var address string
	r := ready(t, listening(&address), kept(s))
	conn := r.dial(address)
	write(t, conn, "one\n\x1bE")
	eventually(t, "it is printed", func() bool { return r.printer.printed() == "one\n" })
	other := r.pos()
	r.stop()
	write(t, other, "the pty's\n")
	write(t, conn, "\x01two\n\x10\x04\x01")
	_, stop := r.again(func(o *Options) {
		o.Listen = &loopback.Config{Address: address, Users: loopback.Users{UIDs: []uint32{uint32(os.Getuid())}}}
	})
	got := make([]byte, 1)
	if _, err := io.ReadFull(conn, got); err != nil || got[0] != 0x12 {
		t.Errorf("answered %x, %v", got, err)
	}
	conn.Close()
	eventually(t, "all is printed", func() bool { return r.printer.printed() == "one\ntwo\nthe pty's\n" })
	stop()
}

func FuzzMemo(f *testing.F) {
	m := &memo{Printer: "receipt", Filter: []byte{1}, Units: []memoUnit{{Bytes: []byte("text"), Ends: true}}, Left: &loopback.Left{Number: 1}}
	good, err := m.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, good[len(memoMagic)+32:])
	f.Fuzz(func(t *testing.T, whole, body []byte) {
		_, _ = decodeMemo(whole)
		m := &memo{}
		if memoDecMode.Unmarshal(body, m) != nil || m.check() != nil {
			return
		}
		again, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeMemo(again); err != nil {
			t.Fatalf("what was read cannot be written and read: %v", err)
		}
	})
}
