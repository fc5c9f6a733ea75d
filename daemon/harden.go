package daemon

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Harden keeps this process's memory, in which PINs and cards pass, out of
// core dumps and of other processes of its user.
func Harden() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("turn core dumps off: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("turn core dumps off: %w", err)
	}
	return nil
}
