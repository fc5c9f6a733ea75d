package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/report"
	"tillwarden/enforcer/timeclock"
)

func (a *app) timeCommand() *cobra.Command {
	c := a.group("time", "the time clock: clock in and out, breaks, hours",
		`  tillwarden time in 101
  tillwarden time break 101 --as 201 --for 30m
  tillwarden time list
  tillwarden time report --since 2026-03-01`,
		a.punchCommand(timeclock.In, "clock in", "", "edit others' time"),
		a.punchCommand(timeclock.Out, "clock out", "It signs off at this register.", "edit others' time"),
		a.punchCommand(timeclock.Break, "begin a break", "It signs off at this register.", "send others on a break"),
		a.punchCommand(timeclock.Back, "end a break", "", "send others on a break"),
		a.timeListCommand(), a.timeReportCommand())
	c.Long = `Where the register runs a time clock, nobody signs on who is not clocked in or is on a
break, but who is allowed Clock In Not Required. Each register has a clock of its own.`
	return c
}

// punchCommand is one punch of the time clock.
func (a *app) punchCommand(what timeclock.Punch, short, effect, right string) *cobra.Command {
	var w actor
	var length span
	forced := what == timeclock.Break
	long := `NUMBER is the operator, whose PIN is asked for, or "card": the card that is swiped
next at the register's reader, whose PIN is asked for. ` + effect + `

With --as another operator does it, who may ` + right + `.`
	example := fmt.Sprintf("  tillwarden time %v 101\n  tillwarden time %v 101 --as 201", what, what)
	switch what {
	case timeclock.Break:
		long += ` That break lasts
for --for, and ends by time, or when somebody who may ends it.`
		example += " --for 30m"
	case timeclock.Back:
		long += ` A break
that somebody was sent on ends no other way before its time.`
	}
	c := &cobra.Command{
		Use: what.String() + " NUMBER", Short: short, Long: long, Example: example,
		Args:              exactly("NUMBER"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			r := api.PunchRequest{Seconds: time.Duration(length).Seconds()}
			who := actor{args[0]}
			if w.given() {
				if args[0] == byCard {
					return usagef("%s: with --as, NUMBER is whose clock it is", cmd.CommandPath()).hint("--as card is the card of who acts")
				}
				r.Number, who = args[0], w
			} else if length != 0 {
				return usagef("--for goes with --as: who goes on a break ends it")
			}
			var err error
			if r.By, err = a.person(who); err != nil {
				return err
			}
			defer wipePersons(r.By)
			client, err := a.dial(cmd.Context(), api.RoleConsole)
			if err != nil {
				return err
			}
			defer client.Close()
			a.askSwipes(r.By)
			answer, err := client.Punch(cmd.Context(), what, r)
			if err != nil {
				return err
			}
			return a.punched(answer)
		},
	}
	asFlag(c, &w)
	if forced {
		c.Flags().Var(&length, "for", "for how `long`, as 30m; as configured unless given")
	}
	return c
}

// punched says how a punch came out.
func (a *app) punched(answer *api.PunchAnswer) error {
	if a.json {
		if err := a.printJSON(answer); err != nil {
			return err
		}
	} else {
		a.say("%s", answer.Say)
		if answer.Reason == reasonNewPIN {
			a.note("hint: %s", hintNewPIN)
		}
	}
	if !answer.OK {
		return said(exitRefused)
	}
	return nil
}

func (a *app) timeListCommand() *cobra.Command {
	var w actor
	c := &cobra.Command{
		Use:     "list",
		Short:   "who is clocked in at this register",
		Long:    "The technician needs nobody for this; at the console an operator who may is named with --as.",
		Example: "  tillwarden time list\n  tillwarden time list --as 201 --json",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list *api.TimeClock
			err := a.as(cmd.Context(), w, func(c *api.Client, by *api.Credentials) (err error) {
				list, err = c.TimeClock(cmd.Context(), api.TimeRequest{By: by})
				return err
			})
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(list)
			}
			return a.showTimeClock(list)
		},
	}
	asFlag(c, &w)
	return c
}

func (a *app) showTimeClock(list *api.TimeClock) error {
	if !list.Runs {
		a.note("this register runs no time clock: [timeclock] run in tillwarden.toml")
	}
	if len(list.People) == 0 {
		a.say("nobody is clocked in")
		return nil
	}
	rows := [][]string{{"OPERATOR", "NAME", "STATE", "SINCE", "IN SINCE"}}
	const form = "01-02 15:04"
	for _, p := range list.People {
		state := p.State
		if p.Forced {
			state = fmt.Sprintf("sent on a break, %s left", api.SayLeft(time.Duration(p.Left*float64(time.Second))))
		}
		rows = append(rows, []string{p.Operator, cut(orDash(p.Name), 20), state, p.Since.Local().Format(form), p.In.Local().Format(form)})
	}
	return table(a.out, rows)
}

