package escpos

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

// graphic is a GS ( L with a picture of x by y dots for the print buffer, or to
// be kept (fn 67, 83).
func graphic(fn byte, x, y int, data []byte) []byte {
	p := seq("0", int(fn), "0", 1, 1, "1", x&255, x>>8, y&255, y>>8)
	if fn != 112 && fn != 113 {
		p = seq("0", int(fn), "L1", 1, x&255, x>>8, y&255, y>>8, "1")
	}
	n := len(p) + len(data)
	return seq(0x1D, "(L", n&255, n>>8, p, data)
}

// long is the same as GS 8 L.
func long(g []byte) []byte { return seq(0x1D, "8L", int(g[3]), int(g[4]), 0, 0, g[5:]) }

// TestEpson: what is documented goes through byte for byte, with dots mended;
// what is not, does not.
func TestEpson(t *testing.T) {
	kick := seq(0x1B, "p", 0, 25, 250)
	mended := seq(0x1B, "q", 0, 25, 250)
	tests := []struct {
		name string
		in   []byte
		told string
		out  []byte // nil: as it came
	}{
		{"graphics", seq(graphic(112, 8, 3, seq("abc")), 0x1D, "(L", 2, 0, "02"), "GS ( L GS ( L", nil},
		{"graphics with a kick", graphic(112, 16, 3, seq(kick, 0)), "~GS ( L", graphic(112, 16, 3, seq(mended, 0))},
		{"graphics in columns", graphic(113, 3, 9, seq("abcdef")), "GS ( L", nil},
		{"graphics of another length", seq(graphic(112, 8, 3, seq("abcd")), "x"), `-GS ( L "x"`, seq("x")},
		{"graphics with a length below their head", seq(0x1D, "(L", 4, 0, "0p00", "x"), `-GS ( L "x"`, seq("x")},
		{"graphics with hardly a length", seq(0x1D, "(L", 1, 0, "0", kick), `-GS ( L kick1`, []byte{}},
		{"graphics without a length", seq(0x1D, "(L", 0, 0, "0p"), `-GS ( L "0p"`, seq("0p")},
		{"graphics in three colours", seq(0x1D, "(L", 13, 0, "0C", "L1", 3, 8, 0, 1, 0, "1abc", "x"), `-GS ( L "x"`, seq("x")},
		{"long graphics", long(graphic(112, 8, 3, seq("abc"))), "GS 8 L", nil},
		{"long graphics with a clear", long(graphic(112, 16, 5, seq(0x10, 0x14, 8, 1, 3, 0x14, 1, 6, 2, 8))), "~GS 8 L", long(graphic(112, 16, 5, seq(0x10, 0x15, 8, 1, 3, 0x14, 1, 6, 2, 8)))},
		{"a length of gigabytes", seq(0x1D, "8L", 0, 0, 0, 0x40, "0p", kick), `-GS 8 L "@0p" kick1`, seq("@0p")},
		{"a picture to keep", graphic(67, 8, 2, seq("ab")), "GS ( L", nil},
		{"a picture to keep with a kick", graphic(83, 8, 5, kick), "~GS ( L", graphic(83, 8, 5, mended)},
		{"printing what is kept", seq(0x1D, "(L", 6, 0, "0EL1", 1, 1), "GS ( L", nil},
		{"deleting what is kept", seq(0x1D, "(L", 5, 0, "0ACLR"), "GS ( L", nil},
		{"asking what is kept", seq(0x1D, "(L", 4, 0, "0@KC"), "-GS ( L", []byte{}},
		{"columns", seq(0x1B, "*", 33, 2, 0, "abcdef", 0x1B, "*", 0, 3, 0, "abc"), "ESC * ESC *", nil},
		{"columns with a kick", seq(0x1B, "*", 1, 5, 0, kick), "~ESC *", seq(0x1B, "*", 1, 5, 0, mended)},
		{"columns of unknown kind", seq(0x1B, "*", 17, kick), "-ESC * kick1", []byte{}},
		{"columns without columns", seq(0x1B, "*", 33, 0, 0, "x"), `-ESC * "x"`, seq("x")},
		{"downloaded picture", seq(0x1D, "*", 1, 1, "abcdefgh", 0x1D, "/", 0), "GS * GS /", nil},
		{"downloaded picture with a kick", seq(0x1D, "*", 1, 1, kick, "xyz"), "~GS *", seq(0x1D, "*", 1, 1, mended, "xyz")},
		{"raster of variable height", seq(0x1D, "Q0", 0, 1, 0, 2, 0, "ab"), "GS Q 0", nil},
		{"stored picture", seq(0x1C, "p", 1, 0), "FS p", nil},
		{"page mode", seq(0x1B, "L", 0x1B, "W", 0, 0, 0, 0, 0, 2, 0, 1, 0x1B, "T", 0, 0x1D, "$", 24, 0, "Ticket", 0x1D, 92, 8, 0, 0x1B, 0x0C, 0x1B, "S"), `ESC L ESC W ESC T GS $ "Ticket" GS \ ESC FF ESC S`, nil},
		{"kick in page mode", seq(0x1B, "L", "a", kick, "b", 0x0C), `ESC L "a" kick1 "b" FF`, seq(0x1B, "Lab", 0x0C)},
		{"page of a size that is a kick", seq(0x1B, "W", 0, 0, 0x1B, "p", 0, 2, 0, 1, "x"), `-ESC W "x"`, seq("x")},
		{"own characters", seq(0x1B, "&", 3, "AB", 2, "abcdef", 0, "x"), `ESC & "x"`, nil},
		{"own characters, wider than there are", seq(0x1B, "&", 3, "AA", 200, "text"), `-ESC & "\xc8text"`, seq(200, "text")},
		{"own characters, unfinished", seq(0x1B, "&", 3, "AB", 1, "abc"), `-ESC &`, []byte{}},
		{"own Kanji", seq(0x1C, "2", 0x77, 0x21, bytes.Repeat([]byte("k"), 72), "x"), `FS 2 "x"`, nil},
		{"own Kanji where there is none", seq(0x1C, "2", "!!", bytes.Repeat([]byte("k"), 72), "x"), `-FS 2 "x"`, seq("x")},
		{"UTF-8", seq(0x1C, "(C", 2, 0, "02", "Käse"), `FS ( C "Käse"`, nil},
		{"paper sensors and buttons", seq(0x1B, "c31", 0x1B, "c50"), "ESC c 3 ESC c 5", nil},
		{"which paper", seq(0x1B, "c01", "x"), `-ESC c 0 "x"`, seq("x")},
		{"auto status", seq(0x1D, "a", 0xFF), "GS a", nil},
		{"answer on request", seq(0x1D, "(H", 6, 0, "00ABCD"), "GS ( H", nil},
		{"answer on request that passes for another", seq(0x1D, "(H", 6, 0, "00", 0, 0x16, 0x16, 0x16, "x"), `-GS ( H "x"`, seq("x")},
		{"buzzer on the drawer's pins", seq(0x1B, "(A", 4, 0, 48, 55, 3, 10, "x"), `-ESC ( A "x"`, seq("x")},
		{"print density", seq(0x1D, "(K", 2, 0, 49, 6), "GS ( K", nil},
		{"GS1 bar codes", seq(0x1D, "k", 75, 13, "0123456789012", 0x1D, "k", 74, 6, "011234"), "GS k GS k", nil},
		{"DataBar that is too short", seq(0x1D, "k", 75, 3, "012", "x"), `-GS k "x"`, seq("x")},
		{"counter", seq(0x1D, "C0", 3, 0, 0x1D, "c"), "GS C GS c", nil},
		{"drawer of Bematech", seq(0x1B, "v", 200, "x"), "-ESC v \"\\xc8x\"", seq(200, "x")},
		{"reverse side, for later", seq(0x1D, "(z", 2, 0, ">0", "x"), `-GS ( z "x"`, seq("x")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { holds(t, epsonDialect, test.in, test.told, test.out) })
	}
}

