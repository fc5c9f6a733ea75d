// Command agent is the rig's hand in a virtual machine: as the initial ramdisk's
// init it loads the disk's drivers and hands over to the system on it; started by
// that system as a service it runs what the rig asks for, as root.
//
// The disk has nothing of the rig on it: init puts the agent and its units under
// /run, which is gone with the machine.
package main

import (
	"fmt"
	"os"
)

func main() {
	run := serve
	if os.Getpid() == 1 {
		run = boot
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "rig agent:", err)
		os.Exit(1)
	}
}
