package policy_test

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tillwarden/enforcer/policy"
)

// edited is a policy with a few changes of any kind.
func edited(t *rapid.T, p *policy.Policy) *policy.Policy {
	q := shuffled(t, p)
	for i := range q.WorkGroups {
		q.WorkGroups[i].Marks = maps.Clone(q.WorkGroups[i].Marks)
		q.WorkGroups[i].Limits = maps.Clone(q.WorkGroups[i].Limits)
	}
	leaf := func(id policy.ID) bool {
		return !slices.ContainsFunc(q.Catalogue.Functions, func(f policy.Function) bool { return f.Parent == id })
	}
	for range rapid.IntRange(0, 4).Draw(t, "edits") {
		fs, gs := q.Catalogue.Functions, q.WorkGroups
		if len(fs) == 0 || len(gs) == 0 {
			q.Catalogue.Version++
			continue
		}
		f, g := rapid.IntRange(0, len(fs)-1).Draw(t, "function"), rapid.IntRange(0, len(gs)-1).Draw(t, "group")
		switch rapid.IntRange(0, 11).Draw(t, "edit") {
		case 0, 1, 2:
			gs[g].Marks[fs[f].ID] = policy.Mark(rapid.IntRange(0, 3).Draw(t, "mark"))
		case 3:
			fs[f].DualControl = !fs[f].DualControl
			if fs[f].NeverOverridden() == "" && fs[f].Level != 1 && fs[f].Parent != 0 {
				fs[f].Override = 1 - fs[f].Override
			}
		case 4:
			gs[g].Reviewed = rapid.Uint32Range(0, q.Catalogue.Version).Draw(t, "reviewed")
		case 5:
			gs[g].Name = "renamed " + gs[g].Name
			q.Restrictions = nil
		case 6:
			q.WorkGroups = slices.Delete(slices.Clone(gs), g, g+1)
			q.Restrictions = nil
		case 7:
			if leaf(fs[f].ID) {
				for _, other := range gs {
					delete(other.Marks, fs[f].ID)
					delete(other.Limits, fs[f].ID)
				}
				q.Catalogue.Functions = slices.Delete(slices.Clone(fs), f, f+1)
			}
		case 9:
			delete(gs[g].Limits, fs[f].ID)
		case 10:
			gs[g].Limits[fs[f].ID] = anyLimit(t, q.RegisterGroups)
		case 11:
			if r := q.RegisterGroups; len(r) > 0 {
				q.RegisterGroups = slices.Clone(r)
				q.RegisterGroups[0].Registers = []string{"9"}
			}
		case 8:
			if parent := fs[f]; parent.Parent == 0 {
				n := len(fs)
				q.Catalogue.Functions = append(slices.Clone(fs), policy.Function{
					ID: policy.FirstChainID + policy.ID(n), Key: fmt.Sprintf("%s.new%d", parent.Key, n), Name: "New",
					Parent: parent.ID, Since: q.Catalogue.Version, Override: policy.OverrideManager,
				})
			}
		}
	}
	return q
}

// naiveGiven reads the documentation of Given.
func (n *naive) given(group string, id policy.ID) policy.Given {
	gs := n.groups([]string{group})
	if len(gs) == 0 {
		return policy.Given{}
	}
	g := policy.Given{
		Access: n.access([]string{group}, id), Refused: n.refuses(gs[0], id), Approves: n.approves([]string{group}, id),
	}
	if g.Access == policy.Allowed {
		g.Limit = gs[0].Limits[id].Ref()
	}
	return g
}

// Whatever two policies are: the difference names every function of which a
// work group gives something else, no other, and the rules that decide; and
// there is no difference only where the policies are equal.
func TestDiffAgainstNaive(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := anyPolicy(rt)
		q := edited(rt, p)
		before, err := policy.Compile(p)
		if err != nil {
			rt.Fatal(err)
		}
		after, err := policy.Compile(q)
		if err != nil {
			rt.Fatal(err)
		}
		d := policy.Diff(before, after)
		if d.Same() != (before.Digest() == after.Digest()) {
			rt.Fatalf("same: %v, though equal digests: %v\n%+v", d.Same(), !d.Same(), d)
		}
		checkDiff(rt, d, p, q, before, after)
	})
}

