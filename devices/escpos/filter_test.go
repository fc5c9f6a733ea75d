package escpos

import (
	"bytes"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// epsonDialect is what most tests are about.
var epsonDialect = dialects[0]

// read runs a stream through a new filter, in the given pieces, and ends it as
// a stall would. Pieces of one text or picture are put together again.
func read(pieces ...[]byte) (out []byte, segments []Segment) {
	return readAs(epsonDialect, pieces...)
}

func readAs(d *Dialect, pieces ...[]byte) (out []byte, segments []Segment) {
	f := NewFilter(d)
	take := collect(&out, &segments)
	for _, p := range pieces {
		f.Feed(p, take)
	}
	f.Idle(take)
	return out, segments
}

func collect(out *[]byte, segments *[]Segment) func(*Segment) {
	return func(given *Segment) {
		s := *given
		*out = append(*out, s.Bytes...)
		s.Bytes = append([]byte(nil), s.Bytes...)
		s.Raw = append([]byte(nil), s.Raw...)
		if n := len(*segments); n > 0 {
			last := &(*segments)[n-1]
			text := s.Kind == Text && last.Kind == Text && last.Offset+int64(last.In) == s.Offset
			image := s.Kind == Image && last.Kind == Image && last.Offset == s.Offset
			if text || image {
				last.Bytes = append(last.Bytes, s.Bytes...)
				last.In += s.In
				last.Lines += s.Lines
				last.Mended = last.Mended || s.Mended
				last.Last = last.Last || s.Last
				if s.Why != "" {
					last.Why = s.Why
				}
				return
			}
		}
		*segments = append(*segments, s)
	}
}

// told is what a test says of a stream: one word a segment.
func told(segments []Segment) string {
	var words []string
	for _, s := range segments {
		word := s.Name
		switch {
		case s.Kind == Text:
			word = fmt.Sprintf("%q", s.Bytes)
		case s.Kind == Kick:
			word = fmt.Sprintf("kick%d", s.Drawer)
		case s.Kind == Refused:
			word = "-" + s.Name
		case s.Mended:
			word = "~" + s.Name
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func seq(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch v := p.(type) {
		case int:
			b = append(b, byte(v))
		case string:
			b = append(b, v...)
		case []byte:
			b = append(b, v...)
		}
	}
	return b
}

func raster(x, y int, data []byte) []byte {
	return seq(0x1D, "v0", 0, x&255, x>>8, y&255, y>>8, data)
}

// holds runs one stream and compares what is told of it and what leaves; no out
// is what came in. However it is cut, it is the same.
func holds(t *testing.T, d *Dialect, in []byte, want string, out []byte) {
	t.Helper()
	if out == nil {
		out = in
	}
	got, segments := readAs(d, in)
	if words := told(segments); words != want {
		t.Errorf("segments\n got %s\nwant %s", words, want)
	}
	if !bytes.Equal(got, out) {
		t.Errorf("output\n got % X\nwant % X", got, out)
	}
	checkAs(t, d, in, got, segments)
	everySplitAs(t, d, in)
}

func TestSegments(t *testing.T) {
	kick := seq(0x1B, "p", 0, 25, 250)
	tests := []struct {
		name string
		in   []byte
		told string
		out  []byte // nil: as it came
	}{
		{"text", seq("Milk 1.20\n"), `"Milk 1.20\n"`, nil},
		{"kick", kick, "kick1", []byte{}},
		{"kick on pin 5", seq(0x1B, "p1", 55, 121), "kick2", []byte{}},
		{"kick between text", seq("a", kick, "b"), `"a" kick1 "b"`, seq("ab")},
		{"kick with a number out of range", seq(0x1B, "p", 5, "AB"), `kick2 "AB"`, seq("AB")},
		{"kick after a kick's number out of range", seq(0x1B, "p", 5, kick), "kick2 kick1", []byte{}},
		{"real-time kick", seq(0x10, 0x14, 1, 0, 1), "kick1", []byte{}},
		{"real-time kick, pin 5", seq(0x10, 0x14, 1, 1, 8), "kick2", []byte{}},
		{"real-time kick, numbers out of range", seq(0x10, 0x14, 1, "xy"), `kick1 "xy"`, seq("xy")},
		{"real-time kick in a real-time kick", seq(0x10, 0x14, 1, 0x10, 0x14, 1, 1, 1), "kick1 kick2", []byte{}},
		{"real-time kick in a parameter", seq(0x1B, "!", 0x10, 0x14, 1, 0, 1, "x"), `ESC ! -DC4 -SOH -DLE DC4 fn 1 NUL -SOH "x"`, seq(0x1B, "!", 0x10, 0, "x")},
		{"a parameter that begins a kick", seq(0x1B, "!", 0x1B, "pay"), `ESC ! ~NUL "pay"`, seq(0x1B, "!", 0x1B, 0, "pay")},
		{"a parameter that begins a macro", seq(0x1B, "3", 0x1D, ":"), `ESC 3 ~NUL ":"`, seq(0x1B, "3", 0x1D, 0, ":")},
		{"a parameter and text that begin a setting", seq(0x1B, "3", 0x1D, "(E"), `ESC 3 "(" ~NUL "E"`, seq(0x1B, "3", 0x1D, "(", 0, "E")},
		{"motion units that are a kick", seq(0x1D, "P", 0x1B, "p"), "-GS P", []byte{}},
		{"tab stops that look like DLE DC4", seq(0x1B, "D", 4, 8, 12, 16, 20, 24, 0), "ESC D", nil},
		{"tab stops that go back", seq(0x1B, "D", 8, 4, 0, "x"), `-ESC D -EOT NUL "x"`, seq(0, "x")},
		{"tab stops that are a kick", seq(0x1B, "D", 27, 112, 0), "-ESC D", []byte{}},
		{"unknown command", seq(0x1B, "[", "abc"), `-ESC [ "abc"`, seq("abc")},
		{"kick behind an unknown command", seq(0x1B, "[", kick), `-ESC [ kick1`, []byte{}},
		{"kick behind a dangling ESC", seq(0x1B, kick), `-ESC kick1`, []byte{}},
		{"line feed behind a dangling ESC", seq(0x1B, "\n"), `-ESC "\n"`, seq("\n")},
		{"control codes of other dialects", seq(7, 0x1A, 0x19, "x"), `-BEL -SUB -EM "x"`, seq("x")},
		{"lead byte before a kick", seq(0x81, kick, "x"), "\"\\x81\" kick1 \"x\"", seq(0x81, "x")},
		{"macro with a kick", seq(0x1D, ":", kick, 0x1D, ":", 0x1D, "^", 1, 0, 1), "-GS : kick1 -GS : -GS ^", []byte{}},
		{"enable real-time kick", seq(0x1D, "(D", 3, 0, 20, 1, 1, "x"), `-GS ( D "x"`, seq("x")},
		{"selecting the printer", seq(0x1B, "=", 1), "ESC =", nil},
		{"selecting the display", seq(0x1B, "=", 2, "x"), `-ESC = "x"`, seq("x")},
		{"text that looks like ESC =", seq(0x1B, "!", 0x1B, "=\n"), `ESC ! ~NUL "=\n"`, seq(0x1B, "!", 0x1B, 0, "=\n")},
		{"power off", seq(0x10, 0x14, 2, 1, 8), "-DLE DC4 fn 2", []byte{}},
		{"clear buffers", seq(0x10, 0x14, 8, 1, 3, 20, 1, 6, 2, 8), "-DLE DC4 fn 8", []byte{}},
		{"clear buffers, but not quite", seq(0x10, 0x14, 8, 1, 3, "text"), `-DLE DC4 -BS -SOH -ETX "text"`, seq("text")},
		{"recover", seq(0x10, 5, 2), "-DLE ENQ 2", []byte{}},
		{"status", seq(0x10, 4, 1, 0x1D, "r1", 0x1D, "I", 67), "DLE EOT GS r GS I", nil},
		{"questions in a picture", raster(1, 6, seq(0x10, 4, 1, 0x10, 4, 8)), "~GS v 0", raster(1, 6, seq(0x10, 4, 1, 0x10, 4, 9))},
		{"status inside a refused command", seq(0x1C, "g2", 0x10, 4, 1, 0, 0, 0, 0, "x"), `-FS g ~DLE EOT "x"`, seq(0x10, 4, 1, "x")},
		{"old bar code", seq(0x1D, "k", 4, "ABC-1", 0), "GS k", nil},
		{"old bar code with other data", seq(0x1D, "k", 4, "ab", 0), `-GS k "ab" NUL`, seq("ab", 0)},
		{"old bar code with a kick", seq(0x1D, "k", 4, "A", kick, 0), `-GS k "A" kick1 NUL`, seq("A", 0)},
		{"counted bar code", seq(0x1D, "k", 73, 5, "{B123"), "GS k", nil},
		{"counted bar code with a kick", seq("x", 0x1D, "k", 73, 7, "{B", kick, "y"), `"x" -GS k "y"`, seq("xy")},
		{"counted bar code without its code set", seq(0x1D, "k", 73, 3, "123", "y"), `-GS k "y"`, seq("y")},
		{"QR", seq(0x1D, "(k", 4, 0, "1A2", 0, 0x1D, "(k", 8, 0, "1P0", "hello", 0x1D, "(k", 3, 0, "1Q0"), "GS ( k GS ( k GS ( k", nil},
		{"QR with a kick", seq(0x1D, "(k", 8, 0, "1P0", kick, 0x1D, "(k", 3, 0, "1Q0"), "-GS ( k -GS ( k", []byte{}},
		{"QR size question", seq(0x1D, "(k", 3, 0, "1R0", "x"), `-GS ( k "x"`, seq("x")},
		{"cuts", seq(0x1D, "V", 0, 0x1D, "VB", 3, 0x1B, "i", 0x1B, "m"), "GS V GS V ESC i ESC m", nil},
		{"picture", raster(2, 2, seq("abcd")), "GS v 0", nil},
		{"picture with a kick", raster(2, 3, seq("a", kick)), "~GS v 0", raster(2, 3, seq("a", 0x1B, "q", 0, 25, 250))},
		{"picture with a real-time kick", raster(2, 3, seq("a", 0x10, 0x14, 1, 0, 1)), "~GS v 0", raster(2, 3, seq("a", 0x10, 0x15, 1, 0, 1))},
		{"picture with a clear", raster(1, 2, seq(0x10, 5)), "~GS v 0", raster(1, 2, seq(0x10, 7))},
		{"kick over a picture's end", seq(raster(1, 1, seq(0x1B)), "pay"), `GS v 0 ~NUL "pay"`, seq(raster(1, 1, seq(0x1B)), 0, "pay")},
		{"picture that is too wide", seq(raster(129, 1, make([]byte, 129)), "x"), `-GS v 0 "x"`, seq("x")},
		{"picture of unknown kind", seq(0x1D, "vX", "abc"), `-GS v 0 "Xabc"`, seq("Xabc")},
		{"bit image", seq(0x1B, "*", 33, 2, 0, kick, 0, "x"), `~ESC * "x"`, seq(0x1B, "*", 33, 2, 0, 0x1B, "q", 0, 25, 250, 0, "x")},
		{"bit image of unknown mode", seq(0x1B, "*", 7, "abc"), `-ESC * "abc"`, seq("abc")},
		{"storing pictures", seq(0x1C, "q", 2, 1, 0, 1, 0, "12345678", 1, 0, 1, 0, kick, "xyz", "end"), `-FS q "end"`, seq("end")},
		{"defining characters", seq(0x1B, "&", 3, "A", "B", 1, "abc", 2, kick, "d", "x"), `~ESC & "x"`, seq(0x1B, "&", 3, "A", "B", 1, "abc", 2, 0x1B, "q", 0, 25, 250, "d", "x")},
		{"counters", seq(0x1D, "C;1;2;3;4;5;", "x"), `GS C "x"`, nil},
		{"unfinished kick", seq(0x1B, "p", 0), "-ESC p", []byte{}},
		{"unfinished picture", raster(1, 3, seq("a")), "~GS v 0", raster(1, 3, seq("a", 0, 0))},
		{"unfinished old bar code", seq(0x1D, "k", 4, "ABC"), `-GS k "ABC"`, seq("ABC")},
		{"unfinished unknown parameters", seq(0x1D, "vAB"), `-GS v 0 "AB"`, seq("AB")},
		{"half a kick before a job", seq(0x1B, "p"), "-ESC p", []byte{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { holds(t, epsonDialect, test.in, test.told, test.out) })
	}
}

// everySplit: the same stream cut in two at every byte, and into single bytes,
// is read the same.
func everySplit(t failer, in []byte) {
	t.Helper()
	everySplitAs(t, epsonDialect, in)
}

func everySplitAs(t failer, d *Dialect, in []byte) {
	t.Helper()
	out, segments := readAs(d, in)
	single := make([][]byte, len(in))
	for i := range in {
		single[i] = in[i : i+1]
	}
	for i := 0; i <= len(in)+1; i++ {
		pieces := single
		if i <= len(in) {
			pieces = [][]byte{in[:i], in[i:]}
		}
		o, s := readAs(d, pieces...)
		if !bytes.Equal(o, out) {
			t.Fatalf("cut at %d of % X\n got % X\nwant % X", i, in, o, out)
		}
		if !reflect.DeepEqual(s, segments) {
			t.Fatalf("cut at %d of % X\n got %+v\nwant %+v", i, in, s, segments)
		}
	}
}

// kicks are the patterns of invariant 3, written down without regard to how
// the filter looks for them.
func kicks() [][]byte {
	list := [][]byte{{0x1B, 'p'}, {0x1B, 'x'}, {0x1B, 'v'}, {0x1B, 0x80}, {0x1B, '(', 'A'}, {0x1B, '(', 'Y'}, {0x1D, '(', 'z'}, {0x1B, '#'}, {0x1C, 'q'}, {0x1D, ':'}, {0x1D, '^'}, {0x1D, '(', 'A'}, {0x1D, '(', 'D'}, {0x1D, '(', 'E'}, {0x1D, '(', 'M'}}
	for n := byte(1); n < 16; n++ {
		list = append(list, []byte{0x10, 0x14, n})
	}
	for n := byte(0); n <= 2; n++ {
		list = append(list, []byte{0x10, 0x05, n})
	}
	for n := range 256 {
		if n != 1 {
			list = append(list, []byte{0x1B, '=', byte(n)})
		}
	}
	return list
}

var patterns = kicks()

// kicksOf are the patterns of invariant 3 in the other dialects.
func kicksOf(d *Dialect) [][]byte {
	star := [][]byte{
		{7},
		{0x19},
		{0x1A},
		{0x1C},
		{0x1B, 'p'},
		{0x1B, 'x'},
		{0x1B, '#'},
		{0x1B, '?'},
		{0x1B, '='},
		{0x1B, 0x1D, '+'},
		{0x1B, 0x1D, '/'},
		{0x1B, 0x1D, '#'},
		[]byte("\x1B*rD"), []byte("\x1B*rV"),
		{0x1D, ':'},
		{0x1D, '^'},
		{0x10, 0x14},
	}
	switch d.name {
	case "star-line", "star-raster", "starprnt":
		return star
	case "citizen-cbm":
		return append(star, []byte{0x1B, '/'}, []byte{0x1B, 0x13})
	case "ithaca":
		return [][]byte{
			{7},
			{8},
			{5, 10},
			{0x1B, 'g'},
			{0x1B, 'l'},
			{0x1B, 'y'},
			{0x1B, 0x19},
			{0x1B, 0x1D},
			{0x1B, 'p'},
			{0x1B, 'x'},
			{0x1B, '+'},
			{0x1B, 0x1F},
			{0x1B, '<'},
			{0x1B, '#'},
			{0x1B, '='},
			{0x1D, '-'},
			{0x1D, '0'},
			{0x1D, ':'},
			{0x1D, '^'},
			{0x10, 0x14},
			{0x10, 5},
		}
	case "suremark", "generic":
		list := append([][]byte{{7}, {8}, {0x19}, {0x1A}, {0x1C}, []byte("&%"), {0x1B, '/'}, {0x1B, '?'}, {0x1B, 0x1F}, {0x1B, '+'}, []byte("\x1B*rD"), []byte("\x1B\x1D+")}, patterns...)
		if d.name == "suremark" {
			list = append(list, []byte{0x10, 5}, []byte{0x1B, 'M'}, []byte{0x1B, '\''}, []byte{0x1B, '7'})
		}
		return list
	}
	return patterns
}

// check holds what is true of every stream.
func check(t failer, in, out []byte, segments []Segment) {
	t.Helper()
	checkAs(t, epsonDialect, in, out, segments)
}

func checkAs(t failer, d *Dialect, in, out []byte, segments []Segment) {
	t.Helper()
	for _, k := range kicksOf(d) {
		if i := bytes.Index(out, k); i >= 0 {
			t.Fatalf("% X leaves at offset %d\n in  % X\n out % X", k, i, in, out)
		}
	}
	if d.name == "ithaca" {
		textCommands(t, out, segments)
	}
	accounted := 0
	tail := d.NewTail()
	for _, s := range segments {
		accounted += s.In
		if s.Kind >= kindEnd || s.Name == "" {
			t.Fatalf("segment %+v", s)
		}
		if (s.Kind == Kick || s.Kind == Refused) && s.Forwarded() {
			t.Fatalf("%s is forwarded: %+v", s.Kind, s)
		}
		if s.Kind == Kick && s.Drawer != 1 && s.Drawer != 2 {
			t.Fatalf("kick of drawer %d", s.Drawer)
		}
		if s.Kind == Image && !s.Last {
			t.Fatalf("a picture has no last piece: %+v", s)
		}
		if s.Kind == Refused && s.Why == "" || s.Mended && s.Why == "" {
			t.Fatalf("no reason: %+v", s)
		}
		if s.Kind != Image && s.Kind != Text {
			if !tail.Safe(s.Bytes) {
				t.Fatalf("unsafe: %+v", s)
			}
			tail.Sent(s.Bytes)
		} else {
			tail.Sent(s.Bytes)
		}
	}
	if accounted != len(in) {
		t.Fatalf("%d bytes of %d accounted for\n in % X\n %s", accounted, len(in), in, told(segments))
	}
}

// harmless are the text commands of an Ithaca that may leave, by their first
// letters.
var harmless = regexp.MustCompile(`^&%(CR|LF|FF|LR|F[LB]\d\d|SG|HV|HP\d{3}|J[LCR]|F[12356]|Q[TULS]|[MC][UOI]|M[WN]|F[DS]|[DS]H|S[PBE]|CL\d|B[HJ]\d\d|FC|UA\d{3})`)

// textCommands: of the text commands none but those leaves, and of text none even
// if the printer drops NULs before it looks for them.
func textCommands(t failer, out []byte, segments []Segment) {
	t.Helper()
	var text []byte
	for _, s := range segments {
		switch {
		case s.Kind == Text:
			text = append(text, s.Bytes...)
		case s.Forwarded() && !bytes.Equal(s.Bytes, []byte{0}):
			text = append(text, 0xFF)
		}
	}
	for _, rest := range [][]byte{out, text} {
		for {
			i := bytes.Index(rest, []byte("&%"))
			if i < 0 {
				break
			}
			if rest = rest[i:]; !harmless.Match(rest) {
				t.Fatalf("% X leaves\n out % X", rest[:min(6, len(rest))], out)
			}
			rest = rest[2:]
		}
	}
}

func TestKindsHaveWords(t *testing.T) {
	for k := Text; k < kindEnd; k++ {
		if strings.HasPrefix(k.String(), "kind-") {
			t.Errorf("%d has no word", k)
		}
	}
}

// TestMendBreaksEveryPattern: whatever has begun, a byte that would complete it
// can be changed in one bit; and both machines of a dialect number what has
// begun alike.
func TestMendBreaksEveryPattern(t *testing.T) {
	for _, d := range dialects {
		if !reflect.DeepEqual(d.sent.next, d.inside.next) {
			t.Errorf("%s: the machines differ", d.name)
		}
		for state := range d.inside.bad {
			for b := range 256 {
				if d.sent.bad[state][b] && !d.inside.bad[state][b] {
					t.Errorf("%s: %02X after %d is let into payloads", d.name, b, state)
				}
				if !d.inside.bad[state][b] {
					continue
				}
				m := d.inside.mend(uint8(state), byte(b))
				asks := m == eot || state != 0 && uint8(state) == d.inside.asking && m >= 1 && m <= 4
				if x := m ^ byte(b); d.inside.bad[state][m] || asks || x == 0 || x&(x-1) != 0 {
					t.Errorf("%s: %02X after %d mended to %02X", d.name, b, state, m)
				}
			}
		}
	}
}

// TestInvariant3LastLook: what looks last knows no grammar, loses no text and
// changes no payload's length.
func TestInvariant3LastLook(t *testing.T) {
	for _, test := range []struct {
		before, in []byte
		kind       Kind
		out        []byte
		ok         bool
	}{
		{seq(0x1B), seq("pay"), Text, seq(0, "pay"), true},
		{nil, seq("a", 0x1B, "p b"), Text, seq("a", 0x1B, 0, "p b"), true},
		{seq("text"), seq("pay"), Text, seq("pay"), true},
		{seq(0x10, 0x14), seq(1, "a", 0x1B, "p"), Image, seq(0, "a", 0x1B, "q"), true},
		{nil, seq(0x1B, "p", 0), Layout, nil, false},
		{seq(0x1B), seq("p"), Barcode, nil, false},
		{nil, seq(0x1B, "=", 1), Layout, seq(0x1B, "=", 1), true},
		{seq(0x10, 5), seq(0), Text, nil, false},
	} {
		tail := epsonDialect.NewTail()
		tail.Sent(test.before)
		out, ok := tail.Last(test.kind, test.in)
		if ok != test.ok || !bytes.Equal(out, test.out) {
			t.Errorf("% X after % X as %s: % X, %v; want % X, %v", test.in, test.before, test.kind, out, ok, test.out, test.ok)
		}
	}
}

// TestHoldsNoTextBack: what a person reads goes on at once; at most a command
// is held.
func TestHoldsNoTextBack(t *testing.T) {
	f := NewFilter(epsonDialect)
	var out []byte
	var segments []Segment
	f.Feed(seq("Total 4.20", 0x1B, "a"), collect(&out, &segments))
	if string(out) != "Total 4.20" || !f.Waiting() || !f.Ground() {
		t.Errorf("%q, waiting %v, ground %v", out, f.Waiting(), f.Ground())
	}
	if !bytes.Equal(f.Pending(), seq(0x1B, "a")) {
		t.Errorf("pending % X", f.Pending())
	}
	f.Feed(seq(1, raster(1, 2, seq("a"))), collect(&out, &segments))
	if f.Ground() || !f.Waiting() {
		t.Error("in a picture the printer is not at ground")
	}
}

// TestClearedDropsTheRestOfAPicture: a printer that lost its power is at ground
// and would take the rest of a picture for commands and text.
func TestClearedDropsTheRestOfAPicture(t *testing.T) {
	f := NewFilter(epsonDialect)
	var out []byte
	var segments []Segment
	f.Feed(raster(1, 4, seq("ab")), collect(&out, &segments))
	out = nil
	f.Cleared()
	if !f.Ground() {
		t.Error("cleared, and not at ground")
	}
	f.Feed(seq("cd", "next"), collect(&out, &segments))
	if string(out) != "next" {
		t.Errorf("%q", out)
	}
}

func TestBreak(t *testing.T) {
	f := NewFilter(epsonDialect)
	none := func(*Segment) {}
	if b := f.Break(); len(b) != 0 {
		t.Errorf("% X at the start", b)
	}
	f.Feed(seq(0x1B, "!", 0x1B), none)
	if b := f.Break(); !bytes.Equal(b, []byte{0}) {
		t.Errorf("% X after ESC as a parameter", b)
	}
	f.Feed(seq("x", 0x81), none)
	if b := f.Break(); !bytes.Equal(b, []byte{0, 0, 0}) {
		t.Errorf("% X after a lead byte", b)
	}
}

func TestDecode(t *testing.T) {
	for _, test := range []struct {
		in   []byte
		page byte
		want string
	}{
		{seq("abc"), 0, "abc"},
		{seq("Caf", 0x82), 0, "Café"},
		{seq(0x80, "5"), 16, "€5"},
		{[]byte("Käse €"), 0, "Käse €"},
		{seq(0xD5), 19, "€"},
		{seq(0x82), 200, "é"},
	} {
		if got := string(Decode(nil, test.in, test.page)); got != test.want {
			t.Errorf("% X in page %d: %q, want %q", test.in, test.page, got, test.want)
		}
	}
}

// failer is what testing.T and rapid.T have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}
