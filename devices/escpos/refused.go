package escpos

// refused enters commands that are known and not let through. Their lengths
// are known so that what belongs to them is not printed as text. Nothing
// depends on a printer's reading them alike: it never sees them.
func refused(t *table) {
	e, f, g, d := &t.esc, &t.fs, &t.gs, &t.dle

	// Page mode and the panel: what is printed when depends on later commands.
	no(e, ff, "ESC FF", 2)
	no(e, 'L', "ESC L", 2)
	no(e, 'S', "ESC S", 2)
	no(e, 'T', "ESC T", 3)
	no(e, 'W', "ESC W", 10)
	no(e, 'c', "ESC c", 4)
	no(g, '$', "GS $", 4)
	no(g, '\\', "GS \\", 4)

	// Characters and pictures that the host defines or the printer stores.
	e['&'] = &command{name: "ESC &", head: 5, length: func([]byte) int { return 5 }, blocks: &blocks{
		count: func(h []byte) int { return int(h[4]) - int(h[3]) + 1 },
		head:  1,
		body:  func(h, block []byte) int { return int(h[2]) * int(block[0]) },
	}}
	vary(e, '*', "ESC *", 3, func(h []byte) int {
		switch {
		case h[2] != 0 && h[2] != 1 && h[2] != 32 && h[2] != 33:
			return 3
		case len(h) < 5:
			return -5
		case h[2] < 32:
			return 5 + word(h[3], h[4])
		}
		return 5 + 3*word(h[3], h[4])
	})
	no(e, '?', "ESC ?", 3)
	no(f, 'p', "FS p", 4)
	f['q'] = &command{name: "FS q", head: 3, length: func([]byte) int { return 3 }, blocks: &blocks{
		count: func(h []byte) int { return int(h[2]) },
		head:  4,
		body:  func(_, b []byte) int { return word(b[0], b[1]) * word(b[2], b[3]) * 8 },
	}}
	no(f, '2', "FS 2", 4+72)
	no(f, '?', "FS ?", 4)
	no(g, '/', "GS /", 3)
	vary(g, '*', "GS *", 4, func(h []byte) int { return 4 + int(h[2])*int(h[3])*8 })
	vary(g, 'Q', "GS Q 0", 3, func(h []byte) int {
		switch {
		case h[2] != '0':
			return 2
		case len(h) < 8:
			return -8
		}
		return 8 + word(h[4], h[5])*word(h[6], h[7])
	})
	vary(g, 'D', "GS D", 3, func(h []byte) int {
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
	})
	vary(g, '8', "GS 8 L", 3, func(h []byte) int {
		switch {
		case h[2] != 'L':
			return 2
		case len(h) < 7:
			return -7
		}
		if h[5] > maxSkip>>16 || h[6] != 0 {
			return 2
		}
		return 7 + word(h[3], h[4]) + word(h[5], h[6])<<16
	})

	// Macros: they replay what they record, the daemon's pulse included.
	no(g, ':', "GS :", 2)
	no(g, '^', "GS ^", 5)

	// Settings, storage, tests, other devices.
	vary(e, '(', "ESC (", 5, lengthAt3)
	vary(f, '(', "FS (", 5, lengthAt3)
	vary(f, 'g', "FS g", 3, func(h []byte) int {
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
	no(f, 'C', "FS C", 3)
	no(f, 'b', "FS b", 2)
	no(f, 'c', "FS c", 2)
	no(f, 'L', "FS L", 2)
	vary(f, 'a', "FS a", 3, func(h []byte) int {
		if h[2] == '0' {
			return 4
		}
		return 3
	})
	no(e, 'f', "ESC f", 4)
	no(g, 'E', "GS E", 3)
	no(g, 'c', "GS c", 2)
	no(g, 'g', "GS g", 6)
	no(g, 'z', "GS z", 5)
	vary(g, 'C', "GS C", 3, func(h []byte) int {
		switch h[2] {
		case '0', '2':
			return 5
		case '1':
			return 9
		case ';':
			semicolons := 0
			for _, c := range h[2:] {
				if c == ';' {
					semicolons++
				} else if c < '0' || c > '9' {
					return 2
				}
			}
			if semicolons == 6 || len(h) > 40 {
				return len(h)
			}
			return -(len(h) + 1)
		}
		return 2
	})

	// Answers that come unasked, or of a kind that later commands change.
	no(e, 'u', "ESC u", 3)
	no(e, 'v', "ESC v", 2)
	no(g, 'a', "GS a", 3)
	no(g, 'j', "GS j", 3)
	vary(d, enq, "DLE ENQ", 3, func(h []byte) int {
		if h[2] <= 2 {
			return 3
		}
		return 2
	})
}

// maxSkip is the longest payload that is taken for one. What announces more is
// not believed, and what follows is read as commands and text.
const maxSkip = 1 << 20

func word(low, high byte) int { return int(low) | int(high)<<8 }

func no(t *[256]*command, c byte, name string, size int) {
	t[c] = &command{name: name, kind: Refused, size: size}
}

func vary(t *[256]*command, c byte, name string, head int, length func([]byte) int) {
	t[c] = &command{name: name, kind: Refused, head: head, length: length}
}
