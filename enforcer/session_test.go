package enforcer

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

func TestSignOnInWords(t *testing.T) {
	for _, x := range []struct {
		words  string
		who    Subject
		before func(r *rig)
		reason entry.Reason
		mark   string
	}{
		{"a cashier", ann, nil, entry.ReasonRule, "check"},
		{"somebody is signed on", bob, func(r *rig) { r.signOn(ann) }, entry.ReasonInUse, "check"},
		{"even the same operator", ann, func(r *rig) { r.signOn(ann) }, entry.ReasonInUse, "check"},
		{"even if the register is locked", bob, func(r *rig) { r.signOn(ann); r.Lock(ctx, entry.ReasonIdle, "t") }, entry.ReasonInUse, "check"},
		{"a work group without the POS's tree", shut, nil, entry.ReasonRule, "blank"},
		{"work groups that the policy does not know", nobody, nil, entry.ReasonNoWorkGroup, ""},
		{"no work group at all", Subject{Operator: "1"}, nil, entry.ReasonNoWorkGroup, ""},
	} {
		t.Run(x.words, func(t *testing.T) {
			r := ready(t)
			if x.before != nil {
				x.before(r)
			}
			was := r.Snapshot().Session
			s, d, err := r.BeginSession(ctx, x.who, entry.MethodCardPIN, "msr")
			if err != nil {
				t.Fatal(err)
			}
			outcome := entry.OutcomeDenied
			if x.reason == entry.ReasonRule && x.mark == "check" {
				outcome = entry.OutcomeAllowed
			}
			want(t, x.words, d, outcome, x.reason)
			if (s != nil) != (outcome == entry.OutcomeAllowed) || d.Rule.Mark != x.mark {
				t.Errorf("session %v, mark %q", s, d.Rule.Mark)
			}
			e := r.journal.last(t, entry.KindSignOn)
			if e.Seq != d.Seq || e.Operator != x.who.Operator || e.Outcome != outcome || e.Method != entry.MethodCardPIN || e.Source != "msr" ||
				e.Function != functionSignOn {
				t.Errorf("journaled: %+v", e)
			}
			now := r.Snapshot().Session
			if s == nil {
				if now != was {
					t.Error("a refused sign-on changed the session")
				}
				return
			}
			if now != s || s.ID != d.Seq || s.Subject.Name != x.who.Name || s.Planes == nil || s.Locked || s.Began.BootID != bootOne {
				t.Errorf("session %+v", now)
			}
		})
	}
}

func TestSignOnWithoutPolicy(t *testing.T) {
	r := newRig(t)
	_, d, err := r.BeginSession(ctx, ann, entry.MethodCard, "msr")
	if err != nil {
		t.Fatal(err)
	}
	want(t, "no policy", d, entry.OutcomeDenied, entry.ReasonNoPolicy)
}

// TestNobodyApprovesASignOn: whatever the catalogue says of pos.signon, there
// is no session yet for which somebody could lend it.
func TestNobodyApprovesASignOn(t *testing.T) {
	r := newRig(t)
	p := testPolicy()
	p.Catalogue.Functions[1].Override = policy.OverrideManager
	p.WorkGroups[0].Marks[1001] = policy.Deny
	r.load(1, p)
	s, d, err := r.BeginSession(ctx, ann, entry.MethodCard, "msr")
	if err != nil || s != nil || d.Override != 0 {
		t.Error(s, d, err)
	}
	want(t, "sign-on", d, entry.OutcomeDenied, entry.ReasonRule)
}

