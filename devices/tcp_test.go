package devices

import (
	"bytes"
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// peer is a network printer's end of the connection.
type peer struct {
	t      testing.TB
	listen *net.TCPListener
	conns  chan *net.TCPConn
}

func newPeer(t testing.TB) *peer {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	// Small, so that a printer that reads nothing is soon full.
	if raw, err := l.SyscallConn(); err != nil {
		t.Fatal(err)
	} else if err := raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096) }); err != nil {
		t.Fatal(err)
	}
	p := &peer{t: t, listen: l, conns: make(chan *net.TCPConn, 4)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.AcceptTCP()
			if err != nil {
				return
			}
			p.conns <- c
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
		for len(p.conns) > 0 {
			(<-p.conns).Close()
		}
	})
	return p
}

func (p *peer) path() string { return tcpScheme + p.listen.Addr().String() }

// connect gives both ends of a connection.
func (p *peer) connect() (far *net.TCPConn, near *tcpPort) {
	p.t.Helper()
	port, err := OpenTCP(context.Background(), Config{Path: p.path(), WriteWait: 200 * time.Millisecond})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { port.Close() })
	far = <-p.conns
	p.t.Cleanup(func() { far.Close() })
	return far, port.(*tcpPort)
}

func TestTCPBytesPassUnchanged(t *testing.T) {
	far, near := newPeer(t).connect()
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	if n, err := near.Write(all); n != len(all) || err != nil {
		t.Fatal(n, err)
	}
	got := make([]byte, len(all))
	if _, err := readFull(far, got); err != nil || !bytes.Equal(got, all) {
		t.Fatalf("% X, %v", got, err)
	}
	if _, err := far.Write(all); err != nil {
		t.Fatal(err)
	}
	readUntil(t, near, all)
}

func readFull(c net.Conn, p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	n := 0
	for n < len(p) {
		m, err := c.Read(p[n:])
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func TestTCPReadWaitsAndReturnsNothing(t *testing.T) {
	_, near := newPeer(t).connect()
	began := time.Now()
	n, err := near.Read(make([]byte, 10))
	if n != 0 || err != nil {
		t.Fatalf("Read = %d, %v; want nothing", n, err)
	}
	if d := time.Since(began); d < 50*time.Millisecond || d > patience {
		t.Errorf("Read waited %v, want about 100 ms", d)
	}
}

// TestTCPHangUpIsGone: whichever way the printer leaves, after what it said last
// was read.
func TestTCPHangUpIsGone(t *testing.T) {
	for name, hangUp := range map[string]func(far *net.TCPConn) error{
		"closed":       func(far *net.TCPConn) error { return far.Close() },
		"reset":        func(far *net.TCPConn) error { return errors.Join(far.SetLinger(0), far.Close()) },
		"half of it":   func(far *net.TCPConn) error { return far.CloseWrite() },
		"with a word":  func(far *net.TCPConn) error { _, err := far.Write([]byte("x")); return errors.Join(err, far.Close()) },
		"unread input": func(far *net.TCPConn) error { return far.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			far, near := newPeer(t).connect()
			if name == "unread input" {
				if _, err := near.Write([]byte("never read")); err != nil {
					t.Fatal(err)
				}
			}
			result := make(chan error, 1)
			go func() {
				buf := make([]byte, 10)
				for {
					_, err := near.Wait(-1)
					if err == nil {
						_, err = near.Read(buf)
					}
					if err != nil {
						result <- err
						return
					}
				}
			}()
			if err := hangUp(far); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-result:
				if !errors.Is(err, ErrGone) {
					t.Fatalf("reading from a printer that hung up: %v, want ErrGone", err)
				}
			case <-time.After(patience):
				t.Fatal("a waiting reader did not notice that the printer hung up")
			}
			if name != "half of it" {
				far.Close()
				var err error
				for end := time.Now().Add(patience); err == nil && time.Now().Before(end); {
					_, err = near.Write([]byte("x")) // the first one is answered with a reset
				}
				if !errors.Is(err, ErrGone) {
					t.Errorf("Write: %v, want ErrGone", err)
				}
			}
			asksOnce(t, near.socket, near.Queued)
			ends(t, "closing it", func() { near.Close() })
		})
	}
}

func TestTCPCloseEndsABlockedCall(t *testing.T) {
	for name, call := range map[string]func(p Port) error{
		"Wait":  func(p Port) error { _, err := p.Wait(-1); return err },
		"Write": func(p Port) error { _, err := p.Write(make([]byte, 1<<20)); return err },
		"Read": func(p Port) error {
			for {
				if _, err := p.Read(make([]byte, 10)); err != nil {
					return err
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, near := newPeer(t).connect()
			near.writeWait = time.Hour
			result := make(chan error, 1)
			go func() { result <- call(near) }()
			time.Sleep(20 * time.Millisecond)
			ends(t, "Close", func() { near.Close() })
			ends(t, name, func() {
				if err := <-result; !errors.Is(err, ErrClosed) {
					t.Errorf("the blocked call returned %v, want ErrClosed", err)
				}
			})
			if err := near.Close(); err != nil {
				t.Errorf("closing twice: %v", err)
			}
			if _, err := near.Queued(); !errors.Is(err, ErrClosed) {
				t.Errorf("Queued: %v, want ErrClosed", err)
			}
		})
	}
}

// TestTCPStallsAndGoesOn: a printer that takes nothing is not gone, little of
// what it has not taken waits here, and nothing is lost.
func TestTCPStallsAndGoesOn(t *testing.T) {
	far, near := newPeer(t).connect()
	long := bytes.Repeat([]byte("0123456789abcdef"), 1<<20/16)
	n, err := near.Write(long)
	if !errors.Is(err, ErrStalled) || n == 0 || n == len(long) {
		t.Fatalf("writing to a printer that reads nothing = %d, %v; want part of it and ErrStalled", n, err)
	}
	if queued, err := near.Queued(); err != nil || queued == 0 || queued > 2*unsent {
		t.Errorf("Queued = %d, %v; want little", queued, err)
	}
	again, err := near.Write(long[n:])
	if !errors.Is(err, ErrStalled) {
		t.Fatalf("writing on = %d, %v; want ErrStalled", again, err)
	}
	n += again
	near.writeWait = patience // it takes from now on, however slow this machine is
	result := make(chan error, 1)
	go func() {
		_, err := near.Write(long[n:])
		result <- err
	}()
	got := make([]byte, len(long))
	if _, err := readFull(far, got); err != nil || !bytes.Equal(got, long) {
		t.Fatalf("what came differs: %v", err)
	}
	if err := <-result; err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); ; {
		if queued, err := near.Queued(); err != nil || queued == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("what was read stays queued")
		}
	}
}

