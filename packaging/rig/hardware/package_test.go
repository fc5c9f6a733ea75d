package hardware

import (
	"bytes"
	"fmt"
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

// limit is what a command of the package's may take, in seconds, on a slow processor
// that others use as well.
const limit = "300"

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
	return exec.Command("timeout", "--foreground", "600", "setpriv", "--reuid", "pos", "--regid", "pos", "--init-groups", "/bin/sh", "-c", command)
}

// TestPackageOnARegister is a register's life with the package: installed with no
// device, set up with answers, devices owned by udev, printing, opening, a cable pulled
// out, crashes, an upgrade under a cashier, removal, purge and another installation.
func TestPackageOnARegister(t *testing.T) {
	inMachine(t)
	t.Cleanup(func() {
		shell(t, "dpkg --purge tillwarden; rm -rf /var/lib/tillwarden; userdel -r pos; true")
	})
	shell(t, "useradd -m pos && gpasswd -a pos lp && gpasswd -a pos dialout")

	shell(t, "dpkg -i /rig/tillwarden.deb")
	shell(t, "systemctl is-active tillwardend.service")
	r := register.Attach(t, "/run/tillwarden")
	if out, _ := exec.Command("tillwarden", "doctor").CombinedOutput(); !bytes.Contains(out, []byte("tillwarden setup")) {
		t.Errorf("just installed, the doctor does not say what to do next:\n%s", out)
	}
	if a, err := r.POS.Ask(r.Context(), api.AskRequest{Function: "pos.drawer.sale"}); err != nil || a.Outcome != "denied" {
		t.Errorf("just installed, a sale is %+v %v", a, err)
	}

	printer := plugPrinter(t)
	box, boxPath := plugSerial(t, "BOX3", usb.DSR, nil)
	reader, readerPath := plugSerial(t, "READER", 0, nil)
	if err := os.WriteFile("/root/answers.toml", fmt.Appendf(nil, answers, register.Boss, register.GroupBoss), 0o600); err != nil {
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

	// The devices are the daemon's, by name and by right.
	for _, path := range []string{lp, boxPath, readerPath} {
		if got := shell(t, "stat -L -c %U:%a "+path); got != "tillwarden:600" {
			t.Errorf("%s belongs to %s", path, got)
		}
		if out, err := asPOS("timeout 10 sh -c 'exec 3<>" + path + "'").CombinedOutput(); err == nil || !bytes.Contains(out, []byte("denied")) {
			t.Errorf("the POS's user opens %s: %v %s", path, err, out)
		}
	}
	if groups := shell(t, "id -nG pos"); strings.Contains(groups, "lp") || strings.Contains(groups, "dialout") || !strings.Contains(groups, "tillwarden-pos") {
		t.Errorf("the POS's user is in %s", groups)
	}

	// A POS that holds its port open, for as long as all this takes.
	pos := asPOS("exec cat > /dev/tillwarden/receipt")
	port, err := pos.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := pos.Start(); err != nil {
		t.Fatal(err)
	}
	posPrints := func(line string) {
		t.Helper()
		if _, err := fmt.Fprintf(port, "%s\n", line); err != nil {
			t.Fatal(err)
		}
		paper(t, printer.Printer, line)
	}
	posPrints("the first line")
	fmt.Fprint(port, kick)
	r.Journaled("the kick's refusal", "decision", func(e *api.Entry) bool { return e.Outcome == "denied" && e.Drawer == "till" })
	if n := pulses(printer.Printer); n != 0 {
		t.Fatalf("%d pulses with nobody signed on", n)
	}

	// A card signs on at the reader once it is enrolled there, and not before.
	swipe := func() { reader.Send([]byte(";9900000777?\r")) }
	swipe()
	r.Journaled("the card's refusal", "sign-on", func(e *api.Entry) bool { return e.Outcome == "denied" && e.Source == "reader" })
	enrol := exec.Command("timeout", limit, "tillwarden", "operator", "enrol-card", register.Cashier, "--as", register.Boss)
	enrol.Stdin = strings.NewReader(register.BossPIN + "\n")
	enrolled := make(chan error, 1)
	go func() {
		out, err := enrol.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("enrolling a card: %w\n%s", err, out)
		}
		enrolled <- err
	}()
	for done := false; !done; {
		select {
		case err := <-enrolled:
			if err != nil {
				t.Fatal(err)
			}
			done = true
		case <-time.After(4 * time.Second): // the same card within 2 s is the same swipe
			swipe()
		}
	}
	register.Until(t, "the card signs on", func() bool {
		s, err := r.Technician.Session(r.Context())
		if err == nil && !s.SignedOn {
			swipe()
			time.Sleep(4 * time.Second)
		}
		return err == nil && s.SignedOn
	})
	r.Opens("till")
	register.Until(t, "the printer's drawer gets its pulse", func() bool { return pulses(printer.Printer) == 1 })
	r.Opens("box")
	register.Until(t, "the serial drawer gets its code", func() bool { return string(box.Left()) == "\x07" })

	signedOn := func(when string) {
		t.Helper()
		register.Until(t, when+", the daemon serves", func() bool {
			_, err := r.Technician.Status(r.Context())
			return err == nil
		})
		if s, err := r.Technician.Session(r.Context()); err != nil || !s.SignedOn {
			t.Errorf("%s, the cashier is not signed on: %+v %v", when, s, err)
		}
		r.Ready("till")
		r.Ready("box")
		posPrints("printed " + when)
		before := pulses(printer.Printer)
		r.Opens("till")
		register.Until(t, when+", the drawer gets its pulse", func() bool { return pulses(printer.Printer) == before+1 })
	}

	if err := printer.Unplug(); err != nil {
		t.Fatal(err)
	}
	register.Until(t, "the printer is away", func() bool { return r.Device("receipt").State == "down" })
	if err := printer.Plug(); err != nil {
		t.Fatal(err)
	}
	signedOn("after the cable was out")

	shell(t, "systemctl kill --signal=KILL tillwardend.service")
	signedOn("after it was killed")

	shell(t, "cp -p /etc/tillwarden/tillwarden.toml /root/good.toml; echo 'nonsense = 1' > /etc/tillwarden/tillwarden.toml; systemctl reload tillwardend.service || true")
	signedOn("after a bad reload")
	shell(t, "cp -p /root/good.toml /etc/tillwarden/tillwarden.toml; systemctl reload tillwardend.service")

	shell(t, "tillwarden journal checkpoint > /root/checkpoint")
	shell(t, "cd /root && rm -rf newer && dpkg-deb -R /rig/tillwarden.deb newer && sed -i 's/^Version: .*/&+newer/' newer/DEBIAN/control && dpkg-deb -b newer newer.deb && dpkg -i newer.deb")
	signedOn("after an upgrade")
	if got := shell(t, "dpkg-query -W -f '${Version}' tillwarden"); !strings.HasSuffix(got, "+newer") {
		t.Errorf("installed is %s", got)
	}
	if err := port.Close(); err != nil {
		t.Fatal(err)
	}
	if err := pos.Wait(); err != nil {
		t.Errorf("the POS, which had its port open all the time: %v", err)
	}

	shell(t, "dpkg --remove tillwarden")
	if out, err := exec.Command("pgrep", "-x", "tillwardend").Output(); err == nil {
		t.Errorf("removed, the daemon runs as process %s", out)
	}
	shell(t, "test -s /var/lib/tillwarden/journal.db && test -s /etc/tillwarden/tillwarden.toml")
	shell(t, "/rig/tillwarden journal verify /var/lib/tillwarden/journal.db --pub /var/lib/tillwarden/keys/journal.pub --checkpoint /root/checkpoint")
	shell(t, "dpkg --purge tillwarden")
	shell(t, "test ! -e /etc/tillwarden && test -s /var/lib/tillwarden/archive/purged-*/journal.db && test -s /var/lib/tillwarden/archive/purged-*/journal.pub")
	shell(t, "dpkg -i /rig/tillwarden.deb && systemctl is-active tillwardend.service")
	shell(t, "touch /etc/tillwarden-purge-journal && dpkg --purge tillwarden && test ! -e /var/lib/tillwarden")
}
