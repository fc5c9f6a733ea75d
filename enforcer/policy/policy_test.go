package policy_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tillwarden/enforcer/policy"
)

func mustCompile(t testing.TB, p *policy.Policy) *policy.Compiled {
	t.Helper()
	c, err := policy.Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Whatever the policy and the operator's work groups: the compiled form, the
// rule and the matrix say what the naive reading says.
func TestAgainstNaive(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := anyPolicy(rt)
		c, err := policy.Compile(p)
		if err != nil {
			rt.Fatal(err)
		}
		n := newNaive(p)
		held := rapid.SliceOfN(rapid.SampledFrom(names(p)), 0, 5).Draw(rt, "held")
		planes, unknown := c.Planes(held)
		if want := len(held) - len(n.groups(held)); len(unknown) != want {
			rt.Fatalf("unknown work groups: %q of %q", unknown, held)
		}
		for _, f := range p.Catalogue.Functions {
			i, ok := c.Lookup(f.Key)
			if j, byID := c.LookupID(f.ID); !ok || !byID || i != j || c.Function(i).Key != f.Key {
				rt.Fatalf("%s is not found", f.Key)
			}
			want := n.access(held, f.ID)
			if got := planes.Access(i); got != want {
				rt.Fatalf("%q, %s: got %s, want %s", held, f.Key, got, want)
			}
			if got, want := planes.MayApprove(i), n.approves(held, f.ID); got != want {
				rt.Fatalf("%q may approve %s: got %v, want %v", held, f.Key, got, want)
			}
			checkRule(rt, n, held, f, c.Explain(held, i), want)
		}
		for _, cell := range policy.Matrix(c) {
			i, _ := c.Lookup(cell.Function)
			if want := n.access([]string{cell.Group}, c.Function(i).ID); cell.Access != want {
				rt.Fatalf("matrix: %q, %s: got %s, want %s", cell.Group, cell.Function, cell.Access, want)
			}
		}
	})
}

// checkRule sees that a rule is true and leads to its outcome.
func checkRule(rt *rapid.T, n *naive, held []string, f policy.Function, r policy.Rule, want policy.Access) {
	if r.Access != want {
		rt.Fatalf("%q, %s: the rule says %s, the planes %s", held, f.Key, r.Access, want)
	}
	if r.Why == policy.WhyNoWorkGroup {
		if len(n.groups(held)) != 0 {
			rt.Fatalf("%q, %s: a rule without a work group", held, f.Key)
		}
		return
	}
	gs := n.groups([]string{r.WorkGroup})
	if len(gs) != 1 || len(n.groups(held)) == 0 {
		rt.Fatalf("%s: no work group %q is held", f.Key, r.WorkGroup)
	}
	g := gs[0]
	var at policy.Function
	for _, above := range n.lineage(f.ID) {
		if above.Key == r.Function {
			at = above
		}
	}
	if at.ID == 0 {
		rt.Fatalf("%s: the rule's function %q is not above it", f.Key, r.Function)
	}
	if r.Mark == policy.Unreviewed {
		if at.Since <= g.Reviewed {
			rt.Fatalf("%s: %q was reviewed", f.Key, r.WorkGroup)
		}
	} else if g.Marks[at.ID] != r.Mark {
		rt.Fatalf("%s: %q marks %s %s, the rule says %s", f.Key, r.WorkGroup, at.Key, g.Marks[at.ID], r.Mark)
	}
	switch {
	case r.Why == policy.WhyRefused && r.Mark != policy.Refuse,
		r.Why == policy.WhyUnreviewed && r.Mark != policy.Unreviewed,
		r.Why == policy.WhyTreeShut && (at.Parent != 0 || r.Mark == policy.Check),
		r.Why == policy.WhyMark && r.Mark != policy.Check && r.Mark != policy.Deny,
		want == policy.Allowed && (r.Why != policy.WhyMark || r.Mark != policy.Check),
		want == policy.OverrideRequired && (r.Why != policy.WhyMark || r.Mark != policy.Deny):
		rt.Fatalf("%s, %s: %+v does not explain it", f.Key, want, r)
	}
}

