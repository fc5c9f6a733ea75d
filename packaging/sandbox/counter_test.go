package sandbox

import (
	"context"
	"strings"
	"testing"
)

// managerPIN is the manager's.
const managerPIN = "75314286"

// counter is a register at which a manager is signed on, with one drawer.
type counter struct {
	*register
	opened string // a command that counts how often the drawer was told to open
}

// staff sets a register up for a device, and signs a manager on. device is its part of
// the answers.
func (r *register) staff(device, opened string) *counter {
	r.t.Helper()
	r.run(`cat > /root/answers.toml <<'END'
chain = "example"
store = "0001"
register = "register"
[setup]
pos_user = "pos"
preset = true
private_key = ""
[setup.operator]
number = "201"
name = "Manager"
groups = ["POS Cashier - Manager Override", "Store/Local Operator Maintenance"]
` + device + `
END
echo ` + managerPIN + ` | tillwarden setup --answers /root/answers.toml`)
	c := &counter{r, opened}
	c.ready()
	c.run("echo " + managerPIN + " | tillwarden signon 201")
	c.opens()
	return c
}

// newCounter is one in a container, with a simulated printer.
func newCounter(t *testing.T) *counter {
	t.Helper()
	r := newRegister(t)
	r.run("install -d -o tillwarden /run/sim && systemd-run --quiet --uid=tillwarden --unit=sim tillwarden-sim --dir /run/sim")
	r.becomes("there is a printer", "test -e /run/sim/printer && echo yes", "yes")
	return r.staff(simulated("/run/sim/printer"), "tillwarden sim pulses --sim /run/sim --json | grep -c '\"number\"'")
}

// simulated is a simulated printer's part of the answers.
func simulated(path string) string {
	return `[[printer]]
name = "receipt"
path = "` + path + `"
link = "/dev/tillwarden/receipt"
link_group = "tillwarden-pos"
[[printer.drawer]]
name = "till"
connector = 1`
}

// ready waits until the drawer can be opened.
func (c *counter) ready() {
	c.t.Helper()
	c.becomes("the drawer is ready", "tillwarden status | grep '^drawer' | grep ready | grep -vc 'not ready'", "1")
}

// told is how often the drawer was told to open.
func (c *counter) told() string {
	c.t.Helper()
	out, _ := c.Run(c.t.Context(), c.opened) // grep ends with 1 where it counts none
	return strings.TrimSpace(out)
}

// opens opens the drawer, as the manager may.
func (c *counter) opens() {
	c.t.Helper()
	before := c.told()
	if said := c.run("tillwarden drawer open"); !strings.Contains(said, "allowed: ") {
		c.t.Errorf("the manager may not open the drawer: %s", said)
	}
	c.becomes("the drawer is told to open", "test \"$("+c.opened+")\" != "+before+" && echo yes", "yes")
}

// asks asks for the drawer without waiting for an answer that may not come.
func (c *counter) asks() {
	c.t.Helper()
	c.run("systemd-run --quiet --collect tillwarden drawer open")
}

// impatient lets systemd wait so many seconds for a word of the daemon, and so many for
// its end and for what the unit runs then; and for what it has to say where it hangs
// (SIGABRT), which takes a moment to write.
func (c *counter) impatient(word, end string) {
	c.t.Helper()
	c.run("mkdir -p /run/systemd/system/tillwardend.service.d && printf '[Service]\\nWatchdogSec=" + word + "\\nTimeoutStopSec=" + end + "\\nTimeoutAbortSec=5\\n' > /run/systemd/system/tillwardend.service.d/soon.conf && " +
		"systemctl daemon-reload && systemctl restart tillwardend")
	c.ready()
	c.opens()
}

// journal is the daemon's part of the system's journal.
func (c *counter) journal(options string) string {
	c.t.Helper()
	out, err := c.Run(context.WithoutCancel(c.t.Context()), "journalctl -u tillwardend --no-pager -o cat "+options)
	if err != nil {
		c.t.Error(err)
	}
	return out
}
