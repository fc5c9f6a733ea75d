package daemon

import (
	"fmt"
	"strings"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// functionName is what people read: the catalogue's name, or the key where
// no policy knows it.
func functionName(s *enforcer.Snapshot, key string) string {
	if s != nil && s.Policy != nil {
		if i, ok := s.Policy.Lookup(key); ok {
			return s.Policy.Function(i).Name
		}
	}
	return key
}

// sayDecision is a decision with its rule in words.
func sayDecision(s *enforcer.Snapshot, function string, d enforcer.Decision) string {
	name := functionName(s, function)
	if d.Mode != entry.ModeEnforce {
		refusal := d
		refusal.Mode = entry.ModeEnforce
		return sayMode(d.Mode) + " lets it through: " + sayDecision(s, function, refusal)
	}
	switch d.Outcome {
	case entry.OutcomeAllowed:
		if d.Reason == entry.ReasonApproved {
			return name + " is allowed: it was approved for this transaction"
		}
		if r := sayRule(s, d.Rule); r != "" && d.Reason == entry.ReasonRule {
			if d.Limit != nil {
				r += ", within its limit"
			}
			return fmt.Sprintf("%s is allowed: %s", name, r)
		}
		return name + " is allowed"
	case entry.OutcomeOverrideRequired:
		needs := name + " needs " + whom(s, function)
		switch r := sayRule(s, d.Rule); {
		case d.Reason == entry.ReasonFellBack:
			return name + " needs your own PIN again: nothing that takes a manager was done for a while"
		case d.Reason == entry.ReasonStepUp:
			return name + " needs your own PIN again"
		case d.Reason == entry.ReasonOneOfTwo:
			return name + " was approved by the first of two: another person has to approve too"
		case r != "" && d.Reason == entry.ReasonRule:
			return needs + ": " + r
		case d.Limit != nil:
			return needs + ": " + sayLimit(s, d)
		}
		return needs
	}
	if d.Reason == entry.ReasonRule || d.Reason == entry.ReasonNone {
		if r := sayRule(s, d.Rule); r != "" {
			return fmt.Sprintf("%s is not allowed: %s", name, r)
		}
		return name + " is not allowed"
	}
	if d.Limit != nil && d.Limit.Part != "" {
		return fmt.Sprintf("%s is not allowed: %s", name, sayLimit(s, d))
	}
	return fmt.Sprintf("%s is not allowed: %s", name, sayReason(d.Reason))
}

// sayLimit is what was not within a limit.
func sayLimit(s *enforcer.Snapshot, d enforcer.Decision) string {
	l, what := d.Limit, ""
	switch part := l.Part; {
	case part == policy.LimitHours.String():
		what = "it is not within the hours"
	case part == policy.LimitRegisters.String():
		what = "it is not for this register"
	case part == policy.LimitCount.String() && l.Uses == 0:
		what = "it is counted by session, and this is outside of any"
	case part == policy.LimitCount.String():
		what = fmt.Sprintf("it would be the %s in this session, of %d", ordinal(l.Uses), l.Most)
	case d.Reason == entry.ReasonUntold:
		what = "the " + part + " was not told"
	case part == policy.LimitPercent.String():
		what = "more than " + policy.PercentWords(l.Most) + " %"
	default:
		what = fmt.Sprintf("more than %d", l.Most)
	}
	whose := "of work group " + l.WorkGroup
	if d.Reason == entry.ReasonApproverLimit {
		whose = "of who approves, by work group " + l.WorkGroup
	}
	if l.Function != "" {
		whose += " at " + functionName(s, l.Function)
	}
	return fmt.Sprintf("%s (the limit %s)", what, whose)
}

// sayTold is what was told of an action, in brackets behind its name; empty where
// nothing was.
func sayTold(t *entry.Told) string {
	if t == nil {
		return ""
	}
	var parts []string
	if t.Amount != nil {
		parts = append(parts, fmt.Sprintf("amount %d", *t.Amount))
	}
	if t.Percent != nil {
		parts = append(parts, policy.PercentWords(*t.Percent)+" %")
	}
	if t.Count != nil {
		parts = append(parts, fmt.Sprintf("%d at once", *t.Count))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

func ordinal(n uint64) string {
	if n/10%10 != 1 {
		switch n % 10 {
		case 1:
			return fmt.Sprintf("%dst", n)
		case 2:
			return fmt.Sprintf("%dnd", n)
		case 3:
			return fmt.Sprintf("%drd", n)
		}
	}
	return fmt.Sprintf("%dth", n)
}

// whom says who has to approve a function.
func whom(s *enforcer.Snapshot, function string) string {
	if s != nil && s.Policy != nil {
		if i, ok := s.Policy.Lookup(function); ok && s.Policy.Function(i).DualControl {
			return "two managers"
		}
	}
	return "a manager"
}

// sayRule is which work group's mark decided.
func sayRule(s *enforcer.Snapshot, r entry.Rule) string {
	if r.Function == "" {
		return ""
	}
	where := functionName(s, r.Function)
	switch r.Mark {
	case policy.Check.String():
		return fmt.Sprintf("work group %s has a check at %s", r.WorkGroup, where)
	case policy.Deny.String():
		return fmt.Sprintf("work group %s has an X at %s", r.WorkGroup, where)
	case policy.Refuse.String():
		return fmt.Sprintf("work group %s refuses %s", r.WorkGroup, where)
	case policy.Blank.String():
		return fmt.Sprintf("work group %s says nothing of %s", r.WorkGroup, where)
	case "restricted": // of a change of people
		return fmt.Sprintf("work group %s is restricted to others", r.WorkGroup)
	case policy.Unreviewed.String():
		return fmt.Sprintf("%s is newer than what work group %s was reviewed against", where, r.WorkGroup)
	}
	return ""
}

// reasonWords are the reasons as people at the register read them.
var reasonWords = map[entry.Reason]string{
	entry.ReasonNoPolicy:          "no policy is loaded",
	entry.ReasonNoSession:         "nobody is signed on",
	entry.ReasonLocked:            "the register is locked",
	entry.ReasonUnknownFunction:   "the policy does not know this function",
	entry.ReasonNoWorkGroup:       "the operator has no work group that the policy knows",
	entry.ReasonUnreviewed:        "it is newer than what the work groups were reviewed against",
	entry.ReasonRefused:           "a work group refuses it",
	entry.ReasonStateChanged:      "session or policy changed meanwhile; ask again",
	entry.ReasonTimeout:           "it took too long",
	entry.ReasonCancelled:         "it was taken back",
	entry.ReasonRefusedByApprover: "the manager refused",
	entry.ReasonOwnRequest:        "nobody approves the own request",
	entry.ReasonSamePerson:        "it is the same person as the one who asked",
	entry.ReasonNoManagerOverride: "without Manager Override nobody approves",
	entry.ReasonApproverMayNot:    "who approves may not do it either",
	entry.ReasonAccountable:       "who approves was signed on to this till since it was opened",
	entry.ReasonTooEarly:          "in the first second no approval counts, so that it is read what it is for; it still waits: do it again",
	entry.ReasonUnknownCredential: "not accepted",
	entry.ReasonWrongPIN:          "not accepted",
	entry.ReasonSuspended:         "the operator is suspended",
	entry.ReasonLockedOut:         "too many wrong PINs on this register",
	entry.ReasonPINRequired:       "the PIN is needed too",
	entry.ReasonCardRequired:      "the card is needed too",
	entry.ReasonSlowDown:          "slow down",
	entry.ReasonPaymentCard:       "that is a payment card",
	entry.ReasonLicenceCard:       "that is a driver licence",
	entry.ReasonUnknownCard:       "this card is not known",
	entry.ReasonUnreadable:        "the card could not be read; swipe again",
	entry.ReasonInUse:             "somebody else is signed on",
	entry.ReasonIdle:              "nothing was done for too long",
	entry.ReasonRestart:           "the daemon was restarted",
	entry.ReasonReboot:            "the register was rebooted",
	entry.ReasonSignature:         "its signature is not of a key that is trusted here",
	entry.ReasonChain:             "it is for another chain",
	entry.ReasonStore:             "it is for another store",
	entry.ReasonType:              "it is of another type",
	entry.ReasonEpoch:             "its epoch is not above one that was loaded before",
	entry.ReasonDigest:            "its content is not what was signed",
	entry.ReasonSize:              "its size is wrong",
	entry.ReasonMalformed:         "it cannot be read",
	entry.ReasonFull:              "there is no space left for the journal",
	entry.ReasonBusy:              "the printer is busy; ask again",
	entry.ReasonOffline:           "the printer does not answer; look after it and ask again",
	entry.ReasonExpired:           "it was not used in time; ask again",
	entry.ReasonWriteFailed:       "the printer did not take it; ask again",
	entry.ReasonNoGrant:           "nothing had opened it",
	entry.ReasonRate:              "too many requests",
	entry.ReasonPending:           "another override is pending; wait for it",
	entry.ReasonUntrusted:         "the printer was not resynchronised yet: switch it off and on, or call a technician",
	entry.ReasonSuspendedNow:      "the operator was suspended",
	entry.ReasonPolicyChanged:     "a new policy was loaded",
	entry.ReasonRosterChanged:     "the roster changed",
	entry.ReasonStopped:           "the daemon stopped",
	entry.ReasonModeChanged:       "a mode began or ended; ask again",
	entry.ReasonSpent:             "this installation has spent its time in monitor mode",
	entry.ReasonRegister:          "it is for another register",
	entry.ReasonTooLong:           "that is longer than it may be",
	entry.ReasonOneAction:         "it is approved for one action at a time",
	entry.ReasonApproved:          "it was approved for this transaction",
	entry.ReasonTransaction:       "the transaction is over",
	entry.ReasonRemote:            "this site approves at the register only",
	entry.ReasonWhyNeeded:         "it takes a reason",
	entry.ReasonStepUp:            "it waits for the own PIN of who is signed on",
	entry.ReasonDualControl:       "two other persons have to approve it, and nobody can be asked for here",
	entry.ReasonOneOfTwo:          "one person approved it; another one has to approve too",
	entry.ReasonApprovedAlready:   "who approves has approved it already: another person has to approve too",
	entry.ReasonUnknownClient:     "it could not be told whose connection it came over",
	entry.ReasonTerminated:        "the operator may not work here any more",
	entry.ReasonNotValid:          "the operator may not work here today",
	entry.ReasonNotHere:           "the operator may not work at this register",
	entry.ReasonNewPIN:            "a new PIN has to be chosen first: type it at the keypad, and once more",
	entry.ReasonOfRoster:          "the operator is of the applied roster, which is not changed here",
	entry.ReasonCardOver:          "this card was for one day, which is over",
	entry.ReasonLimit:             "it is beyond the limit",
	entry.ReasonUntold:            "a limit wants to know what was not told",
	entry.ReasonApproverLimit:     "it is beyond the limit of who approves",
	entry.ReasonRevoked:           "the operator may not work here any more",
	entry.ReasonOffClock:          "not clocked in",
	entry.ReasonOnBreak:           "on a break",
	entry.ReasonForcedBreak:       "sent on a break by somebody else",
	entry.ReasonClockedIn:         "clocked in already",
	entry.ReasonNoTimeClock:       "this register runs no time clock",
	entry.ReasonSignedOver:        "another operator signed on",
	entry.ReasonFellBack:          "nothing that takes a manager was done for a while",
	entry.ReasonCardRemoved:       "the card was taken out of the reader",
}

// sayReason is a reason in words: every reason has some.
func sayReason(r entry.Reason) string {
	if w, ok := reasonWords[r]; ok {
		return w
	}
	return strings.ReplaceAll(r.String(), "-", " ")
}

// sayEntry is a journal entry fit for a display; empty where there is nothing
// for people at the register to know.
func sayEntry(s *enforcer.Snapshot, e *entry.Entry) string {
	name := functionName(s, e.Function)
	switch e.Kind {
	case entry.KindSignOn:
		switch e.Outcome {
		case entry.OutcomeAllowed:
			return "signed on"
		case entry.OutcomeOverrideRequired:
			return "not signed on yet: somebody else is, and a manager has to let them"
		}
		return "not signed on: " + sayReason(e.Reason)
	case entry.KindSignOff:
		return "signed off: " + signOffReason(e.Reason)
	case entry.KindClockIn, entry.KindClockOut, entry.KindBreakBegin, entry.KindBreakEnd:
		return sayPunch(s, e)
	case entry.KindLock:
		return "locked"
	case entry.KindUnlock:
		if e.Outcome == entry.OutcomeAllowed {
			return "unlocked"
		}
		if e.Reason == entry.ReasonRule {
			return "not unlocked: somebody else is signed on"
		}
		return "not unlocked: " + sayReason(e.Reason)
	case entry.KindDecision, entry.KindWithdrawn:
		d := enforcer.Decision{Outcome: e.Outcome, Reason: e.Reason}
		if e.Kind == entry.KindDecision {
			d.Mode = e.Mode
		}
		if e.Rule != nil {
			d.Rule = *e.Rule
		}
		d.Limit = e.Limit
		return sayDecision(s, e.Function, d)
	case entry.KindStepUp:
		if e.Outcome == entry.OutcomeAllowed {
			return name + " was confirmed with the own PIN"
		}
		return name + " was not confirmed: " + sayReason(e.Reason)
	case entry.KindOverride:
		if e.Reason.OwnPIN() {
			return name + " waits for the own PIN of who is signed on"
		}
		return name + sayTold(e.Told) + " waits for " + whom(s, e.Function)
	case entry.KindApproval:
		switch e.Outcome {
		case entry.OutcomeAllowed:
			if e.Approval != nil && e.Approval.Transaction {
				return name + " was approved for the rest of the transaction"
			}
			return name + " was approved"
		case entry.OutcomeOverrideRequired:
			return name + " was approved by the first of two: another person has to approve too"
		}
		if e.Reason == entry.ReasonWhyNeeded {
			return name + " waits for the approver's reason"
		}
		return name + " was not approved: " + sayReason(e.Reason)
	case entry.KindScopeEnd:
		return name + " is no longer approved: " + sayReason(e.Reason)
	case entry.KindOverrideEnd:
		return name + " was not approved: " + sayReason(e.Reason)
	case entry.KindRedeemed:
		if e.Outcome == entry.OutcomeAllowed {
			return "drawer " + e.Drawer + " opens"
		}
		return "drawer " + e.Drawer + " does not open: " + sayReason(e.Reason)
	case entry.KindLapsed:
		return "drawer " + e.Drawer + " stays shut: " + sayReason(e.Reason)
	case entry.KindDrawerOpened:
		if e.About == 0 {
			return "drawer " + e.Drawer + " was opened and nothing had allowed it"
		}
		return "drawer " + e.Drawer + " is open"
	case entry.KindDrawerClosed:
		return "drawer " + e.Drawer + " is closed"
	case entry.KindDrawerLeftOpen:
		return "drawer " + e.Drawer + " is still open: close it"
	case entry.KindDrawerNoOpen:
		return "drawer " + e.Drawer + " did not open: is it locked?"
	case entry.KindSession:
		return "the session goes on"
	case entry.KindFallBack:
		return "what takes a manager needs the own PIN again"
	case entry.KindDeviceTrust:
		if e.Outcome == entry.OutcomeAllowed {
			return e.Device + " is in order"
		}
		return e.Device + " is not in order: " + sayReason(e.Reason)
	case entry.KindDeviceUp:
		return e.Device + " is there"
	case entry.KindDeviceDown:
		return e.Device + " is gone"
	case entry.KindDevicePassed:
		return "break-glass passed on what nobody understood"
	case entry.KindDeviceRefused:
		switch {
		case e.Reason == entry.ReasonPrintLost:
			return "a picture or code was not printed: the printer must not get it"
		case e.Reason == entry.ReasonUnknownClient && e.Count == 0: // it was only printed
			return ""
		case e.Reason == entry.ReasonUnknownClient:
			return "the drawer stays shut: the kick came over a connection that was closed before it could be told whose it was; call a technician"
		}
		return "the printer did not get a command that it must not get"
	case entry.KindCardRefused, entry.KindIdentify:
		switch e.Reason {
		case entry.ReasonUnknownCredential, entry.ReasonWrongPIN: // neither is told from the other
			if e.Method == entry.MethodCard {
				return "card not accepted"
			}
			return "number and PIN not accepted"
		}
		return "card not accepted: " + sayReason(e.Reason)
	case entry.KindLockout:
		return "number and PIN are locked for " + api.SayLeft(time.Duration(e.Elapsed))
	case entry.KindLoad:
		what := "a policy"
		switch {
		case e.Text == enforcer.BundleRevocations:
			what = "a list of revocations"
		case strings.HasPrefix(e.Text, enforcer.BundleRoster): // and why it was refused
			what = "a roster"
		}
		if e.Outcome == entry.OutcomeAllowed {
			return what + " is loaded"
		}
		return what + " was refused: " + sayReason(e.Reason)
	case entry.KindSaleNoReceipt:
		return "no receipt followed the sale"
	case entry.KindMode:
		if e.Outcome == entry.OutcomeAllowed {
			return fmt.Sprintf("%s for %s: %s", sayMode(e.Mode), api.SayLeft(time.Duration(e.Elapsed)), e.Why)
		}
		return sayMode(e.Mode) + " was refused: " + sayReason(e.Reason)
	case entry.KindModeEnd:
		return sayMode(e.Mode) + " has ended: the policy alone decides"
	case entry.KindModeLeft:
		return fmt.Sprintf("%s goes on for %s", sayMode(e.Mode), api.SayLeft(time.Duration(e.Elapsed)))
	case entry.KindSpace:
		return "the space for the journal: " + e.Text
	}
	return ""
}

// sayPunch is a punch of the time clock in words.
func sayPunch(s *enforcer.Snapshot, e *entry.Entry) string {
	what := map[entry.Kind]string{
		entry.KindClockIn: "clocked in", entry.KindClockOut: "clocked out", entry.KindBreakBegin: "on a break", entry.KindBreakEnd: "back from the break",
	}[e.Kind]
	switch {
	case e.Outcome != entry.OutcomeAllowed && e.Reason == entry.ReasonRule && e.Rule != nil:
		return "not " + what + ": " + sayRule(s, *e.Rule)
	case e.Outcome != entry.OutcomeAllowed:
		return "not " + what + ": " + sayReason(e.Reason)
	case e.Elapsed > 0:
		return "sent on a break for " + api.SayLeft(time.Duration(e.Elapsed))
	}
	return what
}

func signOffReason(r entry.Reason) string {
	switch r {
	case entry.ReasonOffClock:
		return "clocked out"
	case entry.ReasonOwner, entry.ReasonNone:
		return "own wish"
	case entry.ReasonManager:
		return "by a manager"
	}
	return sayReason(r)
}
