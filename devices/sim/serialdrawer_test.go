package sim

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tillwarden/devices"
)

func newSerialDrawer(t *testing.T, o SerialDrawerOptions) (*Client, string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "sd") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s, err := NewStation(StationOptions{Dir: dir, Drawer: &o})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return NewClient(s.Paths().Control), s.Paths().Drawer
}

func (c *Client) serialDrawer(t *testing.T, what string, wanted func(SerialDrawerState) bool) SerialDrawerState {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		s, err := c.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if wanted(*s.SerialDrawer) {
			return *s.SerialDrawer
		}
		if time.Now().After(end) {
			t.Fatalf("it never came to this: %s: %+v", what, *s.SerialDrawer)
		}
	}
}

func sendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// TestSerialDrawer: it opens on its code alone, counts what reaches it, and its
// lock and key work as with the others.
func TestSerialDrawer(t *testing.T) {
	t.Parallel()
	c, path := newSerialDrawer(t, SerialDrawerOptions{Code: []byte("ab")})
	sendTo(t, path, "ba a")
	s := c.serialDrawer(t, "four bytes", func(s SerialDrawerState) bool { return s.Bytes == 4 })
	if s.Open || s.Codes != 0 || s.Ports != 1 {
		t.Errorf("%+v", s)
	}
	sendTo(t, path, "b")
	c.serialDrawer(t, "it opens", func(s SerialDrawerState) bool { return s.Open && s.Codes == 1 })
	if err := c.CloseDrawer(t.Context(), SerialDrawerNumber); err != nil {
		t.Fatal(err)
	}
	if err := c.LockDrawer(t.Context(), SerialDrawerNumber, true); err != nil {
		t.Fatal(err)
	}
	sendTo(t, path, "ab")
	if s := c.serialDrawer(t, "the code comes", func(s SerialDrawerState) bool { return s.Codes == 2 }); s.Open {
		t.Error("a locked drawer opens")
	}
	if err := c.OpenDrawer(t.Context(), SerialDrawerNumber); err != nil {
		t.Fatal(err)
	}
	c.serialDrawer(t, "its key opens it", func(s SerialDrawerState) bool { return s.Open && s.Codes == 2 })
}

func TestTriggerDrawer(t *testing.T) {
	t.Parallel()
	c, path := newSerialDrawer(t, SerialDrawerOptions{OnOpen: true})
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	c.serialDrawer(t, "its port is opened", func(s SerialDrawerState) bool { return s.Open && s.Bytes == 0 && s.Ports == 1 })
	sendTo(t, path, "x")
	c.serialDrawer(t, "a byte comes", func(s SerialDrawerState) bool { return s.Bytes == 1 && s.Codes == 3 })
}

// rtsPort is a line of which only RTS matters.
type rtsPort struct {
	devices.Port
	up devices.Lines
}

func (p *rtsPort) SetLines(raise, drop devices.Lines) error {
	p.up = p.up&^drop | raise
	return nil
}

// TestSerialDrawerReports: on a line that has modem lines, RTS says how it is. No
// kernel module that joins two ttys with all their lines is needed here.
func TestSerialDrawerReports(t *testing.T) {
	for _, openIsHigh := range []bool{false, true} {
		p := &rtsPort{}
		d := &serialDrawer{o: SerialDrawerOptions{Code: []byte{7}, OpenIsHigh: openIsHigh}, line: p}
		d.report()
		if (p.up&devices.LineRTS != 0) == openIsHigh {
			t.Errorf("open is high %v, and closed: %v", openIsHigh, p.up)
		}
		d.receive([]byte{7})
		if (p.up&devices.LineRTS != 0) != openIsHigh {
			t.Errorf("open is high %v, and open: %v", openIsHigh, p.up)
		}
	}
	if _, err := openSerialDrawer(filepath.Join(t.TempDir(), "d"), SerialDrawerOptions{Code: []byte(strings.Repeat("x", 17))}); err == nil {
		t.Error("a code of 17 bytes")
	}
}