func TestManySignOnAtOnce(t *testing.T) {
	r := ready(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	allowed := 0
	for i := range 32 {
		who := []Subject{ann, bob, lea}[i%3]
		wg.Go(func() {
			s, d, err := r.BeginSession(ctx, who, entry.MethodCard, "msr")
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if s != nil {
				allowed++
			} else if d.Reason != entry.ReasonInUse {
				t.Error(d)
			}
		})
	}
	wg.Wait()
	if allowed != 1 {
		t.Errorf("%d signed on", allowed)
	}
}

func TestSignOff(t *testing.T) {
	r := ready(t)
	if err := r.EndSession(ctx, entry.ReasonOwner, Subject{}, "t"); !errors.Is(err, ErrNoSession) {
		t.Errorf("nobody signed on: %v", err)
	}
	s := r.signOn(ann)
	if err := r.EndSession(ctx, entry.ReasonManager, lea, "console"); err != nil {
		t.Fatal(err)
	}
	e := r.journal.last(t, entry.KindSignOff)
	if e.Session != s.ID || e.Operator != ann.Operator || e.Reason != entry.ReasonManager || e.Approval == nil || e.Approval.Person != lea.Person {
		t.Errorf("journaled: %+v", e)
	}
	if r.Snapshot().Session != nil {
		t.Error("still signed on")
	}
	r.signOn(bob)
}

func TestLockAndUnlock(t *testing.T) {
	for _, x := range []struct {
		words  string
		by     Subject
		reason entry.Reason
		ok     bool
	}{
		{"the operator unlocks", ann, entry.ReasonOwner, true},
		{"a lead unlocks for others", lea, entry.ReasonRule, true},
		{"a cashier does not", bob, entry.ReasonRule, false},
		{"nor with Manager Override alone", limited, entry.ReasonRule, false},
		{"unknown work groups", nobody, entry.ReasonNoWorkGroup, false},
	} {
		t.Run(x.words, func(t *testing.T) {
			r := ready(t)
			s := r.signOn(ann)
			r.Lock(ctx, entry.ReasonIdle, "idle")
			if e := r.journal.last(t, entry.KindLock); e.Session != s.ID || e.Operator != ann.Operator || e.Reason != entry.ReasonIdle || e.Source != "idle" {
				t.Errorf("journaled: %+v", e)
			}
			d, err := r.Unlock(ctx, x.by, entry.MethodCard, "msr")
			if err != nil {
				t.Fatal(err)
			}
			outcome := entry.OutcomeDenied
			if x.ok {
				outcome = entry.OutcomeAllowed
			}
			want(t, x.words, d, outcome, x.reason)
			if e := r.journal.last(t, entry.KindUnlock); e.Seq != d.Seq || e.Operator != x.by.Operator || e.Outcome != outcome || e.Session != s.ID {
				t.Errorf("journaled: %+v", e)
			}
			now := r.Snapshot().Session
			if now.Locked == x.ok || now.Subject.Operator != ann.Operator || now.ID != s.ID {
				t.Errorf("session %+v", now)
			}
		})
	}
}

func TestLockWhereThereIsNothingToLock(t *testing.T) {
	r := ready(t)
	if err := r.Lock(ctx, entry.ReasonIdle, "t"); !errors.Is(err, ErrNoSession) {
		t.Errorf("nobody signed on: %v", err)
	}
	d, err := r.Unlock(ctx, ann, entry.MethodCard, "t")
	if err != nil {
		t.Fatal(err)
	}
	want(t, "nobody signed on", d, entry.OutcomeDenied, entry.ReasonNoSession)
	r.signOn(ann)
	d, _ = r.Unlock(ctx, ann, entry.MethodCard, "t")
	want(t, "not locked", d, entry.OutcomeDenied, entry.ReasonStateChanged)
	r.Lock(ctx, entry.ReasonIdle, "t")
	if err := r.Lock(ctx, entry.ReasonIdle, "t"); err != nil {
		t.Errorf("locked twice: %v", err)
	}
	if n := len(r.journal.kind(entry.KindLock)); n != 1 {
		t.Errorf("%d lock entries", n)
	}
}

// TestWhatRestrictsHoldsWithoutJournal: signing off, locking and suspending
// take effect though the journal fails; the entries follow when it is back,
// before anything else. What permits does not happen at all.
func TestWhatRestrictsHoldsWithoutJournal(t *testing.T) {
	for words, x := range map[string]struct {
		restrict func(ctx context.Context, r *rig) error
		kind     entry.Kind
		holds    func(s *Snapshot) bool
	}{
		"sign-off": {
			func(ctx context.Context, r *rig) error {
				return r.EndSession(ctx, entry.ReasonOwner, Subject{}, "t")
			},
			entry.KindSignOff, func(s *Snapshot) bool { return s.Session == nil },
		},
		"lock": {
			func(ctx context.Context, r *rig) error { return r.Lock(ctx, entry.ReasonOwner, "t") },
			entry.KindLock, func(s *Snapshot) bool { return s.Session.Locked },
		},
		"suspended": {
			func(ctx context.Context, r *rig) error { return r.RosterChanged(ctx, nil, entry.ReasonSuspendedNow) },
			entry.KindSignOff, func(s *Snapshot) bool { return s.Session == nil },
		},
	} {
		for _, hang := range []bool{false, true} {
			t.Run(words, func(t *testing.T) {
				r := ready(t)
				r.signOn(ann)
				gr := r.grant()
				id := r.override()
				r.journal.set(func(j *memJournal) { j.err, j.hang = errJournal, hang })
				short, cancel := context.WithTimeout(ctx, time.Millisecond)
				defer cancel()
				if err := x.restrict(short, r); !errors.Is(err, errJournal) && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("nothing said of the journal: %v", err)
				}
				if !x.holds(r.Snapshot()) || r.Snapshot().Override != nil {
					t.Errorf("does not hold: %+v", r.Snapshot())
				}
				if fired, err := r.redeem(gr, "1"); fired || !errors.Is(err, ErrStale) {
					t.Errorf("a grant of before: %v, %v", fired, err)
				}
				if d, _, err := r.Wait(ctx, id); err != nil || d.Outcome != entry.OutcomeDenied {
					t.Errorf("who waited: %v, %v", d, err)
				}
				r.journal.set(func(j *memJournal) { j.err, j.hang = nil, false })
				if r.Snapshot().Session == nil {
					r.signOn(bob)
				} else if d, err := r.Unlock(ctx, ann, entry.MethodCard, "t"); err != nil || d.Outcome != entry.OutcomeAllowed {
					t.Fatal(d, err)
				}
				all := r.journal.all()
				n := len(all) - 4
				if all[n].Kind != x.kind || all[n+1].Kind != entry.KindLapsed || all[n+2].Kind != entry.KindOverrideEnd {
					t.Errorf("the journal ends with %v, %v, %v, %v", all[n].Kind, all[n+1].Kind, all[n+2].Kind, all[n+3].Kind)
				}
				// What is on disk agrees with what holds.
				before := *r.Snapshot()
				r.kill()
				after := r.Snapshot()
				if after.Session == nil || after.Session.ID != before.Session.ID || after.Session.Locked {
					t.Errorf("after a restart: %+v", after.Session)
				}
			})
		}
	}
}

