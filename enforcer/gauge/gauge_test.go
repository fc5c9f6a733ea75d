package gauge_test

import (
	"encoding/json"
	"testing"
	"time"

	"tillwarden/enforcer/gauge"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/week"
)

func TestTimes(t *testing.T) {
	n := func(x uint64) *entry.Told { return &entry.Told{Count: &x} }
	for what, tc := range map[string]struct {
		told *entry.Told
		want uint32
	}{
		"nobody told anything": {nil, 1},
		"nobody told a count":  {&entry.Told{}, 1},
		"none is once":         {n(0), 1},
		"three at once":        {n(3), 3},
		"more than there is":   {n(1 << 40), policy.MaxCount},
	} {
		if got := gauge.Times(tc.told); got != tc.want {
			t.Errorf("%s: %d times, want %d", what, got, tc.want)
		}
	}
}

// A clock that was set opens nothing: what went on since it was right must open, too.
func TestMoments(t *testing.T) {
	monday := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	stamp := func(after, shown time.Duration, boot byte, c entry.ClockState) entry.Stamp {
		return entry.Stamp{Wall: monday.Add(shown).UnixNano(), Boot: int64(after), BootID: entry.BootID{boot}, Clock: c}
	}
	right := gauge.Right(entry.Stamp{}, stamp(time.Hour, 0, 1, entry.ClockSynchronised))
	at := func(d time.Duration) week.Moment { return week.At(monday.Add(d)) }
	for what, tc := range map[string]struct {
		at   entry.Stamp
		want []week.Moment
	}{
		"it is right":                     {stamp(3*time.Hour, 2*time.Hour, 1, entry.ClockSynchronised), []week.Moment{at(2 * time.Hour)}},
		"it was set by five hours":        {stamp(3*time.Hour, 7*time.Hour, 1, entry.ClockUnsynchronised), []week.Moment{at(7 * time.Hour), at(2 * time.Hour)}},
		"it was never right in this boot": {stamp(3*time.Hour, 7*time.Hour, 2, entry.ClockUnsynchronised), []week.Moment{at(7 * time.Hour)}},
	} {
		got := gauge.Moments(tc.at, right, time.UTC)
		if len(got) != len(tc.want) {
			t.Errorf("%s: %v, want %v", what, got, tc.want)
			continue
		}
		for i := range got {
			if got[i] != tc.want[i] {
				t.Errorf("%s: %v, want %v", what, got, tc.want)
			}
		}
	}
	if later := gauge.Right(right, stamp(2*time.Hour, time.Hour, 1, entry.ClockUnsynchronised)); later != right {
		t.Errorf("a clock that nobody holds to be right moved what is known: %v", later)
	}
	if earlier := gauge.Right(right, stamp(time.Minute, 0, 1, entry.ClockSynchronised)); earlier != right {
		t.Errorf("an earlier moment of the same boot moved what is known: %v", earlier)
	}
}

func TestUses(t *testing.T) {
	var u gauge.Uses[string]
	u.Add(1, "a", 1)
	u.Add(2, "b", 2)
	before := u
	u.GiveBack(1) // the first is not the last
	if u.Used["a"] != 1 {
		t.Errorf("a use that others followed was given back: %v", u.Used)
	}
	u.GiveBack(2)
	u.GiveBack(2)
	u.GiveBack(0)
	if u.Used["b"] != 0 || u.Used["a"] != 1 {
		t.Errorf("after it was given back: %v", u.Used)
	}
	if before.Used["b"] != 2 || before.LastUse.Seq != 2 {
		t.Errorf("a copy changed with it: %+v", before)
	}
	odd := gauge.Uses[string]{LastUse: gauge.LastUse[string]{Seq: 5, Function: "a", Uses: 1}}
	if odd.GiveBack(5); len(odd.Used) != 0 || odd.LastUse.Seq != 0 {
		t.Errorf("a last use without its count: %+v", odd)
	}
	raw, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"used":{"a":1,"b":2},"last_use":{"seq":2,"function":"b","uses":2}}`; string(raw) != want {
		t.Errorf("as the state file has it: %s, want %s", raw, want)
	}
}
