package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/timeclock"
	"tillwarden/enforcer/week"
)

// Thresholds say what is worth a look. Zero fields mean the defaults.
type Thresholds struct {
	// Deviation is from how many robust standard deviations above the peers'
	// median on a figure is exceptional: 3.5 (see spreadOf).
	Deviation float64 `json:"deviation"`
	// Sales is how many openings for sales an operator needs before rates say
	// anything: 100.
	Sales int64 `json:"sales"`
	// Peers is how many operators with the same work groups, who have enough
	// data, there have to be to compare with: 5, the operator included.
	Peers int `json:"peers"`
	// Least is the count below which a rate is never exceptional: 3; of a pair it is twice that.
	Least int64 `json:"least"`
}

// Defaults of the thresholds.
const (
	DefaultDeviation = 3.5
	DefaultSales     = 100
	DefaultPeers     = 5
	DefaultLeast     = 3
)

func (t Thresholds) filled() Thresholds {
	return Thresholds{
		cmp.Or(t.Deviation, DefaultDeviation), cmp.Or(t.Sales, DefaultSales), cmp.Or(t.Peers, DefaultPeers), cmp.Or(t.Least, DefaultLeast),
	}
}

// Options are how an exception report is made.
type Options struct {
	Thresholds
	// Hours are the store's; without them nothing is after hours.
	Hours week.Hours
	// Zone is the store's clock: UTC where nil.
	Zone *time.Location
}

// The figures of an operator. Their order is that of the report.
const (
	NoSales      = "no-sales"      // the drawer was opened without a sale
	Refusals     = "refusals"      // something was denied
	Overrides    = "overrides"     // somebody else approved something
	Approvals    = "approvals"     // the operator approved something of somebody else's
	WithoutGrant = "without-grant" // the drawer opened and nothing had allowed it
	LeftOpen     = "left-open"     // the drawer stood open for longer than allowed
	SecondsOpen  = "seconds-open"  // how long it stood open, on average
	Failures     = "failures"      // cards and PINs that were refused
	AfterHours   = "after-hours"   // the drawer was opened while the store is shut
)

var figures = [...]struct {
	name string
	// rate: peers are compared by the rate per 100 openings for sales. The others
	// are compared by the count, since who approves much may sell nothing, and one
	// drawer forced is one too many.
	rate bool
}{
	{NoSales, true},
	{Refusals, true},
	{Overrides, true},
	{Approvals, false},
	{WithoutGrant, false},
	{LeftOpen, true},
	{SecondsOpen, true},
	{Failures, true},
	{AfterHours, false},
}

// ByCount reports whether a figure is compared by its count, and not by its rate.
func ByCount(name string) bool {
	for _, f := range figures {
		if f.name == name {
			return !f.rate
		}
	}
	return false
}

// Figures lists their names, in order.
func Figures() []string {
	list := make([]string, len(figures))
	for i := range figures {
		list[i] = figures[i].name
	}
	return list
}

// What a figure's Note says where there is no deviation.
const (
	TooLittle = "too little data" // the operator has too few openings for sales
	TooFew    = "too few peers"   // too few others with the same work groups have enough data
	NoHours   = "no hours given"
)

// Figure is one figure of an operator, beside the peers'.
type Figure struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
	// Rate is per 100 openings for sales; absent where there were none. Of
	// seconds-open it is the average instead.
	Rate *float64 `json:"rate,omitempty"`
	// Median is the peers', of what is compared: the rate or the count.
	Median *float64 `json:"median,omitempty"`
	// Deviation is how far above the median it is, in robust standard deviations.
	Deviation   *float64 `json:"deviation,omitempty"`
	Exceptional bool     `json:"exceptional,omitempty"`
	// Note says why there is no deviation.
	Note string `json:"note,omitempty"`
}

// Operator is one operator's row.
type Operator struct {
	Operator   string   `json:"operator"`
	WorkGroups []string `json:"work_groups"`
	// Sales is how often the drawer was opened for a sale, Opens for anything.
	Sales   int64    `json:"sales"`
	Opens   int64    `json:"opens"`
	Figures []Figure `json:"figures"`
}

