package source

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"tillwarden/enforcer/policy"
)

// Shown is one work group: the tree with its marks and what comes of them.
type Shown struct {
	Policy    string              `json:"policy"`
	WorkGroup string              `json:"work_group"`
	At        *Pos                `json:"at,omitempty"`
	Scope     policy.Scope        `json:"scope"`
	SignOn    policy.SignOnMethod `json:"sign_on"`
	Approve   policy.SignOnMethod `json:"approve"`
	Reviewed  uint32              `json:"reviewed"`
	Catalogue uint32              `json:"catalogue"`
	// Editors may hand the work group out; nil where it is not restricted.
	Editors   []string        `json:"editors,omitempty"`
	Functions []ShownFunction `json:"functions"`
}

// ShownFunction is a line of the tree.
type ShownFunction struct {
	Function     string        `json:"function"`
	Name         string        `json:"name"`
	Level        uint8         `json:"level"`
	Mark         policy.Mark   `json:"mark"`
	Access       policy.Access `json:"access"`
	Refused      bool          `json:"refused,omitempty"`
	Approves     bool          `json:"approves,omitempty"`
	OnceReviewed policy.Access `json:"once_reviewed"`
	Rule         ExplainedRule `json:"rule"`
	// Limit is how far it is given.
	Limit policy.Limit `json:"limit,omitzero"`
}

// Show gives a work group's tree: all of it, or what is at and below one
// function.
func Show(v Version, group, under string) (*Shown, error) {
	info, ok := v.Compiled.WorkGroup(group)
	if !ok {
		return nil, unknownGroup(v.Compiled, group)
	}
	if under != "" {
		if _, err := lookup(v.Compiled, under); err != nil {
			return nil, err
		}
	}
	out := &Shown{
		Policy: v.Name, WorkGroup: info.Name, At: optional(v.Sidecar.WorkGroup(group)), Scope: info.Scope, SignOn: info.SignOn, Approve: info.Approve,
		Reviewed: info.Reviewed, Catalogue: v.Compiled.Version(),
	}
	for _, r := range v.Compiled.Restrictions() {
		if r.WorkGroup == group {
			out.Editors = r.Editors
		}
	}
	within, level := under == "", uint8(0)
	for _, l := range v.Compiled.Tree(group) {
		if under != "" {
			if l.Function.Key == under {
				within, level = true, l.Function.Level
			} else if within && l.Function.Level <= level {
				break
			}
		}
		if within {
			out.Functions = append(out.Functions, ShownFunction{
				Function: l.Function.Key, Name: l.Function.Name, Level: l.Function.Level, Mark: l.Mark,
				Access: l.Access, Refused: l.Refused, Approves: l.Approves, OnceReviewed: l.OnceReviewed, Rule: *explained(l.Rule, v.Sidecar),
				Limit: l.Limit.Limit(),
			})
		}
	}
	return out, nil
}

// WriteText writes the tree for people, in 80 columns.
func (s *Shown) WriteText(w io.Writer) error {
	var t text
	title := fmt.Sprintf("work group %q", s.WorkGroup)
	if s.At != nil {
		title += ", " + s.At.String()
	}
	t.line(0, "%s", title)
	t.line(0, "scope %s, reviewed against catalogue %d of %d, sign-on %s", s.Scope, s.Reviewed, s.Catalogue, s.SignOn)
	if s.Approve != policy.SignOnDefault {
		t.line(0, "approvals for others by %s", s.Approve)
	}
	if s.Editors != nil {
		t.line(0, "restricted: handed out by %s only", listed("%q", s.Editors))
	}
	t.blank()
	width := 0
	for _, f := range s.Functions {
		width = max(width, 2*int(f.Level-1)+len(f.Function))
	}
	width = min(width, 44)
	t.row("mark", "access", width, "function", "from")
	approves, limits := false, []pair(nil)
	for _, f := range s.Functions {
		mark, access := f.Mark.String(), f.Access.String()
		if f.Mark == policy.Blank {
			mark = "-"
		}
		if f.Limit.Set() {
			access += "<"
			limits = append(limits, pair{f.Function, f.Limit.String()})
		}
		if f.Approves {
			access += "*"
			approves = true
		}
		t.row(mark, access, width, strings.Repeat("  ", int(f.Level-1))+f.Function, f.origin())
	}
	if approves {
		t.blank()
		t.line(0, "* may approve it for others")
	}
	if len(limits) > 0 {
		t.blank()
		t.line(0, "< within a limit:")
		t.pairs(2, limits)
	}
	return t.writeTo(w, "work group")
}

// row writes a line of the tree. The columns are as narrow as their words.
func (t *text) row(mark, access string, width int, function, by string) {
	s := fmt.Sprintf("%-7s%-9s%-*s ", mark, access, width, function)
	t.b.WriteString(strings.TrimRight(s+cutText(by, columns-utf8.RuneCountInString(s)), " ") + "\n")
}

// origin says whose mark the access comes from: the line of the own one, all of
// which stand in one block, or that of the application or the tree above.
func (f *ShownFunction) origin() string {
	switch r := &f.Rule; {
	case r.Why == policy.WhyUnreviewed:
		return "not reviewed"
	case r.Function != f.Function && strings.Contains(r.Function, "."):
		return "application: " + r.Mark.String()
	case r.Function != f.Function:
		return "tree: " + r.Mark.String()
	case r.At != nil:
		return fmt.Sprintf("line %d", r.At.Line)
	}
	return ""
}
