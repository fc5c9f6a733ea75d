// Package drawer stands between the POS application and one cash drawer that
// hangs on a serial line of its own, with no printer in between. It is a room of
// its own beside devices/printer because there is no language to filter here, and
// no printer whose state would have to be known: on such a line a byte, and with
// some boxes the opening of the port itself, is the kick. What a kick becomes, a
// purpose and something to be decided by an [printer.Authority], and what a sensor
// makes known, is as it is with drawers on printers, and is that package's.
//
// It guarantees:
//
//   - No byte reaches the port but by [Drawer.Pulse], which needs the gate's valid
//     redemption for this drawer. With a drawer that may open when its port is
//     opened ([Options.OnGrant]) the same holds for open(): before a redemption
//     the device is looked at, and never opened.
//   - What the POS writes goes to a port that we made ([Options.Link]) and never
//     further. The drawer's code there is a kick; all else is dropped and told of.
//   - A code that the line does not take now is not sent later.
//
// It cannot show the POS the drawer's modem lines (a pty has none), and cannot
// keep root, or whoever has rights on the device file, from opening a port that
// is not held open. Opening a port raises DTR and RTS, in the kernel, for a moment
// at least, whoever opens it: a drawer that opens by that alone is no held one.
//
// It decides nothing, journals nothing and knows no operators.
package drawer
