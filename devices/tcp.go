package devices

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// tcpPort is a network printer that prints what comes over one connection.
type tcpPort struct {
	path      string
	socket    *tty
	readWait  time.Duration
	writeWait time.Duration
	hungUp    atomic.Bool // the printer has ended the connection
	once      sync.Once
	closed    error
}

const (
	// dialWait is how long a network printer has to take the connection.
	dialWait = 3 * time.Second

	// unsent is about what may wait in the kernel because the printer has no room;
	// underWay what may be sent and not yet be acknowledged. Much less of that, and
	// a printer that acknowledges late (RFC 1122: up to 500 ms) is a slow one.
	unsent   = 1024
	underWay = 16 << 10

	// goneRetransmits and goneProbes are how often in a row nothing came back: from
	// a printer that is on its network for about 12 s (tcp(7): the time between two
	// doubles from 200 ms on), from one that had no room for as long.
	goneRetransmits = 6
	goneProbes      = 6
)

// keepAlive finds within half a minute that a printer is away to which nothing
// is sent.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3}

// OpenTCP connects to a network printer (tcp://192.0.2.10:9100). It looks up no
// names and asks nobody else. ErrRefused and ErrUnreachable say why not.
func OpenTCP(ctx context.Context, c Config) (Port, error) {
	at, err := TCPAddress(c.Path)
	if err != nil {
		return nil, fmt.Errorf("opening device: %w", err)
	}
	dialer := net.Dialer{Timeout: dialWait, KeepAliveConfig: keepAlive, Control: func(_, _ string, raw syscall.RawConn) error {
		return smallBuffer(raw)
	}}
	conn, err := dialer.DialContext(ctx, "tcp", at.String())
	if err != nil {
		return nil, fmt.Errorf("opening device: %w", dialError(err))
	}
	// A descriptor of the same kind as the other ports'. The connection is the
	// same; it ends with the last of its descriptors.
	file, err := conn.(*net.TCPConn).File()
	conn.Close()
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", c.Path, err)
	}
	socket, err := asTTY(file)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", c.Path, err)
	}
	p := &tcpPort{path: c.Path, socket: socket, readWait: c.ReadWait, writeWait: c.WriteWait}
	if p.readWait <= 0 {
		p.readWait = defaultReadWait
	}
	if p.writeWait <= 0 {
		p.writeWait = defaultWriteWait
	}
	return p, nil
}

// dialError names why there is no connection.
func dialError(err error) error {
	var timeout net.Error
	switch {
	case errors.Is(err, unix.ECONNREFUSED):
		return fmt.Errorf("%w: %w", ErrRefused, err)
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, unix.EHOSTUNREACH), errors.Is(err, unix.ENETUNREACH):
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return err
}

// smallBuffer lets little wait in the kernel, from before there is a connection:
// it calls itself full while more than unsent waits. It is to be asked first:
// what it is given it takes.
func smallBuffer(raw syscall.RawConn) error {
	var small, low error
	err := raw.Control(func(fd uintptr) {
		small = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, underWay/2) // the kernel doubles it
		low = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsent)
	})
	return errors.Join(err, small, low)
}

func (p *tcpPort) Wait(d time.Duration) (bool, error) {
	ready, err := p.socket.wait(d)
	return ready, p.lost(err)
}

// lost remembers that the printer has ended the connection.
func (p *tcpPort) lost(err error) error {
	if errors.Is(err, ErrGone) {
		p.hungUp.Store(true)
	}
	return err
}

func (p *tcpPort) Read(b []byte) (int, error) {
	ready, err := p.socket.wait(p.readWait)
	if err != nil || !ready || len(b) == 0 {
		return 0, p.lost(err)
	}
	n, err := p.socket.readSome(b)
	if n == 0 && err == nil && p.ended() {
		err = ErrGone
	}
	return n, p.lost(err)
}

// ended reports whether the printer will send nothing more: no printer ends its
// half alone.
func (p *tcpPort) ended() bool {
	end := false
	_ = p.socket.control(func(fd int) error {
		end = pollState(fd, unix.POLLRDHUP)&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) != 0
		return nil
	})
	return end
}

func (p *tcpPort) Write(b []byte) (int, error) {
	for done := 0; done < len(b); {
		n, err := p.send(b[done:min(done+writeChunk, len(b))])
		done += n
		if errors.Is(err, ErrStalled) {
			p.look()
		}
		if err != nil {
			return done, fmt.Errorf("writing to %s: %w", p.path, p.lost(err))
		}
	}
	return len(b), nil
}

// send sends some of a piece once little waits before it.
func (p *tcpPort) send(piece []byte) (n int, err error) {
	if err := p.socket.file.SetWriteDeadline(time.Now().Add(p.writeWait)); err != nil {
		return 0, p.socket.gone(err)
	}
	var sent error
	err = p.socket.raw.Write(func(fd uintptr) bool {
		if pollState(int(fd), unix.POLLOUT) == 0 {
			return false
		}
		n, sent = unix.SendmsgN(int(fd), piece, nil, nil, unix.MSG_NOSIGNAL)
		return !errors.Is(sent, unix.EAGAIN)
	})
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return 0, ErrStalled
	case err == nil:
		err = sent
	}
	return max(n, 0), p.socket.gone(err)
}

// Lines is Port's: there are none.
func (p *tcpPort) Lines() (Lines, error) { return 0, ErrNoLines }

// SetLines is Port's: there are none.
func (p *tcpPort) SetLines(_, _ Lines) error { return ErrNoLines }

func (p *tcpPort) DiscardInput() error { return p.lost(p.socket.readAway()) }

// Queued counts what the printer has not acknowledged: SIOCOUTQ, which has the
// number of TIOCOUTQ (tcp(7)).
func (p *tcpPort) Queued() (int, error) {
	n, err := p.socket.count(unix.TIOCOUTQ)
	if err == nil && n > 0 && !p.hungUp.Load() {
		p.look()
	}
	return n, p.lost(err)
}

func (p *tcpPort) room() bool { return p.socket.room() }

// look ends a connection on whose other side nobody is any more. The kernel
// alone would try for a quarter of an hour, and take minutes to see that the
// printer is back. TCP_USER_TIMEOUT is of no use: it ends the connection of a
// printer as well that has no paper, takes nothing, and has lost nothing.
func (p *tcpPort) look() {
	_ = p.socket.control(func(fd int) error {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil || !unanswered(info) {
			return err
		}
		p.hungUp.Store(true)
		return unix.Shutdown(fd, unix.SHUT_RDWR) // wakes who waits for answers: ErrGone
	})
}

// unanswered reports whether the other side is silent, and not only full.
func unanswered(info *unix.TCPInfo) bool {
	return info.Retransmits >= goneRetransmits || info.Probes >= goneProbes
}

// Close ends the connection. What the printer has not acknowledged after a
// moment is dropped: else the kernel would go on sending it for a quarter of an
// hour, and a pulse among it would open the drawer then.
func (p *tcpPort) Close() error {
	p.once.Do(func() {
		_ = p.socket.readAway() // with something unread the end looks like a fault to the printer
		if p.hungUp.Load() || !p.socket.drained(p.Queued) {
			_ = p.socket.control(func(fd int) error {
				return unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
			})
		}
		p.closed = p.socket.close()
	})
	return p.closed
}
