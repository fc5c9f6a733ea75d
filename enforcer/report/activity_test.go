package report_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tillwarden/enforcer/journal"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/journal/journaltest"
	"tillwarden/enforcer/report"
	"tillwarden/enforcer/week"
)

func TestActivityCountsEachActOnce(t *testing.T) {
	a := report.NewActivity(map[string]string{"pos.drawer.nosale": "No Sale"})
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	add := func(e entry.Entry) {
		at = at.Add(time.Minute)
		e.Stamp.Wall = at.UnixNano()
		a.Add(&e)
	}
	add(entry.Entry{Kind: entry.KindStart})
	add(entry.Entry{Seq: 2, Kind: entry.KindSignOn, Operator: "1", Function: "pos.signon", Outcome: entry.OutcomeAllowed})
	noSale := entry.Entry{Operator: "1", Session: 2, Function: "pos.drawer.nosale"}
	of := func(k entry.Kind, o entry.Outcome) entry.Entry { e := noSale; e.Kind, e.Outcome = k, o; return e }
	// One that is approved, with the opening that follows.
	add(of(entry.KindDecision, entry.OutcomeOverrideRequired))
	add(of(entry.KindOverride, entry.OutcomeOverrideRequired))
	add(of(entry.KindApproval, entry.OutcomeDenied))
	add(of(entry.KindApproval, entry.OutcomeAllowed))
	add(of(entry.KindRedeemed, entry.OutcomeAllowed))
	add(entry.Entry{Kind: entry.KindDrawerOpened, Session: 2, About: 6})
	// One that is not, one that is denied, one that is withdrawn, one that fails.
	add(of(entry.KindDecision, entry.OutcomeOverrideRequired))
	add(of(entry.KindOverride, entry.OutcomeOverrideRequired))
	add(of(entry.KindOverrideEnd, entry.OutcomeDenied))
	e := of(entry.KindDecision, entry.OutcomeDenied)
	e.Operator = "2"
	add(e)
	add(of(entry.KindDecision, entry.OutcomeAllowed))
	add(of(entry.KindWithdrawn, entry.OutcomeDenied))
	add(of(entry.KindDecision, entry.OutcomeError))
	// One that is confirmed with the own PIN, at the second try, for the transaction.
	add(of(entry.KindDecision, entry.OutcomeOverrideRequired))
	add(of(entry.KindOverride, entry.OutcomeOverrideRequired))
	add(of(entry.KindStepUp, entry.OutcomeDenied))
	add(of(entry.KindStepUp, entry.OutcomeAllowed))
	add(of(entry.KindScopeEnd, entry.OutcomeDenied))
	add(entry.Entry{Kind: entry.KindDrawerOpened, Session: 2}) // without a grant
	add(entry.Entry{Kind: entry.KindLock, Operator: "1", Session: 2, Outcome: entry.OutcomeAllowed})
	r := a.Result()
	var keys []string
	for _, f := range r.Rows {
		keys = append(keys, f.Function)
	}
	if want := []string{"drawer-opened", "lock", "pos.drawer.nosale", "pos.signon"}; !slices.Equal(keys, want) {
		t.Fatalf("rows %q, want %q", keys, want)
	}
	got := r.Rows[2]
	first, last := got.First.Format("15:04"), got.Last.Format("15:04")
	got.First, got.Last = time.Time{}, time.Time{}
	want := report.Function{
		Function: "pos.drawer.nosale", Name: "No Sale", Allowed: 1, Override: 3, Approved: 2, Denied: 1, Failed: 1, Opens: 1, Operators: 2,
	}
	if got != want || first != "09:03" || last != "09:19" {
		t.Errorf("%+v from %s to %s, want %+v", got, first, last, want)
	}
	if forced := r.Rows[0]; forced.Opens != 1 || forced.Operators != 1 {
		t.Errorf("without a grant: %+v", forced)
	}
	if r.Period.Entries != 22 {
		t.Errorf("%d entries", r.Period.Entries)
	}
}

