package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"tillwarden/enforcer/journal/entry"
)

// TestGroupCommit lets many write at once: every entry gets a number of its
// own, numbers of one Append follow one another, one writer's grow, and what
// is stored under a number is what was written. Readers run beside it.
func TestGroupCommit(t *testing.T) {
	o := testOptions(t)
	o.CheckPause = 1
	s := openTest(t, o)
	const writers, each = 32, 30
	var mu sync.Mutex
	got := map[entry.Seq]string{}
	ctx, cancel := context.WithCancel(t.Context())
	var readers, wg sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for ctx.Err() == nil {
				if _, _, err := s.Query(ctx, Filter{Operator: "1001", Reverse: true}); err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for w := range writers {
		wg.Go(func() {
			last := entry.Seq(0)
			for i := range each {
				es := make([]entry.Entry, 1+i%3)
				for j := range es {
					es[j] = entry.Entry{Kind: entry.KindCalled, Operator: "1001", Text: fmt.Sprintf("%d/%d/%d", w, i, j)}
				}
				seqs, err := s.Append(t.Context(), w%2 == 0, es...)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for j, seq := range seqs {
					if seq != seqs[0]+entry.Seq(j) || seq <= last || got[seq] != "" {
						t.Errorf("numbers %v after %d", seqs, last)
					}
					got[seq] = es[j].Text
				}
				mu.Unlock()
				last = seqs[len(seqs)-1]
				if es[0].Seq != 0 {
					t.Error("the caller's entry was changed")
				}
			}
		})
	}
	wg.Wait()
	cancel()
	readers.Wait()
	if last := s.Last().Last; int(last) != len(got) {
		t.Errorf("%d numbers were given, the last is %d", len(got), last)
	}
	err := s.Replay(t.Context(), Filter{}, func(e entry.Entry) error {
		if got[e.Seq] != e.Text {
			return fmt.Errorf("entry %d is %q, was written as %q", e.Seq, e.Text, got[e.Seq])
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestCancelWhileQueued cancels an append that the committer has not taken
// yet: it is not written. One that was taken is waited for.
func TestCancelWhileQueued(t *testing.T) {
	o := testOptions(t)
	entered, release := make(chan struct{}), make(chan struct{})
	hold := false
	o.tweak.beforeCommit = func() error {
		if hold {
			hold = false
			entered <- struct{}{}
			<-release
		}
		return nil
	}
	s := openTest(t, o)
	append1(t, s, entry.Entry{Kind: entry.KindCalled})
	hold = true
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var taken error
	wg.Go(func() { _, taken = s.Append(ctx, true, entry.Entry{Kind: entry.KindCalled, Text: "taken"}) })
	<-entered
	queued, cancelQueued := context.WithCancel(t.Context())
	var waiting error
	var wg2 sync.WaitGroup
	wg2.Go(func() { _, waiting = s.Append(queued, true, entry.Entry{Kind: entry.KindCalled, Text: "waiting"}) })
	for { // until it stands in the queue
		s.q.mu.Lock()
		n := len(s.q.requests)
		s.q.mu.Unlock()
		if n == 1 {
			break
		}
	}
	cancelQueued()
	cancel()
	wg2.Wait()
	if !errors.Is(waiting, context.Canceled) {
		t.Errorf("the queued append: %v", waiting)
	}
	release <- struct{}{}
	wg.Wait()
	if taken != nil {
		t.Errorf("the append that was taken: %v", taken)
	}
	if seq := append1(t, s, entry.Entry{Kind: entry.KindCalled}); seq != 3 {
		t.Errorf("the next entry is %d: what was cancelled was written", seq)
	}
}

// TestAppendRefuses is what Append does not take.
func TestAppendRefuses(t *testing.T) {
	o := testOptions(t)
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Append(ctx, true, entry.Entry{Kind: entry.KindCalled}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := s.Append(t.Context(), true, entry.Entry{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("no kind: %v", err)
	}
	if _, err := s.Append(t.Context(), true, make([]entry.Entry, MaxAppend+1)...); !errors.Is(err, ErrInvalid) {
		t.Errorf("too many: %v", err)
	}
	if seqs, err := s.Append(t.Context(), true); err != nil || seqs != nil {
		t.Errorf("none: %v %v", seqs, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), true, entry.Entry{Kind: entry.KindCalled}); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if _, err := s.Get(t.Context(), 1); !errors.Is(err, ErrClosed) {
		t.Errorf("get after close: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}

// TestAnyTextIsJournaled appends what nobody should write: it is cut and
// mended, never refused.
func TestAnyTextIsJournaled(t *testing.T) {
	s := openTest(t, testOptions(t))
	long := string(make([]byte, 5000))
	bad := "a\xff\xfe" + long
	groups := make([]string, 500)
	for i := range groups {
		groups[i] = bad
	}
	e := entry.Entry{
		Kind: 60000, Operator: bad, Person: bad, Function: bad, Source: bad, Device: bad, Drawer: bad, Claimant: bad, Subject: bad, Text: bad,
		WorkGroups: groups, Digest: make([]byte, 9999), Rule: &entry.Rule{WorkGroup: bad, Function: bad, Mark: bad},
		Approval: &entry.Approval{Operator: bad, Person: bad}, Outcome: 250, Reason: 60000, Method: 200, Purpose: 200,
	}
	for range 300 { // enough for an index block
		append1(t, s, e)
	}
	got, err := s.Get(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Operator) > maxIndexed || got.Operator[:4] != "a\uFFFD" || len(got.WorkGroups) != maxWorkGroups || e.Operator != bad {
		t.Errorf("%q", got.Operator)
	}
	page, _, err := s.Query(t.Context(), Filter{Operator: got.Operator, Function: got.Function, Kind: 60000, Outcome: 250})
	if err != nil || len(page) != DefaultLimit {
		t.Errorf("%d rows, %v", len(page), err)
	}
}

// TestFollow reads along, from the past into the future, and after a damaged
// file was replaced learns what it missed.
func TestFollow(t *testing.T) {
	o := testOptions(t)
	s := openTest(t, o)
	for i := range 200 {
		append1(t, s, entry.Entry{Kind: entry.KindCalled, Operator: fmt.Sprint(i % 2)})
	}
	tail := s.Follow(10, Filter{Operator: "1"})
	want := entry.Seq(12)
	read := func(until entry.Seq) {
		t.Helper()
		for want <= until {
			es, err := tail.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range es {
				if e.Seq != want {
					t.Fatalf("entry %d, want %d", e.Seq, want)
				}
				want += 2
			}
		}
	}
	read(200)
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 100 {
			append1(t, s, entry.Entry{Kind: entry.KindCalled, Operator: fmt.Sprint(i % 2)})
		}
	})
	read(300)
	wg.Wait()
	if tail.After() != 300 {
		t.Errorf("after is %d", tail.After())
	}
	ctx, cancel := context.WithCancel(t.Context())
	wg.Go(func() {
		if _, err := tail.Next(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	})
	cancel()
	wg.Wait()

	s.q.reportDamage(damaged(0, "as the background check would say"))
	for s.Last().First == 1 {
		<-s.changed.wait()
	}
	append1(t, s, entry.Entry{Kind: entry.KindCalled})
	behind := s.Follow(290, Filter{})
	_, err := behind.Next(t.Context())
	var lost *LostError
	if !errors.As(err, &lost) || lost.From != 291 || lost.To != 300 {
		t.Fatalf("%v", err)
	}
	es, err := behind.Next(t.Context())
	if err != nil || es[0].Seq != 301 || es[0].Kind != entry.KindRecovered {
		t.Errorf("%+v %v", es, err)
	}
}

// TestFollowEnds closes the journal under somebody who follows it.
func TestFollowEnds(t *testing.T) {
	s, err := Open(t.Context(), testOptions(t))
	if err != nil {
		t.Fatal(err)
	}
	tail := s.Follow(1<<40, Filter{}) // a number from elsewhere
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := tail.Next(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
}
