package signon

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"syscall"
	"time"
)

// A roster is read whole and looked through before bbolt opens it. bbolt
// trusts its pages: a flipped bit makes it read outside of the file or follow a
// circle of pages until the memory ends, and its own check does so in a
// goroutine where nobody can recover from it. A roster is small; this costs
// milliseconds.
//
// bbolt's file, as far as it matters here (little-endian): pages, the first two
// of them meta pages, of which the valid one with the higher transaction number
// counts. A page begins with 16 bytes: id (8), flags (2), count (2), overflow (4).
const (
	pageHeader  = 16
	elementSize = 16 // of a branch or leaf element, and of a bucket's header
	metaSize    = 64
	maxDepth    = 16
	maxFile     = 256 << 20

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagFreelist = 0x10
	flagBucket   = 0x01 // of a leaf element: its value is a bucket

	metaMagic   = 0xED0CDAED
	metaVersion = 2
)

var le = binary.LittleEndian

// pages is a file that is being looked through.
type pages struct {
	data []byte
	size uint64 // of a page
	high uint64 // ids are below it
	used []bool
}

// inspect reads the roster, with nobody else writing it, and looks it through.
func inspect(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open the roster: %w", err)
	}
	defer f.Close()
	for tries := 0; ; tries++ {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
		if err == nil {
			break
		}
		if tries == 20 {
			return fmt.Errorf("open the roster: another process has %s open", path)
		}
		time.Sleep(50 * time.Millisecond)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return fmt.Errorf("read the roster: %w", err)
	}
	if len(data) > maxFile {
		return fmt.Errorf("%w: it is too large to be one", ErrDamaged)
	}
	return inspectPages(data)
}

// inspectPages says what is wrong with the file's structure. What is in the
// records is not its matter.
func inspectPages(data []byte) error {
	root, freelist, p, err := newPages(data)
	if err != nil {
		return err
	}
	var last []byte
	err = p.tree(root, 0, nil, &last, func(bucket []byte) error {
		var last []byte
		if child := le.Uint64(bucket); child != 0 {
			return p.tree(child, 0, nil, &last, noBuckets)
		}
		// A small bucket's one page stands in its parent's.
		return p.leaf(bucket[elementSize:], nil, &last, noBuckets)
	})
	if err != nil {
		return err
	}
	return p.account(freelist)
}

func noBuckets([]byte) error {
	return fmt.Errorf("%w: a bucket where none is", ErrDamaged)
}

func newPages(data []byte) (root, freelist uint64, p *pages, err error) {
	var txid uint64
	for _, size := range []int{1 << 12, 1 << 13, 1 << 14, 1 << 15, 1 << 16} {
		for i := range 2 {
			off := i*size + pageHeader
			if off+metaSize > len(data) {
				continue
			}
			m := data[off : off+metaSize]
			sum := fnv.New64a()
			_, _ = sum.Write(m[:56])
			if le.Uint32(m) != metaMagic || le.Uint32(m[4:]) != metaVersion || le.Uint32(m[8:]) != uint32(size) || le.Uint64(m[56:]) != sum.Sum64() {
				continue
			}
			if p == nil || le.Uint64(m[48:]) > txid {
				root, freelist, txid = le.Uint64(m[16:]), le.Uint64(m[32:]), le.Uint64(m[48:])
				p = &pages{data: data, size: uint64(size), high: le.Uint64(m[40:])}
			}
		}
	}
	if p == nil {
		return 0, 0, nil, fmt.Errorf("%w: neither of its meta pages is valid", ErrDamaged)
	}
	if p.high < 4 || p.high > uint64(len(data))/p.size {
		return 0, 0, nil, fmt.Errorf("%w: the file was cut short", ErrDamaged)
	}
	p.used = make([]bool, p.high)
	p.used[0], p.used[1] = true, true
	return root, freelist, p, nil
}

func (p *pages) bad(id uint64, what string) error {
	return fmt.Errorf("%w: page %d %s", ErrDamaged, id, what)
}

