// Command udev writes the package's udev rules to standard output, from the table
// of makers that tillwarden itself finds devices by.
//
// They keep programs that try every port away from registers' devices, and give
// nothing to anybody: which devices are this register's, and so the daemon's alone,
// only setup knows (tillwarden setup writes rules of its own for those). A package
// that is only installed must not take a printer away from the POS that uses it.
package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"tillwarden/devices/find"
)

func main() {
	if err := write(os.Stdout, find.Makers()); err != nil {
		fmt.Fprintln(os.Stderr, "udev:", err)
		os.Exit(1)
	}
}

const head = `# Receipt printers, card readers and drawers of known makers: ModemManager is not to
# send them the commands that it looks for modems with. A printer would print them,
# and a drawer that opens on any byte would open.
#
# Who may use these devices is no matter of this file: tillwarden setup gives this
# register's to the daemon, in /etc/udev/rules.d.
ACTION=="remove", GOTO="tillwarden_end"
SUBSYSTEM!="usb|tty|usbmisc", GOTO="tillwarden_end"
`

func write(to io.Writer, makers []find.Maker) error {
	var b strings.Builder
	b.WriteString(head)
	for _, m := range makers {
		fmt.Fprintf(&b, "\n# %s\n", m.Name)
		fmt.Fprintf(&b, "ATTRS{idVendor}==\"%s\", ENV{ID_MM_DEVICE_IGNORE}=\"1\", ENV{ID_MM_PORT_IGNORE}=\"1\"\n", m.Vendor)
	}
	b.WriteString("\nLABEL=\"tillwarden_end\"\n")
	_, err := io.WriteString(to, b.String())
	return err
}
