package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/journal"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/policy/source"
	"tillwarden/enforcer/report"
	"tillwarden/enforcer/simulate"
)

// liveJournalName stands for this register's journal.
const liveJournalName = "@live"

// simulateLead is how much of the time before --since is read too, to know which
// work groups people have, and what the session had by then.
const simulateLead = 7 * 24 * time.Hour

// simulateFlags are what simulate reads, and how it prints it.
type simulateFlags struct {
	actor
	periodFlags
	journals []string
	presets  bool
	csv, all bool
	exitCode bool
}

func (a *app) simulateCommand() *cobra.Command {
	var f simulateFlags
	c := &cobra.Command{
		Use:   "simulate NEW... --journal FILE|@live",
		Short: "say which real decisions would have gone another way",
		Long: `Answers the decisions that were really made anew, under another policy, and says which
would have gone another way: by function with the rule that would have decided, by
operator, and by day. Who asked is taken with the work groups of that moment.

What the state of the register decided (nobody signed on, a wrong PIN) stays as it
was. What the journal does not tell is counted as not decidable, never guessed. What
people would have done then instead, nobody knows.

The journal is @live, this register's (at the console's socket an operator who may
read it is named with --as), or a copy of one; several are one simulation.
` + policiesHelp + `

It exits with 0 unless --exit-code is given.`,
		Example: `  tillwarden policy simulate policies/ --journal @live --since 2026-03-01
  tillwarden policy simulate next.twb --journal lane1.db --journal lane2.db
  tillwarden policy simulate next.hcl --journal lane1.db --csv > changes.csv`,
		Args:              filesOrPresets(&f.presets),
		ValidArgsFunction: completePolicies,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(a); err != nil {
				return err
			}
			v, err := a.policyAt(cmd.Context(), args, f.presets)
			if err != nil {
				return err
			}
			r, lacks, err := a.simulate(cmd.Context(), &f, v.Compiled)
			if err != nil {
				return err
			}
			s := simulationOf(v, r)
			s.Lacks = lacks
			switch {
			case a.json:
				err = a.printJSON(s)
			case f.csv:
				sayLacks(s.period(), time.Local, a.note)
				err = a.csvRows(s.rows())
			default:
				err = a.showSimulation(s, f.all)
			}
			if err == nil && f.exitCode && r.Otherwise > 0 {
				return said(exitRefused)
			}
			return err
		},
	}
	asFlag(c, &f.actor)
	f.periodFlags.add(c)
	c.Flags().StringArrayVar(&f.journals, "journal", nil, "the journal: @live, or a `file` with a copy; may be given more than once")
	_ = c.RegisterFlagCompletionFunc("journal", func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return []cobra.Completion{cobra.CompletionWithDesc(liveJournalName, "this register's")}, cobra.ShellCompDirectiveDefault
	})
	c.Flags().BoolVar(&f.csv, "csv", false, "print CSV, for spreadsheets: a line for each operator, function, day and rule")
	c.Flags().BoolVar(&f.all, "all", false, "list all operators and days, however many")
	c.Flags().BoolVar(&f.exitCode, "exit-code", false, "exit with 1 where a decision would have gone another way")
	presetsFlag(c, &f.presets)
	return c
}

func (f *simulateFlags) check(a *app) error {
	live := slices.Contains(f.journals, liveJournalName)
	switch {
	case len(f.journals) == 0:
		return usagef("policy simulate: --journal is missing").hint("@live is this register's; a copy is one of the register's journal.db, made with cp")
	case live && len(f.journals) > 1:
		return usagef("policy simulate: @live and copies cannot be one simulation").hint("copy this register's journal too")
	case !live && f.given():
		return usagef("--as and a copy of a journal: a copy needs no operator")
	case f.csv && a.json:
		return usagef("--csv and --json: one of them")
	case live:
		return nil
	}
	return distinctCopies(f.journals)
}

