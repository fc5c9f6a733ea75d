package policy

// Line is a function in the tree of one work group: what is marked there, and
// what comes of it.
type Line struct {
	Function *Function
	Mark     Mark
	Reach
}

// Tree tells of every function what a work group marks and gives, in the order
// of Functions. It is nil where there is no such work group.
func (c *Compiled) Tree(group string) []Line {
	n, ok := c.byGroup[group]
	if !ok {
		return nil
	}
	now, then := newRow(c).reviewed(n), newRow(c).fill(n, c.version)
	lines := make([]Line, len(c.functions))
	for i := range c.functions {
		at := Index(i)
		lines[i] = Line{Function: &c.functions[i], Mark: c.mark(n, at), Reach: c.reach(n, at, now[i], then[i])}
	}
	return lines
}
