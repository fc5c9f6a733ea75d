// Package find lists the devices of a machine that could be a register's: serial lines,
// printers that the kernel drives, and USB readers and keypads that type.
//
// It reads sysfs and /dev below a root that it is given, and guarantees to open no
// device: to open a serial line raises DTR, at which some drawers open. What a device is
// for it can only guess, by its maker; that a serial line has something at its end it
// cannot know.
package find

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// Kind is how a device shows itself.
type Kind string

// The kinds.
const (
	Serial  Kind = "serial"      // a serial line, on the mainboard or on USB
	Printer Kind = "usb-printer" // a USB printer that the kernel's usblp drives
	HID     Kind = "hid"         // a USB device that types, as readers and keypads do
)

// Device is one device that was found.
type Device struct {
	Kind Kind `json:"kind"`
	// Path is the name to write down: one that stays the same from one plugging in to
	// the next, where there is one.
	Path string `json:"path"`
	// Node is the device's file at this moment.
	Node string `json:"node"`
	// Driver is the kernel's.
	Driver string `json:"driver,omitempty"`
	// Likely is what its maker mostly makes: "printer", "reader"; empty where that
	// says nothing.
	Likely string `json:"likely,omitempty"`
	// USB is what it says of itself; nil on the mainboard.
	USB *USB `json:"usb,omitempty"`
}

// USB is a USB device, as its descriptors have it (usb(7), sysfs-bus-usb).
type USB struct {
	Vendor  string `json:"vendor"`           // four hexadecimal digits
	Product string `json:"product"`          // four hexadecimal digits
	Serial  string `json:"serial,omitempty"` // many have none
	Maker   string `json:"maker,omitempty"`
	Model   string `json:"model,omitempty"`
	// Port is the way to the socket that it is plugged into, as 1-1.2.
	Port string `json:"port"`
	// Dir is its folder in sysfs, below the root.
	Dir string `json:"-"`
}

// Name is what people know the device by.
func (d *Device) Name() string {
	if d.USB == nil {
		return "serial port of the mainboard"
	}
	if name := strings.TrimSpace(d.USB.Maker + " " + d.USB.Model); name != "" {
		return name
	}
	return d.USB.Vendor + ":" + d.USB.Product
}

// Maker is a maker of a register's devices.
type Maker struct {
	Vendor string // its USB vendor id, four hexadecimal digits
	Name   string
	Makes  string // what it mostly makes, as in Device.Likely
}

// Makers lists the makers that are known. The package's udev rules are made from
// it: this is where another one is added.
func Makers() []Maker {
	return []Maker{
		{"04b8", "Seiko Epson", "printer"},
		{"0519", "Star Micronics", "printer"},
		{"0801", "MagTek", "reader"},
		{"0acd", "ID TECH", "reader"},
		{"0dd4", "Custom", "printer"},
		{"1504", "Bixolon", "printer"},
		{"1d90", "Citizen", "printer"},
	}
}

// makes says what a vendor mostly makes; empty where that is not known.
func makes(vendor string) string {
	for _, m := range Makers() {
		if m.Vendor == vendor {
			return m.Makes
		}
	}
	return ""
}

// Devices lists what is there, in a steady order: USB first, then the mainboard's. What
// cannot be read is left out.
func Devices(root string) []Device {
	f := finder{root: root, names: map[string]string{}}
	f.readNames("/dev/serial/by-id")
	f.readNames("/dev/input/by-id")
	f.readNames("/dev/usb") // where a udev rule names printers beside their nodes
	list := slices.Concat(f.serial(), f.printers(), f.typing())
	slices.SortFunc(list, func(a, b Device) int {
		onBoard := func(d *Device) int {
			if d.USB == nil {
				return 1
			}
			return 0
		}
		return cmp.Or(cmp.Compare(onBoard(&a), onBoard(&b)), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Path, b.Path))
	})
	return list
}

type finder struct {
	root  string
	names map[string]string // node -> the name that stays
}

func (f *finder) at(path string) string { return filepath.Join(f.root, path) }

// readNames notes where the links of a folder lead.
func (f *finder) readNames(dir string) {
	entries, err := os.ReadDir(f.at(dir))
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.Type()&os.ModeSymlink == 0 {
			continue
		}
		real, err := filepath.EvalSymlinks(f.at(filepath.Join(dir, e.Name())))
		if err != nil {
			continue
		}
		node := "/" + strings.TrimPrefix(strings.TrimPrefix(real, filepath.Clean(f.root)), "/")
		if name := filepath.Join(dir, e.Name()); f.names[node] == "" || name < f.names[node] {
			f.names[node] = name
		}
	}
}

