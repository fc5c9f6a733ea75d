// Package entry holds what the journal stores: the entry, and the closed
// lists of kinds, outcomes, reasons, purposes and methods that it is made of.
//
// Guarantees: every number that reaches the disk is append-only. A kind or a
// reason, once released, keeps its number and its meaning for ever, so that a
// journal written today is read correctly by every later version.
//
// It is pure: no clock, no I/O. It knows neither policies nor devices.
package entry

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// Seq is an entry's place in its journal, from 1. Zero means "none".
type Seq uint64

// BootID is the kernel's boot id (/proc/sys/kernel/random/boot_id) as 16 bytes.
type BootID [16]byte

// String gives the boot id as 32 hexadecimal digits.
func (b BootID) String() string { return hex.EncodeToString(b[:]) }

// MarshalText writes the boot id as 32 hexadecimal digits.
func (b BootID) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (b *BootID) UnmarshalText(text []byte) error {
	raw, err := hex.DecodeString(string(text))
	if err != nil || len(raw) != len(b) {
		return fmt.Errorf("boot id %q: want 32 hexadecimal digits", text)
	}
	copy(b[:], raw)
	return nil
}

// Stamp is the moment of an entry on both clocks.
type Stamp struct {
	// Wall is the wall clock in nanoseconds since 1970 UTC. It may step.
	Wall int64 `cbor:"1,keyasint"`
	// Boot is CLOCK_BOOTTIME in nanoseconds: it never steps within a boot.
	Boot int64 `cbor:"2,keyasint"`
	// BootID says which boot Boot belongs to.
	BootID BootID `cbor:"3,keyasint"`
	// Clock says whether the kernel held the wall clock to be synchronised.
	Clock ClockState `cbor:"4,keyasint,omitempty"`
}

// Time is the wall clock of the stamp, in UTC.
func (s Stamp) Time() time.Time { return time.Unix(0, s.Wall).UTC() }

// PolicyRef names the policy that a decision was made under.
type PolicyRef struct {
	Epoch  uint64   `cbor:"1,keyasint"`
	Digest [32]byte `cbor:"2,keyasint"` // SHA-256 of the compiled policy
}

// Rule is what decided: which function's which mark, of which work group.
type Rule struct {
	WorkGroup string `cbor:"1,keyasint,omitempty" json:"group,omitempty"`
	Function  string `cbor:"2,keyasint,omitempty" json:"function,omitempty"`
	// Mark is "check", "X", "blank", "refuse" or "unreviewed" (policy.Mark's words);
	// of a change of people also "restricted": the work group is restricted to others.
	Mark string `cbor:"3,keyasint,omitempty" json:"mark,omitempty"`
}

// Approval is the second person of an override.
type Approval struct {
	Operator string `cbor:"1,keyasint,omitempty"`
	Person   string `cbor:"2,keyasint,omitempty"`
	Method   Method `cbor:"3,keyasint,omitempty"`
	// Override is the sequence number of the entry that announced the override.
	Override Seq `cbor:"4,keyasint,omitempty"`
	// First is the entry of the first approval, where this is the second of two.
	First Seq `cbor:"5,keyasint,omitempty"`
	// Fallback: number and PIN stood for the card that the site wants.
	Fallback bool `cbor:"6,keyasint,omitempty"`
	// At is where a remote approver says to be signed on.
	At string `cbor:"7,keyasint,omitempty"`
	// OffClock: the approver was not clocked in at this register, where its clock runs;
	// never of a remote one, who has another clock.
	OffClock bool `cbor:"8,keyasint,omitempty"`
	// Transaction: it holds for the rest of the transaction.
	Transaction bool `cbor:"9,keyasint,omitempty"`
}

