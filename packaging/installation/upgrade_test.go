package installation

import (
	"strconv"
	"testing"
	"time"

	"tillwarden/packaging/rig/register"
)

// serves checks that after something the cashier is still signed on, and that the
// drawer opens.
func (s *system) serves(r *register.Register, when string) {
	s.t.Helper()
	state, err := r.Technician.Session(r.Context())
	if err != nil || !state.SignedOn || state.Session.Operator != register.Cashier || state.Session.Locked {
		s.t.Errorf("%s, the session is %+v %v", when, state, err)
	}
	r.Ready("till")
	r.Opens("till")
}

// lines has the POS print numbered lines, so many a second, with its port held open,
// while a file is not there.
const lines = `exec 3> /dev/tillwarden/receipt; i=0; while [ $i -lt 400 ] && [ ! -e /run/enough ]; do i=$((i+1)); echo line $i >&3; sleep 0.1; done; echo $i > /home/pos/printed`

// TestRigUpgradeWaitsForTheReceipt: an upgrade in the middle of a receipt restarts the
// daemon after it, and soon.
func TestRigUpgradeWaitsForTheReceipt(t *testing.T) {
	s := newSystem(t)
	r, printer := s.setUp()
	r.SignOn()
	s.pos("for i in $(seq 40); do echo line $i; sleep 0.1; done > /dev/tillwarden/receipt")
	s.paper(printer, 2)
	before := s.starts("tillwardend.service", "tillwardend-pos.socket")
	began := time.Now()
	s.run("dpkg -i " + s.newer("true") + " 2>&1")
	if took := time.Since(began); took > 25*time.Second {
		t.Errorf("the upgrade took %s: it waited for something else than a receipt of 4 s", took)
	}
	s.paper(printer, 40)
	if ended, restarted := s.posDone(), s.monotonic("tillwardend.service", "ExecMainStart"); restarted < ended {
		t.Errorf("the daemon was restarted %d us before the receipt's end", ended-restarted)
	}
	if now := s.starts("tillwardend.service", "tillwardend-pos.socket"); now[0] != before[0]+1 || now[1] != before[1] {
		t.Errorf("daemon and socket were started %v times, and %v before the upgrade", now, before)
	}
	s.serves(r, "after the upgrade")
}

// TestRigUpgradeUnderAPOSThatNeverRests: where there is no quiet moment the upgrade goes on
// after half a minute, and of what is printed meanwhile no line is lost or printed twice.
func TestRigUpgradeUnderAPOSThatNeverRests(t *testing.T) {
	s := newSystem(t)
	r, printer := s.setUp()
	r.SignOn()
	before := s.pid()
	s.pos(lines)
	s.paper(printer, 2)
	s.run("dpkg -i " + s.newer("true") + " 2>&1")
	if s.pid() == before {
		t.Error("the old process is still running")
	}
	s.serves(r, "after the upgrade")
	s.run("touch /run/enough")
	s.posDone()
	n, err := strconv.Atoi(s.run("cat /home/pos/printed"))
	if err != nil {
		t.Fatal(err)
	}
	s.paper(printer, n)
}

// starts counts how often units were started since the system was.
func (s *system) starts(units ...string) (counts []int) {
	s.t.Helper()
	for _, unit := range units {
		n, err := strconv.Atoi(s.run("journalctl --no-pager -o cat --output-fields=JOB_TYPE JOB_RESULT=done UNIT=" + unit + " | grep -cx start || true"))
		if err != nil {
			s.t.Fatal(err)
		}
		counts = append(counts, n)
	}
	return counts
}

// TestRigUpgradeWithOtherSockets: what an upgrade changes in a socket's unit it has at once,
// with one restart, and without the POS's port being closed.
func TestRigUpgradeWithOtherSockets(t *testing.T) {
	s := newSystem(t)
	r, printer := s.setUp()
	r.SignOn()
	s.pos(`exec 3> /dev/tillwarden/receipt; echo line 1 >&3; while [ ! -e /run/more ]; do sleep 0.1; done; echo line 2 >&3`)
	s.paper(printer, 1)
	before := s.starts("tillwardend.service", "tillwardend-pos.socket")
	s.run("dpkg -i " + s.newer("sed -i s/SocketMode=0660/SocketMode=0600/ lib/systemd/system/tillwardend-console.socket") + " 2>&1")
	s.is("cd /run/tillwarden && stat -c %n:%a *", "console.sock:600\npos.sock:660\ntechnician.sock:660")
	if now := s.starts("tillwardend.service", "tillwardend-pos.socket"); now[0] != before[0]+1 || now[1] != before[1]+1 {
		t.Errorf("daemon and socket were started %v times, and %v before the upgrade", now, before)
	}
	s.serves(r, "after the upgrade")
	s.run("touch /run/more")
	s.paper(printer, 2)
	s.posDone()
}
