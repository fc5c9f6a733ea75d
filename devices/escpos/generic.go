package escpos

import "slices"

// A printer of which nothing is known, but that it prints text and reads the
// commonest commands of ESC/POS.

// genericPatterns are all that opens a drawer, or leads to it, on any printer
// that is known: those of Epson's clones, and those of Star, Citizen and Ithaca,
// their single bytes and text commands included.
var genericPatterns = slices.Concat(without(kickPatterns, "\x1C", "\x10\x04"), citizenPatterns, ithacaPatterns)

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

// singleKicks are the bytes that open a drawer alone on some printer, but FS,
// with which commands begin on others.
func singleKicks(m *mode) {
	for _, c := range []byte{bel, bs, em, sub} {
		m.role[c], m.drawer[c] = kicking, 1
	}
}

func generic() *Dialect {
	all, m := epsonMode(), newMode()
	singleKicks(m)
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
	// Other printers' drawers, so that they are seen.
	e := m.lead(esc)
	e['x'] = &command{name: "ESC x", kind: Kick, head: 3, length: func([]byte) int { return 3 }, kick: ithacaDrawer}
	e[bel] = never(no("ESC BEL", 4))
	m.lead(gs)['('] = family("GS (", map[byte]*command{'k': all.table[gs]['('].sub['k']})
	// FS opens a drawer on a Star and begins a command elsewhere: none leaves, and
	// what belongs to one is not printed.
	m.role[fs], m.table[fs] = leading, all.table[fs]
	machine := newMachine(genericPatterns)
	return &Dialect{
		name: "generic",
		about: "Any printer: text, lines, the commonest styles, pictures as rows of dots, bar codes and cuts of ESC/POS. All bytes that open a drawer on any printer that is known are held back. " +
			"Its state is not asked for.",
		uncertain: "what the printer does with the commands that are let through, and whether it has a drawer's code that nobody knows of",
		modes:     []*mode{m}, sent: machine, inside: machine, begin: newPairs(machine),
		exempted: []string{"\x1B=\x01"},
	}
}
