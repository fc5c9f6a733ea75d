package hardware

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/packaging/rig/register"
	"tillwarden/packaging/rig/usb"
)

// answers set a register up for the devices below.
const answers = `
chain = "Example"
store = "0042"
register = "1"
[signon]
method = "card"
[override]
wait = "%s"
[setup]
pos_user = "pos"
preset = true
private_key = ""
[setup.operator]
number = "%s"
name = "Boss"
groups = ["%s"]
[[printer]]
name = "receipt"
path = "/dev/usb/lp0"
link = "/dev/tillwarden/receipt"
link_group = "tillwarden-pos"
  [[printer.drawer]]
  name = "till"
  connector = 1
[[drawer]]
name = "box"
path = "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_BOX3-*"
model = "apg-484a"
[[reader]]
name = "reader"
path = "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_READER-*"
`

// overrideWait is how long a pending override stands.
const overrideWait = 20 * time.Second

// installed is a register that has the package, as set-up left it, with its devices
// and a POS that holds its port open for as long as all this takes.
type installed struct {
	*register.Register
	t *testing.T

	printer     *usb.Printer
	box, reader *usb.Serial
	nodes       []string // the devices'

	pos *pos
}

// pos is the POS's program. It holds its port open, and prints what is written to it.
type pos struct {
	io.WriteCloser
	program *exec.Cmd
}

// attach is the register of the package that is installed.
func attach(t *testing.T) *register.Register {
	t.Helper()
	return register.Attach(t, "/run/tillwarden")
}

// step is a part of its life, as a test of its own. What goes wrong in it need not keep
// the others from being tried; at its end every pulse has its entry.
func (r *installed) step(name string, f func(r *installed)) bool {
	r.t.Helper()
	return r.t.Run(name, func(t *testing.T) {
		part := *r
		part.t, part.Register = t, attach(t)
		f(&part)
		part.accounted()
	})
}

// accounted compares what the drawers got with the journal: no pulse without its entry, and
// no entry of a pulse that there was not. A pulse that could not be written has an entry
// that says so; if the cable went in that moment the printer may have got it.
func (r *installed) accounted() {
	r.t.Helper()
	written, failed := map[string]int{}, map[string]int{}
	for _, e := range r.Entries("redeemed") {
		if e.Outcome == "allowed" {
			written[e.Drawer]++
		} else {
			failed[e.Drawer]++
		}
	}
	if n := pulses(r.printer.Printer); n < written["till"] || n > written["till"]+failed["till"] {
		r.t.Errorf("the printer's drawer got %d pulses, the journal has %d, and %d that could not be written", n, written["till"], failed["till"])
	}
	if got := string(r.box.Left()); got != strings.Repeat("\x07", written["box"]) {
		r.t.Errorf("the serial drawer got %q, the journal has %d openings", got, written["box"])
	}
}

// limit is what a command may take, in seconds, on a slow processor that others use as
// well.
const limit = "600"

// stateImage is the file system of the state folder.
const stateImage = "/root/state.img"

// shell runs a command as root that has to succeed, and to end.
func shell(t *testing.T, command string) string {
	t.Helper()
	out, err := exec.Command("timeout", "--kill-after=5", limit, "/bin/sh", "-c", command).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return strings.TrimSpace(string(out))
}

// asPOS is a command as the POS's user runs it.
func asPOS(command string) *exec.Cmd {
	return exec.Command("timeout", "--foreground", "900", "setpriv", "--reuid", "pos", "--regid", "pos", "--init-groups", "/bin/sh", "-c", command)
}

// setUp sets the register up, with its devices.
func setUp(t *testing.T) *installed {
	t.Helper()
	r := &installed{t: t, Register: attach(t), printer: plugPrinter(t), pos: &pos{}}
	var box, reader string
	r.box, box = plugSerial(t, "BOX3", usb.DSR, nil)
	r.reader, reader = plugSerial(t, "READER", 0, nil)
	r.nodes = []string{lp, box, reader}
	if err := os.WriteFile("/root/answers.toml", fmt.Appendf(nil, answers, overrideWait, register.Boss, register.GroupBoss), 0o600); err != nil {
		t.Fatal(err)
	}
	// It ends with the doctor, who may have something to say.
	setup := exec.Command("timeout", limit, "tillwarden", "setup", "--answers", "/root/answers.toml")
	setup.Stdin = strings.NewReader(register.BossPIN + "\n")
	said, err := setup.CombinedOutput()
	t.Logf("setup (%v):\n%s", err, said)
	r.Ready("till")
	r.Ready("box")
	r.Hire()
	return r
}