// simulate reads the journals under a policy. It also says which of them do not go back
// as far as was asked.
func (a *app) simulate(ctx context.Context, f *simulateFlags, p *policy.Compiled) (*simulate.Result, []report.Lack, error) {
	from, to, err := f.times(time.Now())
	if err != nil {
		return nil, nil, err
	}
	var of report.Period
	s := simulate.New(p, time.Local)
	filter := api.Filter{To: to}
	if from != nil {
		s.From(*from)
		before := from.Add(-simulateLead)
		filter.From = &before
	}
	told := a.progress()
	defer told.done()
	n := 0
	add := func(e *entry.Entry) error {
		s.Add(e)
		if n++; n%1024 == 0 {
			told.at("%d entries, up to %s", n, e.Stamp.Time().In(time.Local).Format("2006-01-02 15:04"))
		}
		return nil
	}
	if f.journals[0] == liveJournalName {
		of.Lacks, err = a.liveEntries(ctx, f.actor, from, filter, s, add)
		return s.Result(), of.Lacks, err
	}
	var native journal.Filter
	if native, err = nativeFilter(filter); err != nil {
		return nil, nil, err
	}
	var asked time.Time
	if from != nil {
		asked = *from
	}
	for i, path := range f.journals {
		head, err := copyHead(path)
		if err != nil {
			return nil, nil, err
		}
		reach, err := copyReach(path)
		if err != nil {
			return nil, nil, err
		}
		of.Begins(i+1, asked, reach.First, reach.At, reach.Removed)
		register := journal.RegisterName(head.Origin)
		if i == 0 {
			s.Register(register)
		} else {
			s.NextJournal(register)
		}
		if err := readCopy(ctx, path, native, add); err != nil {
			return nil, nil, err
		}
	}
	return s.Result(), of.Lacks, nil
}

// liveEntries gives the entries of this register's journal, and says whether it goes
// back as far as was asked.
func (a *app) liveEntries(
	ctx context.Context, who actor, from *time.Time, f api.Filter, s *simulate.Simulation, add func(*entry.Entry) error,
) (lacks []report.Lack, err error) {
	err = a.as(ctx, who, func(client *api.Client, by *api.Credentials) error {
		status, err := client.Status(ctx)
		if err != nil {
			return err
		}
		s.Register(status.Register)
		if lacks, err = liveLacks(ctx, client, by, from); err != nil {
			return err
		}
		d := journal.NewDecoder()
		var e entry.Entry
		return client.JournalStored(ctx, api.JournalStored{By: by, Filter: f}, func(stored []byte) error {
			if err := d.Decode(stored, &e); err != nil {
				return failedf("the register's journal: %w", err)
			}
			return add(&e)
		})
	})
	return lacks, err
}

// simulation is a result with the rules' places.
type simulation struct {
	Policy string `json:"policy"`
	*simulate.Result
	Changes []simulatedChange `json:"changes"`
	// Lacks are as a report's.
	Lacks []report.Lack `json:"lacks,omitempty"`
}

// period is what it was made of.
func (s *simulation) period() *report.Period {
	return &report.Period{First: s.First, Last: s.Last, Entries: s.Entries, Journals: s.Journals, Lacks: s.Lacks}
}

type simulatedChange struct {
	simulate.Change
	Name   string                `json:"name,omitempty"`
	Reason string                `json:"reason"`
	Rule   *source.ExplainedRule `json:"rule,omitempty"`
	Limit  *simulatedLimit       `json:"limit,omitempty"`
	Asks   *simulatedAsks        `json:"asks,omitempty"`

	because string
}

// simulatedLimit is the limit that would have decided.
type simulatedLimit struct {
	Group    string           `json:"group"`
	Function string           `json:"function"`
	Part     policy.LimitPart `json:"part"`
	Limit    policy.Limit     `json:"limit"`
	At       *source.Pos      `json:"at,omitempty"`
}

