package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"tillwarden/daemon"
	"tillwarden/devices/find"
)

// rulesPath is where setup's rule of udev(7) goes: behind those that give devices to
// groups (50), name them (60), and mark them for whoever sits there (70), and before the
// one that lets that person in (73-seat-late).
const rulesPath = "/etc/udev/rules.d/72-tillwarden-devices.rules"

// posGroup may use the daemon's POS socket, and print.
const posGroup = "tillwarden-pos"

// pastGroups are groups whose members get at printers and serial lines past the daemon.
var pastGroups = []string{"lp", "dialout"}

// ownNames begins the name that a rule gives a USB printer, whose number changes.
const ownNames = "/dev/usb/tillwarden-"

// udevRules gives the devices of a configuration to the daemon alone, by what stays the
// same of them: vendor, product and serial number, or the socket where there is no number.
// It covers the whole USB device: a second tty, or the node for libusb, leads in as well.
// Of a device that is not plugged in now, what the rules were stays.
func udevRules(root string, now, c *daemon.Config, old []byte) string {
	var b strings.Builder
	b.WriteString(`# Written by tillwarden setup: the devices of ` + defaultConfigFile + ` are the daemon's
# alone. Run setup again after a change there; tillwarden setup --undo takes this back.
ACTION=="remove", GOTO="tillwarden_devices_end"
`)
	found := find.Devices(root)
	before := oldRules(old)
	for _, d := range configured(now) {
		if !slices.Contains(configured(c), d) {
			delete(before, d.table+" "+d.name)
		}
	}
	const give = `OWNER="` + daemonUser + `", GROUP="` + daemonUser + `", MODE="0600", TAG-="uaccess"`
	any := false
	for _, d := range configured(c) {
		if !strings.HasPrefix(d.path, "/dev/") {
			continue // in the network, or a simulated one
		}
		any = true
		dev := deviceOf(root, found, d.path)
		if was := before[d.table+" "+d.name]; dev == nil && was != "" {
			b.WriteString("\n" + was)
			continue
		}
		if dev == nil || dev.USB == nil {
			fmt.Fprintf(&b, "\n# %s %s\n%s, %s, ENV{ID_MM_PORT_IGNORE}=\"1\"\n", d.table, d.name, plainMatch(root, d.path), give)
			continue
		}
		fmt.Fprintf(&b, "\n# %s %s: %s\n", d.table, d.name, strings.Map(inComment, dev.Name()))
		fmt.Fprintf(&b, "SUBSYSTEM==\"usb\", ENV{DEVTYPE}==\"usb_device\", %s, %s, ENV{ID_MM_DEVICE_IGNORE}=\"1\"\n", usbMatch(dev.USB, "ATTR", "KERNEL"), give)
		match := usbMatch(dev.USB, "ATTRS", "KERNELS")
		fmt.Fprintf(&b, "SUBSYSTEM==\"tty|usbmisc|hidraw\", %s, %s, ENV{ID_MM_PORT_IGNORE}=\"1\"\n", match, give)
		if strings.HasPrefix(d.path, ownNames) {
			fmt.Fprintf(&b, "SUBSYSTEM==\"usbmisc\", KERNEL==\"lp[0-9]*\", %s, SYMLINK+=\"%s\"\n", match, strings.TrimPrefix(d.path, "/dev/"))
		}
	}
	if !any {
		return ""
	}
	b.WriteString("\nLABEL=\"tillwarden_devices_end\"\n")
	return b.String()
}

// oldRules are the rules of each device in a file of setup's, by its comment.
func oldRules(text []byte) map[string]string {
	rules := map[string]string{}
	for block := range strings.SplitSeq(string(text), "\n\n") {
		if head, _, ok := strings.Cut(block, "\n"); ok && strings.HasPrefix(head, "# ") {
			name, _, _ := strings.Cut(strings.TrimPrefix(head, "# "), ":")
			rules[name] = strings.TrimRight(block, "\n") + "\n"
		}
	}
	return rules
}

