package week

import "testing"

// FuzzParseHours: what is read as hours is written so that it reads the same, is of
// spans that FromSpans takes, and is open for as many minutes as they have.
func FuzzParseHours(f *testing.F) {
	for _, s := range []string{"08:00-21:00", "mon-sat 08:00-21:00, sun 10:00-18:00", "fri 18:00-02:00", "fri-mon 00:00-24:00", "sun 23:59-23:58", "24:00-24:00", "mon 8-9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := ParseHours(s)
		if err != nil {
			if h != (Hours{}) {
				t.Fatalf("%q is no hours, and some: %v", s, h)
			}
			return
		}
		if again, err := ParseHours(h.String()); err != nil || again != h {
			t.Fatalf("%q is written as %q, which reads as %v, %v", s, h, again, err)
		}
		if same, ok := FromSpans(h.Spans()); !ok || same != h {
			t.Fatalf("%q has spans that are none: %v", s, h.Spans())
		}
		open, spans := 0, 0
		for m := range Moment(weekMinutes) {
			if h.Open(m) {
				open++
			}
		}
		for _, sp := range h.Spans() {
			spans += int(sp.To - sp.From)
		}
		// A night may run into the next day's hours.
		if open > spans || open == 0 {
			t.Fatalf("%q is open for %d minutes, its spans have %d", s, open, spans)
		}
	})
}
