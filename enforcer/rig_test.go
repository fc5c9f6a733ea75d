package enforcer

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeClock is a boot clock that stands until it is moved.
type fakeClock struct {
	mu   sync.Mutex
	now  time.Duration
	boot entry.BootID
	wall int64 // by how much the wall clock was set
	// unsynced: the kernel does not hold the wall clock to be right.
	unsynced bool
	timers   []*fakeTimer
}

type fakeTimer struct {
	at   time.Duration
	f    func()
	done bool
}

func (c *fakeClock) Boot() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) Stamp() entry.Stamp {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := entry.Stamp{Wall: 1e18 + c.wall + int64(c.now), Boot: int64(c.now), BootID: c.boot, Clock: entry.ClockSynchronised}
	if c.unsynced {
		s.Clock = entry.ClockUnsynchronised
	}
	return s
}

func (c *fakeClock) After(d time.Duration, f func()) func() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &fakeTimer{at: c.now + d, f: f}
	c.timers = append(c.timers, t)
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		was := t.done
		t.done = true
		return !was
	}
}

// toTimer gives how long it is to the next timer, at most d.
func (c *fakeClock) toTimer(d time.Duration) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.timers {
		if left := t.at - c.now; !t.done && left > 0 {
			d = min(d, left)
		}
	}
	return d
}

// advance moves the clock, running what is due on the way in the order of time.
func (c *fakeClock) advance(d time.Duration) {
	c.mu.Lock()
	end := c.now + d
	for {
		var next *fakeTimer
		live := c.timers[:0]
		for _, t := range c.timers {
			if t.done {
				continue
			}
			live = append(live, t)
			if t.at <= end && (next == nil || t.at < next.at) {
				next = t
			}
		}
		c.timers = live
		if next == nil {
			break
		}
		next.done = true
		c.now = max(c.now, next.at)
		c.mu.Unlock()
		next.f()
		c.mu.Lock()
	}
	c.now = end
	c.mu.Unlock()
}

// jump moves the clock without running any timer, as a late timer would have it.
func (c *fakeClock) jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now += d
}

// memJournal is a journal in memory that can fail, hang, and be watched.
type memJournal struct {
	mu      sync.Mutex
	entries []entry.Entry
	err     error                    // what Append answers
	torn    bool                     // with err: the entries are written all the same
	hang    bool                     // Append waits for its context
	before  func(es []entry.Entry)   // with no lock held, before the entries are there
	after   func(es []entry.Entry)   // likewise, when they are
	refuse  func(e entry.Entry) bool // fails entries one by one
	reserve bool                     // only what is essential is taken
	given   int                      // entries that Replay gave
}

var errJournal = errors.New("the disk is gone")

