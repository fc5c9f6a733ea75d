package journal

import (
	"bytes"
	"fmt"

	"go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/tlog"

	"tillwarden/enforcer/journal/entry"
)

// writer turns entries into what is stored of them. It runs ahead of the
// disk: when a commit fails it is thrown away and read anew.
type writer struct {
	header header
	next   entry.Seq
	peaks  peaks
	tail   []row // of the entries after the last full block
	buf    bytes.Buffer
}

// record is one key and value to be put: an entry, or an index block.
type record struct {
	key, value []byte
	block      bool
}

// newWriter reads where v ends. It checks the entries that it reads.
func newWriter(v *view) (*writer, error) {
	p, err := v.peaks()
	if err != nil {
		return nil, err
	}
	w := &writer{header: v.header, next: v.last() + 1, peaks: p}
	block := int64(v.header.Block)
	for n := v.fullBlocks() * block; n < v.size; n++ {
		hashes, body, err := v.record(v.header.First + entry.Seq(n))
		if err != nil {
			return nil, err
		}
		var e entry.Entry
		if err := decodeAt(body, v.header.First+entry.Seq(n), &e); err != nil {
			return nil, err
		}
		if h := leafHash(body); !bytes.Equal(h[:], hashes[:tlog.HashSize]) {
			return nil, damaged(0, "entry %d does not match its hash", e.Seq)
		}
		w.tail = append(w.tail, rowOf(&e))
	}
	return w, nil
}

// add encodes entries that have their numbers, which must be the next ones.
// All of them are encoded before the first one counts.
func (w *writer) add(es []entry.Entry) ([]record, error) {
	out := make([]record, 0, len(es)+1)
	for i := range es {
		n := int64(w.next-w.header.First) + int64(i)
		if es[i].Seq != w.next+entry.Seq(i) {
			return nil, fmt.Errorf("%w: it is number %d where %d is next", ErrInvalid, es[i].Seq, w.next+entry.Seq(i))
		}
		w.buf.Reset()
		if err := encBuffer.MarshalToBuffer(&es[i], &w.buf); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		k := hashesWith(n) * tlog.HashSize
		value := make([]byte, k+1+w.buf.Len())
		copy(value[k+1:], w.buf.Bytes())
		out = append(out, record{key: key(uint64(es[i].Seq)), value: value})
	}
	for i := range es {
		value := out[i].value
		for j, h := range w.peaks.push(leafHash(value[hashesWith(w.peaks.size)*tlog.HashSize:])) {
			copy(value[j*tlog.HashSize:], h[:])
		}
		w.tail = append(w.tail, rowOf(&es[i]))
		if len(w.tail) == int(w.header.Block) {
			n := w.peaks.size/int64(w.header.Block) - 1
			out = append(out, record{key: key(uint64(n)), value: buildBlock(w.tail), block: true})
			w.tail = w.tail[:0]
		}
	}
	w.next += entry.Seq(len(es))
	return out, nil
}

// put writes records and checkpoints. Everything is appended at the end of
// its bucket, so pages are filled to the last byte.
func (w *writer) put(tx *bbolt.Tx, records []record, notes []storedNote) error {
	entries, blocks, checkpoints := tx.Bucket(bucketEntries), tx.Bucket(bucketBlocks), tx.Bucket(bucketCheckpoints)
	if entries == nil || blocks == nil || checkpoints == nil {
		return damaged(0, "a bucket is gone")
	}
	entries.FillPercent, blocks.FillPercent, checkpoints.FillPercent = 1, 1, 1
	for _, r := range records {
		b := entries
		if r.block {
			b = blocks
		}
		if err := b.Put(r.key, r.value); err != nil {
			return fmt.Errorf("putting an entry: %w", err)
		}
	}
	for _, n := range notes {
		if n.origin != w.header.Origin || checkpoints.Get(key(uint64(n.size))) != nil {
			continue
		}
		if err := checkpoints.Put(key(uint64(n.size)), n.text); err != nil {
			return fmt.Errorf("putting a checkpoint: %w", err)
		}
	}
	return nil
}
