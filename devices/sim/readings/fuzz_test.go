package readings_test

import "testing"

// FuzzReadings is invariant 3: whatever a POS writes, in whatever pieces, with
// whatever happening between them, no printer of the dialect takes what leaves
// for a kick that nobody granted, nor stops listening, stores, clears or changes
// what it is. how says what happens: each byte is how long the next piece is, and
// what comes after it.
func FuzzReadings(f *testing.F) {
	for i, c := range bad {
		f.Add(uint8(i), []byte(c.stream), []byte{byte(i * 37), byte(i * 11), byte(i * 5)})
	}
	for i, c := range examples {
		var stream, how []byte
		for _, w := range c.writes {
			switch w {
			case "*idle*":
				how[len(how)-1] &= 0xF0
			case "*power*":
				how[len(how)-1] = how[len(how)-1]&0xF0 | 1
			case "*pulse*", "*off*":
			default:
				stream = append(stream, w...)
				how = append(how, byte(len(w)<<4|15))
			}
		}
		f.Add(uint8(i), stream, how)
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
