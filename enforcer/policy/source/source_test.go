package source_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/policy/presets"
	"tillwarden/enforcer/policy/source"
)

// A policy that is printed and parsed compiles to the same bytes, however its
// blocks are spread over files.
func TestPrintedAndParsed(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := soundPolicy(rt)
		want, err := policy.Compile(p)
		if err != nil {
			rt.Fatal(err)
		}
		files := map[string][]byte{}
		for _, piece := range rapid.Permutation(printed(p)).Draw(rt, "order") {
			name := rapid.SampledFrom([]string{"a.hcl", "b.hcl", "c.hcl"}).Draw(rt, "file")
			files[name] = append(files[name], piece...)
		}
		got, side, ds := source.Compile(files)
		if got == nil {
			rt.Fatalf("%s\n%s", ds, files)
		}
		if got.Digest() != want.Digest() {
			rt.Fatalf("another policy:\n%s", files)
		}
		again, sideAgain, dsAgain := source.Compile(slowly(files))
		if again == nil || again.Digest() != want.Digest() || ds.String() != dsAgain.String() {
			rt.Fatalf("read the long way it is another policy:\n%s", files)
		}
		for _, g := range p.WorkGroups {
			for _, f := range p.Catalogue.Functions {
				at, ok := side.Mark(g.Name, f.Key)
				if slow, _ := sideAgain.Mark(g.Name, f.Key); slow != at {
					rt.Fatalf("%s, %s: at %s, the long way at %s", g.Name, f.Key, at, slow)
				}
				if ok != (g.Marks[f.ID] != policy.Blank) {
					rt.Fatalf("%s, %s: place known is %v", g.Name, f.Key, ok)
				}
				if _, ok := side.Limit(g.Name, f.Key); ok != g.Limits[f.ID].Set() {
					rt.Fatalf("%s, %s: place of the limit known is %v", g.Name, f.Key, ok)
				}
			}
		}
	})
}

// slowly is the same files with a remark that plain files do not have, so that
// they are read the long way.
func slowly(files map[string][]byte) map[string][]byte {
	slow := map[string][]byte{}
	for name, content := range files {
		slow[name] = append(slices.Clone(content), "\n// a remark\n"...)
	}
	return slow
}

// base is a catalogue of a chain's own for tests of single findings.
const base = `catalogue {
  version = 2
}
function "pos" {
  id = 10000
  name = "POS"
  since = 1
}
function "pos.drawer" {
  id = 10001
  name = "Drawer"
  parent = "pos"
  since = 1
}
function "pos.drawer.nosale" {
  id = 10002
  name = "No Sale"
  parent = "pos.drawer"
  since = 1
  override = "manager"
}
function "pos.drawer.newer" {
  id = 10003
  name = "Newer"
  parent = "pos.drawer"
  since = 2
}
`

func group(lines string) string {
	return "work_group \"Clerks\" {\n  scope    = \"store\"\n  reviewed = 2\n" + lines + "\n}\n"
}

func function(key, lines string) string {
	return fmt.Sprintf("function %q {\n  id = 20000\n  name = \"A name\"\n  since = 1\n%s\n}\n", key, lines)
}

