package journal

import (
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"

	"tillwarden/enforcer/journal/entry"
)

// A tile is what is left of an index block's entries when they are removed: the
// hash of each, from which all hashes of their subtree follow, and the hashes
// that were stored with the last of them for the larger subtrees that it
// completes. It stands in the block's place. With it every root that the tree ever
// had can be worked out, so that whatever was proved of a removed entry stays
// proved, and every checkpoint that somebody holds can still be compared. Layout:
//
//	version (1), entries-1 (1), hash of each entry (32 each),
//	hash of their subtree (32), and of each larger one that ends with them (32 each)
type tile struct {
	n      int
	leaves []byte
	above  []byte
}

// tileVersion is the first byte of a tile, where an index block has blockVersion.
const tileVersion = 2

// isTile reports whether what stands in a block's place is a tile.
func isTile(raw []byte) bool { return len(raw) > 0 && raw[0] == tileVersion }

// buildTile makes the tile of the n'th block from its entries' records.
func buildTile(number int64, records [][]byte) ([]byte, error) {
	size := int64(len(records))
	out := make([]byte, 2, 2+(len(records)+2)*tlog.HashSize)
	out[0], out[1] = tileVersion, byte(size-1)
	for i, raw := range records {
		hashes, body, ok := splitRecord(number*size+int64(i), raw)
		if !ok {
			return nil, damaged(0, "the record of an entry that is to be removed has the wrong form")
		}
		if h := leafHash(body); tlog.Hash(hashes) != h {
			return nil, damaged(0, "an entry that is to be removed does not match its hash")
		}
		out = append(out, hashes[:tlog.HashSize]...)
		if i == len(records)-1 {
			out = append(out, hashes[bits.Len64(uint64(size-1))*tlog.HashSize:]...)
		}
	}
	return out, nil
}

// parseTile reads the tile of the n'th block, whose entries are size.
func parseTile(number, size int64, raw []byte) (t tile, err error) {
	own := int(size) * tlog.HashSize
	above := (hashesWith((number+1)*size-1) - bits.Len64(uint64(size-1))) * tlog.HashSize
	if !isTile(raw) || len(raw) != 2+own+above || int64(raw[1])+1 != size {
		return t, damaged(0, "the hashes of removed entries (block %d) have the wrong form", number)
	}
	return tile{n: int(size), leaves: raw[2 : 2+own], above: raw[2+own:]}, nil
}

func (t *tile) leaf(i int) tlog.Hash { return tlog.Hash(t.leaves[i*tlog.HashSize:]) }

// node is the root of the n'th subtree of 1<<level entries within the tile.
func (t *tile) node(level, n int) tlog.Hash {
	if level == 0 {
		return t.leaf(n)
	}
	return tlog.NodeHash(t.node(level-1, 2*n), t.node(level-1, 2*n+1))
}

// hash is a stored hash of the tree: of the subtree of 1<<level entries that the
// i'th entry of the tile completes.
func (t *tile) hash(level, i int) (h tlog.Hash, err error) {
	top := bits.Len(uint(t.n - 1))
	if level < top {
		return t.node(level, i>>level), nil
	}
	if at := (level - top) * tlog.HashSize; at < len(t.above) {
		return tlog.Hash(t.above[at:]), nil
	}
	return h, fmt.Errorf("%w: hash of level %d", ErrNotFound, level)
}

// tile is what is left of the n'th block's entries.
func (v *view) tile(number int64) (tile, error) {
	raw, err := v.im.get(v.blocks, key(uint64(number)))
	if err != nil {
		return tile{}, err
	}
	return parseTile(number, int64(v.header.Block), raw)
}

// removed finds out how many entries were removed: whole blocks, whose tiles are
// there. Entries that are gone without them are missing, and not removed.
func (v *view) findRemoved() error {
	first, _, err := v.im.cursor(v.entries).edge(1)
	if err != nil || first == nil {
		return err
	}
	seq, ok := unkey(first)
	if !ok || entry.Seq(seq) < v.header.First {
		return damaged(0, "its first entry has no place in it")
	}
	size := int64(v.header.Block)
	blocks := v.place(entry.Seq(seq)) / size
	if blocks == 0 {
		return nil
	}
	raw, err := v.im.get(v.blocks, key(uint64(blocks-1)))
	if err != nil {
		return err
	}
	if isTile(raw) {
		v.removed = blocks * size
	}
	return nil
}

// firstKept is the number of the first entry that is there.
func (v *view) firstKept() entry.Seq { return v.header.First + entry.Seq(v.removed) }
