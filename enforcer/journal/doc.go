// Package journal is the register's own record: append-only, durable,
// searchable, and tamper-evident to whoever holds one of its checkpoints.
//
// A journal is one bbolt file. Beside each entry, in the same transaction,
// stand the hashes of an RFC 6962 tree; every 256 entries a block of columns
// indexes them; signed checkpoints (C2SP tlog-checkpoint) fix the tree's head.
// docs/journal.md describes the format for auditors.
//
// Guarantees:
//   - Append returns only when its entries are on disk. After an error nothing
//     may take effect, although the entries may turn out to be there.
//   - What was appended is never changed, and sequence numbers never return:
//     a file that follows a damaged one goes on after its last known number.
//   - A damaged file costs an error, never a panic: it is moved aside and kept,
//     and a new one begins with what is known of it.
//   - Verify finds, on a copy alone, every change of an entry, a stored hash,
//     an index or a checkpoint, and relative to a checkpoint that the caller
//     holds also entries that were removed, added or reordered.
//
// It is not a proof against whoever holds the signing key or can stop
// checkpoints from leaving the register: entries after the last checkpoint
// that somebody else holds can be taken back unseen.
package journal
