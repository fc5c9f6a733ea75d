package readings_test

import (
	"bytes"
	"fmt"
	"math/bits"
	"testing"

	"pgregory.net/rapid"

	"tillwarden/devices/escpos"
	"tillwarden/devices/sim/readings"
)

// shown is what people see of a stream: questions are answered, not printed, and
// the daemon may ask them later.
func shown(p readings.Printed) []readings.Effect {
	var list []readings.Effect
	for _, e := range p.Effects {
		if e.What == readings.Command && e.Bytes[0] == 0x10 {
			continue
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

// honest is what an application sends that only prints: text and commands.
func honest() *rapid.Generator[[]byte] {
	kanji := rapid.Custom(func(t *rapid.T) []byte {
		var b []byte
		for range rapid.IntRange(1, 8).Draw(t, "characters") {
			b = append(b, rapid.ByteRange(0x88, 0x9F).Draw(t, "lead"), rapid.SampledFrom([]byte("@pPx{\x80\xfc\x9f")).Draw(t, "trail"))
		}
		return b
	})
	latin := rapid.SliceOfN(rapid.ByteRange(0x20, 0x7E), 1, 20)
	return rapid.OneOf(command(), command(), latin, kanji, rapid.Just([]byte("\n")), rapid.Just([]byte("\r\n")), rapid.Just([]byte("\t")))
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
					l.feed(honest().Draw(t, "piece"))
				}
				l.feed([]byte("\n"))
				for _, s := range l.segments {
					if s.Kind == escpos.Kick || s.Kind == escpos.Refused {
						return
					}
				}
				for _, reading := range []readings.Reading{0, readings.KanjiBlind, readings.KanjiChecked, readings.Drops, readings.Keeps} {
					before := readings.Print(f.language(), reading, l.in)
					if before.Pulses > 0 || before.Found != nil {
						continue
					}
					compared++
					if err := printsAlike(l, f.language(), reading); err != nil {
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
					piece := rapid.OneOf(honest(), rapid.Map(rapid.SampledFrom([]string{kick, rtKick, "\x1bp07y"}), func(s string) []byte { return []byte(s) })).Draw(t, "piece")
					l.feed(piece)
				}
				l.feed([]byte("\n"))
				l.idle()
				// What clears the printer's buffers would take text with it; it is refused.
				came, went := readings.Print(f.language(), readings.Keeps, l.in), readings.Print(f.language(), readings.Keeps, l.out)
				if !bytes.Equal([]byte(came.Text()), []byte(went.Text())) {
					t.Fatalf("%q came, %q went\n in % X\nout % X", came.Text(), went.Text(), l.in, l.out)
				}
			})
		})
	}
}
