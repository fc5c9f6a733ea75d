package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"tillwarden/daemon/api"
)

// journalSource is where entries are read: the daemon's journal, or a copy.
type journalSource interface {
	// each gives every entry that the filter selects, oldest first, with its JSON line.
	each(ctx context.Context, f func(e *api.Entry, line []byte) error) error
	// latest gives the latest n, oldest first.
	latest(ctx context.Context, n int) ([]api.Entry, error)
	// follow gives entries after one as they are written, until ctx ends.
	follow(ctx context.Context, after api.Seq, f func(e *api.Entry, line []byte) error) error
	get(ctx context.Context, seq api.Seq) (*api.Entry, error)
	// prove gives the text of a proof of one entry.
	prove(ctx context.Context, seq api.Seq) ([]byte, error)
	close()
}

func (a *app) journalSource(ctx context.Context, j *journalFlags) (journalSource, error) {
	filter, err := j.filter(time.Now())
	if err != nil {
		return nil, err
	}
	if j.file != "" {
		if j.given() {
			return nil, usagef("--as and --file: a copy needs no operator")
		}
		return openCopy(j.file, filter)
	}
	by, err := a.credentials(j.actor)
	if err != nil {
		return nil, err
	}
	client, err := a.dialFor(ctx, j.actor)
	if err != nil {
		wipe(by)
		return nil, err
	}
	return &liveJournal{client: client, by: by, filter: filter}, nil
}

// liveJournal is the daemon's.
type liveJournal struct {
	client *api.Client
	by     *api.Credentials
	filter api.Filter
}

func (l *liveJournal) close() {
	wipe(l.by)
	l.client.Close()
}

func (l *liveJournal) each(ctx context.Context, f func(*api.Entry, []byte) error) error {
	return l.client.JournalStream(ctx, api.JournalStream{By: l.by, Filter: l.filter}, f)
}

// maxPage is the most that the daemon gives at once.
const maxPage = 1000

func (l *liveJournal) latest(ctx context.Context, n int) ([]api.Entry, error) {
	var list []api.Entry
	q := api.JournalQuery{By: l.by, Filter: l.filter, Reverse: true}
	for {
		q.Limit = min(n-len(list), maxPage)
		page, err := l.client.Journal(ctx, q)
		if err != nil {
			return nil, err
		}
		list = append(list, page.Entries...)
		if len(list) >= n || page.Next == "" {
			slices.Reverse(list)
			return list, nil
		}
		q.Cursor = page.Next
	}
}

func (l *liveJournal) follow(ctx context.Context, after api.Seq, f func(*api.Entry, []byte) error) error {
	filter := l.filter
	filter.After = max(filter.After, after)
	lost := false
	for {
		err := l.client.JournalStream(ctx, api.JournalStream{By: l.by, Filter: filter, Follow: true}, func(e *api.Entry, line []byte) error {
			lost = false
			filter.After = e.Seq
			return f(e, line)
		})
		var gone *api.Error
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil, errors.As(err, &gone) && gone.Code == api.CodeUnreachable:
			// The daemon stopped: wait for it.
			lost = true
		default:
			return err
		}
		if lost && !pause(ctx, time.Second) {
			return nil
		}
	}
}

func (l *liveJournal) get(ctx context.Context, seq api.Seq) (*api.Entry, error) {
	page, err := l.client.Journal(ctx, api.JournalQuery{
		By: l.by, Filter: api.Filter{After: seq - 1, Before: seq + 1}, Limit: 1,
	})
	if err != nil {
		return nil, err
	}
	if len(page.Entries) == 0 {
		return nil, noEntry(seq, page.Last)
	}
	return &page.Entries[0], nil
}

func (l *liveJournal) prove(ctx context.Context, seq api.Seq) ([]byte, error) {
	p, err := l.client.Prove(ctx, api.ProveRequest{By: l.by, Seq: seq})
	if err != nil {
		return nil, err
	}
	return []byte(p.Text), nil
}

func noEntry(seq, last api.Seq) error {
	if seq <= last {
		return refusedf("entry %d is not in this journal", seq).hint("it was removed as older than what is kept, or is in an earlier file")
	}
	return refusedf("there is no entry %d", seq).hint("the last one is %d", last)
}
