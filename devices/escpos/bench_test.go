package escpos

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

const benchSize = 1 << 20

// streams are the kinds of jobs that differ in what they cost.
func streams() map[string][]byte {
	r := rand.New(rand.NewPCG(3, 4))
	var text, dense []byte
	for len(text) < benchSize {
		text = append(text, 0x1B, 'E', byte(len(text)&1))
		for range 24 {
			text = append(text, "Oranges, loose, 1.204 kg            3.59\n"...)
		}
	}
	for len(dense) < benchSize {
		dense = append(dense, 0x1B, 'a', 1, 0x1B, '!', 0x10)
		dense = append(dense, "Oranges  3.59\n"...)
	}
	// A receipt that is printed as a picture: lines of characters, white between
	// them. And a photograph, as noise: the dots that are the hardest to look through.
	strokes := []byte{0x00, 0x00, 0x00, 0x18, 0x3C, 0x66, 0x7E, 0x60, 0x06, 0x0C, 0x30, 0x1C, 0x10, 0x7C, 0xC0, 0xFF}
	var pictures, noise []byte
	for len(pictures) < benchSize {
		data := make([]byte, 72*1000)
		for y := range 1000 {
			if y%30 < 24 {
				for x := 4; x < 52; x++ {
					data[y*72+x] = strokes[r.IntN(len(strokes))]
				}
			}
		}
		pictures = append(pictures, raster(72, 1000, data)...)
		photo := make([]byte, 72*1000)
		for i := range photo {
			if i/72%8 < 5 {
				photo[i] = byte(r.Uint32())
			}
		}
		noise = append(noise, raster(72, 1000, photo)...)
	}
	return map[string][]byte{"text": text, "dense": dense, "raster": pictures, "noise": noise}
}

// BenchmarkFilter is beside its floors, measured in turns: a copy of the same
// bytes (x-memcpy), and a copy that stops at each ESC and DLE (x-scan). Each is the
// median of its turns, so that one in which the machine did something else does not
// count.
func BenchmarkFilter(b *testing.B) {
	for name, in := range streams() {
		b.Run(name, func(b *testing.B) {
			to := make([]byte, 0, 2*len(in))
			f := NewFilter(epsonDialect)
			emit := func(s *Segment) { to = append(to, s.Bytes...) }
			filter, scanned, copied := newTurns(), newTurns(), newTurns()
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				copied.time(func() { to = append(to[:0], in...) })
				scanned.time(func() { to = scan(to[:0], in) })
				filter.time(func() { to = to[:0]; f.Feed(in, emit) })
			}
			b.ReportMetric(filter.median()/copied.median(), "x-memcpy")
			b.ReportMetric(filter.median()/scanned.median(), "x-scan")
		})
	}
}

// turns are how long one of several things took that are measured in turns.
type turns struct{ durations []time.Duration }

// newTurns has room for as many as a benchmark has in a few seconds.
func newTurns() *turns { return &turns{make([]time.Duration, 0, 1<<17)} }

func (t *turns) time(work func()) {
	start := time.Now()
	work()
	if took := time.Since(start); len(t.durations) < cap(t.durations) {
		t.durations = append(t.durations, took)
	}
}

func (t *turns) median() float64 {
	slices.Sort(t.durations)
	return float64(t.durations[len(t.durations)/2])
}

// scan copies in, stopping where a filter has to look.
func scan(to, in []byte) []byte {
	e, d := -1, -1
	for from := 0; from < len(in); {
		if e < from {
			e = next(in, from, esc)
		}
		if d < from {
			d = next(in, from, dle)
		}
		end := min(e, d, len(in)-1) + 1
		to = append(to, in[from:end]...)
		from = end
	}
	return to
}

func next(p []byte, from int, c byte) int {
	if i := bytes.IndexByte(p[from:], c); i >= 0 {
		return from + i
	}
	return len(p)
}
