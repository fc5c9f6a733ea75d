package main

import (
	"slices"
	"strings"

	"tillwarden/daemon"
	"tillwarden/devices"
)

// dropinPath opens the unit's network, as far as the configuration needs it: the package's
// unit has none.
const dropinPath = "/etc/systemd/system/" + daemonUnit + ".d/tillwarden-network.conf"

// networkDropin is the drop-in (systemd.exec(5), systemd.resource-control(5)) that lets
// the daemon out to network printers, and to its own print ports on the loopback interface;
// empty where it needs neither. The zone of an address is not for it: systemd would leave
// out the whole line.
func networkDropin(c *daemon.Config) string {
	var addresses []string
	families := []string{"AF_INET", "AF_INET6"}
	for i := range c.Printers {
		p := &c.Printers[i]
		if way, err := devices.TransportOf(p.Path); err == nil && way == devices.TransportTCP {
			if at, err := devices.TCPAddress(p.Path); err == nil {
				addresses = append(addresses, at.Addr().Unmap().WithZone("").String())
			}
		}
		if p.Listen != "" {
			addresses = append(addresses, "localhost")
			families = append(families, "AF_NETLINK") // to ask whose a connection is: sock_diag(7)
		}
	}
	if len(addresses) == 0 {
		return ""
	}
	return `# Written by tillwarden setup: what the devices of ` + defaultConfigFile + ` need.
# tillwarden setup --undo takes this back.
[Service]
PrivateNetwork=no
RestrictAddressFamilies=` + oneLine(families) + `
IPAddressAllow=` + oneLine(addresses) + `
`
}

// oneLine lists words in order, each once.
func oneLine(words []string) string {
	slices.Sort(words)
	return strings.Join(slices.Compact(words), " ")
}
