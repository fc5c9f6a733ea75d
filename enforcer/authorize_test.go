package enforcer

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"tillwarden/enforcer/journal/entry"
)

func TestAuthorizeInWords(t *testing.T) {
	for _, x := range []struct {
		words    string
		who      *Subject // nil: nobody signs on
		locked   bool
		function string
		drawer   string
		outcome  entry.Outcome
		reason   entry.Reason
		mark     string
	}{
		{"a cashier opens the drawer for a sale", &ann, false, fnSale, "1", entry.OutcomeAllowed, entry.ReasonRule, "check"},
		{"without a drawer there is a decision and no grant", &ann, false, fnSale, "", entry.OutcomeAllowed, entry.ReasonRule, "check"},
		{"a no-sale is X for a cashier: somebody must approve", &ann, false, fnNoSale, "1", entry.OutcomeOverrideRequired, entry.ReasonRule, "X"},
		{"X and never overridden is denied", &ann, false, fnForce, "1", entry.OutcomeDenied, entry.ReasonRule, "X"},
		{"a lead has what the application gives", &lea, false, fnForce, "1", entry.OutcomeAllowed, entry.ReasonRule, "check"},
		{"refuse in one work group wins over the check of another", &refused, false, fnSale, "1", entry.OutcomeDenied, entry.ReasonRefused, "refuse"},
		{"refuse leaves no override", &refused, false, fnNoSale, "1", entry.OutcomeDenied, entry.ReasonRefused, "refuse"},
		{"a function newer than the review is denied", &lea, false, fnNew, "", entry.OutcomeDenied, entry.ReasonUnreviewed, "unreviewed"},
		{"a function that no catalogue has", &ann, false, "pos.nosuch", "1", entry.OutcomeDenied, entry.ReasonUnknownFunction, ""},
		{"a function that is not for drawers opens none, allowed or not", &ann, false, fnSearch, "1", entry.OutcomeDenied, entry.ReasonNotForDrawer, ""},
		{"the same function without a drawer", &ann, false, fnSearch, "", entry.OutcomeAllowed, entry.ReasonRule, "check"},
		{"nor does one that could be approved", &ann, false, fnVariance, "1", entry.OutcomeDenied, entry.ReasonNotForDrawer, ""},
		{"dual control takes two others where the work group has an X", &ann, false, fnDual, "", entry.OutcomeOverrideRequired, entry.ReasonRule, "X"},
		{"and also where it has a check", &lea, false, fnDual, "", entry.OutcomeOverrideRequired, entry.ReasonDualControl, "check"},
		{"two others where nobody may approve are not to be had", &lea, false, fnNever, "", entry.OutcomeDenied, entry.ReasonUnsupported, ""},
		{"nobody signed on", nil, false, fnSale, "1", entry.OutcomeDenied, entry.ReasonNoSession, ""},
		{"a locked register opens nothing", &ann, true, fnSale, "1", entry.OutcomeDenied, entry.ReasonLocked, ""},
		{"nor asks for an override", &ann, true, fnNoSale, "1", entry.OutcomeDenied, entry.ReasonLocked, ""},
	} {
		t.Run(x.words, func(t *testing.T) {
			r := ready(t)
			if x.who != nil {
				r.signOn(*x.who)
			}
			if x.locked {
				if err := r.Lock(ctx, entry.ReasonOwner, "test"); err != nil {
					t.Fatal(err)
				}
			}
			d, gr := r.ask(x.function, x.drawer)
			want(t, x.words, d, x.outcome, x.reason)
			if d.Rule.Mark != x.mark {
				t.Errorf("decided by mark %q, want %q", d.Rule.Mark, x.mark)
			}
			if (gr != nil) != (x.outcome == entry.OutcomeAllowed && x.drawer != "") {
				t.Errorf("grant: %v", gr)
			}
			if (d.Override != 0) != (x.outcome == entry.OutcomeOverrideRequired) {
				t.Errorf("override %d", d.Override)
			}
			e := r.journal.last(t, entry.KindDecision)
			if e.Seq != d.Seq || e.Outcome != x.outcome || e.Reason != x.reason || e.Function != x.function || e.Drawer != x.drawer {
				t.Errorf("journaled: %+v", e)
			}
			if x.who != nil && (e.Operator != x.who.Operator || e.Person != x.who.Person || e.Session == 0 || e.Policy == nil) {
				t.Errorf("journaled without who, which session or policy: %+v", e)
			}
		})
	}
}

