package simulate_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/simulate"
	"tillwarden/enforcer/week"
)

// clock is a boot clock that goes on by two seconds whenever it is looked at, so
// that an override was announced for long enough when it is answered.
type clock struct {
	mu   sync.Mutex
	now  time.Duration
	set  time.Duration // by how much somebody set the wall clock
	sure bool          // the kernel holds it to be synchronised
}

// at sets it.
func (c *clock) at(set time.Duration, sure bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set, c.sure = set, sure
}

func (c *clock) Boot() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now += 2 * time.Second
	return c.now
}

func (c *clock) Stamp() entry.Stamp {
	now := c.Boot()
	c.mu.Lock()
	defer c.mu.Unlock()
	s := entry.Stamp{Wall: 1_750_000_000e9 + int64(now+c.set), Boot: int64(now), BootID: entry.BootID{1}, Clock: entry.ClockUnsynchronised}
	if c.sure {
		s.Clock = entry.ClockSynchronised
	}
	return s
}

func (c *clock) After(time.Duration, func()) func() bool { return func() bool { return true } }

// memory is a journal in memory.
type memory struct {
	clock   *clock
	mu      sync.Mutex
	entries []entry.Entry
}

func (m *memory) Append(_ context.Context, _ bool, es ...entry.Entry) (seqs []entry.Seq, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range es {
		e.Seq, e.Stamp = entry.Seq(len(m.entries)+1), m.clock.Stamp()
		m.entries = append(m.entries, e)
		seqs = append(seqs, e.Seq)
	}
	return seqs, nil
}

// register is a gate with a policy, and what it wrote.
type register struct {
	*enforcer.Gate
	*memory
}

