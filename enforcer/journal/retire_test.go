package journal

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"tillwarden/enforcer/journal/entry"
)

func nothingToKeep(context.Context) error { return nil }

// aged is a journal with small blocks: n entries, a second apart, and a checkpoint over them.
func aged(t testing.TB, block, n int) *Store {
	t.Helper()
	o := testOptions(t)
	o.tweak.block, o.tweak.noSync = block, true
	s := openTest(t, o)
	r := newRand(3)
	for range n {
		e := testDecision(r)
		e.Source = ""
		append1(t, s, e)
	}
	sealed(t, s)
	return s
}

// sealed makes a checkpoint and has it stored.
func sealed(t testing.TB, s *Store) []byte {
	t.Helper()
	text, err := s.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	append1(t, s, entry.Entry{Kind: entry.KindCalled})
	return text
}

// olderThan is the moment before which n entries of aged were written.
func olderThan(n int) time.Time {
	return testEpoch.Add(time.Duration(n)*time.Second + time.Second/2)
}

func TestRetireRemovesWholeBlocksAndNoMore(t *testing.T) {
	for _, c := range []struct {
		name   string
		before time.Time
		want   int64
	}{
		{"nothing is old", olderThan(0), 0},
		{"less than a block", olderThan(7), 0},
		{"a block and a bit", olderThan(11), 8},
		{"some blocks", olderThan(33), 32},
		{"all: the last full block stays", olderThan(1000), 88},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := aged(t, 8, 100)
			root, held := s.Last().Root, sealed(t, s)
			readied := false
			n, err := s.Retire(t.Context(), c.before, func(context.Context) error { readied = true; return nil })
			if err != nil || n != c.want || readied != (c.want > 0) {
				t.Fatalf("removed %d, want %d: %v (ready %v)", n, c.want, err, readied)
			}
			first := entry.Seq(c.want) + 1
			for seq := entry.Seq(1); seq <= s.Last().Last; seq++ {
				e, err := s.Get(t.Context(), seq)
				if seq < first && (!errors.Is(err, ErrRemoved) || !errors.Is(err, ErrNotFound)) || seq >= first && (err != nil || e.Seq != seq) {
					t.Fatalf("entry %d: %v", seq, err)
				}
			}
			var got []entry.Entry
			if err := s.Replay(t.Context(), Filter{}, func(e entry.Entry) error { got = append(got, e); return nil }); err != nil || got[0].Seq != first {
				t.Fatalf("the first of all is %d, want %d: %v", got[0].Seq, first, err)
			}
			if page, _, err := s.Query(t.Context(), Filter{Reverse: true, Limit: MaxLimit}); err != nil || page[len(page)-1].Seq != first {
				t.Fatalf("in reverse: %v", err)
			}
			if c.want > 0 {
				said := got[len(got)-1]
				if said.Kind != entry.KindRetired || said.About != first-1 || said.Count != uint64(c.want) {
					t.Errorf("the journal says %+v", said)
				}
			}
			if s.Last().Root == root {
				t.Error("the root is of another tree than the one that has the entries")
			}
			if r := mustVerify(t, copyOf(t, s), held); r.Removed != c.want || r.Held == 0 || !r.OK {
				t.Errorf("verified: %+v", r)
			}
		})
	}
}

func TestRetireNeedsACheckpoint(t *testing.T) {
	o := testOptions(t)
	o.tweak.block = 8
	o.Key, o.PublicKey = nil, ""
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 100 {
		append1(t, s, entry.Entry{Kind: entry.KindCalled})
	}
	if n, err := s.Retire(t.Context(), olderThan(1000), nothingToKeep); n != 0 || err != nil {
		t.Errorf("removed %d without a checkpoint: %v", n, err)
	}
}

