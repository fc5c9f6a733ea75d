package rig

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/devices/sim"
	"tillwarden/packaging/rig/disk"
	"tillwarden/packaging/rig/register"
)

// system is a whole machine, with the package, on a disk that loses. Its printer stands
// outside, and so is not concerned by the cuts: it knows of each pulse.
type system struct {
	*Machine
	*ledger
	t       *testing.T
	dir     string
	disk    *disk.Disk
	folder  string // the programs'
	station *sim.Station
	heard   int64 // how much of what the machine has said is in the ledger
}

func (s *system) path(name string) string { return filepath.Join(s.dir, name) }

// newSystem makes one, which is up, with nothing installed.
func newSystem(t *testing.T) *system {
	t.Helper()
	dir, err := os.MkdirTemp("", "rig-system-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &system{t: t, dir: dir}
	if s.folder, err = programs(); err != nil {
		t.Fatal(err)
	}
	server, err := build("tillwarden/packaging/rig/disk/server")
	if err != nil {
		t.Fatal(err)
	}
	if err := NewDisk(s.path("image")); err != nil {
		t.Fatal(err)
	}
	for _, sub := range []string{"disk", "station", "state/keys"} {
		if err := os.MkdirAll(s.path(sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if s.disk, err = disk.Serve(server, s.path("image"), s.path("disk")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.disk.Close(); err != nil {
			t.Error(err)
		}
	})
	s.station = newStation(t, s.path("station"))
	s.ledger = newLedger(func() int { return int(s.station.Printer().State().Pulses) })
	s.boot()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the machine:\n%s", s.said())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	keepJournal(t, s)
	return s
}

// boot boots it from the disk as it is.
func (s *system) boot() {
	s.t.Helper()
	line, err := filepath.EvalSymlinks(s.station.Paths().Printer)
	if err != nil {
		s.t.Fatal(err)
	}
	m, err := Start(s.t.Context(), MachineOptions{Disk: s.disk.Path(), Share: s.folder, Heard: s.path("heard"), Line: line})
	if err != nil {
		s.t.Fatal(err)
	}
	s.Machine = m
}

func (s *system) run(command string) string {
	s.t.Helper()
	out, err := s.Run(s.t.Context(), command)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// systemAnswers set the register up: the printer is its only device.
const systemAnswers = `
chain = "Example"
store = "0042"
register = "1"
[signon.argon2]
memory_kib = 64
passes = 1
[setup]
preset = true
private_key = ""
[setup.operator]
number = "%s"
name = "Boss"
groups = ["%s"]
[[printer]]
name = "receipt"
path = "/dev/ttyS1"
link = "/dev/tillwarden/receipt"
  [[printer.drawer]]
  name = "till"
  connector = 1
`

// install installs the package, and sets it up with its people.
func (s *system) install() {
	s.t.Helper()
	s.run("dpkg -i /rig/tillwarden.deb && systemctl is-active tillwardend")
	if err := s.Put(s.t.Context(), "/root/answers.toml", "600", fmt.Appendf(nil, systemAnswers, register.Boss, register.GroupBoss)); err != nil {
		s.t.Fatal(err)
	}
	// It ends with the doctor, who may have something to say.
	s.run("echo " + register.BossPIN + " | tillwarden setup --answers /root/answers.toml || tillwarden status")
	s.run(fmt.Sprintf("printf '%s\\n%s\\n' | tillwarden operator add %s --name Cashier --group '%s' --as %s",
		register.BossPIN, register.CashierPIN, register.Cashier, register.GroupCashier, register.Boss))
	s.run("sync")
}

// hear takes into the ledger what the machine has said since that the daemon had
// journaled. The last of it may be cut off.
func (s *system) hear() {
	s.t.Helper()
	f, err := os.Open(s.path("heard"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Seek(s.heard, io.SeekStart); err != nil {
		s.t.Fatal(err)
	}
	said, err := io.ReadAll(f)
	if err != nil {
		s.t.Fatal(err)
	}
	for {
		line, rest, whole := bytes.Cut(said, []byte("\n"))
		if !whole {
			return
		}
		var a api.Answer
		if err := json.Unmarshal(line, &a); err != nil {
			s.t.Fatalf("it said %q: %v", line, err)
		}
		s.answered(&a)
		s.heard += int64(len(line)) + 1
		said = rest
	}
}

// work signs the cashier on, and has the register busy until it has given so many more
// answers, and opened its drawer.
func (s *system) work(answers int) {
	s.t.Helper()
	s.run(fmt.Sprintf("echo %s | tillwarden signon %s", register.CashierPIN, register.Cashier))
	// What nobody flushes is to be on its way to the disk soon, not after half a minute.
	s.run("sysctl -q vm.dirty_expire_centisecs=20 vm.dirty_writeback_centisecs=5")
	answers += s.answers()
	pulses := s.pulses()
	s.run("setsid -f /rig/busy /run/tillwarden /dev/virtio-ports/" + HeardPort + " /root/noise > /root/busy 2>&1 < /dev/null")
	register.Until(s.t, fmt.Sprintf("%d answers, and a pulse", answers), func() bool {
		s.hear()
		return s.answers() >= answers && s.pulses() > pulses
	})
}

// cut cuts the power for the nth time, and boots it again. It gives how many sectors
// were lost.
func (s *system) cut(n int) int {
	s.t.Helper()
	lost, err := cutDisk(s.disk, n)
	if err != nil {
		s.t.Fatal(err)
	}
	// What the machine says from here on counts as well.
	time.Sleep(50 * time.Millisecond)
	s.PowerCut()
	s.hear()
	if err := s.Machine.Close(); err != nil {
		s.t.Fatal(err)
	}
	// Of a line that was cut off there is no end.
	info, err := os.Stat(s.path("heard"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.heard = info.Size()
	if err := s.disk.Restore(); err != nil {
		s.t.Fatal(err)
	}
	s.boot()
	// A host that does much else can be so slow that systemd's watchdog starts it again.
	s.run("for i in $(seq 300); do systemctl is-active --quiet tillwardend && exit 0; sleep 1; done; systemctl status tillwardend; exit 1")
	if bad := s.run("dmesg | grep 'EXT4-fs error' || true"); bad != "" {
		s.t.Error(bad)
	}
	return lost
}

// journaled holds the machine's journal against the ledger.
func (s *system) journaled() error {
	s.t.Helper()
	// A process that is stopped leaves the journal as one that is killed does.
	s.run("systemctl kill --signal=STOP tillwardend")
	for _, name := range []string{"journal.db", "keys/journal.pub"} {
		data := s.run("cat /var/lib/tillwarden/" + name)
		if err := os.WriteFile(filepath.Join(s.path("state"), name), []byte(data), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	s.run("systemctl kill --signal=CONT tillwardend")
	return s.holds(s.t.Context(), s.path("state"))
}

// TestInvariant8PowerCutsOfAWholeSystem cuts the power of a machine on whose disk
// everything is, while its register is busy, in turn in the middle of a flush and at
// any moment: it boots again, its daemon starts, the journal verifies, has what was
// acknowledged, and an entry for each pulse. At last comes the control: where the
// disk only says that it has flushed, what is missing is noticed.
func TestInvariant8PowerCutsOfAWholeSystem(t *testing.T) {
	needsRig(t)
	t.Parallel()
	if !apart(t) {
		return
	}
	cuts := 1
	if scale == "all" {
		cuts = 20
	}
	s := newSystem(t)
	s.install()
	lost, losing := 0, 0
	for n := range cuts {
		began := time.Now()
		s.work(20)
		time.Sleep(rand.N(500 * time.Millisecond))
		some := s.cut(n)
		lost += some
		if some > 0 {
			losing++
		}
		if err := s.journaled(); err != nil {
			t.Fatalf("cut %d: %v", n+1, err)
		}
		t.Logf("cut %d: %d sectors lost; %d answers and %d pulses by now; %.0f s", n+1, some, s.answers(), s.pulses(), time.Since(began).Seconds())
	}
	if losing*2 < cuts {
		t.Errorf("%d of %d cuts lost something: the disk does not lose", losing, cuts)
	}

	if err := s.disk.Lie(); err != nil {
		t.Fatal(err)
	}
	s.work(20)
	s.cut(0)
	err := s.journaled()
	if err == nil {
		t.Error("everything is there, of a disk that kept nothing")
	}
	t.Logf("%d of %d cuts lost something, %d sectors in all; where the disk had lied: %v", losing, cuts, lost, err)
}
