package escpos

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// part is a piece of a stream of which it is known what becomes of it.
type part struct {
	in   []byte
	text []byte // what of it people read
	kick int    // the drawer, if it is a kick
	same bool   // it goes through byte for byte, wherever it stands
}

// nasty is the alphabet of those who look for a way through: what commands
// begin with, and what they could end with.
var nasty = []byte{0x19, 0x1A, 0x06, 0x08, 0x0C, 0x1E, 0x1F, '&', '%', '1', '*', 'r', 'A', 'B', 'b', '+', '/', 'y', 'K', 'X', 'S', '?', 'd', 'h', 0x10, 0x14, 0x04, 0x05, 0x01, 0x02, 0x08, 0x00, 0x1B, 0x1C, 0x1D, 'p', 'x', 'q', '#', '=', ':', '^', '(', 'k', 'v', '0', 'D', 'E', 'L', 0x07, 0x0A, 0x30, 0x81, 0xFF}

func bytesOf(alphabet []byte, least, most int) *rapid.Generator[[]byte] {
	return rapid.SliceOfN(rapid.SampledFrom(alphabet), least, most)
}

// parts draws whole commands and text.
func parts() *rapid.Generator[part] {
	return rapid.Custom(func(t *rapid.T) part {
		n := rapid.Byte().Draw(t, "n")
		switch rapid.IntRange(0, 11).Draw(t, "what") {
		case 0, 1:
			text := rapid.SliceOfN(rapid.OneOf(rapid.ByteRange(0x20, 0xFF), rapid.SampledFrom([]byte("\n\r\t"))), 1, 40).Draw(t, "text")
			return part{in: text, text: text}
		case 2:
			text := rapid.SampledFrom([]string{"pay", "x", "q1", ":", "^", "(D", "=", "#", "pp", "@"}).Draw(t, "text")
			return part{in: []byte(text), text: []byte(text)}
		case 3:
			return part{in: seq(0x1B, "p", int(n&1)+int(n>>1&1)*48, int(n), 250), kick: int(n&1) + 1}
		case 4:
			return part{in: seq(0x10, 0x14, 1, int(n&1), 1+int(n>>5)), kick: int(n&1) + 1}
		case 5:
			in := rapid.SampledFrom([][]byte{
				{0x1B, '@'},
				{0x0C},
				{0x1B, 'L'},
				{0x1B, 0x0C},
				{0x1B, 'c', '5', 1},
				{0x1B, 'a', 1},
				{0x1B, 'E', 1},
				{0x1B, 'E', 0},
				{0x1D, '!', 0x11},
				{0x1B, 'd', 3},
				{0x1D, 'V', 0},
				{0x1D, 'V', 66, 0},
				{0x1B, 't', 16},
				{0x10, 4, 1},
				{0x10, 4, 4},
				{0x1D, 'r', 1},
				{0x1B, '2'},
				{0x1B, '=', 1},
				{0x1C, '.'},
				{0x1B, 'D', 4, 8, 16, 20, 0},
			}).Draw(t, "command")
			return part{in: in, same: true}
		case 6:
			// One parameter, of any value: the ones that begin something count.
			c := rapid.SampledFrom([]byte{'!', '3', 'J', 'd', ' ', 'E', 'G', 't', 'R', '{'}).Draw(t, "command")
			return part{in: seq(0x1B, int(c), int(n)), same: true}
		case 7:
			data := bytesOf(nasty, 1, 60).Draw(t, "data")
			return part{in: raster(1, len(data), data)}
		case 8:
			data := rapid.SliceOfN(rapid.ByteRange(0, 127), 0, 30).Draw(t, "data")
			return part{in: seq(0x1D, "k", 73, len(data)+2, "{B", data)}
		case 9:
			data := bytesOf(nasty, 1, 40).Draw(t, "data")
			return part{in: seq(0x1D, "(k", len(data)+3, 0, "1P0", data)}
		case 10:
			data := bytesOf(nasty, 0, 40).Draw(t, "data")
			f := rapid.SampledFrom([]byte("ACDEGHKLMNPQz")).Draw(t, "family")
			return part{in: seq(0x1D, "(", int(f), len(data), 0, data)}
		default:
			return part{in: rapid.SampledFrom([][]byte{
				{0x1D, ':'},
				{0x1D, '^', 1, 0, 1},
				{0x1B, '=', 2},
				{0x10, 5, 2},
				{0x10, 0x14, 2, 1, 8},
				{7},
				{0x1A},
				{0x10, 0x14, 8, 1, 3, 0x14, 1, 6, 2, 8},
				{0x1B, 'f', '5', 1},
			}).Draw(t, "refused")}
		}
	})
}

