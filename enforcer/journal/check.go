package journal

import (
	"bytes"
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"

	"tillwarden/enforcer/journal/entry"
)

// What a finding is about.
const (
	FoundEntry      = "entry"      // an entry's content
	FoundHash       = "hash"       // a stored hash
	FoundIndex      = "index"      // an index block
	FoundCheckpoint = "checkpoint" // a checkpoint, in the file or given
	FoundMissing    = "missing"    // entries that should be there
	FoundHeader     = "header"     // what the file says of itself
	FoundStructure  = "structure"  // the pages of the file
)

// Finding is one thing that is wrong.
type Finding struct {
	What string    `json:"what"`
	Seq  entry.Seq `json:"seq,omitempty"` // the entry, or the first of those, that it is about
	To   entry.Seq `json:"to,omitempty"`  // the last of them, where they are several
	Page uint64    `json:"page,omitempty"`
	Text string    `json:"text"`
}

// chunk is the entries of one index block, or those after the last full one,
// as they are stored. A nil record is one that is missing.
type chunk struct {
	number  int64
	records [][]byte
	tile    []byte // instead, where they were removed
	// What checking it gives:
	root     tlog.Hash   // of its subtree, where it is full
	above    []tlog.Hash // the hashes stored with its last entry for the larger subtrees that it completes
	later    int64       // entries with fields that this version does not know
	retired  entry.Seq   // up to which an entry in it says that others were removed
	findings []Finding
}

// checker checks chunks: each by itself, and then, in order, how they hang together.
type checker struct {
	v      *view
	limit  int // findings of a chunk beyond this are not worth listing
	peaks  peaks
	broken bool // a chunk was not whole: the hashes above it cannot be worked out
}

func (c *checker) first(ch *chunk) int64 { return ch.number * int64(c.v.header.Block) }

func (c *checker) seq(ch *chunk, i int) entry.Seq {
	return c.v.header.First + entry.Seq(c.first(ch)) + entry.Seq(i)
}

// node is a hash as it is stored, and as it was worked out where that differs.
type nodeHash struct {
	level    int
	stored   tlog.Hash
	computed tlog.Hash
}

// check checks one chunk: each entry against its hash, the hashes against one
// another, and the index block against what it indexes. It may run beside others.
func (c *checker) check(ch *chunk) {
	say := func(f Finding) {
		if len(ch.findings) < c.limit {
			ch.findings = append(ch.findings, f)
		}
	}
	if ch.tile != nil {
		c.checkTile(ch, say)
		return
	}
	rows := make([]row, 0, len(ch.records))
	var stack []nodeHash // roots of complete subtrees, from the largest
	whole := true
	var e entry.Entry
	for i, raw := range ch.records {
		seq, n := c.seq(ch, i), c.first(ch)+int64(i)
		if raw == nil {
			whole = false
			say(Finding{What: FoundMissing, Seq: seq, Text: "the entry is missing"})
			continue
		}
		hashes, body, ok := splitRecord(n, raw)
		if !ok {
			whole = false
			say(Finding{What: FoundEntry, Seq: seq, Text: "the record has the wrong form"})
			continue
		}
		if err := decodeAt(body, seq, &e); err != nil {
			say(Finding{What: FoundEntry, Seq: seq, Text: err.Error()})
		}
		rows = append(rows, rowOf(&e))
		if e.Later {
			ch.later++
		}
		if e.Kind == entry.KindRetired {
			ch.retired = max(ch.retired, e.About)
		}
		if !whole {
			continue // without all entries before it the tree cannot be followed
		}
		stack = c.climb(stack, seq, hashes, leafHash(body), say)
		if i == len(ch.records)-1 {
			for j := stack[len(stack)-1].level + 1; j < hashesWith(n); j++ {
				ch.above = append(ch.above, tlog.Hash(hashes[j*tlog.HashSize:]))
			}
		}
	}
	if !whole || len(ch.records) < int(c.v.header.Block) {
		if !whole {
			ch.root = tlog.Hash{}
		}
		return
	}
	ch.root = stack[0].stored
	want, err := c.v.im.get(c.v.blocks, key(uint64(ch.number)))
	if err != nil || !bytes.Equal(want, buildBlock(rows)) {
		say(Finding{
			What: FoundIndex, Seq: c.seq(ch, 0), To: c.seq(ch, len(ch.records)-1),
			Text: fmt.Sprintf("index block %d does not agree with its entries", ch.number),
		})
	}
}

