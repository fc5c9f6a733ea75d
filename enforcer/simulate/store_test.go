package simulate_test

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tillwarden/enforcer/journal"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/journal/journaltest"
	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/policy/presets"
	"tillwarden/enforcer/policy/source"
	"tillwarden/enforcer/simulate"
	"tillwarden/enforcer/timeclock"
)

// shipped is the shipped policy, written otherwise in its cashiers' file: each old
// text gives way to the new one after it.
func shipped(t testing.TB, texts ...string) *policy.Compiled {
	t.Helper()
	files := presets.Files()
	text := string(files["cashiers.hcl"])
	for i := 0; i < len(texts); i += 2 {
		if !strings.Contains(text, texts[i]) {
			t.Fatalf("the presets have no %s", texts[i])
		}
		text = strings.ReplaceAll(text, texts[i], texts[i+1])
	}
	files["cashiers.hcl"] = []byte(text)
	c, _, ds := source.Compile(files)
	if c == nil {
		t.Fatal(ds)
	}
	return c
}

// stricter lets managers open the drawer without a sale no longer, and has another
// name for the work group with returns.
func stricter(t testing.TB) *policy.Compiled {
	t.Helper()
	return shipped(t, `"pos.drawer.sale", "pos.drawer.nosale", "pos.drawer.reopen"`, `"pos.drawer.sale", "pos.drawer.reopen"`,
		`work_group "POS Cashier - Sales and Returns"`, `work_group "Another name"`)
}

// A store's journal, counted again by hand.
func TestStore(t *testing.T) {
	p := stricter(t)
	zone := time.FixedZone("", -8*3600) // the store's evening is another day
	s := simulate.New(p, zone)
	type way struct{ operator, function, day, was, would string }
	want := map[way]int64{}
	word := map[entry.Outcome]string{entry.OutcomeAllowed: "allow", entry.OutcomeOverrideRequired: "override", entry.OutcomeDenied: "deny"}
	groups := map[string][]string{}
	decisions, refusals := int64(0), int64(0)
	store := journaltest.Store{Seed: 3, Entries: 30_000}
	for e := range store.All() {
		s.Add(e)
		if len(e.WorkGroups) > 0 {
			groups[e.Operator] = e.WorkGroups
		}
		if e.Reason != entry.ReasonRule {
			if e.Kind == entry.KindSignOn || e.Kind == entry.KindUnlock || e.Kind == entry.KindApproval {
				refusals++
			}
			continue
		}
		switch e.Kind {
		case entry.KindDecision, entry.KindSignOn, entry.KindClockIn, entry.KindClockOut, entry.KindBreakBegin, entry.KindBreakEnd:
			decisions++
			i, ok := p.Lookup(e.Function)
			if !ok {
				t.Fatalf("%s is not in the catalogue", e.Function)
			}
			would := p.Explain(e.WorkGroups, i).Access.String()
			if e.Kind != entry.KindDecision && would == "override" {
				would = "deny"
			}
			if was := word[e.Outcome]; was != would {
				want[way{e.Operator, e.Function, e.Stamp.Time().In(zone).Format(time.DateOnly), was, would}]++
			}
		}
	}
	r := s.Result()
	got := map[way]int64{}
	for _, c := range r.Changes {
		if !c.Approving {
			got[way{c.Operator, c.Function, c.Day, c.Was.String(), c.Would.String()}] += c.Count
		}
	}
	for k, n := range want {
		if got[k] != n {
			t.Errorf("%+v: got %d, want %d", k, got[k], n)
		}
	}
	if len(got) != len(want) || len(want) < 50 {
		t.Errorf("%d ways, want %d", len(got), len(want))
	}
	if sums(r) != r.Decisions || r.Decisions < decisions || r.Entries != 30_000 || r.ByState > refusals {
		t.Errorf("it does not add up: %+v", r)
	}
	for what, list := range map[string][]simulate.Tally{"operators": r.Operators, "functions": r.Functions, "days": r.Days} {
		var all, otherwise int64
		for _, x := range list {
			all += x.Decisions
			otherwise += x.Otherwise
		}
		if all != r.Same+r.Otherwise || otherwise != r.Otherwise {
			t.Errorf("%s: %d of %d, want %d of %d", what, otherwise, all, r.Otherwise, r.Same+r.Otherwise)
		}
	}
	// Who has only a work group that is not there does not get a session.
	if r.UnknownGroups[journaltest.Returns] != 12 || r.InUnmadeSessions == 0 {
		t.Errorf("unknown work groups %v, %d decisions in sessions that would not have begun", r.UnknownGroups, r.InUnmadeSessions)
	}
	// Managers approved no-sales, and no longer could.
	approvals := int64(0)
	for _, c := range r.Changes {
		if c.Approving && c.Function == "pos.drawer.nosale" {
			if c.Operator[0] != '9' || c.Was != policy.Allowed || c.Would != policy.Denied || c.Reason != entry.ReasonApproverMayNot || c.Rule.Function != "pos.drawer" {
				t.Errorf("%+v", c)
			}
			approvals += c.Count
		}
	}
	if approvals == 0 {
		t.Error("no approvals")
	}
}