// TestInvariant3 and TestInvariant4: whatever is sent, nothing leaves that any
// printer could take for a kick, text is not lost, and all of the stream is
// accounted for.
func TestInvariant3(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(parts(), 1, 12).Draw(t, "parts")
		var in, text []byte
		var drawers []int
		for _, p := range list {
			in = append(in, p.in...)
			text = append(text, p.text...)
			if p.kick != 0 {
				drawers = append(drawers, p.kick)
			}
		}
		out, segments := read(in)
		check(t, in, out, segments)
		var got []byte
		var kicked []int
		for _, s := range segments {
			if s.Kind == Text {
				got = append(got, s.Bytes...)
			}
			if s.Kind == Kick {
				kicked = append(kicked, s.Drawer)
			}
		}
		if !bytes.Equal(got, text) {
			t.Fatalf("text\n got %q\nwant %q\n in % X\n %s", got, text, in, told(segments))
		}
		if !reflect.DeepEqual(kicked, drawers) {
			t.Fatalf("kicks %v, want %v\n in % X", kicked, drawers, in)
		}
	})
}

// TestInvariant3AnyBytes is the same without any grammar: dense in what is
// dangerous, and cut at random.
func TestInvariant3AnyBytes(t *testing.T) {
	for _, d := range dialects {
		t.Run(d.name, func(t *testing.T) {
			rounds := 3000
			if testing.Short() {
				rounds = 500
			}
			r := rand.New(rand.NewPCG(1, 2))
			alphabets := [][]byte{nasty, nastyOf(d)}
			for range rounds {
				in, alphabet := make([]byte, 1+r.IntN(120)), alphabets[r.IntN(2)]
				for i := range in {
					in[i] = alphabet[r.IntN(len(alphabet))]
				}
				var pieces [][]byte
				for rest := in; len(rest) > 0; {
					n := 1 + r.IntN(len(rest))
					pieces = append(pieces, rest[:n])
					rest = rest[n:]
				}
				out, segments := readAs(d, in)
				checkAs(t, d, in, out, segments)
				o, s := readAs(d, pieces...)
				if !bytes.Equal(o, out) || !reflect.DeepEqual(s, segments) {
					t.Fatalf("cut up, % X is read otherwise:\n%s\n%s", in, told(segments), told(s))
				}
			}
		})
	}
}

// TestInvariant4 shows default deny: of each two bytes that begin a command,
// what the table does not let through does not leave.
func TestInvariant4(t *testing.T) {
	for _, d := range dialects {
		for _, m := range d.modes[:1] {
			for introducer, table := range m.table {
				if table == nil || byte(introducer) == m.literal {
					continue
				}
				for c := range 256 {
					in := seq(introducer, c, make([]byte, 100), "text")
					out, segments := readAs(d, in)
					checkAs(t, d, in, out, segments)
					entry := table[c]
					if entry != nil && (entry.ok != nil || entry.sub != nil) {
						continue
					}
					if bytes.Contains(out, []byte{byte(introducer)}) {
						t.Errorf("%s: %s leaves", d.name, told(segments))
					}
					if !bytes.HasSuffix(out, []byte("text")) {
						t.Errorf("%s: text lost: %s", d.name, told(segments))
					}
				}
			}
		}
	}
}

// TestSplitsOfRandomStreams holds what everySplit says for whole jobs.
func TestSplitsOfRandomStreams(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var in []byte
		for _, p := range rapid.SliceOfN(parts(), 1, 5).Draw(t, "parts") {
			in = append(in, p.in...)
		}
		if len(in) > 150 {
			in = in[:150]
		}
		everySplit(t, in)
	})
}

