package confedit

import (
	"os"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

// FuzzMerge: whatever TOML is merged into whatever TOML, the result is TOML, or there is
// an error; and merging again changes nothing.
func FuzzMerge(f *testing.F) {
	shipped, err := os.ReadFile("../../packaging/tillwarden.toml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(shipped), "log = \"warn\"\n[[printer]]\nname = \"x\"\n")
	f.Add("a.b = '''x\n#'''\r\n[\"q.r\"] # c\n", "[\"q.r\"]\nz = \"\"\"\\\"\"\"\"\n")
	f.Add("a = [[1], {b = \"]\"}]\n[[p]]\nname='x'\n[p.q]\nr=1", "a = {}\n[p.q]\nr = 2")
	f.Fuzz(func(t *testing.T, text, fragment string) {
		got, _, err := Merge([]byte(text), []byte(fragment))
		if err != nil {
			return
		}
		if err := toml.Unmarshal(got, new(map[string]any)); err != nil {
			t.Fatalf("%q merged into %q is no TOML: %v\n%q", fragment, text, err, got)
		}
		again, changes, err := Merge(got, []byte(fragment))
		if err != nil || string(again) != string(got) || len(changes) > 0 {
			t.Fatalf("%q merged into %q again: %v, %v\n%q\n%q", fragment, text, err, changes, got, again)
		}
	})
}
