package journal

import "bytes"

// freeList reads the ids of the free pages, and which pages the list itself takes.
func (im *image) freeList(id uint64) (free []uint64, pages uint64, err error) {
	if id == noFreelist {
		return nil, 0, damaged(0, "its free pages are not listed")
	}
	body, flags, count, overflow, err := im.span(id)
	if err != nil {
		return nil, 0, err
	}
	if flags != flagFreelist {
		return nil, 0, damaged(id, "is not the list of free pages")
	}
	rest, n := body[pageHeader:], uint64(count)
	if count == 0xFFFF { // the number does not fit the header and stands first
		n, rest = le.Uint64(rest), rest[8:]
	}
	if n > uint64(len(rest)/8) {
		return nil, 0, damaged(id, "lists more free pages than fit")
	}
	free = make([]uint64, n)
	for i := range free {
		free[i] = le.Uint64(rest[8*i:])
		if free[i] < 2 || free[i] >= im.high || i > 0 && free[i] <= free[i-1] {
			return nil, 0, damaged(id, "lists page %d as free, which cannot be", free[i])
		}
	}
	return free, overflow + 1, nil
}

// inspectFree checks that no page that the next append goes through is listed
// as free. The whole list against the whole file is the background check's.
func inspectFree(im *image, m meta, v *view) error {
	free, _, err := im.freeList(m.freelist)
	if err != nil {
		return err
	}
	isFree := make(map[uint64]bool, len(free))
	for _, id := range free {
		isFree[id] = true
	}
	inUse := []uint64{m.root, m.freelist}
	for _, t := range []tree{v.entries, v.blocks, v.checkpoints} {
		c := im.cursor(t)
		if _, _, err := c.edge(-1); err != nil {
			return err
		}
		for i := range c.depth {
			if t.inline == nil {
				inUse = append(inUse, c.stack[i].node.id)
			}
		}
	}
	for _, id := range inUse {
		if isFree[id] {
			return damaged(id, "is in use and listed as free")
		}
	}
	return nil
}

// walker goes through every page of an image, once, and keeps account.
type walker struct {
	im    *image
	seen  []uint64 // a bit a page
	found func(page uint64, err error)
}

func newWalker(im *image, found func(uint64, error)) *walker {
	return &walker{im: im, seen: make([]uint64, im.high/64+1), found: found}
}

// take notes that n pages from id on are in use, once.
func (w *walker) take(id, n uint64) bool {
	for i := id; i < id+n; i++ {
		if w.seen[i/64]&(1<<(i%64)) != 0 {
			w.found(i, damaged(i, "is used twice"))
			return false
		}
		w.seen[i/64] |= 1 << (i % 64)
	}
	return true
}

// walk gives every leaf element of a tree, in order. Where a page is damaged
// it says so and goes on with the next.
func (w *walker) walk(t tree, leaf func(k, v []byte) error) error {
	if t.inline != nil {
		n, err := inlineNode(t.parent, t.inline)
		if err != nil {
			w.found(t.parent, err)
			return nil
		}
		return w.leaf(&n, nil, nil, leaf)
	}
	return w.page(t.root, 0, nil, nil, leaf)
}

// page walks the tree below page id, whose first key must be first, and whose
// keys must all be less than before, where these are known.
func (w *walker) page(id uint64, depth int, first, before []byte, leaf func(k, v []byte) error) error {
	n, err := w.im.node(id)
	if err == nil && depth == maxDepth {
		err = damaged(id, "lies too deep in its tree")
	}
	if err != nil {
		w.found(id, err)
		return nil
	}
	if !w.take(id, n.overflow+1) {
		return nil
	}
	if n.leaf {
		return w.leaf(&n, first, before, leaf)
	}
	end := pageHeader + n.count*elementSize
	for i := range n.count {
		k, child, err := n.branchAt(i)
		if err != nil {
			w.found(id, err)
			return nil
		}
		limit := before
		if i+1 < n.count {
			if limit, _, err = n.branchAt(i + 1); err != nil {
				w.found(id, err)
				return nil
			}
		}
		if i == 0 && first != nil && !bytes.Equal(k, first) || limit != nil && bytes.Compare(k, limit) >= 0 {
			w.found(id, damaged(id, "has its keys out of order"))
		}
		if n.posAt(i) != end {
			w.found(id, damaged(id, "has its keys out of place"))
		}
		end += len(k)
		if err := w.page(child, depth+1, k, limit, leaf); err != nil {
			return err
		}
	}
	w.fills(&n, end)
	return nil
}

func (w *walker) leaf(n *node, first, before []byte, leaf func(k, v []byte) error) error {
	end := pageHeader + n.count*elementSize
	var prev []byte
	if n.count == 0 && first != nil {
		w.found(n.id, damaged(n.id, "is empty"))
	}
	for i := range n.count {
		k, v, flags, err := n.leafAt(i)
		if err != nil {
			w.found(n.id, err)
			return nil
		}
		if flags != 0 {
			w.found(n.id, damaged(n.id, "has an element of an unknown sort"))
		}
		if i == 0 && first != nil && !bytes.Equal(k, first) || prev != nil && bytes.Compare(prev, k) >= 0 ||
			before != nil && bytes.Compare(k, before) >= 0 {
			w.found(n.id, damaged(n.id, "has its keys out of order"))
		}
		if n.posAt(i) != end {
			w.found(n.id, damaged(n.id, "has its keys out of place"))
		}
		prev, end = k, end+len(k)+len(v)
		if err := leaf(k, v); err != nil {
			return err
		}
	}
	w.fills(n, end)
	return nil
}

// fills checks that a page takes as many pages as its content needs, end bytes.
func (w *walker) fills(n *node, end int) {
	if n.overflow > 0 && end <= int(n.overflow)*w.im.pageSize {
		w.found(n.id, damaged(n.id, "takes more pages than it fills"))
	}
}

// account checks, after all trees were walked, that each page is in use or
// free, and none both.
func (w *walker) account(m meta) {
	free, own, err := w.im.freeList(m.freelist)
	if err != nil {
		w.found(m.freelist, err)
		return
	}
	w.take(0, 2)
	w.take(m.freelist, own)
	for _, id := range free {
		if w.seen[id/64]&(1<<(id%64)) != 0 {
			w.found(id, damaged(id, "is in use and listed as free"))
		}
		w.seen[id/64] |= 1 << (id % 64)
	}
	for id := range w.im.high {
		if w.seen[id/64]&(1<<(id%64)) == 0 {
			w.found(id, damaged(id, "is neither in use nor free"))
		}
	}
}