// Figure is the figure of that name.
func (o *Operator) Figure(name string) Figure {
	for i := range o.Figures {
		if o.Figures[i].Name == name {
			return o.Figures[i]
		}
	}
	return Figure{Name: name}
}

// Pair is how often one operator approved something of another's.
type Pair struct {
	Requester string `json:"requester"`
	Approver  string `json:"approver"`
	Approved  int64  `json:"approved"`
	// ByNumber is how many of them with number and PIN, without a card.
	ByNumber int64 `json:"by_number"`
	// Share is of all that was approved of the requester's.
	Share float64 `json:"share"`
	// Rate is per 100 of the requester's openings for sales; the median is that of all
	// pairs whose requester has the same work groups.
	Rate        *float64 `json:"rate,omitempty"`
	Median      *float64 `json:"median,omitempty"`
	Deviation   *float64 `json:"deviation,omitempty"`
	Exceptional bool     `json:"exceptional,omitempty"`
	Note        string   `json:"note,omitempty"`
}

// Exceptions is the exception report.
type Exceptions struct {
	Period     Period     `json:"period"`
	Thresholds Thresholds `json:"thresholds"`
	Hours      week.Hours `json:"hours"`
	// Operators by number. Nobody is what cannot be put down to an operator.
	Operators []Operator `json:"operators"`
	Nobody    Nobody     `json:"nobody"`
	// Pairs, the most frequent first.
	Pairs []Pair `json:"pairs"`
	// Approvers are those of whose approvals there is something to know.
	Approvers []Approver `json:"approvers"`
}

// Nobody is what happened while nobody was signed on, or cannot be told whose it is.
type Nobody struct {
	WithoutGrant int64 `json:"without_grant"`
	Failures     int64 `json:"failures"`
	// Uncounted refusals came faster than they are journaled one by one.
	Uncounted int64 `json:"uncounted_refusals"`
}

// tally is what is counted of an operator.
type tally struct {
	groups       []string
	sales, opens int64
	noSales      int64
	refusals     int64
	overrides    int64
	approvals    int64
	withoutGrant int64
	leftOpen     int64
	closed       int64 // closings, and how long the drawer stood open before them
	openFor      time.Duration
	failures     int64
	afterHours   int64
}

// count is a figure's, in the order of figures.
func (t *tally) count(i int) int64 {
	return [...]int64{
		t.noSales, t.refusals, t.overrides, t.approvals, t.withoutGrant, t.leftOpen, t.closed, t.failures, t.afterHours,
	}[i]
}

// rate is per 100 openings for sales, and of seconds-open the average.
func (t *tally) rate(i int) (float64, bool) {
	if figures[i].name == SecondsOpen {
		if t.closed == 0 {
			return 0, false
		}
		return t.openFor.Seconds() / float64(t.closed), true
	}
	if t.sales == 0 {
		return 0, false
	}
	return 100 * float64(t.count(i)) / float64(t.sales), true
}

// compared is the figure that peers are compared by, if there is enough for it.
func (t *tally) compared(i int, th *Thresholds) (float64, bool) {
	if !figures[i].rate {
		return float64(t.count(i)), true
	}
	r, ok := t.rate(i)
	return r, ok && t.sales >= th.Sales
}

type pairKey struct{ requester, approver string }

type pairTally struct{ approved, byNumber int64 }

// ExceptionReport collects what an exception report is made of.
type ExceptionReport struct {
	reading
	o       Options
	session session
	people  map[string]*tally
	pairs   map[pairKey]*pairTally
	nobody  Nobody
	gave    approvers
}

// NewExceptions begins an exception report.
func NewExceptions(o Options) *ExceptionReport {
	o.Thresholds = o.Thresholds.filled()
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	return &ExceptionReport{o: o, people: map[string]*tally{}, pairs: map[pairKey]*pairTally{}}
}

// Since has only what is from a moment on counted, nil for all. What is to be added begins
// earlier, at the moment that is returned, nil for the beginning: who came to work before,
// and who is signed on, is known from that.
func (x *ExceptionReport) Since(from *time.Time) (read *time.Time) { return x.since(from) }

