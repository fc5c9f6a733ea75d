package enforcer

import "tillwarden/enforcer/policy"

// MenuItem is a function that the signed-on operator may run.
type MenuItem struct {
	policy.Function
	// Within are the limits that it is given within: any one is enough. None: it has
	// no limit.
	Within []policy.Limit
}

// Menu lists what the signed-on operator may run without an override, within its
// limits.
func (g *Gate) Menu() []MenuItem {
	s := g.Snapshot()
	if s.Policy == nil || s.Session == nil || s.Session.Locked || s.Session.Planes == nil {
		return nil
	}
	var menu []MenuItem
	for i, f := range s.Policy.Functions() {
		i := policy.Index(i)
		if f.Level == 1 || s.Session.Planes.Access(i) != policy.Allowed || f.DualControl {
			continue
		}
		item := MenuItem{Function: f}
		if s.Session.Planes.Limited(i) {
			for _, l := range s.Policy.Limits(s.Session.Subject.WorkGroups, i) {
				item.Within = append(item.Within, l.Limit)
			}
		}
		menu = append(menu, item)
	}
	return menu
}
