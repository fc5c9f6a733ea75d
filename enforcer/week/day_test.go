package week_test

import (
	"testing"
	"time"
	_ "time/tzdata" // the zones of places that the machine may not know

	"pgregory.net/rapid"

	"tillwarden/enforcer/week"
)

func TestDayStart(t *testing.T) {
	for _, c := range []struct{ zone, day, want string }{
		{"UTC", "2025-03-01", "2025-03-01T00:00:00Z"},
		{"Europe/Berlin", "2025-03-30", "2025-03-30T00:00:00+01:00"},
		{"Europe/Berlin", "2025-10-26", "2025-10-26T00:00:00+02:00"},
		{"America/Santiago", "2025-09-07", "2025-09-07T01:00:00-03:00"}, // put forward at midnight
		{"America/Santiago", "2025-04-06", "2025-04-06T00:00:00-04:00"}, // put back at midnight, to the day before
		{"America/Havana", "2025-03-09", "2025-03-09T01:00:00-04:00"},
		{"America/Havana", "2025-11-02", "2025-11-02T00:00:00-04:00"}, // midnight twice
		{"Africa/Cairo", "2025-04-25", "2025-04-25T01:00:00+03:00"},
	} {
		in, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		got, err := week.ParseDay(c.day, in)
		if err != nil || got.Format(time.RFC3339) != c.want {
			t.Errorf("%s in %s begins %s, want %s: %v", c.day, c.zone, got.Format(time.RFC3339), c.want, err)
		}
	}
	for _, bad := range []string{"", "2025-02-30", "2025-3-1", "2025-03-01 10:00"} {
		if got, err := week.ParseDay(bad, time.UTC); err == nil {
			t.Errorf("%q is %v", bad, got)
		}
	}
}

// TestDayStartParts the days: it is of the day, and the moment before it of the one before.
func TestDayStartParts(t *testing.T) {
	zones := []string{
		"UTC", "Europe/Berlin", "America/Santiago", "America/Havana", "Africa/Cairo", "Asia/Beirut", "America/Asuncion", "America/Sao_Paulo",
		"Australia/Lord_Howe", "Asia/Kathmandu", "Atlantic/Azores", "America/Nuuk", "Asia/Amman",
	}
	rapid.Check(t, func(t *rapid.T) {
		in, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		// A day as someone asks for it, and as it is in the calendar.
		y, n := rapid.IntRange(1990, 2037).Draw(t, "year"), rapid.IntRange(1, 366).Draw(t, "day of the year")
		want := time.Date(y, 1, n, 0, 0, 0, 0, time.UTC)
		got := week.DayStart(y, 1, n, in)
		if got.Format(time.DateOnly) != want.Format(time.DateOnly) {
			t.Fatalf("%s begins at %s", want.Format(time.DateOnly), got)
		}
		if before := got.Add(-1); before.Format(time.DateOnly) != want.AddDate(0, 0, -1).Format(time.DateOnly) {
			t.Fatalf("%s begins at %s, and %s is of it, too", want.Format(time.DateOnly), got, before)
		}
	})
}
