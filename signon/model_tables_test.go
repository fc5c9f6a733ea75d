package signon

import (
	"slices"
	"testing"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// The rules that the model goes by, as tables. The policy of the register under
// test is written from the same tables, and compiled; the model looks into the
// tables alone, and asks nothing of the code that it is held against.

// modelFunction is a function and what the catalogue says of it.
type modelFunction struct {
	id     policy.ID
	key    string
	drawer bool
	lend   bool // a manager may lend it
	dual   bool // by two
	step   bool // takes the own PIN again
	rest   bool // may be lent for the rest of the transaction
	held   bool // accountable: nobody who held a session on this till lends it
	never  bool // no monitor mode lets it through
	why    policy.ReasonMode
}

const (
	fnSale    = "pos.drawer.sale"
	fnNoSale  = "pos.drawer.nosale"
	fnBoth    = "pos.drawer.both"
	fnOwnPIN  = "pos.drawer.ownpin"
	fnRest    = "pos.drawer.rest"
	fnFew     = "pos.drawer.few"
	fnWhy     = "pos.drawer.why"
	fnWords   = "pos.drawer.words"
	fnPaid    = "pos.drawer.paidout"
	fnLate    = "pos.drawer.late"
	fnTill    = "pos.till.open"
	fnPickup  = "pos.till.pickup"
	fnSignOn  = "pos.signon"
	fnNoClock = "pos.clockin.notrequired"
	fnForced  = "pos.forcedbreak"
	fnPunch   = "pos.time.punch"
	fnTime    = "pos.time.edit"
	fnUnlock  = "pos.unlock.other"
	fnMonitor = "pos.manageroverride.monitor"
	fnGlass   = "pos.manageroverride.breakglass"
	fnEdit    = FunctionEdit
	fnUnknown = "pos.unknown"
)

var modelFunctions = []modelFunction{
	{id: 1000, key: "pos"},
	{id: 1001, key: fnSignOn, never: true},
	{id: 1003, key: fnUnlock, never: true},
	{id: 1005, key: fnNoClock},
	{id: 1006, key: fnForced},
	{id: 1007, key: policy.KeyManagerOverride, never: true},
	{id: 1011, key: FunctionOwnPIN},
	{id: 1031, key: fnMonitor, never: true},
	{id: 1032, key: fnGlass, never: true},
	{id: 1600, key: "pos.drawer"},
	{id: 1601, key: fnSale, drawer: true},
	{id: 1602, key: fnNoSale, drawer: true, lend: true},
	{id: 1603, key: fnBoth, drawer: true, lend: true, dual: true, never: true},
	{id: 1604, key: fnOwnPIN, drawer: true, lend: true, step: true, never: true},
	{id: 1605, key: fnRest, drawer: true, lend: true, rest: true},
	{id: 1606, key: fnFew, drawer: true, lend: true},
	{id: 1607, key: fnWhy, drawer: true, lend: true, why: policy.ReasonCode},
	{id: 1608, key: fnWords, drawer: true, lend: true, why: policy.ReasonText},
	{id: 1609, key: fnPaid, drawer: true, lend: true},
	{id: 1610, key: fnLate, drawer: true, lend: true},
	{id: 1700, key: "pos.till"},
	{id: 1701, key: fnTill, drawer: true, lend: true},
	{id: 1703, key: fnPickup, drawer: true, lend: true, held: true},
	{id: 2100, key: "pos.time"},
	{id: 2101, key: fnPunch},
	{id: 2103, key: fnTime},
	{id: 5000, key: "backoffice"},
	{id: 5200, key: "backoffice.operator", never: true},
	{id: 5201, key: FunctionView, never: true},
	{id: 5202, key: FunctionAdd, never: true},
	{id: 5203, key: FunctionEdit, never: true},
	{id: 5204, key: FunctionWorkGroup, never: true},
	{id: 5205, key: FunctionRestricted, never: true},
	{id: 5206, key: FunctionCredential, never: true},
	{id: 5207, key: FunctionCard, never: true},
	{id: 5208, key: FunctionTerminate, never: true},
}

func functionOf(key string) modelFunction {
	for _, f := range modelFunctions {
		if f.key == key {
			return f
		}
	}
	return modelFunction{}
}

// Work groups of the model, besides cashier, clerk, lead and chief.
const (
	careful = "Careful" // a cashier who shows card and PIN
	typist  = "Typist"  // a cashier who shows a PIN at least
	deputy  = "Deputy"  // lends by number and PIN
	banned  = "Banned"  // refuses the drawer, whatever else its operators have
	helper  = "Helper"  // people's changes that take nothing restricted
)

// modelGroup is a work group in the table.
type modelGroup struct {
	gives   []string // functions
	refuses []string
	signOn  policy.SignOnMethod
	approve policy.SignOnMethod
	limits  map[string]modelLimit // of some of those functions
	editors []string
}

var (
	atTill  = []string{fnSignOn, FunctionOwnPIN, fnPunch, fnSale, fnTill, fnFew, fnPaid, fnLate}
	lending = []string{fnUnlock, fnForced, fnTime, policy.KeyManagerOverride, fnMonitor, fnGlass, fnNoSale, fnBoth, fnOwnPIN, fnRest, fnWhy, fnWords, fnPickup}
	ofStaff = []string{
		FunctionView, FunctionAdd, FunctionEdit, FunctionWorkGroup, FunctionRestricted, FunctionCredential, FunctionCard, FunctionTerminate,
	}
)

// modelGroups gives the work groups as the policy of an epoch has them: every other
// one takes the managers' override from deputies, and what is counted from cashiers.
func modelGroups(epoch uint64) map[string]modelGroup { return modelTables[epoch%2] }

var modelTables = [2]map[string]modelGroup{groupsTable(0), groupsTable(1)}

func groupsTable(epoch uint64) map[string]modelGroup {
	till, deputyLends := atTill, lending
	if epoch%2 == 0 {
		till = without(till, fnFew)
		deputyLends = without(lending, policy.KeyManagerOverride)
	}
	few := func(n uint64, also map[string]modelLimit) map[string]modelLimit {
		also[fnFew] = modelLimit{count: n}
		return also
	}
	return map[string]modelGroup{
		cashier: {gives: till, limits: few(2, map[string]modelLimit{fnPaid: {amount: 5000}, fnLate: {hours: byDay}})},
		careful: {gives: till, signOn: policy.SignOnCardPIN, limits: few(2, map[string]modelLimit{fnPaid: {amount: 5000, hours: workday}, fnLate: {registers: "Front"}})},
		typist:  {gives: till, signOn: policy.SignOnNumberPIN, limits: few(1, map[string]modelLimit{fnLate: {registers: "Counter"}})},
		clerk:   {gives: slices.Concat([]string{fnSignOn, FunctionOwnPIN, fnNoClock}, ofStaff)},
		helper:  {gives: slices.Concat([]string{FunctionOwnPIN}, without(ofStaff, FunctionRestricted)), limits: map[string]modelLimit{FunctionCredential: {hours: byDay}}},
		deputy: {gives: slices.Concat(atTill, deputyLends), approve: policy.SignOnNumberPIN, limits: few(3, map[string]modelLimit{
			fnPaid: {amount: 20000}, fnRest: {amount: 5000}, fnLate: {hours: workday}, policy.KeyManagerOverride: {hours: byDay},
		})},
		lead:   {gives: slices.Concat(atTill, lending, ofStaff), editors: []string{lead, chief}, limits: few(4, map[string]modelLimit{fnPaid: {amount: 20000}})},
		chief:  {gives: slices.Concat(atTill, lending, ofStaff, []string{fnNoClock}), approve: policy.SignOnCard, editors: []string{chief}},
		banned: {gives: []string{fnSignOn}, refuses: []string{fnSale, fnNoSale, fnFew, fnRest, fnWhy}},
	}
}

func without(list []string, what string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == what })
}

