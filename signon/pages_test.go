package signon

import (
	"bytes"
	"errors"
	"hash/fnv"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"
)

// FuzzInspect: bytes of any kind, as a file of their own and in a
// roster's place, give an answer and no panic.
func FuzzInspect(f *testing.F) {
	path := filepath.Join(f.TempDir(), "roster.db")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{PageSize: 4096, InitialMmapSize: 1})
	if err != nil {
		f.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range []string{"a", "b"} {
			b, err := tx.CreateBucket([]byte(name))
			if err != nil {
				return err
			}
			for i := range 60 {
				if err := b.Put([]byte(numberOf(i)), bytes.Repeat([]byte{1}, 120)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
	if err := db.Close(); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	if err := inspectPages(whole); err != nil {
		f.Fatalf("a file that bbolt made: %v", err)
	}
	f.Add(uint32(0), uint64(0), uint32(0), uint64(0), uint16(0))
	f.Add(uint32(4096+8), uint64(1), uint32(0), uint64(0), uint16(0))
	f.Add(uint32(3*4096+10), uint64(0xff), uint32(4*4096+16), uint64(1<<40), uint16(100))
	f.Fuzz(func(t *testing.T, at uint32, with uint64, at2 uint32, with2 uint64, cut uint16) {
		b := bytes.Clone(whole)
		for at, with := range map[uint32]uint64{at: with, at2: with2} {
			if i := int(at) % (len(b) - 8); with != 0 {
				le.PutUint64(b[i:], le.Uint64(b[i:])^with)
			}
		}
		b = b[:len(b)-int(cut)%len(b)]
		// Meta pages are remade, so that what is behind them is looked at.
		for i := range 2 {
			if off := i*4096 + pageHeader; off+metaSize <= len(b) && bytes.Equal(b[off:off+16], whole[off:off+16]) {
				sum := fnv.New64a()
				sum.Write(b[off : off+56])
				le.PutUint64(b[off+56:], sum.Sum64())
			}
		}
		if err := inspectPages(b); err != nil && !errors.Is(err, ErrDamaged) {
			t.Fatalf("%v", err)
		}
	})
}
