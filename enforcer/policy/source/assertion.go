package source

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/week"
)

// TestSuffix ends the names of files with tests. What is in them is no part of
// the policy: it says what the policy must come to.
const TestSuffix = ".test.hcl"

// IsTest reports whether a file of that name holds tests.
func IsTest(name string) bool { return strings.HasSuffix(name, TestSuffix) }

// Split parts files into sources and tests.
func Split(files map[string][]byte) (sources, tests map[string][]byte) {
	sources, tests = map[string][]byte{}, map[string][]byte{}
	for name, content := range files {
		if IsTest(name) {
			tests[name] = content
		} else {
			sources[name] = content
		}
	}
	return sources, tests
}

// assertion is what a test says of functions.
type assertion uint8

// The assertions. The first four are about access, the others about approving.
const (
	assertMay assertion = iota
	assertMayNot
	assertNeedsOverride
	assertMayNever
	assertMayApprove
	assertMayNotApprove
)

var assertionWords = [...]string{"may", "may_not", "needs_override_for", "may_never", "may_approve", "may_not_approve"}

func (a assertion) String() string { return assertionWords[a] }

// ofAccess reports whether it is about the own access.
func (a assertion) ofAccess() bool { return a < assertMayApprove }

// assertionSynonyms are words that people try for the assertions.
var assertionSynonyms = map[string]string{
	"allow": `did you mean "may"?`, "allowed": `did you mean "may"?`, "can": `did you mean "may"?`,
	"deny": `did you mean "may_not", or "may_never" (not with an override either)?`, "denied": `did you mean "may_never"?`,
	"cannot": `did you mean "may_not"?`, "refuse": `did you mean "may_never"?`, "refused": `did you mean "may_never"?`,
	"override": `did you mean "needs_override_for"?`, "needs_override": `did you mean "needs_override_for"?`,
	"approve": `did you mean "may_approve"?`, "approves": `did you mean "may_approve"?`,
}

// claim is one function, or a pattern of them, in one assertion.
type claim struct {
	named
	assertion assertion
}

// All of below: F.* is F and all below it in the tree, * is everything.
const (
	everything = "*"
	andBelow   = ".*"
)

// testCase is what a test block says.
type testCase struct {
	named  // the test's name
	groups []named
	claims []claim
	lent   []lending
	// when is what limits are held against; nil where the test leaves them aside.
	when *policy.Values
}

// lending is what is approved for operators of certain work groups.
type lending struct {
	groups []named
	claims []claim
}

// testReader reads test files.
type testReader struct {
	findings
	tests []*testCase
	names map[string]Pos
}

// readTests reads tests by themselves: whether there are such functions and
// work groups is for who knows the policy.
func readTests(files map[string][]byte) ([]*testCase, Diagnostics) {
	r := testReader{names: map[string]Pos{}}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		tests, wrong := len(r.tests), len(r.all)
		r.parseFile(name, files[name], r.file)
		if len(r.tests) == tests && len(r.all) == wrong {
			// What somebody commented out, or cut off, would hold for ever.
			r.errorf(CodeMissing, Pos{File: name, Line: 1, Column: 1}, `write test "what it is about" { … }, or take the file away`, "there are no tests in the file")
		}
	}
	return r.tests, r.sorted()
}

func (r *testReader) file(body *hclsyntax.Body, plain lists) {
	r.plainLists = plain
	r.block(body, Pos{}, "a test file", nil, nil)
	var s suggester
	for _, b := range body.Blocks {
		if b.Type == "test" {
			r.readTest(b)
			continue
		}
		hint := s.hint(b.Type, []string{"test"})
		if slices.Contains(blockTypes, b.Type) {
			hint = "put it in a file whose name does not end with " + TestSuffix
		}
		r.errorf(CodeUnknownBlock, posOf(b.TypeRange), hint, "a test file has no block %q", b.Type)
	}
}

func (r *testReader) readTest(b *hclsyntax.Block) {
	name, ok := r.label(b, "what it is about")
	if !ok {
		return
	}
	t := &testCase{named: named{name, posOf(b.LabelRanges[0])}}
	what := fmt.Sprintf("test %q", name)
	if !policy.ValidName(name) {
		r.errorf(CodeValue, t.at, "", "the name is empty, longer than %d bytes, not plain text, or begins or ends with a space", policy.MaxName)
	}
	if other, ok := r.names[name]; ok {
		r.errorf(CodeDuplicate, t.at, "", "test %q is there already, at %s", name, other)
	}
	r.names[name] = t.at
	fields := r.holders(&t.groups)
	for a := range assertion(len(assertionWords)) {
		fields = append(fields, r.claims(&t.claims, a))
	}
	r.block(b.Body, t.at, what, fields, assertionSynonyms)
	r.whose(t.at, what, b.Body, t.groups)
	for _, in := range b.Body.Blocks {
		switch in.Type {
		case "for":
			r.readLending(t, in)
		case "when":
			r.readWhen(t, in)
		default:
			r.errorf(CodeUnknownBlock, posOf(in.TypeRange), `write for "Work group" { may_approve = … }, or when { amount = … }`, "a test has no block %q", in.Type)
		}
	}
	if len(t.claims) == 0 && len(t.lent) == 0 {
		r.errorf(CodeMissing, t.at, "say what the work group "+listed("%s", assertionWords[:]), "%s asserts nothing", what)
	}
	r.tests = append(r.tests, t)
}

