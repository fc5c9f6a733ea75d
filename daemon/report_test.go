package daemon

import (
	"errors"
	"testing"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/journal"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/report"
)

// TestReportsOfTheRegister: made by the daemon of what it journals, for whoever
// may read the journal and nobody else.
func TestReportsOfTheRegister(t *testing.T) {
	t.Parallel()
	tl := newTill(t, "")
	ctx := t.Context()
	tl.staffed()
	if _, err := tl.con.SignOn(ctx, creds("1001")); err != nil {
		t.Fatal(err)
	}
	a, err := tl.tech.ActivityReport(ctx, api.ReportRequest{})
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, f := range a.Rows {
		if f.Function == "pos.signon" && f.Allowed > 0 && f.Operators > 0 && f.Name != "" {
			found = true
		}
	}
	if !found || a.Period.Journals != 1 || a.Period.Entries == 0 {
		t.Errorf("no sign-on in %+v", a)
	}
	later := time.Now().Add(time.Hour)
	if a, err = tl.tech.ActivityReport(ctx, api.ReportRequest{From: &later}); err != nil || a.Period.Entries != 0 {
		t.Errorf("of the next hour: %+v, %v", a, err)
	}
	x, err := tl.tech.ExceptionReport(ctx, api.ExceptionsRequest{Hours: "08:00-21:00", Deviation: 5})
	if err != nil || len(x.Operators) == 0 || x.Thresholds.Deviation != 5 || x.Thresholds.Sales != report.DefaultSales || !x.Hours.Set() {
		t.Errorf("exceptions: %+v, %v", x, err)
	}
	o, err := tl.tech.OpensReport(ctx, api.OpensRequest{})
	if err != nil || o.Day != time.Now().Format(time.DateOnly) || len(o.Slots) < 46 {
		t.Errorf("opens: %+v, %v", o, err)
	}
	for what, ask := range map[string]func() error{
		"hours": func() error {
			_, err := tl.tech.ExceptionReport(ctx, api.ExceptionsRequest{Hours: "always"})
			return err
		},
		"deviation": func() error { _, err := tl.tech.ExceptionReport(ctx, api.ExceptionsRequest{Deviation: -1}); return err },
		"day":       func() error { _, err := tl.tech.OpensReport(ctx, api.OpensRequest{Day: "yesterday"}); return err },
	} {
		var e *api.Error
		if err := ask(); !errors.As(err, &e) || e.Code != api.CodeInvalid {
			t.Errorf("%s that make no sense: %v", what, err)
		}
	}
	// At the console it takes somebody who may.
	if _, err := tl.con.ActivityReport(ctx, api.ReportRequest{}); err == nil {
		t.Error("nobody may read the journal at the console")
	}
	by := creds("1001")
	if _, err := tl.con.ExceptionReport(ctx, api.ExceptionsRequest{ReportRequest: api.ReportRequest{By: &by}}); err == nil {
		t.Error("a cashier may read the exceptions")
	}
	// One entry, proved to whoever has the register's key.
	cp, err := tl.tech.Checkpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := tl.tech.Prove(ctx, api.ProveRequest{Seq: 1})
	if err != nil {
		t.Fatal(err)
	}
	key, err := journal.ParsePublic(cp.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	p, err := journal.ParseProof([]byte(proof.Text))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.Check(key); err != nil || got.Entry.Seq != 1 || got.Entry.Kind != entry.KindStart {
		t.Errorf("it proves %+v, %v", got, err)
	}
	var missing *api.Error
	if _, err := tl.tech.Prove(ctx, api.ProveRequest{Seq: 1 << 40}); !errors.As(err, &missing) || missing.Code != api.CodeNotFound {
		t.Errorf("an entry that is not there: %v", err)
	}
	words := 0
	err = tl.tech.JournalStream(ctx, api.JournalStream{Keyword: "SIGNON"}, func(e *api.Entry, _ []byte) error {
		if words++; e.Function != "pos.signon" {
			t.Errorf("the keyword gives %+v", e)
		}
		return nil
	})
	if err != nil || words == 0 {
		t.Errorf("%d acts with the keyword: %v", words, err)
	}
	err = tl.tech.JournalStream(ctx, api.JournalStream{Acts: true}, func(e *api.Entry, _ []byte) error {
		if e.Kind == "start" || e.Kind == "device-up" {
			t.Errorf("no act: %+v", e)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
