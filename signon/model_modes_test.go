package signon

import (
	"errors"
	"slices"
	"time"

	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
)

// Modes: for a limited time a register lets through what the policy refuses. Who may
// approve, sign on or change people is asked elsewhere in the model, where no mode is
// looked at: so it finds a mode that counts for more than an opening.

// modelMode is a mode that is not enforcing.
type modelMode struct {
	id        entry.Seq
	kind      entry.Mode
	functions []string // that are monitored; none: all
	granted   time.Duration
	until     time.Duration
	since     time.Duration // from when on entries say what is left, each interval
	own       bool          // of the installation's own time, not the chain's
}

// tick is when the next entry after a moment says what is left.
func (mode *modelMode) tick(after time.Duration) time.Duration {
	every := modelTicks[mode.kind]
	return min(mode.until, mode.since+((after-mode.since)/every+1)*every)
}

const (
	modelMonitorMost = 14 * 24 * time.Hour // of one, and of all of an installation's together
	modelGlassMost   = 4 * time.Hour
)

// modelTicks is how often an entry says what is left, which is what a reboot costs.
var modelTicks = map[entry.Mode]time.Duration{entry.ModeMonitor: 10 * time.Minute, entry.ModeBreakGlass: time.Minute}

// modelModeTakes is what both have to have who begin a mode, and who ends it.
var modelModeTakes = map[entry.Mode]string{entry.ModeMonitor: fnMonitor, entry.ModeBreakGlass: fnGlass}

// lets gives the mode that lets through what the policy answered: break-glass any sale;
// monitor all but what no mode lets through, what waits for the own PIN, and what is
// asked at a locked register, or by nobody where single functions are monitored.
func (m *model) lets(function string, want entry.Outcome, own bool) entry.Mode {
	mode, s := m.mode, m.session
	if mode == nil || m.now() >= mode.until || want == may {
		return entry.ModeEnforce
	}
	named := len(mode.functions) > 0
	switch {
	case mode.kind == entry.ModeBreakGlass && function == fnSale:
		return mode.kind
	case mode.kind == entry.ModeBreakGlass, own, function == fnUnknown, functionOf(function).never,
		named && !slices.Contains(mode.functions, function), s == nil && named, s != nil && s.locked:
		return entry.ModeEnforce
	}
	return mode.kind
}

// spent is how long the installation was in monitor mode, of its own time.
func (m *model) spent(now time.Duration) time.Duration {
	if mode := m.mode; mode != nil && mode.own && mode.kind == entry.ModeMonitor {
		return m.monitored + mode.granted - max(0, mode.until-now)
	}
	return m.monitored
}

// endMode lets the policy alone decide again: what was granted ends, and what is pending.
func (m *model) endMode(now time.Duration) {
	if m.mode == nil {
		return
	}
	m.monitored = m.spent(now)
	m.mode = nil
	m.turn()
}

// unsaid ends a mode of which an entry should have said what is left since then, and no
// journal took it: the next boot would not know.
func (m *model) unsaid(since time.Duration) {
	if m.mode != nil && m.mode.tick(since) <= m.now() {
		m.endMode(m.mode.tick(since))
	}
}

// modes begins a mode, ends it, or lets it come to its end.
func (m *model) modes() {
	if m.mode == nil {
		m.beginMode()
		return
	}
	switch evenly(m.t, "with the mode", []string{"begin another", "end", "its time", "its time", "no journal"}) {
	case "begin another":
		m.beginMode()
	case "end":
		m.finishMode()
	case "its time":
		left := m.mode.until - m.now() - evenly(m.t, "short of it", []time.Duration{0, time.Millisecond, time.Second, time.Minute})
		m.pass(min(max(0, left), 24*time.Hour)) // longer ones end while the machine is asleep
	case "no journal":
		since := m.now()
		m.older = nil
		m.r.journal.failing(true)
		m.pass(m.mode.tick(since) - since)
		m.r.journal.failing(false)
		m.unsaid(since)
	}
}

