// Package hardware has the tests that run inside of the rig's virtual machine: the
// real daemon on Debian's kernel, with Debian's drivers and udev between it and
// virtual USB devices. Package rig starts them there (`make test-rig`); anywhere
// else they are skipped, since they plug devices into the machine that they run on.
//
// A test finds the project's programs in /rig, and nothing else of the project's
// on the machine. Tests run one after the other, each with devices and a register of
// its own; what one leaves behind it has to remove.
package hardware
