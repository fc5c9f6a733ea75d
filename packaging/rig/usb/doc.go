// Package usb makes USB devices that are not there, on a kernel with vhci_hcd
// (Debian's has it): a receipt printer of the printer class, a serial adapter
// with modem lines, and a card reader that types. The kernel's own drivers drive them, udev makes their nodes, and
// they are plugged in and pulled out as real ones are.
//
// A device speaks USB/IP over a socket pair, of which the kernel holds one end
// (Linux, Documentation/usb/usbip_protocol.rst): there is no network, and a device
// goes with the process that made it.
//
// It shows what drivers and device nodes do. It does not show a host controller's
// timing, nor electricity.
package usb
