package readings

// Epson is ESC/POS, as Epson's printers and other makers' speak it. Sizes are
// those of Epson's command reference; where other makers use the same bytes for
// another command, that is a reading too.
func Epson() *Language {
	l := &Language{
		name: "epson", realtime: true, forms: map[byte]*[256]*form{},
		leads: map[byte]Choice{0x1B: 0, 0x1C: 0, 0x1D: 0, 0x10: Drops},
	}
	const esc, fs, gs, dle = 0x1B, 0x1C, 0x1D, 0x10
	l.sizes(esc, `0C:2 20:3 21:3 24:4 25:3 2D:3 32:2 33:3 3C:2 3D:3 3F:3 40:2 43:3 45:3 46:3 47:3 4A:3 4B:3 4C:2 4D:3
		52:3 53:2 54:3 55:3 56:3 57:10 5C:4 61:3 63:4 64:3 65:3 66:4 69:2 6D:2 71:2 72:3 74:3 75:3 76:2 7B:3`)
	l.sizes(fs, `21:3 26:2 2D:3 2E:2 3F:4 43:3 4C:2 53:4 57:3 62:2 63:2 70:4`)
	l.sizes(gs, `21:3 24:4 2F:3 3A:2 42:3 45:3 48:3 49:3 4C:4 50:4 54:3 57:4 5C:4 5E:5 61:3 62:3 63:2 66:3 68:3 6A:3 72:3 77:3 7A:5`)
	l.planned(esc, '&', glyphs)
	l.planned(esc, '(', sized)
	l.planned(esc, '*', columns)
	l.planned(esc, 'D', func(h []byte) plan { return plan{phase: tabs} })
	l.planned(fs, '(', sized)
	l.planned(fs, '2', func(h []byte) plan {
		if len(h) < 4 {
			return more(4)
		}
		return data(72)
	})
	l.planned(fs, 'a', func(h []byte) plan {
		switch {
		case len(h) < 3:
			return more(3)
		case h[2] == '0':
			return more(4)
		}
		return plan{}
	})
	l.planned(fs, 'g', userData)
	l.planned(fs, 'q', func(h []byte) plan {
		switch {
		case len(h) < 3:
			return more(3)
		case h[2] == 0:
			return plan{stop: true}
		}
		return plan{phase: blockHead, aux: uint32(h[2])}
	})
	l.planned(gs, '(', functions)
	l.planned(gs, '8', func(h []byte) plan {
		switch {
		case len(h) < 3:
			return more(3)
		case h[2] != 'L':
			return plan{stop: true}
		case len(h) < 7:
			return more(7)
		}
		return data(uint64(word(h[3], h[4])) | uint64(word(h[5], h[6]))<<16)
	})
	l.planned(gs, '*', func(h []byte) plan {
		if len(h) < 4 {
			return more(4)
		}
		return data(8 * uint64(h[2]) * uint64(h[3]))
	})
	l.planned(gs, 'C', counter)
	l.planned(gs, 'D', bitmap)
	l.planned(gs, 'Q', raster)
	l.planned(gs, 'v', raster)
	l.planned(gs, 'V', func(h []byte) plan {
		if len(h) < 3 {
			return more(3)
		}
		switch h[2] {
		case 0, 1, 48, 49:
			return plan{}
		case 65, 66, 97, 98, 103, 104:
			return more(4)
		}
		return plan{stop: true}
	})
	l.planned(gs, 'g', func(h []byte) plan {
		switch {
		case len(h) < 3:
			return more(3)
		case h[2] != '0' && h[2] != '2':
			return plan{stop: true}
		}
		return more(6)
	})
	l.planned(gs, 'k', barcode)
	l.planned(dle, 0x04, func(h []byte) plan {
		switch {
		case len(h) < 3:
			return more(3)
		case h[2] == 0, h[2] == 7, h[2] == 8, h[2] == 18:
			return more(4)
		}
		return plan{}
	})
	l.sizes(dle, `05:3`)
	l.planned(dle, 0x14, func(h []byte) plan {
		size := map[byte]int{1: 5, 2: 5, 3: 8, 7: 4, 8: 10}
		switch {
		case len(h) < 3:
			return more(3)
		case size[h[2]] == 0:
			return plan{stop: true}
		}
		return more(size[h[2]])
	})

	l.acts(esc, '@', func(t turn, s, next state) {
		t.prints(next.set(quiet|wide, false), t.command(s))
	})
	l.acts(esc, '=', selects)
	l.acts(fs, '&', func(t turn, s, next state) { t.prints(next.set(wide, true), t.command(s)) })
	l.acts(fs, '.', func(t turn, s, next state) { t.prints(next.set(wide, false), t.command(s)) })
	l.acts(fs, 'q', func(t turn, s, next state) {
		// It ends with a reset: what has been sent is forgotten.
		t.finds(Clear, s.has(own), 0).enters(s, next)
	})
	l.acts(esc, '(', func(t turn, s, next state) {
		switch s.h[2] {
		case 'A':
			// The buzzer, where one is fitted, is driven by the drawer's pins.
			t.with(Clone).finds(Pulse, s.has(own), 1).to(next)
		case 'Y':
			t = t.finds(Store, s.has(own), 0) // pages that are printed later
		}
		t.followed(s, next)
	})
	l.acts(gs, ':', records)
	l.acts(gs, '^', runs)
	l.acts(gs, '(', family)
	l.table(esc)['#'] = &form{size: 2, act: escapes}
	l.table(esc)['p'] = &form{plan: kickPlan, act: kick, kicks: true}
	l.table(esc)['x'] = &form{size: 3, act: kick, kicks: true}  // Ithaca
	l.table(esc)[0x80] = &form{size: 3, act: kick, kicks: true} // Bematech, the second drawer
	l.acts(esc, 'v', func(t turn, s, next state) {
		t.prints(next, t.command(s)) // Epson: a question
		t.with(Clone).to(s)          // Bematech: the first drawer, and its time
	})
	return l
}

