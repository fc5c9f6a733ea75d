package enforcer

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"tillwarden/enforcer/journal/entry"
)

// lose removes the state file, damage flips a bit in the middle of it.
func (r *rig) lose() {
	if err := os.Remove(r.path); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) damage() {
	raw, err := os.ReadFile(r.path)
	if err != nil {
		r.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	if err := os.WriteFile(r.path, raw, 0o600); err != nil {
		r.Fatal(err)
	}
}

func TestRestartResumesTheSession(t *testing.T) {
	r := ready(t)
	s := r.signOn(ann)
	gr := r.grant()
	r.clock.advance(time.Second)
	r.kill()
	now := r.Snapshot()
	if now.Session == nil || now.Session.ID != s.ID || now.Session.Subject.Name != ann.Name || now.Session.Subject.Person != ann.Person ||
		now.Session.Method != entry.MethodCard || now.Session.Began != s.Began {
		t.Fatalf("session %+v, want %+v", now.Session, s)
	}
	if e := r.journal.last(t, entry.KindSession); e.Session != s.ID || e.Reason != entry.ReasonRestart {
		t.Errorf("journaled: %+v", e)
	}
	if fired, err := r.redeem(gr, "1"); fired || !errors.Is(err, ErrNoGrant) {
		t.Errorf("a grant of before the restart: %v, %v", fired, err)
	}
	d, _ := r.ask(fnSale, "1")
	want(t, "before the policy is loaded", d, entry.OutcomeDenied, entry.ReasonNoPolicy)
	r.load(1, testPolicy())
	r.grant()
}

func TestRestartKeepsTheLock(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	r.Lock(ctx, entry.ReasonIdle, "t")
	r.kill()
	r.load(1, testPolicy())
	if !r.Snapshot().Session.Locked {
		t.Error("unlocked by a restart")
	}
	d, _ := r.ask(fnSale, "1")
	want(t, "locked", d, entry.OutcomeDenied, entry.ReasonLocked)
}

func TestRestartResumesTheOverrideInFull(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	asked, _, err := r.Authorize(ctx, Request{
		Function: fnNoSale, Drawer: "1", Hold: 20 * time.Second, Source: "printer", Claimant: "pos", Purpose: entry.PurposeAsked, Lines: 3,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.clock.advance(DefaultOverrideTTL - time.Second)
	r.kill()
	o := r.Snapshot().Override
	now := r.clock.Boot()
	if o == nil || o.ID != asked.Override || o.Announced != now || o.Expires != now+DefaultOverrideTTL || o.Requester != ann.Operator || o.Drawer != "1" {
		t.Fatalf("override %+v", o)
	}
	d, _ := r.Approve(ctx, o.ID, Approver{Subject: lea, Method: entry.MethodCard, Source: "msr"})
	want(t, "announced anew", d, entry.OutcomeDenied, entry.ReasonTooEarly)
	r.clock.advance(DefaultAnnounce)
	d, _ = r.Approve(ctx, o.ID, Approver{Subject: lea, Method: entry.MethodCard, Source: "msr"})
	want(t, "without a policy", d, entry.OutcomeDenied, entry.ReasonNoPolicy)
	r.load(1, testPolicy())
	if o = r.Snapshot().Override; o == nil || o.Name != "Name of "+fnNoSale {
		t.Fatalf("after the same policy was loaded: %+v", o)
	}
	d, _ = r.Approve(ctx, o.ID, Approver{Subject: lea, Method: entry.MethodCard, Source: "msr"})
	want(t, "a lead", d, entry.OutcomeAllowed, entry.ReasonRule)
	_, gr, _ := r.Wait(ctx, o.ID)
	if gr == nil || gr.Expires() != r.clock.Boot()+20*time.Second {
		t.Fatalf("grant %+v", gr)
	}
	if e := r.journal.last(t, entry.KindApproval); e.Lines != 3 || e.Claimant != "pos" || e.Purpose != entry.PurposeAsked || e.FunctionID != 1602 {
		t.Errorf("journaled: %+v", e)
	}
}

func TestRestartThenAnotherPolicyEndsTheOverride(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	id := r.override()
	r.kill()
	r.load(2, changed(1))
	if r.Snapshot().Override != nil {
		t.Error("still pending")
	}
	if e := r.journal.last(t, entry.KindOverrideEnd); e.About != id || e.Reason != entry.ReasonPolicyChanged {
		t.Errorf("journaled: %+v", e)
	}
}

func TestRestartThenASecondLoadEndsTheOverride(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	r.override()
	r.kill()
	r.load(1, testPolicy())
	r.load(1, testPolicy())
	if r.Snapshot().Override != nil {
		t.Error("still pending after a load that was not the restart's")
	}
}

func TestRebootEndsTheSession(t *testing.T) {
	r := ready(t)
	s := r.signOn(ann)
	id := r.override()
	r.reboot()
	if now := r.Snapshot(); now.Session != nil || now.Override != nil {
		t.Errorf("%+v", now)
	}
	e := r.journal.last(t, entry.KindSignOff)
	if e.Session != s.ID || e.Reason != entry.ReasonReboot || e.Operator != ann.Operator || e.Stamp.BootID != bootTwo {
		t.Errorf("journaled: %+v", e)
	}
	if e := r.journal.last(t, entry.KindOverrideEnd); e.About != id || e.Reason != entry.ReasonReboot {
		t.Errorf("journaled: %+v", e)
	}
	if len(r.state.Persons) != 1 {
		t.Errorf("persons %v: a reboot opens no till", r.state.Persons)
	}
	n := len(r.journal.all())
	r.kill()
	if len(r.journal.all()) != n {
		t.Error("signed off again at the next start")
	}
}

func TestUnknownBootIsAnotherBoot(t *testing.T) {
	r := ready(t)
	r.clock.boot = entry.BootID{}
	r.signOn(ann)
	r.kill()
	if r.Snapshot().Session != nil {
		t.Error("resumed although nobody knows which boot it is")
	}
}

// TestLostStateFile: no session, but what restricts is folded from the journal.
func TestLostStateFile(t *testing.T) {
	for words, ruin := range map[string]func(r *rig){
		"lost": (*rig).lose, "damaged": (*rig).damage,
		"empty": func(r *rig) { os.WriteFile(r.path, nil, 0o600) },
		"not JSON": func(r *rig) {
			os.WriteFile(r.path, []byte("\x00\x01"), 0o600)
		},
		"a later version": func(r *rig) { os.WriteFile(r.path, []byte(`{"version":9}`), 0o600) },
		"huge":            func(r *rig) { os.Truncate(r.path, maxStateSize+1) },
	} {
		t.Run(words, func(t *testing.T) {
			r := ready(t)
			heldBy(lea)(r)
			s := r.signOn(ann)
			r.override()
			ruin(r)
			r.kill()
			if now := r.Snapshot(); now.Session != nil || now.Override != nil {
				t.Errorf("%+v", now)
			}
			if e := r.journal.last(t, entry.KindSignOff); e.Session != s.ID || e.Reason != entry.ReasonDamaged {
				t.Errorf("journaled: %+v", e)
			}
			if words != "lost" && len(r.reports) == 0 {
				t.Error("nobody was told")
			}
			if epoch, _ := r.EpochFloor(BundlePolicy); epoch != 1 {
				t.Errorf("floor %d", epoch)
			}
			if !r.state.heldSession("p-lea") || !r.state.heldSession("p-ann") {
				t.Errorf("persons %v", r.state.Persons)
			}
			if _, err := readState(r.path); err != nil {
				t.Errorf("the file was not written anew: %v", err)
			}
		})
	}
}

// TestJournalBegunAnew: the journal that the state file was written with is
// gone. Floors and persons are kept, the session is not.
func TestJournalBegunAnew(t *testing.T) {
	for _, entries := range []int{0, 1, 40} {
		r := ready(t)
		r.signOn(ann)
		r.journal.set(func(j *memJournal) {
			j.entries = nil
			for i := range entries {
				j.entries = append(j.entries, entry.Entry{Seq: entry.Seq(i + 1), Kind: entry.KindRecovered})
			}
		})
		r.kill()
		if r.Snapshot().Session != nil {
			t.Errorf("%d entries: resumed", entries)
		}
		if epoch, _ := r.EpochFloor(BundlePolicy); epoch != 1 || !r.state.heldSession("p-ann") {
			t.Errorf("%d entries: floor %d, persons %v", entries, epoch, r.state.Persons)
		}
		if e := r.journal.last(t, entry.KindSignOff); e.Reason != entry.ReasonDamaged || e.Operator != ann.Operator {
			t.Errorf("%d entries: journaled %+v", entries, e)
		}
		r.load(1, testPolicy())
		s := r.signOn(bob)
		r.kill()
		if now := r.Snapshot().Session; now == nil || now.ID != s.ID {
			t.Errorf("%d entries: the new journal's session: %+v", entries, now)
		}
		if err := r.Load(ctx, compile(t, testPolicy()), entry.PolicyRef{}, "old"); !errors.Is(err, ErrEpoch) {
			t.Errorf("%d entries: %v", entries, err)
		}
	}
}

func TestReplayFails(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	bad := func(entry.Seq, func(entry.Entry) error) error { return errJournal }
	for _, path := range []string{r.path, "", r.path + ".none"} {
		if g, err := NewGate(Options{Clock: r.clock, Journal: r.journal, StatePath: path, Replay: bad}); !errors.Is(err, errJournal) || g != nil {
			t.Errorf("%q: %v", path, err)
		}
	}
	r.journal.set(func(j *memJournal) { j.err = errJournal })
	if _, err := NewGate(Options{Clock: r.clock, Journal: r.journal, StatePath: r.path, Replay: r.journal.Replay}); !errors.Is(err, errJournal) {
		t.Errorf("journal that takes nothing: %v", err)
	}
	r.journal.set(func(j *memJournal) { j.err = nil })
	if _, err := NewGate(Options{}); !errors.Is(err, ErrRequest) {
		t.Errorf("no clock, no journal: %v", err)
	}
}

// TestCrashBetweenJournalAndStateFile puts the state file back to each moment
// of a day, as a crash before its next write would leave it, and compares what
// the gate finds with what held at the end.
func TestCrashBetweenJournalAndStateFile(t *testing.T) {
	r := ready(t)
	var files [][]byte
	keep := func() {
		raw, err := os.ReadFile(r.path)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, raw)
	}
	keep()
	steps := []func(){
		func() { r.signOn(ann) },
		func() { r.ask("pos.till.open", "1") },
		func() { r.grant() },
		func() { r.Lock(ctx, entry.ReasonIdle, "t") },
		func() { r.Unlock(ctx, lea, entry.MethodCard, "t") },
		func() { r.override() },
		func() {
			r.Approve(ctx, r.Snapshot().Override.ID, Approver{Subject: lea, Method: entry.MethodCard, Source: "t"})
		},
		func() { r.override() },
		func() {
			r.Refuse(ctx, r.Snapshot().Override.ID, Approver{Subject: lea, Method: entry.MethodCard, Source: "t"})
		},
		func() { r.load(2, changed(1)) },
		func() {
			a := ann
			a.WorkGroups = []string{"Cashier", "NoDrawer"}
			r.RosterChanged(ctx, &a, entry.ReasonRosterChanged)
		},
		func() { r.EndSession(ctx, entry.ReasonOwner, Subject{}, "t") },
		func() { r.signOn(lea) },
		func() { r.ask(fnPickup, "1") },
		func() { r.Lock(ctx, entry.ReasonIdle, "t") },
		func() { r.EndSession(ctx, entry.ReasonManager, max2, "t") },
		func() { r.signOn(bob) },
		func() { r.override() },
	}
	for n, step := range steps {
		step()
		keep()
		entries := r.journal.all()
		live := r.view()
		for i, raw := range files {
			if err := os.WriteFile(r.path, raw, 0o600); err != nil {
				t.Fatal(err)
			}
			j := &memJournal{entries: append([]entry.Entry(nil), entries...)}
			g, err := NewGate(Options{Clock: &fakeClock{now: r.clock.Boot(), boot: bootOne}, Journal: j, StatePath: r.path, Replay: j.Replay})
			if err != nil {
				t.Fatal(err)
			}
			if got := (&rig{TB: t, Gate: g}).view(); !reflect.DeepEqual(got, live) {
				t.Errorf("after step %d with the file of step %d:\n got %+v\nwant %+v", n, i, got, live)
			}
			g.cancel()
		}
		if err := os.WriteFile(r.path, files[len(files)-1], 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// view is what must survive, without what a restart may change.
func (r *rig) view() map[string]any {
	s := r.Snapshot()
	r.Gate.mu.Lock()
	defer r.Gate.mu.Unlock()
	v := map[string]any{"persons": r.state.Persons, "floors": r.state.Floors}
	if s.Session != nil {
		v["session"] = []any{s.Session.ID, s.Session.Subject.Operator, s.Session.Subject.Person, s.Session.Subject.WorkGroups, s.Session.Locked}
	}
	if s.Override != nil {
		v["override"] = []any{s.Override.ID, s.Override.Function, s.Override.Drawer, s.Override.Requester}
	}
	return v
}

// TestWithdrawnTillOpeningForgetsNobody: the till was not opened after all, so
// who held a session before still counts, live and after a restart.
func TestWithdrawnTillOpeningForgetsNobody(t *testing.T) {
	r := ready(t)
	heldBy(lea)(r)
	r.signOn(ann)
	r.journal.set(func(j *memJournal) {
		j.before = func(es []entry.Entry) {
			if es[0].Kind == entry.KindDecision {
				r.advance(func(cur *Snapshot) (Snapshot, turn, error) { return *cur, turn{}, nil })
			}
		}
	})
	before, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	d, _ := r.ask("pos.till.open", "1")
	want(t, "opening the till", d, entry.OutcomeDenied, entry.ReasonStateChanged)
	for _, words := range []string{"at once", "after a restart", "after a crash"} {
		if !r.state.heldSession("p-lea") || !r.state.heldSession("p-ann") {
			t.Errorf("%s: persons %v", words, r.state.Persons)
		}
		if words == "after a restart" {
			os.WriteFile(r.path, before, 0o600)
		}
		r.kill()
	}
}

func TestStateFileIsPrivateAndReadsBack(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	r.override()
	info, err := os.Stat(r.path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := os.Stat(r.path + ".new"); !errors.Is(err, os.ErrNotExist) {
		t.Error("litter")
	}
	got, err := readState(r.path)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(&r.state)
	if string(a) != string(b) {
		t.Errorf("read %s\nheld %s", a, b)
	}
}

// TestEveryFlippedBitOfTheStateFileIsFound: damage gives no session, and is
// never taken for a state.
func TestEveryFlippedBitOfTheStateFileIsFound(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	r.override()
	raw, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	good, _ := parseState(raw)
	for i := range len(raw) - 1 { // the last byte is the newline
		for bit := range 8 {
			raw[i] ^= 1 << bit
			if s, err := parseState(raw); err == nil && !reflect.DeepEqual(s, good) {
				t.Fatalf("byte %d, bit %d: taken", i, bit)
			} else if err != nil && !errors.Is(err, ErrState) {
				t.Fatalf("byte %d, bit %d: %v", i, bit, err)
			}
			raw[i] ^= 1 << bit
		}
	}
	for n := range len(raw) - 1 {
		if _, err := parseState(raw[:n]); !errors.Is(err, ErrState) {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
}

// TestStateFileCannotBeWritten: the register works on, somebody is told, and
// the journal alone brings everything back.
func TestStateFileCannotBeWritten(t *testing.T) {
	r := ready(t)
	dir := filepath.Dir(r.path)
	if err := os.Rename(dir, dir+".away"); err != nil { // nothing can be created there now
		t.Fatal(err)
	}
	r.signOn(ann)
	if len(r.reports) == 0 {
		t.Error("nobody was told")
	}
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	r.kill()
	if s := r.Snapshot().Session; s == nil || s.Subject.Operator != ann.Operator {
		t.Errorf("after a restart: %+v", s)
	}
	r.EndSession(ctx, entry.ReasonOwner, Subject{}, "t")
	if s, err := readState(r.path); err != nil || s.Session != nil {
		t.Errorf("when it can be again: %+v, %v", s, err)
	}
}

// TestStartLooksBackOnce: a year of decisions is looked through at one start,
// not at every one; what came since is not overlooked.
func TestStartLooksBackOnce(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	if err := r.EndSession(ctx, entry.ReasonOwner, Subject{}, "t"); err != nil {
		t.Fatal(err)
	}
	for range 3 * farBehind {
		if _, err := r.journal.Append(ctx, false, entry.Entry{Kind: entry.KindDecision, Function: "pos.sale", Outcome: entry.OutcomeAllowed}); err != nil {
			t.Fatal(err)
		}
	}
	r.kill()
	r.journal.given = 0
	r.kill()
	if n := r.journal.given; n > 10 {
		t.Errorf("the second start looked through %d entries", n)
	}
	r.load(1, testPolicy())
	id := r.signOn(ann).ID
	// The state file of before the sign-on is there, as if the machine stopped in between.
	st, err := readState(r.path)
	if err != nil {
		t.Fatal(err)
	}
	st.Session, st.Applied = nil, st.Applied-1
	raw, err := st.marshal()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	r.kill()
	if s := r.Snapshot().Session; s == nil || s.ID != id {
		t.Errorf("after the sign-on of entry %d: %+v", id, s)
	}
}
