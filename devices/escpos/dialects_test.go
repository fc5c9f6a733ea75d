package escpos

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// starStreams begin the search for what else could be sent to the other dialects.
func starStreams() [][]byte {
	return [][]byte{
		seq(0x1B, "@", 0x1B, 0x1D, "a1", "Milk 1.20\n", 0x1B, "d3", 7),
		seq(0x1B, "*rA", 0x1B, "*rP0", 0, "b", 3, 0, 7, 0x1C, 0x1A, "b", 0x1C, 0, make([]byte, 28), 0x1B, "*rD1", 0, 0x1B, 0x0C, 0, 0x1B, "*rB"),
		seq(0x1B, 0x1D, "yS0", 2, 0x1B, 0x1D, "yD1", 0, 5, 0, "hello", 0x1B, 0x1D, "yP"),
		seq(0x1B, "X", 2, 0, "abcdef", 0x1B, "k", 1, 0, make([]byte, 24), 0x1B, "b6221R1-4711", 0x1E),
		seq("Shirt &%D1 red", 0x1B, "x1", 0x1B, "p", 0, 25, 250, 8, 7),
		seq(0x1B, 0x1D, "S", 1, 2, 0, 2, 0, 0, 7, 0x1C, 0x1A, 0x19),
		seq(0x1B, "/", 1, "Thank you\n", 0x1B, 0x13, 1, 0x1B, "3", 0x1B, "/", 0x1B, "K", 2, 0, 0x1B, 7),
		seq("&%JCSoap & %D1&%FL02&", 0, "%D1&", 7, "%D2", 5, 10, 5, 20, 0x1B, "g", 1, 0x1B, "[@", 4, 0, 1, 0, 2, 2),
		seq(0x1B, "*", 0, 1, 1, 7, 0x1B, "p", 0x10, 5, "&%x", 0x1B, "D", 0, 100, 0, 0, 0x1D, "k", 4, "AB", 0, 0x1D, "(k", 4, 0, "1P0a"),
		seq(0x1D, ":", 1, 0x1B, "p", 0, 25, 250, 0x1D, ":", 0x1D, "^", 1, 0x1C, "."),
	}
}

