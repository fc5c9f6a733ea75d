package printer

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func begin() error { return nil }

// TestTap: what the POS sends is heard as it came, by one at a time, and by
// nobody before it may be.
func TestTap(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	no := errors.New("no")
	if err := r.Tap(t.Context(), func() error { return no }, nil); !errors.Is(err, no) {
		t.Fatalf("it listened all the same: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ready, done := make(chan struct{}), make(chan error, 1)
	sent := "Milk\n\x1bp\x00\x19\xfa" // the kick as well
	whole := make(chan struct{}, 2)
	var heard strings.Builder
	var jobs []int
	go func() {
		done <- r.Tap(ctx, func() error { close(ready); return nil }, func(p Tapped) error {
			heard.Write(p.Bytes)
			if len(jobs) == 0 || jobs[len(jobs)-1] != p.Job {
				jobs = append(jobs, p.Job)
			}
			switch heard.String() {
			case sent:
				whole <- struct{}{}
			case sent + "end\n":
				whole <- struct{}{}
				cancel()
			}
			return nil
		})
	}()
	<-ready
	if err := r.Tap(ctx, begin, nil); !errors.Is(err, ErrTapped) {
		t.Errorf("a second one listens: %v", err)
	}
	for _, job := range []string{sent, "end\n"} { // what follows at once may be read as of one job
		pos := r.pos()
		if _, err := pos.WriteString(job); err != nil {
			t.Fatal(err)
		}
		if err := pos.Close(); err != nil {
			t.Fatal(err)
		}
		<-whole
		eventually(t, "the guard has seen it go", func() bool {
			r.Guard.mu.Lock()
			defer r.Guard.mu.Unlock()
			return r.away
		})
	}
	if err := <-done; !errors.Is(err, context.Canceled) || heard.String() != sent+"end\n" {
		t.Errorf("%q, %v", heard.String(), err)
	}
	if len(jobs) != 2 || jobs[1] != jobs[0]+1 {
		t.Errorf("jobs %v", jobs)
	}
	ctx, cancel = context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := r.Tap(ctx, begin, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after it ended: %v", err)
	}
}

// TestTapIsBounded: who does not take what he listens to loses it, in one place,
// and hears how much.
func TestTapIsBounded(t *testing.T) {
	g := &Guard{tap: &tap{first: 3}}
	piece := make([]byte, 512)
	for range maxTapped / 512 {
		g.tapped(piece, 3, 0)
	}
	if n := testing.AllocsPerRun(10, func() { g.tapped(piece, 4, time.Second) }); n != 0 {
		t.Errorf("%v allocations where there is no room", n)
	}
	g.tapped([]byte("x"), 5, time.Second)
	last := g.tap.pieces[len(g.tap.pieces)-1]
	if len(g.tap.pieces) != maxTapped/512+1 || last.Lost != 11*512+1 || last.Job != 2 || last.Bytes != nil {
		t.Errorf("%d pieces, the last %+v", len(g.tap.pieces), last)
	}
}
