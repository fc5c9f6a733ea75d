package confedit

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"pgregory.net/rapid"
)

func TestMerge(t *testing.T) {
	tests := []struct {
		name, text, fragment, want string
		changes                    []string
	}{
		{
			"a value changes in its place", "# ours\na = 1 # one\nb = \"x\"\n", "a = 2", "# ours\na = 2 # one\nb = \"x\"\n",
			[]string{"a: 1 -> 2"},
		},
		{"the same in other words is no change", "a = 'x'\nl = [ 1,\n 2, # two\n]\n", "a = \"x\"\nl = [1, 2]", "a = 'x'\nl = [ 1,\n 2, # two\n]\n", nil},
		{
			"a key that stands there with its default is uncommented", "# How much.\n#log = \"info\"\n[s]\n#log = \"no\"\n", "log = \"warn\"", "# How much.\nlog = \"warn\"\n[s]\n#log = \"no\"\n",
			[]string{"log:  -> \"warn\""},
		},
		{
			"a key is added to its table", "a = 1\n\n# about s\n[s]\nb = 2\n\n[t]\nc = 3\n", "[s]\nd = 4", "a = 1\n\n# about s\n[s]\nb = 2\nd = 4\n\n[t]\nc = 3\n",
			[]string{"s.d:  -> 4"},
		},
		{"one is uncommented and another added", "[s]\n#b = 2\n", "[s]\nb = 3\nc = 4", "[s]\nb = 3\nc = 4\n", []string{"s.b:  -> 3", "s.c:  -> 4"}},
		{"one is added and another uncommented", "[s]\n#b = 2\n", "[s]\nc = 4\nb = 3", "[s]\nc = 4\nb = 3\n", []string{"s.c:  -> 4", "s.b:  -> 3"}},
		{"a root key is added to no table", "# A file.\n\n[s]\nb = 2\n", "a = 1", "# A file.\na = 1\n\n[s]\nb = 2\n", []string{"a:  -> 1"}},
		{
			"tables are told apart by name",
			"[[p]]\nname = \"x\"\nv = 1\n[[p.d]]\nname = \"1\"\n[[p]]\nname = \"y\"\nv = 1\n",
			"[[p]]\nname = \"y\"\nv = 2\n[[p]]\nname = \"x\"\n[[p.d]]\nname = \"2\"\nk = 3\n[[p]]\nname = \"z\"\n",
			"[[p]]\nname = \"x\"\nv = 1\n[[p.d]]\nname = \"1\"\n\n[[p.d]]\nname = \"2\"\nk = 3\n[[p]]\nname = \"y\"\nv = 2\n\n[[p]]\nname = \"z\"\n",
			[]string{"p y: v: 1 -> 2", "p x, d 2: name:  -> \"2\"", "p x, d 2: k:  -> 3", "p z: name:  -> \"z\""},
		},
		{"a file without its last newline", "a = 1", "b = 2\n[s]\nc = 3", "a = 1\nb = 2\n\n[s]\nc = 3\n", []string{"b:  -> 2", "s.c:  -> 3"}},
		{"nothing to begin with", "", "b = 2\n[s]\nc = 3", "b = 2\n\n[s]\nc = 3\n", []string{"b:  -> 2", "s.c:  -> 3"}},
		{"a string with what looks like a comment", "a = \"x # y\" # z\n", "a = \"#\"", "a = \"#\" # z\n", []string{"a: \"x # y\" -> \"#\""}},
		{"dotted keys", "s.a = 1\n", "s.a = 2", "s.a = 2\n", []string{"s.a: 1 -> 2"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, changes, err := Merge([]byte(test.text), []byte(test.fragment))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
			var said []string
			for _, c := range changes {
				said = append(said, c.Key+": "+c.From+" -> "+c.To)
			}
			if !reflect.DeepEqual(said, test.changes) {
				t.Errorf("changes %q, want %q", said, test.changes)
			}
			again, changes, err := Merge(got, []byte(test.fragment))
			if err != nil || string(again) != string(got) || len(changes) > 0 {
				t.Errorf("merged again: %v, %v\n%s", err, changes, again)
			}
		})
	}
}

func TestMergeRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		text, fragment string
		want           error
	}{
		"a table without a name": {"", "[[p]]\nv = 1", ErrNoName},
		"two of one name":        {"", "[[p]]\nname = \"a\"\n[[p]]\nname = \"a\"", ErrTwice},
		"another shape":          {"a = {b = 1}", "[a]\nb = 2", ErrShape},
	} {
		if _, _, err := Merge([]byte(test.text), []byte(test.fragment)); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := Merge([]byte("a = "), nil); err == nil || !strings.HasPrefix(err.Error(), "the configuration: ") {
		t.Errorf("a broken file: %v", err)
	}
}