func (a *app) timeReportCommand() *cobra.Command {
	var r reportFlags
	var p periodFlags
	var operator string
	c := &cobra.Command{
		Use:   "report",
		Short: "hours at work, by operator and day",
		Long: `Hours and breaks by operator and day, from the punches in the journal. A shift counts
to the day that it began on, and to the report where it began between --since and
--until, wherever it ended. What was not ended is shown and not counted.

Hours are measured by the clock that nobody can set; only over a restart of the
register they are by the time of day. A row says where the clock was set or the
register restarted meanwhile, and where somebody else punched.`,
		Example: `  tillwarden time report --since 2026-03-01
  tillwarden time report --operator 101 --csv
  tillwarden time report --file lane1.db --file lane2.db --since 2026-03-01`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := r.check(a); err != nil {
				return err
			}
			from, to, err := p.times(time.Now())
			if err != nil {
				return err
			}
			res, err := a.timeReport(cmd.Context(), &r, operator, from, to)
			if err != nil {
				return err
			}
			return printReport(a, &r, res, &res.Period, a.timeCSV, a.showTime)
		},
	}
	r.add(c)
	p.add(c)
	c.Flags().StringVar(&operator, "operator", "", "this operator `number`'s hours")
	return c
}

func (a *app) timeReport(ctx context.Context, r *reportFlags, operator string, from, to *time.Time) (res *report.Time, err error) {
	if len(r.files) == 0 {
		err = a.as(ctx, r.actor, func(c *api.Client, by *api.Credentials) (err error) {
			res, err = c.TimeReport(ctx, api.TimeReportRequest{ReportRequest: api.ReportRequest{By: by, From: from, To: to}, Operator: operator})
			return err
		})
		return res, err
	}
	t := report.NewTime(operator, time.Local)
	filter, err := nativeFilter(api.Filter{From: t.Between(from, to)})
	if err != nil {
		return nil, err
	}
	if err := r.collect(ctx, filter, t); err != nil {
		return nil, err
	}
	return t.Result(), nil
}

func (a *app) timeCSV(t *report.Time) error {
	rows := [][]string{{
		"operator", "day", "worked_seconds", "break_seconds", "shifts", "breaks", "forced_breaks", "not_ended", "by_others", "clock_jump_seconds", "reboots", "overlaps",
	}}
	for _, d := range t.Days {
		row := []string{d.Operator, d.Day}
		for _, n := range []int64{
			d.Worked, d.Paused, int64(d.Shifts), int64(d.Breaks), int64(d.Forced), int64(d.Open), int64(d.Others), d.Jumps, int64(d.Reboots), int64(d.Overlaps),
		} {
			row = append(row, fmt.Sprint(n))
		}
		rows = append(rows, row)
	}
	return a.csvRows(rows)
}

func (a *app) showTime(t *report.Time) error {
	if len(t.Days) == 0 {
		a.say("nobody punched")
		sayLacks(&t.Period, time.Local, a.say)
		return nil
	}
	rows := [][]string{{"OPERATOR", "DAY", "WORKED", "BREAKS", "OF THEM", "NOTES"}}
	for _, d := range t.Days {
		rows = append(rows, []string{d.Operator, cmp.Or(d.Day, "before"), hours(d.Worked), hours(d.Paused), number(int64(d.Breaks)), timeNotes(&d)})
	}
	if err := table(a.out, rows); err != nil {
		return err
	}
	for _, s := range t.Shifts {
		switch {
		case s.In == nil:
			a.say("%s", fill(fmt.Sprintf("operator %s: clocked in before the first entry, last punch %s", s.Operator, s.Last.Local().Format(minutes))))
		case s.Out == nil:
			a.say("%s", fill(fmt.Sprintf("operator %s: in since %s and not out, last punch %s; not counted", s.Operator, s.In.Local().Format(minutes), s.Last.Local().Format(minutes))))
		}
	}
	a.sayPeriod(&t.Period, time.Local)
	return nil
}

// timeNotes are what somebody should know of a day before its hours are paid.
func timeNotes(d *report.TimeDay) string {
	var notes []string
	if d.Day == "" {
		notes = append(notes, "not whole")
	}
	add := func(n int, format string) {
		if n > 0 {
			notes = append(notes, fmt.Sprintf(format, n))
		}
	}
	add(d.Open, "%d not ended")
	add(d.Forced, "%d forced")
	add(d.Others, "%d by others")
	if d.Jumps != 0 {
		notes = append(notes, "clock set by "+(time.Duration(d.Jumps)*time.Second).String())
	}
	add(d.Reboots, "%d restarts")
	add(d.Overlaps, "%d at two registers at once")
	return strings.Join(notes, ", ")
}

// hours are seconds as people count work: hours and minutes.
func hours(seconds int64) string {
	minutes := (seconds + 30) / 60
	return fmt.Sprintf("%d:%02d", minutes/60, minutes%60)
}
