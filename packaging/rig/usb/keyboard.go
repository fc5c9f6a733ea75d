package usb

import (
	"fmt"
	"strings"
)

// Keyboard is a keyboard on USB, as many card readers and keypads are one: what they
// have read they type, to whoever listens. Debian's usbhid makes its /dev/hidraw0 and
// /dev/input/event0.
type Keyboard struct {
	*device
	reports [][]byte // what was typed and the host has not fetched; guarded by the device's mu
}

// NewKeyboard makes one that is a reader by its name, not plugged in yet.
func NewKeyboard(number string) *Keyboard {
	k := &Keyboard{}
	// A boot keyboard, whose keys the host fetches every 10 ms (Device Class Definition for
	// HID 1.11, 4.1, 6.2.1 and E.6); made by MagTek, of which many readers are.
	what := identify(fullSpeed, 0x0801, 0x0001, 0x0100, []byte{
		9, 4, 0, 0, 1, 3, 1, 1, 0,
		9, 0x21, 0x11, 0x01, 0, 1, descriptorOfReport, byte(len(bootKeyboard)), 0,
		7, 5, 0x80 | 1, 3, reportSize, 0, 10,
	}, "MagTek", "Swipe reader (simulated)", number)
	k.device = &device{what: what, does: (*keyboardFunction)(k)}
	return k
}

const (
	descriptorOfReport = 0x22
	reportSize         = 8
)

// bootKeyboard says what a report is (HID 1.11, appendix B.1): a byte of modifiers, one
// that is empty, and up to six keys; and lamps, to the keyboard.
var bootKeyboard = []byte{
	0x05, 0x01, 0x09, 0x06, 0xa1, 0x01,
	0x05, 0x07, 0x19, 0xe0, 0x29, 0xe7, 0x15, 0x00, 0x25, 0x01, 0x75, 0x01, 0x95, 0x08, 0x81, 0x02,
	0x95, 0x01, 0x75, 0x08, 0x81, 0x01,
	0x95, 0x05, 0x75, 0x01, 0x05, 0x08, 0x19, 0x01, 0x29, 0x05, 0x91, 0x02, 0x95, 0x01, 0x75, 0x03, 0x91, 0x01,
	0x95, 0x06, 0x75, 0x08, 0x15, 0x00, 0x25, 0x65, 0x05, 0x07, 0x19, 0x00, 0x29, 0x65, 0x81, 0x00,
	0xc0,
}

// Type types what a track's digits are made of (; = ? and digits), and Enter for an end
// of line, as on an American keyboard.
func (k *Keyboard) Type(text string) error {
	const digits, firstDigit, shift = "1234567890", 0x1e, 0x02
	others := map[rune]byte{'\n': 0x28, '=': 0x2e, ';': 0x33, '?': 0x38} // HID Usage Tables, 10
	var reports [][]byte
	for _, c := range text {
		down := make([]byte, reportSize)
		if at := strings.IndexRune(digits, c); at >= 0 {
			down[2] = byte(firstDigit + at)
		} else if down[2] = others[c]; down[2] == 0 {
			return fmt.Errorf("there is no key for %q", c)
		}
		if c == '?' {
			down[0] = shift
		}
		reports = append(reports, down, make([]byte, reportSize))
	}
	k.mu.Lock()
	k.reports = append(k.reports, reports...)
	k.mu.Unlock()
	k.poke()
	return nil
}

// keyboardFunction is the keyboard as the device sees it.
type keyboardFunction Keyboard

func (k *keyboardFunction) plugged() { k.reports = nil }

// take: there is no endpoint to it.
func (k *keyboardFunction) take(data []byte) int { return len(data) }

func (k *keyboardFunction) give(int) []byte {
	if len(k.reports) == 0 {
		return nil
	}
	report := k.reports[0]
	k.reports = k.reports[1:]
	return report
}

// control is what is asked of the interface: its report descriptor, and the class's
// requests (HID 1.11, 7), of which a keyboard without lamps minds none.
func (k *keyboardFunction) control(s setup, _ []byte) ([]byte, bool) {
	const getDescriptor = 6
	if s.kind() == fromInterface && s.request() == getDescriptor && s.value()>>8 == descriptorOfReport {
		return bootKeyboard, true
	}
	return nil, s.kind() == classOfIface
}
