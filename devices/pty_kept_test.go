package devices

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tillwarden/devices/keep/keeptest"
)

func openKept(t *testing.T, c PTYConfig) *PTY {
	t.Helper()
	c.Group = -1
	p, err := OpenPTY(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// TestPTYOutlivesUs: who has the slave open keeps it open while one process
// leaves and the next one comes, what was written meanwhile waits, and what was
// opened and closed meanwhile is told.
func TestPTYOutlivesUs(t *testing.T) {
	s := keeptest.NewShelf(t)
	link := filepath.Join(t.TempDir(), "ttyS40")
	first := openKept(t, PTYConfig{Link: link, Keep: s})
	app, err := os.OpenFile(link, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close()
	write := func(f *os.File, text string) {
		t.Helper()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	write(app, "before ")
	readUntil(t, first, []byte("before "))
	write(app, "unread ")
	if err := first.Leave(); err != nil {
		t.Fatal(err)
	}
	write(app, "between ")
	late, err := os.OpenFile(link, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatalf("the link is gone while nobody is there: %v", err)
	}
	write(late, "late ")
	if err := late.Close(); err != nil {
		t.Fatal(err)
	}
	told := make(chan string, 10)
	next := openKept(t, PTYConfig{Link: link, Keep: s, OnOpen: func() { told <- "opened" }, OnClose: func() { told <- "closed" }})
	if next.Name() != first.Name() {
		t.Fatalf("another pty: %s, was %s", next.Name(), first.Name())
	}
	readUntil(t, next, []byte("unread between late "))
	select {
	case what := <-told:
		if what != "closed" {
			t.Errorf("the last that happened meanwhile was a close, not %q", what)
		}
	case <-time.After(patience):
		t.Error("nobody was told of the opening and closing in between")
	}
	write(app, "after")
	readUntil(t, next, []byte("after"))
	if _, err := next.Write([]byte("answer")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 16)
	if n, err := app.Read(got); err != nil || string(got[:n]) != "answer" {
		t.Errorf("the application reads %q, %v", got[:n], err)
	}
	if err := next.Close(); err != nil {
		t.Fatal(err)
	}
	if names := s.Names(); names != "" {
		t.Errorf("a closed pty is kept: %s", names)
	}
	if _, err := os.Lstat(link); err == nil {
		t.Error("a closed pty's link is there")
	}
}

// TestPTYTakesNothingElseOver: what is not one whole pty of ours is let go, and
// a new one made.
func TestPTYTakesNothingElseOver(t *testing.T) {
	null := func() *os.File {
		f, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	file := func(t *testing.T, x *tty) *os.File { return keeptest.Copy(t, "x", x.file) }
	for name, spoil := range map[string]func(s *keeptest.Shelf, p, other *PTY){
		"no slave":       func(s *keeptest.Shelf, p, _ *PTY) { s.Forget(keptSlave) },
		"no watch":       func(s *keeptest.Shelf, p, _ *PTY) { s.Forget(keptWatch) },
		"another slave":  func(s *keeptest.Shelf, p, o *PTY) { s.Forget(keptSlave); _ = s.Keep(keptSlave, file(t, o.slave)) },
		"another watch":  func(s *keeptest.Shelf, p, o *PTY) { s.Forget(keptWatch); _ = s.Keep(keptWatch, file(t, o.watch.t)) },
		"two masters":    func(s *keeptest.Shelf, p, o *PTY) { _ = s.Keep(keptMaster, file(t, o.master)) },
		"no pty":         func(s *keeptest.Shelf, p, _ *PTY) { s.Forget(keptMaster); _ = s.Keep(keptMaster, null()) },
		"slave, master":  func(s *keeptest.Shelf, p, _ *PTY) { s.Forget(keptMaster); _ = s.Keep(keptMaster, file(t, p.slave)) },
		"watch is none":  func(s *keeptest.Shelf, p, _ *PTY) { s.Forget(keptWatch); _ = s.Keep(keptWatch, null()) },
		"something more": func(s *keeptest.Shelf, p, _ *PTY) { _ = s.Keep(KeptPTY+".more", null()) },
		"hung up": func(s *keeptest.Shelf, p, _ *PTY) {
			// The master's last copies close: the slave alone cannot be used.
			s.Forget(keptMaster)
			p.master.close()
			_ = s.Keep(keptMaster, null())
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := keeptest.NewShelf(t)
			dir := t.TempDir()
			link := filepath.Join(dir, "tty")
			p := openKept(t, PTYConfig{Link: link, Keep: s})
			other := openKept(t, PTYConfig{Link: filepath.Join(dir, "other")})
			spoil(s, p, other)
			_ = p.Leave()
			next := openKept(t, PTYConfig{Link: link, Keep: s})
			app, err := os.OpenFile(link, os.O_RDWR|unix.O_NOCTTY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer app.Close()
			if _, err := app.WriteString("hello"); err != nil {
				t.Fatal(err)
			}
			readUntil(t, next, []byte("hello"))
			if names := s.Names(); strings.Count(names, KeptPTY) != 3 {
				t.Errorf("kept are %q, want the new pty's three", names)
			}
		})
	}
	t.Run("it cannot be kept", func(t *testing.T) {
		s := keeptest.NewShelf(t)
		s.Fail = os.ErrPermission
		p := openKept(t, PTYConfig{Link: filepath.Join(t.TempDir(), "tty"), Keep: s})
		if err := p.Leave(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(p.Link()); err == nil {
			t.Error("the link of a pty that nobody has is there")
		}
	})
}

// TestPTYAnyName: the link may be where a POS looks for serial lines, between
// the kernel's own nodes; and it comes back.
func TestPTYAnyName(t *testing.T) {
	link := fmt.Sprintf("/dev/ttyS%d", 100+os.Getpid()) // nobody else's: not another run's of this test either
	if _, err := os.Lstat(link); err == nil {
		t.Skip("this machine has a ", link)
	}
	probe := link + "-probe"
	if err := os.Symlink("x", probe); err != nil {
		t.Skip("no links can be made in /dev: ", err)
	}
	os.Remove(probe)
	p := openKept(t, PTYConfig{Link: link})
	app, err := os.OpenFile(link, os.O_WRONLY|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close()
	if _, err := app.WriteString("hello"); err != nil {
		t.Fatal(err)
	}
	readUntil(t, p, []byte("hello"))
	// A dead link of a killed process is replaced.
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/pts/99999", link); err != nil {
		t.Fatal(err)
	}
	second := openKept(t, PTYConfig{Link: link})
	if to, err := os.Readlink(link); err != nil || to != second.Name() {
		t.Errorf("%s is %s, %v", link, to, err)
	}
}
