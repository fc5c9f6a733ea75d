package source

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"tillwarden/enforcer/policy"
)

// Version is a policy at hand, by the name under which it was found.
type Version struct {
	Name     string
	Compiled *policy.Compiled
	Sidecar  *Sidecar // nil where the sources are not known
}

// Diff is what one policy does otherwise than another, with places.
type Diff struct {
	Same      bool            `json:"same"`
	Before    VersionInfo     `json:"before"`
	After     VersionInfo     `json:"after"`
	Groups    []GroupDiff     `json:"work_groups"`
	Added     []ReachedDiff   `json:"functions_added"`
	Removed   []ReachedDiff   `json:"functions_removed"`
	Functions []FunctionDiff  `json:"functions_changed"`
	Editors   []EditorsDiff   `json:"restricted_work_groups"`
	Registers []RegistersDiff `json:"register_groups"`

	tree diffTree
}

// diffTree is the new catalogue, as far as the old one has it too.
type diffTree struct {
	functions []policy.Function
	at        map[string]int // by key
	end       []int          // of each function: where what is below it ends
	below     []int          // of each function: how many are below it that are not new
}

// VersionInfo tells two versions apart.
type VersionInfo struct {
	Name       string `json:"name"`
	Catalogue  uint32 `json:"catalogue"`
	Functions  int    `json:"functions"`
	WorkGroups int    `json:"work_groups"`
	Digest     string `json:"digest"`
}

// GroupDiff is what a work group does otherwise.
type GroupDiff struct {
	Name       string             `json:"name"`
	Presence   policy.Presence    `json:"presence"`
	Like       string             `json:"like,omitempty"` // the work group that is gone and gave the same
	At         *Pos               `json:"at,omitempty"`
	Attributes []policy.Attribute `json:"attributes,omitempty"`
	Changes    []ChangeDiff       `json:"changes,omitempty"`
	Silent     []MarkDiff         `json:"marks_without_effect,omitempty"`
	Limits     []LimitDiff        `json:"limits_without_effect,omitempty"`
}

// LimitDiff is a limit that changed on a function that is not given.
type LimitDiff struct {
	Function string       `json:"function"`
	Before   policy.Limit `json:"before,omitzero"`
	After    policy.Limit `json:"after,omitzero"`
	At       *Pos         `json:"at,omitempty"`
}

// RegistersDiff is a register group that is new, gone, or has other registers.
type RegistersDiff struct {
	Name     string          `json:"name"`
	Presence policy.Presence `json:"presence"`
	Before   []string        `json:"before,omitempty"`
	After    []string        `json:"after,omitempty"`
}

// ChangeDiff is a function of which a work group gives something else.
type ChangeDiff struct {
	Function   string         `json:"function"`
	Name       string         `json:"name"`
	Before     policy.Given   `json:"before"`
	After      policy.Given   `json:"after"`
	RuleBefore *ExplainedRule `json:"rule_before,omitempty"`
	RuleAfter  *ExplainedRule `json:"rule_after,omitempty"`
}

// MarkDiff is a mark that changed without changing what the work group gives.
type MarkDiff struct {
	Function string      `json:"function"`
	Before   policy.Mark `json:"before"`
	After    policy.Mark `json:"after"`
	At       *Pos        `json:"at,omitempty"`
}

// ReachedDiff is a function that is new or gone, and whom it reaches.
type ReachedDiff struct {
	Function string        `json:"function"`
	Name     string        `json:"name"`
	At       *Pos          `json:"at,omitempty"`
	Reaches  []ReachedFrom `json:"reaches"`
}

// ReachedFrom is what a work group gives of a function, and why.
type ReachedFrom struct {
	WorkGroup string `json:"work_group"`
	policy.Given
	Blank        bool          `json:"blank"`
	OnceReviewed policy.Access `json:"once_reviewed"`
	Rule         ExplainedRule `json:"rule"`
}

