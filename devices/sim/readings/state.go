package readings

// phase is where the sequential parser is.
type phase uint8

const (
	ground     phase = iota
	head             // in a command: h holds n bytes of it
	counted          // in a payload: left bytes follow
	coded            // the same in a bar code, which may end at any character
	untilNUL         // in a bar code that ends with NUL
	untilByte        // in a command that ends with the byte aux
	tabs             // in tab stops: left of them so far, aux the last one
	glyphWidth       // before a character's width: aux is rows and how many follow
	glyph            // in its dots
	blockHead        // in the head of a stored picture: aux pictures follow
	block            // in its dots
	decimals         // in numbers that end with semicolons: aux of them follow
	trail            // after a lead byte that takes the next byte with it
	trailText        // the same, if that can be text
)

// flags are the printer's modes.
type flags uint16

const (
	own        flags = 1 << iota // all of the command so far are bytes of the daemon's
	ownRT                        // the same of the real-time command
	deselected                   // by ESC =
	quiet                        // the real-time kick is switched off
	recording                    // a macro is being defined
	armed                        // FEED runs the macro
	replaying                    // the macro runs
	wide                         // all text is of two-byte characters
	lost                         // a byte was lost already
	rows                         // rows of dots, and no text
)

// state is all that matters of a printer. It is comparable, and small: texts
// are kept by number (machine.texts).
type state struct {
	left, aux uint32
	h         [16]byte
	flags     flags
	macro     uint16 // what is recorded
	input     uint16 // what is being replayed
	at        uint16 // how far
	phase     phase
	n         uint8
	rt        uint8 // how much of a real-time command has arrived
	word      uint8 // how much of a command in text has been read
}

// fresh is the state at ground with the same modes.
func (s state) fresh() state {
	s.phase, s.n, s.left, s.aux = ground, 0, 0, 0
	s.h = [16]byte{}
	s.flags &^= own
	return s
}

func (s state) has(f flags) bool { return s.flags&f != 0 }

func (s state) set(f flags, on bool) state {
	s.flags &^= f
	if on {
		s.flags |= f
	}
	return s
}

// bytes is what there is of the command.
func (s *state) bytes() []byte { return s.h[:s.n] }

// in puts the state into a payload.
func (s state) in(p phase, left, aux uint32) state {
	s = s.fresh()
	s.phase, s.left, s.aux = p, left, aux
	return s
}
