package source_test

import (
	"strings"
	"testing"

	"tillwarden/enforcer/policy/presets"
	"tillwarden/enforcer/policy/source"
)

// chainCatalogue adds to the shipped catalogue, in its second version.
const chainCatalogue = `catalogue {
  version = 2
  shipped = [1]
}
function "pos.lottery" {
  id     = 10100
  name   = "Lottery"
  parent = "pos"
  since  = 2
}
function "pos.lottery.payout" {
  id     = 10101
  name   = "Pay out a prize"
  parent = "pos.lottery"
  since  = 2
}
`

// What is sound and may not be meant, each with its place, and what to do.
func TestAudit(t *testing.T) {
	const till = `work_group "Till" {
  scope    = "store"
  reviewed = 1
  allow    = ["pos"]
  deny     = ["backoffice", "pos.manageroverride"]
}
`
	const boss = `work_group "Boss" {
  scope    = "store"
  reviewed = 1
  allow    = ["pos", "pos.manageroverride"]
  deny     = ["backoffice"]
}
`
	office := func(name, may string) string {
		return `work_group "` + name + `" {
  scope    = "store"
  reviewed = 1
  allow    = ["backoffice"]
  deny     = ["pos", "backoffice.operator", "backoffice.security"]
  exception "people" {
    allow = [` + may + `]
  }
}
`
	}
	for _, tc := range []struct {
		what, policy string
		want         []string // lines of findings
	}{
		{"a plain policy", till, nil},
		{
			"an X below an X",
			strings.Replace(till, `"pos.manageroverride"]`, `"pos.manageroverride", "pos.void", "pos.void.line"]`, 1),
			[]string{`p.hcl:5:64: warning: the X on "pos.void.line" changes nothing: "pos.void" has one at p.hcl:5:52 (take it out)`},
		},
		{
			"marks below a refusal",
			strings.Replace(till, `]
}`, `, "pos.void"]
  refuse   = ["pos.void.line", "pos.return", "pos.return.cash"]
}`, 1),
			[]string{`p.hcl:6:46: warning: the refuse on "pos.return.cash" changes nothing: "pos.return" is refused at p.hcl:6:32, and so is all below it (take it out)`},
		},
		{
			"an X below a refused tree",
			strings.Replace(till, `"backoffice", "pos.manageroverride"]`, `"pos.manageroverride", "backoffice.operator"]
  refuse   = ["backoffice"]`, 1),
			[]string{`p.hcl:5:38: warning: the X on "backoffice.operator" changes nothing: "backoffice" is refused at p.hcl:6:15, and so is all below it (take it out)`},
		},
		{
			"functions of one's own that nobody has, said once",
			chainCatalogue + strings.Replace(strings.Replace(till, `"pos.manage`, `"pos.lottery", "pos.manage`, 1), "reviewed = 1", "reviewed = 2", 1),
			[]string{`p.hcl:5:10: warning: no work group gives "pos.lottery", nor anything below it: nobody may do it, and so nobody may approve it ` +
				`(allow it where it belongs, or take it out; its id stays used for ever)`},
		},
		{
			"attributes that contradict each other",
			strings.Replace(chainCatalogue, `parent = "pos.lottery"`, "parent = \"pos.lottery\"\n  dual_control = true\n  transaction = true", 1) +
				strings.Replace(strings.Replace(till, `"pos"]`, `"pos", "pos.lottery"]`, 1), "reviewed = 1", "reviewed = 2", 1),
			[]string{
				`p.hcl:11:10: warning: "pos.lottery.payout" takes two persons who approve, and nobody may approve it: so nobody can do it (add override = "manager")`,
				`p.hcl:11:10: warning: transaction changes nothing at "pos.lottery.payout": an approval of it holds for one action, if there is one at all (leave it out)`,
			},
		},
		{
			"a name that something else has",
			strings.Replace(chainCatalogue, `"Pay out a prize"`, `"TILL  application"`, 1) + strings.Replace(strings.Replace(till, `"pos"]`, `"pos", "pos.lottery"]`, 1), "reviewed = 1", "reviewed = 2", 1),
			[]string{`p.hcl:11:10: warning: "pos.lottery.payout" has the name of "pos.till": in prompts and reports nobody could tell them apart (name it otherwise)`},
		},
		{
			"a blank that a later catalogue opened",
			chainCatalogue + strings.Replace(till, "reviewed = 1", "reviewed = 2", 1),
			[]string{`p.hcl:17:12: warning: a later catalogue opened what work group "Till" leaves blank: it gives "pos.lottery", "pos.lottery.payout" by a mark that is older ` +
				`(mark each: allow where it is meant, deny where it is not)`},
		},
		{
			"not opened: the application was marked, and is as new",
			chainCatalogue + strings.Replace(strings.Replace(till, `"pos"]`, `"pos", "pos.lottery"]`, 1), "reviewed = 1", "reviewed = 2", 1),
			nil,
		},
		{
			"not opened: a newer function was marked, though the application above is allowed",
			strings.Replace(strings.Replace(chainCatalogue, `"pos.lottery"`+"\n  since", `"pos.till"`+"\n  since", 1), `function "pos.lottery" {
  id     = 10100
  name   = "Lottery"
  parent = "pos"
  since  = 2
}
`, "", 1) + strings.Replace(strings.Replace(till, `"pos"]`, `"pos", "pos.lottery.payout"]`, 1), "reviewed = 1", "reviewed = 2", 1),
			nil,
		},
		{
			"who hands out work groups hands out Manager Override",
			boss + office("Office", `"backoffice.operator.workgroup"`),
			[]string{`p.hcl:7:12: warning: work group "Office" leads to "Boss", which may more: an operator of "Office" can give "Boss" to somebody else ` +
				`(backoffice.operator.workgroup) (say who is meant to hand it out: restricted_work_group "Boss" { editors = [...] })`},
		},
		{
			"it is restricted to those who are meant to",
			boss + office("Office", `"backoffice.operator.workgroup"`) + "restricted_work_group \"Boss\" {\n  editors = [\"Boss\"]\n}\n",
			nil,
		},
		{
			"over somebody's PIN, and what they may hand out",
			boss + office("Desk", `"backoffice.operator.credential.reset"`) +
				office("Office", `"backoffice.operator.workgroup", "backoffice.operator.restricted"`) +
				"restricted_work_group \"Boss\" {\n  editors = [\"Office\"]\n}\n",
			[]string{
				`p.hcl:7:12: warning: work group "Desk" leads to "Office", which may more: an operator of "Desk" can set the PIN of an operator of "Office" and sign on as them ` +
					`(backoffice.operator.credential.reset) (say who is meant to hand it out: restricted_work_group "Office" { editors = [...] })`,
				`p.hcl:7:12: warning: work group "Desk" leads to "Boss", which may more: an operator of "Desk" can set the PIN of an operator of "Office" and sign on as them ` +
					`(backoffice.operator.credential.reset); as such, they can give "Boss" to somebody else (backoffice.operator.workgroup) ` +
					`(restrict what it comes over, or add "Desk" to the editors of "Boss" if it is meant)`,
				`p.hcl:16:12: warning: work group "Office" leads to "Desk", which may more: an operator of "Office" can give "Desk" to somebody else ` +
					`(backoffice.operator.workgroup) (say who is meant to hand it out: restricted_work_group "Desk" { editors = [...] })`,
			},
		},
		{
			"another card where a card alone signs on",
			strings.Replace(boss, "reviewed", "sign_on  = \"card\"\n  reviewed", 1) + office("Desk", `"backoffice.operator.card.assign"`),
			[]string{`p.hcl:8:12: warning: work group "Desk" leads to "Boss", which may more: an operator of "Desk" can give an operator of "Boss" another card and sign on with it ` +
				`(backoffice.operator.card.assign) (say who is meant to hand it out: restricted_work_group "Boss" { editors = [...] })`},
		},
	} {
		want := ""
		if len(tc.want) > 0 {
			want = strings.Join(tc.want, "\n") + "\n"
		}
		if got := source.Lint(map[string][]byte{"p.hcl": []byte(tc.policy)}).String(); got != want {
			t.Errorf("%s:\ngot\n%s\nwant\n%s", tc.what, got, want)
		}
	}
}