// TestOtherDialects: what each of them takes for a kick, lets through, changes
// and refuses, in words.
func TestOtherDialects(t *testing.T) {
	starlike := []string{"star-line", "starprnt"}
	every := []string{"star-line", "starprnt", "star-raster", "citizen-cbm"} // the first three are Star's
	tests := []struct {
		name     string
		dialects []string
		in       []byte
		told     string
		out      []byte // nil: as it came
	}{
		{"text", every, seq("Milk 1.20\n"), `"Milk 1.20\n"`, nil},
		{"the four kicks", every, seq("a", 7, "b", 0x1C, "c", 0x1A, "d", 0x19), `"a" kick1 "b" kick1 "c" kick2 "d" kick2`, seq("abcd")},
		{"how long a pulse is", every, seq(0x1B, 7, 20, 20, "x"), `-ESC BEL "x"`, seq("x")},
		{"styles and cut", starlike, seq(0x1B, "E", "bold", 0x1B, "F", 0x1B, 0x1D, "a1", 0x1B, "i", 1, 1, 0x1B, "d3"), `ESC E "bold" ESC F ESC GS a ESC i ESC d`, nil},
		{"a place that is a kick", starlike, seq(0x1B, 0x1D, "A", 7, 0, "x"), `-ESC GS A "x"`, seq("x")},
		{"a feed that is a kick", starlike, seq(0x1B, "J", 0x1A, "x"), `-ESC J "x"`, seq("x")},
		{"Kanji, and the drawer of the Epson mode", starlike, seq(0x1B, "p", 0, 25, 250), `-ESC p NUL kick2 "\xfa"`, seq(0, 250)},
		{"columns", starlike, seq(0x1B, "X", 2, 0, "abcdef", 0x1B, "K", 2, 0, "ab", 0x1B, "k", 1, 0, make([]byte, 24)), "ESC X ESC K ESC k", nil},
		{"columns with kicks", starlike, seq(0x1B, "L", 5, 0, 7, 0x1C, 0x1A, 0x19, "x"), "~ESC L", seq(0x1B, "L", 5, 0, 6, 0x1E, 0x18, 0x18, "x")},
		{"rows as long as a kick", starlike, seq(0x1B, "k", 0x1A, 0, bytes.Repeat([]byte("x"), 24*0x1A), "t"), `~ESC k "t"`, seq(0x1B, "k", 0x1B, 0, bytes.Repeat(seq(bytes.Repeat([]byte("x"), 0x1A), 0), 24), "t")},
		{"as many columns as a kick", starlike, seq(0x1B, "L", 7, 0, "abcdefg", "x"), `-ESC L "x"`, seq("x")},
		{"bar code", starlike, seq(0x1B, "b6", 2, 2, 60, "R1-4711", 0x1E, "x"), `ESC b "x"`, nil},
		{"bar code with a kick", starlike, seq(0x1B, "b6", 2, 2, 60, "R1", 7, "11", 0x1E), `-ESC b "R1" kick1 "11" -RS`, seq("R111")},
		{"QR", starlike, seq(0x1B, 0x1D, "yS0", 2, 0x1B, 0x1D, "yD1", 0, 5, 0, "hello", 0x1B, 0x1D, "yP"), "ESC GS y ESC GS y ESC GS y", nil},
		{"QR as long as a kick", starlike, seq(0x1B, 0x1D, "yD1", 0, 7, 0, "receipt", 0x1B, 0x1D, "yP", "x"), `-ESC GS y -ESC GS y "x"`, seq("x")},
		{"PDF417", starlike, seq(0x1B, 0x1D, "xS0", 0, 1, 2, 0x1B, 0x1D, "xS1", 2, 0x1B, 0x1D, "xD", 3, 0, "abc", 0x1B, 0x1D, "xP"), "ESC GS x ESC GS x ESC GS x ESC GS x", nil},
		{"job's end, for who counts", every[:3], seq(0x1B, 0x1E, "a", 3, 0x1B, 0x1D, 3, 1, 0, 0, 0x17), "ESC RS a ESC GS ETX ETB", nil},
		{"questions", every[:3], seq(5, 0x1B, 6, 1, 0x1B, 0x1E, "a", 0), "ENQ ESC ACK SOH ESC RS a", nil},
		{"buzzer on the drawer's terminal", starlike, seq(0x1B, 0x1D, 0x19, 0x12, 1, 4, 4, "x"), `kick1 "x"`, seq("x")},
		{"a parameter and text that are a kick", starlike, seq(0x1B, "3", 0x1B, "*rV"), `ESC 3 "*r" ~NUL "V"`, seq(0x1B, "3", 0x1B, "*r", 0, "V")},
		{"macro", starlike, seq(0x1B, 0x1D, "+", 7, "x"), `-ESC GS + kick1 "x"`, seq("x")},
		{"logo with macros", starlike, seq(0x1B, 0x1D, "/W", "x"), `-ESC GS / "Wx"`, seq("Wx")},
		{"stored logo", starlike, seq(0x1B, 0x1C, "p", 1, 0, "x"), `-ESC FS p "x"`, seq("x")},
		{"storing logos", starlike, seq(0x1B, 0x1C, "q", 1, 1, 0, 1, 0, 7, 7, 7, 7, 7, 7, 7, 7, "x"), `-ESC FS q "x"`, seq("x")},
		{"marks that are kept", starlike, seq(0x1B, 0x1D, "*", "x"), `-ESC GS * "x"`, seq("x")},
		{"clearing on arrival", every[:3], seq(0x1B, 6, 0x18, "x"), `-ESC ACK CAN "x"`, seq("x")},
		{"pages in lines and inches", starlike, seq(0x1B, "C", 20, 0x1B, "C", 0, 11, "x"), `ESC C ESC C "x"`, nil},
		{"passing over", []string{"star-raster"}, seq(0x1B, "*rA", 0x1B, "*rN5", 0, 0x1B, "*rB"), `ESC * r -ESC * r ESC * r`, seq(0x1B, "*rA", 0x1B, "*rB")},
		{"memory switches", starlike, seq(0x1B, "#N", 4, "0000", 0x0A, 0, 0x1B, "?", 0x0A, 0, "x"), `-ESC # -ESC ? "x"`, seq("x")},
		{"GS and DLE begin nothing", starlike, seq(0x1D, "!", 0x10, 0x14, 1), `-GS "!" -DLE DC4 -SOH`, seq("!", 0x14)},
		{"raster job", []string{"star-line", "star-raster", "starprnt"}, seq(0x1B, "*rA", 0x1B, "*rP0", 0, "b", 2, 0, 0xF0, 0, "k", 1, 0, 0x0F, 0x1B, "*rY12", 0, 0x1B, 0x0C, 0, 0x1B, "*rB", "a"), `ESC * r ESC * r b k ESC * r ESC FF ESC * r "a"`, nil},
		{"raster job with kicks", []string{"star-raster"}, seq(0x1B, "*rA", "b", 4, 0, 7, 0x1C, 0x1A, 0x19, 7, 0x1B, "*rD1", 0, 0x1B, "*rD2", 0, 0x1B, "*rV13;2", 0, 0x1B, "*rB"), `ESC * r ~b kick1 kick1 kick2 kick1 ESC * r`, seq(0x1B, "*rA", "b", 4, 0, 6, 0x1E, 0x18, 0x18, 0x1B, "*rB")},
		{"row as long as a kick", []string{"star-raster"}, seq(0x1B, "*rA", "b", 0x19, 0, bytes.Repeat([]byte("x"), 0x19), "b", 7, 0, "abcdefg", 0x1B, "*rB"), `ESC * r ~b ~b ESC * r`, seq(0x1B, "*rA", "b", 0x1B, 0, bytes.Repeat([]byte("x"), 0x19), 0, 0, "b", 8, 0, "abcdefg", 0, 0x1B, "*rB")},
		{"letters in raster mode", []string{"star-raster"}, seq(0x1B, "*rA", "z", 0x1B, "*rB"), `ESC * r -z ESC * r`, seq(0x1B, "*rA", 0x1B, "*rB")},
		{"raster job that breaks off", []string{"star-raster"}, seq(0x1B, "*rA", "b", 3, 0, "a"), `ESC * r ~b ~end of mode`, seq(0x1B, "*rA", "b", 3, 0, "a", 0, 0, 0x1B, "*rB")},
		{"kick in raster mode with other words", []string{"star-raster"}, seq(0x1B, "*rA", 0x1B, "*rDx", 0x1B, "*rB"), `ESC * r kick1 -D -x ESC * r`, seq(0x1B, "*rA", 0x1B, "*rB")},
		{"StarPRNT picture", []string{"starprnt"}, seq(0x1B, 0x1D, "S", 1, 2, 0, 2, 0, 0, 7, 0x1C, 0x1A, 0x19), "~ESC GS S", seq(0x1B, 0x1D, "S", 1, 2, 0, 2, 0, 0, 6, 0x1E, 0x18, 0x18)},

		{"citizen: a line that is kept", []string{"citizen-cbm"}, seq(0x1B, "/", 1, "Thank you\n", 0x1B, 0x13, 1), `-ESC / "Thank you\n" -ESC DC3`, seq("Thank you\n")},
		{"citizen: a parameter that begins one", []string{"citizen-cbm"}, seq(0x1B, "3", 0x1B, "/x"), `ESC 3 ~NUL "/x"`, seq(0x1B, "3", 0x1B, 0, "/x")},
		{"citizen: columns with kicks", []string{"citizen-cbm"}, seq(0x1B, "K", 4, 0, 7, 0x1C, 0x1A, "x"), "~ESC K", seq(0x1B, "K", 4, 0, 6, 0x1E, 0x18, "x")},
		{"citizen: what models read differently", []string{"citizen-cbm"}, seq(0x0C, 0x1B, "P", 5, "x"), `-FF -ESC P -ENQ "x"`, seq("x")},

		{"ithaca: a drawer in a product's name", []string{"ithaca"}, seq("Shirt &%D1 red &%d2"), `"Shirt " kick1 " red " kick2`, seq("Shirt  red ")},
		{"ithaca: ampersands", []string{"ithaca"}, seq("R&D, 3&4 & more&"), `"R&D, 3&4 & more&"`, nil},
		{"ithaca: text commands", []string{"ithaca"}, seq("&%JCTotal&%FL02&%MUx&%CU&%UA010&%FC"), `&% "Total" &% &% "x" &% &% &%`, nil},
		{"ithaca: text commands cut short", []string{"ithaca"}, seq("&%FL0x&%F"), `"&" ~SP "%FL0x&" ~SP "%F"`, seq("& %FL0x& %F")},
		{"ithaca: a text command without its digits", []string{"ithaca"}, seq("&%FL0 x&%CL:"), `"&" ~SP "%FL0 x&" ~SP "%CL:"`, seq("& %FL0 x& %CL:")},
		{"ithaca: small letters", []string{"ithaca"}, seq("a&%fc"), `"a&" ~SP "%fc"`, seq("a& %fc")},
		{"ithaca: another text command", []string{"ithaca"}, seq("a&%URnameb"), `"a&" ~SP "%URnameb"`, seq("a& %URnameb")},
		{"ithaca: a drawer around a kick", []string{"ithaca"}, seq("&", 7, "%D1&", 0, "%D1"), `"&" kick2 ~SP "%D1&" -NUL ~SP "%D1"`, seq("& %D1& %D1")},
		{"ithaca: a drawer in a drawer", []string{"ithaca"}, seq("&&%D1%D1"), `"&" kick1 ~SP "%D1"`, seq("& %D1")},
		{"ithaca: kicks", []string{"ithaca"}, seq(8, 7, 0x1B, "x1", 0x1B, "x", 2, 0x1B, "p", 0, 25, 250, 0x1B, "+"), "kick1 kick2 kick1 kick2 kick1 kick1", []byte{}},
		{"ithaca: macros", []string{"ithaca"}, seq(0x1B, 0x1F, "bstart", 0, 0x1B, "g", 1, "x", 0x1B, "g", 0), `-ESC US -ESC g "x" -ESC g`, seq("x")},
		{"ithaca: the journal", []string{"ithaca"}, seq(0x1B, "l", 3, "x"), `-ESC l "x"`, seq("x")},
		{"ithaca: off", []string{"ithaca"}, seq(0x1B, "y", 17, "x"), `-ESC y "x"`, seq("x")},
		{"ithaca: picture", []string{"ithaca"}, seq(0x1B, "K", 4, 0, "&%", 7, 8), `~ESC K`, seq(0x1B, "K", 4, 0, "&$", 6, 9)},
		{"ithaca: a reset in a picture", []string{"ithaca"}, seq(0x1B, "K", 2, 0, 5, 10), `~ESC K`, seq(0x1B, "K", 2, 0, 5, 11)},
		{"ithaca: cut and styles", []string{"ithaca"}, seq(0x1B, "W1", "x", 0x1B, "R", 0x1B, "51", 0x1B, "%G", 0x1B, "[@", 4, 0, 1, 0, 2, 2, 0x1B, "v"), `ESC W "x" ESC R ESC 5 ESC % ESC [ @ ESC v`, nil},
		{"ithaca: questions", []string{"ithaca"}, seq(5, 1, 5, 20, "x"), `ENQ n ENQ n "x"`, nil},
		{"ithaca: reset", []string{"ithaca"}, seq("a", 5, 10, "x"), `"a" -ENQ "\nx"`, seq("a\nx")},
		{"ithaca: a parameter and a line feed that reset", []string{"ithaca"}, seq(0x1B, "J", 5, "\nx"), `ESC J ~NUL "\nx"`, seq(0x1B, "J", 5, 0, "\nx")},

		{"suremark: message with its number", []string{"suremark"}, seq(0x1D, ":", 1, 0x1B, "p", 0, 25, 250, 0x1D, ":", 1, 0x1D, "^", 1, "x"), `-GS : kick1 -GS : -GS ^ "x"`, seq("x")},
		{"suremark: styles, tabs and cut", []string{"suremark"}, seq(0x1B, "W1", 0x1B, "G1", 0x1B, "D", 0, 100, 1, 44, 0, 0, "a\tb\n", 0x1B, "d", 3, 0x1B, "m"), `ESC W ESC G ESC D "a\tb\n" ESC d ESC m`, nil},
		{"suremark: tabs without an end", []string{"suremark"}, seq(0x1B, "D", "abcdefghijklmn"), `-ESC D "abcdefghijklmn"`, seq("abcdefghijklmn")},
		{"suremark: picture with kicks", []string{"suremark"}, seq(0x1B, "*", 0, 1, 1, 7, 0x1B, "p", 0x10, 5, "&%x"), `~ESC *`, seq(0x1B, "*", 0, 1, 1, 6, 0x1B, "q", 0x10, 1, "&$x")},
		{"suremark: bar code", []string{"suremark"}, seq(0x1D, "k", 4, "ABC-1", 0, 0x1D, "k", 9, "x"), `GS k -GS k "x"`, seq(0x1D, "k", 4, "ABC-1", 0, "x")},
		{"suremark: flash and tables", []string{"suremark"}, seq(0x1B, "#", 2, 0x1B, "M", 1, 2, 3, 0x1B, "'", 0x1D, "*", 1, 1, 1, "12345678", "x"), `-ESC # -ESC M -ESC ' -GS * "x"`, seq("x")},
		{"commonest commands", []string{"generic"}, seq(0x1B, "@", 0x1B, "a1", 0x1B, "E1", "Total\n", 0x1D, "VB", 0), "ESC @ ESC a ESC E \"Total\\n\" GS V", nil},
		{"other printers' kicks", []string{"generic"}, seq(0x1B, "x", 2, 0x1B, "p", 0, 25, 250, "&%D1", 0x1B, 7, 20, 20), "kick2 kick1 kick1 -ESC BEL", []byte{}},
		{"single kicks", []string{"generic"}, seq("a", 7, "b", 0x1A), `"a" kick1 "b" kick1`, seq("ab")},
		{"commands that begin with FS", []string{"generic"}, seq(0x1C, ".", "a", 0x1C, "!", 1, "b"), `-FS . "a" -FS ! "b"`, seq("ab")},
		{"questions", []string{"generic"}, seq(0x10, 4, 1, "x"), `-DLE -EOT -SOH "x"`, seq("x")},
		{"raster with kicks", []string{"generic"}, raster(1, 6, seq(7, 8, 0x19, 0x1A, 0x1C, 0x10)), "~GS v 0", raster(1, 6, seq(6, 9, 0x18, 0x18, 0x1E, 0x10))},
	}
	for _, test := range tests {
		for _, name := range test.dialects {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				d, err := DialectNamed(name)
				if err != nil {
					t.Fatal(err)
				}
				holds(t, d, test.in, test.told, test.out)
			})
		}
	}
}

