package printer

import (
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"tillwarden/devices"
)

// attached gathers what is said of the ports.
type attached struct {
	mu   sync.Mutex
	said []string
}

func (a *attached) option(o *Options) {
	o.Attached = func(port string, err error) {
		a.mu.Lock()
		defer a.mu.Unlock()
		why := "there"
		if err != nil {
			why = err.Error()
		}
		a.said = append(a.said, port+": "+why)
	}
}

func (a *attached) all() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strings.Join(a.said, "\n")
}

// TestPortsThatCannotBeHadAreTriedAgain: one that something is in the way of is
// there as soon as that is gone, and the other one works meanwhile.
func TestPortsThatCannotBeHadAreTriedAgain(t *testing.T) {
	t.Run("link", func(t *testing.T) {
		t.Parallel()
		var address, link string
		var a attached
		r := ready(t, listening(&address), a.option, func(o *Options) {
			link = o.Link
			if err := os.WriteFile(link, []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
		})
		eventually(t, "it is said", func() bool { return strings.Contains(a.all(), link+": making pty") })
		conn := r.dial(address)
		write(t, conn, "by the other\n")
		conn.Close()
		eventually(t, "the other one prints", func() bool { return r.printer.printed() == "by the other\n" })
		if text, err := os.ReadFile(link); err != nil || string(text) != "mine" {
			t.Errorf("what was in the way is %q, %v", text, err)
		}
		if err := os.Remove(link); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it is there", func() bool { return strings.HasSuffix(a.all(), link+": there") })
		r.send("by the link\n")
		eventually(t, "it prints", func() bool { return strings.HasSuffix(r.printer.printed(), "by the link\n") })
	})
	t.Run("listen", func(t *testing.T) {
		t.Parallel()
		var address string
		var a attached
		var taken net.Listener
		r := ready(t, listening(&address), a.option, func(o *Options) {
			var err error
			if taken, err = net.Listen("tcp", o.Listen.Address); err != nil {
				t.Fatal(err)
			}
		})
		eventually(t, "it is said", func() bool { return strings.Contains(a.all(), "address already in use") })
		r.send("by the link\n")
		eventually(t, "the other one prints", func() bool { return r.printer.printed() == "by the link\n" })
		taken.Close()
		eventually(t, "it is there", func() bool { return strings.HasSuffix(a.all(), address+": there") })
		conn := r.dial(address)
		write(t, conn, "by the port\n")
		eventually(t, "it prints", func() bool { return strings.HasSuffix(r.printer.printed(), "by the port\n") })
	})
}

// TestAPortThatWasNeverHadEnds with the guard.
func TestAPortThatWasNeverHadEnds(t *testing.T) {
	t.Parallel()
	var address string
	var a attached
	r := ready(t, listening(&address), a.option, func(o *Options) {
		if err := os.Mkdir(o.Link, 0o700); err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		o.Listen.Given = l.(*net.TCPListener) // of another address
		address = l.Addr().String()
		o.Backoff = devices.Backoff{Min: time.Hour, Max: time.Hour}
	})
	eventually(t, "both are said", func() bool { return strings.Count(a.all(), "\n") == 1 })
	r.stop()
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Error("systemd's socket is open still")
	}
}
