package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/fnv"
)

// Reading goes through this file and not through bbolt: bbolt trusts its
// pages, and a changed byte makes it panic, read outside of the file, or
// follow a circle until the stack ends, which nothing can recover. Here every
// offset is checked first, so that any bytes at all give an answer or an
// ErrDamaged. bbolt does all the writing, and its read transactions keep the
// pages in place while they are read.
//
// bbolt's file, as far as it matters here (little-endian on every machine
// that we build for): pages of pageSize, the first two of them meta pages, of
// which the valid one with the higher transaction number counts. A page has a
// header of 16 bytes: id (8), flags (2), count (2), overflow (4).

const (
	pageHeader  = 16
	elementSize = 16
	metaLength  = 64
	minPageSize = 1 << 10
	maxPageSize = 1 << 16
	maxDepth    = 16

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagMeta     = 0x04
	flagFreelist = 0x10
	flagBucket   = 0x01 // of a leaf element: its value is a bucket

	metaMagic   = 0xED0CDAED
	metaVersion = 2
	noFreelist  = 1<<64 - 1
)

var le = binary.LittleEndian

// meta is one of the two meta pages.
type meta struct {
	pageSize int
	root     uint64
	freelist uint64
	high     uint64 // pages in use: ids are below it
	txid     uint64
}

// readMeta reads the meta page that begins at off.
func readMeta(data []byte, off int) (m meta, ok bool) {
	if off+pageHeader+metaLength > len(data) {
		return m, false
	}
	head, b := data[off:off+pageHeader], data[off+pageHeader:off+pageHeader+metaLength]
	if le.Uint32(b) != metaMagic || le.Uint32(b[4:]) != metaVersion || le.Uint64(b[56:]) != metaSum(b) {
		return m, false
	}
	m = meta{pageSize: int(le.Uint32(b[8:])), root: le.Uint64(b[16:]), freelist: le.Uint64(b[32:]), high: le.Uint64(b[40:]), txid: le.Uint64(b[48:])}
	if m.pageSize < minPageSize || m.pageSize > maxPageSize || m.pageSize&(m.pageSize-1) != 0 {
		return m, false
	}
	return m, le.Uint64(head) == uint64(off/m.pageSize) && le.Uint16(head[8:]) == flagMeta
}

// metaSum is the checksum that bbolt ends a meta page with.
func metaSum(b []byte) uint64 {
	sum := fnv.New64a()
	sum.Write(b[:56])
	return sum.Sum64()
}

// metas finds the meta page that counts; spare is whether the other one is
// valid too, as it is in every file that nothing happened to.
func metas(data []byte) (m meta, spare bool, err error) {
	m0, ok0 := readMeta(data, 0)
	var m1 meta
	ok1 := false
	if ok0 {
		m1, ok1 = readMeta(data, m0.pageSize)
		ok1 = ok1 && m1.pageSize == m0.pageSize
	} else {
		for size := minPageSize; size <= maxPageSize && !ok1; size *= 2 {
			m1, ok1 = readMeta(data, size)
			ok1 = ok1 && m1.pageSize == size
		}
	}
	switch {
	case !ok0 && !ok1:
		return m, false, damaged(0, "neither of its meta pages is valid")
	case !ok0 || ok1 && m1.txid > m0.txid:
		m = m1
	default:
		m = m0
	}
	return m, ok0 && ok1, nil
}

// image is the pages of one transaction of a file.
type image struct {
	data     []byte
	pageSize int
	high     uint64
}

// newImage limits data to the pages in use.
func newImage(data []byte, pageSize int, high uint64) (*image, error) {
	if high < 4 || high > uint64(len(data)/pageSize) {
		return nil, damaged(0, "%d pages are in use, the file has %d", high, len(data)/pageSize)
	}
	return &image{data: data[:int(high)*pageSize], pageSize: pageSize, high: high}, nil
}

