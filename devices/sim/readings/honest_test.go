package readings_test

import "pgregory.net/rapid"

// What applications send that only print, by language: text, and commands within
// their manual's parameters.

func each(list []string) *rapid.Generator[[]byte] {
	return rapid.Map(rapid.SampledFrom(list), func(s string) []byte { return []byte(s) })
}

func latin() *rapid.Generator[[]byte] { return rapid.SliceOfN(rapid.ByteRange(0x20, 0x7E), 1, 20) }

func lines() *rapid.Generator[[]byte] { return each([]string{"\n", "\r\n", "\t", "Milk 1.20\n"}) }

// honest is ESC/POS, two-byte characters included.
func honest() *rapid.Generator[[]byte] {
	kanji := rapid.Custom(func(t *rapid.T) []byte {
		var b []byte
		for range rapid.IntRange(1, 8).Draw(t, "characters") {
			b = append(b, rapid.ByteRange(0x88, 0x9F).Draw(t, "lead"), rapid.SampledFrom([]byte("@pPx{\x80\xfc\x9f")).Draw(t, "trail"))
		}
		return b
	})
	return rapid.OneOf(command(), command(), latin(), kanji, lines())
}

// honestCommon is what of ESC/POS every printer knows.
func honestCommon() *rapid.Generator[[]byte] {
	commands := rapid.Custom(func(t *rapid.T) []byte {
		x, y := rapid.IntRange(1, 6).Draw(t, "x"), rapid.IntRange(1, 6).Draw(t, "y")
		n := int(rapid.ByteRange(0, 3).Draw(t, "n"))
		switch rapid.IntRange(0, 4).Draw(t, "which") {
		case 0:
			return seq(0x1B, int(rapid.SampledFrom([]byte("!3EGJMRVadrt{-")).Draw(t, "command")), n)
		case 1:
			return seq(rapid.SampledFrom([]string{"\x1b@", "\x1b2", "\x1bi", "\x1bm", "\x1dV0", "\x1dVB\x00", "\x1d!\x11", "\x1dH2", "\x1df0", "\x1dh\x50", "\x1dw\x02"}).Draw(t, "command"))
		case 2:
			return seq(0x1D, "v0", n, x, 0, y, 0, payload(t, x*y))
		case 3:
			return seq(0x1D, "k", 73, 6, "{BA12", int(rapid.ByteRange(0x21, 0x7E).Draw(t, "last")))
		default:
			return seq(0x1D, "(k", 8, 0, "1P0", "hello", 0x1D, "(k", 3, 0, "1Q0")
		}
	})
	return rapid.OneOf(commands, latin(), lines())
}

// honestStar is Star's line mode.
func honestStar() *rapid.Generator[[]byte] {
	commands := rapid.Custom(func(t *rapid.T) []byte {
		n := rapid.IntRange(1, 40).Draw(t, "n")
		v := int(rapid.OneOf(rapid.ByteRange(0, 3), rapid.Byte()).Draw(t, "value"))
		switch rapid.IntRange(0, 9).Draw(t, "which") {
		case 0:
			return seq(0x1B, int(rapid.SampledFrom([]byte("45EFMP0:")).Draw(t, "command")))
		case 1:
			return seq(0x1B, int(rapid.SampledFrom([]byte(" -/W_hazRJI")).Draw(t, "command")), v)
		case 2:
			return seq(rapid.SampledFrom([]string{"\x1b@", "\x1bi\x01\x01", "\x1bd\x03", "\x1b\x1da\x01", "\x1b\x1dt\x20", "\x1b\x1eF\x01", "\x1b\x1dA\x10\x00", "\x0e", "\x14", "\x0f", "\x12"}).Draw(t, "command"))
		case 3:
			return seq(0x1B, rapid.SampledFrom([]string{"K", "L"}).Draw(t, "columns"), n, 0, payload(t, n))
		case 4:
			return seq(0x1B, "X", n, 0, payload(t, 3*n))
		case 5:
			return seq(0x1B, "k", 2, 0, payload(t, 48))
		case 6:
			return seq(0x1B, "b", "6", "2", "2", 60, rapid.SliceOfN(rapid.ByteRange('0', 'Z'), 1, 12).Draw(t, "code"), 0x1E)
		case 7:
			return seq(0x1B, 0x1D, "yS0", 2, 0x1B, 0x1D, "yD1", 0, n, 0, rapid.SliceOfN(rapid.ByteRange(0x20, 0x7E), n, n).Draw(t, "data"), 0x1B, 0x1D, "yP")
		case 8:
			return seq(0x1B, "D", 8, 16, 32, 0)
		default:
			return seq(0x1B, 0x1D, "xS0", 0, 1, 2, 0x1B, 0x1D, "xD", 3, 0, "abc", 0x1B, 0x1D, "xP")
		}
	})
	return rapid.OneOf(commands, commands, latin(), lines())
}

