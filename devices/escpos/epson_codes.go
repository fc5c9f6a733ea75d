package escpos

// Bar codes (GS k) and the commands that begin with GS (, of which only the
// two-dimensional codes are let through.

// alphabet is the set of bytes that a code can hold.
type alphabet [256]bool

func letters(s string) *alphabet {
	a := &alphabet{}
	for i := range len(s) {
		a[s[i]] = true
	}
	return a
}

func below(n int) *alphabet {
	a := &alphabet{}
	for i := range n {
		a[i] = true
	}
	return a
}

// epsonCodes enters bar codes. Two-dimensional ones are in GS (.
func epsonCodes(g *[256]*command) {
	g['H'] = fixed("GS H", 3, digit(3))
	g['f'] = fixed("GS f", 3, in(0, 1, 2, 3, 4, '0', '1', '2', '3', '4', 97, 98))
	g['h'] = fixed("GS h", 3, upTo(1, 255))
	g['w'] = fixed("GS w", 3, upTo(1, 6))
	g['k'] = &command{name: "GS k", kind: Barcode, head: 3, length: barcodeLength, ok: barcodeOK, strict: true, lines: oneLine}
}

// symbolStep is which step to which code (cn - 48) a GS ( k is.
func symbolStep(h []byte) (int, step) {
	switch {
	case len(h) < 7:
		return 0, sets
	case h[6] == fnStore:
		return int(h[5] & 7), stores
	case h[6] == fnPrint:
		return int(h[5] & 7), prints
	}
	return int(h[5] & 7), sets
}

// symbolLines: a two-dimensional code is printed by its own function.
func symbolLines(h []byte) int {
	if h[6] == fnPrint {
		return 1
	}
	return 0
}

// code is a bar code system: what it holds, and how much of it.
type code struct {
	holds   *alphabet
	lengths []byte // empty: any
	even    bool
}

var (
	digits  = letters("0123456789")
	code39  = letters("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./")
	codabar = letters("0123456789ABCDabcd$+-./:")
)

// systems are the bar codes by m (0 to 6, and 65 to 79). Where models differ in
// what they accept the narrowest is taken: what one of them does not accept it
// prints, or executes.
var systems = [15]code{
	{holds: digits, lengths: []byte{11, 12}},          // UPC-A
	{holds: digits, lengths: []byte{6, 7, 8, 11, 12}}, // UPC-E
	{holds: digits, lengths: []byte{12, 13}},          // JAN13
	{holds: digits, lengths: []byte{7, 8}},            // JAN8
	{holds: code39},                                   // CODE39
	{holds: digits, even: true},                       // ITF
	{holds: codabar},                                  // CODABAR
	{holds: below(128)},                               // CODE93
	{holds: below(128)},                               // CODE128
	{holds: below(128)},                               // GS1-128
	{holds: digits, lengths: []byte{13}},              // GS1 DataBar Omnidirectional
	{holds: digits, lengths: []byte{13}},              // GS1 DataBar Truncated
	{holds: digits, lengths: []byte{13}},              // GS1 DataBar Limited
	{holds: below(128)},                               // GS1 DataBar Expanded
	{holds: below(128)},                               // CODE128 auto
}

func system(m byte) *code {
	switch {
	case m <= 6:
		return &systems[m]
	case m >= 65 && m <= 79:
		return &systems[m-65]
	}
	return nil
}

func (c *code) fits(data []byte) bool {
	if len(data) == 0 || c.even && len(data)%2 != 0 {
		return false
	}
	for _, b := range data {
		if !c.holds[b] {
			return false
		}
	}
	for _, n := range c.lengths {
		if len(data) == int(n) {
			return true
		}
	}
	return len(c.lengths) == 0
}

// barcodeLength: the older form ends with NUL, or where its data ends to make
// sense; the newer one counts.
func barcodeLength(h []byte) int {
	m, n := h[2], len(h)
	switch {
	case m <= 6:
		if n == 3 {
			return -4
		}
		last := h[n-1]
		if last == nul {
			return n
		}
		if !systems[m].holds[last] || n == 3+256 {
			return 3 // what looked like data is read again: it may be text
		}
		return -(n + 1)
	case m >= 65 && m <= 79:
		if n < 4 {
			return -4
		}
		return 4 + int(h[3])
	}
	return 3
}

func barcodeOK(h []byte) bool {
	s := system(h[2])
	if s == nil {
		return false
	}
	data := h[3:]
	if h[2] <= 6 {
		if data[len(data)-1] != nul {
			return false
		}
		data = data[:len(data)-1]
	} else {
		data = data[1:]
	}
	if h[2] == 73 && (len(data) < 2 || data[0] != '{' || data[1] < 'A' || data[1] > 'C') {
		return false
	}
	return s.fits(data)
}

// The functions of two-dimensional codes that are let through: by cn and fn,
// the length of what follows pL pH, and the last parameters that all models
// with this code accept. Asking for a code's size (fn 82) is not: its answer is
// of a form that only later bytes tell.
type function struct {
	size int // 0: data, beginning with '0'
	ok   func(h []byte) bool
}

func small(least, most byte) function { return function{3, upTo(least, most)} }

var (
	store  = function{}
	print2 = function{3, in('0')}
)

var symbols = map[[2]byte]function{
	// PDF417
	{48, 65}: small(0, 30),
	{48, 66}: {3, func(h []byte) bool { return h[7] == 0 || h[7] >= 3 && h[7] <= 90 }},
	{48, 67}: small(1, 8),
	{48, 68}: small(2, 8),
	{48, 69}: {4, func(h []byte) bool {
		return h[7] == 48 && h[8] >= 48 && h[8] <= 56 || h[7] == 49 && h[8] >= 1 && h[8] <= 40
	}},
	{48, 70}: small(0, 1),
	{48, 80}: store,
	{48, 81}: print2,
	// QR
	{49, 65}: {4, func(h []byte) bool { return h[7] >= 49 && h[7] <= 51 && h[8] == 0 }},
	{49, 67}: small(1, 16),
	{49, 69}: small(48, 51),
	{49, 80}: store,
	{49, 81}: print2,
	// MaxiCode
	{50, 65}: small(50, 54),
	{50, 80}: store,
	{50, 81}: print2,
	// Aztec
	{53, 66}: {4, func(h []byte) bool { return h[7] <= 1 && h[8] <= 32 }},
	{53, 67}: small(2, 16),
	{53, 69}: small(5, 95),
	{53, 80}: store,
	{53, 81}: print2,
	// DataMatrix
	{54, 66}: {5, func(h []byte) bool { return (h[7] <= 1 || h[7] == 48 || h[7] == 49) && h[8] <= 144 && h[9] <= 144 }},
	{54, 67}: small(2, 16),
	{54, 80}: store,
	{54, 81}: print2,
}

const (
	fnStore = 80
	fnPrint = 81
)

// symbolOK looks at a whole GS ( k.
func symbolOK(h []byte) bool {
	if len(h) < 8 {
		return false
	}
	f, ok := symbols[[2]byte{h[5], h[6]}]
	if !ok {
		return false
	}
	if f.size == 0 {
		return h[7] == '0' && len(h) >= 9 && len(h) <= maxHold
	}
	return len(h) == 5+f.size && f.ok(h)
}
