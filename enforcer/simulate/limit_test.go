package simulate_test

import (
	"maps"
	"testing"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/journal/journaltest"
	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/simulate"
)

// limited is the shipped policy, with no-sales for cashiers within a limit.
func limited(t testing.TB, parts string) *policy.Compiled {
	t.Helper()
	return shipped(t, `["pos.drawer.sale", "pos.drawer.reopen"]
  }
`, `["pos.drawer.sale", "pos.drawer.reopen", "pos.drawer.nosale"]
  }

  limit "pos.drawer.nosale" {
`+parts+`
  }
`, `work_group "POS Cashier - Manager Override"`, `register_group "Front" {
  registers = ["1", "2"]
}

work_group "POS Cashier - Manager Override"`)
}

// day makes entries of a session with their numbers.
type day struct{ es []entry.Entry }

func (d *day) add(e entry.Entry) entry.Seq {
	e.Seq = entry.Seq(len(d.es) + 1)
	e.Stamp.Wall = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC).UnixNano() // a Monday
	d.es = append(d.es, e)
	return e.Seq
}

func (d *day) signOn() entry.Seq {
	d.add(entry.Entry{
		Kind: entry.KindSignOn, Operator: "9", WorkGroups: []string{journaltest.Override}, Outcome: entry.OutcomeDenied, Reason: entry.ReasonWrongPIN,
	})
	return d.add(entry.Entry{
		Kind: entry.KindSignOn, Operator: "1", WorkGroups: []string{journaltest.Sales}, Function: "pos.signon", FunctionID: 1001,
		Outcome: entry.OutcomeAllowed, Reason: entry.ReasonRule,
	})
}

// noSale is asked for, and approved if so.
func (d *day) noSale(session entry.Seq, told *entry.Told, approved bool) (about entry.Seq) {
	e := entry.Entry{
		Kind: entry.KindDecision, Operator: "1", WorkGroups: []string{journaltest.Sales}, Session: session, Function: "pos.drawer.nosale", FunctionID: 1602,
		Outcome: entry.OutcomeOverrideRequired, Reason: entry.ReasonRule, Told: told, Drawer: "till",
	}
	about = d.add(e)
	e.Kind = entry.KindOverride
	override := d.add(e)
	if approved {
		e.Kind, e.Outcome, e.About, e.Approval = entry.KindApproval, entry.OutcomeAllowed, override, &entry.Approval{Operator: "9", Override: override}
		about = d.add(e)
	}
	return about
}

func (d *day) lapse(about entry.Seq) { d.add(entry.Entry{Kind: entry.KindLapsed, About: about}) }

// ways counts the changes of no-sales by how they would be, approvals aside.
func ways(r *simulate.Result) map[policy.Access]int64 {
	got := map[policy.Access]int64{}
	for _, c := range r.Changes {
		if !c.Approving {
			got[c.Would] += c.Count
		}
	}
	return got
}

// What is allowed now counts in its session, whether it was approved then or not;
// what lapsed does not; and another session begins anew.
func TestUsesAreCountedAnew(t *testing.T) {
	p := limited(t, "    count = 2")
	for what, tc := range map[string]struct {
		play    func(d *day)
		allowed int64 // of what needed an override
		unasked int64
	}{
		"approved ones, up to the limit": {func(d *day) {
			s := d.signOn()
			for range 4 {
				d.noSale(s, nil, true)
			}
		}, 2, 2},
		"none of them approved": {func(d *day) {
			s := d.signOn()
			for range 4 {
				d.noSale(s, nil, false)
			}
		}, 2, 0},
		"two at once": {func(d *day) {
			s, two := d.signOn(), uint64(2)
			d.noSale(s, &entry.Told{Count: &two}, true)
			d.noSale(s, nil, true)
		}, 1, 1},
		"what lapsed is given back": {func(d *day) {
			s := d.signOn()
			for range 4 {
				d.lapse(d.noSale(s, nil, true))
			}
		}, 4, 4},
		"not once another was had": {func(d *day) {
			s := d.signOn()
			first := d.noSale(s, nil, true)
			d.noSale(s, nil, true)
			d.lapse(first)
			d.noSale(s, nil, true)
		}, 2, 2},
		"a session each": {func(d *day) {
			for range 3 {
				d.noSale(d.signOn(), nil, true)
			}
		}, 3, 3},
	} {
		var d day
		tc.play(&d)
		r := simulated(p, d.es)
		if got := ways(r); got[policy.Allowed] != tc.allowed || r.Unasked != tc.unasked || len(r.NotDecidable) != 0 || sums(r) != r.Decisions {
			t.Errorf("%s: %v, %d unasked; %+v", what, got, r.Unasked, r)
		}
	}
}

