package card

import "math/bits"

// Characters are coded on the stripe by ISO/IEC 7811-2 (and 7811-6 for high
// coercivity), section "coding": tracks of letters in 6 bits from 0x20, tracks of
// numbers in 4 bits from 0x30, each with an odd parity bit. The LRC character
// stands after the end sentinel: each of its data bits makes the number of
// ones in that column, start sentinel to LRC, even; its own parity bit is odd
// over itself, like every character's.

// alphabet is how a track's characters are coded.
type alphabet struct {
	base byte // ASCII of the character coded as zero
	bits int
}

var (
	letters = alphabet{base: 0x20, bits: 6}
	numbers = alphabet{base: 0x30, bits: 4}
)

// has reports whether a character can be coded.
func (a alphabet) has(c byte) bool { return c >= a.base && int(c-a.base) < 1<<a.bits }

// lrc is the LRC character of a track's text, both sentinels included, as
// readers send it: in ASCII. It is false when the text cannot be coded.
func (a alphabet) lrc(start byte, payload []byte, end byte) (byte, bool) {
	if !a.has(start) || !a.has(end) {
		return 0, false
	}
	sum := (start - a.base) ^ (end - a.base)
	for _, c := range payload {
		if !a.has(c) {
			return 0, false
		}
		sum ^= c - a.base
	}
	return sum + a.base, true
}

// LRC gives the LRC character, in ASCII, that follows a track's end sentinel,
// for a payload without sentinels: on track 1 as letters between % and ?, on
// tracks 2 and 3 as numbers between ; and ?. It is false for characters that
// the track does not have. Whoever encodes cards, or simulates them, needs it.
func LRC(track Number, payload []byte) (byte, bool) {
	if track == Track1 {
		return letters.lrc('%', payload, '?')
	}
	return numbers.lrc(';', payload, '?')
}

// OddParity reports whether the parity bit of a character's data bits is set:
// it makes the number of ones odd.
func OddParity(data byte) bool { return bits.OnesCount8(data)%2 == 0 }
