package policy_test

import (
	"testing"

	"pgregory.net/rapid"

	"tillwarden/enforcer/policy"
)

// Whatever the policy: from the function's side and from the work group's it is
// what the naive reading says, and both agree.
func TestWhoCanAndTreeAgainstNaive(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := anyPolicy(rt)
		c, err := policy.Compile(p)
		if err != nil {
			rt.Fatal(err)
		}
		n, then := newNaive(p), newNaive(reviewedNow(p))
		trees := map[string][]policy.Line{}
		for _, g := range c.WorkGroups() {
			trees[g.Name] = c.Tree(g.Name)
		}
		for i, f := range c.Functions() {
			who := c.WhoCan(policy.Index(i))
			if len(who) != len(c.WorkGroups()) {
				rt.Fatalf("%s: %d of %d work groups", f.Key, len(who), len(c.WorkGroups()))
			}
			for k, g := range c.WorkGroups() {
				line := trees[g.Name][i]
				if line.Reach != who[k] {
					rt.Fatalf("%q, %s: %+v of the work group, %+v of the function", g.Name, f.Key, line.Reach, who[k])
				}
				if line.Function.Key != f.Key || line.Mark != c.Mark(g.Name, policy.Index(i)) || line.Blank != (line.Mark == policy.Blank) {
					rt.Fatalf("%q, %s: %+v", g.Name, f.Key, line)
				}
				if want := n.given(g.Name, f.ID); line.Given != want || line.Rule.Access != want.Access {
					rt.Fatalf("%q, %s: %+v, want %+v", g.Name, f.Key, line, want)
				}
				if want := then.given(g.Name, f.ID).Access; line.OnceReviewed != want || want < line.Access {
					rt.Fatalf("%q, %s: once reviewed %s, want %s", g.Name, f.Key, line.OnceReviewed, want)
				}
			}
		}
		if c.Tree("nobody's") != nil || c.WhoCan(policy.Index(len(c.Functions()))) != nil {
			rt.Fatal("something of what is not there")
		}
	})
}
