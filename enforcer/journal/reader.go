package journal

import (
	"context"
	"fmt"
	"io"
	"os"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"tillwarden/enforcer/journal/entry"
)

// Reader reads a copy of a journal. It changes nothing, takes no part of it
// for granted, and trusts none of it: see Verify for what it is worth.
type Reader struct {
	copy *fileCopy
	v    *view
}

// OpenReader opens a copy, or a file that no daemon has open.
func OpenReader(path string) (r *Reader, err error) {
	defer guard(&err)()
	c, err := openCopy(path)
	if err != nil {
		return nil, err
	}
	v, _, _, err := c.view()
	if err != nil {
		_ = c.close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Reader{copy: c, v: v}, nil
}

// Close lets go of the file.
func (r *Reader) Close() error { return r.copy.close() }

// Last is where the journal stands.
func (r *Reader) Last() (h Head, err error) {
	defer guard(&err)()
	p, err := r.v.peaks()
	if err != nil {
		return Head{}, err
	}
	return Head{Origin: r.v.header.Origin, First: r.v.header.First, Last: r.v.last(), Root: p.root()}, nil
}

// Get is one entry.
func (r *Reader) Get(seq entry.Seq) (e entry.Entry, err error) {
	defer guard(&err)()
	err = r.v.entry(seq, &e)
	return e, err
}

// Query is one page, as Store.Query.
func (r *Reader) Query(ctx context.Context, f Filter) (page []entry.Entry, next Cursor, err error) {
	defer guard(&err)()
	return r.v.query(ctx, &f)
}

// Each gives every entry that the filter wants, its limit aside. The entry is
// overwritten by the next one.
func (r *Reader) Each(ctx context.Context, f Filter, each func(*entry.Entry) error) (err error) {
	defer guard(&err)()
	var stopped error
	err = r.v.search(ctx, &f, func(e *entry.Entry, _ []byte) bool {
		stopped = each(e)
		return stopped == nil
	})
	if err == nil {
		err = stopped
	}
	return err
}

// Checkpoints gives the checkpoints that are stored, the oldest first.
func (r *Reader) Checkpoints(ctx context.Context, f func(size int64, checkpoint []byte) error) (err error) {
	defer guard(&err)()
	return r.v.eachCheckpoint(ctx, f)
}

// fileCopy is a file that is only read.
type fileCopy struct {
	file *os.File
	data []byte
}

// openCopy opens a file for reading alone. One that a daemon has open is
// refused: it may change while it is read.
func openCopy(path string) (*fileCopy, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	c := &fileCopy{file: file}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_SH|unix.LOCK_NB); err != nil {
		_ = c.close()
		return nil, fmt.Errorf("%w: %s", ErrInUse, path)
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() < 4*minPageSize || info.Size() > 1<<46 {
		_ = c.close()
		if err == nil {
			switch {
			case info.IsDir():
				err = fmt.Errorf("%w: it is a folder", ErrNotJournal)
			case !info.Mode().IsRegular():
				err = fmt.Errorf("%w: it is no file on a disk", ErrNotJournal)
			default:
				err = fmt.Errorf("%w: it has %d bytes", ErrNotJournal, info.Size())
			}
		}
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	c.data, err = unix.Mmap(int(file.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		_ = c.close()
		return nil, fmt.Errorf("mapping %s: %w", path, err)
	}
	return c, nil
}

func (c *fileCopy) close() error {
	if c.data != nil {
		_ = unix.Munmap(c.data)
		c.data = nil
	}
	return c.file.Close()
}

func (c *fileCopy) view() (v *view, m meta, spare bool, err error) {
	m, spare, err = metas(c.data)
	if err != nil {
		return nil, m, spare, err
	}
	im, err := newImage(c.data, m.pageSize, m.high)
	if err != nil {
		return nil, m, spare, err
	}
	v, err = newView(im, m.root)
	return v, m, spare, err
}

// readCopy runs f on the bytes of a file, whatever they are.
func readCopy(path string, f func(data []byte) error) (err error) {
	defer guard(&err)()
	c, err := openCopy(path)
	if err != nil {
		return err
	}
	defer func() { _ = c.close() }()
	return f(c.data)
}

// copyTo writes the file as it is now.
func (c *conn) copyTo(w io.Writer) (n int64, err error) {
	defer guard(&err)()
	err = c.db.View(func(tx *bbolt.Tx) error {
		n, err = tx.WriteTo(w)
		return err
	})
	if err != nil {
		return n, fmt.Errorf("copying the journal: %w", err)
	}
	return n, nil
}
