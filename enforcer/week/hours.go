// Package week is hours of the week as people write them: those of a store in a
// report, those of a limit in a policy.
//
// It is pure: it has no clock, and knows no time zone but that of the time it
// is given.
package week

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Moment is a minute of the week, from 0: that at which Sunday begins.
type Moment uint16

const (
	dayMinutes  = 24 * 60
	weekMinutes = 7 * dayMinutes
)

// At is the minute of the week of a time, by the clock of its own zone.
func At(t time.Time) Moment {
	return Moment(int(t.Weekday())*dayMinutes + t.Hour()*60 + t.Minute())
}

// String gives the minute as "mon 08:00".
func (m Moment) String() string {
	m %= weekMinutes
	return dayNames[m/dayMinutes] + " " + clock(uint16(m%dayMinutes))
}

// ParseMoment reads a minute of the week as String writes it.
func ParseMoment(s string) (Moment, error) {
	words := strings.Fields(strings.ToLower(s))
	if len(words) != 2 {
		return 0, fmt.Errorf("%q is no minute of the week: it is as \"mon 08:00\"", s)
	}
	day, err := parseDay(words[0])
	if err != nil {
		return 0, err
	}
	minute, err := parseClock(words[1])
	if err != nil || minute == dayMinutes {
		return 0, fmt.Errorf("%q is no time of a day: it is as 08:00, before 24:00", words[1])
	}
	return Moment(day*dayMinutes) + Moment(minute), nil
}

// Span is from when to when, in minutes since midnight. An end after 24 hours
// is on the next day; the zero Span is a day without hours.
type Span struct{ From, To uint16 }

// valid reports whether ParseHours could give it.
func (s Span) valid() bool {
	return s == Span{} || s.From < dayMinutes && s.To > s.From && s.To-s.From <= dayMinutes
}

// Hours are hours of the week: for each day one span. The zero Hours are none.
type Hours struct{ days [7]Span }

var dayNames = [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

var errHours = errors.New(`hours are as "08:00-21:00" or "mon-sat 08:00-21:00, sun 10:00-18:00"`)

// ParseHours reads hours as people write them. A day that is not named has
// none; hours that end before they begin end on the next day.
func ParseHours(s string) (h Hours, err error) {
	var named [7]bool
	for part := range strings.SplitSeq(s, ",") {
		words := strings.Fields(strings.ToLower(part))
		first, last := 0, 6
		switch len(words) {
		case 1:
		case 2:
			if first, last, err = parseDays(words[0]); err != nil {
				return Hours{}, err
			}
			words = words[1:]
		default:
			return Hours{}, errHours
		}
		from, to, ok := strings.Cut(words[0], "-")
		if !ok {
			return Hours{}, errHours
		}
		var sp Span
		if sp.From, err = parseClock(from); err == nil && sp.From == dayMinutes {
			err = fmt.Errorf("nothing begins at %q: %w", from, errHours)
		}
		if err != nil {
			return Hours{}, err
		}
		if sp.To, err = parseClock(to); err != nil {
			return Hours{}, err
		}
		if sp.To <= sp.From {
			sp.To += dayMinutes
		}
		for day := first; ; day = (day + 1) % 7 {
			if named[day] {
				return Hours{}, fmt.Errorf("%s has hours twice", dayNames[day])
			}
			named[day], h.days[day] = true, sp
			if day == last {
				break
			}
		}
	}
	return h, nil
}

// FromSpans makes hours of the spans of the days, Sunday's first; ok is false
// where ParseHours could not have given them.
func FromSpans(days [7]Span) (h Hours, ok bool) {
	for _, sp := range days {
		if !sp.valid() {
			return Hours{}, false
		}
	}
	return Hours{days}, true
}

// Spans are the spans of the days, Sunday's first.
func (h Hours) Spans() [7]Span { return h.days }

func parseDays(s string) (first, last int, err error) {
	from, to, ok := strings.Cut(s, "-")
	if !ok {
		to = from
	}
	if first, err = parseDay(from); err != nil {
		return 0, 0, err
	}
	last, err = parseDay(to)
	return first, last, err
}

func parseDay(s string) (int, error) {
	for i, name := range dayNames {
		if s == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%q is no day: %s", s, strings.Join(dayNames[:], ", "))
}

func parseClock(s string) (uint16, error) {
	if s == "24:00" {
		return dayMinutes, nil
	}
	t, err := time.Parse("15:04", s)
	if err != nil {
		return 0, fmt.Errorf("%q is no time: %w", s, errHours)
	}
	return uint16(t.Hour()*60 + t.Minute()), nil
}

// Set reports whether there are any.
func (h Hours) Set() bool { return h != Hours{} }

// Open reports whether a minute of the week is within them.
func (h Hours) Open(m Moment) bool {
	m %= weekMinutes
	day, since := int(m/dayMinutes), uint16(m%dayMinutes)
	today, yesterday := h.days[day], h.days[(day+6)%7]
	return since >= today.From && since < today.To || since+dayMinutes < yesterday.To
}

// String writes hours so that ParseHours reads them: days with the same ones together.
func (h Hours) String() string {
	var parts []string
	for i := 0; i < 7; {
		day := (i + 1) % 7 // a week begins on Monday
		sp, n := h.days[day], 1
		for i+n < 7 && h.days[(day+n)%7] == sp {
			n++
		}
		i += n
		if sp == (Span{}) {
			continue
		}
		days := dayNames[day]
		if n > 1 {
			days += "-" + dayNames[(day+n-1)%7]
		}
		to := sp.To
		if to > dayMinutes {
			to -= dayMinutes
		}
		parts = append(parts, fmt.Sprintf("%s %s-%s", days, clock(sp.From), clock(to)))
	}
	return strings.Join(parts, ", ")
}

func clock(minutes uint16) string { return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60) }

// MarshalText writes hours as String does.
func (h Hours) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads hours as ParseHours does; empty text is none.
func (h *Hours) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*h = Hours{}
		return nil
	}
	*h, err = ParseHours(string(text))
	return err
}
