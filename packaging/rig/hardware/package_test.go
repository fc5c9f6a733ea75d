package hardware

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/packaging/rig/register"
)

// TestPackageOnARegister is a register's life with the package: installed with no
// device, set up with answers, devices owned by udev, printing, opening, faults, an
// upgrade under a cashier, removal, purge and another installation.
func TestPackageOnARegister(t *testing.T) {
	inMachine(t)
	t.Cleanup(func() {
		shell(t, "dpkg --purge tillwarden; umount "+state+"; rm -rf "+state+" "+stateImage+"; userdel -r pos; true")
	})
	shell(t, "truncate -s 160M "+stateImage+" && mkfs.ext4 -q -m 0 "+stateImage+" && modprobe loop && mkdir -p "+state+" && mount -o loop,errors=remount-ro "+stateImage+" "+state)
	shell(t, "useradd -m pos && gpasswd -a pos lp && gpasswd -a pos dialout")

	shell(t, "dpkg -i /rig/tillwarden.deb && systemctl is-active tillwardend.service")
	if said := doctor(); !strings.Contains(said, "tillwarden setup") {
		t.Errorf("just installed, the doctor does not say what to do next:\n%s", said)
	}
	bare := attach(t)
	if a, err := bare.POS.Ask(bare.Context(), api.AskRequest{Function: "pos.drawer.sale"}); err != nil || a.Outcome != "denied" {
		t.Errorf("just installed, a sale is %+v %v", a, err)
	}

	r := setUp(t)
	r.takesDevices()
	r.openPort()
	r.prints("the first line")
	r.denies()
	if !r.step("a card signs on once it is enrolled, and opens both drawers", (*installed).signsOn) {
		return // nothing of what follows could be told
	}
	r.step("unplugged and plugged in", (*installed).survivesTheCable)
	r.step("killed", (*installed).survivesSIGKILL)
	if scale == "all" { // minutes, on an emulated processor
		r.step("reloaded", (*installed).reloads)
		r.step("unplugged under load", (*installed).survivesTheCableUnderLoad)
		r.step("stopped", (*installed).survivesSIGSTOP)
		r.step("the clock is set", (*installed).clockIsSet)
		r.step("its disk is full", (*installed).diskIsFull)
		r.step("its disk is read-only", (*installed).diskIsReadOnly)
	}
	r.step("upgraded while it prints", (*installed).upgrades)
	r.closePort()
	r.isRemoved()
	// The state folder was a file system of its own, which a purge cannot remove.
	shell(t, "cp -a "+state+" /root/state && umount "+state+" && rmdir "+state+" && mv /root/state "+state)
	shell(t, "dpkg --purge tillwarden")
	r.gaveDevicesBack()
	shell(t, "test ! -e /etc/tillwarden && test -s /var/lib/tillwarden/archive/purged-*/journal.db && test -s /var/lib/tillwarden/archive/purged-*/journal.pub")
	if scale != "all" { // what comes after a purge is tried in containers as well
		return
	}
	shell(t, "dpkg -i /rig/newer.deb && systemctl is-active tillwardend.service")
	shell(t, "touch /etc/tillwarden-purge-journal && dpkg --purge tillwarden && test ! -e /var/lib/tillwarden")
}

