package source

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"tillwarden/enforcer/policy"
)

// marked is one mark in a work group's lists.
type marked struct {
	named
	mark      policy.Mark
	exception bool
}

// exceptionSynonyms are the marks that an exception cannot have.
var exceptionSynonyms = map[string]string{
	"deny": "an exception only allows", "refuse": "an exception only allows",
}

// group is what a work_group block says.
type group struct {
	policy.WorkGroup
	at         Pos // of the name
	reviewedAt Pos
	marks      []marked
	limits     []*limit
}

// restriction is what a restricted_work_group block says.
type restriction struct {
	name    named
	editors []named
	at      Pos
}

// markSynonyms are words that people try for the marks.
var markSynonyms = func() map[string]string {
	words := map[string]string{}
	for hint, those := range map[string][]string{
		`did you mean "allow"?`:               {"allows", "allowed", "check", "checked", "permit", "permitted", "grant", "can", "yes"},
		`did you mean "deny"?`:                {"denies", "denied", "x", "X", "forbid", "prohibit", "prohibited", "block", "cannot", "can_not", "no", "disallow"},
		`did you mean "refuse"?`:              {"refuses", "refused", "never", "ban"},
		"what stands in no list is blank":     {"blank", "inherit", "default", "none"},
		`write exception "why" { allow = … }`: {"exception", "except", "exceptions"},
	} {
		for _, w := range those {
			words[w] = hint
		}
	}
	return words
}()

func (r *reader) readGroup(b *hclsyntax.Block) {
	name, ok := r.label(b, "Name")
	if !ok {
		return
	}
	g := &group{at: posOf(b.LabelRanges[0])}
	g.Name = name
	what := fmt.Sprintf("work group %q", name)
	if !policy.ValidName(name) {
		r.errorf(CodeValue, g.at, "", "the name is empty, longer than %d bytes, not plain text, or begins or ends with a space", policy.MaxName)
	}
	r.block(b.Body, g.at, what, append(r.lists(g, false),
		field{name: "scope", must: true, read: func(e hclsyntax.Expression) {
			g.Scope = choice(&r.findings, e, "scope", policy.ParseScope, policy.ScopeWords())
		}},
		field{name: "reviewed", must: true, read: func(e hclsyntax.Expression) {
			g.reviewedAt = posOf(e.Range())
			if g.Reviewed, ok = r.number(e, "reviewed"); ok && g.Reviewed == 0 {
				r.errorf(CodeReviewed, g.reviewedAt, "", "versions begin at 1")
			}
		}},
		field{name: "sign_on", read: func(e hclsyntax.Expression) {
			g.SignOn = choice(&r.findings, e, "sign_on", policy.ParseSignOn, policy.SignOnWords())
		}},
		field{name: "approve", read: func(e hclsyntax.Expression) {
			g.Approve = choice(&r.findings, e, "approve", policy.ParseSignOn, policy.SignOnWords())
		}},
	), markSynonyms)
	for _, in := range b.Body.Blocks {
		switch in.Type {
		case "exception":
		case "limit":
			r.readLimit(g, in)
			continue
		default:
			r.errorf(CodeUnknownBlock, posOf(in.TypeRange), r.hint(in.Type, []string{"exception", "limit"}), "a work group has no block %q", in.Type)
			continue
		}
		if why, ok := r.label(in, "why"); ok && !policy.ValidName(why) {
			r.errorf(CodeValue, posOf(in.LabelRanges[0]), "", "the reason is empty, longer than %d bytes, or not plain text", policy.MaxName)
		}
		r.noBlocks(in.Body, "an exception")
		r.block(in.Body, posOf(in.TypeRange), "an exception", r.lists(g, true), exceptionSynonyms)
	}
	if other := r.groups[policy.FoldName(name)]; other != nil {
		r.errorf(CodeDuplicate, g.at, differ(name, other.Name), "work group %q is there already, at %s", other.Name, other.at)
		return
	}
	r.groups[policy.FoldName(name)] = g
	r.groupOrder = append(r.groupOrder, g)
	r.side.groups[name] = g.at
	r.side.reviewed[name] = g.reviewedAt
}