// node is a branch or leaf page.
type node struct {
	id       uint64
	leaf     bool
	count    int
	overflow uint64
	body     []byte // from the page's header on
}

// span is the bytes of page id with its overflow pages, and its header.
func (im *image) span(id uint64) (body []byte, flags uint16, count int, overflow uint64, err error) {
	if id < 2 || id >= im.high {
		return nil, 0, 0, 0, damaged(id, "is outside of the pages in use")
	}
	start := int(id) * im.pageSize
	head := im.data[start : start+pageHeader]
	flags, count, overflow = le.Uint16(head[8:]), int(le.Uint16(head[10:])), uint64(le.Uint32(head[12:]))
	if got := le.Uint64(head); got != id {
		return nil, 0, 0, 0, damaged(id, "calls itself %d", got)
	}
	if overflow >= im.high-id {
		return nil, 0, 0, 0, damaged(id, "runs over the pages in use")
	}
	return im.data[start : start+int(overflow+1)*im.pageSize], flags, count, overflow, nil
}

func (im *image) node(id uint64) (node, error) {
	body, flags, count, overflow, err := im.span(id)
	if err != nil {
		return node{}, err
	}
	if flags != flagBranch && flags != flagLeaf {
		return node{}, damaged(id, "is no branch and no leaf (%#x)", flags)
	}
	n := node{id: id, leaf: flags == flagLeaf, count: count, overflow: overflow, body: body}
	return n, n.fits()
}

// inlineNode is the leaf of a bucket that is small enough to stand in its parent's page.
func inlineNode(parent uint64, b []byte) (node, error) {
	if len(b) < pageHeader || le.Uint64(b) != 0 || le.Uint16(b[8:]) != flagLeaf || le.Uint32(b[12:]) != 0 {
		return node{}, damaged(parent, "has an inline bucket of the wrong form")
	}
	n := node{id: parent, leaf: true, count: int(le.Uint16(b[10:])), body: b}
	return n, n.fits()
}

func (n *node) fits() error {
	if pageHeader+n.count*elementSize > len(n.body) {
		return damaged(n.id, "has more elements than fit")
	}
	if !n.leaf && n.count == 0 {
		return damaged(n.id, "is a branch without children")
	}
	return nil
}

var errElement = errors.New("an element reaches outside of its page")

// leafAt is the i'th key and value of a leaf.
func (n *node) leafAt(i int) (k, v []byte, flags uint32, err error) {
	at := pageHeader + i*elementSize
	e := n.body[at : at+elementSize]
	start, ks, vs := uint64(at)+uint64(le.Uint32(e[4:])), uint64(le.Uint32(e[8:])), uint64(le.Uint32(e[12:]))
	if start+ks+vs > uint64(len(n.body)) || ks == 0 {
		return nil, nil, 0, damaged(n.id, "%v", errElement)
	}
	return n.body[start : start+ks : start+ks], n.body[start+ks : start+ks+vs : start+ks+vs], le.Uint32(e), nil
}

// branchAt is the i'th key and child of a branch.
func (n *node) branchAt(i int) (k []byte, child uint64, err error) {
	at := pageHeader + i*elementSize
	e := n.body[at : at+elementSize]
	start, ks := uint64(at)+uint64(le.Uint32(e)), uint64(le.Uint32(e[4:]))
	if start+ks > uint64(len(n.body)) || ks == 0 {
		return nil, 0, damaged(n.id, "%v", errElement)
	}
	return n.body[start : start+ks : start+ks], le.Uint64(e[8:]), nil
}

// posAt is where the i'th element's content begins in the page.
func (n *node) posAt(i int) int {
	at := pageHeader + i*elementSize
	if n.leaf {
		return at + int(le.Uint32(n.body[at+4:]))
	}
	return at + int(le.Uint32(n.body[at:]))
}

func (n *node) keyAt(i int) (k []byte, err error) {
	if n.leaf {
		k, _, _, err = n.leafAt(i)
	} else {
		k, _, err = n.branchAt(i)
	}
	return k, err
}

