package hardware

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"tillwarden/devices/find"
	"tillwarden/packaging/rig/register"
	"tillwarden/packaging/rig/usb"
)

// TestReaderThatTypes: a card reader that is a keyboard is found, as one that types, by
// the name that it keeps; and nobody has to be asked for what it reads: who listens has
// it. That is why readers are read on serial lines.
func TestReaderThatTypes(t *testing.T) {
	inMachine(t)
	reader := usb.NewKeyboard("KBD1")
	const path = "/dev/input/by-id/usb-MagTek_Swipe_reader__simulated__KBD1-event-kbd"
	t.Cleanup(func() {
		if err := reader.Unplug(); err != nil {
			t.Error(err)
		}
		node(t, path, false)
	})
	if err := reader.Plug(); err != nil {
		t.Fatal(err)
	}
	node(t, path, true)

	out, err := exec.Command("/rig/tillwarden", "device", "detect", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var found struct{ Devices []find.Device }
	if err := json.Unmarshal(out, &found); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !slices.ContainsFunc(found.Devices, func(d find.Device) bool {
		return d.Kind == find.HID && d.Path == path && d.Likely == "reader" && d.USB != nil && d.USB.Serial == "KBD1"
	}) {
		t.Errorf("it is not found as what it is:\n%s", out)
	}

	heard, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer heard.Close()
	if err := heard.SetReadDeadline(time.Now().Add(register.Patience)); err != nil {
		t.Fatal(err)
	}
	// The keys' codes (linux/input-event-codes.h): ; 9 9 0 ... 7 7 7, shift with /, enter.
	want := []uint16{39, 10, 10, 11, 11, 11, 11, 11, 8, 8, 8, 42, 53, 28}
	var got []uint16
	for _, c := range ";9900000777?\n" {
		// One after the other: the kernel keeps some 64 events for who is slow to read.
		if err := reader.Type(string(c)); err != nil {
			t.Fatal(err)
		}
		for n := len(got); len(got) == n || got[len(got)-1] == 42; {
			event := make([]byte, 24) // struct input_event of a 64-bit machine: time, type, code, value
			if _, err := io.ReadFull(heard, event); err != nil {
				t.Fatalf("after the keys %v: %v", got, err)
			}
			const key, down = 1, 1
			if kind, value := binary.NativeEndian.Uint16(event[16:]), binary.NativeEndian.Uint32(event[20:]); kind == key && value == down {
				got = append(got, binary.NativeEndian.Uint16(event[18:]))
			}
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the keys %v were typed, want %v", got, want)
	}
}
