package installation

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tillwarden/devices/sim"
	"tillwarden/packaging/rig"
	"tillwarden/packaging/rig/container"
	"tillwarden/packaging/rig/register"
)

// answers set a register up for the simulated printer.
const answers = `
chain = "Example"
store = "0042"
register = "1"
[setup]
pos_user = "pos"
preset = true
private_key = ""
[setup.operator]
number = "` + register.Boss + `"
name = "Boss"
groups = ["` + register.GroupBoss + `"]
[[printer]]
name = "receipt"
path = "/run/sim/printer"
link = "/dev/tillwarden/receipt"
link_group = "tillwarden-pos"
  [[printer.drawer]]
  name = "till"
  connector = 1
`

// wanted reports whether the rig is asked for.
func wanted() bool { return os.Getenv("TILLWARDEN_RIG") != "" }

func TestMain(m *testing.M) {
	code := m.Run()
	if wanted() {
		rig.RemoveBinaries()
	}
	os.Exit(code)
}

// system is a Debian 12 in a container, with the package at /rig/tillwarden.deb.
type system struct {
	*container.Container
	t *testing.T
}

// newSystem is one with nothing of tillwarden's. It is skipped where the rig is not
// asked for. Such tests mostly wait, so that some run at a time.
func newSystem(t *testing.T) *system {
	t.Helper()
	if !wanted() {
		t.Skip("it needs a container, root, and the package: make test-rig")
	}
	t.Parallel()
	dir, err := rig.Share("tillwarden/cmd/tillwarden", "tillwarden/cmd/tillwarden-sim")
	if err != nil {
		t.Fatal(err)
	}
	root, err := rig.Root()
	if err != nil {
		t.Fatal(err)
	}
	c, err := container.Start(t.Context(), container.Options{Root: root, Share: map[string]string{"/rig": dir}})
	if err != nil {
		t.Fatal(err)
	}
	s := &system{c, t}
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := s.Run(context.Background(), "journalctl --no-pager -o short-monotonic | tail -n 60")
			t.Logf("the end of its journal:\n%s", log)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// run runs a command that has to succeed, and gives what it printed.
func (s *system) run(command string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	out, err := s.Run(ctx, command)
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// is checks what a command prints.
func (s *system) is(command, want string) {
	s.t.Helper()
	if got := s.run(command); got != want {
		s.t.Errorf("%s: %q, want %q", command, got, want)
	}
}

// install installs the package.
func (s *system) install() string {
	s.t.Helper()
	return s.run("dpkg -i /rig/tillwarden.deb 2>&1")
}

// newer makes another package of the same files, with a higher version; change, a
// command in the package's folder, makes it differ. It gives the package's path.
func (s *system) newer(change string) string {
	s.t.Helper()
	s.run("rm -rf /root/newer && dpkg-deb -R /rig/tillwarden.deb /root/newer && cd /root/newer && sed -i 's/^Version: .*/&+newer/' DEBIAN/control && " +
		change + " && dpkg-deb -Znone -b /root/newer /root/newer.deb")
	return "/root/newer.deb"
}

// setUp installs the package, and sets it up for a printer with a drawer; a cashier
// and a boss are there, and nobody is signed on.
func (s *system) setUp() (*register.Register, *sim.Client) {
	s.t.Helper()
	s.install()
	s.run("useradd -m pos && install -d -o tillwarden /run/sim && systemd-run --quiet --unit=sim --uid=tillwarden /rig/tillwarden-sim --dir /run/sim")
	register.Until(s.t, "the simulated hardware is there", func() bool {
		_, err := os.Lstat(s.Path("/run/sim/printer"))
		return err == nil
	})
	if err := os.WriteFile(s.Path("/root/answers.toml"), []byte(answers), 0o600); err != nil {
		s.t.Fatal(err)
	}
	// It ends with the doctor, who may have something to say: its exit code is not asked.
	s.run("echo " + register.BossPIN + " | tillwarden setup --answers /root/answers.toml > /root/setup.log 2>&1 || true")
	r := register.Attach(s.t, s.Path("/run/tillwarden"))
	r.Ready("till")
	r.Hire()
	return r, sim.NewClient(s.Path("/run/sim/control.sock"))
}

// posUnit is the POS application's: what it does is a shell command, run by its user.
const posUnit = "pos.service"

// pos has the POS's user run something.
func (s *system) pos(command string) {
	s.t.Helper()
	s.run("systemd-run --quiet --remain-after-exit --unit=" + posUnit + " --uid=pos sh -c '" + command + "'")
}

// posDone waits until that has ended, checks that it ended well, and gives when, in
// microseconds since the system's start.
func (s *system) posDone() int {
	s.t.Helper()
	register.Until(s.t, "the POS ends", func() bool { return s.run("systemctl show -p SubState --value "+posUnit) != "running" })
	s.is("systemctl show -p SubState -p ExecMainStatus --value "+posUnit+" | sort | xargs", "0 exited")
	return s.monotonic(posUnit, "ExecMainExit")
}

// monotonic is when something of a unit happened, in microseconds since the system's start.
func (s *system) monotonic(unit, what string) int {
	s.t.Helper()
	at, err := strconv.Atoi(s.run("systemctl show -p " + what + "TimestampMonotonic --value " + unit))
	if err != nil {
		s.t.Fatal(err)
	}
	return at
}

// pid is the daemon's process.
func (s *system) pid() string {
	s.t.Helper()
	return s.run("systemctl show -p MainPID --value tillwardend.service")
}

// paper waits until the last of n numbered lines is on paper, and checks that each is
// there once, in order.
func (s *system) paper(printer *sim.Client, n int) {
	s.t.Helper()
	var lines []string
	register.Until(s.t, fmt.Sprintf("line %d is on paper", n), func() bool {
		all, _, err := printer.Receipts(s.t.Context(), 0)
		if err != nil {
			s.t.Fatal(err)
		}
		lines = lines[:0]
		for _, l := range all {
			if l = strings.TrimSpace(l); strings.HasPrefix(l, "line ") {
				lines = append(lines, l)
			}
		}
		return slices.Contains(lines, fmt.Sprintf("line %d", n))
	})
	for i, l := range lines {
		if want := fmt.Sprintf("line %d", i+1); l != want {
			s.t.Fatalf("on paper %q is in the place of %q:\n%s", l, want, strings.Join(lines, "\n"))
		}
	}
}
