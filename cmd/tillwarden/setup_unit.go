package main

import (
	"regexp"
	"slices"
	"strings"

	"tillwarden/daemon"
	"tillwarden/devices"
)

// dropinPath gives the daemon's unit what the configuration needs beyond the package's.
const dropinPath = "/etc/systemd/system/" + daemonUnit + ".d/tillwarden-setup.conf"

// unitDropin is the drop-in (systemd.exec(5), systemd.resource-control(5)) that lets the
// daemon out to network printers, and to its own print ports on the loopback interface, and
// that puts it into the groups that it gives ports to; empty where it needs none of that.
func unitDropin(c *daemon.Config) string {
	lines := append(networkLines(c), groupLines(c)...)
	if len(lines) == 0 {
		return ""
	}
	return `# Written by tillwarden setup: what the devices of ` + defaultConfigFile + ` need.
# tillwarden setup --undo takes this back.
[Service]
` + strings.Join(lines, "\n") + "\n"
}

// networkLines open the network, which the package's unit has none of. The zone of an
// address is not for systemd, which would leave out the whole line.
func networkLines(c *daemon.Config) []string {
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
		return nil
	}
	return []string{"PrivateNetwork=no", "RestrictAddressFamilies=" + oneLine(families), "IPAddressAllow=" + oneLine(addresses)}
}

// groupName is what a group of the system may be called (useradd(8)); nothing else gets
// into a unit.
var groupName = regexp.MustCompile(`^[a-z_][a-z0-9_-]*$`)

// groupLines put the daemon into the groups of its ports: an owner may give a file to a
// group that it is in. The package's unit has the POS's.
func groupLines(c *daemon.Config) []string {
	var groups []string
	for i := range c.Printers {
		groups = append(groups, c.Printers[i].LinkGroup)
	}
	for i := range c.Drawers {
		groups = append(groups, c.Drawers[i].LinkGroup)
	}
	groups = slices.DeleteFunc(groups, func(g string) bool { return g == posGroup || !groupName.MatchString(g) })
	if len(groups) == 0 {
		return nil
	}
	return []string{"SupplementaryGroups=" + oneLine(groups)}
}

// oneLine lists words in order, each once.
func oneLine(words []string) string {
	slices.Sort(words)
	return strings.Join(slices.Compact(words), " ")
}
