// Package sim is hardware that is not there: a receipt printer with two cash
// drawers, a cash drawer without a printer, a card reader and a keypad, each on the far side of a pty, so that the
// daemon knows them as ttys and as nothing else.
//
// The printer is written from the printers' manuals, as the printer sees the
// bytes. It shares no code with devices/escpos, which judges the same bytes for
// the register: an error of one must not be hidden by the other. Where manuals
// and models differ it can be any of them (Model), and it does what real ones do
// with what they refuse: the rest of a refused command is ordinary data. So it
// says what a stream could do to a drawer, not what it was meant to do.
//
// It guarantees that bytes have the same effect however they are cut into pieces,
// that nothing it is sent makes it fail or grow without bound, and that each
// pulse is on record with the bytes that caused it.
//
// It is not a part of the product, and not a faithful copy of one printer: what
// is on the paper is told as text (Paper), as text with how it is printed (Look)
// and as the pictures that came (Pictures), no character is drawn, and time
// passes only where a test needs it to.
package sim
