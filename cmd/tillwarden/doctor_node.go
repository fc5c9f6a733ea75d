package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"tillwarden/devices/find"
)

// node looks at who may use a device node, and reports whether it is the
// daemon's alone.
func (d *doors) node(real, path, what string) bool {
	info, err := os.Stat(real)
	if err != nil {
		return true // it is not there: its device is
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return true
	}
	do := fmt.Sprintf(`tillwarden setup gives it to the daemon alone, by a udev rule like KERNEL=="%s", OWNER="%s", GROUP="%s", MODE="0600"`, kernelName(path), daemonUser, daemonUser)
	mode := info.Mode().Perm()
	owner := d.accounts.user(st.Uid)
	var who []string
	switch others := d.accounts.others(st.Gid); {
	case mode&0o006 != 0:
		who = append(who, "everybody")
	case mode&0o060 != 0 && len(others) > 0:
		who = append(who, fmt.Sprintf("group %s (%s)", d.accounts.group(st.Gid), join(others)))
	}
	if st.Uid != 0 && owner != daemonUser {
		who = append(who, owner)
	}
	if len(who) > 0 {
		d.problem("side door", do, "%s may use %s, %s, past the daemon", strings.Join(who, " and "), path, what)
	}
	return len(who) == 0
}

// kernelName is a node's name as udev's KERNEL has it.
func kernelName(path string) string { return filepath.Base(path) }

// usb looks at what else leads into a printer on USB: a second tty or printer
// node of the same device, and its node under /dev/bus/usb, over which programs
// with libusb print.
func (d *doors) usb(p *doorPrinter) {
	class := "tty"
	if strings.HasPrefix(filepath.Base(p.real), "lp") {
		class = "usbmisc"
	}
	device := find.USBOf(d.root, class, filepath.Base(p.real))
	if device == nil {
		return
	}
	for _, c := range []struct{ class, dev string }{{"tty", "/dev"}, {"usbmisc", "/dev/usb"}, {"usb", "/dev/usb"}} {
		entries, err := os.ReadDir(d.at("/sys/class/" + c.class))
		if err != nil {
			continue
		}
		for _, e := range entries {
			node := filepath.Join(c.dev, e.Name())
			other := find.USBOf(d.root, c.class, e.Name())
			if d.at(node) == p.real || other == nil || other.Dir != device.Dir {
				continue
			}
			if d.node(d.at(node), node, "which is on the same USB device as "+p.path) {
				d.note("side door", "keep it closed: whoever may use it may open the drawer", "%s is on the same USB device as %s", node, p.path)
			}
		}
	}
	node := device.Node()
	if node == "" {
		return
	}
	info, err := os.Stat(d.at(node))
	if err != nil {
		return
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	others := d.accounts.others(st.Gid)
	if mode := info.Mode().Perm(); ok && (mode&0o002 != 0 || mode&0o020 != 0 && len(others) > 0) {
		who := "everybody"
		if mode&0o002 == 0 {
			who = fmt.Sprintf("group %s (%s)", d.accounts.group(st.Gid), join(others))
		}
		d.problem("side door", fmt.Sprintf(`tillwarden setup gives it to the daemon alone, by a udev rule like SUBSYSTEM=="usb", ATTR{idVendor}=="%s", ATTR{idProduct}=="%s", OWNER="%s", GROUP="%s", MODE="0600"`,
			device.Vendor, device.Product, daemonUser, daemonUser), "%s may use %s, over which programs with libusb print to %s", who, node, p.path)
	}
}

// text is what a file of sysfs says.
func text(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