// What only shows with the people: work groups that nobody has, and those that
// somebody has and the policy has not.
func TestAuditHolders(t *testing.T) {
	v := version(t, "p.hcl", map[string][]byte{"p.hcl": []byte(diffOld)})
	people := []source.Holder{{Number: "101", Name: "Ann", WorkGroups: []string{"Clerks", "Guest"}}}
	const want = `warning: operator 101 Ann has work group "Guest", which this policy has not: it gives nothing (did you mean "Guests"?)
p.hcl:8:12: warning: no operator has work group "Guests" (take it out, or give it to somebody)
`
	if got := source.Audit(v, people).String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := source.Audit(v, nil); len(got) != 0 {
		t.Errorf("without people:\n%s", got)
	}
	if got := source.Audit(v, []source.Holder{}); len(got) != 2 {
		t.Errorf("of an empty roster:\n%s", got)
	}
}

// The shipped work groups are without a fault: who hands out what makes a manager is
// said. Without that, those lead to it whose description says that they need advice.
func TestAuditPresets(t *testing.T) {
	files := presets.Files()
	if ds := source.Lint(files); len(ds) != 0 {
		t.Errorf("%s", ds)
	}
	delete(files, "restricted.hcl")
	ds := source.Lint(files)
	if len(ds) != 2 {
		t.Errorf("%d findings", len(ds))
	}
	for _, d := range ds {
		if d.Code != source.CodeEscalation || !strings.Contains(d.Message, `Operator Maintenance" leads to "Aura Manager", "POS Cashier - Manager Override"`) {
			t.Errorf("%s", d)
		}
	}
}
