package sim

import (
	"bytes"
	"time"
)

const (
	dle = 0x10
	eot = 0x04
	enq = 0x05
	dc4 = 0x14
)

// clearBuffers is DLE DC4 fn 8 with its fixed parameters.
var clearBuffers = []byte{dle, dc4, 0x08, 0x01, 0x03, 0x14, 0x01, 0x06, 0x02, 0x08}

// reception is the printer's first parser: it sees each byte as it arrives, in
// whatever that stands, knows nothing of the other commands, and acts at once.
type reception struct {
	last [10]byte // the last bytes that arrived, the newest at the end
	seen int      // how many of them there are
}

// ends returns the last n bytes, if as many have arrived.
func (r *reception) ends(n int) []byte {
	if r.seen < n {
		return nil
	}
	return r.last[len(r.last)-n:]
}

// realTime executes the real-time command that ends with c, if one does.
func (p *Printer) realTime(c byte) {
	r := &p.reception
	copy(r.last[:], r.last[1:])
	r.last[len(r.last)-1] = c
	r.seen = min(r.seen+1, len(r.last))
	if b := r.ends(3); b != nil && p.model.Star && b[0] == esc && b[1] == ack && b[2] == soh {
		p.send(p.status().star())
	}
	if p.model.NoRealTime {
		return
	}

	if b := r.ends(3); b != nil && b[0] == dle {
		switch b[1] {
		case eot:
			if answer, ok := p.status().realTimeStatus(b[2]); ok {
				p.send([]byte{answer})
			}
		case enq:
			p.recover(b[2])
		}
	}
	if b := r.ends(4); b != nil && b[0] == dle && b[1] == dc4 && b[2] == 7 {
		if b[3] == 1 {
			p.send(p.status().automatic())
		}
	}
	if b := r.ends(5); b != nil && b[0] == dle && b[1] == dc4 {
		switch b[2] {
		case 1:
			p.realTimePulse(b)
		case 2:
			if b[3] == 1 && b[4] == 8 && p.settings.powerOff {
				p.reset()
				p.on = false
			}
		}
	}
	if b := r.ends(len(clearBuffers)); b != nil && bytes.Equal(b, clearBuffers) {
		p.clear()
	}
}

// realTimePulse is DLE DC4 fn 1.
func (p *Printer) realTimePulse(b []byte) {
	drawer, ok := p.drawerOf(b[3], false)
	if !ok || b[4] == 0 || b[4] > 8 && !p.model.AnyTime {
		return
	}
	if p.settings.pulsesOff || p.now().Before(p.drawers.busy) {
		return
	}
	on := time.Duration(b[4]) * 100 * time.Millisecond
	p.pulse(drawer, "DLE DC4 1", viaRealTime, b, on, on)
}

// recover is DLE ENQ: out of an error, going on (1) or dropping everything (2).
func (p *Printer) recover(n byte) {
	if !p.failed || n != 1 && n != 2 {
		return
	}
	p.changing(func() { p.failed = false })
	if n == 2 {
		p.clear()
	}
}

// clear drops what waits to be printed and whatever command was begun.
func (p *Printer) clear() {
	p.queue = nil
	p.parser = parser{}
	p.macro.recording, p.macro.waiting = false, 0
	p.text.discard()
}
