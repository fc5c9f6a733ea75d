package rig

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"tillwarden/devices/sim"
	"tillwarden/packaging/rig/disk"
	"tillwarden/packaging/rig/register"
)

// apart runs the test again in a process with mounts of its own, so that nothing
// stays mounted whatever becomes of it, and reports whether this is that process.
func apart(t *testing.T) bool {
	t.Helper()
	const variable = "TILLWARDEN_RIG_APART"
	if os.Getenv(variable) != "" {
		return true
	}
	if err := privileged(); err != nil {
		t.Fatal(err)
	}
	args := []string{"-test.v", "-test.run", "^" + t.Name() + "$"}
	if end, ok := t.Deadline(); ok {
		args = append(args, "-test.timeout", (time.Until(end) - 10*time.Second).String())
	}
	cmd := exec.Command(os.Args[0], args...)
	built, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), variable+"=yes", binariesVariable+"="+built)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // the signal is for the end of the thread that starts it
	defer runtime.UnlockOSThread()
	var said bytes.Buffer
	cmd.Stdout = io.MultiWriter(&said, t.Output()) // as it comes: some take minutes
	cmd.Stderr = cmd.Stdout
	if err := cmd.Run(); err != nil || !strings.Contains(said.String(), "--- PASS: "+t.Name()) {
		t.Fatal("it did not pass: ", err)
	}
	return false
}

// till is a register whose state folder is on a disk that loses, with a simulated
// printer.
type till struct {
	*register.Register
	*ledger
	t       *testing.T
	disk    *disk.Disk
	files   *disk.Filesystem
	state   string
	station *sim.Station
}

// newStation is a simulated printer, with a drawer.
func newStation(t *testing.T, dir string) *sim.Station {
	t.Helper()
	s, err := sim.NewStation(sim.StationOptions{Dir: dir, Printer: sim.PrinterOptions{Model: sim.Models()[0], OpenIsHigh: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// newTill makes one, with the disk mounted, the daemon running, and a cashier
// signed on.
func newTill(t *testing.T) *till {
	t.Helper()
	dir, err := os.MkdirTemp("", "rig-till-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, sub := range []string{"disk", "files", "station"} {
		if err := os.Mkdir(at(sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := command("mke2fs", "-q", "-t", "ext4", at("image"), "512M"); err != nil {
		t.Fatal(err)
	}
	c := &till{t: t, state: at("files/state")}
	server, err := build("tillwarden/packaging/rig/disk/server")
	if err != nil {
		t.Fatal(err)
	}
	if c.disk, err = disk.Serve(server, at("image"), at("disk")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.disk.Close(); err != nil {
			t.Error(err)
		}
	})
	c.files = disk.NewFilesystem(c.disk, at("files"))
	if err := c.files.Mount(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.files.Unmount(); err != nil {
			t.Error(err)
		}
	})
	c.station = newStation(t, at("station"))
	c.ledger = newLedger(func() int { return int(c.station.Printer().State().Pulses) })
	daemon, err := build("tillwarden/cmd/tillwardend")
	if err != nil {
		t.Fatal(err)
	}
	c.Register = register.New(t, daemon, c.state, fmt.Sprintf("[[printer]]\nname = \"receipt\"\npath = %q\nlink = \"DIR/pos-receipt\"\n[[printer.drawer]]\nname = \"till\"\nconnector = 1\n", c.station.Paths().Printer))
	c.Start()
	c.Staff()
	c.SignOn()
	return c
}

// cutDisk cuts a disk's power for the nth time, from 0 on: in turn in the middle of a
// flush and at any moment. The first loses all that was not flushed, others half.
func cutDisk(d *disk.Disk, n int) (lost int, err error) {
	if n%2 == 0 {
		return d.CutFlushing(uint64(n))
	}
	return d.Cut(uint64(n))
}

// cut lets the register work for a while, and until it has acknowledged so much in
// all, cuts the power for the nth time, and mounts the disk again. It gives how many
// sectors were lost.
func (c *till) cut(work time.Duration, acked, n int) int {
	c.t.Helper()
	ctx, stop := context.WithCancel(c.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		register.Busy(ctx, c.POS, c.answered)
	}()
	time.Sleep(work)
	register.Until(c.t, fmt.Sprintf("%d answers", acked), func() bool { return c.answers() >= acked })
	lost, err := cutDisk(c.disk, n)
	if err != nil {
		c.t.Fatal(err)
	}
	// What the daemon says from here on counts as well: it must not say that it
	// has journaled what is on no disk.
	time.Sleep(20 * time.Millisecond)
	c.Kill()
	stop()
	<-done
	if err := c.files.Unmount(); err != nil {
		c.t.Fatal(err)
	}
	if err := c.disk.Restore(); err != nil {
		c.t.Fatal(err)
	}
	if err := c.files.Mount(); err != nil {
		c.t.Fatalf("after the cut: %v", err)
	}
	return lost
}

// TestInvariant8PowerCutsOfTheStateFolder cuts the power under a busy register, on
// a disk that loses what was not flushed: after each cut the file system is whole,
// the journal verifies, what was acknowledged is there, no pulse was without its
// grant's entry, and the register comes up with its session.
func TestInvariant8PowerCutsOfTheStateFolder(t *testing.T) {
	needsRig(t)
	if !apart(t) {
		return
	}
	cuts := 20
	if scale == "all" {
		cuts = 300
	}
	c := newTill(t)
	lost := 0
	for n := range cuts {
		c.Ready("till")
		lost += c.cut(rand.N(120*time.Millisecond), 0, n)
		if err := c.holds(t.Context(), c.state); err != nil {
			t.Fatalf("cut %d: %v", n+1, err)
		}
		c.Start()
		if s, err := c.Technician.Session(t.Context()); err != nil || !s.SignedOn {
			t.Fatalf("cut %d: the cashier is not signed on any more: %+v %v", n+1, s, err)
		}
	}
	c.Stop()
	flushes, err := c.disk.Flushes()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.files.Unmount(); err != nil {
		t.Fatal(err)
	}
	if err := c.files.Check(); err != nil {
		t.Error(err)
	}
	switch pulses := c.station.Printer().State().Pulses; {
	case len(c.acked) < cuts, pulses == 0:
		t.Errorf("%d answers and %d pulses in %d cuts: that was no load", len(c.acked), pulses, cuts)
	case lost == 0:
		t.Error("no cut lost anything: the disk does not lose")
	default:
		t.Logf("%d cuts: %d answers, %d pulses, %d sectors lost, %d flushes", cuts, len(c.acked), pulses, lost, flushes)
	}
}

// TestPowerCutOfALyingDiskLosesEntries is the control: on a disk that only says that
// it has flushed, the same cuts lose what was acknowledged, and it is noticed.
func TestPowerCutOfALyingDiskLosesEntries(t *testing.T) {
	needsRig(t)
	if !apart(t) {
		return
	}
	c := newTill(t)
	c.Ready("till")
	if err := c.disk.Lie(); err != nil {
		t.Fatal(err)
	}
	c.cut(0, 20, 0)
	err := c.holds(t.Context(), c.state)
	if err == nil {
		t.Errorf("all %d entries are there, of a disk that kept nothing", len(c.acked))
	}
	t.Logf("%d answers: %v", len(c.acked), err)
}
