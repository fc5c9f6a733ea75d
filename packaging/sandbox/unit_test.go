package sandbox

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	unitFile = "../systemd/tillwardend.service"
	dropIns  = "../dropins/*.conf"
	page     = "../../docs/hardening.md"
)

// exposureBar is the highest exposure that systemd-analyze may find, ten times over.
const exposureBar = "10"

// networkBar is the same for a unit that a drop-in lets out to a network.
const networkBar = "18"

// directives reads a unit file: what its sections say, in order.
func directives(t *testing.T, file string) map[string][]string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := map[string][]string{}
	section := ""
	for s := bufio.NewScanner(f); s.Scan(); {
		line := strings.TrimSpace(s.Text())
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '[':
			section = strings.Trim(line, "[]")
		case strings.HasSuffix(line, `\`):
			t.Fatalf("%s: %q goes on in the next line, which this test does not read", file, line)
		default:
			key, value, ok := strings.Cut(line, "=")
			if !ok {
				t.Fatalf("%s: %q is no directive", file, line)
			}
			all[section+"."+key] = append(all[section+"."+key], strings.Fields(value)...)
		}
	}
	return all
}

// TestUnitBoundsTheDaemon: what each line of the unit is there for, in words; a
// line that is changed has to be changed here, with its reason.
func TestUnitBoundsTheDaemon(t *testing.T) {
	d := directives(t, unitFile)
	for _, c := range []struct{ directive, value, why string }{
		{"Service.User", "tillwarden", "root owns nothing of it"},
		{"Service.NoNewPrivileges", "yes", "no set-uid program gives it more"},
		{"Service.CapabilityBoundingSet", "", "it needs no capability"},
		{"Service.AmbientCapabilities", "", "nor is one given to it"},
		{"Service.DevicePolicy", "closed", "no device but those that are named"},
		{"Service.DeviceAllow", "char-ttyS rw char-ttyUSB rw char-ttyACM rw char-usb rw", "whole classes: what is plugged in later has a number that nobody knows yet"},
		{"Service.ProtectSystem", "strict", "it writes its state and nothing else"},
		{"Service.ProtectHome", "yes", "it has no business with people's files"},
		{"Service.NoExecPaths", "/ /var/lib/tillwarden /tmp /var/tmp /dev", "a bug in it runs no other program; \"/\" leaves out what it may write"},
		{"Service.ExecPaths", "/usr/sbin/tillwardend", "it is static: it has no loader and no library"},
		{"Service.PrivateNetwork", "yes", "it speaks to no network"},
		{"Service.IPAddressDeny", "any", "nor would it where a drop-in opens one"},
		{"Service.RestrictAddressFamilies", "AF_UNIX", "its sockets are unix sockets"},
		{"Service.MemoryDenyWriteExecute", "yes", "no code is made at run time"},
		{"Service.RestrictNamespaces", "yes", "no way to a view of the system of its own"},
		{"Service.ProtectProc", "invisible", "other people's processes are not to be seen"},
		{"Service.LimitCORE", "0", "PINs and cards are not in a core dump"},
		{"Service.UMask", "0077", "what it makes is its own"},
		{"Service.SystemCallArchitectures", "native", "no second set of system calls past the filter"},
		{"Service.SystemCallErrorNumber", "EPERM", "a call that is missing is an error in the log, not a kill in the middle of a sale"},
		{"Service.Restart", "always", "without it nothing prints and nothing opens"},
		{"Unit.StartLimitIntervalSec", "0", "it never gives up"},
		{"Service.ExecStopPost", "-+/usr/libexec/tillwarden/tillwardend-ended", "but not in silence"},
		{"Service.WatchdogSec", "30", "a daemon that hangs is started again; a disk may be slow for some seconds"},
		{"Service.Type", "notify", "the watchdog counts from when it is ready"},
		{"Service.LoadCredentialEncrypted", "tillwarden.journal.key tillwarden.receipt.key tillwarden.signon.key tillwarden.store.key", "tillwarden key seal relies on it"},
	} {
		got, there := d[c.directive]
		if !there || strings.Join(got, " ") != c.value {
			t.Errorf("%s is %q, want %q: %s", c.directive, strings.Join(got, " "), c.value, c.why)
		}
	}
	// Both break what the daemon needs, and make the score better.
	for directive, why := range map[string]string{
		"Service.PrivateUsers":   "peer credentials (SO_PEERCRED) become those of nobody",
		"Service.PrivateDevices": "there would be no printer",
		"Service.DynamicUser":    "its state has to be somebody's, and udev gives the devices to a user",
		"Service.ProcSubset":     "the boot's id, by which the journal tells one boot from the next, is read from /proc/sys",
	} {
		if _, there := d[directive]; there {
			t.Errorf("%s is set: %s", directive, why)
		}
	}
}

// TestClassesAreThereBeforeTheUnit: DeviceAllow=char-X is looked up when the unit
// starts, so that the module that makes a class comes first.
func TestClassesAreThereBeforeTheUnit(t *testing.T) {
	d := directives(t, unitFile)
	// Which module registers a class of /proc/devices. ttyS is in Debian's kernel, and
	// "usb" (180) comes with usbcore, which every printer's driver needs.
	for class, module := range map[string]string{"char-ttyUSB": "usbserial", "char-ttyACM": "cdc_acm", "char-usb": "usblp"} {
		if !slices.Contains(d["Service.DeviceAllow"], class) {
			t.Errorf("%s may not be used", class)
		}
		for _, key := range []string{"Unit.Wants", "Unit.After"} {
			if want := "modprobe@" + module + ".service"; !slices.Contains(d[key], want) {
				t.Errorf("%s has no %s: %s is not known yet when the unit starts", key, want, class)
			}
		}
	}
}

// TestUnitIsExplained: docs/hardening.md has a reason for every directive that
// bounds the daemon, of the unit and of its examples, and for no other.
func TestUnitIsExplained(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	files, err := filepath.Glob(dropIns)
	if err != nil || len(files) == 0 {
		t.Fatalf("no drop-ins: %v", err)
	}
	for _, f := range append(files, unitFile) {
		for d := range directives(t, f) {
			section, key, _ := strings.Cut(d, ".")
			if section != "Service" && key != "StartLimitIntervalSec" {
				continue
			}
			known[key] = true
			if !strings.Contains(string(text), "`"+key+"=") {
				t.Errorf("%s: %s= is not explained in docs/hardening.md", f, key)
			}
		}
	}
	for _, line := range strings.Split(string(text), "\n") {
		first, isRow := strings.CutPrefix(line, "| `")
		if key, _, ok := strings.Cut(first, "="); isRow && ok && !known[key] {
			t.Errorf("docs/hardening.md explains %s=, which no unit has", key)
		}
	}
}

// TestExposure: what systemd-analyze makes of the unit, without a running systemd.
func TestExposure(t *testing.T) {
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("there is no systemd-analyze here; packaging/setup.sh installs it")
	}
	out, err := exec.Command(tool, "security", "--no-pager", "--offline=true", "--threshold="+exposureBar, unitFile).CombinedOutput()
	if err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
	if !strings.Contains(string(out), "Overall exposure level for tillwardend.service") {
		t.Errorf("it says something else:\n%s", out)
	}
	// The bar is one that is missed.
	open := filepath.Join(t.TempDir(), "tillwardend.service")
	if err := os.WriteFile(open, []byte("[Service]\nExecStart=/usr/sbin/tillwardend\nUser=tillwarden\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(tool, "security", "--no-pager", "--offline=true", "--threshold="+exposureBar, open).CombinedOutput(); err == nil {
		t.Errorf("a unit without bounds is below the bar:\n%s", out)
	}
}
