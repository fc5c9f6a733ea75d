package policy_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/week"
)

// limits is small with limits of every kind.
func limits() *policy.Policy {
	p := small()
	hours, err := week.ParseHours("mon-fri 08:00-20:00, sat 22:00-02:00")
	if err != nil {
		panic(err)
	}
	p.RegisterGroups = []policy.RegisterGroup{{Name: "service desk", Registers: []string{"9"}}, {Name: "front", Registers: []string{"2", "1"}}}
	p.WorkGroups[0].Marks[1602] = policy.Check
	p.WorkGroups[0].Limits = map[policy.ID]policy.Limit{1602: {Count: 3, Hours: hours, Registers: "front"}}
	p.WorkGroups[1].Limits = map[policy.ID]policy.Limit{1602: {Amount: 5000, Percent: 1250}, 1007: {Amount: 20000}}
	return p
}

// TestInvariantALimitOnlyTakesAway: whatever the policy, the values and the work
// groups: a limit changes no bit of the planes, nothing is within where the marks do
// not allow, and what comes of the limits is what the naive reading says.
func TestInvariantALimitOnlyTakesAway(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := anyPolicy(rt)
		c, err := policy.Compile(p)
		if err != nil {
			rt.Fatal(err)
		}
		bare := *p
		bare.WorkGroups = slices.Clone(p.WorkGroups)
		for n := range bare.WorkGroups {
			bare.WorkGroups[n].Limits = nil
		}
		without, err := policy.Compile(&bare)
		if err != nil {
			rt.Fatal(err)
		}
		n := newNaive(p)
		held := rapid.SliceOfN(rapid.SampledFrom(names(p)), 0, 5).Draw(rt, "held")
		v := anyValues(rt)
		planes, _ := c.Planes(held)
		open, _ := without.Planes(held)
		for _, f := range p.Catalogue.Functions {
			i, _ := c.Lookup(f.Key)
			if planes.Access(i) != open.Access(i) || planes.MayApprove(i) != open.MayApprove(i) {
				rt.Fatalf("%s: a limit changed what the marks give", f.Key)
			}
			m := c.Measure(held, i, v)
			if planes.Access(i) == policy.Allowed && m.Within != n.within(held, f.ID, v) {
				rt.Fatalf("%s: within %v, want %v (%+v)", f.Key, m.Within, n.within(held, f.ID, v), m)
			}
			if m.Within && n.access([]string{m.WorkGroup}, f.ID) != policy.Allowed {
				rt.Fatalf("%s: within a limit of %q, which does not give it", f.Key, m.WorkGroup)
			}
			if planes.Access(i) != policy.Allowed && planes.Limited(i) {
				rt.Fatalf("%s is not allowed, and limited", f.Key)
			}
			if !planes.Limited(i) && planes.Access(i) == policy.Allowed && !c.Measure(held, i, policy.Values{}).Within {
				rt.Fatalf("%s has no limit, and is not within it", f.Key)
			}
			if m.Untold && m.Within || !m.Within && m.Part == policy.LimitNone && m.WorkGroup != "" {
				rt.Fatalf("%s: %+v explains nothing", f.Key, m)
			}
		}
	})
}

// TestInvariantNothingIsWithinUntold: a number that a limit wants and that nobody told
// is within it for no work group that has it.
func TestInvariantNothingIsWithinUntold(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := anyPolicy(rt)
		c, err := policy.Compile(p)
		if err != nil {
			rt.Fatal(err)
		}
		for _, g := range p.WorkGroups {
			for id, l := range g.Limits {
				i, _ := c.LookupID(id)
				if m := c.Measure([]string{g.Name}, i, policy.Values{}); m.Within {
					rt.Fatalf("%q, %d: within %s though nothing was told", g.Name, id, l)
				}
			}
		}
	})
}

// TestInvariantMoreWorkGroupsNeverGiveLess: who is given one more work group, and is
// not refused by it, is within whatever they were within before.
func TestInvariantMoreWorkGroupsNeverGiveLess(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := anyPolicy(rt)
		c, err := policy.Compile(p)
		if err != nil {
			rt.Fatal(err)
		}
		held := rapid.SliceOfN(rapid.SampledFrom(names(p)), 0, 4).Draw(rt, "held")
		more := append(slices.Clone(held), rapid.SampledFrom(names(p)).Draw(rt, "another"))
		v := anyValues(rt)
		before, _ := c.Planes(held)
		after, _ := c.Planes(more)
		for i := range c.Functions() {
			i := policy.Index(i)
			if before.Access(i) != policy.Allowed || after.Access(i) != policy.Allowed {
				continue
			}
			if c.Measure(held, i, v).Within && !c.Measure(more, i, v).Within {
				rt.Fatalf("%s: within for %q, and not for %q", c.Function(i).Key, held, more)
			}
			if !before.Limited(i) && after.Limited(i) {
				rt.Fatalf("%s: without a limit for %q, and not for %q", c.Function(i).Key, held, more)
			}
		}
	})
}

