package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tillwarden/enforcer/durable"
	"tillwarden/enforcer/journal"
	"tillwarden/enforcer/journal/entry"
)

// unusedPrefix begins the name of the folder that the state of a register that
// was never in use is kept in.
const unusedPrefix = "unused-"

// errInUse ends the search for entries of a register in use.
var errInUse = errors.New("the register was in use")

// setUnusedAside makes way for a register that got its name after its first
// start, as each does that a package was installed on: the journal and its key,
// made when it was installed, bear the name that it had then. As long as nothing
// was done under that name, no policy, no people, nothing allowed, the state is moved
// into a folder of its own, complete, and the folder's name is returned. In any
// other case nothing is touched, and a journal of another register is an error
// when it is opened.
//
// The journal goes last: a start after a power cut in between finds it still
// there, and moves the rest.
func setUnusedAside(ctx context.Context, state, creds, name string) (string, error) {
	if (keyShelf{creds: creds}).sealed(JournalKey) {
		return "", nil // a key that is sealed cannot be moved, and bears the old name
	}
	file := filepath.Join(state, journalFile)
	if _, err := os.Lstat(filepath.Join(state, policyFile)); !errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	origin, err := unusedOrigin(ctx, file, name)
	if err != nil || origin == "" {
		return "", nil // opening it says what is wrong with it
	}
	id := origin[strings.LastIndexByte(origin, '/')+1:]
	aside := filepath.Join(state, unusedPrefix+id)
	if err := os.MkdirAll(aside, 0o700); err != nil {
		return "", fmt.Errorf("set the unused journal of %s aside: %w", origin, err)
	}
	for _, f := range []string{rosterFile, stateFile, keysDir, journalFile + ".head", journalFile} {
		if err := os.Rename(filepath.Join(state, f), filepath.Join(aside, f)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("set the unused journal of %s aside: %w", origin, err)
		}
		if err := errors.Join(durable.SyncDir(aside), durable.SyncDir(state)); err != nil {
			return "", err
		}
	}
	return aside, nil
}

// unusedOrigin is the origin of a journal under another name than this, in which
// there is nothing but that the daemon and its devices came and went, and what was
// refused; "" is any other.
func unusedOrigin(ctx context.Context, file, name string) (string, error) {
	r, err := journal.OpenReader(file)
	if err != nil {
		return "", err
	}
	defer r.Close()
	head, err := r.Last()
	if err != nil || strings.HasPrefix(head.Origin, name+"/") || head.First != 1 { // 1: it follows no other file
		return "", err
	}
	err = r.Each(ctx, journal.Filter{}, func(e *entry.Entry) error {
		switch e.Kind {
		case entry.KindStart, entry.KindStop, entry.KindRecovered, entry.KindClockStep, entry.KindSpace, entry.KindConfig,
			entry.KindDeviceUp, entry.KindDeviceDown, entry.KindDeviceTrust, entry.KindDeviceRefused, entry.KindCardRefused:
			return nil
		}
		if e.Outcome == entry.OutcomeDenied {
			return nil // a POS that asks too early, or kicks, must not keep the register from being set up
		}
		return errInUse
	})
	if err != nil {
		return "", err
	}
	return head.Origin, nil
}
