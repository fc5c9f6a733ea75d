package enforcer

import (
	"context"
	"sync/atomic"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// Clock is the time that decisions use. Boot is CLOCK_BOOTTIME: it never
// steps within a boot and counts suspend; wall time decides nothing.
type Clock interface {
	Boot() time.Duration
	Stamp() entry.Stamp
	// After calls f once d has passed on the boot clock, unless stop is called first.
	After(d time.Duration, f func()) (stop func() bool)
}

// Journal is where decisions are written before they take effect. Append
// returns only when every entry is on disk; an error means that nothing may
// take effect. Essential entries (sign-on and drawer decisions) are taken as
// long as there is any space at all. Append is called from many goroutines.
type Journal interface {
	Append(ctx context.Context, essential bool, es ...entry.Entry) ([]entry.Seq, error)
}

// Subject is an operator as the gate knows one: who, behind whom, and with
// which work groups. The planes are computed by the gate.
type Subject struct {
	Operator   string // operator number
	Name       string
	Person     string // two-person rules compare persons, not numbers
	WorkGroups []string
}

// Session is one operator signed on at this register. It is immutable: a
// change makes a new one in a new snapshot.
type Session struct {
	ID      entry.Seq // of the sign-on entry
	Subject Subject
	Method  entry.Method
	Began   entry.Stamp
	Locked  bool
	Planes  *policy.Planes
	// Manager: some of the work groups may approve for others. FellBack: what only
	// those allow takes the own PIN again (see fallback.go).
	Manager, FellBack bool

	// What the other work groups allow, of a manager.
	lesser       *policy.Planes
	lesserGroups []string
}

// Snapshot is policy, session and lock state at one moment, and the override
// that is pending. It is immutable. Generation differs between any two whose
// policy, roster, session, lock or mode differ; it stays when only an override
// comes or goes.
type Snapshot struct {
	Generation uint64
	Policy     *policy.Compiled // nil: no policy is loaded, everything is denied
	Ref        entry.PolicyRef
	Session    *Session // nil: nobody is signed on
	Override   *Override
	Mode       *Mode // nil: enforcing
}

// Override is a pending override as others may see it.
type Override struct {
	ID        entry.Seq // of the entry that announced it
	Session   entry.Seq
	Requester string // operator number
	Function  string
	Name      string // the function's name, as in prompts
	Drawer    string
	// StepUp: it waits for the requester's own PIN, and for nobody else.
	StepUp bool
	PIN    bool // who approves has to show a PIN, whatever the site asks for
	// Transaction: an approval may hold for the rest of the transaction.
	Transaction bool
	Why         policy.ReasonMode // which reason an approval takes
	Needs       int               // how many persons have to approve it: 1 or 2
	Approved    []string          // operator numbers of who did so far
	Announced   time.Duration     // boot time
	Expires     time.Duration     // boot time
	Source      string
	Purpose     entry.Purpose
	Claimant    string
	Told        *entry.Told  // of the action's size; nil: nothing
	Limit       *entry.Limit // that was exceeded, where that is why; nil: none
}

// Request asks for one action of the signed-on operator's session.
type Request struct {
	Function string // dotted key
	Drawer   string // the drawer to open with it; empty: no drawer
	Purpose  entry.Purpose
	Claimant string
	Method   entry.Method
	Source   string
	Lines    uint32
	Digest   []byte
	// Told is what was told of the action's size; nil: nothing.
	Told *entry.Told
	// Hold is how long a grant may wait to be redeemed: default 5 s, at most 60 s.
	Hold time.Duration
	// Session, where not zero, must be the session that is current when the
	// decision is made: a kick belongs to the session at its arrival.
	Session entry.Seq
	// Generation, where not zero, must be the snapshot's when the decision is
	// made: what a kick that was held came in (nobody signed on, a locked
	// register, another policy) is over.
	Generation uint64
	// NoOverride answers "override required" without announcing one (a mere question).
	NoOverride bool
}

// Decision is the answer to a request. Denied is an answer, not an error.
type Decision struct {
	Outcome  entry.Outcome
	Reason   entry.Reason
	Rule     entry.Rule
	Limit    *entry.Limit // that it was measured by; nil: none
	Function policy.ID
	Seq      entry.Seq // of the journal entry, on disk before anybody sees this
	Override entry.Seq // the pending override, where one was announced or joined
	Joined   bool      // an override for the same was pending already
	// Mode is what let it through although the policy refused it; Outcome,
	// Reason and Rule stay the policy's. ModeEnforce: nothing did.
	Mode entry.Mode
}

// Redemption is what the one function that writes a pulse asks for. Only
// Gate.Redeem makes one that is valid, and only while the pulse is written.
type Redemption struct {
	drawer string
	seq    entry.Seq
	live   *atomic.Bool
}

// Drawer is the drawer that may be opened.
func (r Redemption) Drawer() string { return r.drawer }

// Seq is the journal entry of the decision behind it.
func (r Redemption) Seq() entry.Seq { return r.seq }

// Valid reports whether a pulse may be written now, for this drawer. The
// zero Redemption, and one kept for later, are not valid.
func (r Redemption) Valid(drawer string) bool {
	return r.live != nil && r.live.Load() && r.drawer != "" && r.drawer == drawer
}