// tree is a bucket: a root page, or a leaf that stands in its parent's page.
type tree struct {
	root   uint64
	inline []byte
	parent uint64
}

// cursor walks the keys of a tree in order.
type cursor struct {
	im    *image
	tree  tree
	depth int
	stack [maxDepth]struct {
		node node
		at   int
	}
}

func (im *image) cursor(t tree) *cursor { return &cursor{im: im, tree: t} }

func (c *cursor) push(id uint64) error {
	if c.depth == maxDepth {
		return damaged(id, "lies too deep in its tree")
	}
	var n node
	var err error
	if c.depth == 0 && c.tree.inline != nil {
		n, err = inlineNode(c.tree.parent, c.tree.inline)
	} else {
		n, err = c.im.node(id)
	}
	if err != nil {
		return err
	}
	c.stack[c.depth].node, c.stack[c.depth].at = n, 0
	c.depth++
	return nil
}

// seek goes to the first key that is not less than target, nil at the end.
func (c *cursor) seek(target []byte) (k, v []byte, err error) {
	c.depth = 0
	id := c.tree.root
	for {
		if err := c.push(id); err != nil {
			return nil, nil, err
		}
		f := &c.stack[c.depth-1]
		lo, hi := 0, f.node.count
		for lo < hi {
			mid := int(uint(lo+hi) >> 1)
			k, err := f.node.keyAt(mid)
			if err != nil {
				return nil, nil, err
			}
			cmp := bytes.Compare(k, target)
			if cmp < 0 || !f.node.leaf && cmp == 0 {
				lo = mid + 1
			} else {
				hi = mid
			}
		}
		f.at = lo
		if f.node.leaf {
			break
		}
		f.at = max(lo-1, 0)
		if _, id, err = f.node.branchAt(f.at); err != nil {
			return nil, nil, err
		}
	}
	if f := &c.stack[c.depth-1]; f.at == f.node.count {
		f.at--
		return c.step(1)
	}
	return c.here()
}

// edge goes to the first key (dir 1) or the last (dir -1).
func (c *cursor) edge(dir int) (k, v []byte, err error) {
	c.depth = 0
	return c.descend(c.tree.root, dir)
}

func (c *cursor) descend(id uint64, dir int) (k, v []byte, err error) {
	for {
		if err := c.push(id); err != nil {
			return nil, nil, err
		}
		f := &c.stack[c.depth-1]
		if dir < 0 {
			f.at = f.node.count - 1
		}
		if f.node.leaf {
			if f.node.count == 0 {
				return nil, nil, nil
			}
			return c.here()
		}
		if _, id, err = f.node.branchAt(f.at); err != nil {
			return nil, nil, err
		}
	}
}

// step goes on by one key, nil at the end.
func (c *cursor) step(dir int) (k, v []byte, err error) {
	for c.depth > 0 {
		f := &c.stack[c.depth-1]
		f.at += dir
		if f.at >= 0 && f.at < f.node.count {
			if f.node.leaf {
				return c.here()
			}
			_, id, err := f.node.branchAt(f.at)
			if err != nil {
				return nil, nil, err
			}
			return c.descend(id, dir)
		}
		c.depth--
	}
	return nil, nil, nil
}

func (c *cursor) here() (k, v []byte, err error) {
	f := &c.stack[c.depth-1]
	k, v, flags, err := f.node.leafAt(f.at)
	if err == nil && flags != 0 {
		err = damaged(f.node.id, "has an element of an unknown sort")
	}
	return k, v, err
}

// get is the value of exactly this key, nil where there is none.
func (im *image) get(t tree, k []byte) ([]byte, error) {
	c := cursor{im: im, tree: t}
	got, v, err := c.seek(k)
	if err != nil || !bytes.Equal(got, k) {
		return nil, err
	}
	return v, nil
}
