package escpos

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// Receipts are long runs of text, and pictures long runs of dots, in which
// there is nothing to decide. What passes over them is written twice: here in Go,
// which says what is meant, and in scan_amd64.s for processors with AVX2, 32 bytes
// at a time, and with AVX-512, 64. A test holds them together on all kinds of bytes.

// Bits of each byte of a word.
const (
	eachTop  = 0x8080808080808080
	eachOne  = 0x0101010101010101
	eachRest = 0x7F7F7F7F7F7F7F7F
)

// plain is how many of p's first bytes are 0x20 or above, or LF, and how many
// of these are LF. Of the last seven bytes it may leave some out.
func plain(p []byte) (n, lines int) {
	if wide {
		if n, lines = plainWide(p); n < len(p)&^31 {
			return n, lines
		}
	}
	more, feeds := plainNarrow(p[n:])
	return n + more, lines + feeds
}

func plainNarrow(p []byte) (n, lines int) {
	for len(p)-n >= 8 {
		w := binary.LittleEndian.Uint64(p[n:])
		// The top bit of each byte that is below 0x20. No byte borrows from the
		// next: each has its top bit set first.
		low := ^((w | eachTop) - 0x20*eachOne) &^ w & eachTop
		// The top bit of each byte that is LF: exactly those, as no byte of the
		// sum carries into the next.
		x := w ^ lf*eachOne
		feed := ^((x&eachRest + eachRest) | x) & eachTop
		if other := low &^ feed; other != 0 {
			k := bits.TrailingZeros64(other) &^ 7
			return n + k>>3, lines + bits.OnesCount64(feed&(1<<k-1))
		}
		lines += bits.OnesCount64(feed)
		n += 8
	}
	return n, lines
}

// pairs finds where a pattern may begin: one of its first bytes, followed by
// one of its second ones.
type pairs struct {
	first  []byte
	begins [256]bool // the first bytes as a set
	second [256]bool // every byte where a first one is a pattern by itself
	// classes are the same by a byte's lower and upper four bits: a byte belongs
	// to what both tables say. Bit 7 is the first bytes, the others are the second
	// ones. They may hold more bytes than there are: what is found is looked at.
	classes [2][16]byte
	// slots are the same by a byte's slot: bit 7 is the first bytes, bit 0 the
	// second ones.
	slots [128]byte
}

// slot is a byte's place in a table of half as many: 0x02 to 0x80 have their own,
// as ESC 80h t is a pattern in some dialects; the others share one.
func slot(c byte) byte { return min(c-1, 0x80) & 0x7F }

func newPairs(m *machine) *pairs {
	var second [256]bool
	for _, b := range m.first {
		next := m.next[0][b]
		for c := range 256 {
			if m.bad[0][b] || m.bad[next][c] || m.depth[m.next[next][c]] > 1 {
				second[c] = true
			}
		}
	}
	return pairsOf(m.first, second)
}

// pairsOf finds one of the first bytes followed by one of the second ones.
func pairsOf(first []byte, second [256]bool) *pairs {
	s := &pairs{first: first, second: second}
	for _, b := range first {
		s.begins[b] = true
	}
	// One bit for each upper half that second bytes have, as far as bits go: then
	// halves share one, in pairs that take the fewest other bytes in, and white
	// and black, which pictures are full of, least of all.
	var lows [16]uint16 // the lower halves, by the upper one
	for c, is := range s.second {
		if is {
			lows[c>>4] |= 1 << (c & 15)
		}
	}
	var groups []group
	for high, low := range lows {
		if low != 0 {
			groups = append(groups, group{1 << high, low})
		}
	}
	for len(groups) > 7 {
		best, x, y := 1<<30, 0, 0
		for i := range groups {
			for j := range i {
				if cost := groups[i].with(groups[j]).size() - groups[i].size() - groups[j].size(); cost < best {
					best, x, y = cost, i, j
				}
			}
		}
		groups[y] = groups[y].with(groups[x])
		groups = append(groups[:x], groups[x+1:]...)
	}
	for i, g := range groups {
		for n := range 16 {
			if g.lows>>n&1 != 0 {
				s.classes[0][n] |= 1 << i
			}
			if g.highs>>n&1 != 0 {
				s.classes[1][n] |= 1 << i
			}
		}
	}
	for c, is := range s.begins {
		if is {
			s.classes[0][c&15] |= 0x80
			s.classes[1][c>>4] |= 0x80
			s.slots[slot(byte(c))] |= 0x80
		}
		if s.second[c] {
			s.slots[slot(byte(c))] |= 1
		}
	}
	return s
}

// group is a set of bytes: all with one of these upper and one of these lower
// halves.
type group struct{ highs, lows uint16 }

func (g group) with(o group) group { return group{g.highs | o.highs, g.lows | o.lows} }

// size is how many bytes it has; white and black count more.
func (g group) size() int {
	n := bits.OnesCount16(g.highs) * bits.OnesCount16(g.lows)
	for _, c := range []int{0x00, 0xFF} {
		if g.highs>>(c>>4)&1 != 0 && g.lows>>(c&15)&1 != 0 {
			n += 1000
		}
	}
	return n
}

// from returns the first place at or after i where a pattern may begin, or where
// p ends; p's last byte is such a place if a pattern may begin with it.
func (s *pairs) from(p []byte, i int) int {
	if i >= len(p) {
		return len(p)
	}
	found := false
	if widest {
		if i, found = s.in64(p, i); found {
			return i
		}
	}
	if wide {
		if i, found = s.in32(p, i); found {
			return i
		}
	}
	return s.narrow(p, i)
}

// in64 is from, as far as there are blocks of 64 bytes: it returns where it has
// found one, or up to where there is none.
func (s *pairs) in64(p []byte, i int) (int, bool) {
	for len(p)-i >= 64 {
		if i += pairsWidest(p[i:], &s.slots); len(p)-i < 64 {
			break
		}
		if s.at(p, i) {
			return i, true
		}
		i++
	}
	return i, false
}

// in32 is the same with blocks of 32 bytes.
func (s *pairs) in32(p []byte, i int) (int, bool) {
	for {
		if i += pairsWide(p[i:], &s.classes); len(p)-i < 32 {
			break
		}
		if s.at(p, i) {
			return i, true
		}
		i++
	}
	// What is left is less than a block: the last whole one is looked at once
	// more, most of it for the second time.
	if last := len(p) - 32; last >= 0 && i < len(p) {
		k := last + pairsWide(p[last:], &s.classes)
		if k == len(p) || k >= i && s.at(p, k) {
			return k, true
		}
	}
	return i, false
}

func (s *pairs) narrow(p []byte, i int) int {
	for i < len(p) {
		k := len(p)
		for _, b := range s.first {
			if j := bytes.IndexByte(p[i:k], b); j >= 0 {
				k = i + j
			}
		}
		if k == len(p) || s.at(p, k) {
			return k
		}
		i = k + 1
	}
	return i
}

func (s *pairs) at(p []byte, i int) bool {
	return s.begins[p[i]] && (i+1 == len(p) || s.second[p[i+1]])
}
