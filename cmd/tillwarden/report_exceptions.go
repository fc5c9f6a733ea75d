package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/report"
)

// exceptionFlags are the thresholds, zero where they are the defaults.
type exceptionFlags struct {
	report.Thresholds
	hours string
}

func (a *app) reportExceptionsCommand() *cobra.Command {
	var r reportFlags
	var p periodFlags
	var x exceptionFlags
	c := &cobra.Command{
		Use:   "exceptions",
		Short: "whose figures differ from those of the peers",
		Long: `Counts for each operator no-sales, refusals, overrides, approvals given, drawers that
opened without a grant or were left open, seconds open, refused cards and PINs, and
openings after hours; and for each two how often one approved something of the
other's. Of approvers it says who approved while not clocked in, at two registers
within a minute (with several --file), from elsewhere, or without the card that the
site wants. Rates are per 100 openings for sales.

Each figure is held against the median of the operators with the same work groups.
How far it is above that is told in robust standard deviations (1.4826 times the
median absolute deviation); from --deviation on it is marked with *, and listed
first. Where there is too little to compare, that is said. None of it is a proof.`,
		Example: `  tillwarden report exceptions --since 2026-03-01 --hours 08:00-21:00
  tillwarden report exceptions --hours "mon-sat 08:00-21:00, sun 10:00-18:00"
  tillwarden report exceptions --file lane1.db --file lane2.db --csv > all.csv`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := r.check(a); err != nil {
				return err
			}
			if !(x.Deviation >= 0) || x.Sales < 0 || x.Peers < 0 || x.Least < 0 {
				return usagef("a threshold is below zero")
			}
			from, to, err := p.times(time.Now())
			if err != nil {
				return err
			}
			res, err := a.exceptions(cmd.Context(), &r, &x, from, to)
			if err != nil {
				return err
			}
			return printReport(a, &r, res, &res.Period, a.exceptionsCSV, a.showExceptions)
		},
	}
	r.add(c)
	p.add(c)
	hoursFlag(c, &x.hours)
	f := c.Flags()
	f.Float64Var(&x.Deviation, "deviation", report.DefaultDeviation, "from how many robust standard deviations on a figure is exceptional")
	f.Int64Var(&x.Sales, "min-sales", report.DefaultSales, "how many openings for sales it takes before rates say anything")
	f.IntVar(&x.Peers, "min-peers", report.DefaultPeers, "how many operators with the same work groups it takes")
	f.Int64Var(&x.Least, "min-count", report.DefaultLeast, "the count below which a rate is never exceptional")
	return c
}

// exceptions has the daemon count, or counts in copies.
func (a *app) exceptions(ctx context.Context, r *reportFlags, x *exceptionFlags, from, to *time.Time) (res *report.Exceptions, err error) {
	hours, err := parseHours(x.hours)
	if err != nil {
		return nil, err
	}
	if len(r.files) == 0 {
		err = a.as(ctx, r.actor, func(c *api.Client, by *api.Credentials) (err error) {
			res, err = c.ExceptionReport(ctx, api.ExceptionsRequest{
				ReportRequest: api.ReportRequest{By: by, From: from, To: to}, Hours: hours.String(),
				Deviation: x.Deviation, Sales: x.Sales, Peers: x.Peers, Least: x.Least,
			})
			return err
		})
		return res, err
	}
	c := report.NewExceptions(report.Options{Thresholds: x.Thresholds, Hours: hours, Zone: time.Local})
	filter, err := nativeFilter(api.Filter{From: c.Since(from), To: to})
	if err != nil {
		return nil, err
	}
	if err := r.collect(ctx, filter, c); err != nil {
		return nil, err
	}
	return c.Result(), nil
}

