package printer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"tillwarden/devices"
	"tillwarden/enforcer"
)

// The environment of a child that is killed in the middle of its pulse: the
// printer's line, and how much of the pulse that takes.
const (
	killLine  = "TILLWARDEN_TEST_KILL_LINE"
	killAfter = "TILLWARDEN_TEST_KILL_AFTER"
)

// deadly is a line that takes a few bytes of a pulse, and then there is nobody
// any more who would write the rest.
type deadly struct {
	devices.Port
	after int
}

func (d deadly) Write(p []byte) (int, error) {
	if !bytes.HasPrefix(p, []byte("\x1bp")) {
		return d.Port.Write(p)
	}
	n, err := d.Port.Write(p[:d.after])
	if err == nil {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	return n, err
}

func openLine(path string) (devices.Port, error) {
	return devices.OpenSerial(devices.Config{Path: path, Baud: 38400, WriteWait: 200 * time.Millisecond})
}

// TestPulseAndDie is the child; by itself it does nothing.
func TestPulseAndDie(t *testing.T) {
	path := os.Getenv(killLine)
	if path == "" {
		t.Skip("for TestInvariant2KilledInItsPulse")
	}
	after, err := strconv.Atoi(os.Getenv(killAfter))
	if err != nil {
		t.Fatal(err)
	}
	r := ready(t, func(o *Options) {
		o.Path = path
		o.Open = func(context.Context) (devices.Port, error) {
			p, err := openLine(path)
			if err != nil {
				return nil, err
			}
			return deadly{p, after}, nil
		}
	})
	ctx := t.Context()
	err = again(func() error {
		return r.gate.Redeem(ctx, r.grant("till"), "till", func(red enforcer.Redemption) error { return r.Pulse(ctx, red) })
	})
	t.Fatalf("it lives: %v", err)
}

// TestInvariant2KilledInItsPulse: the daemon is killed after each byte of a
// pulse, and started again. What the printer has of it is not completed: the
// grant is over. Only once all that the drawer depends on has left does it open,
// and that is the one opening that the journal has.
func TestInvariant2KilledInItsPulse(t *testing.T) {
	t.Parallel()
	for _, resync := range []Resync{ResyncClear, ResyncTechnician} {
		for after := 0; after <= 5; after++ {
			t.Run(fmt.Sprint(resync, " after ", after), func(t *testing.T) {
				f := newFake(t)
				path := f.port.Link()
				child := exec.Command(os.Args[0], "-test.run=^TestPulseAndDie$")
				child.Env = append(os.Environ(), killLine+"="+path, killAfter+"="+strconv.Itoa(after))
				out, err := child.CombinedOutput()
				var exit *exec.ExitError
				if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
					t.Fatalf("the child was not killed: %v\n%s", err, out)
				}
				r := newRig(t, func(o *Options) {
					o.Resync, o.Path = resync, path
					o.Open = func(context.Context) (devices.Port, error) { return openLine(path) }
				})
				eventually(t, "it answers", func() bool { return r.Status().Reach == "online" })
				if err := r.Trust(); err != nil { // too early, and all the same
					t.Fatal(err)
				}
				r.send("pp\x19\xfa text\n")
				eventually(t, "it prints", func() bool { return bytes.HasSuffix([]byte(f.printed()), []byte("\n")) })
				most := 0
				if after >= 4 {
					most = 1
				}
				if got := f.pulsed(); len(got) > most || after == 5 && len(got) != 1 {
					t.Errorf("pulses %q", got)
				}
			})
		}
	}
}
