package journal

import (
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// peaks is the right edge of the tree: the roots of the complete subtrees
// that its entries make up, from the largest to the smallest. It is all that
// is needed to append, and to know the root.
type peaks struct {
	size   int64
	hashes []tlog.Hash
}

// push adds an entry's hash and returns the hashes to store with it, which
// are those of tlog.StoredHashes: its own and one for each completed subtree.
func (p *peaks) push(h tlog.Hash) []tlog.Hash {
	out := make([]tlog.Hash, 1, hashesWith(p.size))
	out[0] = h
	for range bits.TrailingZeros64(uint64(p.size) + 1) {
		last := len(p.hashes) - 1
		h = tlog.NodeHash(p.hashes[last], h)
		p.hashes = p.hashes[:last]
		out = append(out, h)
	}
	p.hashes = append(p.hashes, h)
	p.size++
	return out
}

// root is the tree's head.
func (p *peaks) root() tlog.Hash {
	if p.size == 0 {
		h, _ := tlog.TreeHash(0, nil) // the empty tree's needs nothing read
		return h
	}
	last := len(p.hashes) - 1
	h := p.hashes[last]
	for i := last - 1; i >= 0; i-- {
		h = tlog.NodeHash(p.hashes[i], h)
	}
	return h
}

// peakIndexes are the places of the peaks of a tree among its stored hashes.
func peakIndexes(size int64) []int64 {
	var out []int64
	for level, start := bits.Len64(uint64(size))-1, int64(0); level >= 0; level-- {
		if size&(1<<level) != 0 {
			out = append(out, tlog.StoredHashIndex(level, start>>level))
			start += 1 << level
		}
	}
	return out
}
