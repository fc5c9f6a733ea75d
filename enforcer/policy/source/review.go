package source

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tillwarden/enforcer/policy"
)

// checkCompiled compiles the policy, so that what Parse returns does compile,
// and warns of work groups that were not yet reviewed for the newest functions.
func (r *reader) checkCompiled(p *policy.Policy) {
	c, err := policy.Compile(p)
	if err != nil {
		r.errorf(CodeValue, r.catalogue.at, "", "%v", err)
		return
	}
	var old []*group
	upToDate := *p
	upToDate.WorkGroups = slices.Clone(p.WorkGroups)
	for i := range upToDate.WorkGroups {
		if g := &upToDate.WorkGroups[i]; g.Reviewed < p.Catalogue.Version {
			old = append(old, r.groups[policy.FoldName(g.Name)])
			g.Reviewed = p.Catalogue.Version
			g.Marks = maps.Clone(g.Marks)
		}
	}
	if len(old) == 0 {
		return
	}
	// What the work groups would give if they were reviewed, and do not.
	after, err := policy.Compile(&upToDate)
	if err != nil {
		r.errorf(CodeValue, r.catalogue.at, "", "%v", err)
		return
	}
	for _, g := range old {
		now, _ := c.Planes([]string{g.Name})
		then, _ := after.Planes([]string{g.Name})
		var denied []string
		for i, f := range c.Functions() {
			if i := policy.Index(i); now.Access(i) == policy.Denied && then.Access(i) != policy.Denied {
				denied = append(denied, f.Key)
			}
		}
		if len(denied) == 0 {
			r.warnf(CodeReviewed, g.reviewedAt, "", "work group %q is reviewed against version %d, the catalogue is at %d; it changes nothing for this work group",
				g.Name, g.Reviewed, p.Catalogue.Version)
			continue
		}
		r.warnf(CodeReviewed, g.reviewedAt, fmt.Sprintf("go through them, then write reviewed = %d", p.Catalogue.Version),
			"work group %q is reviewed against version %d, the catalogue is at %d: until then it does not give %s",
			g.Name, g.Reviewed, p.Catalogue.Version, listed("%q", denied))
		r.all[len(r.all)-1].Functions = denied
	}
}

// listed lists a few of many names, each in a form: %q or %s.
func listed(form string, names []string) string {
	const most = 8
	few := make([]string, min(len(names), most))
	for i := range few {
		few[i] = fmt.Sprintf(form, names[i])
	}
	s := strings.Join(few, ", ")
	if n := len(names) - most; n > 0 {
		s += fmt.Sprintf(" and %d more", n)
	}
	return s
}