// TestFormatWithoutLimits: a policy that has none keeps the bytes that registers know
// which know no limits, and one that has some is not taken by those.
func TestFormatWithoutLimits(t *testing.T) {
	c := mustCompile(t, small())
	digest := c.Digest()
	if got := hex.EncodeToString(digest[:]); got != "da2c6fe1203f7d7d6b95e5601884d3a03f6408abfbea3cd2b3a8f9872f16751a" {
		t.Errorf("the digest of a policy without limits is %s now", got)
	}
	at := len("twpolicy")
	if v := binary.LittleEndian.Uint16(marshal(t, c)[at:]); v != 1 {
		t.Errorf("format %d without limits", v)
	}
	with := marshal(t, mustCompile(t, limits()))
	if v := binary.LittleEndian.Uint16(with[at:]); v != 2 {
		t.Errorf("format %d with limits", v)
	}
	// The limits cannot be left out by whoever reads: neither as format 1 nor by
	// cutting them off.
	one := bytes.Clone(with)
	binary.LittleEndian.PutUint16(one[at:], 1)
	if _, err := policy.Decode(one); !errors.Is(err, policy.ErrMalformed) {
		t.Errorf("with limits and in format 1: %v", err)
	}
	two := marshal(t, c)
	binary.LittleEndian.PutUint16(two[at:], 2)
	for _, b := range [][]byte{two, append(two, make([]byte, 6)...)} {
		if _, err := policy.Decode(b); !errors.Is(err, policy.ErrMalformed) {
			t.Errorf("in format 2 and without limits: %v", err)
		}
	}
}

// TestDecodeLimitBounds: counts that promise more than there is cost nothing.
func TestDecodeLimitBounds(t *testing.T) {
	p := small()
	c := marshal(t, mustCompile(t, p))
	binary.LittleEndian.PutUint16(c[len("twpolicy"):], 2)
	for _, counts := range []struct {
		groups uint16
		limits uint32
	}{{0xffff, 0}, {policy.MaxRegisterGroups, 0}, {0, 0xffffffff}, {0, policy.MaxLimits}, {1, 1}} {
		b := binary.LittleEndian.AppendUint16(bytes.Clone(c), counts.groups)
		b = binary.LittleEndian.AppendUint32(b, counts.limits)
		if _, err := policy.Decode(b); !errors.Is(err, policy.ErrMalformed) {
			t.Errorf("%+v: %v", counts, err)
		}
	}
}

func TestLimitWords(t *testing.T) {
	c := mustCompile(t, limits())
	i, _ := c.Lookup("pos.drawer.nosale")
	for group, want := range map[string][2]string{
		"Clerk": {
			"count 3, hours mon-fri 08:00-20:00, sat 22:00-02:00, registers front",
			`{"count":3,"hours":"mon-fri 08:00-20:00, sat 22:00-02:00","registers":"front"}`,
		},
		"Boss":  {"amount 5000, percent 12.5", `{"amount":5000,"percent":12.5}`},
		"Guard": {"", `{}`},
	} {
		l := c.Limit(group, i)
		raw, err := json.Marshal(l)
		if err != nil || l.String() != want[0] || string(raw) != want[1] {
			t.Errorf("%s: %q %s %v", group, l, raw, err)
		}
	}
	var words []string
	for p := policy.LimitNone; p <= policy.LimitRegisters; p++ {
		words = append(words, p.String())
	}
	if got := strings.Join(words, " "); got != "none amount percent count hours registers" {
		t.Errorf("the parts are %s", got)
	}
	if got := policy.PercentWords(1205) + " " + policy.PercentWords(100) + " " + policy.PercentWords(5); got != "12.05 1 0.05" {
		t.Errorf("percents are %s", got)
	}
}

// TestDiffOfLimits: a limit that changes is a change of what the work group gives;
// one on what is not given is told of apart, and so are the registers.
func TestDiffOfLimits(t *testing.T) {
	before := mustCompile(t, limits())
	change := func(edit func(p *policy.Policy)) *policy.Difference {
		p := limits()
		edit(p)
		return policy.Diff(before, mustCompile(t, p))
	}
	d := change(func(p *policy.Policy) { p.WorkGroups[0].Limits[1602] = policy.Limit{Count: 4} })
	if len(d.WorkGroups) != 1 || len(d.WorkGroups[0].Changes) != 1 || d.WorkGroups[0].Changes[0].After.Limit.Limit().Count != 4 {
		t.Errorf("another limit: %+v", d.WorkGroups)
	}
	d = change(func(p *policy.Policy) { p.WorkGroups[0].Limits = nil })
	if len(d.WorkGroups) != 1 || !d.WorkGroups[0].Changes[0].After.Limit.IsZero() || d.WorkGroups[0].Changes[0].Before.Limit.Limit().Count != 3 {
		t.Errorf("no limit any more: %+v", d.WorkGroups)
	}
	d = change(func(p *policy.Policy) { p.WorkGroups[0].Limits[1007] = policy.Limit{Amount: 1} })
	if len(d.WorkGroups) != 1 || len(d.WorkGroups[0].Changes) != 0 || len(d.WorkGroups[0].SilentLimits) != 1 || d.Same() {
		t.Errorf("a limit on what is not given: %+v", d.WorkGroups)
	}
	d = change(func(p *policy.Policy) {
		p.RegisterGroups[1].Registers = []string{"1", "2", "3"}
		p.RegisterGroups = append(p.RegisterGroups, policy.RegisterGroup{Name: "back", Registers: []string{"7"}})
	})
	if len(d.RegisterGroups) != 2 || d.RegisterGroups[0].Presence != policy.OnlyNew || len(d.RegisterGroups[1].After) != 3 || d.Same() {
		t.Errorf("other registers: %+v", d.RegisterGroups)
	}
}