func checkDiff(rt *rapid.T, d *policy.Difference, p, q *policy.Policy, before, after *policy.Compiled) {
	type cell struct {
		group string
		id    policy.ID
	}
	changed, rules := map[cell]policy.Change{}, map[cell][2]policy.Rule{}
	for _, g := range d.WorkGroups {
		for _, c := range g.Changes {
			changed[cell{g.Name, c.Function.ID}] = c
			x, y := d.Rules(&g, &c)
			rules[cell{g.Name, c.Function.ID}] = [2]policy.Rule{x, y}
		}
	}
	reach := map[cell]policy.Reach{}
	for _, list := range [][]policy.FunctionReach{d.Added, d.Removed} {
		for _, f := range list {
			for _, r := range f.Reaches {
				reach[cell{r.WorkGroup, f.Function.ID}] = r
			}
		}
	}
	was, is := newNaive(p), newNaive(q)
	ids, groups := map[policy.ID]bool{}, map[string]bool{}
	for _, n := range []*naive{was, is} {
		for id := range n.by {
			ids[id] = true
		}
		for _, name := range names(n.p) {
			groups[name] = true
		}
	}
	for name := range groups {
		for id := range ids {
			_, old := was.by[id]
			_, now := is.by[id]
			at := cell{name, id}
			c, isChange := changed[at]
			r, isReach := reach[at]
			switch {
			case old && now:
				x, y := was.given(name, id), is.given(name, id)
				if isReach || isChange != (x != y) || isChange && (c.Before != x || c.After != y) {
					rt.Fatalf("%v: %+v before, %+v after; said %v %+v", at, x, y, isChange, c)
				}
				if isChange {
					checkChangeRule(rt, before, name, rules[at][0], c.Before, id)
					checkChangeRule(rt, after, name, rules[at][1], c.After, id)
				}
			case now:
				up := newNaive(q)
				up.p = reviewedNow(q)
				then := up.given(name, id).Access
				if x := is.given(name, id); isChange || isReach != (x != policy.Given{} || then != policy.Denied) || isReach && (r.Given != x || r.OnceReviewed != then) {
					rt.Fatalf("%v is new: %+v, once reviewed %s; said %v %+v", at, x, then, isReach, r)
				}
			default:
				if x := was.given(name, id); isChange || isReach != (x != policy.Given{}) || isReach && r.Given != x {
					rt.Fatalf("%v is gone: %+v; said %v %+v", at, x, isReach, r)
				}
			}
		}
	}
}

func checkChangeRule(rt *rapid.T, c *policy.Compiled, group string, r policy.Rule, g policy.Given, id policy.ID) {
	if _, ok := c.WorkGroup(group); !ok {
		if r != (policy.Rule{}) {
			rt.Fatalf("a rule of %q, which is not there: %+v", group, r)
		}
		return
	}
	i, _ := c.LookupID(id)
	if want := c.Explain([]string{group}, i); r != want || r.Access != g.Access {
		rt.Fatalf("%q, %d: the rule is %+v, want %+v", group, id, r, want)
	}
}

func reviewedNow(p *policy.Policy) *policy.Policy {
	q := *p
	q.WorkGroups = slices.Clone(p.WorkGroups)
	for i := range q.WorkGroups {
		q.WorkGroups[i].Reviewed = p.Catalogue.Version
	}
	return &q
}

