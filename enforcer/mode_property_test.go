package enforcer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// rebootAs is a machine that comes up anew: another boot, whose clock says now.
func (r *rig) rebootAs(n byte, now time.Duration) {
	r.clock.advance(0) // what was due before the power went
	r.clock.mu.Lock()
	r.clock.boot, r.clock.now = entry.BootID{1, n}, now
	r.clock.mu.Unlock()
	r.kill()
}

// TestModeTimeNeverGrows lets clocks be stepped, the daemon killed, the machine
// rebooted and the state file lost at any moment, in any order. What is left of
// a mode never grows; no mode is there for longer than it was granted; and all
// monitor modes of an installation together last no longer than MonitorLimit.
func TestModeTimeNeverGrows(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := onlyJournal(t)
		if rapid.IntRange(0, 7).Draw(rt, "file") == 0 { // seldom: each write waits for the disk
			r = newRig(t)
		}
		r.load(1, modePolicy())
		defer r.Close(ctx)
		lived := map[entry.Seq]time.Duration{}
		granted := map[entry.Seq]time.Duration{}
		var all time.Duration // in monitor mode
		last, lastLeft := entry.Seq(0), time.Duration(0)
		boots := byte(0)
		check := func(what string) {
			m := r.Snapshot().Mode
			if m == nil {
				return
			}
			left := m.Until - r.clock.Boot()
			if m.ID == last && left > lastLeft {
				rt.Fatalf("%s: %v are left, %v were before", what, left, lastLeft)
			}
			if left > granted[m.ID]-lived[m.ID] {
				rt.Fatalf("%s: %v are left of %v after %v", what, left, granted[m.ID], lived[m.ID])
			}
			last, lastLeft = m.ID, left
		}
		live := func(d time.Duration) {
			// From timer to timer, which may end it, so that it is known how long it
			// really lived.
			var step time.Duration
			for ; d > 0; d -= step {
				step = r.clock.toTimer(min(d, time.Minute))
				if m := r.Snapshot().Mode; m != nil {
					lived[m.ID] += step
					if m.Kind == entry.ModeMonitor {
						all += step
					}
				}
				r.clock.advance(step)
			}
			if all > MonitorLimit+time.Minute {
				rt.Fatalf("%v in monitor mode", all)
			}
		}
		length := rapid.OneOf(
			rapid.Custom(func(t *rapid.T) time.Duration {
				return time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "ns"))
			}),
			rapid.Custom(func(t *rapid.T) time.Duration {
				return time.Duration(rapid.IntRange(0, 48).Draw(t, "h")) * time.Hour
			}),
		)
		for i := range rapid.IntRange(1, 40).Draw(rt, "steps") {
			what := rapid.SampledFrom([]string{
				"begin", "begin", "glass", "end", "live", "live", "kill", "reboot", "lose", "wall", "work", "suspend", "no journal",
			}).Draw(rt, "what")
			switch what {
			case "begin", "glass":
				req := monitor(length.Draw(rt, "for") + time.Minute)
				if what == "glass" {
					req = breakGlass(min(length.Draw(rt, "for")+time.Minute, BreakGlassLimit))
				}
				if d, err := r.BeginMode(ctx, req); err != nil {
					rt.Fatal(err)
				} else if d.Outcome == entry.OutcomeAllowed {
					granted[d.Seq] = req.For
				}
			case "end":
				if _, err := r.EndMode(ctx, nil, "test"); err != nil && r.Snapshot().Mode != nil {
					rt.Fatal(err)
				}
			case "live":
				live(length.Draw(rt, "live"))
			case "kill":
				r.kill()
				r.load(1, modePolicy())
			case "reboot":
				boots++
				r.rebootAs(boots, length.Draw(rt, "up"))
				r.load(1, modePolicy())
			case "lose":
				if r.path != "" {
					r.lose()
				}
				r.kill()
				r.load(1, modePolicy())
			case "wall":
				r.clock.mu.Lock()
				r.clock.wall = rapid.Int64Range(-1e18, 1e18).Draw(rt, "wall")
				r.clock.mu.Unlock()
			case "work":
				if r.Snapshot().Session == nil {
					r.signOn(ann)
				} else {
					r.EndSession(ctx, entry.ReasonOwner, Subject{}, "test")
				}
			case "suspend": // timers are late
				r.clock.jump(length.Draw(rt, "asleep"))
				if m := r.Snapshot().Mode; m != nil && m.Over(r.clock.Boot()) {
					if d, _ := r.ask(fnSale, "1"); d.Mode != entry.ModeEnforce {
						rt.Fatalf("let through after the end: %+v", d)
					}
				}
				check(what)
				r.clock.advance(0)
			case "no journal":
				r.journal.set(func(j *memJournal) { j.err = errJournal })
				live(monitorTick)
				r.journal.set(func(j *memJournal) { j.err = nil })
				if m := r.Snapshot().Mode; m != nil {
					rt.Fatalf("it goes on without a journal: %+v", m)
				}
			}
			check(fmt.Sprint(i, " ", what))
			if spent, _ := r.MonitorTime(); spent > MonitorLimit {
				rt.Fatalf("%v spent", spent)
			}
		}
	})
}

