package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tillwarden/devices/escpos"
)

// masked runs a stream through a mask in the given pieces.
func masked(text bool, pieces ...string) string {
	m := NewMask(escpos.Dialects()[0], text)
	var out []byte
	for _, p := range pieces {
		out = append(out, m.Write([]byte(p))...)
	}
	return string(append(out, m.Idle()...))
}

// number is one that a card could have: zeros but for the last digits.
func number(n int) string {
	s := strings.Repeat("0", n-2) + "1"
	for c := range 10 {
		if x := s + fmt.Sprint(c); valid([]byte(x)) {
			return x
		}
	}
	return ""
}

func valid(s []byte) bool {
	var run []digit
	for _, b := range s {
		run = append(run, digit{value: b - '0'})
	}
	return luhn(run)
}

func TestMask(t *testing.T) {
	pan := number(16)
	wrong := number(13)
	wrong = wrong[:12] + string(rune('0'+(wrong[12]-'0'+1)%10))
	dashed := pan[:4] + "-" + pan[4:8] + "-" + pan[8:12] + "-" + pan[12:]
	for _, test := range []struct {
		name, in, want string
		text           bool
	}{
		{"text", "Milk 1.20\n", "Milk 1.20\n", false},
		{"a card", "CARD " + pan + "\n", "CARD " + strings.Repeat("*", 16) + "\n", false},
		{"with dashes", dashed + "\n", "****-****-****-****\n", false},
		{"with two spaces", strings.ReplaceAll(dashed, "-", "  ") + "\n", "****  ****  ****  ****\n", false},
		{"over lines", strings.ReplaceAll(dashed, "-", "\r\n  ") + "\n", "****\r\n  ****\r\n  ****\r\n  ****\n", false},
		{"with tabs", strings.ReplaceAll(dashed, "-", "\t") + "\n", "****\t****\t****\t****\n", false},
		{"with spaces that do not break", strings.ReplaceAll(dashed, "-", "\xc2\xa0") + "\n", "****\xc2\xa0****\xc2\xa0****\xc2\xa0****\n", false},
		{"with marks", strings.ReplaceAll(dashed, "-", " : ") + "\n", "**** : **** : **** : ****\n", false},
		{"no card by its check digit", "CARD " + wrong + "\n", "CARD " + wrong + "\n", false},
		{"too short", pan[4:] + "\n", pan[4:] + "\n", false},
		{"with commands inside", pan[:8] + "\x1bE\x01" + pan[8:] + "\n", strings.Repeat("*", 8) + "\x1bE\x01" + strings.Repeat("*", 8) + "\n", false},
		{"in a bar code", "\x1dkI" + string(rune(18)) + "{B" + pan + "\n", "\x1dkI" + string(rune(18)) + "{B" + strings.Repeat("*", 16) + "\n", false},
		{"at the end", pan, strings.Repeat("*", 16), false},
		{"all text", "Käse 2 x 1.20\n\x1bE\x01Total", "Xxxxx 9 x 9.99\n\x1bE\x01Xxxxx", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := masked(test.text, test.in); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
			if got := masked(test.text, strings.Split(test.in, "")...); got != test.want && !strings.ContainsRune(test.in, 'ä') {
				t.Errorf("byte by byte %q, want %q", got, test.want)
			}
		})
	}
}

// TestMaskKeepsWhatItMust: a number can go on behind any number of commands, so
// that all of them are kept.
func TestMaskKeepsWhatItMust(t *testing.T) {
	m := NewMask(escpos.Dialects()[0], false)
	pan := number(16)
	out := m.Write([]byte(pan[:8]))
	bold := []byte(strings.Repeat("\x1bE\x01", 100))
	for range 2000 {
		if got := m.Write(bold); len(got) > 0 {
			t.Fatalf("%q is given out before the number's end", got)
		}
	}
	out = append(out, m.Write([]byte(pan[8:]+"\nx"))...)
	stars := strings.Repeat("*", 8)
	if want := stars + strings.Repeat(string(bold), 2000) + stars + "\nx"; string(out) != want {
		t.Errorf("%d bytes, not %d masked ones", len(out), len(want))
	}
}

// TestInvariant5Mask: no card's number survives, in whatever pieces it comes, and
// nothing changes its place.
func TestInvariant5Mask(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var in []byte
		for range rapid.IntRange(1, 8).Draw(t, "parts") {
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				in = append(in, rapid.StringMatching(`[0-9]{1,40}`).Draw(t, "digits")...)
			case 1:
				in = append(in, rapid.SampledFrom([]string{"\n", " ", "-", "x", "\x1bE\x01", "\x1d!\x00", "\x1b@"}).Draw(t, "other")...)
			case 2:
				in = append(in, number(rapid.IntRange(13, 19).Draw(t, "length"))...)
			default:
				in = append(in, rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "bytes")...)
			}
		}
		var pieces []string
		for rest := in; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			pieces = append(pieces, string(rest[:n]))
			rest = rest[n:]
		}
		out := masked(false, pieces...)
		survives(t, in, out)
	})
}

