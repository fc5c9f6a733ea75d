package devices

import (
	"errors"
	"io/fs"
)

// Why says why a device is not there, in words without paths or numbers: for
// the journal, which anybody may read who may read what happened.
func Why(err error) string {
	switch {
	case errors.Is(err, ErrGone):
		return "unplugged"
	case errors.Is(err, ErrBusy):
		return "in use by another program"
	case errors.Is(err, ErrNotTTY), errors.Is(err, ErrNotPrinter), errors.Is(err, ErrConfig), errors.Is(err, ErrPath):
		return "cannot be used as configured"
	case errors.Is(err, ErrNoLines):
		return ErrNoLines.Error()
	case errors.Is(err, ErrRefused):
		return "refuses the connection: it may have one already"
	case errors.Is(err, ErrUnreachable):
		return ErrUnreachable.Error()
	case errors.Is(err, fs.ErrNotExist):
		return "not there"
	case errors.Is(err, fs.ErrPermission):
		return "may not be opened"
	}
	return "cannot be used"
}
