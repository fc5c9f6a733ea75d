package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tillwarden/daemon/api"
)

// plant makes the files of a machine; a text that begins with "->" is a link.
func plant(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	if files["/etc/passwd"] == "" { // whoever runs the test is the daemon
		files = maps.Clone(files)
		files["/etc/passwd"] = fmt.Sprintf("tillwarden:x:%d:%d::/:/bin/false\n", os.Getuid(), os.Getgid())
	}
	for path, text := range files {
		at := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if to, ok := strings.CutPrefix(text, "->"); ok {
			err = os.Symlink(to, at)
		} else {
			err = os.WriteFile(at, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// usbPrinter is a printer with two ttys and a printer class interface on one USB
// device, and another tty beside it.
var usbPrinter = map[string]string{
	"/dev/ttyACM0": "", "/dev/ttyACM1": "", "/dev/ttyACM2": "", "/dev/usb/lp0": "", "/dev/bus/usb/001/007": "",
	"/dev/till":                       "->ttyACM0",
	"/sys/class/tty/ttyACM0/device":   "->../../../devices/usb1/1-1/1-1:1.0",
	"/sys/class/tty/ttyACM1/device":   "->../../../devices/usb1/1-1/1-1:1.2",
	"/sys/class/tty/ttyACM2/device":   "->../../../devices/usb1/1-2/1-2:1.0",
	"/sys/class/usbmisc/lp0/device":   "->../../../devices/usb1/1-1/1-1:1.4",
	"/sys/devices/usb1/1-1/idVendor":  "04b8\n",
	"/sys/devices/usb1/1-1/idProduct": "0202\n",
	"/sys/devices/usb1/1-1/busnum":    "1\n",
	"/sys/devices/usb1/1-1/devnum":    "7\n",
	"/sys/devices/usb1/1-1/1-1:1.0/x": "",
	"/sys/devices/usb1/1-1/1-1:1.2/x": "",
	"/sys/devices/usb1/1-1/1-1:1.4/x": "",
	"/sys/devices/usb1/1-2/idVendor":  "0519\n",
	"/sys/devices/usb1/1-2/1-2:1.0/x": "",
	"/sys/devices/usb1/idVendor":      "1d6b\n",
}

// found are the findings about side doors, in their words.
func found(t *testing.T, root string, probe bool, dial func(context.Context, string, string) (net.Conn, error), paths ...string) []string {
	t.Helper()
	var d doctor
	var known []api.Device
	for i, p := range paths {
		known = append(known, api.Device{Name: fmt.Sprintf("p%d", i+1), Kind: "printer", Path: p})
	}
	w := &doors{doctor: &d, root: root, probe: probe, dial: dial}
	w.examine(t.Context(), known)
	var list []string
	for _, f := range d.findings {
		if f.State == "problem" && f.Do == "" {
			t.Errorf("%q does not say what to do", f.Says)
		}
		list = append(list, f.State+": "+f.Says)
	}
	return list
}

func want(t *testing.T, got []string, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, l) }) {
			t.Errorf("missing %q in\n%s", l, strings.Join(got, "\n"))
		}
	}
	if len(got) != len(lines) {
		t.Errorf("%d findings, want %d:\n%s", len(got), len(lines), strings.Join(got, "\n"))
	}
}