func differ(a, b string) string {
	if a == b {
		return ""
	}
	return "names must differ by more than case and spaces"
}

// lists are the attributes that bear marks.
func (r *reader) lists(g *group, exception bool) []field {
	list := func(name string, m policy.Mark) field {
		return field{name: name, must: exception, read: func(e hclsyntax.Expression) {
			for _, key := range r.texts(e, name) {
				g.marks = append(g.marks, marked{key, m, exception})
			}
		}}
	}
	if exception {
		return []field{list("allow", policy.Check)}
	}
	return []field{list("allow", policy.Check), list("deny", policy.Deny), list("refuse", policy.Refuse)}
}

func (r *reader) readRestriction(b *hclsyntax.Block) {
	name, ok := r.label(b, "Name")
	if !ok {
		return
	}
	at := posOf(b.LabelRanges[0])
	one := &restriction{name: named{name, at}, at: at}
	r.noBlocks(b.Body, "a restricted work group")
	r.block(b.Body, at, fmt.Sprintf("restricted work group %q", name), []field{
		{name: "editors", must: true, read: func(e hclsyntax.Expression) {
			if one.editors = r.texts(e, "editors"); len(one.editors) == 0 {
				r.errorf(CodeValue, posOf(e.Range()), "", "nobody could ever hand out %q: name a work group that may", name)
			}
		}},
	}, nil)
	r.restrictions = append(r.restrictions, one)
}

