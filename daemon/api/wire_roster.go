package api

import "time"

// RosterStatus says which people travel, and what was applied here.
type RosterStatus struct {
	// StoreKey names the store's key; empty: this register has none.
	StoreKey string `json:"store_key,omitempty"`
	// Own is how many operators are this register's own, OfRoster how many came with
	// the applied roster.
	Own      int `json:"own"`
	OfRoster int `json:"of_roster"`
	// Roster and Revocations are what was applied last; nil: nothing.
	Roster      *AppliedBundle `json:"roster,omitempty"`
	Revocations *AppliedBundle `json:"revocations,omitempty"`
	// Revoked is how many operators are on the list of revocations.
	Revoked int `json:"revoked"`
}

// AppliedBundle is a roster, or a list of revocations, that was applied.
type AppliedBundle struct {
	Epoch   uint64    `json:"epoch"`
	MadeAt  string    `json:"made_at"` // store/register
	Applied time.Time `json:"applied"`
}

// RosterExport asks for what is carried to the store's other lanes.
type RosterExport struct {
	By *Credentials `json:"by"`
	// Revocations asks for the list of revocations, instead of the roster.
	Revocations bool `json:"revocations,omitempty"`
}

// RosterExported is a signed bundle.
type RosterExported struct {
	Type      string `json:"type"` // "roster" or "revocations"
	Epoch     uint64 `json:"epoch"`
	Operators int    `json:"operators"`
	// Without are operators whose PIN or card could not go with them: they were set
	// before this register had the store's key, and not used since.
	Without []string `json:"without,omitempty"`
	Bundle  []byte   `json:"bundle"`
}

// RosterApply hands in a signed roster, or a signed list of revocations. The technician
// may leave By out: the signature says that it is the store's, or the chain's.
type RosterApply struct {
	By *Credentials `json:"by,omitempty"`
	// Name is what the journal calls it, usually the file's name.
	Name   string `json:"name"`
	Bundle []byte `json:"bundle"`
	// ReplaceOwn lets the roster's operators take the places of this register's own
	// ones with the same numbers.
	ReplaceOwn bool `json:"replace_own,omitempty"`
}

// RosterApplied says what it changed. A bundle that is refused changes nothing.
type RosterApplied struct {
	Say       string `json:"say"`
	Type      string `json:"type"` // "roster" or "revocations"
	Epoch     uint64 `json:"epoch"`
	MadeAt    string `json:"made_at"`
	Added     int    `json:"added"`
	Changed   int    `json:"changed"`
	Removed   int    `json:"removed"`
	Unchanged int    `json:"unchanged"`
	// Revoked are who was put on the list, Freed who was taken from it.
	Revoked []string `json:"revoked,omitempty"`
	Freed   []string `json:"freed,omitempty"`
	// Terminated are operators of the roster who were terminated here, and stay so.
	Terminated []string `json:"terminated,omitempty"`
	// Foreign are operators whose PIN was made with keys that this register has not.
	Foreign []string `json:"foreign,omitempty"`
}
