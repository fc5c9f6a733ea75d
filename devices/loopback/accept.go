package loopback

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// accepted is a new connection, and whose it is.
type accepted struct {
	tcp  *net.TCPConn
	user owner
	err  error // it is nobody's who could print here
}

// accept takes connections, and gives them to admit. It returns nil when the
// context has ended.
//
// It has a thread of its own, which waits in the kernel and not for the
// runtime's poller: between a connection and the lookup of its user there should
// be as little as can be (see clientUser).
func (l *Listener) accept(ctx context.Context, admit chan<- accepted) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	listener, err := copyOf(l.tcp)
	if err != nil {
		return err
	}
	defer unix.Close(listener)
	var bell [2]int
	if err := unix.Pipe2(bell[:], unix.O_CLOEXEC); err != nil {
		return fmt.Errorf("accepting connections: %w", err)
	}
	rung := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { unix.Close(bell[1]); close(rung) })
	defer func() {
		if stop() {
			unix.Close(bell[1])
		} else {
			<-rung
		}
		unix.Close(bell[0])
	}()
	const least, most = 5 * time.Millisecond, time.Second
	pause := least
	for l.room(ctx) {
		fds := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}, {Fd: int32(bell[0]), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("accepting connections: %w", err)
		}
		if ctx.Err() != nil {
			return nil
		}
		a, err := l.acceptOne(listener)
		switch {
		case err == nil:
			l.mu.Lock()
			l.judging++
			l.mu.Unlock()
			admit <- a // there is room in it
			pause = least
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED):
		case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EBADF):
			return fmt.Errorf("accepting connections: %w", err) // it listens no more
		default: // no descriptors left, for one: it may pass
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
			pause = min(2*pause, most)
		}
	}
	return nil
}

// room waits until another connection can wait with us. Those that come
// meanwhile wait in the kernel (listen(2), backlog), with what they have sent.
func (l *Listener) room(ctx context.Context) bool {
	for {
		l.mu.Lock()
		some := len(l.queue)+l.judging < maxWaiting
		l.mu.Unlock()
		if some {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-l.freed:
		}
	}
}

// acceptOne takes the next connection. The lookup comes before everything that
// can wait.
func (l *Listener) acceptOne(listener int) (a accepted, err error) {
	fd, from, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		return a, err
	}
	if l.kernel != nil {
		var to unix.Sockaddr
		if to, err = unix.Getsockname(fd); err == nil {
			a.user, a.err = l.kernel.clientUser(ofSocket(from), ofSocket(to))
			if a.err == nil && !living(stateOf(fd)) {
				a.user = owner{} // it was another's, perhaps
			}
		}
	}
	file := os.NewFile(uintptr(fd), "client")
	defer file.Close()
	if err != nil {
		return a, err
	}
	conn, err := net.FileConn(file)
	if err != nil {
		return a, err
	}
	a.tcp = conn.(*net.TCPConn)
	return a, nil
}

// ofSocket is the address of a socket, without the ways in which it may be written.
func ofSocket(s unix.Sockaddr) netip.AddrPort {
	switch s := s.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(s.Addr), uint16(s.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(s.Addr).Unmap(), uint16(s.Port))
	}
	return netip.AddrPort{}
}

// copyOf is a descriptor of our own on the same socket.
func copyOf(l *net.TCPListener) (fd int, err error) {
	raw, err := l.SyscallConn()
	if err != nil {
		return -1, err
	}
	var inner error
	err = raw.Control(func(old uintptr) { fd, inner = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 3) })
	if err = errors.Join(err, inner); err != nil {
		return -1, fmt.Errorf("accepting connections: %w", err)
	}
	return fd, nil
}
