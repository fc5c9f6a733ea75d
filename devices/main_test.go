package devices

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what is to come: machines that build much
// at a time are slow, and what comes late has come.
const patience = 30 * time.Second

// pair makes a pty and opens its slave as the register would.
func pair(t *testing.T) (*PTY, Port) {
	t.Helper()
	far := newPTY(t)
	return far, openAt(t, far.Link())
}

func newPTY(t *testing.T) *PTY {
	t.Helper()
	far, err := OpenPTY(PTYConfig{Link: filepath.Join(t.TempDir(), "tty"), Group: -1, WriteWait: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	return far
}

func openAt(t *testing.T, path string) Port {
	t.Helper()
	p, err := OpenSerial(Config{Path: path, WriteWait: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// readUntil reads until want has come in, or fails.
func readUntil(t *testing.T, p Port, want []byte) {
	t.Helper()
	var got []byte
	buf := make([]byte, 4096)
	for end := time.Now().Add(patience); len(got) < len(want); {
		n, err := p.Read(buf)
		if err != nil {
			t.Fatalf("after %d of %d bytes: %v", len(got), len(want), err)
		}
		got = append(got, buf[:n]...)
		if time.Now().After(end) {
			t.Fatalf("only %d of %d bytes came", len(got), len(want))
		}
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("read %q, want %q", got, want)
	}
}

// ends fails if f does not.
func ends(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("%s does not end", what)
	}
}

// asksOnce fails if a close would wait for what is queued, though the far side is
// gone.
func asksOnce(t *testing.T, port *tty, queued func() (int, error)) {
	t.Helper()
	asked := 0
	port.drained(func() (int, error) { asked++; return queued() })
	if asked != 1 {
		t.Errorf("its close would ask %d times for what is queued", asked)
	}
}
