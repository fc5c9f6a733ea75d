package source

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"tillwarden/enforcer/policy"
)

// TestReport is what tests came to.
type TestReport struct {
	Policy string        `json:"policy"`
	Tests  []TestOutcome `json:"tests"`
	Checks int           `json:"checks"` // of single functions
	Held   int           `json:"held"`   // tests
	Failed int           `json:"failed"`
}

// TestOutcome is what one test came to.
type TestOutcome struct {
	Name string `json:"name"`
	Pos
	Groups   []string      `json:"groups"`
	Holds    bool          `json:"holds"`
	Checks   int           `json:"checks"`
	Failures []TestFailure `json:"failures,omitempty"`
}

// TestFailure is one function of which an assertion does not hold.
type TestFailure struct {
	Pos              // of the assertion
	Assertion string `json:"assertion"`
	Listed    string `json:"listed"` // as the assertion names it: a function or a pattern
	Function  string `json:"function"`
	Name      string `json:"name"`
	// For is who asks, of an assertion about approving for somebody.
	For      []string `json:"for,omitempty"`
	Expected string   `json:"expected"`
	Actual   string   `json:"actual"`
	// Because is what decided, as Explain tells it: several rules where it is
	// about approving.
	Because []*Explanation `json:"because,omitempty"`
	// Limit is what is not within a limit, and whose it is.
	Limit *TestLimit `json:"limit,omitempty"`
	// Note says what decided where it is no work group's rule.
	Note string `json:"note,omitempty"`
}

// TestLimit is a limit that what a test says is not within.
type TestLimit struct {
	ExplainedLimit
	Function string           `json:"function"` // that is limited
	Part     policy.LimitPart `json:"part"`
	Untold   bool             `json:"untold,omitempty"` // the test does not say how much
}

// words say what is not within it; what is who says how much.
func (l *TestLimit) words(what string) string {
	s := fmt.Sprintf("beyond the %s of the limit of work group %q (%s)", l.Part, l.Group, l.Limit)
	if l.Untold {
		s = fmt.Sprintf("%s says no %s, and work group %q has a limit (%s)", what, whenWords[l.Part], l.Group, l.Limit)
	}
	if l.At != nil {
		s += ", " + l.At.String()
	}
	return s
}

// whenWords are the attributes of when that the parts of a limit are held against.
var whenWords = map[policy.LimitPart]string{
	policy.LimitAmount: "amount", policy.LimitPercent: "percent", policy.LimitCount: "count", policy.LimitHours: "at", policy.LimitRegisters: "register",
}

// Test runs the tests of files against a policy. The report is nil where the
// diagnostics have errors: a test that cannot be understood, or that names what
// the policy does not have.
func Test(v Version, files map[string][]byte) (*TestReport, Diagnostics) {
	tests, ds := readTests(files)
	r := testRunner{c: v.Compiled, side: v.Sidecar, findings: findings{all: ds}}
	r.learn()
	report := &TestReport{Policy: v.Name, Tests: make([]TestOutcome, 0, len(tests))}
	for _, t := range tests {
		o := r.run(t)
		report.Tests = append(report.Tests, o)
		report.Checks += o.Checks
		if o.Holds {
			report.Held++
		} else {
			report.Failed++
		}
	}
	if r.all.HasErrors() {
		return nil, r.sorted()
	}
	return report, r.sorted()
}

// testRunner runs tests against one policy.
type testRunner struct {
	findings
	suggester
	c     *policy.Compiled
	side  *Sidecar
	keys  []string // of the functions
	names []string // of the work groups
	inner []bool   // of each function: something is below it
}

func (r *testRunner) learn() {
	r.inner = make([]bool, len(r.c.Functions()))
	for i, f := range r.c.Functions() {
		r.keys = append(r.keys, f.Key)
		if up, ok := r.c.Parent(policy.Index(i)); ok {
			r.inner[up] = true
		}
	}
	for _, g := range r.c.WorkGroups() {
		r.names = append(r.names, g.Name)
	}
}