// NextJournal says that the entries that follow are of another register.
func (x *ExceptionReport) NextJournal() {
	x.session = session{}
	x.gave.nextJournal()
	x.nextJournal()
}

// Add takes the journal's next entry. It keeps nothing of it but words.
func (x *ExceptionReport) Add(e *entry.Entry) {
	who := x.session.who(e)
	if timeclock.IsPunch(e.Kind) {
		x.gave.punched(e)
	}
	if e.Stamp.Time().Before(x.from) {
		return
	}
	x.period.add(e)
	var t *tally
	if who != "" {
		if t = x.people[who]; t == nil {
			t = &tally{}
			x.people[who] = t
		}
		if len(e.WorkGroups) > 0 && who == e.Operator {
			t.groups = e.WorkGroups
		}
	}
	if is, granted := opens(e); is {
		x.opening(t, e, granted)
		return
	}
	switch e.Kind {
	case entry.KindDecision:
		if e.Outcome == entry.OutcomeDenied && t != nil {
			t.refusals++
		}
	case entry.KindApproval:
		// Where two have to approve, the first one's leaves an override required.
		if e.Approval != nil && (e.Outcome == entry.OutcomeAllowed || e.Outcome == entry.OutcomeOverrideRequired) {
			x.approval(t, who, e)
		}
	case entry.KindDrawerClosed:
		if t != nil {
			t.closed++
			t.openFor += time.Duration(e.Elapsed)
		}
	case entry.KindDrawerLeftOpen:
		if t != nil {
			t.leftOpen++
		}
	case entry.KindSignOn, entry.KindUnlock, entry.KindIdentify, entry.KindCardRefused:
		if e.Outcome == entry.OutcomeDenied && credential(e) {
			if t != nil {
				t.failures++
			} else {
				x.nobody.Failures++
			}
		}
	case entry.KindSummary:
		x.nobody.Uncounted += int64(e.Count)
	}
}

// credential reports whether somebody was not let in for the card or PIN, and
// not for what the rules say of whoever it was.
func credential(e *entry.Entry) bool {
	switch e.Reason {
	case entry.ReasonUnknownCredential, entry.ReasonWrongPIN, entry.ReasonLockedOut, entry.ReasonSlowDown,
		entry.ReasonPaymentCard, entry.ReasonLicenceCard, entry.ReasonUnknownCard, entry.ReasonUnreadable:
		return true
	}
	return false
}

func (x *ExceptionReport) opening(t *tally, e *entry.Entry, granted bool) {
	switch {
	case t == nil:
		if !granted {
			x.nobody.WithoutGrant++
		}
		return
	case !granted:
		t.withoutGrant++
	case e.Function == functionSale:
		t.sales++
	case e.Function == functionNoSale:
		t.noSales++
	}
	t.opens++
	if x.o.Hours.Set() && !x.o.Hours.Open(week.At(e.Stamp.Time().In(x.o.Zone))) {
		t.afterHours++
	}
}

func (x *ExceptionReport) approval(t *tally, who string, e *entry.Entry) {
	by := x.people[e.Approval.Operator]
	if by == nil {
		by = &tally{}
		x.people[e.Approval.Operator] = by
	}
	if by.groups == nil && e.Rule != nil && e.Rule.WorkGroup != "" {
		by.groups = []string{e.Rule.WorkGroup} // who never signs on at this register
	}
	by.approvals++
	x.gave.add(e)
	if t == nil {
		return
	}
	if e.Outcome == entry.OutcomeAllowed {
		t.overrides++
	}
	k := pairKey{who, e.Approval.Operator}
	p := x.pairs[k]
	if p == nil {
		p = &pairTally{}
		x.pairs[k] = p
	}
	p.approved++
	if e.Approval.Method == entry.MethodNumberPIN {
		p.byNumber++
	}
}