// TestDoctorNodes: who may use a printer's device, and what else leads into it.
func TestDoctorNodes(t *testing.T) {
	root := plant(t, usbPrinter)
	me, group := os.Getuid(), os.Getgid()
	daemonOwns := fmt.Sprintf("tillwarden:x:%d:%d::/:/bin/false\n", me, group)
	set := func(path string, mode os.FileMode) {
		t.Helper()
		if err := os.Chmod(filepath.Join(root, path), mode); err != nil {
			t.Fatal(err)
		}
	}
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("/etc/passwd", daemonOwns+"ann:x:4001:4001::/:/bin/sh\n")
	write("/etc/group", fmt.Sprintf("dialout:x:%d:\n", group))
	want(t, found(t, root, false, nil, "/dev/till"), "ok: /dev/till is the daemon's alone",
		"note: /dev/ttyACM1 is on the same USB device as /dev/till", "note: /dev/usb/lp0 is on the same USB device as /dev/till")

	set("/dev/ttyACM0", 0o660) // a group without other members harms nobody
	set("/dev/ttyACM1", 0o666)
	set("/dev/bus/usb/001/007", 0o664) // everybody may read it, and nobody can print so
	want(t, found(t, root, false, nil, "/dev/ttyACM0"), "ok: /dev/ttyACM0 is the daemon's alone",
		"problem: everybody may use /dev/ttyACM1, which is on the same USB device as /dev/ttyACM0, past the daemon",
		"note: /dev/usb/lp0 is on the same USB device as /dev/ttyACM0")

	write("/etc/group", fmt.Sprintf("dialout:x:%d:tillwarden,ann,bob\n", group))
	set("/dev/ttyACM1", 0o600)
	want(t, found(t, root, false, nil, "/dev/ttyACM0"), "problem: group dialout (ann, bob) may use /dev/ttyACM0, the printer's device, past the daemon",
		"note: /dev/ttyACM1", "note: /dev/usb/lp0", "problem: group dialout (ann, bob) may use /dev/bus/usb/001/007, over which programs with libusb print to /dev/ttyACM0")

	// From the printer class's side; and a device that is alone on its USB device.
	want(t, found(t, root, false, nil, "/dev/usb/lp0"), "ok: /dev/usb/lp0", "note: /dev/ttyACM1", "problem: group dialout (ann, bob) may use /dev/ttyACM0, which is on the same USB device as /dev/usb/lp0",
		"problem: group dialout (ann, bob) may use /dev/bus/usb/001/007")
	want(t, found(t, root, false, nil, "/dev/ttyACM2"), "ok: /dev/ttyACM2")
	want(t, found(t, root, false, nil, "/dev/ttyACM9")) // it is not there: the daemon says so
}

// TestDoctorOtherDevices: a drawer's line is looked at like a printer's, a reader's node alone.
func TestDoctorOtherDevices(t *testing.T) {
	root := plant(t, usbPrinter)
	look := func(kind string) (list []string) {
		var d doctor
		w := &doors{doctor: &d, root: root}
		w.examine(t.Context(), []api.Device{{Name: "x", Kind: kind, Path: "/dev/ttyACM0"}})
		for _, f := range d.findings {
			list = append(list, f.State+": "+f.Says)
		}
		return list
	}
	want(t, look("drawer"), "ok: /dev/ttyACM0 is the daemon's alone", "note: /dev/ttyACM1 is on the same USB device as /dev/ttyACM0", "note: /dev/usb/lp0")
	want(t, look("reader"), "ok: /dev/ttyACM0 is the daemon's alone")
}

// TestDoctorQueues: CUPS' queues that print past the daemon.
func TestDoctorQueues(t *testing.T) {
	root := plant(t, map[string]string{
		"/dev/ttyS0": "", "/dev/usb/lp0": "", "/dev/serial/by-id/till": "->../../ttyS0",
		"/etc/cups/printers.conf": `# Printer configuration file for CUPS v2.4.2
<DefaultPrinter through>
PrinterId 1
DeviceURI tillwarden:/receipt
</DefaultPrinter>
<Printer line>
DeviceURI serial:/dev/serial/by-id/till?baud=9600+bits=8
State Idle
</Printer>
<Printer stick>
DeviceURI usb://EPSON/TM-T20?serial=1
</Printer>
<Printer net>
DeviceURI socket://192.0.2.10:9100
</Printer>
<Printer paper>
DeviceURI ipp://192.0.2.99/ipp/print
</Printer>
<Printer named>
DeviceURI lpd://printer.example/aux
</Printer>
<Printer file>
DeviceURI file:///dev/null
</Printer>
<Printer found>
DeviceURI dnssd://TM._printer._tcp.local/
</Printer>
`,
	})
	want(t, found(t, root, false, nil, "/dev/ttyS0"), "ok: CUPS' queue through prints through the daemon", "problem: CUPS' queue line prints past the daemon, to /dev/serial/by-id/till",
		"note: CUPS' queue stick prints to a USB printer", "note: where CUPS' queue found leads cannot be seen", "ok: /dev/ttyS0")
	want(t, found(t, root, false, nil, "/dev/usb/lp0"), "ok: CUPS' queue through", "note: CUPS' queue line prints to /dev/serial/by-id/till",
		"problem: CUPS' queue stick takes a USB printer from the kernel", "note: where", "ok: /dev/usb/lp0")
	want(t, found(t, root, false, nil, "tcp://192.0.2.10"), "ok: CUPS' queue through", "note: CUPS' queue line", "note: CUPS' queue stick",
		"problem: CUPS' queue net prints past the daemon, to 192.0.2.10", "note: CUPS' queue named prints to printer.example", "note: where",
		"note: printer p1 is in the network: whoever reaches 192.0.2.10 can open its drawer")
}

