package api

import (
	"math"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// Told is what is told of the size of an action, for limits. Nil is not told:
// what a limit wants to know is then not allowed.
type Told struct {
	// Amount is in the smallest unit of the till's currency, as cents, and never negative.
	Amount *uint64 `json:"amount,omitempty"`
	// Percent has two decimals at most.
	Percent *float64 `json:"percent,omitempty"`
	// Count is how often it is done at once; once, where it is not told.
	Count *uint64 `json:"count,omitempty"`
}

// Limit is what a work group limits a function to, and what was not within it.
type Limit struct {
	WorkGroup string `json:"group,omitempty"`
	// Function is the function that is limited, where it is another one.
	Function string `json:"function,omitempty"`
	// Part is "amount", "percent", "count", "hours" or "registers"; empty: all was within.
	Part string `json:"part,omitempty"`
	// Most is what the part allows, where it is a number.
	Most float64 `json:"most,omitempty"`
	// Uses is how often the session had the function, this time included.
	Uses uint64 `json:"uses,omitempty"`
}

// The bounds of what is told.
const (
	maxAmount  = policy.MaxAmount
	maxPercent = policy.MaxPercent / 100
	maxCount   = policy.MaxCount
)

// Check says what no POS should tell.
func (t *Told) Check() error {
	switch {
	case t.Amount != nil && *t.Amount > maxAmount:
		return Errorf(CodeInvalid, "amount is more than %d", uint64(maxAmount)).WithHint("in the smallest unit of the currency: 50.00 is 5000")
	case t.Percent != nil && !(*t.Percent >= 0 && *t.Percent <= maxPercent):
		return Errorf(CodeInvalid, "percent is not between 0 and %d", maxPercent)
	case t.Percent != nil && math.Abs(*t.Percent*100-math.Round(*t.Percent*100)) > 1e-6:
		return Errorf(CodeInvalid, "percent has more than two decimals")
	case t.Count != nil && *t.Count > maxCount:
		return Errorf(CodeInvalid, "count is more than %d", maxCount)
	}
	return nil
}

// Entry is what was told as the gate takes it; nil where nothing was.
func (t *Told) Entry() *entry.Told {
	if *t == (Told{}) {
		return nil
	}
	e := &entry.Told{Amount: t.Amount, Count: t.Count}
	if t.Percent != nil {
		hundredths := uint64(math.Round(*t.Percent * 100))
		e.Percent = &hundredths
	}
	return e
}

// ToldOf is what was told, on the wire.
func ToldOf(t *entry.Told) Told {
	if t == nil {
		return Told{}
	}
	return Told{Amount: t.Amount, Percent: t.PercentPoints(), Count: t.Count}
}

// LimitOf is a limit on the wire.
func LimitOf(l *entry.Limit) *Limit {
	if l == nil {
		return nil
	}
	return &Limit{WorkGroup: l.WorkGroup, Function: l.Function, Part: l.Part, Most: l.MostPoints(), Uses: l.Uses}
}
