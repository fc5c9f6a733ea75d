package readings

// Ithaca is what TransAct's printers speak (PcOS): ESC x, commands in printed text
// (IPCL), BS and BEL in the Series 50, and ESC p in the Epson emulation.
func Ithaca() *Language {
	const esc, gs = 0x1B, 0x1D
	l := &Language{
		name: "ithaca", realtime: true, forms: map[byte]*[256]*form{}, leads: map[byte]Choice{esc: 0, gs: 0, 0x10: Drops},
		singles: [256]single{0x07: {pin: 2}, 0x08: {pin: 1}},
	}
	l.sizes(esc, `21:3 2D:3 30:2 31:2 32:2 33:3 34:2 35:2 3D:3 40:2 41:3 45:2 46:2 47:2 48:2 4A:3 52:3 57:3 5F:3 61:3 64:3 69:2 6D:2 76:2`)
	l.planned(esc, 'D', func([]byte) plan { return plan{phase: tabs} })
	for _, b := range []byte("KLYZ") {
		l.planned(esc, b, sizedAfter2(1))
	}
	l.table(esc)['p'] = &form{plan: kickPlan, act: kick, kicks: true}
	l.table(esc)['x'] = &form{size: 3, act: kick, kicks: true}
	l.table(esc)['+'] = &form{size: 2, act: kick, kicks: true}
	l.table(esc)[0x1F] = &form{size: 3, act: stores} // and a name, up to NUL
	for _, b := range []byte{'<', '#'} {
		l.table(esc)[b] = &form{size: 2, act: escapes} // other devices, switches
	}
	l.acts(esc, '=', selects)
	for _, b := range []byte("-0:^") {
		l.table(gs)[b] = &form{size: 2, act: stores}
	}
	l.speaks(Pulse, "&%D1", "&%D2", "&%d1", "&%d2")
	l.speaks(Store, "&%UB", "&%UE", "&%UR", "&%UM", "&%UL", "&%US", "&%UD")
	return l
}

// stores: what follows is kept, or what was kept is run.
func stores(t turn, s, next state) {
	t.finds(Store, s.has(own), 0).to(next)
}