func newRegister(t *rapid.T, p *policy.Compiled) register {
	m := &memory{clock: &clock{}}
	g, err := enforcer.NewGate(enforcer.Options{Clock: m.clock, Journal: m, OverrideTTL: time.Hour, Zone: time.UTC, Register: "1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Load(context.Background(), p, entry.PolicyRef{Epoch: 1, Digest: p.Digest()}, "test"); err != nil {
		t.Fatal(err)
	}
	return register{g, m}
}

// act is something that somebody does at a register.
type act struct {
	who      enforcer.Subject
	method   entry.Method
	permit   string // a function outside a session, or empty
	asks     []ask
	approver enforcer.Subject // answers the overrides, or nobody
	set      time.Duration
	sure     bool
}

// ask is one action in a session.
type ask struct {
	function, drawer string
	told             *entry.Told
}

// do does it, each act in a session of its own.
func (r register) do(t *rapid.T, a act) {
	ctx := context.Background()
	r.clock.at(a.set, a.sure)
	if a.permit != "" {
		if _, err := r.Permit(ctx, a.who, a.permit, a.method, "test", ""); err != nil {
			t.Fatal(err)
		}
		return
	}
	s, _, err := r.BeginSession(ctx, a.who, a.method, "test")
	if err != nil {
		t.Fatal(err)
	}
	if s == nil {
		return
	}
	for _, x := range a.asks {
		d, _, err := r.Authorize(ctx, enforcer.Request{Function: x.function, Drawer: x.drawer, Told: x.told, Method: entry.MethodPOS, Source: "test", Session: s.ID})
		if err != nil {
			t.Fatal(err)
		}
		if d.Override == 0 {
			continue
		}
		if a.approver.Operator != "" {
			if d, err = r.Approve(ctx, d.Override, enforcer.Approver{Subject: a.approver, Method: entry.MethodCardPIN, Source: "test"}); err != nil {
				t.Fatal(err)
			}
		}
		if d.Outcome != entry.OutcomeAllowed {
			if err := r.Cancel(ctx, d.Override, "test"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := r.EndSession(ctx, entry.ReasonOwner, enforcer.Subject{}, "test"); err != nil {
		t.Fatal(err)
	}
}

var groupNames = []string{"A", "B", "C"}

// somePolicy has a few functions with all that the gate looks at, and three work groups.
func somePolicy(t *rapid.T, what string) *policy.Compiled {
	yes := func(name string) bool { return rapid.Bool().Draw(t, what+" "+name) }
	p := &policy.Policy{RegisterGroups: []policy.RegisterGroup{{Name: "Ours", Registers: []string{"1"}}, {Name: "Others", Registers: []string{"2"}}}, Catalogue: policy.Catalogue{Version: 2, Functions: []policy.Function{
		{ID: 1000, Key: "pos", Name: "POS", Since: 1},
		{ID: 1001, Key: "pos.signon", Name: "Sign on", Parent: 1000, Since: 1, StepUp: yes("signon step-up")},
		{ID: 1007, Key: policy.KeyManagerOverride, Name: "Manager Override", Parent: 1000, Since: 1},
		{ID: 1600, Key: "pos.drawer", Name: "Drawer", Parent: 1000, Since: 1},
	}}}
	for i := range policy.ID(4) {
		f := policy.Function{ID: 1601 + i, Parent: 1600, Since: 1, Drawer: yes("drawer")}
		f.Key, f.Name = fmt.Sprintf("pos.drawer.f%c", 'a'+i), fmt.Sprintf("Function %d", i)
		if yes("overridable") {
			f.Override = policy.OverrideManager
		}
		f.DualControl, f.StepUp = rapid.IntRange(0, 3).Draw(t, what+" dual") == 0, rapid.IntRange(0, 3).Draw(t, what+" step-up") == 0
		if yes("newer") {
			f.Since = 2
		}
		if i < 3 || yes("has the last one") {
			p.Catalogue.Functions = append(p.Catalogue.Functions, f)
		}
	}
	for _, name := range groupNames[:rapid.IntRange(1, len(groupNames)).Draw(t, what+" groups")] {
		g := policy.WorkGroup{Name: name, Reviewed: uint32(rapid.IntRange(1, 2).Draw(t, what+" reviewed")), Marks: map[policy.ID]policy.Mark{1000: policy.Check}}
		for _, f := range p.Catalogue.Functions[1:] {
			g.Marks[f.ID] = rapid.SampledFrom([]policy.Mark{policy.Blank, policy.Check, policy.Check, policy.Deny, policy.Refuse}).Draw(t, what+" mark")
		}
		g.Limits = map[policy.ID]policy.Limit{}
		for _, f := range p.Catalogue.Functions[2:] {
			if yes("limited") {
				g.Limits[f.ID] = someLimit(t)
			}
		}
		// Each act is in a session, so that two registers are asked the same.
		g.Marks[1001] = policy.Check
		p.WorkGroups = append(p.WorkGroups, g)
	}
	c, err := policy.Compile(p)
	if err != nil {
		t.Skip(err) // a refusal above a check
	}
	return c
}

func someLimit(t *rapid.T) policy.Limit {
	l := policy.Limit{}
	switch rapid.IntRange(0, 5).Draw(t, "kind of limit") {
	case 0:
		l.Amount = 500
	case 1:
		l.Percent = 1000
	case 2:
		l.Registers = rapid.SampledFrom([]string{"Ours", "Others"}).Draw(t, "registers")
	case 3:
		l.Hours, _ = week.ParseHours("sun 14:00-18:00") // the clock begins on a Sunday at 15:06
	case 4:
		l.Amount, l.Count = 700, 3
	default:
		l.Count = uint32(rapid.IntRange(1, 3).Draw(t, "count"))
	}
	return l
}

// someActs are acts; in some, if untold, the POS tells nothing.
func someActs(t *rapid.T, untold bool) []act {
	var subjects []enforcer.Subject
	for n := range 4 {
		groups := rapid.SliceOfNDistinct(rapid.SampledFrom(groupNames), 1, 3, rapid.ID).Draw(t, "work groups")
		subjects = append(subjects, enforcer.Subject{Operator: fmt.Sprint(n), Person: fmt.Sprint("p", n), WorkGroups: groups})
	}
	subject := rapid.SampledFrom(subjects)
	number := func(t *rapid.T, what string, most uint64) *uint64 {
		n := rapid.Uint64Range(0, most).Draw(t, what)
		return &n
	}
	asks := rapid.Custom(func(t *rapid.T) ask {
		a := ask{
			function: rapid.SampledFrom(functions).Draw(t, "function"), drawer: rapid.SampledFrom([]string{"", "till"}).Draw(t, "drawer"),
			told: &entry.Told{Amount: number(t, "amount", 1000), Percent: number(t, "percent", 2000)},
		}
		if rapid.Bool().Draw(t, "counted") {
			a.told.Count = number(t, "count", 2)
		}
		if untold && rapid.IntRange(0, 3).Draw(t, "untold") == 0 {
			a.told = nil
		}
		return a
	})
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) act {
		a := act{
			who: subject.Draw(t, "who"), approver: subject.Draw(t, "approver"), asks: rapid.SliceOfN(asks, 1, 6).Draw(t, "asks"),
			method: rapid.SampledFrom([]entry.Method{entry.MethodCard, entry.MethodCardPIN}).Draw(t, "method"),
			set:    time.Duration(rapid.SampledFrom([]int{0, 0, -4, 4}).Draw(t, "set")) * time.Hour, sure: rapid.Bool().Draw(t, "synchronised"),
		}
		if rapid.IntRange(0, 2).Draw(t, "permit") == 0 {
			a.permit = rapid.SampledFrom(functions).Draw(t, "function")
		}
		return a
	}), 1, 20).Draw(t, "acts")
}

var functions = []string{"pos.drawer", "pos.drawer.fa", "pos.drawer.fb", "pos.drawer.fc", "pos.drawer.fd", "pos.none", "x1"}

func simulated(p *policy.Compiled, es []entry.Entry) *simulate.Result {
	s := simulate.New(p, time.UTC)
	s.Register("1")
	for i := range es {
		s.Add(&es[i])
	}
	return s.Result()
}

// sums says what a result adds up to.
func sums(r *simulate.Result) (all int64) {
	all = r.Same + r.Otherwise + r.ByState + r.Unasked
	for _, n := range r.NotDecidable {
		all += n
	}
	return all
}

// Simulated under the policy that decided, every decision of a gate comes out as
// it did, approvals included.
func TestUnderItsOwnPolicyNothingChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := somePolicy(t, "policy")
		r := newRegister(t, p)
		defer r.Close(context.Background())
		for _, a := range someActs(t, true) {
			r.do(t, a)
		}
		got := simulated(p, r.entries)
		if got.Otherwise != 0 || len(got.Changes) != 0 || sums(got) != got.Decisions || got.Same == 0 && got.NotDecidable[simulate.UnknownFunction] == 0 {
			t.Fatalf("%+v", got)
		}
		for why := range got.NotDecidable {
			if why != simulate.UnknownFunction && why != simulate.UnknownApprover && why != simulate.UnsureClock {
				t.Fatalf("not decidable: %s", why)
			}
		}
	})
}