// TestPrintedBytesBeginNothing: runs of text are passed over without a look, so
// no byte of them may be a pattern or begin one, the literal one excepted.
func TestPrintedBytesBeginNothing(t *testing.T) {
	for _, d := range dialects {
		for _, m := range d.modes {
			text := 0
			for c := range 256 {
				if m.role[c] != printed {
					continue
				}
				if c >= 0x20 {
					text++
				}
				if d.sent.begin[c] && byte(c) != m.literal {
					t.Errorf("%s: %02X is printed and begins a pattern", d.name, c)
				}
			}
			if text != 0 && text != 224 && (text != 223 || m.literal == 0) {
				t.Errorf("%s: %d bytes are text: they are all, or none is", d.name, text)
			}
		}
	}
}

// TestRowsMakeLines: a receipt of rows of dots has lines, too.
func TestRowsMakeLines(t *testing.T) {
	d, err := DialectNamed("star-raster")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	NewFilter(d).Feed(seq(0x1B, "*rA", bytes.Repeat([]byte("b\x01\x00\xFF"), 72)), func(s *Segment) { lines += s.Lines })
	if lines != 3 {
		t.Errorf("72 rows are %d lines", lines)
	}
}

// sample is what is known of a dialect's streams: orders to open a drawer, by
// drawer; commands that pass to the byte; and what is refused or changed, and is
// no text. Each is a whole one.
type sample struct {
	kicks map[int][]string
	same  []string
	rest  []string
	// picture gives one with these dots.
	picture func(dots []byte) []byte
}