// inComment keeps what a device says of itself from ending a comment.
func inComment(r rune) rune {
	if r < ' ' || r == 0x7f {
		return '.'
	}
	return r
}

// usbMatch is what a rule knows a USB device by.
func usbMatch(u *find.USB, attr, kernel string) string {
	match := fmt.Sprintf(`%s{idVendor}=="%s", %s{idProduct}=="%s"`, attr, u.Vendor, attr, u.Product)
	if u.Serial == "" || strings.ContainsAny(u.Serial, "\"\\|*?[]\n") {
		return fmt.Sprintf(`%s=="%s", %s`, kernel, u.Port, match)
	}
	return match + fmt.Sprintf(`, %s{serial}=="%s"`, attr, u.Serial)
}

// plainMatch is what a rule knows a node by that is on no USB device, or on one that is
// not plugged in.
func plainMatch(root, path string) string {
	name := strings.TrimPrefix(path, "/dev/")
	if strings.HasPrefix(name, "serial/") || strings.HasPrefix(name, "input/") || strings.HasPrefix(path, ownNames) {
		return fmt.Sprintf(`SYMLINK=="%s"`, name)
	}
	if real, err := filepath.EvalSymlinks(filepath.Join(root, path)); err == nil {
		name = filepath.Base(real)
	}
	return fmt.Sprintf(`SUBSYSTEM=="tty|usbmisc|hidraw", KERNEL=="%s"`, filepath.Base(name))
}

// deviceOf finds the device that a configured path leads to. A name that a rule is yet to
// give leads to the only USB printer that has none.
func deviceOf(root string, found []find.Device, path string) *find.Device {
	real, err := filepath.EvalSymlinks(filepath.Join(root, path))
	if err == nil {
		for i := range found {
			if filepath.Join(root, found[i].Node) == real {
				return &found[i]
			}
		}
		return nil
	}
	if !strings.HasPrefix(path, ownNames) {
		return nil
	}
	var only *find.Device
	for i := range found {
		if d := &found[i]; d.Kind == find.Printer && !strings.HasPrefix(d.Path, ownNames) {
			if only != nil {
				return nil
			}
			only = d
		}
	}
	return only
}

// members is what setup does about the POS user's groups.
func (m *machine) members(s *setupAnswers) (list []recordMember, err error) {
	if s.POSUser == "" {
		return nil, nil
	}
	acc := readAccounts(m.at("/etc/passwd"), m.at("/etc/group"))
	if err := acc.mayBePOS(s.POSUser); err != nil {
		return nil, err
	}
	for gid, name := range acc.groups {
		in := slices.Contains(acc.members[gid], s.POSUser)
		switch {
		case name == posGroup && !in:
			list = append(list, recordMember{s.POSUser, name, true})
		case slices.Contains(pastGroups, name) && in && s.take():
			list = append(list, recordMember{s.POSUser, name, false})
		}
	}
	slices.SortFunc(list, func(a, b recordMember) int { return strings.Compare(a.Group, b.Group) })
	return list, nil
}

// mayBePOS refuses who cannot be the user that the POS application runs as.
func (a *accounts) mayBePOS(name string) error {
	if name == "root" {
		return refusedf("the POS application runs as root, from whom nothing can be kept").hint("let it run as a user of its own; then run setup again")
	}
	if _, _, known := a.numbers(name); !known {
		return refusedf("there is no user %s here", name).hint("pos_user is who the POS application runs as: ps -o user= -p PID says it")
	}
	return nil
}

func (v *recordMember) command() (string, []string) {
	if v.Joined {
		return "gpasswd", []string{"-a", v.User, v.Group}
	}
	return "gpasswd", []string{"-d", v.User, v.Group}
}

