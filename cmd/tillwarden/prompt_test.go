package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openTerminal makes a terminal as people sit at: both ends of a pty, with echo.
func openTerminal(t *testing.T) (keyboard, tty *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(keyboard.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		keyboard.Close() // first: it ends a read of the other end that was left behind
		tty.Close()
	})
	return keyboard, tty
}

// screen gathers what is written, and tells when something is there.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer  // guarded by mu
	news chan struct{} // has room for one
}

func newScreen() *screen { return &screen{news: make(chan struct{}, 1)} }

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.news <- struct{}{}:
	default:
	}
	return s.text.Write(b)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// await waits until a text is on the screen.
func (s *screen) await(t *testing.T, text string) {
	t.Helper()
	late := time.After(patience)
	for !strings.Contains(s.String(), text) {
		select {
		case <-s.news:
		case <-late:
			t.Fatalf("%q did not appear; the screen shows %q", text, s)
		}
	}
}

// echo tells whether a terminal shows what is typed.
func echo(t *testing.T, tty *os.File) bool {
	t.Helper()
	termios, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return termios.Lflag&unix.ECHO != 0
}

// hidden waits until the prompt has switched the echo off.
func hidden(t *testing.T, tty *os.File) {
	t.Helper()
	for deadline := time.Now().Add(patience); echo(t, tty); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the prompt does not hide what is typed")
		}
	}
}

// TestPromptShowsNothing types a PIN at the prompt, as people do.
func TestPromptShowsNothing(t *testing.T) {
	keyboard, tty := openTerminal(t)
	shown := newScreen()
	a := &app{in: tty, out: shown, err: shown, env: os.Getenv, ctx: context.Background()}
	typed := make(chan string, 1)
	go func() {
		pin, err := a.askPIN("operator 101")
		if err != nil {
			t.Error(err)
		}
		typed <- string(pin)
	}()
	shown.await(t, "PIN of operator 101: ")
	hidden(t, tty)
	if _, err := keyboard.WriteString("4242\n"); err != nil {
		t.Fatal(err)
	}
	if got := <-typed; got != "4242" {
		t.Errorf("the PIN came in as %d characters, want 4", len(got))
	}
	if !echo(t, tty) {
		t.Error("the terminal was left without echo")
	}
	poll := []unix.PollFd{{Fd: int32(keyboard.Fd()), Events: unix.POLLIN}}
	if n, err := unix.Poll(poll, 50); err == nil && n > 0 {
		b := make([]byte, 64)
		n, _ := keyboard.Read(b)
		if bytes.Contains(b[:n], []byte("42")) {
			t.Error("the terminal showed the PIN")
		}
	}
	if strings.Contains(shown.String(), "42") {
		t.Error("the PIN was printed")
	}
}

// TestPromptInterrupted: Ctrl-C at the prompt ends it, and the terminal shows
// again what is typed.
func TestPromptInterrupted(t *testing.T) {
	_, tty := openTerminal(t)
	shown := newScreen()
	ctx, interrupt := context.WithCancel(context.Background())
	defer interrupt()
	a := &app{in: tty, out: shown, err: shown, env: func(string) string { return "" }}
	code := make(chan int, 1)
	go func() { code <- a.main(ctx, []string{"signon", "101"}) }()
	shown.await(t, "PIN of operator 101: ")
	hidden(t, tty)
	interrupt()
	if got := <-code; got != exitFailed {
		t.Errorf("exit code %d, want %d", got, exitFailed)
	}
	if !echo(t, tty) {
		t.Error("the terminal was left without echo")
	}
	shown.await(t, "tillwarden: interrupted")
}
