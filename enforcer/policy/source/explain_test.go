package source_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"tillwarden/enforcer/policy/source"
)

const explained = base + `
function "pos.drawer.count" {
  id           = 10004
  name         = "Count"
  parent       = "pos.drawer"
  since        = 1
  override     = "manager"
  accountable  = true
  dual_control = true
  step_up      = true
  reason       = "text"
}
work_group "Clerks" {
  scope    = "store"
  reviewed = 1
  allow    = ["pos"]
  deny     = ["pos.drawer"]
}
work_group "Guards" {
  scope    = "store"
  reviewed = 2
  deny     = ["pos"]
  refuse   = ["pos.drawer.nosale"]
}
work_group "Bosses" {
  scope    = "store"
  reviewed = 2
  allow    = ["pos"]
}
`

func TestExplain(t *testing.T) {
	c, side, ds := source.Compile(map[string][]byte{"p.hcl": []byte(explained)})
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	for _, tc := range []struct{ groups, function, text, json string }{
		{"Clerks", "pos.drawer.nosale", `pos.drawer.nosale (No Sale): override required
  work group "Clerks" has an X on "pos.drawer", and "pos.drawer.nosale" itself is blank
  at p.hcl:44:15
  an override needs:
    - an operator with Manager Override who may do it too
    - another person than the one who asks, and than the one signed on
`, `{"groups":["Clerks"],"function":"pos.drawer.nosale","name":"No Sale","access":"override",` +
			`"rule":{"group":"Clerks","function":"pos.drawer","mark":"X","why":"mark","at":{"file":"p.hcl","line":44,"column":15}},` +
			`"override":{"who":["an operator with Manager Override who may do it too","another person than the one who asks, and than the one signed on"],` +
			`"accountable":false,"dual_control":false,"step_up":false,"transaction":false,"reason":"none"}}`},
		{"Clerks", "pos.drawer.count", `pos.drawer.count (Count): override required
  work group "Clerks" has an X on "pos.drawer", and "pos.drawer.count" itself is blank
  at p.hcl:44:15
  an override needs:
    - an operator with Manager Override who may do it too
    - another person than the one who asks, and than the one signed on
    - nobody who held a session on this till since it was opened
    - two such persons
    - their own PIN again
    - a reason in words
`, ``},
		{"Clerks", "pos.drawer", `pos.drawer (Drawer): denied
  work group "Clerks" has an X on it
  at p.hcl:44:15
  nobody can approve it
`, ``},
		{"Clerks", "pos.drawer.newer", `pos.drawer.newer (Newer): denied
  work group "Clerks" was not yet reviewed for "pos.drawer.newer", which is newer
  at p.hcl:42:14
  nobody can approve it
`, ``},
		{"Bosses,Clerks", "pos.drawer.nosale", `pos.drawer.nosale (No Sale): allowed
  work group "Bosses" has a check on "pos", and "pos.drawer.nosale" itself is blank
  at p.hcl:55:15
`, ``},
		{"Bosses,Guards", "pos.drawer.nosale", `pos.drawer.nosale (No Sale): denied
  work group "Guards" refuses "pos.drawer.nosale", which wins over every other work group
  at p.hcl:50:15
  nobody can approve it
`, ``},
		{"Guards", "pos.drawer", `pos.drawer (Drawer): denied
  work group "Guards" has an X on the tree "pos", so nothing in it can be used or approved
  at p.hcl:49:15
  nobody can approve it
`, `{"groups":["Guards"],"function":"pos.drawer","name":"Drawer","access":"deny",` +
			`"rule":{"group":"Guards","function":"pos","mark":"X","why":"tree-shut","at":{"file":"p.hcl","line":49,"column":15}}}`},
	} {
		e, err := source.Explain(c, side, strings.Split(tc.groups, ","), tc.function)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		if err := e.WriteText(&out); err != nil {
			t.Fatal(err)
		}
		if out.String() != tc.text {
			t.Errorf("%s, %s: got\n%s\nwant\n%s", tc.groups, tc.function, out.String(), tc.text)
		}
		if got, _ := json.Marshal(e); tc.json != "" && string(got) != tc.json {
			t.Errorf("%s, %s: got\n%s\nwant\n%s", tc.groups, tc.function, got, tc.json)
		}
	}
	for _, tc := range []struct{ group, function, want string }{
		{"Clerks", "pos.drawer.nosail", `function "pos.drawer.nosail": not in the policy (did you mean "pos.drawer.nosale"?)`},
		{"clerk", "pos.drawer", `work group "clerk": not in the policy (did you mean "Clerks"?)`},
		{"Quite others", "pos.drawer", `work group "Quite others": not in the policy`},
	} {
		if _, err := source.Explain(c, side, []string{tc.group}, tc.function); !errors.Is(err, source.ErrUnknown) || err.Error() != tc.want {
			t.Errorf("got %v, want %s", err, tc.want)
		}
	}
}