// TestSII: what Seiko's printers take for a question is not printed.
func TestSII(t *testing.T) {
	d, err := DialectNamed("epson-sii")
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	var segments []Segment
	NewFilter(d).Feed(seq("end\n", 0x12, "q", 0, "x"), collect(&out, &segments))
	if got := told(segments); got != `"end\n" -DC2 q "x"` {
		t.Error(got)
	}
}

// TestPage: text of ours would go into the page.
func TestPage(t *testing.T) {
	f := NewFilter(epsonDialect)
	none := func(*Segment) {}
	for _, step := range []struct {
		in   []byte
		page bool
	}{
		{seq("a", 0x1B, "L", "b"), true},
		{seq(0x1B, 0x0C), true},
		{seq(0x1B, "S"), false},
		{seq(0x1B, "L"), true},
		{seq(0x0C), false},
		{seq(0x1B, "L"), true},
		{seq(0x1B, "@"), false},
	} {
		if f.Feed(step.in, none); f.Page() != step.page {
			t.Errorf("after % X: %v", step.in, f.Page())
		}
	}
}

// TestAllow: single commands can be let through by name, and the dangerous ones
// not; the patterns stay.
func TestAllow(t *testing.T) {
	d, err := epsonDialect.Allow("GS z", "FS g", "GS ( C")
	if err != nil {
		t.Fatal(err)
	}
	in := seq(0x1D, "z", 1, 2, 3, 0x1D, "(C", 2, 0, "ab", 0x1D, "j", 1, 0x1D, "z", 0x1B, "p", 0)
	var out []byte
	var segments []Segment
	NewFilter(d).Feed(in, collect(&out, &segments))
	if got := told(segments); got != "GS z GS ( C -GS j -SOH -GS z" && got != "GS z GS ( C -GS j -GS z" {
		t.Error(got)
	}
	if _, segments := read(in); !strings.HasPrefix(told(segments), "-GS z -GS ( C") {
		t.Errorf("the dialect itself has changed: %s", told(segments))
	}
	for _, name := range []string{"GS :", "GS ^", "GS ( A", "GS ( D", "GS ( E", "GS ( M", "ESC ( A", "ESC p", "DLE DC4", "DLE ENQ", "FS q", "ESC v", "GS (", "none"} {
		if _, err := epsonDialect.Allow(name); !errors.Is(err, ErrDialect) {
			t.Errorf("%s: %v", name, err)
		}
		if slices.Contains(epsonDialect.Refused(), name) {
			t.Errorf("%s is offered", name)
		}
	}
	if _, err := epsonDialect.Allow("ESC a"); err != nil {
		t.Errorf("what is let through anyway: %v", err)
	}
	for _, name := range epsonDialect.Refused() {
		if _, err := epsonDialect.Allow(name); err != nil {
			t.Errorf("%s is offered, and %v", name, err)
		}
	}
}

// TestDialectsAreNamed: each has a name of its own and says what it is for.
func TestDialectsAreNamed(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range Dialects() {
		if d.Name() == "" || d.About() == "" || seen[d.Name()] {
			t.Errorf("%q: %q", d.Name(), d.About())
		}
		seen[d.Name()] = true
		if found, err := DialectNamed(d.Name()); err != nil || found != d {
			t.Errorf("%s is not found: %v", d.Name(), err)
		}
	}
	if _, err := DialectNamed("epsom"); !errors.Is(err, ErrDialect) {
		t.Errorf("%v", err)
	}
}
