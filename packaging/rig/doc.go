// Package rig is a real system to test tillwarden on: a virtual machine with
// Debian's own kernel, systemd and udev, virtual USB devices and disks that lose
// what was not flushed. It is for what a test beside the code cannot show, since
// it takes drivers, units, device nodes or a power cut.
//
// It guarantees that nothing of one start is left for the next: a machine works
// on a copy of the disk that is thrown away, and processes, mounts and folders go
// with the test that made them. What takes minutes to build (the Debian system) is
// kept in a folder (CacheDir) under a name made of all that went into it.
//
// It is not a part of the product. It needs root and the programs that
// packaging/setup.sh installs (see docs/rig.md), emulates the processor (slowly;
// /dev/kvm is not needed), and cannot show what depends on real electricity: a
// line's speed, a 16550's modem lines, a disk's firmware.
//
// Its tests run by `make test-rig` and `make test-acceptance`. Packages below it:
// wire and agent are the rig's hand in the machine, usb are the virtual devices,
// and hardware has the tests that run inside of the machine.
package rig
