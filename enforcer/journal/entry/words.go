package entry

import "fmt"

// Kind says what happened. Append-only: it is on disk.
type Kind uint16

// The kinds of entries.
const (
	KindNone             Kind = iota
	KindStart                 // the daemon started
	KindStop                  // the daemon stopped in good order
	KindClockStep             // the wall clock stepped against the boot clock; Elapsed is by how much
	KindRecovered             // this journal follows one that was damaged; Text and Digest say what is known of it
	KindSummary               // refusals of one source beyond its rate, as a Count
	KindSpace                 // the space for the journal: alarm, reserve reached, exhausted, room again
	KindSignOn                // a try to sign on, with its outcome
	KindSignOff               // a session ended
	KindLock                  // the register was locked
	KindUnlock                // a try to unlock, with its outcome
	KindIdentify              // a credential was presented and refused, outside a sign-on
	KindLockout               // an operator's number and PIN was locked on this register; Elapsed is for how long
	KindDecision              // a decision on a function
	KindWithdrawn             // a decision was allowed, but the state changed before its grant was made
	KindOverride              // an override was announced
	KindApproval              // somebody tried to approve an override, with the outcome; override-required: a second person must, too
	KindOverrideEnd           // an override ended without approval: refused, cancelled, timed out
	KindRedeemed              // a grant was redeemed: the pulse was written, or writing it failed
	KindLapsed                // a grant ended unused
	KindDrawerOpened          // the sensor saw the drawer open; About is the grant's decision, zero means without a grant
	KindDrawerClosed          // the sensor saw it close; Elapsed is how long it stood open
	KindDrawerLeftOpen        // it stands open for longer than allowed
	KindDrawerNoOpen          // a pulse was written and the drawer did not open
	KindDeviceUp              // a device was opened
	KindDeviceDown            // a device was lost or closed
	KindDeviceRefused         // bytes of the POS were not forwarded; Text says what, Count how many bytes
	KindDeviceCalibrated      // a technician calibrated a device
	KindLoad                  // a policy or roster was loaded or refused
	KindPeople                // a change of an operator
	KindCardRefused           // a card that is not an operator's was swiped: payment card, licence, unknown, unreadable
	KindSaleNoReceipt         // the drawer was opened as a sale and no receipt followed
	KindConfig                // the configuration was read again
	KindCalled                // somebody called for something that needs no decision but is worth knowing
	KindSession               // a session goes on: resumed after a restart, or with other work groups
	KindDeviceTrust           // a printer's state became known (allowed), or unknown (denied); Reason says by what
	KindMode                  // somebody tried to change the mode, with the outcome; Mode is the one that was to begin, Elapsed for how long
	KindModeEnd               // a mode ended: the policy decides alone again; Reason says by what, About is the mode's beginning
	KindModeLeft              // a mode goes on; Elapsed is how much of its time is left
	KindDevicePassed          // bytes of the POS that nobody understood were forwarded in break-glass; Text says what, Count how many bytes
	KindCodes                 // a list of one-time codes for break-glass was made, or refused; Count is how many, Digest of their verifiers
	KindStepUp                // an operator tried to confirm an action with the own PIN, with the outcome; About is its announcement
	KindScopeEnd              // an approval for the rest of a transaction ended, Reason says by what; About is the approval, Count how often it was used besides
	KindMemory                // what is folded from entries that are about to be removed, written down again; Subject says what
	KindRetired               // entries older than what is kept are removed; About is the last of them, Count how many
	KindClockIn               // somebody tried to clock in, with the outcome; Approval is who did it for them
	KindClockOut              // likewise, to clock out
	KindBreakBegin            // likewise, to begin a break; Elapsed is how long a forced one lasts
	KindBreakEnd              // a break ended, or somebody tried to end it; Reason says by what
	KindFallBack              // what only a manager's work groups allow takes the own PIN again; Reason says why
	kindEnd
)

var kindNames = [...]string{
	"none", "start", "stop", "clock-step", "recovered", "summary", "space", "sign-on", "sign-off", "lock", "unlock",
	"identify", "lockout", "decision", "withdrawn", "override", "approval", "override-end", "redeemed", "lapsed",
	"drawer-opened", "drawer-closed", "drawer-left-open", "drawer-no-open", "device-up", "device-down", "device-refused",
	"device-calibrated", "load", "people", "card-refused", "sale-without-receipt", "config", "called", "session",
	"device-trust", "mode", "mode-end", "mode-left", "device-passed", "codes", "step-up", "scope-end", "memory", "retired",
	"clock-in", "clock-out", "break-begin", "break-end", "fall-back",
}