// FunctionDiff is a function whose attributes changed.
type FunctionDiff struct {
	Function   string             `json:"function"`
	Name       string             `json:"name"`
	At         *Pos               `json:"at,omitempty"`
	Attributes []policy.Attribute `json:"attributes"`
}

// EditorsDiff is a restricted work group that is new, gone, or has other editors.
type EditorsDiff struct {
	WorkGroup string          `json:"work_group"`
	Presence  policy.Presence `json:"presence"`
	Before    []string        `json:"before,omitempty"`
	After     []string        `json:"after,omitempty"`
}

// Compare tells what one policy does otherwise than another.
func Compare(before, after Version) *Diff {
	d := policy.Diff(before.Compiled, after.Compiled)
	out := &Diff{
		Same: d.Same(), Before: before.info(), After: after.info(), tree: newDiffTree(after.Compiled.Functions(), d.Added),
		Groups: []GroupDiff{}, Functions: []FunctionDiff{}, Editors: []EditorsDiff{}, Registers: []RegistersDiff{},
		Added: reachedDiffs(d.Added, after.Sidecar), Removed: reachedDiffs(d.Removed, before.Sidecar),
	}
	for n := range d.WorkGroups {
		out.Groups = append(out.Groups, groupDiff(d, &d.WorkGroups[n], before.Sidecar, after.Sidecar))
	}
	for _, f := range d.Functions {
		at := optional(after.Sidecar.Function(f.Function.Key))
		out.Functions = append(out.Functions, FunctionDiff{Function: f.Function.Key, Name: f.Function.Name, At: at, Attributes: f.Attributes})
	}
	for _, r := range d.Restrictions {
		out.Editors = append(out.Editors, EditorsDiff(r))
	}
	for _, r := range d.RegisterGroups {
		out.Registers = append(out.Registers, RegistersDiff(r))
	}
	return out
}

func (v Version) info() VersionInfo {
	digest := v.Compiled.Digest()
	return VersionInfo{
		Name: v.Name, Catalogue: v.Compiled.Version(), Functions: len(v.Compiled.Functions()),
		WorkGroups: len(v.Compiled.WorkGroups()), Digest: hex.EncodeToString(digest[:]),
	}
}

func groupDiff(d *policy.Difference, g *policy.GroupDifference, before, after *Sidecar) GroupDiff {
	out := GroupDiff{Name: g.Name, Presence: g.Presence, Like: g.Like, Attributes: g.Attributes}
	if out.At = optional(after.WorkGroup(g.Name)); out.At == nil {
		out.At = optional(before.WorkGroup(g.Name))
	}
	for n := range g.Changes {
		c := &g.Changes[n]
		was, is := d.Rules(g, c)
		change := ChangeDiff{Function: c.Function.Key, Name: c.Function.Name, Before: c.Before, After: c.After}
		if g.Presence != policy.OnlyNew {
			change.RuleBefore = explained(was, before)
		}
		if g.Presence != policy.OnlyOld {
			change.RuleAfter = explained(is, after)
		}
		out.Changes = append(out.Changes, change)
	}
	for _, m := range g.Silent {
		out.Silent = append(out.Silent, MarkDiff{
			Function: m.Function.Key, Before: m.Before, After: m.After, At: optional(after.Mark(g.Name, m.Function.Key)),
		})
	}
	for _, l := range g.SilentLimits {
		out.Limits = append(out.Limits, LimitDiff{
			Function: l.Function.Key, Before: l.Before, After: l.After, At: optional(after.Limit(g.Name, l.Function.Key)),
		})
	}
	return out
}

func reachedDiffs(list []policy.FunctionReach, side *Sidecar) []ReachedDiff {
	out := []ReachedDiff{}
	for _, f := range list {
		one := ReachedDiff{Function: f.Function.Key, Name: f.Function.Name, At: optional(side.Function(f.Function.Key)), Reaches: []ReachedFrom{}}
		for _, r := range f.Reaches {
			one.Reaches = append(one.Reaches, reachedFrom(r, side))
		}
		out = append(out, one)
	}
	return out
}

