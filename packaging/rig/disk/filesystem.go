package disk

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// Filesystem is an ext4 on a disk, on a loop device of the host.
type Filesystem struct {
	disk    *Disk
	dir     string
	mounted bool
}

// NewFilesystem is the file system on a disk, to be mounted in a folder. The disk
// has to have one (mke2fs).
func NewFilesystem(d *Disk, dir string) *Filesystem { return &Filesystem{disk: d, dir: dir} }

// Mount mounts it, which replays its journal.
func (f *Filesystem) Mount() error {
	// With a loop device that goes with the mount.
	_, err := run("mount", "-t", "ext4", "-o", "loop", f.disk.Path(), f.dir)
	f.mounted = err == nil
	return err
}

// Unmount unmounts it, if it is mounted. After a power cut nothing that was not on
// the disk gets there any more. The processes that used the file system have to
// have ended.
func (f *Filesystem) Unmount() error {
	if !f.mounted {
		return nil
	}
	if _, err := run("umount", f.dir); err != nil {
		return err
	}
	f.mounted = false
	// The kernel lets go of the disk a moment later.
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		left, err := run("losetup", "--associated", f.disk.Path())
		if err != nil {
			return err
		}
		if strings.TrimSpace(left) == "" {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("the disk is still in use: %s", left)
		}
	}
}

// Check says what e2fsck finds wrong with the file system, which must not be
// mounted, and have been mounted since the power cut.
func (f *Filesystem) Check() error {
	_, err := run("e2fsck", "-f", "-n", f.disk.Path())
	return err
}

func run(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s%s", strings.Join(cmd.Args, " "), err, out, said.Bytes())
	}
	return string(out), nil
}
