package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"tillwarden/devices"
)

// SerialDrawerNumber is the number of the drawer that hangs on a serial line of
// its own, after the printer's two.
const SerialDrawerNumber = 3

// maxDrawerCode bounds a code; makes have a few bytes.
const maxDrawerCode = 16

// SerialDrawerOptions describe a cash drawer on a serial line of its own, such as
// APG's: it opens on its code, wherever that stands in what it is sent.
type SerialDrawerOptions struct {
	// Code opens it. Empty: any byte does, as with trigger boxes.
	Code []byte
	// OnOpen: it opens when its port is opened, too.
	OnOpen bool
	// OpenIsHigh: the line that it reports on is up while it stands open.
	OpenIsHigh bool
	// Line, where given, is a serial line whose other end (a null modem cable) is
	// the drawer's port: then the drawer reports by its RTS, which is the far CTS.
	// Else it is a tty of the station's, which is a pty, and has no such lines.
	Line string
}

// SerialDrawerState is the drawer as people see it, and what has reached it.
type SerialDrawerState struct {
	Drawer
	// Ports is how often its port was opened (several openings at the same time
	// count as one), Bytes how many bytes came, Codes how often they opened it, or
	// would have, had it not been open or locked. All are since the beginning.
	Ports int64 `json:"ports"`
	Bytes int64 `json:"bytes"`
	Codes int64 `json:"codes"`
}

// serialDrawer is such a drawer.
type serialDrawer struct {
	o    SerialDrawerOptions
	line devices.Port

	mu     sync.Mutex
	state  SerialDrawerState
	recent []byte // the last bytes, as many as the code has
}

func openSerialDrawer(link string, o SerialDrawerOptions) (*serialDrawer, error) {
	if len(o.Code) > maxDrawerCode {
		return nil, fmt.Errorf("a drawer's code has %d bytes at most", maxDrawerCode)
	}
	d := &serialDrawer{o: o}
	d.state.Drawer.Drawer = SerialDrawerNumber
	var err error
	if o.Line != "" {
		d.line, err = devices.OpenSerial(devices.Config{Path: o.Line})
	} else {
		d.line, err = devices.OpenPTY(devices.PTYConfig{Link: link, Group: -1, OnVisit: d.visited})
	}
	if err != nil {
		return nil, fmt.Errorf("making a drawer: %w", err)
	}
	d.report()
	return d, nil
}

// run takes what the drawer is sent until its line is closed.
func (d *serialDrawer) run(ctx context.Context) {
	buf := make([]byte, 256)
	for ctx.Err() == nil {
		if _, err := d.line.Wait(-1); err != nil {
			return
		}
		n, err := d.line.Read(buf)
		if err != nil {
			return
		}
		d.receive(buf[:n])
	}
}

func (d *serialDrawer) visited() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state.Ports++
	if d.o.OnOpen {
		d.kick()
	}
}

func (d *serialDrawer) receive(p []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, b := range p {
		d.state.Bytes++
		if len(d.o.Code) == 0 {
			d.kick()
			continue
		}
		d.recent = append(d.recent, b)
		if len(d.recent) > len(d.o.Code) {
			d.recent = d.recent[1:]
		}
		if bytes.Equal(d.recent, d.o.Code) {
			d.recent = nil
			d.kick()
		}
	}
}

// kick drives its lock. Called with mu held.
func (d *serialDrawer) kick() {
	d.state.Codes++
	if !d.state.Locked {
		d.state.Open = true
		d.report()
	}
}

// report sets the line that tells, where there is one. Called with mu held, or
// before anybody else knows the drawer.
func (d *serialDrawer) report() {
	raise, drop := devices.LineRTS, devices.Lines(0)
	if d.state.Open != d.o.OpenIsHigh {
		raise, drop = drop, raise
	}
	if err := d.line.SetLines(raise, drop); err != nil && !errors.Is(err, devices.ErrNoLines) {
		return // it was unplugged, which its reading ends by
	}
}

func (d *serialDrawer) move(open bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state.Open = open
	d.report()
}

func (d *serialDrawer) lock(locked bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state.Locked = locked
}

func (d *serialDrawer) now() *SerialDrawerState {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.state
	return &s
}
