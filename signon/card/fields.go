package card

// Fields are the fields of a track that has ISO/IEC 7813's form. They point
// into the buffer of their Tracks: they are zeroes after Wipe.
type Fields struct {
	track Number
	parts *fieldParts
}

type fieldParts struct {
	pan, name, expiry, service, discretionary []byte
}

// PAN is the primary account number: digits, on masked tracks with asterisks.
func (p Fields) PAN() []byte { return p.get().pan }

// Name is the card holder's, on track 1 alone.
func (p Fields) Name() []byte { return p.get().name }

// Expiry is YYMM, or empty where the card has none.
func (p Fields) Expiry() []byte { return p.get().expiry }

// Service is the three-digit service code, or empty where the card has none.
func (p Fields) Service() []byte { return p.get().service }

// Discretionary is what the issuer added.
func (p Fields) Discretionary() []byte { return p.get().discretionary }

func (p Fields) get() *fieldParts {
	if p.parts == nil {
		return &fieldParts{}
	}
	return p.parts
}

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
	f := fieldParts{pan: pan, name: name}
	if !f.tail(rest, '^') {
		return Fields{}, false
	}
	return Fields{track: Track1, parts: &f}, true
}

// Fields2 reads track 2 as ISO/IEC 7813 gives it:
// PAN = YYMM or =, service code or =, discretionary data.
func (t *Tracks) Fields2() (Fields, bool) {
	pan, rest, ok := cutDigits(t.Payload(Track2), '=')
	if !ok || len(pan) == 0 || len(pan) > 19 {
		return Fields{}, false
	}
	f := fieldParts{pan: pan}
	if !f.tail(rest, '=') {
		return Fields{}, false
	}
	return Fields{track: Track2, parts: &f}, true
}

// tail reads expiry, service code and what follows; a separator stands for a
// field that the card does not have.
func (p *fieldParts) tail(rest []byte, separator byte) bool {
	var ok bool
	if p.expiry, rest, ok = digitsOr(rest, 4, separator); !ok {
		return false
	}
	if p.service, rest, ok = digitsOr(rest, 3, separator); !ok {
		return false
	}
	p.discretionary = rest
	return true
}

func digitsOr(b []byte, n int, separator byte) (field, rest []byte, ok bool) {
	if len(b) > 0 && b[0] == separator {
		return nil, b[1:], true
	}
	if len(b) < n {
		return nil, nil, false
	}
	for _, c := range b[:n] {
		if !isDigit(c) && c != '*' {
			return nil, nil, false
		}
	}
	return b[:n:n], b[n:], true
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
