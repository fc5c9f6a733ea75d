package daemon

import (
	"cmp"
	"context"
	"slices"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/journal"
	"tillwarden/enforcer/journal/entry"
)

// ModeReport counts what modes let through that enforcing would have refused,
// out of the journal: by day, operator, function, and how the policy decided.
func (d *Daemon) ModeReport(ctx context.Context, c api.Caller, q *api.ModeReportRequest) (*api.ModeReport, error) {
	if err := d.mayRead(ctx, c, q.By); err != nil {
		return nil, err
	}
	report, err := CountModes(ctx, d.journal, q)
	if err != nil {
		return nil, d.cannotDecide(err)
	}
	s := d.gate.Snapshot()
	for i := range report.Rows {
		row := &report.Rows[i]
		if name := functionName(s, row.Function); name != row.Function {
			row.Name = name
		}
	}
	return report, nil
}

// Entries is what a journal is read by: the daemon's own, or a copy (journal.Reader).
type Entries interface {
	Query(ctx context.Context, f journal.Filter) ([]entry.Entry, journal.Cursor, error)
}

// CountModes is ModeReport of any journal, which knows functions by their keys alone.
func CountModes(ctx context.Context, entries Entries, q *api.ModeReportRequest) (*api.ModeReport, error) {
	f := journal.Filter{Kind: entry.KindDecision, Limit: journal.MaxLimit}
	if q.To != nil {
		f.To = *q.To
	}
	if q.From != nil {
		f.From = *q.From
	} else {
		// Since the last mode began.
		last, _, err := entries.Query(ctx, journal.Filter{Kind: entry.KindMode, Outcome: entry.OutcomeAllowed, Reverse: true, Limit: 1})
		if err != nil {
			return nil, err
		}
		if len(last) == 0 {
			return &api.ModeReport{Rows: []api.ModeReportRow{}}, nil
		}
		f.After = last[0].Seq
	}
	report := &api.ModeReport{}
	counted := map[api.ModeReportRow]uint64{}
	for {
		page, next, err := entries.Query(ctx, f)
		if err != nil {
			return nil, err
		}
		for i := range page {
			e := &page[i]
			at := e.Stamp.Time()
			if report.Decisions++; report.From == nil {
				report.From = &at
			}
			report.To = &at
			if e.Mode == entry.ModeEnforce {
				continue
			}
			row := api.ModeReportRow{
				Day: at.Local().Format("2006-01-02"), Operator: e.Operator, Function: e.Function, Mode: e.Mode.String(), Outcome: e.Outcome.String(),
				Reason: e.Reason.String(),
			}
			if e.Rule != nil {
				row.Rule = api.Rule{WorkGroup: e.Rule.WorkGroup, Function: e.Rule.Function, Mark: e.Rule.Mark}
			}
			counted[row]++
			report.Through++
		}
		if next == 0 {
			break
		}
		f = f.Continue(next)
	}
	report.Rows = make([]api.ModeReportRow, 0, len(counted))
	for row, n := range counted {
		row.Count = n
		report.Rows = append(report.Rows, row)
	}
	slices.SortFunc(report.Rows, func(a, b api.ModeReportRow) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Operator, b.Operator), cmp.Compare(a.Function, b.Function),
			cmp.Compare(a.Mode, b.Mode), cmp.Compare(a.Outcome, b.Outcome), cmp.Compare(a.Reason, b.Reason),
			cmp.Compare(a.Rule.WorkGroup, b.Rule.WorkGroup), cmp.Compare(a.Rule.Function, b.Rule.Function), cmp.Compare(a.Rule.Mark, b.Rule.Mark))
	})
	return report, nil
}
