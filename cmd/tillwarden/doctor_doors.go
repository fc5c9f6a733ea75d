package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"tillwarden/daemon"
	"tillwarden/daemon/api"
	"tillwarden/devices"
)

// Side doors: what leads to a printer or a drawer past the daemon, as far as a
// machine can see it. docs/printers.md says what it cannot see.

// doors looks for side doors.
type doors struct {
	*doctor
	root     string // of the machine that is looked at
	probe    bool
	dial     func(ctx context.Context, network, address string) (net.Conn, error)
	printers []doorPrinter
	others   []doorPrinter // devices besides printers
	accounts *accounts
}

// doorPrinter is a printer that the daemon has.
type doorPrinter struct {
	name, path string
	way        devices.Transport
	real       string         // its device, where it is a file that is there
	addr       netip.AddrPort // of a network printer
	opens      bool           // it is a drawer: who reaches it opens it
}

// daemonUser is who the daemon runs as, beside root.
const daemonUser = "tillwarden"

// at is where a file of the machine is.
func (d *doors) at(path string) string { return filepath.Join(d.root, path) }

// examineDoors looks at everything around the printers of the configuration, or
// of the daemon's answer where that is nil.
func (a *app) examineDoors(ctx context.Context, d *doctor, o *doctorOptions, c *daemon.Config, known []api.Device) {
	dialer := net.Dialer{Timeout: probeTime}
	w := &doors{doctor: d, root: o.root, probe: o.probe, dial: dialer.DialContext}
	if c != nil {
		known = nil
		for _, own := range configured(c) {
			known = append(known, api.Device{Name: own.name, Kind: own.table, Path: own.path})
		}
		for _, warning := range c.Warnings() {
			says, do, _ := strings.Cut(warning, ". ")
			w.note("printer", do, "%s", says)
		}
	}
	w.examine(ctx, known)
}

// examine looks at what leads to the printers among the devices.
func (d *doors) examine(ctx context.Context, known []api.Device) {
	for _, v := range known {
		if p, ok := d.door(v.Name, v.Path); ok && v.Kind == "printer" {
			d.printers = append(d.printers, p)
		} else if ok {
			p.opens = v.Kind == "drawer"
			d.others = append(d.others, p)
		}
	}
	d.accounts = readAccounts(d.at("/etc/passwd"), d.at("/etc/group"))
	d.queues()
	for i := range d.printers {
		d.printer(ctx, &d.printers[i])
	}
	for i := range d.others {
		d.other(&d.others[i])
	}
	d.posUsers()
	d.meddlers()
	d.listeners()
	d.mainboard()
}

// door looks where a device's path leads.
func (d *doors) door(name, path string) (doorPrinter, bool) {
	p := doorPrinter{name: name, path: path}
	var err error
	if p.way, err = devices.TransportOf(path); err != nil {
		return p, false // --check-config says it
	}
	if p.way.File() {
		if p.real, err = filepath.EvalSymlinks(d.at(path)); err != nil {
			p.real = ""
		} else if strings.HasPrefix(filepath.Base(p.real), "lp") {
			p.way = devices.TransportUSBLP // by the name that a rule gives it
		}
	} else {
		p.addr, _ = devices.TCPAddress(path) // TransportOf has read it as well
	}
	return p, true
}

// other looks at who may use a device that is no printer.
func (d *doors) other(p *doorPrinter) {
	if p.real == "" || strings.HasPrefix(p.real, d.at("/dev/pts/")) {
		return // not there, or simulated
	}
	if d.node(p.real, p.path, p.name+"'s device") {
		d.ok("side door", "%s is the daemon's alone", p.path)
	}
	if p.opens {
		d.usb(p)
	}
}

// printer looks at what leads to one printer.
func (d *doors) printer(ctx context.Context, p *doorPrinter) {
	switch {
	case p.addr.IsValid():
		d.network(ctx, p)
	case p.real != "":
		if d.node(p.real, p.path, "the printer's device") {
			d.ok("side door", "%s is the daemon's alone", p.path)
		}
		d.usb(p)
	}
}

// accounts are a machine's users and groups, by their numbers.
type accounts struct {
	users   map[uint32]string
	groups  map[uint32]string
	members map[uint32][]string // of groups, by either file
	primary map[uint32]uint32   // each user's own group
}

// readAccounts reads passwd(5) and group(5). What is not there has no names.
func readAccounts(passwd, group string) *accounts {
	a := &accounts{users: map[uint32]string{}, groups: map[uint32]string{}, members: map[uint32][]string{}, primary: map[uint32]uint32{}}
	lines(group, func(f []string) {
		if gid, err := strconv.ParseUint(f[2], 10, 32); err == nil && len(f) >= 4 {
			a.groups[uint32(gid)] = f[0]
			for _, m := range strings.Split(f[3], ",") {
				if m != "" {
					a.members[uint32(gid)] = append(a.members[uint32(gid)], m)
				}
			}
		}
	})
	lines(passwd, func(f []string) {
		uid, err := strconv.ParseUint(f[2], 10, 32)
		if err != nil || len(f) < 4 {
			return
		}
		a.users[uint32(uid)] = f[0]
		if gid, err := strconv.ParseUint(f[3], 10, 32); err == nil {
			a.members[uint32(gid)] = append(a.members[uint32(gid)], f[0])
			a.primary[uint32(uid)] = uint32(gid)
		}
	})
	return a
}

// lines reads a file of fields with colons between them, at least three a line.
func lines(path string, each func(fields []string)) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if fields := strings.Split(s.Text(), ":"); len(fields) >= 3 {
			each(fields)
		}
	}
}

func (a *accounts) user(uid uint32) string {
	if name := a.users[uid]; name != "" {
		return name
	}
	return fmt.Sprintf("user %d", uid)
}

func (a *accounts) group(gid uint32) string {
	if name := a.groups[gid]; name != "" {
		return name
	}
	return fmt.Sprintf("group %d", gid)
}

// others are a group's members beside root and the daemon.
func (a *accounts) others(gid uint32) []string {
	var list []string
	for _, m := range a.members[gid] {
		if m != "root" && m != daemonUser {
			list = append(list, m)
		}
	}
	return list
}
