package devices

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// A pty is kept as three descriptors: without its slave the master would hang
// up, and without the watch nobody would know who opened and closed the slave
// between two processes of ours. Their names begin with KeptPTY.
const (
	KeptPTY    = "pty"
	keptMaster = KeptPTY + ".master"
	keptSlave  = KeptPTY + ".slave"
	keptWatch  = KeptPTY + ".watch"
)

// keepAll keeps a pty that was just made. One that cannot be kept is used all
// the same.
func (p *PTY) keepAll() {
	if p.keep == nil {
		return
	}
	for name, t := range map[string]*tty{keptMaster: p.master, keptSlave: p.slave, keptWatch: p.watch.t} {
		if err := p.keep.Keep(name, t.file); err != nil {
			p.keep.Forget(KeptPTY)
			p.keep = nil
			return
		}
	}
}

// takeOver takes the pty that an earlier process left, and reports whether
// there was one that can be used. Else nothing of it is left.
func (p *PTY) takeOver() bool {
	if p.keep == nil {
		return false
	}
	kept := map[string]*os.File{}
	whole := true
	for _, k := range p.keep.Take(KeptPTY) {
		if kept[k.Name] != nil {
			whole = false // two of one name: which is which?
			k.File.Close()
			continue
		}
		kept[k.Name] = k.File
	}
	if len(kept) == 0 {
		return false
	}
	whole = whole && len(kept) == 3 && p.adopt(kept) == nil
	if !whole {
		for _, t := range []*tty{p.master, p.slave} {
			if t != nil {
				t.close()
			}
		}
		if p.watch != nil {
			p.watch.close()
		}
		p.master, p.slave, p.watch, p.name = nil, nil, nil, ""
		for _, f := range kept {
			f.Close() // those that were not looked at
		}
		p.keep.Forget(KeptPTY)
	}
	return whole
}

var errNotOurs = errors.New("not a pty of ours")

// adopt checks that what was kept is one whole pty, by the kernel's numbers,
// whose slave has the name that a POS would open.
func (p *PTY) adopt(kept map[string]*os.File) (err error) {
	if p.master, err = adoptTTY(kept[keptMaster]); err != nil {
		return err
	}
	if p.slave, err = adoptTTY(kept[keptSlave]); err != nil {
		return err
	}
	w, err := adoptTTY(kept[keptWatch])
	if err != nil {
		return err
	}
	p.watch = &watch{w}
	if p.name, err = slaveName(p.master); err != nil {
		return err // not a master
	}
	var there unix.Stat_t
	if err := unix.Stat(p.name, &there); err != nil {
		return fmt.Errorf("looking for %s: %w", p.name, err)
	}
	slave, err := p.slave.stat()
	if err != nil {
		return err
	}
	watched, err := p.watch.watches()
	switch {
	case err != nil:
		return err
	case slave.Mode&unix.S_IFMT != unix.S_IFCHR, slave.Rdev != there.Rdev, slave.Dev != there.Dev, slave.Ino != there.Ino:
		return fmt.Errorf("slave: %w", errNotOurs)
	case len(watched) != 1, watched[0] != inode{there.Dev, there.Ino}:
		return fmt.Errorf("watch: %w", errNotOurs)
	case p.master.hungUp(), p.slave.hungUp():
		return fmt.Errorf("it was hung up: %w", errNotOurs)
	}
	return nil
}

// adoptTTY takes a descriptor over that another process has opened.
func adoptTTY(f *os.File) (*tty, error) {
	if f == nil {
		return nil, errNotOurs
	}
	defer f.Close()
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	var inner error
	// A copy, because the runtime has made up its mind about f, and because it
	// must not block, whatever was done to it on its way.
	err = raw.Control(func(old uintptr) {
		if fd, inner = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 3); inner == nil {
			inner = unix.SetNonblock(fd, true)
		}
	})
	if err = errors.Join(err, inner); err != nil {
		if fd >= 0 {
			unix.Close(fd)
		}
		return nil, fmt.Errorf("taking over %s: %w", f.Name(), err)
	}
	return newTTY(fd, f.Name())
}

func (t *tty) stat() (st unix.Stat_t, err error) {
	err = t.control(func(fd int) error { return unix.Fstat(fd, &st) })
	return st, err
}

// inode is what a watch is on.
type inode struct{ dev, ino uint64 }

// watches lists what is watched, as proc(5) tells it of an inotify descriptor:
// "inotify wd:1 ino:3 sdev:18 mask:...", all in hexadecimal. Of anything else it
// tells no such thing.
func (w *watch) watches() (list []inode, err error) {
	var text []byte
	err = w.t.control(func(fd int) (err error) {
		text, err = os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", fd))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("what is watched: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		var wd, ino, sdev uint64
		if _, err := fmt.Sscanf(line, "inotify wd:%x ino:%x sdev:%x", &wd, &ino, &sdev); err == nil {
			// The kernel's own form of a device number has 20 bits for the minor one.
			list = append(list, inode{unix.Mkdev(uint32(sdev>>20), uint32(sdev&(1<<20-1))), ino})
		}
	}
	return list, nil
}
