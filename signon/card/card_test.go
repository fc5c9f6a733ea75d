package card

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// The cards here are obviously nobody's: 4111111111111111 is the schemes' own
// test number, the others have one digit over and over or count up.
const (
	visaT1 = "%B4111111111111111^TEST/CARD^4912101000000000000000000000?"
	visaT2 = ";4111111111111111=49121010000000000000?"
	micros = ";:<>0000000042?"
)

func parse(t *testing.T, text string, o Options) *Tracks {
	t.Helper()
	tr, err := Parse([]byte(text), o)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return tr
}

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		in         string
		o          Options
		st         [3]Status // tracks 1 to 3
		t1, t2, t3 string
	}{
		"three tracks":             {"%AB1?;123?+456?\r", Options{}, [3]Status{Good, Good, Good}, "AB1", "123", "456"},
		"track 2 alone":            {";123=45?", Options{}, [3]Status{Absent, Good, Absent}, "", "123=45", ""},
		"other order":              {"+456?;123?%AB1?", Options{}, [3]Status{Good, Good, Good}, "AB1", "123", "456"},
		"a line each":              {"%AB1?\r\n;123?\r\n", Options{}, [3]Status{Good, Good, Absent}, "AB1", "123", ""},
		"STX and ETX":              {"\x02%AB1?;123?\x03", Options{}, [3]Status{Good, Good, Absent}, "AB1", "123", ""},
		"DLE between":              {"%AB1?\x10;123?\x10\x03", Options{}, [3]Status{Good, Good, Absent}, "AB1", "123", ""},
		"errors":                   {"%E?;123?+E?", Options{}, [3]Status{ReadError, Good, ReadError}, "", "123", ""},
		"error of track 2":         {"%AB1?;E?", Options{}, [3]Status{Good, ReadError, Absent}, "AB1", "", ""},
		"blank":                    {"%?;?", Options{}, [3]Status{Absent, Absent, Absent}, "", "", ""},
		"second ; is track 3":      {";123?;456?", Options{}, [3]Status{Absent, Good, Good}, "", "123", "456"},
		"AAMVA track 3":            {"%AB1?;123?#!!ABC  ?", Options{}, [3]Status{Good, Good, Good}, "AB1", "123", "!!ABC  "},
		"track 2 of letters":       {"@AB1?", Options{}, [3]Status{Absent, Good, Absent}, "", "AB1", ""},
		"start sentinels inside":   {"%A;+1?", Options{}, [3]Status{Good, Absent, Absent}, "A;+1", "", ""},
		"lower case":               {"%ab?", Options{}, [3]Status{Malformed, Absent, Absent}, "", "", ""},
		"letter on track 2":        {";12A?", Options{}, [3]Status{Absent, Malformed, Absent}, "", "", ""},
		"BCD symbols":              {";:<>1?", Options{}, [3]Status{Absent, Good, Absent}, "", ":<>1", ""},
		"track 1 full":             {"%" + strings.Repeat("A", 76) + "?", Options{}, [3]Status{Good, Absent, Absent}, strings.Repeat("A", 76), "", ""},
		"track 1 too long":         {"%" + strings.Repeat("A", 77) + "?", Options{}, [3]Status{Malformed, Absent, Absent}, "", "", ""},
		"track 2 full":             {";" + strings.Repeat("1", 37) + "?", Options{}, [3]Status{Absent, Good, Absent}, "", strings.Repeat("1", 37), ""},
		"track 2 too long":         {";" + strings.Repeat("1", 38) + "?", Options{}, [3]Status{Absent, Malformed, Absent}, "", "", ""},
		"track 3 full":             {"+" + strings.Repeat("1", 104) + "?", Options{}, [3]Status{Absent, Absent, Good}, "", "", strings.Repeat("1", 104)},
		"track 3 too long":         {"+" + strings.Repeat("1", 105) + "?", Options{}, [3]Status{Absent, Absent, Malformed}, "", "", ""},
		"LRC":                      {";123?" + lrcOf(Track2, "123"), Options{LRC: LRCRequired}, [3]Status{Absent, Good, Absent}, "", "123", ""},
		"LRC on both":              {"%AB1?" + lrcOf(Track1, "AB1") + ";123?" + lrcOf(Track2, "123") + "\r", Options{LRC: LRCOptional}, [3]Status{Good, Good, Absent}, "AB1", "123", ""},
		"LRC wrong":                {";123?0", Options{LRC: LRCRequired}, [3]Status{Absent, Malformed, Absent}, "", "", ""},
		"LRC wrong where optional": {";123?0", Options{LRC: LRCOptional}, [3]Status{Absent, Malformed, Absent}, "", "", ""},
		"LRC missing":              {";123?", Options{LRC: LRCRequired}, [3]Status{Absent, Malformed, Absent}, "", "", ""},
		"LRC missing, optional":    {"%AB1?;123?", Options{LRC: LRCOptional}, [3]Status{Good, Good, Absent}, "AB1", "123", ""},
		"LRC, error without":       {";E?\r", Options{LRC: LRCRequired}, [3]Status{Absent, ReadError, Absent}, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			tr := parse(t, c.in, c.o)
			for i, want := range []string{c.t1, c.t2, c.t3} {
				n := Number(i + 1)
				if got := tr.Status(n); got != c.st[i] {
					t.Errorf("%s is %s, want %s", n, got, c.st[i])
				}
				if got := string(tr.Payload(n)); got != want {
					t.Errorf("%s reads otherwise than written", n)
				}
			}
		})
	}
}