// Entry is one line of the journal. Fields that do not apply are zero and
// are not written. No field ever carries a PIN, a track, a card number or a
// key: Text is for words that the daemon itself chose, never for input.
type Entry struct {
	Seq   Seq   `cbor:"1,keyasint"`
	Kind  Kind  `cbor:"2,keyasint"`
	Stamp Stamp `cbor:"3,keyasint"`

	// Session is the Seq of the sign-on entry that began the session.
	Session Seq `cbor:"4,keyasint,omitempty"`
	// Operator is the operator number of who acted; empty for the daemon itself.
	Operator   string   `cbor:"5,keyasint,omitempty"`
	Person     string   `cbor:"6,keyasint,omitempty"`
	WorkGroups []string `cbor:"7,keyasint,omitempty"`

	// Function is the function's dotted key, FunctionID its permanent number.
	Function   string  `cbor:"8,keyasint,omitempty"`
	FunctionID uint32  `cbor:"9,keyasint,omitempty"`
	Outcome    Outcome `cbor:"10,keyasint,omitempty"`
	Reason     Reason  `cbor:"11,keyasint,omitempty"`
	Rule       *Rule   `cbor:"12,keyasint,omitempty"`

	Approval *Approval `cbor:"13,keyasint,omitempty"`
	// Method is how the operator was identified, or how the action was asked.
	Method Method `cbor:"14,keyasint,omitempty"`
	// Source is where it came from: a device's name, "socket:pos uid=1000", "daemon".
	Source string `cbor:"15,keyasint,omitempty"`

	Device  string  `cbor:"16,keyasint,omitempty"`
	Drawer  string  `cbor:"17,keyasint,omitempty"`
	Purpose Purpose `cbor:"18,keyasint,omitempty"`
	// Claimant is who named the purpose: "pos", "operator", "profile:<rule>", "receipt".
	Claimant string `cbor:"19,keyasint,omitempty"`

	Policy *PolicyRef `cbor:"20,keyasint,omitempty"`
	// About is the entry that this one follows from: the decision of a grant,
	// the announcement of an override, the grant of an opened drawer.
	About Seq `cbor:"21,keyasint,omitempty"`

	// Lines and Digest are a receipt's printed lines and its keyed digest.
	Lines  uint32 `cbor:"22,keyasint,omitempty"`
	Digest []byte `cbor:"23,keyasint,omitempty"`
	// Elapsed is in nanoseconds: how long a drawer stood open, a lock lasts.
	Elapsed int64 `cbor:"24,keyasint,omitempty"`
	// Count is how many: suppressed refusals, tries, dropped bytes.
	Count uint64 `cbor:"25,keyasint,omitempty"`
	// Subject is whom or what a change of people or a load is about: an
	// operator number, a bundle's file name.
	Subject string `cbor:"26,keyasint,omitempty"`
	// Text is a short remark in the daemon's own words.
	Text string `cbor:"27,keyasint,omitempty"`

	// Mode is the mode that let something through which the policy refused, or
	// that began or ended.
	Mode Mode `cbor:"28,keyasint,omitempty"`
	// Why is the reason for a mode or an approval as people gave it. It is the one
	// field with their words, and long numbers are refused in it.
	Why string `cbor:"29,keyasint,omitempty"`
	// WhyCode is the reason for an approval by its code in the site's list.
	WhyCode uint16 `cbor:"30,keyasint,omitempty"`

	// Told is what was told of the size of the action.
	Told *Told `cbor:"31,keyasint,omitempty"`
	// Limit is the limit that a decision or an approval was measured by.
	Limit *Limit `cbor:"32,keyasint,omitempty"`
	// Uses is by how much this adds to how often the session had the function.
	Uses uint32 `cbor:"33,keyasint,omitempty"`

	// Later says, of an entry that was read, that a later version wrote it with fields
	// which this one does not know: what they say is not in here. It is not stored.
	Later bool `cbor:"-"`
}

// Told is what the POS, or whoever asks, told of the size of an action. Nil is
// not told. It is a claim: nobody else knows.
type Told struct {
	Amount  *uint64 `cbor:"1,keyasint,omitempty" json:"amount,omitempty"`  // in the smallest unit of the till's currency
	Percent *uint64 `cbor:"2,keyasint,omitempty" json:"percent,omitempty"` // in hundredths of a percent
	Count   *uint64 `cbor:"3,keyasint,omitempty" json:"count,omitempty"`   // how often at once
}

// PercentPoints is the percent as people write it: 12.5; nil where none was told.
func (t *Told) PercentPoints() *float64 {
	if t.Percent == nil {
		return nil
	}
	p := float64(*t.Percent) / 100
	return &p
}

// jsonTold is Told as people and scripts read it.
type jsonTold struct {
	Amount  *uint64  `json:"amount,omitempty"`
	Percent *float64 `json:"percent,omitempty"`
	Count   *uint64  `json:"count,omitempty"`
}

// Limit is what a work group limits a function to, and what was not within it.
type Limit struct {
	WorkGroup string `cbor:"1,keyasint,omitempty" json:"group,omitempty"`
	// Function is the function that is limited, where it is not the entry's.
	Function string `cbor:"2,keyasint,omitempty" json:"function,omitempty"`
	// Part is "amount", "percent", "count", "hours" or "registers" (policy.LimitPart's
	// words): the part that decided against it. Empty: all was within the limit.
	Part string `cbor:"3,keyasint,omitempty" json:"part,omitempty"`
	// Most is what the part allows, where it is a number: as in Told.
	Most uint64 `cbor:"4,keyasint,omitempty" json:"most,omitempty"`
	// Uses is how often the session had the function, this time included, where
	// that is counted.
	Uses uint64 `cbor:"5,keyasint,omitempty" json:"uses,omitempty"`
}

// MostPoints is Most as people write it: a percent as 12.5.
func (l *Limit) MostPoints() float64 {
	if l.Part == "percent" {
		return float64(l.Most) / 100
	}
	return float64(l.Most)
}

// jsonLimit is Limit as people and scripts read it.
type jsonLimit struct {
	WorkGroup string  `json:"group,omitempty"`
	Function  string  `json:"function,omitempty"`
	Part      string  `json:"part,omitempty"`
	Most      float64 `json:"most,omitempty"`
	Uses      uint64  `json:"uses,omitempty"`
}

