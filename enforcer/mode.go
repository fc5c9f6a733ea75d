package enforcer

import (
	"slices"
	"strings"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// Bounds of modes.
const (
	MonitorLimit    = 14 * 24 * time.Hour // the longest monitor mode, and all of an installation's together
	BreakGlassLimit = 4 * time.Hour       // the longest break-glass
	MaxModeKeys     = 16                  // functions that a monitor mode may be limited to
)

// The functions of the catalogue that let operators change the mode.
const (
	functionMonitor    = "pos.manageroverride.monitor"
	functionBreakGlass = "pos.manageroverride.breakglass"
)

// Mode is a mode other than enforcing: for a limited time something takes
// effect that the policy refuses. The decision and its rule stay the policy's.
// It is part of the snapshot, and immutable.
type Mode struct {
	ID   entry.Seq // of the entry that began it
	Kind entry.Mode
	// Functions are the keys of what is monitored; empty: everything.
	Functions []string
	Why       string        // as people gave it
	By, With  string        // numbers of the operators who began it; empty: nobody had to
	Until     time.Duration // when it ends, on the boot clock
}

// Over reports whether the mode's time is up, however late its timer is.
func (m *Mode) Over(now time.Duration) bool { return now >= m.Until }

// lets reports whether the mode lets a request through that the policy
// refused. A mode knows no credentials and no approvers: signing on, unlocking
// and approving never ask it, nor does Permit, which decides on changes of
// people and of policy. What is left is held here.
func (m *Mode) lets(u *ruling, r *Request) bool {
	if m.Kind == entry.ModeBreakGlass {
		// The reader, the roster or the lock may be what does not work tonight.
		return r.Function == functionSale && u.code.Reason() != entry.ReasonStateChanged
	}
	if u.fn == nil || untouchable(u.fn) || (len(m.Functions) > 0 && !slices.Contains(m.Functions, u.fn.Key)) {
		return false
	}
	switch u.code.Reason() {
	case entry.ReasonRule, entry.ReasonRefused, entry.ReasonUnreviewed, entry.ReasonNoWorkGroup, entry.ReasonNotForDrawer,
		entry.ReasonLimit, entry.ReasonUntold:
		return true
	case entry.ReasonNoSession:
		// Where the whole register is monitored, people need not sign on yet.
		return len(m.Functions) == 0
	}
	return false
}

// untouchable reports whether a function is one that no monitor mode lets
// through: what is protected, whatever hangs on credentials or on who
// approves, the people themselves, the policy and the journal.
func untouchable(f *policy.Function) bool {
	if f.Protected || f.StepUp || f.DualControl {
		return true
	}
	for _, key := range []string{
		functionSignOn, functionUnlockOther, functionManagerOverride, "pos.password", "pos.device.credential", "pos.device.policy",
		"pos.device.journal", "pos.reports.journal", "backoffice.signon", "backoffice.operator", "backoffice.security",
		"backoffice.reports.decisionjournal", "backoffice.reports.journal",
	} {
		if f.Key == key || strings.HasPrefix(f.Key, key+".") {
			return true
		}
	}
	return false
}

// through is the mode that lets a request through that the policy refused;
// ModeEnforce: none does.
func (g *Gate) through(s *Snapshot, u *ruling, r *Request) entry.Mode {
	m := s.Mode
	if m == nil || u.code.Outcome() == entry.OutcomeAllowed || m.Over(g.clock.Boot()) || !m.lets(u, r) {
		return entry.ModeEnforce
	}
	return m.Kind
}

// Effective reports whether the action takes effect: the policy allows it, or
// a mode lets it through all the same.
func (d *Decision) Effective() bool {
	return d.Outcome == entry.OutcomeAllowed || d.Mode != entry.ModeEnforce
}