// String gives the kind's word, as in reports, filters and JSON.
func (k Kind) String() string { return word(kindNames[:], int(k), "kind") }

// ParseKind is the reverse of String.
func ParseKind(s string) (Kind, error) {
	i, err := unword(kindNames[:], s, "kind")
	return Kind(i), err
}

// Kinds lists the words of all kinds, for help texts.
func Kinds() []string { return append([]string(nil), kindNames[1:]...) }

// Outcome is how it came out. Append-only: it is on disk.
type Outcome uint8

// The outcomes.
const (
	OutcomeNone             Outcome = iota
	OutcomeAllowed                  // allowed, done
	OutcomeOverrideRequired         // somebody else must approve
	OutcomeDenied                   // refused
	OutcomeError                    // could not decide or could not do
)

var outcomeNames = [...]string{"none", "allowed", "override-required", "denied", "error"}

// String gives the outcome's word.
func (o Outcome) String() string { return word(outcomeNames[:], int(o), "outcome") }

// ParseOutcome is the reverse of String.
func ParseOutcome(s string) (Outcome, error) {
	i, err := unword(outcomeNames[:], s, "outcome")
	return Outcome(i), err
}

// Outcomes lists the words of all outcomes, for help texts.
func Outcomes() []string { return append([]string(nil), outcomeNames[1:]...) }

// Reason says why, where the rule alone does not. Append-only: it is on disk.
type Reason uint16