// finishGroups resolves the marks and checks each work group.
func (r *reader) finishGroups() []policy.WorkGroup {
	if n := len(r.groupOrder); n > policy.MaxWorkGroups {
		r.errorf(CodeTooMany, r.groupOrder[policy.MaxWorkGroups].at, "", "%d work groups, at most %d are possible", n, policy.MaxWorkGroups)
	}
	var trees []*function
	for _, f := range r.inOrder {
		if f.Level == 1 {
			trees = append(trees, f)
		}
	}
	slices.SortFunc(trees, func(a, b *function) int { return cmp.Compare(a.ID, b.ID) })
	out := make([]policy.WorkGroup, 0, len(r.groupOrder))
	for _, g := range r.groupOrder {
		r.finishGroup(g, trees)
		out = append(out, g.WorkGroup)
	}
	slices.SortFunc(out, func(a, b policy.WorkGroup) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func (r *reader) finishGroup(g *group, trees []*function) {
	slices.SortStableFunc(g.marks, func(a, b marked) int {
		return cmp.Or(cmp.Compare(a.at.Line, b.at.Line), cmp.Compare(a.at.Column, b.at.Column))
	})
	by := make(map[string]marked, len(g.marks))
	g.Marks = make(map[policy.ID]policy.Mark, len(g.marks))
	places := make(map[string]Pos, len(g.marks))
	r.side.marks[g.Name] = places
	for _, m := range g.marks {
		f := r.functions[m.text]
		if f == nil {
			r.errorf(CodeUnknownFunction, m.at, r.hint(m.text, r.keys), "no function %q is in the catalogue", m.text)
			continue
		}
		if other, ok := by[m.text]; ok {
			if other.mark == m.mark {
				r.errorf(CodeDuplicate, m.at, "", "%q is marked %s already, at %s", m.text, m.mark, other.at)
			} else {
				r.errorf(CodeConflict, m.at, "", "%q is marked %s here and %s at %s", m.text, m.mark, other.mark, other.at)
			}
			continue
		}
		by[m.text] = m
		places[m.text] = m.at
		g.Marks[f.ID] = m.mark
	}
	for _, t := range trees {
		if _, ok := by[t.Key]; !ok {
			r.errorf(CodeNoTreeMark, g.at, fmt.Sprintf("write allow = [%q] or deny = [%q]", t.Key, t.Key),
				"work group %q says nothing of the tree %q", g.Name, t.Key)
		}
	}
	r.finishLimits(g)
	if g.Reviewed > r.catalogue.version {
		r.errorf(CodeReviewed, g.reviewedAt, "", "work group %q is reviewed against version %d, but the catalogue is at %d", g.Name, g.Reviewed, r.catalogue.version)
	}
	for _, m := range g.marks {
		f := r.functions[m.text]
		if f != nil && f.Level != 0 && m.mark == policy.Check && by[m.text].at == m.at {
			r.checkMark(g, f, m, by)
		}
	}
}

// checkMark looks at a check mark in the light of the marks above it.
func (r *reader) checkMark(g *group, f *function, m marked, by map[string]marked) {
	if f.Level == 1 {
		if m.exception {
			r.errorf(CodeNoEffect, m.at, "move it to allow", "%q is a tree: there is nothing above it to be an exception from", f.Key)
		}
		return
	}
	above := r.functions[f.parent]
	for up := above; up != nil; up = r.functions[up.parent] {
		if over, ok := by[up.Key]; ok && over.mark == policy.Refuse {
			r.errorf(CodeRefuseOverCheck, m.at, "", "the check on %q can never count: %q is refused at %s", f.Key, up.Key, over.at)
			return
		}
	}
	tree := above
	if f.Level == 3 {
		tree = r.functions[above.parent]
	}
	if root, ok := by[tree.Key]; !ok {
		return // said already: the tree has no mark
	} else if root.mark != policy.Check {
		r.errorf(CodeTreeShut, m.at, fmt.Sprintf("mark %q check too, or take this one out", tree.Key),
			"the check on %q can never count: the tree %q is marked %s at %s", f.Key, tree.Key, root.mark, root.at)
		return
	}
	over, explicit := by[above.Key]
	underX := f.Level == 3 && explicit && over.mark == policy.Deny
	switch {
	case underX && !m.exception:
		r.errorf(CodeCheckUnderX, m.at, `if it is meant: exception "why" { allow = [`+fmt.Sprintf("%q", f.Key)+`] }`,
			"the check on %q stands under the X on %q at %s", f.Key, above.Key, over.at)
	case m.exception && !underX:
		r.warnf(CodeNoEffect, m.at, "move it to allow", "%q is no exception: %q is not marked X", f.Key, above.Key)
	case f.Level == 3 && !underX && f.Since <= r.markedSince(above, by):
		// What is newer than the mark above is marked so that somebody decided it. Level 2 is marked explicitly as a rule, so only level 3 is told of.
		r.warnf(CodeNoEffect, m.at, "", "the check on %q changes nothing: it is allowed with %q", f.Key, above.Key)
	}
}

// markedSince gives the age of the function whose mark decides for what is blank
// below this one.
func (r *reader) markedSince(f *function, by map[string]marked) uint32 {
	if _, ok := by[f.Key]; ok || f.parent == "" {
		return f.Since
	}
	return r.markedSince(r.functions[f.parent], by)
}

// finishRestrictions resolves the restricted work groups.
func (r *reader) finishRestrictions() []policy.Restriction {
	var names []string
	for _, g := range r.groupOrder {
		names = append(names, g.Name)
	}
	slices.Sort(names)
	known := func(n named) bool {
		if _, ok := slices.BinarySearch(names, n.text); ok {
			return true
		}
		hint := r.hint(n.text, names)
		if g := r.groups[policy.FoldName(n.text)]; g != nil {
			hint = fmt.Sprintf("did you mean %q?", g.Name)
		}
		r.errorf(CodeUnknownGroup, n.at, hint, "there is no work group %q", n.text)
		return false
	}
	seen := map[string]*restriction{}
	var out []policy.Restriction
	for _, one := range r.restrictions {
		if other := seen[one.name.text]; other != nil {
			r.errorf(CodeDuplicate, one.at, "", "work group %q is restricted already, at %s", one.name.text, other.at)
			continue
		}
		seen[one.name.text] = one
		if !known(one.name) {
			continue
		}
		p := policy.Restriction{WorkGroup: one.name.text}
		for _, e := range one.editors {
			switch {
			case !known(e):
			case slices.Contains(p.Editors, e.text):
				r.errorf(CodeDuplicate, e.at, "", "editor %q is named already", e.text)
			default:
				p.Editors = append(p.Editors, e.text)
			}
		}
		slices.Sort(p.Editors)
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b policy.Restriction) int { return cmp.Compare(a.WorkGroup, b.WorkGroup) })
	return out
}