var modelGroupNames = []string{cashier, careful, typist, clerk, helper, deputy, lead, chief, banned}

// modelPolicy writes the tables as a policy.
func modelPolicy(t testing.TB, epoch uint64) *policy.Compiled {
	p := &policy.Policy{Catalogue: policy.Catalogue{Version: 1}, RegisterGroups: modelRegisters}
	for _, f := range modelFunctions {
		c := policy.Function{
			ID: f.id, Key: f.key, Name: "Function " + f.key, Level: 3, Parent: f.id / 100 * 100, Since: 1,
			Drawer: f.drawer, DualControl: f.dual, StepUp: f.step, Transaction: f.rest, Accountable: f.held, Reason: f.why,
		}
		switch {
		case f.id%1000 == 0:
			c.Level, c.Parent = 1, 0
		case f.id > 1030 && f.id < 1100:
			c.Parent, c.Protected = 1007, true
		case f.id%100 == 0 || f.id < 1100:
			c.Level, c.Parent = 2, 1000
			if f.id > 5000 {
				c.Parent = 5000
			}
		}
		if f.lend {
			c.Override = policy.OverrideManager
		}
		p.Catalogue.Functions = append(p.Catalogue.Functions, c)
	}
	groups := modelGroups(epoch)
	for _, name := range modelGroupNames {
		g := groups[name]
		w := policy.WorkGroup{Name: name, Reviewed: 1, SignOn: g.signOn, Approve: g.approve, Marks: map[policy.ID]policy.Mark{}}
		for _, f := range modelFunctions {
			switch {
			case f.id%100 == 0 || slices.Contains(g.gives, f.key):
				w.Marks[f.id] = policy.Check
			case slices.Contains(g.refuses, f.key):
				w.Marks[f.id] = policy.Refuse
			default:
				w.Marks[f.id] = policy.Deny
			}
		}
		for function, l := range g.limits {
			if slices.Contains(g.gives, function) {
				if w.Limits == nil {
					w.Limits = map[policy.ID]policy.Limit{}
				}
				w.Limits[functionOf(function).id] = l.limit()
			}
		}
		p.WorkGroups = append(p.WorkGroups, w)
		if g.editors != nil {
			p.Restrictions = append(p.Restrictions, policy.Restriction{WorkGroup: name, Editors: g.editors})
		}
	}
	c, err := policy.Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const (
	may     = entry.OutcomeAllowed
	mayLent = entry.OutcomeOverrideRequired
	mayNot  = entry.OutcomeDenied
)

// access is what the work groups come to, to some extent where it is limited.
func (m *model) access(groups []string, function string, far ...modelExtent) entry.Outcome {
	var x modelExtent
	if len(far) > 0 {
		x = far[0]
	}
	table := modelGroups(m.epoch)
	given, beyond := false, false
	for _, name := range groups {
		g := table[name]
		if slices.Contains(g.refuses, function) {
			return mayNot
		}
		if slices.Contains(g.gives, function) {
			if !m.within(g.limits[function], x) {
				beyond = true
				continue
			}
			given = true
		}
	}
	f := functionOf(function)
	switch {
	case given && !f.dual && !f.step:
		return may
	case given || beyond && f.lend || len(groups) > 0 && f.lend:
		return mayLent
	}
	return mayNot
}

// has reports whether the work groups give a function, limits aside.
func (m *model) has(groups []string, function string) bool {
	table := modelGroups(m.epoch)
	has := false
	for _, name := range groups {
		if slices.Contains(table[name].refuses, function) {
			return false
		}
		has = has || slices.Contains(table[name].gives, function)
	}
	return has
}

// manages reports whether work groups may lend to others.
func (m *model) manages(groups []string) bool { return m.has(groups, policy.KeyManagerOverride) }

// fellBack reports whether who is signed on is a manager and did nothing that takes
// one, for too long.
func (m *model) fellBack() bool {
	s := m.session
	return m.r.managerIdle > 0 && m.manages(s.who.groups) && m.now() >= s.managed+m.r.managerIdle
}

// takesManager reports whether only manager work groups give a function.
func (m *model) takesManager(groups []string, function string, x modelExtent) bool {
	lesser := slices.DeleteFunc(slices.Clone(groups), func(g string) bool { return m.manages([]string{g}) })
	return m.r.managerIdle > 0 && m.manages(groups) && m.access(lesser, function, x) != may
}

// shows is what somebody has to show: the strictest of what the work groups
// ask for, the site where one says nothing. soft: the site said so, not a work group.
func (m *model) shows(groups []string, approving bool) (method policy.SignOnMethod, soft bool) {
	rank := map[policy.SignOnMethod]int{policy.SignOnCard: 1, policy.SignOnNumberPIN: 2, policy.SignOnCardPIN: 3}
	site := policy.SignOnCard
	if approving {
		site = policy.SignOnCardPIN
	}
	table := modelGroups(m.epoch)
	soft = true
	for _, name := range groups {
		of := table[name].signOn
		if approving {
			of = table[name].approve
		}
		if of == policy.SignOnCardPIN {
			soft = false
		}
		if of == policy.SignOnDefault {
			of = site
		}
		if rank[of] > rank[method] {
			method = of
		}
	}
	if method == policy.SignOnDefault {
		method = site
	}
	return method, soft
}

// mayTouch reports whether somebody with these work groups may change who has
// a work group, as far as restrictions go.
func (m *model) mayTouch(groups []string, group string) bool {
	editors := modelGroups(m.epoch)[group].editors
	return editors == nil || slices.ContainsFunc(groups, func(g string) bool { return slices.Contains(editors, g) })
}

// within reach is what somebody comes to by restrictions alone, whatever they do,
// who begins with some work groups: see inReach, which the policy answers.
func (m *model) withinReach(begin map[string]bool) map[string]bool {
	reach := map[string]bool{}
	for range modelGroupNames {
		for _, name := range modelGroupNames {
			editors := modelGroups(m.epoch)[name].editors
			if begin[name] || editors == nil || slices.ContainsFunc(editors, func(e string) bool { return reach[e] }) {
				reach[name] = true
			}
		}
	}
	return reach
}
