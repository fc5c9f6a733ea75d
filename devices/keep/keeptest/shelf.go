// Package keeptest has a stand-in for what keeps descriptors, for tests.
package keeptest

import (
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"tillwarden/devices/keep"
)

// Shelf is a keep.Keeper in memory: it stands for what outlives a process.
type Shelf struct {
	// Fail, where given, is what Keep ends with.
	Fail error

	t testing.TB

	mu   sync.Mutex
	kept []keep.Kept
}

// NewShelf makes an empty one. It is emptied when the test ends.
func NewShelf(t testing.TB) *Shelf {
	s := &Shelf{t: t}
	t.Cleanup(func() { s.Forget("") })
	return s
}

// Copy is a descriptor of its own on the same file.
func Copy(t testing.TB, name string, c syscall.Conn) *os.File {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	fd := -1
	if err := raw.Control(func(old uintptr) { fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 3) }); err != nil || fd < 0 {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), name)
}

// Keep is Keeper's.
func (s *Shelf) Keep(name string, c syscall.Conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Fail != nil {
		return s.Fail
	}
	s.kept = append(s.kept, keep.Kept{Name: name, File: Copy(s.t, name, c)})
	return nil
}

// Take is Keeper's.
func (s *Shelf) Take(name string) (taken []keep.Kept) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.kept {
		if name == "" || k.Name == name || strings.HasPrefix(k.Name, name+".") {
			taken = append(taken, keep.Kept{Name: k.Name, File: Copy(s.t, k.Name, k.File)})
		}
	}
	return taken
}

// Forget is Keeper's; no name is all of them.
func (s *Shelf) Forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var left []keep.Kept
	for _, k := range s.kept {
		if name == "" || k.Name == name || strings.HasPrefix(k.Name, name+".") {
			k.File.Close()
			continue
		}
		left = append(left, k)
	}
	s.kept = left
}

// Names lists what is kept.
func (s *Shelf) Names() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, k := range s.kept {
		names = append(names, k.Name)
	}
	return strings.Join(names, " ")
}
