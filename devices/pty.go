package devices

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"tillwarden/devices/keep"
)

// PTYConfig says how a pty appears to those who open it.
type PTYConfig struct {
	// Link is the stable name of the slave, a symbolic link.
	Link string
	// Mode and Group are the slave's; a Mode of 0 means 0660, a Group below 0
	// leaves the kernel's.
	Mode  os.FileMode
	Group int
	// ReadWait and WriteWait are as in Config.
	ReadWait, WriteWait time.Duration
	// OnClose is called when somebody closes the slave, after stale input was
	// dropped and the line made raw again. It must not block. May be nil.
	OnClose func()
	// OnOpen is called when somebody opens the slave. It must not block. May be nil.
	OnOpen func()
	// OnVisit is called for every opening of the slave, however soon it was closed
	// again, before OnClose and OnOpen; several at the same time count as one. It
	// must not block. May be nil.
	OnVisit func()
	// Keep, where given, keeps the pty for the next process, which finds it there:
	// those who have the slave open keep it open meanwhile. See Leave.
	Keep keep.Keeper
}

// PTY is the master's side of a pseudo terminal whose slave others take for a
// device. It is a Port: reading gives what they wrote.
//
// The slave is raw before its link appears (a default terminal echoes status
// bytes back as if they were printed), and is held open, so that an opener's
// last close does not hang the line up. A close is seen all the same.
type PTY struct {
	master, slave *tty
	name, link    string
	readWait      time.Duration
	writeWait     time.Duration
	watch         *watch
	telling       sync.Mutex // held from when events are read until they are told
	onClose       func()
	onOpen        func()
	onVisit       func()
	keep          keep.Keeper
	done          sync.WaitGroup
	once          sync.Once
	closed        error
}

// OpenPTY makes a pty and lets its link appear, atomically, in place of an older
// link; anything else that bears the name is left alone and an error. A pty that
// an earlier process has left (Keep) is taken over instead, as it is.
func OpenPTY(c PTYConfig) (*PTY, error) {
	p, err := openPTY(c)
	if err != nil {
		return nil, fmt.Errorf("making pty %s: %w", c.Link, err)
	}
	return p, nil
}

func openPTY(c PTYConfig) (_ *PTY, err error) {
	p := &PTY{link: c.Link, readWait: c.ReadWait, writeWait: c.WriteWait, onClose: c.OnClose, onOpen: c.OnOpen, onVisit: c.OnVisit, keep: c.Keep}
	if p.readWait <= 0 {
		p.readWait = defaultReadWait
	}
	if p.writeWait <= 0 {
		p.writeWait = defaultWriteWait
	}
	defer func() {
		if err != nil {
			p.Close()
		}
	}()
	taken := p.takeOver()
	if !taken {
		if err := p.make(); err != nil {
			return nil, err
		}
	}
	mode := c.Mode
	if mode == 0 {
		mode = 0o660
	}
	if err := p.slave.file.Chmod(mode); err != nil {
		return nil, err
	}
	if c.Group >= 0 && (taken || c.Group != os.Getegid()) {
		if err := p.slave.file.Chown(-1, c.Group); err != nil {
			return nil, fmt.Errorf("giving a port to its group, which the daemon has to be in: %w", err)
		}
	}
	p.done.Add(1)
	go p.follow()
	if c.Link != "" {
		if err := replaceLink(p.name, c.Link); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// make makes a new pty.
func (p *PTY) make() error {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return &fs.PathError{Op: "open", Path: "/dev/ptmx", Err: err}
	}
	if p.master, err = newTTY(fd, "/dev/ptmx"); err != nil {
		return err
	}
	err = p.master.control(func(fd int) error { return unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0) })
	if err != nil {
		return fmt.Errorf("unlocking the slave: %w", err)
	}
	if p.name, err = slaveName(p.master); err != nil {
		return err
	}
	if p.slave, err = openTTY(p.name); err != nil {
		return err
	}
	if err := p.slave.makeRaw(); err != nil {
		return fmt.Errorf("making %s raw: %w", p.name, err)
	}
	if p.watch, err = newWatch(); err != nil {
		return err
	}
	if _, err := p.watch.add(p.name, unix.IN_CLOSE|unix.IN_OPEN); err != nil {
		return err
	}
	p.keepAll()
	return nil
}

// slaveName is the slave's path, by the master's number.
func slaveName(master *tty) (string, error) {
	number, err := master.count(unix.TIOCGPTN)
	if err != nil {
		return "", fmt.Errorf("asking for the slave's number: %w", err)
	}
	return filepath.Join("/dev/pts", strconv.Itoa(number)), nil
}

// follow tells of openings and closings as they come.
func (p *PTY) follow() {
	defer p.done.Done()
	for {
		if _, err := p.watch.t.wait(-1); err != nil {
			return
		}
		if err := p.tell(); err != nil {
			return
		}
	}
}

