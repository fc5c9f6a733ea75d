package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tillwarden/daemon"
	"tillwarden/daemon/api"
)

func (a *app) modeReportCommand() *cobra.Command {
	var w actor
	var from, to, file string
	c := &cobra.Command{
		Use:   "report",
		Short: "what enforcing would change: what a mode let through",
		Long: `Counts what monitor mode or break-glass let through although the policy refused it,
since the last mode began unless --from says otherwise. Where it is empty, enforcing
would have changed nothing. At the console it takes --as, and the right to read the
journal. With --file it reads a copy of a journal, or one that was archived.`,
		Example: "  tillwarden mode report\n  tillwarden mode report --from 2026-03-01 --json\n  tillwarden mode report --file copy.db",
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
			report, err := a.modeReport(cmd.Context(), w, file, &q)
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
	c.Flags().StringVar(&file, "file", "", "read this copy of a journal, not the daemon's")
	c.Flags().StringVar(&from, "from", "", "from this `time` on, as 2026-03-01, 08:00 or 48h (ago)")
	c.Flags().StringVar(&to, "to", "", "up to this `time`")
	return c
}

// modeReport has the daemon count, or counts in a copy of a journal.
func (a *app) modeReport(ctx context.Context, w actor, file string, q *api.ModeReportRequest) (*api.ModeReport, error) {
	if file != "" {
		if w.given() {
			return nil, usagef("--as and --file: a copy needs no operator")
		}
		r, err := openReader(file)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		report, err := daemon.CountModes(ctx, r, q)
		return report, damaged(err)
	}
	var report *api.ModeReport
	err := a.as(ctx, w, func(c *api.Client, by *api.Credentials) (err error) {
		q.By = by
		report, err = c.ModeReport(ctx, *q)
		return err
	})
	return report, err
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
