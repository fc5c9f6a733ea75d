// Package card reads what a magnetic-stripe reader reports: it takes the
// decoded text of a swipe apart into ISO/IEC 7811 and 7813 tracks and says
// which kind of card it was.
//
// Guarantees:
//   - A payment card or a driver licence is recognised before any rule of the
//     site is looked at, and its bytes are zeroed before Classify returns.
//   - Track bytes are in one buffer, the reader's own, until Wipe zeroes it; what
//     Classify keeps of an operator card is a second one with a Wipe of its own.
//   - No type of this package shows a byte of a track: every fmt verb, JSON, text
//     and slog print the class alone, also from within other types.
//   - No error carries a byte of what was read.
//
// It is pure: no clock, no I/O, no log. It knows neither operators nor keys: who
// has a card is signon's to find, by a keyed hash of Card.Payload.
//
// It is not a payment component. Cards whose report is masked or ciphered by the
// reader's head are recognised as payment cards where the mask leaves their shape,
// and are unreadable otherwise.
package card
