package sim

import (
	"fmt"
	"time"
)

// drawers are what hangs on the drawer connector: one at pin 2, one at pin 5,
// and the switches of both on pin 3.
type drawers struct {
	open, locked [2]bool
	openIsHigh   bool
	busy         time.Time // until when a pulse is being put out
}

func checkDrawer(drawer int) error {
	if drawer != 1 && drawer != 2 {
		return fmt.Errorf("no drawer %d: 1 hangs on pin 2, 2 on pin 5", drawer)
	}
	return nil
}

// pinHigh is the level of pin 3. Both switches are on one wire, so that any
// open drawer shows, and not which.
func (d *drawers) pinHigh() bool {
	open := d.open[0] || d.open[1]
	return open == d.openIsHigh
}

// The ways in which a pulse comes about.
const (
	viaBuffer   = "buffer"    // a command out of the receive buffer
	viaRealTime = "real-time" // a command executed as it arrived
	viaMacro    = "macro"     // a stored macro that a command ran
	viaFeed     = "feed"      // a stored macro that the feed button ran
)

// Pulse is one time that the printer drove a drawer.
type Pulse struct {
	Number  int64     `json:"number"` // 0 is the first
	At      time.Time `json:"at"`
	Drawer  int       `json:"drawer"`
	Command string    `json:"command"` // the manual's name
	Via     string    `json:"via"`
	Bytes   HexBytes  `json:"bytes"`  // what the printer took for the command
	Offset  int64     `json:"offset"` // in all that was received, of the byte last received
	OnMS    int       `json:"on_ms"`
	OffMS   int       `json:"off_ms"`
	// Opened: the drawer was shut before, and not locked.
	Opened bool `json:"opened"`
}

// pulseLog keeps the last pulses.
type pulseLog struct {
	kept  []Pulse
	total int64
}

func (l *pulseLog) add(p Pulse) {
	p.Number = l.total
	l.total++
	l.kept = append(l.kept, p)
	if len(l.kept) > maxPulses {
		l.kept = append([]Pulse(nil), l.kept[len(l.kept)-maxPulses/2:]...)
	}
}

func (l *pulseLog) from(n int64) ([]Pulse, int64) {
	first := l.total - int64(len(l.kept))
	skip := min(max(n-first, 0), int64(len(l.kept)))
	return append([]Pulse(nil), l.kept[skip:]...), l.total
}

// pulse drives a drawer.
func (p *Printer) pulse(drawer int, command, via string, bytes []byte, on, off time.Duration) {
	now := p.now()
	p.drawers.busy = now.Add(on + off)
	opened := !p.drawers.open[drawer-1] && !p.drawers.locked[drawer-1]
	p.pulses.add(Pulse{
		At: now, Drawer: drawer, Command: command, Via: via,
		Bytes: append(HexBytes(nil), bytes...), Offset: p.captured.total - 1,
		OnMS: int(on.Milliseconds()), OffMS: int(off.Milliseconds()), Opened: opened,
	})
	if opened {
		p.changing(func() { p.drawers.open[drawer-1] = true })
	}
}

// drawerOf reads a command's m: 0 is pin 2, 1 is pin 5, and both may be given
// as digits.
func (p *Printer) drawerOf(m byte, digits bool) (int, bool) {
	if p.model.LowBit {
		return int(m&1) + 1, true
	}
	if digits && (m == '0' || m == '1') {
		m -= '0'
	}
	return int(m) + 1, m <= 1
}
