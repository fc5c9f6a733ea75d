package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// stateFolder is the daemon's state folder, as root writes in it. It belongs to the
// daemon's user, so that what stands in it must not lead root anywhere else: os.Root sees
// to that. What is made in it belongs to who the folder belongs to.
type stateFolder struct {
	*os.Root
	uid, gid int
}

func openStateFolder(path string) (*stateFolder, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	info, err := root.Stat(".")
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil, errors.Join(errors.New("nobody knows whose it is"), root.Close())
	}
	return &stateFolder{root, int(st.Uid), int(st.Gid)}, nil
}

// write puts a file in its place, whole or not at all, and its name on disk.
func (f *stateFolder) write(path string, content io.Reader) error {
	temp := path + ".new"
	if err := f.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	out, err := f.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = out.Chown(f.uid, f.gid)
	if err == nil {
		_, err = io.Copy(out, content)
	}
	if err = errors.Join(err, out.Sync(), out.Close()); err == nil {
		err = f.Rename(temp, path)
	}
	if err != nil {
		return errors.Join(err, f.Remove(temp))
	}
	return f.sync(filepath.Dir(path))
}

// folder makes a folder, where there is none.
func (f *stateFolder) folder(path string) error {
	err := f.Mkdir(path, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Lchown(path, f.uid, f.gid)
}

// sync puts a folder's names on disk.
func (f *stateFolder) sync(dir string) error {
	d, err := f.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
