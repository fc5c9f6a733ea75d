// Package durable writes small files so that they are there whole or not at
// all: after a crash or a power cut at any moment a name leads to the old
// content or to the new one, never to a part.
//
// When a function returns without an error, content and name are on disk.
// It is for files that one process owns; it takes no locks. It is not for
// databases, which look after themselves once they have a name.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Replace puts a file with this content in the place of path, which need not
// exist before.
func Replace(path string, content []byte, mode fs.FileMode) error {
	return write(path, content, mode, func(temp string) error { return os.Rename(temp, path) })
}

// Create makes a file that must not exist yet; if it does, errors.Is finds
// fs.ErrExist, and it stays as it is.
func Create(path string, content []byte, mode fs.FileMode) error {
	// A link, unlike a rename, does not take the place of what is there.
	return write(path, content, mode, func(temp string) error { return os.Link(temp, path) })
}

// Name gives a file that is on disk already its name, in the same folder.
func Name(temp, path string) error {
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir puts a folder's names on disk.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// write fills a temporary file beside path, flushes it, and lets give name it.
func write(path string, content []byte, mode fs.FileMode, give func(temp string) error) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".tmp-")
	if err != nil {
		return err
	}
	defer func() {
		// After a rename there is nothing left to remove.
		if rm := os.Remove(f.Name()); rm != nil && !errors.Is(rm, fs.ErrNotExist) {
			err = errors.Join(err, rm)
		}
		if err == nil {
			err = SyncDir(dir)
		}
	}()
	_, err = f.Write(content)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return give(f.Name())
}
