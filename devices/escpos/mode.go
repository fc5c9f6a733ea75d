package escpos

import "fmt"

// role is what a byte is at ground state.
type role uint8

const (
	dropped role = iota // a control code of no use here: not forwarded
	printed             // text, or what moves within it: LF, CR, HT
	control             // a control code that is forwarded by itself
	kicking             // it opens a drawer, alone
	leading             // a command begins with it
)

// mode is what bytes are at ground state. Most printers have one; a few speak
// another language until they are told to go back.
type mode struct {
	role  [256]role
	table [256]*[256]*command // of the leading bytes, by the second one
	// asks says of a control code that the printer answers it.
	asks [256]bool
	// drawer is which one a kicking byte is for.
	drawer [256]int
	// literal is a leading byte that is text where no command follows it, as the
	// & of &%D1; 0: there is none.
	literal byte
	// end is what ends a mode that is not the first.
	end []byte
}

// newMode begins with text, and control codes dropped.
func newMode() *mode {
	m := &mode{}
	for c := range 256 {
		if c >= 0x20 {
			m.role[c] = printed
		}
	}
	for _, c := range []byte{lf, cr, ht} {
		m.role[c] = printed
	}
	m.role[nul] = control
	return m
}

// lead gives the table of an introducer, made if there is none yet.
func (m *mode) lead(c byte) *[256]*command {
	if m.table[c] == nil {
		m.role[c], m.table[c] = leading, &[256]*command{}
	}
	return m.table[c]
}

// each calls f with every command.
func (m *mode) each(f func(*command)) {
	for _, t := range m.table {
		if t == nil {
			continue
		}
		for _, c := range t {
			if c == nil {
				continue
			}
			f(c)
			for _, s := range c.sub {
				f(s)
			}
		}
	}
}

// clone copies what Allow changes.
func (m *mode) clone() *mode {
	made := *m
	for i, t := range m.table {
		if t == nil {
			continue
		}
		copied := *t
		for k, c := range copied {
			if c == nil {
				continue
			}
			one := *c
			if c.sub != nil {
				one.sub = map[byte]*command{}
				for b, s := range c.sub {
					sub := *s
					one.sub[b] = &sub
				}
			}
			copied[k] = &one
		}
		made.table[i] = &copied
	}
	return &made
}

// allow lets the refused command of this name through.
func (m *mode) allow(name string) (found bool, err error) {
	m.each(func(c *command) {
		switch {
		case c.name != name:
		case c.allowable():
			c.kind, c.ok, found = Layout, always, true
		case c.ok == nil || c.kind == Kick:
			err = fmt.Errorf("%w: %s is never let through", ErrDialect, name)
		default:
			found = true // it is let through already
		}
	})
	return found, err
}

// run is how many of p's first bytes are printed text, and how many line feeds
// there are among them.
func (m *mode) run(p []byte) (n, lines int) {
	for {
		k, l := plain(p[n:])
		n, lines = n+k, lines+l
		// What is left is less than eight bytes, or begins with a control code.
		for end := min(n+8, len(p)); ; n++ {
			if n == len(p) || m.role[p[n]] != printed {
				return n, lines
			}
			if n == end {
				break
			}
			if p[n] == lf {
				lines++
			}
		}
	}
}