func reachedFrom(r policy.Reach, side *Sidecar) ReachedFrom {
	return ReachedFrom{WorkGroup: r.WorkGroup, Given: r.Given, Blank: r.Blank, OnceReviewed: r.OnceReviewed, Rule: *explained(r.Rule, side)}
}

func optional(at Pos, ok bool) *Pos {
	if !ok {
		return nil
	}
	return &at
}

// WriteText writes the difference for people, in 80 columns.
func (d *Diff) WriteText(w io.Writer) error {
	var t text
	if d.Same {
		t.line(0, "no difference: both are the policy with digest %.12s", d.After.Digest)
		return t.writeTo(w, "difference")
	}
	for _, v := range []struct {
		word string
		VersionInfo
	}{{"old:", d.Before}, {"new:", d.After}} {
		t.line(0, "%s %s, catalogue %d, %s, %s, digest %.12s", v.word, v.Name, v.Catalogue,
			counted(v.Functions, "function"), counted(v.WorkGroups, "work group"), v.Digest)
	}
	d.writeReached(&t, "new in the catalogue", d.Added, true)
	d.writeReached(&t, "gone from the catalogue", d.Removed, false)
	if len(d.Functions) > 0 {
		t.blank()
		t.line(0, "functions with other attributes")
		for _, f := range d.Functions {
			t.pairs(2, []pair{{f.Function, f.Name}})
			writeAttributes(&t, 4, f.Attributes)
		}
	}
	if len(d.Editors) > 0 {
		t.blank()
		t.line(0, "restricted work groups")
		for _, r := range d.Editors {
			writeEditors(&t, r)
		}
	}
	if len(d.Registers) > 0 {
		t.blank()
		t.line(0, "register groups")
		for _, r := range d.Registers {
			switch r.Presence {
			case policy.OnlyNew:
				t.line(2, "%q is new: registers %s", r.Name, editors(r.After))
			case policy.OnlyOld:
				t.line(2, "%q is gone", r.Name)
			default:
				t.line(2, "%q has other registers: %s; before %s", r.Name, editors(r.After), editors(r.Before))
			}
		}
	}
	for n := range d.Groups {
		t.blank()
		d.writeGroup(&t, &d.Groups[n])
	}
	return t.writeTo(w, "difference")
}

func writeAttributes(t *text, indent int, list []policy.Attribute) {
	for _, a := range list {
		t.line(indent, "%s: %s -> %s", a.Name, orNone(a.Before), orNone(a.After))
	}
}

func editors(names []string) string { return orNone(listed("%q", names)) }

func writeEditors(t *text, r EditorsDiff) {
	switch r.Presence {
	case policy.OnlyNew:
		t.line(2, "%q is restricted now, to editors %s", r.WorkGroup, editors(r.After))
	case policy.OnlyOld:
		t.line(2, "%q is no longer restricted: whoever may assign work groups may hand it out", r.WorkGroup)
	default:
		t.line(2, "%q has other editors: %s; before %s", r.WorkGroup, editors(r.After), editors(r.Before))
	}
}

// writeReached writes functions that are new or gone, with whom they reach.
func (d *Diff) writeReached(t *text, title string, list []ReachedDiff, isNew bool) {
	if len(list) == 0 {
		return
	}
	t.blank()
	t.line(0, "%s", title)
	for _, f := range list {
		t.pairs(2, []pair{{f.Function, f.Name}})
		said := map[string][]string{}
		for _, r := range f.Reaches {
			for _, how := range r.ways(isNew) {
				said[how] = append(said[how], r.WorkGroup)
			}
		}
		for _, how := range reachWays {
			if groups := said[how]; len(groups) > 0 {
				t.line(4, "%s: %s", how, listed("%q", groups))
			}
		}
		if len(f.Reaches) == 0 {
			t.line(4, "reaches nobody")
		}
	}
}

