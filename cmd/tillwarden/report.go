package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/journal"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy/source"
	"tillwarden/enforcer/report"
	"tillwarden/enforcer/week"
)

func (a *app) reportCommand() *cobra.Command {
	c := a.group("report", "who did what, and whose figures differ from their peers'",
		`  tillwarden report activity --by function --since 2026-03-01
  tillwarden report activity --by operator --operator 101 --since 24h
  tillwarden report exceptions --hours "mon-sat 08:00-21:00" --since 2026-03-01
  tillwarden report opens --day 2026-03-02`,
		a.reportActivityCommand(), a.reportExceptionsCommand(), a.reportOpensCommand())
	c.Long = `Reports of the journal: this register's, or with --file copies of one or of several
registers' journals, which are then one report. At the console's socket an
operator who may read the journal is named with --as.

A report is where to begin to look. It proves nothing of anybody.`
	return c
}

// reportFlags are what all reports share.
type reportFlags struct {
	actor
	files []string
	csv   bool
}

func (r *reportFlags) add(c *cobra.Command) {
	asFlag(c, &r.actor)
	c.Flags().StringArrayVar(&r.files, "file", nil, "read this copy of a journal, not the daemon's; may be given more than once")
	c.Flags().BoolVar(&r.csv, "csv", false, "print CSV, for spreadsheets")
}

// check looks at what cannot be wanted together.
func (r *reportFlags) check(a *app) error {
	switch {
	case r.csv && a.json:
		return usagef("--csv and --json: one of them")
	case len(r.files) > 0 && r.given():
		return usagef("--as and --file: a copy needs no operator")
	}
	return distinctCopies(r.files)
}

func readCopy(ctx context.Context, path string, f journal.Filter, add func(*entry.Entry) error) error {
	file, err := openReader(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return damaged(file.Each(ctx, f, add))
}

// copyReach is how far back a copy goes.
func copyReach(path string) (journal.Reach, error) {
	file, err := openReader(path)
	if err != nil {
		return journal.Reach{}, err
	}
	defer file.Close()
	reach, err := file.Reach()
	return reach, damaged(err)
}

// collector is what all reports are.
type collector interface {
	Begins(from time.Time, first entry.Seq, at time.Time, removed int64)
	Add(*entry.Entry)
	NextJournal()
}

// collect makes a report of copies, one after the other.
func (r *reportFlags) collect(ctx context.Context, f journal.Filter, into collector) error {
	for i, path := range r.files {
		if i > 0 {
			into.NextJournal()
		}
		reach, err := copyReach(path)
		if err != nil {
			return err
		}
		into.Begins(f.From, reach.First, reach.At, reach.Removed)
		if err := readCopy(ctx, path, f, func(e *entry.Entry) error { into.Add(e); return nil }); err != nil {
			return err
		}
	}
	return nil
}

// printReport prints a report as it is wanted: as JSON, as CSV, or for people.
func printReport[T any](a *app, r *reportFlags, res T, p *report.Period, asCSV, show func(T) error) error {
	switch {
	case a.json:
		return a.printJSON(res)
	case r.csv:
		sayLacks(p, time.Local, a.note) // rows are of figures alone
		return asCSV(res)
	}
	return show(res)
}

// periodFlags are the part of the journal that is wanted.
type periodFlags struct{ since, until string }

func (p *periodFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&p.since, "since", "", "entries from this `time` on: 24h (ago), 15:04, 2006-01-02, \"2006-01-02 15:04\", or RFC 3339")
	c.Flags().StringVar(&p.until, "until", "", "entries before this `time`")
}

func (p *periodFlags) times(now time.Time) (from, to *time.Time, err error) {
	for _, t := range []struct {
		flag, text string
		into       **time.Time
	}{{"--since", p.since, &from}, {"--until", p.until, &to}} {
		if t.text == "" {
			continue
		}
		when, err := parseTime(t.text, now)
		if err != nil {
			return nil, nil, usagef("%s: %w", t.flag, err).hint(`as 24h (ago), 15:04 (today), 2006-01-02, "2006-01-02 15:04", or 2006-01-02T15:04:05Z`)
		}
		*t.into = &when
	}
	if from != nil && to != nil && !from.Before(*to) {
		return nil, nil, usagef("--since %s is not before --until %s", p.since, p.until)
	}
	return from, to, nil
}