// takeNodes records who had the devices' nodes, has udev give them to the daemon, and
// does it itself where udev does not run.
func (a *app) takeNodes(ctx context.Context, m *machine, r *setupRecord, c *daemon.Config, tell func(what, says string)) error {
	acc := readAccounts(m.at("/etc/passwd"), m.at("/etc/group"))
	uid, gid, known := acc.numbers(daemonUser)
	var nodes []string
	for _, path := range takenNodes(m.root, c) {
		st, mode, ok := statNode(m.at(path))
		if !ok || !known || st.Uid == uid {
			continue
		}
		nodes = append(nodes, path)
		if !slices.ContainsFunc(r.Nodes, func(n recordNode) bool { return n.Path == path }) {
			r.Nodes = append(r.Nodes, recordNode{path, st.Uid, st.Gid, mode})
		}
	}
	if err := m.writeRecord(r); err != nil {
		return err
	}
	a.reloadUdev(ctx, m, tell)
	if !m.live() {
		return nil
	}
	for _, path := range nodes {
		if st, mode, ok := statNode(m.at(path)); !ok || st.Uid == uid && mode == 0o600 {
			continue
		}
		if err := os.Chown(m.at(path), int(uid), int(gid)); err != nil {
			tell(path, "is still not the daemon's: "+err.Error())
			continue
		}
		if err := os.Chmod(m.at(path), 0o600); err != nil {
			tell(path, "is still not the daemon's: "+err.Error())
			continue
		}
		tell(path, "given to the daemon by hand: udev did not")
	}
	return nil
}

// reloadUdev has udev read its rules again, and hold them to the devices that are there.
func (a *app) reloadUdev(ctx context.Context, m *machine, tell func(what, says string)) {
	if _, err := os.Stat(m.at("/run/udev/control")); err != nil && m.live() {
		tell("udev", "does not run here: its rules count from its next start")
		return
	}
	a.system(ctx, m, tell, "udevadm", "control", "--reload")
	a.system(ctx, m, tell, "udevadm", "trigger", "--action=change", "--subsystem-match=tty", "--subsystem-match=usb", "--subsystem-match=usbmisc", "--subsystem-match=hidraw")
	a.system(ctx, m, tell, "udevadm", "settle", "--timeout=10")
}

// takenNodes are the nodes that the rule is about and that are there now.
func takenNodes(root string, c *daemon.Config) (list []string) {
	found := find.Devices(root)
	for _, d := range configured(c) {
		if !strings.HasPrefix(d.path, "/dev/") {
			continue
		}
		dev := deviceOf(root, found, d.path)
		if dev == nil {
			if real, err := filepath.EvalSymlinks(filepath.Join(root, d.path)); err == nil {
				list = append(list, "/"+strings.TrimPrefix(strings.TrimPrefix(real, filepath.Clean(root)), "/"))
			}
			continue
		}
		list = append(list, dev.Node)
		if dev.USB == nil {
			continue
		}
		if node := dev.USB.Node(); node != "" {
			list = append(list, node)
		}
		for i := range found {
			if o := &found[i]; o.USB != nil && o.USB.Dir == dev.USB.Dir && o.Node != dev.Node {
				list = append(list, o.Node)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// strayNodes are the nodes of a configuration's devices that are not the daemon's.
func (m *machine) strayNodes(c *daemon.Config) (list []string) {
	uid, _, known := readAccounts(m.at("/etc/passwd"), m.at("/etc/group")).numbers(daemonUser)
	for _, path := range takenNodes(m.root, c) {
		if st, _, ok := statNode(m.at(path)); ok && known && st.Uid != uid {
			list = append(list, path)
		}
	}
	return list
}

func statNode(path string) (st *syscall.Stat_t, mode os.FileMode, ok bool) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, false
	}
	st, ok = info.Sys().(*syscall.Stat_t)
	return st, info.Mode().Perm(), ok
}

// numbers are a user's own.
func (a *accounts) numbers(name string) (uid, gid uint32, ok bool) {
	for u, n := range a.users {
		if n == name {
			return u, a.primary[u], true
		}
	}
	return 0, 0, false
}

// people are the users whom people or applications log in as, of passwd's numbers
// (Debian policy, 9.2.2).
func (a *accounts) people() (names []string) {
	for uid, name := range a.users {
		if uid >= 1000 && uid < 60000 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// numbered reads a whole number of an answer.
func numbered(s string, low, high int) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= low && n <= high
}