func TestAuthorizeWithoutPolicy(t *testing.T) {
	r := newRig(t)
	d, gr := r.ask(fnSale, "1")
	want(t, "no policy", d, entry.OutcomeDenied, entry.ReasonNoPolicy)
	if gr != nil {
		t.Error("a grant without a policy")
	}
	if menu := r.Menu(); menu != nil {
		t.Errorf("menu %v", menu)
	}
}

func TestAuthorizeEntryCarriesTheEvidence(t *testing.T) {
	r := ready(t)
	s := r.signOn(ann)
	digest := []byte("0123456789abcdef")
	d, _, err := r.Authorize(ctx, Request{
		Function: fnSale, Drawer: "2", Purpose: entry.PurposeReceipt, Claimant: "receipt", Method: entry.MethodKick,
		Source: "printer", Lines: 12, Digest: digest,
	})
	if err != nil {
		t.Fatal(err)
	}
	e := r.journal.last(t, entry.KindDecision)
	if e.Purpose != entry.PurposeReceipt || e.Claimant != "receipt" || e.Method != entry.MethodKick || e.Source != "printer" ||
		e.Lines != 12 || string(e.Digest) != string(digest) || e.Drawer != "2" || e.Session != s.ID || e.FunctionID != 1601 ||
		e.Policy.Epoch != 1 || e.Policy.Digest != r.Snapshot().Policy.Digest() || e.Rule == nil || e.Rule.WorkGroup != "Cashier" ||
		e.Rule.Function != fnSale || e.Stamp.BootID != bootOne || len(e.WorkGroups) != 1 {
		t.Errorf("entry %+v", e)
	}
	if d.Function != 1601 || d.Rule != *e.Rule {
		t.Errorf("decision %+v", d)
	}
}

// TestKickBelongsToTheSessionAtItsArrival: a kick that came under Ann is not
// decided with Bob's rights, nor put down to Bob.
func TestKickBelongsToTheSessionAtItsArrival(t *testing.T) {
	r := ready(t)
	old := r.signOn(ann)
	if err := r.EndSession(ctx, entry.ReasonOwner, Subject{}, "test"); err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{"nobody", "Bob"} {
		if who == "Bob" {
			r.signOn(bob)
		}
		d, gr, err := r.Authorize(ctx, Request{Function: fnSale, Drawer: "1", Session: old.ID})
		if err != nil || gr != nil {
			t.Errorf("%s signed on: %v, %v", who, gr, err)
		}
		want(t, who, d, entry.OutcomeDenied, entry.ReasonStateChanged)
		if e := r.journal.last(t, entry.KindDecision); e.Session != old.ID || e.Operator != "" {
			t.Errorf("%s signed on: put down to %q in session %d", who, e.Operator, e.Session)
		}
	}
	d, gr, _ := r.Authorize(ctx, Request{Function: fnSale, Drawer: "1", Session: r.Snapshot().Session.ID})
	if gr == nil {
		t.Errorf("for the session that is current: %v", d)
	}
}

func TestAuthorizeRefusesOverlongNames(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	long := strings.Repeat("x", maxWord+1)
	before := len(r.journal.all())
	for _, q := range []Request{{Function: long}, {Drawer: long}, {Claimant: long}, {Source: long}, {Digest: make([]byte, 65)}} {
		if d, gr, err := r.Authorize(ctx, q); !errors.Is(err, ErrRequest) || gr != nil || d.Outcome != entry.OutcomeError {
			t.Errorf("%v, %v, %v", d, gr, err)
		}
	}
	if len(r.journal.all()) != before {
		t.Error("journaled")
	}
}

