package sandbox

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tillwarden/packaging/rig"
	"tillwarden/packaging/rig/container"
)

// share is a folder with what the tests put into their systems: programs in bin, and
// packaging, as it is in the tree.
var share = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "sandbox-")
	if err != nil {
		return "", err
	}
	for program, pkg := range map[string]string{
		"tillwardend": "cmd/tillwardend", "tillwarden": "cmd/tillwarden", "tillwarden-sim": "cmd/tillwarden-sim",
		"tillwarden-probe": "packaging/sandbox/probe", "tillwarden-disk": "packaging/rig/disk/server",
	} {
		build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", filepath.Join(dir, "bin", program), "tillwarden/"+pkg)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return dir, fmt.Errorf("building %s: %w\n%s", pkg, err, out)
		}
	}
	for _, name := range []string{"systemd", "libexec", "debian", "dropins"} {
		if err := os.CopyFS(filepath.Join(dir, "packaging", name), os.DirFS(filepath.Join("..", name))); err != nil {
			return dir, err
		}
	}
	text, err := os.ReadFile("../tillwarden.toml")
	if err != nil {
		return dir, err
	}
	return dir, os.WriteFile(filepath.Join(dir, "packaging/tillwarden.toml"), text, 0o644)
})

// wanted reports whether the rig is asked for.
func wanted() bool { return os.Getenv("TILLWARDEN_RIG") != "" }

// atLength skips what takes minutes where the rig is not asked for everything.
func atLength(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("TILLWARDEN_RIG") != "all" {
		t.Skip(why + ": make test-acceptance")
	}
}

func TestMain(m *testing.M) {
	code := m.Run()
	if wanted() {
		if dir, _ := share(); dir != "" {
			_ = os.RemoveAll(dir)
		}
	}
	os.Exit(code)
}

// system is a container or a machine.
type system interface {
	Run(ctx context.Context, command string) (string, error)
	Close() error
}

// register is a system with the daemon's unit, its users and its programs.
type register struct {
	t *testing.T
	system
}

// newRegister is one in a container, with the daemon running. It is skipped where
// the rig is not asked for. Such tests mostly wait, so that some run at a time.
func newRegister(t *testing.T) *register {
	t.Helper()
	t.Parallel()
	return install(t, func(ctx context.Context, share string) (system, error) {
		root, err := rig.Root()
		if err != nil {
			return nil, err
		}
		return container.Start(ctx, container.Options{Root: root, Share: map[string]string{"/rig": share}})
	})
}

// newMachine is one in a virtual machine, with Debian's kernel and udev.
func newMachine(t *testing.T) *register {
	t.Helper()
	t.Parallel()
	return install(t, func(ctx context.Context, share string) (system, error) {
		return rig.Start(ctx, rig.MachineOptions{Share: share})
	})
}

func install(t *testing.T, start func(ctx context.Context, share string) (system, error)) *register {
	t.Helper()
	if !wanted() {
		t.Skip("it needs a real system, and root: make test-rig")
	}
	dir, err := share()
	if err != nil {
		t.Fatal(err)
	}
	s, err := start(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	r := &register{t, s}
	t.Cleanup(r.end)
	r.run(`set -e
cp /rig/bin/tillwardend /usr/sbin/
cp /rig/bin/tillwarden /rig/bin/tillwarden-* /usr/bin/
install -D -t /usr/libexec/tillwarden /rig/packaging/libexec/*
cp /rig/packaging/systemd/* /usr/lib/systemd/system/
install -D -m 644 /rig/packaging/tillwarden.toml /etc/tillwarden/tillwarden.toml
systemd-sysusers /rig/packaging/debian/tillwarden.sysusers
systemd-tmpfiles --create /rig/packaging/debian/tillwarden.tmpfiles
useradd -m -G tillwarden-pos pos
systemctl daemon-reload
systemctl start tillwardend`)
	return r
}

// end ends it, and shows what it has to say where something has failed.
func (r *register) end() {
	r.t.Helper()
	if r.t.Failed() {
		log, _ := r.Run(context.Background(), "journalctl --no-pager -o short-monotonic | tail -n 60")
		r.t.Logf("the end of its journal:\n%s", log)
	}
	if err := r.Close(); err != nil {
		r.t.Error(err)
	}
}

// in is the register for a part of a test.
func (r *register) in(t *testing.T) *register { return &register{t, r.system} }

// run runs a command that has to succeed.
func (r *register) run(command string) string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 2*time.Minute)
	defer cancel()
	out, err := r.Run(ctx, command)
	if err != nil {
		r.t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// fails runs a command that must not.
func (r *register) fails(command string) string {
	r.t.Helper()
	out, err := r.Run(r.t.Context(), command)
	if err == nil {
		r.t.Fatalf("%s succeeds:\n%s", command, out)
	}
	return err.Error()
}

// becomes waits until a command prints something.
func (r *register) becomes(what, command, want string) {
	r.t.Helper()
	got := ""
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		out, _ := r.Run(r.t.Context(), command)
		if got = strings.TrimSpace(out); got == want {
			return
		}
	}
	r.t.Fatalf("it never came to this: %s (%s is %q, want %q)", what, command, got, want)
}