// TestWhatRestrictsSurvivesACrashWithoutJournal: killed before the journal was
// back, the state file alone remembers that somebody signed off or locked.
func TestWhatRestrictsSurvivesACrashWithoutJournal(t *testing.T) {
	for _, lock := range []bool{false, true} {
		r := ready(t)
		r.signOn(ann)
		r.journal.set(func(j *memJournal) { j.err = errJournal })
		var err error
		if lock {
			err = r.Lock(ctx, entry.ReasonIdle, "t")
		} else {
			err = r.EndSession(ctx, entry.ReasonOwner, Subject{}, "t")
		}
		if !errors.Is(err, errJournal) {
			t.Fatal(err)
		}
		r.journal.set(func(j *memJournal) { j.err = nil })
		r.kill()
		if s := r.Snapshot().Session; lock != (s != nil && s.Locked) || !lock && s != nil {
			t.Errorf("lock %v: after a restart %+v", lock, s)
		}
	}
}

func TestWhatPermitsDoesNotHappenWithoutJournal(t *testing.T) {
	r := ready(t)
	r.journal.set(func(j *memJournal) { j.err = errJournal })
	if s, d, err := r.BeginSession(ctx, ann, entry.MethodCard, "msr"); !errors.Is(err, errJournal) || s != nil || d.Outcome != entry.OutcomeError {
		t.Errorf("sign-on: %v, %v, %v", s, d, err)
	}
	if s, d, err := r.BeginSession(ctx, nobody, entry.MethodCard, "msr"); !errors.Is(err, errJournal) || s != nil || d.Outcome != entry.OutcomeError {
		t.Errorf("refused sign-on: %v, %v, %v", s, d, err)
	}
	if r.Snapshot().Session != nil {
		t.Fatal("signed on without the journal")
	}
	r.journal.set(func(j *memJournal) { j.err = nil })
	r.signOn(ann)
	id := r.override()
	r.journal.set(func(j *memJournal) { j.err = errJournal })
	if d, err := r.Approve(ctx, id, Approver{Subject: lea, Method: entry.MethodCard, Source: "msr"}); !errors.Is(err, errJournal) || d.Outcome != entry.OutcomeError {
		t.Errorf("approval: %v, %v", d, err)
	}
	if d, err := r.Approve(ctx, id, Approver{Subject: ann, Method: entry.MethodCard, Source: "msr"}); !errors.Is(err, errJournal) || d.Outcome != entry.OutcomeError {
		t.Errorf("refused approval: %v, %v", d, err)
	}
	if len(r.grants) != 0 || r.Snapshot().Override == nil {
		t.Error("approved without the journal")
	}
	policy := r.Snapshot().Policy
	if err := r.Load(ctx, compile(t, changed(1)), entry.PolicyRef{Epoch: 2}, "t"); !errors.Is(err, errJournal) || r.Snapshot().Policy != policy {
		t.Errorf("load: %v", err)
	}
	if epoch, _ := r.EpochFloor(BundlePolicy); epoch != 1 {
		t.Errorf("floor %d", epoch)
	}
	r.journal.set(func(j *memJournal) { j.err = nil })
	r.Lock(ctx, entry.ReasonOwner, "t")
	r.journal.set(func(j *memJournal) { j.err = errJournal })
	for _, by := range []Subject{ann, bob} {
		if d, err := r.Unlock(ctx, by, entry.MethodCard, "t"); !errors.Is(err, errJournal) || d.Outcome != entry.OutcomeError {
			t.Errorf("unlock by %s: %v, %v", by.Operator, d, err)
		}
	}
	if !r.Snapshot().Session.Locked {
		t.Error("unlocked without the journal")
	}
}

