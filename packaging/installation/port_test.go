package installation

import "testing"

// TestRigPortForCUPS: the daemon is in no group that has other devices; a port for another
// group than the POS's, as CUPS', is that group's once set-up has seen to it, and no longer.
func TestRigPortForCUPS(t *testing.T) {
	s := newSystem(t)
	r, printer := s.setUp()
	groups := "sed -n 's/^Groups:[[:space:]]*//p' /proc/" + "$(systemctl show -p MainPID --value tillwardend)/status | xargs -n1 getent group | cut -d: -f1 | sort | xargs"
	port := "stat -L -c %U:%G:%a /dev/tillwarden/receipt"
	s.is(groups, "tillwarden tillwarden-pos")
	s.is(port, "tillwarden:tillwarden-pos:660")
	given := func(group string) {
		t.Helper()
		s.run("sed -i 's/^link_group = .*/link_group = \"" + group + "\"/' /etc/tillwarden/tillwarden.toml && grep -q '^link_group = \"" + group + "\"' /etc/tillwarden/tillwarden.toml")
		s.run("tillwarden setup --answers /etc/tillwarden/tillwarden.toml > /root/setup.log 2>&1 || true")
		r.Ready("till")
	}

	given("lp")
	s.is(groups, "lp tillwarden tillwarden-pos")
	s.is(port, "tillwarden:lp:660")
	s.run("setpriv --reuid lp --regid lp --clear-groups sh -c 'echo line 1 > /dev/tillwarden/receipt'") // as CUPS runs a backend
	s.paper(printer, 1)

	given("tillwarden-pos")
	s.is(groups, "tillwarden tillwarden-pos")
	s.is(port, "tillwarden:tillwarden-pos:660")
}