// beginsInMode lets a register be in a mode before anybody has signed on.
func (m *model) beginsInMode() {
	setUp := enforcer.ModeRequest{Kind: entry.ModeMonitor, For: modelMonitorMost, SetUp: true}
	switch evenly(m.t, "it begins in a mode", []string{"no", "no", "no", "set-up", "set-up, of functions", "set-up, twice", "of the chain's"}) {
	case "set-up, of functions":
		setUp.For, setUp.Functions = modelMonitorMost/2, []string{fnNoSale, fnFew}
		m.askMode(&setUp, true)
	case "set-up, twice":
		setUp.For = time.Hour
		m.askMode(&setUp, true)
		m.endMode(m.now())
		if _, err := m.r.gate.EndMode(m.r.ctx, nil, "console"); (err == nil) != m.setUp {
			m.t.Fatalf("ending what began %v: %v", m.setUp, err)
		}
		m.askMode(&setUp, !m.setUp)
	case "set-up":
		m.askMode(&setUp, true)
	case "of the chain's":
		m.askMode(&enforcer.ModeRequest{Kind: entry.ModeBreakGlass, For: modelGlassMost, Signed: &enforcer.Signed{Epoch: 1, NotAfter: m.wall().Add(time.Hour)}}, true)
	}
}

// partyOf is somebody who was identified, by a PIN in any case.
func (m *model) partyOf() (*enforcer.Party, *modelOperator) {
	of := []string{"2001", "2001", "2002", "2004", "4001", "4002"}
	if m.oneIn(4, "anybody") {
		of = m.numbers()
	}
	a, o := m.actor(of, NeedPIN)
	if a == nil {
		return nil, nil
	}
	return &enforcer.Party{Subject: a.Operator.Subject(), Method: a.Method}, o
}

func (m *model) beginMode() {
	r := enforcer.ModeRequest{
		Kind: evenly(m.t, "mode", []entry.Mode{entry.ModeMonitor, entry.ModeMonitor, entry.ModeBreakGlass}),
	}
	most := modelGlassMost
	if r.Kind == entry.ModeMonitor {
		most = modelMonitorMost
		r.Functions = evenly(m.t, "functions", [][]string{nil, nil, {fnNoSale, fnFew}, {fnPunch, fnEdit}, {fnUnknown}})
	}
	r.For = evenly(m.t, "for", []time.Duration{2 * time.Minute, 20 * time.Minute, 3 * time.Hour, most / 2, most, most + time.Minute})
	want := false
	switch how := evenly(m.t, "by", []string{"two", "two", "two", "two", "one", "set-up", "set-up", "the chain"}); {
	case how == "set-up" && r.Kind == entry.ModeMonitor:
		r.SetUp, want = true, !m.signedOn && !m.setUp
	case how == "the chain":
		r.Signed = &enforcer.Signed{Epoch: evenly(m.t, "epoch", []uint64{m.signed + 1, m.signed + 2, m.signed, 0}), NotAfter: m.wall().Add(evenly(m.t, "may be used for", []time.Duration{time.Hour, 0}))}
		want = r.Signed.Epoch > m.signed && r.Signed.NotAfter.After(m.wall())
	default:
		var by, with *modelOperator
		if r.By, by = m.partyOf(); r.By == nil {
			return
		}
		if how != "one" {
			if r.With, with = m.partyOf(); r.With == nil {
				return
			}
		}
		takes := modelModeTakes[r.Kind]
		want = with != nil && by.number != with.number && by.person != with.person && m.access(by.groups, takes) == may && m.access(with.groups, takes) == may
	}
	m.askMode(&r, want)
}

// askMode asks for a mode: want says that those who ask may.
func (m *model) askMode(r *enforcer.ModeRequest, want bool) {
	r.Why, r.Source = "the printer talks rubbish", "console"
	most := modelGlassMost
	if r.Kind == entry.ModeMonitor {
		most = modelMonitorMost
	}
	runs := m.mode
	want = want && r.For <= most && (r.Signed != nil || r.Kind == entry.ModeBreakGlass || m.spent(m.now())+r.For <= modelMonitorMost) && !slices.Contains(r.Functions, fnUnknown) &&
		(runs == nil || runs.kind == entry.ModeMonitor && r.Kind == entry.ModeBreakGlass)
	m.breakJournal()
	d, err := m.r.gate.BeginMode(m.r.ctx, *r)
	if m.mended(err, true) {
		if d.Outcome != entry.OutcomeError {
			m.t.Fatalf("a mode without the journal: %+v", d)
		}
		if want {
			m.endMode(m.now()) // nobody knows which of them is in the journal
		}
		return
	}
	if err != nil || (d.Outcome == may) != want {
		m.t.Fatalf("beginning %+v: %v (%v), %v; want %v", *r, d.Outcome, d.Reason, err, want)
	}
	if !want {
		return
	}
	m.endMode(m.now())
	m.turn()
	m.mode = &modelMode{id: d.Seq, kind: r.Kind, functions: r.Functions, granted: r.For, until: m.now() + r.For, since: m.now(), own: r.Signed == nil}
	m.setUp = m.setUp || r.SetUp
	if r.Signed != nil {
		m.signed = r.Signed.Epoch
	}
}

