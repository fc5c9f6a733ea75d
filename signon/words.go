package signon

import (
	"fmt"
	"time"

	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
	"tillwarden/signon/card"
)

// What people at the register are told. Rules: plain words, no capital at
// the beginning but a name's, no full stop; say what to do where something can be
// done; nothing that was typed or swiped, but a work group's name that is no PIN
// and no card's number; before a valid card was shown, nothing
// that tells one number from another.

// sayNotAccepted answers every number and PIN that does not let somebody in.
const sayNotAccepted = "number and PIN not accepted"

// cardReason is the reason to refuse a card for its class alone.
func cardReason(c *card.Card) entry.Reason {
	switch c.Class() {
	case card.Operator:
		if len(c.Payload()) > 0 {
			return entry.ReasonNone
		}
		return entry.ReasonUnreadable // wiped already
	case card.Payment:
		return entry.ReasonPaymentCard
	case card.Licence:
		return entry.ReasonLicenceCard
	case card.Unknown:
		return entry.ReasonUnknownCard
	}
	return entry.ReasonUnreadable
}

func sayCard(r entry.Reason) string {
	switch r {
	case entry.ReasonPaymentCard:
		return "that is a payment card; nothing of it was kept. Use an operator card"
	case entry.ReasonLicenceCard:
		return "that is a driver licence; nothing of it was kept. Use an operator card"
	case entry.ReasonUnknownCard:
		return "that is not an operator card"
	case entry.ReasonUnknownCredential:
		return "nobody here has this card"
	}
	return "the card could not be read; swipe it again"
}

// sayRefused is what a decision of the gate means to somebody. It is said only
// to who has been identified.
func sayRefused(r entry.Reason, name string) string {
	switch r {
	case entry.ReasonRule, entry.ReasonRefused, entry.ReasonUnreviewed, entry.ReasonUnknownFunction:
		return name + " may not do that here"
	case entry.ReasonNoWorkGroup:
		return name + " has no work group here"
	case entry.ReasonNoPolicy:
		return "no policy is loaded: nobody can sign on"
	case entry.ReasonOwnRequest:
		return "nobody approves the own request: another manager has to swipe"
	case entry.ReasonSamePerson:
		return "nobody approves the own request, with another number neither"
	case entry.ReasonNoManagerOverride:
		return name + " may not approve for others"
	case entry.ReasonApproverMayNot:
		return name + " may not approve this"
	case entry.ReasonAccountable:
		return name + " was signed on at this till and cannot approve its count"
	case entry.ReasonApprovedAlready:
		return name + " has approved already: another person has to approve too"
	case entry.ReasonStepUp:
		return "that waits for the own PIN of who is signed on"
	case entry.ReasonOneAction:
		return "that is approved for one action at a time"
	case entry.ReasonWhyNeeded:
		return "that takes a reason; where no code of the list will do, approve it at the console"
	case entry.ReasonPINRequired:
		return "that takes a PIN"
	case entry.ReasonDualControl:
		return "that takes two other persons, who cannot be asked for here"
	case entry.ReasonTooEarly:
		return "in the first second no approval counts: read what is to be approved, then do it again; it still waits"
	case entry.ReasonTimeout, entry.ReasonCancelled, entry.ReasonNoOverride, entry.ReasonRefusedByApprover:
		return "there is nothing to approve any more"
	case entry.ReasonStateChanged, entry.ReasonRosterChanged, entry.ReasonPolicyChanged, entry.ReasonModeChanged:
		return "something changed meanwhile; try again"
	case entry.ReasonCardRemoved:
		return "the card was taken out: put it in again"
	case entry.ReasonInUse, entry.ReasonSignedOver:
		return "somebody is signed on"
	case entry.ReasonNoSession:
		return "nobody is signed on"
	case entry.ReasonLocked:
		return "the register is locked"
	case entry.ReasonFull:
		return "the journal is full: nothing can be done here until there is room"
	case entry.ReasonSuspended, entry.ReasonSuspendedNow:
		return name + " is suspended"
	case entry.ReasonTerminated, entry.ReasonRevoked:
		return name + " may not work here any more"
	case entry.ReasonNotValid:
		return name + " may not work here today"
	case entry.ReasonNotHere:
		return name + " may not work here"
	case entry.ReasonNewPIN:
		return sayNewPIN
	case entry.ReasonCardOver:
		return "this card was for one day, which is over: use your own one"
	case entry.ReasonRate, entry.ReasonSlowDown:
		return sayWait
	case entry.ReasonOffClock:
		return name + " is not clocked in: clock in first"
	case entry.ReasonOnBreak:
		return name + " is on a break: end it first"
	case entry.ReasonForcedBreak:
		return name + " was sent on a break: it ends by time, or by somebody who may end it"
	case entry.ReasonClockedIn:
		return name + " is clocked in already"
	case entry.ReasonLimit, entry.ReasonUntold:
		return name + " may do that within a limit only, and this is beyond it"
	case entry.ReasonApproverLimit:
		return name + " may approve it within a limit only, and this is beyond it: somebody who may more has to"
	case entry.ReasonRemote:
		return "this site allows no approval from elsewhere"
	case entry.ReasonPending:
		return "something else waits for a second person: that first"
	case entry.ReasonFellBack:
		return "that takes the own PIN again"
	case entry.ReasonNoTimeClock:
		return "this register runs no time clock"
	}
	return "refused (" + r.String() + ")"
}

// sayDenied is what a decision of the gate means to somebody: beyond a limit, with
// what is within it. It is said only to who has been identified.
func sayDenied(d enforcer.Decision, name string) string {
	if d.Limit == nil {
		return sayRefused(d.Reason, name)
	}
	var within string
	switch d.Limit.Part {
	case policy.LimitAmount.String():
		within = fmt.Sprintf("up to an amount of %d only", d.Limit.Most)
	case policy.LimitPercent.String():
		within = fmt.Sprintf("up to %s %% only", policy.PercentWords(d.Limit.Most))
	case policy.LimitCount.String():
		within = fmt.Sprintf("%d times a session only", d.Limit.Most)
	case policy.LimitHours.String():
		within = "at other hours only"
	case policy.LimitRegisters.String():
		within = "at other registers only"
	default:
		return sayRefused(d.Reason, name)
	}
	switch d.Reason {
	case entry.ReasonLimit, entry.ReasonUntold:
		return name + " may do that " + within
	case entry.ReasonApproverLimit:
		return name + " may approve that " + within + ": somebody who may more has to"
	}
	return sayRefused(d.Reason, name)
}

func sayNoPIN(name string) string { return name + " has no PIN; a manager can set one" }

// sayNewPIN is said to who has shown a right PIN that others know as well.
const sayNewPIN = "choose a new PIN first"

const sayWait = "too many tries; wait a moment"

// sayLocked tells until when, by the wall clock, which is for reading only.
func (s *Service) sayLocked(left time.Duration) string { return "locked until " + s.clockTime(left) }

// clockTime is the time of day when a time is over, up to the next minute, so
// that nobody comes too early.
func (s *Service) clockTime(left time.Duration) string {
	until := s.o.Clock.Stamp().Time().Add(left).In(s.store.o.Location)
	return until.Add(time.Minute - time.Nanosecond).Truncate(time.Minute).Format("15:04")
}

func sayTriesLeft(n int) string {
	if n == 1 {
		return "wrong PIN; one try is left"
	}
	return fmt.Sprintf("wrong PIN; %d tries are left", n)
}
