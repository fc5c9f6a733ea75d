package week

import (
	"testing"
	"time"
)

func TestHours(t *testing.T) {
	for _, c := range []struct {
		hours     string
		open      []string
		shut      []string
		canonical string
	}{
		{
			"08:00-21:00",
			[]string{"Mon 08:00", "Sun 20:59"},
			[]string{"Mon 07:59", "Mon 21:00", "Wed 00:00"},
			"mon-sun 08:00-21:00",
		},
		{
			"Mon-Sat 08:00-21:00, sun 10:00-18:00",
			[]string{"Sat 08:00", "Sun 10:00"},
			[]string{"Sun 09:59", "Sun 18:00", "Sat 21:00"},
			"mon-sat 08:00-21:00, sun 10:00-18:00",
		},
		{ // a day that is not named; and over the week's end
			"fri-mon 10:00-12:00",
			[]string{"Fri 10:00", "Sun 11:00", "Mon 11:59"},
			[]string{"Tue 11:00", "Thu 11:00"},
			"mon 10:00-12:00, fri-sun 10:00-12:00",
		},
		{ // a bar's night belongs to the day on which it begins
			"fri 18:00-02:00",
			[]string{"Fri 18:00", "Fri 23:59", "Sat 00:00", "Sat 01:59"},
			[]string{"Fri 01:00", "Sat 02:00", "Sat 18:30", "Sun 01:00"},
			"fri 18:00-02:00",
		},
		{"00:00-24:00", []string{"Mon 00:00", "Sun 23:59"}, nil, "mon-sun 00:00-24:00"},
	} {
		h, err := ParseHours(c.hours)
		if err != nil {
			t.Errorf("%q: %v", c.hours, err)
			continue
		}
		check := func(list []string, want bool) {
			for _, s := range list {
				day, at, _ := cutDay(s)
				if got := h.Open(At(day.Add(at))); got != want {
					t.Errorf("%q: open on %s: %v", c.hours, s, got)
				}
			}
		}
		check(c.open, true)
		check(c.shut, false)
		if got := h.String(); got != c.canonical {
			t.Errorf("%q is written as %q", c.hours, got)
		}
		if again, err := ParseHours(h.String()); err != nil || again != h {
			t.Errorf("%q does not read back: %v", h.String(), err)
		}
	}
	for _, s := range []string{"", "8-21", "08:00", "25:00-26:00", "mon", "someday 08:00-09:00", "mon 08:00-09:00, sun-tue 08:00-09:00", "mon tue 08:00-09:00", "08:00-09:00,", "24:00-02:00"} {
		if h, err := ParseHours(s); err == nil {
			t.Errorf("%q is taken as %q", s, h.String())
		}
	}
	if (Hours{}).Set() {
		t.Error("no hours are some")
	}
}

// cutDay reads "Mon 08:00" of a week.
func cutDay(s string) (day time.Time, at time.Duration, err error) {
	clock, err := time.Parse("15:04", s[4:])
	for day = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC); day.Format("Mon") != s[:3]; day = day.AddDate(0, 0, 1) {
	}
	return day, time.Duration(clock.Hour())*time.Hour + time.Duration(clock.Minute())*time.Minute, err
}

func TestMomentsAreReadAsWritten(t *testing.T) {
	for m := range Moment(weekMinutes) {
		if got, err := ParseMoment(m.String()); err != nil || got != m {
			t.Fatalf("%s is read as %d (%v), and is %d", m, got, err, m)
		}
	}
	for _, s := range []string{"", "mon", "08:00", "mon 24:00", "mon 8", "mon 08:60", "day 08:00", "mon 08:00 sharp"} {
		if got, err := ParseMoment(s); err == nil {
			t.Errorf("%q is %s", s, got)
		}
	}
}
