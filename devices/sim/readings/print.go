package readings

import "math/bits"

// Reading is one printer: the choices that it makes wherever it has them.
type Reading = Choice

// What an effect is.
type What uint8

// What is printed.
const (
	_       What = iota
	Text         // a character, or half of one
	Control      // LF, CR, HT, FF, CAN
	Command      // a command, up to its payload
	Data         // a byte of a payload
	Width        // a byte of a payload that says how much of it follows
)

// Effect is one step of what is printed.
type Effect struct {
	What  What
	Bytes string
}

// Printed is what one printer makes of a stream.
type Printed struct {
	Effects []Effect
	Pulses  int
	Found   []Kind // whatever else it is that nobody granted
	// Ground: the stream ended between commands.
	Ground bool
}

// Text is the characters among the effects, and the ends of lines.
func (p *Printed) Text() string {
	var b []byte
	for _, e := range p.Effects {
		if e.What == Text || e.Bytes == "\n" && e.What == Control {
			b = append(b, e.Bytes...)
		}
	}
	return string(b)
}

// Print sends a stream to one printer.
func Print(l *Language, r Reading, stream []byte) Printed {
	m := newMachine(l)
	m.effects = true
	var s state
	var p Printed
	for _, b := range stream {
		s = p.take(pick(m.read(s, b, false), r))
		for s.input != 0 {
			s = p.take(pick(m.again(s), r))
		}
	}
	p.Ground = s.phase == ground
	return p
}

func (p *Printed) take(o outcome) state {
	if o.effect.What != 0 {
		p.Effects = append(p.Effects, o.effect)
	}
	for _, k := range o.found {
		switch k {
		case 0:
		case Pulse:
			p.Pulses++
		default:
			p.Found = append(p.Found, k)
		}
	}
	return o.state
}

// pick is the outcome that takes as many of the reading's choices as there are,
// and no others.
func pick(outcomes []outcome, r Reading) outcome {
	best, most := -1, -1
	for i, o := range outcomes {
		if n := bits.OnesCount32(uint32(o.tags)); o.tags&^r == 0 && n > most {
			best, most = i, n
		}
	}
	return outcomes[best]
}
