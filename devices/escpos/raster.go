package escpos

import "bytes"

// Pictures are the one payload that is not held back: they pass in pieces, and
// a byte that would complete a pattern is changed by one pixel.

// The widest and highest picture that all models take, in bytes and dots.
const (
	maxRasterWidth  = 128
	maxRasterHeight = 2047
	// dotsPerLine is how many rows of dots count as a line of print.
	dotsPerLine = 24
)

func rasterLength(h []byte) int {
	switch {
	case h[2] != '0':
		return 2
	case len(h) < 8:
		return -8
	}
	return 8 + word(h[4], h[5])*word(h[6], h[7])
}

func rasterOK(h []byte) bool {
	x, y := word(h[4], h[5]), word(h[6], h[7])
	return isDigit(h[3], 3) && x >= 1 && x <= maxRasterWidth && y >= 1 && y <= maxRasterHeight
}

// suspects are the bytes that patterns begin with.
var suspects = [...]byte{dle, esc, fs, gs}

// suspect finds suspects in a piece of a picture. Each is looked for once.
type suspect struct {
	p    []byte
	next [len(suspects)]int
}

func (s *suspect) reset(p []byte) {
	s.p = p
	for i := range s.next {
		s.next[i] = -1
	}
}

// from returns where the first suspect at or after i is, or len(p).
func (s *suspect) from(i int) int {
	first := len(s.p)
	for k, at := range s.next {
		if at < i {
			at = len(s.p)
			if j := bytes.IndexByte(s.p[i:], suspects[k]); j >= 0 {
				at = i + j
			}
			s.next[k] = at
		}
		first = min(first, at)
	}
	return first
}

// pictureHead has the eight bytes before a picture's data in hold.
func (f *Filter) pictureHead(n int) {
	h := f.hold
	if !f.cmd.ok(h) || anyOf(h, forbidden) {
		if n > maxSkip {
			f.cutShort(2)
			return
		}
		if f.skip = n - len(h); f.skip == 0 {
			f.refuse(h, whyRange)
			return
		}
		f.state = skipping
		return
	}
	f.state, f.left = picture, n-len(h)
	f.send(Segment{
		Kind: Image, Name: f.cmd.name, Offset: f.start, In: len(h), Bytes: h,
		Lines: (word(h[6], h[7]) + dotsPerLine - 1) / dotsPerLine,
	})
}

// pixels forwards a piece of a picture.
func (f *Filter) pixels(p []byte, last bool) {
	f.find.reset(p)
	for from, i := 0, 0; from < len(p); {
		// i is the next byte to look at, a suspect's followers come first.
		a, b := f.tail.a, f.tail.b
		if n := i - from; n == 1 {
			a, b = b, p[i-1]
		} else if n > 1 {
			a, b = p[i-2], p[i-1]
		}
		if i < len(p) && unfit(a, b, p[i]) {
			f.piece(p[from:i], false, false)
			f.mended[0] = mend(a, b, p[i])
			f.piece(f.mended[:], true, last && i == len(p)-1)
			i++
			from = i
			continue
		}
		switch {
		case i == len(p):
			f.piece(p[from:], false, last)
			from = i
		case follows(a, b, p[i]):
			i++
		default:
			i = min(f.find.from(i+1), len(p)-1) + 1
		}
	}
}

// follows reports whether a pattern may end soon after c.
func follows(a, b, c byte) bool {
	return suspicious(b) || suspicious(c)
}

func suspicious(c byte) bool { return c == dle || c == esc || c == fs || c == gs }

func (f *Filter) piece(p []byte, mended, last bool) {
	if len(p) == 0 {
		return
	}
	s := Segment{Kind: Image, Name: "GS v 0", Offset: f.start, In: len(p), Bytes: p, Last: last}
	if mended {
		s.Mended, s.Why = true, whyPixel
	}
	f.forward(s)
}

// blank fills the rest of a picture that broke off.
func (f *Filter) blank() {
	for f.left > 0 {
		s := Segment{Kind: Image, Name: "GS v 0", Offset: f.start, Mended: true, Why: whyBlank}
		s.Bytes = zero[:min(f.left, len(zero))]
		if unfit(f.tail.a, f.tail.b, nul) {
			f.mended[0] = mend(f.tail.a, f.tail.b, nul)
			s.Bytes = f.mended[:]
		}
		f.left -= len(s.Bytes)
		s.Last = f.left == 0
		f.forward(s)
	}
	f.state = ground
	f.owedTo = f.pos
}
