package card

import "fmt"

// Class is what kind of card it was.
type Class uint8

// The classes. The zero value is the one that lets nobody in.
const (
	Unreadable Class = iota // the reader could not decode it, or it is in no standard's form
	Payment                 // a payment card
	Licence                 // a driver licence
	Operator                // in one of the site's operator formats
	Unknown                 // readable, and none of these
)

var classNames = [...]string{"unreadable", "payment", "licence", "operator", "unknown"}

// String gives the class's word.
func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return fmt.Sprintf("class-%d", uint8(c))
}

// Card is what is left of a swipe once it was classified: the class, and of an
// operator card the payload that it is known by. Call Wipe when done with it.
type Card struct {
	class  Class
	format string
	buf    *buffer // canonical payload; empty unless the class is Operator
}

// Class says what kind of card it was.
func (c *Card) Class() Class {
	if c == nil {
		return Unreadable
	}
	return c.class
}

// FormatName is the name of the operator format, as configured.
func (c *Card) FormatName() string {
	if c == nil {
		return ""
	}
	return c.format
}

// Payload is what a keyed hash identifies the card by: the version of this
// form, the track, and all of that track's text without sentinels and LRC, so
// that the same card gives the same bytes on every reader. It is nil unless the
// class is Operator, and after Wipe.
func (c *Card) Payload() []byte {
	if c == nil || c.class != Operator || len(c.buf.bytes()) == 0 {
		return nil
	}
	return c.buf.bytes()
}

// Wipe zeroes the payload; the class stays. It may be called more than once.
func (c *Card) Wipe() {
	if c != nil {
		c.buf.wipe()
	}
}

// payloadVersion begins a canonical payload. A change of the form makes every
// enrolled card unknown: never change it, add a version.
const payloadVersion = 1

// Classify says what kind of card the tracks are of, and wipes them. The
// order is that of danger: a payment card, then a driver licence, then the
// site's formats, the first that fits. What was not read in whole and is none
// of these is unreadable, so that the holder swipes again.
//
// Good tracks count also where another could not be read.
func Classify(t *Tracks, formats []Format) *Card {
	defer t.Wipe()
	if t == nil {
		return &Card{}
	}
	if t.isPayment() {
		return &Card{class: Payment}
	}
	if t.isLicence() {
		return &Card{class: Licence}
	}
	for i := range formats {
		f := &formats[i]
		payload := t.Payload(f.Track)
		if len(payload) == 0 || !f.matches(payload) {
			continue
		}
		b := make([]byte, 0, len(payload)+2)
		b = append(b, payloadVersion, byte(f.Track))
		b = append(b, payload...)
		return &Card{class: Operator, format: f.Name, buf: newBuffer(b)}
	}
	good := false
	for n := range t.status {
		switch t.status[n] {
		case ReadError, Malformed:
			return &Card{class: Unreadable}
		case Good:
			good = true
		case Absent:
		}
	}
	if !good {
		return &Card{class: Unreadable}
	}
	return &Card{class: Unknown}
}

// Read is Parse and Classify: what a swipe is, and nothing left of it but what
// the Card holds. A report that cannot be parsed is an unreadable card.
func Read(raw []byte, o Options, formats []Format) *Card {
	t, err := Parse(raw, o)
	if err != nil {
		return &Card{class: Unreadable}
	}
	return Classify(t, formats)
}
