package journal

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"tillwarden/enforcer/journal/entry"
)

// The buckets of a journal's file.
var (
	bucketHeader      = []byte("header")
	bucketEntries     = []byte("entries")
	bucketBlocks      = []byte("blocks")
	bucketCheckpoints = []byte("checkpoints")
	keyHeader         = []byte("header")
)

// headerVersion is the version of the file's format.
const headerVersion = 1

// header is what a file says of itself. All of it is information; trust
// comes from keys and checkpoints that the verifier holds.
type header struct {
	Version uint32    `cbor:"1,keyasint"`
	Origin  string    `cbor:"2,keyasint"` // of the checkpoints: names chain, store, register, and this file
	First   entry.Seq `cbor:"3,keyasint"` // number of the first entry
	Block   uint32    `cbor:"4,keyasint"` // entries in an index block
	Key     string    `cbor:"5,keyasint"` // public key of the register that began the file
	Created int64     `cbor:"6,keyasint"` // wall clock, nanoseconds
}

func (h *header) encode() ([]byte, error) {
	b, err := encMode.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encoding the journal's header: %w", err)
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:]...), nil
}

func decodeHeader(b []byte) (h header, err error) {
	if len(b) < sha256.Size {
		return h, damaged(0, "its header is too short")
	}
	body, sum := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if got := sha256.Sum256(body); !bytes.Equal(got[:], sum) {
		return h, damaged(0, "its header does not match its digest")
	}
	if err := decMode.Unmarshal(body, &h); err != nil {
		return h, damaged(0, "its header cannot be decoded: %v", err)
	}
	if h.Version != headerVersion {
		return h, fmt.Errorf("%w that this version can read: its format is %d, known is %d", ErrNotJournal, h.Version, headerVersion)
	}
	if h.Block == 0 || h.Block > defaultBlock || h.Block&(h.Block-1) != 0 || h.First == 0 {
		return h, damaged(0, "its header makes no sense")
	}
	return h, nil
}

// view is a journal at one moment.
type view struct {
	im          *image
	root        uint64 // the page that names the buckets
	header      header
	entries     tree
	blocks      tree
	checkpoints tree
	size        int64 // entries, those that were removed among them
	removed     int64 // entries from the first on of which only the hashes are left
}

// newView reads the journal whose root page is root.
func newView(im *image, root uint64) (*view, error) {
	v := &view{im: im, root: root}
	trees, err := readRoot(im, root)
	if err != nil {
		return nil, err
	}
	v.blocks, v.checkpoints, v.entries = trees[0], trees[1], trees[2]
	raw, err := im.get(trees[3], keyHeader)
	if err != nil {
		return nil, err
	}
	if v.header, err = decodeHeader(raw); err != nil {
		return nil, err
	}
	last, _, err := im.cursor(v.entries).edge(-1)
	if err != nil {
		return nil, err
	}
	if last != nil {
		seq, ok := unkey(last)
		if !ok || entry.Seq(seq) < v.header.First || seq-uint64(v.header.First) >= 1<<48 {
			return nil, damaged(0, "its last entry has no place in it")
		}
		v.size = int64(seq-uint64(v.header.First)) + 1
	}
	return v, v.findRemoved()
}

// readRoot reads the page that names the buckets, which are always the same.
func readRoot(im *image, root uint64) (trees [4]tree, err error) {
	n, err := im.node(root)
	if err != nil {
		return trees, err
	}
	if !n.leaf || n.count != len(trees) {
		return trees, fmt.Errorf("%w: it is a database of something else", ErrNotJournal)
	}
	for i, name := range [...][]byte{bucketBlocks, bucketCheckpoints, bucketEntries, bucketHeader} {
		k, val, flags, err := n.leafAt(i)
		if err != nil {
			return trees, err
		}
		if !bytes.Equal(k, name) || flags != flagBucket || len(val) < 16 || le.Uint64(val[8:]) != 0 {
			return trees, damaged(root, "names its buckets wrongly")
		}
		trees[i] = tree{root: le.Uint64(val), parent: root}
		if trees[i].root == 0 {
			trees[i].inline = val[16:]
		} else if len(val) != 16 {
			return trees, damaged(root, "names its buckets wrongly")
		}
	}
	return trees, nil
}

