package signon

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tillwarden/enforcer/journal/entry"
)

func list(t *testing.T, text string) []Row {
	t.Helper()
	rows, errs := ReadRows(strings.NewReader(text))
	if errs != nil {
		t.Fatal(errs)
	}
	return rows
}

// A list is read to its end, and each error names its line.
func TestReadRows(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		rows int
		errs []string // "line: words"
	}{
		"plain":            {"number,name,work_groups\n101,Ann,Cashier\n102,Ben,\n", 2, nil},
		"columns anyhow":   {"Work_Groups, NAME ,number,until\nCashier|Manager,Ann,101,2026-12-31\n", 1, nil},
		"semicolons":       {"number;name;work_groups\n101;Ann, M;Cashier\n", 1, nil},
		"byte order mark":  {"\ufeffnumber,name,work_groups\r\n101,Ann,Cashier\r\n", 1, nil},
		"empty lines":      {"number,name,work_groups\n\n,,\n101,Ann,Cashier\n", 1, nil},
		"quotes":           {"number,name,work_groups\n101,\"Ann \"\"A\"\"\nMiller\",Cashier\n102,Ben,\n", 2, nil},
		"nothing":          {"", 0, []string{"1: the list is empty"}},
		"no name":          {"number,work_groups\n", 0, []string{"1: column name is missing"}},
		"unknown column":   {"number,name,work_groups,shoe size\n", 0, []string{"1: column 4 is called nothing that is known"}},
		"twice":            {"number,name,work_groups,name\n", 0, []string{"1: column name is there twice"}},
		"PINs":             {"number,name,work_groups,PIN\n101,Ann,Cashier,2580\n", 0, []string{"1: there is a column for PINs"}},
		"all lines":        {"number,name,work_groups\n101,Ann\n102,Ben,Cashier\n103,C\xe9,x\n1\"4,D,x\n", 1, []string{"2: 2 columns, and the first line names 3", "4: column name is not UTF-8", "5: a quotation mark stands within a cell"}},
		"UTF-16":           {"\xff\xfen\x00u\x00m\x00b\x00e\x00r\x00\n\x00", 0, []string{"1: the list is not UTF-8: save the list as"}},
		"a cell too long":  {"number,name,work_groups\n101," + strings.Repeat("x", 5<<20) + ",Cashier\n102,Ben,x\n", 1, []string{"2: column name has 5242880 bytes"}},
		"a quote too many": {"number,name,work_groups\n101,\"Ann,Cashier\n102,Ben,\n", 0, []string{"2: a quotation mark is not closed"}},
	} {
		rows, errs := ReadRows(strings.NewReader(tc.text))
		if len(rows) != tc.rows || len(errs) != len(tc.errs) {
			t.Errorf("%s: %d rows, errors %v", name, len(rows), errs)
			continue
		}
		for i, e := range errs {
			if got := fmt.Sprintf("%d: %s", e.Line, e.Say); !strings.HasPrefix(got, tc.errs[i]) {
				t.Errorf("%s: %s, want %s", name, got, tc.errs[i])
			}
			if strings.Contains(e.Say, "2580") {
				t.Errorf("%s: a PIN is in %q", name, e.Say)
			}
		}
	}
}

func FuzzReadRows(f *testing.F) {
	f.Add([]byte("number,name,work_groups\n101,Ann,Cashier|Manager\n"))
	f.Add([]byte("number;name;work_groups;from\n\"1\n01\";Ann;;\n\n;;;\n"))
	f.Add([]byte("\ufeffnumber,name,work_groups,pin\n1,2,3,4\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		rows, errs := ReadRows(strings.NewReader(string(text)))
		lines := strings.Count(string(text), "\n") + 1
		last := 0
		for _, r := range rows {
			if r.Line <= last || r.Line > lines {
				t.Fatalf("line %d after %d, of %d", r.Line, last, lines)
			}
			last = r.Line
		}
		for _, e := range errs {
			if e.Line < 1 || e.Line > lines || e.Say == "" {
				t.Fatalf("%+v", e)
			}
		}
		if rows == nil && errs == nil && len(strings.Fields(string(text))) > 3 && !strings.Contains(string(text), "work_groups") {
			t.Fatal("nothing was read, and nothing is wrong")
		}
	})
}

