package journal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/note"

	"tillwarden/enforcer/journal/entry"
)

// forge rewrites a whole journal as somebody would who can write the file but
// not sign: change edits the list of entries, and everything else is made to
// fit: numbers, hashes, index. Stored checkpoints stay if keep says so.
func forge(t *testing.T, path string, keep func(size int64) bool, change func([]entry.Entry) []entry.Entry) string {
	t.Helper()
	rd, err := OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	var es []entry.Entry
	err = rd.Each(t.Context(), Filter{}, func(e *entry.Entry) error {
		es = append(es, *e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var notes []storedNote
	err = rd.Checkpoints(t.Context(), func(size int64, text []byte) error {
		if keep(size) {
			notes = append(notes, storedNote{origin: rd.v.header.Origin, size: size, text: text})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	h := rd.v.header
	if err := rd.Close(); err != nil {
		t.Fatal(err)
	}
	es = change(es)
	for i := range es {
		es[i].Seq = entry.Seq(i + 1)
	}
	raw, err := h.encode()
	if err != nil {
		t.Fatal(err)
	}
	forged := filepath.Join(t.TempDir(), "forged.db")
	db, err := bbolt.Open(forged, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{bucketBlocks, bucketCheckpoints, bucketEntries, bucketHeader} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		w := writer{header: h, next: 1}
		records, err := w.add(es)
		if err != nil {
			return err
		}
		return errors.Join(w.put(tx, records, notes), tx.Bucket(bucketHeader).Put(keyHeader, raw))
	})
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return forged
}

// TestInvariant8RewrittenHistoryIsFound gives the verifier a file that is
// sound in itself, and the checkpoints that left the register earlier.
func TestInvariant8RewrittenHistoryIsFound(t *testing.T) {
	path, held := smallJournal(t, 45) // checkpoints over 20, 40 and 45 entries
	held = held[:2]                   // somebody else got those over 20 and 40
	_, verifier := testKey()
	keys := []note.Verifier{verifier}
	none := func(int64) bool { return false }
	for _, c := range []struct {
		name   string
		keep   func(int64) bool
		change func([]entry.Entry) []entry.Entry
		held   bool // found with the held checkpoints
		alone  bool // found without
	}{
		{"nothing", func(int64) bool { return true }, func(es []entry.Entry) []entry.Entry { return es }, false, false},
		{"one changed, checkpoints kept", func(int64) bool { return true }, func(es []entry.Entry) []entry.Entry { es[10].Operator = "1"; return es }, true, true},
		{"one changed, checkpoints dropped", none, func(es []entry.Entry) []entry.Entry { es[10].Operator = "1"; return es }, true, false},
		{"one removed", none, func(es []entry.Entry) []entry.Entry { return append(es[:10], es[11:]...) }, true, false},
		{"one added", none, func(es []entry.Entry) []entry.Entry { return append(es[:11], es[10:]...) }, true, false},
		{"two swapped", none, func(es []entry.Entry) []entry.Entry { es[3], es[4] = es[4], es[3]; return es }, true, false},
		{"the end removed", func(n int64) bool { return n <= 20 }, func(es []entry.Entry) []entry.Entry { return es[:30] }, true, false},
		{"all removed", none, func([]entry.Entry) []entry.Entry { return nil }, true, false},
		{"changed after the last checkpoint that is held", func(n int64) bool { return n <= 40 }, func(es []entry.Entry) []entry.Entry {
			es[43].Operator = "1"
			return es
		}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			forged := forge(t, path, c.keep, c.change)
			with, err := Verify(t.Context(), forged, keys, held...)
			if err != nil {
				t.Fatal(err)
			}
			if with.OK == c.held {
				t.Errorf("with the held checkpoints: OK is %v: %+v", with.OK, with.Findings)
			}
			alone, err := Verify(t.Context(), forged, keys)
			if err != nil {
				t.Fatal(err)
			}
			if alone.OK == c.alone {
				t.Errorf("alone: OK is %v: %+v", alone.OK, alone.Findings)
			}
			// What could not be found must have been said to be unchecked.
			if alone.OK && !strings.Contains(strings.Join(alone.Unchecked, "\n"), "no checkpoint was given") {
				t.Errorf("alone: unchecked is only %q", alone.Unchecked)
			}
			if with.OK && with.Held < 45 && !strings.Contains(strings.Join(with.Unchecked, "\n"), "entries 41 to 45 come after") {
				t.Errorf("with the held checkpoints: unchecked is only %q", with.Unchecked)
			}
		})
	}
}

// TestEntriesTakenOutOfTheFile works on the file through bbolt, without
// making anything else fit.
func TestEntriesTakenOutOfTheFile(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(b *bbolt.Bucket) error
		what   string
		seq    entry.Seq
	}{
		{"one removed", func(b *bbolt.Bucket) error { return b.Delete(key(10)) }, FoundMissing, 10},
		{"the last removed", func(b *bbolt.Bucket) error { return b.Delete(key(45)) }, FoundCheckpoint, 44},
		{"one put in the place of another", func(b *bbolt.Bucket) error {
			return b.Put(key(11), append([]byte(nil), b.Get(key(13))...))
		}, FoundEntry, 11},
		{"one added", func(b *bbolt.Bucket) error {
			return b.Put(key(46), append([]byte(nil), b.Get(key(44))...))
		}, FoundEntry, 46},
		{"one far away added", func(b *bbolt.Bucket) error {
			return b.Put(key(1<<40), append([]byte(nil), b.Get(key(44))...))
		}, "", 0},
		{"a key of another length", func(b *bbolt.Bucket) error { return b.Put([]byte{0, 1}, []byte("x")) }, FoundStructure, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			path, held := smallJournal(t, 45)
			db, err := bbolt.Open(path, 0o600, nil)
			if err != nil {
				t.Fatal(err)
			}
			err = db.Update(func(tx *bbolt.Tx) error { return c.change(tx.Bucket(bucketEntries)) })
			if err = errors.Join(err, db.Close()); err != nil {
				t.Fatal(err)
			}
			_, verifier := testKey()
			r, err := Verify(t.Context(), path, []note.Verifier{verifier}, held...)
			if err != nil {
				t.Fatal(err)
			}
			if r.OK {
				t.Fatal("not found")
			}
			for _, f := range r.Findings {
				if c.what == "" || f.What == c.what && (c.seq == 0 || f.Seq == c.seq) {
					return
				}
			}
			t.Errorf("no finding of %s at %d: %+v", c.what, c.seq, r.Findings)
		})
	}
}

// TestVerifyOtherFiles gives Verify what is no journal of this register.
func TestVerifyOtherFiles(t *testing.T) {
	path, held := smallJournal(t, 20)
	other, otherHeld := smallJournal(t, 20)
	_, verifier := testKey()
	keys := []note.Verifier{verifier}
	t.Run("another journal's checkpoint", func(t *testing.T) {
		r, err := Verify(t.Context(), path, keys, otherHeld[0])
		if err != nil || r.OK || !strings.Contains(r.Findings[0].Text, "another journal") {
			t.Errorf("%+v %v", r, err)
		}
	})
	t.Run("another register's key", func(t *testing.T) {
		_, public, err := NewKey(randReader{newRand(4)}, "tillwarden/else")
		if err != nil {
			t.Fatal(err)
		}
		key, err := ParsePublic(public)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Verify(t.Context(), other, []note.Verifier{key}, otherHeld[0])
		if err != nil || r.OK || r.Signed != 0 || r.Covered != 0 {
			t.Errorf("%+v %v", r, err)
		}
	})
	t.Run("a checkpoint that is none", func(t *testing.T) {
		r, err := Verify(t.Context(), path, keys, []byte("hello"))
		if err != nil || r.OK {
			t.Errorf("%+v %v", r, err)
		}
	})
	t.Run("no key", func(t *testing.T) {
		r, err := Verify(t.Context(), path, nil, held...)
		if err != nil || !r.OK || !strings.Contains(strings.Join(r.Unchecked, "\n"), "no public key") {
			t.Errorf("%+v %v", r, err)
		}
	})
	t.Run("everything given", func(t *testing.T) {
		r := mustVerify(t, path, held...)
		if len(r.Unchecked) != 0 || r.Held != 20 || r.Covered != 20 {
			t.Errorf("%+v", r)
		}
	})
	t.Run("a checkpoint beyond those in the file", func(t *testing.T) {
		bare := forge(t, path, func(int64) bool { return false }, func(es []entry.Entry) []entry.Entry { return es })
		if r := mustVerify(t, bare, held...); len(r.Unchecked) != 0 || r.Held != 20 || r.Covered != 0 {
			t.Errorf("%+v", r)
		}
	})
	t.Run("not there", func(t *testing.T) {
		if _, err := Verify(t.Context(), path+"x", keys); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	})
	t.Run("in use", func(t *testing.T) {
		o := testOptions(t)
		s := openTest(t, o)
		if _, err := Verify(t.Context(), s.Path(), keys); !errors.Is(err, ErrInUse) {
			t.Error(err)
		}
	})
	t.Run("empty", func(t *testing.T) {
		p := filepath.Join(t.TempDir(), "empty")
		if err := os.WriteFile(p, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Verify(t.Context(), p, keys); !errors.Is(err, ErrNotJournal) {
			t.Error(err)
		}
	})
	t.Run("another database", func(t *testing.T) {
		p := filepath.Join(t.TempDir(), "other.db")
		db, err := bbolt.Open(p, 0o600, nil)
		if err = errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := Verify(t.Context(), p, keys); !errors.Is(err, ErrNotJournal) {
			t.Error(err)
		}
	})
}

// FuzzVerify changes the file in any way: Verify, and whoever reads it, must
// give an answer.
func FuzzVerify(f *testing.F) {
	path, held := smallJournal(f, 20)
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	m, _, err := metas(whole)
	if err != nil {
		f.Fatal(err)
	}
	whole = whole[:int(m.high)*m.pageSize]
	f.Add([]byte{0, 0, 1}, uint16(0))
	f.Add([]byte{4, 10, 255, 7, 3, 200}, uint16(1))
	f.Add([]byte{8, 24, 0xff, 8, 25, 0xff, 8, 26, 0xff}, uint16(0))
	_, verifier := testKey()
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, edits []byte, cutOff uint16) {
		data := append([]byte(nil), whole...)
		// Each three bytes are an edit: where (twice), and what is added.
		for i := 0; i+2 < len(edits); i += 3 {
			at := (int(edits[i])<<8 | int(edits[i+1])) * len(data) >> 16
			data[at] += edits[i+2]
		}
		fixMetas(data, m.pageSize)
		if cutOff > 0 {
			data = data[:len(data)-int(cutOff)%len(data)]
		}
		p := filepath.Join(dir, "fuzzed.db")
		if err := os.WriteFile(p, data, 0o600); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if r, err := Verify(t.Context(), p, []note.Verifier{verifier}, held...); err == nil && !r.OK && len(r.Findings) == 0 {
			t.Error("not OK, and nothing found")
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("it took %v", took)
		}
		rd, err := OpenReader(p)
		if err != nil {
			return
		}
		_ = rd.Each(t.Context(), Filter{Operator: "1001", Reverse: true}, func(*entry.Entry) error { return nil })
		_ = rd.Each(t.Context(), Filter{}, func(*entry.Entry) error { return nil })
		_, _ = rd.Last()
		_ = rd.Close()
	})
}

// fixMetas makes changed meta pages valid again, so that what is behind them is reached.
func fixMetas(data []byte, pageSize int) {
	for _, off := range []int{0, pageSize} {
		b := data[off+pageHeader : off+pageHeader+metaLength]
		le.PutUint64(b[56:], metaSum(b))
	}
}
