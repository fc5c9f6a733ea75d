package policy_test

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/week"
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

// within reads the documentation of limits: any work group that gives the
// function is enough, with all parts of its limit.
func (n *naive) within(names []string, id policy.ID, v policy.Values) bool {
	for _, g := range n.groups(names) {
		if n.access([]string{g.Name}, id) == policy.Allowed && n.holds(g.Limits[id], v) {
			return true
		}
	}
	return false
}

func (n *naive) holds(l policy.Limit, v policy.Values) bool {
	no := func(most uint64, told policy.Told) bool { return most > 0 && (!told.OK || told.N > most) }
	if no(l.Amount, v.Amount) || no(uint64(l.Percent), v.Percent) || no(uint64(l.Count), v.Uses) {
		return false
	}
	if l.Hours.Set() {
		for _, at := range v.At {
			if !l.Hours.Open(at) {
				return false
			}
		}
		if len(v.At) == 0 {
			return false
		}
	}
	if l.Registers == "" {
		return true
	}
	for _, g := range n.p.RegisterGroups {
		if g.Name == l.Registers {
			return v.Register != "" && slices.Contains(g.Registers, v.Register)
		}
	}
	return false
}

// anyLimit draws a limit that says something.
func anyLimit(t *rapid.T, registers []policy.RegisterGroup) policy.Limit {
	var l policy.Limit
	for !l.Set() {
		l.Amount = rapid.SampledFrom([]uint64{0, 0, 1, 3, policy.MaxAmount}).Draw(t, "amount")
		l.Percent = rapid.SampledFrom([]uint32{0, 0, 2, policy.MaxPercent}).Draw(t, "percent")
		l.Count = rapid.SampledFrom([]uint32{0, 0, 1, 2, policy.MaxCount}).Draw(t, "count")
		if rapid.IntRange(0, 3).Draw(t, "timed") == 0 {
			l.Hours = anyHours(t)
		}
		if len(registers) > 0 && rapid.Bool().Draw(t, "placed") {
			l.Registers = rapid.SampledFrom(registers).Draw(t, "registers").Name
		}
	}
	return l
}

func anyHours(t *rapid.T) week.Hours {
	var days [7]week.Span
	for d := range days {
		if rapid.Bool().Draw(t, "shut") {
			continue
		}
		from := rapid.Uint16Range(0, 1439).Draw(t, "from")
		days[d] = week.Span{From: from, To: from + rapid.Uint16Range(1, 1440).Draw(t, "for")}
	}
	h, ok := week.FromSpans(days)
	if !ok {
		t.Fatalf("no hours: %v", days)
	}
	return h
}

// anyValues draws what somebody tells, around the limits that anyLimit draws.
func anyValues(t *rapid.T) policy.Values {
	told := func(what string) policy.Told {
		return policy.Told{N: rapid.SampledFrom([]uint64{0, 1, 2, 3, 4, policy.MaxAmount}).Draw(t, what), OK: rapid.IntRange(0, 3).Draw(t, what+" told") > 0}
	}
	v := policy.Values{
		Amount: told("amount"), Percent: told("percent"), Uses: told("uses"),
		Register: rapid.SampledFrom([]string{"", "1", "2", "3"}).Draw(t, "register"),
	}
	for range rapid.IntRange(0, 2).Draw(t, "clocks") {
		v.At = append(v.At, week.Moment(rapid.Uint16Range(0, 7*1440-1).Draw(t, "minute")))
	}
	return v
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
	for n := range rapid.SampledFrom([]int{0, 0, 1, 3}).Draw(t, "register groups") {
		registers := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"1", "2", "3"}), 0, 3, rapid.ID[string]).Draw(t, "registers")
		p.RegisterGroups = append(p.RegisterGroups, policy.RegisterGroup{Name: fmt.Sprintf("Lanes %d", n), Registers: registers})
	}
	for n := range rapid.IntRange(0, 4).Draw(t, "groups") {
		g := policy.WorkGroup{
			Name: fmt.Sprintf("Group %d", n), Scope: policy.Scope(rapid.IntRange(0, 1).Draw(t, "scope")),
			Reviewed: rapid.Uint32Range(0, version).Draw(t, "reviewed"), SignOn: policy.SignOnMethod(rapid.IntRange(0, 3).Draw(t, "signon")),
			Approve: policy.SignOnMethod(rapid.IntRange(0, 3).Draw(t, "approve")),
			Marks:   map[policy.ID]policy.Mark{}, Limits: map[policy.ID]policy.Limit{},
		}
		limits := rapid.IntRange(0, 2).Draw(t, "has limits") == 0
		for _, f := range p.Catalogue.Functions {
			m := rapid.SampledFrom([]policy.Mark{0, 0, policy.Check, policy.Check, policy.Deny, policy.Refuse}).Draw(t, "mark")
			if f.Level == 1 && rapid.Bool().Draw(t, "open") {
				m = policy.Check
			}
			if m != policy.Blank {
				g.Marks[f.ID] = m
			}
			if limits && rapid.IntRange(0, 2).Draw(t, "limited") == 0 {
				g.Limits[f.ID] = anyLimit(t, p.RegisterGroups)
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
	q.RegisterGroups = rapid.Permutation(p.RegisterGroups).Draw(t, "register groups")
	for i := range q.RegisterGroups {
		q.RegisterGroups[i].Registers = rapid.Permutation(q.RegisterGroups[i].Registers).Draw(t, "registers")
	}
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