// TestLint: every finding, with its place and its hint. The file is p.hcl,
// beside the base catalogue.
func TestLint(t *testing.T) {
	for _, tc := range []struct{ name, file, want string }{
		{"clean", group(`allow = ["pos"]`), ``},
		{
			"unknown function", group("allow = [\"pos\",\n  \"pos.drawer.nosael\"]"),
			`p.hcl:5:3: error: no function "pos.drawer.nosael" is in the catalogue (did you mean "pos.drawer.nosale"?)`,
		},
		{
			"unknown function, last words", group(`allow = ["pos", "drawer.nosale"]`),
			`p.hcl:4:17: error: no function "drawer.nosale" is in the catalogue (did you mean "pos.drawer.nosale"?)`,
		},
		{
			"unknown function, nothing like it", group(`allow = ["pos", "quite.other"]`),
			`p.hcl:4:17: error: no function "quite.other" is in the catalogue`,
		},
		{
			"unknown work group", group(`allow = ["pos"]`) + `restricted_work_group "Clerks" { editors = ["Clark"] }`,
			`p.hcl:6:45: error: there is no work group "Clark" (did you mean "Clerks"?)`,
		},
		{
			"unknown restricted work group", group(`allow = ["pos"]`) + `restricted_work_group "clerks" { editors = ["Clerks"] }`,
			`p.hcl:6:23: error: there is no work group "clerks" (did you mean "Clerks"?)`,
		},
		{
			"unknown attribute", group("allow = [\"pos\"]\nscop = \"store\""),
			`p.hcl:5:1: error: work group "Clerks" has no attribute "scop" (did you mean "scope"?)`,
		},
		{
			"unknown attribute of a function", function("pos.x", `parent = "pos"`+"\nacountable = true"),
			`p.hcl:6:1: error: function "pos.x" has no attribute "acountable" (did you mean "accountable"?)`,
		},
		{
			"unknown block", `workgroup "Clerks" {}`,
			`p.hcl:1:1: error: a policy file has no block "workgroup" (did you mean "work_group"?)`,
		},
		{
			"unknown block in a group", group("allow = [\"pos\"]\nexeption \"x\" { allow = [] }"),
			`p.hcl:5:1: error: a work group has no block "exeption" (did you mean "exception"?)`,
		},
		{"unknown top attribute", "version = 1\n", `p.hcl:1:1: error: a policy file has no attribute "version"`},
		{
			"wrong mark", group("allow = [\"pos\"]\nforbid = [\"pos.drawer\"]"),
			`p.hcl:5:1: error: "forbid" is no mark here (did you mean "deny"?)`,
		},
		{
			"blank as a mark", group("allow = [\"pos\"]\nblank = [\"pos.drawer\"]"),
			`p.hcl:5:1: error: "blank" is no mark here (what stands in no list is blank)`,
		},
		{
			"wrong override", function("pos.x", `parent = "pos"`+"\noverride = \"managr\""),
			`p.hcl:6:12: error: "managr" is no override (did you mean "manager"?)`,
		},
		{
			"wrong scope", "work_group \"A\" {\n  scope = \"shop\"\n  reviewed = 2\n  allow = [\"pos\"]\n}",
			`p.hcl:2:11: error: "shop" is no scope (one of "store", "enterprise")`,
		},
		{
			"missing", "work_group \"A\" {\n  allow = [\"pos\"]\n}",
			"p.hcl:1:12: error: work group \"A\" has no \"scope\"\np.hcl:1:12: error: work group \"A\" has no \"reviewed\"",
		},
		{
			"not a list", group(`allow = "pos"`),
			"p.hcl:1:12: error: work group \"Clerks\" says nothing of the tree \"pos\" (write allow = [\"pos\"] or deny = [\"pos\"])\n" +
				`p.hcl:4:9: error: allow must be a list (put it in brackets: ["…"])`,
		},
		{
			"not a number", "work_group \"A\" {\n  scope = \"store\"\n  reviewed = \"2\"\n  allow = [\"pos\"]\n}",
			`p.hcl:3:14: error: reviewed must be a whole number, at most 4294967295`,
		},
		{"half a number", function("pos.x", `parent = "pos"`+"\nstep_up = 1.5"), `p.hcl:6:11: error: step_up must be true or false`},
		{
			"variable", group(`allow = [pos]`),
			"p.hcl:1:12: error: work group \"Clerks\" says nothing of the tree \"pos\" (write allow = [\"pos\"] or deny = [\"pos\"])\n" +
				`p.hcl:4:10: error: each of allow must be a text (put it in double quotes)`,
		},
		{
			"key without quotes", group(`allow = [pos.drawer]`),
			`p.hcl:4:13: error: a name with dots stands here without quotes (put function keys in double quotes: "pos.sale")`,
		},
		{
			"template", group(`allow = ["${pos}"]`),
			`p.hcl:4:11: error: a policy has no templates and no variables (write the text out; for a literal ${ write $${)`,
		},
		{"call", group(`allow = file("x")`), `p.hcl:4:13: error: a policy has no functions to call (write the value out)`},
		{"nested too deeply", group("allow = " + strings.Repeat("[", 100)), `p.hcl:4:16: error: this is nested too deeply`},
		{
			"open brace", `work_group "A" {`,
			`p.hcl:1:16: error: unclosed configuration block: there is no closing brace for this block before the end of the file. This may be caused by incorrect brace nesting elsewhere in this file`,
		},
		{
			"attribute twice", group("allow = [\"pos\"]\nallow = [\"pos.drawer\"]"),
			`p.hcl:5:1: error: attribute redefined: the argument "allow" was already set at p.hcl:4,1-6. Each argument may be set only once`,
		},
		{"function twice in a list", group("allow = [\"pos\",\n\"pos\"]"), `p.hcl:5:1: error: "pos" is marked check already, at p.hcl:4:10`},
		{
			"allow and deny", group("allow = [\"pos\", \"pos.drawer\"]\ndeny = [\"pos.drawer\"]"),
			`p.hcl:5:9: error: "pos.drawer" is marked X here and check at p.hcl:4:17`,
		},
		{
			"allow and refuse", group("allow = [\"pos\", \"pos.drawer\"]\nrefuse = [\"pos.drawer\"]"),
			`p.hcl:5:11: error: "pos.drawer" is marked refuse here and check at p.hcl:4:17`,
		},
		{"group twice", group(`allow = ["pos"]`) + group(`allow = ["pos"]`), `p.hcl:6:12: error: work group "Clerks" is there already, at p.hcl:1:12`},
		{
			"group by case and space", group(`allow = ["pos"]`) + "work_group \"CLERKS\" {\n  scope = \"store\"\n  reviewed = 2\n  allow = [\"pos\"]\n}",
			`p.hcl:6:12: error: work group "Clerks" is there already, at p.hcl:1:12 (names must differ by more than case and spaces)`,
		},
		{
			"restricted twice", group(`allow = ["pos"]`) + "restricted_work_group \"Clerks\" {\n editors = [\"Clerks\"]\n}\nrestricted_work_group \"Clerks\" {\n editors = [\"Clerks\"]\n}",
			`p.hcl:9:23: error: work group "Clerks" is restricted already, at p.hcl:6:23`,
		},
		{
			"no editors", group(`allow = ["pos"]`) + "restricted_work_group \"Clerks\" {\n editors = []\n}",
			`p.hcl:7:12: error: nobody could ever hand out "Clerks": name a work group that may`,
		},
		{"catalogue twice", "catalogue {\n version = 3\n}", `p.hcl:1:1: error: there is a catalogue already, at base.hcl:1:1`},
		{"function in two files", function("pos.drawer", `parent = "pos"`), `p.hcl:1:10: error: function "pos.drawer" is there already, at base.hcl:9:10`},
		{
			"id reused", strings.Replace(function("pos.x", `parent = "pos"`), "20000", "10002", 1),
			`p.hcl:2:8: error: id 10002 is that of "pos.drawer.nosale", at base.hcl:16:8 (an id is never given to another function)`,
		},
		{
			"id of another's", strings.Replace(function("pos.x", `parent = "pos"`), "20000", "1602", 1),
			`p.hcl:2:8: error: id 1602 is the shipped catalogue's "pos.drawer.nosale" (a chain's own ids begin at 10000)`,
		},
		{
			"id too low", strings.Replace(function("pos.x", `parent = "pos"`), "20000", "1008", 1),
			`p.hcl:2:8: error: id 1008 is not in the shipped catalogue (a chain's own ids begin at 10000)`,
		},
		{"id 0", strings.Replace(function("pos.x", `parent = "pos"`), "20000", "0", 1), `p.hcl:2:8: error: id 0 means none`},
		{
			"key", function("pos.X", `parent = "pos"`),
			`p.hcl:1:10: error: "pos.X" is no key: want lower-case words joined by dots, at most 64 bytes (like "pos.drawer.nosale")`,
		},
		{
			"unknown parent", function("pos.draw.x", `parent = "pos.drawr"`),
			`p.hcl:5:10: error: the parent "pos.drawr" of "pos.draw.x" is in no catalogue (did you mean "pos.drawer"?)`,
		},
		{
			"no parent", function("pos.x", ``),
			`p.hcl:1:10: error: function "pos.x" has no parent, so it is a tree, and a tree's key is one word (add parent = "pos")`,
		},
		{"own parent", function("pos.x", `parent = "pos.x"`), `p.hcl:5:10: error: "pos.x" and "pos.x" are each other's parents`},
		{
			"level 4", function("pos.drawer.nosale.x", `parent = "pos.drawer.nosale"`),
			`p.hcl:5:10: error: "pos.drawer.nosale.x" would be of level 4: there are trees, applications, and their functions`,
		},
		{
			"other tree's key", function("backoffice.x", `parent = "pos"`),
			`p.hcl:1:10: error: function "backoffice.x" is in the tree "pos", whose keys begin with "pos."`,
		},
		{
			"since tomorrow", strings.Replace(function("pos.x", `parent = "pos"`), "since = 1", "since = 3", 1),
			`p.hcl:4:11: error: function "pos.x" is since 3, but the catalogue is at 2 (raise the catalogue's version to 3)`,
		},
		{
			"older than its parent", strings.Replace(function("pos.x", `parent = "pos"`), "since = 1", "since = 2", 1) +
				strings.Replace(function("pos.x.y", `parent = "pos.x"`), "20000", "20001", 1),
			`p.hcl:10:11: error: function "pos.x.y" is since 1, but "pos.x" above it is since 2`,
		},
		{
			"protected override", function("pos.x", `parent = "pos"`+"\noverride = \"manager\"\nprotected = true"),
			`p.hcl:6:12: error: function "pos.x": a protected function is never overridden (leave override out, or write "never")`,
		},
		{
			"no tree mark", group(`deny = ["pos.drawer"]`),
			`p.hcl:1:12: error: work group "Clerks" says nothing of the tree "pos" (write allow = ["pos"] or deny = ["pos"])`,
		},
		{
			"check in a shut tree", group("deny = [\"pos\"]\nallow = [\"pos.drawer\"]"),
			`p.hcl:5:10: error: the check on "pos.drawer" can never count: the tree "pos" is marked X at p.hcl:4:9 (mark "pos" check too, or take this one out)`,
		},
		{
			"check under X", group("allow = [\"pos\", \"pos.drawer.nosale\"]\ndeny = [\"pos.drawer\"]"),
			`p.hcl:4:17: error: the check on "pos.drawer.nosale" stands under the X on "pos.drawer" at p.hcl:5:9 (if it is meant: exception "why" { allow = ["pos.drawer.nosale"] })`,
		},
		{"exception", group("allow = [\"pos\"]\ndeny = [\"pos.drawer\"]\nexception \"why\" {\n allow = [\"pos.drawer.nosale\"]\n}"), ``},
		{
			"needless exception", group("allow = [\"pos\"]\nexception \"why\" {\n allow = [\"pos.drawer.nosale\"]\n}"),
			`p.hcl:6:11: warning: "pos.drawer.nosale" is no exception: "pos.drawer" is not marked X (move it to allow)`,
		},
		{
			"exception with deny", group("allow = [\"pos\"]\nexception \"why\" {\n allow = []\n deny = [\"pos.drawer\"]\n}"),
			`p.hcl:7:2: error: "deny" is no mark here (an exception only allows)`,
		},
		{
			"exception without a reason", group("allow = [\"pos\"]\nexception {\n allow = []\n}"),
			`p.hcl:5:1: error: exception takes one name (write exception "why" { … })`,
		},
		{
			"limits", group("allow = [\"pos\"]\nlimit \"pos.drawer.nosale\" {\n  amount = 5000\n  percent = 12.35\n  count = 3\n  hours = \"mon 08:00-20:00\"\n  registers = \"front\"\n}") +
				`register_group "front" { registers = ["1"] }`, ``,
		},
		{
			"limit on an unknown function", group("allow = [\"pos\"]\nlimit \"pos.drawer.nosael\" { count = 3 }"),
			`p.hcl:5:7: error: no function "pos.drawer.nosael" is in the catalogue (did you mean "pos.drawer.nosale"?)`,
		},
		{
			"limit without a function", group("allow = [\"pos\"]\nlimit { count = 3 }"),
			`p.hcl:5:1: error: limit takes one name (write limit "pos.sale.discount" { … })`,
		},
		{
			"limit that says nothing", group("allow = [\"pos\"]\nlimit \"pos.drawer.nosale\" { }"),
			`p.hcl:5:7: error: the limit on "pos.drawer.nosale" says nothing (give an amount, a percent, a count, hours or registers)`,
		},
		{
			"limit twice", group("allow = [\"pos\"]\nlimit \"pos.drawer.nosale\" { count = 3 }\nlimit \"pos.drawer.nosale\" { count = 4 }"),
			`p.hcl:6:7: error: "pos.drawer.nosale" is limited already, at p.hcl:5:7`,
		},
		{
			"limit of an amount as people write it", group("allow = [\"pos\"]\nlimit \"pos.drawer.nosale\" { amount = 50.25 }"),
			`p.hcl:5:38: error: amount must be a number above 0, at most 999999999999999 (in the smallest unit of the currency: 50.00 is 5000)`,
		},
		{
			"limit of 0", group("allow = [\"pos\"]\nlimit \"pos.drawer.nosale\" { count = 0 }"),
			`p.hcl:5:37: error: count must be a number above 0, at most 65535 (how often in a session)`,
		},
		{
			"limit of a percent too exact", group("allow = [\"pos\"]\nlimit \"pos.drawer.nosale\" { percent = 12.345 }"),
			`p.hcl:5:39: error: percent must be a number above 0, at most 10000 (as 10 or 12.5, with two decimals at most)`,
		},
		{
			"limit of hours that are none", group("allow = [\"pos\"]\nlimit \"pos.drawer.nosale\" { hours = \"8-20\" }"),
			`p.hcl:5:37: error: "8" is no time: hours are as "08:00-21:00" or "mon-sat 08:00-21:00, sun 10:00-18:00"`,
		},
		{
			"limit to unknown registers", group("allow = [\"pos\"]\nlimit \"pos.drawer.nosale\" { registers = \"fornt\" }") + `register_group "front" { registers = ["1"] }`,
			`p.hcl:5:41: error: there is no register group "fornt" (did you mean "front"?)`,
		},
		{
			"limit by another word", group("allow = [\"pos\"]\nlimit \"pos.drawer.nosale\" { times = 3 }"),
			`p.hcl:5:29: error: a limit has no attribute "times" (did you mean "count"?)`,
		},
		{
			"register group twice", group(`allow = ["pos"]`) + "register_group \"a\" { registers = [\"1\"] }\nregister_group \"A\" { registers = [\"2\"] }",
			`p.hcl:7:16: error: register group "a" is there already, at p.hcl:6:16 (names must differ by more than case and spaces)`,
		},
		{
			"register twice", group(`allow = ["pos"]`) + `register_group "a" { registers = ["1", "1"] }`,
			`p.hcl:6:40: error: register "1" is named already`,
		},
		{
			"refuse over check", group("allow = [\"pos\", \"pos.drawer.nosale\"]\nrefuse = [\"pos.drawer\"]"),
			`p.hcl:4:17: error: the check on "pos.drawer.nosale" can never count: "pos.drawer" is refused at p.hcl:5:11`,
		},
		{
			"check without effect", group(`allow = ["pos", "pos.drawer", "pos.drawer.nosale"]`),
			`p.hcl:4:31: warning: the check on "pos.drawer.nosale" changes nothing: it is allowed with "pos.drawer"`,
		},
		{
			"reviewed tomorrow", strings.Replace(group(`allow = ["pos"]`), "reviewed = 2", "reviewed = 3", 1),
			`p.hcl:3:14: error: work group "Clerks" is reviewed against version 3, but the catalogue is at 2`,
		},
		{
			"reviewed before", strings.Replace(group(`allow = ["pos"]`), "reviewed = 2", "reviewed = 1", 1),
			`p.hcl:3:14: warning: work group "Clerks" is reviewed against version 1, the catalogue is at 2: until then it does not give "pos.drawer.newer" (go through them, then write reviewed = 2)`,
		},
		{
			"reviewed before, nothing lost", strings.Replace(group(`deny = ["pos"]`), "reviewed = 2", "reviewed = 1", 1),
			`p.hcl:3:14: warning: work group "Clerks" is reviewed against version 1, the catalogue is at 2; it changes nothing for this work group`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			files := map[string][]byte{"base.hcl": []byte(base), "p.hcl": []byte(tc.file)}
			p, _, ds := source.Parse(files)
			if got := strings.TrimSuffix(ds.String(), "\n"); got != tc.want {
				t.Errorf("got\n%s\nwant\n%s", got, tc.want)
			}
			if _, _, slow := source.Parse(slowly(files)); slow.String() != ds.String() {
				t.Errorf("got\n%s\nthe long way\n%s", ds, slow)
			}
			if (p == nil) != ds.HasErrors() {
				t.Errorf("a policy is there: %v, errors: %v", p != nil, ds.HasErrors())
			}
		})
	}
}

