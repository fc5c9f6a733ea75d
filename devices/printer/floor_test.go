package printer

import (
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"tillwarden/devices/loopback"
	"tillwarden/enforcer/journal/entry"
)

// listening adds a loopback port that this user may print to.
func listening(address *string) func(*Options) {
	return func(o *Options) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err) // the test's own
		}
		defer l.Close()
		*address = l.Addr().String()
		o.Listen = &loopback.Config{Address: *address, Users: loopback.Users{UIDs: []uint32{uint32(os.Getuid())}}}
	}
}

func (r *rig) dial(address string) *net.TCPConn {
	r.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { conn.Close() })
	return conn.(*net.TCPConn)
}

func write(t testing.TB, w io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
}

// TestTheLoopbackPort prints, asks and opens the drawer as the pty does; an
// answer reaches a client that has said that it sends no more.
func TestTheLoopbackPort(t *testing.T) {
	var address string
	r := ready(t, listening(&address))
	r.answer = r.insist
	conn := r.dial(address)
	write(t, conn, "\x1b@hello\n\x10\x04\x01")
	got := make([]byte, 1)
	if _, err := io.ReadFull(conn, got); err != nil || got[0] != 0x12 {
		t.Errorf("answered %x, %v", got, err)
	}
	write(t, conn, "a\nb\nc\nd\ne\n\x1dV\x00\x1bp\x00\x19\xfa\x10\x04\x01")
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(conn); err != nil || len(rest) != 1 {
		t.Errorf("answered %x, %v", rest, err)
	}
	eventually(t, "the drawer opens", func() bool { return len(r.printer.pulsed()) == 1 })
	if got := r.printer.printed(); got != "hello\na\nb\nc\nd\ne\n|" {
		t.Errorf("printed %q", got)
	}
}

// TestFrontsDoNotInterleave: who has begun prints on; the other's job waits,
// whole, and each gets the answers to its own questions.
func TestFrontsDoNotInterleave(t *testing.T) {
	var address string
	r := ready(t, listening(&address))
	pos := r.pos()
	write(t, pos, "from the pty 1\n\x1bE") // half a command
	eventually(t, "the first line is printed", func() bool { return r.printer.printed() == "from the pty 1\n" })
	conn := r.dial(address)
	write(t, conn, "from the port 1\n\x10\x04\x01from the port 2\n")
	for i := range 10 { // slowly, so that there is time to break in
		write(t, pos, "\x01x\n\x1bE")
		time.Sleep(time.Duration(i) * 10 * time.Millisecond)
	}
	write(t, pos, "\x00from the pty 2\n\x10\x04\x01")
	got := make([]byte, 1)
	if _, err := io.ReadFull(pos, got); err != nil {
		t.Errorf("the pty is not answered: %v", err)
	}
	if _, err := io.ReadFull(conn, got); err != nil {
		t.Errorf("the port is not answered: %v", err)
	}
	want := "from the pty 1\n" + strings.Repeat("x\n", 10) + "from the pty 2\nfrom the port 1\nfrom the port 2\n"
	eventually(t, "all is printed", func() bool { return len(r.printer.printed()) >= len(want) })
	if got := r.printer.printed(); got != want {
		t.Errorf("printed\n%q, want\n%q", got, want)
	}
	// A connection's end is its job's: nobody waits then.
	r.watch.stop()
	conn.Close()
	write(t, pos, "again\n")
	eventually(t, "the pty prints again", func() bool { return strings.HasSuffix(r.printer.printed(), "again\n") })
}

// TestInvariant3HalfAKickOfAnotherFront: a connection that ends in the middle of
// a command does not have it completed by the next one, at whichever front.
func TestInvariant3HalfAKickOfAnotherFront(t *testing.T) {
	var address string
	r := ready(t, listening(&address))
	conn := r.dial(address)
	write(t, conn, "one\n\x1bp\x00")
	eventually(t, "the first line is printed", func() bool { return r.printer.printed() == "one\n" })
	conn.Close()
	write(t, r.pos(), "\x19\xfatwo\n")
	eventually(t, "the second line is printed", func() bool { return strings.HasSuffix(r.printer.printed(), "two\n") })
	stays(t, 300*time.Millisecond, "nothing pulses", func() bool { return len(r.printer.pulsed()) == 0 && len(r.kicked()) == 0 })
}

// TestBrowsersAndStrangersAreTold: what was refused at the port is journaled.
func TestBrowsersAndStrangersAreTold(t *testing.T) {
	var address string
	r := ready(t, listening(&address))
	conn := r.dial(address)
	write(t, conn, "POST / HTTP/1.1\r\n\r\n\x1bp\x00\x19\xfahello\n")
	_, _ = io.ReadAll(conn)
	eventually(t, "it is told", func() bool { return len(r.told(entry.KindDeviceRefused)) == 1 })
	if got := r.told(entry.KindDeviceRefused)[0]; !strings.Contains(got, "browser") {
		t.Errorf("told is %q", got)
	}
	if got := r.printer.printed(); got != "" {
		t.Errorf("printed %q", got)
	}
}
