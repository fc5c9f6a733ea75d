package main

import (
	"bufio"
	"errors"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tillwarden/devices"
)

// queue is one of CUPS' printers.
type queue struct{ name, uri string }

// readQueues reads CUPS' printers.conf(5).
func readQueues(path string) ([]queue, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var list []queue
	for s := bufio.NewScanner(f); s.Scan(); {
		line := strings.TrimSpace(s.Text())
		word, rest, _ := strings.Cut(line, " ")
		switch strings.ToLower(word) {
		case "<printer", "<defaultprinter":
			list = append(list, queue{name: strings.TrimSuffix(strings.TrimSpace(rest), ">")})
		case "deviceuri":
			if len(list) > 0 {
				list[len(list)-1].uri = strings.TrimSpace(rest)
			}
		}
	}
	return list, nil
}

// queues looks at where CUPS prints to.
func (d *doors) queues() {
	const file = "/etc/cups/printers.conf"
	list, err := readQueues(d.at(file))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return
	case err != nil:
		d.note("side door", "run the doctor as root", "CUPS' queues cannot be read: %v", err)
		return
	}
	for _, q := range list {
		d.queue(q)
	}
}

func (d *doors) queue(q queue) {
	scheme, rest, ok := strings.Cut(q.uri, ":")
	if !ok {
		return
	}
	do := "lpadmin -p " + q.name + " -v tillwarden:/PRINTER, or remove it: lpadmin -x " + q.name
	path, _, _ := strings.Cut(rest, "?")
	path = "/" + strings.TrimLeft(path, "/")
	switch strings.ToLower(scheme) {
	case "tillwarden":
		d.ok("side door", "CUPS' queue %s prints through the daemon", q.name)
	case "serial", "parallel", "file":
		if real, err := filepath.EvalSymlinks(d.at(path)); err == nil && slices.ContainsFunc(d.printers, func(p doorPrinter) bool { return p.real == real }) {
			d.problem("side door", do, "CUPS' queue %s prints past the daemon, to %s", q.name, path)
		} else if strings.HasPrefix(path, "/dev/") && path != "/dev/null" {
			d.note("side door", "if a drawer hangs on it: "+do, "CUPS' queue %s prints to %s", q.name, path)
		}
	case "usb":
		if slices.ContainsFunc(d.printers, func(p doorPrinter) bool { return p.way == devices.TransportUSBLP }) {
			d.problem("side door", do, "CUPS' queue %s takes a USB printer from the kernel, and prints past the daemon: %s", q.name, q.uri)
		} else {
			d.note("side door", "if a drawer hangs on it: "+do, "CUPS' queue %s prints to a USB printer: %s", q.name, q.uri)
		}
	case "socket", "lpd", "ipp", "ipps", "http", "https":
		d.networkQueue(q, do)
	case "dnssd", "mdns", "beh":
		d.note("side door", "if it is a receipt printer: "+do, "where CUPS' queue %s leads cannot be seen: %s", q.name, q.uri)
	}
}

func (d *doors) networkQueue(q queue, do string) {
	u, err := url.Parse(q.uri)
	if err != nil {
		return
	}
	addr, err := netip.ParseAddr(u.Hostname())
	for _, p := range d.printers {
		switch {
		case !p.addr.IsValid():
		case err == nil && addr.Unmap() == p.addr.Addr().Unmap():
			d.problem("side door", do, "CUPS' queue %s prints past the daemon, to %s", q.name, u.Hostname())
			return
		case err != nil && u.Hostname() != "localhost":
			d.note("side door", "if that is printer "+p.name+": "+do, "CUPS' queue %s prints to %s; names are not looked up", q.name, u.Hostname())
			return
		}
	}
}
