// Package loopback is a print port on the loopback interface, for POS
// applications that print to a network printer: raw TCP, as on port 9100.
//
// It guarantees:
//
//   - A connection gives bytes only after the kernel has said whose it is, and
//     that user, or a group of the user's, is on the list. A client that the
//     kernel cannot tell is refused.
//   - One connection at a time is served, as printers do. Some others wait, for a
//     bounded time; more are refused.
//   - What a browser sends (HTTP, TLS) is dropped whole: any page that somebody
//     opens at the register can make the browser post to 127.0.0.1.
//   - Little is buffered: a printer that takes nothing holds the client up.
//
// Addresses beyond the loopback interface are refused. It knows nothing of
// printing: what the bytes mean is for package printer's guard to say.
package loopback
