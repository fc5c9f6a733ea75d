package find

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// plant makes the files of a machine; a text that begins with "->" is a link.
func plant(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range files {
		at := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if to, ok := strings.CutPrefix(text, "->"); ok {
			err = os.Symlink(to, at)
		} else {
			err = os.WriteFile(at, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestDevices(t *testing.T) {
	root := plant(t, map[string]string{
		// A printer on USB with a tty and the printer class.
		"/dev/ttyACM0": "", "/dev/usb/lp0": "", "/dev/serial/by-id/usb-EPSON_TM-T88V-if00": "->../../ttyACM0",
		"/dev/usb/tillwarden-receipt":       "->lp0",
		"/sys/class/tty/ttyACM0/device":     "->../../../devices/usb1/1-1/1-1:1.0",
		"/sys/class/usbmisc/lp0/device":     "->../../../devices/usb1/1-1/1-1:1.4",
		"/sys/devices/usb1/1-1/1-1:1.0/x":   "",
		"/sys/devices/usb1/1-1/1-1:1.4/x":   "",
		"/sys/devices/usb1/1-1/idVendor":    "04b8\n",
		"/sys/devices/usb1/1-1/idProduct":   "0202\n",
		"/sys/devices/usb1/1-1/serial":      "  J001 \n",
		"/sys/devices/usb1/1-1/product":     "TM-T88V\n",
		"/sys/devices/usb1/1-1/busnum":      "1\n",
		"/sys/devices/usb1/1-1/devnum":      "7\n",
		"/sys/devices/usb1/1-1/1-1:1.0/drv": "", "/sys/devices/drivers/cdc_acm/x": "",
		"/sys/devices/usb1/1-1/1-1:1.0/driver": "->../../../drivers/cdc_acm",
		// A keyboard-like reader with two interfaces.
		"/dev/hidraw0": "", "/dev/hidraw1": "", "/dev/input/event4": "", "/dev/input/by-id/usb-Mag-Tek_Swipe-event-kbd": "->../event4",
		"/sys/class/hidraw/hidraw0/device":   "->../../../devices/usb1/1-2/1-2:1.0/h0",
		"/sys/class/hidraw/hidraw1/device":   "->../../../devices/usb1/1-2/1-2:1.1/h1",
		"/sys/class/input/event4/device":     "->../../../devices/usb1/1-2/1-2:1.0/i",
		"/sys/devices/usb1/1-2/1-2:1.0/h0/x": "", "/sys/devices/usb1/1-2/1-2:1.1/h1/x": "", "/sys/devices/usb1/1-2/1-2:1.0/i/x": "",
		"/sys/devices/usb1/1-2/idVendor": "0801\n",
		// The mainboard: one line that is there, and one that the driver has room for.
		"/dev/ttyS0": "", "/dev/ttyS1": "",
		"/sys/class/tty/ttyS0/device": "->../../../devices/pnp0", "/sys/class/tty/ttyS0/type": "4\n",
		"/sys/class/tty/ttyS1/device": "->../../../devices/pnp0", "/sys/class/tty/ttyS1/type": "0\n",
		"/sys/devices/pnp0/x": "", "/dev/tty1": "", "/sys/class/tty/tty1/dev": "4:1\n",
	})
	list := Devices(root)
	var got []string
	for i := range list {
		d := &list[i]
		got = append(got, strings.Join([]string{string(d.Kind), d.Path, d.Node, d.Driver, d.Likely, d.Name()}, " "))
	}
	want := []string{
		"hid /dev/input/by-id/usb-Mag-Tek_Swipe-event-kbd /dev/hidraw0  reader 0801:",
		"serial /dev/serial/by-id/usb-EPSON_TM-T88V-if00 /dev/ttyACM0 cdc_acm printer TM-T88V",
		"usb-printer /dev/usb/tillwarden-receipt /dev/usb/lp0  printer TM-T88V",
		"serial /dev/ttyS0 /dev/ttyS0   serial port of the mainboard",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if serial := list[1].USB.Serial; serial != "  J001" {
		t.Errorf("its serial number is %q, which is not what udev compares", serial)
	}
	if node := list[1].USB.Node(); node != "/dev/bus/usb/001/007" {
		t.Errorf("its USB node is %q", node)
	}
	if list := Devices(t.TempDir()); len(list) != 0 {
		t.Errorf("an empty machine has %v", list)
	}
}
