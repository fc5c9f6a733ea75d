package report

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tillwarden/enforcer/journal/entry"
)

// register makes the entries of one register's time clock.
type register struct {
	es   []entry.Entry
	boot byte
	now  time.Duration // of the boot clock
	wall time.Time
}

func newRegister() *register {
	return &register{boot: 1, now: time.Hour, wall: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
}

func (r *register) pass(d time.Duration) *register {
	r.now += d
	r.wall = r.wall.Add(d)
	return r
}

// set sets the wall clock; noticed: and the journal has it.
func (r *register) set(by time.Duration, noticed bool) *register {
	r.wall = r.wall.Add(by)
	if noticed {
		r.add(entry.Entry{Kind: entry.KindClockStep, Elapsed: int64(by)})
	}
	return r
}

// reboot takes a while, by the wall clock.
func (r *register) reboot(d time.Duration) *register {
	r.boot++
	r.now, r.wall = 10*time.Second, r.wall.Add(d)
	return r
}

func (r *register) add(e entry.Entry) *register {
	e.Seq, e.Outcome = entry.Seq(len(r.es)+1), entry.OutcomeAllowed
	e.Stamp = entry.Stamp{Wall: r.wall.UnixNano(), Boot: int64(r.now), BootID: entry.BootID{r.boot}}
	r.es = append(r.es, e)
	return r
}

func (r *register) punch(k entry.Kind, operator string) *register {
	return r.add(entry.Entry{Kind: k, Operator: operator, Person: "p" + operator})
}

func (r *register) forced(operator string, length time.Duration) *register {
	return r.add(entry.Entry{
		Kind: entry.KindBreakBegin, Operator: operator, Person: "p" + operator, Elapsed: int64(length), Approval: &entry.Approval{Operator: "201"},
	})
}

func (r *register) over(operator string) *register {
	return r.add(entry.Entry{Kind: entry.KindBreakEnd, Operator: operator, Person: "p" + operator, Reason: entry.ReasonTimeout})
}

const (
	in   = entry.KindClockIn
	out  = entry.KindClockOut
	away = entry.KindBreakBegin
	back = entry.KindBreakEnd
)

func timeOf(operator string, registers ...*register) *Time {
	x := NewTime(operator, nil)
	for i, r := range registers {
		if i > 0 {
			x.NextJournal()
		}
		for j := range r.es {
			x.Add(&r.es[j])
		}
	}
	return x.Result()
}

func TestHoursInWords(t *testing.T) {
	const h, m = time.Hour, time.Minute
	for words, x := range map[string]struct {
		of   *register
		want TimeDay
	}{
		"a plain day": {
			newRegister().punch(in, "101").pass(8*h).punch(out, "101"),
			TimeDay{Worked: 8 * 3600, Shifts: 1},
		},
		"with a break": {
			newRegister().punch(in, "101").pass(4*h).punch(away, "101").pass(30*m).punch(back, "101").pass(3*h).punch(out, "101"),
			TimeDay{Worked: 7 * 3600, Paused: 1800, Shifts: 1, Breaks: 1},
		},
		"two shifts": {
			newRegister().punch(in, "101").pass(2*h).punch(out, "101").pass(h).punch(in, "101").pass(3*h).punch(out, "101"),
			TimeDay{Worked: 5 * 3600, Shifts: 2},
		},
		"out from a break": {
			newRegister().punch(in, "101").pass(2*h).punch(away, "101").pass(h).punch(out, "101"),
			TimeDay{Worked: 2 * 3600, Paused: 3600, Shifts: 1, Breaks: 1},
		},
		"sent on a break that ended by time": {
			newRegister().punch(in, "101").pass(2*h).forced("101", 30*m).pass(30*m).over("101").pass(h).punch(out, "101"),
			TimeDay{Worked: 3 * 3600, Paused: 1800, Shifts: 1, Breaks: 1, Forced: 1, Others: 1},
		},
		"whose end was journaled late": {
			newRegister().punch(in, "101").pass(2*h).forced("101", 30*m).pass(90*m).over("101").pass(h).punch(out, "101"),
			TimeDay{Worked: 4 * 3600, Paused: 1800, Shifts: 1, Breaks: 1, Forced: 1, Others: 1},
		},
		"whose end is in no entry": {
			newRegister().punch(in, "101").pass(2*h).forced("101", 30*m).pass(2*h).punch(out, "101"),
			TimeDay{Worked: 3*3600 + 1800, Paused: 1800, Shifts: 1, Breaks: 1, Forced: 1, Others: 1},
		},
		"that a reboot began anew": {
			newRegister().punch(in, "101").pass(2*h).forced("101", 30*m).pass(10*m).reboot(2*h).add(entry.Entry{Kind: entry.KindStart}).
				pass(90*m).over("101").pass(h).punch(out, "101"),
			TimeDay{Worked: 4 * 3600, Paused: 160 * 60, Shifts: 1, Breaks: 1, Forced: 1, Others: 1, Reboots: 1},
		},
		"sent while on a break": {
			newRegister().punch(in, "101").pass(h).punch(away, "101").pass(10*m).forced("101", 20*m).pass(20*m).over("101").pass(h).punch(out, "101"),
			TimeDay{Worked: 2 * 3600, Paused: 1800, Shifts: 1, Breaks: 1, Forced: 1, Others: 1},
		},
		"over midnight": {
			newRegister().pass(13*h).punch(in, "101").pass(8*h).punch(out, "101"),
			TimeDay{Worked: 8 * 3600, Shifts: 1},
		},
		"not ended": {
			newRegister().punch(in, "101").pass(8*h).punch(away, "101"),
			TimeDay{Shifts: 1, Breaks: 1, Open: 1},
		},
		"begun before the report": {
			newRegister().punch(out, "101"),
			TimeDay{Day: "-", Shifts: 1},
		},
		"the clock was set": {
			newRegister().punch(in, "101").pass(2*h).set(3*h, true).pass(h).punch(out, "101"),
			TimeDay{Worked: 3 * 3600, Shifts: 1, Jumps: 3 * 3600},
		},
		"and nobody noticed": {
			newRegister().punch(in, "101").pass(2*h).set(3*h, false).pass(h).punch(out, "101"),
			TimeDay{Worked: 3 * 3600, Shifts: 1, Jumps: 3 * 3600},
		},
		"set back": {
			newRegister().punch(in, "101").pass(2*h).set(-5*h, true).pass(h).punch(out, "101"),
			TimeDay{Worked: 3 * 3600, Shifts: 1, Jumps: -5 * 3600},
		},
		"set forth, and back once it was punched": {
			newRegister().punch(in, "101").pass(h).set(3*h, true).punch(away, "101").pass(h).set(-3*h, true).punch(back, "101").pass(h).punch(out, "101"),
			TimeDay{Worked: 2 * 3600, Paused: 3600, Shifts: 1, Breaks: 1, Jumps: 6 * 3600},
		},
		"set forth in a shift, and back in the next": {
			newRegister().punch(in, "101").pass(h).set(3*h, true).punch(out, "101").punch(in, "101").pass(h).set(-3*h, true).punch(out, "101"),
			TimeDay{Worked: 2 * 3600, Shifts: 2, Jumps: 6 * 3600},
		},
		"kept right, as clocks are": {
			newRegister().punch(in, "101").pass(8*h).set(3*time.Second, false).punch(out, "101"),
			TimeDay{Worked: 8 * 3600, Shifts: 1},
		},
		"over a reboot": {
			newRegister().punch(in, "101").pass(2*h).reboot(h).pass(h).punch(out, "101"),
			TimeDay{Worked: 4 * 3600, Shifts: 1, Reboots: 1},
		},
		"over a reboot, and the clock was set": {
			newRegister().punch(in, "101").pass(2*h).set(5*h, true).reboot(h).pass(h).punch(out, "101"),
			TimeDay{Worked: 4 * 3600, Shifts: 1, Jumps: 5 * 3600, Reboots: 1},
		},
		"refused punches": {
			func() *register {
				r := newRegister().punch(in, "101").pass(h).punch(away, "101")
				r.es[1].Outcome = entry.OutcomeDenied
				return r.pass(h).punch(out, "101")
			}(),
			TimeDay{Worked: 2 * 3600, Shifts: 1},
		},
	} {
		t.Run(words, func(t *testing.T) {
			x.want.Operator = "101"
			switch x.want.Day {
			case "":
				x.want.Day = "2026-03-02"
			case "-":
				x.want.Day = ""
			}
			got := timeOf("", x.of)
			if len(got.Days) != 1 || got.Days[0] != x.want {
				t.Errorf("got  %+v\nwant %+v", got.Days, x.want)
			}
		})
	}
}

// TestEachRegisterHasItsOwnTimeClock: a shift that was not ended at one is not
// ended by a punch at another.
func TestEachRegisterHasItsOwnTimeClock(t *testing.T) {
	got := timeOf("", newRegister().punch(in, "101").pass(time.Hour), newRegister().punch(in, "101").pass(2*time.Hour).punch(out, "101"))
	if len(got.Days) != 1 || got.Days[0].Open != 1 || got.Days[0].Shifts != 2 || got.Days[0].Worked != 2*3600 || got.Period.Journals != 2 {
		t.Errorf("%+v of %+v", got.Days, got.Period)
	}
}

// TestShiftsAtTwoRegistersAtOnce are counted, and it is said that they are.
func TestShiftsAtTwoRegistersAtOnce(t *testing.T) {
	day := func(d time.Duration) *register {
		return newRegister().pass(d).punch(in, "101").pass(2*time.Hour).punch(out, "101")
	}
	for words, x := range map[string]struct {
		second   *register
		overlaps int
	}{
		"one after the other": {day(2 * time.Hour), 0},
		"at once":             {day(time.Hour), 2},
		"one within":          {newRegister().pass(time.Hour).punch(in, "101").pass(time.Minute).punch(out, "101"), 2},
		"another operator's":  {newRegister().punch(in, "102").pass(time.Hour).punch(out, "102"), 0},
	} {
		got := timeOf("101", day(0), x.second)
		if len(got.Days) != 1 || got.Days[0].Overlaps != x.overlaps {
			t.Errorf("%s: %+v", words, got.Days)
		}
	}
}

// TestHoursOfOne: the other operators' are left out.
func TestHoursOfOne(t *testing.T) {
	r := newRegister().punch(in, "101").punch(in, "9").pass(time.Hour).punch(out, "9").pass(time.Hour).punch(out, "101")
	if got := timeOf("101", r); len(got.Days) != 1 || got.Days[0].Worked != 2*3600 {
		t.Errorf("%+v", got.Days)
	}
	if got := timeOf("", r); len(got.Days) != 2 || got.Days[0].Operator != "9" {
		t.Errorf("%+v", got.Days)
	}
}

// TestNobodyMakesHoursWithTheClock: within a boot no step of the wall clock changes
// what was worked, noticed or not; and what days count is what shifts have.
func TestNobodyMakesHoursWithTheClock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		steady, set := newRegister(), newRegister()
		for range rapid.IntRange(1, 30).Draw(t, "events") {
			d := time.Duration(rapid.IntRange(1, 7200).Draw(t, "seconds")) * time.Second
			steady.pass(d)
			set.pass(d)
			if rapid.IntRange(0, 3).Draw(t, "what") == 0 {
				set.set(time.Duration(rapid.IntRange(-86400, 86400).Draw(t, "step"))*time.Second, rapid.Bool().Draw(t, "noticed"))
				continue
			}
			k, who := rapid.SampledFrom([]entry.Kind{in, out, away, back}).Draw(t, "punch"), rapid.SampledFrom([]string{"101", "102"}).Draw(t, "who")
			steady.punch(k, who)
			set.punch(k, who)
		}
		sum := func(r *Time) (worked, paused map[string]int64) {
			worked, paused = map[string]int64{}, map[string]int64{}
			for _, d := range r.Days {
				worked[d.Operator] += d.Worked
				paused[d.Operator] += d.Paused
			}
			of := map[string]int64{}
			for _, s := range r.Shifts {
				of[s.Operator] += 0
				if s.Out != nil {
					of[s.Operator] += s.Worked
				}
			}
			if !reflect.DeepEqual(of, worked) {
				t.Fatalf("days have %v, shifts %v", worked, of)
			}
			return worked, paused
		}
		aw, ap := sum(timeOf("", steady))
		bw, bp := sum(timeOf("", set))
		if !reflect.DeepEqual(aw, bw) || !reflect.DeepEqual(ap, bp) {
			t.Fatalf("worked %v and %v, breaks %v and %v", aw, bw, ap, bp)
		}
	})
}

