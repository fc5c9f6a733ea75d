package devices

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tarm/serial"
	"golang.org/x/sys/unix"
)

// serialPort is a serial line under two descriptors.
//
// tarm/serial opens the line, sets it, and reads from it. Its descriptor is
// hidden and blocks in the kernel, so that its Close waits for its Read, its
// Write for as long as the far side likes, and an unplugged device reads as an
// endless end of file. The companion, a descriptor of our own on the same
// line, knows when there is something to read and whether anybody is there;
// and it writes, because only a descriptor that does not block can say that
// the device takes nothing.
type serialPort struct {
	path      string
	line      *serial.Port
	companion *tty
	readWait  time.Duration
	writeWait time.Duration
	pace      lineTime
	sender    transmitter

	// reading is held while tarm's Read runs, which is bounded: it is called
	// when there is something to read, and times out after 100 ms besides.
	reading sync.Mutex
	once    sync.Once
	closed  error
}

// transmitterEmpty is TIOCSER_TEMT (linux/serial.h).
const transmitterEmpty = 1

// OpenSerial opens a serial line for us alone and sets it. Opening raises DTR
// and RTS, which the kernel does for everybody who opens a line.
//
// ErrBusy says that somebody else has it; a path that is not there is
// fs.ErrNotExist.
func OpenSerial(c Config) (Port, error) {
	set, err := c.settings()
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", c.Path, err)
	}
	companion, err := openTTY(c.Path)
	if err != nil {
		return nil, fmt.Errorf("opening device: %w", err)
	}
	// A lock first, before the line's settings change under another's feet: it
	// is what programs that may pass TIOCEXCL (root's) can be told by.
	err = companion.control(func(fd int) error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
	if err != nil {
		companion.close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = ErrBusy
		}
		return nil, fmt.Errorf("locking %s: %w", c.Path, err)
	}
	line, err := serial.OpenPort(set)
	if err != nil {
		companion.close()
		return nil, fmt.Errorf("setting %s: %w", c.Path, lineError(err))
	}
	p := &serialPort{path: c.Path, line: line, companion: companion, readWait: c.ReadWait, writeWait: c.WriteWait}
	if p.readWait <= 0 {
		p.readWait = defaultReadWait
	}
	if p.writeWait <= 0 {
		p.writeWait = defaultWriteWait
	}
	if err := companion.exclusive(true); err != nil {
		p.Close()
		return nil, fmt.Errorf("claiming %s: %w", c.Path, err)
	}
	if _, err := companion.lines(); err == nil {
		p.pace.perByte = c.perByte() // a pty has neither lines nor a speed
	}
	if c.HardwareFlow {
		// After tarm/serial, which sets the line without it.
		if err := companion.hardwareFlow(); err != nil {
			p.Close()
			return nil, fmt.Errorf("setting %s: %w", c.Path, err)
		}
	}
	return p, nil
}

// settings checks what tarm/serial would take without a word.
func (c Config) settings() (*serial.Config, error) {
	set := &serial.Config{
		Name: c.Path,
		Baud: c.Baud,
		// Never 0: a Read without a time-out could not be closed.
		ReadTimeout: 100 * time.Millisecond,
	}
	if set.Baud == 0 {
		set.Baud = defaultBaud
	}
	switch {
	case c.Path == "":
		return nil, fmt.Errorf("no path given: %w", fs.ErrNotExist)
	case c.DataBits == 0:
		set.Size = 8
	case c.DataBits >= 5 && c.DataBits <= 8:
		set.Size = byte(c.DataBits)
	default:
		return nil, fmt.Errorf("%d data bits: %w", c.DataBits, ErrConfig)
	}
	switch c.Parity {
	case "", ParityNone:
		set.Parity = serial.ParityNone
	case ParityOdd:
		set.Parity = serial.ParityOdd
	case ParityEven:
		set.Parity = serial.ParityEven
	default:
		return nil, fmt.Errorf("parity %q: %w", string(c.Parity), ErrConfig)
	}
	switch c.StopBits {
	case 0, 1:
		set.StopBits = serial.Stop1
	case 2:
		set.StopBits = serial.Stop2
	default:
		return nil, fmt.Errorf("%d stop bits: %w", c.StopBits, ErrConfig)
	}
	return set, nil
}

