// Package disk is a disk that loses, at a power cut, what it was not told to keep:
// a file, in a FUSE file system (its server), whose writes stay in memory until they
// are flushed. A loop device, or a virtual machine, takes the file for its disk.
//
// At a cut each sector of 512 bytes that was written and not flushed is lost, or it
// is there, whatever became of those before it: so writes are torn, and change
// places, as real disks' do. It guarantees that what was flushed is kept.
//
// It is to be used in a mount namespace of its own: then, whatever becomes of the
// process, nothing stays mounted.
package disk
