package policy

// Given is what one work group, held alone, gives of one function. It is all
// that counts of it: two work groups that give the same do the same beside any
// others.
type Given struct {
	Access Access `json:"access"`
	// Refused says that no other work group can give it either.
	Refused bool `json:"refused,omitempty"`
	// Approves says that it may be approved for others.
	Approves bool `json:"approves,omitempty"`
	// Limit is how far it is given, where it is.
	Limit LimitRef `json:"limit,omitzero"`
}

// given is what a standing comes to for a function. Whether it may be approved
// depends on another function, and is left to row.
func (f *Function) given(s standing) Given {
	g := Given{Refused: s&refused != 0}
	switch {
	case g.Refused:
	case s.may():
		g.Access = Allowed
	case s.lends() && f.Override == OverrideManager:
		g.Access = OverrideRequired
	}
	return g
}

// row is what one work group gives of every function. It is made again and
// again in the same memory.
type row struct {
	of        *Compiled
	standings []standing
	given     []Given
}

func newRow(c *Compiled) *row {
	return &row{of: c, standings: make([]standing, len(c.functions)), given: make([]Given, len(c.functions))}
}

// fill computes the row of a work group, as if it had been reviewed against
// that version of the catalogue.
func (r *row) fill(group int, reviewed uint32) []Given {
	c := r.of
	c.standings(group, reviewed, r.standings)
	for i := range c.functions {
		r.given[i] = c.functions[i].given(r.standings[i])
	}
	for _, l := range c.limitsOf(group) {
		if r.given[l.index].Access == Allowed {
			r.given[l.index].Limit = l.ref
		}
	}
	if c.approver != noParent && r.given[c.approver].Access == Allowed {
		for i := range r.given {
			r.given[i].Approves = r.given[i].Access == Allowed && c.functions[i].Override == OverrideManager
		}
	}
	return r.given
}

// reviewed computes the row of a work group as it is.
func (r *row) reviewed(group int) []Given { return r.fill(group, r.of.groups[group].Reviewed) }

// Reach is what a work group gives of a function, and why.
type Reach struct {
	WorkGroup string
	Given
	Rule Rule
	// Blank says that the work group has no mark on the function itself.
	Blank bool
	// OnceReviewed is what the work group would give if it were reviewed against
	// this catalogue. It is never less than what it gives now.
	OnceReviewed Access
}

// reach tells what a work group gives of a function, now and once reviewed.
func (c *Compiled) reach(group int, i Index, now, then Given) Reach {
	return Reach{
		WorkGroup: c.groups[group].Name, Given: now, Rule: c.ruleOf(group, i),
		Blank: c.mark(group, i) == Blank, OnceReviewed: then.Access,
	}
}
