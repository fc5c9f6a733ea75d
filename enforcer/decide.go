package enforcer

import (
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// Context is what a decision depends on besides the operator's planes: one
// bit for each thing that must hold. The zero Context denies everything.
type Context uint8

// What must hold.
const (
	HasPolicy   Context = 1 << iota // a policy is loaded
	HasSession                      // somebody is signed on
	SameSession                     // the session is the one that the request was made for
	Unlocked                        // the register is not locked
	Known                           // the function is in the catalogue
	HasGroup                        // the policy knows a work group of the operator
	Fits                            // the function may open a drawer, if one is asked for
	Checkable                       // the function asks for nothing that cannot be had

	// Ready is a Context in which everything holds: the planes decide.
	Ready = HasPolicy | HasSession | SameSession | Unlocked | Known | HasGroup | Fits | Checkable
)

// Code is the outcome of a decision with its reason.
type Code uint32

func code(o entry.Outcome, r entry.Reason) Code { return Code(o)<<16 | Code(r) }

// Outcome is allowed, override required, or denied.
func (c Code) Outcome() entry.Outcome { return entry.Outcome(c >> 16) }

// Reason says why.
func (c Code) Reason() entry.Reason { return entry.Reason(c & 0xffff) }

// The codes that the planes alone lead to.
const (
	codeAllowed  = Code(entry.OutcomeAllowed)<<16 | Code(entry.ReasonRule)
	codeOverride = Code(entry.OutcomeOverrideRequired)<<16 | Code(entry.ReasonRule)
	codeDenied   = Code(entry.OutcomeDenied)<<16 | Code(entry.ReasonRule)
)

// byAccess has four entries, so that an index masked to two bits needs no
// check of bounds; what is no access at all is denied.
var byAccess = [4]Code{policy.Denied: codeDenied, policy.OverrideRequired: codeOverride, policy.Allowed: codeAllowed, 3: codeDenied}

// Decide answers whether the operator with these planes may run function i in
// this context. It is pure: no clock, no I/O, no allocation. It answers the
// question, and no more: who calls must journal the answer before it takes
// effect, and must not use the planes of another policy than i's.
func Decide(planes *policy.Planes, i policy.Index, c Context) Code {
	if c != Ready {
		return byContext[c]
	}
	return byAccess[planes.Access(i)&3]
}

// byContext has the answer for every context in which something does not
// hold. A table, as with a call instead Decide could not be inlined.
var byContext = func() (codes [256]Code) {
	for c := range codes {
		codes[c] = code(entry.OutcomeDenied, unready(Context(c)))
	}
	return codes
}()

// unready names the first thing that does not hold.
func unready(c Context) entry.Reason {
	reason := entry.ReasonNoWorkGroup
	switch {
	case c&HasPolicy == 0:
		reason = entry.ReasonNoPolicy
	case c&SameSession == 0:
		reason = entry.ReasonStateChanged
	case c&HasSession == 0:
		reason = entry.ReasonNoSession
	case c&Unlocked == 0:
		reason = entry.ReasonLocked
	case c&Known == 0:
		reason = entry.ReasonUnknownFunction
	case c&HasGroup == 0:
		reason = entry.ReasonNoWorkGroup
	case c&Fits == 0:
		reason = entry.ReasonNotForDrawer
	case c&Checkable == 0:
		reason = entry.ReasonUnsupported
	}
	return reason
}

// The functions that the gate itself asks about.
const (
	functionSignOn          = "pos.signon"
	functionUnlockOther     = "pos.unlock.other"
	functionManagerOverride = "pos.manageroverride"
	functionTillOpen        = "pos.till.open"
	functionSale            = "pos.drawer.sale"
	functionOffClock        = "pos.clockin.notrequired"
	functionForcedBreak     = "pos.forcedbreak"
	functionPunch           = "pos.time.punch"
	functionEditTime        = "pos.time.edit"
)

// ruling is a decision with all that its entry says of it.
type ruling struct {
	code  Code
	fn    *policy.Function // nil: not in the catalogue
	index policy.Index
	rule  *entry.Rule
	limit *entry.Limit // that it was measured by; nil: none
	of    []string     // the work groups that the rule is looked for in; nil: all
}

// rule decides what a subject may do under a policy and says by which rule.
// The bits of c that depend on policy, function and work groups are set here, and
// m is looked at where limits are.
func rule(p *policy.Compiled, planes *policy.Planes, groups []string, function string, c Context, m meter) ruling {
	var r ruling
	if p != nil {
		c |= HasPolicy
		if i, ok := p.Lookup(function); ok {
			c |= Known
			r.index, r.fn = i, p.Function(i)
			// What takes two approvers and lets nobody approve is not to be had.
			if !r.fn.DualControl || r.fn.Override == policy.OverrideManager {
				c |= Checkable
			}
		}
	}
	if planes != nil {
		c |= HasGroup
	}
	r.code = Decide(planes, r.index, c)
	if c != Ready || planes == nil {
		return r
	}
	if r.code == codeAllowed && planes.Limited(r.index) {
		r.measure(p, groups, m)
	}
	if r.code == codeAllowed {
		// Where the work group's own check is not enough.
		switch {
		case r.fn.DualControl:
			r.code = code(entry.OutcomeOverrideRequired, entry.ReasonDualControl)
		case r.fn.StepUp:
			r.code = code(entry.OutcomeOverrideRequired, entry.ReasonStepUp)
		}
	}
	if r.of == nil {
		r.of = groups
	}
	x := p.Explain(r.of, r.index)
	r.rule = &entry.Rule{WorkGroup: x.WorkGroup, Function: x.Function, Mark: x.Mark.String()}
	if r.code.Outcome() == entry.OutcomeDenied {
		switch x.Mark {
		case policy.Refuse:
			r.code = code(entry.OutcomeDenied, entry.ReasonRefused)
		case policy.Unreviewed:
			r.code = code(entry.OutcomeDenied, entry.ReasonUnreviewed)
		}
	}
	return r
}

// planesOf computes a subject's planes; nil if the policy knows none of the
// subject's work groups.
func planesOf(p *policy.Compiled, groups []string) *policy.Planes {
	if p == nil || len(groups) == 0 {
		return nil
	}
	planes, unknown := p.Planes(groups)
	if len(unknown) >= len(groups) {
		return nil
	}
	return planes
}

// key gives a function's key as it may stand in the journal. A key that no
// catalogue has comes from outside, and might be anything, a card number
// included: only one that looks like a key is repeated.
func key(r ruling, function string) string {
	if r.fn != nil {
		return r.fn.Key
	}
	if len(function) > 64 || function == "" {
		return "unknown"
	}
	for _, c := range []byte(function) {
		if (c < 'a' || c > 'z') && c != '.' {
			return "unknown"
		}
	}
	return function
}
