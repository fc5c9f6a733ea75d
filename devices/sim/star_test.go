package sim

import (
	"reflect"
	"strings"
	"testing"
)

func TestStarPrints(t *testing.T) {
	for name, c := range map[string]struct{ model, stream, want string }{
		"text":         {"star", "\x1b@a\nb\n", "a\nb"},
		"styles":       {"star", "\x1bEa\x1bF\x1b-1b\x1b-0\x1b4c\x1b5\x1bi\x01\x01d\n", "{bold=1}a{bold=0 underline=1}b{underline=0 inverted=1}c{size=17 inverted=0}d"},
		"wide, upside": {"star", "\x0ea\x14\x0fb\x12c\n", "{size=16}a{size=0 upside-down=1}b{upside-down=0}c"},
		"places":       {"star", "\x1b\x1da\x01a\x1b\x1dA\x3c\x00b\x1b\x1dR\x18\x00c\n", "{align=1}a{at 60}b{by 24}c"},
		"code page":    {"star", "\x1b\x1dt\x20\x80\x1b\x1dt\x04\xd5\n", "{code-page=16}€{code-page=19}€"},
		"spacing":      {"star", "\x1b0a\n\x1bz1b\n", "{spacing=24}a\nb"},
		"cut":          {"star", "a\n\x1bd3", "a\n[cut 3]"},
		"bar code":     {"star", "\x1bb\x06\x02\x02\x3cR1-4711\x1ea\n", "[bar code 6 2 2 60: \"R1-4711\"]\na"},
		"QR":           {"star", "\x1b\x1dyS0\x02\x1b\x1dyS1\x01\x1b\x1dyS2\x06\x1b\x1dyD1\x00\x03\x00abc\x1b\x1dyP", "[QR code [2 1 6 0 0 0]: \"abc\"]"},
		"PDF417":       {"star", "\x1b\x1dxS0\x00\x01\x02\x1b\x1dxS1\x02\x1b\x1dxD\x03\x00abc\x1b\x1dxPd\n", "[PDF417 code [513 2 0 0 0 0]: \"abc\"]\nd"},
		"Kanji":        {"star-china", "\xc4\xcc\xc5\xa3\n", "<c4cc><c5a3>"},
		"Shift JIS":    {"star", "\x1b$1\x8b\x8d\x1b$0\xb1\n", "<8b8d>▒"},
		"counts":       {"star", "\x1b\x1d\x03\x01\x00\x00a\n", "a"},
		"raster mode":  {"star", "\x1b*rA\x1b*rP0\x00b\x02\x00\xf0\x00b\x01\x00\x0f\x1b*rY12\x00\x1b\x0c\x00\x1b*rBa\n", "{b}\n{b}\n{down by 12}\n[partial cut]\na"},
		"switches":     {"star", "\x1b#N,0000\n\x00a\n", "a"},
		"unknown":      {"star", "\x1b\x7fa\n", "a"},
		"GS and FS":    {"star", "\x1d!a\n", "!a"},
	} {
		t.Run(name, func(t *testing.T) {
			lines, _ := newBench(t, c.model).feed(c.stream).Look(0)
			if got := strings.Join(lines, "\n"); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestStarPictures(t *testing.T) {
	for name, c := range map[string]struct {
		stream string
		want   Picture
	}{
		"ESC k":    {"\x1bk\x01\x00" + strings.Repeat("\x07", 24) + "\n", Picture{0, "ESC k", 8, 24, HexBytes(strings.Repeat("\x07", 24))}},
		"ESC K":    {"\x1bK\x03\x00\x80\x1c\xff", Picture{0, "ESC K", 3, 8, HexBytes("\xa0\x20\x20\x60\x60\x60\x20\x20")}},
		"ESC X":    {"\x1bX\x01\x00\x80\x07\x80", Picture{0, "ESC X", 1, 24, HexBytes("\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x80\x80\x80\x00\x00\x00\x00\x00\x00\x00")}},
		"raster":   {"\x1b*rAb\x02\x00\x07\x1ck\x00\x00b\x01\x00\x19\x1b*rB", Picture{2, "b", 16, 3, HexBytes("\x07\x1c\x00\x00\x19\x00")}},
		"ESC GS S": {"\x1b\x1dS\x01\x02\x00\x02\x00\x00\x07\x1c\x1a\x19", Picture{1, "ESC GS S", 16, 2, HexBytes("\x07\x1c\x1a\x19")}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, "star").feed(c.stream)
			if got, _ := b.Pictures(0); len(got) != 1 || !reflect.DeepEqual(got[0], c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			if got := b.pulsed(); got != "" {
				t.Errorf("it drives a drawer: %s", got)
			}
		})
	}
}

func TestWhatOpensAStarsDrawer(t *testing.T) {
	for name, c := range map[string]struct{ stream, want string }{
		"BEL":            {"\x07", "1 BEL buffer"},
		"FS":             {"\x1c", "1 FS buffer"},
		"SUB":            {"\x1a", "2 SUB buffer"},
		"EM":             {"\x19", "2 EM buffer"},
		"with its times": {"\x1b\x07\x0a\x32\x07", "1 BEL buffer"},
		"times alone":    {"\x1b\x07\x07\x07", ""},
		"raster":         {"\x1b*rA\x1b*rD1\x00\x1b*rB", "1 ESC * r D buffer"},
		"the buzzer":     {"\x1b\x1d\x19\x12\x01\x01\x01", "1 ESC GS EM buffer"},
		"ESC p":          {kick, "2 EM buffer"},
		"DLE DC4":        {rtKick, ""},
		"in a row":       {"\x1b*rAb\x01\x00\x07\x07", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := newBench(t, "star").feed(c.stream).pulsed(); got != c.want {
				t.Errorf("% x gives %q, want %q", c.stream, got, c.want)
			}
		})
	}
	b := newBench(t, "star").feed("\x1b\x07\x0a\x32\x07")
	if pulses, _ := b.Pulses(0); pulses[0].OnMS != 100 {
		t.Errorf("%+v", pulses[0])
	}
}

func TestStarStatus(t *testing.T) {
	b := newBench(t, "star", func(o *PrinterOptions) { o.OpenIsHigh = true }).feed("\x1b\x06\x01")
	if got := b.answers(); len(got) != 7 || got[0] != 0x0f || got[2] != 0 {
		t.Errorf("% x", got)
	}
	b.feed("\x1bk\x01\x00\x1b\x06\x01") // in whatever it stands
	if got := b.answers(); len(got) != 7 {
		t.Errorf("in a picture: % x", got)
	}
	b.feed(strings.Repeat("\x00", 21), "\x07\x1b\x06\x01")
	if got := b.answers(); len(got) != 7 || got[2] != 4 {
		t.Errorf("open: % x", got)
	}
	b.feed("\x1b\x1ea\x01")
	b.SetCover(true)
	if got := b.answers(); len(got) != 7 || got[2] != 0x2c {
		t.Errorf("told by itself: % x", got)
	}
}
