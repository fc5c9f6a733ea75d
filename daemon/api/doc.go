// Package api is the daemon's interface for programs: HTTP with JSON on one
// unix socket a role, described by openapi.json, with a Go client.
//
// It holds the wire types, the handlers and the client. The handlers decide
// nothing: they hold each request to its role, size and rate, hand it to a
// Backend, and write down what that answers. Nothing here knows the gate,
// the roster or a device.
//
// Guarantees:
//   - A route that a role may not use answers the same whatever is asked of it.
//   - The peer's uid is noted as the source of a request and bounds its rate.
//     It is never authority: what needs an operator needs the operator's
//     number and PIN, on the console's or the technician's socket.
//   - PINs arrive as JSON strings, are kept in a Secret, which prints as dots,
//     and are wiped when the request ends. (The HTTP server's own read buffer
//     is beyond reach; the daemon keeps its memory out of core dumps.)
//   - Field names and the words of closed lists are append-only within /v1.
package api