// TestJournalFailing: no journal, no decision, no grant; and nothing hangs
// longer than its context.
func TestJournalFailing(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	for _, function := range []string{fnSale, fnNoSale, fnForce, "pos.till.open"} {
		r.journal.set(func(j *memJournal) { j.err = errJournal })
		d, gr, err := r.Authorize(ctx, Request{Function: function, Drawer: "1"})
		if !errors.Is(err, errJournal) || gr != nil || d.Outcome != entry.OutcomeError {
			t.Errorf("%s with a failing journal: %v, %v, %v", function, d, gr, err)
		}
		r.journal.set(func(j *memJournal) { j.err, j.hang = nil, true })
		short, cancel := context.WithTimeout(ctx, time.Millisecond)
		d, gr, err = r.Authorize(short, Request{Function: function, Drawer: "1"})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || gr != nil || d.Outcome != entry.OutcomeError {
			t.Errorf("%s with a hanging journal: %v, %v, %v", function, d, gr, err)
		}
		r.journal.set(func(j *memJournal) { j.hang = false })
	}
	if r.Snapshot().Override != nil {
		t.Error("an override was announced without the journal")
	}
	r.grant() // and when the journal is back, so is everything
}

// TestJournalWithWrongAnswers: a journal that says less than it should is one
// that failed.
func TestJournalWithWrongAnswers(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	for _, seqs := range [][]entry.Seq{nil, {0}, {7, 8}} {
		g, err := NewGate(Options{Clock: r.clock, Journal: answer(seqs)})
		if err != nil {
			t.Fatal(err)
		}
		if d, gr, err := g.Authorize(ctx, Request{Function: fnSale}); err == nil || gr != nil {
			t.Errorf("journal that answers %v: %v, %v", seqs, d, gr)
		}
		g.Close(ctx)
	}
}

type answer []entry.Seq

func (a answer) Append(context.Context, bool, ...entry.Entry) ([]entry.Seq, error) { return a, nil }

// TestStateChangesWhileTheDecisionIsJournaled: what was allowed before is
// withdrawn, and the journal says so.
func TestStateChangesWhileTheDecisionIsJournaled(t *testing.T) {
	for words, change := range map[string]func(r *rig){
		"sign-off": func(r *rig) { r.EndSession(ctx, entry.ReasonOwner, Subject{}, "test") },
		"lock":     func(r *rig) { r.Lock(ctx, entry.ReasonIdle, "test") },
		"policy":   func(r *rig) { r.load(2, changed(1)) },
		"roster":   func(r *rig) { r.RosterChanged(ctx, &ann, entry.ReasonRosterChanged) },
		"suspended": func(r *rig) {
			r.RosterChanged(ctx, nil, entry.ReasonSuspendedNow)
		},
		"another operator": func(r *rig) {
			r.EndSession(ctx, entry.ReasonOwner, Subject{}, "test")
			r.signOn(bob)
		},
	} {
		for _, drawer := range []string{"1", ""} {
			t.Run(words+" drawer "+drawer, func(t *testing.T) {
				r := ready(t)
				r.signOn(ann)
				once := false
				r.journal.set(func(j *memJournal) {
					j.after = func(es []entry.Entry) {
						if es[0].Kind == entry.KindDecision && !once {
							once = true
							change(r)
						}
					}
				})
				d, gr := r.ask(fnSale, drawer)
				want(t, words, d, entry.OutcomeDenied, entry.ReasonStateChanged)
				if gr != nil {
					t.Error("a grant")
				}
				w := r.journal.last(t, entry.KindWithdrawn)
				if w.About != d.Seq || w.Reason != entry.ReasonStateChanged || w.Operator != ann.Operator {
					t.Errorf("withdrawn: %+v", w)
				}
			})
		}
	}
}

func TestMenu(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	keys := map[string]bool{}
	for _, f := range r.Menu() {
		keys[f.Key] = true
	}
	if !keys[fnSale] || !keys[fnSearch] || keys[fnNoSale] || keys[fnForce] || keys["pos"] || keys[fnPeople] {
		t.Errorf("menu %v", keys)
	}
	r.Lock(ctx, entry.ReasonOwner, "test")
	if r.Menu() != nil {
		t.Error("a locked register has a menu")
	}
}

