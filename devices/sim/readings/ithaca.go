package readings

// Ithaca is what TransAct's printers speak: ESC x, commands in printed text
// (IPCL), and in the Series 50 BS and BEL. As one byte opens a drawer there,
// commands are exact.
func Ithaca() *Language {
	l := Epson()
	l.name, l.never, l.realtime = "ithaca", exactly, false
	l.singles[0x07], l.singles[0x08] = single{pin: 2}, single{pin: 1}
	l.table(0x1B)['+'] = &form{size: 2, act: func(t turn, s, next state) { t.finds(Pulse, s.has(own), 1).to(next) }}
	l.table(0x1B)[0x1F] = &form{size: 3, act: func(t turn, s, next state) { t.finds(Store, s.has(own), 0).to(next) }}
	l.table(0x1B)['<'] = &form{size: 2, act: escapes} // passes what follows on
	l.speaks(Pulse, "&%D1", "&%D2")
	l.speaks(Store, "&%UB", "&%UE", "&%UR", "&%UM", "&%UL", "&%US", "&%UD")
	return l
}