// Result is the report on what was added.
func (x *ExceptionReport) Result() *Exceptions {
	r := &Exceptions{
		Period: x.period, Thresholds: x.o.Thresholds, Hours: x.o.Hours, Nobody: x.nobody, Operators: []Operator{}, Pairs: []Pair{},
	}
	byGroup := map[string][]*tally{}
	for _, t := range x.people {
		k := groupKey(t.groups)
		byGroup[k] = append(byGroup[k], t)
	}
	spreads := map[string]*[len(figures)]spread{}
	for k, group := range byGroup {
		spreads[k] = x.spreads(group)
	}
	for number, t := range x.people {
		o := Operator{Operator: number, WorkGroups: append([]string{}, t.groups...), Sales: t.sales, Opens: t.opens}
		for i := range figures {
			o.Figures = append(o.Figures, x.figure(t, i, spreads[groupKey(t.groups)][i]))
		}
		r.Operators = append(r.Operators, o)
	}
	slices.SortFunc(r.Operators, func(a, b Operator) int { return byNumber(a.Operator, b.Operator) })
	x.addPairs(r)
	r.Approvers = x.gave.result(func(operator string) int64 { return x.people[operator].approvals })
	return r
}

// byNumber orders operator numbers as numbers, as far as they are some.
func byNumber(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }

// groupKey is the same for all operators with the same work groups.
func groupKey(groups []string) string {
	sorted := slices.Sorted(slices.Values(groups))
	return strings.Join(sorted, "\x00")
}

func (x *ExceptionReport) spreads(group []*tally) *[len(figures)]spread {
	var out [len(figures)]spread
	for i := range figures {
		var values []float64
		for _, t := range group {
			if v, ok := t.compared(i, &x.o.Thresholds); ok {
				values = append(values, v)
			}
		}
		out[i] = spreadOf(values)
	}
	return &out
}

func (x *ExceptionReport) figure(t *tally, i int, s spread) Figure {
	f := Figure{Name: figures[i].name, Count: t.count(i)}
	if v, ok := t.rate(i); ok {
		f.Rate = &v
	}
	v, enough := t.compared(i, &x.o.Thresholds)
	switch {
	case f.Name == AfterHours && !x.o.Hours.Set():
		f.Note = NoHours
	case !enough:
		f.Note = TooLittle
	case s.n < x.o.Peers:
		f.Note = TooFew
	default:
		d := s.deviation(v)
		f.Median, f.Deviation = &s.median, &d
		f.Exceptional = d >= x.o.Deviation && (f.Count >= x.o.Least || !figures[i].rate)
	}
	// Nobody has to be compared with to see that this is not as it should be.
	if f.Name == WithoutGrant && f.Count >= x.o.Least {
		f.Exceptional = true
	}
	return f
}

func (x *ExceptionReport) addPairs(r *Exceptions) {
	values := map[string][]float64{}
	rate := func(k pairKey, p *pairTally) (float64, bool) {
		t := x.people[k.requester]
		return 100 * float64(p.approved) / float64(max(t.sales, 1)), t.sales >= x.o.Sales
	}
	for k, p := range x.pairs {
		if v, ok := rate(k, p); ok {
			g := groupKey(x.people[k.requester].groups)
			values[g] = append(values[g], v)
		}
	}
	spreads := map[string]spread{}
	for g, list := range values {
		spreads[g] = spreadOf(list)
	}
	for k, p := range x.pairs {
		t := x.people[k.requester]
		pair := Pair{
			Requester: k.requester, Approver: k.approver, Approved: p.approved, ByNumber: p.byNumber,
			Share: float64(p.approved) / float64(max(t.overrides, 1)),
		}
		v, enough := rate(k, p)
		if t.sales > 0 {
			pair.Rate = &v
		}
		s := spreads[groupKey(t.groups)]
		switch {
		case !enough:
			pair.Note = TooLittle
		case s.n < x.o.Peers:
			pair.Note = TooFew
		default:
			d := s.deviation(v)
			pair.Median, pair.Deviation = &s.median, &d
			pair.Exceptional = d >= x.o.Deviation && p.approved >= 2*x.o.Least // there are many more pairs than people
		}
		r.Pairs = append(r.Pairs, pair)
	}
	slices.SortFunc(r.Pairs, func(a, b Pair) int {
		return cmp.Or(cmp.Compare(b.Approved, a.Approved), byNumber(a.Requester, b.Requester), byNumber(a.Approver, b.Approver))
	})
}
