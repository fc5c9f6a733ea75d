package loopback

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"tillwarden/devices"
)

var (
	// ErrIdle: a connection brought nothing for its time.
	ErrIdle = errors.New("nothing came over the connection for too long")
	// ErrBrowser: a connection began like one of a browser.
	ErrBrowser = errors.New("the connection is a browser's")
	// ErrFlood: more came over connections than is taken while it cannot be told
	// whose they are.
	ErrFlood = errors.New("too much of what nobody can be told to have sent")
)

// readAhead is how much is read before it is asked for: enough to tell a browser.
const readAhead = 512

// writeWait is how long a client may leave answers unread before what it has
// no more room for is dropped.
const writeWait = 100 * time.Millisecond

// Conn is one connection whose client may print. One goroutine reads (Wait,
// Read), one writes.
type Conn struct {
	tcp    *net.TCPConn
	read   *bufio.Reader
	idle   time.Duration
	judged bool
	number uint64
	user   owner
	note   any
	flood  *allowance // what it counts against; nil: it is known whose it is
	kept   bool
	late   *time.Timer // its waiting ends

	mu   sync.Mutex
	over bool // guarded by mu; nothing is to be read or written any more
}

func (l *Listener) newConn(tcp *net.TCPConn, number uint64, user owner) *Conn {
	c := &Conn{tcp: tcp, read: bufio.NewReaderSize(tcp, readAhead), number: number, user: user, idle: l.c.Idle, note: l.c.Note()}
	if !user.told && !l.c.Users.Any {
		c.flood = &l.flood
	}
	return c
}

// resume goes on where another process left off.
func (c *Conn) resume(l *Left) {
	c.judged = l.Judged
	c.read = bufio.NewReaderSize(io.MultiReader(bytes.NewReader(l.Unread), c.tcp), readAhead)
	_, _ = c.read.Peek(min(len(l.Unread), readAhead)) // into the buffer
}

func (c *Conn) left() *Left {
	p, _ := c.read.Peek(c.read.Buffered())
	return &Left{Number: c.number, Unread: bytes.Clone(p), Judged: c.judged}
}

// interrupt ends the calls that wait, now and from now on.
func (c *Conn) interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	_ = c.tcp.SetDeadline(time.Unix(1, 0))
}

// until sets a deadline, unless all has ended.
func (c *Conn) until(set func(time.Time) error, t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return devices.ErrClosed
	}
	return set(t)
}

// Number counts the port's connections, from 1 on, over restarts.
func (c *Conn) Number() uint64 { return c.number }

// Unknown reports that whose connection it is could not be told, so that it may
// be anybody's. It is to print, and to do nothing else.
func (c *Conn) Unknown() bool { return c.flood != nil }

// Note is what Config.Note said when the connection came.
func (c *Conn) Note() any { return c.note }

// Wait reports whether there is something to read, or the connection's end. It
// waits at most d for it; a negative d waits for the connection's idle time, and
// then says ErrIdle. ErrBrowser says that nothing of it is to be printed.
func (c *Conn) Wait(d time.Duration) (bool, error) {
	patience := d
	switch {
	case d < 0:
		patience = c.idle
	case d == 0:
		// A deadline that has passed would not let anybody look.
		if c.read.Buffered() == 0 && !c.brought() {
			return false, nil
		}
		patience = time.Millisecond
	}
	if err := c.until(c.tcp.SetReadDeadline, time.Now().Add(patience)); err != nil {
		return false, err
	}
	_, err := c.read.Peek(1)
	for n := 1; err == nil && !c.judged; {
		var p []byte
		if p, err = c.read.Peek(max(n, c.read.Buffered())); err != nil {
			break
		}
		switch judge(p) {
		case browsing:
			return false, ErrBrowser
		case printing:
			c.judged = true
		}
		n = len(p) + 1
	}
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, io.EOF):
		c.judged = true // so few bytes are no browser's
		return true, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		if err := c.until(c.tcp.SetReadDeadline, time.Time{}); err != nil {
			return false, err
		}
		if d < 0 {
			return false, ErrIdle
		}
		return false, nil
	}
	return false, err
}

// brought reports whether the kernel has something to read, or the connection
// has ended.
func (c *Conn) brought() bool {
	_, yet := peek(c.tcp)
	return !yet
}

// peek looks at what the kernel has to read. yet: there is nothing, but there may
// be; else nothing is the connection's end.
func peek(tcp *net.TCPConn) (some, yet bool) {
	descriptor(tcp, func(fd int) {
		var b [1]byte
		n, _, err := unix.Recvfrom(fd, b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		some, yet = n > 0, errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR)
	})
	return some, yet
}

// descriptor lends f a connection's descriptor, unless that is closed.
func descriptor(tcp *net.TCPConn, f func(fd int)) {
	raw, err := tcp.SyscallConn()
	if err == nil {
		_ = raw.Control(func(fd uintptr) { f(int(fd)) })
	}
}

// Read gives what has come in; it is for after Wait. io.EOF: the client sends no
// more, but may read on. ErrFlood: no more of it is to be had.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.read.Read(p)
	if n > 0 && c.flood != nil && !c.flood.bytes.AllowN(time.Now(), n) {
		return 0, ErrFlood
	}
	return n, err
}

// Write sends answers. What a client does not read is dropped after a moment.
func (c *Conn) Write(p []byte) (int, error) {
	if err := c.until(c.tcp.SetWriteDeadline, time.Now().Add(writeWait)); err != nil {
		return 0, err
	}
	n, err := c.tcp.Write(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = devices.ErrStalled
	}
	if err != nil {
		return n, fmt.Errorf("answering the client: %w", err)
	}
	return n, nil
}

// end lets a connection go: leave it to the next process; or close it, in order
// where all of it was read.
func (c *Conn) end(leave, inOrder bool) {
	switch {
	case leave && c.kept, inOrder:
		_ = c.tcp.Close()
	default:
		reset(c.tcp)
	}
}

// reset tells a client at once that it is refused.
func reset(tcp *net.TCPConn) {
	_ = tcp.SetLinger(0)
	_ = tcp.Close()
}
