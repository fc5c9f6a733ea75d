package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// capSysRawIO is the capability to use I/O ports (capabilities(7)).
const capSysRawIO = 17

// mainboard looks at who could open a drawer that hangs on the mainboard itself:
// by I/O ports, with no driver in between. That there is such a drawer cannot be
// seen, so that it is worth knowing and no problem.
func (d *doors) mainboard() {
	if _, err := os.Stat(d.at("/dev/port")); err != nil {
		return
	}
	if mode := lockdown(text(d.at("/sys/kernel/security/lockdown"))); mode == "integrity" || mode == "confidentiality" {
		d.ok("side door", "I/O ports are closed to everybody (kernel lockdown: %s)", mode)
		return
	}
	who := "only root's programs may"
	if list := d.rawIO(); len(list) > 0 {
		who = "besides root's programs, " + join(list) + " may"
	}
	d.note("side door", "boot with lockdown=integrity, which closes I/O ports to everybody",
		"if a drawer hangs on the mainboard's own port, %s open it", who)
}

// lockdown is the mode in brackets: "none [integrity] confidentiality".
func lockdown(modes string) string {
	for _, m := range strings.Fields(modes) {
		if strings.HasPrefix(m, "[") {
			return strings.Trim(m, "[]")
		}
	}
	return ""
}

// rawIO are the programs that may use I/O ports and are not root's.
func (d *doors) rawIO() []string {
	files, _ := filepath.Glob(d.at("/proc/[0-9]*/status")) // the pattern is right
	var list []string
	for _, f := range files {
		name, uid, effective := "", "", uint64(0)
		for line := range strings.Lines(text(f)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
			words := strings.Fields(value)
			switch {
			case len(words) == 0:
			case key == "Name":
				name = words[0]
			case key == "Uid" && len(words) > 1:
				uid = words[1]
			case key == "CapEff":
				effective, _ = strconv.ParseUint(words[0], 16, 64)
			}
		}
		if effective>>capSysRawIO&1 == 1 && uid != "0" {
			n, _ := strconv.ParseUint(uid, 10, 32)
			list = append(list, fmt.Sprintf("%s of %s", name, d.accounts.user(uint32(n))))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
