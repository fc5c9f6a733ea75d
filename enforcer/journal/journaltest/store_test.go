package journaltest

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tillwarden/enforcer/journal"
	"tillwarden/enforcer/journal/entry"
)

func TestWriteIsAJournal(t *testing.T) {
	s := Store{Seed: 1, Entries: 20_000}
	path := filepath.Join(t.TempDir(), "journal.db")
	if err := s.Write(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	_, public := s.Key()
	key, err := journal.ParsePublic(public)
	if err != nil {
		t.Fatal(err)
	}
	r, err := journal.Verify(t.Context(), path, []note.Verifier{key})
	if err != nil || !r.OK || r.Entries != 20_000 || r.Covered != 20_000 {
		t.Fatalf("%v, %+v", err, r)
	}
	file, err := journal.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for e := range s.All() {
		got, err := file.Get(e.Seq)
		if err != nil {
			t.Fatal(err)
		}
		a, _ := e.MarshalJSON()
		if b, _ := got.MarshalJSON(); !bytes.Equal(a, b) {
			t.Fatalf("the file has\n%s, not\n%s", b, a)
		}
		if e.Seq == 2000 {
			break
		}
	}
}

// TestSameSeedSameStore: what a test of another package finds, it finds again.
func TestSameSeedSameStore(t *testing.T) {
	text := func(s Store) string {
		var b bytes.Buffer
		for e := range s.All() {
			j, err := e.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			b.Write(append(j, '\n'))
		}
		return b.String()
	}
	one := text(Store{Seed: 3, Entries: 3000})
	if one != text(Store{Seed: 3, Entries: 3000}) {
		t.Error("the same store is another one the second time")
	}
	if one == text(Store{Seed: 4, Entries: 3000}) {
		t.Error("another seed gives the same store")
	}
	if (Store{Seed: 3}).Planted() != (Store{Seed: 3, Entries: 99}).Planted() {
		t.Error("who does what depends on how long it is watched")
	}
	_, a := Store{Seed: 3}.Key()
	if _, b := (Store{Seed: 3}).Key(); a != b {
		t.Error("the same store has another key the second time")
	}
}

func TestEntriesHangTogether(t *testing.T) {
	seen := map[entry.Seq]entry.Kind{}
	operators := map[string]bool{}
	var last entry.Entry
	n := 0
	for e := range (Store{Entries: 30_000}).All() {
		n++
		if e.Seq != last.Seq+1 || e.Stamp.Wall < last.Stamp.Wall {
			t.Fatalf("entry %d at %s follows %d at %s", e.Seq, e.Stamp.Time(), last.Seq, last.Stamp.Time())
		}
		if e.About != 0 && seen[e.About] == 0 {
			t.Fatalf("entry %d (%s) follows from %d, which is not there", e.Seq, e.Kind, e.About)
		}
		if e.Session != 0 && seen[e.Session] != entry.KindSignOn {
			t.Fatalf("entry %d (%s) is of session %d, which nobody began", e.Seq, e.Kind, e.Session)
		}
		if e.Approval != nil && (e.Approval.Person == e.Person || seen[e.Approval.Override] != entry.KindOverride) {
			t.Fatalf("entry %d is no approval by somebody else: %+v", e.Seq, e.Approval)
		}
		if e.Operator != "" {
			operators[e.Operator] = true
		}
		seen[e.Seq], last = e.Kind, *e
	}
	if n != 30_000 || len(operators) != 40 {
		t.Errorf("%d entries by %d operators", n, len(operators))
	}
}

// TestPlanted: what is planted stands out, and an honest store has none of it.
func TestPlanted(t *testing.T) {
	type counts struct{ overrides, byFriend, noSales, late, forced, left int }
	count := func(s Store, p Planted) map[string]*counts {
		got := map[string]*counts{}
		for e := range s.All() {
			c := got[e.Operator]
			if c == nil {
				c = &counts{}
				got[e.Operator] = c
			}
			h := e.Stamp.Time().Hour()
			switch {
			case e.Kind == entry.KindApproval && e.Function == priceOverride.key:
				c.overrides++
				if e.Approval.Operator == p.Approver {
					c.byFriend++
				}
			case e.Kind == entry.KindRedeemed && e.Function == noSale.key:
				c.noSales++
			case e.Kind == entry.KindRedeemed && (h < 8 || h >= 21):
				c.late++
			case e.Kind == entry.KindDrawerOpened && e.About == 0:
				c.forced++
			case e.Kind == entry.KindDrawerLeftOpen:
				c.left++
			}
		}
		return got
	}
	s := Store{Seed: 1, Entries: 60_000}
	p := s.Planted()
	got := count(s, p)
	for who, c := range got {
		check := func(what string, is bool, planted string) {
			if is != (who == planted) {
				t.Errorf("%s of operator %q: %v, planted is %q: %+v", what, who, is, planted, *c)
			}
		}
		check("overrides", c.overrides > 30, p.Requester)
		check("a friend", c.byFriend > 20, p.Requester)
		check("no-sales", c.noSales > 20, p.NoSales)
		check("late opens", c.late > 0, p.AfterHours)
		check("forced drawers", c.forced > 0, p.Forced)
		check("drawers left open", c.left > 9, p.LeftOpen)
	}
	honest := s
	honest.Honest = true
	if honest.Planted() != (Planted{}) {
		t.Error("an honest store has something planted")
	}
	for who, c := range count(honest, p) {
		if c.overrides > 30 || c.noSales > 20 || c.late > 0 || c.forced > 0 || c.left > 9 {
			t.Errorf("operator %q of an honest store: %+v", who, *c)
		}
	}
}

func TestStartIsTheStoresMidnight(t *testing.T) {
	zone := time.FixedZone("", -5*3600)
	for e := range (Store{Start: time.Date(2025, 7, 4, 15, 0, 0, 0, zone), Entries: 1}).All() {
		if got := e.Stamp.Time().In(zone).Format("2006-01-02 15:04"); got != "2025-07-04 07:45" {
			t.Errorf("the first entry is of %s", got)
		}
	}
}