func lrcOf(n Number, payload string) string {
	c, ok := LRC(n, []byte(payload))
	if !ok {
		panic("the fixture cannot be coded")
	}
	return string(rune(c))
}

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		o    Options
		want error
	}{
		"nothing":           {"", Options{}, ErrEmpty},
		"only framing":      {"\r\n", Options{}, ErrEmpty},
		"no end":            {";123", Options{}, ErrFraming},
		"before":            {"x;123?", Options{}, ErrFraming},
		"after":             {";123?x", Options{}, ErrFraming},
		"twice":             {"%A1?%A2?", Options{}, ErrTwice},
		"four tracks":       {"%A1?;1?;2?;3?", Options{}, ErrTwice},
		"too long":          {"%" + strings.Repeat("A", 600) + "?", Options{}, ErrTooLong},
		"typed":             {"00042\r", Options{}, ErrFraming},
		"text with space":   {"00 42\r", Options{Text: true}, ErrFraming},
		"text and a track":  {"0042\r;123?", Options{Text: true}, ErrFraming},
		"text too long":     {strings.Repeat("1", 65), Options{Text: true}, ErrTooLong},
		"text, second line": {"0042\r0043\r", Options{Text: true}, ErrFraming},
	} {
		t.Run(name, func(t *testing.T) {
			raw := []byte(c.in)
			_, err := Parse(raw, c.o)
			if !errors.Is(err, c.want) {
				t.Fatalf("Parse: %v, want %v", err, c.want)
			}
			wantZero(t, raw)
		})
	}
}

func wantZero(t *testing.T, b []byte) {
	t.Helper()
	for _, c := range b[:cap(b)] {
		if c != 0 {
			t.Fatal("bytes of a card are left in memory")
		}
	}
}

// TestLRC: two characters by hand. ;1? is B, 1, F in 4 bits: B^1^F = 5.
func TestLRC(t *testing.T) {
	if c, ok := LRC(Track2, []byte("1")); !ok || c != '5' {
		t.Errorf("LRC of ;1? is %q, want 5", c)
	}
	// %A? is 05, 21, 1F in 6 bits: 3B, which is 5B ([) in ASCII.
	if c, ok := LRC(Track1, []byte("A")); !ok || c != '[' {
		t.Errorf("LRC of %%A? is %q, want [", c)
	}
	if _, ok := LRC(Track2, []byte("A")); ok {
		t.Error("a letter has no code on track 2")
	}
	for _, c := range []struct {
		data byte
		odd  bool
	}{{0, true}, {1, false}, {3, true}, {0x1f, false}} {
		if OddParity(c.data) != c.odd {
			t.Errorf("parity bit of %#x", c.data)
		}
	}
}