// What is counted from a moment on is the same as in the whole, in full knowledge of
// what was before; and more can be decided than without that.
func TestFrom(t *testing.T) {
	p := stricter(t)
	const first = "2025-03-08"
	from, err := time.Parse(time.DateOnly, first)
	if err != nil {
		t.Fatal(err)
	}
	whole, part, cut := simulate.New(p, time.UTC), simulate.New(p, time.UTC), simulate.New(p, time.UTC)
	part.From(from)
	for e := range (journaltest.Store{Seed: 3, Entries: 30_000}).All() {
		if timeclock.IsPunch(e.Kind) { // of a register without a time clock, where approvers are met later
			continue
		}
		whole.Add(e)
		part.Add(e)
		if !e.Stamp.Time().Before(from) {
			cut.Add(e)
		}
	}
	want := 0
	all, got, without := whole.Result(), part.Result(), cut.Result()
	for _, c := range all.Changes {
		if c.Day >= first {
			want++
			if !slices.ContainsFunc(got.Changes, func(g simulate.Change) bool { g.First = c.First; return g == c }) {
				t.Errorf("it lacks %+v", c)
			}
		}
	}
	if want == 0 || len(got.Changes) != want || len(all.Changes) <= want {
		t.Errorf("%d changes, want %d of %d", len(got.Changes), want, len(all.Changes))
	}
	if got.Entries != without.Entries || got.Decisions != without.Decisions || got.ByState != without.ByState || sums(got) != got.Decisions || !got.First.Equal(without.First) {
		t.Errorf("got %+v\nwant %+v", got, without)
	}
	if without.NotDecidable[simulate.UnknownApprover] == 0 || len(got.NotDecidable) != 0 || !maps.Equal(got.UnknownGroups, without.UnknownGroups) {
		t.Errorf("not decidable: %v, and %v without what was before; unknown work groups %v", got.NotDecidable, without.NotDecidable, got.UnknownGroups)
	}
}

func TestApprovers(t *testing.T) {
	p := shipped(t, `"pos.unlock.other", "pos.manageroverride", "pos.password.change"`, `"pos.unlock.other", "pos.password.change"`,
		`"pos.forcedbreak", "pos.training",`, `"pos.forcedbreak", "pos.training", "pos.manageroverride",`)
	const seller, manager = journaltest.Sales, journaltest.Override
	approval := func(reason entry.Reason) *entry.Entry {
		return &entry.Entry{
			Kind: entry.KindApproval, Operator: "1", WorkGroups: []string{seller}, Session: 1, Function: "pos.drawer.nosale", FunctionID: 1602,
			Outcome: entry.OutcomeAllowed, Reason: reason, Approval: &entry.Approval{Operator: "9"},
		}
	}
	s := simulate.New(p, time.UTC)
	s.Add(approval(entry.ReasonRule)) // nothing is known of the approver yet
	s.Add(&entry.Entry{Kind: entry.KindSignOn, Operator: "9", WorkGroups: []string{manager}, Outcome: entry.OutcomeDenied, Reason: entry.ReasonWrongPIN})
	s.Add(&entry.Entry{Kind: entry.KindLoad, Outcome: entry.OutcomeAllowed, Text: "policy"})
	s.Add(&entry.Entry{Kind: entry.KindPeople, Outcome: entry.OutcomeAllowed, Subject: "8"})
	s.Add(approval(entry.ReasonRule))
	for _, change := range []entry.Entry{
		{Kind: entry.KindLoad, Outcome: entry.OutcomeAllowed, Text: "roster"}, {Kind: entry.KindPeople, Outcome: entry.OutcomeAllowed, Subject: "9"},
	} {
		s.Add(&change)
		s.Add(approval(entry.ReasonRule)) // the work groups may be others now
		s.Add(&entry.Entry{Kind: entry.KindSignOn, Operator: "9", WorkGroups: []string{manager}, Outcome: entry.OutcomeDenied, Reason: entry.ReasonWrongPIN})
	}
	s.Add(approval(entry.ReasonSamePerson))
	sale := approval(entry.ReasonRule)
	sale.Function, sale.FunctionID = "pos.drawer.sale", 1601
	s.Add(sale)
	s.Add(&entry.Entry{Kind: entry.KindSummary, Count: 7})
	s.Add(&entry.Entry{Kind: entry.KindMode, Operator: "9", Rule: &entry.Rule{}, Reason: entry.ReasonRule})
	s.Add(&entry.Entry{Kind: entry.KindDecision, Reason: entry.ReasonNoSession, Outcome: entry.OutcomeDenied})
	s.NextJournal("")
	s.Add(approval(entry.ReasonRule)) // of another register, who knows with whom
	r := s.Result()
	if n := r.NotDecidable; n[simulate.UnknownApprover] != 4 || n[simulate.NotListed] != 7 || n[simulate.TwoPersons] != 1 || len(n) != 3 {
		t.Errorf("not decidable: %v", n)
	}
	if r.ByState != 5 || r.Unasked != 1 || r.Otherwise != 1 || r.Journals != 2 || sums(r) != r.Decisions {
		t.Errorf("%+v", r)
	}
	c := r.Changes[0]
	if !c.Approving || c.Operator != "9" || c.Would != policy.Denied || c.Reason != entry.ReasonNoManagerOverride {
		t.Errorf("%+v", c)
	}
}

