package enforcer

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// modePolicy gives the test policy with the functions that change modes, and one that is protected.
func modePolicy() *policy.Policy {
	p := testPolicy()
	add := func(f policy.Function) { p.Catalogue.Functions = append(p.Catalogue.Functions, f) }
	for i, key := range []string{functionMonitor, functionBreakGlass} {
		add(policy.Function{ID: policy.ID(1030 + i), Key: key, Name: "Name of " + key, Level: 3, Parent: 1007, Since: 1, Protected: true})
	}
	add(policy.Function{ID: 5300, Key: "backoffice.security", Name: "Security", Level: 2, Parent: 5000, Since: 1, Protected: true})
	add(policy.Function{ID: 5301, Key: "backoffice.security.view", Name: "View", Level: 3, Parent: 5300, Since: 1, Protected: true})
	return p
}

func party(s Subject) *Party { return &Party{Subject: s, Method: entry.MethodNumberPIN} }

// monitor asks for a monitor mode of the whole register, or of functions.
func monitor(d time.Duration, functions ...string) ModeRequest {
	return ModeRequest{Kind: entry.ModeMonitor, For: d, Functions: functions, Why: "moving in", Source: "test", By: party(lea), With: party(max2)}
}

func breakGlass(d time.Duration) ModeRequest {
	return ModeRequest{Kind: entry.ModeBreakGlass, For: d, Why: "the printer talks rubbish", Source: "test", By: party(lea), With: party(max2)}
}

func moding(t testing.TB) *rig {
	t.Helper()
	r := newRig(t)
	r.load(1, modePolicy())
	return r
}

func (r *rig) begin(m ModeRequest) {
	r.Helper()
	d, err := r.BeginMode(ctx, m)
	if err != nil || d.Outcome != entry.OutcomeAllowed {
		r.Fatalf("beginning %v: %+v, %v", m.Kind, d, err)
	}
}

func TestMonitorLetsThroughWhatThePolicyRefuses(t *testing.T) {
	r := moding(t)
	r.signOn(ann)
	r.begin(monitor(time.Hour))
	before := r.Snapshot().Generation
	for _, c := range []struct {
		function string
		outcome  entry.Outcome
		mark     string
	}{
		{fnNoSale, entry.OutcomeOverrideRequired, "X"},
		{fnForce, entry.OutcomeDenied, "X"},
	} {
		d, gr := r.ask(c.function, "1")
		want(t, c.function, d, c.outcome, entry.ReasonRule)
		if d.Mode != entry.ModeMonitor || d.Rule.Mark != c.mark || d.Override != 0 {
			t.Errorf("%s: %+v", c.function, d)
		}
		e := r.journal.all()[d.Seq-1]
		if e.Kind != entry.KindDecision || e.Outcome != c.outcome || e.Mode != entry.ModeMonitor || e.Rule == nil {
			t.Errorf("%s is journaled as %+v", c.function, e)
		}
		if fired, err := r.redeem(gr, "1"); !fired || err != nil {
			t.Errorf("%s: %v, %v", c.function, fired, err)
		}
		if e := r.journal.last(t, entry.KindRedeemed); e.About != d.Seq || e.Mode != entry.ModeMonitor {
			t.Errorf("the pulse is journaled as %+v", e)
		}
	}
	d, _ := r.ask(fnSale, "1")
	if want(t, "a sale", d, entry.OutcomeAllowed, entry.ReasonRule); d.Mode != entry.ModeEnforce {
		t.Error("the mode takes credit for what the policy allows")
	}
	if r.Snapshot().Generation != before {
		t.Error("deciding changed the generation")
	}
	r.clock.advance(time.Hour)
	if r.Snapshot().Mode != nil || r.Snapshot().Generation == before {
		t.Fatal("the mode outlived its time")
	}
	if d, gr := r.ask(fnForce, "1"); d.Effective() || gr != nil {
		t.Errorf("let through after the end: %+v", d)
	}
	if e := r.journal.last(t, entry.KindModeEnd); e.Reason != entry.ReasonTimeout || e.Mode != entry.ModeMonitor {
		t.Errorf("the end is journaled as %+v", e)
	}
}

