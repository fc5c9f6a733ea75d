// Package enforcer is the gate: it decides what the signed-on operator may
// do at this register, and what opens a drawer.
//
// A decision becomes a pulse in three steps. [Gate.Authorize] takes the
// snapshot, decides, and commits the decision to the journal with no lock
// held; if the state is still the same it makes a [Grant]. [Gate.Redeem]
// consumes the grant and, while it runs the function that writes the pulse,
// keeps every change of state waiting. What the printer made of it is
// journaled by others.
//
// # Guarantees
//
//   - No grant without an allowed decision that is already in the journal, no
//     pulse without a grant. Only a gate makes grants that it redeems.
//   - A grant opens one drawer, once, within seconds. It ends with the
//     generation of the state it was made in: sign-off, lock, a new policy or
//     a change of the roster. It does not survive a restart.
//   - What restricts (sign-off, lock, a roster without the operator, the end
//     of an override) takes effect first and is journaled second; what
//     permits is journaled first. A journal that fails permits nothing.
//   - Nobody approves the own request, nor does the person behind it.
//   - Nothing is allowed by default: no policy, no session, no work group, no
//     such function are all denied, with the reason.
//   - No decision waits for anything but the journal.
//
// # Modes
//
// For a limited time two persons who may can let through what the policy
// refuses: in monitor mode everything or single functions, to move in; in
// break-glass the openings for sales, for the evening when the store cannot
// wait. The decision, its rule and its journal entry stay the policy's; the entry
// says besides which mode let it through, and the grant hangs on that entry. No
// mode knows of credentials, approvers, people or protected functions. A mode is
// part of the snapshot, so that one that begins or ends is a new generation. Its
// time runs on the boot clock, and over reboots on what the journal has of it.
//
// # Limits
//
// Where every work group that gives a function limits it, what was told of the action
// (amount, percent) and what the gate knows itself (how often the session had it, the
// time, the register) is held against that. What is beyond, or was not told, is an
// override where there is one; and an approver lends no more than the own limits allow.
//
// # What survives
//
// What must survive a crash (session, lock, mode, pending override, who held a
// session since the till was opened, what a session used of its limits, epoch floors) is a fold over the
// journal's entries. The state file is a shortcut for it, written after the
// journal; at start the entries after it are folded again.
//
// # What it is not
//
// It knows no credentials (whoever calls has identified the [Subject]), no
// devices, no API and no clock but the one it is given. It does not know what
// a printer did with a pulse.
package enforcer
