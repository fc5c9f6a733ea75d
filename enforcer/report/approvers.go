package report

import (
	"cmp"
	"slices"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/timeclock"
)

// What is worth knowing of somebody's approvals, however many there are. Their
// order is that of the report.
const (
	TwoRegisters = "two-registers" // at two registers within Together: one of the two was somebody else
	OffClock     = "off-clock"     // while not clocked in, where the clock runs, nor at another of the report's registers
	Remote       = "remote"        // from elsewhere
	Fallback     = "fallback"      // number and PIN stood for the card that the site wants
)

var approverRows = [...]string{TwoRegisters, OffClock, Remote, Fallback}

// Together is within which time nobody approves at two registers.
const Together = time.Minute

// Approver is one of these of one operator.
type Approver struct {
	Approver string `json:"approver"`
	What     string `json:"what"`
	Count    int64  `json:"count"`
	// Approvals is how many there are of the operator at all.
	Approvals int64 `json:"approvals"`
	// Exceptional: it should not be at all. The others a site may want as they are.
	Exceptional bool `json:"exceptional,omitempty"`
	// Latest are the last of them, the oldest first; of two registers both.
	Latest []Approval `json:"latest"`
}

// maxLatest bounds Approver.Latest.
const maxLatest = 6

// Approval is one approval of something of somebody else's.
type Approval struct {
	// Journal is which of the report's journals it is in, from 1.
	Journal   int       `json:"journal"`
	Seq       entry.Seq `json:"seq"`
	Time      time.Time `json:"time"`
	Requester string    `json:"requester,omitempty"`
	Function  string    `json:"function"`
}

// given is an approval at a register's own reader or keypad.
type given struct {
	Approval
	by    string // operator number
	stamp entry.Stamp
}

type approverKey struct{ operator, what string }

// approvers collects them.
type approvers struct {
	journal int
	rows    map[approverKey]*Approver
	given   map[string][]given // by person
	off     []given            // while not clocked in there
	person  []string           // of off
	clock   timeclock.Clock    // of this journal
	punches map[string][]punch // by person, in the order of each journal
}

// punch is from when on somebody is at work, or is not, at one register.
type punch struct {
	journal int
	at      time.Time
	on      bool
}

// nextJournal goes on with another register's.
func (x *approvers) nextJournal() {
	x.journal++
	x.clock = timeclock.Clock{}
}

// punched takes a punch of the time clock.
func (x *approvers) punched(e *entry.Entry) {
	x.clock.Pass(e.Stamp)
	x.clock.Apply(e)
	if x.punches == nil {
		x.punches = map[string][]punch{}
	}
	on := x.clock.Of(e.Person, e.Stamp).State == timeclock.On
	x.punches[e.Person] = append(x.punches[e.Person], punch{x.journal, e.Stamp.Time(), on})
}

// atWork reports whether somebody was clocked in at any register, as good as their
// clocks agree.
func (x *approvers) atWork(person string, at time.Time) bool {
	on := map[int]bool{}
	for _, p := range x.punches[person] {
		if !p.at.After(at) {
			on[p.journal] = p.on
		}
	}
	for _, on := range on {
		if on {
			return true
		}
	}
	return false
}

// add takes an approval that counts.
func (x *approvers) add(e *entry.Entry) {
	a, by := e.Approval, given{
		Approval: Approval{Journal: x.journal + 1, Seq: e.Seq, Time: e.Stamp.Time(), Requester: e.Operator, Function: e.Function},
		by:       e.Approval.Operator, stamp: e.Stamp,
	}
	person := cmp.Or(a.Person, a.Operator)
	if a.OffClock {
		x.off, x.person = append(x.off, by), append(x.person, person)
	}
	if a.Fallback {
		x.note(a.Operator, Fallback, by.Approval)
	}
	if a.Method == entry.MethodRemote {
		x.note(a.Operator, Remote, by.Approval)
		return // nobody says that they were here
	}
	if x.given == nil {
		x.given = map[string][]given{}
	}
	x.given[person] = append(x.given[person], by)
}

func (x *approvers) note(operator, what string, seen ...Approval) {
	if x.rows == nil {
		x.rows = map[approverKey]*Approver{}
	}
	k := approverKey{operator, what}
	r := x.rows[k]
	if r == nil {
		r = &Approver{Approver: operator, What: what, Exceptional: what == TwoRegisters || what == OffClock}
		x.rows[k] = r
	}
	r.Count++
	r.Latest = append(r.Latest, seen...)
	if n := len(r.Latest) - maxLatest; n > 0 {
		r.Latest = slices.Delete(r.Latest, 0, n)
	}
}

// result is what was found; of says how many approvals there are of an operator.
func (x *approvers) result(of func(operator string) int64) []Approver {
	for _, list := range x.given {
		slices.SortFunc(list, func(a, b given) int {
			return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Journal, b.Journal), cmp.Compare(a.Seq, b.Seq))
		})
		for i := 1; i < len(list); i++ {
			a, b := list[i-1], list[i]
			// The same entry in two copies of one journal is one approval.
			if a.Journal != b.Journal && b.Time.Sub(a.Time) < Together && !(a.Seq == b.Seq && a.stamp == b.stamp) {
				x.note(b.by, TwoRegisters, a.Approval, b.Approval)
			}
		}
	}
	for i, g := range x.off {
		if !x.atWork(x.person[i], g.Time) {
			x.note(g.by, OffClock, g.Approval)
		}
	}
	rows := []Approver{}
	for _, r := range x.rows {
		r.Approvals = of(r.Approver)
		rows = append(rows, *r)
	}
	clear(x.given)
	x.off, x.person = nil, nil
	slices.SortFunc(rows, func(a, b Approver) int {
		order := func(r Approver) int { return slices.Index(approverRows[:], r.What) }
		return cmp.Or(cmp.Compare(order(a), order(b)), cmp.Compare(b.Count, a.Count), byNumber(a.Approver, b.Approver))
	})
	return rows
}
