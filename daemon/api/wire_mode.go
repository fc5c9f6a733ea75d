package api

import (
	"fmt"
	"time"
)

// The longest that modes may last, in one go.
const (
	MaxMonitor    = 14 * 24 * time.Hour
	MaxBreakGlass = 4 * time.Hour
)

// SayLeft is the time of a mode as people read it: days and hours, or hours and
// minutes, as "9d 23h" and "4h".
func SayLeft(d time.Duration) string {
	d = d.Round(time.Minute)
	days, hours, minutes := d/(24*time.Hour), d%(24*time.Hour)/time.Hour, d%time.Hour/time.Minute
	switch {
	case days > 0 && hours == 0:
		return fmt.Sprintf("%dd", days)
	case days > 0:
		return fmt.Sprintf("%dd %dh", days, hours)
	case hours > 0 && minutes == 0:
		return fmt.Sprintf("%dh", hours)
	case hours > 0:
		return fmt.Sprintf("%dh %dm", hours, minutes)
	}
	return fmt.Sprintf("%dm", minutes)
}

// Mode is what besides the policy decides whether something takes effect. On
// the POS socket only Mode and Left are told.
type Mode struct {
	// Mode is "enforce": the policy alone; "monitor": what the policy refuses is let
	// through and counted; "break-glass": drawers open for sales, and printing passes.
	Mode string `json:"mode"`
	// Seq is the journal entry that began it.
	Seq Seq `json:"seq,omitempty"`
	// Left is how much of its time is left.
	Left float64 `json:"left_seconds,omitempty"`
	// Functions are the keys of what is monitored; none: the whole register.
	Functions []string `json:"functions,omitempty"`
	Reason    string   `json:"reason,omitempty"` // in people's words
	By        string   `json:"by,omitempty"`
	With      string   `json:"with,omitempty"`
	// Spent is how long this installation was in monitor mode, of Total.
	Spent float64 `json:"monitor_spent_seconds,omitempty"`
	Total float64 `json:"monitor_total_seconds,omitempty"`
	// Codes is how many one-time codes for break-glass are left.
	Codes int `json:"codes_left,omitempty"`
}

// Person is one of those who change the mode, or who punches: number and PIN, or with Card the
// card that is swiped next at the register's reader, within EnrolFor, and its PIN.
type Person struct {
	Credentials
	Card bool `json:"card,omitempty"`
}

// ModeRequest asks for a mode. By and With are two different persons who may.
type ModeRequest struct {
	By   *Person `json:"by,omitempty"`
	With *Person `json:"with,omitempty"`
	// Seconds is for how long, at most MaxMonitor or MaxBreakGlass.
	Seconds float64 `json:"seconds"`
	// Functions limits monitor mode to these keys.
	Functions []string `json:"functions,omitempty"`
	// Reason is why, in people's words. It goes to the journal.
	Reason string `json:"reason"`
	// SetUp instead of persons is for setting a register up (technician): it begins
	// in monitor mode, once, and before anybody has signed on.
	SetUp bool `json:"set_up,omitempty"`
	// Code is for break-glass, instead of With: a one-time code of the sealed list.
	Code Secret `json:"code,omitempty"`
}

// CodesRequest makes a new list of one-time codes for break-glass, in place of
// the one before. Who asks makes the codes up, and prints them: the daemon keeps
// only what they are checked against. By and With are two different persons who
// may; SetUp instead is the technician's, before anybody has signed on.
type CodesRequest struct {
	By    *Person `json:"by,omitempty"`
	With  *Person `json:"with,omitempty"`
	SetUp bool    `json:"set_up,omitempty"`
	// Codes are 1 to 50 of 12 random letters and digits each, without I, L, O and U.
	Codes []Secret `json:"codes"`
}

// EndModeRequest ends a mode. The technician may leave By out.
type EndModeRequest struct {
	By *Person `json:"by,omitempty"`
}

// ModeAnswer is the mode after a change. What was refused is an Error with the
// journal's reason.
type ModeAnswer struct {
	Say  string `json:"say"`
	Mode Mode   `json:"mode"`
}

// ModeReportRequest asks what modes let through. From empty: since the last mode began.
type ModeReportRequest struct {
	By   *Credentials `json:"by,omitempty"`
	From *time.Time   `json:"from,omitempty"`
	To   *time.Time   `json:"to,omitempty"`
}

// ModeReport is what enforcing would change: what modes let through that the
// policy refused, out of all decisions in that time.
type ModeReport struct {
	From      *time.Time      `json:"from,omitempty"` // of the first decision
	To        *time.Time      `json:"to,omitempty"`   // of the last one
	Decisions uint64          `json:"decisions"`
	Through   uint64          `json:"let_through"`
	Rows      []ModeReportRow `json:"rows"`
}

// ModeReportRow counts one day, operator, function and refusal. It has nothing but
// values, so that equal ones are one row.
type ModeReportRow struct {
	Day      string `json:"day"`                // at the register
	Operator string `json:"operator,omitempty"` // empty: nobody was signed on
	Function string `json:"function"`
	Name     string `json:"name,omitempty"`
	Mode     string `json:"mode"`
	// Outcome is what the policy says: "denied", or "override-required" where a
	// manager would have had to approve.
	Outcome string `json:"outcome"`
	Reason  string `json:"reason"`
	Rule    Rule   `json:"rule"`
	Count   uint64 `json:"count"`
}
