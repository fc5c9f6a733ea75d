package card

// Fields are the fields of a track that has ISO/IEC 7813's form. They point
// into the buffer of their Tracks and end with it.
type Fields struct {
	track                                     Number
	buf                                       *buffer
	pan, name, expiry, service, discretionary span
}

// PAN is the primary account number: digits, on masked tracks with asterisks.
func (p Fields) PAN() []byte { return p.buf.piece(p.pan) }

// Name is the card holder's, on track 1 alone.
func (p Fields) Name() []byte { return p.buf.piece(p.name) }

// Expiry is YYMM, or empty where the card has none.
func (p Fields) Expiry() []byte { return p.buf.piece(p.expiry) }

// Service is the three-digit service code, or empty where the card has none.
func (p Fields) Service() []byte { return p.buf.piece(p.service) }

// Discretionary is what the issuer added.
func (p Fields) Discretionary() []byte { return p.buf.piece(p.discretionary) }

// FormatB reads track 1 as ISO/IEC 7813's format B:
// B PAN ^ name ^ YYMM or ^, service code or ^, discretionary data.
func (t *Tracks) FormatB() (Fields, bool) {
	p := t.Payload(Track1)
	if len(p) == 0 || p[0] != 'B' {
		return Fields{}, false
	}
	pan, rest, ok := cutDigits(p[1:], '^')
	if !ok || len(pan) == 0 || len(pan) > 19 {
		return Fields{}, false
	}
	name, rest, ok := cut(rest, '^')
	if !ok || len(name) < 2 || len(name) > 26 {
		return Fields{}, false
	}
	f := Fields{track: Track1, buf: t.buf}
	at := t.span[Track1].from + 1
	f.pan = span{at, at + len(pan)}
	f.name = span{f.pan.to + 1, f.pan.to + 1 + len(name)}
	return f, f.tail(rest, f.name.to+1, '^')
}

// Fields2 reads track 2 as ISO/IEC 7813 gives it:
// PAN = YYMM or =, service code or =, discretionary data.
func (t *Tracks) Fields2() (Fields, bool) {
	pan, rest, ok := cutDigits(t.Payload(Track2), '=')
	if !ok || len(pan) == 0 || len(pan) > 19 {
		return Fields{}, false
	}
	f := Fields{track: Track2, buf: t.buf}
	at := t.span[Track2].from
	f.pan = span{at, at + len(pan)}
	return f, f.tail(rest, f.pan.to+1, '=')
}

// tail reads expiry, service code and what follows, of which at is the place; a
// separator stands for a field that the card does not have.
func (p *Fields) tail(rest []byte, at int, separator byte) bool {
	for _, field := range []struct {
		to     *span
		length int
	}{{&p.expiry, 4}, {&p.service, 3}} {
		n, used, ok := digitsOr(rest, field.length, separator)
		if !ok {
			return false
		}
		*field.to = span{at, at + n}
		rest, at = rest[used:], at+used
	}
	p.discretionary = span{at, at + len(rest)}
	return true
}

// digitsOr says how long a field is, and how much of the track it takes.
func digitsOr(b []byte, n int, separator byte) (length, used int, ok bool) {
	if len(b) > 0 && b[0] == separator {
		return 0, 1, true
	}
	if len(b) < n {
		return 0, 0, false
	}
	for _, c := range b[:n] {
		if !isDigit(c) && c != '*' {
			return 0, 0, false
		}
	}
	return n, n, true
}

func cut(b []byte, separator byte) (before, after []byte, ok bool) {
	for i, c := range b {
		if c == separator {
			return b[:i:i], b[i+1:], true
		}
	}
	return nil, nil, false
}

// cutDigits is cut for a number: digits, with asterisks where it is masked,
// and with the spaces that some issuers print into track 1.
func cutDigits(b []byte, separator byte) (number, after []byte, ok bool) {
	number, after, ok = cut(b, separator)
	if !ok {
		return nil, nil, false
	}
	for _, c := range number {
		if !isDigit(c) && c != '*' && c != ' ' {
			return nil, nil, false
		}
	}
	return number, after, true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
