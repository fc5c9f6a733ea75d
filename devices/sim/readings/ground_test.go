package readings_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tillwarden/devices/sim/readings"
)

// TestOwnBytesGoOutAtGround: whatever a POS writes, and wherever it stops, once
// it has stalled the daemon's pulse opens the drawer of a printer that reads by
// its manual, once, and what is printed next is printed whole. So no POS can keep
// a manager from opening the drawer. (Where a lead byte takes any byte with it, the
// first of a command too, a printer can be kept from it by half a character.)
func TestOwnBytesGoOutAtGround(t *testing.T) {
	for _, f := range families {
		t.Run(f.dialect, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				l := newLine(t, f)
				pulses := 0
				for range rapid.IntRange(1, 5).Draw(t, "pieces") {
					l.feed(rapid.OneOf(pieces(), f.honest()).Draw(t, "piece"))
					if rapid.Bool().Draw(t, "stalls") {
						l.idle()
						if !l.filter.Ground() {
							t.Fatalf("not at ground after a stall\n in % X", l.in)
						}
						l.sends(l.pulse)
						pulses++
					}
				}
				l.idle()
				l.sends(l.pulse)
				l.feed([]byte("\nMilk 1.20\n"))
				for _, reading := range []readings.Reading{0, readings.KanjiChecked, readings.Keeps, readings.LowBit} {
					p := readings.Print(f.languages[0](), reading, l.out)
					if p.Pulses != pulses+1 {
						t.Fatalf("a printer that %s: %d pulses were sent, %d opened a drawer\n in % X\nout % X", reading, pulses+1, p.Pulses, l.in, l.out)
					}
					if !strings.HasSuffix(p.Text(), "\nMilk 1.20\n") || !p.Ground {
						t.Fatalf("a printer that %s: printed %q\n in % X\nout % X", reading, p.Text(), l.in, l.out)
					}
				}
			})
		})
	}
}
