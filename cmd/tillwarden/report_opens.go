package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/journal"
	"tillwarden/enforcer/report"
	"tillwarden/enforcer/week"
)

func (a *app) reportOpensCommand() *cobra.Command {
	var r reportFlags
	var day, hours string
	c := &cobra.Command{
		Use:   "opens",
		Short: "when drawers were opened on a day, as a plot",
		Long: `Shows how often drawers were opened in each half hour of a day, and what for: = a
sale, N no sale, o something else, ! without a grant. Below stand those that were
not for a sale, or after hours.`,
		Example: `  tillwarden report opens
  tillwarden report opens --day 2026-03-02 --hours 08:00-21:00 --file copy.db`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := r.check(a); err != nil {
				return err
			}
			at := time.Now()
			if day != "" {
				var err error
				if at, err = week.ParseDay(day, time.Local); err != nil {
					return usagef("--day: %q is no day", day).hint("as 2006-01-02")
				}
			}
			res, err := a.opens(cmd.Context(), &r, at, hours)
			if err != nil {
				return err
			}
			return printReport(a, &r, res, &res.Period, a.opensCSV, a.showOpens)
		},
	}
	r.add(c)
	c.Flags().StringVar(&day, "day", "", "this `day`, as 2006-01-02; today unless given")
	hoursFlag(c, &hours)
	return c
}

func (a *app) opens(ctx context.Context, r *reportFlags, day time.Time, hours string) (res *report.Opens, err error) {
	h, err := parseHours(hours)
	if err != nil {
		return nil, err
	}
	if len(r.files) == 0 {
		err = a.as(ctx, r.actor, func(c *api.Client, by *api.Credentials) (err error) {
			res, err = c.OpensReport(ctx, api.OpensRequest{By: by, Day: day.Format(time.DateOnly), Hours: h.String()})
			return err
		})
		return res, err
	}
	o := report.NewOpens(day, h)
	from, to := o.Bounds()
	if err := r.collect(ctx, journal.Filter{From: from, To: to}, o); err != nil {
		return nil, err
	}
	return o.Result(), nil
}

func (a *app) opensCSV(o *report.Opens) error {
	rows := [][]string{{"from", "sales", "no_sales", "other", "without_grant", "after_hours"}}
	for _, s := range o.Slots {
		rows = append(rows, []string{
			s.From.Format(time.RFC3339), fmt.Sprint(s.Sales), fmt.Sprint(s.NoSales), fmt.Sprint(s.Other), fmt.Sprint(s.WithoutGrant), yesNo(s.AfterHours),
		})
	}
	return a.csvRows(rows)
}

// plotWidth is the room for a bar, in 80 columns.
const plotWidth = 62

func (a *app) showOpens(o *report.Opens) error {
	most, all := 0, report.Slot{}
	first, last := -1, -1
	for i := range o.Slots {
		s := &o.Slots[i]
		if n := s.All(); n > 0 {
			if first < 0 {
				first = i
			}
			last, most = i, max(most, n)
		}
		all.Sales, all.NoSales, all.Other, all.WithoutGrant = all.Sales+s.Sales, all.NoSales+s.NoSales, all.Other+s.Other, all.WithoutGrant+s.WithoutGrant
	}
	a.say("%s (%s): %s: %d sales, %d no-sales, %d other, %d forced", o.Day, o.Zone, count(all.All(), "opening"),
		all.Sales, all.NoSales, all.Other, all.WithoutGrant)
	if o.Period.Entries == 0 {
		a.say("no entries of that day are in the journal")
	}
	sayLacks(&o.Period, time.Local, a.say)
	if all.All() == 0 {
		return nil
	}
	per := (most + plotWidth - 1) / plotWidth // openings for a sign
	a.say("")
	for i := first; i <= last; i++ {
		s := &o.Slots[i]
		shut := " "
		if s.AfterHours {
			shut = "|"
		}
		a.say("%s", strings.TrimRight(fmt.Sprintf("%s %s%-*s %s", s.From.Format("15:04"), shut, plotWidth, bar(s, per), number(int64(s.All()))), " "))
	}
	a.say("")
	legend := "= sale  N no sale  o something else  ! without a grant"
	if per > 1 {
		legend += fmt.Sprintf("; a sign is %d", per)
	}
	if o.Slots[first].AfterHours || o.Slots[last].AfterHours {
		legend += "; | after hours"
	}
	a.say("%s", legend)
	if len(o.Events) > 0 {
		a.say("")
	}
	rows := make([][]string, 0, len(o.Events))
	for _, e := range o.Events {
		what := e.Function
		if what == "" {
			what = "without a grant"
		}
		row := []string{e.Time.Format("15:04:05"), fmt.Sprint(e.Seq), orDash(e.Operator), what, e.Drawer}
		if o.Period.Journals > 1 {
			row = append(row, fmt.Sprintf("journal %d", e.Journal))
		}
		rows = append(rows, row)
	}
	if err := table(a.out, rows); err != nil {
		return err
	}
	if o.More > 0 {
		a.say("and %d more", o.More)
	}
	return nil
}

// bar is a slot's: what must not be overlooked has at least one sign, and stands in front.
func bar(s *report.Slot, per int) string {
	var b strings.Builder
	for _, part := range []struct {
		sign string
		n    int
	}{{"!", s.WithoutGrant}, {"N", s.NoSales}, {"o", s.Other}, {"=", s.Sales}} {
		b.WriteString(strings.Repeat(part.sign, (part.n+per-1)/per))
	}
	return cut(b.String(), plotWidth)
}