// operator is somebody with work groups, in what a test says of the situation.
type operator struct {
	groups []string
	planes *policy.Planes
	when   *policy.Values // nil: limits are left aside
}

func (r *testRunner) operator(groups []named, when *policy.Values) operator {
	o := operator{when: when}
	for _, g := range groups {
		if _, ok := r.c.WorkGroup(g.text); !ok {
			r.errorf(CodeUnknownGroup, g.at, r.hint(g.text, r.names), "there is no work group %q", g.text)
		}
		o.groups = append(o.groups, g.text)
	}
	o.planes, _ = r.c.Planes(o.groups)
	return o
}

func (r *testRunner) run(t *testCase) TestOutcome {
	who := r.operator(t.groups, t.when)
	out := TestOutcome{Name: t.text, Pos: t.at, Groups: who.groups}
	var access, approving []claim
	for _, c := range t.claims {
		if c.assertion.ofAccess() {
			access = append(access, c)
		} else {
			approving = append(approving, c)
		}
	}
	each := func(claims []claim, check func(policy.Index, *claim) *TestFailure) {
		for i, c := range r.assign(claims) {
			if c == nil {
				continue
			}
			out.Checks++
			if f := check(policy.Index(i), c); f != nil {
				f.Pos, f.Assertion, f.Listed = c.at, c.assertion.String(), c.text
				f.Function, f.Name = r.c.Function(policy.Index(i)).Key, r.c.Function(policy.Index(i)).Name
				out.Failures = append(out.Failures, *f)
			}
		}
	}
	each(access, func(i policy.Index, c *claim) *TestFailure { return r.access(who, i, c.assertion) })
	each(approving, func(i policy.Index, c *claim) *TestFailure { return r.approving(who, nil, i, c.assertion) })
	for _, l := range t.lent {
		asks := r.operator(l.groups, t.when)
		each(l.claims, func(i policy.Index, c *claim) *TestFailure { return r.approving(who, &asks, i, c.assertion) })
	}
	slices.SortStableFunc(out.Failures, func(a, b TestFailure) int { return comparePos(a.Pos, b.Pos) })
	out.Holds = len(out.Failures) == 0
	return out
}

// assign gives each function the claim that names it most closely: itself, or
// else what is nearest above it with all below, or else everything.
func (r *testRunner) assign(claims []claim) []*claim {
	n := len(r.c.Functions())
	own, below := make([]*claim, n), make([]*claim, n)
	var all *claim
	for i := range claims {
		c := &claims[i]
		slot := &all
		if c.text != everything {
			key, under := strings.CutSuffix(c.text, andBelow)
			at, ok := r.c.Lookup(key)
			switch {
			case !ok:
				r.errorf(CodeUnknownFunction, c.at, r.hint(key, r.keys), "no function %q is in the catalogue", key)
				continue
			case under && !r.inner[at]:
				r.errorf(CodeNoEffect, c.at, fmt.Sprintf("write %q", key), "nothing is below %q", key)
				continue
			case under:
				slot = &below[at]
			default:
				slot = &own[at]
			}
		}
		if other := *slot; other != nil {
			r.twice(c, other)
			continue
		}
		*slot = c
	}
	used := map[*claim]bool{}
	out := make([]*claim, n)
	for i := range out {
		c := own[i]
		for at, ok := policy.Index(i), true; c == nil && ok; at, ok = r.c.Parent(at) {
			c = below[at]
		}
		if c == nil {
			c = all
		}
		out[i], used[c] = c, true
	}
	for _, of := range [][]*claim{below, {all}} {
		for _, c := range of {
			if c != nil && !used[c] {
				r.errorf(CodeNoEffect, c.at, "take it out", "%q is about nothing: each of its functions is named more closely", c.text)
			}
		}
	}
	return out
}

