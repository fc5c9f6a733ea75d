package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/report"
)

// The three activity reports.
const (
	byFunction = "function"
	byKeyword  = "keyword"
	byOperator = "operator"
)

func (a *app) reportActivityCommand() *cobra.Command {
	var r reportFlags
	var p periodFlags
	var by, function, keyword, operator string
	c := &cobra.Command{
		Use:   "activity",
		Short: "what people did: by function, by keyword, by operator",
		Long: `--by function counts what was done, a row for each function; with --function it
lists one function's acts in order of time. --by keyword lists all acts in which
--keyword stands: in the function's key or name, what happened, why, or whom it is
about. --by operator lists one operator's acts and approvals in order of time, and
without --operator each operator's, one after the other.

What the register and its devices did by themselves is left out: journal list has
it. With --json acts are printed as JSON, one a line.`,
		Example: `  tillwarden report activity --by function --since 2026-03-01
  tillwarden report activity --by function --function pos.drawer.nosale
  tillwarden report activity --by keyword --keyword override --csv
  tillwarden report activity --by operator --operator 101 --file lane1.db`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := r.check(a); err != nil {
				return err
			}
			switch {
			case by != byFunction && by != byKeyword && by != byOperator:
				return usagef("--by is %q", by).hint("there are: function, keyword, operator")
			case function != "" && by != byFunction, keyword != "" && by != byKeyword, operator != "" && by != byOperator:
				return usagef("--%s goes with --by %s", firstSet(function, keyword, operator), firstSet(function, keyword, operator))
			case by == byKeyword && keyword == "":
				return usagef("--by keyword: --keyword is missing")
			}
			from, to, err := p.times(time.Now())
			if err != nil {
				return err
			}
			q := api.JournalStream{Filter: api.Filter{From: from, To: to, Function: function, Operator: operator}, Keyword: keyword}
			switch {
			case by == byFunction && function == "":
				return a.activityByFunction(cmd.Context(), &r, from, to)
			case by == byOperator && operator == "":
				return a.activityOfEach(cmd.Context(), &r, q)
			}
			list := a.newActs(&r)
			of, err := a.acts(cmd.Context(), &r, q, list.add)
			if err != nil {
				return err
			}
			if list.n == 0 && function != "" {
				a.noteUnknownFunction(function)
			}
			return list.end(&of)
		},
	}
	r.add(c)
	p.add(c)
	f := c.Flags()
	f.StringVar(&by, "by", byFunction, "function, keyword or operator")
	f.StringVar(&function, "function", "", "this `function`'s acts (with --by function)")
	f.StringVar(&keyword, "keyword", "", "acts in which this `word` stands (with --by keyword)")
	f.StringVar(&operator, "operator", "", "this operator `number`'s acts (with --by operator)")
	_ = c.RegisterFlagCompletionFunc("by", cobra.FixedCompletions([]string{byFunction, byKeyword, byOperator}, cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("function", a.completeFunction)
	return c
}

func firstSet(function, keyword, operator string) string {
	switch {
	case function != "":
		return byFunction
	case keyword != "":
		return byKeyword
	case operator != "":
		return byOperator
	}
	return ""
}

// activity has the daemon count, or counts in copies.
func (a *app) activity(ctx context.Context, r *reportFlags, from, to *time.Time) (res *report.Activity, err error) {
	if len(r.files) == 0 {
		err = a.as(ctx, r.actor, func(c *api.Client, by *api.Credentials) (err error) {
			res, err = c.ActivityReport(ctx, api.ReportRequest{By: by, From: from, To: to})
			return err
		})
		return res, err
	}
	filter, err := nativeFilter(api.Filter{From: from, To: to})
	if err != nil {
		return nil, err
	}
	x := report.NewActivity(presetNames())
	if err := r.collect(ctx, filter, x); err != nil {
		return nil, err
	}
	return x.Result(), nil
}

func (a *app) activityByFunction(ctx context.Context, r *reportFlags, from, to *time.Time) error {
	res, err := a.activity(ctx, r, from, to)
	if err != nil {
		return err
	}
	return printReport(a, r, res, &res.Period, a.activityCSV, a.showActivity)
}

func (a *app) activityCSV(res *report.Activity) error {
	rows := [][]string{{"function", "name", "allowed", "override_required", "approved", "denied", "error", "opens", "operators", "first", "last"}}
	for _, f := range res.Rows {
		row := []string{f.Function, f.Name}
		for _, n := range []int64{f.Allowed, f.Override, f.Approved, f.Denied, f.Failed, f.Opens, int64(f.Operators)} {
			row = append(row, fmt.Sprint(n))
		}
		rows = append(rows, append(row, f.First.Format(time.RFC3339), f.Last.Format(time.RFC3339)))
	}
	return a.csvRows(rows)
}

func (a *app) showActivity(res *report.Activity) error {
	rows := [][]string{{"FUNCTION", "NAME", "DONE", "OVERR", "APPR", "DENIED", "OPENS", "BY"}}
	for _, f := range res.Rows {
		rows = append(rows, []string{
			cut(f.Function, maxFunctionColumn), orDash(f.Name), number(f.Allowed), number(f.Override), number(f.Approved), number(f.Denied + f.Failed),
			number(f.Opens), fmt.Sprint(f.Operators),
		})
	}
	// The key is what --function takes: the name gets what the others leave.
	left := helpColumns
	for column := range rows[0] {
		if column != nameColumn {
			left -= columnWidth(rows, column) + 2
		}
	}
	for _, row := range rows {
		row[nameColumn] = cut(row[nameColumn], max(left, len("NAME")))
	}
	if err := table(a.out, rows); err != nil {
		return err
	}
	a.sayPeriod(&res.Period, time.Local)
	return nil
}

// The table of functions: where their names are, and what a key takes at most.
const (
	nameColumn        = 1
	maxFunctionColumn = 31
)

// columnWidth is how wide a column of a table is.
func columnWidth(rows [][]string, column int) (widest int) {
	for _, row := range rows {
		widest = max(widest, utf8.RuneCountInString(row[column]))
	}
	return widest
}

// number shows none as a dash: a column of noughts hides what is in it.
func number(n int64) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

// activityOfEach lists each operator's acts, one operator after the other. The journal
// is read once; what is printed of each operator is kept until then, some 80 bytes an
// act.
func (a *app) activityOfEach(ctx context.Context, r *reportFlags, q api.JournalStream) error {
	list := a.newActs(r)
	of := map[string]*bytes.Buffer{}
	period, err := a.acts(ctx, r, q, func(act act) error {
		row := list.row(&act)
		who := []string{act.e.Operator, act.e.Approver} // the own card at the own request is one act
		for _, number := range slices.Compact(who) {
			if number == "" {
				continue
			}
			if of[number] == nil {
				of[number] = new(bytes.Buffer)
			}
			of[number].Write(row)
			list.n++
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, number := range slices.Sorted(maps.Keys(of)) {
		if !r.csv && !a.json {
			gap := "\n"
			if i == 0 {
				gap = ""
			}
			fmt.Fprintf(list.out, "%soperator %s\n", gap, number)
		}
		_, _ = of[number].WriteTo(list.out) // an error of out stays, and is told at the end
	}
	return list.end(&period)
}

// minAbout is how much is said of an act, however long the numbers before it are.
const minAbout = 24

// acts prints acts as they come: a year's are not kept.
type acts struct {
	a    *app
	many bool // journals are read: a number says nothing without whose it is
	out  *bufio.Writer
	line bytes.Buffer // what is printed of the act at hand
	csv  *csv.Writer  // into line; nil where no CSV is wanted
	n    int
}

func (a *app) newActs(r *reportFlags) *acts {
	l := &acts{a: a, many: len(r.files) > 1, out: bufio.NewWriterSize(a.out, 1<<16)}
	if r.csv {
		l.csv = csv.NewWriter(&l.line)
		_, _ = l.out.Write(l.record(
			"seq", "time", "operator", "person", "kind", "function", "outcome", "reason", "method", "approver", "approver_method",
			"drawer", "subject", "about", "text", "why", "journal",
		)) // an error of out stays, and is told at the end
	}
	return l
}

// record is a record as RFC 4180 has it, with cells for spreadsheets; it is the caller's
// until the next.
func (l *acts) record(fields ...string) []byte {
	l.line.Reset()
	spreadsheet(fields)
	_ = l.csv.Write(fields) // into memory
	l.csv.Flush()
	return l.line.Bytes()
}

func (l *acts) add(act act) error {
	l.n++
	_, err := l.out.Write(l.row(&act))
	return err
}

// row is how an act is printed; it is the caller's until the next.
func (l *acts) row(act *act) []byte {
	if l.a.json {
		return append(act.line, '\n')
	}
	e := &act.e
	if l.csv != nil {
		about := ""
		if e.About != 0 {
			about = fmt.Sprint(e.About)
		}
		return l.record(
			fmt.Sprint(e.Seq), e.Time.Format(time.RFC3339), e.Operator, e.Person, e.Kind, e.Function, e.Outcome, e.Reason, e.Method, e.Approver,
			e.ApprovedBy, e.Drawer, e.Subject, about, e.Text, e.Why, fmt.Sprint(act.journal),
		)
	}
	what := about(e)
	if e.Kind != "decision" {
		kind, rest := e.Kind, *e
		if e.Approver != "" { // who it was is what is looked for: first, where nothing is cut
			kind += " by " + e.Approver
			rest.Approver = ""
		}
		what = strings.TrimSuffix(kind+": "+about(&rest), ": ")
	}
	seq := fmt.Sprint(e.Seq)
	if l.many {
		seq = fmt.Sprintf("%d/%d", act.journal, e.Seq)
	}
	l.line.Reset()
	fmt.Fprintf(&l.line, "%s  %-6s  %-3s  %-8s  ", e.Time.Local().Format("2006-01-02 15:04:05"), seq, orDash(e.Operator), orDash(shortOutcome(e.Outcome)))
	what = cut(what, max(helpColumns-l.line.Len(), minAbout))
	l.line.WriteString(what + "\n")
	return l.line.Bytes()
}

func (l *acts) end(of *report.Period) error {
	if err := l.out.Flush(); err != nil {
		return failedf("writing the report: %w", err)
	}
	if l.csv != nil || l.a.json {
		sayLacks(of, time.Local, l.a.note)
		return nil
	}
	l.a.say("%s", count(l.n, "act"))
	sayLacks(of, time.Local, l.a.say)
	return nil
}
