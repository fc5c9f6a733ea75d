// Package record is what a POS sent to a printer, written down for support: the
// format of the file, and the mask that card numbers are given before anything
// is written.
//
// A record is lines of JSON. The first says what it is:
//
//	{"record":"tillwarden print","version":1,"printer":"receipt","dialect":"epson"}
//
// Each further one is what came at one time: "at", milliseconds since the record
// began; "job", which opening of the port it came in; and "bytes", in base64. A
// last line with "end" says why the record ended, and how much was left out.
//
// It guarantees that no sequence of 13 to 19 digits that is a card's number by
// its check digit leaves a [Mask], whatever pieces it came in and with up to
// four bytes that are neither letter nor digit between its digits; the bytes keep their number and places,
// so that what is read from a record is read as it was at the register.
//
// It is pure: it opens nothing and knows no clock.
package record
