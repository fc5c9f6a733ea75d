package week

import "time"

// DayStart is the first moment of a day in a location: its midnight; the first of
// two, where the clock is put back over it; and where it is put forward over it, as
// in Chile and Egypt, the moment to which it is put. Month and day may be out of their
// ranges, as for time.Date, which in such places may give a moment of the day before.
func DayStart(year int, month time.Month, day int, in *time.Location) time.Time {
	y, m, d := time.Date(year, month, day, 12, 0, 0, 0, time.UTC).Date()
	t := time.Date(y, m, d, 0, 0, 0, 0, in)
	from, to := t.ZoneBounds()
	if ty, tm, td := t.Date(); ty < y || ty == y && (tm < m || tm == m && td < d) {
		return to.In(in)
	}
	if from.IsZero() {
		return t
	}
	before := from.Add(-1)
	if by, bm, bd := before.Date(); by == y && bm == m && bd == d {
		_, now := t.Zone()
		_, was := before.Zone()
		return t.Add(time.Duration(now-was) * time.Second)
	}
	return t
}

// ParseDay is the first moment of a day that is written as 2006-01-02.
func ParseDay(text string, in *time.Location) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return t, err
	}
	return DayStart(t.Year(), t.Month(), t.Day(), in), nil
}
