package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/testscript"

	"tillwarden/enforcer/journal"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/journal/journaltest"
	"tillwarden/enforcer/report"
	"tillwarden/enforcer/week"
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
	acts := a.newActs(&reportFlags{csv: true})
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

// TestApproversFitATerminal: what belongs together stands in a line each, and what is
// said of nobody in two.
func TestApproversFitATerminal(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 2, 8, 30, 0, 0, time.UTC)
	r := &report.Exceptions{Period: report.Period{Entries: 9_000_000, Journals: 12}}
	r.Nobody.WithoutGrant, r.Nobody.Failures, r.Nobody.Uncounted = 123_456, 123_456, 123_456
	r.Approvers = []report.Approver{{
		Approver: "123456789", What: report.TwoRegisters, Count: 1_000, Approvals: 10_000, Exceptional: true,
		Latest: []report.Approval{{Journal: 11, Seq: 1_234_567, Time: at}, {Journal: 12, Seq: 7_654_321, Time: at.Add(time.Second)}},
	}}
	var out bytes.Buffer
	if err := (&app{out: &out}).showExceptions(r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"entry 11/1234567,", "entry 12/7654321,", "123456 refusals too fast"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in it", want)
		}
	}
	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > helpColumns {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// TestADayIsShownByTheRegistersClock: the register says in which zone the day is, and
// whoever reads it elsewhere sees its hours.
func TestADayIsShownByTheRegistersClock(t *testing.T) {
	for _, zone := range []*time.Location{time.FixedZone("east", 11*3600), time.FixedZone("west", -11*3600)} {
		day := time.Date(2026, 3, 2, 0, 0, 0, 0, zone)
		r := report.NewOpens(day, week.Hours{})
		r.Add(&entry.Entry{
			Seq: 7, Kind: entry.KindRedeemed, Outcome: entry.OutcomeAllowed, Function: "pos.drawer.nosale", Drawer: "till",
			Stamp: entry.Stamp{Wall: day.Add(9*time.Hour + 40*time.Minute).UnixNano()},
		})
		wire, err := json.Marshal(r.Result())
		if err != nil {
			t.Fatal(err)
		}
		var o report.Opens
		if err := json.Unmarshal(wire, &o); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := (&app{out: &out}).showOpens(&o); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"2026-03-02 (" + zone.String() + ")", "\n09:30  N ", "\n09:40:00  7 "} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%q is not in:\n%s", want, out.String())
			}
		}
	}
}
