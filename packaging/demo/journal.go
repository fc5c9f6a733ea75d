package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"tillwarden/daemon/api"
)

// journal follows the register's journal over the technician's socket and
// keeps all entries, so that each step can be held against them.
type journal struct {
	mu      sync.Mutex
	entries []api.Entry   // guarded by mu
	news    chan struct{} // closed and replaced with every entry; guarded by mu
	stop    context.CancelFunc
	ended   chan struct{}
}

func newJournal() *journal { return &journal{news: make(chan struct{})} }

// follow goes on after the last entry, until the daemon ends.
func (j *journal) follow(c *api.Client) {
	ctx, stop := context.WithCancel(context.Background())
	j.stop, j.ended = stop, make(chan struct{})
	go func(ended chan struct{}) {
		defer close(ended)
		for ctx.Err() == nil {
			q := api.JournalStream{Follow: true, Filter: api.Filter{After: j.last()}}
			_ = c.JournalStream(ctx, q, func(e *api.Entry, _ []byte) error {
				j.mu.Lock()
				defer j.mu.Unlock()
				if n := len(j.entries); n > 0 && e.Seq <= j.entries[n-1].Seq {
					return nil
				}
				j.entries = append(j.entries, *e)
				close(j.news)
				j.news = make(chan struct{})
				return nil
			})
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond): // the daemon is gone, or ended the stream
			}
		}
	}(j.ended)
}

// close ends following.
func (j *journal) close() {
	if j.stop != nil {
		j.stop()
		<-j.ended
	}
}

// last is the number of the last entry seen.
func (j *journal) last() api.Seq {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.entries) == 0 {
		return 0
	}
	return j.entries[len(j.entries)-1].Seq
}

// all gives the entries after one.
func (j *journal) all(after api.Seq) []api.Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	var list []api.Entry
	for _, e := range j.entries {
		if e.Seq > after {
			list = append(list, e)
		}
	}
	return list
}

// await waits for an entry after one that matches.
func (j *journal) await(ctx context.Context, what string, after api.Seq, match func(*api.Entry) bool) (*api.Entry, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		j.mu.Lock()
		news := j.news
		j.mu.Unlock()
		list := j.all(after)
		for i := range list {
			if match(&list[i]) {
				return &list[i], nil
			}
		}
		select {
		case <-news:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-timer.C:
			return nil, fmt.Errorf("the journal has no entry %q within %s; it has: %s", what, patience, summary(list))
		}
	}
}

// none wants that no entry after one matches.
func (j *journal) none(what string, after api.Seq, match func(*api.Entry) bool) error {
	for _, e := range j.all(after) {
		if match(&e) {
			return fmt.Errorf("the journal has an entry %q that should not be there: %s", what, summary([]api.Entry{e}))
		}
	}
	return nil
}

func summary(list []api.Entry) string {
	if len(list) == 0 {
		return "nothing"
	}
	text := ""
	for _, e := range list {
		text += fmt.Sprintf("\n  %d %s %s %s %s %s %s", e.Seq, e.Kind, e.Outcome, e.Operator, e.Function, e.Reason, e.Text)
	}
	return text
}

// is matches a kind and an outcome ("" for any).
func is(kind, outcome string) func(*api.Entry) bool {
	return func(e *api.Entry) bool { return e.Kind == kind && (outcome == "" || e.Outcome == outcome) }
}

// because matches a kind, an outcome and a reason.
func because(kind, outcome, reason string) func(*api.Entry) bool {
	return func(e *api.Entry) bool { return is(kind, outcome)(e) && e.Reason == reason }
}

// on matches a decision on a function with an outcome.
func on(function, outcome string) func(*api.Entry) bool {
	return func(e *api.Entry) bool { return is("decision", outcome)(e) && e.Function == function }
}
