package signon

import (
	"fmt"
	"slices"
	"strings"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// What no policy allows, whoever asks and however: to change the own work
// groups, lock or state, under whichever number; and to touch an operator, or to
// give a work group, that is restricted to others. Without it, who may reset a
// PIN could sign on as anybody, and who may add operators could make one who may more.

// handsOutRestricted reports whether an operator is to have a restricted work
// group that they have not: 5205 says who may do that at all, the restriction
// itself for which one.
func handsOutRestricted(p *policy.Compiled, target *operatorRecord, groups []string) bool {
	if p == nil {
		return false
	}
	for _, r := range p.Restrictions() {
		if slices.Contains(groups, r.WorkGroup) && (target == nil || !slices.Contains(target.Groups, r.WorkGroup)) {
			return true
		}
	}
	return false
}

// beyondPolicy refuses what no policy allows.
func beyondPolicy(p *policy.Compiled, actor, target *operatorRecord, ru rules) *refusal {
	if target != nil && target.Person == actor.Person {
		// Another number of the same person is no way to the own access either: whoever
		// has the weaker one's PIN must not come to the stronger one by it.
		if !ru.own || target.Number != actor.Number {
			return refuse(entry.ReasonSamePerson, "nobody does this for themselves: somebody else has to")
		}
	}
	if no := unknownGroups(p, ru.groups); no != nil {
		return no
	}
	if p == nil {
		return refuse(entry.ReasonNoPolicy, "no policy is loaded")
	}
	touched := slices.Clone(ru.groups)
	if target != nil && target.Number != actor.Number {
		touched = append(touched, target.Groups...)
	}
	for _, g := range touched {
		if no := restricted(p, actor, g); no != nil {
			return no
		}
	}
	if ru.secret && target != nil && target.Number != actor.Number {
		// Nobody knows to whom a work group is restricted that the loaded policy has
		// not. It gives nothing now; the next policy may have it again.
		for _, g := range target.Groups {
			if _, ok := p.WorkGroup(g); !ok {
				return refuse(entry.ReasonUnknownWorkGroup, "operator %s has a work group that the loaded policy has not: give work groups anew first", target.Number)
			}
		}
	}
	return nil
}

// restricted refuses a work group that is restricted to others.
func restricted(p *policy.Compiled, actor *operatorRecord, group string) *refusal {
	if p.MayHandOut(actor.Groups, group) {
		return nil
	}
	no := refuse(entry.ReasonRestricted, "work group %q is restricted to %s: %s may not hand it out, nor change who has it",
		group, editorsOf(p, group), actor.Name)
	no.rule = &entry.Rule{WorkGroup: group, Function: FunctionRestricted, Mark: markRestricted}
	return no
}

// markRestricted is the mark of a rule that is a restriction: the policy names
// the work groups that may hand this one out, and the actor has none of them.
const markRestricted = "restricted"

// editorsOf names the work groups that a restricted one is restricted to.
func editorsOf(p *policy.Compiled, group string) string {
	for _, r := range p.Restrictions() {
		if r.WorkGroup != group {
			continue
		}
		var names []string
		for _, e := range r.Editors {
			if len(names) == 5 {
				names = append(names, "and others")
				break
			}
			names = append(names, fmt.Sprintf("%q", e))
		}
		if len(names) > 0 {
			return strings.Join(names, ", ")
		}
	}
	return "nobody"
}