// Settle tells of all openings and closings up to now, and returns when OnOpen
// and OnClose have: what was read from the pty before is from nobody that they
// do not know of, for the kernel notes an opening before the opener can write.
func (p *PTY) Settle() error { return p.tell() }

// tell makes the line new again when an opener closes it: the next one must not
// get the answers that the last one did not read, nor its line settings, nor
// find the line still claimed by a program that ended without a word. What
// lets nothing through does not even wait for the close: who opens the line next
// to it could not print.
func (p *PTY) tell() error {
	p.telling.Lock()
	defer p.telling.Unlock()
	events, err := p.watch.read(0)
	if err != nil {
		return err
	}
	closed, visited, last := false, false, uint32(0)
	for _, e := range events {
		visited = visited || e.mask&unix.IN_OPEN != 0
		closed = closed || e.mask&unix.IN_CLOSE != 0
		last = e.mask
	}
	// Somebody has opened it since: what waits now may be the new one's.
	opened := last&unix.IN_OPEN != 0
	if visited || closed {
		_ = p.slave.plain()
	}
	if visited && p.onVisit != nil {
		p.onVisit()
	}
	if closed {
		if !opened {
			_ = p.slave.exclusive(false)
			_ = p.slave.makeRaw()
			_ = p.slave.discardInput()
		}
		if p.onClose != nil {
			p.onClose()
		}
	}
	if opened && p.onOpen != nil {
		p.onOpen()
	}
	return nil
}

// Name is the slave's own path, /dev/pts/N.
func (p *PTY) Name() string { return p.name }

// Link is the slave's stable name.
func (p *PTY) Link() string { return p.link }

// Wait is Port's.
func (p *PTY) Wait(d time.Duration) (bool, error) { return p.master.wait(d) }

// Read is Port's.
func (p *PTY) Read(b []byte) (int, error) {
	ready, err := p.master.wait(p.readWait)
	if err != nil || !ready {
		return 0, err
	}
	if err := p.master.file.SetReadDeadline(time.Now().Add(p.readWait)); err != nil {
		return 0, p.master.gone(err)
	}
	n, err := p.master.file.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return n, p.master.gone(err)
}

// Write is Port's: what the slave's openers will read. When they do not read,
// the kernel keeps some kilobytes and then takes no more.
func (p *PTY) Write(b []byte) (int, error) {
	n, err := p.master.write(b, p.writeWait)
	if err != nil {
		return n, fmt.Errorf("writing to %s: %w", p.name, err)
	}
	return n, nil
}

// Lines is Port's: a pty has none.
func (p *PTY) Lines() (Lines, error) { return 0, ErrNoLines }

// SetLines is Port's: a pty has none.
func (p *PTY) SetLines(_, _ Lines) error { return ErrNoLines }

// DiscardInput is Port's: it drops what was written to the slave and not read
// here.
func (p *PTY) DiscardInput() error { return p.master.discardInput() }

// Unread is how many bytes of ours the slave's openers have not read.
func (p *PTY) Unread() (int, error) { return p.slave.count(unix.TIOCINQ) }

// DiscardUnread drops what the slave's openers have not read.
func (p *PTY) DiscardUnread() error { return p.slave.discardInput() }

// Queued is Port's: what the slave's openers have not read.
func (p *PTY) Queued() (int, error) { return p.Unread() }

// Close removes the link, if it is still ours, and hangs the slave up.
func (p *PTY) Close() error { return p.end(false) }

// Leave closes the pty here and leaves it, and its link, to the next process:
// who has the slave open, or opens it meanwhile, writes on, and the kernel
// keeps that. Without a Keeper it is Close.
func (p *PTY) Leave() error { return p.end(p.keep != nil) }

func (p *PTY) end(leave bool) error {
	p.once.Do(func() {
		if !leave && p.link != "" && p.name != "" {
			if to, err := os.Readlink(p.link); err == nil && to == p.name {
				p.closed = os.Remove(p.link)
			}
		}
		if !leave && p.keep != nil {
			p.keep.Forget(KeptPTY)
		}
		if p.watch != nil {
			p.watch.close()
		}
		p.done.Wait()
		if p.slave != nil {
			p.slave.close()
		}
		if p.master == nil {
			return
		}
		if err := p.master.close(); err != nil && p.closed == nil {
			p.closed = err
		}
	})
	return p.closed
}

// replaceLink points link at target by a rename, so that there is never no
// link, nor half of one.
func replaceLink(target, link string) error {
	if info, err := os.Lstat(link); err == nil && info.Mode()&fs.ModeSymlink == 0 {
		return fmt.Errorf("something else bears that name (%w): move it away, or choose another for the link", fs.ErrExist)
	}
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return err
	}
	temp := link + "." + strconv.Itoa(os.Getpid()) + ".new"
	_ = os.Remove(temp)
	if err := os.Symlink(target, temp); err != nil {
		return err
	}
	if err := os.Rename(temp, link); err != nil {
		os.Remove(temp)
		return err
	}
	return nil
}
