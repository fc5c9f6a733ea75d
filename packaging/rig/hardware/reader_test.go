package hardware

import (
	"fmt"
	"testing"

	"tillwarden/daemon/api"
	"tillwarden/packaging/rig/register"
)

// TestSerialReader: a card reader on a serial line is heard, also after its cable
// was out.
func TestSerialReader(t *testing.T) {
	inMachine(t)
	reader, path := plugSerial(t, "READER1", 0, nil)
	r := newRegister(t, fmt.Sprintf("[[reader]]\nname = \"reader\"\npath = %q\n", path))
	register.Until(t, "the reader is there", func() bool { return r.Device("reader").State == "up" })
	reader.Send([]byte(";4111111111111111=99121010000000000?\r")) // a payment card's test number
	refused := func(n int) func(*api.Entry) bool {
		return func(*api.Entry) bool { return len(r.Entries("card-refused")) == n }
	}
	r.Journaled("the card's refusal", "card-refused", refused(1))
	if err := reader.Unplug(); err != nil {
		t.Fatal(err)
	}
	register.Until(t, "the reader is away", func() bool { return r.Device("reader").State == "down" })
	if err := reader.Plug(); err != nil {
		t.Fatal(err)
	}
	register.Until(t, "the reader is there again", func() bool { return r.Device("reader").State == "up" })
	reader.Send([]byte(";4111111111111111=99121010000000000?\r"))
	r.Journaled("the second refusal", "card-refused", refused(2))
}