func (a *app) exceptionsCSV(r *report.Exceptions) error {
	rows := [][]string{{"operator", "approver", "work_groups", "sales", "figure", "count", "rate", "median", "deviation", "exceptional", "note"}}
	groups, sales := map[string]string{}, map[string]string{}
	for _, o := range r.Operators {
		groups[o.Operator], sales[o.Operator] = join(o.WorkGroups), fmt.Sprint(o.Sales)
		for _, f := range o.Figures {
			rows = append(rows, []string{
				o.Operator, "", groups[o.Operator], sales[o.Operator], f.Name, fmt.Sprint(f.Count), exact(f.Rate), exact(f.Median), exact(f.Deviation),
				yesNo(f.Exceptional), f.Note,
			})
		}
	}
	for _, p := range r.Pairs {
		rows = append(rows, []string{
			p.Requester, p.Approver, groups[p.Requester], sales[p.Requester], "pair", fmt.Sprint(p.Approved), exact(p.Rate), exact(p.Median),
			exact(p.Deviation), yesNo(p.Exceptional), p.Note,
		})
	}
	for _, p := range r.Approvers {
		rows = append(rows, []string{"", p.Approver, groups[p.Approver], sales[p.Approver], p.What, fmt.Sprint(p.Count), "", "", "", yesNo(p.Exceptional), ""})
	}
	return a.csvRows(rows)
}

func exact(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'f', 3, 64)
}

func short(v *float64) string {
	if v == nil {
		return "-"
	}
	return strconv.FormatFloat(*v, 'f', 1, 64)
}

// figureHeads are the figures' columns, in the order of report.Figures.
var figureHeads = map[string]string{
	report.NoSales: "NOSALE", report.Refusals: "DENIED", report.Overrides: "OVERR", report.Approvals: "GAVE", report.WithoutGrant: "FORCED",
	report.LeftOpen: "LEFT", report.SecondsOpen: "SECS", report.Failures: "FAILED", report.AfterHours: "LATE",
}