// TestUnconfirmedSignOn: the journal says that it failed, but had written the
// entry. Nobody is signed on, and a crash must not sign anybody on.
func TestUnconfirmedSignOn(t *testing.T) {
	r := ready(t)
	r.journal.set(func(j *memJournal) { j.err, j.torn = errJournal, true })
	if s, _, err := r.BeginSession(ctx, ann, entry.MethodCard, "msr"); err == nil || s != nil {
		t.Fatal(s, err)
	}
	r.journal.set(func(j *memJournal) { j.err, j.torn = nil, false })
	r.signOn(bob)
	r.kill()
	if s := r.Snapshot().Session; s == nil || s.Subject.Operator != bob.Operator {
		t.Errorf("after a restart: %+v", s)
	}
	r.load(1, testPolicy())
	r.EndSession(ctx, entry.ReasonOwner, Subject{}, "t")
	r.journal.set(func(j *memJournal) { j.err, j.torn = errJournal, true })
	r.BeginSession(ctx, ann, entry.MethodCard, "msr")
	if e := r.journal.last(t, entry.KindSignOn); e.Operator != ann.Operator || e.Outcome != entry.OutcomeAllowed {
		t.Fatalf("the journal did not take it: %+v", e)
	}
	r.journal.set(func(j *memJournal) { j.err, j.torn = nil, false })
	before, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	r.Close(ctx)
	r.kill()
	if s := r.Snapshot().Session; s != nil {
		t.Errorf("after a restart: %+v", s)
	}
	// And the same if the last writes of the state file are lost.
	if err := os.WriteFile(r.path, before, 0o600); err != nil {
		t.Fatal(err)
	}
	r.kill()
	if s := r.Snapshot().Session; s != nil {
		t.Errorf("after a restart with an older state file: %+v", s)
	}
}

