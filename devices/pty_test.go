package devices

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestPTYEchoesNothing(t *testing.T) {
	far := newPTY(t)
	// As a shell would: opened, nothing set.
	app, err := os.OpenFile(far.Link(), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close()
	if _, err := far.Write([]byte{0x12, 0x16, '\r', '\n', 0x03, 0x11, 0x13}); err != nil {
		t.Fatal(err)
	}
	if ready, err := far.Wait(50 * time.Millisecond); ready || err != nil {
		t.Errorf("status bytes came back: %v, %v", ready, err)
	}
	got := make([]byte, 16)
	n, err := app.Read(got)
	if err != nil || string(got[:n]) != "\x12\x16\r\n\x03\x11\x13" {
		t.Errorf("the application read %q, %v", got[:n], err)
	}
}

// TestPTYIsNewForTheNextOpener: answers that nobody read, settings and claims
// end with the close.
func TestPTYIsNewForTheNextOpener(t *testing.T) {
	closes := make(chan struct{}, 10)
	far, err := OpenPTY(PTYConfig{Link: filepath.Join(t.TempDir(), "tty"), Group: -1, OnClose: func() { closes <- struct{}{} }})
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	app, err := openTTY(far.Link())
	if err != nil {
		t.Fatal(err)
	}
	if err := app.exclusive(true); err != nil {
		t.Fatal(err)
	}
	err = app.control(func(fd int) error {
		set, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err != nil {
			return err
		}
		set.Lflag |= unix.ECHO | unix.ICANON
		return unix.IoctlSetTermios(fd, unix.TCSETS, set)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := far.Write([]byte("stale")); err != nil {
		t.Fatal(err)
	}
	readUntil(t, far, []byte("stale")) // the application asked for an echo
	app.file.Close()
	select {
	case <-closes:
	case <-time.After(patience):
		t.Fatal("the close was not noticed")
	}
	if err := unprivileged(t, far.Link()); err != nil {
		t.Errorf("the next open: %v", err)
	}
	if n, err := far.Unread(); n != 0 || err != nil {
		t.Errorf("%d stale bytes, %v", n, err)
	}
	set, err := far.slave.termios()
	if err != nil {
		t.Fatal(err)
	}
	if set.Lflag&(unix.ECHO|unix.ICANON) != 0 {
		t.Error("the last opener's line settings are still there")
	}
}

// TestPTYIsNotBlockedByAnOpener: who has stopped the line's output, or chosen a line
// discipline that takes no byte, keeps nobody else from printing, neither beside it
// nor afterwards.
func TestPTYIsNotBlockedByAnOpener(t *testing.T) {
	const nNull = 27 // linux/tty.h, N_NULL
	for block, do := range map[string]func(fd int) error{
		"no discipline":  func(fd int) error { return unix.IoctlSetPointerInt(fd, unix.TIOCSETD, nNull) },
		"output stopped": func(fd int) error { return unix.IoctlSetInt(fd, unix.TCXONC, unix.TCOOFF) },
	} {
		for when, closed := range map[string]bool{"closed": true, "still open": false} {
			t.Run(block+", "+when, func(t *testing.T) {
				far := newPTY(t)
				open := func() *os.File {
					f, err := os.OpenFile(far.Link(), os.O_RDWR|unix.O_NOCTTY, 0)
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { f.Close() })
					return f
				}
				first := open()
				if err := far.Settle(); err != nil {
					t.Fatal(err)
				}
				if err := do(int(first.Fd())); err != nil {
					t.Fatal(err)
				}
				if closed {
					first.Close()
				}
				app := open()
				if err := far.Settle(); err != nil {
					t.Fatal(err)
				}
				if err := app.SetWriteDeadline(time.Now().Add(patience)); err != nil {
					t.Fatal(err)
				}
				if _, err := app.WriteString("receipt"); err != nil {
					t.Fatal(err)
				}
				readUntil(t, far, []byte("receipt"))
				if _, err := far.Write([]byte{0x16}); err != nil {
					t.Fatal(err)
				}
				if err := app.SetReadDeadline(time.Now().Add(patience)); err != nil {
					t.Fatal(err)
				}
				got := make([]byte, 8)
				if n, err := app.Read(got); n != 1 || got[0] != 0x16 || err != nil {
					t.Errorf("of one answer came %q, %v", got[:n], err)
				}
			})
		}
	}
}

// TestPTYKnowsWhoWrote: once settled, it has told of whoever wrote what was
// read, however fast the openers follow each other.
func TestPTYKnowsWhoWrote(t *testing.T) {
	var opened, closed atomic.Int64
	far, err := OpenPTY(PTYConfig{
		Link: filepath.Join(t.TempDir(), "tty"), Group: -1, OnOpen: func() { opened.Add(1) }, OnClose: func() { closed.Add(1) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	for n := int64(1); n <= 500; n++ {
		app, err := os.OpenFile(far.Link(), os.O_RDWR|unix.O_NOCTTY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := app.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		readUntil(t, far, []byte("x"))
		if err := far.Settle(); err != nil || opened.Load() != n || closed.Load() != n-1 {
			t.Fatalf("after the byte of opener %d: told of %d openings and %d closings, %v", n, opened.Load(), closed.Load(), err)
		}
		if err := app.Close(); err != nil {
			t.Fatal(err)
		}
		if err := far.Settle(); err != nil || closed.Load() != n {
			t.Fatalf("opener %d has closed: told of %d closings, %v", n, closed.Load(), err)
		}
	}
	if err := far.Close(); err != nil {
		t.Fatal(err)
	}
	if err := far.Settle(); err == nil {
		t.Error("a closed pty settles")
	}
}

func TestPTYSurvivesItsOpeners(t *testing.T) {
	far := newPTY(t)
	for range 3 {
		p, err := OpenSerial(Config{Path: far.Link()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Write([]byte("job")); err != nil {
			t.Fatal(err)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		readUntil(t, far, []byte("job"))
	}
}

func TestPTYLink(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "sub", "printer")
	first, err := OpenPTY(PTYConfig{Link: link, Group: -1, Mode: 0o600})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if info, err := os.Stat(link); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	// A second takes the name over; the first one's end leaves it alone.
	second, err := OpenPTY(PTYConfig{Link: link, Group: -1})
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if to, err := os.Readlink(link); err != nil || to != second.Name() {
		t.Errorf("link to %q, %v; want %q", to, err, second.Name())
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(filepath.Dir(link))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestPTYTakesNoFilesPlace(t *testing.T) {
	link := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(link, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err := OpenPTY(PTYConfig{Link: link, Group: -1}); !errors.Is(err, fs.ErrExist) {
		if err == nil {
			p.Close()
		}
		t.Fatalf("%v, want ErrExist", err)
	} else if !strings.Contains(err.Error(), "move it away") {
		t.Errorf("%v: does not say what to do", err)
	}
	if data, err := os.ReadFile(link); err != nil || string(data) != "data" {
		t.Errorf("the file was changed: %q, %v", data, err)
	}
}

func TestPTYWriteStalls(t *testing.T) {
	far := newPTY(t)
	n, err := far.Write([]byte(strings.Repeat("x", 1<<20)))
	if !errors.Is(err, ErrStalled) {
		t.Fatalf("Write = %d, %v; want ErrStalled", n, err)
	}
	if unread, err := far.Unread(); unread == 0 || err != nil {
		t.Errorf("Unread = %d, %v", unread, err)
	}
	if err := far.DiscardUnread(); err != nil {
		t.Fatal(err)
	}
	if unread, err := far.Unread(); unread != 0 || err != nil {
		t.Errorf("Unread = %d, %v after DiscardUnread", unread, err)
	}
}

// TestPTYIsNoSerialPort: what a POS cannot have of it, as docs/attach.md says:
// modem lines. What else it asks of a serial port it gets, under any name.
func TestPTYIsNoSerialPort(t *testing.T) {
	far, err := OpenPTY(PTYConfig{Link: filepath.Join(t.TempDir(), "ttyS40"), Group: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	app, err := os.OpenFile(far.Link(), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close()
	fd := int(app.Fd())
	if _, err := unix.IoctlGetInt(fd, unix.TIOCMGET); !errors.Is(err, unix.ENOTTY) {
		t.Errorf("modem lines: %v", err)
	}
	set, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	set.Cflag = set.Cflag&^unix.CBAUD | unix.B9600 | unix.CRTSCTS
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, set); err != nil {
		t.Errorf("speed and flow control: %v", err)
	}
	if err := unix.IoctlSetInt(fd, unix.TCSBRK, 1); err != nil { // tcdrain
		t.Errorf("waiting until all was sent: %v", err)
	}
	if err := unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIOFLUSH); err != nil {
		t.Errorf("flushing: %v", err)
	}
}
