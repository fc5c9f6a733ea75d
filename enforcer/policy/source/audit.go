package source

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tillwarden/enforcer/policy"
)

// Audit says what in a sound policy may not mean what was meant: what only
// shows when work groups, functions and people are looked at together. Holders
// are the operators, where they are known; that a work group has nobody is only
// said then. Where the sidecar has no place the finding has none.
func Audit(v Version, holders []Holder) Diagnostics {
	var f findings
	a := auditor{findings: &f, c: v.Compiled, side: v.Sidecar}
	given := make([]bool, len(a.c.Functions())) // by any work group, at least once it is reviewed
	for _, g := range a.c.WorkGroups() {
		tree := a.c.Tree(g.Name)
		a.marks(g.Name, tree)
		a.blanks(g.Name, tree)
		a.limits(g.Name, tree)
		for i := range tree {
			given[i] = given[i] || tree[i].OnceReviewed == policy.Allowed
		}
	}
	a.functions(given)
	a.registerGroups()
	a.escalations()
	if holders != nil {
		a.holders(holders)
	}
	return f.sorted()
}

// auditor looks through one policy.
type auditor struct {
	*findings
	c    *policy.Compiled
	side *Sidecar
}

func (a *auditor) group(name string) Pos {
	at, _ := a.side.WorkGroup(name)
	return at
}

// marks warns of marks that something above makes void. Level 2 is marked
// explicitly as a rule, so an X there is told of below a refusal only.
func (a *auditor) marks(group string, tree []policy.Line) {
	for i, l := range tree {
		f := l.Function
		if f.Level == 1 || l.Mark != policy.Deny && l.Mark != policy.Refuse {
			continue
		}
		at, _ := a.side.Mark(group, f.Key)
		if up, ok := a.above(group, policy.Index(i), policy.Refuse); ok {
			over, _ := a.side.Mark(group, up)
			a.warnf(CodeShadowed, at, "take it out", "the %s on %q changes nothing: %q is refused%s, and so is all below it", l.Mark, f.Key, up, atPlace(over))
			continue
		}
		if up, ok := a.c.Parent(policy.Index(i)); ok && l.Mark == policy.Deny && f.Level == 3 && tree[up].Mark == policy.Deny {
			key := tree[up].Function.Key
			over, _ := a.side.Mark(group, key)
			a.warnf(CodeShadowed, at, "take it out", "the X on %q changes nothing: %q has one%s", f.Key, key, atPlace(over))
		}
	}
}

// The functions of the shipped catalogue that the daemon itself asks about, outside
// of any session: nobody tells it amounts there, and nothing is counted.
var outside = []string{
	"pos.signon", "pos.unlock.other", "pos.password.change", "pos.manageroverride.monitor", "pos.manageroverride.breakglass",
	"pos.reports.journal", "backoffice.signon", "backoffice.operator", "backoffice.security", "backoffice.reports.decisionjournal",
}

// kicked are those that an opening is for of which no POS says what it is for.
var kicked = []string{"pos.drawer.sale", "pos.drawer.nosale"}

func isOutside(key string) bool {
	return slices.ContainsFunc(outside, func(o string) bool { return key == o || strings.HasPrefix(key, o+".") })
}

// limits warns of those that change nothing, and of those that are never met.
func (a *auditor) limits(group string, tree []policy.Line) {
	limits := a.c.LimitsOf(group)
	for _, at := range slices.Sorted(maps.Keys(limits)) {
		i, limit := int(at), limits[at]
		l, f := tree[i], tree[i].Function
		at, _ := a.side.Limit(group, f.Key)
		if l.OnceReviewed != policy.Allowed {
			a.warnf(CodeNoEffect, at, "allow it, or take the limit out", "the limit on %q changes nothing: the work group does not give it", f.Key)
			continue
		}
		if i+1 < len(tree) && tree[i+1].Function.Level > f.Level {
			a.warnf(CodeNoEffect, at, "limit each of those that are meant", "the limit on %q holds for it alone, not for what is below it", f.Key)
		}
		told := limit.Amount != 0 || limit.Percent != 0
		switch {
		case isOutside(f.Key) && (told || limit.Count != 0):
			a.warnf(CodeNeverTold, at, "hours and registers can be limited here", "the limit on %q is never met: it is asked for outside of a session, where nobody tells an amount and nothing is counted", f.Key)
		case f.Key == policy.KeyManagerOverride && limit.Count != 0:
			a.warnf(CodeNeverTold, at, "limit the count of the functions that are approved", "the limit on %q is never met: approvals are not counted by session", f.Key)
		case slices.Contains(kicked, f.Key) && told:
			a.warnf(CodeNeverTold, at, "limit it by count, hours or registers", "the limit on %q is not met by a drawer that opens out of the print stream: nothing tells an amount there", f.Key)
		}
	}
}

// registerGroups warns of those that no limit names, and of those without registers.
func (a *auditor) registerGroups() {
	named := map[string]bool{}
	for _, g := range a.c.WorkGroups() {
		for _, l := range a.c.LimitsOf(g.Name) {
			named[l.Registers] = true
		}
	}
	for _, g := range a.c.RegisterGroups() {
		at, _ := a.side.RegisterGroup(g.Name)
		switch {
		case !named[g.Name]:
			a.warnf(CodeUnused, at, "take it out, or name it in a limit", "no limit names register group %q", g.Name)
		case len(g.Registers) == 0:
			a.warnf(CodeNoEffect, at, "name its registers", "register group %q has no registers, so what is limited to it is allowed nowhere", g.Name)
		}
	}
}

