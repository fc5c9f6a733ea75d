package msr

// The card data of ID TECH's frame begins with the card's kind (its high bit
// tells the enhanced form), a byte on how the tracks were read, and the lengths of
// the three tracks in the clear or masked. The enhanced form has two more bytes:
// what of the tracks was sent in the clear, and what ciphered. The tracks follow;
// behind them comes what is ciphered, hashes and serial numbers, which only
// those who have the keys can use.
const (
	minFrame = 5 // kind, status, three lengths

	enhanced = 0x80

	// The status byte: bits 0 to 2 say that a track was decoded (or was not
	// there), bits 3 to 5 that there was something on it.
	decodedBits, sampledBits = 0, 3
)

// card takes card data apart, and reports whether it is such.
func (r *report) card(card []byte, errorTokens []string) bool {
	kind, status := card[0], card[1]
	switch kind &^ enhanced {
	case 0:
		r.encoding = EncodingISO
	case 1:
		r.encoding = EncodingAAMVA
	default:
		r.encoding = EncodingOther
	}
	sent, rest := byte(0x07), card[minFrame:]
	if kind&enhanced != 0 {
		if len(rest) < 2 {
			return false
		}
		sent, rest = rest[0], rest[2:]
	}
	for i := range 3 {
		var text []byte
		var sentinel byte
		if size := int(card[2+i]); size > 0 && sent&(1<<i) != 0 {
			if size > len(rest) {
				return false
			}
			sentinel, text = trackText(rest[:size])
			rest = rest[size:]
			if len(text) > maxTrack || !printable(text) {
				return false
			}
		}
		sampled := status&(1<<(sampledBits+i)) != 0
		bad := sampled && status&(1<<(decodedBits+i)) == 0
		for _, token := range errorTokens {
			bad = bad || string(text) == token
		}
		if bad || len(text) > 0 {
			r.add(i, sentinel, text, bad)
		}
	}
	return r.present != 0
}

// printable reports whether a track has only what a track can have. A sentinel
// inside would let one track look like two.
func printable(text []byte) bool {
	for _, c := range text {
		if c < 0x20 || c > 0x7e || c == '?' {
			return false
		}
	}
	return true
}