// The reasons.
const (
	ReasonNone              Reason = iota
	ReasonRule                     // the rule decided
	ReasonNoPolicy                 // no policy is loaded
	ReasonNoSession                // nobody is signed on
	ReasonLocked                   // the register is locked
	ReasonUnknownFunction          // not in the catalogue
	ReasonNoWorkGroup              // the operator has no work group that the policy knows
	ReasonUnreviewed               // newer than the catalogue that the work group was reviewed against
	ReasonRefused                  // a work group says refuse
	ReasonStateChanged             // session, policy or roster changed in between
	ReasonTimeout                  // it took too long
	ReasonCancelled                // the requester or the POS took it back
	ReasonRefusedByApprover        // the second person said no
	ReasonOwnRequest               // nobody approves the own request
	ReasonSamePerson               // the person behind the operator is the requester's
	ReasonNoManagerOverride        // the approver has no Manager Override
	ReasonApproverMayNot           // the approver may not do it either
	ReasonAccountable              // the approver held a session on this till since it was opened
	ReasonTooEarly                 // presented before the override had been announced for a second
	ReasonUnknownCredential        // no operator has this card or number
	ReasonWrongPIN                 // the PIN was wrong
	ReasonSuspended                // the operator is suspended
	ReasonLockedOut                // too many wrong PINs on this register
	ReasonPINRequired              // the card alone is not enough
	ReasonCardRequired             // number and PIN are not enough
	ReasonSlowDown                 // tries come too fast
	ReasonPaymentCard              // a payment card
	ReasonLicenceCard              // a driver licence
	ReasonUnknownCard              // a card of no known format
	ReasonUnreadable               // the card could not be read
	ReasonInUse                    // somebody else is signed on
	ReasonIdle                     // nothing was done for too long
	ReasonRestart                  // the daemon was restarted
	ReasonReboot                   // the register was rebooted
	ReasonOwner                    // the operator's own wish
	ReasonManager                  // a manager's wish
	ReasonSignature                // a signature does not verify
	ReasonChain                    // the bundle is for another chain
	ReasonStore                    // the bundle is for another store
	ReasonType                     // the bundle is of another type
	ReasonEpoch                    // the bundle's epoch is lower than one that was loaded
	ReasonDigest                   // the content does not match its digest
	ReasonSize                     // too large, or not of the size that it says
	ReasonMalformed                // cannot be parsed
	ReasonFull                     // no space is left for the journal
	ReasonBusy                     // the printer is not ready, or its queue is not empty
	ReasonOffline                  // the printer does not answer
	ReasonExpired                  // the grant was too old
	ReasonWrongDrawer              // the grant is for another drawer
	ReasonUsed                     // the grant was used
	ReasonWriteFailed              // writing to the device failed
	ReasonUnparsed                 // the bytes could not be parsed with certainty
	ReasonNotForwarded             // a known command that is not let through
	ReasonNoGrant                  // the drawer opened and nothing was granted
	ReasonDamaged                  // the file is damaged
	ReasonCardTaken                // another operator has this card
	ReasonExists                   // there is one already
	ReasonWeak                     // the PIN does not meet the rules
	ReasonRate                     // too many from one source
	ReasonPending                  // another override is pending
	ReasonUntrusted                // the printer's state is unknown until it is resynchronised
	ReasonTechnician               // the technician's word
	ReasonPowerCycle               // the device lost its power
	ReasonUnplugged                // the device is gone
	ReasonOpened                   // the device was found
	ReasonSuspendedNow             // the operator was suspended during the session
	ReasonPolicyChanged            // a new policy was loaded
	ReasonRosterChanged            // the roster changed
	ReasonStopped                  // the daemon stopped
	ReasonNoOverride               // no such override is pending
	ReasonNotForDrawer             // the function is not one that a drawer opens for
	ReasonUnknownOperator          // no operator has this number
	ReasonUnknownWorkGroup         // the loaded policy has no such work group
	ReasonRestricted               // the work group is restricted to other editors
	ReasonUnsupported              // the function asks for something that cannot be had, as two approvers where nobody may approve
	ReasonCleared                  // the device's buffers were cleared
	ReasonPrintLost                // a picture or code was not printed, as it could be read as something else
	ReasonModeChanged              // a mode began or ended
	ReasonSpent                    // the installation's time in monitor mode is used up
	ReasonTooLong                  // longer than it may be
	ReasonRegister                 // the bundle is for another register
	ReasonUnknownClient            // whose connection it came over could not be told
	ReasonDualControl              // two other persons must approve, whoever asks
	ReasonOneOfTwo                 // approved by the first of two who must
	ReasonApprovedAlready          // the person approved it already, and another one must
	ReasonStepUp                   // the operator's own PIN is needed again
	ReasonTerminated               // the operator was terminated
	ReasonNotValid                 // before the operator's first day here, or after the last
	ReasonNotHere                  // the operator may not work in this store, or at this register
	ReasonNewPIN                   // the operator has to choose a new PIN first
	ReasonCardOver                 // a temporary card whose day is over
	ReasonRevoked                  // the operator is on the list of those who were revoked
	ReasonOfRoster                 // the operator is of the applied roster, which is not changed here
	ReasonWhyNeeded                // the approval takes a reason, of the list or in words
	ReasonRemote                   // the site allows no approval from elsewhere
	ReasonOneAction                // an approval of this function is for one action only
	ReasonApproved                 // approved before, for the rest of the transaction
	ReasonTransaction              // the transaction is over
	ReasonLimit                    // beyond the limit of every work group that gives it
	ReasonUntold                   // a limit wants to know what was not told
	ReasonApproverLimit            // beyond the approver's own limit
	ReasonOffClock                 // not clocked in
	ReasonOnBreak                  // on a break
	ReasonForcedBreak              // on a break that somebody else sent the operator on
	ReasonClockedIn                // clocked in already
	ReasonNoTimeClock              // this register runs no time clock
	ReasonSignedOver               // another operator signed on in this one's place
	ReasonFellBack                 // a manager's work groups are not used until the own PIN is given again
	ReasonCardRemoved              // the operator's card was taken out of its reader
	reasonEnd
)