// Nothing is half imported: with one wrong line nothing is changed, and all of
// them are found.
func TestImportFindsAllErrors(t *testing.T) {
	r := newRig(t)
	r.must(r.store.Add(r.ctx, By{}, NewOperator{Number: "9001", Name: "Chief", WorkGroups: []string{headquart}}, false))
	r.must(r.store.Add(r.ctx, By{}, NewOperator{Number: "9009", Name: "Gone"}, false))
	r.must(r.store.Terminate(r.ctx, By{}, "9009"))
	rows := list(t, `number,name,work_groups,person,until
7001,Good,Cashier,,
70x1,Bad number,Cashier,,
7002,,Cashier,,
7003,Bad group,Cashiers,,
7004,Bad day,Cashier,,31.12.2026
7001,Twice,Cashier,,
7004,Twice beside a wrong one,Cashier,,
9001,Restricted,Cashier,,
7005,Restricted,Headquarters,,
2001,Myself,Manager|Cashier,max,
7006,Also myself,Cashier,max,
1001,Another person,Cashier,bea,
7007,Written otherwise,Cashier,Ann,
9009,Terminated,Cashier,,
7008,Good too,Cashier,ben,
`)
	want := map[int]entry.Reason{
		3: entry.ReasonMalformed, 4: entry.ReasonMalformed, 5: entry.ReasonUnknownWorkGroup, 6: entry.ReasonMalformed, 7: entry.ReasonExists,
		8: entry.ReasonExists, 9: entry.ReasonRestricted, 10: entry.ReasonRestricted, 11: entry.ReasonSamePerson, 12: entry.ReasonSamePerson,
		13: entry.ReasonSamePerson, 14: entry.ReasonMalformed, 15: entry.ReasonTerminated,
	}
	before, err := r.store.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, dry := range []bool{true, false} {
		done, c, err := r.people.Import(r.ctx, r.as("2001"), rows, dry)
		if err != nil || done.Applied || c.OK != dry {
			t.Fatalf("%+v %+v %v", done, c, err)
		}
		if len(done.Errors) != len(want) {
			t.Errorf("%d errors, want %d", len(done.Errors), len(want))
		}
		for _, e := range done.Errors {
			if want[e.Line] != e.Reason {
				t.Errorf("line %d: %s (%s), want %s", e.Line, e.Reason, e.Say, want[e.Line])
			}
			if e.Reason == entry.ReasonRestricted && (e.Rule == nil || e.Rule.WorkGroup != headquart) {
				t.Errorf("line %d is explained by %+v", e.Line, e.Rule)
			}
		}
		if len(done.Rows) != 2 || done.Rows[0].Line != 2 || done.Rows[1].Line != 16 {
			t.Errorf("what would be done: %+v", done.Rows)
		}
	}
	if after, err := r.store.List(); err != nil || len(after) != len(before) {
		t.Errorf("%d operators were %d: %v", len(after), len(before), err)
	}
}