func TestPermit(t *testing.T) {
	r := ready(t)
	for _, x := range []struct {
		words    string
		by       Subject
		function string
		outcome  entry.Outcome
		reason   entry.Reason
	}{
		{"a lead adds people, with nobody signed on", lea, fnPeople, entry.OutcomeAllowed, entry.ReasonRule},
		{"for a cashier BackOffice is shut", ann, fnPeople, entry.OutcomeDenied, entry.ReasonRule},
		{"what would need an override is denied here", ann, fnNoSale, entry.OutcomeDenied, entry.ReasonRule},
		{"no work group", nobody, fnPeople, entry.OutcomeDenied, entry.ReasonNoWorkGroup},
		{"no such function", lea, "backoffice.nosuch", entry.OutcomeDenied, entry.ReasonUnknownFunction},
	} {
		d, err := r.Permit(ctx, x.by, x.function, entry.MethodNumberPIN, "console", "102")
		if err != nil {
			t.Fatal(err)
		}
		want(t, x.words, d, x.outcome, x.reason)
		e := r.journal.last(t, entry.KindDecision)
		if e.Seq != d.Seq || e.Operator != x.by.Operator || e.Subject != "102" || e.Session != 0 {
			t.Errorf("%s: %+v", x.words, e)
		}
	}
	r.journal.set(func(j *memJournal) { j.err = errJournal })
	if d, err := r.Permit(ctx, lea, fnPeople, 0, "console", ""); !errors.Is(err, errJournal) || d.Outcome == entry.OutcomeAllowed {
		t.Errorf("with a failing journal: %v, %v", d, err)
	}
}

// TestRosterChangesWhileAPermitIsJournaled: who was suspended meanwhile
// changes nobody's PIN any more.
func TestRosterChangesWhileAPermitIsJournaled(t *testing.T) {
	r := ready(t)
	r.journal.set(func(j *memJournal) {
		j.before = func(es []entry.Entry) {
			if es[0].Kind == entry.KindDecision {
				r.RosterChanged(ctx, nil, entry.ReasonSuspendedNow)
			}
		}
	})
	d, err := r.Permit(ctx, lea, fnPeople, entry.MethodNumberPIN, "console", "102")
	if err != nil {
		t.Fatal(err)
	}
	want(t, "permit", d, entry.OutcomeDenied, entry.ReasonStateChanged)
	if w := r.journal.last(t, entry.KindWithdrawn); w.About != d.Seq || w.Subject != "102" {
		t.Errorf("withdrawn: %+v", w)
	}
}

// TestInvariant2HeldKicksEndWithTheirState: a kick that came when nobody was
// signed on, or to a locked register, or under another policy, is decided with
// nobody's rights once that is over.
func TestInvariant2HeldKicksEndWithTheirState(t *testing.T) {
	r := ready(t)
	kick := func(what string, s *Snapshot) {
		t.Helper()
		q := Request{Function: fnSale, Drawer: "1", Generation: s.Generation}
		if s.Session != nil {
			q.Session = s.Session.ID
		}
		d, gr, err := r.Authorize(ctx, q)
		if err != nil || gr != nil {
			t.Errorf("%s: %v, %v", what, gr, err)
		}
		want(t, what, d, entry.OutcomeDenied, entry.ReasonStateChanged)
		if e := r.journal.last(t, entry.KindDecision); e.Session != q.Session || q.Session == 0 && e.Operator != "" {
			t.Errorf("%s: put down to %q in session %d", what, e.Operator, e.Session)
		}
	}
	before := r.Snapshot()
	r.signOn(ann)
	kick("nobody was signed on", before)
	now := r.Snapshot()
	if _, gr, err := r.Authorize(ctx, Request{Function: fnSale, Drawer: "1", Session: now.Session.ID, Generation: now.Generation}); gr == nil || err != nil {
		t.Errorf("in the state that it came in: %v", err)
	}
	if err := r.Lock(ctx, entry.ReasonOwner, "test"); err != nil {
		t.Fatal(err)
	}
	locked := r.Snapshot()
	if d, err := r.Unlock(ctx, ann, entry.MethodCard, "test"); err != nil || d.Outcome != entry.OutcomeAllowed {
		t.Fatalf("%v %v", d, err)
	}
	kick("it was locked since", now)
	kick("it was locked", locked)
}