// TestDoctorListeners: who takes prints on port 9100 here.
func TestDoctorListeners(t *testing.T) {
	head := "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	line := func(at, state string, uid int) string {
		return fmt.Sprintf("   0: %s 00000000:0000 %s 00000000:00000000 00:00000000 00000000 %5d        0 1 1\n", at, state, uid)
	}
	root := plant(t, map[string]string{
		"/etc/passwd":   "tillwarden:x:990:990::/:/bin/false\nann:x:1000:1000::/:/bin/sh\n",
		"/proc/net/tcp": head + line("0100007F:238C", "0A", 990) + line("0200007F:238C", "0A", 1000) + line("00000000:238C", "0A", 1000) + line("0100007F:238C", "01", 1000) + line("00000000:0016", "0A", 0) + line("00000000:1F85", "0A", 1000),
		"/proc/net/tcp6": head + line("00000000000000000000000001000000:238C", "0A", 0) +
			line("00000000000000000000000000000000:238C", "0A", 990) + "broken\n" + line("zz:238C", "0A", 0),
	})
	want(t, found(t, root, false, nil), "ok: 127.0.0.1:9100 is open to this machine's programs only", "note: ann takes prints on 127.0.0.2:9100, not the daemon",
		"problem: this machine takes prints from the network, on 0.0.0.0:9100, as ann", "note: Odoo's IoT service, if that is what it is, of ann listens on 0.0.0.0:8069", "ok: [::1]:9100", "problem: this machine takes prints from the network, on [::]:9100, as tillwarden")
}

// TestDoctorClock: what is not known is not right.
func TestDoctorClock(t *testing.T) {
	for state, says := range map[string]string{
		"synchronised":   "ok: synchronised",
		"unsynchronised": "note: not synchronised: times in the journal may be wrong",
		"unknown":        "note: the kernel does not tell tillwardend whether it is right: times in the journal may be wrong",
	} {
		var d doctor
		examineClock(&d, state)
		if len(d.findings) != 1 {
			t.Fatalf("%s: %+v", state, d.findings)
		}
		f := d.findings[0]
		want(t, []string{f.State + ": " + f.Says}, says)
		if (f.Do == "") != (f.State == "ok") {
			t.Errorf("%s: what to do is %q", state, f.Do)
		}
	}
}

// TestDoctorMainboard: who could use I/O ports.
func TestDoctorMainboard(t *testing.T) {
	status := func(name string, uid int, caps string) string {
		return fmt.Sprintf("Name:\t%s\nState:\tS\nUid:\t%d\t%d\t%d\t%d\nCapEff:\t%s\n", name, uid, uid, uid, uid, caps)
	}
	files := map[string]string{
		"/dev/port": "", "/sys/kernel/security/lockdown": "[none] integrity confidentiality\n", "/etc/passwd": "ann:x:1000:1000::/:/bin/sh\n",
		"/proc/1/status": status("systemd", 0, "000001ffffffffff"), "/proc/70/status": status("pos", 1000, "0000000000020000"), "/proc/71/status": status("sh", 1000, "0000000000000000"),
	}
	want(t, found(t, plant(t, files), false, nil), "note: if a drawer hangs on the mainboard's own port, besides root's programs, pos of ann may open it")
	delete(files, "/proc/70/status")
	want(t, found(t, plant(t, files), false, nil), "note: if a drawer hangs on the mainboard's own port, only root's programs may open it")
	files["/sys/kernel/security/lockdown"] = "none [integrity] confidentiality\n"
	want(t, found(t, plant(t, files), false, nil), "ok: I/O ports are closed to everybody (kernel lockdown: integrity)")
	delete(files, "/dev/port")
	want(t, found(t, plant(t, files), false, nil))
}

