package devices

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// tty is a descriptor of our own on a terminal, never blocking in the kernel:
// waiting is the runtime's poller's work, which a deadline or Close ends. All but
// what is said to be a terminal's works on any descriptor that can be polled.
type tty struct {
	file   *os.File
	raw    syscall.RawConn
	closed atomic.Bool
}

// openTTY opens a terminal without becoming its session's and without waiting
// for a carrier.
func openTTY(path string) (*tty, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: openError(err)}
	}
	t, err := newTTY(fd, path)
	if err != nil {
		return nil, err
	}
	if _, err := t.termios(); err != nil {
		t.close()
		return nil, &fs.PathError{Op: "open", Path: path, Err: ErrNotTTY}
	}
	return t, nil
}

// newTTY takes a non-blocking descriptor over.
func newTTY(fd int, name string) (*tty, error) { return asTTY(os.NewFile(uintptr(fd), name)) }

// asTTY takes a file over that does not block.
func asTTY(file *os.File) (*tty, error) {
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("taking over %s: %w", file.Name(), err)
	}
	return &tty{file: file, raw: raw}, nil
}

// close ends all calls on the descriptor.
func (t *tty) close() error {
	t.closed.Store(true)
	return t.file.Close()
}

// openError turns what open says into what the caller can act on.
func openError(err error) error {
	if errors.Is(err, unix.EBUSY) {
		return ErrBusy
	}
	return err
}

// gone maps the kernel's several ways of saying that a device went away, and
// the runtime's of saying that we closed it, not all of which are os.ErrClosed.
func (t *tty) gone(err error) error {
	switch {
	case err == nil:
		return nil
	case t.closed.Load(), errors.Is(err, os.ErrClosed):
		return ErrClosed
	case errors.Is(err, unix.EIO), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO), errors.Is(err, unix.EPIPE):
		return ErrGone
	case errors.Is(err, unix.ECONNRESET), errors.Is(err, unix.ETIMEDOUT), errors.Is(err, unix.EHOSTUNREACH), errors.Is(err, unix.ENETUNREACH):
		return ErrGone // a socket's words for it
	}
	return err
}

// control runs f on the descriptor, which stays open for as long as f runs.
func (t *tty) control(f func(fd int) error) error {
	var inner error
	if err := t.raw.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return t.gone(err)
	}
	return t.gone(inner)
}

// state asks what the descriptor is ready for, without waiting.
func pollState(fd int, events int16) int16 {
	fds := []unix.PollFd{{Fd: int32(fd), Events: events}}
	for {
		_, err := unix.Poll(fds, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return unix.POLLERR
		}
		return fds[0].Revents
	}
}

// hungUp reports whether the far side is gone.
func (t *tty) hungUp() bool {
	up := false
	err := t.control(func(fd int) error {
		up = pollState(fd, unix.POLLIN)&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0
		return nil
	})
	return up || err != nil
}

// drained waits until nothing is queued, the far side is gone, or drainWait is
// over, and reports whether nothing is left.
func (t *tty) drained(queued func() (int, error)) bool {
	for end := time.Now().Add(drainWait); ; {
		n, err := queued()
		if err != nil || n == 0 {
			return true
		}
		if time.Now().After(end) || t.hungUp() {
			return false
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// room reports whether a write would be taken, or fail, at once.
func (t *tty) room() bool {
	room := true
	_ = t.control(func(fd int) error {
		room = pollState(fd, unix.POLLOUT) != 0
		return nil
	})
	return room
}

// wait is Port.Wait. A hung-up descriptor counts as readable: there may be
// bytes left, and if there are none, the read says so.
func (t *tty) wait(d time.Duration) (bool, error) {
	ready := false
	look := func(fd uintptr) bool {
		ready = pollState(int(fd), unix.POLLIN) != 0
		return ready
	}
	if d == 0 {
		if err := t.raw.Control(func(fd uintptr) { look(fd) }); err != nil {
			return false, t.gone(err)
		}
		return ready, nil
	}
	var deadline time.Time
	if d > 0 {
		deadline = time.Now().Add(d)
	}
	if err := t.file.SetReadDeadline(deadline); err != nil {
		return false, t.gone(err)
	}
	err := t.raw.Read(look)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		// The deadline may have passed before the first look.
		return t.wait(0)
	}
	if err != nil {
		return false, t.gone(err)
	}
	return ready, nil
}

// readSome reads what is there, which may be nothing. An end of file counts as
// nothing: devices have none.
func (t *tty) readSome(b []byte) (int, error) {
	n := 0
	err := t.control(func(fd int) (err error) {
		if n, err = unix.Read(fd, b); err != nil {
			n = 0
		}
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			err = nil
		}
		return err
	})
	return n, err
}

// readAway drops what has come in. One that never stops talking is not waited
// for.
func (t *tty) readAway() error {
	buf := make([]byte, 4096)
	for range 64 {
		n, err := t.readSome(buf)
		if err != nil || n == 0 {
			return err
		}
	}
	return nil
}

// write sends p in pieces, each of which has the whole wait to leave.
func (t *tty) write(p []byte, wait time.Duration) (int, error) {
	done := 0
	for done < len(p) {
		end := min(done+writeChunk, len(p))
		if err := t.file.SetWriteDeadline(time.Now().Add(wait)); err != nil {
			return done, t.gone(err)
		}
		n, err := t.file.Write(p[done:end])
		done += n
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			if n > 0 {
				continue // slow, but not stalled
			}
			return done, ErrStalled
		default:
			return done, t.gone(err)
		}
	}
	return done, nil
}