// TestRetireAsksFirst: what somebody folds is journaled before anything goes.
func TestRetireAsksFirst(t *testing.T) {
	s := aged(t, 8, 60)
	no := errors.New("not now")
	last := s.Last()
	if n, err := s.Retire(t.Context(), olderThan(50), func(context.Context) error { return no }); n != 0 || !errors.Is(err, no) || s.Last() != last {
		t.Errorf("removed %d: %v", n, err)
	}
	var kept entry.Seq
	_, err := s.Retire(t.Context(), olderThan(50), func(ctx context.Context) error {
		seqs, err := s.Append(ctx, false, entry.Entry{Kind: entry.KindMemory})
		kept = seqs[0]
		if _, err := s.Get(ctx, 1); err != nil {
			t.Errorf("it went before that: %v", err)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if e, err := s.Get(t.Context(), kept); err != nil || e.Kind != entry.KindMemory {
		t.Errorf("%+v, %v", e, err)
	}
}

// TestRetiredJournal is a model: entries come, old ones go, the file is opened
// anew, transactions fail with and without having reached the disk; every root
// that the tree ever had is still the tree's, every proof that was made holds, a
// copy verifies at each step, and a follower is told what it missed.
func TestRetiredJournal(t *testing.T) {
	_, verifier := testKey()
	rapid.Check(t, func(rt *rapid.T) {
		o := testOptions(t)
		o.tweak.block, o.tweak.noSync = rapid.SampledFrom([]int{1, 2, 8, 32}).Draw(rt, "block"), true
		o.tweak.pageSize = 1024
		var fail atomic.Int32 // 1: before it is written, 2: afterwards
		broken := errors.New("injected")
		o.tweak.beforeCommit = func() error {
			if fail.CompareAndSwap(1, 0) {
				return broken
			}
			return nil
		}
		o.tweak.afterCommit = func() error {
			if fail.CompareAndSwap(2, 0) {
				return broken
			}
			return nil
		}
		s, err := Open(t.Context(), o)
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		roots := map[int64]tlog.Hash{}
		var held [][]byte
		var proofs []*Proof
		note1 := func() {
			h := s.Last()
			roots[int64(h.Last)] = h.Root
		}
		check := func() {
			// After a failure, of which who asked hears first, it is being reopened.
			for errors.Is(s.Probe(t.Context()), ErrUnavailable) {
				time.Sleep(time.Millisecond)
			}
			err := s.read(func(v *view) error {
				for size, want := range roots {
					if size > v.size {
						continue
					}
					if got, err := tlog.TreeHash(size, v); err != nil || got != want {
						rt.Fatalf("the root over %d entries, of which %d were removed: %v", size, v.removed, err)
					}
				}
				return nil
			})
			if err != nil {
				rt.Fatal(err)
			}
			for _, p := range proofs {
				if _, err := p.Check(verifier); err != nil {
					rt.Fatal(err)
				}
			}
			r, err := Verify(t.Context(), copyOf(t, s), []note.Verifier{verifier}, held...)
			if err != nil || !r.OK {
				rt.Fatalf("verifying: %v %+v", err, r)
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"append": func(rt *rapid.T) {
				es := make([]entry.Entry, rapid.IntRange(1, 40).Draw(rt, "n"))
				for i := range es {
					es[i] = entry.Entry{Kind: entry.KindCalled, Count: uint64(i)}
				}
				if _, err := s.Append(t.Context(), true, es...); err != nil && !errors.Is(err, ErrWrite) && !errors.Is(err, ErrUnavailable) {
					rt.Fatal(err)
				}
				note1()
			},
			"checkpoint": func(rt *rapid.T) {
				if text, err := s.Checkpoint(t.Context()); err == nil && text != nil {
					held = append(held, text)
					_, _ = s.Append(t.Context(), true, entry.Entry{Kind: entry.KindCalled})
					note1()
				}
			},
			"prove": func(rt *rapid.T) {
				last := int(s.Last().Last)
				if last == 0 {
					return
				}
				seq := entry.Seq(rapid.IntRange(1, last).Draw(rt, "seq"))
				p, err := s.Prove(t.Context(), seq)
				if err == nil {
					proofs = append(proofs, p)
				} else if !errors.Is(err, ErrRemoved) && !errors.Is(err, ErrUnavailable) {
					rt.Fatalf("proving entry %d: %v", seq, err)
				}
			},
			"retire": func(rt *rapid.T) {
				fail.Store(rapid.SampledFrom([]int32{0, 0, 0, 1, 2}).Draw(rt, "fail"))
				last := int(s.Last().Last)
				if last == 0 {
					return
				}
				before := olderThan(rapid.IntRange(0, last).Draw(rt, "before"))
				n, err := s.Retire(t.Context(), before, nothingToKeep)
				if err != nil && !errors.Is(err, broken) && !errors.Is(err, ErrUnavailable) {
					rt.Fatal(err)
				}
				fail.Store(0)
				note1()
				if n > 0 || err != nil {
					check()
				}
			},
			"open anew": func(rt *rapid.T) {
				fail.Store(0)
				if err := s.Close(); err != nil && !errors.Is(err, ErrUnavailable) {
					rt.Fatal(err)
				}
				if s, err = Open(t.Context(), o); err != nil {
					rt.Fatal(err)
				}
				note1()
			},
			"follow from the start": func(rt *rapid.T) {
				if s.Last().Last == 0 {
					return
				}
				tail := s.Follow(0, Filter{})
				got, err := tail.Next(t.Context())
				var lost *LostError
				if errors.As(err, &lost) {
					if lost.From != 1 {
						rt.Fatalf("lost from %d", lost.From)
					}
					got, err = tail.Next(t.Context())
					if err != nil || got[0].Seq != lost.To+1 {
						rt.Fatalf("after %d comes %v: %v", lost.To, got, err)
					}
				} else if err != nil || got[0].Seq != 1 {
					rt.Fatalf("%v", err)
				}
			},
		})
	})
}

// TestRetireAtAnyMoment: after each transaction of a removal, as a power cut would
// leave it, the copy opens, verifies, and the removal goes on.
func TestRetireAtAnyMoment(t *testing.T) {
	o := testOptions(t)
	o.tweak.block, o.tweak.noSync = 4, true
	var s *Store
	var copies []string
	var watch atomic.Bool
	o.tweak.afterCommit = func() error {
		if watch.Load() {
			copies = append(copies, copyOf(t, s))
		}
		return nil
	}
	s = openTest(t, o)
	for range 60 {
		append1(t, s, entry.Entry{Kind: entry.KindCalled})
	}
	held := sealed(t, s)
	watch.Store(true)
	if n, err := s.Retire(t.Context(), olderThan(50), nothingToKeep); n != 48 || err != nil {
		t.Fatalf("removed %d: %v", n, err)
	}
	watch.Store(false)
	if len(copies) < 5 {
		t.Fatalf("%d transactions", len(copies))
	}
	removed := int64(-1)
	for _, path := range copies {
		if r := mustVerify(t, path, held); r.Removed < removed {
			t.Errorf("%d are removed after %d were", r.Removed, removed)
		} else {
			removed = r.Removed
		}
		o := o
		o.Path, o.tweak.afterCommit = path, nil
		again := openTest(t, o)
		if _, err := again.Retire(t.Context(), olderThan(50), nothingToKeep); err != nil {
			t.Error(err)
		}
		if _, err := again.Get(t.Context(), 48); !errors.Is(err, ErrRemoved) {
			t.Errorf("entry 48: %v", err)
		}
		if _, err := again.Get(t.Context(), 49); err != nil {
			t.Errorf("entry 49: %v", err)
		}
	}
	if removed != 48 {
		t.Errorf("%d are removed at last", removed)
	}
}

// TestRetireIntoDamage: an old entry that is damaged stops its removal and has the file
// replaced; who appends in the same transaction is served nevertheless.
func TestRetireIntoDamage(t *testing.T) {
	o := closedJournal(t)
	s := openTest(t, o)
	first := s.Last().First
	overwrite(t, s, func(v *view) (int, []byte) { return entryAt(t, v, first+2) + 1, []byte{0xff, 0xff} })
	r := &retirement{first: first, to: 256, done: make(chan struct{})}
	s.q.mu.Lock()
	s.q.retire = r // and not a word of it to the committer, so that the append wakes it
	s.q.mu.Unlock()
	seq := append1(t, s, testDecision(newRand(1)))
	if <-r.done; !errors.Is(r.err, ErrDamaged) {
		t.Errorf("the removal: %v", r.err)
	}
	for s.Last().First != seq+1 {
		<-s.changed.wait()
	}
}

// TestRetireOfAReplacedFile: a removal that waits when the file is found damaged and is
// replaced removes nothing of the new one, nor is that taken for damaged in its turn:
// what is acknowledged in it stays.
func TestRetireOfAReplacedFile(t *testing.T) {
	o := closedJournal(t)
	s := openTest(t, o)
	first := s.Last().First
	r := &retirement{first: first, to: 256, done: make(chan struct{})}
	s.q.mu.Lock()
	s.q.retire, s.q.damage = r, damaged(uint64(first), "found by a reader")
	s.q.mu.Unlock()
	seq := append1(t, s, testDecision(newRand(1)))
	if <-r.done; !errors.Is(r.err, ErrUnavailable) {
		t.Errorf("the removal: %v", r.err)
	}
	append1(t, s, testDecision(newRand(2)))
	if e, err := s.Get(t.Context(), seq); err != nil || e.Seq != seq {
		t.Errorf("what was acknowledged is gone: %v", err)
	}
	aside, err := filepath.Glob(o.Path + ".damaged*")
	if err != nil || len(aside) != 1 {
		t.Errorf("set aside: %q %v", aside, err)
	}
}

// twoRemovals is a journal that is in the middle of one removal, with another one behind
// it. It goes on when goOn is closed.
func twoRemovals(t *testing.T) (s *Store, both []*retirement, goOn chan<- struct{}) {
	t.Helper()
	o := closedJournal(t)
	o.CheckpointEvery = time.Hour
	began, held := make(chan struct{}), make(chan struct{})
	var armed atomic.Bool
	o.tweak.beforeCommit = func() error {
		if armed.CompareAndSwap(true, false) {
			close(began)
			<-held
		}
		return nil
	}
	s = openTest(t, o)
	first := s.Last().First
	append1(t, s, entry.Entry{Kind: entry.KindRetired, About: first + 511})
	one, two := &retirement{first: first, to: 512, done: make(chan struct{})}, &retirement{first: first, to: 512, done: make(chan struct{})}
	armed.Store(true)
	if err := s.q.putRetirement(one); err != nil {
		t.Fatal(err)
	}
	<-began
	if err := s.q.putRetirement(two); err != nil {
		t.Fatal(err)
	}
	return s, []*retirement{one, two}, held
}

// TestRemovalsFollowEachOther: one that waits for another begins when that is done, though
// nobody appends.
func TestRemovalsFollowEachOther(t *testing.T) {
	_, both, goOn := twoRemovals(t)
	close(goOn)
	for _, r := range both {
		select {
		case <-r.done:
		case <-time.After(30 * time.Second):
			t.Fatal("it waits for somebody who appends")
		}
		if r.err != nil {
			t.Error(r.err)
		}
	}
}

// TestCloseEndsEveryRemoval: also one that waits for another to be done.
func TestCloseEndsEveryRemoval(t *testing.T) {
	s, both, goOn := twoRemovals(t)
	s.q.close()
	close(goOn)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, r := range both {
		select {
		case <-r.done:
		default:
			t.Error("who removes waits for ever")
		}
	}
}

// TestRemovedWithoutAWordIsFound: who removes old entries as the register would, or
// changes what is left of them, is found.
func TestRemovedWithoutAWordIsFound(t *testing.T) {
	_, verifier := testKey()
	tamper := func(t *testing.T, change func(*bbolt.Tx) error) *Report {
		t.Helper()
		s := aged(t, 8, 100)
		if _, err := s.Retire(t.Context(), olderThan(33), nothingToKeep); err != nil {
			t.Fatal(err)
		}
		path := copyOf(t, s)
		db, err := bbolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Update(change); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		r, err := Verify(t.Context(), path, []note.Verifier{verifier})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	flip := func(n uint64, at int) func(*bbolt.Tx) error {
		return func(tx *bbolt.Tx) error {
			b := tx.Bucket(bucketBlocks)
			raw := append([]byte(nil), b.Get(key(n))...)
			raw[at] ^= 1
			return b.Put(key(n), raw)
		}
	}
	for name, c := range map[string]struct {
		change func(*bbolt.Tx) error
		what   string
	}{
		"another hash of an entry":   {flip(1, 40), FoundHash},
		"another hash of all":        {flip(1, 2+8*32+3), FoundHash},
		"another hash above":         {flip(3, 2+9*32+3), FoundHash},
		"another number of entries":  {flip(1, 1), FoundMissing},
		"another version":            {flip(1, 0), FoundMissing},
		"no hashes of the last ones": {func(tx *bbolt.Tx) error { return tx.Bucket(bucketBlocks).Delete(key(3)) }, FoundMissing},
		"more than was said": {func(tx *bbolt.Tx) error {
			w := writer{header: header{First: 1, Block: 8}}
			_, err := w.retire(tx, 48)
			return err
		}, FoundMissing},
		"an entry beyond": {func(tx *bbolt.Tx) error { return tx.Bucket(bucketEntries).Delete(key(33)) }, FoundMissing},
	} {
		t.Run(name, func(t *testing.T) {
			r := tamper(t, c.change)
			found := false
			for _, f := range r.Findings {
				found = found || f.What == c.what
			}
			if r.OK || !found {
				t.Errorf("want a finding of %s: %+v", c.what, r)
			}
		})
	}
	if r := tamper(t, func(*bbolt.Tx) error { return nil }); !r.OK || r.Removed != 32 {
		t.Errorf("nothing was changed: %+v", r)
	}
}

// TestReachSaysHowFarBack a journal goes, before and after entries are removed.
func TestReachSaysHowFarBack(t *testing.T) {
	s := aged(t, 8, 100)
	whole, err := s.Reach(t.Context())
	if err != nil || whole.First != 1 || whole.Removed != 0 || whole.At.IsZero() {
		t.Fatalf("%+v: %v", whole, err)
	}
	if n, err := s.Retire(t.Context(), olderThan(33), nothingToKeep); err != nil || n != 32 {
		t.Fatal(n, err)
	}
	e, err := s.Get(t.Context(), 33)
	if err != nil {
		t.Fatal(err)
	}
	live, err := s.Reach(t.Context())
	if want := (Reach{First: 33, Removed: 32, At: e.Stamp.Time()}); err != nil || live != want {
		t.Errorf("it reaches back to %+v, want %+v: %v", live, want, err)
	}
	r, err := OpenReader(copyOf(t, s))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if copied, err := r.Reach(); err != nil || copied != live {
		t.Errorf("a copy reaches back to %+v, and the journal to %+v: %v", copied, live, err)
	}
}
