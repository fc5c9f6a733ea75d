package source_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/policy/presets"
	"tillwarden/enforcer/policy/source"
)

func version(t testing.TB, name string, files map[string][]byte) source.Version {
	t.Helper()
	c, side, ds := source.Compile(files)
	if c == nil {
		t.Fatalf("%s:\n%s", name, ds)
	}
	return source.Version{Name: name, Compiled: c, Sidecar: side}
}

func written(t testing.TB, d *source.Diff) string {
	t.Helper()
	var b strings.Builder
	if err := d.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const diffOld = `work_group "Clerks" {
  scope    = "store"
  reviewed = 1
  allow    = ["pos"]
  deny     = ["backoffice", "pos.return", "pos.drawer.nosale", "pos.manageroverride"]
}

work_group "Guests" {
  scope    = "store"
  reviewed = 1
  allow    = ["pos", "pos.itemsearch"]
  deny     = ["backoffice"]
}
`

const diffNew = `catalogue {
  version = 2
  shipped = [1]
}

function "pos.lottery" {
  id     = 10100
  name   = "Lottery"
  parent = "pos"
  since  = 2
}

work_group "Clerks" {
  scope    = "store"
  reviewed = 2
  sign_on  = "card"
  allow    = ["pos"]
  deny     = ["backoffice", "pos.drawer.nosale", "pos.manageroverride", "pos.till.count"]
  refuse   = ["pos.itemsearch"]
}

work_group "Visitors" {
  scope    = "store"
  reviewed = 1
  allow    = ["pos"]
  deny     = ["backoffice"]
}

restricted_work_group "Visitors" {
  editors = ["Clerks"]
}
`

// What changed is said with the marks that decide and their places, folded
// where a whole application goes the same way.
func TestDiffText(t *testing.T) {
	d := source.Compare(
		version(t, "old.hcl", map[string][]byte{"old.hcl": []byte(diffOld)}),
		version(t, "new.hcl", map[string][]byte{"new.hcl": []byte(diffNew)}),
	)
	_, got, _ := strings.Cut(written(t, d), "\n\n")
	const want = `new in the catalogue
  pos.lottery  Lottery
    allowed by being blank: "Clerks"
    allowed once reviewed, by being blank: "Visitors"

restricted work groups
  "Visitors" is restricted now, to editors "Clerks"

work group "Clerks", new.hcl:13:12
  reviewed: 1 -> 2
  sign_on: default -> card
  now allowed, by check on pos, new.hcl:17:15
  (was denied or override required, by X on pos.return, old.hcl:5:29)
    pos.return  and the 8 below: Returns application
  now denied, by X on pos.till.count, new.hcl:18:73
  (was allowed, by check on pos, old.hcl:4:15)
    pos.till.count  Till count / tender declaration
  now refused, whatever other work groups give, by refuse on pos.itemsearch,
    new.hcl:19:15
  (was allowed, by check on pos, old.hcl:4:15)
    pos.itemsearch  Product/item search at the register

work group "Guests" is gone, old.hcl:8:12
  was allowed, by check on pos, old.hcl:11:15
`
	if !strings.HasPrefix(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if !strings.Contains(got, `gives the same as "Guests", which is gone: was it renamed?`) {
		t.Errorf("nothing says that Visitors may be Guests:\n%s", got)
	}
}

// A limit is said with what it is a limit of, in every view.
func TestLimitsInEveryView(t *testing.T) {
	const tail = `
register_group "front" {
  registers = ["1"]
}
`
	limited := strings.Replace(diffOld, `  deny     = ["backoffice"]
}`, `  deny     = ["backoffice"]
  limit "pos.drawer.nosale" {
    count = 3
  }
  limit "pos.till.paidout" {
    amount    = 5000
    registers = "front"
  }
}`, 1) + tail
	old := version(t, "old.hcl", map[string][]byte{"old.hcl": []byte(diffOld)})
	v := version(t, "new.hcl", map[string][]byte{"new.hcl": []byte(limited)})
	contains := func(what, got string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s has no %q:\n%s", what, w, got)
			}
		}
	}
	d := source.Compare(old, v)
	contains("diff", written(t, d), `register groups
  "front" is new: registers "1"
`, `  now allowed within count 3, was allowed
    pos.drawer.nosale  No Sale / open drawer without sale
`, `  now allowed within amount 5000, registers front, was allowed
    pos.till.paidout  Paid out / expense / petty cash
`)
	back := source.Compare(v, old)
	contains("diff", written(t, back), `  "front" is gone`, "  now allowed, was allowed within count 3\n")
	var b strings.Builder
	s, err := source.Show(v, "Guests", "pos.drawer")
	if err != nil || s.WriteText(&b) != nil {
		t.Fatal(err)
	}
	contains("show", b.String(), "allow<*", "< within a limit:\n  pos.drawer.nosale  count 3\n")
	b.Reset()
	w, err := source.AskWhoCan(v, "pos.drawer.nosale", []source.Holder{{Number: "102", Name: "Both", WorkGroups: []string{"Clerks", "Guests"}}})
	if err != nil || w.WriteText(&b) != nil {
		t.Fatal(err)
	}
	contains("who-can", b.String(), `"Guests", by check on pos, new.hcl:11:15; within count 3`, `102 Both, by "Guests": check on pos, new.hcl:11:15; within count 3`)
	b.Reset()
	if err := policy.WriteTable(&b, policy.Matrix(v.Compiled)); err != nil {
		t.Fatal(err)
	}
	contains("matrix", b.String(), "l allow within a limit", "pos.drawer.nosale                          o   l\n")
	raw, err := json.Marshal(d.Groups)
	if err != nil {
		t.Fatal(err)
	}
	contains("json", string(raw), `"after":{"access":"allow","approves":true,"limit":{"count":3}}`)
}

// Of the presets against nothing, and of bundles without sources, every line
// fits a terminal, and the JSON has every change.
func TestDiffFits(t *testing.T) {
	shipped := version(t, "@presets", presets.Files())
	empty := version(t, "empty.hcl", map[string][]byte{"empty.hcl": []byte("")})
	bundled := source.Version{Name: "a.twb", Compiled: shipped.Compiled}
	for _, d := range []*source.Diff{source.Compare(empty, shipped), source.Compare(bundled, empty)} {
		for line := range strings.Lines(written(t, d)) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
				t.Errorf("%d columns: %s", n, line)
			}
		}
		raw, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var back struct {
			Groups []struct {
				Name, Presence string
				Changes        []struct {
					Function      string
					Before, After struct{ Access string }
				}
			} `json:"work_groups"`
		}
		if err := json.Unmarshal(raw, &back); err != nil {
			t.Fatal(err)
		}
		given := 0
		for _, cell := range policy.Matrix(shipped.Compiled) {
			if cell.Access != policy.Denied {
				given++
			}
		}
		changed := 0
		for _, g := range back.Groups {
			for _, c := range g.Changes {
				if c.Before.Access != c.After.Access {
					changed++
				}
			}
		}
		if given != changed || given == 0 {
			t.Errorf("%d cells are given, %d changed", given, changed)
		}
	}
	if d := source.Compare(shipped, bundled); !d.Same || !strings.HasPrefix(written(t, d), "no difference") {
		t.Errorf("the same policy differs: %s", written(t, d))
	}
}
