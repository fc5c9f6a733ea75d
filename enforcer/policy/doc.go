// Package policy is the model of who may do what: functions, work groups and
// their marks, compiled to a form that a decision reads with one bit test.
//
// Guarantees: what is not in the catalogue, not marked, or not yet reviewed is
// denied. Equal policies compile to equal bytes. Decode takes exactly the
// bytes that MarshalBinary writes and nothing else, whatever it is given; it
// reads them in time and memory that are bounded by their length. A Compiled
// and a Planes never change, so any number of goroutines may read them.
//
// What a mark means:
//
//   - A level 1 function must be marked check, or its tree is shut: nothing in
//     it is allowed, and no override reaches it.
//   - Below it the nearest mark wins: the function's own, else that of its
//     application, else the tree's.
//   - X means that this work group does not give it. Whether somebody may then
//     approve it is the function's Override.
//   - Refuse holds for the function and for everything below it, in every work
//     group of the operator, and wins over everything.
//   - A work group gives nothing, not even an override, for functions that are
//     newer than the catalogue it was reviewed against.
//   - An operator with several work groups may do what any of them gives.
//
// A compiled work group is two bits a function, in the order of the tree. The
// planes (may, needs an override, may approve) are derived from them when an
// operator signs on, in one pass over the catalogue. They are not stored, so
// that a file cannot hold planes that its own marks contradict.
//
// It is pure: no clock, no I/O, and no language in which people write
// policies; that is package source. It decides what the marks say and no more:
// sessions, locks and who approves whom are the enforcer's.
package policy
