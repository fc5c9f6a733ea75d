package usb

import (
	"sync"
	"time"
)

// Lines is a set of modem lines.
type Lines uint8

// Lines that the far side sets, as an FT232R reports them.
const (
	CTS Lines = 0x10
	DSR Lines = 0x20
	RI  Lines = 0x40
	DCD Lines = 0x80
)

// Lines that the host sets, as it tells an FT232R.
const (
	DTR Lines = 0x01
	RTS Lines = 0x02
)

// Serial is an FT232R: a serial line on USB, which Debian's ftdi_sio makes
// /dev/ttyUSB0. What comes out of it, and when, is what a device on the line would
// get: it leaves at the line's speed, and not while the chip minds CTS and it is
// down.
type Serial struct {
	*device
	far func([]byte)

	// Guarded by the device's mu:
	fromFar  Lines
	fromHost Lines
	told     [2]byte // the status that the host was told
	toldAt   time.Time
	toHost   []byte    // what has come in
	fifo     []byte    // what the host has sent and has not left yet
	next     time.Time // when the first of it will have left
	minds    bool      // the chip minds CTS
	latency  byte
	raised   int    // how often DTR was raised
	left     []byte // all that has left

	stop  chan struct{}
	wires sync.WaitGroup
}

// The chip's sizes and the line's speed.
const (
	fifoSize   = 256 // FT232R data sheet, 1.2: transmit buffer
	packetSize = 64
	lineTick   = 2 * time.Millisecond
	perByte    = time.Second / 3840 // 38400 baud, 8N1
)

// NewSerial makes an adapter with nothing on its lines, not plugged in yet. far,
// where given, gets what leaves it, and must not wait.
func NewSerial(number string, far func([]byte)) *Serial {
	s := &Serial{far: far, latency: 16, stop: make(chan struct{})}
	what := describe(fullSpeed, 0x0403, 0x6001, 0x0600, [3]byte{0xff, 0xff, 0xff}, 1, 2, "FTDI", "FT232R USB UART", number)
	s.device = &device{what: what, does: (*serialFunction)(s)}
	s.wires.Go(s.wire)
	return s
}

// Close pulls it out, for good.
func (s *Serial) Close() error {
	err := s.Unplug()
	close(s.stop)
	s.wires.Wait()
	return err
}

// SetLines sets the far side's lines: those given are up, the others down.
func (s *Serial) SetLines(up Lines) {
	s.mu.Lock()
	s.advance(time.Now())
	s.fromFar = up
	s.mu.Unlock()
}

// HostLines are those of DTR and RTS that are up.
func (s *Serial) HostLines() Lines {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fromHost
}

// Send sends from the far side to the host.
func (s *Serial) Send(b []byte) {
	s.mu.Lock()
	s.toHost = append(s.toHost, b...)
	s.mu.Unlock()
	s.poke()
}

// Left is all that has left the adapter since it was made.
func (s *Serial) Left() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(time.Now())
	return append([]byte(nil), s.left...)
}

// Opened is how often the line was opened: each time, the kernel raises DTR, and
// listens.
func (s *Serial) Opened() (raised, listened int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.raised, s.reads
}

// wire passes on what has left, and lets the host be told how things are.
func (s *Serial) wire() {
	ticker := time.NewTicker(lineTick)
	defer ticker.Stop()
	passed := 0
	for {
		select {
		case <-s.stop:
			return
		case <-ticker.C:
		}
		out := s.Left()[passed:]
		passed += len(out)
		if len(out) > 0 && s.far != nil {
			s.far(out)
		}
		s.poke()
	}
}

// advance lets out what has left by now, at the line's speed. Called with mu held.
func (s *Serial) advance(now time.Time) {
	for len(s.fifo) > 0 {
		if s.minds && s.fromFar&CTS == 0 {
			s.next = now.Add(perByte)
			return
		}
		if s.next.After(now) {
			return
		}
		s.left = append(s.left, s.fifo[0])
		s.fifo = s.fifo[1:]
		s.next = s.next.Add(perByte)
	}
}

// serialFunction is the adapter as the device sees it.
type serialFunction Serial

func (s *serialFunction) plugged() {
	s.fromHost, s.toHost, s.fifo, s.minds, s.told = 0, nil, nil, false, [2]byte{}
}

func (s *serialFunction) take(data []byte) int {
	now := time.Now()
	(*Serial)(s).advance(now)
	n := min(len(data), fifoSize-len(s.fifo))
	if len(s.fifo) == 0 {
		s.next = now.Add(perByte)
	}
	s.fifo = append(s.fifo, data[:n]...)
	return n
}

// give packs what has come in: each packet begins with the status. Without anything
// else the host is told of it each time that the latency timer is over; here, when
// it has changed.
func (s *serialFunction) give(most int) []byte {
	now, status := time.Now(), s.status()
	if len(s.toHost) == 0 && (status == s.told || now.Sub(s.toldAt) < time.Duration(s.latency)*time.Millisecond) {
		return nil
	}
	n := min(len(s.toHost), min(most, packetSize)-len(status))
	b := append(status[:], s.toHost[:n]...)
	s.toHost, s.told, s.toldAt = s.toHost[n:], status, now
	return b
}

// status is the modem status and the line status, as a 16550's; the lowest bit of
// the first is always set.
func (s *serialFunction) status() [2]byte {
	const room, empty = 0x20, 0x40
	(*Serial)(s).advance(time.Now())
	b := [2]byte{byte(s.fromFar) | 1, 0}
	if len(s.fifo) < fifoSize {
		b[1] |= room
	}
	if len(s.fifo) == 0 {
		b[1] |= empty
	}
	return b
}

// control is the chip's own requests (Linux, drivers/usb/serial/ftdi_sio.h).
func (s *serialFunction) control(q setup, _ []byte) ([]byte, bool) {
	const (
		reset          = 0
		setModem       = 1
		setFlow        = 2
		getModem       = 5
		setLatency     = 9
		getLatency     = 10
		flowCTS        = 0x0100 // in the index
		purgeIn        = 1
		purgeOut       = 2
		nothingToPurge = 0
	)
	switch {
	case q.kind() == vendorFrom && q.request() == getModem:
		status := s.status()
		return status[:], true
	case q.kind() == vendorFrom && q.request() == getLatency:
		return []byte{s.latency}, true
	case q.kind() == vendorFrom:
		return make([]byte, q.length()), true // an empty EEPROM
	case q.kind() != vendorTo:
		return nil, false
	}
	switch q.request() {
	case reset:
		switch q.value() {
		case nothingToPurge:
			s.fifo, s.toHost = nil, nil
		case purgeIn:
			s.toHost = nil
		case purgeOut:
			s.fifo = nil
		}
	case setModem:
		which := Lines(q.value() >> 8)
		before := s.fromHost
		s.fromHost = s.fromHost&^which | Lines(q.value())&which
		if before&DTR == 0 && s.fromHost&DTR != 0 {
			s.raised++
		}
	case setFlow:
		s.minds = q.index()&flowCTS != 0
	case setLatency:
		s.latency = byte(q.value())
	}
	return nil, true
}
