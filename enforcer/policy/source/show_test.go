package source_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/policy/presets"
	"tillwarden/enforcer/policy/source"
)

// The tree of every shipped work group fits a terminal, with each function's
// key whole.
func TestShowFits(t *testing.T) {
	v := version(t, "@presets", presets.Files())
	for _, g := range v.Compiled.WorkGroups() {
		s, err := source.Show(v, g.Name, "")
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if err := s.WriteText(&b); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 || strings.Contains(line, "…") {
				t.Errorf("%s: %d columns: %s", g.Name, n, line)
			}
		}
		for _, f := range v.Compiled.Functions() {
			if !strings.Contains(b.String(), " "+f.Key+" ") {
				t.Errorf("%s: %s is missing", g.Name, f.Key)
			}
		}
	}
}

func TestShow(t *testing.T) {
	v := version(t, "new.hcl", map[string][]byte{"new.hcl": []byte(diffNew)})
	s, err := source.Show(v, "Visitors", "pos.lottery")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := s.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	const want = `work group "Visitors", new.hcl:22:12
scope store, reviewed against catalogue 1 of 2, sign-on default
restricted: handed out by "Clerks" only

mark   access   function      from
-      deny       pos.lottery not reviewed
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	for name, ask := range map[string]func() error{
		`work group "Clerk": not in the policy (did you mean "Clerks"?)`: func() error { _, err := source.Show(v, "Clerk", ""); return err },
		`function "pos.loterry": not in the policy (did you mean "pos.lottery"?)`: func() error {
			_, err := source.Show(v, "Clerks", "pos.loterry")
			return err
		},
		`function "pos.drawer.nosal": not in the policy (did you mean "pos.drawer.nosale"?)`: func() error {
			_, err := source.AskWhoCan(v, "pos.drawer.nosal", nil)
			return err
		},
	} {
		if err := ask(); !errors.Is(err, source.ErrUnknown) || err.Error() != name {
			t.Errorf("got %v, want %s", err, name)
		}
	}
}

// Who may: by work group, and by operator over all that the operator has.
func TestWhoCan(t *testing.T) {
	v := version(t, "old.hcl", map[string][]byte{"old.hcl": []byte(diffOld)})
	w, err := source.AskWhoCan(v, "pos.drawer.nosale", []source.Holder{
		{Number: "101", Name: "Cashier", WorkGroups: []string{"Clerks"}},
		{Number: "102", Name: "Both", WorkGroups: []string{"Clerks", "Guests"}},
		{Number: "103", Name: "Nobody", WorkGroups: []string{"gone"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := w.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	const want = `
work groups that may, and may approve it for others
  "Guests", by check on pos, old.hcl:11:15

work groups that need an override
  "Clerks", by X on pos.drawer.nosale, old.hcl:5:43

operators that may, and may approve it for others
  102 Both, by "Guests": check on pos, old.hcl:11:15

operators that need an override
  101 Cashier, by "Clerks": X on pos.drawer.nosale, old.hcl:5:43

operators that may not
  103 Nobody, who has no work group of this policy

an override needs:
  - an operator with Manager Override who may do it too
  - another person than the one who asks, and than the one signed on
`
	_, got, _ := strings.Cut(b.String(), "\n\n")
	if "\n"+got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if len(w.Groups) != 2 || w.Groups[1].Access != policy.Allowed || w.Operators[2].Rule.Why != policy.WhyNoWorkGroup {
		t.Errorf("%+v", w)
	}
}