// TestMergeIntoTheShippedFile: the file that everybody begins with takes a register's
// devices, and keeps each of its lines of explanation.
func TestMergeIntoTheShippedFile(t *testing.T) {
	shipped, err := os.ReadFile("../../packaging/tillwarden.toml")
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := Merge(shipped, []byte(`store = "0042"
register = "7"
[policy]
file = "/etc/tillwarden/policy.twb"
[[printer]]
name = "receipt"
path = "/dev/ttyS0"
link = "/dev/tillwarden/receipt"
[[printer.drawer]]
name = "till"
connector = 1
`))
	if err != nil {
		t.Fatal(err)
	}
	text := string(got)
	for _, want := range []string{"\nstore = \"0042\"\n", "\nregister = \"7\"\n", "\nfile = \"/etc/tillwarden/policy.twb\"\n", "\n[[printer.drawer]]\nname = \"till\"\n"} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%q is there %d times", want, strings.Count(text, want))
		}
	}
	for line := range strings.Lines(string(shipped)) {
		if strings.HasPrefix(line, "# ") && !strings.Contains(text, line) {
			t.Errorf("a comment is gone: %s", line)
		}
	}
}

func TestWithout(t *testing.T) {
	got, err := Without([]byte("a = 1\n[setup]\nb = 2\n[setup.operator]\nc = 3\n[[p]]\nname = \"x\"\n"), "setup")
	if want := "a = 1\n[[p]]\nname = \"x\"\n"; err != nil || string(got) != want {
		t.Errorf("%v, got %q", err, got)
	}
}

// TestMergeMeansWhatItSays: whatever the file and the fragment, the result reads as both
// laid over each other, and merging again changes nothing.
func TestMergeMeansWhatItSays(t *testing.T) {
	value := rapid.SampledFrom([]string{"1", "true", `"a # b"`, `'\'`, "[1, 2]", "[\n  \"x\", # y\n]", `"""q"""`, `"]"`, "1.5", "2006-01-02"})
	rapid.Check(t, func(t *rapid.T) {
		doc := func(label string) string {
			var b strings.Builder
			for _, k := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 3, rapid.ID[string]).Draw(t, label) {
				b.WriteString(k + " = " + value.Draw(t, "value") + rapid.SampledFrom([]string{"\n", " # c\n", "\n\n#d = 1\n", "\n#a = 7\n#b = 7\n"}).Draw(t, "tail"))
			}
			if rapid.Bool().Draw(t, "table") {
				b.WriteString("[s]\n#e = 5\nd = " + value.Draw(t, "value") + "\n")
			}
			for _, n := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"x", "y"}), 0, 2, rapid.ID[string]).Draw(t, "names") {
				b.WriteString("# about " + n + "\n[[p]]\nname = \"" + n + "\"\nv = " + value.Draw(t, "value") + "\n")
				if rapid.Bool().Draw(t, "sub") {
					b.WriteString("  [[p.d]]\n  name = \"till\"\n  w = " + value.Draw(t, "value") + "\n")
				}
			}
			return b.String()
		}
		text, fragment := doc("text"), doc("fragment")
		got, _, err := Merge([]byte(text), []byte(fragment))
		if err != nil {
			t.Fatal(err)
		}
		want := overlay(tree(t, text), tree(t, fragment))
		if !reflect.DeepEqual(tree(t, string(got)), want) {
			t.Fatalf("%q merged into %q is %q", fragment, text, got)
		}
		again, changes, err := Merge(got, []byte(fragment))
		if err != nil || string(again) != string(got) || len(changes) > 0 {
			t.Fatalf("merged again: %v, %v, %q", err, changes, again)
		}
	})
}

func tree(t *rapid.T, text string) map[string]any {
	m := map[string]any{}
	if err := toml.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return m
}

// overlay is what a merge means, written another way.
func overlay(a, b map[string]any) map[string]any {
	for k, v := range b {
		mine, isTable := a[k].(map[string]any)
		theirs, both := v.(map[string]any)
		switch {
		case isTable && both:
			a[k] = overlay(mine, theirs)
		case k == "p" || k == "d" && !isScalar(v):
			list, _ := a[k].([]any)
			for _, w := range v.([]any) {
				w := w.(map[string]any)
				found := false
				for i := range list {
					if m := list[i].(map[string]any); m["name"] == w["name"] {
						list[i], found = overlay(m, w), true
					}
				}
				if !found {
					list = append(list, w)
				}
			}
			a[k] = list
		default:
			a[k] = v
		}
	}
	return a
}

// isScalar reports whether a value is no list of tables.
func isScalar(v any) bool {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return true
	}
	_, ok = list[0].(map[string]any)
	return !ok
}