// signsOn: a card signs on at the reader once it is enrolled there, and not before.
func (r *installed) signsOn() {
	refused := func() bool {
		for _, e := range r.Entries("sign-on") {
			if e.Outcome == "denied" && e.Source == "reader" {
				return true
			}
		}
		return false
	}
	r.swipe("the card is refused", refused)
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
	var err error
	r.swipe("the card is enrolled", func() bool {
		select {
		case err = <-enrolled:
			return true
		default:
			return false
		}
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.swipe("the card signs on", r.signedOn)
	r.works("with the cashier signed on")
	r.Opens("box")
	register.Until(r.t, "the serial drawer gets its code", func() bool { return string(r.box.Left()) == "\x07" })
}

func (r *installed) survivesTheCable() {
	if err := r.printer.Unplug(); err != nil {
		r.t.Fatal(err)
	}
	register.Until(r.t, "the printer is away", func() bool { return r.Device("receipt").State == "down" })
	if err := r.printer.Plug(); err != nil {
		r.t.Fatal(err)
	}
	r.works("after the cable was out")
}

func (r *installed) survivesSIGKILL() {
	shell(r.t, "systemctl kill --signal=KILL tillwardend.service")
	r.works("after it was killed")
}

// reloads: what is wrong changes nothing, what is right takes effect.
func (r *installed) reloads() {
	good, err := os.ReadFile("/etc/tillwarden/tillwarden.toml")
	if err != nil {
		r.t.Fatal(err)
	}
	r.reload("nonsense = 1")
	r.works("after a bad reload")

	others := strings.Replace(string(good), "[signon]\n", "[signon]\nformats = [\"odoo-041\"]\n", 1)
	if others == string(good) {
		r.t.Fatalf("there is no [signon] in\n%s", good)
	}
	r.reload(others)
	r.swipe("the cashier's card is no operator's", func() bool { return len(r.Entries("card-refused")) > 0 })
	r.reload(string(good))
	r.swipe("the cashier's card locks", func() bool { return !r.signedOn() })
	r.swipe("the cashier's card unlocks", r.signedOn)
	r.works("after a good reload")
}

// upgrades: while the POS prints and the cashier is signed on. The package waits for the
// end of a receipt, and what is printed while no daemon runs comes out all the same: all
// of it, in its order, at the same port.
func (r *installed) upgrades() {
	shell(r.t, "tillwarden journal checkpoint > /root/checkpoint")
	old := r.mainPID()
	ctx, stop := context.WithCancel(r.t.Context())
	printed := make(chan error, 1)
	lines, away := 0, 0
	go func() {
		begun := time.Now()
		for tick := time.NewTicker(100 * time.Millisecond); ctx.Err() == nil; <-tick.C {
			_, err := os.Stat("/proc/" + old)
			gone := err != nil
			// A receipt takes 2 s, the next customer comes 4 s later; with the daemon gone
			// there is no end of them.
			if !gone && time.Since(begun)%(6*time.Second) > 2*time.Second {
				continue
			}
			if _, err := fmt.Fprintf(r.pos, "item %05d of a long receipt\n", lines); err != nil {
				printed <- err
				return
			}
			lines++
			if gone {
				away++
			}
		}
		printed <- nil
	}()
	shell(r.t, "dpkg -i /rig/newer.deb")
	time.Sleep(time.Second)
	stop()
	if err := <-printed; err != nil {
		r.t.Fatalf("the POS's port: %v", err)
	}
	if away == 0 {
		r.t.Error("nothing was printed after the old daemon had ended")
	}
	if now := r.mainPID(); now == old {
		r.t.Errorf("the daemon is still process %s", now)
	}
	if got := shell(r.t, "dpkg-query -W -f '${Version}' tillwarden"); !strings.HasSuffix(got, "+newer") {
		r.t.Errorf("installed is %s", got)
	}
	r.works("after an upgrade")
	next := 0
	all, _ := r.printer.Paper(0)
	for _, line := range all {
		if !strings.Contains(line, "of a long receipt") {
			continue
		}
		if line != fmt.Sprintf("item %05d of a long receipt", next) {
			r.t.Fatalf("on the paper is %q, where item %d was to follow", line, next)
		}
		next++
	}
	if next != lines {
		r.t.Errorf("%d lines came out, of %d", next, lines)
	}
	r.t.Logf("%d lines while it was upgraded, %d of them after the old daemon had ended", lines, away)
}

// isRemoved: nothing runs, and the journal and the configuration stay.
func (r *installed) isRemoved() {
	shell(r.t, "dpkg --remove tillwarden")
	if out, err := exec.Command("pgrep", "-x", "tillwardend").Output(); err == nil {
		r.t.Errorf("removed, the daemon runs as process %s", out)
	}
	shell(r.t, "test -s /var/lib/tillwarden/journal.db && test -s /etc/tillwarden/tillwarden.toml")
	shell(r.t, "/rig/tillwarden journal verify /var/lib/tillwarden/journal.db --pub /var/lib/tillwarden/keys/journal.pub --checkpoint /root/checkpoint")
}