func TestFields(t *testing.T) {
	tr := parse(t, visaT1+visaT2, Options{})
	b, ok := tr.FormatB()
	if !ok || string(b.PAN()) != "4111111111111111" || string(b.Name()) != "TEST/CARD" || string(b.Expiry()) != "4912" || string(b.Service()) != "101" {
		t.Error("track 1 reads otherwise than written")
	}
	f, ok := tr.Fields2()
	if !ok || string(f.PAN()) != "4111111111111111" || string(f.Expiry()) != "4912" || string(f.Service()) != "101" ||
		string(f.Discretionary()) != "0000000000000" {
		t.Error("track 2 reads otherwise than written")
	}
	tr.Wipe()
	if len(f.PAN()) > 0 || len(b.Name()) > 0 {
		t.Error("fields outlive Wipe")
	}
	tr = parse(t, ";11111===22?", Options{})
	if f, ok = tr.Fields2(); !ok || len(f.Expiry()) != 0 || len(f.Service()) != 0 || string(f.Discretionary()) != "22" {
		t.Error("separators in place of expiry and service code")
	}
	for _, s := range []string{";123?", ";1=12?", ";:1=1212101?", "%A1?"} {
		tr := parse(t, s, Options{})
		if _, ok := tr.Fields2(); ok {
			t.Errorf("%s has no fields of ISO/IEC 7813", s)
		}
		if _, ok := tr.FormatB(); ok {
			t.Errorf("%s is not format B", s)
		}
	}
}

// everything is every built-in format, so that a card is refused although the
// site takes whatever it can.
func everything(t *testing.T) []Format {
	t.Helper()
	for _, f := range BuiltIn() {
		if err := f.Validate(); err != nil {
			t.Fatal(err)
		}
	}
	return append(BuiltIn(),
		Format{Name: "any2", Track: Track2, Min: 4, Max: 37, Chars: BCD, Rest: 37},
		Format{Name: "any1", Track: Track1, Min: 4, Max: 76, Chars: "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789^/ ", Rest: 76},
	)
}

func TestClassify(t *testing.T) {
	all := everything(t)
	for name, c := range map[string]struct {
		in   string
		o    Options
		want Class
		by   string
	}{
		"payment, both tracks":         {visaT1 + visaT2, Options{}, Payment, ""},
		"payment, track 2":             {visaT2, Options{}, Payment, ""},
		"payment, track 1":             {visaT1, Options{}, Payment, ""},
		"payment, track 1 unreadable":  {"%E?" + visaT2, Options{}, Payment, ""},
		"payment, track 2 unreadable":  {visaT1 + ";E?", Options{}, Payment, ""},
		"payment, no check digit":      {";4111111111111112=49121010000?", Options{}, Payment, ""},
		"payment, no scheme":           {";1111111111111117=49121010000?", Options{}, Payment, ""},
		"payment, bare":                {";4111111111111111?", Options{}, Payment, ""},
		"payment, no expiry":           {";4111111111111111==?", Options{}, Payment, ""},
		"payment, format B unknown":    {"%B000000000000000^NO/BODY^0000000?", Options{}, Payment, ""},
		"payment, spaces":              {"%B4111 1111 1111 1111^TEST/CARD^4912101?", Options{}, Payment, ""},
		"payment, masked track 2":      {";4111********1111=4912*******?", Options{}, Payment, ""},
		"payment, masked track 1":      {"%B4111********1111^TEST/CARD^4912?", Options{}, Payment, ""},
		"payment, masked with zeros":   {";4111000000001111=4912000?", Options{}, Payment, ""},
		"payment, track 3":             {"+014111111111111111=0000000?", Options{}, Payment, ""},
		"payment, after an operator's": {";:<>0000000042?;4111111111111111=4912101?", Options{}, Payment, ""},
		"payment, as text":             {"4111111111111111\r", Options{Text: true}, Payment, ""},
		"payment, said to be other":    {visaT2, Options{Encoding: EncodingOther}, Payment, ""},
		"payment, in operator's track": {";4111111111111111=49121010000?+:<>0000000042?", Options{}, Payment, ""},
		"licence by issuer":            {"%ZZNOWHERE^NOBODY$NO$BODY^1 NO ST^?;6360000000001=491219000101?", Options{}, Licence, ""},
		"licence by issuer, Canada":    {";6044250000001=491219000101?", Options{}, Licence, ""},
		"licence by encoding":          {";0000000042?", Options{Encoding: EncodingAAMVA}, Licence, ""},
		"micros":                       {micros, Options{}, Operator, "micros"},
		"micros, too short":            {";:<>000000042?", Options{}, Operator, "any2"},
		"maitred":                      {";<=0000000000042=>00000000000000000000?", Options{}, Operator, "maitred"},
		"digits":                       {";000042?", Options{}, Operator, "digits"},
		"digits, beside an error":      {"%E?;000042?", Options{}, Operator, "digits"},
		"digits, long":                 {";0000000000000042?", Options{}, Operator, "digits"},
		"odoo":                         {"0410000000010\r", Options{Text: true}, Operator, "text-digits"},
		"unknown":                      {";12?", Options{}, Unknown, ""},
		"unknown track 3":              {"+12345?", Options{}, Unknown, ""},
		"nothing read":                 {"%E?;E?", Options{}, Unreadable, ""},
		"blank":                        {"%?;?", Options{}, Unreadable, ""},
		"half read, no format":         {"%E?;12?", Options{}, Unreadable, ""},
		"malformed":                    {";12A4567?", Options{}, Unreadable, ""},
		"masked operator card":         {";:<>000000**42?", Options{}, Unknown, ""},
	} {
		t.Run(name, func(t *testing.T) {
			raw := []byte(c.in)
			tr, err := Parse(raw, c.o)
			if err != nil {
				t.Fatal(err)
			}
			got := Classify(tr, all)
			if got.Class() != c.want || got.FormatName() != c.by {
				t.Errorf("%s %q, want %s %q", got.Class(), got.FormatName(), c.want, c.by)
			}
			wantZero(t, raw)
			if (got.Payload() != nil) != (c.want == Operator) {
				t.Error("an operator card has a payload, and no other has")
			}
		})
	}
	if c := Read([]byte("garbage"), Options{}, all); c.Class() != Unreadable {
		t.Error("garbage is unreadable")
	}
	var none *Card
	none.Wipe()
	if none.Class() != Unreadable || none.Payload() != nil || none.FormatName() != "" || Classify(nil, all).Class() != Unreadable {
		t.Error("no card is an unreadable card")
	}
}

