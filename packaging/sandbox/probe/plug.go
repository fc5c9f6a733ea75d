package main

import (
	"os"
	"os/signal"
	"syscall"

	"tillwarden/packaging/rig/usb"
)

// plug plugs a virtual serial line in, with a drawer on it that is shut, until the
// process is ended; what leaves the line goes to a file, where one is named. Stopped
// (SIGSTOP), it is a device that answers its driver no more. It needs root, and the
// module vhci_hcd.
func plug(number, leaves string) error {
	var far func([]byte)
	if leaves != "" {
		f, err := os.OpenFile(leaves, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		far = func(b []byte) { _, _ = f.Write(b) }
	}
	line := usb.NewSerial(number, far)
	line.SetLines(usb.DSR)
	defer line.Close()
	if err := line.Plug(); err != nil {
		return err
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, os.Interrupt)
	<-end
	return line.Unplug()
}
