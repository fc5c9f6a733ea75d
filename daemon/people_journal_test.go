package daemon

import (
	"errors"
	"strings"
	"testing"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/journal"
	"tillwarden/enforcer/journal/entry"
)

func TestPeople(t *testing.T) {
	t.Parallel()
	r := newRegister(t, "").start().staffed()
	ctx := t.Context()
	manager := creds("2001")
	list, err := r.con.Operators(ctx, api.PeopleRequest{By: boss()})
	if err != nil || len(list.Operators) != 5 {
		t.Fatalf("%+v %v", list, err)
	}
	if list, err := r.tech.Operators(ctx, api.PeopleRequest{}); err != nil || len(list.Operators) != 5 {
		t.Errorf("the technician lists: %+v %v", list, err)
	}
	if _, err := r.con.Operators(ctx, api.PeopleRequest{}); !isCode(err, api.CodeRefused) {
		t.Errorf("nobody lists: %v", err)
	}
	if _, err := r.con.Operators(ctx, api.PeopleRequest{By: &manager}); !isCode(err, api.CodeRefused) {
		t.Errorf("a till manager lists: %v", err)
	}
	if a, err := r.con.People(ctx, api.PeopleShow, api.PeopleRequest{By: boss(), Number: "1001"}); err != nil || a.Operator.Name != "Ada" {
		t.Errorf("%+v %v", a, err)
	}
	for _, tc := range []struct {
		verb api.PeopleVerb
		req  api.PeopleRequest
		code api.Code
	}{
		{api.PeopleShow, api.PeopleRequest{Number: "7"}, api.CodeNotFound},
		{api.PeopleAdd, api.PeopleRequest{Number: "1001", Name: "X", PIN: api.Secret("2580")}, api.CodeConflict},
		{api.PeopleAdd, api.PeopleRequest{Number: "8", Name: "X", WorkGroups: []string{"Nobody"}, PIN: api.Secret("2580")}, api.CodeInvalid},
		{api.PeopleSetPIN, api.PeopleRequest{Number: "1001", PIN: api.Secret("1111")}, api.CodeInvalid},
		{api.PeopleSetGroups, api.PeopleRequest{Number: "9000", WorkGroups: []string{groupManager}}, api.CodeRefused},
		{api.PeopleSuspend, api.PeopleRequest{Number: "7"}, api.CodeNotFound},
		{api.PeopleEnrolCard, api.PeopleRequest{Number: "1001"}, api.CodeUnavailable}, // no reader
	} {
		tc.req.By = boss()
		if _, err := r.con.People(ctx, tc.verb, tc.req); !isCode(err, tc.code) {
			t.Errorf("%s %s: %v, want %s", tc.verb, tc.req.Number, err, tc.code)
		}
	}
	// Suspending who is signed on ends the session.
	r.signOn("1002")
	if _, err := r.con.People(ctx, api.PeopleSuspend, api.PeopleRequest{By: boss(), Number: "1002"}); err != nil {
		t.Fatal(err)
	}
	if s, err := r.con.Session(ctx); err != nil || s.SignedOn {
		t.Errorf("a suspended operator is signed on: %+v %v", s, err)
	}
	if a, err := r.con.SignOn(ctx, creds("1002")); err != nil || a.OK {
		t.Errorf("a suspended operator signs on: %+v %v", a, err)
	}
	if _, err := r.con.People(ctx, api.PeopleResume, api.PeopleRequest{By: boss(), Number: "1002"}); err != nil {
		t.Error(err)
	}
	r.signOn("1002")
}

