package usb

// setup is the first stage of a control transfer (USB 2.0, 9.3).
type setup []byte

func (s setup) kind() byte    { return s[0] }
func (s setup) request() byte { return s[1] }
func (s setup) value() int    { return int(s[2]) | int(s[3])<<8 }
func (s setup) index() int    { return int(s[4]) | int(s[5])<<8 }
func (s setup) length() int   { return int(s[6]) | int(s[7])<<8 }

// Kinds of requests: direction, whose, to what (USB 2.0, table 9-2).
const (
	fromDevice    = 0x80
	fromInterface = 0x81
	classOfIface  = 0x21
	classFrom     = 0xa1
	vendorTo      = 0x40
	vendorFrom    = 0xc0

	maskWhose = 0x60 // 0: the standard's
)

// identity is what a device says that it is.
type identity struct {
	speed   int
	device  []byte   // the device descriptor
	config  []byte   // the one configuration, with its interface and endpoints
	strings []string // from 1 on: manufacturer, product, serial number
}

// describe makes the descriptors of a device with one interface and two bulk
// endpoints, 1 to the device and 2 to the host or the other way round.
func describe(speed int, vendor, product, version uint16, class [3]byte, toHost, toDevice byte, manufacturer, name, serial string) identity {
	packet := uint16(64)
	if speed == highSpeed {
		packet = 512
	}
	return identify(speed, vendor, product, version, []byte{
		9, 4, 0, 0, 2, class[0], class[1], class[2], 0, // interface 0, two endpoints
		7, 5, 0x80 | toHost, 2, byte(packet), byte(packet >> 8), 0,
		7, 5, toDevice, 2, byte(packet), byte(packet >> 8), 0,
	}, manufacturer, name, serial)
}

// identify makes the descriptors of a device with one interface, which body describes
// with its endpoints (USB 2.0, 9.6).
func identify(speed int, vendor, product, version uint16, body []byte, manufacturer, name, serial string) identity {
	low, high := func(n uint16) byte { return byte(n) }, func(n uint16) byte { return byte(n >> 8) }
	return identity{
		speed: speed,
		device: []byte{
			18, 1, 0x00, 0x02, 0, 0, 0, 64, low(vendor), high(vendor), low(product), high(product), low(version), high(version), 1, 2, 3, 1,
		},
		config:  append([]byte{9, 2, byte(9 + len(body)), 0, 1, 1, 0, 0xc0, 1}, body...), // self-powered
		strings: []string{"", manufacturer, name, serial},
	}
}

// standard answers the standard's own requests.
func (i *identity) standard(s setup) (reply []byte, ok bool) {
	const (
		getStatus     = 0
		getDescriptor = 6
	)
	switch {
	case s.kind()&maskWhose != 0:
		return nil, false
	case s.kind() == fromDevice && s.request() == getDescriptor:
		return i.descriptor(s.value()>>8, s.value()&0xff)
	case s.kind()&fromDevice != 0 && s.request() == getStatus:
		return []byte{1, 0}, true
	}
	// Addresses, configurations, interfaces, features: there is one of each.
	return nil, s.kind()&fromDevice == 0
}

func (i *identity) descriptor(kind, n int) ([]byte, bool) {
	switch {
	case kind == 1:
		return i.device, true
	case kind == 2:
		return i.config, true
	case kind == 3 && n == 0:
		return []byte{4, 3, 0x09, 0x04}, true // American English
	case kind == 3 && n < len(i.strings):
		b := []byte{byte(2 + 2*len(i.strings[n])), 3}
		for _, c := range []byte(i.strings[n]) {
			b = append(b, c, 0)
		}
		return b, true
	}
	return nil, false
}