// TestUnconfirmedUnlock: the same for a lock.
func TestUnconfirmedUnlock(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	r.Lock(ctx, entry.ReasonIdle, "t")
	r.journal.set(func(j *memJournal) { j.err, j.torn = errJournal, true })
	if d, err := r.Unlock(ctx, ann, entry.MethodCard, "t"); err == nil || d.Outcome == entry.OutcomeAllowed {
		t.Fatal(d, err)
	}
	r.journal.set(func(j *memJournal) { j.err, j.torn = nil, false })
	r.Close(ctx)
	r.kill()
	if s := r.Snapshot().Session; s == nil || !s.Locked {
		t.Errorf("after a restart: %+v", s)
	}
}

func TestStateChangesWhileTheSignOnIsJournaled(t *testing.T) {
	r := ready(t)
	r.journal.set(func(j *memJournal) {
		j.before = func(es []entry.Entry) {
			if es[0].Kind == entry.KindSignOn {
				r.advance(func(cur *Snapshot) (Snapshot, turn, error) { return *cur, turn{}, nil })
			}
		}
	})
	s, d, err := r.BeginSession(ctx, ann, entry.MethodCard, "msr")
	if err != nil || s != nil {
		t.Fatal(s, err)
	}
	want(t, "withdrawn", d, entry.OutcomeDenied, entry.ReasonStateChanged)
	r.kill()
	if r.Snapshot().Session != nil {
		t.Error("a withdrawn sign-on was resumed")
	}
}

func TestStateChangesWhileTheUnlockIsJournaled(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	r.Lock(ctx, entry.ReasonIdle, "t")
	r.journal.set(func(j *memJournal) {
		j.before = func(es []entry.Entry) {
			if es[0].Kind == entry.KindUnlock {
				r.advance(func(cur *Snapshot) (Snapshot, turn, error) { return *cur, turn{}, nil })
			}
		}
	})
	d, err := r.Unlock(ctx, ann, entry.MethodCard, "t")
	if err != nil {
		t.Fatal(err)
	}
	want(t, "withdrawn", d, entry.OutcomeDenied, entry.ReasonStateChanged)
	if !r.Snapshot().Session.Locked {
		t.Error("unlocked")
	}
	r.kill()
	if s := r.Snapshot().Session; s == nil || !s.Locked {
		t.Errorf("after a restart: %+v", s)
	}
}

func TestRosterChanged(t *testing.T) {
	r := ready(t)
	if err := r.RosterChanged(ctx, nil, entry.ReasonRosterChanged); err != nil || r.Snapshot().Session != nil {
		t.Errorf("nobody signed on: %v", err)
	}
	r.signOn(ann)
	promoted := ann
	promoted.WorkGroups, promoted.Name = []string{"Lead"}, "Ann B."
	if err := r.RosterChanged(ctx, &promoted, entry.ReasonRosterChanged); err != nil {
		t.Fatal(err)
	}
	if d, _ := r.ask(fnForce, "1"); d.Outcome != entry.OutcomeAllowed {
		t.Errorf("with the new work group: %v", d)
	}
	if e := r.journal.last(t, entry.KindSession); e.Operator != ann.Operator || len(e.WorkGroups) != 1 || e.WorkGroups[0] != "Lead" {
		t.Errorf("journaled: %+v", e)
	}
	r.kill()
	if s := r.Snapshot().Session; s == nil || s.Subject.WorkGroups[0] != "Lead" || s.Subject.Name != "Ann B." {
		t.Errorf("after a restart: %+v", s)
	}
	r.load(1, testPolicy())
	if err := r.RosterChanged(ctx, &bob, entry.ReasonRosterChanged); !errors.Is(err, ErrNoSession) || r.Snapshot().Session == nil {
		t.Errorf("about somebody else: %v", err)
	}
	gone := ann
	gone.WorkGroups = []string{"Gone"}
	if err := r.RosterChanged(ctx, &gone, entry.ReasonRosterChanged); err != nil || r.Snapshot().Session != nil {
		t.Errorf("without a work group: %v, %+v", err, r.Snapshot().Session)
	}
	if e := r.journal.last(t, entry.KindSignOff); e.Reason != entry.ReasonRosterChanged {
		t.Errorf("journaled: %+v", e)
	}
}