// finishMode is somebody who ends it: the technician, or who could have begun it.
func (m *model) finishMode() {
	var by *enforcer.Party
	want := true
	if !m.oneIn(3, "the technician") {
		var o *modelOperator
		if by, o = m.partyOf(); by == nil {
			return
		}
		if m.mode == nil {
			return // its time came
		}
		want = m.access(o.groups, modelModeTakes[m.mode.kind]) == may
	}
	m.breakJournal()
	d, err := m.r.gate.EndMode(m.r.ctx, by, "console")
	if m.mended(err, true) {
		if want {
			m.endMode(m.now())
		}
		return
	}
	if errors.Is(err, enforcer.ErrNoMode) || err != nil || (d.Outcome == may) != want {
		m.t.Fatalf("ending the mode by %+v: %v (%v), %v; want %v", by, d.Outcome, d.Reason, err, want)
	}
	if want {
		m.endMode(m.now())
	}
}

// rebooted is what a mode has left in the next boot: never more than before, and at most
// one interval less.
func (m *model) rebooted(left time.Duration) {
	mode, snap := m.mode, m.r.gate.Snapshot().Mode
	if mode == nil {
		return
	}
	got, most := time.Duration(0), left-m.now() // which is how long it is up
	if snap != nil {
		got = snap.Until - m.now()
	}
	if got > max(0, most) || got < most-modelTicks[mode.kind] || snap != nil && got <= 0 {
		m.t.Fatalf("%v were left of %+v, and after a reboot %v", left, mode, got)
	}
	if mode.until, mode.since = m.now()+got, m.now(); got == 0 {
		m.endMode(m.now())
	}
}

// sameMode compares the mode, and the time that it takes.
func (m *model) sameMode() {
	got := m.r.gate.Snapshot().Mode
	switch want := m.mode; {
	case (got == nil) != (want == nil):
		m.t.Fatalf("the mode is %+v, and the model has %+v", got, want)
	case got != nil && (got.Kind != want.kind || got.ID != want.id || got.Until != want.until || !slices.Equal(got.Functions, want.functions)):
		m.t.Fatalf("the mode is %+v, and the model has %+v", got, want)
	}
	if spent, _ := m.r.gate.MonitorTime(); spent != m.spent(m.now()) || spent > modelMonitorMost {
		m.t.Fatalf("%v in monitor mode, and the model says %v", spent, m.spent(m.now()))
	}
}

// noModeForMore: a mode is in no entry but of what was asked at the register, as what
// it would have been, of what comes of that, and of modes.
func (m *model) noModeForMore(e *entry.Entry, es []entry.Entry) {
	if e.Mode == entry.ModeEnforce {
		return
	}
	switch e.Kind {
	case entry.KindDecision:
		if e.Outcome == may || functionOf(e.Function).never || e.Mode == entry.ModeBreakGlass && e.Function != fnSale {
			m.t.Fatalf("%v is said to have let through %+v", e.Mode, e)
		}
	case entry.KindRedeemed, entry.KindLapsed, entry.KindWithdrawn:
		if about := es[e.About-1]; about.Mode != e.Mode {
			m.t.Fatalf("%+v comes of %+v", e, about)
		}
	case entry.KindMode:
		if e.Outcome == may && e.Claimant == "persons" && (e.Approval == nil || e.Person == e.Approval.Person) {
			m.t.Fatalf("a mode by one person: %+v", e)
		}
	case entry.KindModeEnd, entry.KindModeLeft:
	default:
		m.t.Fatalf("%v in %+v", e.Mode, e)
	}
}