func TestDiff(t *testing.T) {
	change := func(edit func(p *policy.Policy)) *policy.Difference {
		p := small()
		edit(p)
		return policy.Diff(mustCompile(t, small()), mustCompile(t, p))
	}
	for _, tc := range []struct {
		what string
		edit func(p *policy.Policy)
		want func(d *policy.Difference) string // empty where it is as it should be
	}{
		{"nothing", func(*policy.Policy) {}, func(d *policy.Difference) string {
			return unless(d.Same(), "there is no difference")
		}},
		{"an X became a refusal, which takes it from others too", func(p *policy.Policy) { p.WorkGroups[2].Marks[1000] = policy.Refuse }, func(d *policy.Difference) string {
			return unless(len(d.WorkGroups) == 1 && d.WorkGroups[0].Changes[0].After.Refused, "the refusal is a change")
		}},
		{"a mark that changes nothing", func(p *policy.Policy) { p.WorkGroups[1].Marks[1600] = policy.Check }, func(d *policy.Difference) string {
			return unless(len(d.WorkGroups) == 1 && len(d.WorkGroups[0].Changes) == 0 && len(d.WorkGroups[0].Silent) == 1, "one silent mark")
		}},
		{"Manager Override: may approve from now on", func(p *policy.Policy) {
			p.WorkGroups[0].Marks[1007] = policy.Check
			p.WorkGroups[0].Marks[1602] = policy.Check
		}, func(d *policy.Difference) string {
			c := d.WorkGroups[0].Changes
			return unless(len(c) == 2 && c[1].After.Approves && !c[1].Before.Approves, "the no-sale may be approved")
		}},
		{"a renamed work group", func(p *policy.Policy) { p.WorkGroups[1].Name, p.Restrictions = "Chief", nil }, func(d *policy.Difference) string {
			return unless(len(d.WorkGroups) == 2 && d.WorkGroups[0].Presence == policy.OnlyOld && d.WorkGroups[1].Presence == policy.OnlyNew &&
				d.WorkGroups[1].Like == "Boss" && len(d.Restrictions) == 1 && d.Restrictions[0].Presence == policy.OnlyOld, "Chief is like Boss")
		}},
		{"attributes", func(p *policy.Policy) {
			p.Catalogue.Functions[3].Override, p.Catalogue.Functions[3].StepUp = policy.OverrideNever, true
			p.WorkGroups[1].SignOn, p.WorkGroups[1].Approve = policy.SignOnCardPIN, policy.SignOnCard
			p.Catalogue.Functions[3].Transaction = true
			p.Restrictions[0].Editors = []string{"Boss"}
		}, func(d *policy.Difference) string {
			return unless(fmt.Sprint(d.Functions[0].Attributes, d.WorkGroups[0].Attributes, d.Restrictions[0].Before, d.Restrictions[0].After) ==
				"[{override manager never} {transaction false true} {step_up false true}] [{sign_on card card+pin} {approve default card}] [Boss Guard] [Boss]", "attributes and editors")
		}},
		{"a function that is new", func(p *policy.Policy) {
			p.Catalogue.Version = 3
			p.Catalogue.Functions = append(p.Catalogue.Functions, policy.Function{ID: 1611, Key: "pos.drawer.third", Name: "Third", Parent: 1600, Since: 3})
			p.WorkGroups[1].Reviewed = 3
		}, func(d *policy.Difference) string {
			return unless(len(d.Added) == 1 && len(d.Added[0].Reaches) == 2 && d.Added[0].Reaches[0].Blank && d.Added[0].Reaches[0].Access == policy.Allowed &&
				d.Added[0].Reaches[1].WorkGroup == "Guard" && d.Added[0].Reaches[1].Refused, "Boss by being blank, Guard refuses it")
		}},
	} {
		d := change(tc.edit)
		if wrong := tc.want(d); wrong != "" {
			t.Errorf("%s: not so: %s\n%+v", tc.what, wrong, d)
		}
	}
}

func unless(ok bool, what string) string {
	if ok {
		return ""
	}
	return what
}

// BenchmarkDiff measures a difference beside the floor that it cannot do
// without, which is to look at every mark of both policies once. "some" has one
// function in 25 changed in each work group, "all" every one.
func BenchmarkDiff(b *testing.B) {
	for _, s := range sizes {
		before := mustCompile(b, large(s[0], s[1]))
		for _, kind := range []string{"some", "all"} {
			p := large(s[0], s[1])
			for n := range p.WorkGroups {
				marks := maps.Clone(p.WorkGroups[n].Marks)
				for k, f := range p.Catalogue.Functions {
					if f.Parent != 0 && (kind == "all" || (k+n)%25 == 0) {
						marks[f.ID] = policy.Refuse
					}
				}
				p.WorkGroups[n].Marks = marks
			}
			after := mustCompile(b, p)
			b.Run(fmt.Sprintf("%dx%d/%s", s[0], s[1], kind), func(b *testing.B) {
				var subject, floor time.Duration
				n := 0
				for b.Loop() {
					start := time.Now()
					seen := marksOf(before) + marksOf(after)
					floor += time.Since(start)
					runtime.KeepAlive(seen)
					start = time.Now()
					d := policy.Diff(before, after)
					subject += time.Since(start)
					if len(d.WorkGroups) != s[0] {
						b.Fatal("work groups are missing")
					}
					n++
				}
				report(b, subject, floor, n)
			})
		}
	}
}

// marksOf looks at every mark.
func marksOf(c *policy.Compiled) (set int) {
	for _, g := range c.WorkGroups() {
		for i := range c.Functions() {
			if c.Mark(g.Name, policy.Index(i)) != policy.Blank {
				set++
			}
		}
	}
	return set
}

// BenchmarkMatrix measures the matrix beside the same floor.
func BenchmarkMatrix(b *testing.B) {
	eachSize(b, func(b *testing.B, p *policy.Policy) {
		c := mustCompile(b, p)
		var subject, floor time.Duration
		n := 0
		for b.Loop() {
			start := time.Now()
			runtime.KeepAlive(marksOf(c))
			floor += time.Since(start)
			start = time.Now()
			cells := policy.Matrix(c)
			subject += time.Since(start)
			if len(cells) != len(c.WorkGroups())*len(c.Functions()) {
				b.Fatal("cells are missing")
			}
			n++
		}
		report(b, subject, floor, n)
	})
}