// above finds the nearest function above that a work group marks so.
func (a *auditor) above(group string, i policy.Index, m policy.Mark) (key string, ok bool) {
	for up, ok := a.c.Parent(i); ok; up, ok = a.c.Parent(up) {
		if a.c.Mark(group, up) == m {
			return a.c.Function(up).Key, true
		}
	}
	return "", false
}

func atPlace(at Pos) string {
	if at.Line == 0 {
		return ""
	}
	return " at " + at.String()
}

// attributes warns of those that contradict each other.
func (a *auditor) attributes(f *policy.Function, at Pos) {
	never := f.Override == policy.OverrideNever
	if f.DualControl && never {
		a.warnf(CodeUnused, at, `add override = "manager"`, "%q takes two persons who approve, and nobody may approve it: so nobody can do it", f.Key)
	}
	if f.Transaction && (f.DualControl || never) {
		a.warnf(CodeUnused, at, "leave it out", "transaction changes nothing at %q: an approval of it holds for one action, if there is one at all", f.Key)
	}
}

// functions warns of a chain's own functions that nobody has, or that people
// cannot tell from others. The shipped ones that a site does not use are many.
func (a *auditor) functions(given []bool) {
	byName := map[string]string{}
	for _, f := range a.c.Functions() {
		if f.ID < policy.FirstChainID {
			byName[policy.FoldName(f.Name)] = f.Key
		}
	}
	used := a.used(given)
	for i, f := range a.c.Functions() {
		at, _ := a.side.Function(f.Key)
		a.attributes(&f, at)
		if f.ID < policy.FirstChainID {
			continue
		}
		if up, ok := a.c.Parent(policy.Index(i)); !used[i] && (!ok || used[up]) && len(a.c.WorkGroups()) > 0 {
			hint := "allow it where it belongs, or take it out; its id stays used for ever"
			a.warnf(CodeUnused, at, hint, "no work group gives %q, nor anything below it: nobody may do it, and so nobody may approve it", f.Key)
		}
		if other := byName[policy.FoldName(f.Name)]; other != "" {
			a.warnf(CodeSameName, at, "name it otherwise", "%q has the name of %q: in prompts and reports nobody could tell them apart", f.Key, other)
		}
		byName[policy.FoldName(f.Name)] = f.Key
	}
}

// used says of each function whether it is given, or anything below it.
func (a *auditor) used(given []bool) []bool {
	used := slices.Clone(given)
	for i := len(used) - 1; i >= 0; i-- {
		if up, ok := a.c.Parent(policy.Index(i)); ok && used[i] {
			used[up] = true
		}
	}
	return used
}

// blanks warns of functions that came with a later catalogue, were reviewed, and
// are allowed for no other reason than that an older mark above allows them.
func (a *auditor) blanks(group string, tree []policy.Line) {
	var opened []string
	for _, l := range tree {
		if l.Access != policy.Allowed || !l.Blank {
			continue
		}
		if by, ok := a.c.Lookup(l.Rule.Function); ok && tree[by].Function.Since < l.Function.Since {
			opened = append(opened, l.Function.Key)
		}
	}
	if len(opened) == 0 {
		return
	}
	hint := "mark each: allow where it is meant, deny where it is not"
	a.warnf(CodeOpenedBlank, a.group(group), hint, "a later catalogue opened what work group %q leaves blank: it gives %s by a mark that is older",
		group, listed("%q", opened))
	a.all[len(a.all)-1].Functions = opened
}

// escalations warns of work groups that lead to stronger ones.
func (a *auditor) escalations() {
	for _, e := range policy.Escalations(a.c) {
		hint := fmt.Sprintf("say who is meant to hand it out: restricted_work_group %q { editors = [...] }", e.To[0])
		if slices.ContainsFunc(a.c.Restrictions(), func(r policy.Restriction) bool { return r.WorkGroup == e.To[0] }) {
			hint = fmt.Sprintf("restrict what it comes over, or add %q to the editors of %q if it is meant", e.WorkGroup, e.To[0])
		}
		a.warnf(CodeEscalation, a.group(e.WorkGroup), hint, "work group %q leads to %s, which may more", e.WorkGroup, listed("%q", e.To))
		d := &a.all[len(a.all)-1]
		d.WorkGroups, d.Steps = e.To, e.Steps
	}
}

// holders warns where policy and people do not fit together.
func (a *auditor) holders(list []Holder) {
	held := map[string]bool{}
	for _, o := range list {
		for _, g := range o.WorkGroups {
			held[g] = true
		}
	}
	for _, g := range a.c.WorkGroups() {
		if !held[g.Name] {
			a.warnf(CodeNobody, a.group(g.Name), "take it out, or give it to somebody", "no operator has work group %q", g.Name)
		}
	}
	var names []string
	for _, g := range a.c.WorkGroups() {
		names = append(names, g.Name)
	}
	var s suggester
	for _, o := range list {
		for _, g := range o.WorkGroups {
			if _, ok := a.c.WorkGroup(g); !ok {
				a.warnf(CodeUnknownGroup, Pos{}, s.hint(g, names), "operator %s has work group %q, which this policy has not: it gives nothing", &o, g)
			}
		}
	}
}
