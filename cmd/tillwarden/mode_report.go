package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tillwarden/daemon/api"
)

func (a *app) modeReportCommand() *cobra.Command {
	var w actor
	var from, to string
	c := &cobra.Command{
		Use:   "report",
		Short: "what enforcing would change: what a mode let through",
		Long: `Counts what monitor mode or break-glass let through although the policy refused it,
since the last mode began unless --from says otherwise. Where it is empty, enforcing
would have changed nothing. At the console it takes --as, and the right to read the
journal.`,
		Example: "  tillwarden mode report\n  tillwarden mode report --from 2026-03-01 --json",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var q api.ModeReportRequest
			for _, t := range []struct {
				text string
				at   **time.Time
			}{{from, &q.From}, {to, &q.To}} {
				if t.text == "" {
					continue
				}
				when, err := parseTime(t.text, time.Now())
				if err != nil {
					return usagef("mode report: %w", err)
				}
				*t.at = &when
			}
			var err error
			if q.By, err = a.credentials(w); err != nil {
				return err
			}
			defer wipe(q.By)
			client, err := a.dialFor(cmd.Context(), w)
			if err != nil {
				return err
			}
			report, err := client.ModeReport(cmd.Context(), q)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(report)
			}
			return a.showModeReport(report)
		},
	}
	asFlag(c, &w)
	c.Flags().StringVar(&from, "from", "", "from this `time` on, as 2026-03-01, 08:00 or 48h (ago)")
	c.Flags().StringVar(&to, "to", "", "up to this `time`")
	return c
}

func (a *app) showModeReport(r *api.ModeReport) error {
	if len(r.Rows) > 0 {
		rows := [][]string{{"DAY", "OPERATOR", "FUNCTION", "TIMES", "ENFORCING WOULD", "BECAUSE"}}
		for i := range r.Rows {
			row := &r.Rows[i]
			rows = append(rows, []string{
				row.Day, orDash(row.Operator), row.Function, fmt.Sprint(row.Count), wouldBe(row), cut(because(row), 46),
			})
		}
		if err := table(a.out, rows); err != nil {
			return err
		}
	}
	a.say("%s, of which enforcing would have changed %d", count(int(r.Decisions), "decision"), r.Through)
	return nil
}

func wouldBe(r *api.ModeReportRow) string {
	if r.Outcome == "override-required" {
		return "ask a manager"
	}
	return "refuse"
}

func because(r *api.ModeReportRow) string {
	if r.Rule.Mark == "" {
		return r.Reason
	}
	return fmt.Sprintf("%s at %s, %s", r.Rule.Mark, r.Rule.Function, r.Rule.WorkGroup)
}
