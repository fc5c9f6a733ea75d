package sim

// machine is what status bytes tell of.
type machine struct {
	pinHigh, offline, cover, paperOut, paperLow, failed bool
}

func (p *Printer) status() machine {
	return machine{
		pinHigh: p.drawers.pinHigh(), offline: p.offline(),
		cover: p.coverOpen, paperOut: p.paperOut, paperLow: p.paperLow, failed: p.failed,
	}
}

func bit(n int, set bool) byte {
	if set {
		return 1 << n
	}
	return 0
}

// realTimeStatus is the answer to DLE EOT n: 0xx1xx10.
func (m machine) realTimeStatus(n byte) (byte, bool) {
	const fixed = 0x12
	switch n {
	case 1: // printer
		return fixed | bit(2, m.pinHigh) | bit(3, m.offline), true
	case 2: // why it is off line
		return fixed | bit(2, m.cover) | bit(5, m.paperOut) | bit(6, m.failed), true
	case 3: // errors
		return fixed | bit(3, m.failed), true
	case 4: // paper
		return fixed | bit(2, m.paperLow) | bit(3, m.paperLow) | bit(5, m.paperOut) | bit(6, m.paperOut), true
	}
	return 0, false
}

// paperStatus is the answer to GS r 1 and ESC v: 0xx0xxxx.
func (m machine) paperStatus() byte {
	return bit(0, m.paperLow) | bit(1, m.paperLow) | bit(2, m.paperOut) | bit(3, m.paperOut)
}

// automatic is the four bytes that GS a asks for.
func (m machine) automatic() []byte {
	return []byte{
		0x10 | bit(2, m.pinHigh) | bit(3, m.offline) | bit(5, m.cover),
		bit(3, m.failed),
		m.paperStatus(),
		0x0f,
	}
}

// star is the frame that a Star sends where an Epson sends its four bytes.
func (m machine) star() []byte {
	const seven = 0x0f // how many bytes, and that it is the first of them
	return []byte{
		seven, 0,
		bit(2, m.pinHigh) | bit(3, m.offline) | bit(5, m.cover),
		bit(3, m.failed),
		0,
		bit(2, m.paperLow) | bit(3, m.paperOut),
		0,
	}
}

// What the bits of GS a ask to be told of.
const (
	asbDrawer = 1 << iota
	asbOnline
	asbError
	asbPaper
)

// report tells the host of a change that it asked to be told of.
func (p *Printer) report(before machine) {
	if !p.on {
		return
	}
	after, asked := p.status(), p.settings.asb
	if p.model.Star {
		if asked != 0 && before != after {
			p.send(after.star())
		}
		return
	}
	if asked&asbDrawer != 0 && before.pinHigh != after.pinHigh ||
		asked&asbOnline != 0 && (before.offline != after.offline || before.cover != after.cover) ||
		asked&asbError != 0 && before.failed != after.failed ||
		asked&asbPaper != 0 && (before.paperOut != after.paperOut || before.paperLow != after.paperLow) {
		p.send(after.automatic())
	}
}