type failer interface {
	Fatalf(format string, args ...any)
}

func survives(t failer, in []byte, out string) {
	if len(out) != len(in) {
		t.Fatalf("%d bytes of %d", len(out), len(in))
	}
	for i := range in {
		if out[i] != in[i] && (out[i] != '*' || in[i] < '0' || in[i] > '9') {
			t.Fatalf("byte %d, %q, is %q", i, in[i], out[i])
		}
	}
	var run []digit
	gap := 0
	for i := range out {
		c := out[i]
		switch {
		case c >= '0' && c <= '9':
			run, gap = append(run, digit{value: c - '0'}), 0
		case gap < 4 && !bytes.ContainsAny([]byte{c}, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"):
			gap++
		default:
			run, gap = nil, 0
		}
		for n := leastDigits; n <= mostDigits && n <= len(run); n++ {
			if c >= '0' && c <= '9' && luhn(run[len(run)-n:]) {
				t.Fatalf("a card's number of %d digits survives before byte %d", n, i+1)
			}
		}
	}
}

func FuzzMask(f *testing.F) {
	f.Add([]byte("CARD "+number(16)+"\n"), uint8(3))
	f.Add([]byte(number(13)[:5]+"\x1bE\x01"+number(13)[5:]), uint8(1))
	f.Add([]byte("\x1dv0\x00\x02\x00\x08\x00"+number(16)), uint8(7))
	f.Fuzz(func(t *testing.T, in []byte, cut uint8) {
		if len(in) > 4096 {
			return
		}
		n := int(cut)%64 + 1
		var pieces []string
		for rest := in; len(rest) > 0; {
			k := min(n, len(rest))
			pieces = append(pieces, string(rest[:k]))
			rest = rest[k:]
		}
		out := masked(false, pieces...)
		survives(t, in, out)
		if whole := masked(false, string(in)); whole != out {
			t.Fatalf("cut into %d, %q is masked otherwise: %q, %q", n, in, out, whole)
		}
	})
}

func TestRead(t *testing.T) {
	var file bytes.Buffer
	e := json.NewEncoder(&file)
	for _, v := range []any{NewHead("receipt", "epson"), Piece{At: 5, Job: 1, Bytes: []byte("abc")}, Piece{At: 1200, Job: 2, Bytes: []byte("d\x00")}, Piece{At: 1300, End: "time", Lost: 7}} {
		if err := e.Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	read := func(in string) (string, error) {
		var told []string
		head, err := Read(strings.NewReader(in), func(p Piece) error {
			told = append(told, fmt.Sprintf("%v/%d %q%s", p.Time(), p.Job, p.Bytes, p.End))
			return nil
		})
		return strings.Join(append([]string{head.Printer}, told...), " | "), err
	}
	if got, err := read(file.String()); err != nil || got != `receipt | 5ms/1 "abc" | 1.2s/2 "d\x00" | 1.3s/0 ""time` {
		t.Errorf("%s, %v", got, err)
	}
	if got, err := read("\x1b@Milk\n"); err != nil || got != ` | 0s/1 "\x1b@Milk\n"` {
		t.Errorf("bare bytes: %s, %v", got, err)
	}
	if got, err := read(""); err != nil || got != "" {
		t.Errorf("nothing: %s, %v", got, err)
	}
	for _, bad := range []string{
		`{"record":"other","version":1}`, `{"record":"tillwarden print","version":2}`, `{"record":"tillwarden print","version":1}` + "\n{\"at\":-1}",
		`{"record":"tillwarden print","version":1}` + "\n{\"at\":1,\"more\":2}", `{"record":"tillwarden print","version":1}` + "\nabc", `{"record":`,
	} {
		if _, err := read(bad); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"record":"tillwarden print","version":1}` + "\n" + `{"at":1,"job":1,"bytes":"YWJj"}`))
	f.Add([]byte("\x1b@Milk"))
	f.Fuzz(func(t *testing.T, in []byte) {
		total := 0
		head, err := Read(bytes.NewReader(in), func(p Piece) error { total += len(p.Bytes); return nil })
		if err == nil && head.Record == "" && total != len(in) {
			t.Fatalf("%d bytes of %d", total, len(in))
		}
	})
}