// honestRows is a job in Star's raster mode.
func honestRows() *rapid.Generator[[]byte] {
	return rapid.OneOf(lines(), rapid.Custom(func(t *rapid.T) []byte {
		b := seq(0x1B, "*rA", 0x1B, "*rP0", 0)
		for range rapid.IntRange(0, 4).Draw(t, "rows") {
			n := rapid.IntRange(1, 40).Draw(t, "n")
			b = append(b, seq(rapid.SampledFrom([]string{"b", "k"}).Draw(t, "row"), n, 0, payload(t, n))...)
		}
		return append(b, seq(0x1B, "*rY12", 0, 0x1B, 0x0C, 0, 0x1B, "*rB")...)
	}))
}

// honestCitizen is what Citizen's printers share with Star's.
func honestCitizen() *rapid.Generator[[]byte] {
	return rapid.OneOf(latin(), lines(), rapid.Custom(func(t *rapid.T) []byte {
		n := rapid.IntRange(1, 40).Draw(t, "n")
		v := int(rapid.Byte().Draw(t, "value"))
		switch rapid.IntRange(0, 2).Draw(t, "which") {
		case 0:
			return seq(0x1B, int(rapid.SampledFrom([]byte("-WhaRJ3A")).Draw(t, "command")), v)
		case 1:
			return seq(0x1B, int(rapid.SampledFrom([]byte("45EF@")).Draw(t, "command")))
		default:
			return seq(0x1B, rapid.SampledFrom([]string{"K", "L"}).Draw(t, "columns"), n, 0, payload(t, n))
		}
	}))
}

// honestIthaca is PcOS, as far as it is known.
func honestIthaca() *rapid.Generator[[]byte] {
	return rapid.OneOf(latin(), lines(), each([]string{"R&D", "3 & 4", "50% & more", "&", "&%", "&%CR", "&%FL03", "&%Z9"}), rapid.Custom(func(t *rapid.T) []byte {
		n := rapid.IntRange(1, 40).Draw(t, "n")
		v := int(rapid.Byte().Draw(t, "value"))
		switch rapid.IntRange(0, 2).Draw(t, "which") {
		case 0:
			return seq(0x1B, int(rapid.SampledFrom([]byte("-35AISWaJd_")).Draw(t, "command")), v)
		case 1:
			return seq(0x1B, int(rapid.SampledFrom([]byte("EFGHRTv@")).Draw(t, "command")))
		default:
			return seq(0x1B, rapid.SampledFrom([]string{"K", "L", "Y", "Z"}).Draw(t, "columns"), n, 0, payload(t, n))
		}
	}))
}

// honestSureMark is what SureMark's printers read.
func honestSureMark() *rapid.Generator[[]byte] {
	return rapid.OneOf(latin(), lines(), rapid.Custom(func(t *rapid.T) []byte {
		n := rapid.IntRange(1, 6).Draw(t, "n")
		v := int(rapid.ByteRange(0, 3).Draw(t, "value"))
		switch rapid.IntRange(0, 4).Draw(t, "which") {
		case 0:
			return seq(0x1B, int(rapid.SampledFrom([]byte(" !-3GHUVW_atJd")).Draw(t, "command")), v)
		case 1:
			return seq(rapid.SampledFrom([]string{"\x1b@", "\x1b1", "\x1b2", "\x1bi", "\x1bm", "\x1bc0\x02", "\x1b$\x00\x10", "\x1dH2", "\x1df0", "\x1dh\x50", "\x1dw\x02"}).Draw(t, "command"))
		case 2:
			return seq(0x1B, "*", 0, n, 1, payload(t, 8*n))
		case 3:
			return seq(0x1B, "D", 0, 8, 1, 16, 0, 0)
		default:
			return seq(0x1D, "k", 4, "ABC123", 0)
		}
	}))
}
