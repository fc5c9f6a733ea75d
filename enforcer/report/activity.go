package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"tillwarden/enforcer/journal/entry"
)

// Activity is a report of what people did, by function: a row for each function,
// and for each kind of act that has none, as locking.
type Activity struct {
	Period Period     `json:"period"`
	Rows   []Function `json:"rows"`
}

// Function is how often something was done.
type Function struct {
	// Function is the dotted key, or the kind's word where there is none.
	Function string `json:"function"`
	// Name is what people call it, empty where that is not known.
	Name string `json:"name,omitempty"`
	// How it came out. Approved is how often an override was, the own PIN included, Opens how often
	// the drawer was opened for it.
	Allowed  int64 `json:"allowed"`
	Override int64 `json:"override_required"`
	Approved int64 `json:"approved"`
	Denied   int64 `json:"denied"`
	Failed   int64 `json:"error"`
	Opens    int64 `json:"opens"`
	// Operators is how many people did or tried it.
	Operators int       `json:"operators"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
}

// maxFunctions bounds the rows: a POS may ask for functions that do not exist,
// under as many names as it likes.
const (
	maxFunctions = 4096
	Others       = "(others)"
)

type functionTally struct {
	Function
	who map[string]struct{}
}

// ActivityReport collects what an activity report is made of.
type ActivityReport struct {
	reading
	names   map[string]string
	session session
	rows    map[string]*functionTally
}

// NewActivity begins an activity report. names are the functions' names by key; it may be nil.
func NewActivity(names map[string]string) *ActivityReport {
	return &ActivityReport{names: names, rows: map[string]*functionTally{}}
}

// NextJournal says that the entries that follow are of another register.
func (a *ActivityReport) NextJournal() {
	a.session = session{}
	a.nextJournal()
}

// Add takes the journal's next entry.
func (a *ActivityReport) Add(e *entry.Entry) {
	a.period.add(e)
	who := a.session.who(e)
	opened, granted := opens(e)
	if own(e) && !(opened && granted) {
		return
	}
	key := e.Function
	if key == "" {
		key = e.Kind.String()
	}
	f := a.rows[key]
	if f == nil {
		if len(a.rows) >= maxFunctions {
			key = Others
			f = a.rows[key]
		}
		if f == nil {
			f = &functionTally{Function: Function{Function: key, Name: a.names[key], First: e.Stamp.Time(), Last: e.Stamp.Time()}, who: map[string]struct{}{}}
			a.rows[key] = f
		}
	}
	// The wall clock may step, and registers' journals come one after the other.
	if at := e.Stamp.Time(); at.Before(f.First) {
		f.First = at
	} else if at.After(f.Last) {
		f.Last = at
	}
	if who != "" {
		f.who[who] = struct{}{}
	}
	switch {
	case opened:
		f.Opens++
	case e.Kind == entry.KindApproval, e.Kind == entry.KindStepUp:
		if e.Outcome == entry.OutcomeAllowed {
			f.Approved++
		}
	case e.Kind == entry.KindOverride, e.Kind == entry.KindOverrideEnd, e.Kind == entry.KindWithdrawn:
		// Each belongs to a decision that is counted.
	case e.Outcome == entry.OutcomeOverrideRequired:
		f.Override++
	case e.Outcome == entry.OutcomeDenied:
		f.Denied++
	case e.Outcome == entry.OutcomeError:
		f.Failed++
	default:
		f.Allowed++
	}
}

// Result is the report on what was added, by key.
func (a *ActivityReport) Result() *Activity {
	r := &Activity{Period: a.period, Rows: []Function{}}
	for _, f := range a.rows {
		f.Operators = len(f.who)
		r.Rows = append(r.Rows, f.Function)
	}
	slices.SortFunc(r.Rows, func(x, y Function) int { return cmp.Compare(x.Function, y.Function) })
	return r
}

// Keyword finds acts by a word that stands in them.
type Keyword struct {
	word  string
	names map[string]string
	known map[string]bool // which texts contain the word: the same ones come again and again
}

// maxKnown bounds what a Keyword remembers.
const maxKnown = 4096

// NewKeyword finds entries in which a keyword stands: in the function's key or
// name, the kind, the reason, the subject, the device, or a remark. Small and
// capital letters are the same. names are the functions' names by key; it may be nil.
func NewKeyword(keyword string, names map[string]string) *Keyword {
	return &Keyword{word: strings.ToLower(keyword), names: names, known: map[string]bool{}}
}

// Match reports whether an entry is an act with the keyword in it.
func (k *Keyword) Match(e *entry.Entry) bool {
	if own(e) {
		return false
	}
	if e.Function != "" && (k.in(e.Function) || k.in(k.names[e.Function])) {
		return true
	}
	return k.in(e.Kind.String()) || e.Reason != 0 && k.in(e.Reason.String()) || k.in(e.Subject) || k.in(e.Device) || k.in(e.Drawer) ||
		k.in(e.Text) || k.in(e.Why)
}

func (k *Keyword) in(text string) bool {
	if text == "" {
		return false
	}
	found, ok := k.known[text]
	if !ok {
		found = strings.Contains(strings.ToLower(text), k.word)
		if len(k.known) >= maxKnown {
			clear(k.known)
		}
		k.known[text] = found
	}
	return found
}
