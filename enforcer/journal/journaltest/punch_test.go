package journaltest

import (
	"testing"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/timeclock"
)

// Nobody signs on, approves or goes on with a session who is not clocked in, and every
// punch follows from how its operator stands.
func TestPunchesHangTogether(t *testing.T) {
	for seed := range uint64(4) {
		var clock timeclock.Clock
		signedOn := ""
		punches := map[timeclock.Punch]int{}
		shifts := map[string]int{}
		unanswered, overrides := 0, 0
		for e := range (Store{Seed: seed, Entries: 60_000}).All() {
			clock.Pass(e.Stamp)
			if timeclock.IsPunch(e.Kind) {
				p := map[entry.Kind]timeclock.Punch{
					entry.KindClockIn: timeclock.In, entry.KindClockOut: timeclock.Out, entry.KindBreakBegin: timeclock.Break, entry.KindBreakEnd: timeclock.Back,
				}[e.Kind]
				punches[p]++
				if why := clock.Of(e.Person, e.Stamp).Refuses(p, false, false); why != entry.ReasonNone {
					t.Fatalf("seed %d, entry %d: %s of %s at %s does not follow: %s", seed, e.Seq, p, e.Operator, e.Stamp.Time(), why)
				}
				if p.Restricts() && e.Operator == signedOn {
					t.Fatalf("seed %d, entry %d: %s leaves the clock in the own session", seed, e.Seq, e.Operator)
				}
				if p == timeclock.Out {
					in := clock.Of(e.Person, e.Stamp).In.Time()
					if d := e.Stamp.Time().Sub(in); d < 3*time.Minute || d > 14*time.Hour {
						t.Fatalf("seed %d, entry %d: a shift of %v", seed, e.Seq, d)
					}
					shifts[e.Operator]++
				}
			}
			clock.Apply(e)
			switch {
			case e.Kind == entry.KindSignOn && e.Outcome == entry.OutcomeAllowed:
				signedOn = e.Operator
				if clock.Of(e.Person, e.Stamp).State != timeclock.On {
					t.Fatalf("seed %d, entry %d: %s signs on and is not clocked in", seed, e.Seq, e.Operator)
				}
			case e.Kind == entry.KindSignOff:
				signedOn = ""
			case e.Kind == entry.KindOverride:
				overrides++
			case e.Kind == entry.KindOverrideEnd:
				unanswered++
			case e.Kind == entry.KindApproval && clock.Of(e.Approval.Person, e.Stamp).State != timeclock.On:
				t.Fatalf("seed %d, entry %d: %s approves and is not clocked in", seed, e.Seq, e.Approval.Operator)
			case e.Kind == entry.KindStop && len(clock.People) > 0:
				t.Fatalf("seed %d, entry %d: at night %v are clocked in", seed, e.Seq, clock.People)
			}
		}
		if len(shifts) != 40 {
			t.Errorf("seed %d: %d operators had a shift", seed, len(shifts))
		}
		if in, breaks := punches[timeclock.In], punches[timeclock.Break]; breaks*2 < in || breaks > in*3/2 {
			t.Errorf("seed %d: %v", seed, punches)
		}
		if unanswered*4 > overrides {
			t.Errorf("seed %d: %d of %d overrides came to nothing", seed, unanswered, overrides)
		}
	}
}