// Equal policies compile to equal bytes in whatever order they are written,
// and the bytes give the policy back.
func TestCanonical(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := anyPolicy(rt)
		a, err := policy.Compile(p)
		if err != nil {
			rt.Fatal(err)
		}
		b, err := policy.Compile(shuffled(rt, p))
		if err != nil {
			rt.Fatal(err)
		}
		bytesA, _ := a.MarshalBinary()
		bytesB, _ := b.MarshalBinary()
		if !bytes.Equal(bytesA, bytesB) || a.Digest() != b.Digest() {
			rt.Fatal("the order of writing shows in the bytes")
		}
		back, err := policy.Decode(bytesA)
		if err != nil {
			rt.Fatal(err)
		}
		again, _ := back.MarshalBinary()
		if !bytes.Equal(bytesA, again) || back.Digest() != a.Digest() {
			rt.Fatal("decoded and written again it differs")
		}
		if fmt.Sprint(back.Functions(), back.WorkGroups(), back.Restrictions(), back.RegisterGroups(), policy.Matrix(back)) !=
			fmt.Sprint(a.Functions(), a.WorkGroups(), a.Restrictions(), a.RegisterGroups(), policy.Matrix(a)) {
			rt.Fatal("decoded it says something else")
		}
	})
}

// small is a policy for tests of single points.
func small() *policy.Policy {
	return &policy.Policy{
		Catalogue: policy.Catalogue{Version: 2, Functions: []policy.Function{
			{ID: 1000, Key: "pos", Name: "POS", Since: 1},
			{ID: 1007, Key: policy.KeyManagerOverride, Name: "Manager Override", Parent: 1000, Since: 1},
			{ID: 1600, Key: "pos.drawer", Name: "Drawer", Parent: 1000, Since: 1},
			{ID: 1602, Key: "pos.drawer.nosale", Name: "No Sale", Parent: 1600, Since: 1, Override: policy.OverrideManager, Accountable: true},
			{ID: 1610, Key: "pos.drawer.newer", Name: "Newer", Parent: 1600, Since: 2, Override: policy.OverrideManager},
		}},
		WorkGroups: []policy.WorkGroup{
			{Name: "Clerk", Reviewed: 2, Marks: map[policy.ID]policy.Mark{1000: policy.Check, 1007: policy.Deny, 1600: policy.Deny}},
			{Name: "Boss", Reviewed: 1, SignOn: policy.SignOnCard, Marks: map[policy.ID]policy.Mark{1000: policy.Check}},
			{Name: "Guard", Reviewed: 2, SignOn: policy.SignOnNumberPIN, Marks: map[policy.ID]policy.Mark{1000: policy.Deny, 1600: policy.Refuse}},
		},
		Restrictions: []policy.Restriction{{WorkGroup: "Boss", Editors: []string{"Guard", "Boss"}}},
	}
}

func TestRules(t *testing.T) {
	c := mustCompile(t, small())
	for _, tc := range []struct {
		groups   string
		function string
		want     policy.Rule
		approves bool
	}{
		{"Clerk", "pos", policy.Rule{WorkGroup: "Clerk", Function: "pos", Mark: policy.Check, Access: policy.Allowed, Why: policy.WhyMark}, false},
		{"Clerk", "pos.drawer.nosale", policy.Rule{WorkGroup: "Clerk", Function: "pos.drawer", Mark: policy.Deny, Access: policy.OverrideRequired, Why: policy.WhyMark}, false},
		{"Clerk", "pos.drawer", policy.Rule{WorkGroup: "Clerk", Function: "pos.drawer", Mark: policy.Deny, Why: policy.WhyMark}, false},
		{"Boss", "pos.drawer.nosale", policy.Rule{WorkGroup: "Boss", Function: "pos", Mark: policy.Check, Access: policy.Allowed, Why: policy.WhyMark}, true},
		{"Boss", "pos.drawer.newer", policy.Rule{WorkGroup: "Boss", Function: "pos.drawer.newer", Mark: policy.Unreviewed, Why: policy.WhyUnreviewed}, false},
		{"Boss,Clerk", "pos.drawer.newer", policy.Rule{WorkGroup: "Clerk", Function: "pos.drawer", Mark: policy.Deny, Access: policy.OverrideRequired, Why: policy.WhyMark}, false},
		{"Boss,Guard", "pos.drawer.nosale", policy.Rule{WorkGroup: "Guard", Function: "pos.drawer", Mark: policy.Refuse, Why: policy.WhyRefused}, false},
		{"Guard", "pos.manageroverride", policy.Rule{WorkGroup: "Guard", Function: "pos", Mark: policy.Deny, Why: policy.WhyTreeShut}, false},
		{"Nobody", "pos", policy.Rule{Why: policy.WhyNoWorkGroup}, false},
	} {
		held := strings.Split(tc.groups, ",")
		i, ok := c.Lookup(tc.function)
		if !ok {
			t.Fatal(tc.function)
		}
		if got := c.Explain(held, i); got != tc.want {
			t.Errorf("%s, %s: got %+v, want %+v", tc.groups, tc.function, got, tc.want)
		}
		p, _ := c.Planes(held)
		if p.Access(i) != tc.want.Access || p.MayApprove(i) != tc.approves {
			t.Errorf("%s, %s: got %s, may approve %v", tc.groups, tc.function, p.Access(i), p.MayApprove(i))
		}
	}
	if r := c.Explain([]string{"Boss"}, 99); r.Why != policy.WhyNoFunction || r.Access != policy.Denied {
		t.Errorf("no such function: %+v", r)
	}
}

