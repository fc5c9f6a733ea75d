package policy

// WhoCan tells what each work group gives of a function, and why, in the order
// of WorkGroups.
func (c *Compiled) WhoCan(i Index) []Reach {
	if int(i) >= len(c.functions) {
		return nil
	}
	now, then := newRow(c), newRow(c)
	all := make([]Reach, len(c.groups))
	for n := range c.groups {
		all[n] = c.reach(n, i, now.reviewed(n)[i], then.fill(n, c.version)[i])
	}
	return all
}
