package daemon

import (
	"context"
	"strings"

	"tillwarden/daemon/api"
	"tillwarden/signon"
)

// Import takes a list of operators in, all of them or none.
func (d *Daemon) Import(ctx context.Context, c api.Caller, r *api.ImportRequest) (*api.ImportAnswer, error) {
	a, err := d.actor(ctx, c, r.By, signon.NeedSite)
	if err != nil {
		return nil, err
	}
	rows := make([]signon.Row, 0, len(r.Rows))
	for _, w := range r.Rows {
		rows = append(rows, signon.Row(w))
	}
	done, change, err := d.service().People().Import(ctx, a, rows, r.DryRun)
	if err != nil {
		return nil, d.cannotDecide(err)
	}
	if !change.OK && len(done.Errors) == 0 {
		_, err := d.changed(change, nil)
		return nil, err
	}
	w := &api.ImportAnswer{Applied: done.Applied, Say: change.Say}
	for _, e := range done.Errors {
		w.Errors = append(w.Errors, api.ImportError{Line: e.Line, Number: e.Number, Say: e.Say, Reason: e.Reason.String(), Rule: ruleOf(e.Rule)})
	}
	for _, row := range done.Rows {
		w.Rows = append(w.Rows, api.ImportChange(row))
		switch {
		case row.Say == signon.RowUnchanged:
			w.Unchanged++
		case strings.HasPrefix(row.Say, signon.RowAdded):
			w.Added++
		default:
			w.Changed++
		}
	}
	return w, nil
}