func (r *testRunner) twice(c, other *claim) {
	if c.assertion == other.assertion {
		r.errorf(CodeDuplicate, c.at, "", "%q stands in %s already, at %s", c.text, c.assertion, other.at)
		return
	}
	r.errorf(CodeConflict, c.at, "", "%q stands in %s here and in %s at %s", c.text, c.assertion, other.assertion, other.at)
}

// expectations say what an assertion wants, in the words of access.
var expectations = [...]string{
	assertMay: accessWords[policy.Allowed], assertMayNot: "denied, or override required",
	assertNeedsOverride: accessWords[policy.OverrideRequired], assertMayNever: accessWords[policy.Denied],
	assertMayApprove: "may approve it", assertMayNotApprove: "may not approve it",
}

// has is what an operator has of a function, and the limit that is in the way, if
// there is one.
func (r *testRunner) has(o *operator, i policy.Index) (policy.Access, *TestLimit) {
	is := o.planes.Access(i)
	if is != policy.Allowed {
		return is, nil
	}
	l := r.beyond(o, i, o.when)
	switch {
	case l == nil:
		return policy.Allowed, nil
	case r.c.Function(i).Override == policy.OverrideManager:
		return policy.OverrideRequired, l
	}
	return policy.Denied, l
}

// beyond holds an allowed function against the limits: nil where it is within, or
// where the test leaves them aside.
func (r *testRunner) beyond(o *operator, i policy.Index, v *policy.Values) *TestLimit {
	if v == nil || !o.planes.Limited(i) {
		return nil
	}
	m := r.c.Measure(o.groups, i, *v)
	if m.Within {
		return nil
	}
	key := r.c.Function(i).Key
	return &TestLimit{
		ExplainedLimit: ExplainedLimit{m.WorkGroup, m.Limit, optional(r.side.Limit(m.WorkGroup, key))}, Function: key, Part: m.Part, Untold: m.Untold,
	}
}

// lends reports whether an operator may approve a function for others, within the
// own limits of it and of Manager Override, and which limit is in the way.
func (r *testRunner) lends(o *operator, i policy.Index) (bool, *TestLimit) {
	if !o.planes.MayApprove(i) {
		return false, nil
	}
	if l := r.beyond(o, i, o.when); l != nil {
		return false, l
	}
	if manager, ok := r.c.Lookup(policy.KeyManagerOverride); ok && o.when != nil {
		own := *o.when
		own.Uses = policy.Told{} // approvals are not counted by session
		if l := r.beyond(o, manager, &own); l != nil {
			return false, l
		}
	}
	return true, nil
}

// access checks an assertion about the own access; nil where it holds.
func (r *testRunner) access(who operator, i policy.Index, a assertion) *TestFailure {
	is, limit := r.has(&who, i)
	holds := false
	switch a {
	case assertMay:
		holds = is == policy.Allowed
	case assertMayNot:
		holds = is != policy.Allowed
	case assertNeedsOverride:
		holds = is == policy.OverrideRequired
	case assertMayNever:
		holds = is == policy.Denied
	}
	if holds {
		return nil
	}
	f := &TestFailure{Expected: expectations[a], Actual: accessWords[is], Because: r.explain(nil, who, i), Limit: limit}
	if is != policy.Allowed && a != assertMay && (limit != nil || r.c.Explain(who.groups, i).Why == policy.WhyMark) {
		f.Note = fmt.Sprintf("the catalogue says override = %q of it", r.c.Function(i).Override)
	}
	return f
}

