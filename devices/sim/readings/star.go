package readings

// Star's printers in line mode, and those that imitate them: a byte alone opens a
// drawer, so that a parameter or a dot is as good as an order to a printer that
// reads it as data. The manual's commands are here so that there is a plain
// reading; what it does not have is of any length.

// StarLine is Star's line mode (command specifications for line mode, for dot
// impact printers). FS, SUB and EM are executed on arrival on some, and in their
// turn on others; BEL always in its turn.
func StarLine() *Language {
	const esc = 0x1B
	l := &Language{
		name: "star-line", forms: map[byte]*[256]*form{}, leads: map[byte]Choice{esc: 0},
		singles: [256]single{0x07: {pin: 1}, 0x1C: {pin: 1, arrives: true}, 0x1A: {pin: 2, arrives: true}, 0x19: {pin: 2, arrives: true}},
	}
	l.sizes(esc, `06:3 07:4 0C:3 0E:2 14:2 20:3 24:3 25:3 2D:3 2F:3 30:2 31:2 32:2 33:3 34:2 35:2 36:2 37:2 3A:2 40:2 41:3 45:2 46:2 47:2 48:2
		49:3 4A:3 4D:2 4E:3 4F:2 50:2 51:3 52:3 53:3 55:3 57:3 5F:3 61:3 64:3 67:2 68:3 69:4 6C:3 70:2 71:2 73:4 74:4 79:3 7A:3`)
	l.planned(esc, 'C', func(h []byte) plan {
		switch {
		case len(h) < 3:
			return more(3)
		case h[2] == 0:
			return more(4) // in inches
		}
		return plan{}
	})
	for _, b := range []byte("BD") {
		l.planned(esc, b, func([]byte) plan { return plan{phase: untilByte} })
	}
	for _, b := range []byte("KL") {
		l.planned(esc, b, sizedAfter2(1))
	}
	l.planned(esc, 'X', sizedAfter2(3))
	l.planned(esc, 'k', func(h []byte) plan {
		if len(h) < 4 {
			return more(4)
		}
		return data(24 * uint64(h[2]))
	})
	l.planned(esc, '^', func(h []byte) plan {
		if len(h) < 5 {
			return more(5)
		}
		return data(2 * uint64(word(h[3], h[4])))
	})
	l.planned(esc, 'b', func(h []byte) plan {
		if len(h) < 6 {
			return more(6)
		}
		return plan{phase: untilByte, aux: 0x1E}
	})
	l.planned(esc, 0x1C, func(h []byte) plan { // stored logos
		switch {
		case len(h) < 3:
			return more(3)
		case h[2] == 'p':
			return more(5)
		case h[2] != 'q':
			return plan{stop: true}
		case len(h) < 4:
			return more(4)
		case h[3] == 0:
			return plan{}
		}
		return plan{phase: blockHead, aux: uint32(h[3])}
	})
	l.planned(esc, 0x1E, func(h []byte) plan { // ESC RS x n
		return more(4)
	})
	l.planned(esc, 0x1D, starGroup)
	l.planned(esc, '*', func(h []byte) plan { // ESC * r x … NUL
		switch {
		case len(h) < 3:
			return more(3)
		case h[2] != 'r':
			return plan{stop: true}
		case len(h) < 4:
			return more(4)
		case h[3] == 'A', h[3] == 'B', h[3] == 'C', h[3] == 'R':
			return plan{}
		}
		return plan{phase: untilByte}
	})
	for _, lead := range []byte("bk") {
		for b := range 256 {
			l.planned(lead, byte(b), rowPlan)
		}
	}
	l.planned(esc, '#', func([]byte) plan { return plan{phase: untilByte} })
	l.planned(esc, '?', func([]byte) plan { return plan{phase: untilByte} })

	l.acts(esc, 'p', func(t turn, s, next state) {
		t.prints(next, t.command(s)) // Kanji
		t.with(Clone).to(s)          // the Epson mode's drawer
	})
	l.acts(esc, '*', starRaster)
	l.acts(esc, '#', escapes)
	l.acts(esc, '?', func(t turn, s, next state) { t.finds(Clear, s.has(own), 0).to(next) }) // a reset
	l.acts(esc, 0x1D, starActs)
	return l
}

// Citizen is what Citizen's CBM and iDP printers speak: as Star's, without EM, and
// with a line that is kept to be printed again (ESC DC3, ESC /).
func Citizen() *Language {
	l := StarLine()
	l.name = "citizen-cbm"
	l.singles[0x19] = single{}
	l.table(0x1B)[0x13] = &form{size: 3, act: stores}
	l.acts(0x1B, '/', stores)
	return l
}

// sizedAfter2 is a command with the number of its columns after its second byte.
func sizedAfter2(each uint64) func(h []byte) plan {
	return func(h []byte) plan {
		if len(h) < 4 {
			return more(4)
		}
		return data(each * uint64(word(h[2], h[3])))
	}
}

// starGroup is ESC GS: positions, two-dimensional codes, and what stores.
func starGroup(h []byte) plan {
	if len(h) < 3 {
		return more(3)
	}
	switch h[2] {
	case 'a', 't':
		return more(4)
	case 'A', 'R':
		return more(5)
	case 0x03:
		return more(6)
	case 0x19:
		return more(7)
	case 'x', 'y':
		switch {
		case len(h) < 4:
			return more(4)
		case h[3] == 'P':
			return plan{}
		case h[3] == 'S' && len(h) < 5:
			return more(5)
		case h[3] == 'S' && h[2] == 'x' && h[4] == '0', h[3] == 'S' && h[2] == 'x' && h[4] == 0:
			return more(8)
		case h[3] == 'S':
			return more(6)
		case h[3] == 'D' && h[2] == 'x':
			if len(h) < 6 {
				return more(6)
			}
			return data(uint64(word(h[4], h[5])))
		case h[3] == 'D':
			if len(h) < 8 {
				return more(8)
			}
			return data(uint64(word(h[6], h[7])))
		}
	case '+', '/', '#', 0x07:
		return plan{}
	}
	return plan{stop: true}
}

func starActs(t turn, s, next state) {
	switch s.h[2] {
	case 0x19, 0x07:
		// A buzzer on the drawer's terminal: the pulse is a drawer's.
		t = t.finds(Pulse, s.has(own), 1)
	case '+', '/':
		t = t.finds(Store, s.has(own), 0)
	case '#':
		t = t.finds(Escape, s.has(own), 0)
	}
	t.followed(s, next)
}

func starRaster(t turn, s, next state) {
	switch s.h[3] {
	case 'D', 'V':
		t = t.finds(Pulse, s.has(own), s.h[3]&1+1)
	case 'A', 'B':
		next = next.set(rows, s.h[3] == 'A')
	}
	t.followed(s, next)
}

// row is a byte of raster mode: a row of dots begins with its length.
func (t turn) row(s state) {
	if t.m.l.forms[t.b] == nil {
		t.to(s)
		return
	}
	s.phase, s.n, s.h[0] = head, 1, t.b
	t.to(s.set(own, t.own))
}

func rowPlan(h []byte) plan {
	if len(h) < 3 {
		return more(3)
	}
	return data(uint64(word(h[1], h[2])))
}