// lineError names tarm's refusals; it has no error of its own for a speed that
// it does not know, and is asked only for what we have checked otherwise.
func lineError(err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return openError(err)
	}
	return fmt.Errorf("%w: %w", ErrConfig, err)
}

func (p *serialPort) Wait(d time.Duration) (bool, error) { return p.companion.wait(d) }

func (p *serialPort) Read(b []byte) (int, error) {
	ready, err := p.companion.wait(p.readWait)
	if err != nil || !ready {
		return 0, err
	}
	p.reading.Lock()
	defer p.reading.Unlock()
	n, err := p.line.Read(b)
	if n > 0 {
		return n, nil
	}
	// Nothing, though there was something: the far side hung up, or somebody
	// who shares the line was faster.
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, p.companion.gone(err)
	}
	if _, err := p.companion.wait(0); err != nil {
		return 0, err
	}
	if p.companion.hungUp() {
		return 0, ErrGone
	}
	return 0, nil
}

func (p *serialPort) Write(b []byte) (int, error) {
	n, err := p.companion.write(b, p.writeWait)
	p.pace.wrote(n, time.Now())
	if err != nil {
		return n, fmt.Errorf("writing to %s: %w", p.path, err)
	}
	return n, nil
}

func (p *serialPort) Lines() (Lines, error) { return p.companion.lines() }

func (p *serialPort) SetLines(raise, drop Lines) error {
	if err := p.companion.setLines(unix.TIOCMBIS, raise); err != nil {
		return fmt.Errorf("raising %v: %w", raise, err)
	}
	if err := p.companion.setLines(unix.TIOCMBIC, drop); err != nil {
		return fmt.Errorf("dropping %v: %w", drop, err)
	}
	return nil
}

func (p *serialPort) DiscardInput() error { return p.companion.discardInput() }

// Queued counts the byte or more that are in the line's own transmitter as one,
// where the driver tells of them, and what the line has had no time for; TIOCOUTQ
// knows of neither.
func (p *serialPort) Queued() (int, error) {
	n, err := p.companion.count(unix.TIOCOUTQ)
	if n = max(n, p.pace.left(time.Now())); err != nil || n > 0 {
		return n, err
	}
	if state, err := p.companion.count(unix.TIOCSERGETLSR); err == nil && p.sender.busy(state) {
		return 1, nil
	}
	return 0, nil
}

// transmitter is what a line's driver tells of its transmitter.
type transmitter struct{ tells atomic.Bool }

// busy reports whether there is something in it, of the line status register's
// value. A driver that has not said of a line even once that it is empty, though
// nothing was written to it before it was opened, does not know: there are adapters
// whose status has never any bit set (those that QEMU simulates). Nothing would ever
// be written to them.
func (t *transmitter) busy(state int) bool {
	if state&transmitterEmpty != 0 {
		t.tells.Store(true)
		return false
	}
	return t.tells.Load()
}

// Close gives output a moment to leave, then drops it: the kernel would wait
// for up to half a minute in the last close of a line that sends nothing.
func (p *serialPort) Close() error {
	p.once.Do(func() {
		if !p.companion.drained(p.Queued) {
			_ = p.companion.discardOutput()
		}
		// The terminal may outlive us: another may hold a pty's slave open.
		_ = p.companion.exclusive(false)
		err := p.companion.close() // ends Wait and Write
		p.reading.Lock()           // tarm's Read ends by itself
		defer p.reading.Unlock()
		if lineErr := p.line.Close(); err == nil {
			err = lineErr
		}
		p.closed = err
	})
	return p.closed
}