// page takes a page with what overflows from it, once.
func (p *pages) page(id uint64) ([]byte, error) {
	if id < 2 || id >= p.high {
		return nil, p.bad(id, "is not in the file")
	}
	b := p.data[id*p.size:]
	overflow := uint64(le.Uint32(b[12:]))
	if le.Uint64(b) != id || id+overflow >= p.high {
		return nil, p.bad(id, "has a wrong header")
	}
	for i := id; i <= id+overflow; i++ {
		if p.used[i] {
			return nil, p.bad(i, "is used twice")
		}
		p.used[i] = true
	}
	return b[:(overflow+1)*p.size], nil
}

// tree goes through a tree of pages in the order of its keys, of which none is
// below least: a search for such a one would go to the page before.
func (p *pages) tree(id uint64, depth int, least []byte, last *[]byte, bucket func([]byte) error) error {
	b, err := p.page(id)
	if err != nil {
		return err
	}
	switch {
	case depth == maxDepth:
		return p.bad(id, "lies too deep")
	case le.Uint16(b[8:]) == flagLeaf:
		return p.leaf(b, least, last, bucket)
	case le.Uint16(b[8:]) != flagBranch:
		return p.bad(id, "is of a wrong kind")
	}
	n := int(le.Uint16(b[10:]))
	end := pageHeader + n*elementSize
	if n == 0 || end > len(b) {
		return p.bad(id, "has a wrong count")
	}
	for i := range n {
		at := pageHeader + i*elementSize
		e := b[at : at+elementSize]
		pos, ksize := at+int(le.Uint32(e)), int(le.Uint32(e[4:]))
		if pos != end || ksize > len(b)-end {
			return p.bad(id, "has its keys out of place")
		}
		key := b[pos : pos+ksize]
		end += ksize
		if bytes.Compare(key, least) < 0 || *last != nil && bytes.Compare(key, *last) <= 0 {
			return p.bad(id, "has its keys out of order")
		}
		if err := p.tree(le.Uint64(e[8:]), depth+1, key, last, bucket); err != nil {
			return err
		}
	}
	return nil
}

// leaf goes through a leaf page, which may be one that stands in another.
func (p *pages) leaf(b, least []byte, last *[]byte, bucket func([]byte) error) error {
	if len(b) < pageHeader || le.Uint16(b[8:]) != flagLeaf {
		return fmt.Errorf("%w: a page is of a wrong kind", ErrDamaged)
	}
	id, n := le.Uint64(b), int(le.Uint16(b[10:]))
	end := pageHeader + n*elementSize
	if end > len(b) {
		return p.bad(id, "has a wrong count")
	}
	for i := range n {
		at := pageHeader + i*elementSize
		e := b[at : at+elementSize]
		flags, pos, ksize, vsize := le.Uint32(e), at+int(le.Uint32(e[4:])), int(le.Uint32(e[8:])), int(le.Uint32(e[12:]))
		if pos != end || ksize > len(b)-end || vsize > len(b)-end-ksize {
			return p.bad(id, "has its keys out of place")
		}
		key, value := b[pos:pos+ksize], b[pos+ksize:pos+ksize+vsize]
		end += ksize + vsize
		if ksize == 0 || bytes.Compare(key, least) < 0 || *last != nil && bytes.Compare(key, *last) <= 0 {
			return p.bad(id, "has its keys out of order")
		}
		*last = key
		switch {
		case flags == 0:
		case flags != flagBucket || vsize < elementSize:
			return p.bad(id, "has an element of an unknown kind")
		default:
			if err := bucket(value); err != nil {
				return err
			}
		}
	}
	return nil
}

// account checks that each page is either in use or listed as free: a page
// that is both would be written over by the next change.
func (p *pages) account(freelist uint64) error {
	b, err := p.page(freelist)
	if err != nil {
		return err
	}
	if le.Uint16(b[8:]) != flagFreelist {
		return p.bad(freelist, "is not the list of free pages")
	}
	n, ids := uint64(le.Uint16(b[10:])), b[pageHeader:]
	if n == 0xFFFF { // it does not fit the header, and stands first
		n, ids = le.Uint64(ids), ids[8:]
	}
	if n > uint64(len(ids)/8) {
		return p.bad(freelist, "has a wrong count")
	}
	for i := range n {
		id := le.Uint64(ids[8*i:])
		if id < 2 || id >= p.high || p.used[id] {
			return p.bad(freelist, "lists a page as free that is not")
		}
		p.used[id] = true
	}
	for id, used := range p.used {
		if !used {
			return p.bad(uint64(id), "is neither used nor free")
		}
	}
	return nil
}