// checkTile checks the hashes that are left of a block whose entries were removed.
func (c *checker) checkTile(ch *chunk, say func(Finding)) {
	first := c.seq(ch, 0)
	last := first + entry.Seq(c.v.header.Block) - 1
	t, err := parseTile(ch.number, int64(c.v.header.Block), ch.tile)
	if err != nil {
		say(Finding{What: FoundMissing, Seq: first, To: last, Text: "the entries are missing, and so are their hashes"})
		return
	}
	level := bits.Len(uint(t.n - 1))
	for i := 0; i < len(t.above); i += tlog.HashSize {
		ch.above = append(ch.above, tlog.Hash(t.above[i:]))
	}
	ch.root, ch.above = ch.above[0], ch.above[1:]
	if t.node(level, 0) != ch.root {
		say(Finding{What: FoundHash, Seq: first, To: last, Text: "the hashes that are left of these removed entries do not match"})
	}
}

// entries is how many a chunk covers.
func (c *checker) entries(ch *chunk) int {
	if ch.tile != nil {
		return int(c.v.header.Block)
	}
	return len(ch.records)
}

// climb adds an entry's hash to the stack and checks the hashes stored with
// it, within the chunk. Where a hash does not match, it finds out whether the
// content below or the stored hash was changed, so that one change gives one finding.
func (c *checker) climb(stack []nodeHash, seq entry.Seq, hashes []byte, leaf tlog.Hash, say func(Finding)) []nodeHash {
	cur := nodeHash{level: 0, stored: tlog.Hash(hashes), computed: leaf}
	if cur.stored != cur.computed {
		say(Finding{What: FoundEntry, Seq: seq, Text: "the entry and its stored hash do not match"})
	}
	for len(stack) > 0 && stack[len(stack)-1].level == cur.level && 1<<(cur.level+1) <= int(c.v.header.Block) {
		left := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		up := nodeHash{level: cur.level + 1, stored: tlog.Hash(hashes[(cur.level+1)*tlog.HashSize:])}
		up.computed = up.stored
		if !explains(up.stored, left, cur) {
			up.computed = tlog.NodeHash(left.stored, cur.stored)
			say(Finding{
				What: FoundHash, Seq: seq + 1 - 1<<up.level, To: seq,
				Text: fmt.Sprintf("the hash over these entries, stored with entry %d, does not match", seq),
			})
		}
		cur = up
	}
	return append(stack, cur)
}

// explains reports whether a stored hash is that of its two children, as
// these are stored or as they were worked out.
func explains(h tlog.Hash, left, right nodeHash) bool {
	if h == tlog.NodeHash(left.stored, right.stored) {
		return true
	}
	return (left.stored != left.computed || right.stored != right.computed) &&
		(h == tlog.NodeHash(left.computed, right.computed) || h == tlog.NodeHash(left.stored, right.computed) ||
			h == tlog.NodeHash(left.computed, right.stored))
}

// join follows the tree over whole chunks, which must come in order.
func (c *checker) join(ch *chunk) {
	if c.broken || c.entries(ch) < int(c.v.header.Block) {
		return
	}
	if ch.root == (tlog.Hash{}) || ch.number != c.peaks.size {
		c.broken = true
		return
	}
	for i, h := range c.peaks.push(ch.root) {
		if i == 0 {
			continue
		}
		if i > len(ch.above) || ch.above[i-1] != h {
			seq := c.seq(ch, c.entries(ch)-1)
			ch.findings = append(ch.findings, Finding{
				What: FoundHash, Seq: seq + 1 - entry.Seq(c.entries(ch))<<i, To: seq,
				Text: fmt.Sprintf("the hash over these entries, stored with entry %d, does not match", seq),
			})
		}
	}
}
