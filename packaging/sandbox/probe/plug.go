package main

import (
	"os"
	"os/signal"
	"syscall"

	"tillwarden/packaging/rig/usb"
)

// plug plugs a virtual serial line into this machine, until the process is ended. It
// needs root, and the module vhci_hcd.
func plug(number string) error {
	line := usb.NewSerial(number, nil)
	defer line.Close()
	if err := line.Plug(); err != nil {
		return err
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, os.Interrupt)
	<-end
	return line.Unplug()
}
