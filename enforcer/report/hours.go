package report

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Hours are a store's hours: for each day of the week from when to when, since
// midnight of the store's own clock. The zero Hours are none: nothing is then after hours.
type Hours struct {
	days [7]span
	set  bool
}

// span is from when to when; an end after 24 hours is on the next day, and
// equal ends are a day on which the store is shut.
type span struct{ from, to time.Duration }

var dayNames = [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

var errHours = errors.New(`hours are as "08:00-21:00" or "mon-sat 08:00-21:00, sun 10:00-18:00"`)

// ParseHours reads hours as people write them. A day that is not named is one
// on which the store is shut; hours that end before they begin end on the next day.
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
		var sp span
		if sp.from, err = parseClock(from); err != nil {
			return Hours{}, err
		}
		if sp.to, err = parseClock(to); err != nil {
			return Hours{}, err
		}
		if sp.to <= sp.from {
			sp.to += 24 * time.Hour
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
	h.set = true
	return h, nil
}

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

func parseClock(s string) (time.Duration, error) {
	if s == "24:00" {
		return 24 * time.Hour, nil
	}
	t, err := time.Parse("15:04", s)
	if err != nil {
		return 0, fmt.Errorf("%q is no time: %w", s, errHours)
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}

// Set reports whether there are any.
func (h Hours) Set() bool { return h.set }

// open reports whether the store is open at a moment of its own clock.
func (h Hours) open(t time.Time) bool {
	since := time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second
	today, yesterday := h.days[t.Weekday()], h.days[(t.Weekday()+6)%7]
	return since >= today.from && since < today.to || since+24*time.Hour < yesterday.to
}

// String writes hours so that ParseHours reads them: days with the same ones together.
func (h Hours) String() string {
	if !h.set {
		return ""
	}
	var parts []string
	for i := 0; i < 7; {
		day := (i + 1) % 7 // a week begins on Monday
		sp, n := h.days[day], 1
		for i+n < 7 && h.days[(day+n)%7] == sp {
			n++
		}
		i += n
		if sp == (span{}) {
			continue
		}
		days := dayNames[day]
		if n > 1 {
			days += "-" + dayNames[(day+n-1)%7]
		}
		to := sp.to
		if to > 24*time.Hour {
			to -= 24 * time.Hour
		}
		parts = append(parts, fmt.Sprintf("%s %s-%s", days, clock(sp.from), clock(to)))
	}
	return strings.Join(parts, ", ")
}

func clock(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60)
}

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
