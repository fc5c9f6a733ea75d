// Package loopback is a print port on the loopback interface, for POS
// applications that print to a network printer: raw TCP, as on port 9100.
//
// It guarantees:
//
//   - The kernel is asked whose a connection is before a byte of it is read. Who is
//     not on the list, as a user or by a group, is refused.
//   - A client that has sent its job and gone before the kernel could say whose it
//     was loses nothing: its connection is served, and is [Conn.Unknown]. Anybody
//     can do that. So what is served must do no more than print, and there is only
//     so much of it at a time ([RefusedFlood]).
//   - One connection at a time is served, as printers do. The others wait, those
//     whose clients wait with them for a bounded time.
//   - What a browser sends (HTTP, TLS) is dropped whole: any page that somebody
//     opens at the register can make the browser post to 127.0.0.1.
//   - Little is buffered: a printer that takes nothing holds the client up.
//
// Addresses beyond the loopback interface are refused. It knows nothing of
// printing: what the bytes mean is for package printer's guard to say.
package loopback
