package devices

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
)

// Transport is how a device is reached.
type Transport uint8

// The transports. This is where another one is added: its word, the form of its
// paths in TransportOf, and its way to open in Open.
const (
	TransportSerial Transport = iota // a serial line: any other path
	TransportUSBLP                   // a printer that the kernel's usblp drives: /dev/usb/lp0
	TransportTCP                     // a network printer: tcp://192.0.2.10:9100
)

var transportNames = [...]string{"serial line", "USB printer", "network printer"}

// String gives the word for people.
func (t Transport) String() string {
	if int(t) < len(transportNames) {
		return transportNames[t]
	}
	return fmt.Sprintf("transport %d", int(t))
}

// File reports whether the device is a file, for whose appearance one can wait.
func (t Transport) File() bool { return t != TransportTCP }

// PrinterPort is the port of a network printer that takes what is to be printed
// as it is ("raw", JetDirect), unless its path names another.
const PrinterPort = 9100

const (
	tcpScheme = "tcp://"
	usblpGlob = "/dev/usb/lp*"
)

// TransportOf says how a device is reached, by the form of its path. A link
// counts as a serial line here; Open looks where it leads. An ErrPath says what
// is wrong with the path.
func TransportOf(path string) (Transport, error) {
	if strings.HasPrefix(path, tcpScheme) {
		_, err := TCPAddress(path)
		return TransportTCP, err
	}
	if i := strings.Index(path, "://"); i >= 0 {
		return 0, fmt.Errorf("%w: %q is not known, only %s", ErrPath, path[:i+3], tcpScheme)
	}
	if !filepath.IsAbs(path) {
		return 0, fmt.Errorf("%w: %q is neither a path from the root nor %saddress:port", ErrPath, path, tcpScheme)
	}
	if ok, _ := filepath.Match(usblpGlob, filepath.Clean(path)); ok {
		return TransportUSBLP, nil
	}
	return TransportSerial, nil
}

// TCPAddress is where a network printer's path leads. It takes addresses alone: to
// ask a name server is to let it say which printer is ours. Errors are ErrPath.
func TCPAddress(path string) (netip.AddrPort, error) {
	text := strings.TrimPrefix(path, tcpScheme)
	at, err := netip.ParseAddrPort(text)
	if err != nil {
		var addr netip.Addr
		if addr, err = netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
			at = netip.AddrPortFrom(addr, PrinterPort)
		}
	}
	switch {
	case err != nil:
		return at, fmt.Errorf("%w: %q is no address and port: write it as %s192.0.2.10:%d or %s[2001:db8::10]:%d, names are not looked up", ErrPath, text, tcpScheme, PrinterPort, tcpScheme, PrinterPort)
	case at.Port() == 0, at.Addr().IsUnspecified(), at.Addr().IsMulticast():
		return at, fmt.Errorf("%w: nothing can be reached at %s", ErrPath, at)
	}
	return at, nil
}

// Open opens a device, by whatever transport its path names, for us alone and
// within seconds. The context ends an attempt.
func Open(ctx context.Context, c Config) (Port, error) {
	t, err := TransportOf(c.Path)
	if err != nil {
		return nil, fmt.Errorf("opening device: %w", err)
	}
	if t == TransportSerial {
		// A link that a udev rule made, to a printer whose number changes.
		if real, err := filepath.EvalSymlinks(c.Path); err == nil && real != c.Path {
			if to, err := TransportOf(real); err == nil {
				t = to
			}
		}
	}
	switch t {
	case TransportUSBLP:
		return OpenUSBLP(c)
	case TransportTCP:
		return OpenTCP(ctx, c)
	}
	return OpenSerial(c)
}

// Lossless reports whether the port keeps for its device each byte that this
// does not take, however long that is, as USB and TCP do. On a serial line that
// depends on cable and settings.
func Lossless(p Port) bool {
	switch p.(type) {
	case *usblpPort, *tcpPort:
		return true
	}
	return false
}

// HangsUp reports whether the port's device cannot lose its power and be there
// again on the same port. A USB printer may have an interface that is powered
// over the cable, and outlives it.
func HangsUp(p Port) bool {
	_, ok := p.(*tcpPort)
	return ok
}

// Room reports whether the port takes a short write at once, all of it. On a
// line where it cannot be known it does.
func Room(p Port) bool {
	if p, ok := p.(interface{ room() bool }); ok {
		return p.room()
	}
	return true
}