// Each word stands with its reason: in a bare list, one too far up or down
// would give others' words to all that follow.
var reasonNames = [...]string{
	ReasonNone:              "none",
	ReasonRule:              "rule",
	ReasonNoPolicy:          "no-policy",
	ReasonNoSession:         "no-session",
	ReasonLocked:            "locked",
	ReasonUnknownFunction:   "unknown-function",
	ReasonNoWorkGroup:       "no-work-group",
	ReasonUnreviewed:        "unreviewed",
	ReasonRefused:           "refuse",
	ReasonStateChanged:      "state-changed",
	ReasonTimeout:           "timed-out",
	ReasonCancelled:         "cancelled",
	ReasonRefusedByApprover: "refused-by-approver",
	ReasonOwnRequest:        "own-request",
	ReasonSamePerson:        "same-person",
	ReasonNoManagerOverride: "no-manager-override",
	ReasonApproverMayNot:    "approver-may-not",
	ReasonAccountable:       "accountable",
	ReasonTooEarly:          "too-early",
	ReasonUnknownCredential: "unknown-credential",
	ReasonWrongPIN:          "wrong-pin",
	ReasonSuspended:         "suspended",
	ReasonLockedOut:         "locked-out",
	ReasonPINRequired:       "pin-required",
	ReasonCardRequired:      "card-required",
	ReasonSlowDown:          "slow-down",
	ReasonPaymentCard:       "payment-card",
	ReasonLicenceCard:       "licence-card",
	ReasonUnknownCard:       "unknown-card",
	ReasonUnreadable:        "unreadable",
	ReasonInUse:             "in-use",
	ReasonIdle:              "idle",
	ReasonRestart:           "restart",
	ReasonReboot:            "reboot",
	ReasonOwner:             "owner",
	ReasonManager:           "manager",
	ReasonSignature:         "signature",
	ReasonChain:             "chain",
	ReasonStore:             "store",
	ReasonType:              "type",
	ReasonEpoch:             "epoch",
	ReasonDigest:            "digest",
	ReasonSize:              "size",
	ReasonMalformed:         "malformed",
	ReasonFull:              "journal-full",
	ReasonBusy:              "busy",
	ReasonOffline:           "offline",
	ReasonExpired:           "expired",
	ReasonWrongDrawer:       "wrong-drawer",
	ReasonUsed:              "used",
	ReasonWriteFailed:       "write-failed",
	ReasonUnparsed:          "unparsed",
	ReasonNotForwarded:      "not-forwarded",
	ReasonNoGrant:           "no-grant",
	ReasonDamaged:           "damaged",
	ReasonCardTaken:         "card-taken",
	ReasonExists:            "exists",
	ReasonWeak:              "weak",
	ReasonRate:              "rate",
	ReasonPending:           "pending",
	ReasonUntrusted:         "untrusted",
	ReasonTechnician:        "technician",
	ReasonPowerCycle:        "power-cycle",
	ReasonUnplugged:         "unplugged",
	ReasonOpened:            "opened",
	ReasonSuspendedNow:      "suspended-now",
	ReasonPolicyChanged:     "policy-changed",
	ReasonRosterChanged:     "roster-changed",
	ReasonStopped:           "stopped",
	ReasonNoOverride:        "no-override",
	ReasonNotForDrawer:      "not-for-drawer",
	ReasonUnknownOperator:   "unknown-operator",
	ReasonUnknownWorkGroup:  "unknown-work-group",
	ReasonRestricted:        "restricted",
	ReasonUnsupported:       "unsupported",
	ReasonCleared:           "cleared",
	ReasonPrintLost:         "print-lost",
	ReasonModeChanged:       "mode-changed",
	ReasonSpent:             "spent",
	ReasonTooLong:           "too-long",
	ReasonRegister:          "register",
	ReasonUnknownClient:     "unknown-client",
	ReasonDualControl:       "dual-control",
	ReasonOneOfTwo:          "one-of-two",
	ReasonApprovedAlready:   "approved-already",
	ReasonStepUp:            "step-up",
	ReasonTerminated:        "terminated",
	ReasonNotValid:          "not-valid",
	ReasonNotHere:           "not-here",
	ReasonNewPIN:            "new-pin",
	ReasonCardOver:          "card-over",
	ReasonRevoked:           "revoked",
	ReasonOfRoster:          "of-roster",
	ReasonWhyNeeded:         "why-needed",
	ReasonRemote:            "remote",
	ReasonOneAction:         "one-action",
	ReasonApproved:          "approved",
	ReasonTransaction:       "transaction-over",
	ReasonLimit:             "limit",
	ReasonUntold:            "untold",
	ReasonApproverLimit:     "approver-limit",
	ReasonOffClock:          "off-clock",
	ReasonOnBreak:           "on-break",
	ReasonForcedBreak:       "forced-break",
	ReasonClockedIn:         "clocked-in",
	ReasonNoTimeClock:       "no-time-clock",
	ReasonSignedOver:        "signed-over",
	ReasonFellBack:          "fell-back",
	ReasonCardRemoved:       "card-removed",
}

// String gives the reason's word.
func (r Reason) String() string { return word(reasonNames[:], int(r), "reason") }