func columns(h []byte) plan {
	if len(h) < 3 {
		return more(3)
	}
	each := map[byte]uint64{0: 1, 1: 1, 32: 3, 33: 3}[h[2]]
	switch {
	case each == 0:
		return plan{stop: true}
	case len(h) < 5:
		return more(5)
	}
	return data(each * uint64(word(h[3], h[4])))
}

func glyphs(h []byte) plan {
	switch {
	case len(h) < 5:
		return more(5)
	case h[4] < h[3]:
		return plan{stop: true}
	}
	return plan{phase: glyphWidth, aux: uint32(h[2]) | (uint32(h[4])-uint32(h[3])+1)<<8}
}

func userData(h []byte) plan {
	switch {
	case len(h) < 3:
		return more(3)
	case h[2] != '1' && h[2] != '2':
		return plan{stop: true}
	case len(h) < 10:
		return more(10)
	case h[2] == '2':
		return plan{}
	}
	return data(uint64(word(h[8], h[9])))
}

func raster(h []byte) plan {
	switch {
	case len(h) < 3:
		return more(3)
	case h[2] != '0':
		return plan{stop: true}
	case len(h) < 8:
		return more(8)
	}
	return data(uint64(word(h[4], h[5])) * uint64(word(h[6], h[7])))
}

func counter(h []byte) plan {
	if len(h) < 3 {
		return more(3)
	}
	switch h[2] {
	case '0', '2':
		return more(5)
	case '1':
		return more(9)
	case ';':
		return plan{phase: decimals, aux: 5}
	}
	return plan{stop: true}
}

// bitmap is GS D: the file's own head says how long it is.
func bitmap(h []byte) plan {
	switch {
	case len(h) < 3:
		return more(3)
	case h[2] != '0':
		return plan{stop: true}
	case len(h) < 14:
		return more(14)
	case h[8] != 'B' || h[9] != 'M':
		return plan{stop: true}
	}
	size := uint64(word(h[10], h[11])) | uint64(word(h[12], h[13]))<<16
	return data(max(size, 6) - 6)
}

func barcode(h []byte) plan {
	switch {
	case len(h) < 3:
		return more(3)
	case h[2] <= 6:
		return plan{phase: untilNUL}
	case h[2] < 65 || h[2] > 79:
		return plan{stop: true}
	case len(h) < 4:
		return more(4)
	case h[3] == 0:
		return plan{}
	}
	return plan{phase: coded, left: uint32(h[3])}
}