// hoursFlag is the store's hours.
func hoursFlag(c *cobra.Command, hours *string) {
	c.Flags().StringVar(hours, "hours", "", "the store's `hours`: \"08:00-21:00\", or \"mon-sat 08:00-21:00, sun 10:00-18:00\"")
}

func parseHours(text string) (h week.Hours, err error) {
	if text == "" {
		return h, nil
	}
	if h, err = week.ParseHours(text); err != nil {
		return h, usagef("--hours: %w", err)
	}
	return h, nil
}

// presetNames are the names of the shipped catalogue's functions, for copies of
// journals, which have the keys alone.
func presetNames() map[string]string {
	names := map[string]string{}
	if c, err := presetPolicy(); err == nil {
		for _, f := range c.Functions() {
			names[f.Key] = f.Name
		}
	}
	return names
}

// likeFunction is the shipped catalogue's function that was perhaps meant; empty where
// the name is one of it, or like none.
func likeFunction(name string) string {
	names := presetNames()
	if _, is := names[name]; is {
		return ""
	}
	return source.Closest(name, slices.Sorted(maps.Keys(names)))
}

// noteUnknownFunction says what was perhaps meant by a name that nothing was found of.
func (a *app) noteUnknownFunction(name string) {
	if near := likeFunction(name); near != "" && !a.json {
		a.note("hint: is %s meant?", near)
	}
}

// csvRows writes rows as RFC 4180 has them, with cells for spreadsheets.
func (a *app) csvRows(rows [][]string) error {
	w := csv.NewWriter(a.out)
	for _, row := range rows {
		spreadsheet(row)
	}
	if err := w.WriteAll(rows); err != nil {
		return failedf("writing the report: %w", err)
	}
	return nil
}

// spreadsheet puts an apostrophe before each cell that a spreadsheet would take for
// a formula, and could be told by it to fetch or run something: what people typed,
// as a reason, is in some cells (OWASP, CSV Injection). Numbers stay.
func spreadsheet(row []string) {
	for i, cell := range row {
		first, _ := utf8.DecodeRuneInString(cell)
		if !strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) {
			continue
		}
		if _, err := strconv.ParseFloat(cell, 64); err != nil {
			row[i] = "'" + cell
		}
	}
}

// sayPeriod says what a report was made of.
func (a *app) sayPeriod(p *report.Period, zone *time.Location) {
	if p.Entries == 0 {
		a.say("no entries")
	} else {
		of := ""
		if p.Journals > 1 {
			of = fmt.Sprintf(" of %d journals", p.Journals)
		}
		a.say("%s to %s, %s%s", p.First.In(zone).Format(minutes), p.Last.In(zone).Format(minutes), count(int(p.Entries), "entry"), of)
	}
	sayLacks(p, zone, a.say)
}

// minutes is how a moment is written below a report.
const minutes = "2006-01-02 15:04"

// sayLacks says what a report is not made of, though it was asked for.
func sayLacks(p *report.Period, zone *time.Location, say func(format string, args ...any)) {
	for _, l := range p.Lacks {
		of := ""
		if p.Journals > 1 {
			of = fmt.Sprintf(" in journal %d", l.Journal)
		}
		say("not in it: what was before %s%s", l.Before.In(zone).Format(minutes), of)
		if l.Removed > 0 {
			say("  removed, as older than what is kept: %s", count(int(l.Removed), "entry"))
		}
		if l.Earlier() {
			say("  in an earlier file: entries with numbers below %d", int64(l.First)-l.Removed)
		}
	}
}

// act is one entry of a list of acts, with its JSON line where one is wanted.
type act struct {
	journal int // which of those that are read, from 1
	e       api.Entry
	line    []byte
}