// Nothing is allowed by default: no planes, no function, no work group.
func TestNothingIsDenied(t *testing.T) {
	var none *policy.Planes
	c := mustCompile(t, small())
	everything, _ := c.Planes([]string{"Boss"})
	nobody, _ := c.Planes(nil)
	for _, i := range []policy.Index{0, 4, 5, 31, 32, 63, 64, 65535} {
		if none.Access(i) != policy.Denied || none.MayApprove(i) || nobody.Access(i) != policy.Denied || nobody.MayApprove(i) {
			t.Errorf("%d is not denied", i)
		}
		if int(i) >= len(c.Functions()) && (everything.Access(i) != policy.Denied || everything.MayApprove(i)) {
			t.Errorf("%d is in no catalogue and not denied", i)
		}
	}
	empty := mustCompile(t, &policy.Policy{Catalogue: policy.Catalogue{Version: 1}})
	if p, unknown := empty.Planes([]string{"Boss"}); p.Access(0) != policy.Denied || len(unknown) != 1 {
		t.Error("an empty policy gives something")
	}
}

func TestCompileRefuses(t *testing.T) {
	for name, spoil := range map[string]func(*policy.Policy){
		"no version":         func(p *policy.Policy) { p.Catalogue.Version = 0 },
		"id twice":           func(p *policy.Policy) { p.Catalogue.Functions[4].ID = 1602 },
		"key twice":          func(p *policy.Policy) { p.Catalogue.Functions[4].Key = "pos.drawer.nosale" },
		"id 0":               func(p *policy.Policy) { p.Catalogue.Functions[4].ID = 0 },
		"no parent":          func(p *policy.Policy) { p.Catalogue.Functions[3].Parent = 1700 },
		"own parent":         func(p *policy.Policy) { p.Catalogue.Functions[3].Parent = 1602 },
		"level 4":            func(p *policy.Policy) { p.Catalogue.Functions[4].Parent = 1602 },
		"wrong level":        func(p *policy.Policy) { p.Catalogue.Functions[4].Level = 2 },
		"other tree":         func(p *policy.Policy) { p.Catalogue.Functions[4].Key = "backoffice.newer" },
		"key with capitals":  func(p *policy.Policy) { p.Catalogue.Functions[4].Key = "pos.Drawer" },
		"tree with a dot":    func(p *policy.Policy) { p.Catalogue.Functions[0].Key = "pos.x" },
		"name of two lines":  func(p *policy.Policy) { p.Catalogue.Functions[4].Name = "a\nb" },
		"since 0":            func(p *policy.Policy) { p.Catalogue.Functions[4].Since = 0 },
		"since tomorrow":     func(p *policy.Policy) { p.Catalogue.Functions[4].Since = 3 },
		"before its parent":  func(p *policy.Policy) { p.Catalogue.Functions[2].Since = 2 },
		"protected override": func(p *policy.Policy) { p.Catalogue.Functions[4].Protected = true },
		"approver override":  func(p *policy.Policy) { p.Catalogue.Functions[1].Override = policy.OverrideManager },
		"tree override":      func(p *policy.Policy) { p.Catalogue.Functions[0].Override = policy.OverrideManager },
		"unknown override":   func(p *policy.Policy) { p.Catalogue.Functions[3].Override = 7 },
		"unknown reason":     func(p *policy.Policy) { p.Catalogue.Functions[3].Reason = 3 },
		"group twice":        func(p *policy.Policy) { p.WorkGroups[1].Name = "Clerk" },
		"group by case":      func(p *policy.Policy) { p.WorkGroups[1].Name = "cLERK" },
		"group without name": func(p *policy.Policy) { p.WorkGroups[1].Name = "" },
		"group with space":   func(p *policy.Policy) { p.WorkGroups[1].Name = "Boss " },
		"unknown scope":      func(p *policy.Policy) { p.WorkGroups[1].Scope = 2 },
		"unknown sign-on":    func(p *policy.Policy) { p.WorkGroups[1].SignOn = 4 },
		"unknown approval":   func(p *policy.Policy) { p.WorkGroups[1].Approve = 4 },
		"reviewed tomorrow":  func(p *policy.Policy) { p.WorkGroups[1].Reviewed = 3 },
		"unknown mark":       func(p *policy.Policy) { p.WorkGroups[1].Marks[1602] = policy.Unreviewed },
		"mark on nothing":    func(p *policy.Policy) { p.WorkGroups[1].Marks[1] = policy.Check },
		"restricted nothing": func(p *policy.Policy) { p.Restrictions[0].WorkGroup = "Bos" },
		"editor nobody":      func(p *policy.Policy) { p.Restrictions[0].Editors[0] = "Guards" },
		"editor twice":       func(p *policy.Policy) { p.Restrictions[0].Editors[0] = "Boss" },
		"limit on nothing":   func(p *policy.Policy) { p.WorkGroups[0].Limits = map[policy.ID]policy.Limit{1: {Amount: 1}} },
		"limit of nothing":   func(p *policy.Policy) { p.WorkGroups[0].Limits = map[policy.ID]policy.Limit{1602: {}} },
		"too large an amount": func(p *policy.Policy) {
			p.WorkGroups[0].Limits = map[policy.ID]policy.Limit{1602: {Amount: policy.MaxAmount + 1}}
		},
		"too large a percent": func(p *policy.Policy) {
			p.WorkGroups[0].Limits = map[policy.ID]policy.Limit{1602: {Percent: policy.MaxPercent + 1}}
		},
		"too large a count": func(p *policy.Policy) {
			p.WorkGroups[0].Limits = map[policy.ID]policy.Limit{1602: {Count: policy.MaxCount + 1}}
		},
		"unknown registers": func(p *policy.Policy) {
			p.WorkGroups[0].Limits = map[policy.ID]policy.Limit{1602: {Registers: "front"}}
		},
		"registers twice": func(p *policy.Policy) {
			p.RegisterGroups = []policy.RegisterGroup{{Name: "front"}, {Name: "front"}}
		},
		"register twice": func(p *policy.Policy) {
			p.RegisterGroups = []policy.RegisterGroup{{Name: "front", Registers: []string{"1", "1"}}}
		},
		"register without name": func(p *policy.Policy) {
			p.RegisterGroups = []policy.RegisterGroup{{Name: "front", Registers: []string{""}}}
		},
		"registers without name": func(p *policy.Policy) { p.RegisterGroups = []policy.RegisterGroup{{}} },
		"restricted twice":       func(p *policy.Policy) { p.Restrictions = append(p.Restrictions, p.Restrictions[0]) },
	} {
		p := small()
		spoil(p)
		if _, err := policy.Compile(p); !errors.Is(err, policy.ErrInvalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestSignOnAndRestrictions(t *testing.T) {
	c := mustCompile(t, small())
	for groups, want := range map[string]policy.SignOnMethod{
		"Clerk": policy.SignOnDefault, "Boss,Clerk": policy.SignOnCard, "Boss,Guard": policy.SignOnNumberPIN, "Nobody": policy.SignOnDefault,
	} {
		if got, _ := c.Shows(strings.Split(groups, ","), false); got != want {
			t.Errorf("%s: got %s, want %s", groups, got, want)
		}
	}
	if policy.Stricter(policy.SignOnNumberPIN, policy.SignOnCardPIN) != policy.SignOnCardPIN {
		t.Error("card and PIN is the strictest")
	}
	if c.MayHandOut([]string{"Clerk"}, "Boss") || !c.MayHandOut([]string{"Clerk", "Guard"}, "Boss") || !c.MayHandOut(nil, "Clerk") {
		t.Error("restrictions do not hold")
	}
}

func TestTable(t *testing.T) {
	var out strings.Builder
	if err := policy.WriteTable(&out, policy.Matrix(mustCompile(t, small()))); err != nil {
		t.Fatal(err)
	}
	want := `+ allow   o override   - deny

  1  Boss
  2  Clerk
  3  Guard

                      1   2   3
pos                   +   +   -
pos.manageroverride   +   -   -
pos.drawer            +   -   -
pos.drawer.nosale     +   o   -
pos.drawer.newer      -   o   -
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// The words are in journals and scripts: they do not change.
func TestWords(t *testing.T) {
	got := fmt.Sprint(policy.Blank, policy.Check, policy.Deny, policy.Refuse, policy.Unreviewed, policy.Mark(9),
		policy.Denied, policy.OverrideRequired, policy.Allowed, policy.OverrideNever, policy.OverrideManager,
		policy.ReasonNone, policy.ReasonCode, policy.ReasonText, policy.ScopeStore, policy.ScopeEnterprise,
		policy.SignOnDefault, policy.SignOnCard, policy.SignOnCardPIN, policy.SignOnNumberPIN)
	if want := "blank check X refuse unreviewed mark-9 deny override allow never manager none code text store enterprise default card card+pin number+pin"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
