package readings

// Ithaca is what TransAct's printers speak (PcOS): ESC x, commands in printed text
// (IPCL), BS and BEL in the Series 50, and ESC p in the Epson emulation.
func Ithaca() *Language {
	const esc, gs = 0x1B, 0x1D
	l := &Language{
		name: "ithaca", realtime: true, forms: map[byte]*[256]*form{}, leads: map[byte]Choice{esc: 0, gs: 0, 0x10: Drops},
		singles: [256]single{0x07: {pin: 2}, 0x08: {pin: 1}},
	}
	l.leads[0x05] = Drops // a question and its number
	l.sizes(0x05, `01:2 02:2 04:2 08:2 09:2 0A:2 0F:2 14:2 16:2 18:2`)
	l.acts(0x05, 0x0A, func(t turn, s, next state) { t.finds(Clear, s.has(own), 0).to(next) }) // a reset
	l.sizes(esc, `2D:3 30:2 31:2 32:2 33:3 34:2 35:3 3A:2 3D:3 40:2 41:3 45:2 46:2 47:2 48:2 49:3 4A:3 52:2 53:3 54:2 57:3 5D:2 5F:3
		61:3 63:3 64:3 69:2 6D:2 6E:4 76:2 25:3`)
	for _, b := range []byte("BD") {
		l.planned(esc, b, func([]byte) plan { return plan{phase: tabs} })
	}
	l.planned(esc, '[', func(h []byte) plan {
		switch {
		case len(h) < 3:
			return more(3)
		case h[2] == 'P':
			return more(4)
		case h[2] == '@':
			return more(9)
		}
		return plan{stop: true}
	})
	for _, b := range []byte("KLYZ") {
		l.planned(esc, b, sizedAfter2(1))
	}
	l.table(esc)['p'] = &form{plan: kickPlan, act: kick, kicks: true}
	l.table(esc)['x'] = &form{size: 3, act: kick, kicks: true}
	l.table(esc)['+'] = &form{size: 2, act: kick, kicks: true}
	for _, b := range []byte{0x1F, 'g', 'l', 0x1D} {
		l.table(esc)[b] = &form{size: 3, act: stores} // macros, the journal
	}
	for _, b := range []byte{'<', '#', 0x19} {
		l.table(esc)[b] = &form{size: 2, act: escapes} // other devices, switches
	}
	l.acts(esc, '=', selects)
	l.table(esc)['y'] = &form{size: 3, act: func(t turn, s, next state) {
		if s.h[2] == 17 {
			t = t.finds(Deselect, s.has(own), 0)
		}
		t.to(next)
	}}
	for _, b := range []byte("-0:^") {
		l.table(gs)[b] = &form{size: 2, act: stores}
	}
	for _, b := range []byte{0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 0x12, 0x14} {
		l.does[b] = true // tabs, ends of line, styles
	}
	l.speaks(Pulse, "&%D1", "&%D2", "&%d1", "&%d2")
	l.speaks(Store, "&%UB", "&%UE", "&%UR", "&%UM", "&%UL", "&%US", "&%UD", "&%G", "&%E")
	return l
}

// SureMark is what IBM's and Toshiba's printers speak: much of it looks like
// Epson's, and is another command. Messages with a number are kept in flash, with
// orders to open a drawer in them.
func SureMark() *Language {
	const esc, gs = 0x1B, 0x1D
	l := &Language{name: "suremark", realtime: true, forms: map[byte]*[256]*form{}, leads: map[byte]Choice{esc: 0, gs: 0, 0x10: Drops}}
	l.sizes(esc, `20:3 21:3 22:4 23:3 24:4 27:2 2D:3 31:2 32:2 33:3 34:4 37:2 38:2 40:2 47:3 48:3 4A:3 4D:5 55:3 56:3 57:3 5F:3 61:3 63:4 64:3
		69:2 6D:2 74:3 76:2 78:2`)
	l.sizes(gs, `2F:4 3A:3 48:3 5E:3 66:3 68:3 77:3`)
	square := func(h []byte) plan {
		if len(h) < 5 {
			return more(5)
		}
		return data(8 * uint64(h[3]) * uint64(h[4]))
	}
	l.planned(esc, '*', square)
	l.planned(gs, '*', square)
	l.planned(esc, 'D', func(h []byte) plan { // pairs, up to one of NULs
		switch n := len(h); {
		case n < 4, n%2 != 0:
			return more(n + 2 - n%2)
		case h[n-2] == 0 && h[n-1] == 0, n > 12:
			return plan{}
		default:
			return more(n + 2)
		}
	})
	l.planned(gs, 'k', barcode)
	l.table(esc)['p'] = &form{plan: kickPlan, act: kick, kicks: true}
	for _, b := range []byte("M'78") {
		l.acts(esc, b, stores) // tables and flash written, output held back
	}
	l.acts(esc, '#', escapes) // flash erased
	l.acts(gs, ':', stores)
	l.acts(gs, '^', stores)
	return l
}

// stores: what follows is kept, or what was kept is run.
func stores(t turn, s, next state) {
	t.finds(Store, s.has(own), 0).to(next)
}