// unit is a property of the daemon's unit.
func unit(property string) string {
	return "systemctl show --property=" + property + " --value tillwardend.service"
}

// result is one line of the probe.
type result struct {
	Name, Want, Got, Says string
	OK                    bool
}

// results reads what the probe printed.
func results(t *testing.T, text string) map[string]result {
	t.Helper()
	all := map[string]result{}
	for s := bufio.NewScanner(strings.NewReader(text)); s.Scan(); {
		var r result
		if err := json.Unmarshal(s.Bytes(), &r); err != nil {
			t.Fatalf("%q: %v", s.Text(), err)
		}
		all[r.Name] = r
	}
	return all
}

// probeUnit is the daemon's unit with the probe in its place, and nothing else
// changed that bounds it; bounded says whether it is bounded at all, modules whether
// drivers are loaded before it.
func probeUnit(t *testing.T, bounded, modules bool, args string) string {
	t.Helper()
	text, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bounded {
		return "[Service]\nType=notify\nUser=tillwarden\nGroup=tillwarden\nStateDirectory=tillwarden\nStandardOutput=truncate:/run/probe.json\n" +
			"ExecStart=/usr/bin/tillwarden-probe " + args + "\n"
	}
	var lines []string
	for _, line := range strings.Split(string(text), "\n") {
		key, _, _ := strings.Cut(line, "=")
		if !modules && (key == "Wants" || key == "After") {
			continue
		}
		switch key {
		case "ExecStart":
			line = "ExecStart=/usr/bin/tillwarden-probe " + args + "\nStandardOutput=truncate:/run/probe.json"
		case "ExecPaths":
			line = "ExecPaths=/usr/bin/tillwarden-probe"
		case "ExecReload", "ExecStopPost", "Restart", "RestartSec", "WatchdogSec", "Requires":
			continue
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// probe runs the probe in a unit, and gives its results.
func (r *register) probe(bounded bool) map[string]result {
	r.t.Helper()
	const socket = "/dev/tillwarden/probe.sock"
	uid := r.run("id -u pos")
	r.run("cat > /run/systemd/system/tillwarden-probe.service <<'END'\n" + probeUnit(r.t, bounded, true, "daemon -socket "+socket+" -peer "+uid) + "\nEND\n" +
		"systemctl daemon-reload && systemctl start tillwarden-probe")
	r.becomes("the probe listens", "test -S "+socket+" && echo yes", "yes")
	r.run("setpriv --reuid pos --regid pos --init-groups tillwarden-probe dial " + socket)
	r.becomes("the probe is done", "systemctl show --property=MainPID --value tillwarden-probe", "0")
	return results(r.t, r.run("cat /run/probe.json"))
}

// TestRigSandboxHolds: from inside of the unit nothing can be done that must not,
// and everything that must; each attempt that the unit stops is one that works
// without it, or the probe would prove nothing.
func TestRigSandboxHolds(t *testing.T) {
	r := newRegister(t)
	r.run("systemd-analyze security --no-pager --threshold=" + exposureBar + " tillwardend.service")
	in := r.probe(true)
	denied := 0
	for name, v := range in {
		if !v.OK {
			t.Errorf("%s: %s, want %s: %s", name, v.Got, v.Want, v.Says)
		}
		if v.Got == "denied" {
			denied++
		}
	}
	if denied < 80 {
		t.Errorf("only %d attempts were denied, of %d", denied, len(in))
	}
	out := r.probe(false)
	for _, name := range []string{
		"running /bin/true", "running what it wrote in /var/lib/tillwarden", "running what it wrote in /tmp", "running what is in memory", "memory that is written and run", "memory that is made to be run",
		"a file of its own, mapped to be run", "a socket of AF_INET", "a socket of AF_NETLINK", "a file in /dev/shm", "system's bus", "seeing process 1", "reading another's memory",
	} {
		if out[name].Got != "works" {
			t.Errorf("without the sandbox, %s: %+v: the probe proves nothing", name, out[name])
		}
	}
}

// TestRigPOSUserIsKeptOut: what the POS's user may try, with the daemon running,
// comes to nothing, and the daemon does not notice.
func TestRigPOSUserIsKeptOut(t *testing.T) {
	r := newRegister(t)
	pid := r.run(unit("MainPID"))
	r.run("mknod /dev/ttyUSB9 c 188 9 && chown tillwarden: /dev/ttyUSB9 && chmod 0600 /dev/ttyUSB9")
	text, err := r.Run(t.Context(), "setpriv --reuid pos --regid pos --init-groups tillwarden-probe pos -node /dev/ttyUSB9 -pid "+pid)
	all := results(t, text)
	if len(all) < 50 {
		t.Fatalf("%d attempts only: %v", len(all), err)
	}
	for name, v := range all {
		if !v.OK {
			t.Errorf("%s: %s, want %s: %s", name, v.Got, v.Want, v.Says)
		}
	}
	if now := r.run(unit("MainPID")); now != pid {
		t.Errorf("the daemon was process %s, and is %s", pid, now)
	}
	// Who may can: the attempts are real ones.
	text, _ = r.Run(t.Context(), "tillwarden-probe pos -node /dev/null -pid "+r.run("sleep 60 > /dev/null 2>&1 & until grep -q sleep /proc/$!/comm; do sleep 0.1; done; echo $!"))
	all = results(t, text)
	for _, name := range []string{
		"writing /dev/null", "the technician's socket", "reading /var/lib/tillwarden/journal.db", "reading /var/lib/tillwarden/keys/signon.key", "a file in /dev/tillwarden",
		"reading the daemon's environ", "following the daemon's fd", "bounding the daemon", "slowing the daemon down", "killed",
	} {
		if all[name].Got != "works" {
			t.Errorf("as root, %s: %+v: the probe proves nothing", name, all[name])
		}
	}
}

// TestRigDaemonThatHangsComesBack: the watchdog ends a daemon that makes no progress,
// and each end is an alert; the third is shown on every terminal.
func TestRigDaemonThatHangsComesBack(t *testing.T) {
	r := newRegister(t)
	r.run("mkdir -p /run/systemd/system/tillwardend.service.d && printf '[Service]\\nWatchdogSec=3\\n' > /run/systemd/system/tillwardend.service.d/soon.conf && systemctl daemon-reload && systemctl restart tillwardend")
	time.Sleep(5 * time.Second) // longer than the watchdog waits: it is fed
	if n := r.run(unit("NRestarts")); n != "0" {
		t.Errorf("a daemon that is well was started again %s times", n)
	}
	before := r.run("tillwarden journal checkpoint --json")
	r.run("kill -STOP $(" + unit("MainPID") + ")")
	r.becomes("it is started again", unit("NRestarts"), "1")
	r.becomes("it is ready", unit("ActiveState"), "active")
	for i, signal := range []string{"KILL", "SEGV", "ABRT"} {
		r.run("kill -" + signal + " $(" + unit("MainPID") + ")")
		r.becomes("it is started again", unit("NRestarts"), strconv.Itoa(i+2))
		r.becomes("it is ready", unit("ActiveState"), "active")
	}
	alerts := r.run("journalctl -u tillwardend -p alert --no-pager -o cat")
	for _, want := range []string{"ended (watchdog", "ended (signal, killed KILL)"} {
		if !strings.Contains(alerts, want) {
			t.Errorf("no alert says %q:\n%s", want, alerts)
		}
	}
	if emergency := r.run("journalctl -u tillwardend -p emerg --no-pager -o cat"); !strings.Contains(emergency, "started again 3 times") {
		t.Errorf("nothing is shown on every terminal:\n%q", emergency)
	}
	if after := r.run("tillwarden journal checkpoint --json"); after == before || after == "" {
		t.Errorf("the journal did not go on: %s", after)
	}
	if found := r.run("find / -xdev -name 'core*' -size +1M -newer /run/systemd/system/tillwardend.service.d/soon.conf -not -path '/proc/*' -type f"); found != "" {
		t.Errorf("a core was dumped: %s", found)
	}
}

// verifier is what the journal's signatures are checked with.
func (r *register) verifier() string {
	r.t.Helper()
	var c struct {
		PublicKey string `json:"public_key"`
	}
	text := r.run("tillwarden journal checkpoint --json")
	if err := json.Unmarshal([]byte(text), &c); err != nil || c.PublicKey == "" {
		r.t.Fatalf("%v: %s", err, text)
	}
	return c.PublicKey
}

// plainKeys lists what is in the folder of keys that are not sealed.
const plainKeys = "ls /var/lib/tillwarden/keys"

// TestRigSealedKeys: real systemd seals the keys and hands them to the daemon; one
// that does not open keeps it from starting, makes no new one, and it comes back by
// itself once that is put right.
func TestRigSealedKeys(t *testing.T) {
	r := newRegister(t)
	before := r.verifier()
	r.run("tillwarden key seal --with host")
	if left := r.run(plainKeys); left != "journal.pub" {
		t.Errorf("left in plain: %s", left)
	}
	if got := r.verifier(); got != before {
		t.Errorf("the key is %s, and was %s", got, before)
	}
	r.run("cd /etc/credstore.encrypted && cp -a tillwarden.journal.key /root/ && tr A-Ma-m N-Zn-z < /root/tillwarden.journal.key > tillwarden.journal.key")
	r.fails("timeout 10 systemctl restart tillwardend")
	if state := r.run(unit("ActiveState")); state == "active" {
		t.Error("it runs with a key that does not open")
	}
	if said := r.fails("tillwarden doctor"); !strings.Contains(said, "its sealed keys do not open") {
		t.Errorf("the doctor does not say why it does not run:\n%s", said)
	}
	if left := r.run(plainKeys); left != "journal.pub" {
		t.Errorf("keys were made: %s", left)
	}
	r.run("rm /etc/credstore.encrypted/tillwarden.journal.key")
	r.becomes("it says that the key is gone", "journalctl -u tillwardend --no-pager -o cat | grep -c 'the key is gone' | sed 's/[1-9][0-9]*/some/'", "some")
	if left := r.run(plainKeys); left != "journal.pub" {
		t.Errorf("keys were made: %s", left)
	}
	r.run("cp -a /root/tillwarden.journal.key /etc/credstore.encrypted/")
	r.becomes("it comes back by itself", unit("ActiveState"), "active")
	if got := r.verifier(); got != before {
		t.Errorf("the key is %s, and was %s", got, before)
	}
	r.run("tillwarden key unseal")
	if left := strings.Fields(r.run(plainKeys)); fmt.Sprint(left) != "[journal.key journal.pub receipt.key signon.key]" {
		t.Errorf("unsealed: %v", left)
	}
	if got := r.verifier(); got != before {
		t.Errorf("the key is %s, and was %s", got, before)
	}
}

// plugged is the serial line that is plugged into a machine, while its daemon runs.
const plugged = "/dev/ttyUSB0"

// plugs runs the probe in the daemon's unit, plugs a serial line in once it runs, and
// gives what came of it. The line's drivers were not loaded before, but by the unit.
func (r *register) plugs(modules bool) result {
	r.t.Helper()
	r.run("modprobe -r ftdi_sio pl2303 cp210x ch341 usbserial cdc_acm usblp; modprobe vhci-hcd; ! grep -q ttyUSB /proc/devices")
	r.run("cat > /run/systemd/system/tillwarden-probe.service <<'END'\n" + probeUnit(r.t, true, modules, "daemon -await "+plugged) + "\nEND\n" +
		"systemctl daemon-reload && systemctl start tillwarden-probe && systemd-run --quiet --unit=plug tillwarden-probe plug BOX1")
	r.becomes("udev gives the line to the daemon", "stat -c '%U %a' "+plugged, "tillwarden 600")
	r.becomes("the probe is done", "systemctl show --property=MainPID --value tillwarden-probe", "0")
	defer func() {
		r.run("systemctl stop plug")
		r.becomes("the line is gone", "test -e "+plugged+" || echo gone", "gone")
	}()
	if !modules {
		return results(r.t, r.run("cat /run/probe.json"))["a device that is plugged in later"]
	}
	for name, v := range results(r.t, r.run("cat /run/probe.json")) {
		if !v.OK {
			r.t.Errorf("%s: %s, want %s: %s", name, v.Got, v.Want, v.Says)
		}
	}
	// And who must not have it has it not.
	text, _ := r.Run(r.t.Context(), "setpriv --reuid pos --regid pos --init-groups tillwarden-probe pos -node "+plugged)
	tried := 0
	for name, v := range results(r.t, text) {
		if strings.HasSuffix(name, plugged) {
			tried++
		}
		if !v.OK {
			r.t.Errorf("the POS's user, %s: %s, want %s: %s", name, v.Got, v.Want, v.Says)
		}
	}
	if tried != 2 {
		r.t.Errorf("the POS's user tried the line %d times", tried)
	}
	return results(r.t, r.run("cat /run/probe.json"))["a device that is plugged in later"]
}

// TestRigOnDebiansKernel is what takes drivers and udev, in one machine.
func TestRigOnDebiansKernel(t *testing.T) {
	r := newMachine(t)
	r.printPort()
	t.Run("a driver that is loaded later", func(t *testing.T) { r.in(t).driverLoadedLater() })
	t.Run("a device that hangs", func(t *testing.T) {
		atLength(t, "it waits for the watchdog on an emulated processor")
		const left = "/run/left"
		r := r.in(t)
		r.run("rm -f /etc/udev/rules.d/70-test.rules; modprobe vhci-hcd && systemd-run --quiet --unit=box tillwarden-probe plug BOX1 " + left)
		r.becomes("the line is there", "test -e "+plugged+" && echo yes", "yes")
		r.run("cp /rig/packaging/tillwarden.toml /etc/tillwarden/tillwarden.toml") // without a print port
		r.staff(`[[drawer]]
name = "box"
path = "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_BOX1-*"
model = "apg-484a"`, "wc -c < "+left).deviceHangs()
	})
}

// driverLoadedLater: a line that is plugged in after the unit was started can be opened,
// though its driver was not there before: the unit sees to it that the driver's class is
// known. Without that it cannot, which is what DeviceAllow= does not say. All that the
// sandbox holds back in a container it holds back there, where there are devices.
func (r *register) driverLoadedLater() {
	r.t.Helper()
	r.run("systemctl stop tillwardend")
	r.run(`echo 'SUBSYSTEM=="tty", KERNEL=="ttyUSB*", OWNER="tillwarden", MODE="0600"' > /etc/udev/rules.d/70-test.rules && udevadm control --reload`)
	if got := r.plugs(true); got.Got != "works" {
		r.t.Errorf("a line that is plugged in later: %+v", got)
	}
	if got := r.plugs(false); got.Got != "fails" || !strings.Contains(got.Says, "operation not permitted") {
		r.t.Errorf("without its driver: %+v: the test proves nothing", got)
	}
}

// printPort checks that a print port is there with its drop-in and not without, for the
// POS's user and for no other.
func (r *register) printPort() {
	r.t.Helper()
	const connects = "timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/9100' && echo yes || echo no"
	r.run(`cat >> /etc/tillwarden/tillwarden.toml <<'END'

[[printer]]
name = "receipt"
path = "/dev/ttyUSB9"
link = ""
listen = "127.0.0.1:9100"
listen_users = ["pos"]
END
systemctl restart tillwardend`)
	r.becomes("without its drop-in it says why there is no port", "tillwarden status | grep -c 'address family not supported'", "1")
	r.run(`install -D -m 644 /rig/packaging/dropins/print-port.conf /etc/systemd/system/tillwardend.service.d/print-port.conf
systemctl daemon-reload && systemctl restart tillwardend`)
	r.becomes("the POS's user reaches the print port", "setpriv --reuid pos --regid pos --init-groups "+connects, "yes")
	r.run("setpriv --reuid daemon --regid daemon --clear-groups " + connects)
	r.becomes("another user's connection is journaled", "tillwarden journal list --json | grep -c 'its user may not print here' | sed 's/[1-9][0-9]*/some/'", "some")
}

// TestRigReplacementWithSealedKeys: a register whose own keys are sealed takes another's
// place, keeps its keys, sealed, and goes on from the other's last checkpoint.
func TestRigReplacementWithSealedKeys(t *testing.T) {
	c := newCounter(t)
	c.run("systemctl stop tillwardend 2> /dev/null; mv /var/lib/tillwarden /root/old && systemctl start tillwardend && tillwarden key seal --with host")
	before := c.verifier()
	said := c.run("echo " + managerPIN + " | tillwarden setup --replaces register --old /root/old --answers /root/answers.toml")
	if !strings.Contains(said, "sealed to this machine") {
		t.Errorf("the doctor does not say that the keys are sealed:\n%s", said)
	}
	if got := c.verifier(); got != before {
		t.Errorf("the key is %s, and was %s", got, before)
	}
	if left := c.run(plainKeys); left != "journal.pub" {
		t.Errorf("left in plain: %s", left)
	}
	c.run("test -s /var/lib/tillwarden/archive/register-*/journal.db && test -e /var/lib/tillwarden/takeover.done.json")
	c.run("echo " + managerPIN + " | tillwarden signon 201")
	c.opens()
	c.run("systemctl restart tillwardend && tillwarden status")
}
