package sandbox

import (
	"strings"
	"testing"
)

// TestRigNetworkPrinter: a printer at an address prints and opens its drawer with the
// drop-in for that address, and not without it; nor with the drop-in for another one.
func TestRigNetworkPrinter(t *testing.T) {
	r := newRegister(t)
	// Two addresses, as of two machines; the printers are the container's own processes.
	r.run(`ip link set lo up && ip addr add 192.0.2.10/32 dev lo && ip addr add 192.0.2.11/32 dev lo
for n in 10 11; do mkdir /run/sim$n && systemd-run --quiet --unit=sim$n tillwarden-sim --dir /run/sim$n --listen 192.0.2.$n:9100; done`)
	for _, n := range []string{"10", "11"} {
		r.becomes("there is a printer", "test -S /run/sim"+n+"/control.sock && echo yes", "yes")
	}
	c := r.staff(simulated("tcp://192.0.2.10:9100"), "tillwarden sim pulses --sim /run/sim10 --json | grep -c '\"number\"'")

	const folder = "/etc/systemd/system/tillwardend.service.d"
	// changed restarts the daemon with a change. It ends first: systemd bounds a unit that
	// runs as soon as it has read it again, and the printer would wait for a connection
	// whose end it never hears of.
	changed := func(change string) {
		t.Helper()
		r.run("systemctl stop tillwardend 2> /dev/null; " + change + " && systemctl daemon-reload && systemctl start tillwardend")
	}
	const down = "tillwarden status | grep -c '^printer .*down'"
	changed("rm " + folder + "/*.conf") // what set-up wrote
	r.becomes("without a drop-in it is not reached", down, "1")
	if said := r.fails("tillwarden doctor"); !strings.Contains(said, "sudo tillwarden setup lets the daemon out") {
		t.Errorf("the doctor does not say why:\n%s", said)
	}
	changed("install -D -m 644 /rig/packaging/dropins/network-printer.conf " + folder + "/network-printer.conf")
	r.becomes("it is reached", "tillwarden status | grep -c '^printer .*up'", "1")
	c.ready()
	c.opens()
	r.run("setpriv --reuid pos --regid pos --init-groups sh -c 'printf \"printed by the POS\\n\" > /dev/tillwarden/receipt'")
	r.becomes("the POS prints", "tillwarden sim receipts --sim /run/sim10 | grep -c 'printed by the POS'", "1")
	r.run("systemd-analyze security --no-pager --threshold=" + networkBar + " tillwardend.service")

	changed("sed -i s/192.0.2.10/192.0.2.11/ /etc/tillwarden/tillwarden.toml")
	r.becomes("the printer next to it is not reached", down, "1")
	changed("sed -i s/192.0.2.10/192.0.2.11/ " + folder + "/network-printer.conf")
	r.becomes("it can be, with its own address", "tillwarden status | grep -c '^printer .*up'", "1")
}
