package hardware

import (
	"fmt"
	"testing"
	"time"

	"tillwarden/packaging/rig/register"
)

// TestSerialReader: a card reader on a serial line is heard, also after its cable
// was out.
func TestSerialReader(t *testing.T) {
	inMachine(t)
	reader, path := plugSerial(t, "READER1", 0, nil)
	r := newRegister(t, fmt.Sprintf("[[reader]]\nname = \"reader\"\npath = %q\n", path))
	register.Until(t, "the reader is there", func() bool { return r.Device("reader").State == "up" })
	swiped := func(times int) {
		t.Helper()
		register.Until(t, fmt.Sprintf("%d refusals are journaled", times), func() bool {
			if len(r.Entries("card-refused")) >= times {
				return true
			}
			// What comes before the daemon listens is dropped, as it has to be: people
			// swipe again.
			reader.Send([]byte(";4111111111111111=99121010000000000?\r")) // a payment card's test number
			time.Sleep(5 * time.Second)
			return false
		})
	}
	swiped(1)
	if err := reader.Unplug(); err != nil {
		t.Fatal(err)
	}
	register.Until(t, "the reader is away", func() bool { return r.Device("reader").State == "down" })
	if err := reader.Plug(); err != nil {
		t.Fatal(err)
	}
	register.Until(t, "the reader is there again", func() bool { return r.Device("reader").State == "up" })
	swiped(len(r.Entries("card-refused")) + 1)
}
