package escpos

// epsonRefused enters commands that are known and not let through. Their lengths
// are known so that what belongs to them is not printed as text. Nothing
// depends on a printer's reading them alike: it never sees them.
func epsonRefused(e, f, g, d *[256]*command) {
	// Macros: they replay what they record, the daemon's pulse included.
	g[':'] = never(no("GS :", 2))
	g['^'] = never(no("GS ^", 5))

	// The drawer of Bematech's and Elgin's printers, and a question on Epson's.
	e['v'] = never(no("ESC v", 2))

	// Storing pictures by FS q ends with a reset of the printer, in which it
	// forgets what it was sent.
	f['q'] = &command{name: "FS q", kind: Refused, head: 3, length: func([]byte) int { return 3 }, blocks: &blocks{
		count: func(h []byte) int { return int(h[2]) },
		head:  4,
		body:  func(_, b []byte) int { return word(b[0], b[1]) * word(b[2], b[3]) * 8 },
	}}
	g['D'] = never(vary("GS D", 3, func(h []byte) int {
		switch {
		case h[2] != '0':
			return 2
		case len(h) < 14:
			return -14
		}
		if h[3] != 'C' && h[3] != 'S' || h[8] != 'B' || h[9] != 'M' || h[12] > maxSkip>>16 || h[13] != 0 {
			return 2
		}
		return 8 + word(h[10], h[11]) + word(h[12], h[13])<<16
	}))

	// Settings, storage, tests, other devices. ESC ( A drives the drawer's pins
	// where a buzzer is fitted; ESC ( Y keeps pages for later.
	e['('] = family("ESC (", map[byte]*command{
		'A': never(vary("ESC ( A", 5, lengthAt3)),
		'Y': never(vary("ESC ( Y", 5, lengthAt3)),
	})
	f['g'] = vary("FS g", 3, func(h []byte) int {
		switch {
		case h[2] != '1' && h[2] != '2':
			return 2
		case len(h) < 10:
			return -10
		case h[2] == '2':
			return 10
		}
		return 10 + word(h[8], h[9])
	})
	f['b'] = no("FS b", 2)
	f['c'] = no("FS c", 2)
	f['L'] = no("FS L", 2)
	f['a'] = vary("FS a", 3, func(h []byte) int {
		if h[2] == '0' {
			return 4
		}
		return 3
	})
	e['f'] = no("ESC f", 4)
	g['E'] = no("GS E", 3)
	g['g'] = no("GS g", 6)
	g['z'] = no("GS z", 5)
	g['j'] = no("GS j", 3)

	// Real-time commands. DLE EOT asks; the rest clears, recovers or opens.
	d[eot] = &command{name: "DLE EOT", kind: Status, head: 3, length: eotLength, ok: upTo(1, 4)}
	d[dc4] = &command{name: "DLE DC4", kind: Refused, head: 3, length: orderLength, never: true, kick: func(h []byte) (int, bool) {
		if len(h) < 3 || h[2] != 1 {
			return 0, false
		}
		if len(h) < 4 {
			return 1, true
		}
		return lowBit(h[3]), true
	}}
	d[enq] = never(vary("DLE ENQ", 3, func(h []byte) int {
		if h[2] <= 2 {
			return 3
		}
		return 2
	}))
}

// eotLength: some numbers are followed by a second one.
func eotLength(h []byte) int {
	switch n := h[2]; {
	case n >= 1 && n <= 6:
		return 3
	case n == 0, n == 7, n == 8, n == 18:
		return 4
	}
	return 2
}

// orders are the sequences of DLE DC4 as documented; -1 is any byte. Printers
// act on exactly these, and drop or print everything else that begins so.
var orders = map[byte][]int{
	2: {0x01, 0x08},
	3: {-1, -1, -1, -1, -1},
	7: {-1},
	8: {0x01, 0x03, 0x14, 0x01, 0x06, 0x02, 0x08},
}

func orderLength(h []byte) int {
	// The drawer: whatever follows, it is a kick. Its two parameters belong to
	// it if they are in range; else printers take them for text.
	if h[2] == 1 {
		switch {
		case len(h) < 4:
			return -4
		case h[3] > 1:
			return 3
		case len(h) < 5:
			return -5
		case h[4] < 1 || h[4] > 8:
			return 3
		}
		return 5
	}
	rest, ok := orders[h[2]]
	if !ok {
		return 2
	}
	for i, c := range h[3:] {
		if want := rest[i]; want >= 0 && int(c) != want {
			return 2
		}
	}
	if len(h) < 3+len(rest) {
		return -(len(h) + 1)
	}
	return len(h)
}
