package source_test

import (
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"tillwarden/enforcer/policy/source"
)

// example is a fenced block of the guide.
type example struct{ info, text string }

func guide(t *testing.T) []example {
	t.Helper()
	raw, err := os.ReadFile("../../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []example
	for _, m := range regexp.MustCompile("(?ms)^```(.+?)\n(.*?)^```$").FindAllStringSubmatch(string(raw), -1) {
		all = append(all, example{m[1], m[2]})
	}
	return all
}

// The guide's examples do what the guide says: files are clean, alone and
// together; bad ones have the findings that follow them; explanations are those
// of the command.
func TestGuide(t *testing.T) {
	examples := guide(t)
	files := map[string][]byte{}
	for _, e := range examples {
		if name, ok := strings.CutPrefix(e.info, "hcl file="); ok {
			files[name] = []byte(e.text)
		}
	}
	for _, of := range [][]string{{"ours.hcl"}, {"more.hcl"}, {"functions.hcl"}, {"limits.hcl"}, {"ours.hcl", "more.hcl", "restricted.hcl"}} {
		some := map[string][]byte{}
		for _, name := range of {
			some[name] = files[name]
		}
		if ds := source.Lint(some); len(ds) != 0 {
			t.Errorf("%v:\n%s", of, ds)
		}
	}
	bad, explained, asked, tested := 0, 0, 0, 0
	for i, e := range examples {
		beside, isBad := strings.CutPrefix(e.info, "hcl bad")
		of, isTest := strings.CutPrefix(e.info, "hcl test=")
		switch {
		case isTest:
			tested++
			checkTested(t, e.text, of, files[of], examples[i+1].text)
		case isBad:
			bad++
			with := map[string][]byte{"p.hcl": []byte(e.text)}
			if name, ok := strings.CutPrefix(beside, "="); ok {
				with[name] = files[name]
			}
			if got := source.Lint(with).String(); got != examples[i+1].text {
				t.Errorf("the guide says\n%s\nlint says\n%s", examples[i+1].text, got)
			}
		case e.info == "text diff", e.info == "text who-can", e.info == "text show":
			asked++
			command, want, _ := strings.Cut(e.text, "\n")
			if got := answer(t, command, files); got != want {
				t.Errorf("%s\nthe guide says\n%s\nthe command says\n%s", command, want, got)
			}
		case e.info == "text explain":
			explained++
			checkExplained(t, e.text, files)
		}
	}
	if len(files) != 6 || bad != 4 || explained != 4 || asked != 3 || tested != 3 {
		t.Errorf("%d files, %d bad ones, %d explanations, %d other answers, %d tests found", len(files), bad, explained, asked, tested)
	}
}

func checkExplained(t *testing.T, text string, files map[string][]byte) {
	command, want, _ := strings.Cut(text, "\n")
	var groups []string
	for _, m := range regexp.MustCompile(`--group "([^"]+)"`).FindAllStringSubmatch(command, -1) {
		groups = append(groups, m[1])
	}
	words := strings.Fields(command)
	file, function := words[len(words)-1], words[len(words)-2]
	c, side, ds := source.Compile(map[string][]byte{file: files[file]})
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	e, err := source.Explain(c, side, groups, function)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := e.WriteText(&out); err != nil {
		t.Fatal(err)
	}
	if out.String() != want {
		t.Errorf("%s\nthe guide says\n%s\nexplain says\n%s", command, want, out.String())
	}
}

// answer is what a command of the guide prints.
func answer(t *testing.T, command string, files map[string][]byte) string {
	var said interface{ WriteText(io.Writer) error }
	var err error
	at := func(name string) source.Version { return version(t, name, map[string][]byte{name: files[name]}) }
	switch words := strings.Fields(command)[3:]; words[0] {
	case "diff":
		said = source.Compare(at(words[1]), at(words[2]))
	case "who-can":
		said, err = source.AskWhoCan(at(words[2]), words[1], nil)
	case "show":
		said, err = source.Show(at(words[2]), words[1], words[4])
	}
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := said.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// checkTested runs a test file of the guide against one of its policies.
func checkTested(t *testing.T, text, name string, policy []byte, want string) {
	r, ds := source.Test(version(t, name, map[string][]byte{name: policy}), map[string][]byte{"ours.test.hcl": []byte(text)})
	if r == nil {
		t.Fatal(ds)
	}
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	if b.String() != want {
		t.Errorf("the guide says\n%s\nthe test comes to\n%s", want, b.String())
	}
	if got := formatted(t, text); got != text {
		t.Errorf("the guide's test is not formatted:\n%s", got)
	}
}
