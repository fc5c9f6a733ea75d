// Package keep says how descriptors outlive the daemon's process: what keeps
// them, and what comes back. A POS that has its port open does not notice then
// that the daemon was started again.
//
// It keeps nothing itself: under systemd the service's file descriptor store
// does (see package daemon).
package keep

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Keeper keeps descriptors over the end of this process, for the one that comes
// after it. A copy is kept from the moment that it is handed in, so that a crash
// loses none of them.
type Keeper interface {
	// Take gives what an earlier process left under a name, or under names that
	// begin with it and a dot; "" is all. It gives each once; the files are the caller's. What
	// is taken stays kept.
	Take(name string) []Kept
	// Keep keeps a copy of a descriptor. One name is one descriptor.
	Keep(name string, c syscall.Conn) error
	// Forget ends the keeping of what Take would give.
	Forget(name string)
}

// Kept is a descriptor that an earlier process left.
type Kept struct {
	Name string
	File *os.File
}

// Discard lets go of what an earlier process left under a name.
func Discard(k Keeper, name string) {
	if k == nil {
		return
	}
	for _, kept := range k.Take(name) {
		kept.End()
	}
	k.Forget(name)
}

// End closes a descriptor that is not used. A socket ends for all who have
// copies of it, so that its address is free at once, and not when they have heard
// that they are to forget it.
func (k Kept) End() {
	if raw, err := k.File.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RDWR) })
	}
	k.File.Close()
}
