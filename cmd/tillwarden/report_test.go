package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tillwarden/enforcer/journal"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/journal/journaltest"
)

// makeStore writes a made-up store's journal and its public key, and puts who does
// in it what a report should find into the environment. Where a day is given, what is
// older is removed: store DB PUB ENTRIES [DAY]
func makeStore(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || len(args) > 4 {
		ts.Fatalf("usage: store DB PUB ENTRIES [DAY]")
	}
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	s := journaltest.Store{Seed: 1, Entries: n}
	ts.Check(s.Write(context.Background(), ts.MkAbs(args[0])))
	if len(args) == 4 {
		day, err := time.Parse(time.DateOnly, args[3])
		ts.Check(err)
		stamp := entry.Stamp{Wall: day.AddDate(1, 0, 0).UnixNano()}
		j, err := journal.Open(context.Background(), s.Options(ts.MkAbs(args[0]), func() entry.Stamp { return stamp }))
		ts.Check(err)
		n, err := j.Retire(context.Background(), day, func(context.Context) error { return nil })
		ts.Check(errors.Join(err, j.Close()))
		ts.Logf("%d entries were removed", n)
	}
	_, public := s.Key()
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(public+"\n"), 0o600))
	p := s.Planted()
	for _, w := range [][2]string{{"REQUESTER", p.Requester}, {"APPROVER", p.Approver}, {"NOSALES", p.NoSales}, {"FORCED", p.Forced}} {
		ts.Setenv(w[0], w[1])
	}
}

// TestNoCellIsAFormula: what somebody typed is text to a spreadsheet, whatever it
// begins with, and comes back as it was but for the apostrophe; numbers are numbers.
func TestNoCellIsAFormula(t *testing.T) {
	typed := []string{
		`=HYPERLINK("http://x","y")`, "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "-",
		"Ann, \"A\"\nMiller", "-1.589", "0.25", "", "drawer", "a=b",
	}
	want := slices.Clone(typed)
	for i := range 9 {
		want[i] = "'" + want[i]
	}
	var out bytes.Buffer
	a := &app{out: &out}
	if err := a.csvRows([][]string{slices.Clone(typed)}); err != nil {
		t.Fatal(err)
	}
	acts := a.newActs(true)
	out.Write(acts.record(slices.Clone(typed)...))
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	for _, row := range rows {
		if !slices.Equal(row, want) {
			t.Errorf("cells are %q, want %q", row, want)
		}
	}
}
