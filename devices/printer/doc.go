// Package printer stands between the POS application and one receipt printer
// with its drawers. The POS finds a port that looks like the printer; what it
// prints goes on as it did; what would open a drawer is taken out, gets its
// purpose, and goes to an [Authority] to be decided.
//
// It guarantees:
//
//   - The drawer is pulsed by [Guard.Pulse] and by nothing else, which needs the
//     gate's valid redemption for that drawer, and writes only when the pulse
//     takes effect now: a printer whose state is known, that answers and is
//     online, with nothing queued before it, here or, where it can be asked for
//     that, in the printer.
//   - The printer gets bytes only after its state is known (resynchronised), and
//     bytes of the daemon's own only between two commands.
//   - Printing waits for no decision, and no decision for printing. What a
//     printer cannot take is held back to the POS; memory is bounded.
//   - The POS gets the answers to its own questions, and what the printer sends
//     unasked; nothing of ours. What we take for the drawer's level is an answer
//     to a question of ours: no POS can make another one pass for it.
//   - No POS keeps a drawer shut by never ending what it began.
//
// It decides nothing, journals nothing (see [Event]) and knows no operators.
// What leaves is held to invariant 3 by package escpos, and once more, below
// it, here.
package printer
