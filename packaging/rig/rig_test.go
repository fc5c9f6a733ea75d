package rig

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// scale says what of the rig's tests runs: "" nothing, as in `make test`; "ci" what
// takes minutes (`make test-rig`); "all" everything (`make test-acceptance`).
var scale = os.Getenv("TILLWARDEN_RIG")

// needsRig skips a test where the rig is not asked for.
func needsRig(t *testing.T) {
	t.Helper()
	switch scale {
	case "ci", "all":
	case "":
		t.Skip("it needs a virtual machine, root, and minutes: make test-rig")
	default:
		t.Fatalf("TILLWARDEN_RIG is %q, which is neither ci nor all", scale)
	}
}

func TestMain(m *testing.M) {
	code := m.Run()
	if err := closeShared(); err != nil {
		fmt.Fprintln(os.Stderr, "ending the machine:", err)
		code = 1
	}
	RemoveBinaries()
	os.Exit(code)
}

// shared is the machine that tests share which leave it as they found it. It is
// booted for the first one.
var shared struct {
	once    sync.Once
	machine *Machine
	err     error
}

func closeShared() error {
	if shared.machine == nil {
		return nil
	}
	return shared.machine.Close()
}

// programs builds what machines find at /rig: the daemon, its command line, its
// package, a newer version of that, a busy POS, and the tests of the package hardware.
func programs() (string, error) {
	if _, err := buildTest("tillwarden/packaging/rig/hardware"); err != nil {
		return "", err
	}
	folder, err := Share("tillwarden/cmd/tillwardend", "tillwarden/cmd/tillwarden", "tillwarden/packaging/rig/register/busy")
	if err != nil {
		return "", err
	}
	return folder, buildNewer(filepath.Join(folder, "tillwarden.deb"), filepath.Join(folder, "newer.deb"))
}

// sharedMachine gives the shared machine.
func sharedMachine(t *testing.T) *Machine {
	t.Helper()
	needsRig(t)
	shared.once.Do(func() {
		var folder string
		if folder, shared.err = programs(); shared.err != nil {
			return
		}
		began := time.Now()
		shared.machine, shared.err = Start(context.Background(), MachineOptions{Share: folder})
		t.Logf("booting took %.1f s", time.Since(began).Seconds())
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.machine
}

// runner runs commands in a machine, or in that which it was booted as the last time.
type runner interface {
	Run(ctx context.Context, command string) (string, error)
}

// keepJournal keeps the guest's system journal if the test fails, and shows its end.
func keepJournal(t *testing.T, g runner) {
	t.Helper()
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		journal, err := g.Run(ctx, "journalctl --boot --no-pager --output=short-monotonic")
		if err != nil {
			t.Logf("the guest's journal: %v", err)
			return
		}
		lines := strings.SplitAfter(journal, "\n")
		t.Logf("the end of the guest's journal:\n%s", strings.Join(lines[max(0, len(lines)-40):], ""))
		dir, err := CacheDir()
		if err != nil {
			t.Log(err)
			return
		}
		path := filepath.Join(dir, "failed", strings.ReplaceAll(t.Name(), "/", "-")+time.Now().Format("-0102-150405")+".journal")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Log(err)
		} else if err := os.WriteFile(path, []byte(journal), 0o644); err != nil {
			t.Log(err)
		} else {
			t.Logf("all of it: %s", path)
		}
	})
}

// TestBoot: Debian's system comes up whole.
func TestBoot(t *testing.T) {
	m := sharedMachine(t)
	keepJournal(t, m.Guest)
	failed, err := m.Run(t.Context(), "systemctl list-units --failed --plain --no-legend")
	if err != nil || failed != "" {
		t.Errorf("%v; units that failed:\n%s", err, failed)
	}
}

// TestHardware runs the tests of the package hardware in the machine, each as one
// of this test's. Meanwhile another machine's power is cut: each takes one processor.
func TestHardware(t *testing.T) {
	m := sharedMachine(t) // what is built is there when the other test looks for it
	t.Parallel()
	folder, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	list, err := exec.Command(filepath.Join(folder, "hardware"), "-test.list", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	tests := strings.Fields(string(list))
	if len(tests) == 0 {
		t.Fatal("there are no tests to run in the machine")
	}
	for _, name := range tests {
		t.Run(name, func(t *testing.T) {
			keepJournal(t, m.Guest)
			const limit = 30 * time.Minute // on a host that does much else
			ctx, cancel := context.WithTimeout(t.Context(), limit+time.Minute)
			defer cancel()
			out, err := m.Run(ctx, fmt.Sprintf("cd /tmp && TILLWARDEN_RIG_MACHINE=%s /rig/hardware -test.v -test.timeout %s -test.run '^%s$'", scale, limit, name))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(out, "--- PASS: "+name) || strings.Contains(out, "--- SKIP") {
				t.Fatalf("it did not run:\n%s", out)
			}
			t.Log(out)
		})
	}
}
