package api

import "time"

// Operator is one operator of the register's own roster, without verifiers.
type Operator struct {
	Number     string   `json:"number"`
	Name       string   `json:"name"`
	Person     string   `json:"person"`
	WorkGroups []string `json:"work_groups"`
	Suspended  bool     `json:"suspended"`
	HasPIN     bool     `json:"has_pin"`
	Cards      int      `json:"cards"`
	// LockedFor is how long number and PIN stay locked here, in seconds.
	LockedFor float64    `json:"locked_for,omitempty"`
	Changed   *time.Time `json:"changed,omitempty"`
}

// Operators is a list of operators.
type Operators struct {
	Operators []Operator `json:"operators"`
}

// PeopleRequest is about operators: By is who acts. The technician may leave
// By out for reading, and for the first operator of an empty roster.
type PeopleRequest struct {
	By *Credentials `json:"by,omitempty"`
	// Number is the operator that it is about. Not for listing.
	Number string `json:"number,omitempty"`
	// Name, Person, WorkGroups and PIN are for adding; Name also for set-name,
	// WorkGroups for set-groups, PIN for set-pin. An empty Person is a person of their own.
	Name       string   `json:"name,omitempty"`
	Person     string   `json:"person,omitempty"`
	WorkGroups []string `json:"work_groups,omitempty"`
	PIN        Secret   `json:"pin,omitempty"`
	// Card is the card to revoke, by its number among the operator's; 0: all of them.
	Card uint32 `json:"card,omitempty"`
}

// PeopleAnswer is a change that was made, or the operator that was asked
// for. What was refused is an Error with the journal's reason.
type PeopleAnswer struct {
	// Say is what happened, in words.
	Say      string    `json:"say,omitempty"`
	Operator *Operator `json:"operator,omitempty"`
}
