package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/journal"
	"tillwarden/enforcer/journal/entry"
)

// copiedJournal is a copy of a journal's file. What it says is the file's
// word: journal verify says what that is worth.
type copiedJournal struct {
	r      *journal.Reader
	filter journal.Filter
}

func openCopy(path string, f api.Filter) (*copiedJournal, error) {
	filter, err := nativeFilter(f)
	if err != nil {
		return nil, err
	}
	r, err := openReader(path)
	if err != nil {
		return nil, err
	}
	return &copiedJournal{r: r, filter: filter}, nil
}

// distinctCopies refuses two copies of one journal: what is in both would be counted
// twice, and a report of people that counts twice accuses them.
func distinctCopies(paths []string) error {
	if len(paths) < 2 {
		return nil
	}
	of := map[string]string{}
	for _, path := range paths {
		head, err := copyHead(path)
		if err != nil {
			return err
		}
		if other, is := of[head.Origin]; is {
			return usagef("%s and %s are copies of the same journal: what is in both would be counted twice", other, path).
				hint("name the later one alone")
		}
		of[head.Origin] = path
	}
	return nil
}

// copyHead is what a copy says of itself.
func copyHead(path string) (journal.Head, error) {
	file, err := openReader(path)
	if err != nil {
		return journal.Head{}, err
	}
	defer file.Close()
	head, err := file.Last()
	return head, damaged(err)
}

// openReader opens a copy of a journal's file, or says what to do.
func openReader(path string) (*journal.Reader, error) {
	r, err := journal.OpenReader(path)
	switch {
	case err == nil:
		return r, nil
	case (errors.Is(err, journal.ErrDamaged) || errors.Is(err, journal.ErrNotJournal)) && isJSON(path):
		return nil, failedf("%s: this is no journal, but text", path).
			hint("tillwarden journal export writes such; what is read here is a copy of the register's journal.db")
	}
	return nil, copyError(err)
}

// isJSON reports whether a file begins as an export does; no journal's does.
func isJSON(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var first [1]byte
	_, err = f.Read(first[:])
	return err == nil && first[0] == '{'
}

// copyError says what to do about a copy that cannot be read.
func copyError(err error) error {
	f := failedf("%w", err)
	switch {
	case errors.Is(err, journal.ErrInUse):
		return f.hint("leave --file out to ask the daemon, or copy the file with cp and read the copy")
	case errors.Is(err, journal.ErrDamaged):
		return f.hint("tillwarden journal verify says what is wrong with it")
	}
	return f
}

// nativeFilter is the interface's filter as the journal itself has it.
func nativeFilter(f api.Filter) (journal.Filter, error) {
	n := journal.Filter{
		Operator: f.Operator, Approver: f.Approver, Source: f.Source, Function: f.Function,
		After: entry.Seq(f.After), Before: entry.Seq(f.Before),
	}
	if f.From != nil {
		n.From = *f.From
	}
	if f.To != nil {
		n.To = *f.To
	}
	var err error
	if f.Outcome != "" {
		if n.Outcome, err = entry.ParseOutcome(f.Outcome); err != nil {
			return n, err
		}
	}
	if f.Kind != "" {
		if n.Kind, err = entry.ParseKind(f.Kind); err != nil {
			return n, err
		}
	}
	return n, nil
}

func (c *copiedJournal) close() { _ = c.r.Close() }

func (c *copiedJournal) each(ctx context.Context, f func(*api.Entry, []byte) error) error {
	err := c.r.Each(ctx, c.filter, func(e *entry.Entry) error {
		words := api.Words(e)
		line, err := json.Marshal(words)
		if err != nil {
			return err
		}
		return f(&words, line)
	})
	return damaged(err)
}

func (c *copiedJournal) latest(ctx context.Context, n int) ([]api.Entry, error) {
	var list []api.Entry
	f := c.filter
	f.Reverse = true
	for len(list) < n {
		f.Limit = min(n-len(list), journal.MaxLimit)
		page, next, err := c.r.Query(ctx, f)
		if err != nil {
			return nil, damaged(err)
		}
		for i := range page {
			list = append(list, api.Words(&page[i]))
		}
		if next == 0 {
			break
		}
		f = f.Continue(next)
	}
	slices.Reverse(list)
	return list, nil
}

func (c *copiedJournal) follow(context.Context, api.Seq, func(*api.Entry, []byte) error) error {
	return nil // nothing is added to a copy
}

func (c *copiedJournal) get(_ context.Context, seq api.Seq) (*api.Entry, error) {
	e, err := c.r.Get(entry.Seq(seq))
	if errors.Is(err, journal.ErrNotFound) {
		last, err := c.r.Last()
		if err != nil {
			return nil, damaged(err)
		}
		return nil, noEntry(seq, api.Seq(last.Last))
	}
	if err != nil {
		return nil, damaged(err)
	}
	words := api.Words(&e)
	return &words, nil
}

func (c *copiedJournal) prove(_ context.Context, seq api.Seq) ([]byte, error) {
	p, err := c.r.Prove(entry.Seq(seq))
	if err != nil {
		last, lastErr := c.r.Last()
		if lastErr != nil {
			return nil, damaged(lastErr)
		}
		return nil, proofError(entry.Seq(seq), last.Last, err)
	}
	return p.Marshal(), nil
}

// damaged adds what to do about damage that is met while reading.
func damaged(err error) error {
	if errors.Is(err, journal.ErrDamaged) {
		return copyError(err)
	}
	return err
}

var _ = []journalSource{(*copiedJournal)(nil), (*liveJournal)(nil)}