// last is the number of the last entry; where there is none, the one before the first.
func (v *view) last() entry.Seq { return v.header.First + entry.Seq(v.size) - 1 }

// place is an entry's place in the tree, from 0.
func (v *view) place(seq entry.Seq) int64 { return int64(seq - v.header.First) }

// fullBlocks is how many index blocks there are.
func (v *view) fullBlocks() int64 { return v.size / int64(v.header.Block) }

// record is what is stored of an entry.
func (v *view) record(seq entry.Seq) (hashes, body []byte, err error) {
	raw, err := v.im.get(v.entries, key(uint64(seq)))
	if err != nil {
		return nil, nil, err
	}
	if raw == nil {
		if seq >= v.header.First && seq < v.firstKept() {
			return nil, nil, fmt.Errorf("%w: %d", ErrRemoved, seq)
		}
		if seq >= v.header.First && seq <= v.last() {
			return nil, nil, damaged(0, "entry %d is missing", seq)
		}
		return nil, nil, fmt.Errorf("%w: %d", ErrNotFound, seq)
	}
	hashes, body, ok := splitRecord(v.place(seq), raw)
	if !ok {
		return nil, nil, damaged(0, "the record of entry %d has the wrong form", seq)
	}
	return hashes, body, nil
}

func (v *view) entry(seq entry.Seq, e *entry.Entry) error {
	_, body, err := v.record(seq)
	if err != nil {
		return err
	}
	return decodeAt(body, seq, e)
}

// decodeAt decodes the entry that is stored under seq.
func decodeAt(body []byte, seq entry.Seq, e *entry.Entry) error {
	*e = entry.Entry{}
	if err := decodeBody(body, e); err != nil {
		return fmt.Errorf("entry %d: %w", seq, err)
	}
	return isAt(seq, e)
}

func isAt(seq entry.Seq, e *entry.Entry) error {
	if e.Seq != seq {
		return damaged(0, "entry %d calls itself %d", seq, e.Seq)
	}
	return nil
}

// ReadHashes makes a view a tlog.HashReader.
func (v *view) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index < 0 || index >= tlog.StoredHashCount(v.size) {
			return nil, fmt.Errorf("%w: hash %d", ErrNotFound, index)
		}
		level, n := tlog.SplitStoredHashIndex(index)
		place := (n+1)<<level - 1 // the entry that completed this subtree
		if size := int64(v.header.Block); place < v.removed {
			t, err := v.tile(place / size)
			if err == nil {
				out[i], err = t.hash(level, int(place%size))
			}
			if err != nil {
				return nil, err
			}
			continue
		}
		hashes, _, err := v.record(v.header.First + entry.Seq(place))
		if err != nil {
			return nil, err
		}
		copy(out[i][:], hashes[level*tlog.HashSize:])
	}
	return out, nil
}

// peaks reads the right edge of the tree.
func (v *view) peaks() (peaks, error) {
	hashes, err := v.ReadHashes(peakIndexes(v.size))
	return peaks{size: v.size, hashes: hashes}, err
}

// block is the n'th index block.
func (v *view) block(n int64) (block, error) {
	raw, err := v.im.get(v.blocks, key(uint64(n)))
	if err != nil {
		return block{}, err
	}
	if raw == nil {
		return block{}, damaged(0, "index block %d is missing", n)
	}
	bl, err := parseBlock(raw)
	if err == nil && bl.n != int(v.header.Block) {
		err = damaged(0, "index block %d covers %d entries", n, bl.n)
	}
	return bl, err
}