func TestPayloadIsTheSameOnEveryReader(t *testing.T) {
	all := BuiltIn()
	want := Read([]byte(micros), Options{}, all).Payload()
	for _, s := range []string{micros + "\r\n", "%E?" + micros, "\x02" + micros + "\x03", micros + "+E?"} {
		if got := Read([]byte(s), Options{}, all).Payload(); !bytes.Equal(got, want) || got == nil {
			t.Errorf("another framing gives another payload")
		}
	}
	if got := Read([]byte(micros+lrcOf(Track2, ":<>0000000042")), Options{LRC: LRCRequired}, all).Payload(); !bytes.Equal(got, want) {
		t.Errorf("the LRC is part of the payload")
	}
	text := Read([]byte("000042"), Options{Text: true}, all).Payload()
	track := Read([]byte(";000042?"), Options{}, all).Payload()
	if bytes.Equal(text, track) {
		t.Error("a bar code and a card with the same number are the same")
	}
}

func TestFormats(t *testing.T) {
	site := Format{Name: "site", Track: Track2, Prefix: "00", Site: "77", Skip: 1, Min: 6, Max: 6, Check: CheckMod10, Rest: 2}
	for name, c := range map[string]struct {
		f    Format
		text string
		want bool
	}{
		"whole":             {site, "0077x000000", true},
		"reissue after":     {site, "0077x00000012", true},
		"too much after":    {site, "0077x000000123", false},
		"other site":        {site, "0078x000000", false},
		"other prefix":      {site, "0177x000000", false},
		"short":             {site, "0077x00000", false},
		"check digit wrong": {site, "0077x000001", false},
		"luhn":              {Format{Track: Track2, Min: 4, Max: 16, Check: CheckMod10}, "4111111111111111", true},
		"ean":               {Format{Track: Text, Min: 13, Max: 13, Check: CheckEAN}, "0410000000010", false},
		"ean right":         {Format{Track: Text, Min: 13, Max: 13, Check: CheckEAN}, "0410000000014", true},
		"mod 11":            {Format{Track: Track2, Min: 4, Max: 10, Check: CheckMod11}, "0000000019", true}, // 9*1 + 1*2
		"mod 11 wrong":      {Format{Track: Track2, Min: 4, Max: 10, Check: CheckMod11}, "0000000018", false},
		"chars":             {Format{Track: Track2, Min: 4, Max: 10, Chars: BCD}, ":<=>", true},
		"chars not":         {Format{Track: Track2, Min: 4, Max: 10}, ":<=>", false},
		"masked":            {Format{Track: Track2, Min: 4, Max: 10, Rest: 10}, "1234****", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.f.matches([]byte(c.text)); got != c.want {
				t.Errorf("matches: %t", got)
			}
		})
	}
	for name, f := range map[string]Format{
		"no name":        {Track: Track2, Min: 6, Max: 6},
		"no such track":  {Name: "x", Track: 4, Min: 6, Max: 6},
		"guessable":      {Name: "x", Track: Track2, Min: 3, Max: 6},
		"max below min":  {Name: "x", Track: Track2, Min: 6, Max: 5},
		"does not fit":   {Name: "x", Track: Track2, Prefix: "123456", Min: 6, Max: 36},
		"below zero":     {Name: "x", Track: Track2, Skip: -1, Min: 6, Max: 6},
		"check of what":  {Name: "x", Track: Track2, Min: 6, Max: 6, Chars: BCD, Check: CheckMod10},
		"check unknown":  {Name: "x", Track: Track2, Min: 6, Max: 6, Check: 9},
		"end sentinel":   {Name: "x", Track: Track2, Prefix: "?", Min: 6, Max: 6},
		"masked numbers": {Name: "x", Track: Track2, Chars: "0123456789*", Min: 6, Max: 6},
	} {
		if err := f.Validate(); err == nil {
			t.Errorf("%s: valid", name)
		}
	}
	if _, err := Named("micros", "digits"); err != nil {
		t.Error(err)
	}
	if _, err := Named("micors"); err == nil || !strings.Contains(err.Error(), "micros") {
		t.Errorf("an unknown format's error does not list the known ones: %v", err)
	}
	for c := CheckNone; c <= CheckMod11; c++ {
		if got, err := ParseCheck(c.String()); err != nil || got != c {
			t.Errorf("ParseCheck(%s) = %v, %v", c, got, err)
		}
	}
	if _, err := ParseCheck("mod9"); err == nil {
		t.Error("mod9 is no check digit")
	}
}

