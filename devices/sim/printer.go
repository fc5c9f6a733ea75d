package sim

import (
	"sync"
	"time"
)

// PrinterOptions say what a printer is and where it stands.
type PrinterOptions struct {
	Model Model
	// OpenIsHigh: the drawers' switch makes pin 3 high when open. It is the
	// drawer that decides it, not the printer.
	OpenIsHigh bool
	// BytesPerSecond is how fast it works; 0 means at once. It is kept by
	// whoever calls Process.
	BytesPerSecond int
	// Buffer is the receive buffer's size; 0 means 4096.
	Buffer int
	// Clock tells the time; nil means time.Now.
	Clock func() time.Time
	// Send takes what the printer tells its host. It must not block. May be nil.
	Send func([]byte)
}

const (
	defaultBuffer = 4096

	// What is kept of the past.
	maxPulses   = 10_000
	maxPaper    = 5_000
	maxCaptured = 1 << 20
)

// Printer is a receipt printer with a drawer on each pin of its drawer
// connector. All its methods may be called at any time from anywhere.
type Printer struct {
	mu    sync.Mutex
	model Model
	size  int
	slow  bool
	now   func() time.Time
	send  func([]byte)

	// The machine, as people see it.
	on        bool
	switched  bool // taken off line by hand
	coverOpen bool
	paperOut  bool
	paperLow  bool
	failed    bool // the cutter is stuck
	drawers   drawers
	paper     paper
	pictures  pictures
	pulses    pulseLog
	captured  capture

	// Lost with the power.
	reception reception
	queue     []byte
	overruns  int64
	settings  settings
	macro     macro
	parser    parser
	text      text
}

// settings are what commands change and ESC @ or the power switch resets.
type settings struct {
	asb        byte // GS a
	pulsesOff  bool // GS ( D: DLE DC4 fn 1 disabled
	powerOff   bool // GS ( D: DLE DC4 fn 2 enabled
	deselected bool // ESC =
	hexDump    bool // GS ( A: all that comes is printed in hexadecimal
	kanji      bool // FS &
	shiftJIS   bool // FS C: two-byte characters begin with 81 to 9F and E0 to FC
	symbols    symbols
	graphic    *graphic
	glyphs     glyphs
	raster     bool // Star's raster mode
	rows       rasterRows
	pulseOn    time.Duration // ESC BEL, on a Star
}

// settings are those that a printer of the model begins with.
func (m Model) settings() settings { return settings{kanji: m.KanjiOn} }

// NewPrinter makes a printer that is switched on, on line and has paper.
func NewPrinter(o PrinterOptions) *Printer {
	if o.Model.Columns == 0 {
		o.Model = Models()[0]
	}
	if o.Buffer <= 0 {
		o.Buffer = defaultBuffer
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Send == nil {
		o.Send = func([]byte) {}
	}
	p := &Printer{model: o.Model, size: o.Buffer, slow: o.BytesPerSecond > 0, now: o.Clock, send: o.Send, on: true}
	p.drawers.openIsHigh = o.OpenIsHigh
	p.reset()
	return p
}

// reset is what the power switch does.
func (p *Printer) reset() {
	p.reception = reception{}
	p.queue = nil
	p.settings = p.model.settings()
	p.macro = macro{credit: maxMacroCredit}
	p.parser = parser{}
	p.text = newText(p.model.Columns)
}

// Room is how many bytes the receive buffer takes before it is full. A host
// that minds the printer's busy signal sends no more than that.
func (p *Printer) Room() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.on {
		return p.size
	}
	return max(p.size-len(p.queue), 0)
}

// Receive takes what comes in over the line. Each byte is looked at for
// real-time commands as it arrives and then put into the receive buffer, from
// which an idle printer works at once. Bytes for which there is no room are
// lost, as a host's that does not mind the busy signal; bytes to a printer that
// is off are lost as well.
func (p *Printer) Receive(data []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range data {
		p.captured.add(c)
		if !p.on {
			continue
		}
		if len(p.queue) >= p.size {
			p.overruns++
			p.realTime(c)
			continue
		}
		p.queue = append(p.queue, c)
		p.realTime(c)
		if !p.slow {
			p.work(len(p.queue))
		}
	}
}

// Process works on up to n bytes of the receive buffer and tells how many
// those were. It is for slow printers; others work as they receive.
func (p *Printer) Process(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.work(n)
}

// Waiting is how many bytes are in the receive buffer.
func (p *Printer) Waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue)
}

// work takes bytes out of the receive buffer for as long as the printer can
// print.
func (p *Printer) work(n int) int {
	done := 0
	for done < n && len(p.queue) > 0 && !p.offline() && p.macro.waiting == 0 {
		c := p.queue[0]
		p.queue = p.queue[1:]
		done++
		p.take(c)
	}
	if len(p.queue) == 0 {
		p.queue = nil
	}
	return done
}

// offline reports whether the printer does not print.
func (p *Printer) offline() bool {
	return !p.on || p.switched || p.coverOpen || p.paperOut || p.failed
}