// words say it in few.
func (l *simulatedLimit) words() string {
	s := fmt.Sprintf("%q: beyond the %s of its limit on %s (%s)", l.Group, l.Part, l.Function, l.Limit)
	if l.At != nil {
		s += ", " + l.At.String()
	}
	return s
}

// simulatedAsks is what somebody had to show and did not.
type simulatedAsks struct {
	Group  string              `json:"group"`
	For    string              `json:"for"` // the attribute of the work group
	Method policy.SignOnMethod `json:"method"`
	At     *source.Pos         `json:"at,omitempty"` // of the work group
}

// words say it in few.
func (x *simulatedAsks) words() string {
	s := fmt.Sprintf("%q: %s = %q, and number and PIN were shown", x.Group, x.For, x.Method)
	if x.At != nil {
		s += ", " + x.At.String()
	}
	return s
}

// becauses say the reasons for which no work group's mark stands.
var becauses = map[entry.Reason]string{
	entry.ReasonUnknownFunction: "the function is not in this policy's catalogue",
	entry.ReasonNoWorkGroup:     "the policy has none of the operator's work groups",
	entry.ReasonNotForDrawer:    "the catalogue says that no drawer opens for it",
	entry.ReasonUnsupported:     "it takes two approvers, and nobody may approve it",
	entry.ReasonDualControl:     "two other persons must approve it, whoever asks",
	entry.ReasonStepUp:          "it takes the own PIN again",
}

func simulationOf(v source.Version, r *simulate.Result) *simulation {
	s := &simulation{Policy: v.Name, Result: r, Changes: []simulatedChange{}}
	for _, c := range r.Changes {
		one := simulatedChange{Change: c, Reason: c.Reason.String(), because: becauses[c.Reason]}
		if i, ok := v.Compiled.Lookup(c.Function); ok {
			one.Name = v.Compiled.Function(i).Name
		}
		if l := c.Limit; l.WorkGroup != "" {
			one.Limit = &simulatedLimit{Group: l.WorkGroup, Function: l.Function, Part: l.Part, Limit: l.Limit}
			if at, ok := v.Sidecar.Limit(l.WorkGroup, l.Function); ok {
				one.Limit.At = &at
			}
			one.because = one.Limit.words()
		}
		if x := c.Asks; x.WorkGroup != "" {
			one.Asks = &simulatedAsks{Group: x.WorkGroup, For: "sign_on", Method: x.Method}
			if x.Approving {
				one.Asks.For = "approve"
			}
			if at, ok := v.Sidecar.WorkGroup(x.WorkGroup); ok {
				one.Asks.At = &at
			}
			one.because = one.Asks.words()
		}
		if c.Rule.WorkGroup != "" {
			var words string
			one.Rule, words = v.Why(c.Rule)
			if one.because == "" {
				one.because = fmt.Sprintf("%q: %s", c.Rule.WorkGroup, words)
			}
		}
		s.Changes = append(s.Changes, one)
	}
	return s
}

