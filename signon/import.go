package signon

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// Row is one line of a list of operators that is to be taken in. What is nil is
// not in the list: an operator who is there keeps it.
type Row struct {
	Line       int // of the list, for errors
	Number     string
	Name       string
	WorkGroups []string
	Person     *string
	From       *string // first day, as 2026-11-27; empty: no bound
	Until      *string // last day
	Stores     *[]string
	Registers  *[]string
}

// RowError says what is wrong with one line.
type RowError struct {
	Line   int
	Number string // if it is an operator's number at all
	Reason entry.Reason
	Say    string
	Rule   *entry.Rule
}

// RowChange says what becomes of one line: "added", "unchanged", or what is changed.
type RowChange struct {
	Line   int
	Number string
	Say    string
}

// The words of a RowChange that are not a change.
const (
	RowAdded     = "added"
	RowUnchanged = "unchanged"
)

// Imported is the answer to a list. With errors nothing was changed.
type Imported struct {
	Applied bool // false: only tried, or refused
	Errors  []RowError
	Rows    []RowChange
}

// maxRows bounds one list: it is one transaction, and one batch of the journal.
const maxRows = 10_000

// Import adds and changes the operators of a list, all of them or none: 5202 to add,
// 5203 and 5204 to change, and 5205 where restricted work groups are given. Who is
// there already as the list says is left alone, so that a list may be taken in again.
// PINs and cards are in no list: operators get them one by one.
//
// With dry it finds every error and says what would be changed, and changes nothing.
func (p *People) Import(ctx context.Context, a Actor, rows []Row, dry bool) (Imported, Change, error) {
	p.s.store.turn.Lock()
	defer p.s.store.turn.Unlock()
	by, no, err := p.authorize(ctx, a, "", rules{functions: []string{FunctionView}})
	if err != nil {
		return Imported{}, Change{}, err
	}
	if no == nil && len(rows) == 0 {
		no = refuse(entry.ReasonSize, "the list is empty")
	}
	if no == nil && len(rows) > maxRows {
		no = refuse(entry.ReasonSize, "the list has %d lines, and at most %d are taken in at a time", len(rows), maxRows)
	}
	if no != nil {
		c, err := p.s.store.refused(ctx, by, "", no)
		return Imported{}, c, err
	}
	plan, err := p.plan(a, by, rows)
	if err != nil {
		return Imported{}, Change{}, err
	}
	// Whether they may at all, once for the list: the errors of lines are found besides.
	for _, function := range plan.functions() {
		by, no, err = p.authorize(ctx, a, "", rules{functions: []string{function}})
		if err != nil {
			return Imported{}, Change{}, err
		}
		if no != nil {
			c, err := p.s.store.refused(ctx, by, "", no)
			return Imported{}, c, err
		}
	}
	done := Imported{Errors: plan.errors, Rows: plan.changes}
	switch {
	case len(plan.errors) > 0 && !dry:
		c, err := p.s.store.refused(ctx, by, "", refuse(plan.errors[0].Reason, "%d of %d lines are wrong: nothing was changed", len(plan.errors), len(rows)))
		return done, c, err
	case len(plan.errors) > 0 || dry:
		return done, Change{OK: true, Say: "nothing was changed"}, nil
	case len(plan.puts) == 0:
		done.Applied = true
		return done, Change{OK: true, Say: "everything is as the list says already"}, nil
	}
	var changed []string
	for _, put := range plan.puts {
		changed = append(changed, put.record.Number)
	}
	seqs, err := p.s.store.commit(ctx, func(t *txn) ([]entry.Entry, error) {
		es := make([]entry.Entry, 0, len(plan.puts))
		for _, put := range plan.puts {
			e, err := p.s.store.putOperator(t, by, put.record, "imported: "+put.what)
			if err != nil {
				return nil, err
			}
			es = append(es, e)
		}
		return es, nil
	})
	if err != nil {
		return Imported{}, Change{}, err
	}
	done.Applied = true
	c := Change{OK: true, Seq: seqs[len(seqs)-1], Say: fmt.Sprintf("%d operators were added or changed", len(plan.puts))}
	return done, c, p.follow(ctx, changed...)
}

// importPlan is what a list comes to.
type importPlan struct {
	errors  []RowError
	changes []RowChange
	puts    []plannedPut

	adds, edits, groups, restricted bool
}

type plannedPut struct {
	record *operatorRecord
	what   string
}

// functions are those that the list takes.
func (l *importPlan) functions() (fs []string) {
	for _, f := range []struct {
		needed   bool
		function string
	}{{l.adds, FunctionAdd}, {l.edits, FunctionEdit}, {l.restricted, FunctionRestricted}, {l.groups, FunctionWorkGroup}} {
		if f.needed {
			fs = append(fs, f.function)
		}
	}
	return fs
}