// change does something to the machine, tells the host if it asked to be told,
// and goes on with what waited.
func (p *Printer) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changing(f)
	if !p.slow {
		p.work(len(p.queue))
	}
}

// changing is change under the lock.
func (p *Printer) changing(f func()) {
	before := p.status()
	f()
	p.report(before)
}

// SetOnline takes the printer off line, or back, as its switch does.
func (p *Printer) SetOnline(on bool) { p.change(func() { p.switched = !on }) }

// SetPaper takes the paper out, or puts a new roll in.
func (p *Printer) SetPaper(there bool) { p.change(func() { p.paperOut, p.paperLow = !there, !there }) }

// SetPaperLow makes the paper near its end, or not.
func (p *Printer) SetPaperLow(low bool) { p.change(func() { p.paperLow = low }) }

// SetCover opens or closes the cover.
func (p *Printer) SetCover(open bool) { p.change(func() { p.coverOpen = open }) }

// SetFailed sticks the cutter, or frees it.
func (p *Printer) SetFailed(failed bool) { p.change(func() { p.failed = failed }) }

// SetPower switches the printer off, upon which it forgets everything, or on.
// The line stays connected.
func (p *Printer) SetPower(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.on == on {
		return
	}
	p.reset()
	p.on = on
}

// Feed presses the paper feed button: a line of paper, or a macro that waits
// for it.
func (p *Printer) Feed() {
	p.change(func() {
		if !p.on {
			return
		}
		if p.macro.waiting > 0 {
			p.macro.waiting = 0
			p.runMacro(viaFeed)
			return
		}
		p.text.lineFeed(&p.paper)
	})
}

// OpenDrawer opens a drawer with its key: no pulse, but the switch moves.
func (p *Printer) OpenDrawer(drawer int) error { return p.moveDrawer(drawer, true) }

// CloseDrawer pushes a drawer shut.
func (p *Printer) CloseDrawer(drawer int) error { return p.moveDrawer(drawer, false) }

func (p *Printer) moveDrawer(drawer int, open bool) error {
	if err := checkDrawer(drawer); err != nil {
		return err
	}
	p.change(func() { p.drawers.open[drawer-1] = open })
	return nil
}

// LockDrawer turns a drawer's lock to where no pulse opens it, or back.
func (p *Printer) LockDrawer(drawer int, locked bool) error {
	if err := checkDrawer(drawer); err != nil {
		return err
	}
	p.change(func() { p.drawers.locked[drawer-1] = locked })
	return nil
}

// State is the machine as people see it.
type State struct {
	On       bool     `json:"on"`
	Online   bool     `json:"online"`
	Cover    bool     `json:"cover_open"`
	PaperOut bool     `json:"paper_out"`
	PaperLow bool     `json:"paper_low"`
	Failed   bool     `json:"failed"`
	Drawers  []Drawer `json:"drawers"`
	PinHigh  bool     `json:"pin_high"` // drawer connector pin 3
	Pulses   int64    `json:"pulses"`   // since the beginning
	Lines    int64    `json:"lines"`    // of paper, since the beginning
	Received int64    `json:"received"` // bytes, since the beginning
	Waiting  int      `json:"waiting"`  // bytes in the receive buffer
	Overruns int64    `json:"overruns"` // bytes lost because it was full
	Macro    int      `json:"macro"`    // bytes of a macro that is stored

	// SerialDrawer is the drawer with a line of its own, if the station has one.
	SerialDrawer *SerialDrawerState `json:"serial_drawer,omitempty"`
}

// Drawer is one drawer as people see it.
type Drawer struct {
	Drawer int  `json:"drawer"`
	Open   bool `json:"open"`
	Locked bool `json:"locked"`
}

// State tells how the machine is.
func (p *Printer) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := State{
		On: p.on, Online: !p.offline(), Cover: p.coverOpen, PaperOut: p.paperOut, PaperLow: p.paperLow, Failed: p.failed,
		PinHigh: p.drawers.pinHigh(), Pulses: p.pulses.total, Lines: p.paper.total, Received: p.captured.total,
		Waiting: len(p.queue), Overruns: p.overruns, Macro: len(p.macro.stored),
	}
	for i := range p.drawers.open {
		s.Drawers = append(s.Drawers, Drawer{Drawer: i + 1, Open: p.drawers.open[i], Locked: p.drawers.locked[i]})
	}
	return s
}

// Paper is what was printed from a line on (0 is the first), and the number of
// the next line.
func (p *Printer) Paper(from int64) (lines []string, next int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.paper.from(from, func(l line) string { return l.text })
}

// Look is Paper with how each line is printed: what differs from a printer
// just initialised stands in braces, at its place, and what is not text in full.
func (p *Printer) Look(from int64) (lines []string, next int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.paper.from(from, func(l line) string { return l.look })
}

// Pulses are the pulses from one on (0 is the first), and the number of the
// next.
func (p *Printer) Pulses(from int64) (pulses []Pulse, next int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pulses.from(from)
}

// Received is what came over the line from an offset on, and the offset of what
// comes next. Only the last mebibyte is kept.
func (p *Printer) Received(from int64) (data []byte, next int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.captured.from(from)
}
