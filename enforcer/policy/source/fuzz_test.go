package source_test

import (
	"bytes"
	"slices"
	"testing"

	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/policy/presets"
	"tillwarden/enforcer/policy/source"
)

// FuzzParse: whatever is in a file, reading ends, says something of a place in
// it or gives a policy that compiles, and says the same again when asked again.
func FuzzParse(f *testing.F) {
	for _, content := range presets.Files() {
		if len(content) < 8<<10 {
			f.Add(content)
		}
	}
	f.Add([]byte(base))
	f.Add([]byte(explained))
	f.Add([]byte(base + group(`allow = ["pos"]`) + "restricted_work_group \"Clerks\" {\n editors = [\"Clerks\"]\n}"))
	f.Add([]byte("catalogue {\n version = 2\n shipped = [1]\n}\n" + function("pos.x", `parent = "pos"`)))
	f.Add([]byte(base + group("allow = [\"pos\"]\nlimit \"pos.drawer.nosale\" {\n amount = 5000\n percent = 12.5\n count = 3\n hours = \"mon 08:00-20:00\"\n registers = \"front\"\n}") +
		`register_group "front" { registers = ["1"] }`))
	f.Add([]byte("/* \n # // \xff\x00 ${[[[[{{{{<<EOT\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		files := map[string][]byte{"p.hcl": content}
		p, _, ds := source.Parse(files)
		if (p == nil) != ds.HasErrors() {
			t.Fatalf("a policy is there: %v\n%s", p != nil, ds)
		}
		for _, d := range ds {
			if d.Line < 1 || d.Column < 1 || d.Message == "" || d.Code == "" {
				t.Fatalf("a finding without a place or a word: %+v", d)
			}
		}
		if _, _, again := source.Parse(files); again.String() != ds.String() {
			t.Fatalf("said otherwise the second time:\n%s\n%s", ds, again)
		}
		syntax := slices.ContainsFunc(ds, func(d source.Diagnostic) bool { return d.Code == source.CodeSyntax })
		slow, _, dsSlow := source.Parse(slowly(files))
		if !syntax && (dsSlow.String() != ds.String() || (slow == nil) != (p == nil)) {
			t.Fatalf("the long way it says otherwise:\n%s\n%s", ds, dsSlow)
		}
		if p == nil {
			return
		}
		c, err := policy.Compile(p)
		if err != nil {
			t.Fatal(err)
		}
		if cs, err := policy.Compile(slow); err != nil || cs.Digest() != c.Digest() {
			t.Fatalf("the long way it is another policy: %v", err)
		}
		data, err := c.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		back, err := policy.Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := back.MarshalBinary(); !bytes.Equal(data, again) {
			t.Fatal("decoded and written again it differs")
		}
	})
}
