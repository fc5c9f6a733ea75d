// Package durable writes small files so that they are there whole or not at
// all: after a crash or a power cut at any moment a name leads to the old
// content or to the new one, never to a part.
//
// When a function returns without an error, content and name are on disk.
// It is for files that one process owns; it takes no locks. It is not for
// databases, which look after themselves once they have a name.
package durable

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// bufferSize is how much is written at a time.
const bufferSize = 64 << 10

// ErrNoFile is returned for what a file cannot take the place of: a device, a pipe
// or a socket.
var ErrNoFile = errors.New("it is a device, a pipe or a socket, and no file")

// Replace puts a file with this content in the place of path, which need not
// exist before.
func Replace(path string, content []byte, mode fs.FileMode) error {
	return ReplaceWith(path, mode, of(content))
}

// ReplaceWith is Replace with what fill writes, which need not fit in memory. Where
// fill fails nothing is changed, and its error is returned.
func ReplaceWith(path string, mode fs.FileMode, fill func(io.Writer) error) error {
	// As root a rename would take /dev/null away.
	if info, err := os.Lstat(path); err == nil && info.Mode()&(fs.ModeDevice|fs.ModeNamedPipe|fs.ModeSocket) != 0 {
		return ErrNoFile
	}
	return write(path, fill, mode, func(temp string) error { return os.Rename(temp, path) })
}

func of(content []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	}
}

// Create makes a file that must not exist yet; if it does, errors.Is finds
// fs.ErrExist, and it stays as it is.
func Create(path string, content []byte, mode fs.FileMode) error {
	// A link, unlike a rename, does not take the place of what is there.
	return write(path, of(content), mode, func(temp string) error { return os.Link(temp, path) })
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
func write(path string, fill func(io.Writer) error, mode fs.FileMode, give func(temp string) error) (err error) {
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
	b := bufio.NewWriterSize(f, bufferSize)
	if err := fill(b); err != nil {
		return errors.Join(err, f.Close())
	}
	if err = errors.Join(b.Flush(), f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return give(f.Name())
}