// TestMonitorOfFunctions: only those that were named.
func TestMonitorOfFunctions(t *testing.T) {
	r := moding(t)
	r.begin(monitor(time.Hour, fnForce))
	if _, gr := r.ask(fnForce, "1"); gr != nil {
		t.Error("let through with nobody signed on")
	}
	r.signOn(ann)
	if _, gr := r.ask(fnForce, "1"); gr == nil {
		t.Error("what is monitored was refused")
	}
	if d, gr := r.ask(fnNoSale, "1"); gr != nil || d.Override == 0 {
		t.Errorf("what is not monitored: %+v", d)
	}
	if _, err := r.BeginMode(ctx, monitor(time.Hour, "pos.nothing")); err != nil {
		t.Error(err)
	}
}

// TestModesNeverTouchPeople: credentials, approvers, people, and what is
// protected are decided as if there were no mode.
func TestModesNeverTouchPeople(t *testing.T) {
	for _, begin := range []ModeRequest{monitor(time.Hour), breakGlass(time.Hour)} {
		t.Run(begin.Kind.String(), func(t *testing.T) {
			r := moding(t)
			r.begin(begin)
			if s, d, err := r.BeginSession(ctx, nobody, entry.MethodCard, "msr"); s != nil || err != nil || d.Effective() {
				t.Errorf("somebody without a work group signed on: %+v, %v", d, err)
			}
			r.signOn(ann)
			for _, f := range []string{
				"pos.signon", "pos.unlock.other", "pos.manageroverride", functionMonitor, functionBreakGlass, fnPeople, "backoffice.operator",
				"backoffice.security", "backoffice.security.view", fnDual, "pos.nothing",
			} {
				d, _ := r.ask(f, "")
				if d.Mode != entry.ModeEnforce {
					t.Errorf("%s was let through: %+v", f, d)
				}
				if d.Override != 0 {
					r.Cancel(ctx, d.Override, "test")
				}
				if d, err := r.Permit(ctx, ann, f, entry.MethodNumberPIN, "test", ""); err != nil || (d.Effective() && f != "pos.signon") {
					t.Errorf("%s was permitted: %+v, %v", f, d, err)
				}
			}
			r.Lock(ctx, entry.ReasonIdle, "test")
			if d, err := r.Unlock(ctx, bob, entry.MethodCard, "msr"); err != nil || d.Effective() {
				t.Errorf("unlocked by another cashier: %+v, %v", d, err)
			}
			if d, gr := r.ask(fnForce, "1"); d.Effective() || gr != nil {
				t.Errorf("locked: %+v", d)
			}
		})
	}
}

// TestModeNeedsTwoPersons goes through everything that keeps a mode from
// beginning; each try is journaled, and changes nothing.
func TestModeNeedsTwoPersons(t *testing.T) {
	pair := func(by, with *Party) ModeRequest {
		m := monitor(time.Hour)
		m.By, m.With = by, with
		return m
	}
	for name, c := range map[string]struct {
		m      ModeRequest
		reason entry.Reason
	}{
		"nobody":                      {pair(nil, nil), entry.ReasonCardRequired},
		"one":                         {pair(party(lea), nil), entry.ReasonCardRequired},
		"one twice":                   {pair(party(lea), party(lea)), entry.ReasonSamePerson},
		"two numbers of one person":   {pair(party(annLead), party(ann)), entry.ReasonSamePerson},
		"a cashier with a lead":       {pair(party(ann), party(lea)), entry.ReasonRule},
		"a lead with a cashier":       {pair(party(lea), party(ann)), entry.ReasonRule},
		"one without a work group":    {pair(party(lea), party(nobody)), entry.ReasonNoWorkGroup},
		"longer than 14 days":         {monitor(MonitorLimit + time.Minute), entry.ReasonTooLong},
		"break-glass beyond 4 hours":  {breakGlass(BreakGlassLimit + time.Minute), entry.ReasonTooLong},
		"a function nobody knows":     {monitor(time.Hour, "pos.nothing"), entry.ReasonUnknownFunction},
		"a card number as a function": {monitor(time.Hour, "4111111111111111"), entry.ReasonUnknownFunction},
	} {
		t.Run(name, func(t *testing.T) {
			r := moding(t)
			before := r.Snapshot()
			d, err := r.BeginMode(ctx, c.m)
			if err != nil {
				t.Fatal(err)
			}
			want(t, name, d, entry.OutcomeDenied, c.reason)
			if r.Snapshot() != before {
				t.Error("it changed the snapshot")
			}
			e := r.journal.last(t, entry.KindMode)
			if e.Outcome != entry.OutcomeDenied || e.Reason != c.reason || e.Mode != c.m.Kind || strings.Contains(e.Subject, "4111") {
				t.Errorf("journaled as %+v", e)
			}
		})
	}
}

