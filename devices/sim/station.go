package sim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"tillwarden/devices"
)

// StationOptions say what stands at a simulated register. The zero value, with
// a Dir, is an Epson printer, a MagTek reader and a keypad.
type StationOptions struct {
	// Dir is where the ttys' links and the control socket appear.
	Dir string
	// Printer is the printer; its Send is the station's.
	Printer PrinterOptions
	// Listen, where given, is the address and port of a network printer
	// ("127.0.0.1:0": any free port): then that is how it is reached, and not by a tty.
	Listen string
	// IgnoreBusy: the printer takes bytes though its buffer is full, and loses
	// them, as behind a host that does not mind the busy signal.
	IgnoreBusy bool
	// Reader is how the card reader sends: ReaderMagTek, ReaderIDTech.
	Reader ReaderFormat
	// Drawer, where given, is a further drawer, on a serial line of its own.
	Drawer *SerialDrawerOptions
}

// Paths are where a station's devices are.
type Paths struct {
	Printer string `json:"printer"`
	Reader  string `json:"reader"`
	Keypad  string `json:"keypad"`
	Drawer  string `json:"drawer"` // of the drawer with a line of its own, if there is one
	Control string `json:"control"`
}

// PathsIn names the devices of a station in a folder, running or not.
func PathsIn(dir string) Paths {
	return Paths{
		Printer: filepath.Join(dir, "printer"),
		Reader:  filepath.Join(dir, "reader"),
		Keypad:  filepath.Join(dir, "keypad"),
		Drawer:  filepath.Join(dir, "drawer"),
		Control: filepath.Join(dir, "control.sock"),
	}
}

// Station is a register's worth of simulated hardware.
type Station struct {
	paths   Paths
	printer *Printer
	port    *printerPort
	network *network // of a network printer
	reader  *cardReader
	keypad  *typist
	drawer  *serialDrawer // nil: there is none
	control net.Listener
	ctx     context.Context
	stop    context.CancelFunc
	work    sync.WaitGroup
	once    sync.Once
	closed  error
}

// NewStation makes the devices and the control socket, and begins.
func NewStation(o StationOptions) (_ *Station, err error) {
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the station's folder: %w", err)
	}
	s := &Station{paths: PathsIn(o.Dir)}
	s.ctx, s.stop = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if s.control, err = listen(s.paths.Control); err != nil {
		return nil, err
	}
	printer, err := s.connect(o.Listen)
	if err != nil {
		return nil, err
	}
	s.port = newPrinterPort(printer, o)
	s.printer = s.port.printer
	reader, err := openLine(s.paths.Reader)
	if err != nil {
		return nil, err
	}
	if s.reader, err = newCardReader(reader, o.Reader); err != nil {
		reader.Close()
		return nil, err
	}
	pad, err := openLine(s.paths.Keypad)
	if err != nil {
		return nil, err
	}
	s.keypad = &typist{line: pad}
	if o.Drawer != nil {
		if s.drawer, err = openSerialDrawer(s.paths.Drawer, *o.Drawer); err != nil {
			return nil, err
		}
		s.work.Go(func() { s.drawer.run(s.ctx) })
	}
	s.work.Go(func() { s.port.run(s.ctx) })
	s.work.Go(s.serve)
	return s, nil
}

// connect makes what the printer is connected by.
func (s *Station) connect(listen string) (cable, error) {
	if listen == "" {
		return openLine(s.paths.Printer)
	}
	n, err := openNetwork(listen)
	if err != nil {
		return nil, err
	}
	s.network, s.paths.Printer = n, n.path()
	return n, nil
}

func openLine(link string) (*devices.PTY, error) {
	p, err := devices.OpenPTY(devices.PTYConfig{Link: link, Group: -1})
	if err != nil {
		return nil, fmt.Errorf("making a device: %w", err)
	}
	return p, nil
}

// listen takes over a socket's name from one that nobody listens on any more.
func listen(path string) (net.Listener, error) {
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		c.Close()
		return nil, fmt.Errorf("a simulated register already runs at %s", filepath.Dir(path))
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("making the control socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("making the control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("making the control socket: %w", err)
	}
	return l, nil
}

// Paths tells where the devices are.
func (s *Station) Paths() Paths { return s.paths }

// State tells how printer and drawers are.
func (s *Station) State() State {
	state := s.printer.State()
	if s.drawer != nil {
		state.SerialDrawer = s.drawer.now()
	}
	return state
}

// moveDrawer opens a drawer with its key, or pushes it shut.
func (s *Station) moveDrawer(a drawerArgs) error {
	switch {
	case s.drawer != nil && a.Drawer == SerialDrawerNumber:
		s.drawer.move(a.Open)
		return nil
	case a.Open:
		return s.printer.OpenDrawer(a.Drawer)
	}
	return s.printer.CloseDrawer(a.Drawer)
}

// lockDrawer turns a drawer's lock.
func (s *Station) lockDrawer(a drawerArgs) error {
	if s.drawer != nil && a.Drawer == SerialDrawerNumber {
		s.drawer.lock(a.Locked)
		return nil
	}
	return s.printer.LockDrawer(a.Drawer, a.Locked)
}

// Printer is the station's printer, for tests in the same process.
func (s *Station) Printer() *Printer { return s.printer }

// Close unplugs everything: links and socket go.
func (s *Station) Close() error {
	s.once.Do(func() {
		s.stop()
		var errs []error
		if s.control != nil {
			errs = append(errs, s.control.Close())
		}
		if s.port != nil {
			errs = append(errs, s.port.line.Close())
		}
		if s.reader != nil {
			errs = append(errs, s.reader.line.Close())
		}
		if s.keypad != nil {
			errs = append(errs, s.keypad.line.Close())
		}
		if s.drawer != nil {
			errs = append(errs, s.drawer.line.Close())
		}
		s.work.Wait()
		s.closed = errors.Join(errs...)
	})
	return s.closed
}