// TestJournalOverTheAPI: who may read it, pages, streams, and the checkpoint.
func TestJournalOverTheAPI(t *testing.T) {
	t.Parallel()
	r := newRegister(t, "").start().staffed()
	ctx := t.Context()
	r.signOn("1001")
	for range 30 {
		if _, err := r.pos.Ask(ctx, api.AskRequest{Function: "pos.sale.item"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.con.Journal(ctx, api.JournalQuery{}); !isCode(err, api.CodeRefused) {
		t.Errorf("the console reads the journal as nobody: %v", err)
	}
	cashier := creds("1001")
	if _, err := r.con.Journal(ctx, api.JournalQuery{By: &cashier}); !isCode(err, api.CodeRefused) {
		t.Errorf("a cashier reads the journal: %v", err)
	}
	var seen []api.Seq
	q := api.JournalQuery{Filter: api.Filter{Kind: "decision", Function: "pos.sale.item"}, Limit: 7}
	for {
		page, err := r.tech.Journal(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Entries {
			if e.Outcome != "allowed" || e.Operator != "1001" || e.Method != "pos" || !strings.HasPrefix(e.Source, "socket:pos uid=") {
				t.Errorf("%+v", e)
			}
			seen = append(seen, e.Seq)
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	if len(seen) != 30 {
		t.Errorf("%d entries on pages, want 30", len(seen))
	}
	streamed := 0
	err := r.tech.JournalStream(ctx, api.JournalStream{Filter: q.Filter}, func(e *api.Entry, line []byte) error {
		if e.Seq != seen[streamed] {
			t.Errorf("entry %d out of order", e.Seq)
		}
		streamed++
		return nil
	})
	if err != nil || streamed != 30 {
		t.Errorf("%d entries streamed, %v", streamed, err)
	}
	d, stored := journal.NewDecoder(), 0
	err = r.tech.JournalStored(ctx, api.JournalStored{Filter: q.Filter}, func(b []byte) error {
		var e entry.Entry
		if err := d.Decode(b, &e); err != nil || api.Seq(e.Seq) != seen[stored] || e.Operator != "1001" {
			t.Errorf("%v, %+v", err, e)
		}
		stored++
		return nil
	})
	if err != nil || stored != 30 {
		t.Errorf("%d entries as they are stored, %v", stored, err)
	}
	if err := r.con.JournalStored(ctx, api.JournalStored{By: &cashier}, func([]byte) error { return nil }); !isCode(err, api.CodeRefused) {
		t.Errorf("a cashier reads the journal: %v", err)
	}
	// Followed: what is there already, and what comes.
	if _, err := r.pos.Lock(ctx); err != nil {
		t.Fatal(err)
	}
	unlocked := make(chan error, 1)
	enough := errors.New("enough")
	var kinds []string
	err = r.tech.JournalStream(ctx, api.JournalStream{Filter: api.Filter{Operator: "1001", After: seen[29]}, Follow: true}, func(e *api.Entry, _ []byte) error {
		kinds = append(kinds, e.Kind)
		if e.Kind == "lock" {
			go func() {
				_, err := r.con.Unlock(ctx, creds("1001"))
				unlocked <- err
			}()
		}
		if e.Kind == "unlock" {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || <-unlocked != nil {
		t.Errorf("followed: %v, %v", kinds, err)
	}
	for _, bad := range []api.JournalQuery{{Filter: api.Filter{Kind: "x"}}, {Filter: api.Filter{Outcome: "x"}}, {Limit: 1001}, {Cursor: "x"}} {
		if _, err := r.tech.Journal(ctx, bad); !isCode(err, api.CodeInvalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	cp, err := r.con.Checkpoint(ctx)
	if err != nil || !strings.HasPrefix(cp.Text, "tillwarden/test/0001/r1/") || cp.PublicKey == "" {
		t.Errorf("%+v %v", cp, err)
	}
}

// TestEventsOverTheAPI: a POS hears what happens at its register, and nobody
// else's name; a stream goes on where it broke.
func TestEventsOverTheAPI(t *testing.T) {
	t.Parallel()
	r := newRegister(t, "").start().staffed()
	ctx := t.Context()
	head, err := r.tech.Journal(ctx, api.JournalQuery{Limit: 1, Reverse: true})
	if err != nil {
		t.Fatal(err)
	}
	after := head.Last
	bad := creds("1001")
	bad.PIN = api.Secret("0001")
	if _, err := r.con.SignOn(ctx, bad); err != nil {
		t.Fatal(err)
	}
	r.signOn("1001")
	a, err := r.pos.Ask(ctx, api.AskRequest{Function: "pos.void.transaction"})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "approved", func() bool {
		got, err := r.con.Approve(ctx, a.Override, api.ApproveRequest{Credentials: creds("2001")})
		return err == nil && got.Outcome == "allowed"
	})
	if _, err := r.pos.Lock(ctx); err != nil {
		t.Fatal(err)
	}
	if got, err := r.con.Unlock(ctx, creds("1001")); err != nil || !got.OK {
		t.Fatalf("%+v %v", got, err)
	}
	enough := errors.New("enough")
	collect := func(c *api.Client, after api.Seq) (got []api.Event) {
		err := c.Events(ctx, &after, func(e *api.Event) error {
			got = append(got, *e)
			if e.Kind == "unlock" && e.Outcome == "allowed" {
				return enough
			}
			return nil
		})
		if !errors.Is(err, enough) {
			t.Fatal(err)
		}
		return got
	}
	heard := collect(r.pos, after)
	kinds := map[string]int{}
	for _, e := range heard {
		kinds[e.Kind]++
		if e.Operator != "" && e.Operator != "1001" || e.Person != "" || e.Approver != "" || e.ApproverID != "" || e.WorkGroups != nil || e.Source != "" || e.Subject != "" {
			t.Errorf("the POS hears %+v", e)
		}
	}
	if kinds["sign-on"] != 2 || kinds["override"] != 1 || kinds["approval"] < 1 || kinds["lock"] != 1 || kinds["people"] != 0 {
		t.Errorf("kinds %v", kinds)
	}
	// Broken in the middle, and gone on with: the same, without a gap.
	rest := collect(r.pos, heard[2].Seq)
	if len(rest) != len(heard)-3 || rest[0].Seq != heard[3].Seq {
		t.Errorf("%d events after the third of %d", len(rest), len(heard))
	}
	for _, e := range collect(r.con, after) {
		if e.Kind == "approval" && e.Outcome == "allowed" && e.Approver != "2001" {
			t.Errorf("the console hears %+v", e)
		}
	}
}

// A list of operators is taken in as a whole, and whoever is in it gets a PIN here.
func TestImportOperators(t *testing.T) {
	t.Parallel()
	r := newRegister(t, "").start().staffed()
	ctx := t.Context()
	rows := []api.ImportRow{{Line: 2, Number: "3001", Name: "Kim", WorkGroups: []string{groupSales}}, {Line: 3, Number: "3002", Name: "Lou", WorkGroups: []string{"Nobody"}}}
	a, err := r.con.Import(ctx, api.ImportRequest{By: boss(), Rows: rows})
	if err != nil || a.Applied || len(a.Errors) != 1 || a.Errors[0].Line != 3 || a.Errors[0].Reason != "unknown-work-group" {
		t.Fatalf("%+v %v", a, err)
	}
	if a, err = r.con.Import(ctx, api.ImportRequest{By: boss(), Rows: rows[:1]}); err != nil || !a.Applied || a.Added != 1 {
		t.Fatalf("%+v %v", a, err)
	}
	if a, err = r.con.Import(ctx, api.ImportRequest{By: boss(), Rows: rows[:1]}); err != nil || !a.Applied || a.Unchanged != 1 {
		t.Fatalf("again: %+v %v", a, err)
	}
	manager := creds("2001")
	if _, err := r.con.Import(ctx, api.ImportRequest{By: &manager, Rows: rows[:1]}); !isCode(err, api.CodeRefused) {
		t.Errorf("a till manager imports: %v", err)
	}
	if _, err := r.tech.Import(ctx, api.ImportRequest{Rows: rows[:1]}); !isCode(err, api.CodeRefused) {
		t.Errorf("nobody imports: %v", err)
	}
	if _, err := r.con.People(ctx, api.PeopleSetPIN, api.PeopleRequest{By: boss(), Number: "3001", PIN: api.Secret("70415926")}); err != nil {
		t.Fatal(err)
	}
	if a, err := r.con.SignOn(ctx, api.Credentials{Number: "3001", PIN: api.Secret("70415926")}); err != nil || a.Reason != "new-pin" {
		t.Errorf("%+v %v", a, err)
	}
}
