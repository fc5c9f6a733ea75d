package sim

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// trace is all that a printer did with a stream.
type trace struct {
	State    State
	Paper    []string
	Look     []string
	Pictures []Picture
	Pulses   []Pulse
	Said     string
}

func play(t testing.TB, model string, pieces [][]byte) trace {
	b := newBench(t, model)
	for _, p := range pieces {
		b.Receive(p)
	}
	out := trace{State: b.State(), Said: string(b.said)}
	out.Paper, _ = b.Paper(0)
	out.Look, _ = b.Look(0)
	out.Pictures, _ = b.Pictures(0)
	out.Pulses, _ = b.Pulses(0)
	for i := range out.Pulses {
		out.Pulses[i].At = b.now
	}
	if len(out.Paper) > maxPaper || len(out.Pulses) > maxPulses || len(b.parser.head) > maxHead || len(b.macro.stored) > maxMacro+2 || len(b.queue) > b.size || len(b.text.pages) > maxPage || len(b.text.line) > 4*b.text.columns+8 || b.text.looks.b.Len() > 2*maxLook {
		t.Errorf("something grew: %d lines, %d pulses, head %d, macro %d, queue %d, page %d, line %d",
			len(out.Paper), len(out.Pulses), len(b.parser.head), len(b.macro.stored), len(b.queue), len(b.text.pages), len(b.text.line))
	}
	return out
}

// chunked plays a stream whole, byte by byte and cut, on a model.
func chunked(t testing.TB, model string, data, cuts []byte) {
	t.Helper()
	whole := play(t, model, [][]byte{data})
	var single, cut [][]byte
	for i := range data {
		single = append(single, data[i:i+1])
	}
	for i, rest := 0, data; len(rest) > 0; i++ {
		n := 1
		if len(cuts) > 0 {
			n += int(cuts[i%len(cuts)])
		}
		n = min(n, len(rest))
		cut = append(cut, rest[:n])
		rest = rest[n:]
	}
	for how, pieces := range map[string][][]byte{"byte by byte": single, "in pieces": cut} {
		if got := play(t, model, pieces); !reflect.DeepEqual(got, whole) {
			t.Errorf("%s on %s: % x\n%s %+v\nwhole %+v", how, model, data, how, got, whole)
		}
	}
}

func allModels() []Model { return append(Models(), StarModels()...) }

var seeds = []string{
	"\x1b\x1dS\x01\x01\x00\x02\x00\x00\x07\x1c\x1b*rAb\x02\x00\x07\x07\x1b*rB\x1bk\x01\x00", "\x1b\x1dyD1\x00\x03\x00abc\x1b\x1dyP\x1bb1234567\x1e\x07",
	kick, rtKick, string(clearBuffers),
	"\x1b@Text\n\x1ba\x01Centre\n\x1dVB\x00",
	"\x1dv0\x00\x02\x00\x04\x00\xaa" + rtKick + "\xaa\xaa",
	"A\x1dkI\x05" + kick,
	"\x1d:" + kick + "\x1d:\x1d^\xff\x00\x00",
	"\x1d(D\x03\x00\x14\x01\x00" + rtKick,
	"\x1b&\x03AB\x02123456\x02123456", "\x1bD\x08\x10\x00", "\x1b*\x21\x02\x00abcdef",
	"\x1d8L\x0e\x00\x00\x000p0\x01\x011\x0d\x00\x02\x00abcd\x1d(L\x02\x0002", "\x1d8L\x05\x00\x00\x000p0000", "\x1dD0C0011BM\x0a\x00\x00\x00....", "\x1dC;1;2;3;4;5;",
	"\x1cq\x01\x01\x00\x01\x0012345678", "\x1cg1\x00\x00\x00\x00\x00\x05\x00abcde", "\x1c2\x77\x21",
	"\x1b=\x02A\x1b=\x01B\n", "\x1bL\x1bW\x00\x00\x00\x00\x10\x00\x10\x00x\n\x0c",
	"\x1d(A\x02\x00\x00\x01abc", "\x10\x04\x01\x10\x05\x02\x1da\xff\x1dr\x02",
}

// FuzzPrinter: no stream makes any printer fail, or grow, or act differently
// when it comes in pieces.
func FuzzPrinter(f *testing.F) {
	for i, s := range seeds {
		f.Add(uint8(i), []byte(s), []byte{byte(i), 3})
	}
	models := allModels()
	f.Fuzz(func(t *testing.T, model uint8, data, cuts []byte) {
		if len(data) > 4096 {
			return
		}
		chunked(t, models[int(model)%len(models)].Name, data, cuts)
	})
}

func TestAnyChunkingDoesTheSame(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		piece := rapid.OneOf(
			rapid.SampledFrom(seeds),
			rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 8), func(b []byte) string { return string(b) }),
			rapid.Map(rapid.SampledFrom(seeds), func(s string) string { return s[:len(s)/2] }),
		)
		var data []byte
		for _, p := range rapid.SliceOfN(piece, 0, 12).Draw(r, "data") {
			data = append(data, p...)
		}
		model := rapid.SampledFrom(allModels()).Draw(r, "model").Name
		chunked(t, model, data, rapid.SliceOfN(rapid.Byte(), 0, 4).Draw(r, "cuts"))
	})
}

// TestEveryCommandEnds: each command of the tables, with parameters of every
// kind, leaves the printer able to print.
func TestEveryCommandEnds(t *testing.T) {
	for c, command := range starCommands {
		if command.size > maxHead || command.size < 2 || command.name == "" {
			t.Errorf("%#02x: %+v", c, command)
		}
	}
	for prefix, table := range map[byte]map[byte]*command{esc: escCommands, fs: fsCommands, gs: gsCommands} {
		for c, command := range table {
			if command.size > maxHead || command.size < 2 || command.name == "" {
				t.Errorf("%#02x %#02x: %+v", prefix, c, command)
			}
			for _, filler := range []byte{0, 1, '0', 'A', 0xff} {
				b := newBench(t, "epson")
				data := []byte{prefix, c}
				for range maxHead {
					data = append(data, filler)
				}
				b.Receive(data)
				// What clears the buffers ends any command but a dump and a
				// deselection, which only their own end.
				b.Receive(clearBuffers)
				b.Receive([]byte("\x1b=\x01after\n"))
				lines, _ := b.Paper(0)
				if len(lines) == 0 || strings.TrimSpace(lines[len(lines)-1]) != "after" {
					t.Errorf("%s with %#02x: the printer prints %q", command.name, filler, fmt.Sprint(lines))
				}
			}
		}
	}
}
