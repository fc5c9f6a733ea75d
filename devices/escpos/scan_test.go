package escpos

import (
	"testing"

	"pgregory.net/rapid"
)

// TestPlainPassesOverTextAlone: the fast readers of text stop at the same byte
// as one that looks at each, and count the same line feeds.
func TestPlainPassesOverTextAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := dull(t, []byte("\n\nabc \x7F\x80\xFF\x1F"))
		want, lines := 0, 0
		for want < len(p) && (p[want] >= 0x20 || p[want] == lf) {
			if p[want] == lf {
				lines++
			}
			want++
		}
		for name, f := range map[string]func([]byte) (int, int){"plain": plain, "plainNarrow": plainNarrow} {
			n, l := f(p)
			for len(p)-n < 8 && n < want {
				if p[n] == lf {
					l++
				}
				n++
			}
			if n != want || l != lines {
				t.Fatalf("%s: %d bytes with %d LF, want %d with %d: % X", name, n, l, want, lines, p)
			}
		}
		m := newMode()
		for want < len(p) && m.role[p[want]] == printed {
			if p[want] == lf {
				lines++
			}
			want++
		}
		if n, l := m.run(p); n != want || l != lines {
			t.Fatalf("run: %d bytes with %d LF, want %d with %d: % X", n, l, want, lines, p)
		}
	})
}

// TestPairsAreFound: where a pattern may begin is found wherever it stands.
func TestPairsAreFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom(dialects).Draw(t, "dialect").begin
		p := dull(t, append([]byte{0, 0, 0xFF, 0x10, 0x14, 0x04, 0x1B, 'p', 0x80, 0x1D, '(', ':', 0x1C, 'q', 0x07}, s.first...))
		i := rapid.IntRange(0, len(p)).Draw(t, "from")
		want := i
		for want < len(p) && !(s.begins[p[want]] && (want+1 == len(p) || s.second[p[want+1]])) {
			want++
		}
		if got := s.from(p, i); got != want {
			t.Fatalf("from %d: %d, want %d: % X", i, got, want, p)
		}
		if got := s.narrow(p, i); got != want {
			t.Fatalf("narrow from %d: %d, want %d: % X", i, got, want, p)
		}
		for name, f := range map[string]func([]byte, int) (int, bool){"in64": s.in64, "in32": s.in32} {
			if name == "in64" && !widest || name == "in32" && !wide || i == len(p) {
				continue
			}
			if got, found := f(p, i); got > want || found && got != want {
				t.Fatalf("%s from %d: %d (%v), want %d: % X", name, i, got, found, want, p)
			}
		}
	})
}

// dull is mostly the same byte, of all lengths, with some others in it.
func dull(t *rapid.T, others []byte) []byte {
	p := make([]byte, rapid.IntRange(0, 300).Draw(t, "length"))
	for i := range p {
		p[i] = 'x'
	}
	for range rapid.IntRange(0, 6).Draw(t, "others") {
		if len(p) > 0 {
			p[rapid.IntRange(0, len(p)-1).Draw(t, "at")] = rapid.SampledFrom(others).Draw(t, "byte")
		}
	}
	return p
}
