package escpos

// Citizen's printers in CBM mode (iDP-3420, 3540, 3550; CD-S500 in that mode),
// whose commands are akin to those of Star's dot printers. After their user's
// manuals, of which some pages could be read. Where the models differ (FF has a
// parameter on the iDP-3540) or Star differs (ESC / and ESC P) it is refused.

// citizenPatterns are Star's, and:
//
//	1B 2F, 1B 13  ESC /, ESC DC3: keep a line of up to 50 bytes, with what the
//	              daemon sends meanwhile, and print it (iDP-3550, p. 58 and 88)
var citizenPatterns = append([]pattern{{"\x1B", "/\x13"}}, starPatterns...)

func citizenCBM() *Dialect {
	m := newMode()
	starCommon(m)
	for _, c := range []byte{so, si, dc2, dc4} {
		m.role[c] = control
	}
	// Questions of Star's that these printers were not found to know.
	for _, c := range []byte{enq, eot} {
		m.role[c], m.asks[c] = dropped, false
	}
	e := m.lead(esc)
	e[ack], e[rs], e[gs] = nil, nil, nil
	for _, c := range []byte{'2', 'E', 'F', '4', '5'} {
		e[c] = fixed("ESC "+show(c), 2, always)
	}
	for _, c := range []byte{'-', '3', 'A', 'C', 'N', 'R', 'W', 'h'} {
		e[c] = fixed("ESC "+show(c), 3, always)
	}
	e['C'] = fixed("ESC C", 3, upTo(1, 127))
	e['N'] = moving(someLines, fixed("ESC N", 3, upTo(1, 127))) // feeds, on the iDP-3540
	e['J'] = moving(oneLine, fixed("ESC J", 3, always))
	e['a'] = moving(someLines, fixed("ESC a", 3, always))
	e['d'] = of(Cut, fixed("ESC d", 3, digit(3)))
	e['%'] = fixed("ESC %", 3, digit(1))
	e['K'], e['L'] = starColumn("ESC K", 1), starColumn("ESC L", 1)
	e['/'] = never(no("ESC /", 3)) // what was to be kept is printed
	e[0x13] = never(no("ESC DC3", 3))
	e['p'] = never(no("ESC p", 2))

	refuseAll(m, starMode())

	d := star("citizen-cbm", "Citizen printers in CBM mode (iDP-3420, 3540, 3550, CD-S500 in that mode). Lines that the printer keeps are not stored.", citizenPatterns, m)
	d.uncertain = "few pages of the maker's manuals could be read: what is let through are the commands that these printers share with Star's dot printers, by their names; " +
		"whether the printer acts on a drawer's code inside of another command is not documented"
	return d
}
