package journal

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// mapping is how much of a file is mapped at once: enough that a journal is
// rarely mapped anew. Only the pages of the file take memory.
const mapping = 1 << 30

// conn is an open file.
type conn struct {
	db       *bbolt.DB
	file     *os.File // bbolt's own, for the lock, the space, and our mapping
	pageSize int
	header   header
	oneMeta  bool // only one of its meta pages was valid when it was opened
	stuck    bool // bbolt panicked in a transaction

	mu   sync.Mutex
	maps [][]byte // the last one is in use; earlier ones may still be read
}

// guard turns a panic of the store's engine into an error. Faults count as
// damage: they are reads of a mapped file that the disk could not answer, or
// that is shorter than it says.
func guard(err *error) func() {
	old := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(old)
		r := recover()
		if r == nil {
			return
		}
		if fault, ok := r.(interface{ Addr() uintptr }); ok {
			*err = damaged(0, "it cannot be read: %v", fault)
			return
		}
		*err = fmt.Errorf("reading the journal: %v", r)
	}
}

// guardWrite is guard around bbolt's writing, where every panic is bbolt
// stumbling over a page that is not as it left it.
func guardWrite(err *error) func() {
	old := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(old)
		if r := recover(); r != nil {
			*err = damaged(0, "bbolt: %v", r)
		}
	}
}

// dial opens and locks an existing file and checks as much of it as an
// append will touch, before bbolt reads a byte of it.
func dial(o *Options) (c *conn, err error) {
	file, err := os.OpenFile(o.Path, os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	c = &conn{file: file}
	defer func() {
		if err != nil {
			c.close()
			c = nil
		}
	}()
	if err := lock(file, o.LockTimeout); err != nil {
		return c, err
	}
	m, err := c.inspect()
	if err != nil {
		return c, err
	}
	c.pageSize = m.pageSize
	return c, c.openBolt(o, m)
}

// inspect checks the paths that appends go along, and bbolt's list of free pages.
func (c *conn) inspect() (m meta, err error) {
	defer guard(&err)()
	info, err := c.file.Stat()
	if err != nil {
		return m, fmt.Errorf("opening the journal: %w", err)
	}
	data, err := c.mapped(info.Size())
	if err != nil {
		return m, err
	}
	m, spare, err := metas(data[:info.Size()])
	if err != nil {
		return m, err
	}
	c.oneMeta = !spare
	im, err := newImage(data[:info.Size()], m.pageSize, m.high)
	if err != nil {
		return m, err
	}
	v, err := newView(im, m.root)
	if err != nil {
		return m, err
	}
	c.header = v.header
	return m, inspectFree(im, m, v)
}

func (c *conn) openBolt(o *Options, m meta) (err error) {
	defer guardWrite(&err)()
	c.db, err = bbolt.Open(o.Path, 0o600, &bbolt.Options{
		Timeout:         o.LockTimeout,
		FreelistType:    bbolt.FreelistMapType,
		NoStatistics:    true,
		NoSync:          o.tweak.noSync,
		InitialMmapSize: max(mapping, 1<<bits.Len64(m.high*uint64(m.pageSize))),
		// The file that was inspected and locked, and no other that may have its name by now.
		OpenFile: func(string, int, os.FileMode) (*os.File, error) { return c.file, nil },
	})
	if err != nil {
		return fmt.Errorf("opening the journal: %w", err)
	}
	c.db.AllocSize = 1 << 20
	return nil
}

// lock takes the file's lock, as bbolt does.
func lock(file *os.File, wait time.Duration) error {
	for end := time.Now().Add(wait); ; time.Sleep(20 * time.Millisecond) {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("locking the journal: %w", err)
		}
		if time.Now().After(end) {
			return fmt.Errorf("%w: %s", ErrInUse, file.Name())
		}
	}
}

// mapped is the file's content, at least size bytes of it; what lies beyond
// the file's end must not be read.
func (c *conn) mapped(size int64) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.maps); n > 0 && int64(len(c.maps[n-1])) >= size {
		return c.maps[n-1], nil
	}
	length := max(mapping, 1<<bits.Len64(uint64(size)))
	data, err := unix.Mmap(int(c.file.Fd()), 0, length, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping the journal: %w", err)
	}
	c.maps = append(c.maps, data)
	return data, nil
}

// view runs f on the journal as it is now. bbolt keeps its pages while f runs.
func (c *conn) view(f func(*view) error) (err error) {
	defer guard(&err)()
	return c.db.View(func(tx *bbolt.Tx) error {
		data, err := c.mapped(tx.Size())
		if err != nil {
			return err
		}
		im, err := newImage(data[:tx.Size()], c.pageSize, uint64(tx.Size()/int64(c.pageSize)))
		if err != nil {
			return err
		}
		v, err := newView(im, uint64(tx.Cursor().Bucket().Root()))
		if err != nil {
			return err
		}
		return f(v)
	})
}

// used is how many bytes of the file are in use.
func (c *conn) used() (n int64, err error) {
	defer guard(&err)()
	err = c.db.View(func(tx *bbolt.Tx) error { n = tx.Size(); return nil })
	return n, err
}

// update runs f in a writing transaction and commits it.
func (c *conn) update(f func(*bbolt.Tx) error) (err error) {
	defer guardWrite(&err)()
	c.stuck = true
	err = c.db.Update(f)
	c.stuck = false // not reached after a panic
	return err
}

// close lets go of the file and its lock. After a panic bbolt may hold its own
// locks for ever, so it is not asked: its mapping is left behind.
func (c *conn) close() {
	if c.db != nil && !c.stuck {
		var err error
		func() {
			defer guardWrite(&err)()
			_ = c.db.Close()
		}()
	}
	_ = c.file.Close() // closed already where bbolt closed it
	for _, m := range c.maps {
		_ = unix.Munmap(m)
	}
	c.maps = nil
}
