package enforcer

import (
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

func TestApprovalInWords(t *testing.T) {
	for _, x := range []struct {
		words    string
		function string
		by       Subject
		early    bool
		before   func(r *rig)
		reason   entry.Reason
	}{
		{"a lead approves a no-sale", fnNoSale, lea, false, nil, entry.ReasonRule},
		{"not before it was announced for a second", fnNoSale, lea, true, nil, entry.ReasonTooEarly},
		{"too early comes before who it is", fnNoSale, ann, true, nil, entry.ReasonTooEarly},
		{"nobody approves the own request", fnNoSale, ann, false, nil, entry.ReasonOwnRequest},
		{"nor under another number", fnNoSale, annLead, false, nil, entry.ReasonSamePerson},
		{"a cashier has no Manager Override", fnNoSale, bob, false, nil, entry.ReasonNoManagerOverride},
		{"with Manager Override only what one may do oneself", fnNoSale, limited, false, nil, entry.ReasonApproverMayNot},
		{"what is refused the approver cannot lend", fnNoSale, refused, false, nil, entry.ReasonApproverMayNot},
		{"work groups that the policy does not know", fnNoSale, nobody, false, nil, entry.ReasonNoWorkGroup},
		{"BackOffice alone", fnNoSale, shut, false, nil, entry.ReasonNoManagerOverride},
		{"an accountable one by who was not signed on", fnPickup, lea, false, nil, entry.ReasonRule},
		{"an accountable one by who held a session since the till was opened", fnPickup, lea, false, heldBy(lea), entry.ReasonAccountable},
		{"the person counts, not the number", fnPickup, Subject{Operator: "999", Person: "p-lea", WorkGroups: []string{"Lead"}}, false, heldBy(lea), entry.ReasonAccountable},
		{"what is not accountable asks nothing of that", fnNoSale, lea, false, heldBy(lea), entry.ReasonRule},
		{"opening the till begins anew", fnPickup, lea, false, func(r *rig) {
			heldBy(lea)(r)
			r.signOn(bob)
			if d, _ := r.ask("pos.till.open", ""); d.Outcome != entry.OutcomeAllowed {
				r.Fatal(d)
			}
			r.EndSession(ctx, entry.ReasonOwner, Subject{}, "test")
		}, entry.ReasonRule},
		{"but who opened it held a session since", fnPickup, lea, false, func(r *rig) {
			r.signOn(lea)
			if d, _ := r.ask("pos.till.open", ""); d.Outcome != entry.OutcomeAllowed {
				r.Fatal(d)
			}
			r.EndSession(ctx, entry.ReasonOwner, Subject{}, "test")
		}, entry.ReasonAccountable},
		{"a decision outside a session opens no till", fnPickup, lea, false, func(r *rig) {
			heldBy(lea)(r)
			if d, _ := r.Permit(ctx, bob, "pos.till.open", 0, "test", ""); d.Outcome != entry.OutcomeAllowed {
				r.Fatal(d)
			}
		}, entry.ReasonAccountable},
	} {
		t.Run(x.words, func(t *testing.T) {
			r := ready(t)
			if x.before != nil {
				x.before(r)
			}
			s := r.signOn(ann)
			asked, _ := r.ask(x.function, "1")
			if !x.early {
				r.clock.advance(DefaultAnnounce)
			}
			d, err := r.Approve(ctx, asked.Override, Approver{Subject: x.by, Method: entry.MethodCard, Source: "msr"})
			if err != nil {
				t.Fatal(err)
			}
			outcome := entry.OutcomeDenied
			if x.reason == entry.ReasonRule {
				outcome = entry.OutcomeAllowed
			}
			want(t, x.words, d, outcome, x.reason)
			e := r.journal.last(t, entry.KindApproval)
			if e.Seq != d.Seq || e.Outcome != outcome || e.Reason != x.reason || e.Approval == nil || e.Approval.Operator != x.by.Operator ||
				e.Approval.Person != x.by.Person || e.Approval.Method != entry.MethodCard || e.Approval.Override != asked.Override ||
				e.Operator != ann.Operator || e.Session != s.ID || e.Function != x.function || e.Drawer != "1" || e.Source != "msr" {
				t.Errorf("journaled: %+v %+v", e, e.Approval)
			}
			if pending := r.Snapshot().Override != nil; pending == (outcome == entry.OutcomeAllowed) {
				t.Errorf("pending afterwards: %v", pending)
			}
			if outcome != entry.OutcomeAllowed {
				return
			}
			got, gr, err := r.Wait(ctx, asked.Override)
			if err != nil || gr == nil || gr.Seq() != d.Seq || got.Outcome != entry.OutcomeAllowed || got.Seq != d.Seq {
				t.Fatalf("%v, %v, %v", got, gr, err)
			}
			if fired, err := r.redeem(gr, "1"); !fired || err != nil {
				t.Errorf("%v, %v", fired, err)
			}
		})
	}
}

// heldBy lets somebody hold a session and sign off.
func heldBy(who Subject) func(r *rig) {
	return func(r *rig) {
		r.signOn(who)
		if err := r.EndSession(ctx, entry.ReasonOwner, Subject{}, "test"); err != nil {
			r.Fatal(err)
		}
	}
}

func TestApproveWhatIsNotPending(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	approve := func(id entry.Seq) Decision {
		t.Helper()
		d, err := r.Approve(ctx, id, Approver{Subject: lea, Method: entry.MethodCard, Source: "msr"})
		if err != nil {
			t.Fatal(err)
		}
		if e := r.journal.last(t, entry.KindApproval); e.Seq != d.Seq {
			t.Error("not journaled")
		}
		return d
	}
	want(t, "one that never was", approve(4711), entry.OutcomeDenied, entry.ReasonNoOverride)

	id := r.override()
	want(t, "the first time", approve(id), entry.OutcomeAllowed, entry.ReasonRule)
	want(t, "a second time", approve(id), entry.OutcomeDenied, entry.ReasonNoOverride)

	id = r.override()
	r.clock.advance(DefaultOverrideTTL)
	want(t, "one that timed out", approve(id), entry.OutcomeDenied, entry.ReasonTimeout)

	id = r.override()
	r.clock.jump(DefaultOverrideTTL)
	want(t, "one whose time is over, timer or not", approve(id), entry.OutcomeDenied, entry.ReasonTimeout)
	d, _ := r.ask(fnNoSale, "1")
	if d.Joined || d.Override == id {
		t.Errorf("joined one whose time is over: %+v", d)
	}
	r.Cancel(ctx, d.Override, "test")
	want(t, "one that was cancelled", approve(d.Override), entry.OutcomeDenied, entry.ReasonCancelled)
}

func TestRefuseNeedsWhoCouldApprove(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	id := r.override()
	for _, by := range []Subject{ann, annLead, bob, limited} {
		if err := r.Refuse(ctx, id, Approver{Subject: by, Method: entry.MethodCard, Source: "msr"}); !errors.Is(err, ErrNotEntitled) {
			t.Errorf("%s: %v", by.Operator, err)
		}
		if e := r.journal.last(t, entry.KindApproval); e.Outcome != entry.OutcomeDenied || e.Approval.Operator != by.Operator {
			t.Errorf("%s: %+v", by.Operator, e)
		}
	}
	if r.Snapshot().Override == nil {
		t.Error("refused by who may not")
	}
	r.Cancel(ctx, id, "pos")
	early, _ := r.ask(fnNoSale, "1")
	if err := r.Refuse(ctx, early.Override, Approver{Subject: bob, Method: entry.MethodCard, Source: "msr"}); !errors.Is(err, ErrNotEntitled) {
		t.Errorf("in the first second: %v", err)
	}
	if err := r.Refuse(ctx, early.Override, Approver{Subject: lea, Method: entry.MethodCard, Source: "msr"}); err != nil {
		t.Errorf("who may approve need not wait: %v", err)
	}
	id = r.override()
	if err := r.Refuse(ctx, 4711, Approver{Subject: lea, Method: entry.MethodCard, Source: "msr"}); !errors.Is(err, ErrNoOverride) {
		t.Errorf("one that never was: %v", err)
	}
	r.Cancel(ctx, id, "pos")
	if err := r.Refuse(ctx, id, Approver{Subject: lea, Method: entry.MethodCard, Source: "msr"}); !errors.Is(err, ErrNoOverride) {
		t.Errorf("one that is over: %v", err)
	}
}

// TestStateChangesWhileTheApprovalIsJournaled: an approval counts only in the
// state that it was decided in.
func TestStateChangesWhileTheApprovalIsJournaled(t *testing.T) {
	for words, x := range map[string]struct {
		change func(r *rig, id entry.Seq)
		reason entry.Reason
	}{
		"sign-off":  {func(r *rig, _ entry.Seq) { r.EndSession(ctx, entry.ReasonOwner, Subject{}, "t") }, entry.ReasonStateChanged},
		"lock":      {func(r *rig, _ entry.Seq) { r.Lock(ctx, entry.ReasonIdle, "t") }, entry.ReasonStateChanged},
		"time-out":  {func(r *rig, _ entry.Seq) { r.clock.advance(DefaultOverrideTTL) }, entry.ReasonTimeout},
		"cancelled": {func(r *rig, id entry.Seq) { r.Cancel(ctx, id, "pos") }, entry.ReasonCancelled},
	} {
		t.Run(words, func(t *testing.T) {
			r := ready(t)
			r.signOn(ann)
			id := r.override()
			// While the entry is on its way the change is made; it takes effect at
			// once, though its own entry has to wait for its turn.
			changed := make(chan struct{})
			r.journal.set(func(j *memJournal) {
				j.before = func(es []entry.Entry) {
					if es[0].Kind == entry.KindApproval {
						generation := r.Snapshot().Generation
						go func() { defer close(changed); x.change(r, id) }()
						for r.Snapshot().Generation == generation && r.Snapshot().Override != nil {
							runtime.Gosched()
						}
					}
				}
			})
			d, err := r.Approve(ctx, id, Approver{Subject: lea, Method: entry.MethodCard, Source: "msr"})
			<-changed
			if err != nil {
				t.Fatal(err)
			}
			want(t, words, d, entry.OutcomeDenied, x.reason)
			if w := r.journal.last(t, entry.KindWithdrawn); w.About != d.Seq || w.Approval == nil {
				t.Errorf("withdrawn: %+v", w)
			}
			if _, gr, _ := r.Wait(ctx, id); gr != nil {
				t.Error("a grant")
			}
			if len(r.grants) != 0 {
				t.Error("a grant is about")
			}
		})
	}
}

// TestApprovalAgainstTimeOut lets both come at the same moment, with real
// timers in a bubble: exactly one of them wins, and the journal agrees.
func TestApprovalAgainstTimeOut(t *testing.T) {
	for try := range 50 {
		synctest.Test(t, func(t *testing.T) {
			j := &memJournal{}
			g, err := NewGate(Options{Clock: newRealClock(), Journal: j, OverrideTTL: 10 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close(ctx)
			r := &rig{TB: t, Gate: g, journal: j}
			r.load(1, testPolicy())
			r.signOn(ann)
			asked, _ := r.ask(fnNoSale, "1")
			time.Sleep(10*time.Second - time.Duration(try%2))
			var wg sync.WaitGroup
			var approvals [4]Decision
			for i, by := range []Subject{lea, max2, lea, max2} {
				wg.Go(func() {
					d, err := g.Approve(ctx, asked.Override, Approver{Subject: by, Method: entry.MethodCard, Source: "msr"})
					if err != nil {
						t.Error(err)
					}
					approvals[i] = d
				})
			}
			wg.Go(func() { time.Sleep(time.Duration(try % 2)) })
			d, gr, err := g.Wait(ctx, asked.Override)
			if err != nil {
				t.Error(err)
			}
			wg.Wait()
			synctest.Wait()
			allowed := 0
			for _, a := range approvals {
				if a.Outcome == entry.OutcomeAllowed {
					allowed++
				}
			}
			ended := len(j.kind(entry.KindOverrideEnd))
			if allowed+ended != 1 || (d.Outcome == entry.OutcomeAllowed) != (allowed == 1) || (gr != nil) != (allowed == 1) {
				t.Errorf("approved %d times, ended %d times, waited for %v with grant %v", allowed, ended, d.Outcome, gr != nil)
			}
			granted := 0
			for _, e := range j.kind(entry.KindApproval) {
				if e.Outcome == entry.OutcomeAllowed {
					granted++
				}
			}
			if granted-len(j.kind(entry.KindWithdrawn)) != allowed {
				t.Errorf("journal: %d approvals, %d withdrawn, but %d counted", granted, len(j.kind(entry.KindWithdrawn)), allowed)
			}
		})
	}
}

// realClock is the clock of the bubble that it is made in.
type realClock struct{ start time.Time }

func newRealClock() realClock { return realClock{time.Now()} }

func (c realClock) Boot() time.Duration { return time.Since(c.start) }

func (c realClock) Stamp() entry.Stamp {
	return entry.Stamp{Wall: time.Now().UnixNano(), Boot: int64(c.Boot()), BootID: bootOne}
}

func (c realClock) After(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }

// TestApproveAfterTheFunctionIsGone: the catalogue may have changed since.
func TestApproveAfterTheFunctionIsGone(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	id := r.override()
	s := *r.Snapshot()
	p := testPolicy()
	p.Catalogue.Functions = p.Catalogue.Functions[:3]
	for i := range p.WorkGroups {
		for m := range p.WorkGroups[i].Marks {
			if m > 1003 {
				delete(p.WorkGroups[i].Marks, m)
			}
		}
	}
	s.Policy = compile(t, p)
	if got, _ := r.entitled(&s, r.find(id), &Approver{Subject: lea}, &entry.Entry{}, false); got != entry.ReasonUnknownFunction {
		t.Errorf("%v", got)
	}
	s.Policy = (*policy.Compiled)(nil)
	if got, _ := r.entitled(&s, r.find(id), &Approver{Subject: lea}, &entry.Entry{}, false); got != entry.ReasonNoPolicy {
		t.Errorf("%v", got)
	}
}
