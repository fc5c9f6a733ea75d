package record

import "tillwarden/devices/escpos"

// Card numbers have 13 to 19 digits (ISO/IEC 7812).
const (
	leastDigits = 13
	mostDigits  = 19
)

// Mask hides card numbers in what a POS prints and, if told to, all text. Make
// one with NewMask. It is for one stream.
//
// A card's number is printed with spaces, dashes or ends of lines in it, or with commands
// between its digits; so the digits are looked for twice: among the bytes as they
// come, and in the text alone. Pictures, whose dots can be digits by chance, are
// not spared: a dot more or less does not matter to support.
type Mask struct {
	text   bool
	filter *escpos.Filter

	// kept are bytes that were not given out yet, from offset base on; read is up
	// to where the filter is done with them.
	kept       []byte
	base, read int64

	raw, printed digits
}

// NewMask masks a stream in a dialect; text says that all text is masked.
func NewMask(d *escpos.Dialect, text bool) *Mask {
	return &Mask{text: text, filter: escpos.NewFilter(d)}
}

// Write takes the next bytes and returns what can be given out of those so far:
// all but the end, which may be the beginning of a number.
func (m *Mask) Write(p []byte) []byte {
	at := m.base + int64(len(m.kept))
	m.kept = append(m.kept, p...)
	for i, b := range p {
		m.raw.next(m, b, at+int64(i))
	}
	m.filter.Feed(p, m.segment)
	return m.give(min(m.read, m.raw.open(m.end()), m.printed.open(m.end())))
}

// Idle says that the stream has stalled, or that its job is over: what was an
// incomplete command is one no more. It returns what can be given out by that.
func (m *Mask) Idle() []byte {
	m.filter.Idle(m.segment)
	m.read = m.end()
	m.raw.close(m)
	m.printed.close(m)
	return m.give(m.end())
}

// Skip says that bytes are left out here. A command's end may be among them, so
// that it is waited for no longer; a number's digits go on.
func (m *Mask) Skip() []byte {
	m.filter.Idle(m.segment)
	m.read = m.end()
	return m.give(min(m.read, m.raw.open(m.end()), m.printed.open(m.end())))
}

func (m *Mask) end() int64 { return m.base + int64(len(m.kept)) }

// give gives out what is before offset to.
func (m *Mask) give(to int64) []byte {
	n := int(max(to-m.base, 0))
	if n == 0 {
		return nil // much may be kept: it is not moved for nothing
	}
	out := append([]byte(nil), m.kept[:n]...)
	m.kept = append(m.kept[:0], m.kept[n:]...)
	m.base += int64(n)
	return out
}

// segment takes what the filter made of the bytes.
func (m *Mask) segment(s *escpos.Segment) {
	m.read = max(m.read, s.Offset+int64(s.In))
	if s.Kind == escpos.Image {
		m.printed.close(m) // else all of it would be kept for the digit before it
	}
	if len(s.Bytes) != s.In || s.Kind != escpos.Text && s.Kind != escpos.Barcode {
		return
	}
	for i, b := range s.Bytes { // as they came: what is kept may be masked already
		at := s.Offset + int64(i)
		m.printed.next(m, b, at)
		if m.text && s.Kind == escpos.Text {
			m.kept[at-m.base] = hide(b)
		}
	}
}

// hide keeps the form of text: letters and digits are others, all else stays.
func hide(b byte) byte {
	switch {
	case b >= '0' && b <= '9':
		return '9'
	case b >= 'A' && b <= 'Z':
		return 'X'
	case b >= 'a' && b <= 'z', b >= 0x80:
		return 'x'
	}
	return b
}

// digits is a run of digits with separators between them.
type digits struct {
	run []digit
	gap int // what came since the last digit
	all bool
}

type digit struct {
	value byte
	at    int64
}

// maxGap is how many bytes between two digits of one number may be what is
// neither letter nor digit: two spaces, an end of line with the next one's margin,
// a dash or a narrow space in UTF-8. Better a date too many than a number too few.
const maxGap = 4

// maxRun bounds a run: of one that is longer all digits are hidden.
const maxRun = 512

func (d *digits) next(m *Mask, b byte, at int64) {
	switch {
	case b >= '0' && b <= '9':
		d.gap = 0
		if len(d.run) == maxRun {
			d.all = true
			m.cover(d.run[0].at)
			d.run = append(d.run[:0], d.run[1:]...)
		}
		d.run = append(d.run, digit{b - '0', at})
	case d.gap < maxGap && (b < 'A' || b > 'Z') && (b < 'a' || b > 'z'):
		d.gap++
	default:
		d.close(m)
	}
}

// close ends a run, and hides what is a card's number in it.
func (d *digits) close(m *Mask) {
	hidden := make([]bool, len(d.run))
	for i := range d.run {
		for n := leastDigits; n <= mostDigits && i+n <= len(d.run); n++ {
			if luhn(d.run[i : i+n]) {
				for k := i; k < i+n; k++ {
					hidden[k] = true
				}
			}
		}
	}
	for i, x := range d.run {
		if hidden[i] || d.all {
			m.cover(x.at)
		}
	}
	d.run, d.gap, d.all = d.run[:0], 0, false
}

// open is from where on bytes may not be given out yet.
func (d *digits) open(end int64) int64 {
	if len(d.run) == 0 {
		return end
	}
	return d.run[0].at
}

// cover hides a digit that was not given out yet.
func (m *Mask) cover(at int64) {
	if i := at - m.base; i >= 0 && i < int64(len(m.kept)) {
		m.kept[i] = '*'
	}
}

// luhn reports whether the last digit is the check digit of the others (ISO/IEC
// 7812, annex B).
func luhn(run []digit) bool {
	sum := 0
	for i := range run {
		v := int(run[len(run)-1-i].value)
		if i%2 == 1 {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	return sum%10 == 0
}