// rows are the changes for spreadsheets.
func (s *simulation) rows() [][]string {
	rows := [][]string{{"day", "operator", "function", "approving", "was", "would_be", "count", "reason", "work_group", "rule_function", "mark", "at", "first_entry"}}
	for _, c := range s.Changes {
		row := []string{c.Day, c.Operator, c.Function, yesNo(c.Approving), c.Was.String(), c.Would.String(), fmt.Sprint(c.Count), c.Reason, "", "", "", "", fmt.Sprint(c.First)}
		if r := c.Rule; r != nil {
			row[8], row[9], row[10] = r.Group, r.Function, r.Mark.String()
			if r.At != nil {
				row[11] = r.At.String()
			}
		}
		if x := c.Asks; x != nil {
			row[8] = x.Group
			if x.At != nil {
				row[11] = x.At.String()
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// simulatedWay is one way in which a function would have gone otherwise.
type simulatedWay struct {
	function, was, would, because string
}

// maxSimulated is how many operators and days are listed without --all.
const maxSimulated = 15

func (a *app) showSimulation(s *simulation, all bool) error {
	a.say("new policy: %s", s.Policy)
	a.sayPeriod(s.period(), time.Local)
	if s.Entries == 0 {
		return nil
	}
	a.say("%s: %d the same, %d otherwise", count(int(s.Decisions), "decision"), s.Same, s.Otherwise)
	for _, x := range []struct {
		n    int64
		what string
	}{
		{s.ByState, "decided by the state of the register, or by who the persons are"},
		{s.Unasked, "approvals of what would not have come to an approver"},
	} {
		if x.n > 0 {
			a.say("  %d %s", x.n, x.what)
		}
	}
	for _, why := range sortedKeys(s.NotDecidable) {
		a.say("  %d not decidable: %s", s.NotDecidable[why], why)
	}
	if s.InUnmadeSessions > 0 {
		a.say("%d of the decisions were made in sessions that would not have begun", s.InUnmadeSessions)
	}
	if s.WithPIN > 0 {
		a.say("%d times a card alone was shown, and the PIN would have been asked for", s.WithPIN)
	}
	for _, g := range sortedKeys(s.UnknownGroups) {
		a.say("%s", fill(fmt.Sprintf("work group %q, which %s had, is not in the policy", g, count(s.UnknownGroups[g], "operator"))))
	}
	if s.Otherwise == 0 {
		return nil
	}
	if err := a.showWays(s); err != nil {
		return err
	}
	if err := a.showTallies("OPERATOR", s.Operators, all); err != nil {
		return err
	}
	return a.showTallies("DAY", s.Days, all)
}

// showWays lists in which ways functions would have gone otherwise, with the
// rules below, by their numbers.
func (a *app) showWays(s *simulation) error {
	var order []simulatedWay
	type sum struct {
		n               int64
		operators, days map[string]bool
	}
	sums := map[simulatedWay]*sum{}
	for _, c := range s.Changes {
		w := simulatedWay{c.Function, c.Was.String(), c.Would.String(), c.because}
		if c.Approving {
			w.function = "approving " + w.function
		}
		x := sums[w]
		if x == nil {
			x = &sum{operators: map[string]bool{}, days: map[string]bool{}}
			sums[w], order = x, append(order, w)
		}
		x.n += c.Count
		x.operators[c.Operator], x.days[c.Day] = true, true
	}
	var rules []string
	rows := [][]string{{"FUNCTION", "WAS", "WOULD BE", "TIMES", "OPERATORS", "DAYS", "RULE"}}
	for _, w := range order {
		n := slices.Index(rules, w.because)
		if n < 0 {
			n = len(rules)
			rules = append(rules, w.because)
		}
		x := sums[w]
		rows = append(rows, []string{
			cut(w.function, 32), w.was, w.would, fmt.Sprint(x.n), fmt.Sprint(len(x.operators)), fmt.Sprint(len(x.days)), fmt.Sprintf("[%d]", n+1),
		})
	}
	a.say("")
	if err := table(a.out, rows); err != nil {
		return err
	}
	a.say("")
	for i, r := range rules {
		a.say("%s", fill(fmt.Sprintf("[%d] %s", i+1, r)))
	}
	return nil
}

// showTallies lists whose, or when, decisions would have gone otherwise.
func (a *app) showTallies(what string, list []simulate.Tally, all bool) error {
	rows := [][]string{{what, "OTHERWISE", "OF"}}
	left := 0
	for _, t := range list {
		switch {
		case t.Otherwise == 0:
		case !all && len(rows) > maxSimulated:
			left++
		default:
			rows = append(rows, []string{t.Key, fmt.Sprint(t.Otherwise), fmt.Sprint(t.Decisions)})
		}
	}
	a.say("")
	if err := table(a.out, rows); err != nil {
		return err
	}
	if left > 0 {
		a.say("and %d more: --all lists them", left)
	}
	return nil
}