// device describes the device behind a node of a class.
func (f *finder) device(kind Kind, class, name, node string) Device {
	d := Device{Kind: kind, Path: node, Node: node, USB: USBOf(f.root, class, name)}
	if stays := f.names[node]; stays != "" {
		d.Path = stays
	}
	if driver, err := os.Readlink(f.at(filepath.Join("/sys/class", class, name, "device/driver"))); err == nil {
		d.Driver = filepath.Base(driver)
	}
	if d.USB != nil {
		d.Likely = makes(d.USB.Vendor)
	}
	if kind == Printer {
		d.Likely = "printer"
	}
	return d
}

func (f *finder) serial() (list []Device) {
	for _, name := range entries(f.at("/sys/class/tty")) {
		dir := f.at("/sys/class/tty/" + name)
		if _, err := os.Stat(filepath.Join(dir, "device")); err != nil {
			continue // a console or a pty: nothing is behind it
		}
		// PORT_UNKNOWN (linux/serial_core.h): a line that the driver has room for and
		// the mainboard does not have.
		if text(filepath.Join(dir, "type")) == "0" {
			continue
		}
		if _, err := os.Stat(f.at("/dev/" + name)); err != nil {
			continue
		}
		list = append(list, f.device(Serial, "tty", name, "/dev/"+name))
	}
	return list
}

func (f *finder) printers() (list []Device) {
	for _, class := range []string{"usbmisc", "usb"} {
		for _, name := range entries(f.at("/sys/class/" + class)) {
			if strings.HasPrefix(name, "lp") {
				list = append(list, f.device(Printer, class, name, "/dev/usb/"+name))
			}
		}
	}
	return list
}

// typing lists HID devices of USB, each once, however many interfaces it has.
func (f *finder) typing() (list []Device) {
	inputs := map[string]string{} // USB device -> its name among the inputs
	for node, name := range f.names {
		if u := USBOf(f.root, "input", filepath.Base(node)); u != nil && (inputs[u.Dir] == "" || name < inputs[u.Dir]) {
			inputs[u.Dir] = name
		}
	}
	seen := map[string]bool{}
	for _, name := range entries(f.at("/sys/class/hidraw")) {
		d := f.device(HID, "hidraw", name, "/dev/"+name)
		if d.USB == nil || seen[d.USB.Dir] {
			continue
		}
		seen[d.USB.Dir] = true
		if name := inputs[d.USB.Dir]; name != "" {
			d.Path = name
		}
		list = append(list, d)
	}
	return list
}

// USBOf is the USB device that a node's interface belongs to; nil where there is none.
// class and name are those of sysfs, as "tty" and "ttyACM0".
func USBOf(root, class, name string) *USB {
	dir, err := filepath.EvalSymlinks(filepath.Join(root, "/sys/class", class, name, "device"))
	if err != nil {
		return nil
	}
	for top := filepath.Join(root, "/sys"); len(dir) > len(top); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "idVendor")); err != nil {
			continue
		}
		return &USB{
			Vendor: text(filepath.Join(dir, "idVendor")), Product: text(filepath.Join(dir, "idProduct")), Serial: asUdev(filepath.Join(dir, "serial")),
			Maker: text(filepath.Join(dir, "manufacturer")), Model: text(filepath.Join(dir, "product")), Port: filepath.Base(dir), Dir: dir,
		}
	}
	return nil
}

// Node is the USB device's own file, over which programs with libusb reach it; empty where
// that is not known.
func (u *USB) Node() string {
	bus, number := number(filepath.Join(u.Dir, "busnum")), number(filepath.Join(u.Dir, "devnum"))
	if bus == 0 || number == 0 {
		return ""
	}
	return fmt.Sprintf("/dev/bus/usb/%03d/%03d", bus, number)
}

func entries(dir string) (names []string) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// text is what a file of sysfs says.
func text(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// asUdev is what a file of sysfs says as udev(7) compares it: without the spaces at its
// end, and with those before it, which the numbers of some makers have.
func asUdev(path string) string {
	b, err := os.ReadFile(path)
	if err != nil || len(bytes.TrimSpace(b)) == 0 {
		return ""
	}
	return strings.TrimRightFunc(string(b), unicode.IsSpace)
}

func number(path string) (n int) {
	_, _ = fmt.Sscan(text(path), &n) // 0 where there is none
	return n
}
