package source_test

import (
	"strings"
	"testing"

	"tillwarden/enforcer/policy/source"
)

// within are work groups with limits.
const within = `
register_group "Front" {
  registers = ["1"]
}

work_group "Clerks" {
  scope    = "store"
  reviewed = 1
  allow    = ["pos"]
  deny     = ["backoffice", "pos.manageroverride"]

  limit "pos.drawer.nosale" {
    count = 2
    hours = "mon-sat 08:00-20:00"
  }

  limit "pos.return.cash" {
    amount    = 5000
    registers = "Front"
  }

  limit "pos.sale.item" {
    amount = 100000
  }
}

work_group "Managers" {
  scope    = "store"
  reviewed = 1
  allow    = ["pos"]
  deny     = ["backoffice"]

  limit "pos.return.cash" {
    amount = 20000
  }

  limit "pos.manageroverride" {
    percent = 12.5
  }
}
`

// What a test says of the situation is held against the limits; without it they are
// left aside.
func TestWhen(t *testing.T) {
	v := version(t, "p.hcl", map[string][]byte{"p.hcl": []byte(within)})
	const clerk, manager = "  group = \"Clerks\"\n", "  group = \"Managers\"\n"
	for what, tc := range map[string]struct{ body, because string }{
		"limits are left aside":              {clerk + `may = ["pos.drawer.nosale", "pos.return.cash"]`, ""},
		"within":                             {clerk + `when { amount = 5000` + "\n" + `register = "1" }` + "\n" + `may = ["pos.return.cash"]`, ""},
		"beyond takes an override":           {clerk + `when { amount = 5001` + "\n" + `register = "1" }` + "\n" + `needs_override_for = ["pos.return.cash"]`, ""},
		"and is not allowed":                 {clerk + `when { amount = 5001 }` + "\n" + `may_not = ["pos.return.cash"]` + "\n" + `may = ["pos.sale.item"]`, ""},
		"beyond where nobody lends it":       {clerk + `when { amount = 100001 }` + "\n" + `may_never = ["pos.sale.item"]`, ""},
		"at another register":                {clerk + `when { amount = 10` + "\n" + `register = "2" }` + "\n" + `may = ["pos.return.cash"]`, `beyond the registers of the limit of work group "Clerks" (amount 5000, registers Front), p.hcl:17:9`},
		"what is not said is not told":       {clerk + `when { amount = 10 }` + "\n" + `may = ["pos.return.cash"]`, `the test says no register, and work group "Clerks" has a limit`},
		"the second time":                    {clerk + `when { count = 2` + "\n" + `at = "mon 08:00" }` + "\n" + `may = ["pos.drawer.nosale"]`, ""},
		"the third time":                     {clerk + `when { count = 3` + "\n" + `at = "mon 08:00" }` + "\n" + `may = ["pos.drawer.nosale"]`, `beyond the count of the limit of work group "Clerks" (count 2, hours mon-sat 08:00-20:00)`},
		"it is the first time unless said":   {clerk + `when { at = "sat 19:59" }` + "\n" + `may = ["pos.drawer.nosale"]`, ""},
		"on a Sunday":                        {clerk + `when { at = "sun 12:00" }` + "\n" + `needs_override_for = ["pos.drawer.nosale"]`, ""},
		"lends within the own limit":         {manager + `when { amount = 20000` + "\n" + `percent = 12.5` + "\n" + `register = "1" }` + "\n" + `for "Clerks" { may_approve = ["pos.return.cash"] }`, ""},
		"never above it":                     {manager + `when { amount = 20001` + "\n" + `percent = 1 }` + "\n" + `for "Clerks" { may_approve = ["pos.return.cash"] }`, `beyond the amount of the limit of work group "Managers" (amount 20000), p.hcl:33:9`},
		"nor above that of Manager Override": {manager + `when { amount = 6000` + "\n" + `percent = 13 }` + "\n" + `may_approve = ["pos.return.cash"]`, `pos.manageroverride: beyond the percent of the limit of work group "Managers" (percent 12.5)`},
		"nor for what needs none":            {manager + `when { amount = 5000` + "\n" + `percent = 1` + "\n" + `register = "1" }` + "\n" + `for "Clerks" { may_approve = ["pos.return.cash"] }`, "who asks may do it without an override"},
		"said to be impossible, and is not":  {manager + `when { amount = 6000` + "\n" + `percent = 1 }` + "\n" + `for "Clerks" { may_not_approve = ["pos.return.cash"] }`, `work group "Managers" has a check on "pos"`},
	} {
		body := strings.NewReplacer("{ ", "{\n", " }", "\n}").Replace(tc.body)
		r, ds := source.Test(v, map[string][]byte{"p.test.hcl": []byte(testOf(body))})
		if r == nil {
			t.Errorf("%s:\n%s", what, ds)
			continue
		}
		var b strings.Builder
		if err := r.WriteText(&b); err != nil {
			t.Fatal(err)
		}
		said := strings.Join(strings.Fields(b.String()), " ")
		if (r.Failed == 0) != (tc.because == "") || !strings.Contains(said, tc.because) {
			t.Errorf("%s: it says\n%s", what, b.String())
		}
	}
}

func TestWrongWhen(t *testing.T) {
	for what, tc := range map[string]struct{ body, want string }{
		"nothing":              {`when { }`, "p.test.hcl:4:1: error: when says nothing (say amount, percent, count, at or register)"},
		"twice":                {"when { amount = 1 }\nwhen { amount = 2 }", "p.test.hcl:5:1: error: there is a when already"},
		"with a name":          {`when "then" { amount = 1 }`, "when takes no name"},
		"an amount in words":   {`when { amount = "5" }`, "amount must be a number above 0"},
		"a moment that is not": {`when { at = "noon" }`, `"noon" is no minute of the week: it is as "mon 08:00"`},
		"another attribute":    {`when { amonut = 5 }`, `when has no attribute "amonut" (did you mean "amount"?)`},
	} {
		r, ds := tried(t, testOf("group = \"Clerks\"\nmay = [\"pos\"]\n"+tc.body))
		if r != nil || !strings.Contains(ds.String(), tc.want) {
			t.Errorf("%s: got\n%s\nwant %s", what, ds, tc.want)
		}
	}
}
