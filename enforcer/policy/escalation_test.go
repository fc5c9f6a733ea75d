package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tillwarden/enforcer/policy"
)

// people is a catalogue with what changes operators.
func people() policy.Catalogue {
	f := func(id policy.ID, key string, parent policy.ID) policy.Function {
		return policy.Function{ID: id, Key: key, Name: "the " + key, Parent: parent, Since: 1}
	}
	protected := f(5302, "backoffice.security.edit", 5300)
	protected.Protected = true
	return policy.Catalogue{Version: 1, Functions: []policy.Function{
		f(1000, "pos", 0), f(1007, policy.KeyManagerOverride, 1000), f(1100, "pos.sale", 1000), f(1400, "pos.return", 1000),
		f(5000, "backoffice", 0), f(5200, "backoffice.operator", 5000), f(5204, policy.KeyAssign, 5200),
		f(5205, policy.KeyAssignRestricted, 5200), f(5206, policy.KeySetPIN, 5200), f(5207, policy.KeyGiveCard, 5200),
		f(5300, "backoffice.security", 5000), protected,
	}}
}

// roster is what decides escalations, read as the documentation says it.
type roster struct {
	*naive
	editors map[string][]string
}

func (r roster) may(held []string, key string) bool {
	for id, f := range r.by {
		if f.Key == key {
			return r.access(held, id) == policy.Allowed
		}
	}
	return false
}

func (r roster) touches(held []string, group string) bool {
	editors, restricted := r.editors[group]
	return !restricted || slices.ContainsFunc(editors, func(e string) bool { return slices.Contains(held, e) })
}

// assigns: somebody with held gives somebody else all of the work groups.
func (r roster) assigns(held, groups []string) bool {
	for _, g := range groups {
		if _, restricted := r.editors[g]; !r.touches(held, g) || restricted && !r.may(held, policy.KeyAssignRestricted) {
			return false
		}
	}
	return r.may(held, policy.KeyAssign)
}

// poses: somebody with held signs on as one who has the work group alone.
func (r roster) poses(held []string, group string) bool {
	if !r.touches(held, group) {
		return false
	}
	pin, card := r.may(held, policy.KeySetPIN), r.may(held, policy.KeyGiveCard)
	switch r.groups([]string{group})[0].SignOn {
	case policy.SignOnCardPIN:
		return pin && card
	case policy.SignOnNumberPIN:
		return pin
	}
	return pin || card
}

func (r roster) stronger(one, than string) bool {
	more, less := false, false
	// 0: not given, 1: within a limit, 2: without one.
	gives := func(group string, id policy.ID) int {
		switch {
		case r.access([]string{group}, id) != policy.Allowed:
			return 0
		case r.groups([]string{group})[0].Limits[id].Set():
			return 1
		}
		return 2
	}
	for id, f := range r.by {
		x, y := gives(one, id), gives(than, id)
		if x > y && (f.Protected || slices.Contains([]string{
			policy.KeyManagerOverride, policy.KeyAssign, policy.KeyAssignRestricted, policy.KeySetPIN, policy.KeyGiveCard,
		}, f.Key)) {
			return true
		}
		more, less = more || x > y, less || y > x
	}
	return more && !less
}

// reach tries every set of work groups in every order.
func (r roster) reach(start string) map[string]bool {
	var all []string
	for _, g := range r.p.WorkGroups {
		all = append(all, g.Name)
	}
	var sets [][]string
	for bits := 1; bits < 1<<len(all); bits++ {
		var s []string
		for i, g := range all {
			if bits>>i&1 != 0 {
				s = append(s, g)
			}
		}
		sets = append(sets, s)
	}
	reached := map[string][]string{start: {start}}
	for grew := true; grew; {
		grew = false
		for _, held := range reached {
			for _, s := range sets {
				if reached[fmt.Sprint(s)] == nil && (r.assigns(held, s) || len(s) == 1 && r.poses(held, s[0])) {
					reached[fmt.Sprint(s)], grew = s, true
				}
			}
		}
	}
	strong := map[string]bool{}
	for _, g := range all {
		if reached["["+g+"]"] != nil && g != start && r.stronger(g, start) && !slices.Contains(r.editors[g], start) {
			strong[g] = true
		}
	}
	return strong
}

