package report

import (
	"math"
	"slices"
)

// spread is where the values of a group lie, told robustly: half of them could
// be anything at all without moving it far.
type spread struct {
	n      int
	median float64
	unit   float64 // what stands for one standard deviation
}

// The factors that make the two measures of spread stand for a standard
// deviation where values are normally distributed: 1/Φ⁻¹(3/4), and √(π/2).
const (
	factorMAD    = 1.482602218505602
	factorMeanAD = 1.2533141373155003
)

// spreadOf is that of values, which it sorts.
//
// The deviation from the median in units of 1.4826 times the median absolute
// deviation is the modified z-score of B. Iglewicz and D. Hoaglin, How to Detect
// and Handle Outliers, ASQC 1993, ch. 3; they hold values beyond 3.5 for
// potential outliers. Where more than half of the values are the same the median
// absolute deviation is zero, and the mean absolute deviation takes its place,
// as in IBM's Cognos Analytics 11 (documentation, "Modified z score").
func spreadOf(values []float64) spread {
	s := spread{n: len(values)}
	if s.n == 0 {
		return s
	}
	s.median = median(values)
	away := make([]float64, s.n)
	sum := 0.0
	for i, v := range values {
		away[i] = math.Abs(v - s.median)
		sum += away[i]
	}
	if s.unit = factorMAD * median(away); s.unit == 0 {
		s.unit = factorMeanAD * sum / float64(s.n)
	}
	return s
}

// median is that of values, which it sorts.
func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	if n%2 == 1 {
		return values[n/2]
	}
	return values[n/2-1]/2 + values[n/2]/2
}

// deviation is how far a value is from the median. Where all values are the same it is zero.
func (s spread) deviation(v float64) float64 {
	if s.unit == 0 {
		return 0
	}
	return (v - s.median) / s.unit
}
