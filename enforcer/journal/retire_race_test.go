package journal

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"tillwarden/enforcer/journal/entry"
)

// TestRetireBesideAppends: several who append and several who remove, while transactions
// fail before and after they are written: what was acknowledged is there, or was removed
// with a word of it, and nothing in the file is wrong.
func TestRetireBesideAppends(t *testing.T) {
	o := testOptions(t)
	o.tweak.block, o.tweak.noSync = 4, true
	var faults atomic.Int32
	var count atomic.Uint32
	fault := func(kind int32) func() error {
		return func() error {
			if faults.Load() == kind && count.Add(1)%5 == 0 {
				return errInjected
			}
			return nil
		}
	}
	o.tweak.beforeCommit, o.tweak.afterCommit = fault(1), fault(2)
	s := openTest(t, o)
	var acked sync.Map // entry.Seq to the subject
	var ended sync.WaitGroup
	stop := make(chan struct{})
	for w := range 3 {
		ended.Go(func() {
			r := newRand(uint64(w))
			for i := range 300 {
				e := testDecision(r)
				e.Source, e.Count = "", uint64(w*1000+i+1)
				seqs, err := s.Append(t.Context(), true, e)
				if err == nil {
					acked.Store(seqs[0], e.Count)
				} else if !errors.Is(err, errInjected) && !errors.Is(err, ErrUnavailable) {
					t.Error(err)
				}
			}
		})
	}
	var removers sync.WaitGroup
	for w := range 2 {
		removers.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 1))
			for {
				select {
				case <-stop:
					return
				default:
				}
				faults.Store(int32(r.IntN(3)))
				_, _ = s.Checkpoint(t.Context())
				_, err := s.Retire(t.Context(), olderThan(r.IntN(int(s.Last().Last)+1)), nothingToKeep)
				if err != nil && !errors.Is(err, errInjected) && !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrBusy) {
					t.Error(err)
				}
			}
		})
	}
	ended.Wait()
	close(stop)
	removers.Wait()
	faults.Store(0)
	append1(t, s, entry.Entry{Kind: entry.KindCalled})
	n := 0
	acked.Range(func(seq, count any) bool {
		e, err := s.Get(t.Context(), seq.(entry.Seq))
		switch {
		case errors.Is(err, ErrRemoved):
		case err != nil || e.Count != count.(uint64):
			t.Errorf("entry %d: %v, %d", seq, err, e.Count)
		}
		n++
		return true
	})
	if n == 0 {
		t.Error("nothing was acknowledged")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := Verify(t.Context(), o.Path, []note.Verifier{})
	if err != nil {
		t.Fatal(err)
	}
	if !r.OK {
		t.Errorf("%v %+v", err, r)
	}
}
