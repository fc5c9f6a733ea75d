package journal

import (
	"errors"
	"fmt"

	"tillwarden/enforcer/journal/entry"
)

// Errors of opening.
var (
	// ErrInUse: another process holds the file.
	ErrInUse = errors.New("the journal is in use by another process")
	// ErrIdentity: the file belongs to another chain, store or register than the options say.
	ErrIdentity = errors.New("the journal belongs to another register")
	// ErrNotJournal: the file is no journal at all.
	ErrNotJournal = errors.New("not a journal")
)

// Errors of appending. After any of them nothing may take effect.
var (
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("the journal is closed")
	// ErrBusy: more appends wait than the store takes.
	ErrBusy = errors.New("too many appends are waiting for the journal")
	// ErrInvalid: an entry cannot be stored as it is.
	ErrInvalid = errors.New("the entry cannot be journaled")
	// ErrReserve: only essential entries are taken, the rest of the space is kept for them.
	ErrReserve = errors.New("the journal's space is used up to its reserve")
	// ErrFull: there is no space left at all.
	ErrFull = errors.New("no space is left for the journal")
	// ErrWrite: writing failed. Whether the entries reached the disk is not known.
	ErrWrite = errors.New("writing the journal failed")
	// ErrUnavailable: the file is being reopened after a failure.
	ErrUnavailable = errors.New("the journal is being reopened after a failure")
)

// Errors of reading, and of any use of a file that is not what it should be.
var (
	// ErrDamaged: the file's content contradicts itself.
	ErrDamaged = errors.New("the journal is damaged")
	// ErrNotFound: the journal has no entry with this number.
	ErrNotFound = errors.New("no such entry in the journal")
	// ErrRemoved: there was such an entry, older than what is kept. It is an ErrNotFound.
	ErrRemoved = fmt.Errorf("%w any more: it was older than what is kept", ErrNotFound)
)

// damage is an ErrDamaged that says where.
type damage struct {
	page uint64
	what string
}

func (d *damage) Error() string {
	if d.page == 0 {
		return ErrDamaged.Error() + ": " + d.what
	}
	return fmt.Sprintf("%v: page %d: %s", ErrDamaged, d.page, d.what)
}

func (d *damage) Is(target error) bool { return target == ErrDamaged }

func damaged(page uint64, format string, args ...any) error {
	return &damage{page: page, what: fmt.Sprintf(format, args...)}
}

// LostError tells a reader that follows the journal that entries are not in
// it: a damaged file was moved aside in between. Reading goes on after To.
type LostError struct{ From, To entry.Seq }

func (e *LostError) Error() string {
	return fmt.Sprintf("entries %d to %d are not in this journal file", e.From, e.To)
}
