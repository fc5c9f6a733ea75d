package sim

import (
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
	for _, m := range Models() {
		if seen[m.Name] || m.Columns == 0 || m.RasterWidth == 0 {
			t.Errorf("%+v", m)
		}
		seen[m.Name] = true
	}
	if _, err := ModelNamed("star"); err == nil {
		t.Error("there is a Star")
	}
}