// TestActivityIsBounded: a POS that asks for ever new functions gets one row.
func TestActivityIsBounded(t *testing.T) {
	a := report.NewActivity(nil)
	for i := range 10_000 {
		a.Add(&entry.Entry{Kind: entry.KindDecision, Function: string(rune('a'+i%26)) + time.Duration(i).String(), Outcome: entry.OutcomeDenied})
	}
	r := a.Result()
	if len(r.Rows) != 4097 || r.Rows[0].Function != report.Others || r.Rows[0].Denied != 10_000-4096 {
		t.Errorf("%d rows, the first %+v", len(r.Rows), r.Rows[0])
	}
}

func TestKeyword(t *testing.T) {
	names := map[string]string{"pos.till.paidout": "Paid out / expense / petty cash"}
	for _, c := range []struct {
		word string
		e    entry.Entry
		want bool
	}{
		{"paid", entry.Entry{Kind: entry.KindDecision, Function: "pos.till.paidout"}, true},
		{"PETTY", entry.Entry{Kind: entry.KindDecision, Function: "pos.till.paidout"}, true},
		{"petty", entry.Entry{Kind: entry.KindDecision, Function: "pos.till.paidin"}, false},
		{"pin", entry.Entry{Kind: entry.KindSignOn, Reason: entry.ReasonWrongPIN}, true},
		{"lock", entry.Entry{Kind: entry.KindLock}, true},
		{"117", entry.Entry{Kind: entry.KindPeople, Subject: "117"}, true},
		{"power", entry.Entry{Kind: entry.KindMode, Why: "Power cut"}, true},
		{"sale", entry.Entry{Kind: entry.KindRedeemed, Function: "pos.drawer.sale"}, false}, // a result, not an act
		{"drawer", entry.Entry{Kind: entry.KindDrawerOpened, About: 3}, false},
		{"drawer", entry.Entry{Kind: entry.KindDrawerOpened}, true},
	} {
		k := report.NewKeyword(c.word, names)
		for range 2 {
			if got := k.Match(&c.e); got != c.want {
				t.Errorf("%q in %s: %v", c.word, text(c.e), got)
			}
		}
	}
}