// onlyJournal gives a rig without a state file, for what starts many.
func onlyJournal(t testing.TB) *rig {
	r := &rig{TB: t, clock: &fakeClock{now: time.Hour, boot: bootOne}, journal: &memJournal{}}
	r.open()
	return r
}

// TestModesLeaveDecisionsAlone decides the same requests on a register that
// enforces and on one in a mode, under policies that differ in what is
// protected: outcome, reason and rule are the same, and what may never be let
// through never is.
func TestModesLeaveDecisionsAlone(t *testing.T) {
	never := []string{
		"pos.signon", "pos.unlock.other", "pos.manageroverride", functionMonitor, functionBreakGlass, "backoffice.operator", fnPeople,
		"backoffice.security", "backoffice.security.view",
	}
	rapid.Check(t, func(rt *rapid.T) {
		p := modePolicy()
		var keys []string
		guarded := map[string]bool{}
		for i := range p.Catalogue.Functions {
			f := &p.Catalogue.Functions[i]
			keys = append(keys, f.Key)
			if f.Level > 1 && rapid.IntRange(0, 3).Draw(rt, "attribute") == 0 {
				switch rapid.IntRange(0, 2).Draw(rt, "which") {
				case 0:
					f.Protected, f.Override = true, policy.OverrideNever
				case 1:
					f.StepUp = true
				case 2:
					f.DualControl = true
				}
			}
			guarded[f.Key] = f.Protected || f.StepUp || f.DualControl || slices.Contains(never, f.Key)
		}
		plain, mode := onlyJournal(t), onlyJournal(t)
		defer plain.Close(ctx)
		defer mode.Close(ctx)
		req := rapid.SampledFrom([]ModeRequest{monitor(time.Hour), breakGlass(time.Hour), monitor(time.Hour, fnForce)}).Draw(rt, "mode")
		mode.load(1, modePolicy())
		mode.begin(req)
		plain.load(1, modePolicy())
		for _, r := range []*rig{plain, mode} {
			r.load(2, p)
		}
		who := rapid.SampledFrom([]Subject{ann, lea, limited, refused, {Operator: "9", WorkGroups: []string{"Limited", "NoDrawer"}}}).Draw(rt, "who")
		state := rapid.SampledFrom([]string{"nobody", "signed on", "locked"}).Draw(rt, "state")
		for _, r := range []*rig{plain, mode} {
			if state == "nobody" {
				break
			}
			if _, d, err := r.BeginSession(ctx, who, entry.MethodCard, "msr"); err != nil || d.Mode != entry.ModeEnforce {
				rt.Fatal(d, err)
			}
			if state == "locked" {
				r.Lock(ctx, entry.ReasonIdle, "test")
			}
		}
		locked := state == "locked" && mode.Snapshot().Session != nil // the policy may have refused the sign-on
		for range rapid.IntRange(1, 12).Draw(rt, "requests") {
			q := Request{
				Function: rapid.SampledFrom(append(keys, "pos.nothing")).Draw(rt, "function"), Drawer: rapid.SampledFrom([]string{"", "1"}).Draw(rt, "drawer"),
				NoOverride: true, Source: "test", Method: entry.MethodKick,
			}
			want, _, err := plain.Authorize(ctx, q)
			if err != nil {
				rt.Fatal(err)
			}
			got, gr, err := mode.Authorize(ctx, q)
			if err != nil {
				rt.Fatal(err)
			}
			if got.Outcome != want.Outcome || got.Reason != want.Reason || got.Rule != want.Rule {
				rt.Fatalf("%s, %s: in %v %+v, else %+v", q.Function, state, req.Kind, got, want)
			}
			through := got.Mode != entry.ModeEnforce
			sale := req.Kind == entry.ModeBreakGlass && q.Function == fnSale
			switch {
			case through && got.Outcome == entry.OutcomeAllowed:
				rt.Fatalf("%s: a mode let through what is allowed", q.Function)
			case through && guarded[q.Function] && !sale, through && q.Function == "pos.nothing", through && locked && !sale:
				rt.Fatalf("%s, %s: let through by %v: %+v", q.Function, state, req.Kind, got)
			case through && req.Kind == entry.ModeBreakGlass && !sale:
				rt.Fatalf("%s: break-glass let through what is no sale", q.Function)
			case through && len(req.Functions) > 0 && q.Function != fnForce:
				rt.Fatalf("%s is not monitored", q.Function)
			case (gr != nil) != (got.Effective() && q.Drawer != ""):
				rt.Fatalf("%s: %+v with grant %v", q.Function, got, gr)
			case q.Function == fnSale && sale != through && want.Outcome != entry.OutcomeAllowed && req.Kind == entry.ModeBreakGlass:
				rt.Fatalf("a sale was refused in break-glass: %+v", got)
			}
			if e := mode.journal.all()[got.Seq-1]; e.Mode != got.Mode || e.Outcome != want.Outcome {
				rt.Fatalf("journaled as %+v", e)
			}
		}
		for _, e := range mode.journal.all() {
			if e.Mode != entry.ModeEnforce && e.Kind != entry.KindDecision && !strings.HasPrefix(e.Kind.String(), "mode") && e.Kind != entry.KindLapsed {
				rt.Fatalf("%v has a mode", e.Kind)
			}
		}
	})
}
