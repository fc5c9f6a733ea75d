package card

import (
	"fmt"
	"strings"
)

// Check is how an operator card's number is protected against misreading.
// Append-only: it is in configurations.
type Check uint8

// The check digits. Each is the last digit of the number.
const (
	CheckNone  Check = iota
	CheckMod10       // ISO/IEC 7812-1 ("Luhn")
	CheckEAN         // mod 10 with weights 3 and 1, as on EAN-13 and EAN-8
	CheckMod11       // weights 2, 3, 4 and on from the right; a remainder that needs "10" is not issued
)

var checkNames = [...]string{"none", "mod10", "ean", "mod11"}

// String gives the word that configurations use.
func (c Check) String() string {
	if int(c) < len(checkNames) {
		return checkNames[c]
	}
	return fmt.Sprintf("check-%d", uint8(c))
}

// ParseCheck is the reverse of String; an empty word is CheckNone.
func ParseCheck(s string) (Check, error) {
	if s == "" {
		return CheckNone, nil
	}
	for i, n := range checkNames {
		if n == s {
			return Check(i), nil
		}
	}
	return 0, fmt.Errorf("check digit %q: want one of %s", s, strings.Join(checkNames[:], ", "))
}

// Digits are the characters that numbers are made of; BCD has the symbols that
// track 2 can carry besides them, which no payment card has where its number is.
const (
	Digits = "0123456789"
	BCD    = "0123456789:<=>"
)

// Format is one operator card format of a site. The track's text must be, in
// this order and whole: Prefix, Site, what Skip steps over, the number, and what Rest
// allows.
type Format struct {
	Name  string
	Track Number
	// Prefix is what the text begins with; Site follows it: two names for what
	// is constant, so that a site's code stands in its configuration by name.
	Prefix, Site string
	// Skip is how many characters then are not part of the number.
	Skip int
	// Min and Max are the number's length, check digit included.
	Min, Max int
	// Chars is what the number is made of: Digits if empty.
	Chars string
	// Check is the number's check digit.
	Check Check
	// Rest is how many characters may follow the number, of any kind.
	Rest int
}

// Validate says what is wrong with a format.
func (f Format) Validate() error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("card format %q: %s", f.Name, fmt.Sprintf(format, args...))
	}
	switch {
	case f.Name == "":
		return fmt.Errorf("a card format has no name")
	case f.Track > Track3:
		return fail("track must be 1, 2 or 3, or text")
	case f.Skip < 0 || f.Rest < 0:
		return fail("skip and rest must not be below zero")
	case f.Min < minNumber:
		return fail("a number has at least %d characters: shorter ones can be tried out", minNumber)
	case f.Max < f.Min:
		return fail("the longest number (%d) is shorter than the shortest (%d)", f.Max, f.Min)
	case len(f.Prefix)+len(f.Site)+f.Skip+f.Max > maxLength(f.Track):
		return fail("%d characters do not fit on %s (at most %d)", len(f.Prefix)+len(f.Site)+f.Skip+f.Max, f.Track, maxLength(f.Track))
	case f.Check > CheckMod11:
		return fail("unknown check digit")
	case f.Check != CheckNone && strings.Trim(f.chars(), Digits) != "":
		return fail("a check digit needs a number of digits")
	}
	for _, s := range []string{f.Prefix, f.Site, f.Chars} {
		for i := 0; i < len(s); i++ {
			if s[i] <= 0x20 || s[i] >= 0x7f || s[i] == '?' || s[i] == '*' {
				return fail("a character that no card of an operator has")
			}
		}
	}
	return nil
}

// minNumber is the shortest number that a format may ask for.
const minNumber = 4

func (f *Format) chars() string {
	if f.Chars == "" {
		return Digits
	}
	return f.Chars
}

// matches reports whether a track's text is of this format.
func (f *Format) matches(text []byte) bool {
	head := len(f.Prefix) + len(f.Site)
	if len(text) < head+f.Skip+f.Min || f.Min < minNumber {
		return false
	}
	if string(text[:len(f.Prefix)]) != f.Prefix || string(text[len(f.Prefix):head]) != f.Site {
		return false
	}
	for _, c := range text {
		if c == '*' {
			return false // masked: the number is not the card's
		}
	}
	number := text[head+f.Skip:]
	chars, n := f.chars(), 0
	for n < len(number) && n < f.Max && strings.IndexByte(chars, number[n]) >= 0 {
		n++
	}
	if n < f.Min || len(number)-n > f.Rest {
		return false
	}
	return f.Check.holds(number[:n])
}

func (c Check) holds(number []byte) bool {
	switch c {
	case CheckNone:
		return true
	case CheckMod10:
		return luhn(number)
	case CheckEAN:
		return weighted(number, func(i int) int { return 1 + 2*(i%2) }, 10)
	case CheckMod11:
		// The check digit itself has weight 1, the one beside it 2, and so on.
		return weighted(number, func(i int) int { return i + 1 }, 11)
	}
	return false
}

func weighted(number []byte, weight func(fromRight int) int, mod int) bool {
	if len(number) < 2 {
		return false
	}
	sum := 0
	for i := range number {
		c := number[len(number)-1-i]
		if !isDigit(c) {
			return false
		}
		sum += int(c-'0') * weight(i)
	}
	return sum%mod == 0
}

// BuiltIn gives the formats that a configuration may name instead of writing
// them out.
func BuiltIn() []Format {
	return []Format{
		// Oracle MICROS RES 3700: ;:<>nnnnnnnnnn? has symbols where a payment
		// card has its number, so it cannot be one.
		{Name: "micros", Track: Track2, Prefix: ":<>", Min: 10, Max: 10},
		// Maitre'D: ;<=nnnnnnnnnnnnn=>zeros?
		{Name: "maitred", Track: Track2, Prefix: "<=", Min: 13, Max: 13, Rest: 22},
		// A number of digits and nothing else. With 12 digits or more it must not
		// begin as a payment scheme's numbers do.
		{Name: "digits", Track: Track2, Min: 6, Max: maxTrack2},
		// The same from a bar code scanner or proximity reader.
		{Name: "text-digits", Track: Text, Min: 6, Max: maxText},
		// Odoo: an EAN-13 bar code that begins with 041 is a cashier's badge.
		{Name: "odoo-041", Track: Text, Prefix: "041", Min: 10, Max: 10},
	}
}

// Named finds built-in formats by name, in that order.
func Named(names ...string) ([]Format, error) {
	all := BuiltIn()
	var found []Format
next:
	for _, name := range names {
		for _, f := range all {
			if f.Name == name {
				found = append(found, f)
				continue next
			}
		}
		known := make([]string, len(all))
		for i, f := range all {
			known[i] = f.Name
		}
		return nil, fmt.Errorf("no built-in card format is called %q: there are %s", name, strings.Join(known, ", "))
	}
	return found, nil
}
