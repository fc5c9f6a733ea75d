package sim

import (
	"reflect"
	"strings"
	"testing"
)

func TestReceiptAsText(t *testing.T) {
	sale, err := Slip{Kind: "sale"}.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, "epson").feed(string(sale))
	want := strings.Join([]string{
		"               CORNER SHOP", "Register 1", "",
		"Milk 1 l                    1.19", "Bread                       2.40", "Apples 0.842 kg             2.52",
		"Coffee 250 g                4.99", "Newspaper                   1.80", "--------------------------------",
		"TOTAL                      12.90", "CASH                       20.00", "CHANGE                      7.10", "",
		"Thank you", "[partial cut]",
	}, "\n")
	if got := b.printed(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := b.pulsed(); got != "1 ESC p buffer" {
		t.Error(got)
	}
}

func TestPrinting(t *testing.T) {
	for name, c := range map[string]struct{ stream, want string }{
		"wrapped":      {strings.Repeat("0123456789", 5) + "\n", "012345678901234567890123456789012345678901\n23456789"},
		"double width": {"\x1b!\x20" + strings.Repeat("x", 22) + "\n", strings.Repeat("x", 21) + "\nx"},
		"font B":       {"\x1bM\x01" + strings.Repeat("x", 57) + "\n", strings.Repeat("x", 56) + "\nx"},
		"right":        {"\x1ba\x02abc\n", strings.Repeat(" ", 39) + "abc"},
		"tab":          {"a\tb\n", "a       b"},
		"position":     {"a\x1b$\x3c\x00b\n", "a    b"},
		"code page":    {"\x9b\x1bt\x10\x80\n", "¢€"},
		"feeds":        {"a\x1bd\x03b\x1bd\x64", "a\n\n\nb\n[feed 99 lines]"},
		"dots":         {"a\x1bJ\x1eb\n", "a\nb"},
		"image":        {"\x1dv0\x00\x02\x00\x03\x00abcdef", "[image 16 x 3]"},
		"bit image":    {"a\x1b*\x00\x02\x00xyz\n", "a▒z"},
		"bar code":     {"\x1dk\x04ABC\x00\x1dkI\x05{B123", "[bar code CODE39: ABC]\n[bar code CODE128: {B123]"},
		"symbol":       {"\x1d(k\x06\x001P0abc\x1d(k\x03\x001Q0", "[QR code: abc]"},
		"logo":         {"\x1cp\x02\x00", "[logo 2]"},
		"cuts":         {"a\x1dV\x00\x1dV\x42\x10\x1bi", "a\n[cut]\n[partial cut]\n[partial cut]"},
		"page":         {"\x1bLa\nb\n\x1b\x0cc\n\x0cd\n", "a\nb\na\nb\nc\nd"},
		"page lost":    {"\x1bLa\n\x18b\n\x0c\x1bLc\n\x1bSd\n", "b\nd"},
		"control":      {"a\x00\x01\x7f\x0db\n", "a?b"},
		"clearing":     {"lost" + string(clearBuffers) + "kept\n", "kept"},
		"hex dump":     {"\x1d(A\x02\x00\x00\x010123456789abcdef", "30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := newBench(t, "epson").feed(c.stream).printed(); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestLooks(t *testing.T) {
	for name, c := range map[string]struct{ model, stream, want string }{
		"plain":            {"epson", "a\n", "a"},
		"bold":             {"epson", "a\x1bE\x01b\x1bE\x00c\nd\n", "a{bold=1}b{bold=0}c\nd"},
		"goes on":          {"epson", "\x1d!\x11a\nb\n", "{size=17}a\n{size=17}b"},
		"print mode":       {"epson", "\x1b!\xb9a\n", "{font=1 size=17 bold=1 underline=1}a"},
		"initialised":      {"epson", "\x1bE\x01\x1b3\x00\x1b@a\n", "a"},
		"empty line":       {"epson", "\x1b3\x00\n\x1b2\n", "{spacing=0}\n"},
		"places":           {"epson", "a\x1b$\x3c\x00b\x1b\\\x18\x00c\n", "a{at 60}b{by 24}c"},
		"tab":              {"epson", "\x1bD\x04\x0a\x00a\tb\tc\td\n", "a{tab}b{tab}cd"},
		"feeds":            {"epson", "a\x1bJ\x1e", "a{feed 30 dots}"},
		"cut":              {"epson", "\x1dVB\x07", "[partial cut, fed 7]"},
		"bar code":         {"epson", "\x1dh\x3c\x1dH\x02\x1dkI\x06{C\x01\x02\x03\x04", "{bar-height=60 bar-text=2}[bar code CODE128: \"{C\\x01\\x02\\x03\\x04\"]"},
		"symbol":           {"epson", "\x1d(k\x03\x001C\x06\x1d(k\x06\x001P0abc\x1d(k\x03\x001Q0", "[QR code [0 0 6 0 0 0]: \"abc\"]"},
		"code page":        {"epson", "\x1bt\x10\x80\n", "{code-page=16}€"},
		"own glyph":        {"epson", "\x1b&\x03AB\x02123456\x01789\x1b%\x01ABC\x1b%\x00A\n", "{own-glyphs=1}<glyph 313233343536><glyph 373839>C{own-glyphs=0}A"},
		"GB 18030":         {"kanji", "\x1c&\xc4\xcc\xc5\xa3 1\x1c.\n", "<c4cc><c5a3> 1"},
		"Shift JIS":        {"kanji", "\x1cC\x01\x8b\x8d\xb1\xe0\x40\n", "<8b8d>▒<e040>"},
		"Kanji's style":    {"kanji", "\x1c&\x1c-\x01\x1cS\x01\x02\x1c(A\x02\x00\x30\x01\xc4\xcc\n", "{kanji-line=1 kanji-gap=513 kanji-font=1}<c4cc>"},
		"no Kanji":         {"epson", "\x1c&\xc4\n", "─"},
		"carriage returns": {"epson", "red\rblack\n", "red{CR}black"},
		"page":             {"epson", "\x1bL\x1bW\x01\x00\x02\x00\x03\x00\x04\x00\x1d$\x05\x00a\n\x0c", "{area 01 00 02 00 03 00 04 00}{down to 5}a"},
		"without end":      {"epson", strings.Repeat("\x1bE\x01\x1bE\x00\x1b$\x00\x00", 1000) + "a\n", strings.Repeat("{at 0}", maxLook/len("{at 0}")+1)},
	} {
		t.Run(name, func(t *testing.T) {
			lines, _ := newBench(t, c.model).feed(c.stream).Look(0)
			if got := strings.Join(lines, "\n"); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestPictures(t *testing.T) {
	const dots = "\xaa\x55\xff\x00"
	for name, c := range map[string]struct {
		stream string
		want   Picture
	}{
		"raster":           {"a\n\x1dv0\x00\x02\x00\x02\x00" + dots, Picture{2, "GS v 0", 16, 2, HexBytes(dots)}},
		"doubled":          {"\x1dv0\x03\x02\x00\x02\x00" + dots, Picture{1, "GS v 0", 32, 4, HexBytes(dots)}},
		"stored":           {"\x1d8L\x0e\x00\x00\x000p0\x01\x011\x0d\x00\x02\x00" + dots + "\x1d(L\x02\x0002", Picture{1, "GS ( L", 13, 2, HexBytes(dots)}},
		"stored, short":    {"\x1d(L\x0e\x000p0\x01\x021\x0d\x00\x02\x00" + dots + "\x1d(L\x02\x000\x02", Picture{1, "GS ( L", 13, 4, HexBytes(dots)}},
		"stored, columns":  {"\x1d(L\x0c\x000q0\x01\x011\x02\x00\x03\x00\xc0\x40\x1d(L\x02\x0002", Picture{1, "GS ( L", 2, 3, HexBytes("\x80\xc0\x00\x00\x00\x00\x00\x00")}},
		"columns":          {"\x1b*\x00\x03\x00\x80\x01\xff", Picture{0, "ESC * 0", 3, 8, HexBytes("\xa0\x20\x20\x20\x20\x20\x20\x60")}},
		"columns of three": {"\x1b*\x21\x01\x00\x80\x01\x80", Picture{0, "ESC * 33", 1, 24, HexBytes("\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x80\x00\x00\x00\x00\x00\x00\x00")}},
	} {
		t.Run(name, func(t *testing.T) {
			got, next := newBench(t, "epson").feed(c.stream).Pictures(0)
			if len(got) != 1 || next != 1 || !reflect.DeepEqual(got[0], c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
	for name, stream := range map[string]string{
		"of another size":    "\x1d(L\x0e\x000p0\x01\x011\x0d\x00\x03\x00" + dots + "\x1d(L\x02\x0002",
		"printed twice":      "\x1d(L\x02\x0002\x1d(L\x02\x0002",
		"before initialised": "\x1d(L\x0e\x000p0\x01\x011\x0d\x00\x02\x00" + dots + "\x1b@\x1d(L\x02\x0002",
	} {
		if got, _ := newBench(t, "epson").feed(stream).Pictures(0); len(got) > 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	b := newBench(t, "epson")
	for range 3 * maxPaper / 100 {
		b.feed(strings.Repeat("\n", 100))
	}
	lines, next := b.Paper(0)
	if next != 3*maxPaper || len(lines) > maxPaper {
		t.Errorf("%d lines kept, next %d", len(lines), next)
	}
	for range maxPulses + maxPulses/4 {
		b.feed(kick)
	}
	pulses, next := b.Pulses(0)
	if next != maxPulses+maxPulses/4 || len(pulses) > maxPulses || pulses[len(pulses)-1].Number != next-1 {
		t.Errorf("%d pulses kept, next %d", len(pulses), next)
	}
	for range maxPictures + maxPictures/4 {
		b.feed("\x1dv0\x00\x80\x00\xff\x0f" + strings.Repeat("x", 128*0x0fff))
	}
	pictures, next := b.Pictures(0)
	if next != maxPictures+maxPictures/4 || len(pictures) > maxPictures || len(pictures[0].Dots) > maxPicture {
		t.Errorf("%d pictures kept, next %d, the first of %d bytes", len(pictures), next, len(pictures[0].Dots))
	}
	b.feed(strings.Repeat("x", maxCaptured+maxCaptured/4))
	data, next := b.Received(0)
	if len(data) > maxCaptured || len(data) < maxCaptured/2 || next < maxCaptured {
		t.Errorf("%d bytes kept, next %d", len(data), next)
	}
	if tail, _ := b.Received(next - 3); string(tail) != "xxx" {
		t.Errorf("the last three: %q", tail)
	}
	if _, ok := b.Received(next + 100); ok != next {
		t.Error("beyond the end")
	}
}

func TestModels(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range allModels() {
		if seen[m.Name] || m.Columns == 0 || m.RasterWidth == 0 != m.Star {
			t.Errorf("%+v", m)
		}
		seen[m.Name] = true
	}
	if _, err := ModelNamed("other"); err == nil {
		t.Error("there is any")
	}
}
