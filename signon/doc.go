// Package signon knows the register's operators: who they are, how they prove
// it, and what a swipe or a number and PIN then does.
//
// Guarantees:
//   - No PIN, track, card number or key is written anywhere, nor in an error, a
//     log line, a journal entry or an answer. A PIN is kept as argon2id over a
//     keyed hash of it, a card as a keyed hash of its track; the keys are in
//     another file. What came in is zeroed when the call returns.
//   - Unknown, suspended, locked and wrong are refused by the same path, in the
//     same time and the same words, until a valid card was shown; then the
//     answer is specific.
//   - Five wrong tries lock that means of that operator on this register for 30
//     minutes. The count is on disk before the answer is given, outlives a
//     restart, and the wall clock has no say in it.
//   - Every change of people is in the journal before it is in the roster. If
//     the machine stops in between, the roster is unchanged, and Reconcile
//     says so in the journal at the next start.
//   - Nobody changes the own work groups, state or lock, nor another number of the
//     own person; and nobody comes by any sequence of changes to a work group that is
//     restricted to others (restricted.go).
//   - A PIN that others know opens nothing but the way to another one.
//   - Who may not work here now, by day, place, termination or revocation, is refused
//     wherever somebody is identified, and signed off when that begins (standing.go).
//   - A roster of another register's is applied whole or not at all, beside the own
//     operators, and brings nobody back whom this register let go (apply.go).
//   - A roster that is damaged, or made with other keys, lets nobody sign on.
//   - One swipe has one effect, the one of the swipe table ([Service.Present]).
//
// What it is not: it decides nothing. Whether an operator may sign on, unlock,
// approve or change people is asked of the gate ([Gate]), which journals its
// answers. It knows no devices; the daemon brings swipes and keypads to it.
//
// A numeric PIN can be tried out by whoever has both the roster and the keys,
// however slow the hash; argon2's own working memory is not zeroed by its library.
package signon
