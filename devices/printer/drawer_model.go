package printer

import (
	"fmt"
	"strings"

	"tillwarden/devices"
)

// DrawerModel is how a drawer on a serial line of its own is opened, and where
// it says whether it is open.
type DrawerModel struct {
	Name, About string
	// Code opens it, as it is set at the factory; empty: it has to be configured, or
	// the drawer has none.
	Code []byte
	// Any: whatever byte is sent opens it, or that the line is opened at all. Such
	// a line is opened for a pulse alone, and closed after it.
	Any bool
	// Status is the modem line that says whether it is open; 0: none.
	Status devices.Lines
	// Baud is the line's speed as it is set at the factory.
	Baud int
}

// DrawerModels are the serial drawers that are known.
func DrawerModels() []DrawerModel {
	return []DrawerModel{
		{
			Name: "apg-484a", Code: []byte{7}, Status: devices.LineCTS, Baud: 9600,
			About: "APG SerialPRO II (484A): BEL at 9600 baud, or a sequence set by its switches; DTR and RTS are held up; it tells on CTS or RI whether it is open (APG's installation guide).",
		},
		{
			Name: "apg-212a", Baud: 9600,
			About: "APG 212A: one or two characters set by its switches (code), at 300 to 19200 baud (APG's guide to model 212A, p. 4).",
		},
		{
			Name: "posiflex-jiva", Code: []byte{7}, Status: devices.LineRI, Baud: 9600,
			About: "Posiflex Jiva TP-5700 and TP-5800: 07 opens the first drawer and 17 the second, at 9600 baud; RI tells whether it is open.",
		},
		{
			Name: "trigger", Any: true, Baud: 9600,
			About: "trigger boxes (BT-100U, DT-100U and others) that open at any byte, or when the line is opened: their line is not even opened without a grant.",
		},
		{Name: "custom", Baud: 9600, About: "any other drawer that opens at a code (code)."},
	}
}

// DrawerModelNamed finds a model.
func DrawerModelNamed(name string) (DrawerModel, error) {
	var names []string
	for _, m := range DrawerModels() {
		if m.Name == name {
			return m, nil
		}
		names = append(names, m.Name)
	}
	return DrawerModel{}, fmt.Errorf("%w: %q is none of the drawers %s", ErrOptions, name, strings.Join(names, ", "))
}
