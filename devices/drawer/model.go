package drawer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"tillwarden/devices"
)

// Model is what is known of a make of drawers.
type Model struct {
	Name string
	// Code opens it; nil: it is set at the drawer, and has to be configured. Longest
	// is how long it may be there, in bytes; 0: as long as any.
	Code    string
	Longest int
	// Others open it as well: the POS may send these.
	Others []string
	// Any: it opens on whatever byte it gets, or on less: that its port is opened.
	Any bool
	// Baud is the line's speed as it is delivered, 8 data bits, no parity. Slowest
	// and Fastest bound what can be set there; 0: nothing is known of that.
	Baud             int
	Slowest, Fastest int
	// Status is where it reports as it is delivered.
	Status Status
}

// models are the known makes. No other place in the product holds a code.
var models = [...]Model{
	// APG 484A, "SerialPRO II": BEL at 9600 8N1; sequences of several characters by
	// DIP switches instead, in four levels of security. Wants DTR and RTS up, reports
	// on CTS or RI. APG's installation guide (azmanual 463268, manualslib 1986601).
	{Name: "apg-484a", Code: "\x07", Baud: 9600, Status: StatusCTS},
	// APG 212A: one or two ASCII characters and the speed by DIP switches. APG's
	// manual of model 212A, page 4.
	{Name: "apg-212a", Longest: 2, Baud: 9600, Slowest: 300, Fastest: 19200},
	// Posiflex Jiva TP5700 and TP5800: 07 or 17 (both taken for hexadecimal, which
	// the manual leaves open) to the drawer's port, status on RI. Mustek's PP7000-II
	// manual, page 34.
	{Name: "posiflex-jiva", Code: "\x07", Others: []string{"\x17"}, Baud: 9600, Status: StatusRI},
	// Boxes that put a pulse out on any byte, and some as soon as their port is
	// opened (BT-100U, DT-100U, on USB as a serial line). What is sent is one NUL.
	{Name: "trigger", Code: "\x00", Any: true, Baud: 9600},
	// Anything else: the code from its manual.
	{Name: "generic", Baud: 9600},
}

// ErrModel: there is no such make, or not as it is configured.
var ErrModel = errors.New("drawer model")

// ModelNamed finds a model.
func ModelNamed(name string) (Model, error) {
	for _, m := range models {
		if m.Name == name {
			return m, nil
		}
	}
	return Model{}, fmt.Errorf("%w: there is no %q, only %s", ErrModel, name, strings.Join(Models(), ", "))
}

// Models lists the names of all.
func Models() []string {
	var names []string
	for _, m := range models {
		names = append(names, m.Name)
	}
	return names
}

// longestCode is how long any drawer's code may be.
const longestCode = 16

// ErrCode: it is no code, or not one for this model.
var ErrCode = errors.New("code")

// ParseCode reads a code as it is configured: pairs of hexadecimal digits
// ("07", "1b 70 00"), or else characters, with the escapes of Go and C (\a, \r,
// \x07). What looks like pairs of digits is that: a code of the two characters
// "AB" is written \x41\x42. Empty is none.
func ParseCode(text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	if b, ok := pairs(text); ok {
		return checkLength(b)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r > 0x7E || r < ' ' }) {
		return nil, fmt.Errorf(`%w: %q: write what is no printable character as \x07, or all of it as "1b 07"`, ErrCode, text)
	}
	s, err := strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, `\"`) + `"`)
	if err != nil {
		return nil, fmt.Errorf(`%w: %q is neither pairs of hexadecimal digits nor characters with escapes as \x07`, ErrCode, text)
	}
	return checkLength([]byte(s))
}

func pairs(text string) ([]byte, bool) {
	var b []byte
	for _, field := range strings.Fields(text) {
		if len(field)%2 != 0 {
			return nil, false
		}
		for i := 0; i < len(field); i += 2 {
			v, err := strconv.ParseUint(field[i:i+2], 16, 8)
			if err != nil {
				return nil, false
			}
			b = append(b, byte(v))
		}
	}
	return b, len(b) > 0
}

func checkLength(b []byte) ([]byte, error) {
	if len(b) > longestCode {
		return nil, fmt.Errorf("%w: %d bytes are more than any drawer has, %d", ErrCode, len(b), longestCode)
	}
	return b, nil
}

// Check says what of a configured code and speed this model cannot have.
func (m *Model) Check(code []byte, baud int) error {
	switch {
	case len(code) == 0 && m.Code == "":
		return fmt.Errorf("%w: %s drawers have it set at the drawer: say which", ErrCode, m.Name)
	case m.Longest > 0 && len(code) > m.Longest:
		return fmt.Errorf("%w: %d bytes, where %s drawers have %d at most", ErrCode, len(code), m.Name, m.Longest)
	case m.Slowest > 0 && (baud < m.Slowest || baud > m.Fastest):
		return fmt.Errorf("%w: %s drawers are set to a speed between %d and %d", ErrModel, m.Name, m.Slowest, m.Fastest)
	}
	return nil
}

// Status is where a drawer reports whether it is open: on one of its line's modem
// lines.
type Status uint8

// The places.
const (
	StatusNone Status = iota // nowhere
	StatusCTS
	StatusRI
	StatusDSR
	StatusDCD
	statusEnd
)

var (
	statusNames = [...]string{"none", "cts", "ri", "dsr", "dcd"}
	statusLines = [...]devices.Lines{0, devices.LineCTS, devices.LineRI, devices.LineDSR, devices.LineDCD}
)

// String gives the configuration's word.
func (s Status) String() string {
	if s < statusEnd {
		return statusNames[s]
	}
	return strconv.Itoa(int(s))
}

// ParseStatus is the reverse of String.
func ParseStatus(word string) (Status, error) {
	for i, n := range statusNames {
		if n == word {
			return Status(i), nil
		}
	}
	return 0, fmt.Errorf("%q is none of %s", word, strings.Join(statusNames[:], ", "))
}