func columns(command string) func([]byte) []byte {
	return func(dots []byte) []byte { return seq(0x1B, command, len(dots), 0, dots) }
}

func samples() map[string]sample {
	star := sample{
		kicks: map[int][]string{1: {"\x07", "\x1c", "\x1b\x1d\x19\x11\x01\x02\x03", "\x1b*rD1\x00"}, 2: {"\x1a", "\x19", "\x1b*rD2\x00"}},
		same: []string{
			"\x1b@", "\x1bE", "\x1bF", "\x1b4", "\x1b5", "\x1bz1", "\x1bi\x01\x00", "\x1bd3", "\x1b\x1da1", "\x1b\x1dA\x10\x00", "\x1b\x1eF\x10", "\x1b\x1dt\x20", "\x1b$1",
			"\x1bJ\x10", "\x1ba\x03", "\x1bD\x08\x10\x00", "\x05", "\x1b\x06\x01", "\x1b\x1ea\x00", "\x1b\x1d\x03\x01\x00\x00", "\x17", "\x18", "\x0e", "\x14",
			"\x1b3\x1b", "\x1bJ\x10", "\x1bb6220ABC\x1e", "\x1b\x1dyD1\x00\x03\x00abc",
		},
		rest: []string{
			"\x1b\x07\x14\x14", "\x1b\x1d+", "\x1b\x1d/", "\x1b\x1d#", "\x1bp", "\x1b\x1cp\x01\x00", "\x1b?\x0a\x00", "\x1bJ\x07", "\x1b\x1dA\x1a\x00",
			"\x1b\x06\x18", "\x10", "\x1d", "\x01", "\x1b\x1dyD1\x00\x07\x00abcdefg", "\x1b#N40000\x0a\x00",
		},
		picture: columns("L"),
	}
	prnt := star
	prnt.picture = func(dots []byte) []byte { return seq(0x1B, 0x1D, "S", 1, len(dots), 0, 1, 0, 0, dots) }
	rows := star
	rows.same = []string{"\x1b@", "\x05", "\x1b\x06\x01", "\x1b\x1ea\x00", "\x1b\x1d\x03\x01\x00\x00", "\x17", "\x1b*rA\x1b*rP0\x00b\x01\x00x\x1b\x0c\x00\x1b*rB"}
	rows.rest = []string{"\x1b\x07\x14\x14", "\x1b\x1d+", "\x1b\x1d/", "\x1b?\x0a\x00", "\x10", "\x1d", "\x1b*rA\x1b*rN5\x00\x1b*rB"}
	rows.picture = func(dots []byte) []byte { return seq(0x1B, "*rAb", len(dots), 0, dots, 0x1B, "*rB") }
	return map[string]sample{
		"star-line": star, "starprnt": prnt, "star-raster": rows,
		"citizen-cbm": {
			kicks:   map[int][]string{1: {"\x07", "\x1c"}, 2: {"\x1a", "\x19"}},
			same:    []string{"\x1b@", "\x1bE", "\x1b4", "\x1b5", "\x1bW1", "\x1bh1", "\x1bd1", "\x1bJ\x10", "\x1bN\x02", "\x0e", "\x0f", "\x1b3\x1b"},
			rest:    []string{"\x1b\x07\x14\x14", "\x1b/\x01", "\x1b\x13\x01", "\x0c", "\x1bP", "\x1bp", "\x10", "\x1bJ\x1a", "\x1e"},
			picture: columns("K"),
		},
		"ithaca": {
			kicks: map[int][]string{1: {"\x08", "&%D1", "&%d1", "\x1bx1", "\x1bx\x01", "\x1bp\x00\x19\xfa", "\x1b+"}, 2: {"\x07", "&%D2", "\x1bx\x02", "\x1bp1\x19\xfa"}},
			same: []string{
				"\x1b@", "\x1bE", "\x1bF", "\x1bW1", "\x1b-1", "\x1ba1", "\x1bR", "\x1bd\x03", "\x1bv", "\x1b[@\x04\x00\x01\x00\x02\x02", "\x1b%G", "\x05\x01", "\x05\x14",
				"&%JC", "&%FL03", "&%FC", "&%MU", "&%CU", "&%CL1", "&%UA020", "\x1b3\x1b", "\x1b3&", "\x0e", "\x14",
			},
			rest:    []string{"\x1b\x1fbname\x00", "\x1bg\x01", "\x1bl\x03", "\x1by\x11", "\x10", "\x1d", "\x1a", "\x1bJ\x08", "\x1b!\x10", "\x03"},
			picture: columns("Y"),
		},
		"suremark": {
			kicks:   map[int][]string{1: {"\x1bp\x00\x19\xfa", "&%D1", "\x07", "\x08"}, 2: {"\x1bp1\x19\xfa", "&%D2"}},
			same:    []string{"\x1b@", "\x1bG1", "\x1bW1", "\x1bt\x02", "\x1bd\x03", "\x1bm", "\x1bD\x00\x64\x00\x00", "\x1dk\x04AB-1\x00", "\x1d/\x00\x01", "\x1b3\x1b", "\x1b$\x01\x10"},
			rest:    []string{"\x1d:\x01", "\x1d^\x01", "\x1b#\x02", "\x1bM\x01\x02\x03", "\x1dVB\x00", "\x1d(k\x04\x001P0a", "\x1bJ\x07", "\x10", "\x1c.", "\x1bE\x01"},
			picture: func(dots []byte) []byte { return seq(0x1B, "*", 0, 1, 5, dots[:40]) },
		},
		"generic": {
			kicks:   map[int][]string{1: {"\x1bp\x00\x19\xfa", "&%D1", "\x07", "\x08", "\x1bx1", "\x1a"}, 2: {"\x1bp1\x19\xfa", "&%D2", "\x1bx2"}},
			same:    []string{"\x1b@", "\x1bE\x01", "\x1ba1", "\x1bt\x02", "\x1bd\x03", "\x1bm", "\x1dV0", "\x1dk\x04AB-1\x00", "\x1b=\x01", "\x1b3\x1b", "\x1d(k\x04\x001P0a"},
			rest:    []string{"\x1d:", "\x1d^\x01\x00\x01", "\x1b=\x02", "\x1bJ\x07", "\x10", "\x1c.", "\x1bJ\x1c", "\x1b\x07\x14\x14"},
			picture: func(dots []byte) []byte { return raster(len(dots), 1, dots) },
		},
	}
}