// TestDoctorProbe asks the configured printer's own address, and nothing else.
func TestDoctorProbe(t *testing.T) {
	answers := map[string]string{"tcp 192.0.2.10:515": "", "tcp 192.0.2.10:8043": "", "udp 192.0.2.10:3289": "EPSONq\x03"}
	dial := func(_ context.Context, network, address string) (net.Conn, error) {
		at, err := netip.ParseAddrPort(address)
		if err != nil || at.Addr() != netip.MustParseAddr("192.0.2.10") || at.Port() == 9100 {
			t.Errorf("%s is asked", address)
		}
		answer, ok := answers[network+" "+address]
		if !ok && network == "tcp" {
			return nil, errors.New("refused")
		}
		here, there := net.Pipe()
		go func() {
			defer there.Close()
			buf := make([]byte, 64)
			if n, err := there.Read(buf); err == nil && string(buf[:n]) == string(enpcAsk) {
				_, _ = there.Write([]byte(answer))
			}
		}()
		return here, nil
	}
	root := plant(t, map[string]string{})
	want(t, found(t, root, true, dial, "tcp://192.0.2.10"),
		"problem: printer p1 at 192.0.2.10 also answers on 515 (LPR printing), 8043 (ePOS-Device over HTTPS), UDP 3289 (ENPC: forces real-time commands into it)")
	clear(answers)
	want(t, found(t, root, true, dial, "tcp://192.0.2.10:9100"), "note: printer p1 at 192.0.2.10 answers on none of the other ports that open drawers; 9100 itself")
}

func TestDoctorSaysHowAPrinterIsTrustedAgain(t *testing.T) {
	d := &doctor{}
	examineDevice(d, &api.Device{Name: "receipt", Kind: "printer", State: "untrusted"})
	examineDevice(d, &api.Device{Name: "receipt", Kind: "printer", State: "up"})
	if len(d.findings) != 2 || d.findings[0].State != "problem" || d.findings[1].State != "ok" {
		t.Fatalf("found %+v", d.findings)
	}
	if do := d.findings[0].Do; !strings.HasPrefix(do, "switch the printer off and on;") || !strings.HasSuffix(do, "tillwarden device resync receipt") {
		t.Errorf("says %q", do)
	}
}

// TestDoctorTellsOfTheJournal: whether it has room, and whether it can be written at all.
func TestDoctorTellsOfTheJournal(t *testing.T) {
	for state, want := range map[string]string{
		"ok": "ok: 3 entries", "alarm": "problem: alarm: 1.0 MB left", "full": "problem: full: ",
		api.JournalFailed: "problem: it cannot be written: nothing is decided, and no drawer opens",
	} {
		d := &doctor{}
		(&app{}).examineJournal(d, &api.JournalStatus{Last: 3, FreeBytes: 1e6, State: state})
		if len(d.findings) != 1 || !strings.HasPrefix(d.findings[0].State+": "+d.findings[0].Says, want) || d.findings[0].State == "problem" && d.findings[0].Do == "" {
			t.Errorf("%s: found %+v, want %q", state, d.findings, want)
		}
	}
}

// TestDoctorMeddlers: what else opens a serial line, and who may get past the daemon.
func TestDoctorMeddlers(t *testing.T) {
	files := map[string]string{
		"/dev/ttyS0": "", "/proc/cmdline": "quiet console=ttyS0,9600 console=tty0\n", "/proc/5/comm": "ModemManager\n",
		"/usr/lib/udev/rules.d/85-brltty.rules":                             "",
		"/etc/systemd/system/getty.target.wants/serial-getty@ttyS0.service": "",
		"/etc/passwd": fmt.Sprintf("tillwarden:x:%d:%d::/:/bin/false\npos:x:4001:4001::/:/bin/sh\n", os.Getuid(), os.Getgid()),
		"/etc/group":  "lp:x:7:pos\ndialout:x:20:pos,tillwarden\nsudo:x:27:pos\ntillwarden-pos:x:991:pos\n",
	}
	want(t, found(t, plant(t, files), false, nil, "/dev/ttyS0"), "ok: /dev/ttyS0",
		"problem: pos prints through the daemon, and is in group dialout", "problem: pos prints through the daemon, and is in group lp",
		"problem: pos, who the POS application runs as, is in group sudo", "problem: the kernel writes its messages to /dev/ttyS0",
		"problem: there is a login on /dev/ttyS0", "problem: ModemManager runs", "problem: brltty takes")
	files["/etc/udev/rules.d/72-tillwarden-devices.rules"] = `ENV{ID_MM_PORT_IGNORE}="1"`
	files["/etc/udev/rules.d/85-brltty.rules"] = "->/dev/null"
	files["/proc/cmdline"] = "quiet console=ttyS01 console=tty0\n"
	delete(files, "/etc/systemd/system/getty.target.wants/serial-getty@ttyS0.service")
	files["/etc/group"] = "lp:x:7:\ndialout:x:20:tillwarden\ntillwarden-pos:x:991:pos\n"
	want(t, found(t, plant(t, files), false, nil, "/dev/ttyS0"), "ok: /dev/ttyS0", "ok: brltty is kept off")
}