// reachWays are the ways in which a function reaches a work group, in the order
// in which they are said.
var reachWays = []string{
	"allowed by being blank", "allowed by a mark", "override required by being blank", "override required by a mark", "refused",
	"allowed once reviewed, by being blank", "allowed once reviewed, by a mark", "override required once reviewed",
	"was allowed", "override was required", "was refused",
}

func (r ReachedFrom) ways(isNew bool) []string {
	if !isNew {
		switch {
		case r.Refused:
			return []string{"was refused"}
		case r.Access == policy.Allowed:
			return []string{"was allowed"}
		}
		return []string{"override was required"}
	}
	by := " by a mark"
	if r.Blank {
		by = " by being blank"
	}
	switch {
	case r.Refused:
		return []string{"refused"}
	case r.Access == policy.Allowed:
		return []string{"allowed" + by}
	case r.Access == policy.OverrideRequired:
		return []string{"override required" + by}
	case r.OnceReviewed == policy.Allowed:
		return []string{"allowed once reviewed," + by}
	}
	return []string{"override required once reviewed"}
}

func (d *Diff) writeGroup(t *text, g *GroupDiff) {
	title := fmt.Sprintf("work group %q", g.Name)
	switch g.Presence {
	case policy.OnlyNew:
		title += " is new"
	case policy.OnlyOld:
		title += " is gone"
	}
	if g.At != nil {
		title += ", " + g.At.String()
	}
	t.line(0, "%s", title)
	if g.Like != "" {
		t.line(2, "gives the same as %q, which is gone: was it renamed? Operators hold work groups by name", g.Like)
	}
	writeAttributes(t, 2, g.Attributes)
	classes, approves, noLonger := g.classes()
	for _, c := range classes {
		c.write(t, d, g)
	}
	for _, a := range []struct {
		what string
		keys []string
	}{{"may approve for others", approves}, {"may no longer approve for others", noLonger}} {
		if n := len(a.keys); n > 0 {
			t.line(2, "%s %s: %s", a.what, counted(n, "function"), listed("%s", a.keys))
		}
	}
	if len(g.Silent) > 0 {
		t.line(2, "marks that change nothing")
		var list []pair
		for _, m := range g.Silent {
			list = append(list, pair{m.Function, fmt.Sprintf("%s -> %s", m.Before, m.After)})
		}
		t.pairs(4, list)
	}
	if len(g.Limits) > 0 {
		t.line(2, "limits that change nothing, as the function is not given")
		var list []pair
		for _, l := range g.Limits {
			list = append(list, pair{l.Function, fmt.Sprintf("%s -> %s", orNone(l.Before.String()), orNone(l.After.String()))})
		}
		t.pairs(4, list)
	}
	if g.Presence != policy.InBoth && len(g.Changes) == 0 {
		t.line(2, "gives nothing")
	}
}

// changeClass are changes to the same, by the same rules.
type changeClass struct {
	after   policy.Given
	was, is ruleKey
	before  []policy.Given // each once, in the order of the catalogue
	first   *ChangeDiff
	keys    []string
}

// ruleKey tells two rules of one work group apart.
type ruleKey struct {
	function string
	mark     policy.Mark
	why      policy.Why
}

func keyOf(r *ExplainedRule) ruleKey {
	if r == nil {
		return ruleKey{}
	}
	return ruleKey{r.Function, r.Mark, r.Why}
}

