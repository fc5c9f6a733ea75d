package source_test

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/week"
)

// printed is a policy in HCL, a block a piece, in the order of the policy.
func printed(p *policy.Policy) (pieces []string) {
	add := func(format string, args ...any) { pieces = append(pieces, fmt.Sprintf(format, args...)) }
	add("catalogue {\n  version = %d\n}\n", p.Catalogue.Version)
	by := map[policy.ID]policy.Function{}
	for _, f := range p.Catalogue.Functions {
		by[f.ID] = f
	}
	for _, f := range p.Catalogue.Functions {
		var b strings.Builder
		fmt.Fprintf(&b, "function %q {\n  id = %d\n  name = %q\n  since = %d\n", f.Key, f.ID, f.Name, f.Since)
		if f.Parent != 0 {
			fmt.Fprintf(&b, "  parent = %q\n", by[f.Parent].Key)
		}
		fmt.Fprintf(&b, "  override = %q\n  reason = %q\n  dual_control = %v\n  step_up = %v\n  accountable = %v\n  protected = %v\n  drawer = %v\n  transaction = %v\n}\n",
			f.Override, f.Reason, f.DualControl, f.StepUp, f.Accountable, f.Protected, f.Drawer, f.Transaction)
		pieces = append(pieces, b.String())
	}
	for _, g := range p.WorkGroups {
		lists := map[string][]string{}
		for _, f := range p.Catalogue.Functions {
			above := by[f.Parent]
			list := map[policy.Mark]string{policy.Check: "allow", policy.Deny: "deny", policy.Refuse: "refuse"}[g.Marks[f.ID]]
			if list == "allow" && above.Parent != 0 && g.Marks[above.ID] == policy.Deny {
				list = "exception"
			}
			lists[list] = append(lists[list], fmt.Sprintf("%q", f.Key))
		}
		var b strings.Builder
		fmt.Fprintf(&b, "work_group %q {\n  scope = %q\n  reviewed = %d\n  sign_on = %q\n  approve = %q\n", g.Name, g.Scope, g.Reviewed, g.SignOn, g.Approve)
		for _, list := range []string{"allow", "deny", "refuse"} {
			if len(lists[list]) > 0 {
				fmt.Fprintf(&b, "  %s = [%s]\n", list, strings.Join(lists[list], ", "))
			}
		}
		if len(lists["exception"]) > 0 {
			fmt.Fprintf(&b, "  exception \"as agreed\" {\n    allow = [\n      %s,\n    ]\n  }\n", strings.Join(lists["exception"], ",\n      "))
		}
		for _, f := range p.Catalogue.Functions {
			if l, ok := g.Limits[f.ID]; ok {
				fmt.Fprintf(&b, "  limit %q {\n", f.Key)
				if l.Amount > 0 {
					fmt.Fprintf(&b, "    amount = %d\n", l.Amount)
				}
				if l.Percent > 0 {
					fmt.Fprintf(&b, "    percent = %s\n", policy.PercentWords(uint64(l.Percent)))
				}
				if l.Count > 0 {
					fmt.Fprintf(&b, "    count = %d\n", l.Count)
				}
				if l.Hours.Set() {
					fmt.Fprintf(&b, "    hours = %q\n", l.Hours)
				}
				if l.Registers != "" {
					fmt.Fprintf(&b, "    registers = %q\n", l.Registers)
				}
				b.WriteString("  }\n")
			}
		}
		b.WriteString("}\n")
		pieces = append(pieces, b.String())
	}
	for _, g := range p.RegisterGroups {
		add("register_group %q {\n  registers = [%s]\n}\n", g.Name, quotedList(g.Registers))
	}
	for _, r := range p.Restrictions {
		add("restricted_work_group %q {\n  editors = [%s]\n}\n", r.WorkGroup, quotedList(r.Editors))
	}
	return pieces
}

func quotedList(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = fmt.Sprintf("%q", n)
	}
	return strings.Join(quoted, ", ")
}