// jsonEntry is the entry as people and scripts read it.
type jsonEntry struct {
	Seq        Seq        `json:"seq"`
	Time       time.Time  `json:"time"`
	Kind       string     `json:"kind"`
	Outcome    string     `json:"outcome,omitempty"`
	Reason     string     `json:"reason,omitempty"`
	Operator   string     `json:"operator,omitempty"`
	Person     string     `json:"person,omitempty"`
	WorkGroups []string   `json:"work_groups,omitempty"`
	Session    Seq        `json:"session,omitempty"`
	Function   string     `json:"function,omitempty"`
	FunctionID uint32     `json:"function_id,omitempty"`
	Rule       *Rule      `json:"rule,omitempty"`
	Approver   string     `json:"approver,omitempty"`
	ApproverID string     `json:"approver_person,omitempty"`
	ApprovedBy string     `json:"approver_method,omitempty"`
	Override   Seq        `json:"override,omitempty"`
	First      Seq        `json:"first_approval,omitempty"`
	Fallback   bool       `json:"approver_fallback,omitempty"`
	At         string     `json:"approver_at,omitempty"`
	OffClock   bool       `json:"approver_off_clock,omitempty"`
	Rest       bool       `json:"for_transaction,omitempty"`
	Method     string     `json:"method,omitempty"`
	Source     string     `json:"source,omitempty"`
	Device     string     `json:"device,omitempty"`
	Drawer     string     `json:"drawer,omitempty"`
	Purpose    string     `json:"purpose,omitempty"`
	Claimant   string     `json:"claimant,omitempty"`
	Epoch      uint64     `json:"policy_epoch,omitempty"`
	Policy     string     `json:"policy_digest,omitempty"`
	About      Seq        `json:"about,omitempty"`
	Lines      uint32     `json:"lines,omitempty"`
	Digest     string     `json:"digest,omitempty"`
	Elapsed    string     `json:"elapsed,omitempty"`
	Count      uint64     `json:"count,omitempty"`
	Subject    string     `json:"subject,omitempty"`
	Text       string     `json:"text,omitempty"`
	Mode       string     `json:"mode,omitempty"`
	Why        string     `json:"why,omitempty"`
	WhyCode    uint16     `json:"why_code,omitempty"`
	Told       *jsonTold  `json:"told,omitempty"`
	Limit      *jsonLimit `json:"limit,omitempty"`
	Uses       uint32     `json:"uses,omitempty"`
	Later      bool       `json:"later_fields,omitempty"`
	BootTime   int64      `json:"boot_ns"`
	BootID     string     `json:"boot_id"`
	Clock      string     `json:"clock"`
}

// MarshalJSON gives the entry in words, as every command and the API show it.
func (e Entry) MarshalJSON() ([]byte, error) {
	j := jsonEntry{
		Seq: e.Seq, Time: e.Stamp.Time(), Kind: e.Kind.String(), Operator: e.Operator, Person: e.Person,
		WorkGroups: e.WorkGroups, Session: e.Session, Function: e.Function, FunctionID: e.FunctionID, Rule: e.Rule,
		Source: e.Source, Device: e.Device, Drawer: e.Drawer, Claimant: e.Claimant, About: e.About, Lines: e.Lines,
		Digest: hex.EncodeToString(e.Digest), Count: e.Count, Subject: e.Subject, Text: e.Text, Why: e.Why, WhyCode: e.WhyCode,
		Uses: e.Uses, Later: e.Later,
		BootTime: e.Stamp.Boot, BootID: e.Stamp.BootID.String(), Clock: e.Stamp.Clock.String(),
	}
	if e.Outcome != 0 {
		j.Outcome = e.Outcome.String()
	}
	if e.Reason != 0 {
		j.Reason = e.Reason.String()
	}
	if e.Method != 0 {
		j.Method = e.Method.String()
	}
	if e.Mode != 0 {
		j.Mode = e.Mode.String()
	}
	if e.Purpose != 0 {
		j.Purpose = e.Purpose.String()
	}
	if e.Approval != nil {
		j.Approver, j.ApproverID, j.Override = e.Approval.Operator, e.Approval.Person, e.Approval.Override
		j.First, j.Fallback, j.At, j.OffClock = e.Approval.First, e.Approval.Fallback, e.Approval.At, e.Approval.OffClock
		j.Rest = e.Approval.Transaction
		if e.Approval.Method != 0 {
			j.ApprovedBy = e.Approval.Method.String()
		}
	}
	if e.Told != nil {
		j.Told = &jsonTold{e.Told.Amount, e.Told.PercentPoints(), e.Told.Count}
	}
	if l := e.Limit; l != nil {
		j.Limit = &jsonLimit{l.WorkGroup, l.Function, l.Part, l.MostPoints(), l.Uses}
	}
	if e.Policy != nil {
		j.Epoch, j.Policy = e.Policy.Epoch, hex.EncodeToString(e.Policy.Digest[:])
	}
	if e.Elapsed != 0 {
		j.Elapsed = time.Duration(e.Elapsed).String()
	}
	return json.Marshal(j)
}
