package sandbox

import (
	"strings"
	"testing"
)

// ends makes a part of the daemon hang, and checks that systemd starts the daemon again
// for it, that people can read which part it was, that no drawer opens meanwhile though
// it is asked for, and that the register is back by itself once what hangs goes on: the
// same manager is signed on, and opens the drawer; what was asked for is not made up for.
func (c *counter) ends(part, hang, goOn string) {
	c.t.Helper()
	told := c.told()
	c.run("journalctl --rotate && journalctl --vacuum-time=1s > /dev/null 2>&1")
	before := c.run(unit("NRestarts"))
	c.run(hang)
	c.asks()
	c.becomes("the system's journal says which part hangs", "journalctl -u tillwardend --no-pager -o cat | grep 'no progress' | grep -c '"+part+" (' | sed 's/[1-9][0-9]*/yes/'", "yes")
	c.becomes("systemd has heard nothing for long enough", "journalctl -u tillwardend --no-pager -o cat | grep -c 'Watchdog timeout'", "1")
	c.becomes("the daemon is started again", "test $("+unit("NRestarts")+") -gt "+before+" && echo yes", "yes")
	if goOn != "" {
		c.fails("timeout 1 tillwarden drawer open") // who asked has gone away
		if got := c.told(); got != told {
			c.t.Errorf("%s hangs: the drawer was told to open %s times, and then %s", part, told, got)
		}
		if state := c.run(unit("ActiveState")); state == "active" {
			c.t.Errorf("%s hangs: the daemon is %s", part, state)
		}
		c.run(goOn)
	}
	c.becomes("it is back", unit("ActiveState"), "active")
	c.ready()
	if goOn != "" {
		if got := c.told(); got != told {
			c.t.Errorf("%s goes on: the drawer had been told to open %s times, and now %s", part, told, got)
		}
	}
	c.opens()
	if alerts := c.journal("-p alert"); !strings.Contains(alerts, "ended (watchdog") {
		c.t.Errorf("no alert says that it ended:\n%s", alerts)
	}
	if where := c.journal(""); !strings.Contains(where, "goroutine ") {
		c.t.Error("the system's journal does not have where everything stood")
	}
}

// TestRigJournalThatHangs: a disk that takes nothing any more, and says nothing, as a
// flash disk may that is about to end. The kernel lets nobody end who waits for such a
// disk, so that the daemon is back when that is.
func TestRigJournalThatHangs(t *testing.T) {
	c := newCounter(t)
	// FUSE and loop devices are the host's: a container has no nodes of them.
	c.run(`systemctl stop tillwardend 2> /dev/null
mknod -m 600 /dev/fuse c 10 229 && mknod -m 600 /dev/loop-control c 10 237
for n in $(seq 0 31); do mknod -m 600 /dev/loop$n b 7 $n; done
mkdir /root/disk && truncate -s 512M /root/image && mke2fs -q -t ext4 /root/image
systemd-run --quiet --unit=disk sh -c 'sleep infinity | tillwarden-disk /root/image /root/disk'`)
	c.becomes("there is a disk", "test -e /root/disk/disk && echo yes", "yes")
	c.run(`mount -o loop /root/disk/disk /mnt && cp -a /var/lib/tillwarden/. /mnt/ && umount /mnt
mount -o loop /root/disk/disk /var/lib/tillwarden`)
	t.Cleanup(func() { _, _ = c.Run(t.Context(), "systemctl kill --signal=KILL disk") }) // who waits for it ends
	c.impatient("3", "1")
	c.run("tillwarden journal checkpoint > /root/checkpoint")
	c.ends("journal", "systemctl kill --signal=STOP disk", "systemctl kill --signal=CONT disk")
	c.run("systemctl stop tillwardend 2> /dev/null; tillwarden journal verify /var/lib/tillwarden/journal.db --pub /var/lib/tillwarden/keys/journal.pub --checkpoint /root/checkpoint && umount /var/lib/tillwarden")
}

// TestRigSocketsThatHang: the daemon takes no connection any more, for it has no
// descriptors left.
func TestRigSocketsThatHang(t *testing.T) {
	c := newCounter(t)
	c.impatient("3", "1")
	c.ends("technician socket", "setpriv --reuid tillwarden --regid tillwarden --clear-groups prlimit --nofile=4: --pid=$("+unit("MainPID")+")", "")
}

// deviceHangs: on Debian's kernel, a drawer's adapter answers its driver no more. The
// grant that was under way lapses, and no code leaves when the adapter goes on.
func (c *counter) deviceHangs() {
	c.t.Helper()
	c.impatient("30", "10") // as the unit has it: a machine that is emulated is slow
	c.ends("drawer box", "systemctl kill --signal=STOP box", "systemctl kill --signal=CONT box")
	c.becomes("the grant that was under way has lapsed", "tillwarden journal list | grep -c ' lapsed '", "1")
}

// TestRigStateThatIsBroken: a daemon that cannot start is started again for as long as
// it takes, which is shown on every terminal and by the doctor; once its state is put
// right it is back, without anybody starting it.
func TestRigStateThatIsBroken(t *testing.T) {
	c := newCounter(t)
	c.run("cd /var/lib/tillwarden/keys && cp -a signon.key /root/ && echo nonsense > signon.key && kill -KILL $(" + unit("MainPID") + ")")
	c.becomes("it was started again and again", "test $("+unit("NRestarts")+") -gt 3 && echo yes", "yes")
	if said := c.fails("tillwarden doctor"); !strings.Contains(said, "was started again") || !strings.Contains(said, "journalctl -u tillwardend") {
		t.Errorf("the doctor does not say so, and where to look:\n%s", said)
	}
	if said := c.fails("tillwarden status"); !strings.Contains(said, "journalctl -u tillwardend") {
		t.Errorf("status does not say where to look:\n%s", said)
	}
	if said := c.journal(""); !strings.Contains(said, "signon.key") {
		t.Errorf("the system's journal does not say what is broken:\n%s", said)
	}
	if emergency := c.journal("-p emerg"); !strings.Contains(emergency, "no drawer opens") {
		t.Errorf("nothing is shown on every terminal:\n%q", emergency)
	}
	c.run("cp -a /root/signon.key /var/lib/tillwarden/keys/")
	c.becomes("it is back", unit("ActiveState"), "active")
	c.ready()
	c.opens()
	if said, _ := c.Run(t.Context(), "tillwarden doctor"); !strings.Contains(said, "without being asked to") {
		t.Errorf("the doctor forgets that it ended:\n%s", said)
	}
}
