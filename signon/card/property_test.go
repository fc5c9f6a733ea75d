package card

import (
	"bytes"
	"regexp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func payloadOf(chars string, least, most int) *rapid.Generator[string] {
	letters := rapid.SampledFrom([]rune(chars))
	return rapid.StringOfN(letters, least, most, -1).Filter(func(s string) bool { return s != "E" })
}

var (
	track1Chars = func() string {
		var b []byte
		for c := byte(0x20); c < 0x60; c++ {
			if c != '?' {
				b = append(b, c)
			}
		}
		return string(b)
	}()
	digitOnly = regexp.MustCompile(`^[0-9]+$`)
)

// TestParseGivesBackWhatWasWritten: whatever the tracks, their order, the
// framing and the LRC.
func TestParseGivesBackWhatWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := map[Number]string{}
		if rapid.Bool().Draw(t, "has 1") {
			want[Track1] = payloadOf(track1Chars, 1, maxTrack1).Draw(t, "track 1")
		}
		if rapid.Bool().Draw(t, "has 2") || len(want) == 0 {
			want[Track2] = payloadOf(BCD, 1, maxTrack2).Draw(t, "track 2")
		}
		if rapid.Bool().Draw(t, "has 3") {
			want[Track3] = payloadOf(BCD, 1, maxTrack3).Draw(t, "track 3")
		}
		order := rapid.Permutation([]Number{Track1, Track2, Track3}).Draw(t, "order")
		lrc := rapid.Bool().Draw(t, "lrc")
		between := rapid.SampledFrom([]string{"", "\r", "\r\n", "\x10"}).Draw(t, "between")
		if lrc {
			between = rapid.SampledFrom([]string{"", "\r", "\r\n"}).Draw(t, "between, with LRC")
		}
		var raw []byte
		for _, n := range order {
			p, ok := want[n]
			if !ok {
				continue
			}
			raw = append(raw, []byte{' ', '%', ';', '+'}[n])
			raw = append(raw, p...)
			raw = append(raw, '?')
			if lrc {
				c, ok := LRC(n, []byte(p))
				if !ok {
					t.Fatal("a track that can be written has an LRC")
				}
				raw = append(raw, c)
			}
			raw = append(raw, between...)
		}
		o := Options{}
		if lrc {
			o.LRC = rapid.SampledFrom([]LRCMode{LRCOptional, LRCRequired}).Draw(t, "mode")
		}
		tr, err := Parse(raw, o)
		if err != nil {
			t.Fatalf("Parse: %v", err)
		}
		for _, n := range order {
			if got := string(tr.Payload(n)); got != want[n] {
				t.Fatalf("%s: %s, want it as written", n, tr.Status(n))
			}
		}
		tr.Wipe()
		if slices.ContainsFunc(raw, func(c byte) bool { return c != 0 }) {
			t.Fatal("bytes are left after Wipe")
		}
	})
}

// TestLRCFindsWhatItCan: one changed character never passes.
func TestLRCFindsWhatItCan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := []byte(payloadOf("0123456789:<=>", 2, maxTrack2).Draw(t, "payload"))
		c, _ := LRC(Track2, p)
		i := rapid.IntRange(0, len(p)-1).Draw(t, "where")
		p[i] = rapid.SampledFrom([]byte(BCD)).Filter(func(b byte) bool { return b != p[i] }).Draw(t, "what")
		raw := append([]byte{';'}, p...)
		raw = append(raw, '?', c)
		tr, err := Parse(raw, Options{LRC: LRCRequired})
		if err != nil {
			return // the LRC is framing or a sentinel by chance, and the report does not divide
		}
		if tr.Status(Track2) == Good {
			t.Fatal("a changed track passes its LRC")
		}
	})
}

// withCheckDigit completes a number by ISO/IEC 7812-1.
func withCheckDigit(number string) string {
	for d := byte('0'); d <= '9'; d++ {
		if n := number + string(rune(d)); luhn([]byte(n)) {
			return n
		}
	}
	panic("one of ten digits fits")
}

