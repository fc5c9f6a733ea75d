package daemon

import (
	"strings"
	"testing"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/policy/presets"
	"tillwarden/enforcer/policy/source"
)

// limitedPolicy is the shipped one with three no-sales a session for cashiers, and
// paid-outs up to 50.00 for cashiers and up to 200.00 for managers, of whom one has no
// limit.
func limitedPolicy(t testing.TB) *policy.Compiled {
	t.Helper()
	files, err := presets.WithNoSales(3)
	if err != nil {
		t.Fatal(err)
	}
	cashiers := string(files["cashiers.hcl"])
	cashiers = strings.ReplaceAll(cashiers, `"pos.till.open", "pos.till.safedrop", "pos.till.count"]`,
		`"pos.till.open", "pos.till.safedrop", "pos.till.count", "pos.till.paidout"]`)
	cashiers = strings.ReplaceAll(cashiers, "    count = 3\n  }\n", "    count = 3\n  }\n  limit \"pos.till.paidout\" {\n    amount = 5000\n  }\n")
	cashiers = strings.Replace(cashiers, "work_group \"POS Cashier - Manager Override\" {\n",
		"work_group \"POS Cashier - Manager Override\" {\n  limit \"pos.till.paidout\" {\n    amount = 20000\n  }\n", 1)
	files["cashiers.hcl"] = []byte(cashiers)
	c, _, ds := source.Compile(files)
	if c == nil {
		t.Fatal(ds)
	}
	i, _ := c.Lookup("pos.till.paidout")
	if c.Limit(groupSales, i).Amount != 5000 || c.Limit(groupManager, i).Amount != 20000 {
		t.Fatal("the limits are not in it")
	}
	return c
}

func amount(n uint64) api.Told { return api.Told{Amount: &n} }