// soundPolicy draws a policy that the linter has no error for.
func soundPolicy(t *rapid.T) *policy.Policy {
	version := rapid.Uint32Range(1, 3).Draw(t, "version")
	p := &policy.Policy{Catalogue: policy.Catalogue{Version: version}}
	id := policy.FirstChainID
	level := map[policy.ID]int{}
	add := func(parent policy.Function, key string) policy.Function {
		id += policy.ID(rapid.IntRange(1, 9).Draw(t, "step"))
		f := policy.Function{
			ID: id, Key: key, Parent: parent.ID, Since: rapid.Uint32Range(max(1, parent.Since), version).Draw(t, "since"),
			Name:   rapid.SampledFrom([]string{"No Sale", `A "quoted" one`, "Größe ändern", "back\\slash", "100 $ {off} %"}).Draw(t, "name"),
			Reason: policy.ReasonMode(rapid.IntRange(0, 2).Draw(t, "reason")), Drawer: rapid.Bool().Draw(t, "drawer"),
			DualControl: rapid.Bool().Draw(t, "dual"), StepUp: rapid.Bool().Draw(t, "stepup"), Accountable: rapid.Bool().Draw(t, "accountable"),
			Transaction: rapid.Bool().Draw(t, "transaction"),
		}
		if parent.ID != 0 && rapid.Bool().Draw(t, "override") {
			f.Override = policy.OverrideManager
		} else {
			f.Protected = rapid.Bool().Draw(t, "protected")
		}
		level[id] = level[parent.ID] + 1
		p.Catalogue.Functions = append(p.Catalogue.Functions, f)
		return f
	}
	for _, tree := range []string{"pos", "backoffice"}[:rapid.IntRange(1, 2).Draw(t, "trees")] {
		root := add(policy.Function{}, tree)
		for a := range rapid.IntRange(0, 4).Draw(t, "applications") {
			app := add(root, fmt.Sprintf("%s.a%d", tree, a))
			for f := range rapid.IntRange(0, 5).Draw(t, "functions") {
				add(app, fmt.Sprintf("%s.a%d.f%d", tree, a, f))
			}
		}
	}
	for n := range rapid.IntRange(0, 2).Draw(t, "register groups") {
		p.RegisterGroups = append(p.RegisterGroups, policy.RegisterGroup{
			Name: fmt.Sprintf("Lanes %d", n), Registers: rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"1", "lane 2", "Größe"}), 0, 3, rapid.ID[string]).Draw(t, "registers"),
		})
	}
	for n := range rapid.IntRange(0, 4).Draw(t, "groups") {
		g := policy.WorkGroup{
			Name: fmt.Sprintf("Group %d/%c", n, 'A'+n), Scope: policy.Scope(rapid.IntRange(0, 1).Draw(t, "scope")),
			Reviewed: rapid.Uint32Range(1, version).Draw(t, "reviewed"), SignOn: policy.SignOnMethod(rapid.IntRange(0, 3).Draw(t, "signon")),
			Approve: policy.SignOnMethod(rapid.IntRange(0, 3).Draw(t, "approve")),
			Marks:   map[policy.ID]policy.Mark{}, Limits: map[policy.ID]policy.Limit{},
		}
		for _, f := range p.Catalogue.Functions {
			marks := []policy.Mark{policy.Blank, policy.Deny, policy.Refuse, policy.Check}
			if level[f.ID] == 1 {
				marks = marks[1:]
			} else if barred(g, p, f) {
				marks = marks[:3]
			}
			if m := rapid.SampledFrom(marks).Draw(t, "mark"); m != policy.Blank {
				g.Marks[f.ID] = m
			}
			if l := anyLimit(t, p.RegisterGroups); l.Set() {
				g.Limits[f.ID] = l
			}
		}
		p.WorkGroups = append(p.WorkGroups, g)
	}
	for _, g := range p.WorkGroups {
		if rapid.IntRange(0, 3).Draw(t, "restricted") == 0 {
			p.Restrictions = append(p.Restrictions, policy.Restriction{WorkGroup: g.Name, Editors: []string{p.WorkGroups[0].Name}})
		}
	}
	return p
}

// anyLimit draws a limit, or none.
func anyLimit(t *rapid.T, registers []policy.RegisterGroup) (l policy.Limit) {
	if rapid.IntRange(0, 4).Draw(t, "limited") > 0 {
		return l
	}
	l.Amount = rapid.Uint64Range(0, policy.MaxAmount).Draw(t, "amount")
	l.Percent = rapid.Uint32Range(0, policy.MaxPercent).Draw(t, "percent")
	l.Count = rapid.Uint32Range(0, policy.MaxCount).Draw(t, "count")
	if rapid.Bool().Draw(t, "timed") {
		var err error
		if l.Hours, err = week.ParseHours(rapid.SampledFrom([]string{"08:00-20:00", "mon-fri 06:30-22:15, sat 22:00-02:00", "sun 00:00-24:00"}).Draw(t, "hours")); err != nil {
			t.Fatal(err)
		}
	}
	if len(registers) > 0 && rapid.Bool().Draw(t, "placed") {
		l.Registers = rapid.SampledFrom(registers).Draw(t, "registers").Name
	}
	return l
}

// barred: a check here could never count.
func barred(g policy.WorkGroup, p *policy.Policy, f policy.Function) bool {
	by := map[policy.ID]policy.Function{}
	for _, f := range p.Catalogue.Functions {
		by[f.ID] = f
	}
	for f.Parent != 0 {
		f = by[f.Parent]
		if g.Marks[f.ID] == policy.Refuse {
			return true
		}
	}
	return g.Marks[f.ID] != policy.Check
}