// holders are the attributes that name work groups.
func (r *testReader) holders(into *[]named) []field {
	return []field{
		{name: "group", read: func(e hclsyntax.Expression) {
			if s, ok := r.text(e, "group"); ok {
				*into = append(*into, named{s, posOf(e.Range())})
			}
		}},
		{name: "groups", read: func(e hclsyntax.Expression) {
			*into = append(*into, r.texts(e, "groups")...)
		}},
	}
}

// whose sees to it that a test says of whom it speaks, once.
func (r *testReader) whose(at Pos, what string, body *hclsyntax.Body, groups []named) {
	one, many := body.Attributes["group"], body.Attributes["groups"]
	switch {
	case one != nil && many != nil:
		r.errorf(CodeDuplicate, posOf(many.NameRange), "groups is for an operator who has several", "%s has both group and groups", what)
	case len(groups) == 0 && one == nil:
		r.errorf(CodeMissing, at, `write group = "Name", or groups = [...] for an operator who has several`, "%s has no work group", what)
	}
}

func (r *testReader) claims(into *[]claim, a assertion) field {
	return field{name: a.String(), read: func(e hclsyntax.Expression) {
		list := r.texts(e, a.String())
		if _, isList := e.(*hclsyntax.TupleConsExpr); isList && len(list) == 0 {
			r.errorf(CodeValue, posOf(e.Range()), "", "%s lists nothing", a)
		}
		for _, n := range list {
			*into = append(*into, claim{n, a})
		}
	}}
}

// readLending reads for "Work group" { … }: what the test's operator may approve
// for one of those.
func (r *testReader) readLending(t *testCase, b *hclsyntax.Block) {
	if len(b.Labels) == 0 {
		r.errorf(CodeSyntax, posOf(b.TypeRange), `write for "Work group" { … }`, "for takes the work groups of who asks")
		return
	}
	var l lending
	for i, name := range b.Labels {
		l.groups = append(l.groups, named{name, posOf(b.LabelRanges[i])})
	}
	r.noBlocks(b.Body, "for")
	r.block(b.Body, posOf(b.TypeRange), "for", []field{
		r.claims(&l.claims, assertMayApprove), r.claims(&l.claims, assertMayNotApprove),
	}, assertionSynonyms)
	if len(l.claims) == 0 {
		r.errorf(CodeMissing, posOf(b.TypeRange), "say may_approve = [...] or may_not_approve = [...]", "for %s asserts nothing", listed("%q", b.Labels))
	}
	t.lent = append(t.lent, l)
}

// readWhen reads when { … }: what limits are held against. What it leaves out was
// not told; but that it is the first time in the session a register knows by itself.
func (r *testReader) readWhen(t *testCase, b *hclsyntax.Block) {
	at := posOf(b.TypeRange)
	if len(b.Labels) > 0 {
		r.errorf(CodeSyntax, at, "write when { … }", "when takes no name")
	}
	if t.when != nil {
		r.errorf(CodeDuplicate, at, "write another test", "there is a when already")
	}
	v := policy.Values{Uses: policy.Tell(1)}
	r.noBlocks(b.Body, "when")
	r.block(b.Body, at, "when", []field{
		{name: "amount", read: func(e hclsyntax.Expression) {
			v.Amount = policy.Tell(r.most(e, "amount", policy.MaxAmount, 1, "in the smallest unit of the currency: 50.00 is 5000"))
		}},
		{name: "percent", read: func(e hclsyntax.Expression) {
			v.Percent = policy.Tell(r.most(e, "percent", policy.MaxPercent, 100, "as 10 or 12.5, with two decimals at most"))
		}},
		{name: "count", read: func(e hclsyntax.Expression) {
			v.Uses = policy.Tell(r.most(e, "count", policy.MaxCount, 1, "how often in the session, this time included"))
		}},
		{name: "at", read: func(e hclsyntax.Expression) {
			text, ok := r.text(e, "at")
			if !ok {
				return
			}
			m, err := week.ParseMoment(text)
			if err != nil {
				r.errorf(CodeValue, posOf(e.Range()), "", "%v", err)
			}
			v.At = []week.Moment{m}
		}},
		{name: "register", read: func(e hclsyntax.Expression) {
			v.Register, _ = r.text(e, "register")
		}},
	}, nil)
	if len(b.Body.Attributes) == 0 {
		r.errorf(CodeMissing, at, "say amount, percent, count, at or register", "when says nothing")
	}
	t.when = &v
}
