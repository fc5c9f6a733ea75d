// Package readings says what a stream of bytes could do to a receipt printer,
// whichever printer it is.
//
// Manuals and models differ: one takes a picture's dots, another refuses the
// picture and executes its dots; one drops an unknown command's two bytes,
// another five; one looks at the lowest bit of a drawer's number only. A model of
// one printer is one such choice. [Readings] makes all of them at once: it keeps
// the set of all states that printers of a [Language] could be in (the subset
// construction), so that what it does not find no printer of the language does,
// in no combination of choices, not even one that changes its mind in mid-stream.
//
// It guarantees:
//
//   - It shares neither code nor tables with what filters the stream: it is
//     written from the printers' manuals, as the printer sees the bytes.
//   - No reading is dropped silently. Where there are more states than it can
//     hold, it says so ([Readings.Err]), and what it found is not to be trusted.
//   - What it finds comes with an account of the choices that led there.
//
// A [Reading] is one printer that always chooses alike, and [Print] what it
// prints: to compare two streams by their effect on paper.
//
// It has no paper, no clock and no answers to questions, and is no part of the
// product: the tests in this folder hold the filter to it.
package readings
