package devices

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// watch is an inotify descriptor in the runtime's poller.
type watch struct{ t *tty }

// fileEvent is one inotify event: what, and to which name in a folder.
type fileEvent struct {
	id   int32
	mask uint32
	name string
}

func newWatch() (*watch, error) {
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("starting to watch: %w", err)
	}
	t, err := newTTY(fd, "inotify")
	if err != nil {
		return nil, err
	}
	return &watch{t}, nil
}

// add watches a path; events on it bear the id that it returns.
func (w *watch) add(path string, mask uint32) (id int32, err error) {
	err = w.t.control(func(fd int) error {
		wd, err := unix.InotifyAddWatch(fd, path, mask)
		if err != nil {
			return &fs.PathError{Op: "watch", Path: path, Err: err}
		}
		id = int32(wd)
		return nil
	})
	return id, err
}

// read returns what has happened, waiting at most d for it (for ever if d is
// negative).
func (w *watch) read(d time.Duration) ([]fileEvent, error) {
	ready, err := w.t.wait(d)
	if err != nil || !ready {
		return nil, err
	}
	buf := make([]byte, 4096)
	n, err := w.t.file.Read(buf)
	if err != nil {
		return nil, w.t.gone(err)
	}
	var events []fileEvent
	for rest := buf[:n]; len(rest) >= unix.SizeofInotifyEvent; {
		raw := (*unix.InotifyEvent)(unsafe.Pointer(&rest[0]))
		end := min(unix.SizeofInotifyEvent+int(raw.Len), len(rest))
		name := strings.TrimRight(string(rest[unix.SizeofInotifyEvent:end]), "\x00")
		events = append(events, fileEvent{raw.Wd, raw.Mask, name})
		rest = rest[end:]
	}
	return events, nil
}

func (w *watch) close() { _ = w.t.close() }

// appearance tells when something happens to a path that is not there, or not
// usable: it, or a folder or link on the way to it, is made, moved or given
// other rights.
//
// /dev/serial/by-id exists only while there is something in it, and a simulated
// register's folder only once it was started; so it is the nearest folder that
// exists which is watched, for the next step of the way alone. Where the path is
// a link, the same goes for what it points to.
type appearance struct {
	path  string
	w     *watch
	steps map[int32][]string // watched folder -> the names that lead on
}

// maxHops is how many links are followed.
const maxHops = 8

func watchFor(path string) (*appearance, error) {
	w, err := newWatch()
	if err != nil {
		return nil, err
	}
	a := &appearance{path: path, w: w}
	if err := a.aim(); err != nil {
		w.close()
		return nil, err
	}
	return a, nil
}

// aim points the watches at what there is now. Older ones may stay behind; what
// they tell is of no folder in steps.
func (a *appearance) aim() error {
	a.steps = map[int32][]string{}
	path := a.path
	for range maxHops {
		if err := a.aimAt(path); err != nil {
			return err
		}
		to, err := os.Readlink(path)
		if err != nil {
			return nil // the end of the way, or as far as there is one
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = to
	}
	return nil
}

func (a *appearance) aimAt(path string) error {
	const mask = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_ATTRIB | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF
	dir, step := filepath.Dir(path), filepath.Base(path)
	for {
		id, err := a.w.add(dir, mask)
		if err == nil {
			a.steps[id] = append(a.steps[id], step)
			// The step may have been made before the watch was there.
			if next := filepath.Join(dir, step); next != path {
				if _, err := os.Stat(next); err == nil {
					dir, step = filepath.Dir(path), filepath.Base(path)
					continue
				}
			}
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return err
		}
		dir, step = filepath.Dir(dir), filepath.Base(dir)
	}
}

// wait reports whether the path may have appeared or changed before d was over.
// After an error, which is returned when d is over, the watch is of no use.
func (a *appearance) wait(ctx context.Context, d time.Duration) (bool, error) {
	stop := context.AfterFunc(ctx, a.w.close)
	defer stop()
	for end := time.Now().Add(d); ; {
		left := time.Until(end)
		if left <= 0 {
			return false, nil
		}
		events, err := a.w.read(left)
		if err != nil {
			// Not to be told is no reason not to wait.
			pause(ctx, time.Until(end))
			return false, err
		}
		told := false
		for _, e := range events {
			steps, ours := a.steps[e.id]
			const lost = unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_IGNORED
			told = told || e.mask&unix.IN_Q_OVERFLOW != 0 || ours && (e.mask&lost != 0 || slices.Contains(steps, e.name))
		}
		if !told {
			continue
		}
		if err := a.aim(); err != nil {
			pause(ctx, time.Until(end))
			return false, err
		}
		if _, err := os.Lstat(a.path); err != nil {
			continue
		}
		// One try answers all that was told so far.
		for len(events) > 0 {
			if events, err = a.w.read(0); err != nil {
				break
			}
		}
		return true, nil
	}
}

func (a *appearance) close() { a.w.close() }

// pause waits for d, or less when the context ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
