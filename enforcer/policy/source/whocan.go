package source

import (
	"fmt"
	"io"

	"tillwarden/enforcer/policy"
)

// Holder is an operator, as far as a policy is concerned.
type Holder struct {
	Number     string   `json:"number"`
	Name       string   `json:"name"`
	WorkGroups []string `json:"work_groups"`
	Suspended  bool     `json:"suspended,omitempty"` // and so may nothing for now
}

func (h *Holder) String() string {
	s := h.Number + " " + h.Name
	if h.Suspended {
		s += " (suspended)"
	}
	return s
}

// WhoCan is who may do a function, and who may not.
type WhoCan struct {
	Policy   string `json:"policy"`
	Function string `json:"function"`
	Name     string `json:"name"`
	At       *Pos   `json:"at,omitempty"`
	// Below is how many functions there are below it. They are not in the answer.
	Below int `json:"below,omitempty"`
	// Override says what an approval takes; nobody may approve it where it is not there.
	Override *ExplainedOverride `json:"override,omitempty"`
	Groups   []ReachedFrom      `json:"work_groups"`
	// Operators are those at hand, over all work groups that each has; nil where
	// nobody was asked about.
	Operators []OperatorCan `json:"operators,omitempty"`
}

// OperatorCan is what an operator may do.
type OperatorCan struct {
	Holder
	Access   policy.Access `json:"access"`
	Refused  bool          `json:"refused,omitempty"`
	Approves bool          `json:"approves,omitempty"`
	Rule     ExplainedRule `json:"rule"`
	// Limits are those within which it is allowed: any one is enough.
	Limits []ExplainedLimit `json:"limits,omitempty"`
}

// AskWhoCan tells who may do a function. Operators may be nil.
func AskWhoCan(v Version, key string, operators []Holder) (*WhoCan, error) {
	i, err := lookup(v.Compiled, key)
	if err != nil {
		return nil, err
	}
	f := v.Compiled.Function(i)
	out := &WhoCan{
		Policy: v.Name, Function: f.Key, Name: f.Name, At: optional(v.Sidecar.Function(key)), Override: overrideOf(f), Groups: []ReachedFrom{},
	}
	for n := range v.Compiled.Functions() {
		for up, ok := v.Compiled.Parent(policy.Index(n)); ok; up, ok = v.Compiled.Parent(up) {
			if up == i {
				out.Below++
			}
		}
	}
	for _, r := range v.Compiled.WhoCan(i) {
		out.Groups = append(out.Groups, reachedFrom(r, v.Sidecar))
	}
	for _, o := range operators {
		planes, _ := v.Compiled.Planes(o.WorkGroups)
		rule := v.Compiled.Explain(o.WorkGroups, i)
		can := OperatorCan{
			Holder: o, Access: rule.Access, Refused: rule.Why == policy.WhyRefused, Approves: planes.MayApprove(i), Rule: *explained(rule, v.Sidecar),
		}
		if rule.Access == policy.Allowed {
			can.Limits = limitsOf(v.Compiled, v.Sidecar, o.WorkGroups, i)
		}
		out.Operators = append(out.Operators, can)
	}
	return out, nil
}

// WriteText writes the answer for people, in 80 columns.
func (w *WhoCan) WriteText(out io.Writer) error {
	var t text
	t.line(0, "%s (%s)", w.Function, w.Name)
	if w.Below > 0 {
		t.line(0, "this is about it alone, and not about the %d below it: who has an X here may have a check there", w.Below)
	}
	type entry struct {
		access            policy.Access
		refused, approves bool
		line              string
	}
	var groups, operators []entry
	for _, g := range w.Groups {
		line := fmt.Sprintf("%q, by %s", g.WorkGroup, g.Rule.short())
		if g.Rule.Why == policy.WhyUnreviewed && g.OnceReviewed > g.Access {
			line += "; once reviewed: " + accessWords[g.OnceReviewed]
		}
		if l := g.Limit.Limit(); l.Set() {
			line += "; within " + l.String()
		}
		groups = append(groups, entry{g.Access, g.Refused, g.Approves, line})
	}
	for _, o := range w.Operators {
		line := fmt.Sprintf("%s, who has no work group of this policy", &o.Holder)
		if o.Rule.Group != "" {
			line = fmt.Sprintf("%s, by %q: %s", &o.Holder, o.Rule.Group, o.Rule.short())
		}
		for n, l := range o.Limits {
			line += []string{"; within ", ", or "}[min(n, 1)] + l.Limit.String()
		}
		operators = append(operators, entry{o.Access, o.Refused, o.Approves, line})
	}
	section := func(what, title string, all []entry, in func(entry) bool) {
		said := false
		for _, e := range all {
			if !in(e) {
				continue
			}
			if !said {
				t.blank()
				t.line(0, "%s %s", what, title)
				said = true
			}
			t.line(2, "%s", e.line)
		}
	}
	for _, of := range []struct {
		what string
		all  []entry
	}{{"work groups", groups}, {"operators", operators}} {
		section(of.what, "that may, and may approve it for others", of.all, func(e entry) bool { return e.access == policy.Allowed && e.approves })
		section(of.what, "that may", of.all, func(e entry) bool { return e.access == policy.Allowed && !e.approves })
		section(of.what, "that need an override", of.all, func(e entry) bool { return e.access == policy.OverrideRequired })
		section(of.what, "that may not", of.all, func(e entry) bool { return e.access == policy.Denied && !e.refused })
		section(of.what, "that are refused, whatever else they are given", of.all, func(e entry) bool { return e.refused })
	}
	t.blank()
	if w.Override == nil {
		t.line(0, "nobody can approve it")
	} else {
		t.line(0, "an override needs:")
		for _, who := range w.Override.Who {
			t.line(2, "- %s", who)
		}
	}
	return t.writeTo(out, "answer")
}
