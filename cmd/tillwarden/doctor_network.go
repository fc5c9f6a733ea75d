package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"tillwarden/devices"
)

// sidePorts are the services of network printers that open drawers, beside the
// one that the daemon prints to.
var sidePorts = []struct {
	port uint16
	what string
}{
	{devices.PrinterPort, "raw printing"},
	{21, "FTP, which prints what it is sent on some"},
	{80, "HTTP: ePOS-Print and the settings"},
	{443, "HTTPS: ePOS-Print and the settings"},
	{515, "LPR printing"},
	{631, "IPP printing"},
	{8008, "ePOS-Device over HTTP"},
	{8043, "ePOS-Device over HTTPS"},
}

// enpcPort is Epson's ENPC, over which real-time commands are forced into a busy
// printer. enpcAsk only asks who it is ("Q" for query; its answer begins with
// EPSONq).
const enpcPort = 3289

var enpcAsk = []byte("EPSONQ\x03\x00\x00\x01\x00\x00\x00\x00")

// probeTime is how long one service may take to answer.
const probeTime = time.Second

// network looks at a network printer's other services, where it is asked to.
func (d *doors) network(ctx context.Context, p *doorPrinter) {
	const do = "let nobody but this register reach it: a network of its own, or rules in the switch; close what it need not offer"
	if !d.probe {
		d.note("side door", do+"; tillwarden doctor --probe asks it what is open", "printer %s is in the network: whoever reaches %s can open its drawer", p.name, p.addr.Addr())
		return
	}
	var open []string
	for _, s := range sidePorts {
		if s.port != p.addr.Port() && d.answersTCP(ctx, netip.AddrPortFrom(p.addr.Addr(), s.port)) {
			open = append(open, fmt.Sprintf("%d (%s)", s.port, s.what))
		}
	}
	if d.answersENPC(ctx, netip.AddrPortFrom(p.addr.Addr(), enpcPort)) {
		open = append(open, "UDP 3289 (ENPC: forces real-time commands into it)")
	}
	if len(open) > 0 {
		d.problem("side door", do, "printer %s at %s also answers on %s", p.name, p.addr.Addr(), strings.Join(open, ", "))
		return
	}
	d.note("side door", do, "printer %s at %s answers on none of the other ports that open drawers; %d itself is open to whoever reaches it", p.name, p.addr.Addr(), p.addr.Port())
}

func (d *doors) answersTCP(ctx context.Context, at netip.AddrPort) bool {
	conn, err := d.dial(ctx, "tcp", at.String())
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

func (d *doors) answersENPC(ctx context.Context, at netip.AddrPort) bool {
	conn, err := d.dial(ctx, "udp", at.String())
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(probeTime))
	if _, err := conn.Write(enpcAsk); err != nil {
		return false
	}
	answer := make([]byte, 512)
	n, err := conn.Read(answer)
	return err == nil && bytes.HasPrefix(answer[:n], []byte("EPSONq"))
}

// printServers are programs that print for whoever asks, web pages among them, by the
// port that they listen on.
var printServers = map[uint16]string{
	8069: "Odoo's IoT service, if that is what it is,",
	8181: "QZ Tray, if that is what it is,",
	8182: "QZ Tray, if that is what it is,",
}

// listeners looks at who takes prints on this machine: on port 9100, and on those of
// programs that print for web pages.
func (d *doors) listeners() {
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		b, err := os.ReadFile(d.at(file))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			at, uid, ok := listener(line)
			if !ok {
				continue
			}
			who := d.accounts.user(uid)
			if server := printServers[at.Port()]; server != "" {
				d.note("side door", "let it print to the daemon's port alone, which decides what opens a drawer, and keep it off the devices", "%s of %s listens on %s: any web page may print through it", server, who, at)
			}
			if at.Port() != devices.PrinterPort {
				continue
			}
			switch {
			case !at.Addr().IsLoopback():
				d.problem("side door", "bind it to 127.0.0.1, or close it: ss -ltnp 'sport = 9100' says whose it is", "this machine takes prints from the network, on %s, as %s", at, who)
			case uid != 0 && who != daemonUser:
				d.note("side door", "ss -ltnp 'sport = 9100' says which program; what it prints has to end in the daemon's port", "%s takes prints on %s, not the daemon", who, at)
			default:
				d.ok("side door", "%s is open to this machine's programs only", at)
			}
		}
	}
}

// listener reads a line of /proc/net/tcp (proc_pid_net(5)) of a socket that
// listens: addresses are 32-bit words in the machine's order.
func listener(line string) (at netip.AddrPort, uid uint32, ok bool) {
	f := strings.Fields(line)
	if len(f) < 8 || f[3] != "0A" {
		return at, 0, false
	}
	address, port, _ := strings.Cut(f[1], ":")
	raw, err := hex.DecodeString(address)
	if err != nil || len(raw) != 4 && len(raw) != 16 {
		return at, 0, false
	}
	for i := 0; i < len(raw); i += 4 {
		binary.BigEndian.PutUint32(raw[i:], binary.NativeEndian.Uint32(raw[i:]))
	}
	addr, _ := netip.AddrFromSlice(raw)
	number, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return at, 0, false
	}
	owner, err := strconv.ParseUint(f[7], 10, 32)
	if err != nil {
		return at, 0, false
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(number)), uint32(owner), true
}
