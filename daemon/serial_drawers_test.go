package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/devices"
)

// boxLine is the far side of a drawer's line: what reaches the drawer. It is a
// pty, which has no modem lines; those are tested with the drawer itself.
type boxLine struct {
	pty *devices.PTY
	mu  sync.Mutex
	got []byte
}

func newBoxLine(t *testing.T, dir string) *boxLine {
	t.Helper()
	p, err := devices.OpenPTY(devices.PTYConfig{Link: filepath.Join(dir, "box-line"), Group: -1})
	if err != nil {
		t.Fatal(err)
	}
	b := &boxLine{pty: p}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 64)
		for {
			if _, err := p.Wait(-1); err != nil {
				return
			}
			n, err := p.Read(buf)
			if err != nil {
				return
			}
			b.mu.Lock()
			b.got = append(b.got, buf[:n]...)
			b.mu.Unlock()
		}
	}()
	t.Cleanup(func() { p.Close(); <-done })
	return b
}

func (b *boxLine) bytes() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.got)
}

// TestSerialDrawer: a drawer without a printer, over the whole way. What the POS
// writes to its port is a kick that is decided; the drawer's code reaches the
// drawer for a grant alone.
func TestSerialDrawer(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	box := newBoxLine(t, dir)
	link := filepath.Join(dir, "pos-box")
	r := newRegister(t, fmt.Sprintf(`
[[drawer]]
name = "box"
path = %q
model = "generic"
code = "02 41 03"
link = %q
poll = "50ms"
`, box.pty.Link(), link)).start().staffed()
	ctx := t.Context()
	until(t, "the drawer is held", func() bool {
		list, err := r.pos.Drawers(ctx)
		return err == nil && len(list.Drawers) == 1 && list.Drawers[0].Ready && list.Drawers[0].Name == "box"
	})
	r.signOn("1001")

	kick := func(s string) {
		t.Helper()
		f, err := os.OpenFile(link, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(s); err != nil {
			t.Fatal(err)
		}
	}
	kick("junk\x02A\x03")
	until(t, "the kick waits for a manager", func() bool {
		list, err := r.con.Overrides(ctx)
		return err == nil && len(list.Overrides) == 1 && list.Overrides[0].Function == "pos.drawer.nosale"
	})
	until(t, "what was no code is in the journal", func() bool {
		got := r.entries("device-refused")
		return len(got) == 1 && got[0].Count == 4 && got[0].Device == "box"
	})
	if got := box.bytes(); got != "" {
		t.Fatalf("%q reached the drawer without a grant", got)
	}

	a, err := r.pos.Ask(ctx, api.AskRequest{Function: "pos.drawer.sale", Open: api.OpenNow, Drawer: "box"})
	if err != nil || a.Drawer == nil || a.Drawer.Result != api.DrawerPulsed {
		t.Fatalf("%+v %v", a, err)
	}
	until(t, "the code reaches the drawer", func() bool { return box.bytes() == "\x02A\x03" })
	if got := r.entries("redeemed"); len(got) != 1 || got[0].About != a.Seq {
		t.Errorf("redeemed: %+v", got)
	}

	// On a pty there is no line that tells.
	if _, err := r.tech.Calibrate(ctx, "box", api.CalibrateRequest{Drawer: "box"}); err == nil || !strings.Contains(err.Error(), "no status line") {
		t.Errorf("calibrated: %v", err)
	}
	s, err := r.tech.Status(ctx)
	if err != nil || len(s.Devices) != 1 || s.Devices[0].Kind != "drawer" || s.Devices[0].State != "up" || s.Devices[0].Since == nil || s.Devices[0].Since.Before(s.Started.Add(-time.Minute)) {
		t.Errorf("%+v %v", s.Devices, err)
	}
	if err := box.pty.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "its line is gone", func() bool {
		list, err := r.pos.Drawers(ctx)
		return err == nil && !list.Drawers[0].Ready
	})
	if a, err = r.pos.Ask(ctx, api.AskRequest{Function: "pos.drawer.sale", Open: api.OpenNow}); err != nil || a.Drawer.Result != api.DrawerNotOpened || a.Drawer.Reason != "offline" {
		t.Errorf("%+v %v", a, err)
	}
}

func TestSerialDrawerConfig(t *testing.T) {
	base := "chain = \"c\"\nstore = \"1\"\nregister = \"r\"\n[[drawer]]\nname = \"box\"\npath = \"/dev/ttyS9\"\n"
	for text, want := range map[string]string{
		`model = "apg-212a"`:                               "apg-212a drawers have it set at the drawer",
		"model = \"apg-212a\"\ncode = \"ABC\"":             "3 bytes, where",
		"model = \"apg-212a\"\ncode = \"A\"\nbaud = 38400": "between 300 and 19200",
		`model = "safe"`:                                   `there is no "safe"`,
		`code = '\q'`:                                      "code:",
		"model = \"trigger\"\nstatus = \"ri\"":             "opened for a grant only",
		"model = \"trigger\"\nopen = \"held\"":             "opened for a grant only",
		"open = \"grant\"\nstatus = \"cts\"":               "opened for a grant only",
		`open = "never"`:                                   "none of the words",
		`status = "dtr"`:                                   "none of the words",
		`link = "drawer"`:                                  "is not a path from the root",
		`code = "` + strings.Repeat("07", 17) + `"`:        "17 bytes",
		`baud = 7`: "is not between",
	} {
		if _, err := ParseConfig("t", []byte(base+text+"\n")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	c, err := ParseConfig("t", []byte(base+"model = \"posiflex-jiva\"\n"))
	if err != nil || c.Drawers[0].Baud != 9600 || c.Drawers[0].Status != "ri" || c.Drawers[0].Open != "held" || time.Duration(c.Drawers[0].LeftOpen) != 2*time.Minute {
		t.Errorf("%+v %v", c, err)
	}
}