// A list that was taken in changes nothing the second time, and each change of the
// first is in the journal.
func TestImportIsIdempotent(t *testing.T) {
	r := newRig(t)
	text := "number,name,work_groups,from,until,stores,registers\n"
	for i := range 40 {
		text += fmt.Sprintf("71%02d,Helper %d,Cashier|Card and PIN,2026-11-01,,12|13,\n", i, i)
	}
	text += "1001,Anna,Cashier,,,,\n1002,Ben,Cashier,,,,\n"
	r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
	mark := r.journal.mark()
	done, c, err := r.people.Import(r.ctx, r.as("2001"), list(t, text), true)
	if err != nil || !c.OK || done.Applied || len(r.journal.since(mark, entry.KindPeople)) > 0 {
		t.Fatalf("tried: %+v %+v %v", done, c, err)
	}
	done, c, err = r.people.Import(r.ctx, r.as("2001"), list(t, text), false)
	if err != nil || !c.OK || !done.Applied || len(done.Errors) > 0 || len(done.Rows) != 42 {
		t.Fatalf("%+v %+v %v", done, c, err)
	}
	es := r.journal.since(mark, entry.KindPeople)
	if len(es) != 41 || es[0].Subject != "7100" || es[0].Text != "imported: added; work groups: Card and PIN, Cashier" || es[40].Text != "imported: name changed" {
		t.Errorf("%d entries, %+v", len(es), es[len(es)-1])
	}
	if o := r.operator("7139"); o.HasPIN || o.From != "2026-11-01" || !slices.Equal(o.Stores, []string{"12", "13"}) || o.Person != "7139" {
		t.Errorf("added: %+v", o)
	}
	if s := r.gate.Snapshot().Session; s == nil || s.Subject.Name != "Anna" {
		t.Errorf("the session has %+v", s)
	}
	mark = r.journal.mark()
	done, c, err = r.people.Import(r.ctx, r.as("2001"), list(t, text), false)
	if err != nil || !c.OK || !done.Applied || len(r.journal.since(mark, entry.KindPeople)) > 0 {
		t.Errorf("again: %+v %+v %v", done, c, err)
	}
	for _, row := range done.Rows {
		if row.Say != RowUnchanged {
			t.Errorf("line %d again: %s", row.Line, row.Say)
		}
	}
}

// Whoever may not does not, and the technician neither.
func TestWhoMayImport(t *testing.T) {
	r := newRig(t)
	rows := list(t, "number,name,work_groups\n7001,New,Cashier\n")
	_, c, err := r.people.Import(r.ctx, r.as("1001"), rows, false)
	r.wantChange(c, err, false, entry.ReasonRule)
	_, c, err = r.people.Import(r.ctx, Actor{Technician: true}, rows, false)
	r.wantChange(c, err, false, entry.ReasonCardRequired)
	_, c, err = r.people.Import(r.ctx, r.as("2001"), nil, false)
	r.wantChange(c, err, false, entry.ReasonSize)
	r.must(r.store.Add(r.ctx, By{}, NewOperator{Number: "9002", Name: "Clerk", WorkGroups: []string{headquart, noRestricted}}, false))
	_, c, err = r.people.Import(r.ctx, r.as("9002"), list(t, "number,name,work_groups\n7001,New,Headquarters\n"), false)
	r.wantChange(c, err, false, entry.ReasonRefused)
}

// If the machine stops between journal and roster, none of the list is in the
// roster, and the next start says so of each line.
func TestImportIsJournaledBeforeApplied(t *testing.T) {
	r := newRig(t)
	rows := list(t, "number,name,work_groups\n7001,New,Cashier\n7002,New,Cashier\n")
	r.journal.failing(true)
	if _, _, err := r.people.Import(r.ctx, r.as("2001"), rows, false); err == nil {
		t.Fatal("imported without a journal")
	}
	r.journal.failing(false)
	if o, err := r.store.Get("7001"); err != nil || o != nil {
		t.Fatalf("%+v %v", o, err)
	}
	mark := r.journal.mark()
	for _, n := range []string{"7001", "7002"} { // as if it had stopped then
		if _, err := r.journal.Append(r.ctx, false, entry.Entry{Kind: entry.KindPeople, Outcome: entry.OutcomeAllowed, Subject: n}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.store.Reconcile(r.ctx, entry.Seq(r.journal.mark()), r.journal.replay); err != nil {
		t.Fatal(err)
	}
	lost := 0
	for _, e := range r.journal.since(mark, entry.KindPeople) {
		if e.Outcome == entry.OutcomeError && e.About > 0 {
			lost++
		}
	}
	if lost != 2 {
		t.Errorf("%d lines are said not to be applied", lost)
	}
}
