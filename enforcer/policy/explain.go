package policy

// Rule is what decided a function for an operator: which work group's mark, on
// which function.
type Rule struct {
	WorkGroup string
	Function  string // key of the function that bears the mark
	Mark      Mark
	Access    Access
	Why       Why
}

// Explain gives the rule behind Planes(groups).Access(i). Where several work
// groups would do, the first by name that gives the outcome is named; a denial
// names one whose tree is open before one whose tree is shut.
func (c *Compiled) Explain(names []string, i Index) Rule {
	if int(i) >= len(c.functions) {
		return Rule{Why: WhyNoFunction}
	}
	groups, _ := c.known(names)
	best := Rule{Why: WhyNoWorkGroup}
	for _, n := range groups {
		if r := c.ruleOf(n, i); r.weight() > best.weight() {
			best = r
		}
	}
	return best
}

// weight orders the rules of several work groups: the heaviest decides.
func (r Rule) weight() int {
	switch {
	case r.Why == WhyRefused:
		return 6
	case r.Access == Allowed:
		return 5
	case r.Access == OverrideRequired:
		return 4
	case r.Why == WhyMark:
		return 3
	case r.Why == WhyUnreviewed:
		return 2
	case r.Why == WhyTreeShut:
		return 1
	}
	return 0
}

// ruleOf is the rule of one work group alone. It walks from the function to its
// tree, which is three levels at most.
func (c *Compiled) ruleOf(n int, i Index) Rule {
	r := Rule{WorkGroup: c.groups[n].Name}
	say := func(at Index, m Mark, why Why) Rule {
		r.Function, r.Mark, r.Why = c.functions[at].Key, m, why
		return r
	}
	nearest, root, mark := noParent, i, Blank
	for at := i; at != noParent; at = c.parents[at] {
		m := c.mark(n, at)
		if m == Refuse {
			return say(at, Refuse, WhyRefused)
		}
		if nearest == noParent && m != Blank {
			nearest, mark = at, m
		}
		root = at
	}
	if rootMark := c.mark(n, root); rootMark != Check || c.functions[root].Since > c.groups[n].Reviewed {
		if rootMark == Check {
			return say(root, Unreviewed, WhyUnreviewed)
		}
		return say(root, rootMark, WhyTreeShut)
	}
	if c.functions[i].Since > c.groups[n].Reviewed {
		return say(i, Unreviewed, WhyUnreviewed)
	}
	// The tree is marked check, so there is a nearest mark.
	if mark == Check {
		r.Access = Allowed
	} else if c.functions[i].Override == OverrideManager {
		r.Access = OverrideRequired
	}
	return say(nearest, mark, WhyMark)
}

// OverrideNeeds is what an approval of a function takes.
type OverrideNeeds struct {
	ManagerOverride bool       // an operator with Manager Override who may do it
	AnotherPerson   bool       // not the requester's person, nor the signed-on operator's
	Accountable     bool       // nor anybody who held a session on this till since it was opened
	DualControl     bool       // two such persons
	StepUp          bool       // with their PIN again
	Reason          ReasonMode // and a reason
	Transaction     bool       // it may hold for the rest of the transaction
}

// OverrideNeeds tells what an approval of this function takes; ok is false
// where nobody may approve it.
func (f *Function) OverrideNeeds() (needs OverrideNeeds, ok bool) {
	if f.Override != OverrideManager {
		return OverrideNeeds{}, false
	}
	return OverrideNeeds{
		ManagerOverride: true, AnotherPerson: true,
		Accountable: f.Accountable, DualControl: f.DualControl, StepUp: f.StepUp, Reason: f.Reason,
		Transaction: f.Transaction && !f.DualControl,
	}, true
}

// Words says what an approval takes, a sentence each, for people.
func (n OverrideNeeds) Words() []string {
	var w []string
	if n.ManagerOverride {
		w = append(w, "an operator with Manager Override who may do it too")
	}
	if n.AnotherPerson {
		w = append(w, "another person than the one who asks, and than the one signed on")
	}
	if n.Accountable {
		w = append(w, "nobody who held a session on this till since it was opened")
	}
	if n.DualControl {
		w = append(w, "two such persons")
	}
	if n.StepUp {
		w = append(w, "their own PIN again")
	}
	switch n.Reason {
	case ReasonCode:
		w = append(w, "a reason from the list")
	case ReasonText:
		w = append(w, "a reason in words")
	}
	if n.Transaction {
		w = append(w, "and it may hold for the rest of the transaction")
	}
	return w
}