// Without a catalogue of its own a policy has the shipped one, and may add to it.
func TestShippedCatalogue(t *testing.T) {
	own := "function \"pos.drawer.lottery\" {\n  id = 10001\n  name = \"Lottery payout\"\n  parent = \"pos.drawer\"\n  since = %d\n}\n"
	g := "work_group \"A\" {\n  scope = \"store\"\n  reviewed = 1\n  allow = [\"pos\", \"pos.drawer\"]\n  deny = [\"backoffice\"]\n}\n"
	for _, tc := range []struct {
		name, file, want string
		gives            bool
	}{
		{"added", g + fmt.Sprintf(own, 1), ``, true},
		{
			"added too new", fmt.Sprintf(own, 2),
			`p.hcl:5:11: error: function "pos.drawer.lottery" is since 2, but the catalogue is at 1 (write catalogue { version = 2, shipped = [1] } on lines of their own)`, false,
		},
		{
			"own version", g + fmt.Sprintf(own, 2) + "catalogue {\n  version = 2\n  shipped = [1]\n}\n",
			`p.hcl:3:14: warning: work group "A" is reviewed against version 1, the catalogue is at 2: until then it does not give "pos.drawer.lottery" (go through them, then write reviewed = 2)`, false,
		},
		{
			"shipped came later", strings.Replace(g, "reviewed = 1", "reviewed = 2", 1) + fmt.Sprintf(own, 1) + "catalogue {\n  version = 2\n  shipped = [2]\n}\n",
			`p.hcl:11:11: error: function "pos.drawer.lottery" is since 1, but "pos.drawer" above it is since 2`, false,
		},
		{
			"shipped of the future", "catalogue {\n  version = 2\n  shipped = [1, 2]\n}\n",
			`p.hcl:3:13: error: shipped has 2 versions, the shipped catalogue is at 1 (shipped = [1])`, false,
		},
		{
			"shipped beyond the version", "catalogue {\n  version = 2\n  shipped = [3]\n}\n",
			`p.hcl:3:13: error: shipped = [3]: want versions of this catalogue, ascending, at most 2`, false,
		},
		{
			"shipped function again", "function \"pos.drawer\" {\n  id = 1600\n  name = \"Drawer\"\n  parent = \"pos\"\n  since = 1\n}\n",
			`p.hcl:1:10: error: function "pos.drawer" is there already, at shipped/catalogue.hcl:568:10 (the shipped catalogue has it; a chain's own functions have keys of their own)`, false,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, _, ds := source.Compile(map[string][]byte{"p.hcl": []byte(tc.file)})
			if got := strings.TrimSuffix(ds.String(), "\n"); got != tc.want {
				t.Errorf("got\n%s\nwant\n%s", got, tc.want)
			}
			if c == nil {
				return
			}
			i, ok := c.Lookup("pos.drawer.lottery")
			p, _ := c.Planes([]string{"A"})
			if !ok || (p.Access(i) == policy.Allowed) != tc.gives {
				t.Errorf("gives it: %v, want %v", p.Access(i), tc.gives)
			}
			if j, ok := c.LookupID(1602); !ok || p.Access(j) != policy.Allowed {
				t.Error("the shipped No Sale is not there")
			}
		})
	}
}