// approving checks an assertion about approving for somebody, or for anybody
// where that is nil.
func (r *testRunner) approving(who operator, asks *operator, i policy.Index, a assertion) *TestFailure {
	asked := policy.OverrideRequired
	if asks != nil {
		asked, _ = r.has(asks, i)
	}
	// What is allowed within a limit may need an override beyond it, where nothing is said of that.
	needed := asked == policy.OverrideRequired || asks.when == nil && asks.planes.Limited(i)
	lends, limit := r.lends(&who, i)
	may := lends && needed
	if may == (a == assertMayApprove) {
		return nil
	}
	f := &TestFailure{Expected: expectations[a], Actual: expectations[assertMayNotApprove], Limit: limit}
	if may {
		f.Actual = expectations[assertMayApprove]
	}
	if asks != nil {
		f.For = asks.groups
		f.Expected += " for " + listed("%q", asks.groups)
	}
	if r.c.Function(i).Override != policy.OverrideManager {
		f.Note = "the catalogue lets nobody approve it"
		return f
	}
	manager, known := r.c.Lookup(policy.KeyManagerOverride)
	if !known {
		f.Note = fmt.Sprintf("the catalogue has no %q, without which nobody approves anything", policy.KeyManagerOverride)
		return f
	}
	// What may be approved has all rules behind it, what may not the ones that are in the way.
	if may || who.planes.Access(i) != policy.Allowed {
		f.Because = r.explain(f.Because, who, i)
	}
	if i != manager && (may || who.planes.Access(manager) != policy.Allowed) {
		f.Because = r.explain(f.Because, who, manager)
	}
	if asks != nil && (may || !needed) {
		f.Because = r.explain(f.Because, *asks, i)
		switch asked {
		case policy.Allowed:
			f.Note = "who asks may do it without an override"
		case policy.Denied:
			f.Note = "nobody can lend it to who asks"
		}
	}
	return f
}

func (r *testRunner) explain(to []*Explanation, who operator, i policy.Index) []*Explanation {
	e, err := Explain(r.c, r.side, who.groups, r.c.Function(i).Key)
	if err != nil {
		return to // a work group that is not there is a finding already
	}
	return append(to, e)
}

// shownFailures is how many failures of one assertion the text has; JSON has all.
const shownFailures = 4

// WriteText writes what does not hold for people, and how many do.
func (p *TestReport) WriteText(w io.Writer) error {
	var t text
	for i := range p.Tests {
		p.Tests[i].write(&t)
	}
	if p.Failed > 0 {
		do := "do"
		if p.Failed == 1 {
			do = "does"
		}
		t.line(0, "%d of %s %s not hold", p.Failed, numbered(len(p.Tests), "test"), do)
	} else {
		t.line(0, "%s, %s: all hold", numbered(len(p.Tests), "test"), numbered(p.Checks, "check"))
	}
	return t.writeTo(w, "test report")
}

func numbered(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (o *TestOutcome) write(t *text) {
	for i, of := 0, 0; i < len(o.Failures); i++ {
		f := &o.Failures[i]
		if i > 0 && o.Failures[i-1].Pos == f.Pos {
			of++
		} else {
			of = 0
		}
		if of == shownFailures {
			more := 0
			for ; i+1 < len(o.Failures) && o.Failures[i+1].Pos == f.Pos; i++ {
				more++
			}
			t.line(2, "and %d more of %q", more+1, f.Listed)
			t.blank()
			continue
		}
		t.line(0, "%s: test %q: %s %s (%s)", f.Pos, o.Name, f.Assertion, f.Function, f.Name)
		t.line(2, "expected: %s", f.Expected)
		t.line(2, "actual: %s", f.Actual)
		for _, e := range f.Because {
			about := ""
			if e.Function != f.Function {
				about = e.Function + ": "
			}
			place := ""
			if e.Rule.At != nil {
				place = ", " + e.Rule.At.String()
			}
			t.line(2, "because: %s%s%s", about, e.because(), place)
		}
		if f.Limit != nil {
			about := ""
			if f.Limit.Function != f.Function {
				about = f.Limit.Function + ": "
			}
			t.line(2, "because: %s%s", about, f.Limit.words("the test"))
		}
		if f.Note != "" {
			t.line(2, "because: %s", f.Note)
		}
		t.blank()
	}
}