// TestTCPCloseDropsWhatIsStuck: what the printer has not taken when the port is
// closed it never gets, however long it lives.
func TestTCPCloseDropsWhatIsStuck(t *testing.T) {
	far, near := newPeer(t).connect()
	n, err := near.Write(make([]byte, 1<<20))
	if !errors.Is(err, ErrStalled) {
		t.Fatal(err)
	}
	queued, err := near.Queued()
	if err != nil || queued == 0 {
		t.Fatal(queued, err)
	}
	ends(t, "Close", func() { near.Close() })
	got, total := make([]byte, 64<<10), 0
	for {
		_ = far.SetReadDeadline(time.Now().Add(patience))
		m, err := far.Read(got)
		total += m
		if err != nil {
			break
		}
	}
	if total >= n {
		t.Errorf("all of %d bytes came, though %d had not been taken at the end", n, queued)
	}
}

func TestTCPDiscardInput(t *testing.T) {
	far, near := newPeer(t).connect()
	if _, err := far.Write([]byte("stale")); err != nil {
		t.Fatal(err)
	}
	if _, err := near.Wait(-1); err != nil {
		t.Fatal(err)
	}
	if err := near.DiscardInput(); err != nil {
		t.Fatal(err)
	}
	if _, err := far.Write([]byte("new")); err != nil {
		t.Fatal(err)
	}
	readUntil(t, near, []byte("new"))
}

func TestTCPOpenSaysWhyNot(t *testing.T) {
	peer := newPeer(t)
	path := peer.path()
	peer.listen.Close()
	if _, err := OpenTCP(context.Background(), Config{Path: path}); !errors.Is(err, ErrRefused) {
		t.Errorf("nobody listens: %v, want ErrRefused", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := OpenTCP(ctx, Config{Path: path}); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that ended: %v", err)
	}
	for _, err := range []error{unix.EHOSTUNREACH, unix.ENETUNREACH, context.DeadlineExceeded} {
		if got := dialError(&net.OpError{Op: "dial", Err: err}); !errors.Is(got, ErrUnreachable) {
			t.Errorf("%v: %v, want ErrUnreachable", err, got)
		}
	}
}

// TestTCPFullIsNotGone: of one that answers nothing, and of one that is full.
func TestTCPFullIsNotGone(t *testing.T) {
	for _, tc := range []struct {
		what string
		info unix.TCPInfo
		gone bool
	}{
		{"just sent", unix.TCPInfo{Unacked: 3}, false},
		{"a packet or two lost", unix.TCPInfo{Unacked: 3, Retransmits: 2, Backoff: 2}, false},
		{"no answer to all that was sent again", unix.TCPInfo{Unacked: 3, Retransmits: 6, Backoff: 6}, true},
		{"full for an hour: each probe is answered", unix.TCPInfo{Backoff: 10, Probes: 1}, false},
		{"full, then away", unix.TCPInfo{Backoff: 10, Probes: 6}, true},
	} {
		if got := unanswered(&tc.info); got != tc.gone {
			t.Errorf("%s: gone %v, want %v", tc.what, got, tc.gone)
		}
	}
	// The kernel's own numbers for a full one.
	_, near := newPeer(t).connect()
	if _, err := near.Write(make([]byte, 1<<20)); !errors.Is(err, ErrStalled) {
		t.Fatal(err)
	}
	if _, err := near.Write(make([]byte, 8192)); !errors.Is(err, ErrStalled) {
		t.Errorf("a full printer: %v, want ErrStalled", err)
	}
}

// TestTCPGivesUpOnWhoIsAway: the one who waits for answers hears of it.
func TestTCPGivesUpOnWhoIsAway(t *testing.T) {
	_, near := newPeer(t).connect()
	result := make(chan error, 1)
	go func() {
		_, err := near.Wait(-1)
		if err == nil {
			_, err = near.Read(make([]byte, 10))
		}
		result <- err
	}()
	// What look does once the kernel's numbers say so.
	near.hungUp.Store(true)
	if err := near.socket.control(func(fd int) error { return unix.Shutdown(fd, unix.SHUT_RDWR) }); err != nil {
		t.Fatal(err)
	}
	ends(t, "hearing of it", func() {
		if err := <-result; !errors.Is(err, ErrGone) {
			t.Errorf("%v, want ErrGone", err)
		}
	})
}

func TestTCPHasNoLines(t *testing.T) {
	_, near := newPeer(t).connect()
	if _, err := near.Lines(); !errors.Is(err, ErrNoLines) {
		t.Error(err)
	}
	if err := near.SetLines(LineDTR, 0); !errors.Is(err, ErrNoLines) {
		t.Error(err)
	}
}
