package policy

// Planes is what one operator has of every function, over all work groups that
// the operator holds. It is made at sign-on and never changes.
type Planes struct {
	// access holds an Access a function, two bits each, so that a decision is
	// one load, one shift and one mask.
	access []uint64
	// approve holds the functions that the operator may approve for others.
	approve []uint64
	// limited holds the functions that every work group which gives them limits.
	limited []uint64
}

// Access tells what the operator has of a function. What is out of range, and
// everything where there are no planes at all, is denied. It says nothing of
// sessions, locks or times: those are the enforcer's to look at.
func (p *Planes) Access(i Index) Access {
	if p == nil || int(i/marksPerWord) >= len(p.access) {
		return Denied
	}
	return Access(p.access[i/marksPerWord] >> (2 * (i % marksPerWord)) & 3)
}

// MayApprove reports whether the operator may approve the function for somebody
// else: may do it, has Manager Override, and the catalogue lets it be approved.
// The caller must still see that requester and approver are different persons.
func (p *Planes) MayApprove(i Index) bool {
	return p != nil && int(i/64) < len(p.approve) && p.approve[i/64]>>(i%64)&1 != 0
}

// Limited reports whether an allowed function is given within limits only: then
// Compiled.Measure has to be asked too. A work group that gives it without a
// limit is enough for it not to be.
func (p *Planes) Limited(i Index) bool {
	return p != nil && int(i/64) < len(p.limited) && p.limited[i/64]>>(i%64)&1 != 0
}

// standing is what one work group makes of one function.
type standing uint8

const (
	open     standing = 1 << iota // the tree is open
	reviewed                      // and the work group was reviewed for the function
	gives                         // the nearest mark is a check
	refused                       // it, or something above it, is refused
)

// may reports whether the work group gives the function, refusals of other
// work groups left aside.
func (s standing) may() bool { return s == open|reviewed|gives }

// lends reports whether the work group lets an override reach the function.
func (s standing) lends() bool { return s&(open|reviewed|refused) == open|reviewed }

// step derives a function's standing from its parent's: the rules of the
// package comment, one level at a time.
func step(level uint8, above standing, m Mark, current bool) standing {
	s := above &^ reviewed
	if level == 1 {
		s = 0
		if m == Check && current {
			s = open | gives
		}
	}
	switch m {
	case Check:
		s |= gives
	case Deny:
		s &^= gives
	case Refuse:
		s |= refused
	}
	if current {
		s |= reviewed
	}
	return s
}

// standings computes what one work group makes of every function, as if it had
// been reviewed against that version of the catalogue.
func (c *Compiled) standings(group int, reviewed uint32, into []standing) {
	for i := range c.functions {
		f := &c.functions[i]
		var above standing
		if f.Level > 1 {
			above = into[c.parents[i]]
		}
		into[i] = step(f.Level, above, c.mark(group, Index(i)), f.Since <= reviewed)
	}
}

// Planes computes what an operator with these work groups has. Work groups that
// the policy does not know give nothing and are returned.
func (c *Compiled) Planes(names []string) (p *Planes, unknown []string) {
	groups, unknown := c.known(names)
	total := len(c.functions)
	may, lends, refuse := make([]bool, total), make([]bool, total), make([]bool, total)
	var freely []bool // given without a limit; nil: there are no limits
	if len(c.limits) > 0 {
		freely = make([]bool, total)
	}
	standings := make([]standing, total)
	for _, n := range groups {
		c.standings(n, c.groups[n].Reviewed, standings)
		for i, s := range standings {
			may[i] = may[i] || s.may()
			lends[i] = lends[i] || s.lends()
			refuse[i] = refuse[i] || s&refused != 0
		}
		limits := c.limitsOf(n)
		for i := range freely {
			if len(limits) > 0 && limits[0].index == Index(i) {
				limits = limits[1:]
				continue
			}
			freely[i] = freely[i] || standings[i].may()
		}
	}
	p = &Planes{access: make([]uint64, c.stride), approve: make([]uint64, (total+63)/64), limited: make([]uint64, (total+63)/64)}
	approver := c.approver != noParent && may[c.approver] && !refuse[c.approver]
	for i := range c.functions {
		a := Denied
		overridable := c.functions[i].Override == OverrideManager
		switch {
		case refuse[i]:
		case may[i]:
			a = Allowed
			if freely != nil && !freely[i] {
				p.limited[i/64] |= 1 << (i % 64)
			}
			if approver && overridable {
				p.approve[i/64] |= 1 << (i % 64)
			}
		case lends[i] && overridable:
			a = OverrideRequired
		}
		p.access[i/marksPerWord] |= uint64(a) << (2 * (i % marksPerWord))
	}
	return p, unknown
}
