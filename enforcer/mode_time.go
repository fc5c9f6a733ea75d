package enforcer

import (
	"context"
	"slices"
	"strings"
	"time"

	"tillwarden/enforcer/journal/entry"
)

// How much of a mode's time is left. Within a boot it runs on the boot clock,
// whether or not the daemon does. Over a reboot it goes on with what the journal
// knows: as of the last entry of the boot before, less the longest that can have
// passed since without one, and less what the new boot has run already. So it
// can only be shorter than what people granted, however often somebody restarts
// or cuts the power; and the wall clock has no part in it.

// How often an entry says how much is left. It is what a reboot costs.
const (
	monitorTick    = 10 * time.Minute
	breakGlassTick = time.Minute
)

func tickOf(k entry.Mode) time.Duration {
	if k == entry.ModeBreakGlass {
		return breakGlassTick
	}
	return monitorTick
}

// savedMode is a Mode with its time as the journal has it: at Boot of the boot
// BootID, Left was left.
type savedMode struct {
	ID        entry.Seq     `json:"id"`
	Kind      entry.Mode    `json:"kind"`
	Functions []string      `json:"functions,omitempty"`
	Why       string        `json:"why"`
	By        string        `json:"by,omitempty"`
	With      string        `json:"with,omitempty"`
	Signed    bool          `json:"signed,omitempty"`
	Left      time.Duration `json:"left_ns"`
	Boot      time.Duration `json:"boot_ns"`
	BootID    entry.BootID  `json:"boot_id"`
}

// mode is it as it stands now; Until is on the clock of the boot that it was
// brought up to.
func (m *savedMode) mode() *Mode {
	return &Mode{
		ID: m.ID, Kind: m.Kind, Functions: slices.Clone(m.Functions), Why: m.Why, By: m.By, With: m.With, Until: m.Boot + m.Left,
	}
}

// pass tells the state of a moment: a mode's time goes on, and in another boot
// forced breaks begin anew. Moments of the same boot may
// come out of order; an earlier one changes nothing.
func (s *state) pass(at entry.Stamp) {
	s.Clock.Pass(at)
	m := s.Mode
	if m == nil {
		return
	}
	now := time.Duration(at.Boot)
	gone := now - m.Boot
	if at.BootID != m.BootID {
		gone = tickOf(m.Kind) + now
	} else if gone <= 0 {
		return
	}
	gone = min(max(gone, 0), m.Left)
	m.Left -= gone
	m.Boot, m.BootID = now, at.BootID
	if m.Kind == entry.ModeMonitor && !m.Signed {
		s.Monitored += gone
	}
}

// beginMode folds the entry that began a mode.
func (s *state) beginMode(e *entry.Entry) {
	m := &savedMode{
		ID: e.Seq, Kind: e.Mode, Functions: strings.Fields(e.Subject), Why: e.Why, By: e.Operator,
		Left: min(max(time.Duration(e.Elapsed), 0), limitOf(e.Mode)), Boot: time.Duration(e.Stamp.Boot), BootID: e.Stamp.BootID,
	}
	if e.Approval != nil {
		m.With = e.Approval.Operator
	}
	if m.Signed = e.Claimant == claimSigned; m.Signed {
		ref := entry.PolicyRef{Epoch: e.Count}
		copy(ref.Digest[:], e.Digest)
		s.load(BundleMode, ref)
	}
	s.Mode = m
	s.SetUpMonitored = s.SetUpMonitored || e.Claimant == claimSetUp
}

// watch lets the mode's next entry be written, or its end come, in time.
// Called with mu held.
func (g *Gate) watch(m *Mode) {
	g.unwatch()
	d := min(m.Until-g.clock.Boot(), tickOf(m.Kind))
	g.unwatched = g.later(max(d, 0), func(ctx context.Context) { g.tick(ctx, m.ID) })
}

func (g *Gate) unwatch() {
	if g.unwatched != nil {
		g.unwatched()
		g.unwatched = nil
	}
}

// tick journals how much of a mode is left. If that fails the mode ends: the
// next boot would not know how much of it has passed.
func (g *Gate) tick(ctx context.Context, id entry.Seq) {
	m := g.Snapshot().Mode
	if m == nil || m.ID != id {
		return
	}
	if m.Over(g.clock.Boot()) {
		g.report(g.fallBack(ctx, id, entry.ReasonTimeout))
		return
	}
	if _, err := g.commit(ctx, true, left(m, g.clock.Boot(), entry.ReasonNone)); err != nil {
		g.report(err)
		g.report(g.fallBack(ctx, id, entry.ReasonWriteFailed))
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if now := g.snap.Load().Mode; now != nil && now.ID == id && !g.closed {
		g.watch(now)
	}
}

func left(m *Mode, now time.Duration, reason entry.Reason) entry.Entry {
	return entry.Entry{
		Kind: entry.KindModeLeft, Outcome: entry.OutcomeAllowed, Reason: reason, Mode: m.Kind, About: m.ID, Elapsed: int64(m.Until - now),
		Source: "daemon",
	}
}
