package presets_test

import (
	"bytes"
	"encoding/csv"
	"os"
	"slices"
	"strings"
	"testing"

	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/policy/presets"
	"tillwarden/enforcer/policy/source"
)

func compiled(t *testing.T) *policy.Compiled {
	t.Helper()
	c, _, ds := source.Compile(presets.Files())
	if len(ds) != 0 {
		t.Fatalf("the presets are not clean:\n%s", ds)
	}
	return c
}

// The reviewed file was written from the documents, not from what Compile says.
func TestMatrix(t *testing.T) {
	c := compiled(t)
	raw, err := os.ReadFile("testdata/matrix.csv")
	if err != nil {
		t.Fatal(err)
	}
	want, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := policy.WriteCSV(&out, policy.Matrix(c)); err != nil {
		t.Fatal(err)
	}
	got, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Errorf("%d cells, the reviewed matrix has %d", len(got)-1, len(want)-1)
	}
	for i := range min(len(got), len(want)) {
		if !slices.Equal(got[i], want[i]) {
			t.Errorf("line %d: got %q, reviewed is %q", i+1, got[i], want[i])
		}
	}
	// What the matrix says is what an operator gets.
	for _, cell := range policy.Matrix(c) {
		planes, unknown := c.Planes([]string{cell.Group})
		i, ok := c.Lookup(cell.Function)
		if !ok || len(unknown) != 0 || planes.Access(i) != cell.Access {
			t.Fatalf("%s, %s: the planes say %s, the matrix %s", cell.Group, cell.Function, planes.Access(i), cell.Access)
		}
	}
}

// What E3's description and Aura's recommendation say, line by line, holds: as
// policy test says it, and of every work group something is said.
func TestTheTestsHold(t *testing.T) {
	c, side, _ := source.Compile(presets.Files())
	_, tests := source.Split(presets.Files())
	r, ds := source.Test(source.Version{Name: "@presets", Compiled: c, Sidecar: side}, tests)
	if r == nil {
		t.Fatal(ds)
	}
	if r.Failed > 0 {
		var b strings.Builder
		if err := r.WriteText(&b); err != nil {
			t.Fatal(err)
		}
		t.Error(b.String())
	}
	about := map[string]bool{}
	for _, one := range r.Tests {
		for _, g := range one.Groups {
			about[g] = true
		}
	}
	for _, g := range c.WorkGroups() {
		if !about[g.Name] {
			t.Errorf("no test is about %s", g.Name)
		}
	}
}

// Every work group marks level 1 and level 2 explicitly, so that nothing new
// in a tree is given by inheritance alone. The one blank is E3's own example.
func TestExplicitMarks(t *testing.T) {
	c := compiled(t)
	for _, g := range c.WorkGroups() {
		for i, f := range c.Functions() {
			if f.Level == 3 || c.Mark(g.Name, policy.Index(i)) != policy.Blank {
				continue
			}
			if g.Name != "Manager" || f.Key != "pos.clockin.notrequired" {
				t.Errorf("%s leaves %s blank", g.Name, f.Key)
			}
		}
	}
}

// Who has something in a tree can reach it.
func TestSignOnReaches(t *testing.T) {
	c := compiled(t)
	for _, g := range c.WorkGroups() {
		p, _ := c.Planes([]string{g.Name})
		has := map[string]bool{}
		for i, f := range c.Functions() {
			if p.Access(policy.Index(i)) == policy.Allowed {
				tree, _, _ := strings.Cut(f.Key, ".")
				has[tree] = true
			}
		}
		for tree := range has {
			if i, ok := c.Lookup(tree + ".signon"); !ok || p.Access(i) != policy.Allowed {
				t.Errorf("%s has something in %s and may not sign on to it", g.Name, tree)
			}
		}
	}
}

func TestCatalogue(t *testing.T) {
	c := compiled(t)
	if n := len(c.Functions()); n != 222 {
		t.Errorf("%d functions, want 222", n)
	}
	if _, ok := c.LookupID(1008); ok {
		t.Error("1008 is in the catalogue: nobody may approve the own request")
	}
	accountable := []policy.ID{1703, 1704, 1705, 1708, 1709, 1710, 1712, 1713, 1714, 1715, 1716, 1717}
	for _, f := range c.Functions() {
		if f.Since != 1 {
			t.Errorf("%s is since %d", f.Key, f.Since)
		}
		if want := slices.Contains(accountable, f.ID); f.Accountable != want {
			t.Errorf("%s: accountable is %v", f.Key, f.Accountable)
		}
		if want := f.ID >= 5300 && f.ID <= 5306 || f.ID == 1030 || f.ID == 1031; f.Protected != want {
			t.Errorf("%s: protected is %v", f.Key, f.Protected)
		}
		if f.ID >= 5000 && f.Override != policy.OverrideNever {
			t.Errorf("%s: override is %s, and the register does not gate it", f.Key, f.Override)
		}
	}
	for key, want := range map[string]policy.Function{
		"pos":                   {ID: 1000, Level: 1},
		"pos.manageroverride":   {ID: 1007, Level: 2},
		"pos.drawer.nosale":     {ID: 1602, Level: 3, Override: policy.OverrideManager, Drawer: true},
		"pos.drawer.reopen":     {ID: 1609, Level: 3, Drawer: true},
		"pos.till.pickup":       {ID: 1703, Level: 3, Override: policy.OverrideManager, Drawer: true, Accountable: true},
		"pos.till.waitercashup": {ID: 1719, Level: 3},
		"pos.delivery":          {ID: 2600, Level: 2},
		"backoffice.promotion.instantsavings.view": {ID: 5506, Level: 3},
	} {
		i, ok := c.Lookup(key)
		if !ok {
			t.Errorf("%s is missing", key)
			continue
		}
		f := c.Function(i)
		if f.ID != want.ID || f.Level != want.Level || f.Override != want.Override || f.Drawer != want.Drawer || f.Accountable != want.Accountable {
			t.Errorf("%s: got %+v, want %+v", key, *f, want)
		}
	}
}

func TestScopes(t *testing.T) {
	c := compiled(t)
	if n := len(c.WorkGroups()); n != 21 {
		t.Errorf("%d work groups, want E3's 13, its 4 examples, and Aura's 4", n)
	}
	for _, g := range c.WorkGroups() {
		want := policy.ScopeStore
		if strings.HasPrefix(g.Name, "Enterprise ") || g.Name == "Corporate" || g.Name == "Support" {
			want = policy.ScopeEnterprise
		}
		if g.Scope != want {
			t.Errorf("%s: scope %s, want %s", g.Name, g.Scope, want)
		}
	}
}