// TestInvariant3InOtherDialects is TestInvariant3 for each of them: every kick is
// seen and none leaves, all text goes on, and what is harmless passes to the byte,
// wherever it stands.
func TestInvariant3InOtherDialects(t *testing.T) {
	all := samples()
	for _, d := range dialects[slices.IndexFunc(dialects, func(d *Dialect) bool { return d.name == "star-line" }):] {
		s, ok := all[d.name]
		if !ok {
			t.Fatalf("%s has no sample", d.name)
		}
		alphabet := nastyOf(d)
		texts := []string{"Milk 1.20\n", "R&D", "3 & 4", "50%", "%D1", "pay", "x1", "+", "/", "D", "rD", "*rD1", "=", "#", "g", "S\u00fc\u00df \u00e4", "\t\r\n"}
		t.Run(d.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				var in, text []byte
				var drawers []int
				var same [][]byte
				for range rapid.IntRange(1, 12).Draw(t, "parts") {
					switch rapid.IntRange(0, 5).Draw(t, "what") {
					case 0, 1:
						b := rapid.OneOf(rapid.SampledFrom(texts), rapid.StringMatching(`[ -$'-~]{1,30}`)).Draw(t, "text")
						in, text = append(in, b...), append(text, b...)
					case 2:
						n := rapid.IntRange(1, 2).Draw(t, "drawer")
						in, drawers = append(in, rapid.SampledFrom(s.kicks[n]).Draw(t, "kick")...), append(drawers, n)
					case 3:
						b := []byte(rapid.SampledFrom(s.same).Draw(t, "same"))
						in, same = append(in, b...), append(same, b)
					case 4:
						in = append(in, rapid.SampledFrom(s.rest).Draw(t, "rest")...)
					default:
						in = append(in, s.picture(bytesOf(alphabet, 40, 40).Draw(t, "dots"))...)
					}
				}
				out, segments := readAs(d, in)
				checkAs(t, d, in, out, segments)
				var got []byte
				var kicked []int
				for _, s := range segments {
					switch s.Kind {
					case Text:
						got = append(got, s.Bytes...)
					case Kick:
						kicked = append(kicked, s.Drawer)
					}
				}
				if !bytes.Equal(got, text) {
					t.Fatalf("text\n got %q\nwant %q\n in % X\n %s", got, text, in, told(segments))
				}
				if !slices.Equal(kicked, drawers) {
					t.Fatalf("kicks %v, want %v\n in % X\n %s", kicked, drawers, in, told(segments))
				}
				for rest := out; len(same) > 0; same = same[1:] {
					i := bytes.Index(rest, same[0])
					if i < 0 {
						t.Fatalf("% X does not leave\n in % X\nout % X", same[0], in, out)
					}
					rest = rest[i+len(same[0]):]
				}
			})
		})
	}
}

// nastyOf is a dialect's alphabet of those who look for a way through: what its
// patterns are made of, what commands begin with, and how they go on.
func nastyOf(d *Dialect) []byte {
	all := slices.Concat(nasty, bytes.Join(kicksOf(d), nil))
	for _, m := range d.modes {
		for lead, table := range m.table {
			if table == nil {
				continue
			}
			all = append(all, byte(lead), byte(lead), byte(lead), byte(lead))
			if byte(lead) < 0x20 {
				for c := range table {
					if table[c] != nil {
						all = append(all, byte(c))
					}
				}
			}
		}
	}
	return all
}