// Whatever the policy: what is said to lead to a stronger work group does, step
// by step; and where nothing is said, trying everything in any order leads to none.
func TestEscalationsAgainstNaive(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := &policy.Policy{Catalogue: people()}
		n := rapid.IntRange(1, 5).Draw(rt, "groups")
		for g := range n {
			w := policy.WorkGroup{
				Name: fmt.Sprint("G", g), Reviewed: 1, SignOn: policy.SignOnMethod(rapid.IntRange(0, 3).Draw(rt, "signon")),
				Marks: map[policy.ID]policy.Mark{1000: policy.Check, 5000: policy.Check, 5300: policy.Deny, 1007: policy.Deny},
			}
			for _, id := range []policy.ID{1007, 1400, 5204, 5205, 5206, 5207, 5302} {
				w.Marks[id] = rapid.SampledFrom([]policy.Mark{policy.Deny, policy.Deny, policy.Deny, policy.Check, policy.Check, policy.Refuse}).Draw(rt, "mark")
			}
			for _, id := range []policy.ID{1007, 1400} {
				if rapid.IntRange(0, 3).Draw(rt, "limited") == 0 {
					w.Limits = map[policy.ID]policy.Limit{id: {Amount: rapid.Uint64Range(1, 2).Draw(rt, "amount")}}
				}
			}
			p.WorkGroups = append(p.WorkGroups, w)
		}
		r := roster{newNaive(p), map[string][]string{}}
		for g := range n {
			if rapid.Bool().Draw(rt, "restricted") {
				one := policy.Restriction{WorkGroup: fmt.Sprint("G", g)}
				for e := range n {
					if rapid.Bool().Draw(rt, "editor") {
						one.Editors = append(one.Editors, fmt.Sprint("G", e))
					}
				}
				p.Restrictions = append(p.Restrictions, one)
				r.editors[one.WorkGroup] = one.Editors
			}
		}
		c, err := policy.Compile(p)
		if err != nil {
			rt.Fatal(err)
		}
		got := map[string]map[string]bool{}
		for _, e := range policy.Escalations(c) {
			if got[e.WorkGroup] == nil {
				got[e.WorkGroup] = map[string]bool{}
			}
			for _, to := range e.To {
				got[e.WorkGroup][to] = true
			}
			checkSteps(rt, r, e)
		}
		for _, g := range p.WorkGroups {
			if want := r.reach(g.Name); fmt.Sprint(want) != fmt.Sprint(orEmpty(got[g.Name])) {
				rt.Fatalf("%s comes to %v, said is %v\n%+v", g.Name, want, got[g.Name], p)
			}
		}
	})
}

func orEmpty(m map[string]bool) map[string]bool {
	if m == nil {
		return map[string]bool{}
	}
	return m
}

// checkSteps walks a way.
func checkSteps(rt *rapid.T, r roster, e policy.Escalation) {
	held := []string{e.WorkGroup}
	for i, s := range e.Steps {
		if !slices.Equal(s.As, held) {
			rt.Fatalf("%+v: step %d begins elsewhere", e, i)
		}
		each := [][]string{s.To}
		if i == len(e.Steps)-1 {
			each = nil
			for _, to := range s.To {
				each = append(each, []string{to})
			}
			if !slices.Equal(s.To, e.To) {
				rt.Fatalf("%+v: its last step leads elsewhere", e)
			}
		}
		for _, to := range each {
			ok := r.assigns(held, to)
			if s.Means != policy.MeansAssign {
				ok = len(to) == 1 && r.poses(held, to[0])
			}
			for _, key := range s.Means.Functions() {
				ok = ok && r.may(held, key)
			}
			if !ok {
				rt.Fatalf("%+v: step %d to %v cannot be gone", e, i, to)
			}
		}
		held = s.To
	}
}