func (t *tty) termios() (*unix.Termios, error) {
	var set *unix.Termios
	err := t.control(func(fd int) (err error) {
		set, err = unix.IoctlGetTermios(fd, unix.TCGETS)
		return err
	})
	return set, err
}

// makeRaw takes all of the line discipline's own ideas away: no echo, no
// signals, no changed line ends, no flow control characters.
func (t *tty) makeRaw() error {
	return t.control(func(fd int) error {
		set, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err != nil {
			return err
		}
		set.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON | unix.IXOFF | unix.IXANY
		set.Oflag &^= unix.OPOST
		set.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
		set.Cflag &^= unix.CSIZE | unix.PARENB
		set.Cflag |= unix.CS8 | unix.CREAD | unix.CLOCAL
		set.Cc[unix.VMIN], set.Cc[unix.VTIME] = 1, 0
		return unix.IoctlSetTermios(fd, unix.TCSETS, set)
	})
}

// plain takes back what an opener may do to a terminal beside its settings, and what
// outlasts the last close for as long as somebody else holds it open: another line
// discipline (ioctl_tty(2), TIOCSETD), of which N_NULL takes and gives no byte, and output
// that was stopped (tcflow(3), TCOOFF). Neither takes any privilege.
func (t *tty) plain() error {
	const nTTY = 0 // linux/tty.h
	return t.control(func(fd int) error {
		now, err := unix.IoctlGetInt(fd, unix.TIOCGETD)
		if err == nil && now != nTTY {
			err = unix.IoctlSetPointerInt(fd, unix.TIOCSETD, nTTY)
		}
		if err != nil {
			return err
		}
		return unix.IoctlSetInt(fd, unix.TCXONC, unix.TCOON)
	})
}

// hardwareFlow lets the driver mind CTS, and move RTS. ErrConfig: it cannot.
func (t *tty) hardwareFlow() error {
	return t.control(func(fd int) error {
		set, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err != nil {
			return err
		}
		set.Cflag |= unix.CRTSCTS
		if err := unix.IoctlSetTermios(fd, unix.TCSETS, set); err != nil {
			return err
		}
		// A driver without it clears the flag and says nothing.
		if set, err = unix.IoctlGetTermios(fd, unix.TCGETS); err != nil {
			return err
		}
		if set.Cflag&unix.CRTSCTS == 0 {
			return fmt.Errorf("RTS/CTS flow control: %w", ErrConfig)
		}
		return nil
	})
}

// exclusive takes or gives back the kernel's promise that nobody else may open
// the terminal (root may all the same).
func (t *tty) exclusive(on bool) error {
	req := uint(unix.TIOCNXCL)
	if on {
		req = unix.TIOCEXCL
	}
	return t.control(func(fd int) error { return unix.IoctlSetInt(fd, req, 0) })
}

// discardInput drops received bytes; TCIOFLUSH would drop unsent ones too.
func (t *tty) discardInput() error {
	return t.control(func(fd int) error { return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH) })
}

func (t *tty) discardOutput() error {
	return t.control(func(fd int) error { return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCOFLUSH) })
}

func (t *tty) count(req uint) (int, error) {
	n := 0
	err := t.control(func(fd int) (err error) {
		n, err = unix.IoctlGetInt(fd, req)
		return err
	})
	return n, err
}

var modemBits = [...]int{unix.TIOCM_DTR, unix.TIOCM_RTS, unix.TIOCM_CTS, unix.TIOCM_DSR, unix.TIOCM_CAR, unix.TIOCM_RNG}

// noLines: ENOTTY is a pty's answer, EINVAL that of drivers with no such lines.
func noLines(err error) error {
	if errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EINVAL) {
		return ErrNoLines
	}
	return err
}

func (t *tty) lines() (Lines, error) {
	bits, err := t.count(unix.TIOCMGET)
	if err != nil {
		return 0, noLines(err)
	}
	var l Lines
	for i, bit := range modemBits {
		if bits&bit != 0 {
			l |= 1 << i
		}
	}
	return l, nil
}

func (t *tty) setLines(req uint, l Lines) error {
	bits := 0
	for i, bit := range modemBits {
		if l&(1<<i) != 0 {
			bits |= bit
		}
	}
	if bits == 0 {
		return nil
	}
	return noLines(t.control(func(fd int) error { return unix.IoctlSetPointerInt(fd, req, bits) }))
}