// OwnPIN reports whether an override that is required for this reason is the own
// PIN again, and nobody else's word.
func (r Reason) OwnPIN() bool { return r == ReasonStepUp || r == ReasonFellBack }

// ParseReason is the reverse of String.
func ParseReason(s string) (Reason, error) {
	i, err := unword(reasonNames[:], s, "reason")
	return Reason(i), err
}

// Method is how somebody was identified, or how something was asked for.
// Append-only: it is on disk.
type Method uint8

// The methods.
const (
	MethodNone       Method = iota
	MethodCard              // card alone
	MethodCardPIN           // card and PIN
	MethodNumberPIN         // operator number and PIN
	MethodPOS               // the POS asked over the API
	MethodKick              // a kick in the print stream
	MethodConsole           // asked at the console
	MethodTechnician        // the technician's socket
	MethodKeypad            // a code at the keypad
	MethodPIN               // the own PIN again, by who is signed on
	MethodRemote            // operator number and PIN, given elsewhere than at this register
	methodEnd
)

var methodNames = [...]string{"none", "card", "card+pin", "number+pin", "pos", "kick", "console", "technician", "keypad", "pin", "remote"}

// PIN reports whether a PIN was shown.
func (m Method) PIN() bool {
	return m == MethodCardPIN || m == MethodNumberPIN || m == MethodPIN || m == MethodRemote
}

// String gives the method's word.
func (m Method) String() string { return word(methodNames[:], int(m), "method") }

// ParseMethod is the reverse of String.
func ParseMethod(s string) (Method, error) {
	i, err := unword(methodNames[:], s, "method")
	return Method(i), err
}

// Purpose says how it is known what a drawer opening is for, from the
// strongest to the weakest. Append-only: it is on disk.
type Purpose uint8

// The purposes' sources.
const (
	PurposeUnset    Purpose = iota
	PurposeAsked            // the POS or the operator named the function
	PurposeProfile          // a text rule of the print profile
	PurposeReceipt          // a receipt was printed with it
	PurposeUnproven         // a sale whose receipt is still to come (kick_order = before)
	PurposeNone             // nothing says: a no-sale
	purposeEnd
)

var purposeNames = [...]string{"unset", "asked", "profile", "receipt", "unproven", "none"}

// String gives the purpose's word.
func (p Purpose) String() string { return word(purposeNames[:], int(p), "purpose") }

// ParsePurpose is the reverse of String.
func ParsePurpose(s string) (Purpose, error) {
	i, err := unword(purposeNames[:], s, "purpose")
	return Purpose(i), err
}

// Mode is what besides the policy decides whether something takes effect.
// Append-only: it is on disk.
type Mode uint8

// The modes. What a mode lets through keeps the outcome that the policy gives it.
const (
	ModeEnforce    Mode = iota // the policy alone
	ModeMonitor                // what the policy refuses is let through, and counted
	ModeBreakGlass             // drawers open for sales, and printing passes
	modeEnd
)

var modeNames = [...]string{"enforce", "monitor", "break-glass"}

// String gives the mode's word.
func (m Mode) String() string { return word(modeNames[:], int(m), "mode") }

// ParseMode is the reverse of String, for modes other than enforce.
func ParseMode(s string) (Mode, error) {
	i, err := unword(modeNames[:], s, "mode")
	return Mode(i), err
}

// ClockState is what the kernel says of the wall clock. Append-only: it is on disk.
type ClockState uint8

// The states of the clock (adjtimex(2), STA_UNSYNC).
const (
	ClockUnknown ClockState = iota
	ClockSynchronised
	ClockUnsynchronised
	clockEnd
)

var clockNames = [...]string{"unknown", "synchronised", "unsynchronised"}

// String gives the state's word.
func (c ClockState) String() string { return word(clockNames[:], int(c), "clock") }

// ParseClock is the reverse of String, for what is known.
func ParseClock(s string) (ClockState, error) {
	i, err := unword(clockNames[:], s, "state of the clock")
	return ClockState(i), err
}

// word never fails: a number of a later version is shown as such.
func word(names []string, i int, what string) string {
	if i < 0 || i >= len(names) {
		return fmt.Sprintf("%s-%d", what, i)
	}
	return names[i]
}

func unword(names []string, s, what string) (int, error) {
	for i, n := range names {
		if n == s && i > 0 {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%q is no %s", s, what)
}
