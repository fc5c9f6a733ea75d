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
	// CardList has their cards, each with its number.
	CardList []OperatorCard `json:"card_list,omitempty"`
	// From and Until are the first and the last day, as 2026-11-27; empty: no bound.
	From  string `json:"from,omitempty"`
	Until string `json:"until,omitempty"`
	// Stores and Registers are where the operator may work; none: everywhere.
	Stores     []string `json:"stores,omitempty"`
	Registers  []string `json:"registers,omitempty"`
	Terminated bool     `json:"terminated,omitempty"`
	// MustChangePIN: others know the PIN, and it is good for choosing another only.
	MustChangePIN bool `json:"must_change_pin,omitempty"`
	// Roster is the epoch of the applied roster that the operator is from; left out:
	// this register's own.
	Roster uint64 `json:"roster,omitempty"`
	// Standing is the journal's word for why the operator may do nothing here now;
	// empty: nothing is in the way.
	Standing string `json:"standing,omitempty"`
	// LockedFor is how long number and PIN stay locked here, in seconds.
	LockedFor float64    `json:"locked_for,omitempty"`
	Changed   *time.Time `json:"changed,omitempty"`
}

// OperatorCard is one card of an operator.
type OperatorCard struct {
	ID       uint32    `json:"id"`
	Format   string    `json:"format"`
	Enrolled time.Time `json:"enrolled"`
	// Until is the end of a temporary card's day.
	Until *time.Time `json:"until,omitempty"`
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
	// Person for set-person, WorkGroups for set-groups, PIN for set-pin. An empty Person is a person of their own.
	Name       string   `json:"name,omitempty"`
	Person     string   `json:"person,omitempty"`
	WorkGroups []string `json:"work_groups,omitempty"`
	PIN        Secret   `json:"pin,omitempty"`
	// Card is the card to revoke, by its number among the operator's; 0: all of them.
	Card uint32 `json:"card,omitempty"`
	// Temporary, for enrol-card: until midnight.
	Temporary bool `json:"temporary,omitempty"`
	// ChangePIN, for adding: the operator has to choose another PIN first.
	ChangePIN bool `json:"change_pin,omitempty"`
	// From and Until, for adding and for set-days: as 2026-11-27; empty: no bound.
	From  string `json:"from,omitempty"`
	Until string `json:"until,omitempty"`
	// Stores and Registers, for adding and for set-places; none: everywhere.
	Stores    []string `json:"stores,omitempty"`
	Registers []string `json:"registers,omitempty"`
	// With is the second operator of set-person, which takes two.
	With *Credentials `json:"with,omitempty"`
}

// PeopleAnswer is a change that was made, or the operator that was asked
// for. What was refused is an Error with the journal's reason.
type PeopleAnswer struct {
	// Say is what happened, in words.
	Say      string    `json:"say,omitempty"`
	Operator *Operator `json:"operator,omitempty"`
}

// ImportRow is one line of a list of operators. What is nil is not in the list:
// an operator who is there keeps it.
type ImportRow struct {
	Line       int       `json:"line"`
	Number     string    `json:"number"`
	Name       string    `json:"name"`
	WorkGroups []string  `json:"work_groups"`
	Person     *string   `json:"person,omitempty"`
	From       *string   `json:"from,omitempty"`
	Until      *string   `json:"until,omitempty"`
	Stores     *[]string `json:"stores,omitempty"`
	Registers  *[]string `json:"registers,omitempty"`
}

// ImportRequest is a list of operators that is to be taken in, all or none.
type ImportRequest struct {
	By   *Credentials `json:"by"`
	Rows []ImportRow  `json:"rows"`
	// DryRun: find the errors, and say what would be changed.
	DryRun bool `json:"dry_run,omitempty"`
}

// ImportError says what is wrong with one line.
type ImportError struct {
	Line   int    `json:"line"`
	Number string `json:"number,omitempty"`
	Say    string `json:"say"`
	Reason string `json:"reason"`
	Rule   *Rule  `json:"rule,omitempty"`
}

// ImportChange says what becomes of one line: "added", "unchanged", or what is changed.
type ImportChange struct {
	Line   int    `json:"line"`
	Number string `json:"number"`
	Say    string `json:"say"`
}

// ImportAnswer is how it came out. With errors nothing was changed.
type ImportAnswer struct {
	Applied   bool           `json:"applied"`
	Say       string         `json:"say"`
	Added     int            `json:"added"`
	Changed   int            `json:"changed"`
	Unchanged int            `json:"unchanged"`
	Errors    []ImportError  `json:"errors,omitempty"`
	Rows      []ImportChange `json:"rows,omitempty"`
}
