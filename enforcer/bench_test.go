package enforcer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// sized gives a policy of so many work groups and functions, with marks
// strewn over it, the same for the same size.
func sized(b *testing.B, groups, functions int) *policy.Compiled {
	b.Helper()
	rnd := rand.New(rand.NewPCG(uint64(groups), uint64(functions)))
	p := &policy.Policy{Catalogue: policy.Catalogue{Version: 1, Functions: []policy.Function{
		{ID: 1, Key: "pos", Name: "POS", Level: 1, Since: 1},
		{ID: 2, Key: "pos.signon", Name: "SignOn", Level: 2, Parent: 1, Since: 1},
		{ID: 3, Key: fnSale, Name: "Sale", Level: 2, Parent: 1, Since: 1, Drawer: true},
	}}}
	application := policy.ID(0)
	for i := len(p.Catalogue.Functions); i < functions; i++ {
		f := policy.Function{ID: policy.ID(i + 1), Key: fmt.Sprintf("pos.f%d", i), Name: fmt.Sprintf("Function %d", i), Since: 1, Level: 3, Parent: application}
		if i%20 == 3 {
			f.Level, f.Parent, application = 2, 1, f.ID
		} else if i%3 == 0 {
			f.Override = policy.OverrideManager
		}
		p.Catalogue.Functions = append(p.Catalogue.Functions, f)
	}
	for g := range groups {
		marks := map[policy.ID]policy.Mark{1: policy.Check, 2: policy.Check, 3: policy.Check}
		for i := 3; i < functions; i++ {
			if m := rnd.IntN(6); m < 2 {
				marks[policy.ID(i+1)] = []policy.Mark{policy.Check, policy.Deny}[m]
			}
		}
		p.WorkGroups = append(p.WorkGroups, policy.WorkGroup{Name: fmt.Sprintf("Group %d", g), Reviewed: 1, Marks: marks})
	}
	c, err := policy.Compile(p)
	if err != nil {
		b.Fatal(err)
	}
	return c
}

var sink atomic.Uint64

// BenchmarkDecide measures Decide beside its floor, an indexed bit test in a
// []uint64 over the same questions, in turns within one run; x-floor is the
// ratio of the two.
func BenchmarkDecide(b *testing.B) {
	for _, size := range []struct{ groups, functions int }{{15, 200}, {1000, 5000}} {
		b.Run(fmt.Sprintf("%dx%d", size.groups, size.functions), func(b *testing.B) {
			c := sized(b, size.groups, size.functions)
			planes, _ := c.Planes([]string{"Group 1", "Group 7"})
			bits := make([]uint64, (size.functions+63)/64)
			for i := range size.functions {
				if planes.Access(policy.Index(i)) == policy.Allowed {
					bits[i/64] |= 1 << (i % 64)
				}
			}
			const questions = 4096
			asked := make([]policy.Index, questions)
			rnd := rand.New(rand.NewPCG(1, 2))
			for i := range asked {
				asked[i] = policy.Index(rnd.IntN(size.functions))
			}
			inContext := Context(asked[0] | 0xff) // not a constant: the compiler must not drop the test
			var subject, floor time.Duration
			var allowed, set uint64
			b.ReportAllocs()
			b.ResetTimer()
			rounds := 0
			for done := 0; done < b.N; done += questions {
				rounds++
				start := time.Now()
				allowed += decideAll(planes, asked, inContext)
				middle := time.Now()
				set += testAll(bits, asked)
				subject += middle.Sub(start)
				floor += time.Since(middle)
			}
			if allowed != set {
				b.Fatalf("Decide allows %d, the bits %d", allowed, set)
			}
			sink.Add(allowed)
			per := float64(rounds) * questions
			b.ReportMetric(float64(subject.Nanoseconds())/per, "ns/op")
			b.ReportMetric(float64(floor.Nanoseconds())/per, "floor-ns")
			b.ReportMetric(float64(subject)/float64(floor), "x-floor")
		})
	}
}

// decideAll and testAll are the two loops that are compared, each in a
// function of its own so that neither suffers from what surrounds it.
//
//go:noinline
func decideAll(planes *policy.Planes, asked []policy.Index, c Context) (allowed uint64) {
	for _, i := range asked {
		if Decide(planes, i, c) == codeAllowed {
			allowed++
		}
	}
	return allowed
}

//go:noinline
func testAll(bits []uint64, asked []policy.Index) (set uint64) {
	for _, i := range asked {
		if bits[i/64]>>(i%64)&1 != 0 {
			set++
		}
	}
	return set
}

// nullJournal takes everything and keeps nothing.
type nullJournal struct{ seq atomic.Uint64 }

func (j *nullJournal) Append(_ context.Context, _ bool, es ...entry.Entry) ([]entry.Seq, error) {
	seqs := make([]entry.Seq, len(es))
	for i := range es {
		seqs[i] = entry.Seq(j.seq.Add(1))
	}
	return seqs, nil
}

// BenchmarkAuthorize measures what a decision costs apart from the journal.
func BenchmarkAuthorize(b *testing.B) {
	for _, size := range []struct{ groups, functions int }{{15, 200}, {1000, 5000}} {
		c := sized(b, size.groups, size.functions)
		g, err := NewGate(Options{Clock: newRealClock(), Journal: new(nullJournal)})
		if err != nil {
			b.Fatal(err)
		}
		if err := g.Load(ctx, c, entry.PolicyRef{Epoch: 1}, "bench"); err != nil {
			b.Fatal(err)
		}
		who := Subject{Operator: "1", Person: "p", WorkGroups: []string{"Group 1", "Group 7"}}
		if _, d, err := g.BeginSession(ctx, who, entry.MethodCard, "bench"); err != nil || d.Outcome != entry.OutcomeAllowed {
			b.Fatal(d, err)
		}
		name := fmt.Sprintf("%dx%d", size.groups, size.functions)
		b.Run("no-drawer/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := g.Authorize(ctx, Request{Function: fnSale, Source: "bench"}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("drawer-and-redeem/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, gr, err := g.Authorize(ctx, Request{Function: fnSale, Drawer: "1", Source: "bench"})
				if err != nil {
					b.Fatal(err)
				}
				if err := g.Redeem(ctx, gr, "1", func(Redemption) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
		if err := g.Close(ctx); err != nil {
			b.Fatal(err)
		}
	}
}
