package signon

import (
	"strings"
	"testing"

	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
)

// TestARefusalIsSaidInWords: what the gate can refuse somebody for who was
// identified is no bare word of the journal.
func TestARefusalIsSaidInWords(t *testing.T) {
	for _, r := range []entry.Reason{
		entry.ReasonRule, entry.ReasonNoPolicy, entry.ReasonNoSession, entry.ReasonLocked, entry.ReasonUnknownFunction, entry.ReasonNoWorkGroup,
		entry.ReasonUnreviewed, entry.ReasonRefused, entry.ReasonStateChanged, entry.ReasonTimeout, entry.ReasonCancelled,
		entry.ReasonRefusedByApprover, entry.ReasonOwnRequest, entry.ReasonSamePerson, entry.ReasonNoManagerOverride,
		entry.ReasonApproverMayNot, entry.ReasonAccountable, entry.ReasonTooEarly, entry.ReasonPINRequired, entry.ReasonFull, entry.ReasonPending,
		entry.ReasonPolicyChanged, entry.ReasonRosterChanged, entry.ReasonModeChanged, entry.ReasonNoOverride, entry.ReasonDualControl,
		entry.ReasonApprovedAlready, entry.ReasonStepUp, entry.ReasonWhyNeeded, entry.ReasonRemote, entry.ReasonOneAction, entry.ReasonLimit,
		entry.ReasonUntold, entry.ReasonApproverLimit, entry.ReasonOffClock, entry.ReasonOnBreak, entry.ReasonForcedBreak, entry.ReasonClockedIn,
		entry.ReasonNoTimeClock, entry.ReasonFellBack,
	} {
		if say := sayDenied(enforcer.Decision{Reason: r}, "Ann"); strings.HasPrefix(say, "refused (") {
			t.Errorf("%s: %s", r, say)
		}
	}
}

// TestALimitIsSaid: what is within it, and who has to where that is not enough.
func TestALimitIsSaid(t *testing.T) {
	for _, tc := range []struct {
		reason entry.Reason
		limit  entry.Limit
		want   string
	}{
		{entry.ReasonLimit, entry.Limit{Part: "hours"}, "Ann may do that at other hours only"},
		{entry.ReasonLimit, entry.Limit{Part: "registers"}, "Ann may do that at other registers only"},
		{entry.ReasonApproverLimit, entry.Limit{Part: "amount", Most: 5000}, "Ann may approve that up to an amount of 5000 only: somebody who may more has to"},
		{entry.ReasonApproverLimit, entry.Limit{Part: "percent", Most: 1250}, "Ann may approve that up to 12.5 % only: somebody who may more has to"},
		{entry.ReasonApproverLimit, entry.Limit{Part: "count", Most: 3}, "Ann may approve that 3 times a session only: somebody who may more has to"},
		{entry.ReasonApproverLimit, entry.Limit{}, "Ann may approve it within a limit only, and this is beyond it: somebody who may more has to"},
		{entry.ReasonLocked, entry.Limit{Part: "hours"}, "the register is locked"},
	} {
		if got := sayDenied(enforcer.Decision{Reason: tc.reason, Limit: &tc.limit}, "Ann"); got != tc.want {
			t.Errorf("%s, %+v: %q, want %q", tc.reason, tc.limit, got, tc.want)
		}
	}
}
