package source

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"tillwarden/enforcer/policy"
)

// ErrUnknown is wrapped where the function or a work group is not in the policy.
var ErrUnknown = errors.New("not in the policy")

// Explanation is why an operator with these work groups may do a function or not.
type Explanation struct {
	Groups   []string      `json:"groups"`
	Function string        `json:"function"`
	Name     string        `json:"name"`
	Access   policy.Access `json:"access"`
	Rule     ExplainedRule `json:"rule"`
	// Override says what an approval takes, where an override is required.
	Override *ExplainedOverride `json:"override,omitempty"`
	// Limits are those within which it is allowed: any one is enough. None: there is no limit.
	Limits []ExplainedLimit `json:"limits,omitempty"`
	// Beyond is what decided against it, where it is not within a limit.
	Beyond *TestLimit `json:"beyond,omitempty"`
}

// ExplainedLimit is how far a work group gives a function, and where that stands.
type ExplainedLimit struct {
	Group string       `json:"group"`
	Limit policy.Limit `json:"limit"`
	At    *Pos         `json:"at,omitempty"`
}

// limitsOf gives the limits that count for operators with these work groups: none
// where one of them gives the function without a limit.
func limitsOf(c *policy.Compiled, side *Sidecar, groups []string, i policy.Index) (all []ExplainedLimit) {
	for _, l := range c.Limits(groups, i) {
		if !l.Limit.Set() {
			return nil
		}
		all = append(all, ExplainedLimit{l.WorkGroup, l.Limit, optional(side.Limit(l.WorkGroup, c.Function(i).Key))})
	}
	return all
}

// ExplainedRule is which work group's which function's which mark decided, and
// where it stands.
type ExplainedRule struct {
	Group    string      `json:"group"`
	Function string      `json:"function"`
	Mark     policy.Mark `json:"mark"`
	Why      policy.Why  `json:"why"`
	At       *Pos        `json:"at,omitempty"`
}

// ExplainedOverride is what an approval takes.
type ExplainedOverride struct {
	Who         []string `json:"who"` // in words
	Accountable bool     `json:"accountable"`
	DualControl bool     `json:"dual_control"`
	StepUp      bool     `json:"step_up"`
	Transaction bool     `json:"transaction"`
	Reason      string   `json:"reason"`
}

// Explain tells what decides a function for an operator with these work groups.
func Explain(c *policy.Compiled, side *Sidecar, groups []string, key string) (*Explanation, error) {
	i, err := lookup(c, key)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		if _, ok := c.WorkGroup(g); !ok {
			return nil, unknownGroup(c, g)
		}
	}
	f, rule := c.Function(i), c.Explain(groups, i)
	e := &Explanation{
		Groups: slices.Clone(groups), Function: f.Key, Name: f.Name, Access: rule.Access,
		Rule: *explained(rule, side),
	}
	if rule.Access == policy.Allowed {
		e.Limits = limitsOf(c, side, groups, i)
	}
	if rule.Access == policy.OverrideRequired || len(e.Limits) > 0 {
		e.Override = overrideOf(f)
	}
	return e, nil
}

// ExplainWhen tells what decides a function of a certain size, at a certain time and
// register: what Explain tells, held against the limits.
func ExplainWhen(c *policy.Compiled, side *Sidecar, groups []string, key string, v policy.Values) (*Explanation, error) {
	e, err := Explain(c, side, groups, key)
	if err != nil || len(e.Limits) == 0 {
		return e, err
	}
	i, _ := c.Lookup(key)
	r := testRunner{c: c, side: side}
	o := operator{groups: groups, when: &v}
	o.planes, _ = c.Planes(groups)
	e.Access, e.Beyond = r.has(&o, i)
	return e, nil
}

// overrideOf says what an approval of a function takes, nil where nobody can.
func overrideOf(f *policy.Function) *ExplainedOverride {
	needs, ok := f.OverrideNeeds()
	if !ok {
		return nil
	}
	return &ExplainedOverride{
		Who: needs.Words(), Accountable: needs.Accountable, DualControl: needs.DualControl,
		StepUp: needs.StepUp, Transaction: needs.Transaction, Reason: needs.Reason.String(),
	}
}

func lookup(c *policy.Compiled, key string) (policy.Index, error) {
	i, ok := c.Lookup(key)
	if ok {
		return i, nil
	}
	var keys []string
	for _, f := range c.Functions() {
		keys = append(keys, f.Key)
	}
	return 0, unknown("function", key, keys)
}

