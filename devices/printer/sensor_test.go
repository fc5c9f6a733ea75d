package printer

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tillwarden/enforcer/journal/entry"
)

// watch plays readings: "c" closed, "o" open, "p" a pulse, half a second apart;
// "." lets half a second pass without a reading.
func watch(s *Sensor, script string, session bool) string {
	var told []string
	now := time.Minute
	seq := entry.Seq(100)
	for _, step := range script {
		switch step {
		case 'p':
			seq++
			s.Pulsed("till", seq, now)
			continue
		case 'c', 'o':
			high := (step == 'o') == (s.polarity == PolarityHighOpen)
			for _, e := range s.Reading(high, session, now) {
				word := e.Kind.String()
				if e.About != 0 {
					word += fmt.Sprint(" ", e.About)
				}
				if e.Reason != 0 {
					word += " " + e.Reason.String()
				}
				if e.Elapsed != 0 {
					word += " " + e.Elapsed.String()
				}
				told = append(told, word)
			}
		}
		now += 500 * time.Millisecond
	}
	return strings.Join(told, "; ")
}

func TestSensor(t *testing.T) {
	for _, p := range []Polarity{PolarityHighOpen, PolarityHighClosed} {
		for _, test := range []struct{ script, want string }{
			{"ccc", ""},
			{"cpco", "drawer-opened 101"},
			{"cpoooc", "drawer-opened 101; drawer-closed 1.5s"},
			{"cco", "drawer-opened no-grant"},
			{"cpcccccccco", "drawer-no-open 101; drawer-opened no-grant"},
			{"cpccccc", ""},
			{"cpcccccc", "drawer-no-open 101"},
			{"cpoco", "drawer-opened 101; drawer-closed 500ms; drawer-opened no-grant"},
			{"cppoco", "drawer-opened 101; drawer-closed 500ms; drawer-opened 102"},
			{"op...o", ""},
			{"oc", "drawer-closed 500ms"},
			{"opcoc", "drawer-closed 500ms; drawer-opened 101; drawer-closed 500ms"},
			{"opooooo", ""},
			{"cp........o", "drawer-opened 101"}, // no reading in between: it was in time
			{"c........po", "drawer-opened 101"},
			{"coooooooo", "drawer-opened no-grant; drawer-left-open 3s"},
			{"pcccccc", "drawer-no-open 101"},
		} {
			s := &Sensor{polarity: p, leftOpen: 3 * time.Second, drawers: []string{"till"}}
			if got := watch(s, test.script, true); got != test.want {
				t.Errorf("%s %s:\n got %q\nwant %q", p, test.script, got, test.want)
			}
		}
	}
}

// TestSensorLeftOpenInASession: while nobody is signed on a drawer may stand
// open, as an emptied one does overnight.
func TestSensorLeftOpenInASession(t *testing.T) {
	s := &Sensor{polarity: PolarityHighOpen, leftOpen: 2 * time.Second}
	if got := watch(s, "coooooooooo", false); got != "drawer-opened no-grant" {
		t.Error(got)
	}
}

// TestSensorBeforeCalibration: no alarm before it is known what a level means.
func TestSensorBeforeCalibration(t *testing.T) {
	s := &Sensor{leftOpen: time.Second}
	if got := watch(s, "cococpccccooooo", true); got != "" {
		t.Error(got)
	}
	if s.State().Known || s.State().Calibrated {
		t.Errorf("%+v", s.State())
	}
	s.SetPolarity(PolarityHighClosed)
	if state := s.State(); !state.Known || !state.Calibrated {
		t.Errorf("%+v", state)
	}
}

func TestCalibrate(t *testing.T) {
	if p, err := Calibrate(false, true); p != PolarityHighOpen || err != nil {
		t.Error(p, err)
	}
	if p, err := Calibrate(true, false); p != PolarityHighClosed || err != nil {
		t.Error(p, err)
	}
	if _, err := Calibrate(true, true); err == nil {
		t.Error("a sensor that does not change is calibrated")
	}
}

func TestWords(t *testing.T) {
	for r := range resyncEnd {
		if got, err := ParseResync(r.String()); got != r || err != nil {
			t.Error(r, err)
		}
	}
	for f := range flowEnd {
		if got, err := ParseFlow(f.String()); got != f || err != nil {
			t.Error(f, err)
		}
	}
	for p := range polarityEnd {
		if got, err := ParsePolarity(p.String()); got != p || err != nil {
			t.Error(p, err)
		}
	}
	for o := range orderEnd {
		if got, err := ParseOrder(o.String()); got != o || err != nil {
			t.Error(o, err)
		}
	}
	if _, err := ParseOrder("whenever"); err == nil {
		t.Error("a word is made up")
	}
}

// TestSharedSensor: two drawers on one wire. An opening is the earlier pulse's; the
// other one, which cannot be seen now, is not called missed; and one by hand may be
// either's.
func TestSharedSensor(t *testing.T) {
	s := NewSensor(PolarityHighOpen, time.Minute, "till", "second")
	now := time.Minute
	var told []Event
	read := func(high bool, times int) {
		for range times {
			now += 500 * time.Millisecond
			told = append(told, s.Reading(high, true, now)...)
		}
	}
	read(false, 2)
	s.Pulsed("second", 101, now+100*time.Millisecond)
	s.Pulsed("till", 102, now+200*time.Millisecond)
	read(true, 8)
	read(false, 8)
	read(true, 1)
	if len(told) != 3 {
		t.Fatalf("%+v", told)
	}
	if e := told[0]; e.Kind != entry.KindDrawerOpened || e.Drawer != "second" || e.About != 101 || e.Text != "" {
		t.Errorf("the first opening: %+v", e)
	}
	if e := told[1]; e.Kind != entry.KindDrawerClosed || e.Drawer != "second" {
		t.Errorf("the closing: %+v", e)
	}
	if e := told[2]; e.Reason != entry.ReasonNoGrant || e.Drawer != "till" || !strings.Contains(e.Text, "second") {
		t.Errorf("the opening by hand: %+v", e)
	}
	// The same drawer twice: the second pulse of one drawer is not taken for another's.
	told = nil
	read(false, 8)
	s.Pulsed("till", 103, now)
	s.Pulsed("till", 104, now)
	read(true, 1)
	read(false, 8)
	if n := len(told); n != 4 || told[n-1].Kind != entry.KindDrawerNoOpen || told[n-1].About != 104 {
		t.Errorf("two pulses, one opening: %+v", told)
	}
}
