package daemon

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/enforcer"
	"tillwarden/enforcer/journal"
	"tillwarden/enforcer/journal/entry"
)

// deviceBoard is what is known of each device.
type deviceBoard struct {
	mu  sync.Mutex
	all map[string]*api.Device // guarded by mu
}

func (b *deviceBoard) add(name, kind, path string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all == nil {
		b.all = map[string]*api.Device{}
	}
	b.all[name] = &api.Device{Name: name, Kind: kind, Path: path, State: "down", Problem: "it was not found yet"}
}

func (b *deviceBoard) set(name, state, problem string, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if d := b.all[name]; d != nil {
		if d.State != state {
			d.Since = &at
		}
		d.State, d.Problem = state, problem
	}
}

func (b *deviceBoard) list() []api.Device {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]api.Device, 0, len(b.all))
	for _, d := range b.all {
		list = append(list, *d)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}

// Status is the register at this moment.
func (d *Daemon) Status(_ context.Context, c api.Caller) (*api.Status, error) {
	s := d.gate.Snapshot()
	conf := d.config()
	w := &api.Status{
		Version: d.opt.Version, Chain: conf.Chain, Store: conf.Store, Register: conf.Register, Enforcing: true,
		Started: d.started, Uptime: (d.clock.Boot() - d.began).Seconds(), Policy: policyStatus(s, false), Session: sessionStatus(s, c),
		Override: d.overrideStatus(s, c), Clock: clockState().String(), Drawers: d.drawerStatus(), Problems: d.allProblems(),
		Busy: d.busy(s),
	}
	if m := d.modeStatus(s, c); m.Mode != entry.ModeEnforce.String() {
		w.Enforcing, w.Mode = false, &m
	}
	w.State = "ready"
	if len(w.Problems) > 0 {
		w.State = "degraded"
	}
	if c.Role != api.RolePOS {
		w.Journal = d.journalStatus()
		w.Devices = d.deviceStatus()
		if n, err := d.roster.Count(); err == nil {
			w.Operators = &n
		}
		w.Keys, _ = d.keys.shelf.status()
	}
	return w, nil
}

// busy says what is under way at the register that a restart of the daemon would
// come in between of. The session and a pending override go on after one, and
// what is half printed is printed to its end; the people would notice it still.
func (d *Daemon) busy(s *enforcer.Snapshot) (list []string) {
	switch o := s.Override; {
	case o == nil:
	case o.StepUp:
		list = append(list, "an action waits for the own PIN of operator "+o.Requester)
	default:
		list = append(list, "an override waits for a second person")
	}
	if d.pin.waits() {
		list = append(list, "a card waits for its PIN")
	}
	for _, u := range d.printers {
		if u.guard.Status().Busy {
			list = append(list, "printer "+u.name+" prints")
		}
	}
	return list
}

// allProblems says in words what is missing.
func (d *Daemon) allProblems() []string {
	problems := []string{}
	d.problemsMu.Lock()
	for part, what := range d.problems {
		problems = append(problems, part+": "+what)
	}
	d.problemsMu.Unlock()
	if _, problem := d.keys.shelf.status(); problem != "" {
		problems = append(problems, problem)
	}
	if stuck := d.stuck.Load(); stuck != nil {
		problems = append(problems, *stuck)
	}
	if err := d.journal.Trouble(); err != nil {
		problems = append(problems, "journal: "+err.Error())
	}
	if state := d.journal.Space().State; state != journal.SpaceOK {
		problems = append(problems, "journal: its space is at "+state.String())
	}
	if d.gate.Snapshot().Policy == nil {
		problems = append(problems, "no policy is loaded: everything is denied")
	}
	for _, dev := range d.deviceStatus() {
		if dev.State != "up" || dev.Problem != "" {
			problems = append(problems, fmt.Sprintf("%s %s is %s: %s", dev.Kind, dev.Name, dev.State, dev.Problem))
		}
	}
	sort.Strings(problems)
	return problems
}

// statusLine is what `systemctl status` shows.
func (d *Daemon) statusLine() string {
	s := d.gate.Snapshot()
	line := "no policy is loaded"
	if s.Policy != nil {
		line = fmt.Sprintf("policy epoch %d", s.Ref.Epoch)
	}
	if m := s.Mode; m != nil && !m.Over(d.clock.Boot()) {
		line = fmt.Sprintf("%s until about %s, %s", strings.ToUpper(sayMode(m.Kind)), d.clock.wallOf(m.Until).Local().Format("Mon 15:04"), line)
	}
	if n := len(d.allProblems()); n > 0 {
		line += fmt.Sprintf(", %d problems (tillwarden status)", n)
	}
	return line
}

// Devices lists the devices.
func (d *Daemon) Devices(context.Context, api.Caller) (*api.Devices, error) {
	return &api.Devices{Devices: d.deviceStatus()}, nil
}

// Drawers lists the drawers.
func (d *Daemon) Drawers(context.Context, api.Caller) (*api.Drawers, error) {
	return &api.Drawers{Drawers: d.drawerStatus()}, nil
}

func (b *deviceBoard) state(name string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if d := b.all[name]; d != nil {
		return d.State
	}
	return ""
}
