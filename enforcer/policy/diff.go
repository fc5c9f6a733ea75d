package policy

import (
	"cmp"
	"slices"
	"strconv"
)

// Difference is what one policy does otherwise than another. Functions are the
// same where their id is, work groups where their name is.
//
// Nothing is left out: two policies without a difference have equal digests.
type Difference struct {
	Versions   [2]uint32 // of the catalogue: before, after
	WorkGroups []GroupDifference
	// Added are the functions that are new in the catalogue, in its order, with
	// the work groups that give them or would once reviewed. They stand in no
	// work group's Changes. Removed are those that are gone, with whom gave them.
	Added, Removed []FunctionReach
	// Functions are those whose attributes changed, in the order of the catalogue.
	Functions    []FunctionDifference
	Restrictions []RestrictionDifference
	// RegisterGroups are those that limits can name and that changed.
	RegisterGroups []RegisterGroupDifference

	before, after *Compiled
}

// Presence says whether something is in both policies.
type Presence string

// The presences.
const (
	InBoth  Presence = "changed"
	OnlyNew Presence = "added"
	OnlyOld Presence = "removed"
)

// FunctionReach is a function and whom it reaches.
type FunctionReach struct {
	Function *Function
	Reaches  []Reach
}

// FunctionDifference is a function whose attributes changed.
type FunctionDifference struct {
	Function   *Function // as it is now
	Attributes []Attribute
}