func (a *app) showExceptions(r *report.Exceptions) error {
	a.sayPeriod(&r.Period, time.Local)
	if r.Period.Entries == 0 {
		return nil
	}
	if r.Hours.Set() {
		a.say("store's hours %s", r.Hours)
	}
	a.say("")
	if err := a.showExceptional(r); err != nil {
		return err
	}
	if err := a.showPairs(r); err != nil {
		return err
	}
	if err := a.showApprovers(r); err != nil {
		return err
	}
	// Peers stand together.
	byGroup := map[string][]*report.Operator{}
	for i := range r.Operators {
		k := join(r.Operators[i].WorkGroups)
		byGroup[k] = append(byGroup[k], &r.Operators[i])
	}
	for _, k := range slices.SortedFunc(mapKeys(byGroup), func(x, y string) int {
		return cmp.Or(cmp.Compare(len(byGroup[y]), len(byGroup[x])), strings.Compare(x, y))
	}) {
		a.say("")
		name := k
		if name == "" {
			name = "no work groups seen"
		}
		a.say("%s: %s", name, count(len(byGroup[k]), "operator"))
		if err := a.showPeers(byGroup[k]); err != nil {
			return err
		}
	}
	a.say("")
	n := r.Nobody
	if n.WithoutGrant+n.Failures+n.Uncounted > 0 {
		a.say("of nobody who is known: %s without a grant,\n%s of card or PIN, %s too fast to be listed",
			count(int(n.WithoutGrant), "opening"), count(int(n.Failures), "failure"), count(int(n.Uncounted), "refusal"))
	}
	a.say("* %.1f or more deviations above the peers' median, of the rate per 100 sales;", r.Thresholds.Deviation)
	a.say("  of %s, %s and %s of the count", figureHeads[report.Approvals], figureHeads[report.WithoutGrant], figureHeads[report.AfterHours])
	a.say("? %s to compare: fewer than %d sales, or fewer than %d peers", report.TooLittle, r.Thresholds.Sales, r.Thresholds.Peers)
	a.say("SECS is the average; the other columns are counts")
	return nil
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// showExceptional lists what is exceptional, the farthest away first.
func (a *app) showExceptional(r *report.Exceptions) error {
	type finding struct {
		operator string
		f        report.Figure
	}
	var list []finding
	for _, o := range r.Operators {
		for _, f := range o.Figures {
			if f.Exceptional {
				list = append(list, finding{o.Operator, f})
			}
		}
	}
	if len(list) == 0 {
		a.say("no operator's figures are exceptional")
		return nil
	}
	far := func(f *report.Figure) float64 {
		if f.Deviation == nil {
			return 0
		}
		return *f.Deviation
	}
	slices.SortStableFunc(list, func(x, y finding) int { return cmp.Compare(far(&y.f), far(&x.f)) })
	rows := [][]string{{"OPERATOR", "EXCEPTIONAL", "COUNT", "RATE", "PEERS' MEDIAN", "DEVIATIONS"}}
	for _, l := range list {
		rate := short(l.f.Rate)
		if report.ByCount(l.f.Name) {
			rate = "-" // the median beside it is one of counts
		}
		rows = append(rows, []string{l.operator, l.f.Name, fmt.Sprint(l.f.Count), rate, short(l.f.Median), short(l.f.Deviation)})
	}
	return table(a.out, rows)
}

// maxPairs is how many pairs are shown that are not exceptional.
const maxPairs = 5

func (a *app) showPairs(r *report.Exceptions) error {
	rows := [][]string{{"REQUESTER", "APPROVER", "APPROVED", "SHARE", "RATE", "MEDIAN", "DEVIATIONS", "BY NUMBER"}}
	others := 0
	for _, p := range r.Pairs {
		mark := ""
		if p.Exceptional {
			mark = "*"
		} else if others++; others > maxPairs {
			continue
		}
		deviation := short(p.Deviation) + mark
		if p.Note != "" {
			deviation = p.Note
		}
		rows = append(rows, []string{
			p.Requester, p.Approver, fmt.Sprint(p.Approved), fmt.Sprintf("%.0f %%", 100*p.Share), short(p.Rate), short(p.Median), deviation, number(p.ByNumber),
		})
	}
	if len(rows) == 1 {
		return nil
	}
	a.say("")
	return table(a.out, rows)
}

// showApprovers lists what there is to know of approvers, with the latest entry.
func (a *app) showApprovers(r *report.Exceptions) error {
	if len(r.Approvers) == 0 {
		return nil
	}
	rows := [][]string{{"APPROVER", "HOW", "TIMES", "OF", "LATEST"}}
	for _, p := range r.Approvers {
		var latest []string
		for _, l := range p.Latest[max(len(p.Latest)-approversShown[p.What], 0):] {
			of := ""
			if r.Period.Journals > 1 {
				of = fmt.Sprintf("%d/", l.Journal)
			}
			latest = append(latest, fmt.Sprintf("entry %s%d, %s", of, l.Seq, l.Time.In(time.Local).Format("01-02 15:04:05")))
		}
		how := p.What
		if p.Exceptional {
			how += "*"
		}
		for i, l := range latest { // those that belong together have a line each
			row := []string{"", "", "", "", l}
			if i == 0 {
				row = []string{p.Approver, how, fmt.Sprint(p.Count), fmt.Sprint(p.Approvals), l}
			}
			rows = append(rows, row)
		}
	}
	a.say("")
	return table(a.out, rows)
}

// approversShown is how many of the latest belong together.
var approversShown = map[string]int{report.TwoRegisters: 2, report.OffClock: 1, report.Remote: 1, report.Fallback: 1}

func (a *app) showPeers(list []*report.Operator) error {
	heading := []string{"OPERATOR", "SALES"}
	for _, f := range report.Figures() {
		heading = append(heading, figureHeads[f])
	}
	rows := [][]string{heading}
	for _, o := range list {
		row := []string{o.Operator, fmt.Sprint(o.Sales)}
		for _, f := range o.Figures {
			cell := number(f.Count)
			if f.Name == report.SecondsOpen {
				cell = short(f.Rate)
			}
			switch {
			case f.Exceptional:
				cell += "*"
			case f.Note == report.NoHours:
				cell = "-"
			case f.Note != "" && f.Count > 0:
				cell += "?"
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return table(a.out, rows)
}
