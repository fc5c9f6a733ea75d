package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// sector is what a disk writes wholly or not at all.
const sector = 512

// disk is one such disk.
type disk struct {
	server *fuse.Server
	file   *os.File
	size   int64

	mu      sync.Mutex
	dirty   map[int64][]byte // sectors that were written and not flushed; guarded by mu
	off     bool             // the power is; guarded by mu
	lies    bool             // it says that it has flushed, and has not; guarded by mu
	flushes int              // guarded by mu
	midway  func()           // what the next flush of something is to come to; nil: to its end; guarded by mu
}

// mount makes a disk of a file, the one file below an empty folder.
func mount(file, dir string) (_ *disk, err error) {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	d := &disk{file: f, size: info.Size(), dirty: map[int64][]byte{}}
	d.server, err = fs.Mount(dir, &folder{disk: d}, &fs.Options{MountOptions: fuse.MountOptions{
		DirectMountStrict: true, MaxWrite: 1 << 20, FsName: "rig", AllowOther: true,
	}})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("no FUSE here (it takes /dev/fuse and the right to mount): %w", err), f.Close())
	}
	return d, nil
}

// cut switches the power off, now: reads and writes fail from here on. Of the
// sectors that were not flushed each is kept or lost as keep says.
func (d *disk) cut(keep func() bool) (lost int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lose(keep)
}

// cutFlushing does it in the middle of the next flush of something, which has to come
// in time.
func (d *disk) cutFlushing(keep func() bool, limit time.Duration) (lost int, err error) {
	done := make(chan struct{})
	d.mu.Lock()
	d.midway = func() {
		lost, err = d.lose(keep)
		close(done)
	}
	d.mu.Unlock()
	select {
	case <-done:
		return lost, err
	case <-time.After(limit):
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.midway != nil {
		d.midway, err = nil, fmt.Errorf("nothing was flushed for %s", limit)
	}
	return lost, err
}

// lose is the cut. Called with mu held.
func (d *disk) lose(keep func() bool) (lost int, err error) {
	d.off = true
	// In the same order each time, for keep's sake.
	for _, at := range slices.Sorted(maps.Keys(d.dirty)) {
		if !keep() {
			lost++
		} else if _, e := d.file.WriteAt(d.dirty[at], at*sector); e != nil {
			err = e
		}
	}
	clear(d.dirty)
	return lost, err
}

// folder is the file system: a folder with the one file.
type folder struct {
	fs.Inode
	disk *disk
}

// OnAdd makes the file.
func (f *folder) OnAdd(ctx context.Context) {
	f.AddChild("disk", f.NewPersistentInode(ctx, &node{disk: f.disk}, fs.StableAttr{Mode: syscall.S_IFREG, Ino: 2}), true)
}

// node is the disk as the kernel sees it.
type node struct {
	fs.Inode
	disk *disk
}

// Getattr is FUSE's.
func (n *node) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode, out.Size, out.Blksize, out.Blocks = syscall.S_IFREG|0o600, uint64(n.disk.size), 4096, uint64(n.disk.size/512)
	return 0
}

// Setattr is FUSE's: nothing of it can be changed.
func (n *node) Setattr(ctx context.Context, f fs.FileHandle, _ *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	return n.Getattr(ctx, f, out)
}

// Open is FUSE's. The kernel is not to keep pages of the disk, which would survive
// the cut.
func (n *node) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_DIRECT_IO, 0
}

// Read is FUSE's.
func (n *node) Read(_ context.Context, _ fs.FileHandle, to []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	d := n.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return nil, syscall.EIO
	}
	to = to[:max(0, min(int64(len(to)), d.size-off))]
	if len(to) == 0 {
		return fuse.ReadResultData(nil), 0
	}
	if _, err := d.file.ReadAt(to, off); err != nil {
		return nil, syscall.EIO
	}
	for at := off / sector; at*sector < off+int64(len(to)); at++ {
		if b, ok := d.dirty[at]; ok {
			from := max(off-at*sector, 0)
			copy(to[at*sector+from-off:], b[from:])
		}
	}
	return fuse.ReadResultData(to), 0
}

// Write is FUSE's.
func (n *node) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	d := n.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return 0, syscall.EIO
	}
	if off+int64(len(data)) > d.size {
		return 0, syscall.ENOSPC
	}
	written := uint32(len(data))
	for len(data) > 0 {
		at, from := off/sector, off%sector
		b := d.dirty[at]
		if b == nil {
			b = make([]byte, sector)
			if from != 0 || len(data) < sector {
				if _, err := d.file.ReadAt(b, at*sector); err != nil {
					return 0, syscall.EIO
				}
			}
			d.dirty[at] = b
		}
		k := copy(b[from:], data)
		data, off = data[k:], off+int64(k)
	}
	return written, 0
}

// Fsync is FUSE's, and the disk's order to flush.
func (n *node) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	d := n.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return syscall.EIO
	}
	d.flushes++
	if d.midway != nil && len(d.dirty) > 0 {
		d.midway()
		d.midway = nil
		return syscall.EIO
	}
	if d.lies {
		return 0
	}
	for at, b := range d.dirty {
		if _, err := d.file.WriteAt(b, at*sector); err != nil {
			return syscall.EIO
		}
	}
	clear(d.dirty)
	return 0
}

// Allocate is FUSE's: space is there already.
func (n *node) Allocate(context.Context, fs.FileHandle, uint64, uint64, uint32) syscall.Errno {
	return syscall.EOPNOTSUPP
}