func FuzzFilter(f *testing.F) {
	kick := seq(0x1B, "p", 0, 25, 250)
	for _, seed := range [][]byte{
		seq(0x1B, "@Milk 1.20\n", 0x1D, "VB", 0, kick),
		seq(0x1B, "!", 0x1B, "pay", 0x1B, "!", 0x10, 0x14, 1, 0, 1),
		seq("x", 0x1D, "kI", 7, "{B", kick, "y"),
		raster(2, 3, seq(0x10, 0x14, 1, 0x1B, "p", 0)),
		seq(raster(1, 2, seq(0x10, 0x14)), 1, 0, 1),
		seq(0x1D, ":", kick, 0x1D, ":", 0x1D, "^", 1, 0, 1),
		seq(0x10, 0x14, 8, 1, 3, 0x14, 1, 6, 2, 8, 0x10, 5, 2),
		seq(0x1D, "(k", 8, 0, "1P0hello", 0x1D, "(D", 3, 0, 20, 1, 1),
		seq(0x1C, "q", 1, 1, 0, 1, 0, kick, "xyz", 0x1B, "&", 3, "AA", 1, "abc"),
		seq(0x1B, "D", 4, 16, 20, 0, 0x1B, "D", 16, 20, 1, 0x1D, "P", 0x1B, "p"),
		seq(0x1B, "c5", 0x10, 4, 1, 0x1D, "k", 4, "A", 0x10, 4, 2, 0),
		seq(0x81, 0x1B, "p", 5, 0x1B, "p", 0),
	} {
		f.Add(seed, uint8(3), uint8(0))
	}
	for i, seed := range starStreams() {
		f.Add(seed, uint8(5), uint8(3+i%8))
	}
	f.Fuzz(func(t *testing.T, in []byte, cut, dialect uint8) {
		if len(in) > 1<<14 {
			return
		}
		d := dialects[int(dialect)%len(dialects)]
		out, segments := readAs(d, in)
		checkAs(t, d, in, out, segments)
		n := int(cut)%(len(in)+1) + 1
		var pieces [][]byte
		for rest := in; len(rest) > 0; {
			k := min(n, len(rest))
			pieces = append(pieces, rest[:k])
			rest = rest[k:]
		}
		o, s := readAs(d, pieces...)
		if !bytes.Equal(o, out) || !reflect.DeepEqual(s, segments) {
			t.Fatalf("cut into %d, read otherwise:\n in % X\n %s\n %s", n, in, told(segments), told(s))
		}
	})
}

// TestInvariant3InService adds what happens between the pieces: stalls, a
// printer that loses its power, and the daemon's own bytes at ground state.
func TestInvariant3InService(t *testing.T) {
	for _, d := range dialects {
		t.Run(d.name, func(t *testing.T) { inService(t, d) })
	}
}

func inService(t *testing.T, d *Dialect) {
	rounds := 2500
	if testing.Short() {
		rounds = 500
	}
	r := rand.New(rand.NewPCG(5, 6))
	poll := []byte{0x10, 0x04, 0x01}
	nasty := nastyOf(d)
	for range rounds {
		f := NewFilter(d)
		var wire []byte
		emit := func(s *Segment) { wire = append(wire, s.Bytes...) }
		for range 1 + r.IntN(8) {
			piece := make([]byte, r.IntN(30))
			for i := range piece {
				piece[i] = nasty[r.IntN(len(nasty))]
			}
			f.Feed(piece, emit)
			switch r.IntN(6) {
			case 0:
				f.Idle(emit)
				if f.Waiting() || !f.Ground() {
					t.Fatal("a stalled filter is not at ground")
				}
			case 1:
				f.Cleared()
				if !f.Ground() {
					t.Fatal("a printer that was cleared is not at ground")
				}
			case 2, 3:
				if f.Ground() {
					own := append(f.Break(), poll...)
					if !f.Safe(own) {
						t.Fatalf("our own question is unsafe after % X", wire)
					}
					f.Sent(own)
					wire = append(wire, own...)
				}
			}
		}
		for _, k := range kicksOf(d) {
			if i := bytes.Index(wire, k); i >= 0 {
				t.Fatalf("% X leaves at %d: % X", k, i, wire)
			}
		}
	}
}
