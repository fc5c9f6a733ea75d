package escpos

import "slices"

// genericPatterns are all that opens a drawer, or leads to it, on any printer
// that is known: those of Epson's clones, and those of Star, Citizen and Ithaca,
// their single bytes and text commands included.
var genericPatterns = slices.Concat(without(kickPatterns, "\x1C", "\x10\x04"), starPatterns, ithacaPatterns)

// without leaves out the patterns with these heads.
func without(list []pattern, heads ...string) []pattern {
	var left []pattern
	for _, p := range list {
		skip := false
		for _, h := range heads {
			skip = skip || p.head == h
		}
		if !skip {
			left = append(left, p)
		}
	}
	return left
}

// generic is for a printer of which nothing is known but that it prints text,
// and reads the commonest commands of ESC/POS.
func generic() *Dialect {
	return commonest("generic", "Any printer: text, lines, the commonest styles, pictures as rows of dots, bar codes and cuts of ESC/POS. All bytes that open a drawer on any printer that is known are held back. "+
		"Its state is not asked for.",
		"what the printer does with the commands that are let through, and whether it has a drawer's code that nobody knows of")
}

// sureMark is for IBM's and Toshiba's SureMark, which read these commands like
// Epson's; their macros (GS : n … GS :, GS ^ n) are kept in flash.
func sureMark() *Dialect {
	d := commonest("suremark", "IBM and Toshiba SureMark (4610): text, lines, the commonest styles, rows of dots, bar codes and cuts. "+
		"Macros, which these printers keep in flash with ESC p in them, are never stored or run.",
		"the printer's own commands could not all be read from its programming guide: what it does not share with ESC/POS is refused")
	g := d.modes[0].table[gs]
	g[':'] = never(no("GS :", 3)) // with the message's number
	g['^'] = never(no("GS ^", 3))
	return d
}

// commonest is the commonest part of ESC/POS.
func commonest(name, about, uncertain string) *Dialect {
	all, m := epsonMode(), newMode()
	for _, c := range []byte{bel, bs, em, sub} {
		m.role[c], m.drawer[c] = kicking, 1
	}
	textDrawers(m)
	for lead, names := range map[byte]string{
		esc: "@!-23 EGJMRVadimprt{=v",
		gs:  "!BHLVWfhkvw:^",
	} {
		to, from := m.lead(lead), all.table[lead]
		for i := range len(names) {
			to[names[i]] = from[names[i]]
		}
	}
	m.lead(gs)['('] = family("GS (", map[byte]*command{'k': all.table[gs]['('].sub['k']})
	// FS opens a drawer on a Star and begins a command elsewhere: none leaves, and
	// what belongs to one is not printed.
	m.role[fs], m.table[fs] = leading, all.table[fs]
	machine := newMachine(genericPatterns)
	return &Dialect{
		name: name, about: about, uncertain: uncertain, modes: []*mode{m}, sent: machine, inside: machine, begin: newPairs(machine),
		exempted: []string{"\x1B=\x01"},
	}
}
