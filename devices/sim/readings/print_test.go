package readings_test

import (
	"fmt"
	"math/bits"
	"testing"

	"pgregory.net/rapid"

	"tillwarden/devices/escpos"
	"tillwarden/devices/sim/readings"
)

// shown is what people see of a stream: questions are answered, not printed, and
// the daemon may ask them later; and how much white a row of dots ends with does
// not show.
func shown(p readings.Printed) []readings.Effect {
	var list []readings.Effect
	row := false
	for _, e := range p.Effects {
		if e.What != readings.Data && row {
			for list[len(list)-1] == (readings.Effect{What: readings.Data, Bytes: "\x00"}) {
				list = list[:len(list)-1]
			}
			row = false
		}
		if e.What == readings.Command {
			switch e.Bytes[0] {
			case 0x10:
				continue
			case 'b', 'k':
				row = true
				e.Bytes = e.Bytes[:1]
			}
		}
		list = append(list, e)
	}
	return list
}

// printsAlike compares by one printer what came and what went. Dots may differ, as
// many as the segments say.
func printsAlike(l *line, language *readings.Language, reading readings.Reading) error {
	in, out := shown(readings.Print(language, reading, l.in)), shown(readings.Print(language, reading, l.out))
	may := 0
	for _, s := range l.segments {
		if s.Mended && s.Kind != escpos.Status && s.In > 0 {
			may += len(s.Bytes)
		}
	}
	out = l.unparted(out)
	if len(in) != len(out) {
		return fmt.Errorf("%d steps of print came, %d went", len(in), len(out))
	}
	for i := range in {
		if in[i] == out[i] {
			continue
		}
		if in[i].What != readings.Data || out[i].What != readings.Data {
			return fmt.Errorf("step %d: %q came, %q went", i, in[i], out[i])
		}
		if n := bits.OnesCount8(in[i].Bytes[0] ^ out[i].Bytes[0]); n != 1 {
			return fmt.Errorf("step %d: %d dots of a byte differ", i, n)
		}
		if may--; may < 0 {
			return fmt.Errorf("step %d: a dot differs, and no segment says so", i)
		}
	}
	return nil
}

// unparted takes out the spaces that segments say were put between two letters.
func (l *line) unparted(list []readings.Effect) []readings.Effect {
	spaces := 0
	for _, s := range l.segments {
		if s.Mended && s.In == 0 && string(s.Bytes) == " " {
			spaces++
		}
	}
	var left []readings.Effect
	for i, e := range list {
		if spaces > 0 && e.Bytes == " " && i > 0 && list[i-1].Bytes == "&" && i+1 < len(list) && list[i+1].Bytes == "%" {
			spaces--
			continue
		}
		left = append(left, e)
	}
	return left
}

// TestPrintsTheSame: where no kick and no refused command is in, what comes out
// prints the same on a printer of any kind, but for the dots that are said.
func TestPrintsTheSame(t *testing.T) {
	for _, f := range families {
		t.Run(f.dialect, func(t *testing.T) {
			compared := 0
			rapid.Check(t, func(t *rapid.T) {
				l := newLine(t, f)
				for range rapid.IntRange(1, 5).Draw(t, "pieces") {
					l.feed(f.honest().Draw(t, "piece"))
				}
				l.feed([]byte("\n"))
				if l.filter.Waiting() {
					return // it does not end where a command ends
				}
				for _, s := range l.segments {
					if s.Kind == escpos.Kick || s.Kind == escpos.Refused {
						return
					}
				}
				for _, reading := range []readings.Reading{0, readings.KanjiBlind, readings.KanjiChecked, readings.Drops, readings.Keeps} {
					before := readings.Print(f.languages[0](), reading, l.in)
					if before.Pulses > 0 || before.Found != nil {
						continue
					}
					compared++
					if err := printsAlike(l, f.languages[0](), reading); err != nil {
						t.Fatalf("a printer that %s: %v\n in % X\nout % X", reading, err, l.in, l.out)
					}
				}
			})
			if compared < 50 {
				t.Errorf("only %d comparisons: the streams are refused", compared)
			}
		})
	}
}

// TestTextIsNeverLost: with kicks and refused commands among it, all text that a
// printer prints by the manuals comes out, in its order.
func TestTextIsNeverLost(t *testing.T) {
	for _, f := range families {
		t.Run(f.dialect, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				l := newLine(t, f)
				for range rapid.IntRange(1, 8).Draw(t, "pieces") {
					l.feed(rapid.OneOf(f.honest(), each(f.kicks)).Draw(t, "piece"))
				}
				l.feed([]byte("\n"))
				l.idle()
				// What clears the printer's buffers would take text with it; it is refused.
				came, went := readings.Print(f.languages[0](), readings.Keeps, l.in), readings.Print(f.languages[0](), readings.Keeps, l.out)
				went.Effects = l.unparted(went.Effects)
				if came.Text() != went.Text() {
					t.Fatalf("%q came, %q went\n in % X\nout % X", came.Text(), went.Text(), l.in, l.out)
				}
			})
		})
	}
}
