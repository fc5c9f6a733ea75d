package source_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/policy/presets"
	"tillwarden/enforcer/policy/source"
)

// tried runs one file of tests against the policy of TestExplain.
func tried(t testing.TB, text string) (*source.TestReport, source.Diagnostics) {
	t.Helper()
	return source.Test(version(t, "p.hcl", map[string][]byte{"p.hcl": []byte(explained)}), map[string][]byte{"p.test.hcl": []byte(text)})
}

func testOf(body string) string { return "test \"it\" {\n" + body + "\n}\n" }

func TestAssertions(t *testing.T) {
	for what, tc := range map[string]struct {
		body string
		want []string // function: expected, actual
	}{
		"what is allowed may be done":       {`group = "Bosses"` + "\n" + `may = ["pos", "pos.drawer.nosale"]`, nil},
		"an override is not being allowed":  {`group = "Clerks"` + "\n" + `may = ["pos.drawer.nosale"]`, []string{"pos.drawer.nosale: allowed, override required"}},
		"an override is not being denied":   {`group = "Clerks"` + "\n" + `may_never = ["pos.drawer.nosale"]`, []string{"pos.drawer.nosale: denied, override required"}},
		"may_not holds for both":            {`group = "Clerks"` + "\n" + `may_not = ["pos.drawer", "pos.drawer.nosale"]`, nil},
		"may_not fails for what is allowed": {`group = "Bosses"` + "\n" + `may_not = ["pos.drawer"]`, []string{"pos.drawer: denied, or override required, allowed"}},
		"needs_override_for fails for both others": {
			`group = "Clerks"` + "\n" + `needs_override_for = ["pos", "pos.drawer", "pos.drawer.nosale"]`,
			[]string{"pos: override required, allowed", "pos.drawer: override required, denied"},
		},
		"several work groups are one operator's": {`groups = ["Clerks", "Bosses"]` + "\n" + `may = ["pos.drawer.nosale"]`, nil},
		"a refusal wins":                         {`groups = ["Guards", "Bosses"]` + "\n" + `may_never = ["pos.drawer.nosale"]`, nil},
		"a pattern is all below, and itself": {
			`group = "Clerks"` + "\n" + `may = ["pos.drawer.*"]`,
			[]string{
				"pos.drawer: allowed, denied", "pos.drawer.nosale: allowed, override required", "pos.drawer.newer: allowed, denied",
				"pos.drawer.count: allowed, override required",
			},
		},
		"the closest name counts": {
			`group = "Clerks"` + "\n" + `may = ["*"]` + "\n" + `may_never = ["pos.drawer.*"]` + "\n" + `needs_override_for = ["pos.drawer.nosale", "pos.drawer.count"]`, nil,
		},
		"approving for anybody": {
			`group = "Clerks"` + "\n" + `may_approve = ["pos.drawer.nosale"]` + "\n" + `may_not_approve = ["pos.drawer.count"]`,
			[]string{"pos.drawer.nosale: may approve it, may not approve it"},
		},
		"without Manager Override in the catalogue nobody approves": {
			`group = "Bosses"` + "\n" + `for "Clerks" { may_approve = ["pos.drawer.nosale"] }`,
			[]string{`pos.drawer.nosale: may approve it for "Clerks", may not approve it`},
		},
	} {
		r, ds := tried(t, testOf(tc.body))
		if r == nil {
			t.Errorf("%s:\n%s", what, ds)
			continue
		}
		var got []string
		for _, f := range r.Tests[0].Failures {
			got = append(got, fmt.Sprintf("%s: %s, %s", f.Function, f.Expected, f.Actual))
		}
		if !slices.Equal(got, tc.want) || r.Tests[0].Holds != (tc.want == nil) || r.Failed+r.Held != 1 || r.Checks == 0 {
			t.Errorf("%s: got %q, want %q; %+v", what, got, tc.want, r)
		}
	}
}