func TestPersonOfAnOperatorWithoutOne(t *testing.T) {
	r := ready(t)
	r.signOn(Subject{Operator: "7", WorkGroups: []string{"Cashier"}})
	id := r.override()
	d, _ := r.Approve(ctx, id, Approver{Subject: Subject{Operator: "7", Person: "p-x", WorkGroups: []string{"Lead"}}, Method: 0, Source: "t"})
	want(t, "the same number", d, entry.OutcomeDenied, entry.ReasonOwnRequest)
	d, _ = r.Approve(ctx, id, Approver{Subject: Subject{Operator: "8", Person: "7", WorkGroups: []string{"Lead"}}, Method: 0, Source: "t"})
	want(t, "the number as person", d, entry.OutcomeDenied, entry.ReasonSamePerson)
}

func TestClosedGate(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	if err := r.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(ctx); err != nil {
		t.Errorf("twice: %v", err)
	}
	n := len(r.journal.all())
	if d, gr, err := r.Authorize(ctx, Request{Function: fnSale, Drawer: "1"}); !errors.Is(err, ErrClosed) || gr != nil {
		t.Errorf("authorize: %v, %v", d, err)
	}
	if _, _, err := r.BeginSession(ctx, ann, 0, "t"); !errors.Is(err, ErrClosed) {
		t.Errorf("sign-on: %v", err)
	}
	for what, err := range map[string]error{
		"sign-off": r.EndSession(ctx, entry.ReasonOwner, Subject{}, "t"), "lock": r.Lock(ctx, entry.ReasonOwner, "t"),
		"load": r.Load(ctx, compile(t, changed(1)), entry.PolicyRef{Epoch: 2}, "t"), "roster": r.RosterChanged(ctx, nil, entry.ReasonOwner),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if len(r.journal.all()) != n {
		t.Error("journaled after it was closed")
	}
}

// TestTakeOver: a sign-on in another's place ends their session if it is allowed,
// and changes nothing if it is not.
func TestTakeOver(t *testing.T) {
	r := ready(t)
	if _, _, err := r.TakeOver(ctx, 0, bob, entry.MethodCard, "msr", bob); !errors.Is(err, ErrNoSession) {
		t.Fatalf("in nobody's place: %v", err)
	}
	first := r.signOn(ann)
	gr := r.grant()
	s, d, err := r.TakeOver(ctx, first.ID, shut, entry.MethodCard, "msr", shut)
	if err != nil || s != nil {
		t.Fatal(s, err)
	}
	want(t, "who may not sign on", d, entry.OutcomeDenied, entry.ReasonRule)
	if s, d, err = r.TakeOver(ctx, first.ID+1, bob, entry.MethodCard, "msr", bob); err != nil || s != nil {
		t.Fatal(s, err)
	}
	want(t, "of a session that is not", d, entry.OutcomeDenied, entry.ReasonInUse)
	if now := r.Snapshot().Session; now == nil || now.ID != first.ID {
		t.Fatalf("session %+v", now)
	}
	if s, d, err = r.TakeOver(ctx, first.ID, bob, entry.MethodCard, "msr", lea); err != nil || s == nil {
		t.Fatal(d, err)
	}
	if now := r.Snapshot().Session; now.Subject.Operator != "102" || now.ID == first.ID {
		t.Errorf("session %+v", now)
	}
	if fired, _ := r.redeem(gr, "1"); fired {
		t.Error("the first one's grant outlived the session")
	}
	off := r.journal.last(t, entry.KindSignOff)
	if off.Operator != "101" || off.Reason != entry.ReasonSignedOver || off.Approval == nil || off.Approval.Operator != "201" || off.Seq > s.ID {
		t.Errorf("journaled: %+v %+v", off, off.Approval)
	}
	r.kill()
	if now := r.Snapshot().Session; now == nil || now.Subject.Operator != "102" {
		t.Errorf("after a restart: %+v", now)
	}

	// The journal fails: the first one is signed off, and the other not on.
	r.load(1, testPolicy())
	r.journal.set(func(j *memJournal) { j.err = errJournal })
	if _, _, err := r.TakeOver(ctx, r.Snapshot().Session.ID, ann, entry.MethodCard, "msr", ann); !errors.Is(err, errJournal) {
		t.Fatal(err)
	}
	if now := r.Snapshot().Session; now != nil {
		t.Errorf("session %+v", now)
	}
}
