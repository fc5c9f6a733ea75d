package source_test

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tillwarden/enforcer/policy/presets"
	"tillwarden/enforcer/policy/source"
)

func formatted(t testing.TB, text string) string {
	t.Helper()
	out, ds := source.Format("p.hcl", []byte(text))
	if out == nil {
		t.Fatalf("%s\n%s", ds, text)
	}
	return string(out)
}

func TestFormat(t *testing.T) {
	for what, tc := range map[string]struct{ in, want string }{
		"nothing":               {"", ""},
		"blank lines only":      {"\n\n\n", ""},
		"indented, aligned":     {"work_group \"A\" {\nscope=\"store\"\n      reviewed   =1\n}", "work_group \"A\" {\n  scope    = \"store\"\n  reviewed = 1\n}\n"},
		"one blank line around": {"\n\na {\n}\nb {\n}\n\n\n\nc {\n}\n\n", "a {\n}\n\nb {\n}\n\nc {\n}\n"},
		"a block on one line":   {`catalogue { version = 1 }`, "catalogue {\n  version = 1\n}\n"},
		"an empty block":        {"a {}\nb {}", "a {\n}\n\nb {\n}\n"},
		"no blank line at a block's ends, one between": {
			"a {\n\n  x = 1\n\n\n  y = 2\n\n}", "a {\n  x = 1\n\n  y = 2\n}\n",
		},
		"comments stay with what they are about": {
			"# of the file\n\n\n# of a\na { # behind the brace\n#of x\nx = 1 # behind x\n// last\n} # behind a\n# of b, two\n# lines\nb {\n}\n# the end",
			"# of the file\n\n# of a\na { # behind the brace\n  #of x\n  x = 1 # behind x\n  // last\n} # behind a\n\n# of b, two\n# lines\nb {\n}\n\n# the end\n",
		},
		"a comment over several lines": {
			"/* one\n     two */\na {\n}", "/* one\ntwo */\na {\n}\n",
		},
		"a list keeps its lines": {
			"a {\n  x = [\"1\",\"2\" , # two\n\"3\"\n\n# of four\n\n,\"4\"]\n}",
			"a {\n  x = [\n    \"1\", \"2\", # two\n    \"3\",\n\n    # of four\n\n    \"4\",\n  ]\n}\n",
		},
		"a list on one line": {"a {\n  x = [ \"1\",\"2\" ,]\n  y=[ ]\n}", "a {\n  x = [\"1\", \"2\"]\n  y = []\n}\n"},
		"a long list is broken": {
			"a {\n  x = [" + strings.Repeat("\"123456789 123456789 123456789\",", 5) + "]\n}",
			"a {\n  x = [\n" + strings.Repeat("    "+strings.Repeat("\"123456789 123456789 123456789\", ", 2)+"\"123456789 123456789 123456789\",\n", 1) +
				"    \"123456789 123456789 123456789\", \"123456789 123456789 123456789\",\n  ]\n}\n",
		},
		"other line ends":                  {"a {\r\n  x = 1 # one\r\n}\r\n", "a {\n  x = 1 # one\n}\n"},
		"a blank line before inner blocks": {"a {\n  x = 1\n  # why\n  b \"c\" {\n  }\n}", "a {\n  x = 1\n\n  # why\n  b \"c\" {\n  }\n}\n"},
		"texts are left alone":             {"a \"b  \\\" $${c}\" {\n}", "a \"b  \\\" $${c}\" {\n}\n"},
		"a remark in the middle of a line": {"a {\n x =   /* one */ 1\n}\n", "a {\n  x = /* one */ 1\n}\n"},
	} {
		got := formatted(t, tc.in)
		if got != tc.want {
			t.Errorf("%s:\ngot\n%s\nwant\n%s", what, got, tc.want)
		}
		if again := formatted(t, got); again != got {
			t.Errorf("%s: formatted again it is\n%s", what, again)
		}
	}
	for _, broken := range []string{"a {", "a = ${b}", "a = [1", "\"", "a = f(1)"} {
		if out, ds := source.Format("p.hcl", []byte(broken)); out != nil || !ds.HasErrors() {
			t.Errorf("%q: %q, %s", broken, out, ds)
		}
	}
}

// What is shipped is in the form that people are told to use, and so is the guide.
func TestFormatPresets(t *testing.T) {
	for name, content := range presets.Files() {
		if got := formatted(t, string(content)); got != string(content) {
			t.Errorf("%s is not formatted:\n%s", name, got)
		}
	}
	for _, e := range guide(t) {
		if name, ok := strings.CutPrefix(e.info, "hcl file="); ok {
			if got := formatted(t, e.text); got != e.text {
				t.Errorf("the guide's %s is not formatted:\n%s", name, got)
			}
		}
	}
}

// checkFormat: formatting is the same again, and changes neither the policy nor
// what lint says, but for places.
func checkFormat(t interface{ Fatalf(string, ...any) }, text []byte) {
	out, ds := source.Format("p.hcl", text)
	if out == nil {
		if _, _, parsed := source.Parse(map[string][]byte{"p.hcl": text}); !parsed.HasErrors() {
			t.Fatalf("cannot be formatted, though it is sound:\n%s\n%s", ds, text)
		}
		return
	}
	again, ds := source.Format("p.hcl", out)
	if !bytes.Equal(again, out) {
		t.Fatalf("%s\n%q\nformatted once\n%q\nand twice\n%q", ds, text, out, again)
	}
	before, _, dsBefore := source.Compile(map[string][]byte{"p.hcl": text})
	after, _, dsAfter := source.Compile(map[string][]byte{"p.hcl": out})
	if (before == nil) != (after == nil) || before != nil && before.Digest() != after.Digest() || len(dsBefore) != len(dsAfter) {
		t.Fatalf("formatted it is another policy:\n%s\n%s\n%s\n%s", dsBefore, dsAfter, text, out)
	}
}

// Any policy, written in any way, formatted, is the same policy.
func TestFormatKeepsThePolicy(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var b strings.Builder
		for _, piece := range printed(soundPolicy(rt)) {
			for _, word := range strings.SplitAfter(piece, " ") {
				b.WriteString(word)
				switch {
				case strings.Count(word, `"`)%2 != 0: // within a text
				case rapid.IntRange(0, 9).Draw(rt, "more") == 0:
					b.WriteString("  \t")
				}
			}
			b.WriteString(rapid.SampledFrom([]string{"", "\n", "\n\n\n", "# a remark\n", "/* one */\n", "\n# one\n\n"}).Draw(rt, "between"))
		}
		checkFormat(rt, []byte(b.String()))
	})
}

// FuzzFormat: whatever is in a file, it is formatted to what is the same again
// and says the same, or not at all.
func FuzzFormat(f *testing.F) {
	for _, content := range presets.Files() {
		if len(content) < 8<<10 {
			f.Add(content)
		}
	}
	f.Add([]byte(base))
	f.Add([]byte("# of the file\n\n\n# of a\na { # behind the brace\n#of x\nx = [ # l\n 1, 2 # m\n # n\n] # behind x\n// last\n} # behind a\n/* x\ny */ b {}"))
	f.Add([]byte("a {\r\n x = [\"1\",\r\n\r\n \"2\"] /* y */\r\n}\r\n"))
	f.Fuzz(func(t *testing.T, content []byte) { checkFormat(t, content) })
}
