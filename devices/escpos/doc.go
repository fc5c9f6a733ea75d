// Package escpos reads what a POS application sends to an Epson-compatible
// receipt printer, and says which bytes of it may reach the printer.
//
// A printer of this kind is two readers at once. One looks at every byte as it
// arrives, whatever it belongs to, for the real-time commands (DLE EOT, DLE
// ENQ, DLE DC4). The other takes the same bytes in order and knows commands,
// their parameters and their payloads. A [Filter] is both, with the state of
// one printer: writes, jobs, connections and operators come and go, the state
// stays. Which language the printer speaks is declared ([Dialect]) and never
// guessed from the stream.
//
// It guarantees:
//
//   - What is forwarded contains, at no offset and in no context, a byte
//     pattern that such a printer, or a clone that reads a command shorter or
//     longer than we do, could take for an order to open the drawer, to record
//     and replay bytes, to clear its buffers, to stop listening or to change
//     its settings. This holds below the grammar: it is checked on the bytes.
//   - A command goes through byte for byte or not at all. Only dots are mended,
//     of pictures and of characters that the host defines: one changes where a
//     pattern would arise.
//   - What the grammar does not know, or knows with other parameters, is not
//     forwarded, and is reported.
//   - Printed text always goes on.
//   - The same bytes give the same output and the same segments, however they
//     are cut into calls; at most some kilobytes are held back, never text.
//
// It is pure: bytes in, segments out. It opens nothing, decides nothing about
// kicks, and knows no clock: who uses it says when a stream has stalled.
package escpos
