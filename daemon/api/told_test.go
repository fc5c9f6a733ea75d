package api

import (
	"math"
	"testing"
)

// TestToldIsBounded: what is in the way of a limit is a number within bounds, or it
// is refused; what compares with nothing is no number.
func TestToldIsBounded(t *testing.T) {
	for words, x := range map[string]struct {
		percent float64
		ok      bool
		stored  uint64
	}{
		"none":                       {0, true, 0},
		"below none, which is none":  {math.Copysign(0, -1), true, 0},
		"two decimals":               {12.35, true, 1235},
		"the most":                   {maxPercent, true, 1_000_000},
		"more than that":             {maxPercent + 0.01, false, 0},
		"less than nothing":          {-0.01, false, 0},
		"three decimals":             {0.001, false, 0},
		"no number":                  {math.NaN(), false, 0},
		"more than there is":         {math.Inf(1), false, 0},
		"less than there is":         {math.Inf(-1), false, 0},
		"the largest that there are": {math.MaxFloat64, false, 0},
	} {
		told := Told{Percent: &x.percent}
		if err := told.Check(); (err == nil) != x.ok {
			t.Errorf("%s: %v", words, err)
			continue
		}
		if x.ok && *told.Entry().Percent != x.stored {
			t.Errorf("%s: %d hundredths, want %d", words, *told.Entry().Percent, x.stored)
		}
	}
}
