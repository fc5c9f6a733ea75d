package readings_test

import "pgregory.net/rapid"

// Streams of those who look for a way through, and of those who only print.

// nasty are the bytes that commands begin with and could end with.
var nasty = []byte("\x10\x14\x04\x05\x01\x02\x08\x00\x03\x06\x1b\x1c\x1d\x1fpxvq#=:^(ADELMkv0*&%r+/b@!\x07\x0a\x19\x1aI\x30\x81\xe0\xff")

// fragments are parts of what must not come through.
var fragments = []string{
	kick, rtKick, clearing, "\x1b", "\x1bp", "\x1bp\x00", "\x1bp\x00\x19", "p\x00\x19\xfa", "\x00\x19\xfa", "\x19\xfa",
	"\x10", "\x10\x14", "\x10\x14\x01", "\x10\x14\x01\x00", "\x14\x01\x00\x01", "\x01\x00\x01", "\x10\x05", "\x02", "\x05\x02",
	"\x1bx", "x1", "\x1d", "\x1d(", "(E", "E\x03\x00\x01IN", "\x1d(A\x02\x00\x00\x01", "\x1d(M\x02\x00\x01\x31", "(D\x03\x00\x14\x01\x01", "\x1f(E", "\x1f", "\x1d:", ":", "\x1d^\x01\x00\x01",
	"^\x01\x00\x01", "\x1b=", "=\x02", "\x1b=\x02", "\x1b=\x01", "\x1b#", "\x1cq", "q\x01", "\x1bv", "\x1b\x80", "\x81", "\xe0",
	"\x07", "\x08", "\x19", "\x1a", "\x1c", "\x1b\x07\x14\x14", "\x1b*rA", "\x1b*rB", "\x1b*rD1\x00", "\x1b*r", "D1\x00", "b\x02\x00", "k\x07\x00", "\x1bK\x02\x00",
	"\x1b\x1d+", "\x1b\x1d/3", "\x1b\x1d#", "\x1b\x1d", "+", "\x1b\x1d\x19\x12\x01\x01\x01", "\x1b?\n\x00", "&%D1", "&", "%D1", "&%UB", "\x1b+", "\x1b<", "\x1b\x1f", "\x1d-", "\x1d0",
	"\x1b!", "\x1b!\x1b", "\x1b(A\x04\x00071\x01", "\x10\x14\x03\x01\x00\x01\x00\x00", "\x1b(Y\x02\x0000", "\x1d(z", "\x10\x14\x02\x01\x08", "\x1d!\x10", "\x1b3\x1d", "\x1bJ\x10", "\x1dP", "\x1b$\x1b", "\x1cS\x1b", "\x1b@", "\x00",
}

func nastyBytes(least, most int) *rapid.Generator[[]byte] {
	return rapid.SliceOfN(rapid.SampledFrom(nasty), least, most)
}

// fragment is some of them, one after the other.
func fragment() *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		var b []byte
		for _, s := range rapid.SliceOfN(rapid.SampledFrom(fragments), 1, 5).Draw(t, "fragments") {
			b = append(b, s...)
		}
		return b
	})
}

// payload is n bytes, some of which are meant to be executed.
func payload(t *rapid.T, n int) []byte {
	b := rapid.OneOf(
		rapid.SliceOfN(rapid.SampledFrom(nasty), n, n),
		rapid.SliceOfN(rapid.Byte(), n, n),
		rapid.SliceOfN(rapid.SampledFrom([]byte{0, 0xFF, 0xAA}), n, n),
	).Draw(t, "payload")
	if rapid.Bool().Draw(t, "hides") {
		hidden := fragment().Draw(t, "hidden")
		if len(hidden) < n {
			copy(b[rapid.IntRange(0, n-len(hidden)).Draw(t, "at"):], hidden)
		}
	}
	return b
}

// parameters are n bytes, of which some may make a fragment.
func parameters(t *rapid.T, n int) []byte {
	b := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 2, 16}), n, n).Draw(t, "parameters")
	hidden := rapid.SampledFrom([]string{kick, rtKick, "\x10\x05\x02", "\x10\x14\x02\x01\x08", "\x1d(E", "\x1b=\x02", "\x10"}).Draw(t, "hidden")
	if len(hidden) <= n {
		copy(b[rapid.IntRange(0, n-len(hidden)).Draw(t, "at"):], hidden)
	}
	return b
}

func seq(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			b = append(b, byte(p))
		case string:
			b = append(b, p...)
		case []byte:
			b = append(b, p...)
		}
	}
	return b
}

