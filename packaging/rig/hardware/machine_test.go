package hardware

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"tillwarden/packaging/rig/register"
)

// scale is the rig's: "ci" is what tells most for its time, "all" everything; "" is
// outside of its machine.
var scale = os.Getenv("TILLWARDEN_RIG_MACHINE")

// inMachine skips a test that is not in the rig's machine.
func inMachine(t *testing.T) {
	t.Helper()
	if scale == "" {
		t.Skip("it needs a virtual machine to plug devices into: make test-rig")
	}
	if out, err := exec.Command("modprobe", "vhci-hcd").CombinedOutput(); err != nil {
		t.Fatalf("modprobe vhci-hcd: %v\n%s", err, out)
	}
}

// first is what there is to try, or where all of it would take too long, the first n.
func first[T any](n int, all []T) []T {
	if scale == "all" {
		return all
	}
	return all[:n]
}

// newRegister is a register with devices, which runs.
func newRegister(t *testing.T, devices string) *register.Register {
	t.Helper()
	r := register.New(t, "/rig/tillwardend", "", devices)
	r.Start()
	r.Staff()
	return r
}

// posWrite writes to a port as a POS application does.
func posWrite(t *testing.T, port, text string) {
	t.Helper()
	if err := posWrites(port, text); err != nil {
		t.Fatal(err)
	}
}

func posWrites(port, text string) error {
	f, err := os.OpenFile(port, os.O_WRONLY|syscall.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, text)
	return errors.Join(err, f.Close())
}

// node waits for udev to make a device's node, or to remove it.
func node(t *testing.T, path string, there bool) {
	t.Helper()
	register.Until(t, fmt.Sprintf("%s is there: %v", path, there), func() bool {
		_, err := os.Stat(path)
		return (err == nil) == there
	})
}
