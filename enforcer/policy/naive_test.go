package policy_test

import (
	"fmt"

	"pgregory.net/rapid"

	"tillwarden/enforcer/policy"
)

// naive answers as the documentation reads, by maps and recursion, and shares
// nothing with the compiled form.
type naive struct {
	p  *policy.Policy
	by map[policy.ID]policy.Function
}

func newNaive(p *policy.Policy) *naive {
	n := &naive{p: p, by: map[policy.ID]policy.Function{}}
	for _, f := range p.Catalogue.Functions {
		n.by[f.ID] = f
	}
	return n
}

func (n *naive) lineage(id policy.ID) []policy.Function {
	f := n.by[id]
	if f.Parent == 0 {
		return []policy.Function{f}
	}
	return append([]policy.Function{f}, n.lineage(f.Parent)...)
}

func (n *naive) refuses(g policy.WorkGroup, id policy.ID) bool {
	for _, f := range n.lineage(id) {
		if g.Marks[f.ID] == policy.Refuse {
			return true
		}
	}
	return false
}

// reaches: the tree is explicitly allowed, and the work group was reviewed for
// everything from the tree to the function.
func (n *naive) reaches(g policy.WorkGroup, id policy.ID) bool {
	line := n.lineage(id)
	for _, f := range line {
		if f.Since > g.Reviewed {
			return false
		}
	}
	return g.Marks[line[len(line)-1].ID] == policy.Check
}

func (n *naive) nearest(g policy.WorkGroup, id policy.ID) policy.Mark {
	for _, f := range n.lineage(id) {
		if m := g.Marks[f.ID]; m != policy.Blank {
			return m
		}
	}
	return policy.Blank
}

func (n *naive) groups(names []string) (known []policy.WorkGroup) {
	for _, name := range names {
		for _, g := range n.p.WorkGroups {
			if g.Name == name {
				known = append(known, g)
			}
		}
	}
	return known
}

func (n *naive) access(names []string, id policy.ID) policy.Access {
	best := policy.Denied
	for _, g := range n.groups(names) {
		if n.refuses(g, id) {
			return policy.Denied
		}
		if !n.reaches(g, id) {
			continue
		}
		if n.nearest(g, id) == policy.Check {
			best = policy.Allowed
		} else if best == policy.Denied && n.by[id].Override == policy.OverrideManager {
			best = policy.OverrideRequired
		}
	}
	return best
}

func (n *naive) approves(names []string, id policy.ID) bool {
	for _, f := range n.p.Catalogue.Functions {
		if f.Key == policy.KeyManagerOverride && n.access(names, f.ID) == policy.Allowed {
			return n.by[id].Override == policy.OverrideManager && n.access(names, id) == policy.Allowed
		}
	}
	return false
}

// anyPolicy draws a policy of any shape, in any order.
func anyPolicy(t *rapid.T) *policy.Policy {
	version := rapid.Uint32Range(1, 3).Draw(t, "version")
	p := &policy.Policy{Catalogue: policy.Catalogue{Version: version}}
	id := policy.ID(0)
	add := func(parent policy.Function, key string) policy.Function {
		id += policy.ID(rapid.IntRange(1, 9).Draw(t, "step"))
		f := policy.Function{ID: id, Key: key, Name: "the " + key, Parent: parent.ID, Since: rapid.Uint32Range(max(1, parent.Since), version).Draw(t, "since")}
		if key != "pos.manageroverride" && parent.ID != 0 {
			f.Protected = rapid.IntRange(0, 9).Draw(t, "protected") == 0
			if !f.Protected && rapid.Bool().Draw(t, "override") {
				f.Override = policy.OverrideManager
			}
		}
		f.DualControl = rapid.Bool().Draw(t, "dual")
		f.Transaction = rapid.Bool().Draw(t, "transaction")
		f.StepUp = rapid.Bool().Draw(t, "stepup")
		f.Accountable = rapid.Bool().Draw(t, "accountable")
		f.Drawer = rapid.Bool().Draw(t, "drawer")
		f.Reason = policy.ReasonMode(rapid.IntRange(0, 2).Draw(t, "reason"))
		p.Catalogue.Functions = append(p.Catalogue.Functions, f)
		return f
	}
	for _, tree := range []string{"pos", "backoffice"}[:rapid.IntRange(0, 2).Draw(t, "trees")] {
		root := add(policy.Function{}, tree)
		if tree == "pos" && rapid.IntRange(0, 4).Draw(t, "approvers") > 0 {
			add(root, policy.KeyManagerOverride)
		}
		for a := range rapid.IntRange(0, 6).Draw(t, "applications") {
			app := add(root, fmt.Sprintf("%s.a%d", tree, a))
			for f := range rapid.IntRange(0, 8).Draw(t, "functions") {
				add(app, fmt.Sprintf("%s.a%d.f%d", tree, a, f))
			}
		}
	}
	for n := range rapid.IntRange(0, 4).Draw(t, "groups") {
		g := policy.WorkGroup{
			Name: fmt.Sprintf("Group %d", n), Scope: policy.Scope(rapid.IntRange(0, 1).Draw(t, "scope")),
			Reviewed: rapid.Uint32Range(0, version).Draw(t, "reviewed"), SignOn: policy.SignOnMethod(rapid.IntRange(0, 3).Draw(t, "signon")),
			Approve: policy.SignOnMethod(rapid.IntRange(0, 3).Draw(t, "approve")),
			Marks:   map[policy.ID]policy.Mark{},
		}
		for _, f := range p.Catalogue.Functions {
			m := rapid.SampledFrom([]policy.Mark{0, 0, policy.Check, policy.Check, policy.Deny, policy.Refuse}).Draw(t, "mark")
			if f.Level == 1 && rapid.Bool().Draw(t, "open") {
				m = policy.Check
			}
			if m != policy.Blank {
				g.Marks[f.ID] = m
			}
		}
		p.WorkGroups = append(p.WorkGroups, g)
	}
	for n := range len(p.WorkGroups) {
		if rapid.IntRange(0, 3).Draw(t, "restricted") == 0 {
			r := policy.Restriction{WorkGroup: p.WorkGroups[n].Name}
			for _, e := range p.WorkGroups {
				if rapid.Bool().Draw(t, "editor") {
					r.Editors = append(r.Editors, e.Name)
				}
			}
			p.Restrictions = append(p.Restrictions, r)
		}
	}
	return shuffled(t, p)
}

// shuffled is the same policy written in another order.
func shuffled(t *rapid.T, p *policy.Policy) *policy.Policy {
	q := &policy.Policy{Catalogue: policy.Catalogue{Version: p.Catalogue.Version}}
	q.Catalogue.Functions = rapid.Permutation(p.Catalogue.Functions).Draw(t, "functions")
	q.WorkGroups = rapid.Permutation(p.WorkGroups).Draw(t, "groups")
	q.Restrictions = rapid.Permutation(p.Restrictions).Draw(t, "restrictions")
	for i := range q.Restrictions {
		q.Restrictions[i].Editors = rapid.Permutation(q.Restrictions[i].Editors).Draw(t, "editors")
	}
	return q
}

func names(p *policy.Policy) []string {
	all := []string{"nobody's"}
	for _, g := range p.WorkGroups {
		all = append(all, g.Name)
	}
	return all
}
