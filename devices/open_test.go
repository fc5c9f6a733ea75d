package devices

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTransportOf(t *testing.T) {
	for path, want := range map[string]Transport{
		"/dev/ttyS0":                       TransportSerial,
		"/dev/serial/by-id/usb-x-if00":     TransportSerial,
		"/dev/usb/lp":                      TransportUSBLP,
		"/dev/usb/lp0":                     TransportUSBLP,
		"/dev//usb/lp12":                   TransportUSBLP,
		"/dev/usb/hiddev0":                 TransportSerial,
		"tcp://192.0.2.10:9100":            TransportTCP,
		"tcp://192.0.2.10":                 TransportTCP,
		"tcp://[2001:db8::10]:9100":        TransportTCP,
		"tcp://[2001:db8::10]":             TransportTCP,
		"tcp://2001:db8::10":               TransportTCP,
		"tcp://[fe80::1%eth0]:9100":        TransportTCP,
		"tcp://127.0.0.1:1":                TransportTCP,
		"/home/tcp:/192.0.2.10/not-an-url": TransportSerial,
	} {
		if got, err := TransportOf(path); got != want || err != nil {
			t.Errorf("%s: %v, %v; want %v", path, got, err, want)
		}
	}
	for path, says := range map[string]string{
		"":                        "neither a path from the root",
		"ttyS0":                   "neither a path from the root",
		"tcp://":                  "no address and port",
		"tcp://printer:9100":      "names are not looked up",
		"tcp://192.0.2.10:raw":    "no address and port",
		"tcp://192.0.2.10:9100/x": "no address and port",
		"tcp://192.0.2.10:0":      "nothing can be reached",
		"tcp://0.0.0.0:9100":      "nothing can be reached",
		"tcp://224.0.0.1:9100":    "nothing can be reached",
		"usb://04b8:0202":         `"usb://" is not known`,
		"http://192.0.2.10":       `"http://" is not known`,
	} {
		if _, err := TransportOf(path); !errors.Is(err, ErrPath) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v; want %q", path, err, says)
		}
	}
}

func TestPortOfANetworkPrinter(t *testing.T) {
	for path, want := range map[string]string{
		"tcp://192.0.2.10":        "192.0.2.10:9100",
		"tcp://192.0.2.10:515":    "192.0.2.10:515",
		"tcp://[2001:db8::10]":    "[2001:db8::10]:9100",
		"tcp://[2001:db8::10]:99": "[2001:db8::10]:99",
	} {
		if at, err := TCPAddress(path); err != nil || at.String() != want {
			t.Errorf("%s: %v, %v; want %s", path, at, err, want)
		}
	}
}

// TestOpenChoosesTheTransport: by the path alone, and by where a link leads.
func TestOpenChoosesTheTransport(t *testing.T) {
	ctx := context.Background()
	p, err := Open(ctx, Config{Path: newPTY(t).Link()})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, ok := p.(*serialPort); !ok {
		t.Errorf("a tty is opened as %T", p)
	}

	peer := newPeer(t)
	q, err := Open(ctx, Config{Path: peer.path()})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	if _, ok := q.(*tcpPort); !ok {
		t.Errorf("an address is opened as %T", q)
	}

	if _, err := Open(ctx, Config{Path: "/dev/usb/lp99999"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a USB printer that is not there: %v", err)
	}
	if _, err := Open(ctx, Config{Path: "usb://04b8:0202"}); !errors.Is(err, ErrPath) {
		t.Errorf("a path of no form: %v", err)
	}
	link := filepath.Join(t.TempDir(), "printer")
	if err := os.Symlink("/dev/null", link); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(ctx, Config{Path: link}); !errors.Is(err, ErrNotTTY) {
		t.Errorf("a link to what is no device of ours: %v", err)
	}
}
