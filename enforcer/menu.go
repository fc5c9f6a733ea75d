package enforcer

import "tillwarden/enforcer/policy"

// Menu lists what the signed-on operator may run without an override.
func (g *Gate) Menu() []policy.Function {
	s := g.Snapshot()
	if s.Policy == nil || s.Session == nil || s.Session.Locked || s.Session.Planes == nil {
		return nil
	}
	var menu []policy.Function
	for i, f := range s.Policy.Functions() {
		if f.Level > 1 && s.Session.Planes.Access(policy.Index(i)) == policy.Allowed && !f.DualControl {
			menu = append(menu, f)
		}
	}
	return menu
}