// plan holds each line against the roster. It changes nothing.
func (p *People) plan(a Actor, by By, rows []Row) (*importPlan, error) {
	there := map[string]*operatorRecord{}
	persons := map[string]string{} // folded, as it is written
	if err := p.s.store.view(func(t *txn) error {
		return t.operators(func(r *operatorRecord) error {
			there[r.Number] = r
			persons[policy.FoldName(r.Person)] = r.Person
			return nil
		})
	}); err != nil {
		return nil, err
	}
	actor := there[by.Operator]
	snap := p.s.gate.Snapshot()
	l := &importPlan{}
	lines := map[string]int{}
	for i := range rows {
		row := &rows[i]
		before := there[row.Number]
		r, what, no := planRow(row, before)
		first, twice := lines[row.Number] // also in a line that is wrong itself
		if !twice {
			lines[row.Number] = row.Line
		} else if no == nil {
			no = refuse(entry.ReasonExists, "operator %s stands in line %d already", row.Number, first)
		}
		if no == nil {
			if known, ok := persons[policy.FoldName(r.Person)]; ok && known != r.Person {
				no = refuse(entry.ReasonMalformed, "the person is %q elsewhere: write the id the same way", known)
			}
			persons[policy.FoldName(r.Person)] = r.Person
		}
		if no == nil && what != RowUnchanged {
			no = unknownGroups(snap.Policy, r.Groups)
		}
		if no == nil && what != RowUnchanged {
			target := before
			if before == nil && r.Person == actor.Person {
				no = refuse(entry.ReasonSamePerson, "nobody adds a number for themselves: somebody else has to")
			} else {
				no = beyondPolicy(snap.Policy, actor, target, rules{groups: r.Groups})
			}
		}
		if no != nil {
			e := RowError{Line: row.Line, Reason: no.reason, Say: no.say, Rule: no.rule}
			if badNumber(row.Number) == "" {
				e.Number = row.Number
			}
			l.errors = append(l.errors, e)
			continue
		}
		l.changes = append(l.changes, RowChange{Line: row.Line, Number: row.Number, Say: what})
		if what == RowUnchanged {
			continue
		}
		l.puts = append(l.puts, plannedPut{record: r, what: what})
		regrouped := before == nil && len(r.Groups) > 0 || before != nil && !slices.Equal(before.Groups, r.Groups)
		l.adds = l.adds || before == nil
		l.groups = l.groups || regrouped
		l.edits = l.edits || before != nil && what != sayGroups(r.Groups)
		l.restricted = l.restricted || handsOutRestricted(snap.Policy, before, r.Groups)
	}
	if len(there)+len(l.puts) > maxOperators {
		l.errors = append(l.errors, RowError{Line: rows[len(rows)-1].Line, Reason: entry.ReasonSize, Say: "the roster is full"})
	}
	return l, nil
}

// planRow makes the record that a line comes to, and says what is changed.
func planRow(row *Row, before *operatorRecord) (*operatorRecord, string, *refusal) {
	r := &operatorRecord{Number: row.Number, Person: row.Number}
	if before != nil {
		was := *before
		r = &was
	}
	r.Name, r.Groups = row.Name, sorted(row.WorkGroups)
	if row.Person != nil && *row.Person != "" {
		r.Person = *row.Person
	}
	set(&r.From, row.From)
	set(&r.Until, row.Until)
	if row.Stores != nil {
		r.Stores = sorted(*row.Stores)
	}
	if row.Registers != nil {
		r.Registers = sorted(*row.Registers)
	}
	for _, bad := range []string{
		badNumber(r.Number), badName(r.Name), badPerson(r.Person), badGroups(r.Groups), badDays(r.From, r.Until), badPlaces(r.Stores, r.Registers),
	} {
		if bad != "" {
			return nil, "", refuse(entry.ReasonMalformed, "%s", bad)
		}
	}
	switch {
	case before == nil:
		what := []string{RowAdded}
		if len(r.Groups) > 0 {
			what = append(what, sayGroups(r.Groups))
		}
		return r, strings.Join(what, "; "), nil
	case before.Terminated != 0:
		return nil, "", refuse(entry.ReasonTerminated, "operator %s was terminated, and the number is not used again", r.Number)
	case before.Person != r.Person:
		return nil, "", refuse(entry.ReasonSamePerson, "operator %s is of another person: changing that takes two (tillwarden operator set-person)", r.Number)
	}
	var what []string
	if before.Roster != nil && (r.Name != before.Name || !slices.Equal(r.Groups, before.Groups) || r.From != before.From || r.Until != before.Until ||
		!slices.Equal(r.Stores, before.Stores) || !slices.Equal(r.Registers, before.Registers)) {
		return nil, "", ofRoster(r.Number)
	}
	if r.Name != before.Name {
		what = append(what, "name changed")
	}
	if !slices.Equal(r.Groups, before.Groups) {
		what = append(what, sayGroups(r.Groups))
	}
	if r.From != before.From || r.Until != before.Until {
		what = append(what, sayDays(r.From, r.Until))
	}
	if !slices.Equal(r.Stores, before.Stores) || !slices.Equal(r.Registers, before.Registers) {
		what = append(what, sayPlaces(r.Stores, r.Registers))
	}
	if what == nil {
		return r, RowUnchanged, nil
	}
	return r, strings.Join(what, "; "), nil
}

func set(field *string, to *string) {
	if to != nil {
		*field = *to
	}
}
