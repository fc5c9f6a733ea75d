package escpos

// Pictures are the one payload that is not held back: they pass in pieces, and
// a byte that would complete a pattern is changed by one dot.

// The widest and highest picture that is let through, in bytes and dots.
const (
	maxRasterWidth  = 128
	maxRasterHeight = 4095
	// dotsPerLine is how many rows of dots count as a line of print.
	dotsPerLine = 24
)

// pictureHead has what comes before a picture's data in hold.
func (f *Filter) pictureHead(n int) {
	h, c := f.hold, f.cmd
	left := n - len(h)
	why := ""
	switch {
	case !c.ok(h):
		why = whyRange
	case !f.widen(h):
		why = whyPattern
	}
	if why != "" {
		switch {
		case n > maxSkip:
			f.cutShort(2)
		case n == len(h):
			f.refuse(h, why)
		default:
			f.skip, f.state = n-len(h), skipping
		}
		return
	}
	f.state, f.left = picture, left
	s := Segment{Kind: Image, Name: c.name, Offset: f.start, In: len(h), Bytes: h, Last: f.left == 0}
	if f.longer > 0 {
		s.Mended, s.Why = true, whyLonger
	}
	if c.lines != nil {
		s.Lines = c.lines(h)
	}
	if f.rows += c.rows; f.rows >= dotsPerLine {
		s.Lines, f.rows = 1, 0
	}
	f.send(s)
	if f.left == 0 {
		f.state = ground
	}
}

// widen makes the rows of a picture longer, where their length is a pattern by
// itself, to the next length that is none. It reports whether the head may leave.
func (f *Filter) widen(h []byte) bool {
	f.longer = 0
	if at := f.cmd.width; at > 0 && word(h[at], h[at+1]) > 0 {
		f.row = word(h[at], h[at+1])
		f.inRow = f.row
		for f.d.sent.bad[0][h[at]] && h[at] < 0xFF {
			h[at]++
			f.longer++
		}
	}
	return f.d.sent.find(0, h) < 0
}

// pictureData forwards the next bytes of a picture.
func (f *Filter) pictureData(p []byte) {
	for len(p) > 0 {
		n := len(p)
		if f.longer > 0 {
			n = min(n, f.inRow)
		}
		f.left -= n
		f.pixels(p[:n], f.left == 0 && f.longer == 0)
		f.pos += int64(n)
		p = p[n:]
		f.white(n)
	}
	f.passed()
	if f.left == 0 {
		f.state = ground
	}
}

// white ends a row that is longer than it came, if n more bytes have ended it.
func (f *Filter) white(n int) {
	if f.longer == 0 {
		return
	}
	if f.inRow -= n; f.inRow > 0 {
		return
	}
	f.inRow = f.row
	f.forward(Segment{
		Kind: Image, Name: f.cmd.name, Offset: f.start, Bytes: zero[:f.longer], Mended: true, Why: whyLonger, Last: f.left == 0,
	})
}

// passed crosses out the real-time commands inside of a picture up to here:
// questions have left as they came, all else was mended.
func (f *Filter) passed() {
	for len(f.owed) > 0 && f.owed[0].end <= f.pos {
		f.owed = append(f.owed[:0], f.owed[1:]...)
	}
	f.leaving, f.owedTo = Realtime{}, f.pos
}

// pixels forwards a piece of a picture.
func (f *Filter) pixels(p []byte, last bool) {
	m := f.d.inside
	state := f.tail.state // the same beginnings of patterns have the same number in both
	from, i := 0, 0
	for i < len(p) {
		if state == 0 {
			if i = f.d.begin.from(p, i); i == len(p) {
				break
			}
		}
		b := p[i]
		if m.bad[state][b] {
			f.piece(p[from:i], false, false)
			f.mended[0] = m.mend(state, b)
			state = m.next[state][f.mended[0]]
			i++
			f.piece(f.mended[:], true, last && i == len(p))
			from = i
			continue
		}
		state = m.next[state][b]
		i++
	}
	f.piece(p[from:], false, last)
}

func (f *Filter) piece(p []byte, mended, last bool) {
	if len(p) == 0 {
		return
	}
	f.out = Segment{Kind: Image, Name: f.cmd.name, Offset: f.start, In: len(p), Bytes: p, Last: last}
	if mended {
		f.out.Mended, f.out.Why = true, whyPixel
	}
	f.tail.Sent(p)
	f.emit(&f.out)
}

// blank fills the rest of a picture that broke off.
func (f *Filter) blank() {
	m := f.d.inside
	for f.left > 0 {
		n := min(f.left, len(zero))
		if f.longer > 0 {
			n = min(n, f.inRow)
		}
		s := Segment{Kind: Image, Name: f.cmd.name, Offset: f.start, Mended: true, Why: whyBlank}
		s.Bytes = zero[:n]
		if m.bad[f.tail.state][nul] {
			f.mended[0] = m.mend(f.tail.state, nul)
			s.Bytes = f.mended[:]
		}
		f.left -= len(s.Bytes)
		s.Last = f.left == 0 && f.longer == 0
		f.forward(s)
		f.white(len(s.Bytes))
	}
	f.state = ground
	f.passed()
}
