// Package installation checks what the Debian package does to a register's system:
// installed, upgraded in the middle of a receipt and under a cashier, removed, purged
// and installed again. The systems are containers (package rig/container) with
// simulated hardware; what takes a driver or udev is package rig/hardware's.
//
// It is a test and nothing else: no program imports it.
package installation
