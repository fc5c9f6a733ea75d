package report_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/journal/journaltest"
	"tillwarden/enforcer/report"
	"tillwarden/enforcer/week"
)

func exceptions(s journaltest.Store, o report.Options) *report.Exceptions {
	x := report.NewExceptions(o)
	for e := range s.All() {
		x.Add(e)
	}
	return x.Result()
}

func hours(t testing.TB, s string) week.Hours {
	t.Helper()
	h, err := week.ParseHours(s)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func operator(t testing.TB, r *report.Exceptions, number string) *report.Operator {
	t.Helper()
	for i := range r.Operators {
		if r.Operators[i].Operator == number {
			return &r.Operators[i]
		}
	}
	t.Fatalf("operator %s is not in the report", number)
	return nil
}

// TestPlantedIsFound, in one month of several stores, and the figures of those
// who do what all do are not exceptional, but for what chance brings about.
func TestPlantedIsFound(t *testing.T) {
	for seed := range uint64(4) {
		s := journaltest.Store{Seed: seed, Entries: 90_000}
		p := s.Planted()
		r := exceptions(s, report.Options{Hours: hours(t, "07:30-21:30")})
		if r.Period.Entries != 90_000 || r.Period.Journals != 1 || len(r.Operators) != 40 {
			t.Fatalf("seed %d: %+v, %d operators", seed, r.Period, len(r.Operators))
		}
		planted := map[[2]string]bool{}
		for _, want := range []struct{ who, figure string }{
			{p.NoSales, report.NoSales},
			{p.Requester, report.Overrides},
			{p.Forced, report.WithoutGrant},
			{p.AfterHours, report.AfterHours},
			{p.LeftOpen, report.LeftOpen},
			{p.LeftOpen, report.SecondsOpen},
			{p.Pins, report.Failures},
			{p.NoSales, report.Overrides}, // a no-sale needs one
		} {
			planted[[2]string{want.who, want.figure}] = true
			if f := operator(t, r, want.who).Figure(want.figure); !f.Exceptional {
				t.Errorf("seed %d: %s of %s is not exceptional: %s", seed, want.figure, want.who, text(f))
			}
		}
		chance := 0
		for _, o := range r.Operators {
			for _, f := range o.Figures {
				if f.Exceptional && !planted[[2]string{o.Operator, f.Name}] {
					chance++
				}
			}
		}
		if chance > 10 { // of 360 figures
			t.Errorf("seed %d: %d figures of people who do what all do are exceptional", seed, chance)
		}
		if first := r.Pairs[0]; first.Requester != p.Requester || first.Approver != p.Approver || !first.Exceptional || first.Share < 0.7 {
			t.Errorf("seed %d: the first pair is %s", seed, text(first))
		}
	}
}

// TestHonestStoreHasFewExceptions: none of what cannot happen by chance.
func TestHonestStoreHasFewExceptions(t *testing.T) {
	n := 0
	for seed := range uint64(4) {
		r := exceptions(journaltest.Store{Seed: seed, Entries: 90_000, Honest: true}, report.Options{Hours: hours(t, "07:30-21:30")})
		for _, o := range r.Operators {
			for _, f := range o.Figures {
				if f.Exceptional {
					n++
					if f.Name == report.WithoutGrant || f.Name == report.AfterHours {
						t.Errorf("seed %d: %s of %s: %s", seed, f.Name, o.Operator, text(f))
					}
				}
			}
		}
	}
	if n > 30 { // of 1,440 figures
		t.Errorf("%d figures are exceptional", n)
	}
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// day makes entries by hand: a cashier's, with sales, each a minute after the other.
type day struct {
	x   *report.ExceptionReport
	seq entry.Seq
	now time.Time
}

func (d *day) add(e entry.Entry) entry.Seq {
	d.seq++
	d.now = d.now.Add(time.Minute)
	e.Seq, e.Stamp.Wall = d.seq, d.now.UnixNano()
	d.x.Add(&e)
	return d.seq
}

func (d *day) signOn(operator string, groups ...string) entry.Seq {
	return d.add(entry.Entry{Kind: entry.KindSignOn, Operator: operator, WorkGroups: groups, Outcome: entry.OutcomeAllowed})
}

func (d *day) open(operator string, session entry.Seq, function string, n int) {
	for range n {
		d.add(entry.Entry{Kind: entry.KindRedeemed, Operator: operator, Session: session, Function: function, Outcome: entry.OutcomeAllowed, About: 1})
	}
}

func newDay(o report.Options) *day {
	return &day{x: report.NewExceptions(o), now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
}

func TestTooLittleDataIsSaid(t *testing.T) {
	d := newDay(report.Options{Thresholds: report.Thresholds{Sales: 10, Peers: 3}})
	for _, who := range []string{"1", "2", "3"} {
		s := d.signOn(who, "Cashier")
		d.open(who, s, "pos.drawer.sale", 12)
	}
	few := d.signOn("4", "Cashier")
	d.open("4", few, "pos.drawer.sale", 2)
	d.open("4", few, "pos.drawer.nosale", 9)
	alone := d.signOn("5", "Cashier", "Returns")
	d.open("5", alone, "pos.drawer.sale", 20)
	none := d.signOn("6", "Cashier")
	d.open("6", none, "pos.drawer.nosale", 4)
	r := d.x.Result()
	for _, c := range []struct{ who, figure, note string }{
		{"1", report.NoSales, ""},
		{"4", report.NoSales, report.TooLittle},
		{"4", report.WithoutGrant, ""}, // a count needs no sales
		{"5", report.NoSales, report.TooFew},
		{"6", report.NoSales, report.TooLittle},
		{"1", report.AfterHours, report.NoHours},
	} {
		f := operator(t, r, c.who).Figure(c.figure)
		if f.Note != c.note || f.Exceptional || (f.Note == "") != (f.Deviation != nil) {
			t.Errorf("%s of %s: %s, want the note %q", c.figure, c.who, text(f), c.note)
		}
	}
	if f := operator(t, r, "6").Figure(report.NoSales); f.Rate != nil || f.Count != 4 {
		t.Errorf("without sales there is no rate: %s", text(f))
	}
	if f := operator(t, r, "4").Figure(report.NoSales); f.Rate == nil || *f.Rate != 450 {
		t.Errorf("9 no-sales on 2 sales: %s", text(f))
	}
}

func TestWhoseItIs(t *testing.T) {
	d := newDay(report.Options{})
	forced := entry.Entry{Kind: entry.KindDrawerOpened, Reason: entry.ReasonNoGrant}
	card := entry.Entry{Kind: entry.KindCardRefused, Outcome: entry.OutcomeDenied, Reason: entry.ReasonUnreadable}
	d.add(forced) // nobody is signed on
	d.add(card)
	s := d.signOn("1", "Cashier")
	of := func(e entry.Entry, session entry.Seq) entry.Entry { e.Session = session; return e }
	d.add(of(forced, s)) // the sensor names the session alone
	d.add(of(card, s))
	d.add(of(card, s+100)) // of a session that is not this one
	d.add(entry.Entry{Kind: entry.KindDrawerOpened, Session: s, About: 7})
	d.add(entry.Entry{Kind: entry.KindDrawerClosed, Session: s, Elapsed: int64(7 * time.Second)})
	d.add(entry.Entry{Kind: entry.KindDrawerClosed, Session: s, Elapsed: int64(9 * time.Second)})
	// Suspended is no failure of card or PIN.
	d.add(entry.Entry{Kind: entry.KindSignOn, Operator: "2", Outcome: entry.OutcomeDenied, Reason: entry.ReasonSuspended})
	d.add(entry.Entry{Kind: entry.KindSignOn, Operator: "2", Outcome: entry.OutcomeDenied, Reason: entry.ReasonWrongPIN})
	d.add(entry.Entry{Kind: entry.KindSummary, Count: 30})
	// An approver who never signs on here has the work group whose rule allowed it.
	d.add(entry.Entry{
		Kind: entry.KindApproval, Operator: "1", Session: s, Outcome: entry.OutcomeAllowed, Rule: &entry.Rule{WorkGroup: "Manager"},
		Approval: &entry.Approval{Operator: "9", Method: entry.MethodNumberPIN},
	})
	d.add(entry.Entry{ // the first of two
		Kind: entry.KindApproval, Operator: "1", Session: s, Outcome: entry.OutcomeOverrideRequired, Rule: &entry.Rule{WorkGroup: "Manager"},
		Approval: &entry.Approval{Operator: "8", Method: entry.MethodCardPIN},
	})
	d.add(entry.Entry{ // refused: no pair
		Kind: entry.KindApproval, Operator: "1", Session: s, Outcome: entry.OutcomeDenied, Reason: entry.ReasonOwnRequest,
		Approval: &entry.Approval{Operator: "1"},
	})
	d.x.NextJournal()
	d.add(of(forced, s)) // of another register, whose session that is not
	r := d.x.Result()
	one := operator(t, r, "1")
	for _, c := range []struct {
		got, want int64
		what      string
	}{
		{r.Nobody.WithoutGrant, 2, "without grant, nobody"},
		{r.Nobody.Failures, 2, "failures, nobody"},
		{r.Nobody.Uncounted, 30, "uncounted"},
		{one.Figure(report.WithoutGrant).Count, 1, "without grant"},
		{one.Figure(report.Failures).Count, 1, "failures"},
		{one.Figure(report.Overrides).Count, 1, "overrides"},
		{one.Opens, 1, "opens"},
		{operator(t, r, "2").Figure(report.Failures).Count, 1, "failures of 2"},
		{operator(t, r, "9").Figure(report.Approvals).Count, 1, "approvals of 9"},
		{int64(r.Period.Journals), 2, "journals"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, want %d", c.what, c.got, c.want)
		}
	}
	if f := one.Figure(report.SecondsOpen); f.Rate == nil || *f.Rate != 8 {
		t.Errorf("it stood open for 7 and 9 seconds: %s", text(f))
	}
	if groups := operator(t, r, "9").WorkGroups; !slices.Equal(groups, []string{"Manager"}) {
		t.Errorf("the approver's work groups are %q", groups)
	}
	want := []report.Pair{
		{Requester: "1", Approver: "8", Approved: 1, Share: 1, Note: report.TooLittle},
		{Requester: "1", Approver: "9", Approved: 1, ByNumber: 1, Share: 1, Note: report.TooLittle},
	}
	if text(r.Pairs) != text(want) {
		t.Errorf("pairs: %s", text(r.Pairs))
	}
}

// TestExceptionsAreJSON: no figure is one that JSON does not have.
func TestExceptionsAreJSON(t *testing.T) {
	r := exceptions(journaltest.Store{Seed: 2, Entries: 5000}, report.Options{})
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back report.Exceptions
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if text(back) != string(raw) {
		t.Errorf("read back it is\n%s, not\n%s", text(back), raw)
	}
	for _, o := range r.Operators {
		for _, f := range o.Figures {
			if f.Deviation != nil && (math.IsNaN(*f.Deviation) || math.IsInf(*f.Deviation, 0)) {
				t.Errorf("%s of %s deviates by %v", f.Name, o.Operator, *f.Deviation)
			}
		}
	}
}

// TestSessionIsItsOperators: who shows a card or a PIN in somebody else's session,
// as an approver who mistypes, does not become whom that session's drawer and
// reader are put down to.
func TestSessionIsItsOperators(t *testing.T) {
	for _, other := range []entry.Entry{
		{Kind: entry.KindIdentify, Outcome: entry.OutcomeDenied, Reason: entry.ReasonWrongPIN},
		{Kind: entry.KindUnlock, Outcome: entry.OutcomeDenied, Reason: entry.ReasonRule},
		{Kind: entry.KindUnlock, Outcome: entry.OutcomeAllowed, Reason: entry.ReasonRule},
		{Kind: entry.KindLockout},
		{Kind: entry.KindClockIn, Outcome: entry.OutcomeAllowed},
	} {
		x := report.NewExceptions(report.Options{})
		other.Session, other.Operator = 1, "901"
		for i, e := range []entry.Entry{
			{Kind: entry.KindSignOn, Outcome: entry.OutcomeAllowed, Operator: "101"},
			other,
			{Kind: entry.KindDrawerOpened, Session: 1, Reason: entry.ReasonNoGrant},
			{Kind: entry.KindDrawerLeftOpen, Session: 1},
			{Kind: entry.KindCardRefused, Session: 1, Outcome: entry.OutcomeDenied, Reason: entry.ReasonUnreadable},
		} {
			e.Seq = entry.Seq(i + 1)
			x.Add(&e)
		}
		r := x.Result()
		for _, name := range []string{report.WithoutGrant, report.LeftOpen, report.Failures} {
			if f := operator(t, r, "101").Figure(name); f.Count != 1 {
				t.Errorf("after %v of another operator: %s of the session's operator are %d, not 1", other.Kind, name, f.Count)
			}
		}
	}
}

// TestLacks: a journal that begins too late is told of, by its number and as far as
// the report was asked for what is not there.
func TestLacks(t *testing.T) {
	begins := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		what    string
		from    time.Time
		first   entry.Seq
		removed int64
		lacks   bool
		earlier bool
	}{
		{"whole, from the beginning", time.Time{}, 1, 0, false, false},
		{"whole, from a day before it", begins.AddDate(0, 0, -1), 1, 0, false, false},
		{"removed, from the beginning", time.Time{}, 257, 256, true, false},
		{"removed, from a second before", begins.Add(-time.Second), 257, 256, true, false},
		{"removed, from its first entry on", begins, 257, 256, false, false},
		{"after damage", time.Time{}, 500, 0, true, true},
		{"after damage, and then removed", time.Time{}, 756, 256, true, true},
	} {
		x := report.NewActivity(nil)
		x.Begins(time.Time{}, 1, begins, 0)
		x.NextJournal()
		x.Begins(c.from, c.first, begins, c.removed)
		p := x.Result().Period
		if p.Journals != 2 {
			t.Errorf("%s: %d journals", c.what, p.Journals)
		}
		if len(p.Lacks) > 1 || c.lacks != (len(p.Lacks) == 1) {
			t.Errorf("%s: lacks %+v", c.what, p.Lacks)
			continue
		}
		if !c.lacks {
			continue
		}
		if l := p.Lacks[0]; l.Journal != 2 || !l.Before.Equal(begins) || l.First != c.first || l.Removed != c.removed || l.Earlier() != c.earlier {
			t.Errorf("%s: lacks %+v", c.what, l)
		}
	}
}

// TestJournalsInAnyOrder: the first and the last of several registers, whichever is
// read first, and a day's openings one after the other.
func TestJournalsInAnyOrder(t *testing.T) {
	day := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	a, o := report.NewActivity(nil), report.NewOpens(day, hours(t, "07:45-21:00"))
	for i, minute := range []int{9*60 + 30, 7*60 + 50, 7*60 + 40, 12 * 60} {
		if i == 2 {
			a.NextJournal()
			o.NextJournal()
		}
		e := entry.Entry{
			Seq: entry.Seq(i + 1), Kind: entry.KindRedeemed, Outcome: entry.OutcomeAllowed, Function: "pos.drawer.sale", Operator: "101",
			Stamp: entry.Stamp{Wall: day.Add(time.Duration(minute) * time.Minute).UnixNano()},
		}
		if minute != 7*60+50 && minute != 7*60+40 {
			e.Function = "pos.drawer.nosale"
		}
		a.Add(&e)
		o.Add(&e)
	}
	for _, f := range a.Result().Rows {
		if f.First.After(f.Last) {
			t.Errorf("%s: from %s to %s", f.Function, f.First, f.Last)
		}
	}
	// The sale at 7:50 is within the hours, though its half an hour begins before them.
	var got []string
	for _, e := range o.Result().Events {
		got = append(got, fmt.Sprintf("%s %d/%d", e.Time.Format("15:04"), e.Journal, e.Seq))
	}
	if want := []string{"07:40 2/3", "09:30 1/1", "12:00 2/4"}; !slices.Equal(got, want) {
		t.Errorf("openings to look at: %v, want %v", got, want)
	}
}

// TestOpensOfADayWithoutMidnight: the clock is put forward over it in some places.
func TestOpensOfADayWithoutMidnight(t *testing.T) {
	in, err := time.LoadLocation("America/Santiago")
	if err != nil {
		t.Fatal(err)
	}
	o := report.NewOpens(time.Date(2025, 9, 7, 12, 0, 0, 0, in), week.Hours{})
	for i, at := range []time.Time{time.Date(2025, 9, 6, 23, 30, 0, 0, in), time.Date(2025, 9, 7, 1, 10, 0, 0, in)} {
		o.Add(&entry.Entry{
			Seq: entry.Seq(i + 1), Kind: entry.KindRedeemed, Outcome: entry.OutcomeAllowed, Function: "pos.drawer.nosale", Stamp: entry.Stamp{Wall: at.UnixNano()},
		})
	}
	r := o.Result()
	if r.Day != "2025-09-07" || len(r.Slots) != 46 || r.Slots[0].NoSales != 1 || len(r.Events) != 1 {
		t.Errorf("%s has %d half hours, and in its first %d openings of %d", r.Day, len(r.Slots), r.Slots[0].NoSales, len(r.Events))
	}
}