// command is a command of the manuals, within its parameters, and with a payload
// of a length that is right.
func command() *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		n := rapid.IntRange(0, 40).Draw(t, "n")
		x, y := rapid.IntRange(1, 6).Draw(t, "x"), rapid.IntRange(1, 8).Draw(t, "y")
		v := int(rapid.OneOf(rapid.Byte(), rapid.SampledFrom(nasty)).Draw(t, "value"))
		w := int(rapid.OneOf(rapid.ByteRange(0, 15), rapid.SampledFrom(nasty)).Draw(t, "other value"))
		switch rapid.IntRange(0, 21).Draw(t, "which") {
		case 0:
			return seq(0x1B, int(rapid.SampledFrom([]byte("!3JdG EtR{-aMVUrT%")).Draw(t, "command")), v)
		case 1:
			return seq(rapid.SampledFrom([]string{"\x1b@", "\x1b2", "\x1b=\x01", "\x1ba\x01", "\x1bE\x01", "\x1d!\x11", "\x1bi", "\x1c.", "\x1c&", "\x1bL", "\x1bS", "\x0c", "\x1b\x0c", "\x18"}).Draw(t, "command"))
		case 2:
			return seq(rapid.SampledFrom([]string{"\x1b$", "\x1b\\", "\x1dL", "\x1dW", "\x1dP", "\x1cS", "\x1d$", "\x1d\\"}).Draw(t, "command"), v, w)
		case 3:
			return seq(0x1D, "v0", v&3, x, 0, y, 0, payload(t, x*y))
		case 4:
			return seq(0x1D, "Q0", v&3, x, 0, y, 0, payload(t, x*y))
		case 5:
			m := rapid.SampledFrom([]int{0, 1, 32, 33}).Draw(t, "m")
			each := 1
			if m > 1 {
				each = 3
			}
			return seq(0x1B, "*", m, n+1, 0, payload(t, (n+1)*each))
		case 6:
			return seq(0x1D, "k", rapid.IntRange(65, 79).Draw(t, "m"), n, payload(t, n))
		case 7:
			return seq(0x1D, "kI", n+2, "{B", payload(t, n))
		case 8:
			return seq(0x1D, "k", rapid.IntRange(0, 6).Draw(t, "m"), rapid.SliceOfN(rapid.ByteRange('0', '9'), 7, 13).Draw(t, "digits"), 0)
		case 9:
			return seq(0x1D, "(k", n+3, 0, "1P0", payload(t, n), 0x1D, "(k", 3, 0, "1Q0")
		case 10:
			return seq(0x1D, "(L", 10+x*y, 0, "0p0", 1, 1, "1", x*8, 0, y, 0, payload(t, x*y), 0x1D, "(L", 2, 0, "02")
		case 11:
			return seq(0x1D, "8L", 10+x*y, 0, 0, 0, "0p0", 1, 1, "1", x*8, 0, y, 0, payload(t, x*y))
		case 12:
			return seq(0x1B, "&", 3, "AA", x, payload(t, 3*x))
		case 13:
			return seq(0x1D, "*", 1, y, payload(t, 8*y))
		case 14:
			return seq(0x1C, "2", 0x77, 0x21, payload(t, 72))
		case 15:
			return seq(0x1B, "D", 8, 16, 0x1B, 0x1C, 'p', 0)
		case 16:
			return seq(rapid.SampledFrom([]string{"\x10\x04\x01", "\x10\x04\x04", "\x1dr\x01", "\x1dI\x01", "\x1da\xff"}).Draw(t, "question"))
		case 17:
			f := rapid.SampledFrom([]byte("ABCDEGHKLMNPQkz")).Draw(t, "function")
			return seq(0x1D, "(", int(f), n, 0, payload(t, n))
		case 18:
			return seq(0x1B, "W", parameters(t, 8))
		case 19:
			return seq(0x1D, "C1", parameters(t, 6))
		case 20:
			return seq(0x1D, "(P", 8, 0, "0", parameters(t, 7))
		default:
			return seq(0x1D, "V", rapid.SampledFrom([]string{"0", "1", "B\x00", "A\x10"}).Draw(t, "cut"))
		}
	})
}

func text() *rapid.Generator[[]byte] {
	return rapid.OneOf(
		rapid.Map(rapid.SampledFrom([]string{"pay\n", "p", "x1", "Milk 1.20\n", "(E", ":", "=", "#", "q", "&%D1", "\x83e\x83X\x83g\n", "\x81", "1234"}), func(s string) []byte { return []byte(s) }),
		rapid.SliceOfN(rapid.ByteRange(0x20, 0xFF), 1, 20),
	)
}

// pieces are parts of streams of all kinds.
func pieces() *rapid.Generator[[]byte] {
	cut := rapid.Custom(func(t *rapid.T) []byte {
		b := rapid.OneOf(command(), honestStar(), honestRows(), honestIthaca()).Draw(t, "whole")
		return b[:rapid.IntRange(1, len(b)).Draw(t, "cut")]
	})
	return rapid.OneOf(command(), command(), honestStar(), honestRows(), honestIthaca(), cut, fragment(), nastyBytes(1, 40), rapid.SliceOfN(rapid.Byte(), 1, 40), text())
}
