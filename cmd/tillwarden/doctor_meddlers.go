package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// posUsers looks at which groups the POS's users are in that lead past the daemon.
func (d *doors) posUsers() {
	for gid, name := range d.accounts.groups {
		if name != posGroup {
			continue
		}
		users := d.accounts.others(gid)
		slices.Sort(users)
		for _, user := range users {
			d.posUser(user)
		}
	}
}

// rootGroups are groups whose members can make themselves root.
var rootGroups = []string{"sudo", "wheel", "docker", "lxd", "disk"}

func (d *doors) posUser(user string) {
	var past, root []string
	for gid, group := range d.accounts.groups {
		switch {
		case !slices.Contains(d.accounts.members[gid], user):
		case slices.Contains(pastGroups, group):
			past = append(past, group)
		case slices.Contains(rootGroups, group):
			root = append(root, group)
		}
	}
	slices.Sort(past)
	slices.Sort(root)
	for _, group := range past {
		d.problem("side door", "gpasswd -d "+user+" "+group+", or tillwarden setup with pos_user; it counts from the next login on",
			"%s prints through the daemon, and is in group %s, which reaches printers and serial lines past it", user, group)
	}
	for _, group := range root {
		d.problem("side door", "gpasswd -d "+user+" "+group+"; it counts from the next login on",
			"%s, who the POS application runs as, is in group %s: root can open every drawer", user, group)
	}
}

// meddlers looks at programs that open serial lines by themselves: what one sends to see
// whether a modem or a braille display is there, a drawer may open at.
func (d *doors) meddlers() {
	serial := false
	for _, p := range slices.Concat(d.printers, d.others) {
		name := filepath.Base(p.real)
		if p.real == "" || !strings.HasPrefix(name, "tty") {
			continue
		}
		serial = true
		d.console(name, p.path)
	}
	if !serial {
		return
	}
	if d.runs("ModemManager") && !strings.Contains(text(d.at(rulesPath)), "ID_MM_") {
		d.problem("side door", "tillwarden setup writes a rule that keeps it off; or: systemctl disable --now ModemManager",
			"ModemManager runs, and tries serial lines that are plugged in")
	}
	for _, dir := range []string{"/usr/lib/udev/rules.d", "/lib/udev/rules.d"} {
		rules, _ := filepath.Glob(d.at(dir + "/*brltty*.rules")) // the pattern is right
		if len(rules) == 0 {
			continue
		}
		name := filepath.Base(rules[0])
		if to, err := os.Readlink(d.at("/etc/udev/rules.d/" + name)); err == nil && to == "/dev/null" {
			d.ok("side door", "brltty is kept off serial lines")
			return
		}
		d.problem("side door", "if nobody reads braille here: ln -s /dev/null /etc/udev/rules.d/"+name+" && udevadm control --reload; or: apt remove brltty",
			"brltty takes serial adapters that it believes to be braille displays")
		return
	}
}

// console looks whether the system has a console or a login on a device's line.
func (d *doors) console(name, path string) {
	for word := range strings.FieldsSeq(text(d.at("/proc/cmdline"))) {
		if on, ok := strings.CutPrefix(word, "console="); ok && (on == name || strings.HasPrefix(on, name+",")) {
			d.problem("side door", "take "+word+" out of the kernel's command line (/etc/default/grub, then update-grub)", "the kernel writes its messages to %s", path)
		}
	}
	wants, _ := filepath.Glob(d.at("/etc/systemd/system/*.wants/serial-getty@" + name + ".service")) // the pattern is right
	if len(wants) > 0 {
		d.problem("side door", "systemctl disable --now serial-getty@"+name, "there is a login on %s", path)
	}
}

// runs reports whether a program of that name runs.
func (d *doors) runs(name string) bool {
	files, _ := filepath.Glob(d.at("/proc/[0-9]*/comm")) // the pattern is right
	for _, f := range files {
		if text(f) == name[:min(len(name), 15)] { // TASK_COMM_LEN
			return true
		}
	}
	return false
}