// TestDoctorSeesTheUnit: an end that nobody asked for is told of, though the daemon
// runs again.
func TestDoctorSeesTheUnit(t *testing.T) {
	for name, c := range map[string]struct{ shows, want string }{
		"well":          {"LoadState=loaded\nActiveState=active\nResult=success\nNRestarts=0", "ok: the daemon has not ended"},
		"again":         {"LoadState=loaded\nActiveState=active\nResult=success\nNRestarts=3", "note: the daemon ended 3 times"},
		"cannot start":  {"LoadState=loaded\nActiveState=activating\nResult=exit-code\nNRestarts=40", "problem: tillwardend.service is activating (exit-code), and was started again 40 times: nothing prints, and no drawer opens; problem: it said last: no disk"},
		"sealed keys":   {"LoadState=loaded\nActiveState=activating\nResult=exit-code\nExecMainStatus=243\nNRestarts=40", "problem: its sealed keys do not open on this machine"},
		"switched off":  {"LoadState=loaded\nActiveState=inactive\nUnitFileState=disabled\nResult=success\nNRestarts=0", "problem: tillwardend.service is switched off, as setup --undo leaves it"},
		"stopped":       {"LoadState=loaded\nActiveState=inactive\nUnitFileState=enabled\nResult=success\nNRestarts=0", "problem: tillwardend.service is inactive, as systemctl stop leaves it"},
		"not installed": {"LoadState=not-found\nActiveState=inactive\nResult=success\nNRestarts=0", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var d doctor
			runs := examineUnit(t.Context(), &d, &machine{root: "/", command: func(_ context.Context, program string, _ ...string) (string, error) {
				switch program {
				case "systemctl":
					return c.shows, nil
				case "journalctl":
					return "no disk\n", nil
				}
				t.Errorf("%s is run", program)
				return "", nil
			}})
			if want := name != "switched off"; runs != want {
				t.Errorf("there is a daemon to look at: %v", runs)
			}
			var all []string
			for _, f := range d.findings {
				all = append(all, f.State+": "+f.Says)
			}
			got := strings.Join(all, "; ")
			if !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	var d doctor
	examineUnit(t.Context(), &d, newMachine(t.TempDir()))
	if len(d.findings) > 0 {
		t.Errorf("another machine's files have a unit: %v", d.findings)
	}
}

// TestNextStepOfANewRegister: as the package installs it, status and doctor name
// the one thing to do.
func TestNextStepOfANewRegister(t *testing.T) {
	noKeys := []string{"no policy is loaded: everything is denied", policyKeysPart + "read a policy key: no such file"}
	drawers := []api.Drawer{{Name: "till"}}
	for name, c := range map[string]struct {
		status api.Status
		next   string
	}{
		"just installed":       {api.Status{Problems: noKeys}, nextSetUp},
		"devices, but no keys": {api.Status{Problems: noKeys, Drawers: drawers}, nextKeys},
		"keys, but no policy":  {api.Status{Problems: noKeys[:1], Drawers: drawers}, nextPolicy},
		"something else":       {api.Status{Policy: &api.PolicyStatus{}, Problems: []string{"x"}, Drawers: drawers}, "tillwarden doctor says what to do"},
		"nothing":              {api.Status{Policy: &api.PolicyStatus{}, Drawers: drawers}, ""},
	} {
		var out strings.Builder
		a := &app{out: &out, err: io.Discard}
		if err := a.showStatus(&c.status); err != nil {
			t.Fatal(err)
		}
		_, next, _ := strings.Cut(out.String(), "\nnext")
		if next = strings.TrimSpace(next); next != c.next {
			t.Errorf("%s: next is %q, want %q", name, next, c.next)
		}
		if c.status.Policy != nil {
			continue
		}
		var d doctor
		examinePolicy(&d, &c.status)
		if len(d.findings) == 0 || d.findings[0].State != "problem" || d.findings[0].Do != c.next {
			t.Errorf("%s: the doctor says %+v first, want %q", name, d.findings, c.next)
		}
	}
}
