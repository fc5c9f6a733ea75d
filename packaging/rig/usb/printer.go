package usb

import (
	"sync"

	"tillwarden/devices/sim"
)

// Printer is a receipt printer on USB: Debian's usblp makes it /dev/usb/lp0. What is
// sent to it goes to the simulated printer that it is made with, and its answers
// go back.
type Printer struct {
	*device
	*sim.Printer
	held bool // guarded by the device's mu

	mu      sync.Mutex
	answers []byte // guarded by mu
}

// NewPrinter makes one, not plugged in yet. o.Send is ours.
func NewPrinter(o sim.PrinterOptions) *Printer {
	p := &Printer{}
	o.Send = p.answer
	p.Printer = sim.NewPrinter(o)
	// A TM-T88VI of the printer class, bidirectional (USB printer class 1.1, 5.3).
	what := describe(highSpeed, 0x04b8, 0x0202, 0x0100, [3]byte{7, 1, 2}, 2, 1, "EPSON", "TM-T88 (simulated)", "SIM0001")
	p.device = &device{what: what, does: (*printerFunction)(p)}
	return p
}

// answer takes what the printer says to its host. The printer may be at work for
// us, with the device's lock held, so that going on is another's turn.
func (p *Printer) answer(b []byte) {
	p.mu.Lock()
	p.answers = append(p.answers, b...)
	p.mu.Unlock()
	go p.poke()
}

// Hold stops the printer from taking anything, as one does that is busy or has no
// paper; with false it goes on.
func (p *Printer) Hold(on bool) {
	p.device.mu.Lock()
	p.held = on
	p.device.mu.Unlock()
	p.poke()
}

// Held is how much the host has sent that the printer did not take.
func (p *Printer) Held() (n int) {
	p.device.mu.Lock()
	defer p.device.mu.Unlock()
	for _, t := range p.out {
		n += len(t.data)
	}
	return n
}

// printerFunction is the printer as the device sees it.
type printerFunction Printer

func (p *printerFunction) plugged() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers = nil
}

func (p *printerFunction) take(data []byte) int {
	if p.held {
		return 0
	}
	n := min(len(data), p.Room())
	p.Receive(data[:n])
	return n
}

func (p *printerFunction) give(most int) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := min(most, len(p.answers))
	if n == 0 {
		return nil
	}
	b := p.answers[:n:n]
	p.answers = p.answers[n:]
	return b
}

// control is the printer class's requests (USB printer class 1.1, 4.2).
func (p *printerFunction) control(s setup, _ []byte) ([]byte, bool) {
	const (
		getDeviceID   = 0
		getPortStatus = 1
		softReset     = 2
	)
	switch {
	case s.kind() == classFrom && s.request() == getDeviceID:
		const id = "MFG:EPSON;CMD:ESC/POS;MDL:TM-T88VI;CLS:PRINTER;"
		return append([]byte{0, byte(len(id) + 2)}, id...), true
	case s.kind() == classFrom && s.request() == getPortStatus:
		const selected, noError, noPaper = 0x10, 0x08, 0x20
		switch state := p.State(); {
		case state.PaperOut:
			return []byte{noPaper}, true
		case !state.Online:
			return []byte{noError}, true
		}
		return []byte{selected | noError}, true
	case s.kind() == classOfIface && s.request() == softReset:
		return nil, true
	}
	return nil, false
}