// classes sorts a work group's changes: what is given more comes first. What
// may be approved follows from what is given and from Manager Override, and is
// counted apart.
func (g *GroupDiff) classes() (all []*changeClass, approves, noLonger []string) {
	type key struct {
		after   policy.Given
		was, is ruleKey
		limit   policy.LimitRef // before: each is of functions of its own
	}
	by := map[key]*changeClass{}
	for n := range g.Changes {
		c := &g.Changes[n]
		if c.After.Approves && !c.Before.Approves {
			approves = append(approves, c.Function)
		} else if c.Before.Approves && !c.After.Approves {
			noLonger = append(noLonger, c.Function)
		}
		before, after := c.Before, c.After
		before.Approves, after.Approves = false, false
		if before == after {
			continue
		}
		k := key{after, keyOf(c.RuleBefore), keyOf(c.RuleAfter), before.Limit}
		class := by[k]
		if class == nil {
			class = &changeClass{after: after, was: k.was, is: k.is, first: c}
			by[k] = class
			all = append(all, class)
		}
		if !slices.Contains(class.before, before) {
			class.before = append(class.before, before)
		}
		class.keys = append(class.keys, c.Function)
	}
	rank := func(c *changeClass) int {
		if c.after.Refused {
			return 3
		}
		return int(policy.Allowed - c.after.Access)
	}
	slices.SortStableFunc(all, func(a, b *changeClass) int { return cmp.Compare(rank(a), rank(b)) })
	return all, approves, noLonger
}

func (c *changeClass) write(t *text, d *Diff, g *GroupDiff) {
	var was []string
	for _, b := range c.before {
		was = append(was, givenWords(b))
	}
	before, after := strings.Join(was, " or "), givenWords(c.after)
	switch {
	case g.Presence == policy.OnlyNew:
		t.line(2, "%s, by %s", after, c.first.RuleAfter.short())
	case g.Presence == policy.OnlyOld:
		t.line(2, "was %s, by %s", before, c.first.RuleBefore.short())
	case c.was != c.is:
		t.line(2, "now %s, by %s", after, c.first.RuleAfter.short())
		t.line(2, "(was %s, by %s)", before, c.first.RuleBefore.short())
	default:
		t.line(2, "now %s, was %s", after, before)
		if c.limitAlone() {
			break // the limit says it all
		}
		t.line(2, "(by the same %s; what changed is the function itself)", c.first.RuleAfter.short())
	}
	t.pairs(4, d.tree.folded(c.keys))
}

// limitAlone reports whether nothing but a limit changed.
func (c *changeClass) limitAlone() bool {
	return !slices.ContainsFunc(c.before, func(b policy.Given) bool {
		b.Limit = c.after.Limit
		return b != c.after
	})
}

func newDiffTree(functions []policy.Function, added []policy.FunctionReach) diffTree {
	t := diffTree{functions: functions, at: make(map[string]int, len(functions)), end: make([]int, len(functions)), below: make([]int, len(functions))}
	isNew := make(map[string]bool, len(added))
	for _, f := range added {
		isNew[f.Function.Key] = true
	}
	var open []int // what the function at hand is below
	for i := range functions {
		t.at[functions[i].Key] = i
		open = open[:functions[i].Level-1]
		for _, up := range open {
			t.end[up] = i + 1
			if !isNew[functions[i].Key] {
				t.below[up]++
			}
		}
		t.end[i] = i + 1
		open = append(open, i)
	}
	return t
}

// folded lists functions, given in the order of the catalogue, with their names;
// one with all that is below it, as far as both catalogues have it, is one line.
func (t *diffTree) folded(keys []string) []pair {
	var out []pair
	for k := 0; k < len(keys); k++ {
		i := t.at[keys[k]]
		name := t.functions[i].Name
		if n := t.below[i]; n > 0 && k+n < len(keys) && t.at[keys[k+n]] < t.end[i] {
			if name = fmt.Sprintf("and the %d below: %s", n, name); n == 1 {
				name = "and the one below: " + t.functions[i].Name
			}
			k += n
		}
		out = append(out, pair{t.functions[i].Key, name})
	}
	return out
}

// givenWords say what a work group gives.
func givenWords(g policy.Given) string {
	switch {
	case g.Refused:
		return "refused, whatever other work groups give"
	case !g.Limit.IsZero():
		return accessWords[g.Access] + " within " + g.Limit.Limit().String()
	}
	return accessWords[g.Access]
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