// Approving takes Manager Override, may, and somebody who needs it.
func TestApprovingAssertions(t *testing.T) {
	v := version(t, "@presets", presets.Files())
	const manager, seller = `group = "POS Cashier - Manager Override"` + "\n", "POS Cashier - Sales Only"
	for what, tc := range map[string]struct{ body, because string }{
		"approves for who needs it": {manager + `for "` + seller + `" { may_approve = ["pos.drawer.nosale"] }`, ""},
		"not what the approver may not": {
			manager + `for "` + seller + `" { may_approve = ["pos.drawer.force"] }`,
			`work group "POS Cashier - Manager Override" has an X on "pos.drawer"`,
		},
		"not for who may do it": {
			manager + `for "POS Cashier - Manager Override" { may_approve = ["pos.drawer.nosale"] }`, "who asks may do it without an override",
		},
		"not for whom the tree is shut": {
			manager + `for "Cash Management" { may_approve = ["pos.drawer.nosale"] }`, "nobody can lend it to who asks",
		},
		"not what nobody may approve": {manager + `may_approve = ["pos.drawer.test"]`, "the catalogue lets nobody approve it"},
		"not without Manager Override": {
			`group = "` + seller + `"` + "\n" + `may_approve = ["pos.return.cash"]`, `pos.manageroverride: work group "POS Cashier - Sales Only" has an X on it`,
		},
		"said to be impossible, and is not": {
			manager + `for "` + seller + `" { may_not_approve = ["pos.drawer.nosale"] }`, `work group "POS Cashier - Sales Only" has an X on "pos.drawer"`,
		},
	} {
		r, ds := source.Test(v, map[string][]byte{"p.test.hcl": []byte(testOf(tc.body))})
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

func TestFailuresExplainThemselves(t *testing.T) {
	r, ds := tried(t, testOf(`  group = "Clerks"
  may   = ["pos.drawer.nosale"]`)+"test \"all\" {\n  group = \"Guards\"\n  may   = [\"pos.*\"]\n}\n")
	if r == nil {
		t.Fatal(ds)
	}
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	const first = `p.test.hcl:3:12: test "it": may pos.drawer.nosale (No Sale)
  expected: allowed
  actual: override required
  because: work group "Clerks" has an X on "pos.drawer", and "pos.drawer.nosale"
    itself is blank, p.hcl:44:15

`
	if !strings.HasPrefix(b.String(), first) || !strings.HasSuffix(b.String(), "\n\n  and 1 more of \"pos.*\"\n\n2 of 2 tests do not hold\n") {
		t.Errorf("it says\n%s", b.String())
	}
	if r.Tests[1].Checks != 5 || len(r.Tests[1].Failures) != 5 {
		t.Errorf("%+v", r.Tests[1])
	}
	raw, err := json.Marshal(r.Tests[0].Failures[0])
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"file":"p.test.hcl","line":3,"column":12,"assertion":"may","listed":"pos.drawer.nosale","function":"pos.drawer.nosale","name":"No Sale",` +
		`"expected":"allowed","actual":"override required","because":[{"groups":["Clerks"],`
	if !strings.HasPrefix(string(raw), want) {
		t.Errorf("got  %s\nwant %s", raw, want)
	}
}

func TestWrongTests(t *testing.T) {
	for what, tc := range map[string]struct{ text, want string }{
		"an unknown function":         {testOf(`group = "Clerks"` + "\n" + `may = ["pos.drawer.nosael"]`), `p.test.hcl:3:8: error: no function "pos.drawer.nosael" is in the catalogue (did you mean "pos.drawer.nosale"?)`},
		"an unknown work group":       {testOf(`group = "Clerk"` + "\n" + `may = ["pos"]`), `p.test.hcl:2:9: error: there is no work group "Clerk" (did you mean "Clerks"?)`},
		"an unknown one that asks":    {testOf(`group = "Clerks"` + "\n" + `for "Boss" { may_approve = ["pos.drawer.nosale"] }`), `p.test.hcl:3:5: error: there is no work group "Boss" (did you mean "Bosses"?)`},
		"no work group":               {testOf(`may = ["pos"]`), `p.test.hcl:1:6: error: test "it" has no work group (write group = "Name", or groups = [...] for an operator who has several)`},
		"both":                        {testOf(`group = "Clerks"` + "\n" + `groups = ["Bosses"]` + "\n" + `may = ["pos"]`), `test "it" has both group and groups`},
		"nothing asserted":            {testOf(`group = "Clerks"`), `p.test.hcl:1:6: error: test "it" asserts nothing`},
		"no tests":                    {"", `p.test.hcl:1:1: error: there are no tests in the file`},
		"no tests that are read":      {"# " + strings.ReplaceAll(testOf(`group = "Clerks"`), "\n", "\n# "), `p.test.hcl:1:1: error: there are no tests in the file`},
		"nothing in a list":           {testOf(`group = "Clerks"` + "\n" + `may = []`), `p.test.hcl:3:7: error: may lists nothing`},
		"nothing asserted for others": {testOf(`group = "Clerks"` + "\n" + `for "Bosses" { }`), `for "Bosses" asserts nothing`},
		"a mark":                      {testOf(`group = "Clerks"` + "\n" + `allow = ["pos"]`), `p.test.hcl:3:1: error: "allow" is no mark here (did you mean "may"?)`},
		"another block":               {testOf(`group = "Clerks"` + "\n" + `may = ["pos"]` + "\n" + `fro "Bosses" { }`), `a test has no block "fro"`},
		"a work group among tests":    {group(`allow = ["pos"]`), `a test file has no block "work_group" (put it in a file whose name does not end with .test.hcl)`},
		"the same name":               {strings.Repeat(testOf(`group = "Clerks"`+"\n"+`may = ["pos"]`), 2), `p.test.hcl:5:6: error: test "it" is there already, at p.test.hcl:1:6`},
		"a function twice":            {testOf(`group = "Clerks"` + "\n" + `may = ["pos", "pos"]`), `p.test.hcl:3:15: error: "pos" stands in may already, at p.test.hcl:3:8`},
		"a function both ways":        {testOf(`group = "Clerks"` + "\n" + `may = ["pos"]` + "\n" + `may_not = ["pos"]`), `p.test.hcl:4:12: error: "pos" stands in may_not here and in may at p.test.hcl:3:8`},
		"a pattern of nothing":        {testOf(`group = "Clerks"` + "\n" + `may = ["pos.drawer.nosale.*"]`), `nothing is below "pos.drawer.nosale"`},
		"a pattern that is covered": {
			testOf(`group = "Clerks"` + "\n" + `may = ["*"]` + "\n" + `may_not = ["pos.*"]`), `p.test.hcl:3:8: error: "*" is about nothing: each of its functions is named more closely`,
		},
		"no plain HCL": {testOf(`may = f(1)`), `error: a policy has no functions to call`},
	} {
		r, ds := tried(t, tc.text)
		if r != nil || !strings.Contains(ds.String(), tc.want) {
			t.Errorf("%s: got\n%s\nwant %s", what, ds, tc.want)
		}
	}
}

// A test in a file of sources is told where it belongs, and tests beside sources
// are no part of them.
func TestTestsAreNoSources(t *testing.T) {
	sources := map[string][]byte{"p.hcl": []byte(explained)}
	alone, _, _ := source.Compile(sources)
	sources["p.test.hcl"] = []byte("test {{{")
	beside, _, ds := source.Compile(sources)
	if ds.HasErrors() || alone.Digest() != beside.Digest() {
		t.Fatalf("a test changed the policy: %s", ds)
	}
	sources["q.hcl"] = []byte(testOf(`group = "Clerks"`))
	if _, _, ds := source.Compile(sources); !strings.Contains(ds.String(), `q.hcl:1:1: error: a policy file has no block "test" (tests stand in files of their own, whose names end with .test.hcl)`) {
		t.Errorf("it says\n%s", ds)
	}
}

// A test that states a matrix cell holds, and one that states another does not:
// tests and decisions are of the same policy.
func TestAssertionsAreTheMatrix(t *testing.T) {
	v := version(t, "@presets", presets.Files())
	cells := policy.Matrix(v.Compiled)
	word := map[policy.Access]string{policy.Allowed: "may", policy.OverrideRequired: "needs_override_for", policy.Denied: "may_never"}
	rapid.Check(t, func(t *rapid.T) {
		cell := rapid.SampledFrom(cells).Draw(t, "cell")
		said := rapid.SampledFrom([]policy.Access{policy.Allowed, policy.OverrideRequired, policy.Denied}).Draw(t, "said")
		text := fmt.Sprintf("test \"x\" {\n  group = %q\n  %s = [%q]\n}\n", cell.Group, word[said], cell.Function)
		r, ds := source.Test(v, map[string][]byte{"x.test.hcl": []byte(text)})
		if r == nil || (r.Failed == 0) != (said == cell.Access) {
			t.Fatalf("%s\nis %s: %+v\n%s", text, cell.Access, r, ds)
		}
		if r.Failed == 1 && (r.Tests[0].Failures[0].Because[0].Rule.Function != cell.Rule.Function || r.Tests[0].Failures[0].Because[0].Rule.Mark != cell.Rule.Mark) {
			t.Fatalf("%s\nanother rule than %+v: %+v", text, cell.Rule, r.Tests[0].Failures[0].Because[0].Rule)
		}
	})
}

// FuzzTest: whatever is in a file of tests, running it ends, says something of a
// place in it or comes to something, and the same again.
func FuzzTest(f *testing.F) {
	f.Add([]byte(testOf(`group = "Clerks"` + "\n" + `may = ["pos.*"]` + "\n" + `needs_override_for = ["pos.drawer.nosale"]`)))
	f.Add([]byte(testOf(`groups = ["Clerks", "Bosses"]` + "\n" + `for "Clerks" "Guards" {` + "\n" + `may_approve = ["*"]` + "\n" + `}`)))
	f.Add([]byte(testOf(`may_approve = [1, true, ["x"]]`)))
	f.Add([]byte(testOf("group = \"Clerks\"\nwhen {\n  amount = 5\n  at = \"mon 08:00\"\n}\nmay = [\"pos\"]")))
	for name, content := range presets.Files() {
		if source.IsTest(name) && len(content) < 8<<10 {
			f.Add(content)
		}
	}
	v := version(f, "p.hcl", map[string][]byte{"p.hcl": []byte(explained)})
	f.Fuzz(func(t *testing.T, content []byte) {
		files := map[string][]byte{"p.test.hcl": content}
		r, ds := source.Test(v, files)
		if (r == nil) != ds.HasErrors() {
			t.Fatalf("a report is there: %v\n%s", r != nil, ds)
		}
		for _, d := range ds {
			if d.Line < 1 || d.Column < 1 || d.Message == "" || d.Code == "" {
				t.Fatalf("a finding without a place or a word: %+v", d)
			}
		}
		said := func(r *source.TestReport) string {
			var b strings.Builder
			if err := r.WriteText(&b); err != nil {
				t.Fatal(err)
			}
			return b.String()
		}
		again, ds2 := source.Test(v, files)
		if ds.String() != ds2.String() || r != nil && said(r) != said(again) {
			t.Fatal("said otherwise the second time")
		}
		if r != nil && r.Checks < len(r.Tests) {
			t.Fatalf("a test that looks at nothing: %+v", r)
		}
	})
}