func (j *memJournal) Append(ctx context.Context, essential bool, es ...entry.Entry) ([]entry.Seq, error) {
	j.mu.Lock()
	before, after, hang := j.before, j.after, j.hang
	j.mu.Unlock()
	if before != nil {
		before(es)
	}
	if hang {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	j.mu.Lock()
	err := j.err
	if j.reserve && !essential {
		err = errJournal
	}
	if j.refuse != nil && slices.ContainsFunc(es, j.refuse) {
		err = errJournal
	}
	if err != nil && !j.torn {
		j.mu.Unlock()
		return nil, err
	}
	var seqs []entry.Seq
	for _, e := range es {
		e.Seq = entry.Seq(len(j.entries) + 1)
		j.entries = append(j.entries, e)
		seqs = append(seqs, e.Seq)
	}
	j.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if after != nil {
		after(es)
	}
	return seqs, nil
}

func (j *memJournal) Replay(after entry.Seq, f func(entry.Entry) error) error {
	j.mu.Lock()
	es := slices.Clone(j.entries)
	j.mu.Unlock()
	for _, e := range es {
		if e.Seq > after {
			j.given++
			if err := f(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// set changes the journal's behaviour.
func (j *memJournal) set(f func(j *memJournal)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f(j)
}

func (j *memJournal) all() []entry.Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.entries)
}

// function is what an entry is about.
func (j *memJournal) function(seq entry.Seq) string { return j.all()[seq-1].Function }

func (j *memJournal) kind(k entry.Kind) []entry.Entry {
	var es []entry.Entry
	for _, e := range j.all() {
		if e.Kind == k {
			es = append(es, e)
		}
	}
	return es
}

func (j *memJournal) last(t *testing.T, k entry.Kind) entry.Entry {
	t.Helper()
	es := j.kind(k)
	if len(es) == 0 {
		t.Fatalf("the journal has no %v entry", k)
	}
	return es[len(es)-1]
}

// rig is a gate with everything around it.
type rig struct {
	testing.TB
	*Gate
	clock   *fakeClock
	journal *memJournal
	path    string
	// register and zone are those of the next gate.
	register string
	zone     *time.Location
	mu       sync.Mutex
	events   []Event
	reports  []error
	clocked  bool          // a time clock runs
	idle     time.Duration // after which managers fall back
}

var (
	bootOne = entry.BootID{1}
	bootTwo = entry.BootID{2}
	ctx     = context.Background()
)

// newRig gives a gate without a policy, at boot time one hour.
func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{
		TB: t, clock: &fakeClock{now: time.Hour, boot: bootOne}, journal: &memJournal{},
		path: filepath.Join(t.TempDir(), "state.json"),
	}
	r.open()
	t.Cleanup(func() { r.Close(ctx) })
	return r
}

// ready gives a rig with the policy loaded.
func ready(t testing.TB) *rig {
	t.Helper()
	r := newRig(t)
	r.load(1, testPolicy())
	return r
}

func (r *rig) open() {
	r.Helper()
	g, err := NewGate(Options{
		Clock: r.clock, Journal: r.journal, StatePath: r.path, Replay: r.journal.Replay, Register: r.register, Zone: r.zone,
		Events: func(e Event) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.events = append(r.events, e)
		},
		TimeClock: func() bool { return r.clocked }, ManagerIdle: func() time.Duration { return r.idle },
		Report: func(err error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.reports = append(r.reports, err)
		},
	})
	if err != nil {
		r.Fatal(err)
	}
	r.Gate = g
}

// kill drops the gate as SIGKILL would, nothing said, and starts the next.
func (r *rig) kill() {
	r.Helper()
	old := r.Gate
	r.clock.mu.Lock()
	r.clock.timers = nil
	r.clock.mu.Unlock()
	old.cancel()
	r.open()
}

// reboot is kill on a machine that comes up anew.
func (r *rig) reboot() {
	r.clock.mu.Lock()
	r.clock.boot, r.clock.now = bootTwo, time.Minute
	r.clock.mu.Unlock()
	r.kill()
}

func (r *rig) load(epoch uint64, p *policy.Policy) {
	r.Helper()
	if err := r.Load(ctx, compile(r, p), entry.PolicyRef{Epoch: epoch}, "test.bundle"); err != nil {
		r.Fatal(err)
	}
}

func compile(t testing.TB, p *policy.Policy) *policy.Compiled {
	t.Helper()
	c, err := policy.Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (r *rig) signOn(who Subject) *Session {
	r.Helper()
	s, d, err := r.BeginSession(ctx, who, entry.MethodCard, "msr")
	if err != nil || d.Outcome != entry.OutcomeAllowed || s == nil {
		r.Fatalf("sign-on of %s: %v, %v, %v", who.Operator, s, d, err)
	}
	return s
}

func (r *rig) ask(function, drawer string) (Decision, *Grant) {
	r.Helper()
	d, gr, err := r.Authorize(ctx, Request{Function: function, Drawer: drawer, Method: entry.MethodPOS, Source: "test", Purpose: entry.PurposeAsked})
	if err != nil {
		r.Fatalf("authorizing %s: %v", function, err)
	}
	return d, gr
}

// grant gives a grant for drawer 1.
func (r *rig) grant() *Grant {
	r.Helper()
	d, gr := r.ask(fnSale, "1")
	if gr == nil {
		r.Fatalf("no grant: %v", d)
	}
	return gr
}

func (r *rig) redeem(gr *Grant, drawer string) (fired bool, err error) {
	err = r.Redeem(ctx, gr, drawer, func(x Redemption) error {
		fired = x.Valid(drawer)
		return nil
	})
	return fired, err
}

// override announces one for a no-sale and lets the announcement be seen.
func (r *rig) override() entry.Seq {
	r.Helper()
	d, _ := r.ask(fnNoSale, "1")
	if d.Outcome != entry.OutcomeOverrideRequired || d.Override == 0 {
		r.Fatalf("asking for a no-sale: %v, want an override", d)
	}
	r.clock.advance(DefaultAnnounce)
	return d.Override
}

// want fails unless a decision came out as said.
func want(t testing.TB, what string, d Decision, o entry.Outcome, reason entry.Reason) {
	t.Helper()
	if d.Outcome != o || d.Reason != reason {
		t.Errorf("%s: %v (%v), want %v (%v)", what, d.Outcome, d.Reason, o, reason)
	}
}

const (
	fnSale     = "pos.drawer.sale"
	fnNoSale   = "pos.drawer.nosale"
	fnForce    = "pos.drawer.force"
	fnPickup   = "pos.till.pickup"
	fnVariance = "pos.till.variance"
	fnSearch   = "pos.search"
	fnNew      = "pos.new"
	fnDual     = "pos.dual"
	fnNever    = "pos.never"
	fnStep     = "pos.step"
	fnCode     = "pos.code"
	fnWords    = "pos.words"
	fnScope    = "pos.scope"
	fnPeople   = "backoffice.operator.add"
)

// Work groups and operators of the tests. Two operator numbers are one
// person: Ann is a cashier, and a lead under another number.
var (
	ann     = Subject{Operator: "101", Name: "Ann", Person: "p-ann", WorkGroups: []string{"Cashier"}}
	annLead = Subject{Operator: "901", Name: "Ann B.", Person: "p-ann", WorkGroups: []string{"Lead"}}
	bob     = Subject{Operator: "102", Name: "Bob", Person: "p-bob", WorkGroups: []string{"Cashier"}}
	lea     = Subject{Operator: "201", Name: "Lea", Person: "p-lea", WorkGroups: []string{"Lead"}}
	max2    = Subject{Operator: "202", Name: "Max", Person: "p-max", WorkGroups: []string{"Lead"}}
	limited = Subject{Operator: "301", Name: "Lim", Person: "p-lim", WorkGroups: []string{"Limited"}}
	refused = Subject{Operator: "401", Name: "Ref", Person: "p-ref", WorkGroups: []string{"Lead", "NoDrawer"}}
	shut    = Subject{Operator: "501", Name: "Shu", Person: "p-shu", WorkGroups: []string{"Office"}}
	nobody  = Subject{Operator: "601", Name: "Non", Person: "p-non", WorkGroups: []string{"Gone"}}
)

func testPolicy() *policy.Policy {
	fn := func(id policy.ID, key string, f policy.Function) policy.Function {
		f.ID, f.Key, f.Name, f.Since = id, key, "Name of "+key, max(1, f.Since)
		switch {
		case id == 1000 || id == 5000:
			f.Level = 1
		case id < 5000 && (id%100 == 0 || id < 1100):
			f.Level, f.Parent = 2, 1000
		case id%100 == 0:
			f.Level, f.Parent = 2, 5000
		default:
			f.Level, f.Parent = 3, id/100*100
		}
		return f
	}
	over := policy.Function{Override: policy.OverrideManager}
	drawer := policy.Function{Drawer: true}
	both := policy.Function{Drawer: true, Override: policy.OverrideManager}
	check := func(ids ...policy.ID) map[policy.ID]policy.Mark {
		m := map[policy.ID]policy.Mark{}
		for _, id := range ids {
			m[id] = policy.Check
		}
		return m
	}
	cashier := check(1000, 1001, 1600, 1601, 1700, 1701, 1800, 2300)
	for _, id := range []policy.ID{1003, 1005, 1006, 1007, 2703, 1602, 1603, 1703, 1717, 1900, 2100, 2400, 2500, 2600} {
		cashier[id] = policy.Deny
	}
	lead := check(1000, 1001, 1003, 1007, 1600, 1700, 1800, 1900, 2100, 2200, 2300, 2400, 2500, 2600, 5000)
	limited := check(1000, 1001, 1007, 1600, 1800)
	limited[1005], limited[1006], limited[2700] = policy.Deny, policy.Deny, policy.Deny
	limited[1003], limited[1602], limited[2100], limited[2300], limited[2600] = policy.Deny, policy.Deny, policy.Deny, policy.Deny, policy.Deny
	return &policy.Policy{
		Catalogue: policy.Catalogue{Version: 2, Functions: []policy.Function{
			fn(1000, "pos", policy.Function{}), fn(1001, "pos.signon", policy.Function{}),
			fn(1003, "pos.unlock.other", over), fn(1007, "pos.manageroverride", policy.Function{}),
			fn(1005, functionOffClock, policy.Function{}), fn(1006, functionForcedBreak, policy.Function{}),
			fn(2700, "pos.time", policy.Function{}), fn(2701, functionPunch, policy.Function{}), fn(2703, functionEditTime, policy.Function{}),
			fn(1600, "pos.drawer", drawer), fn(1601, fnSale, drawer), fn(1602, fnNoSale, both), fn(1603, fnForce, drawer),
			fn(1700, "pos.till", policy.Function{}), fn(1701, "pos.till.open", both),
			fn(1703, fnPickup, policy.Function{Drawer: true, Accountable: true, Override: policy.OverrideManager}),
			fn(1717, fnVariance, policy.Function{Accountable: true, Override: policy.OverrideManager}),
			fn(1800, fnSearch, policy.Function{}), fn(1900, fnNew, policy.Function{Since: 2, Override: policy.OverrideManager}),
			fn(2100, fnDual, policy.Function{DualControl: true, Drawer: true, Override: policy.OverrideManager}),
			fn(2200, fnNever, policy.Function{DualControl: true}),
			fn(2300, fnStep, policy.Function{StepUp: true, Drawer: true, Override: policy.OverrideManager}),
			fn(2400, fnCode, policy.Function{Reason: policy.ReasonCode, Override: policy.OverrideManager}),
			fn(2500, fnWords, policy.Function{Reason: policy.ReasonText, Override: policy.OverrideManager}),
			fn(2600, fnScope, policy.Function{Transaction: true, Drawer: true, Override: policy.OverrideManager}),
			fn(5000, "backoffice", policy.Function{}), fn(5200, "backoffice.operator", policy.Function{}), fn(5202, fnPeople, policy.Function{}),
		}},
		WorkGroups: []policy.WorkGroup{
			{Name: "Cashier", Reviewed: 2, Marks: cashier},
			{Name: "Lead", Reviewed: 1, Marks: lead},
			{Name: "Limited", Reviewed: 2, Marks: limited},
			{Name: "NoDrawer", Reviewed: 2, Marks: map[policy.ID]policy.Mark{1000: policy.Check, 1600: policy.Refuse}},
			{Name: "Office", Reviewed: 2, Marks: check(5000)},
		},
	}
}

// without gives the policy without a work group.
func without(p *policy.Policy, group string) *policy.Policy {
	p.WorkGroups = slices.DeleteFunc(p.WorkGroups, func(w policy.WorkGroup) bool { return w.Name == group })
	return p
}

// changed gives a policy that differs from the test policy in its bytes.
func changed(n int) *policy.Policy {
	p := testPolicy()
	p.WorkGroups = append(p.WorkGroups, policy.WorkGroup{Name: fmt.Sprintf("Extra %d", n), Reviewed: 1, Marks: map[policy.ID]policy.Mark{}})
	return p
}