// acts gives the acts of a filter in order of time: the daemon's, or of copies. An
// operator's are also what the operator approved of others'. The period that it
// returns says of what there is nothing to read any more, and nothing else.
func (a *app) acts(ctx context.Context, r *reportFlags, q api.JournalStream, f func(act) error) (of report.Period, err error) {
	q.Acts = true
	of.Journals = max(len(r.files), 1)
	if len(r.files) == 0 {
		err = a.as(ctx, r.actor, func(c *api.Client, by *api.Credentials) error {
			q.By = by
			var err error
			if of.Lacks, err = liveLacks(ctx, c, by, q.From); err != nil {
				return err
			}
			return withApprovals(q, func(q api.JournalStream, f func(e *api.Entry, line []byte) error) error {
				return c.JournalStream(ctx, q, f)
			}, func(e *api.Entry, line []byte) error { return f(act{1, *e, line}) })
		})
		return of, err
	}
	var from time.Time
	if q.From != nil {
		from = *q.From
	}
	var next []func() (act, error, bool)
	var heads []act
	for i, path := range r.files {
		reach, err := copyReach(path)
		if err != nil {
			return of, err
		}
		of.Begins(i+1, from, reach.First, reach.At, reach.Removed)
		pull, stop := iter.Pull2(a.copiedActs(ctx, path, i+1, q))
		defer stop()
		switch head, err, ok := pull(); {
		case err != nil:
			return of, err
		case ok:
			next, heads = append(next, pull), append(heads, head)
		}
	}
	for len(heads) > 0 {
		i := 0
		for k := range heads {
			if heads[k].e.Time.Before(heads[i].e.Time) {
				i = k
			}
		}
		if err := f(heads[i]); err != nil {
			return of, err
		}
		switch head, err, ok := next[i](); {
		case err != nil:
			return of, err
		case ok:
			heads[i] = head
		default:
			next, heads = slices.Delete(next, i, i+1), slices.Delete(heads, i, i+1)
		}
	}
	return of, nil
}

// liveLacks says whether this register's journal goes back as far as is asked. The
// daemon says so in its reports: here in one of nothing.
func liveLacks(ctx context.Context, c *api.Client, by *api.Credentials, from *time.Time) ([]report.Lack, error) {
	before := time.Unix(0, 0)
	nothing, err := c.ActivityReport(ctx, api.ReportRequest{By: by, From: from, To: &before})
	if err != nil {
		return nil, err
	}
	return nothing.Period.Lacks, nil
}

// copiedActs are the acts of one copy, in the order of its entries.
func (a *app) copiedActs(ctx context.Context, path string, journal int, q api.JournalStream) iter.Seq2[act, error] {
	wanted := report.Act
	if q.Keyword != "" {
		wanted = report.NewKeyword(q.Keyword, presetNames()).Match
	}
	return func(yield func(act, error) bool) {
		err := withApprovals(q, func(q api.JournalStream, f func(e *api.Entry, line []byte) error) error {
			filter, err := nativeFilter(q.Filter)
			if err != nil {
				return err
			}
			return readCopy(ctx, path, filter, func(e *entry.Entry) error {
				if !wanted(e) {
					return nil
				}
				words := api.Words(e)
				if !a.json { // nobody looks at the line
					return f(&words, nil)
				}
				line, err := json.Marshal(&words)
				if err != nil {
					return err
				}
				return f(&words, line)
			})
		}, func(e *api.Entry, line []byte) error {
			if !yield(act{journal, *e, line}, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(act{}, err)
		}
	}
}

// errEnough ends the reading of a copy of which no more is wanted.
var errEnough = errors.New("no more is wanted")

// withApprovals reads one journal by what is asked for, and puts in between what
// the operator that it names approved. Approvals are few: they are kept.
func withApprovals(q api.JournalStream, read func(api.JournalStream, func(*api.Entry, []byte) error) error, f func(*api.Entry, []byte) error) error {
	if q.Operator == "" {
		return read(q, f)
	}
	var gave []act
	approved := q
	approved.Operator, approved.Approver = "", q.Operator
	err := read(approved, func(e *api.Entry, line []byte) error {
		if e.Operator != q.Operator { // the own card at the own request is among the own acts
			gave = append(gave, act{e: *e, line: slices.Clone(line)})
		}
		return nil
	})
	if err != nil {
		return err
	}
	before := func(seq api.Seq) error {
		for len(gave) > 0 && gave[0].e.Seq < seq {
			if err := f(&gave[0].e, gave[0].line); err != nil {
				return err
			}
			gave = gave[1:]
		}
		return nil
	}
	err = read(q, func(e *api.Entry, line []byte) error {
		if err := before(e.Seq); err != nil {
			return err
		}
		return f(e, line)
	})
	if err != nil {
		return err
	}
	return before(math.MaxUint64)
}
