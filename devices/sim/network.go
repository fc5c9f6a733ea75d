package sim

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// cable is what a printer is connected by.
type cable interface {
	// Wait waits until there may be something to read, or the line is closed.
	Wait(d time.Duration) (bool, error)
	Read(p []byte) (int, error)
	Write(p []byte) (int, error)
	Close() error
}

// network is a printer's network interface: what comes over a connection to its
// port is printed as it is. As with the machines of the field it takes one
// connection at a time, while further ones wait; and it dies with the printer's
// power, without a word to whom it was connected.
type network struct {
	address string

	mu      sync.Mutex
	changed chan struct{} // closed and made anew when something below changes
	listen  *net.TCPListener
	conn    *net.TCPConn
	on      bool
	closed  bool
	accepts sync.WaitGroup
}

const (
	// networkRoom is about what waits in the interface for a full printer.
	networkRoom = 2048
	// networkRead is how long a read waits.
	networkRead = 100 * time.Millisecond
)

// openNetwork opens a port, "127.0.0.1:9100" or with port 0 any free one.
func openNetwork(address string) (*network, error) {
	n := &network{address: address, changed: make(chan struct{})}
	if err := n.power(true); err != nil {
		return nil, err
	}
	return n, nil
}

// path is how the printer is reached.
func (n *network) path() string { return "tcp://" + n.address }

// power switches the interface on or off.
func (n *network) power(on bool) error {
	n.mu.Lock()
	if n.closed || n.on == on {
		n.mu.Unlock()
		return nil
	}
	var err error
	if on {
		err = n.start()
	} else {
		n.stop()
	}
	n.mu.Unlock()
	if !on {
		n.accepts.Wait()
	}
	return err
}

// start listens. Called with mu held.
func (n *network) start() error {
	at, err := net.ResolveTCPAddr("tcp", n.address)
	if err != nil {
		return fmt.Errorf("making the printer's port: %w", err)
	}
	l, err := net.ListenTCP("tcp", at)
	if err != nil {
		return fmt.Errorf("making the printer's port: %w", err)
	}
	if err := small(l); err != nil {
		l.Close()
		return fmt.Errorf("making the printer's port: %w", err)
	}
	n.listen, n.on = l, true
	n.address = l.Addr().String() // the same when it is switched on again
	n.accepts.Go(func() { n.accept(l) })
	return nil
}

// small lets little wait in the kernel for a printer that takes nothing.
func small(l *net.TCPListener) error {
	raw, err := l.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	err = raw.Control(func(fd uintptr) {
		inner = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, networkRoom)
	})
	return errors.Join(err, inner)
}

// stop ends the connection as a loss of power does. Called with mu held.
func (n *network) stop() {
	n.on = false
	if n.listen != nil {
		n.listen.Close()
	}
	if n.conn != nil {
		_ = n.conn.SetLinger(0)
		n.conn.Close()
		n.conn = nil
	}
	n.notify()
}

// notify wakes who waits. Called with mu held.
func (n *network) notify() {
	close(n.changed)
	n.changed = make(chan struct{})
}

// accept takes one connection after the other.
func (n *network) accept(l *net.TCPListener) {
	for {
		c, err := l.AcceptTCP()
		if err != nil {
			return
		}
		n.mu.Lock()
		if !n.on || n.listen != l {
			n.mu.Unlock()
			c.Close()
			return
		}
		n.conn = c
		n.notify()
		for n.conn == c {
			changed := n.changed
			n.mu.Unlock()
			<-changed
			n.mu.Lock()
		}
		n.mu.Unlock()
	}
}

// drop is for a connection that the host has ended.
func (n *network) drop(c *net.TCPConn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.conn == c {
		n.conn = nil
		n.notify()
	}
	c.Close()
}

// current is the connection, nil if there is none.
func (n *network) current() (c *net.TCPConn, changed <-chan struct{}, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, nil, net.ErrClosed
	}
	return n.conn, n.changed, nil
}

// Wait waits for a connection; a read waits for what comes over it.
func (n *network) Wait(time.Duration) (bool, error) {
	for {
		c, changed, err := n.current()
		if err != nil || c != nil {
			return c != nil, err
		}
		<-changed
	}
}

func (n *network) Read(p []byte) (int, error) {
	c, _, err := n.current()
	if err != nil || c == nil {
		return 0, err
	}
	if err := c.SetReadDeadline(time.Now().Add(networkRead)); err != nil {
		return 0, nil // it was closed just now
	}
	got, err := c.Read(p)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		n.drop(c)
	}
	return got, nil
}

func (n *network) Write(p []byte) (int, error) {
	c, _, err := n.current()
	if err != nil {
		return 0, err
	}
	if c == nil {
		return 0, syscall.ENOTCONN
	}
	if err := c.SetWriteDeadline(time.Now().Add(networkRead)); err != nil {
		return 0, err
	}
	return c.Write(p)
}

// Close takes the interface out.
func (n *network) Close() error {
	n.mu.Lock()
	n.closed = true
	n.stop()
	n.mu.Unlock()
	n.accepts.Wait()
	return nil
}
