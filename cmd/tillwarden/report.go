package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
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
	file, err := journal.OpenReader(path)
	if err != nil {
		return copyError(err)
	}
	defer file.Close()
	return damaged(file.Each(ctx, f, add))
}

// collector is what all reports are.
type collector interface {
	Add(*entry.Entry)
	NextJournal()
}

// collect makes a report of copies, one after the other.
func (r *reportFlags) collect(ctx context.Context, f journal.Filter, into collector) error {
	for i, path := range r.files {
		if i > 0 {
			into.NextJournal()
		}
		if err := readCopy(ctx, path, f, func(e *entry.Entry) error { into.Add(e); return nil }); err != nil {
			return err
		}
	}
	return nil
}

// printReport prints a report as it is wanted: as JSON, as CSV, or for people.
func printReport[T any](a *app, r *reportFlags, res T, asCSV, show func(T) error) error {
	switch {
	case a.json:
		return a.printJSON(res)
	case r.csv:
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
		return
	}
	of := ""
	if p.Journals > 1 {
		of = fmt.Sprintf(" of %d journals", p.Journals)
	}
	const form = "2006-01-02 15:04"
	a.say("%s to %s, %s%s", p.First.In(zone).Format(form), p.Last.In(zone).Format(form), count(int(p.Entries), "entry"), of)
}

// acts gives the acts of a filter, oldest first: the daemon's, or of copies. An
// operator's are also what the operator approved of others'.
func (a *app) acts(ctx context.Context, r *reportFlags, q api.JournalStream, f func(e *api.Entry, line []byte) error) error {
	q.Acts = true
	if len(r.files) == 0 {
		return a.as(ctx, r.actor, func(c *api.Client, by *api.Credentials) error {
			q.By = by
			return withApprovals(q, func(q api.JournalStream, f func(e *api.Entry, line []byte) error) error {
				return c.JournalStream(ctx, q, f)
			}, f)
		})
	}
	wanted := report.Act
	if q.Keyword != "" {
		wanted = report.NewKeyword(q.Keyword, presetNames()).Match
	}
	for _, path := range r.files {
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
		}, f)
		if err != nil {
			return err
		}
	}
	return nil
}

// withApprovals reads one journal by what is asked for, and puts in between what
// the operator that it names approved. Approvals are few: they are kept.
func withApprovals(q api.JournalStream, read func(api.JournalStream, func(*api.Entry, []byte) error) error, f func(*api.Entry, []byte) error) error {
	if q.Operator == "" {
		return read(q, f)
	}
	type act struct {
		e    api.Entry
		line []byte
	}
	var gave []act
	approved := q
	approved.Operator, approved.Approver = "", q.Operator
	err := read(approved, func(e *api.Entry, line []byte) error {
		if e.Operator != q.Operator { // the own card at the own request is among the own acts
			gave = append(gave, act{*e, slices.Clone(line)})
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