// The shipped file among the others is the same as leaving it out.
func TestShippedFileGiven(t *testing.T) {
	own := "function \"pos.drawer.lottery\" {\n  id = 10001\n  name = \"Lottery payout\"\n  parent = \"pos.drawer\"\n  since = 2\n}\n"
	for _, tc := range []struct{ name, catalogue, want string }{
		{"included", "catalogue {\n  version = 2\n  shipped = [1]\n}\n", ``},
		{"not included", "catalogue {\n  version = 2\n}\n", `p.hcl:7:1: error: this catalogue does not include the shipped one, which is there too: s/catalogue.hcl (shipped = [1] includes it)`},
		{
			"no catalogue", ``,
			`p.hcl:5:11: error: function "pos.drawer.lottery" is since 2, but the catalogue is at 1 (write catalogue { version = 2, shipped = [1] } on lines of their own)`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			files := map[string][]byte{"p.hcl": []byte(own + tc.catalogue), "s/catalogue.hcl": presets.Catalogue()}
			c, side, ds := source.Compile(files)
			if got := strings.TrimSuffix(ds.String(), "\n"); got != tc.want {
				t.Fatalf("got\n%s\nwant\n%s", got, tc.want)
			}
			if c == nil {
				return
			}
			delete(files, "s/catalogue.hcl")
			without, _, _ := source.Compile(files)
			if without == nil || without.Digest() != c.Digest() {
				t.Error("without the file it is another policy")
			}
			if at, ok := side.Function("pos.drawer"); !ok || at.File != "s/catalogue.hcl" {
				t.Errorf("pos.drawer is at %v", at)
			}
		})
	}
}

