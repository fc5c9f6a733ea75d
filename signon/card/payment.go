package card

// Payment cards and driver licences are recognised by shape and number, and a
// doubt makes a payment card: a wrongly refused operator card is a nuisance, a
// payment card in the roster is not to happen.

// minPAN and maxPAN are the lengths of a payment card's number (ISO/IEC 7812:
// up to 19; the shortest in use have 12).
const (
	minPAN = 12
	maxPAN = 19
)

// isPayment reports whether any good track is one of a payment card:
//   - track 1 in format B with a number of that length, whatever the number is;
//   - track 2 with such a number before a separator, if the number satisfies the
//     check digit, is of a scheme's range, or is masked;
//   - track 2, or a text, of nothing but such a number of a scheme's range;
//   - track 3 (ISO/IEC 4909: two digits of format code, then the number), or the
//     number alone, as where a reader took two swipes for one.
func (t *Tracks) isPayment() bool {
	if p := t.Payload(Track1); len(p) > 1 && p[0] == 'B' {
		if pan, _, ok := cutDigits(p[1:], '^'); ok && isPANLength(countPAN(pan)) {
			return true
		}
	}
	// AAMVA's issuer numbers lie in the middle of a scheme's range. Either way
	// the card is refused; this decides only what its holder is told.
	if !t.hasLicenceIssuer() && looksPAN(t.Payload(Track2)) || looksPAN(t.Payload(Text)) {
		return true
	}
	p := t.Payload(Track3)
	return looksPAN(p) || len(p) > 2 && isDigit(p[0]) && isDigit(p[1]) && looksPAN(p[2:])
}

func isPANLength(n int) bool { return n >= minPAN && n <= maxPAN }

func countPAN(pan []byte) (n int) {
	for _, c := range pan {
		if c != ' ' {
			n++
		}
	}
	return n
}

func looksPAN(p []byte) bool {
	if pan, _, ok := cutDigits(p, '='); ok {
		if !isPANLength(len(pan)) {
			return false
		}
		for _, c := range pan {
			if c == '*' {
				return true
			}
		}
		return luhn(pan) || inSchemeRange(pan)
	}
	if !isPANLength(len(p)) {
		return false
	}
	for _, c := range p {
		if !isDigit(c) {
			return false
		}
	}
	// One bare number in ten satisfies the check digit by chance, so without
	// a separator that alone says nothing.
	return inSchemeRange(p)
}

// luhn reports whether the last digit is the check digit of the others
// (ISO/IEC 7812-1, annex B).
func luhn(number []byte) bool {
	if len(number) < 2 {
		return false
	}
	sum := 0
	for i := range number {
		c := number[len(number)-1-i]
		if !isDigit(c) {
			return false
		}
		d := int(c - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// schemeRanges are first digits that payment schemes issue under, as lowest
// and highest value of a prefix of that many digits.
var schemeRanges = []struct{ digits, from, to int }{
	{1, 4, 4},
	{2, 51, 55},
	{4, 2221, 2720},
	{2, 34, 34},
	{2, 37, 37},
	{4, 6011, 6011},
	{3, 644, 649},
	{2, 65, 65},
	{4, 3528, 3589},
	{2, 36, 36},
	{2, 38, 39},
	{3, 300, 305},
	{2, 62, 62},
	{2, 50, 50},
	{2, 56, 69},
	{4, 2200, 2204},
	{2, 81, 81},
}

func inSchemeRange(number []byte) bool {
	for _, r := range schemeRanges {
		if v, ok := prefix(number, r.digits); ok && v >= r.from && v <= r.to {
			return true
		}
	}
	return false
}

func prefix(number []byte, digits int) (v int, ok bool) {
	if len(number) < digits {
		return 0, false
	}
	for _, c := range number[:digits] {
		if !isDigit(c) {
			return 0, false
		}
		v = v*10 + int(c-'0')
	}
	return v, true
}

// isLicence reports whether the reader says that the card is coded as AAMVA
// has it, or track 2 says so.
func (t *Tracks) isLicence() bool {
	return t.encoding == EncodingAAMVA || t.hasLicenceIssuer()
}

// hasLicenceIssuer reports whether track 2 begins with an issuer number of
// AAMVA's (604425, 636000 to 636999) and goes on as a licence does: number,
// separator.
func (t *Tracks) hasLicenceIssuer() bool {
	number, _, ok := cutDigits(t.Payload(Track2), '=')
	if !ok || len(number) < 7 {
		return false
	}
	issuer, ok := prefix(number, 6)
	return ok && (issuer == 604425 || (issuer >= 636000 && issuer <= 636999))
}
