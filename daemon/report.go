package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/journal"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/report"
	"tillwarden/enforcer/week"
)

// Reports are made here and not where they are read, so that a year's entries
// need not go over a socket. One is made at a time: the register has other work.

// collector is what all reports are.
type collector interface {
	Begins(from time.Time, first entry.Seq, at time.Time, removed int64)
	Add(*entry.Entry)
}

// collect gives a report what it is made of.
func (d *Daemon) collect(ctx context.Context, f journal.Filter, into collector) error {
	select {
	case d.reporting <- struct{}{}:
		defer func() { <-d.reporting }()
	case <-ctx.Done():
		return ctx.Err()
	}
	reach, err := d.journal.Reach(ctx)
	if err != nil {
		return d.cannotDecide(err)
	}
	into.Begins(f.From, reach.First, reach.At, reach.Removed)
	if err := d.journal.Each(ctx, f, func(e *entry.Entry) error { into.Add(e); return nil }); err != nil {
		return d.cannotDecide(err)
	}
	return nil
}

// period is a report's part of the journal.
func period(from, to *time.Time) (f journal.Filter) {
	if from != nil {
		f.From = *from
	}
	if to != nil {
		f.To = *to
	}
	return f
}

// functionNames are those of the loaded policy, by key.
func (d *Daemon) functionNames() map[string]string {
	names := map[string]string{}
	if s := d.gate.Snapshot(); s.Policy != nil {
		for _, f := range s.Policy.Functions() {
			names[f.Key] = f.Name
		}
	}
	return names
}

// Prove is a proof of one entry, for whoever has this register's public key.
func (d *Daemon) Prove(ctx context.Context, c api.Caller, q *api.ProveRequest) (*api.Proof, error) {
	if err := d.mayRead(ctx, c, q.By); err != nil {
		return nil, err
	}
	p, err := d.journal.Prove(ctx, entry.Seq(q.Seq))
	switch {
	case errors.Is(err, journal.ErrRemoved):
		return nil, api.Errorf(api.CodeNotFound, "entry %d was removed as older than what is kept", q.Seq).
			WithHint("a proof that was made of it before holds on, as does one made of a copy that has it")
	case errors.Is(err, journal.ErrNotFound):
		return nil, api.Errorf(api.CodeNotFound, "the journal has no entry %d", q.Seq).WithHint(fmt.Sprintf("the last one is %d", d.journal.Last().Last))
	case err != nil:
		return nil, d.cannotDecide(err)
	}
	return &api.Proof{Text: string(p.Marshal())}, nil
}

// ActivityReport is what was done how often, by function.
func (d *Daemon) ActivityReport(ctx context.Context, c api.Caller, q *api.ReportRequest) (*report.Activity, error) {
	if err := d.mayRead(ctx, c, q.By); err != nil {
		return nil, err
	}
	a := report.NewActivity(d.functionNames())
	if err := d.collect(ctx, period(q.From, q.To), a); err != nil {
		return nil, err
	}
	return a.Result(), nil
}

// ExceptionReport is whose figures differ from their peers'.
func (d *Daemon) ExceptionReport(ctx context.Context, c api.Caller, q *api.ExceptionsRequest) (*report.Exceptions, error) {
	if err := d.mayRead(ctx, c, q.By); err != nil {
		return nil, err
	}
	hours, err := storeHours(q.Hours)
	if err != nil {
		return nil, err
	}
	if !(q.Deviation >= 0) || q.Sales < 0 || q.Peers < 0 || q.Least < 0 {
		return nil, api.Errorf(api.CodeInvalid, "a threshold is below zero")
	}
	x := report.NewExceptions(report.Options{
		Thresholds: report.Thresholds{Deviation: q.Deviation, Sales: q.Sales, Peers: q.Peers, Least: q.Least},
		Hours:      hours, Zone: time.Local,
	})
	if err := d.collect(ctx, period(x.Since(q.From), q.To), x); err != nil {
		return nil, err
	}
	return x.Result(), nil
}

// OpensReport is when drawers were opened on a day.
func (d *Daemon) OpensReport(ctx context.Context, c api.Caller, q *api.OpensRequest) (*report.Opens, error) {
	if err := d.mayRead(ctx, c, q.By); err != nil {
		return nil, err
	}
	hours, err := storeHours(q.Hours)
	if err != nil {
		return nil, err
	}
	day := d.clock.Stamp().Time().Local()
	if q.Day != "" {
		if day, err = week.ParseDay(q.Day, time.Local); err != nil {
			return nil, api.Errorf(api.CodeInvalid, "day is no day").WithHint("as 2026-03-01")
		}
	}
	o := report.NewOpens(day, hours)
	from, to := o.Bounds()
	if err := d.collect(ctx, period(&from, &to), o); err != nil {
		return nil, err
	}
	return o.Result(), nil
}

func storeHours(text string) (h week.Hours, err error) {
	if text == "" {
		return h, nil
	}
	if len(text) > api.MaxHours {
		return h, api.Errorf(api.CodeInvalid, "hours are longer than %d bytes", api.MaxHours)
	}
	if h, err = week.ParseHours(text); err != nil {
		return h, api.Errorf(api.CodeInvalid, "hours: %v", err)
	}
	return h, nil
}

// wanted says which entries of a stream are given, beyond its filter.
func (d *Daemon) wanted(q *api.JournalStream) (func(*entry.Entry) bool, error) {
	if len(q.Keyword) > 64 {
		return nil, api.Errorf(api.CodeInvalid, "the keyword is too long")
	}
	switch {
	case q.Keyword != "":
		return report.NewKeyword(q.Keyword, d.functionNames()).Match, nil
	case q.Acts:
		return report.Act, nil
	}
	return func(*entry.Entry) bool { return true }, nil
}