func TestFilesAndFolders(t *testing.T) {
	dir := t.TempDir()
	for name, content := range presets.Files() {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("not a policy {"), 0o600); err != nil {
		t.Fatal(err)
	}
	shipped, _, ds, err := source.LoadCompiled(nil)
	if err != nil || len(ds) != 0 {
		t.Fatal(err, ds)
	}
	// The folder, and a file of it again, are the same policy.
	got, side, ds, err := source.LoadCompiled([]string{dir, filepath.Join(dir, "cashiers.hcl")})
	if err != nil || len(ds) != 0 {
		t.Fatal(err, ds)
	}
	if got.Digest() != shipped.Digest() {
		t.Error("the same files compile to something else")
	}
	if at, ok := side.Function("pos"); !ok || at.File != filepath.Join(dir, "catalogue.hcl") || at.Line != 17 {
		t.Errorf("pos is at %v", at)
	}
	if _, _, _, err := source.LoadCompiled([]string{t.TempDir()}); err == nil || !strings.Contains(err.Error(), "no policy files") {
		t.Errorf("an empty folder: %v", err)
	}
	if _, _, _, err := source.LoadCompiled([]string{filepath.Join(dir, "gone.hcl")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestDiagnosticJSON(t *testing.T) {
	ds := source.Lint(map[string][]byte{"base.hcl": []byte(base), "p.hcl": []byte(strings.Replace(group(`allow = ["pos"]`), "reviewed = 2", "reviewed = 1", 1))})
	got, err := json.Marshal(ds)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"severity":"warning","code":"reviewed","file":"p.hcl","line":3,"column":14,` +
		`"message":"work group \"Clerks\" is reviewed against version 1, the catalogue is at 2: until then it does not give \"pos.drawer.newer\"",` +
		`"hint":"go through them, then write reviewed = 2","functions":["pos.drawer.newer"]}]`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// The findings are the same each time, and in the same order, whatever order
// maps have.
func TestDeterministic(t *testing.T) {
	files := map[string][]byte{}
	for n := range 12 {
		files[fmt.Sprintf("%02d.hcl", n)] = []byte(group("a = 1\nb = 2\nc = 3\nallow = [\"nothing\", \"pos.salle\"]") + function("pos.x", `parent = "poss"`))
	}
	first := source.Lint(files).String()
	for range 20 {
		if again := source.Lint(maps.Clone(files)).String(); again != first {
			t.Fatalf("differs:\n%s\n%s", first, again)
		}
	}
	if files := regexp.MustCompile(`(?m)^\d\d`).FindAllString(first, -1); !slices.IsSorted(files) || len(files) < 12 {
		t.Errorf("not by file:\n%s", first)
	}
}