// What a limit is held against and the entry does not tell is not guessed, unless
// it makes no difference.
func TestLimitsThatCannotBeDecided(t *testing.T) {
	big, small := uint64(900), uint64(100)
	for what, tc := range map[string]struct {
		parts, register string
		told            *entry.Told
		session         entry.Seq // 0: one that began
		reason          entry.Reason
		want            string // why it cannot, or "allow" or "override"
	}{
		"within":                          {"    amount = 500", "1", &entry.Told{Amount: &small}, 0, entry.ReasonRule, "allow"},
		"beyond":                          {"    amount = 500", "1", &entry.Told{Amount: &big}, 0, entry.ReasonRule, "override"},
		"an amount that was not told":     {"    amount = 500", "1", nil, 0, entry.ReasonRule, simulate.NotTold},
		"the percent, where it was not":   {"    percent = 10", "1", &entry.Told{Amount: &small}, 0, entry.ReasonRule, simulate.NotTold},
		"which makes no difference":       {"    amount = 500\n    hours = \"sun 08:00-20:00\"", "1", nil, 0, entry.ReasonRule, "override"},
		"asked for in vain then, too":     {"    amount = 500", "1", nil, 0, entry.ReasonUntold, "override"},
		"a session that began before":     {"    count = 2", "1", nil, 77, entry.ReasonRule, simulate.UnknownUses},
		"a register that is among them":   {"    registers = \"Front\"", "1", nil, 0, entry.ReasonRule, "allow"},
		"a register that is not":          {"    registers = \"Front\"", "7", nil, 0, entry.ReasonRule, "override"},
		"a register that is not known":    {"    registers = \"Front\"", "", nil, 0, entry.ReasonRule, simulate.UnknownRegister},
		"hours, by the zone that is said": {"    hours = \"mon 12:00-12:30\"", "1", nil, 0, entry.ReasonRule, "allow"},
	} {
		var d day
		session := d.signOn()
		if tc.session != 0 {
			session = tc.session
		}
		d.noSale(session, tc.told, false)
		d.es[2].Reason = tc.reason
		s := simulate.New(limited(t, tc.parts), time.UTC)
		s.Register(tc.register)
		for i := range d.es {
			s.Add(&d.es[i])
		}
		r := s.Result()
		got := "override"
		for why := range maps.Keys(r.NotDecidable) {
			got = why
		}
		if ways(r)[policy.Allowed] == 1 {
			got = "allow"
		}
		if got != tc.want {
			t.Errorf("%s: %s, want %s", what, got, tc.want)
		}
	}
}

// An approver is held against the own limit, and that of Manager Override.
func TestApproversLimits(t *testing.T) {
	p := shipped(t, `["pos.drawer.sale", "pos.drawer.nosale", "pos.drawer.reopen"]
  }
`, `["pos.drawer.sale", "pos.drawer.nosale", "pos.drawer.reopen"]
  }

  limit "pos.drawer.nosale" {
    amount = 500
  }

  limit "pos.manageroverride" {
    percent = 10
  }
`)
	amount := func(n uint64) *uint64 { return &n }
	var d day
	s := d.signOn()
	d.noSale(s, &entry.Told{Amount: amount(400), Percent: amount(1000)}, true)
	d.noSale(s, &entry.Told{Amount: amount(600), Percent: amount(1000)}, true)
	d.noSale(s, &entry.Told{Amount: amount(400), Percent: amount(1001)}, true)
	d.noSale(s, &entry.Told{Amount: amount(400)}, true)
	r := simulated(p, d.es)
	limits := map[string]policy.LimitPart{}
	for _, c := range r.Changes {
		if !c.Approving || c.Operator != "9" || c.Would != policy.Denied || c.Reason != entry.ReasonApproverLimit || c.Count != 1 {
			t.Errorf("%+v", c)
		}
		limits[c.Limit.Function] = c.Limit.Part
	}
	if len(r.Changes) != 2 || limits["pos.drawer.nosale"] != policy.LimitAmount || limits[policy.KeyManagerOverride] != policy.LimitPercent {
		t.Errorf("%+v", r.Changes)
	}
	if r.NotDecidable[simulate.NotTold] != 1 {
		t.Errorf("not decidable: %v", r.NotDecidable)
	}
}
