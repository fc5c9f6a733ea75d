// Package devices is what a printer, a drawer, a card reader or a keypad is to
// the rest of the register: a [Port] that bytes come from and go to, found by
// its path, opened for us alone, watched, and opened again when it was lost.
// The path says whether it is a serial line, a USB printer or a network printer
// ([Open]); they all behave the same.
//
// It guarantees that no call hangs: Read and Wait end when their time is up,
// Write ends when the far side takes nothing for a while, and Close ends all of
// them. A device that was unplugged says so ([ErrGone]) instead of reading as an
// endless end of file. While nothing happens, nothing wakes up.
//
// It knows nothing of what the bytes mean: see devices/printer, devices/msr and
// devices/keypad.
package devices

import (
	"errors"
	"strings"
	"time"
)

// Errors of opening a port.
var (
	// ErrBusy: another program holds the device.
	ErrBusy = errors.New("device is in use by another program")
	// ErrNotTTY: what the path names is no serial line.
	ErrNotTTY = errors.New("not a serial line")
	// ErrNotPrinter: what the path names is no USB printer.
	ErrNotPrinter = errors.New("not a USB printer")
	// ErrRefused: a network printer does not take the connection. As a rule it has
	// one already, and takes one at a time.
	ErrRefused = errors.New("connection refused")
	// ErrUnreachable: nobody answers at a network printer's address.
	ErrUnreachable = errors.New("cannot be reached over the network")
	// ErrPath: no device is reached by a path of this form.
	ErrPath = errors.New("no way to reach a device")
	// ErrConfig: the line settings cannot be had.
	ErrConfig = errors.New("line settings not supported")
)

// Errors of an open port.
var (
	// ErrGone: the device was unplugged or its far side hung up. Close the port.
	ErrGone = errors.New("device is gone")
	// ErrClosed: the port was closed, by us.
	ErrClosed = errors.New("port is closed")
	// ErrStalled: the far side took nothing for the port's write time. What was
	// taken before counts; the rest may be tried again.
	ErrStalled = errors.New("device takes no data")
	// ErrNoLines: the device has no modem lines, as a pty has none.
	ErrNoLines = errors.New("device has no modem lines")
)

// Port is an open device. One goroutine reads (Read, Wait, DiscardInput), one
// writes; Close may come from any.
type Port interface {
	// Read returns what has come in. It waits for the port's read time (100 ms
	// unless configured) and then returns 0, nil. ErrGone: unplugged.
	Read(p []byte) (int, error)

	// Wait reports whether there is something to read, waiting at most d for it;
	// a negative d waits until there is, or until Close. It is for those who
	// have nothing else to do: a waiting port costs no wake-ups.
	Wait(d time.Duration) (bool, error)

	// Write sends all of p, or says with how much and why it ended: ErrStalled
	// when nothing was taken for the port's write time.
	Write(p []byte) (int, error)

	// Lines reads the modem lines, or returns ErrNoLines.
	Lines() (Lines, error)

	// SetLines raises some of the lines that are ours to set (DTR, RTS) and
	// drops others, or returns ErrNoLines.
	SetLines(raise, drop Lines) error

	// DiscardInput drops what has come in and was not read. It leaves output
	// alone, in which a pulse may be waiting.
	DiscardInput() error

	// Queued is how many written bytes have not left the kernel yet: a serial line
	// has not sent them, a network printer has not acknowledged them, a USB printer
	// has not taken the transfer that they are in. On a pty it is what the far side
	// has not read as far as the kernel tells, which is 0.
	Queued() (int, error)

	// Close ends all calls and gives the device back. Output that is still
	// queued has half a second to leave; what is stuck then is dropped.
	Close() error
}

// Lines is a set of modem lines.
type Lines uint8

// The modem lines, as the kernel names them.
const (
	LineDTR Lines = 1 << iota // data terminal ready, ours to set; powers some readers
	LineRTS                   // request to send, ours to set
	LineCTS                   // clear to send
	LineDSR                   // data set ready
	LineDCD                   // carrier
	LineRI                    // ring; some drawers report here
)

var lineNames = [...]string{"DTR", "RTS", "CTS", "DSR", "DCD", "RI"}

// String lists the lines that are up, or says "none".
func (l Lines) String() string {
	var up []string
	for i, name := range lineNames {
		if l&(1<<i) != 0 {
			up = append(up, name)
		}
	}
	if len(up) == 0 {
		return "none"
	}
	return strings.Join(up, ",")
}

// Parity is a line's parity. Its values are the words of the configuration.
type Parity string

// The parities that a line can have.
const (
	ParityNone Parity = "none"
	ParityOdd  Parity = "odd"
	ParityEven Parity = "even"
)

// Config says which device, and how its line is set. Only Path must be given.
// What is about the line is of no effect where there is none ([TransportOf]).
type Config struct {
	// Path names the device; use a stable link (/dev/serial/by-id/...), since
	// ttyUSB numbers change from one plugging in to the next. Its form says how
	// the device is reached: see TransportOf.
	Path string
	// Baud is the line's speed; 0 means 9600.
	Baud int
	// DataBits is 5 to 8; 0 means 8.
	DataBits int
	// Parity is none unless given.
	Parity Parity
	// StopBits is 1 or 2; 0 means 1.
	StopBits int
	// HardwareFlow leaves flow control by RTS and CTS to the line's driver. What is
	// written while CTS is down waits, our questions too.
	HardwareFlow bool
	// ReadWait is how long Read waits for a first byte; 0 means 100 ms.
	ReadWait time.Duration
	// WriteWait is how long Write waits for a device that takes nothing; 0
	// means 2 s.
	WriteWait time.Duration
}

const (
	defaultBaud      = 9600
	defaultReadWait  = 100 * time.Millisecond
	defaultWriteWait = 2 * time.Second

	// writeChunk is what has WriteWait to leave. Small, so that a slow line
	// that does take bytes is not called stalled.
	writeChunk = 256

	// drainWait is what queued output has to leave in at Close.
	drainWait = 500 * time.Millisecond
)
