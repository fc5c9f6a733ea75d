package escpos

// pattern is a sequence of bytes that must not reach a printer: head, followed
// by any one byte of last. Nothing of the context is asked: a printer that
// refuses a picture executes its data, and one that does not know a command
// takes its parameters for text.
type pattern struct{ head, last string }

// machine finds patterns in a stream of bytes, whatever they belong to: an
// automaton whose states are the beginnings of patterns (Aho and Corasick,
// 1975). State 0 is "no pattern has begun". It is never changed once made.
type machine struct {
	next [][256]uint8 // state and byte: the next state
	bad  [][256]bool  // state and byte: the byte completes a pattern
	// first are the bytes that begin a pattern, or are one: in all others a run
	// that begins at state 0 stays there.
	first []byte
	begin [256]bool // the same as a set
	depth []int     // by state: how many bytes of a pattern there are
	reach int       // how many bytes a state depends on at most
	// asking is the state after DLE EOT, 0 where that is the beginning of nothing.
	asking uint8
	// word says of a state that a command in printed text has begun. It goes on
	// behind control codes that do nothing: printers drop them. words: there are
	// such states.
	word  []bool
	words bool
}

func newMachine(list []pattern) *machine {
	states := map[string]uint8{"": 0}
	names := []string{""}
	reach := 0
	for _, p := range list {
		for n := 1; n <= len(p.head); n++ {
			if _, ok := states[p.head[:n]]; !ok {
				states[p.head[:n]] = uint8(len(names))
				names = append(names, p.head[:n])
			}
		}
		reach = max(reach, len(p.head))
	}
	m := &machine{next: make([][256]uint8, len(names)), bad: make([][256]bool, len(names)), reach: reach, asking: states["\x10\x04"]}
	ends := func(s, end string) bool { return len(s) >= len(end) && s[len(s)-len(end):] == end }
	m.word = make([]bool, len(names))
	for i, name := range names {
		m.depth = append(m.depth, len(name))
		for b := range 256 {
			for s := name + string([]byte{byte(b)}); s != ""; s = s[1:] {
				if at, ok := states[s]; ok {
					m.next[i][b] = at
					break
				}
			}
			for _, p := range list {
				if ends(name, p.head) && contains(p.last, byte(b)) {
					m.bad[i][b] = true
				}
			}
		}
	}
	for i, name := range names {
		if name != "" && name[0] >= 0x20 {
			m.word[i], m.words = true, true
			for c := range 0x20 {
				if idle(byte(c)) && m.next[i][c] == 0 {
					m.next[i][c] = uint8(i)
				}
			}
		}
	}
	for b := range 256 {
		if m.next[0][b] != 0 || m.bad[0][b] {
			m.first = append(m.first, byte(b))
			m.begin[b] = true
		}
	}
	return m
}

func contains(set string, b byte) bool {
	for i := range len(set) {
		if set[i] == b {
			return true
		}
	}
	return false
}

// span is all bytes from least to most.
func span(least, most byte) string {
	var b []byte
	for c := int(least); c <= int(most); c++ {
		b = append(b, byte(c))
	}
	return string(b)
}

// find returns where in p, from a state on, a pattern is completed, or -1.
func (m *machine) find(state uint8, p []byte) int {
	for i, b := range p {
		if m.bad[state][b] {
			return i
		}
		state = m.next[state][b]
	}
	return -1
}

// idle reports whether a control code does nothing on printers with commands in
// printed text: it is none for lines, places or styles.
func idle(c byte) bool {
	switch c {
	case ht, lf, vt, ff, cr, so, si, dc2, dc4:
		return false
	}
	return c < 0x20
}

// after is the state after p.
func (m *machine) after(state uint8, p []byte) uint8 {
	idles := 0
	for m.words && idles < len(p) && idle(p[len(p)-1-idles]) {
		idles++
	}
	rest := p[:len(p)-idles]
	if len(rest) > m.reach {
		rest, state = rest[len(rest)-m.reach:], 0
	}
	for _, b := range rest {
		state = m.next[state][b]
	}
	for _, b := range p[len(p)-idles:] {
		state = m.next[state][b]
	}
	return state
}

// mend changes one bit of c so that it completes no pattern, and makes no
// question of it that nobody asked (DLE EOT). Where it can it begins none either.
func (m *machine) mend(state uint8, c byte) byte {
	mended := byte(nul) // never left so: a test tries every state and byte
	for bit := byte(1); bit != 0; bit <<= 1 {
		b := c ^ bit
		asks := b == eot || state != 0 && state == m.asking && b >= 1 && b <= 4
		switch {
		case m.bad[state][b] || asks:
		case m.next[state][b] == 0:
			return b
		case mended == nul:
			mended = b
		}
	}
	return mended
}

// Tail remembers what was sent to a printer last, as far as a pattern may be
// completed by what comes next. It is the second look at what leaves, which does
// not trust the grammar. Make one with [Dialect.NewTail].
type Tail struct {
	d     *Dialect
	state uint8
	last  byte
}

// NewTail begins with a printer that was sent nothing.
func (d *Dialect) NewTail() Tail { return Tail{d: d} }

// Safe reports whether p, a whole segment's bytes or bytes of our own, may
// follow what was sent before.
func (t *Tail) Safe(p []byte) bool {
	if t.d.exempt(p) {
		return !t.d.sent.bad[t.state][p[0]]
	}
	return t.d.sent.find(t.state, p) < 0
}

// Sent takes down what was sent.
func (t *Tail) Sent(p []byte) {
	if len(p) == 0 {
		return
	}
	t.state, t.last = t.d.sent.after(t.state, p), p[len(p)-1]
}

// Last is the last look at a segment before it is sent: it knows the bytes and
// nothing of the grammar but whether they are text or dots. Where a pattern would
// be completed a NUL (or a space) goes before its last byte in text, and one dot of it is
// changed in a picture, so that no payload changes its length; anything else is
// not to be sent at all, and ok is false. The filter leaves nothing to do here: if
// bytes come back other than they were, it has a defect.
func (t *Tail) Last(kind Kind, p []byte) (b []byte, ok bool) {
	if t.Safe(p) {
		return p, true
	}
	m, state := t.d.sent, t.state
	for _, c := range p {
		if m.bad[state][c] {
			switch kind {
			case Text:
				between := t.d.between(state)
				if m.bad[state][between] {
					return nil, false
				}
				b, state = append(b, between), m.next[state][between]
			case Image:
				c = m.mend(state, c)
			}
			if m.bad[state][c] {
				return nil, false
			}
		}
		b, state = append(b, c), m.next[state][c]
	}
	return b, true
}

// Break is what to send at ground state before bytes that must not be taken
// for the rest of something, where the last bytes could begin a command or a
// character of several bytes under another reading: as many NULs as such a
// character may still want (three in UTF-8), else nothing. Printers drop NULs
// between commands.
func (t *Tail) Break() []byte {
	switch {
	case t.last >= 0x80:
		return []byte{nul, nul, nul}
	case t.d.begins(t.last), t.state != 0 && !t.d.sent.bad[t.state][nul]:
		return []byte{nul}
	}
	return nil
}