func TestOpens(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := func(d, h, m int) time.Time { return time.Date(2026, 3, d, h, m, 0, 0, zone) }
	o := report.NewOpens(at(28, 12, 0), hours(t, "08:00-21:00"))
	add := func(when time.Time, e entry.Entry) {
		e.Stamp.Wall = when.UnixNano()
		o.Add(&e)
	}
	open := func(function string) entry.Entry {
		return entry.Entry{Kind: entry.KindRedeemed, Operator: "1", Session: 1, Function: function, Outcome: entry.OutcomeAllowed, About: 1}
	}
	add(at(27, 23, 59), open("pos.drawer.nosale")) // the day before
	add(at(28, 9, 0), open("pos.drawer.sale"))
	add(at(28, 9, 29), open("pos.drawer.nosale"))
	add(at(28, 9, 30), open("pos.till.pickup"))
	add(at(28, 9, 40), entry.Entry{Kind: entry.KindDrawerOpened, Session: 1})
	add(at(28, 9, 41), entry.Entry{Kind: entry.KindDrawerOpened, Session: 1, About: 3}) // of a grant: counted by its pulse
	add(at(28, 22, 0), open("pos.drawer.sale"))
	add(at(29, 0, 0), open("pos.drawer.nosale")) // the day after
	r := o.Result()
	if r.Day != "2026-03-28" || r.Zone != "CET" || len(r.Slots) != 48 || r.Period.Entries != 6 {
		t.Fatalf("%s %s, %d slots, %d entries", r.Day, r.Zone, len(r.Slots), r.Period.Entries)
	}
	for i, want := range map[int][4]int{18: {1, 1, 0, 0}, 19: {0, 0, 1, 1}, 44: {1, 0, 0, 0}, 0: {}} {
		s := r.Slots[i]
		if got := [4]int{s.Sales, s.NoSales, s.Other, s.WithoutGrant}; got != want {
			t.Errorf("at %s: %v, want %v", s.From.Format("15:04"), got, want)
		}
		if s.AfterHours != (i == 44 || i == 0) {
			t.Errorf("at %s: after hours %v", s.From.Format("15:04"), s.AfterHours)
		}
	}
	var told []string
	for _, e := range r.Events {
		told = append(told, e.Time.Format("15:04")+" "+e.Operator+" "+e.Function)
	}
	if want := []string{"09:29 1 pos.drawer.nosale", "09:30 1 pos.till.pickup", "09:40 1 ", "22:00 1 pos.drawer.sale"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	// Clocks go forward and back: the day has 23 and 25 hours.
	for day, want := range map[int]int{29: 46, 30: 48} {
		if n := len(report.NewOpens(at(day, 12, 0), week.Hours{}).Result().Slots); n != want {
			t.Errorf("the %d. has %d slots", day, n)
		}
	}
	if n := len(report.NewOpens(time.Date(2026, 10, 25, 1, 0, 0, 0, zone), week.Hours{}).Result().Slots); n != 50 {
		t.Errorf("the long day has %d slots", n)
	}
}

// BenchmarkReports adds entries that are in memory to each report.
func BenchmarkReports(b *testing.B) {
	var es []entry.Entry
	for e := range (journaltest.Store{Seed: 1, Entries: 100_000}).All() {
		es = append(es, *e)
	}
	h := hours(b, "08:00-21:00")
	for _, c := range []struct {
		name  string
		begin func() func(*entry.Entry)
	}{
		{"activity", func() func(*entry.Entry) { return report.NewActivity(nil).Add }},
		{"exceptions", func() func(*entry.Entry) { return report.NewExceptions(report.Options{Hours: h}).Add }},
		{"opens", func() func(*entry.Entry) { return report.NewOpens(es[50_000].Stamp.Time(), h).Add }},
		{"time", func() func(*entry.Entry) { return report.NewTime("", nil).Add }},
		{"keyword", func() func(*entry.Entry) {
			k := report.NewKeyword("paid", nil)
			return func(e *entry.Entry) { k.Match(e) }
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				add := c.begin()
				for i := range es {
					add(&es[i])
				}
			}
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/float64(len(es))*1e6, "s/1M")
		})
	}
}

// BenchmarkReportFile makes each report of a year's journal from its file, against
// reading its entries and doing nothing with them.
func BenchmarkReportFile(b *testing.B) {
	const entries = 1_000_000
	s := journaltest.Store{Seed: 1, Entries: entries}
	path := filepath.Join(b.TempDir(), "journal.db")
	if err := s.Write(b.Context(), path); err != nil {
		b.Fatal(err)
	}
	r, err := journal.OpenReader(path)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	read := func(b *testing.B, add func(*entry.Entry)) time.Duration {
		t0 := time.Now()
		n := 0
		err := r.Each(b.Context(), journal.Filter{}, func(e *entry.Entry) error { n++; add(e); return nil })
		if err != nil || n != entries {
			b.Fatal(n, err)
		}
		return time.Since(t0)
	}
	for _, c := range []struct {
		name  string
		begin func() func(*entry.Entry)
	}{
		{"activity", func() func(*entry.Entry) { return report.NewActivity(nil).Add }},
		{"exceptions", func() func(*entry.Entry) {
			return report.NewExceptions(report.Options{Hours: hours(b, "08:00-21:00")}).Add
		}},
		{"time", func() func(*entry.Entry) { return report.NewTime("", nil).Add }},
		{"keyword", func() func(*entry.Entry) {
			k := report.NewKeyword("paid", nil)
			return func(e *entry.Entry) { k.Match(e) }
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var own, bare time.Duration
			for b.Loop() {
				own += read(b, c.begin())
				bare += read(b, func(*entry.Entry) {})
			}
			b.ReportMetric(own.Seconds()/float64(b.N), "s/1M")
			b.ReportMetric(float64(own)/float64(bare), "x-floor")
		})
	}
}
