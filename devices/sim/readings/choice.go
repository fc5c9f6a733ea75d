package readings

import (
	"math/bits"
	"strings"
)

// Choice is where printers differ. The zero value is what Epson's manuals say of
// a printer that knows the command and likes its parameters.
type Choice uint32

// The choices.
const (
	// Unknown1, 3, 5 and P: an unknown command is as long, P: a length follows its
	// third byte. Epson's printers drop two bytes.
	Unknown1 Choice = 1 << iota
	Unknown3
	Unknown5
	UnknownP
	// Forgets: it does not know a command that others know.
	Forgets
	// Stops: a parameter is out of range, and what follows is ordinary data.
	Stops
	// Rereads: the byte at which a command ended is ordinary data itself.
	Rereads
	// Refuses: what would be a payload is ordinary data.
	Refuses
	// EndsEarly: a bar code holds no such character.
	EndsEarly
	// OldFixed: the older bar codes are of a fixed length.
	OldFixed
	// ToNUL: tab stops end with NUL only.
	ToNUL
	// KanjiBlind and KanjiChecked: a lead byte takes the next one with it, any, or
	// only one that can be text.
	KanjiBlind
	KanjiChecked
	// LowBit: of a drawer's number only the lowest bit counts. Discards: a number
	// out of range takes its parameters with it.
	LowBit
	Discards
	// Liberal: a real-time kick may have any parameters.
	Liberal
	// Keeps: it does not know the real-time command that clears its buffers, or
	// the one that switches real-time commands off.
	Keeps
	// Drops: a control code that begins commands is dropped alone.
	Drops
	// Numbered: a macro's definition has a number (SureMark).
	Numbered
	// Clone: another maker's meaning of the same bytes.
	Clone
	// Loses: a byte of a payload is lost, its buffer being full.
	Loses
	// LosesAny: the same of any byte; only where asked for.
	LosesAny
	// Interrupted: an error, a cover or a reset made it forget what it was in.
	Interrupted
	// Everywhere: a one-byte kick is executed on arrival, in payloads too.
	Everywhere
)

var choiceNames = [...]string{
	"drops one byte of an unknown command", "drops three bytes of an unknown command", "drops five bytes of an unknown command",
	"takes an unknown command for one with a length", "does not know the command", "finds a parameter out of range",
	"reads the byte anew", "refuses the payload", "finds a character that the bar code cannot hold", "takes a fixed number of digits",
	"reads tab stops up to NUL", "takes the byte with the lead byte before it", "takes it for a two-byte character where it can be text",
	"looks at the lowest bit of the drawer's number", "discards the parameters of a number out of range",
	"takes any parameters for a real-time kick", "does not know the real-time command", "drops the control code alone",
	"reads a macro's number", "reads it as another maker's command",
	"loses a byte of the payload", "loses a byte", "is interrupted", "executes it on arrival",
}

// String names the choices.
func (c Choice) String() string {
	if c == 0 {
		return "reads on"
	}
	var names []string
	for ; c != 0; c &= c - 1 {
		names = append(names, choiceNames[bits.TrailingZeros32(uint32(c))])
	}
	return strings.Join(names, ", ")
}
