package devices

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// usblpPort is a printer that the kernel's usblp drives (/dev/usb/lp0, Linux,
// drivers/usb/class/usblp.c).
//
// usblp has one transfer to the printer under way at a time: what is written is
// taken while none is, and poll says writable when there is none. So that one
// says how much is queued: all of the last write, or nothing. A transfer that
// fails is told to no writer that does not wait in the kernel for it, as we
// must not; the printer is then gone, which the next read says, or it has
// stopped, and answers nothing.
type usblpPort struct {
	path      string
	device    *tty
	readWait  time.Duration
	writeWait time.Duration
	last      atomic.Int64 // bytes in the last write
	once      sync.Once
	closed    error
}

const (
	usbMajor = 180 // Linux, Documentation/admin-guide/devices.txt

	// lpGetStatus asks a printer for its port status (linux/lp.h).
	lpGetStatus = 0x060b
	lpNoError   = 0x08
	lpSelected  = 0x10
	lpNoPaper   = 0x20

	// emptyWait is left to a printer that answers a read with nothing, as some do
	// without end: usblp asks again at once.
	emptyWait = 20 * time.Millisecond
)

// OpenUSBLP opens a USB printer. The kernel lets one program at a time do that:
// ErrBusy says that another one has it. A program that talks to the printer
// through libusb takes it away from usblp, and its file with it: ErrGone.
func OpenUSBLP(c Config) (Port, error) {
	fd, err := unix.Open(c.Path, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening device: %w", &fs.PathError{Op: "open", Path: c.Path, Err: openError(err)})
	}
	var info unix.Stat_t
	if err := unix.Fstat(fd, &info); err != nil || info.Mode&unix.S_IFMT != unix.S_IFCHR || unix.Major(info.Rdev) != usbMajor {
		unix.Close(fd)
		if err == nil {
			err = ErrNotPrinter
		}
		return nil, fmt.Errorf("opening device: %w", &fs.PathError{Op: "open", Path: c.Path, Err: err})
	}
	device, err := newTTY(fd, c.Path)
	if err != nil {
		return nil, fmt.Errorf("opening device: %w", err)
	}
	return newUSBLP(device, c), nil
}

func newUSBLP(device *tty, c Config) *usblpPort {
	p := &usblpPort{path: c.Path, device: device, readWait: c.ReadWait, writeWait: c.WriteWait}
	if p.readWait <= 0 {
		p.readWait = defaultReadWait
	}
	if p.writeWait <= 0 {
		p.writeWait = defaultWriteWait
	}
	return p
}

func (p *usblpPort) Wait(d time.Duration) (bool, error) { return p.device.wait(d) }

// Read of a printer that only takes (a unidirectional one, to USB) finds
// nothing: usblp never says that there is something to read.
func (p *usblpPort) Read(b []byte) (int, error) {
	ready, err := p.device.wait(p.readWait)
	if err != nil || !ready {
		return 0, err
	}
	n, err := p.device.readSome(b)
	if n == 0 && err == nil {
		if p.device.hungUp() {
			return 0, ErrGone
		}
		time.Sleep(emptyWait)
	}
	return n, err
}

func (p *usblpPort) Write(b []byte) (int, error) {
	done := 0
	for done < len(b) {
		piece := b[done:min(done+writeChunk, len(b))]
		n, err := p.device.write(piece, p.writeWait)
		if n > 0 {
			p.last.Store(int64(n))
		}
		done += n
		if err != nil {
			return done, fmt.Errorf("writing to %s: %w", p.path, p.why(err))
		}
	}
	return done, nil
}

// why says more about a printer that takes nothing. Asking it has another use:
// there are printers that go on only when they were asked (usblp does so for
// those who wait in the kernel).
func (p *usblpPort) why(err error) error {
	if !errors.Is(err, ErrStalled) {
		return err
	}
	var status int
	asked := p.device.control(func(fd int) (err error) {
		status, err = unix.IoctlGetInt(fd, lpGetStatus)
		return err
	})
	switch {
	case asked != nil:
		return err
	case status&lpNoPaper != 0:
		return fmt.Errorf("%w: out of paper", err)
	case status&lpSelected == 0:
		return fmt.Errorf("%w: off-line", err)
	case status&lpNoError == 0:
		return fmt.Errorf("%w: an error of the printer", err)
	}
	return err
}

// Lines is Port's: there are none.
func (p *usblpPort) Lines() (Lines, error) { return 0, ErrNoLines }

// SetLines is Port's: there are none.
func (p *usblpPort) SetLines(_, _ Lines) error { return ErrNoLines }

func (p *usblpPort) DiscardInput() error { return p.device.readAway() }

func (p *usblpPort) Queued() (int, error) {
	if p.device.closed.Load() {
		return 0, ErrClosed
	}
	if p.room() {
		return 0, nil
	}
	return int(p.last.Load()), nil
}

func (p *usblpPort) room() bool { return p.device.room() }

// Close gives the transfer that is under way a moment. What the printer has
// not taken then, the kernel drops.
func (p *usblpPort) Close() error {
	p.once.Do(func() {
		p.device.drained(p.Queued)
		p.closed = p.device.close()
	})
	return p.closed
}
