// Package daemon is the register's daemon: its configuration, the wiring of
// gate, journal, sign-on, devices and API, and its life from start to stop.
//
// Guarantees:
//   - It is ready only when the journal is open, the gate stands and the
//     sockets listen; devices may come later. What fails, fails closed.
//   - It speaks to no network: no socket of any family but AF_UNIX is opened.
//   - The watchdog hears from it only as long as journal, gate, devices and sockets
//     make progress.
//   - A stop takes at most two seconds, and SIGKILL at any moment loses
//     nothing that was acknowledged.
//
// It decides nothing itself: it routes swipes, keys, kicks and requests to
// signon and enforcer, and carries what they answer to devices and people.
package daemon