// Attribute is something that has another value now, in the words of the
// policy source.
type Attribute struct {
	Name   string `json:"name"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// GroupDifference is what a work group does otherwise.
type GroupDifference struct {
	Name     string
	Presence Presence
	// Like names a work group that is gone and gave exactly the same, where this
	// one was added: it may have been renamed.
	Like       string
	Attributes []Attribute
	// Changes are the functions of which it gives something else, in the order of
	// the catalogue. Before a work group was added and after it was removed it
	// gives nothing; functions of which it gives nothing are not listed then.
	Changes []Change
	// Silent are marks that changed without changing what the work group gives.
	Silent []MarkChange
	// SilentLimits are limits that changed so.
	SilentLimits []LimitChange

	before, after int // its place in either policy, -1 where it is not there
}

// Change is a function of which a work group gives something else, or with
// another limit.
type Change struct {
	Function      *Function
	Before, After Given

	before, after Index
}

// MarkChange is a mark that changed.
type MarkChange struct {
	Function      *Function
	Before, After Mark
}

// RestrictionDifference is a work group that became restricted, or no longer
// is, or whose editors changed.
type RestrictionDifference struct {
	WorkGroup     string
	Presence      Presence
	Before, After []string // the editors, by name
}

// RegisterGroupDifference is a register group that came, went, or has other
// registers.
type RegisterGroupDifference struct {
	Name          string
	Presence      Presence
	Before, After []string // the registers, by name
}

// LimitChange is a limit that changed without changing what the work group gives,
// as the function is not given.
type LimitChange struct {
	Function      *Function
	Before, After Limit
}

// Rules gives what decided a change of a work group, and what decides it now.
// The rule of a policy that does not have the work group is empty.
func (d *Difference) Rules(g *GroupDifference, c *Change) (before, after Rule) {
	if g.before >= 0 {
		before = d.before.ruleOf(g.before, c.before)
	}
	if g.after >= 0 {
		after = d.after.ruleOf(g.after, c.after)
	}
	return before, after
}

// Same reports whether there is no difference.
func (d *Difference) Same() bool {
	return d.Versions[0] == d.Versions[1] && len(d.WorkGroups) == 0 && len(d.Added) == 0 && len(d.Removed) == 0 &&
		len(d.Functions) == 0 && len(d.Restrictions) == 0 && len(d.RegisterGroups) == 0
}

// Diff compares two policies.
func Diff(before, after *Compiled) *Difference {
	d := &Difference{Versions: [2]uint32{before.version, after.version}, before: before, after: after}
	if before.digest == after.digest {
		return d
	}
	w := &differ{
		before: before, after: after, rowBefore: newRow(before), rowAfter: newRow(after), rowReviewed: newRow(after),
		old: make([]Index, len(after.functions)),
	}
	for i := range after.functions {
		f := &after.functions[i]
		was, ok := before.byID[f.ID]
		if !ok {
			w.old[i] = noParent
			w.added = append(w.added, Index(i))
			d.Added = append(d.Added, FunctionReach{Function: f})
			continue
		}
		w.old[i] = was
		if a := functionAttributes(before, was, after, Index(i)); len(a) > 0 {
			d.Functions = append(d.Functions, FunctionDifference{Function: f, Attributes: a})
		}
	}
	for i := range before.functions {
		if _, ok := after.byID[before.functions[i].ID]; !ok {
			w.removed = append(w.removed, Index(i))
			d.Removed = append(d.Removed, FunctionReach{Function: &before.functions[i]})
		}
	}
	w.groups(d)
	d.Restrictions = diffRestrictions(before.restrictions, after.restrictions)
	d.RegisterGroups = diffRegisterGroups(before.registers, after.registers)
	return d
}

// differ compares work group by work group. It walks each policy once.
type differ struct {
	before, after                    *Compiled
	rowBefore, rowAfter, rowReviewed *row
	old                              []Index // of each function after: its place before, noParent where it is new
	added, removed                   []Index
	givenOf                          map[string]int // what a removed work group gave, to its place in WorkGroups
}

func (w *differ) groups(d *Difference) {
	a, b := w.before.groups, w.after.groups
	w.givenOf = map[string]int{}
	for i, j := 0, 0; i < len(a) || j < len(b); {
		one, other := -1, -1
		switch c := compareHeads(a[i:], b[j:]); {
		case c < 0:
			one = i
			i++
		case c > 0:
			other = j
			j++
		default:
			one, other = i, j
			i, j = i+1, j+1
		}
		w.group(d, one, other)
	}
	for n := range d.WorkGroups {
		if g := &d.WorkGroups[n]; g.Presence == OnlyNew && len(g.Changes) > 0 {
			if like, ok := w.givenOf[signature(g.Changes, false)]; ok {
				g.Like = d.WorkGroups[like].Name
			}
		}
	}
}

// compareHeads orders the first of two sorted lists; what has ended comes last.
func compareHeads(a, b []WorkGroupInfo) int {
	switch {
	case len(a) == 0:
		return 1
	case len(b) == 0:
		return -1
	}
	return cmp.Compare(a[0].Name, b[0].Name)
}

// group compares one work group by its places before and after, -1 where it is
// not there.
func (w *differ) group(d *Difference, one, other int) {
	g := GroupDifference{Presence: InBoth, before: one, after: other}
	var given, gives, then []Given
	if one >= 0 {
		g.Name, given = w.before.groups[one].Name, w.rowBefore.reviewed(one)
		for n, i := range w.removed {
			if given[i] != (Given{}) {
				d.Removed[n].Reaches = append(d.Removed[n].Reaches, w.before.reach(one, i, given[i], given[i]))
			}
		}
	}
	if other >= 0 {
		g.Name, gives = w.after.groups[other].Name, w.rowAfter.reviewed(other)
		if len(w.added) > 0 {
			then = gives
			if w.after.groups[other].Reviewed < w.after.version {
				then = w.rowReviewed.fill(other, w.after.version)
			}
			for n, i := range w.added {
				if gives[i] != (Given{}) || then[i] != (Given{}) {
					d.Added[n].Reaches = append(d.Added[n].Reaches, w.after.reach(other, i, gives[i], then[i]))
				}
			}
		}
	}
	switch {
	case one < 0:
		g.Presence = OnlyNew
	case other < 0:
		g.Presence = OnlyOld
	default:
		g.Attributes = groupAttributes(w.before.groups[one], w.after.groups[other])
	}
	w.changes(&g, given, gives)
	w.silentLimits(&g, given, gives)
	if g.Presence != InBoth || len(g.Attributes) > 0 || len(g.Changes) > 0 || len(g.Silent) > 0 || len(g.SilentLimits) > 0 {
		d.WorkGroups = append(d.WorkGroups, g)
	}
	if g.Presence == OnlyOld && len(g.Changes) > 0 {
		w.givenOf[signature(g.Changes, true)] = len(d.WorkGroups) - 1
	}
}

// changes lists what a work group gives otherwise, of the functions that both
// catalogues have.
func (w *differ) changes(g *GroupDifference, given, gives []Given) {
	cell := func(i int, was Index) (before, after Given) {
		if g.before >= 0 {
			before = given[was]
		}
		if g.after >= 0 {
			after = gives[i]
		}
		return before, after
	}
	// Counted first: in a large policy nearly every list would otherwise be
	// copied several times while it grows.
	n := 0
	for i, was := range w.old {
		if was == noParent {
			continue
		}
		if before, after := cell(i, was); before != after {
			n++
		}
	}
	if n > 0 {
		g.Changes = make([]Change, 0, n)
	}
	for i, was := range w.old {
		if was == noParent {
			continue
		}
		f := &w.after.functions[i]
		if before, after := cell(i, was); before != after {
			g.Changes = append(g.Changes, Change{Function: f, Before: before, After: after, before: was, after: Index(i)})
		} else if g.Presence == InBoth {
			if x, y := w.before.mark(g.before, was), w.after.mark(g.after, Index(i)); x != y {
				g.Silent = append(g.Silent, MarkChange{Function: f, Before: x, After: y})
			}
		}
	}
}

// silentLimits lists the limits that changed on what is not given.
func (w *differ) silentLimits(g *GroupDifference, given, gives []Given) {
	if g.Presence != InBoth || len(w.before.limitsOf(g.before)) == 0 && len(w.after.limitsOf(g.after)) == 0 {
		return
	}
	for i, was := range w.old {
		if was == noParent || given[was].Limit != gives[i].Limit {
			continue // what is new is told of elsewhere, what is given is a Change
		}
		before, after := w.before.limitAt(g.before, was), w.after.limitAt(g.after, Index(i))
		if before != after {
			g.SilentLimits = append(g.SilentLimits, LimitChange{Function: &w.after.functions[i], Before: before, After: after})
		}
	}
}

// signature is what a work group that was added or removed gives, to find two
// that give the same.
func signature(changes []Change, before bool) string {
	var b []byte
	for i := range changes {
		c := &changes[i]
		g := c.After
		if before {
			g = c.Before
		}
		b = strconv.AppendUint(b, uint64(c.Function.ID), 36)
		b = append(b, '0'+byte(g.Access))
		if g.Refused {
			b = append(b, '!')
		}
		if !g.Limit.IsZero() {
			b = append(b, g.Limit.Limit().String()...)
		}
	}
	return string(b)
}

// attributes collects those that differ.
type attributes []Attribute

func (a *attributes) add(name, before, after string) {
	if before != after {
		*a = append(*a, Attribute{Name: name, Before: before, After: after})
	}
}

func (a *attributes) truth(name string, before, after bool) {
	a.add(name, strconv.FormatBool(before), strconv.FormatBool(after))
}

func (a *attributes) number(name string, before, after uint32) {
	a.add(name, strconv.FormatUint(uint64(before), 10), strconv.FormatUint(uint64(after), 10))
}

func groupAttributes(before, after WorkGroupInfo) []Attribute {
	var a attributes
	a.add("scope", before.Scope.String(), after.Scope.String())
	a.number("reviewed", before.Reviewed, after.Reviewed)
	a.add("sign_on", before.SignOn.String(), after.SignOn.String())
	a.add("approve", before.Approve.String(), after.Approve.String())
	return a
}

func functionAttributes(before *Compiled, was Index, after *Compiled, is Index) []Attribute {
	var a attributes
	f, g := before.functions[was], after.functions[is]
	a.add("key", f.Key, g.Key)
	a.add("name", f.Name, g.Name)
	a.add("parent", before.parentKey(was), after.parentKey(is))
	a.number("since", f.Since, g.Since)
	a.add("override", f.Override.String(), g.Override.String())
	a.add("reason", f.Reason.String(), g.Reason.String())
	a.truth("dual_control", f.DualControl, g.DualControl)
	a.truth("transaction", f.Transaction, g.Transaction)
	a.truth("step_up", f.StepUp, g.StepUp)
	a.truth("accountable", f.Accountable, g.Accountable)
	a.truth("protected", f.Protected, g.Protected)
	a.truth("drawer", f.Drawer, g.Drawer)
	return a
}

func (c *Compiled) parentKey(i Index) string {
	if up, ok := c.Parent(i); ok {
		return c.functions[up].Key
	}
	return ""
}

func diffRegisterGroups(a, b []RegisterGroup) (ds []RegisterGroupDifference) {
	diffNamed(a, b, func(g *RegisterGroup) (string, []string) { return g.Name, g.Registers },
		func(name string, in Presence, before, after []string) {
			ds = append(ds, RegisterGroupDifference{Name: name, Presence: in, Before: before, After: after})
		})
	return ds
}

func diffRestrictions(a, b []Restriction) (ds []RestrictionDifference) {
	diffNamed(a, b, func(r *Restriction) (string, []string) { return r.WorkGroup, r.Editors },
		func(name string, in Presence, before, after []string) {
			ds = append(ds, RestrictionDifference{WorkGroup: name, Presence: in, Before: before, After: after})
		})
	return ds
}

// diffNamed tells of what is in one of two lists alone, or not the same in both. The
// lists are sorted by the names that of gives, with what is to be compared.
func diffNamed[T any](a, b []T, of func(*T) (string, []string), tell func(name string, in Presence, before, after []string)) {
	for len(a) > 0 || len(b) > 0 {
		var name, other string
		var before, after []string
		if len(a) > 0 {
			name, before = of(&a[0])
		}
		if len(b) > 0 {
			other, after = of(&b[0])
		}
		switch {
		case len(b) == 0 || len(a) > 0 && name < other:
			tell(name, OnlyOld, before, nil)
			a = a[1:]
		case len(a) == 0 || other < name:
			tell(other, OnlyNew, nil, after)
			b = b[1:]
		default:
			if !slices.Equal(before, after) {
				tell(name, InBoth, before, after)
			}
			a, b = a[1:], b[1:]
		}
	}
}