// TestEachShiftIsInOneReport: wherever two reports meet, a night's shift and one in
// which the clock was set among them, their hours are those of one report of both.
func TestEachShiftIsInOneReport(t *testing.T) {
	const in, out, pause, back = entry.KindClockIn, entry.KindClockOut, entry.KindBreakBegin, entry.KindBreakEnd
	r := newRegister()
	r.punch(in, "101").pass(7*time.Hour).punch(out, "101")
	r.pass(6*time.Hour).punch(in, "102").pass(3*time.Hour).punch(pause, "102").pass(time.Hour/2).set(-2*time.Hour, true).punch(back, "102")
	r.pass(4*time.Hour).punch(out, "102").pass(time.Hour).punch(in, "101").pass(3*time.Hour).reboot(time.Minute).punch(out, "101")
	r.pass(time.Hour).punch(in, "103") // and not out
	hours := func(from, to *time.Time) map[string]int64 {
		x := NewTime("", nil)
		read := x.Between(from, to)
		for i := range r.es {
			if read == nil || !r.es[i].Stamp.Time().Before(*read) {
				x.Add(&r.es[i])
			}
		}
		sums := map[string]int64{}
		for _, d := range x.Result().Days {
			sums[d.Operator+" "+d.Day+" worked"] += d.Worked
			sums[d.Operator+" "+d.Day+" paused"] += d.Paused
			sums[d.Operator+" "+d.Day+" open"] += int64(d.Open)
		}
		return sums
	}
	whole := hours(nil, nil)
	if whole["102 2026-03-02 worked"] != 7*3600 || whole["102 2026-03-02 paused"] != 1800 || whole["103 2026-03-03 open"] != 1 {
		t.Fatalf("one report: %v", whole)
	}
	first, last := r.es[0].Stamp.Time(), r.es[len(r.es)-1].Stamp.Time()
	for at := first.Add(-time.Hour); at.Before(last.Add(2 * time.Hour)); at = at.Add(15 * time.Minute) {
		sums := hours(nil, &at)
		for k, n := range hours(&at, nil) {
			sums[k] += n
		}
		if fmt.Sprint(sums) != fmt.Sprint(whole) {
			t.Errorf("two reports that meet at %s: %v, and one: %v", at, sums, whole)
		}
	}
}

// TestAShiftWithoutABeginningIsToldOf where the journal lacks what was before, and is
// another report's where it does not.
func TestAShiftWithoutABeginningIsToldOf(t *testing.T) {
	r := newRegister().punch(entry.KindBreakEnd, "101").pass(time.Hour).punch(entry.KindClockOut, "101")
	from := r.es[0].Stamp.Time().Add(-time.Hour)
	for _, lacks := range []bool{false, true} {
		x := NewTime("", nil)
		x.Between(&from, nil)
		if lacks {
			x.Begins(time.Time{}, 257, r.es[0].Stamp.Time(), 256)
		}
		for i := range r.es {
			x.Add(&r.es[i])
		}
		if got := x.Result(); lacks != (len(got.Shifts) == 1) {
			t.Errorf("the journal lacks what was before: %v; shifts %+v", lacks, got.Shifts)
		}
	}
}
