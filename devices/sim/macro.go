package sim

// macro is what GS : stores and GS ^ or the feed button runs. Neither ESC @ nor
// the end of a job forgets it.
type macro struct {
	recording bool
	stored    []byte

	times   int // how often a run runs it
	due     bool
	waiting int // 1: for the feed button
	running bool
	current string // how the command that runs now came about

	// credit is how many bytes of macros may still be run. A printer is held up
	// by its paper; without this, few bytes would keep us busy for long.
	credit int
}

const (
	// maxMacro is what a TM-T88 stores.
	maxMacro = 2048
	// A printer begins with the most credit, and each byte that comes in earns
	// some again.
	macroCredit, maxMacroCredit = 64, 1 << 16
)

// record stores a byte of the macro that is being defined. The commands in it
// are executed all the same.
func (p *Printer) record(c byte) {
	if p.macro.recording && len(p.macro.stored) < maxMacro+2 {
		p.macro.stored = append(p.macro.stored, c)
	}
}

// defineMacro is GS :, which begins a definition and ends it.
func (p *Printer) defineMacro() {
	m := &p.macro
	if m.running {
		return
	}
	if !m.recording {
		m.recording, m.stored = true, nil
		return
	}
	m.recording = false
	// The GS : that ended it was recorded too.
	m.stored = m.stored[:max(len(m.stored)-2, 0)]
	m.stored = m.stored[:min(len(m.stored), maxMacro)]
}

// callMacro is GS ^ r t m: run it r times at once, or r times a press of the
// feed button. The pauses between are not waited for.
func (p *Printer) callMacro(times, mode byte) {
	m := &p.macro
	switch {
	case m.running:
	case m.recording:
		*m = macro{current: m.current, credit: m.credit}
	case len(m.stored) == 0:
	case mode == 1:
		m.times, m.waiting = int(times), 1
	default:
		m.times, m.due = int(times), true
	}
}

// runMacro gives the stored bytes to the sequential parser as if they had come
// in now.
func (p *Printer) runMacro(via string) {
	m := &p.macro
	m.due, m.running = false, true
	stored := m.stored
	for n := m.times; n > 0 && m.credit >= len(stored); n-- {
		m.credit -= len(stored)
		for _, c := range stored {
			if p.settings.deselected {
				p.unselected(c)
				continue
			}
			p.parse(c, via)
		}
	}
	m.running = false
}
