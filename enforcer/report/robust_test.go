package report

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestDeviation(t *testing.T) {
	for _, c := range []struct {
		name   string
		values []float64
		of     float64
		want   float64
	}{
		// Median 3, absolute deviations 2 1 0 1 97: their median is 1.
		{"one far away", []float64{1, 2, 3, 4, 100}, 100, 97 / factorMAD},
		{"the median itself", []float64{1, 2, 3, 4, 100}, 3, 0},
		{"below", []float64{1, 2, 3, 4, 100}, 1, -2 / factorMAD},
		// The median absolute deviation is 0, the mean one 6/6.
		{"most are the same", []float64{0, 0, 0, 0, 0, 6}, 6, 6 / factorMeanAD},
		{"all are the same", []float64{4, 4, 4}, 4, 0},
		{"an even number", []float64{1, 2, 4, 5}, 5, 2 / (factorMAD * 1.5)},
		{"one alone", []float64{9}, 9, 0},
	} {
		s := spreadOf(append([]float64(nil), c.values...))
		if got := s.deviation(c.of); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if s := spreadOf(nil); s.n != 0 || s.deviation(3) != 0 {
		t.Errorf("of nothing: %+v", s)
	}
}

// TestFewCannotHideThemselves: whatever fewer than half of a group do, the others'
// median does not move out of the others' range; so nobody is normal for having
// company.
func TestFewCannotHideThemselves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		honest := rapid.SliceOfN(rapid.Float64Range(0, 10), 5, 30).Draw(t, "honest")
		others := rapid.SliceOfN(rapid.Float64Range(-1e6, 1e6), 0, (len(honest)-1)/2).Draw(t, "others")
		s := spreadOf(append(append([]float64(nil), honest...), others...))
		if s.median < 0 || s.median > 10 {
			t.Fatalf("the median is %v", s.median)
		}
		for _, v := range others {
			if d := s.deviation(v); math.IsNaN(d) || math.IsInf(d, 0) || (v > s.median) != (d > 0) {
				t.Fatalf("%v deviates by %v from %v", v, d, s.median)
			}
		}
	})
}