func TestEscalations(t *testing.T) {
	group := func(name string, signOn policy.SignOnMethod, checks ...policy.ID) policy.WorkGroup {
		w := policy.WorkGroup{Name: name, Reviewed: 1, SignOn: signOn, Marks: map[policy.ID]policy.Mark{
			1000: policy.Check, 1007: policy.Deny, 1400: policy.Deny, 5000: policy.Check, 5200: policy.Deny, 5300: policy.Deny,
		}}
		for _, id := range checks {
			w.Marks[id] = policy.Check
		}
		return w
	}
	restricted := func(group string, editors ...string) policy.Restriction {
		return policy.Restriction{WorkGroup: group, Editors: editors}
	}
	for _, tc := range []struct {
		what         string
		groups       []policy.WorkGroup
		restrictions []policy.Restriction
		want         string
	}{
		{"nobody changes operators", []policy.WorkGroup{group("Clerk", 0), group("Boss", 0, 1007)}, nil, ""},
		{"who assigns, assigns more than the own", []policy.WorkGroup{group("Clerk", 0, 5204), group("Boss", 0, 1007), group("Other", 0)}, nil, "Clerk:assign->Boss"},
		{"the restriction names no clerk", []policy.WorkGroup{group("Clerk", 0, 5204), group("Boss", 0, 1007)}, []policy.Restriction{restricted("Boss", "Boss")}, ""},
		{"the restriction names clerks: that is meant", []policy.WorkGroup{group("Clerk", 0, 5204, 5205), group("Boss", 0, 1007)}, []policy.Restriction{restricted("Boss", "Clerk")}, ""},
		{"a boss's PIN", []policy.WorkGroup{group("Clerk", 0, 5206), group("Boss", 0, 1007)}, nil, "Clerk:pin->Boss"},
		{"a boss's PIN is not enough where a card is asked for", []policy.WorkGroup{group("Clerk", 0, 5206), group("Boss", policy.SignOnCardPIN, 1007)}, nil, ""},
		{"a boss's PIN and card are", []policy.WorkGroup{group("Clerk", 0, 5206, 5207), group("Boss", policy.SignOnCardPIN, 1007)}, nil, "Clerk:pin+card->Boss"},
		{"a boss's card", []policy.WorkGroup{group("Clerk", 0, 5207), group("Boss", policy.SignOnCard, 1007)}, nil, "Clerk:card->Boss"},
		{"a boss's card is not enough where a PIN is asked for", []policy.WorkGroup{group("Clerk", 0, 5207), group("Boss", policy.SignOnNumberPIN, 1007)}, nil, ""},
		{
			"over somebody who may hand it out",
			[]policy.WorkGroup{group("Clerk", 0, 5206), group("Lead", 0, 5204, 5205, 5206), group("Boss", 0, 1007)},
			[]policy.Restriction{restricted("Boss", "Lead")},
			"Clerk:pin->Lead; Clerk:pin->Lead assign->Boss",
		},
		{
			"over two work groups together",
			[]policy.WorkGroup{group("Clerk", 0, 5204), group("Editor", 0), group("Lead", 0, 5204, 5205), group("Boss", 0, 1007)},
			[]policy.Restriction{restricted("Boss", "Editor")},
			"Clerk:assign->Lead; Clerk:assign->Editor+Lead assign->Boss",
		},
		{"a refusal keeps two work groups apart", []policy.WorkGroup{
			group("Clerk", 0, 5204),
			{Name: "Editor", Reviewed: 1, Marks: map[policy.ID]policy.Mark{1000: policy.Deny, 5000: policy.Deny, 5200: policy.Refuse}},
			group("Lead", 0, 5204, 5205), group("Boss", 0, 1007),
		}, []policy.Restriction{restricted("Boss", "Editor")}, "Clerk:assign->Lead"},
	} {
		c := mustCompile(t, &policy.Policy{Catalogue: people(), WorkGroups: tc.groups, Restrictions: tc.restrictions})
		var ways []string
		for _, e := range policy.Escalations(c) {
			if e.WorkGroup != "Clerk" {
				continue
			}
			var steps []string
			for _, s := range e.Steps {
				steps = append(steps, fmt.Sprintf("%s->%s", s.Means, strings.Join(s.To, "+")))
			}
			ways = append(ways, e.WorkGroup+":"+strings.Join(steps, " "))
		}
		if got := strings.Join(ways, "; "); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.what, got, tc.want)
		}
	}
}

// BenchmarkEscalations is a chain's policy in which every tenth work group may
// give work groups, every fifth set PINs, and every third is restricted.
func BenchmarkEscalations(b *testing.B) {
	p := &policy.Policy{Catalogue: people()}
	for n := range 1000 {
		w := policy.WorkGroup{Name: fmt.Sprintf("G%04d", n), Reviewed: 1, Marks: map[policy.ID]policy.Mark{1000: policy.Check, 5000: policy.Check, 5200: policy.Deny, 1007: policy.Deny}}
		if n%10 == 0 {
			w.Marks[5204], w.Marks[5205] = policy.Check, policy.Check
		}
		if n%5 == 0 {
			w.Marks[5206] = policy.Check
		}
		if n%3 == 0 {
			w.Marks[1007] = policy.Check
			p.Restrictions = append(p.Restrictions, policy.Restriction{WorkGroup: w.Name, Editors: []string{fmt.Sprintf("G%04d", n/10*10)}})
		}
		p.WorkGroups = append(p.WorkGroups, w)
	}
	c := mustCompile(b, p)
	for b.Loop() {
		if len(policy.Escalations(c)) == 0 {
			b.Fatal("there are none")
		}
	}
}
