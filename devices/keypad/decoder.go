package keypad

import (
	"bytes"
	"time"
)

// Decoder makes keys of bytes, and lines of keys. It has no clock: the time
// comes with the bytes.
type Decoder struct {
	source string
	config Config
	line   []byte    // never more than config.Max
	spoilt bool      // a byte of the line was no key: dropped until Enter or Clear
	cr     bool      // the last byte was a CR, whose LF is no second Enter
	last   time.Time // when the last key came
}

// NewDecoder makes a decoder whose events bear source.
func NewDecoder(source string, c Config) (*Decoder, error) {
	c, err := c.check()
	if err != nil {
		return nil, err
	}
	return &Decoder{source: source, config: c, line: make([]byte, 0, c.Max)}, nil
}

// Reset forgets, and empties, what was typed.
func (d *Decoder) Reset() {
	clear(d.line[:cap(d.line)])
	d.line, d.spoilt = d.line[:0], false
}

// Deadline is when Feed is to be called though nothing came, if it is.
func (d *Decoder) Deadline() (time.Time, bool) {
	if len(d.line) == 0 && !d.spoilt {
		return time.Time{}, false
	}
	return d.last.Add(d.config.Timeout), true
}

// Feed takes what came in at a moment, which may be nothing. It keeps nothing
// of p.
func (d *Decoder) Feed(p []byte, now time.Time, emit func(Event)) {
	if at, waiting := d.Deadline(); waiting && !now.Before(at) {
		spoilt := d.spoilt
		d.Reset()
		if !spoilt {
			d.tell(KindTimeout, emit)
		}
	}
	if len(p) > 0 {
		d.last = now
	}
	for _, c := range p {
		d.key(c, emit)
	}
}

func (d *Decoder) tell(k Kind, emit func(Event)) {
	emit(Event{Source: d.source, At: d.last, Kind: k, Length: len(d.line)})
}

func (d *Decoder) key(c byte, emit func(Event)) {
	newline := c == '\n' && d.cr
	d.cr = c == '\r'
	if newline {
		return
	}
	name, function := d.config.Functions[c]
	switch {
	case function:
		emit(Event{Source: d.source, At: d.last, Kind: KindFunction, Function: name, Length: len(d.line)})
	case bytes.IndexByte(d.config.Enter, c) >= 0:
		if !d.spoilt {
			text := bytes.Clone(d.line)
			emit(Event{Source: d.source, At: d.last, Kind: KindLine, Length: len(text), open: keep(text)})
		}
		d.Reset()
	case bytes.IndexByte(d.config.Clear, c) >= 0:
		d.Reset()
		d.tell(KindClear, emit)
	case d.spoilt:
	case bytes.IndexByte(d.config.Backspace, c) >= 0:
		if n := len(d.line); n > 0 {
			d.line[n-1] = 0
			d.line = d.line[:n-1]
		}
		d.tell(KindKey, emit)
	case bytes.IndexByte([]byte(typed), c) >= 0:
		if len(d.line) == cap(d.line) {
			d.spoil(KindTooLong, emit)
			return
		}
		d.line = append(d.line, c)
		d.tell(KindKey, emit)
	case c < 0x20 || c >= 0x7f:
		d.spoil(KindGarbled, emit)
	default:
		// A key that has no meaning here.
	}
}

// spoil gives the line up: what would be left of it is not what was typed.
func (d *Decoder) spoil(k Kind, emit func(Event)) {
	d.Reset()
	d.spoilt = true
	d.tell(k, emit)
}
