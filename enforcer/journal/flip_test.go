package journal

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/note"

	"tillwarden/enforcer/journal/entry"
)

// smallJournal is a closed journal of n entries in small pages and blocks,
// with a checkpoint now and then, and the checkpoints as somebody else holds them.
func smallJournal(t testing.TB, n int) (path string, held [][]byte) {
	t.Helper()
	o := testOptions(t)
	o.tweak.pageSize, o.tweak.block, o.tweak.noSync = 1024, 8, true
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	r := newRand(3)
	var es []entry.Entry
	for i := range n {
		e := testDecision(r)
		e.Source = ""
		es = append(es, e)
		if i%20 == 19 || i == n-1 {
			if _, err := s.Append(t.Context(), true, es...); err != nil {
				t.Fatal(err)
			}
			es = nil
			text, err := s.Checkpoint(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, text)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustVerify(t, o.Path, held...)
	return o.Path, held
}

// dump is every key and value of the file, as bbolt itself reads them, in one digest.
func dump(path string) (out [sha256.Size]byte, err error) {
	defer guardWrite(&err)()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		return out, err
	}
	defer func() { _ = db.Close() }()
	sum := sha256.New()
	err = db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			return b.ForEach(func(k, v []byte) error {
				for _, part := range [][]byte{name, k, v} {
					sum.Write(le.AppendUint64(nil, uint64(len(part))))
					sum.Write(part)
				}
				return nil
			})
		})
	})
	return [sha256.Size]byte(sum.Sum(nil)), err
}

// memory is a verifier that remembers what it has seen: most changes leave
// the checkpoints alone, and checking their signatures is what takes long.
type memory struct {
	note.Verifier
	seen sync.Map
}

func (m *memory) Verify(msg, sig []byte) bool {
	k := string(msg) + string(sig)
	ok, known := m.seen.Load(k)
	if !known {
		ok = m.Verifier.Verify(msg, sig)
		m.seen.Store(k, ok)
	}
	return ok.(bool)
}

// TestInvariant8EveryFlipIsFound changes each byte of a journal in turn, one
// bit of it. Verify must find it, or bbolt must read back exactly what it
// read before: then the byte belongs to nothing.
func TestInvariant8EveryFlipIsFound(t *testing.T) {
	path, held := smallJournal(t, 45)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m, _, err := metas(whole)
	if err != nil {
		t.Fatal(err)
	}
	// Beyond the pages in use the file is a hole that it may grow into.
	whole = whole[:int(m.high)*m.pageSize]
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	before, err := dump(path)
	if err != nil {
		t.Fatal(err)
	}
	stride := 1
	if testing.Short() || raceDetector {
		stride = 13
	}
	_, plain := testKey()
	verifier := &memory{Verifier: plain}
	workers := runtime.GOMAXPROCS(0)
	var mu sync.Mutex
	var wg sync.WaitGroup
	found, unused := 0, 0
	for w := range workers {
		copyPath := filepath.Join(t.TempDir(), "copy.db")
		if err := os.WriteFile(copyPath, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			file, err := os.OpenFile(copyPath, os.O_RDWR, 0)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = file.Close() }()
			for at := w * stride; at < len(whole); at += workers * stride {
				changed := whole[at] ^ 1<<((at/stride)%8)
				_, werr := file.WriteAt([]byte{changed}, int64(at))
				r, err := Verify(t.Context(), copyPath, []note.Verifier{verifier}, held...)
				if werr != nil {
					t.Error(werr)
					return
				}
				ok := err == nil && r.OK
				if ok {
					after, err := dump(copyPath)
					if err != nil || after != before {
						t.Errorf("byte %d (page %d): %#x for %#x was not found, and what bbolt reads differs: %v", at, at/1024, changed, whole[at], err)
					}
				}
				_, werr = file.WriteAt(whole[at:at+1], int64(at))
				if werr != nil {
					t.Error(werr)
					return
				}
				mu.Lock()
				if ok {
					unused++
				} else {
					found++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	t.Logf("%d bytes: %d changes found, %d in bytes that nothing uses", len(whole), found, unused)
	if found == 0 || unused == 0 {
		t.Error("the test did not test")
	}
}

// TestVerifyIsPrecise changes single things and expects them to be named.
func TestVerifyIsPrecise(t *testing.T) {
	path, _ := smallJournal(t, 45)
	for _, c := range []struct {
		name   string
		change func(t *testing.T, v *view, data []byte)
		what   string
		seq    entry.Seq
		only   bool
	}{
		{"an entry's text", func(t *testing.T, v *view, _ []byte) { flipIn(t, v, 20, true, 40) }, FoundEntry, 20, false},
		{"an entry's own hash", func(t *testing.T, v *view, _ []byte) { flipIn(t, v, 20, false, 3) }, FoundEntry, 20, true},
		{"the hash over four entries", func(t *testing.T, v *view, _ []byte) { flipIn(t, v, 28, false, 2*32+3) }, FoundHash, 25, true},
		{"the hash over sixteen entries", func(t *testing.T, v *view, _ []byte) { flipIn(t, v, 32, false, 4*32+3) }, FoundHash, 17, true},
		{"an index block", func(t *testing.T, v *view, _ []byte) {
			raw, err := v.im.get(v.blocks, key(2))
			if err != nil || raw == nil {
				t.Fatal(err)
			}
			raw[len(raw)-1] ^= 1
		}, FoundIndex, 17, true},
		{"a checkpoint", func(t *testing.T, v *view, _ []byte) {
			raw, err := v.im.get(v.checkpoints, key(20))
			if err != nil || raw == nil {
				t.Fatal(err)
			}
			raw[len(raw)-5] ^= 1
		}, FoundCheckpoint, 20, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			m, _, err := metas(whole)
			if err != nil {
				t.Fatal(err)
			}
			im, err := newImage(whole, m.pageSize, m.high)
			if err != nil {
				t.Fatal(err)
			}
			v, err := newView(im, m.root)
			if err != nil {
				t.Fatal(err)
			}
			c.change(t, v, whole)
			changed := filepath.Join(t.TempDir(), "changed.db")
			if err := os.WriteFile(changed, whole, 0o600); err != nil {
				t.Fatal(err)
			}
			_, verifier := testKey()
			r, err := Verify(t.Context(), changed, []note.Verifier{verifier})
			if err != nil {
				t.Fatal(err)
			}
			if r.OK || len(r.Findings) == 0 {
				t.Fatal("not found")
			}
			if f := r.Findings[0]; f.What != c.what || f.Seq != c.seq {
				t.Errorf("first finding is %+v, want %s at %d", f, c.what, c.seq)
			}
			if c.only && r.Total != 1 {
				t.Errorf("one change gave %d findings: %+v", r.Total, r.Findings)
			}
		})
	}
}

// flipIn changes a byte of an entry's record, in its body or in its hashes.
func flipIn(t *testing.T, v *view, seq entry.Seq, body bool, at int) {
	t.Helper()
	hashes, b, err := v.record(seq)
	if err != nil {
		t.Fatal(err)
	}
	if body {
		b[at] ^= 1
	} else {
		hashes[at] ^= 1
	}
}
