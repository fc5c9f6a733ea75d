package installation

import (
	"os"
	"strings"
	"testing"
)

// TestRigInstallWithNoDevice: just installed, the daemon runs, has its keys and its
// journal, opens nothing, and says what is next. It is the package's own test for
// autopkgtest(1), in the system that it is written for.
func TestRigInstallWithNoDevice(t *testing.T) {
	s := newSystem(t)
	if said := s.install(); !strings.Contains(said, "next: tillwarden setup") {
		t.Errorf("installing does not say what is next:\n%s", said)
	}
	s.script("installed")
}

// TestRigInstallInAnImage: where no systemd runs, nothing is started and no key is made,
// or all registers that are made from the image would share it; its first boot makes them.
func TestRigInstallInAnImage(t *testing.T) {
	s := newSystem(t)
	s.run("unshare -m sh -c 'mount -t tmpfs none /run && dpkg -i /rig/tillwarden.deb' 2>&1")
	s.is("test -e /var/lib/tillwarden && echo there || echo none", "none")
	s.is("systemctl is-enabled tillwardend.service tillwardend-pos.socket | sort -u", "enabled")
	s.is("stat -c %U:%a /etc/tillwarden/tillwarden.toml", "root:644")
	s.run("systemctl daemon-reload && systemd-tmpfiles --create tillwarden.conf && systemctl start sockets.target multi-user.target && systemctl start tillwardend.service") // as a boot does
	s.script("installed")
}

// TestRigInstallOverACashier: installing what is installed, or repairing it, with a
// cashier signed on and the POS's port open, signs nobody off, and closes nothing.
func TestRigInstallOverACashier(t *testing.T) {
	s := newSystem(t)
	r, printer := s.setUp()
	r.SignOn()
	s.pos(`exec 3> /dev/tillwarden/receipt; echo line 1 >&3; while [ ! -e /run/more ]; do sleep 0.1; done; echo line 2 >&3`)
	s.paper(printer, 1)
	before := s.pid()
	for _, command := range []string{"dpkg -i /rig/tillwarden.deb", "dpkg-reconfigure tillwarden"} {
		s.run(command + " 2>&1")
		after := s.pid()
		if after == before {
			t.Errorf("%s left the old process running", command)
		}
		before = after
		s.serves(r, "after "+command)
	}
	s.run("touch /run/more")
	s.paper(printer, 2)
	s.posDone()
}

// script runs one of the package's own tests.
func (s *system) script(name string) {
	s.t.Helper()
	text, err := os.ReadFile("../debian/tests/" + name)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(s.Path("/root/"+name), text, 0o755); err != nil {
		s.t.Fatal(err)
	}
	s.run("sh -x /root/" + name + " 2>&1")
}