// TestLimitsOverTheAPI: a POS tells an amount; what it does not tell is not allowed,
// and a manager approves up to the own limit.
func TestLimitsOverTheAPI(t *testing.T) {
	t.Parallel()
	r := newRegister(t, "").start().staffedUnder(limitedPolicy(t))
	ctx := t.Context()
	r.signOn("1002")
	ask := func(of api.Told) *api.Answer {
		t.Helper()
		a, err := r.pos.Ask(ctx, api.AskRequest{Function: "pos.till.paidout", Told: of})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	menu, err := r.pos.Menu(ctx)
	if err != nil {
		t.Fatal(err)
	}
	within := map[string][]api.MenuLimit{}
	for _, i := range menu.Items {
		within[i.Function] = i.Within
	}
	if w := within["pos.till.paidout"]; len(w) != 1 || w[0] != (api.MenuLimit{Amount: 5000}) || within["pos.sale"] != nil || within["pos.drawer.nosale"][0].Count != 3 {
		t.Errorf("the menu says %+v", within)
	}
	if a := ask(amount(5000)); a.Outcome != "allowed" || a.Limit == nil || a.Limit.Part != "" || !strings.HasSuffix(a.Say, "within its limit") {
		t.Errorf("within the limit: %+v %+v", a, a.Limit)
	}
	if a := ask(api.Told{}); a.Outcome != "override-required" || a.Reason != "untold" || a.Limit.Part != "amount" || !strings.Contains(a.Say, "the amount was not told") {
		t.Errorf("not told: %+v %+v", a, a.Limit)
	} else if _, err := r.con.Cancel(ctx, a.Override); err != nil {
		t.Fatal(err)
	}
	a := ask(amount(20001))
	if a.Outcome != "override-required" || a.Reason != "limit" || a.Limit.Most != 5000 || !strings.Contains(a.Say, "more than 5000 (the limit of work group "+groupSales+")") {
		t.Errorf("beyond it: %+v %+v", a, a.Limit)
	}
	if es := r.entries("override"); sayEntry(r.d.gate.Snapshot(), &entry.Entry{
		Kind: entry.KindOverride, Function: "pos.till.paidout", Told: &entry.Told{Amount: es[len(es)-1].Told.Amount},
	}) != "Paid out / expense / petty cash (amount 20001) waits for a manager" {
		t.Errorf("announced: %+v", es[len(es)-1])
	}
	if o := r.pending(r.con); o.Amount == nil || *o.Amount != 20001 || o.Limit == nil || o.Limit.Part != "amount" {
		t.Errorf("pending: %+v", o)
	}
	var got *api.Answer
	until(t, "the manager is heard", func() (done bool) {
		var err error
		got, err = r.con.Approve(ctx, a.Override, api.ApproveRequest{Credentials: creds("2001")})
		return err == nil && got.Reason != "too-early"
	})
	if got.Outcome != "denied" || got.Reason != "approver-limit" || !strings.Contains(got.Say, "up to an amount of 20000") {
		t.Errorf("beyond the manager's own limit: %+v", got)
	}
	if _, err := r.con.Cancel(ctx, a.Override); err != nil {
		t.Fatal(err)
	}
	a = ask(amount(20000))
	until(t, "the manager approves", func() bool {
		got, err := r.con.Approve(ctx, a.Override, api.ApproveRequest{Credentials: creds("2001")})
		return err == nil && got.Outcome == "allowed"
	})
	es := r.entries("approval")
	if e := es[len(es)-1]; e.Told == nil || *e.Told.Amount != 20000 || e.Limit == nil || e.Limit.WorkGroup != groupManager {
		t.Errorf("journaled: %+v %+v", e.Told, e.Limit)
	}
	for _, of := range []api.Told{amount(policy.MaxAmount + 1), {Percent: ptr(12.345)}, {Percent: ptr(-1.0)}, {Count: ptr(uint64(1 << 20))}} {
		if _, err := r.pos.Ask(ctx, api.AskRequest{Function: "pos.till.paidout", Told: of}); !isCode(err, api.CodeInvalid) {
			t.Errorf("%+v is taken: %v", of, err)
		}
	}
}

// TestLimitToRegisters: a register is known to a limit by its configured name.
func TestLimitToRegisters(t *testing.T) {
	t.Parallel()
	for registers, outcome := range map[string]string{`"r1", "r7"`: "allowed", `"R1", "7"`: "override-required"} {
		files := presets.Files()
		files["cashiers.hcl"] = []byte(strings.Replace(string(files["cashiers.hcl"]), "work_group \"POS Cashier - Sales Only\" {\n",
			"work_group \"POS Cashier - Sales Only\" {\n  limit \"pos.void.line\" {\n    registers = \"front\"\n  }\n", 1))
		files["registers.hcl"] = []byte("register_group \"front\" {\n  registers = [" + registers + "]\n}\n")
		c, _, ds := source.Compile(files)
		if c == nil {
			t.Fatal(ds)
		}
		r := newRegister(t, "").start().staffedUnder(c)
		r.signOn("1001")
		a, err := r.pos.Ask(t.Context(), api.AskRequest{Function: "pos.void.line", NoOverride: true})
		if err != nil || a.Outcome != outcome || a.Limit == nil || (outcome == "allowed") != (a.Limit.Part == "") {
			t.Errorf("%s: %+v %v", registers, a, err)
		}
		if outcome != "allowed" && !strings.Contains(a.Say, "it is not for this register") {
			t.Errorf("it says %q", a.Say)
		}
	}
}

// TestNoSalesOfAPOSThatTellsNothing: openings out of the print stream are counted as
// those that were asked for are, over a restart of the daemon too.
func TestNoSalesOfAPOSThatTellsNothing(t *testing.T) {
	t.Parallel()
	r := newRegister(t, "").start().staffedUnder(limitedPolicy(t))
	f := &fakeOpener{}
	r.d.drawers = []*drawerUnit{{name: "till", printer: "p", opener: f}}
	ctx := t.Context()
	r.signOn("1001")
	r.kick("pos.drawer.nosale", entry.PurposeNone)
	if a, err := r.pos.Ask(ctx, api.AskRequest{Function: "pos.drawer.nosale", Open: api.OpenNow}); err != nil || a.Outcome != "allowed" || a.Limit.Uses != 2 {
		t.Fatalf("the second: %+v %v", a, err)
	}
	r.halt()
	r.start()
	r.d.drawers = []*drawerUnit{{name: "till", printer: "p", opener: f}}
	r.kick("pos.drawer.nosale", entry.PurposeNone)
	if f.opened() != 3 {
		t.Fatalf("%d of three openings", f.opened())
	}
	r.kick("pos.drawer.nosale", entry.PurposeNone)
	o := r.pending(r.con)
	if f.opened() != 3 || o.Limit == nil || o.Limit.Part != "count" || o.Limit.Most != 3 || o.Limit.Uses != 4 {
		t.Fatalf("the fourth: %d openings, %+v", f.opened(), o)
	}
	until(t, "the fourth is approved", func() bool {
		a, err := r.con.Approve(ctx, o.ID, api.ApproveRequest{Credentials: creds("2001")})
		return err == nil && a.Outcome == "allowed"
	})
	until(t, "the drawer opened", func() bool { return f.opened() == 4 })
	if _, err := r.pos.SignOff(ctx); err != nil {
		t.Fatal(err)
	}
	r.signOn("1002")
	r.kick("pos.drawer.nosale", entry.PurposeNone)
	if f.opened() != 5 {
		t.Error("another session does not begin at nothing")
	}
}

func ptr[T any](v T) *T { return &v }
