package readings_test

import "testing"

// script writes an example down as the fuzz target reads it: pieces of up to 16
// bytes, and what comes after them.
func script(writes []string) (stream, how []byte) {
	then := map[string]byte{"*idle*": 0, "*power*": 1, "*pulse*": 3, "*off*": 4}
	for _, w := range writes {
		if n, is := then[w]; is {
			if len(how) > 0 {
				how[len(how)-1] = how[len(how)-1]&0xF0 | n
			}
			continue
		}
		stream = append(stream, w...)
		for rest := len(w); rest > 0; rest -= 16 {
			how = append(how, byte(min(rest, 16)-1)<<4|15)
		}
	}
	return stream, how
}

// FuzzReadings is invariant 3: whatever a POS writes, in whatever pieces, with
// whatever happening between them, no printer of the dialect takes what leaves
// for a kick that nobody granted, nor stops listening, stores, clears or changes
// what it is. how says what happens: each byte is how long the next piece is, and
// what comes after it.
func FuzzReadings(f *testing.F) {
	for i, c := range bad {
		f.Add(uint8(i), []byte(c.stream), []byte{byte(i * 37), byte(i * 11), byte(i * 5)})
	}
	for i, family := range families {
		list := examplesElsewhere[family.dialect]
		if i == 0 {
			list = examples
		}
		for _, c := range list {
			stream, how := script(c.writes)
			f.Add(uint8(i), stream, how)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, stream, how []byte) {
		if len(stream) > 400 {
			return
		}
		l := newLine(t, families[int(which)%len(families)])
		for i, rest := 0, stream; len(rest) > 0; i++ {
			n, then := len(rest), byte(15)
			if len(how) > 0 {
				h := how[i%len(how)]
				n, then = min(1+int(h>>4), n), h&15
			}
			l.feed(rest[:n])
			l.event(then)
			rest = rest[n:]
		}
		l.feed([]byte(job))
		l.idle()
		l.sends(l.pulse)
		l.judge(t)
		if !l.opened() {
			t.Fatalf("the daemon's own pulse opens no printer's drawer\n in % X\nout % X", l.in, l.out)
		}
	})
}
