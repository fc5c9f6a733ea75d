package presets_test

import (
	"bytes"
	"slices"
	"testing"

	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/policy/presets"
	"tillwarden/enforcer/policy/source"
)

// With no-sales two work groups have one function more, within the limit, and nothing
// else changes; the tests beside them hold, and the files are as they are shipped otherwise.
func TestWithNoSales(t *testing.T) {
	files, err := presets.WithNoSales(3)
	if err != nil {
		t.Fatal(err)
	}
	if ds, shipped := source.Lint(files), source.Lint(presets.Files()); ds.String() != shipped.String() {
		t.Fatalf("lint says\n%s\nand of the shipped ones\n%s", ds, shipped)
	}
	c, side, _ := source.Compile(files)
	var changed []string
	d := policy.Diff(compiled(t), c)
	for _, g := range d.WorkGroups {
		for _, change := range g.Changes {
			if change.Function.Key != "pos.drawer.nosale" || change.Before.Access != policy.OverrideRequired || change.After.Access != policy.Allowed ||
				change.After.Limit.Limit() != (policy.Limit{Count: 3}) {
				t.Errorf("%s: %+v", g.Name, change)
			}
		}
		if len(g.Changes) != 1 || len(g.Attributes) != 0 || len(g.SilentLimits) != 0 {
			t.Errorf("%+v", g)
		}
		changed = append(changed, g.Name)
	}
	if want := []string{"POS Cashier - Sales Only", "POS Cashier - Sales and Returns"}; !slices.Equal(changed, want) || len(d.Functions) != 0 || len(d.Restrictions) != 0 {
		t.Errorf("changed are %q", changed)
	}
	_, tests := source.Split(files)
	r, ds := source.Test(source.Version{Name: "presets", Compiled: c, Sidecar: side}, tests)
	if r == nil || r.Failed != 0 || r.Held == 0 {
		t.Errorf("the tests beside them: %+v\n%s", r, ds)
	}
	// And they would tell if it were otherwise.
	if four, err := presets.WithNoSales(4); err == nil {
		c, side, _ := source.Compile(four)
		if r, _ := source.Test(source.Version{Name: "four", Compiled: c, Sidecar: side}, tests); r == nil || r.Failed != 2 {
			t.Errorf("of four no-sales: %+v", r)
		}
	}
	for name, content := range files {
		if out, ds := source.Format(name, content); len(ds) != 0 || !bytes.Equal(out, content) {
			t.Errorf("%s is not in its one form: %s", name, ds)
		}
		if bytes.Equal(content, presets.Files()[name]) == slices.Contains([]string{"cashiers.hcl", "e3.test.hcl"}, name) {
			t.Errorf("%s is not as it should be", name)
		}
	}
	for _, n := range []int{-1, 0, 1000} {
		if _, err := presets.WithNoSales(n); err == nil {
			t.Errorf("%d no-sales are taken", n)
		}
	}
}