// What a simulation says is what a gate with the new policy answers, asked the same.
func TestSimulationIsTheGatesAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, after := somePolicy(t, "before"), somePolicy(t, "after")
		a, b := newRegister(t, before), newRegister(t, after)
		defer a.Close(context.Background())
		defer b.Close(context.Background())
		for _, x := range someActs(t, false) {
			// What is not asked for again, or not decidable, cannot be compared.
			x.approver, x.sure = enforcer.Subject{}, true
			if x.permit == "" && !slices.ContainsFunc(x.who.WorkGroups, func(g string) bool { return g == "A" }) {
				x.who.WorkGroups = slices.Concat(x.who.WorkGroups, []string{"A"}) // which both have, so that the session begins
			}
			if f, ok := before.Lookup("pos.signon"); ok && before.Function(f).StepUp {
				x.method = entry.MethodCardPIN
			}
			if f, ok := after.Lookup("pos.signon"); ok && after.Function(f).StepUp {
				x.method = entry.MethodCardPIN
			}
			a.do(t, x)
			b.do(t, x)
		}
		type way struct {
			operator, function string
			was, would         string
		}
		outcome := map[entry.Outcome]string{entry.OutcomeAllowed: "allow", entry.OutcomeOverrideRequired: "override", entry.OutcomeDenied: "deny"}
		want := map[way]int64{}
		decisions := func(r register) (list []entry.Entry) {
			for _, e := range r.entries {
				if e.Kind == entry.KindDecision || e.Kind == entry.KindSignOn {
					list = append(list, e)
				}
			}
			return list
		}
		was, would := decisions(a), decisions(b)
		if len(was) != len(would) {
			t.Fatalf("one register decided %d, the other %d", len(was), len(would))
		}
		for i := range was {
			if was[i].Outcome != would[i].Outcome && was[i].Function != "unknown" {
				want[way{was[i].Operator, was[i].Function, outcome[was[i].Outcome], outcome[would[i].Outcome]}]++
			}
		}
		got := map[way]int64{}
		r := simulated(after, a.entries)
		for _, c := range r.Changes {
			got[way{c.Operator, c.Function, c.Was.String(), c.Would.String()}] += c.Count
		}
		if len(got) != len(want) {
			t.Fatalf("got %v\nwant %v", got, want)
		}
		for k, n := range want {
			if got[k] != n {
				t.Fatalf("%+v: got %d, want %d", k, got[k], n)
			}
		}
		if sums(r) != r.Decisions {
			t.Fatalf("it does not add up: %+v", r)
		}
	})
}