// BenchmarkSimulate simulates a year's journal from its file, against reading its
// entries and doing nothing with them.
func BenchmarkSimulate(b *testing.B) {
	const entries = 1_000_000
	path := filepath.Join(b.TempDir(), "journal.db")
	if err := (journaltest.Store{Seed: 1, Entries: entries}).Write(b.Context(), path); err != nil {
		b.Fatal(err)
	}
	r, err := journal.OpenReader(path)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	read := func(b *testing.B, add func(*entry.Entry)) time.Duration {
		t0 := time.Now()
		if err := r.Each(b.Context(), journal.Filter{}, func(e *entry.Entry) error { add(e); return nil }); err != nil {
			b.Fatal(err)
		}
		return time.Since(t0)
	}
	p := stricter(b)
	var own, bare time.Duration
	var decisions int64
	for b.Loop() {
		s := simulate.New(p, time.Local)
		own += read(b, s.Add)
		bare += read(b, func(*entry.Entry) {})
		res := s.Result()
		decisions = res.Decisions
	}
	b.ReportMetric(own.Seconds()/float64(b.N)/float64(decisions)*1e6, "s/1M-decisions")
	b.ReportMetric(float64(own)/float64(bare), "x-floor")
}

// TestPunches: a punch is decided for who made it, whoever's clock it is.
func TestPunches(t *testing.T) {
	const seller, manager = journaltest.Sales, journaltest.Override // neither may send others on a break
	punch := func(k entry.Kind, reason entry.Reason, function string, id uint32, by string) *entry.Entry {
		e := &entry.Entry{
			Kind: k, Operator: "1", WorkGroups: []string{seller}, Function: function, FunctionID: id, Outcome: entry.OutcomeAllowed, Reason: reason,
			Method: entry.MethodCardPIN,
		}
		if by != "" {
			e.Approval = &entry.Approval{Operator: by}
		}
		return e
	}
	s := simulate.New(shipped(t), time.UTC)
	s.Add(punch(entry.KindClockIn, entry.ReasonRule, "pos.time.punch", 2101, ""))
	s.Add(punch(entry.KindBreakBegin, entry.ReasonRule, "pos.forcedbreak", 1006, "9")) // nothing is known of them yet
	s.Add(&entry.Entry{Kind: entry.KindSignOn, Operator: "9", WorkGroups: []string{manager}, Outcome: entry.OutcomeDenied, Reason: entry.ReasonWrongPIN})
	s.Add(punch(entry.KindBreakBegin, entry.ReasonRule, "pos.forcedbreak", 1006, "9"))
	s.Add(punch(entry.KindBreakEnd, entry.ReasonTimeout, "", 0, ""))
	refused := punch(entry.KindClockIn, entry.ReasonClockedIn, "pos.time.punch", 2101, "")
	refused.Outcome = entry.OutcomeDenied
	s.Add(refused)
	r := s.Result()
	if r.Decisions != 5 || r.Same != 1 || r.Otherwise != 1 || r.ByState != 2 || r.NotDecidable[simulate.UnknownApprover] != 1 {
		t.Errorf("%+v", r)
	}
	if len(r.Changes) != 1 || r.Changes[0].Operator != "9" || r.Changes[0].Function != "pos.forcedbreak" || r.Changes[0].Would != policy.Denied {
		t.Errorf("%+v", r.Changes)
	}
}

// TestADayIsItsZonesDay, also where the zone puts its clocks forward at midnight and
// the register's clock was set back over it.
func TestADayIsItsZonesDay(t *testing.T) {
	zone, err := time.LoadLocation("America/Santiago")
	if err != nil {
		t.Fatal(err)
	}
	s := simulate.New(stricter(t), zone)
	for i, at := range []time.Time{
		time.Date(2025, 9, 7, 1, 30, 0, 0, zone), time.Date(2025, 9, 6, 23, 30, 0, 0, zone), time.Date(2025, 9, 7, 1, 0, 0, 0, zone),
	} {
		s.Add(&entry.Entry{ // its work group is gone
			Seq: entry.Seq(i + 1), Kind: entry.KindDecision, Stamp: entry.Stamp{Wall: at.UnixNano()}, Session: 1, Operator: "101", Person: "p",
			WorkGroups: []string{journaltest.Returns}, Function: "pos.drawer.sale", FunctionID: 1601, Outcome: entry.OutcomeAllowed, Reason: entry.ReasonRule,
		})
	}
	days := map[string]int64{}
	for _, c := range s.Result().Changes {
		days[c.Day] += c.Count
	}
	if days["2025-09-06"] != 1 || days["2025-09-07"] != 2 || len(days) != 2 {
		t.Errorf("by day: %v", days)
	}
}