// TestInvariant5NothingPrintsACard prints every type in every way that the
// standard library has, also from within somebody's unexported field.
func TestInvariant5NothingPrintsACard(t *testing.T) {
	const digits = "0000000042"
	tracks := parse(t, "%"+"A"+digits+"?;:<>"+digits+"?", Options{})
	fields := parse(t, ";"+digits+"=4912101?", Options{})
	f2, ok := fields.Fields2()
	if !ok {
		t.Fatal("the fixture has no fields")
	}
	c := Read([]byte(micros), Options{}, BuiltIn())
	if c.Class() != Operator {
		t.Fatal("the fixture is no operator card")
	}
	type hidden struct {
		t *Tracks
		c *Card
		f Fields
		v Tracks
		w Card
	}
	h := hidden{tracks, c, f2, *tracks, *c}
	var out bytes.Buffer
	for _, v := range []any{tracks, *tracks, c, *c, f2, &f2, h, &h, []any{c, tracks}, map[string]any{"c": c}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%q", "%d", "%c", "%U", "%b", "%t", "%o"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		_ = json.NewEncoder(&out).Encode(v)
		for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(handler).Info("swipe", "v", v, slog.Group("g", "v", v))
		}
	}
	for _, secret := range [][]byte{[]byte(digits), []byte(":<>")} {
		for how, s := range map[string]string{
			"plain": string(secret), "hex": hex.EncodeToString(secret), "HEX": strings.ToUpper(hex.EncodeToString(secret)),
			"base64": base64.RawStdEncoding.EncodeToString(secret)[:len(secret)],
			"list":   strings.Trim(fmt.Sprint(secret), "[]"),
		} {
			if strings.Contains(out.String(), s) {
				t.Errorf("a card's bytes are printed (%s)", how)
			}
		}
	}
	if !strings.Contains(out.String(), "card(operator)") {
		t.Error("the class is not printed")
	}
	c.Wipe()
	c.Wipe()
	if c.Payload() != nil {
		t.Error("a payload outlives Wipe")
	}
}