// kickPlan is ESC p m t1 t2. Printers that are strict stop at another m.
func kickPlan(h []byte) plan {
	if len(h) < 3 {
		return more(3)
	}
	return more(5)
}

// clones are commands of other makers, or modes, that are longer than those of
// the same bytes.
var clones = map[[2]byte]*form{
	{0x1B, 'v'}: {size: 3, act: kick},
	{0x1B, 'p'}: {plan: kickPlan, act: kick, kicks: true}, // a Star in its Epson mode
}

// exact reports whether m is a drawer's number as Epson documents it.
func exact(m byte) bool { return m <= 1 || m == '0' || m == '1' }

func kick(t turn, s, next state) {
	t.finds(Pulse, s.has(own), s.h[2]&1+1).prints(next, t.command(s))
}

// selects is ESC =: bit 0 the printer, bit 1 the customer's display, which has
// commands of its own, for settings among others.
func selects(t turn, s, next state) {
	if s.h[2]&3 != 1 {
		t = t.finds(Deselect, s.has(own), 0)
	}
	t.to(next.set(deselected, s.h[2]&1 == 0))
}

// records is GS :, which begins or ends the definition of a macro.
func records(t turn, s, next state) {
	if next.has(replaying) {
		t.to(next)
		return
	}
	if next.has(recording) {
		// The end is no part of it.
		text := t.m.texts[next.macro]
		next.macro = t.m.text(text[:max(0, len(text)-2)])
		t.to(next.set(recording, false))
		return
	}
	t = t.finds(Store, s.has(own), 0)
	next.macro = 0
	next = next.set(recording, true)
	t.to(next)
	t.with(Numbered).to(next.in(counted, 1, 0).set(lost, true))
}

// runs is GS ^ r t m: at once, or when FEED is pressed.
func runs(t turn, s, next state) {
	t = t.finds(Store, s.has(own), 0)
	switch {
	case next.has(replaying):
		t.to(next)
	case next.has(recording):
		next.macro = 0
		t.to(next.set(recording, false))
	case s.h[4]&1 == 1:
		t.to(next.set(armed, true))
	case next.macro != 0:
		next.input, next.at = next.macro, 0
		t.to(next.set(replaying, true))
	default:
		t.to(next)
	}
}

// escapes: the printer is told to change what it is.
func escapes(t turn, s, next state) {
	t.finds(Escape, s.has(own), 0).to(next)
}

// family is GS (, some of whose functions change what the printer is.
func family(t turn, s, next state) {
	switch s.h[2] {
	case 'A', 'E', 'M':
		t = t.finds(Escape, s.has(own), 0)
	case 'z':
		t = t.finds(Store, s.has(own), 0) // what is printed on the reverse side, later
	case 'D':
		if next.phase == ground {
			switchesRealtime(t, s, next)
			return
		}
		t = t.finds(Escape, s.has(own), 0) // longer than any that is documented
	}
	t.followed(s, next)
}

// followed is a command that may have a payload.
func (t turn) followed(s, next state) {
	if next.phase == ground {
		t.prints(next, t.command(s))
		return
	}
	t.enters(s, next)
}

// functions are GS (: of GS ( D all that says what it does is kept.
func functions(h []byte) plan {
	if len(h) >= 5 && h[2] == 'D' {
		if n := 5 + word(h[3], h[4]); n <= uint32(len(state{}.h)) {
			return plan{need: int(n)}
		}
	}
	return sized(h)
}

// switchesRealtime is GS ( D with pairs of what (1 the drawer, 2 the power) and
// off or on. Not every printer has it.
func switchesRealtime(t turn, s, next state) {
	h := s.bytes()
	if len(h) < 8 || h[5] != 20 {
		t.to(next)
		return
	}
	off := next
	for h = h[6:]; len(h) >= 2; h = h[2:] {
		switch {
		case h[1] == 1, h[1] == '1':
			t = t.finds(Escape, s.has(own), 0)
			if h[0] == 1 {
				off = off.set(quiet, false)
			}
		case h[0] == 1 && (h[1] == 0 || h[1] == '0'):
			off = off.set(quiet, true)
		}
	}
	t.to(off)
	t.with(Keeps).to(next)
}