// TestModeRequests: what no caller should ask for does not reach the journal.
func TestModeRequests(t *testing.T) {
	r := moding(t)
	entries := len(r.journal.all())
	for name, m := range map[string]ModeRequest{
		"no mode":                   {Kind: entry.ModeEnforce, For: time.Hour, Why: "because of it"},
		"no time":                   {Kind: entry.ModeMonitor, Why: "because of it"},
		"no reason":                 {Kind: entry.ModeMonitor, For: time.Hour},
		"a short reason":            {Kind: entry.ModeMonitor, For: time.Hour, Why: "because"},
		"a long reason":             {Kind: entry.ModeMonitor, For: time.Hour, Why: strings.Repeat("because ", 40)},
		"two lines":                 {Kind: entry.ModeMonitor, For: time.Hour, Why: "because\nof it"},
		"a card number":             {Kind: entry.ModeMonitor, For: time.Hour, Why: "card 4111 1111-1111 1111 is lost"},
		"break-glass for functions": {Kind: entry.ModeBreakGlass, For: time.Hour, Why: "because of it", Functions: []string{fnSale}},
		"break-glass by set-up":     {Kind: entry.ModeBreakGlass, For: time.Hour, Why: "because of it", SetUp: true},
		"too many functions":        {Kind: entry.ModeMonitor, For: time.Hour, Why: "because of it", Functions: make([]string, MaxModeKeys+1)},
		"a function of two words":   {Kind: entry.ModeMonitor, For: time.Hour, Why: "because of it", Functions: []string{"pos sale"}},
	} {
		if _, err := r.BeginMode(ctx, m); !errors.Is(err, ErrRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(r.journal.all()); n != entries {
		t.Errorf("%d entries were written", n-entries)
	}
}

func TestBreakGlassOpensForSalesAlone(t *testing.T) {
	r := moding(t)
	r.begin(breakGlass(time.Hour))
	for _, state := range []struct {
		name string
		do   func()
	}{
		{"nobody is signed on", func() {}},
		{"somebody who may not is signed on", func() { r.signOn(Subject{Operator: "7", WorkGroups: []string{"Limited", "NoDrawer"}}) }},
		{"the register is locked", func() { r.Lock(ctx, entry.ReasonIdle, "test") }},
	} {
		state.do()
		d, gr := r.ask(fnSale, "1")
		if d.Outcome == entry.OutcomeAllowed || d.Mode != entry.ModeBreakGlass || gr == nil {
			t.Errorf("%s: a sale: %+v, %v", state.name, d, gr)
		}
		for _, f := range []string{fnNoSale, fnForce} {
			if d, gr := r.ask(f, "1"); d.Effective() || gr != nil {
				t.Errorf("%s: %s: %+v", state.name, f, d)
			}
		}
	}
	m := monitor(time.Hour)
	if d, err := r.BeginMode(ctx, m); err != nil || d.Reason != entry.ReasonExists {
		t.Errorf("monitor mode during break-glass: %+v, %v", d, err)
	}
	r.kill() // and the policy cannot be loaded
	if d, gr := r.ask(fnSale, "1"); d.Reason != entry.ReasonNoPolicy || d.Mode != entry.ModeBreakGlass || gr == nil {
		t.Errorf("a sale without a policy: %+v", d)
	}
	if d, gr := r.ask(fnForce, "1"); d.Effective() || gr != nil {
		t.Errorf("something else without a policy: %+v", d)
	}
}

// TestBreakGlassReplacesMonitor: and falls back to enforcing, not to monitor.
func TestBreakGlassReplacesMonitor(t *testing.T) {
	r := moding(t)
	r.begin(monitor(time.Hour))
	r.begin(breakGlass(time.Minute))
	if m := r.Snapshot().Mode; m == nil || m.Kind != entry.ModeBreakGlass {
		t.Fatalf("mode %+v", m)
	}
	r.clock.advance(2 * time.Minute)
	if m := r.Snapshot().Mode; m != nil {
		t.Errorf("after break-glass: %+v", m)
	}
	r.kill()
	if m := r.Snapshot().Mode; m != nil {
		t.Errorf("after a restart: %+v", m)
	}
}

func TestEndMode(t *testing.T) {
	r := moding(t)
	if _, err := r.EndMode(ctx, nil, "test"); !errors.Is(err, ErrNoMode) {
		t.Errorf("ending nothing: %v", err)
	}
	r.signOn(ann)
	r.begin(monitor(time.Hour))
	_, gr := r.ask(fnForce, "1")
	d, err := r.EndMode(ctx, party(ann), "test")
	if err != nil || d.Outcome != entry.OutcomeDenied || r.Snapshot().Mode == nil {
		t.Fatalf("a cashier ended it: %+v, %v", d, err)
	}
	if d, err := r.EndMode(ctx, party(lea), "test"); err != nil || d.Outcome != entry.OutcomeAllowed {
		t.Fatalf("a lead could not end it: %+v, %v", d, err)
	}
	if fired, err := r.redeem(gr, "1"); fired || !errors.Is(err, ErrStale) {
		t.Errorf("a grant of the mode outlived it: %v, %v", fired, err)
	}
	if e := r.journal.last(t, entry.KindModeEnd); e.Operator != lea.Operator || e.Reason != entry.ReasonManager {
		t.Errorf("journaled as %+v", e)
	}
	r.begin(monitor(time.Hour))
	if _, err := r.EndMode(ctx, nil, "test"); err != nil || r.Snapshot().Mode != nil {
		t.Errorf("the technician could not end it: %v", err)
	}
}

// TestModeWithoutAJournal: nothing begins that is not on disk, and what cannot
// be accounted for ends.
func TestModeWithoutAJournal(t *testing.T) {
	r := moding(t)
	r.journal.set(func(j *memJournal) { j.err, j.torn = errJournal, true })
	if _, err := r.BeginMode(ctx, monitor(time.Hour)); !errors.Is(err, errJournal) {
		t.Errorf("%v", err)
	}
	r.journal.set(func(j *memJournal) { j.err, j.torn = nil, false })
	r.kill()
	if m := r.Snapshot().Mode; m != nil {
		t.Errorf("a mode that was never confirmed came back: %+v", m)
	}
	r.load(1, modePolicy())
	r.begin(monitor(time.Hour))
	r.journal.set(func(j *memJournal) { j.err = errJournal })
	r.clock.advance(monitorTick)
	if m := r.Snapshot().Mode; m != nil {
		t.Errorf("nobody knows how long it has lasted, and it goes on: %+v", m)
	}
}

func TestSetUpBeginsOnce(t *testing.T) {
	m := ModeRequest{Kind: entry.ModeMonitor, For: 24 * time.Hour, Why: "set-up of this register", SetUp: true, Source: "test"}
	r := moding(t)
	r.begin(m)
	r.EndMode(ctx, nil, "test")
	if d, _ := r.BeginMode(ctx, m); d.Reason != entry.ReasonUsed {
		t.Errorf("twice: %+v", d)
	}
	r.kill()
	r.load(1, modePolicy())
	if d, _ := r.BeginMode(ctx, m); d.Reason != entry.ReasonUsed {
		t.Errorf("after a restart: %+v", d)
	}
	r = moding(t)
	r.signOn(ann)
	if d, _ := r.BeginMode(ctx, m); d.Reason != entry.ReasonUsed {
		t.Errorf("after somebody signed on: %+v", d)
	}
	r = newRig(t)
	if d, _ := r.BeginMode(ctx, m); d.Reason != entry.ReasonNoPolicy {
		t.Errorf("without a policy: %+v", d)
	}
}

// TestBreakGlassByCode: one person and a code of the list that counts, once.
func TestBreakGlassByCode(t *testing.T) {
	r := moding(t)
	list, other := [32]byte{1}, [32]byte{2}
	by := func(who *Party, list [32]byte, n int) entry.Reason {
		t.Helper()
		d, err := r.BeginMode(ctx, ModeRequest{
			Kind: entry.ModeBreakGlass, For: time.Hour, Why: "the reader is broken", Source: "test", By: who, Code: &OneTimeCode{list, n},
		})
		if err != nil {
			t.Fatal(err)
		}
		if d.Outcome == entry.OutcomeAllowed {
			if _, err := r.EndMode(ctx, nil, "test"); err != nil {
				t.Fatal(err)
			}
			return entry.ReasonNone
		}
		return d.Reason
	}
	make := func(list [32]byte, setUp bool, by, with *Party) entry.Outcome {
		t.Helper()
		d, err := r.MakeCodes(ctx, CodesRequest{List: list, Count: 3, Source: "test", SetUp: setUp, By: by, With: with})
		if err != nil {
			t.Fatal(err)
		}
		return d.Outcome
	}
	if got := by(party(lea), list, 1); got != entry.ReasonUnknownCredential {
		t.Errorf("without a list: %v", got)
	}
	if got := make(list, true, nil, nil); got != entry.OutcomeAllowed {
		t.Fatalf("set-up: %v", got)
	}
	for _, c := range []struct {
		what string
		who  *Party
		list [32]byte
		n    int
		want entry.Reason
	}{
		{"nobody", nil, list, 1, entry.ReasonCardRequired},
		{"a cashier", party(ann), list, 1, entry.ReasonRule},
		{"none of the list", party(lea), list, 0, entry.ReasonUnknownCredential},
		{"beyond it", party(lea), list, 4, entry.ReasonUnknownCredential},
		{"another list", party(lea), other, 1, entry.ReasonUnknownCredential},
		{"the first", party(lea), list, 1, entry.ReasonNone},
		{"the first again", party(max2), list, 1, entry.ReasonUsed},
		{"the last", party(lea), list, 3, entry.ReasonNone},
	} {
		if got := by(c.who, c.list, c.n); got != c.want {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
	r.lose()
	r.kill()
	r.load(1, modePolicy())
	if _, left := r.Codes(); left != 1 {
		t.Errorf("%d codes are left after a restart", left)
	}
	if got := by(party(lea), list, 3); got != entry.ReasonUsed {
		t.Errorf("used before the restart: %v", got)
	}
	r.signOn(ann)
	if got := make(other, true, nil, nil); got != entry.OutcomeDenied {
		t.Errorf("set-up after somebody signed on: %v", got)
	}
	if got := make(other, false, party(lea), party(annLead)); got != entry.OutcomeAllowed {
		t.Errorf("two persons: %v", got)
	}
	if got := by(party(lea), list, 2); got != entry.ReasonUnknownCredential {
		t.Errorf("a code of the old list: %v", got)
	}
	if got := by(party(lea), other, 1); got != entry.ReasonNone {
		t.Errorf("a code of the new list: %v", got)
	}
}

// TestJournalPutBackGivesNothingAgain: a copy of the journal from before brings back no
// mode that is over, no time that was spent and no code that was used.
func TestJournalPutBackGivesNothingAgain(t *testing.T) {
	byCode := func(r *rig, list [32]byte) entry.Reason {
		d, err := r.BeginMode(ctx, ModeRequest{
			Kind: entry.ModeBreakGlass, For: time.Hour, Why: "the reader is broken", Source: "test", By: party(lea), Code: &OneTimeCode{list, 1},
		})
		if err != nil {
			t.Fatal(err)
		}
		return d.Reason
	}
	r, list := moding(t), [32]byte{1}
	if d, err := r.MakeCodes(ctx, CodesRequest{List: list, Count: 3, Source: "test", SetUp: true}); err != nil || d.Outcome != entry.OutcomeAllowed {
		t.Fatalf("%+v, %v", d, err)
	}
	r.begin(monitor(MonitorLimit))
	backup := len(r.journal.all())
	r.clock.advance(MonitorLimit / 2)
	if _, err := r.EndMode(ctx, nil, "test"); err != nil {
		t.Fatal(err)
	}
	if got := byCode(r, list); got != entry.ReasonRule {
		t.Fatalf("the code: %v", got)
	}
	if _, err := r.EndMode(ctx, nil, "test"); err != nil {
		t.Fatal(err)
	}
	r.journal.set(func(j *memJournal) { j.entries = j.entries[:backup] })
	r.kill()
	if m := r.Snapshot().Mode; m != nil {
		t.Errorf("a mode that had ended is back: %+v", m)
	}
	r.load(1, modePolicy())
	if got := byCode(r, list); got != entry.ReasonUsed {
		t.Errorf("the code again: %v", got)
	}
	if d, err := r.BeginMode(ctx, monitor(MonitorLimit)); err != nil || d.Reason != entry.ReasonSpent {
		t.Errorf("all of the time again: %+v, %v", d, err)
	}
	r.lose()
	r.kill()
	if m := r.Snapshot().Mode; m != nil {
		t.Errorf("it is back without the state file: %+v", m)
	}
}

// TestModeOfAJournalIsBounded: whatever an entry says, no mode is longer than any may be,
// and none gives time back.
func TestModeOfAJournalIsBounded(t *testing.T) {
	for _, kind := range []entry.Mode{entry.ModeMonitor, entry.ModeBreakGlass} {
		for _, elapsed := range []time.Duration{-time.Hour, math.MinInt64, 0, limitOf(kind) + 1, math.MaxInt64} {
			s := &state{Monitored: time.Hour}
			s.apply(&entry.Entry{Seq: 1, Kind: entry.KindMode, Mode: kind, Outcome: entry.OutcomeAllowed, Elapsed: int64(elapsed), Stamp: entry.Stamp{BootID: bootOne}})
			if left := s.Mode.Left; left < 0 || left > limitOf(kind) {
				t.Errorf("%v of %v: %v left", kind, elapsed, left)
			}
			for _, boot := range []int64{math.MinInt64, -1, int64(time.Hour)} {
				s.pass(entry.Stamp{Boot: boot, BootID: bootTwo})
				if left := s.Mode.Left; s.Monitored < time.Hour || left < 0 || left > limitOf(kind) {
					t.Errorf("%v of %v, seen at %d: %v left, %v spent", kind, elapsed, boot, left, s.Monitored)
				}
				s.Mode.BootID = bootOne
			}
		}
	}
}

// TestMonitorLeavesShutWhatItNeverLetsThrough names the shipped catalogue's functions that
// the documentation says so of.
func TestMonitorLeavesShutWhatItNeverLetsThrough(t *testing.T) {
	for key, want := range map[string]bool{
		"pos.signon": true, "pos.signon.multiple": true, "pos.unlock.other": true, "pos.password.change": true, "pos.manageroverride": true,
		"pos.device.credential.enrol": true, "pos.device.policy.reload": true, "pos.device.journal.export": true, "pos.reports.journal.view": true,
		"backoffice.signon": true, "backoffice.operator.card.assign": true, "backoffice.security.edit": true,
		"backoffice.reports.decisionjournal": true, "backoffice.reports.journal.verify": true,
		"pos.drawer.sale": false, "pos.drawer.nosale": false, "pos.price.override": false, "pos.signonly": false, "pos.device.unlockperipheral": false,
	} {
		if got := untouchable(&policy.Function{Key: key}); got != want {
			t.Errorf("%s: %v", key, got)
		}
	}
	for name, f := range map[string]policy.Function{"protected": {Protected: true}, "step-up": {StepUp: true}, "dual control": {DualControl: true}} {
		if f.Key = "pos.drawer.nosale"; !untouchable(&f) {
			t.Errorf("%s: let through", name)
		}
	}
}