// TestNoPaymentCardIsAnOperatorCard: every number with its check digit, and
// every number of a scheme's range, in whatever company and whatever the site's formats.
func TestNoPaymentCardIsAnOperatorCard(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		formats := append(BuiltIn(), Format{Name: "any", Track: Track2, Min: 4, Max: 37, Chars: BCD, Rest: 37})
		pan := payloadOf(Digits, minPAN-1, maxPAN-1).Draw(t, "number")
		if rapid.Bool().Draw(t, "in a range") {
			r := rapid.SampledFrom([]string{"4", "51", "2221", "34", "6011", "3528", "62", "56"}).Draw(t, "range")
			pan = r + pan[len(r):] + rapid.SampledFrom([]string{"0", "5"}).Draw(t, "last")
		} else {
			pan = withCheckDigit(pan)
		}
		rest := maxTrack2 - len(pan) - 1
		track2 := pan + "=" + payloadOf(BCD, 0, rest).Draw(t, "rest")
		raw := []byte(rapid.SampledFrom([]string{"", "%E?", "%A1?", "\r"}).Draw(t, "before") + ";" + track2 + "?")
		raw = append(raw, rapid.SampledFrom([]string{"", "+E?", "+:<>0000000042?"}).Draw(t, "after")...)
		got := Read(raw, Options{}, formats).Class()
		if got == Operator || got == Unknown {
			t.Fatalf("a payment card is %s", got)
		}
	})
}

// FuzzParse: no report makes it panic or leaves bytes behind, and whatever is
// taken for an operator card has no payment card's number on track 2.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", visaT1 + visaT2, visaT2, micros, "%E?;E?+E?", "%A1?;123?+456?\r", "0410000000010\r", ";6360000000001=491219000101?",
		"\x02%A1?\x10;123?\x03", "@A1?", "%" + track1Chars[:60] + "?", ";:<>0000000042?" + lrcOf(Track2, ":<>0000000042"),
	} {
		f.Add([]byte(s), uint8(0), uint8(0), false)
		f.Add([]byte(s), uint8(LRCOptional), uint8(EncodingAAMVA), true)
	}
	pan := regexp.MustCompile(`^[0-9]{12,19}=`)
	f.Fuzz(func(t *testing.T, in []byte, lrc, encoding uint8, text bool) {
		o := Options{LRC: LRCMode(lrc % 3), Encoding: Encoding(encoding % 4), Text: text}
		raw := bytes.Clone(in)
		tr, err := Parse(raw, o)
		if err != nil {
			if bytes.ContainsFunc(raw, func(r rune) bool { return r != 0 }) {
				t.Fatal("bytes are left after an error")
			}
			return
		}
		track2 := string(tr.Payload(Track2))
		for n, most := range map[Number]int{Track1: maxTrack1, Track2: maxTrack2, Track3: maxTrack3, Text: maxText} {
			if p := tr.Payload(n); len(p) > most || bytes.IndexByte(p, '?') >= 0 {
				t.Fatalf("%s is not of its standard's form", n)
			}
		}
		b, ok := tr.FormatB()
		if ok && (len(b.PAN()) == 0 || len(b.PAN()) > 19) {
			t.Fatal("format B with such a number")
		}
		c := Classify(tr, BuiltIn())
		if bytes.ContainsFunc(raw, func(r rune) bool { return r != 0 }) {
			t.Fatal("bytes are left after Classify")
		}
		if c.Class() != Operator {
			if c.Payload() != nil {
				t.Fatal("a refused card has a payload")
			}
			return
		}
		if pan.MatchString(track2) && luhn([]byte(track2[:bytes.IndexByte([]byte(track2), '=')])) {
			t.Fatal("a payment card is an operator's")
		}
		if digitOnly.MatchString(track2) && len(track2) >= 12 && len(track2) <= 19 && track2[0] == '4' {
			t.Fatal("a bare payment card number is an operator's")
		}
		if o.Encoding == EncodingAAMVA {
			t.Fatal("a licence is an operator's")
		}
		if p := c.Payload(); len(p) < 2+minNumber || p[0] != payloadVersion {
			t.Fatal("payload of no known form")
		}
	})
}