// openPort starts the POS.
func (r *installed) openPort() {
	r.t.Helper()
	r.pos.program = asPOS("exec cat > /dev/tillwarden/receipt")
	var err error
	if r.pos.WriteCloser, err = r.pos.program.StdinPipe(); err != nil {
		r.t.Fatal(err)
	}
	if err := r.pos.program.Start(); err != nil {
		r.t.Fatal(err)
	}
}

// closePort ends the POS, whose port has to have been there all the time.
func (r *installed) closePort() {
	r.t.Helper()
	if err := r.pos.Close(); err != nil {
		r.t.Fatal(err)
	}
	if err := r.pos.program.Wait(); err != nil {
		r.t.Errorf("the POS, which had its port open all the time: %v", err)
	}
}

// sends has the POS send something to its port.
func (r *installed) sends(text string) {
	r.t.Helper()
	if _, err := io.WriteString(r.pos, text); err != nil {
		r.t.Fatal(err)
	}
}

// prints has the POS print a line, and waits for it.
func (r *installed) prints(line string) {
	r.t.Helper()
	r.sends(line + "\n")
	paper(r.t, r.printer.Printer, line)
}

// swipe swipes the cashier's card until something has come of it. The same card within
// 2 s is the same swipe.
func (r *installed) swipe(what string, done func() bool) {
	r.t.Helper()
	var last time.Time
	register.Until(r.t, what, func() bool {
		if done() {
			return true
		}
		if time.Since(last) > 5*time.Second {
			last = time.Now()
			r.reader.Send([]byte(";9900000777?\r"))
		}
		return false
	})
}

// signedOn: somebody is, and the register is not locked.
func (r *installed) signedOn() bool {
	s, err := r.Technician.Session(r.Context())
	return err == nil && s.SignedOn && !s.Session.Locked
}

// works: the daemon serves, the cashier is still signed on, the POS prints, drawers open.
func (r *installed) works(when string) {
	r.t.Helper()
	register.Until(r.t, when+", the daemon serves", func() bool {
		_, err := r.Technician.Status(r.Context())
		return err == nil
	})
	if !r.signedOn() {
		r.t.Errorf("%s, the cashier is not signed on", when)
	}
	r.Ready("till")
	r.Ready("box")
	r.prints("printed " + when)
	before := pulses(r.printer.Printer)
	r.Opens("till")
	register.Until(r.t, when+", the drawer gets its pulse", func() bool { return pulses(r.printer.Printer) == before+1 })
}

// doctor is what the doctor says.
func doctor() string {
	out, _ := exec.Command("timeout", "60", "tillwarden", "doctor").CombinedOutput() // that it fails is its word for problems
	return string(out)
}

// reload has the daemon read its configuration again. A bad one is no error of systemctl's.
func (r *installed) reload(config string) {
	r.t.Helper()
	if err := os.WriteFile("/etc/tillwarden/tillwarden.toml", []byte(config), 0o644); err != nil {
		r.t.Fatal(err)
	}
	n := len(r.Entries("config"))
	shell(r.t, "systemctl reload tillwardend.service")
	register.Until(r.t, "the configuration is read again", func() bool { return len(r.Entries("config")) > n })
}

// denies: the POS's kick is refused, with nobody signed on.
func (r *installed) denies() {
	r.t.Helper()
	before := pulses(r.printer.Printer)
	r.sends(kick)
	r.Journaled("the kick's refusal", "decision", func(e *api.Entry) bool { return e.Outcome == "denied" && e.Drawer == "till" })
	if n := pulses(r.printer.Printer); n != before {
		r.t.Fatalf("%d pulses with nobody signed on", n-before)
	}
}

// takesDevices: they are the daemon's, by name and by right.
func (r *installed) takesDevices() {
	r.t.Helper()
	for _, path := range r.nodes {
		if got := shell(r.t, "stat -L -c %U:%a "+path); got != "tillwarden:600" {
			r.t.Errorf("%s belongs to %s", path, got)
		}
		if out, err := asPOS("timeout 10 sh -c 'exec 3<>" + path + "'").CombinedOutput(); err == nil || !bytes.Contains(out, []byte("denied")) {
			r.t.Errorf("the POS's user opens %s: %v %s", path, err, out)
		}
	}
	if groups := shell(r.t, "id -nG pos"); strings.Contains(groups, "lp") || strings.Contains(groups, "dialout") || !strings.Contains(groups, "tillwarden-pos") {
		r.t.Errorf("the POS's user is in %s", groups)
	}
}

// gaveDevicesBack: they are as Debian has them, though set-up was not undone.
func (r *installed) gaveDevicesBack() {
	r.t.Helper()
	for _, path := range r.nodes {
		want := "root:dialout:660"
		if path == lp {
			want = "root:lp:660"
		}
		if got := shell(r.t, "stat -L -c %U:%G:%a "+path); got != want {
			r.t.Errorf("purged, %s is %s, want %s", path, got, want)
		}
	}
}