func unknownGroup(c *policy.Compiled, name string) error {
	var names []string
	for _, info := range c.WorkGroups() {
		names = append(names, info.Name)
	}
	return unknown("work group", name, names)
}

func unknown(what, name string, known []string) error {
	if best := Closest(name, known); best != "" {
		return fmt.Errorf("%s %q: %w (did you mean %q?)", what, name, ErrUnknown, best)
	}
	return fmt.Errorf("%s %q: %w", what, name, ErrUnknown)
}

// explained is a rule with its place.
func explained(r policy.Rule, side *Sidecar) *ExplainedRule {
	return &ExplainedRule{Group: r.WorkGroup, Function: r.Function, Mark: r.Mark, Why: r.Why, At: optional(place(side, r))}
}

// place finds where a rule stands: its mark, or what says that there is none.
func place(side *Sidecar, r policy.Rule) (Pos, bool) {
	switch {
	case r.Mark == policy.Unreviewed:
		return side.Reviewed(r.WorkGroup)
	case r.Mark == policy.Blank:
		return side.WorkGroup(r.WorkGroup)
	}
	return side.Mark(r.WorkGroup, r.Function)
}

// accessWords say an access in a sentence.
var accessWords = map[policy.Access]string{
	policy.Denied: "denied", policy.OverrideRequired: "override required", policy.Allowed: "allowed",
}

// WriteText writes the explanation for people.
func (e *Explanation) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s): %s\n", e.Function, e.Name, accessWords[e.Access])
	fmt.Fprintf(&b, "  %s\n", e.because())
	if at := e.Rule.At; at != nil {
		fmt.Fprintf(&b, "  at %s\n", at)
	}
	beyond := ""
	if len(e.Limits) > 0 {
		b.WriteString("  within a limit:\n")
		for _, l := range e.Limits {
			fmt.Fprintf(&b, "    - %s, of work group %q\n", l.Limit, l.Group)
			if l.At != nil {
				fmt.Fprintf(&b, "      at %s\n", l.At)
			}
		}
		beyond = "beyond it, or where it is not told, "
	}
	if e.Beyond != nil {
		fmt.Fprintf(&b, "  %s\n", e.Beyond.words("what is asked for"))
		beyond = ""
	}
	if e.Override != nil {
		fmt.Fprintf(&b, "  %san override needs:\n", beyond)
		for _, who := range e.Override.Who {
			fmt.Fprintf(&b, "    - %s\n", who)
		}
	} else if e.Access == policy.Denied || len(e.Limits) > 0 && e.Beyond == nil {
		fmt.Fprintf(&b, "  %snobody can approve it\n", beyond)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write explanation: %w", err)
	}
	return nil
}

// short says the rule in a few words, where the work group is known.
func (r *ExplainedRule) short() string {
	var s string
	switch r.Why {
	case policy.WhyTreeShut:
		s = fmt.Sprintf("the shut tree %s (%s)", r.Function, r.Mark)
	case policy.WhyUnreviewed:
		s = fmt.Sprintf("no review since %s is there", r.Function)
	default:
		s = fmt.Sprintf("%s on %s", r.Mark, r.Function)
	}
	if r.At != nil {
		s += ", " + r.At.String()
	}
	return s
}

// because says the rule in a sentence.
func (e *Explanation) because() string {
	r := e.Rule
	group := fmt.Sprintf("work group %q", r.Group)
	switch r.Why {
	case policy.WhyNoWorkGroup:
		return "no work group is named"
	case policy.WhyTreeShut:
		return fmt.Sprintf("%s has %s on the tree %q, so nothing in it can be used or approved", group, markWords[r.Mark], r.Function)
	case policy.WhyRefused:
		return fmt.Sprintf("%s refuses %q, which wins over every other work group", group, r.Function)
	case policy.WhyUnreviewed:
		return fmt.Sprintf("%s was not yet reviewed for %q, which is newer", group, r.Function)
	}
	if r.Function != e.Function {
		return fmt.Sprintf("%s has %s on %q, and %q itself is blank", group, markWords[r.Mark], r.Function, e.Function)
	}
	return fmt.Sprintf("%s has %s on it", group, markWords[r.Mark])
}

var markWords = map[policy.Mark]string{
	policy.Blank: "no mark", policy.Check: "a check", policy.Deny: "an X", policy.Refuse: "a refusal", policy.Unreviewed: "no review",
}
